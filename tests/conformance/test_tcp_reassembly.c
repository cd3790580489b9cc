#include "base/prng.h"
#include "flow.h"

enum { MSS = FLOW_MSS };

/* Two holes; a piece of the first is filled, then all of it. */
/* REQ: TCP-5681-3.2-2 */
static void test_reassembly_acks_at_once_what_fills_a_gap(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);
    uint32_t seq = flow_warm(&k, sd);

    flow_say(&k, seq + 200, 100);
    flow_say(&k, seq + 400, 100);
    T_EQ(peer_forget(&k), 2);
    flow_say(&k, seq, 50);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 50);
    flow_say(&k, seq + 50, 150);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 300);
    flow_say(&k, seq + 300, 100);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 500);
    flow_read(&k, sd, seq, 500);
    seq += 500;
    while (flow_status(&k).quick_acks > 0) { /* the sender begins anew, each ACK lets it grow */
        flow_say(&k, seq++, 1);
        expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq);
    }
    flow_say(&k, seq, 100); /* and then ACKs are delayed again */
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = seq + 100, .after = NET_MS(40));
    peer_end(&k);
}
TWICE(test_reassembly_acks_at_once_what_fills_a_gap)

/* A late lie does not change what has been taken, delivered or not. */
/* REQ: TCP-9293-3.10.7.4-6 */
static void test_reassembly_keeps_the_first_bytes(void)
{
    struct peer k;
    uint8_t liar[400];

    peer_begin(&k);
    int sd = flow_open(&k);

    flow_say(&k, 101, 100);
    memset(liar, 0xee, sizeof(liar));
    memcpy(liar, flow_bytes(1, 100), 100);
    memcpy(liar + 200, flow_bytes(201, 200), 200);
    say(&k, .flags = "P.", .seq = 1, .ack = 1, .win = 65535, .data = liar, .len = 400);
    peer_forget(&k);
    flow_read(&k, sd, 1, 400);
    peer_end(&k);
}
TWICE(test_reassembly_keeps_the_first_bytes)

/* Any order, any overlaps, some twice; the user reads now and then. */
/* REQ: TCP-SHLD-31 TCP-9293-3.10.7.4-6 TCP-9293-3.4-2 */
static void test_reassembly_of_anything(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct peer k;
        struct prng random;
        uint32_t next = 1, read = 1, end = 1 + 40000;
        uint8_t got[5000];

        prng_seed(&random, seed, 0);
        peer_begin(&k);
        int sd = flow_open_with(&k, "mss 1460", 20000);

        for (int i = 0; i < 20000 && read < end; i++) {
            uint32_t seq = next + prng_below(&random, 8000), len = 1 + prng_below(&random, 1460);

            if (seq > 1000)
                seq -= 1000; /* some of it old */
            if (prng_chance(&random, 200000))
                seq = next;
            if (seq >= end)
                continue;
            flow_say(&k, seq, len < end - seq ? len : end - seq);
            while (peer_next(&k) != NULL)
                next = k.last.ack - k.peer_iss;
            if (prng_chance(&random, 300000)) {
                int n = sock_recv(net_socks(&k.net), sd, got, 1 + prng_below(&random, 4999), 0);

                if (n > 0) {
                    T_MEM(got, flow_bytes(read, (uint32_t)n), (size_t)n);
                    read += (uint32_t)n;
                    peer_settle(&k);
                }
            }
            if (next >= end && read < end) {
                peer_forget(&k);
                flow_read(&k, sd, read, end - read);
                read = end;
            }
        }
        T_EQ(read, end);
        peer_forget(&k);
        peer_end(&k);
    }
}
TWICE(test_reassembly_of_anything)

/* As many holes as can be remembered: what is next in order is taken all the same, also where it touches none
 * of them, and the bytes behind the FIN are not. */
static void test_reassembly_takes_what_is_in_order_when_full(void)
{
    struct peer k;
    uint32_t n;

    peer_begin(&k);
    int sd = flow_open(&k);

    for (n = 0; n < 2000 && peer_drops(&k, V_DROP_TCP_REASS_FULL) == 0; n++)
        flow_say(&k, 1001 + 20 * n, 10);
    T_TRUE(n > 16 && n < 2000);
    peer_forget(&k);
    flow_say(&k, 1, 100);
    flow_say(&k, 101, 100);
    peer_advance(&k, NET_MS(100));
    T_EQ(peer_drops(&k, V_DROP_TCP_REASS_FULL), 1);
    peer_forget(&k);
    flow_read(&k, sd, 1, 200);
    peer_end(&k);
}
TWICE(test_reassembly_takes_what_is_in_order_when_full)

/* A FIN has come, data before it are missing: nothing beyond its number is taken for text. */
static void test_reassembly_ends_at_the_fin(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    say(&k, .flags = "F.", .seq = 201, .ack = 1, .win = 65535);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1);
    flow_say(&k, 101, 200); /* 100 of these lie behind it */
    T_EQ(peer_drops(&k, V_DROP_TCP_AFTER_FIN), 1);
    peer_forget(&k);
    flow_say(&k, 1, 200);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 202);
    expect_state(&k, "CLOSE_WAIT");
    uint8_t got[400];

    T_EQ(sock_recv(net_socks(&k.net), sd, got, sizeof(got), 0), 200);
    T_EQ(peer_recv(&k, sd), 0);
    peer_end(&k);
}
TWICE(test_reassembly_ends_at_the_fin)

/* Every piece comes once, in any order: when the last is here all of them are, so none was lost while the
 * others were put in order. REQ: TCP-SHLD-31 */
static void test_reassembly_of_pieces_that_come_once(void)
{
    enum { PIECES = 24 };
    for (uint64_t seed = 0; seed < 100; seed++) {
        uint32_t from[PIECES + 1] = {1}, order[PIECES];
        struct prng random;
        struct peer k;

        prng_seed(&random, seed, 0);
        for (uint32_t i = 0; i < PIECES; i++) {
            from[i + 1] = from[i] + 1 + prng_below(&random, 500);
            uint32_t j = prng_below(&random, i + 1);

            order[i] = order[j];
            order[j] = i;
        }
        peer_begin(&k);
        int sd = flow_open(&k);

        for (uint32_t i = 0; i < PIECES; i++)
            flow_say(&k, from[order[i]], from[order[i] + 1] - from[order[i]]);
        peer_advance(&k, NET_MS(100));
        peer_forget(&k);
        flow_read(&k, sd, 1, from[PIECES] - 1);
        peer_end(&k);
    }
}
TWICE(test_reassembly_of_pieces_that_come_once)

/* A hole list is bounded: what would need one more interval is refused, and comes again. */
static void test_reassembly_is_bounded(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open(&k);

    for (uint32_t i = 1; i <= TCP_REASS_MAX + 10; i++)
        flow_say(&k, 1 + 2 * i, 1); /* every second byte: SegmentSmack */
    T_EQ(peer_drops(&k, V_DROP_TCP_REASS_FULL), 10);
    T_EQ(peer_forget(&k), TCP_REASS_MAX + 10);
    flow_say(&k, 1 + 2 * TCP_REASS_MAX, 100); /* touches the last: no new one */
    T_EQ(peer_drops(&k, V_DROP_TCP_REASS_FULL), 10);
    flow_say(&k, 1, 1000);
    peer_forget(&k);
    flow_read(&k, sd, 1, 1000);
    peer_end(&k);
}
TWICE(test_reassembly_is_bounded)

/* What waits out of order is outside the buffer of nobody: the window does not count it twice. */
static void test_reassembly_window_stays_while_a_gap_is_open(void)
{
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460", 10000);

    flow_say(&k, 1001, 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .win = 10000);
    flow_say(&k, 9001, 1000); /* the last bytes of the window */
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 1, .win = 10000);
    flow_say(&k, 1, 1000);
    expect_tcp(&k, .flags = ".", .seq = 1, .ack = 2001, .win = 8000);
    flow_read(&k, sd, 1, 2000);
    flow_say(&k, 2001, 1000);
    peer_forget(&k);
    for (uint32_t seq = 3001; seq < 9001; seq += 1000)
        flow_say(&k, seq, 1000);
    peer_forget(&k);
    flow_read(&k, sd, 2001, 8000);
    peer_end(&k);
}
TWICE(test_reassembly_window_stays_while_a_gap_is_open)

static void expect_blocks(struct peer *k, uint32_t count, const uint32_t blocks[][2])
{
    struct seen *s = peer_next(k);

    T_NEED(s != NULL);
    T_EQ(s->sack_count, count);
    for (uint32_t i = 0; i < count; i++) {
        T_EQ(s->sack[i][0] - k->peer_iss, blocks[i][0]);
        T_EQ(s->sack[i][1] - k->peer_iss, blocks[i][1]);
    }
}

/* A segment behind a hole comes twice, and before its ACK can leave another one grows another
 * interval: the D-SACK is followed by the interval that holds it, else it would be read as a SACK. */
/* REQ: TCP-2883-4-2 */
static void test_reassembly_dsack_and_its_island(void)
{
    static const uint32_t burst[][2] = {
        {201, 301},
        {201, 301},
        {401, 601},
        {801, 901}
    };
    static const uint32_t once[][2] = {
        {401, 601},
        {201, 301},
        {801, 901}
    };
    struct peer k;

    peer_begin(&k);
    int sd = flow_open_with(&k, "mss 1460,sackOK", 0);

    flow_say(&k, 801, 100);
    flow_say(&k, 201, 100);
    flow_say(&k, 401, 100);
    peer_forget(&k);
    k.is_held = true;
    flow_say(&k, 201, 100);
    flow_say(&k, 501, 100);
    k.is_held = false;
    peer_settle(&k);
    expect_blocks(&k, 4, burst);
    expect_blocks(&k, 3, once); /* the ACK of the second segment: a D-SACK is said once */
    flow_read(&k, sd, 1, 0);
    peer_end(&k);
}
TWICE(test_reassembly_dsack_and_its_island)

T_MAIN("tcp_reassembly", T_TWICE(test_reassembly_acks_at_once_what_fills_a_gap),
       T_TWICE(test_reassembly_keeps_the_first_bytes), T_TWICE(test_reassembly_of_anything),
       T_TWICE(test_reassembly_of_pieces_that_come_once), T_TWICE(test_reassembly_is_bounded),
       T_TWICE(test_reassembly_takes_what_is_in_order_when_full),
       T_TWICE(test_reassembly_ends_at_the_fin),
       T_TWICE(test_reassembly_window_stays_while_a_gap_is_open),
       T_TWICE(test_reassembly_dsack_and_its_island))
