/* test_ip4_input.c - what is let in, and under which name everything else is refused. */
#include "unit/l3_host.h"

static const uint8_t data[64] = {1, 2, 3, 4, 5, 6, 7, 8};

static enum verdict in(struct l3 *h, struct l3_dgram d)
{
    d.data = data;
    if (d.len == 0)
        d.len = 12;
    return l3_in(h, &d, NULL);
}
#define IN(...) in(h, (struct l3_dgram){__VA_ARGS__})

/* REQ: IP-791-3.1-2 IP-1122-3.2.1.6-2 */
static void test_ip4_input_fills_the_packet_and_cuts_the_padding(void)
{
    struct l3 *h = l3_new();
    struct pkt *p = NULL;

    T_EQ(
        l3_in(h,
              &(struct l3_dgram){
                  .data = data, .len = 12, .pad = 14, .tos = 0x28, .ttl = 7, .proto = IP_PROTO_TCP},
              &p),
        V_NEXT);
    T_NEED(p != NULL);
    T_EQ(p->len, 12);
    T_MEM(pkt_data(p), data, 12);
    T_EQ(p->off, p->l4);
    T_EQ(p->l4 - p->l3, 20);
    T_EQ(p->proto, IP_PROTO_TCP);
    T_EQ(p->tos, 0x28);
    T_EQ(p->ttl, 7);
    T_EQ(ip_addr_to_v4(p->src), L3_PEER);
    T_EQ(ip_addr_to_v4(p->dst), L3_OWN);
    T_EQ(p->l3_cast, CAST_UNICAST);
    pkt_release(p);
    l3_free(h);
}

/* REQ: IP-791-3.1-1 IP-1122-3.2.1.1-1 */
static void test_ip4_input_header_lies_are_refused(void)
{
    struct l3 *h = l3_new();

    for (unsigned version = 0; version < 16; version++)
        T_EQ(IN(.vihl = (uint8_t)(version << 4 | 5)), version == 4 ? V_NEXT : V_DROP_IP4_VERSION);
    for (unsigned ihl = 0; ihl < 5; ihl++)
        T_EQ(IN(.vihl = (uint8_t)(0x40 | ihl)), V_DROP_IP4_HEADER_LENGTH);
    T_EQ(IN(.vihl = 0x4f), V_DROP_IP4_HEADER_LENGTH); /* 60 bytes of header in 32 */
    T_EQ(IN(.total = 19), V_DROP_IP4_TOTAL_LENGTH);
    T_EQ(IN(.total = 33), V_DROP_IP4_TOTAL_LENGTH);
    T_EQ(IN(.total = 65535), V_DROP_IP4_TOTAL_LENGTH);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

static void test_ip4_input_cut_at_every_byte_is_refused(void)
{
    struct l3 *h = l3_new();
    struct l3_dgram d = {.data = data, .len = 12};

    for (uint32_t len = 0; len < 32; len++) {
        struct pkt *p = l3_build(h, &d);

        pkt_trim(p, len);
        T_EQ(ip4_input(&h->ip, &p), len < 20 ? V_DROP_IP4_SHORT : V_DROP_IP4_TOTAL_LENGTH);
        pkt_release(p);
    }
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.2-1 */
static void test_ip4_input_bad_checksum_is_refused(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.bad_sum = 1), V_DROP_IP4_CHECKSUM);
    T_EQ(IN(.bad_sum = 0xffff), V_DROP_IP4_CHECKSUM);
    T_EQ(IN(.bad_sum = 0), V_NEXT);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-8 IP-1122-3.2.1.3-3 ICMP-1122-3.2.2-10 */
static void test_ip4_input_martian_sources_are_refused_in_silence(void)
{
    static const uint32_t martian[] = {
        0x00000001, 0x00ffffff, 0x7f000001, 0xe0000001, 0xefffffff,
        0xf0000001, 0xffffffff, 0x0a0000ff, 0x0a000000, 0x0a0001ff, /* of the other interface */
    };
    struct l3 *h = l3_new();

    for (size_t i = 0; i < ARRAY_LEN(martian); i++)
        T_EQ(IN(.src = martian[i], .proto = 99), V_DROP_IP4_SOURCE);
    struct pkt *p = l3_build(h, &(struct l3_dgram){.data = data, .len = 12});
    uint8_t *b = pkt_data(p);

    put32(b + 12, 0); /* 0.0.0.0 */
    put16(b + 10, 0);
    put16(b + 10, l3_sum(b, 20));
    T_EQ(ip4_input(&h->ip, &p), V_DROP_IP4_SOURCE);
    pkt_release(p);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

static void test_ip4_input_land_is_refused(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.src = L3_OWN), V_DROP_IP4_LAND);
    T_EQ(IN(.src = L3_OWN_B), V_DROP_IP4_LAND); /* any of our addresses */
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-6 IP-1122-3.1-2 ICMP-1122-3.2.2.2-1 */
static void test_ip4_input_not_for_us_is_refused(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.dst = 0x0a000003), V_DROP_IP4_NOT_FOR_US);
    T_EQ(IN(.dst = L3_FAR), V_DROP_IP4_NOT_FOR_US);
    T_EQ(IN(.dst = 0xef010101), V_DROP_IP4_NOT_FOR_US); /* a group we are not in */
    T_EQ(IN(.dst = 0xf0000001), V_DROP_IP4_NOT_FOR_US);
    T_EQ(IN(.dst = 0x7f000001), V_DROP_IP4_LOOPBACK);
    T_EQ(IN(.dst = 0x0a0001ff), V_DROP_IP4_NOT_FOR_US); /* broadcast of the other interface */
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-1122-3.3.4.2-4 */
static void test_ip4_input_strong_host_refuses_the_other_interfaces_address(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.dst = L3_OWN_B, .ifi = 0), V_DROP_IP4_NOT_FOR_US);
    T_EQ(IN(.dst = L3_OWN_B, .ifi = 1), V_NEXT);
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-7 IP-1122-3.3.7-1 */
static void test_ip4_input_broadcasts_and_joined_groups_are_accepted(void)
{
    struct l3 *h = l3_new();
    static const struct {
        uint32_t dst;
        uint8_t cast;
    } dst[] = {
        {0xffffffff, CAST_BROADCAST},
        {0x0a0000ff, CAST_BROADCAST},
        {0x0a000000, CAST_BROADCAST},
        {0xe0000001, CAST_MULTICAST},
        {0xef010101, CAST_MULTICAST},
    };

    T_EQ(ip_group_join(&h->ip, ip_addr_v4(0xef010101), 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(dst); i++) {
        struct pkt *p = NULL;

        T_EQ(l3_in(h,
                   &(struct l3_dgram){
                       .dst = dst[i].dst, .data = data, .len = 8, .l2_cast = dst[i].cast},
                   &p),
             V_NEXT);
        T_NEED(p != NULL);
        T_EQ(p->l3_cast, dst[i].cast);
        pkt_release(p);
    }
    T_EQ(ip_group_leave(&h->ip, ip_addr_v4(0xef010101), 0), 0);
    T_EQ(IN(.dst = 0xef010101, .l2_cast = CAST_MULTICAST), V_DROP_IP4_NOT_FOR_US);
    l3_free(h);
}

/* REQ: IP-1122-3.3.6-4 ICMP-1122-3.2.2-8 */
static void test_ip4_input_unicast_in_a_link_broadcast_is_refused_in_silence(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.l2_cast = CAST_BROADCAST, .proto = 99), V_DROP_IP4_L2_BROADCAST);
    T_EQ(IN(.l2_cast = CAST_MULTICAST, .proto = 99), V_DROP_IP4_L2_BROADCAST);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.8-3 IP-1122-3.2.1.8-5 IP-1122-3.2.1.8-11 */
static void test_ip4_input_unknown_options_are_stepped_over(void)
{
    struct l3 *h = l3_new();
    static const uint8_t kinds[] = {0x9e, 0x88, 0x82, 7, 68};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint8_t opt[8] = {1, kinds[i], 4, 5, 0, 1, 1, 0};
        struct pkt *p = NULL;

        T_EQ(l3_in(h, &(struct l3_dgram){.opt = opt, .opt_len = 8, .data = data, .len = 9}, &p),
             V_NEXT);
        T_NEED(p != NULL);
        T_EQ(p->len, 9);
        T_EQ(p->l4 - p->l3, 28);
        pkt_release(p);
    }
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.8-4 ICMP-792-5 ICMP-1122-3.2.2.5-1 */
static void test_ip4_input_bad_option_length_is_a_parameter_problem(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    for (unsigned len = 0; len < 256; len++) {
        uint8_t opt[4] = {1, 0x44, (uint8_t)len, 0};
        bool ok = len == 2 || len == 3;

        h->c.now += NET_SEC(1); /* not to meet the rate limit */
        T_EQ(IN(.opt = opt, .opt_len = 4), ok ? V_NEXT : V_DROP_IP4_OPTION);
        T_EQ(l3_out(h, f), !ok);
        if (ok)
            continue;
        T_EQ(f->l4[0], ICMP4_PARAM_PROBLEM);
        T_EQ(f->l4[1], 0);
        T_EQ(get32(f->l4 + 4), 22u << 24); /* the octet at fault */
        T_EQ(f->l4[8 + 20 + 2], len);      /* quoted with its options */
    }
    uint8_t last[4] = {1, 1, 1, 0x44}; /* no room for a length */

    T_EQ(IN(.opt = last, .opt_len = 4), V_DROP_IP4_OPTION);
    free(f);
    l3_free(h);
}

static void test_ip4_input_source_routes_are_refused_in_silence(void)
{
    struct l3 *h = l3_new();
    uint8_t lsrr[8] = {131, 7, 4, 10, 0, 0, 9, 0}, ssrr[8] = {137, 7, 8, 10, 0, 0, 9, 0};

    T_EQ(IN(.opt = lsrr, .opt_len = 8), V_DROP_IP4_SOURCE_ROUTE);
    T_EQ(IN(.opt = ssrr, .opt_len = 8), V_DROP_IP4_SOURCE_ROUTE);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.7-2 */
static void test_ip4_input_low_ttl_is_no_reason_to_refuse(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.ttl = 1), V_NEXT);
    T_EQ(IN(.ttl_zero = true), V_NEXT);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2.1-1 */
static void test_ip4_input_unknown_protocols_are_unreachable(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    for (unsigned proto = 1; proto < 256; proto++) {
        bool known = proto == IP_PROTO_TCP || proto == IP_PROTO_UDP || proto == IP_PROTO_ICMP ||
                     proto == IP_PROTO_IGMP;

        h->c.now += NET_SEC(1);
        T_EQ(IN(.proto = (uint8_t)proto), known ? V_NEXT : V_DROP_IP4_PROTOCOL);
        T_EQ(l3_out(h, f), !known);
        if (!known) {
            T_EQ(f->l4[0], ICMP4_UNREACH);
            T_EQ(f->l4[1], ICMP4_PROTOCOL);
            T_EQ(f->ip.dst, L3_PEER);
        }
    }
    free(f);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2-9 */
static void test_ip4_input_unknown_protocol_in_a_later_fragment_is_silent(void)
{
    struct l3 *h = l3_new();

    T_EQ(IN(.proto = 99, .off = 8), V_DROP_IP4_PROTOCOL);
    T_EQ(IN(.proto = 99, .off = 8, .mf = true, .len = 16), V_DROP_IP4_PROTOCOL);
    T_EQ(ip4_reass_count(&h->ip.reass), 0);
    h->c.now += NET_SEC(200);
    ip_tick(&h->ip, h->c.now);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IP-6864-4.1-1 IP-6864-4.1-3 */
static void test_ip4_input_identification_of_whole_datagrams_means_nothing(void)
{
    struct l3 *h = l3_new();

    for (int i = 0; i < 3; i++) {
        T_EQ(IN(.id = 7), V_NEXT);
        T_EQ(IN(.id = 0, .df = true), V_NEXT);
    }
    l3_free(h);
}

/* REQ: IP-1122-3.1-3 */
static void test_ip4_input_of_noise_never_fails(void)
{
    struct l3 *h = l3_new();
    struct prng g;

    prng_seed(&g, 1, 2);
    for (int i = 0; i < 20000; i++) {
        struct l3_dgram d = {.data = data, .len = 40, .proto = i % 2 ? 1 : 17};
        struct pkt *p = l3_build(h, &d);
        uint8_t *b = pkt_data(p);

        for (int k = 0; k < 3; k++)
            b[prng_below(&g, 60)] = (uint8_t)prng_u32(&g);
        if ((b[0] & 0xf) >= 5 && (b[0] & 0xf) * 4u <= p->len) {
            put16(b + 10, 0);
            put16(b + 10, l3_sum(b, (b[0] & 0xfu) * 4));
        }
        pkt_trim(p, 60 - prng_below(&g, 3) * prng_below(&g, 30));
        enum verdict v = ip4_input(&h->ip, &p);
        struct ip_error err;

        if (v == V_NEXT && p->proto == IP_PROTO_ICMP)
            v = icmp4_input(&h->ip, p, &err);
        T_TRUE(v < V_COUNT);
        pkt_release(p);
        if (i % 100 == 0)
            while (!l3_silent(h))
                ;
        h->c.now += NET_MS(100);
        ip_tick(&h->ip, h->c.now);
    }
    l3_free(h);
}

T_MAIN("ip4_input", T(test_ip4_input_fills_the_packet_and_cuts_the_padding),
       T(test_ip4_input_header_lies_are_refused), T(test_ip4_input_cut_at_every_byte_is_refused),
       T(test_ip4_input_bad_checksum_is_refused),
       T(test_ip4_input_martian_sources_are_refused_in_silence), T(test_ip4_input_land_is_refused),
       T(test_ip4_input_not_for_us_is_refused),
       T(test_ip4_input_strong_host_refuses_the_other_interfaces_address),
       T(test_ip4_input_broadcasts_and_joined_groups_are_accepted),
       T(test_ip4_input_unicast_in_a_link_broadcast_is_refused_in_silence),
       T(test_ip4_input_unknown_options_are_stepped_over),
       T(test_ip4_input_bad_option_length_is_a_parameter_problem),
       T(test_ip4_input_source_routes_are_refused_in_silence),
       T(test_ip4_input_low_ttl_is_no_reason_to_refuse),
       T(test_ip4_input_unknown_protocols_are_unreachable),
       T(test_ip4_input_unknown_protocol_in_a_later_fragment_is_silent),
       T(test_ip4_input_identification_of_whole_datagrams_means_nothing),
       T(test_ip4_input_of_noise_never_fails))
