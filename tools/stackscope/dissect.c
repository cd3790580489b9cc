#include "dissect.h"

#include <arpa/inet.h>

#include <pcap/dlt.h>

#include "base/csum.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"
#include "wire/udp.h"

enum { LINK_SLL = 16, LINK_SLL2 = 20, LINK_VLAN = 4, LINK_FAMILY = 4, LINK_SNAP = 8 };
enum { TYPE_OLD_QINQ = 0x9100 };
enum { IP6_HDR = 40, IP6_LEN = 4, IP6_NEXT = 6, IP6_HOPS = 7, IP6_SRC = 8, IP6_DST = 24 };
enum {
    NEXT_HOP_BY_HOP = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_AH = 51,
    NEXT_ICMP6 = 58,
    NEXT_DESTINATION = 60,
    NEXT_MOBILITY = 135,
    NEXT_HIP = 139,
    NEXT_SHIM6 = 140
};

/* At @at something is wrong, or, when the capture has not got the whole frame, unknown. Return: false. */
static bool dissect_stop(struct dissect *d, const struct frame *f, uint32_t at, enum verdict v)
{
    if (f->bytes.len < f->wire_len) {
        d->cut = true;
    } else {
        d->fault = v;
        d->fault_at = at;
    }
    return false;
}

static bool dissect_wrong(struct dissect *d, uint32_t at, enum verdict v)
{
    d->fault = v;
    d->fault_at = at;
    return false;
}

/* How much was captured from @at on. */
static uint32_t dissect_left(const struct frame *f, uint32_t at)
{
    return at < f->bytes.len ? (uint32_t)f->bytes.len - at : 0;
}

/* ---- link ---- */

/* SNAP (RFC 1042) has an EtherType after all. */
static bool dissect_length(struct dissect *d, const struct frame *f)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 3, 0, 0, 0};
    const uint8_t *p = f->bytes.p + d->net_at;

    d->net = NET_OTHER;
    if (dissect_left(f, d->net_at) < LINK_SNAP || memcmp(p, snap, sizeof(snap)) != 0)
        return false;
    d->ether_type = get16(p + 6);
    d->net_at += LINK_SNAP;
    return true;
}

static bool dissect_tags(struct dissect *d, const struct frame *f)
{
    while (d->ether_type == ETH_TYPE_VLAN || d->ether_type == ETH_TYPE_QINQ ||
           d->ether_type == TYPE_OLD_QINQ) {
        const uint8_t *p = f->bytes.p + d->net_at;

        if (dissect_left(f, d->net_at) < LINK_VLAN)
            return dissect_stop(d, f, d->net_at, V_DROP_ETH_SHORT);
        if (d->vlan_tags++ == 0)
            d->vlan = get16(p);
        d->ether_type = get16(p + 2);
        d->net_at += LINK_VLAN;
    }
    return d->ether_type >= ETH_TYPE_MIN || dissect_length(d, f);
}

/* DLT_NULL and DLT_LOOP: the address family of the machine that captured, in its order or the network's. */
static uint16_t dissect_family(const uint8_t *p)
{
    uint32_t family = get32(p);

    if (family > 0xffff)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2:
        return ETH_TYPE_IP4;
    case 10: /* AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS */
    case 24:
    case 28:
    case 30:
        return ETH_TYPE_IP6;
    default:
        return 0;
    }
}

static uint16_t dissect_version(const struct frame *f)
{
    unsigned version = f->bytes.len > 0 ? f->bytes.p[0] >> 4 : 0;

    return version == 4 ? ETH_TYPE_IP4 : version == 6 ? ETH_TYPE_IP6 : 0;
}

/* Link types without MAC addresses. Return: whether a header of the network follows. */
static bool dissect_other_link(struct dissect *d, const struct frame *f)
{
    uint32_t need = 0;

    switch (f->linktype) {
    case DLT_LINUX_SLL:
        need = LINK_SLL;
        break;
    case DLT_LINUX_SLL2:
        need = LINK_SLL2;
        break;
    case DLT_NULL:
    case DLT_LOOP:
        need = LINK_FAMILY;
        break;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        break;
    default:
        return false;
    }
    d->net = NET_OTHER;
    d->net_at = need;
    if (f->bytes.len < need)
        return dissect_stop(d, f, 0, V_DROP_ETH_SHORT);
    if (need == LINK_SLL)
        d->ether_type = get16(f->bytes.p + 14);
    else if (need == LINK_SLL2)
        d->ether_type = get16(f->bytes.p);
    else
        d->ether_type = need == LINK_FAMILY ? dissect_family(f->bytes.p) : dissect_version(f);
    return need < LINK_SLL || dissect_tags(d, f);
}

static bool dissect_link(struct dissect *d, const struct frame *f)
{
    if (unlikely(f->linktype != DLT_EN10MB))
        return dissect_other_link(d, f);
    if (unlikely(f->bytes.len < ETH_HDR_LEN))
        return dissect_stop(d, f, 0, V_DROP_ETH_SHORT);
    d->net = NET_OTHER;
    d->net_at = ETH_HDR_LEN;
    d->ether_type = get16(f->bytes.p + ETH_TYPE);
    return likely(d->ether_type == ETH_TYPE_IP4) || dissect_tags(d, f);
}

/* ---- network ---- */

static void dissect_map(struct scope_addr *a, const uint8_t *p)
{
    memset(a->b, 0, 10);
    a->b[10] = a->b[11] = 0xff;
    memcpy(a->b + 12, p, 4);
}

static void dissect_arp(struct dissect *d, const struct frame *f)
{
    struct arp_pkt a;
    const uint8_t *p = f->bytes.p + d->net_at;
    uint32_t left = dissect_left(f, d->net_at);
    enum verdict v = arp_parse(&a, (struct span){p, left});

    d->net = NET_ARP;
    d->net_hdr_len = d->net_len = ARP_PKT_LEN;
    if (v == V_DROP_ARP_SHORT)
        dissect_stop(d, f, d->net_at, v);
    else if (v != V_NEXT)
        dissect_wrong(d, d->net_at, v);
    if (v != V_NEXT)
        return;
    dissect_map(&d->src, p + ARP_SPA);
    dissect_map(&d->dst, p + ARP_TPA);
}

static bool dissect_ip4(struct dissect *d, const struct frame *f)
{
    const uint8_t *p = f->bytes.p + d->net_at;
    uint32_t left = dissect_left(f, d->net_at), room = f->wire_len - d->net_at;

    d->net = NET_IP4;
    if (unlikely(left < IP4_HDR_LEN))
        return dissect_stop(d, f, d->net_at, V_DROP_IP4_SHORT);
    if (unlikely(p[IP4_VIHL] >> 4 != 4))
        return dissect_wrong(d, d->net_at, V_DROP_IP4_VERSION);
    uint16_t frag = get16(p + IP4_FRAG);

    d->net_hdr_len = (p[IP4_VIHL] & 0xfu) * 4;
    d->net_len = get16(p + IP4_TOTAL);
    d->tos = p[IP4_TOS];
    d->ip_id = get16(p + IP4_ID);
    d->df = (frag & IP4_DF) != 0;
    d->mf = (frag & IP4_MF) != 0;
    d->frag_off = (uint16_t)((frag & IP4_OFFSET) * 8);
    d->ttl = p[IP4_TTL];
    d->proto = p[IP4_PROTO];
    dissect_map(&d->src, p + IP4_SRC);
    dissect_map(&d->dst, p + IP4_DST);
    if (unlikely(d->net_hdr_len < IP4_HDR_LEN || d->net_hdr_len > room))
        return dissect_wrong(d, d->net_at, V_DROP_IP4_HEADER_LENGTH);
    if (unlikely(d->net_len == 0)) { /* more than 65,535 bytes, or a device that fills in lengths */
        d->super = true;
        d->net_len = room;
    }
    if (unlikely(d->net_len < d->net_hdr_len))
        return dissect_wrong(d, d->net_at + IP4_TOTAL, V_DROP_IP4_TOTAL_LENGTH);
    if (unlikely(d->net_len > room))
        dissect_wrong(d, d->net_at + IP4_TOTAL,
                      V_DROP_IP4_TOTAL_LENGTH); /* the rest may be right */
    return d->frag_off == 0;
}

static bool ip6_is_extension(uint8_t next)
{
    return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
           next == NEXT_AH || next == NEXT_DESTINATION || next == NEXT_MOBILITY ||
           next == NEXT_HIP || next == NEXT_SHIM6;
}

/* RFC 8200 section 4. Each has its length in the second byte, but for the fragment header. */
static bool dissect_extensions(struct dissect *d, const struct frame *f)
{
    while (ip6_is_extension(d->proto)) {
        uint32_t at = d->net_at + d->net_hdr_len, left = dissect_left(f, at), len;
        const uint8_t *p = f->bytes.p + at;

        if (d->net_hdr_len + 8 > d->net_len)
            return dissect_wrong(d, at, V_DROP_IP4_OPTION);
        if (left < 8)
            return dissect_stop(d, f, at, V_DROP_IP4_SHORT);
        len = d->proto == NEXT_FRAGMENT ? 8
              : d->proto == NEXT_AH     ? (p[1] + 2u) * 4
                                        : (p[1] + 1u) * 8;
        if (d->net_hdr_len + len > d->net_len)
            return dissect_wrong(d, at, V_DROP_IP4_OPTION);
        if (d->proto == NEXT_FRAGMENT) {
            d->frag_off = get16(p + 2) & 0xfff8;
            d->mf = (p[3] & 1) != 0;
            d->ip_id = get32(p + 4);
        }
        d->proto = p[0];
        d->net_hdr_len += len;
        if (d->frag_off > 0)
            return false; /* what follows is the middle of something */
    }
    return true;
}

static bool dissect_ip6(struct dissect *d, const struct frame *f)
{
    const uint8_t *p = f->bytes.p + d->net_at;
    uint32_t left = dissect_left(f, d->net_at), room = f->wire_len - d->net_at;

    d->net = NET_IP6;
    if (left < IP6_HDR)
        return dissect_stop(d, f, d->net_at, V_DROP_IP4_SHORT);
    if (p[0] >> 4 != 6)
        return dissect_wrong(d, d->net_at, V_DROP_IP4_VERSION);
    d->net_hdr_len = IP6_HDR;
    d->net_len = IP6_HDR + (uint32_t)get16(p + IP6_LEN);
    d->tos = (uint8_t)(get16(p) >> 4);
    d->proto = p[IP6_NEXT];
    d->ttl = p[IP6_HOPS];
    d->df = true; /* routers never fragment */
    memcpy(d->src.b, p + IP6_SRC, 16);
    memcpy(d->dst.b, p + IP6_DST, 16);
    if (d->net_len == IP6_HDR && room > IP6_HDR &&
        d->proto != 59) { /* a jumbogram, or a device's */
        d->super = true;
        d->net_len = room;
    }
    if (d->net_len > room)
        dissect_wrong(d, d->net_at + IP6_LEN, V_DROP_IP4_TOTAL_LENGTH);
    return dissect_extensions(d, f);
}

/* ---- transport ---- */

/* How many of @left bytes of a TCP header are whole options: one cut in the middle would mislead. */
static uint32_t dissect_whole_options(const uint8_t *p, uint32_t left)
{
    uint32_t i = TCP_HDR_LEN;

    while (i < left && p[i] != TCP_OPT_EOL) {
        uint32_t len = p[i] == TCP_OPT_NOP ? 1 : i + 1 < left ? p[i + 1] : 0;

        if (len == 0 || len > left - i)
            break;
        i += len;
    }
    return i;
}

/* The captured part of a header that the capture cuts off: the rest as if it were end-of-options. */
static enum verdict dissect_cut_tcp(struct dissect *d, const uint8_t *p, uint32_t left)
{
    uint8_t whole[TCP_HDR_MAX] = {0};

    memcpy(whole, p, dissect_whole_options(p, left));
    enum verdict v = tcp_parse(&d->tcp, (struct span){whole, sizeof(whole)});

    d->cut = true;
    d->tcp.opt.has_fo = false; /* it points there */
    d->tcp.opt.fo = NULL;
    return v;
}

static void dissect_tcp(struct dissect *d, const struct frame *f, uint32_t len)
{
    const uint8_t *p = f->bytes.p + d->transport_at;
    uint32_t left = dissect_left(f, d->transport_at);

    d->transport = TRANSPORT_TCP;
    if (unlikely(len < TCP_HDR_LEN)) {
        dissect_wrong(d, d->transport_at, V_DROP_TCP_SHORT);
        d->transport = TRANSPORT_OTHER;
        return;
    }
    if (unlikely(left < TCP_HDR_LEN)) {
        dissect_stop(d, f, d->transport_at, V_DROP_TCP_SHORT);
        d->transport = TRANSPORT_OTHER;
        return;
    }
    uint32_t hdr_len = (p[TCP_OFF] >> 4) * 4u;
    bool is_cut = left < hdr_len && f->bytes.len < f->wire_len;
    enum verdict v = unlikely(is_cut) ? dissect_cut_tcp(d, p, left)
                                      : tcp_parse(&d->tcp, (struct span){p, u32_min(left, len)});

    if (unlikely(v == V_DROP_TCP_HEADER_LENGTH || hdr_len > len)) {
        dissect_wrong(d, d->transport_at + TCP_OFF, V_DROP_TCP_HEADER_LENGTH);
        d->transport = TRANSPORT_OTHER;
        return;
    }
    if (unlikely(v != V_NEXT))
        dissect_wrong(d, d->transport_at + TCP_HDR_LEN, v);
    d->transport_hdr_len = hdr_len;
    d->src_port = d->tcp.src_port;
    d->dst_port = d->tcp.dst_port;
    d->payload_at = d->transport_at + hdr_len;
    d->payload_len = len - hdr_len;
    d->tcp.tos = d->tos;
    d->tcp.first = d->tcp.seq;
    d->tcp.data_len = d->payload_len;
    d->tcp.text[0] =
        (struct span){p + hdr_len, u32_min(dissect_left(f, d->payload_at), d->payload_len)};
    d->tcp.text[1] = (struct span){NULL, 0};
    d->tcp.gso_size = 0;
}

static void dissect_udp(struct dissect *d, const struct frame *f, uint32_t len)
{
    const uint8_t *p = f->bytes.p + d->transport_at;

    d->transport = TRANSPORT_OTHER;
    if (len < UDP_HDR_LEN) {
        dissect_wrong(d, d->transport_at, V_DROP_UDP_SHORT);
        return;
    }
    if (dissect_left(f, d->transport_at) < UDP_HDR_LEN) {
        dissect_stop(d, f, d->transport_at, V_DROP_UDP_SHORT);
        return;
    }
    uint32_t claimed = get16(p + UDP_LEN);

    d->transport = TRANSPORT_UDP;
    d->src_port = get16(p + UDP_SRC);
    d->dst_port = get16(p + UDP_DST);
    d->transport_hdr_len = UDP_HDR_LEN;
    d->payload_at = d->transport_at + UDP_HDR_LEN;
    d->payload_len = len - UDP_HDR_LEN;
    if (claimed == 0 && d->super)
        return;
    if (claimed < UDP_HDR_LEN || (claimed > len && !d->mf))
        dissect_wrong(d, d->transport_at + UDP_LEN, V_DROP_UDP_LENGTH);
    else if (claimed < len)
        d->payload_len = claimed - UDP_HDR_LEN;
}

static void dissect_icmp(struct dissect *d, const struct frame *f, uint32_t len)
{
    d->transport = TRANSPORT_OTHER;
    if (len < ICMP4_HDR_LEN) {
        dissect_wrong(d, d->transport_at, V_DROP_ICMP4_SHORT);
        return;
    }
    if (dissect_left(f, d->transport_at) < ICMP4_HDR_LEN) {
        dissect_stop(d, f, d->transport_at, V_DROP_ICMP4_SHORT);
        return;
    }
    d->transport = TRANSPORT_ICMP;
    d->transport_hdr_len = ICMP4_HDR_LEN;
    d->payload_at = d->transport_at + ICMP4_HDR_LEN;
    d->payload_len = len - ICMP4_HDR_LEN;
}

void dissect(struct dissect *d, const struct frame *f)
{
    bool more = false;

    memset(d, 0, offsetof(struct dissect, tcp));
    if (!dissect_link(d, f))
        return;
    if (likely(d->ether_type == ETH_TYPE_IP4))
        more = dissect_ip4(d, f);
    else if (d->ether_type == ETH_TYPE_IP6)
        more = dissect_ip6(d, f);
    else if (d->ether_type == ETH_TYPE_ARP)
        dissect_arp(d, f);
    if ((d->net != NET_IP4 && d->net != NET_IP6) || d->net_len < d->net_hdr_len)
        return;
    uint32_t len = d->net_len - d->net_hdr_len;

    d->transport_at = d->payload_at = d->net_at + d->net_hdr_len;
    d->payload_len = len;
    if (!more)
        return;
    d->transport = TRANSPORT_OTHER;
    if (likely(d->proto == IP_PROTO_TCP))
        dissect_tcp(d, f, len);
    else if (d->proto == IP_PROTO_UDP)
        dissect_udp(d, f, len);
    else if (d->proto == (d->net == NET_IP4 ? IP_PROTO_ICMP : NEXT_ICMP6))
        dissect_icmp(d, f, len);
}

/* ---- checksums ---- */

static struct ip_addr dissect_ip_addr(const struct scope_addr *a)
{
    return (struct ip_addr){(uint64_t)get32(a->b) << 32 | get32(a->b + 4),
                            (uint64_t)get32(a->b + 8) << 32 | get32(a->b + 12)};
}

static enum dissect_sum dissect_transport_sum(const struct dissect *d, const struct frame *f)
{
    uint32_t len = d->payload_at + d->payload_len - d->transport_at;
    const uint8_t *p = f->bytes.p + d->transport_at;
    uint64_t pseudo = 0;
    uint32_t where = ICMP4_SUM;

    if (d->mf || d->frag_off > 0 || dissect_left(f, d->transport_at) < len)
        return SUM_UNKNOWN;
    if (d->transport == TRANSPORT_TCP)
        where = TCP_SUM;
    else if (d->transport == TRANSPORT_UDP)
        where = UDP_SUM;
    else if (d->transport != TRANSPORT_ICMP)
        return SUM_UNKNOWN;
    uint16_t given = get16(p + where);

    if (d->transport == TRANSPORT_UDP && given == 0 && d->net == NET_IP4)
        return SUM_ABSENT;
    if (d->transport != TRANSPORT_ICMP || d->net == NET_IP6)
        pseudo = csum_pseudo(dissect_ip_addr(&d->src), dissect_ip_addr(&d->dst), d->proto, len);
    if (csum_fold(csum_add(pseudo, p, len)) == 0xffff)
        return SUM_GOOD;
    return d->transport != TRANSPORT_ICMP && given == csum_fold(pseudo) ? SUM_PARTIAL : SUM_BAD;
}

void dissect_sums(const struct dissect *d, const struct frame *f, enum dissect_sum *ip,
                  enum dissect_sum *transport)
{
    *ip = *transport = SUM_UNKNOWN;
    if (d->net == NET_IP4 && d->net_hdr_len >= IP4_HDR_LEN &&
        dissect_left(f, d->net_at) >= d->net_hdr_len) {
        const uint8_t *p = f->bytes.p + d->net_at;

        *ip = ip4_sum_ok(p, d->net_hdr_len) ? SUM_GOOD
              : get16(p + IP4_SUM) == 0     ? SUM_PARTIAL
                                            : SUM_BAD;
    }
    if (d->transport != TRANSPORT_NONE)
        *transport = dissect_transport_sum(d, f);
}

/* ---- words ---- */

const char *dissect_fault_text(const struct dissect *d)
{
    if (d->net == NET_IP6) { /* the stack has no words for these, yet */
        switch (d->fault) {
        case V_DROP_IP4_SHORT:
            return "cut off inside the IPv6 header or one of its extensions";
        case V_DROP_IP4_VERSION:
            return "the version field is not 6";
        case V_DROP_IP4_TOTAL_LENGTH:
            return "the payload length is longer than the frame";
        case V_DROP_IP4_OPTION:
            return "an extension header that is longer than the datagram";
        default:
            break;
        }
    }
    return verdict_info(d->fault)->sentence;
}

char *scope_addr_text(const struct scope_addr *a, char *out)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_v4 = memcmp(a->b, mapped, sizeof(mapped)) == 0;

    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? a->b + 12 : a->b, out, INET6_ADDRSTRLEN);
    return out;
}
