/*
 * trains.c - bulk over UDP: trains of datagrams of one length (UDP_SEGMENT) to an echo service, a number of them
 * outstanding, read back as they come (UDP_GRO).
 *
 * What counts is the bytes that came back; so many went in, and as many out. After 50 ms of silence what is missing
 * is given up and counted as lost, as in datagrams.c; every datagram begins with the number of its round.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* linux/udp.h of Linux 4.18 and 5.0 */
enum { TRAIN_SEGMENT = 103, TRAIN_GRO = 104 };
enum {
    SEGMENT = 1400,
    TRAIN_MAX = 65507 / SEGMENT * SEGMENT,
    BATCH = 32,
    QUIET_MS = 50,
    BUFFER = 8 << 20
};

struct trains {
    const struct load *l;
    int fd;
    uint8_t round;
    uint64_t out; /* bytes outstanding */
    uint64_t done, lost, strange;
    struct mmsghdr msg[BATCH];
    struct iovec iov[BATCH];
    uint8_t send[TRAIN_MAX], recv[BATCH][65536];
};

static void trains_open(struct trains *t, const struct load *l)
{
    struct sockaddr_in to = l->to;
    int segment = SEGMENT, on = 1, buffer = BUFFER;

    if (l->size == 0 || l->size > TRAIN_MAX)
        load_fail("--size for trains is 1 to 64400");
    t->l = l;
    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (t->fd < 0 || connect(t->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
        setsockopt(t->fd, IPPROTO_UDP, TRAIN_SEGMENT, &segment, sizeof(segment)) != 0 ||
        setsockopt(t->fd, IPPROTO_UDP, TRAIN_GRO, &on, sizeof(on)) != 0)
        load_die("trains");
    (void)setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)); /* as far as we may */
    for (unsigned i = 0; i < BATCH; i++) {
        t->iov[i] = (struct iovec){t->recv[i], sizeof(t->recv[i])};
        t->msg[i].msg_hdr = (struct msghdr){.msg_iov = &t->iov[i], .msg_iovlen = 1};
    }
}

/* As many as may be outstanding. */
static void trains_fill(struct trains *t)
{
    while (t->out + t->l->size <= t->l->connections * (uint64_t)t->l->size) {
        for (size_t at = 0; at < t->l->size; at += SEGMENT)
            t->send[at] = t->round;
        if (send(t->fd, t->send, t->l->size, 0) < 0 && errno != ECONNREFUSED && errno != ENOBUFS)
            load_die("send");
        t->out += t->l->size;
    }
}

static void trains_turn(struct trains *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    int n = recvmmsg(t->fd, t->msg, BATCH, MSG_DONTWAIT, NULL);

    if (n < 0 && errno == EAGAIN && poll(&p, 1, QUIET_MS) == 0) {
        t->lost += t->out;
        t->out = 0;
        t->round++;
        trains_fill(t);
        return;
    }
    if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED)
        load_die("recvmmsg");
    for (int i = 0; i < n; i++) {
        uint32_t len = t->msg[i].msg_len;

        if (len == 0 || len > t->out || t->recv[i][0] != t->round) {
            t->strange++;
            continue;
        }
        t->done += len;
        t->out -= len;
    }
    trains_fill(t);
}

int load_trains(const struct load *l)
{
    static struct trains t;
    struct meter m;
    double end;

    trains_open(&t, l);
    trains_fill(&t);
    for (end = load_now() + l->warmup; load_now() < end;)
        trains_turn(&t);
    t.done = t.lost = t.strange = 0;
    meter_begin(&m, l);
    while (load_now() < m.began + l->seconds)
        trains_turn(&t);
    meter_end(&m, l);
    printf(",\"bytes\":%llu,\"gbit_s\":%.4f,\"lost\":%llu,\"strange\":%llu",
           (unsigned long long)t.done, (double)t.done * 8 / m.took / 1e9,
           (unsigned long long)t.lost, (unsigned long long)t.strange);
    meter_print(&m, l);
    if (t.done > 0)
        return 0;
    fprintf(stderr, "load: no datagram came back\n");
    return 2;
}
