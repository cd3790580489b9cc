/*
 * check.c - `stackscope check`: what is wrong or suspicious in a capture, with frame, sentence and RFC.
 */
#include "check.h"

#include <stdarg.h>
#include <stdlib.h>

#include "command.h"
#include "say.h"

enum severity { ERROR, WARNING, NOTE };

static const struct {
    const char *name;
    enum severity severity;
    const char *why, *rfc;
} check_kinds[CHECK_KINDS] = {
    [CHECK_BAD_SUM] = {"bad_checksum",      ERROR,   "The checksum is wrong: who receives it must drop it",
                       "RFC 9293 3.1, RFC 1071"                                                                                                },
    [CHECK_MALFORMED] = {"malformed",         ERROR,   "The headers contradict themselves",                        "RFC 1122 3.2.1"              },
    [CHECK_OPTIONS] = {"tcp_options",       ERROR,   "A TCP option has a length that it cannot have",
                       "RFC 9293 3.1 (MUST-7)"                                                                                                 },
    [CHECK_AFTER_FIN] = {"data_after_fin",    ERROR,
                       "An end sends new text after its FIN, which said that there is no more",                  "RFC 9293 3.6"                },
    [CHECK_WINDOW_EXCEEDED] = {"window_exceeded",   ERROR,
                       "An end sends beyond the window that it was offered",                                     "RFC 9293 3.8.6"              },
    [CHECK_BLIND_RST] = {"blind_reset",       WARNING,
                       "A reset whose number is not the one expected: by a stranger, or late; it "
                         "is not to be taken",                                                                   "RFC 5961 3.2"                },
    [CHECK_BLIND_SYN] =
        {"blind_syn",         WARNING,
                       "A SYN on a connection that lives on: by a stranger, or by an end that has forgotten it",
                       "RFC 5961 4.2"                                                                                                          },
    [CHECK_BLIND_DATA] = {"blind_data",        WARNING,
                       "Text with an acknowledgment out of the range that the end can have "
                          "sent: by a stranger, or very late",                                                   "RFC 5961 5.2"                },
    [CHECK_SYN_FLOOD] = {"syn_flood",         ERROR,
                       "A hundred connections a second are asked for, and less than a tenth of "
                         "them opened: a SYN flood",                                                             "RFC 4987 2"                  },
    [CHECK_HALF_OPEN] = {"half_open",         WARNING,
                       "Sixteen connections or more wait half-open at a service at the same "
                       "time, their SYN,ACKs sent again",                                                        "RFC 4987 2"                  },
    [CHECK_PORT_SCAN] = {"port_scan",         WARNING,
                       "One machine asks for twenty or more different ports of another",                         "RFC 4949 (port scan)"        },
    [CHECK_ODD_FLAGS] = {"odd_flags",         WARNING,
                       "Flags that no TCP sends: a probe for how this one reacts",                               "RFC 9293 3.10.7"             },
    [CHECK_LAND] =
        {"land",              ERROR,
                       "Source and destination are the same socket: an end that answers talks to itself",
                       "RFC 1122 4.2.3.10"                                                                                                     },
    [CHECK_SMALL_MSS] = {"small_mss",         WARNING,
                       "So small a segment size makes the other end send mostly headers",                        "RFC 9293 3.7.1, RFC 6691"    },
    [CHECK_PAWS] = {"paws",              WARNING,
                       "The timestamps of an end go back: an old duplicate, or somebody else's",                 "RFC 7323 5"                  },
    [CHECK_RTX_STORM] = {"rtx_storm",         WARNING,
                       "The same is sent again four times or more without an answer",                            "RFC 9293 3.8.3, RFC 6298 5"  },
    [CHECK_SPURIOUS] = {"spurious_rtx",      NOTE,
                       "What had been acknowledged was sent again: the timeout was too short, or "
                        "the ACK was lost",                                                                      "RFC 5682, RFC 3522"          },
    [CHECK_ZERO_STALL] =
        {"zero_window_stall", WARNING,
                       "A closed window held the other end up for a second or more: nobody reads",               "RFC 9293 3.8.6.1"            },
    [CHECK_SILLY_WINDOW] = {"silly_window",      WARNING,
                       "The window is opened in crumbs: silly window syndrome",                                  "RFC 9293 3.8.6.2.2 (MUST-39)"},
    [CHECK_TTL] = {"ttl_change",        NOTE,
                       "A segment comes from another distance than the end's others: another way, or "
                   "another sender",                                                                             "RFC 791 3.2"                 },
    [CHECK_MARTIAN] = {"martian_source",    ERROR,
                       "A source address that no machine can have on this wire",                                 "RFC 1122 3.2.1.3"            },
    [CHECK_REDIRECT] = {"icmp_redirect",     NOTE,    "A router, or somebody in its name, changes the way",
                       "RFC 1122 3.2.2.2"                                                                                                      },
    [CHECK_FRAG_OVERLAP] =
        {"fragments_overlap", ERROR,
                       "Fragments overlap and are not the same: teardrop, or a way around a filter",             "RFC 1858 4, RFC 5722"        },
    [CHECK_FRAG_BEYOND] = {"fragment_beyond",   ERROR,
                       "A fragment ends beyond the longest datagram: the ping of death",                         "RFC 791 3.2"                 },
    [CHECK_FRAG_TINY] = {"fragment_tiny",     WARNING,
                       "A first fragment without the whole TCP header: a way around a filter",                   "RFC 1858 3"                  },
    [CHECK_ARP_CONFLICT] = {"arp_conflict",      ERROR,   "Two machines claim the same address, in turns",
                       "RFC 5227 2.4"                                                                                                          },
    [CHECK_ARP_CHANGE] = {"arp_change",        WARNING, "An address has moved to another machine",
                       "RFC 826, RFC 5227 3"                                                                                                   },
    [CHECK_ARP_SENDER] = {"arp_sender",        WARNING,
                       "An ARP message says another hardware address than its frame comes from",                 "RFC 826"                     },
    [CHECK_OFFLOAD] =
        {"offload",           NOTE,
                       "All checksums of an end are wrong: captured before its device filled them in",
                       "RFC 1071"                                                                                                              },
    [CHECK_LOST] = {"capture_gap",       NOTE,    "Segments are acknowledged that the capture does not have",
                       "RFC 9293 3.4"                                                                                                          },
};

static const char *const severity_names[] = {
    [ERROR] = "error", [WARNING] = "warning", [NOTE] = "note"};
static const char *const severity_inks[] = {[ERROR] = "red", [WARNING] = "yellow", [NOTE] = "cyan"};

static void check_json(const struct check_example *x, enum check_kind kind)
{
    printf("{\"t\":%lld.%09lld,\"kind\":\"finding\",", (long long)(x->time / 1000000000),
           (long long)(x->time % 1000000000));
    printf("\"conn\":");
    scope_json_text(stdout, x->where);
    printf(",\"frame\":%llu,\"finding\":\"%s\",\"severity\":\"%s\",\"detail\":",
           (unsigned long long)x->frame, check_kinds[kind].name,
           severity_names[check_kinds[kind].severity]);
    scope_json_text(stdout, x->detail);
    printf(",\"why\":\"%s\",\"rfc\":\"%s\"}\n", check_kinds[kind].why, check_kinds[kind].rfc);
}

void check_report(struct check *k, enum check_kind kind, uint64_t number, int64_t time,
                  const char *where, const char *detail, ...)
{
    struct check_found *f = &k->found[kind];
    struct check_example x = {.frame = number, .time = time};
    va_list args;

    f->frame_last = number;
    if (f->count++ >= (k->o->json ? CHECK_JSON_MAX : CHECK_EXAMPLES))
        return;
    snprintf(x.where, sizeof(x.where), "%s", where);
    va_start(args, detail);
    vsnprintf(x.detail, sizeof(x.detail), detail, args);
    va_end(args);
    if (k->o->json)
        check_json(&x, kind);
    else
        f->example[f->count - 1] = x;
}

struct check_conn *check_conn_of(struct track_conn *c)
{
    if (c->user[CHECK_USER] == NULL)
        c->user[CHECK_USER] = calloc(1, sizeof(struct check_conn));
    return c->user[CHECK_USER];
}

char *check_where(const struct track_conn *c, unsigned from, char *out)
{
    return track_conn_text(c, from, out);
}

/* --- what comes --- */

static void check_on_segment(void *ctx, const struct track_segment *g)
{
    check_opens(ctx, g);
    check_segment(ctx, g);
    check_net(ctx, g->frame, g->d);
}

static void check_on_state(void *ctx, const struct track_state *s)
{
    check_state(ctx, s);
}

static void check_on_other(void *ctx, const struct frame *f, const struct dissect *d)
{
    struct check *k = ctx;

    if (d->fault != V_NEXT) {
        char a[46] = "", b[46] = "", where[120] = "";
        if (d->net == NET_IP4 || d->net == NET_IP6)
            snprintf(where, sizeof(where), "%s-%s", scope_addr_text(&d->src, a),
                     scope_addr_text(&d->dst, b));
        check_report(k, d->fault == V_DROP_TCP_OPTION ? CHECK_OPTIONS : CHECK_MALFORMED, f->number,
                     f->time, where, "byte %u: %s", d->fault_at, dissect_fault_text(d));
    }
    check_net(k, f, d);
}

static void check_on_end(void *ctx, struct track_conn *c, const char *why)
{
    (void)why;
    check_conn_ended(ctx, c);
    free(c->user[CHECK_USER]);
    c->user[CHECK_USER] = NULL;
}

static void *check_begin(const struct scope_options *o, int argc, char **argv, char *err,
                         size_t err_len)
{
    struct check *k = calloc(1, sizeof(*k));

    (void)argc;
    (void)argv;
    if (k != NULL) {
        k->o = o;
        track_key(&k->key);
        k->track = track_new(&(struct track_options){
            .connections = o->connections,
            .observer = {k, check_on_segment, check_on_state, check_on_other, check_on_end}
        });
    }
    if (k == NULL || k->track == NULL) {
        snprintf(err, err_len, "no memory for so many connections: --connections less");
        free(k);
        return NULL;
    }
    return k;
}

static bool check_frame(void *state, const struct frame *f)
{
    struct check *k = state;

    k->frame = f;
    track_frame(k->track, f);
    return true;
}

static void check_text(const struct check *k, enum check_kind kind)
{
    const struct check_found *f = &k->found[kind];
    enum severity s = check_kinds[kind].severity;

    printf("%s%s%s %s%s%s: %s [%s]\n", scope_ink(k->o, severity_inks[s]), severity_names[s],
           scope_ink(k->o, ""), scope_ink(k->o, "bold"), check_kinds[kind].name,
           scope_ink(k->o, ""), check_kinds[kind].why, check_kinds[kind].rfc);
    for (uint64_t i = 0; i < f->count && i < CHECK_EXAMPLES; i++) {
        const struct check_example *x = &f->example[i];
        printf("    #%llu %s%s%s\n", (unsigned long long)x->frame, x->where,
               x->detail[0] != '\0' ? ": " : "", x->detail);
    }
    if (f->count > CHECK_EXAMPLES)
        printf("    ... %llu times in all, the last in #%llu\n", (unsigned long long)f->count,
               (unsigned long long)f->frame_last);
}

static int check_end(void *state)
{
    struct check *k = state;
    uint64_t all = 0;

    track_end_all(k->track);
    track_free(k->track);
    check_servers_end(k);
    for (enum severity s = ERROR; s <= NOTE; s++)
        for (unsigned kind = 0; kind < CHECK_KINDS; kind++) {
            const struct check_found *f = &k->found[kind];
            if (check_kinds[kind].severity != s || f->count == 0)
                continue;
            all += f->count;
            if (!k->o->json)
                check_text(k, kind);
            else
                printf("{\"kind\":\"findings\",\"finding\":\"%s\",\"severity\":\"%s\",\"count\":%"
                       "llu,\"told\":%llu}\n",
                       check_kinds[kind].name, severity_names[s], (unsigned long long)f->count,
                       (unsigned long long)(f->count < CHECK_JSON_MAX ? f->count : CHECK_JSON_MAX));
        }
    if (all == 0 && !k->o->json)
        printf("nothing suspicious\n");
    free(k);
    return SCOPE_OK;
}

const struct scope_command scope_check = {
    .name = "check",
    .words = "",
    .help = "what is wrong or suspicious, each with its frame, a sentence and the RFC",
    .formats = "text",
    .late = true,
    .begin = check_begin,
    .frame = check_frame,
    .end = check_end,
};
