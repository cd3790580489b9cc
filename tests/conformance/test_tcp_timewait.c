#include "peer.h"

/* TIME_WAIT whose user has gone, reached with timestamps: last TSval of the peer is k->tsval. */
static void time_wait_ts(struct peer *k)
{
    int listener = peer_listen(k, 0);

    handshake(k, "mss 1460,nop,nop,TS");
    int sd = peer_accept(k, listener);

    sock_close(net_socks(&k->net), sd);
    expect_tcp(k, .flags = "F.", .seq = 1, .ack = 1);
    say(k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
    expect_tcp(k, .flags = ".", .seq = 2, .ack = 2, .opts = "nop,nop,TS");
    expect_state(k, "TIME_WAIT");
}

/* The other direction: our own connect may take the four-tuple over when the peer can tell the
 * new SYN by its timestamp (RFC 6191's other half), and not before. */
static void test_tcp_timewait_reuse_by_connect(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_ts(&k);
    for (size_t i = 0; i < k.sd_count; i++)
        sock_close(net_socks(&k.net), k.sds[i]);
    uint32_t last_tsval = k.last.tsval;
    struct sock_addr local = {ip_addr_v4(H_IP), H_PORT}, to = {ip_addr_v4(PEER_IP), PEER_PORT};
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    sock_setopt(net_socks(&k.net), sd, SOCK_OPT_REUSEADDR, 1);
    T_EQ(sock_bind(net_socks(&k.net), sd, &local), 0);
    int err = sock_connect(net_socks(&k.net), sd, &to); /* our clock has not ticked since */

    T_TRUE(err == -EADDRINUSE || err == -EADDRNOTAVAIL);
    sock_close(net_socks(&k.net), sd);
    expect_state(&k, "TIME_WAIT");
    peer_advance(&k, NET_SEC(2));
    peer_tuple(&k, PEER_PORT, H_PORT);
    peer_connect(&k);
    expect_tcp(&k, .flags = "S");
    T_TRUE((int32_t)(k.last.tsval - last_tsval) > 0);
    expect_state(&k, "SYN_SENT");
    peer_end(&k);
}

static void test_tcp_timewait_no_reuse_by_connect_without_timestamps(void)
{
    struct peer k;

    peer_begin(&k);
    sock_close(net_socks(&k.net), time_wait(&k));
    peer_advance(&k, NET_SEC(2));
    struct sock_addr local = {ip_addr_v4(H_IP), H_PORT}, to = {ip_addr_v4(PEER_IP), PEER_PORT};
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    sock_setopt(net_socks(&k.net), sd, SOCK_OPT_REUSEADDR, 1);
    T_EQ(sock_bind(net_socks(&k.net), sd, &local), 0);
    int err = sock_connect(net_socks(&k.net), sd, &to);

    T_TRUE(err == -EADDRINUSE || err == -EADDRNOTAVAIL);
    sock_close(net_socks(&k.net), sd);
    expect_state(&k, "TIME_WAIT");
    peer_end(&k);
}

/* A connection from @port, which H closes first. */
static void come_and_go(struct peer *k, int listener, uint16_t port)
{
    peer_tuple(k, port, H_PORT);
    handshake(k, "mss 1460");
    sock_close(net_socks(&k->net), peer_accept(k, listener));
    expect_tcp(k, .flags = "F.", .seq = 1, .ack = 1);
    say(k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
    expect_tcp(k, .flags = ".", .seq = 2, .ack = 2);
}

/* When the pool is full the oldest entry makes room. */
static void test_tcp_timewait_pool_is_bounded(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.time_wait = 4;
    peer_begin_with(&k, &cfg);
    int listener = peer_listen(&k, 0);

    for (uint16_t port = 1; port <= 6; port++)
        come_and_go(&k, listener, port);
    T_EQ(net_connections(&k.net), 4);
    T_EQ(k.net.tcp.stats.time_wait_evicted, 2);
    for (uint16_t port = 1; port <= 6; port++) {
        k.peer_port = port;
        expect_state(&k, port <= 2 ? "CLOSED" : "TIME_WAIT");
    }
    peer_tuple(&k, 4, H_PORT); /* one from the middle goes, and the order of the others stays */
    say(&k, .flags = "S", .seq = 5000, .win = 65535);
    expect_tcp(&k, .flags = "S.", .ack = 5001);
    say(&k, .flags = "R", .seq = 5001, .win = 0);
    for (uint16_t port = 7; port <= 9; port++)
        come_and_go(&k, listener, port);
    for (uint16_t port = 3; port <= 9; port++) {
        k.peer_port = port;
        expect_state(&k, port <= 5 ? "CLOSED" : "TIME_WAIT");
    }
    peer_end(&k);
}

T_MAIN("tcp_timewait", T(test_tcp_timewait_reuse_by_connect),
       T(test_tcp_timewait_no_reuse_by_connect_without_timestamps),
       T(test_tcp_timewait_pool_is_bounded))
