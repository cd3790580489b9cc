#include <math.h>
#include <stdlib.h>

#include "cc_link.h"
#include "cc_path.h"

enum { RATE = 100000000 / 8 }; /* 100 Mbit/s */
#define RTT NET_MS(40)

static struct link *link_new(uint64_t rate, net_time rtt)
{
    struct link *k = malloc(sizeof(*k));

    T_NEED(k != NULL);
    link_begin(k, "bbr", rate, rtt);
    return k;
}

static double pace(const struct link *k)
{
    return (double)k->cc.pacing_bytes_per_s / (double)k->rate;
}

/* STARTUP: the rate doubles in a round trip, and ends when BtlBw has not grown by a quarter in three;
 * DRAIN takes the queue away. */
static void test_cc_bbr_startup_finds_the_rate_and_drain_empties_the_queue(void)
{
    struct link *k = link_new(RATE, RTT);
    double before = 0, now;
    int doubled = 0;

    T_TRUE(k->cc.ops->owns_window);
    T_EQ(k->cc.pacing_bytes_per_s, 14600ull * 1000 * 739 / 256); /* ten segments a millisecond */
    k->buffer *= 10;
    for (int r = 0; r < 9; r++) {
        now = link_run(k, RTT);
        doubled += now > 1.8 * before;
        before = now;
    }
    T_TRUE(doubled >= 5); /* 10 segments to 342 */
    link_run(k, 6 * RTT);
    T_TRUE(k->rtt_seen > 2 * RTT); /* the price: a queue */
    T_TRUE(pace(k) > 2);
    link_run(k, 3 * RTT);
    T_TRUE(pace(k) > 0.33 && pace(k) < 0.36);
    link_run(k, 6 * RTT);
    T_TRUE(k->rtt_seen < RTT + RTT / 4); /* is gone */
    T_EQ(k->lost, 0);
    T_TRUE(pace(k) > 0.7 && pace(k) < 1.3);
    free(k);
}

/* A pipe that is full, and no queue to speak of, from 1 Mbit/s to 10 Gbit/s. */
static void test_cc_bbr_fills_the_pipe_without_a_queue(void)
{
    static const struct {
        uint64_t bits;
        net_time rtt;
    } paths[] = {
        {1000000,    NET_MS(200)},
        {10000000,   NET_MS(10) },
        {100000000,  NET_MS(40) },
        {1000000000, NET_MS(5)  },
    };

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct link *k = link_new(paths[i].bits / 8, paths[i].rtt);

        link_run(k, 60 * paths[i].rtt);
        double got = link_run(k, 80 * paths[i].rtt);

        T_TRUE(got > 0.93 * (double)k->rate);
        /* at most the quarter that the probing adds, and the window's quanta on a slow path */
        T_TRUE(k->srtt < 2 * paths[i].rtt);
        T_TRUE(k->cc.cwnd_bytes <=
               2.2 * (double)k->rate * (double)k->rtt / 1e9 + 3.0 * 2 * LINK_MSS + 200000);
        free(k);
    }
}

/* Eight phases, each a round trip: 5/4, 3/4, and six times 1. */
static void test_cc_bbr_probes_in_cycles_of_eight(void)
{
    struct link *k = link_new(RATE, RTT);
    unsigned up = 0, down = 0, even = 0;

    link_run(k, 40 * RTT);
    for (int i = 0; i < 800; i++) {
        link_run(k, RTT / 10);
        up += pace(k) > 1.2 && pace(k) < 1.3;
        down += pace(k) > 0.7 && pace(k) < 0.8;
        even += pace(k) > 0.97 && pace(k) < 1.03;
    }
    T_EQ(up + down + even, 800);
    T_TRUE(up >= 80 && up <= 200);
    T_TRUE(down >= 50 && down <= 120);
    T_TRUE(even >= 480 && even <= 660);
    free(k);
}

/* Losses that are none of its doing do not slow it down. */
static void test_cc_bbr_withstands_random_loss(void)
{
    static const uint32_t ppm[] = {1000, 10000, 50000};

    for (size_t i = 0; i < ARRAY_LEN(ppm); i++) {
        struct link *k = link_new(RATE, RTT);

        k->loss_ppm = ppm[i];
        link_run(k, NET_SEC(3));
        T_TRUE(link_run(k, NET_SEC(5)) > (0.92 - 1.5 * ppm[i] / 1e6) * (double)k->rate);
        free(k);
    }
}

static void test_cc_bbr_follows_the_rate(void)
{
    struct link *k = link_new(RATE, RTT);

    link_run(k, NET_SEC(3));
    k->rate *= 2;
    link_run(k, NET_SEC(3)); /* a quarter more in each cycle of eight round trips: 1.25^8 */
    T_TRUE(link_run(k, NET_SEC(1)) > 0.9 * (double)k->rate);
    k->rate /= 4;
    link_run(k, NET_SEC(2)); /* the old maximum lives for ten round trips, of a long queue */
    T_TRUE(pace(k) < 1.3);
    T_TRUE(link_run(k, NET_SEC(1)) > 0.9 * (double)k->rate);
    free(k);
}

/* Every ten seconds four segments for 200 ms; then the window of before. */
static void test_cc_bbr_measures_the_length_every_ten_seconds(void)
{
    struct link *k = link_new(RATE, RTT);
    net_time small = 0, since = 0;
    unsigned times = 0;

    link_run(k, NET_SEC(2));
    uint32_t cwnd = k->cc.cwnd_bytes;

    k->rtt +=
        NET_MS(20); /* the path became longer: without a measurement that looks like a queue */
    for (net_time t = 0; t < NET_SEC(30); t += NET_MS(1)) {
        link_run(k, NET_MS(1));
        if (k->cc.cwnd_bytes > 4 * LINK_MSS) {
            if (since > 0) {
                T_TRUE(since >= NET_MS(200) && since < NET_MS(400));
                T_TRUE(k->cc.cwnd_bytes >= cwnd * 9 / 10);
                times++;
            }
            since = 0;
            continue;
        }
        since += NET_MS(1);
        small += NET_MS(1);
    }
    T_TRUE(times >= 2 && times <= 3);
    T_TRUE(small < NET_SEC(1));
    T_TRUE(k->cc.cwnd_bytes > cwnd * 13 / 10); /* 60 ms of pipe now, not 40 */
    free(k);
}

/* ---- single facts ---- */

struct facts {
    struct path p;
    struct cc_ack a;
};

static void say(struct facts *f, uint32_t in_flight_after)
{
    f->a.now += NET_MS(1);
    f->a.in_flight_after = in_flight_after;
    f->a.in_flight_before = in_flight_after + f->a.acked_bytes;
    f->a.delivered_bytes += f->a.acked_bytes;
    f->p.cc.ops->ack(&f->p.cc, &f->a);
    f->a.is_round_start = false;
    f->a.lost_bytes = 0;
}

/* A flow in PROBE_BW at 10 MB/s and 10 ms, which is 100000 bytes. */
static void cruising(struct facts *f)
{
    path_begin(&f->p, "bbr", NET_MS(10));
    f->a = (struct cc_ack){
        .now = NET_SEC(77),
        .acked_bytes = PATH_MSS,
        .rtt_ns = NET_MS(10),
        .srtt_ns = NET_MS(10),
        .min_rtt_ns = NET_MS(10),
        .rate_bytes_per_s = 10000000,
    };
    for (int i = 0; i < 5; i++) {
        f->a.is_round_start = true;
        say(f, 50000);
    }
    for (int i = 0; i < 200; i++)
        say(f, 50000);
    T_EQ(f->p.cc.cwnd_bytes, 200000 + 3 * (f->p.cc.pacing_bytes_per_s / 1000));
}

/* On its way with a full pipe, and then @what. Return: the window before it. */
static uint32_t cruising_until(struct facts *f, enum cc_loss_kind what)
{
    cruising(f);
    struct cc_loss l = {.now = f->a.now, .in_flight_bytes = 90000, .kind = what};
    uint32_t cwnd = f->p.cc.cwnd_bytes;

    f->p.cc.ops->loss(&f->p.cc, &l);
    f->a.in_recovery = true;
    return cwnd;
}

static void test_cc_bbr_conserves_packets_in_the_first_round_of_recovery(void)
{
    struct facts f;
    uint32_t cwnd = cruising_until(&f, CC_LOSS_FAST);

    f.a.lost_bytes = 3 * PATH_MSS;
    say(&f, 80000);
    T_EQ(f.p.cc.cwnd_bytes, 80000 + PATH_MSS); /* one out, one in */
    f.a.lost_bytes = 2 * PATH_MSS;
    say(&f, 80000 - 2 * PATH_MSS);
    T_EQ(f.p.cc.cwnd_bytes, 80000 - PATH_MSS);
    for (int r = 0; r < 2; r++) { /* one had begun already, one is whole */
        for (uint32_t left = 80000; left > PATH_MSS; left -= PATH_MSS)
            say(&f, 70000);
        T_TRUE(f.p.cc.cwnd_bytes < 82000);
        f.a.is_round_start = true;
    }
    for (int i = 0; i < 5; i++) /* the next round: slow start towards the target */
        say(&f, 70000);
    T_TRUE(f.p.cc.cwnd_bytes > 82000);
    f.a.in_recovery = false;
    say(&f, 70000);
    T_TRUE(f.p.cc.cwnd_bytes >= cwnd - 30000); /* over: as before, within the gain's quanta */
}

static void test_cc_bbr_comes_back_after_a_timeout(void)
{
    struct facts f;
    uint32_t cwnd;

    cruising(&f);
    cwnd = f.p.cc.cwnd_bytes;
    struct cc_loss l = {.now = f.a.now, .in_flight_bytes = 20 * PATH_MSS, .kind = CC_LOSS_TIMEOUT};

    f.p.cc.ops->loss(&f.p.cc, &l);
    f.p.cc.cwnd_bytes = PATH_MSS; /* the recovery's */
    l.is_again = true;
    f.p.cc.ops->loss(&f.p.cc, &l);
    for (int i = 0; i < 18; i++)
        say(&f, PATH_MSS);
    T_TRUE(f.p.cc.cwnd_bytes <= 24 * PATH_MSS);
    say(&f, PATH_MSS);
    say(&f, PATH_MSS);
    T_TRUE(f.p.cc.cwnd_bytes >= cwnd - 30000);
}

static void test_cc_bbr_takes_a_loss_back(void)
{
    struct facts f;
    uint32_t cwnd = cruising_until(&f, CC_LOSS_FAST);

    say(&f, 50000);
    T_TRUE(f.p.cc.cwnd_bytes < 60000);
    f.p.cc.ops->undo(&f.p.cc);
    T_EQ(f.p.cc.cwnd_bytes, cwnd);
    f.a.in_recovery = false;
    say(&f, 50000);
    T_TRUE(f.p.cc.cwnd_bytes >= cwnd - 30000);
}

static void test_cc_bbr_ignores_marks(void)
{
    struct facts f;
    uint32_t cwnd = cruising_until(&f, CC_LOSS_ECN);

    say(&f, 50000);
    T_TRUE(f.p.cc.cwnd_bytes >= cwnd - 30000);
}

/* A rate that the application limited counts only when it is the highest. */
static void test_cc_bbr_app_limited_rates_are_lower_bounds(void)
{
    struct facts f;

    cruising(&f);
    f.a.is_app_limited = true;
    f.a.rate_bytes_per_s = 1000000;
    for (int i = 0; i < 40; i++) {
        f.a.is_round_start = true;
        say(&f, 50000);
    }
    T_TRUE(f.p.cc.pacing_bytes_per_s >= 7000000);
    f.a.rate_bytes_per_s = 40000000;
    say(&f, 50000);
    T_TRUE(f.p.cc.pacing_bytes_per_s >= 30000000 * 9 / 10);
    f.a.is_app_limited = false;
    f.a.rate_bytes_per_s = 1000000;
    for (int i = 0; i < 10; i++) {
        f.a.is_round_start = true;
        say(&f, 50000);
        T_TRUE(f.p.cc.pacing_bytes_per_s >= 30000000 * 9 / 10); /* remembered for ten rounds */
    }
    f.a.is_round_start = true;
    say(&f, 50000);
    T_TRUE(f.p.cc.pacing_bytes_per_s < 2000000); /* and no longer */
}

/* PROBE_RTT: not before four segments are left, for a round trip and 200 ms at least, and what is
 * delivered slowly meanwhile is not taken for the path's rate. */
static void test_cc_bbr_probe_rtt_lasts_as_long_as_it_must(void)
{
    struct facts f;
    uint32_t cwnd;

    cruising(&f);
    cwnd = f.p.cc.cwnd_bytes;
    f.a.now += NET_SEC(11);
    f.a.rate_bytes_per_s = 500000;
    for (int i = 0; i < 300; i++) { /* 300 ms, but more is in flight */
        f.a.rtt_ns += 10;
        f.a.is_round_start = i % 10 == 0;
        say(&f, 20 * PATH_MSS);
        T_EQ(f.p.cc.cwnd_bytes, 4 * PATH_MSS);
    }
    say(&f, 4 * PATH_MSS); /* now it begins */
    f.a.now += NET_MS(190);
    for (int i = 0; i < 4; i++)
        say(&f, 4 * PATH_MSS);
    T_EQ(f.p.cc.cwnd_bytes, 4 * PATH_MSS); /* a round trip, but not 200 ms */
    f.a.now += NET_MS(10);
    f.a.is_round_start = true;
    say(&f, 4 * PATH_MSS);
    T_TRUE(f.p.cc.cwnd_bytes >= cwnd - 30000);
    T_TRUE(f.p.cc.pacing_bytes_per_s >= 7500000);

    f.a.now += NET_SEC(10) - NET_MS(100); /* ten seconds from its end, not from its begin */
    f.a.rtt_ns += 1000;
    f.a.rate_bytes_per_s = 10000000;
    say(&f, 50000);
    T_TRUE(f.p.cc.cwnd_bytes > 4 * PATH_MSS);
    f.a.now += NET_SEC(2);
    f.a.rtt_ns += 1000;
    say(&f, 4 * PATH_MSS);
    T_EQ(f.p.cc.cwnd_bytes, 4 * PATH_MSS);
    f.a.now += NET_SEC(1); /* 200 ms, but not a round trip */
    f.a.acked_bytes = 100;
    say(&f, 4 * PATH_MSS);
    T_EQ(f.p.cc.cwnd_bytes, 4 * PATH_MSS);
}

/* The second best of the window inherits when the best is too old. */
static void test_cc_bbr_the_next_best_rate_inherits(void)
{
    struct facts f;

    cruising(&f);
    for (int i = 0; i < 20; i++) { /* 10 MB/s, then 8, 6 and 4, each for four rounds */
        f.a.rate_bytes_per_s = 10000000 - (uint64_t)(i / 4) * 2000000;
        f.a.is_round_start = true;
        say(&f, 50000);
        if (i == 11) /* ten rounds have not passed since the last of the best */
            T_TRUE(f.p.cc.pacing_bytes_per_s >= 7500000);
        if (i == 15)
            T_TRUE(f.p.cc.pacing_bytes_per_s <= 8000000 * 5 / 4 &&
                   f.p.cc.pacing_bytes_per_s >= 8000000 * 3 / 4);
    }
    T_TRUE(f.p.cc.pacing_bytes_per_s >= 3000000);
    T_TRUE(f.p.cc.pacing_bytes_per_s <= 6000000 * 5 / 4);
}

/* Rounds in which the application had too little do not say that the pipe is full. */
static void test_cc_bbr_startup_waits_for_the_application(void)
{
    struct facts f;

    path_begin(&f.p, "bbr", NET_MS(10));
    f.a = (struct cc_ack){
        .now = NET_SEC(77),
        .acked_bytes = PATH_MSS,
        .rtt_ns = NET_MS(10),
        .srtt_ns = NET_MS(10),
        .rate_bytes_per_s = 1000000,
        .is_app_limited = true,
    };
    for (int i = 0; i < 10; i++) {
        f.a.is_round_start = true;
        say(&f, 5000);
    }
    uint64_t rate = f.p.cc.pacing_bytes_per_s;

    T_TRUE(rate >= 1000000 * 28 / 10);
    f.a.is_app_limited = false;
    for (int i = 0; i < 4; i++) { /* grows by a fifth in a round, which is a quarter in two */
        f.a.rate_bytes_per_s = f.a.rate_bytes_per_s * 6 / 5;
        f.a.is_round_start = true;
        say(&f, 5000);
    }
    T_TRUE(f.p.cc.pacing_bytes_per_s > rate);
    for (int i = 0; i < 2; i++) { /* and two more, after one that was less than a quarter */
        T_TRUE(f.p.cc.pacing_bytes_per_s > rate);
        f.a.is_round_start = true;
        say(&f, 5000);
    }
    T_TRUE(f.p.cc.pacing_bytes_per_s < rate);
}

/* After a silence: at the known rate, and without PROBE_RTT, for which the silence did. */
static void test_cc_bbr_restarts_from_idle(void)
{
    struct facts f;

    cruising(&f);
    f.a.now += NET_SEC(20);
    struct cc_idle i = {.now = f.a.now, .idle_ns = NET_SEC(20), .rto_ns = NET_MS(200)};

    f.p.cc.ops->idle(&f.p.cc, &i);
    T_EQ(f.p.cc.pacing_bytes_per_s, 10000000);
    say(&f, 50000);
    T_TRUE(f.p.cc.cwnd_bytes > 4 * PATH_MSS);
    f.a.now += NET_SEC(11); /* without that call: PROBE_RTT */
    say(&f, 50000);
    T_EQ(f.p.cc.cwnd_bytes, 4 * PATH_MSS);
}

T_MAIN("cc_bbr", T(test_cc_bbr_startup_finds_the_rate_and_drain_empties_the_queue),
       T(test_cc_bbr_fills_the_pipe_without_a_queue), T(test_cc_bbr_probes_in_cycles_of_eight),
       T(test_cc_bbr_withstands_random_loss), T(test_cc_bbr_follows_the_rate),
       T(test_cc_bbr_measures_the_length_every_ten_seconds),
       T(test_cc_bbr_conserves_packets_in_the_first_round_of_recovery),
       T(test_cc_bbr_comes_back_after_a_timeout), T(test_cc_bbr_takes_a_loss_back),
       T(test_cc_bbr_ignores_marks), T(test_cc_bbr_app_limited_rates_are_lower_bounds),
       T(test_cc_bbr_probe_rtt_lasts_as_long_as_it_must),
       T(test_cc_bbr_the_next_best_rate_inherits), T(test_cc_bbr_startup_waits_for_the_application),
       T(test_cc_bbr_restarts_from_idle))
