/* fuzz_udp.c - the UDP header: the length it claims is really there. */
#include "fuzz.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct udp_hdr h;
    uint8_t out[UDP_HDR_LEN];
    enum verdict v = udp_parse(&h, (struct span){bytes, len});

    FUZZ_CHECK(v == V_NEXT || v == V_DROP_UDP_SHORT || v == V_DROP_UDP_LENGTH);
    if (v != V_NEXT)
        return 0;
    FUZZ_CHECK(h.len >= UDP_HDR_LEN && h.len <= len);
    udp_emit(&h, out);
    FUZZ_CHECK(memcmp(out, bytes, sizeof(out)) == 0);
    return 0;
}
