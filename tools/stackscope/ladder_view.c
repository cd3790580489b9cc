/*
 * ladder_view.c - what the pens of a ladder share: the words.
 *
 * The label on an arrow are the numbers of the segment, as Wireshark counts them. The notes below it are
 * what the numbers mean: sent again, out of order, window closed, what the receiver has beyond the ACK; and
 * what somebody wrote beside the frame, without what the ladder shows anyhow (the states at its sides).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "ladder.h"
#include "svg.h"
#include "units.h"

/* Appends as snprintf() does, and stops at the end of @out. */
__attribute__((format(printf, 3, 4))) static void ladder_add(char *out, size_t cap, const char *fmt,
                                                             ...)
{
    size_t len = strlen(out);
    va_list args;

    va_start(args, fmt);
    vsnprintf(out + len, cap - len, fmt, args);
    va_end(args);
}

static void ladder_flags(uint8_t flags, char out[40])
{
    static const struct {
        uint8_t flag;
        const char *name;
    } names[] = {
        {TCP_SYN, "SYN"},
        {TCP_FIN, "FIN"},
        {TCP_RST, "RST"},
        {TCP_PSH, "PSH"},
        {TCP_URG, "URG"},
        {TCP_ECE, "ECE"},
        {TCP_CWR, "CWR"},
        {TCP_ACK, "ACK"}
    };

    out[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (flags & names[i].flag)
            ladder_add(out, 40, "%s%s", out[0] == '\0' ? "" : ",", names[i].name);
    }
    if (out[0] == '\0')
        snprintf(out, 40, "no flags");
}

unsigned ladder_label(const struct ladder_row *r, unsigned max, char out[LADDER_LABEL])
{
    enum { FLAGS, SEQ, ACKNO, LEN, WIN, MSS, WS, SACK_OK, PARTS };
    static const uint8_t order[PARTS] = {FLAGS, SEQ, LEN, ACKNO, WIN, MSS, WS, SACK_OK};
    char part[PARTS][40] = {{0}};
    bool taken[PARTS] = {false};
    size_t columns = 0;

    ladder_flags(r->flags, part[FLAGS]);
    snprintf(part[SEQ], 40, " seq=%" PRIu32, r->seq);
    if (r->flags & TCP_ACK)
        snprintf(part[ACKNO], 40, " ack=%" PRIu32, r->ack);
    if (r->len > 0)
        snprintf(part[LEN], 40, " len=%" PRIu32, r->len);
    if (!(r->flags & TCP_RST))
        snprintf(part[WIN], 40, " win=%" PRIu32, r->window);
    if (r->mss != 0)
        snprintf(part[MSS], 40, " mss=%u", (unsigned)r->mss);
    if (r->wscale != 255)
        snprintf(part[WS], 40, " ws=%u", 1u << r->wscale);
    if (r->sack_ok)
        snprintf(part[SACK_OK], 40, " sackOK");
    for (unsigned i = 0; i < PARTS; i++) {
        size_t len = strlen(part[order[i]]);

        if (columns + len > max)
            break;
        columns += len;
        taken[order[i]] = true;
    }
    out[0] = '\0';
    for (unsigned i = 0; i < PARTS; i++) {
        if (taken[i])
            ladder_add(out, LADDER_LABEL, "%s", part[i]);
    }
    return (unsigned)strlen(out);
}

void ladder_fold_text(const struct ladder_row *r, bool ascii, char out[LADDER_LABEL])
{
    char n[UNITS_TEXT];
    const char *to[2] = {ascii ? "->" : "→", ascii ? "<-" : "←"};
    uint32_t all = r->folded[0] + r->folded[1];

    snprintf(out, LADDER_LABEL, "%s more segment%s", units_count(all, n), all == 1 ? "" : "s");
    for (unsigned e = 0; e < 2; e++) {
        if (r->folded_bytes[e] > 0)
            ladder_add(out, LADDER_LABEL, ", %s %s bytes", to[e],
                       units_count(r->folded_bytes[e], n));
    }
    if (r->folded_rtx > 0)
        ladder_add(out, LADDER_LABEL, ", %s sent again", units_count(r->folded_rtx, n));
    if (r->folded_dup > 0)
        ladder_add(out, LADDER_LABEL, ", %s duplicate ACK%s", units_count(r->folded_dup, n),
                   r->folded_dup == 1 ? "" : "s");
    if (r->folded_lost > 0)
        ladder_add(out, LADDER_LABEL, ", %s lost", units_count(r->folded_lost, n));
}

const struct ladder_change *ladder_next_change(const struct ladder *l, const struct ladder_row *row,
                                               unsigned end, size_t *at)
{
    while (*at < l->change_count) {
        const struct ladder_change *c = &l->changes[(*at)++];
        bool here = row != NULL && c->frame >= row->frame && c->frame <= row->last_frame;

        if (row == NULL)
            here = c->frame == 0 || l->count == 0 || c->frame > l->rows[l->count - 1].last_frame;
        if (here && c->end == end)
            return c;
    }
    return NULL;
}

int ladder_first_state(const struct ladder *l, unsigned end)
{
    for (size_t i = 0; i < l->change_count; i++) {
        if (l->changes[i].end == end)
            return l->changes[i].from;
    }
    return -1;
}

int64_t ladder_gap(const struct ladder *l, size_t i, const struct ladder_style *style)
{
    if (i == 0 || i >= l->count || style->no_time)
        return 0;
    int64_t gap = l->rows[i].time - l->rows[i - 1].last_time;

    return gap >= style->gap ? gap : 0;
}

const char *ladder_name(const struct ladder *l, const struct ladder_style *style, unsigned end)
{
    return style->names[end] != NULL ? style->names[end] : l->name[end];
}

void ladder_title(const struct ladder *l, const struct ladder_style *style, char *out, size_t len)
{
    char n[UNITS_TEXT];

    out[0] = '\0';
    ladder_add(out, len, "connection %" PRIu64 ": %s segment%s", l->index,
               units_count(l->segments, n), l->segments == 1 ? "" : "s");
    ladder_add(out, len, ", %s bytes", units_count(l->bytes[0] + l->bytes[1], n));
    if (l->rtx > 0)
        ladder_add(out, len, ", %s sent again", units_count(l->rtx, n));
    if (!style->no_time)
        ladder_add(out, len, ", %s", units_time(l->last_time - l->first_time, style->ascii, n));
    if (l->joined)
        ladder_add(out, len, ", joined in the middle");
}

const char *ladder_arrow_class(const struct ladder_row *r)
{
    if (r->flags & TCP_RST)
        return "reset";
    if (r->what & (SEG_RTX | SEG_FAST_RTX))
        return "rtx";
    if (r->what & (SEG_DUP_ACK | SEG_OUT_OF_ORDER))
        return "dup";
    return r->flags & (TCP_SYN | TCP_FIN) ? "control" : "arrow";
}

/* Notes are collected here. */
struct ladder_said {
    struct ladder_note *note;
    unsigned count;
};

static void ladder_say(struct ladder_said *s, enum ladder_tone tone, const char *text, size_t len)
{
    if (s->count == LADDER_NOTES || len == 0)
        return;
    for (unsigned i = 0; i < s->count; i++) { /* once, also where it has the connection behind it */
        size_t n = strlen(s->note[i].text);

        if (len >= n && memcmp(text, s->note[i].text, n) == 0 && (len == n || text[n] == ' '))
            return;
    }
    struct ladder_note *n = &s->note[s->count++];

    n->tone = tone;
    if (len >= sizeof(n->text))
        len = sizeof(n->text) - 1;
    memcpy(n->text, text, len);
    n->text[len] = '\0';
    for (char *p = n->text; *p != '\0';) { /* a comment is a stranger's: no escape sequences */
        size_t one = svg_utf8((const unsigned char *)p);

        if (one == 0)
            *p = '.';
        p += one == 0 ? 1 : one;
    }
}

/* `retransmission (timeout)` beside the frame: the cause, for our own note. */
static void ladder_cause(const char *comment, char *out, size_t cap)
{
    static const char mark[] = "retransmission (";
    const char *at = comment == NULL ? NULL : strstr(comment, mark);
    size_t len;

    out[0] = '\0';
    if (at == NULL)
        return;
    at += sizeof(mark) - 1;
    len = strcspn(at, ")\n");
    snprintf(out, cap, ": %.*s", (int)len, at);
}

static void ladder_say_again(struct ladder_said *s, const struct ladder *l,
                             const struct ladder_row *r, const struct ladder_style *style)
{
    const struct ladder_row *first = r->rtx_of == 0 ? NULL : ladder_find(l, r->rtx_of);
    char text[160], cause[48], number[32];

    ladder_cause(r->comment, cause, sizeof(cause));
    snprintf(text, sizeof(text), "%s",
             r->what & SEG_FAST_RTX ? "fast retransmission" : "retransmission");
    if (first != NULL)
        ladder_add(text, sizeof(text), " of %s", ladder_number(first, style, number));
    else if (r->rtx_of != 0 && !style->no_time)
        ladder_add(text, sizeof(text), " of #%" PRIu64, r->rtx_of);
    ladder_add(text, sizeof(text), "%s", cause);
    if (r->what & SEG_SPURIOUS)
        ladder_add(text, sizeof(text), ", acknowledged already");
    ladder_say(s, LADDER_BAD, text, strlen(text));
}

/* What the receiver has beyond its ACK, behind what @text says already. */
static void ladder_add_sack(const struct ladder_row *r, char *text, size_t cap)
{
    unsigned from = 0;

    if (r->sack_count == 0)
        return;
    if (ladder_is_dsack(r)) {
        ladder_add(text, cap, "%scame twice: %" PRIu32 "-%" PRIu32, text[0] == '\0' ? "" : "; ",
                   r->sack[0].left, r->sack[0].right);
        from = 1;
    }
    for (unsigned i = from; i < r->sack_count; i++)
        ladder_add(text, cap, "%s%" PRIu32 "-%" PRIu32,
                   i > from          ? ", "
                   : text[0] == '\0' ? "SACK "
                                     : "; SACK ",
                   r->sack[i].left, r->sack[i].right);
}

static void ladder_say_class(struct ladder_said *s, const struct ladder_row *r)
{
    static const struct {
        uint32_t what;
        enum ladder_tone tone;
        const char *text;
    } classes[] = {
        {SEG_PORT_REUSED,     LADDER_NOTE, "a new connection on old ports"                },
        {SEG_GAP,             LADDER_WARN, "something before it is missing in the capture"},
        {SEG_OUT_OF_ORDER,    LADDER_WARN, "out of order"                                 },
        {SEG_DUP_ACK,         LADDER_WARN, "duplicate ACK"                                },
        {SEG_KEEPALIVE,       LADDER_NOTE, "keep-alive"                                   },
        {SEG_KEEPALIVE_ACK,   LADDER_NOTE, "answers the keep-alive"                       },
        {SEG_ZERO_WINDOW,     LADDER_BAD,  "window closed: 0 bytes"                       },
        {SEG_WINDOW_PROBE,    LADDER_NOTE, "window probe"                                 },
        {SEG_WINDOW_FULL,     LADDER_WARN, "fills the window"                             },
        {SEG_WINDOW_EXCEEDED, LADDER_BAD,  "beyond the window"                            },
        {SEG_AFTER_FIN,       LADDER_BAD,  "data after the FIN"                           },
        {SEG_UNSEEN_ACKED,    LADDER_WARN, "acknowledges what the capture does not have"  },
        {SEG_OLD_RST,         LADDER_BAD,  "a reset that must not be taken (RFC 5961)"    },
    };
    char text[320] = "";
    enum ladder_tone tone = LADDER_NOTE;

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        bool is_probe = classes[i].what == SEG_KEEPALIVE_ACK && r->window == 0;

        if (!(r->what & classes[i].what))
            continue;
        ladder_add(text, sizeof(text), "%s%s", text[0] == '\0' ? "" : "; ",
                   is_probe ? "answers the probe" : classes[i].text);
        if (classes[i].tone > tone)
            tone = classes[i].tone;
    }
    if (r->what & SEG_WINDOW_UPDATE) {
        char n[UNITS_TEXT];

        ladder_add(text, sizeof(text), "%swindow update: %s bytes", text[0] == '\0' ? "" : "; ",
                   units_count(r->window, n));
    }
    ladder_add_sack(r, text, sizeof(text));
    ladder_say(s, tone, text, strlen(text));
}

/* Is this line of a comment shown in another way already? */
static bool ladder_is_shown(const struct ladder *l, const struct ladder_row *r, const char *line,
                            size_t len)
{
    static const char rtx[] = "retransmission (";

    for (unsigned e = 0; e < 2; e++) {
        size_t at = 0;
        const struct ladder_change *c;

        while ((c = ladder_next_change(l, r, e, &at)) != NULL) {
            char text[64];
            size_t n;

            snprintf(text, sizeof(text), "%s -> %s", track_state_name(c->from),
                     track_state_name(c->to));
            n = strlen(text);
            if (len >= n && memcmp(line, text, n) == 0)
                return true;
        }
    }
    if (len >= sizeof(rtx) - 1 && memcmp(line, rtx, sizeof(rtx) - 1) == 0)
        return (r->what & (SEG_RTX | SEG_FAST_RTX)) != 0;
    return false;
}

static void ladder_say_comment(struct ladder_said *s, const struct ladder *l,
                               const struct ladder_row *r)
{
    for (const char *line = r->comment; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");

        if (!ladder_is_shown(l, r, line, len))
            ladder_say(s,
                       memmem(line, len, "drop", 4) != NULL ||
                               memmem(line, len, "corrupt", 7) != NULL
                           ? LADDER_BAD
                           : LADDER_NOTE,
                       line, len);
        line += len + (line[len] == '\n');
    }
}

/* What became of it, if it did not arrive. */
static void ladder_say_fate(struct ladder_said *s, const struct ladder *l,
                            const struct ladder_row *r, const struct ladder_style *style)
{
    const struct ladder_row *again = r->sent_again == 0 ? NULL : ladder_find(l, r->sent_again);
    char text[96], number[32] = "later";

    if (r->sent_again == 0 || (r->fate != LADDER_LOST && r->fate != LADDER_SENT_AGAIN))
        return;
    if (again != NULL)
        ladder_number(again, style, number);
    snprintf(text, sizeof(text), "lost%s: sent again %s%s",
             r->fate == LADDER_LOST ? "" : ", or the ACK of it", again != NULL ? "as " : "",
             number);
    ladder_say(s, LADDER_BAD, text, strlen(text));
}

char *ladder_number(const struct ladder_row *r, const struct ladder_style *style, char out[32])
{
    if (style->no_time)
        snprintf(out, 32, "[%" PRIu64 "]", r->nth);
    else
        snprintf(out, 32, "#%" PRIu64, r->frame);
    return out;
}

unsigned ladder_notes(const struct ladder *l, const struct ladder_row *r,
                      const struct ladder_style *style, struct ladder_note out[LADDER_NOTES])
{
    struct ladder_said said = {.note = out};

    if (ladder_is_fold(r))
        return 0;
    if (r->what & (SEG_RTX | SEG_FAST_RTX | SEG_SPURIOUS))
        ladder_say_again(&said, l, r, style);
    ladder_say_class(&said, r);
    ladder_say_fate(&said, l, r, style);
    ladder_say_comment(&said, l, r);
    return said.count;
}
