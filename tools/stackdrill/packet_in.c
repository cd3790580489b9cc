/*
 * packet_in.c - packets that the script sends to the host.
 *
 * An encoder of our own, by the RFCs: it can write everything the language can say, legal or not,
 * with checksums that are right. Payload is the pattern of the stream at its place (flow_pattern),
 * so that a byte that ends up somewhere else is noticed by the reader.
 */
#include <string.h>

#include "run.h"

enum { IN_MAX = 65535 };

static uint8_t *in_16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}
static uint8_t *in_32(uint8_t *p, uint32_t v)
{
    return in_16(in_16(p, v >> 16), v & 0xffff);
}

static uint16_t in_sum(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* An IPv4 header for @len bytes behind it. */
static void in_ip(uint8_t *p, uint32_t src, uint32_t dst, uint8_t proto, size_t len, uint16_t id,
                  uint16_t frag, const struct script_ip *ip)
{
    static const uint8_t ecn[] = {0, 0, 2, 1, 2, 3}; /* by enum script_ecn */

    p[0] = 0x45;
    p[1] = ip->has_tos ? ip->tos : ecn[ip->ecn];
    in_16(p + 2, (uint32_t)len + 20);
    in_16(p + 4, id);
    in_16(p + 6, frag);
    p[8] = ip->has_ttl ? ip->ttl : 255;
    p[9] = proto;
    in_16(p + 10, 0);
    in_32(p + 12, src);
    in_32(p + 16, dst);
    in_16(p + 10, in_sum(0, p, 20));
}

/* The sum of a transport's header and payload with the pseudo-header. */
static uint16_t in_l4_sum(uint32_t src, uint32_t dst, uint8_t proto, const uint8_t *p, size_t len)
{
    uint8_t pseudo[12];

    in_32(pseudo, src);
    in_32(pseudo + 4, dst);
    pseudo[8] = 0;
    pseudo[9] = proto;
    in_16(pseudo + 10, (uint32_t)len);
    return in_sum((uint16_t)~in_sum(0, pseudo, 12), p, len);
}

/* ---- TCP ---- */

/* The live value of an echoed timestamp: what we sent when the script thought it was @script. */
static bool in_ecr(struct run *r, const struct run_flow *f, uint32_t script, uint32_t *live)
{
    for (uint32_t i = f->ts_count; i-- > 0;) {
        if (f->ts_script[i] == script) {
            *live = f->ts_live[i];
            return true;
        }
    }
    if (script == 0 || f->ts_count == 0) {
        *live = script;
        return true;
    }
    if (r->opt.ts_ecr_scaled || r->opt.ts_tick_us > 0) {
        *live = script - f->ts_script[0] + f->ts_live[0];
        return true;
    }
    return run_fail(r,
                    "unable to infer live TS ecr: no outbound packet had TS val %u: name its "
                    "value there, or use --tcp_ts_ecr_scaled",
                    script);
}

static bool in_option_numbers(struct run *r, const struct run_flow *f, const struct script_opt *o,
                              uint8_t *v)
{
    int64_t a, b;
    uint32_t ecr = 0;

    if (!run_value(r, &o->a, &a) || !run_value(r, &o->b, &b))
        return false;
    if (o->kind == SCRIPT_OPT_MSS) {
        in_16(v, (uint32_t)a);
    } else if (o->kind == SCRIPT_OPT_WSCALE) {
        v[0] = (uint8_t)a;
    } else if (o->kind == SCRIPT_OPT_TS) {
        if (!in_ecr(r, f, (uint32_t)b, &ecr))
            return false;
        in_32(in_32(v, (uint32_t)a), ecr);
    } else if (o->kind == SCRIPT_OPT_SACK) {
        for (size_t i = 0; i < o->count; i++) {
            if (!run_value(r, &o->sack[i].left, &a) || !run_value(r, &o->sack[i].right, &b))
                return false;
            v = in_32(in_32(v, (uint32_t)a + f->local_iss), (uint32_t)b + f->local_iss);
        }
    }
    return true;
}

static bool in_option(struct run *r, const struct run_flow *f, const struct script_opt *o,
                      uint8_t **at)
{
    static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 34, 254, 172, 174};
    uint8_t *p = *at, *v = p + 2;

    *at += o->len;
    p[0] = kinds[o->kind];
    if (o->kind == SCRIPT_OPT_EOL || o->kind == SCRIPT_OPT_NOP)
        return true;
    p[1] = (uint8_t)o->len;
    if (o->kind == SCRIPT_OPT_FOEXP)
        v = in_16(v, 0xf989); /* RFC 6994, RFC 7413 section 4.1.1 */
    if (o->kind == SCRIPT_OPT_MD5 || o->kind == SCRIPT_OPT_FO || o->kind == SCRIPT_OPT_FOEXP) {
        if (o->count > 0)
            memcpy(v, o->bytes, o->count);
        return true;
    }
    if (o->kind == SCRIPT_OPT_ACCECN0 || o->kind == SCRIPT_OPT_ACCECN1) {
        for (size_t i = 0; i < o->count; i++, v += 3) {
            v[0] = (uint8_t)(o->counter[i] >> 16);
            in_16(v + 1, o->counter[i] & 0xffff);
        }
        return true;
    }
    return in_option_numbers(r, f, o, v);
}

/* Sequence and acknowledgment numbers of the script to those of the wire, language.md 3.4. */
static void in_map(const struct run *r, struct run_flow *f, const struct script_tcp *t,
                   uint32_t *seq, uint32_t *ack)
{
    bool is_syn = (t->flags & SCRIPT_SYN) != 0;

    if (is_syn) {
        *seq += r->remote_shift;
        f->syn_seq = *seq;
        if (!f->has_remote) {
            f->has_remote = true;
            f->remote_iss = *seq;
        }
        *ack += f->local_iss - f->local_script;
    } else {
        *seq += f->remote_iss;
        *ack += f->local_iss;
    }
    if (!(t->flags & SCRIPT_ACK) && !t->ack.is_set)
        *ack = 0;
}

/* The offset in the stream of the first payload byte of sequence number @seq. */
static uint64_t in_offset(const struct run_flow *f, const struct script_tcp *t, uint32_t seq)
{
    uint32_t offset = seq - f->remote_iss - ((t->flags & SCRIPT_SYN) ? 0 : 1);

    return offset;
}

static bool in_tcp(struct run *r, struct run_flow *f, const struct script_packet *p, uint16_t sport,
                   uint16_t dport, uint8_t *l4, size_t *len)
{
    const struct script_tcp *t = &p->tcp;
    int64_t seq, count, ack, win, urg;
    uint8_t *at = l4 + 20;
    uint32_t live_seq, live_ack;

    if (!run_value(r, &t->seq, &seq) || !run_value(r, &t->len, &count) ||
        !run_value(r, &t->ack, &ack) || !run_value(r, &t->win, &win) ||
        !run_value(r, &t->urg, &urg))
        return false;
    if (count < 0 || count > IN_MAX - 20 - 60)
        return run_fail(r, "a segment of %lld bytes does not fit into a datagram",
                        (long long)count);
    live_seq = (uint32_t)seq;
    live_ack = (uint32_t)ack;
    in_map(r, f, t, &live_seq, &live_ack);
    for (size_t i = 0; i < t->option_count; i++) {
        if (!in_option(r, f, &t->options[i], &at))
            return false;
    }
    size_t hdr = (size_t)(at - l4);

    in_16(in_16(l4, sport), dport);
    in_32(in_32(l4 + 4, live_seq), live_ack);
    l4[12] = (uint8_t)((hdr / 4) << 4 | (t->flags >> 8 & 1));
    l4[13] = (uint8_t)t->flags;
    in_16(in_16(in_16(l4 + 14, (uint32_t)win), 0), (uint32_t)urg);
    uint64_t offset = in_offset(f, t, live_seq);

    for (int64_t i = 0; i < count; i++)
        at[i] = flow_pattern(offset + (uint64_t)i);
    *len = hdr + (size_t)count;
    in_16(l4 + 16, in_l4_sum(f->remote_ip, r->opt.local_ip, 6, l4, *len));
    return true;
}

/* ---- UDP and ICMP ---- */

static bool in_udp(struct run *r, struct run_flow *f, const struct script_packet *p, uint16_t sport,
                   uint16_t dport, uint8_t *l4, size_t *len)
{
    int64_t count;

    if (!run_value(r, &p->udp_len, &count))
        return false;
    if (count < 0 || count > IN_MAX - 28)
        return run_fail(r, "a datagram of %lld bytes is too long", (long long)count);
    f->is_udp = true;
    *len = 8 + (size_t)count;
    in_16(in_16(in_16(in_16(l4, sport), dport), (uint32_t)*len), 0);
    for (int64_t i = 0; i < count; i++)
        l4[8 + i] = flow_pattern((uint64_t)i);
    uint16_t sum = in_l4_sum(f->remote_ip, r->opt.local_ip, 17, l4, *len);

    in_16(l4 + 6, sum == 0 ? 0xffff : sum);
    return true;
}

/* The packet that an ICMP error is about: one of ours, from the local side to the remote. */
static bool in_echoed(struct run *r, struct run_flow *f, const struct script_icmp *m, uint8_t *p,
                      size_t *len)
{
    static const uint8_t protos[] = {0, 6, 17, 255};
    const struct script_ip plain = {.has_ttl = true, .ttl = 64};
    int64_t seq, count;

    *len = 0;
    if (m->inner == SCRIPT_INNER_NONE)
        return true;
    if (!run_value(r, &m->inner_seq, &seq) || !run_value(r, &m->inner_len, &count))
        return false;
    size_t hdr = m->inner == SCRIPT_INNER_TCP ? 20 : m->inner == SCRIPT_INNER_UDP ? 8 : 0;

    memset(p, 0, 20 + 20);
    in_ip(p, r->opt.local_ip, f->remote_ip, protos[m->inner], hdr + (size_t)count, 0, 0x4000,
          &plain);
    in_16(in_16(p + 20, f->local_port), f->remote_port);
    if (m->inner == SCRIPT_INNER_TCP)
        in_32(p + 24, (uint32_t)seq + f->local_iss);
    if (m->inner == SCRIPT_INNER_UDP)
        in_16(p + 24, (uint32_t)count + 8);
    *len = 20 + (hdr == 20 ? 20 : 8);
    return true;
}

static bool in_icmp(struct run *r, struct run_flow *f, const struct script_packet *p, uint8_t *l4,
                    size_t *len)
{
    const struct script_icmp *m = &p->icmp;
    size_t echoed;

    if (m->is_v6)
        return run_fail(r, "IPv6 is not there yet: this host speaks IPv4");
    memset(l4, 0, 8);
    l4[0] = m->type;
    l4[1] = m->code;
    if (m->has_id)
        in_16(l4 + 4, m->id);
    if (m->has_mtu)
        in_16(l4 + 6, m->mtu & 0xffff);
    if (!in_echoed(r, f, m, l4 + 8, &echoed))
        return false;
    *len = 8 + echoed;
    in_16(l4 + 2, in_sum(0, l4, *len));
    return true;
}

/* ---- the datagram ---- */

static void in_piece(struct run *r, const struct run_flow *f, const struct script_packet *p,
                     uint8_t proto, const uint8_t *l4, size_t from, size_t to, size_t whole)
{
    static uint8_t piece[IN_MAX + 1];
    uint16_t frag = (uint16_t)(from / 8 | (to < whole ? 0x2000 : 0));

    if (from == 0 && to == whole)
        frag = 0;
    in_ip(piece, f->remote_ip, r->opt.local_ip, proto, to - from, r->ip_id, frag, &p->ip);
    memcpy(piece + 20, l4 + from, to - from);
    wire_in(r, piece, 20 + to - from);
}

static bool in_send(struct run *r, const struct run_flow *f, const struct script_packet *p,
                    uint8_t proto, const uint8_t *l4, size_t len)
{
    r->ip_id++;
    if (p->frag_count > 0) {
        for (size_t i = 0; i < p->frag_count; i++) {
            size_t from = p->frags[i].from, to = size_min(p->frags[i].to, len);

            if (from >= to || from % 8 != 0)
                return run_fail(r,
                                "fragment %zu:%zu of a payload of %zu bytes: begin at a multiple "
                                "of 8 before its end",
                                from, to, len);
            in_piece(r, f, p, proto, l4, from, to, len);
        }
        return true;
    }
    size_t size = p->frag_size == 0 ? len : p->frag_size / 8 * 8;

    if (size == 0 && len > 0)
        return run_fail(r, "a fragment holds at least 8 bytes");
    for (size_t from = 0; from < len; from += size)
        in_piece(r, f, p, proto, l4, from, size_min(from + size, len), len);
    return true;
}

/* Ports written in the line: the packet is not part of a flow we follow. */
static bool in_ports(struct run *r, const struct run_flow *f, const struct script_packet *p,
                     uint16_t *sport, uint16_t *dport)
{
    int64_t src, dst;

    *sport = f->remote_port;
    *dport = f->local_port;
    if (!p->has_ports)
        return true;
    if (!run_value(r, &p->src_port, &src) || !run_value(r, &p->dst_port, &dst))
        return false;
    *sport = (uint16_t)src;
    *dport = (uint16_t)dst;
    if (*sport != f->remote_port)
        r->strays[*sport / 8] |= (uint8_t)(1u << *sport % 8);
    return true;
}

bool packet_in(struct run *r, const struct script_event *e)
{
    static const uint8_t protos[] = {6, 17, 1};
    static uint8_t l4[IN_MAX + 64];
    const struct script_packet *p = e->packet;
    struct run_flow *f = flow_of(r, e);
    uint16_t sport, dport;
    size_t len = 0;
    bool ok;

    if (f == NULL)
        return false;
    if (p->encap_count > 0 || p->has_psp)
        return run_fail(r, "encapsulated packets cannot be run: this host has no tunnels");
    if (!in_ports(r, f, p, &sport, &dport))
        return false;
    if (p->proto == SCRIPT_TCP)
        ok = in_tcp(r, f, p, sport, dport, l4, &len);
    else if (p->proto == SCRIPT_UDP)
        ok = in_udp(r, f, p, sport, dport, l4, &len);
    else
        ok = in_icmp(r, f, p, l4, &len);
    return ok && in_send(r, f, p, protos[p->proto], l4, len);
}
