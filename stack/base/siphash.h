/*
 * siphash.h - SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash of short inputs.
 *
 * The one primitive behind every number that a stranger must not guess: initial sequence numbers
 * (RFC 6528), ports (RFC 6056), IP identification, timestamp offsets (RFC 7323 section 7.1), SYN
 * cookies, and the chains of the hash tables.
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

#endif
