/* test_tcp_fastopen.c - Fast Open between two hosts of ours: a is the client, b the server. What the
 * segments look like, tests/script/fastopen shows. */
#include "hosts.h"
#include "l4_transport/tcp_priv.h"
#include "l5_session/sock_priv.h"

enum { PORT = 80 };

struct fo {
    struct hosts h;
    struct net_config cfg[2];
    int listener;
};

static void fo_config(struct fo *f)
{
    *f = (struct fo){.listener = -1};
    hosts_config(&f->cfg[0], 1);
    hosts_config(&f->cfg[1], 2);
    f->cfg[0].tcp.fastopen = TCP_FO_CLIENT;
    f->cfg[1].tcp.fastopen = TCP_FO_SERVER;
}

static void fo_listen(struct fo *f)
{
    struct socks *b = net_socks(&f->h.b);

    f->listener = sock_open(b, SOCK_KIND_TCP);
    T_EQ(sock_setopt(b, f->listener, SOCK_OPT_FASTOPEN, 4), 0);
    T_EQ(sock_bind(b, f->listener, &(struct sock_addr){IP_ADDR_ANY, PORT}), 0);
    T_EQ(sock_listen(b, f->listener, 16), 0);
}

static void fo_begin(struct fo *f)
{
    hosts_begin_with(&f->h, &f->cfg[0], &f->cfg[1]);
    fo_listen(f);
}

static void fo_end(struct fo *f)
{
    sock_close(net_socks(&f->h.b), f->listener);
    hosts_end(&f->h);
    T_EQ(f->h.b.tcp.fo.reqs.used, 0);
}

/* One exchange: "ping" there, "pong" back. Return: whether the ping went with the SYN. */
static bool fo_exchange(struct fo *f)
{
    struct socks *a = net_socks(&f->h.a), *b = net_socks(&f->h.b);
    uint64_t accepted = f->h.b.tcp.fo.stats.accepted;
    struct sock_addr to = {HOST_B, PORT};
    int sd = sock_open(a, SOCK_KIND_TCP), n = sock_connect_send(a, sd, &to, "ping", 4, 0);
    char text[8];

    T_TRUE(n == 4 || n == -EINPROGRESS);
    hosts_run(&f->h, NET_MS(1));
    if (n < 0)
        T_EQ(sock_send(a, sd, "ping", 4, 0), 4);
    hosts_run(&f->h, NET_MS(1));
    int child = sock_accept(b, f->listener, NULL);

    T_EQ(sock_recv(b, child, text, sizeof(text), 0), 4);
    T_MEM(text, "ping", 4);
    T_EQ(sock_send(b, child, "pong", 4, 0), 4);
    sock_close(b, child);
    hosts_run(&f->h, NET_MS(1));
    T_EQ(sock_recv(a, sd, text, sizeof(text), 0), 4);
    T_MEM(text, "pong", 4);
    T_EQ(sock_recv(a, sd, text, sizeof(text), 0), 0);
    sock_close(a, sd);
    hosts_run(&f->h, NET_MS(1));
    return f->h.b.tcp.fo.stats.accepted > accepted;
}

static void test_tcp_fastopen_from_the_second_time_on(void)
{
    struct fo f;

    fo_config(&f);
    fo_begin(&f);
    T_FALSE(fo_exchange(&f));
    for (unsigned i = 0; i < 20; i++)
        T_TRUE(fo_exchange(&f));
    T_EQ(f.h.a.tcp.fo.stats.sent, 20);
    T_EQ(f.h.a.tcp.stats.rtx_segs, 0);
    T_EQ(f.h.b.tcp.fo.reqs.used, 0);
    fo_end(&f);
}

static void test_tcp_fastopen_needs_both(void)
{
    for (unsigned who = 0; who < 2; who++) {
        struct fo f;

        fo_config(&f);
        f.cfg[1].tcp.fastopen = who == 0 ? 0 : TCP_FO_SERVER;
        f.cfg[0].tcp.fastopen = TCP_FO_CLIENT;
        fo_begin(&f);
        if (who == 1)
            sock_setopt(net_socks(&f.h.b), f.listener, SOCK_OPT_FASTOPEN, 0);
        for (unsigned i = 0; i < 3; i++)
            T_FALSE(fo_exchange(&f));
        T_EQ(f.h.b.tcp.fo.stats.offers + f.h.b.tcp.fo.stats.overflows, 0);
        fo_end(&f);
    }
}

/* A key lives an hour, and the one before it is good as long again. */
/* REQ: TFO-7413-4.1.2-1 */
static void test_tcp_fastopen_cookies_expire(void)
{
    struct fo f;

    fo_config(&f);
    f.cfg[1].tcp.fastopen_rotate = NET_SEC(3600);
    fo_begin(&f);
    T_FALSE(fo_exchange(&f));
    hosts_run(&f.h, NET_SEC(3500));
    T_TRUE(fo_exchange(&f));
    hosts_run(&f.h, NET_SEC(200)); /* the key before; and a new cookie comes with the answer */
    uint8_t before[TCP_FO_MAX], after[TCP_FO_MAX];
    struct tcp_opts o = {0};
    const struct tcp_id id = {HOST_B, HOST_A, PORT, 1000};

    T_TRUE(fo_exchange(&f));
    tcp_fo_offer(&f.h.b.tcp, &id, &o, before);
    T_EQ(f.h.b.tcp.fo.stats.bad_cookies, 0);
    hosts_run(&f.h, NET_SEC(3600)); /* so the first one is no longer asked about */
    T_TRUE(fo_exchange(&f));
    tcp_fo_offer(&f.h.b.tcp, &id, &o, after);
    T_TRUE(memcmp(before, after, o.fo_len) != 0);
    hosts_run(&f.h, NET_SEC(7300)); /* two of them later it is not good any more */
    T_FALSE(fo_exchange(&f));
    T_EQ(f.h.b.tcp.fo.stats.bad_cookies, 1);
    T_TRUE(fo_exchange(&f)); /* but the answer had a new one */
    fo_end(&f);
}

/* Cookies depend on both addresses and on the secret, not on ports. */
static void test_tcp_fastopen_cookies_are_bound(void)
{
    struct fo f;
    struct tcp_opts o = {0};
    uint8_t good[TCP_FO_MAX], other[TCP_FO_MAX];
    struct tcp_id id = {HOST_B, HOST_A, PORT, 1000};

    fo_config(&f);
    fo_begin(&f);
    tcp_fo_offer(&f.h.b.tcp, &id, &o, good);
    T_TRUE(o.has_fo && o.fo == good && o.fo_len == 8);
    id.rport = 1001;
    tcp_fo_offer(&f.h.b.tcp, &id, &o, other);
    T_MEM(other, good, 8);
    id.remote = ip_addr_v4(0x0a000009);
    tcp_fo_offer(&f.h.b.tcp, &id, &o, other);
    T_TRUE(memcmp(other, good, 8) != 0);
    id.remote = (struct ip_addr){0x20010db800000000, 1};
    tcp_fo_offer(&f.h.b.tcp, &id, &o, other);
    T_TRUE(memcmp(other, good, 8) != 0);
    id.remote = HOST_A;
    tcp_fo_offer(&f.h.a.tcp, &id, &o, other); /* another host's secret */
    T_TRUE(memcmp(other, good, 8) != 0);
    fo_end(&f);
}

/* A cache of three servers: the one that was not used for longest goes. The answers of the servers are
 * told to blocks that never send. */
static void test_tcp_fastopen_cache_is_bounded(void)
{
    struct fo f;

    fo_config(&f);
    f.cfg[0].tcp.fastopen_cache = 3;
    fo_begin(&f);
    struct tcp *tcp = &f.h.a.tcp;

    for (uint32_t i = 0; i < 5; i++) {
        const struct tcp_id id = {HOST_A, ip_addr_v4(0x0a000064 + i), 1000, PORT};
        struct tcp_opts o = {.has_mss = true,
                             .mss = 1460,
                             .has_fo = true,
                             .fo_len = 8,
                             .fo = (const uint8_t *)"12345678"};
        struct tcb *t = tcp_tcb_new(tcp, &id);
        const struct tcp_id first = {HOST_A, ip_addr_v4(0x0a000064), 1001, PORT};

        t->fo_tried = true;
        tcp_fo_answer(t, &o, 0, 0);
        T_TRUE(tcp_fo_ready(tcp, &id));
        tcp_tcb_free(t);
        if (i == 2) { /* the first one is used again: the second is the oldest now */
            t = tcp_tcb_new(tcp, &first);
            t->fo_tried = true;
            tcp_fo_answer(t, &o, 0, 0);
            tcp_tcb_free(t);
        }
    }
    T_EQ(tcp->fo.peers.used, 3);
    for (uint32_t i = 0; i < 5; i++) {
        const struct tcp_id id = {HOST_A, ip_addr_v4(0x0a000064 + i), 1000, PORT};

        T_EQ(tcp_fo_ready(tcp, &id), i == 0 || i > 2);
    }
    fo_end(&f);
}

/* A cache of none, and a pool of no requests, are no Fast Open, and do no harm. */
static void test_tcp_fastopen_without_memory(void)
{
    struct fo f;

    fo_config(&f);
    f.cfg[0].tcp.fastopen_cache = 0;
    fo_begin(&f);
    for (unsigned i = 0; i < 3; i++)
        T_FALSE(fo_exchange(&f));
    const struct tcp_id id = {HOST_A, HOST_B, 1000, PORT};
    struct tcb *t = tcp_tcb_new(&f.h.a.tcp, &id);
    struct tcp_opts first = {0}, second = {0};
    uint8_t cookie[TCP_FO_MAX];

    t->fo_wanted = true;
    T_EQ(tcp_fo_syn_fill(t, &first, cookie), 0);
    T_TRUE(first.has_fo && first.fo_len == 0);
    tcp_fo_silent(t); /* nothing can be noted, and still the next SYN is plain */
    T_EQ(tcp_fo_syn_fill(t, &second, cookie), 0);
    T_FALSE(second.has_fo);
    tcp_tcb_free(t);
    fo_end(&f);
    fo_config(&f);
    f.cfg[1].tcp.fastopen_pending = 0;
    fo_begin(&f);
    for (unsigned i = 0; i < 3; i++)
        T_FALSE(fo_exchange(&f));
    T_TRUE(f.h.b.tcp.fo.stats.overflows > 0);
    fo_end(&f);
}

/* A listener goes while requests of its clients are pending, and while others are remembered. */
static void test_tcp_fastopen_listener_goes(void)
{
    struct fo f;
    struct sock_addr to = {HOST_B, PORT};

    fo_config(&f);
    fo_begin(&f);
    T_FALSE(fo_exchange(&f));
    struct socks *a = net_socks(&f.h.a), *b = net_socks(&f.h.b);
    int sd[3], child;

    for (unsigned i = 0; i < 3; i++) {
        sd[i] = sock_open(a, SOCK_KIND_TCP);
        T_EQ(sock_connect_send(a, sd[i], &to, "ping", 4, 0), 4);
    }
    while (hosts_move(&f.h, &f.h.a, &f.h.b) >
           0) /* the SYNs arrive, what answers them does not leave */
        ;
    T_EQ(f.h.b.tcp.fo.reqs.used, 3);
    child = sock_accept(b, f.listener, NULL);
    T_TRUE(child >= 0);
    sock_close(b, f.listener);
    T_EQ(f.h.b.tcp.fo.reqs.used, 0);
    hosts_run(&f.h, NET_MS(1));
    char text[8];

    T_EQ(sock_recv(b, child, text, sizeof(text), 0), 4);
    sock_close(b, child);
    for (unsigned i = 0; i < 3; i++)
        sock_close(a, sd[i]);
    hosts_run(&f.h, NET_SEC(200));
    fo_listen(&f);
    fo_end(&f);
}

T_MAIN("tcp_fastopen", T(test_tcp_fastopen_from_the_second_time_on),
       T(test_tcp_fastopen_needs_both), T(test_tcp_fastopen_cookies_expire),
       T(test_tcp_fastopen_cookies_are_bound), T(test_tcp_fastopen_cache_is_bounded),
       T(test_tcp_fastopen_without_memory), T(test_tcp_fastopen_listener_goes))
