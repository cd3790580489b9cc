/*
 * sock.h - BSD-like calls on the stack, all of them non-blocking.
 *
 * A socket is a small number, as a file descriptor is. Every call returns at once: bytes or 0, else
 * a negative errno value (-EAGAIN: not now; wait for readiness with poll.h). Nothing is sent from
 * inside a call; what is due leaves with the next net_output().
 */
#ifndef STACKD_SOCK_H
#define STACKD_SOCK_H

#include "base/core.h"
#include "base/sendq.h"

struct tcp;
struct udp;
struct socks; /* the sockets of one host: sock.c */

enum sock_kind { SOCK_KIND_TCP, SOCK_KIND_UDP };
enum sock_how { SOCK_SHUT_RD, SOCK_SHUT_WR, SOCK_SHUT_RDWR };
enum sock_flag { SOCK_MSG_PEEK = 1, SOCK_MSG_MORE = 2, SOCK_MSG_OOB = 4 }; /* OOB: TCP's urgent data */

enum sock_opt {
    SOCK_OPT_REUSEADDR, /* bool: bind although TIME-WAIT connections hold the port */
    SOCK_OPT_NODELAY,   /* bool: no Nagle */
    SOCK_OPT_CORK,      /* bool: SOCK_MSG_MORE with every send, until it is taken back; what is held
                         * leaves after one RTO all the same, 200 ms at least */
    SOCK_OPT_LINGER,    /* -1 off (default), 0 abort on close, else seconds */
    SOCK_OPT_SNDBUF,    /* bytes; unless set it grows with the congestion window */
    SOCK_OPT_RCVBUF,    /* bytes; bounds the window it leads to; unless set it grows with the rate */
    SOCK_OPT_KEEPALIVE, /* bool, off: probe the peer of an idle connection */
    SOCK_OPT_TOS,       /* 0...255; TCP leaves the two bits of ECN alone */
    SOCK_OPT_TTL,       /* 1...255, or -1 for the default */
    SOCK_OPT_BROADCAST, /* bool: UDP may send to broadcast addresses */
    SOCK_OPT_ERROR,     /* get only: pending error as positive errno, cleared by reading */
    SOCK_OPT_SOFT_ERROR, /* get only: of the connection as it is: retransmissions or ICMP tell of
                          * trouble (RFC 9293 section 3.9.2.2); positive errno, 0 after progress */
    SOCK_OPT_USER_TIMEOUT, /* milliseconds that data may wait for their ACK, or for a window, before they
                            * end the connection; 0: default R2 */
    SOCK_OPT_KEEP_IDLE,    /* seconds of silence before the first keep-alive, 1...32767 */
    SOCK_OPT_KEEP_INTERVAL, /* seconds between two of them, 1...32767 */
    SOCK_OPT_KEEP_COUNT,   /* unanswered ones before the connection ends, 1...127 */
    SOCK_OPT_SYN_COUNT,    /* retransmissions of a SYN before connect fails, 1...127 */
    SOCK_OPT_CONGESTION,   /* index of the congestion control, see cc_by_name() */
    SOCK_OPT_MAXSEG,       /* bytes; before connect or listen */
    SOCK_OPT_FASTOPEN,     /* RFC 7413, of a listener: requests with data in the SYN that may be
                            * pending, 0: none (default); such data may come twice */
    SOCK_OPT_FASTOPEN_CONNECT, /* bool, before connect: where a cookie is known the SYN waits for the first
                                * write and carries it; sock_connect() is 0 then, and else asks for one */
    SOCK_OPT_QUICKACK,     /* bool, of this moment as in Linux: the next ACKs are not delayed, or they are */
    SOCK_OPT_MULTICAST_TTL,  /* 0...255, of UDP datagrams to groups: 1; 0: not beyond this host */
    SOCK_OPT_MULTICAST_LOOP, /* bool: they also go to members on this host; on */
    SOCK_OPT_MULTICAST_IF,   /* through which interface, its number; -1: as the route says */
    SOCK_OPT_UDP_SEGMENT,  /* 0...65535, as Linux's UDP_SEGMENT: what one call sends leaves as datagrams of so
                            * many bytes each, at most 128, the last perhaps shorter; 0: as one */
    SOCK_OPT_UDP_GRO,      /* bool, as Linux's: datagrams that the wire has joined are read with one call;
                            * sock_msg.segment tells */
    SOCK_OPT_OOB_INLINE,   /* bool, on: urgent data are part of the stream (RFC 6093 section 6) */
    SOCK_OPT_AT_MARK,      /* get only: is the last urgent byte the next one to be read? */
    SOCK_OPT_URGENT_LEFT   /* get only: bytes to be read until nothing is urgent any more */
};

struct sock_addr {
    struct ip_addr ip; /* IP_ADDR_ANY: all of ours */
    uint16_t port;     /* 0: one is chosen */
};

/** sock_open - Return: a socket, or -EMFILE. */
int sock_open(struct socks *s, enum sock_kind kind);
/** sock_bind - Errors: -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (bound already), -EBADF. */
int sock_bind(struct socks *s, int sd, const struct sock_addr *a);
/** sock_listen - @backlog: accept queue, 0 for the host's default. Errors: -EADDRINUSE, -EINVAL. */
int sock_listen(struct socks *s, int sd, int backlog);
/** sock_accept - Return: a new socket. Errors: -EAGAIN, -EMFILE, -EINVAL (not listening). */
int sock_accept(struct socks *s, int sd, struct sock_addr *peer);
/** sock_connect - TCP: -EINPROGRESS, then SOCK_OUT or an error; UDP: 0. Errors: -ENETUNREACH,
 * -EADDRNOTAVAIL, -EISCONN, -EALREADY, -EINVAL (broadcast, multicast, port 0). */
int sock_connect(struct socks *s, int sd, const struct sock_addr *peer);

/** sock_send - Return: bytes taken, perhaps fewer. Errors: -EAGAIN, -EPIPE, -ENOTCONN, -ECONNRESET,
 * -ETIMEDOUT, -EMSGSIZE (UDP), -EHOSTUNREACH... (a pending error is reported once). */
int sock_send(struct socks *s, int sd, const void *bytes, size_t len, unsigned flags);
/** sock_recv - Return: bytes; 0: end of stream (TCP). Errors: -EAGAIN, -ECONNRESET, -ENOTCONN... */
int sock_recv(struct socks *s, int sd, void *bytes, size_t len, unsigned flags);
/** sock_connect_send - connect, with data in the SYN where the peer lets us (sendto(MSG_FASTOPEN)).
 * Return: bytes taken; -EINPROGRESS: none, the SYN asks for a cookie. Errors: as sock_connect and
 * sock_send; -EOPNOTSUPP: the host has no Fast Open. */
int sock_connect_send(struct socks *s, int sd, const struct sock_addr *peer, const void *bytes,
                      size_t len, unsigned flags);
int sock_sendto(struct socks *s, int sd, const void *bytes, size_t len, const struct sock_addr *to);
/** sock_recvfrom - one datagram; the rest of one that is longer than @len is lost. */
int sock_recvfrom(struct socks *s, int sd, void *bytes, size_t len, struct sock_addr *from);

/* All that is to be said about a datagram but its bytes (RFC 1122 section 4.1.3.5, 3.4). */
struct sock_msg {
    struct sock_addr peer;  /* who sent it; to whom */
    struct sock_addr local; /* to which of our addresses it came, perhaps a broadcast; from which */
    enum cast cast;         /* of its destination; receiving only, like the rest */
    uint8_t ifi, tos, ttl;  /* of the interface; as on the wire */
    uint16_t segment;       /* several datagrams of so many bytes each (SOCK_OPT_UDP_GRO); to be cut so */
    size_t len;             /* of the whole datagram, also where the buffer was shorter */
};
/** sock_recvmsg - as sock_recvfrom, UDP only. @m may be NULL. */
int sock_recvmsg(struct socks *s, int sd, void *bytes, size_t len, struct sock_msg *m);
/**
 * sock_sendmsg - as sock_sendto, UDP only, from m->local.ip; a service that answers from the
 * address it was asked at passes on the struct sock_msg it received, unless the cast was not
 * unicast (then it sets local.ip to IP_ADDR_ANY, or uses sock_sendto). Several datagrams that were
 * received at once are then answered by as many.
 */
int sock_sendmsg(struct socks *s, int sd, const void *bytes, size_t len, const struct sock_msg *m);

/**
 * sock_peek - look at received bytes where they lie, without a copy.
 * @out: the first two pieces, the second empty where all is in one
 *
 * Long segments lie where they came in, each for itself (base/recvq.h): there may be more than the two
 * pieces show. To who takes nothing of them, all is shown the next time, if there is memory for it; no event
 * tells to look again.
 * Return: bytes that can be read, and so be consumed; 0: end of stream. Errors: as sock_recv. Valid until
 * bytes are taken off @sd, it is asked again, or the host runs on; sending on it does no harm.
 * For UDP: the oldest datagram, @from it (may be NULL); sock_consume() with any length forgets it.
 */
int sock_peek(struct socks *s, int sd, struct span out[2], struct sock_addr *from);
/** sock_consume - take @len peeked bytes off the stream; for UDP the whole datagram. */
int sock_consume(struct socks *s, int sd, size_t len);
/**
 * sock_reserve - room in the send buffer to write into (TCP).
 *
 * Return: bytes in @out, at most @want, in one piece. Errors: as sock_send. Valid until the next call.
 */
int sock_reserve(struct socks *s, int sd, size_t want, struct mspan *out);
/** sock_commit - the first @len bytes of the reserved room are data now. */
int sock_commit(struct socks *s, int sd, size_t len, unsigned flags);
/**
 * sock_send_ref - send bytes from where they lie, without a copy (TCP).
 * @what: lent from a successful return on until what->release(what->ctx) is called, once: when the peer
 *        has acknowledged the last of them, or the connection has gone, perhaps from inside sock_close().
 *        Until then they neither move nor change. It must not call into the stack.
 *
 * Whole or not at all: it costs no buffer, so it may be longer than the room there is, as long as there
 * is any. Pays from about a kilobyte on.
 * Return: what->bytes.len. Errors: as sock_send; -ENOBUFS no record is left: send a copy; -EMSGSIZE more
 * than SENDQ_LENT_MAX. Then nothing is released.
 */
int sock_send_ref(struct socks *s, int sd, const struct lent *what, unsigned flags);

int sock_shutdown(struct socks *s, int sd, enum sock_how how);
/** sock_close - the number is free at once; a connection ends in its own time (SOCK_OPT_LINGER). */
int sock_close(struct socks *s, int sd);
/** sock_abort - close with a reset. */
int sock_abort(struct socks *s, int sd);
int sock_setopt(struct socks *s, int sd, enum sock_opt opt, int64_t value);
int sock_getopt(struct socks *s, int sd, enum sock_opt opt, int64_t *value);
/**
 * sock_group_join - a UDP socket becomes a member of a multicast group (IP_ADD_MEMBERSHIP).
 * @ifi: on this interface; -1: on the one that leads to the group
 *
 * It receives what comes to @group and to its own port, as do all other sockets that joined; several
 * may have the port where all say SOCK_OPT_REUSEADDR. Closing the socket ends its memberships.
 * Return: 0. Errors: -EINVAL no group, -ENODEV, -EADDRINUSE joined already, -ENOBUFS, -EOPNOTSUPP.
 */
int sock_group_join(struct socks *s, int sd, struct ip_addr group, int ifi);
/** sock_group_leave - IP_DROP_MEMBERSHIP. Errors: -EADDRNOTAVAIL not a member, -EOPNOTSUPP. */
int sock_group_leave(struct socks *s, int sd, struct ip_addr group, int ifi);
int sock_name(struct socks *s, int sd, struct sock_addr *a);
int sock_peer(struct socks *s, int sd, struct sock_addr *a);

/* One line of `stackctl sock`, for UDP; tcp_each() tells about TCP. */
struct sock_info {
    enum sock_kind kind;
    int sd;
    struct sock_addr local, remote;
    const char *state;             /* UNCONN, or ESTAB when connected */
    uint32_t snd_queue, rcv_queue; /* bytes of packet memory */
    uint32_t rcvbuf;
    uint64_t in, out, dropped;     /* datagrams */
};
/** sock_each - visit all UDP sockets; @*at starts at 0. Return: false at the end. */
bool sock_each(struct socks *s, uint32_t *at, struct sock_info *info);
/** sock_pending - has any poll set something to report right now? Then do not sleep. */
bool sock_pending(struct socks *s);

/* Setting up, by net.c. */
struct socks_config {
    uint32_t sockets; /* at most */
    uint32_t polls;   /* poll sets at most */
};
size_t socks_size(void); /* of struct socks, for the cut */
/** socks_cut - @s may be NULL when @r only measures. */
void socks_cut(struct socks *s, const struct socks_config *cfg, struct region *r);
void socks_init(struct socks *s, struct core *c, struct tcp *tcp, struct udp *udp);

#endif
