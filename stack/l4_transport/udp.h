/*
 * udp.h - the User Datagram Protocol (RFC 768, RFC 1122 section 4.1).
 *
 * A socket has a local port, perhaps a local address, and, once connected, a peer. Datagrams that
 * came in wait in the packets they came in; what they hold of memory is bounded per socket
 * (rcvbuf) and for all sockets together (half of each packet pool). See udp.c, udp_queue.c.
 */
#ifndef STACKD_UDP_H
#define STACKD_UDP_H

#include "base/hash.h"
#include "l3_network/ip.h"
#include "wire/udp.h"

enum {
    UDP_TRAIN_MAX = 128, /* datagrams of one call: Linux's UDP_MAX_SEGMENTS, once 64 */
    UDP_TRAIN_CUT = 64   /* and of one packet that the wire is to cut: any Linux takes so many */
};

struct udp_config {
    uint32_t sockets;            /* at most: 4096 */
    uint32_t rcvbuf;             /* default of a socket, bytes of memory, not of payload: 425984 */
    uint16_t port_min, port_max; /* ephemeral ports, RFC 6056: 32768 ... 60999 */
    bool checksum;          /* generate checksums: true (MUST be the default, RFC 1122 4.1.3.4) */
    bool checksum_required; /* refuse datagrams without one: false */
    uint32_t members;       /* memberships in multicast groups, of all sockets: 1024 */
    uint32_t members_each;  /* of one socket: 20 */
};

/* A socket's membership in a group. */
struct udp_member {
    struct udp_member *next; /* of the same socket */
    struct ip_addr group;
    uint8_t ifi;
};

/* One socket. `open` is false in a freed record, whose first word the pool uses. */
struct udp_sock {
    struct hash_node by_port;  /* in udp->ports, once bound: among those with or without a peer */
    struct hash_node by_tuple; /* in udp->tuples, while connected */
    struct udp *udp;
    struct ready ready;
    struct ip_addr local, remote; /* IP_ADDR_ANY: all of ours; not connected */
    uint16_t lport, rport;
    uint8_t tos, ttl; /* ttl 0: the host's default */
    bool open;
    bool reuse : 1;            /* the port may be shared with others who say so too */
    bool broadcast : 1;        /* may send to broadcast addresses */
    bool local_chosen : 1;     /* the local address came from connect, not from bind */
    bool local_group : 1;      /* the local address is a broadcast or a group: to receive only */
    bool mcast_loop : 1;       /* what it sends to a group also goes to members on this host */
    uint8_t mcast_ttl;         /* of datagrams to groups; 0: not beyond this host */
    int8_t mcast_ifi;          /* through this interface; IP_ANY_IF: as the route says */
    bool gro : 1;              /* trains are read whole */
    uint16_t segment;          /* what is sent is cut in datagrams of so many bytes; 0: it is not */
    uint32_t at;               /* bytes of the oldest packet's payload that have been read: of a train */
    struct udp_member *members;
    uint32_t rcvbuf, rcv_used; /* bytes of packet memory */
    struct pktq queue;
    int error;                 /* pending, a positive errno value */
    uint64_t in, out, dropped; /* datagrams; dropped: queue full */
};

struct udp_stats {
    uint64_t in, out;   /* datagrams delivered (one per socket), sent */
    uint64_t errors_in; /* ICMP errors that reached a socket */
};

struct udp {
    struct core *c;
    struct ip_layer *ip;
    struct udp_config cfg;
    struct slab socks, members;
    struct hash ports, tuples;
    struct siphash_key key;
    uint32_t connected; /* sockets in tuples */
    uint32_t held_pkts, held_bigs; /* packets of the two pools in receive queues */
    struct udp_stats stats;
};

/* ---- setting up, by net.c ---- */
void udp_config_default(struct udp_config *cfg);
void udp_cut(struct udp *udp, const struct udp_config *cfg, struct region *r);
void udp_init(struct udp *udp, struct core *c, struct ip_layer *ip);

/** udp_input - a datagram, or a train of them (gso_size): p->l4 at its header, p->src, dst, l3_cast
 * filled; borrows @p. */
enum verdict udp_input(struct udp *udp, struct pkt *p);
/** udp_input_error - an ICMP error about a datagram of ours (RFC 1122 section 4.1.3.3). */
enum verdict udp_input_error(struct udp *udp, const struct ip_error *e);

/* ---- the user's calls, for the session layer ---- */

/** udp_open - a socket without a port; @owner: of struct ready. Return: NULL if none is left. */
struct udp_sock *udp_open(struct udp *udp, uint32_t owner);
/** udp_close - give up the port and what is queued; the record is gone. */
void udp_close(struct udp_sock *u);
/**
 * udp_bind - take a local port.
 * @local: one of ours, a broadcast or multicast address (to receive only), or IP_ADDR_ANY
 * @port:  0: one is chosen (RFC 6056)
 *
 * Return: 0. Errors: -EINVAL (bound already), -EADDRNOTAVAIL, -EADDRINUSE.
 */
int udp_bind(struct udp_sock *u, struct ip_addr local, uint16_t port);
/**
 * udp_connect - talk to this peer only, and hear of errors on the way; may be called again.
 *
 * Return: 0. Errors: -EINVAL (no peer can have this address or port), -EACCES (a broadcast, and
 * sending broadcasts is not allowed), -ENETUNREACH, -EADDRNOTAVAIL, -EADDRINUSE.
 */
int udp_connect(struct udp_sock *u, struct ip_addr remote, uint16_t port);

/**
 * udp_join - receive datagrams to @group, too.
 * @ifi: that come through this interface, or IP_ANY_IF: the one that leads to @group
 *
 * Return: 0. Errors: those of ip_group_join(); -EADDRINUSE: joined already; -ENOBUFS: too many.
 */
int udp_join(struct udp_sock *u, struct ip_addr group, int ifi);
/** udp_leave - no longer; IP_ANY_IF: the membership that is oldest. Return: 0 or -EADDRNOTAVAIL. */
int udp_leave(struct udp_sock *u, struct ip_addr group, int ifi);

/* A datagram that came in, as it lies in its packet. */
struct udp_dgram {
    struct span data[2]; /* the second is empty but after reassembly */
    uint32_t len;        /* of both */
    uint16_t segment;    /* it is several, of so many bytes each, the last perhaps shorter; 0: one */
    struct ip_addr src, dst;
    uint16_t sport, dport;
    uint8_t ifi, tos, ttl;
    enum cast cast; /* of dst */
};
/** udp_peek - the oldest datagram; valid until udp_consume. Return: whether there is one. */
bool udp_peek(const struct udp_sock *u, struct udp_dgram *d);
/** udp_consume - forget the oldest datagram; there must be one. */
void udp_consume(struct udp_sock *u);
/**
 * udp_send - send one datagram; or, where the socket has a `segment`, a train.
 * @src: our address in it; IP_ADDR_ANY: the socket's, else chosen by the route
 * @dst: IP_ADDR_ANY with @dport 0: the peer of a connected socket
 *
 * Return: @len. Errors: -EDESTADDRREQ, -EINVAL, -EMSGSIZE (longer than a datagram can be), -EACCES
 * (broadcast), -ENETUNREACH, -EADDRNOTAVAIL, -EADDRINUSE (no port left), -ENOBUFS (try again after
 * net_output).
 */
int udp_send(struct udp_sock *u, struct ip_addr src, struct ip_addr dst, uint16_t dport,
             const uint8_t *bytes, size_t len);
/**
 * udp_send_train - send datagrams of @segment bytes each, the last perhaps shorter; 0: as udp_send().
 *
 * Errors: also -EINVAL more than UDP_TRAIN_MAX, or checksums are off; -EMSGSIZE longer than the MTU.
 */
int udp_send_train(struct udp_sock *u, struct ip_addr src, struct ip_addr dst, uint16_t dport,
                   const uint8_t *bytes, size_t len, uint16_t segment);
/** udp_take_error - the pending error as a positive errno value, cleared; 0 if none. */
int udp_take_error(struct udp_sock *u);

/* ---- between udp.c and udp_queue.c ---- */

/** udp_deliver - @p waits in @u from now on. Return: V_DONE, or why something of it is lost. */
enum verdict udp_deliver(struct udp_sock *u, struct pkt *p);
/** udp_copy - a packet of his own for a second reader: a packet stands in one queue only. Or NULL. */
struct pkt *udp_copy(struct udp *udp, const struct pkt *p);

static inline bool udp_is_connected(const struct udp_sock *u)
{
    return u->rport != 0;
}
static inline bool udp_readable(const struct udp_sock *u)
{
    return u->queue.head != NULL || u->error != 0;
}

#endif
