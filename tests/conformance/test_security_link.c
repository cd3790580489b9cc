/*
 * Hostile frames at the link (docs/security.md section 1), where the other test_*.c of the link and
 * ARP do not have them already.
 */
#include "raw.h"

enum { OTHER = 0x0a000009, SENDERS = 20000 };

/* A request for H's address, cut off after @len bytes of the frame: what is missing stands in no
 * frame, so nothing may be read from where an older one has been. */
static void test_security_arp_cut_anywhere(void)
{
    static const uint8_t whole[RAW_ETH + 28] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 9, 0x08, 0x06, 0, 1, 8, 0,  6, 4, 0,
        1,    2,    0,    0,    0,    0,    9, 10, 0, 0, 9, 0, 0,    0,    0, 0, 0, 10, 0, 0, 2};
    struct peer k;

    peer_begin(&k);
    k.sees_arp = true;
    peer_raw(&k, whole, sizeof(whole)); /* leaves its bytes in the buffers */
    peer_settle(&k);
    T_TRUE(raw_arp_is(&k, whole + 6, 2, H_IP, OTHER));
    for (size_t len = RAW_ETH; len < sizeof(whole); len++) {
        peer_raw(&k, whole, len);
        peer_settle(&k);
        T_TRUE(peer_next(&k) == NULL);
    }
    T_EQ(peer_drops(&k, V_DROP_ARP_SHORT), 28);
    peer_end(&k);
}

/* Lets H's frames be taken as they are: the padding of short ones must be zero, though every buffer
 * of the pool has held a long frame full of something else before (Etherleak, CVE-2003-0001). */
static size_t padding_leaks(struct peer *k, size_t *short_frames)
{
    struct pkt *out[16];
    uint8_t bytes[2048];
    size_t leaks = 0, n;

    while ((n = net_output(&k->net, out, ARRAY_LEN(out), k->now)) > 0) {
        for (size_t i = 0; i < n; i++) {
            size_t len = pkt_total(out[i]);

            pkt_copy_out(out[i], bytes);
            size_t end = bytes[12] == 0x08 && bytes[13] == 0
                             ? RAW_ETH + (size_t)(bytes[16] << 8 | bytes[17])
                             : RAW_ETH + 28;

            *short_frames += end < len;
            for (; end < len; end++)
                leaks += bytes[end] != 0;
            pkt_release(out[i]);
        }
    }
    return leaks;
}

static void test_security_padding_is_zero(void)
{
    static uint8_t secret[1400];
    struct peer k;
    size_t leaks = 0, seen = 0;
    uint8_t m[16], udp[16], syn[20] = {0x9c, 0x40, 0, 81, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x02};

    memset(secret, 0xaa, sizeof(secret));
    peer_begin(&k);
    for (int i = 0; i < 600; i++) /* each of the 256 packets has been full of it */
        say_ip(&k, .dst = 0x0a000063, .proto = 17, .data = secret, .len = sizeof(secret));
    peer_forget(&k);
    k.is_held = true; /* frames of H are not taken by the harness */
    say_arp(&k, .op = 1, .spa = PEER_IP, .tpa = H_IP);
    leaks += padding_leaks(&k, &seen);
    uint32_t len = raw_icmp(m, 8, 0, 7, "a", 1);

    say_ip(&k, .proto = 1, .data = m, .len = len); /* a pong */
    leaks += padding_leaks(&k, &seen);
    raw16(syn + 16, decode_sum(syn, 20, decode_pseudo(PEER_IP, H_IP, 6, 20)));
    say_ip(&k, .proto = 6, .data = syn, .len = 20); /* a reset */
    leaks += padding_leaks(&k, &seen);
    len = raw_udp(udp, PEER_IP, H_IP, 5000, 6000, "x", 1);
    say_ip(&k, .proto = 17, .data = udp, .len = len); /* port unreachable: 57 bytes */
    leaks += padding_leaks(&k, &seen);
    T_EQ(seen, 4 - 1);
    T_EQ(leaks, 0);
    k.is_held = false;
    peer_end(&k);
}

/* 20,000 stations ask for H, each once: the table stays as large as it is, and the neighbour with
 * whom H talks is still known at the end, without a question. */
static void test_security_arp_cache_overflow(void)
{
    struct peer k;
    struct sock_addr to = {ip_addr_v4(OTHER), 9};
    struct arp_info e;
    uint32_t entries = 0;
    struct net_config cfg;

    peer_config(&cfg);
    cfg.ifs[0].addr[0].prefix = 16;
    peer_begin_with(&k, &cfg);
    k.sees_arp = true;
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_UDP);

    say_arp(&k, .op = 1, .spa = OTHER, .tpa = H_IP);
    for (uint32_t i = 0; i < SENDERS; i++) {
        uint8_t mac[6] = {2, 7, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};

        say_arp(&k, .op = i % 2 ? 1 : 2, .from = mac, .spa = 0x0a000100 + i, .tpa = H_IP);
        if (i % 100 == 0)
            T_EQ(sock_sendto(net_socks(&k.net), sd, "x", 1, &to), 1);
        peer_settle(&k);
        peer_forget(&k);
        peer_advance(&k, NET_US(100));
    }
    for (uint32_t at = 0; arp_each(&k.net.ifs[0].arp, &at, &e);)
        entries++;
    T_TRUE(entries <= cfg.ifs[0].arp.entries);
    peer_forget(&k);
    T_EQ(sock_sendto(net_socks(&k.net), sd, "still", 5, &to), 5);
    peer_settle(&k);
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_EQ(s->ethertype, 0x0800);
    T_EQ(s->dst, OTHER);
    sock_close(net_socks(&k.net), sd);
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("security_link", T(test_security_arp_cut_anywhere), T(test_security_padding_is_zero),
       T(test_security_arp_cache_overflow))
