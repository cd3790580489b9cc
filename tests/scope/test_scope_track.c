/*
 * What a segment is, which connection it belongs to, how long a round trip took; and that all of it stays
 * bounded.
 */
#include "rtt.h"
#include "segments.h"

TWICE(test_track_relative_numbers_and_scaled_windows)
{
    begin(iss);
    w.opts = (struct tcp_opts){.has_wscale = true, .wscale = 7, .has_mss = true, .mss = 1460};
    c(SYN, 0, 0, 0);
    T_EQ(w.last.rel_seq, 0);
    T_EQ(w.last.window, 1000); /* of a SYN: not scaled */
    w.opts = (struct tcp_opts){.has_wscale = true, .wscale = 2};
    s(SYN | ACK, 0, 1, 0);
    T_EQ(w.last.rel_ack, 1);
    c(ACK, 1, 1, 0);
    T_EQ(w.last.window, 128000);
    s(ACK, 1, 1, 0);
    T_EQ(w.last.window, 4000);
    T_EQ(w.last.conn->end[END_CLIENT].mss, 1460);
    finish();
}

TWICE(test_track_no_scale_if_one_end_does_not_offer_it)
{
    begin(iss);
    w.opts = (struct tcp_opts){.has_wscale = true, .wscale = 7};
    c(SYN, 0, 0, 0);
    s(SYN | ACK, 0, 1, 0);
    c(ACK, 1, 1, 0);
    T_EQ(w.last.window, 1000);
    finish();
}

TWICE(test_track_retransmission_after_a_timeout)
{
    begin_open(iss);
    c(ACK | PSH, 101, 1, 100);
    later(NET_MS(300));
    c(ACK | PSH, 101, 1, 100);
    T_EQ(w.last.what, SEG_RTX);
    T_EQ(w.last.rtx_of, 6);
    s(ACK, 1, 201, 0);
    T_EQ(w.last.rtt, -1); /* Karn: which copy is acknowledged? */
    later(NET_MS(1));
    c(ACK | PSH, 101, 1, 100);
    T_EQ(w.last.what, SEG_RTX | SEG_SPURIOUS);
    T_EQ(w.last.conn->end[END_CLIENT].rtx_segments, 2);
    T_EQ(w.last.conn->end[END_CLIENT].rtx_bytes, 200);
    T_EQ(w.last.conn->end[END_CLIENT].bytes, 200);
    finish();
}

TWICE(test_track_fast_retransmission)
{
    begin_open(iss);
    c(ACK, 101, 1, 100); /* 6, lost behind us */
    for (uint32_t i = 1; i < 4; i++)
        c(ACK, 101 + 100 * i, 1, 100);
    for (int i = 0; i < 3; i++) {
        s(ACK, 1, 101, 0);
        T_EQ(w.last.what, SEG_DUP_ACK);
    }
    c(ACK, 101, 1, 100);
    T_EQ(w.last.what, SEG_RTX | SEG_FAST_RTX);
    T_EQ(w.last.rtx_of, 6);
    T_EQ(w.last.conn->end[END_SERVER].dup_acks, 3);
    finish();
}

TWICE(test_track_hole_filled_at_once_is_out_of_order)
{
    begin_open(iss);
    c(ACK, 201, 1, 100);
    T_EQ(w.last.what, SEG_GAP);
    w.now -= NET_US(900);
    c(ACK, 101, 1, 100);
    T_EQ(w.last.what, SEG_OUT_OF_ORDER);
    T_EQ(w.last.conn->end[END_CLIENT].bytes, 300);
    T_EQ(w.last.conn->end[END_CLIENT].out_of_order, 1);
    finish();
}

TWICE(test_track_hole_filled_late_was_lost_before_us)
{
    begin_open(iss);
    c(ACK, 201, 1, 100);
    later(NET_MS(250));
    c(ACK, 101, 1, 100);
    T_EQ(w.last.what, SEG_RTX);
    T_EQ(w.last.rtx_of, 0); /* its first copy is not here */
    T_EQ(w.last.conn->end[END_CLIENT].bytes, 300);
    T_EQ(w.last.conn->end[END_CLIENT].rtx_bytes, 0);
    finish();
}

TWICE(test_track_windows)
{
    begin(iss);
    w.opts = (struct tcp_opts){.has_wscale = true};
    c(SYN, 0, 0, 0);
    w.opts = (struct tcp_opts){.has_wscale = true};
    s(SYN | ACK, 0, 1, 0);
    c(ACK, 1, 1, 0);
    c(ACK, 1, 1, 999);
    T_EQ(w.last.what, 0);
    c(ACK, 1000, 1, 1);
    T_EQ(w.last.what, SEG_WINDOW_FULL);
    w.wnd = 0;
    s(ACK, 1, 1001, 0);
    T_EQ(w.last.what, SEG_ZERO_WINDOW);
    w.wnd = 1000;
    later(NET_MS(300));
    c(ACK, 1000, 1, 0); /* Linux and we: nothing, one below */
    T_EQ(w.last.what, SEG_WINDOW_PROBE);
    w.wnd = 0;
    s(ACK, 1, 1001, 0);
    T_EQ(w.last.what, SEG_ZERO_WINDOW | SEG_KEEPALIVE_ACK);
    w.wnd = 1000;
    c(ACK, 1001, 1, 1); /* others: an octet beyond the edge */
    T_EQ(w.last.what, SEG_WINDOW_PROBE);
    w.wnd = 500;
    s(ACK, 1, 1001, 0);
    T_EQ(w.last.what, SEG_WINDOW_UPDATE);
    c(ACK, 1001, 1, 600);
    T_EQ(w.last.what & SEG_WINDOW_EXCEEDED, SEG_WINDOW_EXCEEDED);
    T_EQ(w.last.conn->end[END_SERVER].zero_windows, 2);
    finish();
}

TWICE(test_track_text_after_fin)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    c(ACK, 102, 1, 10);
    T_EQ(w.last.what, SEG_AFTER_FIN);
    finish();
}

TWICE(test_track_round_trips)
{
    begin(iss);
    handshake();
    T_EQ(w.last.rtt, NET_MS(1)); /* of the SYN,ACK */
    c(ACK, 1, 1, 100);
    c(ACK, 101, 1, 100);
    later(NET_MS(10));
    s(ACK, 1, 201, 0);
    T_EQ(w.last.rtt, NET_MS(11)); /* of the newest that it acknowledges */
    finish();
    T_EQ(w.ended[0].end[END_CLIENT].rtt_samples, 2);
    T_EQ(w.ended[0].end[END_CLIENT].rtt_min, NET_MS(1));
    T_EQ(w.ended[0].end[END_CLIENT].rtt_p95, NET_MS(11));
    T_EQ(w.ended[0].end[END_SERVER].rtt_samples, 1);
}

TWICE(test_track_more_in_flight_than_is_kept)
{
    begin(iss);
    w.wnd = 65535;
    handshake();
    for (uint32_t i = 0; i < 300; i++)
        c(ACK, 1 + 10 * i, 1, 10);
    T_EQ(w.last.conn->end[END_CLIENT].in_flight, 3000);
    s(ACK, 1, 11, 0);
    T_EQ(w.last.rtt, NET_MS(300)); /* the first ones are known one by one */
    s(ACK, 1, 3001, 0);
    T_EQ(w.last.rtt, -1); /* the last ones are not */
    T_EQ(w.last.conn->end[END_CLIENT].in_flight, 0);
    c(ACK, 3001, 1, 10);
    s(ACK, 1, 3011, 0);
    T_EQ(w.last.rtt, NET_MS(1));
    finish();
}

static void test_track_full_table_ends_the_one_silent_longest(void)
{
    begin_with(1000, 4);
    for (int i = 0; i < 4; i++, w.port++)
        c(SYN, 0, 0, 0); /* 40000 to 40003 */
    w.port = 40000;
    s(SYN | ACK, 0, 1, 0); /* 40000 has spoken: 40001 is next */
    w.port = 41000;
    c(SYN, 0, 0, 0);
    T_EQ(w.ended_count, 1);
    T_EQ(w.ended[0].end[END_CLIENT].port, 40001);
    T_TRUE(strstr(w.why[0], "evicted") != NULL);
    w.port = 40000;
    c(ACK, 1, 1, 0);
    T_EQ(w.last.conn->index, 0); /* it is still there */
    finish();
    T_EQ(w.ended_count, 5);
}

static void test_track_former_connection_can_be_evicted(void)
{
    for (uint32_t room = 1; room < 4; room++) {
        begin_with(1000, room);
        open_with_data();
        w.iss[0] += 500000;
        c(SYN, 0, 0, 0); /* the old one steps back */
        for (int i = 0; i < 3; i++) {
            w.port++;
            c(SYN, 0, 0, 0);
        }
        w.port = 40000;
        s(SYN | ACK, 0, 1, 0);
        c(ACK, 1, 1, 0);
        finish();
    }
}

static void test_track_many_connections_are_told_apart(void)
{
    begin_with(1000, 5000);
    for (w.port = 1; w.port < 4000; w.port++)
        c(SYN, 0, 0, 0);
    for (w.port = 1; w.port < 4000; w.port++) {
        s(SYN | ACK, 0, 1, 0);
        T_NEED(w.last.conn->index == w.port - 1u);
        T_NEED(w.last.from == END_SERVER);
    }
    w.text[0] = '\0';
    finish();
}

static void test_rtt_few_samples_are_exact(void)
{
    struct rtt r = {0};

    T_EQ(rtt_quantile(&r, 50), -1);
    for (int i = 5; i >= 1; i--)
        rtt_add(&r, NET_MS(i));
    T_EQ(r.min, NET_MS(1));
    T_EQ(rtt_quantile(&r, 50), NET_MS(3));
    T_EQ(rtt_quantile(&r, 95), NET_MS(5));
    rtt_free(&r);
}

static void test_rtt_many_samples_are_near(void)
{
    struct rtt r = {0};

    for (int i = 1; i <= 100000; i++)
        rtt_add(&r, NET_US(i));
    T_EQ(r.min, NET_US(1));
    T_TRUE(rtt_quantile(&r, 50) > NET_US(48000) && rtt_quantile(&r, 50) < NET_US(52000));
    T_TRUE(rtt_quantile(&r, 95) > NET_US(92000) && rtt_quantile(&r, 95) < NET_US(98000));
    rtt_add(&r, 0);
    rtt_add(&r, NET_SEC(1000));
    T_EQ(r.min, 0);
    rtt_free(&r);
}

static void test_rtt_full_bar_halves_all(void)
{
    struct rtt r = {0};

    for (int i = 0; i < 66000; i++) /* more than a bar can count */
        rtt_add(&r, NET_MS(1));
    for (int i = 0; i < 5000; i++)
        rtt_add(&r, NET_MS(100));
    T_TRUE(rtt_quantile(&r, 50) < NET_MS(2));
    T_TRUE(rtt_quantile(&r, 95) > NET_MS(90));
    rtt_free(&r);
}

T_MAIN("scope_track", T(test_track_relative_numbers_and_scaled_windows),
       T(test_track_no_scale_if_one_end_does_not_offer_it),
       T(test_track_retransmission_after_a_timeout), T(test_track_fast_retransmission),
       T(test_track_hole_filled_at_once_is_out_of_order),
       T(test_track_hole_filled_late_was_lost_before_us), T(test_track_windows),
       T(test_track_text_after_fin), T(test_track_round_trips),
       T(test_track_more_in_flight_than_is_kept),
       T(test_track_full_table_ends_the_one_silent_longest),
       T(test_track_former_connection_can_be_evicted),
       T(test_track_many_connections_are_told_apart), T(test_rtt_few_samples_are_exact),
       T(test_rtt_many_samples_are_near), T(test_rtt_full_bar_halves_all))
