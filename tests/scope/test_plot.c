/* test_plot.c - diagrams: bounded series, intervals, axes, what makes which curve, and how it is drawn. */
#include "feed.h"
#include "golden.h"
#include "plot.h"

#include <math.h>
#include <unistd.h>

enum { PLENTY = 1 << 20 };

static size_t budget;
static struct feed f;
static struct plot_conn *conn;
static struct plot_states *states;

static void on_segment(void *ctx, const struct track_segment *s)
{
    (void)ctx;
    if (conn == NULL)
        conn = plot_conn_new(s->conn, s->frame->time, &budget);
    plot_conn_segment(conn, s);
    if (states != NULL)
        plot_states_seen(states, &f.conn, s->frame->time);
}

static void on_state(void *ctx, const struct track_state *s)
{
    (void)ctx;
    if (states != NULL)
        plot_states_change(states, s);
}

static void start(void)
{
    budget = PLENTY;
    conn = NULL;
    feed_begin(&f, on_segment, on_state, NULL);
}

static void stop(void)
{
    plot_conn_free(conn);
    conn = NULL;
    T_EQ(budget, PLENTY);
}

static void test_plot_a_short_series_keeps_every_point(void)
{
    struct plot_series s;

    budget = PLENTY;
    plot_series_init(&s, PLOT_DOTS, &budget);
    for (unsigned i = 0; i < PLOT_POINTS; i++)
        plot_add(&s, i, i, i);
    T_EQ(s.count, PLOT_POINTS);
    T_FALSE(s.thinned);
    plot_series_free(&s);
    T_EQ(budget, PLENTY);
}

/* However many points: bounded, none is invented, and the lowest and the highest of every column of pixels
 * are there, at most two columns aside. */
static void test_plot_a_long_series_covers_the_same_pixels(void)
{
    enum { MANY = 200000, PIXELS = 500 };
    static double low[PIXELS], high[PIXELS], got_low[PIXELS], got_high[PIXELS];
    static const enum plot_shape shapes[] = {PLOT_LINE, PLOT_DOTS, PLOT_TICKS};

    for (size_t k = 0; k < 3; k++) {
        struct plot_series s;
        uint32_t random = 1;

        budget = PLENTY;
        plot_series_init(&s, shapes[k], &budget);
        for (size_t i = 0; i < PIXELS; i++) {
            low[i] = got_low[i] = 1e9;
            high[i] = got_high[i] = -1e9;
        }
        for (unsigned i = 0; i < MANY; i++) {
            random = random * 1664525 + 1013904223;
            double y = (double)(random >> 12);
            size_t x = (size_t)((double)i / MANY * PIXELS);

            plot_add(&s, i, y, y);
            low[x] = fmin(low[x], y);
            high[x] = fmax(high[x], y);
        }
        T_TRUE(s.count <= PLOT_POINTS);
        T_TRUE(s.thinned);
        T_EQ(PLENTY - budget, s.room);
        unsigned wrong = 0;

        for (size_t i = 0; i < s.count; i++) {
            size_t x = (size_t)(s.points[i].x / MANY * PIXELS);

            T_TRUE(i == 0 || s.points[i].x >= s.points[i - 1].x);
            got_low[x] = fmin(got_low[x], s.points[i].lo);
            got_high[x] = fmax(got_high[x], s.points[i].hi);
        }
        for (size_t i = 2; i + 2 < PIXELS; i++) {
            double l = 1e9, h = -1e9;

            for (size_t n = i - 2; n <= i + 2; n++) {
                l = fmin(l, got_low[n]);
                h = fmax(h, got_high[n]);
            }
            wrong += l > low[i] || h < high[i];
            if (shapes[k] != PLOT_TICKS)
                wrong += got_low[i] < low[i] || got_high[i] > high[i];
        }
        T_EQ(wrong, 0);
        plot_series_free(&s);
    }
}

static void test_plot_a_level_line_is_two_points(void)
{
    struct plot_series s;

    budget = PLENTY;
    plot_series_init(&s, PLOT_STEPS, &budget);
    for (unsigned i = 0; i < 1000; i++)
        plot_add(&s, i, 7, 7);
    plot_add(&s, 1000, 8, 8);
    T_EQ(s.count, 3);
    T_EQ(s.points[1].x, 999);
    plot_series_free(&s);
}

static void test_plot_without_budget_says_so(void)
{
    struct plot_series s;

    budget = 0;
    plot_series_init(&s, PLOT_DOTS, &budget);
    plot_add(&s, 1, 1, 1);
    T_EQ(s.count, 0);
    T_TRUE(s.short_of_memory);
    budget = 8; /* a few: thinned, never more */
    for (unsigned i = 0; i < 1000; i++)
        plot_add(&s, i, i, i);
    T_TRUE(s.count <= 8);
    plot_series_free(&s);
    T_EQ(budget, 8);
}

static void test_plot_intervals_grow_and_lose_nothing(void)
{
    static struct plot_rate r;
    struct plot_series s;
    double sum = 0;
    int64_t interval;

    for (int64_t t = 0; t < 3600; t++)
        plot_rate_add(&r, t * NET_SEC(1), (double)((t * t + 3 * t) % 11));
    for (size_t i = 0; i < PLOT_BINS; i++)
        sum += r.bin[i];
    T_EQ((long long)sum, 21596);
    T_TRUE(r.count <= PLOT_BINS);
    T_EQ(r.width, NET_SEC(5));
    budget = PLENTY;
    plot_series_init(&s, PLOT_STEPS, &budget);
    interval = plot_rate_draw(&r, 0, 8, &s);
    T_EQ(interval, NET_SEC(50));
    T_EQ((long long)(s.points[0].lo * 50 / 8 + 0.5), 298);
    sum = 0;
    plot_series_free(&s);
    plot_series_init(&s, PLOT_STEPS, &budget);
    T_EQ(plot_rate_draw(&r, NET_SEC(60), 8, &s), NET_SEC(60));
    plot_series_free(&s);
}

static void axis(double max, enum plot_unit unit, const char *unit_text, const char *second,
                 const char *third)
{
    struct plot_axis a;
    char n[32];

    plot_axis_choose(&a, max, unit, 5);
    T_TRUE(isnan(max) || a.max >= max);
    T_STR(a.unit, unit_text);
    T_STR(plot_axis_text(&a, 0, n)[0] == '0' ? "0" : n, "0");
    T_STR(plot_axis_text(&a, a.step, n), second);
    T_STR(plot_axis_text(&a, 2 * a.step, n), third);
}

static void test_plot_axes_have_round_numbers(void)
{
    axis(6.8, PLOT_UNIT_SECONDS, "s", "2", "4");
    axis(0.9, PLOT_UNIT_SECONDS, "ms", "200", "400");
    axis(0.0007, PLOT_UNIT_SECONDS, "µs", "200", "400");
    axis(1.2, PLOT_UNIT_BYTES, "B", "1", "2");
    axis(8000000, PLOT_UNIT_BYTES, "MB", "2", "4");
    axis(1500, PLOT_UNIT_BYTES, "B", "500", "1000");
    axis(2.5e9, PLOT_UNIT_BITS_PER_SECOND, "Gbit/s", "0.5", "1.0");
    axis(3, PLOT_UNIT_CONNECTIONS, "", "1", "2");
    axis(0, PLOT_UNIT_BYTES, "B", "1", "2");
    axis(NAN, PLOT_UNIT_SECONDS, "µs", "200", "400");
}

/* A transfer of which one segment is lost and sent again. */
static void story(void)
{
    uint32_t q = 1;

    feed_handshake(&f);
    feed_seg(&f, 1e-4, END_CLIENT, TCP_PSH | TCP_ACK, 1, 1, 72);
    for (unsigned i = 0; i < 40; i++) {
        feed_next(&f, 1e-3, END_SERVER, TCP_ACK, q, 73, 1448);
        f.conn.end[END_SERVER].in_flight = 1448 * (1 + i % 3);
        if (i == 30)
            feed_comment(&f, "retransmission (fast retransmit)\ncwnd 20000 ssthresh 20000 "
                             "in_flight 2896 (fast retransmit)");
        else
            feed_comment(&f, "bad wire: delay\ncwnd 14480 in_flight 1448 (slow start)");
        if (i == 30)
            f.seg.what = SEG_RTX | SEG_FAST_RTX;
        feed_send(&f);
        q += i == 25 ? 0 : 1448;
        feed_next(&f, 5e-4, END_CLIENT, TCP_ACK, 73, q, 0);
        f.seg.rtt = (int64_t)(20 + i % 5) * 1000000;
        if (i == 27)
            feed_sack(&f, q + 1448, q + 2896);
        feed_send(&f);
    }
    feed_teardown(&f, 73, q);
    plot_conn_named(conn, &f.conn);
}

static char *drawn;
static size_t drawn_len;

static void draw(const char *kind, const char *format)
{
    struct plot_series spare[2];
    struct plot p;
    FILE *out;

    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    for (unsigned e = 0; e < 2; e++)
        plot_series_init(&spare[e], PLOT_STEPS, &budget);
    plot_of(&p, conn, kind, -1, 0, spare);
    if (strcmp(format, "svg") == 0)
        plot_svg(out, &p);
    else
        plot_text(out, &p, 80, strcmp(format, "ascii") == 0, strcmp(format, "color") == 0);
    for (unsigned e = 0; e < 2; e++)
        plot_series_free(&spare[e]);
    fclose(out);
}

static void test_plot_diagrams_are_drawn_as_approved(void)
{
    start();
    story();
    draw("tseq", "svg");
    golden_check("plot-tseq.svg", drawn);
    draw("tseq", "text");
    golden_check("plot-tseq.txt", drawn);
    /* No colour: each curve has its letter (the SACK lies below others), above and in the legend. */
    T_TRUE(strstr(drawn, "a window allows   b acknowledged   c SACK   d segment   e sent again") !=
           NULL);
    char *legend = strstr(drawn, "a window allows");
    size_t above = legend != NULL ? (size_t)(legend - drawn) : 0;
    char *axis_from = strstr(drawn, "│"); /* behind the title */

    for (const char *letter = "abde"; axis_from != NULL && *letter != '\0'; letter++)
        T_TRUE(memchr(axis_from, *letter, above - (size_t)(axis_from - drawn)) != NULL);
    draw("throughput", "svg");
    golden_check("plot-throughput.svg", drawn);
    draw("rtt", "svg");
    golden_check("plot-rtt.svg", drawn);
    draw("window", "color");
    golden_check("plot-window.txt", drawn);
    draw("cwnd", "ascii");
    golden_check("plot-cwnd.txt", drawn);
    for (const char *p = drawn; *p != '\0'; p++)
        T_TRUE((unsigned char)*p < 0x80);
    stop();
}

static void test_plot_sequence_numbers_go_on_beyond_32_bits(void)
{
    uint32_t q = 1;
    uint64_t all = 0;

    start();
    feed_handshake(&f);
    for (unsigned i = 0; i < 6; i++) {
        feed_seg(&f, 1, END_SERVER, TCP_ACK, q, 1, 1u << 30);
        q += 1u << 30;
        all += 1u << 30;
        feed_seg(&f, 1, END_CLIENT, TCP_ACK, 1, q, 0);
    }
    const struct plot_way *w = &conn->way[END_SERVER];

    T_EQ(w->seq, all + 1);
    T_EQ(w->ack_seq, all + 1);
    T_EQ((long long)w->data.points[w->data.count - 1].hi, all + 1);
    double bytes = 0;

    for (size_t i = 0; i < PLOT_BINS; i++)
        bytes += conn->rate[END_SERVER]->bin[i];
    T_EQ((long long)bytes, all); /* each byte once; the SYN is none */
    T_TRUE(conn->rate[END_CLIENT] == NULL);
    stop();
}

static void test_plot_goodput_counts_no_byte_twice(void)
{
    double bytes = 0;

    start();
    feed_handshake(&f);
    for (unsigned i = 0; i < 5; i++) { /* the same segment five times, one ACK after each */
        feed_seg(&f, 0.1, END_SERVER, TCP_ACK, 1, 1, 1000);
        feed_seg(&f, 0.1, END_CLIENT, TCP_ACK, 1, 1001, 0);
        feed_seg(&f, 0.1, END_CLIENT, TCP_ACK, 1, 501, 0); /* an old one, overtaken */
    }
    for (size_t i = 0; i < PLOT_BINS; i++)
        bytes += conn->rate[END_SERVER]->bin[i];
    T_EQ((long long)bytes, 1000);
    stop();
}

static void test_plot_cwnd_from_comments(void)
{
    start();
    story();
    T_EQ((long long)conn->cwnd.points[0].lo, 14480);
    T_EQ(conn->loss.count, 1);
    T_EQ((long long)conn->loss.points[0].lo, 20000);
    T_EQ((long long)conn->ssthresh.points[0].lo, 20000);
    size_t before = conn->cwnd.count;

    /* About another connection, or no number at all. */
    plot_cwnd_comment(
        conn, 9,
        (struct span){(const uint8_t *)"cwnd 1 in_flight 2 (timeout) [10.0.0.2:80-10.0.0.9:1]",
                      53});
    plot_cwnd_comment(conn, 9, (struct span){(const uint8_t *)"cwnd x in_flight 2 (timeout)", 28});
    plot_cwnd_comment(conn, 9, (struct span){(const uint8_t *)"cwnd 1", 6});
    T_EQ(conn->cwnd.count, before);
    stop();
}

static void test_plot_cwnd_from_a_trace(void)
{
    char path[] = "/tmp/test_plot.XXXXXX", err[200];
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "w");
    const char *name = "10.0.0.1:40112-10.0.0.2:80";

    T_NEED(out != NULL);
    fputs("{\"t\":5.0,\"host\":\"a\",\"kind\":\"tcp_state\",\"conn\":\"10.0.0.2:80-10.0.0.1:"
          "40112\",\"frame\":1}\n"
          "{\"t\":5.5,\"host\":\"a\",\"kind\":\"cwnd\",\"conn\":\"10.0.0.2:80-10.0.0.1:40112\","
          "\"frame\":2,\"cwnd\":14480,"
          "\"ssthresh\":4294967295,\"in_flight\":0,\"cause\":\"slow start\"}\n"
          "{\"t\":5.6,\"host\":\"a\",\"kind\":\"cwnd\",\"conn\":\"10.0.0.2:80-10.0.0.1:4011\","
          "\"frame\":2,\"cwnd\":1,"
          "\"ssthresh\":1,\"in_flight\":0,\"cause\":\"slow start\"}\n"
          "not json\n"
          "{\"t\":6.0,\"host\":\"a\",\"kind\":\"cwnd\",\"conn\":\"10.0.0.2:80-10.0.0.1:40112\","
          "\"frame\":3,\"cwnd\":7240,"
          "\"ssthresh\":7240,\"in_flight\":1448,\"cause\":\"timeout\"}\n",
          out);
    fclose(out);
    start();
    story();
    T_EQ(plot_cwnd_trace(conn, path, name, err, sizeof(err)), 2);
    T_EQ(conn->cwnd.count, 2);
    T_TRUE(fabs(conn->cwnd.points[0].x - 0.5) < 1e-9);
    T_EQ((long long)conn->cwnd.points[1].lo, 7240);
    T_EQ(conn->ssthresh.count, 1); /* "none" is no number */
    T_EQ(conn->loss.count, 1);
    T_EQ(plot_cwnd_trace(conn, path, "10.0.0.1:1-10.0.0.2:2", err, sizeof(err)), 0);
    T_EQ(plot_cwnd_trace(conn, path, "10.0.0.2:80-10.0.0.1:4011", err, sizeof(err)), 1);
    unlink(path);
    T_EQ(plot_cwnd_trace(conn, path, name, err, sizeof(err)), -1);
    T_TRUE(strstr(err, "No such file") != NULL);
    stop();
}

static void test_plot_a_far_round_trip_does_not_hide_the_others(void)
{
    struct plot_series spare[2];
    struct plot p;

    start();
    story();
    plot_of(&p, conn, "rtt", -1, 0, spare);
    T_TRUE(p.ceiling == 0);
    feed_next(&f, 1, END_CLIENT, TCP_ACK, 73, 60000, 0)->rtt = NET_SEC(1);
    feed_send(&f);
    plot_of(&p, conn, "rtt", -1, 0, spare);
    T_TRUE(p.ceiling > 0.02 && p.ceiling < 0.1);
    T_STR(p.note, "1 longer one at the upper edge, up to 1 s");
    stop();
}

static void test_plot_says_why_there_is_nothing(void)
{
    start();
    feed_handshake(&f);
    plot_conn_named(conn, &f.conn);
    draw("cwnd", "svg");
    T_TRUE(strstr(drawn, "--trace FILE") != NULL);
    draw("tseq", "text");
    T_TRUE(strstr(drawn, "it carried no data") != NULL);
    feed_next(&f, 1e-3, END_CLIENT, TCP_ACK, 1, 1, 0)->rtt = 1500000;
    feed_send(&f);
    draw("rtt", "ascii");
    T_TRUE(strstr(drawn, "One round trip only") != NULL && strstr(drawn, ": 1.5 ms, ") != NULL);
    feed_next(&f, 1e-3, END_CLIENT, TCP_ACK, 1, 1, 0)->rtt = 2500000;
    feed_send(&f);
    draw("rtt", "ascii");
    T_TRUE(strstr(drawn, "One round trip only") == NULL);
    stop();
}

static void test_plot_states_are_counted_where_they_changed(void)
{
    FILE *out;

    states = plot_states_new();
    start();
    story();
    plot_states_ended(states, &f.conn);
    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    plot_states_svg(out, states);
    fclose(out);
    golden_check("plot-states.svg", drawn);
    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    plot_states_text(out, states, 80, true, false);
    fclose(out);
    golden_check("plot-states.txt", drawn);
    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    plot_states_text(out, states, 80, true, true);
    fclose(out);
    T_TRUE(strstr(drawn, "\033[32mEEEE") != NULL);
    plot_states_free(states);
    states = NULL;
    stop();
}

static void test_plot_states_come_one_after_another(void)
{
    FILE *out;
    int64_t close;

    states = plot_states_new();
    start();
    feed_handshake(&f);
    feed_seg(&f, 1, END_SERVER, TCP_FIN | TCP_ACK, 1, 1,
             0); /* 4: seen before the client's, taken after it */
    feed_seg(&f, 1, END_CLIENT, TCP_FIN | TCP_ACK, 1, 1, 0);
    close = f.frame.time;
    feed_state(&f, END_CLIENT, TCP_ESTABLISHED, TCP_FIN_WAIT_1, "close");
    f.frame.time -= NET_SEC(1);
    feed_state_at(&f, 4, 6, END_CLIENT, TCP_FIN_WAIT_1, TCP_CLOSING, "rcv FIN");
    f.frame.time = close;
    feed_seg(&f, 1, END_SERVER, TCP_ACK, 2, 2, 0);
    plot_states_ended(states, &f.conn);
    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    plot_states_text(out, states, 80, true, false);
    fclose(out);
    /* Two thirds established, then closing: never both. */
    T_TRUE(strstr(drawn, "EEEEEEEEEc") != NULL || strstr(drawn, "EEEEEEEEcc") != NULL);
    T_TRUE(strstr(drawn, "cE") == NULL);
    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    plot_states_svg(out, states);
    fclose(out);
    T_TRUE(strstr(drawn, ">2</text>") == NULL); /* there is one connection */
    plot_states_free(states);
    states = NULL;
    stop();
}

static void test_plot_a_page_needs_nothing_else(void)
{
    FILE *out;

    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    plot_page_begin(out, "<title>");
    plot_page_end(out);
    fclose(out);
    T_TRUE(strstr(drawn, "&lt;title&gt;") != NULL);
    T_TRUE(strstr(drawn, "</html>") != NULL);
    T_TRUE(strstr(drawn, "addEventListener(\"wheel\"") != NULL);
    T_TRUE(strstr(drawn, "src=") == NULL && strstr(drawn, "href=") == NULL);
    T_TRUE(strstr(drawn, "fetch(") == NULL && strstr(drawn, "@import") == NULL);
    free(drawn);
    drawn = NULL;
}

T_MAIN("plot", T(test_plot_a_short_series_keeps_every_point),
       T(test_plot_a_long_series_covers_the_same_pixels), T(test_plot_a_level_line_is_two_points),
       T(test_plot_without_budget_says_so), T(test_plot_intervals_grow_and_lose_nothing),
       T(test_plot_axes_have_round_numbers), T(test_plot_diagrams_are_drawn_as_approved),
       T(test_plot_sequence_numbers_go_on_beyond_32_bits),
       T(test_plot_goodput_counts_no_byte_twice), T(test_plot_cwnd_from_comments),
       T(test_plot_cwnd_from_a_trace), T(test_plot_a_far_round_trip_does_not_hide_the_others),
       T(test_plot_says_why_there_is_nothing), T(test_plot_states_are_counted_where_they_changed),
       T(test_plot_states_come_one_after_another), T(test_plot_a_page_needs_nothing_else))
