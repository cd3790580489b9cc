/*
 * pcapng.h - the blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes.
 *
 * One section, its interfaces, nanoseconds, in the byte order of the machine (the section header's
 * magic number tells the reader). Every block begins and ends with its length, so a file that was
 * cut off is readable to its last whole block. Options are written with exact lengths and padded to
 * 32 bits with zeros. Pure functions: no input or output here.
 */
#ifndef STACKD_PCAPNG_H
#define STACKD_PCAPNG_H

#include "base/ip_addr.h"

enum { PCAPNG_IN = 1, PCAPNG_OUT = 2 }; /* direction bits of epb_flags */
enum { PCAPNG_ETHERNET = 1 };           /* link type */
/* Of all comments of a frame together; of more than so many the last ones share an option. */
enum { PCAPNG_COMMENT_MAX = 4096, PCAPNG_COMMENTS = 32 };

/* Bytes that the blocks below need at most, without the variable parts. */
enum {
    PCAPNG_SECTION_MAX = 256,
    PCAPNG_INTERFACE_MAX = 512,
    PCAPNG_EPB_MAX = 128 + PCAPNG_COMMENTS * 8,
    PCAPNG_ISB_MAX = 128
};

/* What an Interface Description Block says. */
struct pcapng_interface {
    const char *name, *description; /* NULL or "": none */
    const char *filter;             /* in the language of tcpdump; NULL or "": none */
    struct mac mac;                 /* zero: not told */
    uint32_t ip4;                   /* host order; 0: not told */
    uint8_t prefix;                 /* of its subnet */
    uint32_t snaplen;
    uint16_t linktype;              /* PCAPNG_ETHERNET, or another LINKTYPE_ */
};

/* An Enhanced Packet Block without its bytes. */
struct pcapng_frame {
    int64_t time; /* nanoseconds since 1970 */
    uint32_t captured, length;
    unsigned direction;  /* PCAPNG_IN, PCAPNG_OUT */
    struct span comment; /* UTF-8; a line each becomes an option of its own; empty: none */
    uint64_t id;         /* the same in all blocks of one frame; 0: none */
    uint32_t interface;  /* from 0, in the order of their descriptions */
};

/** pcapng_section - the header, which comes first. Return: bytes written to @out. */
size_t pcapng_section(uint8_t *out, const char *program);
/** pcapng_interface - describe the next interface. Return: bytes written to @out. */
size_t pcapng_interface(uint8_t *out, const struct pcapng_interface *i);

/** pcapng_frame_size - bytes of the whole block of @f. */
size_t pcapng_frame_size(const struct pcapng_frame *f);
/**
 * pcapng_frame - write the block of @f around its bytes.
 *
 * Return: where in @out the f->captured bytes of the frame belong; the caller puts them there.
 */
uint8_t *pcapng_frame(uint8_t *out, const struct pcapng_frame *f);

/** pcapng_stats - Interface Statistics Block. Return: bytes written. */
size_t pcapng_stats(uint8_t *out, uint32_t interface, int64_t time, uint64_t received,
                    uint64_t dropped);

#endif
