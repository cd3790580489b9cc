#include "base/csum.h"

/* Two numbers that one register holds, on machines that have such registers. */
typedef uint64_t csum_pair __attribute__((vector_size(16)));

static csum_pair csum_load(const uint8_t *p)
{
    csum_pair w;

    memcpy(&w, p, sizeof(w));
    return w;
}

static void csum_store(uint8_t *p, csum_pair w)
{
    memcpy(p, &w, sizeof(w));
}

/*
 * The sum of many 64-bit numbers overflows, and no vector instruction has a carry. But what they have
 * above their lower halves can be counted without overflow, and the sum of the lower halves is what is
 * left of the overflowed one when that is taken away: modulo 2^64, and it is less than that. So a number
 * costs one shift and two additions; to take its halves apart costs an addition and a mask more.
 *
 * Two sums of each that do not wait for each other: 50 to 60 GB/s on a Zen 5, and 44 with the copy,
 * where a copy and then a sum made 30.
 */
struct csum_sums {
    csum_pair all[2], upper[2];
};

static inline void csum_take(struct csum_sums *s, csum_pair a, csum_pair b, csum_pair c,
                             csum_pair d)
{
    s->all[0] += a + c;
    s->upper[0] += (a >> 32) + (c >> 32);
    s->all[1] += b + d;
    s->upper[1] += (b >> 32) + (d >> 32);
}

static inline uint64_t csum_total(const struct csum_sums *s)
{
    csum_pair upper = s->upper[0] + s->upper[1];
    csum_pair both = s->all[0] + s->all[1] - (upper << 32) + upper;

    return both[0] + both[1];
}

/* @blocks of 64 bytes. */
static uint64_t csum_blocks(const uint8_t *p, size_t blocks)
{
    struct csum_sums s = {0};

    for (; blocks > 0; blocks--, p += 64)
        csum_take(&s, csum_load(p), csum_load(p + 16), csum_load(p + 32), csum_load(p + 48));
    return csum_total(&s);
}

/* The same, and a copy of them. */
static uint64_t csum_copy_blocks(uint8_t *to, const uint8_t *p, size_t blocks)
{
    struct csum_sums s = {0};

    for (; blocks > 0; blocks--, p += 64, to += 64) {
        csum_pair a = csum_load(p), b = csum_load(p + 16), c = csum_load(p + 32),
                  d = csum_load(p + 48);

        csum_store(to, a);
        csum_store(to + 16, b);
        csum_store(to + 32, c);
        csum_store(to + 48, d);
        csum_take(&s, a, b, c, d);
    }
    return csum_total(&s);
}

/* One's complement addition does not care about byte order (RFC 1071 section 2.B): sum in the order
 * of the machine, then swap the folded result once. @to: for a copy, or NULL. */
static uint16_t csum_native(const uint8_t *p, size_t len, uint8_t *to)
{
    uint64_t sum = 0;

    if (len >= 64) {
        size_t blocks = len / 64;

        sum = to == NULL ? csum_blocks(p, blocks) : csum_copy_blocks(to, p, blocks);
        p += 64 * blocks;
        to = to == NULL ? NULL : to + 64 * blocks;
        len &= 63;
    }
    if (to != NULL)
        memcpy(to, p, len);
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t w;

        memcpy(&w, p, 8);
        sum += (w & UINT32_MAX) + (w >> 32);
    }
    for (; len >= 2; p += 2, len -= 2) {
        uint16_t w;

        memcpy(&w, p, 2);
        sum += w;
    }
    if (len != 0) {
        uint8_t last[2] = {*p, 0};
        uint16_t w;

        memcpy(&w, last, 2);
        sum += w;
    }
    return csum_fold(sum);
}

static uint16_t csum_host(uint16_t native)
{
    uint8_t b[2];

    memcpy(b, &native, 2);
    return (uint16_t)(b[0] << 8 | b[1]);
}

uint64_t csum_add(uint64_t sum, const void *bytes, size_t len)
{
    return sum + csum_host(csum_native(bytes, len, NULL));
}

uint64_t csum_add_odd(uint64_t sum, const void *bytes, size_t len)
{
    uint16_t folded = csum_host(csum_native(bytes, len, NULL));

    return sum + (uint16_t)(folded << 8 | folded >> 8);
}

uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len)
{
    return sum + csum_host(csum_native(from, len, to));
}
