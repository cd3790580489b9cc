/*
 * relay.c - the bytes of a capture, from a stackd to Wireshark's FIFO.
 *
 * They come as a pcapng stream and are handed on as they are, until SIGTERM, which is how Wireshark stops a
 * capture, until the reader has gone, or until the stackd ends. After SIGTERM the stackd is told that nobody
 * listens any more, and its last block, the statistics, is waited for a moment: so the file is whole.
 */
#include "extcap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

enum { RELAY_LAST_MS = 500, RELAY_READER_S = 5 };

static volatile sig_atomic_t relay_stopped;

static void relay_stop(int sig)
{
    (void)sig;
    relay_stopped = 1;
}

/* `ADDRESS:PORT` of @len characters into the two, the address without brackets. */
static bool relay_end(const char *s, size_t len, char *host, size_t host_len, unsigned *port)
{
    const char *colon = memrchr(s, ':', len);
    char digits[8], *end;

    if (colon == NULL)
        return false;
    size_t n = (size_t)(colon - s), digit_count = len - n - 1;

    if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
        s++;
        n -= 2;
    }
    if (n == 0 || n >= host_len || digit_count == 0 || digit_count >= sizeof(digits) ||
        strspn(s, "0123456789abcdefABCDEF.:") < n)
        return false;
    memcpy(host, s, n);
    host[n] = '\0';
    memcpy(digits, colon + 1, digit_count);
    digits[digit_count] = '\0';
    *port = (unsigned)strtoul(digits, &end, 10);
    return *end == '\0' && *port <= 65535;
}

bool relay_filter(const struct extcap *x, char *out, size_t len)
{
    const char *filter = x->filter != NULL ? x->filter : "", *c = x->connection;
    char a[64], b[64];
    unsigned pa, pb;

    if (c == NULL || *c == '\0')
        return (size_t)snprintf(out, len, "%s", filter) < len;
    const char *dash = strchr(c, '-');

    if (dash == NULL || !relay_end(c, (size_t)(dash - c), a, sizeof(a), &pa) ||
        !relay_end(dash + 1, strlen(dash + 1), b, sizeof(b), &pb))
        return false;
    int n = snprintf(out, len,
                     "%s%s%s((src host %s and src port %u and dst host %s and dst port %u) or "
                     "(src host %s and src port %u and dst host %s and dst port %u))",
                     *filter != '\0' ? "(" : "", filter, *filter != '\0' ? ") and " : "", a, pa, b,
                     pb, b, pb, a, pa);

    return n > 0 && (size_t)n < len;
}

/* Return: whether @filter is one; if not, @err receives why. */
static bool relay_compile(const char *filter, char *err, size_t err_len)
{
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
    struct bpf_program program;
    bool good = dead != NULL && pcap_compile(dead, &program, filter, 1, PCAP_NETMASK_UNKNOWN) == 0;

    if (good)
        pcap_freecode(&program);
    else
        snprintf(err, err_len, "%s", dead != NULL ? pcap_geterr(dead) : "no memory");
    if (dead != NULL)
        pcap_close(dead);
    return good;
}

int relay_check(const struct extcap *x)
{
    char err[PCAP_ERRBUF_SIZE];

    if (!relay_compile(x->filter, err, sizeof(err)))
        printf("%s\n", err);
    return EXTCAP_OK;
}

/* Are the user's choices right? If not, it is told. */
static bool relay_choices(const struct extcap *x, char *filter, size_t len)
{
    char err[PCAP_ERRBUF_SIZE];

    if (!relay_filter(x, filter, len)) {
        extcap_say(0, "--connection %s: not a connection: try one like 10.0.0.2:80-10.0.0.1:40112",
                   x->connection != NULL ? x->connection : "");
        return false;
    }
    if (!relay_compile(filter, err, sizeof(err))) {
        extcap_say(0, "capture filter \"%s\": %s: see pcap-filter(7)", filter, err);
        return false;
    }
    return true;
}

/* Ask for the stream. Return: whether it comes; if not, why has been said. */
static bool relay_start(const struct extcap *x, struct dial *d, const char *filter)
{
    json_t *request =
        json_pack("{s:s,s:s,s:s,s:s,s:b,s:I}", "cmd", "pcap", "op", "start", "file", "-", "filter",
                  filter, "sent", x->sent, "snaplen", (json_int_t)x->snaplen);
    json_t *reply = dial_ask(d, request);
    bool ok = json_is_true(json_object_get(reply, "ok"));

    if (!ok) {
        const char *error = json_string_value(json_object_get(reply, "error"));

        extcap_say(0, "%s", error != NULL ? error : "stackd closed the connection: has it ended?");
    }
    json_decref(request);
    json_decref(reply);
    return ok;
}

static bool relay_write(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR && !relay_stopped)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* What is there goes to the FIFO. Return: whether somebody took it. */
static bool relay_hand_on(struct dial *d, int fifo)
{
    size_t len = d->in_len;

    d->in_len = 0;
    return relay_write(fifo, d->in, len);
}

/* Return: false at the end of the stream. */
static bool relay_read(struct dial *d)
{
    ssize_t n = recv(d->fd, d->in + d->in_len, d->in_cap - d->in_len, MSG_DONTWAIT);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    d->in_len += (size_t)n;
    return n > 0;
}

/* Nobody wants more: take the end of the capture along. */
static void relay_finish(struct dial *d, int fifo)
{
    struct pollfd p = {.fd = d->fd, .events = POLLIN};

    shutdown(d->fd, SHUT_WR);
    while (poll(&p, 1, RELAY_LAST_MS) > 0 && relay_read(d) && relay_hand_on(d, fifo))
        ;
}

static void relay_loop(struct dial *d, int fifo, struct toolbar *t, const sigset_t *unblocked)
{
    bool go_on = relay_hand_on(d, fifo); /* what came with the reply */

    while (go_on && !relay_stopped) {
        struct pollfd p[4] = {
            {.fd = d->fd,       .events = POLLIN},
            {.fd = fifo,        .events = 0     },
            {.fd = t->in,       .events = POLLIN},
            {.fd = t->trace.fd, .events = POLLIN},
        };

        if (ppoll(p, 4, NULL, unblocked) < 0)
            continue; /* a signal: the head of the loop knows which */
        if (p[0].revents != 0)
            go_on = relay_read(d) && relay_hand_on(d, fifo);
        if (p[1].revents & (POLLERR | POLLHUP))
            go_on = false; /* the reader has gone */
        if (p[2].revents != 0 && !toolbar_read(t))
            t->in = -1;
        if (p[3].revents != 0 && !toolbar_events(t))
            dial_close(&t->trace);
    }
    if (relay_stopped)
        relay_finish(d, fifo);
}

static void relay_signals(sigset_t *unblocked)
{
    struct sigaction stop = {.sa_handler = relay_stop}, ignore = {.sa_handler = SIG_IGN};
    sigset_t blocked;

    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, unblocked); /* but for ppoll() */
}

/* The FIFO can be opened once somebody reads it; who started us may end before. @seconds: to wait for a
 * reader, 0: without end. Return: the descriptor, or -1. */
static int relay_open(const char *path, pid_t parent, const sigset_t *unblocked, int seconds)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

    for (int tries = 0; seconds == 0 || tries < seconds * 50; tries++) {
        int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0)
            (void)fcntl(fd, F_SETFL, O_WRONLY);
        if (fd >= 0 || errno != ENXIO)
            return fd;
        (void)ppoll(NULL, 0, &pause, unblocked);
        if (getppid() != parent)
            relay_stopped = 1;
        if (relay_stopped)
            break;
    }
    return -1;
}

/* What is to be known before anything begins. */
static bool relay_prepare(const struct extcap *x, struct dial *d, char *filter, size_t len)
{
    return relay_choices(x, filter, len) && list_dial(x->interface, d);
}

int relay_run(const struct extcap *x)
{
    pid_t parent = getppid();
    struct toolbar t;
    sigset_t unblocked;
    struct dial d = {.fd = -1};
    char filter[2048];

    if (x->fifo == NULL)
        return extcap_say(EXTCAP_USAGE, "--capture needs --fifo PATH");
    relay_signals(&unblocked);
    bool ready = relay_prepare(x, &d, filter, sizeof(filter));
    int status = EXTCAP_OK;
    /* The capture begins when there is somebody to read it: before, it would only fill buffers. If there is
     * none to begin, the reader has to see the end of it all the same: he would wait for ever. */
    int fifo = relay_open(x->fifo, parent, &unblocked, ready ? 0 : RELAY_READER_S);

    if (fifo < 0 && ready && !relay_stopped)
        status = extcap_say(EXTCAP_FAILED, "%s: %s", x->fifo, strerror(errno));
    else if (!ready || (fifo >= 0 && !relay_start(x, &d, filter)))
        status = EXTCAP_FAILED;
    else if (fifo >= 0) {
        dial_rest(&d);
        toolbar_open(&t, x, d.path);
        relay_loop(&d, fifo, &t, &unblocked);
        toolbar_close(&t);
    }
    if (fifo >= 0)
        close(fifo);
    dial_close(&d);
    return status;
}
