/*
 * control.c - the control socket: clients, their buffers, lines in and lines out.
 *
 * Invariants: no descriptor here ever blocks; a client has CONTROL_IN and CONTROL_OUT bytes and no
 * more; while an answer waits to be taken, no further command of that client is read; a client is
 * freed only in client_sweep(), never in the middle of serving it. One that has closed its sending half
 * (`printf ... | nc -NU`) has nothing more to ask, and waits for what it asked: answers, a ping to its end. A
 * stream without an end of its own, a trace or a capture, is ended by that, with its last block. One that has
 * gone altogether is EPOLLHUP. The theory of the streams is in their own files.
 */
#include "control_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The last two columns: what --queues makes of it (control_queues.c). */
static const struct control_command control_commands[] = {
    {"sock",    control_sock,    CONTROL_ROWS_OF_EACH, NULL                       },
    {"find",    control_where,   CONTROL_ROWS_OF_EACH, NULL                       },
    {"explain", control_explain, CONTROL_UNION,        NULL                       },
    {"states",  control_states,  CONTROL_ROWS_OF_EACH, NULL                       },
    {"probe",   control_try,     CONTROL_FIRST,        NULL                       },
    {"listen",  control_listen,  CONTROL_SUM,          "local lport name"         },
    {"neigh",   control_neigh,   CONTROL_UNION,        "ip"                       },
    {"route",   control_route,   CONTROL_UNION,        "to via"                   },
    {"link",    control_link,    CONTROL_SUM,          "name mtu ip prefix queues"},
    {"maddr",   control_maddr,   CONTROL_FIRST,        NULL                       },
    {"stats",   control_stats,   CONTROL_SUM,          "name layer reason"        },
    {"fault",   control_fault,   CONTROL_UNION,        NULL                       },
    {"trace",   control_follow,  CONTROL_FIRST,        NULL                       },
    {"pcap",    control_pcap,    CONTROL_FIRST,        NULL                       },
    {"ping",    control_ping,    CONTROL_FIRST,        NULL                       },
    {"nc",      control_nc,      CONTROL_FIRST,        NULL                       },
};

/* ---- replies ---- */

json_t *control_ok(void)
{
    return json_pack("{s:b}", "ok", 1);
}

static json_t *control_error(const char *kind, const char *mend, const char *fmt, va_list ap)
{
    char text[512];

    vsnprintf(text, sizeof(text), fmt, ap);
    return json_pack("{s:b,s:s,s:s,s:s}", "ok", 0, "kind", kind, "error", text, "mend", mend);
}

json_t *control_refuse(const char *mend, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    json_t *o = control_error("refused", mend, fmt, ap);

    va_end(ap);
    return o;
}

json_t *control_usage(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    json_t *o = control_error("usage", "", fmt, ap);

    va_end(ap);
    return o;
}

const char *control_str(const json_t *request, const char *key)
{
    const char *s = json_string_value(json_object_get(request, key));

    return s != NULL ? s : "";
}

json_t *control_ip(struct ip_addr a)
{
    char text[64];
    struct fmt f = {text, sizeof(text), 0, false};

    fmt_ip(&f, a);
    return json_stringn(text, f.len);
}

json_t *control_mac(struct mac m)
{
    char text[32];
    struct fmt f = {text, sizeof(text), 0, false};

    fmt_mac(&f, m);
    return json_stringn(text, f.len);
}

/* ---- a client's buffers ---- */

/* A whole command that has been read, and waits for its turn. */
static bool client_has_line(const struct client *c)
{
    return c->mode == CLIENT_LINES && c->in_len > 0 && memchr(c->in, '\n', c->in_len) != NULL;
}

static void client_watch(struct client *c)
{
    /* Where a command waits, EPOLLOUT is its turn. */
    uint32_t want = c->out_len > 0 || client_has_line(c) ? EPOLLOUT : 0;
    bool busy = c->mode == CLIENT_LINES && c->out_len > 0;

    if (!c->eof && !busy && c->in_len < CONTROL_IN)
        want |= EPOLLIN;
    if (want == c->interest || c->gone)
        return;
    struct epoll_event ev = {.events = want, .data.ptr = c};

    epoll_ctl(c->ctl->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
    c->interest = want;
}

size_t client_room(const struct client *c)
{
    return c->gone ? 0 : CONTROL_OUT - c->out_len;
}

bool client_put(struct client *c, const void *bytes, size_t len)
{
    if (len > client_room(c))
        return false;
    if (len == 0)
        return true;
    if (c->out_at + c->out_len + len > CONTROL_OUT) {
        memmove(c->out, c->out + c->out_at, c->out_len);
        c->out_at = 0;
    }
    memcpy(c->out + c->out_at + c->out_len, bytes, len);
    c->out_len += len;
    if ((c->interest & EPOLLOUT) == 0)
        client_watch(c);
    return true;
}

void client_put_json(struct client *c, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12));

    if (text == NULL || !client_put(c, text, strlen(text)) || !client_put(c, "\n", 1))
        c->gone = true;
    free(text);
    json_decref(o);
}

static void client_write(struct client *c)
{
    while (c->out_len > 0 && !c->gone) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n <= 0) {
            c->gone = true;
            break;
        }
        c->out_at += (size_t)n;
        c->out_len -= (size_t)n;
    }
    if (c->out_len == 0)
        c->out_at = 0;
    client_watch(c);
}

static void client_read(struct client *c)
{
    while (c->in_len < CONTROL_IN && !c->eof) {
        ssize_t n = recv(c->fd, c->in + c->in_len, CONTROL_IN - c->in_len, MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n <= 0)
            c->eof = true;
        else
            c->in_len += (size_t)n;
    }
    client_watch(c);
}

static void client_command(struct client *c, const char *line, size_t len)
{
    json_error_t error;
    json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error), *reply = NULL;
    const char *cmd = control_str(request, "cmd");

    if (!json_is_object(request)) {
        reply =
            control_usage("not a JSON object: %s", request == NULL ? error.text : "another value");
    } else {
        for (size_t i = 0; i < ARRAY_LEN(control_commands) && reply == NULL; i++) {
            if (strcmp(control_commands[i].name, cmd) == 0)
                reply = control_run(&control_commands[i], c, request);
        }
        if (reply == NULL)
            reply =
                control_usage("there is no command \"%.40s\": is stackctl newer than stackd?", cmd);
    }
    json_decref(request);
    if (!json_is_null(reply))
        client_put_json(c, reply);
}

/* Whole lines, one after another, as long as their answers are taken. */
static void client_lines(struct client *c)
{
    while (c->mode == CLIENT_LINES && c->out_len == 0 && !c->gone) {
        char *nl = c->in_len > 0 ? memchr(c->in, '\n', c->in_len) : NULL;

        if (nl == NULL) {
            if (c->in_len == CONTROL_IN) {
                client_put_json(c,
                                control_usage("a line of more than %d bytes: send shorter requests",
                                              CONTROL_IN));
                c->eof = true;
                c->in_len = 0;
            }
            break;
        }
        size_t len = (size_t)(nl - c->in);

        client_command(c, c->in, len);
        memmove(c->in, nl + 1, c->in_len - len - 1);
        c->in_len -= len + 1;
        client_write(c);
    }
}

/* ---- clients come and go ---- */

static void client_accept(struct control *ctl)
{
    int fd = accept4(ctl->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *c = NULL;

    if (fd < 0)
        return;
    for (int i = 0; i < CONTROL_CLIENTS && c == NULL; i++) {
        if (ctl->client[i].fd < 0)
            c = &ctl->client[i];
    }
    char *in = c != NULL ? malloc(CONTROL_IN) : NULL,
         *out = in != NULL ? malloc(CONTROL_OUT) : NULL;

    if (out == NULL) {
        static const char full[] =
            "{\"ok\":false,\"error\":\"stackd has as many clients as it takes\","
            "\"mend\":\"end another stackctl\"}\n";

        (void)!send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        free(in);
        close(fd);
        return;
    }
    *c = (struct client){.ctl = ctl, .fd = fd, .in = in, .out = out, .interest = EPOLLIN};
    c->nc.sd = c->capture = -1;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

    epoll_ctl(ctl->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    ctl->clients++;
}

static void client_free(struct client *c)
{
    client_trace_end(c);
    client_pcap_end(c);
    client_write(c); /* the last block of a capture is for who still listens */
    client_ping_end(c);
    client_probe_end(c);
    client_nc_end(c);
    close(c->fd);
    free(c->in);
    free(c->out);
    c->fd = -1;
    c->ctl->clients--;
}

/* A client that has gone, or has said all and heard all, is freed. */
static void client_sweep(struct control *ctl)
{
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *c = &ctl->client[i];

        if (c->fd < 0)
            continue;
        if (c->eof) { /* their end; what is in the buffer is still sent */
            client_trace_end(c);
            client_pcap_end(c);
        }
        if (c->gone ||
            (c->eof && c->mode == CLIENT_LINES && c->out_len == 0 && !client_has_line(c)))
            client_free(c);
    }
}

/* ---- the calls of the event loop ---- */

int control_fd(const struct control *ctl)
{
    return ctl->epoll_fd;
}

uint32_t control_trace_mask(const struct control *ctl)
{
    return ctl->kinds;
}

bool control_concerns_all(const struct control *ctl)
{
    for (int i = 0; ctl != NULL && ctl->clients > 0 && i < CONTROL_CLIENTS; i++) {
        const struct client *c = &ctl->client[i];

        if (c->fd >= 0 && c->mode != CLIENT_NC && c->mode != CLIENT_PING && c->mode != CLIENT_PROBE)
            return true;
    }
    /* Who looks on sees what happens to a socket. */
    return ctl != NULL && (ctl->d->net.core.trace.mask != 0 || ctl->d->net.core.tap != NULL);
}

void control_serve(struct control *ctl, net_time now)
{
    struct epoll_event ev[2 * CONTROL_CLIENTS + 1];
    int n = epoll_wait(ctl->epoll_fd, ev, ARRAY_LEN(ev), 0);

    for (int i = 0; i < n; i++) {
        struct client *c = ev[i].data.ptr;

        if (ev[i].data.ptr == ctl) /* a probe has something to say: control_after() hears it */
            continue;
        if (c == NULL) {
            client_accept(ctl);
            continue;
        }
        if (ev[i].events & EPOLLERR)
            c->gone = true;
        if (ev[i].events & (EPOLLIN | EPOLLHUP))
            client_read(c);
        if (ev[i].events & EPOLLOUT)
            client_write(c);
        client_lines(c);
        if (ev[i].events & EPOLLHUP) /* nobody is there to hear of anything */
            c->gone = true;
        if (c->mode == CLIENT_TRACE || c->mode == CLIENT_PCAP || c->mode == CLIENT_PING)
            c->in_len = 0; /* such a stream has nothing more to say */
    }
    control_after(ctl, now);
}

void control_after(struct control *ctl, net_time now)
{
    if (ctl->clients == 0)
        return;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *c = &ctl->client[i];

        if (c->fd < 0)
            continue;
        if (c->mode == CLIENT_PING)
            client_ping_run(c, now);
        else if (c->mode == CLIENT_NC)
            client_nc_run(c);
        else if (c->mode == CLIENT_PROBE)
            client_probe_run(c);
        if (c->out_len > 0)
            client_write(c);
        client_watch(c);
    }
    client_sweep(ctl);
}

net_time control_deadline(const struct control *ctl)
{
    net_time at = NET_NEVER;

    for (int i = 0; ctl->clients > 0 && i < CONTROL_CLIENTS; i++) {
        const struct client *c = &ctl->client[i];

        if (c->fd >= 0 && c->mode == CLIENT_PING)
            at = net_time_min(at, client_ping_deadline(c));
    }
    return at;
}

/* ---- the socket itself ---- */

/* Return: 0 free to bind, 1 somebody listens there, or a negative errno value. */
static int control_probe(const struct sockaddr_un *a)
{
    struct stat st;

    if (lstat(a->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int err = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 ? 0 : errno;

    close(fd);
    if (err == 0 || err == EAGAIN)
        return 1;
    if (err != ECONNREFUSED)
        return -err;
    return unlink(a->sun_path) == 0 ? 0 : -errno;
}

static int control_listen_at(struct control *ctl, const struct sockaddr_un *a, char *err,
                             size_t err_len)
{
    int state = control_probe(a);

    if (state == 1) {
        snprintf(err, err_len,
                 "another stackd listens on %s: stop it, or choose another --control PATH",
                 ctl->path);
        return -EADDRINUSE;
    }
    if (state < 0) {
        snprintf(err, err_len,
                 "cannot use %s as control socket (%s): choose another --control PATH", ctl->path,
                 strerror(-state));
        return state;
    }
    ctl->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177); /* so that the file is never anybody else's, not even for a moment */
    bool ok = ctl->listen_fd >= 0 &&
              bind(ctl->listen_fd, (const struct sockaddr *)a, sizeof(*a)) == 0 &&
              listen(ctl->listen_fd, CONTROL_CLIENTS) == 0;
    int failed = errno;

    umask(mask);
    if (!ok)
        snprintf(err, err_len,
                 "cannot make the control socket %s (%s): choose another --control PATH", ctl->path,
                 strerror(failed));
    return ok ? 0 : -failed;
}

struct control *control_open(struct stackd *d, const char *path, char *err, size_t err_len)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct control *ctl = calloc(1, sizeof(*ctl));
    size_t len = strlen(path);

    if (ctl == NULL || len >= sizeof(a.sun_path)) {
        snprintf(err, err_len, "the path of the control socket is too long: at most %zu characters",
                 sizeof(a.sun_path) - 1);
        free(ctl);
        return NULL;
    }
    memcpy(a.sun_path, path, len);
    memcpy(ctl->path, path, len);
    ctl->d = d;
    ctl->listen_fd = ctl->epoll_fd = -1;
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        ctl->client[i].fd = -1;
    char *slash = strrchr(a.sun_path, '/');

    if (slash != NULL && slash != a.sun_path) {
        *slash = '\0';
        /* What is wrong with it bind() will say. */
        (void)mkdir(a.sun_path, geteuid() == 0 ? 0755 : 0700);
        *slash = '/';
    }
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};

    if (control_listen_at(ctl, &a, err, err_len) != 0)
        goto fail;
    ctl->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (ctl->epoll_fd < 0 || epoll_ctl(ctl->epoll_fd, EPOLL_CTL_ADD, ctl->listen_fd, &ev) != 0) {
        snprintf(err, err_len, "cannot watch the control socket (%s): raise `ulimit -n'",
                 strerror(errno));
        (void)unlink(path);
        goto fail;
    }
    return ctl;
fail:
    if (ctl->listen_fd >= 0)
        close(ctl->listen_fd);
    if (ctl->epoll_fd >= 0)
        close(ctl->epoll_fd);
    free(ctl);
    return NULL;
}

void control_close(struct control *ctl)
{
    if (ctl == NULL)
        return;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *c = &ctl->client[i];

        if (c->fd < 0)
            continue;
        client_pcap_end(c); /* its last block is for the client */
        client_write(c);
        client_free(c);
    }
    close(ctl->listen_fd);
    close(ctl->epoll_fd);
    (void)unlink(ctl->path);
    free(ctl);
}
