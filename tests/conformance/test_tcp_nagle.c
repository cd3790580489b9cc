#include "flow.h"

enum { MSS = FLOW_MSS };

/* REQ: TCP-SHLD-7 TCP-SHLD-27 */
static void test_nagle_joins_small_writes(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    for (uint32_t seq = 1; seq <= 10; seq++)
        flow_write(&k, sd, seq, 1);
    expect_data(&k, "P.", 1, 1, 0);
    expect_nothing(&k, NET_MS(100));
    flow_ack(&k, 2, 65535);
    expect_data(&k, "P.", 2, 9, 0); /* one segment, one PSH */
    flow_ack(&k, 11, 65535);
    expect_nothing(&k, NET_SEC(10));
    peer_end(&k);
}
TWICE(test_nagle_joins_small_writes)

/* REQ: TCP-SHLD-7 */
static void test_nagle_lets_full_segments_go(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    flow_write(&k, sd, 11, MSS + 5);
    expect_data(&k, ".", 11, MSS, 0);
    expect_nothing(&k, 0);
    flow_ack(&k, 11 + MSS, 65535);
    expect_data(&k, "P.", 11 + MSS, 5, 0);
    peer_end(&k);
}
TWICE(test_nagle_lets_full_segments_go)

/* REQ: TCP-MUST-17 */
static void test_nagle_off(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_NODELAY, 1);
    for (uint32_t seq = 1; seq <= 10; seq++) {
        flow_write(&k, sd, seq, 1);
        expect_data(&k, "P.", seq, 1, 0);
    }
    peer_end(&k);
}
TWICE(test_nagle_off)

/* Switched off while it holds something back: that goes now. */
/* REQ: TCP-MUST-17 */
static void test_nagle_switched_off_sends_what_waits(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 1);
    flow_write(&k, sd, 2, 5);
    expect_data(&k, "P.", 1, 1, 0);
    expect_nothing(&k, 0);
    flow_setopt(&k, sd, SOCK_OPT_NODELAY, 1);
    expect_data(&k, "P.", 2, 5, 0);
    peer_end(&k);
}

/* A FIN takes the rest with it. */
static void test_nagle_does_not_hold_the_end_back(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 1);
    flow_write(&k, sd, 2, 5);
    expect_data(&k, "P.", 1, 1, 0);
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    expect_data(&k, "FP.", 2, 5, 0);
    peer_end(&k);
}

/* REQ: TCP-MUST-60 */
static void test_nagle_idle_write_leaves_at_once(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    peer_end(&k);
}

/* REQ: TCP-MUST-61 */
static void test_nagle_push_on_the_last_segment(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_NODELAY, 1);
    flow_write(&k, sd, 1, 3000);
    expect_data(&k, ".", 1, MSS, 0);
    expect_data(&k, ".", 1 + MSS, MSS, 0);
    expect_data(&k, "P.", 1 + 2 * MSS, 80, 0);
    peer_end(&k);
}
TWICE(test_nagle_push_on_the_last_segment)

/* Writes behind a shut window: one PSH, at their end. */
/* REQ: TCP-SHLD-27 TCP-SHLD-28 */
static void test_nagle_one_push_for_many_writes(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_ack(&k, 1, 0);
    for (uint32_t i = 0; i < 20; i++)
        flow_write(&k, sd, 1 + i * 100, 100);
    flow_ack(&k, 1, 65535);
    expect_data(&k, ".", 1, MSS, 0);
    flow_ack(&k, 1 + MSS, 65535);
    expect_data(&k, "P.", 1 + MSS, 2000 - MSS, 0);
    peer_end(&k);
}

/* "More follows": aggregated, but not for ever. */
/* REQ: TCP-MAY-15 TCP-MAY-16 TCP-MUST-60 */
static void test_nagle_unpushed_writes_leave_in_time(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    T_EQ(sock_send(net_socks(&k.net), sd, flow_bytes(1, 10), 10, SOCK_MSG_MORE), 10);
    expect_nothing(&k, NET_MS(10));
    T_EQ(sock_send(net_socks(&k.net), sd, flow_bytes(11, 10), 10, SOCK_MSG_MORE), 10);
    expect_data(&k, ".", 1, 20, NET_MS(190));
    flow_ack(&k, 21, 65535);
    T_EQ(sock_send(net_socks(&k.net), sd, flow_bytes(21, 10), 10, SOCK_MSG_MORE), 10);
    expect_nothing(&k, NET_MS(10));
    flow_write(&k, sd, 31, 10); /* without: all goes */
    expect_data(&k, "P.", 21, 20, 0);
    peer_end(&k);
}

/* A write that did not fit: what was taken leaves although its end may never come. */
/* REQ: TCP-MUST-60 */
static void test_nagle_half_of_a_write_leaves_in_time(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_SNDBUF, 2000);
    T_EQ(sock_send(net_socks(&k.net), sd, flow_bytes(1, 5000), 5000, 0), 2000);
    expect_data(&k, ".", 1, MSS, 0);
    flow_ack(&k, 1 + MSS, 65535);
    expect_data(&k, ".", 1 + MSS, 2000 - MSS, NET_MS(200));
    peer_end(&k);
}

T_MAIN("tcp_nagle", T_TWICE(test_nagle_joins_small_writes),
       T_TWICE(test_nagle_lets_full_segments_go), T_TWICE(test_nagle_off),
       T(test_nagle_switched_off_sends_what_waits), T(test_nagle_does_not_hold_the_end_back),
       T(test_nagle_idle_write_leaves_at_once), T_TWICE(test_nagle_push_on_the_last_segment),
       T(test_nagle_one_push_for_many_writes), T(test_nagle_unpushed_writes_leave_in_time),
       T(test_nagle_half_of_a_write_leaves_in_time))
