/*
 * test_port.c - what all ports have in common, with a device of memory behind them.
 */
#include <errno.h>
#include <stdlib.h>

#include "l1_physical/offload.h"
#include "l1_physical/port_impl.h"
#include "t.h"
#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"

enum { MEM = 1 << 20, MTU = 1500 };

static uint8_t *t_mem;
static struct pkt_pool pkts, bigs;

/* The device: frames of these lengths come in, a negative number is an error. */
static const int *incoming;
static int sent[8], sent_bytes[8];
static int sent_count, sent_bytes_count, send_error;
static struct pkt last;
static uint8_t vnet[OFFLOAD_VNET_LEN]; /* in front of every frame */
static uint32_t train;                 /* frames are segments of one connection; sent so far */

static const struct mac us =
                            {
                                {2, 0, 0, 0, 0, 2}
},
                        them = {{2, 0, 0, 0, 0, 1}};

/* The next segment of a train, a frame of @len bytes. */
static void mem_segment(uint8_t *f, uint32_t len)
{
    enum { L4 = ETH_HDR_LEN + IP4_HDR_LEN };
    struct eth_hdr eth = {.dst = us, .src = them, .type = ETH_TYPE_IP4};
    struct ip4_hdr ip = {.src = 1, .dst = 2, .total = (uint16_t)(len - ETH_HDR_LEN), .proto = 6};
    uint8_t *tcp = f + L4;

    memset(f, 0, len);
    eth_emit(&eth, f);
    ip4_emit(&ip, f + ETH_HDR_LEN);
    put32(tcp + TCP_SEQ, train);
    tcp[TCP_OFF] = 5 << 4;
    tcp[TCP_FLAGS] = TCP_ACK;
    for (uint32_t i = L4 + TCP_HDR_LEN; i < len; i++)
        f[i] = (uint8_t)(train++ * 3);
    put16(tcp + TCP_SUM,
          csum_finish(
              csum_add(csum_pseudo(ip_addr_v4(1), ip_addr_v4(2), 6, len - L4), tcp, len - L4)));
}

static int mem_recv(struct port *port, struct pkt *p)
{
    int len = *incoming;

    (void)port;
    if (len == 0)
        return -EAGAIN;
    incoming++;
    if (len < 0)
        return len;
    memcpy(pkt_data(p) - OFFLOAD_VNET_LEN, vnet, OFFLOAD_VNET_LEN);
    if (train > 0) {
        mem_segment(pkt_data(p), (uint32_t)len);
        return len;
    }
    for (int i = 0; i < len && i < (int)pkt_room(p); i++)
        pkt_data(p)[i] = (uint8_t)(i * 3);
    return len;
}

static int mem_send(struct port *port, const struct pkt *p)
{
    (void)port;
    if (send_error != 0)
        return send_error;
    last = *p;
    sent[sent_count++] = (int)pkt_total(p);
    return 0;
}

static int mem_send_bytes(struct port *port, const uint8_t *frame, size_t len)
{
    (void)port;
    (void)frame;
    sent_bytes[sent_bytes_count++] = (int)len;
    return 0;
}

static void mem_close(struct port *port)
{
    (void)port;
}

static const struct port_ops mem_ops = {mem_recv, mem_send, mem_send_bytes, NULL, mem_close};

static struct port *setup_with(uint32_t packets, uint32_t big_packets)
{
    struct region r = {.p = t_mem = calloc(1, MEM), .len = MEM};
    char err[128];

    pkt_pool_cut(&pkts, &r, packets, PKT_HEADROOM + MTU + 4);
    pkt_pool_cut(&bigs, &r, big_packets, PKT_HEADROOM + 65536);
    memset(vnet, 0, sizeof(vnet));
    sent_count = sent_bytes_count = send_error = 0;
    train = 0;
    struct port *port = port_new(&mem_ops, PORT_TAP, "mem", MTU, err, sizeof(err));

    port->tso = true;
    return port;
}

static struct port *setup(uint32_t packets)
{
    return setup_with(packets, 2);
}

static void teardown(struct port *port)
{
    port_close(port);
    T_EQ(pkts.slab.used, 0);
    T_EQ(bigs.slab.used, 0);
    free(t_mem);
}

static void test_port_recv_until_there_is_no_more(void)
{
    static const int frames[] = {60, 1514, -EBADMSG, 1518, 0};
    struct port *port = setup(8);
    struct pkt *out[16];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 3); /* the damaged one is passed over */
    T_EQ(out[0]->len, 60);
    T_EQ(out[2]->len, 1518); /* a VLAN tag fits as well */
    T_TRUE(out[2]->pool == &pkts);
    T_EQ(port->stats.rx_frames, 3);
    T_EQ(port->stats.rx_bytes, 60 + 1514 + 1518);
    T_EQ(port_recv(port, &pkts, &bigs, out + 3, 5), 0);
    for (int i = 0; i < 3; i++)
        pkt_release(out[i]);
    teardown(port);
}

static void test_port_recv_long_frame_goes_into_a_big_packet(void)
{
    static const int frames[] = {60000, 60, 0};
    struct port *port = setup(8);
    struct pkt *out[16];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    T_TRUE(out[0]->pool == &bigs);
    T_EQ(out[0]->len, 60000);
    for (uint32_t i = 0; i < out[0]->len; i++)
        T_NEED(pkt_data(out[0])[i] == (uint8_t)(i * 3));
    T_TRUE(out[1]->pool == &pkts);
    T_EQ(out[1]->len, 60);
    T_FALSE(port->more);
    T_EQ(pkts.slab.used, 1); /* the one that took the beginning of the long frame took the next */
    pkt_release(out[0]);
    pkt_release(out[1]);
    teardown(port);
}

/* What is left over of the bigs bounds how many long frames are taken, not how many short ones. */
static void test_port_recv_without_big_packets_loses_only_long_frames(void)
{
    static const int frames[] = {60000, 60000, 60, 60000, 1514, 0};

    for (uint32_t count = 0; count <= 2; count++) {
        struct port *port = setup_with(8, count);
        struct pkt *out[16];

        incoming = frames;
        int n = port_recv(port, &pkts, &bigs, out, 8);

        T_EQ(n, 2 + (int)count);
        T_EQ(out[n - 1]->len, 1514);
        T_EQ(port->stats.rx_no_big, 3 - count);
        T_EQ(port->stats.rx_too_long, 0);
        while (n > 0)
            pkt_release(out[--n]);
        /* They are taken again as soon as there are some. */
        incoming = frames;
        n = port_recv(port, &pkts, &bigs, out, 8);
        T_EQ(n, 2 + (int)count);
        while (n > 0)
            pkt_release(out[--n]);
        teardown(port);
    }
}

static void test_port_recv_longer_than_any_packet_is_counted(void)
{
    static const int frames[] = {PKT_HEADROOM + 65536 - PORT_HEADROOM,
                                 PKT_HEADROOM + 65536 - PORT_HEADROOM + 1, 60, 0};
    struct port *port = setup(8);
    struct pkt *out[16];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    T_EQ(out[0]->len, PKT_HEADROOM + 65536 - PORT_HEADROOM); /* the packet is filled to the brim */
    T_EQ(out[1]->len, 60);
    T_EQ(port->stats.rx_too_long, 1);
    T_EQ(port->stats.rx_no_big, 0);
    pkt_release(out[0]);
    pkt_release(out[1]);
    teardown(port);
}

/* Of a device that does not join segments none is expected, and none is read. */
static void test_port_recv_without_tso_no_long_frame(void)
{
    static const int frames[] = {1518, 60000, 60, 0};
    struct port *port = setup(8);
    struct pkt *out[16];

    port->tso = false;
    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    T_EQ(out[0]->len, 1518);
    for (uint32_t i = 0; i < out[0]->len; i++)
        T_NEED(pkt_data(out[0])[i] == (uint8_t)(i * 3));
    T_EQ(out[1]->len, 60);
    T_EQ(port->stats.rx_too_long, 1);
    T_EQ(bigs.slab.used, 0);
    pkt_release(out[0]);
    pkt_release(out[1]);
    teardown(port);
}

/* A batch ends with its bytes or its frames, and says that there is more. */
static void test_port_recv_batch_is_bounded(void)
{
    static const int frames[] = {60000, 60000, 60000, 60000, 60000, 60000, 60, 60, 60, 0};
    struct port *port = setup_with(8, 8);
    struct pkt *out[16];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), PORT_BATCH_BYTES / 60000 + 1);
    T_TRUE(port->more);
    for (int i = 0; i < PORT_BATCH_BYTES / 60000 + 1; i++)
        pkt_release(out[i]);
    T_EQ(port_recv(port, &pkts, &bigs, out, 2), 2);
    T_TRUE(port->more);
    pkt_release(out[0]);
    pkt_release(out[1]);
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    T_FALSE(port->more);
    pkt_release(out[0]);
    pkt_release(out[1]);
    teardown(port);
}

/* Frames that nobody has joined fill the kernel's buffers, too: fewer bytes of them. */
static void test_port_recv_batch_of_short_frames_is_smaller(void)
{
    static int frames[200];
    struct port *port = setup(128);
    struct pkt *out[128];

    for (size_t i = 0; i + 1 < ARRAY_LEN(frames); i++)
        frames[i] = 1500;
    port->tso = false;
    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 128), PORT_BATCH_SHORT / 1500 + 1);
    T_TRUE(port->more);
    for (int i = 0; i < PORT_BATCH_SHORT / 1500 + 1; i++)
        pkt_release(out[i]);
    teardown(port);
}

/* A train is one packet, and the buffer of what was taken serves the next frame. */
static void test_port_recv_joins_trains(void)
{
    static const int frames[] = {1514, 1514, 1514, 1514, 1514, 60, 1514, 1514, 0};
    struct port *port = setup(3);
    struct pkt *out[16];

    port->tso = false;
    port->joins = true;
    port->us = us;
    train = 5;
    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2); /* a short one is the end of a train */
    T_EQ(port->stats.rx_frames, 8);
    T_EQ(port->stats.rx_bytes, 7 * 1514 + 60);
    T_EQ(port->stats.rx_joined, 6);
    T_EQ(out[0]->len, 54 + 5 * 1460 + 6);
    T_EQ(out[0]->gso_size, 1460);
    T_EQ(out[1]->len, 54 + 2 * 1460);
    T_EQ(out[1]->csum, CSUM_VERIFIED); /* complete: the batch is over */
    for (uint32_t i = 0; i < 5 * 1460 + 6; i++)
        T_NEED(pkt_data(out[0])[54 + i] == (uint8_t)((5 + i) * 3));
    pkt_release(out[0]);
    pkt_release(out[1]);
    train = 5; /* nobody asked for it */
    port->joins = false;
    incoming = frames + 6;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    pkt_release(out[0]);
    pkt_release(out[1]);
    train = 5; /* the wire does it */
    port->joins = port->tso = true;
    incoming = frames + 6;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    pkt_release(out[0]);
    pkt_release(out[1]);
    train = 5; /* to somebody else */
    port->tso = false;
    port->us = them;
    incoming = frames + 6;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    pkt_release(out[0]);
    pkt_release(out[1]);
    T_EQ(port->stats.rx_joined, 6);
    teardown(port);
}

/* What the stack refuses as longer than the MTU it refuses also in a train, or a train would be a way past. */
static void test_port_recv_joins_nothing_longer_than_the_mtu(void)
{
    static const int frames[] = {1515, 1515, 1514, 1514, 0};
    struct port *port = setup(8);
    struct pkt *out[16];

    port->tso = false;
    port->joins = true;
    port->us = us;
    train = 5;
    incoming = frames;
    T_NEED(port_recv(port, &pkts, &bigs, out, 8) == 3);
    T_EQ(out[0]->len, 1515);
    T_EQ(out[1]->len, 1515);
    T_EQ(out[1]->gso_size, 0);
    T_EQ(out[2]->len, 54 + 2 * 1460);
    T_EQ(port->stats.rx_joined, 1);
    for (int i = 0; i < 3; i++)
        pkt_release(out[i]);
    teardown(port);
}

/* Metadata that lie cost the frame, and nothing else: the packet serves the next. */
static void test_port_recv_bad_metadata_is_refused(void)
{
    static const int frames[] = {60, 60000, 60, 60000, 0};
    struct port *port = setup(8);
    struct pkt *out[16];

    port->vnet = true;
    vnet[0] = 1; /* a checksum at 0xffff */
    memset(vnet + 6, 0xff, 4);
    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 0);
    T_EQ(port->stats.rx_bad_vnet, 4);
    T_EQ(pkts.slab.used, 0);
    memset(vnet, 0, sizeof(vnet));
    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 2), 2);
    T_EQ(out[0]->len, 60);
    T_EQ(out[1]->len, 60000);
    pkt_release(out[0]);
    pkt_release(out[1]);
    teardown(port);
}

static void test_port_recv_without_packets_leaves_frames_in_the_device(void)
{
    static const int frames[] = {60, 60, 60, 0};
    struct port *port = setup(2);
    struct pkt *out[16];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2);
    T_EQ(port->stats.rx_no_packet, 1);
    T_EQ(*incoming, 60);
    pkt_release(out[0]);
    pkt_release(out[1]);
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 1);
    pkt_release(out[0]);
    teardown(port);
}

static void test_port_recv_device_gone_is_an_error(void)
{
    static const int frames[] = {-ENETDOWN, 0};
    struct port *port = setup(2);
    struct pkt *out[16];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), -ENETDOWN);
    teardown(port);
}

static struct pkt *partial(uint32_t len)
{
    struct pkt *p = pkt_alloc(&bigs, PORT_HEADROOM);
    uint8_t *d = pkt_append(p, len);

    memset(d, 1, len);
    d[12] = 0x08; /* IPv4, no options, TCP with a header of 20 bytes */
    d[13] = 0x00;
    d[14] = 0x45;
    d[20] = d[21] = 0; /* not a fragment */
    d[23] = 6;
    d[46] = 5 << 4;
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)(p->off + 34);
    p->csum_off = 16;
    return p;
}

static void test_port_send_completes_checksums_the_device_cannot(void)
{
    struct port *port = setup(2);
    struct pkt *p = partial(100);

    port->csum = true;
    T_EQ(port_send(port, &p, 1), 1);
    T_EQ(last.csum, CSUM_PARTIAL);
    port->csum = false;
    T_EQ(port_send(port, &p, 1), 1);
    T_EQ(last.csum, CSUM_NONE);
    T_EQ(sent_count, 2);
    T_EQ(port->stats.tx_frames, 2);
    T_EQ(port->stats.tx_bytes, 200);
    pkt_release(p);
    teardown(port);
}

static void test_port_send_cuts_segments_the_device_cannot(void)
{
    struct port *port = setup(2);
    struct pkt *p = partial(54 + 2500);

    p->gso_size = 1000;
    port->csum = port->tso = true;
    T_EQ(port_send(port, &p, 1), 1);
    T_EQ(sent_count, 1);
    port->tso = false;
    T_EQ(port_send(port, &p, 1), 1);
    T_EQ(sent_count, 1);
    T_EQ(sent_bytes_count, 3);
    T_EQ(sent_bytes[0], 1054);
    T_EQ(sent_bytes[2], 554);
    pkt_release(p);
    teardown(port);
}

/* Also one that would fit into a frame: there it would be one datagram. */
static void test_port_send_cuts_trains_the_device_cannot(void)
{
    struct port *port = setup(2);
    struct pkt *p = partial(42 + 250);

    pkt_data(p)[23] = 17; /* UDP */
    pkt_data(p)[38] = (8 + 250) >> 8;
    pkt_data(p)[39] = (8 + 250) & 0xff;
    p->csum_off = 6;
    p->gso_size = 100;
    port->csum = port->tso = port->uso = true;
    T_EQ(port_send(port, &p, 1), 1);
    T_EQ(sent_count, 1);
    port->uso = false; /* a kernel that knows trains of segments only */
    T_EQ(port_send(port, &p, 1), 1);
    T_EQ(sent_count, 1);
    T_EQ(sent_bytes_count, 3);
    T_EQ(sent_bytes[0], 142);
    T_EQ(sent_bytes[2], 92);
    pkt_release(p);
    teardown(port);
}

static void test_port_send_counts_what_is_lost(void)
{
    struct port *port = setup(2);
    struct pkt *p = partial(100);

    port->csum = true;
    send_error = -ENOBUFS;
    T_EQ(port_send(port, &p, 1), 0);
    send_error = -EIO;
    T_EQ(port_send(port, &p, 1), 0);
    T_EQ(port->stats.tx_full, 1);
    T_EQ(port->stats.tx_error, 1);
    T_EQ(port->stats.tx_frames, 0);
    pkt_release(p);
    teardown(port);
}

T_MAIN("port", T(test_port_recv_until_there_is_no_more),
       T(test_port_recv_long_frame_goes_into_a_big_packet),
       T(test_port_recv_without_big_packets_loses_only_long_frames),
       T(test_port_recv_longer_than_any_packet_is_counted),
       T(test_port_recv_without_tso_no_long_frame), T(test_port_recv_batch_is_bounded),
       T(test_port_recv_batch_of_short_frames_is_smaller), T(test_port_recv_joins_trains),
       T(test_port_recv_joins_nothing_longer_than_the_mtu),
       T(test_port_recv_bad_metadata_is_refused),
       T(test_port_recv_without_packets_leaves_frames_in_the_device),
       T(test_port_recv_device_gone_is_an_error),
       T(test_port_send_completes_checksums_the_device_cannot),
       T(test_port_send_cuts_trains_the_device_cannot),
       T(test_port_send_cuts_segments_the_device_cannot), T(test_port_send_counts_what_is_lost))
