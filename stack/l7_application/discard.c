/*
 * discard.c - the discard protocol (RFC 863): throws away what comes in, and never answers.
 *
 * TCP bytes are never copied: they are looked at where they lie only to be consumed.
 */
#include <errno.h>

#include "l7_application/app.h"

static void discard_run(struct app_conn *c)
{
    int n = app_conn_drain(c);

    if (n == -EAGAIN)
        app_conn_progress(c);
    else if (n == 0)
        app_conn_close(c);
    else
        app_conn_abort(c);
}

static int discard_datagram(struct app *a, uint8_t *bytes, size_t len)
{
    (void)a;
    (void)bytes;
    (void)len;
    return -1;
}

const struct app_service app_discard = {
    .name = "discard",
    .port = 9,
    .about = "throws away what it receives (RFC 863)",
    .run = discard_run,
    .datagram = discard_datagram,
    .takes_trains = true,
};
