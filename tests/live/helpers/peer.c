/*
 * peer.c - the kernel's end of many connections, each ended in a chosen way.
 *
 *     peer connect HOST PORT COUNT HOW    COUNT connections, one after another
 *     peer hold HOST PORT COUNT           COUNT at once, each echoes a byte; says "open COUNT", goes on
 *                                         when a line comes on standard input, closes them all
 *     peer honest HOST PORT COUNT         COUNT at once, each echoes a byte; prints the worst time
 *                                         from connect() to the echoed byte, in milliseconds
 *     peer accept PORT COUNT HOW          the same as connect, from a listener; says "listening"
 *     peer transfer HOST PORT BYTES SEED  BYTES of a pattern to an echo service; they must come back
 *
 * HOW is the way the connection ends, seen from here:
 *     close    we say FIN first, read to the end, close
 *     wait     we read to the end, then close: the other end says FIN first
 *     half     we send, say FIN, and read what comes back after it
 *     both     we say FIN a moment after the connection opened, so that it crosses the other's FIN
 *     reset    we send RST instead of FIN
 *     late     we say FIN, wait for its acknowledgment, then send RST
 *     refused  connect() must fail with ECONNREFUSED
 *
 * It exits 0 if every connection went as it should, 1 with a line about the first that did not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, MANY = 4096 };

static void die(const char *what)
{
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address(const char *host, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_port = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
        errno = EINVAL;
        die(host);
    }
    return a;
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void patience(int fd)
{
    struct timeval tv = {.tv_sec = PATIENCE_MS / 1000};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

/* Everything until the other end's FIN; the number of bytes. */
static size_t read_to_end(int fd)
{
    char buf[65536];
    size_t total = 0;

    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0)
            die("read");
        if (n == 0)
            return total;
        total += (size_t)n;
    }
}

static int tcp_state(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        die("TCP_INFO");
    return info.tcpi_state;
}

static void reset(int fd)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close(fd);
}

/* One connection that is open ends as HOW says. */
static void end(int fd, const char *how)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (strcmp(how, "reset") == 0) {
        reset(fd);
        return;
    }
    if (strcmp(how, "half") == 0 && write(fd, "half of it", 10) != 10)
        die("write");
    if (strcmp(how, "both") == 0)
        poll(&p, 1, 3); /* the other end's FIN is on a wire that takes longer */
    if (strcmp(how, "wait") != 0)
        shutdown(fd, SHUT_WR);
    if (strcmp(how, "late") == 0) {
        double until = now_ms() + PATIENCE_MS;
        while (tcp_state(fd) == TCP_FIN_WAIT1)
            if (now_ms() > until) {
                errno = ETIMEDOUT;
                die("the FIN was not acknowledged");
            }
        reset(fd);
        return;
    }
    size_t got = read_to_end(fd);
    if (strcmp(how, "half") == 0 && got != 10) {
        fprintf(stderr, "peer: half: %zu bytes came back of 10\n", got);
        exit(1);
    }
    close(fd);
}

static void run_connect(const char *host, const char *port, long count, const char *how)
{
    struct sockaddr_in a = address(host, port);
    int refused = strcmp(how, "refused") == 0;

    for (long i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            die("socket");
        patience(fd);
        int r = connect(fd, (const struct sockaddr *)&a, sizeof a);
        if (refused) {
            if (r == 0 || errno != ECONNREFUSED)
                die("connect should have been refused");
            close(fd);
            continue;
        }
        if (r != 0)
            die("connect");
        end(fd, how);
    }
}

static void run_accept(const char *port, long count, const char *how)
{
    struct sockaddr_in a = address("0.0.0.0", port);
    int one = 1;
    int ls = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (ls < 0 || bind(ls, (const struct sockaddr *)&a, sizeof a) != 0 || listen(ls, 1024) != 0)
        die("listen");
    printf("listening\n");
    fflush(stdout);
    for (long i = 0; i < count; i++) {
        int fd = accept(ls, NULL, NULL);
        if (fd < 0)
            die("accept");
        patience(fd);
        end(fd, how);
    }
    close(ls);
}

/* COUNT connections at once, each with one byte echoed; the worst time in milliseconds. */
static double open_many(struct sockaddr_in a, int *fds, long count)
{
    double begun = now_ms(), worst = 0;
    struct pollfd p[MANY];
    long left = count;

    for (long i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (fds[i] < 0)
            die("socket");
        if (connect(fds[i], (const struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS)
            die("connect");
        p[i] = (struct pollfd){.fd = fds[i], .events = POLLOUT};
    }
    while (left > 0) {
        if (poll(p, (nfds_t)count, PATIENCE_MS) <= 0) {
            fprintf(stderr, "peer: %ld of %ld connections did not answer\n", left, count);
            exit(1);
        }
        for (long i = 0; i < count; i++) {
            char c = (char)i;
            if (p[i].fd < 0 || p[i].revents == 0)
                continue;
            if (p[i].events == POLLOUT) {
                if (write(fds[i], &c, 1) != 1)
                    die("write");
                p[i].events = POLLIN;
            } else {
                if (read(fds[i], &c, 1) != 1 || c != (char)i)
                    die("echo");
                p[i].fd = -1;
                worst = now_ms() - begun;
                left--;
            }
        }
    }
    return worst;
}

static void run_many(const char *what, const char *host, const char *port, long count)
{
    static int fds[MANY];

    if (count > MANY)
        count = MANY;
    double worst = open_many(address(host, port), fds, count);
    if (strcmp(what, "honest") == 0) {
        printf("%.0f\n", worst);
    } else {
        printf("open %ld\n", count);
        fflush(stdout);
        if (getchar() == EOF)
            errno = 0;
    }
    for (long i = 0; i < count; i++)
        shutdown(fds[i], SHUT_WR);
    for (long i = 0; i < count; i++) {
        fcntl(fds[i], F_SETFL, 0);
        patience(fds[i]);
        read_to_end(fds[i]);
        close(fds[i]);
    }
}

/* The pattern depends on the place and the seed, so that a byte in the wrong place is a wrong byte. */
static unsigned char pattern(size_t at, unsigned seed)
{
    size_t x = (at + seed) * 2654435761u;
    return (unsigned char)(x >> 16 ^ x >> 7);
}

static void run_transfer(const char *host, const char *port, size_t bytes, unsigned seed)
{
    static unsigned char out[65536], in[65536];
    struct sockaddr_in a = address(host, port);
    size_t sent = 0, got = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    patience(fd);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0)
        die("connect");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (got < bytes) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (sent < bytes)
            p.events |= POLLOUT;
        if (poll(&p, 1, PATIENCE_MS) <= 0) {
            fprintf(stderr, "peer: nothing moves: %zu sent, %zu back of %zu\n", sent, got, bytes);
            exit(1);
        }
        if (p.revents & POLLOUT) {
            size_t n = bytes - sent < sizeof out ? bytes - sent : sizeof out;
            for (size_t i = 0; i < n; i++)
                out[i] = pattern(sent + i, seed);
            ssize_t w = write(fd, out, n);
            if (w < 0 && errno != EAGAIN)
                die("write");
            sent += w > 0 ? (size_t)w : 0;
            if (sent == bytes)
                shutdown(fd, SHUT_WR);
        }
        ssize_t r = read(fd, in, sizeof in);
        if (r == 0 || (r < 0 && errno != EAGAIN)) {
            fprintf(stderr, "peer: %zu back of %zu, then the end\n", got, bytes);
            exit(1);
        }
        for (ssize_t i = 0; i < r; i++, got++)
            if (in[i] != pattern(got, seed)) {
                fprintf(stderr, "peer: byte %zu is wrong\n", got);
                exit(1);
            }
    }
    fcntl(fd, F_SETFL, 0);
    if (read_to_end(fd) != 0) {
        fprintf(stderr, "peer: more came back than was sent\n");
        exit(1);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    const struct rlimit files = {.rlim_cur = MANY + 64, .rlim_max = MANY + 64};

    setrlimit(RLIMIT_NOFILE, &files); /* refused is fine where the limit is high enough */
    if (argc == 6 && strcmp(argv[1], "connect") == 0) {
        run_connect(argv[2], argv[3], atol(argv[4]), argv[5]);
    } else if (argc == 5 && strcmp(argv[1], "accept") == 0) {
        run_accept(argv[2], atol(argv[3]), argv[4]);
    } else if (argc == 5 && (strcmp(argv[1], "hold") == 0 || strcmp(argv[1], "honest") == 0)) {
        run_many(argv[1], argv[2], argv[3], atol(argv[4]));
    } else if (argc == 6 && strcmp(argv[1], "transfer") == 0) {
        run_transfer(argv[2], argv[3], (size_t)atoll(argv[4]), (unsigned)atoi(argv[5]));
    } else {
        fprintf(stderr, "peer: wrong arguments: see the head of peer.c\n");
        return 1;
    }
    return 0;
}
