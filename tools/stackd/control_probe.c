/*
 * control_probe.c - `probe`: a segment that nobody sent is walked through a copy of the host (probe.h).
 *
 * The request is read here; the walk is a child's, whose lines are collected while the loop goes on. The
 * answer is one line, as to any command: {"ok":true,"lines":[...]}, in the order in which things
 * happened. A child that ends without a word has met an assertion: that is told, and is a fault of ours.
 */
#include "control_client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_TEXT = 256 * 1024 }; /* more than a child writes: PROBE_MOST lines of each kind */

static const char flag_letters[] = "FSRP.UEW";

static bool read_flags(const char *text, uint8_t *flags)
{
    *flags = 0;
    for (; *text != '\0'; text++) {
        const char *at = strchr(flag_letters, *text == 'A' ? '.' : *text == 'C' ? 'W' : *text);

        if (at == NULL)
            return false;
        *flags |= (uint8_t)(1u << (at - flag_letters));
    }
    return true;
}

/* `123` is the number itself, `+5` and `-5` are offsets to what is in order. */
static bool read_seq(const json_t *request, const char *key, bool *has, bool *relative,
                     tcp_seq *seq)
{
    const char *s = control_str(request, key);
    uint64_t v;

    *has = *s != '\0';
    if (!*has)
        return true;
    bool is_offset = *s == '+' || *s == '-';

    if (!options_number(s + is_offset, 0, UINT32_MAX, &v))
        return false;
    *relative = *relative || is_offset;
    *seq = seq_of(*s == '-' ? (uint32_t)-v : (uint32_t)v);
    return true;
}

static bool read_pair(const char *text, uint32_t *a, uint32_t *b)
{
    char first[16];
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    uint64_t x, y = 0;

    if (len >= sizeof(first))
        return false;
    memcpy(first, text, len);
    first[len] = '\0';
    if (!options_number(first, 0, UINT32_MAX, &x) ||
        (colon != NULL && !options_number(colon + 1, 0, UINT32_MAX, &y)))
        return false;
    *a = (uint32_t)x;
    *b = (uint32_t)y;
    return true;
}

static bool read_option(const char *word, struct tcp_opts *o)
{
    uint32_t a, b;
    uint64_t v;

    if (strcmp(word, "none") == 0)
        return true;
    if (strcmp(word, "sackok") == 0)
        return o->has_sack_ok = true;
    if (strncmp(word, "mss=", 4) == 0 && options_number(word + 4, 0, 65535, &v)) {
        o->mss = (uint16_t)v;
        return o->has_mss = true;
    }
    if (strncmp(word, "wscale=", 7) == 0 && options_number(word + 7, 0, 14, &v)) {
        o->wscale = (uint8_t)v;
        return o->has_wscale = true;
    }
    if (strncmp(word, "ts=", 3) == 0 && read_pair(word + 3, &o->tsval, &o->tsecr))
        return o->has_ts = true;
    if (strncmp(word, "sack=", 5) == 0 && o->sack_count < 3 && read_pair(word + 5, &a, &b)) {
        o->sack[o->sack_count].left = seq_of(a);
        o->sack[o->sack_count++].right = seq_of(b);
        return true;
    }
    return false;
}

/* Do the options fit into a header, laid out and filled up as tcp_opts_emit() does it? */
static bool options_fit(const struct tcp_opts *o)
{
    unsigned len = o->has_mss ? 4 : 0;

    len += o->has_ts ? 12 : o->has_sack_ok ? 4 : 0;
    len += o->has_wscale ? 4 : 0;
    len += o->sack_count > 0 ? 4 + 8u * o->sack_count : 0;
    return len <= TCP_HDR_MAX - TCP_HDR_LEN;
}

static bool read_end(const char *text, uint32_t *ip, uint16_t *port)
{
    struct conn_match m;

    if (!conn_match_parse(&m, text) || !m.end[0].has_ip || m.end[1].has_ip || m.end[1].has_port)
        return false;
    *ip = ip_addr_to_v4(m.end[0].ip);
    *port = m.end[0].port;
    return true;
}

/* An integer from 0 to @most, @otherwise where there is none. Return: is it one? */
static bool read_field(const json_t *request, const char *key, json_int_t most,
                       json_int_t otherwise, json_int_t *v)
{
    const json_t *o = json_object_get(request, key);

    *v = o != NULL ? json_integer_value(o) : otherwise;
    return o == NULL || (json_is_integer(o) && *v >= 0 && *v <= most);
}

/* Return: NULL, or what is wrong with it. */
static json_t *read_tcp(const json_t *request, struct probe *p)
{
    const json_t *options = json_object_get(request, "opt"), *one;
    json_int_t win;
    size_t i;

    if (!read_flags(control_str(request, "flags"), &p->seg.flags))
        return control_usage("--flags %.20s: of F S R P . (ACK) U E W (CWR), as S or PA",
                             control_str(request, "flags"));
    if (!read_seq(request, "seq", &p->has_seq, &p->is_relative, &p->seg.seq) ||
        !read_seq(request, "ack", &p->has_ack, &p->is_relative, &p->seg.ack))
        return control_usage(
            "a sequence number is one like 1000, or an offset like +10 or -10 to the "
            "one that is in order");
    if (!read_field(request, "win", UINT16_MAX, UINT16_MAX, &win))
        return control_usage("--win: 0 to %d", UINT16_MAX);
    p->seg.wnd = (uint16_t)win;
    p->has_opts = json_array_size(options) > 0;
    json_array_foreach(options, i, one)
    {
        const char *word = json_string_value(one);

        if (word == NULL || !read_option(word, &p->seg.opt))
            return control_usage(
                "--opt %.30s: try mss=1460 wscale=8 sackok ts=VAL:ECR sack=L:R none",
                word != NULL ? word : "?");
    }
    if (!options_fit(&p->seg.opt))
        return control_usage("--opt: together they are longer than the %d bytes that a header has "
                             "for options: leave one out",
                             TCP_HDR_MAX - TCP_HDR_LEN);
    return NULL;
}

static json_t *read_probe(const json_t *request, struct probe *p)
{
    const char *proto = control_str(request, "proto");
    json_int_t len, ttl;
    bool has_ports = strcmp(proto, "icmp") != 0;

    *p = (struct probe){.proto = strcmp(proto, "tcp") == 0 ? IP_PROTO_TCP
                                 : has_ports               ? IP_PROTO_UDP
                                                           : IP_PROTO_ICMP,
                        .bad_sum = json_is_true(json_object_get(request, "bad_sum"))};
    if (p->proto == IP_PROTO_UDP && strcmp(proto, "udp") != 0)
        return control_usage("%.20s cannot be probed: tcp, udp and icmp can", proto);
    if (!read_end(control_str(request, "src"), &p->src, &p->sport) ||
        !read_end(control_str(request, "dst"), &p->dst, &p->dport))
        return control_usage("not two ends: try probe tcp 10.0.0.1:40000 10.0.0.2:80 --flags S");
    if (!read_field(request, "len", PROBE_DATA_MAX, 0, &len))
        return control_usage("--len: 0 to %d bytes", PROBE_DATA_MAX);
    if (!read_field(request, "ttl", UINT8_MAX, 64, &ttl))
        return control_usage("--ttl: 0 to %d", UINT8_MAX);
    p->len = (uint32_t)len;
    p->ttl = (uint8_t)ttl;
    return p->proto == IP_PROTO_TCP ? read_tcp(request, p) : NULL;
}

/* The host that has this connection; the first where none has. */
static struct stackd *probe_host(struct client *c, const struct probe *p)
{
    struct stackd *first = c->ctl->d;
    struct tcp_id id = {ip_addr_v4(p->dst), ip_addr_v4(p->src), p->dport, p->sport};
    struct tcp_status s;

    for (unsigned i = 0; i < queues_count(first); i++) {
        if (tcp_status_of(&queues_at(first, i)->net.tcp, &id, &s))
            return queues_touch(first, i);
    }
    return first;
}

json_t *control_try(struct client *c, const json_t *request)
{
    struct probe p;
    json_t *error = read_probe(request, &p);

    if (error != NULL)
        return error;
    c->probe = (struct client_probe){.text = malloc(PROBE_TEXT)};
    if (c->probe.text == NULL)
        return control_refuse("close something", "no memory");
    int fd = probe_fork(&probe_host(c, &p)->net, &p, &c->probe.pid);

    if (fd < 0) {
        free(c->probe.text);
        return control_refuse("`ulimit -u' and memory decide that",
                              "cannot make a copy of the host: %s", strerror(-fd));
    }
    struct epoll_event ev = {.events = EPOLLIN,
                             .data.ptr = c->ctl}; /* nobody's: it only wakes us */

    c->probe.fd = fd;
    c->mode = CLIENT_PROBE;
    (void)epoll_ctl(c->ctl->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    return json_null();
}

static json_t *probe_reply(const struct client_probe *p, int status)
{
    json_t *reply = control_ok(), *lines = json_array();
    char *line = p->text, *end = p->text + p->len, *nl;

    while (line < end && (nl = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        json_t *o = json_loadb(line, (size_t)(nl - line), 0, NULL);

        if (o != NULL)
            json_array_append_new(lines, o);
        line = nl + 1;
    }
    json_object_set_new(reply, "lines", lines);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return reply;
    json_decref(reply);
    char why[96];

    probe_ended(status, why, sizeof(why));
    return control_refuse(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
                              ? "ask again when the machine has less to do"
                              : "please report it, with the segment",
                          "%s", why);
}

void client_probe_run(struct client *c)
{
    struct client_probe *p = &c->probe;
    int status = 0;
    ssize_t n;

    while ((n = read(p->fd, p->text + p->len, PROBE_TEXT - p->len)) > 0)
        p->len += (size_t)n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (p->len == PROBE_TEXT)
        (void)kill(p->pid, SIGKILL); /* it would wait for us to read, and we for its end */
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    p->pid = 0;
    json_t *reply = probe_reply(p, status);

    client_probe_end(c);
    client_put_json(c, reply);
}

void client_probe_end(struct client *c)
{
    struct client_probe *p = &c->probe;

    if (c->mode != CLIENT_PROBE)
        return;
    c->mode = CLIENT_LINES;
    close(p->fd);
    free(p->text);
    if (p->pid > 0) { /* the client has gone before it */
        (void)kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
}
