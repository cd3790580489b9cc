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

/*
 * What both sizes keep as it is in the block, under the same name: whole, or in so many bits. One list, for
 * whoever packs, unpacks, asks whether it fits, or tests.
 */
#define TCP_IDLE_WHOLE(X)                                                                          \
    X(snd_nxt) X(rcv_nxt) X(ts_recent) X(heard_at) X(peer_mss) X(rcv_mss) X(quick_acks)

#define TCP_IDLE_BITS(X)                                                                           \
    X(cwnd, 24) X(sndbuf, 24) X(rcvbuf, 24) X(segs_in, 24) X(segs_out, 24) X(delivered_segs, 24)   \
    X(snd_wnd_shift, 4) X(rcv_wnd_shift, 4) X(cc, 4) X(is_passive, 1) X(has_ts, 1) X(has_sack, 1)  \
    X(has_wscale, 1) X(nodelay, 1) X(oob_inline, 1) X(more, 1) X(corked, 1) X(rcvbuf_set, 1)       \
    X(sndbuf_set, 1) X(cwnd_full, 1) X(syn_lost, 1)

/* What only the large record keeps: its name, the field of the block, and the value that needs no record. */
#define TCP_IDLE_PAST(X)                                                                           \
    X(life_at, life_at, NET_NEVER) X(keep_at, keep_at, NET_NEVER)                                  \
    X(patience.user_timeout_ms, patience.user_timeout_ms, 0)                                       \
    X(patience.keep_idle_s, patience.keep_idle_s, 0)                                               \
    X(patience.keep_interval_s, patience.keep_interval_s, 0)                                       \
    X(patience.keep_count, patience.keep_count, 0)                                                 \
    X(patience.syn_retries, patience.syn_retries, 0) X(patience.keepalive, patience.keepalive, 0)  \
    X(reo_mult, rack.reo_mult, 1) X(reo_keep, rack.reo_keep, 0)                                    \
    X(dsack_round, rack.dsack_round, 0) X(tos, tos, t->tcp->cfg.tos) X(ttl, ttl, t->tcp->cfg.ttl)  \
    X(detached, detached, 0) X(lingers, lingers, 0) X(rcv_shut, rcv_shut, 0)                       \
    X(has_rtx, has_rtx, 0) X(has_ecn, has_ecn, 0) X(ecn_echo, ecn_echo, 0)                         \
    X(ecn_seen, ecn_seen, 0) X(cwr_due, cwr_due, 0) X(fo_wanted, fo_wanted, 0)                     \
    X(fo_tried, fo_tried, 0) X(fo_data_in, fo_data_in, 0) X(fo_data_out, fo_data_out, 0)

/* And of what is attached to the block; 0 otherwise. */
#define TCP_IDLE_RARE(X)                                                                           \
    X(rtx_total) X(rtx_bytes) X(dup_in) X(dsacks_in) X(undos) X(ce_in) X(ece_in)

#endif
