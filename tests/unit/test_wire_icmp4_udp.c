/* test_wire_icmp4_udp.c - the two eight-byte headers. */
#include <stdlib.h>

#include "t.h"
#include "wire/icmp4.h"
#include "wire/udp.h"

static uint8_t *cut(const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);

    if (copy == NULL)
        abort();
    memcpy(copy, p, len);
    return copy;
}

static const uint8_t echo[] = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1, 'x'};

static void test_wire_icmp4_reads_and_writes_the_same_header(void)
{
    struct icmp4_hdr h;
    uint8_t out[ICMP4_HDR_LEN];

    T_EQ(icmp4_parse(&h, (struct span){echo, sizeof(echo)}), V_NEXT);
    T_EQ(h.type, ICMP4_ECHO);
    T_EQ(h.code, 0);
    T_EQ(h.sum, 0xf7fd);
    T_EQ(h.word, 0x00010001);
    icmp4_emit(&h, out);
    T_MEM(out, echo, sizeof(out));
    h = (struct icmp4_hdr){ICMP4_UNREACH, ICMP4_FRAG_NEEDED, 0x1234, 1400};
    icmp4_emit(&h, out);
    T_MEM(out, "\x03\x04\x12\x34\x00\x00\x05\x78", 8); /* RFC 1191 section 4: the MTU */
}

/* REQ: ICMP-792-3 */
static void test_wire_icmp4_every_cut_is_refused(void)
{
    for (size_t len = 0; len <= sizeof(echo); len++) {
        uint8_t *p = cut(echo, len);
        struct icmp4_hdr h;

        T_EQ(icmp4_parse(&h, (struct span){p, len}), len < 8 ? V_DROP_ICMP4_SHORT : V_NEXT);
        free(p);
    }
}

static void test_wire_udp_reads_and_writes_the_same_header(void)
{
    static const uint8_t bytes[] = {0x9c, 0xb0, 0x00, 0x07, 0x00, 0x09, 0xbe, 0xef, 'x'};
    struct udp_hdr h;
    uint8_t out[UDP_HDR_LEN];

    T_EQ(udp_parse(&h, (struct span){bytes, sizeof(bytes)}), V_NEXT);
    T_EQ(h.src_port, 40112);
    T_EQ(h.dst_port, 7);
    T_EQ(h.len, 9);
    T_EQ(h.sum, 0xbeef);
    udp_emit(&h, out);
    T_MEM(out, bytes, sizeof(out));
}

/* REQ: UDP-768-2 */
static void test_wire_udp_every_length_field_against_every_length(void)
{
    for (size_t len = 0; len <= 24; len++) {
        for (uint32_t field = 0; field <= UINT16_MAX; field += field < 40 ? 1 : 251) {
            uint8_t bytes[24] = {0};
            struct udp_hdr h;

            put16(bytes + UDP_LEN, (uint16_t)field);
            uint8_t *p = cut(bytes, len);
            enum verdict v = udp_parse(&h, (struct span){p, len});

            if (len < UDP_HDR_LEN)
                T_EQ(v, V_DROP_UDP_SHORT);
            else
                T_EQ(v, field < UDP_HDR_LEN || field > len ? V_DROP_UDP_LENGTH : V_NEXT);
            free(p);
        }
    }
}

T_MAIN("wire_icmp4_udp", T(test_wire_icmp4_reads_and_writes_the_same_header),
       T(test_wire_icmp4_every_cut_is_refused), T(test_wire_udp_reads_and_writes_the_same_header),
       T(test_wire_udp_every_length_field_against_every_length))
