/*
 * eth.h - framing: who a frame is for, and how one leaves (IEEE 802.3, RFC 894, RFC 1122 section 2.3).
 */
#ifndef STACKD_ETH_H
#define STACKD_ETH_H

#include "base/core.h"
#include "wire/eth.h"

enum { ETH_GROUPS = 64 };

/* Frames on their way out, of all interfaces of a host; net_output() empties it. */
struct eth_txq {
    struct pktq q;
    uint32_t max;
    /* Called for each frame once it is complete: numbers it, shows it to a capture. net.c's. */
    void (*framed)(void *ctx, struct pkt *p);
    void *ctx;
};

/* One interface. */
struct eth {
    struct core *c;
    struct eth_txq *txq;
    struct mac mac;
    uint16_t mtu;
    uint16_t gso_max; /* bytes of a datagram that the wire cuts into frames for us; 0: it does not */
    uint8_t ifi; /* number of the interface in its host */
    uint8_t group_count;
    struct {
        struct mac mac;
        uint16_t users;
    } group[ETH_GROUPS]; /* multicast groups joined, beside that of all hosts */
    uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
};

/** eth_init - @e is interface @ifi of its host; it never cuts, unless gso_max is set afterwards. */
void eth_init(struct eth *e, struct core *c, struct eth_txq *txq, uint8_t ifi, struct mac mac,
              uint16_t mtu);

/**
 * eth_input - check the header, fill l2, l2_cast, l2_src and ethertype of @p, pull the header.
 *
 * Return: V_NEXT with p->ethertype set to one that somebody speaks, or a reason.
 */
enum verdict eth_input(struct eth *e, struct pkt *p);

/**
 * eth_output - frame @p for @dst and queue it; takes the caller's reference.
 * Errors: a full queue refuses the packet (V_DROP_ETH_TXQ_FULL), which is counted.
 */
void eth_output(struct eth *e, struct pkt *p, struct mac dst, uint16_t type);

/** eth_join, eth_leave - receive a multicast group; counted. Return: 0 or -ENOBUFS. */
int eth_join(struct eth *e, struct mac group);
void eth_leave(struct eth *e, struct mac group);

#endif
