/*
 * talk.c - `ping` and `nc`: what a host does with its stack, done with stackd's.
 *
 * nc moves frames (tools/stackd/control_nc.c): one octet of type, three of length, the bytes. Both
 * directions go on by themselves, and each ends for itself: end of input is a half close, the
 * peer's end is noted. It is over when stackd says so: both have ended, and all bytes are in the
 * stack's hands. On a terminal the peer's end is ours too; UDP ends after a while of silence.
 */
#include "stackctl.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const struct argp_option ping_options[] = {
    {"count",                  'c', "N", 0, "Stop after N requests", 0},
    {"interval",                     'i', "SECONDS", 0, "Time between two requests, 1", 0},
    {"size", 's', "BYTES", 0, "Bytes of data in a request, 56", 0},
    {"wait",                        'w', "SECONDS", 0, "Wait this long for the last answer, 1", 0},
    {0}
};
const struct argp_option nc_options[] = {
    {"listen",                   'l', NULL, 0, "Wait for one connection", 0},
    {"udp",                      'u', NULL, 0, "UDP instead of TCP", 0},
    {"wait", 'w', "SECONDS", 0,
     "End after this long without a byte; with UDP 1 after the input's end", 0},
    {0                         }
};

/* ---- ping ---- */

struct ping_sum {
    const char *host;
    long size, sent, received, errors;
    double min, max, sum, squares;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

static void ping_line(struct ping_sum *s, const json_t *o, const struct ctl *c)
{
    long seq = (long)jnum(o, "seq");

    if (seq > s->sent)
        s->sent = seq;
    if (json_object_get(o, "error") != NULL) {
        s->errors++;
        if (!c->json && *jstr(o, "from") != '\0')
            printf("From %s: icmp_seq=%ld %s\n", jstr(o, "from"), seq, jstr(o, "error"));
        else if (!c->json)
            printf("icmp_seq=%ld not sent: %s\n", seq, jstr(o, "error"));
        return;
    }
    double ms = jreal(o, "rtt_ms");

    s->min = s->received == 0 || ms < s->min ? ms : s->min;
    s->max = ms > s->max ? ms : s->max;
    s->sum += ms;
    s->squares += ms * ms;
    s->received++;
    if (!c->json)
        printf("%lld bytes from %s: icmp_seq=%ld ttl=%lld time=%.3f ms\n", jnum(o, "len") + 8,
               jstr(o, "from"), seq, jnum(o, "ttl"), ms);
}

static void ping_summary(const struct ping_sum *s)
{
    printf("\n--- %s ping statistics ---\n%ld packets transmitted, %ld received", s->host, s->sent,
           s->received);
    if (s->errors > 0)
        printf(", +%ld errors", s->errors);
    printf(", %.0f%% packet loss\n",
           s->sent > 0 ? 100.0 * (double)(s->sent - s->received) / (double)s->sent : 0.0);
    if (s->received > 0) {
        double n = (double)s->received, avg = s->sum / n, var = s->squares / n - avg * avg;

        printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", s->min, avg, s->max,
               var > 0 ? sqrt(var) : 0.0);
    }
}

int ctl_ping(struct ctl *c)
{
    struct ping_sum sum = {.host = c->word[0], .size = c->size};
    struct sigaction sa = {.sa_handler = on_interrupt};
    const char *line;
    int status;

    if (c->words != 1)
        return ctl_say(CTL_USAGE, "ping needs one address: try stackctl ping 10.0.0.1");
    json_t *request = json_pack("{s:s,s:s,s:I,s:f}", "cmd", "ping", "host", c->word[0], "size",
                                (json_int_t)c->size, "interval_ms", c->interval * 1000);

    if (c->count > 0)
        json_object_set_new(request, "count", json_integer(c->count));
    if (c->wait > 0)
        json_object_set_new(request, "wait_ms", json_real((double)c->wait * 1000));
    json_t *reply = ctl_ask(c, request, &status);

    if (reply == NULL)
        return status;
    if (!c->json)
        printf("PING %s from %s through the stack: %ld data bytes\n", c->word[0],
               jstr(reply, "from"), c->size);
    json_decref(reply);
    sigaction(SIGINT, &sa, NULL); /* no SA_RESTART: the read below ends */
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool done = false;

    while (!done && !interrupted && (line = dial_line(&c->to)) != NULL) {
        json_t *o = json_loads(line, 0, NULL);

        done = jbool(o, "done");
        if (done)
            sum.sent = (long)jnum(o, "sent");
        else
            ping_line(&sum, o, c);
        if (c->json)
            printf("%s\n", line);
        json_decref(o);
    }
    if (!done && !interrupted)
        return ctl_say(CTL_FAILED, "stackd closed the connection: has it ended?");
    if (!c->json)
        ping_summary(&sum);
    return sum.received > 0 ? CTL_OK : CTL_FAILED;
}

/* ---- nc ---- */

enum { NC_HEAD = 4, NC_CHUNK = 65507 };

struct nc {
    struct ctl *c;
    bool in_eof, out_eof; /* standard input has ended; the peer has */
    bool done;            /* stackd has everything, and both have ended */
    int status;
    size_t at, len; /* of a frame on its way to stackd */
    char frame[NC_HEAD + NC_CHUNK];
};

/* A frame becomes the one on its way; there must be none. The bytes are in place already. */
static void nc_frame(struct nc *n, char type, size_t len)
{
    const char head[NC_HEAD] = {type, (char)(len >> 16), (char)(len >> 8), (char)len};

    memcpy(n->frame, head, NC_HEAD);
    n->at = 0;
    n->len = NC_HEAD + len;
}

/* Never waits: an echoing peer would else stop us both. Return: whether stackd still listens. */
static bool nc_write(struct nc *n)
{
    ssize_t w = send(n->c->to.fd, n->frame + n->at, n->len - n->at, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (w < 0)
        return errno == EINTR || errno == EAGAIN;
    n->at += (size_t)w;
    if (n->at == n->len)
        n->at = n->len = 0;
    return true;
}

static bool nc_print(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t w = write(STDOUT_FILENO, bytes, len);

        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return false;
        bytes += w;
        len -= (size_t)w;
    }
    return true;
}

/* Every whole frame that has come. Return: whether to go on. */
static bool nc_frames(struct nc *n)
{
    struct ctl *c = n->c;
    size_t at = 0;
    bool go_on = true;

    while (go_on && c->to.in_len - at >= NC_HEAD) {
        const unsigned char *h = (const unsigned char *)c->to.in + at;
        size_t len = (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
        const char *body = c->to.in + at + NC_HEAD;

        if (c->to.in_len - at - NC_HEAD < len)
            break;
        if (*h == 'D' && !nc_print(body, len)) {
            n->status = ctl_say(CTL_FAILED, "cannot write the output: %s", strerror(errno));
            go_on = false;
        } else if (*h == 'C' && c->verbose) {
            ctl_say(0, "connected with %.*s", (int)len, body);
        } else if (*h == 'E') {
            n->out_eof = true;
        } else if (*h == 'Z') {
            n->done = true;
        } else if (*h == 'X') {
            n->status = ctl_say(CTL_FAILED, "connection failed: %.*s", (int)len, body);
            go_on = false;
        }
        at += NC_HEAD + len;
    }
    memmove(c->to.in, c->to.in + at, c->to.in_len - at);
    c->to.in_len -= at;
    return go_on;
}

static void nc_read_stdin(struct nc *n)
{
    /* A datagram should cross an Ethernet whole; a stream goes in the largest pieces. */
    ssize_t got = read(STDIN_FILENO, n->frame + NC_HEAD, n->c->udp ? 1472 : NC_CHUNK);

    if (got < 0 && errno == EINTR)
        return;
    n->in_eof = got <= 0;
    nc_frame(n, n->in_eof ? 'E' : 'D', n->in_eof ? 0 : (size_t)got);
}

static bool nc_read_stackd(struct nc *n)
{
    struct ctl *c = n->c;

    ssize_t got = read(c->to.fd, c->to.in + c->to.in_len, c->to.in_cap - c->to.in_len);

    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0) {
        n->status = ctl_say(CTL_FAILED, "stackd closed the connection: has it ended?");
        return false;
    }
    c->to.in_len += (size_t)got;
    return nc_frames(n);
}

static int nc_run(struct nc *n)
{
    bool go_on = nc_frames(n), terminal = isatty(STDIN_FILENO);

    while (go_on && !n->done) {
        if (n->out_eof && terminal && !n->in_eof && n->len == 0) {
            n->in_eof = true; /* nobody would type to a peer that has gone */
            nc_frame(n, 'E', 0);
        }
        bool busy = n->len > 0;
        struct pollfd p[2] = {
            {n->c->to.fd,                           (short)(busy ? POLLIN | POLLOUT : POLLIN), 0},
            {busy || n->in_eof ? -1 : STDIN_FILENO, POLLIN,                                    0}
        };
        long wait = n->c->wait > 0 ? n->c->wait : (n->c->udp && n->in_eof ? 1 : -1);
        int ready = poll(p, 2, wait > 0 ? (int)(wait * 1000) : -1);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            break;
        if ((p[0].revents & POLLOUT) != 0 && !nc_write(n))
            n->len = 0; /* stackd hung up; what it had to say is still to be read */
        if (p[1].revents != 0)
            nc_read_stdin(n);
        if ((p[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            go_on = nc_read_stackd(n);
    }
    return n->status;
}

int ctl_nc(struct ctl *c)
{
    static struct nc n;
    const char *port_word = c->words > 0 ? c->word[c->words - 1] : "";
    char *end;
    long port = strtol(port_word, &end, 10);
    int status;

    if (c->words > 2 || (c->words == 1 && !c->listen) || *port_word == '\0' || *end != '\0' ||
        port < 1 || port > 65535)
        return ctl_say(CTL_USAGE,
                       "nc needs HOST PORT, or -l [HOST] PORT: try stackctl nc 10.0.0.1 80");
    json_t *request = json_pack("{s:s,s:i,s:b,s:b}", "cmd", "nc", "port", (int)port, "listen",
                                c->listen, "udp", c->udp);

    if (c->words == 2)
        json_object_set_new(request, "host", json_string(c->word[0]));
    json_t *reply = ctl_ask(c, request, &status);

    if (reply == NULL)
        return status;
    json_decref(reply);
    if (c->verbose && c->listen)
        ctl_say(0, "listening on port %ld", port);
    signal(SIGPIPE, SIG_IGN);
    dial_rest(&c->to);
    n.c = c;
    return nc_run(&n);
}
