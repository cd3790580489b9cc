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

T_MAIN("tcp_reset", T(test_tcp_reset_closed_port), T_TWICE(test_tcp_reset_with_window_shut),
       T(test_tcp_reset_port_zero))
