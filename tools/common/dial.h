/*
 * dial.h - the way to a running stackd: finding its control socket, requests and replies.
 *
 * What programs share that speak to stackd from outside: stackctl, which shows and changes, and
 * stackd-extcap, which Wireshark runs. The protocol stands in tools/stackd/control.h: a line of JSON there, a
 * line of JSON back; some requests turn the connection into a stream after that line.
 */
#ifndef STACKD_DIAL_H
#define STACKD_DIAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { DIAL_PATH = 108, DIAL_MOST = 64 };

/* A connection. Bytes that came are in[0 .. in_len), the first in_taken of them taken as lines. */
struct dial {
    int fd; /* -1: none */
    char path[DIAL_PATH];
    char *in;
    size_t in_len, in_cap, in_taken;
};

/* A socket that may be somebody's. */
struct dial_place {
    char path[DIAL_PATH];
};

/**
 * dial_places - the sockets in the folders where stackd makes them, in a fixed order: that in the
 * environment's STACKD_CONTROL alone if it is set; else those of root, then those of this user.
 * @place: DIAL_MOST of them
 *
 * Return: how many; whether somebody listens there dial_open() tells.
 */
int dial_places(struct dial_place *place);

/** dial_name - the interface that the stackd with this socket serves: `tap0` of /run/stackd/tap0.sock.
 * Return: @out. */
char *dial_name(const char *path, char *out, size_t len);

/** dial_open - connect. Return: 0 or a negative errno value, for dial_why(). */
int dial_open(struct dial *d, const char *path);
/** dial_close - as if it had never been; harmless when it was not. */
void dial_close(struct dial *d);
/** dial_why - `what happened: how to mend it` for the failure @err (positive) of @path, for the user of
 * @program. Return: @out. */
char *dial_why(const char *program, const char *path, int err, char *out, size_t len);

/** dial_send - write all of @len bytes. Return: whether stackd took them. */
bool dial_send(struct dial *d, const void *bytes, size_t len);
/** dial_line - the next line, without its newline, valid until the next call; NULL at the end of the
 * stream, or when a signal came. */
char *dial_line(struct dial *d);
/** dial_rest - from here on no lines: in holds in_len bytes that were not taken. */
void dial_rest(struct dial *d);

/** dial_ask - send @request, take the reply; the caller's, and to be looked at for "ok". NULL: its
 * parts could not be packed, which is answered here. Return: NULL when the connection is over. */
json_t *dial_ask(struct dial *d, const json_t *request);

#endif
