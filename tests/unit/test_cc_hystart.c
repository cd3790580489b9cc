#include "cc_path.h"

enum { ALL = INT32_MAX };

/* A round trip in slow start whose RTTs are @rtt, @acks of which are measured. */
static void round_of(struct path *p, net_time rtt, uint32_t acks)
{
    uint32_t segs = p->cc.cwnd_bytes / PATH_MSS;

    for (uint32_t i = 0; i < segs; i++)
        path_ack_rtt(p, PATH_MSS, i < acks ? rtt : 0);
}

static bool in_slow_start(const struct path *p)
{
    return p->cc.cwnd_bytes <= p->cc.ssthresh_bytes;
}

/* A round at @base and one at @grown: has the second made slow start conservative? */
static bool slows_down(net_time base, net_time grown, uint32_t acks)
{
    struct path p;

    path_begin(&p, "cubic", base);
    round_of(&p, base, ALL);
    T_EQ(p.cc.cwnd_bytes, 20 * PATH_MSS);
    round_of(&p, grown, acks);
    uint32_t cwnd = p.cc.cwnd_bytes;

    round_of(&p, grown, acks);
    T_TRUE(in_slow_start(&p));
    return p.cc.cwnd_bytes < 2 * cwnd - cwnd / 2;
}

static void test_cc_hystart_threshold_is_an_eighth_within_its_bounds(void)
{
    T_FALSE(slows_down(NET_MS(80), NET_MS(90) - 1, ALL));
    T_TRUE(slows_down(NET_MS(80), NET_MS(90), ALL));
    T_FALSE(slows_down(NET_MS(8), NET_MS(12) - 1, ALL)); /* at least 4 ms */
    T_TRUE(slows_down(NET_MS(8), NET_MS(12), ALL));
    T_FALSE(slows_down(NET_MS(400), NET_MS(416) - 1, ALL)); /* at most 16 ms */
    T_TRUE(slows_down(NET_MS(400), NET_MS(416), ALL));
}

static void test_cc_hystart_wants_eight_samples(void)
{
    T_FALSE(slows_down(NET_MS(80), NET_MS(200), 7));
    T_TRUE(slows_down(NET_MS(80), NET_MS(200), 8));
}

/* The shortest of the round counts: one packet without a queue is proof enough. */
static void test_cc_hystart_compares_minima(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(80));
    round_of(&p, NET_MS(80), ALL);
    for (int i = 0; i < 20; i++)
        path_ack_rtt(&p, PATH_MSS, i == 3 ? NET_MS(81) : NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 40 * PATH_MSS);
    round_of(&p, NET_MS(81), ALL);
    T_EQ(p.cc.cwnd_bytes, 80 * PATH_MSS);
}

/* In CSS a quarter of the growth, for five rounds of which the first is a part; then congestion
 * avoidance, without any loss. */
static void test_cc_hystart_leaves_after_five_rounds(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(40));
    round_of(&p, NET_MS(40), ALL);
    for (int i = 0; i < 8; i++) { /* the eighth sample of the round */
        T_EQ(p.cc.cwnd_bytes, (uint32_t)(20 + i) * PATH_MSS);
        path_ack_rtt(&p, PATH_MSS, NET_MS(60));
    }
    T_EQ(p.cc.cwnd_bytes, 27 * PATH_MSS + PATH_MSS / 4);
    for (int i = 0; i < 10; i++) /* ten ACKs of two bytes are worth five */
        path_ack_rtt(&p, 2, 0);
    T_EQ(p.cc.cwnd_bytes, 27 * PATH_MSS + PATH_MSS / 4 + 5);
    p.cc.cwnd_bytes -= 5;
    for (int i = 0; i < 12; i++) /* the rest of that round */
        path_ack_rtt(&p, PATH_MSS, NET_MS(60));
    T_EQ(p.cc.cwnd_bytes, 30 * PATH_MSS + PATH_MSS / 4);
    for (int r = 2; r <= 5; r++) {
        uint32_t cwnd = p.cc.cwnd_bytes;

        T_TRUE(in_slow_start(&p));
        round_of(&p, NET_MS(60), ALL);
        T_TRUE(p.cc.cwnd_bytes <= cwnd + cwnd / 4);
        T_TRUE(p.cc.cwnd_bytes + 2 * PATH_MSS >= cwnd + cwnd / 4);
    }
    path_ack(&p, PATH_MSS);
    path_ack(&p, PATH_MSS);
    T_FALSE(in_slow_start(&p));
    T_TRUE(p.cc.ssthresh_bytes < 80 * PATH_MSS);
}

/* RTTs become short again: it was not a queue. */
static void test_cc_hystart_resumes_when_it_was_jitter(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(40));
    round_of(&p, NET_MS(40), ALL);
    round_of(&p, NET_MS(60), ALL);
    uint32_t cwnd = p.cc.cwnd_bytes, segs = cwnd / PATH_MSS;

    T_TRUE(segs < 40);
    for (uint32_t i = 0; i < 4; i++) /* not with fewer than eight samples */
        path_ack_rtt(&p, PATH_MSS, NET_MS(50));
    T_TRUE(p.cc.cwnd_bytes < cwnd + 2 * PATH_MSS);
    round_of(&p, NET_MS(50), ALL);
    cwnd = p.cc.cwnd_bytes;
    round_of(&p, NET_MS(50), ALL);
    T_TRUE(p.cc.cwnd_bytes >= 2 * cwnd - PATH_MSS);
    for (int r = 0; r < 6; r++)
        round_of(&p, NET_MS(50), ALL);
    T_TRUE(in_slow_start(&p));
    for (int r = 0; r <= 4; r++) /* one to notice, and the next time it has its five rounds again */
        round_of(&p, NET_MS(70), ALL);
    for (uint32_t i = p.cc.cwnd_bytes / PATH_MSS / 2; i > 0; i--)
        path_ack_rtt(&p, PATH_MSS, NET_MS(70));
    T_TRUE(in_slow_start(&p));
    round_of(&p, NET_MS(70), ALL);
    T_FALSE(in_slow_start(&p));
}

/* An ACK of many segments counts for up to eight; one of a part of a segment for what it is. */
static void test_cc_hystart_limits_what_an_ack_can_do(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(40));
    path_ack(&p, 2 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 12 * PATH_MSS);
    path_ack(&p, 12 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 20 * PATH_MSS);
    path_ack(&p, 100);
    T_EQ(p.cc.cwnd_bytes, 20 * PATH_MSS + 100);
    p.cc.is_paced = true; /* no burst follows: L is infinite */
    path_ack(&p, 12 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 32 * PATH_MSS + 100);
}

/* REQ: TCP-5681-3.1-5 */
static void test_cc_hystart_off_is_standard_slow_start(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(40));
    p.options.hystart = false;
    p.cc.cwnd_bytes = 10 * PATH_MSS;
    p.cc.ops->init(&p.cc);
    path_ack(&p, 2 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 11 * PATH_MSS);
    round_of(&p, NET_MS(40), ALL);
    round_of(&p, NET_MS(80), ALL);
    round_of(&p, NET_MS(160), ALL);
    T_EQ(p.cc.cwnd_bytes, 88 * PATH_MSS);
}

/* Only the first slow start: the ones after a loss know where to end. A loss that was none does not
 * count. */
static void test_cc_hystart_is_for_the_first_slow_start(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(40));
    round_of(&p, NET_MS(40), ALL);
    uint32_t ssthresh = p.cc.ssthresh_bytes;

    path_loss(&p, CC_LOSS_TIMEOUT, 20 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, PATH_MSS);
    path_ack(&p, 4 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 2 * PATH_MSS); /* L is 1 now */
    p.cc.cwnd_bytes = 20 * PATH_MSS;
    p.cc.ssthresh_bytes = ssthresh;
    p.cc.ops->undo(&p.cc);
    path_ack(&p, 4 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 24 * PATH_MSS);
}

static void test_cc_hystart_sees_rtts_of_a_flow_that_is_not_limited(void)
{
    struct path p;

    path_begin(&p, "cubic", NET_MS(40));
    p.in_flight_limit = 1;
    for (int i = 0; i < 100; i++)
        path_ack(&p, PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 10 * PATH_MSS);
}

T_MAIN("cc_hystart", T(test_cc_hystart_threshold_is_an_eighth_within_its_bounds),
       T(test_cc_hystart_wants_eight_samples), T(test_cc_hystart_compares_minima),
       T(test_cc_hystart_leaves_after_five_rounds), T(test_cc_hystart_resumes_when_it_was_jitter),
       T(test_cc_hystart_limits_what_an_ack_can_do), T(test_cc_hystart_off_is_standard_slow_start),
       T(test_cc_hystart_is_for_the_first_slow_start),
       T(test_cc_hystart_sees_rtts_of_a_flow_that_is_not_limited))
