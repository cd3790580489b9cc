/*
 * siphash.h - SipHash (Aumasson, Bernstein 2012): a keyed hash of short inputs.
 *
 * The one primitive behind every number that a stranger must not guess: initial sequence numbers
 * (RFC 6528), ports (RFC 6056), IP identification, timestamp offsets (RFC 7323 section 7.1), SYN
 * cookies; all of them SipHash-2-4.
 *
 * The chains of the hash tables are a lesser secret. Nobody sees the values: all that a stranger could
 * learn is that two addresses share a chain, from a delay of nanoseconds. So they are computed by
 * siphash_table(), SipHash-1-3, the variant with half the rounds that its authors recommend for
 * tables; Linux, Rust and Python use it for theirs.
 */
#ifndef STACKD_SIPHASH_H
#define STACKD_SIPHASH_H

#include "base/base.h"

struct siphash_key {
    uint64_t k0, k1;
};

/** siphash - SipHash-2-4 of @len bytes, the published function. */
uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len);

/** siphash_words - the same over @count 64-bit words, without a length other than 8 * @count. */
uint64_t siphash_words(const struct siphash_key *key, const uint64_t *words, size_t count);

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t sip_rotl(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
    s->v0 = sip_rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
    s->v2 = sip_rotl(s->v2, 32);
}

static inline struct sip sip_start(const struct siphash_key *key)
{
    return (struct sip){
        key->k0 ^ 0x736f6d6570736575ull,
        key->k1 ^ 0x646f72616e646f6dull,
        key->k0 ^ 0x6c7967656e657261ull,
        key->k1 ^ 0x7465646279746573ull,
    };
}

/** siphash_table - SipHash-1-3 of @count words, for the chains of a table and nothing else. */
static inline uint32_t siphash_table(const struct siphash_key *key, const uint64_t *words,
                                     size_t count)
{
    struct sip s = sip_start(key);

    for (size_t i = 0; i <= count; i++) {
        uint64_t m = i < count ? words[i] : (uint64_t)((count * 8) & 0xff) << 56;

        s.v3 ^= m;
        sip_round(&s);
        s.v0 ^= m;
    }
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

#endif
