#include "raw.h"

/* Two default routes: G1 is preferred, G2 is for the day when it dies. R lies behind both. */
enum { G1 = 0x0a000009, G2 = 0x0a00000a, R = 0x08080808 };

static const uint8_t g1_mac[6] = {0x02, 0, 0, 0, 0, 0x09};
static const uint8_t g2_mac[6] = {0x02, 0, 0, 0, 0, 0x0a};

static bool alive[2];     /* G1 and G2 answer ARP */
static unsigned asked[2]; /* requests for them */

static void begin(struct peer *k, bool first)
{
    alive[0] = first;
    alive[1] = true;
    asked[0] = asked[1] = 0;
    peer_begin(k);
    T_EQ(ip_route_add(&k->net.ip, 0, 0, G1, 0, 1), 0);
    T_EQ(ip_route_add(&k->net.ip, 0, 0, G2, 0, 2), 0);
    k->sees_arp = true;
    k->peer_ip = R;
}

static void answer(struct peer *k, uint32_t ip)
{
    say_arp(k, .to = raw_h_mac, .op = 2, .from = ip == G1 ? g1_mac : g2_mac, .spa = ip,
            .tpa = H_IP);
}

/* Time passes until H has sent a datagram, and the routers that live answer meanwhile. */
static const struct seen *next_datagram(struct peer *k, net_time limit)
{
    for (net_time end = k->now + limit;;) {
        const struct seen *s = peer_next(k);

        if (s != NULL && s->ethertype == 0x0800)
            return s;
        if (s != NULL && s->arp_op == 1 && (s->arp_tpa == G1 || s->arp_tpa == G2)) {
            unsigned i = s->arp_tpa == G2;

            asked[i]++;
            if (alive[i])
                answer(k, s->arp_tpa);
        } else if (k->now >= end) {
            return NULL;
        } else {
            peer_run_to_frame(k, end - k->now);
        }
    }
}

/* The next datagram of H goes to R by way of the router @mac. */
static bool goes_by(struct peer *k, const uint8_t *mac, net_time limit)
{
    const struct seen *s = next_datagram(k, limit);

    return s != NULL && s->dst == R && memcmp(s->mac_dst, mac, 6) == 0;
}

static void udp_to_r(struct peer *k)
{
    struct sock_addr to = {ip_addr_v4(R), 9};
    int sd = sock_open(net_socks(&k->net), SOCK_KIND_UDP);

    T_EQ(sock_sendto(net_socks(&k->net), sd, "x", 1, &to), 1);
    sock_close(net_socks(&k->net), sd);
    peer_settle(k);
}

/* An active open by way of the first router that lives. */
static int open_by(struct peer *k, const uint8_t *mac)
{
    int sd = peer_connect(k);

    peer_settle(k);
    T_TRUE(goes_by(k, mac, NET_SEC(10)));
    k->h_iss = k->last.seq; /* as expect_tcp() would have learned it */
    k->knows_h_iss = true;
    say(k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    T_TRUE(goes_by(k, mac, 0));
    expect_state(k, "ESTABLISHED");
    return sd;
}

/* The SYN waits for a router that is dead, and the connection comes about by the other.
 * REQ: IP-1122-3.3.1.5-1 IP-1122-3.3.1.2-3 */
static void test_gateway_dead_from_the_beginning(void)
{
    struct peer k;

    begin(&k, false);
    open_by(&k, g2_mac);
    T_EQ(asked[0], 3);
    peer_end(&k);
}

/* TCP's retransmissions raise the doubt, ARP finds the router silent, the connection lives on.
 * REQ: IP-1122-3.3.1.4-1 IP-1122-3.3.1.4-5 IP-1122-3.3.1.5-1 */
static void test_gateway_that_dies_under_a_connection(void)
{
    struct peer k;
    bool moved = false;

    begin(&k, true);
    int sd = open_by(&k, g1_mac);

    T_EQ(asked[0], 1);
    alive[0] = false;
    peer_write(&k, sd, "abc", 3);
    T_TRUE(goes_by(&k, g1_mac, 0));
    for (int i = 0; i < 8 && !moved; i++)
        moved = goes_by(&k, g2_mac, NET_SEC(60));
    T_TRUE(moved);
    T_EQ(asked[0], 1 + 3);
    say(&k, .flags = ".", .seq = 1, .ack = 4, .win = 65535);
    peer_write(&k, sd, "def", 3);
    T_TRUE(goes_by(&k, g2_mac, 0));
    say(&k, .flags = ".", .seq = 1, .ack = 7, .win = 65535);
    alive[0] = true; /* and goes back as soon as the router is heard */
    say_arp(&k, .op = 1, .from = g1_mac, .spa = G1, .tpa = H_IP);
    peer_forget(&k);
    peer_write(&k, sd, "ghi", 3);
    T_TRUE(goes_by(&k, g1_mac, 0));
    say(&k, .flags = ".", .seq = 1, .ack = 10, .win = 65535);
    peer_end(&k);
}

/* Acknowledgements are advice enough: five minutes of traffic without one question; and none without
 * traffic. REQ: IP-1122-3.3.1.4-4 IP-1122-3.3.1.4-5 */
static void test_gateway_is_not_asked_without_need(void)
{
    struct peer k;

    begin(&k, true);
    int sd = open_by(&k, g1_mac);

    for (uint32_t i = 0; i < 60; i++) {
        peer_write(&k, sd, "x", 1);
        T_TRUE(goes_by(&k, g1_mac, 0));
        say(&k, .flags = ".", .seq = 1, .ack = 2 + i, .win = 65535);
        T_TRUE(next_datagram(&k, NET_SEC(5)) == NULL);
    }
    T_EQ(asked[0], 1);
    T_TRUE(next_datagram(&k, NET_SEC(3600)) == NULL);
    T_EQ(asked[0] + asked[1], 1);
    peer_end(&k);
}

/* The answer to our SYN is advice, too: data half a minute after the router's own answer, but soon after
 * the SYN,ACK, ask nobody. REQ: IP-1122-3.3.1.4-5 */
static void test_gateway_syn_ack_is_advice(void)
{
    struct net_config cfg;
    struct peer k;

    alive[0] = alive[1] = true;
    asked[0] = asked[1] = 0;
    peer_config(&cfg);
    cfg.tcp.rto_initial = NET_SEC(60);
    peer_begin_with(&k, &cfg);
    T_EQ(ip_route_add(&k.net.ip, 0, 0, G1, 0, 1), 0);
    k.sees_arp = true;
    k.peer_ip = R;
    int sd = peer_connect(&k);

    peer_settle(&k);
    T_TRUE(goes_by(&k, g1_mac, NET_SEC(10)));
    k.h_iss = k.last.seq;
    k.knows_h_iss = true;
    T_TRUE(next_datagram(&k, NET_SEC(29)) == NULL);
    say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    T_TRUE(goes_by(&k, g1_mac, 0));
    T_TRUE(next_datagram(&k, NET_SEC(2)) == NULL);
    peer_write(&k, sd, "x", 1);
    T_TRUE(goes_by(&k, g1_mac, 0));
    T_TRUE(next_datagram(&k, 0) == NULL);
    T_EQ(asked[0], 1);
    peer_end(&k);
}

/* Datagrams bring no advice: after a while the router has to show that it lives.
 * REQ: IP-1122-3.3.1.4-2 */
static void test_gateway_is_not_believed_for_ever(void)
{
    struct peer k;
    unsigned before;

    begin(&k, true);
    for (int i = 0; i < 20; i++) {
        udp_to_r(&k);
        T_TRUE(goes_by(&k, g1_mac, 0));
        T_TRUE(next_datagram(&k, NET_SEC(10)) == NULL);
    }
    T_TRUE(asked[0] > 3 && asked[0] <= 200 / 30 + 1);
    before = asked[0];
    alive[0] = false;
    unsigned lost = 0;

    for (udp_to_r(&k); !goes_by(&k, g2_mac, 0) && lost < 20; udp_to_r(&k), lost++)
        T_TRUE(next_datagram(&k, NET_SEC(10)) == NULL);
    T_TRUE(lost > 0 && lost <= 5); /* within 30 s and a bit it is asked, and found silent */
    T_EQ(asked[0], before + 3);
    for (int i = 0; i < 5; i++) {
        udp_to_r(&k);
        T_TRUE(goes_by(&k, g2_mac, 0));
        T_TRUE(next_datagram(&k, NET_SEC(10)) == NULL);
    }
    T_EQ(asked[0], before + 3);
    T_TRUE(next_datagram(&k, NET_SEC(10)) == NULL);
    udp_to_r(&k); /* after a minute it is given another chance */
    T_TRUE(next_datagram(&k, NET_SEC(10)) == NULL);
    T_EQ(asked[0], before + 6);
    udp_to_r(&k);
    T_TRUE(goes_by(&k, g2_mac, 0));
    peer_end(&k);
}

/* All silent: the preferred one is asked again and again, and senders learn of it. A route of another
 * prefix is no substitute. */
static void test_gateway_without_another(void)
{
    struct peer k;
    struct sock_addr to = {ip_addr_v4(0x0a010001), 9};
    int error = 0;

    begin(&k, true);
    alive[1] = false; /* it has the only route to 10.1/16; the default route's router lives */
    T_EQ(ip_route_add(&k.net.ip, 0x0a010000, 16, G2, 0, 0), 0);
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_UDP);

    T_EQ(sock_connect(net_socks(&k.net), sd, &to), 0);
    for (int i = 0; i < 3; i++) {
        T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), 1);
        peer_settle(&k);
        T_TRUE(next_datagram(&k, NET_SEC(10)) == NULL);
        error = peer_error(&k, sd);
        T_EQ(error, EHOSTUNREACH);
    }
    T_EQ(asked[0], 0);
    T_EQ(asked[1], 9);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

T_MAIN("gateway", T(test_gateway_dead_from_the_beginning),
       T(test_gateway_that_dies_under_a_connection), T(test_gateway_is_not_asked_without_need),
       T(test_gateway_is_not_believed_for_ever), T(test_gateway_syn_ack_is_advice),
       T(test_gateway_without_another))
