/*
 * route.h - which way: the table of destinations, longest prefix first.
 *
 * A route says: datagrams to dst/prefix leave through interface ifi, straight to their destination
 * (gateway 0: on-link) or to the router `gateway`. See route.c for the theory.
 */
#ifndef STACKD_ROUTE_H
#define STACKD_ROUTE_H

#include "base/base.h"
#include "base/region.h"

enum { ROUTE_ANY_IF = -1 };

struct route {
    uint32_t dst;     /* host bits zero */
    uint32_t gateway; /* 0: the destination is on the link itself */
    uint32_t metric;  /* the smaller is preferred */
    uint8_t prefix;   /* 0 (default route) ... 32 */
    uint8_t ifi;
    net_time silent_until; /* the gateway does not answer: others go first until then (gateway.c) */
};

struct route_table {
    struct route *routes; /* sorted: prefix falling, then metric rising, then age */
    uint32_t count, max;
};

/** route_mask - the subnet mask of @prefix, 0 ... 32: 24 gives 255.255.255.0. */
static inline uint32_t route_mask(uint8_t prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

/** route_cut - cut a table for @max routes; touches nothing. */
void route_cut(struct route_table *rt, struct region *r, uint32_t max);

/**
 * route_add - enter a route.
 * @dst:     destination; bits beyond @prefix must be zero
 * @gateway: a neighbour on interface @ifi, or 0 for an on-link route
 *
 * Return: 0.
 * Errors: -EINVAL bad prefix, host bits, or a destination never routed (127/8, 224/4 and above);
 * -EEXIST the same destination, gateway, interface and metric; -ENETUNREACH the gateway is on no
 * link of @ifi; -ENOBUFS the table is full.
 */
int route_add(struct route_table *rt, uint32_t dst, uint8_t prefix, uint32_t gateway, uint8_t ifi,
              uint32_t metric);

/**
 * route_del - remove the most preferred route to exactly @dst/@prefix.
 * @gateway: only this one; 0 any
 * @ifi:     only of this interface, or ROUTE_ANY_IF
 *
 * Return: 0 or -ENOENT.
 */
int route_del(struct route_table *rt, uint32_t dst, uint8_t prefix, uint32_t gateway, int ifi);

/** route_del_link - remove the on-link route dst/prefix of @ifi, and every gateway it carried. */
void route_del_link(struct route_table *rt, uint32_t dst, uint8_t prefix, uint8_t ifi);

/**
 * route_lookup - the route for @dst: the longest prefix, among equals the smallest metric.
 * @ifi: only through this interface, or ROUTE_ANY_IF
 *
 * Return: the route, valid until the table changes, or NULL.
 */
const struct route *route_lookup(const struct route_table *rt, uint32_t dst, int ifi);

/** route_lookup_next - after @ro, the next best for the same question and of the same prefix; or NULL. */
const struct route *route_lookup_next(const struct route_table *rt, const struct route *ro,
                                      uint32_t dst, int ifi);

/** route_each - the routes in the order of preference; @*at starts at 0. Return: NULL at the end. */
const struct route *route_each(const struct route_table *rt, uint32_t *at);

#endif
