/*
 * gen-states - the graph of the TCP machine from the table of arrows that tcp_event() takes.
 *
 * The output is for Graphviz's dot. It is laid out as RFC 9293 Figure 5: CLOSED stands twice, as
 * the beginning on top and as the end at the bottom, and the active closer goes down on the left.
 * Arrows that the figure has are solid; those below the line in tcp_fsm.c are dashed. A cause that
 * leads from many states to CLOSED (abort, a reset, a timeout) would bury the picture under parallel
 * arrows, so those states are coloured and one note speaks for all of them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "l4_transport/tcp.h"

#define COLOUR "#fff3da" /* of states that share their way to CLOSED */

enum {
    ARROWS_MAX = 256,
    CROWD = 5, /* from this many states on, a cause is drawn once for all of them */
};

static struct arrow {
    enum tcp_state from, to;
    const char *cause;
    bool in_figure; /* above the line */
    bool is_shared; /* told once, by the note */
    bool is_drawn;
} arrows[ARROWS_MAX];
static unsigned arrow_count;

static void read_arrows(void)
{
    bool in_figure = true;
    struct arrow *a = arrows;

    for (unsigned i = 0; i < ARROWS_MAX && tcp_arrow_at(i, &a->from, &a->to, &a->cause); i++, a++) {
        if (strcmp(a->cause, "abort") == 0) /* the first row below the line */
            in_figure = false;
        a->in_figure = in_figure;
    }
    arrow_count = (unsigned)(a - arrows);
    for (unsigned i = 0; i < arrow_count; i++) {
        unsigned alike = 0;

        for (unsigned k = 0; k < arrow_count; k++)
            alike += arrows[k].to == arrows[i].to && !arrows[k].in_figure &&
                     strcmp(arrows[k].cause, arrows[i].cause) == 0;
        arrows[i].is_shared = !arrows[i].in_figure && alike >= CROWD;
    }
}

static bool is_coloured(enum tcp_state s)
{
    for (unsigned i = 0; i < arrow_count; i++) {
        if (arrows[i].is_shared && arrows[i].from == s)
            return true;
    }
    return false;
}

/* CLOSED as the end of a connection is another node than CLOSED as its beginning, to which Figure 5
 * draws what gives up before there is a connection. */
static const char *target(const struct arrow *a)
{
    bool is_early = a->from == TCP_LISTEN || a->from == TCP_SYN_SENT;

    return a->to == TCP_CLOSED && !(is_early && a->in_figure) ? "END" : tcp_state_name(a->to);
}

/* Causes of the arrows that go the same way as arrows[i], one a line. */
static void put_causes(FILE *f, unsigned i)
{
    for (unsigned k = i; k < arrow_count; k++) {
        struct arrow *a = &arrows[k], *first = &arrows[i];

        if (a->is_drawn || a->from != first->from || a->to != first->to ||
            a->in_figure != first->in_figure || a->is_shared)
            continue;
        fprintf(f, "%s%s", k == i ? "" : "\\n", a->cause);
        a->is_drawn = true;
    }
}

static void put_note(FILE *f)
{
    bool any = false;

    for (unsigned i = 0; i < arrow_count; i++) {
        bool is_first = arrows[i].is_shared;

        for (unsigned k = 0; k < i; k++)
            is_first =
                is_first && !(arrows[k].is_shared && strcmp(arrows[k].cause, arrows[i].cause) == 0);
        if (!is_first)
            continue;
        fprintf(f, "%s%s",
                any ? ", "
                    : "    ANY [shape=note, style=filled, fillcolor=\"" COLOUR "\", "
                      "color=\"#b08020\", label=\"any state of this colour:\\n",
                arrows[i].cause);
        any = true;
    }
    if (any)
        fputs("\"];\n    ANY -> END [style=dashed, color=\"#909090\"];\n", f);
}

static void put_states(FILE *f)
{
    fputs("    CLOSED [style=\"filled,rounded,bold\"];\n"
          "    END [label=\"CLOSED\", style=\"filled,rounded,bold\"];\n",
          f);
    for (unsigned s = 0; s < TCP_STATES; s++) {
        if (s != TCP_CLOSED)
            fprintf(f, "    %s%s;\n", tcp_state_name((enum tcp_state)s),
                    is_coloured((enum tcp_state)s) ? " [fillcolor=\"" COLOUR "\"]" : "");
    }
}

static void put_graph(FILE *f)
{
    fputs(
        "// Made by tools/gen-states from the table of arrows in stack/l4_transport/tcp_fsm.c.\n"
        "// Do not edit: `cmake --build build --target docs-states` writes it and draws it.\n"
        "digraph tcp {\n"
        "    compound=true; rankdir=TB; nodesep=0.7; ranksep=0.65; bgcolor=white;\n"
        "    node [shape=box, style=\"filled,rounded\", fillcolor=\"#eef4fb\", color=\"#35618f\",\n"
        "          fontname=\"Helvetica\", fontsize=13, width=1.5, height=0.45];\n"
        "    edge [fontname=\"Helvetica\", fontsize=11, color=\"#303030\", arrowsize=0.8];\n",
        f);
    put_states(f);
    fputs("    {rank=same; SYN_RCVD; SYN_SENT;}\n"
          "    {rank=same; FIN_WAIT_1 -> CLOSE_WAIT [style=invis];}\n"
          "    {rank=same; FIN_WAIT_2 -> CLOSING -> LAST_ACK [style=invis];}\n"
          "    {rank=same; ANY -> TIME_WAIT [style=invis];}\n",
          f);
    for (unsigned i = 0; i < arrow_count; i++) {
        const struct arrow *a = &arrows[i];

        if (a->is_drawn || a->is_shared)
            continue;
        /* Simultaneous open runs from right to left; dot wants the left one first. */
        bool is_left = a->from == TCP_SYN_SENT && a->to == TCP_SYN_RCVD;

        if (is_left)
            fputs("    SYN_RCVD -> SYN_SENT [dir=back, label=\"", f);
        else
            fprintf(f, "    %s -> %s [label=\"", tcp_state_name(a->from), target(a));
        put_causes(f, i);
        fprintf(f, "%s\"%s];\n", is_left ? "\\n " : "",
                a->in_figure ? "" : ", style=dashed, color=\"#909090\", fontcolor=\"#606060\"");
    }
    put_note(f);
    fputs("}\n", f);
}

int main(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fputs("usage: gen-states [FILE]: the graph of the TCP machine, for dot\n", stderr);
        return 1;
    }
    FILE *f = argc == 2 ? fopen(argv[1], "w") : stdout;

    if (f == NULL) {
        fprintf(stderr, "gen-states: cannot write %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    read_arrows();
    put_graph(f);
    if (fflush(f) != 0 || ferror(f)) {
        fprintf(stderr, "gen-states: cannot write: %s\n", strerror(errno));
        return 2;
    }
    return f == stdout || fclose(f) == 0 ? 0 : 2;
}
