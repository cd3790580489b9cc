/* fuzz_icmp4.c - the ICMP header: what is read is written back as it was. */
#include "fuzz.h"
#include "wire/icmp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct icmp4_hdr h;
    uint8_t out[ICMP4_HDR_LEN];
    enum verdict v = icmp4_parse(&h, (struct span){bytes, len});

    FUZZ_CHECK(v == V_NEXT || v == V_DROP_ICMP4_SHORT);
    if (v != V_NEXT)
        return 0;
    icmp4_emit(&h, out);
    FUZZ_CHECK(memcmp(out, bytes, sizeof(out)) == 0);
    return 0;
}
