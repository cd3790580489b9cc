/*
 * flows.h - what flows and summary say alike of a connection.
 */
#ifndef STACKSCOPE_FLOWS_H
#define STACKSCOPE_FLOWS_H

#include "track.h"

/** flow_completeness - tcp.completeness in the words of Wireshark: "Complete, WITH_DATA". */
const char *flow_completeness(uint8_t completeness);

#endif
