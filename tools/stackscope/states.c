/*
 * states.c - `stackscope states`: every change of state of both ends of every TCP connection, and the
 * segment that caused it.
 *
 *     0.000012 10.0.0.2:80-10.0.0.1:40112 #1 LISTEN -> SYN_RCVD (rcv SYN), shown by #2
 *
 * The time and the number are those of the cause; lines come in the order in which the capture shows
 * them. What nothing shows but nothing contradicts is marked as presumed (track.h). -j writes the
 * kind tcp_state of docs/tracing.md, with `proof`: the frame that shows it, or null. -w writes the capture
 * with the changes as comments of the frames that caused them, in the form of docs/tracing.md: both ends have
 * one, so the end stands behind it.
 */
#include <stdlib.h>

#include "line.h"
#include "out.h"
#include "say.h"

struct states {
    const struct scope_options *o;
    struct track *track;
    struct out *out; /* -w */
    bool no_time;
    int64_t start;
    bool started;
    struct fmt line;
    char text[1024];
};

static const struct argp_option states_options[] = {
    {"no-time", 't', NULL, 0, "No times in the text", 0},
    {0    },
};

static void states_text(struct states *st, const struct track_state *s)
{
    struct fmt *l = &st->line;

    if (!st->no_time) {
        line_seconds(l, s->time - st->start, 6);
        fmt_char(l, ' ');
    }
    line_conn(l, s->conn, s->end);
    line_text(l, " #");
    fmt_u64(l, s->frame);
    fmt_char(l, ' ');
    line_text(l, scope_ink(st->o, s->to < 0 ? "yellow" : "bold"));
    line_text(l, track_state_name(s->from));
    line_text(l, " -> ");
    line_text(l, track_state_name(s->to));
    line_text(l, scope_ink(st->o, ""));
    line_text(l, " (");
    line_text(l, s->cause);
    fmt_char(l, ')');
    if (s->proof == 0) {
        line_text(l, ", presumed");
    } else if (s->proof != s->frame) {
        line_text(l, ", shown by #");
        fmt_u64(l, s->proof);
    }
    if (st->o->verbose) {
        line_text(l, ": ");
        line_text(l, s->why);
        line_text(l, " [");
        line_text(l, s->rfc);
        fmt_char(l, ']');
    }
    line_end(l, stdout);
}

/* The names, causes and sentences are ours: nothing in them needs an escape. */
static void states_json(struct states *st, const struct track_state *s)
{
    struct fmt *l = &st->line;

    line_text(l, "{\"t\":");
    line_seconds(l, s->time, 9);
    line_text(l, ",\"host\":\"");
    line_addr(l, &s->conn->end[s->end].addr);
    line_text(l, "\",\"kind\":\"tcp_state\",\"conn\":\"");
    line_conn(l, s->conn, s->end);
    line_text(l, "\",\"frame\":");
    fmt_u64(l, s->frame);
    line_text(l, ",\"from\":\"");
    line_text(l, track_state_name(s->from));
    line_text(l, "\",\"to\":\"");
    line_text(l, track_state_name(s->to));
    line_text(l, "\",\"cause\":\"");
    line_text(l, s->cause);
    line_text(l, "\",\"stream\":");
    fmt_u64(l, s->conn->index);
    line_text(l, ",\"proof\":");
    if (s->proof == 0)
        line_text(l, "null");
    else
        fmt_u64(l, s->proof);
    line_text(l, ",\"presumed\":");
    line_text(l, s->proof == 0 ? "true" : "false");
    line_text(l, ",\"why\":\"");
    line_text(l, s->why);
    line_text(l, "\",\"rfc\":\"");
    line_text(l, s->rfc);
    line_text(l, "\"}");
    line_end(l, stdout);
}

/* What the capture says already is not said again: stackd's own have a comment for their end. */
static void states_comment(struct states *st, const struct track_state *s)
{
    const char *from = track_state_name(s->from), *to = track_state_name(s->to);
    char text[320], conn[120];

    snprintf(text, sizeof(text), "%s -> %s (%s)", from, to, s->cause);
    if (out_has(st->out, s->frame, text))
        return;
    snprintf(text, sizeof(text), "%s -> %s (%s%s) [%s]", from, to, s->cause,
             s->proof == 0 ? ", presumed" : "", track_conn_text(s->conn, s->end, conn));
    if (!out_has(st->out, s->frame, text))
        out_comment(st->out, s->frame, text);
}

static void states_state(void *ctx, const struct track_state *s)
{
    struct states *st = ctx;

    if (st->out != NULL)
        states_comment(st, s);
    else if (st->o->json)
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
    st->line = (struct fmt){.p = st->text, .cap = sizeof(st->text) - 1};
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
    if (o->write != NULL && (st->out = out_open(o->write, o->source, err, err_len)) == NULL) {
        track_free(st->track);
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
    if (st->out != NULL && !out_frame(st->out, f))
        return false;
    track_frame(st->track, f);
    return true;
}

static int states_end(void *state)
{
    struct states *st = state;
    char err[4096];
    int status = SCOPE_OK;

    track_end_all(st->track);
    track_free(st->track);
    if (st->out != NULL && !out_close(st->out, err, sizeof(err)))
        status = scope_say(SCOPE_FAILED, "%s", err);
    free(st);
    return status;
}

const struct scope_command scope_states = {
    .name = "states",
    .words = "",
    .help = "both ends' states of every TCP connection, and the segment that caused each change",
    .options = states_options,
    .formats = "text",
    .writes = true,
    .begin = states_begin,
    .frame = states_frame,
    .end = states_end,
};
