/*
 * line.h - lines of text, many of them, fast: what printf() would cost is most of what a packet may.
 *
 * A line is put together in place and written whole. One that is too long loses its end, never its newline.
 */
#ifndef STACKSCOPE_LINE_H
#define STACKSCOPE_LINE_H

#include <stdio.h>

#include "track.h"

struct line {
    size_t len;
    char b[1024];
};

static inline void line_char(struct line *l, char c)
{
    if (l->len < sizeof(l->b) - 2)
        l->b[l->len++] = c;
}

static inline void line_text(struct line *l, const char *s)
{
    size_t n = strlen(s);

    n = size_min(n, sizeof(l->b) - 2 - l->len);
    memcpy(l->b + l->len, s, n);
    l->len += n;
}

/** line_number - in decimal, at least @digits of them (zeros in front; at most 20). */
void line_number(struct line *l, uint64_t v, unsigned digits);
/** line_seconds - nanoseconds as seconds with @decimals (1 to 9), rounded down. */
void line_seconds(struct line *l, int64_t ns, unsigned decimals);
/** line_addr - as scope_addr_text(). */
void line_addr(struct line *l, const struct scope_addr *a);
/** line_conn - as track_conn_text(): @end first. */
void line_conn(struct line *l, const struct track_conn *c, unsigned end);
/** line_end - a newline; out with it. */
void line_end(struct line *l, FILE *out);

#endif
