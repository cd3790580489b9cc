/*
 * icmp4.h - ICMP messages (RFC 792, 1191, 1812): type, code, checksum, and one word of content.
 */
#ifndef STACKD_WIRE_ICMP4_H
#define STACKD_WIRE_ICMP4_H

#include "wire/bytes.h"

enum { ICMP4_TYPE = 0, ICMP4_CODE = 1, ICMP4_SUM = 2, ICMP4_WORD = 4, ICMP4_HDR_LEN = 8 };

enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACH = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAM_PROBLEM = 12,
    ICMP4_TIMESTAMP = 13,
    ICMP4_MASK_REQUEST = 17,
};
enum icmp4_unreach {
    ICMP4_NET = 0, ICMP4_HOST = 1, ICMP4_PROTOCOL = 2, ICMP4_PORT = 3, ICMP4_FRAG_NEEDED = 4,
    ICMP4_SOURCE_ROUTE = 5
};
enum icmp4_time { ICMP4_TTL = 0, ICMP4_REASSEMBLY = 1 };

struct icmp4_hdr {
    uint8_t type, code;
    uint16_t sum;
    uint32_t word; /* echo: id and sequence; 3/4: MTU in the low half; 12: pointer in the top byte */
};

static inline enum verdict icmp4_parse(struct icmp4_hdr *h, struct span s)
{
    if (s.len < ICMP4_HDR_LEN)
        return V_DROP_ICMP4_SHORT;
    h->type = s.p[ICMP4_TYPE];
    h->code = s.p[ICMP4_CODE];
    h->sum = get16(s.p + ICMP4_SUM);
    h->word = get32(s.p + ICMP4_WORD);
    return V_NEXT;
}

/** icmp4_emit - write the header with @h->sum as it is; @p has ICMP4_HDR_LEN bytes. */
static inline void icmp4_emit(const struct icmp4_hdr *h, uint8_t *p)
{
    p[ICMP4_TYPE] = h->type;
    p[ICMP4_CODE] = h->code;
    put16(p + ICMP4_SUM, h->sum);
    put32(p + ICMP4_WORD, h->word);
}

#endif
