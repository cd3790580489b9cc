/*
 * pmtu.h - what is known of paths: the longest datagram that reaches a destination (RFC 1191).
 */
#ifndef STACKD_PMTU_H
#define STACKD_PMTU_H

#include "base/core.h"
#include "base/hash.h"
#include "base/timer.h"

struct ip_layer;

/* The estimate for one destination. */
struct pmtu_entry {
    struct hash_node by_dst;
    struct timer timer; /* when it is forgotten */
    uint32_t dst, mtu;
};

struct pmtu {
    struct slab entries;
    struct hash by_dst;
    struct siphash_key key;
    struct timer_wheel wheel;
    uint32_t epoch; /* changes with every estimate */
};

/** pmtu_cut - room for @entries estimates. */
void pmtu_cut(struct pmtu *pm, struct region *r, uint32_t entries);
void pmtu_init(struct ip_layer *ip);
/** pmtu_of - the estimate for @dst, at most @link, the MTU of the first hop. */
uint32_t pmtu_of(const struct ip_layer *ip, uint32_t dst, uint32_t link);
void pmtu_tick(struct ip_layer *ip, net_time now);
net_time pmtu_deadline(const struct ip_layer *ip);

/* One line of `stackctl route show cache`. */
struct pmtu_info {
    uint32_t dst, mtu;
    net_time left; /* until it is forgotten */
};
/** pmtu_each - visit the estimates; @*at starts at 0. Return: false when there are no more. */
bool pmtu_each(const struct ip_layer *ip, uint32_t *at, struct pmtu_info *info);
/** pmtu_flush - forget the estimate for @dst, or all of them: 0. Return: how many. */
uint32_t pmtu_flush(struct ip_layer *ip, uint32_t dst);

#endif
