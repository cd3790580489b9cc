#include "raw.h"

/* A second connection of H to the same peer, from PEER_PORT + 1. */
static int second(struct peer *k)
{
    peer_tuple(k, PEER_PORT + 1, H_PORT);
    return established(k);
}

static void first_tuple(struct peer *k, uint32_t h_iss)
{
    peer_tuple(k, PEER_PORT, H_PORT);
    k->h_iss = h_iss;
    k->knows_h_iss = true;
}

static uint32_t mss_now(struct peer *k)
{
    struct tcp_status s;

    T_NEED(peer_status(k, &s));
    return s.mss;
}

static const uint8_t text[4000];

/* What one connection learns all learn, when they send next; and UDP, whose datagrams are cut to fit.
 * REQ: PMTU-1191-6.1-1 PMTU-1191-3-1 PMTU-1191-3-2 PMTU-1191-4-1 */
static void test_tcp_pmtu_is_shared(void)
{
    struct peer k;

    peer_begin(&k);
    int one = established(&k), udp = sock_open(net_socks(&k.net), SOCK_KIND_UDP);
    uint32_t h_iss = k.h_iss;
    int two = second(&k);

    peer_write(&k, two, text, 1460);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 1460);
    T_TRUE(k.last.df);
    peer_icmp(&k, 3, 4, 1000, 1);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = 960);
    expect_tcp(&k, .flags = "P.", .seq = 961, .ack = 1, .len = 500);
    say(&k, .flags = ".", .seq = 1, .ack = 1461, .win = 65535);
    first_tuple(&k, h_iss);
    peer_write(&k, one, text, 1920);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = 960);
    expect_tcp(&k, .flags = "P.", .seq = 961, .ack = 1, .len = 960);
    T_TRUE(k.last.df);
    T_EQ(mss_now(&k), 960);
    say(&k, .flags = ".", .seq = 1, .ack = 1921, .win = 65535);
    T_EQ(sock_sendto(net_socks(&k.net), udp, text, 1200,
                     &(struct sock_addr){ip_addr_v4(PEER_IP), 9}),
         1200);
    peer_settle(&k);
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_TRUE(s->mf && s->ip_len == 996);
    s = peer_next(&k);
    T_NEED(s != NULL);
    T_EQ(s->frag, 976);
    T_EQ(peer_drops(&k, V_DROP_IP4_MTU), 0); /* nothing was ever handed down that was too long */
    sock_close(net_socks(&k.net), udp);
    peer_end(&k);
}
TWICE(test_tcp_pmtu_is_shared)

/* A connection that has longer segments in flight while the path narrows for another sends them again
 * in pieces. REQ: PMTU-1191-3-7 */
static void test_tcp_pmtu_what_is_in_flight_is_cut(void)
{
    struct peer k;

    peer_begin(&k);
    int one = established(&k);
    uint32_t h_iss = k.h_iss;
    int two = second(&k);

    first_tuple(&k, h_iss);
    peer_write(&k, one, text, 1460);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 1460);
    k.peer_port = PEER_PORT + 1;
    T_TRUE(ip_path_too_big(&k.net.ip, ip_addr_v4(PEER_IP), 1000));
    peer_run_to_frame(&k, NET_SEC(3));
    k.peer_port = PEER_PORT;
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = 960, .after = 0);
    say(&k, .flags = ".", .seq = 1, .ack = 961, .win = 65535);
    expect_tcp(&k, .flags = "P.", .seq = 961, .ack = 1, .len = 500);
    say(&k, .flags = ".", .seq = 1, .ack = 1461, .win = 65535);
    T_EQ(peer_drops(&k, V_DROP_IP4_MTU), 0);
    (void)two;
    peer_end(&k);
}

/* Below the floor of the table a connection believes for itself alone, down to a payload of 88 bytes.
 * REQ: PMTU-1191-3-3 */
static void test_tcp_pmtu_tiny_path_is_its_own_affair(void)
{
    struct peer k;

    peer_begin(&k);
    int one = established(&k);
    uint32_t h_iss = k.h_iss;
    int two = second(&k);

    peer_write(&k, two, text, 600);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 600);
    peer_icmp(&k, 3, 4, 296, 1);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .len = 256);
    expect_tcp(&k, .flags = ".", .seq = 257, .ack = 1, .len = 256);
    expect_tcp(&k, .flags = "P.", .seq = 513, .ack = 1, .len = 88);
    say(&k, .flags = ".", .seq = 1, .ack = 601, .win = 65535);
    first_tuple(&k, h_iss);
    peer_write(&k, one, text, 512);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 512);
    say(&k, .flags = ".", .seq = 1, .ack = 513, .win = 65535);
    k.peer_port = PEER_PORT + 1;
    peer_advance(&k, NET_SEC(601)); /* forgotten, here as well */
    peer_tuple(&k, PEER_PORT + 1, H_PORT);
    peer_write(&k, two, text, 600);
    T_EQ(mss_now(&k), 1460);
    peer_forget(&k);
    peer_end(&k);
}

/* With discovery switched off nobody is believed, and DF is not set. */
static void test_tcp_pmtu_can_be_switched_off(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.ip.pmtu_discovery = false;
    peer_begin_with(&k, &cfg);
    int sd = established(&k);

    peer_write(&k, sd, text, 1460);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 1460);
    T_FALSE(k.last.df);
    peer_icmp(&k, 3, 4, 1000, 1);
    expect_nothing(&k, NET_MS(10));
    T_EQ(mss_now(&k), 1460);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_MTU), 1);
    say(&k, .flags = ".", .seq = 1, .ack = 1461, .win = 65535);
    peer_end(&k);
}

T_MAIN("tcp_pmtu", T_TWICE(test_tcp_pmtu_is_shared), T(test_tcp_pmtu_what_is_in_flight_is_cut),
       T(test_tcp_pmtu_tiny_path_is_its_own_affair), T(test_tcp_pmtu_can_be_switched_off))
