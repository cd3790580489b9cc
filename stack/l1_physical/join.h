/*
 * join.h - segments that come one behind the other are joined to one large one.
 *
 * What a sender with a window of a megabyte has to say comes as trains of full segments that differ in
 * nothing but their number. Each of them costs a walk through Ethernet, IP and TCP; joined at the edge, a
 * train costs one. A TAP with segmentation offload hands over trains that were never taken apart, and there
 * is nothing to join; where a wire has frames, we do what Linux calls generic receive offload (GRO,
 * `ethtool -K eth0 gro on`), between two looks at the device: what port_recv() reads in one call is joined,
 * and nothing waits for what may come.
 *
 * A *run* begins with a segment of TCP over IPv4: with data, no flag but ACK, no options of IP, no fragment,
 * as long as its header says, to our address. The next segment of the connection joins if it is the next in
 * the order of its bytes, no longer than the first, and the same in all that says something: addresses,
 * ports, type of service with its ECN bits, time to live, acknowledgment, window, options of TCP. The
 * identification is not compared: it says something about fragments only, and these are none (RFC 6864).
 * Any other segment of the connection ends the run and stands behind it: the order of one connection is
 * kept, that of two with each other is not. A shorter segment is the last of its run, and so is one with PSH,
 * which ends what somebody wrote.
 *
 * Nobody checks a joined segment again, so each is checked before it joins: the header of IP, and TCP's
 * checksum, by the pass that copies the data (csum_copy). One that is wrong stays a frame of its own, which
 * the stack refuses and counts as ever.
 *
 * The joined segment is the one that the sender would have sent had the wire been wide enough: lengths and both
 * checksums are right, gso_size says how it was cut (but for the identifications offload_cut_next() would
 * cut it so again), and it is CSUM_VERIFIED. The first frame is moved only when a second one joins it. With
 * no large packet left frames go on one by one.
 *
 * Pure, like the core: no input or output here.
 */
#ifndef STACKD_JOIN_H
#define STACKD_JOIN_H

#include "base/pkt.h"

enum {
    JOIN_RUNS = 8,   /* connections whose segments may come in turn */
    JOIN_MIN = 512,  /* payload of the first: below, nobody is in a hurry to get much across */
    JOIN_MAX = 65535 /* an IP datagram's length */
};

struct join_run {
    uint8_t ends[12]; /* both addresses and ports, as in the frame */
    uint16_t size;    /* payload of the first */
    uint16_t pieces;  /* so far */
    bool is_moved;    /* to a large packet */
    uint32_t hdr;     /* bytes of a frame in front of its payload */
    uint32_t next;    /* the number that is to follow */
    uint64_t sum;     /* of the payload, once it has been moved */
    struct pkt **at;  /* where it stands in the batch */
};

struct join {
    struct join_run run[JOIN_RUNS];
    unsigned count, turn;
};

/**
 * join_frame - @p, just read, is the next frame of a batch.
 * @us:   our link-layer address: what is for others is left alone
 * @bigs: for what is joined
 * @at:   where @p will stand in the batch if it is not taken; what stood there before may be exchanged
 *        for a large packet
 *
 * Return: whether its bytes were taken into an earlier packet; @p itself stays the caller's.
 */
bool join_frame(struct join *j, struct mac us, struct pkt_pool *bigs, struct pkt *p,
                struct pkt **at);

/** join_end - the batch is complete: what was joined gets its lengths and checksums. */
void join_end(struct join *j);

#endif
