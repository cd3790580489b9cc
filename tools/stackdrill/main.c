/*
 * main.c - stackdrill: reads scripts and runs each against a fresh host in virtual time.
 *
 * Options are those of the language (`--mtu=1400`), by the same names as in a script's head; the
 * command line wins over the head. A few more belong to the program itself, see main_help.
 */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "run.h"

enum { EXIT_USAGE = 1, EXIT_REFUSED = 2 };

static const char main_help[] =
    "Usage: stackdrill [OPTION...] SCRIPT...\n"
    "Runs scripts in packetdrill's language against the stack, in virtual time.\n\n"
    "      --dry_run            only read the scripts: syntax and ranges\n"
    "      --print              print each script as it was understood; runs nothing\n"
    "  -j, --jobs=N             run N scripts at once\n"
    "      --format=FORMAT      text, tap or junit\n"
    "      --pcap=FILE          write the run as an annotated capture; one script\n"
    "      --trace=FILE         write the host's events, one JSON object a line; one script\n"
    "      --verbose            each event as it happens; twice: the host's events, too\n"
    "      --lax=WHAT,...       do not check checksum, payload, ecr, silence, leak,\n"
    "                           arrows; nor where PSH stands: push\n"
    "      --settings=FILE      NAME=VALUE lines with Linux's names, # comments: what every\n"
    "                           script begins with\n"
    "      --near_wrap          sequence numbers of both sides begin just below 2^32\n"
    "      --ignore_commands    go on without the commands in backticks, and without the\n"
    "                           lines of FILE, that are not known\n"
    "      --list_settings      sysctls and socket options of Linux that we know\n"
    "  -D, --define=NAME=VALUE  a symbol of the scripts\n"
    "      --NAME[=VALUE]       any option that a script may have at its head\n"
    "  -h, --help               this text\n"
    "      --version            the version\n\n"
    "SCRIPT may be - for standard input, or a folder of *.pkt. Exit status: 0 all scripts hold, 1 "
    "one does not or "
    "cannot\n"
    "be read, or wrong usage.\n";

struct main_setting {
    const char *name, *value;
};

struct main_args {
    bool dry_run, print, list_settings;
    unsigned jobs;
    enum batch_format format;
    const char *pcap, *trace, *settings_file;
    struct script_define *defines;
    struct main_setting *settings;
    char **files;
    size_t define_count, setting_count, file_count;
};

static bool main_wrong(const char *what, const char *option)
{
    fprintf(stderr, "stackdrill: %s: %s: try --help\n", option, what);
    return false;
}

/* NAME=VALUE in place: the text is of argv and lives as long as the program. */
static bool main_define(struct main_args *a, char *text)
{
    char *equals = text != NULL ? strchr(text, '=') : NULL;

    if (equals == NULL)
        return main_wrong("no definition, write NAME=VALUE", "--define");
    *equals = '\0';
    a->defines[a->define_count++] = (struct script_define){text, equals + 1};
    return true;
}

/* Options that belong to the program. Return: whether @name is one; *@wrong if its value is not. */
static bool main_own_option(struct main_args *a, const char *name, const char *value,
                            const char **wrong)
{
    static const char *const formats[] = {"text", "tap", "junit"};

    if (strcmp(name, "dry_run") == 0) {
        a->dry_run = true;
    } else if (strcmp(name, "print") == 0) {
        a->print = true;
    } else if (strcmp(name, "list_settings") == 0) {
        a->list_settings = true;
    } else if (strcmp(name, "pcap") == 0 || strcmp(name, "trace") == 0) {
        *(name[0] == 'p' ? &a->pcap : &a->trace) = value;
        *wrong = value == NULL || *value == '\0' ? "a file belongs here" : NULL;
    } else if (strcmp(name, "settings") == 0) {
        a->settings_file = value;
        *wrong = value == NULL || *value == '\0' ? "a file belongs here" : NULL;
    } else if (strcmp(name, "jobs") == 0) {
        a->jobs = value != NULL ? (unsigned)strtoul(value, NULL, 10) : 0;
        *wrong = a->jobs == 0 || a->jobs > 64 ? "a number from 1 to 64 belongs here" : NULL;
    } else if (strcmp(name, "format") == 0) {
        *wrong = "text, tap and junit are the formats";
        for (unsigned i = 0; value != NULL && i < ARRAY_LEN(formats); i++) {
            if (strcmp(formats[i], value) == 0) {
                a->format = (enum batch_format)i;
                *wrong = NULL;
            }
        }
    } else {
        return false;
    }
    return true;
}

static bool main_option(struct main_args *a, char *name)
{
    struct run_options ignored;
    char *equals = strchr(name, '=');
    char *value = equals != NULL ? equals + 1 : NULL;
    const char *wrong = NULL;

    if (equals != NULL)
        *equals = '\0';
    if (strcmp(name, "define") == 0)
        return main_define(a, value);
    if (main_own_option(a, name, value, &wrong))
        return wrong == NULL || main_wrong(wrong, name);
    run_options_default(&ignored);
    wrong = run_option(&ignored, name, value);
    a->settings[a->setting_count++] = (struct main_setting){name, value};
    return wrong == NULL || main_wrong(wrong, name);
}

/* Return: false for a wrong command line; *@done: nothing is left to do. */
static bool main_args(struct main_args *a, int argc, char **argv, bool *done)
{
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];

        if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
            fputs(main_help, stdout);
            *done = true;
            return true;
        }
        if (strcmp(arg, "--version") == 0) {
            puts("stackdrill " STACKD_VERSION);
            *done = true;
            return true;
        }
        if (strncmp(arg, "-j", 2) == 0) {
            const char *wrong = NULL;

            main_own_option(a, "jobs",
                            arg[2] != '\0' ? arg + 2
                            : i + 1 < argc ? argv[++i]
                                           : NULL,
                            &wrong);
            if (wrong != NULL)
                return main_wrong(wrong, "-j");
        } else if (strncmp(arg, "-D", 2) == 0) {
            if (!main_define(a, arg[2] != '\0' ? arg + 2 : i + 1 < argc ? argv[++i] : NULL))
                return false;
        } else if (strncmp(arg, "--", 2) == 0 && arg[2] != '\0') {
            if (!main_option(a, arg + 2))
                return false;
        } else if (arg[0] == '-' && arg[1] != '\0') {
            return main_wrong("no such option", arg);
        } else {
            if (!batch_files(arg, &a->files, &a->file_count))
                return false;
        }
    }
    if (a->list_settings) {
        settings_list(stdout);
        *done = true;
        return true;
    }
    if ((a->pcap != NULL || a->trace != NULL) && a->file_count > 1)
        return main_wrong("one script at a time can be recorded", "--pcap, --trace");
    return a->file_count > 0 || main_wrong("no script is given", "SCRIPT");
}

/* The head's options, then those of the command line. */
static bool main_settings(const struct main_args *a, const struct script *s, struct run_options *o,
                          char **message)
{
    run_options_default(o);
    for (size_t i = 0; i < s->option_count; i++) {
        const struct script_option *h = &s->options[i];
        const char *wrong = NULL;

        if (strcmp(h->name, "define") != 0)
            wrong = run_option(o, h->name, h->value);
        if (wrong == NULL)
            continue;
        if (asprintf(message, "%s:%u:1: option --%s: %s\n", s->file, h->line, h->name, wrong) < 0)
            *message = NULL;
        return false;
    }
    for (size_t i = 0; i < a->setting_count; i++)
        run_option(o, a->settings[i].name, a->settings[i].value); /* was checked before */
    o->pcap = a->pcap;
    o->trace = a->trace;
    o->settings = a->settings_file;
    return true;
}

static bool main_script(void *ctx, const char *file, char **message)
{
    const struct main_args *a = ctx;
    char error[SCRIPT_ERROR_MAX];
    struct script *s = script_load(file, a->defines, a->define_count, error);
    struct run_options o;

    *message = NULL;
    if (s == NULL) {
        if (asprintf(message, "%s\n", error) < 0)
            *message = NULL;
        return false;
    }
    bool ok = main_settings(a, s, &o, message);

    if (a->print)
        script_print(s, stdout);
    else if (ok && !a->dry_run && !o.dry_run)
        ok = run_script(s, &o, message);
    script_free(s);
    return ok;
}

static void main_skipped(const char *path, unsigned number, const char *line, const char *why)
{
    (void)path;
    (void)number;
    (void)line;
    (void)why;
}

/* The file of --settings, before anything runs. */
static bool main_settings_file(const struct main_args *a)
{
    settings_tell *tell = NULL;
    struct tcp_config cfg;
    char err[512];

    for (size_t i = 0; i < a->setting_count; i++) {
        if (strcmp(a->settings[i].name, "ignore_commands") == 0)
            tell = main_skipped;
    }
    tcp_config_default(&cfg);
    if (a->settings_file == NULL || settings_file(&cfg, a->settings_file, tell, err, sizeof(err)))
        return true;
    fprintf(stderr, "stackdrill: %s\n", err);
    return false;
}

static int main_run(struct main_args *a)
{
    struct batch_result *results = calloc(a->file_count, sizeof(*results));
    const char *const *files = (const char *const *)a->files;
    bool ok;

    if (results == NULL) {
        fputs("stackdrill: no memory left: free some\n", stderr);
        return EXIT_REFUSED;
    }
    ok = batch_run(files, a->file_count, a->jobs, main_script, a, results);
    batch_tell(a->format, files, results, a->file_count);
    batch_free(results, a->file_count);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct main_args a = {.jobs = 1};
    const size_t room = (size_t)argc + 1;
    bool done = false;
    int status = EXIT_SUCCESS;

    a.defines = calloc(room, sizeof(*a.defines));
    a.settings = calloc(room, sizeof(*a.settings));
    if (a.defines == NULL || a.settings == NULL) {
        fputs("stackdrill: no memory left: free some\n", stderr);
        return EXIT_REFUSED;
    }
    if (!main_args(&a, argc, argv, &done))
        status = EXIT_USAGE;
    else if (!done)
        status = main_settings_file(&a) ? main_run(&a) : EXIT_USAGE;
    free(a.defines);
    free(a.settings);
    for (size_t i = 0; i < a.file_count; i++)
        free(a.files[i]);
    free(a.files);
    return status;
}
