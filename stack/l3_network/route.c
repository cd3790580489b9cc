/*
 * route.c - the table of routes (RFC 1122 section 3.3.1, RFC 1812 section 5.2.4.3, RFC 4632).
 *
 * A host asks one question of this table: to whom do I give the frame? A route answers for all
 * destinations whose first `prefix` bits are its own. Where several match, the longest prefix is
 * the most exact knowledge and wins; among equals the smaller metric. The table is kept sorted in
 * exactly this order, so that the first match is the answer, and a default route (prefix 0), which
 * matches everything, stands at the end. Two default routes are two rows; when the preferred one is
 * removed, or its router has gone silent (gateway.c), the other is used (RFC 1122 section 3.3.1.2).
 *
 * Limits: the table is bounded (ip_config.routes) and the search is linear. A host has a handful of
 * routes; a trie pays off from some hundreds on.
 *
 * Invariants: sorted as above; no two rows are equal in destination, gateway, interface and metric;
 * when a route through a gateway was entered, the gateway was on a link of the route's interface,
 * so no lookup ever has to be repeated for the gateway.
 *
 * Not done on purpose: redirects do not change the table (security.md section 3: a host that knows
 * its gateways ignores them), and there is no cache in front of it.
 */
#include "l3_network/route.h"

#include <errno.h>

void route_cut(struct route_table *rt, struct region *r, uint32_t max)
{
    *rt = (struct route_table){.max = max};
    rt->routes = region_cut(r, max * sizeof(rt->routes[0]), 16);
}

static bool route_matches(const struct route *ro, uint32_t dst)
{
    return ((dst ^ ro->dst) & route_mask(ro->prefix)) == 0;
}

static bool route_on_link(const struct route_table *rt, uint32_t a, uint8_t ifi)
{
    for (uint32_t i = 0; i < rt->count; i++) {
        const struct route *ro = &rt->routes[i];

        if (ro->gateway == 0 && ro->ifi == ifi && route_matches(ro, a))
            return true;
    }
    return false;
}

/* No datagram for 127/8 or 0/8 leaves a host, and group addresses are not routed (RFC 1122 3.3.1.1);
 * a wide prefix that has some of them among others is fine, ip4_route() refuses them anyway. */
static bool route_dst_ok(uint32_t dst, uint8_t prefix)
{
    if (prefix > 32 || (dst & ~route_mask(prefix)) != 0 || dst >> 28 >= 0xe)
        return false;
    return prefix < 8 || (dst >> 24 != 127 && dst >> 24 != 0);
}

int route_add(struct route_table *rt, uint32_t dst, uint8_t prefix, uint32_t gateway, uint8_t ifi,
              uint32_t metric)
{
    struct route new = {dst, gateway, metric, prefix, ifi, 0};
    uint32_t at = 0;

    if (!route_dst_ok(dst, prefix))
        return -EINVAL;
    if (gateway != 0 && !route_on_link(rt, gateway, ifi))
        return -ENETUNREACH;
    for (uint32_t i = 0; i < rt->count; i++) {
        const struct route *ro = &rt->routes[i];

        if (ro->dst == dst && ro->prefix == prefix && ro->gateway == gateway && ro->ifi == ifi &&
            ro->metric == metric)
            return -EEXIST;
        if (ro->prefix > prefix || (ro->prefix == prefix && ro->metric <= metric))
            at = i + 1;
    }
    if (rt->count == rt->max)
        return -ENOBUFS;
    memmove(&rt->routes[at + 1], &rt->routes[at], (rt->count - at) * sizeof(rt->routes[0]));
    rt->routes[at] = new;
    rt->count++;
    return 0;
}

static void route_remove_at(struct route_table *rt, uint32_t i)
{
    rt->count--;
    memmove(&rt->routes[i], &rt->routes[i + 1], (rt->count - i) * sizeof(rt->routes[0]));
}

int route_del(struct route_table *rt, uint32_t dst, uint8_t prefix, uint32_t gateway, int ifi)
{
    for (uint32_t i = 0; i < rt->count; i++) {
        const struct route *ro = &rt->routes[i];

        if (ro->dst != dst || ro->prefix != prefix || (gateway != 0 && ro->gateway != gateway) ||
            (ifi != ROUTE_ANY_IF && ro->ifi != ifi))
            continue;
        route_remove_at(rt, i);
        return 0;
    }
    return -ENOENT;
}

void route_del_link(struct route_table *rt, uint32_t dst, uint8_t prefix, uint8_t ifi)
{
    for (uint32_t i = rt->count; i-- > 0;) {
        const struct route *ro = &rt->routes[i];

        if (ro->gateway == 0 && ro->ifi == ifi && ro->dst == dst && ro->prefix == prefix)
            route_remove_at(rt, i);
    }
    for (uint32_t i = rt->count; i-- > 0;) {
        const struct route *ro = &rt->routes[i];

        if (ro->gateway != 0 && ro->ifi == ifi && !route_on_link(rt, ro->gateway, ifi))
            route_remove_at(rt, i);
    }
}

const struct route *route_lookup(const struct route_table *rt, uint32_t dst, int ifi)
{
    for (uint32_t i = 0; i < rt->count; i++) {
        const struct route *ro = &rt->routes[i];

        if (route_matches(ro, dst) && (ifi == ROUTE_ANY_IF || ro->ifi == ifi))
            return ro;
    }
    return NULL;
}

const struct route *route_lookup_next(const struct route_table *rt, const struct route *ro,
                                      uint32_t dst, int ifi)
{
    uint8_t prefix = ro->prefix;

    while (++ro < rt->routes + rt->count && ro->prefix == prefix) {
        if (route_matches(ro, dst) && (ifi == ROUTE_ANY_IF || ro->ifi == ifi))
            return ro;
    }
    return NULL;
}

const struct route *route_each(const struct route_table *rt, uint32_t *at)
{
    return *at < rt->count ? &rt->routes[(*at)++] : NULL;
}
