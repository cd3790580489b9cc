/*
 * trace.c - events as JSON, as readable lines and as capture comments.
 *
 * trace.def names every field with its type; from it comes a table of descriptors with the field's
 * place in the event's struct, and from the table come both encoders, so that an event declared
 * there needs no line here. Only the short form, which is the comment in a capture, knows some kinds
 * by name. It is read by people, in one column of a packet list, and by programs
 * (tools/wireshark/stackd.lua), so each kind has one form, named by how it begins:
 *
 *     FROM -> TO (CAUSE)                        a state
 *     cwnd N [ssthresh N] in_flight N (CAUSE)   bytes; no ssthresh while there is none
 *     retransmission (CAUSE)
 *     dropped: LAYER REASON                     blanks for the reason's hyphens
 *     bad wire: WHAT
 *     arp IP: FROM -> TO
 *     address conflict detection: WHAT IP
 *
 * Round trips and lengths of queues have none: they change with nearly every frame, and the first
 * can be measured in the capture.
 *
 * The encoders read the event and write to the caller's buffer. A line that does not fit is not
 * written at all: half a JSON object would spoil the file around it.
 */
#include "base/trace.h"
#include "base/fmt.h"

#define TRACE_FIELD(kind, type, name, unit, sentence)                                              \
    {#name, #type, unit, sentence, offsetof(struct trace_##kind, name)},
#define TRACE_EVENT(kind, sentence, fields)                                                        \
    static const struct trace_field_info trace_fields_##kind[] = {fields};
#include "base/trace.def"
#undef TRACE_EVENT
#undef TRACE_FIELD

const struct trace_kind_info *trace_kind_info(enum trace_kind kind)
{
    static const struct trace_kind_info infos[TRACE_KINDS] = {
#define TRACE_EVENT(kind, sentence, fields)                                                        \
    [TRACE_##kind] = {#kind, sentence, trace_fields_##kind, ARRAY_LEN(trace_fields_##kind)},
#include "base/trace.def"
#undef TRACE_EVENT
    };

    NET_ASSERT(kind < TRACE_KINDS);
    return &infos[kind];
}

/* A field's value, read from its place in the union. */
union trace_value {
    trace_STR str;
    trace_U32 u32;
    trace_U64 u64;
    trace_NS ns;
    trace_SEQ seq;
    trace_IP ip;
    trace_MAC mac;
    trace_FLAGS flags;
};

/* As tcpdump writes them, lowest bit first; a segment without any is `none`. */
static void trace_put_flags(struct fmt *f, uint8_t flags)
{
    if (flags == 0)
        fmt_str(f, "none");
    for (unsigned bit = 0; bit < 8; bit++) {
        if (flags >> bit & 1)
            fmt_char(f, "FSRP.UEW"[bit]);
    }
}

static bool trace_is(const struct trace_field_info *fi, const char *type)
{
    const char *t = fi->type;

    while (*t == *type && *t != '\0') {
        t++;
        type++;
    }
    return *t == *type;
}

/* @quote: what stands around a value that is not a number: `"` in JSON, nothing in a line. */
static void trace_put_field(struct fmt *f, const struct trace_ev *ev,
                            const struct trace_field_info *fi, const char *quote)
{
    const uint8_t *at = (const uint8_t *)&ev->u + fi->offset;
    union trace_value v;

    if (trace_is(fi, "STR")) {
        memcpy(&v.str, at, sizeof(v.str));
        const char *s = v.str == NULL ? "" : v.str;

        if (*quote != '\0')
            fmt_json_str(f, s);
        else
            fmt_str(f, s);
    } else if (trace_is(fi, "U32")) {
        memcpy(&v.u32, at, sizeof(v.u32));
        fmt_u64(f, v.u32);
    } else if (trace_is(fi, "U64")) {
        memcpy(&v.u64, at, sizeof(v.u64));
        fmt_u64(f, v.u64);
    } else if (trace_is(fi, "NS")) {
        memcpy(&v.ns, at, sizeof(v.ns));
        fmt_ns(f, v.ns);
    } else if (trace_is(fi, "SEQ")) {
        memcpy(&v.seq, at, sizeof(v.seq));
        fmt_u64(f, v.seq.v);
    } else {
        fmt_str(f, quote);
        if (trace_is(fi, "IP")) {
            memcpy(&v.ip, at, sizeof(v.ip));
            fmt_ip(f, v.ip);
        } else if (trace_is(fi, "MAC")) {
            memcpy(&v.mac, at, sizeof(v.mac));
            fmt_mac(f, v.mac);
        } else {
            NET_ASSERT(trace_is(fi, "FLAGS"));
            memcpy(&v.flags, at, sizeof(v.flags));
            trace_put_flags(f, v.flags);
        }
        fmt_str(f, quote);
    }
}

size_t trace_field(const struct trace_ev *ev, const struct trace_field_info *fi, char *out,
                   size_t cap)
{
    struct fmt f = {.p = out, .cap = cap};

    trace_put_field(&f, ev, fi, "");
    return f.len;
}

static void trace_put_conn(struct fmt *f, const struct trace_conn *c)
{
    fmt_ip_port(f, c->local, c->lport);
    fmt_char(f, '-');
    fmt_ip_port(f, c->remote, c->rport);
}

static void trace_put_key(struct fmt *f, const char *key)
{
    fmt_str(f, ",\"");
    fmt_str(f, key);
    fmt_str(f, "\":");
}

size_t trace_json(const struct trace_ev *ev, char *out, size_t cap)
{
    struct fmt f = {.p = out, .cap = cap};
    const struct trace_kind_info *info = trace_kind_info(ev->kind);

    fmt_str(&f, "{\"t\":");
    fmt_ns(&f, ev->t);
    trace_put_key(&f, "host");
    fmt_json_str(&f, ev->host == NULL ? "" : ev->host);
    trace_put_key(&f, "kind");
    fmt_json_str(&f, info->name);
    if (ev->conn.proto != 0) {
        trace_put_key(&f, "conn");
        fmt_char(&f, '"');
        trace_put_conn(&f, &ev->conn);
        fmt_char(&f, '"');
    }
    trace_put_key(&f, "frame");
    fmt_u64(&f, ev->frame);
    for (size_t i = 0; i < info->field_count; i++) {
        trace_put_key(&f, info->fields[i].name);
        trace_put_field(&f, ev, &info->fields[i], "\"");
    }
    if (ev->why != NULL) {
        trace_put_key(&f, "why");
        fmt_json_str(&f, ev->why);
    }
    if (ev->rfc != NULL) {
        trace_put_key(&f, "rfc");
        fmt_json_str(&f, ev->rfc);
    }
    fmt_str(&f, "}\n");
    return f.full ? 0 : f.len;
}

static void trace_put_named(struct fmt *f, const char *name, uint32_t value)
{
    fmt_str(f, name);
    fmt_u64(f, value);
}

enum { TRACE_NO_SSTHRESH = INT32_MAX }; /* so large from the start on: as high as it can be */

/* A rule with its numbers in their places. */
static void trace_put_rule(struct fmt *f, const struct trace_step *step)
{
    const uint32_t numbers[] = {step->x, step->y, step->z};

    for (const char *c = step->rule; *c != '\0'; c++) {
        if (*c == '{' && c[1] >= 'x' && c[1] <= 'z') {
            fmt_u64(f, numbers[c[1] - 'x']);
            c += 2;
        } else {
            fmt_char(f, *c);
        }
    }
}

/* The short form; nothing for kinds that are not worth one. */
static void trace_put_comment(struct fmt *f, const struct trace_ev *ev)
{
    switch (ev->kind) {
    case TRACE_tcp_state:
        fmt_str(f, ev->u.tcp_state.from);
        fmt_str(f, " -> ");
        fmt_str(f, ev->u.tcp_state.to);
        fmt_str(f, " (");
        fmt_str(f, ev->u.tcp_state.cause);
        fmt_char(f, ')');
        break;
    case TRACE_cwnd:
        trace_put_named(f, "cwnd ", ev->u.cwnd.cwnd);
        if (ev->u.cwnd.ssthresh < TRACE_NO_SSTHRESH)
            trace_put_named(f, " ssthresh ", ev->u.cwnd.ssthresh);
        trace_put_named(f, " in_flight ", ev->u.cwnd.in_flight);
        fmt_str(f, " (");
        fmt_str(f, ev->u.cwnd.cause);
        fmt_char(f, ')');
        break;
    case TRACE_drop:
        fmt_str(f, "dropped: ");
        fmt_str(f, ev->u.drop.layer);
        fmt_char(f, ' ');
        for (const char *c = ev->u.drop.reason; *c != '\0'; c++)
            fmt_bytes(f, *c == '-' ? " " : c, 1);
        break;
    case TRACE_arp:
        fmt_str(f, "arp ");
        fmt_ip(f, ev->u.arp.ip);
        fmt_str(f, ": ");
        fmt_str(f, ev->u.arp.from);
        fmt_str(f, " -> ");
        fmt_str(f, ev->u.arp.to);
        break;
    case TRACE_conflict:
        fmt_str(f, "address conflict detection: ");
        fmt_str(f, ev->u.conflict.what);
        fmt_char(f, ' ');
        fmt_ip(f, ev->u.conflict.ip);
        break;
    case TRACE_rtx:
        fmt_str(f, "retransmission (");
        fmt_str(f, ev->u.rtx.cause);
        fmt_char(f, ')');
        break;
    case TRACE_step:
        fmt_str(f, ev->u.step.phase);
        fmt_str(f, ": ");
        trace_put_rule(f, &ev->u.step);
        break;
    case TRACE_fault:
        fmt_str(f, "bad wire: ");
        fmt_str(f, ev->u.fault.what);
        break;
    default:
        break;
    }
}

size_t trace_comment(const struct trace_ev *ev, char *out, size_t cap)
{
    struct fmt f = {.p = out, .cap = cap};

    trace_put_comment(&f, ev);
    return f.len;
}

size_t trace_conn(const struct trace_conn *conn, char *out, size_t cap)
{
    struct fmt f = {.p = out, .cap = cap};

    trace_put_conn(&f, conn);
    return f.len;
}

size_t trace_text(const struct trace_ev *ev, char *out, size_t cap)
{
    struct fmt f = {.p = out, .cap = cap};
    const struct trace_kind_info *info = trace_kind_info(ev->kind);

    fmt_ns(&f, ev->t);
    fmt_char(&f, ' ');
    fmt_str(&f, ev->host == NULL ? "" : ev->host);
    fmt_char(&f, ' ');
    if (ev->conn.proto != 0) {
        trace_put_conn(&f, &ev->conn);
        fmt_char(&f, ' ');
    }
    if (ev->frame != 0) {
        fmt_char(&f, '#');
        fmt_u64(&f, ev->frame);
        fmt_char(&f, ' ');
    }
    size_t before = f.len;

    trace_put_comment(&f, ev);
    if (f.len == before) { /* no short form: the kind, and every field with its name */
        fmt_str(&f, info->name);
        for (size_t i = 0; i < info->field_count; i++) {
            fmt_char(&f, ' ');
            fmt_str(&f, info->fields[i].name);
            fmt_char(&f, '=');
            trace_put_field(&f, ev, &info->fields[i], "");
        }
    }
    if (ev->why != NULL) {
        fmt_str(&f, ": ");
        fmt_str(&f, ev->why);
    }
    if (ev->rfc != NULL) {
        fmt_str(&f, " [");
        fmt_str(&f, ev->rfc);
        fmt_char(&f, ']');
    }
    fmt_char(&f, '\n');
    return f.full ? 0 : f.len;
}
