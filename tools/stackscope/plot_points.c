/*
 * plot_points.c - points and amounts over time, in bounded memory (plot.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

void plot_series_init(struct plot_series *s, enum plot_shape shape, size_t *budget)
{
    *s = (struct plot_series){.shape = shape, .budget = budget};
}

void plot_series_free(struct plot_series *s)
{
    free(s->points);
    if (s->budget != NULL)
        *s->budget += s->room;
    s->points = NULL;
    s->count = s->room = 0;
}

static struct plot_point plot_join(struct plot_point a, struct plot_point b)
{
    return (struct plot_point){a.x, fmin(a.lo, b.lo), fmax(a.hi, b.hi)};
}

/* The points [@from, @to) of one column as at most four: first, lowest, highest, last, in their order. Dots
 * need only two, strokes one. Return: how many were written at @out, which may be where they are. */
static size_t plot_column(struct plot_series *s, size_t from, size_t to, size_t out)
{
    size_t keep[4] = {from, from, from, to - 1}, n = 0;
    struct plot_point taken[4];

    if (s->shape == PLOT_TICKS) {
        struct plot_point all = s->points[from];

        for (size_t i = from + 1; i < to; i++)
            all = plot_join(all, s->points[i]);
        s->points[out] = all;
        return 1;
    }
    for (size_t i = from; i < to; i++) {
        if (s->points[i].lo < s->points[keep[1]].lo)
            keep[1] = i;
        if (s->points[i].hi > s->points[keep[2]].hi)
            keep[2] = i;
    }
    if (keep[1] > keep[2]) {
        size_t swap = keep[1];

        keep[1] = keep[2];
        keep[2] = swap;
    }
    bool is_dots = s->shape == PLOT_DOTS;

    for (size_t k = is_dots ? 1 : 0; k < (is_dots ? 3u : 4u); k++) {
        if (n == 0 || keep[k] != keep[k - 1])
            taken[n++] = s->points[keep[k]];
    }
    memcpy(&s->points[out], taken, n * sizeof(taken[0]));
    return n;
}

/* Put the points of each column together. */
static void plot_thin(struct plot_series *s, size_t columns)
{
    double start = s->points[0].x, span = s->points[s->count - 1].x - start;
    size_t out = 0, from = 0;

    s->thinned = true;
    for (size_t c = 0; c < columns && from < s->count; c++) {
        double end = start + span * (double)(c + 1) / (double)columns;
        size_t to = from;

        while (to < s->count && (s->points[to].x < end || c + 1 == columns))
            to++;
        if (to > from)
            out += plot_column(s, from, to, out);
        from = to;
    }
    s->count = out;
}

static bool plot_room(struct plot_series *s)
{
    if (s->count < s->room)
        return true;
    size_t more = s->room == 0 ? 8 : s->room;

    if (s->room + more <= PLOT_POINTS && *s->budget >= more) {
        struct plot_point *p = realloc(s->points, (s->room + more) * sizeof(*p));

        if (p != NULL) {
            s->points = p;
            s->room += more;
            *s->budget -= more;
            return true;
        }
    }
    if (s->room == 0) {
        s->short_of_memory = true;
        return false;
    }
    plot_thin(s, s->room / 8 < PLOT_COLUMNS ? s->room / 8 : PLOT_COLUMNS); /* at most half stay */
    return s->count < s->room;
}

void plot_add(struct plot_series *s, double x, double lo, double hi)
{
    /* A line that stays where it is needs only where it begins and ends. */
    if ((s->shape == PLOT_LINE || s->shape == PLOT_STEPS) && s->count >= 2) {
        struct plot_point *a = &s->points[s->count - 1];

        if (a->lo == lo && a[-1].lo == lo) {
            a->x = x;
            return;
        }
    }
    if (!plot_room(s))
        return;
    s->points[s->count++] = (struct plot_point){x, lo, hi};
}

void plot_rate_add(struct plot_rate *r, int64_t since_start, double amount)
{
    if (r->width == 0)
        r->width = 10000;
    if (since_start < 0)
        since_start = 0;
    while (since_start / r->width >= PLOT_BINS) {
        int64_t tens = r->width;

        while (tens % 10 == 0)
            tens /= 10;
        size_t by = tens == 1 ? 5 : 2; /* 1 becomes 5, 5 becomes 10 */

        for (size_t i = 0; i < PLOT_BINS; i++) {
            double sum = 0;

            for (size_t k = 0; k < by; k++)
                sum += i * by + k < PLOT_BINS ? r->bin[i * by + k] : 0;
            r->bin[i] = sum;
        }
        r->count = (r->count + by - 1) / by;
        r->width *= (int64_t)by;
    }
    size_t i = (size_t)(since_start / r->width);

    r->bin[i] += amount;
    if (i + 1 > r->count)
        r->count = i + 1;
}

/* 1, 2, 5, 10, 20 ... times @width, so that there are at most @most. */
static size_t plot_intervals(size_t count, int64_t width, size_t most)
{
    static const size_t steps[2][3] = {
        {1, 2, 5},
        {1, 2, 4}
    };
    int64_t tens = width;
    size_t by = 1;

    while (tens % 10 == 0)
        tens /= 10;
    for (size_t k = 0; count / by > most; k++) {
        size_t power = 1;

        for (size_t i = 0; i < (k + 1) / 3; i++)
            power *= 10;
        by = steps[tens == 1 ? 0 : 1][(k + 1) % 3] * power;
    }
    return by;
}

int64_t plot_rate_draw(const struct plot_rate *r, int64_t interval, double factor,
                       struct plot_series *out)
{
    if (r->count == 0)
        return 0;
    size_t by = interval > 0 ? (size_t)((interval + r->width / 2) / r->width)
                             : plot_intervals(r->count, r->width, 150);

    if (by == 0)
        by = 1;
    double seconds = (double)r->width * (double)by / 1e9;

    for (size_t i = 0; i < r->count; i += by) {
        double sum = 0;

        for (size_t k = i; k < i + by && k < r->count; k++)
            sum += r->bin[k];
        plot_add(out, (double)(i / by) * seconds, sum * factor / seconds, sum * factor / seconds);
    }
    plot_add(out, (double)((r->count + by - 1) / by) * seconds, 0, 0);
    return r->width * (int64_t)by;
}
