/*
 * tcp_status.c - STATUS (RFC 9293 section 3.10.6): what a user may know about a connection.
 */
#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_priv.h"

/* What it holds in memory, and what waits in it. */
static void tcp_status_memory(const struct tcb *t, struct tcp_status *s)
{
    tcp_seq end = tcp_data_end(t);

    s->not_sent = seq_lt(t->snd_nxt, end) ? seq_dist(t->snd_nxt, end) : 0;
    s->snd_lent = sendq_lent(&t->snd);
    s->snd_mem = t->snd.ring.cap;
    s->rcv_mem = recvq_mem(&t->rcv);
    s->mem = (uint32_t)(sizeof(*t) + (t->rare != NULL ? sizeof(*t->rare) : 0));
    s->ooo_ranges = tcp_reass_count(t);
    s->ooo_bytes = tcp_reass_bytes(t);
}

/* What has passed since, and what is yet to come. */
static void tcp_status_times(const struct tcb *t, struct tcp_status *s)
{
    const struct cc_ops *cc = cc_by_index(t->cc);
    net_time now = t->tcp->c->now;

    s->timer = tcp_timer_name(t, &s->timer_left, &s->timer_tries);
    s->timer_count = tcp_timer_list(t, s->timers);
    s->fact_count = cc->facts != NULL ? cc->facts(&t->cc_state, s->facts) : 0;
    s->ato = t->tcp->cfg.delack;
    s->last_snd = t->segs_out > 0 ? now - t->last_sent : 0;
    s->last_rcv = t->segs_in > 0 ? now - t->heard_at : 0;
}

/* Counters, words, numbers. */
static void tcp_status_more(const struct tcb *t, struct tcp_status *s)
{
    s->bytes_in = t->bytes_in;
    s->bytes_out = t->bytes_out;
    s->bytes_acked = t->bytes_acked;
    s->segs_in = t->segs_in;
    s->segs_out = t->segs_out;
    s->rtx_segs = tcp_rare(t)->rtx_total;
    s->rtx_bytes = tcp_rare(t)->rtx_bytes;
    s->delivered_segs = t->delivered_segs;
    s->adv_mss = t->rcv_mss;
    s->peer_mss = t->peer_mss;
    s->dup_in = tcp_rare(t)->dup_in;
    s->reo_window = t->rack.reo_mult;
    s->nodelay = t->nodelay;
    s->corked = t->corked;
    s->app_limited = t->app_limited != 0;
    s->is_orphan = t->detached;
    s->in_accept_queue = t->in_accept_queue;
    s->snd_una = t->snd_una;
    s->snd_nxt = t->snd_nxt;
    s->rcv_nxt = t->rcv_nxt;
    s->iss = t->iss;
    s->irs = t->irs;
    s->ts_recent = t->ts_recent;
}

void tcp_status(const struct tcb *t, struct tcp_status *s)
{
    *s = (struct tcp_status){
        .id = t->conn.id,
        .state = tcp_state(t),
        .owner = t->ready.owner,
        .snd_queue = sendq_len(&t->snd),
        .rcv_queue = recvq_len(&t->rcv),
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
        .ce_in = tcp_rare(t)->ce_in,
        .ece_in = tcp_rare(t)->ece_in,
        .ca_state = (enum tcp_ca_state)t->ca_state,
        .out_segs = t->board.out.segs,
        .sacked_segs = t->has_sack ? t->board.sacked.segs : t->dup_acks,
        .lost_segs = t->board.lost.segs,
        .rtx_segs_now = t->board.rtx.segs,
        .dsacks_in = tcp_rare(t)->dsacks_in,
        .undos = tcp_rare(t)->undos,
        .reordering = t->rack.reordering_seen,
        .delivered = t->delivered,
        .delivery_rate = (uint64_t)t->delivery_rate * TCP_RATE_UNIT,
        .rate_is_app_limited = t->rate_is_app_limited,
        .pacing_rate = t->pacing_rate,
        .cc = cc_by_index(t->cc)->name,
        .probes = t->probes_out,
        .urgent_in = tcp_urgent_left(t),
        .urgent_out = t->snd_urgent ? seq_dist(t->snd_una, tcp_rare(t)->snd_up) : 0,
        .soft_error = t->soft_error,
        .user_timeout = tcp_timer_end(t, 0) == NET_NEVER ? 0 : tcp_timer_end(t, 0),
        .backoff = t->backoff,
    };
    tcp_status_more(t, s);
    tcp_status_memory(t, s);
    tcp_status_times(t, s);
}

static void tcp_conn_status(const struct tcp *tcp, const struct tcp_conn *c, struct tcp_status *s)
{
    bool is_half = c->link.kind == TCP_CONN_HALF;
    const struct tcp_half *h = container_of((uintptr_t)c, const struct tcp_half, conn);

    *s = (struct tcp_status){
        .id = c->id,
        .state = (enum tcp_state)c->state,
        .owner = READY_NOBODY,
        .timer = is_half ? "on" : "timewait",
        .timer_left = c->timer.at - tcp->c->now,
        .timer_tries = is_half ? h->retries : 0,
        .mem = is_half ? sizeof(struct tcp_half) : sizeof(struct tcp_tw),
    };
}

/* As if it did not rest. */
static void tcp_idle_status(const struct tcp *tcp, const struct tcp_idle *i, struct tcp_status *s)
{
    struct tcp_rare rare;
    struct tcb t;

    tcp_idle_fill((struct tcp *)tcp, i, &t, &rare); /* which it does not change */
    tcp_status(&t, s);
    s->is_packed = true;
    s->mem = (uint32_t)tcp_idle_size(i);
}

static void tcp_node_status(const struct tcp *tcp, struct hash_node *n, struct tcp_status *s)
{
    if (n->kind == TCP_CONN_FULL)
        tcp_status(container_of(n, struct tcb, conn.link), s);
    else if (n->kind == TCP_CONN_IDLE)
        tcp_idle_status(tcp, container_of(n, struct tcp_idle, link), s);
    else
        tcp_conn_status(tcp, tcp_conn_of(n), s);
}

/* All records hang in the table: @*at counts slots in its upper and members of a chain in its
 * lower part, so that a visit in between calls neither loses nor repeats more than it must. At most
 * @steps slots. */
static struct hash_node *tcp_each_node(const struct tcp *tcp, uint32_t *at, uint32_t steps)
{
    uint32_t slot = *at >> 8, skip = *at & 0xff;

    for (; slot <= tcp->table.mask && steps > 0; slot++, skip = 0, steps--) {
        struct hash_node *n = tcp->table.slots[slot];

        for (uint32_t i = 0; n != NULL && i < skip; i++)
            n = n->next;
        if (n == NULL)
            continue;
        *at = slot << 8 | (skip + 1);
        return n;
    }
    *at = slot << 8;
    return NULL;
}

bool tcp_each(const struct tcp *tcp, uint32_t *at, struct tcp_status *s)
{
    struct hash_node *n = tcp_each_node(tcp, at, UINT32_MAX);

    if (n != NULL)
        tcp_node_status(tcp, n, s);
    return n != NULL;
}

bool tcp_each_id(const struct tcp *tcp, uint32_t *at, uint32_t steps, struct tcp_id *id,
                 enum tcp_state *state)
{
    struct hash_node *n = tcp_each_node(tcp, at, steps);

    if (n == NULL) {
        if (*at >> 8 > tcp->table.mask)
            *at = UINT32_MAX;
        return false;
    }
    if (n->kind == TCP_CONN_IDLE) {
        const struct tcp_idle *i = container_of(n, struct tcp_idle, link);

        *id = tcp_idle_id(i);
        *state = tcp_idle_state(i);
    } else {
        *id = tcp_conn_of(n)->id;
        *state = (enum tcp_state)tcp_conn_of(n)->state;
    }
    return true;
}

bool tcp_status_of(const struct tcp *tcp, const struct tcp_id *id, struct tcp_status *s)
{
    struct hash_node *n = tcp_find_any(tcp, id);

    if (n != NULL)
        tcp_node_status(tcp, n, s);
    return n != NULL;
}
