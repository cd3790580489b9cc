/*
 * capture.h - write the frames of a host to a file that Wireshark opens.
 *
 * pcapng by default: nanoseconds, the interface's name and addresses, of each frame the direction, the
 * number that the host gave it (epb_packetid) and comments, and at the end a statistics block. A path
 * that ends in `.pcap` gives a classic file (nanosecond magic) through libpcap, which has room for none
 * of that but time and bytes.
 *
 * Interfaces. Usually there is one, `wire`: what the host received and what it sent, each frame once;
 * one that a bad wire lost on either way is among them and marked. With `sent` there is a second of
 * that name, and most frames stand in the file twice: on `sent` as their sender sent them, on `wire` as
 * they came out of the bad wire, if they did. What happened to a frame is told on `sent` then; the copies
 * of a frame that the host has numbered have the same epb_packetid.
 *
 * Comments arrive after their frame: the frames of one round of the event loop are held until
 * capture_flush(), so that a comment finds its frame by number; then they go to a buffer that is
 * written when it is full or capture_write() is called. Checksums that were left to the device are
 * completed in the written copy; the packet itself is not changed.
 *
 * An error of writing (full disk, reader gone) is kept: it is returned by every call after it, and
 * nothing more is written. A file on a full disk ends with its last whole block.
 */
#ifndef STACKD_CAPTURE_H
#define STACKD_CAPTURE_H

#include "base/pkt.h"

struct capture;

struct capture_options {
    const char *path; /* "-": standard output; NULL: write below */
    /* For a stream: takes one whole block of the format (a header, a frame, the statistics), or
     * returns a negative errno value, which ends the capture. It may throw a frame away. */
    int (*write)(void *ctx, const void *bytes, size_t len);
    void *ctx;
    const char *program; /* and version, for the file's header */
    const char *ifname;  /* of the device */
    struct mac mac;      /* the host's there */
    uint32_t ip4;        /* as well, 0: none */
    uint8_t prefix;
    bool sent;          /* a second interface, see above; not in the classic format */
    uint32_t snaplen;   /* 0: whole frames */
    const char *filter; /* in the language of tcpdump; NULL or "": everything */
};

struct capture_stats {
    uint64_t frames;   /* written */
    uint64_t filtered; /* not wanted by the filter */
    uint64_t bytes;    /* of the file, those written */
};

/**
 * capture_open - begin.
 * @err: receives, on failure, a line "what happened: how to mend it"
 *
 * Return: the capture, or NULL.
 */
struct capture *capture_open(const struct capture_options *o, char *err, size_t err_len);

enum capture_if { CAPTURE_WIRE, CAPTURE_SENT };

/**
 * capture_frame - one frame at the host's boundary.
 * @where:    CAPTURE_SENT only with capture_options.sent
 * @realtime: nanoseconds since 1970
 * @p:        begins with the Ethernet header; borrowed
 * @out:      it leaves the host
 *
 * Return: 0, or the error of the first write that failed.
 */
int capture_frame(struct capture *c, enum capture_if where, const struct pkt *p, bool out,
                  int64_t realtime);

/** capture_number - the frame that was captured last is frame @frame; it had no number then. */
void capture_number(struct capture *c, uint64_t frame);

/** capture_comment - add a comment to frame @frame (struct pkt's), to the first copy, if it is still
 * held. A comment is one line. */
void capture_comment(struct capture *c, uint64_t frame, const char *text, size_t len);

/** capture_flush - a round is over: no more comments for the frames so far. */
int capture_flush(struct capture *c);
/** capture_write - hand everything that is complete to the file. */
int capture_write(struct capture *c);
/** capture_pending - is there something for capture_write()? */
bool capture_pending(const struct capture *c);

/** capture_has_sent - was it opened with `sent`? */
bool capture_has_sent(const struct capture *c);

void capture_get_stats(const struct capture *c, struct capture_stats *s);

/**
 * capture_close - flush, write the statistics, close the file.
 * @received, @dropped: frames, for the statistics block
 * @realtime:           now
 *
 * Return: 0, or the error of the first write that failed.
 */
int capture_close(struct capture *c, uint64_t received, uint64_t dropped, int64_t realtime);

#endif
