/*
 * Multicast from socket to socket: a (10.0.0.1) and b (10.0.0.2) on one wire.
 */
#include "hosts.h"

#define GROUP ip_addr_v4(0xef010203) /* 239.1.2.3 */
#define ALIAS ip_addr_v4(0xe0810203) /* 224.129.2.3: another group with the same MAC address */
#define OTHER ip_addr_v4(0xef010204)
#define ALL   ip_addr_v4(0xe0000001)
enum { PORT = 5000 };

static int bound(struct net *n, struct ip_addr local)
{
    struct socks *s = net_socks(n);
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_NEED(sd >= 0);
    T_EQ(sock_setopt(s, sd, SOCK_OPT_REUSEADDR, 1), 0);
    T_EQ(sock_bind(s, sd, &(struct sock_addr){local, PORT}), 0);
    return sd;
}

static int member(struct net *n, struct ip_addr group)
{
    int sd = bound(n, IP_ADDR_ANY);

    T_EQ(sock_group_join(net_socks(n), sd, group, -1), 0);
    return sd;
}

static void tell(struct hosts *h, struct net *n, int sd, struct ip_addr to, const char *text)
{
    int len = (int)strlen(text);

    T_EQ(sock_sendto(net_socks(n), sd, text, strlen(text), &(struct sock_addr){to, PORT}), len);
    hosts_run(h, 0);
}

/* What has come to @sd since the last time, all datagrams behind one another. */
static const char *heard(struct net *n, int sd)
{
    static char text[256];
    size_t len = 0;
    int got;

    while ((got = sock_recv(net_socks(n), sd, text + len, sizeof(text) - len - 1, 0)) >= 0)
        len += (size_t)got;
    T_EQ(got, -EAGAIN);
    text[len] = '\0';
    return text;
}

/* REQ: IGMP-1112-7.2-1 IGMP-1112-6.4-1 */
static void test_multicast_reaches_the_members_of_the_group(void)
{
    struct hosts h;

    hosts_begin(&h);
    int from = bound(&h.a, IP_ADDR_ANY);
    int one = member(&h.b, GROUP), two = member(&h.b, GROUP), other = member(&h.b, OTHER);
    int none = bound(&h.b, IP_ADDR_ANY), exact = bound(&h.b, GROUP);

    T_EQ(sock_group_join(net_socks(&h.b), exact, GROUP, 0), 0);
    tell(&h, &h.a, from, GROUP, "group");
    T_STR(heard(&h.b, one), "group");
    T_STR(heard(&h.b, two), "group"); /* each gets a copy of its own */
    T_STR(heard(&h.b, exact), "group");
    T_STR(heard(&h.b, other), "");
    T_STR(heard(&h.b, none), "");
    tell(&h, &h.a, from, ALIAS, "alias"); /* the same frame address, another group */
    T_EQ(h.b.core.drops[V_DROP_IP4_NOT_FOR_US], 1);
    T_STR(heard(&h.b, one), "");
    tell(&h, &h.a, from, ALL, "all"); /* of which everybody is a member */
    T_STR(heard(&h.b, one), "all");
    T_STR(heard(&h.b, two), "all");
    T_STR(heard(&h.b, none), "all");
    T_STR(heard(&h.b, exact), "");
    T_EQ(sock_group_leave(net_socks(&h.b), one, GROUP, -1), 0);
    T_EQ(sock_group_leave(net_socks(&h.b), one, GROUP, -1), -EADDRNOTAVAIL);
    tell(&h, &h.a, from, GROUP, "again");
    T_STR(heard(&h.b, one), "");
    T_STR(heard(&h.b, two), "again");
    sock_close(net_socks(&h.a), from);
    int all[] = {one, two, other, none, exact};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        sock_close(net_socks(&h.b), all[i]);
    hosts_end(&h);
}

/* REQ: IGMP-2236-3-4 */
static void test_multicast_close_ends_memberships(void)
{
    struct hosts h;

    hosts_begin(&h);
    int one = member(&h.b, GROUP), two = member(&h.b, GROUP);

    T_EQ(sock_group_join(net_socks(&h.b), one, OTHER, -1), 0);
    hosts_run(&h, NET_SEC(20));
    T_EQ(h.b.ip.igmp.groups.used, 2);
    T_EQ(h.b.udp.members.used, 3);
    sock_close(net_socks(&h.b), one);
    hosts_run(&h, 0);
    T_EQ(h.b.ip.igmp.stats.tx_leaves, 1); /* of OTHER; two is still in GROUP */
    T_EQ(h.b.ip.igmp.groups.used, 1);
    sock_close(net_socks(&h.b), two);
    hosts_run(&h, 0);
    T_EQ(h.b.ip.igmp.stats.tx_leaves, 2);
    T_EQ(h.b.ip.igmp.groups.used, 0);
    T_EQ(h.b.udp.members.used, 0);
    T_EQ(h.b.ifs[0].eth.group_count, 0);
    hosts_end(&h);
}

/* REQ: IGMP-1112-6.1-1 */
static void test_multicast_time_to_live_and_loop(void)
{
    struct hosts h;

    hosts_begin(&h);
    struct socks *s = net_socks(&h.a);
    int from = member(&h.a, GROUP), near = member(&h.a, GROUP), far = member(&h.b, GROUP);
    struct sock_msg m;
    char got[8];

    T_EQ(sock_setopt(s, from, SOCK_OPT_TTL, 77), 0); /* which is for others */
    tell(&h, &h.a, from, GROUP, "1");
    T_EQ(sock_recvmsg(net_socks(&h.b), far, got, sizeof(got), &m), 1);
    T_EQ(m.ttl, 1);
    T_EQ(m.cast, CAST_MULTICAST);
    T_TRUE(ip_addr_eq(m.local.ip, GROUP) && ip_addr_eq(m.peer.ip, HOST_A));
    T_EQ(sock_recvmsg(s, near, got, sizeof(got), &m), 1);
    T_EQ(m.ttl, 1);
    T_TRUE(ip_addr_eq(m.local.ip, GROUP) && ip_addr_eq(m.peer.ip, HOST_A));
    T_EQ(m.peer.port, PORT);
    T_STR(heard(&h.a, from), "1"); /* itself is a member, too */
    T_EQ(sock_setopt(s, from, SOCK_OPT_MULTICAST_TTL, 9), 0);
    T_EQ(sock_setopt(s, from, SOCK_OPT_MULTICAST_LOOP, 0), 0);
    tell(&h, &h.a, from, GROUP, "2");
    T_EQ(sock_recvmsg(net_socks(&h.b), far, got, sizeof(got), &m), 1);
    T_EQ(m.ttl, 9);
    T_STR(heard(&h.a, near), "");
    T_EQ(sock_setopt(s, from, SOCK_OPT_MULTICAST_TTL, 0), 0);
    T_EQ(sock_setopt(s, from, SOCK_OPT_MULTICAST_LOOP, 1), 0);
    tell(&h, &h.a, from, GROUP, "3");
    T_STR(heard(&h.b, far), "");
    T_STR(heard(&h.a, near), "3");
    T_STR(heard(&h.a, from), "3");
    sock_close(s, from);
    sock_close(s, near);
    sock_close(net_socks(&h.b), far);
    hosts_end(&h);
}

static void test_multicast_options(void)
{
    struct hosts h;
    int64_t v;

    hosts_begin(&h);
    struct socks *s = net_socks(&h.a);
    int sd = member(&h.a, GROUP), tcp = sock_open(s, SOCK_KIND_TCP);
    static const struct {
        enum sock_opt opt;
        int64_t value;
        int err;
    } set[] = {
        {SOCK_OPT_MULTICAST_TTL,  256, -EINVAL},
        {SOCK_OPT_MULTICAST_TTL,  -1,  -EINVAL},
        {SOCK_OPT_MULTICAST_TTL,  255, 0      },
        {SOCK_OPT_MULTICAST_IF,   1,   -ENODEV},
        {SOCK_OPT_MULTICAST_IF,   -2,  -ENODEV},
        {SOCK_OPT_MULTICAST_IF,   0,   0      },
        {SOCK_OPT_MULTICAST_LOOP, 0,   0      },
    };

    for (size_t i = 0; i < ARRAY_LEN(set); i++) {
        T_EQ(sock_setopt(s, sd, set[i].opt, set[i].value), set[i].err);
        T_EQ(sock_setopt(s, tcp, set[i].opt, set[i].value) < 0, 1);
        T_EQ(sock_getopt(s, tcp, set[i].opt, &v), -ENOPROTOOPT);
        T_EQ(sock_getopt(s, sd, set[i].opt, &v), 0);
        T_EQ(v == set[i].value, set[i].err == 0);
    }
    T_EQ(sock_group_join(s, sd, GROUP, 0), -EADDRINUSE);
    T_EQ(h.a.ip.igmp.groups.used, 1);
    T_EQ(sock_group_join(s, sd, HOST_B, 0), -EINVAL);
    T_EQ(sock_group_join(s, sd, OTHER, 1), -ENODEV);
    T_EQ(sock_group_join(s, tcp, GROUP, 0), -EOPNOTSUPP);
    T_EQ(sock_group_leave(s, tcp, GROUP, 0), -EOPNOTSUPP);
    T_EQ(sock_group_join(s, 60, GROUP, 0), -EBADF);
    T_EQ(sock_group_leave(s, 60, GROUP, 0), -EBADF);
    sock_close(s, sd);
    sock_close(s, tcp);
    hosts_end(&h);
}

static void test_multicast_memberships_are_bounded(void)
{
    struct net_config a, b;
    struct hosts h;
    int err = 0;

    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.udp.members = 30;
    hosts_begin_with(&h, &a, &b);
    struct socks *s = net_socks(&h.a);
    int one = bound(&h.a, IP_ADDR_ANY), two = bound(&h.a, IP_ADDR_ANY);
    uint32_t n = 0;

    while (n < 100 && (err = sock_group_join(s, one, ip_addr_v4(0xef020000 + n), 0)) == 0)
        n++;
    T_EQ(err, -ENOBUFS);
    T_EQ(n, a.udp.members_each);
    for (n = 0; n < 100 && (err = sock_group_join(s, two, ip_addr_v4(0xef030000 + n), 0)) == 0;)
        n++;
    T_EQ(err, -ENOBUFS);
    T_EQ(n, 10);
    hosts_run(&h, 0);
    T_EQ(h.a.ip.igmp.groups.used, 30); /* the refused ones have left nothing behind */
    sock_close(s, one);
    sock_close(s, two);
    hosts_end(&h);
}

/* What reaches a reader who does not read is bounded, and the others go on. */
static void test_multicast_slow_member_holds_nobody_back(void)
{
    struct hosts h;

    hosts_begin(&h);
    int from = bound(&h.a, IP_ADDR_ANY), slow = member(&h.b, GROUP), quick = member(&h.b, GROUP);

    T_EQ(sock_setopt(net_socks(&h.b), slow, SOCK_OPT_RCVBUF, 4096), 0);
    for (int i = 0; i < 300; i++) {
        tell(&h, &h.a, from, GROUP, "x");
        T_STR(heard(&h.b, quick), "x");
    }
    T_TRUE(h.b.core.pkts.slab.used < 10);
    sock_close(net_socks(&h.a), from);
    sock_close(net_socks(&h.b), slow);
    sock_close(net_socks(&h.b), quick);
    hosts_end(&h);
}

T_MAIN("multicast", T(test_multicast_reaches_the_members_of_the_group),
       T(test_multicast_close_ends_memberships), T(test_multicast_time_to_live_and_loop),
       T(test_multicast_options), T(test_multicast_memberships_are_bounded),
       T(test_multicast_slow_member_holds_nobody_back))
