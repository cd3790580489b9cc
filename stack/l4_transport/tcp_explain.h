/*
 * tcp_explain.h - why is this connection silent?
 */
#ifndef STACKD_TCP_EXPLAIN_H
#define STACKD_TCP_EXPLAIN_H

#include "l4_transport/tcp.h"

enum tcp_reason_side { TCP_WHY_SEND, TCP_WHY_RECV, TCP_WHY_LIFE };

enum tcp_reason_kind {
#define TCP_REASON(name, side, rfc, sentence) TCP_WHY_##name,
#include "l4_transport/tcp_reason.def"
#undef TCP_REASON
    TCP_REASON_KINDS
};

enum { TCP_REASON_VALUES = 5, TCP_REASONS_MAX = 16 };

struct tcp_reason {
    enum tcp_reason_kind kind;
    uint64_t value[TCP_REASON_VALUES]; /* in the order of the sentence's {names}; times in ns */
    struct ip_addr ip;                 /* of a {name_ip} */
};

struct tcp_reason_info {
    const char *name, *rfc, *sentence; /* rfc: "" where it is our own affair */
    enum tcp_reason_side side;
};
/** tcp_reason_info - the words for @kind. */
const struct tcp_reason_info *tcp_reason_info(enum tcp_reason_kind kind);

/**
 * tcp_explain - why does nothing leave, and nothing come, on the connection @id?
 *
 * All reasons that hold now, on each side the decisive one first. Nothing changes. @id with no remote
 * side: the listener there.
 * @out: receives at most TCP_REASONS_MAX
 *
 * Return: how many; 0: there is no such connection.
 */
unsigned tcp_explain(const struct tcp *tcp, const struct tcp_id *id, struct tcp_reason *out);

/** tcp_reason_text - the sentence with its numbers, without a terminating zero. Return: bytes written. */
size_t tcp_reason_text(const struct tcp_reason *r, char *out, size_t cap);

/** tcp_reason_key - name of number @i of @r. Return: its length, 0: there are no more. */
size_t tcp_reason_key(const struct tcp_reason *r, unsigned i, char *out, size_t cap);

#endif
