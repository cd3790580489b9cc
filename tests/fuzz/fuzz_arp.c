/* fuzz_arp.c - the ARP packet: what is accepted is written back as it was. */
#include "fuzz.h"
#include "wire/arp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arp_pkt a;
    uint8_t out[ARP_PKT_LEN];
    enum verdict v = arp_parse(&a, (struct span){bytes, len});

    FUZZ_CHECK(v == V_NEXT || v == V_DROP_ARP_SHORT || v == V_DROP_ARP_TYPE || v == V_DROP_ARP_OP);
    if (v != V_NEXT)
        return 0;
    arp_emit(&a, out);
    FUZZ_CHECK(memcmp(out, bytes, sizeof(out)) == 0);
    return 0;
}
