/*
 * packet_out.c - packets that the script expects from the host.
 *
 * The oldest frame that nobody has looked at is the one: a packet that the script does not mention
 * is a failure of the next line that expects one, so nothing is sent unnoticed. Every field becomes
 * a row of a table, in which the message shows both packets.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { OUT_MAX = 1 << 17 };

static struct run_row *out_row(struct run *r, const char *name, bool differs)
{
    struct run_row *row = &r->rows[r->row_count < RUN_ROWS - 1 ? r->row_count++ : r->row_count];

    *row = (struct run_row){.differs = differs, .is_shown = true};
    snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

static bool out_number(struct run *r, const char *name, int64_t expected, int64_t seen)
{
    struct run_row *row = out_row(r, name, expected != seen);

    snprintf(row->expected, sizeof(row->expected), "%" PRId64, expected);
    snprintf(row->seen, sizeof(row->seen), "%" PRId64, seen);
    return expected == seen;
}

static bool out_text(struct run *r, const char *name, const char *expected, const char *seen)
{
    bool same = strcmp(expected, seen) == 0;
    struct run_row *row = out_row(r, name, !same);

    snprintf(row->expected, sizeof(row->expected), "%.119s", expected);
    snprintf(row->seen, sizeof(row->seen), "%.119s", seen);
    return same;
}

static void out_any(struct run *r, const char *name, int64_t seen)
{
    struct run_row *row = out_row(r, name, false);

    snprintf(row->expected, sizeof(row->expected), "any");
    snprintf(row->seen, sizeof(row->seen), "%" PRId64, seen);
}

/* A field that may be kept under a name. */
static bool out_value(struct run *r, const char *name, const struct script_value *v, int64_t seen)
{
    int64_t expected;

    if (v->capture != NULL) {
        run_keep(r, v->capture, seen);
        out_any(r, name, seen);
        return true;
    }
    return run_value(r, v, &expected) && out_number(r, name, expected, seen);
}

/* ---- waiting ---- */

static struct run_frame *out_wait(struct run *r, net_time limit)
{
    for (;;) {
        struct run_frame *f = wire_next(r);

        if (f != NULL || r->failed)
            return f;
        if (!run_step(r, limit))
            return wire_next(r);
    }
}

/* ---- options ---- */

static uint32_t out_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One option's numbers against the @len bytes at @o. */
static bool out_option_numbers(struct run *r, struct run_flow *f, const struct script_opt *e,
                               const uint8_t *o)
{
    int64_t a, b;

    switch (e->kind) {
    case SCRIPT_OPT_MSS:
        return out_value(r, "mss", &e->a, (int64_t)(o[2] << 8 | o[3]));
    case SCRIPT_OPT_WSCALE:
        return out_value(r, "wscale", &e->a, o[2]);
    case SCRIPT_OPT_TS: {
        uint32_t val = out_32(o + 2), ecr = out_32(o + 6);
        bool ok = true;

        if (e->a.capture != NULL) {
            run_keep(r, e->a.capture, val);
            flow_ts_learn(f, val, val);
        } else {
            if (!run_value(r, &e->a, &a))
                return false;
            if (r->opt.ts_tick_us > 0 && f->ts_count > 0)
                ok = out_number(r, "TS val", a, (uint32_t)(val - f->ts_live[0] + f->ts_script[0]));
            flow_ts_learn(f, (uint32_t)a, val);
        }
        if (r->opt.lax & LAX_ECR)
            return ok;
        return out_value(r, "TS ecr", &e->b, ecr) && ok;
    }
    case SCRIPT_OPT_SACK:
        for (size_t i = 0; i < e->count; i++) {
            if (!run_value(r, &e->sack[i].left, &a) || !run_value(r, &e->sack[i].right, &b))
                return false;
            if (!out_number(r, "sack left", a, (uint32_t)(out_32(o + 2 + 8 * i) - f->remote_iss)) ||
                !out_number(r, "sack right", b, (uint32_t)(out_32(o + 6 + 8 * i) - f->remote_iss)))
                return false;
        }
        return true;
    default:
        return true;
    }
}

/* Bytes that stand as they are: cookies, signatures. */
static bool out_option_bytes(const struct script_opt *e, const uint8_t *o)
{
    size_t skip = e->kind == SCRIPT_OPT_FOEXP ? 4 : 2;

    if (e->kind != SCRIPT_OPT_MD5 && e->kind != SCRIPT_OPT_FO && e->kind != SCRIPT_OPT_FOEXP)
        return true;
    return e->count == 0 || memcmp(o + skip, e->bytes, e->count) == 0;
}

static void out_options_expected(const struct script_tcp *t, char *buf, size_t cap)
{
    size_t at = (size_t)snprintf(buf, cap, "<");

    for (size_t i = 0; i < t->option_count && at + 60 < cap; i++) {
        const struct script_opt *o = &t->options[i];

        at += (size_t)snprintf(buf + at, cap - at, "%s%s", i > 0 ? "," : "",
                               script_opt_name(o->kind));
        if (o->kind == SCRIPT_OPT_MSS || o->kind == SCRIPT_OPT_WSCALE)
            at += (size_t)snprintf(buf + at, cap - at, " %" PRId64, o->a.number);
        if (o->kind == SCRIPT_OPT_TS)
            at += (size_t)snprintf(buf + at, cap - at, " val %" PRId64 " ecr %" PRId64, o->a.number,
                                   o->b.number);
        for (size_t k = 0; o->kind == SCRIPT_OPT_SACK && k < o->count && at + 30 < cap; k++)
            at += (size_t)snprintf(buf + at, cap - at, " %" PRId64 ":%" PRId64,
                                   o->sack[k].left.number, o->sack[k].right.number);
    }
    snprintf(buf + at, cap - at, ">");
}

/* Kinds, order and padding exactly; then the numbers. */
static bool out_options(struct run *r, struct run_flow *f, const struct script_tcp *t,
                        const struct seen *s)
{
    static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 34, 254, 172, 174};
    char expected[200], seen[200];
    size_t at = 0;
    bool same = true;

    if (t->any_options)
        return true;
    for (size_t i = 0; same && i < t->option_count; i++) {
        const struct script_opt *o = &t->options[i];

        same = at + o->len <= s->options_len && s->options[at] == kinds[o->kind] &&
               (o->len == 1 || s->options[at + 1] == o->len) &&
               out_option_bytes(o, s->options + at);
        at += o->len;
    }
    if (same && at == s->options_len) {
        for (size_t i = 0, k = 0; i < t->option_count; k += t->options[i++].len)
            same = out_option_numbers(r, f, &t->options[i], s->options + k) && same;
        return same;
    }
    out_options_expected(t, expected, sizeof(expected));
    seen_options_text(s, seen, sizeof(seen));
    struct run_row *row = out_row(r, "options", true);

    snprintf(row->expected, sizeof(row->expected), "%.119s", expected);
    snprintf(row->seen, sizeof(row->seen), "%.119s", seen);
    return false;
}

/* ---- numbers ---- */

/* Learn the host's initial sequence number from its SYN; a new SYN after the end of the connection
 * begins a new one on the same ports (RFC 9293 section 3.10.7.4, TIME-WAIT). */
static void out_learn(struct run *r, struct run_flow *f, const struct script_tcp *t,
                      const struct seen *s)
{
    if (!(s->flags & SCRIPT_SYN) || (f->has_local && f->local_iss == s->seq))
        return;
    bool is_again = f->has_local;

    if (r->first_iss == 0)
        r->first_iss = s->seq;
    f->has_local = true;
    f->local_iss = s->seq;
    f->local_script = t->seq.capture != NULL ? 0 : (uint32_t)t->seq.number;
    if ((s->flags & SCRIPT_ACK) && f->has_remote)
        f->remote_iss = f->syn_seq;
    if (is_again) {
        f->sent.len = 0;
        f->received = 0;
    }
}

/* Where the first payload byte stands in the stream that was written. */
static bool out_payload(struct run *r, const struct run_flow *f, const struct seen *s)
{
    uint64_t offset = s->proto == 17 ? 0 : (uint32_t)(s->seq - f->local_iss - 1);

    if ((r->opt.lax & LAX_PAYLOAD) || (s->flags & SCRIPT_SYN))
        return true;
    for (size_t i = 0; i < s->payload_len; i++) {
        uint8_t expected = flow_pattern(offset + i);

        if (s->proto == 6 && f->sent.len > 0 && offset + i < f->sent.len)
            expected = f->sent.p[offset + i];
        else if (s->proto == 17 && f->sent.len == s->payload_len)
            expected = f->sent.p[i];
        if (s->payload[i] != expected) {
            out_number(r, "payload at", (int64_t)i, (int64_t)i);
            return out_number(r, "payload byte", expected, s->payload[i]);
        }
    }
    return true;
}

static bool out_tcp(struct run *r, struct run_flow *f, const struct script_tcp *t,
                    const struct seen *s)
{
    char expected[16], seen[16];
    bool ok = true;

    out_learn(r, f, t, s);
    bool is_syn = (s->flags & SCRIPT_SYN) != 0;
    uint32_t seq = is_syn ? s->seq - f->local_iss + f->local_script : s->seq - f->local_iss;
    uint32_t ack = s->ack - (is_syn ? r->remote_shift : f->remote_iss);

    if (!(s->flags & SCRIPT_ACK))
        ack = s->ack; /* not a number then: RFC 9293 section 3.1 */
    bool is_lax = (r->opt.lax & LAX_PUSH) != 0;
    uint16_t flags = (uint16_t)(s->flags ^ (is_lax ? (t->flags ^ s->flags) & SCRIPT_PSH : 0));

    ok = out_text(r, "flags", script_flags_text(t->flags, t->has_ace, expected),
                  script_flags_text(flags, t->has_ace, seen)) &&
         ok;
    ok = out_value(r, "seq", &t->seq, seq) && ok;
    ok = out_value(r, "len", &t->len, (int64_t)s->payload_len) && ok;
    ok = out_value(r, "ack", &t->ack, ack) && ok;
    if (t->win.is_set || t->win.capture != NULL)
        ok = out_value(r, "win", &t->win, s->win) && ok;
    else
        out_any(r, "win", s->win);
    ok = out_value(r, "urg", &t->urg, s->urg) && ok;
    ok = out_options(r, f, t, s) && ok;
    return out_payload(r, f, s) && ok;
}

static bool out_ip(struct run *r, const struct script_ip *ip, const struct seen *s)
{
    static const uint8_t ecn[] = {0, 0, 2, 1, 2, 3};
    bool ok = true;

    if (ip->ecn == SCRIPT_ECN_ECT01)
        ok = out_number(r, "ecn ect", 1, (s->tos & 3) == 1 || (s->tos & 3) == 2);
    else if (ip->ecn != SCRIPT_ECN_UNSET)
        ok = out_number(r, "ecn", ecn[ip->ecn], s->tos & 3);
    if (ip->has_tos)
        ok = out_number(r, "tos", ip->tos, s->tos) && ok;
    if (ip->has_ttl)
        ok = out_number(r, "ttl", ip->ttl, s->ttl) && ok;
    if (!(r->opt.lax & LAX_CHECKSUM)) {
        if (!s->ip_sum_ok)
            ok = out_text(r, "ip checksum", "right", "wrong");
        if (!s->l4_sum_ok)
            ok = out_text(r, "checksum", "right", "wrong");
    }
    if (s->is_short)
        ok = out_text(r, "lengths", "agree", "contradict each other");
    if (s->hdr_len != 20)
        ok = out_number(r, "ip header", 20, s->hdr_len);
    return ok;
}

/* ---- joining ---- */

/* What came later belongs behind @s: packet.c of packetdrill joins the same way, language.md 3.4. */
static bool out_joins(const struct seen *s, const struct seen *n, size_t first_len)
{
    const unsigned free_flags = SCRIPT_PSH | SCRIPT_FIN | SCRIPT_CWR;

    return !n->is_short && n->proto == 6 && n->frag_off == 0 && !n->mf && n->sport == s->sport &&
           n->dport == s->dport && n->dst == s->dst && n->tos == s->tos && n->ack == s->ack &&
           n->win == s->win && n->seq == s->seq + (uint32_t)s->payload_len &&
           ((n->flags ^ s->flags) & ~free_flags) == 0 && n->payload_len > 0 &&
           n->payload_len <= first_len && n->options_len == s->options_len && n->l4_sum_ok;
}

/* Segments of equal size that follow each other are one, up to @want bytes. */
static void out_join(struct run *r, struct seen *s, uint8_t *room, size_t want, net_time limit)
{
    size_t first_len = s->payload_len;

    memmove(room, s->payload, s->payload_len); /* may lie there already, reassembled */
    s->payload = room;
    while (s->payload_len < want && !(s->flags & SCRIPT_FIN) && s->payload_len % first_len == 0) {
        struct run_frame *f = out_wait(r, limit);
        struct seen n;

        if (f == NULL)
            return;
        seen_decode(&n, f->bytes, f->len, f->t);
        if (!out_joins(s, &n, first_len) || s->payload_len + n.payload_len > want) {
            f->next = r->out_first; /* not ours: the next line looks at it */
            if (r->out_first == NULL)
                r->out_last = f;
            r->out_first = f;
            return;
        }
        memcpy(room + s->payload_len, n.payload, n.payload_len);
        s->payload_len += n.payload_len;
        s->flags = (uint16_t)(n.flags | (s->flags & SCRIPT_CWR));
        free(f);
    }
}

/* Fragments to one datagram again; each at most @size bytes of payload. */
static bool out_reassemble(struct run *r, struct seen *s, uint8_t *room, uint32_t size,
                           net_time limit)
{
    uint8_t datagram[65536 + 20];
    size_t len = 0;

    for (struct seen n = *s;;) {
        if (n.frag_off != len || n.len - n.hdr_len > size || len + n.len > 65535)
            return out_number(r, "fragment at", (int64_t)len, n.frag_off) &&
                   out_number(r, "fragment up to", size, (int64_t)(n.len - n.hdr_len));
        memcpy(datagram + 20 + len, n.bytes + n.hdr_len, n.len - n.hdr_len);
        len += n.len - n.hdr_len;
        if (!n.mf)
            break;
        struct run_frame *f = out_wait(r, limit);

        if (f == NULL)
            return out_text(r, "last fragment", "sent", "missing");
        uint8_t *copy = room + OUT_MAX / 2;

        memcpy(copy, f->bytes, f->len);
        seen_decode(&n, copy, f->len, f->t);
        free(f);
    }
    /* As if it had never been cut; the sum of the header was looked at in the pieces. */
    memcpy(datagram, s->bytes, 20);
    datagram[2] = (uint8_t)((len + 20) >> 8);
    datagram[3] = (uint8_t)(len + 20);
    datagram[6] = datagram[7] = 0;
    memcpy(room, datagram, len + 20);
    seen_decode(s, room, len + 20, s->t);
    s->ip_sum_ok = true;
    return true;
}

/* ---- one packet ---- */

static bool out_body(struct run *r, struct run_flow *f, const struct script_packet *p,
                     const struct seen *s)
{
    static const uint8_t protos[] = {6, 17, 1};
    static const char *const names[] = {"tcp", "udp", "icmp"};
    bool ok = true;

    if (s->proto != protos[p->proto])
        return out_text(r, "protocol", names[p->proto],
                        s->proto == 6    ? "tcp"
                        : s->proto == 17 ? "udp"
                                         : "icmp");
    if (s->dst != f->remote_ip)
        ok = out_number(r, "to address", f->remote_ip, s->dst);
    if (s->src != r->opt.local_ip)
        ok = out_number(r, "from address", r->opt.local_ip, s->src);
    if (p->proto != SCRIPT_ICMP) {
        /* The host's port of an active open is learned from its first packet. */
        if (f->local_port == 0)
            f->local_port = s->sport;
        if (f->remote_port == 0)
            f->remote_port = s->dport;
        if (f->local_port != s->sport)
            ok = out_number(r, "from port", f->local_port, s->sport);
        if (f->remote_port != s->dport)
            ok = out_number(r, "to port", f->remote_port, s->dport);
    }
    if (p->proto == SCRIPT_TCP)
        return out_tcp(r, f, &p->tcp, s) && ok;
    if (p->proto == SCRIPT_UDP)
        return out_value(r, "len", &p->udp_len, (int64_t)s->payload_len) && ok &&
               out_payload(r, f, s);
    ok = out_number(r, "type", p->icmp.type, s->type) && ok;
    ok = out_number(r, "code", p->icmp.code, s->code) && ok;
    if (p->icmp.has_mtu)
        ok = out_number(r, "mtu", p->icmp.mtu, s->icmp_mtu) && ok;
    return ok;
}

static bool out_time(struct run *r, const struct script_event *e, net_time from, net_time to,
                     net_time seen)
{
    net_time tolerance = run_tolerance(r, from);
    char a[32], b[32], c[32];

    if (e->time_kind == SCRIPT_TIME_ANY || (seen >= from - tolerance && seen <= to + tolerance))
        return true;
    if (from == to)
        return run_fail_packets(r,
                                "timing error: expected outbound packet at %s sec but happened "
                                "at %s sec; tolerance %.6f sec",
                                run_seconds(r, from, a), run_seconds(r, seen, b),
                                (double)tolerance / 1e9);
    return run_fail_packets(r,
                            "timing error: expected outbound packet in time range %s~%s sec but "
                            "happened at %s sec; tolerance %.6f sec",
                            run_seconds(r, from, a), run_seconds(r, to, c), run_seconds(r, seen, b),
                            (double)tolerance / 1e9);
}

static bool out_missing(struct run *r, net_time from)
{
    char a[32];

    r->row_count = 0;
    return run_fail(r,
                    "error handling packet: Timed out waiting for packet: expected at %s sec, "
                    "nothing was sent until 2 sec after",
                    run_seconds(r, from, a));
}

static bool out_compare(struct run *r, const struct script_event *e, struct run_flow *f,
                        struct seen *s, uint8_t *room, net_time limit)
{
    const struct script_packet *p = e->packet;
    int64_t want = 0;
    bool ok = true;

    r->row_count = 0;
    if (p->frag_size != 0 || s->mf)
        ok = out_reassemble(r, s, room, p->frag_size != 0 ? p->frag_size : UINT32_MAX, limit);
    if (p->proto == SCRIPT_TCP && !r->opt.strict_segments && p->tcp.len.capture == NULL &&
        !s->is_short && s->proto == 6 && s->payload_len > 0 && (s->mf == false)) {
        if (!run_value(r, &p->tcp.len, &want))
            return false;
        if (want > (int64_t)s->payload_len && want < OUT_MAX)
            out_join(r, s, room, (size_t)want, limit);
    }
    ok = !r->failed && out_body(r, f, p, s) && ok;
    ok = out_ip(r, &p->ip, s) && ok;
    if (r->failed)
        return false;
    if (ok)
        return true;
    char text[512];

    seen_text(r, s, f, text, sizeof(text));
    for (size_t i = 0; i < r->row_count; i++) {
        const struct run_row *row = &r->rows[i];

        if (row->differs)
            return run_fail_packets(r,
                                    "error handling packet: live packet field %s: expected: %s "
                                    "vs actual: %s: the host sent `%s`",
                                    row->name, row->expected, row->seen, text);
    }
    return run_fail_packets(r, "error handling packet: the host sent `%s`", text);
}

bool packet_out(struct run *r, const struct script_event *e)
{
    const struct script_packet *p = e->packet;
    net_time from = run_due(r, e), to = from, limit;
    static uint8_t room[OUT_MAX + 65536];
    struct run_flow *f = flow_of(r, e);
    struct run_frame *frame;
    struct seen s;

    if (f == NULL)
        return false;
    if (p->encap_count > 0 || p->has_psp || (p->proto == SCRIPT_ICMP && p->icmp.is_v6))
        return run_fail(r,
                        "encapsulated and IPv6 packets cannot be run: this host speaks IPv4 only");
    if (e->time_kind == SCRIPT_TIME_ABSOLUTE_RANGE)
        to = r->start + e->end_ns;
    if (e->time_kind == SCRIPT_TIME_RELATIVE_RANGE)
        to = r->now + e->end_ns;
    limit = e->time_kind == SCRIPT_TIME_ANY ? r->now + RUN_FOREVER
                                            : to + run_tolerance(r, from) + RUN_TIMEOUT;
    frame = out_wait(r, limit);
    if (frame == NULL)
        return r->failed ? false : out_missing(r, from);
    seen_decode(&s, frame->bytes, frame->len, frame->t);
    bool ok = out_compare(r, e, f, &s, room, limit) && out_time(r, e, from, to, s.t);

    free(frame);
    return ok;
}
