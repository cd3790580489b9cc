/*
 * probe.c - `probe`: a hypothetical segment, the rules it meets, what would be sent, what would be different.
 *
 * stackd tells what happened in the order in which it did; here the layers below TCP are put in front of
 * its steps, where they belong.
 */
#include "stackctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct argp_option probe_options[] = {
    {"flags",                                                            KEY_FLAGS, "FLAGS", 0,
     "Of F S R P . U E W, as tcpdump writes them; A and C mean . and W", 0},
    {"seq",                                                           KEY_SEQ, "N|+N|-N", 0,
     "Sequence number, or an offset to the one in order (the default)", 0},
    {"ack", KEY_ACK, "N|+N|-N", 0, "Acknowledgment number, or an offset to SND.NXT (the default)",
     0},
    {"win",                                                                  KEY_WIN, "N", 0, "Window field, 65535", 0},
    {"len", KEY_LEN, "BYTES", 0, "Data, 0", 0},
    {"opt",                                                                 KEY_OPT, "OPTION", 0,
     "mss=N wscale=N sackok ts=VAL:ECR sack=L:R, none; repeatable. Without: the timestamp, where "
     "one is agreed on", 0},
    {"ttl",                                                                 KEY_TTL, "N", 0, "Time to live, 64", 0},
    {"bad-sum",                                                              KEY_BAD_SUM, NULL, 0, "A wrong checksum", 0},
    {0                                                        }
};

bool probe_option(struct ctl *c, int key, char *arg)
{
    struct probe_words *p = &c->probe;

    switch (key) {
    case KEY_FLAGS:
        p->flags = arg;
        return true;
    case KEY_SEQ:
        p->seq = arg;
        return true;
    case KEY_ACK:
        p->ack = arg;
        return true;
    case KEY_WIN:
        p->win = ctl_number("--win", arg, 0, 65535) + 1;
        return true;
    case KEY_LEN:
        p->len = ctl_number("--len", arg, 0, 1400);
        return true;
    case KEY_TTL:
        p->ttl = ctl_number("--ttl", arg, 0, 255) + 1;
        return true;
    case KEY_BAD_SUM:
        return p->bad_sum = true;
    case KEY_OPT:
        if (p->opts == (int)(sizeof(p->opt) / sizeof(p->opt[0])))
            exit(ctl_say(CTL_USAGE, "--opt %s: at most %d options", arg, p->opts));
        p->opt[p->opts++] = arg;
        return true;
    default:
        return false;
    }
}

static json_t *probe_request(const struct ctl *c)
{
    const struct probe_words *p = &c->probe;
    bool is_tcp = strcmp(c->word[0], "tcp") == 0;
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:b}", "cmd", "probe", "proto", c->word[0],
                          "src", c->word[1], "dst", c->word[2], "flags",
                          p->flags != NULL ? p->flags
                          : is_tcp         ? "."
                                           : "",
                          "len", (json_int_t)p->len, "bad_sum", p->bad_sum);
    json_t *opts = json_array();

    if (p->seq != NULL)
        json_object_set_new(o, "seq", json_string(p->seq));
    if (p->ack != NULL)
        json_object_set_new(o, "ack", json_string(p->ack));
    if (p->win > 0)
        json_object_set_new(o, "win", json_integer(p->win - 1));
    if (p->ttl > 0)
        json_object_set_new(o, "ttl", json_integer(p->ttl - 1));
    for (int i = 0; i < p->opts; i++)
        json_array_append_new(opts, json_string(p->opt[i]));
    json_object_set_new(o, "opt", opts);
    return o;
}

static bool is(const json_t *o, const char *what)
{
    return strcmp(jstr(o, "what"), what) == 0;
}

static const char *ink_of(const json_t *o)
{
    return strcmp(jstr(o, "result"), "refused") == 0 ? "red" : "green";
}

static void print_layer(const struct ctl *c, const json_t *o)
{
    printf("%-8s %lld reasons to refuse it do not hold: %s%s%s", jstr(o, "layer"),
           jnum(o, "checks"), ctl_paint(c, ink_of(o)), jstr(o, "result"), ctl_paint(c, ""));
    if (*jstr(o, "why") != '\0')
        printf(": %s", jstr(o, "why"));
    putchar('\n');
}

/* What became of the step in line @at: said when the next one came, so perhaps after what it caused. "":
 * it was the last. */
static const char *step_result(const json_t *lines, size_t at)
{
    for (size_t i = at + 1; i < json_array_size(lines); i++) {
        const json_t *o = json_array_get(lines, i);

        if (is(o, "result"))
            return jstr(o, "result");
        if (is(o, "step"))
            break;
    }
    return "";
}

/* In the order in which it happened. */
static void print_walk(const struct ctl *c, const json_t *lines)
{
    const json_t *o;
    size_t i;

    json_array_foreach(lines, i, o)
    {
        const char *result = is(o, "step") ? step_result(lines, i) : "";

        if (is(o, "event"))
            printf("         %s%s%s\n", ctl_paint(c, "yellow"), jstr(o, "text"), ctl_paint(c, ""));
        if (is(o, "step"))
            printf("tcp      %s%s%s%s%s\n", jstr(o, "text"), *result != '\0' ? ": " : "",
                   ctl_paint(c, "green"), result, ctl_paint(c, ""));
    }
}

static void print_verdict(const struct ctl *c, const json_t *o)
{
    printf("%sverdict%s  %s%s%s", ctl_paint(c, "bold"), ctl_paint(c, ""), ctl_paint(c, ink_of(o)),
           jstr(o, "result"), ctl_paint(c, ""));
    if (*jstr(o, "reason") != '\0')
        printf(": %s %s: %s", jstr(o, "layer"), jstr(o, "reason"), jstr(o, "why"));
    putchar('\n');
}

static void print_end(const struct ctl *c, const json_t *lines)
{
    const char *bold = ctl_paint(c, "bold"), *plain = ctl_paint(c, "");
    const json_t *o;
    bool any = false;
    size_t i;

    json_array_foreach(lines, i, o)
    {
        if (is(o, "verdict"))
            print_verdict(c, o);
        if (is(o, "sent"))
            printf("%ssent%s     %s\n", bold, plain, jstr(o, "text"));
        any = any || is(o, "sent");
        if (is(o, "state") && !any)
            printf("%ssent%s     nothing, at once\n", bold, plain);
        if (is(o, "state") && *jstr(o, "before") != '\0')
            printf("%sstate%s    %s -> %s\n", bold, plain, jstr(o, "before"), jstr(o, "after"));
        if (is(o, "change"))
            printf("         %s: %lld -> %lld\n", jstr(o, "name"), jnum(o, "before"),
                   jnum(o, "after"));
    }
}

int ctl_probe(struct ctl *c)
{
    int status;
    const json_t *o;
    size_t i;

    if (c->words != 3)
        return ctl_say(CTL_USAGE, "probe needs a protocol and two ends: try stackctl probe tcp "
                                  "10.0.0.1:40000 10.0.0.2:80 --flags S");
    json_t *reply = ctl_ask(c, probe_request(c), &status);

    if (reply == NULL)
        return status;
    const json_t *lines = json_object_get(reply, "lines");

    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(lines, i, o)
        {
            if (is(o, "segment"))
                printf("%s%s%s\n", ctl_paint(c, "bold"), jstr(o, "text"), ctl_paint(c, ""));
            if (is(o, "error"))
                printf("%s\n", jstr(o, "text"));
        }
        json_array_foreach(lines, i, o)
        {
            if (is(o, "layer"))
                print_layer(c, o);
        }
        print_walk(c, lines);
        print_end(c, lines);
    }
    json_decref(reply);
    return CTL_OK;
}
