/*
 * offload.h - what a wire does for a host, and what is done in its place when it cannot.
 *
 * Linux's TAP speaks of offload in the ten bytes of struct virtio_net_hdr (virtio 1.2, section
 * 5.1.6) in front of each frame, in the byte order of the machine. We translate:
 *
 *   NEEDS_CSUM in   the frame comes from a stack on this machine that left the checksum to the
 *                   wire, and there is no wire: CSUM_PARTIAL, as good as verified. No remote
 *                   machine can set it: what came over a real wire carries real checksums.
 *   DATA_VALID in   somebody says he has checked. On a bridge that can be the network card's
 *                   opinion about a frame of a stranger, so it is CSUM_NONE: we check ourselves.
 *   CSUM_PARTIAL out  NEEDS_CSUM with start and offset counted from the beginning of the frame.
 *   gso_size, both    TCPV4 with the size of a piece, or UDP_L4 (a train of datagrams of that size, the
 *                     last perhaps shorter); only together with a partial checksum at the place of that
 *                     protocol, on a whole TCP or UDP datagram over IPv4 whose headers are all there.
 *                     The other types were never asked for: refused; there is no TSO6 as there is no
 *                     IPv6 in the stack. hdr_len is a hint and not believed. A size that the payload
 *                     does not exceed says nothing: an ordinary segment or datagram.
 *   UDP_L4 over IPv6, in   is handed over by whoever hands over UDP_L4 (tap.c): a frame like any other
 *                     over IPv6, which the link layer refuses and counts as such (drop eth type).
 *
 * For a wire that cannot segment, offload_cut_next() cuts one large segment or a train into frames, as
 * a network card would; offload_cut_pkt() does so for the bad wire, on which the fate of each frame
 * is its own. Identifications count up from that of the large one. Pure functions: no input or output
 * here.
 */
#ifndef STACKD_OFFLOAD_H
#define STACKD_OFFLOAD_H

#include "base/pkt.h"

enum { OFFLOAD_VNET_LEN = 10 };

/**
 * offload_from_vnet - take over the metadata that the device put in front of the frame @p.
 *
 * Return: whether they fit the frame; if not, the frame is to be refused.
 */
bool offload_from_vnet(struct pkt *p, const uint8_t *hdr);

/** offload_to_vnet - write the header for @p; @cuts: the device makes pieces of it. */
void offload_to_vnet(const struct pkt *p, uint8_t *hdr, bool cuts);

/* Cutting one large segment, or a train of datagrams. */
struct offload_cut {
    const struct pkt *p;
    uint32_t l3, l4, payload; /* offsets from the start of the frame */
    uint32_t total, at;       /* end of the payload; next byte of it to be sent */
    uint16_t pieces;          /* so far */
    bool is_udp;
};

/** offload_cut_begin - Return: whether @p is a frame of TCP or UDP over IPv4 that can be cut. */
bool offload_cut_begin(struct offload_cut *c, const struct pkt *p);
/**
 * offload_cut_next - write the next frame, with complete checksums, to @out.
 *
 * Return: its length; 0: that was all, or it does not fit into @cap bytes.
 */
size_t offload_cut_next(struct offload_cut *c, uint8_t *out, size_t cap);
/**
 * offload_cut_pkt - the same as a packet of its own, for a wire that is simulated frame by frame.
 * @pkts: for frames of the MTU
 * @bigs: for longer ones
 * @out:  receives the packet, the caller's; NULL when none was left: this piece is lost
 *
 * Return: whether there was a piece.
 */
bool offload_cut_pkt(struct offload_cut *c, struct pkt_pool *pkts, struct pkt_pool *bigs,
                     struct pkt **out);

#endif
