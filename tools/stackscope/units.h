/*
 * units.h - numbers as people read them: 57,920 bytes; 52 µs; 1.45 Mbit/s.
 *
 * Always with a point and the same digits, whatever the locale.
 */
#ifndef STACKSCOPE_UNITS_H
#define STACKSCOPE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum { UNITS_TEXT = 32 };

/** units_count - with a comma every three digits. Return: @out, as all of these. */
char *units_count(uint64_t v, char out[UNITS_TEXT]);
/** units_time - nanoseconds with three digits and the unit that fits: `52 µs`, `1.2 s`, `3 min 20 s`. */
char *units_time(int64_t ns, bool ascii, char out[UNITS_TEXT]);
/** units_seconds - nanoseconds as seconds with @decimals digits. */
char *units_seconds(int64_t ns, unsigned decimals, char out[UNITS_TEXT]);
/** units_si - @v with the prefix that fits: `1.45 Mbit/s`; @unit follows the prefix. */
char *units_si(double v, const char *unit, char out[UNITS_TEXT]);

#endif
