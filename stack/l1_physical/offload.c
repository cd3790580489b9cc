#include "l1_physical/offload.h"

#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip_proto.h"
#include "wire/tcp.h"

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
enum { VNET_GSO_NONE = 0, VNET_GSO_TCPV4 = 1, VNET_GSO_ECN = 0x80 };

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

/* Where the TCP header of a TCP/IPv4 frame begins; only the IP header is looked at. */
static uint32_t offload_tcp4_l4(const struct pkt *p)
{
    return ETH_HDR_LEN + (uint32_t)(pkt_data(p)[ETH_HDR_LEN + IP4_VIHL] & 0xf) * 4;
}

/* Where the payload of a whole TCP/IPv4 segment begins; 0: it is something else, or its headers
 * reach beyond the linear bytes. */
static uint32_t offload_tcp4_payload(const struct pkt *p)
{
    const uint8_t *frame = pkt_data(p);

    if (p->len < ETH_HDR_LEN + IP4_HDR_LEN + TCP_HDR_LEN ||
        get16(frame + ETH_TYPE) != ETH_TYPE_IP4 || frame[ETH_HDR_LEN + IP4_VIHL] >> 4 != 4 ||
        frame[ETH_HDR_LEN + IP4_PROTO] != IP_PROTO_TCP ||
        (get16(frame + ETH_HDR_LEN + IP4_FRAG) & (IP4_MF | IP4_OFFSET)) != 0)
        return 0;
    uint32_t l4 = offload_tcp4_l4(p);

    if (l4 < ETH_HDR_LEN + IP4_HDR_LEN || l4 + TCP_HDR_LEN > p->len)
        return 0;
    uint32_t payload = l4 + (uint32_t)(frame[l4 + TCP_OFF] >> 4) * 4;

    return payload >= l4 + TCP_HDR_LEN && payload <= p->len ? payload : 0;
}

bool offload_from_vnet(struct pkt *p, const uint8_t *hdr)
{
    uint8_t gso = hdr[VNET_GSO_TYPE] & (uint8_t)~VNET_GSO_ECN;

    p->csum = CSUM_NONE;
    p->gso_size = 0;
    if (hdr[VNET_FLAGS] & VNET_F_NEEDS_CSUM) {
        uint32_t start = vnet_get(hdr, VNET_CSUM_START), off = vnet_get(hdr, VNET_CSUM_OFF);

        if (start < ETH_HDR_LEN || start + off + 2 > p->len)
            return false;
        p->csum = CSUM_PARTIAL;
        p->csum_start = (uint16_t)(p->off + start);
        p->csum_off = (uint16_t)off;
    }
    if (gso == VNET_GSO_NONE)
        return true;
    uint16_t size = vnet_get(hdr, VNET_GSO_SIZE);
    uint32_t payload = offload_tcp4_payload(p);

    if (gso != VNET_GSO_TCPV4 || size == 0 || payload == 0 || p->csum != CSUM_PARTIAL ||
        p->csum_off != TCP_SUM || p->csum_start != p->off + offload_tcp4_l4(p))
        return false;
    if (p->len - payload > size) /* else it is one ordinary segment */
        p->gso_size = size;
    return true;
}

void offload_to_vnet(const struct pkt *p, uint8_t *hdr, bool tso)
{
    memset(hdr, 0, OFFLOAD_VNET_LEN);
    if (p->csum != CSUM_PARTIAL)
        return;
    NET_ASSERT(p->csum_start >= p->off);
    hdr[VNET_FLAGS] = VNET_F_NEEDS_CSUM;
    vnet_put(hdr, VNET_CSUM_START, (uint32_t)(p->csum_start - p->off));
    vnet_put(hdr, VNET_CSUM_OFF, p->csum_off);
    if (p->gso_size == 0 || !tso)
        return;
    const uint8_t *tcp = p->buf + p->csum_start;

    hdr[VNET_GSO_TYPE] = VNET_GSO_TCPV4;
    if (tcp[TCP_FLAGS] & TCP_CWR) /* to be set on the first piece only */
        hdr[VNET_GSO_TYPE] |= VNET_GSO_ECN;
    vnet_put(hdr, VNET_GSO_SIZE, p->gso_size);
    vnet_put(hdr, VNET_HDR_LEN,
             (uint32_t)(p->csum_start - p->off) + (uint32_t)(tcp[TCP_OFF] >> 4) * 4);
}

bool offload_cut_begin(struct offload_cut *c, const struct pkt *p)
{
    *c = (struct offload_cut){.p = p, .l3 = ETH_HDR_LEN, .total = pkt_total(p)};
    if (p->gso_size == 0 || (c->payload = c->at = offload_tcp4_payload(p)) == 0)
        return false;
    c->l4 = offload_tcp4_l4(p);
    return true;
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

/* Write the next frame of @len bytes to @out. */
static void offload_cut_write(struct offload_cut *c, uint8_t *out, uint32_t len)
{
    uint32_t piece = len - c->payload;

    offload_copy(c->p, 0, out, c->payload);
    offload_copy(c->p, c->at, out + c->payload, piece);

    uint8_t *ip = out + c->l3, *tcp = out + c->l4;
    bool is_first = c->pieces == 0, is_last = c->at + piece == c->total;

    put16(ip + IP4_TOTAL, (uint16_t)(len - c->l3));
    put16(ip + IP4_ID, (uint16_t)(get16(ip + IP4_ID) + c->pieces));
    put16(ip + IP4_SUM, 0);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, c->l4 - c->l3)));

    put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + (c->at - c->payload));
    /* What ends a flight stands on its last piece, what begins one on its first (RFC 3168 section
     * 6.1.2: CWR is set on one segment). */
    if (!is_last)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (!is_first)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    put16(tcp + TCP_SUM, 0);
    uint64_t pseudo = csum_pseudo(ip_addr_v4(get32(ip + IP4_SRC)), ip_addr_v4(get32(ip + IP4_DST)),
                                  IP_PROTO_TCP, len - c->l4);

    put16(tcp + TCP_SUM, csum_finish(csum_add(pseudo, tcp, len - c->l4)));
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
