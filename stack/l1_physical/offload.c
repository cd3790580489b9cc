#include "l1_physical/offload.h"

#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip_proto.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* struct virtio_net_hdr, in the byte order of the machine. */
enum {
    VNET_FLAGS = 0,
    VNET_GSO_TYPE = 1,
    VNET_HDR_LEN = 2,
    VNET_GSO_SIZE = 4,
    VNET_CSUM_START = 6,
    VNET_CSUM_OFF = 8
};
enum { VNET_F_NEEDS_CSUM = 1 };
enum { VNET_GSO_NONE = 0, VNET_GSO_TCPV4 = 1, VNET_GSO_UDP_L4 = 5, VNET_GSO_ECN = 0x80 };

static uint16_t vnet_get(const uint8_t *hdr, size_t at)
{
    uint16_t v;

    memcpy(&v, hdr + at, sizeof(v));
    return v;
}

static void vnet_put(uint8_t *hdr, size_t at, uint32_t v)
{
    uint16_t w = (uint16_t)v;

    memcpy(hdr + at, &w, sizeof(w));
}

/* Where a datagram over IPv4 has its parts, counted from the beginning of the frame. */
struct offload_parts {
    uint32_t l4, payload;
    bool is_udp;
};

/* Find them. Return: whether @p is a whole TCP or UDP datagram over IPv4 with its headers among the linear
 * bytes. */
static bool offload_find(struct offload_parts *o, const struct pkt *p)
{
    const uint8_t *frame = pkt_data(p), *ip = frame + ETH_HDR_LEN;

    if (p->len < ETH_HDR_LEN + IP4_HDR_LEN || get16(frame + ETH_TYPE) != ETH_TYPE_IP4 ||
        ip[IP4_VIHL] >> 4 != 4 || (get16(ip + IP4_FRAG) & (IP4_MF | IP4_OFFSET)) != 0)
        return false;
    uint8_t proto = ip[IP4_PROTO];
    uint32_t hdr_len = proto == IP_PROTO_UDP ? UDP_HDR_LEN : TCP_HDR_LEN;

    *o = (struct offload_parts){.l4 = ETH_HDR_LEN + (uint32_t)(ip[IP4_VIHL] & 0xf) * 4,
                                .is_udp = proto == IP_PROTO_UDP};
    if ((proto != IP_PROTO_TCP && proto != IP_PROTO_UDP) || o->l4 < ETH_HDR_LEN + IP4_HDR_LEN ||
        o->l4 + hdr_len > p->len)
        return false;
    o->payload = o->l4 + (o->is_udp ? UDP_HDR_LEN : (uint32_t)(frame[o->l4 + TCP_OFF] >> 4) * 4);
    return o->payload >= o->l4 + hdr_len && o->payload <= p->len;
}

/* The metadata say that @p is pieces of @size bytes each, by type @gso. */
static bool offload_joined(struct pkt *p, uint8_t gso, uint16_t size)
{
    struct offload_parts o;

    if (size == 0 || p->csum != CSUM_PARTIAL)
        return false;
    if (gso == VNET_GSO_UDP_L4 && p->csum_off == UDP_SUM &&
        get16(pkt_data(p) + ETH_TYPE) == ETH_TYPE_IP6) {
        p->gso_size = size; /* as long as it may be; eth_input() says what is wrong with it */
        return true;
    }
    if (!offload_find(&o, p) || gso != (o.is_udp ? VNET_GSO_UDP_L4 : VNET_GSO_TCPV4) ||
        p->csum_off != (o.is_udp ? UDP_SUM : TCP_SUM) || p->csum_start != p->off + o.l4)
        return false;
    if (p->len - o.payload > size) /* else it is an ordinary one */
        p->gso_size = size;
    return true;
}

bool offload_from_vnet(struct pkt *p, const uint8_t *hdr)
{
    uint8_t gso = hdr[VNET_GSO_TYPE] & (uint8_t)~VNET_GSO_ECN;

    p->csum = CSUM_NONE;
    p->gso_size = 0;
    if (hdr[VNET_FLAGS] & VNET_F_NEEDS_CSUM) {
        uint32_t start = vnet_get(hdr, VNET_CSUM_START), off = vnet_get(hdr, VNET_CSUM_OFF);

        if (start < ETH_HDR_LEN || start + off + 2 > p->len || p->off + start > UINT16_MAX)
            return false;
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->off + start);
        p->csum_off = (uint16_t)off;
    }
    return gso == VNET_GSO_NONE || offload_joined(p, gso, vnet_get(hdr, VNET_GSO_SIZE));
}

void offload_to_vnet(const struct pkt *p, uint8_t *hdr, bool cuts)
{
    memset(hdr, 0, OFFLOAD_VNET_LEN);
    if (p->csum != CSUM_PARTIAL)
        return;
    NET_ASSERT(p->csum_start >= p->off);
    hdr[VNET_FLAGS] = VNET_F_NEEDS_CSUM;
    vnet_put(hdr, VNET_CSUM_START, (uint32_t)(p->csum_start - p->off));
    vnet_put(hdr, VNET_CSUM_OFF, p->csum_off);
    if (p->gso_size == 0 || !cuts)
        return;
    const uint8_t *l4 = p->buf + p->csum_start;
    uint32_t hdr_len = UDP_HDR_LEN;

    hdr[VNET_GSO_TYPE] = VNET_GSO_UDP_L4;
    if (!pkt_is_train(p)) {
        hdr[VNET_GSO_TYPE] = VNET_GSO_TCPV4;
        if (l4[TCP_FLAGS] & TCP_CWR) /* to be set on the first piece only */
            hdr[VNET_GSO_TYPE] |= VNET_GSO_ECN;
        hdr_len = (uint32_t)(l4[TCP_OFF] >> 4) * 4;
    }
    vnet_put(hdr, VNET_GSO_SIZE, p->gso_size);
    vnet_put(hdr, VNET_HDR_LEN, (uint32_t)(p->csum_start - p->off) + hdr_len);
}

bool offload_cut_begin(struct offload_cut *c, const struct pkt *p)
{
    struct offload_parts o;

    *c = (struct offload_cut){.p = p, .l3 = ETH_HDR_LEN, .total = pkt_total(p)};
    if (p->gso_size == 0 || !offload_find(&o, p))
        return false;
    c->l4 = o.l4;
    c->payload = c->at = o.payload;
    c->is_udp = o.is_udp;
    if (!c->is_udp)
        return true;
    /* Behind what the header says there may be padding, and no datagram is to come of that. */
    uint32_t end = c->l4 + get16(pkt_data(p) + c->l4 + UDP_LEN);
    bool is_sound = end >= c->payload && end <= c->total;

    c->total = end;
    return is_sound;
}

/* Copy bytes [from, from + len) of the frame, which may lie in both of its parts. */
static void offload_copy(const struct pkt *p, uint32_t from, uint8_t *out, uint32_t len)
{
    uint32_t linear = from < p->len ? u32_min(len, p->len - from) : 0;

    if (linear > 0)
        memcpy(out, pkt_data(p) + from, linear);
    if (len > linear)
        memcpy(out + linear, p->ext + (from + linear - p->len), len - linear);
}

/* The bytes of the next frame, or 0. */
static uint32_t offload_cut_len(const struct offload_cut *c)
{
    uint32_t piece = u32_min(c->p->gso_size, c->total - c->at);

    return piece == 0 && c->pieces > 0 ? 0 : c->payload + piece;
}

/* What is different in the TCP header of the next piece; header and payload are @len bytes. */
static void offload_cut_tcp(const struct offload_cut *c, uint8_t *tcp, uint32_t len,
                            uint64_t pseudo)
{
    bool is_last = c->at + (len - (c->payload - c->l4)) == c->total;

    put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + (c->at - c->payload));
    /* What ends a flight stands on its last piece, what begins one on its first (RFC 3168 section
     * 6.1.2: CWR is set on one segment). */
    if (!is_last)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (c->pieces > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    put16(tcp + TCP_SUM, 0);
    put16(tcp + TCP_SUM, csum_finish(csum_add(pseudo, tcp, len)));
}

/* A datagram of its own, with a length and a checksum. */
static void offload_cut_udp(uint8_t *udp, uint32_t len, uint64_t pseudo)
{
    put16(udp + UDP_LEN, (uint16_t)len);
    put16(udp + UDP_SUM, 0);
    uint16_t sum = csum_finish(csum_add(pseudo, udp, len));

    put16(udp + UDP_SUM, sum == 0 ? 0xffff : sum); /* 0 means "none" (RFC 768) */
}

/* Write the next frame of @len bytes to @out. */
static void offload_cut_write(struct offload_cut *c, uint8_t *out, uint32_t len)
{
    uint32_t piece = len - c->payload;

    offload_copy(c->p, 0, out, c->payload);
    offload_copy(c->p, c->at, out + c->payload, piece);

    uint8_t *ip = out + c->l3, *l4 = out + c->l4;

    put16(ip + IP4_TOTAL, (uint16_t)(len - c->l3));
    put16(ip + IP4_ID, (uint16_t)(get16(ip + IP4_ID) + c->pieces));
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, c->l4 - c->l3)));

    uint64_t pseudo = csum_pseudo(ip_addr_v4(get32(ip + IP4_SRC)), ip_addr_v4(get32(ip + IP4_DST)),
                                  c->is_udp ? IP_PROTO_UDP : IP_PROTO_TCP, len - c->l4);

    if (c->is_udp)
        offload_cut_udp(l4, len - c->l4, pseudo);
    else
        offload_cut_tcp(c, l4, len - c->l4, pseudo);
}

static void offload_cut_step(struct offload_cut *c, uint32_t len)
{
    c->at += len - c->payload;
    c->pieces++;
}

size_t offload_cut_next(struct offload_cut *c, uint8_t *out, size_t cap)
{
    uint32_t len = offload_cut_len(c);

    if (len == 0 || len > cap)
        return 0;
    offload_cut_write(c, out, len);
    offload_cut_step(c, len);
    return len;
}

bool offload_cut_pkt(struct offload_cut *c, struct pkt_pool *pkts, struct pkt_pool *bigs,
                     struct pkt **out)
{
    uint32_t len = offload_cut_len(c);
    struct pkt_pool *pool = PKT_HEADROOM + len <= pkts->cap ? pkts : bigs;

    *out = NULL;
    if (len == 0)
        return false;
    if (PKT_HEADROOM + len <= pool->cap && (*out = pkt_alloc(pool, PKT_HEADROOM)) != NULL) {
        offload_cut_write(c, pkt_append(*out, len), len);
        (*out)->ifi = c->p->ifi;
        (*out)->ethertype = c->p->ethertype;
        (*out)->tos = c->p->tos;
        pkt_about(*out, c->p);
    }
    offload_cut_step(c, len); /* also over one that had no packet: the others keep their places */
    return true;
}
