/*
 * osi_transport.c - layer 4: TCP with its flags, options and relative numbers, UDP.
 */
#include "osi.h"

#include "wire/udp.h"

/* ---- checksums ---- */

static void osi_say_sum(const struct osi *x, struct osi_layer *l, uint32_t len)
{
    char src[46], dst[46];
    const char *how = "the sum of pseudo-header, header and data";

    scope_addr_text(&x->d.src, src);
    scope_addr_text(&x->d.dst, dst);
    if (x->transport_sum == SUM_GOOD || x->transport_sum == SUM_BAD)
        osi_say(l, "Checksum: %s (%s, %s, protocol %u, length %u; then these %u bytes) %s", how,
                src, dst, x->d.proto, len, len,
                x->transport_sum == SUM_GOOD
                    ? "is ffff: right."
                    : "is not ffff: WRONG, a receiver drops it without an answer.");
    else if (x->transport_sum == SUM_PARTIAL)
        osi_say(l,
                "Checksum: only the sum of the pseudo-header (%s, %s, protocol %u, length %u) is "
                "filled in: the "
                "network card, or nobody on a virtual wire, does the rest.",
                src, dst, x->d.proto, len);
    else if (x->transport_sum == SUM_ABSENT)
        osi_say(l, "Checksum: 0, there is none. UDP over IPv4 may do without (RFC 768).");
    else
        osi_say(l, "Checksum: cannot be told, since %s.",
                x->d.mf || x->d.frag_off > 0
                    ? "it is over the whole datagram and this is a fragment"
                    : "not all bytes were captured");
}

static const char *osi_sum_word(enum dissect_sum s)
{
    switch (s) {
    case SUM_GOOD:
        return "right";
    case SUM_BAD:
        return "wrong";
    case SUM_PARTIAL:
        return "left to the card";
    case SUM_ABSENT:
        return "none";
    default:
        return "not to be told";
    }
}

static void osi_port(struct osi_layer *l, const char *name, uint32_t at, uint16_t port)
{
    const char *service = osi_service(port);

    osi_means(osi_field_add(l, 1, name, at, 0, 16, "%u", port), "%s",
              service[0] != '\0' ? service
              : port < 1024      ? "a well-known port"
              : port >= 32768    ? "chosen for this conversation, most likely"
                                 : "a registered or chosen port");
}

/* ---- TCP ---- */

static char *osi_flags(uint8_t flags, const char *none, char *out, size_t len)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < 8; i++) {
        if ((flags >> i & 1) != 0)
            at += (size_t)snprintf(out + at, len - at, "%s%s", at > 0 ? "," : "", names[i]);
    }
    if (at == 0)
        snprintf(out, len, "%s", none);
    return out;
}

static void osi_option_means(struct osi_field *f, const uint8_t *p, uint8_t len)
{
    switch (p[0]) {
    case TCP_OPT_MSS:
        if (len == 4)
            osi_means(f, "segments to me: at most %u bytes of data", get16(p + 2));
        break;
    case TCP_OPT_WSCALE:
        if (len == 3)
            osi_means(f, "my windows count x 2^%u = %u", p[2], 1u << u32_min(p[2], TCP_WSCALE_MAX));
        break;
    case TCP_OPT_SACK_OK:
        osi_means(f, "I understand selective acknowledgments");
        break;
    case TCP_OPT_TS:
        if (len == 10)
            osi_means(f, "my clock %u, your last %u", get32(p + 2), get32(p + 6));
        break;
    case TCP_OPT_SACK:
        if (len >= 10)
            osi_means(f, "arrived out of order: %u to %u%s", get32(p + 2), get32(p + 6),
                      len > 10 ? ", and more" : "");
        break;
    default:
        break;
    }
}

/* Every option in the list; in the drawing they are one field. */
static void osi_options(const struct osi *x, struct osi_layer *l)
{
    uint32_t at = x->d.transport_at + TCP_HDR_LEN, end = x->d.transport_at + x->d.transport_hdr_len;
    struct osi_field *all = osi_field_add(l, 6, "Options", at, 0, (end - at) * 8, "%s", "");
    size_t text = 0;

    all->weight = 32;
    while (at < end && osi_has(x, at, 1)) {
        const uint8_t *p = x->f.bytes.p + at;
        uint8_t len = p[0] <= TCP_OPT_NOP ? 1 : osi_has(x, at, 2) ? p[1] : 0;
        const char *name = p[0] == TCP_OPT_EOL       ? "End of options"
                           : p[0] == TCP_OPT_NOP     ? "No-operation"
                           : p[0] == TCP_OPT_MSS     ? "Maximum segment size"
                           : p[0] == TCP_OPT_WSCALE  ? "Window scale"
                           : p[0] == TCP_OPT_SACK_OK ? "SACK permitted"
                           : p[0] == TCP_OPT_SACK    ? "SACK"
                           : p[0] == TCP_OPT_TS      ? "Timestamps"
                           : p[0] == TCP_OPT_FO      ? "Fast Open cookie"
                                                     : "Unknown option";
        static const char *const words[] = {"end",  "nop", "MSS", "WScale", "SACK ok",
                                            "SACK", "",    "",    "TS"};

        if (len == 0 || len > end - at || !osi_has(x, at, len))
            break;
        struct osi_field *f = osi_field_add(l, 0, name, at, 0, len * 8u, "kind %u, %u byte%s", p[0],
                                            len, len == 1 ? "" : "s");

        osi_option_means(f, p, len);
        if (p[0] == TCP_OPT_NOP)
            osi_means(f, "fills up to 32 bits");
        if (text < sizeof(all->value))
            text += (size_t)snprintf(all->value + text, sizeof(all->value) - text, "%s%s",
                                     text > 0 ? ", " : "",
                                     p[0] < ARRAY_LEN(words) ? words[p[0]]
                                     : p[0] == TCP_OPT_FO    ? "FO"
                                                             : "?");
        if (p[0] == TCP_OPT_EOL)
            break;
        at += len;
    }
}

static void osi_tcp_fields(const struct osi *x, struct osi_layer *l)
{
    uint32_t at = x->d.transport_at;
    const uint8_t *p = x->f.bytes.p + at;
    const struct tcp_seg *t = &x->d.tcp;
    char text[64];

    osi_port(l, "Source port", at, x->d.src_port);
    osi_port(l, "Destination port", at + 2, x->d.dst_port);
    struct osi_field *seq = osi_field_add(l, 2, "Sequence number", at + 4, 0, 32, "%u", t->seq.v);
    struct osi_field *ack =
        osi_field_add(l, 3, "Acknowledgment number", at + 8, 0, 32, "%u", t->ack.v);

    if (x->has_segment) {
        osi_means(seq, "%u, counted from the connection's first", x->s.rel_seq);
        if ((t->flags & TCP_ACK) != 0)
            osi_means(ack, "%u, counted from the other end's first", x->s.rel_ack);
    }
    if ((t->flags & TCP_ACK) == 0)
        osi_means(ack, "means nothing without ACK");
    osi_means(osi_field_add(l, 4, "Offset", at + 12, 0, 4, "%u", p[12] >> 4),
              "header length: %u x 4 = %u bytes", p[12] >> 4, x->d.transport_hdr_len);
    osi_means(osi_field_add(l, 4, "Rsv", at + 12, 4, 4, "%u", p[12] & 15), "reserved, 0");
    osi_means(osi_field_add(l, 4, "Flags", at + 13, 0, 8, "%s",
                            osi_flags(t->flags, "none", text, sizeof(text))),
              "CWR ECE URG ACK PSH RST SYN FIN: %u%u%u%u%u%u%u%u", t->flags >> 7, t->flags >> 6 & 1,
              t->flags >> 5 & 1, t->flags >> 4 & 1, t->flags >> 3 & 1, t->flags >> 2 & 1,
              t->flags >> 1 & 1, t->flags & 1);
    struct osi_field *wnd = osi_field_add(l, 4, "Window", at + 14, 0, 16, "%u", t->wnd);

    if (x->has_segment && x->s.window != t->wnd && t->wnd > 0)
        osi_means(wnd, "x %u (window scale) = %u bytes", x->s.window / t->wnd, x->s.window);
    else
        osi_means(wnd, "so many bytes may be sent to me%s",
                  !x->has_segment ? ", times the scale that the SYN had" : "");
    osi_means(osi_field_add(l, 5, "Checksum", at + 16, 0, 16, "0x%04x", t->sum), "%s",
              osi_sum_word(x->transport_sum));
    osi_means(osi_field_add(l, 5, "Urgent pointer", at + 18, 0, 16, "%u", t->up), "%s",
              (t->flags & TCP_URG) != 0 ? "where urgent data end" : "means nothing without URG");
    if (x->d.transport_hdr_len > TCP_HDR_LEN)
        osi_options(x, l);
}

static void osi_say_flags(const struct osi *x, struct osi_layer *l)
{
    uint8_t flags = x->d.tcp.flags;

    if ((flags & TCP_SYN) != 0)
        osi_say(l,
                "SYN: my first sequence number is %u; the SYN takes this number, data begin with "
                "the next.%s",
                x->d.tcp.seq.v,
                (flags & TCP_ACK) != 0 ? "" : " Nothing is acknowledged: this opens a connection.");
    if ((flags & TCP_ACK) != 0)
        osi_say(l, "ACK: everything before %u has arrived; it is the number that I expect next.",
                x->d.tcp.ack.v);
    if ((flags & TCP_PSH) != 0)
        osi_say(l, "PSH: hand what you have to the program, a write ended here.");
    if ((flags & TCP_FIN) != 0)
        osi_say(l, "FIN: I have nothing more to send; like the SYN it takes one sequence number. "
                   "The other direction "
                   "stays open.");
    if ((flags & TCP_RST) != 0)
        osi_say(l, "RST: this connection is over at once, or there is none.");
    if ((flags & TCP_URG) != 0)
        osi_say(l, "URG: up to the urgent pointer there is something urgent (hardly used any more, "
                   "RFC 6093).");
}

/* What it is, seen from the segments before it. */
static void osi_say_class(const struct osi *x, struct osi_layer *l)
{
    static const struct {
        uint32_t what;
        const char *text;
    } words[] = {
        {SEG_OUT_OF_ORDER,
         "It fills a hole that a moment ago was one: it was overtaken on the way."},
        {SEG_GAP,
         "Something before it is not in the capture: lost on the way here, or not captured."},
        {SEG_DUP_ACK, "It says nothing new: a duplicate ACK, which means that something arrived, "
                      "but not what was "
                      "expected."},
        {SEG_KEEPALIVE, "A keep-alive: one number before what is expected, only to be answered."},
        {SEG_KEEPALIVE_ACK, "It answers a keep-alive."},
        {SEG_ZERO_WINDOW, "Window 0: the sender must wait, the program here does not read."},
        {SEG_WINDOW_UPDATE, "Only the window is new: there is room again."},
        {SEG_WINDOW_PROBE, "A window probe: is the window still 0?"},
        {SEG_WINDOW_FULL,
         "It fills the window to its right edge: nothing more may be sent until an ACK comes."},
        {SEG_WINDOW_EXCEEDED, "It goes beyond the window that was offered."},
        {SEG_AFTER_FIN, "Data after the sender's own FIN, which no TCP sends."},
        {SEG_UNSEEN_ACKED, "It acknowledges bytes that this capture does not have."},
        {SEG_OLD_RST, "Its number is not the one expected: a receiver answers with a challenge "
                      "(RFC 5961 section 3.2)."},
        {SEG_PORT_REUSED,
         "The same four numbers as an earlier connection: a new one on old ports."},
    };

    if ((x->s.what & SEG_RTX) != 0) {
        char first[64] = "";

        if (x->s.rtx_of != 0)
            snprintf(first, sizeof(first), " Frame %llu brought them first.",
                     (unsigned long long)x->s.rtx_of);
        osi_say(l, "A retransmission%s: these bytes were sent before.%s",
                (x->s.what & SEG_SPURIOUS) != 0   ? ", although they had been acknowledged"
                : (x->s.what & SEG_FAST_RTX) != 0 ? " after duplicate ACKs"
                                                  : "",
                first);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if ((x->s.what & words[i].what) != 0)
            osi_say(l, "%s", words[i].text);
    }
}

static void osi_tcp_layer(struct osi *x)
{
    struct osi_layer *l =
        osi_layer_add(x, 4, "Transport", "TCP", x->d.transport_at, x->d.transport_hdr_len);
    const struct tcp_seg *t = &x->d.tcp;
    char text[64];

    l->has_scale = true;
    osi_flags(t->flags, "no flags", text, sizeof(text));
    if (x->has_segment)
        osi_line(l, "port %u > %u, %s, seq %u, ack %u, window %u, %u bytes of data", x->d.src_port,
                 x->d.dst_port, text, x->s.rel_seq, x->s.rel_ack, x->s.window, x->d.payload_len);
    else
        osi_line(l, "port %u > %u, %s, %u bytes of data", x->d.src_port, x->d.dst_port, text,
                 x->d.payload_len);
    osi_tcp_fields(x, l);
    osi_say_flags(x, l);
    if (x->d.payload_len > 0 && x->has_segment)
        osi_say(
            l,
            "Data: the bytes %u to %u of this direction (relative numbers); the next will be %u.",
            x->s.rel_seq, x->s.rel_seq + x->d.payload_len - 1,
            x->s.rel_seq + x->d.payload_len + ((t->flags & TCP_FIN) != 0 ? 1u : 0u));
    if (x->has_segment)
        osi_say_class(x, l);
    osi_say_sum(x, l, x->d.transport_hdr_len + x->d.payload_len);
}

static void osi_udp_layer(struct osi *x)
{
    uint32_t at = x->d.transport_at;
    const uint8_t *p = x->f.bytes.p + at;
    struct osi_layer *l = osi_layer_add(x, 4, "Transport", "UDP", at, UDP_HDR_LEN);

    l->has_scale = true;
    osi_line(l, "port %u > %u, %u bytes of data", x->d.src_port, x->d.dst_port, x->d.payload_len);
    osi_port(l, "Source port", at, x->d.src_port);
    osi_port(l, "Destination port", at + 2, x->d.dst_port);
    osi_means(osi_field_add(l, 2, "Length", at + 4, 0, 16, "%u", get16(p + UDP_LEN)),
              "header 8 and data %d", (int)get16(p + UDP_LEN) - UDP_HDR_LEN);
    osi_means(osi_field_add(l, 2, "Checksum", at + 6, 0, 16, "0x%04x", get16(p + UDP_SUM)), "%s",
              osi_sum_word(x->transport_sum));
    osi_say(l, "Ports name the programs at both ends; more UDP does not add: no order, no "
               "repetition, no answer.");
    osi_say_sum(x, l, UDP_HDR_LEN + x->d.payload_len);
}

void osi_transport(struct osi *x)
{
    if (x->d.transport == TRANSPORT_TCP && osi_has(x, x->d.transport_at, TCP_HDR_LEN))
        osi_tcp_layer(x);
    else if (x->d.transport == TRANSPORT_UDP)
        osi_udp_layer(x);
    else if (x->d.transport == TRANSPORT_OTHER && x->d.fault != V_NEXT &&
             (x->d.proto == 6 || x->d.proto == 17))
        osi_line(
            osi_layer_add(x, 4, "Transport", x->d.proto == 6 ? "TCP" : "UDP", x->d.transport_at, 0),
            "not readable: %s", dissect_fault_text(&x->d));
}
