/*
 * hop.c - the ways that were found last.
 *
 * To send a datagram a host answers many questions: is the destination one that a datagram can have, is
 * the source ours and usable, which route, is its gateway alive, how long may it be, which Ethernet
 * address. The answers are the same for the next datagram, and for the one after it. So they are kept, by
 * destination and source, in a small table: a conversation costs one comparison of four words. The ACK
 * that confirms a neighbour (ip_confirm) and the datagram that comes in look at the same entry: where a
 * way back is known, its two ends have passed the checks of ip4_input.c.
 *
 * When is an answer still right? Everything it depends on - routes, our addresses and their state, path
 * MTUs, gateways that fell silent - counts its changes in core.way_epoch, and an entry of another epoch
 * is none. What depends on the clock is not kept: while the preferred gateway counts as silent each
 * datagram asks anew. The entry of the neighbour cache is only a hint, which arp.c examines before use.
 * The link's MTU is read where it is used.
 *
 * Each destination has one place. Two that share it displace each other and ask the long way each time:
 * what a stranger can achieve with chosen addresses is what all datagrams cost without the table. Nothing
 * is swept and nothing grows, which is where the route caches of other systems broke.
 */
#include "l3_network/ip4.h"

#include <errno.h>

enum { HOP_BITS = 10, HOPS = 1 << HOP_BITS };

void hop_cut(struct ip_layer *ip, struct region *r)
{
    ip->hops = region_cut(r, HOPS * sizeof(ip->hops[0]), 64);
}

static struct ip4_hop *hop_place(const struct ip_layer *ip, uint32_t dst)
{
    return &ip->hops[dst * 0x9e3779b1u >> (32 - HOP_BITS)]; /* Fibonacci hashing */
}

static bool hop_is(const struct ip_layer *ip, const struct ip4_hop *h, uint32_t dst, uint32_t src)
{
    return h->dst == dst && h->epoch == ip->c->way_epoch &&
           (h->src == src || (src == 0 && h->is_chosen));
}

/* The long way; in its place if it stays true. */
static int hop_search(struct ip_layer *ip, uint32_t dst, uint32_t src, struct ip4_hop **out)
{
    struct ip_path path;
    uint32_t next_hop;
    int rc = ip4_route(ip, dst, src, &path, &next_hop);

    if (rc < 0)
        return rc;
    const struct route *ro = route_lookup(&ip->routes, dst, src == 0 ? ROUTE_ANY_IF : path.ifi);
    bool stays = ro == NULL || ro->gateway == 0 || ip->c->now >= ro->silent_until;
    struct ip4_hop *h = stays ? hop_place(ip, dst) : &ip->hop_once;

    *h = (struct ip4_hop){
        .dst = dst,
        .src = ip_addr_to_v4(path.src),
        .epoch = ip->c->way_epoch,
        .next_hop = next_hop,
        .mtu = (uint16_t)pmtu_of(ip, dst, UINT16_MAX),
        .ifi = path.ifi,
        .cast = (uint8_t)path.cast,
        .is_chosen = src == 0,
        .is_host = path.cast == CAST_UNICAST && ip4_source_ok(ip, dst),
    };
    *out = h;
    return 0;
}

int ip4_hop_find(struct ip_layer *ip, uint32_t dst, uint32_t src, struct ip4_hop **out)
{
    struct ip4_hop *h = hop_place(ip, dst);

    if (unlikely(!hop_is(ip, h, dst, src)))
        return hop_search(ip, dst, src, out);
    *out = h;
    return 0;
}

bool ip4_hop_back(const struct ip_layer *ip, uint32_t src, uint32_t dst, uint8_t ifi)
{
    const struct ip4_hop *h = hop_place(ip, src);

    return hop_is(ip, h, src, dst) && dst != 0 && h->ifi == ifi && h->is_host;
}
