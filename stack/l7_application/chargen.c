/*
 * chargen.c - the character generator (RFC 864).
 *
 * TCP: lines of 72 of the 95 printing characters, each line begun one character further, as fast as
 * the peer reads and until it closes. The stream repeats after 95 lines of 74 bytes. So each host writes
 * it once, some periods, and every connection is lent the same bytes again and again: nothing is copied,
 * and they stay in the cache. Where no record is left for that (sock_send_ref) a connection gets copies until
 * the next period begins; its whole state is its position in the period (its `mark`). UDP: each datagram is
 * answered by one with a random number of characters between 0 and 512. What comes in is thrown away.
 */
#include <errno.h>

#include "l7_application/app.h"

enum {
    CHARGEN_CHARS = 95, /* ' ' ... '~' */
    CHARGEN_COLUMNS = 72,
    CHARGEN_LINE = CHARGEN_COLUMNS + 2,
    CHARGEN_PERIOD = CHARGEN_CHARS * CHARGEN_LINE,
    CHARGEN_LENT = 9 * CHARGEN_PERIOD, /* at once: 63 KB, what one super-segment takes */
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

/* Return: as app_conn_lend(). */
static int chargen_lend(struct app_conn *c)
{
    return app_conn_lend(c,
                         &(struct lent){
                             {app_conn_memory(c), CHARGEN_LENT},
                             NULL, NULL
    },
                         false);
}

/* Copy what is left of a period. Return: as app_conn_reserve(). */
static int chargen_copy(struct app_conn *c)
{
    const uint8_t *period = app_conn_memory(c);
    struct mspan room;
    int n = app_conn_reserve(c, CHARGEN_PERIOD - c->mark, &room);

    if (n <= 0)
        return n;
    memcpy(room.p, period + c->mark, (size_t)n);
    c->mark = (c->mark + (uint32_t)n) % CHARGEN_PERIOD;
    int err = sock_commit(c->app->env.socks, c->sd, (size_t)n, 0);

    return err < 0 ? err : n;
}

static void chargen_run(struct app_conn *c)
{
    uint8_t *memory = app_conn_memory(c);
    int n = app_conn_drain(c);

    if (n == 0) {
        app_conn_close(c);
        return;
    }
    if (memory[0] == '\0') /* nobody has asked before */
        chargen_write(memory, CHARGEN_LENT, 0);
    do {
        n = c->mark == 0 ? chargen_lend(c) : -ENOBUFS;
        if (n == -ENOBUFS)
            n = chargen_copy(c);
        if (n > 0)
            app_conn_progress(c);
    } while (n > 0);
    if (n < 0 && n != -EAGAIN)
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
    .memory = CHARGEN_LENT,
    .about = "sends lines of characters without end (RFC 864)",
    .run = chargen_run,
    .datagram = chargen_datagram,
};
