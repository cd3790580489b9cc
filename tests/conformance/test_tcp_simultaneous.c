#include "peer.h"

/* Figure 8 of RFC 9293: both SYNs cross; ours goes again, with an ACK and the same number.
 * REQ: TCP-MUST-10 */
static void test_tcp_simultaneous_open(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    say(&k, .flags = "S", .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    T_EQ(k.last.mss, 1460);
    expect_state(&k, "SYN_RCVD");
    T_EQ(poll_events(net_socks(&k.net), sd) & SOCK_OUT, 0);
    say(&k, .flags = "S.", .seq = 0, .ack = 1, .win = 65535, .opts = "mss 1460");
    peer_forget(&k); /* an ACK may follow, and need not */
    expect_state(&k, "ESTABLISHED");
    T_TRUE(poll_events(net_socks(&k.net), sd) & SOCK_OUT);
    peer_write(&k, sd, "abc", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    say(&k, .flags = "P.", .seq = 1, .ack = 4, .win = 65535, .data = "def", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 4, .ack = 4);
    peer_read(&k, sd, "def");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_open)

/* A plain ACK of our SYN ends it as well. REQ: TCP-MUST-10 TCP-9293-3.10.7.3-1 */
static void test_tcp_simultaneous_open_ends_with_ack(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    expect_state(&k, "ESTABLISHED");
    peer_read(&k, sd, "abc");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_open_ends_with_ack)

/* The SYN,ACK is lost: it is sent again by the timer, and when the peer's SYN comes again. */
static void test_tcp_simultaneous_open_with_loss(void)
{
    struct peer k;

    peer_begin(&k);
    syn_sent(&k);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    peer_run_to_frame(&k, NET_SEC(5));
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_open_with_loss)

/* REQ: TCP-9293-3.10.7.4-3 */
static void test_tcp_simultaneous_open_bad_ack(void)
{
    static const uint32_t bad[] = {0, 2, 70000, 0x80000005};
    struct peer k;

    peer_begin(&k);
    syn_sent(&k);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        say(&k, .flags = ".", .seq = 1, .ack = bad[i], .win = 65535);
        expect_tcp(&k, .flags = "R", .seq = bad[i]);
        expect_state(&k, "SYN_RCVD");
    }
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_open_bad_ack)

/* SYN-RECEIVED knows where it came from: a reset after a passive open is nobody's business, after
 * an active one the user hears of it. REQ: TCP-MUST-11 */
static void test_tcp_simultaneous_rst_in_syn_rcvd(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = syn_rcvd(&k);

    say(&k, .flags = "R", .seq = 1, .win = 0);
    expect_nothing(&k, NET_SEC(10));
    expect_state(&k, "CLOSED");
    T_EQ(poll_events(net_socks(&k.net), listener), 0);
    say(&k, .flags = "S", .win = 65535, .opts = "mss 1460"); /* still listening */
    k.knows_h_iss = false;
    expect_tcp(&k, .flags = "S.", .ack = 1);
    peer_end(&k);

    peer_begin(&k);
    int sd = syn_sent(&k);

    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    say(&k, .flags = "R", .seq = 1, .win = 0);
    expect_nothing(&k, NET_SEC(10));
    expect_state(&k, "CLOSED");
    T_EQ(peer_error(&k, sd), ECONNREFUSED);
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_rst_in_syn_rcvd)

/* CLOSE in SYN-RECEIVED: the FIN follows when our SYN is acknowledged (Figure 5's arrow). */
static void test_tcp_simultaneous_open_then_close(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_WR), 0);
    expect_state(&k, "FIN_WAIT_1");
    expect_nothing(&k, 0);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1);
    say(&k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "TIME_WAIT");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_open_then_close)

/* ABORT in SYN-RECEIVED: the peer knows of us, so it is told. REQ: TCP-9293-3.9.1-2 */
static void test_tcp_simultaneous_open_then_abort(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k);

    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .seq = 0, .ack = 1);
    sock_abort(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "R.", .seq = 1, .ack = 1);
    expect_state(&k, "CLOSED");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_open_then_abort)

/* The FINs cross: FIN_WAIT_1 -> CLOSING -> TIME_WAIT. REQ: TCP-9293-3.6-2 TCP-MUST-13 */
static void test_tcp_simultaneous_close(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = closing(&k);

    expect_nothing(&k, 0);
    say(&k, .flags = ".", .seq = 2, .ack = 1, .win = 65535); /* not yet of our FIN */
    expect_state(&k, "CLOSING");
    say(&k, .flags = ".", .seq = 2, .ack = 2, .win = 65535);
    expect_nothing(&k, 0);
    expect_state(&k, "TIME_WAIT");
    sock_close(net_socks(&k.net), sd);
    expect_nothing(&k, NET_SEC(60) - 1);
    expect_state(&k, "TIME_WAIT");
    expect_nothing(&k, 1);
    expect_state(&k, "CLOSED");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_close)

/* In CLOSING the FIN that comes again is acknowledged again. */
static void test_tcp_simultaneous_close_fin_again(void)
{
    struct peer k;

    peer_begin(&k);
    closing(&k);
    say(&k, .flags = "F.", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "CLOSING");
    peer_end(&k);
}
TWICE(test_tcp_simultaneous_close_fin_again)

T_MAIN("tcp_simultaneous", T_TWICE(test_tcp_simultaneous_open),
       T_TWICE(test_tcp_simultaneous_open_ends_with_ack),
       T_TWICE(test_tcp_simultaneous_open_with_loss), T_TWICE(test_tcp_simultaneous_open_bad_ack),
       T_TWICE(test_tcp_simultaneous_rst_in_syn_rcvd),
       T_TWICE(test_tcp_simultaneous_open_then_close),
       T_TWICE(test_tcp_simultaneous_open_then_abort), T_TWICE(test_tcp_simultaneous_close),
       T_TWICE(test_tcp_simultaneous_close_fin_again))
