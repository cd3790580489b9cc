/* test_tcp_idle.c - connections that rest: what is packed, what is the same afterwards, what is not. */
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

static void rest_open(struct rest *r)
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

static void rest_config(struct net_config *a, struct net_config *b)
{
    hosts_config(a, 1);
    hosts_config(b, 2);
}

static void rest_begin_with(struct rest *r, const struct net_config *a, const struct net_config *b)
{
    memset(r, 0, sizeof(*r));
    hosts_begin_with(&r->h, a, b);
    T_EQ(poll_open(net_socks(&r->h.a)), 0);
    T_EQ(poll_open(net_socks(&r->h.b)), 0);
    rest_open(r);
}

static void rest_begin(struct rest *r)
{
    struct net_config a, b;

    rest_config(&a, &b);
    rest_begin_with(r, &a, &b);
}

static void rest_end(struct rest *r)
{
    sock_close(r->a, r->sa);
    sock_close(r->b, r->sb);
    sock_close(r->b, r->la);
    poll_close(r->a, 0);
    poll_close(r->b, 0);
    hosts_end(&r->h);
}

static struct tcb *rest_tcb(struct net *n, int sd)
{
    struct sock *k = sock_at(net_socks(n), sd);

    T_NEED(k != NULL && k->state == SOCK_TCP_CONN);
    return k->as.t;
}

static bool is_packed(struct net *n, int sd)
{
    return sock_at(net_socks(n), sd)->state == SOCK_TCP_IDLE;
}

/* Everybody on the ready list is told. */
static void rest_tell(struct net *n)
{
    poll_wait(net_socks(n), 0, NULL, 0);
}

static bool rest_pack(struct net *n)
{
    rest_tell(n);
    return tcp_idle_sweep(&n->tcp, n->tcp.tcbs.frontier);
}

/* @len bytes from one end to the other, which reads them. */
static void rest_say(struct rest *r, bool from_a, size_t len)
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
static void rest_forget(struct tcb *t)
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
    t->round_end = t->app_limited = 0;
    t->rack = (struct tcp_rack){.reordering_seen = t->rack.reordering_seen,
                                .reo_mult = t->rack.reo_mult,
                                .is_valid = t->rack.is_valid};
    t->undo_valid = t->had_partial = t->fo_offer = t->oob_fetched = false;
    t->cc_state = (struct cc_state){{0}};
    t->snd = (struct sendq){.len = t->snd.len};
    t->rcv = (struct ring){.len = t->rcv.len};
    t->due_next = t->due_prev = t->queue_next = NULL;
    t->orphan_older = t->orphan_newer = NULL;
    t->ready = (struct ready){.owner = t->ready.owner};
    t->rare = NULL;   /* has a comparison of its own */
    t->rcvq.came = 0; /* counts anew: one that trickles less than it takes to be counted may, too */
}

static void rest_compare(const struct tcb *before, const struct tcb *after)
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
static void rest_compare_rare(const struct tcp_rare *before, const struct tcb *after)
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
static bool rest_round(struct net *n, int sd)
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
    T_EQ(tcp->idles.used + tcp->idle_larges.used, 1);
    bool is_large = tcp->idle_larges.used == 1;

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
    T_EQ(tcp->idles.used + tcp->idle_larges.used, 0);
    rest_compare(&before, rest_tcb(n, sd));
    rest_compare_rare(&rare, rest_tcb(n, sd));
    return is_large;
}

static void rest_both(struct rest *r, bool large_a, bool large_b)
{
    T_EQ(rest_round(&r->h.b, r->sb), large_b);
    T_EQ(rest_round(&r->h.a, r->sa), large_a);
}

static void test_tcp_idle_is_the_same_afterwards(void)
{
    static struct rest r;

    rest_begin(&r);
    rest_both(&r, false, false);
    rest_say(&r, true, 10);
    rest_say(&r, false, 99);
    hosts_run(&r.h, NET_MS(100)); /* delayed ACKs */
    rest_both(&r, false, false);
    for (unsigned i = 0; i < 20; i++) {
        rest_say(&r, true, 30000);
        rest_say(&r, false, 100000);
    }
    hosts_run(&r.h, NET_SEC(70));
    rest_both(&r, false, false);
    rest_say(&r, true, 5);
    T_TRUE(r.h.a.tcp.rares.peak == 0 && r.h.b.tcp.rares.peak == 0); /* nothing went wrong */
    rest_end(&r);
}

/* With other options on the wire, other controllers, and what the user can set. */
static void test_tcp_idle_keeps_options(void)
{
    static struct rest r;
    struct net_config a, b;

    for (unsigned i = 0; i < 16; i++) {
        rest_config(&a, &b);
        a.tcp.timestamps = (i & 1) != 0;
        a.tcp.sack = (i & 2) != 0;
        a.tcp.window_scaling = (i & 4) != 0;
        a.tcp.cc = b.tcp.cc = (uint8_t)(i >> 3); /* CUBIC, Reno */
        rest_begin_with(&r, &a, &b);
        rest_say(&r, i & 1, 20000);
        T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_NODELAY, i & 1), 0);
        T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_OOB_INLINE, i & 2), 0);
        T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_CORK, i & 4), 0);
        if (i & 1)
            T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_SNDBUF, 4321), 0);
        if (i & 2)
            T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_RCVBUF, 54321), 0);
        hosts_run(&r.h, NET_MS(100));
        rest_both(&r, false, false);
        rest_say(&r, true, 777);
        rest_end(&r);
    }
}

/* What needs a timer or has a past takes a larger record, and is the same as well. */
static void test_tcp_idle_keeps_wishes_and_the_past(void)
{
    static struct rest r;
    struct net_config a, b;

    rest_config(&a, &b);
    a.tcp.ecn = TCP_ECN_ASK;
    rest_begin_with(&r, &a, &b);
    rest_say(&r, true, 3000);
    hosts_run(&r.h, NET_MS(100));
    rest_both(&r, true, true); /* ECN */
    rest_end(&r);

    rest_begin(&r);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEPALIVE, 1), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_IDLE, 50), 0);
    T_EQ(sock_setopt(r.a, r.sa, SOCK_OPT_USER_TIMEOUT, 5000), 0);
    rest_both(&r, true, true);
    rest_end(&r);

    rest_begin(&r);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_TOS, 0x10), 0);
    T_EQ(sock_setopt(r.a, r.sa, SOCK_OPT_TTL, 7), 0);
    rest_both(&r, true, true);
    rest_end(&r);

    rest_begin(&r);
    r.h.is_cut = true; /* a loss */
    T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
    hosts_run(&r.h, NET_MS(10));
    r.h.is_cut = false;
    hosts_run(&r.h, NET_SEC(1));
    uint8_t x;

    T_EQ(sock_recv(r.b, r.sb, &x, 1, 0), 1);
    hosts_run(&r.h, NET_SEC(1));
    T_TRUE(rest_tcb(&r.h.a, r.sa)->rare->rtx_total > 0);
    rest_say(&r, true, 1); /* the probe's end of the tail is over */
    rest_say(&r, true, 1);
    hosts_run(&r.h, NET_SEC(1));
    rest_both(&r, true, false);
    rest_end(&r);
}

enum { REST_BITS, REST_PAST, REST_RARE, REST_LISTS };

/* Another value in the field of @row of @list, one of tcp_idle.h's. Return: its name; NULL: there are no more. */
static const char *rest_flip(struct tcb *t, unsigned row, unsigned list)
{
    unsigned at = 0;

#define X(kept, field, usual)                                                                      \
    if (list == REST_PAST && at++ == row) {                                                        \
        t->field = !t->field;                                                                      \
        return #field;                                                                             \
    }
    TCP_IDLE_PAST(X)
#undef X
#define X(field, bits)                                                                             \
    if (list == REST_BITS && at++ == row) {                                                        \
        t->field = !t->field;                                                                      \
        return #field;                                                                             \
    }
    TCP_IDLE_BITS(X)
#undef X
#define X(field)                                                                                   \
    if (list == REST_RARE && at++ == row) {                                                        \
        tcp_rare_get(t)->field = !tcp_rare(t)->field;                                              \
        return #field;                                                                             \
    }
    TCP_IDLE_RARE(X)
#undef X
    return NULL;
}

/* Each field of the lists by itself. Left out: those on which others depend, which have a test each. */
static void test_tcp_idle_keeps_each_field(void)
{
    static const char *const others[] = {"life_at",  "keep_at",       "detached",
                                         "rcv_shut", "snd_wnd_shift", "has_ts"};
    static struct rest r;
    const char *name;
    unsigned rows = 0;

    for (unsigned list = 0; list < REST_LISTS; list++) {
        for (unsigned row = 0;; row++) {
            rest_begin(&r);
            struct tcb *t = rest_tcb(&r.h.b, r.sb);
            bool is_other = false;

            name = rest_flip(t, row, list);
            for (size_t i = 0; name != NULL && i < ARRAY_LEN(others); i++)
                is_other = is_other || strcmp(name, others[i]) == 0;
            if (name != NULL && !is_other) {
                T_EQ(rest_round(&r.h.b, r.sb), list != REST_BITS);
                rows++;
            }
            rest_flip(rest_tcb(&r.h.b, r.sb), row, list);
            rest_end(&r);
            if (name == NULL)
                break;
        }
    }
    T_TRUE(rows > 40);
}

/* FIN-WAIT-2 of one whose user is there: he can still receive. */
static void test_tcp_idle_half_closed(void)
{
    static struct rest r;

    rest_begin(&r);
    rest_say(&r, true, 10);
    T_EQ(sock_shutdown(r.b, r.sb, SOCK_SHUT_WR), 0);
    hosts_run(&r.h, NET_MS(100));
    T_EQ(tcp_state(rest_tcb(&r.h.b, r.sb)), TCP_FIN_WAIT_2);
    rest_round(&r.h.b, r.sb);
    T_NEED(rest_pack(&r.h.b) && is_packed(&r.h.b, r.sb));
    T_EQ(poll_events(r.b, r.sb), SOCK_OUT);
    rest_say(&r, true, 20000);
    rest_end(&r);
}

/* CLOSE-WAIT: the peer has closed, and the user, who has been told, takes his time. */
static void test_tcp_idle_half_closed_by_the_peer(void)
{
    static struct rest r;
    uint8_t byte;

    rest_begin(&r);
    rest_say(&r, true, 10);
    T_EQ(sock_shutdown(r.b, r.sb, SOCK_SHUT_WR), 0);
    hosts_run(&r.h, NET_MS(100));
    T_EQ(tcp_state(rest_tcb(&r.h.a, r.sa)), TCP_CLOSE_WAIT);
    unsigned events = poll_events(r.a, r.sa);

    T_EQ(events, SOCK_IN | SOCK_OUT | SOCK_RDHUP);
    rest_round(&r.h.a, r.sa);
    T_NEED(rest_pack(&r.h.a) && is_packed(&r.h.a, r.sa));
    T_EQ(poll_events(r.a, r.sa), events);
    T_EQ(sock_recv(r.a, r.sa, &byte, 1, 0), 0); /* the end, as before */
    rest_say(&r, true, 20000);
    hosts_run(&r.h, NET_SEC(1));
    T_NEED(rest_pack(&r.h.a) && is_packed(&r.h.a, r.sa));
    T_EQ(sock_close(r.a, r.sa), 0);
    hosts_run(&r.h, NET_MS(100)); /* LAST-ACK, and its ACK */
    T_EQ(r.h.a.tcp.tcbs.used + r.h.a.tcp.idles.used, 0);
    T_EQ(r.h.a.tcp.stats.aborted, 0);
    rest_end(&r);
}

/* ---- what does not fit ---- */

static void test_tcp_idle_not_while_something_waits(void)
{
    static struct rest r;
    static uint8_t data[3000];
    struct tcb *a, *b;

    rest_begin(&r);
    a = rest_tcb(&r.h.a, r.sa);
    b = rest_tcb(&r.h.b, r.sb);
    rest_tell(&r.h.a);
    rest_tell(&r.h.b);
    T_TRUE(tcp_idle_fits(a) && tcp_idle_fits(b));
    T_EQ(sock_send(r.a, r.sa, data, sizeof(data), 0), sizeof(data));
    T_TRUE(!tcp_idle_fits(a)); /* not sent */
    r.h.is_cut = true;
    hosts_run(&r.h, NET_MS(1));
    T_TRUE(!tcp_idle_fits(a)); /* not acknowledged */
    r.h.is_cut = false;
    hosts_run(&r.h, NET_SEC(2));
    rest_tell(&r.h.b);
    T_TRUE(!tcp_idle_fits(b)); /* not read */
    T_EQ(sock_recv(r.b, r.sb, data, sizeof(data), 0), sizeof(data));
    hosts_run(&r.h, NET_SEC(1));
    T_TRUE(tcp_idle_fits(b));

    T_EQ(sock_send(r.a, r.sa, data, 1, 0), 1);
    hosts_run(&r.h, NET_MS(1));
    T_TRUE(!tcp_idle_fits(b)); /* the user has not been told, and it is unread */
    rest_tell(&r.h.b);
    T_EQ(sock_recv(r.b, r.sb, data, 1, 0), 1);
    hosts_run(&r.h, NET_MS(100));
    T_TRUE(tcp_idle_fits(b));
    sock_setopt(r.b, r.sb, SOCK_OPT_QUICKACK, 0);
    T_EQ(sock_send(r.a, r.sa, data, 1, 0), 1);
    hosts_run(&r.h, NET_MS(1));
    T_EQ(sock_recv(r.b, r.sb, data, 1, 0), 1);
    rest_tell(&r.h.b);
    T_TRUE(!tcp_idle_fits(b)); /* the ACK is delayed */
    hosts_run(&r.h, NET_MS(50));
    T_TRUE(tcp_idle_fits(b));

    b->soft_error = EHOSTUNREACH; /* somebody may ask */
    T_TRUE(!tcp_idle_fits(b));
    b->soft_error = 0;
    tcp_rare_get(b)->challenges = 1;
    tcp_rare_get(b)->challenge_since = r.h.now;
    T_TRUE(!tcp_idle_fits(b)); /* its throttle must not begin anew */
    hosts_run(&r.h, NET_SEC(1));
    T_TRUE(tcp_idle_fits(b));
    b->segs_in = 1 << 24; /* no room for that */
    T_TRUE(!tcp_idle_fits(b));
    b->segs_in = 1;
    T_TRUE(tcp_idle_fits(b));
    rest_end(&r);
}

/* BBR's model does not fit into four bytes. */
static void test_tcp_idle_not_with_bbr(void)
{
    static struct rest r;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.cc = (uint8_t)cc_by_name("bbr");
    rest_begin_with(&r, &a, &b);
    T_TRUE(!rest_pack(&r.h.b));
    T_TRUE(rest_pack(&r.h.a));
    rest_end(&r);
}

/* ---- awake again ---- */

static void test_tcp_idle_wakes_by_a_segment_and_by_its_user(void)
{
    static struct rest r;
    uint8_t byte;

    rest_begin(&r);
    T_NEED(rest_pack(&r.h.a) && rest_pack(&r.h.b));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), -EAGAIN);
    T_EQ(poll_events(r.b, r.sb), SOCK_OUT);
    struct sock_addr me, peer;

    T_EQ(sock_name(r.b, r.sb, &me), 0);
    T_EQ(sock_peer(r.b, r.sb, &peer), 0);
    T_TRUE(ip_addr_eq(me.ip, HOST_B) && me.port == 80 && ip_addr_eq(peer.ip, HOST_A));
    T_TRUE(is_packed(&r.h.b, r.sb) && is_packed(&r.h.a, r.sa)); /* none of these needs a block */
    T_EQ(sock_connect(r.a, r.sa, &(struct sock_addr){HOST_B, 80}), -EISCONN);

    T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
    T_TRUE(!is_packed(&r.h.a, r.sa));
    hosts_run(&r.h, NET_MS(1));
    T_TRUE(!is_packed(&r.h.b, r.sb));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), 1);
    T_EQ(r.h.b.tcp.stats.unpacked, 1);
    T_EQ(r.h.a.tcp.stats.packed, 1);
    rest_end(&r);
}

/* An ICMP error can only be about something in flight: it wakes nobody. */
static void test_tcp_idle_icmp_wakes_nobody(void)
{
    static struct rest r;
    uint8_t quoted[8] = {0, 80};

    rest_begin(&r);
    struct tcb *t = rest_tcb(&r.h.b, r.sb);
    struct ip_error e = {
        .kind = IP_ERR_PORT_UNREACH,
        .local = HOST_B,
        .remote = HOST_A,
        .proto = IP_PROTO_TCP,
        .quoted = {quoted, sizeof(quoted)}
    };

    quoted[2] = (uint8_t)(t->conn.id.rport >> 8);
    quoted[3] = (uint8_t)t->conn.id.rport;
    T_NEED(rest_pack(&r.h.b));
    T_EQ(tcp_input_error(&r.h.b.tcp, &e), V_DROP_ICMP4_NO_OWNER);
    T_TRUE(is_packed(&r.h.b, r.sb));
    T_TRUE(tcp_port_in_use(&r.h.b.tcp, HOST_B, 80, false)); /* and the port is still taken */
    rest_end(&r);
}

/* After a long rest the window is what RFC 5681 section 4.1 allows. */
static void test_tcp_idle_window_restarts(void)
{
    static struct rest r;

    for (unsigned packs = 0; packs < 2; packs++) {
        rest_begin(&r);
        for (unsigned i = 0; i < 30; i++)
            rest_say(&r, true, 100000);
        hosts_run(&r.h, NET_MS(100));
        uint32_t before = rest_tcb(&r.h.a, r.sa)->cwnd;

        T_TRUE(before > 3 * 14600);
        if (packs)
            T_NEED(rest_pack(&r.h.a));
        hosts_run(&r.h, NET_SEC(10));
        T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
        struct tcb *t = rest_tcb(&r.h.a, r.sa);

        T_EQ(t->cwnd, 10u * t->snd_mss);
        T_TRUE(t->ssthresh >= before / 4 * 3);
        rest_end(&r);
    }
}

/* Keep-alives leave at their moment, and a dead peer is noticed at its moment. */
static void test_tcp_idle_keepalive(void)
{
    static struct rest r;
    uint8_t byte;

    rest_begin(&r);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEPALIVE, 1), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_IDLE, 100), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_INTERVAL, 10), 0);
    T_EQ(sock_setopt(r.b, r.sb, SOCK_OPT_KEEP_COUNT, 3), 0);
    net_time at = rest_tcb(&r.h.b, r.sb)->keep_at;

    T_NEED(rest_pack(&r.h.b) && rest_pack(&r.h.a));
    T_TRUE(net_deadline(&r.h.b) <= at);
    hosts_run(&r.h, at - r.h.now - 1);
    T_EQ(r.h.b.tcp.stats.keepalives, 0);
    T_TRUE(is_packed(&r.h.b, r.sb));
    hosts_run(&r.h, 1);
    hosts_run(&r.h, 1);
    T_EQ(r.h.b.tcp.stats.keepalives, 1); /* and it was answered */
    T_NEED(rest_pack(&r.h.b));
    r.h.is_cut = true;
    hosts_run(&r.h, NET_SEC(100 + 3 * 10) - NET_MS(1));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), -EAGAIN);
    hosts_run(&r.h, NET_SEC(1));
    T_EQ(sock_recv(r.b, r.sb, &byte, 1, 0), -ETIMEDOUT);
    T_EQ(r.h.b.tcp.stats.keepalives, 4);
    r.h.is_cut = false;
    rest_end(&r);
}

/* ---- orphans ---- */

/* b closes, a does not: FIN-WAIT-2 without a user, packed. */
static void rest_orphan(struct rest *r)
{
    rest_begin(r);
    T_EQ(sock_close(r->b, r->sb), 0);
    hosts_run(&r->h, NET_MS(1));
    T_EQ(r->h.b.tcp.tcbs.used, 1);
    T_NEED(rest_pack(&r->h.b));
    T_EQ(r->h.b.tcp.tcbs.used, 0);
    T_EQ(r->h.b.tcp.idle_larges.used, 1);
    T_EQ(r->h.b.tcp.idle_orphans, 1);
}

static void rest_orphan_end(struct rest *r)
{
    T_EQ(r->h.b.tcp.idle_orphans, 0);
    sock_close(r->a, r->sa);
    sock_close(r->b, r->la);
    poll_close(r->a, 0);
    poll_close(r->b, 0);
    hosts_end(&r->h);
}

static void test_tcp_idle_orphan_times_out(void)
{
    static struct rest r;

    rest_orphan(&r);
    hosts_run(&r.h, NET_SEC(59));
    T_EQ(net_connections(&r.h.b), 1);
    hosts_run(&r.h, NET_SEC(1));
    T_EQ(net_connections(&r.h.b), 0);
    T_EQ(r.h.b.tcp.tcbs.used, 0);
    T_EQ(r.h.b.tcp.stats.unpacked, 0); /* which needs no block */
    rest_orphan_end(&r);
}

static void test_tcp_idle_orphan_gets_its_fin(void)
{
    static struct rest r;

    rest_orphan(&r);
    T_EQ(sock_shutdown(r.a, r.sa, SOCK_SHUT_WR), 0);
    hosts_run(&r.h, NET_MS(1));
    T_EQ(r.h.b.tcp.tws.used, 1);
    T_EQ(r.h.b.tcp.tcbs.used, 0);
    rest_orphan_end(&r);
}

/* Data for a user who has gone: RFC 1122 section 4.2.2.13. */
static void test_tcp_idle_orphan_resets_data(void)
{
    static struct rest r;
    uint8_t byte;

    rest_orphan(&r);
    T_EQ(sock_send(r.a, r.sa, "x", 1, 0), 1);
    hosts_run(&r.h, NET_MS(1));
    T_EQ(net_connections(&r.h.b), 0);
    T_EQ(sock_recv(r.a, r.sa, &byte, 1, 0), -EPIPE);
    rest_orphan_end(&r);
}

/* ---- pools ---- */

enum { CROWD = 20 };

struct crowd {
    struct rest r;
    int a[CROWD], b[CROWD];
    unsigned count;
};

/* As many connections more as b has room for. */
static void crowd_grow(struct crowd *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        c->a[c->count] = sock_open(c->r.a, SOCK_KIND_TCP);
        T_EQ(sock_connect(c->r.a, c->a[c->count], &(struct sock_addr){HOST_B, 80}), -EINPROGRESS);
        hosts_run(&c->r.h, NET_MS(1));
        c->b[c->count] = sock_accept(c->r.b, c->r.la, NULL);
        rest_tell(&c->r.h.a);
        rest_tell(&c->r.h.b);
        c->count++;
    }
}

static void crowd_end(struct crowd *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        sock_close(c->r.a, c->a[i]);
        sock_close(c->r.b, c->b[i]);
        hosts_run(&c->r.h, NET_MS(1));
    }
    rest_end(&c->r);
}

/* Four blocks, twenty connections: the hand packs who rests before anybody is refused. */
static void test_tcp_idle_makes_room(void)
{
    static struct crowd c;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.connections = 4;
    c.count = 0;
    rest_begin_with(&c.r, &a, &b);
    crowd_grow(&c, CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        T_TRUE(c.b[i] >= 0);
    T_EQ(c.r.h.b.tcp.idles.used, CROWD + 1 - 4);
    T_EQ(c.r.h.b.tcp.stats.orphans_evicted, 0);
    for (unsigned i = 0; i < 3 * CROWD; i++) { /* each of them talks */
        unsigned k = i * 7 % CROWD;
        uint8_t byte = (uint8_t)i, got = 0;

        T_EQ(sock_send(c.r.a, c.a[k], &byte, 1, 0), 1);
        hosts_run(&c.r.h, NET_MS(1));
        T_EQ(sock_recv(c.r.b, c.b[k], &got, 1, 0), 1);
        T_EQ(got, byte);
        rest_tell(&c.r.h.b);
        hosts_run(&c.r.h, NET_MS(50));
    }
    T_TRUE(c.r.h.b.tcp.tcbs.used <= 4);
    crowd_end(&c);
}

/* The limit above which the hand moves, although there are blocks left. */
static void test_tcp_idle_stays_below_full_idle(void)
{
    static struct crowd c;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.full_idle = 5;
    c.count = 0;
    rest_begin_with(&c.r, &a, &b);
    crowd_grow(&c, CROWD);
    T_EQ(c.r.h.b.tcp.tcbs.peak, 6);
    T_EQ(c.r.h.b.tcp.idles.used, CROWD + 1 - 6);
    T_EQ(c.r.h.a.tcp.stats.packed, 0); /* few connections never pay */
    crowd_end(&c);
}

/* Everybody is busy and nobody can be packed: a segment for one that rests waits, a call says so, and
 * close() ends it with a reset. */
static void test_tcp_idle_without_a_block(void)
{
    static struct crowd c;
    struct net_config a, b;
    uint8_t byte;

    rest_config(&a, &b);
    b.tcp.connections = 2;
    c.count = 0;
    rest_begin_with(&c.r, &a, &b);
    crowd_grow(&c, 3);
    T_EQ(c.r.h.b.tcp.idles.used, 2);
    for (unsigned i = 0; i < 3; i++)
        sock_send(c.r.a, c.a[i], "x", 1, 0);
    sock_send(c.r.a, c.r.sa, "x", 1, 0);
    hosts_run(&c.r.h, NET_MS(5)); /* two wake up and hold what nobody reads */
    T_TRUE(c.r.h.b.core.drops[V_DROP_TCP_TCB_POOL] > 0);
    int asleep = -1, other = -1;
    const int all[] = {c.r.sb, c.b[0], c.b[1], c.b[2]};

    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        if (is_packed(&c.r.h.b, all[i]))
            asleep = all[i];
        else
            other = all[i];
    }
    T_NEED(asleep >= 0 && other >= 0);
    T_EQ(sock_send(c.r.b, asleep, "y", 1, 0), -ENOBUFS);
    T_EQ(sock_shutdown(c.r.b, asleep, SOCK_SHUT_WR), -ENOBUFS);
    T_TRUE(is_packed(&c.r.h.b, asleep));
    T_EQ(sock_recv(c.r.b, other, &byte, 1, 0), 1); /* room again: the peer's next try succeeds */
    rest_tell(&c.r.h.b);
    hosts_run(&c.r.h, NET_SEC(2));
    T_EQ(sock_recv(c.r.b, asleep, &byte, 1, 0), 1);
    rest_tell(&c.r.h.b);
    hosts_run(&c.r.h, NET_SEC(2));
    crowd_end(&c);
}

static void test_tcp_idle_close_without_a_block(void)
{
    static struct crowd c;
    struct net_config a, b;
    uint8_t byte;

    rest_config(&a, &b);
    b.tcp.connections = 1;
    c.count = 0;
    rest_begin_with(&c.r, &a, &b);
    crowd_grow(&c, 1);
    T_TRUE(is_packed(&c.r.h.b, c.r.sb));
    sock_send(c.r.a, c.a[0], "x", 1, 0);
    hosts_run(&c.r.h, NET_MS(5));
    T_EQ(sock_close(c.r.b, c.r.sb), 0);
    hosts_run(&c.r.h, NET_MS(5));
    T_EQ(sock_recv(c.r.a, c.r.sa, &byte, 1, 0), -ECONNRESET);
    T_EQ(c.r.h.b.tcp.idles.used, 0);
    T_EQ(sock_recv(c.r.b, c.b[0], &byte, 1, 0), 1);
    crowd_end(&c);
}

/* cfg.idle 0 packs nothing; a full pool of records packs no more. */
static void test_tcp_idle_pool(void)
{
    static struct crowd c;
    struct net_config a, b;

    for (uint32_t room = 0; room < 4; room += 3) {
        rest_config(&a, &b);
        b.tcp.idle = room;
        b.tcp.full_idle = 0;
        c.count = 0;
        rest_begin_with(&c.r, &a, &b);
        crowd_grow(&c, CROWD);
        hosts_run(&c.r.h, NET_SEC(1));
        T_EQ(c.r.h.b.tcp.idles.used, room);
        T_EQ(c.r.h.b.tcp.tcbs.used, CROWD + 1 - room);
        crowd_end(&c);
    }
}

/* Orphans take no more than half of the large records. */
static void test_tcp_idle_orphans_have_a_share(void)
{
    static struct crowd c;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.idle = 8;
    b.tcp.full_idle = 0;
    c.count = 0;
    rest_begin_with(&c.r, &a, &b);
    crowd_grow(&c, 7);
    for (unsigned i = 0; i < 7; i++)
        T_EQ(sock_close(c.r.b, c.b[i]), 0);
    hosts_run(&c.r.h, NET_SEC(1));
    T_EQ(c.r.h.b.tcp.idle_orphans, 4);
    T_EQ(c.r.h.b.tcp.idle_larges.used, 4);
    T_EQ(c.r.h.b.tcp.tcbs.used, 3);
    T_EQ(c.r.h.b.tcp.idles.used, 1);
    crowd_end(&c);
}

/* ---- ten thousand ---- */

enum { MANY = 10000 };

/* What a connection at rest costs TCP, exactly, by what the pools hand out. */
static void test_tcp_idle_bytes_per_connection(void)
{
    static struct rest r;
    static int sa[MANY], sb[MANY];
    struct net_config cfg[2];

    rest_config(&cfg[0], &cfg[1]);
    for (unsigned i = 0; i < 2; i++) {
        cfg[i].tcp.connections = 256;
        cfg[i].tcp.idle = MANY;
        cfg[i].tcp.full_idle = 100;
        cfg[i].tcp.time_wait = MANY + 1;
        cfg[i].socks.sockets = MANY + 2;
    }
    rest_begin_with(&r, &cfg[0], &cfg[1]);
    for (unsigned i = 0; i < MANY; i++) {
        sa[i] = sock_open(r.a, SOCK_KIND_TCP);
        T_NEED(sock_connect(r.a, sa[i], &(struct sock_addr){HOST_B, 80}) == -EINPROGRESS);
        hosts_run(&r.h, NET_MS(1));
        sb[i] = sock_accept(r.b, r.la, NULL);
        T_NEED(sb[i] >= 0);
        rest_tell(&r.h.a);
        rest_tell(&r.h.b);
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct tcp *tcp = i == 0 ? &r.h.a.tcp : &r.h.b.tcp;

        T_EQ(tcp->tcbs.peak, 101); /* full_idle, and the one that is being made */
        T_EQ(tcp->idles.used, MANY + 1 - 101);
        T_EQ(tcp->idle_larges.used, 0);
        T_EQ(tcp->idles.size, 128);
    }
    for (unsigned i = 0; i < MANY; i += 97) { /* some of them talk */
        uint8_t byte = (uint8_t)i, got = 0;

        T_NEED(sock_send(r.a, sa[i], &byte, 1, 0) == 1);
        hosts_run(&r.h, NET_MS(1));
        T_NEED(sock_recv(r.b, sb[i], &got, 1, 0) == 1 && got == byte);
    }
    T_TRUE(r.h.b.tcp.tcbs.peak <= 110 && r.h.a.tcp.tcbs.peak <= 110);
    for (unsigned i = 0; i < MANY; i++) {
        sock_close(r.a, sa[i]);
        sock_close(r.b, sb[i]);
        hosts_run(&r.h, NET_MS(1));
    }
    rest_end(&r);
}

T_MAIN("tcp_idle", T(test_tcp_idle_is_the_same_afterwards), T(test_tcp_idle_keeps_options),
       T(test_tcp_idle_keeps_wishes_and_the_past), T(test_tcp_idle_half_closed),
       T(test_tcp_idle_half_closed_by_the_peer), T(test_tcp_idle_keeps_each_field),
       T(test_tcp_idle_not_while_something_waits), T(test_tcp_idle_not_with_bbr),
       T(test_tcp_idle_wakes_by_a_segment_and_by_its_user), T(test_tcp_idle_icmp_wakes_nobody),
       T(test_tcp_idle_window_restarts), T(test_tcp_idle_keepalive),
       T(test_tcp_idle_orphan_times_out), T(test_tcp_idle_orphan_gets_its_fin),
       T(test_tcp_idle_orphan_resets_data), T(test_tcp_idle_makes_room),
       T(test_tcp_idle_stays_below_full_idle), T(test_tcp_idle_without_a_block),
       T(test_tcp_idle_close_without_a_block), T(test_tcp_idle_pool),
       T(test_tcp_idle_orphans_have_a_share), T(test_tcp_idle_bytes_per_connection))
