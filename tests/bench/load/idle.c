/*
 * idle.c - many connections, and such that do nothing.
 *
 * They are opened with a number of SYNs on their way at any time, each with a pair of address and port
 * of its own when there are source addresses to choose from. `idle`: when all are open (and, with
 * --touch, each has sent a message and got it back) the line is printed, and all stay until standard
 * input ends. The memory of the process under test is read before the first and after the last has come
 * to rest.
 */
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPEN_BATCH = 256, OPEN_FIRST_PORT = 1024, OPEN_PORTS = 65536 - OPEN_FIRST_PORT };

/* Number @k of all, which is number @i of this process. */
static int open_begin(const struct load *l, int epoll, unsigned k, unsigned i)
{
    struct epoll_event e = {.events = EPOLLOUT | EPOLLET, .data.u32 = i};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0)
        load_die("socket");
    /* Not the ports of the last run, which may rest. */
    load_bind(l, fd, k, (uint16_t)(OPEN_FIRST_PORT + (l->salt + k / l->sources) % OPEN_PORTS));
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        load_die("TCP_NODELAY");
    load_congestion(l, fd);
    if (connect(fd, (const struct sockaddr *)&l->to, sizeof(l->to)) != 0 && errno != EINPROGRESS)
        load_die("connect");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        load_die("epoll");
    return fd;
}

int *load_open(const struct load *l, unsigned first)
{
    struct epoll_event e[OPEN_BATCH];
    double patience = load_now() + 5;
    int *fds = calloc(l->connections, sizeof(*fds));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    unsigned begun = 0, open = 0;

    if (fds == NULL || epoll < 0)
        load_die("memory");
    while (open < l->connections) {
        for (; begun < l->connections && begun < open + l->open_batch; begun++)
            fds[begun] = open_begin(l, epoll, first + begun, begun);
        int n = epoll_wait(epoll, e, OPEN_BATCH, 100);

        for (int i = 0; i < n; i++) {
            if (e[i].events & (EPOLLERR | EPOLLHUP))
                load_fail("a connection was refused");
            if (epoll_ctl(epoll, EPOLL_CTL_DEL, fds[e[i].data.u32], NULL) != 0)
                load_die("epoll");
            open++;
            patience = load_now() + 5;
        }
        if (load_now() > patience) {
            fprintf(stderr, "load: only %u of %u connections\n", open, l->connections);
            _exit(2);
        }
    }
    close(epoll);
    return fds;
}

static void idle_wait(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    if (poll(&p, 1, 5000) != 1)
        load_fail("no message back");
}

/* A message there and back on all of them, many at once. */
static void idle_touch(const struct load *l, const int *fds)
{
    char *buf = calloc(1, l->size + 1);

    if (buf == NULL || l->size == 0)
        load_fail("--touch needs a --size");
    for (unsigned at = 0; at < l->connections; at += OPEN_BATCH) {
        unsigned end = at + OPEN_BATCH < l->connections ? at + OPEN_BATCH : l->connections;

        for (unsigned i = at; i < end; i++)
            if (send(fds[i], buf, l->size, 0) != (ssize_t)l->size)
                load_die("send");
        for (unsigned i = at; i < end; i++) {
            for (size_t got = 0; got < l->size;) {
                idle_wait(fds[i], POLLIN);
                ssize_t n = recv(fds[i], buf, l->size - got, 0);

                if (n <= 0)
                    load_fail("a connection was closed");
                got += (size_t)n;
            }
        }
    }
    free(buf);
}

static void idle_work(struct shard *me)
{
    int *fds = load_open(&me->l, me->first);

    if (me->l.touch)
        idle_touch(&me->l, fds);
    me->opened = true;
    for (;;)
        pause();
}

int load_idle(const struct load *l)
{
    struct meter m;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    long before = meter_rss(l);
    char byte;

    meter_begin(&m, l);
    struct shards *all = shards_start(l, idle_work);

    meter_end(&m, l);
    /* Delayed ACKs leave, and what is put away after a while is put away. */
    (void)poll(&in, 0, (int)(l->warmup * 1000));
    long after = meter_rss(l);

    printf(",\"opened\":%u,\"per_s\":%.1f,\"before_kb\":%ld,\"bytes_each\":%.1f", l->connections,
           l->connections / m.took, before, (double)(after - before) * 1024 / l->connections);
    meter_print(&m, l);
    printf("}\n");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    shards_stop(all);
    _exit(0);
}
