/*
 * parse.h - what the files of the parser share.
 *
 * Recursive descent with one token in hand. The first error is kept and turns the token in hand
 * into the end of the file for good: every loop then ends and every function returns something
 * harmless, so nothing has to be checked on the way up; the tree is thrown away at the end.
 */
#ifndef STACKDRILL_PARSE_H
#define STACKDRILL_PARSE_H

#include "lexer.h"

enum { PARSE_U16 = 0xffff, PARSE_LEN_MAX = 65535, PARSE_PEERS_MAX = 256 };
#define PARSE_U32 ((int64_t)UINT32_MAX)

struct parser {
    struct lexer lex; /* stands behind the token in hand */
    struct token tok; /* the token in hand */
    size_t last_end;  /* where the token before it ended */
    struct arena *arena;
    const char *file;
    char *error; /* SCRIPT_ERROR_MAX bytes */
    bool failed;
    struct script *script;
    struct script_peer *peers; /* room for PARSE_PEERS_MAX; events point into it */
    bool has_begun;            /* the first event was read */
    int64_t last_abs_ns;       /* of the last absolute time */
    unsigned depth;            /* of repeats */
    uint32_t turns;            /* product of the repeats around */
    bool is_inbound;           /* the packet in hand: nothing can be kept from it */
};

void parse_fail(struct parser *p, const struct token *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void parse_next(struct parser *p);
struct token parse_peek(const struct parser *p);
bool parse_is(const struct parser *p, char c);
bool parse_is_word(const struct parser *p, const char *word);
/** parse_accept - step over it if it is there. */
bool parse_accept(struct parser *p, char c);
bool parse_accept_word(struct parser *p, const char *word);
/** parse_expect - step over it, or fail: "expected X @where". */
void parse_expect(struct parser *p, char c, const char *where);
/** parse_word - the text of a word. @what is expected, for the message. Return: "" on error. */
const char *parse_word(struct parser *p, const char *what);
/** parse_number - a plain number (hex, too, with @hex) from @min to @max. */
int64_t parse_number(struct parser *p, bool hex, int64_t min, int64_t max, const char *what);
/** parse_value - a number or a sum of live values, or `=$name`. */
struct script_value parse_value(struct parser *p, int64_t max, const char *what);
/** parse_seconds - a number of seconds. Return: nanoseconds. */
int64_t parse_seconds(struct parser *p);
/** parse_flags - TCP flags. @has_ace may be NULL. */
uint16_t parse_flags(struct parser *p, bool *has_ace);
/** parse_seq_range - `seq:end(len)`. */
void parse_seq_range(struct parser *p, struct script_value *seq, struct script_value *end,
                     struct script_value *len);
/** parse_len - `(len)`. */
struct script_value parse_len(struct parser *p);

/** parse_packet - from `<`, `>` or `frag` to the last option. */
const struct script_packet *parse_packet(struct parser *p);
/** parse_tcp_options - `<...>` or `<mss 1460,nop>`, the `<` in hand. */
void parse_tcp_options(struct parser *p, struct script_tcp *tcp);
/** parse_icmp - behind the word icmp or icmpv6. */
void parse_icmp(struct parser *p, struct script_icmp *icmp);
/** parse_call - from the call's name to its last note. */
const struct script_call *parse_call(struct parser *p, bool is_blocking, int64_t end_ns);

/** parse_ours - `?`, fault: events that packetdrill has not. Return: false if none is here. */
bool parse_ours(struct parser *p, struct script_event *e);
/** parse_peer - a declaration, behind the word peer. */
void parse_peer(struct parser *p);
/** parse_peer_name - behind the word peer in an event. */
const struct script_peer *parse_peer_name(struct parser *p);

#endif
