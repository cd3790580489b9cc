/*
 * sink.c - where events and frames go: trace file, terminal, captures, control socket.
 *
 * The stack calls sink_event() in the middle of its work; everything here only appends to buffers.
 * They are written when the loop has nothing better to do, at the latest after SINK_DELAY, or when
 * they are full. With nobody interested, the stack's trace mask is zero and its tap is not set:
 * then all of this costs nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ink.h"
#include "stackd.h"
#include "tell.h"
#include "whole.h"

enum { SINK_BUF = 64 << 10, SINK_LINE = 2048 };
#define SINK_DELAY NET_MS(100)

#define SINK_BIT(kind) (1u << TRACE_##kind)
/* All but the steps, which are for who asks for them by name. */
#define SINK_ALL (((1u << TRACE_KINDS) - 1) & ~SINK_BIT(step))

/* What a frame of a capture is commented with: what it caused. */
static const uint32_t sink_comment_mask = SINK_BIT(tcp_state) | SINK_BIT(drop) | SINK_BIT(arp) |
                                          SINK_BIT(conflict) | SINK_BIT(cwnd) | SINK_BIT(rtx) |
                                          SINK_BIT(fault);
/* -v, -vv, -vvv */
static const uint32_t sink_verbose_mask[] = {
    0,
    SINK_BIT(tcp_state) | SINK_BIT(drop) | SINK_BIT(conflict),
    SINK_ALL & ~(SINK_BIT(seg) | SINK_BIT(rtt)),
    SINK_ALL,
};

void sink_say(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    tell("stackd", format, ap);
    va_end(ap);
}

static uint32_t sink_verbose(const struct stackd *d)
{
    unsigned v = d->opt.verbose;

    return sink_verbose_mask[v < ARRAY_LEN(sink_verbose_mask) ? v
                                                              : ARRAY_LEN(sink_verbose_mask) - 1];
}

static bool sink_has_capture(const struct stackd *d)
{
    for (int i = 0; i < STACKD_CAPTURES; i++) {
        if (d->capture[i].c != NULL)
            return true;
    }
    return false;
}

/* ---- trace file and terminal ---- */

static void sink_trace_lost(struct stackd *d, int why)
{
    sink_say("trace %s: %s: the trace ends here%s", d->opt.trace, strerror(why),
             why == ENOSPC ? "; make room and start again" : "");
    close(d->sink.fd);
    d->sink.fd = -1;
    d->sink.len = 0;
    d->status = 2;
    stackd_trace_changed(d);
}

static void sink_trace_write(struct stackd *d)
{
    int err = d->sink.fd >= 0 ? whole_write(d->sink.fd, d->sink.buf, d->sink.len) : 0;

    if (err < 0)
        sink_trace_lost(d, -err);
    d->sink.len = 0;
}

static const char *sink_color(const struct trace_ev *ev)
{
    switch (ev->kind) {
    case TRACE_drop:
        return "red";
    case TRACE_fault:
    case TRACE_rtx:
        return "yellow";
    case TRACE_tcp_state:
        return "green";
    default:
        return "dim";
    }
}

static void sink_terminal(struct stackd *d, const struct trace_ev *ev)
{
    char line[SINK_LINE];
    struct trace_ev shown = *ev;

    shown.t -= d->started; /* seconds since the start are easier to read than those since 1970 */
    size_t len = trace_text(&shown, line, sizeof(line) - 1);

    if (len > 0 && line[len - 1] == '\n')
        len--;
    line[len] = '\0';
    fprintf(stderr, "%s%s%s\n", ink(d->sink.is_color, sink_color(ev)), line,
            ink(d->sink.is_color, ""));
}

void sink_note(struct stackd *d, uint64_t frame, const char *text, size_t len)
{
    for (int i = 0; i < STACKD_CAPTURES; i++) {
        if (d->capture[i].c != NULL)
            capture_comment(d->capture[i].c, frame, text, len);
    }
}

static void sink_event(void *ctx, const struct trace_ev *ev)
{
    struct stackd *d = ((struct stackd *)ctx)->first;
    uint32_t bit = 1u << ev->kind;

    if ((bit & sink_comment_mask) && sink_has_capture(d))
        notes_event(d, ev);
    if (d->sink.fd >= 0) {
        if (SINK_BUF - d->sink.len < SINK_LINE)
            sink_trace_write(d);
        if (d->sink.fd >= 0)
            d->sink.len += trace_json(ev, d->sink.buf + d->sink.len, SINK_BUF - d->sink.len);
    }
    if (bit & sink_verbose(d))
        sink_terminal(d, ev);
    if (d->ctl != NULL && (bit & control_trace_mask(d->ctl)))
        control_trace(d->ctl, ev);
}

void stackd_trace_changed(struct stackd *d)
{
    uint32_t mask = sink_verbose(d);

    if (d->sink.fd >= 0)
        mask |= SINK_ALL;
    if (sink_has_capture(d))
        mask |= sink_comment_mask;
    if (d->ctl != NULL)
        mask |= control_trace_mask(d->ctl);
    for (unsigned i = 0; i < queues_count(d); i++) {
        struct stackd *q = queues_at(d, i);

        q->net.core.trace = (struct trace){.mask = mask, .sink = sink_event, .ctx = q};
    }
}

/* ---- captures ---- */

static int64_t sink_realtime(const struct stackd *d)
{
    return d->net.core.now;
}

/* Every frame at the host's boundary, in the order of its number. Of two interfaces `sent` has those
 * that go out, `wire` those that come in; one that is lost while it enters the bad wire is on `sent`
 * already, and now it has a number. */
static void sink_frame(void *ctx, const struct pkt *p, bool out)
{
    struct stackd *q = ctx, *d = q->first;
    bool is_there = q->pushing && !out && (p->faults & 1u << IMP_DROP) != 0;

    for (int i = 0; i < STACKD_CAPTURES; i++) {
        struct capture *c = d->capture[i].c;

        if (c == NULL)
            continue;
        if (!capture_has_sent(c))
            (void)capture_frame(c, CAPTURE_WIRE, p, out, sink_realtime(q));
        else if (is_there)
            capture_number(c, p->frame);
        else
            (void)capture_frame(c, out ? CAPTURE_SENT : CAPTURE_WIRE, p, out, sink_realtime(q));
    }
    notes_frame(d, p, out);
}

/* The other end of what sink_frame() sees. */
static void sink_far(struct stackd *d, enum capture_if where, const struct pkt *p, bool out)
{
    for (int i = 0; i < STACKD_CAPTURES; i++) {
        struct capture *c = d->first->capture[i].c;

        if (c != NULL && capture_has_sent(c))
            (void)capture_frame(c, where, p, out, sink_realtime(d));
    }
}

void sink_sent(struct stackd *d, const struct pkt *p)
{
    if (d->has_sent)
        sink_far(d, CAPTURE_SENT, p, false);
}

void sink_arrived(struct stackd *d, struct pkt **p, int n)
{
    for (int i = 0; i < n && d->has_sent; i++)
        sink_far(d, CAPTURE_WIRE, p[i], true);
}

static void sink_capture_changed(struct stackd *d)
{
    bool has_sent = false;

    for (int i = 0; i < STACKD_CAPTURES; i++)
        has_sent |= d->capture[i].c != NULL && capture_has_sent(d->capture[i].c);
    for (unsigned i = 0; i < queues_count(d); i++) {
        struct stackd *q = queues_at(d, i);

        q->has_sent = has_sent;
        net_set_tap(&q->net, sink_has_capture(d) ? sink_frame : NULL, q);
    }
    stackd_trace_changed(d);
}

/* Frames that came so far, and those that were lost before we saw them. */
static uint64_t sink_received(struct stackd *d, uint64_t *lost)
{
    uint64_t rx = 0;

    *lost = 0;
    for (unsigned i = 0; i < queues_count(d); i++) {
        struct port *p = queues_at(d, i)->port;

        port_update_stats(p);
        rx += p->stats.rx_frames;
        *lost += p->stats.rx_kernel_drop + p->stats.rx_too_long + p->stats.rx_no_big;
    }
    return rx;
}

int stackd_capture_start(struct stackd *d, const struct capture_options *o, char *err,
                         size_t err_len)
{
    struct capture_options full = *o;
    int i = 0;

    while (i < STACKD_CAPTURES && d->capture[i].c != NULL)
        i++;
    if (i == STACKD_CAPTURES) {
        snprintf(err, err_len, "%d captures run already: stop one first", STACKD_CAPTURES);
        return -EMFILE;
    }
    struct stackd_capture *c = &d->capture[i];
    uint64_t lost;

    *c = (struct stackd_capture){.since = d->net.core.now, .rx = sink_received(d, &lost)};
    snprintf(c->path, sizeof(c->path), "%s", o->path != NULL ? o->path : "");
    snprintf(c->filter, sizeof(c->filter), "%s", o->filter != NULL ? o->filter : "");
    /* The strings must live as long as the capture. */
    full.path = o->path != NULL ? c->path : NULL;
    full.filter = c->filter;
    full.program = "stackd " STACKD_VERSION;
    full.ifname = d->port->name;
    full.mac = d->opt.mac;
    full.ip4 = d->opt.ip;
    full.prefix = d->opt.prefix;
    c->c = capture_open(&full, err, err_len);
    if (c->c == NULL)
        return -EIO;
    sink_capture_changed(d);
    return i;
}

int stackd_capture_stop(struct stackd *d, int number, char *err, size_t err_len)
{
    if (number < 0 || number >= STACKD_CAPTURES || d->capture[number].c == NULL) {
        snprintf(err, err_len, "no capture with this number: `stackctl pcap` lists them");
        return -ENOENT;
    }
    struct stackd_capture *c = &d->capture[number];
    uint64_t lost, rx = sink_received(d, &lost);
    int why = capture_close(c->c, rx - c->rx, lost, sink_realtime(d));

    c->c = NULL;
    sink_capture_changed(d);
    if (why == 0)
        return 0;
    snprintf(err, err_len, "capture %s: %s: it ends with the last frame that fitted%s",
             c->path[0] != '\0' ? c->path : "stream", strerror(-why),
             why == -ENOSPC ? "; make room and start again" : "");
    return why;
}

/* An error of a capture: say so, and end it; the host goes on. */
static void sink_capture_failed(struct stackd *d, int i)
{
    bool is_stream = d->capture[i].path[0] == '\0';
    char err[512];

    if (stackd_capture_stop(d, i, err, sizeof(err)) < 0 && !is_stream) {
        sink_say("%s", err);
        d->status = 2;
    }
}

void sink_round(struct stackd *d)
{
    notes_round(d);
    for (int i = 0; i < STACKD_CAPTURES; i++) {
        if (d->capture[i].c != NULL && capture_flush(d->capture[i].c) < 0)
            sink_capture_failed(d, i);
    }
}

static bool sink_pending(const struct stackd *d)
{
    if (d->sink.len > 0)
        return true;
    for (int i = 0; i < STACKD_CAPTURES; i++) {
        if (d->capture[i].c != NULL && capture_pending(d->capture[i].c))
            return true;
    }
    return false;
}

net_time sink_deadline(const struct stackd *d)
{
    return sink_pending(d) ? d->sink.last + SINK_DELAY : NET_NEVER;
}

void sink_write(struct stackd *d, net_time now, bool force)
{
    if (!sink_pending(d) || (!force && now < d->sink.last + SINK_DELAY))
        return;
    d->sink.last = now;
    sink_trace_write(d);
    for (int i = 0; i < STACKD_CAPTURES; i++) {
        if (d->capture[i].c != NULL && capture_pending(d->capture[i].c) &&
            capture_write(d->capture[i].c) < 0)
            sink_capture_failed(d, i);
    }
}

/* ---- start and end ---- */

int sink_open(struct stackd *d, char *err, size_t err_len)
{
    const char *trace = d->opt.trace;

    d->sink.is_color = ink_wanted(d->opt.color, STDERR_FILENO) == 1;
    if (trace != NULL) {
        d->sink.buf = malloc(SINK_BUF);
        d->sink.fd = strcmp(trace, "-") == 0
                         ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                         : open(trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (d->sink.buf == NULL || d->sink.fd < 0) {
            snprintf(err, err_len, "trace %s: %s: choose another file", trace, strerror(errno));
            return -1;
        }
    }
    if (d->opt.pcap != NULL) {
        struct capture_options o = {.path = d->opt.pcap, .sent = d->opt.pcap_sent};

        if (stackd_capture_start(d, &o, err, err_len) < 0)
            return -1;
    }
    stackd_trace_changed(d);
    return 0;
}

void sink_close(struct stackd *d)
{
    char err[512];

    for (int i = 0; i < STACKD_CAPTURES; i++) {
        if (d->capture[i].c != NULL && stackd_capture_stop(d, i, err, sizeof(err)) < 0) {
            sink_say("%s", err);
            d->status = 2;
        }
    }
    sink_trace_write(d);
    if (d->sink.fd >= 0 && close(d->sink.fd) < 0)
        sink_trace_lost(d, errno);
    d->sink.fd = -1;
    free(d->sink.buf);
    d->sink.buf = NULL;
}
