/*
 * time.c - the time protocol (RFC 868): seconds since 1900 as 32 bits in network order.
 *
 * The number wraps in 2036; the RFC knows, and so do those who still ask.
 */
#include "l7_application/app.h"
#include "wire/bytes.h"

#define TIME_1900 2208988800ll /* seconds from 1 January 1900 to 1 January 1970, RFC 868 */

enum { TIME_LEN = 4 };

static void time_run(struct app_conn *c)
{
    uint8_t answer[TIME_LEN];

    put32(answer, (uint32_t)(app_calendar(c->app) + TIME_1900));
    if (app_conn_write(c, answer, TIME_LEN, true))
        app_conn_linger(c);
}

static int time_datagram(struct app *a, uint8_t *bytes, size_t len)
{
    (void)len;
    put32(bytes, (uint32_t)(app_calendar(a) + TIME_1900));
    return TIME_LEN;
}

const struct app_service app_time = {
    .name = "time",
    .port = 37,
    .about = "tells the seconds since 1900 (RFC 868)",
    .run = time_run,
    .datagram = time_datagram,
};
