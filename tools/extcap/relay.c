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
#include <unistd.h>

#include <pcap/pcap.h>

enum { RELAY_LAST_MS = 500 };

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

int relay_check(const struct extcap *x)
{
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
    struct bpf_program program;

    if (dead == NULL)
        return extcap_say(EXTCAP_FAILED, "no memory: close something");
    if (pcap_compile(dead, &program, x->filter, 1, PCAP_NETMASK_UNKNOWN) == 0)
        pcap_freecode(&program);
    else
        printf("%s\n", pcap_geterr(dead));
    pcap_close(dead);
    return EXTCAP_OK;
}

/* Ask for the stream. Return: whether it comes; if not, why has been said. */
static bool relay_start(const struct extcap *x, struct dial *d)
{
    char filter[2048];

    if (!relay_filter(x, filter, sizeof(filter))) {
        extcap_say(0, "--connection %s: not a connection: try one like 10.0.0.2:80-10.0.0.1:40112",
                   x->connection != NULL ? x->connection : "");
        return false;
    }
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

/* The FIFO is there once Wireshark reads it. */
static int relay_open(const char *path, const sigset_t *unblocked)
{
    sigset_t blocked;

    sigprocmask(SIG_SETMASK, unblocked, &blocked);
    int fd = relay_stopped ? -1 : open(path, O_WRONLY | O_CLOEXEC);

    sigprocmask(SIG_SETMASK, &blocked, NULL);
    return fd;
}

int relay_run(const struct extcap *x)
{
    struct toolbar t;
    sigset_t unblocked;
    struct dial d;

    if (x->fifo == NULL)
        return extcap_say(EXTCAP_USAGE, "--capture needs --fifo PATH");
    if (!list_dial(x->interface, &d))
        return EXTCAP_FAILED;
    relay_signals(&unblocked);
    if (!relay_start(x, &d)) {
        dial_close(&d);
        return EXTCAP_FAILED;
    }
    dial_rest(&d);
    int fifo = relay_open(x->fifo, &unblocked), status = EXTCAP_OK;

    if (fifo >= 0) {
        toolbar_open(&t, x, d.path);
        relay_loop(&d, fifo, &t, &unblocked);
        toolbar_close(&t);
        close(fifo);
    } else if (!relay_stopped) {
        status = extcap_say(EXTCAP_FAILED, "%s: %s", x->fifo, strerror(errno));
    }
    dial_close(&d);
    return status;
}
