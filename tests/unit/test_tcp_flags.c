/* test_tcp_flags.c - the names of the control bits. */
#include "t.h"
#include "wire/tcp.h"
#include "wire/tcp_flags.h"

static void test_tcp_flags_are_written_as_tcpdump_does(void)
{
    T_STR(tcp_flags_name(0), "none");
    T_STR(tcp_flags_name(TCP_SYN), "S");
    T_STR(tcp_flags_name(TCP_SYN | TCP_ACK), "S.");
    T_STR(tcp_flags_name(TCP_FIN | TCP_PSH | TCP_ACK), "FP.");
    T_STR(tcp_flags_name(TCP_RST), "R");
    T_STR(tcp_flags_name(TCP_ACK | TCP_URG), ".U");
    T_STR(tcp_flags_name(0xff), "FSRP.UEW");
}

static void test_tcp_flags_every_bit_has_its_letter(void)
{
    for (unsigned f = 1; f < 256; f++) {
        unsigned bits = 0;

        for (unsigned b = 0; b < 8; b++)
            bits += f >> b & 1u;
        T_EQ(strlen(tcp_flags_name((uint8_t)f)), bits);
    }
}

T_MAIN("tcp_flags", T(test_tcp_flags_are_written_as_tcpdump_does),
       T(test_tcp_flags_every_bit_has_its_letter))
