/*
 * plot_conn.c - what diagrams of a connection need, collected segment by segment, and which curves make
 * which diagram.
 *
 * tseq is tcptrace's: for the data of one end, each segment is an upright stroke from its first to its last
 * byte, below it the staircase of what the other end has acknowledged, above it the staircase of what
 * the other end's window allows; sent again is red with an R, what the other end has beyond its ACK (SACK)
 * is violet. The distance between strokes and lower staircase is the round trip to the right, and what is in
 * flight upwards.
 *
 * Goodput is what the acknowledgments move forward: bytes that the other end has in order, each once. What
 * lies between it and the line above it, all payload bytes on the wire, was sent in vain.
 */
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "units.h"

enum { RATE_POINTS = sizeof(struct plot_rate) / sizeof(struct plot_point) };

struct plot_conn *plot_conn_new(const struct track_conn *c, int64_t start, size_t *budget)
{
    struct plot_conn *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->index = c->index;
    p->start = start;
    p->budget = budget;
    for (unsigned e = 0; e < 2; e++) {
        struct plot_way *w = &p->way[e];

        plot_series_init(&w->data, PLOT_TICKS, budget);
        plot_series_init(&w->rtx, PLOT_TICKS, budget);
        plot_series_init(&w->sack, PLOT_TICKS, budget);
        plot_series_init(&w->ack, PLOT_STEPS, budget);
        plot_series_init(&w->limit, PLOT_STEPS, budget);
        plot_series_init(&w->rtt, PLOT_DOTS, budget);
        plot_series_init(&w->window, PLOT_STEPS, budget);
        plot_series_init(&w->in_flight, PLOT_STEPS, budget);
    }
    plot_series_init(&p->cwnd, PLOT_STEPS, budget);
    plot_series_init(&p->ssthresh, PLOT_STEPS, budget);
    plot_series_init(&p->flight, PLOT_STEPS, budget);
    plot_series_init(&p->loss, PLOT_DOTS, budget);
    return p;
}

void plot_conn_free(struct plot_conn *p)
{
    if (p == NULL)
        return;
    for (unsigned e = 0; e < 2; e++) {
        struct plot_way *w = &p->way[e];
        struct plot_series *all[] = {&w->data,  &w->rtx, &w->sack,   &w->ack,
                                     &w->limit, &w->rtt, &w->window, &w->in_flight};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            plot_series_free(all[i]);
        if (p->rate[e] != NULL)
            *p->budget += RATE_POINTS;
        free(p->rate[e]);
    }
    plot_series_free(&p->cwnd);
    plot_series_free(&p->ssthresh);
    plot_series_free(&p->flight);
    plot_series_free(&p->loss);
    free(p);
}

void plot_conn_named(struct plot_conn *p, const struct track_conn *c)
{
    for (unsigned e = 0; e < 2; e++) {
        char text[120], *dash;

        track_conn_text(c, e, text);
        dash = strchr(text, '-');
        if (dash != NULL)
            *dash = '\0';
        snprintf(p->name[e], sizeof(p->name[e]), "%.63s", text);
    }
}

/* A relative number of 32 bits as one of 64, near the last one. */
static uint64_t plot_unwrap(uint64_t last, uint32_t now)
{
    int64_t next = (int64_t)last + (int32_t)(now - (uint32_t)last);

    return next < 0 ? 0 : (uint64_t)next;
}

static void plot_rate_of(struct plot_conn *p, unsigned end, int64_t time, double bytes)
{
    if (p->rate[end] == NULL && *p->budget >= RATE_POINTS) {
        p->rate[end] = calloc(1, sizeof(*p->rate[end]));
        if (p->rate[end] != NULL)
            *p->budget -= RATE_POINTS;
    }
    if (p->rate[end] == NULL)
        p->short_of_memory = true;
    else
        plot_rate_add(p->rate[end], time - p->start, bytes);
}

/* An ACK of @end's peer about the data of @end. */
static void plot_conn_ack(struct plot_conn *p, unsigned end, const struct track_segment *s,
                          double x)
{
    struct plot_way *w = &p->way[end];
    const struct tcp_opts *o = &s->d->tcp.opt;
    tcp_seq iss = s->conn->end[end].iss;

    if (s->d->tcp.flags & TCP_RST)
        return;
    if (s->d->tcp.flags & TCP_ACK) {
        uint64_t ack = plot_unwrap(w->ack_seq, s->rel_ack);

        /* The SYN is no byte of anybody. */
        if (w->has_ack && ack > w->ack_seq && ack > 1)
            plot_rate_of(p, end, s->frame->time, (double)(ack - (w->ack_seq > 0 ? w->ack_seq : 1)));
        if (!w->has_ack || ack > w->ack_seq)
            w->ack_seq = ack;
        w->has_ack = true;
        plot_add(&w->ack, x, (double)w->ack_seq, (double)w->ack_seq);
        plot_add(&w->limit, x, (double)ack + s->window, (double)ack + s->window);
        for (unsigned i = 0; i < o->sack_count; i++) {
            uint64_t left = plot_unwrap(w->ack_seq, o->sack[i].left.v - iss.v);
            uint64_t right = plot_unwrap(w->ack_seq, o->sack[i].right.v - iss.v);

            if (right > left)
                plot_add(&w->sack, x, (double)left, (double)right);
        }
    }
    plot_add(&w->window, x, s->window, s->window);
}

void plot_conn_segment(struct plot_conn *p, const struct track_segment *s)
{
    struct plot_way *mine = &p->way[s->from];
    double x = (double)(s->frame->time - p->start) / 1e9;

    if (x < 0)
        x = 0;
    if (s->frame->time > p->last)
        p->last = s->frame->time;
    p->bytes += s->len;
    plot_conn_ack(p, !s->from, s, x);
    if (s->rtt >= 0)
        plot_add(&p->way[!s->from].rtt, x, (double)s->rtt / 1e9, (double)s->rtt / 1e9);
    if (s->len > 0) {
        uint64_t seq = plot_unwrap(mine->seq, s->rel_seq);
        struct plot_series *to = s->what & (SEG_RTX | SEG_FAST_RTX) ? &mine->rtx : &mine->data;

        plot_add(to, x, (double)seq, (double)(seq + s->len));
        if (seq + s->len > mine->seq)
            mine->seq = seq + s->len;
    }
    for (unsigned e = 0; e < 2; e++) {
        double flight = s->conn->end[e].in_flight;

        if (p->way[e].seq > 0)
            plot_add(&p->way[e].in_flight, x, flight, flight);
    }
    if (s->frame->comment.len > 0)
        plot_cwnd_comment(p, x, s->frame->comment);
}

void plot_curve_add(struct plot *p, const struct plot_series *s, const char *class_name,
                    const char *name)
{
    if (p->count == PLOT_SERIES)
        return;
    struct plot_curve *c = &p->curve[p->count++];

    c->series = s;
    c->class_name = class_name;
    c->mark = NULL;
    c->fill = false;
    snprintf(c->name, sizeof(c->name), "%s", name);
}

static void plot_of_tseq(struct plot *p, const struct plot_conn *c, unsigned from)
{
    const struct plot_way *w = &c->way[from];

    snprintf(p->title, sizeof(p->title), "Sequence numbers: %s to %s", c->name[from],
             c->name[!from]);
    p->y_label = "relative sequence number";
    p->y_unit = PLOT_UNIT_BYTES;
    plot_curve_add(p, &w->limit, "c-limit", "window allows");
    plot_curve_add(p, &w->ack, "c-ack", "acknowledged");
    plot_curve_add(p, &w->sack, "c-sack", "SACK");
    plot_curve_add(p, &w->data, "c-data", "segment");
    plot_curve_add(p, &w->rtx, "c-rtx", "sent again");
    p->curve[p->count - 1].mark = "R";
    if (w->data.count == 0)
        p->empty = true;
}

static void plot_of_throughput(struct plot *p, const struct plot_conn *c, int64_t interval,
                               struct plot_series spare[2])
{
    static const char *const classes[] = {"c-data", "c-second"};
    char name[2 * PLOT_NAME], n[UNITS_TEXT];
    int64_t used = 0;

    snprintf(p->title, sizeof(p->title), "Goodput: %s and %s", c->name[0], c->name[1]);
    p->y_label = "acknowledged bytes";
    p->y_unit = PLOT_UNIT_BITS_PER_SECOND;
    for (unsigned e = 0; e < 2; e++) {
        if (c->rate[e] == NULL)
            continue;
        used = plot_rate_draw(c->rate[e], interval, 8, &spare[e]);
        snprintf(name, sizeof(name), "from %.50s", c->name[e]);
        plot_curve_add(p, &spare[e], classes[e], name);
        p->curve[p->count - 1].fill = true;
    }
    if (used > 0)
        snprintf(p->note, sizeof(p->note), "in intervals of %s", units_time(used, false, n));
    p->empty = p->count == 0;
}

static void plot_of_rtt(struct plot *p, const struct plot_conn *c)
{
    snprintf(p->title, sizeof(p->title), "Round trips: %s and %s", c->name[0], c->name[1]);
    p->y_label = "from a segment to its ACK";
    p->outliers = true;
    p->y_unit = PLOT_UNIT_SECONDS;
    for (unsigned e = 0; e < 2; e++) {
        char name[2 * PLOT_NAME];

        snprintf(name, sizeof(name), "segments of %.46s", c->name[e]);
        if (c->way[e].rtt.count > 0)
            plot_curve_add(p, &c->way[e].rtt, e == 0 ? "c-data" : "c-second", name);
    }
    p->empty = p->count == 0;
    if (p->count == 1 && p->curve[0].series->count == 1) {
        const struct plot_point *one = p->curve[0].series->points;
        char n[2][UNITS_TEXT];

        /* A dot in a corner tells less than its number. */
        p->empty = true;
        snprintf(p->note, sizeof(p->note),
                 "One round trip only, of %s: %s, %s after the beginning.", p->curve[0].name,
                 units_time((int64_t)(one->lo * 1e9 + 0.5), true, n[0]),
                 units_time((int64_t)(one->x * 1e9 + 0.5), true, n[1]));
    }
}

static void plot_of_window(struct plot *p, const struct plot_conn *c, unsigned from)
{
    snprintf(p->title, sizeof(p->title), "Window and bytes in flight: %s to %s", c->name[from],
             c->name[!from]);
    p->y_label = "bytes";
    p->y_unit = PLOT_UNIT_BYTES;
    plot_curve_add(p, &c->way[from].window, "c-limit", "receiver's window");
    plot_curve_add(p, &c->way[from].in_flight, "c-data c-thin", "in flight");
    p->empty = c->way[from].in_flight.count == 0 && c->way[from].window.count == 0;
}

static void plot_of_cwnd(struct plot *p, const struct plot_conn *c)
{
    snprintf(p->title, sizeof(p->title), "Congestion window: %s and %s", c->name[0], c->name[1]);
    p->y_label = "bytes";
    p->y_unit = PLOT_UNIT_BYTES;
    plot_curve_add(p, &c->ssthresh, "c-faint", "ssthresh");
    plot_curve_add(p, &c->flight, "c-flight", "in flight");
    plot_curve_add(p, &c->cwnd, "c-data", "cwnd");
    plot_curve_add(p, &c->loss, "c-rtx", "loss or timeout");
    p->empty = c->cwnd.count == 0;
    if (p->empty)
        snprintf(p->note, sizeof(p->note),
                 "Neither comments of a stackd in this capture nor a trace (--trace FILE) tell the "
                 "congestion window.");
}

void plot_of(struct plot *p, const struct plot_conn *c, const char *kind, int from,
             int64_t interval, struct plot_series spare[2])
{
    unsigned end = from >= 0 ? (unsigned)from : c->way[END_SERVER].seq > c->way[END_CLIENT].seq;

    *p = (struct plot){.id = kind, .x_max = (double)(c->last - c->start) / 1e9};
    if (strcmp(kind, "tseq") == 0)
        plot_of_tseq(p, c, end);
    else if (strcmp(kind, "throughput") == 0)
        plot_of_throughput(p, c, interval, spare);
    else if (strcmp(kind, "rtt") == 0)
        plot_of_rtt(p, c);
    else if (strcmp(kind, "window") == 0)
        plot_of_window(p, c, end);
    else
        plot_of_cwnd(p, c);
    if (p->outliers)
        plot_ceiling(p);
    bool is_short = c->short_of_memory;

    for (size_t i = 0; i < p->count; i++)
        is_short = is_short || p->curve[i].series->short_of_memory;
    if (is_short)
        snprintf(p->note, sizeof(p->note),
                 "Not all of it: too many connections at once. Name this one with --conn.");
    else if (p->empty && p->note[0] == '\0')
        snprintf(p->note, sizeof(p->note),
                 "This connection has nothing to draw here: it carried no data.");
}
