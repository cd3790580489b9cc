/*
 * tcp_urgent.c - the urgent mechanism: RFC 9293 section 3.8.5, RFC 6093.
 *
 * One end says: up to this number there is something in the stream that you should hurry to. The
 * URG flag says that the urgent pointer counts, and SEG.SEQ plus the pointer is the octet that
 * follows the urgent data (MUST-62, RFC 6093 section 4: what everybody does, and what RFC 1122 had
 * asked for otherwise). Nothing is sent out of order, and no room is made: it is a mark in the
 * stream, and an alarm.
 *
 * Sending: SND.UP is the end of what was written when the user said so. Until it is acknowledged
 * every segment that begins before it carries the pointer, 65535 where it is further away (MUST-31). The
 * alarm does not wait: not for Nagle, and where the window is shut an empty segment carries it, with
 * a number that the peer must look at (MUST-66).
 *
 * Receiving: RCV.UP only moves ahead. While it is ahead of what the user has read he is in urgent
 * mode: readiness tells him (SOCK_PRI), anew each time it moves (MUST-32); he may ask how many bytes
 * remain (MUST-33), and a read that copies stops in front of the last of them, the mark, so that he
 * can ask whether he is there. By default he reads all of it in line, as RFC 6093 section 6 wants it. Where a
 * program turns that off (SO_OOBINLINE, whose default on Linux is off), the byte at the mark is left
 * out of the stream, and a call of its own fetches it, until the user has read past it.
 *
 * New programs should not use it (SHLD-13), ours do not: middleboxes clear the flag, the pointer has
 * meant two things, and the byte that is fetched out of line is lost when the next alarm comes.
 */
#include <errno.h>

#include "l4_transport/tcp_priv.h"

/* ---- sending ---- */

int tcp_send_urgent(struct tcb *t, const uint8_t *bytes, size_t len)
{
    int n = tcp_send(t, bytes, len, false);

    if (n > 0) {
        tcp_rare_get(t)->snd_up = tcp_data_end(t);
        t->snd_urgent = t->urgent_due = true;
    }
    return n;
}

/* The pointer of a segment that leaves now; 0: it has none. */
uint16_t tcp_urgent_pointer(struct tcb *t, tcp_seq seq)
{
    if (!t->snd_urgent || seq_geq(seq, tcp_rare(t)->snd_up))
        return 0;
    if (seq_geq(seq, t->snd_una)) /* not a probe, whose number the peer need not look at */
        t->urgent_due = false;
    return (uint16_t)u32_min(seq_dist(seq, tcp_rare(t)->snd_up), UINT16_MAX);
}

/* SND.UNA has moved. */
void tcp_urgent_acked(struct tcb *t)
{
    if (t->snd_urgent && seq_geq(t->snd_una, tcp_rare(t)->snd_up))
        t->snd_urgent = t->urgent_due = false;
}

/* ---- receiving ---- */

/* The number of the next byte that the user will read. */
static tcp_seq tcp_read_seq(const struct tcb *t)
{
    return seq_sub(t->rcv_nxt, recvq_len(&t->rcv) + t->fin_received);
}

/* Bytes in front of the mark, the last urgent byte. */
static uint32_t tcp_mark_ahead(const struct tcb *t)
{
    return seq_dist(tcp_read_seq(t), tcp_rare(t)->rcv_up) - 1;
}

/* Is the next byte one that is left out of the stream? */
static bool tcp_mark_is_hole(const struct tcb *t)
{
    return t->rcv_urgent && !t->oob_inline && tcp_mark_ahead(t) == 0 && recvq_len(&t->rcv) > 0;
}

/* Sixth, check the URG bit (section 3.10.7.4). The pointer counts from where the segment began, also
 * where its front was cut off. */
void tcp_step6_urg(struct tcb *t, const struct tcp_seg *seg)
{
    tcp_seq up = seq_add(seg->first, seg->up);
    enum tcp_state s = tcp_state(t);

    if (!(seg->flags & TCP_URG) || t->rcv_shut ||
        (s != TCP_ESTABLISHED && s != TCP_FIN_WAIT_1 && s != TCP_FIN_WAIT_2))
        return;
    if (seq_leq(up,
                t->rcv_urgent ? tcp_rare(t)->rcv_up : tcp_read_seq(t))) /* known, or read already */
        return;
    /* The user has fetched the byte he stands at: it does not come again. */
    if (tcp_mark_is_hole(t) && t->oob_fetched)
        tcp_recv_take(t, 1);
    tcp_rare_get(t)->rcv_up = up;
    t->rcv_urgent = true;
    t->oob_fetched = false;
    tcp_wake(t);
}

/* The stream has ended: nothing can come any more where the pointer points. */
void tcp_urgent_fin(struct tcb *t)
{
    if (t->rcv_urgent && seq_geq(tcp_rare(t)->rcv_up, t->rcv_nxt))
        t->rcv_urgent = false;
}

/* How much of the receive ring can be looked at in order: all of it, or what lies on this side of a
 * byte that is left out. @skip: that byte, where it is the next. */
uint32_t tcp_urgent_readable(const struct tcb *t, uint32_t *skip)
{
    *skip = 0;
    if (!t->rcv_urgent || t->oob_inline)
        return recvq_len(&t->rcv);
    uint32_t ahead = tcp_mark_ahead(t);

    if (ahead > 0)
        return u32_min(ahead, recvq_len(&t->rcv));
    *skip = tcp_mark_is_hole(t);
    return recvq_len(&t->rcv) - *skip;
}

/* The user has read on. */
void tcp_urgent_read(struct tcb *t)
{
    if (t->rcv_urgent && seq_geq(tcp_read_seq(t), tcp_rare(t)->rcv_up))
        t->rcv_urgent = false;
}

int tcp_recv_urgent(struct tcb *t, uint8_t *byte, bool peek)
{
    if (t->oob_inline || !t->rcv_urgent || t->oob_fetched)
        return -EINVAL;
    uint32_t ahead = tcp_mark_ahead(t);

    if (ahead >= recvq_len(&t->rcv))
        return t->error != 0 ? -tcp_take_error(t) : -EAGAIN;
    recvq_read(&t->rcv, ahead, byte, 1);
    t->oob_fetched = t->oob_fetched || !peek;
    return 1;
}

/* Bytes in the receive ring that nobody waits for any more: the one that was fetched. */
uint32_t tcp_urgent_fetched(const struct tcb *t)
{
    return tcp_mark_is_hole(t) && t->oob_fetched;
}

uint32_t tcp_urgent_stop(const struct tcb *t)
{
    uint32_t ahead = t->rcv_urgent ? tcp_mark_ahead(t) : 0;

    return ahead > 0 ? ahead : UINT32_MAX;
}

bool tcp_at_mark(const struct tcb *t)
{
    return t->rcv_urgent && tcp_mark_ahead(t) == 0;
}

uint32_t tcp_urgent_left(const struct tcb *t)
{
    return t->rcv_urgent ? seq_dist(tcp_read_seq(t), tcp_rare(t)->rcv_up) - t->oob_fetched : 0;
}

bool tcp_is_urgent(const struct tcb *t)
{
    return t->rcv_urgent && !t->oob_fetched;
}
