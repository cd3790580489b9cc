/* test_arp_own.c - our own addresses: probing, announcing, defending (RFC 5227). */
#include "arp_host.h"

static void up_probing(void)
{
    arp_config_default(&Cfg);
    link_up(&H, &Cfg);
    T_EQ(arp_own_add(&H.arp, IP_US), 0);
    T_EQ(arp_own_state(&H.arp, IP_US, NULL), ARP_OWN_PROBING);
    T_FALSE(arp_own_usable(&H.arp, IP_US));
}

/* The next ARP packet that goes out by itself. */
static net_time next_own(struct sent *s)
{
    while (!next_sent(s)) {
        T_NEED(arp_deadline(&H.arp) != NET_NEVER);
        H.c.now = arp_deadline(&H.arp);
        arp_tick(&H.arp, H.c.now);
    }
    return H.c.now;
}

/* REQ: ACD-5227-2.1-1 ACD-5227-2.1-2 ACD-5227-2.1.1-1 ACD-5227-2.1.1-2 ACD-5227-2.3-1 */
static void test_arp_own_is_probed_then_announced(void)
{
    struct sent s;
    net_time t[5];

    up_probing();
    for (unsigned i = 0; i < 5; i++) {
        t[i] = next_own(&s);
        T_MEM(s.eth.dst.b, MAC_BROADCAST.b, 6);
        T_EQ(s.arp.op, ARP_REQUEST);
        T_MEM(s.arp.sha.b, link_us.b, 6);
        T_TRUE(mac_is_zero(s.arp.tha));
        T_EQ(s.arp.spa, i < 3 ? 0 : IP_US);
        T_EQ(s.arp.tpa, IP_US);
        T_EQ(arp_own_usable(&H.arp, IP_US), i >= 3);
    }
    T_TRUE(t[0] >= 0 && t[0] <= NET_SEC(1));
    T_TRUE(t[1] - t[0] >= NET_SEC(1) && t[1] - t[0] <= NET_SEC(2));
    T_TRUE(t[2] - t[1] >= NET_SEC(1) && t[2] - t[1] <= NET_SEC(2));
    T_TRUE(t[2] - t[1] != t[1] - t[0]); /* by chance, but the seed is given */
    T_EQ(t[3] - t[2], NET_SEC(2));
    T_EQ(t[4] - t[3], NET_SEC(2));
    T_EQ(arp_deadline(&H.arp), NET_NEVER); /* and never again */
    T_EQ(link_count(&H, TRACE_conflict), 5);
    link_down(&H);
}

static void up_probed_once(void)
{
    struct sent s;

    up_probing();
    (void)next_own(&s);
}

/* After the conflict: never used, nothing more is sent. */
static void check_taken(struct mac by)
{
    struct mac other;

    T_EQ(arp_own_state(&H.arp, IP_US, &other), ARP_OWN_TAKEN);
    T_MEM(other.b, by.b, 6);
    T_EQ(arp_deadline(&H.arp), NET_NEVER);
    T_EQ(drain(), 0);
    T_STR(H.event[H.events - 1].u.conflict.what, "give-up");
    link_down(&H);
}

/* REQ: ACD-5227-2.1.1-3 */
static void test_arp_own_answered_probe_is_taken(void)
{
    up_probed_once();
    T_EQ(in(ARP_REPLY, link_peer, IP_US, 0), V_DROP_ARP_CONFLICT);
    check_taken(link_peer);
}

/* REQ: ACD-5227-2.1.1-3 */
static void test_arp_own_request_from_it_is_taken(void)
{
    struct sent s;

    up_probed_once();
    (void)next_own(&s);
    (void)next_own(&s); /* the last probe; ANNOUNCE_WAIT runs */
    advance_to(H.c.now + NET_MS(1999));
    T_EQ(in(ARP_REQUEST, link_peer, IP_US, IP_OTHER), V_DROP_ARP_CONFLICT);
    check_taken(link_peer);
}

/* REQ: ACD-5227-2.1.1-4 */
static void test_arp_own_simultaneous_probe_is_taken(void)
{
    up_probed_once();
    T_EQ(in(ARP_REQUEST, link_peer, 0, IP_US), V_DROP_ARP_CONFLICT);
    check_taken(link_peer);
}

/* REQ: ACD-5227-2.1.1-5 */
static void test_arp_own_echo_is_no_conflict(void)
{
    up_probed_once();
    T_EQ(in(ARP_REQUEST, link_us, 0, IP_US), V_DROP_ETH_OWN_SOURCE);
    T_EQ(arp_own_state(&H.arp, IP_US, NULL), ARP_OWN_PROBING);
    advance_to(NET_SEC(20));
    T_EQ(in(ARP_REQUEST, link_us, IP_US, IP_US), V_DROP_ETH_OWN_SOURCE);
    T_EQ(arp_own_state(&H.arp, IP_US, NULL), ARP_OWN_OURS);
    T_EQ(drain(), 0);
    link_down(&H);
}

static void test_arp_own_is_not_used_while_probing(void)
{
    up_probed_once();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DROP_ARP_NOT_FOR_US);
    send_to(IP_PEER, 1); /* no address to ask with */
    T_EQ(H.c.drops[V_DROP_ARP_UNRESOLVED], 1);
    T_EQ(drain(), 0);
    T_EQ(entry_count(), 0);
    link_down(&H);
}

/* REQ: ACD-5227-2.5-1 */
static void test_arp_own_probe_by_another_is_answered(void)
{
    struct sent s;

    up();
    T_EQ(in(ARP_REQUEST, link_peer, 0, IP_US), V_DONE);
    T_NEED(next_sent(&s));
    T_EQ(s.arp.op, ARP_REPLY);
    T_EQ(s.arp.spa, IP_US);
    T_EQ(s.arp.tpa, 0);
    T_MEM(s.eth.dst.b, link_peer.b, 6);
    T_EQ(entry_count(), 0);
    link_down(&H);
}

/* REQ: ACD-5227-2.4-1 ACD-5227-2.4-5 */
static void test_arp_own_is_defended_once_in_ten_seconds(void)
{
    struct sent s;
    unsigned defended = 0;

    up();
    for (net_time t = 0; t < NET_SEC(30); t += NET_SEC(1)) {
        defended += advance_to(t);
        T_EQ(in(t % NET_SEC(2) == 0 ? ARP_REQUEST : ARP_REPLY, link_peer, IP_US, IP_US),
             V_DROP_ARP_CONFLICT);
        if (next_sent(&s)) {
            T_EQ(s.arp.spa, IP_US);
            T_EQ(s.arp.tpa, IP_US);
            T_MEM(s.arp.sha.b, link_us.b, 6);
            T_MEM(s.eth.dst.b, MAC_BROADCAST.b, 6);
            defended++;
        }
        T_TRUE(arp_own_usable(&H.arp, IP_US));
    }
    T_EQ(defended, 3);
    T_EQ(entry_count(), 0);
    T_EQ(link_count(&H, TRACE_conflict), 30 + 2 * 3);
    link_down(&H);
}

static void test_arp_own_add_del(void)
{
    up();
    T_EQ(arp_own_add(&H.arp, IP_US), -EEXIST);
    T_EQ(arp_set(&H.arp, IP_OTHER, link_other), 0);
    T_EQ(arp_own_add(&H.arp, IP_OTHER), 0);
    T_EQ(entry_count(), 0); /* it is ours now */
    for (uint32_t i = 0; i < ARP_ADDRS - 2; i++)
        T_EQ(arp_own_add(&H.arp, 0x0a000060 + i), 0);
    T_EQ(arp_own_add(&H.arp, 0x0a000070), -ENOBUFS);
    T_EQ(drain(), ARP_ADDRS - 1);
    arp_own_del(&H.arp, IP_OTHER);
    arp_own_del(&H.arp, IP_OTHER);
    T_EQ(arp_own_state(&H.arp, IP_OTHER, NULL), ARP_OWN_FREE);
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_OTHER), V_DROP_ARP_NOT_FOR_US);
    link_down(&H);
}

static void test_arp_asks_with_the_address_of_the_neighbours_subnet(void)
{
    struct sent s;

    up();
    T_EQ(arp_own_add(&H.arp, 0xc0a80102), 0);
    arp_own_subnet(&H.arp, 0xc0a80102, 24);
    T_EQ(drain(), 1);
    send_to(0xc0a80101, 1);
    T_NEED(next_sent(&s));
    T_EQ(s.arp.spa, 0xc0a80102);
    (void)arp_del(&H.arp, 0xc0a80101);
    link_down(&H);
}

T_MAIN("arp_own", T(test_arp_own_is_probed_then_announced), T(test_arp_own_answered_probe_is_taken),
       T(test_arp_own_request_from_it_is_taken), T(test_arp_own_simultaneous_probe_is_taken),
       T(test_arp_own_echo_is_no_conflict), T(test_arp_own_is_not_used_while_probing),
       T(test_arp_own_probe_by_another_is_answered),
       T(test_arp_own_is_defended_once_in_ten_seconds), T(test_arp_own_add_del),
       T(test_arp_asks_with_the_address_of_the_neighbours_subnet))
