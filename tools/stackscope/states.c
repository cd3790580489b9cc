/*
 * states.c - `stackscope states`: every change of state of both ends of every TCP connection, and the
 * segment that caused it.
 *
 *     0.000012 10.0.0.2:80-10.0.0.1:40112 #1 LISTEN -> SYN_RCVD (rcv SYN), shown by #2
 *
 * The time and the number are those of the cause; lines come in the order in which the capture shows
 * them. What nothing shows but nothing contradicts is marked as presumed (track.h). -j writes the
 * kind tcp_state of docs/tracing.md, with `proof`: the frame that shows it, or null.
 */
#include <stdlib.h>

#include "line.h"
#include "say.h"

struct states {
    const struct scope_options *o;
    struct track *track;
    bool no_time;
    int64_t start;
    bool started;
    struct line line;
};

static const struct argp_option states_options[] = {
    {"no-time", 't', NULL, 0, "No times in the text", 0},
    {0    },
};

static void states_text(struct states *st, const struct track_state *s)
{
    struct line *l = &st->line;

    if (!st->no_time) {
        line_seconds(l, s->time - st->start, 6);
        line_char(l, ' ');
    }
    line_conn(l, s->conn, s->end);
    line_text(l, " #");
    line_number(l, s->frame, 1);
    line_char(l, ' ');
    line_text(l, scope_ink(st->o, s->to < 0 ? "yellow" : "bold"));
    line_text(l, track_state_name(s->from));
    line_text(l, " -> ");
    line_text(l, track_state_name(s->to));
    line_text(l, scope_ink(st->o, ""));
    line_text(l, " (");
    line_text(l, s->cause);
    line_char(l, ')');
    if (s->proof == 0) {
        line_text(l, ", presumed");
    } else if (s->proof != s->frame) {
        line_text(l, ", shown by #");
        line_number(l, s->proof, 1);
    }
    if (st->o->verbose) {
        line_text(l, ": ");
        line_text(l, s->why);
        line_text(l, " [");
        line_text(l, s->rfc);
        line_char(l, ']');
    }
    line_end(l, stdout);
}

/* The names, causes and sentences are ours: nothing in them needs an escape. */
static void states_json(struct states *st, const struct track_state *s)
{
    struct line *l = &st->line;

    line_text(l, "{\"t\":");
    line_seconds(l, s->time, 9);
    line_text(l, ",\"host\":\"");
    line_addr(l, &s->conn->end[s->end].addr);
    line_text(l, "\",\"kind\":\"tcp_state\",\"conn\":\"");
    line_conn(l, s->conn, s->end);
    line_text(l, "\",\"frame\":");
    line_number(l, s->frame, 1);
    line_text(l, ",\"from\":\"");
    line_text(l, track_state_name(s->from));
    line_text(l, "\",\"to\":\"");
    line_text(l, track_state_name(s->to));
    line_text(l, "\",\"cause\":\"");
    line_text(l, s->cause);
    line_text(l, "\",\"stream\":");
    line_number(l, s->conn->index, 1);
    line_text(l, ",\"proof\":");
    if (s->proof == 0)
        line_text(l, "null");
    else
        line_number(l, s->proof, 1);
    line_text(l, ",\"presumed\":");
    line_text(l, s->proof == 0 ? "true" : "false");
    line_text(l, ",\"why\":\"");
    line_text(l, s->why);
    line_text(l, "\",\"rfc\":\"");
    line_text(l, s->rfc);
    line_text(l, "\"}");
    line_end(l, stdout);
}

static void states_state(void *ctx, const struct track_state *s)
{
    struct states *st = ctx;

    if (st->o->json)
        states_json(st, s);
    else
        states_text(st, s);
}

static void *states_begin(const struct scope_options *o, int argc, char **argv, char *err,
                          size_t err_len)
{
    struct states *st = calloc(1, sizeof(*st));

    if (st == NULL) {
        snprintf(err, err_len, "no memory");
        return NULL;
    }
    st->o = o;
    for (int i = 0; i < argc; i++)
        st->no_time = st->no_time || strcmp(argv[i], "--no-time") == 0;
    st->track = track_new(&(struct track_options){
        .connections = o->connections, .observer = {.ctx = st, .state = states_state}
    });
    if (st->track == NULL) {
        snprintf(err, err_len, "no memory for so many connections: --connections less");
        free(st);
        return NULL;
    }
    return st;
}

static bool states_frame(void *state, const struct frame *f)
{
    struct states *st = state;

    if (!st->started) {
        st->started = true;
        st->start = f->time;
    }
    track_frame(st->track, f);
    return true;
}

static int states_end(void *state)
{
    struct states *st = state;

    track_end_all(st->track);
    track_free(st->track);
    free(st);
    return SCOPE_OK;
}

const struct scope_command scope_states = {
    .name = "states",
    .words = "",
    .help = "Both ends' states of every TCP connection, and the segment that caused each change",
    .options = states_options,
    .formats = "text",
    .begin = states_begin,
    .frame = states_frame,
    .end = states_end,
};
