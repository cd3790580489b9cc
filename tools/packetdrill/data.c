/*
 * data.c - read readv recv recvfrom recvmsg, write writev send sendto sendmsg.
 *
 * All of them are one call with a list of buffers; a blocking write of a stream goes on until the
 * last byte is taken, as it does elsewhere.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "interface.h"
#include "plugin.h"

enum { DATA_MAX = 1 << 28 };

static size_t data_len(const struct plugin_wait *w)
{
    size_t len = 0;

    for (size_t i = 0; i < w->iov_count; i++)
        len = w->iov[i].iov_len > DATA_MAX - len ? DATA_MAX : len + w->iov[i].iov_len;
    return len;
}

/* ---- writing ---- */

/* TOS and TTL of one datagram, from the control messages of sendmsg(). */
static void data_send_control(struct plugin *g, const struct plugin_wait *w,
                              const struct plugin_fd *f)
{
    struct msghdr none = {0}, *msg = w->list != NULL ? w->list : &none;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        int value = *(const uint8_t *)CMSG_DATA(c); /* Linux takes a byte for TOS, too */

        if (c->cmsg_len >= CMSG_LEN(sizeof(value)))
            memcpy(&value, CMSG_DATA(c), sizeof(value));
        if (c->cmsg_level == IPPROTO_IP && (c->cmsg_type == IP_TOS || c->cmsg_type == IP_TTL))
            sock_setopt(g->net.socks, f->sd, c->cmsg_type == IP_TOS ? SOCK_OPT_TOS : SOCK_OPT_TTL,
                        value);
    }
}

static int64_t data_write_udp(struct plugin *g, struct plugin_wait *w, struct plugin_fd *f)
{
    size_t len = 0, whole = data_len(w);
    uint8_t *bytes = malloc(whole + 1);
    int64_t v, tos = 0, ttl = 0;

    if (bytes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < w->iov_count; i++) {
        if (w->iov[i].iov_len > 0)
            memcpy(bytes + len, w->iov[i].iov_base, w->iov[i].iov_len);
        len += w->iov[i].iov_len;
    }
    sock_getopt(g->net.socks, f->sd, SOCK_OPT_TOS, &tos);
    sock_getopt(g->net.socks, f->sd, SOCK_OPT_TTL, &ttl);
    data_send_control(g, w, f);
    if (w->peer.port != 0)
        v = sock_sendto(g->net.socks, f->sd, bytes, len, &w->peer);
    else
        v = sock_send(g->net.socks, f->sd, bytes, len, 0);
    sock_setopt(g->net.socks, f->sd, SOCK_OPT_TOS, tos);
    sock_setopt(g->net.socks, f->sd, SOCK_OPT_TTL, ttl == 0 ? -1 : ttl);
    free(bytes);
    return v == -EAGAIN && w->may_block ? plugin_block(g, w, v) : v;
}

/* The piece that comes after @done bytes. */
static struct span data_piece(const struct plugin_wait *w, size_t done, bool *is_last)
{
    size_t i = 0;

    while (i < w->iov_count && done >= w->iov[i].iov_len)
        done -= w->iov[i++].iov_len;
    *is_last = i + 1 >= w->iov_count;
    if (i == w->iov_count)
        return (struct span){NULL, 0};
    return (struct span){(const uint8_t *)w->iov[i].iov_base + done, w->iov[i].iov_len - done};
}

/* sendto(MSG_FASTOPEN) connects and writes in one. */
static int64_t data_connect(struct plugin *g, struct plugin_wait *w, struct plugin_fd *f)
{
    bool is_last;
    struct span s = data_piece(w, 0, &is_last);
    int64_t v = sock_connect_send(g->net.socks, f->sd, &w->peer, s.p, s.len,
                                  !is_last || (w->flags & MSG_MORE) != 0 ? SOCK_MSG_MORE : 0);

    if (v == -EINPROGRESS && w->may_block)
        return plugin_block(g, w, v);
    w->done = v > 0 ? (size_t)v : 0;
    return v;
}

static int64_t data_try_write(struct plugin *g, struct plugin_wait *w)
{
    struct plugin_fd *f = plugin_sock(g, w->fd);
    size_t whole = data_len(w);
    uint8_t none = 0;
    bool is_last;

    if (f == NULL)
        return -EBADF;
    if (f->is_udp)
        return data_write_udp(g, w, f);
    if ((w->flags & MSG_FASTOPEN) && w->done == 0) {
        if (!w->is_again) {
            int64_t v = data_connect(g, w, f);

            if (v < 0 || w->done == whole)
                return v;
        } else if ((poll_events(g->net.socks, f->sd) & SOCK_OUT) == 0) {
            return plugin_block(g, w, -EINPROGRESS);
        }
    }
    if (whole == 0)
        return sock_send(g->net.socks, f->sd, &none, 0, 0);
    while (w->done < whole) {
        struct span s = data_piece(w, w->done, &is_last);
        bool more = !is_last || (w->flags & MSG_MORE) != 0;
        int64_t v = sock_send(g->net.socks, f->sd, s.p, s.len,
                              more                   ? SOCK_MSG_MORE
                              : (w->flags & MSG_OOB) ? SOCK_MSG_OOB
                                                     : 0);

        if ((v == -EAGAIN || v == 0) && w->may_block)
            return plugin_block(g, w, w->done > 0 ? (int64_t)w->done : -EAGAIN);
        if (v <= 0)
            return w->done > 0 ? (int64_t)w->done : v;
        w->done += (size_t)v;
    }
    return (int64_t)w->done;
}

static ssize_t data_write(struct plugin *g, struct plugin_wait *w)
{
    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, w->fd);

    w->try_it = data_try_write;
    w->deadline = plugin_limit(g, f != NULL ? f->snd_timeout : 0);
    w->may_block = f != NULL && !f->is_nonblocking && (w->flags & MSG_DONTWAIT) == 0;
    if (f != NULL && (f->is_udp || (w->flags & MSG_FASTOPEN)) && g->local == 0) {
        int err = plugin_local(g, PLUGIN_LOCAL);

        if (err < 0)
            return (ssize_t)plugin_leave(g, err);
    }
    return (ssize_t)plugin_leave(g, plugin_call(g, w));
}

static ssize_t data_call_writev(void *userdata, int fd, const struct iovec *iov, int count)
{
    struct plugin_wait w = {.fd = fd,
                            .iov = (struct iovec *)(uintptr_t)iov,
                            .iov_count = count < 0 ? 0 : (size_t)count};

    return data_write(userdata, &w);
}

static ssize_t data_call_sendto(void *userdata, int fd, const void *buf, size_t len, int flags,
                                const struct sockaddr *dest, socklen_t addrlen)
{
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    struct plugin_wait w = {.fd = fd, .iov = &iov, .iov_count = 1, .flags = flags};

    if (dest != NULL) {
        int err = calls_address(dest, addrlen, &w.peer);

        if (err < 0) {
            errno = -err;
            return -1;
        }
    }
    return data_write(userdata, &w);
}

static ssize_t data_call_send(void *userdata, int fd, const void *buf, size_t len, int flags)
{
    return data_call_sendto(userdata, fd, buf, len, flags, NULL, 0);
}

static ssize_t data_call_write(void *userdata, int fd, const void *buf, size_t count)
{
    return data_call_sendto(userdata, fd, buf, count, 0, NULL, 0);
}

static ssize_t data_call_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags)
{
    struct plugin_wait w = {
        .fd = fd, .iov = msg->msg_iov, .iov_count = msg->msg_iovlen, .flags = flags};

    w.list = (void *)(uintptr_t)msg;
    if (msg->msg_name != NULL && msg->msg_namelen > 0) {
        int err = calls_address(msg->msg_name, msg->msg_namelen, &w.peer);

        if (err < 0) {
            errno = -err;
            return -1;
        }
    }
    return data_write(userdata, &w);
}

/* ---- reading ---- */

/* Spread @len bytes over the buffers, behind @at bytes that are there. */
static void data_spread(const struct plugin_wait *w, size_t at, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < w->iov_count && len > 0; i++) {
        size_t room = w->iov[i].iov_len, skip = size_min(at, room), n = size_min(room - skip, len);

        if (n > 0)
            memcpy((uint8_t *)w->iov[i].iov_base + skip, bytes, n);
        at -= skip;
        bytes += n;
        len -= n;
    }
}

/* Into one buffer, then spread: a datagram must not be read in two pieces. */
static int64_t data_read_some(struct plugin *g, struct plugin_wait *w, struct plugin_fd *f,
                              uint8_t *bytes, size_t len)
{
    struct sock_msg m = {0};
    int64_t v;

    struct span piece[2];

    if (!f->is_udp)
        return sock_recv(g->net.socks, f->sd, bytes, len,
                         ((w->flags & MSG_PEEK) ? SOCK_MSG_PEEK : 0u) |
                             ((w->flags & MSG_OOB) ? SOCK_MSG_OOB : 0u));
    if (w->flags & MSG_PEEK) {
        v = sock_peek(g->net.socks, f->sd, piece, &w->peer);
        w->whole = v > 0 ? (size_t)v : 0;
        return v > 0 ? sock_recv(g->net.socks, f->sd, bytes, len, SOCK_MSG_PEEK) : v;
    }
    v = sock_recvmsg(g->net.socks, f->sd, bytes, len, &m);
    if (v >= 0) {
        w->peer = m.peer;
        w->whole = m.len;
        w->tos = m.tos;
        w->ttl = m.ttl;
    }
    return v;
}

static int64_t data_try_read(struct plugin *g, struct plugin_wait *w)
{
    struct plugin_fd *f = plugin_sock(g, w->fd);
    size_t len = size_min(data_len(w), (size_t)16 << 20);

    if (f == NULL)
        return -EBADF;
    if (w->flags & MSG_ERRQUEUE)
        return -EAGAIN; /* nothing is ever queued there */
    bool all = (w->flags & MSG_WAITALL) != 0 && (w->flags & MSG_PEEK) == 0 && !f->is_udp;
    bool lost = (w->flags & MSG_TRUNC) != 0 && !f->is_udp; /* the bytes are thrown away */
    uint8_t *bytes = malloc(len + 1);
    int64_t v = 0;

    if (bytes == NULL)
        return -ENOMEM;
    do { /* an error that comes behind some bytes is for the next call */
        if (w->done > 0 && (poll_events(g->net.socks, f->sd) & SOCK_ERR))
            break;
        v = data_read_some(g, w, f, bytes, len - w->done);
        if (v > 0 && !lost)
            data_spread(w, w->done, bytes, (size_t)v);
        w->done += v > 0 ? (size_t)v : 0;
    } while (all && v > 0 && w->done < len);
    free(bytes);
    if (v == -EAGAIN && w->may_block && !(w->flags & MSG_OOB))
        return plugin_block(g, w, w->done > 0 ? (int64_t)w->done : v);
    if (v < 0 && w->done == 0)
        return v;
    return (int64_t)(f->is_udp && (w->flags & MSG_TRUNC) ? w->whole : w->done);
}

/* The control messages that were asked for, as far as there is room, in Linux's order and widths. */
static void data_control(struct msghdr *msg, const struct plugin_fd *f, const struct plugin_wait *w)
{
    const int ttl = w->ttl;
    const struct {
        bool wanted;
        int type;
        const void *value;
        size_t len;
    } all[] = {
        {f->is_udp && f->wants_ttl, IP_TTL, &ttl,    sizeof(ttl)   },
        {f->is_udp && f->wants_tos, IP_TOS, &w->tos, sizeof(w->tos)},
    };
    uint8_t *at = msg->msg_control;
    size_t used = 0;

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct cmsghdr head = {
            .cmsg_len = CMSG_LEN(all[i].len), .cmsg_level = IPPROTO_IP, .cmsg_type = all[i].type};

        if (!all[i].wanted)
            continue;
        if (at == NULL || msg->msg_controllen - used < CMSG_SPACE(all[i].len)) {
            msg->msg_flags |= MSG_CTRUNC;
            break;
        }
        memcpy(at + used, &head, sizeof(head));
        memcpy(at + used + CMSG_LEN(0), all[i].value, all[i].len);
        used += CMSG_SPACE(all[i].len);
    }
    msg->msg_controllen = used;
}

static ssize_t data_read(struct plugin *g, struct plugin_wait *w, struct sockaddr *src,
                         socklen_t *addrlen, struct msghdr *msg)
{
    plugin_enter(g);
    struct plugin_fd *f = plugin_sock(g, w->fd);
    bool is_udp = f != NULL && f->is_udp;

    w->try_it = data_try_read;
    w->deadline = plugin_limit(g, f != NULL ? f->rcv_timeout : 0);
    w->may_block =
        f != NULL && !f->is_nonblocking && (w->flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) == 0;
    int64_t v = plugin_call(g, w);

    if (v >= 0 && is_udp)
        calls_address_out(&w->peer, src, addrlen);
    else if (addrlen != NULL)
        *addrlen = 0; /* a stream names nobody */
    if (v >= 0 && msg != NULL) {
        msg->msg_flags = w->whole > data_len(w) ? MSG_TRUNC : 0;
        data_control(msg, f, w);
    }
    return (ssize_t)plugin_leave(g, v);
}

static ssize_t data_call_readv(void *userdata, int fd, const struct iovec *iov, int count)
{
    struct plugin_wait w = {.fd = fd,
                            .iov = (struct iovec *)(uintptr_t)iov,
                            .iov_count = count < 0 ? 0 : (size_t)count};

    return data_read(userdata, &w, NULL, NULL, NULL);
}

static ssize_t data_call_recvfrom(void *userdata, int fd, void *buf, size_t len, int flags,
                                  struct sockaddr *src, socklen_t *addrlen)
{
    struct iovec iov = {buf, len};
    struct plugin_wait w = {.fd = fd, .iov = &iov, .iov_count = 1, .flags = flags};

    return data_read(userdata, &w, src, addrlen, NULL);
}

static ssize_t data_call_recv(void *userdata, int fd, void *buf, size_t len, int flags)
{
    return data_call_recvfrom(userdata, fd, buf, len, flags, NULL, NULL);
}

static ssize_t data_call_read(void *userdata, int fd, void *buf, size_t count)
{
    return data_call_recvfrom(userdata, fd, buf, count, 0, NULL, NULL);
}

static ssize_t data_call_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags)
{
    struct plugin_wait w = {
        .fd = fd, .iov = msg->msg_iov, .iov_count = msg->msg_iovlen, .flags = flags};

    return data_read(userdata, &w, msg->msg_name, &msg->msg_namelen, msg);
}

void data_fill(struct packetdrill_interface *ifc)
{
    ifc->read = data_call_read;
    ifc->readv = data_call_readv;
    ifc->recv = data_call_recv;
    ifc->recvfrom = data_call_recvfrom;
    ifc->recvmsg = data_call_recvmsg;
    ifc->write = data_call_write;
    ifc->writev = data_call_writev;
    ifc->send = data_call_send;
    ifc->sendto = data_call_sendto;
    ifc->sendmsg = data_call_sendmsg;
}
