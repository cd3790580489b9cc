/*
 * tcp_timer.c - every timer of TCP; no other file knows which there are.
 *
 * A connection has four deadlines and one timer in the wheel, armed at the earliest or before it:
 *
 *   rtx_at     while something is in flight, one of three (RFC 8985 section 8): retransmission
 *              (RFC 6298, rto_at), tail loss probe, RACK's second look; while nothing is and the
 *              window is shut, persist (RFC 9293 section 3.8.6.1)
 *   delack_at  delayed ACK (section 3.8.6.3), also a second try when no packet or record could be had
 *   life_at    how long an orphan may still take (FIN-WAIT-2, linger)
 *   keep_at    keep-alive, whose rules stand in tcp_timer_keep.c
 *
 * A deadline that moves later leaves the wheel alone; the timer then fires once for nothing and is
 * armed again, which is cheaper than moving it with every segment. The other files call functions
 * named after what happened.
 */
#include <errno.h>

#include "l4_transport/tcp_priv.h"

enum { RTX_OFF, RTX_PERSIST, RTX_RETRANSMIT, RTX_PROBE, RTX_REORDER };

/* Arm the timer at the earliest deadline. */
void tcp_timer_update(struct tcb *t)
{
    net_time at =
        net_time_min(net_time_min(t->rtx_at, t->delack_at), net_time_min(t->life_at, t->keep_at));

    if (t->is_paced)
        at = net_time_min(at, t->pace_at);

    if (at == NET_NEVER)
        timer_stop(&t->tcp->wheel, &t->conn.timer);
    else if (!timer_is_armed(&t->conn.timer) || at < t->conn.timer.at)
        timer_arm(&t->tcp->wheel, &t->conn.timer, at);
}

/* The end by the clock, as the user has set it. A peer that shut its window over what was sent, and
 * answers, is given more (SHLD-17). */
static net_time tcp_timer_rtx_end(const struct tcb *t)
{
    if (t->rtx_kind == RTX_PERSIST)
        return tcp_timer_end(t, tcp_rare(t)->shut_since);
    return t->snd_wnd > 0 || !t->syn_acked ? tcp_timer_end(t, t->rtx_since) : NET_NEVER;
}

/* One RTO from now; but what the user has set as the end comes to its moment. */
static net_time tcp_timer_rtx_next(const struct tcb *t)
{
    net_time now = t->tcp->c->now, at = now + tcp_rto(t), end = tcp_timer_rtx_end(t);

    return end > now ? net_time_min(at, end) : at;
}

/* The user has set another end. */
void tcp_timer_rtx_limit(struct tcb *t)
{
    net_time now = t->tcp->c->now, end = tcp_timer_rtx_end(t);

    net_time *at = t->rtx_kind == RTX_PERSIST ? &t->rtx_at : &t->rto_at;

    if (t->rtx_kind == RTX_OFF || end >= *at)
        return;
    *at = end > now ? end : now;
    tcp_timer_choose(t);
}

/* Something is outstanding: a new wait for its acknowledgment begins. */
static void tcp_timer_rtx_start(struct tcb *t)
{
    if (t->rtx_kind <= RTX_PERSIST)
        t->rtx_since = t->tcp->c->now;
    t->rtx_kind = RTX_RETRANSMIT;
    t->rto_at = tcp_timer_rtx_next(t);
    tcp_timer_choose(t);
}

static void tcp_timer_rtx_stop(struct tcb *t)
{
    t->rtx_kind = RTX_OFF;
    t->rtx_at = t->rto_at = t->reorder_at = NET_NEVER;
    tcp_timer_update(t);
}

/* What the timer waits for while something is in flight: one thing at a time, RACK first (RFC 8985
 * section 8), nothing later than the RTO. */
void tcp_timer_choose(struct tcb *t)
{
    net_time pto = tcp_tlp_timeout(t), now = t->tcp->c->now;

    if (t->rtx_kind <= RTX_PERSIST)
        return;
    if (t->reorder_at < t->rto_at) {
        t->rtx_kind = RTX_REORDER;
        t->rtx_at = t->reorder_at;
    } else if (pto > 0) {
        t->rtx_kind = RTX_PROBE;
        t->rtx_at = net_time_min(now + pto, t->rto_at);
    } else {
        t->rtx_kind = RTX_RETRANSMIT;
        t->rtx_at = t->rto_at;
    }
    tcp_timer_update(t);
}

/* Something that takes sequence space was sent (RFC 6298 (5.1)). */
void tcp_timer_sent(struct tcb *t)
{
    if (t->rtx_kind == RTX_PERSIST)
        t->backoff = 0;
    if (t->rtx_kind <= RTX_PERSIST)
        tcp_timer_rtx_start(t);
    else if (t->rtx_kind == RTX_PROBE)
        tcp_timer_choose(t); /* two round trips from the last transmission */
}

/* The first unacknowledged segment was sent again by fast retransmit: the RTO is from then on (Linux;
 * RFC 6298 would let it run out in the middle of a recovery that goes well). */
void tcp_timer_first_again(struct tcb *t)
{
    t->rto_at = tcp_timer_rtx_next(t);
    tcp_timer_choose(t);
}

/* Pacing: the next segment may leave at pace_at. */
void tcp_timer_pace(struct tcb *t)
{
    t->is_paced = true;
    tcp_timer_update(t);
}

/**
 * tcp_timer_acked - new data were acknowledged: RFC 6298 (5.2), (5.3).
 * @sampled: and a round trip was measured; until then a backed-off RTO stays (section 5, Karn)
 * @restart: false for the later partial ACKs of a recovery (RFC 6582 section 3.2, step 3)
 */
void tcp_timer_acked(struct tcb *t, bool sampled, bool restart)
{
    t->timeouts = 0;
    if (sampled)
        t->backoff = 0;
    if (tcp_in_flight(t) == 0) {
        tcp_timer_rtx_stop(t);
        return;
    }
    t->rtx_since = t->tcp->c->now; /* progress: R2 counts from here */
    if (restart)
        tcp_timer_rtx_start(t);
}

/* The peer answered a window probe, or a retransmission that its shrunken window has no room for: as
 * long as it does, the connection lives (MUST-37, SHLD-17). */
void tcp_timer_answered(struct tcb *t)
{
    tcp_timer_heard(t);
    if (t->rtx_kind == RTX_PERSIST || t->snd_wnd == 0)
        t->rtx_since = t->tcp->c->now;
}

/* Data wait, nothing is in flight, and the window does not let them go. */
void tcp_timer_window_shut(struct tcb *t)
{
    if (t->rtx_kind == RTX_OFF) {
        t->backoff = 0;
        tcp_rare_get(t)->shut_since = t->tcp->c->now;
        t->rtx_since = t->tcp->c->now;
        t->rtx_kind = RTX_PERSIST;
        t->rtx_at = tcp_timer_rtx_next(t);
        tcp_timer_update(t);
    }
}

/* A shut window opened: the retransmissions before say nothing about the path. */
void tcp_timer_window_open(struct tcb *t)
{
    t->timeouts = t->backoff = 0;
    if (t->rtx_kind > RTX_PERSIST) {
        t->rtx_since = t->tcp->c->now;
        tcp_timer_rtx_start(t);
    }
}

/* In-order data arrived whose ACK may wait for company. */
void tcp_timer_delay_ack(struct tcb *t)
{
    if (t->delack_at == NET_NEVER) {
        t->delack_at = t->tcp->c->now + t->tcp->cfg.delack;
        tcp_timer_update(t);
    }
}

/* A segment with an ACK left. */
void tcp_timer_ack_sent(struct tcb *t)
{
    if (!t->starved && !t->held_up) /* then a user, or data, wait for the same deadline */
        t->delack_at = NET_NEVER;
}

/* No packet could be had, or no buffer for the user: try again soon. 10 ms: long enough for others to
 * give some back, short against the RTO. */
void tcp_timer_retry(struct tcb *t)
{
    t->delack_at = net_time_min(t->delack_at, t->tcp->c->now + NET_MS(10));
    tcp_timer_update(t);
}

/* The user has gone and the rest must not take longer than @limit. */
void tcp_timer_orphan(struct tcb *t, net_time limit)
{
    t->life_at = limit == NET_NEVER ? NET_NEVER : t->tcp->c->now + limit;
    tcp_timer_update(t);
}

void tcp_timer_stop(struct tcb *t)
{
    t->rtx_kind = RTX_OFF;
    t->rtx_at = t->rto_at = t->reorder_at = NET_NEVER;
    t->delack_at = t->life_at = t->keep_at = NET_NEVER;
    t->is_paced = false;
    timer_stop(&t->tcp->wheel, &t->conn.timer);
}

const char *tcp_timer_name(const struct tcb *t, net_time *left, uint8_t *tries)
{
    net_time now = t->tcp->c->now;
    const char *name = "";

    *left = 0;
    *tries = t->rtx_kind > RTX_PERSIST ? t->timeouts : t->probes_out;
    if (t->rtx_at != NET_NEVER) {
        *left = t->rtx_at - now;
        name = t->rtx_kind == RTX_PERSIST ? "persist" : t->rtx_kind == RTX_PROBE ? "probe" : "on";
    } else if (t->life_at != NET_NEVER) {
        *left = t->life_at - now;
        name = tcp_state(t) == TCP_FIN_WAIT_2 ? "finwait2" : "linger";
    } else if (t->delack_at != NET_NEVER) {
        *left = t->delack_at - now;
        name = "delack";
    } else if (t->keep_at != NET_NEVER) {
        *left = t->keep_at - now;
        name = "keepalive";
    }
    return name;
}

/* All that run, in no order of time. Return: how many, at most TCP_TIMERS. */
unsigned tcp_timer_list(const struct tcb *t, struct tcp_timer_info *out)
{
    static const char *const kinds[] = {"", "persist", "rto", "tlp", "reorder"};
    const struct {
        const char *name;
        net_time at;
    } all[] = {
        {kinds[t->rtx_kind],                                     t->rtx_at                                           },
        {"rto",                                                  t->rtx_kind > RTX_RETRANSMIT ? t->rto_at : NET_NEVER},
        {"delack",                                               t->delack_at                                        },
        {tcp_state(t) == TCP_FIN_WAIT_2 ? "finwait2" : "linger", t->life_at                                          },
        {"keepalive",                                            t->keep_at                                          },
        {"pacing",                                               t->is_paced ? t->pace_at : NET_NEVER                },
    };
    unsigned n = 0;

    static_assert(ARRAY_LEN(all) == TCP_TIMERS, "room for each");
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].at != NET_NEVER)
            out[n++] = (struct tcp_timer_info){all[i].name, all[i].at - t->tcp->c->now};
    }
    return n;
}

/* The retransmission timer ran out: RFC 6298 (5.4) - (5.6). Return: false when t is gone. */
static bool tcp_timer_rto(struct tcb *t)
{
    struct tcp *tcp = t->tcp;
    enum tcp_state s = tcp_state(t);

    if (tcp_timer_r2(t)) {
        tcp->stats.timed_out++;
        tcp_fail(t, TCP_EV_TIMEOUT, t->soft_error != 0 ? t->soft_error : ETIMEDOUT);
        return false;
    }
    if (s == TCP_SYN_SENT || s == TCP_SYN_RCVD) {
        tcp_fo_silent(t);
        t->syn_lost = true;
    }
    if (tcp_timer_r1(t)) { /* RFC 9293 section 3.8.3: perhaps the next hop is dead */
        ip_doubt(tcp->ip, t->conn.id.local, t->conn.id.remote);
        if (t->soft_error == 0)
            t->soft_error = ETIMEDOUT;
    }
    tcp_mtu_timeout(t);
    if (t->timeouts < UINT8_MAX)
        t->timeouts++;
    if (t->backoff < 31)
        t->backoff++;
    tcp->stats.timeouts++;
    tcp_recovery_timeout(t);
    t->rtx_due = true;
    t->rto_at = tcp_timer_rtx_next(t);
    tcp_timer_choose(t);
    tcp_due(t);
    return true;
}

/* One of the timers of what is in flight. Return: false when t is gone. */
static bool tcp_timer_rtx(struct tcb *t)
{
    if (t->rtx_kind == RTX_RETRANSMIT || t->tcp->c->now >= tcp_timer_rtx_end(t))
        return tcp_timer_rto(t);
    if (t->rtx_kind == RTX_PROBE) {
        t->tlp_due = true;
        tcp_due(t);
    } else {
        t->reorder_at = NET_NEVER;
        tcp_recovery_reorder(t);
    }
    t->rto_at = tcp_timer_rtx_next(t); /* RFC 8985 section 7.3: after a probe, the RTO alone */
    tcp_timer_choose(t);
    return true;
}

/* The persist timer: probe the window, or send what fits (RFC 9293 section 3.8.6.1, and the
 * override timer of section 3.8.6.2.1). Return: false when t is gone. */
static bool tcp_timer_persist(struct tcb *t)
{
    struct tcp *tcp = t->tcp;

    if (t->probes_out == 0) /* all were answered: R2 counts from the next one, however far apart */
        t->rtx_since = tcp->c->now; /* they are by now (MUST-37) */
    /* The peer stopped answering altogether, or the user has no time for windows that stay shut. */
    if (tcp_timer_r2(t) || tcp->c->now >= tcp_timer_end(t, tcp_rare(t)->shut_since)) {
        tcp->stats.timed_out++;
        tcp_fail(t, TCP_EV_TIMEOUT, ETIMEDOUT);
        return false;
    }
    if (t->backoff < 31)
        t->backoff++;
    if (t->snd_wnd == 0)
        t->probe_due = true;
    else
        t->force = true;
    t->rtx_at = tcp_timer_rtx_next(t);
    tcp_due(t);
    return true;
}

static void tcp_timer_fire(struct tcb *t)
{
    net_time now = t->tcp->c->now;

    if (t->life_at <= now) {
        /* An orphan's FIN-WAIT-2 just ends; when linger runs out, data are given up, and the peer
         * is told so. */
        tcp_fail(t, tcp_state(t) == TCP_FIN_WAIT_2 ? TCP_EV_TIMEOUT : TCP_EV_ABORT, ETIMEDOUT);
        return;
    }
    if (t->rtx_at <= now) {
        bool alive = t->rtx_kind == RTX_PERSIST ? tcp_timer_persist(t) : tcp_timer_rtx(t);

        if (!alive)
            return;
    }
    if (t->is_paced && t->pace_at <= now) {
        t->is_paced = false;
        tcp_due(t);
    }
    if (t->delack_at <= now) {
        t->delack_at = NET_NEVER;
        bool is_ack = !(t->starved || t->held_up) || t->delayed > 0;

        if (t->starved)
            tcp_wake(t);
        t->tcp->stats.delayed_acks += is_ack;
        t->ack_now = t->ack_now || is_ack;
        t->starved = t->held_up = false;
        tcp_due(t);
    }
    if (t->keep_at <= now && !tcp_timer_keep(t))
        return;
    tcp_timer_update(t);
}

void tcp_tick(struct tcp *tcp, net_time now)
{
    struct timer *timer;

    tcp_idle_tick(tcp, now);
    while ((timer = timer_expired(&tcp->wheel, now)) != NULL) {
        struct tcp_conn *c = container_of(timer, struct tcp_conn, timer);

        if (c->link.kind == TCP_CONN_FULL)
            tcp_timer_fire(tcb_of(c));
        else if (c->link.kind == TCP_CONN_HALF)
            tcp_half_tick(tcp, container_of(c, struct tcp_half, conn));
        else
            tcp_tw_tick(tcp, container_of(c, struct tcp_tw, conn));
    }
}

net_time tcp_deadline(const struct tcp *tcp)
{
    return net_time_min(timer_deadline(&tcp->wheel), timer_deadline(&tcp->idle_wheel));
}
