/*
 * tcp_flags.c - the names of all 256 combinations of the control bits, as tcpdump writes them.
 *
 * A trace event carries constant text only, so the combinations are spelled out, lowest bit first:
 * FIN SYN RST PSH ACK URG ECE CWR are F S R P . U E W.
 */
#include "wire/tcp_flags.h"

#define TCP_NAME_FIN(s) s, "F" s
#define TCP_NAME_SYN(s) TCP_NAME_FIN(s), TCP_NAME_FIN("S" s)
#define TCP_NAME_RST(s) TCP_NAME_SYN(s), TCP_NAME_SYN("R" s)
#define TCP_NAME_PSH(s) TCP_NAME_RST(s), TCP_NAME_RST("P" s)
#define TCP_NAME_ACK(s) TCP_NAME_PSH(s), TCP_NAME_PSH("." s)
#define TCP_NAME_URG(s) TCP_NAME_ACK(s), TCP_NAME_ACK("U" s)
#define TCP_NAME_ECE(s) TCP_NAME_URG(s), TCP_NAME_URG("E" s)
#define TCP_NAME_CWR(s) TCP_NAME_ECE(s), TCP_NAME_ECE("W" s)

const char *tcp_flags_name(uint8_t flags)
{
    static const char *const names[256] = {TCP_NAME_CWR("")};

    return flags == 0 ? "none" : names[flags];
}
