/*
 * line.h - lines of text, many of them, fast: what printf() would cost is most of what a packet may.
 *
 * A line is put together by base/fmt.h in a buffer that has room for its newline, and written whole. One that is
 * too long loses its end.
 */
#ifndef STACKSCOPE_LINE_H
#define STACKSCOPE_LINE_H

#include <stdio.h>

#include "base/fmt.h"
#include "track.h"

/** line_text - as fmt_str(), for texts that are long enough to be measured first. */
static inline void line_text(struct fmt *f, const char *s)
{
    fmt_bytes(f, s, strlen(s));
}

/** line_seconds - nanoseconds as seconds with @decimals (1 to 9), rounded down. */
void line_seconds(struct fmt *f, int64_t ns, unsigned decimals);
/** line_addr - as scope_addr_text(). */
void line_addr(struct fmt *f, const struct scope_addr *a);
/** line_conn - as track_conn_text(): @end first. */
void line_conn(struct fmt *f, const struct track_conn *c, unsigned end);
/** line_end - a newline, behind what @f has room for; out with it, and @f is empty again. */
void line_end(struct fmt *f, FILE *out);

#endif
