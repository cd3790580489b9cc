/*
 * main.c - the command line, and the loop that hands frames from the source to the command.
 *
 *     stackscope [options] [COMMAND [WORD...]] FILE|-|IFACE [FILTER...]
 *
 * Forgiving: a command may be abbreviated (tools/common/commands.h) and may stand behind the file; so may
 * its words. What is a file is found by looking: the first word
 * that is `-`, a file or an interface.
 */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "ink.h"
#include "say.h"

const char *argp_program_version = "stackscope " STACKD_VERSION;

enum { MAIN_WORDS = 64, MAIN_FILTER = 4096 };
enum { KEY_COLOR = 0x1000, KEY_ASCII, KEY_FORMAT, KEY_CONNECTIONS, KEY_INTERFACE };

struct main_args {
    const struct scope_command *command;
    struct scope_options o;
    const char *output, *interface, *color, *format;
    char *argv[MAIN_WORDS + 1]; /* for the command: its own options and words */
    int argc;
    char *whole[MAIN_WORDS]; /* of them those that are ours */
    int wholes;
    char *word[MAIN_WORDS];
    int words, first; /* first: where in main()'s argv the first word stands */
    char filter[MAIN_FILTER];
};

static const struct argp_option common_options[] = {
    {"json",                             'j', NULL, 0, "Print JSON Lines", 0},
    {"color",                              KEY_COLOR, "WHEN", 0, "auto, always or never (also: NO_COLOR)", 0},
    {"ascii",                KEY_ASCII, NULL, 0, "Draw with ASCII characters only", 0},
    {"verbose",                                  'v', NULL, 0, "states: say why, and which RFC says so", 0},
    {"format",KEY_FORMAT, "FORMAT", 0, "text, or what else the command can: svg ...", 0},
    {"output",                                 'o', "FILE", 0, "Print to FILE; its ending tells the format", 0},
    {"write",                                 'w', "FILE", 0, "Write the capture with comments, as pcapng", 0},
    {"interface",                            'i', "NAME|N|all", 0,
     "Frames of this interface of the file; default: all but `sent'", 0},
    {"connections",                              KEY_CONNECTIONS, "N", 0, "Keep track of so many at once (131072; 1.5 KiB each, 7 at most); no matter to frames", 0},
    {0}
};

/* ---- options ---- */

static void main_number(struct main_args *m, const char *arg)
{
    char *end;
    unsigned long v = strtoul(arg, &end, 10);

    if (*arg == '\0' || *end != '\0' || *arg == '-' || v < 16 || v > 100000000)
        exit(scope_say(SCOPE_USAGE, "--connections %s: try a number from 16 to 100000000", arg));
    m->o.connections = (uint32_t)v;
}

static error_t common_parse(int key, char *arg, struct argp_state *state)
{
    struct main_args *m = state->input;

    switch (key) {
    case 'j':
        m->o.json = true;
        return 0;
    case KEY_COLOR:
        m->color = arg;
        return 0;
    case KEY_ASCII:
        m->o.ascii = true;
        return 0;
    case 'v':
        m->o.verbose = true;
        return 0;
    case KEY_FORMAT:
        m->format = arg;
        return 0;
    case 'o':
        m->output = arg;
        return 0;
    case 'w':
        m->o.write = arg;
        return 0;
    case 'i':
        m->interface = arg;
        return 0;
    case KEY_CONNECTIONS:
        main_number(m, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool command_at(int i, struct command *row)
{
    const struct scope_command *c = scope_commands[i];

    if (c == NULL)
        return false;
    *row = (struct command){c->name, c->words, c->help};
    return true;
}

static const struct commands commands = {
    .program = "stackscope",
    .usage = "[COMMAND [WORD...]] FILE|-|IFACE [FILTER...]",
    .doc = "Read a capture, anyone's, and show what happened in it.",
    .heading = "Commands (may be abbreviated; `stackscope COMMAND --help' says more):",
    .first_is_default = true,
    .closing = "FILTER is tcpdump's language: tcp port 80.\n",
    .options = common_options,
    .parse = common_parse,
    .at = command_at,
};

/* An option of the command's own goes to it under its whole name. */
static error_t own_option(struct main_args *m, int key, const char *arg)
{
    for (const struct argp_option *o = m->command->options; o != NULL && o->name != NULL; o++) {
        char *whole = NULL;

        if (o->key != key)
            continue;
        if (m->argc == MAIN_WORDS)
            exit(scope_say(SCOPE_USAGE, "more than %d options: try fewer", MAIN_WORDS));
        if (asprintf(&whole, arg != NULL ? "--%s=%s" : "--%s", o->name, arg) < 0)
            exit(scope_say(SCOPE_FAILED, "no memory"));
        m->argv[m->argc++] = m->whole[m->wholes++] = whole;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t command_parse(int key, char *arg, struct argp_state *state)
{
    struct main_args *m = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = m;
        return 0;
    case ARGP_KEY_ARG:
        if (m->words == MAIN_WORDS)
            exit(
                scope_say(SCOPE_USAGE, "more than %d words: try the filter in quotes", MAIN_WORDS));
        m->word[m->words++] = arg;
        return 0;
    default:
        return own_option(m, key, arg);
    }
}

/* ---- words ---- */

static bool main_is_interface(const char *word)
{
    return if_nametoindex(word) != 0 || strcmp(word, "any") == 0;
}

static bool main_is_source(const char *word)
{
    return strcmp(word, "-") == 0 || access(word, F_OK) == 0 || main_is_interface(word);
}

static const struct scope_command *command_find(const char *word, bool whole)
{
    int found = commands_find(&commands, word, whole);

    return found < 0 ? NULL : scope_commands[found];
}

/* Which command is meant? A word that could be both is a file if it stands alone. */
static void main_choose(struct main_args *m, int argc, char **argv)
{
    char *word = argv[m->first];
    bool alone = m->first + 1 == argc;

    m->command = command_find(word, false);
    if (m->command != NULL && !(alone && main_is_source(word)))
        return;
    m->first--; /* the words begin with the source */
    m->command = scope_commands[0];
    if (!alone && main_is_source(word) && command_find(argv[m->first + 2], true) != NULL) {
        m->command = command_find(argv[m->first + 2], true);
        argv[m->first + 2] = word; /* the source takes the command's place, the command goes */
        m->first++;
    }
}

static void command_options(struct main_args *m, int argc, char **argv)
{
    const struct scope_command *c = m->command;
    char usage[128], doc[512], err[256];
    const struct argp own = {c->options, command_parse, usage, doc, NULL, NULL, NULL};

    snprintf(usage, sizeof(usage), "%s%sFILE|-|IFACE [FILTER...]", c->words,
             c->words[0] != '\0' ? " " : "");
    snprintf(doc, sizeof(doc), "%c%s.\vFormats: %s.", toupper((unsigned char)c->help[0]),
             c->help + 1, c->formats);
    if (!commands_rest(&commands, c->name, &own, argc, argv, m, err, sizeof(err)))
        exit(scope_say(SCOPE_USAGE, "%s", err));
}

/* No word names a source: what would be right? */
static int main_no_source(const struct main_args *m)
{
    const char *first =
        m->words > 0 ? m->word[m->words > m->command->words_max ? m->command->words_max : 0] : NULL;
    const char *nearest = first != NULL ? commands_nearest(&commands, first) : NULL;

    if (first == NULL || (m->words <= m->command->words_max && m->command->is_word != NULL &&
                          m->command->is_word(first)))
        return scope_say(SCOPE_USAGE,
                         "no capture given: try stackscope %s %s%sFILE.pcapng, or - for "
                         "standard input",
                         m->command->name, first != NULL ? first : m->command->words,
                         first != NULL || m->command->words[0] != '\0' ? " " : "");
    if (nearest != NULL)
        return scope_say(SCOPE_USAGE,
                         "%s is no file, no interface and no command: try stackscope %s FILE",
                         first, nearest);
    return scope_say(SCOPE_USAGE, "%s: no such file or interface: try stackscope --help", first);
}

/* Where among the words the source is. `-i eth0` without another is one as well, as for tcpdump. */
static int main_source_at(struct main_args *m)
{
    const struct scope_command *c = m->command;
    int at = 0;

    while (at < m->words && !(main_is_source(m->word[at]) &&
                              !(c->words_max > 0 && at + 1 < m->words && c->is_word != NULL &&
                                c->is_word(m->word[at]) && main_is_source(m->word[at + 1]))))
        at++;
    if (at == m->words && at < MAIN_WORDS && m->interface != NULL &&
        main_is_interface(m->interface)) {
        memmove(m->word + 1, m->word, (size_t)m->words++ * sizeof(m->word[0]));
        m->word[0] = (char *)(size_t)m->interface;
        return 0;
    }
    return at;
}

/* The words before the source, the source, words behind it, and the filter. */
static int main_words(struct main_args *m)
{
    const struct scope_command *c = m->command;
    int at = main_source_at(m), words = 0;
    size_t len = 0;

    if (at == m->words || at > c->words_max)
        return main_no_source(m);
    m->o.name = m->word[at];
    for (int i = 0; i < m->words; i++) {
        if (i == at)
            continue;
        if (i < at ||
            (words < c->words_max && c->is_word != NULL && c->is_word(m->word[i]) && len == 0)) {
            if (m->argc == MAIN_WORDS)
                return scope_say(SCOPE_USAGE, "too many words: try stackscope %s --help", c->name);
            m->argv[m->argc++] = m->word[i];
            words++;
            continue;
        }
        int n = snprintf(m->filter + len, sizeof(m->filter) - len, "%s%s", len > 0 ? " " : "",
                         m->word[i]);

        if (n < 0 || (size_t)n >= sizeof(m->filter) - len)
            return scope_say(SCOPE_USAGE, "the filter is longer than %d letters: try a shorter one",
                             MAIN_FILTER);
        len += (size_t)n;
    }
    return SCOPE_OK;
}

/* ---- what the options mean ---- */

/* Is @word one of the command's formats? */
static const char *format_find(const char *formats, const char *word, size_t len)
{
    static const char *const all[] = {"text", "svg", "mermaid", "html", "png", "json", "csv"};

    for (const char *p = formats; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        if (strcspn(p, " ") != len || strncmp(p, word, len) != 0)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            if (strlen(all[i]) == len && strncmp(all[i], word, len) == 0)
                return all[i];
        }
    }
    return NULL;
}

static int main_format(struct main_args *m)
{
    const char *formats = m->command->formats,
               *dot = m->output != NULL ? strrchr(m->output, '.') : NULL;
    size_t first = strcspn(formats, " ");

    m->o.format = format_find(formats, formats, first);
    if (m->format != NULL) {
        m->o.format = format_find(formats, m->format, strlen(m->format));
        if (m->o.format == NULL)
            return scope_say(SCOPE_USAGE, "--format %s: %s has: %s", m->format, m->command->name,
                             formats);
    } else if (dot != NULL && strcmp(dot, ".mmd") == 0 && strstr(formats, "mermaid") != NULL) {
        m->o.format = "mermaid";
    } else if (dot != NULL && format_find(formats, dot + 1, strlen(dot + 1)) != NULL) {
        m->o.format = format_find(formats, dot + 1, strlen(dot + 1));
    }
    if (m->o.json && m->command->no_json)
        return scope_say(SCOPE_USAGE,
                         "%s has no JSON, but: %s; what it draws from: try stackscope states -j %s",
                         m->command->name, formats, m->o.name);
    if (m->o.json && strcmp(m->o.format, "text") != 0)
        return scope_say(SCOPE_USAGE, "-j and %s at once: try one of them", m->o.format);
    return SCOPE_OK;
}

static int main_color(struct main_args *m)
{
    const char *when = m->color != NULL ? m->color : "auto";
    int wanted = ink_wanted(when, STDOUT_FILENO);

    if (wanted < 0)
        return scope_say(SCOPE_USAGE, "--color %s: try auto, always or never", when);
    m->o.color = wanted == 1 && (m->output == NULL || strcmp(when, "always") == 0);
    return SCOPE_OK;
}

/* Where the capture is written to: not over the one that is read; `-` is standard output, which nobody else
 * writes to then. */
static int main_write(struct main_args *m)
{
    static char path[32];
    struct stat in, out;

    if (m->o.write == NULL)
        return SCOPE_OK;
    if (!m->command->writes)
        return scope_say(SCOPE_USAGE, "%s does not write captures: try stackscope states -w %s %s",
                         m->command->name, m->o.write, m->o.name);
    if (strcmp(m->o.write, "-") == 0) {
        int fd = isatty(STDOUT_FILENO) ? -1 : dup(STDOUT_FILENO);

        if (fd < 0)
            return scope_say(SCOPE_USAGE, "-w -: a capture is nothing for a terminal: try -w FILE");
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        m->o.write = path;
        m->output = "/dev/null";
    } else if (stat(m->o.name, &in) == 0 && stat(m->o.write, &out) == 0 &&
               in.st_dev == out.st_dev && in.st_ino == out.st_ino) {
        return scope_say(SCOPE_USAGE, "-w %s: that is the capture to be read: try another name",
                         m->o.write);
    }
    return SCOPE_OK;
}

/* ---- the run ---- */

static struct source *main_source; /* for the handler */

static void main_interrupt(int sig)
{
    (void)sig;
    source_stop(main_source);
}

/* The first ^C ends the capture, and what is known is told; a second one ends the program. */
static void main_signals(void)
{
    struct sigaction act = {.sa_handler = main_interrupt, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

static int main_run(struct main_args *m)
{
    const struct scope_command *c = m->command;
    char err[PATH_MAX + 512] = "";
    static void *state; /* not lost when we leave early */
    struct frame f;
    bool seen = false;
    int got, status;
    struct source_options so = {
        .name = m->o.name,
        .filter = m->filter[0] != '\0' ? m->filter : NULL,
        .live = strcmp(m->o.name, "-") != 0 && access(m->o.name, F_OK) != 0,
        .progress = c->late || !isatty(STDOUT_FILENO),
        .interface = m->interface,
    };

    main_source = source_open(&so, err, sizeof(err));
    if (main_source == NULL)
        return scope_say(SCOPE_FAILED, "%s", err);
    m->o.source = main_source;
    m->argv[m->argc] = NULL;
    state = c->begin(&m->o, m->argc, m->argv, err, sizeof(err));

    if (state == NULL) {
        source_close(main_source);
        return scope_say(SCOPE_USAGE, "%s", err);
    }
    if (m->output != NULL && freopen(m->output, "w", stdout) == NULL)
        return scope_say(SCOPE_FAILED, "%s: cannot be written: %s", m->output, strerror(errno));
    main_signals();
    if (so.live)
        scope_say(0, "listening on %s, ^C ends it", m->o.name);
    while ((got = source_next(main_source, &f)) == 1 && c->frame(state, &f))
        seen = true;
    source_clear_progress(main_source);
    if (got < 0 && !seen) { /* nothing is known, then: not even that there is nothing */
        status = scope_say(SCOPE_FAILED, "%s", source_error(main_source));
        source_close(main_source);
        return status;
    }
    status = c->end(state);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == SCOPE_OK)
        status = scope_say(SCOPE_FAILED, "cannot write the answer: is the disk full?");
    if (got < 0)
        status = scope_say(SCOPE_FAILED, "%s", source_error(main_source));
    source_close(main_source);
    return status;
}

int main(int argc, char **argv)
{
    static struct main_args m;
    char err[256];
    int status;

    argp_err_exit_status = SCOPE_USAGE;
    if (!commands_first(&commands, argc, argv, &m, &m.first, err, sizeof(err)))
        return scope_say(SCOPE_USAGE, "%s", err);
    if (m.first == 0 && (m.interface == NULL || !main_is_interface(m.interface)))
        return scope_say(SCOPE_USAGE,
                         "no capture given: try stackscope FILE.pcapng, or stackscope --help");
    m.command = scope_commands[0];
    if (m.first != 0) {
        main_choose(&m, argc, argv);
        command_options(&m, argc - m.first, argv + m.first);
    }
    if ((status = main_words(&m)) != SCOPE_OK || (status = main_format(&m)) != SCOPE_OK ||
        (status = main_color(&m)) != SCOPE_OK || (status = main_write(&m)) != SCOPE_OK)
        return status;
    status = main_run(&m);
    for (int i = 0; i < m.wholes; i++)
        free(m.whole[i]);
    return status;
}
