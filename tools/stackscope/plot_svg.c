/*
 * plot_svg.c - a diagram as a picture.
 *
 * Title, legend, axes with their units, a faint grid, and the curves in a clipped frame. The frame carries
 * what a page's script needs to zoom without knowing what is drawn: where it is and which numbers its corners
 * have (data-... attributes); in a picture alone they do nothing.
 */
#include <math.h>
#include <string.h>

#include "plot.h"
#include "svg.h"

enum { LEFT = 78, RIGHT = 24, TOP = 74, BOTTOM = 58, LETTERS = 400 };

static const char plot_style[] =
    ".c-data{stroke:#2f6fde;fill:none;stroke-width:1.6}.c-rtx{stroke:#d1351f;fill:none;stroke-"
    "width:2.2}"
    ".c-sack{stroke:#9333ea;fill:none;stroke-width:1.4;stroke-opacity:.65}.c-ack{stroke:#1f9d55;"
    "fill:none;stroke-width:1.4}"
    ".c-limit{stroke:#c98500;fill:none;stroke-width:1.4}.c-second{stroke:#d9730d;fill:none;stroke-"
    "width:1.6}"
    ".c-dots{stroke-width:3.4;stroke-linecap:round}.c-faint{stroke:#8a94a3;fill:none;stroke-width:"
    "1.3;stroke-dasharray:5 4}"
    ".c-fill{stroke:none;fill-opacity:.16}.c-fill.c-data{fill:#2f6fde}.c-fill.c-second{fill:#"
    "d9730d}"
    ".c-flight{stroke:#1f9d55;fill:none;stroke-width:1;stroke-opacity:.45}.c-thin{stroke-width:1.1}"
    ".m-rtx{fill:#d1351f;font-size:9px;font-weight:600}"
    "@media "
    "(prefers-color-scheme:dark){.c-data{stroke:#6ea0ff}.c-rtx{stroke:#ff6b57}.c-sack{stroke:#"
    "c084fc}"
    ".c-ack,.c-flight{stroke:#3fcf7f}.c-fill.c-data{fill:#6ea0ff}.c-fill.c-second{fill:#f0b429}.c-"
    "limit,.c-second{stroke:#f0b429}.m-rtx{fill:#ff8a80}}";

struct board {
    struct svg s;
    const struct plot *p;
    struct plot_axis x, y;
    double x_max, left, right, top, bottom; /* of the frame; x_max: its right edge, in seconds */
};

static double board_x(const struct board *b, double v)
{
    return b->left + v / b->x_max * (b->right - b->left);
}

static double board_y(const struct board *b, double v)
{
    return b->bottom - v / b->y.max * (b->bottom - b->top);
}

static void board_measure(struct board *b)
{
    double x = b->p->x_max, y = 0;

    for (size_t i = 0; i < b->p->count; i++) {
        const struct plot_series *s = b->p->curve[i].series;

        for (size_t k = 0; k < s->count; k++) {
            x = fmax(x, s->points[k].x);
            y = fmax(y, s->points[k].hi);
        }
    }
    plot_axis_choose(&b->x, x, PLOT_UNIT_SECONDS, 10);
    if (b->p->ceiling > 0)
        y = b->p->ceiling;
    plot_axis_choose(&b->y, y * 1.04, b->p->y_unit, 7);
    if (y > 0)
        b->y.max = y * 1.04;                /* marks are round, where the frame ends need not be */
    b->x_max = x > 0 ? x * 1.01 : b->x.max; /* time has no need to end at a round number */
}

static void board_axes(struct board *b)
{
    char text[96], number[32], label[160], attributes[400];

    snprintf(
        attributes, sizeof(attributes),
        "data-left=\"%g\" data-right=\"%g\" data-top=\"%g\" data-bottom=\"%g\" data-xmax=\"%.9g\" "
        "data-ymax=\"%.9g\" data-xunit=\"time\" data-yunit=\"%s\"",
        b->left, b->right, b->top, b->bottom, b->x_max, b->y.max,
        b->p->y_unit == PLOT_UNIT_SECONDS           ? "time"
        : b->p->y_unit == PLOT_UNIT_BYTES           ? "B"
        : b->p->y_unit == PLOT_UNIT_BITS_PER_SECOND ? "bit/s"
                                                    : "");
    svg_rect(&b->s, b->left, b->top, b->right - b->left, b->bottom - b->top, 0, "panel");
    svg_open(&b->s, "axes", attributes);
    for (double v = 0; v <= b->x_max; v += b->x.step) {
        svg_line(&b->s, board_x(b, v), b->top, board_x(b, v), b->bottom, "grid");
        svg_text(&b->s, board_x(b, v), b->bottom + 18, SVG_MIDDLE, "small soft",
                 plot_axis_text(&b->x, v, number));
    }
    for (double v = 0; v <= b->y.max * 1.0001; v += b->y.step) {
        svg_line(&b->s, b->left, board_y(b, v), b->right, board_y(b, v), "grid");
        svg_text(&b->s, b->left - 8, board_y(b, v) + 3.5, SVG_END, "small soft",
                 plot_axis_text(&b->y, v, number));
    }
    snprintf(label, sizeof(label), "time since the connection's first frame (%s)", b->x.unit);
    svg_text(&b->s, (b->left + b->right) / 2, b->bottom + 38, SVG_MIDDLE, "soft x-label", label);
    snprintf(text, sizeof(text), b->y.unit[0] == '\0' ? "%s" : "%s (%s)", b->p->y_label, b->y.unit);
    svg_text_turned(&b->s, 22, (b->top + b->bottom) / 2, -90, SVG_MIDDLE, "soft y-label", text);
    svg_close(&b->s);
    svg_rect(&b->s, b->left, b->top, b->right - b->left, b->bottom - b->top, 0, "frame");
}

static void board_pair(struct board *b, char command, double x, double y)
{
    /* A page can zoom, so finer than a picture needs. */
    fprintf(b->s.out, "%c%.2f %.2f", command, x, y);
}

/* A curve as one path of absolute moves and lines. */
static void board_curve(struct board *b, const struct plot_curve *c)
{
    const struct plot_series *s = c->series;
    double y_before = 0, top = b->p->ceiling > 0 ? b->top : -1e9;

    if (s->count == 0)
        return;
    fprintf(b->s.out, "<path class=\"%s%s\" data-name=\"", c->class_name,
            s->shape == PLOT_DOTS ? " c-dots" : "");
    svg_escape(b->s.out, c->name);
    fprintf(b->s.out, "\" d=\"");
    for (size_t i = 0; i < s->count; i++) {
        double x = board_x(b, s->points[i].x), lo = fmax(board_y(b, s->points[i].lo), top);
        double hi = fmax(board_y(b, s->points[i].hi), top);

        switch (s->shape) {
        case PLOT_LINE:
            board_pair(b, i == 0 ? 'M' : 'L', x, lo);
            break;
        case PLOT_STEPS:
            if (i > 0)
                board_pair(b, 'L', x, y_before);
            board_pair(b, i == 0 ? 'M' : 'L', x, lo);
            y_before = lo;
            break;
        case PLOT_TICKS: /* at least a pixel, else it could not be seen */
            board_pair(b, 'M', x, lo - hi < 1 ? (lo + hi) / 2 + 0.5 : lo);
            board_pair(b, 'L', x, lo - hi < 1 ? (lo + hi) / 2 - 0.5 : hi);
            break;
        case PLOT_DOTS:
            board_pair(b, 'M', x, lo);
            board_pair(b, 'L', x, lo);
            break;
        }
    }
    fputs("\"/>\n", b->s.out);
}

/* What is below a staircase, tinted. */
static void board_fill(struct board *b, const struct plot_curve *c)
{
    const struct plot_series *s = c->series;

    if (s->count < 2)
        return;
    fprintf(b->s.out, "<path class=\"%s c-fill\" d=\"", c->class_name);
    board_pair(b, 'M', board_x(b, s->points[0].x), board_y(b, 0));
    for (size_t i = 0; i + 1 < s->count; i++) {
        board_pair(b, 'L', board_x(b, s->points[i].x), board_y(b, s->points[i].lo));
        board_pair(b, 'L', board_x(b, s->points[i + 1].x), board_y(b, s->points[i].lo));
    }
    board_pair(b, 'L', board_x(b, s->points[s->count - 1].x), board_y(b, 0));
    fputs("Z\"/>\n", b->s.out);
}

/* A letter at each point, where there is room for it beside the one before. */
static void board_letters(struct board *b, const struct plot_curve *c)
{
    double last_x = -100, last_y = -100;
    unsigned count = 0;

    for (size_t i = 0; i < c->series->count && count < LETTERS; i++) {
        double x = board_x(b, c->series->points[i].x), y = board_y(b, c->series->points[i].hi) - 3;

        if (fabs(x - last_x) < 8 && fabs(y - last_y) < 9)
            continue;
        svg_text(&b->s, x, y, SVG_MIDDLE, "m-rtx", c->mark);
        last_x = x;
        last_y = y;
        count++;
    }
}

static void board_legend(struct board *b)
{
    double x = b->left, y = 56;

    for (size_t i = 0; i < b->p->count; i++) {
        const struct plot_curve *c = &b->p->curve[i];
        char class_name[64];

        if (c->series->count == 0)
            continue;
        snprintf(class_name, sizeof(class_name), "%s%s", c->class_name,
                 c->series->shape == PLOT_DOTS ? " c-dots" : "");
        if (c->series->shape == PLOT_TICKS)
            svg_line(&b->s, x + 9, y - 9, x + 9, y + 1, class_name);
        else if (c->series->shape == PLOT_DOTS)
            svg_line(&b->s, x + 9, y - 4, x + 9.1, y - 4, class_name);
        else
            svg_line(&b->s, x, y - 4, x + 18, y - 4, class_name);
        svg_text(&b->s, x + 24, y, SVG_START, "ink", c->name);
        x += 24 + svg_text_width(c->name, 11) + 26;
    }
}

void plot_svg(FILE *out, const struct plot *p)
{
    struct board b = {.p = p,
                      .left = LEFT,
                      .right = PLOT_WIDTH - RIGHT,
                      .top = TOP,
                      .bottom = PLOT_HEIGHT - BOTTOM};
    char clip[80];

    svg_begin(&b.s, out, PLOT_WIDTH, PLOT_HEIGHT, p->title, plot_style);
    svg_text(&b.s, 16, 28, SVG_START, "title ink", p->title);
    if (p->empty) {
        svg_text(&b.s, PLOT_WIDTH / 2.0, PLOT_HEIGHT / 2.0, SVG_MIDDLE, "soft", p->note);
        svg_end(&b.s);
        return;
    }
    board_measure(&b);
    board_axes(&b);
    fprintf(out,
            "<clipPath id=\"clip-%s\"><rect x=\"%g\" y=\"%g\" width=\"%g\" "
            "height=\"%g\"/></clipPath>\n",
            p->id, b.left, b.top, b.right - b.left, b.bottom - b.top);
    snprintf(clip, sizeof(clip), "clip-path=\"url(#clip-%s)\"", p->id);
    svg_open(&b.s, "curves", clip);
    svg_open(&b.s, "move", NULL);
    for (size_t i = 0; i < p->count; i++) {
        if (p->curve[i].fill)
            board_fill(&b, &p->curve[i]);
    }
    for (size_t i = 0; i < p->count; i++)
        board_curve(&b, &p->curve[i]);
    svg_close(&b.s);
    svg_open(&b.s, "letters", NULL);
    for (size_t i = 0; i < p->count; i++) {
        if (p->curve[i].mark != NULL)
            board_letters(&b, &p->curve[i]);
    }
    svg_close(&b.s);
    svg_close(&b.s);
    board_legend(&b);
    if (p->note[0] != '\0')
        svg_text(&b.s, PLOT_WIDTH - RIGHT, PLOT_HEIGHT - 8, SVG_END, "small faint", p->note);
    svg_end(&b.s);
}
