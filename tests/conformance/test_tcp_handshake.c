#include "peer.h"

static void test_tcp_handshake_passive(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}
TWICE(test_tcp_handshake_passive)

T_MAIN("tcp_handshake", T_TWICE(test_tcp_handshake_passive))
