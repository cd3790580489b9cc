/*
 * ladder.c - the command `ladder`: whose ladder, how drawn.
 *
 * A connection is named by its number (tcp.stream of Wireshark), by `ip:port-ip:port` in either
 * direction, or by any part of that which only one connection has (a number that is no connection's may be
 * a port); `all` draws each, in the order of
 * their first frames. All that match are collected while the capture passes, since it may come from a pipe
 * and passes once.
 */
#include "ladder.h"

#include <ctype.h>
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
    USER_SLOT = 0,
    LADDER_PORTS = 16 /* connections that are kept in case that a number is a port */
};

struct ladders {
    const struct scope_options *o;
    struct ladder_style style;
    struct track *track;
    const char *want; /* NULL: all */
    bool by_index;
    uint64_t index;
    struct ladder **all;
    size_t count, room, budget;
    uint64_t seen, beyond; /* connections; that matched and were too many */
    bool no_memory;
    char names[2 * LADDER_NAME];
};

static const struct argp_option ladder_options[] = {
    {"all-segments",                                                    'a', NULL, 0,
     "Every segment; without it, long runs that look alike are folded", 0},
    {"no-time",                                                             'n', NULL, 0, "Neither times nor silences: what does not differ from run to run",
     0},
    {"gap", 'g', "SECONDS", 0, "Mark a silence of at least so long (default: 0.1)", 0},
    {"width",                                                                 'w' + 256, "COLUMNS", 0, "Width of the text (default: the terminal's, else 100)", 0},
    {"rows",  'r' + 256, "N", 0, "At most so many rows, the middle folded (default: 1000; 0: all)",
     0},
    {"names",                                                                'N', "CLIENT,SERVER", 0, "What to call the two ends instead of their addresses", 0},
    {0                                                                }
};

static unsigned ladder_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize w;

    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
        return w.ws_col;
    if (isatty(STDOUT_FILENO) && columns != NULL && atoi(columns) >= 40)
        return (unsigned)atoi(columns);
    return 100; /* into a file: the same everywhere */
}

static bool ladder_wants(const struct ladders *x, const struct track_conn *c)
{
    char text[120];

    if (x->want == NULL)
        return true;
    if (x->by_index)
        return c->index == x->index || (x->count < LADDER_PORTS &&
                                        (c->end[0].port == x->index || c->end[1].port == x->index));
    return strstr(track_conn_text(c, 0, text), x->want) != NULL ||
           strstr(track_conn_text(c, 1, text), x->want) != NULL;
}

static struct ladder *ladder_of(struct ladders *x, struct track_conn *c)
{
    static char nobody; /* marks a connection that is not wanted: asked once */
    struct ladder *l = c->user[USER_SLOT];

    if (l != NULL)
        return l == (void *)&nobody ? NULL : l;
    x->seen++;
    c->user[USER_SLOT] = &nobody;
    if (!ladder_wants(x, c))
        return NULL;
    if (x->count == LADDER_CONNS) {
        x->beyond++;
        return NULL;
    }
    if (x->count == x->room) {
        size_t room = x->room == 0 ? 16 : 2 * x->room;
        struct ladder **all = realloc(x->all, room * sizeof(struct ladder *));

        if (all == NULL) {
            x->no_memory = true;
            return NULL;
        }
        x->all = all;
        x->room = room;
    }
    l = malloc(sizeof(*l));
    if (l == NULL) {
        x->no_memory = true;
        return NULL;
    }
    ladder_init(l, x->style.all_segments ? LADDER_ROWS_ALL : LADDER_ROWS, &x->budget);
    l->index = c->index;
    x->all[x->count++] = l;
    c->user[USER_SLOT] = l;
    return l;
}

static void ladder_on_segment(void *ctx, const struct track_segment *s)
{
    struct ladder *l = ladder_of(ctx, s->conn);

    if (l != NULL)
        ladder_segment(l, s);
}

static void ladder_on_state(void *ctx, const struct track_state *s)
{
    struct ladder *l = ladder_of(ctx, s->conn);

    if (l != NULL)
        ladder_state(l, s);
}

static void ladder_on_ended(void *ctx, struct track_conn *c, const char *why)
{
    struct ladder *l = ladder_of(ctx, c);

    (void)why;
    if (l != NULL)
        ladder_ended(l, c);
    c->user[USER_SLOT] = NULL;
}

/* `--names CLIENT,SERVER`. */
static bool ladder_take_names(struct ladders *x, const char *names, char *err, size_t err_len)
{
    size_t len = strlen(names);
    char *comma;

    if (len >= sizeof(x->names) || strchr(names, ',') == NULL) {
        snprintf(err, err_len,
                 "--names=%s: two names with a comma between are needed: --names=curl,stackd",
                 names);
        return false;
    }
    memcpy(x->names, names, len + 1);
    comma = strchr(x->names, ',');
    *comma = '\0';
    x->style.names[0] = x->names;
    x->style.names[1] = comma + 1;
    return true;
}

static bool ladder_take(struct ladders *x, int argc, char **argv, char *err, size_t err_len)
{
    const char *gap = NULL, *width = NULL, *rows = NULL, *names = NULL;
    const struct word_option known[] = {
        {"all-segments", &x->style.all_segments, NULL  },
        {"no-time",      &x->style.no_time,      NULL  },
        {"gap",          NULL,                   &gap  },
        {"width",        NULL,                   &width},
        {"rows",         NULL,                   &rows },
        {"names",        NULL,                   &names},
        {NULL,           NULL,                   NULL  }
    };
    int words = words_take(known, argc, argv, err, err_len);
    uint64_t n;

    if (words < 0)
        return false;
    if (words > 1) {
        snprintf(err, err_len, "%s: ladder takes one connection, or all", argv[1]);
        return false;
    }
    if (gap != NULL && !words_seconds("gap", gap, &x->style.gap, err, err_len))
        return false;
    if (width != NULL) {
        if (!words_number("width", width, 60, 1000, &n, err, err_len))
            return false;
        x->style.width = (unsigned)n;
    }
    if (x->style.all_segments)
        x->style.rows = 0;
    if (rows != NULL) {
        if (!words_number("rows", rows, 0, LADDER_ROWS_ALL, &n, err, err_len))
            return false;
        if (n != 0 && n < 8) {
            snprintf(err, err_len, "--rows=%s: at least 8 rows are needed, or 0 for all", rows);
            return false;
        }
        x->style.rows = (size_t)n;
    }
    if (names != NULL && !ladder_take_names(x, names, err, err_len))
        return false;
    if (words == 1 && strcmp(argv[0], "all") != 0) {
        x->want = argv[0];
        x->by_index = argv[0][strspn(argv[0], "0123456789")] == '\0';
        errno = 0;
        x->index = strtoull(argv[0], NULL, 10);
    }
    return true;
}

static void *ladder_begin(const struct scope_options *o, int argc, char **argv, char *err,
                          size_t err_len)
{
    struct ladders *x = calloc(1, sizeof(*x));
    struct track_options t = {
        .connections = o->connections,
        .observer = {x, ladder_on_segment, ladder_on_state, NULL, ladder_on_ended}
    };

    if (x == NULL) {
        snprintf(err, err_len, "no memory");
        return NULL;
    }
    x->o = o;
    x->budget = LADDER_ROWS_ALL;
    x->style = (struct ladder_style){.width = ladder_width(),
                                     .color = o->color,
                                     .ascii = o->ascii,
                                     .rows = 1000,
                                     .gap = 100 * 1000000};
    if (!ladder_take(x, argc, argv, err, err_len)) {
        free(x);
        return NULL;
    }
    x->track = track_new(&t);
    if (x->track == NULL) {
        snprintf(err, err_len,
                 "no memory for the connections: give less of them with --connections");
        free(x);
        return NULL;
    }
    return x;
}

static bool ladder_frame(void *state, const struct frame *f)
{
    struct ladders *x = state;

    track_frame(x->track, f);
    return true;
}

static void ladder_draw(const struct ladders *x)
{
    const struct ladder *const *all = (const struct ladder *const *)x->all;

    if (strcmp(x->o->format, "svg") == 0) {
        ladder_svg(stdout, all, x->count, &x->style);
        return;
    }
    for (size_t i = 0; i < x->count; i++) {
        if (i > 0)
            fputs("\n", stdout);
        if (strcmp(x->o->format, "mermaid") == 0)
            ladder_mermaid(stdout, all[i], &x->style);
        else
            ladder_text(stdout, all[i], &x->style);
    }
}

static void ladder_drop(struct ladder *l)
{
    ladder_free(l);
    free(l);
}

/* A number: if a connection has it, those that have it as a port are not meant. */
static void ladder_choose(struct ladders *x)
{
    struct ladder *found = NULL;

    for (size_t i = 0; i < x->count; i++) {
        if (x->all[i]->index == x->index)
            found = x->all[i];
    }
    if (!x->by_index || found == NULL)
        return;
    for (size_t i = 0; i < x->count; i++) {
        if (x->all[i] != found)
            ladder_drop(x->all[i]);
    }
    x->all[0] = found;
    x->count = 1;
    x->beyond = 0;
}

/* A part that several connections have names none of them. */
static int ladder_ambiguous(const struct ladders *x)
{
    uint64_t n = x->count + x->beyond;

    fprintf(stderr,
            "stackscope: %" PRIu64 " connections have \"%s\": name one of them, or `all`:\n", n,
            x->want);
    for (size_t i = 0; i < x->count && i < 10; i++)
        fprintf(stderr, "  %" PRIu64 "  %s-%s\n", x->all[i]->index, x->all[i]->name[0],
                x->all[i]->name[1]);
    if (n > 10)
        fprintf(stderr, "  and %" PRIu64 " more: stackscope flows lists them\n", n - 10);
    return SCOPE_FAILED;
}

static int ladder_end(void *state)
{
    struct ladders *x = state;
    int status = SCOPE_OK;

    track_end_all(x->track);
    ladder_choose(x);
    if (x->no_memory)
        status = scope_say(SCOPE_FAILED, "no memory for all ladders: name one connection");
    else if (x->count == 0 && source_failed(x->o->source))
        status = SCOPE_FAILED; /* which main() tells, with the offset */
    else if (x->count == 0 && x->want != NULL)
        status =
            scope_say(SCOPE_FAILED,
                      "no TCP connection is \"%s\" among %" PRIu64 ": stackscope flows lists them",
                      x->want, x->seen);
    else if (x->count == 0)
        status = scope_say(SCOPE_FAILED,
                           "no TCP connection in %s: is it the right file, the right filter?",
                           x->o->name);
    else if (x->want != NULL && x->count > 1)
        status = ladder_ambiguous(x);
    if (status == SCOPE_OK) {
        for (size_t i = 0; i < x->count; i++)
            ladder_finish(x->all[i], &x->style);
        ladder_draw(x);
        if (x->beyond > 0)
            scope_say(0,
                      "%" PRIu64
                      " more connections are not drawn: name one; stackscope flows lists them",
                      x->beyond);
    }
    track_free(x->track);
    for (size_t i = 0; i < x->count; i++)
        ladder_drop(x->all[i]);
    free(x->all);
    free(x);
    return status;
}

/* Behind FILE: a number or what looks like an address and a port; a filter of tcpdump begins with a word. */
static bool ladder_is_word(const char *word)
{
    return strcmp(word, "all") == 0 || isdigit((unsigned char)word[0]) || word[0] == '[' ||
           word[0] == ':';
}

const struct scope_command scope_ladder = {
    .name = "ladder",
    .words = "CONN|all",
    .help = "draw the sequence diagram of a connection with the states of both ends",
    .options = ladder_options,
    .formats = "text svg mermaid",
    .words_max = 1,
    .is_word = ladder_is_word,
    .no_json = true,
    .late = true,
    .begin = ladder_begin,
    .frame = ladder_frame,
    .end = ladder_end,
};
