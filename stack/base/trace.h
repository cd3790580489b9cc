/*
 * trace.h - events: what the stack did, and why.
 *
 * Every event is declared in trace.def. The core hands filled structs to a sink that the program
 * gave; it formats nothing itself. With no sink, trace_on() is one load and a predictable branch.
 * The encoders below turn an event into a JSON line (keys in the order of docs/tracing.md) or a
 * readable line; they are pure and write to the caller's buffer.
 */
#ifndef STACKD_TRACE_H
#define STACKD_TRACE_H

#include "base/ip_addr.h"
#include "base/seq.h"

typedef const char *trace_STR;
typedef uint32_t trace_U32;
typedef uint64_t trace_U64;
typedef net_time trace_NS;
typedef tcp_seq trace_SEQ;
typedef struct ip_addr trace_IP;
typedef struct mac trace_MAC;
typedef uint8_t trace_FLAGS;

enum trace_kind {
#define TRACE_EVENT(kind, sentence, fields) TRACE_##kind,
#include "base/trace.def"
#undef TRACE_EVENT
    TRACE_KINDS
};

#define TRACE_FIELD(kind, type, name, unit, sentence) trace_##type name;
#define TRACE_EVENT(kind, sentence, fields)                                                        \
    struct trace_##kind {                                                                          \
        fields                                                                                     \
    };
#include "base/trace.def"
#undef TRACE_EVENT
#undef TRACE_FIELD

/* Which conversation an event belongs to; proto 0: none. */
struct trace_conn {
    struct ip_addr local, remote;
    uint16_t lport, rport;
    uint8_t proto;
};

struct trace_ev {
    net_time t;
    uint64_t frame;   /* number of the frame at the host's boundary, 0 if none */
    const char *host; /* name of the host */
    const char *why, *rfc; /* a sentence and a section, or NULL */
    struct trace_conn conn;
    enum trace_kind kind;
    union {
#define TRACE_EVENT(kind, sentence, fields) struct trace_##kind kind;
#include "base/trace.def"
#undef TRACE_EVENT
    } u;
};

/* Where events go: the program's function, called in the middle of a call into the stack, which it
 * must not enter again. Strings of an event are constants; the event itself is gone afterwards. */
struct trace {
    uint32_t mask; /* bit (1 << kind): somebody wants this kind */
    void (*sink)(void *ctx, const struct trace_ev *ev);
    void *ctx;
};

static inline bool trace_on(const struct trace *tr, enum trace_kind kind)
{
    return unlikely(tr->mask & (1u << kind));
}

/* Description of a kind, for encoders and documents. */
struct trace_field_info {
    const char *name, *type, *unit, *sentence;
    size_t offset; /* in union u */
};
struct trace_kind_info {
    const char *name, *sentence;
    const struct trace_field_info *fields;
    size_t field_count;
};

/** trace_kind_info - name, sentence and fields of @kind. */
const struct trace_kind_info *trace_kind_info(enum trace_kind kind);

/**
 * trace_json - write @ev as one JSON object with a newline.
 * @out: @cap bytes; 1024 are always enough
 *
 * Return: bytes written, without a terminating zero; 0 when @cap is too small.
 */
size_t trace_json(const struct trace_ev *ev, char *out, size_t cap);

/** trace_text - write @ev as one readable line with a newline; as trace_json otherwise. */
size_t trace_text(const struct trace_ev *ev, char *out, size_t cap);

/** trace_field - the value of field @fi of @ev as in trace_text. Return: bytes written. */
size_t trace_field(const struct trace_ev *ev, const struct trace_field_info *fi, char *out,
                   size_t cap);

/** trace_comment - the short form for a capture comment, `LISTEN -> SYN_RCVD (rcv SYN)`; the forms
 * that there are stand in trace.c.
 * Return: bytes written, cut at @cap; 0 for kinds not worth a comment. */
size_t trace_comment(const struct trace_ev *ev, char *out, size_t cap);

/** trace_conn - write @conn as `10.0.0.2:80-10.0.0.1:40112`. Return: bytes written, cut at @cap. */
size_t trace_conn(const struct trace_conn *conn, char *out, size_t cap);

#endif
