/*
 * ladder_mermaid.c - a ladder as a Mermaid sequenceDiagram, for pages that draw it themselves.
 *
 * Mermaid reads a message up to the end of its line; in it `#` begins an entity and `;` ends the line, so both
 * are written as entities, and so is what a page might take for HTML. Arrows: `->>` arrives,
 * `--x` does not, `-->>` perhaps did not. States, silences and folds are notes.
 */
#include <inttypes.h>
#include <string.h>

#include "ladder.h"
#include "units.h"

static const char *const ends[2] = {"C", "S"};

static void mermaid_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '#' || c == ';' || c == '<' || c == '>' || c == '&' || c == '"' || c == '%' ||
            c == '{' || c == '}')
            fprintf(out, "#%u;", (unsigned)c);
        else
            fputc(c < 0x20 || c == 0x7f ? '.' : c, out);
    }
}

static void mermaid_over(FILE *out, const char *text)
{
    fputs("    Note over C,S: ", out);
    mermaid_text(out, text);
    fputs("\n", out);
}

static void mermaid_state(FILE *out, unsigned end, const struct ladder_change *c)
{
    fprintf(out, "    Note %s of %s: %s%s", end == 0 ? "left" : "right", ends[end],
            track_state_name(c->to), c->presumed ? " (presumed)" : "");
    if (c->cause[0] != '\0') {
        fputs("<br/>", out);
        mermaid_text(out, c->cause);
    }
    fputs("\n", out);
}

static void mermaid_row(FILE *out, const struct ladder *l, size_t i,
                        const struct ladder_style *style)
{
    const struct ladder_row *r = &l->rows[i];
    int64_t gap = ladder_gap(l, i, style);
    char text[LADDER_LABEL + 64], fold[LADDER_LABEL], n[UNITS_TEXT];
    struct ladder_note notes[LADDER_NOTES];

    if (gap > 0) {
        snprintf(text, sizeof(text), "%s of silence", units_time(gap, style->ascii, n));
        mermaid_over(out, text);
    }
    if (ladder_is_fold(r)) {
        ladder_fold_text(r, style->ascii, fold);
        snprintf(text, sizeof(text), "%s %s %s", style->ascii ? "..." : "…", fold,
                 style->ascii ? "..." : "…");
        mermaid_over(out, text);
    } else {
        const char *arrow = r->fate == LADDER_LOST || r->fate == LADDER_REFUSED ? "--x"
                            : r->fate == LADDER_SENT_AGAIN                      ? "-->>"
                                                                                : "->>";

        fprintf(out, "    %s%s%s: ", ends[r->from], arrow, ends[!r->from]);
        ladder_label(r, LADDER_LABEL - 1, text);
        mermaid_text(out, text);
        unsigned count = ladder_notes(l, r, style, notes);

        for (unsigned k = 0; k < count; k++) {
            fputs("<br/>", out);
            mermaid_text(out, notes[k].text);
        }
        fputs("\n", out);
    }
    for (unsigned e = 0; e < 2; e++) {
        const struct ladder_change *c;
        size_t at = 0;

        while ((c = ladder_next_change(l, r, e, &at)) != NULL)
            mermaid_state(out, e, c);
    }
}

void ladder_mermaid(FILE *out, const struct ladder *l, const struct ladder_style *style)
{
    char title[200];

    ladder_title(l, style, title, sizeof(title));
    fputs("sequenceDiagram\n    %% ", out);
    fprintf(out, "%s\n", title);
    for (unsigned e = 0; e < 2; e++) {
        fprintf(out, "    participant %s as ", ends[e]);
        mermaid_text(out, ladder_name(l, style, e));
        fputs("\n", out);
    }
    fprintf(out, "    Note left of C: %s\n", track_state_name(ladder_first_state(l, 0)));
    fprintf(out, "    Note right of S: %s\n", track_state_name(ladder_first_state(l, 1)));
    for (size_t i = 0; i < l->count; i++)
        mermaid_row(out, l, i, style);
    for (unsigned e = 0; e < 2; e++) {
        const struct ladder_change *c;
        size_t at = 0;

        while ((c = ladder_next_change(l, NULL, e, &at)) != NULL)
            mermaid_state(out, e, c);
    }
}
