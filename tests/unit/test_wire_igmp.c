#include "t.h"
#include "wire/igmp.h"

/* A version 2 report for 239.1.2.3; its checksum was computed by hand. */
static const uint8_t report[] = {0x16, 0x00, 0xf8, 0xfa, 0xef, 0x01, 0x02, 0x03};

static void test_wire_igmp_round_trip(void)
{
    struct igmp_msg m = {.type = IGMP_V2_REPORT, .group = 0xef010203}, got;
    uint8_t b[IGMP_LEN];

    memset(b, 0xff, sizeof(b));
    igmp_emit(&m, b);
    T_MEM(b, report, sizeof(b));
    T_EQ(igmp_parse(&got, (struct span){report, sizeof(report)}), V_NEXT);
    T_EQ(got.type, IGMP_V2_REPORT);
    T_EQ(got.max_resp, 0);
    T_EQ(got.group, 0xef010203);
}

static void test_wire_igmp_every_cut_is_refused(void)
{
    struct igmp_msg m = {0};

    for (size_t len = 0; len < sizeof(report); len++)
        T_EQ(igmp_parse(&m, (struct span){report, len}), V_DROP_IGMP_SHORT);
}

static void test_wire_igmp_any_wrong_bit_is_refused(void)
{
    struct igmp_msg m = {0};
    uint8_t b[sizeof(report)];

    for (size_t bit = 0; bit < 8 * sizeof(b); bit++) {
        memcpy(b, report, sizeof(b));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        T_EQ(igmp_parse(&m, (struct span){b, sizeof(b)}), V_DROP_IGMP_CHECKSUM);
    }
}

/* A version 3 query is longer; the sum goes over all of it (RFC 2236 section 2.3 and 2.5). */
static void test_wire_igmp_longer_message_is_read_to_its_eighth_octet(void)
{
    struct igmp_msg m = {0};
    uint8_t b[12] = {0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0};

    put16(b + IGMP_SUM, csum_finish(csum_add(0, b, sizeof(b))));
    T_EQ(igmp_parse(&m, (struct span){b, sizeof(b)}), V_NEXT);
    T_EQ(m.max_resp, 100);
    T_EQ(m.group, 0);
    b[9] ^= 1;
    T_EQ(igmp_parse(&m, (struct span){b, sizeof(b)}), V_DROP_IGMP_CHECKSUM);
}

T_MAIN("wire_igmp", T(test_wire_igmp_round_trip), T(test_wire_igmp_every_cut_is_refused),
       T(test_wire_igmp_any_wrong_bit_is_refused),
       T(test_wire_igmp_longer_message_is_read_to_its_eighth_octet))
