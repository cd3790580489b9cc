/* test_ip.c - addresses, what they mean, and the choice of a way. */
#include "unit/l3_host.h"
#include <errno.h>

static struct ip_addr v4(uint32_t a)
{
    return ip_addr_v4(a);
}

static void test_ip_addr_add_checks_the_address(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    struct l3 *h = l3_bare(&cfg, false, 1500);
    static const struct {
        uint32_t addr;
        uint8_t prefix;
    } bad[] = {
        {0x00000001, 8 },
        {0x7f000001, 8 },
        {0xe0000001, 24},
        {0xffffffff, 32},
        {0xf0000001, 24},
        {0x0a000000, 24},
        {0x0a0000ff, 24},
        {0x0a000001, 0 },
        {0x0a000001, 33},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        T_EQ(ip_addr_add(&h->ip, 0, bad[i].addr, bad[i].prefix), -EINVAL);
    T_EQ(ip_addr_add(&h->ip, 2, L3_OWN, 24), -EINVAL); /* no such interface */
    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN, 24), 0);
    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN, 24), -EEXIST);
    T_EQ(ip_addr_add(&h->ip, 1, L3_OWN, 24), -EEXIST);
    T_TRUE(ip_is_local(&h->ip, v4(L3_OWN)));
    T_FALSE(ip_is_local(&h->ip, v4(L3_PEER)));
    for (uint32_t i = 1; i < IP_ADDRS; i++)
        T_EQ(ip_addr_add(&h->ip, 0, L3_OWN + i, 24), 0);
    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN + IP_ADDRS, 24), -ENOBUFS);
    T_EQ(h->ip.routes.count, 1); /* all in one subnet */
    l3_free(h);
}

static void test_ip_addr_del_takes_its_routes_along(void)
{
    struct l3 *h = l3_new();

    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN + 1, 24), 0);
    T_EQ(ip_addr_del(&h->ip, 0, L3_OWN), 0);
    T_EQ(h->ip.routes.count, 3); /* the second address still needs the subnet */
    T_EQ(ip_addr_del(&h->ip, 0, L3_OWN + 1), 0);
    T_EQ(h->ip.routes.count, 1); /* and with the last the gateway goes */
    T_EQ(ip_addr_del(&h->ip, 0, L3_OWN), -ENOENT);
    T_FALSE(ip_is_local(&h->ip, v4(L3_OWN)));
    l3_free(h);
}

/* REQ: IP-1122-3.3.1.6-1 ICMP-1122-3.2.2.9-1 */
static void test_ip_addr_each_tells_what_was_set(void)
{
    struct l3 *h = l3_new();
    struct ip_addr_info info;
    uint32_t at = 0;

    T_EQ(ip_addr_add(&h->ip, 0, 0x0a000902, 31), 0);
    T_TRUE(ip_addr_each(&h->ip, &at, &info));
    T_EQ(info.addr, L3_OWN);
    T_EQ(info.prefix, 24);
    T_EQ(info.broadcast, 0x0a0000ff);
    T_EQ(info.ifi, 0);
    T_EQ(info.state, ARP_OWN_OURS);
    T_TRUE(ip_addr_each(&h->ip, &at, &info));
    T_EQ(info.addr, 0x0a000902);
    T_EQ(info.broadcast, 0);
    T_TRUE(ip_addr_each(&h->ip, &at, &info));
    T_EQ(info.addr, L3_OWN_B);
    T_EQ(info.ifi, 1);
    T_FALSE(ip_addr_each(&h->ip, &at, &info));
    l3_free(h);
}

/* REQ: IP-1122-3.3.6-2 */
static void test_ip_cast_of_addresses(void)
{
    struct l3 *h = l3_new();

    T_EQ(ip_cast(&h->ip, v4(L3_PEER)), CAST_UNICAST);
    T_EQ(ip_cast(&h->ip, v4(0x0a0000ff)), CAST_BROADCAST);
    T_EQ(ip_cast(&h->ip, v4(0x0a000000)), CAST_BROADCAST); /* the form of 4.2BSD */
    T_EQ(ip_cast(&h->ip, v4(0x0a0001ff)), CAST_BROADCAST); /* of the other interface */
    T_EQ(ip4_if_cast(&h->ip, 0, 0x0a0001ff), CAST_UNICAST);
    T_EQ(ip_cast(&h->ip, v4(0x0a0002ff)), CAST_UNICAST);
    T_EQ(ip_cast(&h->ip, v4(0xffffffff)), CAST_BROADCAST);
    T_EQ(ip_cast(&h->ip, v4(0xe0000001)), CAST_MULTICAST);
    T_EQ(ip_cast(&h->ip, v4(0xefffffff)), CAST_MULTICAST);
    l3_free(h);
}

static void test_ip_prefix_31_and_32_have_no_broadcast(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    struct l3 *h = l3_bare(&cfg, false, 1500);

    T_EQ(ip_addr_add(&h->ip, 0, 0x0a000000, 31), 0); /* RFC 3021: both are hosts */
    T_EQ(ip_addr_add(&h->ip, 0, 0x0b0000ff, 32), 0);
    T_EQ(ip_cast(&h->ip, v4(0x0a000001)), CAST_UNICAST);
    T_TRUE(ip4_source_ok(&h->ip, 0x0a000001));
    struct ip_path path;

    T_EQ(ip_route(&h->ip, v4(0x0a000001), IP_ADDR_ANY, &path), 0);
    T_EQ(path.cast, CAST_UNICAST);
    T_EQ(ip_addr_to_v4(path.src), 0x0a000000);
    T_EQ(ip_route(&h->ip, v4(0x0a000002), IP_ADDR_ANY, &path), -ENETUNREACH);
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-4 IP-1122-3.3.1.1-1 IP-1122-3.3.3-2 */
static void test_ip_route_local_or_gateway_by_the_mask(void)
{
    struct ip_config cfg;
    struct ip_path path;
    uint32_t next_hop;

    ip_config_default(&cfg);
    struct l3 *h = l3_bare(&cfg, false, 1500);

    T_EQ(ip_addr_add(&h->ip, 0, 0x0a010203, 20), 0); /* 10.1.2.3/20 */
    T_EQ(ip_route_add(&h->ip, 0, 0, 0x0a010001, 0, 0), 0);
    T_EQ(ip4_route(&h->ip, 0x0a010f09, 0, &path, &next_hop), 0); /* 10.1.15.9 */
    T_EQ(next_hop, 0x0a010f09);
    T_EQ(ip4_route(&h->ip, 0x0a011009, 0, &path, &next_hop), 0); /* 10.1.16.9 */
    T_EQ(next_hop, 0x0a010001);
    T_EQ(path.mtu, 1500); /* MMS_S: 1480 */
    T_EQ(path.hdr_len, 20);
    T_EQ(path.cast, CAST_UNICAST);
    l3_free(h);
}

/* REQ: IP-1122-3.3.1.1-3 */
static void test_ip_route_without_gateways(void)
{
    struct l3 *h = l3_new();
    struct ip_path path;

    T_EQ(ip_route_del(&h->ip, 0, 0, 0, ROUTE_ANY_IF), 0);
    T_EQ(ip_route(&h->ip, v4(L3_PEER), IP_ADDR_ANY, &path), 0);
    T_EQ(ip_route(&h->ip, v4(L3_FAR), IP_ADDR_ANY, &path), -ENETUNREACH);
    T_EQ(ip_route(&h->ip, v4(0xffffffff), IP_ADDR_ANY, &path), 0);
    T_EQ(path.cast, CAST_BROADCAST);
    T_EQ(ip_route(&h->ip, v4(0xef010101), IP_ADDR_ANY, &path), 0);
    T_EQ(path.cast, CAST_MULTICAST);
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-3 IP-1122-3.2.1.3-2 IP-1122-3.2.1.3-5 IP-1122-3.2.1.3-9 */
static void test_ip_route_refuses_impossible_addresses(void)
{
    static const uint32_t dst[] = {0x00000001, 0x7f000005, 0xf0000001, L3_OWN, L3_OWN_B};
    static const uint32_t src[] = {0x00000009, 0x7f000001, 0xffffffff,
                                   0x0a0000ff, L3_PEER,    0xe0000001};
    struct l3 *h = l3_new();
    struct ip_path path;

    for (size_t i = 0; i < ARRAY_LEN(dst); i++)
        T_EQ(ip_route(&h->ip, v4(dst[i]), IP_ADDR_ANY, &path), -EINVAL);
    T_EQ(ip_route(&h->ip, IP_ADDR_ANY, IP_ADDR_ANY, &path), -EINVAL);
    for (size_t i = 0; i < ARRAY_LEN(src); i++)
        T_EQ(ip_route(&h->ip, v4(L3_PEER), v4(src[i]), &path), -EADDRNOTAVAIL);
    T_EQ(ip_route(&h->ip, (struct ip_addr){0x20010db800000000, 1}, IP_ADDR_ANY, &path), -EINVAL);
    l3_free(h);
}

/* REQ: IP-1122-3.3.4.2-2 IP-1122-3.3.4.2-3 */
static void test_ip_route_chooses_a_source(void)
{
    struct l3 *h = l3_new();
    struct ip_path path;

    T_EQ(ip_addr_add(&h->ip, 0, 0x0a000502, 24), 0);
    T_EQ(ip_route(&h->ip, v4(L3_PEER), IP_ADDR_ANY, &path), 0);
    T_EQ(ip_addr_to_v4(path.src), L3_OWN);
    T_EQ(ip_route(&h->ip, v4(L3_FAR), IP_ADDR_ANY, &path), 0); /* as the gateway's subnet */
    T_EQ(ip_addr_to_v4(path.src), L3_OWN);
    T_EQ(ip_route(&h->ip, v4(0x0a000509), IP_ADDR_ANY, &path), 0);
    T_EQ(ip_addr_to_v4(path.src), 0x0a000502);
    T_EQ(ip_route(&h->ip, v4(L3_PEER_B), IP_ADDR_ANY, &path), 0);
    T_EQ(ip_addr_to_v4(path.src), L3_OWN_B);
    T_EQ(path.ifi, 1);
    T_EQ(ip_route(&h->ip, v4(L3_PEER), v4(0x0a000502), &path), 0); /* the user's own choice */
    T_EQ(ip_addr_to_v4(path.src), 0x0a000502);
    l3_free(h);
}

/* REQ: IP-1122-3.3.4.2-5 */
static void test_ip_route_strong_host_keeps_to_the_sources_interface(void)
{
    struct l3 *h = l3_new();
    struct ip_path path;
    uint32_t next_hop;

    /* Interface 1 has no way to the peer of interface 0. */
    T_EQ(ip4_route(&h->ip, L3_PEER, L3_OWN_B, &path, &next_hop), -ENETUNREACH);
    T_EQ(ip_route_add(&h->ip, 0, 0, L3_PEER_B, 1, 100), 0);
    T_EQ(ip4_route(&h->ip, L3_PEER, L3_OWN_B, &path, &next_hop), 0);
    T_EQ(next_hop, L3_PEER_B);
    T_EQ(path.ifi, 1);
    l3_free(h);
}

/* REQ: IP-1122-3.2.1.3-1 */
static void test_ip_address_being_probed_is_not_used(void)
{
    struct ip_config cfg;
    struct ip_path path;

    ip_config_default(&cfg);
    struct l3 *h = l3_bare(&cfg, true, 1500);

    T_EQ(ip_route(&h->ip, v4(0xffffffff), IP_ADDR_ANY, &path), -ENETUNREACH);
    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN, 24), 0);
    T_EQ(ip_route(&h->ip, v4(L3_PEER), IP_ADDR_ANY, &path), -EADDRNOTAVAIL);
    T_EQ(ip_route(&h->ip, v4(L3_PEER), v4(L3_OWN), &path), -EADDRNOTAVAIL);
    T_EQ(l3_in(h, &(struct l3_dgram){.data = "12345678", .len = 8}, NULL), V_DROP_IP4_NOT_FOR_US);
    l3_free(h);
}

static void test_ip_route_add_checks_the_gateway(void)
{
    struct l3 *h = l3_new();

    T_EQ(ip_route_add(&h->ip, 0x0b000000, 8, L3_OWN, 0, 0), -EINVAL);
    T_EQ(ip_route_add(&h->ip, 0x0b000000, 8, 0x0a0000ff, 0, 0), -EINVAL);
    T_EQ(ip_route_add(&h->ip, 0x0b000000, 8, 0xe0000001, 0, 0), -EINVAL);
    T_EQ(ip_route_add(&h->ip, 0x0b000000, 8, L3_PEER, 3, 0), -EINVAL);
    T_EQ(ip_route_add(&h->ip, 0x0b000000, 8, L3_PEER_B, 0, 0), 0 - ENETUNREACH);
    T_EQ(ip_route_add(&h->ip, 0x0b000000, 8, L3_PEER, 0, 0), 0);
    l3_free(h);
}

/* REQ: IP-1122-3.3.7-1 */
static void test_ip_groups_are_counted_and_bounded(void)
{
    struct l3 *h = l3_new();
    struct ip_addr group = v4(0xef010101);

    T_EQ(h->eth[0].group_count, 0);
    T_TRUE(igmp_is_member(&h->ip, 0, 0xe0000001)); /* 224.0.0.1, from the start */
    T_EQ(ip_group_join(&h->ip, v4(0xe0000001), 0), 0);
    T_EQ(ip_group_leave(&h->ip, v4(0xe0000001), 0), 0);
    T_TRUE(igmp_is_member(&h->ip, 0, 0xe0000001)); /* and for ever */
    T_FALSE(igmp_is_member(&h->ip, 0, 0xef010101));
    T_EQ(ip_group_join(&h->ip, group, 0), 0);
    T_EQ(ip_group_join(&h->ip, group, IP_ANY_IF), 0);
    T_EQ(h->eth[0].group_count, 1);
    T_FALSE(igmp_is_member(&h->ip, 1, 0xef010101));
    T_EQ(ip_group_leave(&h->ip, group, 0), 0);
    T_TRUE(igmp_is_member(&h->ip, 0, 0xef010101));
    T_EQ(ip_group_leave(&h->ip, group, IP_ANY_IF), 0);
    T_FALSE(igmp_is_member(&h->ip, 0, 0xef010101));
    T_EQ(h->eth[0].group_count, 0);
    T_EQ(ip_group_leave(&h->ip, group, 0), -ENOENT);
    T_EQ(ip_group_join(&h->ip, group, 1), 1);
    T_TRUE(igmp_is_member(&h->ip, 1, 0xef010101));
    T_FALSE(igmp_is_member(&h->ip, 0, 0xef010101));
    T_EQ(ip_group_leave(&h->ip, group, 1), 0);
    T_EQ(ip_group_join(&h->ip, v4(L3_PEER), 0), -EINVAL);
    T_EQ(ip_group_join(&h->ip, v4(0xe0000000), 0), -EINVAL); /* RFC 1112 section 4 */
    T_EQ(ip_group_join(&h->ip, group, 2), -ENODEV);
    int rc = 0;
    uint32_t joined = 0;

    igmp_output_due(&h->ip);
    while (joined < 100 && (rc = ip_group_join(&h->ip, v4(0xef020000 + joined), 0)) == 0)
        joined++;
    T_EQ(rc, -ENOBUFS);
    T_EQ(joined, h->ip.cfg.groups);
    T_EQ(h->eth[0].group_count, joined);      /* and none is left over from the refused one */
    struct mac m = ip4_group_mac(0xef8a0b0c); /* 239.138.11.12: only 23 bits fit */

    T_MEM(m.b, ((uint8_t[]){0x01, 0x00, 0x5e, 0x0a, 0x0b, 0x0c}), 6);
    l3_free(h);
}

static void test_ip_error_kinds_have_errnos(void)
{
    T_EQ(ip_error_errno(IP_ERR_PORT_UNREACH), ECONNREFUSED);
    T_EQ(ip_error_errno(IP_ERR_PROTO_UNREACH), ENOPROTOOPT);
    T_EQ(ip_error_errno(IP_ERR_NET_UNREACH), ENETUNREACH);
    T_EQ(ip_error_errno(IP_ERR_HOST_UNREACH), EHOSTUNREACH);
    T_EQ(ip_error_errno(IP_ERR_TTL), EHOSTUNREACH);
    T_EQ(ip_error_errno(IP_ERR_TOO_BIG), EMSGSIZE);
    T_EQ(ip_error_errno(IP_ERR_PARAM), EPROTO);
}

static void test_ip_interfaces_are_bounded(void)
{
    struct l3 *h = l3_new();
    struct eth more[IP_IFS];
    int rc = 0;

    for (uint8_t i = 2; i <= IP_IFS; i++) {
        eth_init(&more[i - 1], &h->c, &h->txq, i, l3_mac[0], 1500);
        rc = ip_if_add(&h->ip, &more[i - 1], &h->arp[0]);
        T_EQ(rc, i < IP_IFS ? i : -ENOBUFS);
    }
    T_EQ(rc, -ENOBUFS);
    l3_free(h);
}

/* What the documents say. */
static void test_ip_defaults(void)
{
    struct ip_config c;

    ip_config_default(&c);
    T_EQ(c.ttl, 64);
    T_EQ(c.routes, 64);
    T_EQ(c.reass_slots, 64);
    T_EQ(c.reass_per_source, 16);
    T_EQ(c.reass_timeout, NET_SEC(60));
    T_EQ(c.gateway_silent, NET_SEC(60));
    T_EQ(c.icmp_rate, 100);
    T_EQ(c.icmp_burst, 50);
    T_EQ(c.icmp_dst_rate, 10);
    T_EQ(c.icmp_dst_burst, 10);
}

T_MAIN("ip", T(test_ip_defaults), T(test_ip_addr_add_checks_the_address),
       T(test_ip_addr_del_takes_its_routes_along), T(test_ip_addr_each_tells_what_was_set),
       T(test_ip_cast_of_addresses), T(test_ip_prefix_31_and_32_have_no_broadcast),
       T(test_ip_route_local_or_gateway_by_the_mask), T(test_ip_route_without_gateways),
       T(test_ip_route_refuses_impossible_addresses), T(test_ip_route_chooses_a_source),
       T(test_ip_route_strong_host_keeps_to_the_sources_interface),
       T(test_ip_address_being_probed_is_not_used), T(test_ip_route_add_checks_the_gateway),
       T(test_ip_groups_are_counted_and_bounded), T(test_ip_error_kinds_have_errnos),
       T(test_ip_interfaces_are_bounded))
