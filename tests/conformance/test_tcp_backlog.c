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

/* No answer could lead to an accept, so a SYN gets none; it comes again. */
static void test_tcp_backlog_full_drops_syn(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = full(&k, 2);

    say(&k, .flags = "S", .win = 65535);
    expect_nothing(&k, NET_SEC(1));
    expect_state(&k, "CLOSED");
    T_EQ(peer_drops(&k, V_DROP_TCP_ACCEPT_QUEUE), 1);
    peer_accept(&k, listener);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    peer_end(&k);
}

/* The queue fills between SYN and third segment: the entry stays, the SYN,ACK goes again, and the
 * answer to it is another chance. */
static void test_tcp_backlog_full_drops_third_segment(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 1);

    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    uint32_t iss = k.h_iss;

    peer_tuple(&k, 1, H_PORT);
    handshake(&k, "mss 1460");
    peer_tuple(&k, PEER_PORT, H_PORT);
    k.h_iss = iss;
    k.knows_h_iss = true;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_nothing(&k, 0);
    expect_state(&k, "SYN_RCVD");
    T_EQ(peer_drops(&k, V_DROP_TCP_ACCEPT_QUEUE), 1);
    expect_tcp(&k, .flags = "S.", .ack = 1, .after = NET_SEC(1));
    peer_accept(&k, listener);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    expect_state(&k, "ESTABLISHED");
    peer_read(&k, peer_accept(&k, listener), "abc");
    peer_end(&k);
}

/* First come, first accepted. */
static void test_tcp_backlog_order(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = full(&k, 5);

    for (int i = 1; i <= 5; i++) {
        struct sock_addr from;
        int sd = sock_accept(net_socks(&k.net), listener, &from);

        T_EQ(from.port, i);
        sock_abort(net_socks(&k.net), sd);
    }
    T_EQ(sock_accept(net_socks(&k.net), listener, NULL), -EAGAIN);
    peer_end(&k);
}

/* Who waits in the queue when the listener closes is told; so is who is only half there, as soon
 * as he speaks. */
static void test_tcp_backlog_listener_closes(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = full(&k, 1);

    sock_close(net_socks(&k.net), peer_accept(&k, listener));
    peer_forget(&k);
    peer_tuple(&k, 2, H_PORT);
    say(&k, .flags = "S", .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    uint32_t iss = k.h_iss;

    peer_tuple(&k, PEER_PORT, H_PORT);
    handshake(&k, "mss 1460");
    sock_close(net_socks(&k.net), listener);
    expect_tcp(&k, .flags = "R.", .seq = 1, .ack = 1);
    expect_state(&k, "CLOSED");
    peer_tuple(&k, 2, H_PORT);
    k.h_iss = iss;
    expect_state(&k, "CLOSED");
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = "R", .seq = 1);
    peer_end(&k);
}

/* A connection that is reset while it waits is handed over all the same, with its error. */
static void test_tcp_backlog_reset_while_waiting(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460");
    say(&k, .flags = "R", .seq = 1, .win = 0);
    expect_state(&k, "CLOSED");
    int sd = peer_accept(&k, listener);

    T_EQ(peer_recv(&k, sd), -ECONNRESET);
    peer_end(&k);
}

/* The pool of blocks is empty: the handshake stays half done, and is finished when there is one. */
static void test_tcp_backlog_no_block(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.connections = 2;
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

T_MAIN("tcp_backlog", T(test_tcp_backlog_full_drops_syn),
       T(test_tcp_backlog_full_drops_third_segment), T(test_tcp_backlog_order),
       T(test_tcp_backlog_listener_closes), T(test_tcp_backlog_reset_while_waiting),
       T(test_tcp_backlog_no_block))
