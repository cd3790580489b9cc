/*
 * gateway.c - routers that have gone silent (RFC 1122 section 3.3.1.4, "dead gateway detection").
 *
 * A host with two default routes has the second for the day when the first router dies. Nobody tells
 * it of that day. What it has is advice from both sides: TCP says that acknowledgements come (so the way
 * works, ip_confirm) or do not (ip_doubt); ARP then asks the router itself, by unicast, and knows after
 * three questions without an answer that it is silent. Without traffic nothing is asked, and while TCP
 * hears answers nothing is asked either: RFC 1122 wants no pings from a host that has other signs.
 *
 * A silent gateway's routes are passed over for cfg.gateway_silent, if there is another route to
 * exactly the same destinations; if there is none, or if all of them are silent, the preferred one is
 * used as before. The preferred one is back as soon as it is heard (it asks for us, or announces
 * itself), else after that time, with the next packet.
 *
 * Only routes of the same prefix stand in for each other: a default route is no substitute for the route
 * into a private network, its router would send the datagrams anywhere.
 *
 * Connections notice nothing: a way that was found holds until something changes (hop.c), so the next
 * retransmission goes the other way. What waited for the silent router is lost, but its sender is not told that the
 * host is unreachable as long as there is another way.
 */
#include "l3_network/ip4.h"

#include <errno.h>

bool ip4_gateway_is_silent(const struct ip_layer *ip, const struct route *ro)
{
    if (ro->gateway == 0 || ip->c->now >= ro->silent_until)
        return false;
    enum arp_state s = arp_state_of(ip->ifs[ro->ifi].arp, ro->gateway);

    return s != ARP_REACHABLE && s != ARP_STALE; /* else it has been heard since */
}

const struct route *ip4_way(const struct ip_layer *ip, uint32_t dst, int ifi)
{
    const struct route *preferred = route_lookup(&ip->routes, dst, ifi);

    for (const struct route *ro = preferred; ro != NULL;
         ro = route_lookup_next(&ip->routes, ro, dst, ifi)) {
        if (!ip4_gateway_is_silent(ip, ro))
            return ro;
    }
    return preferred;
}

void ip_gateways(struct ip_layer *ip)
{
    bool any = false;

    for (uint8_t i = 0; i < ip->if_count; i++) {
        any = any || ip->ifs[i].arp->failures != ip->ifs[i].failures_seen;
        ip->ifs[i].failures_seen = ip->ifs[i].arp->failures;
    }
    for (uint32_t i = 0; any && i < ip->routes.count; i++) {
        struct route *ro = &ip->routes.routes[i];

        if (ro->gateway != 0 && arp_state_of(ip->ifs[ro->ifi].arp, ro->gateway) == ARP_FAILED)
            ro->silent_until = ip->c->now + ip->cfg.gateway_silent;
    }
    if (any)
        ip->c->way_epoch++;
}

bool ip_is_unreached(const struct ip_layer *ip, struct ip_addr src, struct ip_addr dst)
{
    struct ip_path path;
    uint32_t next_hop;

    return ip4_route(ip, ip_addr_to_v4(dst), ip_addr_to_v4(src), &path, &next_hop) < 0 ||
           arp_state_of(ip->ifs[path.ifi].arp, next_hop) == ARP_FAILED;
}

enum ip_reach ip_reach(const struct ip_layer *ip, struct ip_addr src, struct ip_addr dst,
                       struct ip_addr *next_hop, uint32_t *waiting)
{
    struct ip_path path;
    uint32_t to;
    int rc = ip4_route(ip, ip_addr_to_v4(dst), ip_addr_to_v4(src), &path, &to);

    *next_hop = dst;
    *waiting = 0;
    if (rc < 0)
        return rc == -EADDRNOTAVAIL ? IP_REACH_NO_SOURCE : IP_REACH_NO_ROUTE;
    const struct arp *arp = ip->ifs[path.ifi].arp;

    *next_hop = ip_addr_v4(to);
    *waiting = arp_waiting(arp, to);
    switch (arp_state_of(arp, to)) {
    case ARP_INCOMPLETE:
        return IP_REACH_ASKING;
    case ARP_FAILED:
        return IP_REACH_SILENT;
    default:
        return IP_REACH_OPEN;
    }
}
