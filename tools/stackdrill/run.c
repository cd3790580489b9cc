/*
 * run.c - one script, one host, virtual time.
 *
 * run_step() is the heart: it moves time to the next moment at which anybody has something to do
 * (the host, a delayed frame, a blocked call) and lets it be done. Everything else waits for events
 * of the script by means of it. Frames are taken from the host after each thing that happens, so
 * each has the moment of its cause.
 */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void run_options_default(struct run_options *o)
{
    *o = (struct run_options){
        .local_ip = 0xc0a80001,  /* 192.168.0.1 */
        .remote_ip = 0xc0000201, /* 192.0.2.1 */
        .prefix = 16,
        .mtu = 1500,
        .bind_port = 8080,
        .connect_port = 8080,
        .seed = 1,
    };
}

/* ---- time ---- */

bool run_step(struct run *r, net_time until)
{
    net_time next = net_time_min(net_deadline(&r->net), wire_deadline(r));

    if (r->failed)
        return false;
    if (r->blocked_call != NULL)
        next = net_time_min(next, r->blocked_call->deadline);
    bool reached = next > until;

    r->stuck = next > r->now ? 0 : r->stuck + 1;
    if (r->stuck > RUN_STUCK)
        return run_fail(r, "the host wants to be called again and again at the same moment: a bug");
    r->now = reached ? until : next > r->now ? next : r->now;
    net_input(&r->net, NULL, 0, r->now);
    wire_deliver(r);
    wire_pump(r);
    if (r->blocked_call != NULL && !call_retry(r))
        return false;
    return !reached;
}

bool run_until(struct run *r, net_time until)
{
    while (run_step(r, until))
        ;
    return !r->failed;
}

net_time run_due(const struct run *r, const struct script_event *e)
{
    switch (e->time_kind) {
    case SCRIPT_TIME_ABSOLUTE:
    case SCRIPT_TIME_ABSOLUTE_RANGE:
        return r->start + e->start_ns;
    case SCRIPT_TIME_RELATIVE:
    case SCRIPT_TIME_RELATIVE_RANGE:
        return r->now + e->start_ns;
    default:
        return r->now;
    }
}

net_time run_tolerance(const struct run *r, net_time expected)
{
    net_time part = (expected - r->previous) / 1000 * r->opt.tolerance_percent10;

    return part > r->opt.tolerance ? part : r->opt.tolerance;
}

/* ---- events ---- */

static bool run_code(struct run *r, const struct script_event *e)
{
    char error[EXPR_ERROR_MAX];

    if (expr_run(r->env, e->code, e->code_line, fact_tcpi, r, error))
        return true;
    return run_fail(r, "error in code: line %s", error);
}

static bool run_command(struct run *r, struct tcp_config *cfg, const char *command)
{
    char err[256];

    if (command == NULL || settings_command(cfg, command, err, sizeof(err)) ||
        r->opt.ignore_commands)
        return true;
    return run_fail(r, "error executing `%s` command: %s", command, err);
}

static bool run_set_fault(struct run *r, const struct script_fault *f)
{
    if (f->what == SCRIPT_FAULT_NONE) {
        r->fault_count = 0;
        return true;
    }
    if (r->fault_count == RUN_FAULTS)
        return run_fail(r, "more than %d rules: end some by `fault none`", RUN_FAULTS);
    r->faults[r->fault_count++] = (struct run_fault){.rule = f};
    return true;
}

static bool run_events(struct run *r, const struct script_event *e, size_t count);

static bool run_repeat(struct run *r, const struct script_repeat *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->counter != NULL)
            run_keep(r, p->counter, i);
        if (!run_events(r, p->events, p->event_count))
            return false;
    }
    return true;
}

/* Do what an event says; its moment has come. */
static bool run_do(struct run *r, const struct script_event *e)
{
    switch (e->kind) {
    case SCRIPT_PACKET:
        return packet_in(r, e);
    case SCRIPT_CALL:
        return call_event(r, e);
    case SCRIPT_COMMAND:
        return run_command(r, &r->net.tcp.cfg, e->command);
    case SCRIPT_CODE:
        return run_code(r, e);
    case SCRIPT_CHECK:
        return fact_check(r, e);
    case SCRIPT_FAULT:
        return run_set_fault(r, e->fault);
    case SCRIPT_REPEAT:
        return run_repeat(r, e->repeat);
    }
    return true;
}

static bool run_event(struct run *r, const struct script_event *e)
{
    net_time begun = r->now, due = run_due(r, e);
    bool is_out = e->kind == SCRIPT_PACKET && e->packet->direction == SCRIPT_OUT;
    char a[32], b[32];
    bool ok;

    r->event = e;
    if (r->opt.verbose > 0)
        fprintf(stderr, "%s:%u: %s %s\n", r->script->file, e->line, run_seconds(r, r->now, a),
                e->source);
    if (is_out) {
        ok = packet_out(r, e);
    } else {
        if (due < r->now && e->kind != SCRIPT_REPEAT)
            return run_fail(r,
                            "timing error: event should happen at %s sec, but it is %s sec by "
                            "now",
                            run_seconds(r, due, a), run_seconds(r, r->now, b));
        if (due > r->now && !run_until(r, due))
            return false;
        r->event = e;
        ok = run_do(r, e);
    }
    r->previous = begun;
    if (!r->failed) {
        wire_pump(r);
        if (r->blocked_call != NULL)
            ok = call_retry(r) && ok;
    }
    /* --non_fatal: said, and gone on. */
    bool is_soft = e->kind == SCRIPT_PACKET ? r->opt.soft_packets
                                            : e->kind == SCRIPT_CALL && r->opt.soft_calls;

    if (!ok && is_soft && r->failed) {
        fputs(r->message, stderr);
        free(r->message);
        r->message = NULL;
        r->failed = false;
        ok = true;
    }
    return ok && !r->failed;
}

static bool run_events(struct run *r, const struct script_event *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!run_event(r, &e[i]))
            return false;
    }
    return true;
}

/* ---- the end ---- */

/* Nothing may have been sent that the script does not mention. */
static bool run_check_silence(struct run *r)
{
    struct run_frame *f;
    struct seen s;
    char text[512], a[32];

    if ((r->opt.lax & LAX_SILENCE) || (f = wire_next(r)) == NULL)
        return true;
    seen_decode(&s, f->bytes, f->len, f->t);
    seen_text(r, &s, flow_find(r, s.dst, s.sport, s.dport), text, sizeof(text));
    net_time t = f->t;

    free(f);
    return run_fail(r,
                    "the script ends, but the host has sent more, at %s sec: `%s`: expect it, or "
                    "use --lax=silence",
                    run_seconds(r, t, a), text);
}

/* Close what is open, let everything come to its end, and ask for everything back. */
static bool run_check_leaks(struct run *r)
{
    const struct core *c = &r->net.core;

    call_close_all(r);
    wire_pump(r);
    net_time limit = r->now + RUN_FOREVER;

    while (net_connections(&r->net) > 0 || c->pkts.slab.used > 0 || c->bigs.slab.used > 0) {
        net_time before = r->now;

        if (!run_step(r, limit) || r->failed)
            break;
        while (r->out_first != NULL) {
            struct run_frame *f = r->out_first;

            r->out_first = f->next;
            free(f);
        }
        r->out_last = NULL;
        if (r->now == before && net_deadline(&r->net) == NET_NEVER)
            break;
    }
    if (r->opt.lax & LAX_LEAK)
        return true;
    if (net_connections(&r->net) > 0 || c->pkts.slab.used > 0 || c->bigs.slab.used > 0 ||
        c->bufs.used > 0)
        return run_fail(r,
                        "the host leaks: %u connections, %u packets, %u large packets, %zu bytes "
                        "of buffers are still in use after the end",
                        net_connections(&r->net), c->pkts.slab.used, c->bigs.slab.used,
                        (size_t)c->bufs.used);
    return true;
}

/* ---- bringing up ---- */

static void run_config(const struct run *r, struct net_config *cfg)
{
    const struct run_options *o = &r->opt;

    net_config_default(cfg);
    snprintf(cfg->name, sizeof(cfg->name), "host");
    cfg->seed = o->seed;
    cfg->start = r->start;
    cfg->packets = 8192;
    cfg->bigs = 32;
    cfg->buffer_bytes = (size_t)64 << 20;
    cfg->txq = 4096;
    cfg->ifs[0].mtu = o->mtu;
    cfg->ifs[0].addr[0].ip = o->local_ip;
    cfg->ifs[0].addr[0].prefix = o->prefix;
    cfg->ifs[0].arp.detect = false;
    cfg->ifs[0].arp.reachable = RUN_FOREVER * 4; /* no script speaks of ARP */
    cfg->gateway = o->local_ip ^ 3;              /* 192.168.0.2 */
    cfg->tcp.connections = 1024;
    cfg->tcp.idle = 1024;
    cfg->tcp.half_open = 256;
    cfg->tcp.time_wait = 1024;
    cfg->tcp.listeners = 64;
    cfg->tcp.oob_inline = false; /* as Linux begins */
    cfg->udp.sockets = 64;
    cfg->socks = (struct socks_config){.sockets = 1024, .polls = 16};
}

static bool run_open_files(struct run *r)
{
    char err[256] = "";

    if (r->opt.trace != NULL) {
        r->trace_file = fopen(r->opt.trace, "w");
        if (r->trace_file == NULL)
            return run_fail(r, "%s: %s: choose another file", r->opt.trace, strerror(errno));
    }
    if (r->opt.pcap != NULL) {
        struct capture_options o = {.path = r->opt.pcap,
                                    .program = "stackdrill",
                                    .ifname = "host",
                                    .mac = {{2, 0, 0, 0, 0, 2}}};

        r->capture = capture_open(&o, err, sizeof(err));
        if (r->capture == NULL)
            return run_fail(r, "%s", err);
    }
    return true;
}

/* main() has refused a file with lines that are not known, unless it was asked to go on. */
static void run_ignored(const char *path, unsigned number, const char *line, const char *why)
{
    (void)path;
    (void)number;
    (void)line;
    (void)why;
}

static bool run_up(struct run *r)
{
    struct net_config cfg;
    char err[512];

    if (r->opt.is_v6)
        return run_fail(r, "IPv6 is not there yet: use --ip_version=ipv4");
    run_config(r, &cfg);
    if (r->opt.settings != NULL &&
        !settings_file(&cfg.tcp, r->opt.settings, run_ignored, err, sizeof(err)))
        return run_fail(r, "%s", err);
    r->line = r->script->init_line;
    if (!run_command(r, &cfg.tcp, r->script->init_command))
        return false;
    r->line = 0;
    if (!run_open_files(r))
        return false;
    return wire_up(r, &cfg);
}

static void run_down(struct run *r)
{
    wire_down(r);
    if (r->trace_file != NULL)
        fclose(r->trace_file);
    if (r->capture != NULL)
        (void)capture_close(r->capture, r->net.core.frames, 0, r->now - r->start);
    expr_env_free(r->env);
    free(r->blocked_call);
    for (size_t i = 0; i < r->flow_count; i++) {
        free(r->flows[i]->sent.p);
        free(r->flows[i]);
    }
}

static bool run_all(struct run *r)
{
    bool ok = run_up(r);

    if (ok && !r->opt.dry_run) {
        ok = run_events(r, r->script->events, r->script->event_count);
        if (ok && r->blocked_call != NULL)
            ok = run_until(r, r->blocked_since + RUN_FOREVER);
        if (ok && r->blocked_call != NULL)
            ok = run_fail(r, "exiting while a blocking system call is in progress");
        r->event = NULL;
        ok = ok && run_check_silence(r) && run_check_leaks(r);
        struct tcp_config unused = {0};

        r->line = ok ? r->script->cleanup_line : 0;
        ok = run_command(r, &unused, r->script->cleanup_command) && ok;
    }
    return ok;
}

/* The first sequence number of the peer in the script, 0 if there is none. */
static uint32_t run_first_seq(const struct script *s)
{
    for (size_t i = 0; i < s->event_count; i++) {
        const struct script_event *e = &s->events[i];

        if (e->kind == SCRIPT_PACKET && e->packet->direction == SCRIPT_IN &&
            e->packet->proto == SCRIPT_TCP && (e->packet->tcp.flags & SCRIPT_SYN))
            return (uint32_t)e->packet->tcp.seq.number;
    }
    return 0;
}

/* @start: of the host's clock. *@iss: the host's first sequence number of the first connection. */
static bool run_once(const struct script *s, const struct run_options *o, net_time start,
                     char **message, uint32_t *iss)
{
    struct run *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->opt = *o;
    r->script = s;
    r->now = r->previous = r->start = start;
    r->remote_shift = o->near_wrap ? RUN_WRAP - run_first_seq(s) : 0;
    r->next_port = 40000;
    r->chance = o->seed;
    r->env = expr_env_new(stdout);
    bool ok = run_all(r);

    *iss = r->first_iss;
    run_down(r);
    *message = r->message;
    free(r);
    return ok;
}

bool run_script(const struct script *s, const struct run_options *o, char **message)
{
    struct run_options first = *o;
    uint32_t iss;

    if (!o->near_wrap)
        return run_once(s, o, RUN_START, message, &iss);
    /* The host counts its sequence numbers up with time (RFC 6528), so there is a moment at which
     * the first connection of this script begins where it should. */
    first.pcap = first.trace = NULL;
    first.verbose = 0;
    if (!run_once(s, &first, RUN_START, message, &iss))
        return false;
    return run_once(s, o, RUN_START + (net_time)(uint32_t)(RUN_WRAP - iss) * NET_US(4), message,
                    &iss);
}
