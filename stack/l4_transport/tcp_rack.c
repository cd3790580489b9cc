/*
 * tcp_rack.c - loss detection by time: RACK-TLP (RFC 8985).
 *
 * RACK: when a segment is delivered, whatever was sent well before it and is not delivered is
 * lost. "Well" is the reordering window: nothing until reordering has been seen and enough is
 * SACKed, else a quarter of the smallest round trip, wider for each round trip in which a D-SACK
 * says that we were too quick. What is not overdue yet gets a timer. So a lost retransmission is
 * found like a lost original, and a path that reorders does not cost a window.
 *
 * TLP: a loss at the end of a flight leaves nothing behind it that could be SACKed. Two round
 * trips after the last transmission something is sent, new data or the last segment again, whose
 * ACK tells; without it only the timeout would.
 *
 * Where RACK is switched off, a segment is lost when three SACKed runs, or more than two segments'
 * worth of SACKed bytes, lie above it (RFC 6675 section 4).
 */
#include "l4_transport/tcp_priv.h"

enum {
    TCP_DUP_THRESH = 3,
    TCP_RACK_KEEP = 16, /* recoveries for which a widened window lasts, RFC 8985 section 6.2 */
};

/* RFC 8985 section 6.2: sent later, or at the same time and with higher numbers. */
static bool tcp_rack_after(net_time t1, tcp_seq end1, net_time t2, tcp_seq end2)
{
    return t1 > t2 || (t1 == t2 && seq_gt(end1, end2));
}

/* Step 2 and 3: the first @len numbers of @r are delivered, by SACK or ACK, for the first time. */
void tcp_rack_delivered(struct tcb *t, const struct tcp_sent *r, uint32_t len,
                        const struct tcp_ack *a)
{
    struct tcp_rack *k = &t->rack;
    net_time rtt = t->tcp->c->now - r->sent_at;
    tcp_seq end = seq_add(tcp_sent_seq(r), len);

    if (r->fate & TCP_EVER_RTX) { /* was it the original that arrived? */
        const struct tcp_opts *o = &a->seg->opt;
        uint32_t sent_ts = (uint32_t)(r->sent_at / NET_MS(1)) + t->conn.ts_offset;

        if (t->has_ts && o->has_ts && o->tsecr != 0 && (int32_t)(o->tsecr - sent_ts) < 0)
            return;
        if (t->min_rtt != NET_NEVER && rtt < t->min_rtt)
            return;
    } else if (k->has_fack && seq_lt(end, k->fack)) {
        k->reordering_seen = true;
    }
    if (!k->has_fack || seq_gt(end, k->fack)) {
        k->fack = end;
        k->has_fack = true;
    }
    if (!k->is_valid || tcp_rack_after(r->sent_at, end, k->sent_at, k->end)) {
        k->is_valid = true;
        k->sent_at = r->sent_at;
        k->end = end;
        k->rtt = rtt;
    }
}

/* Step 4: a D-SACK widens the reordering window, at most once in a round trip. */
static void tcp_rack_dsack(struct tcb *t, const struct tcp_ack *a)
{
    struct tcp_rack *k = &t->rack;

    if (k->dsack_round && seq_geq(a->seg->ack, k->dsack_end))
        k->dsack_round = false;
    if (!a->is_dsack || k->dsack_round)
        return;
    k->dsack_round = true;
    k->dsack_end = seq_add(t->snd_nxt, 1);
    if (k->reo_mult < UINT8_MAX)
        k->reo_mult++;
    k->reo_keep = TCP_RACK_KEEP;
}

/* Step 4: the reordering window. */
static net_time tcp_rack_reo_wnd(const struct tcb *t)
{
    const struct tcp_rack *k = &t->rack;
    net_time wnd;

    if (!k->reordering_seen &&
        (t->ca_state >= TCP_CA_RECOVERY || t->board.sacked.segs >= TCP_DUP_THRESH))
        return 0;
    if (t->min_rtt == NET_NEVER)
        return 0;
    wnd = t->min_rtt / 4 * k->reo_mult;
    return net_time_min(wnd, t->srtt);
}

/* A recovery has ended. */
void tcp_rack_recovered(struct tcb *t)
{
    if (t->rack.reo_keep > 0 && --t->rack.reo_keep == 0)
        t->rack.reo_mult = 1;
}

static void tcp_mark_lost(struct tcb *t, struct tcp_sent *r)
{
    if ((r->fate & (TCP_LOST | TCP_RTX)) == TCP_LOST)
        return;
    t->lost_bytes += r->len;
    tcp_sent_fate(t, r, (r->fate & (uint8_t)~TCP_RTX) | TCP_LOST);
}

/* Step 5: mark what is overdue; a timer for what will be. */
static void tcp_rack_detect(struct tcb *t)
{
    const struct tcp_rack *k = &t->rack;
    net_time now = t->tcp->c->now, wnd = tcp_rack_reo_wnd(t), wait = 0;

    if (!k->is_valid)
        return;
    for (struct tcp_sent *r = t->board.oldest, *newer; r != NULL; r = newer) {
        newer = r->newer;
        if (r->sent_at > k->sent_at)
            break;
        if (!tcp_rack_after(k->sent_at, k->end, r->sent_at, tcp_sent_end(r)))
            continue;
        net_time left = r->sent_at + k->rtt + wnd - now;

        if (left <= 0)
            tcp_mark_lost(t, r);
        else if (left > wait)
            wait = left;
    }
    if (wait > 0)
        t->reorder_at = now + wait;
}

/* Section 6.3: what a timeout marks: the first segment, and what is overdue; not what was sent only
 * just now. All, where RACK does not run. */
void tcp_rack_timeout(struct tcb *t)
{
    const struct tcp_rack *k = &t->rack;
    net_time now = t->tcp->c->now, wnd = tcp_rack_reo_wnd(t);
    bool by_time = t->has_sack && t->tcp->cfg.rack && k->is_valid;
    struct tcp_sent *first = tcp_sent_of(t->board.tree.first);

    if (first != NULL && by_time)
        first = tcp_sent_first(t, first);
    for (struct tcp_sent *r = tcp_sent_of(t->board.tree.first); r != NULL; r = tcp_sent_next(r)) {
        if (r->fate & TCP_SACKED)
            continue;
        if (!by_time || r == first || r->sent_at + k->rtt + wnd <= now)
            tcp_mark_lost(t, r);
    }
}

/* RFC 6675 section 4, IsLost(), for all that is below the highest SACK at once. */
static void tcp_sack_lost(struct tcb *t)
{
    struct tcp_sent *r = t->rack.has_fack ? tcp_sent_find(t, seq_sub(t->rack.fack, 1)) : NULL;
    uint32_t runs = 0, bytes = 0;

    for (; r != NULL; r = tcp_sent_prev(r)) {
        if (r->fate & TCP_SACKED) {
            runs++;
            bytes += r->len;
            continue;
        }
        if (runs < TCP_DUP_THRESH && bytes <= (TCP_DUP_THRESH - 1) * (uint32_t)t->snd_mss)
            continue;
        if (r->fate & TCP_LOST) /* what lies below was marked with it */
            break;
        if (!(r->fate & TCP_RTX))
            tcp_mark_lost(t, r);
    }
    r = tcp_sent_of(t->board.tree.first);
    if (t->dup_acks >= TCP_DUP_THRESH && t->ca_state < TCP_CA_RECOVERY && r != NULL &&
        r->fate == 0) {
        tcp_mark_lost(t, tcp_sent_first(t, r));
    }
}

/* What does this ACK, or the reordering timer (@a NULL), say about losses? */
void tcp_detect(struct tcb *t, const struct tcp_ack *a)
{
    t->reorder_at = NET_NEVER;
    if (a != NULL)
        tcp_rack_dsack(t, a);
    if (t->board.out.segs == 0)
        return;
    if (t->tcp->cfg.rack)
        tcp_rack_detect(t);
    else
        tcp_sack_lost(t);
}

/* ---- tail loss probe, section 7 ---- */

/* Section 7.2: how long to wait for an ACK before probing; 0: no probe now. */
net_time tcp_tlp_timeout(const struct tcb *t)
{
    const struct tcp_board *b = &t->board;

    if (!t->tcp->cfg.tlp || !t->has_sack || t->rack.tlp_out || t->tlp_due || b->out.segs == 0 ||
        b->sacked.segs > 0 || (t->ca_state != TCP_CA_OPEN && t->ca_state != TCP_CA_CWR) ||
        !t->syn_acked)
        return 0;
    if (t->srtt == 0)
        return NET_SEC(1);
    /* One segment alone may be acknowledged late: 200 ms is what peers take at most (Linux). Not below
     * 10 ms, or a busy machine at the other end of a TAP seems to be a loss: 2 ms made 1 to 5 needless
     * probes in tests/live/test_bulk.sh. */
    net_time pto = 2 * t->srtt + (b->out.segs == 1 ? NET_MS(200) : NET_MS(2));

    return pto < NET_MS(10) ? NET_MS(10) : pto;
}

/* A probe has been sent: [seq ... SND.NXT). */
void tcp_tlp_sent(struct tcb *t, bool is_rtx)
{
    t->rack.tlp_out = true;
    t->rack.tlp_is_rtx = is_rtx;
    t->rack.tlp_end = t->snd_nxt;
    t->tcp->stats.tail_probes++;
}

/* Section 7.4. Return: whether the probe has mended a loss, to which congestion control must react. */
bool tcp_tlp_ack(struct tcb *t, const struct tcp_ack *a)
{
    struct tcp_rack *k = &t->rack;

    if (!k->tlp_out || seq_lt(a->seg->ack, k->tlp_end))
        return false;
    if (!k->tlp_is_rtx) { /* new data: if something was missing, SACK has told */
        k->tlp_out = false;
        return false;
    }
    if (a->is_dsack) { /* both the original and the probe arrived */
        k->tlp_out = false;
        return false;
    }
    if (seq_gt(a->seg->ack, k->tlp_end)) {
        k->tlp_out = false;
        return true;
    }
    /* Exactly the end: the original's ACK, the probe's may follow; or the probe's, after a loss. A
     * duplicate ACK without SACK is the second. */
    if (!a->is_new && !a->has_sacked) {
        k->tlp_out = false;
        return false;
    }
    return false;
}
