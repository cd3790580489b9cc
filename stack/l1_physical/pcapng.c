#include "l1_physical/pcapng.h"

#include "wire/bytes.h"

enum {
    PCAPNG_SHB = 0x0a0d0d0a,
    PCAPNG_IDB = 1,
    PCAPNG_ISB = 5,
    PCAPNG_EPB = 6,
    PCAPNG_MAGIC = 0x1a2b3c4d
};
enum {
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_SHB_USERAPPL = 4,
    OPT_IF_NAME = 2,
    OPT_IF_DESCRIPTION = 3,
    OPT_IF_IPV4 = 4,
    OPT_IF_MAC = 6,
    OPT_IF_TSRESOL = 9,
    OPT_IF_FILTER = 11,
    OPT_EPB_FLAGS = 2,
    OPT_EPB_PACKETID = 5,
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

    while (text != NULL && len < PCAPNG_TEXT_MAX && text[len] != '\0')
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

size_t pcapng_section(uint8_t *out, const char *program)
{
    struct pcapng_out o = {out, out};
    uint8_t *block = pcapng_begin(&o, PCAPNG_SHB);

    pcapng_u32(&o, PCAPNG_MAGIC);
    pcapng_u16(&o, 1); /* version 1.0 */
    pcapng_u16(&o, 0);
    pcapng_u32(&o, UINT32_MAX); /* the section's length is not known: -1 in 64 bits */
    pcapng_u32(&o, UINT32_MAX);
    pcapng_text(&o, OPT_SHB_USERAPPL, program);
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT(o.p - o.start <= PCAPNG_SECTION_MAX);
    return (size_t)(o.p - o.start);
}

/* A libpcap filter as text: code 0 in front. */
static void pcapng_filter(struct pcapng_out *o, const char *filter)
{
    char text[1 + PCAPNG_TEXT_MAX] = {0};
    size_t len = 0;

    while (len < PCAPNG_TEXT_MAX && filter[len] != '\0')
        len++;
    memcpy(text + 1, filter, len);
    if (len > 0)
        pcapng_option(o, OPT_IF_FILTER, text, len + 1);
}

size_t pcapng_interface(uint8_t *out, const struct pcapng_interface *i)
{
    struct pcapng_out o = {out, out};
    uint8_t *block = pcapng_begin(&o, PCAPNG_IDB);
    uint8_t nanoseconds = 9; /* 10^-9 */
    uint8_t ip4[8];

    pcapng_u16(&o, i->linktype);
    pcapng_u16(&o, 0);
    pcapng_u32(&o, i->snaplen);
    pcapng_text(&o, OPT_IF_NAME, i->name);
    pcapng_text(&o, OPT_IF_DESCRIPTION, i->description);
    if (i->ip4 != 0) { /* in the order of the network, as on the wire */
        put32(ip4, i->ip4);
        put32(ip4 + 4, i->prefix == 0 ? 0 : UINT32_MAX << (32 - i->prefix));
        pcapng_option(&o, OPT_IF_IPV4, ip4, sizeof(ip4));
    }
    if (!mac_is_zero(i->mac))
        pcapng_option(&o, OPT_IF_MAC, i->mac.b, sizeof(i->mac.b));
    pcapng_option(&o, OPT_IF_TSRESOL, &nanoseconds, 1);
    if (i->filter != NULL)
        pcapng_filter(&o, i->filter);
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT(o.p - o.start <= PCAPNG_INTERFACE_MAX);
    return (size_t)(o.p - o.start);
}

/* The next comment of @rest, number @n from 0; *@rest is what follows it. */
static struct span pcapng_comment(struct span *rest, unsigned n)
{
    struct span one = *rest;
    const uint8_t *nl = memchr(rest->p, '\n', rest->len);

    if (nl == NULL || n + 1 == PCAPNG_COMMENTS) {
        rest->len = 0;
        return one;
    }
    one.len = (size_t)(nl - one.p);
    *rest = (struct span){nl + 1, rest->len - one.len - 1};
    return one;
}

static struct span pcapng_comments(const struct pcapng_frame *f)
{
    return (struct span){f->comment.p, size_min(f->comment.len, PCAPNG_COMMENT_MAX)};
}

size_t pcapng_frame_size(const struct pcapng_frame *f)
{
    struct span rest = pcapng_comments(f);
    /* block header 8, fixed part 20, epb_flags 8, end of options 4, length 4 */
    size_t size = 8 + 20 + pcapng_pad(f->captured) + 8 + 4 + 4;

    for (unsigned n = 0; rest.len > 0; n++)
        size += 4 + pcapng_pad(pcapng_comment(&rest, n).len);
    return size + (f->id != 0 ? 12 : 0);
}

uint8_t *pcapng_frame(uint8_t *out, const struct pcapng_frame *f)
{
    struct pcapng_out o = {out, out};
    struct span rest = pcapng_comments(f);
    uint8_t *block = pcapng_begin(&o, PCAPNG_EPB);
    uint32_t flags = f->direction;
    size_t pad = pcapng_pad(f->captured) - f->captured;

    pcapng_u32(&o, f->interface);
    pcapng_u64_halves(&o, (uint64_t)f->time);
    pcapng_u32(&o, f->captured);
    pcapng_u32(&o, f->length);
    uint8_t *bytes = o.p;

    o.p += f->captured;
    memset(o.p, 0, pad);
    o.p += pad;
    for (unsigned n = 0; rest.len > 0; n++) {
        struct span one = pcapng_comment(&rest, n);

        pcapng_option(&o, OPT_COMMENT, one.p, one.len);
    }
    pcapng_option(&o, OPT_EPB_FLAGS, &flags, sizeof(flags));
    if (f->id != 0)
        pcapng_option(&o, OPT_EPB_PACKETID, &f->id, sizeof(f->id));
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT((size_t)(o.p - out) == pcapng_frame_size(f));
    return bytes;
}

size_t pcapng_stats(uint8_t *out, uint32_t interface, int64_t time, uint64_t received,
                    uint64_t dropped)
{
    struct pcapng_out o = {out, out};
    uint8_t *block = pcapng_begin(&o, PCAPNG_ISB);

    pcapng_u32(&o, interface);
    pcapng_u64_halves(&o, (uint64_t)time);
    pcapng_option(&o, OPT_ISB_IFRECV, &received, sizeof(received));
    pcapng_option(&o, OPT_ISB_IFDROP, &dropped, sizeof(dropped));
    pcapng_option(&o, OPT_END, NULL, 0);
    pcapng_end(&o, block);
    NET_ASSERT(o.p - o.start <= PCAPNG_ISB_MAX);
    return (size_t)(o.p - o.start);
}
