/*
 * flows.c - `stackscope flows`: a table of the TCP connections, a line each.
 *
 * Sorted by what is asked for, the greatest first (`--sort start`: the earliest first). A capture can have
 * more connections than memory, so at most `--rows` of them are kept: a heap whose top is the least of those
 * that would be shown. How many were left out is said.
 */
#include "flows.h"

#include <stdlib.h>

#include "line.h"
#include "say.h"

enum { FLOWS_ROWS = 10000 };

struct flow {
    double key; /* what they are sorted by */
    struct track_conn c;
};

struct flows_sort {
    const char *name;
    double (*key)(const struct track_conn *c);
};

struct flows {
    const struct scope_options *o;
    struct track *track;
    const struct flows_sort *sort;
    struct flow *heap; /* of the least */
    size_t len, max;
    uint64_t all;
    int64_t start;
    bool started;
};

const char *flow_completeness(uint8_t c)
{
    bool closed = (c & 16) != 0, reset = (c & 32) != 0;

    if ((c & 7) == 7 && (closed || reset))
        return c & 8 ? "Complete, WITH_DATA" : "Complete, NO_DATA";
    if (c == (1 | 2 | 4 | 8))
        return "Incomplete, DATA";
    if (c == (1 | 2 | 4))
        return "Incomplete, ESTABLISHED";
    if (c == (1 | 2))
        return "Incomplete, CLIENT_ESTABLISHED";
    if (c == 1)
        return "Incomplete, SYN_SENT";
    return "Incomplete";
}

/* --- the order --- */

static double flow_bytes(const struct track_conn *c)
{
    return (double)(c->end[0].bytes + c->end[1].bytes);
}
static double flow_packets(const struct track_conn *c)
{
    return (double)(c->end[0].segments + c->end[1].segments);
}
static double flow_duration(const struct track_conn *c)
{
    return (double)(c->last_time - c->first_time);
}
static double flow_rtx(const struct track_conn *c)
{
    return (double)(c->end[0].rtx_segments + c->end[1].rtx_segments);
}
static double flow_start(const struct track_conn *c)
{
    return -(double)c->index;
}
static double flow_rtt(const struct track_conn *c)
{
    int64_t a = c->end[0].rtt_median, b = c->end[1].rtt_median;

    return (double)(a > b ? a : b);
}
static double flow_zero(const struct track_conn *c)
{
    return (double)(c->end[0].zero_windows + c->end[1].zero_windows);
}

static const struct flows_sort flows_sorts[] = {
    {"bytes",    flow_bytes   },
    {"packets",  flow_packets },
    {"duration", flow_duration},
    {"rtx",      flow_rtx     },
    {"rtt",      flow_rtt     },
    {"zero",     flow_zero    },
    {"start",    flow_start   },
};

/* Less is worse: by the key, then who came later. */
static bool flow_less(const struct flow *a, const struct flow *b)
{
    return a->key != b->key ? a->key < b->key : a->c.index > b->c.index;
}

static void flow_down(struct flow *h, size_t len, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < len; i = child) {
        if (child + 1 < len && flow_less(&h[child + 1], &h[child]))
            child++;
        if (!flow_less(&h[child], &h[i]))
            return;
        struct flow t = h[i];
        h[i] = h[child];
        h[child] = t;
    }
}

static void flow_up(struct flow *h, size_t i)
{
    for (; i > 0 && flow_less(&h[i], &h[(i - 1) / 2]); i = (i - 1) / 2) {
        struct flow t = h[i];
        h[i] = h[(i - 1) / 2];
        h[(i - 1) / 2] = t;
    }
}

static int flow_order(const void *a, const void *b)
{
    return flow_less(a, b) ? 1 : -1;
}

static void flows_ended(void *ctx, struct track_conn *c, const char *why)
{
    struct flows *fl = ctx;
    struct flow f = {fl->sort->key(c), *c};

    (void)why;
    fl->all++;
    if (fl->len < fl->max) {
        fl->heap[fl->len] = f;
        flow_up(fl->heap, fl->len++);
    } else if (flow_less(&fl->heap[0], &f)) {
        fl->heap[0] = f;
        flow_down(fl->heap, fl->len, 0);
    }
}

/* --- how they look --- */

static void flow_ms(int64_t ns, char *out, size_t len)
{
    if (ns < 0)
        snprintf(out, len, "-");
    else
        snprintf(out, len,
                 ns < 10000000     ? "%.3f"
                 : ns < 1000000000 ? "%.1f"
                                   : "%.0f",
                 (double)ns / 1e6);
}

static void flow_trip(const struct track_end *e)
{
    char ms[3][32];

    flow_ms(e->rtt_min, ms[0], sizeof(ms[0]));
    flow_ms(e->rtt_median, ms[1], sizeof(ms[1]));
    flow_ms(e->rtt_p95, ms[2], sizeof(ms[2]));
    printf(" %7s %7s %7s", ms[0], ms[1], ms[2]);
}

static void flow_text(const struct flows *fl, const struct track_conn *c)
{
    const struct track_end *a = &c->end[END_CLIENT], *b = &c->end[END_SERVER];
    char name[120];

    printf("%6llu %s%-44s%s %11.6f %10.6f %11llu %11llu %5llu %5llu", (unsigned long long)c->index,
           scope_ink(fl->o, "bold"), track_conn_text(c, END_CLIENT, name), scope_ink(fl->o, ""),
           (double)(c->first_time - fl->start) / 1e9, (double)(c->last_time - c->first_time) / 1e9,
           (unsigned long long)a->bytes, (unsigned long long)b->bytes,
           (unsigned long long)a->rtx_segments, (unsigned long long)b->rtx_segments);
    flow_trip(a);
    flow_trip(b);
    printf(" %4llu %3llu  %s (%u)%s\n", (unsigned long long)(a->zero_windows + b->zero_windows),
           (unsigned long long)(a->resets + b->resets), flow_completeness(c->completeness),
           c->completeness, c->joined ? ", joined" : "");
}

static void flow_json_end(const struct track_conn *c, unsigned e, const char *name)
{
    const struct track_end *x = &c->end[e];
    char addr[46];

    printf(",\"%s\":{\"addr\":\"%s\",\"port\":%u,\"state\":\"%s\",\"segments\":%llu,\"bytes\":%llu,"
           "\"wire_bytes\":%llu,"
           "\"rtx_segments\":%llu,\"rtx_bytes\":%llu,\"out_of_order\":%llu,\"dup_acks\":%llu,"
           "\"zero_windows\":%llu,"
           "\"resets\":%llu,\"gaps\":%llu,\"window_max\":%u,\"in_flight_max\":%u,\"mss\":%u",
           name, scope_addr_text(&x->addr, addr), x->port, track_state_name(x->state),
           (unsigned long long)x->segments, (unsigned long long)x->bytes,
           (unsigned long long)x->wire_bytes, (unsigned long long)x->rtx_segments,
           (unsigned long long)x->rtx_bytes, (unsigned long long)x->out_of_order,
           (unsigned long long)x->dup_acks, (unsigned long long)x->zero_windows,
           (unsigned long long)x->resets, (unsigned long long)x->gaps, x->window_max,
           x->in_flight_max, x->mss);
    printf(",\"rtt_samples\":%llu", (unsigned long long)x->rtt_samples);
    if (x->rtt_samples != 0)
        printf(",\"rtt_min\":%.9f,\"rtt_median\":%.9f,\"rtt_p95\":%.9f", (double)x->rtt_min / 1e9,
               (double)x->rtt_median / 1e9, (double)x->rtt_p95 / 1e9);
    putchar('}');
}

static void flow_json(const struct track_conn *c)
{
    char name[120];

    printf("{\"t\":%lld.%09lld,\"kind\":\"flow\",\"conn\":\"%s\",\"frame\":%llu,\"stream\":%llu,"
           "\"last_frame\":%llu,"
           "\"duration\":%.9f,\"completeness\":%u,\"joined\":%s",
           (long long)(c->first_time / 1000000000), (long long)(c->first_time % 1000000000),
           track_conn_text(c, END_CLIENT, name), (unsigned long long)c->first_frame,
           (unsigned long long)c->index, (unsigned long long)c->last_frame,
           (double)(c->last_time - c->first_time) / 1e9, c->completeness,
           c->joined ? "true" : "false");
    flow_json_end(c, END_CLIENT, "client");
    flow_json_end(c, END_SERVER, "server");
    printf("}\n");
}

/* --- the command --- */

static const struct argp_option flows_options[] = {
    {"sort",                                                         's', "KEY", 0, "bytes (default), packets, duration, rtx, rtt, zero or start", 0},
    {"rows",                                                         'n', "N", 0, "At most so many lines (default 10000)", 0},
    {0},
};

static bool flows_read(struct flows *fl, int argc, char **argv, char *err, size_t err_len)
{
    fl->sort = &flows_sorts[0];
    fl->max = FLOWS_ROWS;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--rows=", 7) == 0) {
            char *end;
            unsigned long n = strtoul(argv[i] + 7, &end, 10);
            if (argv[i][7] < '0' || argv[i][7] > '9' || *end != '\0' || n == 0 || n > 10000000) {
                snprintf(err, err_len, "--rows %s: a number from 1 to 10000000", argv[i] + 7);
                return false;
            }
            fl->max = n;
        } else if (strncmp(argv[i], "--sort=", 7) == 0) {
            size_t k = 0;
            while (k < ARRAY_LEN(flows_sorts) && strcmp(flows_sorts[k].name, argv[i] + 7) != 0)
                k++;
            if (k == ARRAY_LEN(flows_sorts)) {
                snprintf(err, err_len,
                         "--sort %s: bytes, packets, duration, rtx, rtt, zero or start",
                         argv[i] + 7);
                return false;
            }
            fl->sort = &flows_sorts[k];
        }
    }
    return true;
}

static void *flows_begin(const struct scope_options *o, int argc, char **argv, char *err,
                         size_t err_len)
{
    struct flows *fl = calloc(1, sizeof(*fl));

    if (fl != NULL && !flows_read(fl, argc, argv, err, err_len)) {
        free(fl);
        return NULL;
    }
    if (fl != NULL) {
        fl->o = o;
        fl->heap = calloc(fl->max, sizeof(fl->heap[0]));
        fl->track = track_new(&(struct track_options){
            .connections = o->connections, .observer = {.ctx = fl, .ended = flows_ended}
        });
    }
    if (fl == NULL || fl->heap == NULL || fl->track == NULL) {
        if (fl != NULL) {
            free(fl->heap);
            track_free(fl->track);
        }
        free(fl);
        snprintf(err, err_len, "no memory: fewer --rows or --connections");
        return NULL;
    }
    return fl;
}

static bool flows_frame(void *state, const struct frame *f)
{
    struct flows *fl = state;

    if (!fl->started) {
        fl->started = true;
        fl->start = f->time;
    }
    track_frame(fl->track, f);
    return true;
}

static int flows_end(void *state)
{
    struct flows *fl = state;

    track_end_all(fl->track);
    track_free(fl->track);
    qsort(fl->heap, fl->len, sizeof(fl->heap[0]), flow_order);
    if (!fl->o->json && fl->len != 0)
        printf("%6s %-44s %11s %10s %11s %11s %5s %5s %7s %7s %7s %7s %7s %7s %4s %3s  %s\n",
               "stream", "client-server", "start s", "lasts s", "bytes c>s", "bytes s>c", "rtx c",
               "rtx s", "RTT c", "median", "p95 ms", "RTT s", "median", "p95 ms", "0win", "RST",
               "completeness");
    for (size_t i = 0; i < fl->len; i++) {
        if (fl->o->json)
            flow_json(&fl->heap[i].c);
        else
            flow_text(fl, &fl->heap[i].c);
    }
    if (fl->all > fl->len)
        fprintf(fl->o->json ? stderr : stdout, "... and %llu more: --rows %llu shows all\n",
                (unsigned long long)(fl->all - fl->len), (unsigned long long)fl->all);
    free(fl->heap);
    free(fl);
    return SCOPE_OK;
}

const struct scope_command scope_flows = {
    .name = "flows",
    .words = "",
    .help = "a table of the TCP connections: bytes, retransmissions, round trips, completeness",
    .options = flows_options,
    .formats = "text",
    .late = true,
    .begin = flows_begin,
    .frame = flows_frame,
    .end = flows_end,
};
