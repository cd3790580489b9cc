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
    int64_t time;       /* nanoseconds since 1970 */
    struct span bytes;  /* what was captured; valid until the next source_next() */
    uint32_t wire_len;  /* what was on the wire */
    int linktype;       /* DLT_ of libpcap */
    uint32_t interface; /* of the file, from 0 */
    enum frame_dir dir; /* as the file says */
    struct span comment; /* UTF-8, empty: none */
};

struct source;

struct source_options {
    const char *name;   /* a file, "-" or an interface */
    const char *filter; /* in the language of tcpdump, or NULL */
    bool live;          /* @name is an interface */
    bool progress;      /* show on standard error how far we are, if it is a terminal */
    uint32_t interface; /* only frames of this interface of the file... */
    bool one_interface; /* ... if set */
};

/** source_open - Return: the source, or NULL with one line in @err: "what happened: how to mend it". */
struct source *source_open(const struct source_options *o, char *err, size_t err_len);

/**
 * source_next - the next frame.
 *
 * Return: 1 a frame, 0 the end, -1 the file is broken from here on: source_error() says at which offset
 * and how. What was handed out before stays true.
 */
int source_next(struct source *s, struct frame *f);

/** source_error - one line, naming the offset in the file. Valid until source_close(). */
const char *source_error(const struct source *s);
/** source_stop - let the next source_next() end; safe in a signal handler. */
void source_stop(struct source *s);
void source_close(struct source *s);

#endif
