/* fuzz_igmp.c - IGMP messages: what is read is written back as it was. The checksum is repaired, but
 * for an input that begins with an even octet. */
#include "fuzz.h"
#include "wire/igmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct igmp_msg m, again;
    uint8_t out[IGMP_LEN];

    if (len < 1)
        return 0;
    bool repair = bytes[0] & 1;
    uint8_t *p = malloc(len); /* exactly as long as the message, so that a sanitizer sees its end */

    FUZZ_CHECK(p != NULL);
    len--;
    memcpy(p, bytes + 1, len);
    if (repair && len >= IGMP_LEN) {
        put16(p + IGMP_SUM, 0);
        put16(p + IGMP_SUM, csum_finish(csum_add(0, p, len)));
    }
    enum verdict v = igmp_parse(&m, (struct span){p, len});

    FUZZ_CHECK(v == V_NEXT || v == (len < IGMP_LEN ? V_DROP_IGMP_SHORT : V_DROP_IGMP_CHECKSUM));
    FUZZ_CHECK(v == V_NEXT || !repair || len < IGMP_LEN);
    if (v == V_NEXT) {
        igmp_emit(&m, out);
        FUZZ_CHECK(out[IGMP_TYPE] == p[IGMP_TYPE] && get32(out + IGMP_GROUP) == m.group);
        /* Unless it came as the other zero, of which there are two in ones' complement. */
        FUZZ_CHECK(len != IGMP_LEN || !repair || get16(out + IGMP_SUM) == get16(p + IGMP_SUM));
        FUZZ_CHECK(igmp_parse(&again, (struct span){out, sizeof(out)}) == V_NEXT);
        FUZZ_CHECK(again.type == m.type && again.max_resp == m.max_resp && again.group == m.group);
    }
    free(p);
    return 0;
}
