/*
 * seen.c - a datagram that the host has sent, taken apart.
 *
 * Written from the RFCs and not from stack/wire: a field that both the encoder and the decoder of
 * one project get wrong would be seen by nobody.
 */
#include <string.h>

#include "run.h"

static uint16_t seen_16(const uint8_t *p)
{
    return (uint16_t)(p[0] * 256 + p[1]);
}
static uint32_t seen_32(const uint8_t *p)
{
    return (uint32_t)seen_16(p) << 16 | seen_16(p + 2);
}

/* RFC 1071: the one's complement sum of everything, its checksum included, is 0xffff. */
static uint32_t seen_sum(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void seen_tcp(struct seen *s, const uint8_t *p, size_t len)
{
    size_t hdr;

    if (len < 20 || (hdr = (size_t)(p[12] >> 4) * 4) < 20 || hdr > len) {
        s->is_short = true;
        return;
    }
    s->sport = seen_16(p);
    s->dport = seen_16(p + 2);
    s->seq = seen_32(p + 4);
    s->ack = seen_32(p + 8);
    s->flags = (uint16_t)(p[13] | (p[12] & 1) << 8);
    s->win = seen_16(p + 14);
    s->urg = seen_16(p + 18);
    s->options = p + 20;
    s->options_len = hdr - 20;
    s->payload = p + hdr;
    s->payload_len = len - hdr;
}

static void seen_udp(struct seen *s, const uint8_t *p, size_t len)
{
    if (len < 8 || seen_16(p + 4) != len) {
        s->is_short = true;
        return;
    }
    s->sport = seen_16(p);
    s->dport = seen_16(p + 2);
    s->payload = p + 8;
    s->payload_len = len - 8;
    if (seen_16(p + 6) == 0) /* RFC 768: none was made */
        s->l4_sum_ok = true;
}

static void seen_icmp(struct seen *s, const uint8_t *p, size_t len)
{
    if (len < 8) {
        s->is_short = true;
        return;
    }
    s->type = p[0];
    s->code = p[1];
    s->icmp_id = seen_16(p + 4);
    s->icmp_mtu = seen_16(p + 6);
    s->payload = p + 8;
    s->payload_len = len - 8;
}

void seen_decode(struct seen *s, const uint8_t *p, size_t len, net_time t)
{
    *s = (struct seen){.t = t, .bytes = p, .len = len};
    if (len < 20 || p[0] >> 4 != 4 || (size_t)(p[0] & 15) * 4 > len || (p[0] & 15) < 5) {
        s->is_short = true;
        return;
    }
    s->hdr_len = (uint8_t)((p[0] & 15) * 4);
    s->tos = p[1];
    s->total = seen_16(p + 2);
    s->id = seen_16(p + 4);
    s->df = (p[6] & 0x40) != 0;
    s->mf = (p[6] & 0x20) != 0;
    s->frag_off = (uint32_t)(seen_16(p + 6) & 0x1fff) * 8;
    s->ttl = p[8];
    s->proto = p[9];
    s->src = seen_32(p + 12);
    s->dst = seen_32(p + 16);
    s->ip_sum_ok = seen_sum(0, p, s->hdr_len) == 0xffff;
    if (s->total != len) {
        s->is_short = true;
        return;
    }
    const uint8_t *l4 = p + s->hdr_len;
    size_t l4_len = len - s->hdr_len;

    if (s->frag_off != 0 || s->mf) { /* its transport header is looked at once it is whole */
        s->l4_sum_ok = true;
        return;
    }
    /* RFC 9293 section 3.1: addresses, protocol and length are part of the sum. */
    uint32_t sum = s->proto == 1 ? 0 : seen_sum(s->proto + (uint32_t)l4_len, p + 12, 8);

    s->l4_sum_ok = seen_sum(sum, l4, l4_len) == 0xffff;
    if (s->proto == 6)
        seen_tcp(s, l4, l4_len);
    else if (s->proto == 17)
        seen_udp(s, l4, l4_len);
    else if (s->proto == 1)
        seen_icmp(s, l4, l4_len);
}

/* One option. Return: its length; 0: it does not fit. */
static size_t seen_option_text(const uint8_t *o, size_t left, char *buf, size_t cap)
{
    size_t len = o[0] <= 1 ? 1 : left >= 2 ? o[1] : 0;

    if (len == 0 || len > left || (o[0] > 1 && len < 2))
        return 0;
    if (o[0] == 0)
        snprintf(buf, cap, "eol");
    else if (o[0] == 1)
        snprintf(buf, cap, "nop");
    else if (o[0] == 2 && len == 4)
        snprintf(buf, cap, "mss %u", seen_16(o + 2));
    else if (o[0] == 3 && len == 3)
        snprintf(buf, cap, "wscale %u", o[2]);
    else if (o[0] == 4 && len == 2)
        snprintf(buf, cap, "sackOK");
    else if (o[0] == 8 && len == 10)
        snprintf(buf, cap, "TS val %u ecr %u", seen_32(o + 2), seen_32(o + 6));
    else if (o[0] == 5) {
        size_t at = (size_t)snprintf(buf, cap, "sack");

        for (size_t i = 2; i + 8 <= len && at < cap; i += 8)
            at +=
                (size_t)snprintf(buf + at, cap - at, " %u:%u", seen_32(o + i), seen_32(o + i + 4));
    } else
        snprintf(buf, cap, "kind %u len %zu", o[0], len);
    return len;
}

void seen_options_text(const struct seen *s, char *buf, size_t cap)
{
    size_t at = (size_t)snprintf(buf, cap, "<");

    for (size_t i = 0; i < s->options_len && at + 80 < cap;) {
        char one[80] = "";
        size_t len = seen_option_text(s->options + i, s->options_len - i, one, sizeof(one));

        if (len == 0) {
            at += (size_t)snprintf(buf + at, cap - at, "%sbad bytes", i > 0 ? "," : "");
            break;
        }
        at += (size_t)snprintf(buf + at, cap - at, "%s%s", i > 0 ? "," : "", one);
        i += len;
    }
    snprintf(buf + at, cap - at, ">");
}

void seen_text(const struct run *r, const struct seen *s, const struct run_flow *f, char *buf,
               size_t cap)
{
    char flags[16], options[400];

    (void)r;
    if (s->frag_off != 0 || s->mf) {
        snprintf(buf, cap, "fragment of protocol %u, bytes %u to %zu%s", s->proto, s->frag_off,
                 s->frag_off + s->len - s->hdr_len, s->mf ? ", more follow" : "");
        return;
    }
    if (s->proto == 17) {
        snprintf(buf, cap, "udp (%zu) from port %u to port %u", s->payload_len, s->sport, s->dport);
        return;
    }
    if (s->proto != 6) {
        snprintf(buf, cap, "icmp type_%u code_%u", s->type, s->code);
        return;
    }
    uint32_t local = f == NULL ? 0 : f->local_iss, remote = f == NULL ? 0 : f->remote_iss;

    if (s->flags & SCRIPT_SYN) {
        local = f == NULL || !f->has_local ? s->seq : f->local_iss - f->local_script;
        remote = 0;
    }
    uint32_t seq = s->seq - local;

    seen_options_text(s, options, sizeof(options));
    size_t at =
        (size_t)snprintf(buf, cap, "%s %u:%u(%zu)", script_flags_text(s->flags, false, flags), seq,
                         seq + (uint32_t)s->payload_len, s->payload_len);

    if (s->flags & SCRIPT_ACK)
        at += (size_t)snprintf(buf + at, cap - at, " ack %u", s->ack - remote);
    snprintf(buf + at, cap - at, " win %u %s", s->win, s->options_len > 0 ? options : "");
}
