/* RFC 864 over two stacks in virtual time. */
#include "app_pair.h"

/* Character @at of the endless stream. */
static char want(size_t at)
{
    size_t line = at / 74, column = at % 74;

    return column == 72 ? '\r' : column == 73 ? '\n' : (char)(' ' + (line + column) % 95);
}

static void test_chargen_tcp_the_pattern_as_fast_as_it_is_read(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 19);
    pair_say(p, "ignored");
    pair_run(p, NET_SEC(1));
    T_TRUE(p->len > 1 << 20);
    T_MEM(p->got,
          " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n!\"#", 77);
    size_t i = 0;

    while (i < p->len && p->got[i] == want(i))
        i++;
    T_EQ(i, p->len);
    pair_close(p);
    pair_run(p, NET_SEC(1));
    T_EQ(p->app.conns.used, 0);
    pair_free(p);
}

/* Nobody's records, some of them, enough: the stream is the same. */
static void test_chargen_tcp_the_pattern_where_little_can_be_lent(void)
{
    for (uint32_t records = 0; records < 8; records++) {
        struct pair *p = pair_new(NULL, 0);
        size_t i = 0;

        p->server.tcp.lent_pool.count = records;
        pair_connect(p, 19);
        pair_run(p, NET_SEC(1));
        T_TRUE(p->len > 1 << 20);
        while (i < p->len && p->got[i] == want(i))
            i++;
        T_EQ(i, p->len);
        pair_close(p);
        pair_run(p, NET_SEC(1));
        T_EQ(p->server.tcp.lent_pool.used, 0);
        pair_free(p);
    }
}

static void test_chargen_tcp_stops_while_nobody_reads_and_ends_with_the_peer(void)
{
    struct pair *p = pair_new(NULL, 0);

    p->hold = true;
    pair_connect(p, 19);
    pair_run(p, NET_SEC(5));
    uint64_t out = p->server.tcp.stats.segs_out;

    T_EQ(p->app.conns.used, 1);
    pair_run(p, NET_SEC(1));
    T_TRUE(p->server.tcp.stats.segs_out - out < 10); /* window probes at most */
    pair_fin(p);
    pair_run(p, NET_MS(100));
    T_EQ(p->app.conns.used, 0);
    pair_close(p);
    pair_free(p);
}

static void test_chargen_udp_random_length_up_to_512(void)
{
    struct pair *p = pair_new(NULL, 0);
    int low = 513, high = -1;

    for (int i = 0; i < 200; i++) {
        int n = pair_ask(p, 0, 19, "", 0);

        T_TRUE(n >= 0 && n <= 512);
        low = n < low ? n : low;
        high = n > high ? n : high;
        for (int k = 0; k < n; k++)
            T_TRUE((p->got[k] >= ' ' && p->got[k] <= '~') || p->got[k] == '\r' ||
                   p->got[k] == '\n');
    }
    T_TRUE(low < 30 && high > 480);
    pair_free(p);
}

T_MAIN("chargen", T(test_chargen_tcp_the_pattern_as_fast_as_it_is_read),
       T(test_chargen_tcp_the_pattern_where_little_can_be_lent),
       T(test_chargen_tcp_stops_while_nobody_reads_and_ends_with_the_peer),
       T(test_chargen_udp_random_length_up_to_512))
