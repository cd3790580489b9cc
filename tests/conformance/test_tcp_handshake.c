#include "peer.h"

/* REQ: TCP-MUST-14 TCP-SHLD-5 TCP-MUST-2 TCP-MUST-65 TCP-MUST-68 TCP-MUST-69 */
static void test_tcp_handshake_passive(void)
{
    struct peer k;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    say(&k, .flags = "S", .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = "S.", .ack = 1, .win = 65535);
    if (peer_near_wrap)
        T_EQ(k.h_iss, UINT32_MAX - 2); /* else the other half of these tests would prove nothing */
    T_EQ(k.last.mss, 1460);
    T_FALSE(k.last.has_ts || k.last.has_wscale || k.last.has_sack_ok); /* none was offered */
    T_TRUE(k.last.df);
    T_EQ(k.last.ttl, 64);
    expect_state(&k, "SYN_RCVD");
    T_EQ(sock_accept(net_socks(&k.net), listener, NULL), -EAGAIN);
    say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 65535);
    expect_state(&k, "ESTABLISHED");
    int sd = peer_accept(&k, listener);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, sd, "abc");
    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 4, .len = 5, .data = "hello");
    say(&k, .flags = ".", .seq = 4, .ack = 6, .win = 65535);
    expect_nothing(&k, NET_SEC(10));
    peer_end(&k);
}
TWICE(test_tcp_handshake_passive)

/* REQ: TCP-MUST-14 TCP-SHLD-5 */
static void test_tcp_handshake_active(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = peer_connect(&k);

    expect_tcp(&k, .flags = "S", .win = 65535);
    T_EQ(k.last.mss, 1460);
    if (peer_near_wrap)
        T_EQ(k.h_iss, UINT32_MAX - 2);
    T_EQ(poll_events(net_socks(&k.net), sd) & SOCK_OUT, 0);
    say(&k, .flags = "S.", .ack = 1, .win = 65535, .opts = "mss 1460");
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    T_TRUE(poll_events(net_socks(&k.net), sd) & SOCK_OUT);
    peer_write(&k, sd, "hello", 5);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 5, .data = "hello");
    say(&k, .flags = "P.", .seq = 1, .ack = 6, .win = 65535, .data = "hi", .len = 2);
    expect_tcp(&k, .flags = ".", .seq = 6, .ack = 3);
    peer_read(&k, sd, "hi");
    peer_end(&k);
}
TWICE(test_tcp_handshake_active)

/* Ten kilobytes each way. REQ: TCP-9293-3.4-2 TCP-MUST-2 */
static void test_tcp_handshake_transfer(void)
{
    static char sent[10240], got[10240];
    struct peer k;
    uint32_t seq = 1;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 7 + i / 251);
    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, sent, sizeof(sent));
    for (struct seen *s; (s = peer_next(&k)) != NULL; seq += s->len) {
        T_EQ(s->seq - k.h_iss, seq);
        memcpy(got + seq - 1, s->data, s->len);
        say(&k, .flags = ".", .seq = 1, .ack = seq + s->len, .win = 65535);
    }
    T_EQ(seq, sizeof(sent) + 1);
    T_MEM(got, sent, sizeof(sent));
    for (uint32_t at = 0; at < sizeof(sent); at += 1024)
        say(&k, .flags = ".", .seq = 1 + at, .ack = seq, .win = 65535, .data = sent + at,
            .len = 1024);
    T_EQ(sock_recv(net_socks(&k.net), sd, got, sizeof(got), 0), sizeof(got));
    T_MEM(got, sent, sizeof(sent));
    peer_forget(&k);
    peer_end(&k);
}
TWICE(test_tcp_handshake_transfer)

/* REQ: TCP-MUST-57 */
static void test_tcp_handshake_syn_to_a_group_is_dropped(void)
{
    static const uint32_t groups[] = {0xffffffff, 0x0a0000ff, 0x0a000000, 0xe0000001, 0xe0000005};
    struct sock_addr any = {IP_ADDR_ANY, H_PORT};
    struct peer k;

    peer_begin(&k);
    int listener = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    T_EQ(sock_bind(net_socks(&k.net), listener, &any), 0); /* whatever they are sent to */
    T_EQ(sock_listen(net_socks(&k.net), listener, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        say(&k, .flags = "S", .win = 1000, .dst = groups[i], .to_group = true);
    say(&k, .flags = "S", .win = 1000, .to_group = true); /* our address in a broadcast frame */
    expect_nothing(&k, NET_SEC(1));
    T_EQ(net_connections(&k.net), 0);
    sock_close(net_socks(&k.net), listener);
    peer_end(&k);
}

/* The last is LAND: from ourselves to ourselves. REQ: TCP-MUST-63 */
static void test_tcp_handshake_syn_from_nowhere_is_dropped(void)
{
    static const uint32_t sources[] = {0xffffffff, 0xe0000001, 0x7f000001,
                                       0x0a0000ff, 0xf0000001, H_IP};
    struct peer k;

    peer_begin(&k);
    peer_listen(&k, 0);
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        say(&k, .flags = "S", .win = 1000, .src = sources[i]);
    say(&k, .flags = "S", .win = 1000, .from_any = true);
    k.peer_port = H_PORT;
    say(&k, .flags = "S", .win = 1000, .src = H_IP);
    expect_nothing(&k, NET_SEC(1));
    T_EQ(net_connections(&k.net), 0);
    peer_end(&k);
}

/* REQ: TCP-MUST-3 */
static void test_tcp_handshake_bad_checksum_is_dropped(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3,
        .bad_sum = true);
    expect_nothing(&k, NET_SEC(1));
    T_EQ(peer_recv(&k, sd), -EAGAIN);
    T_EQ(peer_drops(&k, V_DROP_TCP_CHECKSUM), 1);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 1000, .data = "abc", .len = 3);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 4);
    peer_read(&k, sd, "abc");
    peer_end(&k);
}
TWICE(test_tcp_handshake_bad_checksum_is_dropped)

/* REQ: TCP-MUST-46 */
static void test_tcp_handshake_connect_to_no_host(void)
{
    static const uint32_t nowhere[] = {0xffffffff, 0x0a0000ff, 0xe0000005, 0};
    struct peer k;

    peer_begin(&k);
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        struct sock_addr to = {ip_addr_v4(nowhere[i]), 80};
        int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

        T_TRUE(sock_connect(net_socks(&k.net), sd, &to) != -EINPROGRESS);
        sock_close(net_socks(&k.net), sd);
    }
    expect_nothing(&k, NET_SEC(10));
    peer_end(&k);
}

/* REQ: TCP-MUST-43 TCP-MUST-45 */
static void test_tcp_handshake_local_address(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.ifs[0].addr[1].ip = 0x0a000003;
    cfg.ifs[0].addr[1].prefix = 24;
    cfg.ifs[0].addr_count = 2;
    peer_begin_with(&k, &cfg);
    peer_listen(&k, 0); /* at 10.0.0.2 only */
    say(&k, .flags = "S", .win = 1000, .dst = 0x0a000003);
    struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_STR(s->flags, "R.");
    T_EQ(s->src, 0x0a000003);
    struct sock_addr from = {ip_addr_v4(0x0a000003), 5000}, to = {ip_addr_v4(PEER_IP), 80};
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    T_EQ(sock_bind(net_socks(&k.net), sd, &from), 0);
    T_EQ(sock_connect(net_socks(&k.net), sd, &to), -EINPROGRESS);
    s = peer_next(&k);
    T_NEED(s != NULL);
    T_EQ(s->src, 0x0a000003);
    T_EQ(s->sport, 5000);
    sock_abort(net_socks(&k.net), sd);
    peer_end(&k);
}

/* REQ: TCP-MUST-41 TCP-MUST-42 */
static void test_tcp_handshake_listen_on_a_busy_port(void)
{
    struct sock_addr a = {ip_addr_v4(H_IP), H_PORT};
    struct peer k;

    peer_begin(&k);
    int sd = syn_sent(&k); /* from the port on which we will listen */
    int listener = peer_listen(&k, 0);
    uint32_t iss = k.h_iss;

    peer_tuple(&k, 50000, H_PORT);
    say(&k, .flags = "S", .win = 1000);
    expect_tcp(&k, .flags = "S.", .ack = 1);
    int other = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    T_EQ(sock_bind(net_socks(&k.net), other, &a), -EADDRINUSE);
    sock_close(net_socks(&k.net), other);
    peer_tuple(&k, PEER_PORT, H_PORT);
    k.h_iss = iss;
    say(&k, .flags = "S.", .ack = 1, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    sock_close(net_socks(&k.net), listener);
    peer_write(&k, sd, "x", 1);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 1);
    peer_end(&k);
}

/* Two interfaces, and no address given: IP chooses the one that leads there. REQ: TCP-MUST-44 */
static void test_tcp_handshake_multihomed(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.ifs[1] = cfg.ifs[0];
    cfg.ifs[1].addr[0].ip = 0x0a000102;
    cfg.if_count = 2;
    peer_begin_with(&k, &cfg);
    k.ifi = 1;
    struct sock_addr to = {ip_addr_v4(0x0a000101), 80}, name;
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

    T_EQ(sock_connect(net_socks(&k.net), sd, &to), -EINPROGRESS);
    T_EQ(sock_name(net_socks(&k.net), sd, &name), 0);
    T_TRUE(ip_addr_eq(name.ip, ip_addr_v4(0x0a000102)));
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_STR(s->flags, "S");
    T_EQ(s->src, 0x0a000102);
    T_EQ(s->dst, 0x0a000101);
    sock_abort(net_socks(&k.net), sd);
    peer_end(&k);
}

/* The user may change his mind in the middle. REQ: TCP-SHLD-21 TCP-SHLD-22 */
static void test_tcp_handshake_tos_changes(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    for (uint32_t dscp = 0; dscp < 64; dscp++) {
        T_EQ(sock_setopt(net_socks(&k.net), sd, SOCK_OPT_TOS, dscp << 2), 0);
        peer_write(&k, sd, "x", 1);
        expect_tcp(&k, .flags = "P.", .seq = 1 + dscp, .ack = 1, .len = 1);
        T_EQ(k.last.tos, dscp << 2);
        say(&k, .flags = ".", .seq = 1, .ack = 2 + dscp, .win = 65535);
    }
    peer_end(&k);
}

/* REQ: TCP-MUST-48 TCP-MUST-49 TCP-SHLD-22 */
static void test_tcp_handshake_tos_and_ttl(void)
{
    struct sock_addr to = {ip_addr_v4(PEER_IP), PEER_PORT};
    struct peer k;

    struct net_config cfg;

    peer_config(&cfg); /* the host's default holds for a socket that says nothing */
    cfg.tcp.tos = 8 << 2;
    peer_begin_with(&k, &cfg);
    syn_sent(&k);
    T_EQ(k.last.tos, 8 << 2);
    peer_end(&k);
    peer_begin(&k);
    int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);
    struct sock_addr from = {ip_addr_v4(H_IP), H_PORT};

    T_EQ(sock_bind(net_socks(&k.net), sd, &from), 0);
    T_EQ(sock_setopt(net_socks(&k.net), sd, SOCK_OPT_TOS, 46 << 2), 0);
    T_EQ(sock_setopt(net_socks(&k.net), sd, SOCK_OPT_TTL, 5), 0);
    T_EQ(sock_connect(net_socks(&k.net), sd, &to), -EINPROGRESS);
    expect_tcp(&k, .flags = "S");
    T_EQ(k.last.tos, 46 << 2);
    T_EQ(k.last.ttl, 5);
    say(&k, .flags = "S.", .ack = 1, .win = 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    T_EQ(k.last.tos, 46 << 2);
    peer_write(&k, sd, "x", 1);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 1);
    T_EQ(k.last.tos, 46 << 2);
    T_EQ(k.last.ttl, 5);
    sock_close(net_socks(&k.net), sd);
    expect_tcp(&k, .flags = "F.", .seq = 2, .ack = 1);
    T_EQ(k.last.tos, 46 << 2);
    T_EQ(k.last.ttl, 5);
    say(&k, .flags = "R", .seq = 1, .win = 0);
    peer_end(&k);
}

/* Many listeners, whose ports share what they are looked up by. */
static void test_tcp_handshake_many_listeners(void)
{
    struct peer k;

    peer_begin(&k);
    for (uint16_t i = 0; i < 48; i++) {
        struct sock_addr a = {IP_ADDR_ANY, (uint16_t)(H_PORT + i * 16)};
        int sd = sock_open(net_socks(&k.net), SOCK_KIND_TCP);

        k.sds[k.sd_count++] = sd;
        T_EQ(sock_bind(net_socks(&k.net), sd, &a), 0);
        T_EQ(sock_listen(net_socks(&k.net), sd, 5), 0);
    }
    for (uint16_t i = 0; i < 48; i++) {
        peer_tuple(&k, (uint16_t)(1000 + i), (uint16_t)(H_PORT + i * 16));
        say(&k, .flags = "S", .win = 65535, .opts = "mss 1460");
        expect_tcp(&k, .flags = "S.", .ack = 1);
        say(&k, .flags = "R", .seq = 1);
    }
    peer_end(&k);
}

/* A caller that asks for one frame at a time gets one, and not much more is made ready: replies,
 * SYN,ACKs and the answers of TIME-WAIT alike. */
static void test_tcp_handshake_output_in_small_portions(void)
{
    struct peer k;
    struct pkt *out[1];

    peer_begin(&k);
    peer_listen(&k, 64);
    k.is_held = true;
    for (int kind = 0; kind < 2; kind++) {
        for (uint16_t i = 0; i < 20; i++) {
            peer_tuple(&k, (uint16_t)(1000 + i), kind == 0 ? 9999 : H_PORT);
            say(&k, .flags = "S", .win = 65535);
        }
        for (int i = 0; i < 20; i++) {
            T_EQ(net_output(&k.net, out, 1, k.now), 1);
            pkt_release(out[0]);
            T_TRUE(k.net.txq.q.len == 0);
        }
        T_EQ(net_output(&k.net, out, 1, k.now), 0);
    }
    k.is_held = false;
    peer_end(&k);
}

/* Whatever is configured: a buffer is one block of the arena, and has room for no more than that. */
static void test_tcp_handshake_buffers_are_blocks(void)
{
    struct net_config cfg;
    struct tcp_status s;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.sndbuf = cfg.tcp.rcvbuf = 1u << 30;
    peer_begin_with(&k, &cfg);
    established(&k);
    T_NEED(peer_status(&k, &s));
    T_EQ(s.sndbuf, buddy_largest(&k.net.core.bufs));
    T_EQ(s.rcvbuf, buddy_largest(&k.net.core.bufs));
    peer_end(&k);
}

/* No packet can be had: nothing is sent, nothing breaks, and later it goes on. */
static void test_tcp_handshake_without_packets(void)
{
    struct peer k;
    struct pkt *hog[300];
    unsigned n = 0;

    peer_begin(&k);
    int listener = peer_listen(&k, 0);

    handshake(&k, "mss 1460");
    int sd = peer_accept(&k, listener);

    while ((hog[n] = pkt_alloc(&k.net.core.pkts, 0)) != NULL)
        n++;
    peer_write(&k, sd, "abc", 3);
    expect_nothing(&k, 0);
    pkt_release(hog[--n]); /* one for the peer to send with */
    k.peer_port++;         /* the answer would be a RST, while that one is in use */
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .len = 10);
    expect_nothing(&k, 0);
    k.peer_port--;
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .len = 10);
    peer_forget(&k);
    peer_advance(&k, NET_MS(1));
    hog[n++] = pkt_alloc(&k.net.core.pkts, 0);
    T_EQ(sock_recv(net_socks(&k.net), sd, (char[1]){0}, 1, 0), 1);
    sock_abort(net_socks(&k.net), sd); /* its RST is lost */
    peer_settle(&k);
    expect_nothing(&k, 0);
    while (n > 0)
        pkt_release(hog[--n]);
    peer_end(&k);
}

/* No record is left for what would be sent: it is sent later, when another connection has given one back. */
static void test_tcp_handshake_without_records(void)
{
    struct net_config cfg;
    struct peer k;
    int sd[2];

    peer_config(&cfg);
    cfg.tcp.sent_records = 1;
    peer_begin_with(&k, &cfg);
    int listener = peer_listen(&k, 0);

    for (uint16_t i = 0; i < 2; i++) {
        peer_tuple(&k, (uint16_t)(1000 + i), H_PORT);
        handshake(&k, "mss 1460");
        sd[i] = peer_accept(&k, listener);
    }
    uint32_t iss = k.h_iss;

    peer_write(&k, sd[1], "abc", 3);
    expect_tcp(&k, .flags = "P.", .seq = 1, .ack = 1, .len = 3);
    peer_write(&k, sd[0], "def", 3);
    expect_nothing(&k, 0);
    k.h_iss = iss;
    say(&k, .flags = ".", .seq = 1, .ack = 4, .win = 65535);
    peer_run_to_frame(&k, NET_SEC(1));
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_EQ(s->dport, 1000);
    T_EQ(s->len, 3);
    peer_forget(&k);
    peer_end(&k);
}

T_MAIN("tcp_handshake", T(test_tcp_handshake_many_listeners),
       T(test_tcp_handshake_output_in_small_portions), T(test_tcp_handshake_buffers_are_blocks),
       T(test_tcp_handshake_without_packets), T(test_tcp_handshake_without_records),
       T_TWICE(test_tcp_handshake_passive), T_TWICE(test_tcp_handshake_active),
       T_TWICE(test_tcp_handshake_transfer), T(test_tcp_handshake_syn_to_a_group_is_dropped),
       T(test_tcp_handshake_syn_from_nowhere_is_dropped),
       T_TWICE(test_tcp_handshake_bad_checksum_is_dropped),
       T(test_tcp_handshake_connect_to_no_host), T(test_tcp_handshake_local_address),
       T(test_tcp_handshake_listen_on_a_busy_port), T(test_tcp_handshake_tos_and_ttl),
       T(test_tcp_handshake_tos_changes), T(test_tcp_handshake_multihomed))
