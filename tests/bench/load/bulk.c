/*
 * bulk.c - one direction, as fast as it goes.
 *
 * Inwards the rate is that of bytes the other end has acknowledged (tcpi_bytes_acked), so what lies
 * in our send buffers does not count. Outwards it is what was read. With one connection the calls
 * block, which costs the least; with more, epoll says whose turn it is.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* struct tcp_info of the C library ends before this field. */
enum { TCPI_BYTES_ACKED = 120, TCPI_ROOM = 512 };

struct flow {
    int fd;
    uint64_t base, bytes; /* at the end of the warm-up; since then */
    uint64_t left;        /* of the answer that is coming in, with --path */
};

struct bulk {
    const struct load *l;
    struct flow *flows;
    uint8_t *buf;
    size_t request_len, reply_len;
    char request[1024];
    int file, epoll;
    uint64_t rtx;
};

static uint64_t bulk_acked(int fd)
{
    uint8_t info[TCPI_ROOM];
    socklen_t len = sizeof(info);
    uint64_t v;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) != 0 || len < TCPI_BYTES_ACKED + 8)
        load_die("TCP_INFO");
    memcpy(&v, info + TCPI_BYTES_ACKED, sizeof(v));
    return v;
}

static uint64_t bulk_retransmitted(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        load_die("TCP_INFO");
    return info.tcpi_total_retrans;
}

static void bulk_open(struct bulk *b, const struct load *l)
{
    memset(b, 0, sizeof(*b));
    b->l = l;
    b->flows = calloc(l->connections, sizeof(*b->flows));
    b->buf = malloc(l->size + 1);
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (b->flows == NULL || b->buf == NULL || b->epoll < 0)
        load_die("memory");
    memset(b->buf, 'x', l->size + 1);
}

static void bulk_connect(struct bulk *b, uint32_t events)
{
    for (unsigned i = 0; i < b->l->connections; i++) {
        struct epoll_event e = {.events = events, .data.u32 = i};

        b->flows[i].fd = load_connect(b->l, i);
        load_patience(b->flows[i].fd, 0.1); /* so that the clock is looked at */
        if (b->l->connections == 1)
            continue;
        if (fcntl(b->flows[i].fd, F_SETFL, O_NONBLOCK) != 0 ||
            epoll_ctl(b->epoll, EPOLL_CTL_ADD, b->flows[i].fd, &e) != 0)
            load_die("epoll");
    }
}

/* Give each flow that is ready a turn. */
static void bulk_turns(struct bulk *b, void (*turn)(struct bulk *, struct flow *))
{
    struct epoll_event e[64];

    if (b->l->connections == 1) {
        turn(b, &b->flows[0]);
        return;
    }
    int n = epoll_wait(b->epoll, e, 64, 100);

    for (int i = 0; i < n; i++)
        turn(b, &b->flows[e[i].data.u32]);
}

static void bulk_run(struct bulk *b, struct meter *m, void (*turn)(struct bulk *, struct flow *),
                     uint64_t (*count)(const struct flow *))
{
    const struct load *l = b->l;
    double warm = load_now() + l->warmup;

    while (load_now() < warm)
        bulk_turns(b, turn);
    for (unsigned i = 0; i < l->connections; i++)
        b->flows[i].base = count(&b->flows[i]);
    meter_begin(m, l);
    while (load_now() < m->began + l->seconds)
        bulk_turns(b, turn);
    meter_end(m, l);
    for (unsigned i = 0; i < l->connections; i++)
        b->flows[i].bytes = count(&b->flows[i]) - b->flows[i].base;
}

static int bulk_print(const struct bulk *b, const struct meter *m)
{
    unsigned n = b->l->connections;
    uint64_t *bytes = calloc(n, sizeof(*bytes)), sum = 0;

    if (bytes == NULL)
        load_die("memory");
    for (unsigned i = 0; i < n; i++)
        sum += bytes[i] = b->flows[i].bytes;
    printf(",\"bytes\":%llu,\"gbit_s\":%.4f,\"jain\":%.4f,\"retransmitted\":%llu",
           (unsigned long long)sum, (double)sum * 8 / m->took / 1e9, load_jain(bytes, n),
           (unsigned long long)b->rtx);
    meter_print(m, b->l);
    free(bytes);
    if (sum > 0)
        return 0;
    fprintf(stderr, "load: nothing moved\n");
    return 2;
}

/* ---- into the stack ---- */

static uint64_t bulk_in_count(const struct flow *f)
{
    return bulk_acked(f->fd);
}

static void bulk_in_turn(struct bulk *b, struct flow *f)
{
    off_t at = 0;
    ssize_t n = b->l->sendfile ? sendfile(f->fd, b->file, &at, b->l->size)
                               : send(f->fd, b->buf, b->l->size, 0);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        load_die("send");
}

int load_bulk_in(const struct load *l)
{
    struct bulk b;
    struct meter m;

    bulk_open(&b, l);
    b.file = memfd_create("load", MFD_CLOEXEC);
    if (b.file < 0 || write(b.file, b.buf, l->size) != (ssize_t)l->size)
        load_die("memfd");
    bulk_connect(&b, EPOLLOUT);
    bulk_run(&b, &m, bulk_in_turn, bulk_in_count);
    for (unsigned i = 0; i < l->connections; i++)
        b.rtx += bulk_retransmitted(b.flows[i].fd);
    return bulk_print(&b, &m);
}

/* ---- out of the stack ---- */

static uint64_t bulk_out_count(const struct flow *f)
{
    return f->bytes;
}

static void bulk_ask(struct bulk *b, const struct flow *f)
{
    if (send(f->fd, b->request, b->request_len, 0) != (ssize_t)b->request_len)
        load_die("asking");
}

static void bulk_out_turn(struct bulk *b, struct flow *f)
{
    ssize_t n = recv(f->fd, b->buf, b->l->size, b->l->trunc ? MSG_TRUNC : 0);

    if (n == 0)
        load_fail("the other end has closed");
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        load_die("recv");
    if (n < 0)
        return;
    f->bytes += (uint64_t)n;
    if (b->l->path == NULL)
        return;
    for (; (uint64_t)n >= f->left; f->left = b->reply_len) {
        n -= (ssize_t)f->left;
        bulk_ask(b, f);
    }
    f->left -= (uint64_t)n;
}

int load_bulk_out(const struct load *l)
{
    struct bulk b;
    struct meter m;

    bulk_open(&b, l);
    if (l->path != NULL) {
        b.request_len = load_request(l, b.request, sizeof(b.request), false);
        b.reply_len = load_reply_length(l, false);
    }
    bulk_connect(&b, EPOLLIN);
    for (unsigned i = 0; i < l->connections && l->path != NULL; i++) {
        for (unsigned k = 0; k < l->pipeline; k++)
            bulk_ask(&b, &b.flows[i]);
        b.flows[i].left = b.reply_len;
    }
    bulk_run(&b, &m, bulk_out_turn, bulk_out_count);
    return bulk_print(&b, &m);
}
