/*
 * hosts.h - two hosts, a (10.0.0.1) and b (10.0.0.2), at the ends of one wire in virtual time.
 *
 * The wire takes no time and loses nothing, unless it is cut; where a host is configured to send frames
 * longer than the MTU, they cross it as they are. Between two calls of hosts_run() time
 * stands still; hosts_end() demands that everything has been given back.
 */
#ifndef STACKD_TESTS_HOSTS_H
#define STACKD_TESTS_HOSTS_H

#include <errno.h>
#include <stdlib.h>

#include "net.h"
#include "small.h"
#include "t.h"

#define HOST_A ip_addr_v4(0x0a000001)
#define HOST_B ip_addr_v4(0x0a000002)

struct hosts {
    struct net a, b;
    void *memory[2];
    net_time now;
    bool is_cut;
};

static inline void hosts_config(struct net_config *cfg, uint8_t last_byte)
{
    small_config(cfg, last_byte, 512, 8, 16);
}

static inline void *hosts_bring_up(struct net *n, const struct net_config *cfg)
{
    void *memory;

    T_NEED(small_bring_up(n, cfg, &memory) == 0);
    return memory;
}

static inline void hosts_begin_with(struct hosts *h, const struct net_config *a,
                                    const struct net_config *b)
{
    memset(h, 0, sizeof(*h));
    h->memory[0] = hosts_bring_up(&h->a, a);
    h->memory[1] = hosts_bring_up(&h->b, b);
}

static inline void hosts_begin(struct hosts *h)
{
    struct net_config a, b;

    hosts_config(&a, 1);
    hosts_config(&b, 2);
    hosts_begin_with(h, &a, &b);
}

/* An empty packet of @to for a frame of @len bytes; NULL: there is none. */
static inline struct pkt *hosts_pkt(struct net *to, uint32_t len)
{
    return PKT_HEADROOM + len <= to->core.pkts.cap ? net_pkt(to)
                                                   : pkt_alloc(&to->core.bigs, PKT_HEADROOM);
}

/* Everything that is due at @from, to @to. Return: frames. */
static inline size_t hosts_move(struct hosts *h, struct net *from, struct net *to)
{
    struct pkt *out[32];
    size_t count = net_output(from, out, ARRAY_LEN(out), h->now);

    for (size_t i = 0; i < count; i++) {
        struct pkt *q = h->is_cut ? NULL : hosts_pkt(to, pkt_total(out[i]));

        pkt_csum_complete(out[i]);
        if (q != NULL) {
            pkt_copy_out(out[i], pkt_append(q, pkt_total(out[i])));
            q->gso_size = out[i]->gso_size;
            net_input(to, &q, 1, h->now);
        }
        pkt_release(out[i]);
    }
    return count;
}

/* Let @span pass. */
static inline void hosts_run(struct hosts *h, net_time span)
{
    net_time end = h->now + span;

    for (;;) {
        while (hosts_move(h, &h->a, &h->b) + hosts_move(h, &h->b, &h->a) > 0)
            ;
        net_time next = net_time_min(net_deadline(&h->a), net_deadline(&h->b));

        if (next > end)
            break;
        T_NEED(next > h->now); /* nothing was due any more: time must pass */
        h->now = next;
        net_input(&h->a, NULL, 0, h->now);
        net_input(&h->b, NULL, 0, h->now);
    }
    h->now = end;
    net_input(&h->a, NULL, 0, end);
    net_input(&h->b, NULL, 0, end);
}

static inline void hosts_check_empty(struct net *n)
{
    T_EQ(n->core.pkts.slab.used, 0);
    T_EQ(n->core.bigs.slab.used, 0);
    T_EQ(n->core.bufs.used, 0);
    T_EQ(n->udp.socks.used, 0);
    T_EQ(n->tcp.listener_pool.used, 0);
    T_EQ(net_connections(n), 0);
    T_TRUE(ready_pop(&n->core.ready) == NULL);
}

/* All sockets must be closed; what lingers (TIME-WAIT, ARP) gets the time it wants. */
static inline void hosts_end(struct hosts *h)
{
    hosts_run(h, NET_SEC(400));
    hosts_check_empty(&h->a);
    hosts_check_empty(&h->b);
    free(h->memory[0]);
    free(h->memory[1]);
}

#endif
