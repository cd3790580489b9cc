/*
 * settings.h - Linux's names for what can be set, asked for and waited for, and what they are here.
 *
 * Used by stackdrill and by the plug-in for packetdrill, so that a script means the same to both.
 */
#ifndef STACKDRILL_SETTINGS_H
#define STACKDRILL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct tcp_config;

/* Socket options that a caller keeps: calls of the stack never wait, and tell of a datagram all there
 * is. */
enum settings_own {
    SETTINGS_IGNORED = -1, /* accepted without effect */
    SETTINGS_RCVTIMEO = -2,
    SETTINGS_SNDTIMEO = -3,
    SETTINGS_RECVTOS = -4,
    SETTINGS_RECVTTL = -5
};

/* ---- settings.c ---- */

/** settings_command - do what a backtick command asks, as far as our configuration knows it.
 * Return: false and a line in @err. */
bool settings_command(struct tcp_config *cfg, const char *command, char *err, size_t err_len);

/** settings_tell - @why line @number of @path, which says @line, has no effect. */
typedef void settings_tell(const char *path, unsigned number, const char *line, const char *why);
/**
 * settings_file - take the settings of a file: NAME=VALUE lines; what follows a # is a comment.
 * @tell: told of each line that cannot be used; NULL: the first one is an error
 * @err:  receives `FILE:LINE: what is wrong`, or why the file cannot be read
 *
 * Return: false on an error.
 */
bool settings_file(struct tcp_config *cfg, const char *path, settings_tell *tell, char *err,
                   size_t err_len);
void settings_list(FILE *out);
/** settings_sockopt - which of our options this is, or enum settings_own; @is_ignored: accepted without
 * effect. Return: false when nobody knows it. */
bool settings_sockopt(int64_t level, int64_t name, int *opt, bool *is_ignored);
/** settings_poll_ours - enum sock_event of the bits of poll and epoll, which share them. */
unsigned settings_poll_ours(unsigned bits);
/** settings_poll_bits - and back; @is_epoll: epoll does not tell POLLRDNORM and POLLWRNORM. */
unsigned settings_poll_bits(unsigned ours, bool is_epoll);

/* ---- symbols.c ---- */

bool symbol_value(const char *name, int64_t *v);
int symbol_errno(const char *name);

#endif
