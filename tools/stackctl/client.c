/*
 * client.c - requests and replies, and what the user is told when one fails.
 */
#include "stackctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *jstr(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s != NULL ? s : "";
}
long long jnum(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}
double jreal(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}
bool jbool(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

static int ctl_dial_failed(const char *path, int err)
{
    char why[512];

    return ctl_say(CTL_FAILED, "%s", dial_why("stackctl", path, err, why, sizeof(why)));
}

/* Without --control: whoever answers in the usual folders, if it is only one. */
static int ctl_find(struct ctl *c)
{
    struct dial_place place[DIAL_MOST];
    char all[DIAL_MOST * (DIAL_PATH + 1) + 1] = "";
    int n = dial_places(place), found = 0, forbidden = -1;

    for (int i = 0; i < n; i++) {
        struct dial one;
        int err = dial_open(&one, place[i].path);

        if (err == -EACCES || err == -EPERM)
            forbidden = i;
        if (err != 0)
            continue;
        if (found++ == 0) {
            c->to = one;
            c->control = c->to.path;
        } else {
            dial_close(&one);
        }
        size_t len = strlen(all);

        snprintf(all + len, sizeof(all) - len, " %s", place[i].path);
    }
    if (found == 0 && forbidden >= 0)
        return ctl_dial_failed(place[forbidden].path, EACCES);
    if (found == 0)
        return ctl_say(CTL_FAILED,
                       "no stackd is running here: start one (`sudo stackd --tap "
                       "tap0', or `stackd --netns'), or name its socket with --control");
    if (found > 1)
        return ctl_say(CTL_USAGE, "%d stackds are running: choose one with --control:%s", found,
                       all);
    return CTL_OK;
}

int ctl_connect(struct ctl *c)
{
    if (c->to.fd >= 0)
        return CTL_OK;
    if (c->control == NULL)
        return ctl_find(c);
    int err = dial_open(&c->to, c->control);

    return err == 0 ? CTL_OK : ctl_dial_failed(c->control, -err);
}

json_t *ctl_ask(struct ctl *c, json_t *request, int *status)
{
    *status = ctl_connect(c);
    json_t *reply = *status == CTL_OK ? dial_ask(&c->to, request) : NULL;

    json_decref(request);
    if (*status != CTL_OK)
        return NULL;
    if (reply == NULL) {
        *status =
            ctl_say(CTL_FAILED, "stackd closed the connection: has it ended? (%s)", c->control);
        return NULL;
    }
    if (!jbool(reply, "ok")) {
        const char *mend = jstr(reply, "mend");

        *status = ctl_say(strcmp(jstr(reply, "kind"), "usage") == 0 ? CTL_USAGE : CTL_FAILED,
                          "%s%s%s", jstr(reply, "error"), *mend != '\0' ? ": " : "", mend);
        json_decref(reply);
        return NULL;
    }
    return reply;
}

json_t *ctl_ask_all(struct ctl *c, json_t *request, const char *const *keys, int *status)
{
    json_t *all = NULL;

    for (;;) {
        json_t *part = ctl_ask(c, json_copy(request), status);

        if (part == NULL) {
            json_decref(all);
            all = NULL;
            break;
        }
        json_t *next = json_object_get(part, "next");

        if (next != NULL)
            json_object_set(request, "from", next);
        bool more = next != NULL;

        json_object_del(part, "next");
        if (all == NULL) {
            all = part;
        } else {
            for (const char *const *k = keys; *k != NULL; k++)
                json_array_extend(json_object_get(all, *k), json_object_get(part, *k));
            json_decref(part);
        }
        if (!more)
            break;
    }
    json_decref(request);
    return all;
}

void ctl_print_json(const json_t *reply)
{
    json_t *copy = json_copy((json_t *)(size_t)reply);

    json_object_del(copy, "ok");
    json_dumpf(copy, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(copy);
}

int ctl_do(struct ctl *c, json_t *request)
{
    int status;
    json_t *reply = ctl_ask(c, request, &status);

    if (reply != NULL && c->json)
        ctl_print_json(reply);
    json_decref(reply);
    return status;
}
