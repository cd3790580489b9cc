/*
 * report.c - what is said when a script fails, and where the host's events go.
 *
 * A message is for somebody who has not seen the run: file and line, what was expected and what was
 * seen, both packets side by side with a mark at what differs, and the last events of the host,
 * which tell why.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { REPORT_EVENTS = 40, REPORT_LINE = 1024 };

const char *run_seconds(const struct run *r, net_time t, char *buf)
{
    t -= r->start;
    const char *sign = t < 0 ? "-" : "";

    if (t < 0)
        t = -t;
    snprintf(buf, 32, "%s%lld.%06lld", sign, (long long)(t / 1000000000),
             (long long)(t / 1000 % 1000000));
    return buf;
}

/* Figure 5 has the arrow, or the list of those that it omits (tcp_fsm.c). */
static bool report_is_arrow(const char *from, const char *to)
{
    enum tcp_state a, b;
    const char *cause;

    for (unsigned i = 0; tcp_arrow_at(i, &a, &b, &cause); i++) {
        if (strcmp(tcp_state_name(a), from) == 0 && strcmp(tcp_state_name(b), to) == 0)
            return true;
    }
    return false;
}

void run_trace_event(void *ctx, const struct trace_ev *ev)
{
    struct run *r = ctx;
    char line[REPORT_LINE];

    r->trace[r->trace_count++ % RUN_TRACE] = *ev;
    if (ev->kind == TRACE_tcp_state && !(r->opt.lax & LAX_ARROWS) &&
        !report_is_arrow(ev->u.tcp_state.from, ev->u.tcp_state.to))
        run_fail(r, "no arrow leads from %s to %s", ev->u.tcp_state.from, ev->u.tcp_state.to);
    if (r->trace_file != NULL)
        fwrite(line, 1, trace_json(ev, line, sizeof(line)), r->trace_file);
    if (r->capture != NULL && ev->frame != 0) {
        size_t len = trace_comment(ev, line, sizeof(line));

        if (len > 0)
            capture_comment(r->capture, ev->frame, line, len);
    }
    if (r->opt.verbose > 1) {
        struct trace_ev shown = *ev;

        shown.t -= r->start;
        fwrite(line, 1, trace_text(&shown, line, sizeof(line)), stderr);
    }
}

/* Is the event about the connection in question, or about none? */
static bool report_concerns(const struct run *r, const struct trace_ev *ev)
{
    const struct run_flow *f = r->focus;

    if (f == NULL || ev->conn.proto == 0 || r->flow_count < 2)
        return true;
    return ip_addr_is_any(ev->conn.remote) ||
           (ip_addr_to_v4(ev->conn.remote) == f->remote_ip && ev->conn.rport == f->remote_port);
}

static void report_trace(const struct run *r, FILE *out)
{
    uint64_t oldest = r->trace_count > RUN_TRACE ? r->trace_count - RUN_TRACE : 0;
    uint64_t first = r->trace_count;
    char line[REPORT_LINE];

    if (r->trace_count == 0)
        return;
    for (unsigned shown = 0; first > oldest && shown < REPORT_EVENTS; first--)
        shown += report_concerns(r, &r->trace[(first - 1) % RUN_TRACE]);
    fprintf(out, "trace of the connection up to here%s:\n", first > 0 ? " (its end)" : "");
    for (uint64_t i = first; i < r->trace_count; i++) {
        struct trace_ev ev = r->trace[i % RUN_TRACE];

        if (!report_concerns(r, &ev))
            continue;
        ev.t -= r->start;
        fputs("    ", out);
        fwrite(line, 1, trace_text(&ev, line, sizeof(line)), out);
    }
}

static void report_rows(const struct run *r, FILE *out)
{
    fprintf(out, "    %-16s %-36s %s\n", "field", "script packet", "actual packet");
    for (size_t i = 0; i < r->row_count; i++) {
        const struct run_row *row = &r->rows[i];

        fprintf(out, "  %c %-16s %-36s %s\n", row->differs ? '*' : ' ', row->name, row->expected,
                row->seen);
    }
}

static bool report_fail(struct run *r, bool with_packets, const char *format, va_list ap)
{
    FILE *out;

    if (r->failed)
        return false;
    out = open_memstream(&r->message, &r->message_len);
    if (out == NULL)
        abort();
    r->failed = true;
    unsigned line = r->event != NULL ? r->event->line : r->line;

    if (line != 0)
        fprintf(out, "%s:%u: ", r->script->file, line);
    else
        fprintf(out, "%s: ", r->script->file);
    vfprintf(out, format, ap);
    fputc('\n', out);
    if (r->event != NULL)
        fprintf(out, "    %s\n", r->event->source);
    if (with_packets)
        report_rows(r, out);
    report_trace(r, out);
    fclose(out);
    return false;
}

bool run_fail(struct run *r, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    report_fail(r, false, format, ap);
    va_end(ap);
    return false;
}

bool run_fail_packets(struct run *r, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    report_fail(r, true, format, ap);
    va_end(ap);
    return false;
}
