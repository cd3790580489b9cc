/*
 * tcp_idle.h - a connection that rests, in two cache lines (tcp_idle.c says how and why).
 */
#ifndef STACKD_TCP_IDLE_H
#define STACKD_TCP_IDLE_H

#include "l4_transport/tcp.h"

/*
 * Sizes of 24 bits: no connection rests with a window or a buffer of 16 MiB, and what does not fit
 * stays a full block. Addresses have 32 bits (ip_addr_short()); where they are longer there would be
 * a struct tcp_id behind this.
 */
struct tcp_idle {
    struct hash_node link; /* must be first; in tcp->table, link.kind TCP_CONN_IDLE */
    uint32_t local, remote;
    uint16_t lport, rport;
    uint32_t ts_offset;
    tcp_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t cc_kept;                        /* what the controller wants to remember */
    net_time heard_at;                       /* the moment from which ages are counted backwards */
    uint32_t srtt, rttvar, min_rtt, rcv_rtt; /* ns: up to 4.29 s; min_rtt UINT32_MAX: none */
    uint16_t snd_wnd, max_snd_wnd;           /* units of 1 << snd_wnd_shift, but see is_wnd_raw */
    uint16_t peer_mss, rcv_mss;
    uint32_t bytes_in, bytes_out;
    uint64_t segs_in : 24, segs_out : 24, sent_age : 16; /* ages: tcp_rough() */
    uint64_t delivered_segs : 24, owner : 24, data_age : 16;
    uint32_t cwnd : 24, quick_acks : 8;
    uint32_t ssthresh : 24, min_rtt_age : 8; /* TCP_IDLE_MOST: infinite; units of 2 s */
    uint32_t sndbuf : 24, snd_wnd_shift : 4, rcv_wnd_shift : 4;
    uint32_t rcvbuf : 24, cc : 4, is_large : 1, is_passive : 1, is_wnd_raw : 1, has_ts : 1;
    uint32_t rcv_wnd : 24, has_sack : 1, has_wscale : 1, nodelay : 1, oob_inline : 1, more : 1,
        corked : 1, cwnd_full : 1, syn_lost : 1;
    uint32_t rcv_space : 24, state : 4, rcvbuf_set : 1, sndbuf_set : 1, reordering_seen : 1;
};
static_assert(sizeof(struct tcp_idle) == 128, "two cache lines");

enum { TCP_IDLE_MOST = (1 << 24) - 1 };

/* The same for a connection that has a timer (keep-alive, FIN-WAIT-2 without a user), wishes of its own,
 * or a past: losses, ECN, Fast Open, gigabytes. */
struct tcp_idle_large {
    struct tcp_idle idle; /* must be first */
    struct timer timer;   /* in tcp->idle_wheel */
    net_time life_at, keep_at, detached_at;
    struct tcp_patience patience;
    uint32_t rtx_total, dup_in, dsacks_in, undos, ce_in, ece_in;
    uint64_t bytes_in, bytes_out, rtx_bytes;
    tcp_seq dsack_end; /* of struct tcp_rack, like the next three */
    uint8_t reo_mult, reo_keep;
    bool dsack_round : 1;
    uint8_t tos, ttl;
    bool detached : 1, lingers : 1, rcv_shut : 1, has_rtx : 1;
    bool has_ecn : 1, ecn_echo : 1, ecn_seen : 1, cwr_due : 1;
    bool fo_wanted : 1, fo_tried : 1, fo_data_in : 1, fo_data_out : 1;
};

#endif
