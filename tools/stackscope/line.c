/*
 * line.c - lines of text, fast: line.h.
 */
#include "line.h"

void line_number(struct line *l, uint64_t v, unsigned digits)
{
    char d[20];
    unsigned n = 0;

    do {
        d[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    while (n < digits && n < sizeof(d))
        d[n++] = '0';
    while (n > 0)
        line_char(l, d[--n]);
}

void line_seconds(struct line *l, int64_t ns, unsigned decimals)
{
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns, fraction = v % 1000000000u;

    if (ns < 0)
        line_char(l, '-');
    for (unsigned i = decimals; i < 9; i++)
        fraction /= 10;
    line_number(l, v / 1000000000u, 1);
    line_char(l, '.');
    line_number(l, fraction, decimals);
}

void line_addr(struct line *l, const struct scope_addr *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[46];

    if (memcmp(a->b, mapped, sizeof(mapped)) != 0) {
        line_text(l, scope_addr_text(a, text));
        return;
    }
    for (unsigned i = 12; i < 16; i++) {
        if (i > 12)
            line_char(l, '.');
        line_number(l, a->b[i], 1);
    }
}

void line_conn(struct line *l, const struct track_conn *c, unsigned end)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct track_end *e = &c->end[i == 0 ? end : 1 - end];
        if (i > 0)
            line_char(l, '-');
        line_addr(l, &e->addr);
        line_char(l, ':');
        line_number(l, e->port, 1);
    }
}

void line_end(struct line *l, FILE *out)
{
    l->b[l->len++] = '\n';
    fwrite_unlocked(l->b, 1, l->len, out);
    l->len = 0;
}
