/*
 * ip4_output.c - a header in front, and onto the way (RFC 791 section 3.2, RFC 6864, RFC 1122 3.3).
 *
 * ip_output() finds the way, writes the header and hands the packet to ARP, or straight to Ethernet
 * when the destination is a broadcast or a group. What is longer than the MTU is cut here, once, by
 * the source; nothing is copied for it: a fragment is a header of its own with an external span into
 * the datagram, which lives until the last fragment has left (pkt.owner). All fragments leave or
 * none, since a datagram with a hole is only work for its receiver.
 *
 * Identification. A datagram that cannot be fragmented (DF set) is atomic, and its identification
 * means nothing: 0 (RFC 6864 section 4.1). Others take the next value of a counter; which counter,
 * and from where it counts, follows from a keyed hash of source, destination and protocol, so that
 * values repeat for one flow only after 65,536 datagrams and say nothing about other flows. Two
 * flows that share one of the IP_IDS counters see each other's steps; the secret key keeps a
 * stranger from arranging that. RFC 6864's wish that a value rest for two minutes limits a flow of
 * non-atomic datagrams to 546 a second; like all others we do not throttle (TCP always sets DF).
 *
 * Limits: the only option sent is Router Alert (RFC 2113), by IGMP. A GSO packet (gso_size > 0) may be longer than the MTU: its pieces
 * are cut by the wire or by l1_physical, and TCP made them fit.
 */
#include "l3_network/ip4.h"

#include <errno.h>

static int ip4_refuse(struct ip_layer *ip, struct pkt *p, enum verdict why, int err)
{
    net_drop(ip->c, p, why);
    pkt_release(p);
    return err;
}

/* The number of a datagram; of several in one frame, which whoever cuts it counts on from there, the
 * first of @count. */
static uint16_t ip4_next_id(struct ip_layer *ip, const struct ip4_hdr *h, uint32_t count)
{
    uint64_t words[2] = {(uint64_t)h->src << 32 | h->dst, h->proto};
    uint64_t hash = siphash_words(&ip->id_key, words, 2);
    uint16_t id = (uint16_t)(ip->id[hash % IP_IDS] + (uint16_t)(hash >> 48));

    ip->id[hash % IP_IDS] = (uint16_t)(ip->id[hash % IP_IDS] + count);
    return id;
}

/* Write @h in front of @p and let it go. */
static void ip4_emit_to(struct ip_layer *ip, struct pkt *p, const struct ip4_hdr *h,
                        struct ip4_hop *hop)
{
    struct ip_if *f = &ip->ifs[hop->ifi];

    p->l4 = (uint16_t)p->off;
    ip4_emit(h, pkt_push(p, ip4_emit_len(h)));
    p->l3 = (uint16_t)p->off;
    p->ifi = hop->ifi;
    p->l3_cast = hop->cast;
    p->proto = h->proto;
    p->tos = h->tos;
    p->ttl = h->ttl;
    ip->tx_datagrams++;
    if (likely(hop->cast == CAST_UNICAST))
        arp_output(f->arp, p, hop->next_hop, &hop->entry);
    else if (hop->cast == CAST_MULTICAST)
        eth_output(f->eth, p, ip4_group_mac(h->dst), ETH_TYPE_IP4);
    else
        eth_output(f->eth, p, MAC_BROADCAST, ETH_TYPE_IP4);
}

/* A fragment without its header: bytes @from ... @from + @len - 1 of @p, which it keeps alive. */
static struct pkt *ip4_fragment_new(struct ip_layer *ip, struct pkt *p, uint32_t from, uint32_t len)
{
    struct pkt *f = pkt_alloc(&ip->c->pkts, PKT_HEADROOM);

    NET_ASSERT(f != NULL);                      /* ip4_fragment() has counted */
    if (from < p->len && from + len > p->len) { /* half linear, half external: the only copy */
        uint32_t linear = p->len - from;

        memcpy(pkt_append(f, linear), pkt_data(p) + from, linear);
        from += linear;
        len -= linear;
    }
    f->ext = from < p->len ? pkt_data(p) + from : p->ext + (from - p->len);
    f->ext_len = len;
    f->owner = pkt_keep(p);
    f->src = p->src;
    f->dst = p->dst;
    return f;
}

/* RFC 791 section 3.2, "An Example Fragmentation Procedure", with all fragments of one length. */
static int ip4_fragment(struct ip_layer *ip, struct pkt *p, struct ip4_hdr *h, struct ip4_hop *hop,
                        uint32_t mtu)
{
    const struct slab *pool = &ip->c->pkts.slab;
    uint32_t total = pkt_total(p);
    uint32_t piece = (mtu - IP4_HDR_LEN) & ~7u;

    NET_ASSERT(!h->router_alert); /* IGMP's messages fit in any MTU */
    if (pool->count - pool->used < (total + piece - 1) / piece)
        return ip4_refuse(ip, p, V_DROP_PKT_POOL, -ENOBUFS);
    pkt_csum_complete(p); /* the sum goes over the whole, no wire could do it afterwards */
    h->id = ip4_next_id(ip, h, 1);
    for (uint32_t from = 0; from < total; from += piece) {
        uint32_t len = u32_min(piece, total - from);

        h->frag_off = (uint16_t)from;
        h->mf = from + len < total;
        h->total = (uint16_t)(IP4_HDR_LEN + len);
        ip->tx_fragments++;
        ip4_emit_to(ip, ip4_fragment_new(ip, p, from, len), h, hop);
    }
    pkt_release(p);
    return 0;
}

int ip_output(struct ip_layer *ip, struct pkt *p, const struct ip_send *s)
{
    struct ip4_hdr h = {.router_alert = s->proto == IP_PROTO_IGMP}; /* RFC 2236 section 2 */
    uint32_t dst = ip_addr_to_v4(s->dst), total = pkt_total(p) + ip4_emit_len(&h);
    struct ip4_hop *hop;

    NET_ASSERT(p->refs == 1);
    p->src = s->src; /* for a trace, if it comes to that */
    p->dst = s->dst;
    p->proto = s->proto;
    p->l3 = p->l4 = (uint16_t)p->off;
    int rc = ip_addr_is_v4(s->dst) ? ip4_hop_find(ip, dst, ip_addr_to_v4(s->src), &hop) : -EINVAL;

    if (rc < 0)
        return ip4_refuse(ip, p, V_DROP_IP4_NO_ROUTE, rc);
    uint32_t mtu = u32_min(hop->mtu, ip->ifs[hop->ifi].eth->mtu);

    h.df =
        s->df && ip->cfg.pmtu_discovery; /* RFC 1191 section 3: the routers cut, if they have to */
    if (total > UINT16_MAX || (total > mtu && h.df && p->gso_size == 0))
        return ip4_refuse(ip, p, V_DROP_IP4_MTU, -EMSGSIZE);
    h.src = hop->src;
    p->src = ip_addr_v4(hop->src);
    h.dst = dst;
    h.total = (uint16_t)total;
    h.tos = s->tos;
    h.ttl = s->ttl;
    h.proto = s->proto;
    if (h.ttl == 0) /* groups stay on the link unless asked otherwise: RFC 1112 section 6.1 */
        h.ttl = hop->cast == CAST_MULTICAST ? 1 : ip->cfg.ttl;
    if (total > mtu && p->gso_size == 0)
        return ip4_fragment(ip, p, &h, hop, mtu);
    if (!h.df)
        h.id = ip4_next_id(ip, &h, p->gso_size == 0 ? 1 : total / p->gso_size + 1);
    ip4_emit_to(ip, p, &h, hop);
    return 0;
}

bool ip_output_pending(const struct ip_layer *ip)
{
    return ip->icmp.due.len > 0 || ip->igmp.due_first != NULL;
}

void ip_output_due(struct ip_layer *ip)
{
    struct pkt *p;

    while ((p = pktq_pop(&ip->icmp.due)) != NULL) {
        struct ip_send s = {
            .src = p->src, .dst = p->dst, .proto = p->proto, .tos = p->tos, .ttl = p->ttl};

        (void)ip_output(ip, p, &s); /* a failure is counted there, and nobody waits for it */
    }
    igmp_output_due(ip);
}
