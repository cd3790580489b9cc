/*
 * test_numbers.c - what congestion control and loss recovery are worth, over a bottleneck.
 *
 * 100 Mbit/s, a round trip of 40 ms, a queue of one bandwidth-delay product, unless a test says
 * otherwise. The curves of docs/performance.md come from the same path (tests/bench/goodput.sh).
 */
#include <math.h>

#include "base/prng.h"
#include "bottleneck.h"
#include "t.h"

enum { RATE = 100000000, MSS = 1448 };
#define RTT NET_MS(40)

static struct tcp_config config(const char *cc, bool sack)
{
    struct tcp_config cfg;

    tcp_config_default(&cfg);
    cfg.cc = (uint8_t)cc_by_name(cc);
    cfg.sack = sack;
    return cfg;
}

/* Goodput in bits a second over @seconds, the mean of @seeds runs. */
static double goodput(const char *cc, bool sack, uint32_t loss_ppm, unsigned seconds,
                      unsigned seeds)
{
    struct bottleneck_config path = {.rate_bps = RATE, .rtt = RTT, .loss_ppm = loss_ppm};

    return bottleneck_goodput(&path, cc, sack, seconds, seeds);
}

static bool above(double got, double want, const char *what)
{
    printf("     %s: %.3f Mbit/s, wanted %.3f\n", what, got / 1e6, want / 1e6);
    return got >= want;
}

/* From the first SYN on: headers, slow start and what slow start loses included. */
static void test_numbers_one_flow_fills_the_link(void)
{
    T_TRUE(above(goodput("cubic", true, 0, 30, 1), 0.93 * RATE, "CUBIC"));
    T_TRUE(above(goodput("bbr", true, 0, 30, 1), 0.92 * RATE, "BBR"));
    T_TRUE(above(goodput("reno", true, 0, 30, 1), 0.93 * RATE, "Reno"));
}

/* Mathis, Semke, Mahdavi, Ott: The macroscopic behavior of the TCP congestion avoidance algorithm
 * (1997): MSS / RTT / sqrt(p). */
static double mathis(double p)
{
    return MSS * 8 / ((double)RTT / 1e9) / sqrt(p);
}

static void test_numbers_random_loss(void)
{
    double reno = goodput("reno", true, 10000, 60, 4), cubic = goodput("cubic", true, 10000, 60, 4);

    T_TRUE(above(reno, mathis(0.01), "Reno, 1 % lost"));
    T_TRUE(above(cubic, reno, "CUBIC, 1 % lost"));
    T_TRUE(above(goodput("bbr", true, 10000, 10, 1), 0.85 * RATE, "BBR, 1 % lost"));
    T_TRUE(above(cubic, goodput("cubic", false, 10000, 60, 4), "with SACK, 1 % lost"));
    T_TRUE(above(goodput("cubic", true, 1000, 60, 2), 1.02 * goodput("cubic", false, 1000, 60, 2),
                 "with SACK, 0.1 % lost"));
    T_TRUE(above(goodput("cubic", true, 50000, 60, 4), 1.2 * goodput("cubic", false, 50000, 60, 4),
                 "with SACK, 5 % lost"));
}

static double jain(const char *cc)
{
    struct tcp_config tcp = config(cc, true);
    struct bottleneck_config cfg = {
        .rate_bps = RATE, .rtt = RTT, .seed = 1, .flows = 2, .tcp = &tcp};
    struct bottleneck *b = bottleneck_new(&cfg);

    bottleneck_run(b, NET_SEC(60));
    double x = (double)bottleneck_bytes(b, 0), y = (double)bottleneck_bytes(b, 1);

    bottleneck_free(b);
    T_TRUE(above((x + y) * 8 / 60, 0.9 * RATE, cc));
    printf("     %s: Jain %.4f\n", cc, (x + y) * (x + y) / (2 * (x * x + y * y)));
    return (x + y) * (x + y) / (2 * (x * x + y * y));
}

static void test_numbers_two_flows_share(void)
{
    T_TRUE(jain("cubic") >= 0.95);
    T_TRUE(jain("reno") >= 0.95);
    T_TRUE(jain("bbr") >= 0.95);
}

/* ---- losses by rule ---- */

struct pattern {
    uint64_t first; /* data frame that bit 0 stands for */
    uint64_t bits[4];
    unsigned lost;
};

static bool pattern_loses(void *ctx, uint64_t n, const struct pkt *p)
{
    struct pattern *x = ctx;

    (void)p;
    if (n < x->first || n - x->first >= 256)
        return false;
    uint64_t at = n - x->first;
    bool lose = x->bits[at / 64] >> at % 64 & 1;

    x->lost += lose;
    return lose;
}

/* Was all of @x mended without a timeout, and with no more than a needless tail probe? */
static bool mends(struct pattern *x, const char *cc)
{
    struct tcp_config tcp = config(cc, true);
    struct bottleneck_config cfg = {
        .rate_bps = RATE / 5,
        .rtt = RTT,
        .queue = 2000,
        .seed = 1,
        .flows = 1,
        .tcp = &tcp,
        .loses = pattern_loses,
        .ctx = x,
    };
    struct bottleneck *b = bottleneck_new(&cfg);

    x->lost = 0;
    bottleneck_run(b, NET_MS(1000));
    const struct tcp_stats *s = bottleneck_stats(b);
    struct tcp_status status;
    bool ok = s->timeouts == 0 && s->rtx_segs >= x->lost && s->rtx_segs <= x->lost + 1 &&
              bottleneck_status(b, 0, &status) && status.bytes_acked > 40 * MSS;

    if (!ok)
        printf("     %s: frames %llu + %016llx %016llx %016llx %016llx: %u lost, %llu sent again, "
               "%llu timeouts\n",
               cc, (unsigned long long)x->first, (unsigned long long)x->bits[0],
               (unsigned long long)x->bits[1], (unsigned long long)x->bits[2],
               (unsigned long long)x->bits[3], x->lost, (unsigned long long)s->rtx_segs,
               (unsigned long long)s->timeouts);
    bottleneck_free(b);
    return ok;
}

/* Every pattern of the first window, also the one of which nothing arrives. */
static void test_numbers_any_loss_in_the_first_window_needs_no_timeout(void)
{
    unsigned bad = 0;

    for (uint64_t bits = 1; bits < 1024 && bad < 5; bits++) {
        struct pattern x = {.bits = {bits}};

        bad += !mends(&x, "cubic");
    }
    T_EQ(bad, 0);
}

/* One to ten holes of one to three segments somewhere in a window of 120. */
static void test_numbers_ten_holes_need_no_timeout(void)
{
    static const char *const names[] = {"cubic", "reno", "bbr"};
    struct prng random;
    unsigned bad = 0;

    prng_seed(&random, 10, 10);
    for (unsigned i = 0; i < 300 && bad < 5; i++) {
        struct pattern x = {.first = 70 + prng_below(&random, 100)};

        for (unsigned holes = 1 + i % 10; holes > 0; holes--) {
            uint32_t at = prng_below(&random, 120), len = 1 + prng_below(&random, 3);

            for (; len > 0; len--, at++)
                x.bits[at / 64] |= (uint64_t)1 << at % 64;
        }
        bad += !mends(&x, names[i % 3]);
    }
    T_EQ(bad, 0);
}

T_MAIN("numbers", T(test_numbers_one_flow_fills_the_link), T(test_numbers_random_loss),
       T(test_numbers_two_flows_share),
       T(test_numbers_any_loss_in_the_first_window_needs_no_timeout),
       T(test_numbers_ten_holes_need_no_timeout))
