/*
 * tcp_flags.h - the control bits of a segment as constant text.
 */
#ifndef STACKD_WIRE_TCP_FLAGS_H
#define STACKD_WIRE_TCP_FLAGS_H

#include <stdint.h>

/** tcp_flags_name - the control bits as tcpdump writes them: `S`, `S.`, `FP.`, `none`. */
const char *tcp_flags_name(uint8_t flags);

#endif
