/*
 * control_trace.c - `trace` and `pcap`: events and frames, followed live.
 *
 * A client may narrow down what it hears of: kinds, a connection (conn_match.h), the host, and the value
 * of any field of an event, as text. All conditions must hold. What is filtered here never takes room.
 *
 * Events come in the middle of a call into the stack, frames between two; both only go to the
 * client's buffer, and control_after() writes it. When the buffer is full, events are counted
 * instead, and the count is told in their place as soon as there is room again; frames are thrown
 * away whole, so that the stream stays a correct file, and are counted in `pcap show`.
 */
#include "control_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void control_kinds_changed(struct control *ctl)
{
    uint32_t kinds = 0;

    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (ctl->client[i].fd >= 0 && ctl->client[i].mode == CLIENT_TRACE)
            kinds |= ctl->client[i].kinds;
    }
    if (kinds != ctl->kinds) {
        ctl->kinds = kinds;
        stackd_trace_changed(ctl->d);
    }
}

/* The kinds asked for as bits; 0 when one is unknown, whose name is then in *unknown. */
static uint32_t trace_kinds(const json_t *names, const char **unknown)
{
    uint32_t kinds = 0;
    const json_t *one;
    size_t i;

    json_array_foreach(names, i, one)
    {
        const char *name = json_string_value(one);
        uint32_t before = kinds;

        for (enum trace_kind k = 0; k < TRACE_KINDS && name != NULL; k++) {
            if (strcmp(trace_kind_info(k)->name, name) == 0)
                kinds |= 1u << k;
        }
        if (kinds == before) {
            *unknown = name != NULL ? name : "?";
            return 0;
        }
    }
    return kinds != 0 ? kinds : ((1u << TRACE_KINDS) - 1) & ~(1u << TRACE_step);
}

/* ---- filters: host=, conn=, and every field of a kind ---- */

/* The field @name of @kind, NULL if it has none. */
static const struct trace_field_info *trace_field_of(enum trace_kind kind, const char *name)
{
    const struct trace_kind_info *info = trace_kind_info(kind);

    for (size_t i = 0; i < info->field_count; i++) {
        if (strcmp(info->fields[i].name, name) == 0)
            return &info->fields[i];
    }
    return NULL;
}

static bool trace_filter_takes(const struct trace_filter *f, const struct trace_ev *ev)
{
    const struct trace_conn *t = &ev->conn;
    char text[128];

    if (strcmp(f->field, "host") == 0)
        return ev->host != NULL && strcmp(ev->host, f->value) == 0;
    if (strcmp(f->field, "conn") == 0)
        return t->proto != 0 && conn_match(&f->conn, t->local, t->lport, t->remote, t->rport);
    const struct trace_field_info *fi = trace_field_of(ev->kind, f->field);
    size_t len = fi != NULL ? trace_field(ev, fi, text, sizeof(text)) : 0;

    return fi != NULL && len == strlen(f->value) && memcmp(text, f->value, len) == 0;
}

static bool trace_filters_take(const struct client *c, const struct trace_ev *ev)
{
    for (unsigned i = 0; i < c->filters; i++) {
        if (!trace_filter_takes(&c->filter[i], ev))
            return false;
    }
    return true;
}

/* Return: NULL, or why a filter makes no sense. */
static json_t *trace_read_filter(struct trace_filter *f, const json_t *one, uint32_t kinds)
{
    const char *field = control_str(one, "field"), *value = control_str(one, "value");
    bool known = strcmp(field, "host") == 0 || strcmp(field, "conn") == 0;

    for (enum trace_kind k = 0; k < TRACE_KINDS && !known; k++)
        known = (kinds >> k & 1) != 0 && trace_field_of(k, field) != NULL;
    if (!known)
        return control_usage(
            "no event of these kinds has a field %.40s: docs/tracing.md lists them", field);
    if (strlen(value) >= sizeof(f->value))
        return control_usage("%.40s=...: the value is too long", field);
    snprintf(f->field, sizeof(f->field), "%s", field);
    snprintf(f->value, sizeof(f->value), "%s", value);
    if (strcmp(field, "conn") == 0 && !conn_match_parse(&f->conn, value))
        return control_usage("conn=%.60s: try 10.0.0.2:80-10.0.0.1:40112, an address or a port",
                             value);
    return NULL;
}

/* The filters of @request into @c. Return: NULL, or why not. */
static json_t *trace_read_filters(struct client *c, const json_t *request, uint32_t kinds)
{
    const json_t *filters = json_object_get(request, "filters"), *one;
    size_t i;

    c->filters = 0;
    if (json_array_size(filters) > TRACE_FILTERS)
        return control_usage("more than %d conditions: take some away", TRACE_FILTERS);
    json_array_foreach(filters, i, one)
    {
        json_t *error = trace_read_filter(&c->filter[i], one, kinds);

        if (error != NULL)
            return error;
        c->filters++;
    }
    return NULL;
}

json_t *control_follow(struct client *c, const json_t *request)
{
    const char *unknown = NULL;
    uint32_t kinds = trace_kinds(json_object_get(request, "kinds"), &unknown);

    if (kinds == 0) {
        char all[256];
        struct fmt f = {all, sizeof(all), 0, false};

        for (enum trace_kind k = 0; k < TRACE_KINDS; k++) {
            fmt_char(&f, ' ');
            fmt_str(&f, trace_kind_info(k)->name);
        }
        return control_usage("there is no kind of event %.40s: there are%.*s", unknown, (int)f.len,
                             all);
    }
    json_t *error = trace_read_filters(c, request, kinds);

    if (error != NULL)
        return error;
    c->kinds = kinds;
    c->text = strcmp(control_str(request, "format"), "text") == 0;
    c->mode = CLIENT_TRACE;
    control_kinds_changed(c->ctl);
    return control_ok();
}

void client_trace_end(struct client *c)
{
    if (c->mode != CLIENT_TRACE)
        return;
    c->mode = CLIENT_LINES;
    control_kinds_changed(c->ctl);
}

/* Say how many events are missing here. Return: whether there was room to say it. */
static bool client_tell_lost(struct client *c)
{
    char line[128];
    int len = snprintf(line, sizeof(line),
                       c->text ? "... %llu events lost here: the reader is too slow\n"
                               : "{\"lost\":%llu}\n",
                       (unsigned long long)c->lost);

    if (!client_put(c, line, (size_t)len))
        return false;
    c->lost = 0;
    return true;
}

void control_trace(struct control *ctl, const struct trace_ev *ev)
{
    char line[2][1024];
    size_t len[2] = {0, 0};

    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *c = &ctl->client[i];

        if (c->fd < 0 || c->mode != CLIENT_TRACE || (c->kinds & 1u << ev->kind) == 0 ||
            !trace_filters_take(c, ev))
            continue;
        if (len[c->text] == 0)
            len[c->text] = c->text ? trace_text(ev, line[1], sizeof(line[1]))
                                   : trace_json(ev, line[0], sizeof(line[0]));
        /* After a loss wait until a good part of the buffer is free: one gap, not hundreds. */
        if (c->lost > 0 && (client_room(c) < CONTROL_OUT / 2 || !client_tell_lost(c))) {
            c->lost++;
            continue;
        }
        if (!client_put(c, line[c->text], len[c->text]))
            c->lost++;
    }
}

/* ---- pcap ---- */

static int client_pcap_write(void *ctx, const void *bytes, size_t len)
{
    struct client *c = ctx;

    if (c->gone)
        return -EPIPE;
    if (!client_put(c, bytes, len))
        c->lost++;
    return 0;
}

/* Bytes of a frame that are kept, 0: all. */
static uint32_t control_snaplen(const json_t *request)
{
    json_int_t n = json_integer_value(json_object_get(request, "snaplen"));

    return n > 0 && n < PORT_FRAME_MAX ? (uint32_t)n : 0;
}

static json_t *pcap_start(struct client *c, const json_t *request)
{
    struct stackd *d = c->ctl->d;
    const char *file = control_str(request, "file");
    bool stream = strcmp(file, "-") == 0;
    struct capture_options o = {.path = stream ? NULL : file,
                                .write = stream ? client_pcap_write : NULL,
                                .ctx = c,
                                .ifname = d->port->name,
                                .mac = d->net.ifs[0].eth.mac,
                                .sent = json_is_true(json_object_get(request, "sent")),
                                .snaplen = control_snaplen(request),
                                .filter = control_str(request, "filter")};
    char err[256];

    if (*file == '\0')
        return control_usage("no file named: pcap start needs one, or -");
    /* The file's header is written while the capture is being opened; the reply must stand before. */
    if (stream)
        client_put_json(c, control_ok());
    int number = stackd_capture_start(d, &o, err, sizeof(err));

    if (number < 0) {
        c->out_len = 0;
        return control_refuse("", "%s", err);
    }
    if (!stream)
        return control_ok();
    c->mode = CLIENT_PCAP;
    c->capture = number;
    return json_null(); /* answered already */
}

static json_t *pcap_stop(struct stackd *d)
{
    int stopped = 0;

    for (int i = 0; i < STACKD_CAPTURES; i++) {
        char err[256];

        if (d->capture[i].c == NULL || d->capture[i].path[0] == '\0')
            continue; /* a stream ends with its client */
        if (stackd_capture_stop(d, i, err, sizeof(err)) != 0)
            return control_refuse("", "%s", err);
        stopped++;
    }
    if (stopped == 0)
        return control_refuse("`stackctl pcap start FILE' begins a capture",
                              "nothing is being captured");
    return control_ok();
}

json_t *control_pcap(struct client *c, const json_t *request)
{
    struct stackd *d = c->ctl->d;
    const char *op = control_str(request, "op");

    if (strcmp(op, "start") == 0)
        return pcap_start(c, request);
    if (strcmp(op, "stop") == 0)
        return pcap_stop(d);
    json_t *reply = control_ok(), *rows = json_array();

    for (int i = 0; i < STACKD_CAPTURES; i++) {
        struct capture_stats s;
        uint64_t lost = 0;

        if (d->capture[i].c == NULL)
            continue;
        for (int k = 0; k < CONTROL_CLIENTS; k++) {
            if (c->ctl->client[k].fd >= 0 && c->ctl->client[k].capture == i)
                lost = c->ctl->client[k].lost;
        }
        capture_get_stats(d->capture[i].c, &s);
        json_array_append_new(
            rows, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I}", "file",
                            d->capture[i].path[0] != '\0' ? d->capture[i].path : "(stream)",
                            "filter", d->capture[i].filter, "frames", (json_int_t)s.frames,
                            "filtered", (json_int_t)s.filtered, "bytes", (json_int_t)s.bytes,
                            "lost", (json_int_t)lost));
    }
    json_object_set_new(reply, "pcap", rows);
    return reply;
}

void client_pcap_end(struct client *c)
{
    char err[256];

    if (c->mode != CLIENT_PCAP)
        return;
    c->mode = CLIENT_LINES;
    (void)stackd_capture_stop(c->ctl->d, c->capture, err, sizeof(err));
    c->capture = -1;
}
