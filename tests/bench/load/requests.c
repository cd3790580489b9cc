/*
 * requests.c - a request, its reply, the next: HTTP on connections that stay, or messages to an echo
 * service. One is outstanding on each connection; or with --outstanding fewer, and each connection has its
 * turn, so that none is in anybody's cache by favour when there are many.
 *
 * The length of the reply is learned once, so that counting bytes is all that parsing has to do; that
 * each HTTP reply begins as it should is looked at, and that none is longer.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct asker {
    int fd;
    bool busy;
    size_t sent, got; /* of the request, of the reply */
    double asked;
};

struct requests {
    const struct load *l;
    struct asker *askers;
    char *request, *buf;
    size_t request_len, reply_len, room;
    int epoll;
    unsigned next; /* whose turn it is */
    uint64_t done;
    struct hist hist;
};

static void requests_want(struct requests *r, unsigned i, uint32_t events, int how)
{
    struct epoll_event e = {.events = events, .data.u32 = i};

    if (epoll_ctl(r->epoll, how, r->askers[i].fd, &e) != 0)
        load_die("epoll");
}

/* What the kernel takes now; the rest of a long message when there is room. */
static void requests_send(struct requests *r, unsigned i)
{
    struct asker *a = &r->askers[i];
    bool waited = a->sent > 0;

    if (!waited)
        a->asked = load_now();
    a->busy = true;
    ssize_t n = send(a->fd, r->request + a->sent, r->request_len - a->sent, 0);

    if (n < 0 && errno != EAGAIN)
        load_die("send");
    a->sent += n > 0 ? (size_t)n : 0;
    if (a->sent < r->request_len)
        requests_want(r, i, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    else if (waited)
        requests_want(r, i, EPOLLIN, EPOLL_CTL_MOD);
}

/* The next connection that waits for nothing. There is one: a reply has just come. */
static void requests_next(struct requests *r)
{
    while (r->askers[r->next].busy)
        r->next = (r->next + 1) % r->l->connections;
    unsigned i = r->next;

    r->next = (r->next + 1) % r->l->connections;
    requests_send(r, i);
}

static void requests_read(struct requests *r, unsigned i, double now)
{
    struct asker *a = &r->askers[i];
    ssize_t n = recv(a->fd, r->buf, r->room, 0);

    if (n == 0)
        load_fail("the other end has closed");
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        load_die("recv");
    if (a->got == 0 && !r->l->echo && (n < 12 || memcmp(r->buf, "HTTP/1.1 200", 12) != 0))
        load_fail("a reply that is not 200");
    a->got += (size_t)n;
    if (a->got < r->reply_len)
        return;
    if (a->got > r->reply_len)
        load_fail("a reply that is longer than the first");
    r->done++;
    hist_add(&r->hist, now - a->asked);
    a->got = a->sent = 0;
    a->busy = false;
    requests_next(r);
}

static void requests_until(struct requests *r, double end)
{
    struct epoll_event e[256];
    double now;

    while ((now = load_now()) < end) {
        int n = epoll_wait(r->epoll, e, 256, 100);

        now = load_now();
        for (int i = 0; i < n; i++) {
            if (e[i].events & EPOLLOUT)
                requests_send(r, e[i].data.u32);
            if (e[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                requests_read(r, e[i].data.u32, now);
        }
    }
}

static void requests_open(struct requests *r, const struct load *l, unsigned first)
{
    r->l = l;
    r->room = l->size > 65536 ? l->size : 65536;
    r->askers = calloc(l->connections, sizeof(*r->askers));
    r->request = malloc(r->room);
    r->buf = malloc(r->room);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (r->askers == NULL || r->request == NULL || r->buf == NULL || r->epoll < 0)
        load_die("memory");
    memset(r->request, 'x', r->room);
    r->request_len = r->reply_len = l->size;
    if (!l->echo) {
        r->request_len = load_request(l, r->request, r->room, false);
        r->reply_len = load_reply_length(l, false);
    }
    int *fds = load_open(l, first);

    for (unsigned i = 0; i < l->connections; i++) {
        r->askers[i].fd = fds[i];
        requests_want(r, i, EPOLLIN, EPOLL_CTL_ADD);
    }
    free(fds);
    for (unsigned i = 0; i < l->connections && (l->outstanding == 0 || i < l->outstanding); i++)
        requests_next(r);
}

static void requests_work(struct shard *me)
{
    static struct requests r;

    requests_open(&r, &me->l, me->first);
    me->opened = true;
    while (me->from == 0)
        requests_until(&r, load_now() + 0.0005);
    requests_until(&r, me->from);
    memset(&r.hist, 0, sizeof(r.hist));
    r.done = 0;
    meter_begin(&me->meter, &me->l);
    requests_until(&r, me->meter.began + me->l.seconds);
    meter_end(&me->meter, &me->l);
    me->done = r.done;
    me->hist = r.hist;
}

int load_requests(const struct load *l)
{
    const struct shard *sum = shards_measure(shards_start(l, requests_work), l);

    printf(",\"count\":%llu,\"per_s\":%.1f", (unsigned long long)sum->done,
           (double)sum->done / sum->meter.took);
    if (l->echo)
        printf(",\"size\":%zu", l->size);
    hist_print(&sum->hist);
    meter_print(&sum->meter, l);
    if (sum->done > 0)
        return 0;
    fprintf(stderr, "load: no reply\n");
    return 2;
}
