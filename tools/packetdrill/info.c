/*
 * info.c - Linux's struct tcp_info, filled in from what we know.
 *
 * Alone in its file, because Linux's headers and those of the stack have names in common.
 */
#include <linux/tcp.h>
#include <stdint.h>
#include <string.h>

#include "info.h"

size_t plugin_info_emit(const struct plugin_info *i, void *out, size_t len)
{
    struct tcp_info t = {
        .tcpi_state = i->state,
        .tcpi_ca_state = i->ca_state,
        .tcpi_retransmits = i->retransmits,
        .tcpi_probes = i->probes,
        .tcpi_backoff = i->backoff,
        .tcpi_options = i->options,
        .tcpi_snd_wscale = i->snd_wscale & 15u,
        .tcpi_rcv_wscale = i->rcv_wscale & 15u,
        .tcpi_rto = i->rto,
        .tcpi_snd_mss = i->snd_mss,
        .tcpi_rcv_mss = i->rcv_mss,
        .tcpi_unacked = i->unacked,
        .tcpi_sacked = i->sacked,
        .tcpi_lost = i->lost,
        .tcpi_retrans = i->retrans,
        .tcpi_pmtu = i->pmtu,
        .tcpi_rtt = i->rtt,
        .tcpi_rttvar = i->rttvar,
        .tcpi_snd_ssthresh = i->snd_ssthresh,
        .tcpi_snd_cwnd = i->snd_cwnd,
        .tcpi_advmss = i->advmss,
        .tcpi_total_retrans = i->total_retrans,
        .tcpi_bytes_acked = i->bytes_acked,
        .tcpi_bytes_received = i->bytes_received,
        .tcpi_segs_out = i->segs_out,
        .tcpi_segs_in = i->segs_in,
        .tcpi_notsent_bytes = i->notsent_bytes,
        .tcpi_min_rtt = i->min_rtt,
        .tcpi_bytes_sent = i->bytes_sent,
        .tcpi_snd_wnd = i->snd_wnd,
        .tcpi_rcv_rtt = i->rcv_rtt,
        .tcpi_rcv_space = i->rcv_space,
    };

    if (len > sizeof(t))
        len = sizeof(t);
    memcpy(out, &t, len);
    return len;
}
