/* fuzz_eth.c - the Ethernet header: what is read is written back as it was. */
#include "fuzz.h"
#include "wire/eth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct eth_hdr h;
    uint8_t out[ETH_HDR_LEN];
    enum verdict v = eth_parse(&h, (struct span){bytes, len});

    FUZZ_CHECK(v == V_NEXT || v == V_DROP_ETH_SHORT);
    if (v != V_NEXT)
        return 0;
    eth_emit(&h, out);
    FUZZ_CHECK(memcmp(out, bytes, sizeof(out)) == 0);
    return 0;
}
