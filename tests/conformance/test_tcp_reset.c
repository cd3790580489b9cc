#include "peer.h"

/* Every combination of flags at a port where nobody is.
 * REQ: TCP-9293-3.5.2-1 TCP-9293-3.10.7.1-1 TCP-MUST-2 */
static void test_tcp_reset_closed_port(void)
{
    static const char letters[] = "FSRP.UEW";
    struct peer k;

    peer_begin(&k);
    for (unsigned bits = 0; bits < 256; bits++) {
        char flags[9];
        unsigned n = 0;

        for (unsigned i = 0; i < 8; i++) {
            if (bits & 1u << i)
                flags[n++] = letters[i];
        }
        flags[n] = '\0';
        uint32_t len = 3u + ((bits & 1) != 0) + ((bits & 2) != 0);

        say(&k, .flags = flags, .seq = 0xfffffffe, .ack = 777, .win = 100, .data = "abc", .len = 3,
            .is_absolute = true);
        if (bits & 4)
            expect_nothing(&k, 0);
        else if (bits & 16)
            expect_tcp(&k, .flags = "R", .seq = 777, .opts = "", .is_absolute = true);
        else
            expect_tcp(&k, .flags = "R.", .seq = 0, .ack = 0xfffffffe + len, .opts = "",
                       .is_absolute = true);
    }
    expect_nothing(&k, NET_SEC(1));
    T_EQ(net_connections(&k.net), 0);
    peer_end(&k);
}

/* RST at RCV.NXT, in every synchronized state; the user learns that it was no proper end.
 * REQ: TCP-MUST-12 TCP-5961-3.2-2 TCP-9293-3.10.7.4-1 */
static void test_tcp_reset_in_every_state(void)
{
    static const struct {
        int (*state)(struct peer *);
        uint32_t rcv_nxt;
        int error;
    } c[] = {
        {established,        1, ECONNRESET},
        {established_active, 1, ECONNRESET},
        {fin_wait_1,         1, ECONNRESET},
        {fin_wait_2,         1, ECONNRESET},
        {close_wait,         2, EPIPE     },
        {closing,            2, ECONNRESET},
        {last_ack,           2, ECONNRESET},
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        for (int with_ack = 0; with_ack < 2; with_ack++) {
            struct peer k;

            peer_begin(&k);
            int sd = c[i].state(&k);

            say(&k, .flags = with_ack ? "R." : "R", .seq = c[i].rcv_nxt, .ack = 1, .win = 0);
            expect_nothing(&k, NET_SEC(100));
            expect_state(&k, "CLOSED");
            T_TRUE(poll_events(net_socks(&k.net), sd) & SOCK_ERR);
            T_EQ(peer_recv(&k, sd), -c[i].error);
            T_EQ(peer_recv(&k, sd), 0); /* told once */
            peer_end(&k);
        }
    }
}
TWICE(test_tcp_reset_in_every_state)

/* What is to be sent and what waits out of order goes with it; what had arrived in order can be
 * read, then comes the error. */
static void test_tcp_reset_and_queues(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 0, .data = "in order..", .len = 10);
    say(&k, .flags = "P.", .seq = 21, .ack = 1, .win = 0, .len = 10); /* and out of order */
    peer_forget(&k);
    peer_write(&k, sd, "abc", 3);
    say(&k, .flags = "R", .seq = 11, .win = 0);
    expect_nothing(&k, NET_SEC(100));
    peer_read(&k, sd, "in order..");
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), -EPIPE);
    peer_end(&k);
}
TWICE(test_tcp_reset_and_queues)

/* REQ: TCP-SHLD-2 */
static void test_tcp_reset_with_text(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "R.", .seq = 1, .ack = 1, .win = 0, .data = "no such service now.", .len = 20);
    expect_nothing(&k, 0);
    expect_state(&k, "CLOSED");
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    peer_end(&k);
}
TWICE(test_tcp_reset_with_text)

/* Our window is shut, and all the same a reset is heard. REQ: TCP-MUST-66 */
static void test_tcp_reset_with_window_shut(void)
{
    for (int text = 0; text < 2; text++) {
        struct peer k;
        uint32_t at = 1;

        peer_begin(&k);
        int listener = peer_listen(&k, 0);

        sock_setopt(net_socks(&k.net), listener, SOCK_OPT_RCVBUF, 4096);
        handshake(&k, "mss 1460");
        int sd = peer_accept(&k, listener);

        while (k.last.win > 0 && at < 100000) {
            uint32_t len = k.last.win < 1000 ? k.last.win : 1000;

            say(&k, .flags = ".", .seq = at, .ack = 1, .win = 65535, .len = len);
            at += len;
            if (k.first == k.count)
                peer_advance(&k, NET_MS(50));
            T_NEED(peer_next(&k) != NULL);
        }
        T_EQ(k.last.win, 0);
        say(&k, .flags = "R", .seq = at + 1, .win = 0); /* not exact: a challenge at most */
        peer_forget(&k);
        expect_state(&k, "ESTABLISHED");
        say(&k, .flags = "R", .seq = at, .win = 0, .len = text ? 5 : 0);
        expect_nothing(&k, 0);
        expect_state(&k, "CLOSED");
        T_EQ(peer_error(&k, sd), ECONNRESET);
        peer_end(&k);
    }
}
TWICE(test_tcp_reset_with_window_shut)

/* No PAWS for a reset. REQ: TCP-7323-5.2-1 */
static void test_tcp_reset_with_old_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460,nop,nop,TS");
    int sd = peer_accept(&k, listener);

    k.tsval -= 500;
    say(&k, .flags = "R", .seq = 1, .win = 0);
    expect_nothing(&k, 0);
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    peer_end(&k);

    peer_begin(&k); /* nor is one expected in it */
    listener = peer_listen(&k, 0);
    handshake(&k, "mss 1460,nop,nop,TS");
    sd = peer_accept(&k, listener);
    say(&k, .flags = "R", .seq = 1, .win = 0, .opts = "");
    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    peer_end(&k);
}
TWICE(test_tcp_reset_with_old_timestamp)

/* A synchronized connection answers what it cannot accept with an ACK, and stays as it is.
 * REQ: TCP-9293-3.5.2-3 TCP-9293-3.4-1 */
static void test_tcp_reset_unacceptable_is_acknowledged(void)
{
    static const struct {
        int (*state)(struct peer *);
        const char *name;
        uint32_t snd_nxt, rcv_nxt;
    } c[] = {
        {established, "ESTABLISHED", 1, 1},
        {fin_wait_1,  "FIN_WAIT_1",  2, 1},
        {fin_wait_2,  "FIN_WAIT_2",  2, 1},
        {close_wait,  "CLOSE_WAIT",  1, 2},
        {closing,     "CLOSING",     2, 2},
        {last_ack,    "LAST_ACK",    2, 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct peer k;

        peer_begin(&k);
        c[i].state(&k);
        uint32_t seq[] = {c[i].rcv_nxt - 10, c[i].rcv_nxt + 65535, c[i].rcv_nxt + 0x7fffff00,
                          c[i].rcv_nxt - 0x7fffff00};

        for (size_t j = 0; j < ARRAY_LEN(seq); j++) {
            say(&k, .flags = "P.", .seq = seq[j], .ack = 1, .win = 65535, .len = 10);
            expect_tcp(&k, .flags = ".", .seq = c[i].snd_nxt, .ack = c[i].rcv_nxt);
            expect_state(&k, c[i].name);
        }
        peer_end(&k);
    }
}
TWICE(test_tcp_reset_unacceptable_is_acknowledged)

/* Section 3.4's test at both edges of an open window. REQ: TCP-9293-3.4-1 */
static void test_tcp_reset_not_within_the_window(void)
{
    static const struct {
        uint32_t seq, len;
        bool ok;
    } c[] = {
        {0,          0,   false},
        {1,          0,   true },
        {2,          0,   true },
        {65535,      0,   true },
        {65536,      0,   false},
        {0x80000001, 0,   false},
        {0,          1,   false},
        {0,          2,   true },
        {65535,      1,   true },
        {65535,      2,   true },
        {65536,      1,   false},
        {0xffffff00, 257, false},
        {0xffffff00, 258, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(c); i++) {
        struct peer k;

        peer_begin(&k);
        established(&k); /* RCV.NXT 1, RCV.WND 65535 */
        uint64_t before = peer_drops(&k, V_DROP_TCP_WINDOW) + peer_drops(&k, V_DROP_TCP_DUPLICATE);

        say(&k, .flags = ".", .seq = c[i].seq, .ack = 1, .win = 65535, .len = c[i].len);
        uint64_t after = peer_drops(&k, V_DROP_TCP_WINDOW) + peer_drops(&k, V_DROP_TCP_DUPLICATE);

        T_EQ(after - before, !c[i].ok);
        if (!c[i].ok)
            expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
        else if (c[i].len == 0)
            expect_nothing(&k, 0);
        peer_end(&k);
    }
}
TWICE(test_tcp_reset_not_within_the_window)

/* REQ: TCP-9293-3.10.7.4-6 TCP-9293-3.4-1 */
static void test_tcp_reset_segments_are_cut_to_the_window(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    say(&k, .flags = "P.", .seq = 2, .ack = 1, .win = 65535, .data = "XXde", .len = 4);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 6);
    peer_read(&k, sd, "abcde");
    peer_end(&k);

    peer_begin(&k); /* the right edge */
    int listener = peer_listen(&k, 0);

    sock_setopt(net_socks(&k.net), listener, SOCK_OPT_RCVBUF, 1000);
    handshake(&k, "mss 1460");
    sd = peer_accept(&k, listener);
    struct tcp_status s;

    T_NEED(peer_status(&k, &s));
    uint32_t wnd = s.rcv_wnd;

    T_NEED(wnd > 0 && wnd < 1400);
    say(&k, .flags = "FP.", .seq = 1, .ack = 1, .win = 65535, .len = wnd + 50);
    peer_run_to_frame(&k, NET_SEC(1));
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1 + wnd, .win = PEER_WIN_0);
    expect_state(&k, "ESTABLISHED"); /* the FIN was cut off, too */
    T_NEED(peer_status(&k, &s));
    T_EQ(s.rcv_queue, wnd);
    peer_end(&k);
}
TWICE(test_tcp_reset_segments_are_cut_to_the_window)

/* REQ: TCP-9293-3.10.7.4-4 */
static void test_tcp_reset_no_ack_is_dropped(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P", .seq = 1, .win = 65535, .len = 10);
    say(&k, .flags = "", .seq = 1, .win = 65535, .len = 10);
    say(&k, .flags = "F", .seq = 1, .win = 65535);
    say(&k, .flags = "FPU", .seq = 1, .win = 65535);
    expect_nothing(&k, NET_SEC(1));
    T_EQ(peer_recv(&k, sd), -EAGAIN);
    expect_state(&k, "ESTABLISHED");
    T_EQ(peer_drops(&k, V_DROP_TCP_NO_ACK), 4);
    peer_end(&k);
}
TWICE(test_tcp_reset_no_ack_is_dropped)

/* Port 0 is nobody's: silence. */
static void test_tcp_reset_port_zero(void)
{
    struct peer k;

    peer_begin(&k);
    peer_tuple(&k, 0, 80);
    say(&k, .flags = "S", .win = 100);
    peer_tuple(&k, 1000, 0);
    say(&k, .flags = "S", .win = 100);
    expect_nothing(&k, NET_SEC(1));
    T_EQ(peer_drops(&k, V_DROP_TCP_PORT_ZERO), 2);
    peer_end(&k);
}

/* Our own resets carry the timestamp where one was agreed on. REQ: TCP-7323-3.2-5 TCP-7323-3.2-2 */
static void test_tcp_reset_carries_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460,nop,nop,TS");
    sock_abort(net_socks(&k.net), peer_accept(&k, listener));
    expect_tcp(&k, .flags = "R.", .seq = 1, .ack = 1, .opts = "nop,nop,TS");
    T_EQ(k.last.tsecr, k.tsval);
    peer_end(&k);
}

T_MAIN("tcp_reset", T(test_tcp_reset_closed_port), T_TWICE(test_tcp_reset_in_every_state),
       T_TWICE(test_tcp_reset_and_queues), T_TWICE(test_tcp_reset_with_text),
       T_TWICE(test_tcp_reset_with_window_shut), T_TWICE(test_tcp_reset_with_old_timestamp),
       T_TWICE(test_tcp_reset_unacceptable_is_acknowledged),
       T_TWICE(test_tcp_reset_not_within_the_window),
       T_TWICE(test_tcp_reset_segments_are_cut_to_the_window),
       T_TWICE(test_tcp_reset_no_ack_is_dropped), T(test_tcp_reset_port_zero),
       T(test_tcp_reset_carries_timestamp))
