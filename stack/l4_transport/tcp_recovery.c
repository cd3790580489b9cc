/*
 * tcp_recovery.c - what follows from ACKs: is something lost, and how much may be in flight?
 *
 * A connection is in one of five moods (Linux's names and numbers, which tools show):
 *
 *   OPEN      all is well; the window grows
 *   DISORDER  something is SACKed, or duplicate ACKs come: reordering, or the first signs of a loss
 *   CWR       an ECN echo or a tail probe told of congestion: the window shrinks, nothing is lost
 *   RECOVERY  something is lost and is sent again (fast recovery)
 *   LOSS      the timer ran out: nothing is known, what was sent is sent again in slow start
 *
 * The last three end when all that was outstanding at their begin (`recover`) is acknowledged. In
 * CWR and RECOVERY the window goes down to ssthresh by proportional rate reduction (RFC 6937): for
 * each piece delivered a smaller one is sent. What is lost is told by RACK or by RFC 6675
 * (tcp_rack.c) where the peer SACKs, and by three duplicate ACKs where it does not (tcp_newreno.c).
 *
 * All three may turn out to have been wrong. Then the window is restored: when each retransmission
 * came a second time (D-SACK, RFC 2883), when the ACK echoes a time before the first of them (the
 * Eifel algorithm, RFC 3522, RFC 4015), or when after a timeout something is delivered that was
 * never sent again (F-RTO, RFC 5682).
 */
#include "l4_transport/tcp_priv.h"

/* ---- between us and the controller ---- */

struct cc tcp_cc(struct tcb *t)
{
    return (struct cc){
        .ops = cc_by_index(t->cc),
        .options = &t->tcp->cfg.cc_options,
        .state = &t->cc_state,
        .mss = t->snd_mss,
        .is_paced = t->tcp->cfg.pacing,
        .cwnd_bytes = t->cwnd,
        .ssthresh_bytes = t->ssthresh,
        .pacing_bytes_per_s = t->pacing_rate,
    };
}

void tcp_cc_done(struct tcb *t, const struct cc *cc, const char *cause)
{
    bool changed = t->cwnd != cc->cwnd_bytes || t->ssthresh != cc->ssthresh_bytes;

    t->cwnd = cc->cwnd_bytes;
    t->ssthresh = cc->ssthresh_bytes;
    t->pacing_rate = cc->pacing_bytes_per_s;
    if (!changed || !trace_on(&t->tcp->c->trace, TRACE_cwnd))
        return;
    struct trace_ev ev = core_trace(t->tcp->c, TRACE_cwnd);

    ev.conn = tcp_trace_conn(&t->conn);
    ev.u.cwnd = (struct trace_cwnd){t->cwnd, t->ssthresh, tcp_pipe(t), cause};
    core_trace_emit(t->tcp->c, &ev);
}

static void tcp_cwnd_set(struct tcb *t, uint32_t cwnd, const char *cause)
{
    struct cc cc = tcp_cc(t);

    cc.cwnd_bytes = cwnd;
    tcp_cc_done(t, &cc, cause);
}

/* The initial window: RFC 6928 section 2; one segment if our SYN was lost (RFC 5681 section 3.1). */
void tcp_recovery_init(struct tcb *t)
{
    struct cc cc = tcp_cc(t);
    uint32_t mss = t->snd_mss, segs = t->tcp->cfg.initial_cwnd;

    cc.cwnd_bytes = u32_min(segs * mss, u32_max(2 * mss, segs * 1460));
    if (t->syn_lost)
        cc.cwnd_bytes = mss;
    cc.ops->init(&cc);
    t->recover = t->iss; /* RFC 6582 section 3.2, step 0 */
    t->rack.reo_mult = 1;
    tcp_cc_done(t, &cc, "start");
}

/* ---- what was delivered ---- */

/* The first @len numbers of @r are delivered for the first time: round trip, rate, RACK. */
void tcp_ack_delivered(struct tcb *t, struct tcp_sent *r, uint32_t len, struct tcp_ack *a)
{
    net_time now = t->tcp->c->now, rtt = now - r->sent_at;

    a->delivered += len;
    t->delivered_segs += len == r->len ? r->segs : (len + r->seg_len - 1) / r->seg_len;
    if (!(r->fate & TCP_EVER_RTX)) {
        if (!a->has_original || seq_lt(seq_add(tcp_sent_seq(r), len), a->original))
            a->original = seq_add(tcp_sent_seq(r), len);
        a->has_original = true;
        if (rtt == 0)
            rtt = 1;
        a->rtt = a->rtt == 0 ? rtt : net_time_min(a->rtt, rtt);
        tcp_rtt_min(t, rtt);
    }
    if (!a->has_rate || r->delivered > a->rate_delivered) {
        a->has_rate = true;
        a->rate_delivered = r->delivered;
        a->rate_from = r->delivered_at;
        a->rate_sent = r->sent_at - r->first_sent_at;
        a->rate_is_app_limited = r->is_app_limited;
        t->first_sent_at = r->sent_at;
    }
    if (t->has_sack)
        tcp_rack_delivered(t, r, len, a);
}

/* SND.UNA moves to SEG.ACK: the records up to there go. */
void tcp_ack_cumulative(struct tcb *t, struct tcp_ack *a)
{
    net_time rtt = a->rtt; /* as SACKs told */
    bool is_mended = false;
    struct tcp_sent *r;

    while ((r = tcp_sent_of(t->board.tree.first)) != NULL && seq_lt(tcp_sent_seq(r), a->seg->ack)) {
        uint32_t len = u32_min(r->len, seq_dist(tcp_sent_seq(r), a->seg->ack));

        if (!(r->fate & TCP_SACKED))
            tcp_ack_delivered(t, r, len, a);
        is_mended = is_mended || (r->fate & TCP_EVER_RTX);
        tcp_sent_trim(t, r, len);
    }
    if (is_mended) /* a retransmission filled the hole: what lay behind it came long before */
        a->rtt = rtt;
    if (is_mended &&
        !t->has_sack) /* and nobody told when: it says nothing about a timeout (F-RTO) */
        a->has_original = false;
}

/* Bytes a second, over the time it took to send or to acknowledge them, whichever was longer
 * (draft-cheng-iccrg-delivery-rate-estimation). 0: this ACK tells nothing. */
static uint64_t tcp_ack_rate(const struct tcb *t, const struct tcp_ack *a)
{
    if (!a->has_rate)
        return 0;
    net_time acked = t->delivered_at - a->rate_from;
    net_time time = acked > a->rate_sent ? acked : a->rate_sent;

    if (time <= 0 || (t->min_rtt != NET_NEVER && time < t->min_rtt))
        return 0;
    return (t->delivered - a->rate_delivered) * (uint64_t)NET_SEC(1) / (uint64_t)time;
}

/* Keep it for who asks (tcp_status): one that was taken while there was too little to send is a lower bound, and counts
 * only where it is higher than what is known, as with Linux. All controllers' ACKs give a sample, so it costs a
 * comparison and a word of a cache line that is there. */
static void tcp_rate_note(struct tcb *t, struct tcp_ack *a)
{
    a->rate = tcp_ack_rate(t, a);
    uint64_t rate = a->rate / TCP_RATE_UNIT;

    if (a->rate == 0 || (a->rate_is_app_limited && rate < t->delivery_rate))
        return;
    t->delivery_rate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
    t->rate_is_app_limited = a->rate_is_app_limited;
}

static void tcp_ack_grow(struct tcb *t, const struct tcp_ack *a, const char *cause)
{
    struct cc cc = tcp_cc(t);
    struct cc_ack facts = {
        .now = t->tcp->c->now,
        .acked_bytes = a->delivered,
        .lost_bytes = t->lost_bytes,
        .in_flight_before = a->pipe,
        .in_flight_after = tcp_pipe(t),
        .rtt_ns = a->rtt,
        .srtt_ns = t->srtt,
        .min_rtt_ns = t->min_rtt,
        .cwnd_limited = t->cwnd_full,
        .in_recovery = t->ca_state == TCP_CA_RECOVERY || t->ca_state == TCP_CA_CWR,
        .is_round_start = a->is_round_start,
        .is_app_limited = a->rate_is_app_limited,
        .delivered_bytes = t->delivered,
        .rate_bytes_per_s = a->rate,
    };

    if (cause == NULL)
        cause = t->cwnd < t->ssthresh ? "slow start" : "congestion avoidance";
    cc.ops->ack(&cc, &facts);
    tcp_cc_done(t, &cc, cause);
}

/* ---- the way down ---- */

/* What must be known to take it all back. */
static void tcp_undo_note(struct tcb *t)
{
    struct tcp_rare *r = tcp_rare_get(t);

    t->undo_valid = true;
    r->undo_una = t->snd_una;
    r->undo_rtx = 0;
    r->undo_sent = 0;
    r->undo_cwnd = t->cwnd;
    r->undo_ssthresh = t->ssthresh;
}

/* Once for each window of trouble: how far down? */
static void tcp_reduce(struct tcb *t, enum cc_loss_kind kind, bool is_again, const char *cause)
{
    struct tcp_rare *r = tcp_rare_get(t);
    struct cc cc = tcp_cc(t);
    /* What limited transmit has added does not count (RFC 5681 section 3.2 step 2). */
    uint32_t flight = u32_min(t->board.out.bytes, u32_max(t->cwnd, t->snd_mss));

    if (t->ca_state == TCP_CA_RECOVERY) /* a retransmission was lost, too: RFC 5681 section 4.3 */
        flight = u32_min(flight, t->ssthresh);
    struct cc_loss l = {
        .now = t->tcp->c->now, .in_flight_bytes = flight, .kind = kind, .is_again = is_again};

    r->prr_from = flight;
    r->prr_delivered = r->prr_out = 0;
    tcp_ecn_reduced(t);
    cc.ops->loss(&cc, &l);
    if (!t->tcp->cfg.prr && t->has_sack && kind != CC_LOSS_TIMEOUT && !cc.ops->owns_window)
        cc.cwnd_bytes = cc.ssthresh_bytes; /* RFC 6675 section 5, step 4.2 */
    tcp_cc_done(t, &cc, cause);
}

static void tcp_mood(struct tcb *t, uint8_t state)
{
    t->ca_state = state;
    t->recover = t->snd_nxt;
    t->rack.tlp_out = t->tlp_due = false;
}

/* Congestion without loss: an ECN echo (RFC 3168 section 6.1.2), or a tail probe that mended one. */
void tcp_recovery_cwr(struct tcb *t, enum cc_loss_kind kind)
{
    if (t->ca_state >= TCP_CA_CWR)
        return;
    t->undo_valid = false;
    tcp_reduce(t, kind, false, "cwr");
    tcp_mood(t, TCP_CA_CWR);
}

void tcp_recovery_enter(struct tcb *t)
{
    if (tcp_mtu_lost(t)) /* a probe of the path, and nothing else */
        return;
    if (t->ca_state < TCP_CA_CWR) {
        tcp_undo_note(t);
        tcp_reduce(t, CC_LOSS_FAST, false, "fast retransmit");
    }
    tcp_mood(t, TCP_CA_RECOVERY);
    t->tcp->stats.fast_rtx++;
    t->rtx_due = true; /* the first one goes whatever the window says */
}

/* RFC 6937 section 3.1, in whole segments as far as the target is concerned. */
static void tcp_prr(struct tcb *t, const struct tcp_ack *a)
{
    uint32_t pipe = tcp_pipe(t), mss = t->snd_mss, send;
    struct tcp_rare *r = tcp_rare_get(t);

    r->prr_delivered += a->delivered;
    if (pipe > t->ssthresh) {
        uint64_t unit = (uint64_t)u32_max(r->prr_from, 1) * mss;
        uint64_t target = ((uint64_t)r->prr_delivered * t->ssthresh + unit - 1) / unit * mss;

        send = target > r->prr_out ? (uint32_t)target - r->prr_out : 0;
    } else { /* slow start, but never beyond ssthresh */
        uint32_t limit = r->prr_delivered > r->prr_out ? r->prr_delivered - r->prr_out : 0;

        limit = u32_max(limit, a->delivered);
        if (a->is_new && t->lost_bytes == 0) /* going well: catch up */
            limit += mss;
        send = u32_min(t->ssthresh - pipe, limit);
    }
    if (r->prr_out == 0 && t->ca_state == TCP_CA_RECOVERY)
        send = u32_max(send, mss); /* the retransmission that begins it */
    tcp_cwnd_set(t, pipe + send, "recovery");
}

/* ---- taking it back ---- */

static void tcp_undo(struct tcb *t, const char *cause)
{
    struct cc cc = tcp_cc(t);
    struct tcp_sent *r = tcp_sent_of(t->board.tree.first);

    for (; r != NULL; r = tcp_sent_next(r)) {
        if ((r->fate & (TCP_LOST | TCP_RTX)) == TCP_LOST)
            tcp_sent_fate(t, r, r->fate & (uint8_t)~TCP_LOST);
    }
    cc.cwnd_bytes = u32_max(t->cwnd, tcp_rare(t)->undo_cwnd);
    cc.ssthresh_bytes = u32_max(t->ssthresh, tcp_rare(t)->undo_ssthresh);
    cc.ops->undo(&cc);
    tcp_cc_done(t, &cc, cause);
    t->undo_valid = false;
    tcp_rare_get(t)->undos++;
    t->tcp->stats.undos++;
    t->rtx_due = false;
}

/* Was what we sent again needless, by what is known now? */
static bool tcp_may_undo(const struct tcb *t, const struct tcp_ack *a)
{
    const struct tcp_rare *r = tcp_rare(t);

    if (!t->undo_valid || !t->tcp->cfg.undo || r->undo_sent == 0)
        return false;
    if (r->undo_rtx == 0) /* each of them came a second time */
        return a->is_dsack;
    const struct tcp_opts *o = &a->seg->opt;

    /* Eifel. An ACK of less is one of retransmissions before this trouble: they are older, too. */
    return a->is_new && seq_geq(t->snd_una, r->undo_end) && t->has_ts && o->has_ts &&
           o->tsecr != 0 && (int32_t)(o->tsecr - r->undo_ts) < 0;
}

/* A segment is sent again: remember when the first one was, and how many. */
void tcp_recovery_sent_again(struct tcb *t, tcp_seq seq, uint32_t len)
{
    if (!t->undo_valid)
        return;
    struct tcp_rare *r = tcp_rare_get(t);

    if (r->undo_sent == 0) {
        r->undo_ts = tcp_ts_now(t->tcp, &t->conn);
        r->undo_end = seq_add(seq, len);
    }
    r->undo_sent++;
    r->undo_rtx += (len + t->snd_mss - 1) / t->snd_mss;
}

/* ---- moods ---- */

/* All that was outstanding when the trouble began is acknowledged. */
static void tcp_recovery_over(struct tcb *t, const struct tcp_ack *a)
{
    const struct cc_ops *ops = cc_by_index(t->cc);

    if (tcp_may_undo(t, a))
        tcp_undo(t, "undo");
    else if (t->ca_state == TCP_CA_RECOVERY || t->ca_state == TCP_CA_CWR) {
        if (!ops->owns_window && t->has_sack)
            tcp_cwnd_set(t, t->ssthresh, "recovered");
        else if (!ops->owns_window)
            tcp_newreno_over(t);
    }
    if (t->ca_state == TCP_CA_RECOVERY)
        tcp_rack_recovered(t);
    t->ca_state = TCP_CA_OPEN;
    t->frto = t->frto_new = false;
}

/* After a timeout (RFC 5682, with SACK its section 3): what is delivered now tells whether the
 * timeout was needed. */
static void tcp_recovery_loss(struct tcb *t, const struct tcp_ack *a)
{
    if (t->frto && a->has_original && seq_leq(a->original, t->recover)) {
        tcp_undo(t, "undo"); /* step 3b: something that was never sent again arrived */
        t->ca_state = TCP_CA_OPEN;
        t->frto = t->frto_new = false;
        return;
    }
    /* Step 2b: after the first ACK, try new data before sending more again. Anything else than an
     * ACK that moves (steps 2a, 3a), or nothing new to send: the loss was real. */
    bool has_new = seq_lt(t->snd_nxt, tcp_data_end(t)) && tcp_in_flight(t) < t->snd_wnd;

    if (t->frto_new) /* step 3a: the new data do not count */
        tcp_cwnd_set(t, u32_max(t->cwnd, 3u * t->snd_mss), "timeout");
    t->frto = t->frto && a->is_new && !t->frto_new && has_new;
    t->frto_new = t->frto;
}

/* Nothing lost: is there disorder? */
static void tcp_recovery_calm(struct tcb *t)
{
    bool disorder = t->board.sacked.segs > 0 || t->board.rtx.segs > 0 || t->dup_acks > 0;

    if (t->ca_state <= TCP_CA_DISORDER)
        t->ca_state = disorder ? TCP_CA_DISORDER : TCP_CA_OPEN;
}

static void tcp_recovery_sack(struct tcb *t, struct tcp_ack *a)
{
    if (a->is_new)
        t->dup_acks = 0;
    else if (a->has_sacked && t->dup_acks < UINT8_MAX) /* RFC 6675 section 2: a duplicate ACK */
        t->dup_acks++;
    if (t->ca_state == TCP_CA_RECOVERY && tcp_may_undo(t, a)) {
        tcp_undo(t, "undo");
        t->ca_state = TCP_CA_OPEN;
    }
    tcp_detect(t, a);
    if (t->board.lost.segs > t->board.rtx.segs && t->ca_state < TCP_CA_RECOVERY)
        tcp_recovery_enter(t);
    else
        tcp_recovery_calm(t);
}

/**
 * tcp_recovery_ack - an ACK that brings news, or a duplicate.
 * @a: filled in by tcp_sack_input() and tcp_ack_cumulative(); SND.UNA is the new one
 */
void tcp_recovery_ack(struct tcb *t, struct tcp_ack *a)
{
    const struct cc_ops *ops = cc_by_index(t->cc);
    bool was_up = t->ca_state != TCP_CA_CWR && t->ca_state != TCP_CA_RECOVERY;

    t->delivered += a->delivered;
    if (a->delivered > 0)
        t->delivered_at = t->tcp->c->now;
    if (t->app_limited != 0 && t->delivered > t->app_limited)
        t->app_limited = 0;
    /* By what was delivered when it was sent: a hole that holds SND.UNA does not stop the rounds. */
    if (a->has_rate && a->rate_delivered >= t->round_end) {
        a->is_round_start = true;
        t->round_end = t->delivered;
    }
    tcp_rate_note(t, a);
    if (a->is_new)
        tcp_mtu_acked(t);
    if (tcp_tlp_ack(t, a))
        tcp_recovery_cwr(t, CC_LOSS_FAST);
    if (t->ca_state == TCP_CA_LOSS)
        tcp_recovery_loss(t, a);
    if (t->ca_state >= TCP_CA_CWR && a->is_new && seq_geq(t->snd_una, t->recover))
        tcp_recovery_over(t, a);
    if (t->has_sack)
        tcp_recovery_sack(t, a);
    else
        tcp_newreno_ack(t, a);
    bool is_down = t->ca_state == TCP_CA_CWR || t->ca_state == TCP_CA_RECOVERY;

    if (ops->owns_window)
        tcp_ack_grow(t, a, "model");
    else if (is_down && !t->has_sack)
        tcp_newreno_window(t, a);
    else if (is_down && t->tcp->cfg.prr && a->delivered > 0)
        tcp_prr(t, a);
    else if (!is_down && was_up && a->is_new)
        tcp_ack_grow(t, a, NULL);
    t->lost_bytes = 0;
    /* `recover` must not grow old: half the circle behind it would seem to be ahead. */
    if (t->ca_state <= TCP_CA_DISORDER && seq_gt(t->snd_una, t->recover))
        t->recover = seq_sub(t->snd_una, 1);
}

/* The reordering timer of RACK ran out. */
void tcp_recovery_reorder(struct tcb *t)
{
    tcp_detect(t, NULL);
    if (t->board.lost.segs > t->board.rtx.segs) {
        if (t->ca_state < TCP_CA_RECOVERY)
            tcp_recovery_enter(t);
        if (t->ca_state == TCP_CA_RECOVERY && t->tcp->cfg.prr && !cc_by_index(t->cc)->owns_window) {
            struct tcp_ack none = {0};

            tcp_prr(t, &none);
        }
    }
    tcp_due(t);
}

/* The retransmission timer ran out (RFC 5681 section 3.1, RFC 6582 section 4, RFC 8985 6.3). */
void tcp_recovery_timeout(struct tcb *t)
{
    struct tcp_sent *first = tcp_sent_of(t->board.tree.first);
    bool is_new = t->ca_state <= TCP_CA_DISORDER || seq_geq(t->snd_una, t->recover);

    t->timed_valid = false; /* Karn */
    t->dup_acks = 0;
    if (!t->syn_acked)
        return;
    if (first != NULL && (first->fate & TCP_SACKED))
        tcp_sack_forget(t); /* it had the first segment and does not acknowledge it: reneging */
    if (is_new)
        tcp_undo_note(t);
    tcp_reduce(t, CC_LOSS_TIMEOUT, !is_new && t->timeouts > 1, "timeout");
    /* What lies beyond a window that has shrunk was thrown away: that is no late ACK. */
    t->frto = t->tcp->cfg.frto && is_new && t->timeouts <= 1 && tcp_in_flight(t) <= t->snd_wnd;
    t->frto_new = false;
    tcp_mood(t, TCP_CA_LOSS);
    tcp_rack_timeout(t);
    tcp_cwnd_set(t, tcp_pipe(t) + t->snd_mss, "timeout");
}

/* All that is in flight will not arrive, and that says nothing about congestion: it was too long for
 * the path (RFC 1191 section 6.5), or a shut window threw it away. */
void tcp_recovery_resend(struct tcb *t)
{
    struct tcp_sent *r = tcp_sent_of(t->board.tree.first);

    for (; r != NULL; r = tcp_sent_next(r)) {
        if (!(r->fate & TCP_SACKED))
            tcp_sent_fate(t, r, (r->fate & TCP_EVER_RTX) | TCP_LOST);
    }
    t->timed_valid = false;
    tcp_due(t);
}

/* A shut window opens. What timed out meanwhile was thrown away for want of room, so it goes again at
 * once: the backed-off timer may be minutes away. */
void tcp_recovery_reopened(struct tcb *t)
{
    if (t->timeouts == 0)
        return;
    tcp_recovery_resend(t);
    t->rtx_due = true;
    tcp_timer_window_open(t);
}

/* The congestion window as output may use it now: with limited transmit (RFC 3042). */
uint32_t tcp_recovery_window(const struct tcb *t)
{
    bool limited = t->tcp->cfg.limited_transmit && !t->has_sack && t->ca_state <= TCP_CA_DISORDER &&
                   t->dup_acks < 3;

    return limited ? t->cwnd + t->dup_acks * (uint32_t)t->snd_mss : t->cwnd;
}

/* About to send new data after @idle without sending. */
void tcp_recovery_idle(struct tcb *t, net_time idle)
{
    struct cc cc = tcp_cc(t);
    struct cc_idle i = {.now = t->tcp->c->now, .idle_ns = idle, .rto_ns = t->rto};

    cc.ops->idle(&cc, &i);
    tcp_cc_done(t, &cc, "idle");
}
