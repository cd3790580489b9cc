/*
 * run.h - a script walks along the tree and talks to a host that was made for it.
 *
 * Time is virtual. An event of the script happens at its moment; between two of them the host is
 * called at each of its deadlines, so a script of ten minutes runs in a millisecond, and the moment
 * of every packet is exact. Each script has its own struct net in fresh memory, nothing is shared.
 *
 * Names used here. A *flow* is one connection as the script sees it: a peer, two ports, and what is
 * needed to map the script's numbers to live ones. A *seen* packet is one that the host has sent,
 * taken apart by our own decoder (seen.c), which knows nothing of the stack's. The *wire* (wire.c)
 * is where frames wait: it answers ARP itself, applies the rules of `fault`, and keeps what the
 * script has not looked at yet.
 *
 * Errors: the first one ends the run. Functions that can fail return false after run_fail().
 */
#ifndef STACKDRILL_RUN_H
#define STACKDRILL_RUN_H

#include <stdio.h>

#include "expr.h"
#include "l1_physical/capture.h"
#include "net.h"
#include "script.h"
#include "settings.h"

enum {
    RUN_FLOWS = 512,
    RUN_FDS = 512,
    RUN_FAULTS = 16,
    RUN_TRACE = 200, /* last events kept for the message */
    RUN_TS_MAP = 4096,
    RUN_NAMES = 256,
    RUN_ROWS = 48,
    RUN_STUCK = 100000 /* calls without time passing that mean a bug */
};
#define RUN_START   NET_SEC(10)      /* the host's clock when the script's is 0, unless near_wrap */
#define RUN_WRAP    (UINT32_MAX - 2) /* where sequence numbers begin then */
#define RUN_TIMEOUT NET_SEC(2)       /* waited for a packet beyond its time, as packetdrill does */
#define RUN_FOREVER NET_SEC(100000)

/* What is checked beyond the original, and can be switched off: --lax=NAME,... */
enum run_lax {
    LAX_CHECKSUM = 1,
    LAX_PAYLOAD = 2,
    LAX_ECR = 4,
    LAX_SILENCE = 8,
    LAX_LEAK = 16,
    LAX_ARROWS = 32,
    LAX_PUSH = 64 /* of the original's checks: Linux pushes at the end of each burst */
};

/* From the command line and the head of the script. */
struct run_options {
    uint32_t local_ip, remote_ip;
    uint8_t prefix;
    uint16_t mtu, mss, bind_port, connect_port;
    net_time tolerance;
    uint32_t tolerance_percent10; /* tenths of a percent */
    uint32_t ts_tick_us;          /* 0: TS values are not compared */
    bool ts_ecr_scaled, strict_segments, ignore_commands, is_v6;
    bool near_wrap;                /* both sides begin at RUN_WRAP */
    bool soft_packets, soft_calls; /* --non_fatal */
    unsigned lax;                  /* enum run_lax */
    unsigned verbose;
    bool dry_run;
    uint64_t seed;
    const char *pcap, *trace;
    const char *settings; /* a file, NULL: none */
};

struct run_bytes {
    uint8_t *p;
    size_t len, cap;
};

/* One connection as the script sees it. */
struct run_flow {
    const struct script_peer *peer; /* NULL: the usual one */
    bool is_used, is_udp;
    uint32_t remote_ip;
    uint16_t local_port, remote_port; /* 0: not known yet */
    bool has_remote, has_local;       /* the first SYN of that side was seen */
    uint32_t remote_iss;              /* live; the script's, unless near_wrap */
    uint32_t local_iss, local_script; /* live and the script's */
    uint32_t syn_seq;                 /* of the last inbound SYN */
    uint32_t ts_count, ts_script[RUN_TS_MAP], ts_live[RUN_TS_MAP];
    struct run_bytes sent; /* what was written to the stream, from its first byte */
    uint64_t received;     /* bytes read from the stream */
    uint32_t flowlabel;
};

/* A descriptor of the script. */
enum run_fd_kind { RUN_FD_FREE, RUN_FD_SOCK, RUN_FD_EPOLL };
struct run_fd {
    enum run_fd_kind kind;
    int fd; /* script's number */
    int sd; /* live socket, or poll set */
    bool is_udp, is_nonblocking, is_listening;
    bool wants_tos, wants_ttl;         /* control messages of recvmsg() */
    net_time rcv_timeout, snd_timeout; /* of calls that wait, 0: none */
    uint16_t port;                     /* bound to */
    struct run_flow *flow;             /* NULL: none yet */
};

/* A frame that the host sent and the script has not looked at: the IP datagram. */
struct run_frame {
    struct run_frame *next;
    net_time t;
    uint64_t number;
    size_t len;
    uint8_t bytes[];
};

/* A rule of the bad wire. */
struct run_fault {
    const struct script_fault *rule;
    uint32_t met; /* packets that fitted so far */
};

/* A frame on its way in, delayed. */
struct run_late {
    struct run_late *next;
    net_time at;
    size_t len;
    uint8_t bytes[];
};

/* One line of the comparison of two packets. */
struct run_row {
    char name[20], expected[120], seen[120];
    bool differs, is_shown;
};

struct run_name {
    const char *name;
    int64_t number;
};

struct run {
    struct run_options opt;
    const struct script *script;
    struct net net;
    void *memory;
    size_t memory_len;
    net_time now, start; /* start: the host's clock when the script's is 0 */
    uint32_t stuck;      /* calls of the host since time last passed */
    net_time previous;   /* moment of the previous event, for tolerances in percent */

    struct run_flow *flows[RUN_FLOWS];
    size_t flow_count;
    struct run_flow *current; /* of the usual peer: the socket under test */
    uint32_t first_iss;       /* the host's, of the first connection */
    uint32_t remote_shift;    /* of its live sequence numbers against the script's */
    struct run_fd fds[RUN_FDS];
    size_t fd_count;
    struct run_fd *under_test; /* the latest socket(), NULL: none */
    uint16_t next_port;
    uint8_t strays[65536 / 8]; /* a bit for each remote port given by hand: answers are not seen */

    struct run_frame *out_first, *out_last;
    struct run_late *late;
    struct run_fault faults[RUN_FAULTS];
    size_t fault_count;
    uint64_t chance; /* state of the dice of `chance` */
    uint16_t ip_id;

    const struct script_event *event; /* being run */
    unsigned line;                    /* of a command outside the events, 0: none */
    const struct run_flow *focus;     /* the connection that the event is about */
    struct run_call *blocked_call;
    net_time blocked_since;

    struct expr_env *env;
    struct run_name names[RUN_NAMES];
    size_t name_count;

    struct trace_ev trace[RUN_TRACE];
    uint64_t trace_count;
    FILE *trace_file;
    struct capture *capture;

    bool failed;
    char *message; /* of the first error */
    size_t message_len;
    struct run_row rows[RUN_ROWS]; /* of the last comparison */
    size_t row_count;
};

/* ---- run.c ---- */

/** run_options_default - as packetdrill's, but without tolerance. */
void run_options_default(struct run_options *o);
/** run_option - one option by its name, from the command line or a script's head.
 * Return: NULL, or what is wrong with it (constant text). */
const char *run_option(struct run_options *o, const char *name, const char *value);
/**
 * run_script - run a tree against a fresh host.
 * @message: receives the message of the first error, to be freed; NULL when there is none
 *
 * Return: whether the script holds.
 */
bool run_script(const struct script *s, const struct run_options *o, char **message);
/** run_step - let the next thing happen that is due until @until.
 * Return: false when there was none (it is @until now), or something failed. */
bool run_step(struct run *r, net_time until);
/** run_until - let time pass to @until. Return: false when something failed on the way. */
bool run_until(struct run *r, net_time until);
/** run_tolerance - how far a time may be off for the event being run. */
net_time run_tolerance(const struct run *r, net_time expected);
/** run_due - when an event of the script happens. */
net_time run_due(const struct run *r, const struct script_event *e);

/** run_fail - keep the message of the first error, with file, line, packets and trace.
 * Return: false. */
bool run_fail(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** run_fail_packets - the same, with both packets field by field from r->rows. */
bool run_fail_packets(struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void run_trace_event(void *ctx, const struct trace_ev *ev);
/** run_seconds - "1.000100" of a moment of the host's clock; @buf has 32 bytes. Return: @buf. */
const char *run_seconds(const struct run *r, net_time t, char *buf);

/* ---- wire.c ---- */
bool wire_up(struct run *r, const struct net_config *cfg);
void wire_down(struct run *r);
/** wire_pump - take what the host sends now. */
void wire_pump(struct run *r);
/** wire_in - give the host an IP datagram, by the rules of the wire. */
void wire_in(struct run *r, const uint8_t *bytes, size_t len);
/** wire_deadline - when a delayed frame arrives, NET_NEVER: none. */
net_time wire_deadline(const struct run *r);
/** wire_deliver - hand over what was delayed until now. */
void wire_deliver(struct run *r);
/** wire_next - the oldest frame that the script should look at, taken off; NULL: none. */
struct run_frame *wire_next(struct run *r);

/* ---- flow.c ---- */
/** flow_of - the flow that a packet line refers to; made when there is none. */
struct run_flow *flow_of(struct run *r, const struct script_event *e);
/** flow_new - a flow with @peer, or NULL after run_fail(). */
struct run_flow *flow_new(struct run *r, const struct script_peer *peer);
/** flow_find - by addresses and ports of a packet of the host; NULL: none. */
struct run_flow *flow_find(struct run *r, uint32_t remote_ip, uint16_t local, uint16_t remote);
uint32_t flow_remote_ip(const struct run *r, const struct script_peer *peer);
/** flow_status - what the stack knows about it. Return: false when there is no connection. */
bool flow_status(struct run *r, const struct run_flow *f, struct tcp_status *s);
/** flow_pattern - the byte at an offset of every stream that no script wrote by hand. */
static inline uint8_t flow_pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + 1);
}
void run_bytes_add(struct run_bytes *b, const uint8_t *bytes, size_t len);
void flow_ts_learn(struct run_flow *f, uint32_t script, uint32_t live);

/* ---- value.c ---- */
/** run_value - the number of a value, names resolved. */
bool run_value(struct run *r, const struct script_value *v, int64_t *number);
void run_keep(struct run *r, const char *name, int64_t number);
bool run_lookup(void *arg, const char *name, int64_t *number);

/* ---- packet_in.c, packet_out.c ---- */
bool packet_in(struct run *r, const struct script_event *e);
bool packet_out(struct run *r, const struct script_event *e);

/* ---- seen.c ---- */
struct seen {
    net_time t;
    const uint8_t *bytes;
    size_t len;
    uint32_t src, dst;
    uint8_t hdr_len, tos, ttl, proto;
    uint16_t total, id;
    uint32_t frag_off;
    bool df, mf, ip_sum_ok, l4_sum_ok, is_short;
    uint16_t sport, dport, win, urg, flags, icmp_id, icmp_mtu;
    uint32_t seq, ack;
    const uint8_t *options;
    size_t options_len;
    const uint8_t *payload;
    size_t payload_len;
    uint8_t type, code;
};
/** seen_decode - take a datagram apart. */
void seen_decode(struct seen *s, const uint8_t *bytes, size_t len, net_time t);
/** seen_text - one line about it, as a script would write it. */
void seen_text(const struct run *r, const struct seen *s, const struct run_flow *f, char *buf,
               size_t cap);
/** seen_options_text - `<mss 1460,nop>`. */
void seen_options_text(const struct seen *s, char *buf, size_t cap);

/* ---- calls.c and its neighbours ---- */

/* A call being made. */
struct run_call {
    const struct script_event *event;
    const struct script_call *call;
    bool is_retry;     /* it blocked before */
    bool may_block;    /* the descriptor is in blocking mode */
    size_t done;       /* bytes so far, of a blocking write, or read with MSG_WAITALL */
    net_time deadline; /* of calls with a timeout: NET_NEVER none */
    const struct run_flow *lingers; /* what close() waits for */
    char out_error[256]; /* an argument the call filled in is not as expected; "" if it is */
};
/* What a call returns besides a number or -errno. */
#define RUN_BLOCKS INT64_MIN
#define RUN_BAD    (INT64_MIN + 1) /* run_fail() was called */

typedef int64_t run_call_fn(struct run *r, struct run_call *c);
bool call_event(struct run *r, const struct script_event *e);
/** call_retry - something happened: does the blocked call return now? */
bool call_retry(struct run *r);
void call_close_all(struct run *r);
/** call_flow_begin - socket @f begins a connection, or datagrams, to @to. Return: false: too many flows. */
bool call_flow_begin(struct run *r, struct run_fd *f, const struct sock_addr *to);
/** call_block - the call has to wait, at most @timeout (0: for ever).
 * Return: RUN_BLOCKS, or @over when the time is over. */
int64_t call_block(struct run *r, struct run_call *c, net_time timeout, int64_t over);
/** call_address - read {sa_family=AF_INET, sin_port=..., sin_addr=...} into @out, which keeps what is
 * not named, all of it for `...`. Return: false after run_fail(). */
bool call_address(struct run *r, const struct script_arg *a, struct sock_addr *out);
struct run_fd *call_fd(struct run *r, int fd);
/** call_int - argument @i as a number. Return: false after run_fail(). */
bool call_int(struct run *r, struct run_call *c, size_t i, int64_t *v);
bool call_arg_int(struct run *r, const struct script_arg *a, int64_t *v);
bool call_flags(struct run *r, struct run_call *c, size_t i, int64_t *v);
/** call_sock - the socket of argument 0. Return: NULL, with -EBADF meant. */
struct run_fd *call_sock(struct run *r, struct run_call *c);
run_call_fn *call_data_find(const char *name);
run_call_fn *call_opt_find(const char *name);
run_call_fn *call_poll_find(const char *name);

/* ---- facts.c ---- */
bool fact_check(struct run *r, const struct script_event *e);
/** fact_value - a number known of the connection under test: state excepted, script's names. */
bool fact_value(struct run *r, const struct run_flow *f, const char *name, int64_t *v);
/** fact_read_offset - how many bytes of the stream the user of @f has behind him, modulo 2^32. */
bool fact_read_offset(struct run *r, const struct run_fd *f, uint32_t *offset);
bool fact_tcpi(void *arg, const char *name, int64_t *v);

#endif
