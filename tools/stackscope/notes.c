#include "notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PCAP_HDR = 24,
    PCAP_MAJOR = 4,
    PCAP_MINOR = 6,
    PCAP_SNAPLEN = 16,
    PCAP_CAPLEN = 8,
    PCAP_LEN = 12
};
enum {
    NG_SHB = 0x0a0d0d0a,
    NG_IDB = 1,
    NG_PB = 2, /* obsolete Packet Block */
    NG_SPB = 3,
    NG_EPB = 6,
    NG_ETHERNET = 1,
    NG_MAGIC = 0x1a2b3c4d
};
/* Lengths of blocks without packet and options, both lengths included. */
enum { NG_MIN = 12, NG_SHB_MIN = 28, NG_IDB_MIN = 20, NG_SPB_MIN = 16, NG_EPB_MIN = 32 };
enum {
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_IF_NAME = 2,
    OPT_IF_DESCRIPTION = 3,
    OPT_IF_IP4 = 4,
    OPT_EPB_FLAGS = 2,
    OPT_EPB_ID = 5
};

void notes_init(struct notes *n)
{
    *n = (struct notes){.need = PCAP_HDR};
}

void notes_free(struct notes *n)
{
    free(n->interface);
    free(n->short_len);
    free(n->joined);
    *n = (struct notes){0};
}

static uint32_t notes_u32(const struct notes *n, const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return n->swapped ? __builtin_bswap32(v) : v;
}

static uint64_t notes_u64(const struct notes *n, const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return n->swapped ? __builtin_bswap64(v) : v;
}

static uint16_t notes_u16(const struct notes *n, const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, 2);
    return n->swapped ? __builtin_bswap16(v) : v;
}

static void notes_put32(const struct notes *n, uint8_t *p, uint32_t v)
{
    v = n->swapped ? __builtin_bswap32(v) : v;
    memcpy(p, &v, 4);
}

static void notes_put16(const struct notes *n, uint8_t *p, uint16_t v)
{
    v = n->swapped ? __builtin_bswap16(v) : v;
    memcpy(p, &v, 2);
}

__attribute__((format(printf, 3, 4))) static bool notes_break(struct notes *n, uint64_t at,
                                                              const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(n->error, sizeof(n->error), fmt, ap);
    va_end(ap);
    n->broken = true;
    n->broken_at = at;
    return false;
}

/* ---- ahead: pcap ---- */

/* The first four bytes of a file; the order of bytes is the writer's. */
static bool notes_magic(struct notes *n, const uint8_t *p)
{
    static const struct {
        uint32_t magic, record_hdr;
        const char *name;
    } kinds[] = {
        {0xa1b2c3d4, 16, "pcap, microseconds"         },
        {0xa1b23c4d, 16, "pcap, nanoseconds"          },
        {0xa1b2cd34, 24, "pcap of Kuznetzov's tcpdump"},
    };
    uint32_t magic;

    memcpy(&magic, p, 4);
    if (magic == NG_SHB) {
        n->format = NOTES_PCAPNG;
        n->name = "pcapng";
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (magic != kinds[i].magic && magic != __builtin_bswap32(kinds[i].magic))
            continue;
        n->format = NOTES_PCAP;
        n->swapped = magic != kinds[i].magic;
        n->record_hdr = kinds[i].record_hdr;
        n->name = kinds[i].name;
        return true;
    }
    return notes_break(n, 0,
                       "it begins with %02x %02x %02x %02x, which is neither pcap nor pcapng: try "
                       "editcap -F pcapng, if Wireshark knows it",
                       p[0], p[1], p[2], p[3]);
}

static struct notes_interface *notes_add_interface(struct notes *n)
{
    if (n->count == n->room) {
        uint32_t room = n->room == 0 ? 4 : n->room * 2;
        struct notes_interface *all = realloc(n->interface, room * sizeof(*all));

        if (all == NULL)
            return NULL;
        n->interface = all;
        n->room = room;
    }
    n->interface[n->count] = (struct notes_interface){0};
    return &n->interface[n->count++];
}

/* Whatever the snapshot length was, frames are as long as their records say. */
static bool notes_pcap_header(struct notes *n, uint8_t *p)
{
    struct notes_interface *i = notes_add_interface(n);
    uint16_t major = notes_u16(n, p + PCAP_MAJOR), minor = notes_u16(n, p + PCAP_MINOR);

    if (i == NULL)
        return notes_break(n, 0, "no memory");
    n->lengths_swapped = (major == 2 && minor < 3) || major == 543;
    n->lengths_either = major == 2 && minor == 3;
    i->linktype = (int)(notes_u32(n, p + 20) & 0xffff);
    i->snaplen = notes_u32(n, p + PCAP_SNAPLEN);
    notes_put32(n, p + PCAP_SNAPLEN, 0);
    n->has_header = true;
    return true;
}

static uint32_t notes_pcap_caplen(const struct notes *n, const uint8_t *p)
{
    uint32_t first = notes_u32(n, p + PCAP_CAPLEN), second = notes_u32(n, p + PCAP_LEN);

    if (n->lengths_swapped || (n->lengths_either && first > second))
        return second;
    return first;
}

/* Return: bytes of the record at @p, of which @len are there; 0: not whole, or broken. */
static size_t notes_pcap_record(struct notes *n, const uint8_t *p, size_t len)
{
    n->need = n->record_hdr;
    if (len < n->record_hdr)
        return 0;
    uint32_t caplen = notes_pcap_caplen(n, p);

    if (unlikely(caplen > NOTES_RECORD_MAX)) {
        notes_break(n, n->at, "a frame that claims to have %u bytes", caplen);
        return 0;
    }
    n->need = (uint64_t)n->record_hdr + caplen;
    return len < n->need ? 0 : (size_t)n->need;
}

/* ---- ahead: pcapng ---- */

/* notes_option - the option at *@at of the list @s, and *@at behind it. Return: its code; OPT_END at the
 * end, which is also where a list is damaged: libpcap does not look at options at all. */
static unsigned notes_option(const struct notes *n, struct span s, size_t *at, struct span *value)
{
    if (s.len - *at < 4)
        return OPT_END;
    unsigned code = notes_u16(n, s.p + *at);
    size_t len = notes_u16(n, s.p + *at + 2);

    if (code == OPT_END || len > s.len - *at - 4)
        return OPT_END;
    *value = (struct span){s.p + *at + 4, len};
    *at = size_min(s.len, *at + 4 + ((len + 3) & ~(size_t)3));
    return code;
}

static uint32_t notes_net32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool notes_idb(struct notes *n, uint8_t *p, uint32_t len)
{
    if (n->count == NOTES_INTERFACES)
        return notes_break(n, n->at, "more than %d interfaces", NOTES_INTERFACES);
    struct notes_interface *i = notes_add_interface(n);
    struct span options = {p + 16, len - NG_IDB_MIN}, value;
    size_t at = 0;

    if (i == NULL)
        return notes_break(n, n->at, "no memory for another interface");
    i->linktype = notes_u16(n, p + 8);
    i->snaplen = notes_u32(n, p + 12);
    for (unsigned code; (code = notes_option(n, options, &at, &value)) != OPT_END;) {
        if (code == OPT_IF_NAME)
            memcpy(i->name, value.p, size_min(value.len, sizeof(i->name) - 1));
        if (code == OPT_IF_DESCRIPTION)
            memcpy(i->description, value.p, size_min(value.len, sizeof(i->description) - 1));
        if (code == OPT_IF_IP4 && value.len == 8) {
            i->ip4 = notes_net32(value.p);
            i->mask = notes_net32(value.p + 4);
        }
    }
    notes_put16(n, p + 8, NG_ETHERNET); /* the same for all */
    notes_put32(n, p + 12, 0);
    return true;
}

/* A new section: its own byte order, its own interfaces. */
static bool notes_shb(struct notes *n, const uint8_t *p)
{
    uint32_t magic;

    memcpy(&magic, p + 8, 4);
    if (magic != NG_MAGIC && magic != __builtin_bswap32(NG_MAGIC))
        return notes_break(n, n->at, "a section whose byte order cannot be told (%08x)", magic);
    bool swapped = magic != NG_MAGIC;

    if (n->has_header && swapped != n->swapped)
        return notes_break(n, n->at,
                           "a section in another byte order than the one before it: try "
                           "editcap -F pcapng IN OUT");
    n->swapped = swapped;
    n->has_header = true;
    n->base += n->count;
    n->count = 0;
    return true;
}

static bool notes_spb(struct notes *n, uint8_t *p, uint32_t len)
{
    uint32_t wire = notes_u32(n, p + 8), captured = u32_min(wire, len - NG_SPB_MIN);

    if (n->count == 0)
        return notes_break(n, n->at, "a frame before any interface");
    if (n->interface[0].snaplen > 0)
        captured = u32_min(captured, n->interface[0].snaplen);
    if (n->short_count == n->short_room) {
        uint32_t room = n->short_room == 0 ? 64 : n->short_room * 2;
        uint32_t *all = realloc(n->short_len, room * sizeof(*all));

        if (all == NULL)
            return notes_break(n, n->at, "no memory");
        n->short_len = all;
        n->short_room = room;
    }
    n->short_len[n->short_count++] = wire;
    notes_put32(n, p + 8, captured);
    return true;
}

static bool notes_packet(struct notes *n, const uint8_t *p, uint32_t type, uint32_t len)
{
    uint32_t interface = type == NG_EPB ? notes_u32(n, p + 8) : notes_u16(n, p + 8);
    uint32_t captured = notes_u32(n, p + 20);

    if (unlikely(interface >= n->count))
        return notes_break(n, n->at, "a frame of interface %u, and there are %u", interface,
                           n->count);
    if (unlikely(captured > len - NG_EPB_MIN))
        return notes_break(n, n->at, "a frame of %u bytes in a block of %u", captured, len);
    return true;
}

static bool notes_block(struct notes *n, uint8_t *p, uint32_t type, uint32_t len)
{
    static const uint8_t least[] = {
        [NG_IDB] = NG_IDB_MIN, [NG_PB] = NG_EPB_MIN, [NG_SPB] = NG_SPB_MIN, [NG_EPB] = NG_EPB_MIN};

    if (unlikely(type < ARRAY_LEN(least) && len < least[type]))
        return notes_break(n, n->at, "a block of type %u with %u bytes, which needs %u", type, len,
                           least[type]);
    if (likely(type == NG_EPB) || type == NG_PB)
        return notes_packet(n, p, type, len);
    if (type == NG_SPB)
        return notes_spb(n, p, len);
    if (type == NG_IDB)
        return notes_idb(n, p, len);
    return type == NG_SHB ? notes_shb(n, p) : true;
}

/* The length of a section header is in the order that its magic number tells. */
static uint32_t notes_block_len(const struct notes *n, const uint8_t *p, const uint8_t *where)
{
    struct notes as = {.swapped = n->swapped};
    uint32_t magic;

    if (notes_u32(n, p) == NG_SHB) {
        memcpy(&magic, p + 8, 4);
        as.swapped = magic == __builtin_bswap32(NG_MAGIC);
    }
    return notes_u32(&as, where);
}

/* As notes_pcap_record(). @first: nothing of this call stands before it. */
static size_t notes_ng_record(struct notes *n, uint8_t *p, size_t len, bool first)
{
    n->need = NG_MIN;
    if (len < NG_MIN)
        return 0;
    uint32_t type = notes_u32(n, p), total = notes_block_len(n, p, p + 4);

    /* The frames before a new section belong to the interfaces of the old one. */
    if (type == NG_SHB && !first)
        return 0;
    if (unlikely(total < NG_MIN || total % 4 != 0 || (type == NG_SHB && total < NG_SHB_MIN))) {
        notes_break(n, n->at, "a block whose length is %u", total);
        return 0;
    }
    if (unlikely(total > NOTES_RECORD_MAX)) {
        notes_break(n, n->at, "a block that claims to have %u bytes", total);
        return 0;
    }
    n->need = total;
    if (len < total)
        return 0;
    uint32_t again = notes_block_len(n, p, p + total - 4);

    if (unlikely(again != total)) {
        notes_break(n, n->at, "a block that begins with the length %u and ends with %u", total,
                    again);
        return 0;
    }
    return notes_block(n, p, type, total) ? total : 0;
}

/* ---- ahead ---- */

static size_t notes_header(struct notes *n, uint8_t *p, size_t len)
{
    if (len < 4 || (n->format == NOTES_UNKNOWN && !notes_magic(n, p)))
        return 0;
    if (n->format == NOTES_PCAPNG)
        return notes_ng_record(n, p, len, true);
    return len < PCAP_HDR || !notes_pcap_header(n, p) ? 0 : PCAP_HDR;
}

/* What a file that ends inside a record is told. */
static void notes_cut(struct notes *n, size_t have)
{
    if (n->at == 0 && have == 0)
        notes_break(n, 0, "it is empty");
    else if (!n->has_header)
        notes_break(n, 0, "it ends after %zu bytes, inside its header", have);
    else
        notes_break(n, n->at, "it ends inside a %s, after %zu bytes of %s%llu",
                    n->format == NOTES_PCAP ? "frame" : "block", have,
                    n->need <= n->record_hdr || n->need == NG_MIN ? "at least " : "",
                    (unsigned long long)n->need);
}

size_t notes_ahead(struct notes *n, uint8_t *p, size_t len, bool last)
{
    size_t done = 0;

    n->p_at = n->at;
    n->short_count = n->short_next = 0;
    n->p = n->end = p;
    while (!n->broken) {
        size_t left = len - done;
        size_t got = !n->has_header              ? notes_header(n, p, left)
                     : n->format == NOTES_PCAPNG ? notes_ng_record(n, p + done, left, done == 0)
                                                 : notes_pcap_record(n, p + done, left);

        if (got == 0) {
            if (last && !n->broken && (left > 0 || !n->has_header) && done == 0)
                notes_cut(n, left);
            break;
        }
        done += got;
        n->at += got;
        if (n->format == NOTES_PCAP && n->at == PCAP_HDR) { /* no record */
            n->p += PCAP_HDR;
            n->p_at += PCAP_HDR;
        }
    }
    n->end = p + done;
    return done;
}

/* ---- behind ---- */

/* Several comments are one of several lines. */
static void notes_join(struct notes *n, struct note *out, struct span more)
{
    size_t len = out->comment.len;

    if (n->joined == NULL)
        n->joined = malloc(NOTES_COMMENT_MAX);
    if (n->joined == NULL || len + 1 + more.len > NOTES_COMMENT_MAX)
        return;
    if (out->comment.p != n->joined && len > 0)
        memcpy(n->joined, out->comment.p, len);
    n->joined[len] = '\n';
    if (more.len > 0)
        memcpy(n->joined + len + 1, more.p, more.len);
    out->comment = (struct span){n->joined, len + 1 + more.len};
}

static void notes_options(struct notes *n, struct span options, struct note *out)
{
    struct span value;
    size_t at = 0;

    for (unsigned code; (code = notes_option(n, options, &at, &value)) != OPT_END;) {
        if (code == OPT_EPB_FLAGS && value.len == 4)
            out->dir = (enum frame_dir)(notes_u32(n, value.p) & 3) % 3;
        else if (code == OPT_EPB_ID && value.len == 8)
            out->id = notes_u64(n, value.p);
        else if (code == OPT_COMMENT && value.len > 0 && out->comment.len > 0)
            notes_join(n, out, value);
        else if (code == OPT_COMMENT && value.len > 0)
            out->comment = value;
    }
}

static bool notes_next_block(struct notes *n, struct note *out)
{
    uint32_t type = notes_u32(n, n->p), total = notes_block_len(n, n->p, n->p + 4);
    const uint8_t *p = n->p;

    out->offset = n->p_at;
    n->p += total;
    n->p_at += total;
    if (type == NG_EPB || type == NG_PB) {
        size_t front = NG_EPB_MIN - 4 + (((size_t)notes_u32(n, p + 20) + 3) & ~(size_t)3);

        out->interface = n->base + (type == NG_EPB ? notes_u32(n, p + 8) : notes_u16(n, p + 8));
        if (front + 4 < total)
            notes_options(n, (struct span){p + front, total - 4 - front}, out);
        return true;
    }
    if (type == NG_SPB) {
        out->interface = n->base;
        out->wire_len = n->short_len[n->short_next++];
        return true;
    }
    return false;
}

bool notes_next(struct notes *n, struct note *out)
{
    out->interface = out->wire_len = 0;
    out->dir = FRAME_DIR_UNKNOWN;
    out->comment = (struct span){(const uint8_t *)"", 0};
    out->id = 0;
    if (n->format == NOTES_PCAP) {
        if (n->p == n->end)
            return false;
        size_t len = n->record_hdr + (size_t)notes_pcap_caplen(n, n->p);

        out->offset = n->p_at;
        n->p += len;
        n->p_at += len;
        return true;
    }
    while (n->p < n->end) {
        if (notes_next_block(n, out))
            return true;
    }
    return false;
}

uint64_t notes_next_at(const struct notes *n)
{
    return n->p_at;
}
