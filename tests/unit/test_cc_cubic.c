#include <math.h>

#include "cc_path.h"
#include "l4_transport/cc/cc_cubic.h"

#define TICK (1.0 / 16384)

static bool near(double got, double want, double off, const char *what)
{
    if (fabs(got - want) <= off)
        return true;
    fprintf(stderr, "%s: %.4f, not %.4f\n", what, got, want);
    return false;
}

/* ---- the arithmetic ---- */

static void test_cc_cubic_root_is_exact(void)
{
    uint64_t largest = 2642245; /* its cube is the last below 2^64 */
    bool ok = true;

    for (uint64_t x = 0, y = 0; x < 1 << 20; x++) {
        if ((y + 1) * (y + 1) * (y + 1) <= x)
            y++;
        ok = ok && cubic_root(x) == y;
    }
    T_TRUE(ok);
    for (uint64_t y = 1; y <= largest; y++) {
        uint64_t cube = y * y * y;

        ok = ok && cubic_root(cube - 1) == y - 1 && cubic_root(cube) == y;
    }
    T_TRUE(ok);
    T_EQ(cubic_root(UINT64_MAX), largest);
}

/* REQ: TCP-9438-4.2-1 TCP-9438-5.1-1 */
static void test_cc_cubic_k_is_that_of_the_formula(void)
{
    static const uint32_t mss[] = {88, 536, 1460, 8960, 65495};

    for (size_t m = 0; m < ARRAY_LEN(mss); m++) {
        for (double segs = 0.01; segs * mss[m] < 4e9; segs *= 1.07) {
            uint32_t distance = (uint32_t)(segs * mss[m]);
            double want = cbrt((double)distance / mss[m] / 0.4);

            T_NEED(near(cubic_k(distance, mss[m]) * TICK, want, 2 * TICK + want * 6e-5, "K"));
        }
    }
    T_EQ(cubic_k(0, 1460), 0);
}

/* REQ: TCP-9438-4.2-1 TCP-9438-5.1-1 */
static void test_cc_cubic_window_is_that_of_the_formula(void)
{
    static const uint32_t mss[] = {88, 536, 1460, 8960};

    for (size_t m = 0; m < ARRAY_LEN(mss); m++) {
        for (double k = 0; k < 60; k = k * 1.3 + 0.1) {
            for (double t = 0; t < 100; t += 0.037) {
                uint32_t w_max = 10000 * mss[m];
                double ticks = floor(k / TICK), d = t - ticks * TICK;
                double want = 10000 + 0.4 * d * d * d, steep = 1.2 * d * d * TICK;
                double got =
                    (double)cubic_window(w_max, (uint32_t)ticks, mss[m], (net_time)(t * 1e9)) /
                    mss[m];

                if (want > 0)
                    T_NEED(near(got, want, 0.02 + 2 * steep, "W_cubic"));
            }
        }
    }
    T_EQ(cubic_window(1000, 16384 * 100, 1460, 0), 0); /* it is not below nothing */
    T_EQ(cubic_window(UINT32_MAX - 5, 0, 1460, NET_SEC(1000000)), UINT32_MAX);
}

/* ---- the RFC's own text, in segments and seconds ---- */

struct model {
    double cwnd, ssthresh, w_max, k, w_est, cwnd_prior, epoch;
    bool in_epoch, k_is_0;
};

static double model_cubic(const struct model *m, double t)
{
    return 0.4 * pow(t - m->k, 3) + m->w_max; /* figure 1 */
}

static void model_ack(struct model *m, double now, double segments_acked, double rtt)
{
    if (m->cwnd <= m->ssthresh) {
        m->cwnd += fmin(segments_acked, 1);
        m->in_epoch = false;
        return;
    }
    if (!m->in_epoch) {
        m->in_epoch = true;
        m->epoch = now;
        if (m->k_is_0)
            m->w_max = m->cwnd;
        m->k = m->w_max > m->cwnd ? cbrt((m->w_max - m->cwnd) / 0.4) : 0; /* figure 2 */
        m->w_est = m->cwnd;
        m->k_is_0 = false;
    }
    double t = now - m->epoch, alpha = m->w_est >= m->cwnd_prior ? 1 : 3 * (1 - 0.7) / (1 + 0.7);

    m->w_est += alpha * segments_acked / m->cwnd; /* figure 4 */
    if (model_cubic(m, t) < m->w_est) {
        m->cwnd = fmax(m->cwnd, m->w_est);
        return;
    }
    double target = fmin(fmax(model_cubic(m, t + rtt), m->cwnd), 1.5 * m->cwnd);

    m->cwnd += (target - m->cwnd) / m->cwnd;
}

static void model_loss(struct model *m, bool is_timeout)
{
    m->ssthresh = fmax(m->cwnd * 7 / 10, 2);
    m->cwnd_prior = m->cwnd;
    m->w_max = m->cwnd < m->w_max ? m->cwnd * (1 + 0.7) / 2 : m->cwnd;
    m->cwnd = is_timeout ? 1 : m->ssthresh;
    m->in_epoch = false;
    m->k_is_0 = is_timeout;
}

/* Both see the same ACKs for @seconds; at no ACK are they further apart than @off segments. */
static bool run_both(struct path *p, struct model *m, double seconds, double off)
{
    net_time end = p->now + (net_time)(seconds * 1e9);

    while (p->now < end) {
        uint32_t segs = p->cc.cwnd_bytes / PATH_MSS;

        for (uint32_t i = 0; i < segs; i++) {
            p->now += p->rtt / segs;
            path_ack(p, PATH_MSS);
            model_ack(m, (double)p->now / 1e9, 1, (double)p->rtt / 1e9);
            if (!near(path_cwnd(p), m->cwnd, off, "cwnd"))
                return false;
        }
    }
    return true;
}

/* Congestion avoidance after a loss with @segs in flight. */
static void after_loss(struct path *p, struct model *m, net_time rtt, uint32_t segs)
{
    path_begin(p, "cubic", rtt);
    p->cc.cwnd_bytes = segs * PATH_MSS;
    *m = (struct model){.cwnd = segs, .ssthresh = 1e9, .w_max = 0};
    path_loss(p, CC_LOSS_FAST, segs * PATH_MSS);
    model_loss(m, false);
}

/* REQ: TCP-9438-4.2-1 TCP-9438-4.4-1 TCP-9438-4.6-1 TCP-9438-5.1-1 */
static void test_cc_cubic_follows_the_curve_for_twenty_seconds(void)
{
    static const net_time rtts[] = {NET_MS(100), NET_MS(40), NET_MS(300)};

    for (size_t i = 0; i < ARRAY_LEN(rtts); i++) {
        struct path p;
        struct model m;

        after_loss(&p, &m, rtts[i], 100);
        T_EQ(p.cc.ssthresh_bytes, 70 * PATH_MSS);
        T_TRUE(run_both(&p, &m, 20, 0.25));
        /* Concave up to W_max after K = 4.2 s, convex beyond: 100 + 0.4 * 15.8^3. */
        T_TRUE(path_cwnd(&p) > 1400);
    }
}

/* The plateau: at K the window is what it was at the loss, and hardly moves. */
/* REQ: TCP-9438-4.4-1 */
static void test_cc_cubic_is_flat_where_the_loss_was(void)
{
    struct path p;
    struct model m;
    double k = cbrt(30 / 0.4);

    after_loss(&p, &m, NET_MS(100), 100);
    p.options.reno_friendly = false;
    while ((double)(p.now - NET_SEC(1000)) / 1e9 < k - 0.5)
        path_round(&p);
    double before = path_cwnd(&p);

    for (int i = 0; i < 10; i++)
        path_round(&p);
    T_TRUE(near(before, 100, 1, "just before K"));
    T_TRUE(near(path_cwnd(&p), 100, 1, "just behind K"));
}

/* What a test does with delayed ACKs: the curve is one of time. */
static void test_cc_cubic_does_not_depend_on_delayed_acks(void)
{
    struct path one, two;
    struct model m;

    after_loss(&one, &m, NET_MS(100), 100);
    after_loss(&two, &m, NET_MS(100), 100);
    for (int r = 0; r < 100; r++) {
        uint32_t pairs = two.cc.cwnd_bytes / PATH_MSS / 2;

        path_round(&one);
        for (uint32_t i = 0; i < pairs; i++) {
            two.now += two.rtt / pairs;
            path_ack(&two, 2 * PATH_MSS);
        }
        two.now = one.now;
    }
    T_TRUE(near(path_cwnd(&two), path_cwnd(&one), path_cwnd(&one) / 100, "with delayed ACKs"));
}

/* REQ: TCP-9438-4.2-1 */
static void test_cc_cubic_time_without_need_does_not_count(void)
{
    struct path p, q;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 100);
    after_loss(&q, &m, NET_MS(100), 100);
    p.options.reno_friendly = q.options.reno_friendly = false; /* the curve alone */
    for (int i = 0; i < 30; i++) {
        path_round(&p);
        path_round(&q);
    }
    uint32_t cwnd = q.cc.cwnd_bytes;

    q.in_flight_limit = 1; /* three seconds of too little to send, in ACKs of single segments */
    for (int i = 0; i < 300; i++) {
        q.now += NET_MS(10);
        path_ack(&q, PATH_MSS);
    }
    T_EQ(q.cc.cwnd_bytes, cwnd); /* what is not used does not grow */
    q.in_flight_limit = 0;
    q.now += NET_SEC(5); /* then nothing at all */
    path_idle(&q, NET_MS(100), NET_SEC(9));
    q.in_flight_limit = 1;
    path_ack(&q, PATH_MSS);
    q.in_flight_limit = 0;
    for (int i = 0; i < 50; i++) {
        path_round(&p);
        path_round(&q);
    }
    T_TRUE(near(path_cwnd(&q), path_cwnd(&p), 0.5, "after 8 s that do not count"));
}

/* REQ: TCP-9438-4.2-2 */
static void test_cc_cubic_target_stays_within_half_a_window(void)
{
    struct path p;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 100);
    path_round(&p);
    p.now += NET_SEC(60); /* a very slow round trip: W_cubic is 60000 segments away */
    for (int i = 0; i < 5; i++) {
        uint32_t cwnd = p.cc.cwnd_bytes, segs = cwnd / PATH_MSS;

        for (uint32_t n = 0; n < segs; n++)
            path_ack(&p, PATH_MSS);
        /* n steps of half a segment each */
        T_TRUE(p.cc.cwnd_bytes <= cwnd + cwnd / 2);
        T_TRUE(p.cc.cwnd_bytes >= cwnd + cwnd / 2 - PATH_MSS);
    }
    after_loss(&p, &m, NET_MS(100), 100);
    path_round(&p);
    p.cc.cwnd_bytes = 95 * PATH_MSS; /* above the curve: it waits, it does not shrink */
    path_ack(&p, PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 95 * PATH_MSS);
    p.now += NET_SEC(60);
    path_ack(&p, 300 * PATH_MSS); /* one ACK for more than the window: no more than the target */
    T_EQ(p.cc.cwnd_bytes, 95 * PATH_MSS + 95 * PATH_MSS / 2);
}

/* A stage that begins above W_max, and one that begins again after an idle restart. */
/* REQ: TCP-9438-4.2-1 TCP-9438-4.10-1 */
static void test_cc_cubic_stages_begin_where_the_window_is(void)
{
    struct path p;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 20);
    p.cc.cwnd_bytes = 60 * PATH_MSS;
    p.now += NET_SEC(1);
    for (int i = 0; i < 100; i++)
        path_round(&p);
    T_TRUE(path_cwnd(&p) > 60 + 0.4 * 900); /* convex from there, not Reno's 160 */

    after_loss(&p, &m, NET_MS(100), 100);
    T_TRUE(run_both(&p, &m, 2, 0.2));
    p.cc.cwnd_bytes = 10 * PATH_MSS; /* as after an hour */
    p.cc.ssthresh_bytes = 75 * PATH_MSS;
    m.cwnd = 10;
    m.ssthresh = 75;
    T_TRUE(run_both(&p, &m, 6, 0.2));
    p.cc.ssthresh_bytes = p.cc.cwnd_bytes * 7 / 10; /* and a loss that did not end in slow start */
    m.ssthresh = p.cc.ssthresh_bytes / PATH_MSS;
    uint32_t cwnd = p.cc.cwnd_bytes;

    path_loss(&p, CC_LOSS_ECN, cwnd);
    model_loss(&m, false);
    p.cc.cwnd_bytes += PATH_MSS;
    m.cwnd = path_cwnd(&p);
    T_TRUE(run_both(&p, &m, 3, 0.2));
}

/* In the Reno-friendly region, too, an ACK does not make the window smaller. */
static void test_cc_cubic_reno_friendly_is_no_reason_to_shrink(void)
{
    struct path p;
    struct model m;

    after_loss(&p, &m, NET_MS(10), 20);
    for (int i = 0; i < 10; i++)
        path_round(&p);
    p.cc.cwnd_bytes = 40 * PATH_MSS;
    path_ack(&p, PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 40 * PATH_MSS);
}

/* REQ: TCP-9438-4.3-1 */
static void test_cc_cubic_is_no_slower_than_reno(void)
{
    struct path p, q;
    struct model m;

    after_loss(&p, &m, NET_MS(10), 20);
    T_TRUE(run_both(&p, &m, 0.3, 0.1));
    /* 30 round trips from 15 segments, 9/17 of a segment in each until 20, where the loss was; then
     * one. CUBIC's own curve would be at 20 only after 2.3 s. */
    double slow = 5 / (9.0 / 17), want = 20 + (30 - slow);

    T_TRUE(near(path_cwnd(&p), want, 1.5, "Reno-friendly"));

    after_loss(&q, &m, NET_MS(10), 20);
    q.options.reno_friendly = false;
    for (int i = 0; i < 30; i++)
        path_round(&q);
    T_TRUE(path_cwnd(&q) < 20);
}

/* REQ: TCP-9438-4.6-1 TCP-9438-5.1-1 */
static void test_cc_cubic_leaves_seven_tenths_of_the_flight(void)
{
    static const enum cc_loss_kind kinds[] = {CC_LOSS_FAST, CC_LOSS_ECN, CC_LOSS_TIMEOUT};
    struct path p;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        path_begin(&p, "cubic", NET_MS(100));
        p.cc.cwnd_bytes = 200 * PATH_MSS; /* of which only half is used */
        path_loss(&p, kinds[i], 100 * PATH_MSS);
        T_EQ(p.cc.ssthresh_bytes, 70 * PATH_MSS);
        path_loss(&p, kinds[i], PATH_MSS);
        T_EQ(p.cc.ssthresh_bytes, 2 * PATH_MSS);
    }
    p.cc.cwnd_bytes = UINT32_MAX / 4;
    path_loss(&p, CC_LOSS_FAST, UINT32_MAX / 4);
    T_EQ(p.cc.ssthresh_bytes, (uint64_t)(UINT32_MAX / 4) * 7 / 10);
}

/* Losses at 100 and then at 80: W_max is 68. */
/* REQ: TCP-9438-4.7-1 */
static void test_cc_cubic_converges_fast(void)
{
    struct path p;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 100);
    p.cc.cwnd_bytes = 80 * PATH_MSS;
    m.cwnd = 80;
    path_loss(&p, CC_LOSS_FAST, 80 * PATH_MSS);
    model_loss(&m, false);
    T_TRUE(near(m.w_max, 68, 1e-9, "the model"));
    T_TRUE(run_both(&p, &m, 5, 0.2));

    after_loss(&p, &m, NET_MS(100), 100); /* switched off: 80 */
    p.options.fast_convergence = false;
    p.cc.cwnd_bytes = 80 * PATH_MSS;
    m.cwnd = 80;
    path_loss(&p, CC_LOSS_FAST, 80 * PATH_MSS);
    model_loss(&m, false);
    m.w_max = 80;
    T_TRUE(run_both(&p, &m, 5, 0.2));
}

/* REQ: TCP-9438-4.8-1 TCP-5681-3.1-9 */
static void test_cc_cubic_timeout_starts_a_convex_stage(void)
{
    struct path p;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 100);
    T_TRUE(run_both(&p, &m, 3, 0.2));
    p.cc.cwnd_bytes = 90 * PATH_MSS;
    m.cwnd = 90;
    path_loss(&p, CC_LOSS_TIMEOUT, 90 * PATH_MSS);
    model_loss(&m, true);
    T_EQ(p.cc.ssthresh_bytes, 63 * PATH_MSS);
    struct cc_loss again = {
        .now = p.now, .in_flight_bytes = PATH_MSS, .kind = CC_LOSS_TIMEOUT, .is_again = true};

    p.cc.ops->loss(&p.cc, &again);
    T_EQ(p.cc.ssthresh_bytes, 63 * PATH_MSS);
    T_TRUE(run_both(&p, &m, 0.8, 0.2)); /* six round trips of slow start */
    T_TRUE(near(path_cwnd(&p), 64.5, 1, "the end of slow start"));
    T_TRUE(run_both(&p, &m, 5, 0.2));
    T_TRUE(near(path_cwnd(&p), 64 + 0.4 * pow(5.2, 3), 5, "convex from there"));
}

/* REQ: TCP-9438-4.9-1 */
static void test_cc_cubic_takes_a_loss_back(void)
{
    static const enum cc_loss_kind kinds[] = {CC_LOSS_FAST, CC_LOSS_TIMEOUT};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct path p, q;
        struct model m;

        after_loss(&p, &m, NET_MS(100), 100);
        after_loss(&q, &m, NET_MS(100), 100);
        for (int n = 0; n < 20; n++) {
            path_round(&p);
            path_round(&q);
        }
        uint32_t cwnd = p.cc.cwnd_bytes, ssthresh = p.cc.ssthresh_bytes;

        path_loss(&p, kinds[i], cwnd);
        p.cc.cwnd_bytes = cwnd;
        p.cc.ssthresh_bytes = ssthresh;
        p.cc.ops->undo(&p.cc);
        for (int n = 0; n < 60; n++) {
            path_round(&p);
            path_round(&q);
        }
        T_TRUE(near(path_cwnd(&p), path_cwnd(&q), 0.01, "as if it had not been"));
    }
}

/* Noticed so late that the window is larger than before: what is known now stays. */
/* REQ: TCP-9438-4.9-1 */
static void test_cc_cubic_takes_nothing_back_when_it_has_grown_beyond(void)
{
    struct path p, q;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 20);
    q = p;
    q.cc.state = &q.state;
    q.cc.options = &q.options;
    for (int n = 0; n < 40; n++) {
        path_round(&p);
        path_round(&q);
    }
    T_TRUE(path_cwnd(&p) > 20);
    p.cc.ops->undo(&p.cc);
    for (int n = 0; n < 40; n++) {
        path_round(&p);
        path_round(&q);
    }
    T_EQ(p.cc.cwnd_bytes, q.cc.cwnd_bytes);
}

/* REQ: TCP-9438-4.10-1 */
static void test_cc_cubic_slow_start_ends_above_ssthresh(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(100));
    T_TRUE(p.cc.ssthresh_bytes >= 1u << 30);
    path_round(&p);
    T_EQ(p.cc.cwnd_bytes, 20 * PATH_MSS);
    path_round(&p);
    T_EQ(p.cc.cwnd_bytes, 40 * PATH_MSS);
    p.cc.ssthresh_bytes = 40 * PATH_MSS; /* "no more than": still slow start */
    path_ack(&p, PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 41 * PATH_MSS);
    path_ack(&p, PATH_MSS);
    T_TRUE(p.cc.cwnd_bytes < 42 * PATH_MSS);
}

static void test_cc_cubic_waits_while_recovery_owns_the_window(void)
{
    struct path p;
    struct model m;

    after_loss(&p, &m, NET_MS(100), 100);
    p.in_recovery = true;
    path_round(&p);
    T_EQ(p.cc.cwnd_bytes, 70 * PATH_MSS);
}

/* REQ: TCP-5681-4.1-1 */
static void test_cc_cubic_idle_windows_decay(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(100));
    p.cc.cwnd_bytes = 100 * PATH_MSS;
    p.cc.ssthresh_bytes = 50 * PATH_MSS;
    path_idle(&p, NET_MS(300), NET_MS(300)); /* not more than one RTO */
    T_EQ(p.cc.cwnd_bytes, 100 * PATH_MSS);
    T_EQ(p.cc.ssthresh_bytes, 50 * PATH_MSS);
    path_idle(&p, NET_MS(301), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 50 * PATH_MSS);
    T_EQ(p.cc.ssthresh_bytes, 75 * PATH_MSS);
    path_idle(&p, NET_SEC(3600), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 10 * PATH_MSS);
    T_EQ(p.cc.ssthresh_bytes, 75 * PATH_MSS);
    p.cc.cwnd_bytes = 3 * PATH_MSS; /* after a loss, say: silence does not make it larger */
    path_idle(&p, NET_SEC(3600), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 3 * PATH_MSS);
    p.cc.cwnd_bytes = 100 * PATH_MSS;
    p.options.idle_restart = false;
    path_idle(&p, NET_SEC(3600), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 100 * PATH_MSS);
}

/* What a connection at rest keeps goes on with the same curve: towards W_max, and beyond the window that was
 * lost, which is above it after a loss that came early, and not before, as fast as Reno. */
static void test_cc_cubic_rests_in_the_middle_of_a_curve(void)
{
    struct path p, rested;
    struct model m;
    uint32_t kept;

    after_loss(&p, &m, NET_MS(10), 100);
    p.cc.cwnd_bytes = 80 * PATH_MSS;
    path_loss(&p, CC_LOSS_FAST, 80 * PATH_MSS); /* W_max 68 */
    for (unsigned i = 0; i < 30; i++)
        path_round(&p);
    T_NEED(path_cwnd(&p) > 69 && path_cwnd(&p) < 76);
    rested = p;
    rested.cc.state = &rested.state;
    rested.cc.options = &rested.options;
    T_TRUE(p.cc.ops->rest(&rested.state, &kept, false));
    memset(&rested.state, 0x5a, sizeof(rested.state));
    T_TRUE(p.cc.ops->rest(&rested.state, &kept, true));
    for (unsigned i = 0; i < 40; i++) {
        path_round(&p);
        path_round(&rested);
        T_NEED(near(path_cwnd(&rested), path_cwnd(&p), 0.02 * path_cwnd(&p), "after a rest"));
    }
    T_TRUE(path_cwnd(&p) > 85);
}

T_MAIN("cc_cubic", T(test_cc_cubic_root_is_exact), T(test_cc_cubic_k_is_that_of_the_formula),
       T(test_cc_cubic_window_is_that_of_the_formula),
       T(test_cc_cubic_follows_the_curve_for_twenty_seconds),
       T(test_cc_cubic_is_flat_where_the_loss_was),
       T(test_cc_cubic_does_not_depend_on_delayed_acks),
       T(test_cc_cubic_time_without_need_does_not_count),
       T(test_cc_cubic_target_stays_within_half_a_window),
       T(test_cc_cubic_stages_begin_where_the_window_is),
       T(test_cc_cubic_reno_friendly_is_no_reason_to_shrink),
       T(test_cc_cubic_is_no_slower_than_reno), T(test_cc_cubic_leaves_seven_tenths_of_the_flight),
       T(test_cc_cubic_converges_fast), T(test_cc_cubic_timeout_starts_a_convex_stage),
       T(test_cc_cubic_takes_a_loss_back),
       T(test_cc_cubic_takes_nothing_back_when_it_has_grown_beyond),
       T(test_cc_cubic_slow_start_ends_above_ssthresh),
       T(test_cc_cubic_waits_while_recovery_owns_the_window), T(test_cc_cubic_idle_windows_decay),
       T(test_cc_cubic_rests_in_the_middle_of_a_curve))
