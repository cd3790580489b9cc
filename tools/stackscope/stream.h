/*
 * stream.h - the bytes of a capture file, read in large pieces, checked by notes.c and handed on to
 * libpcap as a FILE. A file that gzip has packed is unpacked, where zlib was there at build time.
 *
 * Memory: one buffer, as large as a piece or as the largest record, 16 MiB at most.
 */
#ifndef STACKSCOPE_STREAM_H
#define STACKSCOPE_STREAM_H

#include <signal.h>
#include <stdio.h>

#include "notes.h"

struct stream {
    struct notes notes;
    const char *name;
    int fd;
    void *gz;          /* gzFile */
    uint64_t size;     /* of the file, 0: unknown */
    bool is_regular, is_over;
    bool progress;
    int64_t started, told; /* monotonic, for the progress */
    uint8_t *buf;
    size_t room, len;      /* bytes in it */
    size_t from, to;       /* of them: to be handed on */
    volatile sig_atomic_t *stop;
};

/** stream_open - @name, "-" for standard input. Return: whether it went well, else a line in @err. */
bool stream_open(struct stream *s, const char *name, char *err, size_t err_len);

/** stream_file - the bytes for libpcap; fclose() does not close the stream. */
FILE *stream_file(struct stream *s);

/** stream_clear_progress - take the line away, before something else is printed. */
void stream_clear_progress(struct stream *s);
void stream_close(struct stream *s);

/** stream_has_gzip - was zlib there at build time? */
bool stream_has_gzip(void);

#endif
