/*
 * ladder_svg.c - a ladder as a picture.
 *
 * Two rails, one an end, coloured by its state; between them the segments as arrows that fall, as
 * time does. A capture has one time for each frame, so the slope is the same for all and means "later
 * there than here", no more; the distance between two rows grows a little with the time between them, and
 * where nothing happened for long the rails are broken and the silence is written into the break.
 *
 * Nothing overlaps: a row is placed below what the row before needs on either side (state and cause)
 * and in the lane (label, arrow, notes), in one pass from the top, before anything is drawn.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ladder.h"
#include "svg.h"
#include "units.h"

enum {
    SLANT = 14, /* how far an arrow falls */
    ROW = 31,   /* from one arrow to the next, at least */
    NOTE_LINE = 13,
    STATE_BLOCK = 32, /* a state and its cause */
    GAP_BLOCK = 36,
    FOLD_BLOCK = 34,
    TOP = 112, /* of the first arrow, below title, names and first states */
    LABEL_SIZE = 11
};

struct lay {
    double y;     /* of the arrow's start */
    double extra; /* of the row's changes beyond the first, on the side that has more */
};

struct sheet {
    struct svg *s;
    const struct ladder *l;
    const struct ladder_style *style;
    struct lay *lay;
    double left, right, time_x, frame_x; /* the rails, the columns beside them */
    double bottom;
    double late_y; /* where changes that belong to no row begin */
};

static double sheet_width(const struct ladder_style *style)
{
    return style->no_time ? 880 : 960;
}

static void sheet_columns(struct sheet *p)
{
    double shift = p->style->no_time ? -80 : 0;

    p->time_x = 92;
    p->left = 222 + shift;
    p->right = 754 + shift;
    p->frame_x = 944 + shift;
}

/* Where on its side a change of the sender's or the receiver's state is. */
static double sheet_change_y(const struct ladder_row *r, unsigned end, double y)
{
    return ladder_is_fold(r) ? y + FOLD_BLOCK / 2.0 - 6 : r->from == end ? y : y + SLANT;
}

static unsigned sheet_changes(const struct ladder *l, const struct ladder_row *r, unsigned end)
{
    size_t at = 0;
    unsigned n = 0;

    while (ladder_next_change(l, r, end, &at) != NULL)
        n++;
    return n;
}

/* Time between two rows as a little room: 0 up to 100 us, then 4 for each power of ten. */
static double sheet_time_room(const struct sheet *p, size_t i)
{
    const struct ladder_row *r = &p->l->rows[i];
    int64_t dt = r->time - r[-1].last_time;

    if (p->style->no_time || dt <= 100000)
        return 0;
    return fmin(4 * log10((double)dt / 1e5), 14);
}

/* Place every row. Return: the height of all. */
static double sheet_lay(struct sheet *p)
{
    double next = TOP, side[2] = {TOP - 14, TOP - 14};
    struct ladder_note notes[LADDER_NOTES];

    for (size_t i = 0; i < p->l->count; i++) {
        const struct ladder_row *r = &p->l->rows[i];
        bool is_fold = ladder_is_fold(r);
        double y = next;

        if (i > 0)
            y += sheet_time_room(p, i);
        if (ladder_gap(p->l, i, p->style) > 0)
            y += GAP_BLOCK;
        for (unsigned e = 0; e < 2; e++) { /* below the state before, if there is one now */
            double at = sheet_change_y(r, e, 0);

            if (sheet_changes(p->l, r, e) > 0 && y + at - 9 < side[e])
                y = side[e] + 9 - at;
        }
        p->lay[i].y = y;
        next = y + (is_fold ? FOLD_BLOCK : ROW);
        next += NOTE_LINE * ladder_notes(p->l, r, p->style, notes);
        for (unsigned e = 0; e < 2; e++) {
            unsigned n = sheet_changes(p->l, r, e);

            if (n > 0)
                side[e] = sheet_change_y(r, e, y) - 9 + n * STATE_BLOCK;
        }
    }
    next = fmax(next, fmax(side[0], side[1]) + 9);
    p->late_y = next;
    unsigned late[2] = {sheet_changes(p->l, NULL, 0), sheet_changes(p->l, NULL, 1)};

    next += (late[0] > late[1] ? late[0] : late[1]) * STATE_BLOCK;
    p->bottom = next;
    return next + 8;
}

static void sheet_pill(const struct sheet *p, unsigned end, double y, int state, const char *cause,
                       bool presumed)
{
    char class_name[64];
    const char *name = track_state_name(state);
    double w = svg_text_width(name, LABEL_SIZE) + 12;
    double x = end == 0 ? p->left - 12 - w : p->right + 12;

    snprintf(class_name, sizeof(class_name), "pill %s%s", svg_state_class(state),
             presumed ? " lost" : "");
    svg_rect(p->s, x, y - 9, w, 18, 9, class_name);
    svg_text(p->s, x + w / 2, y + 4, SVG_MIDDLE, "mono ink", name);
    if (cause != NULL && *cause != '\0')
        svg_text(p->s, end == 0 ? p->left - 18 : p->right + 18, y + 19,
                 end == 0 ? SVG_END : SVG_START, "small soft", cause);
}

static void sheet_bar(const struct sheet *p, unsigned end, double from, double to, int state)
{
    char class_name[64];
    double x = end == 0 ? p->left : p->right;
    double w = state == TCP_CLOSED || state < 0 ? 2 : state == TCP_LISTEN ? 4 : 8;

    snprintf(class_name, sizeof(class_name), "bar %s", svg_state_class(state));
    if (to > from)
        svg_rect(p->s, x - w / 2, from, w, to - from, 0, class_name);
}

/* A rail: bars from change to change, and the states beside them. */
static void sheet_rail(const struct sheet *p, unsigned end)
{
    int state = ladder_first_state(p->l, end);
    double from = 62;

    sheet_pill(p, end, TOP - 32, state, NULL, false);
    for (size_t i = 0; i <= p->l->count; i++) {
        const struct ladder_row *r = i < p->l->count ? &p->l->rows[i] : NULL;
        double y = r == NULL ? p->late_y : sheet_change_y(r, end, p->lay[i].y);
        const struct ladder_change *c;
        size_t at = 0;

        while ((c = ladder_next_change(p->l, r, end, &at)) != NULL) {
            sheet_bar(p, end, from, y, state);
            sheet_pill(p, end, y, c->to, c->cause, c->presumed);
            state = c->to;
            from = y;
            y += STATE_BLOCK;
        }
    }
    sheet_bar(p, end, from, p->bottom, state);
}

static void sheet_cross(const struct sheet *p, double x, double y)
{
    svg_line(p->s, x - 5, y - 5, x + 5, y + 5, "cross");
    svg_line(p->s, x - 5, y + 5, x + 5, y - 5, "cross");
}

static void sheet_arrow(const struct sheet *p, const struct ladder_row *r, double y)
{
    bool right = r->from == END_CLIENT;
    double x1 = right ? p->left + 5 : p->right - 5, x2 = right ? p->right - 5 : p->left + 5;
    double share = r->fate == LADDER_LOST ? 0.8 : 1, xe = x1 + (x2 - x1) * share,
           ye = y + SLANT * share;
    double degrees = atan2(SLANT, p->right - p->left - 10) * 180 / acos(-1);
    char label[LADDER_LABEL], class_name[64];
    const char *kind = ladder_arrow_class(r);

    snprintf(class_name, sizeof(class_name), "%s%s", kind,
             r->fate == LADDER_LOST || r->fate == LADDER_SENT_AGAIN ? " lost" : "");
    if (r->fate == LADDER_LOST || r->fate == LADDER_REFUSED) {
        svg_line(p->s, x1, y, xe, ye, class_name);
        sheet_cross(p, right ? xe - 4 : xe + 4, ye);
    } else {
        svg_arrow(p->s, x1, y, xe, ye, class_name);
    }
    if (r->fate == LADDER_SENT_AGAIN)
        svg_text(p->s, right ? xe - 22 : xe + 22, ye - 5, SVG_MIDDLE, "strong bad halo", "?");
    ladder_label(r, (unsigned)((p->right - p->left - 60) / (LABEL_SIZE * 0.61)), label);
    svg_text_turned(p->s, (x1 + x2) / 2, y + SLANT / 2.0 - 5, right ? degrees : -degrees,
                    SVG_MIDDLE, "mono ink halo", label);
}

static void sheet_fold(const struct sheet *p, const struct ladder_row *r, double y)
{
    char text[LADDER_LABEL], all[LADDER_LABEL + 16];
    double middle = (p->left + p->right) / 2, w;

    ladder_fold_text(r, false, text);
    snprintf(all, sizeof(all), "… %s …", text);
    w = svg_text_width(all, LABEL_SIZE) + 24;
    svg_line(p->s, p->left + 10, y + 6, p->right - 10, y + 6, "rail lost");
    svg_rect(p->s, middle - w / 2, y - 5, w, 22, 11, "panel");
    svg_text(p->s, middle, y + 10, SVG_MIDDLE, "mono soft", all);
}

/* The rails are broken where nothing happened for long. */
static void sheet_gap(const struct sheet *p, int64_t gap, double y)
{
    char n[UNITS_TEXT], text[64], d[200], num[4][32];
    double middle = (p->left + p->right) / 2;

    snprintf(text, sizeof(text), "%s of silence", units_time(gap, false, n));
    for (unsigned e = 0; e < 2; e++) {
        double x = e == 0 ? p->left : p->right;

        svg_rect(p->s, x - 7, y - 4, 14, 8, 0, "paper");
        for (int k = -1; k <= 1; k += 2) {
            snprintf(d, sizeof(d), "M%s %sl14 -4", svg_number(x - 7, num[0]),
                     svg_number(y + 2 + 4 * k, num[1]));
            svg_path(p->s, "rail", d);
        }
    }
    double half = svg_text_width(text, LABEL_SIZE) / 2 + 10;

    svg_line(p->s, p->left + 12, y, middle - half, y, "rail dots");
    svg_line(p->s, middle + half, y, p->right - 12, y, "rail dots");
    svg_text(p->s, middle, y + 4, SVG_MIDDLE, "mono soft", text);
}

static void sheet_row(const struct sheet *p, size_t i)
{
    static const char *const tones[] = {"small note", "small warn", "small bad"};
    const struct ladder_row *r = &p->l->rows[i];
    struct ladder_note notes[LADDER_NOTES];
    double y = p->lay[i].y;
    int64_t gap = ladder_gap(p->l, i, p->style);
    char text[UNITS_TEXT];

    if (gap > 0)
        sheet_gap(p, gap, y - 26);
    if (ladder_is_fold(r)) {
        sheet_fold(p, r, y);
        return;
    }
    sheet_arrow(p, r, y);
    if (!p->style->no_time)
        svg_text(p->s, p->time_x, y + SLANT / 2.0 + 4, SVG_END, "mono small faint",
                 units_seconds(r->time - p->l->first_time, 6, text));
    svg_text(p->s, p->frame_x, y + SLANT / 2.0 + 4, SVG_END, "mono small faint",
             ladder_number(r, p->style, text));
    unsigned count = ladder_notes(p->l, r, p->style, notes);

    for (unsigned k = 0; k < count; k++)
        svg_text(p->s, (p->left + p->right) / 2, y + SLANT / 2.0 + 13 + k * NOTE_LINE, SVG_MIDDLE,
                 tones[notes[k].tone], notes[k].text);
}

static void sheet_heading(const struct sheet *p)
{
    char title[200];

    ladder_title(p->l, p->style, title, sizeof(title));
    svg_text(p->s, 16, 26, SVG_START, "title ink", title);
    for (unsigned e = 0; e < 2; e++) {
        const char *name = ladder_name(p->l, p->style, e);
        double w = svg_text_width(name, 12) + 24, x = e == 0 ? p->left : p->right;

        if (w < 120)
            w = 120;
        svg_rect(p->s, x - w / 2, 38, w, 24, 5, "panel frame-on");
        svg_text(p->s, x, 54, SVG_MIDDLE, "mono strong ink", name);
    }
    if (!p->style->no_time)
        svg_text(p->s, p->time_x, TOP - 28, SVG_END, "small faint", "seconds");
    svg_text(p->s, p->frame_x, TOP - 28, SVG_END, "small faint",
             p->style->no_time ? "segment" : "frame");
}

static bool sheet_presumes(const struct ladder *l)
{
    for (size_t i = 0; i < l->change_count; i++) {
        if (l->changes[i].presumed)
            return true;
    }
    return false;
}

static void sheet_draw(struct sheet *p)
{
    sheet_heading(p);
    sheet_rail(p, 0);
    sheet_rail(p, 1);
    for (size_t i = 0; i < p->l->count; i++)
        sheet_row(p, i);
    if (sheet_presumes(p->l))
        svg_text(
            p->s, 16, p->bottom + 22, SVG_START, "small soft",
            "A state with a dashed border is presumed: nothing later in the capture shows it.");
}

void ladder_svg(FILE *out, const struct ladder *const *l, size_t count,
                const struct ladder_style *style)
{
    static const char more[] =
        ".frame-on{stroke:#c4ccd6}.dots{stroke-dasharray:1 4;stroke-linecap:round}"
        "@media (prefers-color-scheme:dark){.frame-on{stroke:#3d444d}}";
    struct sheet *sheets = calloc(count == 0 ? 1 : count, sizeof(*sheets));
    double height = 0;
    struct svg s;
    char title[300], sub[200] = "";

    if (sheets == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        struct sheet *p = &sheets[i];

        *p = (struct sheet){.s = &s, .l = l[i], .style = style};
        p->lay = calloc(l[i]->count + 1, sizeof(*p->lay));
        if (p->lay == NULL)
            goto out;
        sheet_columns(p);
        height += sheet_lay(p) + 30;
    }
    if (count > 0)
        ladder_title(l[0], style, sub, sizeof(sub));
    if (count == 1)
        snprintf(title, sizeof(title), "%.60s and %.60s, %.160s", ladder_name(l[0], style, 0),
                 ladder_name(l[0], style, 1), sub);
    else
        snprintf(title, sizeof(title), "%zu connections", count);
    svg_begin(&s, out, sheet_width(style), fmax(height, 40), title, more);
    height = 0;
    for (size_t i = 0; i < count; i++) {
        char move[64], n[32];

        snprintf(move, sizeof(move), "transform=\"translate(0 %s)\"", svg_number(height, n));
        svg_open(&s, NULL, move);
        sheet_draw(&sheets[i]);
        svg_close(&s);
        height += sheets[i].bottom + 8 + 30;
    }
    svg_end(&s);
out:
    for (size_t i = 0; i < count; i++)
        free(sheets[i].lay);
    free(sheets);
}
