/*
 * Hostile ICMP (docs/security.md section 3), where test_icmp4.c, test_tcp_icmp.c and the units do
 * not have it.
 */
#include "raw.h"

/* A half-open connection has sent nothing that a router could find fault with but a SYN,ACK, which
 * is repeated anyway: no error ends it, whatever it quotes. */
static void test_security_icmp_half_open(void)
{
    static const uint8_t codes[] = {0, 1, 2, 3, 4, 13};
    struct peer k;

    peer_begin(&k);
    int listener = syn_rcvd(&k);

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        peer_icmp(&k, 3, codes[i], 600, 0);
    peer_icmp(&k, 11, 0, 0, 0);
    peer_icmp(&k, 12, 0, 0, 0);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_NO_OWNER), ARRAY_LEN(codes) + 2);
    expect_state(&k, "SYN_RCVD");
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
    expect_state(&k, "ESTABLISHED");
    sock_close(net_socks(&k.net), peer_accept(&k, listener));
    peer_forget(&k);
    peer_end(&k);
}

/* A path MTU that would leave less than the smallest payload, from one who even knows a number in
 * flight: refused by name, and the segments stay as they are (CVE-2004-1060).
 * REQ: PMTU-1191-3-3 */
static void test_security_icmp_mtu_floor(void)
{
    struct tcp_status s;
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, "abc", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    for (uint16_t mtu = 1; mtu < 40 + 88; mtu++)
        peer_icmp(&k, 3, 4, mtu, 1);
    T_EQ(peer_drops(&k, V_DROP_ICMP4_MTU), 40 + 88 - 1);
    T_NEED(peer_status(&k, &s));
    T_EQ(s.mss, 1460);
    peer_icmp(&k, 3, 4, 40 + 88, 1); /* the floor itself is believed */
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    T_NEED(peer_status(&k, &s));
    T_EQ(s.mss, 88);
    peer_end(&k);
}

/* An error that quotes a segment of TCP, UDP or ICMP, with every byte of it made every value, and
 * cut anywhere: nothing of it is answered, no connection ends, and the MSS is one that the floor
 * and the MTU allow. */
static void test_security_icmp_quote_every_byte(void)
{
    static const uint8_t protos[] = {6, 17, 1};
    uint8_t quote[28] = {0x45, 0, 5, 220, 0, 1, 0x40, 0, 64}, m[64];
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, "abc", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    raw32(quote + 12, H_IP);
    raw32(quote + 16, PEER_IP);
    raw16(quote + 20, k.h_port);
    raw16(quote + 22, k.peer_port);
    raw32(quote + 24, k.h_iss + 2); /* not in flight in most of the cases below */
    for (size_t p = 0; p < ARRAY_LEN(protos); p++) {
        quote[9] = protos[p];
        for (size_t at = 0; at < sizeof(quote); at++) {
            for (unsigned value = 0; value < 256; value++) {
                uint8_t bad[28];

                memcpy(bad, quote, sizeof(bad));
                bad[at] = (uint8_t)value;
                uint32_t len = raw_icmp(m, 3, (uint8_t)(value % 16), 576, bad, sizeof(bad));

                say_ip(&k, .proto = 1, .data = m, .len = len);
                k.first = k.count; /* segments sent again in smaller pieces */
            }
        }
        for (uint32_t len = 0; len < sizeof(quote); len++) {
            uint32_t n = raw_icmp(m, 3, 3, 0, quote, len);

            say_ip(&k, .proto = 1, .data = m, .len = n);
        }
    }
    struct tcp_status s;

    expect_state(&k, "ESTABLISHED");
    T_NEED(peer_status(&k, &s));
    T_TRUE(s.mss == 1460 || s.mss == 576 - 40);
    T_TRUE(peer_drops(&k, V_DROP_ICMP4_INNER) > 3 * sizeof(quote));
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("security_icmp", T(test_security_icmp_half_open), T(test_security_icmp_mtu_floor),
       T(test_security_icmp_quote_every_byte))
