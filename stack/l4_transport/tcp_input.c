/*
 * tcp_input.c - SEGMENT ARRIVES: RFC 9293 section 3.10.7, in its words and in its order.
 *
 * 3.10.7.1 tcp_closed_input, 3.10.7.2 tcp_listen_input (tcp_listen.c), 3.10.7.3
 * tcp_syn_sent_input, 3.10.7.4 tcp_other_input, which calls tcp_step1_seq ... tcp_step8_fin. Third
 * (security and compartment) has no step. Every step returns a verdict; the caller stops at the
 * first that is not V_NEXT. V_DONE from a step may mean that the connection is gone.
 *
 * Beyond RFC 9293: PAWS (RFC 7323 section 5), the challenge ACKs of RFC 5961, throttled per
 * connection and never globally (CVE-2016-5696), acknowledgment of RFC 5681's duplicates.
 */
#include <errno.h>

#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_tell.h"

/* ---- helpers ---- */

/* What the SYN's options mean for the connection; has_ts and has_wscale say what we offered. */
void tcp_negotiate(struct tcb *t, const struct tcp_opts *o)
{
    struct tcp *tcp = t->tcp;
    uint16_t mss = o->has_mss ? o->mss : 536; /* MUST-15 */

    t->has_ts = t->has_ts && o->has_ts && tcp->cfg.timestamps;
    t->has_sack = t->has_sack && o->has_sack_ok && tcp->cfg.sack;
    t->has_wscale = t->has_wscale && o->has_wscale && tcp->cfg.window_scaling;
    t->snd_wnd_shift = t->has_wscale ? o->wscale : 0;
    if (!t->has_wscale)
        t->rcv_wnd_shift = 0;
    if (t->has_ts) {
        t->ts_recent = o->tsval;
        t->ts_recent_at = tcp->c->now;
    }
    /* A floor under the peer's MSS: payload must never be nothing (SACK panic and kin). */
    t->peer_mss = mss < tcp->cfg.mss_min ? tcp->cfg.mss_min : mss;
    tcp_mtu_begin(t); /* MUST-16 */
}

/* RFC 5961 section 7: a bounded number of challenge ACKs in a second, counted per connection. */
void tcp_challenge(struct tcb *t)
{
    net_time now = t->tcp->c->now;
    struct tcp_rare *r = tcp_rare_get(t);

    if (now - r->challenge_since >= NET_SEC(1)) {
        r->challenge_since = now;
        r->challenges = 0;
    }
    if (r->challenges >= t->tcp->cfg.challenge_acks) {
        t->tcp->stats.challenges_held_back++;
        return;
    }
    r->challenges++;
    t->tcp->stats.challenges++;
    t->ack_now = true;
    tcp_due(t);
}

/* ---- 3.10.7.1 CLOSED ---- */

static enum verdict tcp_closed_input(struct tcp *tcp, const struct tcp_seg *seg)
{
    tcp_tell(tcp, &(struct tcp_id){seg->dst, seg->src, seg->dst_port, seg->src_port}, "CLOSED",
             "what comes is discarded, and answered with a reset unless it is one", "");
    if (seg->flags & TCP_RST)
        return V_DROP_TCP_RST_TO_CLOSED;
    tcp_reply_rst(tcp, seg);
    return V_DROP_TCP_CLOSED;
}

/* ---- 3.10.7.3 SYN-SENT ---- */

/* The SYN,ACK @seg takes what our SYN carried (RFC 7413): all of it, some, or nothing. */
static void tcp_syn_sent_data(struct tcb *t, const struct tcp_seg *seg)
{
    tcp_seq first = seq_add(t->iss, 1);
    uint32_t sent = seq_dist(first, t->snd_nxt), acked = seq_dist(first, seg->ack);
    struct tcp_ack a = {.seg = seg};

    tcp_fo_answer(t, &seg->opt, sent, acked);
    if (acked == 0)
        return;
    tcp_ack_cumulative(t, &a);
    t->delivered += a.delivered;
    t->delivered_at = t->tcp->c->now;
    t->bytes_acked += acked;
    sendq_consume(&t->snd, acked, &t->tcp->c->bufs, &t->tcp->lent_pool);
}

static enum verdict tcp_syn_sent_syn(struct tcb *t, struct tcp_seg *seg)
{
    t->irs = seg->seq;
    t->rcv_nxt = seq_add(seg->seq, 1);
    t->rcv_adv = seq_add(t->rcv_nxt, tcp_syn_window(t->tcp, t->rcvbuf));
    tcp_negotiate(t, &seg->opt);
    t->snd_wnd = t->max_snd_wnd = seg->wnd; /* of a SYN: not scaled */
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    t->ack_now = true;
    tcp_due(t);
    if (!(seg->flags &
          TCP_ACK)) { /* simultaneous open, figure 8: our SYN goes again, with an ACK */
        t->rtx_due = true;
        t->ack_now = false;
        tcp_event(t->tcp, &t->conn, TCP_EV_RCV_SYN);
        return V_DONE; /* text in a SYN is not acknowledged, so it will come again */
    }
    tcp_ecn_syn_ack(t, seg);
    tcp_syn_sent_data(t, seg);
    t->snd_una = seg->ack;
    t->syn_acked = true;
    t->last_ack_sent = t->rcv_nxt;
    net_time rtt = tcp_rtt_acked(t, seg, 0);

    if (t->syn_lost && rtt == 0)
        t->rto = NET_SEC(3); /* RFC 6298 (5.7) */
    tcp_recovery_init(t);
    if (tcp_in_flight(t) > 0) /* data that it did not take go again at once */
        tcp_recovery_resend(t);
    tcp_timer_acked(t, true, true);
    ip_confirm(t->tcp->ip, t->conn.id.local, t->conn.id.remote);
    tcp_event(t->tcp, &t->conn, TCP_EV_RCV_SYN_ACK);
    tcp_timer_established(t);
    t->counted = true;
    t->tcp->port_users[t->conn.id.lport]++;
    tcp_wake(t);
    return V_NEXT;
}

static enum verdict tcp_syn_sent_input(struct tcb *t, struct tcp_seg *seg)
{
    /* First, check the ACK bit. */
    bool acceptable = (seg->flags & TCP_ACK) && seq_in(t->iss, seg->ack, t->snd_nxt);

    if (tcp_tells(t->tcp))
        tcp_tell_now(
            t->tcp, &t->conn.id, "SYN-SENT: first, check the ACK bit",
            seg->flags & TCP_ACK ? "ISS {x} < SEG.ACK {y} =< SND.NXT {z}" : "it is off",
            seg->flags & TCP_ACK ? "acceptable" : "goes on",
            (struct tcp_told){0, seq_dist(t->iss, seg->ack), seq_dist(t->iss, t->snd_nxt)});
    if ((seg->flags & TCP_ACK) && !acceptable) {
        if (seg->flags & TCP_RST)
            return V_DROP_TCP_RST_BAD_ACK;
        tcp_reply_rst(t->tcp, seg);
        return V_DROP_TCP_BAD_ACK;
    }
    /* Second, check the RST bit. */
    tcp_tell(t->tcp, &t->conn.id, "SYN-SENT: second, check the RST bit",
             "a reset counts if its ACK is acceptable", "no reset");
    if (seg->flags & TCP_RST) {
        if (!acceptable)
            return V_DROP_TCP_RST_BAD_ACK;
        tcp_fail(t, TCP_EV_RCV_RST, ECONNREFUSED);
        return V_DONE;
    }
    /* Fourth, check the SYN bit. A FIN with it comes from no TCP. */
    tcp_tell(t->tcp, &t->conn.id, "SYN-SENT: fourth, check the SYN bit",
             "with SYN: synchronized, by SYN,ACK both ways, by SYN alone from our side (figure 8)",
             "synchronized");
    if (!(seg->flags & TCP_SYN))
        return V_DROP_TCP_NO_SYN;
    if (seg->flags & TCP_FIN)
        return V_DROP_TCP_SYN_FIN;
    return tcp_syn_sent_syn(t, seg);
}

/* ---- 3.10.7.4 other states ---- */

/* RFC 7323 section 5.5: after 24 days the peer's clock may have gone half around. */
static bool tcp_ts_is_outdated(const struct tcb *t)
{
    return t->tcp->c->now - t->ts_recent_at > 24 * NET_SEC(86400);
}

/* An unacceptable segment is answered with an ACK. What brings nothing new (a pure ACK, a SYN) could
 * be the answer to such an answer: it is throttled like a challenge, so that no storm can start. */
static enum verdict tcp_refuse(struct tcb *t, const struct tcp_seg *seg, enum verdict why)
{
    if (seg->flags & TCP_RST)
        return why;
    if (seg->data_len == 0 && !(seg->flags & TCP_FIN)) {
        tcp_challenge(t);
    } else {
        t->ack_now = true;
        tcp_due(t);
    }
    return why;
}

/* PAWS: RFC 7323 section 5.3, R1. An RST is never refused for its timestamp. */
static enum verdict tcp_step0_paws(struct tcb *t, const struct tcp_seg *seg)
{
    if (!t->has_ts || (seg->flags & TCP_RST))
        return V_NEXT;
    if (!seg->opt.has_ts) /* RFC 7323 section 3.2: every segment has one now */
        return V_DROP_TCP_PAWS;
    if ((int32_t)(seg->opt.tsval - t->ts_recent) >= 0)
        return V_NEXT;
    if (tcp_ts_is_outdated(t))
        return V_NEXT;
    t->tcp->stats.paws_drops++;
    return tcp_refuse(t, seg, V_DROP_TCP_PAWS);
}

/* First, check the sequence number; cut the segment to the window. */
static enum verdict tcp_step1_seq(struct tcb *t, struct tcp_seg *seg)
{
    uint32_t len = tcp_seg_len(seg), wnd = tcp_rcv_wnd(t);
    tcp_seq end = seq_add(seg->seq, len);
    bool ok;

    if (len == 0)
        ok = seq_eq(seg->seq, t->rcv_nxt) || seq_within(seg->seq, t->rcv_nxt, wnd);
    else
        ok = wnd > 0 && (seq_within(seg->seq, t->rcv_nxt, wnd) ||
                         seq_within(seq_sub(end, 1), t->rcv_nxt, wnd) ||
                         (seq_lt(seg->seq, t->rcv_nxt) && seq_gt(end, seq_add(t->rcv_nxt, wnd))));
    if (!ok) {
        bool old = seq_leq(end, t->rcv_nxt) && seq_lt(seg->seq, t->rcv_nxt);

        tcp_rare_get(t)->dup_in++;
        if (old && seg->data_len > 0) {
            tcp_quickack(t, true);
            tcp_sack_dup(t, seg->seq, seq_add(seg->seq, seg->data_len));
        }
        /* With a zero window ACKs, URGs and RSTs in order must still be taken (section 3.10.7.4). */
        if (len > 0 && wnd == 0 && seq_eq(seg->seq, t->rcv_nxt) && !(seg->flags & TCP_SYN)) {
            /* A FIN alone needs no room. If it were refused, all that the peer acknowledges from
             * then on would lie behind it, out of the window (Linux takes it, too). */
            if (seg->data_len > 0)
                seg->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
            seg->data_len = 0;
            t->ack_now = true;
            tcp_due(t);
            return V_NEXT;
        }
        return tcp_refuse(t, seg, old ? V_DROP_TCP_DUPLICATE : V_DROP_TCP_WINDOW);
    }
    if ((seg->flags & (TCP_SYN | TCP_RST)) || seg->data_len == 0)
        return V_NEXT;
    if (seq_lt(seg->seq, t->rcv_nxt)) { /* the front is known already */
        uint32_t cut = u32_min(seq_dist(seg->seq, t->rcv_nxt), seg->data_len);

        tcp_sack_dup(t, seg->seq, seq_add(seg->seq, cut));
        seg->seq = seq_add(seg->seq, cut);
        tcp_seg_skip(seg, cut);
        t->ack_now = true; /* the peer has missed an ACK */
        tcp_quickack(t, true);
        tcp_due(t);
    }
    if (seq_gt(seq_add(seg->seq, seg->data_len), seq_add(t->rcv_nxt, wnd))) {
        uint32_t room = seq_dist(seg->seq, seq_add(t->rcv_nxt, wnd));

        seg->data_len = u32_min(seg->data_len, room);
        seg->flags &= (uint8_t)~TCP_FIN;
    }
    return V_NEXT;
}

/* RFC 7323 section 4.3: TS.Recent follows segments that hold the left edge of what was ACKed last;
 * one that is too old to compare with (section 5.5) is replaced. */
static void tcp_ts_update(struct tcb *t, const struct tcp_seg *seg)
{
    if (t->has_ts && seg->opt.has_ts && seq_leq(seg->seq, t->last_ack_sent) &&
        ((int32_t)(seg->opt.tsval - t->ts_recent) >= 0 || tcp_ts_is_outdated(t))) {
        t->ts_recent = seg->opt.tsval;
        t->ts_recent_at = t->tcp->c->now;
    }
}

/* Second, check the RST bit: RFC 9293 with RFC 5961 section 3.2. */
static enum verdict tcp_step2_rst(struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_RST))
        return V_NEXT;
    if (!seq_eq(seg->seq, t->rcv_nxt)) {
        tcp_challenge(t);
        return V_DROP_TCP_RST_CHALLENGED;
    }
    tcp_fo_reset(t);
    switch (tcp_state(t)) {
    case TCP_SYN_RCVD: /* passive ones are half-open entries (MUST-11), unless a cookie opened them */
        tcp_fail(t, TCP_EV_RCV_RST, t->is_passive ? ECONNRESET : ECONNREFUSED);
        break;
    case TCP_CLOSE_WAIT: /* the peer had closed properly, and then had no use for what we sent */
        tcp_fail(t, TCP_EV_RCV_RST, EPIPE);
        break;
    default:
        tcp_fail(t, TCP_EV_RCV_RST, ECONNRESET);
    }
    return V_DONE;
}

/* Fourth, check the SYN bit: RFC 5961 section 4.2. */
static enum verdict tcp_step4_syn(struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_SYN))
        return V_NEXT;
    tcp_challenge(t);
    return V_DROP_TCP_SYN_CHALLENGED;
}

/* The part of the fifth step for SYN-RECEIVED. */
static void tcp_step5_syn_rcvd(struct tcb *t, const struct tcp_seg *seg)
{
    t->snd_wnd = (uint32_t)seg->wnd << ((seg->flags & TCP_SYN) ? 0 : t->snd_wnd_shift);
    t->max_snd_wnd = u32_max(t->max_snd_wnd, t->snd_wnd);
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    tcp_event(t->tcp, &t->conn, TCP_EV_RCV_ACK_OF_SYN);
    tcp_timer_established(t);
    t->counted = true;
    t->tcp->port_users[t->conn.id.lport]++;
    tcp_wake(t); /* the RFC says: continue processing, now in ESTABLISHED */
}

/* Our data, and perhaps SYN and FIN, are acknowledged up to SEG.ACK. */
static void tcp_acked(struct tcb *t, struct tcp_ack *a)
{
    const struct tcp_seg *seg = a->seg;
    uint32_t acked = seq_dist(t->snd_una, seg->ack);
    bool syn = !t->syn_acked;
    uint32_t data = u32_min(acked - syn, sendq_len(&t->snd));
    bool was_full = sendq_len(&t->snd) >= t->sndbuf - t->sndbuf / 4;

    tcp_ack_cumulative(t, a);
    t->snd_una = seg->ack;
    t->syn_acked = true;
    if (data > 0)
        sendq_consume(&t->snd, data, &t->tcp->c->bufs, &t->tcp->lent_pool);
    t->bytes_acked += data;
    tcp_urgent_acked(t);
    t->soft_error = 0;
    net_time rtt = tcp_rtt_acked(t, seg, a->rtt);
    bool later_partial = !t->has_sack && t->ca_state == TCP_CA_RECOVERY && t->had_partial &&
                         seq_lt(seg->ack, t->recover);

    if (syn) {
        if (t->syn_lost && rtt == 0)
            t->rto = NET_SEC(3); /* RFC 6298 (5.7) */
        tcp_fo_done(t);
        t->delivered += a->delivered;
        tcp_recovery_init(t);
    } else {
        tcp_recovery_ack(t, a);
        tcp_sndbuf_grow(t);
    }
    tcp_timer_acked(t, syn || rtt > 0, !later_partial);
    ip_confirm(t->tcp->ip, t->conn.id.local, t->conn.id.remote);
    if (t->detached && !t->lingers && tcp_state(t) != TCP_FIN_WAIT_2) /* progress */
        tcp_timer_orphan(t, net_time_min(t->tcp->cfg.orphan,
                                         t->detached_at + t->tcp->cfg.orphan_max - t->tcp->c->now));
    if (was_full && tcp_writable(t))
        tcp_wake(t);
    tcp_due(t);
}

/* Window update: SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK). */
static bool tcp_window_update(struct tcb *t, const struct tcp_seg *seg)
{
    uint32_t wnd = (uint32_t)seg->wnd << ((seg->flags & TCP_SYN) ? 0 : t->snd_wnd_shift);
    bool changed = wnd != t->snd_wnd;

    if (!seq_lt(t->snd_wl1, seg->seq) &&
        !(seq_eq(t->snd_wl1, seg->seq) && seq_leq(t->snd_wl2, seg->ack)))
        return false;
    if (t->snd_wnd == 0 && wnd > 0)
        tcp_recovery_reopened(t);
    t->snd_wl1 = seg->seq;
    t->snd_wl2 = seg->ack;
    t->snd_wnd = wnd;
    t->max_snd_wnd = u32_max(t->max_snd_wnd, wnd);
    if (changed)
        tcp_due(t);
    return changed;
}

/* Our FIN is acknowledged: the arrows it labels. V_DONE: the connection is gone from here. */
static enum verdict tcp_step5_fin_acked(struct tcb *t)
{
    switch (tcp_state(t)) {
    case TCP_FIN_WAIT_1:
        tcp_event(t->tcp, &t->conn, TCP_EV_RCV_ACK_OF_FIN);
        tcp_timer_orphan(t, t->detached ? t->tcp->cfg.fin_wait_2 : NET_NEVER);
        return V_NEXT;
    case TCP_CLOSING:
        tcp_event(t->tcp, &t->conn, TCP_EV_RCV_ACK_OF_FIN);
        tcp_time_wait(t);
        break;
    case TCP_LAST_ACK:
        tcp_event(t->tcp, &t->conn, TCP_EV_RCV_ACK_OF_FIN);
        tcp_over(t);
        break;
    default:
        return V_NEXT;
    }
    if (t->detached)
        tcp_tcb_free(t);
    else
        tcp_wake(t);
    return V_DONE;
}

/* Fifth, check the ACK field. */
static enum verdict tcp_step5_ack(struct tcb *t, const struct tcp_seg *seg)
{
    if (!(seg->flags & TCP_ACK))
        return V_DROP_TCP_NO_ACK;
    /* Until our SYN is acknowledged the peer may still believe in an older connection: in SYN-RECEIVED,
     * and in what follows when the user closes there. SND.UNA < SEG.ACK =< SND.NXT, or a reset. */
    if (!t->syn_acked && !seq_in(t->snd_una, seg->ack, t->snd_nxt)) {
        tcp_reply_rst(t->tcp, seg);
        return V_DROP_TCP_BAD_ACK;
    }
    /* RFC 5961 section 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. */
    if (seq_gt(seg->ack, t->snd_nxt) || seq_lt(seg->ack, seq_sub(t->snd_una, t->max_snd_wnd))) {
        bool old = seq_lt(seg->ack, t->snd_una);

        tcp_challenge(t);
        return old ? V_DROP_TCP_OLD_ACK : V_DROP_TCP_BAD_ACK;
    }
    if (tcp_state(t) == TCP_SYN_RCVD)
        tcp_step5_syn_rcvd(t, seg);
    tcp_ts_update(t, seg); /* not before: a guess that fails the checks above must leave no trace */
    tcp_timer_answered(t);
    bool changed = seq_geq(seg->ack, t->snd_una) && tcp_window_update(t, seg);
    struct tcp_ack a = {
        .seg = seg,
        .pipe = tcp_pipe(t),
        .is_new = seq_gt(seg->ack, t->snd_una),
        .is_dup = seq_eq(seg->ack, t->snd_una) && tcp_seg_len(seg) == 0 && !changed &&
                  seq_lt(t->snd_una, t->snd_nxt), /* RFC 5681 section 2 */
    };

    if (seq_geq(seg->ack, t->snd_una))
        tcp_ecn_ack(t, seg);
    tcp_sack_input(t, &a);
    if (a.is_new) {
        tcp_acked(t, &a);
    } else if (a.is_dup || a.has_sacked || a.is_dsack) {
        if (a.rtt > 0)
            tcp_rtt_acked(t, seg, a.rtt);
        tcp_recovery_ack(t, &a);
        tcp_timer_choose(t);
        tcp_due(t);
    }
    if (tcp_fin_acked(t))
        return tcp_step5_fin_acked(t);
    return V_NEXT;
}

/* Data or a FIN arrived in order: when is it acknowledged? (RFC 9293 section 3.8.6.3, RFC 5681
 * section 4.2: at least every second segment, at most 40 ms later. At once at the start, after a pause
 * and after trouble, when the sender's window is small and each ACK lets it grow.) */
static void tcp_ack_policy(struct tcb *t, uint32_t segs, bool fills_gap)
{
    t->delayed = (uint8_t)u32_min(t->delayed + segs, UINT8_MAX);
    if (t->delayed >= 2 || t->quick_acks > 0 || fills_gap) {
        t->ack_now = true;
        tcp_due(t);
    } else {
        tcp_timer_delay_ack(t);
    }
}

/* Nothing that came moved RCV.NXT: a duplicate ACK for each segment (RFC 5681 section 4.2). Who hears of
 * what came out of order by SACK needs one for what was joined; who counts needs them all, or would wait
 * for its timer. */
static void tcp_dup_ack(struct tcb *t, const struct tcp_seg *seg)
{
    uint32_t acks = t->has_sack ? 1 : tcp_seg_pieces(seg);

    t->dup_acks_due = (uint8_t)u32_min(t->dup_acks_due + acks, UINT8_MAX);
    tcp_due(t);
}

/* Seventh, process the segment text. (Sixth, the URG bit, stands in tcp_urgent.c.) */
static enum verdict tcp_step7_text(struct tcb *t, const struct tcp_seg *seg)
{
    enum tcp_state s = tcp_state(t);

    if (seg->data_len == 0)
        return V_NEXT;
    if (t->fin_received || (s != TCP_ESTABLISHED && s != TCP_FIN_WAIT_1 && s != TCP_FIN_WAIT_2))
        return V_DROP_TCP_AFTER_FIN;
    if (t->fin_ahead && seq_gt(seq_add(seg->seq, seg->data_len), t->fin_seq))
        return V_DROP_TCP_AFTER_FIN;
    if (t->detached && !t->rcv_shut) { /* nobody will ever read it: RFC 1122 section 4.2.2.13 */
        tcp_fail(t, TCP_EV_ABORT, 0);
        return V_DROP_TCP_AFTER_CLOSE;
    }
    tcp_seq before = t->rcv_nxt;
    bool had_gap = t->ooo != NULL;
    enum verdict v = tcp_reass_input(t, seg->seq, seg, seg->data_len);

    if (seq_eq(before, t->rcv_nxt)) /* a loss: until it is mended the sender needs every ACK */
        tcp_quickack(t, true);
    if (v == V_DROP_TCP_RCVBUF || v == V_DROP_TCP_REASS_FULL || v == V_DROP_TCP_DUPLICATE) {
        tcp_dup_ack(t, seg);
        return v;
    }
    if (seq_eq(before, t->rcv_nxt)) { /* out of order */
        tcp_dup_ack(t, seg);
        return V_NEXT;
    }
    t->bytes_in += seq_dist(before, t->rcv_nxt);
    if (tcp_rcvbuf_arrived(t, seg)) /* its window begins small again */
        tcp_quickack(t, true);
    t->dup_acks_due = 0; /* the cumulative ACK says more */
    if (t->rcv_shut) {
        tcp_recv_take(t, recvq_len(&t->rcv));
        t->ack_now = true;
        tcp_due(t);
    }
    tcp_ack_policy(t, tcp_seg_pieces(seg), had_gap);
    tcp_wake(t);
    return V_NEXT;
}

/* Eighth, check the FIN bit; one that came before the data in front of it is remembered. */
static enum verdict tcp_step8_fin(struct tcb *t, const struct tcp_seg *seg)
{
    if ((seg->flags & TCP_FIN) && !t->fin_received) {
        t->fin_ahead = true;
        t->fin_seq = seq_add(seg->seq, seg->data_len);
    }
    if (!t->fin_ahead || t->fin_received || !seq_eq(t->rcv_nxt, t->fin_seq)) {
        if (seg->flags & TCP_FIN) { /* again, or too early: the ACK tells */
            t->ack_now = true;
            tcp_due(t);
        }
        return V_DONE;
    }
    t->rcv_nxt = seq_add(t->rcv_nxt, 1); /* a FIN takes one sequence number */
    t->fin_received = true;
    tcp_urgent_fin(t);
    t->ack_now = true;
    t->dup_acks_due = 0;
    tcp_due(t);
    tcp_event(t->tcp, &t->conn, TCP_EV_RCV_FIN);
    if (tcp_state(t) == TCP_TIME_WAIT) {
        tcp_time_wait(t);
        if (t->detached) {
            tcp_tcb_free(t);
            return V_DONE;
        }
    }
    tcp_wake(t);
    return V_DONE;
}

/**
 * tcp_predicted - the two segments of a transfer that goes well: the next data, or an ACK of ours.
 *
 * Van Jacobson's header prediction (1990): what was to be expected needs no eight steps. It must be the
 * same as they would do, and it is: each call here is one that they make, and each one that is left
 * out would do nothing, given the conditions. test_transfer_prediction_changes_nothing
 * (tests/sim) compares.
 *
 * Return: V_NEXT: it is something else.
 */
static enum verdict tcp_predicted(struct tcb *t, const struct tcp_seg *seg)
{
    const struct tcp_opts *o = &seg->opt;
    uint32_t acked = seq_dist(t->snd_una, seg->ack);

    if ((seg->flags & ~TCP_PSH) != TCP_ACK || tcp_state(t) != TCP_ESTABLISHED || !t->syn_acked ||
        !seq_eq(seg->seq, t->rcv_nxt) || t->fin_ahead || o->sack_count > 0 ||
        o->has_ts != t->has_ts || (t->has_ts && (int32_t)(o->tsval - t->ts_recent) < 0))
        return V_NEXT;
    if (seg->data_len == 0 ? acked == 0 || acked > tcp_in_flight(t)
                           : acked != 0 || seg->data_len > tcp_rcv_wnd(t))
        return V_NEXT;
    if (seg->data_len > 0)
        tcp_ecn_data(t, seg);
    tcp_ts_update(t, seg);
    tcp_timer_answered(t);
    tcp_window_update(t, seg);
    if (seg->data_len > 0) {
        enum verdict v = tcp_step7_text(t, seg);

        return v == V_NEXT ? V_DONE : v;
    }
    tcp_acked(t, &(struct tcp_ack){.seg = seg, .pipe = tcp_pipe(t), .is_new = true});
    return V_DONE;
}

/* The steps in the section's order. @tells: say each before it is taken. */
static enum verdict tcp_steps(struct tcb *t, struct tcp_seg *seg, bool tells)
{
    uint32_t len = seg->data_len;
    enum verdict v;

    if (unlikely(tells))
        tcp_tell_seq(t, seg);
    if ((v = tcp_step1_seq(t, seg)) != V_NEXT)
        return v;
    if (unlikely(tells))
        tcp_tell(
            t->tcp, &t->conn.id, "second, check the RST bit",
            "a reset counts at SEG.SEQ = RCV.NXT, elsewhere in the window it is challenged (RFC "
            "5961 section 3.2)",
            "no reset");
    if ((v = tcp_step2_rst(t, seg)) != V_NEXT)
        return v;
    if (unlikely(tells))
        tcp_tell(t->tcp, &t->conn.id, "fourth, check the SYN bit",
                 "in a synchronized state a SYN is challenged (RFC 5961 section 4.2)", "no SYN");
    if ((v = tcp_step4_syn(t, seg)) != V_NEXT)
        return v;
    if (len > 0)
        tcp_ecn_data(t, seg);
    if (unlikely(tells))
        tcp_tell_ack(t, seg);
    if ((v = tcp_step5_ack(t, seg)) != V_NEXT)
        return v;
    if (unlikely(tells))
        tcp_tell(t->tcp, &t->conn.id, "sixth, check the URG bit",
                 seg->flags & TCP_URG ? "RCV.UP follows the urgent pointer" : "it is off",
                 "goes on");
    tcp_step6_urg(t, seg);
    if (unlikely(tells))
        tcp_tell_text(t, seg);
    if ((v = tcp_step7_text(t, seg)) != V_NEXT)
        return v;
    if (unlikely(tells))
        tcp_tell(t->tcp, &t->conn.id, "eighth, check the FIN bit",
                 seg->flags & TCP_FIN ? "it is on: RCV.NXT passes it when all before it is here"
                                      : "it is off",
                 "");
    return tcp_step8_fin(t, seg);
}

static enum verdict tcp_other_input(struct tcb *t, struct tcp_seg *seg)
{
    struct tcp *tcp = t->tcp; /* t may be gone after it */

    if (likely(!tcp->never_predicts)) {
        enum verdict v = tcp_predicted(t, seg);

        if (likely(v != V_NEXT)) {
            tcp->predicted++;
            return v;
        }
    }
    bool tells = tcp_tells(tcp);

    if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && t->fo != NULL &&
        seq_eq(seg->seq, t->irs)) { /* the same SYN again, with or without its data */
        t->rtx_due = true;
        tcp_due(t);
        return V_DROP_TCP_DUPLICATE;
    }
    if (unlikely(tells))
        tcp_tell_paws(t, seg);
    enum verdict v = tcp_step0_paws(t, seg);

    /* The peer's SYN,ACK of a simultaneous open lies before the window by its SYN. */
    if (v == V_NEXT && !t->syn_acked && (seg->flags & TCP_SYN) && (seg->flags & TCP_ACK) &&
        seq_eq(seg->seq, t->irs)) {
        v = tcp_step5_ack(t, seg);
        return v == V_NEXT ? V_DONE : v;
    }
    if (v != V_NEXT)
        return v;
    return tcp_steps(t, seg, tells);
}

/* A segment for a full block, from the table or newly born. */
enum verdict tcp_segment(struct tcb *t, struct tcp_seg *seg)
{
    enum verdict v;

    t->segs_in += tcp_seg_pieces(seg);
    if (tcp_state(t) != TCP_SYN_SENT)
        return tcp_other_input(t, seg);
    v = tcp_syn_sent_input(t, seg);
    if (v != V_NEXT) /* not yet, or not any more */
        return v;
    seg->flags &= (uint8_t)~TCP_SYN; /* it is processed; its number with it */
    seg->seq = seq_add(seg->seq, 1);
    tcp_step6_urg(t, seg);
    v = tcp_step7_text(t, seg); /* "then continue processing at the sixth step" */
    return v == V_NEXT ? tcp_step8_fin(t, seg) : v;
}

/* The text may lie in two pieces, the header not. */
static bool tcp_header_is_linear(const struct pkt *p)
{
    uint32_t linear = p->off + p->len - p->l4;

    return linear >= TCP_HDR_LEN && (p->buf[p->l4 + TCP_OFF] >> 4) * 4u <= linear;
}

/* Checks that need no connection. */
static enum verdict tcp_check(struct pkt *p, struct tcp_seg *seg)
{
    if (p->l3_cast != CAST_UNICAST) /* MUST-57 */
        return V_DROP_TCP_BROADCAST;
    if (p->ext_len > 0 && !tcp_header_is_linear(p) && !pkt_linearize(p))
        return V_DROP_PKT_POOL;
    struct span s = {p->buf + p->l4, p->off + p->len - p->l4};
    uint32_t total = (uint32_t)s.len + p->ext_len;

    if (s.len < TCP_HDR_LEN)
        return V_DROP_TCP_SHORT;
    if (p->csum == CSUM_NONE && /* MUST-3 */
        csum_fold(pkt_csum(p, p->l4, csum_pseudo(p->src, p->dst, IP_PROTO_TCP, total))) != 0xffff)
        return V_DROP_TCP_CHECKSUM;
    enum verdict v = tcp_parse(seg, s);

    if (v != V_NEXT)
        return v;
    if (seg->src_port == 0 || seg->dst_port == 0)
        return V_DROP_TCP_PORT_ZERO;
    seg->src = p->src;
    seg->dst = p->dst;
    seg->tos = p->tos;
    seg->gso_size = p->gso_size;
    seg->first = seg->seq;
    seg->text[0] = (struct span){s.p + seg->hdr_len, s.len - seg->hdr_len};
    seg->text[1] = (struct span){p->ext, p->ext_len};
    seg->pkt = p;
    seg->data_len = total - seg->hdr_len;
    return V_NEXT;
}

/* A segment for a connection that rests. */
static enum verdict tcp_idle_input(struct tcp *tcp, struct tcp_idle *i, struct tcp_seg *seg)
{
    struct tcb *t = tcp_unpack(tcp, i);

    if (t == NULL)
        return V_DROP_TCP_TCB_POOL;
    tcp_flow_note(t);
    return tcp_segment(t, seg);
}

/* Does @seg, which no connection knows, begin one with our listener @l? If not, a twin may know it. */
static bool tcp_is_beginning(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg)
{
    unsigned flags = seg->flags & (TCP_SYN | TCP_ACK | TCP_RST);

    return l != NULL && (flags == TCP_SYN || (flags == TCP_ACK && tcp_cookie_is_ours(tcp, l, seg)));
}

enum verdict tcp_input(struct tcp *tcp, struct pkt *p)
{
    struct tcp_seg seg;
    enum verdict v = tcp_check(p, &seg);

    if (v != V_NEXT)
        return v;
    tcp->stats.segs_in += tcp_seg_pieces(&seg);
    tcp_trace_seg(tcp, &seg, "in");
    struct tcp_id id = {seg.dst, seg.src, seg.dst_port, seg.src_port};
    struct tcb *t = tcp_flow_find(tcp, &id);

    if (t != NULL)
        return tcp_segment(t, &seg);
    struct hash_node *n = tcp_find_any(tcp, &id);

    if (n == NULL) {
        struct tcp_listener *l = tcp_find_listener(tcp, id.local, id.lport);

        if (unlikely(tcp->c->twins != NULL) && !tcp_is_beginning(tcp, l, &seg) &&
            (v = core_stray(tcp->c, p)) != V_NEXT)
            return v;
        return l != NULL ? tcp_listen_input(tcp, l, &seg, NULL) : tcp_closed_input(tcp, &seg);
    }
    switch ((enum tcp_conn_kind)n->kind) {
    case TCP_CONN_FULL:
        t = tcb_of(tcp_conn_of(n));
        tcp_flow_note(t);
        return tcp_segment(t, &seg);
    case TCP_CONN_IDLE:
        return tcp_idle_input(tcp, container_of(n, struct tcp_idle, link), &seg);
    case TCP_CONN_HALF:
        return tcp_half_input(tcp, container_of(n, struct tcp_half, conn.link), &seg);
    case TCP_CONN_TW:
        return tcp_tw_input(tcp, container_of(n, struct tcp_tw, conn.link), &seg);
    }
    return V_DROP_TCP_CLOSED;
}
