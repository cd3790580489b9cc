/*
 * main.c - the command line: common options, then an object, then its words and options.
 *
 * Objects may be abbreviated as `ip` does it: the first of the table that begins with the given
 * letters is meant. The common options are understood before and after the object.
 */
#include "stackctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "ink.h"

const char *argp_program_version = "stackctl " STACKD_VERSION;

/* clang-format off */
static const struct object objects[] = {
    {"sock", "[state STATE] [exclude STATE] [src ADDR[/P][:PORT]] [dst ...] [sport PORT] [dport PORT] [tcp|udp]",
     "connections and UDP sockets, as `ss -tinemo' shows them", sock_options, ctl_sock},
    {"listen", "", "accept queues, half-open pool and all other pools: gauges", listen_options, ctl_listen},
    {"neigh", "[add IP lladdr MAC | del IP]", "the ARP cache", NULL, ctl_neigh},
    {"route", "[add PREFIX [via IP] | del PREFIX | show cache | flush cache [IP]]",
     "the routing table, and what is known of the MTU of paths", NULL, ctl_route},
    {"link", "", "interfaces: addresses, MTU, offload, counters", NULL, ctl_link},
    {"maddr", "", "multicast groups: of the link, and of IP with their IGMP state", NULL, ctl_maddr},
    {"stats", "[PREFIX]", "counters and drop reasons that are not zero; -v: all, explained", NULL, ctl_stats},
    {"trace", "[KIND...] [kind=KIND[,KIND...]] [conn=CONN] [host=NAME] [FIELD=VALUE...]",
     "follow events live: tcp_state drop arp cwnd rtx ...", trace_options, ctl_trace},
    {"pcap", "[start FILE|- [FILTER...] | stop]", "capture frames; show what is being captured",
     pcap_options, ctl_pcap},
    {"top", "[SECONDS]", "full-screen live view: connections, states, queues, drops, rates", NULL, ctl_top},
    {"explain", "CONN", "why a connection is not sending, or not receiving, now", NULL, ctl_explain},
    {"probe", "tcp|udp|icmp SRC[:PORT] DST[:PORT]",
     "what would become of a segment, step by step; nothing is changed", probe_options, ctl_probe},
    {"fault", "[off | [rx:|tx:]NAME VALUE ...]",
     "the bad wire: drop mark corrupt duplicate reorder delay jitter rate", NULL, ctl_fault},
    {"nc", "HOST PORT | -l [HOST] PORT", "netcat through the stack", nc_options, ctl_nc},
    {"ping", "HOST", "ICMP echo from the stack", ping_options, ctl_ping},
    {"doctor", "", "is this machine able to run stackd?", doctor_options, ctl_doctor},
    {"wireshark", "[TAP] [-- OPTION...]", "Wireshark on a running stackd, nothing installed",
     wireshark_options, ctl_wireshark},
    {"wireshark-install", "", "fields, profile and extcap program to where Wireshark looks for them",
     wireshark_install_options, ctl_wireshark_install},
    {"conformance", "[RFC...]", "requirements that tests prove, counted by RFC", NULL, ctl_conformance},
};
/* clang-format on */
enum { OBJECTS = sizeof(objects) / sizeof(objects[0]) };

int ctl_say(int status, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fputs("stackctl: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return status;
}

const char *ctl_paint(const struct ctl *c, const char *name)
{
    return ink(c->color, name);
}

enum { KEY_COLOR = 0x100 };

static const struct argp_option common_options[] = {
    {"json",        'j', NULL, 0, "Print JSON", 0},
    {"verbose",         'v', NULL, 0, "Say more", 0},
    {"control", 'C', "PATH", 0, "Control socket of the stackd that is meant", 0},
    {"color",             KEY_COLOR, "WHEN", 0, "auto, always or never (also: NO_COLOR)", 0},
    {0 }
};

static void ctl_set_color(struct ctl *c, const char *when)
{
    int wanted = ink_wanted(when, STDOUT_FILENO);

    if (wanted < 0)
        exit(ctl_say(CTL_USAGE, "--color %s: try auto, always or never", when));
    c->color = wanted == 1;
}

static error_t common_parse(int key, char *arg, struct argp_state *state)
{
    struct ctl *c = state->input;

    switch (key) {
    case 'j':
        c->json = true;
        return 0;
    case 'v':
        c->verbose = true;
        return 0;
    case 'C':
        c->control = arg;
        return 0;
    case KEY_COLOR:
        ctl_set_color(c, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp common_argp = {common_options, common_parse, NULL, NULL, NULL, NULL, NULL};
static const struct argp_child common_child[] = {
    {&common_argp,       0, "Common options:", 9},
    {0}
};

long ctl_number(const char *option, const char *arg, long min, long max)
{
    char *end;
    long v = strtol(arg, &end, 10);

    if (*arg == '\0' || *end != '\0' || v < min || v > max)
        exit(ctl_say(CTL_USAGE, "%s %s: not a whole number: try one from %ld to %ld", option, arg,
                     min, max));
    return v;
}

static error_t object_parse(int key, char *arg, struct argp_state *state)
{
    struct ctl *c = state->input;
    char *end;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = c;
        return 0;
    case 'l':
        c->listen = true;
        return 0;
    case 'u':
        c->udp = true;
        return 0;
    case 'W':
        c->watch = true;
        return 0;
    case 'F':
        return 0; /* what trace does anyway */
    case 'c':
        c->count = ctl_number("-c", arg, 1, 1000000);
        return 0;
    case 's':
        c->size = ctl_number("-s", arg, 0, 65507);
        return 0;
    case 'w':
        c->wait = ctl_number("-w", arg, 1, 86400);
        return 0;
    case 'i':
        c->interval = strtod(arg, &end);
        if (*arg == '\0' || *end != '\0' || !(c->interval >= 0.001 && c->interval <= 3600))
            exit(ctl_say(CTL_USAGE, "-i %s: not an interval: try 0.001 to 3600 seconds", arg));
        return 0;
    case 'a':
        c->address = arg;
        return 0;
    case CTL_KEY_SENT:
        c->sent = true;
        return 0;
    case ARGP_KEY_ARG:
        if (c->words == CTL_WORDS)
            exit(ctl_say(CTL_USAGE, "more than %d words: try stackctl %s --help", CTL_WORDS,
                         c->object));
        c->word[c->words++] = arg;
        return 0;
    default:
        return ctl_wireshark_option(c, key, arg) || probe_option(c, key, arg) ? 0
                                                                              : ARGP_ERR_UNKNOWN;
    }
}

/* The part from the object on is parsed by the object's own parser. */
static error_t main_parse(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_ARG:
        ((struct ctl *)state->input)->words = state->next - 1; /* where the object stands */
        state->next = state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *main_help(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t len;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(size_t)text;
    FILE *f = open_memstream(&out, &len);

    if (f == NULL)
        return NULL;
    fputs("Objects (may be abbreviated; `stackctl OBJECT --help' says more):\n", f);
    for (int i = 0; i < OBJECTS; i++)
        fprintf(f, "  %-19s%s\n", objects[i].name, objects[i].help);
    fclose(f);
    return out;
}

static int object_run(struct ctl *c, const struct object *o, int argc, char **argv)
{
    static const struct argp_option none[] = {{0}};
    struct argp argp = {o->options != NULL ? o->options : none,
                        object_parse,
                        o->args,
                        o->help,
                        common_child,
                        NULL,
                        NULL};
    char name[64];

    const struct argp_option *const tables[] = {argp.options, common_options, NULL};
    char err[256];

    snprintf(name, sizeof(name), "stackctl %s", o->name);
    argv[0] = name;
    if (!args_check(name, tables, argc, argv, ARGS_MIXED, err, sizeof(err)))
        return ctl_say(CTL_USAGE, "%s", err);
    c->object = o->name;
    c->words = 0;
    c->count = -1;
    c->size = 56;
    c->interval = 1;
    argp_parse(&argp, argc, argv, 0, NULL, c);
    int status = o->run(c);

    dial_close(&c->to);
    if (fflush(stdout) != 0 && status == CTL_OK)
        return ctl_say(CTL_FAILED, "cannot write the answer: is the disk full?");
    return status;
}

/* The object that was probably meant, or NULL. */
static const char *object_nearest(const char *word)
{
    unsigned least = 3;
    const char *name = NULL;

    for (int i = 0; i < OBJECTS; i++) {
        unsigned distance = args_distance(objects[i].name, word);

        if (distance < least) {
            least = distance;
            name = objects[i].name;
        }
    }
    return name;
}

int main(int argc, char **argv)
{
    static char own_name[] = "stackctl";
    struct ctl c = {.to.fd = -1};
    static const struct argp argp = {NULL,
                                     main_parse,
                                     "OBJECT [COMMAND...]",
                                     "Look into a running stackd, and change it.\v",
                                     common_child,
                                     main_help,
                                     NULL};

    static const struct argp_option *const tables[] = {common_options, NULL};
    char err[256];

    argp_err_exit_status = CTL_USAGE;
    if (!args_check(own_name, tables, argc, argv, ARGS_FIRST, err, sizeof(err)))
        return ctl_say(CTL_USAGE, "%s", err);
    argv[0] = own_name; /* messages begin with it, not with a path */
    ctl_set_color(&c, "auto");
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &c);
    int at = c.words;

    if (at == 0)
        return ctl_say(CTL_USAGE, "no object given: try stackctl sock, or stackctl --help");
    for (int i = 0; i < OBJECTS; i++) {
        if (argv[at][0] != '\0' && strncmp(objects[i].name, argv[at], strlen(argv[at])) == 0)
            return object_run(&c, &objects[i], argc - at, argv + at);
    }
    const char *nearest = object_nearest(argv[at]);

    if (nearest != NULL)
        return ctl_say(CTL_USAGE, "unknown object %s: try stackctl %s, or stackctl --help",
                       argv[at], nearest);
    return ctl_say(CTL_USAGE, "unknown object %s: try stackctl --help", argv[at]);
}
