/*
 * osi_link.c - layers 1 and 2: bits and the frame check sequence, Ethernet, VLAN tags.
 */
#include "osi.h"

#include <pcap/dlt.h>

#include "l1_physical/fcs.h"
#include "wire/eth.h"

enum { GAP = 12, PREAMBLE = 8 };

/* "0100 0000": as they are sent, the lowest first. */
static const char *osi_bits_sent(uint8_t byte, char out[10])
{
    for (unsigned i = 0, at = 0; i < 8; i++) {
        out[at++] = (byte >> i & 1) != 0 ? '1' : '0';
        if (i == 3)
            out[at++] = ' ';
    }
    out[9] = '\0';
    return out;
}

static struct osi_field *osi_signal(struct osi_layer *l, const char *name, uint16_t weight,
                                    const char *value, const char *meaning)
{
    struct osi_field *f = osi_field_add(l, 1, name, 0, 0, 0, "%s", value);

    f->weight = weight;
    osi_means(f, "%s", meaning);
    return f;
}

/* A card makes frames of 60 bytes at least, before it appends the FCS. */
static uint32_t osi_fcs(const struct osi *x, uint32_t *padding)
{
    static const uint8_t zero[ETH_MIN_LEN];
    uint32_t len = (uint32_t)x->f.bytes.len;
    uint32_t crc = fcs_add(0, x->f.bytes.p, len);

    *padding = len < ETH_MIN_LEN ? ETH_MIN_LEN - len : 0;
    return fcs_add(crc, zero, *padding);
}

void osi_physical(struct osi *x)
{
    struct osi_layer *l = osi_layer_add(x, 1, "Physical", "", 0, 0);
    char text[100], bits[10], bits2[10];
    uint32_t padding;
    uint8_t fcs[FCS_LEN];

    if (x->f.linktype != DLT_EN10MB) {
        osi_line(l, "not Ethernet: what carried these %u bytes the capture does not say",
                 x->f.wire_len);
        return;
    }
    osi_signal(l, "Preamble", 60, "1010 1010 x 7", "lets the receiver's clock fall into step");
    osi_signal(l, "Start", 44, "1010 1011", "the last two ones: from here on it is the frame");
    snprintf(text, sizeof(text), "%u bytes", u32_max(x->f.wire_len, ETH_MIN_LEN));
    osi_signal(l, "Frame", 60, text, "layers 2 to 7");
    if (x->f.bytes.len < x->f.wire_len) {
        osi_line(l, "%u bytes on the wire, %zu of them captured", x->f.wire_len, x->f.bytes.len);
        osi_signal(l, "FCS", 52, "unknown", "needs the whole frame");
        osi_say(
            l,
            "Only %zu of %u bytes were captured, so the frame check sequence cannot be computed.",
            x->f.bytes.len, x->f.wire_len);
        return;
    }
    uint32_t crc = osi_fcs(x, &padding),
             bytes = (uint32_t)x->f.bytes.len + padding + PREAMBLE + FCS_LEN + GAP;

    fcs_put(fcs, crc);
    snprintf(text, sizeof(text), "%02x %02x %02x %02x", fcs[0], fcs[1], fcs[2], fcs[3]);
    osi_signal(l, "FCS", 52, text,
               "CRC-32 of the frame, made and checked by the cards; computed here");
    osi_signal(l, "Gap", 36, "12 bytes", "silence before the next frame");
    osi_line(l, "%u bytes and their FCS %s as bits", x->f.wire_len + padding, text);
    if (x->f.bytes.len > 0)
        osi_say(l, "Each byte is sent lowest bit first: %02x as %s, %02x as %s.", x->f.bytes.p[0],
                osi_bits_sent(x->f.bytes.p[0], bits), x->f.bytes.p[x->f.bytes.len - 1],
                osi_bits_sent(x->f.bytes.p[x->f.bytes.len - 1], bits2));
    if (padding > 0)
        osi_say(l, "A frame has 60 bytes at least: the card appends %u zeros.", padding);
    osi_say(l,
            "The CRC-32 of %zu bytes is 0x%08x and is sent as %s. A receiver computes it anew; "
            "where it differs, "
            "the frame is dropped without a word.",
            x->f.bytes.len + padding, crc, text);
    osi_say(
        l,
        "With preamble (8), FCS (4) and gap (12) it takes %u x 8 = %u bits: %.2f us at 1 Gbit/s.",
        bytes, bytes * 8, bytes * 8 / 1e3);
}

/* ---- layer 2 ---- */

static const char *osi_type_name(uint16_t type)
{
    switch (type) {
    case ETH_TYPE_IP4:
        return "IPv4";
    case ETH_TYPE_IP6:
        return "IPv6";
    case ETH_TYPE_ARP:
        return "ARP";
    case ETH_TYPE_VLAN:
        return "VLAN tag (802.1Q)";
    case ETH_TYPE_QINQ:
        return "VLAN tag (802.1ad)";
    case 0x88cc:
        return "LLDP";
    case 0x8863:
        return "PPPoE discovery";
    case 0x8864:
        return "PPPoE session";
    case 0x8847:
        return "MPLS";
    default:
        return type < ETH_TYPE_MIN ? "an IEEE 802.3 length" : "a type not known here";
    }
}

static const char *osi_mac_kind(const uint8_t *p)
{
    static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};

    if (memcmp(p, all, 6) == 0)
        return "broadcast";
    return (p[0] & 1) != 0 ? "multicast" : "unicast";
}

static void osi_say_destination(struct osi_layer *l, const uint8_t *p)
{
    char text[46];
    const char *kind = osi_mac_kind(p);

    osi_mac(p, text);
    if (strcmp(kind, "broadcast") == 0)
        osi_say(l, "For whom? %s, all ones: every station of this link takes it.", text);
    else if (strcmp(kind, "multicast") == 0)
        osi_say(l,
                "For whom? The lowest bit of the first byte (%02x, I/G) is 1: a group, taken by "
                "its members.%s",
                p[0],
                p[0] == 1 && p[1] == 0 && p[2] == 0x5e
                    ? " 01:00:5e and 23 bits of an IPv4 group (RFC 1112)."
                : p[0] == 0x33 && p[1] == 0x33 ? " 33:33 and 32 bits of an IPv6 group (RFC 2464)."
                                               : "");
    else
        osi_say(l,
                "For whom? The lowest bit of the first byte (%02x, I/G) is 0: one station, %s; all "
                "others drop "
                "it.",
                p[0], text);
    osi_say(l, "The next bit (U/L) is %u: %s.", p[0] >> 1 & 1,
            (p[0] & 2) != 0
                ? "an address that an administrator, or a program, has chosen"
                : "an address given by the maker, whose number is its first three bytes");
}

static void osi_tags(const struct osi *x, struct osi_layer *l)
{
    for (uint32_t i = 0; i < x->d.vlan_tags && i < 4; i++) {
        uint32_t at = ETH_TYPE + 2 + 4 * i;
        const uint8_t *p = x->f.bytes.p + at;

        if (!osi_has(x, at, 4))
            return;
        osi_means(osi_field_add(l, 2 + i, "Priority", at, 0, 3, "%u", p[0] >> 5),
                  "class of service, 0 to 7");
        osi_field_add(l, 2 + i, "DEI", at, 3, 1, "%u", p[0] >> 4 & 1);
        osi_means(osi_field_add(l, 2 + i, "VLAN", at, 4, 12, "%u", get16(p) & 0xfff),
                  "the virtual LAN it belongs to");
        osi_means(osi_field_add(l, 2 + i, "Type", at + 2, 0, 16, "0x%04x", get16(p + 2)), "%s",
                  osi_type_name(get16(p + 2)));
    }
}

static void osi_say_type(const struct osi *x, struct osi_layer *l, uint32_t room)
{
    if (x->d.ether_type < ETH_TYPE_MIN) {
        osi_say(l, "0x%04x is below 0x0600: not a type but a length, as IEEE 802.3 wants it.",
                x->d.ether_type);
        return;
    }
    osi_say(l, "0x%04x is not below 0x0600: a type, %s, which gets the %u bytes that follow.",
            x->d.ether_type, osi_type_name(x->d.ether_type), room);
    if (x->d.net_len > 0 && x->d.net_len < room)
        osi_say(
            l, "It needs only %u of them: %u bytes are padding, since no frame is shorter than 60.",
            x->d.net_len, room - x->d.net_len);
}

void osi_link(struct osi *x)
{
    char dst[46], src[46];
    const uint8_t *p = x->f.bytes.p;
    struct osi_layer *l =
        osi_layer_add(x, 2, "Data link", "", 0, u32_min(x->d.net_at, (uint32_t)x->f.bytes.len));

    if (x->f.linktype != DLT_EN10MB) {
        l->protocol = x->d.net_at == 16   ? "Linux cooked"
                      : x->d.net_at == 20 ? "Linux cooked v2"
                                          : "none";
        osi_line(l, "%s",
                 x->d.net_at > 0 ? "what the capturing machine wrote in front, no header of a wire"
                                 : "the capture begins with layer 3");
        return;
    }
    l->protocol = "Ethernet";
    if (!osi_has(x, 0, ETH_HDR_LEN)) {
        osi_line(l, "cut off inside the Ethernet header");
        return;
    }
    uint16_t type = get16(p + ETH_TYPE);

    osi_mac(p + ETH_DST, dst);
    osi_mac(p + ETH_SRC, src);
    osi_line(l, "%s > %s, %s", src, dst, osi_type_name(x->d.ether_type));
    osi_means(osi_field_add(l, 1, "Destination", ETH_DST, 0, 48, "%s", dst), "%s",
              osi_mac_kind(p + ETH_DST));
    osi_means(osi_field_add(l, 1, "Source", ETH_SRC, 0, 48, "%s", src), "%s",
              (p[ETH_SRC] & 1) != 0 ? "a group cannot send: something is wrong"
                                    : "the station that sent it");
    osi_means(osi_field_add(l, 1, "Type", ETH_TYPE, 0, 16, "0x%04x", type), "%s",
              osi_type_name(type));
    osi_tags(x, l);
    osi_say_destination(l, p);
    if (x->d.net_at <= x->f.wire_len)
        osi_say_type(x, l, x->f.wire_len - x->d.net_at);
}
