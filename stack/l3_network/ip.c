/*
 * ip.c - whose address is it, and which way: the internet layer's knowledge of itself.
 *
 * An interface has up to IP_ADDRS addresses, each with the length of its subnet's prefix. Giving an
 * interface an address does three things: ARP begins to answer for it (and first asks whether
 * somebody else has it, RFC 5227), the subnet becomes reachable on the link (a route), and its
 * broadcast addresses get their meaning. A subnet of /31 or /32 has no broadcast (RFC 3021): both
 * addresses of a /31 are hosts.
 *
 * What an address means as a destination, in this order: 224/4 is multicast; 255.255.255.255 is the
 * broadcast of the link; the last and the first address of an attached subnet are its broadcasts
 * (RFC 1122 section 3.3.6; the first, {net, 0}, is the old form of 4.2BSD, which is recognised and
 * never used); all others are unicast. 0/8, 127/8 and 240/4 are no destination at all.
 *
 * Host model: strong (RFC 1122 section 3.3.4.2). A datagram is ours only if it came through the
 * interface that has the address, and it leaves through the interface that has its source. The weak
 * model makes any wire a way to any address, among them to services that were bound to the address
 * of an inner network; and as ARP answers on each wire for that wire's addresses alone, nobody
 * well-behaved depends on it.
 *
 * A host does not talk to itself: there is no loopback, and a datagram to one of our own addresses
 * is refused with -EINVAL instead of being put on a wire that would have to drop it (LAND).
 *
 * Not in here yet: forwarding (ip_config.forward keeps its place), 0.0.0.0 as source for DHCP.
 */
#include "l3_network/ip4.h"

#include <errno.h>

void ip_config_default(struct ip_config *cfg)
{
    *cfg = (struct ip_config){
        .ttl = 64,
        .routes = 64,
        .reass_slots = 64,
        .reass_per_source = 16,
        .reass_timeout = NET_SEC(60),
        .gateway_silent = NET_SEC(60),
        .icmp_rate = 100,
        .icmp_burst = 50,
        .icmp_dst_rate = 10,
        .icmp_dst_burst = 10,
        .igmp = 2,
        .pmtu_discovery = true,
        .pmtu_entries = 256,
        .pmtu_min = 552,
        .pmtu_age = NET_SEC(600),
        .groups = 64,
    };
}

void ip_cut(struct ip_layer *ip, const struct ip_config *cfg, struct region *r)
{
    NET_ASSERT(cfg->ttl > 0); /* RFC 1122 section 3.2.1.7 */
    *ip = (struct ip_layer){.cfg = *cfg};
    route_cut(&ip->routes, r, cfg->routes);
    ip4_reass_cut(&ip->reass, r, cfg->reass_slots);
    igmp_cut(&ip->igmp, r, cfg->groups);
    pmtu_cut(&ip->pmtu, r, cfg->pmtu_entries);
    hop_cut(ip, r);
}

void ip_id_renew(struct ip_layer *ip)
{
    struct prng *g = &ip->c->prng;

    ip->id_key = (struct siphash_key){prng_u64(g), prng_u64(g)};
}

void ip_init(struct ip_layer *ip, struct core *c)
{
    ip->c = c;
    c->way_epoch++; /* not that of an empty entry */
    ip_id_renew(ip);
    icmp4_init(ip);
    igmp_init(ip);
    pmtu_init(ip);
}

/* ---- Interfaces and addresses ---- */

struct mac ip4_group_mac(uint32_t group)
{
    return (struct mac){
        {0x01, 0x00, 0x5e, (uint8_t)(group >> 16 & 0x7f), (uint8_t)(group >> 8), (uint8_t)group}
    };
}

int ip_if_add(struct ip_layer *ip, struct eth *eth, struct arp *arp)
{
    if (ip->if_count == IP_IFS)
        return -ENOBUFS;
    NET_ASSERT(eth->ifi == ip->if_count && eth->mtu >= IP4_MTU_MIN);
    ip->ifs[ip->if_count] = (struct ip_if){.eth = eth, .arp = arp};
    return ip->if_count++;
}

static bool ip4_subnet_has_broadcast(uint8_t prefix)
{
    return prefix < 31;
} /* RFC 3021 */

/* The interface that has @a, usable or not; -1: none. */
static int ip4_owner(const struct ip_layer *ip, uint32_t a)
{
    for (uint8_t i = 0; i < ip->if_count; i++)
        for (uint8_t k = 0; k < ip->ifs[i].addr_count; k++)
            if (ip->ifs[i].addr[k].addr == a)
                return i;
    return -1;
}

int ip_addr_add(struct ip_layer *ip, uint8_t ifi, uint32_t addr, uint8_t prefix)
{
    if (ifi >= ip->if_count || prefix == 0 || prefix > 32)
        return -EINVAL;
    struct ip_if *f = &ip->ifs[ifi];
    uint32_t host = addr & ~route_mask(prefix);
    uint32_t top = addr >> 24;

    if (top == 0 || top == 127 || top >= 224)
        return -EINVAL;
    if (ip4_subnet_has_broadcast(prefix) && (host == 0 || host == ~route_mask(prefix)))
        return -EINVAL;
    if (ip4_owner(ip, addr) >= 0)
        return -EEXIST;
    if (f->addr_count == IP_ADDRS)
        return -ENOBUFS;
    uint32_t net = addr & route_mask(prefix);
    int route = route_add(&ip->routes, net, prefix, 0, ifi, 0);

    if (route < 0 && route != -EEXIST) /* a second address of the subnet */
        return route;
    int rc = arp_own_add(f->arp, addr);

    if (rc < 0) {
        if (route == 0)
            route_del(&ip->routes, net, prefix, 0, ifi);
        return rc;
    }
    arp_own_subnet(f->arp, addr, prefix);
    f->addr[f->addr_count++] = (struct ip_if_addr){addr, prefix};
    return 0;
}

int ip_addr_del(struct ip_layer *ip, uint8_t ifi, uint32_t addr)
{
    if (ifi >= ip->if_count)
        return -ENOENT;
    struct ip_if *f = &ip->ifs[ifi];
    uint8_t k = 0;

    while (k < f->addr_count && f->addr[k].addr != addr)
        k++;
    if (k == f->addr_count)
        return -ENOENT;
    struct ip_if_addr gone = f->addr[k];
    uint32_t mask = route_mask(gone.prefix);

    f->addr_count--;
    memmove(&f->addr[k], &f->addr[k + 1], (size_t)(f->addr_count - k) * sizeof(f->addr[0]));
    arp_own_del(f->arp, addr);
    for (k = 0; k < f->addr_count; k++)
        if (f->addr[k].prefix == gone.prefix && ((f->addr[k].addr ^ addr) & mask) == 0)
            return 0; /* another address still needs the subnet's route */
    route_del_link(&ip->routes, addr & mask, gone.prefix, ifi);
    return 0;
}

bool ip_addr_each(const struct ip_layer *ip, uint32_t *at, struct ip_addr_info *info)
{
    uint32_t n = *at;

    for (uint8_t i = 0; i < ip->if_count; i++) {
        const struct ip_if *f = &ip->ifs[i];

        if (n >= f->addr_count) {
            n -= f->addr_count;
            continue;
        }
        const struct ip_if_addr *a = &f->addr[n];
        struct mac other;

        *info = (struct ip_addr_info){.addr = a->addr, .ifi = i, .prefix = a->prefix};
        if (ip4_subnet_has_broadcast(a->prefix))
            info->broadcast = a->addr | ~route_mask(a->prefix);
        info->state = arp_own_state(f->arp, a->addr, &other);
        (*at)++;
        return true;
    }
    return false;
}

/* ---- What an address means ---- */

bool ip4_is_own(const struct ip_layer *ip, uint8_t ifi, uint32_t a)
{
    const struct ip_if *f = &ip->ifs[ifi];

    for (uint8_t k = 0; k < f->addr_count; k++)
        if (f->addr[k].addr == a)
            return arp_own_usable(f->arp, a);
    return false;
}

enum cast ip4_if_cast(const struct ip_layer *ip, uint8_t ifi, uint32_t a)
{
    const struct ip_if *f = &ip->ifs[ifi];

    if (a >> 28 == 0xe)
        return CAST_MULTICAST;
    if (a == UINT32_MAX)
        return CAST_BROADCAST;
    for (uint8_t k = 0; k < f->addr_count; k++) {
        uint32_t mask = route_mask(f->addr[k].prefix);

        if (!ip4_subnet_has_broadcast(f->addr[k].prefix) || ((a ^ f->addr[k].addr) & mask) != 0)
            continue;
        if ((a | mask) == UINT32_MAX || (a & ~mask) == 0)
            return CAST_BROADCAST;
    }
    return CAST_UNICAST;
}

static enum cast ip4_cast(const struct ip_layer *ip, uint32_t a)
{
    enum cast cast = CAST_UNICAST;

    for (uint8_t i = 0; i < ip->if_count && cast == CAST_UNICAST; i++)
        cast = ip4_if_cast(ip, i, a);
    return cast;
}

bool ip4_source_ok(const struct ip_layer *ip, uint32_t a)
{
    uint32_t top = a >> 24;

    return top != 0 && top != 127 && top < 224 && ip4_cast(ip, a) == CAST_UNICAST;
}

bool ip_is_local(const struct ip_layer *ip, struct ip_addr a)
{
    return ip_addr_is_v4(a) && ip4_owner(ip, ip_addr_to_v4(a)) >= 0;
}

int ip_if_count(const struct ip_layer *ip)
{
    return ip->if_count;
}

bool ip_is_all_hosts(struct ip_addr group)
{
    return ip_addr_eq(group, ip_addr_v4(IP4_ALL_HOSTS));
}

enum cast ip_cast(const struct ip_layer *ip, struct ip_addr a)
{
    return ip_addr_is_v4(a) ? ip4_cast(ip, ip_addr_to_v4(a)) : CAST_UNICAST;
}

/* ---- Which way ---- */

int ip_route_add(struct ip_layer *ip, uint32_t dst, uint8_t prefix, uint32_t gateway, uint8_t ifi,
                 uint32_t metric)
{
    if (ifi >= ip->if_count)
        return -EINVAL;
    if (gateway != 0 && (ip4_owner(ip, gateway) >= 0 || !ip4_source_ok(ip, gateway)))
        return -EINVAL;
    ip->c->way_epoch++;
    return route_add(&ip->routes, dst, prefix, gateway, ifi, metric);
}

int ip_route_del(struct ip_layer *ip, uint32_t dst, uint8_t prefix, uint32_t gateway, int ifi)
{
    ip->c->way_epoch++;
    return route_del(&ip->routes, dst, prefix, gateway, ifi);
}

/* RFC 1122 section 3.3.4.3: of the outgoing interface, and of the next hop's subnet if possible. */
uint32_t ip4_choose_source(const struct ip_layer *ip, uint8_t ifi, uint32_t next_hop)
{
    const struct ip_if *f = &ip->ifs[ifi];
    uint32_t best = 0;

    for (uint8_t k = 0; k < f->addr_count; k++) {
        const struct ip_if_addr *a = &f->addr[k];

        if (!arp_own_usable(f->arp, a->addr))
            continue;
        if (((a->addr ^ next_hop) & route_mask(a->prefix)) == 0)
            return a->addr;
        if (best == 0)
            best = a->addr;
    }
    return best;
}

/* Broadcasts of the link and groups need no route (RFC 1122 section 3.3.1.1), but an interface: the
 * source's, else the one the table names, else the first that has an address. */
int ip4_link_for_group(const struct ip_layer *ip, uint32_t dst, int src_ifi)
{
    if (src_ifi >= 0)
        return src_ifi;
    const struct route *ro = route_lookup(&ip->routes, dst, ROUTE_ANY_IF);

    if (ro != NULL)
        return ro->ifi;
    for (uint8_t i = 0; i < ip->if_count; i++)
        if (ip->ifs[i].addr_count > 0)
            return i;
    return -ENETUNREACH;
}

/* What L4 is told of a way. @mtu: of the path, as far as somebody has said something. */
static struct ip_path ip4_path(const struct ip_layer *ip, uint32_t src, uint8_t ifi, uint32_t mtu,
                               enum cast cast)
{
    const struct eth *eth = ip->ifs[ifi].eth;

    return (struct ip_path){
        .src = ip_addr_v4(src),
        .mtu = u32_min(mtu, eth->mtu),
        .link_mtu = eth->mtu,
        .gso_max = eth->gso_max,
        .hdr_len = IP4_HDR_LEN,
        .ifi = ifi,
        .cast = cast,
    };
}

int ip4_route(const struct ip_layer *ip, uint32_t dst, uint32_t src, struct ip_path *path,
              uint32_t *next_hop)
{
    uint32_t top = dst >> 24;
    int ifi = ROUTE_ANY_IF;

    if (top == 0 || top == 127 || (top >= 240 && dst != UINT32_MAX) || ip4_owner(ip, dst) >= 0)
        return -EINVAL;
    if (src != 0) {
        ifi = ip4_owner(ip, src);
        if (ifi < 0 || !ip4_is_own(ip, (uint8_t)ifi, src))
            return -EADDRNOTAVAIL;
    }
    *next_hop = dst;
    if (top >= 224) {
        ifi = ip4_link_for_group(ip, dst, ifi);
        if (ifi < 0)
            return ifi;
    } else {
        const struct route *ro = ip4_way(ip, dst, ifi);

        if (ro == NULL)
            return -ENETUNREACH;
        ifi = ro->ifi;
        if (ro->gateway != 0)
            *next_hop = ro->gateway;
    }
    if (src == 0)
        src = ip4_choose_source(ip, (uint8_t)ifi, *next_hop);
    if (src == 0)
        return -EADDRNOTAVAIL;
    *path = ip4_path(ip, src, (uint8_t)ifi, pmtu_of(ip, dst, UINT16_MAX),
                     ip4_if_cast(ip, (uint8_t)ifi, dst));
    return 0;
}

int ip_route(struct ip_layer *ip, struct ip_addr dst, struct ip_addr src, struct ip_path *path)
{
    struct ip4_hop *h;

    if (!ip_addr_is_v4(dst) || (!ip_addr_is_any(src) && !ip_addr_is_v4(src)))
        return -EINVAL;
    int rc = ip4_hop_find(ip, ip_addr_to_v4(dst), ip_addr_to_v4(src), &h);

    if (rc < 0)
        return rc;
    *path = ip4_path(ip, h->src, h->ifi, h->mtu, (enum cast)h->cast);
    return 0;
}

uint32_t ip_mms_r(const struct ip_layer *ip, struct ip_addr src)
{
    NET_ASSERT(ip->c != NULL && ip_addr_is_v4(src));
    return UINT16_MAX - IP4_HDR_LEN;
}

int ip_route_on(struct ip_layer *ip, struct ip_addr dst, uint8_t ifi, struct ip_path *path)
{
    uint32_t to = ip_addr_to_v4(dst), src, next_hop;

    if (!ip_addr_is_v4(dst) || ifi >= ip->if_count)
        return -EINVAL;
    src = ip4_choose_source(ip, ifi, to);
    return src == 0 ? -EADDRNOTAVAIL : ip4_route(ip, to, src, path, &next_hop);
}

void ip_confirm(struct ip_layer *ip, struct ip_addr src, struct ip_addr dst)
{
    struct ip4_hop *h;

    if (ip_addr_is_v4(dst) && ip4_hop_find(ip, ip_addr_to_v4(dst), ip_addr_to_v4(src), &h) == 0 &&
        h->cast == CAST_UNICAST)
        arp_confirm(ip->ifs[h->ifi].arp, h->next_hop, &h->entry);
}

void ip_doubt(struct ip_layer *ip, struct ip_addr src, struct ip_addr dst)
{
    struct ip4_hop *h;

    if (ip_addr_is_v4(dst) && ip4_hop_find(ip, ip_addr_to_v4(dst), ip_addr_to_v4(src), &h) == 0 &&
        h->cast == CAST_UNICAST)
        arp_doubt(ip->ifs[h->ifi].arp, h->next_hop);
}

/* ---- The rest of ip.h ---- */

int ip_error_errno(enum ip_error_kind kind)
{
    switch (kind) {
    case IP_ERR_NET_UNREACH:
        return ENETUNREACH;
    case IP_ERR_PROTO_UNREACH:
        return ENOPROTOOPT;
    case IP_ERR_PORT_UNREACH:
        return ECONNREFUSED;
    case IP_ERR_TOO_BIG:
        return EMSGSIZE;
    case IP_ERR_SOURCE_ROUTE:
        return EOPNOTSUPP;
    case IP_ERR_PARAM:
        return EPROTO;
    case IP_ERR_HOST_UNREACH:
    case IP_ERR_PROHIBITED:
    case IP_ERR_TTL:
    case IP_ERR_REASSEMBLY:
        break;
    }
    return EHOSTUNREACH; /* as Linux's icmp(7) does for all of these */
}

void ip_tick(struct ip_layer *ip, net_time now)
{
    if (unlikely(ip->reass.age.oldest != NULL))
        ip4_reass_tick(ip, now);
    if (timer_due(&ip->igmp.wheel, now))
        igmp_tick(ip, now);
    if (timer_due(&ip->pmtu.wheel, now))
        pmtu_tick(ip, now);
}

net_time ip_deadline(const struct ip_layer *ip)
{
    if (ip_output_pending(ip))
        return ip->c->now;
    return net_time_min(pmtu_deadline(ip), net_time_min(ip4_reass_deadline(ip), igmp_deadline(ip)));
}
