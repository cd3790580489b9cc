#include "flow.h"

enum { MSS = FLOW_MSS };

/* After a pause longer than an RTO the peer's window begins small again: each ACK lets it grow. */
static void test_delack_none_after_a_pause(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);
    uint32_t seq = flow_warm(&k, sd);

    for (int pause = 0; pause < 2; pause++) {
        flow_say(&k, seq, 100);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 100, .after = NET_MS(40));
        peer_advance(&k, NET_SEC(1));
        seq += 100;
        for (int i = 0; i < FLOW_QUICK; i++, seq++) {
            flow_say(&k, seq, 1);
            expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 1);
        }
    }
    peer_end(&k);
}
TWICE(test_delack_none_after_a_pause)

/* The user can ask for it, and for the contrary (TCP_QUICKACK): of the moment, not for ever. */
static void test_delack_as_the_user_wants(void)
{
    struct peer k;
    int64_t on = 1;

    peer_begin(&k);
    int sd = flow_open(&k);
    struct socks *s = net_socks(&k.net);

    T_EQ(sock_getopt(s, sd, SOCK_OPT_QUICKACK, &on), 0);
    T_EQ(on, 1);
    T_EQ(sock_setopt(s, sd, SOCK_OPT_QUICKACK, 0), 0);
    T_EQ(sock_getopt(s, sd, SOCK_OPT_QUICKACK, &on), 0);
    T_EQ(on, 0);
    flow_say(&k, 1, 100);
    expect_nothing(&k, NET_MS(20));
    T_EQ(sock_setopt(s, sd, SOCK_OPT_QUICKACK, 1), 0); /* what is owed is paid */
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 101);
    for (uint32_t i = 0; i < FLOW_QUICK - 1; i++) {
        flow_say(&k, 101 + i, 1);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 102 + i);
    }
    flow_say(&k, 100 + FLOW_QUICK, 1);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 101 + FLOW_QUICK, .after = NET_MS(40));
    peer_end(&k);
}
TWICE(test_delack_as_the_user_wants)

/* REQ: TCP-MUST-58 */
static void test_delack_one_for_a_burst(void)
{
    struct peer k;

    peer_begin(&k);
    flow_open(&k);
    k.is_held = true;
    for (uint32_t i = 0; i < 5; i++)
        flow_say(&k, 1 + i * MSS, MSS);
    k.is_held = false;
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + 5 * MSS);
    expect_nothing(&k, NET_SEC(1));
    peer_end(&k);
}
TWICE(test_delack_one_for_a_burst)

/* REQ: TCP-MUST-59 */
static void test_delack_after_the_whole_burst(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    k.is_held = true;
    flow_say(&k, 1 + MSS, MSS);
    flow_say(&k, 1 + 2 * MSS, MSS);
    flow_say(&k, 1, MSS);
    k.is_held = false;
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + 3 * MSS);
    expect_nothing(&k, NET_SEC(1));
    flow_read(&k, sd, 1, 3 * MSS);
    peer_end(&k);
}
TWICE(test_delack_after_the_whole_burst)

T_MAIN("tcp_delack", T_TWICE(test_delack_none_after_a_pause),
       T_TWICE(test_delack_as_the_user_wants), T_TWICE(test_delack_one_for_a_burst),
       T_TWICE(test_delack_after_the_whole_burst))
