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
 *                       congestion window and ssthresh, round trips, TS.Recent, counters
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
 * reduced when the user writes again (tcp_recovery_idle). BBR's model of the path is larger than the
 * record: its connections stay full blocks, as do those whose windows or buffers exceed 16 MiB.
 *
 * Orphans in FIN-WAIT-2 (the user has gone, only the peer's FIN is missing) are packed as well. A
 * client that never closes costs 224 bytes for a minute, and at most half of those records. So are
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

/* Nothing is in flight, waits, or is owed; nobody holds a pointer to it. */
static bool tcp_is_quiet(const struct tcb *t)
{
    enum tcp_state s = tcp_state(t);

    if ((s != TCP_ESTABLISHED && s != TCP_FIN_WAIT_2 && s != TCP_CLOSE_WAIT) ||
        !seq_eq(t->snd_una, t->snd_nxt) || t->is_due || t->rtx_at != NET_NEVER ||
        t->delack_at != NET_NEVER)
        return false;
    if (t->snd.len > 0 || t->snd.ring.p != NULL || t->snd.refs != NULL || t->rcv.p != NULL ||
        t->ooo != NULL || t->fo != NULL || t->ready.next != NULL || t->in_accept_queue ||
        t->board.out.segs > 0 || t->conn.noted_event != 0)
        return false;
    if (t->ack_now || t->dup_acks_due > 0 || t->delayed > 0 || t->probe_due || t->keep_due ||
        t->rtx_due || t->tlp_due || t->has_dup || t->force || t->starved)
        return false;
    if (t->life_at <= t->tcp->c->now || t->keep_at <= t->tcp->c->now)
        return false;
    if (t->is_paced || t->pace_at > t->tcp->c->now || t->timed_valid || t->snd_urgent ||
        t->rcv_urgent || t->fo_deferred)
        return false;
    return t->error == 0 && t->soft_error == 0 && t->hashed && t->counted && t->syn_acked;
}

/* Nothing went wrong that is not mended, and no throttle would begin anew. */
static bool tcp_is_calm(const struct tcb *t)
{
    net_time now = t->tcp->c->now;
    const struct tcp_rare *r = tcp_rare(t);

    return t->ca_state == TCP_CA_OPEN && t->dup_acks == 0 && t->backoff == 0 && t->timeouts == 0 &&
           t->probes_out == 0 && !t->frto && !t->frto_new &&
           (r->challenges == 0 || now - r->challenge_since >= NET_SEC(1)) && !t->rack.tlp_out &&
           t->path.told == 0 && !t->path.searches && t->path.probing == TCP_MTU_QUIET &&
           tcp_rcvbuf_rests(t);
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
           t->rto == tcp_rtt_rto(t) && t->pacing_rate == 0 && t->heard_at >= t->last_sent &&
           t->heard_at >= t->rcvq.heard && t->heard_at >= t->min_rtt_at &&
           (!t->has_ts || t->heard_at - t->ts_recent_at < NET_SEC(60));
}

static bool tcp_fits_24(uint64_t v)
{
    return v < TCP_IDLE_MOST;
}

/* All numbers fit their places. */
static bool tcp_is_small(const struct tcb *t)
{
    uint32_t unit = 1u << t->snd_wnd_shift;
    bool raw = t->snd_wnd % unit != 0;

#define X(field, bits)                                                                             \
    if ((uint64_t)t->field >> (bits) != 0)                                                         \
        return false;
    TCP_IDLE_BITS(X)
#undef X
    return ip_addr_is_short(t->conn.id.local) && ip_addr_is_short(t->conn.id.remote) &&
           t->srtt <= UINT32_MAX && t->rttvar <= UINT32_MAX && t->rcvq.rtt <= UINT32_MAX &&
           (t->min_rtt < UINT32_MAX || t->min_rtt == NET_NEVER) &&
           (tcp_fits_24(t->ssthresh) || t->ssthresh == UINT32_MAX / 2) &&
           tcp_fits_24(tcp_rcv_wnd(t)) && tcp_fits_24(t->rcvq.space) &&
           (tcp_fits_24(t->ready.owner) || t->detached) &&
           (raw ? t->snd_wnd : t->snd_wnd / unit) <= UINT16_MAX &&
           (t->max_snd_wnd + unit - 1) / unit <= UINT16_MAX;
}

/* Does it need a record with a timer and a past? */
static bool tcp_is_special(const struct tcb *t)
{
#define X(kept, field, usual)                                                                      \
    if (t->field != (usual))                                                                       \
        return true;
    TCP_IDLE_PAST(X)
#undef X
#define X(field)                                                                                   \
    if (tcp_rare(t)->field != 0)                                                                   \
        return true;
    TCP_IDLE_RARE(X)
#undef X
    return t->bytes_in > UINT32_MAX || t->bytes_out > UINT32_MAX;
}

static bool tcp_cc_rests(const struct tcb *t, uint32_t *kept)
{
    const struct cc_ops *ops = cc_by_index(t->cc);

    if (ops->rest == NULL)
        return false;
    return ops->rest((struct cc_state *)&t->cc_state, kept, false); /* which it does not change */
}

bool tcp_idle_fits(const struct tcb *t)
{
    uint32_t kept;

    return tcp_is_quiet(t) && tcp_is_calm(t) && tcp_is_plain(t) && tcp_is_small(t) &&
           tcp_cc_rests(t, &kept) && (!t->rcv_shut || t->detached);
}

/* ---- packing ---- */

/* What both sizes of record hold. */
static struct tcp_idle tcp_idle_of(const struct tcb *t)
{
    uint32_t unit = 1u << t->snd_wnd_shift;
    bool raw = t->snd_wnd % unit != 0;
    net_time min_rtt_age = (t->heard_at - t->min_rtt_at) / TCP_IDLE_AGE_UNIT;
    struct tcp_idle i = {
        .link.kind = TCP_CONN_IDLE,
        .local = ip_addr_short(t->conn.id.local),
        .remote = ip_addr_short(t->conn.id.remote),
        .lport = t->conn.id.lport,
        .rport = t->conn.id.rport,
        .ts_offset = t->conn.ts_offset,
        .state = t->conn.state & 15u,
        .srtt = (uint32_t)t->srtt,
        .rttvar = (uint32_t)t->rttvar,
        .min_rtt = t->min_rtt == NET_NEVER ? UINT32_MAX : (uint32_t)t->min_rtt,
        .min_rtt_age = (uint8_t)net_time_min(min_rtt_age, UINT8_MAX),
        .rcv_rtt = (uint32_t)t->rcvq.rtt,
        .rcv_space = t->rcvq.space & TCP_IDLE_MOST,
        .rcv_wnd = tcp_rcv_wnd(t) & TCP_IDLE_MOST,
        .sent_age = tcp_rough(t->heard_at - t->last_sent),
        .data_age = tcp_rough(t->heard_at - t->rcvq.heard),
        .snd_wnd = (uint16_t)(raw ? t->snd_wnd : t->snd_wnd / unit),
        .is_wnd_raw = raw,
        .max_snd_wnd = (uint16_t)((t->max_snd_wnd + unit - 1) / unit),
        .bytes_in = (uint32_t)t->bytes_in,
        .bytes_out = (uint32_t)t->bytes_out,
        .ssthresh = u32_min(t->ssthresh, TCP_IDLE_MOST) & TCP_IDLE_MOST,
        .owner = t->ready.owner & TCP_IDLE_MOST,
        .reordering_seen = t->rack.reordering_seen,
    };

#define X(field) i.field = t->field;
    TCP_IDLE_WHOLE(X)
#undef X
#define X(field, bits) i.field = t->field & ((1u << (bits)) - 1);
    TCP_IDLE_BITS(X)
#undef X
    tcp_cc_rests(t, &i.cc_kept);
    return i;
}

static struct tcp_idle *tcp_idle_large(struct tcp *tcp, const struct tcb *t)
{
    struct slab *pool = &tcp->idle_larges;

    if (t->detached && tcp->idle_orphans >= pool->count / 2)
        return NULL;
    struct tcp_idle_large *l = slab_alloc(pool);

    if (l == NULL)
        return NULL;
    *l = (struct tcp_idle_large){
        .idle = tcp_idle_of(t),
        .detached_at = t->detached_at,
        .bytes_in = t->bytes_in,
        .bytes_out = t->bytes_out,
        .dsack_end = t->rack.dsack_end,
    };
#define X(kept, field, usual) l->kept = t->field;
    TCP_IDLE_PAST(X)
#undef X
#define X(field) l->field = tcp_rare(t)->field;
    TCP_IDLE_RARE(X)
#undef X
    l->idle.is_large = true;
    tcp->idle_orphans += t->detached;
    net_time at = net_time_min(t->life_at, t->keep_at);

    if (at != NET_NEVER)
        timer_arm(&tcp->idle_wheel, &l->timer, at);
    return &l->idle;
}

/* A record takes the place of @t, which fits. Return: false: there is none left. */
static bool tcp_pack(struct tcb *t)
{
    struct tcp *tcp = t->tcp;
    struct tcp_idle *i;
    uint32_t hash = t->conn.link.hash;

    if (tcp_is_special(t)) {
        i = tcp_idle_large(tcp, t);
    } else {
        i = slab_alloc(&tcp->idles);
        if (i != NULL)
            *i = tcp_idle_of(t);
    }
    if (i == NULL)
        return false;
    tcp_conn_del(tcp, &t->conn);
    hash_add(&tcp->table, &i->link, hash);
    if (!t->detached)
        tcp->moved(tcp->moved_ctx, t->ready.owner, NULL, i);
    tcp->stats.packed++;
    tcp_tcb_moved(t);
    return true;
}

/* A record takes the place of @t if it fits. Return: whether it does, and there was one left. */
bool tcp_idle_pack(struct tcb *t)
{
    return tcp_idle_fits(t) && tcp_pack(t);
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
    return i->state == TCP_CLOSE_WAIT;
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
    t->rack.dsack_end = l->dsack_end;
#define X(kept, field, usual) t->field = l->kept;
    TCP_IDLE_PAST(X)
#undef X
    if (t->detached)
        t->ready.owner = READY_NOBODY;
}

/* Numbers and windows. */
static void tcp_fill_numbers(struct tcb *t, const struct tcp_idle *i)
{
    bool fin = i->state == TCP_FIN_WAIT_2, end = i->state == TCP_CLOSE_WAIT;

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
    t->snd_fin = fin ? t->recover : seq_of(0);
    t->snd_wnd = i->is_wnd_raw ? i->snd_wnd : (uint32_t)i->snd_wnd << i->snd_wnd_shift;
    t->max_snd_wnd = (uint32_t)i->max_snd_wnd << i->snd_wnd_shift;
    t->rcv_adv = seq_add(t->rcv_nxt, i->rcv_wnd);
}

/* Times, and what depends on them. */
static void tcp_fill_times(struct tcb *t, const struct tcp_idle *i)
{
    net_time now = t->tcp->c->now;

    t->sampled_at = t->ts_recent_at = i->heard_at;
    t->last_sent = i->heard_at - tcp_smooth(i->sent_age);
    t->srtt = i->srtt;
    t->rttvar = i->rttvar;
    t->rto = tcp_rtt_rto(t);
    t->min_rtt = i->min_rtt == UINT32_MAX ? NET_NEVER : i->min_rtt;
    t->min_rtt_at = i->heard_at - i->min_rtt_age * TCP_IDLE_AGE_UNIT;
    t->rcvq = (struct tcp_rcvq){
        .rtt = i->rcv_rtt,
        .since = now,
        .edge_at = now,
        .heard = i->heard_at - tcp_smooth(i->data_age),
        .from = t->rcv_nxt,
        .edge = t->rcv_adv,
        .space = i->rcv_space,
    };
    t->rcvq.period = tcp_rcvbuf_period(t->rcvq.heard);
    t->rack.reordering_seen = i->reordering_seen;
    if (t->has_sack && t->delivered > 0) { /* what was delivered last was sent last */
        t->rack.is_valid = t->rack.has_fack = true;
        t->rack.sent_at = t->last_sent;
        t->rack.rtt = t->srtt;
        t->rack.end = t->rack.fack = t->snd_una;
    }
}

/* The block @t as it was when @i took its place; it stands in no list and no table. If there is something to be
 * attached to it, that is @rare now. */
void tcp_idle_fill(struct tcp *tcp, const struct tcp_idle *i, struct tcb *t, struct tcp_rare *rare)
{
    struct tcp_id id = tcp_idle_id(i);

    tcp_tcb_init(tcp, t, &id);
    t->conn.state = i->state;
    t->conn.ts_offset = i->ts_offset;
#define X(field) t->field = i->field;
    TCP_IDLE_WHOLE(X)
#undef X
#define X(field, bits) t->field = i->field;
    TCP_IDLE_BITS(X)
#undef X
    t->syn_acked = t->counted = true;
    t->ssthresh = i->ssthresh == TCP_IDLE_MOST ? UINT32_MAX / 2 : i->ssthresh;
    t->ready.owner = i->owner;
    t->rack.reo_mult = 1;
    tcp_fill_numbers(t, i);
    if (i->is_large)
        tcp_fill_large(t, tcp_idle_more(i), rare);
    t->delivered = t->round_end = t->bytes_acked + t->fin_sent;
    t->app_limited = t->delivered + 1;
    tcp_fill_times(t, i);
    uint32_t kept = i->cc_kept;

    cc_by_index(t->cc)->rest(&t->cc_state, &kept, true);
    t->path.low = (uint16_t)u32_max(tcp->cfg.base_mss, tcp->cfg.mss_min);
    tcp_mtu_follow(t);
}

static void tcp_idle_free(struct tcp *tcp, struct tcp_idle *i)
{
    hash_del(&tcp->table, &i->link);
    if (!i->is_large) {
        slab_free(&tcp->idles, i);
        return;
    }
    struct tcp_idle_large *l = container_of(i, struct tcp_idle_large, idle);

    timer_stop(&tcp->idle_wheel, &l->timer);
    tcp->idle_orphans -= l->detached;
    slab_free(&tcp->idle_larges, l);
}

/**
 * tcp_unpack - a full block takes the place of @i, which is gone.
 *
 * Return: the block; NULL when none is left: @i stays as it is.
 */
struct tcb *tcp_unpack(struct tcp *tcp, struct tcp_idle *i)
{
    struct tcb *t = tcp_tcb_alloc(tcp);
    uint32_t hash = i->link.hash;
    struct tcp_rare rare;

    if (t == NULL)
        return NULL;
    tcp_idle_fill(tcp, i, t, &rare);
    if (t->rare != NULL) {
        t->rare = NULL;
        *tcp_rare_get(t) = rare;
    }
    tcp_idle_free(tcp, i);
    hash_add(&tcp->table, &t->conn.link, hash);
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
