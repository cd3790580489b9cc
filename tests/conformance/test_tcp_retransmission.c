#include "flow.h"

/* REQ: TCP-6298-5.4-1 TCP-6298-5.5-1 TCP-6298-5.6-1 TCP-MUST-19 TCP-9293-3.8.1-1 */
static void test_retransmission_sends_the_first_segment_backed_off(void)
{
    struct peer k;
    uint32_t segs;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 5 * FLOW_MSS);
    T_EQ(flow_take(&k, 1, &segs), 1 + 5 * FLOW_MSS);
    T_EQ(segs, 5);
    for (net_time rto = NET_MS(200); rto < NET_SEC(60); rto *= 2) {
        expect_data(&k, ".", 1, FLOW_MSS, rto);
        expect_nothing(&k, 0);
    }
    peer_end(&k);
}
TWICE(test_retransmission_sends_the_first_segment_backed_off)

/* REQ: TCP-9293-3.8.1-1 */
static void test_retransmission_joins_small_segments(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_NODELAY, 1);
    flow_write(&k, sd, 1, 100);
    flow_write(&k, sd, 101, 200);
    flow_write(&k, sd, 301, 300);
    expect_data(&k, "P.", 1, 100, 0);
    expect_data(&k, "P.", 101, 200, 0);
    expect_data(&k, "P.", 301, 300, 0);
    expect_data(&k, "P.", 1, 600, NET_MS(200));
    flow_ack(&k, 301, 65535); /* the first two had arrived, it turns out */
    expect_data(&k, "P.", 301, 300, NET_MS(400));
    flow_ack(&k, 601, 65535);
    expect_nothing(&k, NET_SEC(300));
    peer_end(&k);
}
TWICE(test_retransmission_joins_small_segments)

/* After a timeout everything goes again from SND.UNA on, unless the ACKs say that it had arrived. */
/* REQ: TCP-9293-3.8.1-1 */
static void test_retransmission_goes_back_and_skips_what_arrived(void)
{
    struct peer k;
    uint32_t segs;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 6 * FLOW_MSS);
    T_EQ(flow_take(&k, 1, &segs), 1 + 6 * FLOW_MSS);
    expect_data(&k, ".", 1, FLOW_MSS, NET_MS(200));
    flow_ack(&k, 1 + FLOW_MSS, 65535); /* the second was lost as well: two may go */
    expect_data(&k, ".", 1 + FLOW_MSS, FLOW_MSS, 0);
    expect_data(&k, ".", 1 + 2 * FLOW_MSS, FLOW_MSS, 0);
    expect_nothing(&k, 0);
    flow_ack(&k, 1 + 6 * FLOW_MSS, 65535); /* the rest had arrived */
    expect_nothing(&k, NET_SEC(300));
    peer_end(&k);
}
TWICE(test_retransmission_goes_back_and_skips_what_arrived)

/* REQ: TCP-MUST-20 TCP-MUST-21 TCP-9293-3.10.8-1 */
static void test_retransmission_user_timeout_ends_the_connection(void)
{
    struct peer k;
    struct tcp_status s;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_USER_TIMEOUT, 10000);
    flow_write(&k, sd, 1, 100);
    peer_advance(&k, NET_SEC(10) - 1);
    T_TRUE(peer_forget(&k) > 3);
    expect_state(&k, "ESTABLISHED");
    peer_advance(&k, 1);
    T_FALSE(peer_status(&k, &s));
    T_EQ(peer_recv(&k, sd), -ETIMEDOUT);
    expect_nothing(&k, NET_SEC(3600));
    peer_end(&k);
}

/* REQ: TCP-MUST-21 TCP-SHLD-11 */
static void test_retransmission_r2_of_a_day_and_by_default(void)
{
    struct peer k;

    for (int i = 0; i < 2; i++) {
        peer_begin(&k);
        int sd = flow_open(&k);

        if (i == 1)
            flow_setopt(&k, sd, SOCK_OPT_USER_TIMEOUT, (int64_t)30 * 86400 * 1000);
        flow_write(&k, sd, 1, 100);
        peer_advance(&k, i == 1 ? NET_SEC(86400) : NET_SEC(900));
        expect_state(&k, "ESTABLISHED"); /* far more than 100 s */
        T_TRUE(peer_forget(&k) > 10);
        flow_ack(&k, 101, 65535); /* and it is alive */
        flow_write(&k, sd, 101, 10);
        expect_data(&k, "P.", 101, 10, 0);
        flow_ack(&k, 111, 65535);
        peer_end(&k);
    }
}

/* R1 is the third retransmission: the next hop is asked for again, and the user may know. */
/* REQ: TCP-MUST-20 TCP-SHLD-9 TCP-SHLD-10 TCP-MUST-47 */
static void test_retransmission_r1_gives_advice_and_a_soft_error(void)
{
    struct peer k;
    int64_t soft = -1;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 100);
    expect_data(&k, "P.", 1, 100, 0);
    expect_data(&k, "P.", 1, 100, NET_MS(200));
    expect_data(&k, "P.", 1, 100, NET_MS(400));
    expect_data(&k, "P.", 1, 100, NET_MS(800));
    uint32_t probes = k.arp_asked;

    T_EQ(sock_getopt(net_socks(&k.net), sd, SOCK_OPT_SOFT_ERROR, &soft), 0);
    T_EQ(soft, 0);
    expect_data(&k, "P.", 1, 100, NET_MS(1600));
    peer_advance(&k, NET_SEC(1));
    T_TRUE(k.arp_asked > probes); /* ARP tests the entry that TCP doubts */
    T_EQ(sock_getopt(net_socks(&k.net), sd, SOCK_OPT_SOFT_ERROR, &soft), 0);
    T_EQ(soft, ETIMEDOUT);
    expect_state(&k, "ESTABLISHED");
    T_EQ(peer_error(&k, sd), 0);
    peer_forget(&k);
    flow_ack(&k, 101, 65535); /* progress: forgotten */
    T_EQ(sock_getopt(net_socks(&k.net), sd, SOCK_OPT_SOFT_ERROR, &soft), 0);
    T_EQ(soft, 0);
    peer_end(&k);
}

/* REQ: TCP-MUST-22 TCP-MUST-23 TCP-6298-2.1-1 TCP-6298-5.5-1 */
static void test_retransmission_of_a_syn(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);
    net_time since = k.now;

    for (net_time rto = NET_SEC(1); rto <= NET_SEC(64); rto *= 2)
        expect_tcp(&k, .flags = "S", .after = rto);
    peer_advance(&k, NET_SEC(100));
    T_TRUE(k.now - since > NET_SEC(180));
    expect_state(&k, "SYN_SENT");
    peer_advance(&k, NET_SEC(200));
    expect_state(&k, "CLOSED");
    T_EQ(peer_error(&k, sd), ETIMEDOUT);
    expect_nothing(&k, NET_SEC(3600));
    peer_end(&k);
}

/* REQ: TCP-MUST-21 TCP-MUST-22 */
static void test_retransmission_user_timeout_ends_the_attempt(void)
{
    struct peer k;
    struct sock_addr to = {ip_addr_v4(PEER_IP), PEER_PORT}, local = {ip_addr_v4(H_IP), H_PORT};

    peer_begin(&k);
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    flow_setopt(&k, sd, SOCK_OPT_USER_TIMEOUT, 10000);
    T_EQ(sock_bind(net_socks(&k.net), sd, &local), 0);
    T_EQ(sock_connect(net_socks(&k.net), sd, &to), -EINPROGRESS);
    peer_advance(&k, NET_SEC(10) - 1);
    T_EQ(peer_forget(&k), 4); /* at 0, 1, 3 and 7 s */
    expect_state(&k, "SYN_SENT");
    peer_advance(&k, 1);
    expect_state(&k, "CLOSED");
    T_EQ(peer_error(&k, sd), ETIMEDOUT);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: TCP-9293-3.8.1-1 */
static void test_retransmission_of_a_fin_with_its_data(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 100);
    expect_data(&k, "P.", 1, 100, 0);
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    expect_tcp(&k, .flags = "F.", .seq = 101, .ack = 1);
    expect_data(&k, "FP.", 1, 100, NET_MS(200));
    flow_ack(&k, 101, 65535); /* its data, not the FIN */
    expect_tcp(&k, .flags = "F.", .seq = 101, .ack = 1, .after = NET_MS(400));
    flow_ack(&k, 102, 65535);
    expect_state(&k, "FIN_WAIT_2");
    peer_end(&k);
}
TWICE(test_retransmission_of_a_fin_with_its_data)

T_MAIN("tcp_retransmission", T_TWICE(test_retransmission_sends_the_first_segment_backed_off),
       T_TWICE(test_retransmission_joins_small_segments),
       T_TWICE(test_retransmission_goes_back_and_skips_what_arrived),
       T(test_retransmission_user_timeout_ends_the_connection),
       T(test_retransmission_r2_of_a_day_and_by_default),
       T(test_retransmission_r1_gives_advice_and_a_soft_error), T(test_retransmission_of_a_syn),
       T(test_retransmission_user_timeout_ends_the_attempt),
       T_TWICE(test_retransmission_of_a_fin_with_its_data))
