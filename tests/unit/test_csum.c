/* test_csum.c - the Internet checksum against a plain reference, and RFC 1071's own example. */
#include "base/csum.h"
#include "base/prng.h"
#include "t.h"

/* RFC 1071 section 1, word by word, carry by carry. */
static uint16_t plain_sum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        if (sum > 0xffff)
            sum = (sum & 0xffff) + 1;
    }
    return (uint16_t)sum;
}

/* RFC 1071 section 3: the bytes 00 01 f2 03 f4 f5 f6 f7 sum to ddf2. */
static void test_csum_rfc1071_example(void)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    T_EQ(csum_fold(csum_add(0, bytes, sizeof(bytes))), 0xddf2);
    T_EQ(csum_finish(csum_add(0, bytes, sizeof(bytes))), (uint16_t)~0xddf2);
}

/* The header of a well known example: with its checksum it sums to ffff. */
static void test_csum_of_a_correct_header_is_all_ones(void)
{
    uint8_t hdr[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                     0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};

    T_EQ(csum_fold(csum_add(0, hdr, sizeof(hdr))), 0xffff);
    hdr[10] = hdr[11] = 0;
    T_EQ(csum_finish(csum_add(0, hdr, sizeof(hdr))), 0xb861);
}

static void test_csum_agrees_with_the_reference_at_every_length_and_alignment(void)
{
    static uint8_t buf[4096 + 8];
    struct prng g;

    prng_seed(&g, 1071, 0);
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(buf); i++) /* random, all ones, all zero */
            buf[i] = round == 0 ? (uint8_t)prng_u64(&g) : round == 1 ? 0xff : 0;
        for (size_t len = 0; len <= 300; len++) {
            for (size_t at = 0; at < 8; at++)
                T_EQ(csum_fold(csum_add(0, buf + at, len)), plain_sum(buf + at, len));
        }
        T_EQ(csum_fold(csum_add(0, buf, 4096)), plain_sum(buf, 4096));
    }
}

static void test_csum_of_any_two_pieces_is_the_sum_of_the_whole(void)
{
    static uint8_t buf[200];
    struct prng g;

    prng_seed(&g, 1071, 1);
    for (size_t i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)prng_u64(&g);
    for (size_t len = 0; len <= sizeof(buf); len++) {
        for (size_t cut = 0; cut <= len; cut++) {
            uint64_t sum = csum_add(0, buf, cut);

            sum = cut % 2 == 0 ? csum_add(sum, buf + cut, len - cut)
                               : csum_add_odd(sum, buf + cut, len - cut);
            if (csum_fold(sum) != plain_sum(buf, len))
                T_EQ(csum_fold(sum), plain_sum(buf, len));
        }
    }
}

/* The same bytes, the same sum, and nothing written before or behind. */
static void check_copy(const uint8_t *from, uint8_t *to, size_t len)
{
    uint64_t before = 0x123456789;

    memset(to - 1, 0xa5, len + 2);
    uint64_t sum = csum_copy(before, to, from, len);

    if (csum_fold(sum) != csum_fold(csum_add(before, from, len)) ||
        csum_fold(csum_add(0, from, len)) != plain_sum(from, len) || memcmp(to, from, len) != 0 ||
        to[-1] != 0xa5 || to[len] != 0xa5) {
        T_EQ(csum_fold(sum), csum_fold(csum_add(before, from, len)));
        T_MEM(to, from, len);
        T_EQ(to[-1], 0xa5);
        T_EQ(to[len], 0xa5);
        T_EQ(len, -1); /* this length */
    }
}

static void test_csum_copy_copies_and_sums_at_every_length_and_alignment(void)
{
    static uint8_t from[65536 + 64], to[65536 + 64];
    struct prng g;

    prng_seed(&g, 1071, 2);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(from); i++)
            from[i] = round == 0 ? (uint8_t)prng_u64(&g) : 0xff;
        for (size_t len = 0; len <= 300; len++) {
            for (size_t at = 0; at < 9; at++)
                check_copy(from + at, to + 1 + (at * 7 + len) % 16, len);
        }
        for (unsigned i = 0; i < 200; i++)
            check_copy(from + prng_below(&g, 32), to + 1 + prng_below(&g, 32),
                       prng_below(&g, 65536));
    }
}

static void test_csum_fold_does_not_lose_a_carry(void)
{
    T_EQ(csum_fold(0), 0);
    T_EQ(csum_fold(0xffff), 0xffff);
    T_EQ(csum_fold(0x10000), 1);
    T_EQ(csum_fold(0x1fffe), 0xffff);
    T_EQ(csum_fold(0xffffffff), 0xffff);
    T_EQ(csum_fold(0x100000000), 1);
    T_EQ(csum_fold(UINT64_MAX), 0xffff);
    T_EQ(csum_fold(UINT64_MAX - 1), 0xfffe);
    T_EQ(csum_fold(0xffffffff00000001), 1);
}

static void test_csum_pseudo_header_is_that_of_the_rfc(void)
{
    /* RFC 768: source, destination, zero, protocol, length; here the bytes, there the function. */
    static const uint8_t v4[] = {192, 0, 2, 1, 198, 51, 100, 200, 0, 17, 0x12, 0x34};

    T_EQ(csum_fold(csum_pseudo(ip_addr_v4(0xc0000201), ip_addr_v4(0xc63364c8), 17, 0x1234)),
         plain_sum(v4, sizeof(v4)));
    /* An unset source (DHCP) is a plain zero. */
    static const uint8_t dhcp[] = {0, 0, 0, 0, 255, 255, 255, 255, 0, 17, 1, 44};

    T_EQ(csum_fold(csum_pseudo(IP_ADDR_ANY, ip_addr_v4(0xffffffff), 17, 300)),
         plain_sum(dhcp, sizeof(dhcp)));
    /* RFC 8200 section 8.1: 2001:db8::1 to fe80::2:3, length in 32 bits. */
    static const uint8_t v6[] = {0x20, 1, 0xd,  0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                 0,    1, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                 0,    2, 0,    3,    0, 1, 0, 4, 0, 0, 0, 6};

    T_EQ(csum_fold(csum_pseudo((struct ip_addr){0x20010db800000000, 1},
                               (struct ip_addr){0xfe80000000000000, 0x20003}, 6, 0x10004)),
         plain_sum(v6, sizeof(v6)));
}

T_MAIN("csum", T(test_csum_rfc1071_example), T(test_csum_of_a_correct_header_is_all_ones),
       T(test_csum_agrees_with_the_reference_at_every_length_and_alignment),
       T(test_csum_of_any_two_pieces_is_the_sum_of_the_whole),
       T(test_csum_copy_copies_and_sums_at_every_length_and_alignment),
       T(test_csum_fold_does_not_lose_a_carry), T(test_csum_pseudo_header_is_that_of_the_rfc))
