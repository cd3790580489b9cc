/*
 * tcp_next.h - what may leave next, what keeps it back if nothing may, and which window would be told.
 *
 * Two ask these questions: tcp_output.c, which then does it, and tcp_explain.c, which says why it is not
 * done. They must hear the same answer, so the conditions stand here once. Nothing here changes a
 * connection.
 */
#ifndef STACKD_TCP_NEXT_H
#define STACKD_TCP_NEXT_H

#include "l4_transport/tcp_priv.h"

/* What may be sent, or why nothing may. */
enum tcp_hold {
    TCP_MAY_SEND,
    TCP_MAY_FIN,     /* our FIN, and nothing else: it carries no data and needs no window */
    TCP_MAY_PROBE,   /* a probe of the path's MTU */
    TCP_HOLD_EMPTY,  /* there is nothing */
    TCP_HOLD_FRTO,   /* first it must be seen whether the timeout was needless (RFC 5682) */
    TCP_HOLD_WINDOW, /* the peer's window has no room */
    TCP_HOLD_CWND,   /* the congestion window has none */
    TCP_HOLD_MTU,    /* a probe of the path's MTU needs the room soon */
    TCP_HOLD_NAGLE,  /* less than a segment, and something is not acknowledged */
    TCP_HOLD_MORE,   /* less than a segment, and the user has said that more will follow */
    TCP_HOLD_SWS     /* less than a segment, as the peer's window leaves no room for more */
};

/* New data, and the room for them, in bytes. */
struct tcp_next {
    uint32_t avail;  /* not yet sent */
    uint32_t usable; /* what the windows let go */
    uint32_t mss;    /* of a full segment now */
    uint32_t len;    /* of the next segment */
    bool by_wnd;     /* it is the peer's window that decides `usable` */
};

/* Our SYN, or SYN,ACK, is to leave. */
static inline bool tcp_next_is_syn(const struct tcb *t)
{
    return seq_eq(t->snd_nxt, t->iss) || t->rtx_due;
}

/* Nothing may leave before pace_at. */
static inline bool tcp_next_is_paced(const struct tcb *t)
{
    return t->pace_at > t->tcp->c->now;
}

/* Bytes a second at which segments are to leave; 0: as they come. Without a controller's wish twice
 * the window a round trip in slow start, so that it can grow, and 1.2 times after it (Linux). */
static inline uint64_t tcp_pacing_rate(const struct tcb *t)
{
    if (t->pacing_rate != 0)
        return t->pacing_rate;
    if (!t->tcp->cfg.pacing || t->srtt == 0)
        return 0;
    uint64_t percent = t->cwnd < t->ssthresh / 2 ? 200 : 120;

    return (uint64_t)t->cwnd * percent / 100 * (uint64_t)NET_SEC(1) / (uint64_t)t->srtt + 1;
}

/* Payload of a full segment now: SACK blocks take some of it. */
static inline uint32_t tcp_output_mss(const struct tcb *t)
{
    return t->snd_mss - tcp_sack_room(t);
}

/* The lowest segment that is lost; F-RTO first wants to see what new data do. */
static inline struct tcp_sent *tcp_output_lost(const struct tcb *t)
{
    return t->frto_new ? NULL : tcp_sent_of(tree_first_marked(&t->board.tree));
}

/* May the lowest segment that is lost, *@r, be sent again? */
static inline enum tcp_hold tcp_next_lost(const struct tcb *t, struct tcp_sent **r)
{
    uint32_t cwnd = tcp_recovery_window(t);

    *r = tcp_output_lost(t);
    if (*r == NULL)
        return t->frto_new ? TCP_HOLD_FRTO : TCP_HOLD_EMPTY;
    if (tcp_pipe(t) + u32_min((*r)->len, (*r)->seg_len) > cwnd)
        return TCP_HOLD_CWND;
    if (seq_geq(tcp_sent_seq(*r), seq_add(t->snd_una, t->snd_wnd)))
        return TCP_HOLD_WINDOW; /* the window has shrunk */
    return TCP_MAY_SEND;
}

/* How much may leave beyond what is in flight: by the peer's window, and by ours. */
static inline uint32_t tcp_usable(const struct tcb *t, bool *by_wnd)
{
    uint32_t cwnd = tcp_recovery_window(t), pipe = tcp_pipe(t), flight = tcp_in_flight(t);
    uint32_t ours = cwnd > pipe ? cwnd - pipe : 0;
    uint32_t theirs = t->snd_wnd > flight ? t->snd_wnd - flight : 0;

    *by_wnd = theirs <= ours;
    return u32_min(ours, theirs);
}

/* Nagle and silly-window avoidance (RFC 9293 section 3.8.6.2.1, 3.7.4): may n->len bytes leave now? */
static inline enum tcp_hold tcp_next_small(const struct tcb *t, const struct tcp_next *n)
{
    bool urgent = t->snd_urgent && seq_lt(t->snd_nxt, tcp_rare(t)->snd_up);

    if (n->len >= n->mss || t->force)
        return TCP_MAY_SEND;
    if (n->len ==
        n->avail) { /* all there is: at once when idle, when the user wants it, at the end */
        if (t->fin_queued || urgent)
            return TCP_MAY_SEND;
        if (t->more)
            return TCP_HOLD_MORE;
        return t->nodelay || tcp_in_flight(t) == !t->syn_acked ? TCP_MAY_SEND : TCP_HOLD_NAGLE;
    }
    if (!n->by_wnd)
        return TCP_HOLD_CWND;
    return n->len >= t->max_snd_wnd / 2 ? TCP_MAY_SEND : TCP_HOLD_SWS;
}

/* May new data leave, or the FIN behind them? @n: filled in, but where there is nothing to send. */
static inline enum tcp_hold tcp_next_data(const struct tcb *t, struct tcp_next *n)
{
    tcp_seq end = tcp_data_end(t);

    if (!seq_lt(t->snd_nxt, end))
        return t->fin_queued && !t->fin_sent ? TCP_MAY_FIN : TCP_HOLD_EMPTY;
    n->avail = seq_dist(t->snd_nxt, end);
    n->mss = tcp_output_mss(t);
    n->usable = tcp_usable(t, &n->by_wnd);
    n->len = tcp_mtu_probe(t, n->avail);
    if (n->len > 0)
        return n->len == TCP_MTU_WAIT ? TCP_HOLD_MTU : TCP_MAY_PROBE;
    n->len = u32_min(u32_min(n->avail, n->usable), n->mss);
    if (n->len == 0)
        return n->by_wnd ? TCP_HOLD_WINDOW : TCP_HOLD_CWND;
    return tcp_next_small(t, n);
}

/**
 * tcp_next_window - the window field for a segment that leaves now.
 *
 * Silly-window avoidance (RFC 9293 section 3.8.6.2.2, MUST-39): the right edge moves only when it
 * gains a full segment or half the buffer. It does not move back (section 3.8.6, SHLD-14): where the
 * scaled field cannot express what was promised exactly, it is rounded up - unless the buffer has
 * no room for that. Then it is rounded down (RFC 7323 section 2.4 allows for it), or many small
 * segments would push the edge ahead for ever; what was promised is still accepted.
 */
static inline uint32_t tcp_next_window(const struct tcb *t)
{
    uint32_t limit = tcp_rcvbuf_limit(t), held = recvq_len(&t->rcv);
    uint32_t space = limit > held ? limit - held : 0;
    uint32_t promised = tcp_rcv_wnd(t), shift = t->rcv_wnd_shift, field;

    space = u32_min(space, tcp_rcvbuf_share(t));
    if (space > promised && space - promised >= u32_min(limit / 2, t->rcv_mss))
        field = space >> shift;
    else
        field = (promised + (1u << shift) - 1) >> shift;
    if (field << shift > u32_max(space, promised))
        field = promised >> shift;
    return u32_min(field, UINT16_MAX);
}

/* By how much the window could grow, and how much is worth a segment of its own. */
struct tcp_next_gain {
    int32_t gain;
    uint32_t enough, most;
};

static inline struct tcp_next_gain tcp_next_gain(const struct tcb *t)
{
    uint32_t limit = tcp_rcvbuf_limit(t);
    uint32_t most =
        u32_min(u32_min(limit, tcp_rcvbuf_share(t)), (uint32_t)UINT16_MAX << t->rcv_wnd_shift);
    uint32_t held = recvq_len(&t->rcv), space = limit > held ? limit - held : 0;

    return (struct tcp_next_gain){
        .gain = seq_diff(seq_add(t->rcv_nxt, u32_min(space, most)), t->rcv_adv),
        .enough = u32_min(most / 2, tcp_rcv_wnd(t) == 0 ? t->rcv_mss : 2u * t->rcv_mss),
        .most = most,
    };
}

/* Is the peer to be told at once that the window has grown (RFC 9293 section 3.8.6.2.2)? When it is two
 * full segments or half the buffer, and one when it was shut. */
static inline bool tcp_next_is_update(const struct tcb *t, const struct tcp_next_gain *g)
{
    return g->gain > 0 && (uint32_t)g->gain >= g->enough && tcp_rcv_wnd(t) < g->most / 2;
}

#endif
