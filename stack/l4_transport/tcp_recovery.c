/*
 * tcp_recovery.c - how a loss is noticed and mended: RFC 5681 section 3.2, RFC 6582 (NewReno).
 *
 * Three duplicate ACKs mean that one segment is missing and later ones arrive: it is sent again at
 * once (fast retransmit), and until everything that was sent before is acknowledged (`recover`)
 * each partial ACK sends the next hole (fast recovery). A timeout means that nothing is known: all
 * is sent again from SND.UNA, beginning with one segment (go back N in slow start). The first two
 * duplicates let one new segment each go beyond the window (limited transmit, RFC 3042), so that
 * also a small flight gets its third.
 *
 * How large the window is at each of these moments, the controller says (cc.h); the inflation by
 * duplicate ACKs is part of NewReno and done here. SACK gets a file of its own.
 */
#include "l4_transport/tcp_priv.h"

static struct cc tcp_cc(struct tcb *t)
{
    return (struct cc){
        .ops = cc_by_index(t->cc),
        .options = &t->tcp->cfg.cc_options,
        .state = &t->cc_state,
        .mss = t->snd_mss,
        .cwnd_bytes = t->cwnd,
        .ssthresh_bytes = t->ssthresh,
    };
}

static void tcp_cc_done(struct tcb *t, const struct cc *cc, const char *cause)
{
    bool changed = t->cwnd != cc->cwnd_bytes || t->ssthresh != cc->ssthresh_bytes;

    t->cwnd = cc->cwnd_bytes;
    t->ssthresh = cc->ssthresh_bytes;
    if (!changed || !trace_on(&t->tcp->c->trace, TRACE_cwnd))
        return;
    struct trace_ev ev = core_trace(t->tcp->c, TRACE_cwnd);

    ev.conn = tcp_trace_conn(&t->conn);
    ev.u.cwnd = (struct trace_cwnd){t->cwnd, t->ssthresh, tcp_in_flight(t), cause};
    core_trace_emit(t->tcp->c, &ev);
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
    tcp_cc_done(t, &cc, "start");
}

/* Partial ACK: the next hole is lost too. Deflate by what was acknowledged (RFC 6582 step 3). */
static void tcp_recovery_partial(struct tcb *t, uint32_t acked)
{
    struct cc cc = tcp_cc(t);

    cc.cwnd_bytes -= u32_min(acked, cc.cwnd_bytes - t->snd_mss);
    if (acked >= t->snd_mss)
        cc.cwnd_bytes += t->snd_mss;
    t->rtx_due = true;
    t->had_partial = true;
    tcp_cc_done(t, &cc, "partial ack");
}

/**
 * tcp_recovery_ack - SND.UNA has moved.
 * @acked: bytes; SND.UNA is the new one
 * @rtt:   measured, 0: no sample
 */
void tcp_recovery_ack(struct tcb *t, uint32_t acked, net_time rtt)
{
    struct cc cc = tcp_cc(t);

    t->dup_acks = 0;
    if (t->in_recovery && seq_lt(t->snd_una, t->recover)) {
        tcp_recovery_partial(t, acked);
        return;
    }
    if (t->in_recovery) { /* full ACK: RFC 6582 step 3, the first choice, which avoids a burst */
        t->in_recovery = false;
        cc.cwnd_bytes =
            u32_min(cc.ssthresh_bytes, u32_max(tcp_in_flight(t), t->snd_mss) + t->snd_mss);
        tcp_cc_done(t, &cc, "recovered");
        return;
    }
    /* `recover` must not grow old: half the circle behind it would seem to be ahead, and there would
     * be no fast retransmit for 2 GiB. */
    if (seq_gt(t->snd_una, t->recover))
        t->recover = seq_sub(t->snd_una, 1);
    struct cc_ack a = {
        .now = t->tcp->c->now,
        .acked_bytes = acked,
        .in_flight_before = acked + tcp_in_flight(t),
        .in_flight_after = tcp_in_flight(t),
        .rtt_ns = rtt,
        .srtt_ns = t->srtt,
        .min_rtt_ns = t->min_rtt,
        .cwnd_limited = t->cwnd_full,
    };
    bool slow_start = t->cwnd < t->ssthresh;

    cc.ops->ack(&cc, &a);
    tcp_cc_done(t, &cc, slow_start ? "slow start" : "congestion avoidance");
}

/* A duplicate ACK (RFC 5681 section 2) came. */
void tcp_recovery_dup(struct tcb *t)
{
    struct cc cc = tcp_cc(t);

    if (t->dup_acks == 0)
        t->dup_flight = tcp_in_flight(t);
    if (t->dup_acks < UINT8_MAX)
        t->dup_acks++;
    if (t->in_recovery) { /* a segment has left the network: RFC 5681 section 3.2 step 4 */
        /* Not more than are in it, or invented duplicates would open the window (section 3.2). */
        if (cc.cwnd_bytes < cc.ssthresh_bytes + seq_dist(t->snd_una, t->snd_max))
            cc.cwnd_bytes += t->snd_mss;
        tcp_cc_done(t, &cc, "inflate");
        return;
    }
    if (t->dup_acks != 3)
        return;
    /* RFC 6582 step 2: only if this ACK covers more than the last recovery did; what we sent again
     * after a timeout comes back as duplicates, which say nothing. */
    if (!seq_gt(t->snd_una, t->recover))
        return;
    t->recover = t->snd_max;
    t->in_recovery = true;
    t->had_partial = false;
    t->tcp->stats.fast_rtx++;
    /* What limited transmit has added does not count (RFC 5681 section 3.2 step 2). */
    struct cc_loss l = {.now = t->tcp->c->now, .in_flight_bytes = t->dup_flight};

    cc.ops->loss(&cc, &l);
    cc.cwnd_bytes = cc.ssthresh_bytes + 3u * t->snd_mss;
    t->rtx_due = true;
    tcp_cc_done(t, &cc, "fast retransmit");
}

/* The retransmission timer ran out (RFC 5681 section 3.1, RFC 6582 section 4). */
void tcp_recovery_timeout(struct tcb *t)
{
    struct cc cc = tcp_cc(t);
    uint32_t flight = seq_dist(t->snd_una, t->snd_max);

    if (t->in_recovery) /* a retransmission was lost: the second sign of congestion, section 4.3 */
        flight = u32_min(flight, t->ssthresh);
    t->timed_valid = false; /* Karn */
    t->dup_acks = 0;
    t->in_recovery = false;
    t->recover = t->snd_max;
    if (tcp_state(t) != TCP_SYN_SENT && tcp_state(t) != TCP_SYN_RCVD) {
        struct cc_loss l = {
            .now = t->tcp->c->now,
            .in_flight_bytes = flight,
            .kind = CC_LOSS_TIMEOUT,
            .is_again = t->timeouts > 1,
        };

        cc.ops->loss(&cc, &l);
        cc.cwnd_bytes = t->snd_mss;
        tcp_cc_done(t, &cc, "timeout");
    }
    t->snd_nxt = t->snd_una; /* go back N */
}

/* A shut window opens. What timed out meanwhile was thrown away for want of room, so it goes again at
 * once: the backed-off timer may be minutes away. */
void tcp_recovery_reopened(struct tcb *t)
{
    if (t->timeouts == 0)
        return;
    t->snd_nxt = t->snd_una;
    t->rtx_due = true;
    tcp_timer_window_open(t);
}

/* The congestion window as output may use it now: with limited transmit. */
uint32_t tcp_recovery_window(const struct tcb *t)
{
    bool limited = !t->in_recovery && t->dup_acks < 3 && seq_eq(t->snd_nxt, t->snd_max);

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
