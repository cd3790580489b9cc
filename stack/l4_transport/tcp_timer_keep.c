/*
 * tcp_timer_keep.c - how long we wait for a peer: R1 and R2, the user timeout, keep-alive.
 *
 * Data that stay unanswered (RFC 9293 section 3.8.3). After R1 retransmissions (retries1: 3, SHLD-10)
 * IP is asked to look for the next hop again, and the user can see a soft error (SHLD-9). R2 ends the
 * connection: ETIMEDOUT. By default it is the time that retries2 retransmissions take when the RTO
 * begins at its minimum: 924 s for 15, where 100 s are recommended (SHLD-11). For a SYN it is the
 * count syn_retries (MUST-22): 7 retransmissions are 255 s, where three minutes are the least (MUST-23).
 *
 * The user may set R2 himself (MUST-21), as a time (TCP_USER_TIMEOUT; RFC 5482 section 3 calls it
 * USER_TIMEOUT). It then ends the connection at its very moment, counted from the first transmission
 * of what is unanswered: SYN, data or FIN. As in Linux, it also ends one whose data cannot be sent
 * because the window stays shut, although the peer answers each probe; without it such a connection
 * lasts as long as there are answers (MUST-37). The option that tells the peer (RFC 5482 section 3.3,
 * a MAY) is neither sent nor obeyed: see docs/deviations.md.
 *
 * Keep-alive (section 3.8.4). A connection on which nobody speaks costs nothing and lasts for ever, also when the peer's machine
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
 * or a FIN wait for their ACK, retransmissions ask the same question, and R2 ends them. Where there is a
 * user timeout, that is how long he will wait, and the probes are not counted, as in Linux. The octet of garbage for peers that do not answer an empty
 * probe (MAY-6) is not offered: such a TCP has not been seen since 4.2BSD.
 *
 * keep_at is only the time to look again: a segment that comes in notes heard_at, and leaves the
 * wheel of timers alone.
 */
#include <errno.h>

#include "l4_transport/tcp_priv.h"

/* ---- R1, R2 and the user timeout ---- */

/* What the user has set for data in his own units, 0: nothing. */
static net_time tcp_user_timeout(const struct tcb *t)
{
    return t->patience.user_timeout_ms != 0 ? NET_MS(t->patience.user_timeout_ms)
                                            : t->tcp->cfg.user_timeout;
}

/* When data that have been waiting since @since end the connection; NET_NEVER: the clock does not. */
net_time tcp_timer_end(const struct tcb *t, net_time since)
{
    net_time limit = tcp_user_timeout(t);

    return limit != 0 ? since + limit : NET_NEVER;
}

/* How long so many retransmissions take, if the RTO begins at its minimum. A time, and no count: a
 * connection whose RTO happens to be short would have no patience. */
static net_time tcp_retries_time(const struct tcp_config *cfg, uint8_t retries)
{
    net_time sum = 0, rto = cfg->rto_min;

    for (unsigned i = 0; i <= retries; i++) {
        sum += rto;
        rto = net_time_min(2 * rto, cfg->rto_max);
    }
    return sum;
}

/* R1: time to tell IP, and the user if he asks, that the path is in doubt. */
bool tcp_timer_r1(const struct tcb *t)
{
    return t->timeouts == t->tcp->cfg.retries1;
}

/* How often a SYN, or a SYN,ACK, is sent again. */
uint8_t tcp_timer_syn_most(const struct tcb *t)
{
    uint8_t own = t->patience.syn_retries;

    return own != 0 ? own : t->is_passive ? t->tcp->cfg.synack_retries : t->tcp->cfg.syn_retries;
}

/* When R2 is by the clock; NET_NEVER: it is a count. */
net_time tcp_timer_r2_at(const struct tcb *t)
{
    net_time end = tcp_timer_end(t, t->rtx_since);

    if (!t->syn_acked || end != NET_NEVER)
        return end;
    return t->rtx_since + tcp_retries_time(&t->tcp->cfg, t->tcp->cfg.retries2);
}

/* R2: a timer for retransmission has run out, and that was the last time. */
bool tcp_timer_r2(const struct tcb *t)
{
    net_time now = t->tcp->c->now;

    if (!t->syn_acked)
        return t->backoff >= tcp_timer_syn_most(t) || now >= tcp_timer_r2_at(t);
    /* Where the RTO is long, not before anything was sent again, as in Linux; but the user's own end
     * comes to its moment. */
    bool is_users = tcp_timer_end(t, 0) != NET_NEVER;

    return (is_users || t->timeouts + t->probes_out > 0) && now >= tcp_timer_r2_at(t);
}

/* ---- keep-alive ---- */

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
    if (!t->hashed)
        return;
    tcp_timer_rtx_limit(t);
    tcp_keep_start(t);
}

/* Has the peer been given every chance? */
static bool tcp_keep_is_dead(const struct tcb *t, net_time silence)
{
    uint8_t count = t->patience.keep_count != 0 ? t->patience.keep_count : t->tcp->cfg.keep_count;

    if (tcp_user_timeout(t) != 0)
        return t->probes_out > 0 && silence >= tcp_user_timeout(t);
    return t->probes_out >= count;
}

/* keep_at has come. Return: false when t is gone. */
bool tcp_timer_keep(struct tcb *t)
{
    net_time now = t->tcp->c->now, silence = now - t->heard_at, idle = tcp_keep_idle(t);
    bool is_busy =
        sendq_len(&t->snd) > 0 || seq_lt(t->snd_una, t->snd_nxt) || (t->fin_queued && !tcp_fin_acked(t));

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
