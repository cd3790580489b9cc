/* CRC-32 of IEEE 802.3. */
#include "l1_physical/fcs.h"
#include "t.h"

static void test_fcs_check_value(void)
{
    T_EQ(fcs_add(0, "123456789", 9), 0xcbf43926); /* the published check value of CRC-32 */
    T_EQ(fcs_add(0, "", 0), 0);
}

static void test_fcs_add_continues(void)
{
    uint32_t crc = fcs_add(0, "1234", 4);

    T_EQ(fcs_add(crc, "56789", 5), 0xcbf43926);
}

static void test_fcs_put_is_lowest_byte_first(void)
{
    static const uint8_t want[4] = {0x26, 0x39, 0xf4, 0xcb};
    uint8_t b[4];

    fcs_put(b, 0xcbf43926);
    T_MEM(b, want, 4);
}

static void test_fcs_ok_finds_every_flipped_bit(void)
{
    uint8_t f[68];

    for (unsigned i = 0; i < 64; i++)
        f[i] = (uint8_t)(i * 7);
    fcs_put(f + 64, fcs_add(0, f, 64));
    T_TRUE(fcs_ok((struct span){f, 68}));
    for (unsigned bit = 0; bit < 68 * 8; bit++) {
        f[bit / 8] ^= (uint8_t)(1u << bit % 8);
        T_FALSE(fcs_ok((struct span){f, 68}));
        f[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    T_FALSE(fcs_ok((struct span){f, 67}));
    T_FALSE(fcs_ok((struct span){f, 3}));
}

T_MAIN("fcs", T(test_fcs_check_value), T(test_fcs_add_continues),
       T(test_fcs_put_is_lowest_byte_first), T(test_fcs_ok_finds_every_flipped_bit))
