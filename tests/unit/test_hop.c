/*
 * test_hop.c - a way that was found is used as long as a search would find the same.
 *
 * Two hosts live the same life: addresses and routes come and go, neighbours move, fall silent and
 * are forgotten, addresses are probed and lost, path MTUs shrink and recover. One of them is made to
 * forget its ways before each question. They must agree in all: routes, frames, verdicts.
 */
#include <errno.h>

#include "unit/l3_host.h"

enum { STEPS = 6000 };

static const uint32_t own[] = {0x0a000002, 0x0a000003, 0x0a000102, 0x0a000202};
static const uint32_t gateways[] = {0x0a0000fe, 0x0a0000fd, 0x0a000101, 0x0a000001};
static const uint32_t others[] = {0x0a000001, 0x0a000003, 0x0a000101, 0x0a000202,
                                  0x0a0000ff, 0x08080808, 0x08080409, 0x01020304,
                                  0xe0000005, 0xffffffff, 0x0a0000fe, 0};

struct pair {
    struct l3 *h, *searching;
    struct prng g;
};

/* The same call on both hosts; the results must be the same. */
#define BOTH(pair, call)                                                                           \
    do {                                                                                           \
        struct l3 *x = (pair)->h;                                                                  \
        long first = (long)(call);                                                                 \
        x = (pair)->searching;                                                                     \
        T_EQ(first, (long)(call));                                                                 \
    } while (0)

#define PICK(p, array) (array[prng_below(&(p)->g, ARRAY_LEN(array))])

static struct mac some_mac(struct pair *p)
{
    return (struct mac){
        {2, 0, 0, 0, 9, (uint8_t)prng_below(&p->g, 4)}
    };
}

/* An ARP packet of a neighbour, which may claim our own address. */
static enum verdict hear_arp(struct l3 *h, uint8_t ifi, const struct arp_pkt *a)
{
    struct pkt *q = pkt_alloc(&h->c.pkts, PKT_HEADROOM);

    T_NEED(q != NULL);
    arp_emit(a, pkt_append(q, ARP_PKT_LEN));
    q->l2_src = a->sha;
    q->ifi = ifi;
    q->frame = ++h->c.frames;
    enum verdict v = arp_input(&h->arp[ifi], q);

    pkt_release(q);
    return v;
}

static int pass(struct l3 *h, net_time span)
{
    struct pkt *q;

    h->c.now += span;
    for (unsigned i = 0; i < 2; i++)
        arp_tick(&h->arp[i], h->c.now);
    ip_gateways(&h->ip);
    while ((q = pktq_pop(&h->c.unreached)) != NULL)
        pkt_release(q);
    ip_tick(&h->ip, h->c.now);
    for (unsigned i = 0; i < 2; i++)
        arp_output_due(&h->arp[i]);
    return 0;
}

/* Something changes. */
static void change(struct pair *p)
{
    uint8_t ifi = (uint8_t)prng_below(&p->g, 2), prefix = prng_below(&p->g, 2) ? 24 : 0;
    uint32_t mine = PICK(p, own), other = PICK(p, others), gateway = PICK(p, gateways);
    struct mac mac = some_mac(p);
    struct arp_pkt a = {.op = prng_below(&p->g, 2) ? ARP_REPLY : ARP_REQUEST,
                        .sha = mac,
                        .spa = prng_below(&p->g, 3) ? other : mine,
                        .tpa = mine};
    net_time span = (net_time)(prng_u64(&p->g) % (uint64_t)NET_SEC(prng_below(&p->g, 4) ? 1 : 100));
    uint32_t mtu = 600 + prng_below(&p->g, 1000);

    switch (prng_below(&p->g, 12)) {
    case 0:
        BOTH(p, ip_addr_add(&x->ip, ifi, mine, 24));
        break;
    case 1:
        BOTH(p, ip_addr_del(&x->ip, ifi, mine));
        break;
    case 2:
        BOTH(p, ip_route_add(&x->ip, prefix ? 0x08080800 : 0, prefix, gateway, ifi, mtu % 3));
        break;
    case 3:
        BOTH(p, ip_route_del(&x->ip, prefix ? 0x08080800 : 0, prefix, 0, ROUTE_ANY_IF));
        break;
    case 4:
        BOTH(p, arp_set(&x->arp[ifi], prefix ? gateway : other, mac));
        break;
    case 5:
        BOTH(p, arp_del(&x->arp[ifi], gateway));
        break;
    case 6:
        BOTH(p, ip_path_too_big(&x->ip, ip_addr_v4(other), mtu));
        break;
    case 7:
        BOTH(p, pmtu_flush(&x->ip, 0));
        break;
    case 8:
        BOTH(p, hear_arp(x, ifi, &a));
        break;
    default:
        BOTH(p, pass(x, span));
    }
}

/* All that the two want to send is the same. */
static void compare_frames(struct pair *p)
{
    struct pkt *one, *two;

    do {
        static uint8_t bytes[2][2048];

        one = pktq_pop(&p->h->txq.q);
        two = pktq_pop(&p->searching->txq.q);
        T_NEED((one == NULL) == (two == NULL));
        if (one == NULL)
            break;
        T_NEED(pkt_total(one) == pkt_total(two) && one->ifi == two->ifi);
        pkt_copy_out(one, bytes[0]);
        pkt_copy_out(two, bytes[1]);
        T_TRUE(memcmp(bytes[0], bytes[1], pkt_total(one)) == 0);
        pkt_release(one);
        pkt_release(two);
    } while (one != NULL);
}

static int send_to(struct l3 *h, uint32_t dst, uint32_t src, uint32_t len)
{
    struct ip_send s = {.src = ip_addr_v4(src), .dst = ip_addr_v4(dst), .proto = IP_PROTO_UDP};
    struct pkt *q = pkt_alloc(&h->c.pkts, PKT_HEADROOM);

    T_NEED(q != NULL);
    memset(pkt_append(q, len), 7, len);
    return ip_output(&h->ip, q, &s);
}

static void compare_route(struct pair *p, uint32_t dst, uint32_t src)
{
    struct ip_path a = {0}, b = {0};
    uint32_t next_hop;
    int rc = ip_route(&p->h->ip, ip_addr_v4(dst), ip_addr_v4(src), &a);

    T_EQ(rc, ip4_route(&p->searching->ip, dst, src, &b, &next_hop));
    if (rc < 0)
        return;
    T_TRUE(ip_addr_eq(a.src, b.src));
    T_EQ(a.mtu, b.mtu);
    T_EQ(a.ifi, b.ifi);
    T_EQ(a.cast, b.cast);
}

/* A datagram comes in, most of them good ones. */
static void compare_in(struct pair *p)
{
    static const uint8_t nops[] = {1, 1, 1, 1},
                         protos[] = {IP_PROTO_UDP, IP_PROTO_TCP, IP_PROTO_IGMP, 99};
    struct l3_dgram d = {.src = PICK(p, others), .dst = PICK(p, own), .data = "12345678", .len = 8};
    struct pkt *in[2] = {NULL, NULL};

    d.ifi = (uint8_t)prng_below(&p->g, 2);
    d.tos = (uint8_t)prng_below(&p->g, 4);
    switch (prng_below(&p->g, 16)) {
    case 0:
        d.l2_cast = CAST_BROADCAST;
        break;
    case 1:
        d.bad_sum = 1;
        break;
    case 2:
        d.mf = true;
        d.id = (uint16_t)prng_u32(&p->g);
        break;
    case 3:
        d.off = 8;
        break;
    case 4:
        d.opt = nops;
        d.opt_len = 4;
        break;
    case 5:
        d.pad = 10;
        break;
    case 6:
        d.total = prng_below(&p->g, 2) ? 19 : 29; /* shorter than its header, longer than all */
        break;
    case 7:
        d.vihl = prng_below(&p->g, 2) ? 0x65 : 0x44;
        break;
    case 8:
        d.proto = PICK(p, protos);
        break;
    default:
        break;
    }
    enum verdict v = l3_in(p->h, &d, &in[0]);

    T_NEED(v == l3_in(p->searching, &d, &in[1]));
    if (v != V_NEXT)
        return;
    T_EQ(in[0]->len, in[1]->len);
    T_EQ(in[0]->off, in[1]->off);
    T_TRUE(in[0]->l3 == in[1]->l3 && in[0]->l4 == in[1]->l4 && in[0]->proto == in[1]->proto);
    T_TRUE(in[0]->tos == in[1]->tos && in[0]->ttl == in[1]->ttl &&
           in[0]->l3_cast == in[1]->l3_cast);
    T_TRUE(ip_addr_eq(in[0]->src, in[1]->src) && ip_addr_eq(in[0]->dst, in[1]->dst));
    pkt_release(in[0]);
    pkt_release(in[1]);
}

static void ask(struct pair *p)
{
    uint32_t dst = PICK(p, others), src = prng_below(&p->g, 2) ? PICK(p, own) : 0;

    p->searching->c.way_epoch++;
    switch (prng_below(&p->g, 4)) {
    case 0:
        compare_route(p, dst, src);
        break;
    case 1:
        compare_in(p);
        break;
    case 2:
        BOTH(p, (ip_confirm(&x->ip, ip_addr_v4(src), ip_addr_v4(dst)), 0));
        BOTH(p, arp_state_of(&x->arp[0], dst));
        break;
    default:
        BOTH(p, send_to(x, dst, src, 100));
    }
    compare_frames(p);
}

static void live(uint64_t seed, bool detect)
{
    struct pair p;
    struct ip_config cfg;

    ip_config_default(&cfg);
    cfg.icmp_rate = 0;
    p.h = l3_bare(&cfg, detect, 1500);
    p.searching = l3_bare(&cfg, detect, 1500);
    prng_seed(&p.g, seed, 0);
    for (unsigned step = 0; step < STEPS; step++) {
        if (prng_below(&p.g, 8) == 0)
            change(&p);
        else
            ask(&p);
    }
    l3_free(p.h);
    l3_free(p.searching);
}

static void test_hop_remembered_is_what_a_search_would_find(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++)
        live(seed, false);
}

static void test_hop_with_addresses_that_are_probed(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        live(seed, true);
}

/* While the preferred gateway is silent, and when that is over, nobody is asked too late. */
static void test_hop_follows_gateways_that_fall_silent(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    T_EQ(ip_route_add(&h->ip, 0, 0, L3_PEER, 0, 5), 0); /* the second choice */
    T_EQ(send_to(h, L3_FAR, 0, 10), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->b[5], 0xfe);
    T_EQ(arp_del(&h->arp[0], L3_GATEWAY), 0);
    T_EQ(send_to(h, L3_FAR, 0, 10), 0); /* asked, three times in vain */
    for (unsigned i = 0; i < 4; i++)
        pass(h, NET_SEC(1));
    while (l3_out(h, f))
        ;
    T_EQ(send_to(h, L3_FAR, 0, 10), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->b[5], 0x01);
    pass(h, h->ip.cfg.gateway_silent);
    T_EQ(send_to(h, L3_FAR, 0, 10), 0); /* the preferred one is asked again */
    T_EQ(arp_state_of(&h->arp[0], L3_GATEWAY), ARP_INCOMPLETE);
    free(f);
    l3_free(h);
}

/* Many destinations share few places: each still goes its own way. */
static void test_hop_places_are_shared_and_not_confused(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    T_EQ(ip_route_add(&h->ip, 0x09000000, 8, L3_PEER, 0, 0), 0);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t dst = (i % 2 == 0 ? 0x08000000 : 0x09000000) + i * 7;

        T_EQ(send_to(h, dst, 0, 10), 0);
        T_TRUE(l3_out(h, f));
        T_EQ(f->ip.dst, dst);
        T_EQ(f->b[5], i % 2 == 0 ? 0xfe : 0x01);
    }
    free(f);
    l3_free(h);
}

T_MAIN("hop", T(test_hop_remembered_is_what_a_search_would_find),
       T(test_hop_with_addresses_that_are_probed), T(test_hop_follows_gateways_that_fall_silent),
       T(test_hop_places_are_shared_and_not_confused))
