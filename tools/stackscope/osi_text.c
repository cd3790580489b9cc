/*
 * osi_text.c - a frame for the terminal and as JSON: the nested boxes, then each layer from the top.
 */
#include "osi.h"

#include <time.h>

#include "say.h"
#include "units.h"

enum { ROW = 64, WIDTH = 100 }; /* letters of a row of 32 bits; of a line of text */

struct pen {
    FILE *out;
    const struct osi *x;
    const char *h, *v, *down, *up, *left, *right, *cross, *tl, *tr, *bl, *br;
};

static struct pen pen_of(const struct osi *x, FILE *out)
{
    if (x->o->ascii)
        return (struct pen){out, x, "-", "|", "+", "+", "+", "+", "+", "+", "+", "+", "+"};
    return (struct pen){out, x, "─", "│", "┬", "┴", "├", "┤", "┼", "┌", "┐", "└", "┘"};
}

static void text_times(FILE *out, const char *what, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fputs(what, out);
}

/* Columns of a terminal. */
static size_t text_width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* @s in the middle of @width columns, cut if it must be. */
static void text_centre(FILE *out, const char *s, size_t width)
{
    size_t len = text_width(s);

    if (len > width) {
        fprintf(out, "%.*s", (int)width, s);
        return;
    }
    text_times(out, " ", (width - len) / 2);
    fputs(s, out);
    text_times(out, " ", width - len - (width - len) / 2);
}

/* ---- drawings ---- */

/* Column where the field @i of its row ends, of ROW. */
static size_t text_edge(const struct osi_layer *l, unsigned i)
{
    unsigned sum = 0, all = 0;

    for (unsigned k = 0; k < l->fields; k++) {
        if (l->field[k].row != l->field[i].row)
            continue;
        all += l->field[k].weight;
        if (k <= i)
            sum += l->field[k].weight;
    }
    return all == 0 ? ROW : (size_t)sum * ROW / all;
}

/* Is there an edge of @row at column @at? */
static bool text_has_edge(const struct osi_layer *l, unsigned row, size_t at)
{
    for (unsigned k = 0; k < l->fields; k++) {
        if (l->field[k].row == row && row > 0 && text_edge(l, k) == at)
            return true;
    }
    return false;
}

/* The line between two rows; 0: none. */
static void text_border(const struct pen *p, const struct osi_layer *l, unsigned above,
                        unsigned below)
{
    fprintf(p->out, "     %s", above == 0 ? p->tl : below == 0 ? p->bl : p->left);
    for (size_t at = 1; at < ROW; at++) {
        bool up = text_has_edge(l, above, at), down = text_has_edge(l, below, at);

        fputs(up && down ? p->cross : up ? p->up : down ? p->down : p->h, p->out);
    }
    fprintf(p->out, "%s\n", above == 0 ? p->tr : below == 0 ? p->br : p->right);
}

static void text_cells(const struct pen *p, const struct osi_layer *l, unsigned row, bool names)
{
    size_t from = 0;

    fprintf(p->out, "     %s", p->v);
    for (unsigned k = 0; k < l->fields; k++) {
        const struct osi_field *f = &l->field[k];

        if (f->row != row)
            continue;
        size_t to = text_edge(l, k);

        fputs(scope_ink(p->x->o, names ? "dim" : "bold"), p->out);
        text_centre(p->out, names ? f->name : f->value, to > from ? to - from - 1 : 0);
        fprintf(p->out, "%s%s", scope_ink(p->x->o, ""), p->v);
        from = to;
    }
    fputc('\n', p->out);
}

static void text_scale(const struct pen *p)
{
    fputs("      ", p->out);
    for (unsigned i = 0; i < 32; i++)
        fprintf(p->out, i % 10 == 0 ? "%u " : "  ", i / 10);
    fputs("\n      ", p->out);
    for (unsigned i = 0; i < 32; i++)
        fprintf(p->out, "%u ", i % 10);
    fputc('\n', p->out);
}

static void text_drawing(const struct pen *p, const struct osi_layer *l)
{
    unsigned rows = 0;

    for (unsigned k = 0; k < l->fields; k++)
        rows = u32_max(rows, l->field[k].row);
    if (rows == 0)
        return;
    if (l->has_scale)
        text_scale(p);
    for (unsigned row = 1; row <= rows; row++) {
        text_border(p, l, row - 1, row);
        text_cells(p, l, row, true);
        text_cells(p, l, row, false);
    }
    text_border(p, l, rows, 0);
}

/* ---- lists and sentences ---- */

static void text_bytes(const struct pen *p, const struct osi_field *f)
{
    uint32_t len = (f->bit + f->bits + 7) / 8;
    char hex[64];
    size_t at = 0;

    hex[0] = '\0';
    for (uint32_t i = 0; i < len && i < 6 && osi_has(p->x, f->at + i, 1); i++)
        at += (size_t)snprintf(hex + at, sizeof(hex) - at, "%s%02x", i > 0 ? " " : "",
                               p->x->f.bytes.p[f->at + i]);
    if (len > 6)
        snprintf(hex + at, sizeof(hex) - at, "..");
    fprintf(p->out, "  %s%-19s%s", scope_ink(p->x->o, "dim"), hex, scope_ink(p->x->o, ""));
}

static void text_list(const struct pen *p, const struct osi_layer *l)
{
    for (unsigned k = 0; k < l->fields; k++) {
        const struct osi_field *f = &l->field[k];
        char where[24];

        if (f->bits == 0)
            continue;
        if (f->bits % 8 == 0 && f->bit == 0)
            snprintf(where, sizeof(where), "%u", f->at);
        else
            snprintf(where, sizeof(where), "%u.%u", f->at, f->bit);
        fprintf(p->out, "     %6s", where);
        text_bytes(p, f);
        fprintf(p->out, "  %-21s  %s%s%s%s%s\n", f->name, scope_ink(p->x->o, "bold"), f->value,
                scope_ink(p->x->o, ""), f->meaning[0] != '\0' ? "  " : "", f->meaning);
    }
}

/* Words of @text in lines of WIDTH, the first behind @first, the others below it. */
static void text_wrap(FILE *out, const char *first, const char *text)
{
    size_t indent = strlen(first), at = indent;

    fputs(first, out);
    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (at > indent && at + 1 + len > WIDTH) {
            fputc('\n', out);
            text_times(out, " ", indent);
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, len, out);
        at += len;
        text += len;
        text += *text == ' ';
    }
    fputc('\n', out);
}

static void text_layer(const struct pen *p, const struct osi_layer *l)
{
    const struct scope_options *o = p->x->o;

    fprintf(p->out, "\n%s%u %s%s%s%s", scope_ink(o, "bold"), l->number, l->name,
            l->protocol[0] != '\0' ? ": " : "", l->protocol, scope_ink(o, ""));
    if (l->len > 0)
        fprintf(p->out, "   %sbytes %u to %u%s", scope_ink(o, "dim"), l->at, l->at + l->len - 1,
                scope_ink(o, ""));
    fputc('\n', p->out);
    text_wrap(p->out, "     ", l->line);
    text_drawing(p, l);
    text_list(p, l);
    for (unsigned i = 0; i < l->says; i++)
        text_wrap(p->out, o->ascii ? "   * " : "   - ", l->say[i]);
}

/* ---- the boxes in one another ---- */

/* `[Ethernet 14 [IPv4 20 [TCP 32 [data 78]]] FCS 4]` as a row of boxes. */
static void text_boxes(const struct pen *p)
{
    char cell[OSI_LAYERS + 3][48];
    unsigned n = 0;
    uint32_t end = p->x->d.net_at;

    for (unsigned i = 0; i < p->x->layers; i++) {
        const struct osi_layer *l = &p->x->layer[i];

        if (l->number >= 2 && l->number <= 4 && l->len > 0) {
            snprintf(cell[n++], sizeof(cell[0]), " %s %u ", l->protocol, l->len);
            end = l->at + l->len;
        }
    }
    if (p->x->d.payload_len > 0 && p->x->d.net != NET_ARP)
        snprintf(cell[n++], sizeof(cell[0]), " data %u ", p->x->d.payload_len);
    end += p->x->d.net == NET_ARP ? 0 : p->x->d.payload_len;
    if (end < p->x->f.wire_len)
        snprintf(cell[n++], sizeof(cell[0]), " %s %u ", p->x->d.net_len > 0 ? "padding" : "data",
                 p->x->f.wire_len - end);
    if (p->x->f.linktype == 1)
        snprintf(cell[n++], sizeof(cell[0]), " FCS 4 ");
    for (int row = 0; row < 3 && n > 0; row++) {
        fprintf(p->out, "  %s", row == 0 ? p->tl : row == 1 ? p->v : p->bl);
        for (unsigned i = 0; i < n; i++) {
            bool last = i + 1 == n;

            if (row == 1)
                fputs(cell[i], p->out);
            else
                text_times(p->out, p->h, strlen(cell[i]));
            fputs(row == 1   ? p->v
                  : row == 0 ? (last ? p->tr : p->down)
                             : (last ? p->br : p->up),
                  p->out);
        }
        fputc('\n', p->out);
    }
}

static void text_heading(const struct pen *p)
{
    const struct frame *f = &p->x->f;
    static const char *const dirs[] = {"", ", received", ", sent"};
    time_t seconds = (time_t)(f->time / 1000000000);
    char when[40], n[UNITS_TEXT];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(p->out, "%sFrame %llu%s of %s: %s bytes%s, %s.%09lld UTC\n", scope_ink(p->x->o, "bold"),
            (unsigned long long)f->number, scope_ink(p->x->o, ""),
            source_facts(p->x->o->source).name, units_count(f->wire_len, n), dirs[f->dir], when,
            (long long)(f->time % 1000000000));
    if (f->comment.len > 0) {
        fprintf(p->out, "%scomment: ", scope_ink(p->x->o, "cyan"));
        scope_plain_span(p->out, f->comment);
        fprintf(p->out, "%s\n", scope_ink(p->x->o, ""));
    }
}

/* The seven layers in a line each, also those that this frame has not got. */
static void text_overview(const struct pen *p)
{
    static const char *const names[] = {"",          "Physical", "Data link",    "Network",
                                        "Transport", "Session",  "Presentation", "Application"};

    for (unsigned number = 7; number > 0; number--) {
        bool any = false;

        for (unsigned i = p->x->layers; i > 0; i--) {
            const struct osi_layer *l = &p->x->layer[i - 1];

            if (l->number != number)
                continue;
            fprintf(p->out, "  %u %-13s %s%-9.9s%s %s\n", number, l->name,
                    scope_ink(p->x->o, "bold"), l->protocol, scope_ink(p->x->o, ""), l->line);
            any = true;
        }
        if (!any)
            fprintf(p->out, "  %s%u %-13s %s%s\n", scope_ink(p->x->o, "dim"), number, names[number],
                    p->x->o->ascii ? "-" : "—", scope_ink(p->x->o, ""));
    }
}

void osi_text(const struct osi *x, FILE *out)
{
    const struct pen p = pen_of(x, out);

    text_heading(&p);
    text_overview(&p);
    text_boxes(&p);
    for (unsigned i = x->layers; i > 0; i--)
        text_layer(&p, &x->layer[i - 1]);
}

/* ---- JSON ---- */

static void json_layer(const struct osi_layer *l, FILE *out)
{
    fprintf(out, "{\"layer\":%u,\"name\":\"%s\",\"protocol\":", l->number, l->name);
    scope_json_text(out, l->protocol);
    if (l->len > 0)
        fprintf(out, ",\"at\":%u,\"len\":%u", l->at, l->len);
    fputs(",\"what\":", out);
    scope_json_text(out, l->line);
    fputs(",\"fields\":[", out);
    for (unsigned i = 0; i < l->fields; i++) {
        const struct osi_field *f = &l->field[i];

        fprintf(out, "%s{\"name\":\"%s\"", i > 0 ? "," : "", f->name);
        if (f->bits > 0)
            fprintf(out, ",\"at\":%u,\"bit\":%u,\"bits\":%u", f->at, f->bit, f->bits);
        fputs(",\"value\":", out);
        scope_json_text(out, f->value);
        if (f->meaning[0] != '\0') {
            fputs(",\"means\":", out);
            scope_json_text(out, f->meaning);
        }
        fputc('}', out);
    }
    fputs("],\"why\":[", out);
    for (unsigned i = 0; i < l->says; i++) {
        fputs(i > 0 ? "," : "", out);
        scope_json_text(out, l->say[i]);
    }
    fputs("]}", out);
}

void osi_json(const struct osi *x, FILE *out)
{
    char text[120];

    fprintf(out, "{\"t\":%lld.%09lld,\"kind\":\"osi\"", (long long)(x->f.time / 1000000000),
            (long long)(x->f.time % 1000000000));
    if (x->has_segment)
        fprintf(out, ",\"conn\":\"%s\"", track_conn_text(&x->conn, x->s.from, text));
    fprintf(out, ",\"frame\":%llu,\"captured\":%zu,\"len\":%u,\"layers\":[",
            (unsigned long long)x->f.number, x->f.bytes.len, x->f.wire_len);
    for (unsigned i = 0; i < x->layers; i++) {
        fputs(i > 0 ? "," : "", out);
        json_layer(&x->layer[i], out);
    }
    fputs("]}\n", out);
}
