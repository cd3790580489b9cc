/*
 * main.c - the command line: common options, then an object, then its words and options
 * (tools/common/commands.h).
 */
#include "stackctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ink.h"
#include "tell.h"

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

    va_start(ap, fmt);
    tell("stackctl", fmt, ap);
    va_end(ap);
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

static bool object_at(int i, struct command *row)
{
    if (i >= OBJECTS)
        return false;
    *row = (struct command){objects[i].name, "", objects[i].help};
    return true;
}

static const struct commands commands = {
    .program = "stackctl",
    .usage = "OBJECT [COMMAND...]",
    .doc = "Look into a running stackd, and change it.",
    .heading = "Objects (may be abbreviated; `stackctl OBJECT --help' says more):",
    .closing = "",
    .options = common_options,
    .parse = common_parse,
    .at = object_at,
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

static int object_run(struct ctl *c, const struct object *o, int argc, char **argv)
{
    const struct argp own = {o->options, object_parse, o->args, o->help, NULL, NULL, NULL};
    char err[256];

    c->object = o->name;
    c->words = 0;
    c->count = -1;
    c->size = 56;
    c->interval = 1;
    if (!commands_rest(&commands, o->name, &own, argc, argv, c, err, sizeof(err)))
        return ctl_say(CTL_USAGE, "%s", err);
    int status = o->run(c);

    dial_close(&c->to);
    if (fflush(stdout) != 0 && status == CTL_OK)
        return ctl_say(CTL_FAILED, "cannot write the answer: is the disk full?");
    return status;
}

int main(int argc, char **argv)
{
    struct ctl c = {.to.fd = -1};
    char err[256];
    int at;

    argp_err_exit_status = CTL_USAGE;
    ctl_set_color(&c, "auto");
    if (!commands_first(&commands, argc, argv, &c, &at, err, sizeof(err)))
        return ctl_say(CTL_USAGE, "%s", err);
    if (at == 0)
        return ctl_say(CTL_USAGE, "no object given: try stackctl sock, or stackctl --help");
    int found = commands_find(&commands, argv[at], false);

    if (found >= 0)
        return object_run(&c, &objects[found], argc - at, argv + at);
    const char *nearest = commands_nearest(&commands, argv[at]);

    if (nearest != NULL)
        return ctl_say(CTL_USAGE, "unknown object %s: try stackctl %s, or stackctl --help",
                       argv[at], nearest);
    return ctl_say(CTL_USAGE, "unknown object %s: try stackctl --help", argv[at]);
}
