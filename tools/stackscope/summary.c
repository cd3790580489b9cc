/*
 * summary.c - `stackscope summary`: the whole capture on a page.
 *
 * When, how much, which protocols; what TCP did, who spoke most, and what is wrong in how many connections
 * (`check` says where). One pass; the talkers are counted by the Space-Saving method (Metwally 2005): so
 * many counters as SUMMARY_TALKERS, the least of which is taken over by a newcomer with its count, so one that
 * has more than a SUMMARY_TALKERSth of all bytes is never missed, and `at most` is said where it may be less.
 */
#include <stdlib.h>
#include <time.h>

#include "line.h"
#include "rtt.h"
#include "say.h"

enum {
    SUMMARY_TALKERS = 256,
    SUMMARY_SHOWN = 5,
    SUMMARY_QUANTILES = 20 /* of fewer ends a share of 95 % would be all of them */
};

struct amount {
    uint64_t frames, bytes;
};

struct talker {
    struct scope_addr addr;
    uint64_t bytes, frames;
    uint64_t above; /* of bytes: inherited, perhaps not its own */
};

enum protocol { P_TCP, P_UDP, P_ICMP, P_IP, P_FRAGMENT, P_ARP, P_OTHER, P_BAD, PROTOCOLS };

struct summary {
    const struct scope_options *o;
    struct track *track;
    struct amount all, of[PROTOCOLS], ip4, ip6;
    uint64_t captured;
    int64_t first, last, second_end;
    bool started;
    struct amount second, peak; /* the current second, the fullest */
    struct talker talker[SUMMARY_TALKERS];
    unsigned talkers, hit;
    /* of TCP */
    uint64_t conns, joined, refused, unanswered, closed, reset, open;
    uint64_t with_data, segments, payload, rtx, rtx_bytes, out_of_order, dup_acks, zero_windows;
    uint64_t classes[32]; /* connections with a segment of that class */
    struct rtt rtt;       /* of each end that has any, the median */
    int64_t rtt_most;
};

/* --- who speaks --- */

static void summary_talks(struct summary *s, const struct scope_addr *a, uint64_t frames,
                          uint64_t bytes)
{
    struct talker *t = &s->talker[s->hit];
    unsigned least = 0;

    if (s->hit < s->talkers && memcmp(&t->addr, a, sizeof(*a)) == 0) {
        t->frames += frames;
        t->bytes += bytes;
        return;
    }
    for (unsigned i = 0; i < s->talkers; i++) {
        t = &s->talker[i];
        if (memcmp(&t->addr, a, sizeof(*a)) == 0) {
            t->frames += frames;
            t->bytes += bytes;
            s->hit = i;
            return;
        }
        if (t->bytes < s->talker[least].bytes)
            least = i;
    }
    if (s->talkers < SUMMARY_TALKERS) {
        least = s->talkers++;
        s->talker[least] = (struct talker){.addr = *a};
    }
    t = &s->talker[least];
    *t =
        (struct talker){.addr = *a, .bytes = t->bytes + bytes, .frames = frames, .above = t->bytes};
    s->hit = least;
}

static int summary_order(const void *a, const void *b)
{
    const struct talker *x = a, *y = b;

    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* --- what comes --- */

static void summary_count(struct amount *a, const struct frame *f)
{
    a->frames++;
    a->bytes += f->wire_len;
}

static void summary_other(void *ctx, const struct frame *f, const struct dissect *d)
{
    struct summary *s = ctx;
    enum protocol p = P_OTHER;

    if (d->fault != V_NEXT)
        p = P_BAD;
    else if (d->net == NET_ARP)
        p = P_ARP;
    else if (d->mf || d->frag_off != 0)
        p = P_FRAGMENT;
    else if (d->transport == TRANSPORT_TCP) /* its header is cut off by the capture */
        p = P_TCP;
    else if (d->transport == TRANSPORT_UDP)
        p = P_UDP;
    else if (d->transport == TRANSPORT_ICMP)
        p = P_ICMP;
    else if (d->net == NET_IP4 || d->net == NET_IP6)
        p = P_IP;
    summary_count(&s->of[p], f);
    if (d->net == NET_IP4 || d->net == NET_IP6) {
        summary_count(d->net == NET_IP4 ? &s->ip4 : &s->ip6, f);
        if (d->fault == V_NEXT)
            summary_talks(s, &d->src, 1, f->wire_len);
    }
}

static void summary_ended(void *ctx, struct track_conn *c, const char *why)
{
    struct summary *s = ctx;
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct amount *ip = memcmp(c->end[0].addr.b, mapped, sizeof(mapped)) == 0 ? &s->ip4 : &s->ip6;

    (void)why;
    s->conns++;
    s->joined += c->joined;
    s->with_data += (c->completeness & 8) != 0;
    if ((c->completeness & (1 | 2 | 32)) == (1 | 32) && c->end[END_SERVER].resets != 0)
        s->refused++;
    else if ((c->completeness & ~4u) == 1 && c->end[END_SERVER].segments == 0)
        s->unanswered++;
    else if (c->completeness & 32)
        s->reset++;
    else if (c->completeness & 16)
        s->closed++;
    else
        s->open++;
    for (unsigned e = 0; e < 2; e++) {
        const struct track_end *x = &c->end[e];
        s->segments += x->segments;
        s->payload += x->bytes;
        s->rtx += x->rtx_segments;
        s->rtx_bytes += x->rtx_bytes;
        s->out_of_order += x->out_of_order;
        s->dup_acks += x->dup_acks;
        s->zero_windows += x->zero_windows;
        if (x->rtt_samples != 0) {
            rtt_add(&s->rtt, x->rtt_median);
            s->rtt_most = x->rtt_median > s->rtt_most ? x->rtt_median : s->rtt_most;
        }
        s->of[P_TCP].bytes += x->wire_bytes;
        ip->bytes += x->wire_bytes;
        s->of[P_TCP].frames += x->segments;
        ip->frames += x->segments;
        if (x->segments != 0)
            summary_talks(s, &x->addr, x->segments, x->wire_bytes);
    }
    for (uint32_t w = c->what; w != 0; w &= w - 1)
        s->classes[__builtin_ctz(w)]++;
}

static bool summary_frame(void *state, const struct frame *f)
{
    struct summary *s = state;

    if (unlikely(!s->started)) {
        s->started = true;
        s->first = f->time;
        s->second_end = f->time + NET_SEC(1);
    }
    s->last = f->time > s->last ? f->time : s->last;
    if (unlikely(f->time >= s->second_end)) {
        s->second = (struct amount){0, 0};
        s->second_end = f->time + NET_SEC(1);
    }
    summary_count(&s->second, f);
    if (s->second.bytes > s->peak.bytes)
        s->peak = s->second;
    summary_count(&s->all, f);
    s->captured += f->bytes.len;
    track_frame(s->track, f);
    return true;
}

/* --- the page --- */

static const struct {
    const char *name, *text;
} summary_protocols[PROTOCOLS] = {
    [P_TCP] = {"tcp",       "TCP"      },
    [P_UDP] = {"udp",       "UDP"      },
    [P_ICMP] = {"icmp",      "ICMP"     },
    [P_IP] = {"ip",        "other IP" },
    [P_FRAGMENT] = {"fragment",  "fragments"},
    [P_ARP] = {"arp",       "ARP"      },
    [P_OTHER] = {"other",     "other"    },
    [P_BAD] = {"malformed", "malformed"},
};

static const struct {
    enum seg_class class;
    const char *name, *text;
} summary_classes[] = {
    {SEG_RTX,             "rtx",             "segments sent again"                           },
    {SEG_SPURIOUS,        "spurious",        "segments sent again that had been acknowledged"},
    {SEG_OUT_OF_ORDER,    "out_of_order",    "segments out of order"                         },
    {SEG_ZERO_WINDOW,     "zero_window",     "a closed window"                               },
    {SEG_WINDOW_FULL,     "window_full",     "a window filled to its edge"                   },
    {SEG_WINDOW_EXCEEDED, "window_exceeded", "text beyond the window"                        },
    {SEG_AFTER_FIN,       "after_fin",       "text after the FIN"                            },
    {SEG_OLD_RST,         "bad_rst",         "a reset that must not be taken"                },
    {SEG_PORT_REUSED,     "port_reused",     "the ports of an earlier one"                   },
    {SEG_BAD_SUM,         "bad_sum",         "wrong checksums"                               },
    {SEG_GAP,             "gap",             "segments missing in the capture, or before it" },
    {SEG_UNSEEN_ACKED,    "unseen",          "an ACK of what is not in the capture"          },
};

static unsigned long long ull(uint64_t v)
{
    return v;
}

/* The ending of a noun of which there are @count. */
static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static double summary_rate(const struct summary *s, uint64_t count)
{
    return s->last > s->first ? (double)count * 1e9 / (double)(s->last - s->first) : 0;
}

static double summary_share(uint64_t part, uint64_t all)
{
    return all == 0 ? 0 : 100.0 * (double)part / (double)all;
}

static void summary_when(int64_t ns, char *out, size_t len)
{
    time_t t = (time_t)(ns / 1000000000);
    struct tm tm;
    char date[32] = "";

    if (gmtime_r(&t, &tm) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(out, len, "%s.%06lld UTC", date, (long long)(ns % 1000000000 / 1000));
}

static const char *summary_ms(int64_t ns, char *out, size_t len)
{
    if (ns < 1000) /* the ACK has the segment's time: an end stamped both, or its clock is coarse */
        return "under 0.001";
    snprintf(out, len, "%.3f", (double)ns / 1e6);
    return out;
}

/* How long a segment waited for its ACK where the capture was made: an end's own median, of all ends. */
static void summary_text_rtt(const struct summary *s)
{
    char least[32], most[32], half[32], p95[32];

    if (s->rtt.samples == 0)
        return;
    printf("             time from a segment to its ACK: %s",
           summary_ms(s->rtt.min, least, sizeof(least)));
    if (s->rtt.samples == 1) {
        printf(" ms, the median of the one end that was answered\n");
        return;
    }
    printf(" to %s ms, the medians of %llu ends", summary_ms(s->rtt_most, most, sizeof(most)),
           ull(s->rtt.samples));
    if (s->rtt.samples >= SUMMARY_QUANTILES)
        printf("; half of them up to %s ms, 95 %% up to %s ms",
               summary_ms(rtt_quantile(&s->rtt, 50), half, sizeof(half)),
               summary_ms(rtt_quantile(&s->rtt, 95), p95, sizeof(p95)));
    printf("\n");
}

static void summary_text_tcp(const struct summary *s)
{
    const char *bold = scope_ink(s->o, "bold"), *plain = scope_ink(s->o, "");

    printf("%sTCP%s          %llu connection%s, %llu with data", bold, plain, ull(s->conns),
           plural(s->conns), ull(s->with_data));
    printf("; %llu began before the capture\n", ull(s->joined));
    printf("             %llu closed, %llu reset, %llu refused, %llu unanswered, %llu open or cut "
           "off\n",
           ull(s->closed), ull(s->reset), ull(s->refused), ull(s->unanswered), ull(s->open));
    printf("             %llu segment%s, %llu byte%s of payload\n", ull(s->segments),
           plural(s->segments), ull(s->payload), plural(s->payload));
    printf("             %llu sent again (%.2f %%, %llu byte%s), %llu out of order, %llu duplicate "
           "ACK%s, %llu zero window%s\n",
           ull(s->rtx), summary_share(s->rtx, s->segments), ull(s->rtx_bytes), plural(s->rtx_bytes),
           ull(s->out_of_order), ull(s->dup_acks), plural(s->dup_acks), ull(s->zero_windows),
           plural(s->zero_windows));
    summary_text_rtt(s);
    for (size_t i = 0, n = 0; i < ARRAY_LEN(summary_classes); i++) {
        uint64_t count = s->classes[__builtin_ctz((unsigned)summary_classes[i].class)];
        if (count == 0)
            continue;
        printf("%s%-12s%s %llu connection%s with %s\n", bold, n++ == 0 ? "Noticed" : "", plain,
               ull(count), plural(count), summary_classes[i].text);
    }
}

static void summary_text(struct summary *s)
{
    const char *bold = scope_ink(s->o, "bold"), *plain = scope_ink(s->o, "");
    char from[64], to[64], addr[46];

    if (!s->started) {
        printf("no frames\n");
        return;
    }
    summary_when(s->first, from, sizeof(from));
    summary_when(s->last, to, sizeof(to));
    printf("%sTime%s         %s to %s, %.6f s\n", bold, plain, from, to,
           (double)(s->last - s->first) / 1e9);
    printf("%sFrames%s       %llu, %llu byte%s on the wire, %llu captured\n", bold, plain,
           ull(s->all.frames), ull(s->all.bytes), plural(s->all.bytes), ull(s->captured));
    printf("             %.0f frames/s, %.3f Mbit/s; fullest second: %llu frame%s, %.3f Mbit\n",
           summary_rate(s, s->all.frames), summary_rate(s, s->all.bytes) * 8 / 1e6,
           ull(s->peak.frames), plural(s->peak.frames), (double)s->peak.bytes * 8 / 1e6);
    for (unsigned p = 0, n = 0; p < PROTOCOLS; p++) {
        if (s->of[p].frames != 0)
            printf("%s%-12s%s %-9s %10llu %-6s %6.2f %% %14llu %-5s %6.2f %%\n", bold,
                   n++ == 0 ? "Protocols" : "", plain, summary_protocols[p].text,
                   ull(s->of[p].frames), s->of[p].frames == 1 ? "frame" : "frames",
                   summary_share(s->of[p].frames, s->all.frames), ull(s->of[p].bytes),
                   s->of[p].bytes == 1 ? "byte" : "bytes",
                   summary_share(s->of[p].bytes, s->all.bytes));
    }
    printf("             IPv4 %llu frame%s, IPv6 %llu\n", ull(s->ip4.frames), plural(s->ip4.frames),
           ull(s->ip6.frames));
    if (s->conns != 0)
        summary_text_tcp(s);
    for (unsigned i = 0; i < s->talkers && i < SUMMARY_SHOWN; i++) {
        const struct talker *t = &s->talker[i];
        printf("%s%-12s%s %-40s %s%llu byte%s %6.2f %%, %llu frame%s\n", bold,
               i == 0 ? "Talkers" : "", plain, scope_addr_text(&t->addr, addr),
               t->above != 0 ? "at most " : "", ull(t->bytes), plural(t->bytes),
               summary_share(t->bytes, s->all.bytes), ull(t->frames), plural(t->frames));
    }
}

static void summary_json(struct summary *s)
{
    char addr[46];

    printf("{\"t\":%lld.%09lld,\"kind\":\"summary\",\"frames\":%llu,\"bytes\":%llu,\"captured\":%"
           "llu,\"duration\":%.9f,"
           "\"peak_frames\":%llu,\"peak_bytes\":%llu,\"protocols\":{",
           (long long)(s->first / 1000000000), (long long)(s->first % 1000000000),
           ull(s->all.frames), ull(s->all.bytes), ull(s->captured),
           (double)(s->started ? s->last - s->first : 0) / 1e9, ull(s->peak.frames),
           ull(s->peak.bytes));
    for (unsigned p = 0; p < PROTOCOLS; p++)
        printf("%s\"%s\":{\"frames\":%llu,\"bytes\":%llu}", p > 0 ? "," : "",
               summary_protocols[p].name, ull(s->of[p].frames), ull(s->of[p].bytes));
    printf("},\"ip4_frames\":%llu,\"ip6_frames\":%llu", ull(s->ip4.frames), ull(s->ip6.frames));
    printf(",\"tcp\":{\"connections\":%llu,\"with_data\":%llu,\"joined\":%llu,\"closed\":%llu,"
           "\"reset\":%llu,"
           "\"refused\":%llu,\"unanswered\":%llu,\"open\":%llu,\"segments\":%llu,\"payload\":%llu,"
           "\"rtx_segments\":%llu,\"rtx_bytes\":%llu,\"out_of_order\":%llu,\"dup_acks\":%llu,"
           "\"zero_windows\":%llu",
           ull(s->conns), ull(s->with_data), ull(s->joined), ull(s->closed), ull(s->reset),
           ull(s->refused), ull(s->unanswered), ull(s->open), ull(s->segments), ull(s->payload),
           ull(s->rtx), ull(s->rtx_bytes), ull(s->out_of_order), ull(s->dup_acks),
           ull(s->zero_windows));
    if (s->rtt.samples != 0)
        printf(",\"rtt_ends\":%llu,\"rtt_min\":%.9f,\"rtt_max\":%.9f", ull(s->rtt.samples),
               (double)s->rtt.min / 1e9, (double)s->rtt_most / 1e9);
    if (s->rtt.samples >= SUMMARY_QUANTILES)
        printf(",\"rtt_median\":%.9f,\"rtt_p95\":%.9f", (double)rtt_quantile(&s->rtt, 50) / 1e9,
               (double)rtt_quantile(&s->rtt, 95) / 1e9);
    printf("},\"connections_with\":{");
    for (size_t i = 0; i < ARRAY_LEN(summary_classes); i++)
        printf("%s\"%s\":%llu", i > 0 ? "," : "", summary_classes[i].name,
               ull(s->classes[__builtin_ctz((unsigned)summary_classes[i].class)]));
    printf("},\"talkers\":[");
    for (unsigned i = 0; i < s->talkers && i < SUMMARY_SHOWN; i++)
        printf("%s{\"addr\":\"%s\",\"bytes\":%llu,\"frames\":%llu,\"exact\":%s}", i > 0 ? "," : "",
               scope_addr_text(&s->talker[i].addr, addr), ull(s->talker[i].bytes),
               ull(s->talker[i].frames), s->talker[i].above == 0 ? "true" : "false");
    printf("]}\n");
}

/* --- the command --- */

static void *summary_begin(const struct scope_options *o, int argc, char **argv, char *err,
                           size_t err_len)
{
    struct summary *s = calloc(1, sizeof(*s));

    (void)argc;
    (void)argv;
    if (s != NULL) {
        s->o = o;
        s->track = track_new(&(struct track_options){
            .connections = o->connections,
            .observer = {.ctx = s, .other = summary_other, .ended = summary_ended}
        });
    }
    if (s == NULL || s->track == NULL) {
        snprintf(err, err_len, "no memory for so many connections: --connections less");
        free(s);
        return NULL;
    }
    return s;
}

static int summary_end(void *state)
{
    struct summary *s = state;

    track_end_all(s->track);
    track_free(s->track);
    qsort(s->talker, s->talkers, sizeof(s->talker[0]), summary_order);
    if (s->o->json)
        summary_json(s);
    else
        summary_text(s);
    rtt_free(&s->rtt);
    free(s);
    return SCOPE_OK;
}

const struct scope_command scope_summary = {
    .name = "summary",
    .words = "",
    .help = "the whole capture on a page: time, protocols, what TCP did, who spoke most",
    .formats = "text",
    .late = true,
    .begin = summary_begin,
    .frame = summary_frame,
    .end = summary_end,
};
