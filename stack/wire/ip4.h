/*
 * ip4.h - the IPv4 header (RFC 791 section 3.1) and its options.
 */
#ifndef STACKD_WIRE_IP4_H
#define STACKD_WIRE_IP4_H

#include "base/csum.h"
#include "wire/bytes.h"
#include "wire/ip_proto.h"
#include "wire/ip_proto.h"

enum {
    IP4_VIHL = 0, IP4_TOS = 1, IP4_TOTAL = 2, IP4_ID = 4, IP4_FRAG = 6, IP4_TTL = 8,
    IP4_PROTO = 9, IP4_SUM = 10, IP4_SRC = 12, IP4_DST = 16, IP4_HDR_LEN = 20, IP4_HDR_MAX = 60
};
enum { IP4_DF = 0x4000, IP4_MF = 0x2000, IP4_OFFSET = 0x1fff };

enum ip4_option { IP4_OPT_EOL = 0, IP4_OPT_NOP = 1, IP4_OPT_LSRR = 131, IP4_OPT_SSRR = 137 };
enum { IP4_ROUTER_ALERT_LEN = 4 };
#define IP4_ROUTER_ALERT 0x94040000u /* type 148, length 4, value 0 (RFC 2113) */

struct ip4_hdr {
    uint32_t src, dst;
    uint16_t total, id;
    uint16_t frag_off; /* bytes */
    bool df, mf;
    uint8_t hdr_len; /* bytes, options included */
    uint8_t tos, ttl, proto;
    bool router_alert; /* to be written; a parsed header has its options in hdr_len */
};

/** ip4_sum_ok - is the checksum of a header of @len bytes right? A sum of ones has no byte order. */
static inline bool ip4_sum_ok(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i += 4) {
        uint32_t word;

        memcpy(&word, p + i, 4);
        sum += word;
    }
    return csum_fold(sum) == 0xffff;
}

/** ip4_parse - check and read a header; the checksum is checked, options are walked. */
static inline enum verdict ip4_parse(struct ip4_hdr *h, struct span s)
{
    if (s.len < IP4_HDR_LEN)
        return V_DROP_IP4_SHORT;
    if (s.p[IP4_VIHL] >> 4 != 4)
        return V_DROP_IP4_VERSION;
    h->hdr_len = (uint8_t)((s.p[IP4_VIHL] & 0xf) * 4);
    if (h->hdr_len < IP4_HDR_LEN || h->hdr_len > s.len)
        return V_DROP_IP4_HEADER_LENGTH;
    if (!ip4_sum_ok(s.p, h->hdr_len))
        return V_DROP_IP4_CHECKSUM;
    h->total = get16(s.p + IP4_TOTAL);
    if (h->total < h->hdr_len || h->total > s.len)
        return V_DROP_IP4_TOTAL_LENGTH;
    uint16_t frag = get16(s.p + IP4_FRAG);

    h->router_alert = false;
    h->tos = s.p[IP4_TOS];
    h->id = get16(s.p + IP4_ID);
    h->frag_off = (uint16_t)((frag & IP4_OFFSET) * 8);
    h->df = (frag & IP4_DF) != 0;
    h->mf = (frag & IP4_MF) != 0;
    h->ttl = s.p[IP4_TTL];
    h->proto = s.p[IP4_PROTO];
    h->src = get32(s.p + IP4_SRC);
    h->dst = get32(s.p + IP4_DST);
    return V_NEXT;
}

/**
 * ip4_options_check - walk the options of a parsed header.
 *
 * Return: V_NEXT, V_DROP_IP4_OPTION for an illegal length, V_DROP_IP4_SOURCE_ROUTE (RFC 7126).
 * @bad: receives the offset in the header of the octet at fault, for a parameter problem
 */
static inline enum verdict ip4_options_check(struct span hdr, uint8_t *bad)
{
    size_t i = IP4_HDR_LEN;

    while (i < hdr.len) {
        uint8_t kind = hdr.p[i];

        if (kind == IP4_OPT_EOL)
            break;
        if (kind == IP4_OPT_NOP) {
            i++;
            continue;
        }
        *bad = (uint8_t)i;
        if (hdr.len - i < 2) /* no room for a length octet */
            return V_DROP_IP4_OPTION;
        if (hdr.p[i + 1] < 2 || hdr.p[i + 1] > hdr.len - i) {
            *bad = (uint8_t)(i + 1);
            return V_DROP_IP4_OPTION;
        }
        if (kind == IP4_OPT_LSRR || kind == IP4_OPT_SSRR)
            return V_DROP_IP4_SOURCE_ROUTE;
        i += hdr.p[i + 1];
    }
    return V_NEXT;
}

/** ip4_emit_len - how many bytes ip4_emit() writes. */
static inline uint8_t ip4_emit_len(const struct ip4_hdr *h)
{
    return h->router_alert ? IP4_HDR_LEN + IP4_ROUTER_ALERT_LEN : IP4_HDR_LEN;
}

/* The sum of what ip4_emit() writes, from the fields: what was just written byte by byte is slow to read
 * back as words. */
static inline uint64_t ip4_emit_sum(const struct ip4_hdr *h, uint16_t vihl_tos, uint16_t frag)
{
    uint64_t sum = (uint64_t)vihl_tos + h->total + h->id + frag + ((uint32_t)h->ttl << 8 | h->proto);

    sum += (uint64_t)h->src + h->dst;
    return h->router_alert ? sum + IP4_ROUTER_ALERT : sum;
}

/** ip4_emit - write a header, checksum included; @p has ip4_emit_len() bytes. */
static inline void ip4_emit(const struct ip4_hdr *h, uint8_t *p)
{
    uint16_t vihl_tos = (uint16_t)((0x40u | ip4_emit_len(h) / 4u) << 8 | h->tos);
    uint16_t frag = (uint16_t)(h->frag_off / 8 | (h->df ? IP4_DF : 0) | (h->mf ? IP4_MF : 0));

    NET_ASSERT(h->frag_off % 8 == 0);
    put16(p + IP4_VIHL, vihl_tos);
    put16(p + IP4_TOTAL, h->total);
    put16(p + IP4_ID, h->id);
    put16(p + IP4_FRAG, frag);
    p[IP4_TTL] = h->ttl;
    p[IP4_PROTO] = h->proto;
    put16(p + IP4_SUM, csum_finish(ip4_emit_sum(h, vihl_tos, frag)));
    put32(p + IP4_SRC, h->src);
    put32(p + IP4_DST, h->dst);
    if (h->router_alert)
        put32(p + IP4_HDR_LEN, IP4_ROUTER_ALERT);
}

#endif
