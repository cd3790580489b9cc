#include "forge.h"

#include <string.h>

size_t forge_ip(const struct forge *f, uint8_t proto, uint16_t id, uint16_t frag_off, bool more,
                const void *body, size_t len, uint8_t *out)
{
    uint8_t *ip = out + ETH_HDR_LEN;

    eth_emit(&(struct eth_hdr){f->dst_mac, f->src_mac, ETH_TYPE_IP4}, out);
    memset(ip, 0, IP4_HDR_LEN);
    ip[IP4_VIHL] = 0x45;
    put16(ip + IP4_TOTAL, (uint16_t)(IP4_HDR_LEN + len));
    put16(ip + IP4_ID, id);
    put16(ip + IP4_FRAG, (uint16_t)(frag_off / 8 | (more ? IP4_MF : 0)));
    ip[IP4_TTL] = 64;
    ip[IP4_PROTO] = proto;
    put32(ip + IP4_SRC, f->src);
    put32(ip + IP4_DST, f->dst);
    put16(ip + IP4_SUM, csum_finish(csum_add(0, ip, IP4_HDR_LEN)));
    memcpy(ip + IP4_HDR_LEN, body, len);
    return ETH_HDR_LEN + IP4_HDR_LEN + len;
}

size_t forge_tcp(const struct forge *f, struct tcp_seg *seg, const void *data, size_t len,
                 uint8_t *out)
{
    uint8_t bytes[FORGE_MAX];

    seg->sum = 0;
    size_t hdr = tcp_emit(seg, bytes);

    if (len > 0)
        memcpy(bytes + hdr, data, len);
    uint64_t sum =
        csum_pseudo(ip_addr_v4(f->src), ip_addr_v4(f->dst), IP_PROTO_TCP, (uint32_t)(hdr + len));

    put16(bytes + TCP_SUM, csum_finish(csum_add(sum, bytes, hdr + len)));
    return forge_ip(f, IP_PROTO_TCP, 0, 0, false, bytes, hdr + len, out);
}

size_t forge_arp(const struct forge *f, uint16_t op, uint8_t *out)
{
    struct arp_pkt a = {.op = op, .sha = f->src_mac, .spa = f->src, .tpa = f->dst};

    eth_emit(&(struct eth_hdr){f->dst_mac, f->src_mac, ETH_TYPE_ARP}, out);
    arp_emit(&a, out + ETH_HDR_LEN);
    return ETH_HDR_LEN + ARP_PKT_LEN;
}
