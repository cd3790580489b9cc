/*
 * units.c - numbers as people read them (units.h).
 */
#include "units.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

char *units_count(uint64_t v, char out[UNITS_TEXT])
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%" PRIu64, v), o = 0;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = '\0';
    return out;
}

/* @v with three digits that count, without zeros that do not. */
static int units_three(double v, char *out, size_t len)
{
    int decimals = v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
    int n = snprintf(out, len, "%.*f", decimals, v);

    while (decimals > 0 && out[n - 1] == '0') {
        out[--n] = '\0';
        decimals--;
    }
    if (n > 0 && out[n - 1] == '.')
        out[--n] = '\0';
    return n;
}

char *units_time(int64_t ns, bool ascii, char out[UNITS_TEXT])
{
    double v = (double)ns;
    const char *sign = "";
    char number[24];

    if (ns == 0) {
        snprintf(out, UNITS_TEXT, "0 s");
        return out;
    }
    if (v < 0) {
        sign = "-";
        v = -v;
    }
    if (v >= 119.5e9) {
        uint64_t s = (uint64_t)llround(v / 1e9);

        if (s < 2 * 3600)
            snprintf(out, UNITS_TEXT, "%s%" PRIu64 " min %" PRIu64 " s", sign, s / 60, s % 60);
        else
            snprintf(out, UNITS_TEXT, "%s%" PRIu64 " h %" PRIu64 " min", sign, s / 3600,
                     s / 60 % 60);
        return out;
    }
    const char *unit = v >= 0.9995e9   ? "s"
                       : v >= 0.9995e6 ? "ms"
                       : v >= 999.5    ? (ascii ? "us" : "µs")
                                       : "ns";
    double scale = v >= 0.9995e9 ? 1e9 : v >= 0.9995e6 ? 1e6 : v >= 999.5 ? 1e3 : 1;

    units_three(v / scale, number, sizeof(number));
    snprintf(out, UNITS_TEXT, "%s%s %s", sign, number, unit);
    return out;
}

char *units_seconds(int64_t ns, unsigned decimals, char out[UNITS_TEXT])
{
    snprintf(out, UNITS_TEXT, "%.*f", (int)decimals, (double)ns / 1e9);
    return out;
}

char *units_si(double v, const char *unit, char out[UNITS_TEXT])
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
    unsigned p = 0;
    char number[24];
    const char *sign = v < 0 ? "-" : "";

    v = fabs(v);
    while (v >= 999.5 && p < 5) {
        v /= 1000;
        p++;
    }
    units_three(v, number, sizeof(number));
    snprintf(out, UNITS_TEXT, "%s%s%s%s%s", sign, number, *unit != '\0' || p > 0 ? " " : "",
             prefix[p], unit);
    return out;
}
