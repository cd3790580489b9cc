#include "raw.h"

/* A ping whose first bytes are changed before it is sent. */
static uint8_t frame[RAW_MAX];
static size_t frame_len;

static void ping_frame(void)
{
    static uint8_t m[64];
    struct raw_ip d = {.proto = 1, .data = m};

    d.len = raw_icmp(m, 8, 0, 0x12340001, "abcdefgh", 8);
    frame_len = raw_ip_build(frame, &d);
}

static void refused(struct peer *k, enum verdict why)
{
    uint64_t before = peer_drops(k, why);

    peer_raw(k, frame, frame_len);
    peer_settle(k);
    T_EQ(peer_drops(k, why), before + 1);
    T_TRUE(peer_next(k) == NULL);
    ping_frame();
}

/* REQ: LINK-1122-2.3.3-1 LINK-1122-2.3.3-2 LINK-1122-2.3.1-1 */
static void test_ethernet_types(void)
{
    static const uint16_t types[] = {0x86dd, 0x1000, 0x88cc, 0x0801, 0xffff};
    struct peer k;

    peer_begin(&k);
    ping_frame();
    peer_raw(&k, frame, frame_len);
    peer_settle(&k);
    T_TRUE(raw_pong(&k));
    raw16(frame + 12, 0x05dc); /* an 802.3 length */
    refused(&k, V_DROP_ETH_8023_LENGTH);
    raw16(frame + 12, 28);
    refused(&k, V_DROP_ETH_8023_LENGTH);
    raw16(frame + 12, 0x8100); /* VLAN tags */
    refused(&k, V_DROP_ETH_VLAN);
    raw16(frame + 12, 0x88a8);
    refused(&k, V_DROP_ETH_VLAN);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        raw16(frame + 12, types[i]);
        refused(&k, V_DROP_ETH_TYPE);
    }
    peer_end(&k);
}

/* REQ: LINK-1122-2.4-1 */
static void test_ethernet_addresses(void)
{
    struct peer k;

    peer_begin(&k);
    ping_frame();
    frame[5] ^= 0x40;
    refused(&k, V_DROP_ETH_OTHER_HOST);
    frame[0] |= 1; /* a group that nobody has joined */
    refused(&k, V_DROP_ETH_MULTICAST);
    memcpy(frame + 6, raw_h_mac, 6);
    refused(&k, V_DROP_ETH_OWN_SOURCE);
    frame[6] |= 1;
    refused(&k, V_DROP_ETH_GROUP_SOURCE);
    memcpy(frame, raw_all, 6); /* the link layer's cast is known to IP */
    refused(&k, V_DROP_IP4_L2_BROADCAST);
    peer_end(&k);
}

/* REQ: IP-1122-3.1-3 */
static void test_ethernet_lengths(void)
{
    struct peer k;
    static uint8_t big[1515] = {0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01, 0x08};

    peer_begin(&k);
    for (size_t len = 0; len < RAW_ETH; len++) { /* cut off inside the header */
        ping_frame();
        frame_len = len;
        refused(&k, V_DROP_ETH_SHORT);
    }
    for (size_t len = RAW_ETH; len < RAW_ETH + RAW_IP; len++) {
        frame_len = len;
        refused(&k, V_DROP_IP4_SHORT);
    }
    peer_raw(&k, big, sizeof(big));
    T_EQ(peer_drops(&k, V_DROP_ETH_TOO_LONG), 1);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* Frames of ours are never shorter than the wire wants, nor longer than the MTU. */
/* REQ: LINK-1122-2.3.3-1 */
static void test_ethernet_minimum_length(void)
{
    struct peer k;

    peer_begin(&k);
    raw_ping(&k, (struct raw_ip){0});
    T_TRUE(raw_pong(&k));
    T_EQ(k.last.frame_len, 60); /* without the FCS */
    k.sees_arp = true;
    say_arp(&k, .op = 1, .spa = PEER_IP, .tpa = H_IP);
    T_TRUE(raw_arp_is(&k, raw_peer_mac, 2, H_IP, PEER_IP));
    T_EQ(k.last.frame_len, 60);
    peer_end(&k);
}

T_MAIN("ethernet", T(test_ethernet_types), T(test_ethernet_addresses), T(test_ethernet_lengths),
       T(test_ethernet_minimum_length))
