/*
 * arp_host.h - a host with a neighbour cache and nothing above it, for test_arp.c and test_arp_own.c.
 */
#ifndef STACKD_TESTS_ARP_HOST_H
#define STACKD_TESTS_ARP_HOST_H

#include <errno.h>

#include "link.h"

static struct link_host H;
static struct arp_config Cfg;

/* What went out, one frame. */
struct sent {
    struct eth_hdr eth;
    struct arp_pkt arp; /* if eth.type is ARP */
    uint8_t mark;       /* else first byte of the datagram */
};

static inline bool next_sent(struct sent *s)
{
    arp_output_due(&H.arp);
    struct pkt *p = pktq_pop(&H.txq.q);

    if (p == NULL)
        return false;
    struct span span = pkt_span(p);

    *s = (struct sent){0};
    T_EQ(eth_parse(&s->eth, span), V_NEXT);
    span.p += ETH_HDR_LEN;
    span.len -= ETH_HDR_LEN;
    if (s->eth.type == ETH_TYPE_ARP)
        T_EQ(arp_parse(&s->arp, span), V_NEXT);
    else
        s->mark = span.p[0];
    pkt_release(p);
    return true;
}

static inline unsigned drain(void)
{
    struct sent s;
    unsigned n = 0;

    while (next_sent(&s))
        n++;
    return n;
}

/* Let time pass, stopping where the module wants to be called. Returns requests that went out. */
static inline unsigned advance_to(net_time to)
{
    unsigned n = 0;

    while (arp_deadline(&H.arp) <= to) {
        net_time at = arp_deadline(&H.arp);

        T_TRUE(at >= H.c.now);
        H.c.now = at;
        arp_tick(&H.arp, at);
        n += drain();
    }
    H.c.now = to;
    arp_tick(&H.arp, to);
    return n + drain();
}

static inline enum verdict in_raw(const uint8_t *bytes, uint32_t len, struct mac src)
{
    struct pkt *p = pkt_alloc(&H.c.pkts, PKT_HEADROOM);

    T_NEED(p != NULL);
    memcpy(pkt_append(p, len), bytes, len);
    p->l2_src = src;
    enum verdict v = arp_input(&H.arp, p);

    pkt_release(p);
    return v;
}

static inline enum verdict in(enum arp_op op, struct mac sha, uint32_t spa, uint32_t tpa)
{
    uint8_t b[ARP_PKT_LEN];

    arp_emit(&(struct arp_pkt){.op = (uint16_t)op, .sha = sha, .spa = spa, .tpa = tpa}, b);
    return in_raw(b, sizeof(b), sha);
}

static inline void send_to(uint32_t ip, uint8_t mark)
{
    arp_output(&H.arp, link_pkt(&H.c, 100, mark), ip, &(struct arp_entry *){NULL});
}

static inline struct arp_info info_of(uint32_t ip)
{
    struct arp_info i;
    uint32_t at = 0;

    while (arp_each(&H.arp, &at, &i)) {
        if (i.ip == ip)
            return i;
    }
    return (struct arp_info){.state = ARP_NONE};
}

static inline unsigned entry_count(void)
{
    struct arp_info i;
    uint32_t at = 0;
    unsigned n = 0;

    while (arp_each(&H.arp, &at, &i))
        n++;
    return n;
}

/* A host whose address is in use already, its announcement sent. */
static inline void up_with(void)
{
    Cfg.detect = false;
    link_up(&H, &Cfg);
    T_EQ(arp_own_add(&H.arp, IP_US), 0);
    arp_own_subnet(&H.arp, IP_US, 24);
    T_EQ(drain(), 1);
    H.events = 0;
}

static inline void up(void)
{
    arp_config_default(&Cfg);
    up_with();
}

/* Also: the peer is known. */
static inline void up_reachable(void)
{
    up();
    T_EQ(in(ARP_REQUEST, link_peer, IP_PEER, IP_US), V_DONE);
    T_EQ(drain(), 1);
    send_to(IP_PEER, 1);
    T_EQ(drain(), 1);
    H.events = 0;
}

/* Also: its entry has become stale. */
static inline void up_stale(void)
{
    up_reachable();
    advance_to(Cfg.reachable);
    T_EQ(info_of(IP_PEER).state, ARP_STALE);
}

/* Resolution. */

#endif
