#include "peer.h"

static int soft_error(struct peer *k, int sd)
{
    int64_t error = -1;

    T_EQ(sock_getopt(net_socks(&k->net), sd, SOCK_OPT_SOFT_ERROR, &error), 0);
    return (int)error;
}

/* A connection with three bytes in flight, from number 1 on. */
static int in_flight(struct peer *k)
{
    int sd = established(k);

    peer_write(k, sd, "abc", 3);
    expect_tcp(k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    return sd;
}

static const struct {
    uint8_t type, code;
    int error;
} soft[] = {
    {3,  0,  ENETUNREACH },
    {3,  1,  EHOSTUNREACH},
    {3,  5,  0           },
    {11, 0,  0           },
    {11, 1,  0           },
    {12, 0,  0           },
    {3,  2,  ENOPROTOOPT },
    {3,  3,  ECONNREFUSED},
    {3,  13, 0           },
};

/* A synchronized connection lives on, and the user can ask what was wrong. The hard ones, 3/2 and
 * 3/3, are soft here, too (RFC 5461): forged ones are cheap.
 * REQ: TCP-MUST-56 TCP-MUST-47 TCP-SHLD-25 */
static void test_tcp_icmp_established_is_soft(void)
{
    for (size_t i = 0; i < ARRAY_LEN(soft); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = in_flight(&k);

        peer_icmp(&k, soft[i].type, soft[i].code, 0, 1);
        expect_nothing(&k, 0);
        expect_state(&k, "ESTABLISHED");
        T_EQ(poll_events(net_socks(&k.net), sd) & (SOCK_ERR | SOCK_HUP), 0);
        T_TRUE(soft_error(&k, sd) > 0);
        if (soft[i].error != 0)
            T_EQ(soft_error(&k, sd), soft[i].error);
        T_EQ(peer_error(&k, sd), 0);
        say(&k, .flags = "P.", .seq = 1, .ack = 4, .win = 65535, .data = "x", .len = 1);
        expect_tcp(&k, .flags = ".", .seq = 4, .ack = 2);
        peer_read(&k, sd, "x");
        T_EQ(soft_error(&k, sd), 0); /* the peer answers: it is past */
        peer_end(&k);
    }
}
TWICE(test_tcp_icmp_established_is_soft)

/* Before there is a connection, 3/2 and 3/3 say that there will be none. REQ: TCP-SHLD-26 */
static void test_tcp_icmp_syn_sent_hard(void)
{
    for (uint8_t code = 2; code <= 3; code++) {
        struct peer k;

        peer_begin(&k);
        int sd = syn_sent(&k);

        peer_icmp(&k, 3, code, 0, 0);
        expect_nothing(&k, NET_SEC(100));
        expect_state(&k, "CLOSED");
        T_EQ(peer_error(&k, sd), code == 2 ? ENOPROTOOPT : ECONNREFUSED);
        peer_end(&k);
    }
}
TWICE(test_tcp_icmp_syn_sent_hard)

/* The others are no reason to give up; but they are what the user hears in the end.
 * REQ: TCP-MUST-56 TCP-SHLD-25 */
static void test_tcp_icmp_syn_sent_soft(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    peer_icmp(&k, 3, 1, 0, 0);
    expect_nothing(&k, 0);
    expect_state(&k, "SYN_SENT");
    expect_tcp(&k, .flags = "S", .after = NET_SEC(1));
    for (int i = 0; i < 20 && strcmp(peer_state(&k), "SYN_SENT") == 0; i++) {
        peer_advance(&k, NET_SEC(60));
        peer_forget(&k);
    }
    expect_state(&k, "CLOSED");
    T_EQ(peer_error(&k, sd), EHOSTUNREACH);
    peer_end(&k);
}

/* A number that is not in flight: nobody who saw our segments says that.
 * REQ: PMTU-5927-4.1-1 TCP-MUST-54 */
static void test_tcp_icmp_not_in_flight_is_ignored(void)
{
    static const uint32_t seq[] = {0, 4, 5, 1000, 0x80000001, 0xfffffff0};
    struct peer k;

    peer_begin(&k);
    int sd = in_flight(&k);

    for (size_t i = 0; i < ARRAY_LEN(seq); i++) {
        peer_icmp(&k, 3, 1, 0, seq[i]);
        peer_icmp(&k, 3, 3, 0, seq[i]);
        peer_icmp(&k, 3, 4, 600, seq[i]);
    }
    expect_nothing(&k, 0);
    struct tcp_status s;

    T_NEED(peer_status(&k, &s));
    T_EQ(s.mss, 1460);
    T_EQ(soft_error(&k, sd), 0);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_NO_OWNER), 3 * ARRAY_LEN(seq));
    peer_end(&k);

    peer_begin(&k); /* the same for a connect */
    sd = syn_sent(&k);
    peer_icmp(&k, 3, 3, 0, 1);
    peer_icmp(&k, 3, 3, 0, 0xffffffff);
    expect_state(&k, "SYN_SENT");
    T_EQ(peer_error(&k, sd), 0);
    peer_end(&k);
}
TWICE(test_tcp_icmp_not_in_flight_is_ignored)

/* To the connection that it is about, and to no other. REQ: TCP-MUST-54 */
static void test_tcp_icmp_finds_its_connection(void)
{
    struct peer k;

    peer_begin(&k);
    int a = in_flight(&k);

    peer_tuple(&k, 50000, H_PORT);
    int b = in_flight(&k);

    peer_icmp(&k, 3, 1, 0, 1);
    T_EQ(soft_error(&k, a), 0);
    T_EQ(soft_error(&k, b), EHOSTUNREACH);
    k.peer_port = 50001;
    peer_icmp(&k, 3, 0, 0, 1);
    T_EQ(soft_error(&k, a), 0);
    T_EQ(soft_error(&k, b), EHOSTUNREACH);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_NO_OWNER), 1);
    peer_end(&k);
}

/* REQ: TCP-MUST-55 ICMP-6633-3-2 */
static void test_tcp_icmp_source_quench_is_ignored(void)
{
    struct tcp_status before, after;
    struct peer k;

    peer_begin(&k);
    int sd = in_flight(&k);

    T_NEED(peer_status(&k, &before));
    peer_icmp(&k, 4, 0, 0, 1);
    expect_nothing(&k, 0);
    T_NEED(peer_status(&k, &after));
    T_EQ(after.cwnd, before.cwnd);
    T_EQ(after.ssthresh, before.ssthresh);
    T_EQ(soft_error(&k, sd), 0);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}

/* All that was too long goes again in smaller pieces, once, and not as after congestion.
 * REQ: PMTU-1191-3-2 PMTU-1191-6.4-1 PMTU-1191-3-1 TCP-9293-3.7.2-1 */
static void test_tcp_icmp_too_big(void)
{
    static char data[2920]; /* two segments, so that Nagle holds nothing back */
    struct tcp_status before, after;
    struct peer k;
    uint32_t seq = 1;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i % 127);
    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, data, sizeof(data));
    while (peer_next(&k) != NULL)
        T_TRUE(k.last.df);
    T_NEED(peer_status(&k, &before));
    peer_icmp(&k, 3, 4, 1000, 1);
    peer_icmp(&k, 3, 4, 1000, 1461); /* about the second segment: known already */
    while (peer_next(&k) != NULL) {
        T_EQ(k.last.seq - k.h_iss, seq);
        T_TRUE(k.last.ip_len <= 1000);
        T_MEM(k.last.data, data + seq - 1, k.last.len);
        seq += k.last.len;
    }
    T_EQ(seq, sizeof(data) + 1);
    T_NEED(peer_status(&k, &after));
    T_EQ(after.mss, 960);
    T_EQ(after.ssthresh, before.ssthresh);
    say(&k, .flags = ".", .seq = 1, .ack = seq, .win = 65535);
    peer_write(&k, sd, data, sizeof(data));
    while (peer_next(&k) != NULL)
        T_TRUE(k.last.ip_len <= 1000);
    peer_end(&k);
}
TWICE(test_tcp_icmp_too_big)

/* Not up, not below the floor, and a router that does not say how much costs one step down.
 * REQ: PMTU-1191-3-3 PMTU-1191-3-4 PMTU-1191-3-6 PMTU-1191-4-1 */
static void test_tcp_icmp_too_big_within_reason(void)
{
    static const uint16_t senseless[] = {1, 40, 67, 68, 100, 127, 1500, 9000, 65535};
    struct tcp_status s;
    struct peer k;

    peer_begin(&k);
    in_flight(&k);
    for (size_t i = 0; i < ARRAY_LEN(senseless); i++) {
        peer_icmp(&k, 3, 4, senseless[i], 1);
        expect_nothing(&k, 0);
        T_NEED(peer_status(&k, &s));
        T_EQ(s.mss, 1460);
    }
    peer_icmp(&k, 3, 4, 0, 1); /* an old router: the plateau below 1500 */
    T_NEED(peer_status(&k, &s));
    T_EQ(s.mss, 1492 - 40);
    peer_end(&k);
}

T_MAIN("tcp_icmp", T_TWICE(test_tcp_icmp_established_is_soft), T_TWICE(test_tcp_icmp_syn_sent_hard),
       T(test_tcp_icmp_syn_sent_soft), T_TWICE(test_tcp_icmp_not_in_flight_is_ignored),
       T(test_tcp_icmp_finds_its_connection), T(test_tcp_icmp_source_quench_is_ignored),
       T_TWICE(test_tcp_icmp_too_big), T(test_tcp_icmp_too_big_within_reason))
