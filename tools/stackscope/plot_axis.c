/*
 * plot_axis.c - axes with round numbers.
 *
 * Marks stand at 1, 2 or 5 times a power of ten, in a unit whose prefix makes the numbers short: 0, 0.2, 0.4 MB
 * and never 0, 209715, 419430 bytes. Time below a second is in ms or µs. A mark's number has exactly the decimals
 * that its distance to the next needs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "units.h"

static double plot_round_step(double wanted)
{
    double power = pow(10, floor(log10(wanted))), part = wanted / power;

    return power * (part <= 1.0000001 ? 1 : part <= 2.0000001 ? 2 : part <= 5.0000001 ? 5 : 10);
}

void plot_axis_choose(struct plot_axis *a, double max, enum plot_unit unit, unsigned ticks)
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
    static const char *const names[] = {
        [PLOT_UNIT_BYTES] = "B", [PLOT_UNIT_BITS_PER_SECOND] = "bit/s"};
    double shown;

    if (!(max > 0) || !isfinite(max))
        max = unit == PLOT_UNIT_SECONDS ? 1e-3 : 1;
    a->step = plot_round_step(max / ticks);
    if (unit != PLOT_UNIT_SECONDS && a->step < 1)
        a->step = 1; /* half a byte is none */
    a->max = a->step * ceil(max / a->step - 1e-9);
    a->scale = 1;
    if (unit == PLOT_UNIT_SECONDS) {
        a->scale = a->max <= 2e-3 ? 1e-6 : a->max <= 2 ? 1e-3 : 1;
        snprintf(a->unit, sizeof(a->unit), "%s",
                 a->scale < 1e-5 ? "µs"
                 : a->scale < 1  ? "ms"
                                 : "s");
    } else if (unit == PLOT_UNIT_CONNECTIONS) {
        a->unit[0] = '\0';
    } else {
        unsigned p = 0;

        while (a->max >= a->scale * 2000 && p < 5) {
            a->scale *= 1000;
            p++;
        }
        snprintf(a->unit, sizeof(a->unit), "%s%s", prefix[p], names[unit]);
    }
    shown = a->step / a->scale;
    a->decimals = shown >= 0.9999 ? 0 : (unsigned)ceil(-log10(shown) - 1e-9);
}

char *plot_axis_text(const struct plot_axis *a, double v, char out[32])
{
    double shown = v / a->scale;

    if (fabs(shown) < 1e-12)
        shown = 0;
    snprintf(out, 32, "%.*f", (int)a->decimals, shown);
    return out;
}

static int plot_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void plot_ceiling(struct plot *p)
{
    enum { FAR = 5 }; /* times what 19 of 20 stay below */
    size_t n = 0, beyond = 0;
    double *all, most;
    char text[UNITS_TEXT];

    for (size_t i = 0; i < p->count; i++)
        n += p->curve[i].series->count;
    all = n == 0 ? NULL : malloc(n * sizeof(*all));
    if (all == NULL)
        return;
    n = 0;
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; k < p->curve[i].series->count; k++)
            all[n++] = p->curve[i].series->points[k].hi;
    }
    qsort(all, n, sizeof(*all), plot_compare);
    double usual = all[(n - 1) * 95 / 100];

    most = all[n - 1];
    if (usual > 0 && most > FAR * usual) {
        p->ceiling = 2 * usual;
        while (beyond < n && all[n - 1 - beyond] > p->ceiling)
            beyond++;
        snprintf(p->note, sizeof(p->note), "%zu longer one%s at the upper edge, up to %s", beyond,
                 beyond == 1 ? "" : "s", units_time((int64_t)(most * 1e9), false, text));
    }
    free(all);
}
