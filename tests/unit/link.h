/*
 * link.h - what the tests of the link layer and of the media share: a host without upper layers.
 */
#ifndef STACKD_TEST_LINK_H
#define STACKD_TEST_LINK_H

#include <stdlib.h>

#include "base/core.h"
#include "l2_link/arp.h"
#include "t.h"

enum { LINK_EVENTS = 256, LINK_PKTS = 64, LINK_PKT_CAP = 1700, LINK_BIG_CAP = 9000 };

static const struct mac link_us = {
    {0x02, 0, 0, 0, 0, 1}
};
static const struct mac link_peer = {
    {0x02, 0, 0, 0, 0, 2}
};
static const struct mac link_other = {
    {0x02, 0, 0, 0, 0, 3}
};

enum { IP_US = 0x0a000002, IP_PEER = 0x0a000001, IP_OTHER = 0x0a000003 };

struct link_host {
    void *mem;
    struct core c;
    struct eth_txq txq;
    struct eth eth;
    struct arp arp;
    struct trace_ev event[LINK_EVENTS];
    unsigned events;
};

static inline void link_sink(void *ctx, const struct trace_ev *ev)
{
    struct link_host *h = ctx;

    if (h->events < LINK_EVENTS)
        h->event[h->events++] = *ev;
}

static inline void link_cut(struct link_host *h, const struct arp_config *cfg, struct region *r)
{
    pkt_pool_cut(&h->c.pkts, r, LINK_PKTS, LINK_PKT_CAP);
    pkt_pool_cut(&h->c.bigs, r, 8, LINK_BIG_CAP);
    arp_cut(&h->arp, cfg, r);
}

/** link_up - a host with a packet pool, an interface of MTU 1500 and no address yet. */
static inline void link_up(struct link_host *h, const struct arp_config *cfg)
{
    struct region measure = {0};

    *h = (struct link_host){0};
    link_cut(h, cfg, &measure);
    h->mem = calloc(1, measure.used + 64);
    T_NEED(h->mem != NULL);
    struct region r = {.p = h->mem, .len = measure.used};

    link_cut(h, cfg, &r);
    T_NEED(!r.overflow);
    prng_seed(&h->c.prng, 1, 0);
    h->c.trace = (struct trace){.mask = UINT32_MAX, .sink = link_sink, .ctx = h};
    h->txq.max = 600;
    eth_init(&h->eth, &h->c, &h->txq, 3, link_us, 1500);
    arp_init(&h->arp, &h->c, &h->eth);
}

/** link_down - the end of a test: nothing may have leaked. */
static inline void link_down(struct link_host *h)
{
    struct pkt *p;

    while ((p = pktq_pop(&h->txq.q)) != NULL || (p = pktq_pop(&h->c.unreached)) != NULL)
        pkt_release(p);
    T_EQ(h->c.pkts.slab.used, 0);
    T_EQ(h->c.bigs.slab.used, 0);
    free(h->mem);
}

/** link_pkt - a packet with @len bytes: 0, 1, 2 ... from @first on. */
static inline struct pkt *link_pkt(struct core *c, uint32_t len, uint8_t first)
{
    struct pkt *p = pkt_alloc(&c->pkts, PKT_HEADROOM);

    T_NEED(p != NULL);
    uint8_t *b = pkt_append(p, len);

    for (uint32_t i = 0; i < len; i++)
        b[i] = (uint8_t)(first + i);
    return p;
}

/** link_count - how many events of @kind were traced. */
static inline unsigned link_count(const struct link_host *h, enum trace_kind kind)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->events; i++)
        n += h->event[i].kind == kind;
    return n;
}

#endif
