/*
 * kernel.c - the kernel's own TCP and UDP as a responder: an epoll server, the reference of the bench.
 *
 *     kernel --ip A.B.C.D/P
 *
 * It is to run in a network namespace of its own, at one end of a veth pair, with this address there:
 * whoever starts it makes them. Congestion control is CUBIC, whatever the machine's default is.
 *
 * One thread, one epoll, sockets that do not block. Bulk in is read into 128 KB that stay in the
 * cache, bulk out is written from as many; datagrams are taken and answered 32 in a call, and those that came
 * joined (UDP_GRO) are answered joined (UDP_SEGMENT). So this is what a careful server of the usual kind gets, and its system calls are part of the figure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { EVENTS = 256, CHUNK = 128 << 10, BATCH = 32, DATAGRAM = 65536 };
enum { UDP_SEGMENTED = 103, UDP_JOINED = 104 }; /* linux/udp.h of Linux 4.18 and 5.0 */

struct conn { /* of a descriptor: conns[fd] */
    int fd;
    uint16_t port;
    bool listens, is_udp;
    struct http_scan http;
};

static struct conn *conns;
static size_t conns_max;
static int epoll;
static char chunk[CHUNK];

static struct conn *watch(int fd, uint16_t port, uint32_t events)
{
    if ((size_t)fd >= conns_max)
        rival_die("too many connections");
    struct conn *c = &conns[fd];

    *c = (struct conn){.fd = fd, .port = port};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd,
                  &(struct epoll_event){.events = events, .data.ptr = c}) < 0)
        rival_die("epoll_ctl");
    return c;
}

static void drop(const struct conn *c)
{
    close(c->fd);
}

static void serve(uint32_t ip, int type, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    /* Inherited by what is accepted. A kernel without it says so by an error that is no harm. */
    if (fd >= 0 && type == SOCK_STREAM)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);

    at.sin_addr.s_addr = htonl(ip);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) < 0))
        rival_die("a server's socket");
    if (type == SOCK_DGRAM)
        (void)setsockopt(fd, IPPROTO_UDP, UDP_JOINED, &on, sizeof(on));
    struct conn *c = watch(fd, port, EPOLLIN);

    c->listens = type == SOCK_STREAM;
    c->is_udp = type == SOCK_DGRAM;
}

static void on_accept(const struct conn *c)
{
    int fd, on = 1;

    while ((fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        watch(fd, c->port, c->port == PORT_SOURCE ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

/* Echo and replies: short enough for any send buffer, so what does not fit ends the connection. */
static bool say(struct conn *c, const char *bytes, size_t len)
{
    return send(c->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool on_request(struct conn *c, size_t len)
{
    unsigned heads = http_scan(&c->http, chunk, len);

    while (heads-- > 0) {
        const char *reply = http_reply(c->http.close && heads == 0, &len);

        if (!say(c, reply, len))
            return false;
        if (c->http.close && heads == 0)
            return false;
    }
    return true;
}

static void on_stream(struct conn *c, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

        if (n == 0 || (n < 0 && errno != EAGAIN) ||
            (n > 0 && c->port == PORT_HTTP && !on_request(c, (size_t)n)) ||
            (n > 0 && c->port == PORT_ECHO && !say(c, chunk, (size_t)n))) {
            drop(c);
            return;
        }
    }
    if (events & EPOLLOUT) {
        if (send(c->fd, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            drop(c);
    }
}

/* What came joined leaves joined: the size of a datagram in what came says how to cut what leaves. */
static void answer_joined(struct msghdr *m, size_t len)
{
    struct cmsghdr *c = m->msg_controllen > 0 ? CMSG_FIRSTHDR(m) : NULL;
    int size = 0;

    if (c != NULL && c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_JOINED)
        memcpy(&size, CMSG_DATA(c), sizeof(size));
    if (size == 0 || len <= (size_t)size) {
        m->msg_controllen = 0;
        return;
    }
    uint16_t segment = (uint16_t)size;

    c->cmsg_type = UDP_SEGMENTED;
    c->cmsg_len = CMSG_LEN(sizeof(segment));
    memcpy(CMSG_DATA(c), &segment, sizeof(segment));
    m->msg_controllen = CMSG_SPACE(sizeof(segment));
}

static void on_datagrams(const struct conn *c)
{
    static char bytes[BATCH][DATAGRAM];
    struct sockaddr_in from[BATCH];
    struct iovec iov[BATCH];
    _Alignas(struct cmsghdr) static char control[BATCH][CMSG_SPACE(sizeof(int))];
    struct mmsghdr msg[BATCH] = {0};

    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){bytes[i], DATAGRAM};
        msg[i].msg_hdr.msg_name = &from[i];
        msg[i].msg_hdr.msg_namelen = sizeof(from[i]);
        msg[i].msg_hdr.msg_iov = &iov[i];
        msg[i].msg_hdr.msg_iovlen = 1;
        msg[i].msg_hdr.msg_control = control[i];
        msg[i].msg_hdr.msg_controllen = sizeof(control[i]);
    }
    int count = recvmmsg(c->fd, msg, BATCH, MSG_DONTWAIT, NULL);

    for (int i = 0; i < count; i++) {
        iov[i].iov_len = msg[i].msg_len;
        answer_joined(&msg[i].msg_hdr, msg[i].msg_len);
    }
    if (count > 0)
        (void)sendmmsg(c->fd, msg, (unsigned)count, MSG_DONTWAIT);
}

int main(int argc, char **argv)
{
    struct rival_args args;
    struct epoll_event events[EVENTS];
    struct rlimit files;

    if (rival_args(&args, argc, argv) > 0) {
        errno = EINVAL;
        rival_die(argv[1]);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        rival_die("getrlimit");
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    conns_max = files.rlim_max < 1U << 20 ? files.rlim_max : 1U << 20;
    conns = calloc(conns_max, sizeof(*conns));
    if (conns == NULL)
        rival_die("memory");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    serve(args.ip, SOCK_STREAM, PORT_ECHO);
    serve(args.ip, SOCK_STREAM, PORT_DISCARD);
    serve(args.ip, SOCK_STREAM, PORT_SOURCE);
    serve(args.ip, SOCK_STREAM, PORT_HTTP);
    serve(args.ip, SOCK_DGRAM, PORT_ECHO);
    rival_ready();
    while (!rival_stop) {
        int count = epoll_wait(epoll, events, EVENTS, 1000); /* a signal just before it is seen */

        for (int i = 0; i < count; i++) {
            struct conn *c = events[i].data.ptr;

            if (c->listens)
                on_accept(c);
            else if (c->is_udp)
                on_datagrams(c);
            else
                on_stream(c, events[i].events);
        }
    }
    free(conns);
    return 0;
}
