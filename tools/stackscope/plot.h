/*
 * plot.h - diagrams: what is kept of a capture for them, and how they are drawn.
 *
 * A diagram is a few *series* of points over time. A picture has a thousand columns of pixels, so a series
 * never needs more than a few points for each: when it is full, the points of a column are put together
 * so that the line through them covers the same pixels, give or take one (the first, the lowest, the highest, the last:
 * Jugel et al., "M4", VLDB 2014). A capture of any length so costs a bounded number of points, and a short
 * one keeps each of its own.
 *
 * Throughput is counted in intervals that become longer as the capture does; states are counted where
 * they change.
 *
 * Memory: PLOT_POINTS points of 24 bytes for a series, PLOT_POINTS_ALL for all; where no connection is named,
 * of those that have ended only the one with most bytes is kept.
 */
#ifndef STACKSCOPE_PLOT_H
#define STACKSCOPE_PLOT_H

#include <stdio.h>

#include "track.h"

enum {
    PLOT_POINTS = 8192,
    PLOT_POINTS_ALL = 1 << 21,
    PLOT_COLUMNS = 1024, /* into which a full series is put together */
    PLOT_BINS = 2048,
    PLOT_SERIES = 8,
    PLOT_GANTT = 60, /* connections in the timeline of states */
    PLOT_SPANS = 16, /* states of an end that are kept */
    PLOT_NAME = 64
};

enum plot_shape {
    PLOT_LINE,  /* from point to point */
    PLOT_STEPS, /* a value holds until the next */
    PLOT_TICKS, /* upright strokes from lo to hi */
    PLOT_DOTS
};

struct plot_point {
    double x, lo, hi; /* seconds; a line has lo == hi */
};

struct plot_series {
    enum plot_shape shape;
    struct plot_point *points;
    size_t count, room;
    bool thinned;         /* some were put together */
    bool short_of_memory; /* some are missing */
    size_t *budget;
};

void plot_series_init(struct plot_series *s, enum plot_shape shape, size_t *budget);
void plot_series_free(struct plot_series *s);
/** plot_add - one more; @x never goes back. */
void plot_add(struct plot_series *s, double x, double lo, double hi);

/* Amounts in intervals of the same length, from the first one on. */
struct plot_rate {
    int64_t width; /* ns: 10 us, 50 us, 100 us ... as long as the capture needs */
    size_t count;  /* intervals used */
    double bin[PLOT_BINS];
};

void plot_rate_add(struct plot_rate *r, int64_t since_start, double amount);
/** plot_rate_draw - as a series of steps, in intervals of @interval ns (0: so that there are about 150). In
 * amounts for each second. Return: the length of an interval, ns. */
int64_t plot_rate_draw(const struct plot_rate *r, int64_t interval, double factor,
                       struct plot_series *out);

enum plot_unit {
    PLOT_UNIT_SECONDS,
    PLOT_UNIT_BYTES,
    PLOT_UNIT_BITS_PER_SECOND,
    PLOT_UNIT_CONNECTIONS
};

struct plot_curve {
    const struct plot_series *series;
    char name[2 * PLOT_NAME]; /* for the legend */
    const char *class_name;   /* of the style */
    bool fill;                /* the area below it is tinted */
    const char *mark;         /* a letter at each point, NULL: none */
};

struct plot {
    const char *id; /* of the kind: "tseq" */
    char title[200], note[200];
    const char *y_label;
    enum plot_unit y_unit;
    double x_max; /* seconds; 0: from the series */
    struct plot_curve curve[PLOT_SERIES];
    size_t count;
    bool empty;     /* nothing to draw: note says why */
    bool outliers;  /* what is far beyond the rest is drawn at the upper edge */
    double ceiling; /* then: where that is; 0: nothing is far beyond */
};

void plot_curve_add(struct plot *p, const struct plot_series *s, const char *class_name,
                    const char *name);

/* Round numbers for an axis. */
struct plot_axis {
    double max, step, scale; /* scale: of the prefix, 1000 for k */
    char unit[24];           /* with the prefix: "kB" */
    unsigned decimals;
};

/** plot_axis_choose - an axis from 0 to at least @max with about @ticks marks. */
void plot_axis_choose(struct plot_axis *a, double max, enum plot_unit unit, unsigned ticks);
/** plot_axis_text - the number at a mark. Return: @out, of 32 bytes. */
char *plot_axis_text(const struct plot_axis *a, double v, char out[32]);

enum { PLOT_WIDTH = 960, PLOT_HEIGHT = 540 };

/** plot_ceiling - where diagrams with outliers end: set p->ceiling and the note. */
void plot_ceiling(struct plot *p);
void plot_svg(FILE *out, const struct plot *p);
/** plot_text - with the dots of Braille, or letters where only ASCII is wanted; without @color both, if there
 * are several curves. */
void plot_text(FILE *out, const struct plot *p, unsigned width, bool ascii, bool color);

/* What is kept of a connection. */
struct plot_way { /* the data of one end */
    struct plot_series data, rtx, sack, ack, limit, rtt, window, in_flight;
    uint64_t seq, ack_seq; /* the last ones, beyond 32 bits */
    bool has_ack;
};

struct plot_conn {
    uint64_t index, bytes;
    int64_t start;
    char name[2][PLOT_NAME];
    struct plot_way way[2];
    struct plot_series cwnd, ssthresh, flight, loss; /* of the host that wrote the comments */
    struct plot_rate *rate[2];                       /* goodput, from END_CLIENT and END_SERVER */
    int64_t last;
    size_t *budget;
    bool short_of_memory;
};

struct plot_conn *plot_conn_new(const struct track_conn *c, int64_t start, size_t *budget);
void plot_conn_free(struct plot_conn *c);
void plot_conn_segment(struct plot_conn *c, const struct track_segment *s);
/** plot_conn_named - take the names, when all is known. */
void plot_conn_named(struct plot_conn *c, const struct track_conn *t);

/** plot_of - the diagram @kind ("tseq", "throughput", "rtt", "window", "cwnd") of @c.
 * @from: whose data; -1: of the end that sent more
 * @interval: of throughput, ns, 0: choose
 * @spare: series made for this diagram, freed by the caller */
void plot_of(struct plot *p, const struct plot_conn *c, const char *kind, int from,
             int64_t interval, struct plot_series spare[2]);

/** plot_cwnd_comment - take `cwnd N ssthresh N in_flight N (cause)` out of a comment, if it is there. */
void plot_cwnd_comment(struct plot_conn *c, double x, struct span comment);
/** plot_cwnd_trace - the congestion window of the connection @name (either way round) from a trace.
 *
 * Return: how many events; -1 and a line in @err: the file cannot be read. */
long plot_cwnd_trace(struct plot_conn *c, const char *file, const char *name, char *err,
                     size_t err_len);

/* The states of all connections (plot_states.c). */
struct plot_states;
struct plot_states *plot_states_new(void);
void plot_states_free(struct plot_states *s);
void plot_states_change(struct plot_states *s, const struct track_state *c);
void plot_states_seen(struct plot_states *s, struct track_conn *c, int64_t time);
void plot_states_ended(struct plot_states *s, struct track_conn *c);
void plot_states_svg(FILE *out, const struct plot_states *s);
void plot_states_text(FILE *out, const struct plot_states *s, unsigned width, bool ascii,
                      bool color);

/** plot_page_begin, plot_page_end - an HTML page around pictures, which works without a network. */
void plot_page_begin(FILE *out, const char *title);
void plot_page_end(FILE *out);
/** plot_png - SVG as a bitmap. Return: false and a line in @err: how to mend it. */
bool plot_png(FILE *out, const char *svg, size_t len, char *err, size_t err_len);

#endif
