#include "raw.h"

/* Is the next frame of H this error, about a datagram whose protocol was @proto? */
static bool error_is(struct peer *k, uint8_t type, uint8_t code, uint8_t proto)
{
    const struct seen *s = peer_next(k);

    return s != NULL && s->proto == 1 && s->icmp_type == type && s->icmp_code == code &&
           s->len >= 28 && s->data[9] == proto && s->tos == 0;
}

static void closed_port(struct peer *k, struct raw_ip d)
{
    raw_udp_say(k, d, 5000, 6000, "0123456789", 10);
}

/* REQ: ICMP-1122-3.2.2.6-1 ICMP-1122-3.2.2.6-4 ICMP-792-2 */
static void test_icmp4_echo(void)
{
    struct peer k;

    peer_begin(&k);
    raw_ping(&k, (struct raw_ip){.tos = 0x10});
    T_TRUE(raw_pong(&k));
    T_EQ(k.last.src, H_IP);
    T_EQ(k.last.dst, PEER_IP);
    peer_end(&k);
}

/* REQ: ICMP-792-1 ICMP-792-3 ICMP-1122-3.2.2-1 ICMP-1122-3.2.2.7-1 ICMP-1122-3.2.2.9-2 ICMP-6918-3-2
 * ICMP-1122-3.2.2.8-1 ICMP-6918-3-1 */
static void test_icmp4_what_is_not_answered(void)
{
    static const uint8_t types[] = {1,  2,  4,  5,  6,  7,  9,  10, 13, 14,
                                    15, 16, 17, 18, 19, 30, 31, 37, 39, 255};
    struct peer k;
    uint8_t m[64];

    peer_begin(&k);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        uint32_t len = raw_icmp(m, types[i], 0, 0, "0123456789abcdef0123456789abcdef", 32);

        say_ip(&k, .proto = 1, .data = m, .len = len);
        T_TRUE(peer_next(&k) == NULL);
    }
    T_EQ(peer_drops(&k, V_DROP_ICMP4_TYPE), ARRAY_LEN(types));
    uint32_t len = raw_icmp(m, 8, 0, 0, "abc", 3);

    m[9] ^= 1;
    say_ip(&k, .proto = 1, .data = m, .len = len);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_CHECKSUM), 1);
    say_ip(&k, .proto = 1, .data = m, .len = 7);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_SHORT), 1);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: ICMP-1122-3.2.2.6-3 */
static void test_icmp4_broadcast_echo_is_not_answered(void)
{
    struct peer k;

    peer_begin(&k);
    raw_ping(&k, (struct raw_ip){.mac = raw_all, .dst = 0x0a0000ff});
    raw_ping(&k, (struct raw_ip){.mac = raw_all, .dst = 0xffffffff});
    T_TRUE(peer_next(&k) == NULL);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_BROADCAST), 2);
    peer_end(&k);
}

/* REQ: ICMP-1122-3.2.2.1-2 UDP-1122-4.1.3.1-1 ICMP-1122-3.2.2-2 ICMP-1122-3.2.2-5 ICMP-792-4
 * ICMP-1122-3.3.8-1 */
static void test_icmp4_port_unreachable(void)
{
    struct peer k;

    peer_begin(&k);
    closed_port(&k, (struct raw_ip){.tos = 0x20, .id = 0x4321});
    T_TRUE(error_is(&k, 3, 3, 17));
    T_EQ(k.last.data[0], 0x45); /* the header as it came, and the datagram's first bytes */
    T_EQ(k.last.data[4], 0x43);
    T_EQ(k.last.data[20] << 8 | k.last.data[21], 5000);
    T_EQ(k.last.data[22] << 8 | k.last.data[23], 6000);
    peer_end(&k);
}

/* REQ: ICMP-1122-3.2.2-6 ICMP-1122-3.2.2-7 ICMP-1122-3.2.2-8 ICMP-1122-3.2.2-9 ICMP-1122-3.2.2-10 */
static void test_icmp4_no_error_about_these(void)
{
    struct peer k;
    uint8_t m[64], quote[28] = {0x45};

    peer_begin(&k);
    uint32_t len = raw_icmp(m, 3, 2, 0, quote, sizeof(quote)); /* an error that fits nothing */

    say_ip(&k, .proto = 1, .data = m, .len = len);
    closed_port(&k, (struct raw_ip){.mac = raw_all, .dst = 0x0a0000ff});
    closed_port(&k, (struct raw_ip){.mac = raw_all, .dst = 0xffffffff});
    closed_port(&k, (struct raw_ip){.mac = raw_all}); /* of the link only */
    closed_port(&k, (struct raw_ip){.src = 0x0a0000ff});
    closed_port(&k, (struct raw_ip){.src = 0xe0000001});
    say_ip(&k, .proto = 132, .frag = 10, .data = "0123456789abcdef", .len = 16);
    peer_advance(&k, NET_SEC(100));
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: ICMP-1812-4.3.2.8-1 */
static void test_icmp4_errors_are_rate_limited(void)
{
    struct peer k;
    size_t first, n = 0;

    peer_begin(&k);
    for (int i = 0; i < 1000; i++)
        closed_port(&k, (struct raw_ip){0});
    first = peer_forget(&k);
    T_TRUE(first > 0 && first < 200);
    T_TRUE(peer_drops(&k, V_DROP_ICMP4_RATE) >= 800);
    for (int i = 0; i < 100; i++) { /* later, one after another, they are told again */
        peer_advance(&k, NET_SEC(2));
        closed_port(&k, (struct raw_ip){0});
        n += peer_forget(&k);
    }
    T_EQ(n, 100);
    peer_end(&k);
}

/* A redirect, from whomever: the route stays. REQ: ICMP-1122-3.2.2.2-3 */
static void test_icmp4_redirect_is_ignored(void)
{
    struct net_config cfg;
    struct peer k;
    uint8_t m[64], quote[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17};
    struct sock_addr to = {ip_addr_v4(0x08080808), 9};

    peer_config(&cfg);
    cfg.gateway = PEER_IP;
    peer_begin_with(&k, &cfg);
    raw32(quote + 12, H_IP);
    raw32(quote + 16, 0x08080808);
    raw16(quote + 10, decode_sum(quote, 20, 0));
    uint32_t len = raw_icmp(m, 5, 1, 0x0a000009, quote, sizeof(quote)), asked = k.arp_asked;
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_UDP);

    say_ip(&k, .proto = 1, .data = m, .len = len);
    T_EQ(sock_sendto(net_socks(&k.net), sd, "x", 1, &to), 1);
    peer_settle(&k);
    T_TRUE(peer_next(&k) != NULL); /* to the peer: no other neighbour is asked for */
    T_TRUE(k.arp_asked == asked || k.arp_target == PEER_IP);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

T_MAIN("icmp4", T(test_icmp4_echo), T(test_icmp4_what_is_not_answered),
       T(test_icmp4_broadcast_echo_is_not_answered), T(test_icmp4_port_unreachable),
       T(test_icmp4_no_error_about_these), T(test_icmp4_errors_are_rate_limited),
       T(test_icmp4_redirect_is_ignored))
