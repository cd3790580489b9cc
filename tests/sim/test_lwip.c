/*
 * test_lwip.c - another TCP that was written by other people: lwIP, Debian's library, in virtual time.
 *
 * It is small where the kernel is large: no SACK, no timestamps, a coarse clock (250 ms), an initial
 * RTO of 3 s and a window of 64 KiB that it scales by 2. Host 1 is ours, host 2 is lwIP; every frame
 * that we send is read by the strict decoder of the conformance tests.
 *
 * With STACKD_TABLE=FILE the table of docs/interoperability.md is written there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../conformance/decode.h"
#include "lwip_guest.h"
#include "services.h"

enum { MEET_PORT = 5000, MEET_FROM = 40000, MEET_LWIP = 0x0a000002 };

/* Two hosts, a wire, and what was seen on it. */
struct meet {
    struct world *w;
    struct world_host *h;
    struct lwip_guest lwip;
    struct talk talk;
    char syn[120], syn_ack[120]; /* of the first handshake */
    bool syn_is_ours;
    uint64_t frames;
};

static void meet_saw_syn(struct meet *m, const struct seen *s, bool out)
{
    bool answer = strchr(s->flags, '.') != NULL;
    char *to = answer ? m->syn_ack : m->syn;

    if (to[0] != 0)
        return;
    snprintf(to, sizeof(m->syn), "[%s] %s", s->flags, s->opts);
    if (!answer)
        m->syn_is_ours = out;
}

static void meet_watch(void *ctx, struct world_host *h, const struct pkt *p, bool out)
{
    struct meet *m = ctx;
    struct seen s;
    uint8_t frame[2048];

    if (p == NULL || h != m->h || pkt_total(p) > sizeof(frame))
        return;
    struct pkt whole = *p; /* checksums are left to the wire */

    if (out) {
        pkt_csum_complete((struct pkt *)(uintptr_t)p);
        whole = *p;
    }
    pkt_copy_out(&whole, frame);
    const char *wrong = decode(&s, frame, pkt_total(p));

    if (wrong != NULL && out)
        world_fail(m->w, "a frame of ours: %s", wrong);
    if (wrong == NULL && s.ethertype == 0x0800 && s.proto == 6 && strchr(s.flags, 'S') != NULL)
        meet_saw_syn(m, &s, out);
    m->frames += out;
}

static void meet_begin(struct meet *m, uint64_t seed, unsigned mtu, const struct imp_config *wire)
{
    struct net_config cfg;

    memset(m, 0, sizeof(*m));
    m->w = world_new(seed);
    world_config(&cfg, 1);
    cfg.seed = seed;
    cfg.ifs[0].mtu = (uint16_t)mtu;
    m->h = world_host_add(m->w, &cfg);
    lwip_guest_begin(&m->lwip, m->w, 2, mtu);
    world_cable_add(m->w, m->h, m->lwip.h, wire, wire);
    m->w->watch = meet_watch;
    m->w->watch_ctx = m;
}

static void meet_end(struct meet *m)
{
    m->h->user = NULL;
    m->h->user_deadline = NULL;
    m->w->done = NULL;
    if (!m->w->failed)
        world_run(m->w, NET_SEC(400)); /* both forget */
    lwip_guest_end(&m->lwip);
    m->lwip.h->guest = NULL; /* its place remains, for what it held */
    world_end(m->w);
}

static bool meet_over(void *ctx)
{
    struct meet *m = ctx;

    return m->talk.over && strstr(m->lwip.reports, "over 1 ") != NULL;
}

/* One connection, opened by us or by lwIP. Return: whether both ends said and heard everything. */
static bool meet_talk(struct meet *m, bool we_open, const struct talk_plan *ours,
                      const struct talk_plan *theirs, net_time span)
{
    lwip_guest_talk(&m->lwip, 1, MEET_PORT, we_open ? 0 : MEET_FROM, theirs, ours);
    m->h->user = talk_run;
    m->h->user_deadline = talk_deadline;
    m->h->ctx = &m->talk;
    if (we_open)
        talk_connect(&m->talk, m->h, 0, MEET_LWIP, MEET_PORT, ours, theirs);
    else
        talk_listen(&m->talk, m->h, MEET_PORT, ours, theirs);
    m->w->done = meet_over;
    m->w->done_ctx = m;
    world_run(m->w, span);
    m->w->done = NULL;
    bool whole =
        !m->w->failed && talk_is_well(&m->talk) &&
        lwip_guest_said(&m->lwip, "over 1 %llu %llu 0 0", (unsigned long long)theirs->bytes,
                        (unsigned long long)ours->bytes);

    if (!whole && !m->w->failed)
        world_fail(m->w, "the talk is not whole: we sent %llu and got %llu, lwIP reports\n%s",
                   (unsigned long long)m->talk.sent, (unsigned long long)m->talk.received,
                   m->lwip.reports);
    return whole;
}

/* ---- the table ---- */

static FILE *meet_table;

static void meet_row(const struct meet *m, const char *what, unsigned mtu, bool whole)
{
    if (meet_table != NULL)
        fprintf(meet_table, "| %s | %u | %s | `%s` | `%s` | %s |\n", what, mtu,
                m->syn_is_ours ? "stackd" : "lwIP", m->syn, m->syn_ack, whole ? "whole" : "FAILED");
}

/* ---- ping and UDP ---- */

static const uint16_t meet_sizes[] = {1, 56, 1472, 1473, 4000, 9000};

static void test_lwip_answers_our_pings(void)
{
    struct meet m;

    meet_begin(&m, 1, 1500, NULL);
    for (size_t i = 0; i < ARRAY_LEN(meet_sizes); i++) {
        struct icmp4_ping_result r = {0};

        T_EQ(icmp4_ping_send(&m.h->n.ip, ip_addr_v4(MEET_LWIP), 7, (uint16_t)i, meet_sizes[i], 0),
             0);
        world_run(m.w, NET_SEC(1));
        T_EQ(icmp4_ping_recv(&m.h->n.ip, 7, &r), 0);
        T_FALSE(r.is_error);
        T_EQ(r.len, meet_sizes[i]);
        T_EQ(r.seq, i);
    }
    icmp4_ping_close(&m.h->n.ip, 7);
    meet_end(&m);
}

static void test_lwip_pings_and_is_answered(void)
{
    struct meet m;

    meet_begin(&m, 1, 1500, NULL);
    for (size_t i = 0; i < ARRAY_LEN(meet_sizes); i++) {
        lwip_guest_tell(&m.lwip, "ping 10.0.0.1 %u", meet_sizes[i]);
        world_run(m.w, NET_SEC(1));
        T_TRUE(lwip_guest_said(&m.lwip, "ping %u 0", meet_sizes[i]));
    }
    meet_end(&m);
}

static void test_lwip_echoes_our_datagrams(void)
{
    struct meet m;
    const struct sock_addr to = {ip_addr_v4(MEET_LWIP), 7};
    static uint8_t out[9000], in[10000];

    meet_begin(&m, 1, 1500, NULL);
    lwip_guest_tell(&m.lwip, "udp-echo 7");
    struct socks *s = net_socks(&m.h->n);
    int sd = sock_open(s, SOCK_KIND_UDP);

    T_EQ(sock_connect(s, sd, &to), 0);
    for (size_t i = 0; i < ARRAY_LEN(meet_sizes); i++) {
        for (size_t k = 0; k < meet_sizes[i]; k++)
            out[k] = talk_byte(i, k);
        T_EQ(sock_send(s, sd, out, meet_sizes[i], 0), meet_sizes[i]);
        world_run(m.w, NET_SEC(1));
        T_EQ(sock_recv(s, sd, in, sizeof(in), 0), meet_sizes[i]);
        T_TRUE(memcmp(in, out, meet_sizes[i]) == 0);
    }
    sock_close(s, sd);
    meet_end(&m);
}

static void test_lwip_has_its_datagrams_echoed(void)
{
    struct meet m;
    struct services echo;

    meet_begin(&m, 1, 1500, NULL);
    services_start(&echo, m.h, 0);
    for (size_t i = 0; i < ARRAY_LEN(meet_sizes); i++) {
        lwip_guest_tell(&m.lwip, "udp 10.0.0.1 7 %u", meet_sizes[i]);
        world_run(m.w, NET_SEC(1));
        T_TRUE(lwip_guest_said(&m.lwip, "udp %u 0", meet_sizes[i]));
    }
    services_stop(&echo);
    world_run(m.w, NET_SEC(1));
    services_free(&echo);
    meet_end(&m);
}

/* ---- TCP ---- */

/* Who opens, who closes first and how, much or nothing to say: all of them. */
static void test_lwip_every_way_to_close(void)
{
    static const struct {
        const char *name;
        enum talk_end ours, theirs;
    } ends[] = {
        {"stackd closes first", TALK_FIRST,  TALK_SECOND},
        {"lwIP closes first",   TALK_SECOND, TALK_FIRST },
        {"both close at once",  TALK_FIRST,  TALK_FIRST },
        {"close() at stackd",   TALK_CLOSE,  TALK_SECOND},
        {"close() at lwIP",     TALK_SECOND, TALK_CLOSE },
        {"close() at both",     TALK_CLOSE,  TALK_CLOSE },
    };
    static const uint64_t sizes[] = {0, 1, 1460, 300000};

    for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
        for (unsigned opens = 0; opens < 2; opens++) {
            bool whole = true;
            struct meet m;

            for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                struct talk_plan ours = {.key = 1, .bytes = sizes[i], .end = ends[k].ours};
                struct talk_plan theirs = {
                    .key = 2, .bytes = sizes[ARRAY_LEN(sizes) - 1 - i], .end = ends[k].theirs};

                meet_begin(&m, 1 + i, 1500, NULL);
                whole &= meet_talk(&m, opens == 0, &ours, &theirs, NET_SEC(60));
                /* Nothing is lost; lwIP delays an ACK by up to 250 ms, our RTO begins at 200 ms. */
                T_TRUE(m.h->n.tcp.stats.rtx_segs <= 1);
                T_EQ(m.h->n.tcp.stats.fast_rtx, 0);
                if (i + 1 == ARRAY_LEN(sizes))
                    meet_row(&m, ends[k].name, 1500, whole);
                meet_end(&m);
            }
            T_TRUE(whole);
        }
    }
}

static void meet_bad_wire(struct imp_config *imp, uint64_t seed)
{
    imp_config_default(imp);
    imp->delay = NET_MS(5);
    imp->rate_bps = 10000000;
    imp->loss_ppm = seed % 2 == 0 ? 20000 : 50000;
    imp->corrupt_ppm = 5000;
    imp->dup_ppm = 10000;
    imp->reorder_ppm = seed % 3 == 0 ? 50000 : 0;
}

static void test_lwip_over_a_bad_wire(void)
{
    static const unsigned mtus[] = {1500, 576, 1280, 1006};
    struct seeds s = seeds_first("test_lwip", "test_lwip_over_a_bad_wire", 24);
    uint64_t rtx = 0;

    while (seeds_next(&s)) {
        struct talk_plan ours = {.key = s.seed, .bytes = 200000, .end = TALK_FIRST};
        struct talk_plan theirs = {.key = s.seed + 1, .bytes = 200000, .end = TALK_SECOND};
        unsigned mtu = mtus[s.seed % ARRAY_LEN(mtus)];
        struct imp_config imp;
        struct meet m;

        meet_bad_wire(&imp, s.seed);
        meet_begin(&m, s.seed, mtu, &imp);
        bool whole = meet_talk(&m, s.seed / 4 % 2 == 0, &ours, &theirs, NET_SEC(3600));

        T_TRUE(whole);
        rtx += m.h->n.tcp.stats.rtx_segs;
        if (s.seed <= 8)
            meet_row(&m, "bad wire", mtu, whole);
        meet_end(&m);
    }
    T_TRUE(rtx > 0);
}

/* A reader that sleeps closes the window; the probes of the other end find out when it opens. */
static void test_lwip_zero_window_both_ways(void)
{
    for (unsigned sleeper = 0; sleeper < 2; sleeper++) {
        struct talk_plan ours = {.key = 1, .bytes = 700000, .end = TALK_FIRST};
        struct talk_plan theirs = {.key = 2, .bytes = 700000, .end = TALK_SECOND};
        struct meet m;

        (sleeper == 0 ? &ours : &theirs)->read_from = NET_SEC(30);
        ours.rcvbuf = 20000;
        meet_begin(&m, 1, 1500, NULL);
        bool whole = meet_talk(&m, true, &ours, &theirs, NET_SEC(120));

        T_TRUE(whole);
        T_TRUE(m.w->now >= NET_SEC(30)); /* it did wait, */
        T_TRUE(m.w->now < NET_SEC(31));  /* and not for long after that */
        T_TRUE(sleeper == 0 || m.h->n.tcp.stats.zero_window_probes > 2);
        meet_row(&m, sleeper == 0 ? "stackd does not read for 30 s" : "lwIP does not read for 30 s",
                 1500, whole);
        meet_end(&m);
    }
}

static int meet_listen(struct meet *m)
{
    struct sock_addr a = {IP_ADDR_ANY, MEET_PORT};
    struct socks *s = net_socks(&m->h->n);
    int listener = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_setopt(s, listener, SOCK_OPT_REUSEADDR, 1), 0);
    T_EQ(sock_bind(s, listener, &a), 0);
    T_EQ(sock_listen(s, listener, 1), 0);
    return listener;
}

static void test_lwip_resets_us(void)
{
    struct meet m;
    struct sock_addr to = {ip_addr_v4(MEET_LWIP), MEET_PORT};
    uint8_t buf[64];

    meet_begin(&m, 1, 1500, NULL);
    lwip_guest_tell(&m.lwip, "listen 1 %u 2 0 1 5 reset 0", MEET_PORT);
    struct socks *s = net_socks(&m.h->n);
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_connect(s, sd, &to), -EINPROGRESS);
    world_run(m.w, NET_SEC(1));
    for (unsigned i = 0; i < 5; i++)
        buf[i] = talk_byte(1, i);
    T_EQ(sock_send(s, sd, buf, 5, 0), 5);
    world_run(m.w, NET_SEC(1));
    T_TRUE(lwip_guest_said(&m.lwip, "over 1 0 5 0 0"));
    T_EQ(sock_recv(s, sd, buf, sizeof(buf), 0), -ECONNRESET);
    sock_close(s, sd);
    T_EQ(net_connections(&m.h->n), 0);
    meet_end(&m);
}

static void test_lwip_is_reset_by_us(void)
{
    struct meet m;

    meet_begin(&m, 1, 1500, NULL);
    struct socks *s = net_socks(&m.h->n);
    int listener = meet_listen(&m);

    lwip_guest_tell(&m.lwip, "connect 1 10.0.0.1 %u %u 2 10 1 10 first 0", MEET_PORT, MEET_FROM);
    world_run(m.w, NET_SEC(1));
    int sd = sock_accept(s, listener, NULL);

    T_TRUE(sd >= 0);
    T_EQ(sock_abort(s, sd), 0);
    world_run(m.w, NET_SEC(1));
    T_TRUE(lwip_guest_said(&m.lwip, "over 1 10 0 0 -14")); /* ERR_RST */
    sock_close(s, listener);
    meet_end(&m);
}

static void test_lwip_refused_both_ways(void)
{
    struct meet m;
    struct sock_addr to = {ip_addr_v4(MEET_LWIP), 9};
    int64_t error = 0;

    meet_begin(&m, 1, 1500, NULL);
    lwip_guest_tell(&m.lwip, "connect 1 10.0.0.1 9 %u 2 0 1 0 first 0", MEET_FROM);
    struct socks *s = net_socks(&m.h->n);
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_connect(s, sd, &to), -EINPROGRESS);
    world_run(m.w, NET_SEC(1));
    T_TRUE(lwip_guest_said(&m.lwip, "over 1 0 0 0 -14"));
    T_EQ(sock_getopt(s, sd, SOCK_OPT_ERROR, &error), 0);
    T_EQ(error, ECONNREFUSED);
    sock_close(s, sd);
    meet_end(&m);
}

/* The four-tuple of a connection that has ended here is asked for again. lwIP's clock for sequence
 * numbers stands still while it has no connection, so its next one is not beyond the last (RFC 9293
 * section 3.4.1 wants it to be), and TIME-WAIT cannot give way (RFC 1122 section 4.2.2.13): the SYN
 * is answered with an ACK, lwIP resets what it does not know, which TIME-WAIT ignores (RFC 1337),
 * asks again at once, and gives up. After 2 MSL the same ports and numbers do. */
static void test_lwip_same_ports_after_time_wait(void)
{
    struct talk_plan ours = {.key = 1, .bytes = 3000, .end = TALK_FIRST};
    struct talk_plan theirs = {.key = 2, .bytes = 3000, .end = TALK_SECOND};
    struct meet m;

    meet_begin(&m, 1, 1500, NULL);
    T_TRUE(meet_talk(&m, false, &ours, &theirs, NET_SEC(10)));
    world_run(m.w, NET_SEC(1)); /* the last ACK arrives */
    T_EQ(m.h->n.tcp.tws.used, 1);
    int listener = meet_listen(&m);

    lwip_guest_tell(&m.lwip, "connect 2 10.0.0.1 %u %u 2 3 1 3 first 0", MEET_PORT, MEET_FROM);
    world_run(m.w, NET_SEC(20));
    T_TRUE(m.h->n.core.drops[V_DROP_TCP_RST_TIME_WAIT] > 0);
    T_TRUE(lwip_guest_said(&m.lwip, "over 2 0 0 0 -13")); /* ERR_ABRT */
    world_run(m.w, NET_SEC(50));
    T_EQ(m.h->n.tcp.tws.used, 0);
    lwip_guest_tell(&m.lwip, "connect 3 10.0.0.1 %u %u 2 3 1 3 first 0", MEET_PORT, MEET_FROM);
    world_run(m.w, NET_SEC(1));
    int sd = sock_accept(net_socks(&m.h->n), listener, NULL);

    T_TRUE(sd >= 0);
    T_TRUE(lwip_guest_said(&m.lwip, "open 3"));
    sock_abort(net_socks(&m.h->n), sd);
    sock_close(net_socks(&m.h->n), listener);
    meet_end(&m);
}

/* lwIP asks every 10 s whether we are there; we answer, and it asks until nobody answers. */
static void test_lwip_keepalives_are_answered(void)
{
    struct meet m;
    struct imp_config cut;

    meet_begin(&m, 1, 1500, NULL);
    struct socks *s = net_socks(&m.h->n);
    int listener = meet_listen(&m);

    lwip_guest_tell(&m.lwip, "connect 1 10.0.0.1 %u %u 2 10 1 10 second 0", MEET_PORT, MEET_FROM);
    lwip_guest_tell(&m.lwip, "keepalive 1 10000 1000 3");
    world_run(m.w, NET_SEC(1));
    int sd = sock_accept(s, listener, NULL);
    uint64_t before = m.h->n.tcp.stats.segs_in;

    T_TRUE(sd >= 0);
    world_run(m.w, NET_SEC(100));
    T_TRUE(m.h->n.tcp.stats.segs_in >= before + 8);
    T_TRUE(strstr(m.lwip.reports, "over") == NULL);
    imp_config_default(&cut);
    cut.loss_ppm = 1000000;
    T_EQ(cable_set(m.h->cable[0], m.h->end[0], &cut), 0);
    world_run(m.w, NET_SEC(30));
    T_TRUE(lwip_guest_said(&m.lwip, "over 1 10 0 0 -13")); /* ERR_ABRT */
    imp_config_default(&cut);
    T_EQ(cable_set(m.h->cable[0], m.h->end[0], &cut), 0);
    sock_abort(s, sd);
    sock_close(s, listener);
    meet_end(&m);
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T(test_lwip_answers_our_pings),
        T(test_lwip_pings_and_is_answered),
        T(test_lwip_echoes_our_datagrams),
        T(test_lwip_has_its_datagrams_echoed),
        T(test_lwip_every_way_to_close),
        T(test_lwip_over_a_bad_wire),
        T(test_lwip_zero_window_both_ways),
        T(test_lwip_resets_us),
        T(test_lwip_is_reset_by_us),
        T(test_lwip_refused_both_ways),
        T(test_lwip_same_ports_after_time_wait),
        T(test_lwip_keepalives_are_answered),
    };
    const char *path = getenv("STACKD_TABLE");

    if (path != NULL && (meet_table = fopen(path, "w")) == NULL) {
        perror(path);
        return 1;
    }
    return t_run("lwip", cases, ARRAY_LEN(cases), argc, argv);
}
