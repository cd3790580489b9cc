/*
 * common.c - clocks, latencies and sockets of the load generators.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A line that was begun is not finished: whoever reads it sees that there is no result. */
void load_die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    _exit(2);
}

void load_fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    _exit(2);
}

/* ---- time ---- */

static double load_clock(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) != 0)
        return -1;
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double load_now(void)
{
    return load_clock(CLOCK_MONOTONIC);
}

/* The kernel counts it in nanoseconds, for all threads, those that have ended included. */
static double load_cpu_of(pid_t pid)
{
    clockid_t id;

    if (pid == 0)
        return 0;
    int error = clock_getcpuclockid(pid, &id);

    if (error != 0) {
        errno = error;
        load_die("the process under test is gone");
    }
    double v = load_clock(id);

    if (v < 0)
        load_die("the process under test is gone");
    return v;
}

/* The counters of our end of the wire in /proc/net/dev: what it sent is what the subject received. */
static void load_frames(const char *iface, uint64_t *in, uint64_t *out)
{
    char line[512];
    size_t len = iface != NULL ? strlen(iface) : 0;
    FILE *f = len > 0 ? fopen("/proc/net/dev", "r") : NULL;

    *in = *out = 0;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        char *name = line + strspn(line, " ");
        char *at = name + len + 1;
        uint64_t v[10];

        if (strncmp(name, iface, len) != 0 || name[len] != ':')
            continue;
        for (int i = 0; i < 10; i++)
            v[i] = strtoull(at, &at, 10);
        *out = v[1];
        *in = v[9];
    }
    if (f != NULL)
        fclose(f);
}

/* Processor seconds since the start of the machine. The kernel takes samples, so it is right within some percent. */
static void load_machine(double *machine, double *stolen)
{
    unsigned long long user, nice, system, irq, softirq, steal;
    FILE *f = fopen("/proc/stat", "r");

    *machine = *stolen = 0;
    if (f != NULL && fscanf(f, "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice, &system,
                            &irq, &softirq, &steal) == 6) {
        *machine = (double)(user + nice + system + irq + softirq) / (double)sysconf(_SC_CLK_TCK);
        *stolen = (double)steal / (double)sysconf(_SC_CLK_TCK);
    }
    if (f != NULL)
        fclose(f);
}

void meter_begin(struct meter *m, const struct load *l)
{
    load_machine(&m->machine, &m->stolen);
    load_frames(l->iface, &m->in, &m->out);
    m->served = load_cpu_of(l->pid);
    m->clients = load_clock(CLOCK_PROCESS_CPUTIME_ID);
    m->began = load_now();
}

void meter_end(struct meter *m, const struct load *l)
{
    uint64_t in, out;
    double machine, stolen;

    m->took = load_now() - m->began;
    load_machine(&machine, &stolen);
    m->machine = machine - m->machine;
    m->stolen = stolen - m->stolen;
    m->served = load_cpu_of(l->pid) - m->served;
    m->clients = load_clock(CLOCK_PROCESS_CPUTIME_ID) - m->clients;
    load_frames(l->iface, &in, &out);
    m->in = in - m->in;
    m->out = out - m->out;
}

/* One number of /proc/PID/status, in kB. */
static long load_status(pid_t pid, const char *name)
{
    char path[64], line[128];
    size_t len = strlen(name);
    long kb = -1;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            kb = strtol(line + len + 1, NULL, 10);
    if (f != NULL)
        fclose(f);
    return kb;
}

long meter_rss(const struct load *l)
{
    return l->pid != 0 ? load_status(l->pid, "VmRSS") : 0;
}

void meter_print(const struct meter *m, const struct load *l)
{
    double others = m->machine - m->served - m->clients;

    printf(",\"seconds\":%.4f,\"client_cpu_s\":%.4f,\"others_cpu_s\":%.3f,\"stolen_s\":%.3f",
           m->took, m->clients, others > 0 ? others : 0, m->stolen);
    if (l->pid != 0)
        printf(",\"cpu_s\":%.4f,\"rss_kb\":%ld,\"peak_kb\":%ld", m->served,
               load_status(l->pid, "VmRSS"), load_status(l->pid, "VmHWM"));
    if (l->iface != NULL)
        printf(",\"frames_in\":%llu,\"frames_out\":%llu", (unsigned long long)m->in,
               (unsigned long long)m->out);
}

/* ---- latencies ---- */

void hist_add(struct hist *h, double seconds)
{
    double ns = seconds * 1e9;
    int i = ns < 1 ? 0 : (int)(log2(ns) * HIST_STEPS);

    if (i >= HIST_BUCKETS)
        i = HIST_BUCKETS - 1;
    h->count[i]++;
    h->total++;
    if (seconds > h->max)
        h->max = seconds;
}

double hist_us(const struct hist *h, double share)
{
    uint64_t seen = 0;
    int i = 0;

    while (i < HIST_BUCKETS - 1 && (double)(seen += h->count[i]) < share * (double)h->total)
        i++;
    double us = exp2((i + 0.5) / HIST_STEPS) / 1e3;

    return us < h->max * 1e6 ? us : h->max * 1e6;
}

void hist_print(const struct hist *h)
{
    printf(",\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.1f", hist_us(h, 0.5), hist_us(h, 0.99),
           h->max * 1e6);
}

/* ---- sockets ---- */

void load_bind(const struct load *l, int fd, unsigned i, uint16_t port)
{
    int on = 1;

    if (l->from == 0)
        return;
    struct sockaddr_in a = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(l->from + i % l->sources),
    };

    /* Without a port of ours: one is chosen at connect(), free with respect to the other end. */
    if (port == 0 && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0)
        load_die("IP_BIND_ADDRESS_NO_PORT");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        load_die("SO_REUSEADDR");
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        load_die("bind");
}

void load_patience(int fd, double seconds)
{
    struct timeval tv = {
        .tv_sec = (time_t)seconds,
        .tv_usec = (suseconds_t)((seconds - floor(seconds)) * 1e6),
    };

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) != 0)
        load_die("setsockopt");
}

void load_congestion(const struct load *l, int fd)
{
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, l->cc, (socklen_t)strlen(l->cc)) != 0)
        load_die(l->cc);
}

int load_connect(const struct load *l, unsigned i)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        load_die("socket");
    load_bind(l, fd, i, 0);
    load_patience(fd, 5);
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        load_die("TCP_NODELAY");
    load_congestion(l, fd);
    if (connect(fd, (const struct sockaddr *)&l->to, sizeof(l->to)) != 0)
        load_die("connect");
    return fd;
}

/* ---- HTTP, as much as is needed ---- */

size_t load_request(const struct load *l, char *buf, size_t max, bool last)
{
    int n = snprintf(buf, max, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n",
                     l->path != NULL ? l->path : "/", last ? "Connection: close\r\n" : "");

    if (n < 0 || (size_t)n >= max)
        load_fail("the path is too long");
    return (size_t)n;
}

size_t load_reply_length(const struct load *l, bool last)
{
    char buf[4096];
    size_t len = load_request(l, buf, sizeof(buf), last), have = 0;
    struct load own = *l;
    const char *end, *length;

    own.from = 0; /* the addresses that were given are for others, who count on all their ports */
    int fd = load_connect(&own, 0);

    if (send(fd, buf, len, 0) != (ssize_t)len)
        load_die("send");
    do {
        ssize_t n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);

        if (n <= 0)
            load_fail("no answer to the first request");
        have += (size_t)n;
        buf[have] = '\0';
    } while ((end = strstr(buf, "\r\n\r\n")) == NULL && have < sizeof(buf) - 1);
    close(fd);
    if (end == NULL || strncmp(buf, "HTTP/1.1 200", 12) != 0 ||
        (length = strcasestr(buf, "\r\ncontent-length:")) == NULL || length > end)
        load_fail("the answer to the first request is not 200 with a Content-Length");
    return (size_t)(end + 4 - buf) + strtoul(length + 17, NULL, 10);
}

double load_jain(const uint64_t *bytes, unsigned n)
{
    double sum = 0, squares = 0;

    for (unsigned i = 0; i < n; i++) {
        sum += (double)bytes[i];
        squares += (double)bytes[i] * (double)bytes[i];
    }
    return squares > 0 ? sum * sum / (n * squares) : 0;
}
