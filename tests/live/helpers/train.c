/*
 * train.c - the kernel's end of UDP segmentation offload: many datagrams with one call.
 *
 *     train echo HOST PORT SEGMENT BYTES ROUNDS   BYTES with UDP_SEGMENT SEGMENT to an echo service, read back
 *                                  with UDP_GRO; ROUNDS times, one after another
 *     train plain HOST PORT SEGMENT BYTES ROUNDS  the same; what comes back is read without UDP_GRO
 *     train send HOST PORT SEGMENT BYTES ROUNDS   only sent, ROUNDS times without a pause
 *     train ask HOST PORT SEGMENT BYTES ROUNDS    the same, until an ICMP error comes: says how many did
 *     train six IFACE PORT SEGMENT BYTES ROUNDS   only sent, over IPv6, to ff02::1 on IFACE
 *
 * Every byte that comes back must be the one that left. Says how many datagrams left, how many came back
 * (by the sizes that the kernel tells), and how many reads gave more than one of them. Exits 0 if all
 * came back, 1 with a line about what did not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* linux/udp.h of Linux 4.18 and 5.0 */
enum { TRAIN_SEGMENT = 103, TRAIN_GRO = 104, PATIENCE_S = 5, MOST = 65536 };

struct train {
    int fd;
    size_t segment, bytes;
    unsigned rounds;
    unsigned long left, back, joined; /* datagrams; reads of more than one */
};

static void die(const char *what)
{
    fprintf(stderr, "train: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof value) != 0)
        die("setsockopt");
}

static int to_host(const char *host, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    a.sin_port = htons((uint16_t)atoi(port));
    errno = EINVAL;
    if (fd < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die(host);
    return fd;
}

static int to_all(const char *iface, const char *port)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_scope_id = if_nametoindex(iface)};
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);

    a.sin6_port = htons((uint16_t)atoi(port));
    errno = EINVAL;
    if (fd < 0 || inet_pton(AF_INET6, "ff02::1", &a.sin6_addr) != 1)
        die(iface);
    option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die(iface);
    return fd;
}

static uint8_t pattern(unsigned round, size_t at)
{
    return (uint8_t)(at * 7 + at / 251 + round * 13);
}

static void send_one(struct train *t, unsigned round)
{
    static uint8_t out[MOST];

    for (size_t i = 0; i < t->bytes; i++)
        out[i] = pattern(round, i);
    if (send(t->fd, out, t->bytes, 0) != (ssize_t)t->bytes)
        die("send");
    t->left += (t->bytes + t->segment - 1) / t->segment;
}

/* One read. Return: its bytes; *@size: of each datagram in it. */
static size_t read_one(struct train *t, uint8_t *in, size_t *size)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {in, MOST};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(t->fd, &m, 0);

    if (n <= 0)
        die("nothing came back");
    *size = (size_t)n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        int value;

        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == TRAIN_GRO) {
            memcpy(&value, CMSG_DATA(c), sizeof value);
            *size = (size_t)value;
        }
    }
    return (size_t)n;
}

/* All that was sent must come back, in datagrams of the same sizes. */
static void read_back(struct train *t, unsigned round)
{
    static uint8_t in[MOST];
    size_t got = 0, size;

    while (got < t->bytes) {
        size_t n = read_one(t, in, &size);

        for (size_t i = 0; i < n; i++) {
            if (got + i >= t->bytes || in[i] != pattern(round, got + i)) {
                fprintf(stderr, "train: round %u: byte %zu is another\n", round, got + i);
                exit(1);
            }
        }
        if (size > t->segment || (n > size && size != t->segment) ||
            (n < t->segment && got + n < t->bytes)) {
            fprintf(stderr, "train: round %u: %zu bytes came as datagrams of %zu\n", round, n,
                    size);
            exit(1);
        }
        t->joined += n > size;
        t->back += (n + size - 1) / size;
        got += n;
    }
}

/* Until each of the errors that came has been told. */
static unsigned errors_of(struct train *t)
{
    unsigned errors = 0;
    uint8_t byte;

    for (unsigned round = 0; round < t->rounds; round++) {
        send_one(t, round);
        if (recv(t->fd, &byte, 1, 0) < 0 && errno == ECONNREFUSED)
            errors++;
    }
    return errors;
}

int main(int argc, char **argv)
{
    struct timeval tv = {.tv_sec = PATIENCE_S};

    if (argc != 7) {
        fprintf(stderr, "usage: train echo|plain|send|ask|six HOST PORT SEGMENT BYTES ROUNDS\n");
        return 1;
    }
    const char *how = argv[1];
    struct train t = {.segment = (size_t)atoi(argv[4]),
                      .bytes = (size_t)atoi(argv[5]),
                      .rounds = (unsigned)atoi(argv[6])};

    if (t.segment == 0 || t.bytes > MOST)
        return 1;
    t.fd = strcmp(how, "six") == 0 ? to_all(argv[2], argv[3]) : to_host(argv[2], argv[3]);
    setsockopt(t.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    option(t.fd, IPPROTO_UDP, TRAIN_SEGMENT, (int)t.segment);
    option(t.fd, IPPROTO_UDP, TRAIN_GRO, strcmp(how, "echo") == 0);
    if (strcmp(how, "ask") == 0) {
        printf("errors %u\n", errors_of(&t));
        return 0;
    }
    for (unsigned round = 0; round < t.rounds; round++) {
        send_one(&t, round);
        if (strcmp(how, "echo") == 0 || strcmp(how, "plain") == 0)
            read_back(&t, round);
    }
    printf("left %lu back %lu joined %lu\n", t.left, t.back, t.joined);
    return 0;
}
