/*
 * show_tables.c - `neigh`, `route`, `link`, `maddr`, `stats`: tables in the manner of `ip`.
 */
#include "stackctl.h"

#include <stdio.h>
#include <string.h>

static int neigh_change(struct ctl *c)
{
    const char *verb = c->word[0];

    if (strcmp(verb, "add") == 0 && c->words == 4 && strcmp(c->word[2], "lladdr") == 0)
        return ctl_do(c, json_pack("{s:s,s:s,s:s,s:s}", "cmd", "neigh", "op", "add", "ip",
                                   c->word[1], "mac", c->word[3]));
    if (strcmp(verb, "del") == 0 && c->words == 2)
        return ctl_do(c, json_pack("{s:s,s:s,s:s}", "cmd", "neigh", "op", "del", "ip", c->word[1]));
    return ctl_say(CTL_USAGE,
                   "not understood: use `neigh', `neigh add IP lladdr MAC' or `neigh del IP'");
}

static const char *neigh_ink(const char *state)
{
    if (strcmp(state, "REACHABLE") == 0)
        return "green";
    return strcmp(state, "FAILED") == 0 ? "red" : "yellow";
}

int ctl_neigh(struct ctl *c)
{
    static const char *const keys[] = {"neigh", NULL};
    int status;
    size_t i;
    json_t *n;

    if (c->words > 0 && strcmp(c->word[0], "show") != 0)
        return neigh_change(c);
    json_t *reply = ctl_ask_all(c, json_pack("{s:s}", "cmd", "neigh"), keys, &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(json_object_get(reply, "neigh"), i, n)
        {
            printf("%s dev %s", jstr(n, "ip"), jstr(n, "dev"));
            if (json_object_get(n, "mac") != NULL)
                printf(" lladdr %s used %.0fs", jstr(n, "mac"), jreal(n, "age"));
            if (jnum(n, "pending") > 0)
                printf(" waiting %lld", jnum(n, "pending"));
            printf(" %s%s%s\n", ctl_paint(c, neigh_ink(jstr(n, "state"))), jstr(n, "state"),
                   ctl_paint(c, ""));
        }
    }
    json_decref(reply);
    return CTL_OK;
}

static int route_change(struct ctl *c)
{
    const char *verb = c->word[0];

    if (strcmp(verb, "add") == 0 && c->words == 4 && strcmp(c->word[2], "via") == 0)
        return ctl_do(c, json_pack("{s:s,s:s,s:s,s:s}", "cmd", "route", "op", "add", "to",
                                   c->word[1], "via", c->word[3]));
    if (strcmp(verb, "add") == 0 && c->words == 2)
        return ctl_do(c, json_pack("{s:s,s:s,s:s}", "cmd", "route", "op", "add", "to", c->word[1]));
    if (strcmp(verb, "del") == 0 && c->words == 2)
        return ctl_do(c, json_pack("{s:s,s:s,s:s}", "cmd", "route", "op", "del", "to", c->word[1]));
    if (strcmp(verb, "flush") == 0 && (c->words == 2 || c->words == 3) &&
        strcmp(c->word[1], "cache") == 0)
        return ctl_do(c, json_pack("{s:s,s:s,s:s}", "cmd", "route", "op", "flush", "to",
                                   c->words == 3 ? c->word[2] : ""));
    return ctl_say(CTL_USAGE,
                   "not understood: use `route', `route add A.B.C.D/P|default [via IP]', "
                   "`route del A.B.C.D/P|default', `route show cache' or `route flush cache [IP]'");
}

static void print_route(const json_t *r)
{
    bool is_link = json_object_get(r, "via") == NULL;

    printf("%s%s%s dev %s", jstr(r, "to"), is_link ? "" : " via ", jstr(r, "via"), jstr(r, "dev"));
    if (json_object_get(r, "mtu") != NULL)
        printf("\n    cache expires %.0fsec mtu %lld", jreal(r, "expires"), jnum(r, "mtu"));
    else if (is_link)
        printf(" scope link");
    if (json_object_get(r, "src") != NULL)
        printf(" src %s", jstr(r, "src"));
    putchar('\n');
}

int ctl_route(struct ctl *c)
{
    bool is_cache = c->words > 0 && strcmp(c->word[c->words - 1], "cache") == 0;
    int status;
    size_t i;
    json_t *r;

    if (c->words > 0 && strcmp(c->word[0], "show") != 0)
        return route_change(c);
    json_t *reply =
        ctl_ask(c, json_pack("{s:s,s:s}", "cmd", "route", "op", is_cache ? "cache" : ""), &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(json_object_get(reply, "route"), i, r) print_route(r);
    }
    json_decref(reply);
    return CTL_OK;
}

static void print_link(const struct ctl *c, const json_t *l)
{
    const json_t *a;
    size_t i;

    printf("%s%s%s: %s mtu %lld offload %s", ctl_paint(c, "bold"), jstr(l, "name"),
           ctl_paint(c, ""), jstr(l, "port"), jnum(l, "mtu"), jstr(l, "offload"));
    if (json_object_get(l, "gro") != NULL)
        printf(" gro %s", jstr(l, "gro"));
    printf(" io %s", jstr(l, "io"));
    if (jnum(l, "queues") > 1)
        printf(" queues %lld", jnum(l, "queues"));
    putchar('\n');
    printf("    link/ether %s brd ff:ff:ff:ff:ff:ff\n", jstr(l, "mac"));
    json_array_foreach(json_object_get(l, "addr"), i, a)
        printf("    inet %s/%lld %s\n", jstr(a, "ip"), jnum(a, "prefix"), jstr(a, "state"));
    printf("    RX: %14s %12s %10s %12s\n        %14lld %12lld %10lld %12lld\n", "bytes", "frames",
           "dropped", "joined", jnum(l, "rx_bytes"), jnum(l, "rx_frames"), jnum(l, "rx_dropped"),
           jnum(l, "rx_joined"));
    printf("    TX: %14s %12s %10s\n        %14lld %12lld %10lld\n", "bytes", "frames", "dropped",
           jnum(l, "tx_bytes"), jnum(l, "tx_frames"), jnum(l, "tx_dropped"));
}

int ctl_link(struct ctl *c)
{
    int status;
    size_t i;
    json_t *l;

    if (c->words > 0 && strcmp(c->word[0], "show") != 0)
        return ctl_say(CTL_USAGE, "%s is too much: link takes no words", c->word[0]);
    json_t *reply = ctl_ask(c, json_pack("{s:s}", "cmd", "link"), &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(json_object_get(reply, "link"), i, l) print_link(c, l);
    }
    json_decref(reply);
    return CTL_OK;
}

static void print_maddr(const json_t *m)
{
    const json_t *g;
    size_t i;

    printf("%s: igmp %lld\n", jstr(m, "dev"), jnum(m, "igmp"));
    json_array_foreach(json_object_get(m, "link"), i, g)
        printf("    link  %s\n", json_string_value(g));
    json_array_foreach(json_object_get(m, "inet"), i, g)
    {
        printf("    inet  %s", jstr(g, "group"));
        if (json_object_get(g, "users") != NULL)
            printf(" users %lld %s%s", jnum(g, "users"), jstr(g, "state"),
                   json_is_true(json_object_get(g, "last_reporter")) ? " reporter" : "");
        if (json_object_get(g, "report_ms") != NULL)
            printf(" report in %.0f ms", jreal(g, "report_ms"));
        putchar('\n');
    }
}

int ctl_maddr(struct ctl *c)
{
    int status;
    size_t i;
    json_t *m;

    if (c->words > 0 && strcmp(c->word[0], "show") != 0)
        return ctl_say(CTL_USAGE, "%s is too much: maddr takes no words", c->word[0]);
    json_t *reply = ctl_ask(c, json_pack("{s:s}", "cmd", "maddr"), &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(json_object_get(reply, "maddr"), i, m) print_maddr(m);
    }
    json_decref(reply);
    return CTL_OK;
}

int ctl_stats(struct ctl *c)
{
    const char *prefix = c->words > 0 ? c->word[0] : "";
    int status;
    size_t i;
    json_t *s;

    json_t *reply =
        ctl_ask(c, json_pack("{s:s,s:b,s:s}", "cmd", "stats", "all", c->verbose, "prefix", prefix),
                &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(json_object_get(reply, "counters"), i, s)
        {
            printf("%-28s %14lld", jstr(s, "name"), jnum(s, "value"));
            if (c->verbose)
                printf("  %s%s%s", ctl_paint(c, "dim"), jstr(s, "sentence"), ctl_paint(c, ""));
            putchar('\n');
        }
        json_array_foreach(json_object_get(reply, "drops"), i, s)
        {
            printf("%sdrop.%s.%s%s%*s %14lld", ctl_paint(c, jnum(s, "value") > 0 ? "yellow" : ""),
                   jstr(s, "layer"), jstr(s, "reason"), ctl_paint(c, ""),
                   (int)(22 - (int)strlen(jstr(s, "layer")) - (int)strlen(jstr(s, "reason"))), "",
                   jnum(s, "value"));
            if (c->verbose)
                printf("  %s%s%s", ctl_paint(c, "dim"), jstr(s, "sentence"), ctl_paint(c, ""));
            putchar('\n');
        }
    }
    json_decref(reply);
    return CTL_OK;
}
