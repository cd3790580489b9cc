/*
 * cc_bbr.c - BBR version 1: a window and a rate from a model of the path
 * (draft-cardwell-iccrg-bbr-congestion-control-00).
 *
 * Losses are a poor sign of congestion: with deep buffers they come too late, with shallow ones or
 * bad radio too early. BBR looks at what the path delivers instead. The path is a pipe of a certain
 * width, BtlBw, the highest rate of delivery in the last ten round trips, and of a certain length,
 * RTprop, the shortest round trip in the last ten seconds. It holds BtlBw * RTprop bytes; more than
 * that only makes a queue. Both cannot be measured at once - the width shows only when the pipe is
 * full, the length only when there is no queue - so BBR goes through states:
 *
 *   STARTUP    doubles the rate each round trip until BtlBw has not grown by a quarter in three
 *   DRAIN      sends slower than the pipe until the queue of STARTUP is gone
 *   PROBE_BW   cycles of eight round trips: one at 5/4 of BtlBw, which finds more if there is more, one
 *              at 3/4, which takes the queue of the first away, six at BtlBw
 *   PROBE_RTT  when RTprop is ten seconds old: four segments in flight for 200 ms, then back
 *
 * The rate of sending (pacing) follows from BtlBw and the gain of the state, the window, twice the
 * pipe, only bounds the damage. In fast recovery one round trip is sent as much as is delivered
 * (packet conservation); then and after a timeout the window of before comes back. ECN marks are
 * ignored, as in the draft.
 *
 * Where the facts (cc.h) are others than the draft's: rounds in which the sender was idle on purpose
 * (PROBE_RTT) are marked here, by what is delivered until they count again; the draft's die for the
 * first phase of PROBE_BW is the moment itself, so a run can be repeated; the first pacing rate
 * comes with the first RTT sample, as in Linux. Nobody competes fairly with it: that is version 1.
 */
#include "l4_transport/cc/cc.h"

enum { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };

enum {
    BBR_UNIT = 256,      /* a gain of 1 */
    BBR_HIGH_GAIN = 739, /* 2 / ln 2 = 2.885: the smallest that doubles in a round */
    BBR_DRAIN_GAIN = 88, /* its inverse */
    BBR_CWND_GAIN = 2 * BBR_UNIT,
    BBR_CYCLE_LEN = 8,
    BBR_BW_ROUNDS = 10, /* BtlBwFilterLen */
    BBR_MIN_SEGS = 4,   /* BBRMinPipeCwnd */
    BBR_FULL_BW_ROUNDS = 3
};

#define BBR_RTPROP_LEN     NET_SEC(10) /* RTpropFilterLen */
#define BBR_PROBE_RTT_TIME NET_MS(200)

static const uint16_t bbr_cycle[BBR_CYCLE_LEN] = {320, 192, 256, 256, 256, 256, 256, 256};

/* The best rate, the second best of those later, the third of those later still. */
struct bbr_bw {
    uint64_t rate[3];
    uint32_t round[3];
};

struct bbr_state {
    struct bbr_bw bw;
    net_time rtprop, rtprop_stamp, cycle_stamp, probe_rtt_done;
    uint64_t full_bw;
    uint64_t limited_until;  /* delivered: rates up to there say nothing about the path */
    uint64_t probe_rtt_end;  /* delivered: a round of PROBE_RTT is over */
    uint64_t recovery_until; /* delivered: all that timed out */
    uint64_t delivered;
    uint32_t rounds, conserve_until, prior_cwnd, initial_cwnd;
    uint16_t pacing_gain, cwnd_gain;
    uint8_t state, cycle, full_bw_rounds;
    bool filled_pipe, conserving, recovering, timed_out, idle_restart, has_rtt, is_entering;
};

static_assert(sizeof(struct bbr_state) <= sizeof(struct cc_state), "fits its place");

static struct bbr_state *bbr_of(struct cc *cc)
{
    return (struct bbr_state *)(void *)cc->state;
}

/* ---- the model: BtlBw and RTprop (section 4.1) ---- */

/* The best is too old: the next in line takes its place. And while there is none that is newer, a
 * quarter and half a window later the sample of the moment gets in line. */
static void bbr_bw_age(struct bbr_bw *f, uint64_t rate, uint32_t round)
{
    uint32_t age = round - f->round[0];

    if (age > BBR_BW_ROUNDS) {
        for (int n = 0; n < 2 && round - f->round[0] > BBR_BW_ROUNDS; n++) {
            f->rate[0] = f->rate[1];
            f->round[0] = f->round[1];
            f->rate[1] = f->rate[2];
            f->round[1] = f->round[2];
            f->rate[2] = rate;
            f->round[2] = round;
        }
    } else if (f->round[1] == f->round[0] && age > BBR_BW_ROUNDS / 4) {
        f->rate[1] = f->rate[2] = rate;
        f->round[1] = f->round[2] = round;
    } else if (f->round[2] == f->round[1] && age > BBR_BW_ROUNDS / 2) {
        f->rate[2] = rate;
        f->round[2] = round;
    }
}

/* Windowed maximum in three samples: the best one, and who inherits when it is too old. */
static void bbr_bw_update(struct bbr_bw *f, uint64_t rate, uint32_t round)
{
    if (rate >= f->rate[0] || round - f->round[2] > BBR_BW_ROUNDS) {
        for (int i = 0; i < 3; i++) {
            f->rate[i] = rate;
            f->round[i] = round;
        }
        return;
    }
    for (int i = 1; i < 3; i++) {
        if (rate < f->rate[i])
            continue;
        for (; i < 3; i++) {
            f->rate[i] = rate;
            f->round[i] = round;
        }
    }
    bbr_bw_age(f, rate, round);
}

static void bbr_update_bw(struct bbr_state *s, const struct cc_ack *a)
{
    bool is_limited = a->is_app_limited || a->delivered_bytes <= s->limited_until;

    if (a->is_round_start)
        s->rounds++;
    if (a->rate_bytes_per_s > 0 && (a->rate_bytes_per_s >= s->bw.rate[0] || !is_limited))
        bbr_bw_update(&s->bw, a->rate_bytes_per_s, s->rounds);
}

/* BBRInflight(gain): what the pipe holds, and what leaves or arrives in one piece. */
static uint32_t bbr_inflight(const struct cc *cc, const struct bbr_state *s, uint32_t gain)
{
    uint64_t rate = cc->pacing_bytes_per_s, quantum;

    if (s->rtprop == NET_NEVER || s->bw.rate[0] == 0)
        return s->initial_cwnd;
    if (rate < 1200000 / 8)
        quantum = cc->mss;
    else if (rate < 24000000 / 8)
        quantum = 2 * cc->mss;
    else
        quantum = rate / 1000 < 65536 ? rate / 1000 : 65536;
    uint64_t pipe = s->bw.rate[0] * (uint64_t)(s->rtprop / 1000) / 1000000;
    uint64_t bytes = pipe * gain / BBR_UNIT + 3 * quantum;

    return bytes < UINT32_MAX / 2 ? (uint32_t)bytes : UINT32_MAX / 2;
}

/* ---- the states (section 4.3) ---- */

static void bbr_enter(struct bbr_state *s, uint8_t state, uint16_t pacing_gain, uint16_t cwnd_gain)
{
    s->state = state;
    s->pacing_gain = pacing_gain;
    s->cwnd_gain = cwnd_gain;
}

static void bbr_advance_cycle(struct bbr_state *s, net_time now)
{
    s->cycle_stamp = now;
    s->cycle = (uint8_t)((s->cycle + 1) % BBR_CYCLE_LEN);
    s->pacing_gain = bbr_cycle[s->cycle];
}

/* Any phase but the one that drains may be the first. */
static void bbr_enter_probe_bw(struct bbr_state *s, net_time now)
{
    uint64_t die = (uint64_t)now / 1000 + s->delivered;

    bbr_enter(s, BBR_PROBE_BW, BBR_UNIT, BBR_CWND_GAIN);
    s->cycle = (uint8_t)(BBR_CYCLE_LEN - 1 - die % (BBR_CYCLE_LEN - 1));
    bbr_advance_cycle(s, now);
}

static void bbr_check_cycle(const struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    bool is_full = a->now - s->cycle_stamp > s->rtprop;

    if (s->state != BBR_PROBE_BW)
        return;
    if (s->pacing_gain > BBR_UNIT) /* until the pipe really held so much, or did not want to */
        is_full = is_full &&
                  (a->lost_bytes > 0 || a->in_flight_before >= bbr_inflight(cc, s, s->pacing_gain));
    else if (s->pacing_gain < BBR_UNIT)
        is_full = is_full || a->in_flight_before <= bbr_inflight(cc, s, BBR_UNIT);
    if (is_full)
        bbr_advance_cycle(s, a->now);
}

static void bbr_check_full_pipe(struct bbr_state *s, const struct cc_ack *a)
{
    if (s->filled_pipe || !a->is_round_start || a->is_app_limited)
        return;
    if (s->bw.rate[0] >= s->full_bw + s->full_bw / 4) {
        s->full_bw = s->bw.rate[0];
        s->full_bw_rounds = 0;
        return;
    }
    s->full_bw_rounds++;
    s->filled_pipe = s->full_bw_rounds >= BBR_FULL_BW_ROUNDS;
}

static void bbr_check_drain(const struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    if (s->state == BBR_STARTUP && s->filled_pipe)
        bbr_enter(s, BBR_DRAIN, BBR_DRAIN_GAIN, BBR_HIGH_GAIN);
    if (s->state == BBR_DRAIN && a->in_flight_after <= bbr_inflight(cc, s, BBR_UNIT))
        bbr_enter_probe_bw(s, a->now);
}

/* BBRSaveCwnd: the window to come back to. */
static void bbr_save(const struct cc *cc, struct bbr_state *s)
{
    bool is_normal = !s->recovering && !s->timed_out && s->state != BBR_PROBE_RTT;

    s->prior_cwnd = is_normal ? cc->cwnd_bytes : u32_max(s->prior_cwnd, cc->cwnd_bytes);
}

static void bbr_probe_rtt(struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    s->limited_until = a->delivered_bytes + a->in_flight_after;
    if (s->probe_rtt_done == NET_NEVER) {
        if (a->in_flight_after > BBR_MIN_SEGS * cc->mss)
            return;
        s->probe_rtt_done = a->now + BBR_PROBE_RTT_TIME;
        s->probe_rtt_end = a->delivered_bytes + a->in_flight_after;
    } else if (a->delivered_bytes > s->probe_rtt_end && a->now > s->probe_rtt_done) {
        s->rtprop_stamp = a->now;
        cc->cwnd_bytes = u32_max(cc->cwnd_bytes, s->prior_cwnd);
        if (s->filled_pipe)
            bbr_enter_probe_bw(s, a->now);
        else
            bbr_enter(s, BBR_STARTUP, BBR_HIGH_GAIN, BBR_HIGH_GAIN);
    }
}

static void bbr_check_rtprop(struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    bool is_expired = s->rtprop != NET_NEVER && a->now > s->rtprop_stamp + BBR_RTPROP_LEN;

    if (a->rtt_ns > 0 && (a->rtt_ns <= s->rtprop || is_expired)) {
        s->rtprop = a->rtt_ns;
        s->rtprop_stamp = a->now;
    }
    if (s->state != BBR_PROBE_RTT && is_expired && !s->idle_restart) {
        bbr_save(cc, s);
        bbr_enter(s, BBR_PROBE_RTT, BBR_UNIT, BBR_UNIT);
        s->probe_rtt_done = NET_NEVER;
    }
    if (s->state == BBR_PROBE_RTT)
        bbr_probe_rtt(cc, s, a);
    s->idle_restart = false;
}

/* ---- what follows from it (section 4.2) ---- */

static void bbr_set_pacing(struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    uint64_t rate = s->bw.rate[0] * s->pacing_gain / BBR_UNIT;

    if (!s->has_rtt && a->srtt_ns > 0) {
        uint64_t us = (uint64_t)a->srtt_ns / 1000;

        s->has_rtt = true;
        cc->pacing_bytes_per_s =
            (uint64_t)s->initial_cwnd * 1000000 / (us > 0 ? us : 1) * BBR_HIGH_GAIN / BBR_UNIT;
    }
    if (rate > 0 && (s->filled_pipe || rate > cc->pacing_bytes_per_s))
        cc->pacing_bytes_per_s = rate;
}

/* Into fast recovery with this ACK, out of it, or out of the time after a timeout. */
static void bbr_recovery(struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    if (s->is_entering) {
        s->is_entering = false;
        cc->cwnd_bytes = a->in_flight_after + u32_max(a->acked_bytes, cc->mss);
        /* A whole round trip: the one that has begun already ends too early. */
        s->conserve_until = s->rounds + (a->is_round_start ? 1 : 2);
        return;
    }
    if (s->recovering && !a->in_recovery) {
        s->recovering = s->conserving = false;
        cc->cwnd_bytes = u32_max(cc->cwnd_bytes, s->prior_cwnd);
    } else if (s->timed_out && a->delivered_bytes >= s->recovery_until) {
        s->timed_out = false;
        cc->cwnd_bytes = u32_max(cc->cwnd_bytes, s->prior_cwnd);
    } else if (s->conserving && s->rounds >= s->conserve_until) {
        s->conserving = false;
    }
}

static void bbr_set_cwnd(struct cc *cc, struct bbr_state *s, const struct cc_ack *a)
{
    uint32_t target = bbr_inflight(cc, s, s->cwnd_gain), cwnd = cc->cwnd_bytes;

    if (a->lost_bytes > 0)
        cwnd = cwnd > a->lost_bytes + cc->mss ? cwnd - a->lost_bytes : cc->mss;
    if (s->conserving) {
        cwnd = u32_max(cwnd, a->in_flight_after + a->acked_bytes);
    } else {
        if (s->filled_pipe)
            cwnd = u32_min(cwnd + a->acked_bytes, target);
        else if (cwnd < target || a->delivered_bytes < s->initial_cwnd)
            cwnd += a->acked_bytes;
        cwnd = u32_max(cwnd, BBR_MIN_SEGS * cc->mss);
    }
    if (s->state == BBR_PROBE_RTT)
        cwnd = u32_min(cwnd, BBR_MIN_SEGS * cc->mss);
    cc->cwnd_bytes = cwnd;
}

/* ---- the plug-in ---- */

static void bbr_init(struct cc *cc)
{
    struct bbr_state *s = bbr_of(cc);

    *s = (struct bbr_state){
        .rtprop = NET_NEVER,
        .initial_cwnd = cc->cwnd_bytes,
    };
    bbr_enter(s, BBR_STARTUP, BBR_HIGH_GAIN, BBR_HIGH_GAIN);
    cc->ssthresh_bytes = UINT32_MAX / 2;
    /* The nominal bandwidth before there is an RTT: the window in a millisecond. */
    cc->pacing_bytes_per_s = (uint64_t)cc->cwnd_bytes * 1000 * BBR_HIGH_GAIN / BBR_UNIT;
}

static void bbr_ack(struct cc *cc, const struct cc_ack *a)
{
    struct bbr_state *s = bbr_of(cc);

    s->delivered = a->delivered_bytes;
    bbr_update_bw(s, a);
    bbr_check_cycle(cc, s, a);
    bbr_check_full_pipe(s, a);
    bbr_check_drain(cc, s, a);
    bbr_recovery(cc, s, a);
    bbr_check_rtprop(cc, s, a);
    bbr_set_pacing(cc, s, a);
    bbr_set_cwnd(cc, s, a);
}

static void bbr_loss(struct cc *cc, const struct cc_loss *l)
{
    struct bbr_state *s = bbr_of(cc);

    if (l->kind == CC_LOSS_ECN)
        return;
    bbr_save(cc, s);
    /* A recovery that follows on the heels of another is the same one: no second round of packet
     * conservation, or random losses in each round trip would keep the window where they found it. */
    if (l->kind == CC_LOSS_FAST && s->recovering)
        return;
    s->conserving = s->recovering = s->is_entering = l->kind == CC_LOSS_FAST;
    s->timed_out = l->kind == CC_LOSS_TIMEOUT;
    if (s->timed_out && !l->is_again)
        s->recovery_until = s->delivered + l->in_flight_bytes;
}

/* BBRHandleRestartFromIdle: at the known rate, and the silence is no reason to measure RTprop. */
static void bbr_idle(struct cc *cc, const struct cc_idle *i)
{
    struct bbr_state *s = bbr_of(cc);

    (void)i;
    s->idle_restart = true;
    if (s->state == BBR_PROBE_BW)
        cc->pacing_bytes_per_s = s->bw.rate[0];
}

static void bbr_undo(struct cc *cc)
{
    struct bbr_state *s = bbr_of(cc);

    s->recovering = s->conserving = s->timed_out = s->is_entering = false;
    cc->cwnd_bytes = u32_max(cc->cwnd_bytes, s->prior_cwnd);
}

static unsigned bbr_facts(const struct cc_state *state, struct cc_fact *out)
{
    static const char *const modes[] = {"STARTUP", "DRAIN", "PROBE_BW", "PROBE_RTT"};
    const struct bbr_state *s = (const struct bbr_state *)(const void *)state;
    net_time rtprop = s->rtprop == NET_NEVER ? 0 : s->rtprop;

    out[0] = (struct cc_fact){.name = "mode", .unit = CC_WORD, .word = modes[s->state]};
    out[1] = (struct cc_fact){.name = "bw", .unit = CC_BYTES_PER_S, .value = s->bw.rate[0]};
    out[2] = (struct cc_fact){.name = "mrtt", .unit = CC_NS, .value = (uint64_t)rtprop};
    out[3] = (struct cc_fact){
        .name = "pacing_gain", .unit = CC_GAIN, .value = s->pacing_gain * 1000u / BBR_UNIT};
    out[4] = (struct cc_fact){
        .name = "cwnd_gain", .unit = CC_GAIN, .value = s->cwnd_gain * 1000u / BBR_UNIT};
    return 5;
}

const struct cc_ops cc_bbr = {
    .name = "bbr",
    .owns_window = true,
    .init = bbr_init,
    .ack = bbr_ack,
    .loss = bbr_loss,
    .idle = bbr_idle,
    .undo = bbr_undo,
    .facts = bbr_facts,
};
