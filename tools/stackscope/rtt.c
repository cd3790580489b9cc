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
    unsigned at = r->samples % RTT_EXACT;

    if (at == 0 && r->samples != 0) { /* full: into the bars */
        if (r->bars == NULL)
            r->bars = calloc(RTT_BARS, sizeof(r->bars[0]));
        for (unsigned i = 0; i < RTT_EXACT && r->bars != NULL; i++)
            rtt_count(r, (int64_t)r->last[i]);
    }
    if (r->samples == 0 || ns < r->min)
        r->min = ns;
    r->last[at] = (float)ns;
    r->samples++;
}

/* How many samples are not in the bars. */
static unsigned rtt_waiting(const struct rtt *r)
{
    return r->samples == 0 ? 0 : (unsigned)((r->samples - 1) % RTT_EXACT) + 1;
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
    unsigned waiting = rtt_waiting(r);

    if (r->bars == NULL) {
        float sorted[RTT_EXACT];

        memcpy(sorted, r->last, waiting * sizeof(sorted[0]));
        qsort(sorted, waiting, sizeof(sorted[0]), rtt_order);
        unsigned rank = (waiting * percent + 99) / 100; /* from 1 */
        return (int64_t)sorted[rank == 0 ? 0 : rank - 1];
    }
    uint32_t bars[RTT_BARS];
    uint64_t total = waiting, below = 0;

    for (unsigned i = 0; i < RTT_BARS; i++)
        total += bars[i] = r->bars[i];
    for (unsigned i = 0; i < waiting; i++)
        bars[rtt_bar((int64_t)r->last[i])]++;
    uint64_t rank = (total * percent + 99) / 100;
    for (unsigned i = 0; i < RTT_BARS; i++) {
        below += bars[i];
        if (below >= rank && bars[i] != 0) {
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
