/*
 * small.h - a host small enough to make thousands of: 10.0.0.N, whose address is its own at once.
 *
 * What the hosts of unit tests, of the scripted peer and of random worlds have in common; each takes as many
 * packets as its wire wants, and changes what a test is about.
 */
#ifndef STACKD_TESTS_SMALL_H
#define STACKD_TESTS_SMALL_H

#include <errno.h>
#include <stdlib.h>

#include "net.h"

/** small_identity - the defaults, with the addresses and the seed of host @last_byte, and no ARP probes. */
static inline void small_identity(struct net_config *cfg, uint8_t last_byte)
{
    net_config_default(cfg);
    cfg->seed = last_byte;
    cfg->ifs[0].mac.b[5] = last_byte;
    cfg->ifs[0].addr[0].ip = 0x0a000000u | last_byte;
    cfg->ifs[0].arp.detect = false;
}

/** small_config - the same with small pools; @packets, @bigs of 64 KB, @buffer_mb for send and receive queues. */
static inline void small_config(struct net_config *cfg, uint8_t last_byte, uint32_t packets,
                                uint32_t bigs, size_t buffer_mb)
{
    small_identity(cfg, last_byte);
    cfg->packets = packets;
    cfg->bigs = bigs;
    cfg->buffer_bytes = buffer_mb << 20;
    cfg->tcp.connections = 64;
    cfg->tcp.idle = 64;
    cfg->tcp.half_open = 32;
    cfg->tcp.time_wait = 64;
    cfg->udp.sockets = 32;
    cfg->socks = (struct socks_config){.sockets = 64, .polls = 4};
}

/**
 * small_bring_up - net_init() in memory of its own, zero-filled and aligned.
 * @memory: receives it, to be released with free(), also where the configuration is refused
 *
 * Return: that of net_init(); -ENOMEM.
 */
static inline int small_bring_up(struct net *n, const struct net_config *cfg, void **memory)
{
    size_t len = net_mem_size(cfg);
    uint8_t *p = calloc(1, len + 64);

    *memory = p;
    return p != NULL ? net_init(n, cfg, p + (64 - (uintptr_t)p % 64), len) : -ENOMEM;
}

#endif
