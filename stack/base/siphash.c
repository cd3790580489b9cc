#include "base/siphash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
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

static inline void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

static inline uint64_t sip_end(struct sip *s)
{
    s->v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    struct sip s = sip_start(key);
    uint64_t last = (uint64_t)(len & 0xff) << 56;
    size_t i;

    for (i = 0; i + 8 <= len; i += 8) {
        uint64_t m = 0;

        for (unsigned k = 0; k < 8; k++)
            m |= (uint64_t)p[i + k] << (8 * k);
        sip_word(&s, m);
    }
    for (unsigned k = 0; i + k < len; k++)
        last |= (uint64_t)p[i + k] << (8 * k);
    sip_word(&s, last);
    return sip_end(&s);
}

uint64_t siphash_words(const struct siphash_key *key, const uint64_t *words, size_t count)
{
    struct sip s = sip_start(key);

    for (size_t i = 0; i < count; i++)
        sip_word(&s, words[i]);
    sip_word(&s, (uint64_t)((count * 8) & 0xff) << 56);
    return sip_end(&s);
}
