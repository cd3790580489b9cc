/*
 * net.h - a TCP/IP host: frames and time in, frames and the next deadline out.
 *
 * The host opens nothing, reads no clock, draws no entropy, takes no lock, prints nothing, has no
 * global variables and allocates nothing after net_init(). Hence the same object code runs on a
 * TAP, on a raw interface and in virtual time, and the same (configuration, seed, frames, times,
 * calls) always give the same frames.
 *
 *     net_init(&n, &cfg, mem, net_mem_size(&cfg));
 *     for (;;) {
 *         wait for a frame, or until net_deadline(&n);
 *         net_input(&n, frames, count, now);          // count may be 0: only time passes
 *         ... the services run: sock_*(), poll_wait(net_socks(&n), ...) ...
 *         while ((k = net_output(&n, out, MAX, now)) > 0)
 *             send them, then pkt_release() each;
 *     }
 *
 * stack/README.md follows a packet through all of it.
 */
#ifndef STACKD_NET_H
#define STACKD_NET_H

#include "base/core.h"
#include "l2_link/arp.h"
#include "l2_link/eth.h"
#include "l3_network/icmp4.h"
#include "l3_network/ip4.h"
#include "l3_network/route.h"
#include "l4_transport/tcp.h"
#include "l4_transport/udp.h"
#include "l5_session/poll.h"
#include "l5_session/sock.h"

enum { NET_IFS = 4, NET_IF_ADDRS = 4 };
enum { NET_STREAM_TWIN = 0x1000 }; /* random streams of hosts that share a seed begin here */

/* One interface and its addresses. */
struct net_if_config {
    struct mac mac;
    uint16_t mtu;
    /* TCP/IPv4 datagrams of up to so many bytes may leave in one frame with gso_size set, which the
     * wire cuts (base/pkt.h); 0: none longer than the MTU. Those that come in are always taken. */
    uint16_t gso_max;
    struct { uint32_t ip; uint8_t prefix; } addr[NET_IF_ADDRS];
    uint8_t addr_count;
    struct arp_config arp;
};

struct net_config {
    char name[32];  /* of the host, in traces */
    uint64_t seed;  /* every secret and every random choice comes from it */
    uint32_t twin;  /* number among hosts that share addresses and secrets (base/core.h): 0 */
    net_time start; /* the moment of net_init(), >= 0 */
    struct net_if_config ifs[NET_IFS];
    uint8_t if_count;
    uint32_t gateway;   /* default route, 0: none */
    uint32_t packets;   /* packets of one frame: 4096 */
    uint32_t bigs;      /* packets of 64 KiB: 128 */
    size_t buffer_bytes;/* arena of the socket buffers: 256 MiB, touched only as far as used */
    uint32_t txq;       /* frames that may wait for net_output(): 1024 */
    struct ip_config ip;
    struct udp_config udp;
    struct tcp_config tcp;
    struct socks_config socks;
};

struct net_if {
    struct eth eth;
    struct arp arp;
};

struct net {
    struct core core;
    struct eth_txq txq;
    struct net_if ifs[NET_IFS];
    uint8_t if_count;
    struct ip_layer ip;
    struct udp udp;
    struct tcp tcp;
    struct socks *socks;
    size_t mem_used;
};

/** net_config_default - one interface, 10.0.0.2/24, MTU 1500, the defaults of every layer. */
void net_config_default(struct net_config *cfg);

/** net_mem_size - bytes of memory that net_init() wants for @cfg. */
size_t net_mem_size(const struct net_config *cfg);

/**
 * net_init - bring a host to life.
 * @n:       the host; must not move afterwards
 * @mem:     zero-filled, at least net_mem_size(@cfg) bytes, aligned to 64; stays the caller's and
 *           must outlive the host. Untouched pages stay untouched: a large mapping costs nothing.
 *
 * Return: 0.
 * Errors: -ENOMEM @mem is too small; -EINVAL an address, prefix or route that makes no sense.
 */
int net_init(struct net *n, const struct net_config *cfg, void *mem, size_t mem_len);

/**
 * net_input - take frames that arrived, and let time pass to @now.
 * @in:    @count packets of n->core.pkts or bigs, with p->ifi set; they are the stack's afterwards
 * @now:   not before any earlier @now
 */
void net_input(struct net *n, struct pkt **in, size_t count, net_time now);

/**
 * net_output - frames that are due.
 * @out:   receives up to @max packets; the caller's, to be sent and given back by pkt_release().
 *         External spans in them are valid until the next call into the stack.
 *
 * Return: how many; 0: nothing is due at @now.
 */
size_t net_output(struct net *n, struct pkt **out, size_t max, net_time now);

/** net_deadline - when net_input() or net_output() must be called at the latest; NET_NEVER: idle. */
net_time net_deadline(const struct net *n);

/** net_pkt - an empty packet for a received frame; NULL when the pool is exhausted. */
struct pkt *net_pkt(struct net *n);

/**
 * net_hear - take what a twin has handed over (struct core_twins); net_input() has told the time.
 * @p: an IPv4 datagram or an ARP packet without its Ethernet header, with ifi, frame, ethertype, l2_cast,
 *     l2_src and the offload's fields as they were; the stack's afterwards
 *
 * A capture has seen it where it arrived, so it is not shown again.
 */
void net_hear(struct net *n, struct pkt *p);

/** net_set_twins - @t must outlive the host; NULL: none. */
static inline void net_set_twins(struct net *n, const struct core_twins *t) { n->core.twins = t; }

/**
 * net_set_tap - see every frame at the host's boundary, in the order of p->frame.
 *
 * Called for a frame that comes in before it is processed, for one that goes out when it is
 * complete (a CSUM_PARTIAL checksum aside), in both cases before the events about it are traced. A
 * frame that a bad wire (imp.h) loses on its way in is seen as well, with its number, though nobody
 * processes it: p->faults says so.
 */
void net_set_tap(struct net *n, void (*tap)(void *ctx, const struct pkt *p, bool out), void *ctx);

static inline struct socks *net_socks(struct net *n) { return n->socks; }

/**
 * net_spare - memory of the region that was in use and is not any more: what it holds does not matter.
 *
 * After a rush, when connections have come to rest. The owner of the region may give the pages that lie
 * in it back to the system.
 * Return: a piece of it, each of which is told once; len 0: there are no more.
 */
struct mspan net_spare(struct net *n);

/** net_connections - TCP connections of every kind, for tests: 0 when all is over. */
uint32_t net_connections(const struct net *n);

#endif
