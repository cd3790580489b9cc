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

T_MAIN("net", T(test_net_silent_neighbour_fails_a_connect),
       T(test_net_silent_neighbour_reaches_a_udp_socket),
       T(test_net_silent_neighbour_answers_a_ping))
