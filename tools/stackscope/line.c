/*
 * line.c - lines of text, fast: line.h.
 */
#include "line.h"

void line_seconds(struct fmt *f, int64_t ns, unsigned decimals)
{
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns, fraction = v % 1000000000u;

    if (ns < 0)
        fmt_char(f, '-');
    for (unsigned i = decimals; i < 9; i++)
        fraction /= 10;
    fmt_u64(f, v / 1000000000u);
    fmt_char(f, '.');
    fmt_u64_pad(f, fraction, decimals);
}

void line_addr(struct fmt *f, const struct scope_addr *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[46];

    if (memcmp(a->b, mapped, sizeof(mapped)) != 0) {
        line_text(f, scope_addr_text(a, text));
        return;
    }
    for (unsigned i = 12; i < 16; i++) {
        if (i > 12)
            fmt_char(f, '.');
        fmt_u64(f, a->b[i]);
    }
}

void line_conn(struct fmt *f, const struct track_conn *c, unsigned end)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct track_end *e = &c->end[i == 0 ? end : 1 - end];

        if (i > 0)
            fmt_char(f, '-');
        line_addr(f, &e->addr);
        fmt_char(f, ':');
        fmt_u64(f, e->port);
    }
}

void line_end(struct fmt *f, FILE *out)
{
    f->p[f->len] = '\n';
    fwrite_unlocked(f->p, 1, f->len + 1, out);
    f->len = 0;
}
