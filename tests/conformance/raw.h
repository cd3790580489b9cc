/*
 * raw.h - frames byte by byte, for what libnet would not build: wrong headers, fragments, ARP.
 */
#ifndef STACKD_CONFORMANCE_RAW_H
#define STACKD_CONFORMANCE_RAW_H

#include "peer.h"

enum { RAW_MAX = 1600, RAW_ETH = 14, RAW_IP = 20 };

static const uint8_t raw_h_mac[6] = {0x02, 0, 0, 0, 0, 0x02};
static const uint8_t raw_peer_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t raw_all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t raw_none[6];

static inline void raw16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void raw32(uint8_t *p, uint32_t v)
{
    raw16(p, v >> 16);
    raw16(p + 2, v & 0xffff);
}

/* An IPv4 datagram of the peer; what is 0 gets a sensible value, xor_* spoil it. */
struct raw_ip {
    const uint8_t *mac; /* destination of the frame */
    uint32_t src, dst;
    uint8_t proto, ttl, tos;
    uint16_t id, frag; /* frag: the field, 0x2000 is MF */
    const char *opts;  /* bytes */
    uint8_t opt_len;
    const void *data;
    uint32_t len;
    uint8_t xor_first; /* of version and header length */
    uint16_t xor_sum;
    int total;    /* added to the total length */
    uint32_t pad; /* bytes behind the datagram */
};

static inline size_t raw_ip_build(uint8_t f[RAW_MAX], const struct raw_ip *d)
{
    uint32_t hdr = RAW_IP + d->opt_len, total = hdr + d->len;
    uint8_t *ip = f + RAW_ETH;

    T_NEED(RAW_ETH + total + d->pad <= RAW_MAX);
    memset(f, 0, RAW_MAX);
    memcpy(f, d->mac != NULL ? d->mac : raw_h_mac, 6);
    memcpy(f + 6, raw_peer_mac, 6);
    raw16(f + 12, 0x0800);
    ip[0] = (uint8_t)((0x40 | hdr / 4) ^ d->xor_first);
    ip[1] = d->tos;
    raw16(ip + 2, (uint32_t)((int)total + d->total));
    raw16(ip + 4, d->id);
    raw16(ip + 6, d->frag);
    ip[8] = d->ttl != 0 ? d->ttl : 64;
    ip[9] = d->proto;
    raw32(ip + 12, d->src != 0 ? d->src : (uint32_t)PEER_IP);
    raw32(ip + 16, d->dst != 0 ? d->dst : (uint32_t)H_IP);
    if (d->opt_len > 0)
        memcpy(ip + RAW_IP, d->opts, d->opt_len);
    raw16(ip + 10, decode_sum(ip, hdr, 0) ^ d->xor_sum);
    memcpy(ip + hdr, d->data, d->len);
    memset(ip + total, 0xee, d->pad);
    return RAW_ETH + total + d->pad;
}

static inline void raw_ip_say(struct peer *k, const struct raw_ip *d)
{
    uint8_t f[RAW_MAX];
    size_t len = raw_ip_build(f, d);

    peer_raw(k, f, len);
    peer_settle(k);
}
#define say_ip(k, ...) raw_ip_say((k), &(struct raw_ip){__VA_ARGS__})

/* An ICMP message with @len bytes behind its first eight. Return: its length. */
static inline uint32_t raw_icmp(uint8_t *m, uint8_t type, uint8_t code, uint32_t word,
                                const void *data, uint32_t len)
{
    memset(m, 0, 8);
    m[0] = type;
    m[1] = code;
    raw32(m + 4, word);
    memcpy(m + 8, data, len);
    raw16(m + 2, decode_sum(m, 8 + len, 0));
    return 8 + len;
}

/* A UDP datagram. Return: its length. */
static inline uint32_t raw_udp(uint8_t *u, uint32_t src, uint32_t dst, uint16_t sport,
                               uint16_t dport, const void *data, uint32_t len)
{
    raw16(u, sport);
    raw16(u + 2, dport);
    raw16(u + 4, 8 + len);
    raw16(u + 6, 0);
    memcpy(u + 8, data, len);
    uint16_t sum = decode_sum(u, 8 + len, decode_pseudo(src, dst, 17, 8 + len));

    raw16(u + 6, sum != 0 ? sum : 0xffff);
    return 8 + len;
}

static inline void raw_udp_say(struct peer *k, struct raw_ip d, uint16_t sport, uint16_t dport,
                               const void *data, uint32_t len)
{
    uint8_t u[RAW_MAX];

    d.proto = 17;
    d.src = d.src != 0 ? d.src : (uint32_t)PEER_IP;
    d.dst = d.dst != 0 ? d.dst : (uint32_t)H_IP;
    d.len = raw_udp(u, d.src, d.dst, sport, dport, data, len);
    d.data = u;
    raw_ip_say(k, &d);
}

/* An echo request of 8 bytes in the datagram @d. */
static inline void raw_ping(struct peer *k, struct raw_ip d)
{
    uint8_t m[16];

    d.proto = 1;
    d.len = raw_icmp(m, 8, 0, 0x12340001, "abcdefgh", 8);
    d.data = m;
    raw_ip_say(k, &d);
}

/* H answers a ping, and with nothing else. */
static inline bool raw_pong(struct peer *k)
{
    const struct seen *s = peer_next(k);
    bool ok = s != NULL && s->proto == 1 && s->icmp_type == 0 && s->icmp_code == 0 && s->len == 8 &&
              memcmp(s->data, "abcdefgh", 8) == 0;

    return peer_next(k) == NULL && ok;
}

struct raw_arp {
    const uint8_t *to, *from; /* of the frame; from also the sender, unless sha is given */
    uint16_t op;
    const uint8_t *sha, *tha;
    uint32_t spa, tpa;
    uint16_t xor_hw, xor_proto;
    uint8_t xor_hlen, xor_plen;
};

static inline void raw_arp_say(struct peer *k, const struct raw_arp *a)
{
    uint8_t f[60] = {0}, *p = f + RAW_ETH;
    const uint8_t *from = a->from != NULL ? a->from : raw_peer_mac;

    memcpy(f, a->to != NULL ? a->to : raw_all, 6);
    memcpy(f + 6, from, 6);
    raw16(f + 12, 0x0806);
    raw16(p, 1u ^ a->xor_hw);
    raw16(p + 2, 0x0800u ^ a->xor_proto);
    p[4] = (uint8_t)(6 ^ a->xor_hlen);
    p[5] = (uint8_t)(4 ^ a->xor_plen);
    raw16(p + 6, a->op);
    memcpy(p + 8, a->sha != NULL ? a->sha : from, 6);
    raw32(p + 14, a->spa);
    memcpy(p + 18, a->tha != NULL ? a->tha : raw_none, 6);
    raw32(p + 24, a->tpa);
    peer_raw(k, f, sizeof(f));
    peer_settle(k);
}
#define say_arp(k, ...) raw_arp_say((k), &(struct raw_arp){__VA_ARGS__})

/* The next frame of H is this ARP packet. */
static inline bool raw_arp_is(struct peer *k, const uint8_t *to, uint16_t op, uint32_t spa,
                              uint32_t tpa)
{
    const struct seen *s = peer_next(k);

    return s != NULL && s->ethertype == 0x0806 && memcmp(s->mac_dst, to, 6) == 0 &&
           s->arp_op == op && s->arp_spa == spa && s->arp_tpa == tpa &&
           memcmp(s->arp_sha, raw_h_mac, 6) == 0;
}

#endif
