/* test_ladder.c - ladders: what is kept, what is folded, which arrows do not arrive, and how it is drawn. */
#include "feed.h"
#include "golden.h"
#include "ladder.h"

enum { PLENTY = 1 << 20 };

static struct ladder l;
static struct feed f;
static size_t budget;

static void on_segment(void *ctx, const struct track_segment *s)
{
    (void)ctx;
    ladder_segment(&l, s);
}

static void on_state(void *ctx, const struct track_state *s)
{
    (void)ctx;
    ladder_state(&l, s);
}

static const struct ladder_style plain = {.width = 100, .gap = 100000000};

static void start(size_t limit)
{
    budget = PLENTY;
    ladder_init(&l, limit, &budget);
    feed_begin(&f, on_segment, on_state, NULL);
}

static void stop(void)
{
    ladder_free(&l);
    T_EQ(budget, PLENTY);
}

static void finish(const struct ladder_style *style)
{
    ladder_ended(&l, &f.conn);
    ladder_finish(&l, style);
}

static const struct ladder_row *row_of(uint64_t frame)
{
    for (size_t i = 0; i < l.count; i++) {
        if (l.rows[i].frame == frame)
            return &l.rows[i];
    }
    return NULL;
}

/* @count segments of data from the server, an ACK after every second. Return: the next sequence number. */
static uint32_t bulk(uint32_t seq, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        feed_seg(&f, 1e-5, END_SERVER, TCP_ACK, seq, 73, 1448);
        seq += 1448;
        if (i % 2 == 1)
            feed_seg(&f, 2e-5, END_CLIENT, TCP_ACK, 73, seq, 0);
    }
    return seq;
}

/* Handshake, a request, an answer with everything that can go wrong, teardown: the picture in golden/. */
static void story(void)
{
    uint32_t q;
    uint64_t first;

    feed_handshake(&f);
    feed_seg(&f, 1e-4, END_CLIENT, TCP_PSH | TCP_ACK, 1, 1, 72);
    q = bulk(1, 30);
    feed_seg(&f, 1e-5, END_SERVER, TCP_ACK, q, 73, 1448);
    first = f.frame.number;
    for (uint32_t i = 1; i < 4; i++) {
        feed_seg(&f, 1e-5, END_SERVER, TCP_ACK, q + 1448 * i, 73, 1448);
        feed_next(&f, 2e-5, END_CLIENT, TCP_ACK, 73, q, 0)->what = SEG_DUP_ACK;
        feed_sack(&f, q + 1448, q + 1448 * (i + 1));
        feed_send(&f);
    }
    feed_next(&f, 1e-4, END_SERVER, TCP_ACK, q, 73, 1448)->what = SEG_FAST_RTX;
    f.seg.rtx_of = first;
    feed_comment(&f, "retransmission (fast retransmit)\ncwnd 7240 ssthresh 7240 in_flight 4344 "
                     "(fast retransmit)");
    feed_send(&f);
    q += 4 * 1448;
    feed_next(&f, 1e-4, END_CLIENT, TCP_ACK, 73, q, 0)->what = SEG_ZERO_WINDOW;
    f.seg.window = 0;
    feed_send(&f);
    feed_next(&f, 0.3, END_SERVER, TCP_ACK, q - 1, 73, 0)->what = SEG_WINDOW_PROBE;
    feed_send(&f);
    feed_next(&f, 1e-4, END_CLIENT, TCP_ACK, 73, q, 0)->what = SEG_WINDOW_UPDATE;
    feed_comment(&f, "bad wire: drop\ndropped: wire loss");
    feed_send(&f);
    feed_seg(&f, 1e-5, END_SERVER, TCP_PSH | TCP_ACK, q, 73, 1000);
    first = f.frame.number;
    feed_next(&f, 0.204, END_SERVER, TCP_PSH | TCP_ACK, q, 73, 1000)->what = SEG_RTX;
    f.seg.rtx_of = first;
    feed_send(&f);
    q += 1000;
    feed_seg(&f, 1e-4, END_CLIENT, TCP_ACK, 73, q, 0);
    feed_teardown(&f, 73, q);
    feed_state_at(&f, 0, 0, END_CLIENT, TCP_TIME_WAIT, TCP_CLOSED, "2MSL");
}

static char *drawn;
static size_t drawn_len;

static void draw(const char *format, const struct ladder_style *style)
{
    FILE *out;
    const struct ladder *one = &l;

    free(drawn);
    out = open_memstream(&drawn, &drawn_len);
    if (strcmp(format, "svg") == 0)
        ladder_svg(out, &one, 1, style);
    else if (strcmp(format, "mermaid") == 0)
        ladder_mermaid(out, &l, style);
    else
        ladder_text(out, &l, style);
    fclose(out);
}

static void test_ladder_story_is_drawn_as_approved(void)
{
    struct ladder_style ascii = plain, wide = plain, silent = plain;

    start(LADDER_ROWS);
    story();
    finish(&plain);
    draw("text", &plain);
    golden_check("ladder.txt", drawn);
    ascii.ascii = true;
    ascii.width = 80;
    draw("text", &ascii);
    golden_check("ladder-ascii.txt", drawn);
    for (const char *p = drawn; *p != '\0'; p++)
        T_TRUE((unsigned char)*p < 0x80);
    wide.width = 150;
    wide.color = true;
    draw("text", &wide);
    golden_check("ladder-wide.txt", drawn);
    draw("svg", &plain);
    golden_check("ladder.svg", drawn);
    draw("mermaid", &plain);
    golden_check("ladder.mmd", drawn);
    silent.no_time = true;
    silent.names[0] = "curl";
    silent.names[1] = "stackd";
    draw("text", &silent);
    golden_check("ladder-no-time.txt", drawn);
    T_TRUE(strstr(drawn, "0.0") == NULL);
    T_TRUE(strstr(drawn, "#") == NULL);
    T_TRUE(strstr(drawn, "┈") == NULL);
    stop();
}

static void test_ladder_every_line_of_text_ends_at_its_last_letter(void)
{
    start(LADDER_ROWS);
    story();
    finish(&plain);
    draw("text", &plain);
    T_TRUE(strstr(drawn, " \n") == NULL);
    stop();
}

static void test_ladder_relative_sack_survives_the_wrap(void)
{
    start(LADDER_ROWS);
    feed_handshake(&f);
    feed_next(&f, 1e-5, END_CLIENT, TCP_ACK, 73, 1, 0);
    feed_sack(&f, 1449, 2897);
    feed_send(&f);
    T_EQ(row_of(4)->sack[0].left, 1449);
    T_EQ(row_of(4)->sack[0].right, 2897);
    stop();
}

static void test_ladder_a_long_run_is_folded_and_nothing_else(void)
{
    struct ladder_style every = plain;

    start(LADDER_ROWS);
    feed_handshake(&f);
    feed_teardown(&f, 73, bulk(1, 40));
    every.all_segments = true;
    finish(&every);
    T_EQ(l.count, 3 + 60 + 4);
    ladder_finish(&l, &plain);
    T_TRUE(l.count < 3 + 20 + 4);
    uint64_t segments = 0, bytes = 0;
    unsigned folds = 0;

    for (size_t i = 0; i < l.count; i++) {
        const struct ladder_row *r = &l.rows[i];

        if (i > 0)
            T_EQ(r->frame, l.rows[i - 1].last_frame + 1); /* every frame is in exactly one row */
        folds += ladder_is_fold(r);
        segments += ladder_is_fold(r) ? r->folded[0] + r->folded[1] : 1;
        bytes += ladder_is_fold(r) ? r->folded_bytes[0] + r->folded_bytes[1] : r->len;
    }
    T_EQ(folds, 1);
    T_EQ(segments, 67);
    T_EQ(bytes, 40 * 1448);
    for (uint64_t n = 1; n <= 3; n++)
        T_TRUE(row_of(n) != NULL && !ladder_is_fold(row_of(n)));
    for (uint64_t n = 64; n <= 67; n++)
        T_TRUE(row_of(n) != NULL && !ladder_is_fold(row_of(n)));
    stop();
}

static void test_ladder_of_many_duplicate_acks_the_first_stay(void)
{
    unsigned dup = 0;

    start(LADDER_ROWS);
    feed_handshake(&f);
    bulk(1, 20);
    for (unsigned i = 0; i < 40; i++) {
        feed_next(&f, 1e-5, END_CLIENT, TCP_ACK, 73, 28961, 0)->what = SEG_DUP_ACK;
        feed_send(&f);
    }
    bulk(28961, 20);
    finish(&plain);
    for (size_t i = 0; i < l.count; i++) {
        const struct ladder_row *r = &l.rows[i];

        dup += !ladder_is_fold(r) && (r->what & SEG_DUP_ACK) != 0;
        if (ladder_is_fold(r) && r->folded_dup > 0) {
            char text[LADDER_LABEL];

            T_EQ(r->folded_dup, 35);
            ladder_fold_text(r, true, text);
            T_TRUE(strstr(text, "35 duplicate ACKs") != NULL);
        }
    }
    T_EQ(dup, 5); /* three, and the two behind them for context */
    stop();
}

static void test_ladder_what_changed_a_state_is_never_folded(void)
{
    start(LADDER_ROWS);
    feed_handshake(&f);
    bulk(1, 20);
    feed_seg(&f, 1e-5, END_CLIENT, TCP_ACK, 73, 5000, 0);
    uint64_t frame = f.frame.number;

    bulk(20 * 1448 + 1, 20);
    /* Told long after: a later segment was the proof. */
    feed_state_at(&f, frame, f.frame.number, END_SERVER, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
                  "rcv ACK of FIN");
    finish(&plain);
    T_TRUE(row_of(frame) != NULL && !ladder_is_fold(row_of(frame)));
    stop();
}

static void test_ladder_memory_is_bounded_and_the_ends_stay(void)
{
    start(256);
    feed_handshake(&f);
    bulk(1, 100000);
    T_TRUE(l.room <= 256);
    T_TRUE(l.count <= 256);
    T_EQ(budget, PLENTY - l.room);
    T_TRUE(l.short_of_memory);
    uint64_t last = f.frame.number, segments = 0;

    T_TRUE(row_of(1) != NULL && row_of(2) != NULL && row_of(3) != NULL);
    T_TRUE(row_of(last) != NULL && row_of(last - 20) != NULL);
    for (size_t i = 0; i < l.count; i++)
        segments += ladder_is_fold(&l.rows[i]) ? l.rows[i].folded[0] + l.rows[i].folded[1] : 1;
    T_EQ(segments, l.segments);
    stop();
    /* Nothing left for all: a ladder without rows, still with its numbers. */
    start(256);
    budget = 0;
    feed_handshake(&f);
    T_EQ(l.count, 0);
    T_EQ(l.segments, 3);
    finish(&plain);
    draw("text", &plain);
    draw("svg", &plain);
    T_TRUE(strstr(drawn, "3 segments") != NULL);
    ladder_free(&l);
}

static void lost_and_sent_again(uint32_t what)
{
    start(LADDER_ROWS);
    feed_handshake(&f);
    feed_seg(&f, 1e-5, END_SERVER, TCP_ACK, 1, 1, 1000); /* frame 4 */
    feed_next(&f, 0.2, END_SERVER, TCP_ACK, 1, 1, 1000)->what = what;
    f.seg.rtx_of = 4;
    feed_send(&f);
}

static void test_ladder_a_fast_retransmission_shows_a_loss(void)
{
    lost_and_sent_again(SEG_FAST_RTX);
    finish(&plain);
    T_EQ(row_of(4)->fate, LADDER_LOST);
    T_EQ(row_of(4)->sent_again, 5);
    T_EQ(row_of(5)->fate, LADDER_ARRIVED);
    stop();
}

static void test_ladder_a_timeout_does_not_show_who_was_lost(void)
{
    lost_and_sent_again(SEG_RTX);
    finish(&plain);
    T_EQ(row_of(4)->fate, LADDER_SENT_AGAIN);
    stop();
}

static void test_ladder_what_came_twice_was_not_lost(void)
{
    lost_and_sent_again(SEG_RTX);
    feed_next(&f, 1e-4, END_CLIENT, TCP_ACK, 1, 1001, 0);
    feed_sack(&f, 1, 1001); /* below the ACK: a D-SACK */
    feed_send(&f);
    finish(&plain);
    T_EQ(row_of(4)->fate, LADDER_ARRIVED);
    draw("text", &plain);
    T_TRUE(strstr(drawn, "came twice: 1-1001") != NULL);
    stop();
    /* The receiver said so beside the frame. */
    start(LADDER_ROWS);
    feed_handshake(&f);
    feed_seg(&f, 1e-5, END_SERVER, TCP_ACK, 1, 1, 1000);
    feed_next(&f, 0.2, END_SERVER, TCP_ACK, 1, 1, 1000)->what = SEG_RTX;
    f.seg.rtx_of = 4;
    feed_comment(&f, "dropped: tcp duplicate");
    feed_send(&f);
    finish(&plain);
    T_EQ(row_of(4)->fate, LADDER_ARRIVED);
    T_EQ(row_of(4)->sent_again, 5);
    stop();
    /* A block above the ACK is an ordinary one. */
    lost_and_sent_again(SEG_RTX);
    feed_next(&f, 1e-4, END_CLIENT, TCP_ACK, 1, 1, 0);
    feed_sack(&f, 1001, 2001);
    feed_send(&f);
    finish(&plain);
    T_EQ(row_of(4)->fate, LADDER_SENT_AGAIN);
    stop();
}

static void test_ladder_comments_tell_a_frames_fate(void)
{
    static const struct {
        const char *comment;
        enum ladder_fate fate;
    } cases[] = {
        {"bad wire: drop\ndropped: wire loss", LADDER_LOST   },
        {"dropped: ip4 bad checksum",          LADDER_REFUSED},
        {"dropped: tcp duplicate",             LADDER_ARRIVED},
        {"bad wire: corrupt",                  LADDER_ARRIVED},
        {"LISTEN -> SYN_RCVD (rcv SYN)",       LADDER_ARRIVED}
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(LADDER_ROWS);
        feed_next(&f, 0, END_CLIENT, TCP_SYN, 0, 0, 0);
        feed_comment(&f, cases[i].comment);
        feed_send(&f);
        T_EQ(l.rows[0].fate, cases[i].fate);
        stop();
    }
}

static void test_ladder_says_no_state_twice(void)
{
    start(LADDER_ROWS);
    feed_next(&f, 0, END_CLIENT, TCP_SYN, 0, 0, 0);
    feed_comment(&f, "LISTEN -> SYN_RCVD (rcv SYN)\nqueue syn 1/128\ncwnd 14600 ssthresh 0 "
                     "in_flight 0 (slow start)");
    feed_send(&f);
    struct ladder_note notes[LADDER_NOTES];

    T_EQ(ladder_notes(&l, &l.rows[0], &plain, notes), 2); /* nobody else told of the state */
    T_STR(notes[0].text, "LISTEN -> SYN_RCVD (rcv SYN)");
    feed_state(&f, END_SERVER, TCP_LISTEN, TCP_SYN_RCVD, "rcv SYN");
    T_EQ(ladder_notes(&l, &l.rows[0], &plain, notes), 1);
    T_STR(notes[0].text, "queue syn 1/128");
    stop();
}

static void test_ladder_label_leaves_out_what_matters_least(void)
{
    char label[LADDER_LABEL];

    start(LADDER_ROWS);
    feed_handshake(&f);
    T_EQ(ladder_label(&l.rows[0], 100, label), 42);
    T_STR(label, "SYN seq=0 win=65535 mss=1460 ws=256 sackOK");
    ladder_label(&l.rows[0], 30, label);
    T_STR(label, "SYN seq=0 win=65535 mss=1460");
    ladder_label(&l.rows[0], 9, label);
    T_STR(label, "SYN seq=0");
    feed_seg(&f, 0, END_CLIENT, TCP_PSH | TCP_ACK, 1, 1, 72);
    ladder_label(&l.rows[3], 20, label);
    T_STR(label, "PSH,ACK seq=1 len=72");
    stop();
}

static void test_ladder_changes_stand_in_the_order_of_their_frames(void)
{
    start(LADDER_ROWS);
    feed_handshake(&f);
    feed_seg(&f, 1e-4, END_CLIENT, TCP_FIN | TCP_ACK, 1, 1, 0); /* 4 */
    feed_seg(&f, 1e-4, END_SERVER, TCP_FIN | TCP_ACK, 1, 2, 0); /* 5 */
    feed_state_at(&f, 5, 6, END_CLIENT, TCP_FIN_WAIT_2, TCP_TIME_WAIT, "rcv FIN");
    feed_state_at(&f, 4, 6, END_SERVER, TCP_ESTABLISHED, TCP_CLOSE_WAIT, "rcv FIN");
    size_t n = l.change_count;

    T_EQ(l.changes[n - 2].frame, 4);
    T_EQ(l.changes[n - 1].frame, 5);
    for (unsigned i = 0; i < 2 * LADDER_CHANGES; i++)
        feed_state(&f, END_CLIENT, TCP_CLOSED, TCP_SYN_SENT, "snd SYN");
    T_EQ(l.change_count, LADDER_CHANGES);
    finish(&plain);
    draw("text", &plain);
    T_TRUE(strstr(drawn, "changes of state are not shown") != NULL);
    stop();
}

static void test_ladder_an_end_takes_its_arrows_in_their_order(void)
{
    start(LADDER_ROWS);
    feed_handshake(&f);
    feed_seg(&f, 1e-4, END_SERVER, TCP_FIN | TCP_ACK, 1, 1,
             0); /* 4: still on its way to the client... */
    feed_seg(&f, 1e-4, END_CLIENT, TCP_FIN | TCP_ACK, 1, 1, 0); /* 5: ... which closes as well */
    feed_state_at(&f, 5, 5, END_CLIENT, TCP_ESTABLISHED, TCP_FIN_WAIT_1, "close");
    feed_state_at(&f, 4, 6, END_CLIENT, TCP_FIN_WAIT_1, TCP_CLOSING, "rcv FIN");
    size_t n = l.change_count;

    T_EQ(l.changes[n - 2].to, TCP_FIN_WAIT_1);
    T_EQ(l.changes[n - 1].to, TCP_CLOSING);
    T_EQ(l.changes[n - 1].frame, 5);
    stop();
}

static void test_ladder_routine_comments_are_no_news(void)
{
    start(LADDER_ROWS);
    feed_handshake(&f);
    for (unsigned i = 0; i < 40; i++) {
        feed_next(&f, 1e-5, END_SERVER, TCP_ACK, 1 + 1448 * i, 73, 1448);
        feed_comment(
            &f, "bad wire: delay\ncwnd 14480 ssthresh 7240 in_flight 2896 (congestion avoidance)");
        feed_send(&f);
    }
    T_TRUE(row_of(4)->comment == NULL);
    feed_next(&f, 1e-5, END_SERVER, TCP_ACK, 60000, 73, 1448);
    feed_comment(&f, "bad wire: delay\nbad wire: drop\ndropped: wire loss\ncwnd 7240 ssthresh 7240 "
                     "in_flight 0 (timeout)");
    feed_send(&f);
    T_STR(row_of(44)->comment, "dropped: wire loss\ncwnd 7240 ssthresh 7240 in_flight 0 (timeout)");
    T_EQ(row_of(44)->fate, LADDER_LOST);
    feed_next(&f, 1e-5, END_SERVER, TCP_ACK, 61448, 73, 1448);
    feed_comment(
        &f,
        "dropped: wire loss\ndropped: wire loss\ndropped: wire loss [10.0.0.1:40112-10.0.0.2:80]");
    feed_send(&f);
    struct ladder_note notes[LADDER_NOTES];

    T_EQ(ladder_notes(&l, row_of(45), &plain, notes), 1);
    finish(&plain);
    T_TRUE(l.count < 30); /* the run is folded */
    stop();
}

static void test_ladder_a_hostile_comment_stays_text(void)
{
    start(LADDER_ROWS);
    feed_next(&f, 0, END_CLIENT, TCP_SYN, 0, 0, 0);
    feed_comment(&f, "</text><script>alert(1)</script>; end #1\x1b[2J \xff\xfe");
    feed_send(&f);
    finish(&plain);
    draw("svg", &plain);
    T_TRUE(strstr(drawn, "<script") == NULL);
    T_TRUE(strchr(drawn, '\x1b') == NULL);
    T_TRUE(strchr(drawn, '\xff') == NULL);
    draw("mermaid", &plain);
    T_TRUE(strstr(drawn, "<script") == NULL);
    T_TRUE(strstr(drawn, "#59; end #35;1") != NULL);
    draw("text", &plain);
    T_TRUE(strchr(drawn, '\x1b') == NULL);
    stop();
}

static void test_ladder_long_names_and_rows_limit(void)
{
    struct ladder_style few = plain;

    start(LADDER_ROWS);
    feed_handshake(&f);
    for (unsigned i = 0; i < 100; i++) { /* all notable */
        feed_next(&f, 1e-4, END_CLIENT, TCP_ACK, 1, 1, 0)->what = SEG_KEEPALIVE;
        feed_send(&f);
    }
    few.rows = 20;
    few.names[0] = "[2001:db8:1111:2222:3333:4444:5555:6666]:40112";
    few.names[1] = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:443";
    finish(&few);
    T_EQ(l.count, 20);
    draw("text", &few);
    T_TRUE(strstr(drawn, few.names[0]) != NULL && strstr(drawn, few.names[1]) != NULL);
    draw("svg", &few);
    T_TRUE(strstr(drawn, few.names[1]) != NULL);
    stop();
    free(drawn);
    drawn = NULL;
}

T_MAIN("ladder", T(test_ladder_story_is_drawn_as_approved),
       T(test_ladder_every_line_of_text_ends_at_its_last_letter),
       T(test_ladder_relative_sack_survives_the_wrap),
       T(test_ladder_a_long_run_is_folded_and_nothing_else),
       T(test_ladder_of_many_duplicate_acks_the_first_stay),
       T(test_ladder_what_changed_a_state_is_never_folded),
       T(test_ladder_memory_is_bounded_and_the_ends_stay),
       T(test_ladder_a_fast_retransmission_shows_a_loss),
       T(test_ladder_a_timeout_does_not_show_who_was_lost),
       T(test_ladder_what_came_twice_was_not_lost), T(test_ladder_comments_tell_a_frames_fate),
       T(test_ladder_says_no_state_twice), T(test_ladder_label_leaves_out_what_matters_least),
       T(test_ladder_changes_stand_in_the_order_of_their_frames),
       T(test_ladder_an_end_takes_its_arrows_in_their_order),
       T(test_ladder_routine_comments_are_no_news), T(test_ladder_a_hostile_comment_stays_text),
       T(test_ladder_long_names_and_rows_limit))
