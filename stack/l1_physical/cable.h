/*
 * cable.h - two hosts, one cable, both directions at once, no I/O.
 *
 * Each direction is a chain of imp.h: a queue in front of a transmitter of a certain rate, the
 * propagation delay, and whatever damage is asked for. Serialisation and propagation add: a frame
 * of L bits leaves the cable L / rate + delay after the transmitter was free for it.
 *
 * On its way a frame stays in the sender's packet, so that the sender's trace tells by number
 * which of its frames was lost; at the far end it is copied into a packet of the receiver: hosts
 * share nothing. A receiver without a free packet loses the frame, as a network card does
 * (V_DROP_PKT_POOL, its own counter).
 *
 * A wire without time or damage needs none of that: cable_lend() turns a frame into one of the other
 * end where it lies, with its external span, for a caller that hands it on at once.
 *
 * Checksums that the sender left to the wire are completed at the edge, unless `offload`
 * is set: then CSUM_PARTIAL and gso_size cross the cable as they do between two virtual
 * interfaces of a kernel. Without it no host on the cable may be configured to send super-frames.
 */
#ifndef STACKD_CABLE_H
#define STACKD_CABLE_H

#include "l1_physical/imp.h"

struct cable_end {
    struct core *c;
    uint8_t ifi;          /* number of the interface there */
    struct imp_chain out; /* from this end to the other */
};

struct cable {
    struct cable_end end[2];
    bool offload;
};

/** cable_cut - cut room for @held frames under way in each direction; touches nothing. */
void cable_cut(struct cable *cb, struct region *r, uint32_t held);

/** cable_init - connect interface @ifi_a of @a, end 0, with @ifi_b of @b, end 1; a good wire. */
void cable_init(struct cable *cb, struct core *a, uint8_t ifi_a, struct core *b, uint8_t ifi_b,
                uint64_t seed);

/** cable_set - rate, delay, queue and damage of what end @from sends; as imp_set(). */
int cable_set(struct cable *cb, unsigned from, const struct imp_config *cfg);

/** cable_push - end @from sends @p at @now; takes the caller's reference. */
void cable_push(struct cable *cb, unsigned from, struct pkt *p, net_time now);

/** cable_pop - the next frame that reached end @to until @now, in a packet of that host with ifi
 * set, the caller's; NULL: none. */
struct pkt *cable_pop(struct cable *cb, unsigned to, net_time now);

/**
 * cable_lend - make @p, sent by end @from, a frame that arrives at the other end, without a copy.
 *
 * The packet remains one of the sender's pool, and its external span lies in the sender's memory: the
 * caller gives it to net_input() of the other host before the sending host does anything else. Two hosts
 * that run in one thread only.
 * Return: whether it can be: nothing is configured that would happen to it on its way, and nobody else
 * keeps it. If not, nothing has changed: cable_push().
 */
bool cable_lend(struct cable *cb, unsigned from, struct pkt *p);

/** cable_deadline - when cable_pop() has something for either end. */
net_time cable_deadline(const struct cable *cb);

/** cable_flush - unplug: all frames under way are gone. */
void cable_flush(struct cable *cb);

#endif
