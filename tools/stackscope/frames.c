/*
 * frames.c - `frames`: a line for each frame, to find the number that `osi` wants. With -w the frames
 * themselves: a filter, and another format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dissect.h"
#include "out.h"
#include "say.h"
#include "wire/tcp_flags.h"

struct frames {
    const struct scope_options *o;
    struct out *out;
    int64_t first;
    bool has_first;
};

static void *frames_begin(const struct scope_options *o, int argc, char **argv, char *err,
                          size_t err_len)
{
    struct frames *s = calloc(1, sizeof(*s));

    (void)argc;
    (void)argv;
    if (s == NULL) {
        snprintf(err, err_len, "no memory");
        return NULL;
    }
    s->o = o;
    if (o->write != NULL && (s->out = out_open(o->write, o->source, err, err_len)) == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static const char *frames_layer(const struct dissect *d)
{
    static const char *const transport[] = {
        [TRANSPORT_TCP] = "TCP", [TRANSPORT_UDP] = "UDP", [TRANSPORT_ICMP] = "ICMP"};
    static const char *const net[] = {[NET_NOTHING] = "unknown",
                                      [NET_IP4] = "IPv4",
                                      [NET_IP6] = "IPv6",
                                      [NET_ARP] = "ARP",
                                      [NET_OTHER] = "Ethernet"};

    if (d->transport == TRANSPORT_TCP || d->transport == TRANSPORT_UDP ||
        d->transport == TRANSPORT_ICMP)
        return transport[d->transport];
    return net[d->net];
}

/* `10.0.0.1:40112`; @port 0: none. */
static const char *frames_end(const struct scope_addr *a, uint16_t port, char *out, size_t len)
{
    char text[46];

    scope_addr_text(a, text);
    if (port == 0)
        snprintf(out, len, "%s", text);
    else
        snprintf(out, len, strchr(text, ':') != NULL ? "[%s]:%u" : "%s:%u", text, port);
    return out;
}

/* Several comments stand on a line each. */
static void frames_comment(struct span comment)
{
    while (comment.len > 0) {
        const uint8_t *end = memchr(comment.p, '\n', comment.len);
        size_t len = end != NULL ? (size_t)(end - comment.p) : comment.len;
        size_t skip = len + (end != NULL);

        scope_plain_span(stdout, (struct span){comment.p, len});
        comment = (struct span){comment.p + skip, comment.len - skip};
        if (comment.len > 0)
            fputs("; ", stdout);
    }
}

static void frames_text(const struct frames *s, const struct frame *f, const struct dissect *d)
{
    static const char *const dirs[] = {
        [FRAME_DIR_UNKNOWN] = "", [FRAME_IN] = "in ", [FRAME_OUT] = "out "};
    char a[80], b[80];

    printf("%6llu %12.6f  %s%s%-4s%s ", (unsigned long long)f->number,
           (double)(f->time - s->first) / 1e9, dirs[f->dir], scope_ink(s->o, "bold"),
           frames_layer(d), scope_ink(s->o, ""));
    if (d->net == NET_IP4 || d->net == NET_IP6 || (d->net == NET_ARP && d->fault == V_NEXT))
        printf(" %s > %s", frames_end(&d->src, d->src_port, a, sizeof(a)),
               frames_end(&d->dst, d->dst_port, b, sizeof(b)));
    else if (d->net == NET_OTHER)
        printf(" type 0x%04x", d->ether_type);
    if (d->transport == TRANSPORT_TCP)
        printf(" [%s] seq %u ack %u win %u", tcp_flags_name(d->tcp.flags), d->tcp.seq.v,
               d->tcp.ack.v, d->tcp.wnd);
    if (d->mf || d->frag_off > 0)
        printf(" fragment at %u%s", d->frag_off, d->mf ? "+" : "");
    if (d->transport_at > 0)
        printf(" len %u", d->payload_len);
    if (d->fault != V_NEXT)
        printf("  %sbyte %u: %s%s", scope_ink(s->o, "red"), d->fault_at, dissect_fault_text(d),
               scope_ink(s->o, ""));
    if (f->comment.len > 0) {
        printf("  %s# ", scope_ink(s->o, "cyan"));
        frames_comment(f->comment);
        fputs(scope_ink(s->o, ""), stdout);
    }
    putchar('\n');
}

static void frames_json(const struct frame *f, const struct dissect *d)
{
    static const char *const dirs[] = {[FRAME_IN] = "in", [FRAME_OUT] = "out"};
    char a[80], b[80];

    printf("{\"t\":%lld.%09lld,\"kind\":\"frame\",\"frame\":%llu,\"interface\":%u",
           (long long)(f->time / 1000000000), (long long)(f->time % 1000000000),
           (unsigned long long)f->number, f->interface);
    if (f->dir != FRAME_DIR_UNKNOWN)
        printf(",\"dir\":\"%s\"", dirs[f->dir]);
    printf(",\"captured\":%zu,\"len\":%u,\"layer\":\"%s\"", f->bytes.len, f->wire_len,
           frames_layer(d));
    if (d->net == NET_IP4 || d->net == NET_IP6 || (d->net == NET_ARP && d->fault == V_NEXT))
        printf(",\"src\":\"%s\",\"dst\":\"%s\"", frames_end(&d->src, d->src_port, a, sizeof(a)),
               frames_end(&d->dst, d->dst_port, b, sizeof(b)));
    if (d->transport == TRANSPORT_TCP)
        printf(",\"flags\":\"%s\",\"seq\":%u,\"ack\":%u,\"wnd\":%u", tcp_flags_name(d->tcp.flags),
               d->tcp.seq.v, d->tcp.ack.v, d->tcp.wnd);
    if (d->transport_at > 0)
        printf(",\"payload\":%u", d->payload_len);
    if (f->comment.len > 0) {
        fputs(",\"comment\":", stdout);
        scope_json_span(stdout, f->comment);
    }
    if (d->fault != V_NEXT) {
        printf(",\"at\":%u,\"why\":", d->fault_at);
        scope_json_text(stdout, dissect_fault_text(d));
    }
    puts("}");
}

static bool frames_frame(void *state, const struct frame *f)
{
    struct frames *s = state;
    struct dissect d;

    if (!s->has_first)
        s->first = f->time;
    s->has_first = true;
    if (s->out != NULL) {
        out_frame(s->out, f);
        out_settled(s->out, f->number);
        return true;
    }
    dissect(&d, f);
    if (s->o->json)
        frames_json(f, &d);
    else
        frames_text(s, f, &d);
    return true;
}

static int frames_done(void *state)
{
    struct frames *s = state;
    char err[4096];
    int status = SCOPE_OK;

    if (s->out != NULL && !out_close(s->out, err, sizeof(err)))
        status = scope_say(SCOPE_FAILED, "%s", err);
    free(s);
    return status;
}

const struct scope_command scope_frames = {
    .name = "frames",
    .words = "",
    .help = "a line for each frame: time, ends, flags, faults, comments",
    .formats = "text",
    .writes = true,
    .begin = frames_begin,
    .frame = frames_frame,
    .end = frames_done,
};
