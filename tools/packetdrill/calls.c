/*
 * calls.c - calls that make and end connections, and those the stack has not.
 *
 * Addresses are struct sockaddr_in; AF_INET6 is refused, as the stack has no IPv6 yet.
 */
#include <errno.h>
#include <netinet/in.h>

#include "interface.h"
#include "plugin.h"

enum { CALLS_KIND = 0xf }; /* of a socket's type; the rest are flags */

int calls_address(const struct sockaddr *addr, socklen_t len, struct sock_addr *a)
{
    struct sockaddr_in in;

    if (addr == NULL || len < sizeof(in))
        return -EINVAL;
    memcpy(&in, addr, sizeof(in));
    if (in.sin_family != AF_INET)
        return -EAFNOSUPPORT;
    *a = (struct sock_addr){ip_addr_v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
    if (in.sin_addr.s_addr == 0)
        a->ip = IP_ADDR_ANY;
    return 0;
}

void calls_address_out(const struct sock_addr *a, struct sockaddr *addr, socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};

    if (addr == NULL || len == NULL)
        return;
    in.sin_addr.s_addr = htonl(ip_addr_to_v4(a->ip));
    memcpy(addr, &in, size_min(*len, sizeof(in)));
    *len = sizeof(in);
}

static int calls_socket(void *userdata, int domain, int type, int protocol)
{
    struct plugin *g = userdata;
    bool is_udp = (type & CALLS_KIND) == SOCK_DGRAM;

    (void)protocol;
    plugin_enter(g);
    if (domain != AF_INET)
        return (int)plugin_leave(g, -EAFNOSUPPORT);
    if (!is_udp && (type & CALLS_KIND) != SOCK_STREAM)
        return (int)plugin_leave(g, -ESOCKTNOSUPPORT);
    int fd = plugin_up(g);

    if (fd == 0)
        fd = sock_open(g->net.socks, is_udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);
    if (fd >= 0)
        fd = plugin_open(g, PLUGIN_SOCK, fd, is_udp);
    if (fd >= 0)
        g->fds[fd].is_nonblocking = (type & SOCK_NONBLOCK) != 0;
    return (int)plugin_leave(g, fd);
}

static int calls_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct plugin *g = userdata;
    struct sock_addr a;

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);
    int err = f == NULL ? -EBADF : calls_address(addr, len, &a);

    if (err == 0 && ip_addr_to_v4(a.ip) != 0)
        err = plugin_local(g, ip_addr_to_v4(a.ip));
    if (err == 0)
        err = sock_bind(g->net.socks, f->sd, &a);
    return (int)plugin_leave(g, err);
}

static int calls_listen(void *userdata, int fd, int backlog)
{
    struct plugin *g = userdata;

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);
    int err = f == NULL ? -EBADF : sock_listen(g->net.socks, f->sd, backlog);

    if (err == 0)
        f->is_listening = true;
    return (int)plugin_leave(g, err);
}

/* ---- accept ---- */

static int64_t calls_try_accept(struct plugin *g, struct plugin_wait *w)
{
    struct plugin_fd *f = plugin_sock(g, w->fd);

    if (f == NULL)
        return -EBADF;
    int sd = sock_accept(g->net.socks, f->sd, &w->peer);

    if (sd == -EAGAIN && w->may_block)
        return plugin_block(g, w, -EAGAIN);
    int fd = sd < 0 ? sd : plugin_open(g, PLUGIN_SOCK, sd, false);

    if (fd >= 0) {
        g->fds[fd].rcv_timeout = f->rcv_timeout;
        g->fds[fd].snd_timeout = f->snd_timeout;
    }
    return fd;
}

static int calls_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct plugin *g = userdata;
    struct plugin_wait w = {.try_it = calls_try_accept, .fd = fd};

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);

    w.may_block = f != NULL && !f->is_nonblocking;
    w.deadline = plugin_limit(g, f != NULL ? f->rcv_timeout : 0);
    int64_t v = plugin_call(g, &w);

    if (v >= 0)
        calls_address_out(&w.peer, addr, len);
    return (int)plugin_leave(g, v);
}

/* ---- connect ---- */

static int64_t calls_try_connect(struct plugin *g, struct plugin_wait *w)
{
    struct plugin_fd *f = plugin_sock(g, w->fd);
    int64_t err = 0;

    if (f == NULL)
        return -EBADF;
    if (!w->is_again) {
        int v = sock_connect(g->net.socks, f->sd, &w->peer);

        return v == -EINPROGRESS && w->may_block ? plugin_block(g, w, v) : v;
    }
    if ((poll_events(g->net.socks, f->sd) & (SOCK_OUT | SOCK_ERR | SOCK_HUP)) == 0)
        return plugin_block(g, w, -EINPROGRESS);
    sock_getopt(g->net.socks, f->sd, SOCK_OPT_ERROR, &err);
    return -err;
}

/* connect(AF_UNSPEC): the association ends, the descriptor stays. */
static int calls_disconnect(struct plugin *g, struct plugin_fd *f)
{
    int sd = sock_open(g->net.socks, f->is_udp ? SOCK_KIND_UDP : SOCK_KIND_TCP);

    if (sd < 0)
        return sd;
    if (f->is_udp)
        sock_close(g->net.socks, f->sd);
    else
        sock_abort(g->net.socks, f->sd);
    f->sd = sd;
    f->is_listening = false;
    return 0;
}

static int calls_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct plugin *g = userdata;
    struct plugin_wait w = {.try_it = calls_try_connect, .fd = fd};

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);

    if (f == NULL)
        return (int)plugin_leave(g, -EBADF);
    if (addr != NULL && len >= sizeof(sa_family_t) && addr->sa_family == AF_UNSPEC)
        return (int)plugin_leave(g, calls_disconnect(g, f));
    int err = calls_address(addr, len, &w.peer);

    if (err == 0 && g->local == 0)
        err = plugin_local(g, PLUGIN_LOCAL);
    if (err < 0)
        return (int)plugin_leave(g, err);
    w.may_block = !f->is_nonblocking;
    w.deadline = plugin_limit(g, f->snd_timeout);
    return (int)plugin_leave(g, plugin_call(g, &w));
}

/* ---- the end ---- */

/* close() with SO_LINGER waits until the peer has everything and our FIN. */
static int64_t calls_try_linger(struct plugin *g, struct plugin_wait *w)
{
    struct tcp_status s;
    uint32_t at = 0;

    if (!g->is_up)
        return 0;
    while (tcp_each(&g->net.tcp, &at, &s)) {
        if (s.id.lport == w->own.port && s.id.rport == w->peer.port &&
            ip_addr_eq(s.id.remote, w->peer.ip) &&
            (s.state == TCP_FIN_WAIT_1 || s.state == TCP_CLOSING || s.state == TCP_LAST_ACK))
            return plugin_block(g, w, 0);
    }
    return 0;
}

static int calls_close(void *userdata, int fd)
{
    struct plugin *g = userdata;
    struct plugin_wait w = {.try_it = calls_try_linger, .fd = fd};
    int64_t linger = -1;

    plugin_enter(g);
    const struct plugin_fd *f = plugin_sock(g, fd);
    bool lingers = f != NULL && !f->is_udp &&
                   sock_getopt(g->net.socks, f->sd, SOCK_OPT_LINGER, &linger) == 0 && linger > 0 &&
                   sock_name(g->net.socks, f->sd, &w.own) == 0 &&
                   sock_peer(g->net.socks, f->sd, &w.peer) == 0;
    int64_t v = plugin_shut(g, fd);

    w.deadline = plugin_limit(g, NET_SEC(linger));
    if (v == 0 && lingers)
        v = plugin_call(g, &w);
    return (int)plugin_leave(g, v);
}

static int calls_shutdown(void *userdata, int fd, int how)
{
    struct plugin *g = userdata;

    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, fd);

    if (f == NULL)
        return (int)plugin_leave(g, -EBADF);
    if (how < SHUT_RD || how > SHUT_RDWR)
        return (int)plugin_leave(g, -EINVAL);
    return (int)plugin_leave(g, sock_shutdown(g->net.socks, f->sd, (enum sock_how)how));
}

/* ---- what the stack has not ---- */

static int calls_pipe(void *userdata, int pipefd[2])
{
    (void)userdata;
    (void)pipefd;
    errno = ENOSYS;
    return -1;
}

static int calls_splice(void *userdata, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out,
                        size_t len, unsigned flags)
{
    (void)userdata;
    (void)fd_in;
    (void)off_in;
    (void)fd_out;
    (void)off_out;
    (void)len;
    (void)flags;
    errno = ENOSYS;
    return -1;
}

void calls_fill(struct packetdrill_interface *ifc)
{
    ifc->socket = calls_socket;
    ifc->bind = calls_bind;
    ifc->listen = calls_listen;
    ifc->accept = calls_accept;
    ifc->connect = calls_connect;
    ifc->close = calls_close;
    ifc->shutdown = calls_shutdown;
    ifc->pipe = calls_pipe;
    ifc->splice = calls_splice;
}
