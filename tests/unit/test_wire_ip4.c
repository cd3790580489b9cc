/* test_wire_ip4.c - the IPv4 header and its options, with every lie a length can tell. */
#include <stdlib.h>

#include "base/prng.h"
#include "t.h"
#include "wire/ip4.h"

static struct ip4_hdr sample(void)
{
    return (struct ip4_hdr){
        .src = 0xc0000201,
        .dst = 0xc6336401,
        .total = 40,
        .id = 0xabcd,
        .frag_off = 0,
        .df = true,
        .hdr_len = IP4_HDR_LEN,
        .tos = 0x10,
        .ttl = 64,
        .proto = IP_PROTO_TCP,
    };
}

static void fix_sum(uint8_t *p, size_t hdr_len)
{
    put16(p + IP4_SUM, 0);
    put16(p + IP4_SUM, csum_finish(csum_add(0, p, hdr_len)));
}

/* Parse from memory of exactly @len bytes, so that a sanitizer sees every byte too far. */
static enum verdict parse_exact(struct ip4_hdr *h, const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    if (copy == NULL)
        abort();
    memcpy(copy, p, len);
    enum verdict v = ip4_parse(h, (struct span){copy, len});

    free(copy);
    return v;
}

/* REQ: IP-791-3.1-3 IP-791-3.1-4 */
static void test_wire_ip4_emits_the_bytes_of_the_rfc(void)
{
    static const uint8_t want[] = {0x45, 0x10, 0x00, 0x28, 0xab, 0xcd, 0x40, 0x00, 0x40, 0x06,
                                   0x9d, 0x29, 0xc0, 0x00, 0x02, 0x01, 0xc6, 0x33, 0x64, 0x01};
    struct ip4_hdr h = sample();
    uint8_t p[IP4_HDR_LEN];

    ip4_emit(&h, p);
    T_MEM(p, want, 10);
    T_MEM(p + 12, want + 12, 8);
    T_EQ(csum_fold(csum_add(0, p, sizeof(p))), 0xffff);
    T_EQ(p[IP4_FRAG] & 0x80, 0); /* the reserved bit */
}

static void test_wire_ip4_round_trip_of_random_headers(void)
{
    struct prng g;

    prng_seed(&g, 791, 0);
    for (unsigned i = 0; i < 20000; i++) {
        struct ip4_hdr h = {
            .src = prng_u32(&g),
            .dst = prng_u32(&g),
            .total = (uint16_t)(IP4_HDR_LEN + prng_below(&g, 80)),
            .id = (uint16_t)prng_u32(&g),
            .frag_off = (uint16_t)(prng_below(&g, 8192) * 8),
            .df = prng_below(&g, 2) == 0,
            .mf = prng_below(&g, 2) == 0,
            .hdr_len = IP4_HDR_LEN,
            .tos = (uint8_t)prng_u32(&g),
            .ttl = (uint8_t)prng_u32(&g),
            .proto = (uint8_t)prng_u32(&g),
        };
        uint8_t p[100] = {0};
        struct ip4_hdr b = {0};

        ip4_emit(&h, p);
        T_EQ(parse_exact(&b, p, sizeof(p)), V_NEXT);
        T_TRUE(b.src == h.src && b.dst == h.dst && b.total == h.total && b.id == h.id &&
               b.frag_off == h.frag_off && b.df == h.df && b.mf == h.mf && b.tos == h.tos &&
               b.ttl == h.ttl && b.proto == h.proto && b.hdr_len == h.hdr_len);
    }
}

/* REQ: IP-791-3.1-1 */
static void test_wire_ip4_every_cut_is_refused(void)
{
    struct ip4_hdr h = sample(), b;
    uint8_t p[40] = {0};

    ip4_emit(&h, p);
    for (size_t len = 0; len < 40; len++)
        T_EQ(parse_exact(&b, p, len),
             len < IP4_HDR_LEN ? V_DROP_IP4_SHORT : V_DROP_IP4_TOTAL_LENGTH);
    T_EQ(parse_exact(&b, p, 40), V_NEXT);
}

/* REQ: IP-1122-3.2.1.1-1 */
static void test_wire_ip4_other_versions_are_refused(void)
{
    struct ip4_hdr h = sample(), b;
    uint8_t p[40] = {0};

    ip4_emit(&h, p);
    for (unsigned version = 0; version < 16; version++) {
        p[IP4_VIHL] = (uint8_t)(version << 4 | 5);
        fix_sum(p, IP4_HDR_LEN);
        T_EQ(parse_exact(&b, p, 40), version == 4 ? V_NEXT : V_DROP_IP4_VERSION);
    }
}

/* REQ: IP-791-3.1-1 */
static void test_wire_ip4_every_header_length_against_every_frame_length(void)
{
    struct ip4_hdr h = sample(), b;

    for (unsigned ihl = 0; ihl < 16; ihl++) {
        for (size_t len = IP4_HDR_LEN; len <= 64; len++) {
            uint8_t p[64];

            memset(p, IP4_OPT_NOP, sizeof(p));
            h.total = (uint16_t)len;
            ip4_emit(&h, p);
            p[IP4_VIHL] = (uint8_t)(0x40 | ihl);
            if (ihl * 4 >= IP4_HDR_LEN && ihl * 4 <= len)
                fix_sum(p, ihl * 4);
            T_EQ(parse_exact(&b, p, len),
                 ihl < 5 || ihl * 4 > len ? V_DROP_IP4_HEADER_LENGTH : V_NEXT);
        }
    }
}

/* REQ: IP-791-3.1-1 */
static void test_wire_ip4_every_total_length_of_a_padded_frame(void)
{
    struct ip4_hdr h = sample(), b;

    for (uint32_t total = 0; total <= UINT16_MAX; total += total < 100 ? 1 : 97) {
        uint8_t p[60] = {0};

        h.total = (uint16_t)total;
        ip4_emit(&h, p);
        enum verdict v = parse_exact(&b, p, sizeof(p));

        T_EQ(v, total < IP4_HDR_LEN || total > sizeof(p) ? V_DROP_IP4_TOTAL_LENGTH : V_NEXT);
        if (v == V_NEXT)
            T_EQ(b.total, total);
    }
}

/* REQ: IP-1122-3.2.1.2-1 */
static void test_wire_ip4_any_wrong_bit_is_refused(void)
{
    struct ip4_hdr h = sample(), b;
    uint8_t p[40] = {0};

    ip4_emit(&h, p);
    for (unsigned bit = 0; bit < IP4_HDR_LEN * 8; bit++) {
        p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        enum verdict v = parse_exact(&b, p, 40);

        if (bit >= 8) /* the first byte is version and length, judged before */
            T_EQ(v, V_DROP_IP4_CHECKSUM);
        else
            T_TRUE(v > V_DONE);
        p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    T_EQ(parse_exact(&b, p, 40), V_NEXT);
}

static enum verdict options(const uint8_t *opts, size_t len, uint8_t *bad)
{
    size_t total = IP4_HDR_LEN + len;
    uint8_t *hdr = malloc(total);

    if (hdr == NULL)
        abort();
    memset(hdr, 0, IP4_HDR_LEN);
    memcpy(hdr + IP4_HDR_LEN, opts, len);
    *bad = 0;
    enum verdict v = ip4_options_check((struct span){hdr, total}, bad);

    free(hdr);
    return v;
}

/* Every kind with every length octet in every room. REQ: IP-1122-3.2.1.8-4 IP-1122-3.2.1.8-3 */
static void test_wire_ip4_options_every_kind_and_length(void)
{
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned len = 0; len <= 41; len++) {
            for (size_t room = 1; room <= 40; room += room < 12 ? 1 : 4) {
                uint8_t o[40], bad;
                bool single = kind == IP4_OPT_EOL || kind == IP4_OPT_NOP;
                bool fits = room >= 2 && len >= 2 && len <= room;

                memset(o, IP4_OPT_NOP, sizeof(o));
                o[0] = (uint8_t)kind;
                if (!single)
                    o[1] = (uint8_t)len;
                enum verdict v = options(o, room, &bad);

                if (single)
                    T_EQ(v, V_NEXT);
                else if (!fits)
                    T_EQ(v, V_DROP_IP4_OPTION);
                else
                    T_EQ(v, kind == IP4_OPT_LSRR || kind == IP4_OPT_SSRR ? V_DROP_IP4_SOURCE_ROUTE
                                                                         : V_NEXT);
            }
        }
    }
}

static void test_wire_ip4_options_fault_is_pointed_at(void)
{
    uint8_t bad;

    T_EQ(options((const uint8_t *)"\x01\x44\x01\x00", 4, &bad), V_DROP_IP4_OPTION);
    T_EQ(bad, 22); /* the length octet */
    T_EQ(options((const uint8_t *)"\x07\x05\x01\x00", 4, &bad), V_DROP_IP4_OPTION);
    T_EQ(bad, 21);
    T_EQ(options((const uint8_t *)"\x01\x01\x01\x07", 4, &bad), V_DROP_IP4_OPTION);
    T_EQ(bad, 23); /* there is no length octet: the option itself */
    T_EQ(options((const uint8_t *)"\x01\x83\x03\x04", 4, &bad), V_DROP_IP4_SOURCE_ROUTE);
    T_EQ(bad, 21);
}

static void test_wire_ip4_options_end_means_end(void)
{
    uint8_t bad;

    /* What follows the end of the list is padding, whatever it looks like. */
    T_EQ(options((const uint8_t *)"\x01\x00\x83\x00", 4, &bad), V_NEXT);
    T_EQ(options((const uint8_t *)"\x07\x04\x04\x00\x89\x03\x04\x00", 8, &bad),
         V_DROP_IP4_SOURCE_ROUTE);
    T_EQ(bad, 24);
    T_EQ(options((const uint8_t *)"", 0, &bad), V_NEXT);
}

static void test_wire_ip4_options_random_bytes_are_survived(void)
{
    struct prng g;

    prng_seed(&g, 791, 1);
    for (unsigned i = 0; i < 50000; i++) {
        uint8_t o[40], bad;
        size_t room = prng_below(&g, 41);

        for (size_t k = 0; k < room; k++)
            o[k] = (uint8_t)(prng_below(&g, 3) == 0 ? prng_below(&g, 8) : prng_u32(&g));
        enum verdict v = options(o, room, &bad);

        T_TRUE(v == V_NEXT || v == V_DROP_IP4_OPTION || v == V_DROP_IP4_SOURCE_ROUTE);
        T_TRUE(v == V_NEXT || (bad >= IP4_HDR_LEN && bad < IP4_HDR_LEN + room));
    }
}

T_MAIN("wire_ip4", T(test_wire_ip4_emits_the_bytes_of_the_rfc),
       T(test_wire_ip4_round_trip_of_random_headers), T(test_wire_ip4_every_cut_is_refused),
       T(test_wire_ip4_other_versions_are_refused),
       T(test_wire_ip4_every_header_length_against_every_frame_length),
       T(test_wire_ip4_every_total_length_of_a_padded_frame),
       T(test_wire_ip4_any_wrong_bit_is_refused), T(test_wire_ip4_options_every_kind_and_length),
       T(test_wire_ip4_options_fault_is_pointed_at), T(test_wire_ip4_options_end_means_end),
       T(test_wire_ip4_options_random_bytes_are_survived))
