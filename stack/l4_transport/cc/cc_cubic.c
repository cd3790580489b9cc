/*
 * cc_cubic.c - CUBIC: a window that is a function of time, to the letter of RFC 9438.
 *
 * Reno adds a segment in a round trip, so a long fast path takes it minutes to fill after a loss.
 * CUBIC remembers the window at which the loss happened (W_max) and grows along
 *
 *     W_cubic(t) = C * (t - K)^3 + W_max,    K = cbrt((W_max - cwnd_epoch) / C)
 *
 * t being the time since this stage of congestion avoidance began: fast at first, flat around W_max,
 * where the path was full (concave region), then faster and faster in search of more (convex
 * region). Round trips do not enter, so flows with short ones do not win over those with long ones.
 * On a path where Reno would grow faster than this, the window is what Reno would have (W_est,
 * Reno-friendly region). A loss or ECN mark leaves 0.7 of what is in flight. When the window was
 * smaller than at the loss before, somebody new needs room, and W_max is lowered by more (fast
 * convergence).
 *
 * How this differs from a reader's first translation of the RFC:
 *
 *   - No floating point: windows are bytes, t and K are in units of 2^-14 s (61 us), and the cube of
 *     a difference is taken in the same unit. The error of W_cubic stays below a tenth of a segment
 *     within ten seconds of K. What a division leaves over is carried on (`credit`, `est_credit`), so
 *     thousands of small steps lose nothing.
 *   - The steps (target - cwnd) / cwnd are for each segment acknowledged, not for each ACK. With an
 *     ACK for each segment, which the formula assumes, that is the same; with delayed ACKs the
 *     formula alone would stay behind its own target by half (Linux counts segments, too).
 *   - While the window was not used up it does not grow, and that time does not count (sections 4.2,
 *     5.8): the epoch is moved along.
 *   - Slow start after the first loss, in idle connections, and after a timeout begins a new stage.
 *     Its W_max is the old one if that is still ahead; after a timeout, and after the first slow
 *     start, it is the window where the stage begins, and K is 0 (sections 4.8 and 4.10).
 *
 * After more than one RTO of silence the window is halved for each RTO, down to the restart window,
 * and ssthresh remembers three quarters of it: RFC 2861 section 3, as Linux does it.
 */
#include "l4_transport/cc/cc_cubic.h"
#include "l4_transport/cc/cc_hystart.h"

enum {
    CUBIC_TICK_BITS = 14, /* a second has so many bits of ticks */
    CUBIC_BETA_NUM = 7,   /* beta_cubic = 0.7, section 4.6 */
    CUBIC_BETA_DEN = 10,
    CUBIC_C_NUM = 2, /* C = 0.4, section 5.1 */
    CUBIC_C_DEN = 5,
    CUBIC_ALPHA_NUM = 9, /* alpha_cubic = 3 * (1 - beta) / (1 + beta) = 9 / 17, section 4.3 */
    CUBIC_ALPHA_DEN = 17
};

/* Beyond this many seconds from K the window is out of any range. */
#define CUBIC_FAR NET_SEC(1000)

/* What a loss destroys, and an undo brings back (section 4.9). */
struct cubic_curve {
    net_time epoch; /* t_epoch, moved by the times that do not count */
    uint32_t k;     /* ticks */
    uint32_t w_max, w_est, cwnd_prior;
    bool in_epoch;  /* a stage of congestion avoidance has begun */
    bool from_here; /* until a loss tells W_max: K = 0 and W_max = cwnd where it begins */
};

struct cubic_state {
    struct cubic_curve now;
    uint64_t credit, est_credit; /* fractions of a byte of cwnd and W_est */
    net_time last_ack;
    struct hystart hystart;
    struct cubic_curve prior; /* the last three: before the loss */
    uint32_t prior_cwnd;
    bool had_hystart;
};

static_assert(sizeof(struct cubic_state) <= sizeof(struct cc_state), "fits its place");

static struct cubic_state *cubic_of(struct cc *cc)
{
    return (struct cubic_state *)(void *)cc->state;
}

uint32_t cubic_root(uint64_t x)
{
    uint64_t y = 0;

    for (int shift = 63; shift >= 0; shift -= 3) { /* one bit of the root each */
        y *= 2;
        uint64_t step = 3 * y * (y + 1) + 1; /* (y + 1)^3 - y^3 */

        if (x >> shift >= step) {
            x -= step << shift;
            y++;
        }
    }
    return (uint32_t)y;
}

/* In ticks, at most CUBIC_FAR. */
static uint32_t cubic_ticks(net_time t)
{
    uint64_t ns = (uint64_t)(t < 0 ? 0 : net_time_min(t, CUBIC_FAR));

    return (uint32_t)((ns << CUBIC_TICK_BITS) / (uint64_t)NET_SEC(1));
}

uint32_t cubic_k(uint32_t distance, uint32_t mss)
{
    uint64_t n = (uint64_t)distance * CUBIC_C_DEN;
    unsigned scale = 3 * CUBIC_TICK_BITS, coarse = 0;

    while (n >> (63 - scale) != 0) { /* it would not fit: three bits less, one of the root */
        scale -= 3;
        coarse++;
    }
    return cubic_root((n << scale) / (CUBIC_C_NUM * (uint64_t)mss)) << coarse;
}

uint32_t cubic_window(uint32_t w_max, uint32_t k, uint32_t mss, net_time t)
{
    uint32_t at = cubic_ticks(t);
    uint64_t d = at > k ? at - k : k - at;
    uint64_t far = cubic_ticks(CUBIC_FAR);

    d = d < far ? d : far;                                               /* < 2^24 */
    uint64_t cube = ((d * d >> CUBIC_TICK_BITS) * d) >> CUBIC_TICK_BITS; /* < 2^44 */
    uint64_t bytes = (cube * mss * CUBIC_C_NUM / CUBIC_C_DEN) >> CUBIC_TICK_BITS;

    if (at <= k)
        return bytes < w_max ? w_max - (uint32_t)bytes : 0;
    bytes += w_max;
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

static void cubic_init(struct cc *cc)
{
    struct cubic_state *s = cubic_of(cc);

    *s = (struct cubic_state){.now.from_here = true, .prior.from_here = true};
    hystart_init(&s->hystart, cc->options->hystart);
    cc->ssthresh_bytes = UINT32_MAX / 2;
}

/* A stage of congestion avoidance begins with this ACK. */
static void cubic_epoch(struct cc *cc, net_time now)
{
    struct cubic_state *s = cubic_of(cc);
    struct cubic_curve *c = &s->now;

    c->in_epoch = true;
    c->epoch = now;
    c->w_est = cc->cwnd_bytes;
    s->credit = s->est_credit = 0;
    if (c->from_here || c->w_max <= cc->cwnd_bytes) {
        c->w_max = cc->cwnd_bytes;
        c->k = 0;
    } else {
        c->k = cubic_k(c->w_max - cc->cwnd_bytes, cc->mss);
    }
}

/* W_est = W_est + alpha_cubic * segments_acked / cwnd, section 4.3. */
static void cubic_reno_friendly(struct cc *cc, uint32_t acked)
{
    struct cubic_state *s = cubic_of(cc);
    uint64_t alpha = s->now.w_est < s->now.cwnd_prior ? CUBIC_ALPHA_NUM : CUBIC_ALPHA_DEN;
    uint64_t whole = (uint64_t)CUBIC_ALPHA_DEN * cc->cwnd_bytes;

    s->est_credit += alpha * acked * cc->mss;
    s->now.w_est += (uint32_t)(s->est_credit / whole);
    s->est_credit %= whole;
}

/* Sections 4.2 to 4.5. */
static void cubic_avoidance(struct cc *cc, const struct cc_ack *a)
{
    struct cubic_state *s = cubic_of(cc);
    struct cubic_curve *c = &s->now;

    if (!c->in_epoch)
        cubic_epoch(cc, a->now);
    net_time t = a->now - c->epoch;
    uint32_t cwnd = cc->cwnd_bytes, target;

    cubic_reno_friendly(cc, a->acked_bytes);
    if (cc->options->reno_friendly && cubic_window(c->w_max, c->k, cc->mss, t) < c->w_est) {
        cc->cwnd_bytes = u32_max(cwnd, c->w_est); /* it is never a reason to become smaller */
        return;
    }
    target = cubic_window(c->w_max, c->k, cc->mss, t + a->srtt_ns);
    if (target <= cwnd)
        return;
    target = u32_min(target, cwnd + cwnd / 2);
    s->credit += (uint64_t)(target - cwnd) * u32_min(a->acked_bytes, cwnd);
    cc->cwnd_bytes += (uint32_t)(s->credit / cwnd);
    s->credit %= cwnd;
}

static void cubic_ack(struct cc *cc, const struct cc_ack *a)
{
    struct cubic_state *s = cubic_of(cc);
    net_time since = a->now - s->last_ack;

    s->last_ack = a->now;
    if (a->in_recovery)
        return;
    if (cc->cwnd_bytes <= cc->ssthresh_bytes) { /* section 4.10 */
        s->now.in_epoch = false;
        if (!hystart_sees(&s->hystart, a))
            cc->ssthresh_bytes = cc->cwnd_bytes;
        else if (a->cwnd_limited)
            cc->cwnd_bytes += hystart_growth(&s->hystart, cc, a);
        return;
    }
    if (a->cwnd_limited)
        cubic_avoidance(cc, a);
    else if (s->now.in_epoch)
        s->now.epoch += since;
}

/* Sections 4.6 to 4.8. */
static void cubic_loss(struct cc *cc, const struct cc_loss *l)
{
    struct cubic_state *s = cubic_of(cc);
    struct cubic_curve *c = &s->now;
    uint64_t flight = l->in_flight_bytes;

    if (l->is_again) /* RFC 5681 section 3.1: all is as after the first time */
        return;
    s->prior = *c;
    s->prior_cwnd = cc->cwnd_bytes;
    s->had_hystart = s->hystart.phase != HYSTART_OFF;
    hystart_stop(&s->hystart);
    c->in_epoch = false;
    c->from_here = l->kind == CC_LOSS_TIMEOUT;
    c->cwnd_prior = cc->cwnd_bytes;
    if (cc->options->fast_convergence && cc->cwnd_bytes < c->w_max)
        c->w_max = (uint32_t)((uint64_t)cc->cwnd_bytes * (CUBIC_BETA_DEN + CUBIC_BETA_NUM) /
                              (2 * CUBIC_BETA_DEN));
    else
        c->w_max = cc->cwnd_bytes;
    cc->ssthresh_bytes = u32_max((uint32_t)(flight * CUBIC_BETA_NUM / CUBIC_BETA_DEN), 2 * cc->mss);
}

/* Before sending after a silence: RFC 2861 section 3, RFC 5681 section 4.1. */
static void cubic_idle(struct cc *cc, const struct cc_idle *i)
{
    struct cubic_state *s = cubic_of(cc);
    uint32_t restart = cc_restart_window(cc), cwnd = cc->cwnd_bytes;

    s->now.epoch += i->now - s->last_ack; /* nobody could have used a larger window */
    s->last_ack = i->now;
    if (!cc->options->idle_restart || i->idle_ns <= i->rto_ns || cwnd <= restart)
        return;
    cc->ssthresh_bytes = u32_max(cc->ssthresh_bytes, cwnd - cwnd / 4);
    for (net_time left = i->idle_ns; left > i->rto_ns && cwnd > restart; left -= i->rto_ns)
        cwnd /= 2;
    cc->cwnd_bytes = u32_max(cwnd, restart);
}

/* Section 4.9: as before, unless the window is already larger than it was then. */
static void cubic_undo(struct cc *cc)
{
    struct cubic_state *s = cubic_of(cc);

    if (cc->cwnd_bytes > s->prior_cwnd)
        return;
    s->now = s->prior;
    s->credit = s->est_credit = 0;
    hystart_init(&s->hystart, s->had_hystart);
}

/* W_max; the window before the last loss, from which on the estimate of Reno's grows faster, in 32nds of
 * it; and what began before and has not ended yet. The stage of congestion avoidance does not
 * count while nothing is sent (section 5.8): the next ACK begins one from the window as it is towards
 * the same W_max, which is the rest of the same curve. HyStart++ begins a new round. */
static bool cubic_rest(struct cc_state *state, uint32_t *kept, bool back)
{
    enum { W_MAX_BITS = 24, FROM_HERE = 1 << W_MAX_BITS, IN_HYSTART = 2 << W_MAX_BITS };
    enum { PRIOR_SHIFT = W_MAX_BITS + 2, PRIOR_ONE = 32, PRIOR_MOST = 63 };
    struct cubic_state *s = (struct cubic_state *)(void *)state;
    uint32_t w_max = *kept & (FROM_HERE - 1);

    if (!back) {
        bool in_hystart = s->hystart.phase != HYSTART_OFF;
        uint64_t whole = u32_max(s->now.w_max, 1);
        uint64_t prior = 0;

        if (s->now.cwnd_prior > 0) /* never, without a loss */
            prior = ((uint64_t)s->now.cwnd_prior * PRIOR_ONE + whole / 2) / whole;

        *kept = s->now.w_max | (s->now.from_here ? FROM_HERE : 0u) |
                (in_hystart ? IN_HYSTART : 0u) |
                (uint32_t)(prior < PRIOR_MOST ? prior : PRIOR_MOST) << PRIOR_SHIFT;
        return s->now.w_max < FROM_HERE;
    }
    struct cubic_curve curve = {
        .w_max = w_max,
        .cwnd_prior = (uint32_t)((uint64_t)w_max * (*kept >> PRIOR_SHIFT) / PRIOR_ONE),
        .from_here = (*kept & FROM_HERE) != 0,
    };

    s->now = curve; /* each made of registers: a copy of the other would wait for it */
    s->prior = curve;
    hystart_init(&s->hystart, (*kept & IN_HYSTART) != 0);
    return true;
}

static unsigned cubic_facts(const struct cc_state *state, struct cc_fact *out)
{
    const struct cubic_state *s = (const struct cubic_state *)(const void *)state;
    uint64_t k = ((uint64_t)s->now.k * (uint64_t)NET_SEC(1)) >> CUBIC_TICK_BITS;

    if (!s->now.in_epoch)
        return 0; /* slow start: there is no curve yet */
    out[0] = (struct cc_fact){.name = "w_max", .unit = CC_BYTES, .value = s->now.w_max};
    out[1] = (struct cc_fact){.name = "w_est", .unit = CC_BYTES, .value = s->now.w_est};
    out[2] = (struct cc_fact){.name = "k", .unit = CC_NS, .value = k};
    return 3;
}

const struct cc_ops cc_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .ack = cubic_ack,
    .loss = cubic_loss,
    .idle = cubic_idle,
    .undo = cubic_undo,
    .rest = cubic_rest,
    .facts = cubic_facts,
};
