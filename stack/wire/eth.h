/*
 * eth.h - the Ethernet II header (IEEE 802.3 clause 3.2, RFC 894): destination, source, type.
 *
 * A type below 0x0600 is an IEEE 802.3 length and no type at all.
 */
#ifndef STACKD_WIRE_ETH_H
#define STACKD_WIRE_ETH_H

#include "wire/bytes.h"

enum { ETH_DST = 0, ETH_SRC = 6, ETH_TYPE = 12, ETH_HDR_LEN = 14 };
enum { ETH_MIN_LEN = 60 }; /* the shortest frame, without its FCS */

enum eth_type {
    ETH_TYPE_MIN = 0x0600,
    ETH_TYPE_IP4 = 0x0800,
    ETH_TYPE_ARP = 0x0806,
    ETH_TYPE_VLAN = 0x8100,
    ETH_TYPE_IP6 = 0x86dd,
    ETH_TYPE_QINQ = 0x88a8,
};

struct eth_hdr {
    struct mac dst, src;
    uint16_t type;
};

static inline enum verdict eth_parse(struct eth_hdr *h, struct span s)
{
    if (s.len < ETH_HDR_LEN)
        return V_DROP_ETH_SHORT;
    h->dst = get_mac(s.p + ETH_DST);
    h->src = get_mac(s.p + ETH_SRC);
    h->type = get16(s.p + ETH_TYPE);
    return V_NEXT;
}

/** eth_emit - write the header; @p has ETH_HDR_LEN bytes. */
static inline void eth_emit(const struct eth_hdr *h, uint8_t *p)
{
    put_mac(p + ETH_DST, h->dst);
    put_mac(p + ETH_SRC, h->src);
    put16(p + ETH_TYPE, h->type);
}

#endif
