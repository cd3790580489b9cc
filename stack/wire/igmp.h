/*
 * igmp.h - IGMP messages (RFC 2236 section 2, RFC 1112 appendix I): a type, a time, a checksum and a
 * group. Version 3's queries (RFC 3376) begin with the same eight octets; what follows is not read.
 */
#ifndef STACKD_WIRE_IGMP_H
#define STACKD_WIRE_IGMP_H

#include "base/csum.h"
#include "wire/bytes.h"

enum { IGMP_TYPE = 0, IGMP_MAX_RESP = 1, IGMP_SUM = 2, IGMP_GROUP = 4, IGMP_LEN = 8 };

enum igmp_type {
    IGMP_QUERY = 0x11,
    IGMP_V1_REPORT = 0x12,
    IGMP_V2_REPORT = 0x16,
    IGMP_LEAVE = 0x17,
};

struct igmp_msg {
    uint8_t type;
    uint8_t max_resp; /* tenths of a second; 0 in a query: a version 1 router asks */
    uint32_t group;   /* 0 in a query: all groups */
};

/** igmp_parse - check and read a message; the checksum is over all of @s (RFC 2236 section 2.3). */
static inline enum verdict igmp_parse(struct igmp_msg *m, struct span s)
{
    if (s.len < IGMP_LEN)
        return V_DROP_IGMP_SHORT;
    if (csum_fold(csum_add(0, s.p, s.len)) != 0xffff)
        return V_DROP_IGMP_CHECKSUM;
    m->type = s.p[IGMP_TYPE];
    m->max_resp = s.p[IGMP_MAX_RESP];
    m->group = get32(s.p + IGMP_GROUP);
    return V_NEXT;
}

/** igmp_emit - write a message, checksum included; @p has IGMP_LEN bytes. */
static inline void igmp_emit(const struct igmp_msg *m, uint8_t *p)
{
    p[IGMP_TYPE] = m->type;
    p[IGMP_MAX_RESP] = m->max_resp;
    put16(p + IGMP_SUM, 0);
    put32(p + IGMP_GROUP, m->group);
    put16(p + IGMP_SUM, csum_finish(csum_add(0, p, IGMP_LEN)));
}

#endif
