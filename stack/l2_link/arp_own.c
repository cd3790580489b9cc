/*
 * Our own addresses, and others who claim them: IPv4 address conflict detection (RFC 5227).
 *
 *     arp_own_add --> PROBING --3 probes unanswered--> OURS  (announced twice, 2 s apart)
 *                        |                              |
 *                 somebody has it                somebody claims it
 *                        v                              v
 *                      TAKEN                     defended, and kept
 *
 * Before an address is used it is probed: requests whose sender address is zero, so that nobody's
 * cache learns from them. Whoever answers, uses or probes the address at that time has won, and we
 * never use it. While probing we answer nobody. There is no probing later on: once ours, an address
 * is only watched.
 *
 * When a station claims an address that is ours, we announce it again, but at most once in
 * DEFEND_INTERVAL, and keep it (section 2.4 (c), the choice of a host whose connections matter more
 * than the quarrel; so do servers everywhere). Two stubborn hosts then cost the network one frame each
 * in ten seconds. The claim never enters the cache.
 *
 * Of hosts that are twins (base/core.h) one does all this; the others (arp_config.quiet) take the address
 * for theirs at once and say nothing.
 *
 * Trying another address after a conflict (MAX_CONFLICTS, RATE_LIMIT_INTERVAL) is up to whoever
 * chooses addresses; this module is told which to take and says what became of it.
 */
#include "l2_link/arp.h"

#include <errno.h>

enum { ARP_PROBE_NUM = 3, ARP_ANNOUNCE_NUM = 2 }; /* RFC 5227 section 1.1 */

static struct arp_own_addr *arp_own_find(struct arp *a, uint32_t ip)
{
    for (unsigned i = 0; i < ARP_ADDRS; i++) {
        if (a->own[i].state != ARP_OWN_FREE && a->own[i].ip == ip)
            return &a->own[i];
    }
    return NULL;
}

static void arp_own_trace(struct arp *a, const struct arp_own_addr *o, struct mac other,
                          const char *what, const char *why)
{
    if (!trace_on(&a->c->trace, TRACE_conflict))
        return;
    struct trace_ev ev = core_trace(a->c, TRACE_conflict);

    ev.why = why;
    ev.rfc = "RFC 5227";
    ev.u.conflict = (struct trace_conflict){.ip = ip_addr_v4(o->ip), .mac = other, .what = what};
    core_trace_emit(a->c, &ev);
}

static void arp_own_say(struct arp *a, struct arp_own_addr *o, enum arp_say say)
{
    o->say = (uint8_t)say;
    a->own_due = true;
}

/* A moment between @min and @max from now: hosts switched on together must not talk together. */
static net_time arp_own_random(struct arp *a, net_time min, net_time max)
{
    net_time span = max > min ? max - min : 0;

    return a->c->now + min + (net_time)(prng_u64(&a->c->prng) % (uint64_t)(span + 1));
}

int arp_own_add(struct arp *a, uint32_t ip)
{
    struct arp_own_addr *o = NULL;

    NET_ASSERT(ip != 0);
    if (arp_own_find(a, ip) != NULL)
        return -EEXIST;
    for (unsigned i = 0; i < ARP_ADDRS && o == NULL; i++) {
        if (a->own[i].state == ARP_OWN_FREE)
            o = &a->own[i];
    }
    if (o == NULL)
        return -ENOBUFS;
    (void)arp_del(a, ip); /* what is ours is nobody else's */
    *o = (struct arp_own_addr){.ip = ip, .defend_from = a->c->now};
    a->c->way_epoch++;
    if (a->cfg.quiet) {
        o->state = ARP_OWN_OURS;
    } else if (a->cfg.detect) {
        o->state = ARP_OWN_PROBING;
        o->announce = ARP_ANNOUNCE_NUM;
        timer_arm(&a->wheel, &o->timer, arp_own_random(a, 0, a->cfg.probe_wait));
    } else {
        o->state = ARP_OWN_OURS;
        o->announce = 1;
        o->sent = 1;
        arp_own_say(a, o, ARP_SAY_ANNOUNCE);
    }
    return 0;
}

void arp_own_del(struct arp *a, uint32_t ip)
{
    struct arp_own_addr *o = arp_own_find(a, ip);

    if (o == NULL)
        return;
    timer_stop(&a->wheel, &o->timer);
    o->state = ARP_OWN_FREE;
    a->c->way_epoch++;
    o->say = ARP_SAY_NOTHING;
}

void arp_own_subnet(struct arp *a, uint32_t ip, uint8_t prefix)
{
    struct arp_own_addr *o = arp_own_find(a, ip);

    NET_ASSERT(prefix <= 32);
    if (o != NULL)
        o->mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

enum arp_own arp_own_state(const struct arp *a, uint32_t ip, struct mac *other)
{
    for (unsigned i = 0; i < ARP_ADDRS; i++) {
        const struct arp_own_addr *o = &a->own[i];

        if (o->state == ARP_OWN_FREE || o->ip != ip)
            continue;
        if (other != NULL)
            *other = o->other;
        return (enum arp_own)o->state;
    }
    return ARP_OWN_FREE;
}

bool arp_own_usable(const struct arp *a, uint32_t ip)
{
    return arp_own_state(a, ip, NULL) == ARP_OWN_OURS;
}

uint32_t arp_own_source(const struct arp *a, uint32_t ip)
{
    uint32_t source = 0;

    for (unsigned i = 0; i < ARP_ADDRS; i++) {
        const struct arp_own_addr *o = &a->own[i];

        if (o->state != ARP_OWN_OURS)
            continue;
        if (o->mask != 0 && ((o->ip ^ ip) & o->mask) == 0)
            return o->ip; /* the address in the neighbour's own subnet: he can answer that one */
        if (source == 0)
            source = o->ip;
    }
    return source;
}

bool arp_own_broadcast(const struct arp *a, uint32_t ip)
{
    for (unsigned i = 0; i < ARP_ADDRS; i++) {
        const struct arp_own_addr *o = &a->own[i];
        uint32_t host = ~o->mask;

        if (o->state == ARP_OWN_FREE || o->mask == 0 || host <= 1) /* RFC 3021: /31 has none */
            continue;
        if (((o->ip ^ ip) & o->mask) == 0 && ((ip & host) == 0 || (ip & host) == host))
            return true;
    }
    return false;
}

bool arp_own_timer(struct arp *a, struct timer *t)
{
    struct arp_own_addr *o = NULL;

    for (unsigned i = 0; i < ARP_ADDRS && o == NULL; i++) {
        if (t == &a->own[i].timer)
            o = &a->own[i];
    }
    if (o == NULL)
        return false;
    if (o->state == ARP_OWN_PROBING && o->sent < ARP_PROBE_NUM) { /* section 2.1.1 */
        o->sent++;
        arp_own_say(a, o, ARP_SAY_PROBE);
        timer_arm(&a->wheel, &o->timer,
                  o->sent < ARP_PROBE_NUM ? arp_own_random(a, a->cfg.probe_min, a->cfg.probe_max)
                                          : a->c->now + a->cfg.announce_wait);
        return true;
    }
    if (o->state == ARP_OWN_PROBING) { /* nobody objected */
        o->state = ARP_OWN_OURS;
        a->c->way_epoch++;
        o->sent = 0;
        o->defend_from = a->c->now;
    }
    o->sent++;
    arp_own_say(a, o, ARP_SAY_ANNOUNCE); /* section 2.3 */
    if (o->sent < o->announce)
        timer_arm(&a->wheel, &o->timer, a->c->now + a->cfg.announce_interval);
    return true;
}

void arp_own_due(struct arp *a)
{
    a->own_due = false;
    for (unsigned i = 0; i < ARP_ADDRS; i++) {
        struct arp_own_addr *o = &a->own[i];
        struct arp_pkt pkt = {.op = ARP_REQUEST, .sha = a->eth->mac, .tpa = o->ip};

        if (o->say == ARP_SAY_NOTHING)
            continue;
        if (o->say == ARP_SAY_ANNOUNCE)
            pkt.spa = o->ip;
        arp_own_trace(a, o, (struct mac){{0}}, o->say == ARP_SAY_PROBE ? "probe" : "announce",
                      NULL);
        o->say = ARP_SAY_NOTHING;
        arp_send(a, MAC_BROADCAST, &pkt);
    }
}

/* Section 2.1.1: somebody has the address we wanted, or wants it at the same time. */
static void arp_own_taken(struct arp *a, struct arp_own_addr *o, struct mac other)
{
    arp_own_trace(a, o, other, "claimed", "another station has the address or probes it too");
    timer_stop(&a->wheel, &o->timer);
    o->state = ARP_OWN_TAKEN;
    o->say = ARP_SAY_NOTHING;
    o->other = other;
    arp_own_trace(a, o, other, "give-up", "the address is not used");
}

/* Section 2.4: defend, but not more often than once in DEFEND_INTERVAL. */
static void arp_own_defend(struct arp *a, struct arp_own_addr *o, struct mac other)
{
    arp_own_trace(a, o, other, "claimed", "another station says that our address is its own");
    if (a->cfg.quiet || a->c->now < o->defend_from)
        return;
    o->defend_from = a->c->now + a->cfg.defend_interval;
    arp_own_say(a, o, ARP_SAY_ANNOUNCE);
    arp_own_trace(a, o, other, "defend", "announced once more; the address is kept");
}

enum verdict arp_own_input(struct arp *a, const struct arp_pkt *pkt)
{
    /* A probe has no sender address; what it is about is the target (section 2.1.1, last rule). */
    bool is_probe = pkt->spa == 0 && pkt->op == ARP_REQUEST;
    struct arp_own_addr *o = arp_own_find(a, is_probe ? pkt->tpa : pkt->spa);

    if (o == NULL)
        return V_NEXT;
    if (o->state == ARP_OWN_PROBING) {
        arp_own_taken(a, o, pkt->sha);
        return V_DROP_ARP_CONFLICT;
    }
    if (is_probe || o->state == ARP_OWN_TAKEN)
        return V_NEXT; /* a probe for what is ours is answered like any request (section 2.5) */
    arp_own_defend(a, o, pkt->sha);
    return V_DROP_ARP_CONFLICT;
}
