/*
 * poll.c - poll, epoll_create, epoll_ctl, epoll_wait.
 *
 * poll asks each socket; an epoll descriptor is a poll set of the stack, so edges are the stack's
 * own. A socket stands in one set at most. Time-outs are of virtual time.
 */
#include <errno.h>

#include "interface.h"
#include "plugin.h"
#include "settings.h"

enum { EPOLL_MAX = 64 };

static net_time poll_deadline(const struct plugin *g, int timeout)
{
    return timeout < 0 ? NET_NEVER : g->now + NET_MS(timeout);
}

/* ---- poll ---- */

static int64_t poll_try(struct plugin *g, struct plugin_wait *w)
{
    struct pollfd *fds = w->list;
    int64_t count = 0;

    for (size_t i = 0; i < w->list_count; i++) {
        struct plugin_fd *f = plugin_sock(g, fds[i].fd);
        unsigned seen = POLLNVAL, always = POLLERR | POLLHUP;

        if (f != NULL)
            seen = settings_poll_bits(poll_events(g->net.socks, f->sd), false) &
                   ((unsigned short)fds[i].events | always);
        fds[i].revents = fds[i].fd < 0 ? 0 : (short)seen;
        count += fds[i].revents != 0;
    }
    if (count > 0 || g->now >= w->deadline)
        return count;
    return PLUGIN_BLOCKS;
}

static int poll_call(void *userdata, struct pollfd *fds, nfds_t count, int timeout)
{
    struct plugin *g = userdata;
    struct plugin_wait w = {.try_it = poll_try, .fd = -1, .list = fds, .list_count = count};

    plugin_enter(g);
    w.deadline = poll_deadline(g, timeout);
    return (int)plugin_leave(g, plugin_call(g, &w));
}

/* ---- epoll ---- */

static int poll_epoll_create(void *userdata, int size)
{
    struct plugin *g = userdata;

    plugin_enter(g);
    int fd = size <= 0 ? -EINVAL : plugin_up(g);

    if (fd == 0)
        fd = poll_open(g->net.socks);
    if (fd >= 0)
        fd = plugin_open(g, PLUGIN_EPOLL, fd, false);
    return (int)plugin_leave(g, fd);
}

static int poll_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *event)
{
    struct plugin *g = userdata;
    int64_t v = -EINVAL;

    plugin_enter(g);
    struct plugin_fd *set = plugin_fd(g, epfd), *f = plugin_fd(g, fd);

    if (set == NULL || f == NULL)
        return (int)plugin_leave(g, -EBADF);
    if (set->kind != PLUGIN_EPOLL || f->kind != PLUGIN_SOCK)
        return (int)plugin_leave(g, -EINVAL);
    /* A change is a new entry, since data and mode may change, too. */
    if (op == EPOLL_CTL_DEL || (op == EPOLL_CTL_MOD && event != NULL))
        v = poll_del(g->net.socks, set->sd, f->sd);
    if ((op == EPOLL_CTL_ADD && event != NULL) || (op == EPOLL_CTL_MOD && v == 0))
        v = poll_add(g->net.socks, set->sd, f->sd, settings_poll_ours(event->events),
                     (event->events & EPOLLET) != 0 ? POLL_EDGE : POLL_LEVEL, event->data.u64);
    return (int)plugin_leave(g, v);
}

static int64_t poll_try_epoll(struct plugin *g, struct plugin_wait *w)
{
    struct plugin_fd *set = plugin_fd(g, w->fd);
    struct epoll_event *events = w->list;
    struct poll_event out[EPOLL_MAX];

    if (set == NULL)
        return -EBADF;
    if (set->kind != PLUGIN_EPOLL || w->list_count == 0)
        return -EINVAL;
    int n = poll_wait(g->net.socks, set->sd, out, (int)size_min(w->list_count, EPOLL_MAX));

    for (int i = 0; i < n; i++) {
        events[i].events = settings_poll_bits(out[i].events, true);
        events[i].data.u64 = out[i].cookie;
    }
    return n != 0 || g->now >= w->deadline ? n : PLUGIN_BLOCKS;
}

static int poll_epoll_wait(void *userdata, int epfd, struct epoll_event *events, int max,
                           int timeout)
{
    struct plugin *g = userdata;
    struct plugin_wait w = {.try_it = poll_try_epoll,
                            .fd = epfd,
                            .list = events,
                            .list_count = max < 0 ? 0 : (size_t)max};

    plugin_enter(g);
    w.deadline = poll_deadline(g, timeout);
    return (int)plugin_leave(g, plugin_call(g, &w));
}

void poll_fill(struct packetdrill_interface *ifc)
{
    ifc->poll = poll_call;
    ifc->epoll_create = poll_epoll_create;
    ifc->epoll_ctl = poll_epoll_ctl;
    ifc->epoll_wait = poll_epoll_wait;
}
