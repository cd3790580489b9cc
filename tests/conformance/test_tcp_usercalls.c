/* What the user's calls promise (RFC 9293 section 3.10.1-6). */
#include "flow.h"

/* REQ: TCP-9293-3.9.1-1 */
static void test_usercalls_close_sends_what_is_queued(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_ack(&k, 1, 0);
    flow_write(&k, sd, 1, 5000);
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), -EPIPE);
    expect_nothing(&k, 0);
    flow_ack(&k, 1, 65535);
    expect_data(&k, ".", 1, FLOW_MSS, 0);
    expect_data(&k, ".", 1 + FLOW_MSS, FLOW_MSS, 0);
    expect_data(&k, ".", 1 + 2 * FLOW_MSS, FLOW_MSS, 0);
    expect_data(&k, "FP.", 1 + 3 * FLOW_MSS, 5000 - 3 * FLOW_MSS, 0);
    flow_ack(&k, 5002, 65535);
    expect_state(&k, "FIN_WAIT_2");
    peer_end(&k);
}
TWICE(test_usercalls_close_sends_what_is_queued)

/* close() is of both halves: the number is gone, and who still sends is reset. */
/* REQ: TCP-MAY-1 TCP-SHLD-3 */
static void test_usercalls_close_is_of_both_halves(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    T_EQ(sock_close(net_socks(&k.net), sd), 0);
    expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1);
    T_EQ(peer_recv(&k, sd), -EBADF);
    T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), -EBADF);
    say(&k, .flags = "P.", .seq = 1, .ack = 2, .win = 1000, .len = 10);
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_TRUE(strchr(s->flags, 'R') != NULL);
    expect_state(&k, "CLOSED");
    peer_end(&k);
}

/* Half-closed, we still receive. */
/* REQ: TCP-9293-3.6-1 */
static void test_usercalls_shutdown_still_receives(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = fin_wait_2(&k);

    for (uint32_t seq = 1; seq < 3001; seq += 1000) {
        say(&k, .flags = "P.", .seq = seq, .ack = 2, .win = 1000, .data = flow_bytes(seq, 1000),
            .len = 1000);
        expect_tcp(&k, .flags = ".", .seq = 2, .ack = seq + 1000);
    }
    flow_read(&k, sd, 1, 3000);
    say(&k, .flags = "F.", .seq = 3001, .ack = 2, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 3002);
    T_EQ(peer_recv(&k, sd), 0);
    peer_end(&k);
}

/* REQ: TCP-SHLD-21 TCP-SHLD-22 */
static void test_usercalls_diffserv_in_the_middle(void)
{
    struct peer k;
    uint32_t seq = 1;

    peer_begin(&k);
    int sd = flow_open(&k);

    for (int dscp = 0; dscp < 64; dscp++, seq++) {
        flow_setopt(&k, sd, SOCK_OPT_TOS, dscp << 2);
        flow_write(&k, sd, seq, 1);
        expect_data(&k, "P.", seq, 1, 0);
        T_EQ(k.last.tos, dscp << 2);
        flow_ack(&k, seq + 1, 65535);
    }
    peer_end(&k);
}

/* The ECN bits are TCP's own, not the user's. */
/* REQ: TCP-MUST-48 */
static void test_usercalls_diffserv_leaves_ecn_alone(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_TOS, 0xff);
    flow_write(&k, sd, 1, 1);
    expect_data(&k, "P.", 1, 1, 0);
    T_EQ(k.last.tos, 0xfc);
    peer_end(&k);
}

/* Before the connection is there: queued, and sent with the third segment or behind it. */
static void test_usercalls_nothing_is_sent_before_the_handshake(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);
    int n = sock_send(net_socks(&k.net), sd, "abc", 3, 0);

    T_TRUE(n == 3 || n == -EAGAIN || n == -ENOTCONN);
    expect_nothing(&k, 0);
    say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    uint32_t sent = 0;

    while (peer_next(&k) != NULL)
        sent += k.last.len;
    T_EQ(sent, n > 0 ? 3 : 0);
    peer_end(&k);
}

/* More than fits: a part is taken, and -EAGAIN until there is room. */
static void test_usercalls_send_buffer_is_bounded(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_ack(&k, 1, 0);
    flow_setopt(&k, sd, SOCK_OPT_SNDBUF, 3000);
    T_EQ(sock_send(net_socks(&k.net), sd, flow_bytes(1, 5000), 5000, 0), 3000);
    T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), -EAGAIN);
    flow_ack(&k, 1, 65535);
    expect_data(&k, ".", 1, FLOW_MSS, 0);
    expect_data(&k, ".", 1 + FLOW_MSS, FLOW_MSS, 0);
    flow_ack(&k, 1 + 2 * FLOW_MSS, 65535);
    flow_write(&k, sd, 3001, 100);
    expect_data(&k, "P.", 1 + 2 * FLOW_MSS, 180, 0);
    peer_end(&k);
}
TWICE(test_usercalls_send_buffer_is_bounded)

/* Bytes that arrived before the reset are read, then comes the error, once. */
/* REQ: TCP-MUST-12 */
static void test_usercalls_reset_after_data(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_say(&k, 1, 5);
    peer_forget(&k);
    say(&k, .flags = "R.", .seq = 6, .ack = 1);
    uint8_t got[8];

    T_EQ(sock_recv(net_socks(&k.net), sd, got, sizeof(got), 0), 5);
    T_MEM(got, flow_bytes(1, 5), 5);
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    T_EQ(peer_recv(&k, sd), 0);
    T_TRUE(sock_send(net_socks(&k.net), sd, "x", 1, 0) < 0);
    peer_end(&k);
}

/* The segment a router reports on is quoted to the user as a soft error. */
/* REQ: TCP-MUST-47 ICMP-1122-3.2.2.1-5 */
static void test_usercalls_soft_error_can_be_read(void)
{
    struct peer k;
    int64_t soft = -1;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 10);
    expect_data(&k, "P.", 1, 10, 0);
    peer_icmp(&k, 3, 1, 0, 1); /* host unreachable */
    T_EQ(sock_getopt(net_socks(&k.net), sd, SOCK_OPT_SOFT_ERROR, &soft), 0);
    T_EQ(soft, EHOSTUNREACH);
    T_EQ(sock_setopt(net_socks(&k.net), sd, SOCK_OPT_SOFT_ERROR, 0), -ENOPROTOOPT);
    expect_state(&k, "ESTABLISHED");
    expect_data(&k, "P.", 1, 10, NET_MS(200));
    flow_ack(&k, 11, 65535);
    T_EQ(sock_getopt(net_socks(&k.net), sd, SOCK_OPT_SOFT_ERROR, &soft), 0);
    T_EQ(soft, 0);
    peer_end(&k);
}

T_MAIN("tcp_usercalls", T_TWICE(test_usercalls_close_sends_what_is_queued),
       T(test_usercalls_close_is_of_both_halves), T(test_usercalls_shutdown_still_receives),
       T(test_usercalls_diffserv_in_the_middle), T(test_usercalls_diffserv_leaves_ecn_alone),
       T(test_usercalls_nothing_is_sent_before_the_handshake),
       T_TWICE(test_usercalls_send_buffer_is_bounded), T(test_usercalls_reset_after_data),
       T(test_usercalls_soft_error_can_be_read))
