/*
 * The host side of IGMP on a host made by hand: 10.0.0.2 on interface 0, 10.0.1.2 on interface 1.
 */
#include "l3_host.h"

#define G1 0xef010203u
#define G2 0xef010204u
#define G3 0xe0000016u

/* Time passes to the next thing due, at most @limit. */
static void pass(struct l3 *h, net_time limit)
{
    net_time end = h->c.now + limit, next;

    while ((next = ip_deadline(&h->ip)) < end && next > h->c.now) {
        h->c.now = next;
        ip_tick(&h->ip, next);
        if (h->ip.igmp.due_first != NULL)
            return;
    }
    if (next > h->c.now) {
        h->c.now = end;
        ip_tick(&h->ip, end);
    }
}

/* The next frame is this message of IGMP, in the form all of them have. */
static bool said(struct l3 *h, uint8_t type, uint32_t group, uint32_t dst)
{
    struct l3_frame f;
    struct igmp_msg m = {0};
    uint8_t bad;

    if (!l3_out(h, &f))
        return false;
    T_EQ(f.ip.proto, 2);
    T_EQ(f.ip.ttl, 1);
    T_EQ(f.ip.tos, 0xc0);
    T_EQ(f.ip.hdr_len, 24);
    T_EQ(get32(f.b + 14 + 20), 0x94040000);
    T_EQ(ip4_options_check((struct span){f.b + 14, 24}, &bad), V_NEXT);
    T_EQ(f.l4_len, 8);
    T_EQ(igmp_parse(&m, (struct span){f.l4, f.l4_len}), V_NEXT);
    T_EQ(m.max_resp, 0);
    T_MEM(f.b, ip4_group_mac(dst).b, 6);
    return m.type == type && m.group == group && f.ip.dst == dst;
}

static bool reports(struct l3 *h, uint32_t group)
{
    return said(h, IGMP_V2_REPORT, group, group);
}

struct says {
    uint8_t type, max_resp, ifi;
    uint32_t group, src, dst;
    bool from_any, bad_sum, is_unicast;
    uint32_t more; /* octets behind the eighth */
};

static enum verdict says(struct l3 *h, struct says s)
{
    uint8_t m[64] = {0};
    struct pkt *p = NULL;
    struct l3_dgram d = {.proto = 2, .data = m, .len = IGMP_LEN + s.more, .ttl = 1};

    d.src = s.src != 0 ? s.src : (uint32_t)L3_GATEWAY;
    d.dst = s.dst != 0 ? s.dst : s.group != 0 ? s.group : IP4_ALL_HOSTS;
    d.l2_cast = s.is_unicast ? CAST_UNICAST : CAST_MULTICAST;
    d.ifi = s.ifi;
    m[0] = s.type;
    m[1] = s.max_resp;
    put32(m + 4, s.group);
    put16(m + 2, (uint16_t)(l3_sum(m, d.len) + s.bad_sum));
    struct pkt *q = l3_build(h, &d);

    if (s.from_any) {
        uint8_t *b = pkt_data(q);

        put32(b + 12, 0);
        put16(b + 10, 0);
        put16(b + 10, l3_sum(b, 20));
    }
    enum verdict v = ip4_input(&h->ip, &q);

    p = q;
    if (v == V_NEXT)
        v = igmp_input(&h->ip, p);
    pkt_release(p);
    return v;
}
#define SAYS(h, ...) says((h), (struct says){__VA_ARGS__})

static void join(struct l3 *h, uint32_t group)
{
    T_EQ(ip_group_join(&h->ip, ip_addr_v4(group), 0), 0);
}

static void leave(struct l3 *h, uint32_t group)
{
    T_EQ(ip_group_leave(&h->ip, ip_addr_v4(group), 0), 0);
}

/* A member whose first two reports are out: idle, and the last that reported. */
static void idle(struct l3 *h, uint32_t group)
{
    join(h, group);
    T_TRUE(reports(h, group));
    pass(h, NET_SEC(11));
    T_TRUE(reports(h, group));
    T_TRUE(l3_silent(h));
    T_EQ(ip_deadline(&h->ip), NET_NEVER);
}

static const char *state(struct l3 *h, uint32_t group)
{
    struct igmp_info i;
    uint32_t at = 0;

    while (igmp_each(&h->ip, &at, &i))
        if (i.group == group)
            return i.state;
    return "NON_MEMBER";
}

/* REQ: IGMP-2236-3-1 IGMP-2236-2-1 */
static void test_igmp_join_is_reported_twice(void)
{
    struct l3 *h = l3_new();
    net_time at = h->c.now;

    join(h, G1);
    join(h, G1); /* the same membership */
    T_STR(state(h, G1), "DELAYING_MEMBER");
    T_EQ(ip_deadline(&h->ip), at);
    T_TRUE(reports(h, G1));
    T_TRUE(l3_silent(h));
    pass(h, NET_SEC(11));
    T_TRUE(h->c.now > at && h->c.now <= at + NET_SEC(10));
    T_TRUE(reports(h, G1));
    T_STR(state(h, G1), "IDLE_MEMBER");
    pass(h, NET_SEC(3600));
    T_TRUE(l3_silent(h));
    T_EQ(h->ip.igmp.stats.tx_reports, 2);
    leave(h, G1);
    T_TRUE(l3_silent(h)); /* one user is left */
    leave(h, G1);
    T_TRUE(said(h, IGMP_LEAVE, G1, IP4_ALL_ROUTERS));
    T_EQ(h->ip.igmp.groups.used, 0);
    l3_free(h);
}

/* The group of the next report, 0 if there is none. */
static uint32_t reported(struct l3 *h)
{
    struct l3_frame f;

    return l3_out(h, &f) ? get32(f.l4 + IGMP_GROUP) : 0;
}

/* REQ: IGMP-2236-3-2 */
static void test_igmp_query_is_answered_at_a_random_time(void)
{
    struct l3 *h = l3_new();
    unsigned early = 0, g1_first = 0;

    idle(h, G1);
    idle(h, G2);
    for (unsigned i = 0; i < 64; i++) {
        net_time at = h->c.now;

        T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 30), V_DONE);
        T_TRUE(l3_silent(h)); /* never at once */
        T_STR(state(h, G1), "DELAYING_MEMBER");
        pass(h, NET_SEC(10));
        early += h->c.now - at < NET_MS(1500);
        uint32_t first = reported(h);

        g1_first += first == G1;
        pass(h, NET_SEC(10));
        T_TRUE(h->c.now - at <= NET_SEC(3));
        T_EQ(reported(h), first == G1 ? G2 : G1);
        T_TRUE(l3_silent(h));
    }
    T_TRUE(early > 36 && early < 60); /* the earlier of two is in the first half in 3 of 4 cases */
    T_TRUE(g1_first > 20 && g1_first < 44);
    leave(h, G1);
    leave(h, G2);
    l3_free(h);
}

static void test_igmp_specific_query_means_one_group_and_interface(void)
{
    struct l3 *h = l3_new();

    idle(h, G1);
    idle(h, G2);
    T_EQ(ip_group_join(&h->ip, ip_addr_v4(G2), 1), 1);
    T_FALSE(l3_silent(h));
    pass(h, NET_SEC(11));
    T_FALSE(l3_silent(h));
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .group = G2), V_DONE);
    pass(h, NET_SEC(2));
    T_TRUE(reports(h, G2));
    pass(h, NET_SEC(20));
    T_TRUE(l3_silent(h));
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .ifi = 1, .src = L3_PEER_B), V_DONE);
    pass(h, NET_SEC(2));
    T_TRUE(reports(h, G2)); /* on interface 1, and only that one */
    pass(h, NET_SEC(20));
    T_TRUE(l3_silent(h));
    leave(h, G1);
    leave(h, G2);
    T_EQ(ip_group_leave(&h->ip, ip_addr_v4(G2), 1), 0);
    l3_free(h);
}

/* RFC 2236 section 3: a running timer is only ever shortened, so a flood of queries delays nothing. */
static void test_igmp_repeated_query_only_shortens(void)
{
    struct l3 *h = l3_new();
    struct igmp_info i;
    uint32_t at = 0;

    idle(h, G1);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 255), V_DONE);
    T_TRUE(igmp_each(&h->ip, &at, &i));
    net_time planned = i.report_in;

    for (int k = 0; k < 1000; k++)
        T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 255), V_DONE);
    at = 0;
    T_TRUE(igmp_each(&h->ip, &at, &i));
    T_EQ(i.report_in, planned);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 1), V_DONE);
    at = 0;
    T_TRUE(igmp_each(&h->ip, &at, &i));
    T_TRUE(i.report_in > 0 && i.report_in <= NET_MS(100));
    pass(h, NET_SEC(1));
    T_TRUE(reports(h, G1));
    T_TRUE(l3_silent(h));
    leave(h, G1);
    l3_free(h);
}

/* REQ: IGMP-2236-3-3 IGMP-2236-3-4 */
static void test_igmp_report_of_another_silences_ours(void)
{
    struct l3 *h = l3_new();

    for (unsigned v = 1; v <= 2; v++) {
        idle(h, G1);
        T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 100), V_DONE);
        T_EQ(SAYS(h, .type = v == 1 ? IGMP_V1_REPORT : IGMP_V2_REPORT, .group = G1, .src = L3_PEER),
             V_DONE);
        T_STR(state(h, G1), "IDLE_MEMBER");
        pass(h, NET_SEC(20));
        T_TRUE(l3_silent(h));
        leave(h, G1); /* the other one was the last: no leave */
        T_TRUE(l3_silent(h));
    }
    T_EQ(h->ip.igmp.stats.tx_leaves, 0);
    T_EQ(h->ip.igmp.stats.rx_reports, 2);
    l3_free(h);
}

/* REQ: IGMP-2236-4-1 */
static void test_igmp_version_1_router_is_answered_in_its_version(void)
{
    struct l3 *h = l3_new();

    idle(h, G1);
    net_time at = h->c.now;

    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 0), V_DONE);
    pass(h, NET_US(1));
    T_TRUE(l3_silent(h)); /* 0 stands for ten seconds there */
    T_EQ(igmp_version(&h->ip, 0), 1);
    T_EQ(igmp_version(&h->ip, 1), 2);
    pass(h, NET_SEC(11));
    T_TRUE(h->c.now - at <= NET_SEC(10));
    T_TRUE(said(h, IGMP_V1_REPORT, G1, G1));
    leave(h, G1);
    T_TRUE(l3_silent(h)); /* it would not understand a leave */
    join(h, G1);
    T_TRUE(said(h, IGMP_V1_REPORT, G1, G1));
    pass(h, NET_SEC(11));
    T_TRUE(said(h, IGMP_V1_REPORT, G1, G1));
    h->c.now = at + NET_SEC(400) - 1;
    ip_tick(&h->ip, h->c.now);
    T_EQ(igmp_version(&h->ip, 0), 1);
    h->c.now++;
    T_EQ(igmp_version(&h->ip, 0), 2);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10), V_DONE);
    pass(h, NET_SEC(2));
    T_TRUE(reports(h, G1));
    leave(h, G1);
    T_TRUE(said(h, IGMP_LEAVE, G1, IP4_ALL_ROUTERS));
    l3_free(h);
}

static void test_igmp_can_be_switched_off_or_to_version_1(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    cfg.igmp = 0;
    struct l3 *h = l3_make(&cfg, 1500);

    join(h, G1);
    T_TRUE(igmp_is_member(&h->ip, 0, G1));
    T_TRUE(l3_silent(h));
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10), V_DROP_IP4_PROTOCOL);
    T_EQ(ip_deadline(&h->ip), NET_NEVER);
    leave(h, G1);
    T_TRUE(l3_silent(h));
    l3_free(h);

    cfg.igmp = 1;
    h = l3_make(&cfg, 1500);
    join(h, G1);
    T_TRUE(said(h, IGMP_V1_REPORT, G1, G1));
    leave(h, G1);
    T_TRUE(l3_silent(h));
    l3_free(h);
}

/* REQ: IGMP-2236-2.3-1 */
static void test_igmp_input_refuses(void)
{
    struct l3 *h = l3_new();

    idle(h, G1);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .bad_sum = true), V_DROP_IGMP_CHECKSUM);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .dst = L3_OWN, .is_unicast = true),
         V_DROP_IGMP_UNICAST);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .dst = G1),
         V_DROP_IGMP_GROUP); /* general, at a group */
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .group = G1, .dst = IP4_ALL_HOSTS),
         V_DROP_IGMP_GROUP);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .group = G2, .dst = G1), V_DROP_IGMP_GROUP);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .src = 0xe0000005), V_DROP_IP4_SOURCE);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .src = L3_OWN), V_DROP_IP4_LAND);
    T_EQ(SAYS(h, .type = IGMP_LEAVE, .group = G1), V_DROP_IGMP_TYPE);
    T_EQ(SAYS(h, .type = 0x22, .dst = IP4_ALL_HOSTS), V_DROP_IGMP_TYPE);
    T_EQ(SAYS(h, .type = 0), V_DROP_IGMP_TYPE);
    T_STR(state(h, G1), "IDLE_MEMBER"); /* none of them has moved anything */
    T_TRUE(l3_silent(h));
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 100), V_DONE);
    T_EQ(SAYS(h, .type = IGMP_V2_REPORT, .group = G1, .src = L3_FAR), V_DROP_IGMP_SOURCE);
    T_EQ(SAYS(h, .type = IGMP_V2_REPORT, .group = G2, .dst = G1), V_DROP_IGMP_GROUP);
    T_EQ(SAYS(h, .type = IGMP_V2_REPORT, .group = G1, .dst = IP4_ALL_HOSTS), V_DROP_IGMP_GROUP);
    T_STR(state(h, G1), "DELAYING_MEMBER"); /* and ours will be sent */
    pass(h, NET_SEC(11));
    T_TRUE(reports(h, G1));
    uint8_t zero = 0;
    struct pkt *p = NULL;

    T_EQ(l3_in(h,
               &(struct l3_dgram){.proto = 2,
                                  .dst = IP4_ALL_HOSTS,
                                  .l2_cast = CAST_MULTICAST,
                                  .data = &zero,
                                  .len = 1},
               &p),
         V_NEXT);
    T_NEED(p != NULL);
    T_EQ(igmp_input(&h->ip, p), V_DROP_IGMP_SHORT);
    pkt_release(p);
    leave(h, G1);
    l3_free(h);
}

/* Version 3's query with its additional fields; a bridge's query from nobody. */
static void test_igmp_queries_of_other_kinds_are_understood(void)
{
    struct l3 *h = l3_new();

    idle(h, G1);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .more = 4), V_DONE);
    pass(h, NET_SEC(2));
    T_TRUE(reports(h, G1));
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .from_any = true), V_DONE);
    pass(h, NET_SEC(2));
    T_TRUE(reports(h, G1));
    leave(h, G1);
    l3_free(h);
}

/* REQ: IGMP-1112-7.2-2 */
static void test_igmp_all_hosts_is_never_reported(void)
{
    struct l3 *h = l3_new();

    join(h, IP4_ALL_HOSTS);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10), V_DONE);
    T_EQ(SAYS(h, .type = IGMP_QUERY, .max_resp = 10, .group = IP4_ALL_HOSTS), V_DONE);
    T_EQ(ip_deadline(&h->ip), NET_NEVER);
    leave(h, IP4_ALL_HOSTS);
    T_TRUE(l3_silent(h));
    T_EQ(h->ip.igmp.groups.used, 0);
    join(h, G3); /* all others are, those of the link too */
    T_TRUE(reports(h, G3));
    leave(h, G3);
    l3_free(h);
}

static void test_igmp_each_visits_the_memberships(void)
{
    struct l3 *h = l3_new();
    struct igmp_info i;
    uint32_t at = 0;

    join(h, G1);
    join(h, G2);
    join(h, G3);
    leave(h, G2);
    T_TRUE(igmp_each(&h->ip, &at, &i));
    T_EQ(i.group, G1);
    T_TRUE(igmp_each(&h->ip, &at, &i));
    T_EQ(i.group, G3);
    T_FALSE(igmp_each(&h->ip, &at, &i));
    while (!l3_silent(h))
        ;
    leave(h, G1);
    leave(h, G3);
    l3_free(h);
}

static void test_igmp_leave_and_join_in_one_moment(void)
{
    struct l3 *h = l3_new();

    join(h, G1);
    leave(h, G1); /* nobody has heard of it */
    T_TRUE(l3_silent(h));
    T_EQ(h->ip.igmp.groups.used, 0);
    idle(h, G1);
    leave(h, G1);
    join(h, G1);
    T_TRUE(said(h, IGMP_LEAVE, G1, IP4_ALL_ROUTERS));
    T_TRUE(reports(h, G1));
    T_TRUE(l3_silent(h));
    leave(h, G1);
    join(h, G2);
    leave(h, G2);
    T_TRUE(said(h, IGMP_LEAVE, G1, IP4_ALL_ROUTERS));
    T_TRUE(l3_silent(h));
    T_EQ(h->ip.igmp.groups.used, 0);
    l3_free(h);
}

static void test_igmp_waits_for_an_address(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    struct l3 *h = l3_bare(&cfg, false, 1500);
    net_time at = h->c.now;

    join(h, G1);
    T_TRUE(l3_silent(h));
    T_EQ(h->c.drops[V_DROP_IP4_NO_ROUTE], 0);
    T_EQ(ip_addr_add(&h->ip, 0, L3_OWN, 24), 0);
    pass(h, NET_SEC(2));
    T_EQ(h->c.now, at + NET_SEC(1));
    T_TRUE(reports(h, G1));
    leave(h, G1);
    l3_free(h);
}

static void test_igmp_without_packets_asks_for_nothing(void)
{
    struct l3 *h = l3_new();
    struct pkt *all[L3_PKTS];
    size_t n = 0;

    while (n < L3_PKTS && (all[n] = pkt_alloc(&h->c.pkts, PKT_HEADROOM)) != NULL)
        n++;
    join(h, G1);
    T_TRUE(l3_silent(h));
    T_EQ(h->c.drops[V_DROP_PKT_POOL], 1);
    while (n > 0)
        pkt_release(all[--n]);
    pass(h, NET_SEC(11));
    T_TRUE(reports(h, G1)); /* the second one is for that */
    leave(h, G1);
    l3_free(h);
}

T_MAIN("igmp", T(test_igmp_join_is_reported_twice), T(test_igmp_query_is_answered_at_a_random_time),
       T(test_igmp_specific_query_means_one_group_and_interface),
       T(test_igmp_repeated_query_only_shortens), T(test_igmp_report_of_another_silences_ours),
       T(test_igmp_version_1_router_is_answered_in_its_version),
       T(test_igmp_can_be_switched_off_or_to_version_1), T(test_igmp_input_refuses),
       T(test_igmp_queries_of_other_kinds_are_understood), T(test_igmp_all_hosts_is_never_reported),
       T(test_igmp_each_visits_the_memberships), T(test_igmp_leave_and_join_in_one_moment),
       T(test_igmp_waits_for_an_address), T(test_igmp_without_packets_asks_for_nothing))
