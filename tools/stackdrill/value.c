/*
 * value.c - what a name stands for: kept by a packet, counted by a loop, set by code, or known of
 * the connection, asked in this order.
 */
#include <string.h>

#include "run.h"

void run_keep(struct run *r, const char *name, int64_t number)
{
    expr_set(r->env, name, number);
    for (size_t i = 0; i < r->name_count; i++) {
        if (strcmp(r->names[i].name, name) == 0) {
            r->names[i].number = number;
            return;
        }
    }
    if (r->name_count < RUN_NAMES)
        r->names[r->name_count++] = (struct run_name){name, number};
}

bool run_lookup(void *arg, const char *name, int64_t *number)
{
    struct run *r = arg;

    for (size_t i = 0; i < r->name_count; i++) {
        if (strcmp(r->names[i].name, name) == 0) {
            *number = r->names[i].number;
            return true;
        }
    }
    return expr_get(r->env, name, number) || fact_value(r, r->current, name, number);
}

bool run_value(struct run *r, const struct script_value *v, int64_t *number)
{
    const char *unknown = NULL;

    *number = 0;
    if (!v->is_set)
        return true;
    if (script_value_of(v, run_lookup, r, number, &unknown))
        return true;
    return run_fail(r, "nothing is known as $%s: keep it before by an outbound `=$%s`", unknown,
                    unknown);
}
