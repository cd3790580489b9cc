/*
 * calls_opt.c - fcntl, ioctl, getsockopt, setsockopt.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "run.h"

enum {
    OPT_NONBLOCK = 0x800,
    OPT_GETFL = 3,
    OPT_SETFL = 4,
    OPT_INQ = 0x541b,
    OPT_OUTQ = 0x5411,
    OPT_ATMARK = 0x8905,
    OPT_NONBLOCK_IOCTL = 0x5421
};

static int64_t call_fcntl(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    int64_t command, value;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (!call_int(r, c, 1, &command) || !call_flags(r, c, 2, &value))
        return RUN_BAD;
    if (command == OPT_GETFL)
        return 2 | (f->is_nonblocking ? OPT_NONBLOCK : 0); /* O_RDWR */
    if (command != OPT_SETFL)
        return 0; /* close-on-exec and the like mean nothing here */
    f->is_nonblocking = (value & OPT_NONBLOCK) != 0;
    return 0;
}

/* Compare a number that the call filled in. */
static bool opt_filled(struct run *r, struct run_call *c, const struct script_arg *a, int64_t seen)
{
    int64_t expected;

    if (a->kind == SCRIPT_ARG_ELLIPSIS)
        return true;
    if (!call_arg_int(r, a, &expected))
        return false;
    if (expected != seen)
        snprintf(c->out_error, sizeof(c->out_error),
                 "expected the value %" PRId64 " but got %" PRId64, expected, seen);
    return true;
}

static int64_t call_ioctl(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    struct tcp_status s;
    int64_t request, value = 0;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (!call_int(r, c, 1, &request) || c->call->arg_count < 3)
        return run_fail(r, "ioctl() wants a request and a [value]") ? 0 : RUN_BAD;
    if (request == OPT_NONBLOCK_IOCTL) {
        if (!call_int(r, c, 2, &value))
            return RUN_BAD;
        f->is_nonblocking = value != 0;
        return 0;
    }
    if (request == OPT_ATMARK) {
        int err = sock_getopt(r->net.socks, f->sd, SOCK_OPT_AT_MARK, &value);

        if (err < 0)
            return err;
        return opt_filled(r, c, &c->call->args[2], value) ? 0 : RUN_BAD;
    }
    if (request != OPT_INQ && request != OPT_OUTQ)
        return -ENOTTY;
    if (f->is_udp) {
        struct span piece[2];
        int n = sock_peek(r->net.socks, f->sd, piece, NULL);

        value = request == OPT_INQ && n > 0 ? n : 0;
    } else {
        if (!flow_status(r, f->flow, &s))
            return f->is_listening ? -EINVAL : 0;
        value = request == OPT_INQ ? s.rcv_queue : s.snd_queue;
    }
    return opt_filled(r, c, &c->call->args[2], value) ? 0 : RUN_BAD;
}

/* ---- options ---- */

static bool opt_which(struct run *r, struct run_call *c, int *opt, bool *is_ignored, bool *is_known)
{
    int64_t level, name;

    if (c->call->arg_count < 5)
        return run_fail(r, "%s() wants five arguments", c->call->name);
    if (!call_int(r, c, 1, &level) || !call_int(r, c, 2, &name))
        return false;
    *is_known = settings_sockopt(level, name, opt, is_ignored);
    return true;
}

/* What getsockopt() tells of the socket itself. Return: whether it is one of these. */
static bool opt_of_kind(const struct run_fd *f, int64_t level, int64_t name, int64_t *v)
{
    if (level != SOL_SOCKET)
        return false;
    switch (name) {
    case SO_TYPE:
        *v = f->is_udp ? SOCK_DGRAM : SOCK_STREAM;
        return true;
    case SO_PROTOCOL:
        *v = f->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
        return true;
    case SO_DOMAIN:
        *v = AF_INET;
        return true;
    case SO_ACCEPTCONN:
        *v = f->is_listening;
        return true;
    default:
        return false;
    }
}

/* {tv_sec=1, tv_usec=0}, as time. */
static bool opt_timeval(struct run *r, const struct script_arg *a, int64_t *v)
{
    int64_t sec = 0, usec = 0;

    if (a->kind != SCRIPT_ARG_STRUCT || a->count != 2)
        return run_fail(r, "a timeout is {tv_sec=1, tv_usec=500000}");
    if (!call_arg_int(r, &a->items[0], &sec) || !call_arg_int(r, &a->items[1], &usec))
        return false;
    *v = NET_SEC(sec) + NET_US(usec);
    return true;
}

/* Options that are ours to keep. Return: false after run_fail(). */
static bool opt_own_set(struct run *r, struct run_fd *f, int opt, const struct script_arg *a)
{
    int64_t v;

    if (opt == SETTINGS_RCVTIMEO || opt == SETTINGS_SNDTIMEO) {
        if (!opt_timeval(r, a, &v))
            return false;
        *(opt == SETTINGS_RCVTIMEO ? &f->rcv_timeout : &f->snd_timeout) = v;
        return true;
    }
    if (!call_arg_int(r, a, &v))
        return false;
    *(opt == SETTINGS_RECVTOS ? &f->wants_tos : &f->wants_ttl) = v != 0;
    return true;
}

static int64_t opt_own_get(const struct run_fd *f, int opt)
{
    switch (opt) {
    case SETTINGS_RCVTIMEO:
        return f->rcv_timeout;
    case SETTINGS_SNDTIMEO:
        return f->snd_timeout;
    case SETTINGS_RECVTOS:
        return f->wants_tos;
    default:
        return f->wants_ttl;
    }
}

/* {onoff=1, linger=5} */
static bool opt_linger(struct run *r, const struct script_arg *a, int64_t *v)
{
    int64_t on = 0, seconds = 0;

    if (a->kind != SCRIPT_ARG_STRUCT || a->count != 2)
        return run_fail(r, "SO_LINGER takes {onoff=1, linger=5}");
    if (!call_arg_int(r, &a->items[0], &on) || !call_arg_int(r, &a->items[1], &seconds))
        return false;
    *v = on != 0 ? seconds : -1;
    return true;
}

static int64_t call_setsockopt(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    const struct script_arg *a;
    bool is_ignored, is_known;
    int64_t v = 0;
    int opt;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (!opt_which(r, c, &opt, &is_ignored, &is_known))
        return RUN_BAD;
    if (!is_known)
        return -ENOPROTOOPT;
    a = &c->call->args[3];
    if (is_ignored)
        return 0;
    if (opt < 0)
        return opt_own_set(r, f, opt, a) ? 0 : RUN_BAD;
    if (opt == SOCK_OPT_LINGER) {
        if (!opt_linger(r, a, &v))
            return RUN_BAD;
    } else if (a->kind == SCRIPT_ARG_STRING) {
        v = opt == SOCK_OPT_CONGESTION ? cc_by_name(a->text) : -1;
        if (v < 0)
            return -ENOENT;
    } else if (!call_arg_int(r, a, &v)) {
        return RUN_BAD;
    }
    return sock_setopt(r->net.socks, f->sd, (enum sock_opt)opt, v);
}

/* Compare what getsockopt() tells with what the script says: a name, a struct, a number. */
static bool opt_compare(struct run *r, struct run_call *c, int opt, int64_t v)
{
    const struct script_arg *a = &c->call->args[3];
    int64_t expected;

    if (a->kind == SCRIPT_ARG_STRING) {
        const struct cc_ops *ops = opt == SOCK_OPT_CONGESTION ? cc_by_index((unsigned)v) : NULL;

        if (ops == NULL || strcmp(ops->name, a->text) != 0)
            snprintf(c->out_error, sizeof(c->out_error), "expected \"%s\" but got \"%s\"", a->text,
                     ops != NULL ? ops->name : "a number");
        return true;
    }
    if (a->kind != SCRIPT_ARG_STRUCT)
        return opt_filled(r, c, a, v);
    bool is_time = opt == SETTINGS_RCVTIMEO || opt == SETTINGS_SNDTIMEO;

    if (is_time ? !opt_timeval(r, a, &expected) : !opt_linger(r, a, &expected))
        return false;
    if (expected != v)
        snprintf(c->out_error, sizeof(c->out_error), "expected %s %" PRId64 " but got %" PRId64,
                 is_time ? "a timeout of nanoseconds" : "linger", expected, v);
    return true;
}

static int64_t call_getsockopt(struct run *r, struct run_call *c)
{
    struct run_fd *f = call_sock(r, c);
    int64_t v = 0, level, name;
    bool is_ignored, is_known;
    int opt, err = 0;

    if (f == NULL)
        return r->failed ? RUN_BAD : -EBADF;
    if (!opt_which(r, c, &opt, &is_ignored, &is_known) || !call_int(r, c, 1, &level) ||
        !call_int(r, c, 2, &name))
        return RUN_BAD;
    if (opt_of_kind(f, level, name, &v))
        return opt_filled(r, c, &c->call->args[3], v) ? 0 : RUN_BAD;
    if (!is_known)
        return -ENOPROTOOPT;
    if (is_ignored)
        return 0;
    if (opt < 0)
        v = opt_own_get(f, opt);
    else
        err = sock_getopt(r->net.socks, f->sd, (enum sock_opt)opt, &v);
    if (err < 0)
        return err;
    return opt_compare(r, c, opt, v) ? 0 : RUN_BAD;
}

run_call_fn *call_opt_find(const char *name)
{
    static const struct {
        const char *name;
        run_call_fn *fn;
    } calls[] = {
        {"fcntl",      call_fcntl     },
        {"ioctl",      call_ioctl     },
        {"setsockopt", call_setsockopt},
        {"getsockopt", call_getsockopt},
    };

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].fn;
    }
    return NULL;
}
