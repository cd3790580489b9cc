/*
 * tcp_rtt.c - round trips and the retransmission timeout: RFC 6298.
 *
 * One segment per round trip is timed with the clock of the host, which is exact. If it had to be
 * sent again its answer is ambiguous (Karn's rule, section 3), and is not used; with timestamps
 * (RFC 7323 section 4) the echo then still tells which transmission was answered, to a millisecond;
 * also then there is no more than one sample in a round trip, as the gains of RFC 6298 assume
 * (RFC 7323 section 4.2).
 *
 * Two deviations, both as in Linux: instead of a minimum of a second for the RTO (2.4), which would
 * make each loss at the end of a transfer visible to people, there is one of 200 ms for the part
 * that stands for the variation (2.3), which covers the time by which peers delay ACKs; and the
 * first timeout is backed off from 1 s (2.1) without the fallback to 3 s unless a SYN was lost (5.7).
 */
#include "l4_transport/tcp_priv.h"

void tcp_rtt_init(struct tcb *t)
{
    t->rto = t->tcp->cfg.rto_initial;
    t->min_rtt = NET_NEVER;
}

/* The smallest of the last five minutes (RFC 8985 section 6.2 step 1; the length is Linux's). */
void tcp_rtt_min(struct tcb *t, net_time rtt)
{
    net_time now = t->tcp->c->now;

    if (rtt <= t->min_rtt || now - t->min_rtt_at > NET_SEC(300)) {
        t->min_rtt = rtt;
        t->min_rtt_at = now;
    }
}

/* The timeout that follows from what was measured, (2.3) and (2.4). */
net_time tcp_rtt_rto(const struct tcb *t)
{
    const struct tcp_config *cfg = &t->tcp->cfg;
    net_time k = 4 * t->rttvar, rto = t->srtt + (k > cfg->rto_min ? k : cfg->rto_min);

    if (t->srtt == 0)
        return cfg->rto_initial;
    rto -= rto % NET_US(1); /* an srtt of 1 ns stands for none */
    return net_time_min(rto, cfg->rto_max);
}

/* (2.2), (2.3): R' is one measurement. */
void tcp_rtt_sample(struct tcb *t, net_time rtt)
{
    if (rtt < 0)
        return;
    if (t->srtt == 0) {
        t->srtt = rtt > 0 ? rtt : 1;
        t->rttvar = rtt / 2;
    } else {
        net_time off = t->srtt > rtt ? t->srtt - rtt : rtt - t->srtt;

        t->rttvar = (3 * t->rttvar + off) / 4; /* beta = 1/4 */
        t->srtt = (7 * t->srtt + rtt) / 8;     /* alpha = 1/8 */
        if (t->srtt == 0)
            t->srtt = 1;
    }
    tcp_rtt_min(t, rtt);
    t->rto = tcp_rtt_rto(t);
    if (trace_on(&t->tcp->c->trace, TRACE_rtt)) {
        struct trace_ev ev = core_trace(t->tcp->c, TRACE_rtt);

        ev.conn = tcp_trace_conn(&t->conn);
        ev.u.rtt = (struct trace_rtt){rtt, t->srtt, t->rttvar, t->rto};
        core_trace_emit(t->tcp->c, &ev);
    }
}

/* New data up to @seq were sent; time them if no other segment is being timed. */
void tcp_rtt_sent(struct tcb *t, tcp_seq seq)
{
    if (t->timed_valid)
        return;
    t->timed_valid = true;
    t->timed_seq = seq;
    t->timed_at = t->tcp->c->now;
}

/**
 * tcp_rtt_acked - something was acknowledged or SACKed.
 * @delivered: round trip of a segment that was sent once and is delivered now; 0: none
 *
 * Return: the measurement, 0 if there was none.
 */
net_time tcp_rtt_acked(struct tcb *t, const struct tcp_seg *seg, net_time delivered)
{
    net_time rtt = 0, now = t->tcp->c->now;
    bool may_sample = t->srtt == 0 || now - t->sampled_at >= t->srtt;

    if (t->timed_valid && seq_geq(seg->ack, t->timed_seq)) {
        t->timed_valid = false;
        rtt = now - t->timed_at;
        if (rtt == 0)
            rtt = 1;
    } else if (!t->timed_valid && may_sample && delivered > 0) {
        rtt = delivered;
    } else if (!t->timed_valid && may_sample && t->has_ts && seg->opt.has_ts &&
               seg->opt.tsecr != 0) {
        int32_t ticks = (int32_t)(tcp_ts_now(t->tcp, &t->conn) - seg->opt.tsecr);

        if (ticks >= 0 && NET_MS(ticks) < t->tcp->cfg.rto_max)
            rtt = ticks == 0 ? NET_US(500) : NET_MS(ticks);
    }
    if (rtt > 0) {
        t->sampled_at = now;
        tcp_rtt_sample(t, rtt);
    }
    return rtt;
}

/* The timeout as it is now: doubled for each one that ran out (5.5). */
net_time tcp_rto(const struct tcb *t)
{
    net_time rto = t->rto;

    for (unsigned i = 0; i < t->backoff && rto < t->tcp->cfg.rto_max; i++)
        rto *= 2;
    return net_time_min(rto, t->tcp->cfg.rto_max);
}
