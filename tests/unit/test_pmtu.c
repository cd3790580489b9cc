/*
 * Estimates of path MTUs: 10.0.0.2 with a gateway, destinations behind it.
 */
#include <errno.h>

#include "l3_host.h"

#define NEAR ip_addr_v4(0x0a000001)
#define FAR  ip_addr_v4(0x08080808)
#define FAR2 ip_addr_v4(0x08080809)

static uint32_t mtu_to(struct l3 *h, struct ip_addr dst)
{
    struct ip_path path;

    T_EQ(ip_route(&h->ip, dst, IP_ADDR_ANY, &path), 0);
    T_EQ(path.link_mtu, 1500);
    return path.mtu;
}

static void wait_for(struct l3 *h, net_time span)
{
    h->c.now += span;
    ip_tick(&h->ip, h->c.now);
}

/* REQ: PMTU-1191-6.1-1 PMTU-4821-5.2-1 PMTU-1191-3-4 PMTU-1191-3-3 */
static void test_pmtu_is_of_one_destination_and_only_falls(void)
{
    struct l3 *h = l3_new();
    uint32_t epoch = ip_path_epoch(&h->ip);

    T_EQ(mtu_to(h, FAR), 1500);
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1500)); /* nothing new */
    T_TRUE(ip_path_too_big(&h->ip, FAR, 9000));
    T_EQ(ip_path_epoch(&h->ip), epoch);
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1400));
    T_TRUE(ip_path_epoch(&h->ip) != epoch);
    T_EQ(mtu_to(h, FAR), 1400);
    T_EQ(mtu_to(h, FAR2), 1500); /* next to it, and through the same gateway */
    T_EQ(mtu_to(h, NEAR), 1500);
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1450));
    T_EQ(mtu_to(h, FAR), 1400);
    T_TRUE(ip_path_too_big(&h->ip, FAR, 20));
    T_EQ(mtu_to(h, FAR), 552);
    T_FALSE(ip_path_too_big(&h->ip, ip_addr_v4(0x7f000001), 1000)); /* no way there */
    l3_free(h);
}

/* REQ: PMTU-1191-6.3-1 PMTU-1191-3-5 */
static void test_pmtu_is_forgotten_after_ten_minutes(void)
{
    struct l3 *h = l3_new();

    T_TRUE(ip_path_too_big(&h->ip, FAR, 1400));
    wait_for(h, NET_SEC(300));
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1450)); /* no news: its age goes on */
    wait_for(h, NET_SEC(300) - 1);
    T_EQ(mtu_to(h, FAR), 1400);
    uint32_t epoch = ip_path_epoch(&h->ip);

    wait_for(h, 1);
    T_EQ(mtu_to(h, FAR), 1500);
    T_TRUE(ip_path_epoch(&h->ip) != epoch);
    T_EQ(ip_deadline(&h->ip), NET_NEVER);
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1400));
    wait_for(h, NET_SEC(599));
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1300)); /* a smaller one begins anew */
    wait_for(h, NET_SEC(599));
    T_EQ(mtu_to(h, FAR), 1300);
    wait_for(h, NET_SEC(1));
    T_EQ(mtu_to(h, FAR), 1500);
    l3_free(h);
}

static void test_pmtu_table_is_bounded(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    cfg.pmtu_entries = 4;
    struct l3 *h = l3_make(&cfg, 1500);
    struct pmtu_info i;
    uint32_t at = 0, count = 0;

    for (uint32_t k = 0; k < 100; k++) {
        T_TRUE(ip_path_too_big(&h->ip, ip_addr_v4(0x08000000 + k), 1000 + k));
        wait_for(h, NET_MS(100));
    }
    while (pmtu_each(&h->ip, &at, &i)) { /* the newest are left */
        T_TRUE(i.dst >= 0x08000000 + 96);
        T_EQ(i.mtu, 1000 + (i.dst & 0xff));
        T_TRUE(i.left > NET_SEC(599) && i.left < NET_SEC(600));
        count++;
    }
    T_EQ(count, 4);
    T_EQ(mtu_to(h, ip_addr_v4(0x08000000 + 10)), 1500);
    l3_free(h);

    cfg.pmtu_entries = 0; /* nothing is kept, and nothing breaks */
    h = l3_make(&cfg, 1500);
    T_TRUE(ip_path_too_big(&h->ip, FAR, 1000));
    T_EQ(mtu_to(h, FAR), 1500);
    l3_free(h);
}

static void test_pmtu_can_be_flushed(void)
{
    struct l3 *h = l3_new();

    T_TRUE(ip_path_too_big(&h->ip, FAR, 1000));
    T_TRUE(ip_path_too_big(&h->ip, FAR2, 1000));
    T_TRUE(ip_path_too_big(&h->ip, NEAR, 1000));
    T_EQ(pmtu_flush(&h->ip, 0x08080808), 1);
    T_EQ(pmtu_flush(&h->ip, 0x08080808), 0);
    T_EQ(mtu_to(h, FAR), 1500);
    T_EQ(mtu_to(h, FAR2), 1000);
    T_EQ(pmtu_flush(&h->ip, 0), 2);
    T_EQ(h->ip.pmtu.entries.used, 0);
    T_EQ(ip_deadline(&h->ip), NET_NEVER);
    l3_free(h);
}

/* What has DF is refused, all else is cut to fit. REQ: IP-1122-3.3.3-2 */
static void test_pmtu_bounds_what_is_sent(void)
{
    struct l3 *h = l3_new();
    struct ip_send s = {.dst = FAR, .proto = 99, .df = true};
    struct l3_frame *f = malloc(sizeof(*f));
    struct pkt *p = pkt_alloc(&h->c.pkts, PKT_HEADROOM);

    T_TRUE(ip_path_too_big(&h->ip, FAR, 600));
    memset(pkt_append(p, 1000), 1, 1000);
    T_EQ(ip_output(&h->ip, p, &s), -EMSGSIZE);
    T_TRUE(l3_silent(h));
    s.df = false;
    p = pkt_alloc(&h->c.pkts, PKT_HEADROOM);
    memset(pkt_append(p, 1000), 1, 1000);
    T_EQ(ip_output(&h->ip, p, &s), 0);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.total, 596); /* a multiple of 8 behind the header */
    T_TRUE(f->ip.mf && !f->ip.df);
    T_TRUE(l3_out(h, f));
    T_EQ(f->ip.frag_off, 576);
    T_EQ(f->ip.total, 20 + 1000 - 576);
    free(f);
    l3_free(h);
}

static void test_pmtu_discovery_can_be_switched_off(void)
{
    struct ip_config cfg;

    ip_config_default(&cfg);
    cfg.pmtu_discovery = false;
    struct l3 *h = l3_make(&cfg, 1500);
    struct ip_send s = {.dst = FAR, .proto = 99, .df = true};
    struct l3_frame *f = malloc(sizeof(*f));
    struct pkt *p = pkt_alloc(&h->c.pkts, PKT_HEADROOM);

    T_FALSE(ip_path_too_big(&h->ip, FAR, 600));
    T_EQ(mtu_to(h, FAR), 1500);
    memset(pkt_append(p, 1000), 1, 1000);
    T_EQ(ip_output(&h->ip, p, &s), 0);
    T_TRUE(l3_out(h, f));
    T_FALSE(f->ip.df); /* the routers may cut it */
    free(f);
    l3_free(h);
}

T_MAIN("pmtu", T(test_pmtu_is_of_one_destination_and_only_falls),
       T(test_pmtu_is_forgotten_after_ten_minutes), T(test_pmtu_table_is_bounded),
       T(test_pmtu_can_be_flushed), T(test_pmtu_bounds_what_is_sent),
       T(test_pmtu_discovery_can_be_switched_off))
