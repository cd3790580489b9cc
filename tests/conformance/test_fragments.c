#include "raw.h"

enum { MF = 0x2000, ID = 77 };

static uint8_t message[65536];

/* An echo request of @len bytes in all, as one ICMP message. */
static void ask(uint32_t len)
{
    static uint8_t text[65536];

    T_NEED(len >= 8 && len <= sizeof(message));
    for (uint32_t i = 0; i < len; i++)
        text[i] = (uint8_t)(i * 13 + i / 256);
    raw_icmp(message, 8, 0, 0x00070009, text, len - 8);
}

static void part(struct peer *k, uint32_t from, uint32_t to, bool last)
{
    say_ip(k, .proto = 1, .id = ID, .frag = (uint16_t)((last ? 0 : MF) | from / 8),
           .data = message + from, .len = to - from);
}

/* The answer to ask(@len), whole or in fragments. */
static bool answer(struct peer *k, uint32_t len)
{
    static uint8_t got[65536];
    uint32_t n = 0, top = 0;
    const struct seen *s;

    while ((s = peer_next(k)) != NULL) {
        T_NEED(s->proto == 1);
        if (s->mf || s->frag != 0) {
            memcpy(got + s->frag, s->data, s->len);
            top = s->frag + s->len > top ? s->frag + s->len : top;
            n += s->len;
        } else {
            got[0] = s->icmp_type;
            got[1] = s->icmp_code;
            memcpy(got + 8, s->data, s->len);
            n = top = s->len + 8;
        }
    }
    return n == len && top == len && got[0] == 0 && got[1] == 0 &&
           memcmp(got + 8, message + 8, len - 8) == 0;
}

/* REQ: IP-1122-3.2.1.4-1 IP-815-1 IP-791-3.2-3 IP-791-3.2-4 */
static void test_fragments_in_any_order(void)
{
    static const uint8_t orders[6][3] = {
        {0, 1, 2},
        {0, 2, 1},
        {1, 0, 2},
        {1, 2, 0},
        {2, 0, 1},
        {2, 1, 0}
    };

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct peer k;

        peer_begin(&k);
        ask(600);
        for (int j = 0; j < 3; j++) {
            uint32_t n = orders[i][j];

            T_TRUE(peer_next(&k) == NULL);
            part(&k, n * 200, n * 200 + 200, n == 2);
        }
        T_TRUE(answer(&k, 600));
        peer_end(&k);
    }
}

/* REQ: IP-791-3.2-1 IP-6864-4.1-1 IP-1122-3.3.3-1 IP-1122-3.3.2-1 IP-1122-3.3.2-2 ICMP-1122-3.2.2.6-5 */
static void test_fragments_of_ours(void)
{
    static const uint32_t lens[] = {1480, 1481, 1488, 2960, 2961, 5000, 30000, 65515};

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct peer k;
        uint32_t at = 0, len = lens[i];

        peer_begin(&k);
        T_EQ(ip_mms_r(&k.net.ip, ip_addr_v4(PEER_IP)), 65515); /* the last of lens */
        ask(len);
        for (; len - at > 1480; at += 1480)
            part(&k, at, at + 1480, false);
        if (at == 0)
            say_ip(&k, .proto = 1, .data = message, .len = len);
        else
            part(&k, at, len, true);
        T_TRUE(answer(&k, len));
        peer_end(&k);
    }
}

/* REQ: IP-815-2 IP-5722-like-2 */
static void test_fragments_twice(void)
{
    struct peer k;

    peer_begin(&k);
    ask(600);
    for (int i = 0; i < 2; i++) {
        part(&k, 0, 200, false);
        part(&k, 200, 400, false);
    }
    T_EQ(peer_drops(&k, V_DROP_IP4_FRAG_DUPLICATE), 2);
    part(&k, 400, 600, true);
    T_TRUE(answer(&k, 600));
    peer_end(&k);
}

/* An overlap gives the whole datagram up, however it is completed. */
/* REQ: IP-5722-like-1 IP-1858-4-1 IP-3128-3-1 */
static void test_fragments_that_overlap(void)
{
    struct peer k;

    peer_begin(&k);
    ask(600);
    part(&k, 0, 200, false);
    part(&k, 192, 400, false);
    part(&k, 200, 400, false);
    part(&k, 400, 600, true);
    T_TRUE(peer_next(&k) == NULL);
    T_TRUE(peer_drops(&k, V_DROP_IP4_FRAG_OVERLAP) >= 1);
    peer_advance(&k, NET_SEC(200)); /* afterwards the same identification is good again */
    peer_forget(&k);
    part(&k, 0, 400, false);
    part(&k, 400, 600, true);
    T_TRUE(answer(&k, 600));
    say_ip(&k, .proto = 1, .id = 78, .frag = MF, .data = message, .len = 200);
    say_ip(&k, .proto = 1, .id = 78, .frag = MF, .data = message + 8,
           .len = 200); /* another truth */
    say_ip(&k, .proto = 1, .id = 78, .frag = 25, .data = message + 200, .len = 400);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: IP-791-3.2-5 IP-791-3.2-6 IP-815-3 */
static void test_fragments_that_cannot_be(void)
{
    struct peer k;

    peer_begin(&k);
    ask(600);
    part(&k, 0, 203, false); /* not a multiple of 8 */
    T_EQ(peer_drops(&k, V_DROP_IP4_FRAG_EMPTY), 1);
    say_ip(&k, .proto = 1, .id = ID, .frag = 8191, .data = message, .len = 600); /* ping of death */
    T_EQ(peer_drops(&k, V_DROP_IP4_FRAG_TOO_LONG), 1);
    part(&k, 200, 400, true); /* the end, and then more */
    part(&k, 400, 600, true);
    T_EQ(peer_drops(&k, V_DROP_IP4_FRAG_END), 1);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* Transport headers are neither cut nor rewritten. */
/* REQ: IP-1858-3-1 IP-1858-3-2 */
static void test_fragments_too_tiny_for_a_header(void)
{
    struct peer k;
    uint8_t syn[24] = {0x9c, 0x40, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x02, 0x10};

    raw16(syn + 16, decode_sum(syn, 24, decode_pseudo(PEER_IP, H_IP, 6, 24)));
    peer_begin(&k);
    peer_listen(&k, 0);
    say_ip(&k, .proto = 6, .id = 1, .frag = MF, .data = syn, .len = 8);
    say_ip(&k, .proto = 6, .id = 1, .frag = 1, .data = syn + 8, .len = 16);
    T_EQ(peer_drops(&k, V_DROP_IP4_FRAG_TINY), 2);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: IP-1122-3.3.2-3 IP-1122-3.3.2-4 IP-1122-3.3.2-5 */
static void test_fragments_time_out(void)
{
    struct peer k;
    const struct seen *s;

    peer_begin(&k);
    ask(600);
    part(&k, 0, 200, false);
    peer_advance(&k, NET_SEC(50));
    part(&k, 200, 400, false); /* does not prolong it */
    peer_advance(&k, NET_SEC(9));
    T_TRUE(peer_next(&k) == NULL);
    peer_advance(&k, NET_SEC(111));
    T_NEED((s = peer_next(&k)) != NULL);
    T_EQ(s->icmp_type, 11);
    T_EQ(s->icmp_code, 1);
    T_TRUE(s->at <= k.now - NET_SEC(49));
    T_EQ(peer_drops(&k, V_DROP_IP4_FRAG_TIMEOUT), 1);
    part(&k, 200, 400, false); /* without the first one: in silence */
    peer_advance(&k, NET_SEC(200));
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* A flood of first fragments: bounded, and an honest datagram still comes through. */
/* REQ: IP-815-4 */
static void test_fragments_flood_is_bounded(void)
{
    struct peer k;

    peer_begin(&k);
    ask(600);
    for (uint32_t i = 0; i < 2000; i++)
        say_ip(&k, .src = 0x0a000064 + i % 50, .proto = 1, .id = (uint16_t)i, .frag = MF,
               .data = message, .len = 200);
    T_TRUE(peer_drops(&k, V_DROP_IP4_FRAG_EVICTED) > 1000);
    peer_forget(&k);
    part(&k, 0, 400, false);
    part(&k, 400, 600, true);
    T_TRUE(answer(&k, 600));
    peer_end(&k);
}

/* Different senders, protocols and numbers do not mix. */
/* REQ: IP-791-3.2-3 */
static void test_fragments_are_told_apart(void)
{
    struct peer k;

    peer_begin(&k);
    ask(600);
    part(&k, 0, 400, false);
    say_ip(&k, .src = 0x0a000009, .proto = 1, .id = ID, .frag = 50, .data = message + 400,
           .len = 200);
    say_ip(&k, .proto = 17, .id = ID, .frag = 50, .data = message + 400, .len = 200);
    say_ip(&k, .proto = 1, .id = ID + 1, .frag = 50, .data = message + 400, .len = 200);
    T_TRUE(peer_next(&k) == NULL);
    part(&k, 400, 600, true);
    T_TRUE(answer(&k, 600));
    peer_end(&k);
}

/* REQ: IP-6864-4.1-3 IP-6864-4.1-2 */
static void test_fragments_number_of_a_whole_datagram_means_nothing(void)
{
    struct peer k;

    peer_begin(&k);
    ask(600);
    part(&k, 0, 400, false);
    raw_ping(&k, (struct raw_ip){.id = ID, .frag = 0x4000});
    T_TRUE(raw_pong(&k));
    part(&k, 400, 600, true);
    T_TRUE(answer(&k, 600));
    peer_end(&k);
}

/* How the fragments came is how the datagram came: none to the broadcast address of the link is
 * answered by an error. REQ: ICMP-1122-3.2.2-8 */
static void test_fragments_to_everyone_on_the_link(void)
{
    uint8_t u[64];
    struct peer k;
    uint32_t len = raw_udp(u, PEER_IP, H_IP, 5000, 6000, message, 40);

    for (int all = 1; all >= 0; all--) {
        const uint8_t *mac = all ? raw_all : raw_h_mac;

        peer_begin(&k);
        say_ip(&k, .mac = mac, .proto = 17, .id = ID, .frag = MF, .data = u, .len = 24);
        say_ip(&k, .mac = mac, .proto = 17, .id = ID, .frag = 3, .data = u + 24, .len = len - 24);
        const struct seen *s = peer_next(&k);

        T_TRUE(all ? s == NULL : s != NULL && s->icmp_type == 3 && s->icmp_code == 3);
        peer_end(&k);
    }
}

T_MAIN("fragments", T(test_fragments_to_everyone_on_the_link), T(test_fragments_in_any_order),
       T(test_fragments_of_ours), T(test_fragments_twice), T(test_fragments_that_overlap),
       T(test_fragments_that_cannot_be), T(test_fragments_too_tiny_for_a_header),
       T(test_fragments_time_out), T(test_fragments_flood_is_bounded),
       T(test_fragments_are_told_apart), T(test_fragments_number_of_a_whole_datagram_means_nothing))
