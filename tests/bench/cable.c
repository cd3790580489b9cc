/*
 * cable - two hosts in one process on one cable: how fast is the protocol alone?
 *
 *     cable [--mtu N] [--offload] [--checksum] [--connections N] [--message BYTES] [--send HOW]
 *           [--receive HOW] [--sndbuf BYTES] [--rcvbuf BYTES] [--batch FRAMES] [--seconds S]
 *           [--wire-copies] [--kept PACKETS] [--longest BYTES]
 *
 * One thread runs both hosts and the wire between them. The protocol lives in virtual time, which moves
 * on by 10 microseconds with every exchange; the rate is measured by the wall clock. Frames cross by
 * reference (cable_lend): no device, no system call, no other core. So what is left is the work of the
 * two stacks and of the two applications, on one core.
 *
 * --offload    super-frames and unfinished checksums cross the cable as they do between two virtual
 *              machines. Without it frames are as long as the MTU says; the checksum is still left to the
 *              wire, which does not need one.
 * --longest    datagram in a super-frame; 65535.
 * --checksum   both ends compute every checksum.
 * --wire-copies frames are copied to a packet of the receiver, as by a device, so that it may keep them.
 * --kept       how many packets receive queues may keep (base/recvq.h), however little comes at a time; 0: all that
 *              comes is copied.
 * --send       how the sending application hands over a message: `copy` (sock_send), `fill`
 *              (sock_reserve, written by the application), `reserve` (the same, but nothing is written:
 *              what stacks of this kind measure themselves with), `ref` (sock_send_ref).
 * --receive    `peek` (sock_peek, sock_consume) or `copy` (sock_recv).
 *
 * One JSON object on one line. "instructions" are those of user space from the machine's counter, for one
 * segment with data; null where there is none.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* clock_gettime, syscall */
#endif
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "l1_physical/cable.h"
#define BENCH "cable"
#include "pair.h"

enum { BATCH_MAX = 256, CONNECTIONS_MAX = 4096, MESSAGE_MAX = 1 << 20, PORT = 9 };
enum how { COPY, FILL, RESERVE, REF, PEEK };

struct options {
    uint32_t mtu, connections, message, sndbuf, rcvbuf, batch;
    bool offload, checksum, wire_copies;
    uint32_t kept, longest;
    enum how send, receive;
    double seconds;
};

static struct options O = {
    .mtu = 1500,
    .connections = 1,
    .message = 65536,
    .batch = 32,
    .kept = 32,
    .longest = UINT16_MAX,
    .send = COPY,
    .receive = PEEK,
    .seconds = 1,
};
static struct net A, B; /* sends, receives */
static struct cable Cable;
static int Sending[CONNECTIONS_MAX], Receiving[CONNECTIONS_MAX];
static uint8_t Message[MESSAGE_MAX], Taken[MESSAGE_MAX];
static uint64_t Received;
static net_time Now;

/* ---- setting up ---- */

static void bring_up(struct net *n, uint8_t last_byte)
{
    struct net_config cfg;

    bench_config(&cfg, last_byte);
    cfg.ifs[0].mtu = (uint16_t)O.mtu;
    if (O.sndbuf != 0)
        cfg.tcp.sndbuf = cfg.tcp.sndbuf_max = O.sndbuf;
    if (O.rcvbuf != 0)
        cfg.tcp.rcvbuf = cfg.tcp.rcvbuf_max = O.rcvbuf;
    cfg.tcp.half_open = u32_max(cfg.tcp.half_open, O.connections);
    cfg.tcp.backlog = O.connections;
    cfg.ifs[0].gso_max = O.offload ? (uint16_t)O.longest : 0;
    cfg.tcp.kept_packets = O.kept;
    cfg.tcp.kept_burst = 0;
    bench_bring_up(n, &cfg);
}

static void plug_in(void)
{
    struct region measure = {0};

    bring_up(&A, 1);
    bring_up(&B, 2);
    cable_cut(&Cable, &measure, 16);
    struct region r = {.p = bench_memory(measure.used), .len = measure.used};

    cable_cut(&Cable, &r, 16);
    cable_init(&Cable, &A.core, 0, &B.core, 0, 1);
    Cable.offload = !O.checksum;
}

/* ---- the wire ---- */

/* A batch of what is due at end @from arrives at the other. Nothing may wait inside the host when it
 * goes on: it would point into buffers that move. Return: frames. */
static size_t carry(struct net *from, struct net *to, unsigned end)
{
    struct pkt *p[BATCH_MAX];
    size_t frames = 0;

    do {
        size_t count = net_output(from, p, O.batch, Now);

        for (size_t i = 0; i < count; i++) {
            if (O.wire_copies)
                p[i] = bench_copy(p[i], to);
            else
                need(cable_lend(&Cable, end, p[i]), "the cable did not lend");
        }
        net_input(to, p, count, Now);
        frames += count;
    } while (from->txq.q.len > 0);
    return frames;
}

/* Both ends in turn: what came in, the application, what is due. */
static void exchange(void (*receive)(void))
{
    size_t frames = carry(&A, &B, 0);

    receive();
    frames += carry(&B, &A, 1);
    Now += NET_US(10);
    if (frames > 0)
        return;
    net_time next = net_time_min(net_deadline(&A), net_deadline(&B));

    if (next != NET_NEVER && next > Now)
        Now = next;
    net_input(&A, NULL, 0, Now);
    net_input(&B, NULL, 0, Now);
}

/* ---- the applications ---- */

static int send_message(int sd)
{
    struct socks *s = net_socks(&A);
    struct mspan room;
    int n;

    switch (O.send) {
    case FILL:
    case RESERVE:
        n = sock_reserve(s, sd, O.message, &room);
        if (n <= 0)
            return n;
        if (O.send == FILL)
            memcpy(room.p, Message, (size_t)n);
        need(sock_commit(s, sd, (size_t)n, 0) == 0, "commit");
        return n;
    case REF:
        return sock_send_ref(s, sd,
                             &(struct lent){
                                 {Message, O.message},
                                 NULL, NULL
        },
                             0);
    default:
        return sock_send(s, sd, Message, O.message, 0);
    }
}

static int take(int sd)
{
    struct socks *s = net_socks(&B);
    struct span in[2];

    if (O.receive == COPY)
        return sock_recv(s, sd, Taken, sizeof(Taken), 0);
    int n = sock_peek(s, sd, in, NULL);

    if (n > 0)
        need(sock_consume(s, sd, (size_t)n) == 0, "consume");
    return n;
}

/* Take all that has arrived. */
static void take_all(void)
{
    for (uint32_t i = 0; i < O.connections; i++) {
        int n;

        while ((n = take(Receiving[i])) > 0)
            Received += (uint64_t)n;
        need(n == -EAGAIN, "receiving failed");
    }
}

/* Each sender fills its buffer, and time goes on. */
static void turn(void)
{
    for (uint32_t i = 0; i < O.connections; i++) {
        int n;

        while ((n = send_message(Sending[i])) > 0)
            ;
        need(n == -EAGAIN, "sending failed");
    }
    exchange(take_all);
}

static int Listener;
static uint32_t Accepted;

static void accept_all(void)
{
    while (Accepted < O.connections &&
           (Receiving[Accepted] = sock_accept(net_socks(&B), Listener, NULL)) >= 0)
        Accepted++;
}

static void connect_all(void)
{
    struct sock_addr to = {ip_addr_v4(0x0a000002), PORT};

    Listener = sock_open(net_socks(&B), SOCK_KIND_TCP);
    need(sock_bind(net_socks(&B), Listener, &(struct sock_addr){.port = PORT}) == 0, "bind");
    need(sock_listen(net_socks(&B), Listener, 0) == 0, "listen");
    for (uint32_t i = 0; i < O.connections; i++) {
        Sending[i] = sock_open(net_socks(&A), SOCK_KIND_TCP);
        need(sock_connect(net_socks(&A), Sending[i], &to) == -EINPROGRESS, "connect");
    }
    for (unsigned tries = 0; Accepted < O.connections && tries < 1000; tries++)
        exchange(accept_all);
    need(Accepted == O.connections, "not all connections came up");
}

/* ---- measuring ---- */

static double wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Return: a counter of instructions, or -1. */
static int counter(void)
{
    struct perf_event_attr a = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof(a),
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };

    return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static uint64_t count(int fd)
{
    uint64_t n = 0;

    return fd >= 0 && read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

static void measure(void)
{
    static const char *const how[] = {"copy", "fill", "reserve", "ref", "peek"};
    int fd = counter();

    for (double end = wall() + 0.2; wall() < end;)
        turn();
    uint64_t bytes = Received, frames = A.ifs[0].eth.tx_frames, back = B.ifs[0].eth.tx_frames;
    uint64_t instructions = count(fd);
    double begin = wall(), now;

    do {
        for (unsigned i = 0; i < 16; i++)
            turn();
        now = wall();
    } while (now < begin + O.seconds);
    instructions = count(fd) - instructions;
    bytes = Received - bytes;
    frames = A.ifs[0].eth.tx_frames - frames;
    back = B.ifs[0].eth.tx_frames - back;
    need(bytes > 0 && frames > 0, "nothing arrived");
    printf("{\"bench\": \"cable\", \"mtu\": %u, \"offload\": %s, \"checksum\": %s, "
           "\"connections\": %u, "
           "\"message\": %u, \"send\": \"%s\", \"receive\": \"%s\", \"gbit_s\": %.2f, \"frames\": "
           "%llu, "
           "\"frames_back\": %llu, \"ns_per_frame\": %.1f, \"instructions\": ",
           O.mtu, O.offload ? "true" : "false", O.checksum ? "true" : "false", O.connections,
           O.message, how[O.send], how[O.receive], (double)bytes * 8e-9 / (now - begin),
           (unsigned long long)frames, (unsigned long long)back,
           (now - begin) * 1e9 / (double)frames);
    if (instructions > 0)
        printf("%.0f}\n", (double)instructions / (double)frames);
    else
        printf("null}\n");
}

/* ---- options ---- */

static uint32_t number(const char *text, uint32_t least, uint32_t most)
{
    char *end = NULL;
    unsigned long v = text != NULL ? strtoul(text, &end, 10) : 0;

    need(text != NULL && *text != '\0' && *end == '\0' && v >= least && v <= most,
         "a number is out of range");
    return (uint32_t)v;
}

static enum how choice(const char *text, const char *const *names, const enum how *hows)
{
    while (*names != NULL && (text == NULL || strcmp(text, *names) != 0)) {
        names++;
        hows++;
    }
    need(*names != NULL, "no such way to send or receive");
    return *hows;
}

static void parse(int argc, char **argv)
{
    static const char *const send[] = {"copy", "fill", "reserve", "ref", NULL};
    static const char *const receive[] = {"peek", "copy", NULL};

    for (int i = 1; i < argc; i++) {
        const char *o = argv[i], *v = argv[i + 1];

        if (strcmp(o, "--wire-copies") == 0) {
            O.wire_copies = true;
            continue;
        }
        if (strcmp(o, "--offload") == 0 || strcmp(o, "--checksum") == 0) {
            O.offload = O.offload || strcmp(o, "--offload") == 0;
            O.checksum = O.checksum || strcmp(o, "--checksum") == 0;
            continue;
        }
        if (strcmp(o, "--mtu") == 0)
            O.mtu = number(v, 576, UINT16_MAX);
        else if (strcmp(o, "--connections") == 0)
            O.connections = number(v, 1, CONNECTIONS_MAX);
        else if (strcmp(o, "--message") == 0)
            O.message = number(v, 1, MESSAGE_MAX);
        else if (strcmp(o, "--sndbuf") == 0)
            O.sndbuf = number(v, 1, 1u << 30);
        else if (strcmp(o, "--rcvbuf") == 0)
            O.rcvbuf = number(v, 1, 1u << 30);
        else if (strcmp(o, "--batch") == 0)
            O.batch = number(v, 1, BATCH_MAX);
        else if (strcmp(o, "--kept") == 0)
            O.kept = number(v, 0, 1024);
        else if (strcmp(o, "--longest") == 0)
            O.longest = number(v, 1500, UINT16_MAX);
        else if (strcmp(o, "--seconds") == 0)
            O.seconds = v != NULL ? atof(v) : 0;
        else if (strcmp(o, "--send") == 0)
            O.send = choice(v, send, (const enum how[]){COPY, FILL, RESERVE, REF});
        else if (strcmp(o, "--receive") == 0)
            O.receive = choice(v, receive, (const enum how[]){PEEK, COPY});
        else
            need(false, "unknown option; see the head of cable.c");
        i++;
    }
    need(O.seconds > 0, "no time to measure");
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    plug_in();
    connect_all();
    measure();
    return 0;
}
