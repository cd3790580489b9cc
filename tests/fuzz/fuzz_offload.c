/*
 * fuzz_offload.c - the metadata in front of a frame: whatever they say is refused or true.
 *
 * The input is a byte (how much of the frame lies apart from its beginning, as what we send does), struct
 * virtio_net_hdr, and the frame. Claimed: a checksum that is to be completed lies in the frame; what is
 * called many segments or datagrams can be cut in as many frames, whose lengths and sums are right and which
 * hold its bytes in order; and the metadata written for it say the same again.
 */
#include "fuzz.h"
#include "l1_physical/offload.h"
#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/ip_proto.h"
#include "wire/tcp.h"
#include "wire/udp.h"

enum { ROOM = 66, PIECE_MAX = 66000, FRAME_MAX = 66000 };

/* A piece of @c, @len bytes at @f, whose payload begins at @from of the frame. */
static void piece_check(const struct offload_cut *c, const uint8_t *f, uint32_t len, uint32_t from)
{
    const uint8_t *ip = f + ETH_HDR_LEN, *l4 = f + c->l4;
    uint32_t l4_len = len - c->l4;
    uint8_t proto = ip[IP4_PROTO];
    uint64_t pseudo = csum_pseudo(ip_addr_v4(get32(ip + IP4_SRC)), ip_addr_v4(get32(ip + IP4_DST)),
                                  proto, l4_len);

    FUZZ_CHECK(get16(ip + IP4_TOTAL) == len - ETH_HDR_LEN);
    FUZZ_CHECK(ip4_sum_ok(ip, c->l4 - ETH_HDR_LEN));
    FUZZ_CHECK(csum_fold(csum_add(pseudo, l4, l4_len)) == 0xffff);
    FUZZ_CHECK(proto == (c->is_udp ? IP_PROTO_UDP : IP_PROTO_TCP));
    FUZZ_CHECK(!c->is_udp || (get16(l4 + UDP_LEN) == l4_len && get16(l4 + UDP_SUM) != 0));
    for (uint32_t i = c->payload; i < len; i++, from++) {
        const uint8_t *was =
            from < c->p->len ? pkt_data(c->p) + from : c->p->ext + (from - c->p->len);

        FUZZ_CHECK(f[i] == *was);
    }
}

static void cut_check(const struct pkt *p)
{
    static uint8_t out[PIECE_MAX];
    struct offload_cut c;
    uint32_t at, pieces = 0;
    size_t len;

    if (!offload_cut_begin(&c, p))
        return;
    FUZZ_CHECK(!c.is_udp || c.total == c.l4 + get16(pkt_data(p) + c.l4 + UDP_LEN));
    at = c.payload;
    while ((len = offload_cut_next(&c, out, sizeof(out))) > 0) {
        FUZZ_CHECK(len - c.payload <= p->gso_size);
        piece_check(&c, out, (uint32_t)len, at);
        at += (uint32_t)len - c.payload;
        pieces++;
    }
    FUZZ_CHECK(at == c.total && at <= pkt_total(p));
    FUZZ_CHECK(pieces == (at == c.payload ? 1 : (at - c.payload + p->gso_size - 1) / p->gso_size));
}

/* What we would write for it is read the same. */
static void again_check(struct pkt *p)
{
    uint8_t hdr[OFFLOAD_VNET_LEN];
    struct pkt was = *p;

    offload_to_vnet(p, hdr, true);
    FUZZ_CHECK(offload_from_vnet(p, hdr));
    FUZZ_CHECK(p->csum == was.csum && p->gso_size == was.gso_size);
    FUZZ_CHECK(p->csum != CSUM_PARTIAL ||
               (p->csum_start == was.csum_start && p->csum_off == was.csum_off));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 1 + OFFLOAD_VNET_LEN || len > FRAME_MAX)
        return 0;
    const uint8_t *hdr = bytes + 1;
    uint32_t frame = (uint32_t)(len - 1 - OFFLOAD_VNET_LEN), apart = frame * bytes[0] / 256;
    uint8_t *buf = malloc(ROOM + frame); /* exact, so that a sanitizer sees its end */
    struct pkt p = {.buf = buf, .cap = ROOM + frame, .off = ROOM, .len = frame, .refs = 1};

    FUZZ_CHECK(buf != NULL);
    memset(buf, 0, ROOM);
    memcpy(buf + ROOM, hdr + OFFLOAD_VNET_LEN, frame);
    if (offload_from_vnet(&p, hdr)) {
        uint32_t field = (uint32_t)p.csum_start + p.csum_off;

        FUZZ_CHECK(p.csum != CSUM_PARTIAL ||
                   (p.csum_start >= ROOM + ETH_HDR_LEN && field + 2 <= ROOM + frame));
        FUZZ_CHECK(p.gso_size == 0 || p.csum == CSUM_PARTIAL);
        again_check(&p);
        p.len = frame - apart;
        p.ext = buf + ROOM + p.len;
        p.ext_len = apart;
        cut_check(&p);
        p.len = frame;
        p.ext_len = 0;
        pkt_csum_complete(&p);
    }
    free(buf);
    return 0;
}
