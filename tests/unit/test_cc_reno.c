#include "cc_path.h"

/* REQ: TCP-5681-3.1-5 TCP-5681-3.1-4 */
static void test_cc_reno_slow_start_adds_at_most_a_segment_for_an_ack(void)
{
    struct path p;

    path_begin(&p, "reno", NET_MS(100));
    T_TRUE(p.cc.ssthresh_bytes >= 1u << 30);
    path_ack(&p, 4 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 11 * PATH_MSS);
    path_ack(&p, 100);
    T_EQ(p.cc.cwnd_bytes, 11 * PATH_MSS + 100);
}

/* REQ: TCP-5681-3.1-6 */
static void test_cc_reno_adds_a_segment_in_a_round_trip(void)
{
    struct path p;

    path_begin(&p, "reno", NET_MS(100));
    p.cc.cwnd_bytes = 40 * PATH_MSS;
    path_loss(&p, CC_LOSS_FAST, 40 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 20 * PATH_MSS);
    for (uint32_t r = 1; r <= 20; r++) {
        path_round(&p);
        T_EQ(p.cc.cwnd_bytes, (20 + r) * PATH_MSS);
    }
    path_ack(&p, 39 * PATH_MSS); /* what is more than a window counts for the next step */
    path_ack(&p, 5 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 41 * PATH_MSS);
    path_ack(&p, 38 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 42 * PATH_MSS);
}

/* REQ: TCP-5681-3.1-7 TCP-5681-3.1-9 */
static void test_cc_reno_halves_the_flight(void)
{
    struct path p;

    path_begin(&p, "reno", NET_MS(100));
    p.cc.cwnd_bytes = 100 * PATH_MSS;
    path_loss(&p, CC_LOSS_ECN, 30 * PATH_MSS);
    T_EQ(p.cc.ssthresh_bytes, 15 * PATH_MSS);
    path_loss(&p, CC_LOSS_TIMEOUT, 3 * PATH_MSS);
    T_EQ(p.cc.ssthresh_bytes, 2 * PATH_MSS);
    p.cc.ssthresh_bytes = 7 * PATH_MSS;
    struct cc_loss again = {
        .in_flight_bytes = 2 * PATH_MSS, .kind = CC_LOSS_TIMEOUT, .is_again = true};

    p.cc.ops->loss(&p.cc, &again);
    T_EQ(p.cc.ssthresh_bytes, 7 * PATH_MSS);
}

static void test_cc_reno_grows_only_when_used_and_not_in_recovery(void)
{
    struct path p;

    path_begin(&p, "reno", NET_MS(100));
    p.in_flight_limit = 1;
    path_round(&p);
    p.in_flight_limit = 0;
    p.in_recovery = true;
    path_round(&p);
    T_EQ(p.cc.cwnd_bytes, 10 * PATH_MSS);
}

/* REQ: TCP-5681-4.1-1 */
static void test_cc_reno_restarts_after_idling(void)
{
    struct path p;

    path_begin(&p, "reno", NET_MS(100));
    p.cc.cwnd_bytes = 100 * PATH_MSS;
    path_idle(&p, NET_MS(300), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 100 * PATH_MSS);
    p.options.idle_restart = false;
    path_idle(&p, NET_MS(301), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 100 * PATH_MSS);
    p.options.idle_restart = true;
    path_idle(&p, NET_MS(301), NET_MS(300));
    T_EQ(p.cc.cwnd_bytes, 10 * PATH_MSS);
}

static void test_cc_reno_undo_begins_a_step_anew(void)
{
    struct path p;

    path_begin(&p, "reno", NET_MS(100));
    p.cc.ssthresh_bytes = 5 * PATH_MSS;
    path_ack(&p, 9 * PATH_MSS);
    p.cc.ops->undo(&p.cc);
    path_ack(&p, 9 * PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 10 * PATH_MSS);
    path_ack(&p, PATH_MSS);
    T_EQ(p.cc.cwnd_bytes, 11 * PATH_MSS);
}

T_MAIN("cc_reno", T(test_cc_reno_slow_start_adds_at_most_a_segment_for_an_ack),
       T(test_cc_reno_adds_a_segment_in_a_round_trip), T(test_cc_reno_halves_the_flight),
       T(test_cc_reno_grows_only_when_used_and_not_in_recovery),
       T(test_cc_reno_restarts_after_idling), T(test_cc_reno_undo_begins_a_step_anew))
