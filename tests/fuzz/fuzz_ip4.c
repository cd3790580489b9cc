/*
 * fuzz_ip4.c - the IPv4 header and its options.
 *
 * The checksum would turn nearly every mutation away at the door, so it is repaired first; the
 * first byte of the input says whether.
 */
#include "fuzz.h"
#include "wire/ip4.h"

static void ip4_round_trip(const struct ip4_hdr *h)
{
    struct ip4_hdr plain = *h, b;
    uint8_t *out = calloc(1, h->total);

    FUZZ_CHECK(out != NULL);
    ip4_emit(&plain, out);
    FUZZ_CHECK(ip4_parse(&b, (struct span){out, h->total}) == V_NEXT);
    FUZZ_CHECK(b.src == h->src && b.dst == h->dst && b.total == h->total && b.id == h->id);
    FUZZ_CHECK(b.frag_off == h->frag_off && b.df == h->df && b.mf == h->mf && b.tos == h->tos);
    FUZZ_CHECK(b.ttl == h->ttl && b.proto == h->proto && b.hdr_len == IP4_HDR_LEN);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct ip4_hdr h;
    uint8_t bad = 0;

    if (len < 1)
        return 0;
    bool repair = bytes[0] & 1;
    uint8_t *p = malloc(len); /* exactly as long as the packet, so that a sanitizer sees its end */

    FUZZ_CHECK(p != NULL);
    len--;
    memcpy(p, bytes + 1, len);
    if (repair && len >= IP4_HDR_LEN) {
        size_t hdr_len = size_min((size_t)(p[IP4_VIHL] & 0xf) * 4, len);

        put16(p + IP4_SUM, 0);
        put16(p + IP4_SUM, csum_finish(csum_add(0, p, hdr_len)));
    }
    if (ip4_parse(&h, (struct span){p, len}) == V_NEXT) {
        FUZZ_CHECK(h.hdr_len >= IP4_HDR_LEN && h.hdr_len <= h.total && h.total <= len);
        enum verdict v = ip4_options_check((struct span){p, h.hdr_len}, &bad);

        FUZZ_CHECK(v == V_NEXT || (bad >= IP4_HDR_LEN && bad < h.hdr_len));
        ip4_round_trip(&h);
    }
    free(p);
    return 0;
}
