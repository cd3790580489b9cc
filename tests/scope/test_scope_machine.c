/*
 * The states of both ends from the wire alone: every way to open, to close and to be reset; what is shown,
 * what is presumed, what is taken back, and when nothing is claimed.
 */
#include "segments.h"

TWICE(test_machine_normal_close)
{
    begin(iss);
    handshake();
    T_STR(told(), "c:CLOSED>SYN_SENT#1 s:LISTEN>SYN_RCVD#1=2 c:SYN_SENT>ESTABLISHED#2=3");
    c(ACK | PSH, 1, 1, 100);
    T_STR(told(), "");
    s(ACK, 1, 101, 0); /* acknowledges what was sent after the ACK of the SYN */
    T_STR(told(), "s:SYN_RCVD>ESTABLISHED#3=5");
    c(FIN | ACK, 101, 1, 0);
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6");
    s(ACK, 1, 102, 0);
    T_STR(told(), "s:ESTABLISHED>CLOSE_WAIT#6=7");
    s(FIN | ACK, 1, 102, 0);
    T_STR(told(), "s:CLOSE_WAIT>LAST_ACK#8");
    c(ACK, 102, 2, 0);
    T_STR(told(), "c:FIN_WAIT_1>FIN_WAIT_2#7=9 c:FIN_WAIT_2>TIME_WAIT#8=9");
    finish();
    T_STR(told(), "s:LAST_ACK>CLOSED#9?");
    T_EQ(w.ended_count, 1);
    T_EQ(w.ended[0].completeness, 1 + 2 + 4 + 8 + 16);
    T_EQ(w.ended[0].end[0].state, TCP_TIME_WAIT);
    T_EQ(w.ended[0].end[1].state, TCP_CLOSED);
}

TWICE(test_machine_fin_with_data_answered_by_fin)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 50);
    s(FIN | ACK, 1, 152, 20); /* both at once: it got the FIN, and closes */
    T_STR(told(),
          "c:ESTABLISHED>FIN_WAIT_1#6 s:ESTABLISHED>CLOSE_WAIT#6=7 s:CLOSE_WAIT>LAST_ACK#7");
    c(ACK, 152, 22, 0);
    T_STR(told(), "c:FIN_WAIT_1>FIN_WAIT_2#7=8 c:FIN_WAIT_2>TIME_WAIT#7=8");
    finish();
    T_STR(told(), "s:LAST_ACK>CLOSED#8?");
}

TWICE(test_machine_simultaneous_close)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    s(FIN | ACK, 1, 101, 0); /* has not got the client's */
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6 s:ESTABLISHED>FIN_WAIT_1#7");
    c(ACK, 102, 2, 0);
    T_STR(told(), "c:FIN_WAIT_1>CLOSING#7=8");
    s(ACK, 2, 102, 0);
    T_STR(told(), "s:FIN_WAIT_1>CLOSING#6=9");
    finish();
    T_STR(told(), "c:CLOSING>TIME_WAIT#9? s:CLOSING>TIME_WAIT#8?");
}

TWICE(test_machine_half_close_data_goes_on)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    s(ACK | PSH, 1, 102, 500);
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6 s:ESTABLISHED>CLOSE_WAIT#6=7");
    c(ACK, 102, 501, 0); /* has got text that came with the ACK of its FIN */
    T_STR(told(), "c:FIN_WAIT_1>FIN_WAIT_2#7=8");
    s(ACK | PSH, 501, 102, 10);
    c(ACK, 102, 511, 0);
    T_STR(told(), "");
    finish();
}

TWICE(test_machine_simultaneous_open)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    s(SYN, 0, 0, 0);
    T_STR(told(), "c:CLOSED>SYN_SENT#1 s:CLOSED>SYN_SENT#2");
    c(SYN | ACK, 0, 1, 0);
    s(SYN | ACK, 0, 1, 0);
    T_STR(told(), "c:SYN_SENT>SYN_RCVD#2=3 s:SYN_SENT>SYN_RCVD#1=4");
    c(ACK | PSH, 1, 1, 10);
    T_STR(told(), "c:SYN_RCVD>ESTABLISHED#4=5");
    s(ACK, 1, 11, 0);
    T_STR(told(), "s:SYN_RCVD>ESTABLISHED#3=6");
    T_EQ(w.last.conn->index, 0);
    finish();
}

TWICE(test_machine_refused)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    s(RST | ACK, 0, 1, 0);
    T_EQ(w.last.after[END_SERVER], TCP_CLOSED);
    T_EQ(w.last.what & SEG_OLD_RST, 0);
    finish();
    T_STR(told(), "c:CLOSED>SYN_SENT#1 c:SYN_SENT>CLOSED#2?");
}

TWICE(test_machine_refused_with_a_wrong_number_is_not)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    s(RST | ACK, 0, 5, 0);
    T_EQ(w.last.what & SEG_OLD_RST, SEG_OLD_RST);
    finish();
    T_STR(told(), "c:CLOSED>SYN_SENT#1");
}

TWICE(test_machine_reset_of_an_open_connection)
{
    begin_open(iss);
    s(RST | ACK, 1, 101, 0);
    T_STR(told(), "s:ESTABLISHED>CLOSED#6");
    T_EQ(w.last.what & SEG_OLD_RST, 0);
    finish();
    T_STR(told(), "c:ESTABLISHED>CLOSED#6?");
    T_EQ(w.ended[0].completeness & 32, 32);
}

TWICE(test_machine_reset_beyond_the_window_changes_nothing)
{
    begin_open(iss);
    s(RST, 500, 0, 0); /* not the next number: RFC 5961 section 3.2 */
    T_EQ(w.last.what & SEG_OLD_RST, SEG_OLD_RST);
    c(ACK, 101, 1, 0); /* the challenge */
    s(ACK | PSH, 1, 101, 10);
    c(ACK, 101, 11, 0);
    finish();
    T_STR(told(), "");
    T_EQ(w.ended[0].end[0].state, TCP_ESTABLISHED);
    T_EQ(w.ended[0].end[1].state, TCP_ESTABLISHED);
}

TWICE(test_machine_forged_reset_with_the_right_number_is_taken_back)
{
    begin_open(iss);
    s(RST, 1, 0, 0);
    T_STR(told(), "s:ESTABLISHED>CLOSED#6");
    later(NET_SEC(1));
    s(ACK | PSH, 1, 101, 10); /* it goes on: so the reset was not its own */
    T_STR(told(), "s:CLOSED>ESTABLISHED#7");
    c(ACK, 101, 11, 0); /* and has not been taken */
    finish();
    T_STR(told(), "");
}

TWICE(test_machine_reset_in_syn_rcvd_goes_back_to_listen)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    s(SYN | ACK, 0, 1, 0);
    c(RST, 1, 0, 0); /* a scanner */
    T_STR(told(), "c:CLOSED>SYN_SENT#1 s:LISTEN>SYN_RCVD#1=2 c:SYN_SENT>CLOSED#3");
    finish();
    T_STR(told(), "s:SYN_RCVD>LISTEN#3?");
}

TWICE(test_machine_bad_ack_in_the_handshake_is_reset_and_it_goes_on)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    s(ACK, 700, 900, 0); /* an old connection's */
    c(RST, 900, 0, 0);   /* RFC 9293 Figure 9 */
    T_STR(told(), "c:CLOSED>SYN_SENT#1");
    T_EQ(w.last.after[END_CLIENT], TCP_SYN_SENT);
    finish();
}

TWICE(test_machine_reset_after_the_last_ack_of_the_handshake)
{
    begin(iss);
    handshake();
    c(RST | ACK, 1, 1, 0);
    finish();
    T_STR(told(), "c:CLOSED>SYN_SENT#1 s:LISTEN>SYN_RCVD#1=2 c:SYN_SENT>ESTABLISHED#2=3 "
                  "c:ESTABLISHED>CLOSED#4 "
                  "s:SYN_RCVD>ESTABLISHED#3? s:ESTABLISHED>CLOSED#4?");
}

TWICE(test_machine_syn_sent_again_is_the_cause)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    later(NET_SEC(1));
    c(SYN, 0, 0, 0);
    T_EQ(w.last.what & SEG_RTX, SEG_RTX);
    T_EQ(w.last.rtx_of, 1);
    s(SYN | ACK, 0, 1, 0);
    T_STR(told(), "c:CLOSED>SYN_SENT#1 s:LISTEN>SYN_RCVD#2=3");
    finish();
}

TWICE(test_machine_syns_without_an_answer_end_in_silence)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    later(NET_SEC(1));
    c(SYN, 0, 0, 0);
    later(NET_SEC(2));
    c(SYN, 0, 0, 0);
    later(NET_SEC(20));
    w.port++;
    c(SYN, 0, 0, 0); /* the capture goes on */
    finish();
    T_STR(told(), "c:CLOSED>SYN_SENT#1 c:CLOSED>SYN_SENT#4 c:SYN_SENT>UNKNOWN#3?");
}

TWICE(test_machine_a_capture_that_ends_early_claims_no_silence)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    later(NET_SEC(1));
    c(SYN, 0, 0, 0);
    later(NET_SEC(1));
    finish();
    T_STR(told(), "c:CLOSED>SYN_SENT#1");
}

TWICE(test_machine_lost_third_ack_is_seen_by_the_second_syn_ack)
{
    begin(iss);
    handshake();
    later(NET_SEC(1));
    s(SYN | ACK, 0, 1, 0); /* so it has not got frame 3 */
    c(ACK, 1, 1, 0);
    told();
    c(ACK | PSH, 1, 1, 10);
    s(ACK, 1, 11, 0);
    T_STR(told(), "s:SYN_RCVD>ESTABLISHED#5=7");
    finish();
}

TWICE(test_machine_lost_last_ack_is_seen_by_the_second_fin)
{
    begin_open(iss);
    close_in_three(); /* 8, lost behind us */
    later(NET_MS(400));
    s(FIN | ACK, 1, 102, 0);
    T_EQ(w.last.what & SEG_RTX, SEG_RTX);
    c(ACK, 102, 2, 0); /* 10 */
    told();
    finish();
    T_STR(told(), "s:LAST_ACK>CLOSED#10?");
}

TWICE(test_machine_presumed_is_told_after_silence_and_taken_back)
{
    begin_open(iss);
    close_in_three();
    told();
    later(NET_SEC(11));
    w.port++;
    c(SYN, 0, 0, 0); /* another connection: time goes on */
    T_STR(told(), "s:LAST_ACK>CLOSED#8? c:CLOSED>SYN_SENT#9");
    w.port--;
    s(FIN | ACK, 1, 102, 0);
    T_STR(told(), "s:CLOSED>LAST_ACK#10");
    finish();
}

TWICE(test_machine_fin_fills_after_a_hole)
{
    begin_open(iss);
    c(ACK | PSH, 101, 1, 100); /* 6: lost behind us */
    c(FIN | ACK, 201, 1, 50);  /* 7: waits for it */
    s(ACK, 1, 101, 0);
    later(NET_MS(300));
    c(ACK | PSH, 101, 1, 100); /* 9 */
    s(ACK, 1, 252, 0);
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#7 s:ESTABLISHED>CLOSE_WAIT#9=10");
    finish();
}

TWICE(test_machine_joined_in_the_middle_is_unknown)
{
    begin(iss);
    c(ACK, 500, 700, 0); /* could be in FIN_WAIT_2 */
    s(ACK, 700, 500, 1000);
    c(ACK, 500, 1700, 0);
    T_STR(told(), "");
    T_EQ(w.last.after[END_CLIENT], -1);
    s(ACK, 1700, 500, 1000);
    T_STR(told(), "");
    c(ACK | PSH, 500, 2700, 10); /* at the number of its ACKs: no FIN was sent */
    T_STR(told(), "c:UNKNOWN>ESTABLISHED#5");
    s(ACK, 2700, 510, 10);
    T_STR(told(), "s:UNKNOWN>ESTABLISHED#6?");
    T_TRUE(w.last.conn->joined);
    finish();
}

TWICE(test_machine_joined_before_the_close)
{
    begin(iss);
    c(ACK, 500, 700, 0);
    s(ACK, 700, 500, 0);
    c(FIN | ACK, 500, 700, 0);
    s(ACK, 700, 501, 0);
    s(FIN | ACK, 700, 501, 0);
    c(ACK, 501, 701, 0);
    finish();
    T_STR(told(), "s:UNKNOWN>LAST_ACK#5 c:UNKNOWN>TIME_WAIT#5=6 s:LAST_ACK>CLOSED#6?");
}

TWICE(test_machine_lost_fin_makes_unknown)
{
    begin_open(iss);
    /* The client's FIN is not in the capture. */
    s(ACK, 1, 102, 0);
    T_EQ(w.last.what & SEG_UNSEEN_ACKED, SEG_UNSEEN_ACKED);
    c(ACK, 102, 1, 0);
    T_STR(told(), "");
    c(ACK, 102, 1, 0);
    T_STR(told(), "c:ESTABLISHED>UNKNOWN#8");
    c(FIN | ACK, 101, 1, 0); /* sent again */
    T_STR(told(), "c:UNKNOWN>FIN_WAIT_1#9");
    finish();
}

TWICE(test_machine_lost_text_is_no_fin)
{
    begin_open(iss);
    c(ACK, 301, 1, 0);
    c(ACK, 301, 1, 0);
    T_STR(told(), "c:ESTABLISHED>UNKNOWN#7");
    c(ACK | PSH, 301, 1, 100); /* text behind the hole: none of it was a FIN */
    T_STR(told(), "c:UNKNOWN>ESTABLISHED#8");
    finish();
}

TWICE(test_machine_unseen_syn_ack)
{
    begin(iss);
    c(SYN, 0, 0, 0);
    c(ACK, 1, 1, 0);
    T_STR(told(), "c:CLOSED>SYN_SENT#1 c:SYN_SENT>ESTABLISHED#2");
    s(ACK | PSH, 1, 1, 10);
    c(ACK, 1, 11, 0);
    T_EQ(w.last.after[END_CLIENT], TCP_ESTABLISHED);
    finish();
}

TWICE(test_machine_fast_open_text_proves_nothing)
{
    begin(iss);
    c(SYN, 0, 0, 50);
    s(SYN | ACK, 0, 51, 0);
    s(ACK | PSH, 1, 51, 200); /* RFC 7413: sent in SYN_RCVD */
    T_STR(told(), "c:CLOSED>SYN_SENT#1 s:LISTEN>SYN_RCVD#1=2");
    c(ACK, 51, 201, 0);
    T_STR(told(), "c:SYN_SENT>ESTABLISHED#2=4");
    c(ACK | PSH, 51, 201, 10);
    s(ACK, 201, 61, 0);
    T_STR(told(), "s:SYN_RCVD>ESTABLISHED#4=6");
    finish();
}

TWICE(test_machine_abort_by_an_end_that_is_gone)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    s(ACK | PSH, 1, 102, 500);
    c(RST, 102, 0, 0); /* nobody reads any more */
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6 s:ESTABLISHED>CLOSE_WAIT#6=7 "
                  "c:FIN_WAIT_1>FIN_WAIT_2#7? c:FIN_WAIT_2>CLOSED#8");
    finish();
    T_STR(told(), "s:CLOSE_WAIT>CLOSED#8?");
}

TWICE(test_machine_ports_are_reused_after_time_wait)
{
    begin_open(iss);
    s(FIN | ACK, 1, 101, 0);
    c(FIN | ACK, 101, 2, 0);
    s(ACK, 2, 102, 0); /* the server is in TIME_WAIT */
    told();
    w.iss[0] += 100000;
    w.iss[1] += 100000;
    later(NET_SEC(2));
    c(SYN, 0, 0, 0); /* 9 */
    T_EQ(w.last.what & SEG_PORT_REUSED, SEG_PORT_REUSED);
    T_EQ(w.last.conn->index, 1);
    T_STR(told(), "c:LAST_ACK>CLOSED#8? s:TIME_WAIT>CLOSED#9? c:CLOSED>SYN_SENT#9");
    s(SYN | ACK, 0, 1, 0);
    T_STR(told(), "s:LISTEN>SYN_RCVD#9=10");
    finish();
    T_EQ(w.ended_count, 2);
}

TWICE(test_machine_forged_syn_leaves_the_connection_alone)
{
    uint32_t real = iss;

    begin_open(iss);
    w.iss[0] = real + 5000000;
    c(SYN, 0, 0, 0); /* 6: somebody's */
    T_EQ(w.last.what & SEG_PORT_REUSED, SEG_PORT_REUSED);
    w.iss[0] = real;
    s(ACK, 1, 101, 0); /* RFC 5961 section 4: the challenge belongs to the old one */
    T_EQ(w.last.conn->index, 0);
    c(ACK | PSH, 101, 1, 10);
    T_EQ(w.last.conn->index, 0);
    s(ACK, 1, 111, 0);
    T_STR(told(), ""); /* nobody answered that SYN */
    finish();
    T_EQ(w.ended_count, 2);
    T_EQ(w.ended[0].end[END_CLIENT].state, TCP_ESTABLISHED);
    T_EQ(w.ended[0].end[END_SERVER].state, TCP_ESTABLISHED);
}

TWICE(test_machine_half_open_client_comes_back)
{
    uint32_t real = iss;

    begin_open(iss);
    w.iss[0] = real + 5000000;
    c(SYN, 0, 0, 0); /* 6: it has forgotten everything */
    told();
    w.iss[0] = real;
    s(ACK, 1, 101, 0); /* 7 */
    c(RST, 101, 0, 0); /* 8: RFC 9293 Figure 9 */
    T_STR(told(), "c:ESTABLISHED>CLOSED#8");
    w.iss[0] = real + 5000000;
    w.iss[1] += 900000;
    later(NET_SEC(1));
    c(SYN, 0, 0, 0); /* 9 */
    s(SYN | ACK, 0, 1, 0);
    T_STR(told(), "s:ESTABLISHED>CLOSED#8? c:CLOSED>SYN_SENT#6 s:LISTEN>SYN_RCVD#9=10");
    c(ACK, 1, 1, 0);
    T_STR(told(), "c:SYN_SENT>ESTABLISHED#10=11");
    finish();
    T_EQ(w.ended_count, 2);
}

TWICE(test_machine_keepalives_say_nothing_new)
{
    begin_open(iss);
    later(NET_SEC(100));
    c(ACK, 100, 1, 0);
    T_EQ(w.last.what, SEG_KEEPALIVE);
    s(ACK, 1, 101, 0);
    T_EQ(w.last.what, SEG_KEEPALIVE_ACK);
    finish();
    T_STR(told(), "");
}

TWICE(test_machine_broken_segment_says_nothing)
{
    begin_open(iss);
    w.bad_sum = true;
    c(FIN | ACK, 101, 1, 0);
    T_EQ(w.last.what, SEG_BAD_SUM);
    T_STR(told(), "");
    c(FIN | ACK, 101, 1, 0);
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#7");
    finish();
}

TWICE(test_machine_sums_left_to_the_device_are_not_wrong)
{
    begin(iss);
    for (int i = 0; i < 4; i++) {
        w.bad_sum = i != 1; /* one is right by chance */
        c(SYN, 0, 0, 0);
        T_EQ(w.last.what & SEG_BAD_SUM, 0);
    }
    T_STR(told(), "c:CLOSED>SYN_SENT#1");
    finish();
}

TWICE(test_machine_reset_right_behind_a_fin_shows_that_it_came)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    c(RST | ACK, 102, 1, 0); /* taken only by who has got the FIN */
    finish();
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6 c:FIN_WAIT_1>CLOSED#7 s:ESTABLISHED>CLOSE_WAIT#6? "
                  "s:CLOSE_WAIT>CLOSED#7?");
}

TWICE(test_machine_reset_by_an_end_in_the_dark_is_not_presumed_taken)
{
    begin_open(iss);
    for (int i = 0; i < 3; i++) {
        later(NET_SEC(1));
        c(ACK, 100, 1, 0); /* keep-alives without an answer */
    }
    later(NET_SEC(1));
    c(RST | ACK, 101, 1, 0);
    T_STR(told(), "c:ESTABLISHED>CLOSED#9");
    finish();
    T_STR(told(), "s:ESTABLISHED>UNKNOWN#9?");
}

TWICE(test_machine_reset_with_a_number_before_its_fin_knows_no_ack_of_it)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    s(ACK | PSH, 1, 101, 50); /* sent before it got the FIN */
    s(ACK, 51, 102, 0);
    c(RST, 101, 0, 0); /* answers frame 7 */
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6 s:ESTABLISHED>CLOSE_WAIT#6=8 c:FIN_WAIT_1>CLOSED#9");
    finish();
    T_STR(told(), ""); /* below what the server expects now */
}

TWICE(test_machine_fin_lost_before_the_capture_leaves_the_order_open)
{
    begin_open(iss);
    s(FIN | ACK, 1, 101, 0);
    T_STR(told(), "s:ESTABLISHED>FIN_WAIT_1#6");
    c(ACK, 102, 2, 0); /* its FIN was sent, before this or after the other's: who knows */
    T_STR(told(), "c:ESTABLISHED>UNKNOWN#6=7");
    later(NET_MS(300));
    c(FIN | ACK, 101, 2, 0);
    s(ACK, 2, 102, 0);
    finish();
    T_STR(told(), "s:FIN_WAIT_1>FIN_WAIT_2#7=9 s:FIN_WAIT_2>TIME_WAIT#8=9");
}

TWICE(test_machine_fin_that_only_the_other_end_has_seen)
{
    begin_open(iss);
    /* The server's FIN is not in the capture. */
    c(FIN | ACK, 101, 2, 0);
    T_STR(told(), "c:ESTABLISHED>UNKNOWN#6");
    s(ACK, 2, 102, 0);
    s(ACK, 2, 102, 0);
    T_TRUE(strstr(told(), "s:ESTABLISHED>CLOSE_WAIT") == NULL);
    finish();
}

TWICE(test_machine_second_copy_of_a_fin_is_the_cause_when_the_first_was_lost)
{
    begin_open(iss);
    s(FIN | ACK, 1, 101, 0); /* 6, lost behind us */
    later(NET_MS(500));
    c(FIN | ACK, 101, 1, 0); /* 7: it has not got it */
    s(ACK, 2, 102, 0);       /* 8 */
    later(NET_MS(200));
    s(FIN | ACK, 1, 102, 0); /* 9 */
    w.now -= NET_US(990);
    c(ACK, 102, 2, 0);
    T_STR(told(), "s:ESTABLISHED>FIN_WAIT_1#6 c:ESTABLISHED>FIN_WAIT_1#7 s:FIN_WAIT_1>CLOSING#7=8 "
                  "c:FIN_WAIT_1>FIN_WAIT_2#8=10 c:FIN_WAIT_2>TIME_WAIT#9=10");
    finish();
}

TWICE(test_machine_forged_syns_in_both_names)
{
    uint32_t real[2];

    begin_open(iss);
    memcpy(real, w.iss, sizeof(real));
    w.iss[0] += 5000000;
    c(SYN, 0, 0, 0);
    w.iss[0] = real[0];
    s(ACK, 1, 101, 0);
    w.iss[1] += 6000000;
    s(SYN, 0, 0, 0);
    w.iss[1] = real[1];
    c(ACK, 101, 1, 0);
    close_in_three();
    finish();
    T_STR(told(),
          "c:ESTABLISHED>FIN_WAIT_1#10 s:ESTABLISHED>CLOSE_WAIT#10=11 s:CLOSE_WAIT>LAST_ACK#11 "
          "c:FIN_WAIT_1>FIN_WAIT_2#11=12 c:FIN_WAIT_2>TIME_WAIT#11=12 s:LAST_ACK>CLOSED#12?");
}

TWICE(test_machine_time_wait_takes_no_reset)
{
    begin_open(iss);
    close_in_three();
    told();
    s(RST, 2, 0, 0); /* RFC 1337 */
    finish();
    T_TRUE(strstr(told(), "c:") == NULL);
    T_EQ(w.ended[0].end[END_CLIENT].state, TCP_TIME_WAIT);
}

TWICE(test_machine_which_copy_of_a_fin_came_is_presumed)
{
    begin_open(iss);
    c(FIN | ACK, 101, 1, 0);
    s(FIN | ACK, 1, 101, 0); /* 7 */
    s(ACK, 2, 102, 0);       /* 8 */
    later(NET_MS(200));
    s(FIN | ACK, 1, 102, 0); /* 9 */
    c(ACK, 102, 2, 0);       /* has it got 7, or 9? */
    T_STR(told(), "c:ESTABLISHED>FIN_WAIT_1#6 s:ESTABLISHED>FIN_WAIT_1#7 s:FIN_WAIT_1>CLOSING#6=8 "
                  "c:FIN_WAIT_1>FIN_WAIT_2#8? c:FIN_WAIT_2>TIME_WAIT#9?");
    finish();
}

T_MAIN("scope_machine", T(test_machine_normal_close), T(test_machine_fin_with_data_answered_by_fin),
       T(test_machine_simultaneous_close), T(test_machine_half_close_data_goes_on),
       T(test_machine_simultaneous_open), T(test_machine_refused),
       T(test_machine_refused_with_a_wrong_number_is_not),
       T(test_machine_reset_of_an_open_connection),
       T(test_machine_reset_beyond_the_window_changes_nothing),
       T(test_machine_forged_reset_with_the_right_number_is_taken_back),
       T(test_machine_reset_in_syn_rcvd_goes_back_to_listen),
       T(test_machine_bad_ack_in_the_handshake_is_reset_and_it_goes_on),
       T(test_machine_reset_after_the_last_ack_of_the_handshake),
       T(test_machine_syn_sent_again_is_the_cause),
       T(test_machine_syns_without_an_answer_end_in_silence),
       T(test_machine_a_capture_that_ends_early_claims_no_silence),
       T(test_machine_lost_third_ack_is_seen_by_the_second_syn_ack),
       T(test_machine_lost_last_ack_is_seen_by_the_second_fin),
       T(test_machine_presumed_is_told_after_silence_and_taken_back),
       T(test_machine_fin_fills_after_a_hole), T(test_machine_joined_in_the_middle_is_unknown),
       T(test_machine_joined_before_the_close), T(test_machine_lost_fin_makes_unknown),
       T(test_machine_lost_text_is_no_fin), T(test_machine_unseen_syn_ack),
       T(test_machine_fast_open_text_proves_nothing), T(test_machine_abort_by_an_end_that_is_gone),
       T(test_machine_ports_are_reused_after_time_wait),
       T(test_machine_forged_syn_leaves_the_connection_alone),
       T(test_machine_half_open_client_comes_back), T(test_machine_keepalives_say_nothing_new),
       T(test_machine_broken_segment_says_nothing),
       T(test_machine_sums_left_to_the_device_are_not_wrong),
       T(test_machine_reset_right_behind_a_fin_shows_that_it_came),
       T(test_machine_reset_by_an_end_in_the_dark_is_not_presumed_taken),
       T(test_machine_reset_with_a_number_before_its_fin_knows_no_ack_of_it),
       T(test_machine_fin_lost_before_the_capture_leaves_the_order_open),
       T(test_machine_fin_that_only_the_other_end_has_seen),
       T(test_machine_second_copy_of_a_fin_is_the_cause_when_the_first_was_lost),
       T(test_machine_forged_syns_in_both_names), T(test_machine_time_wait_takes_no_reset),
       T(test_machine_which_copy_of_a_fin_came_is_presumed))
