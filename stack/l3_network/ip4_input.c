/*
 * ip4_input.c - is this datagram sound, and is it for us? (RFC 791, RFC 1122 section 3.2.1)
 *
 * The checks run from what costs nothing to what needs knowledge, in the order of verdict.def: the
 * header itself (wire/ip4.h), who sends, whom it is for, options, protocol, fragments. A source
 * address is judged before a destination, because whoever may not speak is not answered either;
 * all later answers (ICMP errors, resets) rely on it. Where we know the way back to the sender both
 * addresses have passed these checks (hop.c), and they are not made again.
 *
 * Invariants after V_NEXT: the packet is linear - but that the tail of a TCP segment may still be
 * external - exactly as long as the header says, and not a fragment; src could be one host and is not ourselves; dst is an address of the interface it came
 * through, a broadcast of it, or a group joined on it; a unicast datagram came in a unicast frame.
 *
 * Decisions. Source routes are refused silently (RFC 7126 section 4.3), other options are stepped
 * over; nobody above asks for them. A time to live of 0 or 1 is no reason to refuse what is for us
 * (RFC 1122 section 3.2.1.7). A unicast datagram in a broadcast or multicast frame is refused
 * (RFC 1122 section 3.3.6, for multicast frames in the same spirit). An unknown protocol is
 * reported before fragments are put together, so that it costs no buffer. 0.0.0.0 as destination,
 * the oldest form of the broadcast, is nobody's.
 */
#include "l3_network/ip4.h"

static void ip4_note(struct pkt *p, const struct ip4_hdr *h)
{
    p->l3 = (uint16_t)p->off;
    p->l4 = (uint16_t)(p->off + h->hdr_len);
    p->proto = h->proto;
    p->ttl = h->ttl;
    p->tos = h->tos;
    p->src = ip_addr_v4(h->src);
    p->dst = ip_addr_v4(h->dst);
}

static enum verdict ip4_check_source(const struct ip_layer *ip, const struct pkt *p, uint32_t src)
{
    if (!ip4_source_ok(ip, src)) {
        /* A bridge that asks for members may have no address (RFC 4541 section 2.1.1). */
        return src == 0 && p->proto == IP_PROTO_IGMP ? V_NEXT : V_DROP_IP4_SOURCE;
    }
    if (ip_is_local(ip, p->src))
        return V_DROP_IP4_LAND;
    return V_NEXT;
}

static enum verdict ip4_check_destination(const struct ip_layer *ip, struct pkt *p, uint32_t dst)
{
    if (dst >> 24 == 127)
        return V_DROP_IP4_LOOPBACK;
    if (ip4_is_own(ip, p->ifi, dst)) { /* by far the most */
        p->l3_cast = CAST_UNICAST;
        return p->l2_cast == CAST_UNICAST ? V_NEXT : V_DROP_IP4_L2_BROADCAST;
    }
    p->l3_cast = (uint8_t)ip4_if_cast(ip, p->ifi, dst);
    if (p->l3_cast == CAST_UNICAST)
        return V_DROP_IP4_NOT_FOR_US;
    if (p->l3_cast == CAST_MULTICAST && !igmp_is_member(ip, p->ifi, dst)) {
        enum verdict v = core_stray(ip->c, p); /* a twin may be one */

        return v == V_NEXT ? V_DROP_IP4_NOT_FOR_US : v;
    }
    return V_NEXT;
}

/* Protocols that somebody here speaks. */
static bool ip4_is_spoken(const struct ip_layer *ip, uint8_t proto)
{
    return proto == IP_PROTO_TCP || proto == IP_PROTO_UDP || proto == IP_PROTO_ICMP ||
           (proto == IP_PROTO_IGMP && ip->cfg.igmp != 0);
}

static enum verdict ip4_check_options(struct ip_layer *ip, const struct pkt *p, uint8_t hdr_len)
{
    uint8_t bad = 0;
    enum verdict v = ip4_options_check((struct span){pkt_data(p), hdr_len}, &bad);

    if (v == V_DROP_IP4_OPTION) /* RFC 792: the pointer names the octet at fault */
        icmp4_error(ip, p, ICMP4_PARAM_PROBLEM, 0, (uint32_t)bad << 24);
    return v;
}

/* TCP takes its text from where it lies (tcp_input.c); for everybody else, and where the header says
 * something unusual, the packet is made one piece. Return: whether that was possible. */
static bool ip4_one_piece(struct pkt *p)
{
    const uint8_t *h = pkt_data(p);

    if (p->ext_len == 0)
        return true;
    if (p->len >= IP4_HDR_LEN && h[IP4_VIHL] == 0x45 && h[IP4_PROTO] == IP_PROTO_TCP &&
        (get16(h + IP4_FRAG) & (IP4_MF | IP4_OFFSET)) == 0)
        return true;
    return pkt_linearize(p);
}

/* All that must be asked of a datagram. */
static enum verdict ip4_examine(struct ip_layer *ip, struct pkt **pp)
{
    struct pkt *p = *pp;
    struct ip4_hdr h;
    enum verdict v;

    if (!ip4_one_piece(p))
        return V_DROP_PKT_POOL;
    if ((v = ip4_parse(&h, (struct span){pkt_data(p), pkt_total(p)})) != V_NEXT)
        return v;
    ip->rx_datagrams++;
    pkt_trim(p, h.total); /* the padding of short frames */
    ip4_note(p, &h);
    if ((v = ip4_check_source(ip, p, h.src)) != V_NEXT)
        return v;
    if ((v = ip4_check_destination(ip, p, h.dst)) != V_NEXT)
        return v;
    if (h.hdr_len > IP4_HDR_LEN && (v = ip4_check_options(ip, p, h.hdr_len)) != V_NEXT)
        return v;
    if (!ip4_is_spoken(ip, h.proto)) {
        ip_reply_error(ip, p, IP_ERR_PROTO_UNREACH);
        return V_DROP_IP4_PROTOCOL;
    }
    if (h.mf || h.frag_off > 0) {
        ip->rx_fragments++;
        if ((v = ip4_reass_input(ip, pp, &h)) != V_NEXT)
            return v;
        p = *pp;
    }
    pkt_pull(p, (uint32_t)p->l4 - p->l3);
    return V_NEXT;
}

/**
 * ip4_known - the datagram that almost all are: sound, whole, without options, in a unicast frame, from
 * somebody to whom we know the way, to the address of ours from which it begins.
 *
 * ip4_examine() would ask more and find no more.
 * Return: false: nothing has been done.
 */
static bool ip4_known(struct ip_layer *ip, struct pkt *p)
{
    const uint8_t *b = pkt_data(p);
    uint32_t have = pkt_total(p);

    if (p->len < IP4_HDR_LEN || b[IP4_VIHL] != 0x45 || p->l2_cast != CAST_UNICAST ||
        (get16(b + IP4_FRAG) & ~IP4_DF) != 0 || !ip4_sum_ok(b, IP4_HDR_LEN))
        return false;
    struct ip4_hdr h = {.src = get32(b + IP4_SRC),
                        .dst = get32(b + IP4_DST),
                        .total = get16(b + IP4_TOTAL),
                        .hdr_len = IP4_HDR_LEN,
                        .tos = b[IP4_TOS],
                        .ttl = b[IP4_TTL],
                        .proto = b[IP4_PROTO]};

    if (h.total < IP4_HDR_LEN || h.total > have || !ip4_is_spoken(ip, h.proto) ||
        (p->ext_len > 0 && h.proto != IP_PROTO_TCP) || !ip4_hop_back(ip, h.src, h.dst, p->ifi))
        return false;
    ip->rx_datagrams++;
    if (h.total < have)
        pkt_trim(p, h.total);
    ip4_note(p, &h);
    p->l3_cast = CAST_UNICAST;
    pkt_pull(p, IP4_HDR_LEN);
    return true;
}

enum verdict ip4_input(struct ip_layer *ip, struct pkt **pp)
{
    NET_ASSERT((*pp)->ifi < ip->if_count);
    return likely(ip4_known(ip, *pp)) ? V_NEXT : ip4_examine(ip, pp);
}
