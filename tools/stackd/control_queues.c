/*
 * control_queues.c - a command of the control socket, and several queues (queues.h).
 *
 * All commands are written for one host. With --queues they run in each queue's host, one after another
 * and while all stand still, so that a reply is one moment of the whole; and the replies become one. How,
 * is said in the table of commands (control.c): numbers of rows that are about the same thing are added up
 * (counters), such rows stand once (neighbours, routes), or all rows stand there with the number of their
 * queue (connections). What there is once - captures, traces, a ping, a netcat - the first has.
 */
#include "control_client.h"

#include <string.h>

enum { CONTROL_QUEUE_SHIFT = 32 }; /* of "next" and "from": the number of the queue above it */

/* Is @name one of @keys, words with a blank between them? */
static bool control_is_key(const char *keys, const char *name)
{
    size_t len = strlen(name);

    while (keys != NULL && *keys != '\0') {
        size_t n = strcspn(keys, " ");

        if (n == len && memcmp(keys, name, n) == 0)
            return true;
        keys += n + strspn(keys + n, " ");
    }
    return false;
}

/* Are two rows about the same thing? One without a key is about nothing that could be. */
static bool control_same(const char *keys, json_t *a, const json_t *b)
{
    bool has_key = false;
    const char *name;
    json_t *value;

    json_object_foreach(a, name, value)
    {
        if (!control_is_key(keys, name))
            continue;
        if (!json_equal(value, json_object_get(b, name)))
            return false;
        has_key = true;
    }
    return has_key;
}

/* The row of @rows that is about what @row is; NULL. The tables of all queues are much alike, so it is
 * looked for where it would stand first. */
static json_t *control_find(json_t *rows, const char *keys, const json_t *row, size_t guess)
{
    size_t count = json_array_size(rows);

    for (size_t i = 0; i < count; i++) {
        json_t *other = json_array_get(rows, (guess + i) % count);

        if (control_same(keys, other, row))
            return other;
    }
    return NULL;
}

/* Neighbours and paths: what was heard of last, and the path that takes least. */
static bool control_is_better(const json_t *row, const json_t *than)
{
    static const char *const less[] = {"age", "mtu"};

    for (size_t i = 0; i < ARRAY_LEN(less); i++) {
        const json_t *a = json_object_get(row, less[i]), *b = json_object_get(than, less[i]);

        if (a != NULL && (b == NULL || json_number_value(a) < json_number_value(b)))
            return true;
    }
    return false;
}

static void control_add(const struct control_command *cmd, json_t *into, json_t *from);

static void control_add_rows(const struct control_command *cmd, json_t *into, json_t *from)
{
    json_t *row;
    size_t i;

    json_array_foreach(from, i, row)
    {
        json_t *same = json_is_object(row) ? control_find(into, cmd->keys, row, i) : NULL;

        if (same == NULL)
            json_array_append(into, row);
        else if (cmd->how == CONTROL_SUM)
            control_add(cmd, same, row);
        else if (control_is_better(row, same))
            json_object_update(same, row);
    }
}

/* Make one object of two. */
static void control_add(const struct control_command *cmd, json_t *into, json_t *from)
{
    const char *name;
    json_t *value;

    json_object_foreach(from, name, value)
    {
        json_t *mine = json_object_get(into, name);

        if (mine == NULL)
            json_object_set(into, name, value);
        else if (json_is_array(mine) && cmd->keys != NULL)
            control_add_rows(cmd, mine, value);
        else if (json_is_object(mine) && cmd->how == CONTROL_SUM)
            control_add(cmd, mine, value);
        else if (json_is_integer(mine) && cmd->how == CONTROL_SUM &&
                 !control_is_key(cmd->keys, name))
            json_integer_set(mine, json_integer_value(mine) + json_integer_value(value));
    }
}

/* Run @cmd in queue @i, which stands still. */
static json_t *control_run_in(const struct control_command *cmd, struct client *c, unsigned i,
                              const json_t *request)
{
    struct stackd *first = c->ctl->d;

    c->ctl->d = queues_touch(first, i);
    json_t *reply = cmd->run(c, request);

    c->ctl->d = first;
    return reply;
}

/* All parts of a long table as one. */
static json_t *control_run_whole(const struct control_command *cmd, struct client *c, unsigned i,
                                 json_t *request)
{
    json_t *all = control_run_in(cmd, c, i, request), *next;

    while ((next = json_object_get(all, "next")) != NULL) {
        json_object_set(request, "from", next);
        json_object_del(all, "next");
        json_t *part = control_run_in(cmd, c, i, request), *value;
        const char *name;

        json_object_foreach(part, name, value)
        {
            if (json_is_array(value))
                json_array_extend(json_object_get(all, name), value);
            else
                json_object_set(all, name, value);
        }
        json_decref(part);
    }
    json_object_del(request, "from");
    return all;
}

/* Counters that are zero everywhere, when only others were asked for. */
static void control_drop_zeros(json_t *rows)
{
    for (size_t i = json_array_size(rows); i-- > 0;) {
        const json_t *value = json_object_get(json_array_get(rows, i), "value");

        if (value != NULL && json_integer_value(value) == 0)
            json_array_remove(rows, i);
    }
}

static json_t *control_run_merged(const struct control_command *cmd, struct client *c,
                                  const json_t *request)
{
    bool all = json_is_true(json_object_get(request, "all"));
    json_t *each = json_copy((json_t *)(uintptr_t)request), *reply = NULL;

    if (cmd->how == CONTROL_SUM)
        json_object_set_new(each, "all", json_true()); /* the same rows everywhere */
    for (unsigned i = 0; i < queues_count(c->ctl->d); i++) {
        json_t *one = control_run_whole(cmd, c, i, each);

        if (reply == NULL || (json_is_false(json_object_get(reply, "ok")) &&
                              json_is_true(json_object_get(one, "ok")))) {
            json_decref(reply);
            reply = one;
            continue;
        }
        if (json_is_true(
                json_object_get(one, "ok"))) /* refused by one, it may be done by another */
            control_add(cmd, reply, one);
        json_decref(one);
    }
    json_decref(each);
    const char *name;
    json_t *value;

    json_object_foreach(reply, name, value)
    {
        if (cmd->how == CONTROL_SUM && !all && json_is_array(value))
            control_drop_zeros(value);
    }
    return reply;
}

static void control_number_rows(json_t *rows, unsigned queue)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
        json_object_set_new(row, "queue", json_integer((json_int_t)queue));
}

/* One part of the tables of all queues: of one of them. */
static json_t *control_run_rows(const struct control_command *cmd, struct client *c,
                                const json_t *request)
{
    json_int_t from = json_integer_value(json_object_get(request, "from"));
    json_int_t queue = from > 0 ? from >> CONTROL_QUEUE_SHIFT : 0;
    unsigned count = queues_count(c->ctl->d);

    if (queue >= count)
        return control_usage("there is no part %" JSON_INTEGER_FORMAT, from);
    json_t *one = json_copy((json_t *)(uintptr_t)request);

    json_object_set_new(one, "from",
                        json_integer(from & (((json_int_t)1 << CONTROL_QUEUE_SHIFT) - 1)));
    json_t *reply = control_run_in(cmd, c, (unsigned)queue, one), *next, *value;
    const char *name;

    json_decref(one);
    json_object_foreach(reply, name, value)
        control_number_rows(value, (unsigned)queue); /* of what is no array there are none */
    next = json_object_get(reply, "next");
    if (next != NULL)
        json_object_set_new(reply, "next",
                            json_integer(queue << CONTROL_QUEUE_SHIFT | json_integer_value(next)));
    else if (queue + 1 < count)
        json_object_set_new(reply, "next", json_integer((queue + 1) << CONTROL_QUEUE_SHIFT));
    return reply;
}

json_t *control_run(const struct control_command *cmd, struct client *c, const json_t *request)
{
    if (c->ctl->d->queues == NULL || cmd->how == CONTROL_FIRST)
        return cmd->run(c, request);
    if (cmd->how == CONTROL_ROWS_OF_EACH)
        return control_run_rows(cmd, c, request);
    return control_run_merged(cmd, c, request);
}
