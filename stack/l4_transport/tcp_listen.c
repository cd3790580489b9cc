/*
 * tcp_listen.c - LISTEN, the half-open pool, and the accept queue (RFC 9293 3.10.7.2, RFC 4987).
 *
 * A SYN costs one small entry of a pool that all listeners share (struct tcp_half), and nothing of
 * what a connection needs to talk; so a flood of SYNs fills that pool and nothing else. What
 * happens when it is full is policy: drop the SYN, answer with a reset, evict the oldest entry, or
 * keep nothing and put what must be known into the sequence number of the SYN,ACK (tcp_cookie.c).
 *
 * With the third segment a connection is born and waits in its listener's accept queue. If that
 * is full the segment is dropped and the entry stays: the SYN,ACK is sent again, and the peer's
 * answer is another chance. A SYN that comes while the accept queue is full is dropped at once, as
 * Linux does, since no answer could lead to an accept.
 *
 * Invariant: an entry is in the table, in the list by age, and counted in its listener, from birth
 * to tcp_half_free().
 */
#include "l4_transport/tcp_tell.h"

enum { TCP_NO_WSCALE = 0xff };

static void tcp_half_queue_event(struct tcp *tcp, const struct tcp_half *h, uint32_t len)
{
    tcp_trace_queue(tcp, &h->conn, "syn", len, tcp->halves.count);
}

static void tcp_half_due_stop(struct tcp *tcp, struct tcp_half *h)
{
    if (!h->is_due)
        return;
    h->is_due = false;
    LIST_REMOVE(tcp->half_due, tcp->half_due_last, h, due_prev, due_next);
}

void tcp_half_free(struct tcp *tcp, struct tcp_half *h)
{
    tcp_half_due_stop(tcp, h);
    tcp_note_flush(tcp, &h->conn);
    timer_stop(&tcp->wheel, &h->conn.timer);
    tcp_conn_del(tcp, &h->conn);
    LIST_REMOVE(tcp->half_oldest, tcp->half_newest, h, older, newer);
    h->listener->half_open--;
    tcp_half_queue_event(tcp, h, tcp->halves.used - 1);
    slab_free(&tcp->halves, h);
}

static void tcp_half_due(struct tcp *tcp, struct tcp_half *h)
{
    if (h->is_due)
        return;
    h->is_due = true;
    LIST_APPEND(tcp->half_due, tcp->half_due_last, h, due_prev, due_next);
}

/* What a SYN tells, as an entry that is not in the pool yet. */
static struct tcp_half tcp_half_of(struct tcp *tcp, struct tcp_listener *l,
                                   const struct tcp_seg *seg, const tcp_seq *iss_floor)
{
    const struct tcp_opts *o = &seg->opt;
    struct tcp_half h = {
        .conn = {.link.kind = TCP_CONN_HALF,
                 .id = {seg->dst, seg->src, seg->dst_port, seg->src_port},
                 .state = TCP_LISTEN}, /* a copy of the listener's state */
        .listener = l,
        .irs = seg->seq,
        .mss = o->has_mss ? o->mss : 536, /* MUST-15 */
        .peer_wnd = seg->wnd,
        .has_ts = o->has_ts && tcp->cfg.timestamps,
        .has_sack = o->has_sack_ok && tcp->cfg.sack,
        .has_ecn = tcp_ecn_is_asked(tcp, seg),
        .ts_recent = o->tsval,
        .wscale = o->has_wscale && tcp->cfg.window_scaling ? o->wscale : TCP_NO_WSCALE,
        .syn_ack_sent = tcp->c->now,
    };

    h.iss = tcp_iss(tcp, &h.conn.id); /* RFC 6528 section 3 */
    if (iss_floor != NULL && seq_lt(h.iss, *iss_floor))
        h.iss = *iss_floor;
    h.conn.ts_offset = tcp_ts_offset(tcp, &h.conn.id);
    return h;
}

/* Room for one more entry, by policy. V_NEXT: go on. V_DONE: a cookie was sent instead. */
static enum verdict tcp_half_make_room(struct tcp *tcp, struct tcp_listener *l,
                                       const struct tcp_half *h, const struct tcp_seg *seg)
{
    if (tcp->halves.used < tcp->halves.count)
        return V_NEXT;
    switch (tcp->cfg.syn_policy) {
    case TCP_SYN_COOKIES:
        return tcp_cookie_send(tcp, l, h);
    case TCP_SYN_EVICT:
        if (tcp->half_oldest == NULL)
            return V_DROP_TCP_SYN_POOL;
        tcp->stats.evicted++;
        net_drop(tcp->c, NULL, V_DROP_TCP_SYN_EVICTED);
        tcp_event(tcp, &tcp->half_oldest->conn, TCP_EV_EVICTED);
        tcp_half_free(tcp, tcp->half_oldest);
        return V_NEXT;
    case TCP_SYN_RESET:
        tcp_reply_rst(tcp, seg);
        return V_DROP_TCP_SYN_POOL;
    case TCP_SYN_DROP:
    default:
        return V_DROP_TCP_SYN_POOL;
    }
}

static enum verdict tcp_listen_syn(struct tcp *tcp, struct tcp_listener *l,
                                   const struct tcp_seg *seg, const tcp_seq *iss_floor)
{
    struct tcp_half entry = tcp_half_of(tcp, l, seg, iss_floor), *h;

    tcp->stats.syns++;
    l->syns++;
    if (l->queued >= l->backlog) {
        l->queue_full++;
        tcp->stats.accept_full++;
        return V_DROP_TCP_ACCEPT_QUEUE;
    }
    if (tcp_fo_syn(tcp, l, seg, &entry)) /* it needs no place in the pool */
        return V_DONE;
    enum verdict v = tcp_half_make_room(tcp, l, &entry, seg);

    if (v != V_NEXT)
        return v;
    h = slab_alloc(&tcp->halves);
    if (h == NULL)
        return V_DROP_TCP_SYN_POOL;
    *h = entry;
    LIST_APPEND(tcp->half_oldest, tcp->half_newest, h, older, newer);
    l->half_open++;
    tcp_conn_add(tcp, &h->conn);
    tcp_event(tcp, &h->conn, TCP_EV_RCV_SYN);
    tcp_half_queue_event(tcp, h, tcp->halves.used);
    tcp_half_due(tcp, h);
    timer_arm(&tcp->wheel, &h->conn.timer, tcp->c->now + tcp->cfg.rto_initial);
    return V_DONE;
}

/**
 * tcp_child - a connection for a half-open one; waits to be accepted.
 * @ev: the arrow that leads to ESTABLISHED from the state of @h, its SYN is acknowledged; or
 *      TCP_EV_RCV_SYN, and the SYN,ACK is still to be sent (Fast Open)
 *
 * Return: the block, or NULL when no block is left. @h is not changed.
 */
struct tcb *tcp_child(struct tcp *tcp, struct tcp_listener *l, const struct tcp_half *h,
                      enum tcp_event_kind ev)
{
    struct tcb *t = tcp_tcb_new(tcp, &h->conn.id);

    if (t == NULL)
        return NULL;
    t->conn.state = h->conn.state; /* a copy of the record it takes the place of */
    t->is_passive = true;
    tcp_set_bufs(t, l->sndbuf, l->rcvbuf);
    if (l->ttl != 0)
        t->ttl = l->ttl;
    if (l->cc != 0xff && cc_by_index(l->cc) != NULL)
        t->cc = l->cc;
    t->tos = l->tos != 0 ? l->tos : t->tos;
    t->nodelay = t->nodelay || l->nodelay;
    t->patience = l->patience;
    t->oob_inline = l->oob_inline;
    t->iss = h->iss;
    t->irs = h->irs;
    t->snd_una = t->iss;
    t->snd_nxt = ev == TCP_EV_RCV_SYN ? t->iss : seq_add(t->iss, 1);
    t->rcv_nxt = t->last_ack_sent = seq_add(t->irs, 1);
    t->rcv_adv = seq_add(t->rcv_nxt, tcp_syn_window(tcp, t->rcvbuf));
    t->rcv_mss = tcp_offered_mss(tcp, &t->conn.id, l->maxseg);
    t->rcv_wnd_shift = tcp_window_shift(tcp, l->rcvbuf);
    struct tcp_opts o = {
        .has_mss = true,
        .mss = h->mss,
        .has_sack_ok = h->has_sack,
        .has_ts = h->has_ts,
        .tsval = h->ts_recent,
        .has_wscale = h->wscale != TCP_NO_WSCALE,
        .wscale = h->wscale,
    };

    t->has_ts = t->has_wscale = t->has_sack = true;
    t->has_ecn = h->has_ecn;
    tcp_negotiate(t, &o);
    t->syn_lost = h->retries > 0;
    t->snd_wnd = t->max_snd_wnd = h->peer_wnd;
    t->snd_wl1 = t->irs;
    t->snd_wl2 = t->snd_una;
    tcp_recovery_init(t);
    tcp_event(tcp, &t->conn, ev);
    if (tcp_state(t) == TCP_ESTABLISHED) {
        tcp_timer_established(t);
        t->counted = true;
        tcp->port_users[t->conn.id.lport]++;
    }
    t->in_accept_queue = true;
    if (l->last != NULL)
        l->last->queue_next = t;
    else
        l->first = t;
    l->last = t;
    l->queued++;
    tcp->stats.opened_passive++;
    tcp_trace_queue(tcp, &t->conn, "accept", l->queued, l->backlog);
    ready_add(&tcp->c->ready, &l->ready);
    return t;
}

/* The three checks of RFC 9293 section 3.10.7.2, and the cookie between the second and third. */
enum verdict tcp_listen_input(struct tcp *tcp, struct tcp_listener *l, const struct tcp_seg *seg,
                              const tcp_seq *iss_floor)
{
    struct tcp_id id = {seg->dst, seg->src, seg->dst_port, seg->src_port};

    /* First, check for a RST: we have sent nothing that it could answer. */
    tcp_tell(tcp, &id, "LISTEN: first, check for a RST", "a reset is ignored", "no reset");
    if (seg->flags & TCP_RST)
        return V_DROP_TCP_RST_IN_LISTEN;

    /* Second, check for an ACK: acceptable only if it brings a SYN cookie back. */
    tcp_tell(tcp, &id, "LISTEN: second, check for an ACK",
             "an ACK is answered with a reset, unless it brings a SYN cookie back", "no ACK");
    if (seg->flags & TCP_ACK) {
        struct tcp_half h;

        if ((seg->flags & TCP_SYN) == 0 && tcp_cookie_check(tcp, l, seg, &h)) {
            if (l->queued >= l->backlog) {
                l->queue_full++;
                tcp->stats.accept_full++;
                return V_DROP_TCP_ACCEPT_QUEUE;
            }
            struct tcb *t = tcp_child(tcp, l, &h, TCP_EV_COOKIE);
            struct tcp_seg rest = *seg;

            return t == NULL ? V_DROP_TCP_TCB_POOL : tcp_segment(t, &rest);
        }
        tcp_reply_rst(tcp, seg);
        return V_DROP_TCP_ACK_IN_LISTEN;
    }

    tcp_tell(tcp, &id, "LISTEN: third, check for a SYN",
             "a SYN without FIN makes a half-open connection, if there is room", "");
    /* Third, check for a SYN. One with a FIN is none (security.md: no TCP sends it). */
    if (!(seg->flags & TCP_SYN))
        return V_DROP_TCP_NO_SYN;
    if (seg->flags & TCP_FIN)
        return V_DROP_TCP_SYN_FIN;
    return tcp_listen_syn(tcp, l, seg, iss_floor);
}

/* First, the sequence number (section 3.10.7.4), for a half-open connection. */
static enum verdict tcp_half_step1(struct tcp *tcp, struct tcp_half *h, const struct tcp_seg *seg)
{
    tcp_seq rcv_nxt = seq_add(h->irs, 1);
    uint32_t wnd = tcp_syn_window(tcp, h->listener->rcvbuf), len = tcp_seg_len(seg);

    if (tcp_tells(tcp))
        tcp_tell_now(
            tcp, &h->conn.id, "SYN-RECEIVED: first, check sequence number",
            "RCV.NXT {x} =< SEG.SEQ {y} < RCV.NXT+RCV.WND {z}, or its end is; the SYN again: "
            "the SYN,ACK again",
            "acceptable", (struct tcp_told){1, seq_dist(h->irs, seg->seq), 1 + wnd});
    if ((seg->flags & TCP_SYN) &&
        seq_eq(seg->seq, h->irs)) { /* the same SYN again: so the SYN,ACK */
        if (!(seg->flags & TCP_RST))
            tcp_half_due(tcp, h);
        h->has_ecn = h->has_ecn && tcp_ecn_is_asked(tcp, seg); /* the peer may have given it up */
        return V_DROP_TCP_DUPLICATE;
    }
    if (seq_within(seg->seq, rcv_nxt, wnd) ||
        (len > 0 && seq_within(seq_add(seg->seq, len - 1), rcv_nxt, wnd)))
        return V_NEXT;
    if (!(seg->flags & TCP_RST))
        tcp_half_due(tcp, h); /* an ACK is owed; ours is the SYN,ACK */
    return V_DROP_TCP_WINDOW;
}

/* Second, fourth: RST and SYN. */
static enum verdict tcp_half_step2(struct tcp *tcp, struct tcp_half *h, const struct tcp_seg *seg)
{
    tcp_tell(tcp, &h->conn.id, "SYN-RECEIVED: second and fourth, check RST and SYN",
             "a reset at RCV.NXT, or a SYN in the window, returns to LISTEN", "neither");
    if (seg->flags & TCP_RST) {
        if (!seq_eq(seg->seq, seq_add(h->irs, 1))) { /* RFC 5961 section 3.2 */
            tcp_half_due(tcp, h);
            return V_DROP_TCP_RST_CHALLENGED;
        }
        tcp_event(tcp, &h->conn, TCP_EV_CHILD_RST);
        tcp_half_free(tcp, h);
        return V_DONE;
    }
    if (seg->flags & TCP_SYN) { /* passive, so: return to LISTEN */
        tcp_event(tcp, &h->conn, TCP_EV_CHILD_SYN);
        tcp_half_free(tcp, h);
        return V_DONE;
    }
    return V_NEXT;
}

/* A segment for a half-open connection: RFC 9293 section 3.10.7.4, the parts for SYN-RECEIVED. */
enum verdict tcp_half_input(struct tcp *tcp, struct tcp_half *h, const struct tcp_seg *seg)
{
    struct tcp_listener *l = h->listener;
    enum verdict v = tcp_half_step1(tcp, h, seg);

    if (v != V_NEXT)
        return v;
    v = tcp_half_step2(tcp, h, seg);
    if (v != V_NEXT)
        return v;
    if (h->has_ts && (!seg->opt.has_ts || (int32_t)(seg->opt.tsval - h->ts_recent) < 0))
        return V_DROP_TCP_PAWS; /* RFC 7323 section 3.2, section 5.3 */

    /* Fifth, the ACK field. */
    if (tcp_tells(tcp))
        tcp_tell_now(tcp, &h->conn.id, "SYN-RECEIVED: fifth, check the ACK field",
                     "SEG.ACK {y} = ISS+1 {x}, or a reset; then the accept queue must have room",
                     "our SYN is acknowledged",
                     (struct tcp_told){1, seq_dist(h->iss, seg->ack), 0});
    if (!(seg->flags & TCP_ACK))
        return V_DROP_TCP_NO_ACK;
    if (!seq_eq(seg->ack, seq_add(h->iss, 1))) {
        tcp_reply_rst(tcp, seg);
        return V_DROP_TCP_BAD_ACK;
    }
    if (l->queued >= l->backlog) {
        l->queue_full++;
        tcp->stats.accept_full++;
        return V_DROP_TCP_ACCEPT_QUEUE;
    }
    if (!tcp_tcb_make_room(tcp)) {
        tcp->tcbs.exhausted++;
        return V_DROP_TCP_TCB_POOL;
    }
    struct tcp_half copy = *h;
    struct tcp_seg rest = *seg;

    tcp_half_free(tcp, h);
    struct tcb *t = tcp_child(tcp, l, &copy, TCP_EV_RCV_ACK_OF_SYN);

    NET_ASSERT(t != NULL);
    if (copy.sent == 1) { /* Karn: which of several SYN,ACKs would it be that is answered? */
        t->timed_valid = true;
        t->timed_seq = t->snd_nxt;
        t->timed_at = copy.syn_ack_sent;
    }
    return tcp_segment(t, &rest);
}

/* The SYN,ACK's timer. */
void tcp_half_tick(struct tcp *tcp, struct tcp_half *h)
{
    if (h->retries >= tcp->cfg.synack_retries) {
        tcp->stats.timed_out++;
        tcp_event(tcp, &h->conn, TCP_EV_TIMEOUT);
        tcp_half_free(tcp, h);
        return;
    }
    h->retries++;
    tcp_half_due(tcp, h);
    timer_arm(&tcp->wheel, &h->conn.timer,
              tcp->c->now +
                  net_time_min(tcp->cfg.rto_initial << u32_min(h->retries, 16), tcp->cfg.rto_max));
}

/* Send the SYN,ACK of the first entry that owes one. Return: false when no packet could be had. */
bool tcp_half_output(struct tcp *tcp, struct tcp_half *h)
{
    struct tcp_listener *l = h->listener;
    struct tcp_seg seg = {
        .seq = h->iss,
        .ack = seq_add(h->irs, 1),
        .flags = TCP_SYN | TCP_ACK | (h->has_ecn ? TCP_ECE : 0),
        .wnd = tcp_syn_window(tcp, l->rcvbuf),
        .opt = {.has_mss = true,
                .mss = tcp_offered_mss(tcp, &h->conn.id, l->maxseg),
                .has_sack_ok = h->has_sack,
                .has_ts = h->has_ts,
                .tsval = tcp_ts_now(tcp, &h->conn),
                .tsecr = h->ts_recent,
                .has_wscale = h->wscale != TCP_NO_WSCALE,
                .wscale = tcp_window_shift(tcp, l->rcvbuf)},
    };
    uint8_t cookie[TCP_FO_MAX];

    if (h->fo_offer)
        tcp_fo_offer(tcp, &h->conn.id, &seg.opt, cookie);
    struct pkt *p = tcp_build(tcp, &h->conn, &seg, l->tos, l->ttl);

    tcp_half_due_stop(tcp, h);
    if (p == NULL)
        return false;
    if (h->sent < UINT8_MAX)
        h->sent++;
    tcp->stats.syn_acks++;
    tcp_reply(tcp, p);
    return true;
}
