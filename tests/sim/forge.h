/*
 * forge.h - frames that no stack of ours would send.
 */
#ifndef STACKD_FORGE_H
#define STACKD_FORGE_H

#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

enum { FORGE_MAX = 1600 };

/* Who is said to send a frame to whom. */
struct forge {
    struct mac src_mac, dst_mac;
    uint32_t src, dst;
};

/** forge_ip - a datagram or fragment. Return: bytes in @out (FORGE_MAX). */
size_t forge_ip(const struct forge *f, uint8_t proto, uint16_t id, uint16_t frag_off, bool more,
                const void *body, size_t len, uint8_t *out);
/** forge_tcp - a segment; ports, numbers, flags, window and options are @seg's. */
size_t forge_tcp(const struct forge *f, struct tcp_seg *seg, const void *data, size_t len,
                 uint8_t *out);
/** forge_arp - src says, by @op, that it has src_mac, and asks for dst. */
size_t forge_arp(const struct forge *f, uint16_t op, uint8_t *out);

#endif
