#include "flow.h"

enum { MSS = FLOW_MSS };

/* A connection whose largest window ever offered is @max. */
static int small_peer(struct peer *k, uint16_t max)
{
    int listener = peer_listen(k, 0);

    say(k, .flags = "S", .win = max, .opts = "mss 1460");
    expect_tcp(k, .flags = "S.", .ack = 1);
    flow_ack(k, 1, max);
    int sd = peer_accept(k, listener);

    flow_ack(k, 1, 0);
    expect_nothing(k, 0);
    return sd;
}

/* REQ: TCP-MUST-38 */
static void test_sws_sender_waits_for_a_full_segment(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = small_peer(&k, 10000);

    flow_write(&k, sd, 1, 5000);
    for (uint16_t win = 50; win < MSS; win += 50)
        flow_ack(&k, 1, win);
    expect_nothing(&k, 0);
    flow_ack(&k, 1, MSS);
    expect_data(&k, ".", 1, MSS, 0);
    expect_nothing(&k, 0);
    peer_end(&k);
}
TWICE(test_sws_sender_waits_for_a_full_segment)

/* REQ: TCP-MUST-38 */
static void test_sws_sender_takes_half_of_the_largest_window(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = small_peer(&k, 1000);

    flow_write(&k, sd, 1, 5000);
    flow_ack(&k, 1, 499);
    expect_nothing(&k, 0);
    flow_ack(&k, 1, 500);
    expect_data(&k, ".", 1, 500, 0);
    peer_end(&k);
}
TWICE(test_sws_sender_takes_half_of_the_largest_window)

/* REQ: TCP-MUST-38 */
static void test_sws_sender_sends_all_there_is(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = small_peer(&k, 10000);

    flow_write(&k, sd, 1, 50);
    flow_ack(&k, 1, 49);
    expect_nothing(&k, 0);
    flow_ack(&k, 1, 50);
    expect_data(&k, "P.", 1, 50, 0);
    peer_end(&k);
}
TWICE(test_sws_sender_sends_all_there_is)

/* The override timer: what fits goes all the same, before a second is over. */
/* REQ: TCP-MUST-38 */
static void test_sws_sender_does_not_wait_for_ever(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = small_peer(&k, 10000);

    flow_write(&k, sd, 1, 5000);
    flow_ack(&k, 1, 50);
    expect_data(&k, ".", 1, 50, NET_MS(200));
    expect_nothing(&k, 0);
    peer_end(&k);
}
TWICE(test_sws_sender_does_not_wait_for_ever)

/* REQ: TCP-MUST-39 */
static void test_sws_receiver_opens_by_a_segment(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460", 10000);

    for (uint32_t seq = 1; seq < 10001; seq += 1000)
        flow_say(&k, seq, 1000);
    peer_forget(&k);
    for (uint32_t read = 1; read < MSS; read++) {
        T_NEED(peer_recv(&k, sd) == 1);
        peer_settle(&k);
        if (read % 100 != 0)
            continue;
        expect_nothing(&k, NET_MS(100));
        flow_say(&k, 10001, 1); /* asked, too, it is shut */
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 10001, .win = PEER_WIN_0);
    }
    expect_nothing(&k, NET_SEC(10));
    T_NEED(peer_recv(&k, sd) == 1);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 10001, .win = MSS);
    peer_end(&k);
}
TWICE(test_sws_receiver_opens_by_a_segment)

/* REQ: TCP-MUST-39 */
static void test_sws_receiver_opens_by_half_of_a_small_buffer(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460", 1000);

    flow_say(&k, 1, 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1001, .win = PEER_WIN_0);
    for (int i = 0; i < 499; i++)
        T_NEED(peer_recv(&k, sd) == 1);
    expect_nothing(&k, NET_SEC(10));
    T_NEED(peer_recv(&k, sd) == 1);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1001, .win = 500);
    peer_end(&k);
}
TWICE(test_sws_receiver_opens_by_half_of_a_small_buffer)

/* REQ: TCP-SHLD-28 */
static void test_sws_sender_makes_full_segments_of_odd_writes(void)
{
    struct peer k;
    uint32_t total = 0, seq = 1;

    peer_begin(&k);
    int sd = small_peer(&k, 65535);

    for (uint32_t piece = 1; total < 10 * MSS - 700; total += piece, piece = (piece * 7) % 701)
        flow_write(&k, sd, 1 + total, piece);
    flow_ack(&k, 1, 65535);
    for (; total >= MSS; total -= MSS, seq += MSS)
        expect_data(&k, total == MSS ? "P." : ".", seq, MSS, 0);
    flow_ack(&k, seq, 65535);
    expect_data(&k, "P.", seq, total, 0);
    peer_end(&k);
}
TWICE(test_sws_sender_makes_full_segments_of_odd_writes)

T_MAIN("tcp_sws", T_TWICE(test_sws_sender_waits_for_a_full_segment),
       T_TWICE(test_sws_sender_takes_half_of_the_largest_window),
       T_TWICE(test_sws_sender_sends_all_there_is), T_TWICE(test_sws_sender_does_not_wait_for_ever),
       T_TWICE(test_sws_receiver_opens_by_a_segment),
       T_TWICE(test_sws_receiver_opens_by_half_of_a_small_buffer),
       T_TWICE(test_sws_sender_makes_full_segments_of_odd_writes))
