/*
 * prng.h - numbers that nobody can guess and everybody with the seed can repeat.
 *
 * SipHash of a counter under a secret key: as unpredictable as the key, and the same key gives the
 * same run. The core draws no entropy; the program hands it a seed.
 */
#ifndef STACKD_PRNG_H
#define STACKD_PRNG_H

#include "base/siphash.h"

struct prng {
    struct siphash_key key;
    uint64_t counter;
};

/** prng_seed - start the sequence that belongs to @seed and @stream (two streams are unrelated). */
static inline void prng_seed(struct prng *g, uint64_t seed, uint64_t stream)
{
    *g = (struct prng){{seed, stream ^ 0x9e3779b97f4a7c15ull}, 0};
}
static inline uint64_t prng_u64(struct prng *g)
{
    uint64_t c = g->counter++;

    return siphash_words(&g->key, &c, 1);
}
static inline uint32_t prng_u32(struct prng *g) { return (uint32_t)prng_u64(g); }
/** prng_below - a number in [0, bound), without bias worth a thought; bound > 0. */
static inline uint32_t prng_below(struct prng *g, uint32_t bound)
{
    return (uint32_t)(((prng_u64(g) >> 32) * bound) >> 32);
}
/** prng_chance - true with probability @ppm in a million. */
static inline bool prng_chance(struct prng *g, uint32_t ppm)
{
    return ppm != 0 && prng_below(g, 1000000) < ppm;
}

#endif
