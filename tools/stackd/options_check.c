/*
 * options_check.c - the whole command line: its defaults, what follows from what was given, what does not go together.
 */
#include <errno.h>
#include <string.h>

#include "options_priv.h"

void options_default(struct stackd_options *o)
{
    *o = (struct stackd_options){
        .ifname = "tap0",
        .ip = 0x0a000002,
        .prefix = 24,
        .host_config = true,
        .mtu = 1500,
        .igmp = 2,
        .pmtu = STACKD_PMTU_ICMP,
        .default_services = true,
        .backlog = 128,
        .syn_pool = 1024,
        .connections = 131072,
        .syn_policy = TCP_SYN_COOKIES,
        .msl = NET_SEC(30),
        .hystart = true,
        .gro = true,
        .queues = 1,
        .color = "auto",
    };
    imp_config_default(&o->fault[STACKD_RX]);
    imp_config_default(&o->fault[STACKD_TX]);
}

static error_t options_host_ip(struct options_state *st)
{
    struct stackd_options *o = st->o;
    uint32_t mask = UINT32_MAX << (32 - o->prefix), net = o->ip & mask;

    if (o->wire == STACKD_WIRE_RAW)
        o->host_config = false; /* the interface is the kernel's own business */
    if (st->host_ip_given) {
        if (o->host_ip == o->ip)
            return options_bad(st,
                               "--host-ip is the same address as --ip: the two ends need one each");
        return 0;
    }
    o->host_prefix = o->prefix;
    if (o->prefix < 31) {
        o->host_ip = net + 1 == o->ip ? net + 2 : net + 1;
        return 0;
    }
    if (o->prefix == 31) { /* RFC 3021: both addresses are hosts */
        o->host_ip = o->ip ^ 1;
        return 0;
    }
    if (o->host_config)
        return options_bad(st, "--ip with /32 leaves no address for the kernel's end: add "
                               "--host-ip or --no-host-config");
    return 0;
}

/* Who runs where. One processor for several queues is the first of as many. */
static error_t options_queues(struct options_state *st)
{
    struct stackd_options *o = st->o;

    if (o->wire == STACKD_WIRE_FD && !st->queues_given)
        o->queues = o->fds;
    if (o->wire == STACKD_WIRE_FD && o->fds != o->queues)
        return options_bad(st, "--fd names %u descriptor%s for %u queue%s: name one for each",
                           o->fds, o->fds > 1 ? "s" : "", o->queues, o->queues > 1 ? "s" : "");
    if (o->queues > 1 && o->wire == STACKD_WIRE_RAW)
        return options_bad(
            st, "--queues: only a TAP has a queue for each thread, from --raw comes one stream of "
                "frames: use --tap, or --fd with several descriptors");
    if (o->queues > 1 && (o->fault[STACKD_RX].rate_bps > 0 || o->fault[STACKD_TX].rate_bps > 0))
        return options_bad(
            st, "--rate is of one wire, and with --queues each queue is one: leave one of "
                "the two out");
    if (o->cpus == 1 && o->cpu[0] + (int)o->queues > STACKD_CPUS)
        return options_bad(st,
                           "--cpu %d: there are not so many processors behind it: name a lower one",
                           o->cpu[0]);
    if (o->cpus > 1 && o->cpus != o->queues)
        return options_bad(st, "--cpu names %u processors for %u queue%s: name one for each",
                           o->cpus, o->queues, o->queues > 1 ? "s" : "");
    for (unsigned i = o->cpus; i < o->queues; i++)
        o->cpu[i] = o->cpus == 1 ? o->cpu[0] + (int)i : -1;
    return 0;
}

error_t options_finish(struct options_state *st)
{
    struct stackd_options *o = st->o;
    uint32_t host = o->prefix >= 31 ? 1 : o->ip & (UINT32_MAX >> o->prefix);
    uint32_t first = o->ip >> 24;

    if (o->netns && o->wire != STACKD_WIRE_TAP)
        return options_bad(st, "--netns makes its own TAP: it goes with --tap only");
    if (first == 0 || first == 127 || first >= 224)
        return options_bad(
            st, "--ip: no host can have this address (0/8, 127/8, 224/3): try --ip 10.0.0.2/24");
    if (host == 0 || (o->prefix < 31 && host == UINT32_MAX >> o->prefix))
        return options_bad(
            st, "--ip: this is the subnet's own or its broadcast address: try --ip 10.0.0.2/24");
    error_t bad = options_host_ip(st);

    if (bad == 0)
        bad = options_queues(st);
    if (bad != 0)
        return bad;
    if (!st->gateway_given)
        o->gateway = o->host_config ? o->host_ip : 0;
    if (o->gateway == o->ip)
        return options_bad(st, "--gateway is our own address: name the router's");
    if (o->gateway != 0 && o->prefix < 32 && (o->gateway ^ o->ip) >> (32 - o->prefix) != 0) {
        if (st->gateway_given)
            return options_bad(
                st, "--gateway is outside the subnet of --ip: name a router that is in it");
        o->gateway = 0;
    }
    if (o->pcap_sent && o->pcap == NULL)
        return options_bad(st, "--pcap-sent is about a capture: add --pcap FILE");
    if (o->pcap != NULL && o->trace != NULL && strcmp(o->pcap, "-") == 0 &&
        strcmp(o->trace, "-") == 0)
        return options_bad(
            st, "--pcap - and --trace - both want standard output: give one of them a file");
    options_named(o);
    return 0;
}
