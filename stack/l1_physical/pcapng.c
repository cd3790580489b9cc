#include "l1_physical/pcapng.h"

enum {
    PCAPNG_SHB = 0x0a0d0d0a,
    PCAPNG_IDB = 1,
    PCAPNG_ISB = 5,
    PCAPNG_EPB = 6,
    PCAPNG_MAGIC = 0x1a2b3c4d,
    PCAPNG_LINKTYPE_ETHERNET = 1
};
enum {
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_SHB_USERAPPL = 4,
    OPT_IF_NAME = 2,
    OPT_IF_MAC = 6,
    OPT_IF_TSRESOL = 9,
    OPT_IF_FILTER = 11,
    OPT_EPB_FLAGS = 2,
    OPT_ISB_IFRECV = 4,
    OPT_ISB_IFDROP = 5
};
enum { PCAPNG_TEXT_MAX = 128 }; /* of names and filters in the header */

/* A place to write to. */
struct pcapng_out {
    uint8_t *start, *p;
};

static void pcapng_u16(struct pcapng_out *o, unsigned v)
{
    uint16_t w = (uint16_t)v;

    memcpy(o->p, &w, 2);
    o->p += 2;
}

static void pcapng_u32(struct pcapng_out *o, uint32_t v)
{
    memcpy(o->p, &v, 4);
    o->p += 4;
}

/* Times and counters are written as two halves, the high one first. */
static void pcapng_u64_halves(struct pcapng_out *o, uint64_t v)
{
    pcapng_u32(o, (uint32_t)(v >> 32));
    pcapng_u32(o, (uint32_t)v);
}

static size_t pcapng_pad(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

static void pcapng_bytes(struct pcapng_out *o, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(o->p, bytes, len);
    memset(o->p + len, 0, pcapng_pad(len) - len);
    o->p += pcapng_pad(len);
}

static void pcapng_option(struct pcapng_out *o, unsigned code, const void *bytes, size_t len)
{
    pcapng_u16(o, code);
    pcapng_u16(o, (unsigned)len);
    pcapng_bytes(o, bytes, len);
}

static void pcapng_text(struct pcapng_out *o, unsigned code, const char *text)
{
    size_t len = 0;

    while (len < PCAPNG_TEXT_MAX && text[len] != '\0')
        len++;
    if (len > 0)
        pcapng_option(o, code, text, len);
}

static uint8_t *pcapng_begin(struct pcapng_out *o, uint32_t type)
{
    uint8_t *block = o->p;

    pcapng_u32(o, type);
    pcapng_u32(o, 0); /* the length, in pcapng_end() */
    return block;
}

static void pcapng_end(struct pcapng_out *o, uint8_t *block)
{
    uint32_t len = (uint32_t)(o->p - block) + 4;

    pcapng_u32(o, len);
    memcpy(block + 4, &len, 4);
}

size_t pcapng_header(uint8_t *out, const char *program, const char *ifname, struct mac mac,
                     uint32_t snaplen, const char *filter)
{
    struct pcapng_out o = {out, out};
    uint8_t *block = pcapng_begin(&o, PCAPNG_SHB);
    uint8_t nanoseconds = 9; /* 10^-9 */

    pcapng_u32(&o, PCAPNG_MAGIC);
    pcapng_u16(&o, 1); /* version 1.0 */
    pcapng_u16(&o, 0);
    pcapng_u32(&o, UINT32_MAX); /* the section's length is not known: -1 in 64 bits */
    pcapng_u32(&o, UINT32_MAX);
    pcapng_text(&o, OPT_SHB_USERAPPL, program);
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);

    block = pcapng_begin(&o, PCAPNG_IDB);
    pcapng_u16(&o, PCAPNG_LINKTYPE_ETHERNET);
    pcapng_u16(&o, 0);
    pcapng_u32(&o, snaplen);
    pcapng_text(&o, OPT_IF_NAME, ifname);
    if (!mac_is_zero(mac))
        pcapng_option(&o, OPT_IF_MAC, mac.b, sizeof(mac.b));
    pcapng_option(&o, OPT_IF_TSRESOL, &nanoseconds, 1);
    if (filter != NULL && filter[0] != '\0') {
        char text[1 + PCAPNG_TEXT_MAX + 1] = {0}; /* code 0: a libpcap filter as text */
        size_t len = 0;

        while (len < PCAPNG_TEXT_MAX && filter[len] != '\0')
            len++;
        memcpy(text + 1, filter, len);
        pcapng_option(&o, OPT_IF_FILTER, text, len + 1);
    }
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT(o.p - o.start <= PCAPNG_HEADER_MAX);
    return (size_t)(o.p - o.start);
}

static size_t pcapng_comment_len(const struct pcapng_frame *f)
{
    return size_min(f->comment.len, PCAPNG_COMMENT_MAX);
}

size_t pcapng_frame_size(const struct pcapng_frame *f)
{
    size_t comment = pcapng_comment_len(f);

    /* block header 8, fixed part 20, epb_flags 8, end of options 4, length 4 */
    return 8 + 20 + pcapng_pad(f->captured) + 8 + (comment > 0 ? 4 + pcapng_pad(comment) : 0) + 4 +
           4;
}

uint8_t *pcapng_frame(uint8_t *out, const struct pcapng_frame *f)
{
    struct pcapng_out o = {out, out};
    uint8_t *block = pcapng_begin(&o, PCAPNG_EPB);
    uint32_t flags = f->direction;
    size_t pad = pcapng_pad(f->captured) - f->captured;

    pcapng_u32(&o, 0); /* the first interface */
    pcapng_u64_halves(&o, (uint64_t)f->time);
    pcapng_u32(&o, f->captured);
    pcapng_u32(&o, f->length);
    uint8_t *bytes = o.p;

    o.p += f->captured;
    memset(o.p, 0, pad);
    o.p += pad;
    if (pcapng_comment_len(f) > 0)
        pcapng_option(&o, OPT_COMMENT, f->comment.p, pcapng_comment_len(f));
    pcapng_option(&o, OPT_EPB_FLAGS, &flags, sizeof(flags));
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT((size_t)(o.p - out) == pcapng_frame_size(f));
    return bytes;
}

size_t pcapng_stats(uint8_t *out, int64_t time, uint64_t received, uint64_t dropped)
{
    struct pcapng_out o = {out, out};
    uint8_t *block = pcapng_begin(&o, PCAPNG_ISB);

    pcapng_u32(&o, 0);
    pcapng_u64_halves(&o, (uint64_t)time);
    pcapng_option(&o, OPT_ISB_IFRECV, &received, sizeof(received));
    pcapng_option(&o, OPT_ISB_IFDROP, &dropped, sizeof(dropped));
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT(o.p - o.start <= PCAPNG_ISB_MAX);
    return (size_t)(o.p - o.start);
}
