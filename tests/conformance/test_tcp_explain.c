/*
 * test_tcp_explain.c - why is it silent? Each reason of tcp_reason.def is made to hold, and is told with
 * its numbers; the decisive one stands first. The last test demands that none was left out.
 */
#include "flow.h"
#include "l4_transport/tcp_explain.h"
#include "l4_transport/tcp_priv.h"

static bool seen_kind[TCP_REASON_KINDS];
static char told[4096]; /* by the last why() */

/* All reasons of @id, one a line, in @side's order; those of other sides are left out. */
static const char *why_id(struct peer *k, const struct tcp_id *id, enum tcp_reason_side side)
{
    struct tcp_reason r[TCP_REASONS_MAX];
    unsigned n = tcp_explain(&k->net.tcp, id, r);
    size_t len = 0;

    T_TRUE(n > 0);
    told[0] = '\0';
    for (unsigned i = 0; i < n; i++) {
        if (i > 0) /* one side after the other */
            T_TRUE(tcp_reason_info(r[i].kind)->side >= tcp_reason_info(r[i - 1].kind)->side);
        if (tcp_reason_info(r[i].kind)->side != side)
            continue;
        seen_kind[r[i].kind] = true;
        len += tcp_reason_text(&r[i], told + len, sizeof(told) - len - 2);
        told[len++] = '\n';
        told[len] = '\0';
    }
    return told;
}

static const char *why(struct peer *k, enum tcp_reason_side side)
{
    struct tcp_id id = {ip_addr_v4(H_IP), ip_addr_v4(k->peer_ip), k->h_port, k->peer_port};

    return why_id(k, &id, side);
}
#define sends(k)    why((k), TCP_WHY_SEND)
#define receives(k) why((k), TCP_WHY_RECV)
#define lives(k)    why((k), TCP_WHY_LIFE)

/* Is @sentence, a whole line, the decisive reason of @text, or (@anywhere) among them? */
static bool tells(const char *text, const char *sentence, bool anywhere)
{
    const char *at = strstr(text, sentence);
    bool is_so = at != NULL && at[strlen(sentence)] == '\n' && (anywhere || at == text);

    if (!is_so)
        printf("told:\n%s", text);
    return is_so;
}
#define T_FIRST(text, sentence) T_TRUE(tells(text, sentence, false))
#define T_ALSO(text, sentence)  T_TRUE(tells(text, sentence, true))

/* ---- nothing to do ---- */

static void test_explain_nothing_is_wrong(void)
{
    struct peer k;

    peer_begin(&k);
    established(&k);
    T_STR(sends(&k), "all that the program has written is sent and acknowledged: there is nothing "
                     "to send\n");
    peer_advance(&k, NET_MS(2500));
    T_STR(receives(&k), "the peer has sent nothing for 2.5 s\n");
    T_STR(lives(&k), "");
    peer_end(&k);
}
TWICE(test_explain_nothing_is_wrong)

static void test_explain_unknown_connection(void)
{
    struct tcp_reason r[TCP_REASONS_MAX];
    struct peer k;

    peer_begin(&k);
    T_EQ(tcp_explain(&k.net.tcp, &(struct tcp_id){ip_addr_v4(H_IP), ip_addr_v4(PEER_IP), 80, 1}, r),
         0);
    T_EQ(tcp_explain(&k.net.tcp, &(struct tcp_id){.lport = 80}, r), 0);
    peer_end(&k);
}

/* ---- the way ---- */

static void test_explain_no_route_and_no_source(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    flow_write(&k, sd, 1, 100);
    peer_forget(&k);
    T_EQ(ip_route_del(&k.net.ip, 0x0a000000, 24, 0, 0), 0);
    T_FIRST(sends(&k), "there is no route to 10.0.0.1: nothing can leave until one is added");
    T_EQ(ip_addr_del(&k.net.ip, 0, H_IP), 0);
    T_FIRST(sends(&k), "our own address cannot be used: it is not ours any more, or it is still "
                       "being probed");
    peer_forget(&k);
    peer_end(&k);
}

static void test_explain_neighbour(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    k.sees_arp = true; /* and nobody answers */
    T_EQ(arp_del(&k.net.ifs[0].arp, PEER_IP), 0);
    flow_write(&k, sd, 1, 100);
    peer_settle(&k);
    T_FIRST(sends(&k),
            "the Ethernet address of 10.0.0.1 is being asked for: 1 packets wait for the "
            "answer");
    peer_advance(&k, NET_MS(3100));
    T_FIRST(sends(&k), "10.0.0.1 does not answer ARP: what is sent is lost until it does");
    peer_forget(&k);
    k.sees_arp = false;
    peer_end(&k);
}

static void test_explain_no_packet(void)
{
    static struct pkt *held[8192];
    struct peer k;
    unsigned n = 0;

    peer_begin(&k);
    int sd = established(&k);

    while (n < ARRAY_LEN(held) && (held[n] = pkt_alloc(&k.net.core.pkts, PKT_HEADROOM)) != NULL)
        n++;
    T_NEED(n < ARRAY_LEN(held));
    flow_write(&k, sd, 1, 100);
    char sentence[128];

    snprintf(sentence, sizeof(sentence),
             "no packet is free to send in: all %u of the pool are in use",
             k.net.core.pkts.slab.count);
    sends(&k);
    T_TRUE(strncmp(told, sentence, strlen(sentence)) == 0);
    T_ALSO(
        told,
        "100 bytes may leave by all rules, but no packet or no record of what is in flight could "
        "be had for them: they are tried again with the next ACK, and in 10 ms at the latest");
    while (n > 0)
        pkt_release(held[--n]);
    peer_end(&k);
}

static void test_explain_no_buffer(void)
{
    static uint8_t *held[16384];
    struct net_config cfg;
    struct peer k;
    unsigned n = 0;
    uint32_t cap;

    peer_config(&cfg);
    cfg.buffer_bytes = (size_t)1 << 20;
    peer_begin_with(&k, &cfg);
    int sd = flow_open(&k);
    struct buddy *b = &k.net.core.bufs;

    while (b->used < buddy_size(b) / 2)
        held[n++] = buddy_alloc(b, 16384, &cap);
    T_ALSO(receives(&k),
           "memory for socket buffers is scarce, 2097152 bytes are in use: no window is "
           "larger than 16384 bytes");
    while (n < ARRAY_LEN(held) && (held[n] = buddy_alloc(b, 64, &cap)) != NULL)
        n++;
    T_EQ(sock_send(net_socks(&k.net), sd, "x", 1, 0), -EAGAIN);
    peer_advance(&k, NET_MS(3));
    T_ALSO(sends(&k), "no memory is left for what the program wants to send: 4194304 bytes of "
                      "socket buffers are in use; it is asked again in 7 ms");
    while (n > 0) {
        n--;
        buddy_free(b, held[n]);
    }
    peer_forget(&k);
    peer_end(&k);
}

/* ---- the handshake ---- */

static void test_explain_syn_sent(void)
{
    struct peer k;

    peer_begin(&k);
    syn_sent(&k);
    peer_advance(&k, NET_MS(200));
    T_FIRST(sends(&k),
            "our SYN has left 1 times and nobody has answered: the next one leaves in 800 "
            "ms, 7 more follow before it is given up");
    peer_advance(&k, NET_MS(900));
    T_FIRST(sends(&k),
            "our SYN has left 2 times and nobody has answered: the next one leaves in 1.9 "
            "s, 6 more follow before it is given up");
    T_FIRST(receives(&k), "the handshake is not complete: no data are taken before");
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_explain_syn_sent)

static void test_explain_syn_deferred(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.fastopen = TCP_FO_CLIENT | TCP_FO_CLIENT_NO_COOKIE;
    peer_begin_with(&k, &cfg);
    struct socks *s = net_socks(&k.net);
    int sd = sock_open(s, SOCK_KIND_TCP);

    T_EQ(sock_setopt(s, sd, SOCK_OPT_FASTOPEN_CONNECT, 1), 0);
    sock_bind(s, sd, &(struct sock_addr){ip_addr_v4(H_IP), H_PORT});
    sock_connect(s, sd, &(struct sock_addr){ip_addr_v4(PEER_IP), PEER_PORT});
    T_FIRST(sends(&k),
            "the SYN waits for the program's first write, to take it along (TCP Fast Open)");
    sock_close(s, sd);
    peer_end(&k);
}

static void test_explain_half_open(void)
{
    struct peer k;

    peer_begin(&k);
    syn_rcvd(&k);
    peer_advance(&k, NET_MS(250));
    T_FIRST(sends(&k),
            "our SYN,ACK has left 1 times and its ACK has not come: the next one leaves in "
            "750 ms, 5 more follow before it is given up");
    T_FIRST(receives(&k), "the handshake is not complete: no data are taken before");
    peer_end(&k);
}

/* SYNs from two ports, answered. @iss: of H, of each */
static void two_syns(struct peer *k, uint32_t iss[2])
{
    for (uint16_t i = 0; i < 2; i++) {
        peer_tuple(k, (uint16_t)(PEER_PORT + i), H_PORT);
        say(k, .flags = "S", .win = 1000);
        expect_tcp(k, .flags = "S.", .ack = 1);
        iss[i] = k->h_iss;
    }
}

static void test_explain_accept_queue(void)
{
    struct net_config cfg;
    struct peer k;
    uint32_t iss[2];

    peer_config(&cfg);
    cfg.tcp.half_open = 2;
    peer_begin_with(&k, &cfg);
    peer_listen(&k, 1);
    struct tcp_id listener = {.lport = H_PORT};

    two_syns(&k, iss);
    T_FIRST(why_id(&k, &listener, TCP_WHY_RECV),
            "the half-open pool is full, 2 of 2: a SYN is treated as the policy says");
    T_FIRST(why_id(&k, &listener, TCP_WHY_LIFE),
            "it waits for connections: 2 half-open, 0 of 1 in the accept queue");
    peer_end(&k);
}

static void test_explain_accept_queue_full(void)
{
    struct peer k;
    uint32_t iss[2];

    peer_begin(&k);
    peer_listen(&k, 1);
    struct tcp_id listener = {.lport = H_PORT};

    two_syns(&k, iss);
    for (uint16_t i = 0; i < 2; i++) {
        peer_tuple(&k, (uint16_t)(PEER_PORT + i), H_PORT);
        k.h_iss = iss[i];
        k.knows_h_iss = true;
        say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
    }
    T_FIRST(sends(&k), "the accept queue is full, 1 of 1: the ACK that completes the handshake is "
                       "refused until the program accepts a connection");
    T_FIRST(why_id(&k, &listener, TCP_WHY_RECV),
            "the accept queue is full, 1 of 1: SYNs are dropped until the program accepts a "
            "connection");
    peer_tuple(&k, PEER_PORT, H_PORT);
    T_FIRST(lives(&k), "it waits in the accept queue: the program has not accepted it");
    peer_forget(&k);
    peer_end(&k);
}

/* ---- data that wait ---- */

static void test_explain_windows(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_ack(&k, 1, 2920);
    flow_write(&k, sd, 1, 10920);
    peer_forget(&k);
    T_FIRST(sends(&k),
            "the peer's window of 2920 bytes is used up by 2920 bytes in flight: 8000 bytes "
            "wait for an ACK or a larger window");
    flow_ack(&k, 2921, 0);
    T_FIRST(sends(&k),
            "the peer's window is closed: 8000 bytes wait until it opens; 0 probes have had "
            "no answer, the next one leaves in 200 ms");
    peer_advance(&k, NET_MS(300));
    T_FIRST(sends(&k),
            "the peer's window is closed: 8000 bytes wait until it opens; 1 probes have had "
            "no answer, the next one leaves in 300 ms");
    peer_forget(&k);
    flow_ack(&k, 2921, 100);
    T_FIRST(sends(&k),
            "the peer's window leaves room for 100 bytes only, less than a segment of 1460 "
            "bytes and less than half of the largest it ever offered, 65535 bytes: no silly "
            "small segment is sent");
    T_ALSO(sends(&k), "the override timer sends what there is in 300 ms");
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_explain_windows)

static void test_explain_congestion_window(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 30000);
    peer_forget(&k);
    T_FIRST(sends(&k), "the congestion window of 14600 bytes is used up: 14600 bytes are in the "
                       "network, 15400 bytes wait for an ACK");
    peer_end(&k);
}
TWICE(test_explain_congestion_window)

static void test_explain_small_segments(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_NODELAY, 0);
    flow_write(&k, sd, 1, 100);
    T_FIRST(sends(&k),
            "all that was written has been sent: 100 bytes wait for their ACK, and are sent "
            "again, or asked about, in 200 ms");
    flow_write(&k, sd, 101, 50);
    peer_forget(&k);
    T_FIRST(sends(&k), "50 bytes are less than a segment of 1460 bytes, and 100 bytes are not "
                       "acknowledged: Nagle's algorithm waits for the ACK (TCP_NODELAY would not)");
    flow_ack(&k, 101, 65535);
    peer_forget(&k);
    flow_ack(&k, 151, 65535);
    flow_setopt(&k, sd, SOCK_OPT_CORK, 1);
    flow_write(&k, sd, 151, 70);
    T_FIRST(sends(&k),
            "70 bytes are less than a segment of 1460 bytes, and the program has said that "
            "more will follow (TCP_CORK, MSG_MORE)");
    peer_forget(&k);
    peer_end(&k);
}

static void test_explain_due_and_buffer_full(void)
{
    static uint8_t much[200000];
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_setopt(&k, sd, SOCK_OPT_SNDBUF, 20000);
    k.is_held = true;
    T_TRUE(sock_send(net_socks(&k.net), sd, much, 20000, 0) == 20000);
    T_FIRST(sends(&k), "20000 bytes may leave, and do so with the next turn of output");
    k.is_held = false;
    peer_forget(&k);
    T_ALSO(sends(&k),
           "the send buffer is full, 20000 bytes of 20000 bytes: the program has to wait");
    peer_end(&k);
}

static void test_explain_pacing(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.pacing = true;
    peer_begin_with(&k, &cfg);
    int sd = flow_connect(&k, NET_MS(100), "mss 1460");

    peer_advance(&k, NET_SEC(1));
    flow_write(&k, sd, 1, 20 * FLOW_MSS);
    peer_forget(&k);
    T_FIRST(sends(&k),
            "segments are spread over the round trip at 292001 bytes a second: the next may "
            "leave in 3.99 ms");
    peer_forget(&k);
    peer_end(&k);
}

static void test_explain_mtu_probe(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.mtu_probing = 2;
    peer_begin_with(&k, &cfg);
    int sd = flow_open(&k);

    struct tcp_id id = {ip_addr_v4(H_IP), ip_addr_v4(PEER_IP), H_PORT, PEER_PORT};
    struct tcb *t = tcb_of(tcp_find(&k.net.tcp, &id));

    t->cwnd = t->ssthresh = 16 * t->snd_mss; /* congestion avoidance: each ACK makes room for one */
    flow_write(&k, sd, 1, 100000);
    static const char room[] = "room is being kept for a probe of the path's MTU: ";
    bool is_told = false;

    for (int i = 0; i < 60 && !is_told; i++) { /* one segment after the other is acknowledged */
        const struct seen *s = peer_next(&k);

        T_NEED(s != NULL);
        flow_ack(&k, s->seq - k.h_iss + s->len, 65535);
        is_told = strncmp(sends(&k), room, sizeof(room) - 1) == 0;
    }
    T_TRUE(is_told);
    peer_forget(&k);
    peer_end(&k);
}

/* ---- losses ---- */

static void test_explain_timeout(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 10 * FLOW_MSS);
    peer_forget(&k);
    peer_advance(&k, NET_MS(700)); /* after 200 and 600 ms */
    T_FIRST(sends(&k),
            "the retransmission timer has run out 2 times in a row without an answer: the "
            "RTO is 800 ms (doubled 2 times), the next attempt is in 700 ms, and it is given "
            "up in 923 s");
    T_ALSO(sends(&k), "10 segments are lost and are to be sent again, but the congestion window of "
                      "1460 bytes is used up: 1460 bytes are in the network");
    peer_forget(&k);
    flow_ack(&k, 1 + FLOW_MSS, 0);
    T_ALSO(sends(&k),
           "what is to be sent again lies beyond the peer's window, which has shrunk to 0 "
           "bytes");
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_explain_timeout)

static void test_explain_frto(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_write(&k, sd, 1, 20 * FLOW_MSS);
    peer_forget(&k);
    peer_advance(&k, NET_MS(250));
    peer_forget(&k);
    flow_ack(&k, 1 + FLOW_MSS, 65535);
    peer_forget(&k); /* two new segments */
    T_ALSO(sends(&k),
           "after a timeout nothing is sent again before the next ACK has told whether it "
           "was needless");
    peer_end(&k);
}

/* ---- receiving ---- */

static void test_explain_receiver(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460", 4096);

    flow_say(&k, 1, 1000);
    T_FIRST(receives(&k),
            "1000 bytes are here and the program has not read them; the window is 3096 "
            "bytes");
    flow_say(&k, 2001, 500);
    T_ALSO(receives(&k),
           "1000 bytes are missing in front of 500 bytes that came out of order, in 1 "
           "ranges: the program can have none of them before");
    flow_say(&k, 1001, 1000);
    flow_say(&k, 2501, 1460);
    flow_say(&k, 3961, 136);
    T_FIRST(receives(&k),
            "our window is closed, as the program does not read: 4096 bytes wait for it, "
            "the buffer holds 4096 bytes");
    static uint8_t text[64];

    T_EQ(sock_recv(net_socks(&k.net), sd, text, sizeof(text), 0), 64);
    T_ALSO(receives(&k),
           "our window of 0 bytes could grow by 64 bytes, but the peer is told only of "
           "1460 bytes or more: no silly small window");
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_explain_receiver)

static void test_explain_delayed_ack(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);
    uint32_t seq = flow_warm(&k, sd);

    flow_say(&k, seq, 10);
    flow_read(&k, sd, seq, 10);
    peer_advance(&k, NET_MS(15));
    T_FIRST(receives(&k), "the ACK of 1 segments waits for company, for 25 ms at most");
    T_ALSO(receives(&k), "the peer has sent nothing for 15 ms");
    peer_advance(&k, NET_MS(100));
    peer_forget(&k);
    peer_end(&k);
}

static void test_explain_peer_closes(void)
{
    struct peer k;

    peer_begin(&k);
    flow_open(&k);
    say(&k, .flags = "F.", .seq = 101, .ack = 1, .win = 65535);
    T_FIRST(receives(&k), "the peer's FIN is here, but 100 bytes before it are not");
    flow_say(&k, 1, 100);
    T_FIRST(receives(&k),
            "100 bytes are here and the program has not read them; the window is 65535 "
            "bytes");
    T_ALSO(receives(&k), "the peer has closed: nothing more will come");
    peer_forget(&k);
    peer_end(&k);
}

static void test_explain_program_shuts(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    T_EQ(sock_shutdown(net_socks(&k.net), sd, SOCK_SHUT_RD), 0);
    T_FIRST(receives(&k),
            "the program does not want to receive: what comes is acknowledged and thrown "
            "away");
    peer_forget(&k);
    peer_end(&k);
}

/* ---- the end ---- */

static void test_explain_close(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    sock_close(net_socks(&k.net), sd);
    peer_forget(&k);
    peer_advance(&k, NET_MS(100));
    T_FIRST(sends(&k), "the program has closed: our FIN is sent and not acknowledged yet");
    T_FIRST(receives(&k), "the program has closed and gone: data that come now are answered with a "
                          "reset");
    T_FIRST(lives(&k), "the program has gone: what is left to be sent may take another 119 s");
    say(&k, .flags = ".", .seq = 1, .ack = 2, .win = 1000);
    T_FIRST(sends(&k),
            "we have closed and the peer has acknowledged our FIN: nothing more may be sent");
    peer_advance(&k, NET_MS(500));
    T_FIRST(lives(&k),
            "the program has gone and the peer has not closed: it may take another 59.5 s");
    say(&k, .flags = "F.", .seq = 1, .ack = 2, .win = 1000);
    peer_advance(&k, NET_MS(47700));
    T_FIRST(lives(&k),
            "both sides have closed: TIME-WAIT for another 12.3 s (2 MSL of 60 s in all)");
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_explain_close)

static void test_explain_keepalive(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    flow_setopt(&k, sd, SOCK_OPT_KEEPALIVE, 1);
    flow_setopt(&k, sd, SOCK_OPT_KEEP_IDLE, 10);
    flow_setopt(&k, sd, SOCK_OPT_KEEP_INTERVAL, 5);
    peer_advance(&k, NET_SEC(4));
    T_FIRST(lives(&k), "keep-alive: in 6 s the peer's silence is looked at again");
    peer_advance(&k, NET_SEC(12));
    T_FIRST(lives(&k), "2 keep-alives have had no answer: the next one leaves in 4 s");
    peer_forget(&k);
    peer_end(&k);
}

static void test_explain_rest(void)
{
    struct peer k;

    peer_begin(&k);
    flow_open(&k);
    ready_list_init(&k.net.core.ready); /* nobody polls */
    T_NEED(tcp_idle_sweep(&k.net.tcp, k.net.tcp.tcbs.frontier));
    T_EQ(k.net.tcp.idles.used, 1);
    T_STR(lives(&k),
          "nobody speaks, so the connection rests in a record of 128 bytes; it is a whole "
          "block again with the next word\n");
    T_FIRST(sends(&k),
            "all that the program has written is sent and acknowledged: there is nothing to "
            "send");
    T_EQ(k.net.tcp.idles.used, 1); /* it was not woken */
    peer_end(&k);
}

/* ---- words ---- */

/* A sentence has as many numbers as it has names, and each name can be asked for. */
static void test_explain_words(void)
{
    for (enum tcp_reason_kind kind = 0; kind < TCP_REASON_KINDS; kind++) {
        struct tcp_reason r = {.kind = kind};
        const char *s = tcp_reason_info(kind)->sentence;
        char name[64], text[512];
        unsigned names = 0;

        for (const char *at = s; (at = strchr(at, '{')) != NULL; at++)
            names++;
        T_TRUE(names <= TCP_REASON_VALUES);
        for (unsigned i = 0; i <= names; i++)
            T_EQ(tcp_reason_key(&r, i, name, sizeof(name)) > 0, i < names);
        size_t len = tcp_reason_text(&r, text, sizeof(text));

        T_TRUE(len > 20 && memchr(text, '{', len) == NULL);
        T_EQ(tcp_reason_text(&r, text, 10), 10); /* cut, not written beyond */
    }
    char text[64];
    static const struct {
        uint64_t ns;
        const char *text;
    } times[] = {
        {0,             "0 ms"   },
        {10000,         "0.01 ms"},
        {250000,        "0.25 ms"},
        {1500000,       "1.5 ms" },
        {40000000,      "40 ms"  },
        {12300000,      "12.3 ms"},
        {999999999,     "999 ms" },
        {1000000000,    "1 s"    },
        {12340000000,   "12.3 s" },
        {1250000000,    "1.25 s" },
        {7200000000000, "7200 s" },
    };

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct tcp_reason r = {.kind = TCP_WHY_SILENCE, .value = {times[i].ns}};

        text[tcp_reason_text(&r, text, sizeof(text) - 1)] = '\0';
        T_STR(strstr(text, "for ") + 4, times[i].text);
    }
}

static void test_explain_every_reason_was_seen(void)
{
    for (enum tcp_reason_kind kind = 0; kind < TCP_REASON_KINDS; kind++) {
        if (!seen_kind[kind])
            printf("never seen: %s\n", tcp_reason_info(kind)->name);
        T_TRUE(seen_kind[kind]);
    }
}

T_MAIN("tcp_explain", T_TWICE(test_explain_nothing_is_wrong), T(test_explain_unknown_connection),
       T(test_explain_no_route_and_no_source), T(test_explain_neighbour), T(test_explain_no_packet),
       T(test_explain_no_buffer), T_TWICE(test_explain_syn_sent), T(test_explain_syn_deferred),
       T(test_explain_half_open), T(test_explain_accept_queue), T(test_explain_accept_queue_full),
       T_TWICE(test_explain_windows), T_TWICE(test_explain_congestion_window),
       T(test_explain_small_segments), T(test_explain_due_and_buffer_full), T(test_explain_pacing),
       T(test_explain_mtu_probe), T_TWICE(test_explain_timeout), T(test_explain_frto),
       T_TWICE(test_explain_receiver), T(test_explain_delayed_ack), T(test_explain_peer_closes),
       T(test_explain_program_shuts), T_TWICE(test_explain_close), T(test_explain_keepalive),
       T(test_explain_rest), T(test_explain_words), T(test_explain_every_reason_was_seen))
