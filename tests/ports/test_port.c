/*
 * test_port.c - what all ports have in common, with a device of memory behind them.
 */
#include <errno.h>
#include <stdlib.h>

#include "l1_physical/offload.h"
#include "l1_physical/port_impl.h"
#include "t.h"

enum { MEM = 1 << 20, MTU = 1500 };

static uint8_t *t_mem;
static struct pkt_pool pkts, bigs;

/* The device: frames of these lengths come in, a negative number is an error. */
static const int *incoming;
static int sent[8], sent_bytes[8];
static int sent_count, sent_bytes_count, send_error;
static struct pkt last;

static int mem_recv(struct port *port, struct pkt *p, uint8_t *hdr)
{
    int len = *incoming;

    memset(hdr, 0, OFFLOAD_VNET_LEN);
    if (len == 0)
        return -EAGAIN;
    incoming++;
    if (len < 0)
        return len;
    for (int i = 0; i < len; i++) {
        uint8_t *at = (uint32_t)i < pkt_room(p) ? pkt_data(p) + i : port->scratch + i - pkt_room(p);

        *at = (uint8_t)(i * 3);
    }
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

static struct port *setup(uint32_t packets)
{
    struct region r = {.p = t_mem = calloc(1, MEM), .len = MEM};
    char err[128];

    pkt_pool_cut(&pkts, &r, packets, PKT_HEADROOM + MTU + 4);
    pkt_pool_cut(&bigs, &r, 1, PKT_HEADROOM + 65536);
    sent_count = sent_bytes_count = send_error = 0;
    return port_new(&mem_ops, PORT_TAP, "mem", MTU, err, sizeof(err));
}

static void teardown(struct port *port)
{
    T_EQ(pkts.slab.used, 0);
    T_EQ(bigs.slab.used, 0);
    port_close(port);
    free(t_mem);
}

static void test_port_recv_until_there_is_no_more(void)
{
    static const int frames[] = {60, 1514, -EBADMSG, 1518, 0};
    struct port *port = setup(8);
    struct pkt *out[8];

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
    static const int frames[] = {60000, 60000, 60, 0};
    struct port *port = setup(8);
    struct pkt *out[8];

    incoming = frames;
    T_EQ(port_recv(port, &pkts, &bigs, out, 8), 2); /* there is one big packet only */
    T_TRUE(out[0]->pool == &bigs);
    T_EQ(out[0]->len, 60000);
    for (uint32_t i = 0; i < out[0]->len; i++)
        T_NEED(pkt_data(out[0])[i] == (uint8_t)(i * 3));
    T_EQ(out[1]->len, 60);
    T_EQ(port->stats.rx_too_long, 1);
    pkt_release(out[0]);
    pkt_release(out[1]);
    teardown(port);
}

static void test_port_recv_without_packets_leaves_frames_in_the_device(void)
{
    static const int frames[] = {60, 60, 60, 0};
    struct port *port = setup(2);
    struct pkt *out[8];

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
    struct pkt *out[8];

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
       T(test_port_recv_without_packets_leaves_frames_in_the_device),
       T(test_port_recv_device_gone_is_an_error),
       T(test_port_send_completes_checksums_the_device_cannot),
       T(test_port_send_cuts_segments_the_device_cannot), T(test_port_send_counts_what_is_lost))
