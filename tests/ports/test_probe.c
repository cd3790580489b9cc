/*
 * test_probe.c - what a probe foretells is what happens, and the host it was asked of is untouched.
 *
 * Random segments for a host whose peer is made up: each is first walked through a copy, then it really comes
 * in, with all short cuts open. Verdict, frames that leave and the state that follows must be the same; and
 * between the two not a byte of the host's memory may have changed.
 */
#include "probe.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/hosts.h"

enum { PEER = 0x0a000001, HOST = 0x0a000002, TEXT = 1 << 16 };

struct told {
    char text[TEXT];
    size_t len;
};

struct world {
    struct net n;
    void *memory;
    size_t len;
    net_time now;
    struct prng prng;
    int listener;
    uint16_t port; /* of the peer, of the connection tried out */
};

static void world_begin(struct world *w, uint64_t seed)
{
    struct net_config cfg;

    memset(w, 0, sizeof(*w));
    hosts_config(&cfg, 2);
    cfg.packets = 64;
    cfg.bigs = 1;
    cfg.buffer_bytes = (size_t)4 << 20;
    cfg.tcp.sent_records = cfg.tcp.lent_records = 256;
    w->len = net_mem_size(&cfg);
    w->memory = hosts_bring_up(&w->n, &cfg);
    prng_seed(&w->prng, seed, 1);
    struct socks *s = net_socks(&w->n);

    w->listener = sock_open(s, SOCK_KIND_TCP);
    T_EQ(sock_bind(s, w->listener, &(struct sock_addr){IP_ADDR_ANY, 80}), 0);
    T_EQ(sock_listen(s, w->listener, 8), 0);
    T_EQ(arp_set(&w->n.ifs[0].arp, PEER,
                 (struct mac){
                     {2, 0, 0, 0, 0, 1}
    }),
         0);
    w->port = 40000;
}

/* All that is due leaves, and is thrown away, or described in @out. */
static void world_output(struct world *w, struct told *out)
{
    struct pkt *p[32];
    size_t count;

    while ((count = net_output(&w->n, p, ARRAY_LEN(p), w->now)) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (out != NULL) {
                out->len += probe_describe(p[i], out->text + out->len, TEXT - out->len - 2);
                out->text[out->len++] = '\n';
                out->text[out->len] = '\0';
            }
            pkt_release(p[i]);
        }
    }
}

/* What the child says. */
static void ask(struct world *w, const struct probe *p, struct told *t)
{
    pid_t pid;
    int fd = probe_fork(&w->n, p, &pid), status;
    struct pollfd poll_fd = {fd, POLLIN, 0};
    ssize_t n;

    T_NEED(fd >= 0);
    t->len = 0;
    while (poll(&poll_fd, 1, 5000) > 0 && (n = read(fd, t->text + t->len, TEXT - t->len - 1)) > 0)
        t->len += (size_t)n;
    t->text[t->len] = '\0';
    close(fd);
    T_EQ(waitpid(pid, &status, 0), pid);
    T_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The texts of all lines of @what, one a line. */
static void pick(const struct told *t, const char *what, const char *key, struct told *out)
{
    char begin[64], member[64];

    snprintf(begin, sizeof(begin), "{\"what\":\"%s\"", what);
    snprintf(member, sizeof(member), "\"%s\":\"", key);
    out->len = 0;
    out->text[0] = '\0';
    for (const char *line = t->text; *line != '\0'; line = strchr(line, '\n') + 1) {
        const char *at = strncmp(line, begin, strlen(begin)) == 0 ? strstr(line, member) : NULL;

        if (at == NULL || at > strchr(line, '\n'))
            continue;
        at += strlen(member);
        size_t len = strcspn(at, "\"");

        memcpy(out->text + out->len, at, len);
        out->len += len;
        out->text[out->len++] = '\n';
        out->text[out->len] = '\0';
    }
}

/* The child's answer to @p, of which picked() takes parts. */
static struct told answer;

static char *picked(const char *what, const char *key)
{
    static struct told some;

    pick(&answer, what, key, &some);
    return some.text;
}

static const char *first_line(char *text)
{
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static const char *state_of(struct world *w)
{
    struct tcp_id id = {ip_addr_v4(HOST), ip_addr_v4(PEER), 80, w->port};
    struct tcp_status s;

    return tcp_status_of(&w->n.tcp, &id, &s) ? tcp_state_name(s.state) : "LISTEN";
}

/* The reason for which something was refused since @before, "" if nothing was. */
static const char *refused(const struct world *w, const uint64_t before[V_COUNT])
{
    for (enum verdict v = V_DONE + 1; v < V_COUNT; v++) {
        if (w->n.core.drops[v] != before[v])
            return verdict_info(v)->reason;
    }
    return "";
}

/* Foretell, compare the memory, let it happen, compare. Return: the state that follows. */
static const char *try_out(struct world *w, const struct probe *p)
{
    static struct told got;
    static struct net host;
    static uint64_t drops[V_COUNT];
    uint8_t *copy = malloc(w->len);

    T_NEED(copy != NULL);
    const char *before = state_of(w);

    world_output(w, NULL);
    memcpy(&host, &w->n, sizeof(host));
    memcpy(copy, (uint8_t *)w->memory, w->len);
    ask(w, p, &answer);
    T_TRUE(memcmp(&host, &w->n, sizeof(host)) == 0);
    T_TRUE(memcmp(copy, w->memory, w->len) == 0);
    free(copy);

    memcpy(drops, w->n.core.drops, sizeof(drops));
    struct pkt *frame = probe_frame(&w->n, p);

    T_NEED(frame != NULL);
    net_input(&w->n, &frame, 1, w->now);
    got.len = 0;
    got.text[0] = '\0';
    const char *reason = refused(w, drops);

    world_output(w, &got);
    T_STR(got.text, picked("sent", "text"));
    T_STR(reason, first_line(picked("verdict", "reason")));
    bool is_gone = strcmp(state_of(w), "LISTEN") == 0 && strcmp(before, "LISTEN") != 0 &&
                   strcmp(before, "SYN_RCVD") != 0;

    T_STR(is_gone ? "CLOSED" : state_of(w), first_line(picked("state", "after")));
    return state_of(w);
}

static uint32_t dice(struct world *w, uint32_t sides)
{
    return (uint32_t)(prng_u64(&w->prng) % sides);
}

/* Mostly what could really come, now and then nonsense. */
static struct probe random_probe(struct world *w)
{
    static const uint8_t flags[] = {TCP_SYN,           TCP_ACK,           TCP_ACK | TCP_PSH,
                                    TCP_ACK,           TCP_ACK | TCP_FIN, TCP_RST,
                                    TCP_RST | TCP_ACK, TCP_SYN | TCP_ACK, 0,
                                    TCP_FIN,           TCP_ACK | TCP_URG};
    struct probe p = {.proto = IP_PROTO_TCP,
                      .src = PEER,
                      .dst = HOST,
                      .sport = w->port,
                      .dport = 80,
                      .ttl = 64,
                      .is_relative = true,
                      .bad_sum = dice(w, 40) == 0};

    p.seg.flags = flags[dice(w, ARRAY_LEN(flags))];
    p.seg.wnd = (uint16_t)dice(w, 65536);
    p.len = dice(w, 2) == 0 ? 0 : dice(w, 1400);
    if (dice(w, 3) == 0) {
        p.has_seq = true;
        p.seg.seq = seq_of(dice(w, 2) == 0 ? dice(w, 4000) : 0 - dice(w, 4000));
    }
    if (dice(w, 4) == 0) {
        p.has_ack = true;
        p.seg.ack = seq_of(dice(w, 2) == 0 ? dice(w, 100) : 0 - dice(w, 100));
    }
    return p;
}

/* A connection that was made by two probes which then came true. @mss: of the peer; 0: as it comes. */
static void world_connect(struct world *w, uint16_t mss)
{
    struct tcp_id id;
    struct tcp_status s;
    struct probe p = {.proto = IP_PROTO_TCP, .src = PEER, .dst = HOST, .dport = 80, .ttl = 64};

    w->port++;
    p.sport = w->port;
    p.seg = (struct tcp_seg){
        .flags = TCP_SYN, .wnd = 65535, .seq = seq_of((uint32_t)prng_u64(&w->prng))};
    p.has_seq = true;
    if (dice(w, 2) == 0 || mss > 0) {
        p.has_opts = true;
        p.seg.opt = (struct tcp_opts){.has_mss = true,
                                      .mss = mss > 0 ? mss : 1460,
                                      .has_ts = true,
                                      .tsval = 7,
                                      .has_sack_ok = true,
                                      .has_wscale = true,
                                      .wscale = 2};
    }
    T_STR(try_out(w, &p), "SYN_RCVD");
    id = (struct tcp_id){ip_addr_v4(HOST), ip_addr_v4(PEER), 80, w->port};
    T_NEED(tcp_status_of(&w->n.tcp, &id, &s));
    p.seg.seq = seq_add(p.seg.seq, 1);
    p.seg.flags = TCP_ACK;
    p.has_ack = true;
    p.seg.ack = seq_add(w->n.tcp.half_newest->iss, 1);
    p.seg.opt = (struct tcp_opts){.has_ts = p.has_opts, .tsval = 8};
    T_STR(try_out(w, &p), "ESTABLISHED");
}

static void test_probe_foretells_what_happens(void)
{
    static struct world w;
    unsigned ended = 0;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        world_begin(&w, seed);
        struct socks *s = net_socks(&w.n);
        int sd = -1;

        for (unsigned round = 0; round < 60; round++) {
            if (strcmp(state_of(&w), "LISTEN") == 0 || strcmp(state_of(&w), "TIME_WAIT") == 0) {
                if (sd >= 0)
                    sock_abort(s, sd);
                world_output(&w, NULL);
                world_connect(&w, 0);
                sd = sock_accept(s, w.listener, NULL);
                ended++;
            }
            if (sd >= 0 && dice(&w, 4) == 0)
                sock_send(s, sd, "some bytes of ours", 18, 0);
            if (sd >= 0 && dice(&w, 30) == 0)
                sock_shutdown(s, sd, SOCK_SHUT_WR);
            w.now += NET_MS(dice(&w, 50));
            net_input(&w.n, NULL, 0, w.now);
            struct probe p = random_probe(&w);

            try_out(&w, &p);
        }
        free(w.memory);
    }
    T_TRUE(ended > 8); /* they were of every kind */
}

/* What has no connection, what is for others, UDP and ICMP. */
static void test_probe_other_datagrams(void)
{
    static struct world w;
    struct probe p = {
        .proto = IP_PROTO_TCP,
        .src = PEER,
        .dst = HOST,
        .sport = 1,
        .dport = 81,
        .ttl = 64,
        .seg = {.flags = TCP_SYN, .wnd = 1}
    };

    world_begin(&w, 9);
    w.port = 1;
    ask(&w, &p, &answer);
    T_STR(picked("state", "after"), "CLOSED\n");
    T_STR(picked("sent", "text"), "10.0.0.2:81 > 10.0.0.1:1 [R.] seq 0 ack 1 win 0 len 0\n");
    p.dst = HOST + 1;
    ask(&w, &p, &answer);
    T_STR(picked("verdict", "reason"), "not-for-us\n");
    p = (struct probe){.proto = IP_PROTO_UDP,
                       .src = PEER,
                       .dst = HOST,
                       .sport = 5,
                       .dport = 6,
                       .ttl = 64,
                       .len = 3};
    ask(&w, &p, &answer);
    T_STR(picked("verdict", "reason"), "no-port\n");
    T_STR(picked("sent", "text"), "10.0.0.2 > 10.0.0.1 ICMP type 3 code 3\n");
    p.proto = IP_PROTO_ICMP;
    ask(&w, &p, &answer);
    T_STR(picked("sent", "text"), "10.0.0.2 > 10.0.0.1 ICMP type 0 code 0\n");
    p.bad_sum = true;
    ask(&w, &p, &answer);
    T_STR(picked("verdict", "reason"), "bad-checksum\n");
    T_STR(picked("layer", "result"), "passed\npassed\nrefused\n");
    free(w.memory);
}

/* Every step of section 3.10.7.4 in its order, with its numbers. */
static void test_probe_tells_the_steps(void)
{
    static struct world w;

    world_begin(&w, 3);
    world_connect(&w, 0);
    while (w.n.tcp.tcbs.used == 0)
        world_connect(&w, 0);
    struct probe p = {
        .proto = IP_PROTO_TCP,
        .src = PEER,
        .dst = HOST,
        .sport = w.port,
        .dport = 80,
        .ttl = 64,
        .seg = {.flags = TCP_ACK | TCP_PSH, .wnd = 1000},
        .len = 10
    };

    ask(&w, &p, &answer);
    const char *steps = strstr(picked("step", "phase"), "first, check");

    T_NEED(steps != NULL);
    T_STR(steps,
          "first, check sequence number\nsecond, check the RST bit\nfourth, check the SYN bit\n"
          "fifth, check the ACK field\nsixth, check the URG bit\n"
          "seventh, process the segment text\neighth, check the FIN bit\n");
    T_TRUE(strstr(answer.text, "RCV.NXT 1 =< SEG.SEQ 1 < RCV.NXT+RCV.WND 65536") != NULL);
    p.seg.flags = TCP_RST;
    p.has_seq = p.is_relative = true;
    p.seg.seq = seq_of(9);
    p.len = 0;
    ask(&w, &p, &answer);
    steps = strstr(picked("step", "phase"), "first, check");
    T_NEED(steps != NULL);
    T_STR(steps, "first, check sequence number\nsecond, check the RST bit\n"); /* and no further */
    T_STR(picked("verdict", "reason"), "rst-challenged\n");
    free(w.memory);
}

/* An ACK that lets a long queue go: the first frames are told, and how many follow. */
static void test_probe_many_frames_are_told_as_a_number(void)
{
    static struct world w;
    static const uint8_t data[60000];

    world_begin(&w, 3);
    world_connect(&w, 150);
    while (w.n.tcp.tcbs.used == 0)
        world_connect(&w, 150);
    struct socks *s = net_socks(&w.n);
    int sd = sock_accept(s, w.listener, NULL);
    struct probe p = {
        .proto = IP_PROTO_TCP,
        .src = PEER,
        .dst = HOST,
        .sport = w.port,
        .dport = 80,
        .ttl = 64,
        .seg = {.flags = TCP_ACK, .wnd = 65535},
    };

    T_NEED(sd >= 0);
    const char *sent = "";
    unsigned lines = 0;

    for (unsigned round = 0; round < 8 && lines < 33; round++) { /* the congestion window doubles */
        while (sock_send(s, sd, data, sizeof(data), 0) > 0)
            ;
        world_output(&w, NULL);
        ask(&w, &p, &answer); /* acknowledges all that was sent */
        sent = picked("sent", "text");
        lines = 0;
        for (const char *at = sent; *at != '\0'; at++)
            lines += *at == '\n';
        struct pkt *frame = probe_frame(&w.n, &p);

        T_NEED(frame != NULL);
        net_input(&w.n, &frame, 1, w.now);
    }
    T_EQ(lines, 33);
    T_TRUE(strstr(sent, "\nand ") != NULL && strstr(sent, " more\n") != NULL);
    free(w.memory);
}

/* A machine that is slow is no fault of ours; a signal that is one is told as such. */
static void test_probe_slow_is_not_a_fault(void)
{
    static const struct {
        int sig;
        const char *want;
    } cases[] = {
        {SIGALRM, "the copy of the host took too long (5 s)"                              },
        {SIGKILL, "the copy of the host ended early (signal 9): that is a fault of stackd"},
        {0,       "the copy of the host ended early (status 3): that is a fault of stackd"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[96];
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
            if (cases[i].sig != 0)
                raise(cases[i].sig);
            _exit(3);
        }
        T_EQ(waitpid(pid, &status, 0), pid);
        probe_ended(status, why, sizeof(why));
        T_STR(why, cases[i].want);
    }
}

T_MAIN("probe", T(test_probe_foretells_what_happens), T(test_probe_other_datagrams),
       T(test_probe_tells_the_steps), T(test_probe_many_frames_are_told_as_a_number),
       T(test_probe_slow_is_not_a_fault))
