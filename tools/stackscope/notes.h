/*
 * notes.h - walks over the records of a capture file on their way to libpcap.
 *
 * Twice. *Ahead* of libpcap, over bytes that it has not seen: is each record whole and possible? So a
 * broken file ends at a known offset and with a sentence, libpcap sees only what is right, and nobody
 * allocates what a record claims to have. *Behind* libpcap, record by record with the frames that it
 * hands out: what it does not tell, interface, direction and comments.
 *
 * On the way ahead three things are smoothed that libpcap refuses and Wireshark reads: interfaces with
 * different link types or snapshot lengths in one pcapng file, frames longer than the snapshot length of
 * the header, and Simple Packet Blocks cut by one. What they really were is remembered.
 *
 * Formats: pcap (draft-ietf-opsawg-pcap) in either byte order, with micro- or nanoseconds, and the older
 * and modified ones that libpcap reads; pcapng (draft-ietf-opsawg-pcapng), both byte orders, any number of
 * sections and interfaces.
 *
 * Memory: 144 bytes for each interface of a section (4096 at most), 4 for each Simple Packet Block of what
 * is handed on at once.
 */
#ifndef STACKSCOPE_NOTES_H
#define STACKSCOPE_NOTES_H

#include "frame.h"

enum notes_format { NOTES_UNKNOWN, NOTES_PCAP, NOTES_PCAPNG };

/* Longer ones are no record but a broken file. */
enum { NOTES_RECORD_MAX = 16 << 20, NOTES_INTERFACES = 4096, NOTES_COMMENT_MAX = 65535 };

struct notes_interface {
    int linktype;      /* LINKTYPE_ of the file */
    uint32_t snaplen;  /* 0: no limit */
    char name[56], description[72]; /* empty: not told */
    uint32_t ip4, mask; /* of if_IPv4addr, 0: not told */
};

/* What stands beside a frame. */
struct note {
    uint64_t offset; /* of the record in the file */
    uint32_t interface;
    uint32_t wire_len; /* 0: as libpcap says */
    enum frame_dir dir;
    struct span comment; /* valid until the next call of either function */
    uint64_t id;
};

struct notes {
    enum notes_format format;
    bool swapped;         /* the section's byte order is not ours */
    bool lengths_swapped; /* of an old pcap: the length on the wire stands first */
    bool lengths_either;  /* ... or may */
    uint32_t record_hdr;  /* of pcap */
    const char *name;     /* of the format */
    uint64_t at;          /* offset in the file of what comes next */
    uint64_t need;        /* bytes that the next record has, as far as known */
    bool has_header, broken;
    uint64_t broken_at;
    char error[200];
    /* Interfaces of this section; base: how many were before it. */
    struct notes_interface *interface;
    uint32_t count, room, base;
    uint32_t *short_len; /* lengths on the wire of Simple Packet Blocks */
    uint32_t short_count, short_room, short_next;
    /* Behind. */
    const uint8_t *p, *end;
    uint64_t p_at;
    uint8_t *joined; /* several comments of a frame as one */
};

void notes_init(struct notes *n);
void notes_free(struct notes *n);

/**
 * notes_ahead - look at the next bytes of the file.
 * @p:    they; what libpcap would refuse is changed there
 * @last: nothing comes behind them
 *
 * All records that an earlier call found must have been taken by notes_next().
 *
 * Return: how many of them are whole records and can be handed to libpcap; notes_next() walks over
 * these. 0 and n->broken: the file is broken here; otherwise at least n->need bytes are needed.
 */
size_t notes_ahead(struct notes *n, uint8_t *p, size_t len, bool last);

/** notes_next - the next frame of what notes_ahead() found. Return: whether there is one. */
bool notes_next(struct notes *n, struct note *out);

/** notes_next_at - offset of the record that comes next, for a message. */
uint64_t notes_next_at(const struct notes *n);

#endif
