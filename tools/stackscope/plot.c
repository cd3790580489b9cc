/*
 * plot.c - the command `plot`: which diagram, of which connection, in which form.
 *
 * A capture passes once, so what a diagram needs is collected before anybody knows which connection is worth one.
 * Where none is named it is the one with most bytes: of those that have ended only the best is kept, so that
 * memory follows the connections that are open, not those that were.
 */
#include "plot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "say.h"
#include "units.h"
#include "words.h"

enum {
    USER_CONN = 0,
    USER_ASKED = 2,
    /* 1 is plot_states.c's */ CONNS = 1 << 16 /* open at once */
};

static const char *const plot_kinds[] = {"tseq", "throughput", "rtt", "window",
                                         "cwnd", "states",     "all", NULL};

struct plots {
    const struct scope_options *o;
    const char *kind, *trace;
    bool is_all;
    char want[2 * PLOT_NAME]; /* empty: the one with most bytes */
    bool by_index;
    uint64_t index;
    int from; /* END_ or -1 */
    int64_t interval;
    unsigned width;
    struct track *track;
    struct plot_states *states;
    struct plot_conn *best;               /* of those that have ended */
    uint64_t matched, seen, open, beyond; /* beyond: not considered, too many were open */
    size_t budget;
    bool no_memory, found; /* found: the connection with the number that was asked for */
};

static const struct argp_option plot_options[] = {
    {"conn",        'C', "CONN", 0,
     "Of this connection: its number, ip:port-ip:port or a part of that (default: the one with "
     "most bytes)", 0},
    {"from",       'F', "END", 0, "Whose data: client or server (default: who sent more)", 0},
    {"interval", 'I', "SECONDS", 0, "Of throughput (default: about 150 of them)", 0},
    {"trace",             'T', "FILE", 0, "Take the congestion window from this trace of stackd", 0},
    {"width",    'w' + 256, "COLUMNS", 0, "Width of the text (default: the terminal's, else 100)", 0},
    {0           }
};

static unsigned plot_width(void)
{
    struct winsize w;

    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
        return w.ws_col;
    return 100;
}

static bool plot_wants(const struct plots *x, const struct track_conn *c)
{
    char text[120];

    if (x->want[0] == '\0')
        return true;
    if (x->by_index)
        return c->index == x->index || c->end[0].port == x->index || c->end[1].port == x->index;
    return strstr(track_conn_text(c, 0, text), x->want) != NULL ||
           strstr(track_conn_text(c, 1, text), x->want) != NULL;
}

static void plot_on_segment(void *ctx, const struct track_segment *s)
{
    struct plots *x = ctx;
    struct track_conn *c = s->conn;
    struct plot_conn *p = c->user[USER_CONN];

    if (x->states != NULL)
        plot_states_seen(x->states, c, s->frame->time);
    if (x->states != NULL && !x->is_all)
        return;
    if (p == NULL && c->user[USER_ASKED] == NULL) {
        c->user[USER_ASKED] = x; /* asked once */
        x->seen++;
        if (!plot_wants(x, c))
            return;
        x->matched++;
        x->found = x->found || (x->by_index && c->index == x->index);
        if (x->open == CONNS) {
            x->beyond++;
            return;
        }
        p = c->user[USER_CONN] = plot_conn_new(c, s->frame->time, &x->budget);
        x->no_memory = x->no_memory || p == NULL;
        x->open += p != NULL;
    }
    if (p != NULL)
        plot_conn_segment(p, s);
}

static void plot_on_state(void *ctx, const struct track_state *s)
{
    struct plots *x = ctx;

    if (x->states != NULL)
        plot_states_change(x->states, s);
}

/* Whose number it is, before those that have it as a port; then most bytes; of equals the first. */
static bool plot_is_better(const struct plots *x, const struct plot_conn *p,
                           const struct plot_conn *than)
{
    if (than == NULL)
        return true;
    if (x->by_index && (p->index == x->index || than->index == x->index))
        return p->index == x->index;
    return p->bytes > than->bytes || (p->bytes == than->bytes && p->index < than->index);
}

static void plot_on_ended(void *ctx, struct track_conn *c, const char *why)
{
    struct plots *x = ctx;
    struct plot_conn *p = c->user[USER_CONN];

    (void)why;
    if (x->states != NULL)
        plot_states_ended(x->states, c);
    c->user[USER_CONN] = NULL;
    if (p == NULL)
        return;
    x->open--;
    plot_conn_named(p, c);
    if (plot_is_better(x, p, x->best)) {
        plot_conn_free(x->best);
        x->best = p;
    } else {
        plot_conn_free(p);
    }
}

static bool plot_take_kind(struct plots *x, const char *word, char *err, size_t err_len)
{
    for (size_t i = 0; plot_kinds[i] != NULL; i++) {
        if (strcmp(plot_kinds[i], word) == 0)
            x->kind = plot_kinds[i];
    }
    if (x->kind == NULL) {
        snprintf(err, err_len,
                 "%s is no diagram: tseq, throughput, rtt, window, cwnd, states or all", word);
        return false;
    }
    x->is_all = strcmp(x->kind, "all") == 0;
    if (x->is_all && strcmp(x->o->format, "html") != 0 && strcmp(x->o->format, "text") != 0) {
        snprintf(err, err_len,
                 "several diagrams need a page: plot all --format=html, or -o page.html");
        return false;
    }
    return true;
}

static bool plot_take(struct plots *x, int argc, char **argv, char *err, size_t err_len)
{
    const char *conn = NULL, *from = NULL, *interval = NULL, *width = NULL;
    const struct word_option known[] = {
        {"conn",     NULL, &conn    },
        {"from",     NULL, &from    },
        {"interval", NULL, &interval},
        {"trace",    NULL, &x->trace},
        {"width",    NULL, &width   },
        {NULL,       NULL, NULL     }
    };
    int words = words_take(known, argc, argv, err, err_len);
    uint64_t n;

    if (words < 0)
        return false;
    if (words == 0) {
        snprintf(err, err_len, "which diagram? tseq, throughput, rtt, window, cwnd, states or all");
        return false;
    }
    if (!plot_take_kind(x, argv[0], err, err_len))
        return false;
    if (conn != NULL) {
        snprintf(x->want, sizeof(x->want), "%s", conn);
        x->by_index = conn[strspn(conn, "0123456789")] == '\0';
        x->index = strtoull(conn, NULL, 10);
    }
    if (from != NULL) {
        x->from = strcmp(from, "client") == 0   ? END_CLIENT
                  : strcmp(from, "server") == 0 ? END_SERVER
                                                : -1;
        if (x->from < 0) {
            snprintf(err, err_len, "--from=%s: client or server is needed", from);
            return false;
        }
    }
    if (interval != NULL && !words_seconds("interval", interval, &x->interval, err, err_len))
        return false;
    if (interval != NULL && x->interval < 10000) {
        snprintf(err, err_len, "--interval=%s: at least 0.00001 seconds are needed", interval);
        return false;
    }
    if (width != NULL) {
        if (!words_number("width", width, 40, 1000, &n, err, err_len))
            return false;
        x->width = (unsigned)n;
    }
    return true;
}

static void *plot_begin(const struct scope_options *o, int argc, char **argv, char *err,
                        size_t err_len)
{
    struct plots *x = calloc(1, sizeof(*x));
    struct track_options t = {
        .connections = o->connections,
        .observer = {x, plot_on_segment, plot_on_state, NULL, plot_on_ended}
    };

    if (x == NULL) {
        snprintf(err, err_len, "no memory");
        return NULL;
    }
    x->o = o;
    x->from = -1;
    x->budget = PLOT_POINTS_ALL;
    x->width = plot_width();
    if (!plot_take(x, argc, argv, err, err_len)) {
        free(x);
        return NULL;
    }
    if (x->is_all || strcmp(x->kind, "states") == 0)
        x->states = plot_states_new();
    x->track = track_new(&t);
    if (x->track == NULL || (x->states == NULL && (x->is_all || strcmp(x->kind, "states") == 0))) {
        snprintf(err, err_len,
                 "no memory for the connections: give less of them with --connections");
        plot_states_free(x->states);
        track_free(x->track);
        free(x);
        return NULL;
    }
    return x;
}

static bool plot_frame(void *state, const struct frame *f)
{
    struct plots *x = state;

    track_frame(x->track, f);
    return true;
}

/* One diagram in the form that was asked for, into @out. */
static void plot_draw(const struct plots *x, const char *kind, FILE *out)
{
    bool is_text = strcmp(x->o->format, "text") == 0;
    struct plot_series spare[2];
    size_t budget = PLOT_POINTS_ALL;
    struct plot p;

    if (strcmp(kind, "states") == 0) {
        if (is_text)
            plot_states_text(out, x->states, x->width, x->o->ascii, x->o->color);
        else
            plot_states_svg(out, x->states);
        return;
    }
    for (unsigned e = 0; e < 2; e++)
        plot_series_init(&spare[e], PLOT_STEPS, &budget);
    plot_of(&p, x->best, kind, x->from, x->interval, spare);
    if (is_text)
        plot_text(out, &p, x->width, x->o->ascii, x->o->color);
    else
        plot_svg(out, &p);
    for (unsigned e = 0; e < 2; e++)
        plot_series_free(&spare[e]);
}

static int plot_draw_png(const struct plots *x)
{
    char *svg = NULL, err[300];
    size_t len = 0;
    FILE *f = open_memstream(&svg, &len);
    int status = SCOPE_OK;

    if (f == NULL)
        return scope_say(SCOPE_FAILED, "no memory for the picture");
    plot_draw(x, x->kind, f);
    fclose(f);
    if (!plot_png(stdout, svg, len, err, sizeof(err)))
        status = scope_say(SCOPE_FAILED, "%s", err);
    free(svg);
    return status;
}

static void plot_figure(const struct plots *x, const char *kind, bool is_page)
{
    fputs(is_page ? "<figure>\n" : "", stdout);
    plot_draw(x, kind, stdout);
    fputs(is_page ? "</figure>\n" : "\n", stdout);
}

static int plot_draw_form(const struct plots *x)
{
    const char *format = x->o->format;
    char title[3 * PLOT_NAME];

    if (strcmp(format, "png") == 0)
        return plot_draw_png(x);
    bool is_page = strcmp(format, "html") == 0;

    if (!is_page && !x->is_all) {
        plot_draw(x, x->kind, stdout);
        return SCOPE_OK;
    }
    if (x->best != NULL)
        snprintf(title, sizeof(title), "Connection %" PRIu64 ": %s and %s", x->best->index,
                 x->best->name[0], x->best->name[1]);
    else
        snprintf(title, sizeof(title), "States of the connections");
    if (is_page)
        plot_page_begin(stdout, title);
    for (size_t i = 0; plot_kinds[i] != NULL; i++) {
        if (strcmp(plot_kinds[i], "all") != 0 && (x->is_all || strcmp(plot_kinds[i], x->kind) == 0))
            plot_figure(x, plot_kinds[i], is_page);
    }
    if (is_page)
        plot_page_end(stdout);
    return SCOPE_OK;
}

/* The congestion window of the connection from --trace. */
static int plot_take_trace(struct plots *x)
{
    char name[2 * PLOT_NAME + 2], err[300];
    long n;

    if (x->trace == NULL || x->best == NULL)
        return SCOPE_OK;
    snprintf(name, sizeof(name), "%s-%s", x->best->name[0], x->best->name[1]);
    n = plot_cwnd_trace(x->best, x->trace, name, err, sizeof(err));
    if (n < 0)
        return scope_say(SCOPE_FAILED, "%s", err);
    if (n == 0)
        return scope_say(SCOPE_FAILED,
                         "%s tells no congestion window of %s: is it the trace of this run?",
                         x->trace, name);
    return SCOPE_OK;
}

static int plot_end(void *state)
{
    struct plots *x = state;
    bool only_states = strcmp(x->kind, "states") == 0;
    int status;

    track_end_all(x->track);
    if (x->no_memory)
        status = scope_say(SCOPE_FAILED,
                           "no memory for the points of all connections: name one with --conn");
    else if (!only_states && x->best == NULL && source_failed(x->o->source))
        status = SCOPE_FAILED; /* which main() tells, with the offset */
    else if (!only_states && x->best == NULL && x->want[0] != '\0')
        status =
            scope_say(SCOPE_FAILED,
                      "no TCP connection is \"%s\" among %" PRIu64 ": stackscope flows lists them",
                      x->want, x->seen);
    else if (!only_states && x->best == NULL)
        status = scope_say(SCOPE_FAILED,
                           "no TCP connection in %s: is it the right file, the right filter?",
                           x->o->name);
    else if (x->want[0] != '\0' && x->matched > 1 && !x->found)
        status = scope_say(
            SCOPE_FAILED,
            "%" PRIu64 " connections have \"%s\": name one of them; stackscope flows lists them",
            x->matched, x->want);
    else
        status = plot_take_trace(x);
    if (status == SCOPE_OK && x->beyond > 0)
        scope_say(0,
                  "%" PRIu64
                  " connections were not considered, too many were open: name one with --conn",
                  x->beyond);
    if (status == SCOPE_OK)
        status = plot_draw_form(x);
    plot_conn_free(x->best);
    plot_states_free(x->states);
    track_free(x->track);
    free(x);
    return status;
}

const struct scope_command scope_plot = {
    .name = "plot",
    .words = "KIND",
    .help = "draw a diagram: tseq, throughput, rtt, window, cwnd, states, or all on a page",
    .options = plot_options,
    .formats = "text svg html png",
    .words_max = 1,
    .no_json = true,
    .late = true,
    .begin = plot_begin,
    .frame = plot_frame,
    .end = plot_end,
};
