/*
 * gen-tracing - docs/tracing.md from the tables that the stack itself uses.
 *
 * Kinds and fields come from trace_kind_info(), reasons from verdict_info(), and the examples are
 * written by the encoders, so the document cannot say what the program does not do. With --check
 * the document on disk is only compared.
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "base/verdict.h"

static struct trace_ev example(enum trace_kind kind)
{
    return (struct trace_ev){
        .t = NET_SEC(1) + 234567,
        .frame = 7,
        .host = "tap0",
        .kind = kind,
        .conn = {ip_addr_v4(0x0a000002), ip_addr_v4(0x0a000001), 80, 40112, 6},
    };
}

static void put_example(FILE *f, const struct trace_ev *ev)
{
    char text[1024];

    fputs("```\n", f);
    fwrite(text, 1, trace_json(ev, text, sizeof(text)), f);
    fwrite(text, 1, trace_text(ev, text, sizeof(text)), f);
    fwrite(text, 1, trace_comment(ev, text, sizeof(text)), f);
    fputs("\n```\n\n", f);
}

static void put_head(FILE *f)
{
    fputs("# Traces\n\n"
          "<!-- Made by tools/gen-tracing from stack/base/trace.def and stack/base/verdict.def.\n"
          "     Do not edit: `cmake --build build --target docs-tracing` writes it. -->\n\n"
          "`stackd --trace FILE`, `stackctl trace` and the comments in captures tell the same\n"
          "events. A trace is JSON Lines: one object a line, with these keys in this order:\n\n"
          "| key | value | when |\n"
          "|---|---|---|\n"
          "| `t` | seconds, 9 decimals, since an epoch of the program | always |\n"
          "| `host` | name of the host that tells it | always |\n"
          "| `kind` | one of the kinds below | always |\n"
          "| `conn` | `local-remote`, as `10.0.0.2:80-10.0.0.1:40112` | when it is about a "
          "conversation |\n"
          "| `frame` | number of the frame at the host's boundary, as Wireshark counts in a "
          "capture from the start; 0 if none | always |\n"
          "| the kind's own fields | see below | always |\n"
          "| `why` | a sentence | when there is more to say |\n"
          "| `rfc` | the section that asks for it | when there is one |\n\n"
          "Durations are seconds with 9 decimals, sequence numbers are as on the wire, an\n"
          "address that is not set is `*`. Readable lines (`stackd -v`) leave out the kind where\n"
          "a short form exists; the short form alone is the comment in a capture.\n\n",
          f);

    struct trace_ev state = example(TRACE_tcp_state), drop = example(TRACE_drop);

    state.u.tcp_state = (struct trace_tcp_state){"LISTEN", "SYN_RCVD", "rcv SYN"};
    fputs("The same event as a JSON line, as a readable line and as a comment:\n\n", f);
    put_example(f, &state);
    const struct verdict_info *info = verdict_info(V_DROP_TCP_CHECKSUM);

    drop.u.drop = (struct trace_drop){info->layer, info->reason};
    drop.why = info->sentence;
    put_example(f, &drop);
}

static void put_comment(FILE *f, const struct trace_ev *ev)
{
    char text[1024];

    fprintf(f, "| %s | `%.*s` |\n", trace_kind_info(ev->kind)->name,
            (int)trace_comment(ev, text, sizeof(text)), text);
}

static void put_comments(FILE *f)
{
    struct trace_ev ev = example(TRACE_tcp_state);

    fputs("## Comments in captures\n\n"
          "A frame has a comment for each of these that it caused, or that is about it. Each form "
          "is\n"
          "named by how it begins, so that programs can read it as well\n"
          "([stackd.lua](../tools/wireshark/stackd.lua) makes fields of them).\n\n"
          "| kind | comment |\n|---|---|\n",
          f);
    ev.u.tcp_state = (struct trace_tcp_state){"ESTABLISHED", "CLOSE_WAIT", "rcv FIN"};
    put_comment(f, &ev);
    ev = example(TRACE_cwnd);
    ev.u.cwnd = (struct trace_cwnd){14480, UINT32_MAX / 2, 2896, "slow start"};
    put_comment(f, &ev);
    ev.u.cwnd = (struct trace_cwnd){14480, 7240, 2896, "fast retransmit"};
    put_comment(f, &ev);
    ev = example(TRACE_rtx);
    ev.u.rtx = (struct trace_rtx){seq_of(1), 1448, "fast retransmit"};
    put_comment(f, &ev);
    ev = example(TRACE_drop);
    const struct verdict_info *info = verdict_info(V_DROP_TCP_CHECKSUM);

    ev.u.drop = (struct trace_drop){info->layer, info->reason};
    put_comment(f, &ev);
    ev = example(TRACE_fault);
    ev.u.fault = (struct trace_fault){"corrupt", "rx"};
    put_comment(f, &ev);
    ev = example(TRACE_arp);
    ev.u.arp =
        (struct trace_arp){ip_addr_v4(0x0a000001), {{2, 0, 0, 0, 0, 1}}, "INCOMPLETE", "REACHABLE"};
    put_comment(f, &ev);
    ev = example(TRACE_conflict);
    ev.u.conflict = (struct trace_conflict){ip_addr_v4(0x0a000002), {{0}}, "probe"};
    put_comment(f, &ev);
    fputs("\nAn event that is about another connection than the frame has that connection behind "
          "it:\n"
          "`SYN_SENT -> CLOSED (rcv ICMP) [10.0.0.2:49152-10.0.0.1:80]`. A congestion window that\n"
          "shrinks by a timeout is told at the retransmission. The slow start threshold is left "
          "out while\n"
          "there is none. What the bad wire does to a frame on its way out stands at that frame, "
          "whenever it\n"
          "happens: it is decided as the frame enters the wire. A delay, which all have, is not "
          "told of each.\n\n",
          f);
}

static const char *type_words(const char *type)
{
    static const struct {
        const char *type, *words;
    } table[] = {
        {"STR",   "text"           },
        {"U32",   "number"         },
        {"U64",   "number"         },
        {"NS",    "seconds"        },
        {"SEQ",   "sequence number"},
        {"IP",    "address"        },
        {"MAC",   "MAC address"    },
        {"FLAGS", "text"           },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(table[i].type, type) == 0)
            return table[i].words;
    }
    return type; /* one that came later: by its own name */
}

static void put_kinds(FILE *f)
{
    fputs("## Kinds\n\n", f);
    for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
        const struct trace_kind_info *info = trace_kind_info((enum trace_kind)kind);

        fprintf(f, "### %s\n\n%s\n\n| field | type | unit | meaning |\n|---|---|---|---|\n",
                info->name, info->sentence);
        for (size_t i = 0; i < info->field_count; i++) {
            const struct trace_field_info *fi = &info->fields[i];

            fprintf(f, "| `%s` | %s | %s | %s |\n", fi->name, type_words(fi->type), fi->unit,
                    fi->sentence);
        }
        fputc('\n', f);
    }
}

static void put_reasons(FILE *f)
{
    fputs("## Reasons to drop\n\n"
          "Every packet that is refused is refused for one of these; `stackctl stats` counts\n"
          "each, kind `drop` traces each.\n\n"
          "| layer | reason | what was wrong |\n|---|---|---|\n",
          f);
    for (unsigned v = V_DONE + 1; v < V_COUNT; v++) {
        const struct verdict_info *info = verdict_info((enum verdict)v);

        fprintf(f, "| %s | `%s` | %s |\n", info->layer, info->reason, info->sentence);
    }
}

static int fail(const char *path)
{
    fprintf(stderr, "gen-tracing: %s: %s\n", path, strerror(errno));
    return 2;
}

/* Return: exit status: 0 when the file at @path is exactly @want. */
static int check(const char *path, const char *want, size_t len)
{
    FILE *f = fopen(path, "r");
    char *have = malloc(len + 2);
    int status = 2;

    if (f == NULL || have == NULL) {
        status = fail(path);
    } else if (fread(have, 1, len + 1, f) == len && memcmp(have, want, len) == 0) {
        status = 0;
    } else {
        fprintf(stderr,
                "gen-tracing: %s is not what the tables say: build the target docs-tracing\n",
                path);
    }
    if (f != NULL)
        fclose(f);
    free(have);
    return status;
}

int main(int argc, char **argv)
{
    bool only_check = argc == 3 && strcmp(argv[1], "--check") == 0;

    if (argc != 2 && !only_check) {
        fprintf(stderr, "usage: gen-tracing [--check] FILE\n");
        return 1;
    }
    const char *path = argv[argc - 1];
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (f == NULL)
        return fail(path);
    put_head(f);
    put_comments(f);
    put_kinds(f);
    put_reasons(f);
    if (fclose(f) != 0)
        return fail(path);
    int status = 0;

    if (only_check) {
        status = check(path, text, len);
    } else {
        f = fopen(path, "w");
        if (f == NULL || fwrite(text, 1, len, f) != len || fclose(f) != 0)
            status = fail(path);
    }
    free(text);
    return status;
}
