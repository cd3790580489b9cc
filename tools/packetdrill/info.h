/*
 * info.h - what getsockopt(TCP_INFO) tells about a connection.
 */
#ifndef PACKETDRILL_INFO_H
#define PACKETDRILL_INFO_H

#include <stddef.h>
#include <stdint.h>

/* What TCP_INFO tells, in Linux's units; laid out for the caller by info.c. */
struct plugin_info {
    uint8_t state, ca_state, retransmits, probes, backoff, options, snd_wscale, rcv_wscale;
    uint32_t rto, snd_mss, rcv_mss, unacked, sacked, lost, retrans, rtt, rttvar, min_rtt;
    uint32_t snd_ssthresh, snd_cwnd, pmtu, advmss, total_retrans, segs_in, segs_out;
    uint32_t notsent_bytes, snd_wnd, rcv_rtt, rcv_space;
    uint64_t bytes_acked, bytes_received, bytes_sent;
};
/** plugin_info_emit - write at most @len bytes. Return: how many. */
size_t plugin_info_emit(const struct plugin_info *i, void *out, size_t len);

#endif
