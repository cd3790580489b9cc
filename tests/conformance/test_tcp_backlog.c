#include "peer.h"

/* The listener's queue of @backlog is filled by connections from ports 1, 2 ... */
static int full(struct peer *k, int backlog)
{
    int listener = peer_listen(k, backlog);

    for (int i = 1; i <= backlog; i++) {
        peer_tuple(k, (uint16_t)i, H_PORT);
        handshake(k, "mss 1460");
    }
    peer_tuple(k, PEER_PORT, H_PORT);
    return listener;
}

/* The pool of blocks is empty: the handshake stays half done, and is finished when there is one. */
static void test_tcp_backlog_no_block(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.connections = 2;
    cfg.tcp.idle = 0;
    peer_begin_with(&k, &cfg);
    int listener = full(&k, 2);

    sock_setopt(net_socks(&k.net), listener, SOCK_OPT_LINGER, 0);
    int first = peer_accept(&k, listener);

    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "SYN_RCVD");
    T_EQ(peer_drops(&k, V_DROP_TCP_TCB_POOL), 1);
    sock_abort(net_socks(&k.net), first);
    peer_settle(&k);
    peer_forget(&k);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}

T_MAIN("tcp_backlog", T(test_tcp_backlog_no_block))
