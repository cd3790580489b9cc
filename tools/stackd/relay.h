/*
 * relay.h - what the hosts of several queues hand over to one another (struct core_twins).
 *
 * The kernel gives each frame to one queue of a TAP, and sends what belongs to a flow to the queue that
 * wrote to it last. So nearly all frames come to the host whose they are. The others:
 *
 *   concern all       ARP, ICMP but for echo requests, IGMP: each host hears them. The one where such a
 *                     packet arrived is the first; the first queue's host alone answers ARP.
 *   are for another   a segment without a connection (the kernel forgot the flow and went by its hash; a
 *                     handshake whose SYN was answered by a cookie), a datagram without a socket, a reassembled
 *                     one, a group that only one has joined. Each is asked in turn; when nobody knows
 *                     it, it comes back to where it arrived, and is answered there as one host would: by a
 *                     reset or an ICMP error.
 *
 * The hosts stand in a circle, and each hands on to the next, so there are as many rings as hosts, and each
 * has one writer and one reader (relay_ring). Packets are copied: nothing is shared but the ring. Order
 * is kept: what came behind a segment that was handed over goes the same way behind it. A full ring loses
 * packets, as a wire would, and they are counted (drop eth queue-full); nobody waits for anybody.
 *
 * No thread and no clock here: who calls relay_run() when, and what wakes the next, is up to the
 * program.
 */
#ifndef STACKD_RELAY_H
#define STACKD_RELAY_H

#include <stdatomic.h>

#include "net.h"

enum { RELAY_RING = 1 << 20 }; /* bytes: some 600 full frames, or 15 of the longest */

enum relay_kind { RELAY_STRAY, RELAY_HEARD };

/* What stands in front of a packet's bytes in a ring. */
struct relay_msg {
    uint32_t len; /* of them; RELAY_SKIP: go on at the start of the buffer */
    uint8_t kind; /* enum relay_kind */
    bool taken;   /* RELAY_HEARD: somebody could use it */
    uint8_t ifi, l2_cast;
    uint16_t origin;    /* number of the host where it arrived */
    uint16_t ethertype; /* of the frame */
    struct mac l2_src;
    uint16_t gso_size;
    uint8_t csum;
    uint16_t csum_start, csum_off; /* csum_start: from the first byte */
    uint64_t frame;
};

/* One writes, one reads. Counters only grow; what they count is taken modulo the size. */
struct relay_ring {
    uint8_t *buf;                    /* RELAY_RING bytes */
    _Alignas(64) atomic_size_t tail; /* written so far */
    _Alignas(64) atomic_size_t head; /* read so far */
};

struct relay {
    struct core_twins twins;
    struct net *net;
    uint16_t self;           /* our number, from 0 */
    struct relay *next;      /* in the circle */
    struct relay_ring in;    /* from the one before */
    void (*wake)(void *ctx); /* called when something was put into next->in; NULL: nobody sleeps */
    void *wake_ctx;
    const struct relay_msg *hearing; /* what is being heard, NULL outside relay_run() */
    uint64_t passed, lost;           /* packets handed on; those for which there was no room */
};

/**
 * relay_init - @net is one of several hosts.
 * @buf: RELAY_RING bytes for what comes in, aligned to 8
 *
 * Set @r->next before the first frame, and @r->wake if need be.
 */
void relay_init(struct relay *r, struct net *net, uint16_t self, void *buf);

/** relay_pending - has relay_run() something to do? For the reader of r->in. */
static inline bool relay_pending(struct relay *r)
{
    return atomic_load(&r->in.tail) != atomic_load_explicit(&r->in.head, memory_order_relaxed);
}

/**
 * relay_run - hear what is there, at most @max packets; net_input() has told the time.
 *
 * Return: how many.
 */
int relay_run(struct relay *r, int max);

#endif
