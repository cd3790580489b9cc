/* test_icmp4_error.c - ICMP errors: those we send, those we receive. */
#include <errno.h>

#include "unit/icmp4_dgram.h"

/* ---- Errors we send ---- */

static struct pkt *refused(struct l3 *h, struct l3_dgram d)
{
    struct pkt *p = NULL;

    T_EQ(l3_in(h, &d, &p), V_NEXT);
    T_NEED(p != NULL);
    return p;
}

/* REQ: ICMP-1122-3.2.2-2 ICMP-1122-3.2.2-3 ICMP-1122-3.2.2-5 ICMP-792-4 ICMP-1122-3.2.2.1-2
 * REQ: ICMP-1122-3.3.8-1 */
static void test_icmp4_error_quotes_the_datagram_unchanged(void)
{
    static const uint32_t sizes[] = {8, 9, 100, 519, 520, 521, 1000};
    static const uint8_t opt[8] = {1, 0x9e, 4, 5, 6, 1, 1, 0};
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    l3_fill(msg, 2000);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct l3_dgram d = {
            .tos = 0x10, .opt = opt, .opt_len = 8, .data = msg, .len = sizes[i], .pad = 3};
        struct pkt *p = refused(h, d);
        uint32_t quote = u32_min(28 + sizes[i], 576 - 28);

        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        T_TRUE(l3_out(h, f));
        T_EQ(f->ip.src, L3_OWN);
        T_EQ(f->ip.dst, L3_PEER);
        T_EQ(f->ip.tos, 0);
        T_EQ(f->l4[0], ICMP4_UNREACH);
        T_EQ(f->l4[1], ICMP4_PORT);
        T_EQ(get32(f->l4 + 4), 0);
        T_EQ(l3_sum(f->l4, f->l4_len), 0);
        T_EQ(f->l4_len, 8 + quote);
        T_MEM(f->l4 + 8, p->buf + p->l3, quote);
        T_MEM(f->l4 + 8 + 20, opt, 8);
        pkt_release(p);
    }
    free(f);
    l3_free(h);
}

/* A neighbour on the same machine leaves the checksum to the wire; the quote has it all the same. */
static void test_icmp4_error_quotes_a_finished_checksum(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    l3_fill(msg, 2000);
    for (uint32_t len = 8; len <= 1000; len += 31) {
        struct l3_dgram d = {.data = msg, .len = len, .pad = 3};
        struct pkt *p = refused(h, d);
        uint32_t l4 = (uint32_t)p->l3 + 20;

        put16(p->buf + l4 + 6, 0x1234); /* stands for the sum of a pseudo-header */
        uint16_t want = csum_finish(csum_add(0, p->buf + l4, len));
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)l4;
        p->csum_off = 6;
        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        T_TRUE(l3_out(h, f));
        T_EQ(get16(f->l4 + 8 + 20 + 6), want);
        T_EQ(l3_sum(f->l4, f->l4_len), 0);
        T_EQ(get16(p->buf + l4 + 6), 0x1234); /* the packet itself is only borrowed */
        p->csum = CSUM_VERIFIED;              /* this one is as it was on the wire */
        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        T_TRUE(l3_out(h, f));
        T_EQ(get16(f->l4 + 8 + 20 + 6), 0x1234);
        p->csum = CSUM_PARTIAL; /* a UDP sum that comes out as zero is written as all ones */
        put16(p->buf + l4 + 6, 0);
        put16(p->buf + l4 + 6, csum_finish(csum_add(0, p->buf + l4, len)));
        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        T_TRUE(l3_out(h, f));
        T_EQ(get16(f->l4 + 8 + 20 + 6), 0xffff);
        pkt_release(p);
    }
    free(f);
    l3_free(h);
}

/* Metadata may name any two bytes of the frame; those of the IP header, which is behind us, are no transport's. */
static void test_icmp4_error_quotes_no_checksum_of_the_header(void)
{
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));
    struct l3_dgram d = {.data = msg, .len = 100};

    l3_fill(msg, 100);
    for (uint32_t at = 0; at < 20; at++) {
        struct pkt *p = refused(h, d);

        T_EQ(p->off, p->l3 + 20);
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->l3 + at);
        p->csum_off = 6;
        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        T_TRUE(l3_out(h, f));
        T_MEM(f->l4 + 8, p->buf + p->l3, 20 + 100);
        pkt_release(p);
    }
    free(f);
    l3_free(h);
}

static void test_icmp4_error_kinds_on_the_wire(void)
{
    static const struct {
        enum ip_error_kind kind;
        uint8_t type, code;
    } kinds[] = {
        {IP_ERR_NET_UNREACH,   3,  0 },
        {IP_ERR_HOST_UNREACH,  3,  1 },
        {IP_ERR_PROTO_UNREACH, 3,  2 },
        {IP_ERR_PORT_UNREACH,  3,  3 },
        {IP_ERR_TOO_BIG,       3,  4 },
        {IP_ERR_SOURCE_ROUTE,  3,  5 },
        {IP_ERR_PROHIBITED,    3,  13},
        {IP_ERR_TTL,           11, 0 },
        {IP_ERR_REASSEMBLY,    11, 1 },
        {IP_ERR_PARAM,         12, 0 },
    };
    struct l3 *h = l3_new();
    struct l3_frame *f = malloc(sizeof(*f));

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct pkt *p = refused(h, (struct l3_dgram){.data = msg, .len = 8});

        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, kinds[i].kind);
        T_TRUE(l3_out(h, f));
        T_EQ(f->l4[0], kinds[i].type);
        T_EQ(f->l4[1], kinds[i].code);
        pkt_release(p);
    }
    free(f);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2-6 */
static void test_icmp4_error_is_never_about_an_error(void)
{
    struct l3 *h = l3_new();
    unsigned answered = 0;

    for (unsigned type = 0; type < 256; type++) {
        struct l3_dgram d = icmp((uint8_t)type, 0, 0, 8);

        d.proto = IP_PROTO_ICMP;
        struct pkt *p = refused(h, d);

        h->c.now += NET_SEC(1);
        ip_reply_error(&h->ip, p, IP_ERR_HOST_UNREACH);
        bool sent = !l3_silent(h);

        T_EQ(sent, type == 0 || type == 8 || (type >= 13 && type <= 18));
        answered += sent;
        pkt_release(p);
    }
    T_EQ(answered, 8);
    struct l3_dgram none = {.proto = IP_PROTO_ICMP, .data = msg, .len = 0}; /* no type at all */
    struct pkt *p = refused(h, none);

    h->c.now += NET_SEC(1);
    ip_reply_error(&h->ip, p, IP_ERR_HOST_UNREACH);
    T_TRUE(l3_silent(h));
    pkt_release(p);
    l3_free(h);
}

/* REQ: ICMP-1122-3.2.2-7 ICMP-1122-3.2.2-8 ICMP-1122-3.2.2-9 ICMP-1122-3.2.2-10 */
static void test_icmp4_error_is_never_about_groups_fragments_and_strange_sources(void)
{
    static const uint32_t dst[] = {0xffffffff, 0x0a0000ff, 0x0a000000, 0xe0000001};
    static const uint32_t src[] = {0x7f000001, 0xe0000001, 0xf0000001, 0x0a0000ff, L3_OWN};
    struct l3 *h = l3_new();
    struct l3_dgram usual = {.data = msg, .len = 8};

    for (size_t i = 0; i < ARRAY_LEN(dst); i++) {
        struct l3_dgram d = usual;

        d.dst = dst[i];
        struct pkt *p = refused(h, d);

        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        pkt_release(p);
    }
    struct pkt *p = refused(h, usual);

    p->l2_cast = CAST_BROADCAST;
    ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
    p->l2_cast = CAST_UNICAST;
    put16(p->buf + p->l3 + IP4_FRAG, 1);
    ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
    put16(p->buf + p->l3 + IP4_FRAG, 0);
    for (size_t i = 0; i < ARRAY_LEN(src); i++) {
        p->src = ip_addr_v4(src[i]);
        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
    }
    p->src = IP_ADDR_ANY;
    ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
    T_TRUE(l3_silent(h));
    p->src = ip_addr_v4(L3_PEER); /* the control: everything as usual */
    ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
    T_FALSE(l3_silent(h));
    pkt_release(p);
    l3_free(h);
}

/* Errors that leave for @count refused datagrams within a second, from @hosts sources. */
static unsigned errors_in_a_second(struct l3 *h, unsigned count, unsigned hosts)
{
    unsigned sent = 0;

    for (unsigned i = 0; i < count; i++) {
        struct l3_dgram d = {.src = 0x0b000001 + i % hosts, .data = msg, .len = 8};
        struct pkt *p = refused(h, d);

        ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
        pkt_release(p);
        sent += !l3_silent(h);
        h->c.now += NET_SEC(1) / count;
    }
    return sent;
}

/* REQ: ICMP-1812-4.3.2.8-1 */
static void test_icmp4_errors_are_limited_by_destination_and_in_all(void)
{
    struct l3 *h = l3_new();
    unsigned one = errors_in_a_second(h, 10000, 1);

    T_TRUE(one >= 15 && one <= 21); /* burst 10 and 10 a second */
    T_EQ(h->c.drops[V_DROP_ICMP4_RATE], 10000 - one);
    h->c.now += NET_SEC(60);
    unsigned all = errors_in_a_second(h, 10000, 5000);

    T_TRUE(all >= 100 && all <= 220); /* burst 50 and 100 a second, with chance */
    all = 0;
    for (int s = 0; s < 20; s++)
        all += errors_in_a_second(h, 5000, 5000);
    T_TRUE(all >= 1800 && all <= 2200); /* chance is fair: 100 a second in the end */
    l3_free(h);
}

/* How many errors a burst gives tells nobody how many went elsewhere (SAD DNS). */
static void test_icmp4_rate_limit_is_no_measure(void)
{
    unsigned least = UINT32_MAX, most = 0;

    for (uint64_t seed = 0; seed < 32; seed++) {
        struct l3 *h = l3_new();
        unsigned sent = 0;

        prng_seed(&h->c.prng, seed, 1);
        for (uint32_t i = 0; i < 200; i++) {
            struct l3_dgram d = {.src = 0x0b000001 + i, .data = msg, .len = 8};
            struct pkt *p = refused(h, d);

            ip_reply_error(&h->ip, p, IP_ERR_PORT_UNREACH);
            pkt_release(p);
            sent += !l3_silent(h);
        }
        least = u32_min(least, sent);
        most = u32_max(most, sent);
        l3_free(h);
    }
    T_TRUE(most - least >= 5);
    T_TRUE(least >= 25 && most <= 100);
}

/* ---- Errors we receive ---- */

static const uint8_t l4[8] = {0x9c, 0x40, 0, 80, 1, 2, 3, 4};

/* An error about a datagram of @total bytes that we sent from L3_OWN to L3_FAR. */
static struct l3_dgram error_about(uint8_t type, uint8_t code, uint32_t word, uint8_t proto,
                                   uint16_t total)
{
    struct ip4_hdr in = {
        .src = L3_OWN, .dst = L3_FAR, .total = total, .ttl = 60, .proto = proto, .df = true};

    ip4_emit(&in, msg + 8);
    memcpy(msg + 28, l4, 8);
    return icmp(type, code, word, 28);
}

/* REQ: ICMP-1122-3.2.2-4 ICMP-1122-3.2.2.1-3 ICMP-1122-3.2.2.4-1 ICMP-1122-3.2.2.5-2 IP-1122-3.4-1 */
static void test_icmp4_errors_reach_the_layer_they_quote(void)
{
    static const struct {
        uint8_t type, code;
        enum ip_error_kind kind;
    } wire[] = {
        {3,  0,  IP_ERR_NET_UNREACH  },
        {3,  1,  IP_ERR_HOST_UNREACH },
        {3,  2,  IP_ERR_PROTO_UNREACH},
        {3,  3,  IP_ERR_PORT_UNREACH },
        {3,  5,  IP_ERR_SOURCE_ROUTE },
        {3,  6,  IP_ERR_NET_UNREACH  },
        {3,  7,  IP_ERR_HOST_UNREACH },
        {3,  8,  IP_ERR_HOST_UNREACH },
        {3,  9,  IP_ERR_PROHIBITED   },
        {3,  10, IP_ERR_PROHIBITED   },
        {3,  11, IP_ERR_NET_UNREACH  },
        {3,  12, IP_ERR_HOST_UNREACH },
        {3,  13, IP_ERR_PROHIBITED   },
        {11, 0,  IP_ERR_TTL          },
        {11, 1,  IP_ERR_REASSEMBLY   },
        {12, 0,  IP_ERR_PARAM        },
    };
    struct l3 *h = l3_new();

    for (size_t i = 0; i < ARRAY_LEN(wire); i++)
        for (unsigned k = 0; k < 2; k++) {
            uint8_t proto = k ? IP_PROTO_TCP : IP_PROTO_UDP;
            struct l3_dgram d = error_about(wire[i].type, wire[i].code, 0, proto, 100);
            struct pkt *p = NULL;
            struct ip_error err;

            d.proto = IP_PROTO_ICMP;
            T_EQ(l3_in(h, &d, &p), V_NEXT);
            T_NEED(p != NULL);
            T_EQ(icmp4_input(&h->ip, p, &err), V_NEXT);
            T_EQ(err.kind, wire[i].kind);
            T_EQ(err.type, wire[i].type);
            T_EQ(err.code, wire[i].code);
            T_EQ(err.proto, proto);
            T_EQ(ip_addr_to_v4(err.from), L3_PEER);
            T_EQ(ip_addr_to_v4(err.local), L3_OWN);
            T_EQ(ip_addr_to_v4(err.remote), L3_FAR);
            T_EQ(err.quoted.len, 8);
            T_MEM(err.quoted.p, l4, 8);
            pkt_release(p);
        }
    struct l3_dgram d = error_about(3, 16, 0, 17, 100);

    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_TYPE);
    d = error_about(11, 2, 0, 17, 100);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_TYPE);
    d = error_about(3, 3, 0, 99, 100);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_NO_OWNER);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: ICMP-792-3 */
static void test_icmp4_error_quote_cut_at_every_byte(void)
{
    struct l3 *h = l3_new();

    for (uint32_t len = 8; len <= 36; len++) {
        struct l3_dgram d = error_about(3, 3, 0, 17, 100);

        d.len = len;
        resum(&d);
        T_EQ(l3_icmp_in(h, &d, NULL), len < 36 ? V_DROP_ICMP4_INNER : V_NEXT);
    }
    l3_free(h);
}

static void test_icmp4_error_with_a_lying_quote_is_refused(void)
{
    static const struct {
        uint8_t at, value;
    } lies[] = {
        {8,      0x55}, /* version */
        {8,      0x44}, /* header length 16 */
        {8,      0x46}, /* 24, of 28 bytes: too little behind it */
        {8,      0x4f}, /* 60 */
        {11,     27  }, /* total length without 8 bytes of payload */
        {15,     1   }, /* a later fragment */
        {8 + 12, 11  }, /* not from us */
        {8 + 15, 3   }, /* from another host of our net */
    };
    struct l3 *h = l3_new();

    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct l3_dgram d = error_about(3, 3, 0, 17, 100);

        msg[lies[i].at] = lies[i].value;
        resum(&d);
        T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_INNER);
    }
    struct l3_dgram d = error_about(3, 3, 0, 17, 100);

    put32(msg + 8 + 16, L3_OWN_B); /* to ourselves */
    resum(&d);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_INNER);
    d = error_about(3, 3, 0, 17, 100); /* from our other address, told to this one */
    put32(msg + 8 + 12, L3_OWN_B);
    resum(&d);
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_INNER);
    d = error_about(3, 3, 0, 17, 100);
    d.dst = 0xffffffff;
    T_EQ(l3_icmp_in(h, &d, NULL), V_DROP_ICMP4_BROADCAST);
    l3_free(h);
}

static void test_icmp4_path_mtu_is_checked(void)
{
    static const struct {
        uint32_t word;
        uint16_t total;
        enum verdict v;
        uint32_t mtu;
    } cases[] = {
        {1400,              1500,  V_NEXT,           1400 },
        {0xdead0000 | 1400, 1500,  V_NEXT,           1400 }, /* the upper half is unused */
        {68,                1500,  V_NEXT,           68   },
        {67,                1500,  V_DROP_ICMP4_MTU, 0    },
        {1,                 1500,  V_DROP_ICMP4_MTU, 0    },
        {1500,              1500,  V_DROP_ICMP4_MTU, 0    }, /* it would have fitted */
        {9000,              1500,  V_DROP_ICMP4_MTU, 0    },
        {0,                 1500,  V_NEXT,           1492 }, /* RFC 1191 plateaus */
        {0,                 1492,  V_NEXT,           1006 },
        {0,                 297,   V_NEXT,           296  },
        {0,                 65535, V_NEXT,           32000},
        {0,                 69,    V_NEXT,           68   },
        {0,                 68,    V_DROP_ICMP4_MTU, 0    },
    };
    struct l3 *h = l3_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct l3_dgram d =
            error_about(ICMP4_UNREACH, ICMP4_FRAG_NEEDED, cases[i].word, 6, cases[i].total);
        struct ip_error err = {0};

        T_EQ(l3_icmp_in(h, &d, &err), cases[i].v);
        if (cases[i].v == V_NEXT) {
            T_EQ(err.kind, IP_ERR_TOO_BIG);
            T_EQ(err.mtu, cases[i].mtu);
        }
    }
    l3_free(h);
}

T_MAIN("icmp4_error", T(test_icmp4_error_quotes_the_datagram_unchanged),
       T(test_icmp4_error_quotes_a_finished_checksum),
       T(test_icmp4_error_quotes_no_checksum_of_the_header), T(test_icmp4_error_kinds_on_the_wire),
       T(test_icmp4_error_is_never_about_an_error),
       T(test_icmp4_error_is_never_about_groups_fragments_and_strange_sources),
       T(test_icmp4_errors_are_limited_by_destination_and_in_all),
       T(test_icmp4_rate_limit_is_no_measure), T(test_icmp4_errors_reach_the_layer_they_quote),
       T(test_icmp4_error_quote_cut_at_every_byte),
       T(test_icmp4_error_with_a_lying_quote_is_refused), T(test_icmp4_path_mtu_is_checked))
