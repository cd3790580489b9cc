/*
 * pair.h - what the benches in virtual time share: hosts at 10.0.0.x in memory of their own, and frames
 * that cross from one to the other by copy. Names itself in messages by BENCH, defined before.
 */
#ifndef STACKD_BENCH_PAIR_H
#define STACKD_BENCH_PAIR_H

#include <stdio.h>
#include <stdlib.h>

#include "net.h"

enum { BENCH_BATCH = 64 };

/** need - end the program, saying @what, unless @ok. */
static inline void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, BENCH ": %s\n", what);
    exit(2);
}

/** bench_memory - @len bytes, zero-filled, aligned for net_init(); never given back. */
static inline void *bench_memory(size_t len)
{
    uint8_t *p = calloc(1, len + 64);

    need(p != NULL, "no memory");
    return p + (64 - (uintptr_t)p % 64);
}

/** bench_config - host 10.0.0.@last_byte, whose address is its own at once. */
static inline void bench_config(struct net_config *cfg, uint8_t last_byte)
{
    net_config_default(cfg);
    cfg->seed = last_byte;
    cfg->ifs[0].mac.b[5] = last_byte;
    cfg->ifs[0].addr[0].ip = 0x0a000000u | last_byte;
    cfg->ifs[0].arp.detect = false;
}

/** bench_bring_up - @n as @cfg says. */
static inline void bench_bring_up(struct net *n, const struct net_config *cfg)
{
    size_t len = net_mem_size(cfg);

    need(net_init(n, cfg, bench_memory(len), len) == 0, "net_init refused");
}

/** bench_copy - frame @p as a packet of @to, its checksum vouched for; @p is given back. */
static inline struct pkt *bench_copy(struct pkt *p, struct net *to)
{
    uint32_t total = pkt_total(p);
    struct pkt *q = total > 2000 ? pkt_alloc(&to->core.bigs, PKT_HEADROOM) : net_pkt(to);

    need(q != NULL, "no packet left");
    pkt_copy_out(p, pkt_append(q, total));
    q->csum = CSUM_VERIFIED;
    q->gso_size = p->gso_size;
    pkt_release(p);
    return q;
}

/** bench_carry - what is due at @from, as packets @in of @to, checksums vouched for. Return: how many. */
static inline size_t bench_carry(struct net *from, struct net *to, struct pkt *in[BENCH_BATCH],
                                 net_time now)
{
    struct pkt *out[BENCH_BATCH];
    size_t count = net_output(from, out, BENCH_BATCH, now);

    for (size_t i = 0; i < count; i++)
        in[i] = bench_copy(out[i], to);
    return count;
}

/** bench_move - the same, and @to takes them. Return: frames. */
static inline size_t bench_move(struct net *from, struct net *to, net_time now)
{
    struct pkt *in[BENCH_BATCH];
    size_t count = bench_carry(from, to, in, now);

    net_input(to, in, count, now);
    return count;
}

#endif
