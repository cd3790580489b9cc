/*
 * udp.h - the UDP header (RFC 768): two ports, a length, a checksum that may be absent (0).
 */
#ifndef STACKD_WIRE_UDP_H
#define STACKD_WIRE_UDP_H

#include "wire/bytes.h"

enum { UDP_SRC = 0, UDP_DST = 2, UDP_LEN = 4, UDP_SUM = 6, UDP_HDR_LEN = 8 };

struct udp_hdr {
    uint16_t src_port, dst_port, len, sum;
};

static inline enum verdict udp_parse(struct udp_hdr *h, struct span s)
{
    if (s.len < UDP_HDR_LEN)
        return V_DROP_UDP_SHORT;
    h->len = get16(s.p + UDP_LEN);
    if (h->len < UDP_HDR_LEN || h->len > s.len)
        return V_DROP_UDP_LENGTH;
    h->src_port = get16(s.p + UDP_SRC);
    h->dst_port = get16(s.p + UDP_DST);
    h->sum = get16(s.p + UDP_SUM);
    return V_NEXT;
}

/** udp_emit - write the header with @h->sum as it is; @p has UDP_HDR_LEN bytes. */
static inline void udp_emit(const struct udp_hdr *h, uint8_t *p)
{
    put16(p + UDP_SRC, h->src_port);
    put16(p + UDP_DST, h->dst_port);
    put16(p + UDP_LEN, h->len);
    put16(p + UDP_SUM, h->sum);
}

#endif
