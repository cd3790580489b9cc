/* sock_send_ref: bytes that are sent from where they lie, and go back to their owner once. */
#include "hosts.h"

enum { PORT = 9, LEN = 300000, MSS = 1448 };

static struct hosts H;
static struct socks *Sa, *Sb;
static uint8_t Bytes[LEN], Got[LEN];
static int Ca, Cb, Listener; /* the two ends of a connection */

static struct loan {
    unsigned returned;
    uint8_t *overwrite; /* what its owner does with it as soon as it is back */
    size_t len;
} Loan;

static void returned(void *ctx)
{
    struct loan *l = ctx;

    l->returned++;
    if (l->overwrite != NULL)
        memset(l->overwrite, 0xee, l->len);
}

static int lend(uint32_t from, uint32_t len, unsigned flags)
{
    return sock_send_ref(Sa, Ca,
                         &(struct lent){
                             {Bytes + from, len},
                             returned, &Loan
    },
                         flags);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void up(void)
{
    hosts_begin(&H);
    Sa = net_socks(&H.a);
    Sb = net_socks(&H.b);
    Loan = (struct loan){0};
    for (size_t i = 0; i < LEN; i++)
        Bytes[i] = byte_at(i);
    Listener = sock_open(Sb, SOCK_KIND_TCP);
    T_NEED(sock_bind(Sb, Listener, &(struct sock_addr){.port = PORT}) == 0);
    T_NEED(sock_listen(Sb, Listener, 0) == 0);
    Ca = sock_open(Sa, SOCK_KIND_TCP);
}

static void connected(void)
{
    up();
    T_NEED(sock_connect(Sa, Ca, &(struct sock_addr){HOST_B, PORT}) == -EINPROGRESS);
    hosts_run(&H, NET_MS(100));
    Cb = sock_accept(Sb, Listener, NULL);
    T_NEED(Cb >= 0);
}

static void down(void)
{
    sock_close(Sb, Listener);
    hosts_end(&H);
    T_EQ(H.a.tcp.lent_pool.used, 0);
}

static void closed(void)
{
    sock_close(Sa, Ca);
    sock_close(Sb, Cb);
    down();
}

/* Read until @len bytes are there, and compare them with those from @from on. */
static void expect(uint32_t from, uint32_t len)
{
    uint32_t got = 0;

    for (unsigned turns = 0; got < len && turns < 1000; turns++) {
        int n = sock_recv(Sb, Cb, Got + got, len - got, 0);

        got += n > 0 ? (uint32_t)n : 0;
        hosts_run(&H, NET_MS(50));
    }
    T_EQ(got, len);
    for (uint32_t i = 0; i < len; i++)
        T_NEED(Got[i] == byte_at(from + i));
}

static void test_sendref_returns_when_the_last_byte_is_acknowledged(void)
{
    connected();
    H.is_cut = true;
    T_EQ(lend(0, 5000, 0), 5000);
    hosts_run(&H, NET_MS(10));
    T_EQ(Loan.returned, 0); /* sent, and lost */
    T_EQ(H.a.core.bufs.used, 0);
    H.is_cut = false;
    Loan.overwrite = Bytes;
    Loan.len = 5000;
    hosts_run(&H, NET_SEC(2)); /* sent again, from there */
    T_EQ(Loan.returned, 1);
    expect(0, 5000);
    closed();
    T_EQ(Loan.returned, 1);
}

static void test_sendref_is_taken_whole_where_there_is_any_room(void)
{
    connected();
    T_EQ(sock_setopt(Sa, Ca, SOCK_OPT_SNDBUF, 10000), 0);
    T_EQ(sock_send(Sa, Ca, Bytes, 9999, 0), 9999);
    T_EQ(lend(9999, LEN - 9999, 0), LEN - 9999);
    T_EQ(lend(0, 1, 0), -EAGAIN);
    T_EQ(sock_send(Sa, Ca, Bytes, 1, 0), -EAGAIN);
    T_EQ(poll_events(Sa, Ca) & SOCK_OUT, 0);
    expect(0, LEN);
    T_EQ(Loan.returned, 1);
    T_EQ(poll_events(Sa, Ca) & SOCK_OUT, SOCK_OUT);
    closed();
}

/* A head that is composed and a body that lies elsewhere leave in full segments. */
static void test_sendref_segments_are_full_where_spans_meet(void)
{
    struct pkt *p;
    uint32_t at = 0;

    connected();
    T_EQ(sock_setopt(Sa, Ca, SOCK_OPT_NODELAY, 1), 0);
    T_EQ(sock_send(Sa, Ca, Bytes, 300, SOCK_MSG_MORE), 300);
    T_EQ(lend(300, 4000, SOCK_MSG_MORE), 4000);
    T_EQ(lend(4300, 700, SOCK_MSG_MORE), 700);
    T_EQ(sock_send(Sa, Ca, Bytes + 5000, 4000, 0), 4000);
    while (at < 9000 && net_output(&H.a, &p, 1, H.now) == 1) {
        uint32_t text = pkt_total(p) - ETH_HDR_LEN - IP4_HDR_LEN - 32;
        uint8_t *frame = malloc(pkt_total(p));

        T_EQ(text, u32_min(MSS, 9000 - at));
        T_NEED(frame != NULL);
        pkt_copy_out(p, frame);
        for (uint32_t i = 0; i < text; i++)
            T_NEED(frame[ETH_HDR_LEN + IP4_HDR_LEN + 32 + i] == byte_at(at + i));
        /* What is not copied is where it was lent. */
        if (at == 0 || at == MSS)
            T_TRUE(p->ext == Bytes + (at == 0 ? 300 : MSS));
        at += text;
        free(frame);
        pkt_release(p);
    }
    T_EQ(at, 9000);
    expect(0, 9000); /* what was thrown away here is sent again */
    T_EQ(Loan.returned, 2);
    closed();
}

static void test_sendref_fin_follows_what_is_lent(void)
{
    connected();
    T_EQ(lend(0, 20000, 0), 20000);
    T_EQ(sock_shutdown(Sa, Ca, SOCK_SHUT_WR), 0);
    T_EQ(lend(0, 10, 0), -EPIPE);
    expect(0, 20000);
    T_EQ(sock_recv(Sb, Cb, Got, 1, 0), 0);
    T_EQ(Loan.returned, 1);
    closed();
}

static void test_sendref_close_keeps_the_loan_until_it_has_arrived(void)
{
    connected();
    H.is_cut = true;
    T_EQ(lend(0, 20000, 0), 20000);
    T_EQ(sock_close(Sa, Ca), 0);
    hosts_run(&H, NET_MS(100));
    T_EQ(Loan.returned, 0);
    H.is_cut = false;
    expect(0, 20000);
    T_EQ(Loan.returned, 1);
    sock_close(Sb, Cb);
    down();
    T_EQ(Loan.returned, 1);
}

static void test_sendref_abort_returns_at_once(void)
{
    connected();
    H.is_cut = true;
    T_EQ(lend(0, 20000, 0), 20000);
    T_EQ(lend(20000, 20000, 0), 20000);
    hosts_run(&H, NET_MS(1));
    T_EQ(sock_abort(Sa, Ca), 0);
    T_EQ(Loan.returned, 2);
    H.is_cut = false;
    sock_abort(Sb, Cb);
    down();
    T_EQ(Loan.returned, 2);
}

static void test_sendref_reset_by_the_peer_returns(void)
{
    connected();
    T_EQ(sock_abort(Sb, Cb), 0);
    T_EQ(lend(0, 20000, 0), 20000); /* the reset is still to come */
    hosts_run(&H, NET_MS(100));
    T_EQ(Loan.returned, 1);
    T_EQ(lend(0, 10, 0), -ECONNRESET);
    T_EQ(Loan.returned, 1); /* what was not taken does not come back */
    sock_close(Sa, Ca);
    down();
    T_EQ(Loan.returned, 1);
}

static void test_sendref_timeout_returns(void)
{
    connected();
    T_EQ(sock_setopt(Sa, Ca, SOCK_OPT_USER_TIMEOUT, 3000), 0);
    H.is_cut = true;
    T_EQ(lend(0, 20000, 0), 20000);
    hosts_run(&H, NET_SEC(20));
    T_EQ(Loan.returned, 1);
    H.is_cut = false;
    closed();
    T_EQ(Loan.returned, 1);
}

static void test_sendref_before_the_connection_is_there(void)
{
    up();
    T_EQ(lend(0, 100, 0), -ENOTCONN);
    H.is_cut = true;
    T_NEED(sock_connect(Sa, Ca, &(struct sock_addr){HOST_B, PORT}) == -EINPROGRESS);
    T_EQ(lend(0, 20000, 0), 20000);
    hosts_run(&H, NET_MS(100));
    T_EQ(Loan.returned, 0);
    H.is_cut = false;
    hosts_run(&H, NET_SEC(3));
    Cb = sock_accept(Sb, Listener, NULL);
    T_NEED(Cb >= 0);
    expect(0, 20000);
    T_EQ(Loan.returned, 1);
    closed();
    /* And one that never comes about. */
    up();
    H.is_cut = true;
    T_NEED(sock_connect(Sa, Ca, &(struct sock_addr){HOST_B, PORT}) == -EINPROGRESS);
    T_EQ(lend(0, 20000, 0), 20000);
    T_EQ(sock_close(Sa, Ca), 0);
    T_EQ(Loan.returned, 1);
    H.is_cut = false;
    down();
}

static void test_sendref_errors(void)
{
    int udp;

    connected();
    T_EQ(lend(0, 0, 0), 0);
    T_EQ(sock_send_ref(Sa, 1000,
                       &(struct lent){
                           {Bytes, 10},
                           returned, &Loan
    },
                       0),
         -EBADF);
    T_EQ(sock_send_ref(Sa, Ca,
                       &(struct lent){
                           {Bytes, (size_t)SENDQ_LENT_MAX + 1},
                           returned, &Loan
    },
                       0),
         -EMSGSIZE);
    udp = sock_open(Sa, SOCK_KIND_UDP);
    T_EQ(sock_send_ref(Sa, udp,
                       &(struct lent){
                           {Bytes, 10},
                           returned, &Loan
    },
                       0),
         -EOPNOTSUPP);
    sock_close(Sa, udp);
    H.a.tcp.lent_pool.count = 3; /* one is the head of the list */
    T_EQ(lend(0, 1000, 0), 1000);
    T_EQ(lend(1000, 1000, 0), 1000);
    T_EQ(lend(2000, 1000, 0), -ENOBUFS);
    T_EQ(sock_send(Sa, Ca, Bytes + 2000, 1000, 0), 1000); /* a copy */
    T_EQ(Loan.returned, 0);
    expect(0, 3000);
    T_EQ(Loan.returned, 2);
    closed();
}

T_MAIN("sendref", T(test_sendref_returns_when_the_last_byte_is_acknowledged),
       T(test_sendref_is_taken_whole_where_there_is_any_room),
       T(test_sendref_segments_are_full_where_spans_meet), T(test_sendref_fin_follows_what_is_lent),
       T(test_sendref_close_keeps_the_loan_until_it_has_arrived),
       T(test_sendref_abort_returns_at_once), T(test_sendref_reset_by_the_peer_returns),
       T(test_sendref_timeout_returns), T(test_sendref_before_the_connection_is_there),
       T(test_sendref_errors))
