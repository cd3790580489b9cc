#include "l7_application/date.h"

static const char *const date_days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const date_months[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
enum { DATE_DAY = 86400, DATE_ERA = 146097 /* days in 400 years */, DATE_EPOCH = 719468 };

struct date date_of(int64_t seconds)
{
    int64_t days = seconds / DATE_DAY, rest = seconds % DATE_DAY;

    if (rest < 0) {
        rest += DATE_DAY;
        days--;
    }
    int64_t z = days + DATE_EPOCH; /* since 1 March of year 0 */
    int64_t era = (z >= 0 ? z : z - (DATE_ERA - 1)) / DATE_ERA;
    unsigned doe = (unsigned)(z - era * DATE_ERA);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153; /* 0: March */
    int64_t weekday = (days + 4) % 7;  /* 1 January 1970 was a Thursday */
    struct date d = {.day = doy - (153 * mp + 2) / 5 + 1, .month = mp < 10 ? mp + 3 : mp - 9};

    d.year = era * 400 + yoe + (d.month <= 2 ? 1 : 0);
    d.weekday = (unsigned)(weekday < 0 ? weekday + 7 : weekday);
    d.hour = (unsigned)(rest / 3600);
    d.minute = (unsigned)(rest / 60 % 60);
    d.second = (unsigned)(rest % 60);
    return d;
}

int64_t date_seconds(const struct date *d)
{
    int64_t y = d->year - (d->month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (d->month > 2 ? d->month - 3 : d->month + 9) + 2) / 5 + d->day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return (era * DATE_ERA + doe - DATE_EPOCH) * DATE_DAY + d->hour * 3600 + d->minute * 60 +
           d->second;
}

static void date_clock(struct fmt *f, const struct date *d)
{
    fmt_u64_pad(f, d->hour, 2);
    fmt_char(f, ':');
    fmt_u64_pad(f, d->minute, 2);
    fmt_char(f, ':');
    fmt_u64_pad(f, d->second, 2);
}

void date_daytime(struct fmt *f, int64_t seconds)
{
    struct date d = date_of(seconds);

    fmt_str(f, date_days[d.weekday]);
    fmt_str(f, ", ");
    fmt_str(f, date_months[d.month - 1]);
    fmt_char(f, ' ');
    fmt_u64(f, d.day);
    fmt_str(f, ", ");
    fmt_u64_pad(f, (uint64_t)d.year, 4);
    fmt_char(f, ' ');
    date_clock(f, &d);
    fmt_str(f, "-UTC");
}

void date_http(struct fmt *f, int64_t seconds)
{
    struct date d = date_of(seconds);

    fmt_bytes(f, date_days[d.weekday], 3);
    fmt_str(f, ", ");
    fmt_u64_pad(f, d.day, 2);
    fmt_char(f, ' ');
    fmt_bytes(f, date_months[d.month - 1], 3);
    fmt_char(f, ' ');
    fmt_u64_pad(f, (uint64_t)d.year, 4);
    fmt_char(f, ' ');
    date_clock(f, &d);
    fmt_str(f, " GMT");
}

/* Text that is read from the left; `bad` once it was not what was expected. */
struct date_reader {
    struct span s;
    bool bad;
};

static void date_expect(struct date_reader *r, const char *text)
{
    for (; *text != '\0'; text++) {
        if (r->s.len == 0 || r->s.p[0] != (uint8_t)*text) {
            r->bad = true;
            return;
        }
        r->s.p++;
        r->s.len--;
    }
}

static unsigned date_number(struct date_reader *r, unsigned digits)
{
    unsigned v = 0;

    for (; digits > 0; digits--) {
        if (r->s.len == 0 || r->s.p[0] < '0' || r->s.p[0] > '9') {
            r->bad = true;
            return 0;
        }
        v = v * 10 + (unsigned)(r->s.p[0] - '0');
        r->s.p++;
        r->s.len--;
    }
    return v;
}

/* The names are case-sensitive (RFC 9110 section 5.6.7). Return: index, from 0. */
static unsigned date_name(struct date_reader *r, const char *const *names, unsigned count,
                          bool in_full)
{
    for (unsigned i = 0; i < count; i++) {
        struct date_reader tried = *r;

        if (in_full)
            date_expect(&tried, names[i]);
        else if (tried.s.len < 3 || memcmp(tried.s.p, names[i], 3) != 0)
            tried.bad = true;
        if (tried.bad)
            continue;
        if (!in_full) {
            tried.s.p += 3;
            tried.s.len -= 3;
        }
        *r = tried;
        return i;
    }
    r->bad = true;
    return 0;
}

static void date_read_clock(struct date_reader *r, struct date *d)
{
    d->hour = date_number(r, 2);
    date_expect(r, ":");
    d->minute = date_number(r, 2);
    date_expect(r, ":");
    d->second = date_number(r, 2);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static void date_read_imf(struct date_reader *r, struct date *d)
{
    d->weekday = date_name(r, date_days, 7, false);
    date_expect(r, ", ");
    d->day = date_number(r, 2);
    date_expect(r, " ");
    d->month = date_name(r, date_months, 12, false) + 1;
    date_expect(r, " ");
    d->year = date_number(r, 4);
    date_expect(r, " ");
    date_read_clock(r, d);
    date_expect(r, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT: a year that seems more than 50 years ahead is one of the past. */
static void date_read_rfc850(struct date_reader *r, struct date *d, int64_t now)
{
    struct date today = date_of(now);

    d->weekday = date_name(r, date_days, 7, true);
    date_expect(r, ", ");
    d->day = date_number(r, 2);
    date_expect(r, "-");
    d->month = date_name(r, date_months, 12, false) + 1;
    date_expect(r, "-");
    d->year = today.year - today.year % 100 + date_number(r, 2);
    if (d->year > today.year + 50)
        d->year -= 100;
    date_expect(r, " ");
    date_read_clock(r, d);
    date_expect(r, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static void date_read_asctime(struct date_reader *r, struct date *d)
{
    d->weekday = date_name(r, date_days, 7, false);
    date_expect(r, " ");
    d->month = date_name(r, date_months, 12, false) + 1;
    date_expect(r, " ");
    if (r->s.len > 0 && r->s.p[0] == ' ') {
        date_expect(r, " ");
        d->day = date_number(r, 1);
    } else {
        d->day = date_number(r, 2);
    }
    date_expect(r, " ");
    date_read_clock(r, d);
    date_expect(r, " ");
    d->year = date_number(r, 4);
}

bool date_http_parse(struct span text, int64_t now, int64_t *out)
{
    for (int form = 0; form < 3; form++) {
        struct date_reader r = {text, false};
        struct date d = {0};

        if (form == 0)
            date_read_imf(&r, &d);
        else if (form == 1)
            date_read_rfc850(&r, &d, now);
        else
            date_read_asctime(&r, &d);
        if (r.bad || r.s.len != 0 || d.hour > 23 || d.minute > 59 || d.second > 60 || d.day == 0)
            continue;
        int64_t seconds = date_seconds(&d);
        struct date back = date_of(seconds - (d.second == 60 ? 1 : 0));

        if (back.day != d.day || back.month != d.month)
            continue; /* 31 February */
        *out = seconds;
        return true;
    }
    return false;
}
