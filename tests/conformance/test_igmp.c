#include "raw.h"

enum { PORT = 5000 };
#define GROUP_ADDR  0xef010203u /* 239.1.2.3 */
#define GROUP_B     0xef010204u
#define ALL_HOSTS   0xe0000001u
#define ALL_ROUTERS 0xe0000002u

static const uint8_t to_group[6] = {0x01, 0, 0x5e, 1, 2, 3}, to_all[6] = {0x01, 0, 0x5e, 0, 0, 1};

static int member(struct peer *k, uint32_t group)
{
    struct socks *s = net_socks(&k->net);
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_EQ(sock_setopt(s, sd, SOCK_OPT_REUSEADDR, 1), 0);
    T_EQ(sock_bind(s, sd, &(struct sock_addr){IP_ADDR_ANY, PORT}), 0);
    T_EQ(sock_group_join(s, sd, ip_addr_v4(group), -1), 0);
    peer_settle(k);
    return sd;
}

/* The next frame of H is this message, as RFC 2236 section 2 wants all of them. */
static bool igmp_is(struct peer *k, uint8_t type, uint32_t group, uint32_t dst)
{
    const struct seen *s = peer_next(k);

    return s != NULL && s->proto == 2 && s->igmp_type == type && s->igmp_group == group &&
           s->igmp_time == 0 && s->dst == dst && s->src == H_IP && s->ttl == 1 &&
           s->mac_dst[0] == 1 && s->mac_dst[3] == (dst >> 16 & 0x7f) &&
           s->mac_dst[5] == (dst & 0xff);
}

static void igmp_say(struct peer *k, uint8_t type, uint8_t time, uint32_t group, uint32_t dst,
                     const uint8_t *mac)
{
    uint8_t m[8];
    uint32_t len = raw_icmp(m, type, time, group, "", 0); /* of the same shape */

    say_ip(k, .proto = 2, .mac = mac, .dst = dst, .ttl = 1, .tos = 0xc0, .opts = "\x94\x04\x00\x00",
           .opt_len = 4, .data = m, .len = len);
}

static void query(struct peer *k, uint8_t tenths)
{
    igmp_say(k, 0x11, tenths, 0, ALL_HOSTS, to_all);
}

/* Both reports of a join. */
static void joined(struct peer *k, uint32_t group)
{
    T_TRUE(igmp_is(k, 0x16, group, group));
    net_time at = k->now;

    peer_run_to_frame(k, NET_SEC(20));
    T_TRUE(k->now > at && k->now - at <= NET_SEC(10));
    T_TRUE(igmp_is(k, 0x16, group, group));
}

/* REQ: IGMP-2236-2-1 IGMP-2236-3-1 IGMP-2236-3-4 */
static void test_igmp_join_and_leave(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = member(&k, GROUP_ADDR);

    joined(&k, GROUP_ADDR);
    expect_nothing(&k, NET_SEC(600));
    sock_close(net_socks(&k.net), sd);
    peer_settle(&k);
    T_TRUE(igmp_is(&k, 0x17, GROUP_ADDR, ALL_ROUTERS));
    peer_end(&k);
}

/* REQ: IGMP-2236-3-2 */
static void test_igmp_query_is_answered(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = member(&k, GROUP_ADDR);

    joined(&k, GROUP_ADDR);
    T_EQ(sock_group_join(net_socks(&k.net), sd, ip_addr_v4(GROUP_B), -1), 0);
    peer_settle(&k);
    joined(&k, GROUP_B);
    for (int i = 0; i < 20; i++) {
        net_time at = k.now;
        uint32_t first;

        query(&k, 100);
        peer_run_to_frame(&k, NET_SEC(20));
        const struct seen *s = peer_next(&k);

        T_NEED(s != NULL && s->proto == 2);
        first = s->igmp_group;
        peer_run_to_frame(&k, NET_SEC(20));
        T_TRUE(igmp_is(&k, 0x16, first ^ GROUP_ADDR ^ GROUP_B, first ^ GROUP_ADDR ^ GROUP_B));
        T_TRUE(k.now - at <= NET_SEC(10));
    }
    expect_nothing(&k, NET_SEC(20));
    igmp_say(&k, 0x11, 10, GROUP_ADDR, GROUP_ADDR, to_group); /* about one of them */
    peer_run_to_frame(&k, NET_SEC(2));
    T_TRUE(igmp_is(&k, 0x16, GROUP_ADDR, GROUP_ADDR));
    expect_nothing(&k, NET_SEC(20));
    sock_close(net_socks(&k.net), sd);
    peer_settle(&k);
    T_TRUE(igmp_is(&k, 0x17, GROUP_ADDR, ALL_ROUTERS));
    T_TRUE(igmp_is(&k, 0x17, GROUP_B, ALL_ROUTERS));
    peer_end(&k);
}

/* REQ: IGMP-2236-3-3 */
static void test_igmp_report_heard_is_report_spared(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = member(&k, GROUP_ADDR);

    joined(&k, GROUP_ADDR);
    query(&k, 100);
    igmp_say(&k, 0x16, 0, GROUP_ADDR, GROUP_ADDR, to_group);
    expect_nothing(&k, NET_SEC(60));
    sock_close(net_socks(&k.net), sd); /* and it was not the last that reported */
    expect_nothing(&k, NET_SEC(60));
    peer_end(&k);
}

/* REQ: IGMP-2236-4-1 */
static void test_igmp_version_1_router(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = member(&k, GROUP_ADDR);

    joined(&k, GROUP_ADDR);
    query(&k, 0);
    peer_run_to_frame(&k, NET_SEC(10));
    T_TRUE(igmp_is(&k, 0x12, GROUP_ADDR, GROUP_ADDR));
    peer_advance(&k, NET_SEC(380));
    query(&k, 10); /* a version 2 query changes nothing yet */
    peer_run_to_frame(&k, NET_SEC(2));
    T_TRUE(igmp_is(&k, 0x12, GROUP_ADDR, GROUP_ADDR));
    peer_advance(&k, NET_SEC(30));
    query(&k, 10);
    peer_run_to_frame(&k, NET_SEC(2));
    T_TRUE(igmp_is(&k, 0x16, GROUP_ADDR, GROUP_ADDR));
    query(&k, 0);
    peer_run_to_frame(&k, NET_SEC(10));
    T_TRUE(igmp_is(&k, 0x12, GROUP_ADDR, GROUP_ADDR));
    sock_close(net_socks(&k.net), sd);
    expect_nothing(&k, NET_SEC(60));
    peer_end(&k);
}

/* REQ: IGMP-2236-2.3-1 */
static void test_igmp_bad_messages(void)
{
    struct peer k;
    uint8_t m[8];

    peer_begin(&k);
    int sd = member(&k, GROUP_ADDR);

    joined(&k, GROUP_ADDR);
    uint32_t len = raw_icmp(m, 0x11, 100, 0, "", 0);

    m[3] ^= 1;
    say_ip(&k, .proto = 2, .mac = to_all, .dst = ALL_HOSTS, .ttl = 1, .data = m, .len = len);
    T_EQ(peer_drops(&k, V_DROP_IGMP_CHECKSUM), 1);
    m[3] ^= 1;
    say_ip(&k, .proto = 2, .mac = to_all, .dst = ALL_HOSTS, .ttl = 1, .data = m, .len = 7);
    T_EQ(peer_drops(&k, V_DROP_IGMP_SHORT), 1);
    say_ip(&k, .proto = 2, .ttl = 1, .data = m, .len = len); /* to H alone */
    T_EQ(peer_drops(&k, V_DROP_IGMP_UNICAST), 1);
    m[0] = 0x13;
    raw_icmp(m, 0x13, 100, 0, "", 0);
    say_ip(&k, .proto = 2, .mac = to_all, .dst = ALL_HOSTS, .ttl = 1, .data = m, .len = len);
    T_EQ(peer_drops(&k, V_DROP_IGMP_TYPE), 1);
    expect_nothing(&k, NET_SEC(60));
    sock_close(net_socks(&k.net), sd);
    peer_settle(&k);
    T_TRUE(igmp_is(&k, 0x17, GROUP_ADDR, ALL_ROUTERS));
    peer_end(&k);
}

/* REQ: IGMP-1112-7.2-2 */
static void test_igmp_all_hosts_is_not_reported(void)
{
    struct peer k;
    struct sock_addr from;
    char got[8];

    peer_begin(&k);
    int sd = member(&k, ALL_HOSTS);

    query(&k, 10);
    expect_nothing(&k, NET_SEC(60));
    T_EQ(sock_group_leave(net_socks(&k.net), sd, ip_addr_v4(ALL_HOSTS), -1), 0);
    query(&k, 10);
    expect_nothing(&k, NET_SEC(60));
    raw_udp_say(&k, (struct raw_ip){.mac = to_all, .dst = ALL_HOSTS}, 7, PORT, "all", 3);
    T_EQ(sock_recvfrom(net_socks(&k.net), sd, got, sizeof(got), &from), 3);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: IGMP-1112-7.2-1 IGMP-1112-6.4-1 IGMP-1112-6.1-1 */
static void test_igmp_delivery_and_sending(void)
{
    static const uint32_t alias = 0xe0810203; /* 224.129.2.3: the same 23 bits */
    struct peer k;
    struct sock_addr from;
    char got[8];

    peer_begin(&k);
    struct socks *s = net_socks(&k.net);
    int sd = member(&k, GROUP_ADDR);

    joined(&k, GROUP_ADDR);
    raw_udp_say(&k, (struct raw_ip){.mac = to_group, .dst = GROUP_ADDR}, 7, PORT, "yes", 3);
    raw_udp_say(&k, (struct raw_ip){.mac = to_group, .dst = alias}, 7, PORT, "no", 2);
    T_EQ(sock_recvfrom(s, sd, got, sizeof(got), &from), 3);
    T_EQ(sock_recvfrom(s, sd, got, sizeof(got), &from), -EAGAIN);
    T_EQ(peer_drops(&k, V_DROP_IP4_NOT_FOR_US), 1);

    uint32_t to[] = {0xe0804020, 0xef004020}; /* 224.128.64.32 and 239.0.64.32 */
    for (size_t i = 0; i < ARRAY_LEN(to); i++) {
        T_EQ(sock_sendto(s, sd, "x", 1, &(struct sock_addr){ip_addr_v4(to[i]), 9}), 1);
        peer_settle(&k);
        const struct seen *f = peer_next(&k);

        T_NEED(f != NULL && f->proto == 17);
        T_MEM(f->mac_dst, ((const uint8_t[]){0x01, 0, 0x5e, 0, 0x40, 0x20}), 6);
        T_EQ(f->ttl, i == 0 ? 1 : 5);
        T_EQ(sock_setopt(s, sd, SOCK_OPT_MULTICAST_TTL, 5), 0);
    }
    sock_close(s, sd);
    peer_settle(&k);
    T_TRUE(igmp_is(&k, 0x17, GROUP_ADDR, ALL_ROUTERS));
    peer_end(&k);
}

T_MAIN("igmp", T(test_igmp_join_and_leave), T(test_igmp_query_is_answered),
       T(test_igmp_report_heard_is_report_spared), T(test_igmp_version_1_router),
       T(test_igmp_bad_messages), T(test_igmp_all_hosts_is_not_reported),
       T(test_igmp_delivery_and_sending))
