/*
 * load.h - what the load generators share; main.c says what each does.
 */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct load {
    struct sockaddr_in to;
    uint32_t from; /* first source address, host order; 0: the kernel's choice */
    unsigned sources, connections, outstanding, open_batch, salt, cpu, interval_us, pipeline;
    double seconds, warmup;
    size_t size;       /* bytes of one write, read, message or datagram */
    const char *iface; /* whose frames are counted; NULL: nobody's */
    const char *cc;    /* congestion control of our end */
    const char *path;  /* HTTP; NULL: the service needs no request */
    pid_t pid;         /* whose processor time is counted; 0: nobody's */
    bool server_closes, trunc, sendfile, spin, touch, echo;
};

/* One workload: prints one line of JSON. Return: the exit status. */
int load_bulk_in(const struct load *l);
int load_bulk_out(const struct load *l);
int load_requests(const struct load *l); /* http and echo */
int load_conns(const struct load *l);
int load_udp(const struct load *l);
int load_trains(const struct load *l);
int load_ping(const struct load *l);
int load_idle(const struct load *l);

/* ---- time ---- */

double load_now(void); /* seconds, monotonic */

/* What a measurement cost: begun after the warm-up, ended before anything is torn down. */
struct meter {
    double began, took;
    double served;    /* processor seconds of the process under test, all its threads */
    double clients;   /* and of this one */
    double machine;   /* and of all there are, whoever ran on the machine's processors */
    double
        stolen; /* seconds in which a processor would have run and the hypervisor did not let it */
    uint64_t in, out; /* frames, as the subject sees them */
};

void meter_begin(struct meter *m, const struct load *l);
void meter_end(struct meter *m, const struct load *l);

long meter_rss(const struct load *l); /* of the process under test, kB */

/* The common fields of the line, with a comma in front: what was spent, and how many frames. */
void meter_print(const struct meter *m, const struct load *l);

/* ---- latencies ---- */

enum { HIST_STEPS = 32, HIST_BUCKETS = 40 * HIST_STEPS };

/* Logarithmic: 32 steps for each doubling of nanoseconds, so within 3 %. */
struct hist {
    uint64_t count[HIST_BUCKETS];
    uint64_t total;
    double max;
};

void hist_add(struct hist *h, double seconds);
double hist_us(const struct hist *h, double share); /* microseconds that this share stays under */
void hist_print(const struct hist *h);              /* ,"p50_us":...,"p99_us":...,"max_us":... */

/* ---- shards ---- */

/*
 * A process may have so many descriptors (RLIMIT_NOFILE) and not more, so a million connections are held
 * by several processes, each with a share of them. The parent only starts them and adds up. All are pinned to the same processor.
 */
struct shard {
    struct load l;  /* connections and outstanding are its share */
    unsigned first; /* number of its first connection among all */
    pid_t pid;
    _Atomic bool opened;
    _Atomic double from; /* when to measure; 0: not known yet */
    uint64_t done;
    struct meter meter; /* read by the process itself: nobody's turn to run is waited for */
    struct hist hist;
};

struct shards {
    unsigned count;
    struct shard shard[];
};

/* Run @work in as many processes as are needed; each says when its connections are @opened. Return when
 * all have. */
struct shards *shards_start(const struct load *l, void (*work)(struct shard *me));
/* Let them warm up and measure. Return: the sum of their done and hist, and the meter of the first, with the
 * processor time of all. */
struct shard *shards_measure(struct shards *all, const struct load *l);
/* End them. */
void shards_stop(struct shards *all);

/* ---- sockets ---- */

void load_die(const char *what) __attribute__((noreturn));  /* with errno, status 2 */
void load_fail(const char *what) __attribute__((noreturn)); /* without */

/* A connected TCP socket, number @i of its kind: blocking, without Nagle, with patience of 5 s. */
int load_connect(const struct load *l, unsigned i);

/* All @l->connections of them, many on their way at once: not blocking, without Nagle; the caller frees.
 * @first is the number of the first, from which its address and port follow. */
int *load_open(const struct load *l, unsigned first);

/* Wait at most this long in each send and receive. */
void load_patience(int fd, double seconds);

/* Bind to the source address of number @i, if there is a choice. */
void load_bind(const struct load *l, int fd, unsigned i, uint16_t port);

/* Our end's congestion control. Not for connections of one request: those have the namespace's. */
void load_congestion(const struct load *l, int fd);

/* The request for @l->path, and the length of the whole answer to it: asked for once. */
size_t load_request(const struct load *l, char *buf, size_t max, bool last);
size_t load_reply_length(const struct load *l, bool last);

/* Jain's index: 1 when all got the same. */
double load_jain(const uint64_t *bytes, unsigned n);

#endif
