/*
 * conformance.c - stackctl conformance: how many requirements of which RFC this program is shown to meet.
 *
 * The counts are those of docs/rfc-map.md and docs/conformance.md as they were when it was built
 * (tools/gen-rfcmap/counts.cmake turns their tables into counts.inc); no stackd needs to run.
 */
#include <stdio.h>
#include <string.h>

#include "stackctl.h"

enum { LEVELS = 5 };
static const char *const level_names[LEVELS] = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"};
static const char *const level_keys[LEVELS] = {"must", "must_not", "should", "should_not", "may"};

/* A cell is "75+9/89": tested, deliberately different, all; empty where the RFC has none. */
struct row {
    const char *rfc, *title, *cell[LEVELS];
};

#define CONFORMANCE(rfc, title, ...) {rfc, title, {__VA_ARGS__}},
#define MUTATION(day, killed, of)
static const struct row rows[] = {
#include "counts.inc"
};
#undef CONFORMANCE
#undef MUTATION

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* What tests/mutation/mutate.py found last: at most one entry, and a last one that is empty. */
struct score {
    const char *day;
    unsigned killed, of;
};
#define CONFORMANCE(...)
#define MUTATION(day, killed, of) {day, killed, of},
static const struct score scores[] = {
#include "counts.inc"
    {NULL, 0, 0}
};

static bool is_sum(const struct row *r)
{
    return strcmp(r->rfc, "all") == 0;
}

static void cell_counts(const char *cell, unsigned *tested, unsigned *differs, unsigned *of)
{
    *tested = *differs = *of = 0;
    if (sscanf(cell, "%u+%u/%u", tested, differs, of) != 3) {
        *differs = 0;
        (void)sscanf(cell, "%u/%u", tested, of);
    }
}

static json_t *row_json(const struct row *r)
{
    json_t *o = json_pack("{s:s, s:s}", "rfc", r->rfc, "title", r->title);

    for (int i = 0; i < LEVELS; i++) {
        unsigned tested, differs, of;

        cell_counts(r->cell[i], &tested, &differs, &of);
        json_object_set_new(
            o, level_keys[i],
            json_pack("{s:i, s:i, s:i}", "tested", tested, "differs", differs, "of", of));
    }
    return o;
}

static bool is_wanted(const struct ctl *c, const struct row *r)
{
    for (int i = 0; i < c->words; i++) {
        if (strcmp(c->word[i], r->rfc) == 0)
            return true;
    }
    return c->words == 0;
}

static void show_json(const struct ctl *c)
{
    json_t *list = json_array(), *sums = json_array();
    json_t *all =
        json_pack("{s:s, s:o, s:o}", "version", STACKD_VERSION, "rfcs", list, "sums", sums);

    for (int i = 0; i < ROWS; i++) {
        if (is_wanted(c, &rows[i]))
            json_array_append_new(is_sum(&rows[i]) ? sums : list, row_json(&rows[i]));
    }
    if (scores[0].day != NULL)
        json_object_set_new(all, "mutation",
                            json_pack("{s:s, s:i, s:i}", "day", scores[0].day, "killed",
                                      scores[0].killed, "mutants", scores[0].of));
    ctl_print_json(all);
    json_decref(all);
}

static void show_table(const struct ctl *c)
{
    printf("%s%-5s %-38s", ctl_paint(c, "bold"), "RFC", "tested+different/all");
    for (int i = 0; i < LEVELS; i++)
        printf(" %10s", level_names[i]);
    printf("%s\n", ctl_paint(c, ""));
    for (int i = 0; i < ROWS; i++) {
        if (!is_wanted(c, &rows[i]))
            continue;
        printf("%s%-5s %-38s", ctl_paint(c, is_sum(&rows[i]) ? "bold" : ""), rows[i].rfc,
               rows[i].title);
        for (int k = 0; k < LEVELS; k++)
            printf(" %10s", rows[i].cell[k]);
        printf("%s\n", ctl_paint(c, ""));
    }
    if (scores[0].day != NULL && c->words == 0)
        printf("the tests noticed %u of %u small errors put into the code (%.1f %%, %s)\n",
               scores[0].killed, scores[0].of, 100.0 * scores[0].killed / scores[0].of,
               scores[0].day);
}

int ctl_conformance(struct ctl *c)
{
    for (int i = 0; i < c->words; i++) {
        bool found = false;

        for (int k = 0; k < ROWS && !found; k++)
            found = strcmp(rows[k].rfc, c->word[i]) == 0;
        if (!found)
            return ctl_say(
                CTL_USAGE,
                "no requirement of RFC %s is tested: try stackctl conformance for those that are",
                c->word[i]);
    }
    if (c->json)
        show_json(c);
    else
        show_table(c);
    return CTL_OK;
}
