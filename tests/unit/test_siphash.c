/* test_siphash.c - SipHash-2-4 against its published vectors, and the numbers drawn from it. */
#include "base/prng.h"
#include "t.h"

/* From the reference implementation: key 00..0f, input 00, 01, ... of the given length. */
static const struct {
    size_t len;
    uint8_t out[8];
} vectors[] = {
    {0,  {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
    {1,  {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
    {2,  {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}},
    {3,  {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85}},
    {4,  {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}},
    {5,  {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18}},
    {6,  {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}},
    {7,  {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab}},
    {8,  {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
    {9,  {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e}},
    {15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}}, /* the paper's own example */
    {16, {0xdb, 0x9b, 0xc2, 0x57, 0x7f, 0xcc, 0x2a, 0x3f}},
    {31, {0x42, 0xc3, 0x41, 0xd8, 0xfa, 0x92, 0xd8, 0x32}},
    {63, {0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95}},
};

static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void test_siphash_published_vectors(void)
{
    uint8_t in[64];

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint64_t got = siphash(&key, in, vectors[i].len);

        for (unsigned b = 0; b < 8; b++)
            T_EQ((uint8_t)(got >> (8 * b)), vectors[i].out[b]);
    }
}

static void test_siphash_words_is_the_same_function(void)
{
    uint8_t in[64];

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 91 + 5);
    for (size_t count = 0; count <= 8; count++) {
        uint64_t words[8] = {0};

        for (size_t i = 0; i < 8 * count; i++)
            words[i / 8] |= (uint64_t)in[i] << (8 * (i % 8));
        T_TRUE(siphash_words(&key, words, count) == siphash(&key, in, 8 * count));
    }
}

static void test_siphash_depends_on_every_bit_of_key_and_input(void)
{
    uint8_t in[16] = {0};
    uint64_t base = siphash(&key, in, sizeof(in));

    for (unsigned bit = 0; bit < 128; bit++) {
        struct siphash_key other = key;

        in[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        T_TRUE(siphash(&key, in, sizeof(in)) != base);
        in[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (bit < 64)
            other.k0 ^= (uint64_t)1 << bit;
        else
            other.k1 ^= (uint64_t)1 << (bit - 64);
        T_TRUE(siphash(&other, in, sizeof(in)) != base);
    }
}

/* From Python 3.11, which hashes bytes with SipHash-1-3 (PYTHONHASHSEED=0: the key is 0):
 *     python3 -c 'import struct; print(hex(hash(struct.pack("<2Q", 0x102030405060708, ...)) % 2**64))' */
static void test_siphash_table_is_siphash_1_3(void)
{
    static const struct siphash_key zero = {0, 0};
    static const uint64_t one[] = {1}, two[] = {0x0102030405060708, 0x1112131415161718},
                          five[] = {1, 2, 3, 4, UINT64_MAX};
    const struct siphash_key one_bit = {1, 0}, other = {0, 1};

    T_EQ(siphash_table(&zero, one, 1), 0x61d62dd9);
    T_EQ(siphash_table(&zero, two, 2), 0xa9ec6df8);
    T_EQ(siphash_table(&zero, five, 5), 0x96aea13e);
    T_TRUE(siphash_table(&one_bit, two, 2) != siphash_table(&zero, two, 2));
    T_TRUE(siphash_table(&other, two, 2) != siphash_table(&zero, two, 2));
}

static void test_prng_same_seed_same_run_other_seed_other_run(void)
{
    struct prng a, b, other_seed, other_stream;
    unsigned same_seed = 0, same_stream = 0;

    prng_seed(&a, 42, 1);
    prng_seed(&b, 42, 1);
    prng_seed(&other_seed, 43, 1);
    prng_seed(&other_stream, 42, 2);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t v = prng_u64(&a);

        T_TRUE(v == prng_u64(&b));
        same_seed += v == prng_u64(&other_seed);
        same_stream += v == prng_u64(&other_stream);
    }
    T_EQ(same_seed, 0);
    T_EQ(same_stream, 0);
}

static void test_prng_below_stays_below_and_reaches_all(void)
{
    struct prng g;
    unsigned count[7] = {0};

    prng_seed(&g, 5, 5);
    for (unsigned i = 0; i < 7000; i++) {
        uint32_t v = prng_below(&g, 7);

        T_NEED(v < 7);
        count[v]++;
    }
    for (unsigned i = 0; i < 7; i++)
        T_TRUE(count[i] > 850 && count[i] < 1150); /* 1000, five sigma are 146 */
    T_EQ(prng_below(&g, 1), 0);
    for (unsigned i = 0; i < 1000; i++)
        T_TRUE(prng_below(&g, UINT32_MAX) < UINT32_MAX);
}

static void test_prng_chance_is_never_always_and_in_between(void)
{
    struct prng g;
    unsigned hits = 0;

    prng_seed(&g, 6, 6);
    for (unsigned i = 0; i < 1000; i++) {
        T_FALSE(prng_chance(&g, 0));
        T_TRUE(prng_chance(&g, 1000000));
    }
    for (unsigned i = 0; i < 100000; i++)
        hits += prng_chance(&g, 50000);
    T_TRUE(hits > 4650 && hits < 5350); /* 5 %, five sigma are 345 */
}

T_MAIN("siphash", T(test_siphash_published_vectors), T(test_siphash_words_is_the_same_function),
       T(test_siphash_depends_on_every_bit_of_key_and_input), T(test_siphash_table_is_siphash_1_3),
       T(test_prng_same_seed_same_run_other_seed_other_run),
       T(test_prng_below_stays_below_and_reaches_all),
       T(test_prng_chance_is_never_always_and_in_between))
