/*
 * test_tcp_flow.c - the table of those who spoke last: it is never wrong, whoever stands in it.
 */
#include "unit/hosts.h"

enum { PORT = 80, FROM = 40000, MANY = 20 };

static int listen_at_b(struct hosts *h)
{
    int sd = sock_open(net_socks(&h->b), SOCK_KIND_TCP);

    T_EQ(sock_bind(net_socks(&h->b), sd, &(struct sock_addr){.port = PORT}), 0);
    T_EQ(sock_listen(net_socks(&h->b), sd, MANY), 0);
    return sd;
}

/* From @port of a; both ends of it. */
static void open_from(struct hosts *h, int listener, uint16_t port, int *sa, int *sb)
{
    *sa = sock_open(net_socks(&h->a), SOCK_KIND_TCP);
    T_EQ(sock_setopt(net_socks(&h->a), *sa, SOCK_OPT_REUSEADDR, 1), 0);
    T_EQ(sock_setopt(net_socks(&h->a), *sa, SOCK_OPT_NODELAY, 1), 0);
    T_EQ(sock_bind(net_socks(&h->a), *sa, &(struct sock_addr){.port = port}), 0);
    T_EQ(sock_connect(net_socks(&h->a), *sa, &(struct sock_addr){HOST_B, PORT}), -EINPROGRESS);
    hosts_run(h, NET_MS(1));
    *sb = sock_accept(net_socks(&h->b), listener, NULL);
    T_NEED(*sb >= 0);
}

/* One byte from @sa arrives at @sb. */
static void say(struct hosts *h, int sa, int sb, uint8_t byte)
{
    uint8_t got = 0;

    T_EQ(sock_send(net_socks(&h->a), sa, &byte, 1, 0), 1);
    hosts_run(h, NET_MS(1));
    T_EQ(sock_recv(net_socks(&h->b), sb, &got, 1, 0), 1);
    T_EQ(got, byte);
}

static const struct tcp_flow *flow_of(const struct net *n, uint16_t port)
{
    for (unsigned i = 0; i < TCP_FLOWS; i++)
        if (n->tcp.flows[i].t != NULL && (n->tcp.flows[i].ports & 0xffff) == port)
            return &n->tcp.flows[i];
    return NULL;
}

static void test_tcp_flow_the_same_four_numbers_again(void)
{
    struct hosts h;
    int listener, sa, sb;

    hosts_begin(&h);
    listener = listen_at_b(&h);
    for (uint8_t round = 0; round < 4; round++) {
        open_from(&h, listener, FROM, &sa, &sb);
        say(&h, sa, sb, round);
        T_TRUE(flow_of(&h.b, FROM) != NULL);
        if (round % 2 == 0) { /* gone at once */
            T_EQ(sock_abort(net_socks(&h.b), sb), 0);
            T_TRUE(flow_of(&h.b, FROM) == NULL);
            hosts_run(&h, NET_MS(1));
            T_EQ(sock_abort(net_socks(&h.a), sa), 0);
        } else { /* b waits in TIME-WAIT, which is another record */
            T_EQ(sock_close(net_socks(&h.b), sb), 0);
            hosts_run(&h, NET_MS(1));
            T_EQ(sock_close(net_socks(&h.a), sa), 0);
            hosts_run(&h, NET_MS(1));
            T_EQ(h.b.tcp.tws.used, 1);
            T_TRUE(flow_of(&h.b, FROM) == NULL);
            hosts_run(&h, NET_SEC(61));
        }
    }
    T_EQ(sock_close(net_socks(&h.b), listener), 0);
    hosts_end(&h);
}

/* Ports that share one place, and speak in turn. */
static void test_tcp_flow_places_are_shared(void)
{
    struct hosts h;
    int listener, sa[MANY], sb[MANY];

    hosts_begin(&h);
    listener = listen_at_b(&h);
    for (unsigned i = 0; i < MANY; i++)
        open_from(&h, listener, (uint16_t)(FROM + i * TCP_FLOWS), &sa[i], &sb[i]);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < MANY; i++)
            say(&h, sa[i], sb[i], (uint8_t)(round + i));
    for (unsigned i = 0; i < MANY; i++) { /* he who does not stand there takes nobody out of it */
        T_EQ(sock_abort(net_socks(&h.a), sa[i]), 0);
        hosts_run(&h, NET_MS(1));
        T_EQ(sock_abort(net_socks(&h.b), sb[i]), 0);
        if (i < MANY - 1)
            say(&h, sa[MANY - 1], sb[MANY - 1], (uint8_t)i);
    }
    T_EQ(sock_close(net_socks(&h.b), listener), 0);
    hosts_end(&h);
}

T_MAIN("tcp_flow", T(test_tcp_flow_the_same_four_numbers_again), T(test_tcp_flow_places_are_shared))
