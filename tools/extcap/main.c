#include "extcap.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "tell.h"

const char *argp_program_version = "stackd-extcap " STACKD_VERSION;

enum {
    KEY_INTERFACES = 0x100,
    KEY_VERSION,
    KEY_INTERFACE,
    KEY_DLTS,
    KEY_CONFIG,
    KEY_RELOAD,
    KEY_CAPTURE,
    KEY_FILTER,
    KEY_FIFO,
    KEY_CONTROL_IN,
    KEY_CONTROL_OUT,
    KEY_CONNECTION,
    KEY_SENT,
    KEY_SNAPLEN
};

/* clang-format off */
static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What Wireshark asks:", 1},
    {"extcap-interfaces", KEY_INTERFACES, NULL, 0, "name the stackds that run", 1},
    {"extcap-version", KEY_VERSION, "VERSION", OPTION_ARG_OPTIONAL, "of Wireshark", 1},
    {"extcap-interface", KEY_INTERFACE, "NAME", 0, "the one that is meant: stackd-tap0", 1},
    {"extcap-dlts", KEY_DLTS, NULL, 0, "name its link types", 1},
    {"extcap-config", KEY_CONFIG, NULL, 0, "name its options", 1},
    {"extcap-reload-option", KEY_RELOAD, "OPTION", 0, "name the values of this option anew", 1},
    {"capture", KEY_CAPTURE, NULL, 0, "capture", 1},
    {"extcap-capture-filter", KEY_FILTER, "FILTER", 0, "only these frames, see pcap-filter(7)", 1},
    {"fifo", KEY_FIFO, "PATH", 0, "where the capture goes", 1},
    {"extcap-control-in", KEY_CONTROL_IN, "PATH", 0, "what the user does in the toolbar", 1},
    {"extcap-control-out", KEY_CONTROL_OUT, "PATH", 0, "what he sees there", 1},
    {NULL, 0, NULL, 0, "What the user chooses:", 2},
    {"connection", KEY_CONNECTION, "LOCAL-REMOTE", 0, "only this connection (all)", 2},
    {"sent", KEY_SENT, NULL, 0, "frames as they were before the bad wire as well", 2},
    {"snaplen", KEY_SNAPLEN, "BYTES", 0, "of each frame (0: all)", 2},
    {0},
};
/* clang-format on */

int extcap_say(int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell("stackd-extcap", fmt, ap);
    va_end(ap);
    return status;
}

static error_t main_snaplen(struct extcap *x, const char *arg)
{
    char *end;

    x->snaplen = strtol(arg, &end, 10);
    if (*arg == '\0' || *end != '\0' || x->snaplen < 0 || x->snaplen > 1 << 20)
        exit(
            extcap_say(EXTCAP_USAGE, "--snaplen %s: not a number of bytes: try --snaplen 96", arg));
    return 0;
}

static error_t main_parse(int key, char *arg, struct argp_state *state)
{
    struct extcap *x = state->input;

    switch (key) {
    case KEY_INTERFACES:
        x->interfaces = true;
        return 0;
    case KEY_VERSION:
        return 0; /* all of them understand what we say */
    case KEY_INTERFACE:
        x->interface = arg;
        return 0;
    case KEY_DLTS:
        x->dlts = true;
        return 0;
    case KEY_CONFIG:
        x->config = true;
        return 0;
    case KEY_RELOAD:
        x->reload = arg;
        return 0;
    case KEY_CAPTURE:
        x->capture = true;
        return 0;
    case KEY_FILTER:
        x->filter = arg;
        return 0;
    case KEY_FIFO:
        x->fifo = arg;
        return 0;
    case KEY_CONTROL_IN:
        x->control_in = arg;
        return 0;
    case KEY_CONTROL_OUT:
        x->control_out = arg;
        return 0;
    case KEY_CONNECTION:
        x->connection = arg;
        return 0;
    case KEY_SENT:
        x->sent = true;
        return 0;
    case KEY_SNAPLEN:
        return main_snaplen(x, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        main_parse,
        NULL,
        "Running stackds as interfaces of Wireshark, which runs this program; "
        "`stackctl wireshark-install' puts it where it is looked for.\v"
        "By hand:\n"
        "  stackd-extcap --extcap-interfaces\n"
        "  mkfifo f; stackd-extcap --capture --extcap-interface stackd-tap0 --fifo f &\n"
        "  tshark -i f\n",
        NULL,
        NULL,
        NULL};
    static char name[] = "stackd-extcap";
    static const struct argp_option *const tables[] = {options, NULL};
    struct extcap x = {.snaplen = 0};
    char err[256];

    if (!args_check(name, tables, argc, argv, ARGS_MIXED, err, sizeof(err)))
        return extcap_say(EXTCAP_USAGE, "%s", err);
    argp_err_exit_status = EXTCAP_USAGE;
    if (argc > 0)
        argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &x);
    if (x.interfaces)
        return list_interfaces();
    if (x.interface == NULL)
        return extcap_say(EXTCAP_USAGE,
                          "Wireshark runs this program: try --extcap-interfaces, or --help");
    if (x.dlts)
        return list_dlts(&x);
    if (x.config)
        return list_config(&x);
    if (x.capture)
        return relay_run(&x);
    if (x.filter != NULL)
        return relay_check(&x);
    return extcap_say(EXTCAP_USAGE, "%s: to do what? try --capture, or --help", x.interface);
}
