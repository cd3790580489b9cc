/*
 * tcp_status.c - STATUS (RFC 9293 section 3.10.6): what a user may know about a connection.
 */
#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_priv.h"

void tcp_status(const struct tcb *t, struct tcp_status *s)
{
    *s = (struct tcp_status){
        .id = t->conn.id,
        .state = tcp_state(t),
        .owner = t->ready.owner,
        .snd_queue = t->snd.len,
        .rcv_queue = t->rcv.len,
        .in_flight = tcp_in_flight(t),
        .snd_wnd = t->snd_wnd,
        .rcv_wnd = tcp_rcv_wnd(t),
        .cwnd = t->cwnd,
        .ssthresh = t->ssthresh,
        .mss = t->snd_mss,
        .pmtu = t->path.mtu,
        .mtu_low = t->path.searches ? t->path.low : 0,
        .mtu_high = t->path.searches ? t->path.high : 0,
        .sndbuf = t->sndbuf,
        .rcvbuf = t->rcvbuf,
        .rcv_space = t->rcvq.space,
        .rcv_rtt = t->rcvq.rtt,
        .quick_acks = t->quick_acks,
        .fo_data = t->fo_data_in || t->fo_data_out,
        .fo_cookie_sent = t->fo_tried,
        .snd_wnd_shift = t->snd_wnd_shift,
        .rcv_wnd_shift = t->rcv_wnd_shift,
        .srtt = t->srtt,
        .rttvar = t->rttvar,
        .rto = tcp_rto(t),
        .min_rtt = t->min_rtt == NET_NEVER ? 0 : t->min_rtt,
        .has_ts = t->has_ts,
        .has_sack = t->has_sack,
        .has_wscale = t->has_wscale,
        .has_ecn = t->has_ecn,
        .ecn_seen = t->ecn_seen,
        .ce_in = t->ce_in,
        .ece_in = t->ece_in,
        .ca_state = (enum tcp_ca_state)t->ca_state,
        .out_segs = t->board.out.segs,
        .sacked_segs = t->has_sack ? t->board.sacked.segs : t->dup_acks,
        .lost_segs = t->board.lost.segs,
        .rtx_segs_now = t->board.rtx.segs,
        .dsacks_in = t->dsacks_in,
        .undos = t->undos,
        .reordering = t->rack.reordering_seen,
        .delivered = t->delivered,
        .pacing_rate = t->pacing_rate,
        .cc = cc_by_index(t->cc)->name,
        .probes = t->probes_out,
        .urgent_in = tcp_urgent_left(t),
        .urgent_out = t->snd_urgent ? seq_dist(t->snd_una, t->snd_up) : 0,
        .soft_error = t->soft_error,
        .user_timeout = tcp_timer_end(t, 0) == NET_NEVER ? 0 : tcp_timer_end(t, 0),
        .backoff = t->backoff,
        .bytes_in = t->bytes_in,
        .bytes_out = t->bytes_out,
        .bytes_acked = t->bytes_acked,
        .segs_in = t->segs_in,
        .segs_out = t->segs_out,
        .rtx_segs = t->rtx_total,
        .rtx_bytes = t->rtx_bytes,
        .delivered_segs = t->delivered_segs,
    };
    s->timer = tcp_timer_name(t, &s->timer_left, &s->timer_tries);
}

static void tcp_conn_status(const struct tcp *tcp, const struct tcp_conn *c, const char *timer,
                            struct tcp_status *s)
{
    *s = (struct tcp_status){
        .id = c->id,
        .state = (enum tcp_state)c->state,
        .owner = READY_NOBODY,
        .cc = "",
        .timer = timer,
        .timer_left = c->timer.at - tcp->c->now,
    };
}

/* As if it did not rest. */
static void tcp_idle_status(const struct tcp *tcp, const struct tcp_idle *i, struct tcp_status *s)
{
    struct tcb t;

    tcp_idle_fill((struct tcp *)tcp, i, &t); /* which it does not change */
    tcp_status(&t, s);
}

/* All records hang in the table: @*at counts slots in its upper and members of a chain in its
 * lower part, so that a visit in between calls neither loses nor repeats more than it must. */
bool tcp_each(const struct tcp *tcp, uint32_t *at, struct tcp_status *s)
{
    uint32_t slot = *at >> 8, skip = *at & 0xff;

    for (; slot <= tcp->table.mask; slot++, skip = 0) {
        struct hash_node *n = tcp->table.slots[slot];

        for (uint32_t i = 0; n != NULL && i < skip; i++)
            n = n->next;
        if (n == NULL)
            continue;
        if (n->kind == TCP_CONN_FULL)
            tcp_status(container_of(n, struct tcb, conn.link), s);
        else if (n->kind == TCP_CONN_IDLE)
            tcp_idle_status(tcp, container_of(n, struct tcp_idle, link), s);
        else
            tcp_conn_status(tcp, tcp_conn_of(n), n->kind == TCP_CONN_TW ? "timewait" : "on", s);
        *at = slot << 8 | (skip + 1);
        return true;
    }
    *at = slot << 8;
    return false;
}
