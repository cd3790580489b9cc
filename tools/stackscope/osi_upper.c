/*
 * osi_upper.c - layers 5 to 7: what the session is and where in its life, how the bytes are written, and what
 * the application says first.
 */
#include "osi.h"

#include "units.h"

/* ---- session ---- */

static void osi_say_states(const struct osi *x, struct osi_layer *l)
{
    static const char *const ends[] = {"client", "server"};

    for (unsigned i = 0; i < x->arrows; i++) {
        const struct osi_arrow *a = &x->arrow[i];

        osi_say(l, "It takes the %s from %s to %s (%s)%s%s%s%s%s%s", ends[a->end],
                track_state_name(a->from), track_state_name(a->to), a->cause,
                a->is_presumed ? ", as far as is known: nothing later shows it" : "",
                a->why[0] != '\0' ? ": " : ".", a->why, a->rfc[0] != '\0' ? " (" : "", a->rfc,
                a->rfc[0] != '\0' ? ")." : "");
    }
    if (x->arrows == 0 && x->s.after[0] == TCP_ESTABLISHED && x->s.after[1] == TCP_ESTABLISHED)
        osi_say(l,
                "Both ends are ESTABLISHED before and after it: data may flow in both directions.");
    else if (x->arrows == 0)
        osi_say(l,
                "It changes no state: the client is in %s, the server in %s, as far as the capture "
                "shows.",
                track_state_name(x->s.after[0]), track_state_name(x->s.after[1]));
}

static void osi_tcp_session(struct osi *x)
{
    struct osi_layer *l = osi_layer_add(x, 5, "Session", "", 0, 0);
    const struct track_end *e = x->conn.end;
    char text[120], n[UNITS_TEXT], from[UNITS_TEXT], to[UNITS_TEXT], t[UNITS_TEXT];

    if (!x->has_segment) {
        osi_line(l, "the segment belongs to no connection");
        return;
    }
    track_conn_text(&x->conn, END_CLIENT, text);
    osi_line(l, "connection %llu, %s: client %s, server %s", (unsigned long long)x->conn.index,
             text, track_state_name(x->s.after[0]), track_state_name(x->s.after[1]));
    osi_say(l,
            "Which? Source and destination address, source and destination port: these four "
            "numbers are the name of "
            "connection %llu.",
            (unsigned long long)x->conn.index);
    osi_say(l,
            "Segment %s of it, %s after its first in the capture; so far %s bytes of data from the "
            "client, %s from the "
            "server.",
            units_count(e[0].segments + e[1].segments, n),
            units_time(x->f.time - x->conn.first_time, x->o->ascii, t),
            units_count(e[0].bytes, from), units_count(e[1].bytes, to));
    if (x->conn.joined)
        osi_say(l, "Its beginning is not in the capture: what was agreed in the SYNs is unknown.");
    osi_say_states(x, l);
    if (x->s.rtt >= 0)
        osi_say(l, "It acknowledges what was sent %s before.",
                units_time(x->s.rtt, x->o->ascii, t));
}

static void osi_session(struct osi *x)
{
    if (x->d.transport == TRANSPORT_TCP) {
        osi_tcp_session(x);
        return;
    }
    struct osi_layer *l = osi_layer_add(x, 5, "Session", "", 0, 0);

    osi_line(l, "none: each datagram stands for itself");
    osi_say(
        l,
        "UDP opens and closes nothing; what belongs together the application must tell by itself.");
}

/* ---- presentation ---- */

enum osi_kind { KIND_NOTHING, KIND_TEXT, KIND_UTF8, KIND_TLS, KIND_GZIP, KIND_BINARY };

static bool osi_is_tls(struct span s)
{
    return s.len >= 5 && s.p[0] >= 20 && s.p[0] <= 24 && s.p[1] == 3 && s.p[2] <= 4;
}

static enum osi_kind osi_kind(struct span s)
{
    bool high = false;

    if (s.len == 0)
        return KIND_NOTHING;
    if (osi_is_tls(s))
        return KIND_TLS;
    if (s.len >= 2 && s.p[0] == 0x1f && s.p[1] == 0x8b)
        return KIND_GZIP;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] >= 0x80)
            high = true;
        else if ((s.p[i] < 0x20 && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t') ||
                 s.p[i] == 0x7f)
            return KIND_BINARY;
    }
    return high ? KIND_UTF8 : KIND_TEXT;
}

static void osi_first_line(struct span data, char *out, size_t out_len)
{
    size_t len = 0;

    while (len < data.len && len + 1 < out_len && data.p[len] != '\r' && data.p[len] != '\n') {
        out[len] = data.p[len] >= 0x20 && data.p[len] < 0x7f ? (char)data.p[len] : '.';
        len++;
    }
    out[len] = '\0';
}

/* The rest of the line that begins with @name, as `Content-Type: `. Return: whether there is one. */
static bool osi_header(struct span data, const char *name, char *out, size_t out_len)
{
    const char *all = (const char *)data.p;
    const char *at = memmem(all, data.len, name, strlen(name));

    if (at == NULL || at == all || at[-1] != '\n')
        return false;
    at += strlen(name);
    osi_first_line((struct span){(const uint8_t *)at, (size_t)(all + data.len - at)}, out, out_len);
    return true;
}

/* What the application says itself about the form of its content. */
static void osi_say_form(struct osi_layer *l, struct span data)
{
    char text[120];

    if (osi_header(data, "Content-Type: ", text, sizeof(text)))
        osi_say(l, "Content-Type says what the bytes behind the empty line are: %s.", text);
    if (osi_header(data, "Content-Encoding: ", text, sizeof(text)))
        osi_say(l, "Content-Encoding says how they are packed: %s.", text);
}

static void osi_presentation(struct osi *x, struct span data, enum osi_kind kind)
{
    static const char *const tls[] = {"change cipher spec", "alert", "handshake",
                                      "application data", "heartbeat"};
    struct osi_layer *l = osi_layer_add(x, 6, "Presentation", "", 0, 0);
    size_t crlf = 0, lf = 0;

    for (size_t i = 0; i < data.len; i++) {
        lf += data.p[i] == '\n';
        crlf += data.p[i] == '\n' && i > 0 && data.p[i - 1] == '\r';
    }
    switch (kind) {
    case KIND_TEXT:
        osi_line(l, "text: all %zu bytes are US-ASCII", data.len);
        osi_say(l, "Every byte is a printable character of US-ASCII, or ends a line: no "
                   "encryption, no compression.");
        if (lf > 0)
            osi_say(l, "%zu lines end with %s.", lf,
                    crlf == lf  ? "CR LF (0d 0a), as the Internet's text protocols want it"
                    : crlf == 0 ? "LF (0a)"
                                : "CR LF or LF, mixed");
        break;
    case KIND_UTF8:
        osi_line(l, "text, with bytes above 127: UTF-8, or another alphabet");
        break;
    case KIND_TLS:
        l->protocol = "TLS";
        osi_line(l, "TLS record: %s, version 3.%u, %u bytes", tls[data.p[0] - 20], data.p[2],
                 get16(data.p + 3));
        osi_say(l, "Encrypted and protected: what is inside only the two ends can read.");
        break;
    case KIND_GZIP:
        osi_line(l, "compressed by gzip (1f 8b)");
        break;
    default:
        osi_line(l, "binary: numbers and fields of the application's own");
        break;
    }
    if (kind != KIND_TLS)
        osi_say_form(l, data);
}

/* ---- application ---- */

/* A name of the DNS, from the question section. */
static bool osi_dns_name(struct span s, char *out, size_t out_len)
{
    size_t at = 12, used = 0;

    while (at < s.len && s.p[at] != 0) {
        size_t len = s.p[at++];

        if (len > 63 || len > s.len - at || used + len + 2 > out_len)
            return false;
        for (size_t i = 0; i < len; i++, at++)
            out[used++] = s.p[at] > ' ' && s.p[at] < 0x7f ? (char)s.p[at] : '?';
        out[used++] = '.';
    }
    out[used] = '\0';
    return at < s.len && used > 0;
}

static bool osi_begins(struct span data, const char *word)
{
    size_t len = strlen(word);

    return data.len >= len && memcmp(data.p, word, len) == 0;
}

static const char *osi_application_name(const struct osi *x, struct span data)
{
    static const char *const http[] = {"GET ",    "POST ",    "HEAD ",  "PUT ",
                                       "DELETE ", "OPTIONS ", "HTTP/1."};

    for (size_t i = 0; i < ARRAY_LEN(http); i++) {
        if (osi_begins(data, http[i]))
            return "HTTP";
    }
    if (osi_begins(data, "SSH-"))
        return "SSH";
    const char *to = osi_service(x->d.dst_port);

    return to[0] != '\0' ? to : osi_service(x->d.src_port);
}

static void osi_application(struct osi *x, struct span data, enum osi_kind kind)
{
    const char *name = osi_application_name(x, data);
    struct osi_layer *l =
        osi_layer_add(x, 7, "Application", name, x->d.payload_at, (uint32_t)data.len);
    char text[180];

    if ((x->d.src_port == 53 || x->d.dst_port == 53 || x->d.dst_port == 5353) && data.len > 12 &&
        osi_dns_name(data, text, sizeof(text))) {
        bool is_answer = (data.p[2] & 0x80) != 0;

        osi_line(l, "%s %s", is_answer ? "answer about" : "question for", text);
        osi_say(l, "Identifier %u: the answer has the same. %u question(s), %u answer(s).",
                get16(data.p), get16(data.p + 4), get16(data.p + 6));
        return;
    }
    osi_first_line(data, text, sizeof(text));
    if (kind == KIND_TEXT || kind == KIND_UTF8)
        osi_line(l, "\"%s\"", text);
    else
        osi_line(l, "%zu bytes", data.len);
    if (strcmp(name, "HTTP") == 0 && osi_begins(data, "HTTP/1."))
        osi_say(l, "The server answers; its first line has the version, a number (2xx: fine, 3xx: "
                   "elsewhere, 4xx: your fault, "
                   "5xx: mine) and a word.");
    else if (strcmp(name, "HTTP") == 0)
        osi_say(l, "The client asks: a method, a name, a version; lines about the question follow, "
                   "then an empty one.");
    if (x->d.payload_len > data.len)
        osi_say(l, "Only %zu of %u bytes were captured.", data.len, x->d.payload_len);
}

void osi_upper(struct osi *x)
{
    struct span data = {x->f.bytes.p, 0};

    if (x->d.transport != TRANSPORT_TCP && x->d.transport != TRANSPORT_UDP)
        return;
    if (x->d.payload_at <= x->f.bytes.len) {
        data.p += x->d.payload_at;
        data.len = size_min(x->d.payload_len, x->f.bytes.len - x->d.payload_at);
    }
    osi_session(x);
    if (data.len == 0)
        return;
    enum osi_kind kind = osi_kind(data);

    osi_presentation(x, data, kind);
    osi_application(x, data, kind);
}
