/*
 * fcs.h - the frame check sequence of Ethernet (IEEE 802.3 clause 3.2.9): CRC-32.
 *
 * A network card makes and checks it, so no frame in this stack carries one; who wants to show
 * what is on the copper, or how a flipped bit is noticed, computes it here. A CRC finds every
 * burst of errors up to 32 bits, where the Internet checksum misses two words that are swapped.
 */
#ifndef STACKD_FCS_H
#define STACKD_FCS_H

#include "base/base.h"

enum { FCS_LEN = 4 };

/** fcs_add - continue a CRC over @len more bytes; start with 0. */
uint32_t fcs_add(uint32_t crc, const void *bytes, size_t len);

/** fcs_put - write @crc behind a frame: least significant byte first, unlike all other numbers. */
void fcs_put(uint8_t *p, uint32_t crc);

/** fcs_ok - does @frame, its last four bytes the FCS, carry the right one? */
bool fcs_ok(struct span frame);

#endif
