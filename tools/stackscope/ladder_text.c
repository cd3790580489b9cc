/*
 * ladder_text.c - a ladder for the terminal.
 *
 * Columns: time, the left end's state, the lane with the arrows, the right end's state, the frame; on a wide
 * terminal also the time since the row before, and the cause beside each state. The lane takes the rest; what does not fit on an arrow is left out by ladder_label(), what is
 * wider than the lane below it is broken into lines.
 */
#include <string.h>

#include "ladder.h"
#include "say.h"
#include "units.h"

enum {
    TIME_COLUMNS = 11,
    STEP_COLUMNS = 8,
    STATE_COLUMNS = 13,
    CAUSE_COLUMNS = 17,
    FRAME_COLUMNS = 7,
    LANE_LEAST = 30
};

struct pen {
    FILE *out;
    const struct ladder *l;
    const struct ladder_style *style;
    unsigned lane;  /* columns between the rails */
    unsigned side;  /* ... of an end's state */
    bool has_step;  /* a column for the time since the row before */
    bool has_cause; /* ... and for the cause of a state */
    const char *rail, *dash, *gone, *left, *right, *cross, *quiet, *more;
};

static const char *pen_ink(const struct pen *p, const char *name)
{
    static const struct {
        const char *name, *ink;
    } inks[] = {
        {"",        "\033[0m"   },
        {"dim",     "\033[2m"   },
        {"bold",    "\033[1m"   },
        {"control", "\033[1;34m"},
        {"rtx",     "\033[31m"  },
        {"reset",   "\033[1;31m"},
        {"dup",     "\033[33m"  },
        {"arrow",   ""          },
        {"bad",     "\033[31m"  },
        {"warn",    "\033[33m"  },
        {"note",    "\033[36m"  }
    };

    if (!p->style->color)
        return "";
    for (size_t i = 0; i < sizeof(inks) / sizeof(inks[0]); i++) {
        if (strcmp(inks[i].name, name) == 0)
            return inks[i].ink;
    }
    return "";
}

static const char *pen_state_ink(const struct pen *p, int state)
{
    return p->style->color ? scope_state_ink(state) : "";
}

/* Columns of UTF-8 text whose characters are one wide. */
static unsigned pen_columns(const char *text)
{
    unsigned n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void pen_repeat(const struct pen *p, const char *what, unsigned n)
{
    while (n-- > 0)
        fputs(what, p->out);
}

/* An end's column: `rcv SYN SYN_RCVD` on the left, `SYN_RCVD rcv SYN` on the right. @state below -1: nothing.
 * @last: nothing follows, so nothing is filled up. */
static void pen_state(const struct pen *p, const struct ladder_change *c, int state, bool right,
                      bool last)
{
    char text[24] = "", cause[40] = "";

    if (c != NULL)
        snprintf(text, sizeof(text), c->presumed ? "(%s)" : "%s", track_state_name(c->to));
    else if (state >= -1)
        snprintf(text, sizeof(text), "%s", track_state_name(state));
    if (p->has_cause && c != NULL)
        snprintf(cause, sizeof(cause), right ? " %s" : "%s ", c->cause);
    unsigned used = (unsigned)(strlen(text) + strlen(cause)),
             pad = p->side > used ? p->side - used : 0;

    if (!right) {
        pen_repeat(p, " ", pad);
        fprintf(p->out, "%s%s%s", pen_ink(p, "dim"), cause, pen_ink(p, ""));
    }
    fprintf(p->out, "%s%s%s", pen_state_ink(p, c != NULL ? c->to : state), text, pen_ink(p, ""));
    if (right) {
        fprintf(p->out, "%s%s%s", pen_ink(p, "dim"), cause, pen_ink(p, ""));
        if (!last)
            pen_repeat(p, " ", pad);
    }
}

/* The columns in front of the left rail. @row: NULL: without times. */
static void pen_front(const struct pen *p, const struct ladder_row *row,
                      const struct ladder_row *before, const struct ladder_change *c, int state)
{
    char n[UNITS_TEXT], step[UNITS_TEXT + 2] = "";

    if (!p->style->no_time) {
        fprintf(p->out, "%s%*s%s", pen_ink(p, "dim"), TIME_COLUMNS,
                row == NULL ? "" : units_seconds(row->time - p->l->first_time, 6, n),
                pen_ink(p, ""));
        if (p->has_step) {
            if (row != NULL && before != NULL)
                snprintf(step, sizeof(step), "+%s",
                         units_time(row->time - before->last_time, p->style->ascii, n));
            pen_repeat(p, " ",
                       2 + STEP_COLUMNS > pen_columns(step) ? 2 + STEP_COLUMNS - pen_columns(step)
                                                            : 1);
            fprintf(p->out, "%s%s%s", pen_ink(p, "dim"), step, pen_ink(p, ""));
        }
        fputs(" ", p->out);
    }
    pen_state(p, c, state, false, false);
    fprintf(p->out, " %s", p->rail);
}

static void pen_back(const struct pen *p, const struct ladder_row *row,
                     const struct ladder_change *c, int state)
{
    char number[32];

    fputs(p->rail, p->out);
    if (row != NULL || c != NULL || state >= -1) {
        fputs(" ", p->out);
        pen_state(p, c, state, true, row == NULL);
    }
    if (row != NULL)
        fprintf(p->out, " %s%s%s", pen_ink(p, "dim"), ladder_number(row, p->style, number),
                pen_ink(p, ""));
    fputs("\n", p->out);
}

/* One line of text in the lane, aligned to its sender's side. */
static void pen_lane_text(const struct pen *p, const char *ink, const char *text, size_t len,
                          unsigned columns, int side)
{
    unsigned free_columns = p->lane - columns, front = side == 0   ? 3
                                                       : side == 1 ? free_columns - 3
                                                                   : free_columns / 2;

    if (free_columns < 3)
        front = 0;
    pen_repeat(p, " ", front);
    fprintf(p->out, "%s%.*s%s", pen_ink(p, ink), (int)len, text, pen_ink(p, ""));
    pen_repeat(p, " ", free_columns - front);
}

/* A note, in as many lines as it needs. */
static void pen_note(const struct pen *p, const char *ink, const char *text, int side)
{
    unsigned most = p->lane - 6;

    while (*text != '\0') {
        size_t len = 0, space = 0;
        unsigned columns = 0, space_columns = 0;

        while (text[len] != '\0' && columns < most) {
            if (text[len] == ' ') {
                space = len;
                space_columns = columns;
            }
            do
                len++;
            while (((unsigned char)text[len] & 0xc0) == 0x80);
            columns++;
        }
        if (text[len] != '\0' && text[len] != ' ' && space > 0) {
            len = space;
            columns = space_columns;
        }
        pen_front(p, NULL, NULL, NULL, -2);
        pen_lane_text(p, ink, text, len, columns, side);
        pen_back(p, NULL, NULL, -2);
        text += len;
        while (*text == ' ')
            text++;
    }
}

/* The arrow itself, exactly as wide as the lane. */
static void pen_arrow(const struct pen *p, const struct ladder_row *r)
{
    char label[LADDER_LABEL];
    unsigned used = ladder_label(r, p->lane - 7, label), shaft = p->lane - used - 4;
    bool right = r->from == END_CLIENT, arrives = r->fate == LADDER_ARRIVED;
    const char *dash = arrives || r->fate == LADDER_REFUSED ? p->dash : p->gone;
    unsigned gap =
        r->fate == LADDER_LOST ? (shaft - 1) / 3 : 0; /* what of the lane it does not cross */
    const char *tip = r->fate == LADDER_LOST || r->fate == LADDER_REFUSED ? p->cross
                      : r->fate == LADDER_SENT_AGAIN                      ? "?"
                      : right                                             ? p->right
                                                                          : p->left;

    fputs(pen_ink(p, ladder_arrow_class(r)), p->out);
    if (right) {
        fprintf(p->out, "%s%s %s ", p->dash, p->dash, label);
        pen_repeat(p, dash, shaft - 1 - gap);
        fputs(tip, p->out);
        pen_repeat(p, " ", gap);
    } else {
        pen_repeat(p, " ", gap);
        fputs(tip, p->out);
        pen_repeat(p, dash, shaft - 1 - gap);
        fprintf(p->out, " %s %s%s", label, p->dash, p->dash);
    }
    fputs(pen_ink(p, ""), p->out);
}

/* Further changes of a row, when an end took several arrows with one segment. */
static void pen_more_changes(const struct pen *p, const struct ladder_row *row, size_t at[2])
{
    for (;;) {
        const struct ladder_change *c[2];

        for (unsigned e = 0; e < 2; e++)
            c[e] = ladder_next_change(p->l, row, e, &at[e]);
        if (c[0] == NULL && c[1] == NULL)
            return;
        pen_front(p, NULL, NULL, c[0], -2);
        pen_repeat(p, " ", p->lane);
        pen_back(p, NULL, c[1], -2);
    }
}

static void pen_row(const struct pen *p, size_t i)
{
    static const char *const tones[] = {"note", "warn", "bad"};
    const struct ladder_row *r = &p->l->rows[i];
    struct ladder_note notes[LADDER_NOTES];
    int64_t gap = ladder_gap(p->l, i, p->style);
    size_t at[2] = {0, 0};
    char text[LADDER_LABEL], all[LADDER_LABEL + 16], n[UNITS_TEXT];

    if (gap > 0) {
        snprintf(text, sizeof(text), "%s %s %s", p->quiet, units_time(gap, p->style->ascii, n),
                 p->quiet);
        pen_note(p, "dim", text, 2);
    }
    if (ladder_is_fold(r)) {
        ladder_fold_text(r, p->style->ascii, text);
        snprintf(all, sizeof(all), "%s %s %s", p->more, text, p->more);
        pen_note(p, "dim", all, 2);
    } else {
        const struct ladder_change *c = ladder_next_change(p->l, r, 0, &at[0]);

        pen_front(p, r, i == 0 ? NULL : r - 1, c, -2);
        pen_arrow(p, r);
        pen_back(p, r, ladder_next_change(p->l, r, 1, &at[1]), -2);
    }
    pen_more_changes(p, r, at);
    unsigned count = ladder_notes(p->l, r, p->style, notes);

    for (unsigned k = 0; k < count; k++)
        pen_note(p, tones[notes[k].tone], notes[k].text, r->from == END_CLIENT ? 0 : 1);
}

/* The ends' names above their rails. */
static void pen_heading(const struct pen *p)
{
    char title[200];
    const char *a = ladder_name(p->l, p->style, 0), *b = ladder_name(p->l, p->style, 1);
    unsigned wide = pen_columns(a) + pen_columns(b);
    unsigned front =
        p->style->no_time ? 0 : TIME_COLUMNS + 1u + (p->has_step ? 2u + STEP_COLUMNS : 0);

    ladder_title(p->l, p->style, title, sizeof(title));
    fprintf(p->out, "%s%s%s\n", pen_ink(p, "bold"), title, pen_ink(p, ""));
    pen_repeat(p, " ", front + (pen_columns(a) < p->side ? p->side - pen_columns(a) : 0));
    fprintf(p->out, "%s%s%s", pen_ink(p, "bold"), a, pen_ink(p, ""));
    /* The left name may reach into the lane; the right one begins behind it. */
    unsigned from = pen_columns(a) < p->side ? p->side : pen_columns(a),
             to = p->side + 3 + p->lane + 1;

    if (pen_columns(b) > p->side + FRAME_COLUMNS && wide < to)
        to -= pen_columns(b) - p->side;
    pen_repeat(p, " ", to > from ? to - from : 2);
    fprintf(p->out, "%s%s%s\n", pen_ink(p, "bold"), b, pen_ink(p, ""));
    pen_front(p, NULL, NULL, NULL, ladder_first_state(p->l, 0));
    pen_repeat(p, " ", p->lane);
    pen_back(p, NULL, NULL, ladder_first_state(p->l, 1));
}

static bool pen_has(const struct ladder *l, bool presumed, enum ladder_fate fate)
{
    for (size_t i = 0; presumed && i < l->change_count; i++) {
        if (l->changes[i].presumed)
            return true;
    }
    for (size_t i = 0; !presumed && i < l->count; i++) {
        if (!ladder_is_fold(&l->rows[i]) && l->rows[i].fate == fate)
            return true;
    }
    return false;
}

static void pen_legend(const struct pen *p)
{
    const struct ladder *l = p->l;

    fputs(pen_ink(p, "dim"), p->out);
    if (pen_has(l, true, LADDER_ARRIVED))
        fputs("(STATE): presumed, as nothing later in the capture shows it\n", p->out);
    if (pen_has(l, false, LADDER_LOST) || pen_has(l, false, LADDER_REFUSED))
        fprintf(p->out, "%s: did not arrive, or was refused\n", p->cross);
    if (pen_has(l, false, LADDER_SENT_AGAIN))
        fputs("?: sent again later: it was lost, or its ACK was\n", p->out);
    if (l->short_of_memory)
        fputs("the middle was folded early: a ladder keeps a bounded number of rows\n", p->out);
    if (l->changes_lost > 0)
        fprintf(p->out, "%zu changes of state are not shown\n", l->changes_lost);
    fputs(pen_ink(p, ""), p->out);
}

void ladder_text(FILE *out, const struct ladder *l, const struct ladder_style *style)
{
    bool a = style->ascii;
    struct pen p = {.out = out,
                    .l = l,
                    .style = style,
                    .rail = a ? "|" : "│",
                    .dash = a ? "-" : "─",
                    .gone = a ? "." : "╌",
                    .left = a ? "<" : "◀",
                    .right = a ? ">" : "▶",
                    .cross = a ? "X" : "✕",
                    .quiet = a ? "~~" : "┈┈",
                    .more = a ? "..." : "…"};
    p.has_cause = style->width >= 130;
    p.has_step = !style->no_time && style->width >= (p.has_cause ? 150 : 112);
    p.side = STATE_COLUMNS + (p.has_cause ? CAUSE_COLUMNS : 0);
    unsigned used = 2 * (p.side + 2) + FRAME_COLUMNS;

    if (!style->no_time)
        used += TIME_COLUMNS + 1u + (p.has_step ? 2u + STEP_COLUMNS : 0);
    p.lane = style->width > used + LANE_LEAST ? style->width - used : LANE_LEAST;
    if (p.lane > 90)
        p.lane = 90;
    size_t at[2] = {0, 0};

    pen_heading(&p);
    for (size_t i = 0; i < l->count; i++)
        pen_row(&p, i);
    pen_more_changes(&p, NULL, at);
    pen_legend(&p);
}
