/*
 * track.c - the table of connections: which one a segment belongs to, when one begins and ends.
 *
 * A connection is found by its two sockets, in either order, through a keyed hash: a capture is a
 * stranger's, who could otherwise choose addresses that meet in one chain. The table is bounded; when it
 * is full the connection that was silent longest ends. For that all connections stand in a list by their
 * last segment, kept as numbers beside the pool, so that moving one touches few lines of memory.
 *
 * The same list tells when a connection has been silent for TRACK_SETTLE_NS of the capture's time: then
 * what was presumed is told (machine_presume). One look a frame at the oldest that was not asked yet.
 *
 * A SYN with another number on ports that are in use is a new connection at once. But if the old one was
 * alive it may stay so: the SYN can be forged, or its sender has forgotten the old connection, and the
 * receiver answers with an ACK of the old one (RFC 5961 section 4). So the old one is kept as `former`
 * until the new one is answered, and segments that fit it better go to it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "base/siphash.h"
#include "conn.h"

enum { TRACK_CONNECTIONS = 1 << 17, TRACK_FLIGHTS_EACH = 8, TRACK_SUMS = 100 };
#define TRACK_SETTLE_NS NET_SEC(10)

static_assert(TRACK_CONN_MAX <= 7 * 1024, "what --help and the man page say");

const char *track_state_name(int state)
{
    static const char *const names[TCP_STATES] = {
        "CLOSED",     "LISTEN",     "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1",
        "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",  "LAST_ACK", "TIME_WAIT",
    };

    return state >= 0 && state < TCP_STATES ? names[state] : "UNKNOWN";
}

char *track_conn_text(const struct track_conn *c, unsigned end, char *out)
{
    char a[46], b[46];

    snprintf(out, 120, "%s:%u-%s:%u", scope_addr_text(&c->end[end].addr, a), c->end[end].port,
             scope_addr_text(&c->end[1 - end].addr, b), c->end[1 - end].port);
    return out;
}

/* --- by the last segment --- */

static void track_unlink(struct track *t, uint32_t i)
{
    uint32_t o = t->age[i].older, n = t->age[i].newer;

    if (t->settle == i) {
        t->settle = n;
        t->settle_due = 0; /* asked anew */
    }
    if (o != CONN_NONE)
        t->age[o].newer = n;
    else
        t->oldest = n;
    if (n != CONN_NONE)
        t->age[n].older = o;
    else
        t->newest = o;
}

static void track_link(struct track *t, uint32_t i)
{
    t->age[i].older = t->newest;
    t->age[i].newer = CONN_NONE;
    if (t->newest != CONN_NONE)
        t->age[t->newest].newer = i;
    else
        t->oldest = i;
    t->newest = i;
    if (t->settle == CONN_NONE) {
        t->settle = i;
        t->settle_due = 0;
    }
}

static void track_touch(struct track *t, uint32_t i)
{
    if (t->newest == i) {
        if (t->settle == CONN_NONE) {
            t->settle = i;
            t->settle_due = 0;
        }
        return;
    }
    track_unlink(t, i);
    track_link(t, i);
}

static void track_settle(struct track *t)
{
    while (t->settle != CONN_NONE) {
        struct conn *c = &t->conns[t->settle];

        t->settle_due = c->pub.last_time + TRACK_SETTLE_NS;
        if (t->now < t->settle_due)
            return;
        machine_presume(t, c);
        t->settle = t->age[t->settle].newer;
    }
}

/* --- the table --- */

void track_key(struct siphash_key *key)
{
    if (getrandom(key, sizeof(*key), GRND_NONBLOCK) < 0)
        key->k0 = (uint64_t)(uintptr_t)key; /* no entropy yet: addresses are random, too */
}

static uint64_t addr_half(const struct scope_addr *a, unsigned half)
{
    uint64_t v;

    memcpy(&v, a->b + 8 * half, 8);
    return v;
}

static bool addr_eq(const struct scope_addr *a, const struct scope_addr *b)
{
    return ((addr_half(a, 0) ^ addr_half(b, 0)) | (addr_half(a, 1) ^ addr_half(b, 1))) == 0;
}

/* The same for both directions. */
static uint32_t track_hash(const struct track *t, const struct dissect *d)
{
    uint64_t s1 = addr_half(&d->src, 1), d1 = addr_half(&d->dst, 1);
    bool turn = s1 > d1 || (s1 == d1 && d->src_port > d->dst_port);
    uint64_t ports = turn ? (uint64_t)d->dst_port << 16 | d->src_port
                          : (uint64_t)d->src_port << 16 | d->dst_port;
    uint64_t words[5] = {turn ? d1 : s1, turn ? s1 : d1, ports};

    if (d->net == NET_IP4) { /* all that differs is in the last four bytes of each */
        words[0] = (words[0] & 0xffffffff00000000u) | words[1] >> 32;
        words[1] = ports;
        return siphash_table(&t->key, words, 2);
    }
    words[3] = addr_half(turn ? &d->dst : &d->src, 0);
    words[4] = addr_half(turn ? &d->src : &d->dst, 0);
    return siphash_table(&t->key, words, 5);
}

/* Return: the end that sent @d, -1: not of this connection. */
static int conn_from(const struct conn *c, const struct dissect *d)
{
    const struct track_end *a = &c->pub.end[0], *b = &c->pub.end[1];

    if (a->port == d->src_port && b->port == d->dst_port && addr_eq(&a->addr, &d->src) &&
        addr_eq(&b->addr, &d->dst))
        return 0;
    if (b->port == d->src_port && a->port == d->dst_port && addr_eq(&b->addr, &d->src) &&
        addr_eq(&a->addr, &d->dst))
        return 1;
    return -1;
}

static void conn_told(struct track *t, struct conn *c, const char *why, bool silence)
{
    machine_presume(t, c);
    if (silence)
        machine_silence(t, c);
    if (t->observer.ended == NULL)
        return;
    for (unsigned e = 0; e < 2; e++) {
        if (c->side[e].rtt.samples != 0)
            c->pub.end[e].rtt_min = c->side[e].rtt.min;
        c->pub.end[e].rtt_samples = c->side[e].rtt.samples;
        c->pub.end[e].rtt_median = rtt_quantile(&c->side[e].rtt, 50);
        c->pub.end[e].rtt_p95 = rtt_quantile(&c->side[e].rtt, 95);
    }
    t->observer.ended(t->observer.ctx, &c->pub, why);
}

static void conn_end(struct track *t, struct conn *c, const char *why, bool silence)
{
    if (c->former != NULL) {
        struct conn *former = c->former;
        c->former = NULL;
        conn_end(t, former, why, silence);
    }
    conn_told(t, c, why, silence);
    struct conn **at = &t->slots[c->hash & t->slot_mask];

    while (*at != c && *at != NULL)
        at = &(*at)->chain;
    if (*at == c) /* a former one is in no chain */
        *at = c->chain;
    track_unlink(t, conn_number(t, c));
    segment_forget(t, c);
    c->in_table = false;
    c->chain = t->conn_free;
    t->conn_free = c;
}

/* The connection silent longest makes room; of a pair on the same ports, the younger stands for both. */
static void track_evict(struct track *t)
{
    struct conn *c = &t->conns[t->oldest];

    for (struct conn *k = t->slots[c->hash & t->slot_mask]; k != NULL; k = k->chain)
        if (k->former == c) {
            k->former = NULL;
            break;
        }
    t->evicted++;
    conn_end(t, c, "evicted: the table is full, and it was silent longest", true);
}

static struct conn *conn_new(struct track *t, const struct dissect *d, uint32_t hash)
{
    struct conn *c;

    if (t->conn_free == NULL && t->conn_used == t->conn_count)
        track_evict(t);
    if (t->conn_free != NULL) {
        c = t->conn_free;
        t->conn_free = c->chain;
        memset(c, 0, sizeof(*c));
    } else {
        c = &t->conns[t->conn_used++]; /* fresh from the kernel: zero */
    }
    /* Who asks is the client; a SYN,ACK comes from the server; else who speaks first. */
    bool turned = (d->tcp.flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

    for (unsigned e = 0; e < 2; e++) {
        struct track_end *end = &c->pub.end[e];
        bool is_src = (e == END_CLIENT) != turned;
        end->addr = is_src ? d->src : d->dst;
        end->port = is_src ? d->src_port : d->dst_port;
        end->state = -1;
        end->wscale = 255;
        end->rtt_min = -1;
        c->side[e].rtt_last = -1;
    }
    c->self = d->src_port == d->dst_port && addr_eq(&d->src, &d->dst);
    c->young = (d->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    c->pub.joined = (d->tcp.flags & TCP_SYN) == 0;
    c->pub.index = t->appeared++;
    c->pub.first_frame = t->frame;
    c->pub.first_time = t->now;
    c->hash = hash;
    c->in_table = true;
    c->chain = t->slots[hash & t->slot_mask];
    t->slots[hash & t->slot_mask] = c;
    track_link(t, conn_number(t, c));
    return c;
}

/* --- a SYN on ports that are in use --- */

/* Does a segment fit the connection that was there before @c's SYNs? Of the new one it can be a SYN, an
 * answer to one, or a reset by who sent one. */
static bool former_fits(const struct conn *c, unsigned from, const struct dissect *d)
{
    const struct side *s = &c->side[from], *o = &c->side[1 - from];
    const struct tcp_seg *h = &d->tcp;

    if ((h->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        return false;
    if ((h->flags & TCP_ACK) != 0)
        return !(o->seen && seq_in(c->pub.end[1 - from].iss, h->ack, o->nxt));
    return !(s->seen && (h->flags & TCP_RST) != 0 && seq_eq(h->seq, s->nxt));
}

/* The new one lives: the one that was there before it does not. */
static void former_ends(struct track *t, struct conn *c)
{
    struct conn *old = c->former;
    const struct track_end *client = &c->pub.end[END_CLIENT];
    bool same =
        old->pub.end[0].port == client->port && addr_eq(&old->pub.end[0].addr, &client->addr);

    c->former = NULL;
    machine_presume(t, old);
    machine_reuse(t, old, same ? 0 : 1);
    conn_end(t, old, "a new connection on the same ports", false);
    machine_confirm(t, c);
}

/* Take @c out of its chain, not out of the list by time: it waits behind a younger one. */
static void conn_step_back(struct track *t, struct conn *c)
{
    struct conn **at = &t->slots[c->hash & t->slot_mask];

    while (*at != c)
        at = &(*at)->chain;
    *at = c->chain;
    c->chain = NULL;
    c->in_table = false;
}

/* A SYN with another number: a new connection. Return: it. */
static struct conn *conn_anew(struct track *t, struct conn *old, const struct dissect *d,
                              unsigned from, uint32_t *what)
{
    uint32_t hash = old->hash;
    struct conn *former = NULL;

    *what |= SEG_PORT_REUSED;
    if (old->young && old->former != NULL) { /* yet another one: the alive one stays */
        former = old->former;
        old->former = NULL;
        conn_end(t, old, "its SYN was not answered, and another one came", false);
    } else if (machine_is_over(old, 1 - from)) {
        machine_presume(t, old);
        machine_reuse(t, old, from);
        conn_end(t, old, "a new connection on the same ports", false);
    } else {
        former = old;
        conn_step_back(t, old);
    }
    struct conn *c = conn_new(t, d, hash);
    if (former != c)
        c->former = former; /* else it was the oldest, had to make room, and is c now */
    return c;
}

static bool segment_begins(const struct conn *c, const struct dissect *d, unsigned from)
{
    const struct machine *m = &c->machine[from];

    if ((d->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
        return false;
    if (c->side[from].seen)
        return !(c->pub.end[from].knows_iss && seq_eq(c->pub.end[from].iss, d->tcp.seq));
    return m->phase == PHASE_CLOSED ||
           c->pub.joined; /* else the other half of a simultaneous open */
}

/* By its two sockets. Who fills near[] with addresses that meet there makes us no slower than without it. */
static struct conn *track_lookup(struct track *t, const struct dissect *d, int *end)
{
    uint32_t a = (uint32_t)(addr_half(&d->src, 1) >> 32),
             b = (uint32_t)(addr_half(&d->dst, 1) >> 32);
    uint32_t mix = (a ^ b ^ (uint32_t)(d->src_port ^ d->dst_port) << 8) * 0x9e3779b1u;
    struct conn **near = &t->near[mix >> 20];

    static_assert(TRACK_NEAR == 1 << 12, "twelve bits choose");
    if (likely(*near != NULL && (*near)->in_table && (*end = conn_from(*near, d)) >= 0))
        return *near;
    uint32_t hash = track_hash(t, d);
    struct conn *c = t->slots[hash & t->slot_mask];

    for (; c != NULL; c = c->chain)
        if (c->hash == hash && (*end = conn_from(c, d)) >= 0)
            break;
    if (c == NULL) {
        c = conn_new(t, d, hash);
        *end = conn_from(c, d);
    }
    *near = c;
    return c;
}

static struct conn *track_find(struct track *t, const struct dissect *d, unsigned *from,
                               uint32_t *what)
{
    int end = 0;
    struct conn *c = track_lookup(t, d, &end);

    if (likely((d->tcp.flags & TCP_SYN) == 0 && c->former == NULL)) {
        *from = (unsigned)end;
        return c;
    }
    if (c->side[end].seen || c->pub.joined || c->machine[end].phase == PHASE_CLOSED)
        if (segment_begins(c, d, (unsigned)end)) {
            c = conn_anew(t, c, d, (unsigned)end, what);
            end = conn_from(c, d);
        }
    if (c->former != NULL) {
        if (former_fits(c, (unsigned)end, d)) {
            c = c->former;
            end = conn_from(c, d);
        } else if ((d->tcp.flags & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
            former_ends(t, c);
        }
    }
    *from = (unsigned)end;
    return c;
}

/* --- frames --- */

/* tcp.completeness of Wireshark. */
static void conn_completeness(struct track_conn *c, const struct track_segment *g)
{
    uint8_t flags = g->d->tcp.flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST);

    if (flags & TCP_SYN)
        c->completeness |= flags & TCP_ACK ? 2 : 1;
    else if (flags & TCP_ACK)
        c->completeness |= 4;
    if (g->len != 0)
        c->completeness |= 8;
    if (flags & TCP_FIN)
        c->completeness |= 16;
    if (flags & TCP_RST)
        c->completeness |= 32;
}

/* Is it broken? Asked where it matters: when it would change what is known. Where checksums are left to
 * a device that does not even begin them, one in 65536 is right; nothing follows from a wrong one then. */
static bool segment_is_broken(struct conn *c, const struct track_segment *g)
{
    struct side *s = &c->side[g->from];
    const struct side *o = &c->side[1 - g->from];
    const struct tcp_seg *h = &g->d->tcp;
    enum dissect_sum ip, tcp;

    if (likely(c->quiet[0] && c->quiet[1] && seq_eq(h->seq, s->nxt) && seq_leq(h->ack, o->nxt) &&
               (h->flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0))
        return false;
    dissect_sums(g->d, g->frame, &ip, &tcp);
    bool broken = (tcp == SUM_BAD || ip == SUM_BAD) && s->sums > 0;

    if (tcp == SUM_GOOD && s->sums < TRACK_SUMS)
        s->sums++;
    else if (tcp == SUM_BAD && s->sums > -TRACK_SUMS)
        s->sums--;
    return broken;
}

static void track_segment(struct track *t, const struct frame *f)
{
    struct track_segment g = {.frame = f, .d = &t->d, .len = t->d.tcp.data_len, .rtt = -1};
    struct conn *c = track_find(t, &t->d, &g.from, &g.what);

    track_touch(t, conn_number(t, c));
    g.conn = &c->pub;
    c->young =
        c->young && g.from == END_CLIENT && (t->d.tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    g.before[0] = c->pub.end[0].state;
    g.before[1] = c->pub.end[1].state;
    c->pub.last_frame = f->number;
    c->pub.last_time = f->time;
    t->in_segment = true;
    if (unlikely(segment_is_broken(c, &g))) {
        g.what |= SEG_BAD_SUM;
    } else {
        segment_classify(t, c, &g);
        conn_completeness(&c->pub, &g);
        if (!c->self)
            machine_segment(t, c, &g);
    }
    t->in_segment = false;
    c->pub.what |= g.what;
    c->pub.end[g.from].wire_bytes += f->wire_len;
    g.after[0] = c->pub.end[0].state;
    g.after[1] = c->pub.end[1].state;
    if (t->observer.segment != NULL)
        t->observer.segment(t->observer.ctx, &g);
    for (unsigned i = 0; i < t->told; i++)
        t->observer.state(t->observer.ctx, &t->tell[i]);
    t->told = 0;
}

void track_frame(struct track *t, const struct frame *f)
{
    struct dissect *d = &t->d;

    dissect(d, f);
    t->now = f->time;
    t->frame = f->number;
    if (unlikely(t->settle != CONN_NONE && t->now >= t->settle_due))
        track_settle(t);
    if (likely(d->transport == TRANSPORT_TCP && d->fault == V_NEXT && !d->cut && d->frag_off == 0 &&
               !d->mf))
        track_segment(t, f);
    else if (t->observer.other != NULL)
        t->observer.other(t->observer.ctx, f, d);
}

struct track *track_new(const struct track_options *o)
{
    struct track *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->observer = o->observer;
    t->conn_count = o->connections != 0 ? o->connections : TRACK_CONNECTIONS;
    uint32_t slots = 16;

    while (slots < t->conn_count && slots < 1u << 30)
        slots *= 2;
    t->slot_mask = slots - 1;
    t->flight_count = t->conn_count < UINT32_MAX / TRACK_FLIGHTS_EACH
                          ? t->conn_count * TRACK_FLIGHTS_EACH
                          : UINT32_MAX - 1;
    t->flight_count = u32_max(t->flight_count, 4096);
    t->slots = calloc(slots, sizeof(t->slots[0]));
    t->conns = mmap(NULL, t->conn_count * sizeof(t->conns[0]), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->conns == MAP_FAILED)
        t->conns = NULL;
    t->age = calloc(t->conn_count, sizeof(t->age[0]));
    t->flights = calloc(t->flight_count, sizeof(t->flights[0]));
    t->oldest = t->newest = t->settle = t->flight_free = CONN_NONE;
    if (t->slots == NULL || t->conns == NULL || t->age == NULL || t->flights == NULL) {
        track_free(t);
        return NULL;
    }
    track_key(&t->key);
    return t;
}

void track_end_all(struct track *t)
{
    while (t->oldest != CONN_NONE) {
        struct conn *c = &t->conns[t->oldest];
        for (struct conn *k = t->slots[c->hash & t->slot_mask]; k != NULL; k = k->chain)
            if (k->former == c)
                k->former = NULL;
        conn_end(t, c, "the capture ends", true);
    }
}

void track_free(struct track *t)
{
    if (t == NULL)
        return;
    for (uint32_t i = 0; t->conns != NULL && i < t->conn_used; i++)
        segment_forget(t, &t->conns[i]);
    free(t->slots);
    if (t->conns != NULL)
        munmap(t->conns, t->conn_count * sizeof(t->conns[0]));
    free(t->age);
    free(t->flights);
    free(t);
}
