/*
 * rtt.h - round trips in bounded memory: the least, the median, the 95th percentile.
 *
 * The first RTT_EXACT samples are kept as they are. Then a histogram takes over, whose bars grow with
 * the value: RTT_STEPS of them from one power of two to the next, so a quantile is off by half a bar at
 * most, 1/32 = 3 %. It reaches from 1 us to 17 s; what lies outside counts in the first or last bar.
 * A bar that is full halves them all: the shape stays. Samples go to the histogram a line of cache at a time.
 */
#ifndef STACKSCOPE_RTT_H
#define STACKSCOPE_RTT_H

#include "base/base.h"

enum {
    RTT_EXACT = 16,
    RTT_STEPS = 16,
    RTT_LOW_BIT = 10,  /* 2^10 ns */
    RTT_HIGH_BIT = 34, /* 2^34 ns */
    RTT_BARS = (RTT_HIGH_BIT - RTT_LOW_BIT) * RTT_STEPS,
    RTT_HISTOGRAM_BYTES = RTT_BARS * 2
};

struct rtt {
    uint64_t samples;
    int64_t min;
    uint16_t *bars; /* NULL: not needed yet, or no memory; then only the last samples are known */
    float last
        [RTT_EXACT]; /* samples % RTT_EXACT of them are not in the bars; ns, 24 bits of it are enough */
};

/** rtt_add - one more sample, @ns >= 0. */
void rtt_add(struct rtt *r, int64_t ns);
/** rtt_quantile - the value below which @percent of the samples are, as the nearest rank. Return: ns, -1: none. */
int64_t rtt_quantile(const struct rtt *r, unsigned percent);
/** rtt_free - and empty it. */
void rtt_free(struct rtt *r);

#endif
