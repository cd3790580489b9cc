#include "out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "l1_physical/pcapng.h"

enum { OUT_BUFFER = 1 << 20 };

/* A frame that waits. */
struct out_held {
    uint64_t number;
    struct pcapng_frame f;
    char *comment; /* all lines; f.comment is set when it is written */
    size_t comment_len;
    uint8_t bytes[];
};

struct out {
    FILE *file;
    char *path;
    const struct source *src;
    struct out_held **ring; /* of `room`, a power of two; the oldest is ring[first & (room - 1)] */
    size_t room, first, count;
    size_t held;         /* bytes */
    uint32_t interfaces; /* described so far */
    uint8_t *block;
    size_t block_room;
    bool failed;
};

struct out *out_open(const char *path, const struct source *src, char *err, size_t err_len)
{
    struct out *o = calloc(1, sizeof(*o));
    uint8_t head[PCAPNG_SECTION_MAX];

    if (o == NULL || (o->path = strdup(path)) == NULL) {
        snprintf(err, err_len, "%s: no memory", path);
        free(o);
        return NULL;
    }
    o->src = src;
    o->file = fopen(path, "wb");
    if (o->file == NULL) {
        snprintf(err, err_len, "%s: cannot be written: %s", path, strerror(errno));
        free(o->path);
        free(o);
        return NULL;
    }
    setvbuf(o->file, NULL, _IOFBF, OUT_BUFFER);
    size_t len = pcapng_section(head, "stackscope");

    fwrite(head, 1, len, o->file);
    return o;
}

/* ---- writing ---- */

static uint16_t out_linktype(int dlt)
{
    return (uint16_t)(dlt == 12 ? 101 : dlt); /* DLT_RAW has another number in files */
}

static uint8_t out_prefix(uint32_t mask)
{
    uint8_t n = 0;

    while (n < 32 && (mask >> (31 - n) & 1) != 0)
        n++;
    return n;
}

/* Describe every interface up to that of @f. One that had no frame so far and is forgotten is described as
 * Ethernet without a name. */
static void out_describe(struct out *o, const struct frame *f)
{
    while (o->interfaces <= f->interface) {
        struct source_interface in = {.name = "", .description = "", .linktype = PCAPNG_ETHERNET};
        uint8_t block[PCAPNG_INTERFACE_MAX];

        if (o->interfaces == f->interface)
            in.linktype = f->linktype;
        (void)source_interface(o->src, o->interfaces, &in);
        const struct pcapng_interface i = {
            .name = in.name,
            .description = in.description,
            .ip4 = in.ip4,
            .prefix = out_prefix(in.mask),
            .snaplen = in.snaplen,
            .linktype = out_linktype(in.linktype),
        };

        fwrite(block, 1, pcapng_interface(block, &i), o->file);
        o->interfaces++;
    }
}

static void out_write(struct out *o, struct out_held *h)
{
    h->f.comment = (struct span){(const uint8_t *)h->comment, h->comment_len};
    size_t size = pcapng_frame_size(&h->f);

    if (size > o->block_room) {
        uint8_t *block = realloc(o->block, size * 2);

        if (block == NULL) {
            o->failed = true;
            return;
        }
        o->block = block;
        o->block_room = size * 2;
    }
    uint8_t *p = pcapng_frame(o->block, &h->f);

    if (h->f.captured > 0)
        memcpy(p, h->bytes, h->f.captured);
    if (fwrite(o->block, 1, size, o->file) != size)
        o->failed = true;
}

static size_t out_size(const struct out_held *h)
{
    return sizeof(*h) + h->f.captured + h->comment_len;
}

static void out_pop(struct out *o)
{
    struct out_held *h = o->ring[o->first++ & (o->room - 1)];

    o->count--;
    o->held -= out_size(h);
    out_write(o, h);
    free(h->comment);
    free(h);
}

/* ---- holding ---- */

static bool out_room(struct out *o)
{
    if (o->count < o->room)
        return true;
    size_t room = o->room == 0 ? 1024 : o->room * 2;
    struct out_held **ring = malloc(room * sizeof(*ring));

    if (ring == NULL)
        return false;
    for (size_t i = 0; i < o->count; i++)
        ring[i] = o->ring[(o->first + i) & (o->room - 1)];
    free(o->ring);
    o->ring = ring;
    o->room = room;
    o->first = 0;
    return true;
}

/* One more line. Return: false without memory. */
static bool out_add_line(struct out *o, struct out_held *h, struct span text)
{
    size_t len = h->comment_len + (h->comment_len > 0) + text.len;
    char *all = realloc(h->comment, len);

    if (all == NULL)
        return false;
    if (h->comment_len > 0)
        all[h->comment_len] = '\n';
    memcpy(all + len - text.len, text.p, text.len);
    o->held += len - h->comment_len;
    h->comment = all;
    h->comment_len = len;
    return true;
}

bool out_frame(struct out *o, const struct frame *f)
{
    static const unsigned dirs[] = {[FRAME_IN] = PCAPNG_IN, [FRAME_OUT] = PCAPNG_OUT};

    out_describe(o, f);
    struct out_held *h = out_room(o) ? malloc(sizeof(*h) + f->bytes.len) : NULL;

    if (h == NULL)
        return false;
    *h = (struct out_held){
        .number = f->number,
        .f = {.time = f->time,
              .captured = (uint32_t)f->bytes.len,
              .length = f->wire_len,
              .direction = dirs[f->dir],
              .id = f->id,
              .interface = f->interface},
    };
    if (f->bytes.len > 0)
        memcpy(h->bytes, f->bytes.p, f->bytes.len);
    o->ring[(o->first + o->count++) & (o->room - 1)] = h;
    o->held += out_size(h);
    if (f->comment.len > 0 && !out_add_line(o, h, f->comment))
        return false;
    while (o->held > OUT_HELD_MAX && o->count > 1)
        out_pop(o);
    return true;
}

static struct out_held *out_find(struct out *o, uint64_t number)
{
    size_t low = 0, high = o->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        struct out_held *h = o->ring[(o->first + mid) & (o->room - 1)];

        if (h->number == number)
            return h;
        if (h->number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool out_comment(struct out *o, uint64_t number, const char *text)
{
    struct out_held *h = out_find(o, number);
    char late[512];

    if (h != NULL)
        return out_add_line(o, h, (struct span){(const uint8_t *)text, strlen(text)});
    if (o->count == 0)
        return false;
    snprintf(late, sizeof(late), "frame %llu: %s", (unsigned long long)number, text);
    h = o->ring[(o->first + o->count - 1) & (o->room - 1)];
    out_add_line(o, h, (struct span){(const uint8_t *)late, strlen(late)});
    return false;
}

bool out_has(struct out *o, uint64_t number, const char *text)
{
    const struct out_held *h = out_find(o, number);
    size_t len = strlen(text);

    for (size_t at = 0; h != NULL && at < h->comment_len;) {
        const char *line = h->comment + at;
        const char *end = memchr(line, '\n', h->comment_len - at);
        size_t n = end != NULL ? (size_t)(end - line) : h->comment_len - at;

        if (n == len && memcmp(line, text, n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

/* The newest stays, for what comes late. */
void out_settled(struct out *o, uint64_t number)
{
    while (o->count > 1 && o->ring[o->first & (o->room - 1)]->number <= number)
        out_pop(o);
}

bool out_close(struct out *o, char *err, size_t err_len)
{
    while (o->count > 0)
        out_pop(o);
    bool failed = o->failed || ferror(o->file) != 0;

    if (fclose(o->file) != 0)
        failed = true;
    if (failed)
        snprintf(err, err_len, "%s: cannot be written: %s", o->path,
                 errno != 0 ? strerror(errno) : "is the disk full?");
    free(o->path);
    free(o->ring);
    free(o->block);
    free(o);
    return !failed;
}
