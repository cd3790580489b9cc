/*
 * tcp_ecn.c - explicit congestion notification (RFC 3168): routers mark instead of dropping.
 *
 * Both ends agree in the handshake: a SYN with ECE and CWR, a SYN,ACK with ECE alone. We agree
 * when asked, and ask when told to (cfg.ecn 1); a SYN of ours that is not answered goes again
 * without the flags, since it may be they that somebody on the way dislikes.
 *
 * As sender: new data, and nothing else, leave as ECT(0): the loss of what is sent again, or of an
 * ACK, would not be noticed as a sign of congestion. An ECE is one loss in a window without the
 * loss. Whenever the window was reduced the next new data carry CWR.
 * As receiver: once something marked CE has come in, each ACK carries ECE, until a CWR comes.
 */
#include "l4_transport/tcp_priv.h"

enum { ECN_MASK = 3, ECN_ECT0 = 2, ECN_CE = 3 };

/* The flags of our SYN, or of a SYN,ACK. */
uint8_t tcp_ecn_syn_flags(const struct tcb *t)
{
    if (t->is_passive) /* the SYN,ACK to a SYN with data (tcp_fastopen.c) */
        return t->has_ecn ? TCP_ECE : 0;
    bool asks = t->tcp->cfg.ecn == TCP_ECN_ASK && tcp_state(t) == TCP_SYN_SENT && !t->syn_lost;

    return asks ? TCP_ECE | TCP_CWR : 0;
}

/* Does this SYN ask for it, and shall it have it? */
bool tcp_ecn_is_asked(const struct tcp *tcp, const struct tcp_seg *syn)
{
    return tcp->cfg.ecn != TCP_ECN_OFF && (syn->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
}

/* The SYN,ACK to our SYN: with ECE alone it agrees; with both a mirror answers, not a TCP. */
void tcp_ecn_syn_ack(struct tcb *t, const struct tcp_seg *seg)
{
    t->has_ecn = tcp_ecn_syn_flags(t) != 0 && (seg->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
}

/* An acceptable segment with data, before anything is cut off it. A CWR answers the ECE before it. */
void tcp_ecn_data(struct tcb *t, const struct tcp_seg *seg)
{
    if (!t->has_ecn)
        return;
    if (seg->flags & TCP_CWR)
        t->ecn_echo = false;
    if ((seg->tos & ECN_MASK) == ECN_CE) {
        t->ecn_echo = true;
        tcp_rare_get(t)->ce_in++;
    }
    t->ecn_seen = t->ecn_seen || (seg->tos & ECN_MASK) != 0;
}

/* An ACK with ECE. With a window of one segment there is nothing to halve: the next one waits for
 * the retransmission timer (section 6.1.2). But one reaction for one window of data: a window that is
 * small because something was lost sends again what was lost, and says CWR with the next new data. */
void tcp_ecn_ack(struct tcb *t, const struct tcp_seg *seg)
{
    if (!t->has_ecn || !(seg->flags & TCP_ECE) || t->ca_state >= TCP_CA_CWR)
        return;
    tcp_rare_get(t)->ece_in++;
    if (t->cwnd <= t->snd_mss)
        t->pace_at = t->tcp->c->now + tcp_rto(t);
    tcp_recovery_cwr(t, CC_LOSS_ECN);
}

/* The window was reduced, for whatever reason. */
void tcp_ecn_reduced(struct tcb *t)
{
    t->cwr_due = t->has_ecn;
}

/**
 * tcp_ecn_out - the ECN bits for a segment that leaves now.
 * @is_new: carries data that were never sent before
 * @flags:  of TCP; ECE and CWR are added where they belong
 *
 * Return: the type of service for IP.
 */
uint8_t tcp_ecn_out(struct tcb *t, bool is_new, uint8_t *flags)
{
    uint8_t tos = t->tos & (uint8_t)~ECN_MASK;

    if (!t->has_ecn)
        return tos;
    if (t->ecn_echo && (*flags & TCP_ACK))
        *flags |= TCP_ECE;
    if (!is_new)
        return tos;
    if (t->cwr_due) {
        *flags |= TCP_CWR;
        t->cwr_due = false;
    }
    return tos | ECN_ECT0;
}
