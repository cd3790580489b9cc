/* RFC 868 over two stacks in virtual time. */
#include "app_pair.h"

static const uint8_t epoch[] = {0x83, 0xaa, 0x7e, 0x80}; /* 2208988800: 1 January 1970 */

static void test_time_tcp_four_bytes_then_fin(void)
{
    struct pair *p = pair_new(NULL, 0);

    pair_connect(p, 37);
    pair_run(p, NET_MS(100));
    T_EQ(p->len, 4);
    T_MEM(p->got, epoch, 4);
    T_TRUE(p->eof);
    pair_close(p);
    pair_run(p, NET_MS(100));
    T_EQ(p->app.conns.used, 0);
    pair_free(p);
}

static int64_t calendar(void *ctx)
{
    return *(const int64_t *)ctx;
}

static void test_time_udp_tells_the_calendar_and_wraps_in_2036(void)
{
    struct pair *p = pair_new(NULL, 0);
    int64_t now = 0;

    p->app.env.calendar = calendar;
    p->app.env.calendar_ctx = &now;
    T_EQ(pair_ask(p, 0, 37, "", 0), 4);
    T_MEM(p->got, epoch, 4);
    now = 2085978496; /* 7 February 2036, 06:28:16: 2^32 s after 1900 */
    T_EQ(pair_ask(p, 0, 37, "", 0), 4);
    T_MEM(p->got, "\0\0\0\0", 4);
    pair_free(p);
}

T_MAIN("time", T(test_time_tcp_four_bytes_then_fin),
       T(test_time_udp_tells_the_calendar_and_wraps_in_2036))
