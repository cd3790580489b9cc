/*
 * wire.c - the host's cable: packetdrill has IP datagrams, the host speaks Ethernet.
 *
 * A header is put before what comes in and taken off what goes out. Whoever asks for the address of
 * a neighbour is told the router's, so ARP is never seen by a script.
 */
#include <errno.h>
#include <stdlib.h>

#include "interface.h"
#include "plugin.h"
#include "wire/arp.h"
#include "wire/eth.h"

const struct mac wire_mac = {
    {0x02, 0, 0, 0, 0, 0xfe}
};
enum { WIRE_MAX = 65536 + 64, WIRE_IP4_MIN = 20, WIRE_IP4_LEN = 2, WIRE_IP4_DST = 16 };

static int wire_give(struct plugin *g, const uint8_t *dst_type, const uint8_t *bytes, size_t len)
{
    size_t whole = len + ETH_HDR_LEN;
    struct pkt *p = whole + PKT_HEADROOM <= g->net.core.pkts.cap
                        ? net_pkt(&g->net)
                        : pkt_alloc(&g->net.core.bigs, PKT_HEADROOM);

    if (p == NULL || pkt_room(p) < whole) {
        pkt_release(p);
        return -ENOBUFS;
    }
    uint8_t *at = pkt_append(p, (uint32_t)whole);

    put_mac(at, g->net.ifs[0].eth.mac);
    put_mac(at + 6, wire_mac);
    memcpy(at + 12, dst_type, 2);
    memcpy(at + ETH_HDR_LEN, bytes, len);
    net_input(&g->net, &p, 1, g->now);
    return 0;
}

/* A request becomes its answer: who asked is told the router's address. */
static void wire_arp(struct plugin *g, const uint8_t *frame, size_t len)
{
    uint8_t reply[46] = {0};
    const uint8_t *arp = frame + ETH_HDR_LEN;

    if (len < 42 || get16(arp + 6) != 1 || memcmp(arp + 14, arp + 24, 4) == 0)
        return;
    memcpy(reply, arp, 6);
    put16(reply + 6, 2);
    put_mac(reply + 8, wire_mac);
    memcpy(reply + 14, arp + 24, 4);
    memcpy(reply + 18, arp + 8, 10);
    (void)wire_give(g, frame + 12, reply, sizeof(reply));
}

static void wire_keep(struct plugin *g, const uint8_t *ip, size_t len)
{
    struct plugin_out *o = malloc(sizeof(*o) + len);

    if (o == NULL)
        abort(); /* a test's tool has nothing better to do then */
    *o = (struct plugin_out){.t = g->now, .len = len};
    memcpy(o->bytes, ip, len);
    if (g->out_last != NULL)
        g->out_last->next = o;
    else
        g->out_first = o;
    g->out_last = o;
}

static void wire_frame(struct plugin *g, struct pkt *p)
{
    static uint8_t bytes[WIRE_MAX]; /* under the lock, as everything here */
    size_t len = pkt_total(p);

    if (len > sizeof(bytes) || len < ETH_HDR_LEN + WIRE_IP4_MIN) {
        pkt_release(p);
        return;
    }
    pkt_csum_complete(p);
    pkt_copy_out(p, bytes);
    pkt_release(p);
    if (get16(bytes + 12) == ETH_TYPE_ARP)
        wire_arp(g, bytes, len);
    else /* without the padding of short frames */
        wire_keep(g, bytes + ETH_HDR_LEN,
                  size_min(len - ETH_HDR_LEN, get16(bytes + ETH_HDR_LEN + WIRE_IP4_LEN)));
}

void wire_pump(struct plugin *g)
{
    struct pkt *out[32];
    size_t count;

    while ((count = net_output(&g->net, out, ARRAY_LEN(out), g->now)) > 0) {
        for (size_t i = 0; i < count; i++)
            wire_frame(g, out[i]);
    }
}

void wire_forget(struct plugin *g)
{
    while (g->out_first != NULL) {
        struct plugin_out *o = g->out_first;

        g->out_first = o->next;
        free(o);
    }
    g->out_last = NULL;
}

static int wire_netdev_send(void *userdata, const void *buf, size_t count)
{
    struct plugin *g = userdata;
    const uint8_t *ip = buf;
    uint8_t type[2];
    int err;

    plugin_enter(g);
    put16(type, ETH_TYPE_IP4);
    if (count < WIRE_IP4_MIN || ip[0] >> 4 != 4 || count > WIRE_MAX - ETH_HDR_LEN)
        return (int)plugin_leave(g, -EINVAL);
    /* The first packet tells the address of a host that no call has told. */
    err = g->local == 0 ? plugin_local(g, get32(ip + WIRE_IP4_DST)) : 0;
    if (err == 0)
        err = wire_give(g, type, ip, count);
    return (int)plugin_leave(g, err);
}

void wire_fill(struct packetdrill_interface *ifc)
{
    ifc->netdev_send = wire_netdev_send;
}
