/*
 * peer.h - one host under test, and a peer made by hand, in virtual time.
 *
 * H is 10.0.0.2, the peer 10.0.0.1. What the peer sends is built by libnet, what H sends is read by
 * decode.c, so neither end of a test is the stack's own encoder or parser. A test reads like a
 * packetdrill script:
 *
 *     peer_begin(&k);
 *     int listener = peer_listen(&k, 0);
 *     say(&k, .flags = "S", .win = 1000, .opts = "mss 1460");
 *     expect_tcp(&k, .flags = "S.", .ack = 1);
 *     say(&k, .flags = ".", .seq = 1, .ack = 1, .win = 1000);
 *     int sd = peer_accept(&k, listener);
 *     ...
 *     peer_end(&k);
 *
 * Sequence numbers are relative: those of the peer to k->peer_iss, those of H to the ISS of the
 * first SYN of H that was expected since peer_tuple(). What H asks by ARP is answered by itself. No
 * frame of H may be left unexpected: whoever advances time or speaks while one waits must have
 * expected it before, unless peer_forget() was called; peer_end() demands that everything has been
 * given back.
 *
 * TWICE(fn) defines fn_near_wrap, the same test with both ISSs just below 2^32.
 */
#ifndef STACKD_CONFORMANCE_PEER_H
#define STACKD_CONFORMANCE_PEER_H

#include <errno.h>
#include <string.h>

#include "decode.h"
#include "net.h"
#include "t.h"

enum { PEER_IP = 0x0a000001, H_IP = 0x0a000002, PEER_FRAMES = 8192, PEER_SOCKS = 64 };
enum { PEER_PORT = 40000, H_PORT = 80 };

struct libnet_context;

struct peer {
    struct net net;
    void *memory;
    net_time now;
    struct libnet_context *libnet;

    /* The connection that say() and expect_tcp() mean. */
    uint32_t peer_ip;
    uint16_t peer_port, h_port;
    uint8_t ifi; /* the interface of H at which the peer speaks */
    uint32_t peer_iss, h_iss;
    bool knows_h_iss;
    bool ts;        /* segments without .opts carry "nop,nop,TS" */
    uint32_t tsval; /* of the next segment of the peer */
    uint32_t tsecr; /* the last TSval of H */

    uint32_t arp_target; /* of the last one */
    bool sees_arp;       /* ARP of H is left to the test, and so are the addresses of frames */
    bool is_held;        /* H may not send now: what comes in meanwhile is one burst */
    uint32_t arp_asked;  /* requests of H, answered by themselves */

    struct seen last;    /* what was expected last */
    struct seen *frames; /* of H, not yet expected */
    size_t first, count;
    int sds[PEER_SOCKS];
    size_t sd_count;
};

/* A segment of the peer. */
struct say {
    const char *flags; /* "S", "S.", "P.", "" ... */
    uint32_t seq, ack; /* relative; is_absolute: not */
    uint16_t win, urp;
    const char *opts; /* "mss 1460,sackOK,TS,nop,wscale 8,eol,hex 0f00" */
    const void *data;
    uint32_t len; /* of data; without data, @len bytes 'x' */
    bool is_absolute;
    bool bad_sum;
    uint8_t data_offset; /* words, where a wrong one is wanted */
    uint32_t src, dst;   /* other addresses than those of the connection */
    bool from_any;       /* the source address is 0.0.0.0 */
    bool to_group;       /* to the Ethernet broadcast address */
    uint8_t ttl, tos;
    const char *ip_opts; /* of IP, in hex, whole words */
};

/* A segment of H. Fields that are 0 are compared too, but for the last ones. */
struct want {
    const char *flags;
    uint32_t seq, ack, len; /* ack: only where flags have '.' */
    bool is_absolute;
    net_time after;   /* H waits exactly so long before it, ns */
    const char *opts; /* NULL: any */
    const void *data; /* NULL: any */
    int win;          /* 0: any; PEER_WIN_0: closed */
};
enum { PEER_WIN_0 = -1 };

/** peer_config - small pools, no address detection. */
void peer_config(struct net_config *cfg);
void peer_begin(struct peer *k);
void peer_begin_with(struct peer *k, const struct net_config *cfg);
/** peer_end - abort what is still open, let everything end, and demand that the pools are full. */
void peer_end(struct peer *k);

/** peer_tuple - from now on another connection is meant, whose SYN of H is not yet known. */
void peer_tuple(struct peer *k, uint16_t peer_port, uint16_t h_port);
/** peer_settle - what happens without time: frames of H are collected, ARP is answered. */
void peer_settle(struct peer *k);
/** peer_advance - time passes. */
void peer_advance(struct peer *k, net_time span);
/** peer_run_to_frame - time passes until H says something, at most @limit. */
void peer_run_to_frame(struct peer *k, net_time limit);
/** peer_forget - what H has sent is of no interest. Return: how many frames. */
size_t peer_forget(struct peer *k);
/** peer_next - the next frame of H, NULL if there is none at this moment. */
struct seen *peer_next(struct peer *k);

void peer_say(struct peer *k, const struct say *s);
void peer_raw(struct peer *k, const uint8_t *frame, size_t len);
bool peer_expect(struct peer *k, const struct want *w, const char *file, int line);
void peer_expect_nothing(struct peer *k, net_time span, const char *file, int line);
/** peer_icmp - an ICMP error about a segment of H with sequence number @seq (relative). */
void peer_icmp(struct peer *k, uint8_t type, uint8_t code, uint16_t mtu, uint32_t seq);

#define say(k, ...)             peer_say((k), &(struct say){__VA_ARGS__})
#define expect_tcp(k, ...)      peer_expect((k), &(struct want){__VA_ARGS__}, __FILE__, __LINE__)
#define expect_nothing(k, span) peer_expect_nothing((k), (span), __FILE__, __LINE__)
#define expect_state(k, name)   T_STR(peer_state(k), (name))

/** peer_state - of the connection that is meant, as design.md writes it; CLOSED if there is none. */
const char *peer_state(struct peer *k);
/** peer_status - more about it. Return: false if there is none. */
bool peer_status(struct peer *k, struct tcp_status *status);
uint64_t peer_drops(const struct peer *k, enum verdict why);

/* Sockets of H. */
int peer_listen(struct peer *k, int backlog);
int peer_accept(struct peer *k, int listener);
int peer_connect(struct peer *k);
void peer_write(struct peer *k, int sd, const void *bytes, size_t len);
/** peer_read - expects exactly @text, and nothing more at this moment. */
void peer_read(struct peer *k, int sd, const char *text);
int peer_recv(struct peer *k, int sd);  /* one byte; or 0, or the error */
int peer_error(struct peer *k, int sd); /* SOCK_OPT_ERROR, positive */

/* States, made from one another; all of them without options but an MSS of 1460. */
int syn_rcvd(struct peer *k);    /* a listener with a half-open connection; returns it */
int established(struct peer *k); /* passive; returns the connection, closes the listener */
int syn_sent(struct peer *k);
int established_active(struct peer *k);
int fin_wait_1(struct peer *k);
int fin_wait_2(struct peer *k);
int close_wait(struct peer *k);
int closing(struct peer *k);
int last_ack(struct peer *k);
int time_wait(struct peer *k);
/** handshake - a passive open with @opts in the SYN, up to the connection in the accept queue. */
void handshake(struct peer *k, const char *opts);

extern bool peer_near_wrap;
#define TWICE(fn)                                                                                  \
    static void fn##_near_wrap(void)                                                               \
    {                                                                                              \
        peer_near_wrap = true;                                                                     \
        fn();                                                                                      \
        peer_near_wrap = false;                                                                    \
    }
#define T_TWICE(fn) T(fn), T(fn##_near_wrap)

#endif
