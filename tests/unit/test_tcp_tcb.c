/* test_tcp_tcb.c - blocks without a user, and what happens when blocks run out. */
#include "hosts.h"

static int listener(struct net *n, uint16_t port)
{
    struct socks *s = net_socks(n);
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_bind(s, sd, &(struct sock_addr){IP_ADDR_ANY, port}), 0);
    T_EQ(sock_listen(s, sd, 32), 0);
    return sd;
}

static int connection(struct hosts *h, int listening, uint16_t port, int *theirs)
{
    struct socks *a = net_socks(&h->a), *b = net_socks(&h->b);
    int sd = sock_open(a, SOCK_KIND_TCP);

    T_EQ(sock_connect(a, sd, &(struct sock_addr){HOST_B, port}), -EINPROGRESS);
    hosts_run(h, NET_MS(1));
    *theirs = sock_accept(b, listening, NULL);
    return sd;
}

/* Two hosts, the second of which has room for @connections; it listens. */
static int begin_with_room(struct hosts *h, uint32_t connections)
{
    struct net_config a, b;

    hosts_config(&a, 1);
    hosts_config(&b, 2);
    b.tcp.connections = connections;
    b.tcp.idle = 0;
    hosts_begin_with(h, &a, &b);
    return listener(&h->b, 80);
}

/* B closes four connections whose other side never does: FIN-WAIT-2 orphans fill its pool. A fifth
 * client must still get in, at the cost of the oldest. */
static void test_tcp_orphans_make_room_oldest_first(void)
{
    static struct hosts h;
    int mine[5], theirs[5], l = begin_with_room(&h, 4);

    for (unsigned i = 0; i < 4; i++) {
        mine[i] = connection(&h, l, 80, &theirs[i]);
        T_TRUE(theirs[i] >= 0);
        T_EQ(sock_close(net_socks(&h.b), theirs[i]), 0);
        hosts_run(&h, NET_MS(1));
    }
    T_EQ(h.b.tcp.tcbs.used, 4);
    hosts_run(&h, NET_SEC(1));
    mine[4] = connection(&h, l, 80, &theirs[4]);
    T_TRUE(theirs[4] >= 0);
    T_EQ(h.b.tcp.stats.orphans_evicted, 1);
    uint8_t byte;

    T_EQ(sock_recv(net_socks(&h.a), mine[0], &byte, 1, 0), -EPIPE); /* the oldest was reset */
    T_EQ(sock_recv(net_socks(&h.a), mine[1], &byte, 1, 0), 0);      /* closed, and alive */
    for (unsigned i = 0; i < 5; i++)
        sock_close(net_socks(&h.a), mine[i]);
    sock_close(net_socks(&h.b), theirs[4]);
    sock_close(net_socks(&h.b), l);
    hosts_end(&h);
}

/* A pool full of connections that users hold: the newcomer waits, nobody is thrown out. */
static void test_tcp_held_connections_are_not_evicted(void)
{
    static struct hosts h;
    int mine[3], theirs[3], l = begin_with_room(&h, 2);

    for (unsigned i = 0; i < 3; i++)
        mine[i] = connection(&h, l, 80, &theirs[i]);
    T_TRUE(theirs[0] >= 0 && theirs[1] >= 0);
    T_EQ(theirs[2], -EAGAIN);
    T_EQ(h.b.tcp.stats.orphans_evicted, 0);
    T_TRUE(h.b.core.drops[V_DROP_TCP_TCB_POOL] > 0);
    for (unsigned i = 0; i < 3; i++)
        sock_close(net_socks(&h.a), mine[i]);
    for (unsigned i = 0; i < 2; i++)
        sock_close(net_socks(&h.b), theirs[i]);
    sock_close(net_socks(&h.b), l);
    hosts_end(&h);
}

/* An orphan whose peer reads a byte now and then lives ten minutes and no longer. */
static void test_tcp_orphan_with_a_slow_reader_ends(void)
{
    static struct hosts h;
    struct net_config a, b;
    int theirs;
    static uint8_t data[60000];

    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.tcp.rcvbuf = 4096;
    hosts_begin_with(&h, &a, &b);
    int l = listener(&h.b, 80), mine = connection(&h, l, 80, &theirs);

    T_EQ(sock_send(net_socks(&h.b), theirs, data, sizeof(data), 0), sizeof(data));
    sock_close(net_socks(&h.b), theirs);
    sock_close(net_socks(&h.b), l);
    for (unsigned i = 0; i < 30 && net_connections(&h.b) > 0; i++) {
        hosts_run(&h, NET_SEC(30));
        sock_recv(net_socks(&h.a), mine, data, 2000, 0);
    }
    T_EQ(net_connections(&h.b), 0);
    T_TRUE(h.now > NET_SEC(590) && h.now < NET_SEC(700));
    sock_close(net_socks(&h.a), mine);
    hosts_end(&h);
}

/* What the documents say. */
static void test_tcp_defaults(void)
{
    struct tcp_config c;

    tcp_config_default(&c);
    T_EQ(c.backlog, 128);
    T_EQ(c.half_open, 1024);
    T_EQ(c.time_wait, 32768);
    T_EQ(c.msl, NET_SEC(30));
    T_EQ(c.port_min, 32768);
    T_EQ(c.port_max, 60999);
    T_EQ(c.rto_initial, NET_SEC(1));
    T_EQ(c.rto_min, NET_MS(200));
    T_EQ(c.rto_max, NET_SEC(120));
    T_EQ(c.delack, NET_MS(40));
    T_EQ(c.keep_idle, NET_SEC(7200));
    T_EQ(c.keep_interval, NET_SEC(75));
    T_EQ(c.keep_count, 9);
    T_EQ(c.fin_wait_2, NET_SEC(60));
    T_EQ(c.orphan, NET_SEC(120));
    T_EQ(c.orphan_max, NET_SEC(600));
    T_EQ(c.sndbuf, 512 * 1024);
    T_EQ(c.rcvbuf, 256 * 1024);
    T_EQ(c.initial_cwnd, 10);
    T_EQ(c.syn_policy, TCP_SYN_COOKIES);
    T_EQ(c.syn_retries, 7);
    T_EQ(c.synack_retries, 5);
    T_EQ(c.retries1, 3);
    T_EQ(c.retries2, 15);
    T_EQ(c.challenge_acks, 10);
    T_TRUE(c.timestamps && c.window_scaling && c.time_wait_reuse);
}

T_MAIN("tcp_tcb", T(test_tcp_defaults), T(test_tcp_orphans_make_room_oldest_first),
       T(test_tcp_held_connections_are_not_evicted), T(test_tcp_orphan_with_a_slow_reader_ends))
