#include "l1_physical/fcs.h"

/* CRC of each half byte: the polynomial 0x04c11db7 with its bits reversed, as the wire sends the
 * lowest bit of a byte first. Sixteen entries are quick enough for what is only looked at. */
static const uint32_t fcs_table[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t fcs_add(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    /* Start and end are inverted, so that leading and trailing zeros count. */
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ fcs_table[crc & 15];
        crc = crc >> 4 ^ fcs_table[crc & 15];
    }
    return ~crc;
}

void fcs_put(uint8_t *p, uint32_t crc)
{
    for (unsigned i = 0; i < FCS_LEN; i++)
        p[i] = (uint8_t)(crc >> 8 * i);
}

bool fcs_ok(struct span frame)
{
    uint8_t want[FCS_LEN];

    if (frame.len < FCS_LEN)
        return false;
    fcs_put(want, fcs_add(0, frame.p, frame.len - FCS_LEN));
    return memcmp(want, frame.p + frame.len - FCS_LEN, FCS_LEN) == 0;
}
