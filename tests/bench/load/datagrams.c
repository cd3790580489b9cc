/*
 * datagrams.c - UDP echo with a number outstanding, and ICMP echo one at a time.
 *
 * A lost datagram would leave one less outstanding for ever, so after 50 ms of silence all are sent
 * anew and the missing ones counted as lost; an answer to one given up earlier is told by its round.
 */
#include "load.h"

#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UDP_MAX = 2048, UDP_BATCH = 64, QUIET_MS = 50 };

struct stamp {
    uint32_t round, slot;
};

struct udp {
    const struct load *l;
    int fd;
    uint32_t round;
    unsigned out; /* outstanding */
    uint64_t done, lost, strange;
    struct mmsghdr send[UDP_BATCH], recv[UDP_BATCH];
    struct iovec send_iov[UDP_BATCH], recv_iov[UDP_BATCH];
    uint8_t send_buf[UDP_BATCH][UDP_MAX], recv_buf[UDP_BATCH][UDP_MAX];
};

static void udp_open(struct udp *u, const struct load *l)
{
    struct sockaddr_in to = l->to;

    if (l->size < sizeof(struct stamp) || l->size > UDP_MAX)
        load_fail("--size for UDP is 8 to 2048");
    u->l = l;
    u->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (u->fd < 0 || connect(u->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("udp");
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        u->send_iov[i] = (struct iovec){u->send_buf[i], l->size};
        u->recv_iov[i] = (struct iovec){u->recv_buf[i], UDP_MAX};
        u->send[i].msg_hdr = (struct msghdr){.msg_iov = &u->send_iov[i], .msg_iovlen = 1};
        u->recv[i].msg_hdr = (struct msghdr){.msg_iov = &u->recv_iov[i], .msg_iovlen = 1};
    }
}

/* Send @n, in calls of a batch each. */
static void udp_send(struct udp *u, unsigned n)
{
    while (n > 0) {
        unsigned batch = n < UDP_BATCH ? n : UDP_BATCH;

        for (unsigned i = 0; i < batch; i++) {
            struct stamp st = {u->round, i};

            memcpy(u->send_buf[i], &st, sizeof(st));
        }
        int sent = sendmmsg(u->fd, u->send, batch, 0);

        if (sent < 0 && errno != ECONNREFUSED)
            load_die("sendmmsg");
        if (sent > 0)
            u->out += (unsigned)sent;
        n -= sent > 0 ? (unsigned)sent : batch;
    }
}

static void udp_turn(struct udp *u)
{
    struct pollfd p = {.fd = u->fd, .events = POLLIN};
    int n = recvmmsg(u->fd, u->recv, UDP_BATCH, MSG_DONTWAIT, NULL);
    unsigned mine = 0;

    if (n < 0 && errno == EAGAIN && poll(&p, 1, QUIET_MS) == 0) {
        u->lost += u->out;
        u->out = 0;
        u->round++;
        udp_send(u, u->l->connections);
        return;
    }
    if (n < 0 && errno != EAGAIN)
        load_die("recvmmsg");
    for (int i = 0; i < n; i++) {
        struct stamp st;

        memcpy(&st, u->recv_buf[i], sizeof(st));
        if (u->recv[i].msg_len != u->l->size || st.round != u->round)
            u->strange++;
        else
            mine++;
    }
    u->done += mine;
    u->out -= mine;
    udp_send(u, mine);
}

int load_udp(const struct load *l)
{
    static struct udp u;
    struct meter m;
    double end;

    udp_open(&u, l);
    udp_send(&u, l->connections);
    for (end = load_now() + l->warmup; load_now() < end;)
        udp_turn(&u);
    u.done = u.lost = u.strange = 0;
    meter_begin(&m, l);
    while (load_now() < m.began + l->seconds)
        udp_turn(&u);
    meter_end(&m, l);
    printf(",\"count\":%llu,\"per_s\":%.1f,\"lost\":%llu,\"strange\":%llu",
           (unsigned long long)u.done, (double)u.done / m.took, (unsigned long long)u.lost,
           (unsigned long long)u.strange);
    meter_print(&m, l);
    if (u.done > 0)
        return 0;
    fprintf(stderr, "load: no datagram came back\n");
    return 2;
}

/* ---- ping ---- */

struct ping {
    const struct load *l;
    int fd;
    uint16_t id, seq;
    uint64_t done, lost;
    struct hist hist;
    uint8_t out[65536], in[65536 + 64];
};

static uint16_t ping_sum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i += 2)
        sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* Ours, to what we asked last? The raw socket hears all ICMP, IP header in front. */
static bool ping_is_answer(const struct ping *p, ssize_t n)
{
    struct icmphdr h;
    size_t head = n > 0 ? (size_t)(p->in[0] & 15) * 4 : 0;

    if (n < 0 || (size_t)n < head + sizeof(h))
        return false;
    memcpy(&h, p->in + head, sizeof(h));
    return h.type == ICMP_ECHOREPLY && h.un.echo.id == p->id && h.un.echo.sequence == p->seq &&
           (size_t)n == head + sizeof(h) + p->l->size;
}

static void ping_one(struct ping *p)
{
    struct icmphdr h = {.type = ICMP_ECHO};
    size_t len = sizeof(h) + p->l->size;
    ssize_t n;

    h.un.echo.id = p->id;
    h.un.echo.sequence = ++p->seq;
    memcpy(p->out, &h, sizeof(h));
    h.checksum = ping_sum(p->out, len);
    memcpy(p->out, &h, sizeof(h));

    double sent = load_now(), now;

    if (send(p->fd, p->out, len, 0) != (ssize_t)len)
        load_die("send");
    do {
        n = recv(p->fd, p->in, sizeof(p->in), p->l->spin ? MSG_DONTWAIT : 0);
        now = load_now();
    } while (now < sent + 0.5 && !ping_is_answer(p, n));
    if (ping_is_answer(p, n)) {
        p->done++;
        hist_add(&p->hist, now - sent);
    } else {
        p->lost++;
    }
    if (p->l->interval_us > 0) {
        struct timespec ts = {p->l->interval_us / 1000000, p->l->interval_us % 1000000 * 1000L};

        nanosleep(&ts, NULL);
    }
}

int load_ping(const struct load *l)
{
    static struct ping p;
    struct meter m;
    double end;

    p.l = l;
    if (l->size > 65000)
        load_fail("--size for ping is at most 65000");
    p.fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (p.fd < 0 || connect(p.fd, (const struct sockaddr *)&l->to, sizeof(l->to)) != 0)
        load_die("raw socket");
    load_patience(p.fd, 0.5);
    p.id = (uint16_t)getpid();
    for (end = load_now() + l->warmup; load_now() < end;)
        ping_one(&p);
    memset(&p.hist, 0, sizeof(p.hist));
    p.done = p.lost = 0;
    meter_begin(&m, l);
    while (load_now() < m.began + l->seconds)
        ping_one(&p);
    meter_end(&m, l);
    printf(",\"count\":%llu,\"lost\":%llu", (unsigned long long)p.done, (unsigned long long)p.lost);
    hist_print(&p.hist);
    meter_print(&m, l);
    if (p.done > 0)
        return 0;
    fprintf(stderr, "load: no echo reply\n");
    return 2;
}
