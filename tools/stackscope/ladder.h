/*
 * ladder.h - the sequence diagram of a connection: what is kept of it, and how it is drawn.
 *
 * Three steps. While the capture passes, each segment becomes a *row* (ladder_rows.c). At the end the rows
 * are told what only the rest of the capture shows, which arrows did not arrive, and those that a
 * reader would skip are *folded* into one row that says how many they were. Then one of three pens
 * draws: text for a terminal, SVG, Mermaid.
 *
 * What is lost? An arrow ends in a cross where the capture itself says so: a comment of the host that
 * refused the frame, or the receiver's duplicate ACKs and SACKs that made the sender send it again. A
 * segment that is sent again after a timeout was lost, or its ACK was: from the wire nobody can tell
 * the two apart, so its arrow has a question mark.
 *
 * Memory: LADDER_ROWS rows of a connection and LADDER_ROWS_ALL of all of them, 128 bytes each and the
 * comments; states LADDER_CHANGES of a connection. When a connection has more rows, its middle is folded
 * early: the beginning, the end and the count of what lies between are kept.
 */
#ifndef STACKSCOPE_LADDER_H
#define STACKSCOPE_LADDER_H

#include <stdio.h>

#include "track.h"

enum {
    LADDER_ROWS = 8192,
    LADDER_ROWS_ALL = 1 << 18,
    LADDER_CONNS = 1000,
    LADDER_CHANGES = 64,
    LADDER_COMMENT = 240, /* bytes of a comment that are kept */
    LADDER_LABEL = 160,
    LADDER_NAME = 64
};

enum ladder_fate {
    LADDER_ARRIVED,
    LADDER_LOST,      /* on the way: it never reached the other end */
    LADDER_REFUSED,   /* reached it and was refused */
    LADDER_SENT_AGAIN /* it was lost, or the ACK of it was */
};

struct ladder_row {
    uint64_t frame, nth; /* nth: segment of its connection, from 1 */
    int64_t time;
    uint32_t seq, ack, len, window, what; /* relative; what: enum seg_class */
    uint64_t rtx_of, sent_again; /* frame that had these bytes first; that had them again */
    char *comment;               /* what the capture says beside the frame, NULL: nothing */
    uint16_t mss;                /* 0: no option */
    uint8_t from, flags, fate;
    uint8_t wscale; /* 255: no option */
    uint8_t sack_ok, sack_count;
    bool keep; /* never folded */
    struct {
        uint32_t left, right;
    } sack[TCP_SACK_MAX];
    /* A fold: what it stands for, by sender. */
    uint32_t folded[2], folded_rtx, folded_dup, folded_lost;
    uint64_t folded_bytes[2], last_frame; /* last_frame: of a segment, its own */
    int64_t last_time;
};

struct ladder_change {
    uint64_t frame; /* that caused it, 0: none */
    int64_t time;
    uint8_t end;
    int8_t from, to;
    bool presumed;
    char cause[32];
};

struct ladder {
    uint64_t index;
    char name[2][LADDER_NAME]; /* the ends, `10.0.0.2:80` */
    struct ladder_row *rows;
    size_t count, room, limit;
    struct ladder_change changes[LADDER_CHANGES];
    size_t change_count, changes_lost; /* beyond the limit */
    uint64_t segments, bytes[2], rtx;
    int64_t first_time, last_time;
    size_t *budget; /* rows that all ladders together may still take */
    bool joined, short_of_memory;
};

/* How to draw. */
struct ladder_style {
    unsigned width; /* columns of the terminal */
    bool color, ascii;
    bool all_segments; /* no folds */
    bool no_time;      /* nothing that differs from run to run: no times, no gaps, and segments are
                            counted within their connection instead of frames in the capture */
    size_t rows;       /* at most, after folding; 0: all */
    int64_t gap;       /* silence that is marked, ns */
    const char *names[2]; /* instead of addresses, NULL: addresses */
};

void ladder_init(struct ladder *l, size_t limit, size_t *budget);
void ladder_free(struct ladder *l);
/** ladder_segment - one more segment. */
void ladder_segment(struct ladder *l, const struct track_segment *s);
void ladder_state(struct ladder *l, const struct track_state *s);
/** ladder_ended - take from the connection what the heading says. */
void ladder_ended(struct ladder *l, const struct track_conn *c);

/** ladder_finish - which arrows did not arrive; then fold. Once, before drawing. */
void ladder_finish(struct ladder *l, const struct ladder_style *style);

void ladder_text(FILE *out, const struct ladder *l, const struct ladder_style *style);
void ladder_mermaid(FILE *out, const struct ladder *l, const struct ladder_style *style);
/** ladder_svg - @count ladders, one below the other, as one picture. */
void ladder_svg(FILE *out, const struct ladder *const *l, size_t count,
                const struct ladder_style *style);

/** ladder_is_dsack - RFC 2883: the first block of a SACK tells of a segment that came twice, when it lies
 * below the ACK or inside the second block. */
bool ladder_is_dsack(const struct ladder_row *r);

/* What the pens share (ladder_view.c). */

static inline bool ladder_is_fold(const struct ladder_row *r)
{
    return r->folded[0] + r->folded[1] > 0;
}

/** ladder_label - `SYN,ACK seq=0 ack=1 win=65535 mss=1460`: as much of it as fits into @max columns,
 * what matters less being left out first. Return: columns. */
unsigned ladder_label(const struct ladder_row *r, unsigned max, char out[LADDER_LABEL]);
/** ladder_fold_text - `40 more segments, 57,920 bytes`. */
void ladder_fold_text(const struct ladder_row *r, bool ascii, char out[LADDER_LABEL]);

enum ladder_tone { LADDER_NOTE, LADDER_WARN, LADDER_BAD };

struct ladder_note {
    enum ladder_tone tone;
    char text[LADDER_COMMENT + 16];
};
enum { LADDER_NOTES = 8 };

/** ladder_notes - what is to be said about a row below its arrow. Return: how many lines. */
unsigned ladder_notes(const struct ladder *l, const struct ladder_row *r,
                      const struct ladder_style *style, struct ladder_note out[LADDER_NOTES]);

/** ladder_number - `#12`, the frame; `[3]`, the segment of its connection, where frames are not told.
 * Return: @out. */
char *ladder_number(const struct ladder_row *r, const struct ladder_style *style, char out[32]);
/** ladder_find - the row of this frame. Return: NULL: not kept, or folded. */
struct ladder_row *ladder_find(const struct ladder *l, uint64_t frame);

/** ladder_next_change - the changes of @end with frames in [row's first, row's last], one after another.
 * @row: NULL: those that belong to no row. @at: start with 0. Return: NULL after the last. */
const struct ladder_change *ladder_next_change(const struct ladder *l, const struct ladder_row *row,
                                               unsigned end, size_t *at);
/** ladder_first_state - of an end, before anything changed; -1: unknown. */
int ladder_first_state(const struct ladder *l, unsigned end);
/** ladder_gap - the silence in front of row @i if it is to be marked, else 0. */
int64_t ladder_gap(const struct ladder *l, size_t i, const struct ladder_style *style);
/** ladder_title - `connection 0: 13 segments, 3,828 bytes, 1.2 ms`. */
void ladder_title(const struct ladder *l, const struct ladder_style *style, char *out, size_t len);
const char *ladder_name(const struct ladder *l, const struct ladder_style *style, unsigned end);
/** ladder_arrow_class - "arrow", "control", "rtx", "reset", "dup": a class of svg.c, a colour of text. */
const char *ladder_arrow_class(const struct ladder_row *r);

#endif
