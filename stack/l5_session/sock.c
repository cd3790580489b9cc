/*
 * sock.c - BSD-like calls: which call means what to which protocol, and the errors they end with.
 *
 * A socket is a record of half a cache line in a pool; its number is its place there, so a call
 * finds it without a search, and the number freed last is the next to be given out. What the user of
 * a TCP socket asks for before it is connected or put to listening (address, options) stands in a
 * record apart, since few sockets are in that state at any time; afterwards the socket points to the
 * connection block or the listener, and the options live there. A UDP socket has its record in udp.c
 * from the start.
 *
 * Closing frees the record at once. A connection goes on without an owner until its own end
 * (RFC 9293 section 3.6); it cannot find the number's next user, since its `ready` loses the owner.
 *
 * Errors are those of Linux, as negative numbers. An error that came from the network (a reset, an
 * ICMP message, a timeout) is pending until one call has reported it; SOCK_OPT_ERROR also takes it.
 *
 * What is different: nothing ever waits; a TCP port is reserved by listen and connect, bind only
 * checks that it is free; a UDP call never meets a full send buffer, since datagrams do not wait
 * here (-ENOBUFS means that the host's packets are all in use).
 */
#include <errno.h>

#include "l5_session/sock_priv.h"

size_t socks_size(void)
{
    return sizeof(struct socks);
}

void socks_cut(struct socks *s, const struct socks_config *cfg, struct region *r)
{
    struct socks measured = {0};

    if (s == NULL)
        s = &measured;
    s->set_count = u32_min(cfg->polls, SOCK_SET_MAX);
    slab_cut(&s->slab, r, sizeof(struct sock), u32_min(cfg->sockets, INT32_MAX));
    slab_cut(&s->wishes, r, sizeof(struct sock_wish), s->slab.count);
    s->sets = region_cut(r, s->set_count * sizeof(s->sets[0]), 64);
}

/* TCP tells that a connection was packed, or unpacked. */
static void sock_moved(void *ctx, uint32_t owner, struct tcb *t, struct tcp_idle *idle)
{
    struct sock *k = sock_at(ctx, (int)owner);

    NET_ASSERT(k != NULL && (k->state == SOCK_TCP_CONN || k->state == SOCK_TCP_IDLE));
    k->state = t != NULL ? SOCK_TCP_CONN : SOCK_TCP_IDLE;
    if (t != NULL)
        k->as.t = t;
    else
        k->as.idle = idle;
}

static void sock_ahead(void *ctx, uint32_t owner)
{
    const struct socks *s = ctx;

    if (owner < s->slab.frontier)
        __builtin_prefetch(slab_at(&s->slab, owner), 1);
}

void socks_init(struct socks *s, struct core *c, struct tcp *tcp, struct udp *udp)
{
    s->c = c;
    s->tcp = tcp;
    s->udp = udp;
    tcp->moved = sock_moved;
    tcp->ahead = sock_ahead;
    tcp->moved_ctx = s;
}

/* ---- life and death ---- */

static struct sock *sock_new(struct socks *s, enum sock_state state)
{
    struct sock *k = slab_alloc(&s->slab);

    if (k != NULL)
        *k = (struct sock){.state = (uint8_t)state, .linger = SOCK_LINGER_OFF};
    return k;
}

/* What was wished for has been handed over, or nobody wants it any more. */
static void sock_wish_free(struct socks *s, struct sock *k)
{
    slab_free(&s->wishes, k->as.w);
    k->as.w = NULL;
}

static void sock_free(struct socks *s, struct sock *k)
{
    poll_forget(s, k);
    if (k->state == SOCK_TCP_NEW)
        sock_wish_free(s, k);
    k->state = SOCK_FREE;
    slab_free(&s->slab, k);
}

int sock_open(struct socks *s, enum sock_kind kind)
{
    struct sock *k = sock_new(s, kind == SOCK_KIND_TCP ? SOCK_TCP_NEW : SOCK_UDP);

    if (k == NULL)
        return -EMFILE;
    uint32_t sd = slab_index(&s->slab, k);

    if (kind == SOCK_KIND_TCP) {
        k->as.w = slab_alloc(&s->wishes);
        NET_ASSERT(k->as.w != NULL);
        *k->as.w = (struct sock_wish){.cc = 0xff,
                                      .oob_inline = s->tcp->cfg.oob_inline,
                                      .patience.keepalive = s->tcp->cfg.keepalive};
    } else {
        k->as.u = udp_open(s->udp, sd);
        if (k->as.u == NULL) {
            sock_free(s, k);
            return -EMFILE;
        }
    }
    return (int)sd;
}

/* The user leaves @k; @abort: with a reset, and now. */
static int sock_leave(struct socks *s, struct sock *k, bool abort)
{
    struct tcb *t;

    abort = abort || k->linger == 0;
    if (k->state == SOCK_TCP_IDLE && !abort) /* a FIN wants a block */
        sock_awake(s, (int)slab_index(&s->slab, k));
    switch (k->state) {
    case SOCK_UDP:
        udp_close(k->as.u);
        break;
    case SOCK_TCP_LISTEN:
        ready_del(&k->as.l->ready);
        k->as.l->ready.owner = READY_NOBODY;
        tcp_listen_close(k->as.l);
        break;
    case SOCK_TCP_CONN:
        t = k->as.t;
        ready_del(&t->ready);
        t->ready.owner = READY_NOBODY;
        if (abort)
            tcp_abort(t);
        else
            tcp_close(t, k->linger < 0 ? NET_NEVER : NET_SEC(k->linger));
        break;
    case SOCK_TCP_IDLE: /* also where there is no block left for a FIN */
        tcp_idle_abort(s->tcp, k->as.idle);
        break;
    default: /* nobody but us knows of it */
        break;
    }
    sock_free(s, k);
    return 0;
}

int sock_close(struct socks *s, int sd)
{
    struct sock *k = sock_at(s, sd);

    return k == NULL ? -EBADF : sock_leave(s, k, false);
}

int sock_abort(struct socks *s, int sd)
{
    struct sock *k = sock_at(s, sd);

    return k == NULL ? -EBADF : sock_leave(s, k, true);
}

/* ---- names ---- */

static int sock_bind_tcp(struct socks *s, struct sock *k, const struct sock_addr *a)
{
    const struct tcp_config *cfg = &s->tcp->cfg;
    uint16_t port = a->port;

    if (k->state != SOCK_TCP_NEW || k->as.w->bound)
        return -EINVAL;
    if (!ip_addr_is_any(a->ip) && !ip_is_local(s->tcp->ip, a->ip))
        return -EADDRNOTAVAIL;
    if (port != 0 && tcp_port_in_use(s->tcp, a->ip, port, k->reuse))
        return -EADDRINUSE;
    if (port == 0) { /* RFC 6056, algorithm 1 */
        uint32_t count = (uint32_t)(cfg->port_max - cfg->port_min) + 1;
        uint32_t start = prng_below(&s->c->prng, count);

        for (uint32_t i = 0; i < count && port == 0; i++) {
            uint16_t p = (uint16_t)(cfg->port_min + (start + i) % count);

            if (!tcp_port_in_use(s->tcp, a->ip, p, false))
                port = p;
        }
        if (port == 0)
            return -EADDRINUSE;
    }
    k->as.w->ip = a->ip;
    k->as.w->port = port;
    k->as.w->bound = true;
    return 0;
}

int sock_bind(struct socks *s, int sd, const struct sock_addr *a)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    return k->state == SOCK_UDP ? udp_bind(k->as.u, a->ip, a->port) : sock_bind_tcp(s, k, a);
}

/* Of a connection, also of one that rests. */
static struct tcp_id sock_tcp_id(const struct sock *k)
{
    return k->state == SOCK_TCP_IDLE ? tcp_idle_id(k->as.idle) : k->as.t->conn.id;
}

int sock_name(struct socks *s, int sd, struct sock_addr *a)
{
    const struct sock *k = sock_at(s, sd);
    struct tcp_id id;

    if (k == NULL)
        return -EBADF;
    switch (k->state) {
    case SOCK_UDP:
        *a = (struct sock_addr){k->as.u->local, k->as.u->lport};
        break;
    case SOCK_TCP_LISTEN:
        *a = (struct sock_addr){k->as.l->conn.id.local, k->as.l->conn.id.lport};
        break;
    case SOCK_TCP_CONN:
    case SOCK_TCP_IDLE:
        id = sock_tcp_id(k);
        *a = (struct sock_addr){id.local, id.lport};
        break;
    default:
        *a = (struct sock_addr){k->as.w->ip, k->as.w->port};
        break;
    }
    return 0;
}

int sock_peer(struct socks *s, int sd, struct sock_addr *a)
{
    const struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP && udp_is_connected(k->as.u)) {
        *a = (struct sock_addr){k->as.u->remote, k->as.u->rport};
        return 0;
    }
    if (k->state != SOCK_TCP_CONN && k->state != SOCK_TCP_IDLE)
        return -ENOTCONN;
    struct tcp_id id = sock_tcp_id(k);

    *a = (struct sock_addr){id.remote, id.rport};
    return 0;
}

/* ---- connections ---- */

/* What the user has asked for so far, as TCP wants to be told. */
static struct tcp_open sock_tcp_open(const struct socks *s, const struct sock *k)
{
    const struct sock_wish *w = k->as.w;

    return (struct tcp_open){
        .local = w->ip,
        .lport = w->port,
        .owner = slab_index(&s->slab, k),
        .sndbuf = w->sndbuf,
        .rcvbuf = w->rcvbuf,
        .maxseg = w->maxseg,
        .tos = w->tos,
        .ttl = w->ttl,
        .cc = w->cc,
        .nodelay = w->nodelay,
        .reuse = k->reuse,
        .oob_inline = w->oob_inline,
        .patience = w->patience,
        .fo_qlen = w->fo_qlen,
        .fastopen = w->fo_connect,
        .defer = w->fo_connect,
    };
}

int sock_listen(struct socks *s, int sd, int backlog)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP)
        return -EOPNOTSUPP;
    if (backlog < 0)
        return -EINVAL;
    if (k->state == SOCK_TCP_LISTEN) { /* again: a new length of the queue */
        k->as.l->backlog = backlog > 0 ? (uint32_t)backlog : s->tcp->cfg.backlog;
        return 0;
    }
    if (k->state != SOCK_TCP_NEW)
        return -EINVAL;
    int err = k->as.w->bound ? 0 : sock_bind_tcp(s, k, &(struct sock_addr){IP_ADDR_ANY, 0});

    if (err < 0)
        return err;
    struct tcp_open o = sock_tcp_open(s, k);
    struct tcp_listener *l;

    o.backlog = (uint32_t)backlog;
    err = tcp_open_passive(s->tcp, &o, &l);
    if (err < 0)
        return err;
    sock_wish_free(s, k);
    k->state = SOCK_TCP_LISTEN;
    k->as.l = l;
    poll_touch(s, k);
    return 0;
}

int sock_accept(struct socks *s, int sd, struct sock_addr *peer)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state != SOCK_TCP_LISTEN)
        return k->state == SOCK_UDP ? -EOPNOTSUPP : -EINVAL;
    if (k->as.l->first == NULL)
        return -EAGAIN;
    struct sock *child = sock_new(s, SOCK_TCP_CONN);

    if (child == NULL)
        return -EMFILE; /* the connection stays in the queue */
    uint32_t number = slab_index(&s->slab, child);

    child->as.t = tcp_accept(k->as.l, number);
    if (child->as.t == NULL) {
        sock_free(s, child);
        return -EAGAIN;
    }
    child->linger = k->linger;
    child->cork = k->cork;
    tcp_cork(child->as.t, child->cork);
    if (peer != NULL)
        *peer = (struct sock_addr){child->as.t->conn.id.remote, child->as.t->conn.id.rport};
    return (int)number;
}

/* A second connect on a TCP socket: how did the first one go? */
static int sock_connect_again(const struct sock *k)
{
    if (k->as.t->fo_deferred) /* as far as its user can tell */
        return -EISCONN;
    switch (tcp_state(k->as.t)) {
    case TCP_SYN_SENT:
    case TCP_SYN_RCVD:
        return -EALREADY;
    case TCP_CLOSED: {
        int error = tcp_take_error(k->as.t);

        return error != 0 ? -error : -ECONNABORTED;
    }
    default:
        return -EISCONN;
    }
}

/* Return: 0: the SYN waits for data; or -EINPROGRESS, or the error. */
static int sock_connect_tcp(struct socks *s, struct sock *k, const struct sock_addr *peer,
                            bool fastopen)
{
    if (k->state == SOCK_TCP_CONN)
        return sock_connect_again(k);
    if (k->state == SOCK_TCP_LISTEN || k->state == SOCK_TCP_IDLE)
        return -EISCONN;
    if (peer->port == 0 || ip_addr_is_any(peer->ip))
        return -EINVAL;
    struct tcp_open o = sock_tcp_open(s, k);
    struct tcb *t;

    o.remote = peer->ip;
    o.rport = peer->port;
    o.fastopen = o.defer = o.fastopen || fastopen;
    int err = tcp_open_active(s->tcp, &o, &t);

    if (err < 0)
        return err;
    sock_wish_free(s, k);
    k->state = SOCK_TCP_CONN;
    k->as.t = t;
    tcp_cork(t, k->cork);
    poll_touch(s, k);
    return t->fo_deferred ? 0 : -EINPROGRESS;
}

int sock_connect(struct socks *s, int sd, const struct sock_addr *peer)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP)
        return udp_connect(k->as.u, peer->ip, peer->port);
    return sock_connect_tcp(s, k, peer, false);
}

int sock_connect_send(struct socks *s, int sd, const struct sock_addr *peer, const void *bytes,
                      size_t len, unsigned flags)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP || !(s->tcp->cfg.fastopen & TCP_FO_CLIENT))
        return -EOPNOTSUPP;
    int err = sock_connect_tcp(s, k, peer, true);

    return err < 0 ? err : sock_send(s, sd, bytes, len, flags);
}

int sock_shutdown(struct socks *s, int sd, enum sock_how how)
{
    struct sock *k = sock_awake(s, sd);
    bool rd = how != SOCK_SHUT_WR, wr = how != SOCK_SHUT_RD;
    int err = 0;

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP) {
        if (!udp_is_connected(k->as.u))
            return -ENOTCONN;
        k->rd_shut = k->rd_shut || rd;
        k->wr_shut = k->wr_shut || wr;
    } else if (k->state == SOCK_TCP_CONN) {
        if (wr)
            err = tcp_shutdown_send(k->as.t);
        if (rd && err == 0)
            tcp_shutdown_recv(k->as.t);
    } else {
        return sock_not_awake(k);
    }
    poll_touch(s, k); /* what is shut can be "read" or "written" at once */
    return err;
}

/* ---- data ---- */

static int sock_send_udp(struct sock *k, struct ip_addr src, const struct sock_addr *to,
                         const void *bytes, size_t len, uint16_t segment)
{
    struct udp_sock *u = k->as.u;
    int error = udp_take_error(u);

    if (error != 0)
        return -error;
    if (k->wr_shut)
        return -EPIPE;
    if (to == NULL)
        return udp_send_train(u, src, IP_ADDR_ANY, 0, bytes, len, segment);
    if (to->port == 0 || ip_addr_is_any(to->ip))
        return -EINVAL;
    return udp_send_train(u, src, to->ip, to->port, bytes, len, segment);
}

int sock_send(struct socks *s, int sd, const void *bytes, size_t len, unsigned flags)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP)
        return (flags & SOCK_MSG_OOB) ? -EOPNOTSUPP
                                      : sock_send_udp(k, IP_ADDR_ANY, NULL, bytes, len, 0);
    if (k->state != SOCK_TCP_CONN)
        return sock_not_awake(k);
    if (flags & SOCK_MSG_OOB)
        return tcp_send_urgent(k->as.t, bytes, size_min(len, INT32_MAX));
    return tcp_send(k->as.t, bytes, size_min(len, INT32_MAX), (flags & SOCK_MSG_MORE) != 0);
}

int sock_send_ref(struct socks *s, int sd, const struct lent *what, unsigned flags)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state != SOCK_TCP_CONN)
        return k->state == SOCK_UDP ? -EOPNOTSUPP : sock_not_awake(k);
    return tcp_send_ref(k->as.t, what, (flags & SOCK_MSG_MORE) != 0);
}

int sock_sendto(struct socks *s, int sd, const void *bytes, size_t len, const struct sock_addr *to)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP)
        return sock_send_udp(k, IP_ADDR_ANY, to, bytes, len, 0);
    return sock_send(s, sd, bytes, len, 0); /* a stream has its peer: the address is ignored */
}

int sock_sendmsg(struct socks *s, int sd, const void *bytes, size_t len, const struct sock_msg *m)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state != SOCK_UDP)
        return -EOPNOTSUPP;
    return sock_send_udp(k, m->local.ip, m->peer.port == 0 ? NULL : &m->peer, bytes, len,
                         m->segment);
}

/* Copy at most @len of the bytes in two pieces. */
static int sock_copy(const struct span in[2], void *bytes, size_t len)
{
    len = size_min(len, INT32_MAX);
    size_t first = size_min(len, in[0].len), second = size_min(len - first, in[1].len);

    if (first > 0)
        memcpy(bytes, in[0].p, first);
    if (second > 0)
        memcpy((uint8_t *)bytes + first, in[1].p, second);
    return (int)(first + second);
}

/* The oldest datagram. Return: 1; 0: end, the user has shut the receiving side; else an error. */
static int sock_next_udp(struct sock *k, struct udp_dgram *d)
{
    int error = udp_take_error(k->as.u);

    if (error != 0)
        return -error;
    if (udp_peek(k->as.u, d))
        return 1;
    return k->rd_shut ? 0 : -EAGAIN;
}

int sock_recvmsg(struct socks *s, int sd, void *bytes, size_t len, struct sock_msg *m)
{
    struct sock *k = sock_at(s, sd);
    struct udp_dgram d;

    if (k == NULL)
        return -EBADF;
    if (k->state != SOCK_UDP)
        return -EOPNOTSUPP;
    int got = sock_next_udp(k, &d);

    if (got <= 0)
        return got;
    int copied = sock_copy(d.data, bytes, len);

    if (m != NULL)
        *m = (struct sock_msg){
            .peer = {d.src, d.sport},
            .local = {d.dst, d.dport},
            .cast = d.cast,
            .ifi = d.ifi,
            .tos = d.tos,
            .ttl = d.ttl,
            .segment = d.segment,
            .len = d.len,
        };
    udp_consume(k->as.u);
    return copied;
}

static int sock_recv_tcp(struct tcb *t, void *bytes, size_t len, bool peek)
{
    int got = tcp_recv_copy(t, bytes, size_min(len, INT32_MAX));

    if (got > 0 && !peek)
        tcp_recv_consume(t, (size_t)got);
    return got;
}

/* What there is to be read of a connection that rests: nothing, or the end. */
static int sock_read_idle(const struct sock *k)
{
    return tcp_idle_is_at_end(k->as.idle) ? 0 : -EAGAIN;
}

int sock_recv(struct socks *s, int sd, void *bytes, size_t len, unsigned flags)
{
    struct sock *k = sock_at(s, sd);
    bool peek = (flags & SOCK_MSG_PEEK) != 0;

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_TCP_IDLE)
        return !(flags & SOCK_MSG_OOB) ? sock_read_idle(k) : len == 0 ? 0 : -EINVAL;
    if (k->state == SOCK_TCP_CONN && (flags & SOCK_MSG_OOB))
        return len == 0 ? 0 : tcp_recv_urgent(k->as.t, bytes, peek);
    if (k->state == SOCK_TCP_CONN)
        return sock_recv_tcp(k->as.t, bytes, len, peek);
    if (k->state != SOCK_UDP)
        return -ENOTCONN;
    if (!peek)
        return sock_recvmsg(s, sd, bytes, len, NULL);
    struct udp_dgram d;
    int got = sock_next_udp(k, &d);

    if (got <= 0)
        return got;
    return sock_copy(d.data, bytes, len);
}

int sock_recvfrom(struct socks *s, int sd, void *bytes, size_t len, struct sock_addr *from)
{
    struct sock *k = sock_at(s, sd);
    struct sock_msg m;

    if (k == NULL)
        return -EBADF;
    if (k->state != SOCK_UDP) {
        if (from != NULL)
            sock_peer(s, sd, from);
        return sock_recv(s, sd, bytes, len, 0);
    }
    int got = sock_recvmsg(s, sd, bytes, len, &m);

    if (got >= 0 && from != NULL)
        *from = m.peer;
    return got;
}

/* ---- the same without a copy ---- */

int sock_peek(struct socks *s, int sd, struct span out[2], struct sock_addr *from)
{
    struct sock *k = sock_at(s, sd);
    struct udp_dgram d;

    if (k == NULL)
        return -EBADF;
    out[0] = out[1] = (struct span){NULL, 0};
    if (k->state == SOCK_TCP_CONN) {
        if (from != NULL)
            sock_peer(s, sd, from);
        return tcp_recv_peek(k->as.t, out);
    }
    if (k->state == SOCK_TCP_IDLE)
        return sock_read_idle(k);
    if (k->state != SOCK_UDP)
        return -ENOTCONN;
    int got = sock_next_udp(k, &d);

    if (got <= 0)
        return got;
    out[0] = d.data[0];
    out[1] = d.data[1];
    if (from != NULL)
        *from = (struct sock_addr){d.src, d.sport};
    return (int)d.len;
}

int sock_consume(struct socks *s, int sd, size_t len)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP) {
        if (k->as.u->queue.head == NULL)
            return -EINVAL;
        udp_consume(k->as.u);
        return 0;
    }
    if (k->state != SOCK_TCP_CONN)
        return sock_not_awake(k);
    tcp_recv_consume(k->as.t, len);
    return 0;
}

int sock_reserve(struct socks *s, int sd, size_t want, struct mspan *out)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP)
        return -EOPNOTSUPP;
    return k->state == SOCK_TCP_CONN ? tcp_send_reserve(k->as.t, want, out) : sock_not_awake(k);
}

int sock_commit(struct socks *s, int sd, size_t len, unsigned flags)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_UDP)
        return -EOPNOTSUPP;
    if (k->state != SOCK_TCP_CONN)
        return sock_not_awake(k);
    return tcp_send_commit(k->as.t, len, (flags & SOCK_MSG_MORE) != 0);
}

/* ---- for those who want to see ---- */

bool sock_each(struct socks *s, uint32_t *at, struct sock_info *info)
{
    while (*at < s->slab.frontier) {
        uint32_t i = (*at)++;
        const struct sock *k = sock_at(s, (int)i);

        if (k == NULL || k->state != SOCK_UDP)
            continue;
        const struct udp_sock *u = k->as.u;

        *info = (struct sock_info){
            .kind = SOCK_KIND_UDP,
            .sd = (int)i,
            .local = {u->local,  u->lport},
            .remote = {u->remote, u->rport},
            .state = udp_is_connected(u) ? "ESTAB" : "UNCONN",
            .rcv_queue = u->rcv_used,
            .rcvbuf = u->rcvbuf,
            .in = u->in,
            .out = u->out,
            .dropped = u->dropped,
        };
        return true;
    }
    return false;
}
