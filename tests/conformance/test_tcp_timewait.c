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

/* The same without timestamps, and with a listener that still listens. */
static void time_wait_plain(struct peer *k)
{
    int sd = time_wait(k);

    sock_close(net_socks(&k->net), sd);
    peer_listen(k, 0);
}

/* H has sent a SYN,ACK to a SYN with number @seq: an ISS above all it had used before. */
static void expect_reborn(struct peer *k, uint32_t seq)
{
    const struct seen *s = peer_next(k);

    T_NEED(s != NULL);
    T_STR(s->flags, "S.");
    T_EQ(s->ack - k->peer_iss, seq + 1);
    T_TRUE((int32_t)(s->seq - (k->h_iss + 2)) > 0);
    expect_state(k, "SYN_RCVD");
}

/* The peer's FIN comes again, even late: it is acknowledged, and 2 MSL start again.
 * REQ: TCP-MUST-13 TCP-9293-3.10.7.4-8 */
static void test_tcp_timewait_fin_again(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_plain(&k);
    expect_nothing(&k, NET_SEC(57));
    say(&k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_nothing(&k, NET_SEC(60) - 1);
    expect_state(&k, "TIME_WAIT");
    expect_nothing(&k, 1);
    expect_state(&k, "CLOSED");
    peer_end(&k);
}
TWICE(test_tcp_timewait_fin_again)

/* A FIN with another number is not the peer's: it must not keep the entry alive. */
static void test_tcp_timewait_strange_fin_does_not_prolong(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_plain(&k);
    expect_nothing(&k, NET_SEC(57));
    say(&k, .flags = "F.", .seq = 5000, .ack = 2, .win = 65535);
    peer_forget(&k);
    peer_advance(&k, NET_SEC(3));
    expect_state(&k, "CLOSED");
    peer_end(&k);
}
TWICE(test_tcp_timewait_strange_fin_does_not_prolong)

/* REQ: TCP-1337-3-1 */
static void test_tcp_timewait_rst_is_ignored(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_plain(&k);
    say(&k, .flags = "R", .seq = 2, .win = 0);
    say(&k, .flags = "R.", .seq = 2, .ack = 2, .win = 0);
    expect_nothing(&k, NET_SEC(60) - 1);
    expect_state(&k, "TIME_WAIT");
    T_EQ(peer_drops(&k, V_DROP_TCP_RST_TIME_WAIT), 2);
    expect_nothing(&k, 1);
    expect_state(&k, "CLOSED");
    peer_end(&k);
}
TWICE(test_tcp_timewait_rst_is_ignored)

/* Old data draw an ACK; the peer's reset in return is ignored. REQ: TCP-1337-2-1 */
static void test_tcp_timewait_old_data(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_plain(&k);
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "P.", .seq = 0x90000000, .ack = 1, .win = 65535, .len = 10);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    say(&k, .flags = "R", .seq = 2, .win = 0);
    expect_state(&k, "TIME_WAIT");
    for (int i = 0; i < 100; i++) /* no storm */
        say(&k, .flags = ".", .seq = 500, .ack = 1, .win = 65535);
    T_TRUE(peer_forget(&k) <= 1);
    say(&k, .flags = ".", .seq = 2, .ack = 2, .win = 65535); /* a plain ACK: nothing to say */
    expect_nothing(&k, NET_SEC(1));
    expect_state(&k, "TIME_WAIT");
    peer_end(&k);
}
TWICE(test_tcp_timewait_old_data)

/* REQ: TCP-6191-2-1 TCP-SHLD-4 */
static void test_tcp_timewait_syn_with_later_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_ts(&k);
    k.tsval++;
    say(&k, .flags = "S", .seq = 0x90000000, .win = 65535, .opts = "mss 1460,nop,nop,TS");
    expect_reborn(&k, 0x90000000);
    peer_end(&k);
}
TWICE(test_tcp_timewait_syn_with_later_timestamp)

/* REQ: TCP-6191-2-2 TCP-6191-2-5 TCP-SHLD-4 */
static void test_tcp_timewait_syn_with_equal_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_ts(&k);
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "S", .seq = 1, .win = 65535, .opts = "mss 1460,nop,nop,TS");
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "TIME_WAIT");
    say(&k, .flags = "S", .seq = 3, .win = 65535, .opts = "mss 1460,nop,nop,TS");
    expect_reborn(&k, 3);
    peer_end(&k);
}
TWICE(test_tcp_timewait_syn_with_equal_timestamp)

/* An earlier timestamp is an old SYN, whatever its number. REQ: TCP-6191-2-5 TCP-SHLD-4 */
static void test_tcp_timewait_syn_with_earlier_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_ts(&k);
    peer_advance(&k, NET_SEC(1));
    k.tsval--;
    say(&k, .flags = "S", .seq = 100000, .win = 65535, .opts = "mss 1460,nop,nop,TS");
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "TIME_WAIT");
    peer_end(&k);
}
TWICE(test_tcp_timewait_syn_with_earlier_timestamp)

/* REQ: TCP-6191-2-3 TCP-6191-2-5 */
static void test_tcp_timewait_syn_without_timestamp(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_ts(&k);
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "S", .seq = 1, .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    say(&k, .flags = "S", .seq = 3, .win = 65535, .opts = "mss 1460");
    expect_reborn(&k, 3);
    T_FALSE(k.last.has_ts);
    peer_end(&k);
}
TWICE(test_tcp_timewait_syn_without_timestamp)

/* REQ: TCP-6191-2-4 TCP-MAY-2 */
static void test_tcp_timewait_of_a_connection_without_timestamps(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait_plain(&k);
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "S", .seq = 1, .win = 65535, .opts = "mss 1460"); /* old */
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    say(&k, .flags = "S", .seq = 3, .win = 65535, .opts = "mss 1460");
    expect_reborn(&k, 3);
    peer_end(&k);

    peer_begin(&k);
    time_wait_plain(&k);
    k.tsval = 0x90000000; /* there is nothing to compare it with */
    say(&k, .flags = "S", .seq = 0x90000000, .win = 65535, .opts = "mss 1460,nop,nop,TS");
    expect_reborn(&k, 0x90000000);
    T_TRUE(k.last.has_ts);
    peer_end(&k);
}
TWICE(test_tcp_timewait_of_a_connection_without_timestamps)

/* A SYN that nobody waits for does not end TIME-WAIT; nor does a SYN,ACK. */
static void test_tcp_timewait_syn_without_listener(void)
{
    struct peer k;

    peer_begin(&k);
    time_wait(&k);
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "S", .seq = 5000, .win = 65535, .opts = "mss 1460,nop,nop,TS");
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "S.", .seq = 5000, .ack = 2, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "TIME_WAIT");
    peer_end(&k);
}

/* TIME-WAIT is not given up for a SYN that would be dropped: the accept queue is full. */
static void test_tcp_timewait_syn_and_a_full_accept_queue(void)
{
    struct peer k;

    peer_begin(&k);
    sock_close(net_socks(&k.net), time_wait(&k));
    uint32_t iss = k.h_iss;
    int listener = peer_listen(&k, 1);

    peer_tuple(&k, 50000, H_PORT);
    handshake(&k, "mss 1460");
    peer_tuple(&k, PEER_PORT, H_PORT);
    k.h_iss = iss;
    peer_advance(&k, NET_SEC(1));
    say(&k, .flags = "S", .seq = 5000, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    expect_state(&k, "TIME_WAIT");
    peer_accept(&k, listener);
    say(&k, .flags = "S", .seq = 5000, .win = 65535);
    expect_reborn(&k, 5000);
    peer_end(&k);
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

/* When the pool is full the oldest entry makes room. */
static void test_tcp_timewait_pool_is_bounded(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.time_wait = 4;
    peer_begin_with(&k, &cfg);
    int listener = peer_listen(&k, 0);

    for (uint16_t port = 1; port <= 6; port++) {
        peer_tuple(&k, port, H_PORT);
        handshake(&k, "mss 1460");
        sock_close(net_socks(&k.net), peer_accept(&k, listener));
        expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1);
        say(&k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
        expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    }
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
    for (uint16_t port = 7; port <= 9; port++) {
        peer_tuple(&k, port, H_PORT);
        handshake(&k, "mss 1460");
        sock_close(net_socks(&k.net), peer_accept(&k, listener));
        expect_tcp(&k, .flags = "F.", .seq = 1, .ack = 1);
        say(&k, .flags = "F.", .seq = 1, .ack = 2, .win = 65535);
        expect_tcp(&k, .flags = ".", .seq = 2, .ack = 2);
    }
    for (uint16_t port = 3; port <= 9; port++) {
        k.peer_port = port;
        expect_state(&k, port <= 5 ? "CLOSED" : "TIME_WAIT");
    }
    peer_end(&k);
}

T_MAIN("tcp_timewait", T_TWICE(test_tcp_timewait_fin_again),
       T_TWICE(test_tcp_timewait_strange_fin_does_not_prolong),
       T_TWICE(test_tcp_timewait_rst_is_ignored), T_TWICE(test_tcp_timewait_old_data),
       T_TWICE(test_tcp_timewait_syn_with_later_timestamp),
       T_TWICE(test_tcp_timewait_syn_with_equal_timestamp),
       T_TWICE(test_tcp_timewait_syn_with_earlier_timestamp),
       T_TWICE(test_tcp_timewait_syn_without_timestamp),
       T_TWICE(test_tcp_timewait_of_a_connection_without_timestamps),
       T(test_tcp_timewait_syn_without_listener), T(test_tcp_timewait_syn_and_a_full_accept_queue),
       T(test_tcp_timewait_reuse_by_connect),
       T(test_tcp_timewait_no_reuse_by_connect_without_timestamps),
       T(test_tcp_timewait_pool_is_bounded))
