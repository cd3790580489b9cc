/*
 * check.h - findings: what is wrong or suspicious in a capture.
 *
 * Each kind has a row in the table of check.c: its name, how bad it is, a sentence, where it is written.
 * The families look (check_tcp.c at segments, check_conn.c at connections and who opens them, check_net.c
 * below) and report; check.c counts, groups and bounds what is said. All memory is in struct check and of
 * fixed size, but a small block for each connection.
 */
#ifndef STACKSCOPE_CHECK_H
#define STACKSCOPE_CHECK_H

#include "track.h"

enum check_kind {
    CHECK_BAD_SUM,
    CHECK_MALFORMED,
    CHECK_OPTIONS,
    CHECK_AFTER_FIN,
    CHECK_WINDOW_EXCEEDED,
    CHECK_BLIND_RST,
    CHECK_BLIND_SYN,
    CHECK_BLIND_DATA,
    CHECK_SYN_FLOOD,
    CHECK_HALF_OPEN,
    CHECK_PORT_SCAN,
    CHECK_ODD_FLAGS,
    CHECK_LAND,
    CHECK_SMALL_MSS,
    CHECK_PAWS,
    CHECK_RTX_STORM,
    CHECK_SPURIOUS,
    CHECK_ZERO_STALL,
    CHECK_SILLY_WINDOW,
    CHECK_TTL,
    CHECK_MARTIAN,
    CHECK_REDIRECT,
    CHECK_FRAG_OVERLAP,
    CHECK_FRAG_BEYOND,
    CHECK_FRAG_TINY,
    CHECK_ARP_CONFLICT,
    CHECK_ARP_CHANGE,
    CHECK_ARP_SENDER,
    CHECK_OFFLOAD,
    CHECK_LOST,
    CHECK_KINDS
};

enum {
    CHECK_EXAMPLES = 5,     /* of each kind in the text */
    CHECK_JSON_MAX = 10000, /* of each kind as JSON; all are counted */
    CHECK_SERVERS = 1024,
    CHECK_PAIRS = 1024,
    CHECK_ARPS = 1024,
    CHECK_FRAGS = 256,
    CHECK_PIECES = 32
};

struct check_example {
    uint64_t frame;
    int64_t time;
    char where[120]; /* a connection, an address */
    char detail[120];
};

struct check_found {
    uint64_t count, frame_last;
    struct check_example example[CHECK_EXAMPLES];
};

/* A socket that is asked for connections. */
struct check_server {
    struct scope_addr addr;
    uint16_t port;
    bool used, flood_told, pile_told;
    uint32_t half_open;    /* now */
    uint32_t syns, opened; /* in the second that began at... */
    int64_t second;
    uint64_t second_frame;
};

/* Who asks whom: the ports, as a bitmap of their hashes. */
struct check_pair {
    struct scope_addr src, dst;
    bool used, told;
    uint16_t ports; /* different ones */
    uint64_t seen[16];
};

struct check_arp {
    uint32_t ip;
    bool used, told;
    struct mac mac, before; /* before: whom the address belonged to */
    uint64_t frame;
};

struct check_frag {
    struct scope_addr src, dst;
    uint32_t id;
    uint8_t proto;
    bool used, told;
    uint8_t pieces;
    uint64_t age;
    struct {
        uint32_t from, to;
    } piece[CHECK_PIECES];
};

/* Of each connection, in user[CHECK_USER]. */
struct check_conn {
    struct check_end {
        uint32_t ts_last;
        bool has_ts, ttl_told, storm_told, silly_told, spurious_told, exceeded_told, lost_told,
            stall_told, half_open;
        uint8_t ttl, storm, silly; /* storm: sent again in a row */
        int16_t sums;              /* right ones less wrong ones */
        uint32_t sums_wrong;
        int64_t zero_since; /* 0: the window is open */
        uint64_t zero_frame, first_wrong;
    } end[2];
};
enum { CHECK_USER = 3 };

struct check {
    const struct scope_options *o;
    struct track *track;
    const struct frame *frame; /* at hand */
    struct siphash_key key;    /* of the tables */
    struct check_found found[CHECK_KINDS];
    struct check_server server[CHECK_SERVERS];
    struct check_pair pair[CHECK_PAIRS];
    struct check_arp arp[CHECK_ARPS];
    struct check_frag frag[CHECK_FRAGS];
    uint64_t age;
};

/** check_report - found: in frame @number of @time, at @where, and more words about it. */
__attribute__((format(printf, 6, 7))) void check_report(struct check *k, enum check_kind kind,
                                                        uint64_t number, int64_t time,
                                                        const char *where, const char *detail, ...);

/** check_conn_of - the block of a connection; NULL without memory. */
struct check_conn *check_conn_of(struct track_conn *c);
/** check_where - the connection as text, the sender first. Return: @out of 120 bytes. */
char *check_where(const struct track_conn *c, unsigned from, char *out);

/* The families. */
void check_segment(struct check *k, const struct track_segment *g); /* check_tcp.c */
void check_opens(struct check *k, const struct track_segment *g);   /* check_conn.c */
void check_state(struct check *k, const struct track_state *s);
void check_servers_end(struct check *k);
void check_conn_ended(struct check *k, struct track_conn *c);
void check_net(struct check *k, const struct frame *f, const struct dissect *d); /* check_net.c */

#endif
