/* What test_tcp_options.c leaves: round trips, echoes under delay, a whole life, a wrapped window. */
#include "flow.h"

enum { MSS = FLOW_MSS };

static int open_ts(struct peer *k)
{
    return flow_open_with(k, "mss 1460,nop,nop,TS", 0);
}

/* REQ: TCP-7323-3.2-2 TCP-7323-A-1 */
static void test_timestamps_on_every_segment(void)
{
    struct peer k;
    static const char *const opts = "nop,nop,TS";

    peer_begin(&k);
    int sd = open_ts(&k);

    flow_write(&k, sd, 1, 2000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = 1448, .opts = opts);
    flow_ack(&k, 1449, 65535);
    expect_tcp(&k, .flags = "P.", .seq = 1449, .ack = 1, .len = 552, .opts = opts);
    expect_tcp(&k, .flags = "P.", .seq = 1449, .ack = 1, .len = 552, .opts = opts,
               .after = NET_MS(200));
    flow_ack(&k, 2001, 0);
    flow_say(&k, 1, 10);
    expect_tcp(&k, .flags = ".", .seq = 2001, .ack = 11, .opts = opts);
    say(&k, .flags = ".", .seq = 11, .ack = 2001, .win = 0);
    flow_write(&k, sd, 2001, 10);
    expect_tcp(&k, .flags = ".", .seq = 2000, .ack = 11, .opts = opts,
               .after = flow_status(&k).rto);
    say(&k, .flags = ".", .seq = 11, .ack = 2001, .win = 1000);
    expect_tcp(&k, .flags = "P.", .seq = 2001, .ack = 11, .len = 10, .opts = opts);
    flow_read(&k, sd, 1, 10);
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    expect_tcp(&k, .flags = "F.", .seq = 2011, .ack = 11, .opts = opts);
    say(&k, .flags = "F.", .seq = 11, .ack = 2012, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 2012, .ack = 12, .opts = opts);
    expect_state(&k, "TIME_WAIT");
    say(&k, .flags = "F.", .seq = 11, .ack = 2012, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 2012, .ack = 12, .opts = opts);
    peer_end(&k);
}
TWICE(test_timestamps_on_every_segment)

/* REQ: TCP-7323-4.3-1 */
static void test_timestamps_delayed_ack_echoes_the_earliest(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = open_ts(&k);
    uint32_t seq = flow_warm(&k, sd);

    k.tsval = 2000;
    flow_say(&k, seq, 100);
    peer_advance(&k, NET_MS(5));
    k.tsval = 2005;
    flow_say(&k, seq + 100, 100);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 200);
    T_EQ(k.last.tsecr, 2000);
    peer_end(&k);
}
TWICE(test_timestamps_delayed_ack_echoes_the_earliest)

/* REQ: TCP-7323-4.1-1 */
static void test_timestamps_of_duplicates_are_no_samples(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(100), "mss 1460,nop,nop,TS");
    struct tcp_status before = flow_status(&k), after;

    flow_write(&k, sd, 1, 5 * 1448);
    T_EQ(flow_take(&k, 1, NULL), 1 + 5 * 1448);
    peer_advance(&k, NET_MS(250));
    flow_ack(&k, 1, 65535);
    flow_ack(&k, 1, 65535);
    after = flow_status(&k);
    T_EQ(after.srtt, before.srtt);
    T_EQ(after.rttvar, before.rttvar);
    peer_end(&k);
}
TWICE(test_timestamps_of_duplicates_are_no_samples)

/* A hundred ACKs in a round trip do not make the estimate forget a hundred times as fast. */
/* REQ: TCP-7323-4.2-1 */
static void test_timestamps_many_acks_in_a_round_trip(void)
{
    struct peer k;
    uint32_t sent, acked = 1;

    peer_begin(&k);
    int sd = flow_connect(&k, NET_MS(400), "mss 1460,nop,nop,TS");

    flow_write(&k, sd, 1, 10 * 1448);
    sent = flow_take(&k, 1, NULL);
    T_EQ(sent, 1 + 10 * 1448);
    peer_advance(&k, NET_MS(100)); /* one shorter round trip: a sample of 100 ms, not many */
    for (; acked < sent - 144; acked += 144)
        flow_ack(&k, acked + 144, 65535);
    T_EQ(flow_status(&k).srtt, (NET_MS(400) * 7 + NET_MS(100)) / 8);
    peer_end(&k);
}

/* An old duplicate whose number fits the window again, 4 GiB later. */
/* REQ: TCP-7323-5.3-1 */
static void test_timestamps_tell_old_duplicates(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = open_ts(&k);

    k.tsval = 5000;
    flow_say(&k, 1, 100);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 101);
    k.tsval = 4999;
    say(&k, .flags = "P.", .seq = 101, .ack = 1, .win = 65535, .len = 100);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 101);
    T_EQ(peer_drops(&k, V_DROP_TCP_PAWS), 1);
    k.tsval = 5000; /* equal is not old */
    flow_say(&k, 101, 100);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 201);
    flow_read(&k, sd, 1, 200);
    peer_end(&k);
}
TWICE(test_timestamps_tell_old_duplicates)

/* An ACK whose timestamp is too old moves nothing either. */
/* REQ: TCP-7323-5.3-1 */
static void test_timestamps_old_ack_is_not_heeded(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = open_ts(&k);

    flow_write(&k, sd, 1, 100);
    expect_data(&k, "P.", 1, 100, 0);
    k.tsval -= 1;
    flow_ack(&k, 101, 65535);
    T_EQ(flow_status(&k).in_flight, 100);
    peer_forget(&k);
    k.tsval += 1;
    flow_ack(&k, 101, 65535);
    T_EQ(flow_status(&k).in_flight, 0);
    peer_end(&k);
}

T_MAIN("tcp_timestamps", T_TWICE(test_timestamps_on_every_segment),
       T_TWICE(test_timestamps_delayed_ack_echoes_the_earliest),
       T_TWICE(test_timestamps_of_duplicates_are_no_samples),
       T(test_timestamps_many_acks_in_a_round_trip), T_TWICE(test_timestamps_tell_old_duplicates),
       T(test_timestamps_old_ack_is_not_heeded))
