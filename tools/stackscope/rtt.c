/*
 * rtt.c - round trips in bounded memory; what and how precisely: rtt.h.
 */
#include <stdlib.h>

#include "rtt.h"

static unsigned rtt_bar(int64_t ns)
{
    if (ns < (int64_t)1 << RTT_LOW_BIT)
        return 0;
    if (ns >= (int64_t)1 << RTT_HIGH_BIT)
        return RTT_BARS - 1;
    unsigned bit = 63u - (unsigned)__builtin_clzll((unsigned long long)ns);
    unsigned step = (unsigned)(ns >> (bit - 4)) & (RTT_STEPS - 1);

    static_assert(RTT_STEPS == 1 << 4 && RTT_LOW_BIT >= 4,
                  "the four bits below the first choose the bar");
    return (bit - RTT_LOW_BIT) * RTT_STEPS + step;
}

/* The middle of a bar. */
static int64_t rtt_bar_value(unsigned bar)
{
    unsigned bit = RTT_LOW_BIT + bar / RTT_STEPS;
    int64_t width = (int64_t)1 << (bit - 4);

    return ((int64_t)1 << bit) + (int64_t)(bar % RTT_STEPS) * width + width / 2;
}

static void rtt_count(struct rtt *r, int64_t ns)
{
    uint16_t *b = &r->bars[rtt_bar(ns)];

    if (*b == UINT16_MAX)
        for (unsigned i = 0; i < RTT_BARS; i++)
            r->bars[i] = (uint16_t)((r->bars[i] + 1) / 2); /* none disappears */
    ++*b;
}

void rtt_add(struct rtt *r, int64_t ns)
{
    if (r->samples == 0 || ns < r->min)
        r->min = ns;
    if (r->samples < RTT_EXACT) {
        r->exact[r->samples++] = (float)ns;
        return;
    }
    if (r->samples++ == RTT_EXACT) {
        r->bars = calloc(RTT_BARS, sizeof(r->bars[0]));
        for (unsigned i = 0; i < RTT_EXACT && r->bars != NULL; i++)
            rtt_count(r, (int64_t)r->exact[i]);
    }
    if (r->bars != NULL)
        rtt_count(r, ns);
}

static int rtt_order(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

int64_t rtt_quantile(const struct rtt *r, unsigned percent)
{
    if (r->samples == 0)
        return -1;
    if (r->bars == NULL) {
        float sorted[RTT_EXACT];
        size_t n = r->samples < RTT_EXACT ? r->samples : RTT_EXACT;

        memcpy(sorted, r->exact, n * sizeof(sorted[0]));
        qsort(sorted, n, sizeof(sorted[0]), rtt_order);
        size_t rank = (n * percent + 99) / 100; /* from 1 */
        return (int64_t)sorted[rank == 0 ? 0 : rank - 1];
    }
    uint64_t total = 0, below = 0;

    for (unsigned i = 0; i < RTT_BARS; i++)
        total += r->bars[i];
    uint64_t rank = (total * percent + 99) / 100;
    for (unsigned i = 0; i < RTT_BARS; i++) {
        below += r->bars[i];
        if (below >= rank && r->bars[i] != 0) {
            int64_t v = rtt_bar_value(i);
            return v < r->min ? r->min : v; /* half a bar must not go below the least */
        }
    }
    return -1;
}

void rtt_free(struct rtt *r)
{
    free(r->bars);
    *r = (struct rtt){.samples = 0};
}
