/*
 * echo.c - the echo protocol (RFC 862): what comes in goes out again, byte by byte or datagram by
 * datagram.
 *
 * TCP: bytes go from the receive buffer to the send buffer in one copy, as many as there is room
 * for. While the peer does not read, the send buffer stays full, nothing is consumed, our window
 * closes, and the peer has to wait: back-pressure without a byte of memory of our own. A peer that
 * has sent its FIN still gets everything it sent, then our FIN.
 *
 * UDP: datagrams that the wire has joined are answered as they came, joined (app.c passes on how).
 */
#include <errno.h>

#include "l7_application/app.h"

/* Copy from @in what fits. Return: bytes, or a negative errno value. */
static int echo_copy(struct app_conn *c, const struct span in[2])
{
    struct socks *s = c->app->env.socks;
    size_t done = 0;

    for (int i = 0; i < 2; i++) {
        for (size_t off = 0; off < in[i].len;) {
            struct mspan room;
            int n = app_conn_reserve(c, in[i].len - off, &room);

            if (n <= 0)
                return done > 0 ? (int)done : n;
            memcpy(room.p, in[i].p + off, (size_t)n);
            bool last = i == 1 || in[1].len == 0;

            off += (size_t)n;
            n = sock_commit(s, c->sd, (size_t)n, last && off == in[i].len ? 0 : SOCK_MSG_MORE);
            if (n < 0)
                return n;
            done = off + (i == 1 ? in[0].len : 0);
        }
    }
    return (int)done;
}

static void echo_run(struct app_conn *c)
{
    for (;;) {
        struct span in[2];
        int n = sock_peek(c->app->env.socks, c->sd, in, NULL), all = n;

        if (n == 0) { /* the peer's FIN, and all before it is echoed */
            app_conn_close(c);
            return;
        }
        if (n > 0)
            n = echo_copy(c, in);
        if (n == -EAGAIN || n == 0)
            return; /* nothing to read, or no room to write: the next event is the other one's */
        int done = n;

        if (n > 0)
            n = sock_consume(c->app->env.socks, c->sd, (size_t)n);
        if (n < 0) {
            app_conn_abort(c);
            return;
        }
        app_conn_progress(c);
        if (done == all && app_conn_is_dry(c))
            return;
    }
}

static int echo_datagram(struct app *a, uint8_t *bytes, size_t len)
{
    (void)a;
    (void)bytes; /* the answer is the question */
    return (int)len;
}

const struct app_service app_echo = {
    .name = "echo",
    .port = 7,
    .about = "sends back what it receives (RFC 862)",
    .run = echo_run,
    .datagram = echo_datagram,
    .takes_trains = true,
};
