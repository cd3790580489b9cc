/*
 * connections - how memory and the cost of a packet grow with the number of connections.
 *
 *     connections [--json] [COUNT...]          1 10 100 1000 10000 100000 1000000
 *
 * One host in virtual time; it runs the echo service on as many ports as it takes. The other ends are no
 * hosts, only the numbers of their next segments (ends.h), so that what is in the caches is what the host
 * has put there, and what is on the clock are its own calls. All connections are opened, and rest. Then
 * messages of 64 bytes come in over connections chosen at random, 32 at a time, are echoed, and the echo is
 * acknowledged: three segments, whatever the number of connections. For each count, in a process of its own:
 *
 *     bytes      a connection at rest: resident memory of the host above what it had before the first,
 *                all of it: record, hash table, socket, service, packets
 *     tcp, sock, app   of these, by what the pools hand out
 *     ns         for a packet that comes in or goes out: the calls of net_input(), app_run(),
 *                net_output() while the messages are echoed, by the wall clock; the median of fifty
 *                slices, so that what else the machine does in one of them does not count
 *     packed     connections that rest in a record of 128 bytes, when all are open
 *     woken      part of the messages that found their connection at rest
 *
 * --json prints one object a line with these names. The machine's caches bend the curve of ns from
 * some thousand connections on: each packet then meets memory that has not been looked at for long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "l7_application/app.h"
#include "pages.h"
#define BENCH "connections"
#include "ends.h"

enum {
    AT_ONCE = 32,
    MESSAGE = 64,
    PORT = 7000,
    PAGE = 4096,
    SPARE = 64,
    SLICES = 50,
    SLICE = 4000 /* messages */
};

static struct net host;
static struct app app;
static struct ends ends;
static net_time now;
static struct {
    uint8_t *p;
    size_t len;
} regions[2]; /* of the host, of its services */
static uint64_t host_ns;
static uint64_t die = 88172645463325252ull;

static uint32_t any(uint32_t below)
{
    die ^= die << 13;
    die ^= die >> 7;
    die ^= die << 17;
    return (uint32_t)((die >> 32) * below >> 32);
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the host ---- */

static void *memory(unsigned which, size_t len, uint32_t count)
{
    void *p = pages_map(len, count);

    need(p != MAP_FAILED, "no memory");
    regions[which].p = p;
    regions[which].len = len;
    return p;
}

/* Bytes of a region that are in memory: what was ever touched. */
static size_t resident(unsigned which)
{
    size_t pages = (regions[which].len + PAGE - 1) / PAGE, count = 0;
    unsigned char *in = malloc(pages);

    need(in != NULL && mincore(regions[which].p, regions[which].len, in) == 0, "mincore failed");
    for (size_t i = 0; i < pages; i++)
        count += in[i] & 1;
    free(in);
    return count * PAGE;
}

static void bring_up(uint32_t count)
{
    struct net_config cfg;

    bench_config(&cfg, ENDS_HOST & 0xff);
    cfg.tcp.connections = 16384;
    cfg.tcp.idle = count;
    cfg.tcp.time_wait = 1024;
    cfg.tcp.backlog = 1024;
    cfg.socks.sockets = count + SPARE;
    size_t len = net_mem_size(&cfg);

    need(net_init(&host, &cfg, memory(0, len, count), len) == 0, "net_init refused");
}

static void bring_up_services(uint32_t count)
{
    struct app_config cfg;
    struct region r = {0};

    app_config_default(&cfg);
    cfg.connections = count + 1;
    cfg.ports = 2 * (count / ENDS_PORTS + 1); /* the echo service speaks UDP, too */
    app_cut(&app, &cfg, &r);
    r = (struct region){.p = memory(1, r.used, count), .len = r.used};
    app_cut(&app, &cfg, &r);
    struct app_env env = {
        .core = &host.core,
        .socks = net_socks(&host),
        .tcp = &host.tcp,
        .arp = &host.ifs[0].arp,
        .ip = &host.ip,
    };

    need(app_init(&app, &env) == 0, "app_init refused");
    for (uint32_t i = 0; i * ENDS_PORTS < count; i++)
        need(app_start(&app, "echo", (uint16_t)(PORT + i)) == 0, "no service");
}

/* @count frames come in, and the host does what there is to do. Return: bytes that it has sent. */
static size_t give(struct pkt **in, size_t count)
{
    struct pkt *out[BENCH_BATCH];
    size_t bytes = 0, n;
    uint64_t from = clock_ns();

    net_input(&host, in, count, now);
    app_run(&app, now);
    n = net_output(&host, out, BENCH_BATCH, now);
    host_ns += clock_ns() - from;
    while (n > 0) {
        bytes += ends_hear(&ends, out, n);
        from = clock_ns();
        n = net_output(&host, out, BENCH_BATCH, now);
        host_ns += clock_ns() - from;
    }
    return bytes;
}

/* A segment of each of these ends. */
static size_t give_all(const uint32_t *who, uint32_t count, uint8_t flags, uint16_t len)
{
    struct pkt *in[AT_ONCE];

    for (uint32_t i = 0; i < count; i++)
        in[i] = ends_segment(&ends, who[i], flags, len);
    return give(in, count);
}

/* ---- the run ---- */

static void open_all(uint32_t count)
{
    for (uint32_t done = 0; done < count; done += AT_ONCE) {
        uint32_t who[AT_ONCE], group = u32_min(AT_ONCE, count - done);

        for (uint32_t i = 0; i < group; i++)
            who[i] = done + i;
        now += NET_MS(1);
        give_all(who, group, TCP_SYN, 0);
        give_all(who, group, TCP_ACK, 0);
    }
    need(host.tcp.stats.opened_passive == count, "not all are open");
    for (unsigned i = 0; i < 30; i++) { /* until they rest */
        now += NET_MS(100);
        give(NULL, 0);
    }
}

/* @messages over connections chosen at random. */
static void talk(uint32_t count, uint32_t messages)
{
    uint32_t group = count < AT_ONCE ? count : AT_ONCE, who[AT_ONCE];

    for (uint32_t done = 0; done < messages; done += group) {
        for (uint32_t i = 0; i < group; i++) { /* each of them another one */
            who[i] = (uint32_t)((uint64_t)count * i / group);
            who[i] += any((uint32_t)((uint64_t)count * (i + 1) / group) - who[i]);
        }
        now += NET_MS(1);
        need(give_all(who, group, TCP_ACK | TCP_PSH, MESSAGE) == group * MESSAGE, "no echo");
        give_all(who, group, TCP_ACK, 0);
    }
}

static int slower(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Nanoseconds for a packet: the median of slices. */
static double cost(uint32_t count)
{
    const struct tcp_stats *s = &host.tcp.stats;
    double ns[SLICES];

    for (unsigned i = 0; i < SLICES; i++) {
        uint64_t packets = s->segs_in + s->segs_out;

        host_ns = 0;
        talk(count, SLICE);
        ns[i] = (double)host_ns / (double)(s->segs_in + s->segs_out - packets);
    }
    qsort(ns, SLICES, sizeof(ns[0]), slower);
    return ns[SLICES / 2];
}

static void measure(uint32_t count, bool is_json)
{
    const struct tcp *tcp = &host.tcp;

    bring_up(count);
    bring_up_services(count);
    ends_begin(&ends, &host, count, PORT);
    size_t before = resident(0) + resident(1);

    open_all(count);
    size_t after = resident(0) + resident(1);
    uint32_t packed = tcp_idle_count(tcp);
    size_t tcp_bytes = tcp->idles.used * tcp->idles.size + tcp->tcbs.used * tcp->tcbs.size +
                       tcp->idle_larges.used * tcp->idle_larges.size;

    talk(count, 5 * SLICE);
    uint64_t woken = tcp->stats.unpacked;
    double ns = cost(count);

    woken = tcp->stats.unpacked - woken;
    const char *form =
        is_json
            ? "{\"connections\": %u, \"bytes\": %.1f, \"tcp\": %.1f, \"sock\": %zu, \"app\": %zu, "
              "\"ns\": %.1f, \"packed\": %u, \"woken\": %.3f, \"mb\": %.1f}\n"
            : "%11u %9.1f %7.1f %5zu %5zu %8.1f %9u %6.3f %8.1f\n";

    printf(form, count, (double)(after - before) / count, (double)tcp_bytes / count, (size_t)32,
           app.conns.size + sizeof(app.places[0]), ns, packed, (double)woken / SLICES / SLICE, (double)after / 1048576);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"1", "10", "100", "1000", "10000", "100000", "1000000"};
    bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int first = 1 + is_json, given = argc - first, status, worst = 0;

    if (!is_json)
        printf("connections     bytes     tcp  sock   app       ns    packed  woken       MB\n");
    fflush(stdout);
    for (int i = 0; i < (given > 0 ? given : (int)ARRAY_LEN(usual)); i++) {
        long count = strtol(given > 0 ? argv[first + i] : usual[i], NULL, 10);

        need(count > 0 && count <= 31 * ENDS_PORTS, "a count between 1 and 1860000");
        pid_t child = fork();

        need(child >= 0, "fork failed");
        if (child == 0) {
            measure((uint32_t)count, is_json);
            _exit(0);
        }
        waitpid(child, &status, 0);
        worst |= status;
    }
    return worst == 0 ? 0 : 1;
}
