/* test_tcp_idle.c - connections that rest: what is packed, what is the same afterwards, what is not. */
#include "rest.h"

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
    rest_both(&r, false, false); /* ECN, and no marks */
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

enum { REST_SMALL, REST_PAST, REST_RARE, REST_LISTS };

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
#define X(field)                                                                                   \
    if (list == REST_SMALL && at++ == row) {                                                       \
        t->field = !t->field;                                                                      \
        return #field;                                                                             \
    }
    TCP_IDLE_24(X)
    TCP_IDLE_FLAGS(X)
    X(quick_acks) X(cc) X(snd_wnd_shift) X(rcv_wnd_shift)
#undef X
#define X(field)                                                                                   \
    if (list == REST_PAST && at++ == row) {                                                        \
        t->field = !t->field;                                                                      \
        return #field;                                                                             \
    }
        TCP_IDLE_PAST_FLAGS(X)
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
                T_EQ(rest_round(&r.h.b, r.sb), list != REST_SMALL);
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

/* What the peer SACKed, threw away and got again counts twice: the count never goes down. */
static void test_tcp_idle_keeps_what_was_delivered_twice(void)
{
    static struct rest r;

    rest_begin(&r);
    rest_say(&r, true, 3000);
    hosts_run(&r.h, NET_MS(100));
    struct tcb *t = rest_tcb(&r.h.a, r.sa);

    t->delivered += 1448;
    rest_both(&r, true, false);
    t = rest_tcb(&r.h.a, r.sa);
    t->delivered += (uint64_t)UINT32_MAX - 1447; /* no room for that */
    rest_tell(&r.h.a);
    T_TRUE(!tcp_idle_fits(t));
    t->delivered--;
    T_TRUE(tcp_idle_fits(t));
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
    b->rcvq.rtt = NET_SEC(2);
    b->rcvq.heard = b->heard_at = b->tcp->c->now;
    T_TRUE(!tcp_idle_fits(b)); /* its buffer is being measured */
    b->rcvq.heard -= NET_SEC(2);
    T_TRUE(tcp_idle_fits(b));
    rest_end(&r);
}

/* BBR's model does not fit into four bytes: all of it stays, and the rates that follow from it. */
static void test_tcp_idle_keeps_the_model_of_bbr(void)
{
    static struct rest r;
    struct net_config a, b;

    rest_config(&a, &b);
    b.tcp.cc = (uint8_t)cc_by_name("bbr");
    rest_begin_with(&r, &a, &b);
    for (unsigned i = 0; i < 3; i++)
        rest_say(&r, false, 100000);
    rest_say(&r, true, 5);
    hosts_run(&r.h, NET_SEC(1));
    /* What the peer SACKed, threw away and got again counts twice. The model counts by it. */
    rest_tcb(&r.h.b, r.sb)->delivered += 1448;
    struct tcb was = *rest_tcb(&r.h.b, r.sb);

    T_TRUE(was.pacing_rate != 0);
    rest_both(&r, false, true);
    const struct tcb *is = rest_tcb(&r.h.b, r.sb);

    T_EQ(memcmp(&is->cc_state, &was.cc_state, sizeof(was.cc_state)), 0);
    T_TRUE(is->pacing_rate == was.pacing_rate && is->app_limited == was.app_limited);
    T_TRUE(is->round_end == was.round_end && is->delivered == was.delivered);
    T_TRUE(is->delivered_at == was.delivered_at && is->first_sent_at == was.first_sent_at);
    rest_say(&r, false, 100000);
    hosts_run(&r.h, NET_SEC(1));
    T_NEED(rest_pack(&r.h.b) && is_packed(&r.h.b, r.sb));
    T_EQ(r.h.b.tcp.idle_models.used, 1);
    T_TRUE(r.h.b.tcp.idle_models.size < sizeof(struct tcb) / 2);
    sock_abort(r.b, r.sb);
    T_EQ(r.h.b.tcp.idle_models.used, 0);
    r.sb = -1;
    rest_end(&r);
}

/* ---- awake again ---- */

T_MAIN("tcp_idle", T(test_tcp_idle_is_the_same_afterwards), T(test_tcp_idle_keeps_options),
       T(test_tcp_idle_keeps_wishes_and_the_past), T(test_tcp_idle_keeps_each_field),
       T(test_tcp_idle_half_closed), T(test_tcp_idle_half_closed_by_the_peer),
       T(test_tcp_idle_not_while_something_waits), T(test_tcp_idle_keeps_the_model_of_bbr),
       T(test_tcp_idle_keeps_what_was_delivered_twice))
