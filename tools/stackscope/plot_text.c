/*
 * plot_text.c - a diagram in a terminal: two by four dots in each character, as Braille has them.
 *
 * The curve that matters most is drawn last and gives a character its colour. Where only ASCII is wanted a
 * character is one letter for each curve. Where there is no colour and more than one curve, each
 * curve's letter stands among its dots: where it begins, and every few characters.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "units.h"

enum { LINES = 20, LABEL = 10 };

struct canvas {
    unsigned columns;
    bool ascii, letters; /* letters: among the dots, since no colour tells the curves apart */
    double x_max, y_max;
    uint8_t *dots;  /* by character */
    uint8_t *curve; /* which one drew there last, from 1 */
};

static void canvas_dot(struct canvas *c, long x, long y, uint8_t curve)
{
    static const uint8_t bits[4][2] = {
        {0x01, 0x08},
        {0x02, 0x10},
        {0x04, 0x20},
        {0x40, 0x80}
    };
    long w = 2 * (long)c->columns, h = 4 * LINES;

    if (x < 0 || x >= w || y < 0 || y >= h)
        return;
    y = h - 1 - y;
    size_t at = (size_t)(y / 4) * c->columns + (size_t)(x / 2);

    c->dots[at] |= bits[y % 4][x % 2];
    c->curve[at] = curve;
}

static void canvas_line(struct canvas *c, double x1, double y1, double x2, double y2, uint8_t curve)
{
    double w = 2 * (double)c->columns - 1, h = 4 * LINES - 1;
    double ax = x1 / c->x_max * w, ay = y1 / c->y_max * h, bx = x2 / c->x_max * w,
           by = y2 / c->y_max * h;
    int steps = (int)fmin(fmax(fabs(bx - ax), fabs(by - ay)), 4000) + 1;

    for (int i = 0; i <= steps; i++) {
        double part = (double)i / steps;

        canvas_dot(c, lround(ax + (bx - ax) * part), lround(ay + (by - ay) * part), curve);
    }
}

static void canvas_curve(struct canvas *c, const struct plot_series *s, uint8_t curve)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct plot_point *p = &s->points[i];

        if (i > 0 && s->shape == PLOT_STEPS) {
            canvas_line(c, p[-1].x, p[-1].lo, p->x, p[-1].lo, curve);
            canvas_line(c, p->x, p[-1].lo, p->x, p->lo, curve);
        } else if (i > 0 && s->shape == PLOT_LINE) {
            canvas_line(c, p[-1].x, p[-1].lo, p->x, p->lo, curve);
        } else {
            canvas_line(c, p->x, fmin(p->lo, c->y_max), p->x, fmin(p->hi, c->y_max), curve);
        }
    }
}

static const char *canvas_ink(const struct plot_curve *c)
{
    static const struct {
        const char *class_name, *ink;
    } inks[] = {
        {"c-data",   "\033[34m"},
        {"c-rtx",    "\033[31m"},
        {"c-sack",   "\033[35m"},
        {"c-ack",    "\033[32m"},
        {"c-limit",  "\033[33m"},
        {"c-flight", "\033[32m"},
        {"c-second", "\033[33m"}
    };

    for (size_t i = 0; i < sizeof(inks) / sizeof(inks[0]); i++) {
        if (strncmp(inks[i].class_name, c->class_name, strlen(inks[i].class_name)) == 0)
            return inks[i].ink;
    }
    return "\033[90m";
}

/* Is a letter wanted in this place instead of dots? */
static bool canvas_letter(const struct canvas *c, unsigned line, unsigned x)
{
    enum { EVERY = 16, GAP = 4 };
    uint8_t curve = c->curve[line * c->columns + x];

    if (c->ascii || !c->letters)
        return c->ascii;
    if (x % EVERY == 5U * curve % EVERY)
        return true;
    for (unsigned y = line == 0 ? 0 : line - 1; y <= line + 1 && y < LINES; y++) {
        for (unsigned back = 1; back <= GAP && back <= x; back++) {
            if (c->curve[y * c->columns + x - back] == curve)
                return false;
        }
    }
    return true;
}

static void canvas_print(FILE *out, const struct canvas *c, const struct plot *p,
                         const struct plot_axis *y, bool color)
{
    static const char letters[] = " abcdefgh";
    double lines_per_step = y->step / c->y_max * LINES;
    unsigned every = lines_per_step >= 1 ? 1 : (unsigned)ceil(1 / lines_per_step);

    for (unsigned line = 0; line < LINES; line++) {
        char label[32] = "";

        for (unsigned k = 0; k * y->step <= c->y_max * 1.0001; k += every) {
            if ((unsigned)lround((LINES - 1) * (1 - k * y->step / c->y_max)) == line)
                plot_axis_text(y, k * y->step, label);
        }
        fprintf(out, "%*s %s", LABEL - 2, label, c->ascii ? "|" : "│");
        uint8_t before = 0;

        for (unsigned x = 0; x < c->columns; x++) {
            uint8_t dots = c->dots[line * c->columns + x], curve = c->curve[line * c->columns + x];

            if (color && curve != before)
                fputs(curve == 0 ? "\033[0m" : canvas_ink(&p->curve[curve - 1]), out);
            before = curve;
            if (dots == 0 || canvas_letter(c, line, x))
                fputc(letters[dots == 0 ? 0 : curve], out);
            else /* U+2800 and the dots */
                fprintf(out, "\xe2%c%c", 0xa0 | dots >> 6, 0x80 | (dots & 0x3f));
        }
        fputs(color && before != 0 ? "\033[0m\n" : "\n", out);
    }
}

static void canvas_below(FILE *out, const struct canvas *c, const struct plot *p,
                         const struct plot_axis *x, bool color)
{
    unsigned at = 0;
    char label[32];

    fprintf(out, "%*s%s", LABEL - 1, "", c->ascii ? "+" : "└");
    for (unsigned i = 0; i < c->columns; i++)
        fputs(c->ascii ? "-" : "─", out);
    fprintf(out, "\n%*s", LABEL, "");
    for (double v = 0; v <= c->x_max; v += x->step) {
        unsigned column = (unsigned)(v / c->x_max * (c->columns - 1));
        unsigned len = (unsigned)strlen(plot_axis_text(x, v, label));

        if (column < at + (at > 0) || column + len > c->columns)
            continue;
        fprintf(out, "%*s%s", (int)(column - at), "", label);
        at = column + len;
    }
    fprintf(out, " %s\n", c->ascii && strcmp(x->unit, "µs") == 0 ? "us" : x->unit);
    fprintf(out, "%*s", LABEL, "");
    for (size_t i = 0; i < p->count; i++) {
        if (p->curve[i].series->count == 0)
            continue;
        if (c->ascii || c->letters)
            fprintf(out, "%c %s   ", 'a' + (int)i, p->curve[i].name);
        else
            fprintf(out, "%s⣿%s %s   ", color ? canvas_ink(&p->curve[i]) : "",
                    color ? "\033[0m" : "", p->curve[i].name);
    }
    fputs("\n", out);
}

void plot_text(FILE *out, const struct plot *p, unsigned width, bool ascii, bool color)
{
    struct canvas c = {
        .columns = width > LABEL + 30 ? width - LABEL - 4 : 30, .ascii = ascii, .x_max = p->x_max};
    struct plot_axis x, y;
    unsigned curves = 0;

    fprintf(out, "%s\n", p->title);
    if (p->empty) {
        fprintf(out, "%s\n", p->note);
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        curves += p->curve[i].series->count > 0;
        for (size_t k = 0; k < p->curve[i].series->count; k++) {
            c.x_max = fmax(c.x_max, p->curve[i].series->points[k].x);
            c.y_max = fmax(c.y_max, p->curve[i].series->points[k].hi);
        }
    }
    c.letters = !color && curves > 1;
    if (p->ceiling > 0)
        c.y_max = p->ceiling;
    plot_axis_choose(&x, c.x_max, PLOT_UNIT_SECONDS, c.columns / 10);
    plot_axis_choose(&y, c.y_max, p->y_unit, 5);
    if (c.x_max <= 0)
        c.x_max = x.max;
    c.y_max = y.max;
    c.dots = calloc((size_t)c.columns * LINES, 2);
    if (c.dots == NULL)
        return;
    c.curve = c.dots + (size_t)c.columns * LINES;
    for (size_t i = 0; i < p->count; i++)
        canvas_curve(&c, p->curve[i].series, (uint8_t)(i + 1));
    fprintf(out, "%s%s%s\n", p->y_label, y.unit[0] == '\0' ? "" : ", ",
            ascii && strcmp(y.unit, "µs") == 0 ? "us" : y.unit);
    canvas_print(out, &c, p, &y, color);
    canvas_below(out, &c, p, &x, color);
    if (p->note[0] != '\0')
        fprintf(out, "%*s%s\n", LABEL, "", p->note);
    free(c.dots);
}
