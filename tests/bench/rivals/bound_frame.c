/*
 * bound_frame.c - what the fake host does with a frame: see bound.h.
 *
 * Whatever is turned round keeps its checksums: exchanging the two addresses and the two ports does not
 * change a sum. A partial checksum (offload) stays partial, and the header that says so goes back as it
 * came. Only TCP segments of our own need a sum, and only where the TAP does not make it.
 */
#include <string.h>
#include <sys/uio.h>

#include <linux/virtio_net.h>

#include "bound.h"
#include "common.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { WSCALE = 14 };     /* our shift: RFC 7323's largest */
enum { TIMESTAMPS = 12 }; /* the option's bytes, with the two that fill up */
enum { SOURCE_TURN = 4, SOURCE_TURN_PLAIN = 32 }; /* frames between two looks at what came in */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static void swap(uint8_t *a, uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = a[i];

        a[i] = b[i];
        b[i] = c;
    }
}

/* The sum of 16-bit words in the machine's order, not folded; an odd byte counts as if a 0 followed. */
static uint64_t sum_of(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;
    uint32_t word;

    for (; len >= 4; p += 4, len -= 4) {
        memcpy(&word, p, 4);
        sum += word;
    }
    if (len > 0) {
        word = 0;
        memcpy(&word, p, len);
        sum += word;
    }
    return sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void put_sum(uint8_t *p, uint16_t sum)
{
    memcpy(p, &sum, 2); /* in the machine's order, as it was summed */
}

/* ---- segments ---- */

/* Checksum of IP, and of TCP, or the orders to make that. @payload: its sum, where it is known. */
static void finish(const struct bound *b, uint8_t *vnet, uint8_t *f, size_t len,
                   const uint64_t *payload)
{
    uint8_t pseudo[12] = {0};
    size_t tcp_len = len - TCP_AT;

    put16(f + IP_AT + 2, (uint32_t)(len - IP_AT));
    put16(f + IP_AT + 10, 0);
    put_sum(f + IP_AT + 10, (uint16_t)~fold(sum_of(f + IP_AT, 20)));
    memcpy(pseudo, f + IP_AT + 12, 8);
    pseudo[9] = 6;
    put16(pseudo + 10, (uint32_t)tcp_len);
    put16(f + TCP_AT + 16, 0);
    if (b->offload) {
        struct virtio_net_hdr h = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = TCP_AT, .csum_offset = 16};

        if (len > TCP_HEAD + MSS) {
            h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
            h.hdr_len = TCP_HEAD;
            h.gso_size = MSS;
        }
        memcpy(vnet, &h, sizeof(h));
        put_sum(f + TCP_AT + 16, fold(sum_of(pseudo, 12)));
        return;
    }
    uint64_t sum = sum_of(pseudo, 12);

    sum += payload != NULL ? sum_of(f + TCP_AT, 20) + *payload : sum_of(f + TCP_AT, tcp_len);
    put_sum(f + TCP_AT + 16, (uint16_t)~fold(sum));
}

/* The fields of a TCP header that change. */
static void fill(const struct bound *b, uint8_t *f, uint32_t seq, uint32_t ack, uint8_t flags)
{
    uint32_t window = b->window / (b->sinks > 0 ? b->sinks : 1) >> WSCALE;

    put32(f + TCP_AT + 4, seq);
    put32(f + TCP_AT + 8, ack);
    f[TCP_AT + 12] = 5 << 4;
    f[TCP_AT + 13] = flags;
    put16(f + TCP_AT + 14, window > 65535 ? 65535 : window);
    put16(f + TCP_AT + 18, 0);
}

static void turn_round(uint8_t *f)
{
    swap(f, f + 6, 6);
    swap(f + IP_AT + 12, f + IP_AT + 16, 4);
    swap(f + TCP_AT, f + TCP_AT + 2, 2);
}

static size_t reply(const struct bound *b, uint8_t *vnet, uint8_t *f, uint32_t seq, uint32_t ack,
                    uint8_t flags, size_t payload)
{
    turn_round(f);
    fill(b, f, seq, ack, flags);
    finish(b, vnet, f, TCP_HEAD + payload, NULL);
    return TCP_HEAD + payload;
}

/*
 * The same on a connection with timestamps, as those of http and echo are: without them the peer
 * could not use a port again that is in TIME-WAIT. Whatever the segment's timestamp was comes back; our
 * own clock is the number of frames. The payload is where that of the segment was.
 */
static size_t reply_stamped(const struct bound *b, uint8_t *vnet, uint8_t *f, uint32_t seq,
                            uint32_t ack, uint8_t flags, size_t payload)
{
    size_t len = TCP_HEAD + TIMESTAMPS + payload;

    if (f[TCP_AT + 12] >> 4 != 8 || f[TCP_HEAD + 2] != 8)
        return reply(b, vnet, f, seq, ack, flags, payload);
    turn_round(f);
    fill(b, f, seq, ack, flags);
    f[TCP_AT + 12] = 8 << 4;
    memcpy(f + TCP_HEAD + 8, f + TCP_HEAD + 4, 4);
    put32(f + TCP_HEAD + 4, (uint32_t)b->frames_in);
    finish(b, vnet, f, len, NULL);
    return len;
}

/* ---- connections ---- */

static void flow_end(struct bound *b, uint16_t port)
{
    struct flow *w = &b->flows[port];

    for (unsigned i = 0; i < b->active_count; i++) {
        if (b->active[i] == port)
            b->active[i] = b->active[--b->active_count];
    }
    b->sinks -= w->kind == PORT_DISCARD;
    b->sources -= w->kind == PORT_SOURCE;
    w->kind = NOBODY;
}

/* Where option @kind begins in a SYN, NULL if it has none. */
static const uint8_t *option(const uint8_t *tcp, uint8_t kind)
{
    size_t len = (size_t)(tcp[12] >> 4) * 4;

    for (size_t i = 20; i < len && tcp[i] != 0;) {
        if (tcp[i] == kind)
            return tcp + i;
        i += tcp[i] == 1 || tcp[i + 1] < 2 ? 1 : tcp[i + 1];
    }
    return NULL;
}

static size_t on_syn(struct bound *b, uint8_t *vnet, uint8_t *f)
{
    uint8_t options[20] = {2, 4, MSS >> 8, MSS & 255, 1, 3, 3, WSCALE, 1, 1, 8, 10};
    size_t options_len = 8;
    uint16_t port = get16(f + TCP_AT), kind = get16(f + TCP_AT + 2);
    uint32_t irs = get32(f + TCP_AT + 4), iss = b->iss += 64000;
    struct flow *w = &b->flows[port];
    const uint8_t *wscale = option(f + TCP_AT, 3), *stamp = option(f + TCP_AT, 8);
    uint8_t shift = wscale != NULL ? wscale[2] : 0;

    if (w->kind != NOBODY)
        flow_end(b, port);
    if ((kind == PORT_DISCARD || kind == PORT_SOURCE) &&
        b->active_count < sizeof(b->active) / sizeof(b->active[0])) {
        *w = (struct flow){.rcv_nxt = irs + 1,
                           .snd_una = iss + 1,
                           .snd_nxt = iss + 1,
                           .kind = kind,
                           .shift = shift};
        b->active[b->active_count++] = port;
        b->sinks += kind == PORT_DISCARD;
        b->sources += kind == PORT_SOURCE;
    } else if (stamp != NULL) {
        put32(options + 12, (uint32_t)b->frames_in);
        memcpy(options + 16, stamp + 2, 4);
        options_len = sizeof(options);
    }
    turn_round(f);
    fill(b, f, iss, irs + 1, SYN | ACK);
    f[TCP_AT + 12] = (uint8_t)((20 + options_len) << 2);
    memcpy(f + TCP_HEAD, options, options_len);
    finish(b, vnet, f, TCP_HEAD + options_len, NULL);
    return TCP_HEAD + options_len;
}

static size_t on_sink(struct bound *b, struct flow *w, uint8_t *vnet, uint8_t *f,
                      const uint8_t *data, size_t len)
{
    uint32_t seq = get32(f + TCP_AT + 4);

    b->gaps += seq != w->rcv_nxt;
    if ((int32_t)(seq + (uint32_t)len - w->rcv_nxt) > 0)
        w->rcv_nxt = seq + (uint32_t)len;
    if (b->copy)
        memcpy(b->app, data, len < 64 << 10 ? len : 64 << 10);
    w->unacked++;
    if (b->ack_every == 0 || w->unacked < b->ack_every)
        return 0;
    w->unacked = 0;
    return reply(b, vnet, f, w->snd_nxt, w->rcv_nxt, ACK, 0);
}

static size_t on_request(const struct bound *b, uint8_t *vnet, uint8_t *f, uint8_t *data,
                         size_t len)
{
    struct http_scan scan = {0};
    uint32_t seq = get32(f + TCP_AT + 8), ack = get32(f + TCP_AT + 4) + (uint32_t)len;

    if (http_scan(&scan, data, len) == 0)
        return reply_stamped(b, vnet, f, seq, ack, ACK, 0);
    bool close = scan.close;
    size_t reply_len;
    const char *text = http_reply(close, &reply_len);

    memcpy(data, text, reply_len);
    return reply_stamped(b, vnet, f, seq, ack, (uint8_t)(ACK | PSH | (close ? FIN : 0)), reply_len);
}

static size_t on_tcp(struct bound *b, uint8_t *vnet, uint8_t *f, size_t len)
{
    size_t ip_len = get16(f + IP_AT + 2), head = TCP_AT + (size_t)(f[TCP_AT + 12] >> 4) * 4;
    /* A super-frame's length in the IP header is that of the whole; 0 would be a frame over 64 KB. */
    size_t end = ip_len + IP_AT <= len ? ip_len + IP_AT : len;
    size_t data_len = end > head ? end - head : 0;
    uint8_t *data = f + head, flags = f[TCP_AT + 13];
    uint16_t port = get16(f + TCP_AT), service = get16(f + TCP_AT + 2);
    uint32_t seq = get32(f + TCP_AT + 4), ack = get32(f + TCP_AT + 8);
    struct flow *w = &b->flows[port];

    if (flags & SYN)
        return on_syn(b, vnet, f);
    if (flags & (FIN | RST)) {
        if (w->kind != NOBODY)
            flow_end(b, port);
        if (flags & RST)
            return 0;
        return reply_stamped(b, vnet, f, ack, seq + (uint32_t)data_len + 1, FIN | ACK, 0);
    }
    if (w->kind == PORT_SOURCE) {
        if ((int32_t)(ack - w->snd_una) > 0)
            w->snd_una = ack;
        if ((int32_t)(w->snd_una - w->snd_nxt) > 0)
            w->snd_nxt = w->snd_una; /* the peer had more than we thought before we began again */
        w->wnd = (uint32_t)get16(f + TCP_AT + 14) << w->shift;
        memcpy(b->peer, f, TCP_HEAD);
        return 0;
    }
    if (data_len == 0)
        return 0;
    if (w->kind == PORT_DISCARD) {
        if (w->unacked == 0)
            memcpy(b->peer, f, TCP_HEAD);
        return on_sink(b, w, vnet, f, data, data_len);
    }
    if (service == PORT_HTTP)
        return on_request(b, vnet, f, data, data_len);
    return reply_stamped(b, vnet, f, ack, seq + (uint32_t)data_len, ACK | PSH, data_len);
}

/* ---- frames ---- */

static size_t on_arp(const struct bound *b, uint8_t *f)
{
    uint8_t *arp = f + ETH_LEN;

    if (get16(arp + 6) != 1 || get32(arp + 24) != b->ip)
        return 0;
    memcpy(f, f + 6, 6);
    memcpy(f + 6, b->mac, 6);
    put16(arp + 6, 2);
    memcpy(arp + 18, arp + 8, 10);
    memcpy(arp + 8, b->mac, 6);
    put32(arp + 14, b->ip);
    return 42;
}

size_t bound_input(struct bound *b, uint8_t *vnet, uint8_t *f, size_t len)
{
    b->frames_in++;
    if (len >= 42 && get16(f + 12) == 0x0806)
        return on_arp(b, f);
    if (len < TCP_AT + 8 || get16(f + 12) != 0x0800 || f[IP_AT] != 0x45 ||
        get32(f + IP_AT + 16) != b->ip)
        return 0;
    switch (f[IP_AT + 9]) {
    case 1:
        if (f[TCP_AT] != 8)
            return 0;
        swap(f, f + 6, 6);
        swap(f + IP_AT + 12, f + IP_AT + 16, 4);
        f[TCP_AT] = 0; /* 8 less in the word's upper byte: 8 more in the complement of the sum */
        uint32_t sum = get16(f + TCP_AT + 2) + 0x0800U;

        put16(f + TCP_AT + 2, (sum & 0xffff) + (sum >> 16));
        return len;
    case 6:
        return len < TCP_HEAD ? 0 : on_tcp(b, vnet, f, len);
    case 17:
        if (get16(f + TCP_AT + 2) != PORT_ECHO)
            return 0;
        turn_round(f);
        if (b->offload) /* a complete checksum comes marked as valid: not a word for this direction */
            vnet[0] &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
        return len;
    default:
        return 0;
    }
}

void bound_flush(struct bound *b)
{
    uint8_t buf[VNET_LEN + TCP_HEAD], *f = buf + VNET_LEN;

    for (unsigned i = 0; b->sinks > 0 && i < b->active_count; i++) {
        struct flow *w = &b->flows[b->active[i]];

        if (w->kind != PORT_DISCARD || w->unacked == 0)
            continue;
        w->unacked = 0;
        memcpy(f, b->peer, TCP_HEAD);
        put16(f + TCP_AT, b->active[i]);
        put16(f + TCP_AT + 2, w->kind);
        bound_write(b, f, reply(b, buf, f, w->snd_nxt, w->rcv_nxt, ACK, 0));
    }
}

/* One frame with @len bytes of data, from one place or through the send buffer. */
static void source_write(struct bound *b, struct flow *w, uint16_t port, size_t len)
{
    uint8_t buf[VNET_LEN + TCP_HEAD], *f = buf + VNET_LEN;
    const uint8_t *data = b->app;
    uint64_t sum = 0;

    if (b->copy) {
        if (b->ring_at + len > RING)
            b->ring_at = 0;
        memcpy(b->ring + b->ring_at, b->app, len);
        data = b->ring + b->ring_at;
        b->ring_at += (uint32_t)len;
    }
    if (!b->offload) {
        if (!b->copy && len == MSS && b->app_sum == 0)
            b->app_sum = fold(sum_of(b->app, MSS));
        sum = !b->copy && len == MSS ? b->app_sum : sum_of(data, len);
    }
    memcpy(f, b->peer, TCP_HEAD);
    put16(f + TCP_AT, port);
    put16(f + TCP_AT + 2, w->kind);
    turn_round(f);
    fill(b, f, w->snd_nxt, w->rcv_nxt, ACK);
    finish(b, buf, f, TCP_HEAD + len, &sum);
    struct iovec iov[2] = {
        {b->offload ? buf : f,    (b->offload ? VNET_LEN : 0) + TCP_HEAD},
        {(void *)(uintptr_t)data, len                                   }
    };

    if (writev(b->fd, iov, 2) < 0)
        return; /* EAGAIN: a full queue at the other side; it is as if the frame were lost */
    b->frames_out++;
    w->snd_nxt += (uint32_t)len;
}

unsigned bound_sources(struct bound *b)
{
    unsigned sent = 0, turn = b->offload ? SOURCE_TURN : SOURCE_TURN_PLAIN;
    uint32_t most = b->offload ? SUPER : MSS;

    for (unsigned i = 0; b->sources > 0 && i < b->active_count; i++) {
        struct flow *w = &b->flows[b->active[i]];

        for (unsigned k = 0; w->kind == PORT_SOURCE && k < turn; k++) {
            uint32_t flying = w->snd_nxt - w->snd_una, room = w->wnd > flying ? w->wnd - flying : 0,
                     len = room < most ? room / MSS * MSS : most;

            if (len < most && flying > 0)
                break; /* wait for a window that takes a whole frame */
            if (len == 0)
                len = room;
            if (len == 0)
                break;
            source_write(b, w, b->active[i], len);
            sent++;
        }
    }
    return sent;
}

void bound_stuck(struct bound *b)
{
    for (unsigned i = 0; i < b->active_count; i++) {
        struct flow *w = &b->flows[b->active[i]];

        if (w->kind == PORT_SOURCE && w->snd_nxt != w->snd_una) {
            w->snd_nxt = w->snd_una;
            b->resent++;
        }
    }
}
