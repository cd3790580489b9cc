/*
 * tcp_idle.c - a connection that rests needs an eighth of the memory of one that talks.
 *
 * Most connections of a busy server do nothing: a browser keeps one open in case, a phone waits for a
 * message. What makes a block (struct tcb) large is what only talking needs: the scoreboard, loss
 * recovery, a dozen timers, queues. While nothing is in flight, nothing waits in either direction,
 * nothing is owed to the peer and the user has been told everything, all of that has its initial
 * value, and the rest fits into two cache lines (struct tcp_idle). Then the block can be *packed*;
 * the next segment, call or deadline *unpacks* it. So a million connections fit into 128 MB, and the
 * blocks that are in use stay few enough for the cache.
 *
 * When. No connection has a timer or a list for it. While no more than cfg.full_idle blocks are in use
 * nothing is ever packed, so a host with few connections pays nothing. Beyond that, whoever takes a
 * block lets a hand go on over the pool, a few places, until it comes to one that may be packed. The
 * hand goes around: a block is looked at once for as many allocations as there are blocks, so one
 * that talks is seldom packed, and that costs it less than a microsecond. When the pool is exhausted
 * the hand looks further before an orphan is given up (tcp_tcb.c). What is left when nobody takes a
 * block any more is packed by the clock (tcp_timer_rest.c). cfg.idle 0: nothing is packed.
 *
 * Which. tcp_idle_fits() is the whole answer, and it is safe by construction: a block is packed only if
 * every field that the record does not hold has its initial value, can be computed from the others, or
 * is on the list below; anything else stays a full block. A test compares all bytes of a block before
 * and after (tests/unit/test_tcp_idle.c), and all scripts run with packing forced.
 *
 *   kept as they are    numbers, windows, scales, options, MSS, buffers, the user's options, the
 *                       congestion window and ssthresh, round trips, TS.Recent, counters; BBR's model
 *                       of the path, in a larger record
 *   kept roughly        the times since data were sent and received, to 0.1 %; the largest window, to
 *                       the unit of the scale
 *   computed            ISS and IRS from the counters of bytes; the RTO from srtt and rttvar; SND.WL1 and
 *                       SND.WL2: any segment that is still acceptable is newer than both; `recover`;
 *                       the path, which is looked up again; app_limited: it was the user who stopped
 *   forgotten           when the receiver began to measure what the user takes in a round trip: it
 *                       begins again, and nobody is packed within one (tcp_rcvbuf_rests). What the
 *                       controller knew of this very moment: CUBIC's
 *                       clock stands still while nothing is sent anyway (RFC 9438 sections 4.2, 5.8), so a
 *                       new stage towards the same W_max begins, which is the same curve; HyStart++
 *                       looks for growing delays from the next round on. The throttle of challenge
 *                       ACKs: only once it has run out. What an undo would restore: without trouble
 *                       there is none. The last delivery rate, which only tcp_status() tells.
 *
 * What RFC 5681 section 4.1 wants after a silence still happens: last_sent is kept, and the window is
 * reduced when the user writes again (tcp_recovery_idle). Connections whose windows or buffers exceed 16 MiB stay
 * full blocks.
 *
 * Three sizes of record, each the beginning of the next: 128 bytes; with a timer, wishes and a past; with a model
 * that a controller cannot say in 32 bits. BBR's is kept as it is, with the rates that follow from it: a
 * pause tells nothing about the path, and to begin anew would be STARTUP, twice the rate of the path.
 *
 * Where there are many connections a message wakes one and lets another be packed, so both are short: flags
 * are asked and copied as a word, records written in whole words, and nothing is read that was written just before.
 *
 * Orphans in FIN-WAIT-2 (the user has gone, only the peer's FIN is missing) are packed as well. A
 * client that never closes costs 256 bytes for a minute, and at most half of those records. So are
 * those in CLOSE-WAIT whose user takes his time: poll sees the end of the stream in the record.
 *
 * The record stands in the same table as all others, under the same hash, but it is no struct
 * tcp_conn: it has no room for the state's trace, and no state but ESTABLISHED, FIN-WAIT-2 and CLOSE-WAIT, all
 * of which can only be left by an event, for which it is unpacked. The session layer has a pointer to
 * the block, and is told through tcp->moved when that changes.
 */
#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_priv.h"

enum {
    TCP_IDLE_STEPS = 8,  /* places that one allocation looks at */
    TCP_IDLE_SEARCH = 64 /* when there is no block left */
};

#define TCP_IDLE_AGE_UNIT NET_SEC(2) /* of min_rtt_age: it is renewed after five minutes */

/* ---- ages ---- */

enum { TCP_ROUGH_BITS = 11 };

/* @time in 16 bits: 11 of its own, and by how many they are shifted. At most an hour. */
static uint16_t tcp_rough(net_time time)
{
    uint64_t t = (uint64_t)time;
    unsigned shift = 0;

    if (t >> TCP_ROUGH_BITS != 0)
        shift = 64 - TCP_ROUGH_BITS - (unsigned)__builtin_clzll(t);
    return (uint16_t)(shift > 31 ? UINT16_MAX : shift << TCP_ROUGH_BITS | t >> shift);
}

/* Never more than it was, and less by a thousandth at most. */
static net_time tcp_smooth(uint16_t rough)
{
    return (net_time)(rough & ((1u << TCP_ROUGH_BITS) - 1)) << (rough >> TCP_ROUGH_BITS);
}

/* ---- may it be packed? ---- */

/* The flags of a block in one word, from is_passive to `delayed`: so many questions are one. Which bits are whose
 * tells a block in which only those are set. */
enum { TCP_FLAG_WORD = offsetof(struct tcb, delayed) + 1 - sizeof(uint64_t) };
static_assert(TCP_FLAG_WORD == offsetof(struct tcb, last_ack_sent) + sizeof(tcp_seq),
              "the word begins with the first flag");

static inline uint64_t tcp_flags(const struct tcb *t)
{
    uint64_t flags;

    memcpy(&flags, (const uint8_t *)t + TCP_FLAG_WORD, sizeof(flags));
    return flags;
}

/* The first sixteen (TCP_IDLE_FLAGS). */
static inline uint16_t tcp_first_flags(const struct tcb *t)
{
    uint16_t flags;

    memcpy(&flags, (const uint8_t *)t + TCP_FLAG_WORD, sizeof(flags));
    return flags;
}

/* While one of these is set there is something to do, or somebody holds a pointer. */
static const struct tcb tcp_busy_flags = {
    .ack_now = true,
    .probe_due = true,
    .keep_due = true,
    .snd_urgent = true,
    .rcv_urgent = true,
    .rtx_due = true,
    .is_due = true,
    .in_accept_queue = true,
    .timed_valid = true,
    .force = true,
    .starved = true,
    .held_up = true,
    .is_paced = true,
    .tlp_due = true,
    .has_dup = true,
    .frto = true,
    .frto_new = true,
    .fo_deferred = true,
    .delayed = UINT8_MAX,
};

#define X(field) .field = true,
static const struct tcb tcp_past_flags = {TCP_IDLE_PAST_FLAGS(X)};
#undef X

/* Nothing is in flight, waits, or is owed; nobody holds a pointer to it. */
static bool tcp_is_quiet(const struct tcb *t)
{
    enum tcp_state s = tcp_state(t);
    net_time now = t->tcp->c->now;

    if ((tcp_flags(t) & tcp_flags(&tcp_busy_flags)) != 0 || !seq_eq(t->snd_una, t->snd_nxt) ||
        t->rtx_at != NET_NEVER || t->delack_at != NET_NEVER ||
        (s != TCP_ESTABLISHED && s != TCP_FIN_WAIT_2 && s != TCP_CLOSE_WAIT))
        return false;
    uintptr_t held = (uintptr_t)t->snd.ring.p | (uintptr_t)t->snd.refs | (uintptr_t)t->rcv.ring.p |
                     (uintptr_t)t->rcv.refs | (uintptr_t)t->ooo | (uintptr_t)t->fo |
                     (uintptr_t)t->ready.next;
    uint32_t waits = t->board.out.segs | t->conn.noted_event | t->dup_acks_due |
                     (uint16_t)t->error | (uint16_t)t->soft_error;

    return held == 0 && waits == 0 && t->life_at > now && t->keep_at > now && t->pace_at <= now &&
           t->hashed && t->counted && t->syn_acked;
}

/* Nothing went wrong that is not mended, and no throttle would begin anew. */
static bool tcp_is_calm(const struct tcb *t)
{
    const struct tcp_rare *r = t->rare;
    unsigned trouble = t->ca_state | t->dup_acks | t->backoff | t->timeouts | t->probes_out |
                       t->rack.tlp_out | t->path.told | t->path.searches | t->path.probing;

    static_assert(TCP_CA_OPEN == 0 && TCP_MTU_QUIET == 0, "no trouble");
    return trouble == 0 && tcp_rcvbuf_rests(t) &&
           (r == NULL || r->challenges == 0 || t->tcp->c->now - r->challenge_since >= NET_SEC(1));
}

/* What will be computed is what it is now. */
static bool tcp_is_plain(const struct tcb *t)
{
    bool fin = tcp_state(t) == TCP_FIN_WAIT_2, end = tcp_state(t) == TCP_CLOSE_WAIT;
    tcp_seq snd = seq_add(t->iss, 1 + (uint32_t)t->bytes_out + fin);
    tcp_seq rcv = seq_add(t->irs, 1 + (uint32_t)t->bytes_in + end);

    return t->bytes_out == t->bytes_acked && seq_eq(t->snd_una, snd) && seq_eq(t->rcv_nxt, rcv) &&
           t->fin_sent == fin && t->fin_queued == fin && t->fin_ahead == end &&
           t->fin_received == end && (!fin || seq_eq(t->snd_fin, seq_sub(t->snd_una, 1))) &&
           seq_eq(t->last_ack_sent, t->rcv_nxt) && seq_leq(t->snd_wl1, t->rcv_nxt) &&
           t->rto == tcp_rtt_rto(t) && t->heard_at >= t->last_sent &&
           t->heard_at >= t->rcvq.heard && t->heard_at >= t->min_rtt_at &&
           (!t->has_ts || t->heard_at - t->ts_recent_at < NET_SEC(60));
}

/* What the peer SACKed, threw away and got again (RFC 2018 section 8): `delivered` has it twice, and BBR counts by
 * that. */
static inline uint64_t tcp_delivered_twice(const struct tcb *t)
{
    return t->delivered - (t->bytes_acked + t->fin_sent);
}

/* All numbers fit their places. */
static bool tcp_is_small(const struct tcb *t)
{
    uint32_t least = (1u << t->snd_wnd_shift) - 1;
    uint64_t bits = tcp_rcv_wnd(t);
    uint64_t most = (uint64_t)(t->srtt | t->rttvar | t->rcvq.rtt) | tcp_delivered_twice(t);

#define X(field) bits |= t->field;
    TCP_IDLE_24(X)
#undef X
    return bits <= TCP_IDLE_MOST && most <= UINT32_MAX && ip_addr_is_short(t->conn.id.local) &&
           ip_addr_is_short(t->conn.id.remote) &&
           (t->min_rtt < UINT32_MAX || t->min_rtt == NET_NEVER) &&
           (t->ssthresh < TCP_IDLE_MOST || t->ssthresh == UINT32_MAX / 2) &&
           (t->ready.owner < TCP_IDLE_MOST || t->detached) &&
           ((t->snd_wnd & least) != 0 ? t->snd_wnd : t->snd_wnd >> t->snd_wnd_shift) <=
               UINT16_MAX &&
           ((uint64_t)t->max_snd_wnd + least) >> t->snd_wnd_shift <= UINT16_MAX;
}

/* What the controller wants to remember. Return: false: more than there is room for. */
static bool tcp_cc_rests(const struct tcb *t, uint32_t *kept)
{
    const struct cc_ops *ops = cc_by_index(t->cc);

    *kept = 0;
    return t->pacing_rate == 0 && ops->rest != NULL &&
           ops->rest((struct cc_state *)&t->cc_state, kept, false); /* which it does not change */
}

bool tcp_idle_fits(const struct tcb *t)
{
    return tcp_is_quiet(t) && tcp_is_calm(t) && tcp_is_plain(t) && tcp_is_small(t) &&
           (!t->rcv_shut || t->detached);
}

/* Does it need a record with a timer and a past? */
static bool tcp_is_special(const struct tcb *t)
{
    if ((tcp_flags(t) & tcp_flags(&tcp_past_flags)) != 0)
        return true;
#define X(kept, field, usual)                                                                      \
    if (t->field != (usual))                                                                       \
        return true;
    TCP_IDLE_PAST(X)
#undef X
#define X(field)                                                                                   \
    if (t->rare->field != 0)                                                                       \
        return true;
    if (t->rare != NULL) {
        TCP_IDLE_RARE(X)
    }
#undef X
    return t->bytes_in > UINT32_MAX || t->bytes_out > UINT32_MAX || tcp_delivered_twice(t) != 0;
}

/* ---- packing ---- */

static inline uint32_t tcp_word(uint32_t low, uint32_t high)
{
    return low | high << 24;
}

static inline uint64_t tcp_words(uint32_t low, uint32_t middle, uint16_t high)
{
    return low | (uint64_t)middle << 24 | (uint64_t)high << 48;
}

/* What all records hold. Each word is written once, and nothing is read back. */
static void tcp_idle_write(struct tcp_idle *i, const struct tcb *t, uint32_t cc_kept)
{
    bool raw = (t->snd_wnd & ((1u << t->snd_wnd_shift) - 1)) != 0;
    uint64_t least = (1u << t->snd_wnd_shift) - 1; /* of max_snd_wnd, which is rounded up */
    uint16_t flags = tcp_first_flags(t);
    net_time age = (t->heard_at - t->min_rtt_at) / TCP_IDLE_AGE_UNIT;

    i->link.kind = TCP_CONN_IDLE;
    i->link.note =
        (uint8_t)((raw ? TCP_IDLE_RAW : 0) | (t->rack.reordering_seen ? TCP_IDLE_REORDERING : 0));
    i->local = ip_addr_short(t->conn.id.local);
    i->remote = ip_addr_short(t->conn.id.remote);
    i->lport = t->conn.id.lport;
    i->rport = t->conn.id.rport;
    i->ts_offset = t->conn.ts_offset;
    i->cc_kept = cc_kept;
#define X(field) i->field = t->field;
    TCP_IDLE_WHOLE(X)
#undef X
    i->rcv_space_state = tcp_word(t->rcvq.space, t->conn.state | (uint32_t)t->cc << 4);
    i->rcv_wnd_flags = tcp_word(tcp_rcv_wnd(t), flags & 0xff);
    i->rcvbuf_flags = tcp_word(t->rcvbuf, (uint32_t)flags >> 8);
    i->srtt = (uint32_t)t->srtt;
    i->rttvar = (uint32_t)t->rttvar;
    i->min_rtt = t->min_rtt == NET_NEVER ? UINT32_MAX : (uint32_t)t->min_rtt;
    i->rcv_rtt = (uint32_t)t->rcvq.rtt;
    i->snd_wnd = (uint16_t)(raw ? t->snd_wnd : t->snd_wnd >> t->snd_wnd_shift);
    i->max_snd_wnd = (uint16_t)((t->max_snd_wnd + least) >> t->snd_wnd_shift);
    i->bytes_in = (uint32_t)t->bytes_in;
    i->bytes_out = (uint32_t)t->bytes_out;
    i->cwnd_quick = tcp_word(t->cwnd, t->quick_acks);
    i->ssthresh_age =
        tcp_word(u32_min(t->ssthresh, TCP_IDLE_MOST), (uint32_t)net_time_min(age, UINT8_MAX));
    i->sndbuf_shifts = tcp_word(t->sndbuf, t->snd_wnd_shift | (uint32_t)t->rcv_wnd_shift << 4);
    i->segs_sent_age = tcp_words(t->segs_in, t->segs_out, tcp_rough(t->heard_at - t->last_sent));
    i->owner_data_age = tcp_words(t->ready.owner & TCP_IDLE_MOST, (uint32_t)t->delivered_segs,
                                  tcp_rough(t->heard_at - t->rcvq.heard));
}

/* What only the large ones hold, of @t in @l, which is at rest until then. */
static void tcp_idle_write_large(struct tcp_idle_large *l, const struct tcb *t)
{
    l->timer = (struct timer){0};
    l->detached_at = t->detached_at;
    l->bytes_in = t->bytes_in;
    l->bytes_out = t->bytes_out;
    l->delivered_twice = (uint32_t)tcp_delivered_twice(t);
    l->dsack_end = t->rack.dsack_end;
#define X(kept, field, usual) l->kept = t->field;
    TCP_IDLE_PAST(X)
#undef X
#define X(field) l->field = t->field;
    TCP_IDLE_PAST_FLAGS(X)
#undef X
#define X(field) l->field = tcp_rare(t)->field;
    TCP_IDLE_RARE(X)
#undef X
    l->idle.link.note |= TCP_IDLE_LARGE;
    t->tcp->idle_orphans += t->detached;
    net_time at = net_time_min(t->life_at, t->keep_at);

    if (at != NET_NEVER)
        timer_arm(&t->tcp->idle_wheel, &l->timer, at);
}

static void tcp_idle_write_model(struct tcp_idle_model *m, const struct tcb *t)
{
    m->large.idle.link.note |= TCP_IDLE_MODEL;
    m->pacing_rate = t->pacing_rate;
    m->app_limited = t->app_limited;
    m->round_end = t->round_end;
    m->delivered_at = t->delivered_at;
    m->first_sent_at = t->first_sent_at;
    m->cc_state = t->cc_state;
}

/* The record of @t. Return: NULL: there is none left. */
static struct tcp_idle *tcp_idle_of(const struct tcb *t)
{
    struct tcp *tcp = t->tcp;
    uint32_t kept;
    bool has_model = !tcp_cc_rests(t, &kept);

    if (!has_model && !tcp_is_special(t)) {
        struct tcp_idle *i = slab_alloc(&tcp->idles);

        if (i != NULL)
            tcp_idle_write(i, t, kept);
        return i;
    }
    struct slab *pool = has_model ? &tcp->idle_models : &tcp->idle_larges;

    if (t->detached && tcp->idle_orphans >= pool->count / 2)
        return NULL;
    struct tcp_idle_large *l = slab_alloc(pool);

    if (l == NULL)
        return NULL;
    tcp_idle_write(&l->idle, t, kept);
    tcp_idle_write_large(l, t);
    if (has_model)
        tcp_idle_write_model(container_of(l, struct tcp_idle_model, large), t);
    return &l->idle;
}

/* A record takes the place of @t if it fits. Return: whether it does, and there was one left. */
bool tcp_idle_pack(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    if (!tcp_idle_fits(t))
        return false;
    struct tcp_idle *i = tcp_idle_of(t);

    if (i == NULL)
        return false;
    tcp_conn_replace(tcp, &t->conn, &i->link);
    if (!t->detached)
        tcp->moved(tcp->moved_ctx, t->ready.owner, NULL, i);
    tcp->stats.packed++;
    tcp_tcb_moved(t);
    return true;
}

/* The hand stands before a block whose lines were fetched the time before last; fetch what packing it would
 * touch beside them, and the lines of the one after the next. */
static void tcp_idle_ahead(const struct tcp *tcp)
{
    const struct slab *pool = &tcp->tcbs;

    if (!tcp_is_wide(tcp) || tcp->idle_hand + 2 >= pool->frontier)
        return;
    const struct tcb *t = slab_at(pool, tcp->idle_hand);

    if (t->tcp != NULL && !t->detached) {
        hash_ahead(&tcp->table, t->conn.link.hash);
        tcp->ahead(tcp->moved_ctx, t->ready.owner);
    }
    tcp_fetch(t + 2, 0, sizeof(*t));
}

/**
 * tcp_idle_sweep - let the hand go on over at most @steps places, until a block is packed.
 *
 * Return: whether one was.
 */
bool tcp_idle_sweep(struct tcp *tcp, uint32_t steps)
{
    const struct slab *pool = &tcp->tcbs;

    if (tcp->cfg.idle == 0 || tcp->moved == NULL)
        return false;
    for (uint32_t n = u32_min(steps, pool->frontier); n > 0; n--) {
        if (tcp->idle_hand >= pool->frontier)
            tcp->idle_hand = 0;
        struct tcb *t = slab_at(pool, tcp->idle_hand++);

        if (t->tcp != NULL && tcp_idle_pack(t)) {
            tcp_idle_ahead(tcp);
            return true;
        }
    }
    return false;
}

/* A block is about to be taken. */
void tcp_idle_trim(struct tcp *tcp)
{
    if (tcp->tcbs.used >= tcp->tcbs.count)
        tcp_idle_sweep(tcp, TCP_IDLE_SEARCH);
    else if (tcp->tcbs.used > tcp->cfg.full_idle)
        tcp_idle_sweep(tcp, TCP_IDLE_STEPS);
    tcp_rest_note(tcp);
}

/* ---- unpacking ---- */

struct tcp_id tcp_idle_id(const struct tcp_idle *i)
{
    return (struct tcp_id){ip_addr_long(i->local), ip_addr_long(i->remote), i->lport, i->rport};
}

bool tcp_idle_is_at_end(const struct tcp_idle *i)
{
    return tcp_idle_state(i) == TCP_CLOSE_WAIT;
}

static const struct tcp_idle_large *tcp_idle_more(const struct tcp_idle *i)
{
    return container_of(i, struct tcp_idle_large, idle);
}

/* What is attached to a block. Return: whether there is any. */
static bool tcp_fill_rare(struct tcp_rare *r, const struct tcp_idle_large *l)
{
    bool is_any = false;

    *r = tcp_rare_none;
#define X(field)                                                                                   \
    r->field = l->field;                                                                           \
    is_any = is_any || r->field != 0;
    TCP_IDLE_RARE(X)
#undef X
    return is_any;
}

static void tcp_fill_large(struct tcb *t, const struct tcp_idle_large *l, struct tcp_rare *rare)
{
    t->rare = tcp_fill_rare(rare, l) ? rare : NULL;
    t->detached_at = l->detached_at;
    t->bytes_in = l->bytes_in;
    t->bytes_out = t->bytes_acked = l->bytes_out;
    t->delivered = l->delivered_twice; /* and all the rest once */
    t->rack.dsack_end = l->dsack_end;
#define X(kept, field, usual) t->field = l->kept;
    TCP_IDLE_PAST(X)
#undef X
#define X(field) t->field = l->field;
    TCP_IDLE_PAST_FLAGS(X)
#undef X
    if (t->detached)
        t->ready.owner = READY_NOBODY;
}

static void tcp_fill_model(struct tcb *t, const struct tcp_idle_model *m)
{
    t->pacing_rate = m->pacing_rate;
    t->app_limited = m->app_limited;
    t->round_end = m->round_end;
    t->delivered_at = m->delivered_at;
    t->first_sent_at = m->first_sent_at;
    t->cc_state = m->cc_state;
}

/* Numbers and windows. */
static void tcp_fill_numbers(struct tcb *t, const struct tcp_idle *i)
{
    bool fin = tcp_idle_state(i) == TCP_FIN_WAIT_2, end = tcp_idle_state(i) == TCP_CLOSE_WAIT;
    uint8_t shift = i->sndbuf_shifts >> 24 & 15;

    t->bytes_in = i->bytes_in;
    t->bytes_out = t->bytes_acked = i->bytes_out;
    t->snd_una = t->snd_wl2 = i->snd_nxt;
    t->last_ack_sent = t->snd_wl1 = i->rcv_nxt;
    t->iss = seq_sub(i->snd_nxt, 1 + i->bytes_out + fin);
    t->irs = seq_sub(i->rcv_nxt, 1 + i->bytes_in + end);
    t->fin_received = t->fin_ahead = end;
    t->fin_seq = seq_sub(i->rcv_nxt, 1); /* where it is */
    t->recover = seq_sub(i->snd_nxt, 1);
    t->fin_queued = t->fin_sent = fin;
    t->snd_fin = fin ? seq_sub(i->snd_nxt, 1) : seq_of(0);
    t->snd_wnd = (uint32_t)i->snd_wnd << (i->link.note & TCP_IDLE_RAW ? 0 : shift);
    t->max_snd_wnd = (uint32_t)i->max_snd_wnd << shift;
    t->rcv_adv = seq_add(i->rcv_nxt, i->rcv_wnd_flags & TCP_IDLE_MOST);
    t->snd_wnd_shift = shift;
    t->rcv_wnd_shift = (uint8_t)(i->sndbuf_shifts >> 28);
    t->cwnd = i->cwnd_quick & TCP_IDLE_MOST;
    t->quick_acks = (uint8_t)(i->cwnd_quick >> 24);
    t->ssthresh = i->ssthresh_age & TCP_IDLE_MOST;
    if (t->ssthresh == TCP_IDLE_MOST)
        t->ssthresh = UINT32_MAX / 2;
    t->sndbuf = i->sndbuf_shifts & TCP_IDLE_MOST;
    t->rcvbuf = i->rcvbuf_flags & TCP_IDLE_MOST;
    t->segs_in = (uint32_t)i->segs_sent_age & TCP_IDLE_MOST;
    t->segs_out = (uint32_t)(i->segs_sent_age >> 24) & TCP_IDLE_MOST;
    t->delivered_segs = i->owner_data_age >> 24 & TCP_IDLE_MOST;
    t->ready.owner = tcp_idle_owner(i);
}

/* Times, and what depends on them. */
static void tcp_fill_times(struct tcb *t, const struct tcp_idle *i)
{
    net_time now = t->tcp->c->now, heard_at = i->heard_at;

    t->sampled_at = t->ts_recent_at = heard_at;
    t->last_sent = heard_at - tcp_smooth((uint16_t)(i->segs_sent_age >> 48));
    t->srtt = i->srtt;
    t->rttvar = i->rttvar;
    t->rto = tcp_rtt_rto(t);
    t->min_rtt = i->min_rtt == UINT32_MAX ? NET_NEVER : i->min_rtt;
    t->min_rtt_at = heard_at - (i->ssthresh_age >> 24) * TCP_IDLE_AGE_UNIT;
    t->rcvq.rtt = i->rcv_rtt;
    t->rcvq.since = t->rcvq.edge_at = now;
    t->rcvq.heard = heard_at - tcp_smooth((uint16_t)(i->owner_data_age >> 48));
    t->rcvq.from = i->rcv_nxt;
    t->rcvq.edge = t->rcv_adv;
    t->rcvq.space = i->rcv_space_state & TCP_IDLE_MOST;
    t->rcvq.period = tcp_rcvbuf_period(t->rcvq.heard);
    t->rack.reordering_seen = (i->link.note & TCP_IDLE_REORDERING) != 0;
    if (t->has_sack && t->delivered > 0) { /* what was delivered last was sent last */
        t->rack.is_valid = t->rack.has_fack = true;
        t->rack.sent_at = t->last_sent;
        t->rack.rtt = i->srtt;
        t->rack.end = t->rack.fack = i->snd_nxt;
    }
}

/* The block @t as it was when @i took its place; it stands in no list and no table. If there is something to be
 * attached to it, that is @rare now. */
void tcp_idle_fill(struct tcp *tcp, const struct tcp_idle *i, struct tcb *t, struct tcp_rare *rare)
{
    struct tcp_id id = tcp_idle_id(i);
    uint16_t flags = (uint16_t)(i->rcv_wnd_flags >> 24 | (i->rcvbuf_flags >> 24) << 8);

    tcp_tcb_init(tcp, t, &id);
    t->conn.state = (uint8_t)tcp_idle_state(i);
    t->conn.ts_offset = i->ts_offset;
    memcpy((uint8_t *)t + TCP_FLAG_WORD, &flags,
           sizeof(flags)); /* as tcp_first_flags() reads them */
#define X(field) t->field = i->field;
    TCP_IDLE_WHOLE(X)
#undef X
    t->cc = (uint8_t)(i->rcv_space_state >> 28);
    t->syn_acked = t->counted = true;
    t->rack.reo_mult = 1;
    tcp_fill_numbers(t, i);
    if (i->link.note & TCP_IDLE_LARGE)
        tcp_fill_large(t, tcp_idle_more(i), rare);
    t->delivered += t->bytes_acked + t->fin_sent;
    t->round_end = t->delivered;
    t->app_limited = t->delivered + 1;
    tcp_fill_times(t, i);
    if (i->link.note & TCP_IDLE_MODEL) {
        tcp_fill_model(t, container_of(tcp_idle_more(i), struct tcp_idle_model, large));
    } else {
        uint32_t kept = i->cc_kept;

        cc_by_index(t->cc)->rest(&t->cc_state, &kept, true);
    }
    t->path.low = (uint16_t)u32_max(tcp->cfg.base_mss, tcp->cfg.mss_min);
    tcp_mtu_follow(t);
}

static void tcp_idle_free(struct tcp *tcp, struct tcp_idle *i)
{
    if (!(i->link.note & TCP_IDLE_LARGE)) {
        slab_free(&tcp->idles, i);
        return;
    }
    struct tcp_idle_large *l = container_of(i, struct tcp_idle_large, idle);

    timer_stop(&tcp->idle_wheel, &l->timer);
    tcp->idle_orphans -= l->detached;
    slab_free(i->link.note & TCP_IDLE_MODEL ? &tcp->idle_models : &tcp->idle_larges, l);
}

/**
 * tcp_unpack - a full block takes the place of @i, which is gone.
 *
 * Return: the block; NULL when none is left: @i stays as it is.
 */
struct tcb *tcp_unpack(struct tcp *tcp, struct tcp_idle *i)
{
    struct tcb *t = tcp_tcb_alloc(tcp);
    struct tcp_rare rare;

    if (t == NULL)
        return NULL;
    tcp_idle_fill(tcp, i, t, &rare);
    if (t->rare != NULL) {
        t->rare = NULL;
        *tcp_rare_get(t) = rare;
    }
    hash_replace(&tcp->table, &i->link, &t->conn.link);
    tcp_idle_free(tcp, i);
    tcp->stats.unpacked++;
    if (t->detached)
        tcp_orphan_link(t);
    else
        tcp->moved(tcp->moved_ctx, t->ready.owner, t, NULL);
    tcp_timer_update(t);
    return t;
}

/* The connection @i ends by @ev where it rests; an abort tells the peer. The user, if there is one,
 * has let go of it. */
void tcp_idle_end(struct tcp *tcp, struct tcp_idle *i, enum tcp_event_kind ev)
{
    struct tcp_rare rare;
    struct tcb t;

    tcp_idle_fill(tcp, i, &t, &rare);
    hash_del(&tcp->table, &i->link);
    tcp_idle_free(tcp, i);
    NET_ASSERT(tcp->port_users[t.conn.id.lport] > 0);
    tcp->port_users[t.conn.id.lport]--;
    tcp_event(tcp, &t.conn, ev);
    if (ev == TCP_EV_ABORT) {
        tcp->stats.aborted++;
        tcp_send_rst(&t);
    } else {
        tcp->stats.failed++;
    }
    tcp_note_flush(tcp, &t.conn);
}

void tcp_idle_abort(struct tcp *tcp, struct tcp_idle *i)
{
    tcp_idle_end(tcp, i, TCP_EV_ABORT);
}

/* Deadlines of those that rest. A keep-alive wants a block, whose own timer then comes at once. */
void tcp_idle_tick(struct tcp *tcp, net_time now)
{
    struct timer *timer;

    while ((timer = timer_expired(&tcp->idle_wheel, now)) != NULL) {
        struct tcp_idle_large *l = container_of(timer, struct tcp_idle_large, timer);

        if (timer == &tcp->rest.timer)
            tcp_rest_tick(tcp);
        else if (l->life_at <= now)
            tcp_idle_end(tcp, &l->idle, TCP_EV_TIMEOUT);
        else if (tcp_unpack(tcp, &l->idle) == NULL)
            timer_arm(&tcp->idle_wheel, &l->timer, now + NET_SEC(1));
    }
    if (tcp->cfg.full_idle == 0 && tcp->tcbs.used > 0) /* as soon as may be: for tests */
        while (tcp_idle_sweep(tcp, TCP_IDLE_SEARCH))
            ;
}
