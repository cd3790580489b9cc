/* test_ip4_output.c - headers, ways, fragments and identifications of what leaves. */
#include "unit/l3_host.h"
#include <errno.h>

static uint8_t bytes[65535];

static struct pkt *payload(struct l3 *h, uint32_t len)
{
    struct pkt *p = pkt_alloc(len > 1400 ? &h->c.bigs : &h->c.pkts, PKT_HEADROOM);

    T_NEED(p != NULL);
    l3_fill(bytes, sizeof(bytes));
    memcpy(pkt_append(p, len), bytes, len);
    return p;
}

static int send(struct l3 *h, uint32_t len, struct ip_send s)
{
    if (s.proto == 0)
        s.proto = IP_PROTO_UDP;
    if (ip_addr_is_any(s.dst))
        s.dst = ip_addr_v4(L3_PEER);
    return ip_output(&h->ip, payload(h, len), &s);
}
#define SEND(h, len, ...) send((h), (len), (struct ip_send){__VA_ARGS__})

/* REQ: IP-791-3.1-3 IP-791-3.1-4 IP-1122-3.2.1.6-1 IP-1122-3.2.1.7-3 IP-1122-3.2.1.6-3 */
static void test_ip4_output_writes_the_header_asked_for(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    T_EQ(SEND(h, 100, .tos = 0xb8, .ttl = 3, .df = true), 0);
    T_TRUE(l3_out(h, f)); /* which checks the checksum */
    T_MEM(f->b, l3_peer_mac.b, 6);
    T_MEM(f->b + 6, l3_mac[0].b, 6);
    T_EQ(f->ip.total, 120);
    T_EQ(f->ip.tos, 0xb8);
    T_EQ(f->ip.ttl, 3);
    T_TRUE(f->ip.df);
    T_FALSE(f->ip.mf);
    T_EQ(f->ip.proto, IP_PROTO_UDP);
    T_EQ(f->ip.src, L3_OWN);
    T_EQ(f->ip.dst, L3_PEER);
    T_MEM(f->l4, bytes, 100);
    T_EQ(SEND(h, 1, .src = ip_addr_v4(L3_OWN)), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.tos, 0);
    T_FALSE(f->ip.df);
    free(f);
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.7-1 IP-1122-3.2.1.7-4 */
static void test_ip4_output_default_ttl_is_a_setting_and_never_zero(void)
{
    struct ip_config cfg;
    struct l3_frame *f = malloc(sizeof(*f));

    ip_config_default(&cfg);
    T_EQ(cfg.ttl, 64);
    cfg.ttl = 100;
    struct l3 *h = l3_make(&cfg, 1500);

    T_EQ(SEND(h, 8, .ttl = 0), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.ttl, 100);
    free(f);
    l3_free(h);
}

/* REQ: IP-1122-3.3.1.1-2 IP-1122-3.3.6-3 */
static void test_ip4_output_broadcast_and_multicast_go_straight_to_the_link(void)
{
    const struct {
        uint32_t dst;
        struct mac mac;
        uint8_t ttl;
    } to[] = {
        {0xffffffff, MAC_BROADCAST,                          64},
        {0x0a0000ff, MAC_BROADCAST,                          64},
        {0xef010101, {{0x01, 0x00, 0x5e, 0x01, 0x01, 0x01}}, 1 },
        {0xe08000fb, {{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}}, 1 },
    };
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    T_EQ(ip_route_del(&h->ip, 0, 0, 0, ROUTE_ANY_IF), 0); /* no gateway is needed for it */
    for (size_t i = 0; i < ARRAY_LEN(to); i++) {
        T_EQ(SEND(h, 8, .dst = ip_addr_v4(to[i].dst)), 0);
        T_TRUE(l3_out(h, f));
        T_MEM(f->b, to[i].mac.b, 6);
        T_EQ(f->ip.ttl, to[i].ttl);
        T_EQ(f->ip.dst, to[i].dst);
    }
    T_EQ(SEND(h, 8, .dst = ip_addr_v4(0xef010101), .src = ip_addr_v4(L3_OWN_B)), 0);
    T_TRUE(l3_out(h, f));
    T_MEM(f->b + 6, l3_mac[1].b, 6); /* through the interface of the source */
    free(f);
    l3_free(h);
}

static void test_ip4_output_far_goes_to_the_gateway(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    T_EQ(SEND(h, 8, .dst = ip_addr_v4(L3_FAR)), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->b[5], 0xfe);
    T_EQ(f->ip.dst, L3_FAR);
    free(f);
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-1 IP-1122-3.2.1.3-3 */
static void test_ip4_output_refuses_and_lets_the_packet_go(void)
{
    struct l3 *h = l3_new();

    T_EQ(SEND(h, 8, .dst = ip_addr_v4(L3_OWN)), -EINVAL);
    T_EQ(SEND(h, 8, .dst = ip_addr_v4(0x7f000001)), -EINVAL);
    T_EQ(SEND(h, 8, .src = ip_addr_v4(0x0a000063)), -EADDRNOTAVAIL);
    T_EQ(SEND(h, 8, .src = ip_addr_v4(0x7f000001)), -EADDRNOTAVAIL);
    T_EQ(SEND(h, 8, .dst = (struct ip_addr){0x20010db8, 1}), -EINVAL);
    T_EQ(ip_route_del(&h->ip, 0, 0, 0, ROUTE_ANY_IF), 0);
    T_EQ(SEND(h, 8, .dst = ip_addr_v4(L3_FAR)), -ENETUNREACH);
    T_EQ(h->c.drops[V_DROP_IP4_NO_ROUTE], 6);
    T_EQ(h->c.pkts.slab.used, 0);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* Take all fragments out, check that they cover @len bytes exactly. Returns how many there were. */
static unsigned fragments(struct l3 *h, uint32_t len, uint32_t mtu)
{
    struct l3_frame *f = malloc(sizeof(*f));
    uint8_t *whole = calloc(1, 65536);
    uint32_t next = 0;
    unsigned count = 0;
    int id = -1;

    T_NEED(whole != NULL && f != NULL);
    while (l3_out(h, f)) {
        T_EQ(f->ip.frag_off, next);
        T_TRUE(f->ip.total <= mtu);
        T_FALSE(f->ip.df);
        T_TRUE(!f->ip.mf || f->l4_len % 8 == 0);
        T_TRUE(id < 0 || f->ip.id == id);
        id = f->ip.id;
        T_NEED(next + f->l4_len <= 65536);
        memcpy(whole + next, f->l4, f->l4_len);
        next += (uint32_t)f->l4_len;
        count++;
        T_EQ(f->ip.mf, next < len);
    }
    T_EQ(next, len);
    T_MEM(whole, bytes, len);
    free(whole);
    free(f);
    return count;
}

/* REQ: IP-791-3.2-1 IP-1122-3.3.3-1 IP-1122-3.3.3-5 */
static void test_ip4_output_fragments_cover_the_data_exactly(void)
{
    static const struct {
        uint16_t mtu;
        uint32_t len;
        unsigned count;
    } cases[] = {
        {1500, 1480,  1 },
        {1500, 1481,  2 },
        {1500, 4000,  3 },
        {1500, 2960,  2 },
        {600,  4000,  7 },
        {68,   200,   5 },
        {601,  1152,  2 },
        {603,  1161,  3 },
        {1500, 65515, 45},
        {576,  8000,  15},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip_config cfg;

        ip_config_default(&cfg);
        struct l3 *h = l3_make(&cfg, cases[i].mtu);

        T_EQ(SEND(h, cases[i].len, .ttl = 9), 0);
        T_EQ(fragments(h, cases[i].len, cases[i].mtu), cases[i].count);
        l3_free(h);
    }
}

static void test_ip4_output_datagram_lives_until_its_last_fragment_has_left(void)
{
    struct l3 *h = l3_new();

    T_EQ(SEND(h, 4000, .ttl = 9), 0);
    T_EQ(h->c.bigs.slab.used, 1);
    for (unsigned i = 0; i < 3; i++) {
        T_EQ(h->c.bigs.slab.used, 1);
        pkt_release(pktq_pop(&h->txq.q));
    }
    T_EQ(h->c.bigs.slab.used, 0);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-791-3.2-2 IP-6864-4.3-2 IP-1122-3.3.3-3 */
static void test_ip4_output_df_is_never_fragmented(void)
{
    struct l3 *h = l3_new();

    T_EQ(SEND(h, 1481, .df = true), -EMSGSIZE);
    T_EQ(SEND(h, 4000, .df = true), -EMSGSIZE);
    T_EQ(SEND(h, 65516, .df = false), -EMSGSIZE); /* no datagram is that long */
    T_EQ(h->c.drops[V_DROP_IP4_MTU], 3);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

static void test_ip4_output_fragments_of_external_bytes(void)
{
    struct l3 *h = l3_new();
    uint8_t ext[5000];
    struct pkt *p = payload(h, 108); /* its end is inside the first fragment, unaligned */

    memcpy(ext, bytes + 108, sizeof(ext));
    p->ext = ext;
    p->ext_len = sizeof(ext);
    T_EQ(ip_output(&h->ip, p, &(struct ip_send){.dst = ip_addr_v4(L3_PEER), .proto = 17}), 0);
    T_EQ(fragments(h, 5108, 1500), 4);
    p = payload(h, 1700); /* its end is inside the second */
    memcpy(ext, bytes + 1700, sizeof(ext));
    p->ext = ext;
    p->ext_len = sizeof(ext);
    T_EQ(ip_output(&h->ip, p, &(struct ip_send){.dst = ip_addr_v4(L3_PEER), .proto = 17}), 0);
    T_EQ(fragments(h, 6700, 1500), 5);
    l3_free(h);
}

static void test_ip4_output_completes_the_checksum_before_cutting(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct pkt *p = payload(h, 3000);
    uint64_t pseudo = csum_pseudo(ip_addr_v4(L3_OWN), ip_addr_v4(L3_PEER), 17, 3000);
    uint8_t *whole = calloc(1, 3000);

    put16(pkt_data(p) + 6, csum_fold(pseudo));
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)p->off;
    p->csum_off = 6;
    T_EQ(ip_output(&h->ip, p, &(struct ip_send){.dst = ip_addr_v4(L3_PEER), .proto = 17}), 0);
    while (l3_out(h, f))
        memcpy(whole + f->ip.frag_off, f->l4, f->l4_len);
    T_EQ(csum_fold(csum_add(pseudo, whole, 3000)), 0xffff);
    free(whole);
    free(f);
    l3_free(h);
}

static void test_ip4_output_all_fragments_or_none(void)
{
    struct l3 *h = l3_new();
    struct pkt *hog[L3_PKTS];
    unsigned n = 0;

    for (; n < L3_PKTS - 2; n++)
        hog[n] = pkt_alloc(&h->c.pkts, 0);
    T_EQ(SEND(h, 4000, .ttl = 1), -ENOBUFS); /* three fragments, two packets */
    T_EQ(h->c.drops[V_DROP_PKT_POOL], 1);
    T_TRUE(l3_silent(h));
    T_EQ(SEND(h, 2000, .ttl = 1), 0);
    T_EQ(fragments(h, 2000, 1500), 2);
    while (n > 0)
        pkt_release(hog[--n]);
    l3_free(h);
}

static void test_ip4_output_gso_is_left_to_the_wire(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct pkt *p = payload(h, 20000);

    p->gso_size = 1448;
    T_EQ(
        ip_output(&h->ip, p, &(struct ip_send){.dst = ip_addr_v4(L3_PEER), .proto = 6, .df = true}),
        0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.total, 20020);
    T_TRUE(l3_silent(h));
    free(f);
    l3_free(h);
}

static uint16_t id_of(struct l3 *h, struct ip_send s)
{
    struct l3_frame *f = malloc(sizeof(*f));

    T_EQ(send(h, 8, s), 0);
    T_TRUE(l3_out(h, f));
    uint16_t id = f->ip.id;

    free(f);
    return id;
}

/* REQ: IP-6864-4.1-2 IP-6864-4.2-1 */
static void test_ip4_output_identifications(void)
{
    struct l3 *h = l3_new();
    struct ip_send a = {.ttl = 1}, b = {.dst = ip_addr_v4(L3_GATEWAY)};
    uint8_t *seen = calloc(1, 65536);

    T_EQ(id_of(h, (struct ip_send){.df = true}), 0); /* atomic: it means nothing */
    for (unsigned i = 0; i < 65536; i++) {           /* a flow meets an id again after all others */
        uint16_t id = id_of(h, a);

        T_FALSE(seen[id]);
        seen[id] = 1;
    }
    /* Flows do not count together, nor from a common start. */
    uint16_t a0 = id_of(h, a), b0 = id_of(h, b);

    (void)id_of(h, b);
    T_EQ((uint16_t)(id_of(h, a) - a0), 1);
    T_TRUE(a0 != b0 && (uint16_t)(b0 - a0) != 1);
    free(seen);
    l3_free(h);
}

/* Another secret, other identifications: nobody can know where a flow starts. */
static void test_ip4_output_identifications_depend_on_the_secret(void)
{
    unsigned same = 0;
    uint16_t first = 0;

    for (uint64_t seed = 0; seed < 8; seed++) {
        struct l3 *h = l3_new();

        prng_seed(&h->c.prng, seed, 9);
        h->ip.id_key = (struct siphash_key){prng_u64(&h->c.prng), seed};
        uint16_t id = id_of(h, (struct ip_send){.ttl = 1});

        same += seed > 0 && id == first;
        first = id;
        l3_free(h);
    }
    T_TRUE(same <= 1);
}

T_MAIN("ip4_output", T(test_ip4_output_writes_the_header_asked_for),
       T(test_ip4_output_default_ttl_is_a_setting_and_never_zero),
       T(test_ip4_output_broadcast_and_multicast_go_straight_to_the_link),
       T(test_ip4_output_far_goes_to_the_gateway),
       T(test_ip4_output_refuses_and_lets_the_packet_go),
       T(test_ip4_output_fragments_cover_the_data_exactly),
       T(test_ip4_output_datagram_lives_until_its_last_fragment_has_left),
       T(test_ip4_output_df_is_never_fragmented), T(test_ip4_output_fragments_of_external_bytes),
       T(test_ip4_output_completes_the_checksum_before_cutting),
       T(test_ip4_output_all_fragments_or_none), T(test_ip4_output_gso_is_left_to_the_wire),
       T(test_ip4_output_identifications), T(test_ip4_output_identifications_depend_on_the_secret))
