/*
 * bytes.h - numbers in network order, one byte at a time.
 *
 * No casts of packet bytes, no packed structs, no alignment to think of: compilers turn these into
 * one load and a byte swap. This folder is the only place where the order of bytes on the wire is
 * known; everywhere else numbers are in host order.
 */
#ifndef STACKD_BYTES_H
#define STACKD_BYTES_H

#include "base/ip_addr.h"
#include "base/verdict.h"

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}
static inline struct mac get_mac(const uint8_t *p)
{
    struct mac m;

    memcpy(m.b, p, 6);
    return m;
}
static inline void put_mac(uint8_t *p, struct mac m) { memcpy(p, m.b, 6); }

#endif
