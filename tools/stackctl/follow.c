/*
 * follow.c - `trace` and `pcap`: what stackd streams; and `fault`, which makes it worth watching.
 */
#include "stackctl.h"
#include "whole.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The text form names the kind of all events but changes of state, which show an arrow. */
static const char *kind_ink(const char *line)
{
    static const char *const inks[][2] = {
        {" -> ",       "green"  },
        {" drop ",     "red"    },
        {" rtx ",      "magenta"},
        {" fault ",    "yellow" },
        {" arp ",      "cyan"   },
        {" conflict ", "red"    }
    };

    for (size_t i = 0; i < sizeof(inks) / sizeof(inks[0]); i++) {
        if (strstr(line, inks[i][0]) != NULL)
            return inks[i][1];
    }
    return "dim";
}

const struct argp_option trace_options[] = {
    {"follow",                                              'F', NULL, 0, "Go on until ^C; it does so without being told, too", 0},
    {"count",                                                 'c', "N", 0, "Stop after that many events", 0},
    {0}
};

/* `kind=a,b`: names of kinds. */
static void trace_kinds(json_t *kinds, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        json_array_append_new(kinds, json_stringn(list, len));
        list += len + (list[len] == ',');
    }
}

/* Words with `=` narrow down which events, the others name kinds. */
static json_t *trace_request(const struct ctl *c)
{
    json_t *kinds = json_array(), *filters = json_array();

    for (int i = 0; i < c->words; i++) {
        const char *w = c->word[i], *is = strchr(w, '=');

        if (is == NULL)
            json_array_append_new(kinds, json_string(w));
        else if (strncmp(w, "kind=", 5) == 0)
            trace_kinds(kinds, is + 1);
        else
            json_array_append_new(filters,
                                  json_pack("{s:o,s:s}", "field", json_stringn(w, (size_t)(is - w)),
                                            "value", is + 1));
    }
    return json_pack("{s:s,s:s,s:o,s:o}", "cmd", "trace", "format", c->json ? "json" : "text",
                     "kinds", kinds, "filters", filters);
}

int ctl_trace(struct ctl *c)
{
    int status;
    const char *line;
    json_t *reply = ctl_ask(c, trace_request(c), &status);

    if (reply == NULL)
        return status;
    json_decref(reply);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (long left = c->count; left != 0 && (line = dial_line(&c->to)) != NULL; left -= left > 0) {
        const char *ink = kind_ink(line);

        if (c->json || !c->color)
            printf("%s\n", line);
        else
            printf("%s%s%s\n", ctl_paint(c, ink), line, "\033[0m");
        if (ferror(stdout))
            return CTL_FAILED;
        if (left == 1)
            return CTL_OK;
    }
    return ctl_say(CTL_FAILED, "stackd closed the connection: has it ended?");
}

/* Bytes as they come; a reader that goes away (`| head`) ends it quietly, also while nothing comes. */
int ctl_stream(struct ctl *c, int fd)
{
    signal(SIGPIPE, SIG_IGN);
    dial_rest(&c->to);
    size_t have = c->to.in_len;

    for (;;) {
        struct pollfd p[2] = {
            {.fd = c->to.fd, .events = POLLIN},
            {.fd = fd             }
        };
        int err = whole_write(fd, c->to.in, have);

        have = 0;
        if (err == -EPIPE)
            return CTL_OK;
        if (err != 0)
            return ctl_say(CTL_FAILED, "cannot write the capture: %s", strerror(-err));
        if (poll(p, 2, -1) < 0)
            continue; /* a signal */
        if (p[0].revents == 0 && (p[1].revents & (POLLERR | POLLHUP)) != 0)
            return CTL_OK;
        if (p[0].revents == 0)
            continue;
        ssize_t n = read(c->to.fd, c->to.in, c->to.in_cap);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return CTL_OK; /* stackd has ended: the capture is complete */
        have = (size_t)n;
    }
}

static int pcap_no_terminal(void)
{
    return ctl_say(CTL_USAGE,
                   "a capture is not for a terminal: pipe it, as in `stackctl pcap start "
                   "- | wireshark -k -i -'");
}

/* stackd resolves names from its own folder, so a relative one is made whole here. */
static char *whole_path(const char *name)
{
    char cwd[PATH_MAX], *path = NULL;

    if (name[0] == '/' || strcmp(name, "-") == 0 || getcwd(cwd, sizeof(cwd)) == NULL)
        return strdup(name);
    return asprintf(&path, "%s/%s", cwd, name) < 0 ? NULL : path;
}

const struct argp_option pcap_options[] = {
    {"sent", CTL_KEY_SENT, NULL, 0,
     "with start: frames as they were before the bad wire as well, on a second interface", 0},
    {0 }
};

static int pcap_start(struct ctl *c)
{
    char filter[1024] = "";
    size_t len = 0;
    int status;

    if (c->words < 2)
        return ctl_say(CTL_USAGE, "no file named: use pcap start FILE, or - for standard output");
    for (int i = 2; i < c->words && len < sizeof(filter); i++)
        len += (size_t)snprintf(filter + len, sizeof(filter) - len, "%s%s", i > 2 ? " " : "",
                                c->word[i]);
    if (len >= sizeof(filter))
        return ctl_say(CTL_USAGE, "the filter is too long: 1000 characters at most");
    bool stream = strcmp(c->word[1], "-") == 0;

    if (stream && isatty(STDOUT_FILENO))
        return pcap_no_terminal();
    char *path = whole_path(c->word[1]);
    json_t *reply = ctl_ask(c,
                            json_pack("{s:s,s:s,s:s,s:s,s:b}", "cmd", "pcap", "op", "start", "file",
                                      path != NULL ? path : "", "filter", filter, "sent", c->sent),
                            &status);

    free(path);
    if (reply == NULL)
        return status;
    json_decref(reply);
    return stream ? ctl_stream(c, STDOUT_FILENO) : CTL_OK;
}

int ctl_pcap(struct ctl *c)
{
    int status;
    size_t i;
    json_t *p;

    if (c->words > 0 && strcmp(c->word[0], "start") == 0)
        return pcap_start(c);
    if (c->words == 1 && strcmp(c->word[0], "stop") == 0)
        return ctl_do(c, json_pack("{s:s,s:s}", "cmd", "pcap", "op", "stop"));
    if (c->words > 0 && strcmp(c->word[0], "show") != 0)
        return ctl_say(
            CTL_USAGE,
            "not understood: use `pcap', `pcap start FILE|- [FILTER...]' or `pcap stop'");
    json_t *reply = ctl_ask(c, json_pack("{s:s,s:s}", "cmd", "pcap", "op", "show"), &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
    } else {
        json_array_foreach(json_object_get(reply, "pcap"), i, p) printf(
            "%s frames %lld lost %lld%s%s\n", jstr(p, "file"), jnum(p, "frames"), jnum(p, "lost"),
            *jstr(p, "filter") != '\0' ? " filter " : "", jstr(p, "filter"));
        if (json_array_size(json_object_get(reply, "pcap")) == 0)
            printf("nothing is being captured\n");
    }
    json_decref(reply);
    return CTL_OK;
}

static int fault_show(struct ctl *c)
{
    static const char *const names[] = {"drop",    "mark",  "corrupt", "duplicate",
                                        "reorder", "delay", "jitter",  "rate"};
    static const char *const units[] = {"%", "%", "%", "%", "%", "ms", "ms", "bit/s"};
    static const char *const dirs[] = {"rx", "tx"};
    int status;
    json_t *reply = ctl_ask(c, json_pack("{s:s}", "cmd", "fault"), &status);

    if (reply == NULL)
        return status;
    if (c->json) {
        ctl_print_json(reply);
        json_decref(reply);
        return CTL_OK;
    }
    for (int d = 0; d < 2; d++) {
        const json_t *f = json_object_get(json_object_get(reply, "fault"), dirs[d]);
        bool any = false;

        printf("%s:", dirs[d]);
        for (int i = 0; i < 8; i++) {
            double v = jreal(f, names[i]);

            if (v <= 0)
                continue;
            const char *scale = "";

            if (i == 7 && v >= 1e3) { /* the rate, as `tc` writes it */
                scale = v >= 1e9 ? "G" : v >= 1e6 ? "M" : "k";
                v /= v >= 1e9 ? 1e9 : v >= 1e6 ? 1e6 : 1e3;
            }
            printf(" %s %.10g%s%s", names[i], v, scale, units[i]);
            any = true;
        }
        printf("%s\n", any ? "" : " none");
    }
    json_decref(reply);
    return CTL_OK;
}

int ctl_fault(struct ctl *c)
{
    if (c->words == 0 || strcmp(c->word[0], "show") == 0)
        return fault_show(c);
    if (c->words == 1 && strcmp(c->word[0], "off") == 0)
        return ctl_do(c, json_pack("{s:s,s:b}", "cmd", "fault", "off", 1));
    json_t *set = json_array();

    for (int i = 0; i + 1 < c->words; i += 2) {
        const char *name = c->word[i], *value = c->word[i + 1];
        const char *dir = "both";

        if (strncmp(name, "rx:", 3) == 0 || strncmp(name, "tx:", 3) == 0) {
            dir = name[0] == 'r' ? "rx" : "tx";
            name += 3;
        } else if (strncmp(value, "rx:", 3) == 0 || strncmp(value, "tx:", 3) == 0) {
            dir = value[0] == 'r' ? "rx" : "tx";
            value += 3;
        }
        json_array_append_new(set,
                              json_pack("{s:s,s:s,s:s}", "name", name, "dir", dir, "value", value));
    }
    if (c->words % 2 != 0) {
        json_decref(set);
        return ctl_say(CTL_USAGE, "`%s' has no value: use `fault loss 5 rx:delay 20'",
                       c->word[c->words - 1]);
    }
    return ctl_do(c, json_pack("{s:s,s:o}", "cmd", "fault", "set", set));
}
