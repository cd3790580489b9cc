#include "raw.h"

static const uint8_t other_mac[6] = {0x02, 0, 0, 0, 0, 0x09};

static void begin(struct peer *k)
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.ifs[0].arp.detect = true;
    peer_begin_with(k, &cfg);
    k->sees_arp = true;
}

/* Lets time pass until H says something. Return: how long it took. */
static net_time until_next(struct peer *k, net_time limit)
{
    net_time since = k->now;

    while (k->first == k->count && k->now - since < limit)
        peer_advance(k, NET_MS(10));
    return k->now - since;
}

static void probes(struct peer *k)
{
    for (int i = 0; i < 3; i++) {
        net_time waited = until_next(k, NET_SEC(5));

        T_TRUE(raw_arp_is(k, raw_all, 1, 0, H_IP));
        T_MEM(k->last.arp_tha, raw_none, 6);
        T_TRUE(i == 0 ? waited <= NET_SEC(1) + NET_MS(10)
                      : waited >= NET_SEC(1) && waited <= NET_SEC(2) + NET_MS(10));
    }
}

static void announcements(struct peer *k)
{
    for (int i = 0; i < 2; i++) {
        net_time waited = until_next(k, NET_SEC(5));

        T_TRUE(raw_arp_is(k, raw_all, 1, H_IP, H_IP));
        T_TRUE(waited >= NET_SEC(2) - NET_MS(10) && waited <= NET_SEC(2) + NET_MS(10));
    }
}

static enum arp_own state(const struct peer *k, struct mac *other)
{
    return arp_own_state(&k->net.ifs[0].arp, H_IP, other);
}

/* REQ: ACD-5227-2.1-1 ACD-5227-2.1-2 ACD-5227-2.1.1-1 ACD-5227-2.1.1-2 ACD-5227-2.3-1 ACD-5227-2.5-1 */
static void test_acd_probes_then_announces_then_answers(void)
{
    struct peer k;
    struct mac other;

    begin(&k);
    raw_ping(&k, (struct raw_ip){0}); /* not yet ours: neither this nor ARP is answered */
    say_arp(&k, .op = 1, .spa = PEER_IP, .tpa = H_IP);
    T_TRUE(peer_next(&k) == NULL);
    probes(&k);
    announcements(&k);
    T_EQ(state(&k, &other), ARP_OWN_OURS);
    say_arp(&k, .op = 1, .spa = PEER_IP, .tpa = H_IP);
    T_TRUE(raw_arp_is(&k, raw_peer_mac, 2, H_IP, PEER_IP));
    say_arp(&k, .op = 1, .from = other_mac, .spa = 0, .tpa = H_IP); /* another's probe: defended */
    T_TRUE(raw_arp_is(&k, other_mac, 2, H_IP, 0) || k.last.arp_op == 1);
    peer_forget(&k);
    raw_ping(&k, (struct raw_ip){0});
    T_TRUE(raw_pong(&k));
    peer_advance(&k, NET_SEC(86400)); /* and never probed again */
    while (peer_next(&k) != NULL)
        T_FALSE(k.last.ethertype == 0x0806 && k.last.arp_spa == 0);
    peer_end(&k);
}

/* Whoever speaks with the address, or probes it as we do, has it. */
/* REQ: ACD-5227-2.1.1-3 ACD-5227-2.1.1-4 ACD-5227-2.4-1 */
static void test_acd_a_taken_address_is_never_used(void)
{
    for (int i = 0; i < 4; i++) {
        struct peer k;
        struct mac other;

        begin(&k);
        if (i > 0)
            probes(&k);
        if (i == 2)
            peer_advance(&k, NET_SEC(2) - NET_MS(20)); /* ANNOUNCE_WAIT counts too */
        if (i < 3) /* a reply, or a request about something else */
            say_arp(&k, .op = i == 1 ? 1 : 2, .from = other_mac, .spa = H_IP, .tpa = PEER_IP);
        else
            say_arp(&k, .op = 1, .from = other_mac, .spa = 0, .tpa = H_IP);
        T_EQ(state(&k, &other), ARP_OWN_TAKEN);
        T_MEM(other.b, other_mac, 6);
        peer_advance(&k, NET_SEC(100));
        say_arp(&k, .op = 1, .spa = PEER_IP, .tpa = H_IP);
        raw_ping(&k, (struct raw_ip){0});
        T_TRUE(peer_next(&k) == NULL);
        peer_end(&k);
    }
}

/* REQ: ACD-5227-2.1.1-5 */
static void test_acd_our_own_echo_is_no_conflict(void)
{
    struct peer k;
    struct mac other;

    begin(&k);
    say_arp(&k, .op = 1, .from = raw_h_mac, .spa = 0, .tpa = H_IP);
    probes(&k);
    announcements(&k);
    say_arp(&k, .op = 1, .from = raw_h_mac, .spa = H_IP, .tpa = H_IP);
    T_EQ(state(&k, &other), ARP_OWN_OURS);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* Mode (c): defended, at most once in ten seconds, and kept; connections live on. */
/* REQ: ACD-5227-2.4-1 ACD-5227-2.4-5 */
static void test_acd_defends_once_in_ten_seconds(void)
{
    struct peer k;
    struct mac other;
    unsigned defences = 0;

    begin(&k);
    probes(&k);
    announcements(&k);
    peer_advance(&k, NET_SEC(20));
    for (int i = 0; i < 300; i++) { /* 30 seconds */
        say_arp(&k, .op = 1, .from = other_mac, .spa = H_IP, .tpa = H_IP);
        while (peer_next(&k) != NULL) {
            T_EQ(k.last.arp_op, 1);
            T_EQ(k.last.arp_spa, H_IP);
            T_EQ(k.last.arp_tpa, H_IP);
            defences++;
        }
        peer_advance(&k, NET_MS(100));
    }
    T_TRUE(defences >= 3 && defences <= 4);
    T_EQ(state(&k, &other), ARP_OWN_OURS);
    T_EQ(peer_drops(&k, V_DROP_ARP_CONFLICT), 300);
    raw_ping(&k, (struct raw_ip){0});
    T_TRUE(peer_next(&k) != NULL);
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("acd", T(test_acd_probes_then_announces_then_answers),
       T(test_acd_a_taken_address_is_never_used), T(test_acd_our_own_echo_is_no_conflict),
       T(test_acd_defends_once_in_ten_seconds))
