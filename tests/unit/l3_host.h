/*
 * l3_host.h - a host up to its internet layer, for the unit tests of l3_network: two interfaces,
 * 10.0.0.2/24 and 10.0.1.2/24, datagrams made by hand going in, frames coming out.
 */
#ifndef STACKD_T_L3_HOST_H
#define STACKD_T_L3_HOST_H

#include "l3_network/ip4.h"
#include "t.h"
#include <stdlib.h>

enum {
    L3_OWN = 0x0a000002,   /* 10.0.0.2, interface 0 */
    L3_OWN_B = 0x0a000102, /* 10.0.1.2, interface 1 */
    L3_PEER = 0x0a000001,
    L3_PEER_B = 0x0a000101,
    L3_GATEWAY = 0x0a0000fe,
    L3_FAR = 0x08080808,
    L3_PKTS = 256,
    L3_BIGS = 24,
};

static const struct mac l3_mac[2] = {{{2, 0, 0, 0, 0, 2}}, {{2, 0, 0, 0, 1, 2}}};
static const struct mac l3_peer_mac = {
    {2, 0, 0, 0, 0, 1}
};

struct l3 {
    void *mem;
    struct core c;
    struct eth_txq txq;
    struct eth eth[2];
    struct arp arp[2];
    struct ip_layer ip;
};

static inline void l3_cut(struct l3 *h, const struct ip_config *cfg, const struct arp_config *acfg,
                          struct region *r)
{
    pkt_pool_cut(&h->c.pkts, r, L3_PKTS, PKT_HEADROOM + 1514);
    pkt_pool_cut(&h->c.bigs, r, L3_BIGS, PKT_HEADROOM + 65536);
    arp_cut(&h->arp[0], acfg, r);
    arp_cut(&h->arp[1], acfg, r);
    ip_cut(&h->ip, cfg, r);
}

/* Interfaces without addresses. */
static inline struct l3 *l3_bare(const struct ip_config *cfg, bool detect, uint16_t mtu)
{
    struct l3 *h = calloc(1, sizeof(*h));
    struct arp_config acfg;
    struct region r = {0};

    T_NEED(h != NULL);
    arp_config_default(&acfg);
    acfg.detect = detect;
    l3_cut(h, cfg, &acfg, &r);
    h->mem = calloc(1, r.used + 64);
    T_NEED(h->mem != NULL);
    r = (struct region){.p = (uint8_t *)(((uintptr_t)h->mem + 63) & ~(uintptr_t)63), .len = r.used};
    l3_cut(h, cfg, &acfg, &r);
    T_FALSE(r.overflow);
    h->c.now = NET_SEC(1000);
    h->c.key = (struct siphash_key){1, 2};
    prng_seed(&h->c.prng, 42, 0);
    ready_list_init(&h->c.ready);
    memcpy(h->c.name, "host", 5);
    h->txq.max = 512;
    ip_init(&h->ip, &h->c);
    for (uint8_t i = 0; i < 2; i++) {
        eth_init(&h->eth[i], &h->c, &h->txq, i, l3_mac[i], mtu);
        arp_init(&h->arp[i], &h->c, &h->eth[i]);
        T_EQ(ip_if_add(&h->ip, &h->eth[i], &h->arp[i]), i);
    }
    return h;
}

/* Two interfaces with an address each, neighbours known, a default gateway. */
static inline struct l3 *l3_make(const struct ip_config *cfg, uint16_t mtu)
{
    struct l3 *h = l3_bare(cfg, false, mtu);

    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN, 24), 0);
    T_EQ(ip_addr_add(&h->ip, 1, L3_OWN_B, 24), 0);
    T_EQ(ip_route_add(&h->ip, 0, 0, L3_GATEWAY, 0, 0), 0);
    T_EQ(arp_set(&h->arp[0], L3_PEER, l3_peer_mac), 0);
    T_EQ(arp_set(&h->arp[0], L3_GATEWAY,
                 (struct mac){
                     {2, 0, 0, 0, 0, 0xfe}
    }),
         0);
    T_EQ(arp_set(&h->arp[1], L3_PEER_B,
                 (struct mac){
                     {2, 0, 0, 0, 1, 1}
    }),
         0);
    return h;
}

static inline struct l3 *l3_new(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    return l3_make(&cfg, 1500);
}

/* A frame that left. */
struct l3_frame {
    size_t len;
    uint8_t b[70000];
    struct ip4_hdr ip;
    const uint8_t *l4;
    size_t l4_len;
};

/* The next IPv4 frame, checked; false when there is none. */
static inline bool l3_out(struct l3 *h, struct l3_frame *f)
{
    struct pkt *p;

    ip_output_due(&h->ip);
    while ((p = pktq_pop(&h->txq.q)) != NULL) {
        f->len = pkt_total(p);
        T_NEED(f->len <= sizeof(f->b));
        pkt_copy_out(p, f->b);
        if (get16(f->b + ETH_TYPE) == ETH_TYPE_IP4) {
            T_EQ(ip4_parse(&f->ip, (struct span){f->b + ETH_HDR_LEN, f->len - ETH_HDR_LEN}),
                 V_NEXT);
            T_EQ(f->b[14 + IP4_FRAG] & 0x80, 0); /* the reserved bit */
            T_EQ(ip_addr_to_v4(p->src), f->ip.src);
            T_EQ(ip_addr_to_v4(p->dst), f->ip.dst);
            T_EQ(p->proto, f->ip.proto);
            T_EQ(p->l4 - p->l3, f->ip.hdr_len);
            f->l4 = f->b + ETH_HDR_LEN + f->ip.hdr_len;
            f->l4_len = (size_t)f->ip.total - f->ip.hdr_len;
            pkt_release(p);
            return true;
        }
        pkt_release(p);
    }
    return false;
}

static inline bool l3_silent(struct l3 *h)
{
    struct l3_frame *f = malloc(sizeof(*f));
    bool any = l3_out(h, f);

    free(f);
    return !any;
}

/* All pools must be full again: whatever the test did, nothing leaked. */
static inline void l3_free(struct l3 *h)
{
    while (!l3_silent(h))
        ;
    h->c.now += NET_SEC(1000);
    ip_tick(&h->ip, h->c.now);
    while (!l3_silent(h))
        ;
    T_EQ(ip_deadline(&h->ip), NET_NEVER);
    T_EQ(h->c.bigs.slab.used, 0);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    T_EQ(h->ip.reass.sources.used, 0);
    for (uint8_t i = 0; i < 2; i++) { /* packets may wait for neighbours that do not exist */
        struct arp_info info;
        uint32_t at = 0;

        while (arp_each(&h->arp[i], &at, &info)) {
            arp_del(&h->arp[i], info.ip);
            at = 0;
        }
    }
    while (!l3_silent(h))
        ;
    T_EQ(h->c.pkts.slab.used, 0);
    free(h->mem);
    free(h);
}

/* A datagram made by hand. Zero fields are filled in with what is usual. */
struct l3_dgram {
    uint32_t src, dst;
    uint8_t proto, tos, ttl;
    bool ttl_zero, mf, df;
    uint16_t id;
    uint32_t off; /* bytes */
    const uint8_t *opt;
    uint8_t opt_len;
    const void *data;
    uint32_t len;
    uint8_t l2_cast, ifi, pad;
    /* Lies; 0: the truth. */
    uint8_t vihl;
    uint16_t total, bad_sum;
};

static inline uint16_t l3_sum(const uint8_t *b, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)b[i] << 8 : b[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static inline struct pkt *l3_build(struct l3 *h, const struct l3_dgram *d)
{
    uint32_t hdr_len = 20u + d->opt_len;
    bool big = d->len + hdr_len + d->pad > 1500;
    struct pkt *p = pkt_alloc(big ? &h->c.bigs : &h->c.pkts, PKT_HEADROOM - 20);

    T_NEED(p != NULL);
    uint8_t *b = pkt_append(p, hdr_len + d->len + d->pad);

    memset(b, 0, hdr_len);
    b[0] = d->vihl ? d->vihl : (uint8_t)(0x40 | hdr_len / 4);
    b[1] = d->tos;
    put16(b + 2, d->total ? d->total : (uint16_t)(hdr_len + d->len));
    put16(b + 4, d->id);
    put16(b + 6, (uint16_t)(d->off / 8 | (d->mf ? 0x2000u : 0) | (d->df ? 0x4000u : 0)));
    b[8] = d->ttl_zero ? 0 : d->ttl ? d->ttl : 64;
    b[9] = d->proto ? d->proto : IP_PROTO_UDP;
    put32(b + 12, d->src ? d->src : L3_PEER);
    put32(b + 16, d->dst ? d->dst : L3_OWN);
    if (d->opt_len > 0)
        memcpy(b + 20, d->opt, d->opt_len);
    put16(b + 10, (uint16_t)(l3_sum(b, hdr_len) + d->bad_sum));
    if (d->len > 0)
        memcpy(b + hdr_len, d->data, d->len);
    memset(b + hdr_len + d->len, 0xee, d->pad);
    p->l2_cast = d->l2_cast;
    p->ifi = d->ifi;
    p->ethertype = ETH_TYPE_IP4;
    p->l2_src = l3_peer_mac;
    p->frame = ++h->c.frames;
    return p;
}

/* Through ip4_input(); @out receives the packet of a V_NEXT, or it is released. */
static inline enum verdict l3_in(struct l3 *h, const struct l3_dgram *d, struct pkt **out)
{
    struct pkt *p = l3_build(h, d);
    enum verdict v = ip4_input(&h->ip, &p);

    if (out != NULL && v == V_NEXT)
        *out = p;
    else
        pkt_release(p);
    return v;
}

/* Through ip4_input() and icmp4_input(). */
static inline enum verdict l3_icmp_in(struct l3 *h, const struct l3_dgram *d, struct ip_error *err)
{
    struct l3_dgram icmp = *d;
    struct ip_error none;
    struct pkt *p = NULL;

    icmp.proto = IP_PROTO_ICMP;
    enum verdict v = l3_in(h, &icmp, &p);

    if (v != V_NEXT)
        return v;
    v = icmp4_input(&h->ip, p, err != NULL ? err : &none);
    pkt_release(p);
    return v;
}

/* Bytes that differ wherever they are looked at. */
static inline void l3_fill(uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        b[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

#endif
