/*
 * Hostile IPv4 (docs/security.md section 2), where test_ip4.c and test_fragments.c do not have it.
 */
#include "raw.h"

enum { MF = 0x2000, PIECES = 8190, UDP_PORT = 7777 };

static int bound(struct peer *k)
{
    struct sock_addr a = {IP_ADDR_ANY, UDP_PORT};
    int sd = sock_open(net_socks(&k->net), SOCK_KIND_UDP);

    T_EQ(sock_bind(net_socks(&k->net), sd, &a), 0);
    return sd;
}

/* Is the next frame of H "protocol unreachable", and the only one? */
static bool protocol_unreachable(struct peer *k, uint8_t proto)
{
    const struct seen *s = peer_next(k);
    bool ok =
        s != NULL && s->proto == 1 && s->icmp_type == 3 && s->icmp_code == 2 && s->data[9] == proto;

    return peer_next(k) == NULL && ok;
}

/* IP in IP, nested, whole and in fragments whose lengths disagree (CVE-2020-11896, -11900,
 * CVE-2020-10136): nobody looks inside, and no fragment is kept.
 * REQ: ICMP-1122-3.2.2.1-1 */
static void test_security_ip_in_ip(void)
{
    struct peer k;
    uint8_t inner[RAW_MAX], ping[64];

    peer_begin(&k);
    struct raw_ip in = {.proto = 1, .data = ping, .len = raw_icmp(ping, 8, 0, 1, "abc", 3)};

    raw_ip_build(inner, &in);
    say_ip(&k, .proto = 4, .data = inner + RAW_ETH, .len = RAW_IP + in.len);
    T_TRUE(protocol_unreachable(&k, 4));
    peer_advance(&k, NET_SEC(10));
    raw16(inner + RAW_ETH + 2, 0xffff); /* the inner length lies */
    say_ip(&k, .proto = 4, .id = 1, .frag = MF, .data = inner + RAW_ETH, .len = 24);
    T_TRUE(protocol_unreachable(&k, 4));
    say_ip(&k, .proto = 4, .id = 1, .frag = 3, .data = inner + RAW_ETH + 24, .len = 3);
    T_TRUE(peer_next(&k) == NULL);
    T_EQ(ip4_reass_count(&k.net.ip.reass), 0);
    T_EQ(peer_drops(&k, V_DROP_IP4_PROTOCOL), 3);
    peer_end(&k);
}

/* UDP-Lite whose checksum coverage lies, an SCTP without a header, GRE with routing: protocols that
 * are not spoken are not parsed either, whatever they bring, nothing included. */
static void test_security_protocols_are_not_parsed(void)
{
    static const uint8_t protos[] = {136, 132, 47, 4, 50, 51, 41, 0, 255};
    static const uint8_t body[8] = {0, 7, 0, 7, 0xff, 0xff, 0xff, 0xff};
    struct peer k;

    peer_begin(&k);
    for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
        for (uint32_t len = 0; len <= sizeof(body); len += 8) {
            peer_advance(&k, NET_SEC(10));
            say_ip(&k, .proto = protos[i], .data = body, .len = len);
            T_TRUE(protocol_unreachable(&k, protos[i]));
        }
    }
    peer_end(&k);
}

/* A datagram of the largest size in 8,190 pieces of 8 bytes, in random order (FragmentSmack): one
 * buffer, one bit a piece, and exactly the bytes that came.
 * REQ: IP-815-1 */
static void test_security_fragment_smack(void)
{
    static uint8_t udp[PIECES * 8], text[65507], got[65507];
    static uint16_t order[PIECES];
    struct prng random;
    struct peer k;

    prng_seed(&random, 3, 0);
    for (uint32_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * 31 + i / 256);
    uint32_t len = raw_udp(udp, PEER_IP, H_IP, 5000, UDP_PORT, text, sizeof(text));

    for (uint16_t i = 0; i < PIECES; i++) { /* Fisher and Yates */
        uint16_t j = (uint16_t)prng_below(&random, i + 1u);

        order[i] = order[j];
        order[j] = i;
    }
    peer_begin(&k);
    int sd = bound(&k);

    for (uint16_t i = 0; i < PIECES; i++) {
        uint32_t at = order[i] * 8u;
        bool last = at + 8 >= len;

        T_EQ(sock_recvfrom(net_socks(&k.net), sd, got, sizeof(got), NULL), -EAGAIN);
        say_ip(&k, .proto = 17, .id = 9, .frag = (uint16_t)((last ? 0 : MF) | order[i]),
               .data = udp + at, .len = last ? len - at : 8);
        T_EQ(k.net.core.bigs.slab.used, 1);
    }
    T_EQ(sock_recvfrom(net_socks(&k.net), sd, got, sizeof(got), NULL), sizeof(text));
    T_MEM(got, text, sizeof(text));
    T_EQ(ip4_reass_count(&k.net.ip.reass), 0);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* A forged piece between two true ones: UDP's checksum tells, nothing is delivered. */
static void test_security_fragment_injection(void)
{
    uint8_t udp[64], forged[16];
    char got[64];
    struct peer k;

    peer_begin(&k);
    int sd = bound(&k);
    uint32_t len = raw_udp(udp, PEER_IP, H_IP, 5000, UDP_PORT,
                           "0123456789abcdef0123456789abcdef0123456789abcdef", 40);

    memset(forged, 'X', sizeof(forged));
    say_ip(&k, .proto = 17, .id = 9, .frag = MF, .data = udp, .len = 16);
    say_ip(&k, .proto = 17, .id = 9, .frag = MF | 2, .data = forged, .len = 16);
    say_ip(&k, .proto = 17, .id = 9, .frag = 4, .data = udp + 32, .len = len - 32);
    T_EQ(peer_drops(&k, V_DROP_UDP_CHECKSUM), 1);
    T_EQ(sock_recvfrom(net_socks(&k.net), sd, got, sizeof(got), NULL), -EAGAIN);
    T_TRUE(peer_next(&k) == NULL);
    sock_close(net_socks(&k.net), sd);
    peer_end(&k);
}

/* From our own address: a datagram for an echo service would circle for ever, a SYN would meet
 * itself (LAND, CVE-1999-0016). */
static void test_security_land(void)
{
    struct peer k;
    char got[8];

    peer_begin(&k);
    int sd = bound(&k), listener = peer_listen(&k, 0);

    raw_udp_say(&k, (struct raw_ip){.src = H_IP}, UDP_PORT, UDP_PORT, "x", 1);
    peer_tuple(&k, H_PORT, H_PORT);
    say(&k, .flags = "S", .win = 1000, .src = H_IP);
    expect_nothing(&k, NET_SEC(1));
    T_EQ(peer_drops(&k, V_DROP_IP4_LAND), 2);
    T_EQ(sock_recvfrom(net_socks(&k.net), sd, got, sizeof(got), NULL), -EAGAIN);
    T_EQ(net_connections(&k.net), 0);
    sock_close(net_socks(&k.net), sd);
    sock_close(net_socks(&k.net), listener);
    peer_end(&k);
}

/* All reasons to drop, together. */
static uint64_t all_drops(const struct peer *k)
{
    uint64_t n = 0;

    for (int v = V_DONE + 1; v < V_COUNT; v++)
        n += peer_drops(k, (enum verdict)v);
    return n;
}

/* What the checksum covers is made right again, so that a changed byte is looked at. */
static void repair(uint8_t *f, size_t len)
{
    uint8_t *ip = f + RAW_ETH;
    size_t hdr = (ip[0] & 0xfu) * 4;

    if (f[12] != 8 || f[13] != 0 || hdr < RAW_IP || RAW_ETH + hdr > len)
        return;
    raw16(ip + 10, 0);
    raw16(ip + 10, decode_sum(ip, hdr, 0));
    size_t total = (size_t)(ip[2] << 8 | ip[3]);

    if (ip[9] == 1 && total <= len - RAW_ETH && total >= hdr + 8) {
        raw16(ip + hdr + 2, 0);
        raw16(ip + hdr + 2, decode_sum(ip + hdr, total - hdr, 0));
    }
}

/* Every byte of an ARP request, a ping and a UDP datagram becomes every value, with and without
 * its checksums mended. What then comes of the frame can always be told: it was answered, it was
 * delivered, or it was dropped for one reason that has a name and a counter. */
static void test_security_every_byte_every_value(void)
{
    static const char *const kinds[] = {"arp", "ping", "udp"};
    uint8_t frame[RAW_MAX], body[64];
    struct net_config cfg;

    peer_config(&cfg);
    cfg.ip.icmp_rate = cfg.ip.icmp_burst = cfg.ip.icmp_dst_rate = cfg.ip.icmp_dst_burst = 1000000;
    for (unsigned kind = 0; kind < ARRAY_LEN(kinds) * 2; kind++) {
        struct raw_ip d = {.proto = kind / 2 == 1 ? 1 : 17, .data = body};
        struct peer k;
        char got[64];

        peer_begin_with(&k, &cfg);
        k.sees_arp = true;
        int sd = bound(&k);

        d.len = kind / 2 == 1 ? raw_icmp(body, 8, 0, 1, "abcdefgh", 8)
                              : raw_udp(body, PEER_IP, H_IP, 5000, UDP_PORT, "abcdefgh", 8);
        size_t len = raw_ip_build(frame, &d);

        if (kind / 2 == 0) {
            static const uint8_t arp[28] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                            10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

            frame[13] = 6;
            memcpy(frame + RAW_ETH, arp, sizeof(arp));
            len = RAW_ETH + sizeof(arp);
        }
        for (size_t at = 0; at < len; at++) {
            for (unsigned value = 0; value < 256; value++) {
                uint8_t bad[RAW_MAX];
                uint64_t before = all_drops(&k), outcomes;
                uint32_t waits = ip4_reass_count(&k.net.ip.reass);

                memcpy(bad, frame, len);
                bad[at] = (uint8_t)value;
                if (kind % 2 == 1)
                    repair(bad, len);
                peer_raw(&k, bad, len);
                peer_settle(&k);
                outcomes = all_drops(&k) - before;
                T_TRUE(outcomes <= 2); /* a fragment may evict another one */
                outcomes += peer_forget(&k);
                outcomes += ip4_reass_count(&k.net.ip.reass) > waits;
                while (sock_recvfrom(net_socks(&k.net), sd, got, sizeof(got), NULL) >= 0)
                    outcomes++;
                /* From a known neighbour, an ARP reply or a question about somebody else confirms
                 * what is known, and that is all. */
                bool confirms = kind / 2 == 0 && ((at == 21 && value == 2) || at >= 38);

                if (outcomes == 0 && !confirms) {
                    printf("  %s%s: byte %zu = %u: nothing came of it\n", kinds[kind / 2],
                           kind % 2 ? ", mended" : "", at, value);
                    T_TRUE(outcomes > 0);
                }
            }
        }
        sock_close(net_socks(&k.net), sd);
        peer_advance(&k, NET_SEC(100));
        peer_forget(&k);
        peer_end(&k);
    }
}

T_MAIN("security_ip", T(test_security_ip_in_ip), T(test_security_protocols_are_not_parsed),
       T(test_security_fragment_smack), T(test_security_fragment_injection), T(test_security_land),
       T(test_security_every_byte_every_value))
