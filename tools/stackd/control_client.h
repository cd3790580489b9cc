/*
 * control_client.h - one client of the control socket, for the files of control.
 *
 * A command is a function from a request to a reply. A stream command also sets the client's mode;
 * from then on control_after() serves it, and its bytes go through the same bounded buffer.
 */
#ifndef STACKD_CONTROL_CLIENT_H
#define STACKD_CONTROL_CLIENT_H

#include <jansson.h>

#include "base/fmt.h"
#include "conn_match.h"
#include "probe.h"
#include "stackd.h"

enum {
    CONTROL_CLIENTS = 16,
    CONTROL_IN = 128 * 1024,   /* of a client: a frame of `nc` with a whole datagram */
    CONTROL_OUT = 1024 * 1024, /* towards a client */
    CONTROL_ROWS = 256         /* of a table in one reply: about 128 KiB */
};

/* What an event must say for a client to hear of it. */
enum { TRACE_FILTERS = 8 };

struct trace_filter {
    char field[24]; /* host, conn, why, or a field of the kind */
    char value[64];
    struct conn_match conn; /* of `conn` */
};

enum client_mode { CLIENT_LINES, CLIENT_TRACE, CLIENT_PCAP, CLIENT_PING, CLIENT_NC, CLIENT_PROBE };

struct client_ping {
    struct ip_addr dst;
    uint16_t id, seq, len;
    uint32_t left; /* requests still to be sent; UINT32_MAX: no end */
    uint32_t unanswered;
    net_time next, interval, wait; /* wait: after the last request */
};

enum client_nc_state { NC_LISTENING, NC_CONNECTING, NC_TALKING };

struct client_nc {
    enum client_nc_state state;
    bool udp, user_eof, peer_eof;
    int sd;
};

struct client_probe {
    pid_t pid; /* of the child; 0: it has been waited for */
    int fd;    /* what it writes */
    char *text;
    size_t len;
};

struct client {
    struct control *ctl;
    int fd;   /* -1: free */
    bool eof; /* the client has closed its sending half */
    bool gone;
    uint32_t interest; /* epoll events asked for */
    enum client_mode mode;
    char *in, *out; /* CONTROL_IN, CONTROL_OUT bytes */
    size_t in_len, out_at, out_len;

    uint32_t kinds; /* trace: bits */
    struct trace_filter filter[TRACE_FILTERS];
    unsigned filters;
    bool text;
    uint64_t lost; /* trace: events, pcap: frames that did not fit; trace: since last told */
    int capture;   /* pcap: its number */
    struct client_ping ping;
    struct client_nc nc;
    struct client_probe probe;
};

struct control {
    struct stackd *d;
    char path[108];
    int listen_fd, epoll_fd;
    int clients;
    uint32_t kinds; /* of all clients */
    uint16_t ping_id;
    struct client client[CONTROL_CLIENTS];
};

/** client_put - append bytes, all or none. Return: whether they fitted. */
bool client_put(struct client *c, const void *bytes, size_t len);
/** client_room - how many bytes fit. */
size_t client_room(const struct client *c);
/** client_put_json - one line; a client for whom it does not fit is sent away. */
void client_put_json(struct client *c, json_t *o);

/** control_ok - {"ok":true}, to be filled. */
json_t *control_ok(void);
/** control_refuse - {"ok":false,...}. @mend: what to do about it, or "". */
json_t *control_refuse(const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/** control_usage - the same for a request that makes no sense: exit status 1. */
json_t *control_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A command of several queues. */
enum control_how {
    CONTROL_FIRST,        /* of the first alone */
    CONTROL_SUM,          /* rows that are about the same thing, with their numbers added up */
    CONTROL_UNION,        /* done in each; rows that are about the same thing stand once */
    CONTROL_ROWS_OF_EACH, /* the rows of each, with the queue's number */
};
struct control_command {
    const char *name;
    json_t *(*run)(struct client *c, const json_t *request);
    enum control_how how;
    const char *keys; /* members of a row that say what it is about; they are never added up */
};

/** control_run - in all queues that it is about, which stand still. Return: one reply. */
json_t *control_run(const struct control_command *cmd, struct client *c, const json_t *request);

/** control_str - a member of a request as text, "" when it is missing. */
const char *control_str(const json_t *request, const char *key);
/** control_ip - an address as JSON text. */
json_t *control_ip(struct ip_addr a);
json_t *control_mac(struct mac m);
/** control_ms - a time as a JSON number of milliseconds. */
json_t *control_ms(net_time t);

/* The commands. A command that has put its reply into the buffer itself returns json_null(). */
json_t *control_sock(struct client *c, const json_t *request);
json_t *control_listen(struct client *c, const json_t *request);
json_t *control_neigh(struct client *c, const json_t *request);
json_t *control_route(struct client *c, const json_t *request);
json_t *control_link(struct client *c, const json_t *request);
json_t *control_maddr(struct client *c, const json_t *request);
json_t *control_stats(struct client *c, const json_t *request);
json_t *control_fault(struct client *c, const json_t *request);
json_t *control_follow(struct client *c, const json_t *request);
json_t *control_pcap(struct client *c, const json_t *request);
json_t *control_ping(struct client *c, const json_t *request);
json_t *control_nc(struct client *c, const json_t *request);
json_t *control_where(struct client *c, const json_t *request);
json_t *control_explain(struct client *c, const json_t *request);
json_t *control_states(struct client *c, const json_t *request);
json_t *control_try(struct client *c, const json_t *request);

/** control_conn - the connection that "conn" of @request names in full, whichever end stands first.
 * Return: whether there is one. */
bool control_conn(struct client *c, const json_t *request, struct tcp_id *id);

/* control_show.c, for control_set.c */
json_t *show_neigh(struct client *c, const json_t *request);
json_t *show_route(struct client *c);
json_t *show_route_cache(struct client *c);

/* control_trace.c */
void client_trace_end(struct client *c);
void client_pcap_end(struct client *c);
/* control_ping.c */
void client_ping_run(struct client *c, net_time now);
void client_ping_end(struct client *c);
net_time client_ping_deadline(const struct client *c);
/* control_probe.c */
void client_probe_run(struct client *c);
void client_probe_end(struct client *c);
/* control_nc.c */
void client_nc_run(struct client *c);
void client_nc_end(struct client *c);

#endif
