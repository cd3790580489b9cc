/* Bytes that are not where the header is: received segments whose text lies outside of their packet. */
#include "hosts.h"

#include "l1_physical/cable.h"

enum { PORT = 9, LEN = 20000 };

static struct hosts H;
static uint8_t Sent[LEN], Got[LEN];
static int Ca, Cb, Listener; /* the two ends of a connection */

static void connected(void)
{
    struct sock_addr to = {HOST_B, PORT};

    hosts_begin(&H);
    for (size_t i = 0; i < LEN; i++)
        Sent[i] = (uint8_t)(i * 7 + i / 251);
    Listener = sock_open(net_socks(&H.b), SOCK_KIND_TCP);
    T_NEED(sock_bind(net_socks(&H.b), Listener, &(struct sock_addr){.port = PORT}) == 0);
    T_NEED(sock_listen(net_socks(&H.b), Listener, 0) == 0);
    Ca = sock_open(net_socks(&H.a), SOCK_KIND_TCP);
    T_NEED(sock_connect(net_socks(&H.a), Ca, &to) == -EINPROGRESS);
    hosts_run(&H, NET_MS(100));
    Cb = sock_accept(net_socks(&H.b), Listener, NULL);
    T_NEED(Cb >= 0);
}

static void closed(void)
{
    sock_close(net_socks(&H.a), Ca);
    sock_close(net_socks(&H.b), Cb);
    sock_close(net_socks(&H.b), Listener);
    hosts_end(&H);
}

/* The frame @p as one of host B's whose first @linear bytes are in the packet and the others in @tail. */
static struct pkt *split(const struct pkt *p, uint32_t linear, uint8_t *tail)
{
    static uint8_t whole[2048];
    struct pkt *q = net_pkt(&H.b);
    uint32_t total = pkt_total(p);

    T_NEED(q != NULL && total <= sizeof(whole));
    pkt_copy_out(p, whole);
    linear = u32_min(linear, total);
    memcpy(pkt_append(q, linear), whole, linear);
    memcpy(tail, whole + linear, total - linear);
    q->ext = total > linear ? tail : NULL;
    q->ext_len = total - linear;
    return q;
}

/* However a segment is cut in two, the receiver gets its bytes; @checked: and sums them up. */
static void every_cut(bool checked)
{
    static uint8_t tail[2048];

    connected();
    struct socks *a = net_socks(&H.a), *b = net_socks(&H.b);

    for (uint32_t linear = ETH_HDR_LEN; linear < 120; linear++) {
        struct pkt *p, *q;

        T_EQ(sock_send(a, Ca, Sent, 300 + linear, 0), 300 + (int)linear);
        T_NEED(net_output(&H.a, &p, 1, H.now) == 1);
        if (checked)
            pkt_csum_complete(p);
        q = split(p, linear, tail);
        q->csum = checked ? CSUM_NONE : CSUM_VERIFIED;
        pkt_release(p);
        net_input(&H.b, &q, 1, H.now);
        memset(tail, 0xee, sizeof(tail));
        T_EQ(sock_recv(b, Cb, Got, sizeof(Got), 0), 300 + (int)linear);
        T_MEM(Got, Sent, 300 + linear);
        hosts_run(&H, NET_MS(100));
    }
    closed();
}

static void test_span_received_segment_may_be_cut_anywhere(void)
{
    every_cut(true);
}
static void test_span_received_segment_may_be_cut_anywhere_unchecked(void)
{
    every_cut(false);
}

static void test_span_damage_in_the_outer_part_is_seen(void)
{
    static uint8_t tail[2048];
    struct pkt *p, *q;

    connected();
    T_EQ(sock_send(net_socks(&H.a), Ca, Sent, 1000, 0), 1000);
    T_NEED(net_output(&H.a, &p, 1, H.now) == 1);
    pkt_csum_complete(p);
    q = split(p, p->len, tail);
    T_NEED(q->ext_len == 1000);
    tail[999] ^= 1;
    pkt_release(p);
    net_input(&H.b, &q, 1, H.now);
    T_EQ(H.b.core.drops[V_DROP_TCP_CHECKSUM], 1);
    T_EQ(sock_recv(net_socks(&H.b), Cb, Got, sizeof(Got), 0), -EAGAIN);
    hosts_run(&H, NET_SEC(2)); /* it comes again */
    T_EQ(sock_recv(net_socks(&H.b), Cb, Got, sizeof(Got), 0), 1000);
    T_MEM(Got, Sent, 1000);
    closed();
}

/* Segments out of order, each in two pieces, that overlap: the first copy of each byte stays. */
static void test_span_pieces_find_their_places_out_of_order(void)
{
    static const uint32_t begin[] = {600, 100, 0}, end[] = {1000, 700, 400}, cut[] = {7, 590, 150};
    static uint8_t tail[2048];
    struct pkt *p, *q;

    connected();
    T_EQ(sock_send(net_socks(&H.a), Ca, Sent, 1000, 0), 1000);
    T_NEED(net_output(&H.a, &p, 1, H.now) == 1);
    for (unsigned i = 0; i < ARRAY_LEN(begin); i++) {
        uint32_t hdr = p->len, len = end[i] - begin[i];

        T_NEED(p->ext_len == 1000);
        q = net_pkt(&H.b);
        T_NEED(q != NULL);
        memcpy(pkt_append(q, hdr), pkt_data(p), hdr);
        memcpy(pkt_append(q, cut[i]), Sent + begin[i], cut[i]);
        memcpy(tail, Sent + begin[i] + cut[i], len - cut[i]);
        q->ext = tail;
        q->ext_len = len - cut[i];
        uint8_t *ip = pkt_data(q) + ETH_HDR_LEN, *tcp = ip + IP4_HDR_LEN;

        put16(ip + IP4_TOTAL, (uint16_t)(hdr - ETH_HDR_LEN + len));
        put16(ip + IP4_SUM, 0);
        put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
        put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + begin[i]);
        q->csum = CSUM_VERIFIED;
        if (i == 2)
            memset(tail, 0xee, 400 - 150); /* numbers 150 ... 399 are known already */
        net_input(&H.b, &q, 1, H.now);
        T_EQ(sock_recv(net_socks(&H.b), Cb, Got, sizeof(Got), SOCK_MSG_PEEK),
             i < 2 ? -EAGAIN : 1000);
    }
    pkt_release(p);
    T_EQ(sock_recv(net_socks(&H.b), Cb, Got, sizeof(Got), 0), 1000);
    T_MEM(Got, Sent, 1000);
    closed();
}

/* What is known already is cut off the front, also where that is more than the first piece. */
static void test_span_known_front_is_cut_off_both_pieces(void)
{
    static uint8_t tail[2048];
    struct pkt *p, *q;

    connected();
    T_EQ(sock_send(net_socks(&H.a), Ca, Sent, 1000, 0), 1000);
    T_NEED(net_output(&H.a, &p, 1, H.now) == 1);
    for (uint32_t end = 300; end <= 1000; end += 50) { /* a little more each time */
        q = split(p, p->len + 400, tail);
        q->ext_len = end > 400 ? end - 400 : 0;
        q->len = p->len + u32_min(end, 400);
        uint8_t *ip = pkt_data(q) + ETH_HDR_LEN;

        put16(ip + IP4_TOTAL, (uint16_t)(p->len - ETH_HDR_LEN + end));
        put16(ip + IP4_SUM, 0);
        put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
        q->csum = CSUM_VERIFIED;
        net_input(&H.b, &q, 1, H.now);
    }
    pkt_release(p);
    T_EQ(sock_recv(net_socks(&H.b), Cb, Got, sizeof(Got), 0), 1000);
    T_MEM(Got, Sent, 1000);
    closed();
}

/* Text of a segment longer than the receiver's own packets: never copied but into the receive buffer. */
static void test_span_text_may_be_longer_than_a_packet(void)
{
    struct pkt *p, *q;

    connected();
    T_EQ(sock_send(net_socks(&H.a), Ca, Sent, 1000, 0), 1000);
    T_NEED(net_output(&H.a, &p, 1, H.now) == 1);
    q = net_pkt(&H.b);
    T_NEED(q != NULL && p->ext_len == 1000);
    memcpy(pkt_append(q, p->len), pkt_data(p), p->len);
    put16(pkt_data(q) + ETH_HDR_LEN + IP4_TOTAL, (uint16_t)(p->len - ETH_HDR_LEN + LEN));
    put16(pkt_data(q) + ETH_HDR_LEN + IP4_SUM, 0);
    put16(pkt_data(q) + ETH_HDR_LEN + IP4_SUM,
          csum_finish(csum_add(0, pkt_data(q) + ETH_HDR_LEN, IP4_HDR_LEN)));
    q->ext = Sent;
    q->ext_len = LEN;
    q->csum = CSUM_VERIFIED;
    q->gso_size = 1000;
    pkt_release(p);
    net_input(&H.b, &q, 1, H.now);
    T_EQ(sock_recv(net_socks(&H.b), Cb, Got, sizeof(Got), 0), LEN);
    T_MEM(Got, Sent, LEN);
    sock_abort(net_socks(&H.a), Ca); /* which has sent a thousand bytes only */
    sock_abort(net_socks(&H.b), Cb);
    sock_close(net_socks(&H.b), Listener);
    hosts_end(&H);
}

T_MAIN("span", T(test_span_received_segment_may_be_cut_anywhere),
       T(test_span_received_segment_may_be_cut_anywhere_unchecked),
       T(test_span_pieces_find_their_places_out_of_order),
       T(test_span_known_front_is_cut_off_both_pieces),
       T(test_span_damage_in_the_outer_part_is_seen), T(test_span_text_may_be_longer_than_a_packet))
