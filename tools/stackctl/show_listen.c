/*
 * show_listen.c - `listen`: accept queues, the half-open pool and every other pool, as gauges.
 *
 *     [####------]  how full it is now; | is the most that ever was
 *
 * A queue that was too short leaves traces here: Overflows counts handshakes that an accept queue had
 * no room for, `full` how often a pool was asked when it had nothing left.
 */
#include "stackctl.h"

#include <stdio.h>
#include <string.h>

enum { GAUGE = 20 };

const struct argp_option listen_options[] = {
    {"watch", 'W', NULL, 0,
     "Show it again and again, every second or as many as the word behind it says", 0},
    {0  }
};

void ctl_gauge(const struct ctl *c, double len, double peak, double max)
{
    double part = max > 0 ? len / max : 0;
    int filled = (int)(part * GAUGE + 0.5), most = max > 0 ? (int)(peak / max * GAUGE + 0.5) : 0;
    const char *ink = part >= 0.9 ? "red" : part >= 0.5 ? "yellow" : "green";

    if (len > 0 && filled == 0)
        filled = 1;
    if (peak > 0 && most == 0)
        most = 1;
    printf("%s[", ctl_paint(c, ink));
    for (int i = 1; i <= GAUGE; i++)
        putchar(i <= filled ? '#' : i == most ? '|' : '-');
    printf("]%s", ctl_paint(c, ""));
}

static void print_listener(const struct ctl *c, const json_t *l)
{
    char name[64], queue[32];

    snprintf(name, sizeof(name), "%s:%lld", jstr(l, "local"), jnum(l, "lport"));
    snprintf(queue, sizeof(queue), "%lld/%lld", jnum(l, "queued"), jnum(l, "backlog"));
    printf("%-22s ", name);
    ctl_gauge(c, (double)jnum(l, "queued"), 0, (double)jnum(l, "backlog"));
    printf(" %-10s %-9lld %-10lld %-10lld %-9lld", queue, jnum(l, "half_open"), jnum(l, "syns"),
           jnum(l, "accepted"), jnum(l, "queue_full"));
    if (*jstr(l, "service") != '\0')
        printf(" app:%s", jstr(l, "service"));
    if (jnum(l, "cookies_sent") > 0)
        printf(" cookies:%lld/%lld", jnum(l, "cookies_ok"), jnum(l, "cookies_sent"));
    if (jnum(l, "fo_limit") > 0)
        printf(" fastopen:%lld/%lld", jnum(l, "fo_pending"), jnum(l, "fo_limit"));
    putchar('\n');
}

static void print_listen(const struct ctl *c, const json_t *reply)
{
    const json_t *syn = json_object_get(reply, "syn_pool"), *l;
    size_t i;

    printf("%s%-22s %-22s %-10s %-9s %-10s %-10s %s%s\n", ctl_paint(c, "bold"),
           "Local Address:Port", "Accept queue", "", "Half-open", "SYNs", "Accepted", "Overflows",
           ctl_paint(c, ""));
    json_array_foreach(json_object_get(reply, "listeners"), i, l) print_listener(c, l);
    printf("half-open pool: %lld/%lld policy %s; cookies sent %lld, good %lld, bad %lld; "
           "evicted %lld\n",
           jnum(syn, "len"), jnum(syn, "max"), jstr(syn, "policy"), jnum(syn, "cookies_sent"),
           jnum(syn, "cookies_ok"), jnum(syn, "cookies_bad"), jnum(syn, "evicted"));
    printf("%s%-12s %-22s %10s %10s %10s %8s  %s%s\n", ctl_paint(c, "bold"), "Pool", "", "Used",
           "Peak", "Limit", "Full", "", ctl_paint(c, ""));
    json_array_foreach(json_object_get(reply, "pools"), i, l)
    {
        if (jnum(l, "peak") == 0 && !c->verbose)
            continue; /* never used */
        printf("%-12s ", jstr(l, "name"));
        ctl_gauge(c, (double)jnum(l, "len"), (double)jnum(l, "peak"), (double)jnum(l, "max"));
        printf(" %10lld %10lld %10lld %s%8lld%s  %s\n", jnum(l, "len"), jnum(l, "peak"),
               jnum(l, "max"), ctl_paint(c, jnum(l, "full") > 0 ? "red" : ""), jnum(l, "full"),
               ctl_paint(c, ""), jstr(l, "what"));
    }
}

static int listen_once(struct ctl *c)
{
    int status;
    json_t *reply = ctl_ask(c, json_pack("{s:s}", "cmd", "listen"), &status);

    if (reply == NULL)
        return status;
    if (c->json)
        ctl_print_json(reply);
    else
        print_listen(c, reply);
    json_decref(reply);
    return CTL_OK;
}

int ctl_listen(struct ctl *c)
{
    int words = 0;

    if (c->watch && c->words == 1 && ctl_seconds(c->word[0], &c->interval))
        words = 1;
    if (c->words > words)
        return ctl_say(CTL_USAGE, "%s is too much: listen takes no words", c->word[words]);
    return c->watch ? ctl_watch(c, listen_once) : listen_once(c);
}
