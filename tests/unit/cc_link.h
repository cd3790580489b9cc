/*
 * cc_link.h - a congestion controller and a bottleneck: packets, a queue, ACKs, lost packets.
 *
 * A sender that always has data, or none, sends packets of one MSS as window and pacing allow. They
 * wait in the queue of a link, go through it one after another, and each is acknowledged a fixed
 * time later. One that finds the queue full is lost, and noticed with the next ACK; the losses of
 * one window are one recovery. Rates of delivery are measured as
 * draft-cheng-iccrg-delivery-rate-estimation says.
 */
#ifndef STACKD_TESTS_CC_LINK_H
#define STACKD_TESTS_CC_LINK_H

#include "base/prng.h"
#include "l4_transport/cc/cc.h"
#include "t.h"

enum { LINK_MSS = 1460, LINK_PACKETS = 16384 };

struct link_packet {
    net_time sent_at, acked_at, delivered_at, first_sent_at;
    uint64_t delivered;
    bool is_lost, is_app_limited;
};

struct link {
    struct cc cc;
    struct cc_state state;
    struct cc_options options;
    struct prng prng;
    net_time now, rtt, busy_until, pace_at;
    uint64_t rate;   /* bytes a second */
    uint32_t buffer; /* bytes */
    uint32_t loss_ppm;
    bool is_silent; /* the application has nothing to send */
    struct link_packet packets[LINK_PACKETS];
    uint32_t head, count, in_flight;
    uint64_t delivered, round_end, recover, app_limited;
    net_time lost_at, delivered_at, first_sent_at, srtt, min_rtt, rtt_seen;
    bool in_recovery;
    uint32_t min_cwnd; /* seen; a test resets it */
    uint64_t lost;
};

static inline void link_begin(struct link *k, const char *name, uint64_t rate, net_time rtt)
{
    int index = cc_by_name(name);

    T_NEED(index >= 0);
    memset(k, 0, sizeof(*k));
    k->options = (struct cc_options){true, true, true, true};
    k->now = NET_SEC(5000) + 3;
    k->rtt = rtt;
    k->rate = rate;
    k->buffer = (uint32_t)(rate * (uint64_t)rtt / (uint64_t)NET_SEC(1)); /* one BDP */
    k->min_rtt = NET_NEVER;
    k->min_cwnd = UINT32_MAX;
    prng_seed(&k->prng, 1, 1);
    memset(&k->state, 0xa5, sizeof(k->state));
    k->cc = (struct cc){
        .ops = cc_by_index((unsigned)index),
        .options = &k->options,
        .state = &k->state,
        .mss = LINK_MSS,
        .cwnd_bytes = 10 * LINK_MSS,
    };
    k->cc.ops->init(&k->cc);
}

static inline void link_send(struct link *k)
{
    struct link_packet *p = &k->packets[(k->head + k->count) % LINK_PACKETS];
    net_time wait = k->busy_until > k->now ? k->busy_until - k->now : 0;
    uint64_t queue = (uint64_t)wait * k->rate / (uint64_t)NET_SEC(1);

    T_NEED(k->count < LINK_PACKETS);
    if (k->in_flight == 0)
        k->delivered_at = k->first_sent_at = k->now;
    *p = (struct link_packet){
        .sent_at = k->now,
        .delivered_at = k->delivered_at,
        .first_sent_at = k->first_sent_at,
        .delivered = k->delivered,
        .is_app_limited = k->app_limited != 0,
        .is_lost = queue + LINK_MSS > k->buffer + LINK_MSS || prng_chance(&k->prng, k->loss_ppm),
    };
    if (!p->is_lost)
        k->busy_until = k->now + wait + (net_time)(LINK_MSS * (uint64_t)NET_SEC(1) / k->rate);
    p->acked_at = k->busy_until + k->rtt;
    k->count++;
    k->in_flight += LINK_MSS;
    if (k->cc.pacing_bytes_per_s > 0) {
        if (k->pace_at < k->now)
            k->pace_at = k->now;
        k->pace_at += (net_time)(LINK_MSS * (uint64_t)NET_SEC(1) / k->cc.pacing_bytes_per_s);
    }
}

static inline struct link_packet link_pop(struct link *k)
{
    struct link_packet p = k->packets[k->head];

    k->head = (k->head + 1) % LINK_PACKETS;
    k->count--;
    k->in_flight -= LINK_MSS;
    return p;
}

/* The first packet that was not lost is acknowledged, and those before it are known to be lost. */
static inline void link_ack(struct link *k)
{
    uint32_t before = k->in_flight, lost = 0;

    while (k->packets[k->head].is_lost) {
        link_pop(k);
        lost += LINK_MSS;
    }
    struct link_packet p = link_pop(k);
    net_time rtt = k->now - p.sent_at;

    k->lost += lost;
    k->delivered += LINK_MSS;
    k->delivered_at = k->now;
    k->first_sent_at = p.sent_at;
    k->rtt_seen = rtt;
    k->srtt = k->srtt == 0 ? rtt : (7 * k->srtt + rtt) / 8;
    k->min_rtt = net_time_min(k->min_rtt, rtt);
    if (k->app_limited != 0 && k->delivered > k->app_limited)
        k->app_limited = 0;
    net_time acked = k->now - p.delivered_at, sent = p.sent_at - p.first_sent_at;
    net_time span = acked > sent ? acked : sent;
    struct cc_ack a = {
        .now = k->now,
        .acked_bytes = LINK_MSS,
        .lost_bytes = lost,
        .in_flight_before = before,
        .in_flight_after = k->in_flight,
        .rtt_ns = rtt,
        .srtt_ns = k->srtt,
        .min_rtt_ns = k->min_rtt,
        .cwnd_limited = before + LINK_MSS > k->cc.cwnd_bytes,
        .is_round_start = p.delivered >= k->round_end,
        .is_app_limited = p.is_app_limited,
        .delivered_bytes = k->delivered,
        .rate_bytes_per_s =
            span <= 0 || span < k->min_rtt
                ? 0
                : (k->delivered - p.delivered) * (uint64_t)NET_SEC(1) / (uint64_t)span,
    };

    if (a.is_round_start)
        k->round_end = k->delivered;
    /* When a recovery ends, what was lost in its last round trip begins the next at once. */
    bool was_in = k->in_recovery && k->delivered < k->recover;

    if (lost > 0)
        k->lost_at = k->now;
    k->in_recovery = was_in || (k->lost_at > 0 && k->now - k->lost_at < k->rtt);
    if (k->in_recovery && !was_in) {
        struct cc_loss l = {.now = k->now, .in_flight_bytes = before, .kind = CC_LOSS_FAST};

        k->recover = k->delivered + k->in_flight;
        k->cc.ops->loss(&k->cc, &l);
        if (!k->cc.ops->owns_window)
            k->cc.cwnd_bytes = k->cc.ssthresh_bytes;
    }
    a.in_recovery = k->in_recovery;
    k->cc.ops->ack(&k->cc, &a);
    k->min_cwnd = u32_min(k->min_cwnd, k->cc.cwnd_bytes);
}

static inline net_time link_next_ack(const struct link *k)
{
    for (uint32_t i = 0; i < k->count; i++) {
        const struct link_packet *p = &k->packets[(k->head + i) % LINK_PACKETS];

        if (!p->is_lost)
            return p->acked_at;
    }
    return NET_NEVER;
}

/* Let @span pass. Return: bytes a second delivered meanwhile. */
static inline double link_run(struct link *k, net_time span)
{
    net_time end = k->now + span;
    uint64_t delivered = k->delivered;

    for (;;) {
        bool may = !k->is_silent && k->in_flight + LINK_MSS <= k->cc.cwnd_bytes;
        net_time ack = link_next_ack(k), send = may ? k->pace_at : NET_NEVER;

        if (send < k->now)
            send = k->now;
        if (k->is_silent && k->in_flight < k->cc.cwnd_bytes)
            k->app_limited = k->delivered + k->in_flight + 1;
        if (ack == NET_NEVER && k->in_flight > 0) { /* all that is left is lost */
            while (k->count > 0)
                link_pop(k);
            continue;
        }
        if (net_time_min(ack, send) > end)
            break;
        k->now = net_time_min(ack, send);
        if (ack <= send)
            link_ack(k);
        else
            link_send(k);
    }
    k->now = end;
    return (double)(k->delivered - delivered) * 1e9 / (double)span;
}

#endif
