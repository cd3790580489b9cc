/*
 * tcp_user.c - the user's calls: OPEN, SEND, RECEIVE, CLOSE, ABORT, STATUS (RFC 9293 section
 * 3.10.1-6).
 *
 * No call sends: it changes the block and puts it on the list of those with output due. The user of
 * a block (the session layer) learns of news through the host's ready list.
 */
#include <errno.h>

#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_next.h"

void tcp_config_default(struct tcp_config *cfg)
{
    *cfg = (struct tcp_config){
        .connections = 16384,
        .idle = 131072,
        .full_idle = 256,
        .half_open = 1024,
        .time_wait = 32768,
        .listeners = 256,
        .backlog = 128,
        .syn_policy = TCP_SYN_COOKIES,
        .sndbuf = 512 * 1024,
        .rcvbuf = 256 * 1024,
        .sndbuf_max = UINT16_MAX << 8, /* what the usual window scale can express */
        .rcvbuf_max = UINT16_MAX << 8,
        .moderate_rcvbuf = true,
        .quick_acks = 16,
        .fastopen_rotate = NET_SEC(3600),
        .fastopen_blackhole = NET_SEC(3600),
        .fastopen_pending = 1024,
        .fastopen_cache = 256,
        .msl = NET_SEC(30),
        .rto_min = NET_MS(200),
        .rto_max = NET_SEC(120),
        .rto_initial = NET_SEC(1),
        .delack = NET_MS(40),
        .syn_retries = 7,
        .synack_retries = 5,
        .retries1 = 3,
        .retries2 = 15,
        .fin_wait_2 = NET_SEC(60),
        .keep_idle = NET_SEC(7200),
        .keep_interval = NET_SEC(75),
        .keep_count = 9,
        .orphan = NET_SEC(120),
        .orphan_max = NET_SEC(600),
        .mss_min = 88,
        .base_mss = 1024,
        .challenge_acks = 10,
        .timestamps = true,
        .window_scaling = true,
        .sack = true,
        .dsack = true,
        .ecn = TCP_ECN_ACCEPT,
        .rack = true,
        .tlp = true,
        .prr = true,
        .frto = true,
        .undo = true,
        .limited_transmit = true,
        .sent_records = 65536,
        .lent_records = 16384,
        .kept_packets = 32,
        .kept_burst = 192 << 10, /* three quarters of PORT_BATCH_BYTES */
        .time_wait_reuse = true,
        .oob_inline = true,
        .port_min = 32768,
        .port_max = 60999,
        .initial_cwnd = 10,
        .cc_options = {true, true, true, true},
        .ttl = 64,
    };
}

void tcp_cut(struct tcp *tcp, const struct tcp_config *cfg, struct region *r)
{
    *tcp = (struct tcp){.cfg = *cfg};
    slab_cut(&tcp->tcbs, r, sizeof(struct tcb), cfg->connections);
    slab_cut(&tcp->halves, r, sizeof(struct tcp_half), cfg->half_open);
    slab_cut(&tcp->tws, r, sizeof(struct tcp_tw), cfg->time_wait);
    slab_cut(&tcp->idles, r, sizeof(struct tcp_idle), cfg->idle);
    slab_cut(&tcp->idle_larges, r, sizeof(struct tcp_idle_large), cfg->idle);
    slab_cut(&tcp->idle_models, r, sizeof(struct tcp_idle_model), cfg->idle);
    slab_cut(&tcp->listener_pool, r, sizeof(struct tcp_listener), cfg->listeners);
    slab_cut(&tcp->rares, r, sizeof(struct tcp_rare), cfg->connections);
    slab_cut(&tcp->hole_pool, r, TCP_HOLE_LIST_SIZE, cfg->connections);
    slab_cut(&tcp->sent_pool, r, sizeof(struct tcp_sent), cfg->sent_records);
    slab_cut(&tcp->lent_pool, r, SENDQ_RECORD, cfg->lent_records);
    recvq_cut(&tcp->kept, r, cfg->kept_packets);
    tcp_fo_cut(&tcp->fo, cfg, r);
    hash_cut(&tcp->table, r,
             u32_max(cfg->connections, cfg->idle) + cfg->half_open + cfg->time_wait);
    hash_cut(&tcp->listeners, r, cfg->listeners);
    tcp->port_users = region_cut(r, 65536 * sizeof(tcp->port_users[0]), 64);
}

void tcp_init(struct tcp *tcp, struct core *c, struct ip_layer *ip)
{
    struct siphash_key *const keys[] = {&tcp->isn_key, &tcp->port_key, &tcp->ts_key,
                                        &tcp->cookie_key};

    NET_ASSERT(tcp->cfg.time_wait > 0 && tcp->cfg.port_min <= tcp->cfg.port_max);
    tcp->cfg.sndbuf = u32_min(tcp->cfg.sndbuf, buddy_largest(&c->bufs));
    tcp->cfg.rcvbuf = u32_min(tcp->cfg.rcvbuf, buddy_largest(&c->bufs));
    tcp->c = c;
    tcp->ip = ip;
    tcp->cookie_sent = INT64_MIN / 2;
    timer_wheel_init(&tcp->wheel, c->now);
    timer_wheel_init(&tcp->idle_wheel, c->now);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        *keys[i] = (struct siphash_key){prng_u64(&c->prng), prng_u64(&c->prng)};
    for (size_t i = 0; i < ARRAY_LEN(tcp->port_next); i++)
        tcp->port_next[i] = (uint16_t)prng_u32(&c->prng);
}

/* ---- OPEN, section 3.10.1 ---- */

int tcp_open_passive(struct tcp *tcp, const struct tcp_open *o, struct tcp_listener **out)
{
    if (o->lport == 0)
        return -EINVAL;
    if (!ip_addr_is_any(o->local) && !ip_is_local(tcp->ip, o->local))
        return -EADDRNOTAVAIL;
    if (tcp_port_in_use(tcp, o->local, o->lport, o->reuse))
        return -EADDRINUSE;
    struct tcp_listener *l = slab_alloc(&tcp->listener_pool);

    if (l == NULL)
        return -ENOBUFS;
    *l = (struct tcp_listener){
        .conn = {.id = {.local = o->local, .lport = o->lport}, .state = TCP_CLOSED},
        .tcp = tcp,
        .ready.owner = o->owner,
        .tos = o->tos,
        .ttl = o->ttl,
        .nodelay = o->nodelay,
        .oob_inline = o->oob_inline,
        .cc = o->cc,
        .maxseg = o->maxseg,
        .sndbuf = o->sndbuf,
        .rcvbuf = o->rcvbuf,
        .patience = o->patience,
        .backlog = o->backlog != 0 ? o->backlog : tcp->cfg.backlog,
        .fo_qlen = o->fo_qlen,
    };
    hash_add(&tcp->listeners, &l->conn.link, o->lport);
    tcp_event(tcp, &l->conn, TCP_EV_OPEN_PASSIVE);
    *out = l;
    return 0;
}

/* Sizes that the user has set, 0: not; such a one does not grow by itself. */
void tcp_set_bufs(struct tcb *t, uint32_t sndbuf, uint32_t rcvbuf)
{
    if (sndbuf != 0) {
        t->sndbuf = sndbuf;
        t->sndbuf_set = true;
    }
    if (rcvbuf != 0) {
        t->rcvbuf = rcvbuf;
        t->rcvbuf_set = true;
    }
}

/* What the user asked for, over the host's defaults. */
static void tcp_apply(struct tcb *t, const struct tcp_open *o)
{
    tcp_set_bufs(t, o->sndbuf, o->rcvbuf);
    if (o->ttl != 0)
        t->ttl = o->ttl;
    if (o->cc != 0xff && cc_by_index(o->cc) != NULL)
        t->cc = o->cc;
    if (o->tos != 0)
        t->tos = o->tos;
    t->nodelay = t->nodelay || o->nodelay;
    t->patience = o->patience;
    t->oob_inline = o->oob_inline;
}

/* The smallest shift that lets the window field express the whole buffer, also what it may grow to, at
 * least the 8 that packetdrill scripts expect of us (design.md section 4). @rcvbuf 0: the default. */
uint8_t tcp_window_shift(const struct tcp *tcp, uint32_t rcvbuf)
{
    uint32_t most = tcp_rcvbuf_most(tcp, rcvbuf);
    uint8_t shift = 8;

    if (!tcp->cfg.window_scaling)
        return 0;
    while (shift < TCP_WSCALE_MAX && (most >> shift) > UINT16_MAX)
        shift++;
    return shift;
}

int tcp_open_active(struct tcp *tcp, const struct tcp_open *o, struct tcb **out)
{
    struct tcp_id id = {o->local, o->remote, o->lport, o->rport};
    struct ip_path path;
    int err = ip_route(tcp->ip, o->remote, o->local, &path);

    if (err < 0)
        return err;
    if (o->rport == 0 || path.cast != CAST_UNICAST || ip_addr_is_any(o->remote)) /* MUST-46 */
        return -EINVAL;
    id.local = path.src; /* MUST-44 */
    err = tcp_port_choose(tcp, &id);
    if (err < 0)
        return err;
    struct tcb *t = tcp_tcb_new(tcp, &id);

    if (t == NULL)
        return -ENOBUFS;
    tcp_apply(t, o);
    t->ready.owner = o->owner;
    t->rcv_mss = tcp_offered_mss(tcp, &id, o->maxseg);
    t->rcv_wnd_shift = tcp_window_shift(tcp, o->rcvbuf);
    t->has_ts = tcp->cfg.timestamps;
    t->has_wscale = tcp->cfg.window_scaling;
    t->has_sack = tcp->cfg.sack;
    t->iss = tcp_iss(tcp, &id);
    t->snd_una = t->snd_nxt = t->iss;
    tcp->stats.opened_active++;
    t->fo_wanted = o->fastopen && (tcp->cfg.fastopen & TCP_FO_CLIENT);
    t->fo_deferred = t->fo_wanted && o->defer && tcp_fo_ready(tcp, &id);
    tcp_event(tcp, &t->conn, TCP_EV_OPEN_ACTIVE);
    if (!t->fo_deferred)
        tcp_due(t);
    *out = t;
    return 0;
}

struct tcb *tcp_accept(struct tcp_listener *l, uint32_t owner)
{
    struct tcb *t = l->first;

    if (t == NULL)
        return NULL;
    l->first = t->queue_next;
    if (l->first == NULL)
        l->last = NULL;
    l->queued--;
    l->accepted++;
    t->queue_next = NULL;
    t->in_accept_queue = false;
    t->ready.owner = owner;
    tcp_trace_queue(l->tcp, &t->conn, "accept", l->queued, l->backlog);
    if (tcp_readable(t))
        tcp_wake(t);
    return t;
}

void tcp_listen_close(struct tcp_listener *l)
{
    struct tcp *tcp = l->tcp;
    struct tcb *t;

    for (struct tcp_half *h = tcp->half_oldest, *next; h != NULL; h = next) {
        next = h->newer;
        if (h->listener == l) {
            tcp_event(tcp, &h->conn, TCP_EV_ABORT);
            tcp_half_free(tcp, h);
        }
    }
    while ((t = tcp_accept(l, READY_NOBODY)) != NULL)
        tcp_abort(t);
    tcp_fo_listener_gone(tcp, l);
    tcp_event(tcp, &l->conn, TCP_EV_DELETE);
    ready_del(&l->ready);
    hash_del(&tcp->listeners, &l->conn.link);
    slab_free(&tcp->listener_pool, l);
}

/* ---- SEND, section 3.10.2 ---- */

/* Return: bytes of room, or why nothing can be sent. */
static int tcp_send_room(struct tcb *t)
{
    if (t->error != 0)
        return -tcp_take_error(t);
    switch (tcp_state(t)) {
    case TCP_SYN_SENT:
    case TCP_SYN_RCVD:
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
        break;
    default:
        return -EPIPE;
    }
    if (t->fin_queued)
        return -EPIPE;
    if (sendq_len(&t->snd) >= t->sndbuf)
        return -EAGAIN;
    return (int)(t->sndbuf - sendq_len(&t->snd));
}

/* The arena is exhausted. No ACK need be on its way that would wake the user, and "writable" would
 * have him spin: so he is told again a moment later. */
static int tcp_send_starved(struct tcb *t)
{
    t->starved = true;
    tcp_timer_retry(t);
    return -EAGAIN;
}

int tcp_send_reserve(struct tcb *t, size_t want, struct mspan *out)
{
    int room = tcp_send_room(t);

    if (room < 0)
        return room;
    *out = sendq_room(&t->snd, &t->tcp->c->bufs, (uint32_t)size_min(want, (size_t)room));
    if (out->len == 0 && want > 0)
        return tcp_send_starved(t);
    return (int)out->len;
}

/* The queue has got @len bytes more. */
static void tcp_send_taken(struct tcb *t, uint32_t len, bool more)
{
    if (t->fo_deferred) { /* the SYN that waited for data, or for the user to say that there are none */
        t->fo_deferred = false;
        tcp_due(t);
    }
    if (len == 0)
        return;
    t->more = more || t->corked;
    t->bytes_out += len;
    if (sendq_len(&t->snd) == len) /* was empty: perhaps idle for long (RFC 5681 section 4.1) */
        if (tcp_in_flight(t) == 0 && tcp_state(t) >= TCP_ESTABLISHED)
            tcp_recovery_idle(t, t->tcp->c->now - t->last_sent);
    tcp_due(t);
}

int tcp_send_commit(struct tcb *t, size_t len, bool more)
{
    sendq_commit(&t->snd, (uint32_t)len);
    tcp_send_taken(t, (uint32_t)len, more);
    return 0;
}

int tcp_send(struct tcb *t, const uint8_t *bytes, size_t len, bool more)
{
    int room = tcp_send_room(t);

    if (room < 0)
        return room;
    uint32_t want = (uint32_t)size_min(len, (size_t)room);
    uint32_t n = sendq_write(&t->snd, &t->tcp->c->bufs, bytes, want);

    if (n == 0 && len > 0)
        return tcp_send_starved(t);
    tcp_send_taken(t, n, more || n < len);
    return (int)n;
}

int tcp_send_ref(struct tcb *t, const struct lent *what, bool more)
{
    int room = tcp_send_room(t);

    if (room < 0)
        return room;
    if (what->bytes.len == 0 || what->bytes.len > SENDQ_LENT_MAX)
        return what->bytes.len == 0 ? 0 : -EMSGSIZE;
    if (!sendq_lend(&t->snd, &t->tcp->lent_pool, what))
        return -ENOBUFS;
    tcp_send_taken(t, (uint32_t)what->bytes.len, more);
    return (int)what->bytes.len;
}

void tcp_nodelay(struct tcb *t, bool on)
{
    t->nodelay = on;
    if (on && t->hashed && sendq_len(&t->snd) > 0)
        tcp_due(t);
}

void tcp_cork(struct tcb *t, bool on)
{
    t->corked = t->more = on;
    if (!on && t->hashed && sendq_len(&t->snd) > 0)
        tcp_due(t);
}

void tcp_quickack(struct tcb *t, bool on)
{
    t->quick_acks = on ? t->tcp->cfg.quick_acks : 0;
    if (on && t->delayed > 0 && t->hashed) {
        t->ack_now = true;
        tcp_due(t);
    }
}

/* ---- RECEIVE, section 3.10.3 ---- */

/* Nothing can be read: is that for now, or for ever? */
static int tcp_recv_nothing(struct tcb *t)
{
    if (t->error != 0)
        return -tcp_take_error(t);
    if (t->fin_received || t->rcv_shut)
        return 0;
    switch (tcp_state(t)) {
    case TCP_CLOSED:
    case TCP_LAST_ACK:
    case TCP_CLOSING:
    case TCP_TIME_WAIT:
        return 0;
    default:
        return -EAGAIN;
    }
}

/* The first two pieces of @len bytes from offset @skip on. Return: whether they are all. */
static bool tcp_recv_look(const struct tcb *t, uint32_t skip, uint32_t len, struct span out[2])
{
    out[0] = recvq_span(&t->rcv, skip, len);
    uint32_t first = (uint32_t)out[0].len;

    out[1] = recvq_span(&t->rcv, skip + first, len - first);
    return first + out[1].len == len;
}

int tcp_recv_peek(struct tcb *t, struct span out[2])
{
    out[0] = out[1] = (struct span){NULL, 0};
    uint32_t skip, len = tcp_urgent_readable(t, &skip);

    if (len == 0)
        return tcp_recv_nothing(t);
    if (tcp_recv_look(t, skip, len, out))
        return (int)len;
    /* There are more packets behind. Who has seen as much before and taken nothing of it needs more at a
     * time than lies in two of them. */
    if (recvq_was_seen(&t->rcv) && tcp_reass_fold(t))
        tcp_recv_look(t, skip, len, out);
    return (int)len;
}

int tcp_recv_copy(struct tcb *t, uint8_t *bytes, size_t len)
{
    uint32_t skip, all = tcp_urgent_readable(t, &skip);

    if (all == 0)
        return tcp_recv_nothing(t);
    len = size_min(size_min(len, tcp_urgent_stop(t)), all);
    recvq_read(&t->rcv, skip, bytes, (uint32_t)len);
    return (int)len;
}

void tcp_recv_consume(struct tcb *t, size_t len)
{
    uint32_t skip, room = tcp_urgent_readable(t, &skip);

    NET_ASSERT(len <= room);
    if (len > 0)
        tcp_recv_take(t, (uint32_t)len + skip);
}

/* @len bytes leave the receive ring. */
void tcp_recv_take(struct tcb *t, uint32_t len)
{
    if (len == 0)
        return;
    recvq_consume(&t->rcv, &t->tcp->kept, len);
    tcp_urgent_read(t);
    if (t->rcv.ring.len == 0 && t->ooo == NULL)
        ring_release(&t->rcv.ring, &t->tcp->c->bufs);
    if (!t->hashed || t->fin_received)
        return;
    tcp_rcvbuf_read(t);
    struct tcp_next_gain g = tcp_next_gain(t);

    if (tcp_next_is_update(t, &g)) {
        t->ack_now = true;
        tcp_due(t);
    }
}

/* ---- CLOSE, section 3.10.4; ABORT, section 3.10.5 ---- */

int tcp_shutdown_send(struct tcb *t)
{
    switch (tcp_state(t)) {
    case TCP_SYN_SENT:
    case TCP_CLOSED:
        return -ENOTCONN;
    case TCP_SYN_RCVD:
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
        t->fin_queued = true;
        tcp_event(t->tcp, &t->conn, TCP_EV_CLOSE);
        tcp_due(t);
        return 0;
    default:
        return 0; /* done already */
    }
}

void tcp_shutdown_recv(struct tcb *t)
{
    t->rcv_shut = true;
    tcp_recv_take(t, recvq_len(&t->rcv));
    t->rcv_urgent = false;
    tcp_wake(t);
}

void tcp_close(struct tcb *t, net_time linger)
{
    bool unread = recvq_len(&t->rcv) > tcp_urgent_fetched(t);

    tcp_detach(t);
    if (!t->hashed) { /* the protocol let go before */
        tcp_tcb_free(t);
        return;
    }
    if (tcp_state(t) == TCP_SYN_SENT) {
        tcp_event(t->tcp, &t->conn, TCP_EV_DELETE);
        tcp_tcb_free(t);
        return;
    }
    if (unread && !t->rcv_shut) { /* RFC 2525 section 2.17: data are lost, so the peer must know */
        tcp_fail(t, TCP_EV_ABORT, 0);
        return;
    }
    tcp_shutdown_send(t);
    t->lingers = linger != NET_NEVER;
    if (tcp_state(t) == TCP_FIN_WAIT_2)
        tcp_timer_orphan(t, t->tcp->cfg.fin_wait_2);
    else
        tcp_timer_orphan(t, t->lingers ? linger : t->tcp->cfg.orphan);
}

void tcp_abort(struct tcb *t)
{
    tcp_detach(t);
    if (t->hashed)
        tcp_fail(t, TCP_EV_ABORT, 0);
    else
        tcp_tcb_free(t);
}

/* ---- STATUS, section 3.10.6 ---- */

bool tcp_readable(const struct tcb *t)
{
    uint32_t skip;

    return tcp_urgent_readable(t, &skip) > 0 || t->error != 0 || t->fin_received || t->rcv_shut ||
           tcp_state(t) == TCP_CLOSED;
}

bool tcp_writable(const struct tcb *t)
{
    enum tcp_state s = tcp_state(t);

    if (t->error != 0 || s == TCP_CLOSED)
        return true;
    if ((s == TCP_SYN_SENT && !t->fo_deferred) || (s == TCP_SYN_RCVD && !t->is_passive))
        return false;
    return t->fin_queued || (!t->starved && sendq_len(&t->snd) < t->sndbuf - t->sndbuf / 4);
}

bool tcp_is_over(const struct tcb *t)
{
    enum tcp_state s = tcp_state(t);

    return s == TCP_CLOSED || (t->fin_received && t->fin_queued);
}

int tcp_take_error(struct tcb *t)
{
    int error = t->error;

    t->error = 0;
    return error;
}
