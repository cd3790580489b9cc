/*
 * bottleneck.h - two hosts and the path between them: a rate, a round trip, a queue, losses.
 *
 * Host a sends on a number of connections as fast as its windows allow, host b reads all that comes.
 * The way from a to b has the rate, the queue in front of it and the losses; the ACKs come back
 * undisturbed. Half of the round trip's time lies on each way. Everything is in virtual time and from
 * a seed: the same path gives the same bytes.
 */
#ifndef STACKD_BOTTLENECK_H
#define STACKD_BOTTLENECK_H

#include "l1_physical/cable.h"
#include "net.h"

enum { BOTTLENECK_FLOWS = 8 };

struct bottleneck_config {
    uint64_t rate_bps;
    net_time rtt;
    uint32_t queue;    /* frames; 0: as many as the path holds */
    uint32_t loss_ppm;
    uint64_t seed;
    unsigned flows;
    struct tcp_config *tcp; /* of both hosts; NULL: the defaults */
    /* Loses frames by rule: @n counts those of a that carry data. NULL: none. */
    bool (*loses)(void *ctx, uint64_t n, const struct pkt *p);
    void *ctx;
    void (*trace)(void *ctx, const struct trace_ev *ev); /* of host a; NULL: none */
    uint32_t trace_kinds;
};

struct bottleneck;

/** bottleneck_new - connections open at once; @cfg is copied. Ends the program without memory. */
struct bottleneck *bottleneck_new(const struct bottleneck_config *cfg);

/** bottleneck_run - let @span pass. */
void bottleneck_run(struct bottleneck *b, net_time span);

/** bottleneck_bytes - what b has read of connection @flow. */
uint64_t bottleneck_bytes(const struct bottleneck *b, unsigned flow);

/** bottleneck_status - of @flow at host a. */
bool bottleneck_status(const struct bottleneck *b, unsigned flow, struct tcp_status *s);

/** bottleneck_stats - of host a. */
const struct tcp_stats *bottleneck_stats(const struct bottleneck *b);

void bottleneck_free(struct bottleneck *b);

/** bottleneck_goodput - bits a second that one flow of the controller @cc gets through the path @cfg in
 * @seconds, the mean of @seeds runs; of @cfg the flows, the seed and the settings of TCP are chosen here. */
double bottleneck_goodput(const struct bottleneck_config *cfg, const char *cc, bool sack,
                          unsigned seconds, unsigned seeds);

#endif
