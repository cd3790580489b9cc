/*
 * bound.h - the fake host behind the bounds: what a TAP allows when there is hardly a stack.
 *
 * It believes everything. It verifies no checksum, keeps no timer and no queue, never reorders and
 * retransmits only when nothing has moved for a while. It knows one peer (the kernel at the other end
 * of the TAP) and tells connections apart by the peer's port alone. What is left is reading frames,
 * writing frames, and the peer's own work: no stack can be faster over the same device.
 *
 *     discard, 9   counts in, acknowledges every so many frames, or when nothing more is to be read
 *     source, 19   sends as much as the peer's window takes
 *     http, 80     answers each segment that ends a request; keeps no state at all
 *     echo, 7      TCP: sends each segment back, stateless; UDP and ICMP: turns the frame round
 *
 * Replies are made in the frame that asked, so nothing is copied that need not be.
 */
#ifndef STACKD_RIVALS_BOUND_H
#define STACKD_RIVALS_BOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VNET_LEN = 10, /* struct virtio_net_hdr: the TAP's own default size */
    ETH_LEN = 14,
    IP_AT = ETH_LEN,
    TCP_AT = IP_AT + 20, /* options: the peer sends none in IP */
    TCP_HEAD = TCP_AT + 20,
    MSS = 1460,
    SUPER = 44 * MSS,      /* the most whole segments in 64 KB */
    FRAME_ROOM = 68 << 10, /* a super-frame of 65,549 bytes, and room */
    BURST = 64,            /* frames read before anything else is done */
    RING = 256 << 10,      /* a send buffer that stays in the second-level cache */
    NOBODY = 0,
    STUCK_MS = 50,         /* nothing moved for so long: a source begins again */
    STUCK_SPINS = 1 << 17, /* the same when it never sleeps: reads for nothing */
    STOP_MS = 1000, /* a signal that came just before a wait is seen this much later */
};

struct flow {
    uint32_t rcv_nxt, snd_una, snd_nxt, wnd;
    uint16_t kind; /* our port, or NOBODY */
    uint8_t shift, unacked;
};

struct bound {
    int fd;
    bool offload, copy, spin;
    unsigned ack_every; /* frames; 0: when nothing more is to be read */
    uint32_t window;    /* bytes, for all sinks together */
    uint32_t ip;
    uint8_t mac[6];
    uint8_t peer[TCP_HEAD]; /* headers of a segment to the peer, but for ports and numbers */
    struct flow *flows;     /* by the peer's port */
    uint16_t active[1024];  /* the peer's ports of sinks and sources */
    unsigned active_count, sinks, sources;
    uint32_t iss;
    uint32_t app_sum; /* of the first MSS bytes at app */
    uint8_t *app;     /* where data comes from and goes to: 64 KB */
    uint8_t *ring;    /* the send buffer of --copy */
    uint32_t ring_at;
    uint64_t frames_in, frames_out, gaps, resent;
};

/**
 * bound_input - a frame came in.
 * @vnet: VNET_LEN bytes before it belong to us too; with offload the header that came with it
 *
 * Return: the length of the frame to send back from the same place, 0 for none.
 */
size_t bound_input(struct bound *b, uint8_t *vnet, uint8_t *frame, size_t len);

/** bound_flush - acknowledge what the sinks have taken and not acknowledged. */
void bound_flush(struct bound *b);

/** bound_sources - send what the peer's windows allow. Return: how many frames. */
unsigned bound_sources(struct bound *b);

/** bound_stuck - nothing has moved for a while: let the sources begin again where the peer is. */
void bound_stuck(struct bound *b);

/** bound_write - send @len bytes at @frame (offload: and the header before them). */
void bound_write(struct bound *b, const uint8_t *frame, size_t len);

#ifdef HAVE_LIBURING
/** bound_uring - the loop, with 64 reads in flight and writes in batches, until rival_stop. */
void bound_uring(struct bound *b);
#endif

#endif
