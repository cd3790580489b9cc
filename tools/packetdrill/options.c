/*
 * options.c - fcntl, ioctl, getsockopt, setsockopt.
 *
 * Which option of ours stands behind a level and a name is known to stackdrill's table; here are
 * only the shapes of the values: numbers, names, struct linger, struct tcp_info.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/time.h>

#include "info.h"
#include "interface.h"
#include "l5_session/sock_priv.h"
#include "plugin.h"
#include "settings.h"
#include "tcp_info.h"

/* Numbers of Linux; the headers that name them and the stack's do not go together. */
enum {
    OPTIONS_INQ = 0x541b,
    OPTIONS_OUTQ = 0x5411,
    OPTIONS_ATMARK = 0x8905,
    OPTIONS_FIONBIO = 0x5421,
    OPTIONS_TCP = 6,
    OPTIONS_TCP_INFO = 11,
    OPTIONS_MEMINFO = 55
};

static int options_fcntl(void *userdata, int fd, int cmd, ...)
{
    struct plugin *g = userdata;
    int64_t v = 0;
    va_list list;
    int arg = 0;

    if (cmd == F_SETFL) {
        va_start(list, cmd);
        arg = va_arg(list, int);
        va_end(list);
    }
    plugin_enter(g);
    struct plugin_fd *f = plugin_fd(g, fd);

    if (f == NULL)
        v = -EBADF;
    else if (cmd == F_GETFL)
        v = O_RDWR | (f->is_nonblocking ? O_NONBLOCK : 0);
    else if (cmd == F_SETFL)
        f->is_nonblocking = (arg & O_NONBLOCK) != 0;
    return (int)plugin_leave(g, v);
}

static const struct tcb *options_tcb(struct plugin *g, const struct plugin_fd *f)
{
    const struct sock *k = f->is_udp ? NULL : sock_awake(g->net.socks, f->sd);

    return k != NULL && k->state == SOCK_TCP_CONN ? k->as.t : NULL;
}

static int64_t options_queue(struct plugin *g, struct plugin_fd *f, unsigned long request, int *out)
{
    const struct tcb *t = options_tcb(g, f);
    struct tcp_status s = {0};
    struct span piece[2];

    if (request == OPTIONS_ATMARK && !f->is_udp) {
        *out = t != NULL && tcp_at_mark(t);
        return 0;
    }
    if (request != OPTIONS_INQ && request != OPTIONS_OUTQ)
        return -ENOTTY;
    if (f->is_listening)
        return -EINVAL;
    if (t != NULL)
        tcp_status(t, &s);
    *out = (int)(request == OPTIONS_INQ ? s.rcv_queue : s.snd_queue);
    if (f->is_udp && request == OPTIONS_INQ) {
        int n = sock_peek(g->net.socks, f->sd, piece, NULL);

        *out = n > 0 ? n : 0;
    }
    return 0;
}

static int options_ioctl(void *userdata, int fd, unsigned long request, ...)
{
    struct plugin *g = userdata;
    va_list list;
    int64_t v;

    va_start(list, request);
    int *value = va_arg(list, int *);

    va_end(list);
    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);

    if (f == NULL) {
        v = -EBADF;
    } else if (value == NULL) {
        v = -EFAULT;
    } else if (request == OPTIONS_FIONBIO) {
        f->is_nonblocking = *value != 0;
        v = 0;
    } else {
        *value = 0; /* it comes uninitialised, and must be written */
        v = options_queue(g, f, request, value);
    }
    return (int)plugin_leave(g, v);
}

/* ---- setsockopt ---- */

/* Options that the descriptor keeps: enum settings_own. */
static int64_t options_set_own(struct plugin_fd *f, int opt, const void *value, socklen_t len)
{
    struct timeval tv;
    int n = 0;

    if (opt == SETTINGS_RCVTIMEO || opt == SETTINGS_SNDTIMEO) {
        if (value == NULL || len < sizeof(tv))
            return -EINVAL;
        memcpy(&tv, value, sizeof(tv));
        *(opt == SETTINGS_RCVTIMEO ? &f->rcv_timeout : &f->snd_timeout) =
            NET_SEC(tv.tv_sec) + NET_US(tv.tv_usec);
        return 0;
    }
    if (value == NULL || len == 0)
        return -EINVAL;
    memcpy(&n, value, size_min(len, sizeof(n)));
    *(opt == SETTINGS_RECVTOS ? &f->wants_tos : &f->wants_ttl) = n != 0;
    return 0;
}

static int64_t options_set(struct plugin *g, struct plugin_fd *f, int opt, const void *value,
                           socklen_t len)
{
    struct linger l;
    char name[32] = "";
    int64_t v;
    int n = 0;

    if (value == NULL || len == 0)
        return -EINVAL;
    if (opt == SOCK_OPT_LINGER) {
        if (len < sizeof(l))
            return -EINVAL;
        memcpy(&l, value, sizeof(l));
        v = l.l_onoff != 0 ? l.l_linger : -1;
    } else if (opt == SOCK_OPT_CONGESTION) {
        memcpy(name, value, size_min(len, sizeof(name) - 1));
        v = cc_by_name(name);
        if (v < 0)
            return -ENOENT;
    } else {
        if (len < sizeof(n))
            n = *(const uint8_t *)value;
        else
            memcpy(&n, value, sizeof(n));
        v = n;
    }
    return sock_setopt(g->net.socks, f->sd, (enum sock_opt)opt, v);
}

static int options_setsockopt(void *userdata, int fd, int level, int name, const void *value,
                              socklen_t len)
{
    struct plugin *g = userdata;
    bool is_ignored = false;
    int64_t v = 0;
    int opt;

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);

    if (f == NULL)
        v = -EBADF;
    else if (!settings_sockopt(level, name, &opt, &is_ignored))
        v = -ENOPROTOOPT;
    else if (!is_ignored)
        v = opt < 0 ? options_set_own(f, opt, value, len) : options_set(g, f, opt, value, len);
    return (int)plugin_leave(g, v);
}

/* ---- getsockopt ---- */

static size_t options_info(struct plugin *g, const struct plugin_fd *f, void *value, size_t len)
{
    const struct sock *k = sock_at(g->net.socks, f->sd);
    struct info i;

    info_fill(&i, options_tcb(g, f), k != NULL && k->state == SOCK_TCP_LISTEN ? k->as.l : NULL,
              g->net.ifs[0].eth.mtu);
    return plugin_info_emit(&i, value, len);
}

/* The values of Linux's SO_MEMINFO: received, limit, to be sent, limit; the rest is not counted. */
static size_t options_meminfo(struct plugin *g, const struct plugin_fd *f, void *out, size_t len)
{
    uint32_t info[9] = {0};
    const struct tcb *t = options_tcb(g, f);
    struct tcp_status s = {0};
    int64_t v = 0;

    if (t != NULL)
        tcp_status(t, &s);
    info[0] = s.rcv_queue;
    info[2] = s.snd_queue;
    if (sock_getopt(g->net.socks, f->sd, SOCK_OPT_RCVBUF, &v) == 0)
        info[1] = (uint32_t)v;
    if (sock_getopt(g->net.socks, f->sd, SOCK_OPT_SNDBUF, &v) == 0)
        info[3] = (uint32_t)v;
    len = size_min(len, sizeof(info));
    memcpy(out, info, len);
    return len;
}

/* What the descriptor keeps. Return: bytes written. */
static size_t options_get_own(const struct plugin_fd *f, int opt, void *value, size_t len)
{
    net_time t = opt == SETTINGS_RCVTIMEO ? f->rcv_timeout : f->snd_timeout;
    struct timeval tv = {.tv_sec = (time_t)(t / NET_SEC(1)),
                         .tv_usec = (suseconds_t)(t % NET_SEC(1) / NET_US(1))};
    int n = opt == SETTINGS_RECVTOS ? f->wants_tos : f->wants_ttl;
    bool is_time = opt == SETTINGS_RCVTIMEO || opt == SETTINGS_SNDTIMEO;

    len = size_min(len, is_time ? sizeof(tv) : sizeof(n));
    memcpy(value, is_time ? (const void *)&tv : &n, len);
    return len;
}

static int64_t options_get(struct plugin *g, struct plugin_fd *f, int opt, bool is_ignored,
                           void *value, socklen_t *len)
{
    struct linger l;
    char name[16] = "";
    const void *from;
    size_t n = sizeof(int);
    int64_t v = 0;
    int number;

    int err = is_ignored ? 0 : sock_getopt(g->net.socks, f->sd, (enum sock_opt)opt, &v);

    if (err < 0)
        return err;
    number = (int)v;
    from = &number;
    if (!is_ignored && opt == SOCK_OPT_LINGER) {
        l = (struct linger){.l_onoff = v >= 0, .l_linger = v >= 0 ? (int)v : 0};
        from = &l;
        n = sizeof(l);
    } else if (!is_ignored && opt == SOCK_OPT_CONGESTION) {
        const struct cc_ops *ops = cc_by_index((unsigned)v);

        if (ops != NULL)
            memcpy(name, ops->name, size_min(strlen(ops->name), sizeof(name) - 1));
        from = name;
        n = sizeof(name);
    }
    *len = (socklen_t)size_min(*len, n);
    memcpy(value, from, *len);
    return 0;
}

static int options_getsockopt(void *userdata, int fd, int level, int name, void *value,
                              socklen_t *len)
{
    struct plugin *g = userdata;
    bool is_ignored = false;
    int64_t v = 0;
    int opt;

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);

    if (f == NULL) {
        v = -EBADF;
    } else if (value == NULL || len == NULL) {
        v = -EFAULT;
    } else if (level == OPTIONS_TCP && name == OPTIONS_TCP_INFO && !f->is_udp) {
        *len = (socklen_t)options_info(g, f, value, *len);
    } else if (level == SOL_SOCKET && name == OPTIONS_MEMINFO) {
        *len = (socklen_t)options_meminfo(g, f, value, *len);
    } else if (!settings_sockopt(level, name, &opt, &is_ignored)) {
        v = -ENOPROTOOPT;
    } else if (!is_ignored && opt < 0) {
        *len = (socklen_t)options_get_own(f, opt, value, *len);
    } else {
        v = options_get(g, f, opt, is_ignored, value, len);
    }
    return (int)plugin_leave(g, v);
}

void options_fill(struct packetdrill_interface *ifc)
{
    ifc->fcntl = options_fcntl;
    ifc->ioctl = options_ioctl;
    ifc->getsockopt = options_getsockopt;
    ifc->setsockopt = options_setsockopt;
}
