#include "flow.h"

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

T_MAIN("tcp_retransmission", T_TWICE(test_retransmission_goes_back_and_skips_what_arrived),
       T(test_retransmission_r2_of_a_day_and_by_default),
       T(test_retransmission_r1_gives_advice_and_a_soft_error))
