/*
 * date.h - seconds since 1970 to calendar dates and back, in the Gregorian calendar, UTC.
 *
 * The arithmetic counts days from 1 March of year 0, so that the leap day is the last of a year and
 * the months before it follow a regular pattern (H. Hinnant, chrono-compatible algorithms, 2013).
 */
#ifndef STACKD_DATE_H
#define STACKD_DATE_H

#include "base/fmt.h"

struct date {
    int64_t year;
    unsigned month, day; /* from 1 */
    unsigned weekday;    /* 0: Sunday */
    unsigned hour, minute, second;
};

/** date_of - the date of a moment, in seconds since 1970 (before it: negative). */
struct date date_of(int64_t seconds);
/** date_seconds - the moment of a date; the weekday is not looked at. */
int64_t date_seconds(const struct date *d);

/** date_daytime - `Saturday, November 21, 2026 10:25:00-UTC`, the form that RFC 867 shows. */
void date_daytime(struct fmt *f, int64_t seconds);
/** date_http - `Sat, 21 Nov 2026 10:25:00 GMT`, IMF-fixdate (RFC 9110 section 5.6.7). */
void date_http(struct fmt *f, int64_t seconds);
/**
 * date_http_parse - any of the three forms of RFC 9110 section 5.6.7.
 * @now: seconds since 1970, to tell the century of a two-digit year
 *
 * Return: whether @text is a date; then *@out is it.
 */
bool date_http_parse(struct span text, int64_t now, int64_t *out);

#endif
