/*
 * ip_addr.h - an internet address as a small value, either version.
 *
 * From L4 up nobody knows which version of IP carries a datagram: an IPv4 address a.b.c.d is kept
 * as the mapped form ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), in host order. All zero is "any",
 * for both versions.
 */
#ifndef STACKD_IP_ADDR_H
#define STACKD_IP_ADDR_H

#include "base/base.h"

struct ip_addr {
    uint64_t hi, lo;
};

#define IP_ADDR_MAPPED 0x0000ffff00000000ull
#define IP_ADDR_ANY    ((struct ip_addr){0, 0}) /* in an initializer of static storage: {0, 0} */

static inline struct ip_addr ip_addr_v4(uint32_t a)
{
    return (struct ip_addr){0, a == 0 ? 0 : IP_ADDR_MAPPED | a};
}
static inline bool ip_addr_is_any(struct ip_addr a) { return (a.hi | a.lo) == 0; }
static inline bool ip_addr_is_v4(struct ip_addr a)
{
    return a.hi == 0 && (a.lo >> 32) == (IP_ADDR_MAPPED >> 32);
}
/** ip_addr_to_v4 - the 32-bit address, host order; 0 for "any". */
static inline uint32_t ip_addr_to_v4(struct ip_addr a) { return (uint32_t)a.lo; }
/** ip_addr_is_short - can it be kept in 32 bits, as ip_addr_short()? ip_addr_long() undoes that. So
 * layers that do not know what an address looks like can keep a common one small. */
static inline bool ip_addr_is_short(struct ip_addr a) { return ip_addr_is_v4(a); }
static inline uint32_t ip_addr_short(struct ip_addr a) { return ip_addr_to_v4(a); }
static inline struct ip_addr ip_addr_long(uint32_t a) { return ip_addr_v4(a); }
static inline bool ip_addr_eq(struct ip_addr a, struct ip_addr b)
{
    return ((a.hi ^ b.hi) | (a.lo ^ b.lo)) == 0;
}

/** struct mac - an Ethernet address in the order of the wire. */
struct mac {
    uint8_t b[6];
};

/* As one number, which stays in a register; its value means nothing. */
static inline uint64_t mac_number(struct mac a)
{
    uint32_t front;
    uint16_t tail;

    memcpy(&front, a.b, 4);
    memcpy(&tail, a.b + 4, 2);
    return (uint64_t)tail << 32 | front;
}
static inline bool mac_eq(struct mac a, struct mac b) { return mac_number(a) == mac_number(b); }
static inline bool mac_is_group(struct mac a) { return (a.b[0] & 1) != 0; }
static inline bool mac_is_zero(struct mac a) { return mac_number(a) == 0; }
#define MAC_BROADCAST ((struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})

#endif
