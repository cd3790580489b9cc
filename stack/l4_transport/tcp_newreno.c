/*
 * tcp_newreno.c - fast retransmit and fast recovery where the peer does not SACK: RFC 5681 section
 * 3.2, RFC 6582.
 *
 * Three duplicate ACKs mean that one segment is missing and later ones arrive: it is sent again at
 * once, and until everything that was sent before is acknowledged (`recover`) each partial ACK
 * sends the next hole. Which segments have arrived is not known, only how many: so the window is
 * inflated by one segment for each duplicate. The first two duplicates let one new segment each go
 * beyond the window (limited transmit, RFC 3042), so that also a small flight gets its third.
 */
#include "l4_transport/tcp_priv.h"

/* The first segment is lost, and goes again whatever the windows say. */
static void tcp_newreno_first_lost(struct tcb *t)
{
    struct tcp_sent *r = tcp_sent_of(t->board.tree.first);

    if (r != NULL) {
        r = tcp_sent_first(t, r);
        tcp_sent_fate(t, r, (r->fate & TCP_EVER_RTX) | TCP_LOST);
    }
    t->rtx_due = true;
}

static void tcp_newreno_dup(struct tcb *t)
{
    if (t->dup_acks < UINT8_MAX)
        t->dup_acks++;
    if (t->ca_state == TCP_CA_OPEN)
        t->ca_state = TCP_CA_DISORDER;
    if (t->ca_state == TCP_CA_RECOVERY || t->ca_state == TCP_CA_LOSS || t->dup_acks != 3)
        return;
    /* RFC 6582 step 2: only if this ACK covers more than the last recovery did; what we sent again
     * after a timeout comes back as duplicates, which say nothing. */
    if (!seq_gt(t->snd_una, t->recover) && t->ca_state != TCP_CA_CWR)
        return;
    if (tcp_mtu_lost(t))
        return;
    t->had_partial = false;
    tcp_recovery_enter(t);
    tcp_newreno_first_lost(t);
    if (cc_by_index(t->cc)->owns_window)
        return;
    struct cc cc = tcp_cc(t);

    cc.cwnd_bytes = cc.ssthresh_bytes + 2u * t->snd_mss; /* and one by tcp_newreno_window() */
    tcp_cc_done(t, &cc, "fast retransmit");
}

/* Any ACK: count, and see what is lost. */
void tcp_newreno_ack(struct tcb *t, const struct tcp_ack *a)
{
    if (a->is_new) {
        t->dup_acks = 0;
        if (t->ca_state == TCP_CA_DISORDER)
            t->ca_state = TCP_CA_OPEN;
        if (t->ca_state == TCP_CA_RECOVERY) {
            tcp_newreno_first_lost(t); /* a partial ACK: the next hole is lost, too */
            t->had_partial = true;
        }
    } else if (a->is_dup) {
        tcp_newreno_dup(t);
    }
}

/* The window during fast recovery. */
void tcp_newreno_window(struct tcb *t, const struct tcp_ack *a)
{
    struct cc cc = tcp_cc(t);
    uint32_t mss = t->snd_mss;

    if (t->ca_state ==
        TCP_CA_CWR) { /* no loss: one segment for two that arrive, down to ssthresh */
        if (cc.cwnd_bytes > cc.ssthresh_bytes)
            cc.cwnd_bytes -= u32_min(a->delivered / 2, cc.cwnd_bytes - cc.ssthresh_bytes);
        tcp_cc_done(t, &cc, "cwr");
    } else if (a->is_new) { /* RFC 6582 step 3: deflate by what was acknowledged, add one */
        cc.cwnd_bytes -= u32_min(a->delivered, cc.cwnd_bytes - mss);
        if (a->delivered >= mss)
            cc.cwnd_bytes += mss;
        tcp_cc_done(t, &cc, "partial ack");
    } else if (a->is_dup) { /* a segment has left the network: RFC 5681 section 3.2 step 4 */
        /* Not more than are in it, or invented duplicates would open the window (section 3.2). */
        if (cc.cwnd_bytes < cc.ssthresh_bytes + t->board.out.bytes)
            cc.cwnd_bytes += mss;
        tcp_cc_done(t, &cc, "inflate");
    }
}

/* Full ACK: RFC 6582 step 3, the first choice, which avoids a burst. */
void tcp_newreno_over(struct tcb *t)
{
    struct cc cc = tcp_cc(t);

    cc.cwnd_bytes = u32_min(cc.ssthresh_bytes, u32_max(tcp_pipe(t), t->snd_mss) + t->snd_mss);
    tcp_cc_done(t, &cc, "recovered");
}
