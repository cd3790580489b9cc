/*
 * plot_states.c - the states of many connections over time.
 *
 * Above, how many clients and how many servers are in which state, of all connections that the capture has:
 * one area for each state. A flood of SYNs is a mountain of SYN_SENT whose other side is missing, closed
 * connections are a plain of TIME_WAIT. Below, the first PLOT_GANTT connections, a line for each,
 * two strips in it: the client's states above, the server's below.
 *
 * A change of state is known later than it happened (track.h), so changes are counted where they happened,
 * in columns of time that become wider as the capture grows, and added up at the end.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"
#include "say.h"
#include "svg.h"
#include "units.h"

enum {
    USER_STATES = 1,
    COLUMNS = 2048,
    UNKNOWN = TCP_STATES,
    KINDS,
    LABELS = 190,
    WIDE = PLOT_WIDTH - LABELS - 24,
    LINE = 17
};

/* Of each connection that is open. */
struct plot_seen {
    int64_t last[2]; /* change, by end */
};

struct plot_span {
    int64_t since;
    int8_t state;
};

struct plot_lane {
    uint64_t index;
    char name[2][PLOT_NAME];
    int64_t first, last;
    struct plot_span span[2][PLOT_SPANS];
    unsigned count[2];
};

struct plot_states {
    int64_t start, last, width; /* width: of a column */
    bool begun;
    int32_t delta[2][KINDS][COLUMNS]; /* by end */
    struct plot_lane lane[PLOT_GANTT];
    uint64_t connections, changes;
};

struct plot_states *plot_states_new(void)
{
    struct plot_states *s = calloc(1, sizeof(*s));

    if (s != NULL)
        s->width = 1000;
    return s;
}

void plot_states_free(struct plot_states *s)
{
    free(s);
}

static size_t plot_states_column(struct plot_states *s, int64_t time)
{
    int64_t at = time > s->start ? time - s->start : 0;

    while (at / s->width >= COLUMNS) {
        for (unsigned k = 0; k < 2 * KINDS; k++) {
            int32_t *d = s->delta[k / KINDS][k % KINDS];

            for (size_t i = 0; i < COLUMNS / 2; i++)
                d[i] = d[2 * i] + d[2 * i + 1];
            memset(&d[COLUMNS / 2], 0, COLUMNS / 2 * sizeof(*d));
        }
        s->width *= 2;
    }
    return (size_t)(at / s->width);
}

static unsigned plot_states_kind(int state)
{
    return state < 0 || state >= TCP_STATES ? UNKNOWN : (unsigned)state;
}

static struct plot_lane *plot_states_lane(struct plot_states *s, uint64_t index)
{
    for (size_t i = 0; i < PLOT_GANTT && i < s->connections; i++) {
        if (s->lane[i].index == index)
            return &s->lane[i];
    }
    return NULL;
}

void plot_states_seen(struct plot_states *s, struct track_conn *c, int64_t time)
{
    if (!s->begun) {
        s->begun = true;
        s->start = time;
    }
    if (time > s->last)
        s->last = time;
    struct plot_lane *lane = plot_states_lane(s, c->index);

    if (c->user[USER_STATES] == NULL) { /* not counted yet */
        c->user[USER_STATES] = calloc(1, sizeof(struct plot_seen));
        if (s->connections < PLOT_GANTT) {
            lane = &s->lane[s->connections];
            lane->index = c->index;
            lane->first = time;
        }
        s->connections++;
    }
    if (lane != NULL && time > lane->last)
        lane->last = time;
}

/* When the end changed: never before its last change, also where the capture saw the causes the other way round. */
static int64_t plot_states_time(const struct track_state *c)
{
    struct plot_seen *seen = c->conn->user[USER_STATES];

    if (seen == NULL)
        return c->time;
    if (c->time > seen->last[c->end])
        seen->last[c->end] = c->time;
    return seen->last[c->end];
}

void plot_states_change(struct plot_states *s, const struct track_state *c)
{
    int64_t time = plot_states_time(c);
    struct plot_lane *lane = plot_states_lane(s, c->conn->index);

    s->changes++;
    size_t at = plot_states_column(s, time);

    s->delta[c->end][plot_states_kind(c->from)][at]--;
    s->delta[c->end][plot_states_kind(c->to)][at]++;
    if (lane == NULL || lane->count[c->end] == PLOT_SPANS)
        return;
    struct plot_span *spans = lane->span[c->end];
    unsigned i = lane->count[c->end]++;

    if (i == 0) { /* what it was before */
        spans[0] = (struct plot_span){lane->first < time ? lane->first : time, c->from};
        i = lane->count[c->end]++;
    }
    spans[i] = (struct plot_span){time, c->to};
}

void plot_states_ended(struct plot_states *s, struct track_conn *c)
{
    free(c->user[USER_STATES]);
    c->user[USER_STATES] = NULL;
    struct plot_lane *lane = plot_states_lane(s, c->index);

    for (unsigned e = 0; lane != NULL && e < 2; e++) {
        char text[120], *dash;

        track_conn_text(c, e, text);
        dash = strchr(text, '-');
        if (dash != NULL)
            *dash = '\0';
        snprintf(lane->name[e], sizeof(lane->name[e]), "%.63s", text);
    }
}

static bool plot_states_counts(unsigned kind)
{
    return kind != TCP_CLOSED && kind != TCP_LISTEN && kind != UNKNOWN;
}

struct chart {
    struct svg s;
    const struct plot_states *p;
    struct plot_axis x, y;
    double x_max, top, bottom; /* of the areas */
};

static double chart_x(const struct chart *c, double seconds)
{
    return LABELS + seconds / c->x_max * WIDE;
}

static double chart_y(const struct chart *c, double n)
{
    return c->bottom - n / c->y.max * (c->bottom - c->top);
}

/* How many in each state after each column; 0 columns beyond the last. Return: columns. */
static size_t plot_states_sum(const struct plot_states *p, unsigned end, double (*level)[COLUMNS])
{
    size_t columns = (size_t)((p->last - p->start) / p->width) + 1;

    if (columns > COLUMNS)
        columns = COLUMNS;
    for (unsigned k = 0; k < KINDS; k++) {
        double n = 0;

        for (size_t i = 0; i < columns; i++) {
            n += p->delta[end][k][i];
            level[k][i] = plot_states_counts(k) && n > 0 ? n : 0;
        }
    }
    return columns;
}

static void chart_point(struct chart *c, const char *command, double x, double y)
{
    char n[2][32];

    fprintf(c->s.out, "%s%s %s", command, svg_number(x, n[0]), svg_number(y, n[1]));
}

/* The areas, one on top of the other; at most two points for each pixel. */
static void chart_areas(struct chart *c, double (*level)[COLUMNS], size_t columns)
{
    double *below = calloc(2 * columns, sizeof(*below)),
           *above = below == NULL ? NULL : below + columns;
    double width = (double)c->p->width / 1e9;

    for (unsigned k = 0; below != NULL && k < KINDS; k++) {
        double most = 0;
        char class_name[64];

        for (size_t i = 0; i < columns; i++) {
            above[i] = below[i] + level[k][i];
            most = fmax(most, level[k][i]);
        }
        if (most > 0) {
            snprintf(class_name, sizeof(class_name), "bar %s",
                     svg_state_class(k == UNKNOWN ? -1 : (int)k));
            fprintf(c->s.out, "<path class=\"%s\" d=\"", class_name);
            chart_point(c, "M", chart_x(c, 0), chart_y(c, above[0]));
            for (size_t i = 0; i < columns; i++) {
                if (i > 0 && above[i] != above[i - 1]) {
                    chart_point(c, "L", chart_x(c, (double)i * width), chart_y(c, above[i - 1]));
                    chart_point(c, "L", chart_x(c, (double)i * width), chart_y(c, above[i]));
                }
            }
            chart_point(c, "L", chart_x(c, c->x_max), chart_y(c, above[columns - 1]));
            chart_point(c, "L", chart_x(c, c->x_max), chart_y(c, below[columns - 1]));
            for (size_t i = columns; i-- > 1;) {
                if (below[i] != below[i - 1]) {
                    chart_point(c, "L", chart_x(c, (double)i * width), chart_y(c, below[i]));
                    chart_point(c, "L", chart_x(c, (double)i * width), chart_y(c, below[i - 1]));
                }
            }
            chart_point(c, "L", chart_x(c, 0), chart_y(c, below[0]));
            fputs("Z\"/>\n", c->s.out);
        }
        memcpy(below, above, columns * sizeof(*below));
    }
    free(below);
}

/* One chart of areas: who, axes, areas. */
static void chart_draw(struct chart *c, unsigned end, double (*level)[COLUMNS], size_t columns)
{
    double most = 0;
    char n[32];

    for (size_t i = 0; i < columns; i++) {
        double all = 0;

        for (unsigned k = 0; k < KINDS; k++)
            all += level[k][i];
        most = fmax(most, all);
    }
    plot_axis_choose(&c->y, most, PLOT_UNIT_CONNECTIONS, 4);
    svg_rect(&c->s, LABELS, c->top, WIDE, c->bottom - c->top, 0, "panel");
    for (double v = 0; v <= c->x_max * 1.0001; v += c->x.step)
        svg_line(&c->s, chart_x(c, v), c->top, chart_x(c, v), c->bottom, "grid");
    for (double v = 0; v <= c->y.max * 1.0001; v += c->y.step) {
        svg_line(&c->s, LABELS, chart_y(c, v), LABELS + WIDE, chart_y(c, v), "grid");
        svg_text(&c->s, LABELS - 8, chart_y(c, v) + 3.5, SVG_END, "small soft",
                 plot_axis_text(&c->y, v, n));
    }
    svg_text(&c->s, 16, (c->top + c->bottom) / 2, SVG_START, "soft",
             end == END_CLIENT ? "clients" : "servers");
    chart_areas(c, level, columns);
    svg_rect(&c->s, LABELS, c->top, WIDE, c->bottom - c->top, 0, "frame");
}

/* Time, below all. */
static void chart_time(struct chart *c, double top, double bottom)
{
    char n[32], label[80];

    for (double v = 0; v <= c->x_max * 1.0001; v += c->x.step) {
        svg_line(&c->s, chart_x(c, v), top, chart_x(c, v), bottom, "grid");
        svg_text(&c->s, chart_x(c, v), bottom + 16, SVG_MIDDLE, "small soft",
                 plot_axis_text(&c->x, v, n));
    }
    snprintf(label, sizeof(label), "time since the first frame of TCP (%s)", c->x.unit);
    svg_text(&c->s, LABELS + WIDE / 2.0, bottom + 36, SVG_MIDDLE, "soft", label);
}

static void chart_lane(struct chart *c, const struct plot_lane *lane, double y)
{
    char name[2 * PLOT_NAME + 8], tip[200], n[2][UNITS_TEXT];

    snprintf(name, sizeof(name), "%" PRIu64 "  %s", lane->index, lane->name[0]);
    svg_text(&c->s, LABELS - 8, y + 10, SVG_END, "mono small soft", name);
    for (unsigned e = 0; e < 2; e++) {
        for (unsigned i = 0; i < lane->count[e]; i++) {
            const struct plot_span *s = &lane->span[e][i];
            bool is_last = i + 1 == lane->count[e];
            int64_t until = is_last ? c->p->last : s[1].since;
            char class_name[64];

            if (s->state == TCP_CLOSED || s->state == TCP_LISTEN)
                continue;
            double x = chart_x(c, (double)(s->since - c->p->start) / 1e9);
            double w = chart_x(c, (double)(until - c->p->start) / 1e9) - x;

            snprintf(class_name, sizeof(class_name), "bar %s", svg_state_class(s->state));
            snprintf(tip, sizeof(tip), "%.63s: %s from %s to %s", lane->name[e],
                     track_state_name(s->state), units_time(s->since - c->p->start, false, n[0]),
                     units_time(until - c->p->start, false, n[1]));
            svg_open(&c->s, NULL, NULL);
            svg_tip(&c->s, tip);
            svg_rect(&c->s, x, y + 1 + 7 * e, fmax(w, 0.8), 6, 0, class_name);
            svg_close(&c->s);
        }
    }
}

static void chart_legend(struct chart *c)
{
    double x = LABELS, y = 52;
    bool there[KINDS] = {false};

    for (unsigned e = 0; e < 2; e++) {
        for (unsigned k = 0; k < KINDS; k++) {
            for (size_t i = 0; i < COLUMNS; i++)
                there[k] = there[k] || c->p->delta[e][k][i] > 0;
        }
    }
    for (size_t i = 0; i < PLOT_GANTT && i < c->p->connections; i++) {
        for (unsigned k = 0; k < 2 * PLOT_SPANS;
             k++) { /* short ones may leave nothing in a column */
            const struct plot_lane *lane = &c->p->lane[i];

            if (k % PLOT_SPANS < lane->count[k / PLOT_SPANS])
                there[plot_states_kind(lane->span[k / PLOT_SPANS][k % PLOT_SPANS].state)] = true;
        }
    }
    there[TCP_CLOSED] = there[TCP_LISTEN] = false;
    for (unsigned k = 0; k < KINDS; k++) {
        char class_name[64];
        const char *name = track_state_name(k == UNKNOWN ? -1 : (int)k);

        if (!there[k])
            continue;
        snprintf(class_name, sizeof(class_name), "bar %s",
                 svg_state_class(k == UNKNOWN ? -1 : (int)k));
        if (x + 34 + svg_text_width(name, 11) > PLOT_WIDTH - 16) {
            x = LABELS;
            y += 16;
        }
        svg_rect(&c->s, x, y - 9, 12, 10, 2, class_name);
        svg_text(&c->s, x + 17, y, SVG_START, "mono ink", name);
        x += 34 + svg_text_width(name, 11);
    }
}

void plot_states_svg(FILE *out, const struct plot_states *p)
{
    enum { AREA = 104, GAP = 14, FIRST = 82 };
    struct chart c = {.p = p};
    double(*level)[COLUMNS] = calloc(KINDS, sizeof(*level));
    size_t lanes = p->connections < PLOT_GANTT ? (size_t)p->connections : PLOT_GANTT;
    double lanes_at = FIRST + 2 * (AREA + GAP), height;
    char title[120], n[UNITS_TEXT];

    if (level == NULL)
        return;
    c.x_max = fmax((double)(p->last - p->start) / 1e9, 1e-6);
    plot_axis_choose(&c.x, c.x_max, PLOT_UNIT_SECONDS, 10);
    height = lanes_at + LINE * (double)lanes + (p->connections > lanes ? 18 : 0) + 54;
    snprintf(title, sizeof(title), "States of %s connection%s", units_count(p->connections, n),
             p->connections == 1 ? "" : "s");
    svg_begin(&c.s, out, PLOT_WIDTH, height, title, NULL);
    svg_text(&c.s, 16, 26, SVG_START, "title ink", title);
    chart_legend(&c);
    for (unsigned e = 0; e < 2; e++) {
        c.top = FIRST + e * (AREA + GAP);
        c.bottom = c.top + AREA;
        size_t columns = plot_states_sum(p, e, level);

        chart_draw(&c, e, level, columns);
    }
    chart_time(&c, lanes_at - GAP, height - 48);
    for (size_t i = 0; i < lanes; i++)
        chart_lane(&c, &p->lane[i], lanes_at + LINE * (double)i);
    if (p->connections > lanes) {
        snprintf(title, sizeof(title), "and %s more, counted above",
                 units_count(p->connections - lanes, n));
        svg_text(&c.s, LABELS - 8, lanes_at + 12 + LINE * (double)lanes, SVG_END, "small faint",
                 title);
    }
    svg_end(&c.s);
    free(level);
}

/* As ladders in a terminal have them. */
static const char *plot_states_ink(unsigned kind)
{
    return scope_state_ink(kind == UNKNOWN ? -1 : (int)kind);
}

/* In a terminal: the first connections as strips of letters. */
void plot_states_text(FILE *out, const struct plot_states *p, unsigned width, bool ascii,
                      bool color)
{
    static const char letters[KINDS + 1] = "  srEfFwcatU"; /* by enum tcp_state */
    size_t lanes = p->connections < PLOT_GANTT ? (size_t)p->connections : PLOT_GANTT;
    unsigned strip = width > 60 ? width - 26 : 34;
    char n[UNITS_TEXT];

    fprintf(out, "States of %s connection%s, ", units_count(p->connections, n),
            p->connections == 1 ? "" : "s");
    fprintf(out, "%s from left to right; a line for the client, one for the server\n",
            units_time(p->last - p->start, ascii, n));
    for (unsigned k = TCP_SYN_SENT; k < KINDS; k++)
        fprintf(out, "%s%s%c%s %s", k == TCP_SYN_SENT ? "" : "  ", color ? plot_states_ink(k) : "",
                letters[k], color ? "\033[0m" : "", track_state_name(k == UNKNOWN ? -1 : (int)k));
    fputs("\n", out);
    for (size_t i = 0; i < lanes; i++) {
        const struct plot_lane *lane = &p->lane[i];

        for (unsigned e = 0; e < 2; e++) {
            fprintf(out, "%-24.24s ", lane->name[e]);
            unsigned before = TCP_CLOSED;

            for (unsigned x = 0; x < strip; x++) {
                int64_t at =
                    p->start + (int64_t)((double)(p->last - p->start) * ((double)x + 1) / strip);
                unsigned kind = TCP_CLOSED;

                for (unsigned k = 0; k < lane->count[e] && lane->span[e][k].since <= at; k++)
                    kind = plot_states_kind(lane->span[e][k].state);
                if (color && kind != before)
                    fputs(plot_states_ink(kind), out);
                before = kind;
                fputc(letters[kind], out);
            }
            fputs(color ? "\033[0m\n" : "\n", out);
        }
    }
    if (p->connections > lanes)
        fprintf(out, "and %s more\n", units_count(p->connections - lanes, n));
}
