/*
 * tcp.h - the transmission control block and the calls of RFC 9293.
 *
 * Four kinds of connection records stand in one hash table, by their four-tuple: the full block
 * (struct tcb), the half-open entry of a passive open (struct tcp_half), the TIME-WAIT entry (struct
 * tcp_tw), and the block that is packed while the connection rests (struct tcp_idle), the last three
 * small. The first three begin with struct tcp_conn, which holds the state; tcp_event() (tcp_fsm.c) is
 * its only writer.
 *
 * Files: tcp_fsm.c Figure 5; tcp_input.c section 3.10.7; tcp_user.c sections 3.10.1-6; tcp_output.c
 * what is due now, and tcp_next.h what may leave; tcp_explain.c why nothing does; tcp_listen.c half-open pool, cookies, accept queue; tcp_timewait.c; tcp_idle.c
 * connections that rest, tcp_timer_rest.c when; tcp_reass.c order; tcp_fastopen.c data in a SYN; tcp_rcvbuf.c sizes of buffers; tcp_recovery.c loss; tcp_rtt.c
 * round trips; tcp_timer.c every timer but tcp_timer_keep.c's, the keep-alive; tcp_urgent.c;
 * tcp_demux.c lookup.
 */
#ifndef STACKD_TCP_H
#define STACKD_TCP_H

#include "base/hash.h"
#include "base/recvq.h"
#include "base/sendq.h"
#include "base/seq.h"
#include "base/timer.h"
#include "l3_network/ip.h"
#include "l4_transport/cc/cc.h"
#include "l4_transport/tcp_sent.h"
#include "wire/tcp.h"

enum tcp_state {
    TCP_CLOSED, TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RCVD, TCP_ESTABLISHED, TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK, TCP_TIME_WAIT, TCP_STATES
};

/* What stands on the arrows of Figure 5, and, from ABORT on, on those it omits (tcp_fsm.c). */
enum tcp_event_kind {
    TCP_EV_OPEN_PASSIVE, TCP_EV_OPEN_ACTIVE, TCP_EV_RCV_SYN, TCP_EV_RCV_SYN_ACK,
    TCP_EV_RCV_ACK_OF_SYN, TCP_EV_CLOSE, TCP_EV_DELETE, TCP_EV_RCV_FIN, TCP_EV_RCV_ACK_OF_FIN, TCP_EV_2MSL,
    TCP_EV_ABORT, TCP_EV_RCV_RST, TCP_EV_CHILD_RST, TCP_EV_CHILD_SYN, TCP_EV_TIMEOUT,
    TCP_EV_COOKIE, TCP_EV_EVICTED, TCP_EV_REUSED, TCP_EV_ICMP, TCP_EV_UNREACHABLE,
    TCP_EVENTS
};

/* Explicit congestion notification (tcp_ecn.c); Linux's numbers. */
enum tcp_ecn { TCP_ECN_OFF, TCP_ECN_ASK, TCP_ECN_ACCEPT };

/* TCP Fast Open (tcp_fastopen.c): bits of cfg.fastopen, those of Linux's tcp_fastopen. */
enum tcp_fo_bits {
    TCP_FO_CLIENT = 1,              /* connections that ask for it may send data with their SYN */
    TCP_FO_SERVER = 2,              /* listeners that ask for it may take them */
    TCP_FO_CLIENT_NO_COOKIE = 4,    /* send them although there is no cookie */
    TCP_FO_SERVER_NO_COOKIE = 0x200,/* take them without one */
    TCP_FO_SERVER_ALL = 0x400       /* all listeners do, with their backlog as limit */
};

enum tcp_syn_policy { TCP_SYN_DROP, TCP_SYN_RESET, TCP_SYN_EVICT, TCP_SYN_COOKIES };

struct tcp_config {
    uint32_t connections;  /* full blocks: 16384 */
    uint32_t idle;         /* connections that rest, and those of them that need a larger record: 131072,
                            * each; 0: none are packed (tcp_idle.c) */
    uint32_t full_idle;    /* as long as no more blocks than these are in use: 256, which a cache holds */
    uint32_t half_open;    /* half-open pool: 1024 */
    uint32_t time_wait;    /* TIME-WAIT entries: 32768 */
    uint32_t listeners;    /* 256, at most 65535 */
    uint32_t backlog;      /* default accept queue: 128 */
    enum tcp_syn_policy syn_policy;
    uint32_t sndbuf, rcvbuf; /* default sizes in bytes: 512 KiB and 256 KiB */
    uint32_t sndbuf_max, rcvbuf_max; /* up to which they grow: 65535 << 8 = 16776960, both */
    uint32_t rcv_room;     /* bytes that a queue in front of us holds: all windows share it; 0: no such
                            * queue */
    bool moderate_rcvbuf;  /* the receive buffer grows with the measured rate */
    uint8_t quick_acks;    /* ACKs that are not delayed, at the start and after trouble: 16 */
    net_time msl;          /* 30 s */
    net_time rto_min, rto_max, rto_initial; /* 200 ms, 120 s, 1 s */
    net_time delack;       /* 40 ms */
    uint8_t syn_retries, synack_retries; /* 7 (R2 of a SYN: over 3 minutes, MUST-23), 5 */
    uint8_t retries1, retries2; /* R1: 3 retransmissions; R2: what 15 of them take at rto_min, 924 s */
    net_time user_timeout; /* R2 for data by the clock; 0: by retries2 */
    net_time fin_wait_2;   /* an orphan waits this long for the peer's FIN: 60 s */
    bool keepalive;        /* for connections that do not say themselves: off (MUST-25) */
    net_time keep_idle, keep_interval; /* 2 hours (MUST-28), 75 s */
    uint8_t keep_count;    /* unanswered probes before the peer counts as dead: 9 */
    net_time orphan;       /* and this long for any progress with its data: 120 s */
    net_time orphan_max;   /* and this long in all: 600 s */
    uint16_t mss_min;      /* floor for the peer's MSS: 88 */
    uint8_t mtu_probing;   /* RFC 4821: 0 never, 1 when segments vanish in silence, 2 always: 0 */
    uint16_t base_mss;     /* where its search begins: 1024 */
    uint8_t challenge_acks; /* in a second, for one connection (RFC 5961 section 7): 10 */
    bool timestamps, window_scaling, nodelay;
    bool sack, dsack;      /* RFC 2018, 2883 */
    uint8_t ecn;           /* enum tcp_ecn: ACCEPT */
    bool rack, tlp;        /* RFC 8985; without: RFC 6675 */
    bool prr;              /* RFC 6937; without: ssthresh at once */
    bool frto, undo;       /* RFC 5682; RFC 4015 and D-SACK: needless retransmissions are forgiven */
    bool limited_transmit; /* RFC 3042 */
    bool pacing;           /* spread a window over the round trip, whatever the controller */
    uint32_t sent_records; /* of all connections, see tcp_sent.h: 65536 */
    uint32_t lent_records; /* of all connections, see sendq.h: 16384 */
    uint32_t kept_packets; /* that receive queues may keep, of all connections, see recvq.h: 32; 0: none */
    uint32_t kept_burst;   /* they do when long segments come so many bytes at a time: 192 KiB */
    bool time_wait_reuse;  /* RFC 6191 */
    bool oob_inline;       /* urgent data are read in line: on (RFC 6093) */
    uint32_t fastopen;     /* enum tcp_fo_bits; 0: off */
    uint8_t fastopen_keys; /* set by the user: 0 to 2, the first makes cookies, both are good */
    struct siphash_key fastopen_key[2];
    net_time fastopen_rotate;    /* others are renewed after this time: 1 h */
    net_time fastopen_blackhole; /* no Fast Open for so long after three silences: 1 h; 0: go on */
    uint32_t fastopen_pending;   /* requests that may be pending at all listeners: 1024 */
    uint32_t fastopen_cache;     /* servers that the client remembers: 256 */
    uint16_t port_min, port_max; /* ephemeral ports, RFC 6056: 32768 ... 60999 */
    uint8_t initial_cwnd;  /* segments, RFC 6928: 10 */
    uint8_t cc;            /* index in cc_list: CUBIC */
    struct cc_options cc_options; /* all on */
    uint8_t ttl, tos;      /* 64, 0 */
};

/* Who talks to whom. */
struct tcp_id {
    struct ip_addr local, remote;
    uint16_t lport, rport;
};

/* How long a user is willing to wait: asked of a socket before there is a connection, inherited
 * from a listener, read by tcp_timer*.c. 0: the host's default. */
struct tcp_patience {
    uint32_t user_timeout_ms; /* R2 for data (RFC 9293 section 3.8.3) */
    uint16_t keep_idle_s, keep_interval_s;
    uint8_t keep_count;
    uint8_t syn_retries; /* R2 of a SYN */
    bool keepalive;
};

enum tcp_conn_kind { TCP_CONN_FULL, TCP_CONN_HALF, TCP_CONN_TW, TCP_CONN_IDLE };

struct tcp_conn {
    struct hash_node link; /* in tcp->table; link.kind: enum tcp_conn_kind */
    struct tcp_id id;
    uint8_t state; /* enum tcp_state; written by tcp_event() only */
    /* An arrow taken by our own doing waits here for the segment that shows it, so that the trace
     * can name the frame: state before, event + 1, 0 if none. */
    uint8_t noted_from, noted_event;
    uint32_t ts_offset; /* of our timestamp clock (RFC 7323 section 7.1) */
    struct timer timer; /* in tcp->wheel, at the earliest deadline */
};

/* The half-open pool: what must be kept of a SYN until the third segment comes. */
struct tcp_half {
    struct tcp_conn conn;
    struct tcp_listener *listener;
    struct tcp_half *older, *newer; /* all of them, by age */
    struct tcp_half *due_next, *due_prev; /* SYN-ACKs to send */
    tcp_seq iss, irs;
    uint32_t ts_recent;
    uint16_t mss, peer_wnd;
    uint8_t wscale;   /* the peer's; 0xff: no scaling */
    uint8_t retries; /* of the timer */
    uint8_t sent;    /* SYN-ACKs, those for a repeated SYN among them */
    bool has_ts, has_sack, has_ecn, is_due;
    bool fo_offer;   /* the SYN,ACK carries a Fast Open cookie */
    net_time syn_ack_sent;     /* the first one; for the RTT and the SYN-ACK's timer */
};

/* TIME-WAIT needs the numbers, and nothing of what a connection needs to talk. */
struct tcp_tw {
    struct tcp_conn conn;
    struct tcp_tw *older, *newer;
    struct tcp_tw *due_next; /* ACKs to send */
    tcp_seq snd_nxt, rcv_nxt;
    uint32_t rcv_wnd, ts_recent, last_tsval;
    bool has_ts, is_due;
    net_time acked_at; /* when the last ACK was sent: they are throttled */
};

enum { TCP_RATE_UNIT = 16 }; /* bytes a second: up to 550 Gbit/s in 32 bits */
enum { TCP_REASS_MAX = 64 }; /* intervals kept out of order, see tcp_reass.c */

enum { TCP_HOLE_LIST_SIZE = 12 * TCP_REASS_MAX + 8 };
struct tcp_hole_list; /* tcp_reass.c */

struct tcp_listener {
    struct tcp_conn conn; /* must be first; its remote side is empty, and it stands in tcp->listeners */
    struct tcp *tcp;
    struct ready ready;
    uint8_t tos, ttl;
    bool nodelay, oob_inline;
    uint8_t cc;
    uint16_t maxseg;
    uint32_t sndbuf, rcvbuf;
    struct tcp_patience patience;
    uint32_t fo_qlen, fo_pending;        /* Fast Open: limit of requests, and how many are pending */
    uint32_t backlog, queued, half_open; /* accept queue: limit, length; half-open children */
    struct tcb *first, *last;            /* the accept queue */
    uint64_t accepted, queue_full, cookies_sent, cookies_ok, syns;
};

/* What the receiver measures to find the size of its buffer (tcp_rcvbuf.c). */
struct tcp_rcvq {
    net_time rtt;     /* round trip as a receiver sees it, 0: not known yet */
    net_time since;   /* when the count of what the user takes began, */
    net_time edge_at; /* and the edge of the window was noted */
    net_time heard;   /* when data came last */
    tcp_seq from;     /* first byte the user had not taken at `since` */
    tcp_seq edge;     /* right edge of the window at `edge_at` */
    uint32_t space;   /* bytes the user took in one round trip, at most; 0: nothing has come */
    uint32_t tsecr;   /* the last echo that was used */
    uint32_t period;  /* of tcp->rcv_busy, in which data came last, */
    uint32_t came;    /* and bytes that did in it */
};

/* Congestion: what mood a connection is in (tcp_recovery.c); Linux's numbers. */
enum tcp_ca_state { TCP_CA_OPEN, TCP_CA_DISORDER, TCP_CA_CWR, TCP_CA_RECOVERY, TCP_CA_LOSS };

/* RACK's and TLP's variables (RFC 8985 section 5). */
struct tcp_rack {
    net_time sent_at, rtt; /* RACK.xmit_ts, RACK.rtt: of what was delivered and sent last */
    tcp_seq end, fack;     /* RACK.end_seq, RACK.fack */
    tcp_seq dsack_end, tlp_end;
    bool is_valid, has_fack, reordering_seen;
    bool dsack_round;      /* a D-SACK came in this round trip, which ends at dsack_end */
    bool tlp_out, tlp_is_rtx;
    uint8_t reo_mult, reo_keep;
};

/* A probe of the path: none; in flight; lost, and its data are on their way again. */
enum tcp_mtu_probing { TCP_MTU_QUIET, TCP_MTU_OUT, TCP_MTU_LOST };

/* What is known of the path to the peer (tcp_mtu.c). */
struct tcp_path {
    uint32_t epoch; /* of ip_path_epoch(), when it was looked at last */
    uint32_t mtu;   /* as the internet layer knew it then */
    uint16_t told;  /* payload that a router named to this connection alone; 0: none */
    uint16_t room;  /* payload that fits, by all that */
    uint16_t gso;   /* payload that may leave as one, to be cut below us; 0: none */
    uint16_t low, high; /* the search: what arrives, and what may */
    uint16_t probe; /* payload of the probe in flight, from probe_seq on */
    tcp_seq probe_seq;
    uint8_t probing; /* enum tcp_mtu_probing */
    bool is_known;
    bool searches;  /* segments are `low` bytes long */
};

/*
 * What most connections never need: losses, marks, urgent data, shut windows. It is attached to the block when it
 * is written first (tcp_rare_get), and given back with it; until then it reads as tcp_rare_none. There
 * are as many as blocks, so there always is one, and memory is touched only for those that have one.
 *
 * What stays in the block although some could do without it: the scoreboard, RACK and the controller's array, which
 * whoever has sent anything needs (CUBIC's is nearly as large as BBR's); the path, looked at with all
 * that leaves; patience and Fast Open's flags, a few bytes. Who needs none of it rests (tcp_idle.c).
 */
struct tcp_rare {
    net_time shut_since;     /* when the window last began to keep data back */

    /* Reductions, which may have been needless (tcp_recovery.c). */
    uint32_t prr_from, prr_delivered, prr_out; /* RFC 6937: RecoverFS, prr_delivered, prr_out */
    uint32_t undo_cwnd, undo_ssthresh;         /* before the last one */
    tcp_seq undo_una;
    tcp_seq undo_end;        /* behind the first segment sent again since */
    uint32_t undo_rtx;       /* segments sent again since, and not yet known to be needless */
    uint32_t undo_sent;      /* segments sent again since */
    uint32_t undo_ts;        /* our timestamp clock when the first of them left */
    tcp_seq dup_left, dup_right; /* what the next ACK reports by D-SACK, while has_dup */

    /* Urgent data (tcp_urgent.c). */
    tcp_seq snd_up;          /* follows what is urgent, while snd_urgent */
    tcp_seq rcv_up;          /* follows what is urgent, while rcv_urgent */

    /* RFC 5961 section 7: challenge ACKs, throttled per connection. */
    net_time challenge_since;
    uint8_t challenges;

    /* Counters. */
    uint64_t rtx_bytes;
    uint32_t rtx_total, dup_in;
    uint32_t dsacks_in, undos;
    uint32_t ce_in, ece_in; /* marked segments received; reductions that the peer's ECE asked for */
};
extern const struct tcp_rare tcp_rare_none;

/*
 * The order is that of use, not of the RFC's sections: a segment meets as few cache lines as can be. Lines of
 * 64 bytes, and a block begins with one (slab.h):
 *
 *     0           whose it is: compared with each segment           (struct tcp_conn, but for its timer)
 *     1, 2        what any segment meets, in or out                 numbers, windows, flags, deadlines
 *     3, 4        what data that arrive meet                        receive queue, its size
 *     5           what all count, and round trips, and the list of those with output due
 *     6 ... 11    what data that leave and their ACKs meet          send queue, scoreboard, RACK, rates
 *     11 ... 13   the controller's own
 *     14          what a connection meets when it begins and ends
 *
 * Data in order meet lines 0 to 5, an ACK all but 4 and the last; tests/bench/lines.py shows what each path
 * touches. The number of lines is odd on purpose: with a power of two the first lines of all blocks
 * would share a sixteenth of a cache's sets.
 */
struct tcb {
    _Alignas(64) struct tcp_conn conn; /* must be first */
    struct tcp *tcp;

    /* Send and receive sequence variables (RFC 9293 section 3.3.1). */
    tcp_seq snd_una, snd_nxt, snd_wl1, snd_wl2;
    uint32_t snd_wnd;        /* bytes, scaled */
    tcp_seq rcv_nxt;
    tcp_seq rcv_adv;         /* right edge of the window as last advertised */
    tcp_seq last_ack_sent;   /* Last.ACK.sent (RFC 7323) */

    /* Flags. */
    bool is_passive : 1;     /* came from LISTEN (MUST-11) */
    bool has_ts : 1, has_sack : 1, has_wscale : 1;
    bool nodelay : 1;
    bool oob_inline : 1;     /* urgent data are part of the stream */
    bool more : 1;           /* the last write said that more will follow */
    bool corked : 1;         /* and so do all writes until the user takes the cork out */
    bool rcvbuf_set : 1, sndbuf_set : 1; /* by the user: they stay as they are */
    bool cwnd_full : 1;      /* output stopped at cwnd: growth is allowed (RFC 7661's idea) */
    bool syn_lost : 1;       /* our SYN had to be sent again */
    bool has_ecn : 1;        /* both ends do ECN */
    bool ecn_echo : 1;       /* a mark came in: ECE until a CWR comes */
    bool ecn_seen : 1;       /* the peer's data are ECT */
    bool cwr_due : 1;        /* the window was reduced: CWR on the next new data */
    /* Sixteen so far, which a connection that rests keeps as they are (tcp_idle.h). */
    bool fin_queued : 1;     /* the user has closed the sending side */
    bool fin_sent : 1;       /* SND.NXT has been past our FIN */
    bool fin_received : 1;   /* RCV.NXT is past the peer's FIN */
    bool fin_ahead : 1;      /* the peer's FIN is known, at fin_seq, and data before it are missing */
    bool counted : 1;        /* in tcp->port_users */
    bool hashed : 1;         /* stands in tcp->table */
    bool syn_acked : 1;      /* SND.UNA has left the ISS; it comes by there again every 4 GiB */
    bool ack_now : 1;        /* an ACK is owed at once */
    bool rcv_shut : 1;       /* the user does not want to receive any more */
    bool detached : 1;       /* the user has gone (close) */
    bool probe_due : 1;      /* a zero-window probe is to be sent */
    bool keep_due : 1;       /* a keep-alive is to be sent */
    bool snd_urgent : 1;     /* SND.UP is not acknowledged */
    bool urgent_due : 1;     /* and no segment has told of it yet */
    bool rcv_urgent : 1;     /* RCV.UP is ahead of what the user has read */
    bool oob_fetched : 1;    /* and he has fetched the byte before it */
    bool rtx_due : 1;        /* the first unacknowledged segment is to be sent again */
    bool is_due : 1;         /* in the list of connections with output due */
    bool in_accept_queue : 1;
    bool timed_valid : 1;    /* a segment is being timed */
    bool force : 1;          /* the override timer ran out: send although it is a small segment */
    bool starved : 1;        /* no buffer was left for the user's bytes: asked again by timer */
    bool held_up : 1;        /* no record was left for new data: the same */
    bool lingers : 1;        /* the user gave a limit for what follows tcp_close() */
    bool is_paced : 1;       /* output waits for pace_at */
    bool tlp_due : 1;        /* a tail loss probe is to be sent */
    bool has_rtx : 1;        /* something was ever sent again */
    bool has_dup : 1;        /* dup_left ... dup_right came twice and is not reported yet */
    bool undo_valid : 1;     /* the last reduction may be taken back */
    bool frto : 1, frto_new : 1; /* F-RTO runs; it has let new data go */
    bool had_partial : 1;    /* a partial ACK in this recovery (NewReno) */
    bool fo_wanted : 1;      /* Fast Open: the user asked for it */
    bool fo_deferred : 1;    /* the SYN waits for the first write */
    bool fo_tried : 1;       /* our first SYN carried the option or data */
    bool fo_offer : 1;       /* our SYN,ACK carries a cookie */
    bool fo_data_in : 1, fo_data_out : 1; /* data of a SYN were taken: by us, by the peer */
    uint8_t delayed;         /* segments received since the last ACK */
    uint8_t dup_acks_due;    /* duplicate ACKs still to be sent, one for each segment out of order */
    uint8_t quick_acks;      /* ACKs still to be sent at once: at the start and after trouble */
    uint8_t probes_out;      /* window probes and keep-alives without an answer yet */
    uint8_t rtx_kind;        /* what rtx_at means: retransmission or persist */
    uint8_t snd_wnd_shift, rcv_wnd_shift;
    uint16_t rcv_mss;        /* what we offered */
    uint32_t max_snd_wnd;    /* the largest ever offered: SWS avoidance, RFC 5961 section 5.2 */
    uint32_t ts_recent;
    net_time ts_recent_at;
    net_time heard_at;       /* when the last acceptable segment came */

    /* Timers: deadlines; the one conn.timer is armed at the earliest (tcp_timer.c). */
    net_time rtx_at, delack_at, life_at; /* life: FIN-WAIT-2, TIME-WAIT, linger, user timeout */

    /* Data that arrive. */
    struct recvq rcv;        /* bytes not yet read, then what is out of order */
    struct ready ready;
    net_time keep_at;        /* keep-alive: look again whether it is idle (tcp_timer_keep.c) */
    struct tcp_rcvq rcvq;
    struct tcp_hole_list *ooo; /* what lies behind RCV.NXT, NULL while nothing does */

    /* Round trips (RFC 6298), counters. */
    net_time srtt, rttvar, rto;
    net_time min_rtt;
    struct tcb *due_next, *due_prev;
    uint64_t bytes_in;
    uint32_t segs_in, segs_out;

    /* Data that leave. */
    struct sendq snd;        /* from SND.UNA on */
    uint32_t cwnd, ssthresh; /* bytes */
    uint64_t bytes_out, bytes_acked;
    net_time min_rtt_at;

    /* Loss (tcp_recovery.c). */
    struct tcp_board board;  /* what is in flight */
    struct tcp_rack rack;
    tcp_seq recover;         /* SND.NXT when the trouble began; RecoveryPoint */
    uint32_t lost_bytes;     /* believed lost since the last ACK */
    uint16_t snd_mss;        /* payload of a full segment, options taken off */
    uint8_t ca_state;        /* enum tcp_ca_state */
    uint8_t dup_acks;
    uint8_t cc;
    uint8_t backoff;         /* doublings of the RTO */
    uint8_t tos, ttl;

    /* Rates. */
    net_time rto_at;         /* when RFC 6298's timer ends; rtx_at may come before it */
    net_time reorder_at;     /* when RACK looks again */
    uint64_t delivered;      /* bytes, in all */
    uint64_t delivered_segs; /* and segments */
    net_time delivered_at, first_sent_at; /* for the delivery rate */
    uint64_t app_limited;    /* delivered, when all that was sent with too little to send is; 0 */
    uint64_t pacing_rate;    /* bytes a second, as the controller wishes; 0: no wish */
    net_time pace_at;        /* the next segment may leave */
    net_time last_sent;      /* when something that takes sequence space last left */
    net_time rtx_since;      /* when the oldest unanswered transmission was first sent */
    net_time timed_at;       /* when timed_seq was sent */
    net_time sampled_at;     /* when the last round trip was measured */
    tcp_seq timed_seq;
    uint32_t rcvbuf, sndbuf; /* limits, bytes */
    struct tcp_patience patience;
    struct tcp_path path;
    int16_t error, soft_error; /* positive errno values */
    uint16_t peer_mss;       /* as the peer offered it */
    uint8_t timeouts;        /* in a row, without progress */
    bool rate_is_app_limited; /* delivery_rate was taken with too little to send: a lower bound */
    uint32_t delivery_rate;  /* the last sample that counts, in units of TCP_RATE_UNIT; 0: none yet */
    uint64_t round_end;      /* bytes delivered when the round trip began */
    struct cc_state cc_state;

    /* The beginning and the end. */
    tcp_seq iss, irs, fin_seq;
    tcp_seq snd_fin;         /* number of our FIN, once fin_sent */
    struct tcb *queue_next;  /* accept queue */
    struct tcp_fo_req *fo;   /* while a Fast Open request of the peer is pending */
    struct tcb *orphan_older, *orphan_newer; /* blocks whose user has gone, by age */
    net_time detached_at;
    struct tcp_rare *rare;   /* see there; NULL: it has never been written */
};
static_assert(sizeof(struct tcb) % 128 == 64, "an odd number of lines");
static_assert(offsetof(struct tcb, conn.timer) == 1 * 64, "the key is a line");
static_assert(offsetof(struct tcb, last_ack_sent) == 2 * 64 - 4, "numbers behind it");
static_assert(offsetof(struct tcb, delayed) == 2 * 64 + 7, "the flags are a word with it");
static_assert(offsetof(struct tcb, rcv) == 3 * 64, "two lines for each segment");
static_assert(offsetof(struct tcb, srtt) == 5 * 64, "six for data that arrive");
static_assert(offsetof(struct tcb, snd) == 6 * 64, "and the rest for those that leave");
static_assert(offsetof(struct tcb, iss) == 14 * 64, "but for the last line");

/** tcp_rare - to be read. */
static inline const struct tcp_rare *tcp_rare(const struct tcb *t)
{
    return t->rare != NULL ? t->rare : &tcp_rare_none;
}

struct tcp_stats {
    uint64_t segs_in, segs_out, rsts_out, rtx_segs;
    uint64_t opened_active, opened_passive, aborted, failed, timed_out;
    uint64_t syns, syn_acks, cookies_sent, cookies_ok, cookies_bad, evicted, accept_full;
    uint64_t challenges, challenges_held_back, time_wait_reused, time_wait_evicted, orphans_evicted;
    uint64_t fast_rtx, timeouts, ooo_segs, paws_drops, delayed_acks, zero_window_probes, keepalives;
    uint64_t tail_probes, undos, dsacks_in, dsacks_out;
    uint64_t mtu_probes, mtu_probes_ok, mtu_probes_lost, mtu_black_holes;
    uint64_t packed, unpacked;
};

struct tcp_idle; /* tcp_idle.h */

enum { TCP_FO_REQ_SIZE = 32, TCP_FO_PEER_SIZE = 96 };
struct tcp_fo_req;
struct tcp_fo_peer;

struct tcp_fo {
    struct siphash_key key[2]; /* the one that makes cookies, and the one before it */
    net_time key_since;
    bool has_key;
    uint8_t silent, darks;     /* SYNs unanswered in a row; pauses for all servers in a row */
    net_time dark_until;       /* no Fast Open at all until then */
    struct slab reqs, peers;
    struct tcp_fo_req *rst_first, *rst_last;
    struct hash by_addr;       /* of peers */
    struct tcp_fo_peer *oldest, *newest;
    struct {
        uint64_t offers, accepted, bad_cookies, overflows; /* server */
        uint64_t sent, failed, black_holes;                /* client */
    } stats;
};

/* Who spoke lately: a connection by what its segments show first (tcp_demux.c). */
struct tcp_flow {
    struct tcb *t;
    uint32_t ports, remote;
};

enum { TCP_FLOWS = 128 };

/* A hash that tcp_ahead() has computed, by what it is of. */
struct tcp_memo {
    uint64_t words[2];
    uint32_t hash;
};

enum { TCP_MEMOS = 32 };

struct tcp {
    struct core *c;
    struct ip_layer *ip;
    struct tcp_config cfg;
    bool never_predicts;                /* for a test: each segment takes the long way */
    uint64_t predicted;                 /* segments that did not */
    struct timer_wheel wheel;
    struct tcp_flow flows[TCP_FLOWS];
    struct tcp_memo memo[TCP_MEMOS];
    struct hash table, listeners;       /* by four-tuple, by local port */
    struct slab tcbs, rares, halves, tws, listener_pool, hole_pool, sent_pool, lent_pool;
    struct slab idles, idle_larges, idle_models;
    struct recvq_pool kept;             /* packets in receive queues */
    struct {
        net_time at;
        uint32_t now, before;           /* bytes of long segments, at this moment and the one before */
    } burst;
    struct timer_wheel idle_wheel;      /* of idle_larges, and of the next */
    struct {
        struct timer timer;
        net_time wait;                  /* between the round before and this one */
        uint32_t at;                    /* blocks with lower numbers are still to be looked at */
        bool is_lively;                 /* some were packed, or had spoken lately */
    } rest;                             /* tcp_timer_rest.c */
    uint32_t idle_hand, idle_orphans;   /* the next place to look at; packed, and without a user */
    /* The connection of @owner is a full block now, or it rests: one of the two. Set by the user. */
    void (*moved)(void *ctx, uint32_t owner, struct tcb *t, struct tcp_idle *i);
    void (*ahead)(void *ctx, uint32_t owner); /* moved() will be called soon: fetch what it needs */
    void *moved_ctx;
    uint32_t *port_users;               /* established and TIME-WAIT connections per local port */
    uint16_t port_next[16];             /* RFC 6056 section 3.3.4 */
    /* Connections that data come in for: in this period, and in the one before. */
    struct {
        uint32_t period, now, before;
    } rcv_busy;
    struct tcb *due_first, *due_last;   /* output due, served in turn */
    struct tcp_half *half_due, *half_due_last, *half_oldest, *half_newest;
    struct tcb *orphan_oldest, *orphan_newest;
    struct tcp_tw *tw_due, *tw_oldest, *tw_newest;
    net_time cookie_sent;               /* when the last SYN cookie left */
    struct pktq replies;                /* resets, SYN cookies: segments of no connection */
    struct siphash_key isn_key, port_key, ts_key, cookie_key;
    struct tcp_fo fo;
    struct tcp_stats stats;
};

/* ---- setting up, by net.c ---- */
void tcp_config_default(struct tcp_config *cfg);
void tcp_cut(struct tcp *tcp, const struct tcp_config *cfg, struct region *r);
void tcp_init(struct tcp *tcp, struct core *c, struct ip_layer *ip);

/** tcp_input - a segment: p->l4 at its header, p->src, dst, l3_cast filled (RFC 9293 3.10.7). */
enum verdict tcp_input(struct tcp *tcp, struct pkt *p);
/** tcp_input_error - an ICMP error about a segment of ours (RFC 9293 3.9.2.2, RFC 5927). */
enum verdict tcp_input_error(struct tcp *tcp, const struct ip_error *e);
/* A segment that will come in soon, on its way to what it needs from memory. */
struct tcp_ahead {
    uint32_t hash;
    struct hash_node *at; /* in the chain */
};
/**
 * tcp_ahead, tcp_ahead_block, tcp_ahead_next, tcp_ahead_user - fetch what a segment of @id will need.
 *
 * Step by step, unless it spoke lately: the slot of the table; the first record of the chain; the second, if that is for another
 * one, or the rest of a full block; what the user keeps of one that rests. Each looks at what the one
 * before has asked for: between them there should be enough other work for it to be there, as the same
 * step for fifteen others.
 * Return: the first: is there anything to be fetched?
 */
bool tcp_ahead(struct tcp *tcp, const struct tcp_id *id, struct tcp_ahead *a);
void tcp_ahead_block(const struct tcp *tcp, struct tcp_ahead *a);
void tcp_ahead_next(struct tcp_ahead *a);
void tcp_ahead_user(const struct tcp *tcp, const struct tcp_ahead *a);
/** tcp_idle_count - connections that rest. */
static inline uint32_t tcp_idle_count(const struct tcp *tcp)
{
    return tcp->idles.used + tcp->idle_larges.used + tcp->idle_models.used;
}
/** tcp_is_wide - are there so many connections that most of them are not in the cache? */
static inline bool tcp_is_wide(const struct tcp *tcp)
{
    return tcp->tcbs.used + tcp_idle_count(tcp) > 1024;
}
/** tcp_output - hand at most @max segments that are due to IP. Return: how many. */
uint32_t tcp_output(struct tcp *tcp, uint32_t max);
bool tcp_output_due(const struct tcp *tcp);
/** tcp_trace_out - segment @p has become a frame: trace it, and the arrow it shows (net.c calls). */
void tcp_trace_out(struct tcp *tcp, const struct pkt *p);
/** tcp_trace_unseen - @p, which carries a note, will never be a frame (net_drop calls). */
void tcp_trace_unseen(struct core *c, const struct pkt *p);
/** tcp_tick_due - let time pass to @now. Return: whether tcp_tick() must be called. */
static inline bool tcp_tick_due(struct tcp *tcp, net_time now)
{
    bool talks = timer_due(&tcp->wheel, now), rests = timer_due(&tcp->idle_wheel, now);

    return unlikely(talks || rests || tcp->cfg.full_idle == 0);
}
void tcp_tick(struct tcp *tcp, net_time now);
net_time tcp_deadline(const struct tcp *tcp);

/* ---- the user's calls (RFC 9293 section 3.10.1-6), for the session layer ---- */

struct tcp_open {
    struct ip_addr local, remote; /* local IP_ADDR_ANY: chosen */
    uint16_t lport, rport;        /* lport 0: chosen (RFC 6056) */
    uint32_t owner;               /* of struct ready */
    uint32_t sndbuf, rcvbuf;      /* 0: the host's default */
    uint16_t maxseg;              /* 0: from the MTU */
    uint8_t tos, ttl, cc;         /* ttl 0: default; cc 0xff: default */
    bool nodelay, reuse, oob_inline;
    struct tcp_patience patience;
    uint32_t backlog;             /* passive; 0: default */
    uint32_t fo_qlen;             /* passive: Fast Open requests that may be pending; 0: none */
    bool fastopen, defer;         /* active: with Fast Open; and the SYN waits for data where it can */
};

/** tcp_open_passive - LISTEN. Errors: -EADDRINUSE, -EADDRNOTAVAIL, -ENOBUFS. */
int tcp_open_passive(struct tcp *tcp, const struct tcp_open *o, struct tcp_listener **out);
/** tcp_open_active - SYN-SENT; the result comes as readiness. Errors: -EADDRINUSE, -EADDRNOTAVAIL,
 * -ENETUNREACH, -EINVAL, -ENOBUFS. */
int tcp_open_active(struct tcp *tcp, const struct tcp_open *o, struct tcb **out);
/** tcp_accept - the connection that waits longest, now @owner's; NULL if none. */
struct tcb *tcp_accept(struct tcp_listener *l, uint32_t owner);
/** tcp_listen_close - children not yet accepted are reset (RFC 9293 section 3.10.4). */
void tcp_listen_close(struct tcp_listener *l);
/** tcp_port_in_use - may @lport at @local not be bound? @reuse: TIME-WAIT does not count. */
bool tcp_port_in_use(const struct tcp *tcp, struct ip_addr local, uint16_t lport, bool reuse);

/** tcp_send - Return: bytes taken, or -EAGAIN, -EPIPE, -ENOTCONN, or the pending error, negative. */
int tcp_send(struct tcb *t, const uint8_t *bytes, size_t len, bool more);
/** tcp_send_urgent - as tcp_send, and the last byte taken is urgent (RFC 9293 section 3.8.5). */
int tcp_send_urgent(struct tcb *t, const uint8_t *bytes, size_t len);
/** tcp_send_reserve - room to write into, in one piece. Return: bytes, errors as tcp_send. */
int tcp_send_reserve(struct tcb *t, size_t want, struct mspan *out);
int tcp_send_commit(struct tcb *t, size_t len, bool more);
/** tcp_send_ref - send @what from where it lies: all of it, whatever its length, where there is any room.
 * Return: its length; or errors as tcp_send, -ENOBUFS no record is left, and it remains the caller's. */
int tcp_send_ref(struct tcb *t, const struct lent *what, bool more);
/** tcp_nodelay - without Nagle from now on, or with it; what it held back is due at once. */
void tcp_nodelay(struct tcb *t, bool on);
/** tcp_cork - every write says that more will follow, until the cork is taken out; what it held back
 * is due then. The override timer ends the wait after one RTO, 200 ms at least. */
void tcp_cork(struct tcb *t, bool on);
/** tcp_patience_set - how long to wait for the peer, from now on. */
void tcp_patience_set(struct tcb *t, const struct tcp_patience *p);
/** tcp_set_bufs - sizes in bytes that the user wants, 0: as before. They do not grow any more. */
void tcp_set_bufs(struct tcb *t, uint32_t sndbuf, uint32_t rcvbuf);
/** tcp_quickack - the next ACKs are not delayed, or they are; what was held back is due at once. */
void tcp_quickack(struct tcb *t, bool on);
/** tcp_recv_peek - received bytes, as many as lie in two pieces; all of them when it is asked again and
 * nothing was consumed. Return: bytes that can be read; 0: end of stream; -EAGAIN, -ENOTCONN, or the
 * pending error. */
int tcp_recv_peek(struct tcb *t, struct span out[2]);
/** tcp_recv_copy - copy up to @len received bytes, not across the mark of urgent data; they are still there.
 * Return: bytes; else as tcp_recv_peek. */
int tcp_recv_copy(struct tcb *t, uint8_t *bytes, size_t len);
/** tcp_recv_urgent - the urgent byte that is left out of the stream. Return: 1; -EAGAIN it has not come
 * yet; -EINVAL there is none, or it is read in line. */
int tcp_recv_urgent(struct tcb *t, uint8_t *byte, bool peek);
/** tcp_recv_consume - @len bytes have been read; the window may open. */
void tcp_recv_consume(struct tcb *t, size_t len);
/** tcp_shutdown_send - CLOSE of the sending half: a FIN follows the data. Errors: -ENOTCONN. */
int tcp_shutdown_send(struct tcb *t);
/** tcp_shutdown_recv - what still comes is acknowledged and thrown away. */
void tcp_shutdown_recv(struct tcb *t);
/** tcp_close - the user goes: FIN, or RST if received bytes are unread (RFC 2525 section 2.17).
 * @linger: give up and reset after this long; NET_NEVER: as long as there is progress. */
void tcp_close(struct tcb *t, net_time linger);
/** tcp_abort - RST, and the block is gone. */
void tcp_abort(struct tcb *t);

/** tcp_unpack - a full block takes the place of @i, which is gone. Return: it; NULL: none is left. */
struct tcb *tcp_unpack(struct tcp *tcp, struct tcp_idle *i);
/** tcp_idle_abort - tcp_abort for a connection that rests. */
void tcp_idle_abort(struct tcp *tcp, struct tcp_idle *i);
/** tcp_idle_is_at_end - has the peer closed its side (CLOSE-WAIT)? */
bool tcp_idle_is_at_end(const struct tcp_idle *i);
/** tcp_idle_id - who talks to whom. */
struct tcp_id tcp_idle_id(const struct tcp_idle *i);

static inline enum tcp_state tcp_state(const struct tcb *t) { return (enum tcp_state)t->conn.state; }
const char *tcp_state_name(enum tcp_state s);
/** tcp_arrow_at - row @i of the table of arrows, for documents. Return: false beyond the last. */
bool tcp_arrow_at(unsigned i, enum tcp_state *from, enum tcp_state *to, const char **cause);
/** tcp_readable - is there anything for tcp_recv_peek: bytes, end of stream, an error? */
bool tcp_readable(const struct tcb *t);
/** tcp_writable - room to send, or an error to report, and not in the middle of a handshake. */
bool tcp_writable(const struct tcb *t);
/** tcp_is_urgent - has the peer sounded an alarm that the user has not followed yet? */
bool tcp_is_urgent(const struct tcb *t);
/** tcp_urgent_left - bytes to be read until nothing is urgent any more (MUST-33); perhaps not all of
 * them have come. */
uint32_t tcp_urgent_left(const struct tcb *t);
/** tcp_urgent_stop - bytes after which a read must stop, in front of the mark; UINT32_MAX: none. */
uint32_t tcp_urgent_stop(const struct tcb *t);
/** tcp_at_mark - is the last urgent byte the next one to be read? */
bool tcp_at_mark(const struct tcb *t);
/** tcp_fo_limit - how many Fast Open requests may be pending at @l; 0: none there. */
uint32_t tcp_fo_limit(const struct tcp *tcp, const struct tcp_listener *l);
/** tcp_fo_ready - would a SYN to @id carry data (RFC 7413)? */
bool tcp_fo_ready(const struct tcp *tcp, const struct tcp_id *id);
/** tcp_is_over - both directions are done or the connection failed. */
bool tcp_is_over(const struct tcb *t);
/** tcp_take_error - the pending error as a positive errno value, cleared; 0 if none. */
int tcp_take_error(struct tcb *t);

/* A timer of a connection that runs. */
struct tcp_timer_info {
    const char *name; /* rto tlp reorder persist delack finwait2 linger keepalive pacing */
    net_time left;
};
enum { TCP_TIMERS = 6 };

/* One line of `stackctl sock`. */
struct tcp_status {
    struct tcp_id id;
    enum tcp_state state;
    uint32_t owner;
    uint32_t snd_queue, rcv_queue, in_flight; /* bytes */
    uint32_t snd_wnd, rcv_wnd, cwnd, ssthresh, mss, pmtu;
    uint32_t mtu_low, mtu_high; /* payload, while a search for the path's MTU goes on; 0 */
    uint32_t sndbuf, rcvbuf, rcv_space; /* limits now; what the user takes in one round trip */
    uint8_t snd_wnd_shift, rcv_wnd_shift;
    net_time srtt, rttvar, rto, min_rtt, rcv_rtt;
    uint8_t quick_acks;
    bool has_ts, has_sack, has_wscale, has_ecn, ecn_seen;
    uint32_t ce_in, ece_in;
    enum tcp_ca_state ca_state;
    uint32_t out_segs, sacked_segs, lost_segs, rtx_segs_now; /* in flight, and what became of them */
    uint32_t dsacks_in, undos, reordering;
    uint64_t delivered, delivery_rate, pacing_rate; /* bytes; bytes a second */
    bool fo_data, fo_cookie_sent; /* data of a SYN were taken; our SYN carried the option or data */
    const char *cc;
    const char *timer;  /* on, persist, keepalive, timewait, ...; "" if none */
    net_time timer_left;
    uint8_t timer_tries; /* timeouts or probes without an answer, as ss shows them */
    uint8_t probes;      /* window probes and keep-alives without an answer */
    uint32_t urgent_in, urgent_out; /* bytes to the end of what is urgent: to be read, to be acknowledged */
    int soft_error;      /* retransmissions or ICMP tell of trouble; positive errno value, or 0 */
    net_time user_timeout; /* 0: none */
    uint8_t backoff;
    uint64_t bytes_in, bytes_out, bytes_acked, rtx_bytes, delivered_segs;
    uint32_t segs_in, segs_out, rtx_segs;
    struct tcp_timer_info timers[TCP_TIMERS];
    unsigned timer_count;
    struct cc_fact facts[CC_FACTS]; /* what the controller believes */
    unsigned fact_count;
    uint32_t not_sent;      /* bytes in the send queue that were never sent */
    uint32_t snd_lent;      /* bytes of it that the user lends, and that no copy was made of */
    uint32_t snd_mem, rcv_mem, mem; /* bytes of memory: both buffers, and the record itself */
    uint32_t ooo_ranges, ooo_bytes; /* received out of order, and waiting for what is missing */
    uint32_t adv_mss, peer_mss;     /* as we offered it, as the peer did */
    uint32_t dup_in;                /* segments that brought nothing */
    uint32_t reo_window;            /* RACK: quarters of a round trip that reordering may take */
    net_time ato;                   /* an ACK may be delayed for so long */
    net_time last_snd, last_rcv;    /* since something that takes sequence space left, and came */
    bool nodelay, corked, app_limited, is_packed, is_orphan, in_accept_queue;
    bool rate_is_app_limited;       /* delivery_rate is a lower bound: there was too little to send */
    tcp_seq snd_una, snd_nxt, rcv_nxt, iss, irs; /* of a connection whose cc is not NULL, */
    uint32_t ts_recent;                          /* and the peer's last timestamp */
};
/** tcp_each - visit all connections of any kind; @*at starts at 0. Return: false at the end. */
bool tcp_each(const struct tcp *tcp, uint32_t *at, struct tcp_status *info);
/** tcp_each_id - as tcp_each(), who talks to whom in which state and no more, at most @steps slots of the
 * table. Return: whether one was found; *@at UINT32_MAX: the end. */
bool tcp_each_id(const struct tcp *tcp, uint32_t *at, uint32_t steps, struct tcp_id *id,
                 enum tcp_state *state);
/** tcp_status_of - about the connection @id. Return: whether there is one. */
bool tcp_status_of(const struct tcp *tcp, const struct tcp_id *id, struct tcp_status *info);
/** tcp_status - about one connection. */
void tcp_status(const struct tcb *t, struct tcp_status *info);

#endif
