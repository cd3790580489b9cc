/*
 * control.h - the control socket of stackd, server side.
 *
 * A Unix stream socket, mode 0600. A client sends one JSON object a line, {"cmd":"sock",...}, and
 * gets one line back, {"ok":true,...} or {"ok":false,"error":"what happened","mend":"what to do"}.
 * Four commands turn the connection into a stream after that line: `trace` (text or JSON lines),
 * `pcap` to standard output (the bytes of a pcapng file), `ping` (a JSON line a reply), `nc` (frames,
 * see control_nc.c). A client may close its sending half as soon as it has asked: what it asked is answered,
 * pings to their end. A trace or a capture, which have none, end by that, and are whole then.
 *
 * The stack never waits for a client. All sockets are non-blocking, every client has one bounded
 * buffer each way; a reader of traces or captures that is too slow loses events or frames and is
 * told how many, and a client that does not take the answer to its command is sent away.
 *
 * For the event loop: control_fd() is one descriptor that becomes readable when any client has
 * something; then call control_serve(). Call control_after() when a round of net_input() and
 * net_output() is over and before waiting, and wait no longer than control_deadline(). Calls into
 * the sockets of the stack happen in those two functions only, so output may be due afterwards.
 *
 *     files: control.c socket, clients, lines; control_show.c the tables; control_set.c what changes
 *     something; control_trace.c trace and pcap streams; control_ping.c; control_nc.c
 */
#ifndef STACKD_CONTROL_H
#define STACKD_CONTROL_H

#include "base/trace.h"

struct stackd; /* stackd.h */
struct control;

/**
 * control_open - make the socket at @path and listen on it.
 * @path: removed first when nobody listens on it any more; its last directory is made if missing
 * @err:  receives, on failure, a line "what happened: how to mend it"
 *
 * Return: the control socket, or NULL.
 */
struct control *control_open(struct stackd *d, const char *path, char *err, size_t err_len);

/** control_close - send all clients away, remove the socket's file. NULL is harmless. */
void control_close(struct control *ctl);

/** control_fd - to be watched for reading (an epoll descriptor). */
int control_fd(const struct control *ctl);

/** control_serve - control_fd() is readable: accept, read commands, answer, write what waits. */
void control_serve(struct control *ctl, net_time now);

/**
 * control_concerns_all - may control_serve() ask for more than the sockets of the first queue? Then the
 * others must stand still (queues.h). @ctl may be NULL.
 */
bool control_concerns_all(const struct control *ctl);

/** control_after - a round of the stack is over: move bytes of `nc`, send and report pings. */
void control_after(struct control *ctl, net_time now);

/** control_deadline - when to call control_after() at the latest; NET_NEVER. */
net_time control_deadline(const struct control *ctl);

/** control_trace_mask - the kinds of events the clients follow, for core.trace.mask (OR it in). */
uint32_t control_trace_mask(const struct control *ctl);

/** control_trace - one event, from the trace sink; only buffers, never writes. */
void control_trace(struct control *ctl, const struct trace_ev *ev);

#endif
