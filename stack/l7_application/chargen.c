/*
 * chargen.c - the character generator (RFC 864).
 *
 * TCP: lines of 72 of the 95 printing characters, each line begun one character further, as fast as
 * the peer reads and until it closes. The stream repeats after 95 lines of 74 bytes, which each host
 * makes once, so a connection's whole state is its position in that period (its `mark`). UDP: each
 * datagram is answered by one with a random number of characters between 0 and 512. What comes in is
 * thrown away.
 */
#include <errno.h>

#include "l7_application/app.h"

enum {
    CHARGEN_CHARS = 95, /* ' ' ... '~' */
    CHARGEN_COLUMNS = 72,
    CHARGEN_LINE = CHARGEN_COLUMNS + 2,
    CHARGEN_PERIOD = CHARGEN_CHARS * CHARGEN_LINE,
    CHARGEN_PIECE = 64 * 1024, /* asked for at once */
    CHARGEN_UDP_MAX = 512
};

/* Twice around, so that every line stands in one piece. */
static const char chargen_ring[] =
    " !\"#$%&'()*+,-./"
    "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    " !\"#$%&'()*+,-./"
    "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
static_assert(sizeof(chargen_ring) == 2 * CHARGEN_CHARS + 1, "all printing characters, twice");

/* Write @len characters of the stream from position @at on. */
static void chargen_write(uint8_t *p, size_t len, uint32_t at)
{
    while (len > 0) {
        uint32_t line = at / CHARGEN_LINE, column = at % CHARGEN_LINE;
        size_t n;

        if (column < CHARGEN_COLUMNS) {
            n = size_min(len, CHARGEN_COLUMNS - column);
            memcpy(p, chargen_ring + line + column, n);
        } else {
            n = 1;
            *p = column == CHARGEN_COLUMNS ? '\r' : '\n';
        }
        p += n;
        len -= n;
        at = (at + (uint32_t)n) % CHARGEN_PERIOD;
    }
}

/* The same from @period, a whole one. Return: the position after them. */
static uint32_t chargen_fill(uint8_t *p, size_t len, uint32_t at, uint8_t *period)
{
    if (period[0] == '\0') /* nobody has asked before */
        chargen_write(period, CHARGEN_PERIOD, 0);
    while (len > 0) {
        size_t n = size_min(len, CHARGEN_PERIOD - at);

        memcpy(p, period + at, n);
        p += n;
        len -= n;
        at = (at + (uint32_t)n) % CHARGEN_PERIOD;
    }
    return at;
}

static void chargen_run(struct app_conn *c)
{
    int n = app_conn_drain(c);

    if (n == 0) {
        app_conn_close(c);
        return;
    }
    while (n >= 0 || n == -EAGAIN) {
        struct mspan room;

        n = app_conn_reserve(c, CHARGEN_PIECE, &room);
        if (n == -EAGAIN || n == 0)
            return;
        if (n < 0)
            break;
        c->mark = chargen_fill(room.p, (size_t)n, c->mark, app_conn_memory(c));
        n = sock_commit(c->app->env.socks, c->sd, (size_t)n, 0);
        app_conn_progress(c);
    }
    app_conn_abort(c);
}

static int chargen_datagram(struct app *a, uint8_t *bytes, size_t len)
{
    (void)len;
    uint32_t n = prng_below(&a->env.core->prng, CHARGEN_UDP_MAX + 1);

    chargen_write(bytes, n, prng_below(&a->env.core->prng, CHARGEN_CHARS) * CHARGEN_LINE);
    return (int)n;
}

const struct app_service app_chargen = {
    .name = "chargen",
    .port = 19,
    .memory = CHARGEN_PERIOD,
    .about = "sends lines of characters without end (RFC 864)",
    .run = chargen_run,
    .datagram = chargen_datagram,
};
