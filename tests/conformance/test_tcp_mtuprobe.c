/*
 * Packetization-layer path MTU discovery (RFC 4821) over a path that swallows what is too long and
 * says nothing.
 */
#include <stdlib.h>

#include "raw.h"

enum { TOTAL = 600000, QUEUE = 512 };

/* The far end of a path on which datagrams above `limit` bytes vanish: it acknowledges the rest. */
struct path {
    uint32_t limit;
    uint32_t drop; /* this datagram is lost for another reason; counted from 1 */
    uint32_t passed;
    uint64_t probes;   /* that H has sent */
    uint8_t *have;     /* of each byte */
    uint32_t next;     /* all before it are here */
    uint32_t longest;  /* datagram that arrived */
    uint32_t too_long; /* datagrams that did not */
    uint32_t least_cwnd;
    struct {
        uint32_t seq, len, ip_len;
    } queue[QUEUE];
    uint32_t count;
};

static struct tcp_status status(struct peer *k)
{
    struct tcp_status s = {0};

    T_NEED(peer_status(k, &s));
    return s;
}

/* What H has sent goes on its way. No two probes may be under way at once. */
static void path_take(struct peer *k, struct path *p)
{
    const struct seen *s;

    while ((s = peer_next(k)) != NULL) {
        if (s->proto != 6 || s->len == 0)
            continue;
        T_NEED(p->count < QUEUE);
        p->queue[p->count].seq = s->seq - k->h_iss - 1;
        p->queue[p->count].len = s->len;
        p->queue[p->count++].ip_len = s->ip_len;
        T_TRUE(s->df);
    }
    struct tcp_status now = status(k);

    uint64_t probes = k->net.tcp.stats.mtu_probes;

    T_TRUE(probes <= p->probes + 1);
    if (probes != p->probes) /* one has left: it had room */
        T_TRUE(now.in_flight <= now.cwnd);
    p->probes = probes;
    if (p->least_cwnd == 0 || now.cwnd < p->least_cwnd)
        p->least_cwnd = now.cwnd;
}

static void path_deliver(struct peer *k, struct path *p)
{
    uint32_t n = p->count;

    peer_advance(k, NET_MS(10));
    path_take(k, p);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t seq = p->queue[i].seq, len = p->queue[i].len;

        if (p->queue[i].ip_len > p->limit) {
            p->too_long++;
            continue;
        }
        if (++p->passed == p->drop)
            continue;
        p->longest = u32_max(p->longest, p->queue[i].ip_len);
        memset(p->have + seq, 1, len);
        while (p->next < TOTAL && p->have[p->next])
            p->next++;
        say(k, .flags = ".", .seq = 1, .ack = 1 + p->next, .win = 65535);
        path_take(k, p);
    }
    memmove(p->queue, p->queue + n, (p->count - n) * sizeof(p->queue[0]));
    p->count -= n;
}

/* H sends TOTAL bytes to the end. */
static void path_run(struct peer *k, struct path *p, int sd)
{
    static uint8_t bytes[TOTAL];
    uint32_t written = 0;
    net_time limit = k->now + NET_SEC(600);

    p->have = calloc(1, TOTAL);
    p->probes = k->net.tcp.stats.mtu_probes;
    T_NEED(p->have != NULL);
    while (p->next < TOTAL && k->now < limit) {
        int n = written < TOTAL
                    ? sock_send(net_socks(&k->net), sd, bytes + written, TOTAL - written, 0)
                    : 0;

        written += n > 0 ? (uint32_t)n : 0;
        peer_settle(k);
        path_take(k, p);
        if (p->count == 0) {
            peer_run_to_frame(k, NET_SEC(100));
            path_take(k, p);
        }
        path_deliver(k, p);
    }
    T_EQ(p->next, TOTAL);
    free(p->have);
}

static int probing(struct peer *k, uint8_t how)
{
    struct net_config cfg;

    peer_config(&cfg);
    cfg.tcp.mtu_probing = how;
    peer_begin_with(k, &cfg);
    return established(k);
}

/* A connection that begins small finds what passes, within 8 bytes, and its window never suffers. The
 * next one knows. REQ: PMTU-4821-3-1 PMTU-4821-7.5-1 PMTU-4821-7.6-1 PMTU-4821-7.6-2 PMTU-4821-5.2-1 */
static void test_tcp_mtu_probe_finds_the_path(void)
{
    static const uint32_t limits[] = {1500, 1400, 1280, 1100};

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct path p = {.limit = limits[i]};
        struct peer k;
        int sd = probing(&k, 2);

        T_EQ(status(&k).mss, 1024);
        path_run(&k, &p, sd);
        struct tcp_status s = status(&k);

        T_TRUE(s.mss + 40 <= limits[i] && s.mss + 40 + 8 >= limits[i]);
        T_EQ(k.net.tcp.stats.timeouts, 0);
        T_EQ(k.net.tcp.stats.fast_rtx, 0);
        T_EQ(s.ssthresh >= INT32_MAX, true); /* congestion control has not heard of it */
        T_TRUE(p.least_cwnd >= 10 * 1024);
        T_EQ(p.too_long, k.net.tcp.stats.mtu_probes_lost);
        T_TRUE(p.too_long <= 8);
        T_EQ(k.net.tcp.stats.mtu_probes,
             k.net.tcp.stats.mtu_probes_ok + k.net.tcp.stats.mtu_probes_lost);
        struct ip_path path;

        T_EQ(ip_route(&k.net.ip, ip_addr_v4(PEER_IP), IP_ADDR_ANY, &path), 0);
        T_EQ(path.mtu, limits[i] == 1500 ? 1500 : s.mss + 40);
        T_EQ(ip_route(&k.net.ip, ip_addr_v4(PEER_IP + 8), IP_ADDR_ANY, &path), 0);
        T_EQ(path.mtu, 1500);
        peer_forget(&k);
        peer_end(&k);
    }
}
TWICE(test_tcp_mtu_probe_finds_the_path)

/* In congestion avoidance each ACK makes room for one segment: a probe, which is longer, waits until it
 * has room, and the window is never exceeded. REQ: PMTU-4821-7.5-1 */
static void test_tcp_mtu_probe_waits_for_the_window(void)
{
    for (uint32_t drop = 3; drop < 23; drop++) {
        struct path p = {.limit = 1500, .drop = drop};
        struct peer k;
        int sd = probing(&k, 2);

        path_run(&k, &p, sd);
        T_TRUE(k.net.tcp.stats.fast_rtx + k.net.tcp.stats.mtu_probes_lost >= 1);
        T_TRUE(k.net.tcp.stats.mtu_probes_ok >= 5);
        T_TRUE(status(&k).mss > 1200); /* it may have been the probe */
        peer_forget(&k);
        peer_end(&k);
    }
}

/* One that begins long and gets nothing through falls back, and goes on from there.
 * REQ: PMTU-4821-7.7-1 PMTU-4821-3-1 */
static void test_tcp_mtu_black_hole_is_found(void)
{
    static const uint32_t limits[] = {1400, 1070, 600, 300};

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct path p = {.limit = limits[i]};
        struct peer k;
        int sd = probing(&k, 1);

        T_EQ(status(&k).mss, 1460);
        path_run(&k, &p, sd);
        struct tcp_status s = status(&k);

        T_TRUE(s.mss + 40 <= limits[i] && s.mss + 40 + 8 >= limits[i]);
        T_TRUE(k.net.tcp.stats.mtu_black_holes >= 1);
        peer_forget(&k);
        peer_end(&k);
    }
}
TWICE(test_tcp_mtu_black_hole_is_found)

/* Switched off, it is suffered until R2. */
static void test_tcp_mtu_black_hole_is_suffered_without(void)
{
    struct peer k;
    int sd = probing(&k, 0);

    peer_write(&k, sd, (const uint8_t[1460]){0}, 1460);
    for (int i = 0; i < 8; i++) {
        peer_run_to_frame(&k, NET_SEC(200));
        const struct seen *s = peer_next(&k);

        T_NEED(s != NULL);
        T_EQ(s->len, 1460);
    }
    peer_end(&k);
}

/* Timeouts of short segments are no sign of a black hole. REQ: PMTU-4821-7.7-1 */
static void test_tcp_mtu_short_segments_tell_nothing(void)
{
    struct peer k;
    int sd = probing(&k, 1);

    peer_write(&k, sd, (const uint8_t[1000]){0}, 1000);
    for (int i = 0; i < 8; i++) {
        peer_run_to_frame(&k, NET_SEC(200));
        const struct seen *s = peer_next(&k);

        T_NEED(s != NULL);
        T_EQ(s->len, 1000);
    }
    T_EQ(k.net.tcp.stats.mtu_black_holes, 0);
    T_EQ(status(&k).mss, 1460);
    peer_end(&k);
}

/* When the estimate has been forgotten, the search goes on. REQ: PMTU-1191-6.3-1 */
static void test_tcp_mtu_probe_again_after_ten_minutes(void)
{
    struct path p = {.limit = 1280}, q = {.limit = 1500};
    struct peer k;
    int sd = probing(&k, 2);

    path_run(&k, &p, sd);
    uint32_t before = status(&k).mss;

    T_TRUE(before <= 1240);
    k.h_iss += TOTAL; /* path_run() counts from 1 */
    peer_advance(&k, NET_SEC(610));
    peer_forget(&k);
    path_run(&k, &q, sd);
    T_TRUE(status(&k).mss > 1440);
    peer_forget(&k);
    peer_end(&k);
}

/* The floor of the search is a setting. REQ: PMTU-4821-7.2-1 */
static void test_tcp_mtu_search_begins_where_configured(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    T_EQ(cfg.tcp.base_mss, 1024);
    cfg.tcp.mtu_probing = 2;
    cfg.tcp.base_mss = 512;
    peer_begin_with(&k, &cfg);
    (void)established(&k);
    T_EQ(status(&k).mss, 512);
    peer_end(&k);
    cfg.tcp.base_mss = 9000; /* never above the path */
    peer_begin_with(&k, &cfg);
    (void)established(&k);
    T_EQ(status(&k).mss, 1460);
    peer_end(&k);
}

T_MAIN("tcp_mtuprobe", T_TWICE(test_tcp_mtu_probe_finds_the_path),
       T(test_tcp_mtu_probe_waits_for_the_window), T_TWICE(test_tcp_mtu_black_hole_is_found),
       T(test_tcp_mtu_black_hole_is_suffered_without), T(test_tcp_mtu_short_segments_tell_nothing),
       T(test_tcp_mtu_probe_again_after_ten_minutes),
       T(test_tcp_mtu_search_begins_where_configured))
