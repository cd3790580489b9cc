/*
 * copying.c - chargen of a stackd that lends nothing: what `stackd, copying` is in bench.sh.
 *
 * stackd's own chargen lends its bytes (sock_send_ref), so they are never copied on our side. Most
 * programs send as this one does: sock_send() from memory of their own, one copy of every byte into
 * the send queue, 64 KB a call, as the bound with a copy does. All else in build/tests/bench/stackd-copying
 * is stackd itself, the same objects and libraries; as its chargen is defined here, the library's is not linked.
 */
#include <errno.h>

#include "l7_application/app.h"

enum { COPYING_PIECE = 64 << 10 };

static void copying_run(struct app_conn *c)
{
    uint8_t *text = app_conn_memory(c);
    int n = app_conn_drain(c);

    if (n == 0) {
        app_conn_close(c);
        return;
    }
    if (text[0] == '\0') { /* nobody has asked before */
        for (size_t i = 0; i < COPYING_PIECE; i++)
            text[i] = (uint8_t)(' ' + i % 95);
    }
    while ((n = sock_send(c->app->env.socks, c->sd, text, COPYING_PIECE, 0)) > 0)
        app_conn_progress(c);
    if (n < 0 && n != -EAGAIN)
        app_conn_abort(c);
    else
        c->stuck = true;
}

const struct app_service app_chargen = {
    .name = "chargen",
    .port = 19,
    .memory = COPYING_PIECE,
    .about = "sends characters without end, each copied once",
    .run = copying_run,
};
