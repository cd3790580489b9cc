/*
 * sock_priv.h - what sock.c, sock_opt.c and poll.c share: the record of a socket.
 */
#ifndef STACKD_SOCK_PRIV_H
#define STACKD_SOCK_PRIV_H

#include <errno.h>

#include "l4_transport/tcp.h"
#include "l4_transport/udp.h"
#include "l5_session/poll.h"

/* What a socket number stands for. SOCK_FREE is 0: the table begins zero-filled. */
enum sock_state {
    SOCK_FREE,
    SOCK_TCP_NEW,
    SOCK_TCP_LISTEN,
    SOCK_TCP_CONN,
    SOCK_TCP_IDLE,
    SOCK_UDP
};

#define SOCK_NONE UINT32_MAX /* ends a list of socket numbers */
enum { SOCK_LINGER_OFF = -1 };
enum { SOCK_SET_MAX = 255 }; /* poll sets: their numbers fit a byte */

/* What the user of a TCP socket that is neither connected nor listening has asked for so far; it is
 * handed over with the open call, and given back to its pool then. */
struct sock_wish {
    struct ip_addr ip; /* as bound */
    uint16_t port;
    uint16_t maxseg; /* 0, here and in the next: the host's default */
    uint32_t sndbuf, rcvbuf;
    struct tcp_patience patience;
    uint16_t fo_qlen;
    bool fo_connect;
    bool bound, nodelay, oob_inline;
    uint8_t tos, ttl, cc; /* ttl 0, cc 0xff: the host's default */
};

/* All that a connected socket needs; there may be a million of them. */
struct sock {
    union {
        struct tcb *t;          /* SOCK_TCP_CONN */
        struct tcp_idle *idle;  /* SOCK_TCP_IDLE: the same while it rests; sock_awake() wakes it */
        struct tcp_listener *l; /* SOCK_TCP_LISTEN */
        struct udp_sock *u;     /* SOCK_UDP */
        struct sock_wish *w;    /* SOCK_TCP_NEW */
    } as;
    uint64_t cookie;     /* of poll_add */
    uint32_t next, prev; /* in the ready list of its poll set */
    int32_t linger;
    uint8_t state;   /* enum sock_state */
    uint8_t set;     /* number of its poll set + 1, 0: none */
    uint8_t want;    /* enum sock_event */
    bool edge : 1;   /* POLL_EDGE */
    bool listed : 1; /* in the ready list of its poll set */
    bool cork : 1;   /* of a connection or, before, of what it will begin with */
    bool reuse : 1;
    bool rd_shut : 1, wr_shut : 1; /* UDP; TCP knows by itself */
};
static_assert(sizeof(struct sock) == 32, "two sockets in a cache line");

struct poll_set {
    bool open;
    uint32_t first, last, count; /* of the ready list, SOCK_NONE when empty */
};

struct socks {
    struct core *c;
    struct tcp *tcp;
    struct udp *udp;
    struct slab slab;
    struct slab wishes; /* of sockets that are SOCK_TCP_NEW: never fewer than there are sockets */
    struct poll_set *sets;
    uint32_t set_count;
};

/** sock_at - the record of a number; NULL: there is no such socket. */
static inline struct sock *sock_at(const struct socks *s, int sd)
{
    if (sd < 0 || (uint32_t)sd >= s->slab.frontier)
        return NULL;
    struct sock *k = slab_at(&s->slab, (uint32_t)sd);

    return k->state == SOCK_FREE ? NULL : k;
}

/**
 * sock_awake - as sock_at(), for whoever needs the block of a connection: one that rests is woken.
 *
 * It stays SOCK_TCP_IDLE when no block is left; the call then ends with sock_not_awake().
 */
static inline struct sock *sock_awake(const struct socks *s, int sd)
{
    struct sock *k = sock_at(s, sd);

    if (k != NULL && k->state == SOCK_TCP_IDLE)
        tcp_unpack(s->tcp, k->as.idle); /* sock_moved() does the rest */
    return k;
}
/** sock_not_awake - why @k, which is no SOCK_TCP_CONN, cannot do what only a connection can. */
static inline int sock_not_awake(const struct sock *k)
{
    return k->state == SOCK_TCP_IDLE ? -ENOBUFS : -ENOTCONN;
}

/** poll_touch - something about @k may be new: look at it with the next poll_wait. */
void poll_touch(struct socks *s, struct sock *k);
/** poll_forget - @k leaves its poll set, if it is in one. */
void poll_forget(struct socks *s, struct sock *k);

#endif
