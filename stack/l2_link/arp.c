/*
 * The neighbour cache: which Ethernet address has an IPv4 neighbour (RFC 826, RFC 1122 2.3.2).
 *
 *              first use             answer              cfg.reachable later
 *     (NONE) ------------> INCOMPLETE ------> REACHABLE <------------------> STALE
 *                              |                  ^        confirmed           |
 *                    no answer |           answer |                            | next use
 *                              v                  |       no answer            v
 *                           FAILED <-----------------------------------------PROBE
 *
 * INCOMPLETE: broadcast requests, one a second, and the packets wait, the latest few of them
 * (RFC 1122 section 2.3.2.2). FAILED: remembered for cfg.failed, during which nothing is asked and
 * packets are refused at once; so no destination costs more than one request a second (section
 * 2.3.2.1). STALE: still used, but on its next use the neighbour is asked, by unicast first (that
 * is the unicast poll of 2.3.2.1) and with the last try by broadcast, in case it moved to another
 * card. What the layers above hear of a neighbour saves the question (arp_confirm) or hastens it
 * (arp_doubt). Entries that nobody uses are forgotten after cfg.stale. There is one timer an
 * entry, which is moved lazily: traffic only writes down the time.
 *
 * What is believed. ARP has no security; the aim is that a stranger gets as little as possible:
 *  - an entry is created only for one who asks for an address of ours, or by our own question;
 *    announcements and answers nobody asked for only change what is known (RFC 826, "merge");
 *  - a new hardware address that comes unasked makes the entry STALE, so that it is verified;
 *  - the sender's hardware address must be the frame's source and no group address;
 *  - the table is bounded. Entries that were never used make room first, then the least recently
 *    used, never one used within the last second; questions without an answer yet take at most
 *    half of the table. So neither 20,000 forged senders nor a scan of a large subnet through us
 *    displaces neighbours that we talk to.
 *
 * Input never sends. What it and the timers decide to send is noted - replies in a small ring,
 * requests and releases as a list of entries - and leaves with arp_output_due().
 */
#include "l2_link/arp.h"

#include <errno.h>

enum arp_list { ARP_LIST_NONE, ARP_LIST_IDLE, ARP_LIST_USED };

struct arp_entry {
    struct hash_node node;
    struct timer timer;
    struct arp_link lru; /* in a->idle or a->used */
    struct arp_link due; /* in a->due */
    struct pktq pending;
    uint32_t ip;
    struct mac mac;
    uint8_t state; /* enum arp_state; only arp_enter() writes it */
    uint8_t list;  /* enum arp_list */
    bool in_due;
    bool ask;      /* a request is to be sent */
    uint32_t sent; /* requests since the state was entered */
    net_time asked, used, confirmed;
};

#define ARP_INTERVAL NET_SEC(1) /* between two requests to one destination */

static void arp_list_init(struct arp_link *head)
{
    head->prev = head->next = head;
}
static void arp_list_add(struct arp_link *head, struct arp_link *l)
{
    l->next = head;
    l->prev = head->prev;
    head->prev->next = l;
    head->prev = l;
}
static void arp_list_del(struct arp_link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
}

void arp_config_default(struct arp_config *cfg)
{
    *cfg = (struct arp_config){
        .entries = 512,
        .pending = 4,
        .pending_total = 256,
        .reachable = NET_SEC(30),
        .stale = NET_SEC(600),
        .failed = NET_SEC(1),
        .requests = 3,
        .detect = true,
        .probe_wait = NET_SEC(1),
        .probe_min = NET_SEC(1),
        .probe_max = NET_SEC(2),
        .announce_wait = NET_SEC(2),
        .announce_interval = NET_SEC(2),
        .defend_interval = NET_SEC(10),
    };
}

void arp_cut(struct arp *a, const struct arp_config *cfg, struct region *r)
{
    a->cfg = *cfg;
    slab_cut(&a->entries, r, sizeof(struct arp_entry), cfg->entries);
    hash_cut(&a->table, r, cfg->entries);
}

void arp_init(struct arp *a, struct core *c, struct eth *eth)
{
    a->c = c;
    a->eth = eth;
    timer_wheel_init(&a->wheel, c->now);
    memset(a->own, 0, sizeof(a->own));
    a->own_due = false;
    arp_list_init(&a->idle);
    arp_list_init(&a->used);
    arp_list_init(&a->due);
    a->failures = a->incomplete = a->pending = a->reply_head = a->reply_count = 0;
}

const char *arp_state_name(enum arp_state s)
{
    static const char *const names[] = {"NONE",  "INCOMPLETE", "REACHABLE",
                                        "STALE", "PROBE",      "FAILED"};

    NET_ASSERT(s <= ARP_FAILED);
    return names[s];
}

/* Finding, and the lists. */

static uint32_t arp_hash(const struct arp *a, uint32_t ip)
{
    uint64_t word = ip;

    return siphash_table(&a->c->key, &word, 1);
}

static struct arp_entry *arp_find(const struct arp *a, uint32_t ip)
{
    uint32_t hash = arp_hash(a, ip);

    for (struct hash_node *n = hash_first(&a->table, hash); n != NULL; n = n->next) {
        struct arp_entry *e = container_of(n, struct arp_entry, node);

        if (n->hash == hash && e->ip == ip)
            return e;
    }
    return NULL;
}

/* The entry of @ip, where the hint says or elsewhere. A forgotten entry has no state, and an address
 * never has two. */
static inline struct arp_entry *arp_find_at(const struct arp *a, uint32_t ip,
                                            struct arp_entry **hint)
{
    struct arp_entry *e = *hint;

    if (unlikely(e == NULL || e->ip != ip || e->state == ARP_NONE))
        *hint = e = arp_find(a, ip);
    return e;
}

static bool arp_has_mac(const struct arp_entry *e)
{
    return e->state == ARP_REACHABLE || e->state == ARP_STALE || e->state == ARP_PROBE;
}

static void arp_move(struct arp *a, struct arp_entry *e, enum arp_list list)
{
    if (e->list != ARP_LIST_NONE)
        arp_list_del(&e->lru);
    e->list = (uint8_t)list;
    if (list == ARP_LIST_IDLE)
        arp_list_add(&a->idle, &e->lru);
    else if (list == ARP_LIST_USED)
        arp_list_add(&a->used, &e->lru);
}

static void arp_due(struct arp *a, struct arp_entry *e)
{
    if (e->in_due)
        return;
    e->in_due = true;
    arp_list_add(&a->due, &e->due);
}

/* Packets that wait. */

static void arp_drop_oldest(struct arp *a, struct arp_entry *e, enum verdict why)
{
    struct pkt *p = pktq_pop(&e->pending);

    a->pending--;
    net_drop(a->c, p, why);
    pkt_release(p);
}

/* Keep @p until @e is resolved: the latest are worth most (RFC 1122 section 2.3.2.2). */
static void arp_hold(struct arp *a, struct arp_entry *e, struct pkt *p)
{
    if (!pkt_linearize(p)) { /* its tail lives in a ring that will be reused */
        net_drop(a->c, p, V_DROP_ARP_UNRESOLVED);
        pkt_release(p);
        return;
    }
    if (e->pending.len > 0 &&
        (e->pending.len >= a->cfg.pending || a->pending >= a->cfg.pending_total))
        arp_drop_oldest(a, e, V_DROP_ARP_QUEUE_FULL);
    if (a->cfg.pending == 0 || a->pending >= a->cfg.pending_total) {
        net_drop(a->c, p, V_DROP_ARP_QUEUE_FULL);
        pkt_release(p);
        return;
    }
    pktq_push(&e->pending, p);
    a->pending++;
}

static void arp_release(struct arp *a, struct arp_entry *e)
{
    struct pkt *p;

    while ((p = pktq_pop(&e->pending)) != NULL) {
        a->pending--;
        eth_output(a->eth, p, e->mac, ETH_TYPE_IP4);
    }
}

/* States. */

/* The only writer of an entry's state; timer and lists follow from it. */
static void arp_enter(struct arp *a, struct arp_entry *e, enum arp_state to, const char *why)
{
    enum arp_state from = (enum arp_state)e->state;
    net_time now = a->c->now;

    if (trace_on(&a->c->trace, TRACE_arp)) {
        struct trace_ev ev = core_trace(a->c, TRACE_arp);

        ev.why = why;
        ev.u.arp =
            (struct trace_arp){ip_addr_v4(e->ip), e->mac, arp_state_name(from), arp_state_name(to)};
        core_trace_emit(a->c, &ev);
    }
    if (from == ARP_INCOMPLETE)
        a->incomplete--;
    e->state = (uint8_t)to;
    e->sent = 0;
    switch (to) {
    case ARP_NONE:
        timer_stop(&a->wheel, &e->timer);
        break;
    case ARP_INCOMPLETE:
        a->incomplete++;
        arp_move(a, e, ARP_LIST_NONE); /* in use: nobody may take its place */
        break;                         /* arp_ask() sets the timer */
    case ARP_REACHABLE:
        e->confirmed = now;
        timer_arm(&a->wheel, &e->timer, now + a->cfg.reachable);
        break;
    case ARP_STALE:
        timer_arm(&a->wheel, &e->timer, now + a->cfg.stale);
        break;
    case ARP_PROBE:
        break;
    case ARP_FAILED:
        e->ask = false;
        arp_move(a, e, ARP_LIST_IDLE);
        timer_arm(&a->wheel, &e->timer, now + a->cfg.failed);
        break;
    }
    if (from == ARP_INCOMPLETE && arp_has_mac(e))
        arp_move(a, e, ARP_LIST_USED);
}

static void arp_forget(struct arp *a, struct arp_entry *e, enum verdict pending_why,
                       const char *why)
{
    while (e->pending.len > 0)
        arp_drop_oldest(a, e, pending_why);
    arp_enter(a, e, ARP_NONE, why);
    arp_move(a, e, ARP_LIST_NONE);
    if (e->in_due)
        arp_list_del(&e->due);
    hash_del(&a->table, &e->node);
    slab_free(&a->entries, e);
}

/* May @l, the first of its list, make room for another? */
static bool arp_evictable(const struct arp *a, const struct arp_link *l, net_time spare)
{
    const struct arp_entry *e = container_of(l, const struct arp_entry, lru);

    return !e->in_due && (e->used > e->asked ? e->used : e->asked) <= a->c->now - spare;
}

/* A new entry without a state; NULL: the table is full of entries in use. */
static struct arp_entry *arp_new(struct arp *a, uint32_t ip)
{
    if (a->entries.used == a->entries.count) {
        struct arp_link *l = NULL;

        if (a->idle.next != &a->idle && arp_evictable(a, a->idle.next, 0))
            l = a->idle.next;
        else if (a->used.next != &a->used && arp_evictable(a, a->used.next, ARP_INTERVAL))
            l = a->used.next;
        if (l == NULL)
            return NULL;
        arp_forget(a, container_of(l, struct arp_entry, lru), V_DROP_ARP_TABLE_FULL,
                   "made room for another");
    }
    struct arp_entry *e = slab_alloc(&a->entries);

    if (e == NULL)
        return NULL;
    /* Nothing was asked or used yet: long enough ago for every comparison. */
    *e = (struct arp_entry){.ip = ip, .asked = -ARP_INTERVAL, .used = -ARP_INTERVAL};
    hash_add(&a->table, &e->node, arp_hash(a, ip));
    return e;
}

/* Note that a request to @e is due, and when to look again. */
static void arp_ask(struct arp *a, struct arp_entry *e)
{
    e->ask = true;
    e->sent++;
    e->asked = a->c->now;
    timer_arm(&a->wheel, &e->timer, a->c->now + ARP_INTERVAL);
    arp_due(a, e);
}

/* The neighbour is silent. */
static void arp_fail(struct arp *a, struct arp_entry *e)
{
    struct pkt *p;

    a->failures++;
    arp_enter(a, e, ARP_FAILED, "no answer");
    while ((p = pktq_pop(&e->pending)) != NULL) {
        a->pending--;
        net_drop(a->c, p, V_DROP_ARP_UNRESOLVED);
        pktq_push(&a->c->unreached, p); /* their senders are told (RFC 1122 section 2.3.2.2) */
    }
}

static void arp_timer(struct arp *a, struct arp_entry *e)
{
    net_time now = a->c->now, last;

    switch ((enum arp_state)e->state) {
    case ARP_INCOMPLETE:
    case ARP_PROBE:
        if (e->sent < a->cfg.requests)
            arp_ask(a, e);
        else
            arp_fail(a, e);
        break;
    case ARP_REACHABLE:
        if (e->confirmed + a->cfg.reachable > now)
            timer_arm(&a->wheel, &e->timer, e->confirmed + a->cfg.reachable);
        else
            arp_enter(a, e, ARP_STALE, "not confirmed for some time");
        break;
    case ARP_STALE:
        last = e->used > e->confirmed ? e->used : e->confirmed;
        if (last + a->cfg.stale > now)
            timer_arm(&a->wheel, &e->timer, last + a->cfg.stale);
        else
            arp_forget(a, e, V_DROP_ARP_UNRESOLVED, "not used for a long time");
        break;
    case ARP_FAILED:
        arp_forget(a, e, V_DROP_ARP_UNRESOLVED, "may be asked again");
        break;
    case ARP_NONE:
        NET_ASSERT(e->state != ARP_NONE); /* a forgotten entry has no timer */
        break;
    }
}

void arp_tick(struct arp *a, net_time now)
{
    struct timer *t;

    NET_ASSERT(now == a->c->now);
    while ((t = timer_expired(&a->wheel, now)) != NULL) {
        if (!arp_own_timer(a, t))
            arp_timer(a, container_of(t, struct arp_entry, timer));
    }
}

net_time arp_deadline(const struct arp *a)
{
    return arp_output_pending(a) ? a->c->now : timer_deadline(&a->wheel);
}

/* Output. */

void arp_send(struct arp *a, struct mac dst, const struct arp_pkt *pkt)
{
    struct pkt *p = pkt_alloc(&a->c->pkts, PKT_HEADROOM);

    if (p == NULL) {
        net_drop(a->c, NULL, V_DROP_PKT_POOL);
        return;
    }
    arp_emit(pkt, pkt_append(p, ARP_PKT_LEN));
    eth_output(a->eth, p, dst, ETH_TYPE_ARP);
}

/* RFC 826, packet generation. A probe of a known neighbour goes to it alone, but for the last. */
static void arp_request(struct arp *a, struct arp_entry *e)
{
    struct arp_pkt pkt = {
        .op = ARP_REQUEST,
        .sha = a->eth->mac,
        .spa = arp_own_source(a, e->ip),
        .tpa = e->ip,
    };
    bool unicast = e->state == ARP_PROBE && e->sent < a->cfg.requests;

    e->ask = false;
    if (pkt.spa == 0) /* the last address of ours has gone: with 0 it would be a probe */
        return;
    if (unicast)
        pkt.tha = e->mac;
    arp_send(a, unicast ? e->mac : MAC_BROADCAST, &pkt);
}

void arp_output_due(struct arp *a)
{
    for (; a->reply_count > 0; a->reply_count--) {
        arp_send(a, a->reply[a->reply_head].dst, &a->reply[a->reply_head].pkt);
        a->reply_head = (a->reply_head + 1) % ARP_REPLIES;
    }
    if (a->own_due)
        arp_own_due(a);
    while (a->due.next != &a->due) {
        struct arp_entry *e = container_of(a->due.next, struct arp_entry, due);

        arp_list_del(&e->due);
        e->in_due = false;
        if (e->ask)
            arp_request(a, e);
        if (arp_has_mac(e))
            arp_release(a, e);
    }
}

/* First packet for an unknown neighbour: ask, and let it wait. */
static void arp_resolve(struct arp *a, struct pkt *p, uint32_t ip)
{
    struct arp_entry *e = NULL;
    enum verdict why = V_DROP_ARP_TABLE_FULL;

    if (arp_own_source(a, ip) == 0 || arp_own_state(a, ip, NULL) == ARP_OWN_OURS ||
        arp_own_broadcast(a, ip))
        why = V_DROP_ARP_UNRESOLVED; /* nobody to ask as, or nobody to ask for */
    else if (a->incomplete < (a->entries.count + 1) / 2)
        e = arp_new(a, ip);
    if (e == NULL) {
        net_drop(a->c, p, why);
        pkt_release(p);
        return;
    }
    arp_enter(a, e, ARP_INCOMPLETE, "a packet wants to go there");
    e->used = a->c->now;
    arp_ask(a, e);
    arp_hold(a, e, p);
}

void arp_output(struct arp *a, struct pkt *p, uint32_t next_hop, struct arp_entry **hint)
{
    struct arp_entry *e = arp_find_at(a, next_hop, hint);

    if (e == NULL) {
        arp_resolve(a, p, next_hop);
        return;
    }
    e->used = a->c->now;
    switch ((enum arp_state)e->state) {
    case ARP_INCOMPLETE:
        arp_hold(a, e, p);
        return;
    case ARP_FAILED:
        net_drop(a->c, p, V_DROP_ARP_RATE);
        pkt_release(p);
        return;
    case ARP_STALE:
        if (a->c->now - e->asked >= ARP_INTERVAL) {
            arp_enter(a, e, ARP_PROBE, "used, and not confirmed for some time");
            arp_ask(a, e);
        }
        break;
    case ARP_NONE:
    case ARP_REACHABLE:
    case ARP_PROBE:
        break;
    }
    if (e->list != ARP_LIST_USED || e->lru.next != &a->used)
        arp_move(a, e, ARP_LIST_USED);
    if (e->pending.len > 0)
        arp_release(a, e); /* those that waited go first */
    eth_output(a->eth, p, e->mac, ETH_TYPE_IP4);
}

/* Input. */

/* Can these be the addresses of a station? Zero as protocol address is a probe's. */
static bool arp_sender_ok(const struct arp *a, const struct arp_pkt *pkt)
{
    if (mac_is_group(pkt->sha) || mac_is_zero(pkt->sha))
        return false;
    if (pkt->spa == 0)
        return pkt->op == ARP_REQUEST;
    return pkt->spa >> 24 != 0 && pkt->spa >> 24 != 127 && pkt->spa < 0xe0000000 &&
           !arp_own_broadcast(a, pkt->spa);
}

/* RFC 826's merge: somebody whom we know says where he is. */
static void arp_merge(struct arp *a, struct arp_entry *e, const struct arp_pkt *pkt)
{
    bool moved = !mac_eq(e->mac, pkt->sha);
    bool asked = e->state == ARP_INCOMPLETE ||
                 (e->state == ARP_PROBE && pkt->op == ARP_REPLY && arp_own_usable(a, pkt->tpa));

    if (!moved && !asked && e->state != ARP_FAILED)
        return; /* nothing new, and no answer to a question of ours */
    e->mac = pkt->sha;
    if (asked) {
        e->ask = false;
        arp_enter(a, e, ARP_REACHABLE, "it answered");
    } else {
        e->ask = false;
        arp_enter(a, e, ARP_STALE, moved ? "it has another hardware address" : "it is heard again");
    }
    if (e->pending.len > 0)
        arp_due(a, e);
}

/* RFC 826: "?Am I the target?" - then the sender is about to talk to us, and is worth an entry. */
static void arp_learn(struct arp *a, const struct arp_pkt *pkt)
{
    struct arp_entry *e = arp_new(a, pkt->spa);

    if (e == NULL)
        return; /* full of entries in use; the reply does not need one */
    e->mac = pkt->sha;
    arp_enter(a, e, ARP_REACHABLE, "it asks for us");
    arp_move(a, e, ARP_LIST_IDLE);
}

/* Unicast, its fields swapped (RFC 826; RFC 5227 section 2.6). */
static void arp_reply(struct arp *a, const struct arp_pkt *pkt)
{
    if (a->reply_count == ARP_REPLIES) {
        net_drop(a->c, NULL, V_DROP_ETH_TXQ_FULL);
        return;
    }
    uint32_t i = (a->reply_head + a->reply_count++) % ARP_REPLIES;

    a->reply[i].dst = pkt->sha;
    a->reply[i].pkt = (struct arp_pkt){
        .op = ARP_REPLY,
        .sha = a->eth->mac,
        .spa = pkt->tpa,
        .tha = pkt->sha,
        .tpa = pkt->spa,
    };
}

enum verdict arp_input(struct arp *a, struct pkt *p)
{
    struct arp_pkt pkt;
    enum verdict v = arp_parse(&pkt, pkt_span(p));

    if (v != V_NEXT)
        return v;
    if (mac_eq(pkt.sha, a->eth->mac)) /* our own packet came back: no conflict, no neighbour */
        return V_DROP_ETH_OWN_SOURCE;
    if (!arp_sender_ok(a, &pkt))
        return V_DROP_ARP_SENDER;
    if (!mac_eq(pkt.sha, p->l2_src))
        return V_DROP_ARP_MISMATCH;
    v = arp_own_input(a, &pkt);
    if (v != V_NEXT)
        return v;
    /* RFC 826, packet reception: merge first, then the target, the opcode last. */
    struct arp_entry *e = pkt.spa != 0 ? arp_find(a, pkt.spa) : NULL;

    if (e != NULL)
        arp_merge(a, e, &pkt);
    if (pkt.op == ARP_REPLY)
        return e != NULL ? V_DONE : V_DROP_ARP_UNASKED;
    if (!arp_own_usable(a, pkt.tpa))
        return e != NULL ? V_DONE : V_DROP_ARP_NOT_FOR_US;
    if (e == NULL && pkt.spa != 0)
        arp_learn(a, &pkt);
    if (!a->cfg.quiet)
        arp_reply(a, &pkt);
    return V_DONE;
}

/* Advice from above, and by hand. */

void arp_confirm(struct arp *a, uint32_t ip, struct arp_entry **hint)
{
    struct arp_entry *e = arp_find_at(a, ip, hint);

    if (e == NULL)
        return;
    if (e->state == ARP_REACHABLE) {
        e->confirmed = a->c->now;
    } else if (arp_has_mac(e)) {
        e->ask = false;
        arp_enter(a, e, ARP_REACHABLE, "confirmed by the layer above");
    }
}

void arp_doubt(struct arp *a, uint32_t ip)
{
    struct arp_entry *e = arp_find(a, ip);

    if (e != NULL && e->state == ARP_REACHABLE)
        arp_enter(a, e, ARP_STALE, "doubted by the layer above");
}

int arp_set(struct arp *a, uint32_t ip, struct mac mac)
{
    struct arp_pkt pkt = {.op = ARP_REPLY, .sha = mac, .spa = ip};

    if (!arp_sender_ok(a, &pkt) || arp_own_state(a, ip, NULL) != ARP_OWN_FREE)
        return -EINVAL;
    struct arp_entry *e = arp_find(a, ip);
    bool is_new = e == NULL;

    if (is_new)
        e = arp_new(a, ip);
    if (e == NULL)
        return -ENOBUFS;
    e->mac = mac;
    e->ask = false;
    e->used = a->c->now;
    arp_enter(a, e, ARP_REACHABLE, "set by hand");
    arp_move(a, e, ARP_LIST_USED);
    if (e->pending.len > 0)
        arp_due(a, e);
    return 0;
}

int arp_del(struct arp *a, uint32_t ip)
{
    struct arp_entry *e = arp_find(a, ip);

    if (e == NULL)
        return -ENOENT;
    arp_forget(a, e, V_DROP_ARP_UNRESOLVED, "deleted by hand");
    return 0;
}

enum arp_state arp_state_of(const struct arp *a, uint32_t ip)
{
    const struct arp_entry *e = arp_find(a, ip);

    return e != NULL ? (enum arp_state)e->state : ARP_NONE;
}

uint32_t arp_waiting(const struct arp *a, uint32_t ip)
{
    const struct arp_entry *e = arp_find(a, ip);

    return e != NULL ? e->pending.len : 0;
}

bool arp_each(const struct arp *a, uint32_t *at, struct arp_info *info)
{
    while (*at < a->entries.frontier) {
        const struct arp_entry *e = slab_at(&a->entries, (*at)++);

        if (e->state == ARP_NONE)
            continue;
        *info = (struct arp_info){
            .ip = e->ip,
            .mac = e->mac,
            .state = (enum arp_state)e->state,
            .age = a->c->now - e->confirmed,
            .pending = e->pending.len,
        };
        return true;
    }
    return false;
}
