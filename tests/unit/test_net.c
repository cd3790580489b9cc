/* test_net.c - what only the whole host can do: tell senders that a next hop is silent. */
#include "hosts.h"

static const uint32_t nobody = 0x0a000063;

static void test_net_silent_neighbour_fails_a_connect(void)
{
    static struct hosts h;
    int64_t error;

    hosts_begin(&h);
    struct socks *s = net_socks(&h.a);
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_connect(s, sd, &(struct sock_addr){ip_addr_v4(nobody), 80}), -EINPROGRESS);
    hosts_run(&h, NET_SEC(5));
    T_TRUE(poll_events(s, sd) & SOCK_ERR);
    T_EQ(sock_getopt(s, sd, SOCK_OPT_ERROR, &error), 0);
    T_EQ(error, EHOSTUNREACH);
    sock_close(s, sd);
    hosts_end(&h);
}

static void test_net_silent_neighbour_reaches_a_udp_socket(void)
{
    static struct hosts h;
    uint8_t byte = 0;

    hosts_begin(&h);
    struct socks *s = net_socks(&h.a);
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_EQ(sock_connect(s, sd, &(struct sock_addr){ip_addr_v4(nobody), 7}), 0);
    T_EQ(sock_send(s, sd, &byte, 1, 0), 1);
    hosts_run(&h, NET_SEC(5));
    T_EQ(sock_recv(s, sd, &byte, 1, 0), -EHOSTUNREACH);
    T_EQ(sock_recv(s, sd, &byte, 1, 0), -EAGAIN);
    sock_close(s, sd);
    hosts_end(&h);
}

static void test_net_silent_neighbour_answers_a_ping(void)
{
    static struct hosts h;
    struct icmp4_ping_result r;

    hosts_begin(&h);
    T_EQ(icmp4_ping_send(&h.a.ip, ip_addr_v4(nobody), 7, 1, 56, 0), 0);
    hosts_run(&h, NET_SEC(5));
    T_EQ(icmp4_ping_recv(&h.a.ip, 7, &r), 0);
    T_TRUE(r.is_error);
    T_EQ(r.type, ICMP4_UNREACH);
    T_EQ(r.code, ICMP4_HOST);
    T_TRUE(ip_addr_eq(r.from, HOST_A)); /* the host itself says so */
    hosts_end(&h);
}

/* With so many connections what a burst needs is fetched ahead of it: by what its frames seem to be, also
 * where they are none. */
static void test_net_bursts_to_many_connections(void)
{
    enum { MANY = 1100, BATCH = 40 };
    static int sa[MANY], sb[MANY];
    struct net_config cfg[2];
    struct hosts h;

    for (uint8_t i = 0; i < 2; i++) {
        hosts_config(&cfg[i], (uint8_t)(i + 1));
        cfg[i].tcp.connections = cfg[i].socks.sockets = cfg[i].tcp.time_wait = MANY + 8;
    }
    hosts_begin_with(&h, &cfg[0], &cfg[1]);
    int listener = sock_open(net_socks(&h.b), SOCK_KIND_TCP);

    T_EQ(sock_bind(net_socks(&h.b), listener, &(struct sock_addr){.port = 80}), 0);
    T_EQ(sock_listen(net_socks(&h.b), listener, 4), 0);
    for (unsigned i = 0; i < MANY; i++) {
        sa[i] = sock_open(net_socks(&h.a), SOCK_KIND_TCP);
        T_EQ(sock_connect(net_socks(&h.a), sa[i], &(struct sock_addr){HOST_B, 80}), -EINPROGRESS);
        hosts_run(&h, NET_US(10));
        sb[i] = sock_accept(net_socks(&h.b), listener, NULL);
        T_NEED(sb[i] >= 0);
        T_EQ(sock_send(net_socks(&h.a), sa[i], &(uint8_t){(uint8_t)i}, 1, 0), 1);
    }
    T_TRUE(tcp_is_wide(&h.b.tcp));
    for (bool more = true; more;) {
        struct pkt *out[BATCH - 3], *in[BATCH];
        size_t count = net_output(&h.a, out, ARRAY_LEN(out), h.now), k = 0;

        for (size_t i = 0; i < 3; i++) { /* nothing, half a header, and no sense in it */
            in[k] = net_pkt(&h.b);
            memset(pkt_append(in[k], (uint32_t)(27 * i)), 0x45, 27 * i);
            k++;
        }
        for (size_t i = 0; i < count; i++) {
            pkt_csum_complete(out[i]);
            in[k] = net_pkt(&h.b);
            pkt_copy_out(out[i], pkt_append(in[k++], pkt_total(out[i])));
            pkt_release(out[i]);
        }
        net_input(&h.b, in, k, h.now);
        more = count > 0;
    }
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t got = 0;

        T_EQ(sock_recv(net_socks(&h.b), sb[i], &got, 1, 0), 1);
        T_EQ(got, (uint8_t)i);
        T_EQ(sock_abort(net_socks(&h.b), sb[i]), 0);
        T_EQ(sock_abort(net_socks(&h.a), sa[i]), 0);
        hosts_run(&h, NET_US(10));
    }
    T_EQ(sock_close(net_socks(&h.b), listener), 0);
    hosts_end(&h);
}

T_MAIN("net", T(test_net_silent_neighbour_fails_a_connect),
       T(test_net_silent_neighbour_reaches_a_udp_socket),
       T(test_net_silent_neighbour_answers_a_ping), T(test_net_bursts_to_many_connections))
