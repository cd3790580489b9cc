/*
 * csum.h - the Internet checksum (RFC 1071).
 *
 * Sums are kept unfolded in 64 bits while they travel between layers; L4 receives the sum of the
 * pseudo-header as such a number and does not know which version of IP it came from. A correct
 * packet, its checksum included, folds to 0xffff.
 */
#ifndef STACKD_CSUM_H
#define STACKD_CSUM_H

#include "base/ip_addr.h"

/** csum_add - add @len bytes to @sum, as 16-bit words in network order, an odd last byte padded. */
uint64_t csum_add(uint64_t sum, const void *bytes, size_t len);

/** csum_add_odd - add bytes that begin at an odd offset of the whole. */
uint64_t csum_add_odd(uint64_t sum, const void *bytes, size_t len);

/** csum_copy - copy @len bytes and add them to @sum, in one pass over them. The two must not overlap. */
uint64_t csum_copy(uint64_t sum, void *to, const void *from, size_t len);

/** csum_fold - the 16-bit one's complement sum, not inverted. */
static inline uint16_t csum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}
/** csum_finish - the value for a checksum field. */
static inline uint16_t csum_finish(uint64_t sum) { return (uint16_t)~csum_fold(sum); }

/**
 * csum_pseudo - sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
 * @len: bytes of the transport header and its payload
 *
 * The mapped prefix of an IPv4 address is left out, so one function serves both versions.
 */
static inline uint64_t csum_pseudo(struct ip_addr src, struct ip_addr dst, uint8_t proto, uint32_t len)
{
    uint64_t sum = (uint64_t)proto + len;

    if (ip_addr_is_v4(dst) || ip_addr_is_v4(src))
        return sum + (uint32_t)src.lo + (uint32_t)dst.lo;
    return sum + (src.hi >> 32) + (uint32_t)src.hi + (src.lo >> 32) + (uint32_t)src.lo +
           (dst.hi >> 32) + (uint32_t)dst.hi + (dst.lo >> 32) + (uint32_t)dst.lo;
}

#endif
