#include "flow.h"

enum { MSS = FLOW_MSS };

/* Ten segments in flight, the first byte has number 1; @queued segments in all. */
static int ten_in_flight(struct peer *k, uint32_t queued)
{
    int sd = flow_open(k);

    flow_write(k, sd, 1, queued * MSS);
    T_EQ(flow_take(k, 1, NULL), 1 + 10 * MSS);
    return sd;
}

static void duplicates(struct peer *k, uint32_t ack, int n)
{
    for (int i = 0; i < n; i++)
        flow_ack(k, ack, 65535);
}

/* REQ: TCP-5681-3.2-4 TCP-5681-3.2-5 TCP-5681-3.2-6 TCP-6582-3.2-3 */
static void test_recovery_of_one_lost_segment(void)
{
    struct peer k;

    flow_begin_reno(&k);
    ten_in_flight(&k, 40);
    duplicates(&k, 1, 2);
    T_EQ(flow_take(&k, 1 + 10 * MSS, NULL), 1 + 12 * MSS); /* limited transmit */
    duplicates(&k, 1, 1);
    expect_data(&k, ".", 1, MSS, 0);
    T_EQ(flow_status(&k).ssthresh, 5 * MSS);
    T_EQ(flow_status(&k).cwnd, 8 * MSS);
    duplicates(&k, 1, 4); /* cwnd 12, as much as is in flight */
    expect_nothing(&k, 0);
    T_EQ(flow_status(&k).cwnd, 12 * MSS);
    for (uint32_t i = 12; i < 16; i++) { /* from now on each lets a new one go */
        duplicates(&k, 1, 1);
        expect_data(&k, ".", 1 + i * MSS, MSS, 0);
        expect_nothing(&k, 0);
    }
    flow_ack(&k, 1 + 12 * MSS, 65535); /* all that was sent when the loss was noticed */
    T_EQ(flow_status(&k).cwnd, 5 * MSS);
    T_EQ(flow_take(&k, 1 + 16 * MSS, NULL), 1 + 17 * MSS);
    peer_end(&k);
}
TWICE(test_recovery_of_one_lost_segment)

/* REQ: TCP-6582-3.2-3 */
static void test_recovery_ends_without_a_burst(void)
{
    struct peer k;
    uint32_t segs;

    flow_begin_reno(&k);
    int sd = ten_in_flight(&k, 10);

    duplicates(&k, 1, 3);
    expect_data(&k, ".", 1, MSS, 0);
    flow_ack(&k, 1 + 10 * MSS, 65535); /* nothing is in flight any more: max(0, MSS) + MSS */
    T_EQ(flow_status(&k).cwnd, 2 * MSS);
    flow_write(&k, sd, 1 + 10 * MSS, 20 * MSS);
    flow_take(&k, 1 + 10 * MSS, &segs);
    T_EQ(segs, 2);
    peer_end(&k);
}

/* REQ: TCP-6582-3.2-1 TCP-6582-3.2-4 */
static void test_recovery_of_two_lost_segments_without_a_timeout(void)
{
    struct peer k;

    flow_begin_reno(&k);
    ten_in_flight(&k, 10);
    duplicates(&k, 1, 3);
    expect_data(&k, ".", 1, MSS, 0);
    duplicates(&k, 1, 5);
    T_EQ(flow_status(&k).cwnd, 13 * MSS);
    flow_ack(&k, 1 + 4 * MSS, 65535); /* the fifth is lost too: 13 - 4 + 1 */
    expect_data(&k, ".", 1 + 4 * MSS, MSS, 0);
    T_EQ(flow_status(&k).cwnd, 10 * MSS);
    T_EQ(flow_status(&k).ssthresh, 5 * MSS); /* one loss event */
    flow_ack(&k, 1 + 9 * MSS, 65535);        /* and the last */
    expect_data(&k, "P.", 1 + 9 * MSS, MSS, 0);
    flow_ack(&k, 1 + 10 * MSS, 65535);
    T_EQ(flow_status(&k).cwnd, 2 * MSS);
    expect_nothing(&k, NET_SEC(10));
    peer_end(&k);
}
TWICE(test_recovery_of_two_lost_segments_without_a_timeout)

/* REQ: TCP-6582-3.2-5 */
static void test_recovery_first_partial_ack_restarts_the_timer_later_ones_do_not(void)
{
    struct peer k;

    flow_begin_reno(&k);
    ten_in_flight(&k, 10);
    peer_advance(&k, NET_MS(100));
    duplicates(&k, 1, 3);
    expect_data(&k, ".", 1, MSS, 0);
    flow_ack(&k, 1 + 2 * MSS, 65535); /* at 100 ms: RTO 200 ms from here */
    expect_data(&k, ".", 1 + 2 * MSS, MSS, 0);
    net_time rto = flow_status(&k).rto;

    peer_advance(&k, rto - NET_MS(50));
    flow_ack(&k, 1 + 3 * MSS, 65535);
    expect_data(&k, ".", 1 + 3 * MSS, MSS, 0);
    expect_data(&k, ".", 1 + 3 * MSS, MSS, NET_MS(50));
    T_EQ(flow_status(&k).cwnd, MSS);
    peer_end(&k);
}

/* REQ: TCP-5681-2-1 */
static void test_recovery_only_real_duplicates_count(void)
{
    struct peer k;

    flow_begin_reno(&k); /* the window changes */
    ten_in_flight(&k, 10);
    for (uint16_t i = 1; i <= 6; i++)
        flow_ack(&k, 1, (uint16_t)(65535 - i));
    expect_nothing(&k, 0);
    T_EQ(flow_status(&k).cwnd, 10 * MSS);
    peer_end(&k);

    flow_begin_reno(&k); /* they carry data */
    ten_in_flight(&k, 10);
    for (uint32_t i = 1; i <= 6; i++) {
        flow_say(&k, i, 1);
        expect_tcp(&k, .flags = ".", .seq = 1 + 10 * MSS, .ack = i + 1);
    }
    T_EQ(flow_status(&k).cwnd, 10 * MSS);
    peer_end(&k);

    flow_begin_reno(&k); /* nothing is outstanding */
    flow_open(&k);
    duplicates(&k, 1, 6);
    expect_nothing(&k, 0);
    T_EQ(flow_status(&k).cwnd, 10 * MSS);
    peer_end(&k);
}

/* REQ: TCP-6582-3.2-2 */
static void test_recovery_duplicates_of_the_old_flight_do_not_start_another(void)
{
    struct peer k;
    uint32_t after = 1 + 10 * MSS;

    flow_begin_reno(&k);
    ten_in_flight(&k, 40);
    flow_ack(&k, 1, 10 * MSS); /* a window that leaves no room for limited transmit */
    for (int i = 0; i < 3; i++)
        flow_ack(&k, 1, 10 * MSS);
    expect_data(&k, ".", 1, MSS, 0);
    flow_ack(&k, after, 10 * MSS);
    uint32_t sent = flow_take(&k, after, NULL), ssthresh = flow_status(&k).ssthresh;

    T_TRUE(sent > after);
    for (int i = 0; i < 5; i++)
        flow_ack(&k, after, 10 * MSS); /* ACK - 1 = recover: not more than it */
    T_EQ(flow_status(&k).ssthresh, ssthresh);
    while (peer_next(&k) != NULL)
        T_TRUE(k.last.seq - k.h_iss >= sent); /* new data only */
    peer_end(&k);
}

/* After a timeout, duplicates of what was sent before it start no fast retransmit. */
/* REQ: TCP-6582-3.2-6 TCP-6582-4-1 */
static void test_recovery_timeout_sets_recover(void)
{
    struct peer k;

    flow_begin_reno(&k);
    ten_in_flight(&k, 10);
    duplicates(&k, 1, 3);
    expect_data(&k, ".", 1, MSS, 0);
    expect_data(&k, ".", 1, MSS, NET_MS(200));
    T_EQ(flow_status(&k).cwnd, MSS);
    duplicates(&k, 1, 6);
    expect_nothing(&k, 0);
    T_EQ(flow_status(&k).cwnd, MSS); /* neither entered nor inflated */
    flow_ack(&k, 1 + 5 * MSS, 65535);
    T_EQ(flow_take(&k, 1 + 5 * MSS, NULL), 1 + 7 * MSS);
    duplicates(&k, 1 + 5 * MSS, 3);
    T_EQ(flow_status(&k).cwnd, 2 * MSS);
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_recovery_timeout_sets_recover)

/* REQ: TCP-5681-4.3-1 */
static void test_recovery_again_in_the_next_window(void)
{
    struct peer k;
    uint32_t sent;

    flow_begin_reno(&k);
    ten_in_flight(&k, 60);
    for (int i = 0; i < 3; i++)
        flow_ack(&k, 1, 65535);
    sent = 1 + 12 * MSS;
    peer_forget(&k);
    flow_ack(&k, sent, 65535);
    T_EQ(flow_take(&k, sent, NULL), sent + 2 * MSS);
    flow_ack(&k, sent + MSS, 65535); /* beyond recover */
    uint32_t before = flow_status(&k).ssthresh;

    duplicates(&k, sent + MSS, 3);
    T_TRUE(flow_status(&k).ssthresh < before);
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("tcp_recovery", T_TWICE(test_recovery_of_one_lost_segment),
       T(test_recovery_ends_without_a_burst),
       T_TWICE(test_recovery_of_two_lost_segments_without_a_timeout),
       T(test_recovery_first_partial_ack_restarts_the_timer_later_ones_do_not),
       T(test_recovery_only_real_duplicates_count),
       T(test_recovery_duplicates_of_the_old_flight_do_not_start_another),
       T_TWICE(test_recovery_timeout_sets_recover), T(test_recovery_again_in_the_next_window))
