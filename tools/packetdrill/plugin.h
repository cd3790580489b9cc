/*
 * plugin.h - one host behind packetdrill's interface, in virtual time.
 *
 * Everything stands in one struct under one lock. packetdrill has two threads: the main one, which
 * lets time pass and carries packets, and one that makes the calls of a script that block. A
 * *wait* is a call that blocks: the thread that made it sleeps on a condition, and whoever changes
 * the host tries the call again for it. A *woken* thread is one whose call has ended and that has
 * not asked for the time yet: until it does, nobody lets time pass, or it would report its return
 * too late.
 */
#ifndef PACKETDRILL_PLUGIN_H
#define PACKETDRILL_PLUGIN_H

#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net.h"

struct packetdrill_interface;

enum { PLUGIN_FDS = 4096, PLUGIN_WOKEN = 16 };
#define PLUGIN_LOCAL   0xc0a80001u   /* 192.168.0.1: a host nobody told its address */
#define PLUGIN_START   NET_SEC(1000) /* the clock at the beginning */
#define PLUGIN_HORIZON NET_SEC(1000) /* a packet that does not come until then does not come */
#define PLUGIN_FOREVER NET_SEC(1000000)
#define PLUGIN_BLOCKS  INT64_MIN /* result of a call that has to wait */

enum plugin_kind { PLUGIN_FREE, PLUGIN_SOCK, PLUGIN_EPOLL };

/* What stands behind a descriptor of the host; the descriptor itself is one of the null device. */
struct plugin_fd {
    enum plugin_kind kind;
    int sd; /* socket or poll set of the stack */
    bool is_udp, is_nonblocking, is_listening;
    bool wants_tos, wants_ttl;         /* control messages of recvmsg() */
    net_time rcv_timeout, snd_timeout; /* of calls that block, 0: none */
};

struct plugin;
struct plugin_wait;
typedef int64_t plugin_try(struct plugin *g, struct plugin_wait *w);

/* A call that may block. */
struct plugin_wait {
    plugin_try *try_it; /* Return: the call's result, -errno, or PLUGIN_BLOCKS */
    int fd;
    struct iovec *iov; /* of reading and writing */
    size_t iov_count;
    int flags;
    struct sock_addr peer; /* to whom, from whom */
    struct sock_addr own;  /* of a connection that lingers, with peer */
    size_t done;           /* bytes written so far, or read with MSG_WAITALL */
    size_t whole;          /* length of the datagram that was read */
    uint8_t tos, ttl;      /* of that datagram */
    void *list;            /* of poll and epoll_wait; the message of sendmsg */
    size_t list_count;
    bool may_block, is_again;
    net_time deadline; /* NET_NEVER: none */
    /* The rest is for clock.c. */
    struct plugin_wait *next;
    pthread_t thread;
    bool is_done;
    int64_t result;
};

/* A packet that the host has sent. */
struct plugin_out {
    struct plugin_out *next;
    net_time t;
    size_t len;
    uint8_t bytes[];
};

struct plugin {
    pthread_mutex_t lock;
    pthread_cond_t wake;   /* a call that blocked has ended */
    pthread_cond_t handed; /* a woken thread knows what time it is */
    bool is_up, is_verbose;
    struct net net;
    void *memory;
    size_t memory_len;
    uint32_t local; /* first address learned, 0: none yet */
    net_time now;
    struct plugin_out *out_first, *out_last;
    struct plugin_wait *waits;
    pthread_t woken[PLUGIN_WOKEN];
    size_t woken_count;
    struct plugin_fd fds[PLUGIN_FDS];
};

/* ---- clock.c ---- */

/** plugin_enter - take the lock, at the begin of every call. */
void plugin_enter(struct plugin *g);
/** plugin_leave - let the host do what is due, give the lock back. Return: @v or -1 with errno. */
int64_t plugin_leave(struct plugin *g, int64_t v);
/** plugin_serve - the host does what is due now; calls that blocked are tried again. */
void plugin_serve(struct plugin *g);
/** plugin_call - make a call, asleep until it ends where it blocks. The lock is held. */
int64_t plugin_call(struct plugin *g, struct plugin_wait *w);
/** plugin_block - the call has to wait. Return: PLUGIN_BLOCKS, or @over after its deadline. */
static inline int64_t plugin_block(const struct plugin *g, const struct plugin_wait *w,
                                   int64_t over)
{
    return g->now >= w->deadline ? over : PLUGIN_BLOCKS;
}
/** plugin_limit - when a call with @timeout (0: none) has waited for long enough. */
static inline net_time plugin_limit(const struct plugin *g, net_time timeout)
{
    return timeout > 0 ? g->now + timeout : NET_NEVER;
}
/** plugin_release - all calls that block end with @err. */
void plugin_release(struct plugin *g, int64_t err);
/** clock_fill - the members about time. */
void clock_fill(struct packetdrill_interface *ifc);

/* ---- wire.c ---- */

extern const struct mac wire_mac; /* the router's */
/** wire_pump - take what the host sends now. */
void wire_pump(struct plugin *g);
/** wire_forget - drop what nobody fetched. */
void wire_forget(struct plugin *g);
void wire_fill(struct packetdrill_interface *ifc);

/* ---- plugin.c ---- */

/** plugin_up - the host begins to exist, with the settings of the file. Return: 0 or -errno. */
int plugin_up(struct plugin *g);
/** plugin_local - @ip is an address of the host, from now on if it was not. Return: 0 or -errno. */
int plugin_local(struct plugin *g, uint32_t ip);
/** plugin_fd - what stands behind @fd; NULL: nothing of ours. */
struct plugin_fd *plugin_fd(struct plugin *g, int fd);
/** plugin_sock - the same, sockets only. */
struct plugin_fd *plugin_sock(struct plugin *g, int fd);
/** plugin_open - a descriptor for @sd. Return: it, or -errno. */
int plugin_open(struct plugin *g, enum plugin_kind kind, int sd, bool is_udp);
/** plugin_shut - end what stands behind @fd. Return: 0 or -errno. */
int plugin_shut(struct plugin *g, int fd);

/* ---- calls.c and its neighbours: members of the interface ---- */
/** calls_address - an address of a call. Return: 0, -EINVAL, -EAFNOSUPPORT. */
int calls_address(const struct sockaddr *addr, socklen_t len, struct sock_addr *a);
/** calls_address_out - fill in an address as calls do, cut to *@len; NULL: not wanted. */
void calls_address_out(const struct sock_addr *a, struct sockaddr *addr, socklen_t *len);
void calls_fill(struct packetdrill_interface *ifc);
void data_fill(struct packetdrill_interface *ifc);
void options_fill(struct packetdrill_interface *ifc);
void poll_fill(struct packetdrill_interface *ifc);

#endif
