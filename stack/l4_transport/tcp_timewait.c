/*
 * tcp_timewait.c - TIME-WAIT: 2 MSL of remembering (RFC 9293 section 3.6.1, MUST-13).
 *
 * A small entry keeps the four-tuple busy, acknowledges a FIN that comes again, and absorbs old
 * duplicates. It is ended early only where that is safe: by a SYN that cannot be an old duplicate
 * (RFC 6191: a later timestamp, or a sequence number above all that were used), never by a RST
 * (RFC 1337). If the pool is full the oldest entry goes.
 *
 * Answers are throttled to one per 100 ms and entry, unless a FIN asks: two entries that
 * acknowledge each other's ACKs would otherwise never stop.
 */
#include "l4_transport/tcp_tell.h"

static void tcp_tw_unlink(struct tcp *tcp, struct tcp_tw *w)
{
    LIST_REMOVE(tcp->tw_oldest, tcp->tw_newest, w, older, newer);
}

static void tcp_tw_link(struct tcp *tcp, struct tcp_tw *w)
{
    LIST_APPEND(tcp->tw_oldest, tcp->tw_newest, w, older, newer);
}

void tcp_tw_free(struct tcp *tcp, struct tcp_tw *w)
{
    if (w->is_due) {
        struct tcp_tw **at = &tcp->tw_due;

        while (*at != w)
            at = &(*at)->due_next;
        *at = w->due_next;
    }
    tcp_note_flush(tcp, &w->conn);
    timer_stop(&tcp->wheel, &w->conn.timer);
    tcp_conn_del(tcp, &w->conn);
    tcp_tw_unlink(tcp, w);
    NET_ASSERT(tcp->port_users[w->conn.id.lport] > 0);
    tcp->port_users[w->conn.id.lport]--;
    slab_free(&tcp->tws, w);
}

static void tcp_tw_due(struct tcp *tcp, struct tcp_tw *w)
{
    if (w->is_due)
        return;
    w->is_due = true;
    w->due_next = tcp->tw_due;
    tcp->tw_due = w;
}

/**
 * tcp_time_wait - the connection has just entered TIME-WAIT: an entry takes its place.
 *
 * The block is freed, unless the user still has bytes to read: then it stays as their container,
 * without timers and out of the table. An ACK that is owed goes with the entry.
 */
void tcp_time_wait(struct tcb *t)
{
    struct tcp *tcp = t->tcp;
    struct tcp_tw *w = slab_alloc(&tcp->tws);

    if (w == NULL) {
        tcp->stats.time_wait_evicted++;
        tcp_event(tcp, &tcp->tw_oldest->conn, TCP_EV_EVICTED);
        tcp_tw_free(tcp, tcp->tw_oldest);
        w = slab_alloc(&tcp->tws);
        NET_ASSERT(w != NULL);
    }
    *w = (struct tcp_tw){
        .conn = t->conn,
        .snd_nxt = t->snd_nxt,
        .rcv_nxt = t->rcv_nxt,
        .rcv_wnd = tcp_rcv_wnd(t) >> t->rcv_wnd_shift,
        .ts_recent = t->ts_recent,
        .last_tsval = tcp_ts_now(tcp, &t->conn),
        .has_ts = t->has_ts,
        .acked_at = INT64_MIN / 2,
    };
    w->conn.link.kind = TCP_CONN_TW;
    w->conn.timer = (struct timer){0};
    t->conn.noted_event = 0; /* moved along */
    tcp_conn_del(tcp, &t->conn);
    t->hashed = false;
    tcp_conn_add(tcp, &w->conn);
    tcp_tw_link(tcp, w);
    tcp->port_users[w->conn.id.lport]++;
    timer_arm(&tcp->wheel, &w->conn.timer, tcp->c->now + 2 * tcp->cfg.msl);
    if (t->ack_now || t->delack_at != NET_NEVER)
        tcp_tw_due(tcp, w);
    tcp_over(t);
}

/* May a new SYN from us use this four-tuple? With timestamps the peer can tell it from an old one,
 * provided that our clock has ticked. */
bool tcp_tw_reusable(const struct tcp *tcp, const struct tcp_tw *w)
{
    return tcp->cfg.time_wait_reuse && w->has_ts &&
           (int32_t)(tcp_ts_now(tcp, &w->conn) - w->last_tsval) >= 1000;
}

/* RFC 6191 section 2, for a SYN that came. */
static bool tcp_tw_syn_is_new(const struct tcp *tcp, const struct tcp_tw *w,
                              const struct tcp_seg *seg)
{
    if (!tcp->cfg.time_wait_reuse)
        return false;
    bool has_ts = seg->opt.has_ts && tcp->cfg.timestamps; /* of the new incarnation */

    if (has_ts && !w->has_ts)
        return true;
    if (has_ts) {
        int32_t later = (int32_t)(seg->opt.tsval - w->ts_recent);

        if (later != 0)
            return later > 0;
    }
    return seq_gt(seg->seq, w->rcv_nxt);
}

enum verdict tcp_tw_input(struct tcp *tcp, struct tcp_tw *w, const struct tcp_seg *seg)
{
    tcp_tell(
        tcp, &w->conn.id, "TIME-WAIT",
        "a reset is ignored (RFC 1337), a SYN that is newer opens again (RFC 6191), the FIN again "
        "is acknowledged and 2 MSL begin anew",
        "");
    if (seg->flags & TCP_RST)
        return V_DROP_TCP_RST_TIME_WAIT;
    struct tcp_listener *l = tcp_find_listener(tcp, seg->dst, seg->dst_port);

    if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) == TCP_SYN && l != NULL &&
        l->queued < l->backlog && tcp_tw_syn_is_new(tcp, w, seg)) {
        tcp_seq floor = seq_add(w->snd_nxt, 65537); /* above all that the old connection used */

        tcp->stats.time_wait_reused++;
        tcp_event(tcp, &w->conn, TCP_EV_REUSED);
        tcp_tw_free(tcp, w);
        return tcp_listen_input(tcp, l, seg, &floor);
    }
    bool is_fin = (seg->flags & (TCP_FIN | TCP_SYN)) == TCP_FIN &&
                  seq_eq(seq_add(seg->seq, tcp_seg_len(seg)), w->rcv_nxt); /* the peer's, again */

    if (is_fin) /* RFC 9293 section 3.10.7.4, eighth: acknowledge it, and start 2 MSL again */
        timer_arm(&tcp->wheel, &w->conn.timer, tcp->c->now + 2 * tcp->cfg.msl);
    if (tcp_seg_len(seg) == 0 && seq_eq(seg->seq, w->rcv_nxt) && !(seg->flags & TCP_SYN))
        return V_DROP_TCP_DUPLICATE; /* a plain ACK: nothing to say */
    if (is_fin || tcp->c->now - w->acked_at >= NET_MS(100))
        tcp_tw_due(tcp, w);
    return is_fin ? V_DONE : V_DROP_TCP_WINDOW;
}

void tcp_tw_tick(struct tcp *tcp, struct tcp_tw *w)
{
    tcp_event(tcp, &w->conn, TCP_EV_2MSL);
    tcp_tw_free(tcp, w);
}

/* Send the ACK that is owed. Return: false when no packet could be had. */
bool tcp_tw_output(struct tcp *tcp, struct tcp_tw *w)
{
    struct tcp_seg seg = {
        .seq = w->snd_nxt,
        .ack = w->rcv_nxt,
        .flags = TCP_ACK,
        .wnd = (uint16_t)u32_min(w->rcv_wnd, UINT16_MAX),
        .opt.has_ts = w->has_ts,
        .opt.tsval = tcp_ts_now(tcp, &w->conn),
        .opt.tsecr = w->ts_recent,
    };
    struct pkt *p = tcp_build(tcp, &w->conn, &seg, tcp->cfg.tos, tcp->cfg.ttl);

    w->is_due = false;
    tcp->tw_due = w->due_next;
    if (p == NULL)
        return false;
    w->last_tsval = seg.opt.tsval;
    w->acked_at = tcp->c->now;
    tcp_reply(tcp, p);
    return true;
}
