/*
 * test_tcp_keepalive.c - keep-alives where a script cannot force the numbers (RFC 9293 3.8.4);
 * tests/script/keepalive has the rest.
 */
#include "flow.h"
#include "peer.h"

/* SEG.SEQ = SND.NXT - 1, also where that is on the other side of 2^32.
 * REQ: TCP-SHLD-12 */
static void test_keepalive_repeats_the_last_number(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_KEEPALIVE, 1);
    flow_setopt(&k, sd, SOCK_OPT_KEEP_IDLE, 5);
    flow_setopt(&k, sd, SOCK_OPT_KEEP_INTERVAL, 2);
    for (uint32_t at = 1; at < 300; at += 50) {
        flow_write(&k, sd, at, 50);
        expect_data(&k, "P.", at, 50, 0);
        flow_ack(&k, at + 50, 65535);
        expect_tcp(&k, .flags = ".", .seq = at + 49, .ack = 1, .after = NET_SEC(5));
        expect_tcp(&k, .flags = ".", .seq = at + 49, .ack = 1, .after = NET_SEC(2));
        flow_ack(&k, at + 50, 65535);
    }
    peer_end(&k);
}
TWICE(test_keepalive_repeats_the_last_number)

/* The other end: a probe of the peer is answered, whether it is empty or has an octet of garbage,
 * which the user never sees. */
static void test_keepalive_of_the_peer_is_answered(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    for (uint32_t len = 0; len <= 1; len++) {
        peer_advance(&k, NET_SEC(7200));
        say(&k, .flags = ".", .seq = 0, .ack = 1, .win = 65535, .len = len);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
        T_EQ(peer_recv(&k, sd), -EAGAIN);
    }
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}
TWICE(test_keepalive_of_the_peer_is_answered)

T_MAIN("tcp_keepalive", T_TWICE(test_keepalive_repeats_the_last_number),
       T_TWICE(test_keepalive_of_the_peer_is_answered))
