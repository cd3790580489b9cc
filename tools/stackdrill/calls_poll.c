/*
 * calls_poll.c - poll, epoll_ctl, epoll_wait.
 *
 * poll asks each socket; an epoll descriptor is a poll set of the stack, so its edges are the
 * stack's own.
 */
#include <errno.h>
#include <string.h>

#include "run.h"

enum { POLL_BIT_NVAL = 0x20, POLL_BIT_ALWAYS = 0x18, POLL_MAX = 64 };
#define POLL_BIT_ET (1u << 31)

static bool poll_member(struct run *r, const struct script_arg *a, const char *name, int64_t *v,
                        bool *found)
{
    *found = false;
    for (size_t i = 0; a->kind == SCRIPT_ARG_STRUCT && i < a->count; i++) {
        if (a->items[i].name != NULL && strcmp(a->items[i].name, name) == 0) {
            *found = a->items[i].kind != SCRIPT_ARG_ELLIPSIS;
            return !*found || call_arg_int(r, &a->items[i], v);
        }
    }
    return true;
}

/* Nothing is ready: wait, or is the time over? */
static int64_t poll_nothing(struct run *r, struct run_call *c, int64_t timeout)
{
    return timeout == 0 ? 0 : call_block(r, c, timeout < 0 ? 0 : NET_MS(timeout), 0);
}

/* One descriptor of poll(). Return: 1 ready, 0 not, RUN_BAD. */
static int64_t poll_one(struct run *r, struct run_call *c, const struct script_arg *a)
{
    int64_t fd = -1, events = 0, revents = 0;
    bool has, has_revents;

    if (!poll_member(r, a, "fd", &fd, &has) || !poll_member(r, a, "events", &events, &has) ||
        !poll_member(r, a, "revents", &revents, &has_revents))
        return RUN_BAD;
    struct run_fd *f = call_fd(r, (int)fd);
    unsigned seen = POLL_BIT_NVAL;

    if (f != NULL)
        seen = settings_poll_bits(poll_events(r->net.socks, f->sd), false) &
               ((unsigned)events | POLL_BIT_ALWAYS);
    if (has_revents && seen != (unsigned)revents)
        snprintf(c->out_error, sizeof(c->out_error),
                 "expected revents 0x%x of descriptor %d but got 0x%x", (unsigned)revents, (int)fd,
                 seen);
    return seen != 0;
}

static int64_t call_poll(struct run *r, struct run_call *c)
{
    int64_t count = 0, timeout;

    if (c->call->arg_count != 3 || c->call->args[0].kind != SCRIPT_ARG_LIST) {
        run_fail(r, "poll() wants [{fd=N, events=E, revents=R}], their number and a timeout");
        return RUN_BAD;
    }
    if (!call_int(r, c, 2, &timeout))
        return RUN_BAD;
    for (size_t i = 0; i < c->call->args[0].count; i++) {
        int64_t v = poll_one(r, c, &c->call->args[0].items[i]);

        if (v == RUN_BAD)
            return v;
        count += v;
    }
    return count > 0 ? count : poll_nothing(r, c, timeout);
}

/* What the user wants back: fd, ptr, u32 or u64. */
static bool epoll_data(struct run *r, const struct script_arg *a, uint64_t *data, bool *has)
{
    static const char *const names[] = {"fd", "u64", "u32", "ptr"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int64_t v = 0;

        if (!poll_member(r, a, names[i], &v, has))
            return false;
        if (*has) {
            *data = (uint64_t)v;
            return true;
        }
    }
    return true;
}

static int64_t call_epoll_ctl(struct run *r, struct run_call *c)
{
    int64_t epfd, op, fd, events = 0;
    uint64_t data = 0;
    bool has;

    if (c->call->arg_count < 3 || !call_int(r, c, 0, &epfd) || !call_int(r, c, 1, &op) ||
        !call_int(r, c, 2, &fd))
        return run_fail(r, "epoll_ctl() wants four arguments") ? 0 : RUN_BAD;
    struct run_fd *set = call_fd(r, (int)epfd), *f = call_fd(r, (int)fd);

    if (set == NULL || f == NULL)
        return -EBADF;
    if (set->kind != RUN_FD_EPOLL || f->kind != RUN_FD_SOCK)
        return -EINVAL;
    if (op == 2) /* EPOLL_CTL_DEL */
        return poll_del(r->net.socks, set->sd, f->sd);
    if (c->call->arg_count < 4 || !poll_member(r, &c->call->args[3], "events", &events, &has) ||
        !epoll_data(r, &c->call->args[3], &data, &has))
        return r->failed ? RUN_BAD : -EINVAL;
    unsigned want = settings_poll_ours((unsigned)events);

    if (op == 3) /* EPOLL_CTL_MOD */
        return poll_mod(r->net.socks, set->sd, f->sd, want);
    return poll_add(r->net.socks, set->sd, f->sd, want,
                    ((uint64_t)events & POLL_BIT_ET) != 0 ? POLL_EDGE : POLL_LEVEL, data);
}

static int64_t call_epoll_wait(struct run *r, struct run_call *c)
{
    struct poll_event out[POLL_MAX];
    int64_t epfd, max, timeout;

    if (!call_int(r, c, 0, &epfd) || !call_int(r, c, 2, &max) || !call_int(r, c, 3, &timeout))
        return RUN_BAD;
    struct run_fd *set = call_fd(r, (int)epfd);
    const struct script_arg *list = &c->call->args[1];

    if (set == NULL || set->kind != RUN_FD_EPOLL)
        return -EBADF;
    int n = poll_wait(r->net.socks, set->sd, out, max < POLL_MAX ? (int)max : POLL_MAX);

    for (int i = 0; i < n; i++) {
        const struct script_arg *a = list->kind == SCRIPT_ARG_LIST && (size_t)i < list->count
                                         ? &list->items[i]
                                     : list->kind == SCRIPT_ARG_STRUCT && i == 0 ? list
                                                                                 : NULL;
        int64_t events = 0;
        uint64_t data = 0;
        bool has_events, has_data;

        if (a == NULL)
            continue;
        if (!poll_member(r, a, "events", &events, &has_events) ||
            !epoll_data(r, a, &data, &has_data))
            return RUN_BAD;
        unsigned seen = settings_poll_bits(out[i].events, true);

        if ((has_events && (unsigned)events != seen) || (has_data && data != out[i].cookie))
            snprintf(c->out_error, sizeof(c->out_error),
                     "event %d: expected 0x%x of %llu but got 0x%x of %llu", i, (unsigned)events,
                     (unsigned long long)data, seen, (unsigned long long)out[i].cookie);
    }
    return n > 0 ? n : poll_nothing(r, c, timeout);
}

run_call_fn *call_poll_find(const char *name)
{
    if (strcmp(name, "poll") == 0)
        return call_poll;
    if (strcmp(name, "epoll_ctl") == 0)
        return call_epoll_ctl;
    return strcmp(name, "epoll_wait") == 0 ? call_epoll_wait : NULL;
}
