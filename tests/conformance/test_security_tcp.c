/*
 * Hostile TCP (docs/security.md section 5), where the other test_tcp_*.c do not have it; and the
 * names under which refused segments are counted.
 */
#include "raw.h"

/* A segment, and the reason for which it is dropped. */
static void refused(struct peer *k, enum verdict why, const struct say *s)
{
    uint64_t before = peer_drops(k, why);

    peer_say(k, s);
    T_EQ(peer_drops(k, why), before + 1);
    peer_forget(k);
}
#define REFUSED(k, why, ...) refused((k), (why), &(struct say){__VA_ARGS__})

static void test_security_tcp_reasons_without_connection(void)
{
    struct peer k;

    peer_begin(&k);
    REFUSED(&k, V_DROP_TCP_CLOSED, .flags = "S", .win = 9);
    REFUSED(&k, V_DROP_TCP_CLOSED, .flags = "", .win = 9);
    REFUSED(&k, V_DROP_TCP_RST_TO_CLOSED, .flags = "R", .win = 9);
    REFUSED(&k, V_DROP_TCP_BROADCAST, .flags = "S", .win = 9, .dst = 0x0a0000ff, .to_group = true);
    int listener = peer_listen(&k, 0);

    REFUSED(&k, V_DROP_TCP_RST_IN_LISTEN, .flags = "R", .win = 9);
    REFUSED(&k, V_DROP_TCP_ACK_IN_LISTEN, .flags = ".", .ack = 7, .win = 9);
    REFUSED(&k, V_DROP_TCP_NO_SYN, .flags = "", .win = 9);
    REFUSED(&k, V_DROP_TCP_NO_SYN, .flags = "FPU", .win = 9);
    REFUSED(&k, V_DROP_TCP_SYN_FIN, .flags = "SF", .win = 9);
    T_EQ(net_connections(&k.net), 0);
    sock_close(net_socks(&k.net), listener);
    k.knows_h_iss = false;
    syn_sent(&k);
    REFUSED(&k, V_DROP_TCP_RST_BAD_ACK, .flags = "R", .win = 9);
    REFUSED(&k, V_DROP_TCP_RST_BAD_ACK, .flags = "R.", .ack = 9, .win = 9);
    REFUSED(&k, V_DROP_TCP_BAD_ACK, .flags = "S.", .ack = 9, .win = 9);
    REFUSED(&k, V_DROP_TCP_NO_SYN, .flags = ".", .ack = 1, .win = 9);
    peer_end(&k);
}

static void test_security_tcp_reasons_with_connection(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    REFUSED(&k, V_DROP_TCP_RST_CHALLENGED, .flags = "R", .seq = 2, .win = 9);
    REFUSED(&k, V_DROP_TCP_SYN_CHALLENGED, .flags = "S", .seq = 2, .win = 9);
    REFUSED(&k, V_DROP_TCP_BAD_ACK, .flags = "P.", .seq = 1, .ack = 2, .win = 9, .len = 3);
    REFUSED(&k, V_DROP_TCP_OLD_ACK, .flags = "P.", .seq = 1, .ack = 1 - 70000u, .win = 9, .len = 3);
    REFUSED(&k, V_DROP_TCP_NO_ACK, .flags = "P", .seq = 1, .win = 9, .len = 3);
    REFUSED(&k, V_DROP_TCP_WINDOW, .flags = "P.", .seq = 70000, .ack = 1, .win = 9, .len = 3);
    T_EQ(peer_recv(&k, sd), -EAGAIN);
    expect_state(&k, "ESTABLISHED");
    sock_close(net_socks(&k.net), sd);
    peer_forget(&k);
    REFUSED(&k, V_DROP_TCP_AFTER_CLOSE, .flags = "P.", .seq = 1, .ack = 2, .win = 9, .len = 3);
    expect_state(&k, "CLOSED");
    peer_end(&k);
}

/* The pool under the policy "evict": whoever goes is counted. */
static void test_security_tcp_evicted_syn_is_counted(void)
{
    struct net_config cfg;
    struct peer k;

    peer_config(&cfg);
    cfg.tcp.half_open = 4;
    cfg.tcp.syn_policy = TCP_SYN_EVICT;
    peer_begin_with(&k, &cfg);
    int listener = peer_listen(&k, 0);

    for (uint16_t i = 0; i < 20; i++) {
        peer_tuple(&k, (uint16_t)(1000 + i), H_PORT);
        say(&k, .flags = "S", .win = 1000);
    }
    T_EQ(peer_drops(&k, V_DROP_TCP_SYN_EVICTED), 16);
    T_EQ(k.net.tcp.halves.used, 4);
    peer_forget(&k);
    sock_close(net_socks(&k.net), listener);
    peer_end(&k);
}

/* Acknowledging what was never sent buys nothing (Savage 1999): neither is the window larger
 * afterwards, nor does a byte count as arrived.
 * REQ: TCP-5961-5.2-1 */
static void test_security_tcp_optimistic_ack(void)
{
    static char text[20 * 1460];
    struct tcp_status before, after;
    struct peer k;

    peer_begin(&k);
    int sd = established(&k);

    peer_write(&k, sd, text, sizeof(text));
    peer_forget(&k); /* ten segments, the rest waits */
    T_NEED(peer_status(&k, &before));
    T_EQ(before.in_flight, 10 * 1460);
    for (uint32_t i = 1; i <= 10; i++)
        say(&k, .flags = ".", .seq = 1, .ack = 1 + 10 * 1460 + i * 1460, .win = 65535);
    T_EQ(peer_drops(&k, V_DROP_TCP_BAD_ACK), 10);
    T_NEED(peer_status(&k, &after));
    T_EQ(after.cwnd, before.cwnd);
    T_EQ(after.in_flight, before.in_flight);
    for (const struct seen *s; (s = peer_next(&k)) != NULL;)
        T_EQ(s->len, 0); /* ACKs that set it right, no data */
    peer_end(&k);
}

/* Every one of the 64 combinations of flags, in every state, at the left edge of the window: at
 * most one answer, none to a reset of no connection, and no connection made out of nothing. */
static void test_security_tcp_all_flags_in_all_states(void)
{
    static int (*const states[])(struct peer *) = {
        NULL,       syn_rcvd,   syn_sent, established, established_active, fin_wait_1,
        fin_wait_2, close_wait, closing,  last_ack,    time_wait,
    };
    static const char letters[] = "FSRP.U"; /* bits 0 to 5 */

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        for (unsigned f = 0; f < 64; f++) {
            bool rst = (f & 4) != 0, ack = (f & 16) != 0;
            char flags[8];
            size_t n = 0;
            struct peer k;

            for (size_t b = 0; b < 6; b++)
                if (f & 1u << b)
                    flags[n++] = letters[b];
            flags[n] = '\0';
            peer_begin(&k);
            if (states[i] != NULL)
                states[i](&k);
            uint32_t had = net_connections(&k.net);

            say(&k, .flags = flags, .seq = 1, .ack = ack ? 1 : 0, .win = 1000, .len = f % 3);
            T_TRUE(peer_forget(&k) <= (rst && had == 0 ? 0 : 1));
            /* TIME-WAIT has a record beside the one that the user still holds. */
            T_TRUE(net_connections(&k.net) <= (had > 0 ? had + 1 : 0));
            peer_end(&k);
        }
    }
}

T_MAIN("security_tcp", T(test_security_tcp_reasons_without_connection),
       T(test_security_tcp_reasons_with_connection), T(test_security_tcp_evicted_syn_is_counted),
       T(test_security_tcp_optimistic_ack), T(test_security_tcp_all_flags_in_all_states))
