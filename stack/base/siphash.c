#include "base/siphash.h"

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
