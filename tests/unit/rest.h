/* rest.h - two hosts with a connection between them, which rests when it is told to. */
#ifndef STACKD_TESTS_REST_H
#define STACKD_TESTS_REST_H

#include "hosts.h"

#include "l4_transport/tcp_idle.h"
#include "l4_transport/tcp_priv.h"
#include "l5_session/sock_priv.h"

/* Two hosts with a connection from a to b; host b packs what it can, when it is told to. */
struct rest {
    struct hosts h;
    struct socks *a, *b;
    int la, sa, sb; /* b's listener; the two ends */
};

static inline void rest_open(struct rest *r)
{
    r->a = net_socks(&r->h.a);
    r->b = net_socks(&r->h.b);
    r->la = sock_open(r->b, SOCK_KIND_TCP);
    T_EQ(sock_bind(r->b, r->la, &(struct sock_addr){IP_ADDR_ANY, 80}), 0);
    T_EQ(sock_listen(r->b, r->la, 32), 0);
    r->sa = sock_open(r->a, SOCK_KIND_TCP);
    T_EQ(sock_connect(r->a, r->sa, &(struct sock_addr){HOST_B, 80}), -EINPROGRESS);
    hosts_run(&r->h, NET_MS(1));
    r->sb = sock_accept(r->b, r->la, NULL);
    T_NEED(r->sb >= 0);
    poll_wait(r->a, 0, NULL, 0); /* nobody polls: what is on the ready lists is known */
    poll_wait(r->b, 0, NULL, 0);
}

static inline void rest_config(struct net_config *a, struct net_config *b)
{
    hosts_config(a, 1);
    hosts_config(b, 2);
}

static inline void rest_begin_with(struct rest *r, const struct net_config *a,
                                   const struct net_config *b)
{
    memset(r, 0, sizeof(*r));
    hosts_begin_with(&r->h, a, b);
    T_EQ(poll_open(net_socks(&r->h.a)), 0);
    T_EQ(poll_open(net_socks(&r->h.b)), 0);
    rest_open(r);
}

static inline void rest_begin(struct rest *r)
{
    struct net_config a, b;

    rest_config(&a, &b);
    rest_begin_with(r, &a, &b);
}

static inline void rest_end(struct rest *r)
{
    sock_close(r->a, r->sa);
    sock_close(r->b, r->sb);
    sock_close(r->b, r->la);
    poll_close(r->a, 0);
    poll_close(r->b, 0);
    hosts_end(&r->h);
}

static inline struct tcb *rest_tcb(struct net *n, int sd)
{
    struct sock *k = sock_at(net_socks(n), sd);

    T_NEED(k != NULL && k->state == SOCK_TCP_CONN);
    return k->as.t;
}

static inline bool is_packed(struct net *n, int sd)
{
    return sock_at(net_socks(n), sd)->state == SOCK_TCP_IDLE;
}

/* Everybody on the ready list is told. */
static inline void rest_tell(struct net *n)
{
    poll_wait(net_socks(n), 0, NULL, 0);
}

static inline bool rest_pack(struct net *n)
{
    rest_tell(n);
    return tcp_idle_sweep(&n->tcp, n->tcp.tcbs.frontier);
}

/* @len bytes from one end to the other, which reads them. */
static inline void rest_say(struct rest *r, bool from_a, size_t len)
{
    static uint8_t out[100000], in[100000];
    struct socks *s = from_a ? r->a : r->b, *d = from_a ? r->b : r->a;
    size_t sent = 0, got = 0;

    for (unsigned rounds = 0; got < len && rounds < 1000; rounds++) {
        int n = sock_send(s, from_a ? r->sa : r->sb, out, len - sent, 0);

        sent += n > 0 ? (size_t)n : 0;
        hosts_run(&r->h, NET_MS(1));
        n = sock_recv(d, from_a ? r->sb : r->sa, in, sizeof(in), 0);
        got += n > 0 ? (size_t)n : 0;
    }
    T_EQ(got, len);
}

/* ---- the same afterwards ---- */

/* What is forgotten on purpose or may differ (the page of tcp_idle.c), taken out of the block. */
static inline void rest_forget(struct tcb *t)
{
    t->conn.link = (struct hash_node){0};
    t->conn.timer = (struct timer){0};
    t->snd_wl1 = t->snd_wl2 = t->recover = t->irs; /* checked by hand */
    t->max_snd_wnd = 0;
    t->path = (struct tcp_path){.mtu = t->path.mtu, .room = t->path.room, .gso = t->path.gso};
    t->rcvq.since = t->rcvq.edge_at = t->rcvq.heard = 0;
    t->rcvq.from = t->rcvq.edge = t->irs;
    t->rcvq.tsecr = t->rcvq.period = 0;
    t->fin_seq = t->timed_seq = t->irs;
    t->last_sent = t->rtx_since = t->pace_at = t->timed_at = t->sampled_at = 0;
    t->min_rtt_at = t->ts_recent_at = t->delivered_at = t->first_sent_at = 0;
    t->round_end = t->app_limited = t->delivery_rate = 0;
    t->rate_is_app_limited = false;
    t->rack = (struct tcp_rack){.reordering_seen = t->rack.reordering_seen,
                                .reo_mult = t->rack.reo_mult,
                                .is_valid = t->rack.is_valid};
    t->undo_valid = t->had_partial = t->fo_offer = t->oob_fetched = false;
    t->cc_state = (struct cc_state){{0}};
    t->snd = (struct sendq){.ring.len = sendq_len(&t->snd)};
    t->rcv = (struct recvq){.ring.len = recvq_len(&t->rcv)};
    t->due_next = t->due_prev = t->queue_next = NULL;
    t->orphan_older = t->orphan_newer = NULL;
    t->ready = (struct ready){.owner = t->ready.owner};
    t->rare = NULL;   /* has a comparison of its own */
    t->rcvq.came = 0; /* counts anew: one that trickles less than it takes to be counted may, too */
}

static inline void rest_compare(const struct tcb *before, const struct tcb *after)
{
    static struct tcb x, y;

    memcpy(&x, before, sizeof(x)); /* with the padding between the fields */
    memcpy(&y, after, sizeof(y));
    T_TRUE(seq_leq(y.snd_wl1, y.rcv_nxt) && seq_leq(x.snd_wl1, y.snd_wl1));
    T_TRUE(seq_eq(y.snd_wl2, y.snd_una) && seq_leq(x.snd_wl2, y.snd_wl2));
    T_EQ(y.recover.v, y.snd_una.v - 1);
    T_TRUE(y.max_snd_wnd >= x.max_snd_wnd &&
           y.max_snd_wnd < x.max_snd_wnd + (1u << x.snd_wnd_shift));
    T_TRUE(y.last_sent >= x.last_sent);
    T_TRUE(y.last_sent - x.last_sent <= (x.heard_at - x.last_sent) / 1000);
    T_TRUE(y.min_rtt_at >= x.min_rtt_at && y.min_rtt_at < x.min_rtt_at + NET_SEC(2));
    rest_forget(&x);
    rest_forget(&y);
    for (size_t i = 0; i < sizeof(x); i++) {
        if (((uint8_t *)&x)[i] != ((uint8_t *)&y)[i]) {
            printf("byte %zu of struct tcb: %u, then %u\n", i, ((uint8_t *)&x)[i],
                   ((uint8_t *)&y)[i]);
            T_TRUE(((uint8_t *)&x)[i] == ((uint8_t *)&y)[i]);
            return;
        }
    }
}

/* What is attached: the counters, and only where one of them counts. */
static inline void rest_compare_rare(const struct tcp_rare *before, const struct tcb *after)
{
    bool is_any = false;

#define X(field)                                                                                   \
    T_TRUE(tcp_rare(after)->field == before->field);                                               \
    is_any = is_any || before->field != 0;
    TCP_IDLE_RARE(X)
#undef X
    T_EQ(after->rare != NULL, is_any);
}

/* Pack @sd of @n and unpack it: nothing may be different. Return: was it a large record? */
static inline bool rest_round(struct net *n, int sd)
{
    static struct tcb before;
    struct tcp_rare rare;
    const struct tcp *tcp = &n->tcp;
    struct tcp_status was, is;
    uint32_t at = 0, used = n->tcp.tcbs.used, rares = n->tcp.rares.used;

    rest_tell(n);
    memcpy(&before, rest_tcb(n, sd), sizeof(before));
    rare = *tcp_rare(&before);
    tcp_status(rest_tcb(n, sd), &was);
    T_NEED(rest_pack(n));
    T_NEED(is_packed(n, sd));
    T_EQ(tcp->tcbs.used, used - 1);
    T_EQ(tcp->rares.used, rares - (before.rare != NULL));
    T_EQ(tcp_idle_count(tcp), 1);
    bool is_large = tcp->idles.used == 0;

    T_NEED(tcp_each(tcp, &at, &is)); /* ss shows it as it was */
    T_TRUE(is.srtt == was.srtt && is.rto == was.rto && is.min_rtt == was.min_rtt);
    T_TRUE(is.state == was.state && is.owner == was.owner && is.cwnd == was.cwnd);
    T_TRUE(is.bytes_in == was.bytes_in && is.bytes_out == was.bytes_out);
    T_TRUE(is.mss == was.mss && is.pmtu == was.pmtu && is.rcv_wnd == was.rcv_wnd);
    T_TRUE(is.delivered == was.delivered && is.ssthresh == was.ssthresh);
    T_EQ(is.snd_wnd, was.snd_wnd);
    T_EQ(strcmp(is.timer, was.timer), 0);
    T_EQ(is.timer_left, was.timer_left);
    T_TRUE(is_packed(n, sd)); /* for which it need not be woken */
    T_TRUE(sock_awake(net_socks(n), sd)->state == SOCK_TCP_CONN);
    T_EQ(tcp_idle_count(tcp), 0);
    rest_compare(&before, rest_tcb(n, sd));
    rest_compare_rare(&rare, rest_tcb(n, sd));
    return is_large;
}

static inline void rest_both(struct rest *r, bool large_a, bool large_b)
{
    T_EQ(rest_round(&r->h.b, r->sb), large_b);
    T_EQ(rest_round(&r->h.a, r->sa), large_a);
}

#endif
