/*
 * conn_match.h - which connection is meant: `10.0.0.2:80-10.0.0.1:40112`, or any part of it.
 *
 * An end is an address, a port, or both (`10.0.0.1`, `:80`, `80`, `10.0.0.1:80`); two ends are joined by
 * `-` and may stand in either order. What is left out may be anything.
 */
#ifndef STACKD_CONN_MATCH_H
#define STACKD_CONN_MATCH_H

#include "base/ip_addr.h"

struct conn_end {
    bool has_ip, has_port;
    struct ip_addr ip;
    uint16_t port;
};

struct conn_match {
    struct conn_end end[2]; /* the second is empty where only one was named */
};

/** conn_match_parse - Return: whether @text names one or two ends. */
bool conn_match_parse(struct conn_match *m, const char *text);
/** conn_match_is_whole - are both ends named in full? Then it can be looked up. */
bool conn_match_is_whole(const struct conn_match *m);
/** conn_match - does it mean the connection between these two? */
bool conn_match(const struct conn_match *m, struct ip_addr local, uint16_t lport,
                struct ip_addr remote, uint16_t rport);

#endif
