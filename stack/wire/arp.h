/*
 * arp.h - the ARP packet for IPv4 over Ethernet (RFC 826): who has tpa? tell spa.
 */
#ifndef STACKD_WIRE_ARP_H
#define STACKD_WIRE_ARP_H

#include "wire/bytes.h"

enum {
    ARP_HTYPE = 0, ARP_PTYPE = 2, ARP_HLEN = 4, ARP_PLEN = 5, ARP_OP = 6,
    ARP_SHA = 8, ARP_SPA = 14, ARP_THA = 18, ARP_TPA = 24, ARP_PKT_LEN = 28
};
enum { ARP_HTYPE_ETH = 1, ARP_PTYPE_IP4 = 0x0800 };
enum arp_op { ARP_REQUEST = 1, ARP_REPLY = 2 };

/* RFC 826's names: sender and target, hardware and protocol address. */
struct arp_pkt {
    uint16_t op;
    struct mac sha, tha;
    uint32_t spa, tpa;
};

static inline enum verdict arp_parse(struct arp_pkt *a, struct span s)
{
    if (s.len < ARP_PKT_LEN)
        return V_DROP_ARP_SHORT;
    if (get16(s.p + ARP_HTYPE) != ARP_HTYPE_ETH || get16(s.p + ARP_PTYPE) != ARP_PTYPE_IP4 ||
        s.p[ARP_HLEN] != 6 || s.p[ARP_PLEN] != 4)
        return V_DROP_ARP_TYPE;
    a->op = get16(s.p + ARP_OP);
    if (a->op != ARP_REQUEST && a->op != ARP_REPLY)
        return V_DROP_ARP_OP;
    a->sha = get_mac(s.p + ARP_SHA);
    a->spa = get32(s.p + ARP_SPA);
    a->tha = get_mac(s.p + ARP_THA);
    a->tpa = get32(s.p + ARP_TPA);
    return V_NEXT;
}

/** arp_emit - write the packet; @p has ARP_PKT_LEN bytes. */
static inline void arp_emit(const struct arp_pkt *a, uint8_t *p)
{
    put16(p + ARP_HTYPE, ARP_HTYPE_ETH);
    put16(p + ARP_PTYPE, ARP_PTYPE_IP4);
    p[ARP_HLEN] = 6;
    p[ARP_PLEN] = 4;
    put16(p + ARP_OP, a->op);
    put_mac(p + ARP_SHA, a->sha);
    put32(p + ARP_SPA, a->spa);
    put_mac(p + ARP_THA, a->tha);
    put32(p + ARP_TPA, a->tpa);
}

#endif
