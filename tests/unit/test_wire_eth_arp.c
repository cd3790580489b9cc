/*
 * test_wire_eth_arp.c - bytes, Ethernet and ARP headers.
 *
 * Cut packets are copied to memory of exactly their length, so that under a sanitizer a parser that
 * reads one byte too far is caught.
 */
#include <stdlib.h>

#include "t.h"
#include "wire/arp.h"
#include "wire/eth.h"

static const uint8_t frame[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44,
                                0x55, 0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,
                                0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x0a, 0x00, 0x00, 0x01, 0x00,
                                0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x02};

static uint8_t *cut(const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    if (copy == NULL)
        abort();
    memcpy(copy, p, len);
    return copy;
}

static void test_bytes_are_in_network_order(void)
{
    uint8_t b[4];

    put16(b, 0x1234);
    T_MEM(b, "\x12\x34", 2);
    T_EQ(get16(b), 0x1234);
    put32(b, 0x89abcdef);
    T_MEM(b, "\x89\xab\xcd\xef", 4);
    T_EQ(get32(b), 0x89abcdef);
    T_EQ(get16((const uint8_t *)"\xff\xfe"), 0xfffe);
    T_EQ(get32((const uint8_t *)"\xff\xff\xff\xfe"), 0xfffffffe);
}

static void test_wire_eth_reads_and_writes_the_same_header(void)
{
    struct eth_hdr h;
    uint8_t out[ETH_HDR_LEN];

    T_EQ(eth_parse(&h, (struct span){frame, sizeof(frame)}), V_NEXT);
    T_TRUE(mac_eq(h.dst, MAC_BROADCAST));
    T_MEM(h.src.b, "\x02\x11\x22\x33\x44\x55", 6);
    T_EQ(h.type, ETH_TYPE_ARP);
    eth_emit(&h, out);
    T_MEM(out, frame, ETH_HDR_LEN);
}

static void test_wire_eth_every_cut_is_refused(void)
{
    for (size_t len = 0; len < ETH_HDR_LEN; len++) {
        uint8_t *p = cut(frame, len);
        struct eth_hdr h;

        T_EQ(eth_parse(&h, (struct span){p, len}), V_DROP_ETH_SHORT);
        free(p);
    }
}

static void test_wire_mac_kinds(void)
{
    T_TRUE(mac_is_group(MAC_BROADCAST));
    T_TRUE(mac_is_group((struct mac){
        {0x01, 0, 0x5e, 0, 0, 1}
    }));
    T_FALSE(mac_is_group((struct mac){
        {0x02, 0, 0, 0, 0, 1}
    }));
    T_TRUE(mac_is_zero((struct mac){{0}}));
    T_FALSE(mac_is_zero((struct mac){
        {0, 0, 0, 0, 0, 1}
    }));
}

static const uint8_t *const arp_bytes = frame + ETH_HDR_LEN;

static void test_wire_arp_reads_and_writes_the_same_packet(void)
{
    struct arp_pkt a;
    uint8_t out[ARP_PKT_LEN];

    T_EQ(arp_parse(&a, (struct span){arp_bytes, ARP_PKT_LEN}), V_NEXT);
    T_EQ(a.op, ARP_REQUEST);
    T_EQ(a.spa, 0x0a000001);
    T_EQ(a.tpa, 0x0a000002);
    T_TRUE(mac_is_zero(a.tha));
    T_MEM(a.sha.b, "\x02\x11\x22\x33\x44\x55", 6);
    arp_emit(&a, out);
    T_MEM(out, arp_bytes, ARP_PKT_LEN);
    a.op = ARP_REPLY;
    a.tha = (struct mac){
        {1, 2, 3, 4, 5, 6}
    };
    arp_emit(&a, out);
    struct arp_pkt b;

    T_EQ(arp_parse(&b, (struct span){out, sizeof(out)}), V_NEXT);
    T_EQ(b.op, ARP_REPLY);
    T_TRUE(mac_eq(b.tha, a.tha) && mac_eq(b.sha, a.sha) && b.spa == a.spa && b.tpa == a.tpa);
}

/* REQ: ARP-826-2 */
static void test_wire_arp_every_cut_is_refused(void)
{
    for (size_t len = 0; len < ARP_PKT_LEN; len++) {
        uint8_t *p = cut(arp_bytes, len);
        struct arp_pkt a;

        T_EQ(arp_parse(&a, (struct span){p, len}), V_DROP_ARP_SHORT);
        free(p);
    }
}

/* REQ: ARP-826-2 */
static void test_wire_arp_other_types_lengths_and_operations_are_refused(void)
{
    for (size_t at = ARP_HTYPE; at < ARP_SHA; at++) { /* each bit of the fixed part */
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t p[ARP_PKT_LEN];
            struct arp_pkt a;

            memcpy(p, arp_bytes, sizeof(p));
            p[at] ^= (uint8_t)(1u << bit);
            enum verdict v = arp_parse(&a, (struct span){p, sizeof(p)});

            T_EQ(v, at < ARP_OP ? V_DROP_ARP_TYPE : V_DROP_ARP_OP);
        }
    }
    for (uint32_t op = 0; op <= UINT16_MAX; op++) {
        uint8_t p[ARP_PKT_LEN];
        struct arp_pkt a;

        memcpy(p, arp_bytes, sizeof(p));
        put16(p + ARP_OP, (uint16_t)op);
        T_EQ(arp_parse(&a, (struct span){p, sizeof(p)}),
             op == ARP_REQUEST || op == ARP_REPLY ? V_NEXT : V_DROP_ARP_OP);
    }
}

T_MAIN("wire_eth_arp", T(test_bytes_are_in_network_order),
       T(test_wire_eth_reads_and_writes_the_same_header), T(test_wire_eth_every_cut_is_refused),
       T(test_wire_mac_kinds), T(test_wire_arp_reads_and_writes_the_same_packet),
       T(test_wire_arp_every_cut_is_refused),
       T(test_wire_arp_other_types_lengths_and_operations_are_refused))
