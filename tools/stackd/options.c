/*
 * options.c - the command line (argp), option by option; options_check.c has what they say together.
 *
 * Every wrong value gives one line: what was given, what it should be, an example that works.
 */
#include "options_priv.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "ink.h"
#include "l7_application/app.h"
#include "sysctl.h"

enum {
    KEY_TAP = 0x100,
    KEY_RAW,
    KEY_FD,
    KEY_NETNS,
    KEY_IP,
    KEY_HOST_IP,
    KEY_NO_HOST,
    KEY_MAC,
    KEY_GATEWAY,
    KEY_MTU,
    KEY_IGMP,
    KEY_PMTU,
    KEY_SERVICE,
    KEY_NO_SERVICES,
    KEY_HTTP_ROOT,
    KEY_PCAP,
    KEY_PCAP_SENT,
    KEY_TRACE,
    KEY_CONTROL,
    KEY_BACKLOG,
    KEY_SYN_POOL,
    KEY_CONNECTIONS,
    KEY_SYN_POLICY,
    KEY_MSL,
    KEY_NO_AUTOTUNE,
    KEY_FASTOPEN,
    KEY_KEEPALIVE,
    KEY_USER_TIMEOUT,
    KEY_CC,
    KEY_NO_HYSTART,
    KEY_SET,
    KEY_LIST_SETTINGS,
    KEY_DROP,
    KEY_MARK,
    KEY_CORRUPT,
    KEY_DUPLICATE,
    KEY_REORDER,
    KEY_DELAY,
    KEY_JITTER,
    KEY_RATE,
    KEY_SEED,
    KEY_OFFLOAD,
    KEY_GRO,
    KEY_IO,
    KEY_BUSY_POLL,
    KEY_STAY_AWAKE,
    KEY_CPU,
    KEY_QUEUES,
    KEY_COLOR
};

/* One option a line. */
/* clang-format off */
static const struct argp_option options_table[] = {
    {NULL, 0, NULL, 0, "The wire:", 1},
    {"tap", KEY_TAP, "NAME", 0,
     "attach to this TAP; made if it is not there, and removed again on exit (tap0)", 1},
    {"raw", KEY_RAW, "IFACE", 0, "attach to this interface through libpcap instead", 1},
    {"fd", KEY_FD, "N[,N...]", 0,
     "attach to an already open TAP file descriptor; several are queues of one TAP, see --queues", 1},
    {"netns", KEY_NETNS, NULL, 0,
     "no root needed: enter a new user and network namespace and make the TAP there; a "
     "COMMAND after -- runs inside once ready, and its status is ours", 1},
    {"offload", KEY_OFFLOAD, "auto|on|off", 0, "offload of the TAP (auto)", 1},
    {"gro", KEY_GRO, "on|off", 0,
     "without that: join the segments of a train that come in at once (on)", 1},
    {"io", KEY_IO, "auto|read|uring", 0,
     "how frames cross a TAP: one by one, or many at once by io_uring (auto: where it works)", 1},
    {"busy-poll", KEY_BUSY_POLL, "US", 0,
     "look on for frames for up to so many microseconds before sleeping, where that pays (0)", 1},
    {"stay-awake", KEY_STAY_AWAKE, NULL, 0,
     "while frames come, keep the machine's processors from sleeping (root)", 1},
    {"queues", KEY_QUEUES, "N", 0,
     "a TAP with N queues, each with a thread and a host of its own; flows stay on their queue (1)", 1},
    {"cpu", KEY_CPU, "N[,N-N...]", 0,
     "run on this processor only; with --queues one each, or the first of as many (any)", 1},
    {NULL, 0, NULL, 0, "Addresses:", 2},
    {"ip", KEY_IP, "A.B.C.D/P", 0, "own address (10.0.0.2/24)", 2},
    {"host-ip", KEY_HOST_IP, "A.B.C.D/P", 0,
     "address for the kernel's end (the first of the subnet)", 2},
    {"no-host-config", KEY_NO_HOST, NULL, 0, "leave the kernel's end alone", 2},
    {"mac", KEY_MAC, "MAC", 0, "own MAC address (derived from name and address)", 2},
    {"gateway", KEY_GATEWAY, "A.B.C.D", 0, "default route (the kernel's end; none with --raw)", 2},
    {"mtu", KEY_MTU, "N", 0, "longest datagram in bytes (1500)", 2},
    {"pmtu", KEY_PMTU, "off|icmp|blackhole|always", 0,
     "how the MTU of paths is found: not at all, by ICMP, and by probing when long segments vanish, "
     "or from the start (icmp)", 2},
    {"igmp", KEY_IGMP, "off|1|2", 0,
     "version in which routers are told of multicast groups (2)", 2},
    {NULL, 0, NULL, 0, "Services:", 3},
    {"service", KEY_SERVICE, "NAME[:PORT]", 0,
     "run this service, and only those named; repeatable (echo discard daytime chargen time "
     "http)", 3},
    {"no-services", KEY_NO_SERVICES, NULL, 0, "run none", 3},
    {"http-root", KEY_HTTP_ROOT, "DIR", 0, "files to serve (a built-in page)", 3},
    {"backlog", KEY_BACKLOG, "N", 0, "accept queue (128)", 3},
    {"connections", KEY_CONNECTIONS, "N", 0, "clients of the services at once (131072)", 3},
    {"syn-pool", KEY_SYN_POOL, "N", 0, "half-open pool (1024)", 3},
    {"syn-policy", KEY_SYN_POLICY, "drop|reset|evict|cookies", 0,
     "when the half-open pool is full (cookies)", 3},
    {"msl", KEY_MSL, "SECONDS", 0, "maximum segment lifetime; TIME-WAIT takes two (30)", 3},
    {"fastopen", KEY_FASTOPEN, NULL, 0,
     "TCP Fast Open: services take data with a SYN that has a cookie (RFC 7413)", 3},
    {"no-autotune", KEY_NO_AUTOTUNE, NULL, 0, "buffers of connections keep their first size", 3},
    {"keepalive", KEY_KEEPALIVE, "SECONDS", 0,
     "probe the peers of connections that are idle for so long (never)", 3},
    {"user-timeout", KEY_USER_TIMEOUT, "SECONDS", 0,
     "give a connection up whose data wait so long for an ACK or a window (924, and any time for "
     "a window)", 3},
    {"cc", KEY_CC, "NAME", 0, "congestion control: cubic, reno or bbr (cubic)", 3},
    {"no-hystart", KEY_NO_HYSTART, NULL, 0,
     "CUBIC's first slow start ends with a loss, not with growing delay", 3},
    {"set", KEY_SET, "NAME=VALUE", 0,
     "a setting of TCP by the name of Linux's sysctl, as tcp_sack=0; repeatable", 3},
    {"list-settings", KEY_LIST_SETTINGS, NULL, 0, "name the settings, and exit", 3},
    {NULL, 0, NULL, 0, "Looking inside:", 4},
    {"pcap", KEY_PCAP, "FILE", 0,
     "capture: pcapng, classic if FILE ends in .pcap; - is standard output", 4},
    {"pcap-sent", KEY_PCAP_SENT, NULL, 0,
     "with --pcap: frames as they were before the bad wire as well, on a second interface", 4},
    {"trace", KEY_TRACE, "FILE", 0, "events as JSON Lines; - is standard output", 4},
    {"control", KEY_CONTROL, "PATH", 0,
     "control socket, see stackctl(1) (/run/stackd/TAP.sock)", 4},
    {"verbose", 'v', NULL, 0, "state changes and drops as readable lines on standard error", 4},
    {"color", KEY_COLOR, "auto|always|never", 0, "color of those lines (auto)", 4},
    {NULL, 0, NULL, 0,
     "A bad wire on purpose (percentages; both directions, or rx: or tx: in front):", 5},
    {"drop-chance", KEY_DROP, "P", 0, "lose frames", 5},
    {"mark-chance", KEY_MARK, "P", 0, "tell of congestion in packets that can (ECN)", 5},
    {"corrupt-chance", KEY_CORRUPT, "P", 0, "damage frames", 5},
    {"duplicate-chance", KEY_DUPLICATE, "P", 0, "send frames twice", 5},
    {"reorder-chance", KEY_REORDER, "P", 0, "let frames be overtaken", 5},
    {"delay", KEY_DELAY, "MS", 0, "hold every frame back", 5},
    {"jitter", KEY_JITTER, "MS", 0, "vary that by up to this, either way", 5},
    {"rate", KEY_RATE, "BITS/S", 0, "limit the rate; k, M and G are understood", 5},
    {"seed", KEY_SEED, "N", 0, "make every random choice repeatable", 5},
    {0},
};
/* clang-format on */

enum { OPTIONS_FD_MAX = 1 << 20 };

error_t options_bad(struct options_state *st, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(st->err, st->err_len, format, ap);
    va_end(ap);
    return EINVAL;
}

static error_t options_wire(struct options_state *st, int key, const char *arg)
{
    struct stackd_options *o = st->o;

    if (st->wire_given)
        return options_bad(st, "more than one wire: choose one of --tap, --raw and --fd");
    st->wire_given = true;
    if (key == KEY_FD) {
        o->wire = STACKD_WIRE_FD;
        o->fds = options_list(arg, OPTIONS_FD_MAX, o->fd);
        if (o->fds == 0)
            return options_bad(st,
                               "--fd %s: not a descriptor's number, nor a list of them: try --fd "
                               "3, or --fd 3,4 for two queues",
                               arg);
        return 0;
    }
    o->wire = key == KEY_TAP ? STACKD_WIRE_TAP : STACKD_WIRE_RAW;
    size_t len = strlen(arg);

    if (len == 0 || len >= sizeof(o->ifname) || strpbrk(arg, "/ \t\n:%") != NULL ||
        strcmp(arg, ".") == 0 || strcmp(arg, "..") == 0)
        return options_bad(
            st,
            "--%s %s: not a name for an interface: try 1 to 15 letters and digits, as --tap tap0",
            key == KEY_TAP ? "tap" : "raw", arg);
    memcpy(o->ifname, arg, len + 1);
    return 0;
}

static error_t options_service(struct options_state *st, const char *arg)
{
    struct stackd_options *o = st->o;
    const char *colon = strchr(arg, ':');
    size_t len = colon != NULL ? (size_t)(colon - arg) : strlen(arg);
    struct stackd_service s = {.port = 0};
    uint64_t port = 0;

    if (colon != NULL && !options_number(colon + 1, 1, 65535, &port))
        return options_bad(
            st, "--service %s: a port is a number from 1 to 65535: try --service http:8080", arg);
    if (len > 0 && len < sizeof(s.name))
        memcpy(s.name, arg, len);
    if (app_service_find(s.name) == NULL)
        return options_bad(st,
                           "--service %s: no such service: there are echo, discard, daytime, "
                           "chargen, time and http",
                           arg);
    if (o->service_count == STACKD_SERVICES)
        return options_bad(st, "--service %s: too many services: at most %d", arg, STACKD_SERVICES);
    s.port = (uint16_t)port;
    o->service[o->service_count++] = s;
    o->default_services = false;
    return 0;
}

static error_t options_fault(struct options_state *st, int key, const char *arg)
{
    bool on[STACKD_FAULT_DIRS];
    const char *value = options_dir_prefix(arg, &on[STACKD_RX], &on[STACKD_TX]);
    struct imp_config v = {0};
    bool is_good;

    if (key == KEY_DELAY || key == KEY_JITTER)
        is_good = options_ms(value, &v.delay);
    else if (key == KEY_RATE)
        is_good = options_rate(value, &v.rate_bps);
    else
        is_good = options_percent(value, &v.loss_ppm);
    if (!is_good && (key == KEY_DELAY || key == KEY_JITTER))
        return options_bad(st, "--%s %s: not milliseconds: try --delay 20 or --delay rx:0.5",
                           key == KEY_DELAY ? "delay" : "jitter", arg);
    if (!is_good && key == KEY_RATE)
        return options_bad(st, "--rate %s: not bits per second: try --rate 10M or --rate tx:64k",
                           arg);
    if (!is_good)
        return options_bad(
            st, "%s: not a percentage from 0 to 100: try --drop-chance 5 or --drop-chance rx:0.1",
            arg);
    for (int d = 0; d < STACKD_FAULT_DIRS; d++) {
        struct imp_config *f = &st->o->fault[d];

        if (!on[d])
            continue;
        switch (key) {
        case KEY_DROP:
            f->loss_ppm = v.loss_ppm;
            break;
        case KEY_MARK:
            f->mark_ppm = v.loss_ppm;
            break;
        case KEY_CORRUPT:
            f->corrupt_ppm = v.loss_ppm;
            break;
        case KEY_DUPLICATE:
            f->dup_ppm = v.loss_ppm;
            break;
        case KEY_REORDER:
            f->reorder_ppm = v.loss_ppm;
            break;
        case KEY_DELAY:
            f->delay = v.delay;
            break;
        case KEY_JITTER:
            f->jitter = v.delay;
            break;
        default:
            f->rate_bps = v.rate_bps;
        }
    }
    return 0;
}

/* One of @names, NULL at the end. Return: its index, or -1. */
static int options_word(const char *s, const char *const *names)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(s, names[i]) == 0)
            return i;
    }
    return -1;
}

static error_t options_cc(struct options_state *st, const char *arg)
{
    int index = cc_by_name(arg);

    if (index < 0)
        return options_bad(st, "--cc %s: no such congestion control: try cubic, reno or bbr", arg);
    st->o->cc = (uint8_t)index;
    return 0;
}

static error_t options_choice(struct options_state *st, int key, const char *arg)
{
    static const char *const policies[] = {"drop", "reset", "evict", "cookies", NULL};
    static const char *const offloads[] = {"auto", "on", "off", NULL};
    static const char *const gros[] = {"off", "on", NULL};
    static const char *const ios[] = {"auto", "read", "uring", NULL};
    static const char *const igmps[] = {"off", "1", "2", NULL};
    static const char *const pmtus[] = {"off", "icmp", "blackhole", "always", NULL};
    int i;

    if (key == KEY_SYN_POLICY) {
        if ((i = options_word(arg, policies)) < 0)
            return options_bad(
                st, "--syn-policy %s: not a policy: try drop, reset, evict or cookies", arg);
        st->o->syn_policy = (enum tcp_syn_policy)i;
    } else if (key == KEY_OFFLOAD) {
        if ((i = options_word(arg, offloads)) < 0)
            return options_bad(st, "--offload %s: try auto, on or off", arg);
        st->o->offload = (enum port_offload)i;
    } else if (key == KEY_GRO) {
        if ((i = options_word(arg, gros)) < 0)
            return options_bad(st, "--gro %s: try on or off", arg);
        st->o->gro = i == 1;
    } else if (key == KEY_IO) {
        if ((i = options_word(arg, ios)) < 0)
            return options_bad(st, "--io %s: try auto, read or uring", arg);
        st->o->io = (enum stackd_io)i;
    } else if (key == KEY_IGMP) {
        if ((i = options_word(arg, igmps)) < 0)
            return options_bad(st, "--igmp %s: try off, 1 or 2", arg);
        st->o->igmp = (uint8_t)i;
    } else if (key == KEY_PMTU) {
        if ((i = options_word(arg, pmtus)) < 0)
            return options_bad(st, "--pmtu %s: try off, icmp, blackhole or always", arg);
        st->o->pmtu = (enum stackd_pmtu)i;
    } else {
        if (ink_wanted(arg, STDERR_FILENO) < 0)
            return options_bad(st, "--color %s: try auto, always or never", arg);
        st->o->color = arg;
    }
    return 0;
}

static error_t options_count(struct options_state *st, int key, const char *arg)
{
    struct stackd_options *o = st->o;
    uint64_t n;

    switch (key) {
    case KEY_MTU:
        if (!options_number(arg, 68, 65521, &n))
            return options_bad(st, "--mtu %s: not from 68 to 65521 bytes: try --mtu 1500", arg);
        o->mtu = (uint16_t)n;
        return 0;
    case KEY_BACKLOG:
        if (!options_number(arg, 1, 65535, &n))
            return options_bad(st, "--backlog %s: not from 1 to 65535: try --backlog 128", arg);
        o->backlog = (uint32_t)n;
        return 0;
    case KEY_SYN_POOL:
        if (!options_number(arg, 1, 1 << 20, &n))
            return options_bad(st, "--syn-pool %s: not from 1 to 1048576: try --syn-pool 1024",
                               arg);
        o->syn_pool = (uint32_t)n;
        return 0;
    case KEY_CONNECTIONS:
        if (!options_number(arg, 1, 1 << 22, &n))
            return options_bad(
                st, "--connections %s: not from 1 to 4194304: try --connections 131072", arg);
        o->connections = (uint32_t)n;
        return 0;
    case KEY_BUSY_POLL:
        if (!options_number(arg, 0, 1000000, &n))
            return options_bad(st,
                               "--busy-poll %s: not microseconds up to a second: try "
                               "--busy-poll 50",
                               arg);
        o->busy_poll = NET_US((net_time)n);
        return 0;
    case KEY_QUEUES:
        if (!options_number(arg, 1, STACKD_QUEUES, &n))
            return options_bad(st, "--queues %s: not from 1 to %d: try --queues 2", arg,
                               STACKD_QUEUES);
        o->queues = (unsigned)n;
        st->queues_given = true;
        return 0;
    case KEY_MSL:
        if (!options_decimal(arg, strlen(arg), 9, (uint64_t)NET_SEC(600), &n) || n == 0)
            return options_bad(st, "--msl %s: not seconds, above 0 and up to 600: try --msl 30",
                               arg);
        o->msl = (net_time)n;
        return 0;
    case KEY_KEEPALIVE:
        if (!options_number(arg, 1, 1 << 30, &n))
            return options_bad(st,
                               "--keepalive %s: not whole seconds, 1 or more: try "
                               "--keepalive 7200",
                               arg);
        o->keepalive = NET_SEC((net_time)n);
        return 0;
    case KEY_USER_TIMEOUT:
        if (!options_decimal(arg, strlen(arg), 9, (uint64_t)NET_SEC(1 << 30), &n) || n == 0)
            return options_bad(st, "--user-timeout %s: not seconds above 0: try --user-timeout 30",
                               arg);
        o->user_timeout = (net_time)n;
        return 0;
    default:
        if (!options_number(arg, 0, UINT64_MAX, &o->seed))
            return options_bad(st, "--seed %s: not a whole number of 64 bits: try --seed 1", arg);
        o->seed_given = true;
        return 0;
    }
}

static error_t options_address(struct options_state *st, int key, const char *arg)
{
    struct stackd_options *o = st->o;

    switch (key) {
    case KEY_IP:
        if (!options_ip_prefix(arg, &o->ip, &o->prefix))
            return options_bad(st, "--ip %s: not an IPv4 address with prefix: try --ip 10.0.0.2/24",
                               arg);
        return 0;
    case KEY_HOST_IP:
        st->host_ip_given = true;
        if (!options_ip_prefix(arg, &o->host_ip, &o->host_prefix))
            return options_bad(
                st, "--host-ip %s: not an IPv4 address with prefix: try --host-ip 10.0.0.1/24",
                arg);
        return 0;
    case KEY_GATEWAY:
        st->gateway_given = true;
        if (!options_ip(arg, &o->gateway))
            return options_bad(st, "--gateway %s: not an IPv4 address: try --gateway 10.0.0.1",
                               arg);
        return 0;
    default:
        o->mac_given = true;
        if (!options_mac(arg, &o->mac))
            return options_bad(
                st, "--mac %s: not six bytes in hexadecimal: try --mac 02:00:00:00:00:02", arg);
        if (mac_is_group(o->mac) || mac_is_zero(o->mac))
            return options_bad(st,
                               "--mac %s: no station's address (group bit set, or zero): try --mac "
                               "02:00:00:00:00:02",
                               arg);
        return 0;
    }
}

static error_t options_path(struct options_state *st, int key, const char *arg)
{
    struct stackd_options *o = st->o;
    struct stat sb;

    switch (key) {
    case KEY_PCAP:
        o->pcap = arg;
        break;
    case KEY_TRACE:
        o->trace = arg;
        break;
    case KEY_HTTP_ROOT:
        o->http_root = arg;
        if (stat(arg, &sb) < 0)
            return options_bad(st, "--http-root %s: %s: try --http-root .", arg, strerror(errno));
        if (!S_ISDIR(sb.st_mode) || access(arg, R_OK | X_OK) < 0)
            return options_bad(
                st, "--http-root %s: not a directory that we may read: try --http-root .", arg);
        break;
    default:
        o->control_given = true;
        if (arg[0] == '\0' || strlen(arg) >= sizeof(o->control))
            return options_bad(
                st, "--control %s: a socket's path has 1 to %zu bytes: try a shorter one", arg,
                sizeof(o->control) - 1);
        memcpy(o->control, arg, strlen(arg) + 1);
    }
    if (arg[0] == '\0')
        return options_bad(st, "--%s: no name for a file: try --%s",
                           key == KEY_PCAP ? "pcap" : "trace",
                           key == KEY_PCAP ? "pcap stackd.pcapng" : "trace stackd.jsonl");
    return 0;
}

/* Options without a value. */
static error_t options_flag(struct stackd_options *o, int key)
{
    switch (key) {
    case KEY_NETNS:
        o->netns = true;
        return 0;
    case KEY_NO_HOST:
        o->host_config = false;
        return 0;
    case KEY_NO_SERVICES:
        o->default_services = false;
        return 0;
    case KEY_NO_HYSTART:
        o->hystart = false;
        return 0;
    case KEY_NO_AUTOTUNE:
        o->no_autotune = true;
        return 0;
    case KEY_FASTOPEN:
        o->fastopen = true;
        return 0;
    case KEY_PCAP_SENT:
        o->pcap_sent = true;
        return 0;
    case KEY_STAY_AWAKE:
        o->stay_awake = true;
        return 0;
    case 'v':
        o->verbose++;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A setting is tried at once, so that a wrong one is a usage error. */
static error_t options_set(struct options_state *st, const char *arg)
{
    struct tcp_config scratch;
    char why[256];

    tcp_config_default(&scratch);
    if (!sysctl_set(&scratch, arg, why, sizeof(why)))
        return options_bad(st, "--set %s: %s: --list-settings names what there is", arg, why);
    if (st->o->set_count == STACKD_SETTINGS)
        return options_bad(st, "--set %s: at most %d settings", arg, STACKD_SETTINGS);
    st->o->set[st->o->set_count++] = arg;
    return 0;
}

static error_t options_cpu_list(struct options_state *st, const char *arg)
{
    struct stackd_options *o = st->o;

    o->cpus = options_list(arg, STACKD_CPUS, o->cpu);
    if (o->cpus == 0)
        return options_bad(
            st, "--cpu %s: not a processor's number, or a list of them: try --cpu 0 or --cpu 0,2-4",
            arg);
    return 0;
}

static error_t options_parse_key(int key, char *arg, struct argp_state *state)
{
    struct options_state *st = state->input;
    struct stackd_options *o = st->o;

    switch (key) {
    case KEY_TAP:
    case KEY_RAW:
    case KEY_FD:
        return options_wire(st, key, arg);
    case KEY_IP:
    case KEY_HOST_IP:
    case KEY_GATEWAY:
    case KEY_MAC:
        return options_address(st, key, arg);
    case KEY_MTU:
    case KEY_BACKLOG:
    case KEY_SYN_POOL:
    case KEY_CONNECTIONS:
    case KEY_MSL:
    case KEY_BUSY_POLL:
    case KEY_QUEUES:
    case KEY_KEEPALIVE:
    case KEY_USER_TIMEOUT:
    case KEY_SEED:
        return options_count(st, key, arg);
    case KEY_CPU:
        return options_cpu_list(st, arg);
    case KEY_CC:
        return options_cc(st, arg);
    case KEY_SET:
        return options_set(st, arg);
    case KEY_LIST_SETTINGS:
        sysctl_list(stdout);
        exit(0);
    case KEY_SYN_POLICY:
    case KEY_OFFLOAD:
    case KEY_GRO:
    case KEY_IO:
    case KEY_IGMP:
    case KEY_PMTU:
    case KEY_COLOR:
        return options_choice(st, key, arg);
    case KEY_DROP:
    case KEY_MARK:
    case KEY_CORRUPT:
    case KEY_DUPLICATE:
    case KEY_REORDER:
    case KEY_DELAY:
    case KEY_JITTER:
    case KEY_RATE:
        return options_fault(st, key, arg);
    case KEY_SERVICE:
        return options_service(st, arg);
    case KEY_HTTP_ROOT:
    case KEY_PCAP:
    case KEY_TRACE:
    case KEY_CONTROL:
        return options_path(st, key, arg);
    case ARGP_KEY_ARG:
        if (!o->netns)
            return options_bad(
                st, "%s: a command needs --netns: try stackd --netns -- ping 10.0.0.2", arg);
        o->command = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default:
        return options_flag(o, key);
    }
}

/* Read by argp for --version. */
const char *argp_program_version = "stackd " STACKD_VERSION;

int options_parse(struct stackd_options *o, int argc, char **argv, char *err, size_t err_len)
{
    static const struct argp argp = {
        options_table,
        options_parse_key,
        "[-- COMMAND...]",
        "A TCP/IP host in user space, on a TAP: ping it, curl it, look inside.\v"
        "Examples:\n"
        "  sudo stackd --tap tap0 --pcap a.pcapng    then: ping 10.0.0.2; curl http://10.0.0.2/\n"
        "  stackd --netns -- curl http://10.0.0.2/   without root\n",
        NULL,
        NULL,
        NULL};
    static char name[] = "stackd";
    static const struct argp_option *const tables[] = {options_table, NULL};
    struct options_state st = {.o = o, .err = err, .err_len = err_len};

    options_default(o);
    err[0] = '\0';
    if (!args_check(name, tables, argc, argv, ARGS_FIRST, err, err_len))
        return -EINVAL;
    argp_err_exit_status = EXIT_FAILURE;
    if (argc > 0)
        argv[0] = name; /* getopt's messages begin like ours */
    error_t bad = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &st);

    if (bad == 0)
        bad = options_finish(&st);
    if (bad != 0 && err[0] == '\0')
        snprintf(err, err_len, "%s: try stackd --help", strerror(bad));
    return bad == 0 ? 0 : -EINVAL;
}
