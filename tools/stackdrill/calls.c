/*
 * calls.c - system calls of the script: finding them, their arguments, and what they return.
 *
 * The stack's calls never wait, so a call that blocks is one that is made again after everything
 * that happens, until it has something to say; the moment when it has is compared with the script's.
 * Descriptors are the script's own numbers, bound to sockets when a call returns one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

/* ---- arguments ---- */

/* Functions that may stand in an argument: htons(80), inet_addr("1.2.3.4"). Host order, all. */
static bool call_inner(struct run *r, const struct script_arg *a, int64_t *v)
{
    unsigned b[4];
    char rest;

    if (a->count != 1)
        return run_fail(r, "%s takes one argument", a->text);
    if (strcmp(a->text, "htons") == 0 || strcmp(a->text, "htonl") == 0)
        return call_arg_int(r, &a->items[0], v);
    if (strcmp(a->text, "inet_addr") != 0 || a->items[0].text == NULL ||
        sscanf(a->items[0].text, "%3u.%3u.%3u.%3u%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4)
        return run_fail(r, "%s(...) is nothing we know: use htons(N) or inet_addr(\"A.B.C.D\")",
                        a->text);
    *v = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    return true;
}

bool call_arg_int(struct run *r, const struct script_arg *a, int64_t *v)
{
    int64_t part;

    switch (a->kind) {
    case SCRIPT_ARG_INT:
        *v = a->number;
        return true;
    case SCRIPT_ARG_SYMBOL:
        if (symbol_value(a->text, v))
            return true;
        return run_fail(r, "unknown symbol: '%s'", a->text);
    case SCRIPT_ARG_OR:
        *v = 0;
        for (size_t i = 0; i < a->count; i++) {
            if (!call_arg_int(r, &a->items[i], &part))
                return false;
            *v |= part;
        }
        return true;
    case SCRIPT_ARG_LIST:
        if (a->count == 1)
            return call_arg_int(r, &a->items[0], v);
        return run_fail(r, "a list of one number belongs here, such as [1]");
    case SCRIPT_ARG_CALL:
        return call_inner(r, a, v);
    case SCRIPT_ARG_ELLIPSIS:
    case SCRIPT_ARG_STRING:
    case SCRIPT_ARG_STRUCT:
    case SCRIPT_ARG_ADDRESS:
        break;
    }
    return run_fail(r, "a number belongs here");
}

bool call_int(struct run *r, struct run_call *c, size_t i, int64_t *v)
{
    if (i >= c->call->arg_count)
        return run_fail(r, "%s() wants %zu or more arguments", c->call->name, i + 1);
    return call_arg_int(r, &c->call->args[i], v);
}

bool call_flags(struct run *r, struct run_call *c, size_t i, int64_t *v)
{
    *v = 0;
    return i >= c->call->arg_count || call_int(r, c, i, v);
}

struct run_fd *call_fd(struct run *r, int fd)
{
    for (size_t i = 0; i < r->fd_count; i++) {
        if (r->fds[i].kind != RUN_FD_FREE && r->fds[i].fd == fd)
            return &r->fds[i];
    }
    return NULL;
}

struct run_fd *call_sock(struct run *r, struct run_call *c)
{
    int64_t fd;

    if (!call_int(r, c, 0, &fd))
        return NULL;
    struct run_fd *f = call_fd(r, (int)fd);

    if (f == NULL || f->kind != RUN_FD_SOCK)
        return NULL;
    c->may_block = !f->is_nonblocking;
    return f;
}

/* A new descriptor; its number is what the script says the call returns. */
static struct run_fd *call_new_fd(struct run *r, struct run_call *c, enum run_fd_kind kind, int sd)
{
    const struct script_arg *a = &c->call->result;
    int64_t fd = -1;
    struct run_fd *f = NULL;

    if (a->kind == SCRIPT_ARG_INT)
        fd = a->number;
    for (size_t i = 0; i < RUN_FDS && f == NULL; i++) {
        if (i >= r->fd_count || r->fds[i].kind == RUN_FD_FREE) {
            f = &r->fds[i];
            if (i >= r->fd_count)
                r->fd_count = i + 1;
        }
    }
    if (f == NULL || fd < 0 || call_fd(r, (int)fd) != NULL) {
        run_fail(r, "runtime error in %s call: it succeeded, and %s", c->call->name,
                 fd < 0 ? "an error was expected"
                        : "this descriptor is open already: use another number");
        return NULL;
    }
    *f = (struct run_fd){.kind = kind, .fd = (int)fd, .sd = sd};
    return f;
}

int64_t call_block(struct run *r, struct run_call *c, net_time timeout, int64_t over)
{
    if (!c->is_retry && timeout > 0)
        c->deadline = r->now + timeout;
    return r->now >= c->deadline ? over : RUN_BLOCKS;
}

/* ---- addresses ---- */

bool call_address(struct run *r, const struct script_arg *a, struct sock_addr *out)
{
    int64_t v;

    if (a->kind == SCRIPT_ARG_ELLIPSIS)
        return true;
    if (a->kind != SCRIPT_ARG_STRUCT)
        return run_fail(r, "an address belongs here: `...` or {sa_family = AF_INET, ...}");
    for (size_t i = 0; i < a->count; i++) {
        const struct script_arg *m = &a->items[i];

        if (m->name == NULL || strcmp(m->name, "sin_zero") == 0)
            continue;
        if (!call_arg_int(r, m, &v))
            return false;
        if (strcmp(m->name, "sin_port") == 0)
            out->port = (uint16_t)v;
        else if (strcmp(m->name, "sin_addr") == 0)
            out->ip = ip_addr_v4((uint32_t)v);
    }
    return true;
}

/* The flow of a connection that we begin to @to. */
static struct run_flow *call_flow_to(struct run *r, const struct sock_addr *to)
{
    const struct script_peer *peer = NULL;

    for (size_t i = 0; i < r->script->peer_count; i++) {
        const struct script_peer *p = &r->script->peers[i];

        if (p->ip == ip_addr_to_v4(to->ip) && (p->port == 0 || p->port == to->port))
            peer = p;
    }
    struct run_flow *f = peer == NULL && r->current != NULL && r->current->remote_port == 0
                             ? r->current
                             : flow_new(r, peer);

    if (f != NULL) {
        f->remote_ip = ip_addr_to_v4(to->ip);
        f->remote_port = to->port;
        if (peer == NULL)
            r->current = f;
    }
    return f;
}

bool call_flow_begin(struct run *r, struct run_fd *f, const struct sock_addr *to)
{
    struct sock_addr name;

    f->flow = call_flow_to(r, to);
    if (f->flow == NULL)
        return false;
    if (sock_name(r->net.socks, f->sd, &name) == 0)
        f->flow->local_port = f->port = name.port;
    f->flow->is_udp = f->is_udp;
    return true;
}

/* ---- calls that make and end connections ---- */

static int64_t call_socket(struct run *r, struct run_call *c)
{
    int64_t domain = 2, type, v6;

    if (c->call->arg_count != 3 ||
        (c->call->args[0].kind != SCRIPT_ARG_ELLIPSIS && !call_int(r, c, 0, &domain)) ||
        !call_int(r, c, 1, &type))
        return run_fail(r, "socket() wants a family, a type and a protocol") ? 0 : RUN_BAD;
    if (!symbol_value("AF_INET6", &v6) || domain == v6) {
        run_fail(r, "IPv6 is not there yet: use AF_INET");
        return RUN_BAD;
    }
    bool is_udp = (type & 0xf) == 2;
    int sd = sock_open(r->net.socks, is_udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);

    if (sd < 0)
        return sd;
    struct run_fd *f = call_new_fd(r, c, RUN_FD_SOCK, sd);

    if (f == NULL)
        return RUN_BAD;
    if (r->opt.mss != 0 && !is_udp)
        sock_setopt(r->net.socks, sd, SOCK_OPT_MAXSEG, r->opt.mss);
    f->is_udp = is_udp;
    f->is_nonblocking = (type & 0x800) != 0; /* SOCK_NONBLOCK */
    r->under_test = f;
    r->current = NULL;
    return f->fd;
}

static int64_t call_bind(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    struct sock_addr a = {ip_addr_v4(r->opt.local_ip), r->opt.bind_port}, name;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (c->call->arg_count < 2 || !call_address(r, &c->call->args[1], &a))
        return RUN_BAD;
    int err = sock_bind(r->net.socks, f->sd, &a);

    if (err == 0 && sock_name(r->net.socks, f->sd, &name) == 0)
        f->port = name.port;
    return err;
}

static int64_t call_listen(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    struct sock_addr name;
    int64_t backlog;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (!call_int(r, c, 1, &backlog))
        return RUN_BAD;
    int err = sock_listen(r->net.socks, f->sd, (int)backlog);

    f->is_listening = f->is_listening || err == 0;
    if (err == 0 && sock_name(r->net.socks, f->sd, &name) == 0)
        f->port = name.port;
    return err;
}

static int64_t call_accept(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c), *child;
    struct sock_addr peer;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    int sd = sock_accept(r->net.socks, f->sd, &peer);

    if (sd == -EAGAIN && c->may_block)
        return call_block(r, c, f->rcv_timeout, -EAGAIN);
    if (sd < 0)
        return sd;
    const struct run_fd listener = *f;

    child = call_new_fd(r, c, RUN_FD_SOCK, sd);
    if (child == NULL)
        return RUN_BAD;
    child->port = listener.port;
    child->rcv_timeout = listener.rcv_timeout;
    child->snd_timeout = listener.snd_timeout;
    child->flow = flow_find(r, ip_addr_to_v4(peer.ip), child->port, peer.port);
    return child->fd;
}

/* A connect that blocks has been asked for before: how did it go? */
static int64_t call_connect_wait(struct run *r, struct run_call *c, struct run_fd *f)
{
    unsigned ready = poll_events(r->net.socks, f->sd);
    int64_t err = 0;

    if ((ready & (SOCK_OUT | SOCK_ERR | SOCK_HUP)) == 0)
        return call_block(r, c, f->snd_timeout, -EINPROGRESS);
    sock_getopt(r->net.socks, f->sd, SOCK_OPT_ERROR, &err);
    return -err;
}

static int64_t call_connect(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    struct sock_addr to = {ip_addr_v4(r->opt.remote_ip), r->opt.connect_port};

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (c->is_retry)
        return call_connect_wait(r, c, f);
    if (c->call->arg_count < 2 || !call_address(r, &c->call->args[1], &to))
        return RUN_BAD;
    int err = sock_connect(r->net.socks, f->sd, &to);

    if ((err == -EINPROGRESS || err == 0) && !call_flow_begin(r, f, &to))
        return RUN_BAD;
    return err == -EINPROGRESS && c->may_block ? call_block(r, c, f->snd_timeout, err) : err;
}

/* close() with SO_LINGER waits until the peer has everything and our FIN, whatever the mode of the
 * descriptor; the stack itself ends the connection when the time is over. */
static int64_t call_linger(struct run *r, struct run_call *c, net_time limit)
{
    struct tcp_status s;

    if (!flow_status(r, c->lingers, &s))
        return 0;
    bool waits = s.state == TCP_FIN_WAIT_1 || s.state == TCP_CLOSING || s.state == TCP_LAST_ACK;

    return waits ? call_block(r, c, limit, 0) : 0;
}

static int64_t call_close(struct run *r, struct run_call *c)
{
    int64_t fd, linger = -1;

    if (c->is_retry)
        return call_linger(r, c, 0);
    if (!call_int(r, c, 0, &fd))
        return RUN_BAD;
    struct run_fd *f = call_fd(r, (int)fd);

    if (f == NULL)
        return -EBADF;
    if (f->kind == RUN_FD_SOCK && sock_getopt(r->net.socks, f->sd, SOCK_OPT_LINGER, &linger) == 0)
        c->lingers = linger > 0 && !f->is_udp ? f->flow : NULL;
    if (f->kind == RUN_FD_EPOLL)
        poll_close(r->net.socks, f->sd);
    int err = f->kind == RUN_FD_SOCK ? sock_close(r->net.socks, f->sd) : 0;

    if (r->under_test == f)
        r->under_test = NULL;
    f->kind = RUN_FD_FREE;
    return err == 0 && c->lingers != NULL ? call_linger(r, c, NET_SEC(linger)) : err;
}

static int64_t call_shutdown(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    int64_t how;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (!call_int(r, c, 1, &how))
        return RUN_BAD;
    if (how < 0 || how > 2)
        return -EINVAL;
    return sock_shutdown(r->net.socks, f->sd, (enum sock_how)how);
}

static int64_t call_epoll_create(struct run *r, struct run_call *c)
{
    int pd = poll_open(r->net.socks);

    if (pd < 0)
        return pd;
    struct run_fd *f = call_new_fd(r, c, RUN_FD_EPOLL, pd);

    return f == NULL ? RUN_BAD : f->fd;
}

void call_close_all(struct run *r)
{
    for (size_t i = 0; i < r->fd_count; i++) {
        if (r->fds[i].kind == RUN_FD_SOCK)
            sock_close(r->net.socks, r->fds[i].sd);
        else if (r->fds[i].kind == RUN_FD_EPOLL)
            poll_close(r->net.socks, r->fds[i].sd);
        r->fds[i].kind = RUN_FD_FREE;
    }
}

/* ---- making a call ---- */

static run_call_fn *call_find(const char *name)
{
    static const struct {
        const char *name;
        run_call_fn *fn;
    } calls[] = {
        {"socket",        call_socket      },
        {"bind",          call_bind        },
        {"listen",        call_listen      },
        {"accept",        call_accept      },
        {"connect",       call_connect     },
        {"close",         call_close       },
        {"shutdown",      call_shutdown    },
        {"epoll_create",  call_epoll_create},
        {"epoll_create1", call_epoll_create},
    };
    run_call_fn *fn;

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].fn;
    }
    fn = call_data_find(name);
    if (fn == NULL)
        fn = call_opt_find(name);
    return fn != NULL ? fn : call_poll_find(name);
}

/* Calls that the language has and the stack has not. */
static bool call_is_absent(const char *name)
{
    static const char *const absent[] = {"open",    "sendfile",     "pipe",        "splice",
                                         "cap_set", "psp_rx_assoc", "psp_tx_assoc"};

    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (strcmp(absent[i], name) == 0)
            return true;
    }
    return false;
}

static bool call_result(struct run *r, struct run_call *c, int64_t v)
{
    const struct script_call *call = c->call;
    int64_t expected = 0;
    int err = v < 0 ? (int)-v : 0;
    const char *err_name = err != 0 ? strerrorname_np(err) : "0";

    if (v == RUN_BAD)
        return false;
    if (call->result.kind != SCRIPT_ARG_ELLIPSIS) {
        if (!call_arg_int(r, &call->result, &expected))
            return false;
        if (expected != (err != 0 ? -1 : v))
            return run_fail(r,
                            "runtime error in %s call: Expected result %" PRId64 " but got %" PRId64
                            " with errno %d (%s: %s)",
                            call->name, expected, err != 0 ? -1 : v, err, err_name, strerror(err));
    }
    if (call->errno_name != NULL && symbol_errno(call->errno_name) != err)
        return run_fail(r, "runtime error in %s call: Expected errno %s but got errno %d (%s: %s)",
                        call->name, call->errno_name, err, err_name, strerror(err));
    if (c->out_error[0] != '\0')
        return run_fail(r, "runtime error in %s call: %s", call->name, c->out_error);
    return true;
}

/* When a blocking call must return. */
static net_time call_end(const struct run *r, const struct run_call *c)
{
    const struct script_event *e = c->event;

    return e->time_kind == SCRIPT_TIME_ABSOLUTE ? r->start + c->call->end_ns
                                                : r->blocked_since - e->start_ns + c->call->end_ns;
}

static bool call_returned(struct run *r, struct run_call *c, int64_t v)
{
    net_time end = call_end(r, c), tolerance = run_tolerance(r, end);
    char a[32], b[32];

    r->event = c->event;
    if (v != RUN_BAD && (r->now < end - tolerance || r->now > end + tolerance))
        return run_fail(r,
                        "timing error: expected %s call to return at %s sec but it returned at %s "
                        "sec",
                        c->call->name, run_seconds(r, end, a), run_seconds(r, r->now, b));
    return call_result(r, c, v);
}

bool call_retry(struct run *r)
{
    struct run_call *c = r->blocked_call;
    const struct script_event *e = r->event;
    char a[32];

    c->is_retry = true;
    r->event = c->event;
    c->out_error[0] = '\0';
    run_call_fn *fn = call_find(c->call->name);
    int64_t v = fn(r, c);

    if (v == RUN_BLOCKS) {
        net_time end = call_end(r, c);

        if (r->now > end + run_tolerance(r, end))
            return run_fail(r,
                            "timing error: expected %s call to return at %s sec, but it still "
                            "blocks",
                            c->call->name, run_seconds(r, end, a));
        r->event = e;
        return true;
    }
    r->blocked_call = NULL;
    bool ok = call_returned(r, c, v);

    free(c);
    r->event = e;
    wire_pump(r);
    return ok;
}

bool call_event(struct run *r, const struct script_event *e)
{
    run_call_fn *fn = call_find(e->call->name);
    struct run_call *c;

    if (fn == NULL && call_is_absent(e->call->name))
        return run_fail(r,
                        "%s() is not there: the stack has sockets, no files, pipes, capabilities "
                        "or PSP: use read and write",
                        e->call->name);
    if (fn == NULL)
        return run_fail(r, "Unknown system call: '%s'", e->call->name);
    if (r->blocked_call != NULL)
        return run_fail(r, "%s() begins while %s() still blocks: one blocking call at a time",
                        e->call->name, r->blocked_call->call->name);
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    *c = (struct run_call){.event = e, .call = e->call, .deadline = NET_NEVER};
    r->blocked_since = r->now;
    int64_t v = fn(r, c);
    bool ok;

    if (v == RUN_BLOCKS && e->call->is_blocking) {
        r->blocked_call = c;
        return true;
    }
    if (v == RUN_BLOCKS)
        ok = run_fail(r,
                      "runtime error in %s call: it blocks: write `T...END %s(...)` to wait, or "
                      "make the descriptor non-blocking",
                      e->call->name, e->call->name);
    else
        ok = e->call->is_blocking ? call_returned(r, c, v) : call_result(r, c, v);
    free(c);
    return ok;
}
