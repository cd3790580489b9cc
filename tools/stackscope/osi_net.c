/*
 * osi_net.c - layer 3: ARP, IPv4, IPv6, and ICMP, which is a part of it.
 */
#include "osi.h"

#include "base/csum.h"
#include "wire/arp.h"
#include "wire/icmp4.h"
#include "wire/ip4.h"

/* ---- ARP ---- */

static void osi_say_arp(const struct osi *x, struct osi_layer *l, const struct arp_pkt *a)
{
    char spa[46], tpa[46], sha[46];

    osi_ip4(a->spa, spa);
    osi_ip4(a->tpa, tpa);
    osi_mac(a->sha.b, sha);
    if (a->op == ARP_REPLY) {
        osi_line(l, "%s is at %s", spa, sha);
        osi_say(l,
                "An answer: \"%s is at %s\". Who asked keeps that for a while and can now address "
                "frames.",
                spa, sha);
    } else if (a->spa == 0) {
        osi_line(l, "does anybody have %s? (probe)", tpa);
        osi_say(l,
                "A probe (RFC 5227): before a host takes %s it asks whether somebody has it. Its "
                "own address is "
                "0.0.0.0, so that nobody's table changes by the question.",
                tpa);
    } else if (a->spa == a->tpa) {
        osi_line(l, "%s is at %s (announcement)", spa, sha);
        osi_say(l,
                "An announcement (RFC 5227): %s belongs to %s from now on; old entries are "
                "corrected by it.",
                spa, sha);
    } else {
        osi_line(l, "who has %s? tell %s", tpa, spa);
        osi_say(l,
                "A question: \"who has %s? tell %s, who is at %s\". Everybody hears it, one "
                "answers; and he "
                "learns the asker's address by the way (RFC 826).",
                tpa, spa, sha);
        osi_say_subnet(x, l, a->spa, a->tpa);
    }
}

static void osi_arp(struct osi *x)
{
    uint32_t at = x->d.net_at;
    struct osi_layer *l = osi_layer_add(x, 3, "Network", "ARP", at, ARP_PKT_LEN);
    struct arp_pkt a;
    const uint8_t *p = x->f.bytes.p + at;
    char text[46];

    if (x->d.fault != V_NEXT || x->d.cut) {
        osi_line(l, "%s", x->d.cut ? "cut off in the capture" : dissect_fault_text(&x->d));
        return;
    }
    arp_parse(&a, (struct span){p, x->f.bytes.len - at});
    osi_means(osi_field_add(l, 1, "Hardware", at, 0, 16, "%u", get16(p)), "1: Ethernet");
    osi_means(osi_field_add(l, 1, "Protocol", at + 2, 0, 16, "0x%04x", get16(p + 2)), "IPv4");
    osi_means(osi_field_add(l, 1, "HLen", at + 4, 0, 8, "%u", p[4]), "bytes of a MAC address");
    osi_means(osi_field_add(l, 1, "PLen", at + 5, 0, 8, "%u", p[5]), "bytes of an IPv4 address");
    osi_means(osi_field_add(l, 1, "Operation", at + 6, 0, 16, "%u", a.op), "%s",
              a.op == 1 ? "request" : "reply");
    osi_means(osi_field_add(l, 2, "Sender MAC", at + ARP_SHA, 0, 48, "%s", osi_mac(a.sha.b, text)),
              "who speaks");
    osi_field_add(l, 2, "Sender IP", at + ARP_SPA, 0, 32, "%s", osi_ip4(a.spa, text));
    osi_means(osi_field_add(l, 3, "Target MAC", at + ARP_THA, 0, 48, "%s", osi_mac(a.tha.b, text)),
              "%s", mac_is_zero(a.tha) ? "what is asked for" : "to whom this is said");
    osi_field_add(l, 3, "Target IP", at + ARP_TPA, 0, 32, "%s", osi_ip4(a.tpa, text));
    osi_say_arp(x, l, &a);
    if (mac_number(a.sha) != mac_number(get_mac(x->f.bytes.p + 6)))
        osi_say(l,
                "The sender in the packet is not the source of the frame: a forgery, or a proxy.");
}

/* ---- IPv4 ---- */

static const char *osi_proto_name(uint8_t proto)
{
    switch (proto) {
    case 1:
        return "ICMP";
    case 2:
        return "IGMP";
    case 6:
        return "TCP";
    case 17:
        return "UDP";
    case 47:
        return "GRE";
    case 50:
        return "ESP";
    case 58:
        return "ICMPv6";
    case 59:
        return "nothing";
    case 89:
        return "OSPF";
    case 132:
        return "SCTP";
    default:
        return "a protocol not known here";
    }
}

static void osi_say_ttl(struct osi_layer *l, unsigned ttl)
{
    unsigned began = ttl <= 32 ? 32 : ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255;

    if (ttl == began)
        osi_say(l,
                "Hops: %u is a usual first value, so most likely no router has forwarded it yet; "
                "each takes 1 away, "
                "and at 0 the datagram ends.",
                ttl);
    else if (ttl > 1)
        osi_say(l,
                "Hops: %u are left; hosts begin with 32, 64, 128 or 255, so most likely %u routers "
                "have forwarded "
                "it.",
                ttl, began - ttl);
    else
        osi_say(l, "Hops: %u, so no router may forward it any further.", ttl);
}

/* 4500 + 003c + ... = 2b1c3, 2 + b1c3 = b1c5, inverted 4e3a. */
static void osi_say_ip_sum(const struct osi *x, struct osi_layer *l, const uint8_t *p)
{
    char sum_text[320];
    size_t at = 0;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < x->d.net_hdr_len; i += 2) {
        if (i == IP4_SUM)
            continue;
        sum += get16(p + i);
        at += (size_t)snprintf(sum_text + at, sizeof(sum_text) - at, "%s%04x", i > 0 ? " + " : "",
                               get16(p + i));
    }
    uint16_t given = get16(p + IP4_SUM), folded = csum_fold(sum);

    osi_say(l, "Checksum: %s = %x; %x + %04x = %04x; inverted %04x, and the header says %04x: %s",
            sum_text, sum, sum >> 16, sum & 0xffff, folded, (uint16_t)~folded, given,
            x->ip_sum == SUM_GOOD ? "right."
            : x->ip_sum == SUM_PARTIAL
                ? "left to the network card, which had not filled it in yet when the capture was "
                  "made."
                : "WRONG, a receiver drops the datagram.");
}

static void osi_say_fragment(const struct osi *x, struct osi_layer *l)
{
    uint32_t data = x->d.net_len - x->d.net_hdr_len;

    if (!x->d.mf && x->d.frag_off == 0) {
        osi_say(l, "Fragment? No: offset 0 and no more to come (MF 0), the datagram is whole.%s",
                x->d.df ? " DF 1: a router for which it is too long must refuse it." : "");
        return;
    }
    osi_say(l,
            "Fragment: the offset field is %u, x 8 = %u: it brings the bytes %u to %u of the "
            "datagram number %u%s.",
            x->d.frag_off / 8, x->d.frag_off, x->d.frag_off,
            x->d.frag_off + (data > 0 ? data - 1 : 0), x->d.ip_id,
            x->d.mf ? "; MF 1: more follow"
                    : "; MF 0: the last, so the datagram has as many bytes");
    if (x->d.frag_off > 0)
        osi_say(l,
                "The header of %s was in the first fragment (offset 0): this one has only bytes.",
                osi_proto_name(x->d.proto));
    if (x->d.mf && data % 8 != 0)
        osi_say(l, "%u bytes are no multiple of 8: only the last fragment may have that.", data);
}

static void osi_ip4_fields(const struct osi *x, struct osi_layer *l, const uint8_t *p)
{
    uint32_t at = x->d.net_at;
    uint16_t frag = get16(p + IP4_FRAG);
    static const char *const ecn[] = {"not ECN-capable", "ECN-capable (1)", "ECN-capable (0)",
                                      "congestion met"};
    char text[46];

    osi_means(osi_field_add(l, 1, "Version", at, 0, 4, "%u", p[0] >> 4),
              "of the Internet Protocol");
    osi_means(osi_field_add(l, 1, "IHL", at, 4, 4, "%u", p[0] & 15),
              "header length: %u x 4 = %u bytes", p[0] & 15, (p[0] & 15) * 4);
    osi_means(osi_field_add(l, 1, "DSCP", at + 1, 0, 6, "%u", p[1] >> 2), "class of service");
    osi_means(osi_field_add(l, 1, "ECN", at + 1, 6, 2, "%u", p[1] & 3), "%s", ecn[p[1] & 3]);
    osi_means(osi_field_add(l, 1, "Total length", at + 2, 0, 16, "%u", get16(p + 2)),
              "header %u and data %d", x->d.net_hdr_len, (int)get16(p + 2) - (int)x->d.net_hdr_len);
    osi_means(osi_field_add(l, 2, "Identification", at + 4, 0, 16, "%u", x->d.ip_id),
              "the same in all fragments of a datagram");
    osi_means(osi_field_add(l, 2, "Flags", at + 6, 0, 3, "%s%s", x->d.df ? "DF" : "",
                            x->d.mf   ? "MF"
                            : x->d.df ? ""
                                      : "0"),
              "DF %u: may %sbe fragmented; MF %u: %s", x->d.df, x->d.df ? "not " : "", x->d.mf,
              x->d.mf ? "more fragments follow" : "the last or only one");
    osi_means(osi_field_add(l, 2, "Fragment offset", at + 6, 3, 13, "%u", frag & IP4_OFFSET),
              "x 8 = byte %u", x->d.frag_off);
    osi_means(osi_field_add(l, 3, "TTL", at + 8, 0, 8, "%u", x->d.ttl),
              "so many routers may still forward it");
    osi_means(osi_field_add(l, 3, "Protocol", at + 9, 0, 8, "%u", x->d.proto), "%s",
              osi_proto_name(x->d.proto));
    osi_means(osi_field_add(l, 3, "Header checksum", at + 10, 0, 16, "0x%04x", get16(p + IP4_SUM)),
              "%s",
              x->ip_sum == SUM_GOOD      ? "right"
              : x->ip_sum == SUM_PARTIAL ? "left to the card"
                                         : "wrong");
    osi_field_add(l, 4, "Source address", at + 12, 0, 32, "%s", osi_ip4(get32(p + IP4_SRC), text));
    osi_field_add(l, 5, "Destination address", at + 16, 0, 32, "%s",
                  osi_ip4(get32(p + IP4_DST), text));
    if (x->d.net_hdr_len > IP4_HDR_LEN && osi_has(x, at, x->d.net_hdr_len))
        osi_means(osi_field_add(l, 6, "Options", at + 20, 0, (x->d.net_hdr_len - 20) * 8,
                                "%u bytes", x->d.net_hdr_len - 20),
                  "rare: many routers drop them");
}

/* Who takes it, by its destination address. */
static void osi_say_for_whom(const struct osi *x, struct osi_layer *l, uint32_t dst)
{
    char text[46];

    osi_ip4(dst, text);
    if (dst == UINT32_MAX)
        osi_say(l, "For whom? %s: everybody on this link, and no router forwards it.", text);
    else if (dst >> 28 == 14)
        osi_say(l, "For whom? %s is in 224.0.0.0/4: a multicast group.", text);
    else if (x->net_from != NULL && dst == x->net_ip)
        osi_say(l, "For whom? %s is the address of the host that was captured: taken.", text);
    else if (x->net_from != NULL && dst == (x->net_ip | ~x->net_mask))
        osi_say(l, "For whom? %s is the last address of the subnet: everybody in it.", text);
}

static void osi_ip4_layer(struct osi *x)
{
    uint32_t at = x->d.net_at;
    struct osi_layer *l = osi_layer_add(x, 3, "Network", "IPv4", at, x->d.net_hdr_len);
    const uint8_t *p = x->f.bytes.p + at;
    char src[46], dst[46];

    if (!osi_has(x, at, IP4_HDR_LEN)) {
        l->len = 0;
        osi_line(l, "cut off inside the IPv4 header");
        return;
    }
    l->has_scale = true;
    osi_line(l, "%s > %s, %s, TTL %u", scope_addr_text(&x->d.src, src),
             scope_addr_text(&x->d.dst, dst), osi_proto_name(x->d.proto), x->d.ttl);
    osi_ip4_fields(x, l, p);
    osi_say_for_whom(x, l, get32(p + IP4_DST));
    osi_say_subnet(x, l, get32(p + IP4_SRC), get32(p + IP4_DST));
    osi_say_ttl(l, x->d.ttl);
    if (x->d.net_hdr_len >= IP4_HDR_LEN && x->d.net_len >= x->d.net_hdr_len)
        osi_say_fragment(x, l);
    if (x->d.net_hdr_len >= IP4_HDR_LEN && osi_has(x, at, x->d.net_hdr_len))
        osi_say_ip_sum(x, l, p);
    osi_say(l, "Protocol %u: %s gets the %u bytes behind this header.", x->d.proto,
            osi_proto_name(x->d.proto),
            x->d.net_len > x->d.net_hdr_len ? x->d.net_len - x->d.net_hdr_len : 0);
}

/* ---- IPv6 ---- */

static void osi_ip6_layer(struct osi *x)
{
    uint32_t at = x->d.net_at;
    struct osi_layer *l = osi_layer_add(x, 3, "Network", "IPv6", at, x->d.net_hdr_len);
    const uint8_t *p = x->f.bytes.p + at;
    char src[46], dst[46];

    if (!osi_has(x, at, 40)) {
        l->len = 0;
        osi_line(l, "cut off inside the IPv6 header");
        return;
    }
    l->has_scale = true;
    scope_addr_text(&x->d.src, src);
    scope_addr_text(&x->d.dst, dst);
    osi_line(l, "%s > %s, %s, hop limit %u", src, dst, osi_proto_name(x->d.proto), x->d.ttl);
    osi_means(osi_field_add(l, 1, "Version", at, 0, 4, "%u", p[0] >> 4),
              "of the Internet Protocol");
    osi_means(osi_field_add(l, 1, "Class", at, 4, 8, "%u", x->d.tos), "class of service and ECN");
    osi_means(osi_field_add(l, 1, "Flow label", at + 1, 4, 20, "0x%05x", get32(p) & 0xfffff),
              "packets that belong together");
    osi_means(osi_field_add(l, 2, "Payload length", at + 4, 0, 16, "%u", get16(p + 4)),
              "without these 40 bytes");
    osi_means(osi_field_add(l, 2, "Next", at + 6, 0, 8, "%u", p[6]), "%s",
              x->d.net_hdr_len > 40 ? "an extension header" : osi_proto_name(p[6]));
    osi_means(osi_field_add(l, 2, "Hop limit", at + 7, 0, 8, "%u", p[7]),
              "so many routers may still forward it");
    osi_field_add(l, 3, "Source address", at + 8, 0, 128, "%s", src)->weight = 32;
    osi_field_add(l, 4, "Destination address", at + 24, 0, 128, "%s", dst)->weight = 32;
    if (x->d.net_hdr_len > 40)
        osi_field_add(l, 5, "Extension headers", at + 40, 0, (x->d.net_hdr_len - 40) * 8,
                      "%u bytes", x->d.net_hdr_len - 40)
            ->weight = 32;
    osi_say_ttl(l, x->d.ttl);
    if (x->d.mf || x->d.frag_off > 0)
        osi_say_fragment(x, l);
    osi_say(l, "There is no checksum: links have one, and TCP and UDP must have one (RFC 8200 "
               "section 8.1).");
}

/* ---- ICMP ---- */

static const char *osi_icmp_name(const struct osi *x, uint8_t type, uint8_t code)
{
    static const char *const unreach[] = {"net unreachable", "host unreachable",
                                          "protocol unreachable", "port unreachable",
                                          "fragmentation needed"};

    if (x->d.net == NET_IP6) {
        switch (type) {
        case 1:
            return "destination unreachable";
        case 2:
            return "packet too big";
        case 3:
            return "time exceeded";
        case 128:
            return "echo request";
        case 129:
            return "echo reply";
        case 133:
            return "router solicitation";
        case 134:
            return "router advertisement";
        case 135:
            return "neighbour solicitation";
        case 136:
            return "neighbour advertisement";
        case 143:
            return "multicast listener report";
        default:
            return "a type not known here";
        }
    }
    switch (type) {
    case ICMP4_ECHO_REPLY:
        return "echo reply";
    case ICMP4_UNREACH:
        return code < ARRAY_LEN(unreach) ? unreach[code] : "destination unreachable";
    case ICMP4_REDIRECT:
        return "redirect";
    case ICMP4_ECHO:
        return "echo request";
    case ICMP4_TIME_EXCEEDED:
        return code == 0 ? "time to live exceeded" : "reassembly time exceeded";
    case ICMP4_PARAM_PROBLEM:
        return "parameter problem";
    default:
        return "a type not known here";
    }
}

static void osi_icmp_layer(struct osi *x)
{
    uint32_t at = x->d.transport_at;
    const uint8_t *p = x->f.bytes.p + at;
    bool is_v6 = x->d.net == NET_IP6;
    struct osi_layer *l =
        osi_layer_add(x, 3, "Network", is_v6 ? "ICMPv6" : "ICMP", at, ICMP4_HDR_LEN);
    const char *name = osi_icmp_name(x, p[0], p[1]);
    bool is_echo = is_v6 ? p[0] == 128 || p[0] == 129 : p[0] == 8 || p[0] == 0;
    bool is_error =
        is_v6 ? p[0] < 128 : p[0] == 3 || p[0] == 4 || p[0] == 5 || p[0] == 11 || p[0] == 12;

    l->has_scale = true;
    osi_line(l, "%s, %u bytes of data", name, x->d.payload_len);
    osi_means(osi_field_add(l, 1, "Type", at, 0, 8, "%u", p[0]), "%s", name);
    osi_field_add(l, 1, "Code", at + 1, 0, 8, "%u", p[1]);
    osi_means(osi_field_add(l, 1, "Checksum", at + 2, 0, 16, "0x%04x", get16(p + 2)), "%s",
              x->transport_sum == SUM_GOOD  ? "right"
              : x->transport_sum == SUM_BAD ? "wrong"
                                            : "not to be told");
    if (is_echo) {
        osi_means(osi_field_add(l, 2, "Identifier", at + 4, 0, 16, "%u", get16(p + 4)),
                  "of the ping that asks");
        osi_means(osi_field_add(l, 2, "Sequence", at + 6, 0, 16, "%u", get16(p + 6)),
                  "counts its questions");
        osi_say(l, "Question and answer have the same identifier, sequence number and data: so "
                   "each answer finds its "
                   "question.");
    } else {
        osi_field_add(l, 2, "Rest of header", at + 4, 0, 32, "0x%08x", get32(p + 4));
    }
    if (is_error)
        osi_say(l, "An error: it quotes the datagram that caused it (its header and 8 bytes at "
                   "least), so that the "
                   "sender finds the connection that is meant.");
    osi_say(l, "ICMP travels inside of IP but belongs to it: layer 3, and nothing above it.");
}

void osi_network(struct osi *x)
{
    if (x->d.net == NET_ARP)
        osi_arp(x);
    else if (x->d.net == NET_IP4)
        osi_ip4_layer(x);
    else if (x->d.net == NET_IP6)
        osi_ip6_layer(x);
    if (x->d.transport == TRANSPORT_ICMP && osi_has(x, x->d.transport_at, ICMP4_HDR_LEN))
        osi_icmp_layer(x);
    if (x->d.fault != V_NEXT && x->layers > 0)
        osi_say(&x->layer[x->layers - 1], "Wrong at byte %u of the frame: %s.", x->d.fault_at,
                dissect_fault_text(&x->d));
}
