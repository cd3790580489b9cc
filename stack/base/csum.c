#include "base/csum.h"

/* One's complement addition does not care about byte order (RFC 1071 section 2.B): sum in the order
 * of the machine, then swap the folded result once. */
static uint16_t csum_native(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    while (len >= 32) { /* independent loads, vectorised by the compiler */
        uint32_t w[8];

        memcpy(w, p, 32);
        sum += (uint64_t)w[0] + w[1] + w[2] + w[3];
        sum += (uint64_t)w[4] + w[5] + w[6] + w[7];
        p += 32;
        len -= 32;
    }
    while (len >= 2) {
        uint16_t w;

        memcpy(&w, p, 2);
        sum += w;
        p += 2;
        len -= 2;
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
    return sum + csum_host(csum_native(bytes, len));
}

uint64_t csum_add_odd(uint64_t sum, const void *bytes, size_t len)
{
    uint16_t folded = csum_host(csum_native(bytes, len));

    return sum + (uint16_t)(folded << 8 | folded >> 8);
}
