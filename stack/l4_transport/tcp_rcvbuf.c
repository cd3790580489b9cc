/*
 * tcp_rcvbuf.c - how large a connection's buffers are: dynamic right-sizing.
 *
 * A window smaller than rate times round trip holds a sender back; one that is larger costs memory
 * and buys nothing. Neither is known when the connection begins, so a buffer whose size the user has
 * not set begins at the host's default and grows with what is measured (Fisk and Feng, "Dynamic
 * Right-Sizing in TCP", 2001; Linux's tcp_moderate_rcvbuf).
 *
 * The receiver counts what the user takes out in one round trip (`space`, which ss calls rcv_space). A
 * sender in slow start sends twice that in the next one: so twice as much is room enough as long as
 * the growth itself is added, and the window is never what stops the sender. A user who does not
 * read makes nothing grow, and a peer alone cannot: the count is of what was read.
 *
 * A receiver that sends no data cannot time its own segments. It has two other clocks:
 *
 *   - a byte beyond the edge that was advertised at some moment can only have been sent after the
 *     advertisement had arrived: from there to here is at least one round trip. It is often more,
 *     so the least of these is kept.
 *   - the echo of a timestamp (RFC 7323) says which ACK of ours a full segment answers. Its tick is
 *     1 ms, so short round trips are left to the first clock.
 *
 * The bounds: cfg.rcvbuf_max, and what the window scale of our SYN can express, which is chosen so
 * that it covers the bound (RFC 7323 section 2.3). While the arena of all buffers is more than half
 * used nothing grows, and the window offers no more than the ring may really hold (ring.h); what was
 * offered before is kept (RFC 9293 section 3.8.6, SHLD-14).
 *
 * A sender's buffer must hold what is in flight and what the user writes meanwhile: two congestion
 * windows, up to cfg.sndbuf_max.
 *
 * On a short path both stop earlier. Where nothing is ever lost the window only grows, and with it
 * what stands in a queue: a buffer that holds more than the fastest wire could carry in a round trip
 * buys nothing, and one that has left the processor's cache costs half the speed (bulk out over a
 * TAP, GET of 2 MB again and again: 22 Gbit/s with 16 MB, 46 to 55 with 0.5 to 4 MB).
 *
 * A queue in front of us, as a TAP has one of 1000 frames, is no buffer of ours, but it overflows all
 * the same when all senders fill their windows at once; and where nothing is lost nothing tells them to
 * slow down before. So the connections that data come in for share what it holds (cfg.rcv_room): no
 * window promises more than an equal part. Who sent 16 KiB in a period of 67 ms is among them.
 *
 * A size set by the user (SOCK_OPT_RCVBUF, SOCK_OPT_SNDBUF) is kept. Neither limit shrinks again:
 * memory follows what is held and not the limit.
 */
#include "l4_transport/tcp_priv.h"

/* A round trip from which on no bound but cfg's is needed. */
#define BUF_RTT_LONG NET_MS(10)

enum {
    BUF_WIRE = 12,         /* bytes in a nanosecond: 100 Gbit/s */
    BUF_SHORT = 4 << 20,   /* bytes: what the caches of one core hold, the shared one included */
    BUSY_BYTES = 16384,    /* in a period */
    BUSY_PERIOD_BITS = 26, /* 2^26 ns = 67 ms */
    RCVBUF_FINE_TICKS = 4, /* below so many ticks of 1 ms the echo only gives an upper bound */
    RCVBUF_FIRST = 10,     /* segments: the flight a sender begins with (RFC 6928) */
};

/* The buffer that the window of a connection may ever have: what its scale must cover.
 * @rcvbuf: as set by the user, 0: not */
uint32_t tcp_rcvbuf_most(const struct tcp *tcp, uint32_t rcvbuf)
{
    if (rcvbuf != 0)
        return rcvbuf;
    return tcp->cfg.moderate_rcvbuf ? u32_max(tcp->cfg.rcvbuf, tcp->cfg.rcvbuf_max)
                                    : tcp->cfg.rcvbuf;
}

/* What a buffer may grow to on a path whose round trip is @rtt at its shortest, 0: not known. */
static uint32_t tcp_buf_most(const struct tcb *t, uint32_t most, net_time rtt)
{
    most = u32_min(most, buddy_largest(&t->tcp->c->bufs));
    if (rtt == 0 || rtt > BUF_RTT_LONG)
        return most;
    return u32_min(most, u32_max(BUF_SHORT, 2 * BUF_WIRE * (uint32_t)rtt));
}

/* The buffer as far as a window may promise it now. */
uint32_t tcp_rcvbuf_limit(const struct tcb *t)
{
    if (!ring_is_scarce(&t->tcp->c->bufs))
        return t->rcvbuf;
    return u32_min(t->rcvbuf, recvq_kept(&t->rcv) + u32_max(t->rcv.ring.cap, RING_SCARCE));
}

uint32_t tcp_rcvbuf_period(net_time at)
{
    return (uint32_t)(at >> BUSY_PERIOD_BITS);
}

/* @len bytes have come: @t may be among those that share the queue in front of us. Not for a few
 * bytes: strangers that trickle must not take the windows of those who have something to send. */
static void tcp_rcvbuf_busy(struct tcb *t, uint32_t len)
{
    struct tcp *tcp = t->tcp;
    uint32_t period = tcp_rcvbuf_period(tcp->c->now);

    if (period != tcp->rcv_busy.period) {
        tcp->rcv_busy.before = period == tcp->rcv_busy.period + 1 ? tcp->rcv_busy.now : 0;
        tcp->rcv_busy.now = 0;
        tcp->rcv_busy.period = period;
    }
    if (t->rcvq.period != period) {
        t->rcvq.period = period;
        t->rcvq.came = 0;
    }
    if (t->rcvq.came < BUSY_BYTES && t->rcvq.came + len >= BUSY_BYTES)
        tcp->rcv_busy.now++;
    t->rcvq.came += len;
}

/* What the window may promise for the sake of the others; two segments at least. */
uint32_t tcp_rcvbuf_share(const struct tcb *t)
{
    const struct tcp *tcp = t->tcp;
    uint32_t busy = u32_max(u32_max(tcp->rcv_busy.now, tcp->rcv_busy.before), 1);

    return tcp->cfg.rcv_room == 0 ? UINT32_MAX : u32_max(tcp->cfg.rcv_room / busy, 2u * t->rcv_mss);
}

/* A measurement by the edge of the window, which is never too short. */
static void tcp_rcvbuf_rtt_least(struct tcp_rcvq *q, net_time rtt)
{
    if (q->rtt == 0 || rtt < q->rtt)
        q->rtt = rtt > 0 ? rtt : 1;
}

/* A measurement by an echo: smoothed as in RFC 6298 (2.3). */
static void tcp_rcvbuf_rtt_echo(struct tcb *t, const struct tcp_seg *seg)
{
    struct tcp_rcvq *q = &t->rcvq;

    if (!t->has_ts || !seg->opt.has_ts || seg->opt.tsecr == q->tsecr ||
        seg->data_len + (t->has_ts ? 12u : 0) < t->rcv_mss)
        return; /* part of a segment: the peer may have waited for its user */
    int32_t ticks = (int32_t)(tcp_ts_now(t->tcp, &t->conn) - seg->opt.tsecr);

    q->tsecr = seg->opt.tsecr;
    if (ticks < 0 || NET_MS(ticks) > t->tcp->cfg.rto_max)
        return;
    if (ticks < RCVBUF_FINE_TICKS)
        tcp_rcvbuf_rtt_least(q, NET_MS(ticks + 1));
    else
        q->rtt = q->rtt == 0 ? NET_MS(ticks) : (7 * q->rtt + NET_MS(ticks)) / 8;
}

/**
 * tcp_rcvbuf_arrived - segment @seg brought data that moved RCV.NXT.
 *
 * Return: whether the sender had been silent for longer than a timeout, so that its window begins
 * small again.
 */
bool tcp_rcvbuf_arrived(struct tcb *t, const struct tcp_seg *seg)
{
    struct tcp_rcvq *q = &t->rcvq;
    net_time now = t->tcp->c->now;
    bool was_idle = q->space != 0 && now - q->heard > t->rto;

    tcp_rcvbuf_busy(t, seg->data_len);
    q->heard = now;
    if (q->space == 0 || was_idle) { /* begin to count; the pause belongs to no round trip */
        q->space = u32_max(q->space, RCVBUF_FIRST * (uint32_t)t->rcv_mss);
        q->from = seq_sub(t->rcv_nxt, recvq_len(&t->rcv));
        q->since = q->edge_at = now;
        q->edge = t->rcv_adv;
    } else if (seq_gt(t->rcv_nxt, q->edge)) {
        tcp_rcvbuf_rtt_least(q, now - q->edge_at);
        q->edge_at = now;
        q->edge = t->rcv_adv;
    }
    tcp_rcvbuf_rtt_echo(t, seg);
    return was_idle;
}

/* The user took @copied bytes in a round trip, more than ever before. */
static void tcp_rcvbuf_grow(struct tcb *t, uint32_t copied)
{
    const struct tcp_config *cfg = &t->tcp->cfg;
    uint32_t space = t->rcvq.space;

    if (t->rcvbuf_set || !cfg->moderate_rcvbuf || ring_is_scarce(&t->tcp->c->bufs))
        return;
    /* The next round trip's, with what Linux adds for a sender that was not yet at full speed. */
    uint64_t want = 2 * (uint64_t)copied + 16 * (uint64_t)t->rcv_mss;

    want += 2 * (want * (copied - space) / space);
    uint64_t most = tcp_buf_most(
        t, u32_min(cfg->rcvbuf_max, (uint32_t)UINT16_MAX << t->rcv_wnd_shift), t->rcvq.rtt);

    if (want > most)
        want = most;
    t->rcvbuf = u32_max(t->rcvbuf, (uint32_t)want);
}

/* The user has taken bytes out of the receive ring. */
void tcp_rcvbuf_read(struct tcb *t)
{
    struct tcp_rcvq *q = &t->rcvq;
    net_time now = t->tcp->c->now;

    if (q->rtt == 0 || now - q->since < q->rtt)
        return;
    tcp_seq read = seq_sub(t->rcv_nxt, recvq_len(&t->rcv));
    uint32_t copied = seq_dist(q->from, read);

    if (copied > q->space) {
        tcp_rcvbuf_grow(t, copied);
        q->space = copied;
    }
    q->from = read;
    q->since = now;
}

/* May the count be forgotten? Not within a round trip, nor while it is more than ever before: the buffer
 * is about to grow. After a pause it begins anew anyway. */
bool tcp_rcvbuf_rests(const struct tcb *t)
{
    const struct tcp_rcvq *q = &t->rcvq;
    net_time silent = t->tcp->c->now - q->heard;
    uint32_t copied = seq_dist(q->from, seq_sub(t->rcv_nxt, recvq_len(&t->rcv)));

    return q->rtt == 0 || silent > t->rto || (silent >= q->rtt && copied <= q->space);
}

/* The congestion window may have grown: room for twice that. */
void tcp_sndbuf_grow(struct tcb *t)
{
    uint32_t most = tcp_buf_most(t, t->tcp->cfg.sndbuf_max, t->min_rtt);

    if (t->sndbuf_set || t->sndbuf >= most || t->cwnd <= t->sndbuf / 2 ||
        ring_is_scarce(&t->tcp->c->bufs))
        return;
    t->sndbuf = t->cwnd > most / 2 ? most : 2 * t->cwnd;
}
