/*
 * igmp.c - the host side of IGMPv2 (RFC 2236), and of multicast in general (RFC 1112).
 *
 * A datagram to a group reaches everybody on the link whose interface listens to it. A router only
 * forwards a group onto a link where somebody wants it, so it asks (a query), and a host answers for
 * each group it is in (a report). One answer for a group is enough, whoever gives it: therefore a
 * host waits a random time first, and keeps silent when it hears another's report for the same
 * group. Reports go to the group itself, so that the other members hear them.
 *
 * One machine for each group and interface, RFC 2236 section 6:
 *
 *                                 +------------+
 *          leave (send leave if   |            |  leave (stop timer, send leave if the flag is set)
 *             the flag is set)    |    Non-    |
 *        +----------------------->|   Member   |<----------------------+
 *        |                        |            |                       |
 *        |                        +------------+                       |
 *        |                              | join (send report, set flag, |
 *        |                              |       start timer)           |
 *        |   query (start timer)        v                              |
 *   +----------+                  +------------+                       |
 *   |   Idle   |----------------->|  Delaying  |-----------------------+
 *   |  Member  |<-----------------|   Member   |---+ query (start the timer anew, if it
 *   +----------+  timer (send     +------------+<--+   would run longer than the query allows)
 *                 report, set flag);
 *                 report of another (stop timer, clear flag)
 *
 * igmp_become() is the only writer of a state. The report of a join is repeated once, at a random
 * moment of the next ten seconds, because the first may be lost: the same timer does it.
 *
 * Version 1. A router that speaks version 1 only (its queries have a maximum response time of 0)
 * does not understand our reports. For 400 s after such a query reports have the old type, and
 * leaves, which it could not read, are not sent. ip_config.igmp = 1 is that for ever, 0 is silence:
 * then groups are received as the link delivers them, and messages are a protocol nobody speaks.
 *
 * Every message leaves with TTL 1, the Router Alert option and, as in Linux, TOS 0xc0. Nothing is
 * sent from input: who has something to say stands in a list, each member once, that
 * igmp_output_due() empties. While the interface has no address yet (it is being probed), a report
 * waits and is tried again every second; without one, routers on the path would not take it.
 *
 * Hostile input. A message is believed that came to a group (not to us alone), with a good checksum
 * over all of it; a general query must have come to 224.0.0.1, one about a group, and a report, to
 * that group; a report, which would silence ours, from a subnet of the interface (RFC 2236 section
 * 10). Queries also from 0.0.0.0, as bridges send them that have no address (RFC 4541). Any number of
 * queries makes at most one report a group for each random delay, and no message creates a record.
 *
 * Limits: the table is bounded (ip_config.groups), and so is each interface's filter (ETH_GROUPS).
 * No source filters: version 3 (RFC 3376) is not spoken; its queries are understood as version 2's.
 */
#include "l3_network/ip4.h"

#include <errno.h>

#define IGMP_V1_TIMEOUT       NET_SEC(400) /* RFC 2236 section 8.12: Version 1 Router Present */
#define IGMP_UNSOLICITED_MS   10000        /* section 8.10: Unsolicited Report Interval */
#define IGMP_V1_MAX_RESP_MS   10000        /* section 4: what a version 1 query means by 0 */
#define IGMP_MAX_RESP_UNIT_MS 100
#define IGMP_RETRY            NET_SEC(1)
enum { IGMP_TOS = 0xc0 }; /* internetwork control */

static const char *const igmp_states[] = {"NON_MEMBER", "DELAYING_MEMBER", "IDLE_MEMBER"};

void igmp_cut(struct igmp *ig, struct region *r, uint32_t groups)
{
    slab_cut(&ig->groups, r, sizeof(struct igmp_group), groups);
    hash_cut(&ig->by_addr, r, groups);
}

void igmp_init(struct ip_layer *ip)
{
    timer_wheel_init(&ip->igmp.wheel, ip->c->now);
    ip->igmp.due_first = NULL;
    ip->igmp.due_end = &ip->igmp.due_first;
}

/* No key: only this host's own programs choose which groups are in the table. */
static uint32_t igmp_hash(uint8_t ifi, uint32_t group)
{
    return group ^ (uint32_t)ifi << 8;
}

static struct igmp_group *igmp_find(const struct ip_layer *ip, uint8_t ifi, uint32_t group)
{
    uint32_t hash = igmp_hash(ifi, group);

    for (struct hash_node *n = hash_first(&ip->igmp.by_addr, hash); n != NULL; n = n->next) {
        struct igmp_group *g = container_of(n, struct igmp_group, by_addr);

        if (g->addr == group && g->ifi == ifi)
            return g;
    }
    return NULL;
}

bool igmp_is_member(const struct ip_layer *ip, uint8_t ifi, uint32_t group)
{
    return group == IP4_ALL_HOSTS || igmp_find(ip, ifi, group) != NULL;
}

unsigned igmp_version(const struct ip_layer *ip, uint8_t ifi)
{
    if (ip->cfg.igmp == 2 && ip->c->now < ip->ifs[ifi].igmp_v1_until)
        return 1;
    return ip->cfg.igmp;
}

/* ---- The machine ---- */

static void igmp_become(struct ip_layer *ip, struct igmp_group *g, enum igmp_state to,
                        const char *cause)
{
    if (trace_on(&ip->c->trace, TRACE_igmp)) {
        struct trace_ev ev = core_trace(ip->c, TRACE_igmp);

        ev.u.igmp =
            (struct trace_igmp){ip_addr_v4(g->addr), igmp_states[g->state], igmp_states[to], cause};
        core_trace_emit(ip->c, &ev);
    }
    g->state = (uint8_t)to;
}

/* @g has something to say at the next opportunity: as a member a report, else a leave. */
static void igmp_due(struct ip_layer *ip, struct igmp_group *g)
{
    if (g->due)
        return;
    g->due = true;
    g->next_due = NULL;
    *ip->igmp.due_end = g;
    ip->igmp.due_end = &g->next_due;
}

static void igmp_start_timer(struct ip_layer *ip, struct igmp_group *g, uint32_t max_ms)
{
    net_time delay = NET_MS(prng_below(&ip->c->prng, max_ms) + 1);

    timer_arm(&ip->igmp.wheel, &g->timer, ip->c->now + delay);
}

/* The interface of a membership for which the user named none. */
static int igmp_interface(const struct ip_layer *ip, uint32_t group, int ifi)
{
    if (group >> 28 != 0xe || group == 0xe0000000) /* RFC 1112 section 4: nobody's */
        return -EINVAL;
    if (ifi != IP_ANY_IF)
        return ifi >= 0 && ifi < ip->if_count ? ifi : -ENODEV;
    ifi = ip4_link_for_group(ip, group, IP_ANY_IF);
    return ifi >= 0 ? ifi : -ENODEV;
}

int ip_group_join(struct ip_layer *ip, struct ip_addr group, int ifi)
{
    uint32_t addr = ip_addr_to_v4(group);

    ifi = ip_addr_is_v4(group) ? igmp_interface(ip, addr, ifi) : -EINVAL;
    if (ifi < 0 || addr == IP4_ALL_HOSTS)
        return ifi;
    struct igmp_group *g = igmp_find(ip, (uint8_t)ifi, addr);

    if (g != NULL) {
        if (g->users == UINT16_MAX)
            return -ENOBUFS;
        g->users++;
        return ifi;
    }
    int rc = eth_join(ip->ifs[ifi].eth, ip4_group_mac(addr));

    if (rc < 0)
        return rc;
    g = slab_alloc(&ip->igmp.groups);
    if (g == NULL) {
        eth_leave(ip->ifs[ifi].eth, ip4_group_mac(addr));
        return -ENOBUFS;
    }
    *g = (struct igmp_group){.addr = addr, .users = 1, .ifi = (uint8_t)ifi};
    hash_add(&ip->igmp.by_addr, &g->by_addr, igmp_hash(g->ifi, addr));
    if (ip->cfg.igmp == 0) {
        igmp_become(ip, g, IGMP_IDLE_MEMBER, "join");
        return ifi;
    }
    igmp_due(ip, g);
    igmp_start_timer(ip, g, IGMP_UNSOLICITED_MS);
    igmp_become(ip, g, IGMP_DELAYING_MEMBER, "join");
    return ifi;
}

int ip_group_leave(struct ip_layer *ip, struct ip_addr group, int ifi)
{
    uint32_t addr = ip_addr_to_v4(group);

    ifi = ip_addr_is_v4(group) ? igmp_interface(ip, addr, ifi) : -EINVAL;
    if (ifi < 0 || addr == IP4_ALL_HOSTS)
        return ifi < 0 ? ifi : 0;
    struct igmp_group *g = igmp_find(ip, (uint8_t)ifi, addr);

    if (g == NULL)
        return -ENOENT;
    if (--g->users > 0)
        return 0;
    timer_stop(&ip->igmp.wheel, &g->timer);
    hash_del(&ip->igmp.by_addr, &g->by_addr);
    eth_leave(ip->ifs[ifi].eth, ip4_group_mac(addr));
    igmp_become(ip, g, IGMP_NON_MEMBER, "leave");
    g->users = 0;
    if (g->last_reporter)
        igmp_due(ip, g);
    if (!g->due) /* else igmp_speak() gives it back */
        slab_free(&ip->igmp.groups, g);
    return 0;
}

void igmp_tick(struct ip_layer *ip, net_time now)
{
    struct timer *t;

    while ((t = timer_expired(&ip->igmp.wheel, now)) != NULL) {
        struct igmp_group *g = container_of(t, struct igmp_group, timer);

        igmp_due(ip, g);
        igmp_become(ip, g, IGMP_IDLE_MEMBER, "timer");
    }
}

net_time igmp_deadline(const struct ip_layer *ip)
{
    return ip->igmp.due_first != NULL ? ip->c->now : timer_deadline(&ip->igmp.wheel);
}

/* ---- Input ---- */

static void igmp_asked(struct ip_layer *ip, struct igmp_group *g, uint32_t max_ms)
{
    if (timer_is_armed(&g->timer) && g->timer.at - ip->c->now <= NET_MS(max_ms))
        return; /* it reports in time as it is */
    igmp_start_timer(ip, g, max_ms);
    igmp_become(ip, g, IGMP_DELAYING_MEMBER, "rcv query");
}

static enum verdict igmp_query(struct ip_layer *ip, const struct pkt *p, const struct igmp_msg *m)
{
    uint32_t dst = ip_addr_to_v4(p->dst), max_ms = m->max_resp * (uint32_t)IGMP_MAX_RESP_UNIT_MS;
    struct igmp *ig = &ip->igmp;

    if (dst != (m->group == 0 ? IP4_ALL_HOSTS : m->group))
        return V_DROP_IGMP_GROUP;
    ig->stats.rx_queries++;
    if (m->max_resp == 0)
        ip->ifs[p->ifi].igmp_v1_until = ip->c->now + IGMP_V1_TIMEOUT;
    if (m->max_resp == 0 || ip->cfg.igmp == 1)
        max_ms = IGMP_V1_MAX_RESP_MS;
    for (uint32_t i = 0; i < ig->groups.frontier; i++) {
        struct igmp_group *g = slab_at(&ig->groups, i);

        if (g->users > 0 && g->ifi == p->ifi && (m->group == 0 || m->group == g->addr))
            igmp_asked(ip, g, max_ms);
    }
    return V_DONE;
}

static bool igmp_on_subnet(const struct ip_if *f, uint32_t a)
{
    for (uint8_t k = 0; k < f->addr_count; k++)
        if (((f->addr[k].addr ^ a) & route_mask(f->addr[k].prefix)) == 0)
            return true;
    return false;
}

/* Somebody else has told the router. */
static enum verdict igmp_report(struct ip_layer *ip, const struct pkt *p, const struct igmp_msg *m)
{
    if (ip_addr_to_v4(p->dst) != m->group)
        return V_DROP_IGMP_GROUP;
    if (!igmp_on_subnet(&ip->ifs[p->ifi], ip_addr_to_v4(p->src)))
        return V_DROP_IGMP_SOURCE;
    struct igmp_group *g = igmp_find(ip, p->ifi, m->group);

    ip->igmp.stats.rx_reports++;
    if (g != NULL && g->state == IGMP_DELAYING_MEMBER) {
        timer_stop(&ip->igmp.wheel, &g->timer);
        g->last_reporter = false;
        igmp_become(ip, g, IGMP_IDLE_MEMBER, "rcv report");
    }
    return V_DONE;
}

enum verdict igmp_input(struct ip_layer *ip, const struct pkt *p)
{
    struct igmp_msg m;
    enum verdict v = igmp_parse(&m, pkt_span(p));

    if (v != V_NEXT)
        return v;
    if (p->l3_cast != CAST_MULTICAST)
        return V_DROP_IGMP_UNICAST;
    ip->igmp.stats.rx++;
    switch (m.type) {
    case IGMP_QUERY:
        return igmp_query(ip, p, &m);
    case IGMP_V1_REPORT:
    case IGMP_V2_REPORT:
        return igmp_report(ip, p, &m);
    default: /* RFC 2236 section 2.1: leaves are the routers' affair, unknown types nobody's */
        return V_DROP_IGMP_TYPE;
    }
}

/* ---- Output ---- */

static void igmp_send(struct ip_layer *ip, const struct igmp_group *g, uint8_t type, uint32_t src,
                      uint32_t dst)
{
    struct pkt *p = pkt_alloc(&ip->c->pkts, PKT_HEADROOM);

    if (p == NULL) { /* the next query will be answered */
        net_drop(ip->c, NULL, V_DROP_PKT_POOL);
        return;
    }
    igmp_emit(&(struct igmp_msg){.type = type, .group = g->addr}, pkt_append(p, IGMP_LEN));
    struct ip_send s = {.src = ip_addr_v4(src),
                        .dst = ip_addr_v4(dst),
                        .proto = IP_PROTO_IGMP,
                        .tos = IGMP_TOS,
                        .ttl = 1,
                        .df = true}; /* and the Router Alert option, as ip_output() knows */

    (void)ip_output(ip, p, &s); /* a failure is counted there */
}

static void igmp_speak(struct ip_layer *ip, struct igmp_group *g)
{
    uint32_t src = ip4_choose_source(ip, g->ifi, g->addr);

    if (g->state == IGMP_NON_MEMBER) {
        /* Who never said that it had joined need not say that it leaves. */
        if (src != 0 && g->last_reporter && igmp_version(ip, g->ifi) == 2) {
            ip->igmp.stats.tx_leaves++;
            igmp_send(ip, g, IGMP_LEAVE, src, IP4_ALL_ROUTERS);
        }
        slab_free(&ip->igmp.groups, g);
    } else if (src == 0) {
        timer_arm(&ip->igmp.wheel, &g->timer, ip->c->now + IGMP_RETRY);
        igmp_become(ip, g, IGMP_DELAYING_MEMBER, "no address");
    } else {
        ip->igmp.stats.tx_reports++;
        g->last_reporter = true;
        igmp_send(ip, g, igmp_version(ip, g->ifi) == 1 ? IGMP_V1_REPORT : IGMP_V2_REPORT, src,
                  g->addr);
    }
}

void igmp_output_due(struct ip_layer *ip)
{
    struct igmp_group *g;

    while ((g = ip->igmp.due_first) != NULL) {
        ip->igmp.due_first = g->next_due;
        if (g->next_due == NULL)
            ip->igmp.due_end = &ip->igmp.due_first;
        g->due = false;
        igmp_speak(ip, g);
    }
}

/* ---- Looking at it ---- */

bool igmp_each(const struct ip_layer *ip, uint32_t *at, struct igmp_info *info)
{
    const struct slab *s = &ip->igmp.groups;

    for (; *at < s->frontier; (*at)++) {
        const struct igmp_group *g = slab_at(s, *at);

        if (g->users == 0)
            continue;
        *info = (struct igmp_info){.group = g->addr,
                                   .ifi = g->ifi,
                                   .users = g->users,
                                   .state = igmp_states[g->state],
                                   .last_reporter = g->last_reporter};
        if (timer_is_armed(&g->timer))
            info->report_in = g->timer.at - ip->c->now;
        (*at)++;
        return true;
    }
    return false;
}
