#include "decode.h"

#include <stdio.h>
#include <string.h>

static uint16_t rd16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t rd32(const uint8_t *p)
{
    return (uint32_t)rd16(p) << 16 | rd16(p + 2);
}

uint16_t decode_sum(const uint8_t *p, size_t len, uint32_t start)
{
    uint32_t sum = start;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += rd16(p + i);
    if (len % 2 != 0)
        sum += (uint32_t)p[len - 1] << 8;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t decode_pseudo(uint32_t src, uint32_t dst, uint8_t proto, uint32_t len)
{
    return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + proto + len;
}

/* One option of TCP at @p, @left bytes before the end of the header. Return: its length, 0: broken. */
static size_t decode_option(struct seen *s, const uint8_t *p, size_t left, char text[32])
{
    static const uint8_t known[9] = {[2] = 4, [3] = 3, [4] = 2, [8] = 10};
    size_t len;

    if (p[0] == 1) {
        strcpy(text, "nop");
        return 1;
    }
    if (left < 2 || p[1] < 2 || p[1] > left)
        return 0;
    len = p[1];
    if (p[0] < sizeof(known) && known[p[0]] != 0 && len != known[p[0]])
        return 0;
    if (p[0] == 2) {
        s->has_mss = true;
        s->mss = rd16(p + 2);
        snprintf(text, 32, "mss %u", s->mss);
    } else if (p[0] == 3) {
        s->has_wscale = true;
        s->wscale = p[2];
        snprintf(text, 32, "wscale %u", s->wscale);
    } else if (p[0] == 4) {
        s->has_sack_ok = true;
        strcpy(text, "sackOK");
    } else if (p[0] == 8) {
        s->has_ts = true;
        s->tsval = rd32(p + 2);
        s->tsecr = rd32(p + 6);
        strcpy(text, "TS");
    } else if (p[0] == 5) {
        if (len < 10 || len > 34 || len % 8 != 2)
            return 0;
        s->sack_count = (uint8_t)(len / 8);
        for (size_t i = 0; i < s->sack_count; i++) {
            s->sack[i][0] = rd32(p + 2 + 8 * i);
            s->sack[i][1] = rd32(p + 6 + 8 * i);
        }
        strcpy(text, "sack");
    } else {
        snprintf(text, 32, "kind %u", p[0]);
    }
    return len;
}

static const char *decode_tcp_options(struct seen *s, const uint8_t *p, size_t len)
{
    size_t i = 0, used = 0;

    while (i < len) {
        char text[32];
        size_t n;

        if (p[i] == 0) { /* End of Option List: zeros behind it, MUST-69 */
            for (; i < len; i++) {
                if (p[i] != 0)
                    return "bytes behind the end of the option list";
            }
            break;
        }
        n = decode_option(s, p + i, len - i, text);
        if (n == 0)
            return "a TCP option of illegal length";
        used += (size_t)snprintf(s->opts + used, sizeof(s->opts) - used, "%s%s",
                                 used > 0 ? "," : "", text);
        if (used >= sizeof(s->opts))
            return "too many options";
        i += n;
    }
    return NULL;
}

static const char *decode_tcp(struct seen *s, const uint8_t *p, size_t len)
{
    static const char letters[] = "FSRP.UEW";
    static const uint8_t order[] = {0, 1, 2, 3, 5, 6, 7, 4}; /* ACK is written last */
    size_t hdr, n = 0;

    if (len < 20)
        return "TCP header cut off";
    if (decode_sum(p, len, decode_pseudo(s->src, s->dst, 6, (uint32_t)len)) != 0)
        return "TCP checksum wrong";
    hdr = (size_t)(p[12] >> 4) * 4;
    if (hdr < 20 || hdr > len)
        return "TCP data offset wrong";
    if ((p[12] & 0x0f) != 0)
        return "reserved bits are set";
    s->sport = rd16(p);
    s->dport = rd16(p + 2);
    s->seq = rd32(p + 4);
    s->ack = rd32(p + 8);
    for (size_t i = 0; i < sizeof(order); i++) {
        if (p[13] & 1u << order[i])
            s->flags[n++] = letters[order[i]];
    }
    s->flags[n] = '\0';
    if (strchr(s->flags, '.') == NULL && s->ack != 0)
        return "an acknowledgment number without ACK";
    s->win = rd16(p + 14);
    s->urp = rd16(p + 18);
    s->len = (uint32_t)(len - hdr);
    memcpy(s->data, p + hdr, s->len);
    const char *wrong = decode_tcp_options(s, p + 20, hdr - 20);

    if (wrong == NULL && s->has_mss && strchr(s->flags, 'S') == NULL)
        return "MSS on a segment without SYN"; /* MUST-65 */
    return wrong;
}

static const char *decode_l4(struct seen *s, const uint8_t *p, size_t len)
{
    if (s->proto == 6)
        return decode_tcp(s, p, len);
    if (len < 8)
        return "datagram cut off";
    s->len = (uint32_t)(len - 8);
    memcpy(s->data, p + 8, s->len);
    if (s->proto == 17) {
        s->sport = rd16(p);
        s->dport = rd16(p + 2);
        if (rd16(p + 4) != len)
            return "UDP length wrong";
        s->has_sum = rd16(p + 6) != 0;
        if (s->has_sum && decode_sum(p, len, decode_pseudo(s->src, s->dst, 17, (uint32_t)len)) != 0)
            return "UDP checksum wrong";
        return NULL;
    }
    if (s->proto == 1) {
        s->icmp_type = p[0];
        s->icmp_code = p[1];
        return decode_sum(p, len, 0) == 0 ? NULL : "ICMP checksum wrong";
    }
    if (s->proto == 2) {
        s->igmp_type = p[0];
        s->igmp_time = p[1];
        s->igmp_group = rd32(p + 4);
        return len != 8                   ? "IGMP message not of 8 octets"
               : decode_sum(p, 8, 0) != 0 ? "IGMP checksum wrong"
                                          : NULL;
    }
    return "a protocol nobody asked for";
}

static const char *decode_ip4(struct seen *s, const uint8_t *p, size_t len)
{
    if (len < 20)
        return "IPv4 header cut off";
    uint8_t hdr = p[9] == 2 ? 24 : 20; /* IGMP's option, nobody else's */

    if (p[0] != (0x40 | hdr / 4))
        return "not version 4 with a header of 20 bytes, or 24 of IGMP";
    if (len < hdr || decode_sum(p, hdr, 0) != 0)
        return "IPv4 header checksum wrong";
    if (hdr == 24 && rd32(p + 20) != 0x94040000)
        return "IGMP without Router Alert";
    s->tos = p[1];
    s->ip_len = rd16(p + 2);
    s->ip_id = rd16(p + 4);
    s->df = (p[6] & 0x40) != 0;
    s->ttl = p[8];
    s->proto = p[9];
    s->src = rd32(p + 12);
    s->dst = rd32(p + 16);
    if (s->ip_len < hdr || s->ip_len > len)
        return "IPv4 total length wrong";
    if ((rd16(p + 6) & 0x8000) != 0)
        return "the evil bit";
    s->mf = (rd16(p + 6) & 0x2000) != 0;
    s->frag = (uint16_t)((rd16(p + 6) & 0x1fff) * 8);
    if (s->ttl == 0)
        return "TTL 0";
    if (s->mf || s->frag != 0) {
        s->len = s->ip_len - 20u;
        memcpy(s->data, p + 20, s->len);
        return s->df ? "a fragment that must not be fragmented" : NULL;
    }
    return decode_l4(s, p + hdr, (size_t)s->ip_len - hdr);
}

const char *decode(struct seen *s, const uint8_t *frame, size_t len)
{
    memset(s, 0, sizeof(*s));
    if (len < 14 || len > 1514)
        return "frame too short or too long";
    memcpy(s->mac_dst, frame, 6);
    memcpy(s->mac_src, frame + 6, 6);
    if (s->mac_src[0] & 1)
        return "a group address as Ethernet source";
    s->ethertype = rd16(frame + 12);
    s->frame_len = (uint32_t)len;
    if (s->ethertype == 0x0800)
        return decode_ip4(s, frame + 14, len - 14);
    if (s->ethertype != 0x0806 || len < 42)
        return "neither IPv4 nor ARP";
    if (rd16(frame + 14) != 1 || rd16(frame + 16) != 0x0800 || frame[18] != 6 || frame[19] != 4)
        return "an ARP packet not of IPv4 on Ethernet";
    s->arp_op = rd16(frame + 20);
    memcpy(s->arp_sha, frame + 22, 6);
    memcpy(s->arp_tha, frame + 32, 6);
    s->arp_spa = rd32(frame + 28);
    s->arp_tpa = rd32(frame + 38);
    return NULL;
}
