/*
 * plot_cwnd.c - the congestion window, which no segment carries: its owner has to tell.
 *
 * stackd does, in two ways that say the same: beside the frame in its captures (`cwnd 14480 ssthresh 7240
 * in_flight 2896 (fast retransmit)`, docs/tracing.md) and as events of its trace. A trace has a clock of its
 * own; its events and the capture's frames share the frame numbers, but only for a capture that began with
 * the trace, so the first event of the connection is put where the connection begins.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

/* The number behind @key in @text. Return: whether there is one. */
static bool plot_number(const char *text, const char *key, double *out)
{
    const char *at = strstr(text, key);
    char *end;

    if (at == NULL)
        return false;
    at += strlen(key);
    if (*at < '0' || *at > '9')
        return false;
    *out = strtod(at, &end);
    return *out < 1e15;
}

static void plot_cwnd_add(struct plot_conn *c, double x, double cwnd, const double *ssthresh,
                          double flight, const char *cause)
{
    plot_add(&c->cwnd, x, cwnd, cwnd);
    if (ssthresh != NULL)
        plot_add(&c->ssthresh, x, *ssthresh, *ssthresh);
    plot_add(&c->flight, x, flight, flight);
    if (strstr(cause, "fast retransmit") != NULL || strstr(cause, "timeout") != NULL)
        plot_add(&c->loss, x, cwnd, cwnd);
}

void plot_cwnd_comment(struct plot_conn *c, double x, struct span comment)
{
    const char *p = (const char *)comment.p, *end = p + comment.len;

    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((stop == NULL ? end : stop) - p);
        char line[200];
        double cwnd, ssthresh, flight;

        snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line) - 1), p);
        /* With brackets behind it, it is about another connection. */
        if (strncmp(line, "cwnd ", 5) == 0 && strchr(line, '[') == NULL &&
            plot_number(line, "cwnd ", &cwnd) && plot_number(line, "in_flight ", &flight)) {
            bool has = plot_number(line, "ssthresh ", &ssthresh);

            plot_cwnd_add(c, x, cwnd, has ? &ssthresh : NULL, flight, line);
        }
        p += len + 1;
    }
}

/* Is the line an event about the connection @name (`a-b`), said from either end? */
static bool plot_cwnd_is_about(const char *line, const char *name)
{
    const char *at = strstr(line, "\"conn\":\""), *dash = strchr(name, '-');
    size_t len = strlen(name), a = dash == NULL ? len : (size_t)(dash - name);

    if (at == NULL || strstr(line, "\"kind\":\"cwnd\"") == NULL)
        return false;
    at += 8;
    if (strncmp(at, name, len) == 0 && at[len] == '"')
        return true;
    return dash != NULL && strncmp(at, dash + 1, len - a - 1) == 0 && at[len - a - 1] == '-' &&
           strncmp(at + len - a, name, a) == 0 && at[len] == '"';
}

/* When the trace first speaks of the connection at all, its cwnd or not. */
static bool plot_cwnd_begins(const char *line, const char *name)
{
    const char *dash = strchr(name, '-');
    char other[2 * PLOT_NAME + 2];

    if (strstr(line, name) != NULL)
        return true;
    if (dash == NULL)
        return false;
    snprintf(other, sizeof(other), "%.63s-%.*s", dash + 1,
             (int)(dash - name < PLOT_NAME ? dash - name : PLOT_NAME), name);
    return strstr(line, other) != NULL;
}

long plot_cwnd_trace(struct plot_conn *c, const char *file, const char *name, char *err,
                     size_t err_len)
{
    FILE *f = fopen(file, "r");
    char *line = NULL;
    size_t room = 0;
    double epoch = -1, t, cwnd, ssthresh, flight;
    long events = 0;

    if (f == NULL) {
        snprintf(err, err_len, "%s: %s", file, strerror(errno));
        return -1;
    }
    /* What the comments told would be told twice. */
    c->cwnd.count = c->ssthresh.count = c->flight.count = c->loss.count = 0;
    while (getline(&line, &room, f) >= 0) {
        if (!plot_number(line, "{\"t\":", &t))
            continue;
        if (epoch < 0 && plot_cwnd_begins(line, name))
            epoch = t;
        if (!plot_cwnd_is_about(line, name) || !plot_number(line, "\"cwnd\":", &cwnd) ||
            !plot_number(line, "\"in_flight\":", &flight) || t < epoch)
            continue;
        bool has = plot_number(line, "\"ssthresh\":", &ssthresh) && ssthresh < 4e9;

        plot_cwnd_add(c, t - epoch, cwnd, has ? &ssthresh : NULL, flight, line);
        if (t - epoch > (double)(c->last - c->start) / 1e9)
            c->last = c->start + (int64_t)((t - epoch) * 1e9);
        events++;
    }
    free(line);
    fclose(f);
    return events;
}
