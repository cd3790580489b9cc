/*
 * tcp_timer_keep.c - how long we wait for a peer: keep-alive and R2 (RFC 9293 section 3.8.3, 3.8.4).
 *
 * A connection on which nobody speaks costs nothing and lasts for ever, also when the peer's machine
 * was switched off years ago. A program that holds something for its peer may ask for keep-alives:
 * after keep_idle without a word a segment goes out that brings nothing and begs for an answer,
 *
 *     SEG.SEQ = SND.NXT - 1, no data         (SHLD-12; a living TCP must acknowledge what is old)
 *
 * and keep_interval later the next, until keep_count of them have gone unanswered. Any acceptable
 * segment of the peer is an answer. No single lost probe kills a connection (MUST-29): ACKs without
 * data are not delivered reliably. Then the user is told ETIMEDOUT, and the peer, should it come
 * back, is told by a reset.
 *
 * Off unless asked for, connection by connection (MUST-24, MUST-25); the times can be set (MUST-27), two hours
 * by default (MUST-28). Probes go only where there is silence in both directions (MUST-26): while data
 * or a FIN wait for their ACK, retransmissions ask the same question, and R2 ends them. Where the
 * user has set a user timeout, that is how long he will wait, and the probes are not counted
 * (Linux's meaning of TCP_USER_TIMEOUT). The octet of garbage for peers that do not answer an empty
 * probe (MAY-6) is not offered: such a TCP has not been seen since 4.2BSD.
 *
 * keep_at is only the time to look again: a segment that comes in notes heard_at, and leaves the
 * wheel of timers alone.
 */
#include <errno.h>

#include "l4_transport/tcp_priv.h"

/* R2: data unanswered for so long end the connection. */
net_time tcp_timer_r2(const struct tcb *t)
{
    return t->patience.user_timeout_ms != 0 ? NET_MS(t->patience.user_timeout_ms)
                                            : t->tcp->cfg.user_timeout;
}

static net_time tcp_keep_idle(const struct tcb *t)
{
    return t->patience.keep_idle_s != 0 ? NET_SEC(t->patience.keep_idle_s) : t->tcp->cfg.keep_idle;
}

static net_time tcp_keep_interval(const struct tcb *t)
{
    return t->patience.keep_interval_s != 0 ? NET_SEC(t->patience.keep_interval_s)
                                            : t->tcp->cfg.keep_interval;
}

static bool tcp_keep_is_wanted(const struct tcb *t)
{
    enum tcp_state s = tcp_state(t);

    /* Without a user there is nobody to tell, and FIN-WAIT-2 has a limit of its own. */
    return t->patience.keepalive && !t->detached && s >= TCP_ESTABLISHED && s != TCP_TIME_WAIT;
}

/* A segment of the peer was acceptable: it lives. */
void tcp_timer_heard(struct tcb *t)
{
    t->heard_at = t->tcp->c->now;
    t->probes_out = 0;
}

/* Set keep_at anew: the connection begins, or the user has changed his mind. */
static void tcp_keep_start(struct tcb *t)
{
    t->keep_at = tcp_keep_is_wanted(t) ? t->heard_at + tcp_keep_idle(t) : NET_NEVER;
    t->keep_due = false;
    tcp_timer_update(t);
}

void tcp_timer_established(struct tcb *t)
{
    tcp_timer_heard(t);
    tcp_keep_start(t);
}

void tcp_patience_set(struct tcb *t, const struct tcp_patience *p)
{
    t->patience = *p;
    if (t->hashed)
        tcp_keep_start(t);
}

/* Has the peer been given every chance? */
static bool tcp_keep_is_dead(const struct tcb *t, net_time silence)
{
    uint8_t count = t->patience.keep_count != 0 ? t->patience.keep_count : t->tcp->cfg.keep_count;

    if (t->patience.user_timeout_ms != 0)
        return t->probes_out > 0 && silence >= NET_MS(t->patience.user_timeout_ms);
    return t->probes_out >= count;
}

/* keep_at has come. Return: false when t is gone. */
bool tcp_timer_keep(struct tcb *t)
{
    net_time now = t->tcp->c->now, silence = now - t->heard_at, idle = tcp_keep_idle(t);
    bool is_busy =
        t->snd.len > 0 || seq_lt(t->snd_una, t->snd_max) || (t->fin_queued && !tcp_fin_acked(t));

    if (!tcp_keep_is_wanted(t)) {
        t->keep_at = NET_NEVER;
        return true;
    }
    if (is_busy || silence < idle) {
        t->keep_at = is_busy ? now + idle : t->heard_at + idle;
        return true;
    }
    if (tcp_keep_is_dead(t, silence)) {
        t->tcp->stats.timed_out++;
        tcp_send_rst(t);
        tcp_fail(t, TCP_EV_TIMEOUT, t->soft_error != 0 ? t->soft_error : ETIMEDOUT);
        return false;
    }
    if (t->probes_out < UINT8_MAX)
        t->probes_out++;
    t->keep_due = true;
    t->keep_at = now + tcp_keep_interval(t);
    tcp_due(t);
    return true;
}
