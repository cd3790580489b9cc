/*
 * sock_priv.h - what sock.c, sock_opt.c and poll.c share: the record of a socket.
 */
#ifndef STACKD_SOCK_PRIV_H
#define STACKD_SOCK_PRIV_H

#include "l4_transport/tcp.h"
#include "l4_transport/udp.h"
#include "l5_session/poll.h"

/* What a socket number stands for. SOCK_FREE is 0: the table begins zero-filled. */
enum sock_state { SOCK_FREE, SOCK_TCP_NEW, SOCK_TCP_LISTEN, SOCK_TCP_CONN, SOCK_UDP };

#define SOCK_NONE UINT32_MAX /* ends a list of socket numbers */
enum { SOCK_LINGER_OFF = -1 };
enum { SOCK_SET_MAX = 255 }; /* poll sets: their numbers fit a byte */

struct sock {
    /* In the ready list of its poll set; the pool uses them in a free record. */
    uint32_t next, prev;
    uint64_t cookie; /* of poll_add */
    union {
        struct tcb *t;          /* SOCK_TCP_CONN */
        struct tcp_listener *l; /* SOCK_TCP_LISTEN */
        struct udp_sock *u;     /* SOCK_UDP */
        struct {                /* SOCK_TCP_NEW; 0: the host's default */
            uint32_t sndbuf, rcvbuf;
            uint16_t fo_qlen;
            bool fo_connect;
        } buf;
    } as;
    struct ip_addr ip; /* as bound, TCP */
    uint16_t port;
    uint16_t maxseg;
    uint8_t state;   /* enum sock_state */
    uint8_t set;     /* number of its poll set + 1, 0: none */
    uint8_t want;    /* enum sock_event */
    bool bound : 1;  /* TCP */
    bool edge : 1;   /* POLL_EDGE */
    bool listed : 1; /* in the ready list of its poll set */
    bool cork : 1; /* of a connection or, before, of what it will begin with */
    bool nodelay : 1, reuse : 1, oob_inline : 1;
    bool rd_shut : 1, wr_shut : 1; /* UDP; TCP knows by itself */
    uint8_t tos, ttl, cc;          /* ttl 0, cc 0xff: the host's default */
    int32_t linger;
};
static_assert(sizeof(struct sock) <= 64, "a socket is one cache line");

struct poll_set {
    bool open;
    uint32_t first, last, count; /* of the ready list, SOCK_NONE when empty */
};

struct socks {
    struct core *c;
    struct tcp *tcp;
    struct udp *udp;
    struct slab slab;
    struct poll_set *sets;
    struct tcp_patience *wishes; /* by number; of sockets that are SOCK_TCP_NEW */
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

/** poll_touch - something about @k may be new: look at it with the next poll_wait. */
void poll_touch(struct socks *s, struct sock *k);
/** poll_forget - @k leaves its poll set, if it is in one. */
void poll_forget(struct socks *s, struct sock *k);

#endif
