/*
 * daytime.c - the daytime protocol (RFC 867): date and time as a line for people, then the end.
 */
#include "l7_application/app.h"
#include "l7_application/date.h"

enum { DAYTIME_MAX = 64 };

static size_t daytime_line(const struct app *a, char *line)
{
    struct fmt f = {.p = line, .cap = DAYTIME_MAX};

    date_daytime(&f, app_calendar(a));
    fmt_str(&f, "\r\n");
    return f.len;
}

static void daytime_run(struct app_conn *c)
{
    char line[DAYTIME_MAX];

    /* The connection lingers at once, so this is called once. */
    if (app_conn_write(c, line, daytime_line(c->app, line), true))
        app_conn_linger(c);
}

static int daytime_datagram(struct app *a, uint8_t *bytes, size_t len)
{
    (void)len;
    return (int)daytime_line(a, (char *)bytes);
}

const struct app_service app_daytime = {
    .name = "daytime",
    .port = 13,
    .about = "tells date and time as text (RFC 867)",
    .run = daytime_run,
    .datagram = daytime_datagram,
};
