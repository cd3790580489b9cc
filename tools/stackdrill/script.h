/*
 * script.h - what a script says, as a tree.
 *
 * A script in packetdrill's language is read whole before anything runs: the lexer (lexer.h) makes
 * tokens, the parser (parse.c and its neighbours) makes this tree, the runner walks it. Everything
 * in the tree lives in one arena that script_free() gives back. Nothing in it is changed after
 * script_parse(), so one tree can be run many times.
 *
 * Numbers stand as the script wrote them. Sequence numbers in packets with SYN are absolute in the
 * script's space, in all others relative to the first SYN; the runner maps them to live ones.
 * Times are nanoseconds. Text is zero-terminated, without its quotes, escapes resolved.
 *
 * The language of packetdrill, in one breath:
 *
 *     script:   option* command? event+ command?
 *     event:    TIME packet | TIME call | TIME `command` | TIME %{ code }%
 *     TIME:     1.5  +.1  1~2  +.1~+.2  *      call:  [... END] name(args) = result [ERRNO (text)]
 *     packet:   ('<' | '>') encap* [ip-info] [psp] [port '>' port] (tcp | udp | icmp)
 *
 * What is ours. Each form begins with a word or sign that cannot stand there in packetdrill, so a
 * script that uses none of them runs unchanged in both:
 *
 *     peer A 192.0.2.7 [port 5000]         another peer; no time; before its first use
 *     0.1 peer A < S 0:0(0) win 1000       a packet from that peer; `>` one to it
 *     +0 [peer A] ? [fd 4] state = TIME_WAIT     a fact of the connection holds now;
 *                                          = != < <= > >=, right side a word or a value
 *     repeat 10 [as $i] { event* }         the events again and again; relative times only;
 *                                          $i counts from 0
 *     +0 > S. 0:0(0) ack 1 win =$w         `=$name` fits any number of an outbound packet and
 *                                          keeps it (as the script would have written it)
 *     +0 < . 1:1(0) ack $w+1 win $w-10     a value: a sum of numbers and kept names; it may stand for
 *                                          seq, end, len, ack, win, urg, ports, TS, mss, SACK edges
 *     +0 fault drop next 2 out [flags S.]  the wire misbehaves by rule from now on:
 *                                          (drop | corrupt | duplicate | delay SECONDS)
 *                                          (next N | every N | chance PERCENT) (in | out | both)
 *     +0 fault none                        all rules end
 *     +0 frag 512 < udp (1000)             sent as fragments of at most 512 bytes of IP payload
 *     +0 frag 0:16 32:... 16:32 < ...      exactly these byte ranges of the IP payload, in this order
 *     +0 frag 512 > udp (1000)             the packet comes in fragments of at most 512 bytes
 *
 * A name with `$` that no earlier outbound packet kept is asked of the runner (facts such as
 * $snd_nxt); a name nobody knows fails the script when it runs.
 */
#ifndef STACKDRILL_SCRIPT_H
#define STACKDRILL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SCRIPT_ERROR_MAX = 1024,        /* room that script_parse() wants for its message */
    SCRIPT_TCP_OPTIONS_MAX = 40,    /* bytes, RFC 9293 section 3.1 */
    SCRIPT_SACK_MAX = 4,            /* blocks, RFC 2018 section 3 */
    SCRIPT_COOKIE_MAX = 38,         /* bytes; legal cookies have 4 to 16, RFC 7413 section 4.1.1 */
    SCRIPT_NEST_MAX = 16,           /* braces within braces */
    SCRIPT_REPEAT_MAX = 1000 * 1000 /* turns of one repeat */
};

/* ---- values that may be live -------------------------------------------------------------- */

/* One kept name in a sum. */
struct script_name {
    const char *name; /* without the $ */
    bool minus;
};

/* number + the sum of names. A plain number has no names. */
struct script_value {
    bool is_set;         /* the field was written at all */
    int64_t number;      /* TCP and IP fields: 0 .. 2^32-1 when there are no names */
    const char *capture; /* `=$name`: fits anything and keeps it under this name; else NULL */
    const struct script_name *names;
    size_t name_count;
};

/* ---- packets ------------------------------------------------------------------------------ */

enum script_direction { SCRIPT_IN, SCRIPT_OUT }; /* `<` into the stack, `>` out of it */

/* TCP flags as bits 0-8 of bytes 12-13 of the header, RFC 9293 section 3.1; AE is RFC 9768's. */
enum {
    SCRIPT_FIN = 1,
    SCRIPT_SYN = 2,
    SCRIPT_RST = 4,
    SCRIPT_PSH = 8,
    SCRIPT_ACK = 16,
    SCRIPT_URG = 32,
    SCRIPT_ECE = 64,
    SCRIPT_CWR = 128,
    SCRIPT_AE = 256
};

/* One field of a gre or mpls header as written: a name and its number. */
struct script_field {
    const char *name;
    int64_t number;
    bool is_bare; /* the name stands alone, as S in mpls */
};

enum script_encap_kind {
    SCRIPT_ENCAP_IPV4,
    SCRIPT_ENCAP_IPV6,
    SCRIPT_ENCAP_GRE,
    SCRIPT_ENCAP_MPLS, /* one entry of the label stack; several entries follow each other */
    SCRIPT_ENCAP_PSP
};

struct script_encap {
    enum script_encap_kind kind;
    const char *src, *dst;             /* IPV4, IPV6: literals */
    const struct script_field *fields; /* GRE, MPLS */
    size_t field_count;
    uint32_t spi; /* PSP */
};

enum script_ecn {
    SCRIPT_ECN_UNSET, /* nothing was written */
    SCRIPT_ECN_NONE,  /* noecn: 00 */
    SCRIPT_ECN_ECT0,
    SCRIPT_ECN_ECT1,
    SCRIPT_ECN_ECT01, /* outbound: either of both */
    SCRIPT_ECN_CE
};

/* What is not written is not checked outbound, and 0 (TTL: the usual one) inbound. */
struct script_ip {
    enum script_ecn ecn;
    bool has_tos, has_ttl, has_flowlabel;
    uint8_t tos; /* the whole byte */
    uint8_t ttl;
    uint32_t flowlabel; /* 20 bits; compared for sameness, not for value */
};

enum script_opt_kind {
    SCRIPT_OPT_EOL,
    SCRIPT_OPT_NOP,
    SCRIPT_OPT_MSS,     /* a */
    SCRIPT_OPT_WSCALE,  /* a */
    SCRIPT_OPT_SACK_OK, /* sackOK */
    SCRIPT_OPT_SACK,    /* sack[], count */
    SCRIPT_OPT_TS,      /* a = val, b = ecr */
    SCRIPT_OPT_MD5,     /* bytes, count */
    SCRIPT_OPT_FO,      /* bytes, count; kind 34, RFC 7413 */
    SCRIPT_OPT_FOEXP,   /* the same in kind 254 with magic 0xF989 */
    SCRIPT_OPT_ACCECN0, /* kind 172: counters in the order e0b, ceb, e1b; counter[], count */
    SCRIPT_OPT_ACCECN1  /* kind 174: counters in the order e1b, ceb, e0b */
};

struct script_sack {
    struct script_value left, right;
};

struct script_opt {
    enum script_opt_kind kind;
    struct script_value a, b;
    struct script_sack sack[SCRIPT_SACK_MAX];
    uint32_t counter[3]; /* 24 bits each, in the order of the option's kind */
    const uint8_t *bytes;
    size_t count; /* of sack, counter or bytes */
    size_t len;   /* bytes on the wire */
};

struct script_tcp {
    uint16_t flags; /* SCRIPT_FIN ...; an ACE digit is already in AE, CWR and ECE */
    bool has_ace;   /* the flags were written with an ACE digit */
    struct script_value seq, end, len; /* without names: end == seq + len, modulo 2^32 */
    struct script_value ack;           /* not set: the field is 0 */
    struct script_value win;           /* not set, outbound only: not compared */
    struct script_value urg;           /* not set: 0 */
    bool any_options;                  /* <...> */
    const struct script_opt *options;  /* in the order of the wire */
    size_t option_count;
    size_t options_len; /* bytes, a multiple of 4 */
};

enum script_inner { SCRIPT_INNER_NONE, SCRIPT_INNER_TCP, SCRIPT_INNER_UDP, SCRIPT_INNER_RAW };

struct script_icmp {
    bool is_v6;
    uint8_t type, code;
    const char *type_name, *code_name; /* as written; code_name NULL: none, code is 0 */
    bool has_mtu, has_id;
    uint32_t mtu;
    uint16_t id;
    enum script_inner inner; /* the packet that the message is about */
    struct script_value inner_seq, inner_end, inner_len;
};

enum script_proto { SCRIPT_TCP, SCRIPT_UDP, SCRIPT_ICMP };

/* `frag 512` (size) or `frag 0:16 16:...` (ranges). */
struct script_range {
    uint32_t from, to; /* bytes of the IP payload; to == UINT32_MAX: up to its end */
};

struct script_packet {
    enum script_direction direction;
    const struct script_encap *encaps; /* outermost first */
    size_t encap_count;
    struct script_ip ip;
    bool has_psp;
    uint32_t psp_spi;
    bool has_ports; /* inbound: overrides the mapped ports */
    struct script_value src_port, dst_port;
    enum script_proto proto;
    struct script_tcp tcp;
    struct script_value udp_len;
    struct script_icmp icmp;
    uint32_t frag_size;               /* 0: none */
    const struct script_range *frags; /* none: count 0 */
    size_t frag_count;
};

/* ---- calls -------------------------------------------------------------------------------- */

enum script_arg_kind {
    SCRIPT_ARG_ELLIPSIS, /* ... : the runner supplies it */
    SCRIPT_ARG_INT,      /* number; is_hex: written so */
    SCRIPT_ARG_STRING,   /* text, text_len: may hold zero bytes */
    SCRIPT_ARG_SYMBOL,   /* text: AF_INET, O_NONBLOCK, NULL ... */
    SCRIPT_ARG_OR,       /* items joined by | */
    SCRIPT_ARG_LIST,     /* [a, b]: items */
    SCRIPT_ARG_STRUCT,   /* {a=1, b=2}, {..., 100}: items, each with a name or without */
    SCRIPT_ARG_CALL,   /* inet_addr("1.2.3.4"), htons(80): text is the name, items the arguments */
    SCRIPT_ARG_ADDRESS /* an address without quotes: text */
};

/*
 * An argument. In a struct each item has the name before its `=` in @name, and what stood in parentheses
 * after the name in @size: {msg_name(...)=..., msg_iov(1)=[{..., 10}]}.
 */
struct script_arg {
    enum script_arg_kind kind;
    const char *name;
    const struct script_arg *size;
    int64_t number;
    bool is_hex;
    const char *text;
    size_t text_len;
    const struct script_arg *items;
    size_t count;
    unsigned line, column;
};

struct script_call {
    const char *name;
    const struct script_arg *args;
    size_t arg_count;
    struct script_arg result; /* INT, SYMBOL, OR or ELLIPSIS */
    const char *errno_name;   /* NULL: none was written */
    const char *errno_text;   /* the text in parentheses after it, never compared; or NULL */
    const char *note;         /* a text in parentheses at the end; or NULL */
    bool is_blocking;         /* `... END` */
    int64_t end_ns;           /* same base as the event's time */
};

/* ---- ours --------------------------------------------------------------------------------- */

struct script_peer {
    const char *name;
    const char *address; /* IPv4 literal */
    uint32_t ip;         /* the same as a number */
    uint16_t port;       /* 0: the runner chooses */
    unsigned line;
};

enum script_op { SCRIPT_EQ, SCRIPT_NE, SCRIPT_LT, SCRIPT_LE, SCRIPT_GT, SCRIPT_GE };

struct script_check {
    const char *fact; /* state, cwnd, ... : the runner knows them */
    enum script_op op;
    const char *word; /* TIME_WAIT; or NULL, then value */
    struct script_value value;
    bool has_fd;
    int fd; /* script's descriptor */
};

enum script_fault_what {
    SCRIPT_FAULT_NONE, /* all rules end */
    SCRIPT_FAULT_DROP,
    SCRIPT_FAULT_CORRUPT,
    SCRIPT_FAULT_DUPLICATE,
    SCRIPT_FAULT_DELAY
};
enum script_fault_when { SCRIPT_FAULT_NEXT, SCRIPT_FAULT_EVERY, SCRIPT_FAULT_CHANCE };

struct script_fault {
    enum script_fault_what what;
    int64_t delay_ns;
    enum script_fault_when when;
    uint32_t count;       /* next N, every N */
    uint32_t chance_ppm;  /* chance: parts of a million */
    bool inward, outward; /* which way */
    bool has_flags;       /* only TCP segments with exactly these flags */
    uint16_t flags;
};

struct script_repeat {
    uint32_t count;
    const char *counter; /* name, without $; or NULL */
    const struct script_event *events;
    size_t event_count;
};

/* ---- events ------------------------------------------------------------------------------- */

enum script_time_kind {
    SCRIPT_TIME_NONE, /* repeat: at once, the events inside have times */
    SCRIPT_TIME_ABSOLUTE,
    SCRIPT_TIME_RELATIVE,
    SCRIPT_TIME_ABSOLUTE_RANGE,
    SCRIPT_TIME_RELATIVE_RANGE,
    SCRIPT_TIME_ANY
};

enum script_event_kind {
    SCRIPT_PACKET,
    SCRIPT_CALL,
    SCRIPT_COMMAND,
    SCRIPT_CODE,
    SCRIPT_CHECK,
    SCRIPT_FAULT,
    SCRIPT_REPEAT
};

struct script_event {
    unsigned line, column; /* where it begins, both from 1 */
    const char *source;    /* the statement as written, runs of blanks as one */
    enum script_time_kind time_kind;
    int64_t start_ns, end_ns; /* end only in ranges */
    enum script_event_kind kind;
    const struct script_peer *peer; /* PACKET, CHECK: which peer; NULL: the usual one */
    union {
        const struct script_packet *packet;
        const struct script_call *call;
        const char *command;
        const char *code;
        const struct script_check *check;
        const struct script_fault *fault;
        const struct script_repeat *repeat;
    };
    unsigned code_line; /* CODE: the line where the text of the code begins */
};

struct script_option {
    const char *name;  /* without -- */
    const char *value; /* NULL: none was written */
    unsigned line;
};

struct script {
    const char *file;
    const struct script_option *options; /* of the file's head, in their order; `define` included */
    size_t option_count;
    const char *init_command, *cleanup_command; /* or NULL */
    unsigned init_line, cleanup_line;
    const struct script_peer *peers;
    size_t peer_count;
    const struct script_event *events;
    size_t event_count;
    struct arena *arena;
};

/* A symbol given by --define=NAME=VALUE or -D NAME=VALUE; it beats one of the file's head. */
struct script_define {
    const char *name;
    const char *value;
};

/**
 * script_parse - make the tree of a script.
 * @file:   its name, for messages
 * @text:   the bytes of the file; need not end with a zero; not used after the call
 * @defines, @define_count: symbols from the command line
 * @error:  SCRIPT_ERROR_MAX bytes for the message
 *
 * Return: the tree, to be freed by script_free(); or NULL.
 * Errors: NULL, and one line in @error: `FILE:LINE:COLUMN: what: how to mend it`.
 */
struct script *script_parse(const char *file, const char *text, size_t len,
                            const struct script_define *defines, size_t define_count, char *error);

/** script_load - the same for a file on disk; `-` is standard input. */
struct script *script_load(const char *file, const struct script_define *defines,
                           size_t define_count, char *error);

void script_free(struct script *s);

/** script_option_value - the last value of an option in the head. Return: NULL if it is not there,
 * "" if it has no value. */
const char *script_option_value(const struct script *s, const char *name);

/** script_print - write a script that script_parse() reads as the same tree. */
void script_print(const struct script *s, FILE *out);
/** script_print_event - one event in the same manner, without its time when @with_time is false. */
void script_print_event(const struct script_event *e, bool with_time, FILE *out);

/**
 * script_value_of - the number that a value stands for.
 * @lookup: gives the number of a kept name; false when it knows none
 *
 * Return: false when a name is unknown, then *@unknown is that name.
 */
bool script_value_of(const struct script_value *v,
                     bool (*lookup)(void *arg, const char *name, int64_t *number), void *arg,
                     int64_t *number, const char **unknown);

/** script_opt_name - "mss", "sackOK", ... */
const char *script_opt_name(enum script_opt_kind kind);
/** script_flags_text - "S.", "P.", "-", "SEWA"; @buf has 16 bytes. Return: @buf. */
const char *script_flags_text(uint16_t flags, bool as_ace, char *buf);

#endif
