/* icmp4_dgram.h - ICMP messages for the tests of icmp4.c. */
#ifndef STACKD_TESTS_ICMP4_DGRAM_H
#define STACKD_TESTS_ICMP4_DGRAM_H

#include "unit/l3_host.h"

static uint8_t msg[70000];

/* An ICMP message in msg[]: header, then @len bytes. */
static inline struct l3_dgram icmp(uint8_t type, uint8_t code, uint32_t word, uint32_t len)
{
    struct icmp4_hdr h = {type, code, 0, word};

    icmp4_emit(&h, msg);
    put16(msg + 2, l3_sum(msg, 8 + len));
    return (struct l3_dgram){.data = msg, .len = 8 + len};
}

static inline struct l3_dgram echo(uint16_t id, uint16_t seq, uint32_t len)
{
    l3_fill(msg + 8, len);
    return icmp(ICMP4_ECHO, 0, (uint32_t)id << 16 | seq, len);
}

/* The message was changed after error_about(): sum it again. */
static inline void resum(struct l3_dgram *d)
{
    put16(msg + 2, 0);
    put16(msg + 2, l3_sum(msg, d->len));
}

#endif
