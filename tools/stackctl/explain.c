/*
 * explain.c - `explain CONN`: why is it not sending, or not receiving?
 */
#include "stackctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONN_ENOUGH = 16 }; /* that many are shown */

/* The only one that is meant by @name: among several one that is not in TIME-WAIT counts. Return: its
 * whole name, to be released; NULL: said why. */
static char *conn_choose(const char *name, const json_t *found)
{
    const json_t *o, *one = NULL;
    size_t i, live = 0;

    json_array_foreach(found, i, o)
    {
        if (strcmp(jstr(o, "state"), "TIME_WAIT") != 0) {
            live++;
            one = o;
        }
    }
    if (json_array_size(found) == 1)
        one = json_array_get(found, 0);
    else if (live != 1)
        one = NULL;
    if (one != NULL)
        return strdup(jstr(one, "conn"));
    ctl_say(CTL_USAGE, "%s names several connections: choose one of these", name);
    json_array_foreach(found, i, o)
    {
        if (i == CONN_ENOUGH) {
            fprintf(stderr, "    ... and more\n");
            break;
        }
        fprintf(stderr, "    %s %s\n", jstr(o, "conn"), jstr(o, "state"));
    }
    return NULL;
}

/* The connections that @name is part of, no more than it takes to see that there are several. NULL: said
 * why. */
static json_t *conn_find(struct ctl *c, const char *name, int *status)
{
    json_t *request = json_pack("{s:s,s:s}", "cmd", "find", "conn", name), *found = json_array();

    for (bool more = true; more;) {
        json_t *reply = ctl_ask(c, json_copy(request), status);

        if (reply == NULL)
            break;
        json_t *next = json_object_get(reply, "next");

        json_array_extend(found, json_object_get(reply, "found"));
        more = next != NULL && json_array_size(found) <= CONN_ENOUGH;
        if (more)
            json_object_set(request, "from", next);
        json_decref(reply);
    }
    json_decref(request);
    if (*status == CTL_OK)
        return found;
    json_decref(found);
    return NULL;
}

char *ctl_conn(struct ctl *c, const char *name, int *status)
{
    json_t *found = conn_find(c, name, status);

    if (found == NULL)
        return NULL;
    /* None: perhaps a listener, or nothing; stackd will say. */
    char *whole = json_array_size(found) == 0 ? strdup(name) : conn_choose(name, found);

    if (whole == NULL)
        *status = CTL_USAGE;
    json_decref(found);
    return whole;
}

static void print_reason(const struct ctl *c, const json_t *r, bool first)
{
    static const char *const sides[][2] = {
        {"send",    "not sending"  },
        {"receive", "not receiving"},
        {"life",    "besides"      },
    };
    const char *side = jstr(r, "side"), *words = "";

    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        if (strcmp(sides[i][0], side) == 0)
            words = sides[i][1];
    }
    printf("%s%-14s%s %s", ctl_paint(c, first ? "bold" : ""), first ? words : "", ctl_paint(c, ""),
           jstr(r, "sentence"));
    if (*jstr(r, "rfc") != '\0')
        printf(" %s[%s]%s", ctl_paint(c, "dim"), jstr(r, "rfc"), ctl_paint(c, ""));
    putchar('\n');
}

int ctl_explain(struct ctl *c)
{
    int status;
    size_t i;
    const json_t *r;
    const char *side = "";

    if (c->words != 1)
        return ctl_say(CTL_USAGE, "explain needs a connection: try stackctl explain "
                                  "10.0.0.2:80-10.0.0.1:40112, or a port");
    char *name = ctl_conn(c, c->word[0], &status);

    if (name == NULL)
        return status;
    json_t *reply = ctl_ask(c, json_pack("{s:s,s:s}", "cmd", "explain", "conn", name), &status);

    free(name);
    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        printf("%s%s%s %s\n", ctl_paint(c, "bold"), jstr(reply, "conn"), ctl_paint(c, ""),
               jstr(reply, "state"));
        json_array_foreach(json_object_get(reply, "reasons"), i, r)
        {
            print_reason(c, r, strcmp(side, jstr(r, "side")) != 0);
            side = jstr(r, "side");
        }
    }
    json_decref(reply);
    return CTL_OK;
}
