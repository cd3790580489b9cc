/*
 * test_tcp_user_timeout.c - the option of RFC 5482, of which we know no more than its length;
 * tests/script/user-timeout has what a user may set.
 */
#include "flow.h"
#include "peer.h"

/* The peer suggests a second, no time at all, and the longest there is: on its SYN, and later. The
 * connection is like any other, and its data have as much time as ever.
 * REQ: TCP-5482-1-1? TCP-5482-3.4-1? TCP-5482-3.1-2 */
static void test_user_timeout_of_the_peer_is_not_obeyed(void)
{
    static const char *const options[] = {
        "mss 1460,hex 1c040001",                          /* kind 28, length 4, a second */
        "mss 1460,hex 1c040000", "mss 1460,hex 1c04ffff", /* 32767 minutes */
    };

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct peer k;

        peer_begin(&k);
        int sd = flow_open_with(&k, options[i], 0);

        flow_write(&k, sd, 1, 100);
        expect_data(&k, "P.", 1, 100, 0);
        say(&k, .flags = ".", .seq = 1, .ack = 51, .win = 65535, .opts = options[i] + 9);
        expect_data(&k, "P.", 51, 50, NET_MS(200));
        peer_advance(&k, NET_SEC(900));
        T_TRUE(peer_forget(&k) > 10);
        expect_state(&k, "ESTABLISHED");
        peer_advance(&k, NET_SEC(200));
        peer_forget(&k);
        expect_state(&k, "CLOSED");
        T_EQ(peer_recv(&k, sd), -ETIMEDOUT);
        peer_end(&k);
    }
}
TWICE(test_user_timeout_of_the_peer_is_not_obeyed)

/* What the user has set is not changed by what the peer suggests.
 * REQ: TCP-5482-1-1? TCP-MUST-21 */
static void test_user_timeout_of_the_user_stays(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460,hex 1c048384", 0); /* 900 minutes */

    flow_setopt(&k, sd, SOCK_OPT_USER_TIMEOUT, 7000);
    flow_write(&k, sd, 1, 100);
    peer_advance(&k, NET_SEC(7) - 1);
    expect_state(&k, "ESTABLISHED");
    peer_advance(&k, 1);
    peer_forget(&k);
    expect_state(&k, "CLOSED");
    T_EQ(peer_recv(&k, sd), -ETIMEDOUT);
    peer_end(&k);
}
TWICE(test_user_timeout_of_the_user_stays)

T_MAIN("tcp_user_timeout", T_TWICE(test_user_timeout_of_the_peer_is_not_obeyed),
       T_TWICE(test_user_timeout_of_the_user_stays))
