/*
 * frame.h - one frame of a capture, and where frames come from.
 *
 * A source hands out the frames of a file, of standard input or of a live interface one after another,
 * through libpcap. What libpcap does not hand over, the notes of a pcapng file (which interface, which
 * direction, what somebody wrote beside the frame), comes from notes.c, which reads along.
 *
 * Memory: one frame and one buffer of the file, whatever its size.
 */
#ifndef STACKSCOPE_FRAME_H
#define STACKSCOPE_FRAME_H

#include "base/base.h"
#include "base/ip_addr.h"

enum frame_dir { FRAME_DIR_UNKNOWN, FRAME_IN, FRAME_OUT };

struct frame {
    uint64_t number;    /* from 1, as Wireshark counts, also where a filter left some out */
    int64_t time;       /* nanoseconds since 1970; from 0 to half of what fits: two can be added */
    struct span bytes;  /* what was captured; valid until the next source_next() */
    uint32_t wire_len;  /* what was on the wire */
    int linktype;       /* DLT_ of libpcap */
    uint32_t interface; /* of the file, from 0 */
    enum frame_dir dir; /* as the file says */
    struct span comment; /* UTF-8, a line for each if there are several; empty: none */
    uint64_t id;        /* that the writer gave the packet (frame.packet_id in Wireshark), 0: none */
};

struct source;

struct source_options {
    const char *name;      /* a file, "-" or an interface */
    const char *filter;    /* in the language of tcpdump, or NULL */
    bool live;             /* @name is an interface */
    bool progress;         /* show on standard error how far we are, if it is a terminal */
    const char *interface; /* only frames of this interface of the file, by number from 0 or name; "all";
                            * NULL: all but those named `sent` (frames before the bad wire) */
};

/* What is known of a source by now. */
struct source_facts {
    const char *name, *format; /* "pcapng", "live capture" ... */
    bool live, packed;         /* packed by gzip */
    uint64_t size, offset;     /* of the file, 0: unknown; how much of it (unpacked) is behind us */
    int linktype;              /* of the first interface, DLT_ */
    uint64_t frames;           /* handed out or left out so far */
};

/* An interface as a pcapng file describes it. */
struct source_interface {
    const char *name, *description; /* empty: not told */
    int linktype;      /* DLT_ */
    uint32_t snaplen;  /* 0: no limit */
    uint32_t ip4, mask; /* its address, 0: not told */
};

/** source_open - Return: the source, or NULL with one line in @err: "what happened: how to mend it". */
struct source *source_open(const struct source_options *o, char *err, size_t err_len);

/**
 * source_next - the next frame.
 *
 * Return: 1 a frame, 0 the end, -1 the file is broken from here on: source_error() says at which offset
 * and how; or it is at its end and has no such interface. What was handed out before stays true.
 */
int source_next(struct source *s, struct frame *f);

/** source_error - one line, naming the offset in the file. Valid until source_close(). */
const char *source_error(const struct source *s);
/** source_failed - did source_next() return -1? What a command misses may stand behind the break, so it leaves the
 * word to source_error(). @s may be NULL. */
bool source_failed(const struct source *s);
/** source_facts - what it is. Names are valid until source_close(). */
struct source_facts source_facts(const struct source *s);
/** source_interface - number @i of the current section; its names are valid until the next source_next().
 * Return: whether there is such a one. */
bool source_interface(const struct source *s, uint32_t i, struct source_interface *out);
/** source_clear_progress - no more of it: something else is to be printed. */
void source_clear_progress(struct source *s);
/** source_stop - let the next source_next() end; safe in a signal handler. */
void source_stop(struct source *s);
void source_close(struct source *s);

#endif
