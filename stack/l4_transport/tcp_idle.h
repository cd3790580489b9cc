/*
 * tcp_idle.h - a connection that rests, in two cache lines (tcp_idle.c says how and why).
 */
#ifndef STACKD_TCP_IDLE_H
#define STACKD_TCP_IDLE_H

#include "l4_transport/tcp.h"

/*
 * Sizes of 24 bits: no connection rests with a window or a buffer of 16 MiB, and what does not fit
 * stays a full block. What is left of their words holds small numbers: whole words, as a record is written and
 * read for each message where there are many connections, and bit-fields would read back what was written a
 * moment before. Addresses have 32 bits (ip_addr_short()); where they are longer there would be a
 * struct tcp_id behind this.
 */
struct tcp_idle {
    struct hash_node link; /* must be first; in tcp->table, kind TCP_CONN_IDLE, note TCP_IDLE_... */
    uint32_t local, remote;
    uint16_t lport, rport;
    uint32_t ts_offset;
    tcp_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t cc_kept;                        /* what the controller wants to remember */
    net_time heard_at;                       /* the moment from which ages are counted backwards */
    uint32_t rcv_space_state;                /* 24 bits, then 4: enum tcp_state, and 4: cc */
    uint32_t rcv_wnd_flags, rcvbuf_flags;    /* 24 bits, then a byte of flags each */
    uint32_t srtt, rttvar, min_rtt, rcv_rtt; /* ns: up to 4.29 s; min_rtt UINT32_MAX: none */
    uint16_t snd_wnd, max_snd_wnd;           /* units of 1 << snd_wnd_shift, but see TCP_IDLE_RAW */
    uint16_t peer_mss, rcv_mss;
    uint32_t bytes_in, bytes_out;
    uint32_t cwnd_quick; /* 24 bits, then 8: quick_acks */
    uint32_t
        ssthresh_age; /* 24 bits, TCP_IDLE_MOST: infinite; then 8: min_rtt_at, in units of 2 s */
    uint32_t sndbuf_shifts;  /* 24 bits, then 4: of their window, and 4: of ours */
    uint64_t segs_sent_age;  /* 24 bits: in, 24: out, then 16: last_sent, as tcp_rough() */
    uint64_t owner_data_age; /* 24 bits: owner, 24: delivered_segs, then 16: rcvq.heard */
};
static_assert(sizeof(struct tcp_idle) == 128, "two cache lines");

enum { TCP_IDLE_MOST = (1 << 24) - 1 };

/* In link.note. */
enum {
    TCP_IDLE_LARGE = 1,     /* it is the beginning of a struct tcp_idle_large */
    TCP_IDLE_MODEL = 2,     /* which is the beginning of a struct tcp_idle_model */
    TCP_IDLE_RAW = 4,       /* snd_wnd has units of 1 */
    TCP_IDLE_REORDERING = 8 /* reordering was seen */
};

static inline enum tcp_state tcp_idle_state(const struct tcp_idle *i)
{
    return (enum tcp_state)(i->rcv_space_state >> 24 & 15);
}
static inline uint32_t tcp_idle_owner(const struct tcp_idle *i)
{
    return (uint32_t)i->owner_data_age & TCP_IDLE_MOST;
}

/* The same for a connection that has a timer (keep-alive, FIN-WAIT-2 without a user), wishes of its own,
 * or a past: losses, ECN, Fast Open, gigabytes. */
struct tcp_idle_large {
    struct tcp_idle idle; /* must be first */
    struct timer timer;   /* in tcp->idle_wheel */
    net_time life_at, keep_at, detached_at;
    struct tcp_patience patience;
    uint32_t rtx_total, dup_in, dsacks_in, undos, ce_in, ece_in;
    uint32_t delivered_twice; /* bytes */
    uint64_t bytes_in, bytes_out, rtx_bytes;
    tcp_seq dsack_end; /* of struct tcp_rack, like the next three */
    uint8_t reo_mult, reo_keep;
    bool dsack_round : 1;
    uint8_t tos, ttl;
    bool detached : 1, lingers : 1, rcv_shut : 1, has_rtx : 1;
    bool fo_wanted : 1, fo_tried : 1, fo_data_in : 1, fo_data_out : 1;
};

/* And for one whose controller believes more than four bytes can say (BBR): all of it, and the rates that it
 * goes by. */
struct tcp_idle_model {
    struct tcp_idle_large large; /* must be first */
    uint64_t pacing_rate, app_limited, round_end;
    net_time delivered_at, first_sent_at;
    struct cc_state cc_state;
};

/** tcp_idle_size - bytes of the record @i. */
static inline size_t tcp_idle_size(const struct tcp_idle *i)
{
    if (i->link.note & TCP_IDLE_MODEL)
        return sizeof(struct tcp_idle_model);
    return i->link.note & TCP_IDLE_LARGE ? sizeof(struct tcp_idle_large) : sizeof(*i);
}

/*
 * What all records keep as it is in the block: whole, under the same name; in 24 bits or less; as the first flags
 * of the block. One list of each, for whoever packs, unpacks, asks whether it fits, or tests.
 */
#define TCP_IDLE_WHOLE(X) X(snd_nxt) X(rcv_nxt) X(ts_recent) X(heard_at) X(peer_mss) X(rcv_mss)

#define TCP_IDLE_24(X)                                                                             \
    X(cwnd) X(sndbuf) X(rcvbuf) X(segs_in) X(segs_out) X(delivered_segs) X(rcvq.space)

#define TCP_IDLE_FLAGS(X)                                                                          \
    X(is_passive)                                                                                  \
    X(has_ts) X(has_sack) X(has_wscale) X(nodelay) X(oob_inline) X(more) X(corked) X(rcvbuf_set)   \
        X(sndbuf_set) X(cwnd_full) X(syn_lost) X(has_ecn) X(ecn_echo) X(ecn_seen) X(cwr_due)

/* What only the large record keeps: its name, the field of the block, and the value that needs no record; and flags,
 * which need none while they are not set. */
#define TCP_IDLE_PAST(X)                                                                           \
    X(life_at, life_at, NET_NEVER)                                                                 \
    X(keep_at, keep_at, NET_NEVER) X(patience.user_timeout_ms, patience.user_timeout_ms, 0)        \
        X(patience.keep_idle_s, patience.keep_idle_s, 0)                                           \
            X(patience.keep_interval_s, patience.keep_interval_s, 0)                               \
                X(patience.keep_count, patience.keep_count, 0)                                     \
                    X(patience.syn_retries, patience.syn_retries, 0)                               \
                        X(patience.keepalive, patience.keepalive, 0) X(reo_mult, rack.reo_mult, 1) \
                            X(reo_keep, rack.reo_keep, 0) X(dsack_round, rack.dsack_round, 0)      \
                                X(tos, tos, t->tcp->cfg.tos) X(ttl, ttl, t->tcp->cfg.ttl)

#define TCP_IDLE_PAST_FLAGS(X)                                                                     \
    X(detached)                                                                                    \
    X(lingers) X(rcv_shut) X(has_rtx) X(fo_wanted) X(fo_tried) X(fo_data_in) X(fo_data_out)

/* And of what is attached to the block; 0 otherwise. */
#define TCP_IDLE_RARE(X)                                                                           \
    X(rtx_total) X(rtx_bytes) X(dup_in) X(dsacks_in) X(undos) X(ce_in) X(ece_in)

#endif
