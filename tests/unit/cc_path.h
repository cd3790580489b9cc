/*
 * cc_path.h - a congestion controller alone, and a path that tells it facts.
 *
 * The sender always has something to send and the window is what is in flight, so what a test sees
 * is the controller's doing. Time is exact; an ACK comes for each segment unless a test says
 * otherwise, evenly over the round trip.
 */
#ifndef STACKD_TESTS_CC_PATH_H
#define STACKD_TESTS_CC_PATH_H

#include "l4_transport/cc/cc.h"
#include "t.h"

enum { PATH_MSS = 1460 };

struct path {
    struct cc cc;
    struct cc_state state;
    struct cc_options options;
    net_time now, rtt;
    uint64_t delivered, round_end;
    uint32_t in_flight_limit; /* 0: the window; else a path that is never used up */
    bool in_recovery;
};

/* At an odd moment, so that nothing relies on time beginning at 0. */
static inline void path_begin(struct path *p, const char *name, net_time rtt)
{
    int index = cc_by_name(name);

    T_NEED(index >= 0);
    *p = (struct path){
        .options = {true, true, true, true},
        .now = NET_SEC(1000) + 7,
        .rtt = rtt,
    };
    memset(&p->state, 0xa5, sizeof(p->state)); /* init() has to write all it reads */
    p->cc = (struct cc){
        .ops = cc_by_index((unsigned)index),
        .options = &p->options,
        .state = &p->state,
        .mss = PATH_MSS,
        .cwnd_bytes = 10 * PATH_MSS,
    };
    p->cc.ops->init(&p->cc);
}

static inline double path_cwnd(const struct path *p)
{
    return (double)p->cc.cwnd_bytes / PATH_MSS;
}

/* An ACK of @bytes now, with a measured @rtt (0: none). */
static inline void path_ack_rtt(struct path *p, uint32_t bytes, net_time rtt)
{
    p->delivered += bytes;
    struct cc_ack a = {
        .now = p->now,
        .acked_bytes = bytes,
        .in_flight_before = p->cc.cwnd_bytes,
        .in_flight_after = p->cc.cwnd_bytes > bytes ? p->cc.cwnd_bytes - bytes : 0,
        .rtt_ns = rtt,
        .srtt_ns = p->rtt,
        .min_rtt_ns = p->rtt,
        .cwnd_limited = p->in_flight_limit == 0,
        .in_recovery = p->in_recovery,
        .delivered_bytes = p->delivered,
        .is_round_start = p->delivered >= p->round_end,
    };

    if (a.is_round_start)
        p->round_end = p->delivered + a.in_flight_after;
    p->cc.ops->ack(&p->cc, &a);
}

static inline void path_ack(struct path *p, uint32_t bytes)
{
    path_ack_rtt(p, bytes, p->rtt);
}

/* A round trip: the window is acknowledged, segment by segment. */
static inline void path_round(struct path *p)
{
    uint32_t segs = p->cc.cwnd_bytes / PATH_MSS;
    net_time end = p->now + p->rtt;

    for (uint32_t i = 0; i < segs; i++) {
        p->now += p->rtt / segs;
        path_ack(p, PATH_MSS);
    }
    p->now = end;
}

static inline void path_loss(struct path *p, enum cc_loss_kind kind, uint32_t flight)
{
    struct cc_loss l = {.now = p->now, .in_flight_bytes = flight, .kind = kind};

    p->cc.ops->loss(&p->cc, &l);
    p->cc.cwnd_bytes = kind == CC_LOSS_TIMEOUT ? PATH_MSS : p->cc.ssthresh_bytes;
}

static inline void path_idle(struct path *p, net_time idle, net_time rto)
{
    struct cc_idle i = {.now = p->now, .idle_ns = idle, .rto_ns = rto};

    p->cc.ops->idle(&p->cc, &i);
}

#endif
