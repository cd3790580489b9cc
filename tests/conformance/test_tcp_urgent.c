/*
 * test_tcp_urgent.c - urgent data where a script cannot force the numbers (RFC 9293 3.8.5);
 * tests/script/urgent has the rest.
 */
#include "flow.h"
#include "peer.h"

/* The octet that follows the urgent data, wherever 2^32 is.
 * REQ: TCP-MUST-30 TCP-MUST-62 TCP-6093-4-1 */
static void test_urgent_pointer_of_every_segment(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 100", 0);

    T_EQ(sock_send(net_socks(&k.net), sd, flow_bytes(1, 450), 450, SOCK_MSG_OOB), 450);
    flow_write(&k, sd, 451, 300);
    for (uint32_t at = 1; at < 701; at += 100) {
        T_NEED(expect_tcp(&k, .flags = at < 451 ? "U." : ".", .seq = at, .ack = 1, .len = 100));
        T_EQ(k.last.urp, at < 451 ? 451 - at : 0);
    }
    flow_ack(&k, 701, 65535);
    expect_tcp(&k, .flags = "P.", .seq = 701, .ack = 1, .len = 50);
    flow_ack(&k, 751, 65535);
    peer_end(&k);
}
TWICE(test_urgent_pointer_of_every_segment)

/* REQ: TCP-MUST-31 TCP-MUST-33 TCP-6093-4-1 */
static void test_urgent_until_the_last_byte_is_read(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);
    struct socks *s = net_socks(&k.net);
    int64_t left = -1, at_mark = -1;

    say(&k, .flags = "PU.", .seq = 1, .ack = 1, .win = 65535, .urp = 10, .data = "abcdefghijkl",
        .len = 12);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 13);
    for (int64_t i = 0; i < 12; i++) {
        T_EQ(sock_getopt(s, sd, SOCK_OPT_URGENT_LEFT, &left), 0);
        T_EQ(left, i < 10 ? 10 - i : 0);
        T_EQ(sock_getopt(s, sd, SOCK_OPT_AT_MARK, &at_mark), 0);
        T_EQ(at_mark, i == 9);
        T_EQ(poll_events(s, sd) & SOCK_PRI, i < 10 ? SOCK_PRI : 0);
        T_EQ(peer_recv(&k, sd), 1); /* in line, one after the other */
    }
    T_EQ(peer_recv(&k, sd), -EAGAIN);
    peer_end(&k);
}
TWICE(test_urgent_until_the_last_byte_is_read)

T_MAIN("tcp_urgent", T_TWICE(test_urgent_pointer_of_every_segment),
       T_TWICE(test_urgent_until_the_last_byte_is_read))
