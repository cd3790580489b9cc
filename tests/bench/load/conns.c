/*
 * conns.c - connect, request, reply, close; a number of connections at any time.
 *
 * Each takes the next of many pairs of address and port, so a pair comes again only after all others:
 * with net.ipv4.tcp_tw_reuse a pair in TIME-WAIT may be used after a second. Who says FIN first is
 * chosen: ourselves after the reply, or the server, when we ask it to. A connection that needed longer
 * than 0.9 s has lost a segment (or was not wanted): it counts as stalled, and the rate of each whole
 * second is shown, too, so that a pause does not vanish in a mean.
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PORT = 1024, PORTS = 65536 - FIRST_PORT, SECONDS = 600 };

struct caller {
    int fd; /* -1: none */
    bool asked;
    size_t got;
    double began;
};

struct conns {
    const struct load *l;
    struct caller *callers;
    size_t request_len, reply_len;
    char request[1024];
    int epoll;
    unsigned next; /* pair of address and port */
    uint64_t opened, done, stalled, failed, busy;
    uint64_t each[SECONDS]; /* done in each of the first whole seconds */
    unsigned seconds;
    struct hist hist;
};

static void conns_end(struct caller *c)
{
    close(c->fd);
    c->fd = -1;
    c->asked = false;
    c->got = 0;
}

/* The next pair; an odd step, so that neighbours in time are not neighbours in the kernel's tables. */
static int conns_socket(struct conns *s)
{
    unsigned k = s->next++;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        load_die("socket");
    load_bind(s->l, fd, k, (uint16_t)(FIRST_PORT + k / s->l->sources * 17 % PORTS));
    return fd;
}

static void conns_begin(struct conns *s, unsigned i)
{
    struct caller *c = &s->callers[i];
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = i};

    for (int tries = 0; tries < 100; tries++) {
        c->fd = conns_socket(s);
        c->began = load_now();
        if (connect(c->fd, (const struct sockaddr *)&s->l->to, sizeof(s->l->to)) == 0 ||
            errno == EINPROGRESS) {
            if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
                load_die("epoll");
            s->opened++;
            return;
        }
        if (errno != EADDRNOTAVAIL)
            load_die("connect");
        s->busy++; /* this pair is still in use or rests: the next */
        conns_end(c);
    }
    load_fail("no address and port is free: more --sources, or net.ipv4.tcp_tw_reuse=1");
}

static void conns_again(struct conns *s, unsigned i, bool ok)
{
    struct caller *c = &s->callers[i];
    double took = load_now() - c->began;

    if (ok) {
        s->done++;
        hist_add(&s->hist, took);
        s->stalled += took > 0.9;
    } else {
        s->failed++;
    }
    conns_end(c);
    conns_begin(s, i);
}

static void conns_event(struct conns *s, unsigned i, uint32_t events)
{
    struct caller *c = &s->callers[i];
    char buf[4096];
    ssize_t n = 1;

    if (!c->asked) {
        if (events & (EPOLLERR | EPOLLHUP)) {
            conns_again(s, i, false);
            return;
        }
        if (!(events & EPOLLOUT))
            return;
        c->asked = true;
        if (send(c->fd, s->request, s->request_len, 0) != (ssize_t)s->request_len) {
            conns_again(s, i, false);
            return;
        }
    }
    if (!(events & EPOLLIN))
        return;
    /* We read on only when more is due: the end, if it is the server who closes. */
    while ((s->l->server_closes || c->got < s->reply_len) &&
           (n = recv(c->fd, buf, sizeof(buf), 0)) > 0)
        c->got += (size_t)n;
    if (n < 0 && errno == EAGAIN)
        return;
    conns_again(s, i, c->got == s->reply_len && n >= 0);
}

static void conns_until(struct conns *s, double end)
{
    struct epoll_event e[256];
    double now, second = load_now() + 1;
    uint64_t before = s->done;

    while ((now = load_now()) < end) {
        int n = epoll_wait(s->epoll, e, 256, 100);

        for (int i = 0; i < n; i++)
            conns_event(s, e[i].data.u32, e[i].events);
        if (now < second)
            continue;
        if (s->seconds < SECONDS)
            s->each[s->seconds++] = s->done - before;
        before = s->done;
        second += 1;
    }
}

static void conns_print_seconds(const struct conns *s)
{
    uint64_t worst = UINT64_MAX;

    if (s->seconds == 0)
        return;
    for (unsigned i = 0; i < s->seconds; i++) {
        printf("%s%llu", i == 0 ? ",\"each_second\":[" : ",", (unsigned long long)s->each[i]);
        worst = s->each[i] < worst ? s->each[i] : worst;
    }
    printf("],\"worst_second\":%llu", (unsigned long long)worst);
}

int load_conns(const struct load *l)
{
    static struct conns s;
    struct meter m;

    s.l = l;
    s.callers = calloc(l->connections, sizeof(*s.callers));
    s.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s.callers == NULL || s.epoll < 0)
        load_die("memory");
    s.request_len = load_request(l, s.request, sizeof(s.request), l->server_closes);
    s.reply_len = load_reply_length(l, l->server_closes);
    s.next = l->salt; /* not where the last run began */
    for (unsigned i = 0; i < l->connections; i++)
        conns_begin(&s, i);
    conns_until(&s, load_now() + l->warmup);
    memset(&s.hist, 0, sizeof(s.hist));
    s.done = s.stalled = s.failed = s.busy = s.seconds = 0;
    meter_begin(&m, l);
    conns_until(&s, m.began + l->seconds);
    meter_end(&m, l);
    printf(",\"first_close\":\"%s\",\"count\":%llu,\"per_s\":%.1f,"
           "\"stalled\":%llu,\"failed\":%llu,\"busy\":%llu",
           l->server_closes ? "server" : "client", (unsigned long long)s.done,
           (double)s.done / m.took, (unsigned long long)s.stalled, (unsigned long long)s.failed,
           (unsigned long long)s.busy);
    conns_print_seconds(&s);
    hist_print(&s.hist);
    meter_print(&m, l);
    if (s.done > 0)
        return 0;
    fprintf(stderr, "load: no connection was served\n");
    return 2;
}
