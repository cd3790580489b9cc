/*
 * sock_opt.c - the options of sockets (sock.h lists them).
 *
 * An option set before connect or listen is kept in the socket's wishes and handed to TCP with the
 * open call; a listener's options are inherited by the connections it accepts. Afterwards the
 * option is the field of the connection block itself, read and written there, so there is never a
 * second copy that could differ. Memberships in groups are no values, so they have calls of their own.
 */
#include <errno.h>

#include "l5_session/sock_priv.h"

enum {
    SOCK_BUF_MIN = 256,
    SOCK_MAXSEG_MIN = 88, /* as Linux: TCP_MIN_MSS */
    SOCK_MAXSEG_MAX = 32767,
    SOCK_KEEP_MAX = 32767, /* seconds, as Linux */
    SOCK_KEEP_COUNT_MAX = 127
};

/* What a value may be; asked before anything is changed. */
static int sock_opt_check(enum sock_opt opt, int64_t v)
{
    switch (opt) {
    case SOCK_OPT_LINGER:
        return v >= -1 && v <= INT32_MAX ? 0 : -EINVAL;
    case SOCK_OPT_TOS:
        return v >= 0 && v <= 255 ? 0 : -EINVAL;
    case SOCK_OPT_TTL:
        return v == -1 || (v >= 1 && v <= 255) ? 0 : -EINVAL;
    case SOCK_OPT_SNDBUF:
    case SOCK_OPT_RCVBUF:
        return v >= 0 ? 0 : -EINVAL;
    case SOCK_OPT_USER_TIMEOUT:
        return v >= 0 && v <= UINT32_MAX ? 0 : -EINVAL;
    case SOCK_OPT_CONGESTION:
        return v >= 0 && v < 0xff && cc_by_index((unsigned)v) != NULL ? 0 : -ENOENT;
    case SOCK_OPT_MAXSEG:
        return v >= SOCK_MAXSEG_MIN && v <= SOCK_MAXSEG_MAX ? 0 : -EINVAL;
    case SOCK_OPT_KEEP_IDLE:
    case SOCK_OPT_KEEP_INTERVAL:
        return v >= 1 && v <= SOCK_KEEP_MAX ? 0 : -EINVAL;
    case SOCK_OPT_KEEP_COUNT:
    case SOCK_OPT_SYN_COUNT:
        return v >= 1 && v <= SOCK_KEEP_COUNT_MAX ? 0 : -EINVAL;
    case SOCK_OPT_MULTICAST_TTL:
        return v >= 0 && v <= 255 ? 0 : -EINVAL;
    case SOCK_OPT_ERROR:
    case SOCK_OPT_SOFT_ERROR:
    case SOCK_OPT_AT_MARK:
    case SOCK_OPT_URGENT_LEFT:
        return -ENOPROTOOPT;
    case SOCK_OPT_REUSEADDR:
    case SOCK_OPT_NODELAY:
    case SOCK_OPT_CORK:
    case SOCK_OPT_BROADCAST:
    case SOCK_OPT_OOB_INLINE:
    case SOCK_OPT_KEEPALIVE:
    case SOCK_OPT_QUICKACK:
    case SOCK_OPT_MULTICAST_LOOP:
    case SOCK_OPT_MULTICAST_IF:
    case SOCK_OPT_FASTOPEN_CONNECT:
        return 0;
    case SOCK_OPT_UDP_GRO:
        return 0;
    case SOCK_OPT_FASTOPEN:
    case SOCK_OPT_UDP_SEGMENT:
        return v >= 0 && v <= UINT16_MAX ? 0 : -EINVAL;
    }
    return -ENOPROTOOPT;
}

/* Buffers are clamped, not refused, as in Linux: to what one piece of the arena can hold. */
static uint32_t sock_opt_buf(const struct socks *s, int64_t v)
{
    uint32_t most = buddy_largest(&s->c->bufs);

    return v < SOCK_BUF_MIN ? SOCK_BUF_MIN : v > most ? most : (uint32_t)v;
}

/* What a TTL is kept as: 0 is the default. */
static uint8_t sock_opt_ttl(int64_t v)
{
    return v == -1 ? 0 : (uint8_t)v;
}

static int sock_setopt_udp(struct udp_sock *u, enum sock_opt opt, int64_t v)
{
    switch (opt) {
    case SOCK_OPT_REUSEADDR:
        u->reuse = v != 0;
        return 0;
    case SOCK_OPT_BROADCAST:
        u->broadcast = v != 0;
        return 0;
    case SOCK_OPT_RCVBUF:
        u->rcvbuf = (uint32_t)v;
        return 0;
    case SOCK_OPT_TOS:
        u->tos = (uint8_t)v;
        return 0;
    case SOCK_OPT_TTL:
        u->ttl = sock_opt_ttl(v);
        return 0;
    case SOCK_OPT_MULTICAST_TTL:
        u->mcast_ttl = (uint8_t)v;
        return 0;
    case SOCK_OPT_MULTICAST_LOOP:
        u->mcast_loop = v != 0;
        return 0;
    case SOCK_OPT_MULTICAST_IF:
        if (v < IP_ANY_IF || v >= ip_if_count(u->udp->ip))
            return -ENODEV;
        u->mcast_ifi = (int8_t)v;
        return 0;
    case SOCK_OPT_UDP_SEGMENT:
        u->segment = (uint16_t)v;
        return 0;
    case SOCK_OPT_UDP_GRO:
        u->gro = v != 0;
        return 0;
    case SOCK_OPT_SNDBUF: /* nothing waits on its way out: accepted, and without effect */
    case SOCK_OPT_LINGER:
    case SOCK_OPT_KEEPALIVE:
    case SOCK_OPT_OOB_INLINE:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int sock_setopt_new(struct sock_wish *w, enum sock_opt opt, int64_t v)
{
    switch (opt) {
    case SOCK_OPT_FASTOPEN:
        w->fo_qlen = (uint16_t)v;
        return 0;
    case SOCK_OPT_FASTOPEN_CONNECT:
        w->fo_connect = v != 0;
        return 0;
    case SOCK_OPT_NODELAY:
        w->nodelay = v != 0;
        return 0;
    case SOCK_OPT_OOB_INLINE:
        w->oob_inline = v != 0;
        return 0;
    case SOCK_OPT_SNDBUF:
        w->sndbuf = (uint32_t)v;
        return 0;
    case SOCK_OPT_RCVBUF:
        w->rcvbuf = (uint32_t)v;
        return 0;
    case SOCK_OPT_TOS:
        w->tos = (uint8_t)v;
        return 0;
    case SOCK_OPT_TTL:
        w->ttl = sock_opt_ttl(v);
        return 0;
    case SOCK_OPT_CONGESTION:
        w->cc = (uint8_t)v;
        return 0;
    case SOCK_OPT_MAXSEG:
        w->maxseg = (uint16_t)v;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int sock_setopt_listen(struct tcp_listener *l, enum sock_opt opt, int64_t v)
{
    switch (opt) {
    case SOCK_OPT_FASTOPEN:
        l->fo_qlen = (uint32_t)v;
        return 0;
    case SOCK_OPT_NODELAY:
        l->nodelay = v != 0;
        return 0;
    case SOCK_OPT_OOB_INLINE:
        l->oob_inline = v != 0;
        return 0;
    case SOCK_OPT_SNDBUF:
        l->sndbuf = (uint32_t)v;
        return 0;
    case SOCK_OPT_RCVBUF:
        l->rcvbuf = (uint32_t)v;
        return 0;
    case SOCK_OPT_TOS:
        l->tos = (uint8_t)v;
        return 0;
    case SOCK_OPT_TTL:
        l->ttl = sock_opt_ttl(v);
        return 0;
    case SOCK_OPT_CONGESTION:
        l->cc = (uint8_t)v;
        return 0;
    case SOCK_OPT_MAXSEG: /* half-open children have been told another */
        return -EINVAL;
    default:
        return -ENOPROTOOPT;
    }
}

static int sock_setopt_conn(struct tcb *t, enum sock_opt opt, int64_t v)
{
    switch (opt) {
    case SOCK_OPT_NODELAY:
        tcp_nodelay(t, v != 0);
        return 0;
    case SOCK_OPT_OOB_INLINE:
        t->oob_inline = v != 0;
        return 0;
    case SOCK_OPT_QUICKACK:
        tcp_quickack(t, v != 0);
        return 0;
    case SOCK_OPT_SNDBUF:
        tcp_set_bufs(t, (uint32_t)v, 0);
        return 0;
    case SOCK_OPT_RCVBUF: /* the window shrinks by no more than what comes in, MUST-34 */
        tcp_set_bufs(t, 0, (uint32_t)v);
        return 0;
    case SOCK_OPT_TOS:
        t->tos = (uint8_t)v;
        return 0;
    case SOCK_OPT_TTL:
        t->ttl = v == -1 ? t->tcp->cfg.ttl : (uint8_t)v;
        return 0;
    case SOCK_OPT_CONGESTION: /* its state belongs to the controller that began */
    case SOCK_OPT_MAXSEG:
        return -EINVAL;
    default:
        return -ENOPROTOOPT;
    }
}

/* Where what the user of a TCP socket said about waiting is kept. */
static struct tcp_patience *sock_patience(const struct sock *k)
{
    return k->state == SOCK_TCP_CONN     ? &k->as.t->patience
           : k->state == SOCK_TCP_LISTEN ? &k->as.l->patience
                                         : &k->as.w->patience;
}

/* The options of struct tcp_patience. Return: whether @opt is one. */
static bool sock_setopt_patience(struct sock *k, enum sock_opt opt, int64_t v)
{
    struct tcp_patience p = *sock_patience(k);

    switch (opt) {
    case SOCK_OPT_KEEPALIVE:
        p.keepalive = v != 0;
        break;
    case SOCK_OPT_USER_TIMEOUT:
        p.user_timeout_ms = (uint32_t)v;
        break;
    case SOCK_OPT_KEEP_IDLE:
        p.keep_idle_s = (uint16_t)v;
        break;
    case SOCK_OPT_KEEP_INTERVAL:
        p.keep_interval_s = (uint16_t)v;
        break;
    case SOCK_OPT_KEEP_COUNT:
        p.keep_count = (uint8_t)v;
        break;
    case SOCK_OPT_SYN_COUNT:
        p.syn_retries = (uint8_t)v;
        break;
    default:
        return false;
    }
    if (k->state == SOCK_TCP_CONN)
        tcp_patience_set(k->as.t, &p);
    else
        *sock_patience(k) = p;
    return true;
}

int sock_setopt(struct socks *s, int sd, enum sock_opt opt, int64_t value)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL)
        return -EBADF;
    if (k->state == SOCK_TCP_IDLE)
        return sock_not_awake(k);
    int err = sock_opt_check(opt, value);

    if (err < 0)
        return err;
    if (opt == SOCK_OPT_SNDBUF || opt == SOCK_OPT_RCVBUF)
        value = sock_opt_buf(s, value);
    if (opt == SOCK_OPT_TOS && k->state != SOCK_UDP)
        value &= 0xfc; /* the lowest two bits are ECN's, which is TCP's own affair (RFC 3168) */
    if (k->state == SOCK_UDP) {
        err = sock_setopt_udp(k->as.u, opt, value);
    } else if (opt == SOCK_OPT_LINGER) {
        k->linger = (int32_t)value;
    } else if (opt == SOCK_OPT_REUSEADDR) {
        k->reuse = value != 0;
    } else if (opt == SOCK_OPT_CORK) {
        k->cork = value != 0;
        if (k->state == SOCK_TCP_CONN)
            tcp_cork(k->as.t, k->cork);
    } else if (opt == SOCK_OPT_QUICKACK && k->state != SOCK_TCP_CONN) {
        /* of the moment, not of the socket: a connection begins quick anyway */
    } else if (opt != SOCK_OPT_BROADCAST && !sock_setopt_patience(k, opt, value)) {
        err = k->state == SOCK_TCP_NEW      ? sock_setopt_new(k->as.w, opt, value)
              : k->state == SOCK_TCP_LISTEN ? sock_setopt_listen(k->as.l, opt, value)
                                            : sock_setopt_conn(k->as.t, opt, value);
    }
    if (err == 0 && opt == SOCK_OPT_SNDBUF)
        poll_touch(s, k); /* a larger buffer may make a socket writable */
    return err;
}

/* The values in force; 0 where the host's default will be chosen by the open call. */
struct sock_values {
    uint32_t sndbuf, rcvbuf, maxseg;
    uint8_t tos, ttl, cc;
    bool nodelay;
};

static struct sock_values sock_values(const struct socks *s, const struct sock *k)
{
    const struct tcp_config *cfg = &s->tcp->cfg;
    struct sock_values v;

    if (k->state == SOCK_UDP) {
        const struct udp_sock *u = k->as.u;

        return (struct sock_values){.rcvbuf = u->rcvbuf, .tos = u->tos, .ttl = u->ttl};
    }
    if (k->state == SOCK_TCP_CONN) {
        const struct tcb *t = k->as.t;

        return (struct sock_values){t->sndbuf, t->rcvbuf, t->snd_mss, t->tos,
                                    t->ttl,    t->cc,     t->nodelay};
    }
    if (k->state == SOCK_TCP_LISTEN) {
        const struct tcp_listener *l = k->as.l;

        v = (struct sock_values){l->sndbuf, l->rcvbuf, l->maxseg, l->tos,
                                 l->ttl,    l->cc,     l->nodelay};
    } else {
        const struct sock_wish *w = k->as.w;

        v = (struct sock_values){w->sndbuf, w->rcvbuf, w->maxseg, w->tos,
                                 w->ttl,    w->cc,     w->nodelay};
    }
    v.sndbuf = v.sndbuf == 0 ? cfg->sndbuf : v.sndbuf;
    v.rcvbuf = v.rcvbuf == 0 ? cfg->rcvbuf : v.rcvbuf;
    v.ttl = v.ttl == 0 ? cfg->ttl : v.ttl;
    v.cc = v.cc == 0xff ? cfg->cc : v.cc;
    return v;
}

/* About urgent data. */
static int64_t sock_urgent_value(const struct sock *k, enum sock_opt opt)
{
    const struct tcb *t = k->state == SOCK_TCP_CONN ? k->as.t : NULL;

    if (opt == SOCK_OPT_AT_MARK)
        return t != NULL && tcp_at_mark(t);
    if (opt == SOCK_OPT_URGENT_LEFT)
        return t != NULL ? tcp_urgent_left(t) : 0;
    return t != NULL                     ? t->oob_inline
           : k->state == SOCK_TCP_LISTEN ? k->as.l->oob_inline
                                         : k->as.w->oob_inline;
}

/* Options that mean something in one phase of a socket's life only. */
static int64_t sock_getopt_phase(const struct sock *k, enum sock_opt opt)
{
    switch (k->state) {
    case SOCK_TCP_NEW:
        return opt == SOCK_OPT_FASTOPEN           ? k->as.w->fo_qlen
               : opt == SOCK_OPT_FASTOPEN_CONNECT ? k->as.w->fo_connect
                                                  : 0;
    case SOCK_TCP_LISTEN:
        return opt == SOCK_OPT_FASTOPEN ? k->as.l->fo_qlen : 0;
    case SOCK_TCP_CONN:
        return opt == SOCK_OPT_QUICKACK           ? k->as.t->quick_acks > 0
               : opt == SOCK_OPT_FASTOPEN_CONNECT ? k->as.t->fo_wanted
                                                  : 0;
    default:
        return 0;
    }
}

/* What only TCP has. */
static int64_t sock_tcp_value(const struct socks *s, const struct sock *k, enum sock_opt opt)
{
    const struct tcp_config *cfg = &s->tcp->cfg;
    const struct tcp_patience *p = sock_patience(k);

    switch (opt) {
    case SOCK_OPT_KEEP_IDLE:
        return p->keep_idle_s != 0 ? p->keep_idle_s : cfg->keep_idle / NET_SEC(1);
    case SOCK_OPT_KEEP_INTERVAL:
        return p->keep_interval_s != 0 ? p->keep_interval_s : cfg->keep_interval / NET_SEC(1);
    case SOCK_OPT_KEEP_COUNT:
        return p->keep_count != 0 ? p->keep_count : cfg->keep_count;
    case SOCK_OPT_SYN_COUNT:
        return p->syn_retries != 0 ? p->syn_retries : cfg->syn_retries;
    case SOCK_OPT_USER_TIMEOUT:
        return p->user_timeout_ms;
    case SOCK_OPT_KEEPALIVE:
        return p->keepalive;
    case SOCK_OPT_SOFT_ERROR:
        return k->state == SOCK_TCP_CONN ? k->as.t->soft_error : 0;
    case SOCK_OPT_QUICKACK:
    case SOCK_OPT_FASTOPEN:
    case SOCK_OPT_FASTOPEN_CONNECT:
        return sock_getopt_phase(k, opt);
    default:
        return sock_urgent_value(k, opt);
    }
}

/* What only UDP has. */
static int sock_getopt_udp(const struct sock *k, enum sock_opt opt, int64_t *value)
{
    if (k->state != SOCK_UDP)
        return -ENOPROTOOPT;
    const struct udp_sock *u = k->as.u;

    *value = opt == SOCK_OPT_MULTICAST_TTL    ? u->mcast_ttl
             : opt == SOCK_OPT_MULTICAST_LOOP ? u->mcast_loop
             : opt == SOCK_OPT_UDP_SEGMENT    ? u->segment
             : opt == SOCK_OPT_UDP_GRO        ? u->gro
                                              : u->mcast_ifi;
    return 0;
}

int sock_getopt(struct socks *s, int sd, enum sock_opt opt, int64_t *value)
{
    struct sock *k = sock_awake(s, sd);

    if (k == NULL || k->state == SOCK_TCP_IDLE)
        return k == NULL ? -EBADF : sock_not_awake(k);
    bool is_udp = k->state == SOCK_UDP;
    struct sock_values v = sock_values(s, k);

    switch (opt) {
    case SOCK_OPT_REUSEADDR:
        *value = is_udp ? k->as.u->reuse : k->reuse;
        return 0;
    case SOCK_OPT_NODELAY:
        *value = v.nodelay;
        return is_udp ? -ENOPROTOOPT : 0;
    case SOCK_OPT_CORK:
        *value = k->cork;
        return is_udp ? -ENOPROTOOPT : 0;
    case SOCK_OPT_LINGER:
        *value = k->linger;
        return 0;
    case SOCK_OPT_SNDBUF:
        *value = v.sndbuf;
        return 0;
    case SOCK_OPT_RCVBUF:
        *value = v.rcvbuf;
        return 0;
    case SOCK_OPT_KEEPALIVE:
    case SOCK_OPT_KEEP_IDLE:
    case SOCK_OPT_KEEP_INTERVAL:
    case SOCK_OPT_KEEP_COUNT:
    case SOCK_OPT_SYN_COUNT:
    case SOCK_OPT_USER_TIMEOUT:
    case SOCK_OPT_SOFT_ERROR:
    case SOCK_OPT_OOB_INLINE:
    case SOCK_OPT_AT_MARK:
    case SOCK_OPT_URGENT_LEFT:
    case SOCK_OPT_QUICKACK:
    case SOCK_OPT_FASTOPEN:
    case SOCK_OPT_FASTOPEN_CONNECT:
        *value = is_udp ? 0 : sock_tcp_value(s, k, opt);
        return is_udp && opt != SOCK_OPT_KEEPALIVE ? -ENOPROTOOPT : 0;
    case SOCK_OPT_TOS:
    case SOCK_OPT_TTL:
        *value = opt == SOCK_OPT_TOS ? v.tos : v.ttl;
        return 0;
    case SOCK_OPT_BROADCAST:
        *value = is_udp && k->as.u->broadcast;
        return 0;
    case SOCK_OPT_MULTICAST_TTL:
    case SOCK_OPT_MULTICAST_LOOP:
    case SOCK_OPT_MULTICAST_IF:
    case SOCK_OPT_UDP_SEGMENT:
    case SOCK_OPT_UDP_GRO:
        return sock_getopt_udp(k, opt, value);
    case SOCK_OPT_ERROR:
        *value = is_udp                      ? udp_take_error(k->as.u)
                 : k->state == SOCK_TCP_CONN ? tcp_take_error(k->as.t)
                                             : 0;
        return 0;
    case SOCK_OPT_CONGESTION:
        *value = v.cc;
        return is_udp ? -ENOPROTOOPT : 0;
    case SOCK_OPT_MAXSEG:
        *value = v.maxseg;
        return is_udp ? -ENOPROTOOPT : 0;
    }
    return -ENOPROTOOPT;
}

/* ---- memberships ---- */

int sock_group_join(struct socks *s, int sd, struct ip_addr group, int ifi)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    return k->state == SOCK_UDP ? udp_join(k->as.u, group, ifi) : -EOPNOTSUPP;
}

int sock_group_leave(struct socks *s, int sd, struct ip_addr group, int ifi)
{
    struct sock *k = sock_at(s, sd);

    if (k == NULL)
        return -EBADF;
    return k->state == SOCK_UDP ? udp_leave(k->as.u, group, ifi) : -EOPNOTSUPP;
}
