/*
 * tcp_info.c - Linux's struct tcp_info, laid out for the caller.
 *
 * Alone in its file, because Linux's headers and those of the stack have names in common.
 */
#include "tcp_info.h"

#include <linux/tcp.h>
#include <stdint.h>
#include <string.h>

#include "info.h"

size_t plugin_info_emit(const struct info *i, void *out, size_t len)
{
    struct tcp_info t = {
        .tcpi_state = (uint8_t)i->state,
        .tcpi_ca_state = (uint8_t)i->ca_state,
        .tcpi_retransmits = (uint8_t)i->retransmits,
        .tcpi_probes = (uint8_t)i->probes,
        .tcpi_backoff = (uint8_t)i->backoff,
        .tcpi_options = (uint8_t)i->options,
        .tcpi_snd_wscale = (uint8_t)i->snd_wscale & 15u,
        .tcpi_rcv_wscale = (uint8_t)i->rcv_wscale & 15u,
        .tcpi_delivery_rate_app_limited = i->delivery_rate_app_limited != 0,
        .tcpi_rto = (uint32_t)i->rto,
        .tcpi_snd_mss = (uint32_t)i->snd_mss,
        .tcpi_rcv_mss = (uint32_t)i->rcv_mss,
        .tcpi_unacked = (uint32_t)i->unacked,
        .tcpi_sacked = (uint32_t)i->sacked,
        .tcpi_lost = (uint32_t)i->lost,
        .tcpi_retrans = (uint32_t)i->retrans,
        .tcpi_last_data_sent = (uint32_t)i->last_data_sent,
        .tcpi_last_ack_recv = (uint32_t)i->last_ack_recv,
        .tcpi_pmtu = (uint32_t)i->pmtu,
        .tcpi_rtt = (uint32_t)i->rtt,
        .tcpi_rttvar = (uint32_t)i->rttvar,
        .tcpi_snd_ssthresh = (uint32_t)i->snd_ssthresh,
        .tcpi_snd_cwnd = (uint32_t)i->snd_cwnd,
        .tcpi_advmss = (uint32_t)i->advmss,
        .tcpi_reordering = (uint32_t)i->reordering,
        .tcpi_rcv_rtt = (uint32_t)i->rcv_rtt,
        .tcpi_rcv_space = (uint32_t)i->rcv_space,
        .tcpi_total_retrans = (uint32_t)i->total_retrans,
        .tcpi_pacing_rate = (uint64_t)i->pacing_rate,
        .tcpi_bytes_acked = (uint64_t)i->bytes_acked,
        .tcpi_bytes_received = (uint64_t)i->bytes_received,
        .tcpi_segs_out = (uint32_t)i->segs_out,
        .tcpi_segs_in = (uint32_t)i->segs_in,
        .tcpi_notsent_bytes = (uint32_t)i->notsent_bytes,
        .tcpi_min_rtt = (uint32_t)i->min_rtt,
        .tcpi_delivery_rate = (uint64_t)i->delivery_rate,
        .tcpi_delivered = (uint32_t)i->delivered,
        .tcpi_bytes_sent = (uint64_t)i->bytes_sent,
        .tcpi_bytes_retrans = (uint64_t)i->bytes_retrans,
        .tcpi_dsack_dups = (uint32_t)i->dsack_dups,
        .tcpi_reord_seen = (uint32_t)i->reord_seen,
        .tcpi_snd_wnd = (uint32_t)i->snd_wnd,
    };

    if (len > sizeof(t))
        len = sizeof(t);
    memcpy(out, &t, len);
    return len;
}
