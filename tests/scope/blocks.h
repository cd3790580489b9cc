/*
 * blocks.h - capture files as bytes, by hand: blocks of pcapng and records of pcap in either byte order,
 * right or wrong as wanted.
 */
#ifndef TESTS_SCOPE_BLOCKS_H
#define TESTS_SCOPE_BLOCKS_H

#include <stdbool.h>
#include <string.h>

#include "t.h"

enum { FILE_MAX = 1 << 17 };

struct file {
    uint8_t b[FILE_MAX];
    size_t len;
    bool swapped;
};

static inline void file_bytes(struct file *f, const void *p, size_t len)
{
    T_NEED(f->len + len + 4 <= FILE_MAX);
    if (len > 0)
        memcpy(f->b + f->len, p, len);
    f->len += len;
}

static inline void file_u32(struct file *f, uint32_t v)
{
    v = f->swapped ? __builtin_bswap32(v) : v;
    file_bytes(f, &v, 4);
}

static inline void file_u16(struct file *f, unsigned v)
{
    uint16_t w = f->swapped ? __builtin_bswap16((uint16_t)v) : (uint16_t)v;

    file_bytes(f, &w, 2);
}

static inline void file_pad(struct file *f)
{
    static const uint8_t zero[4];

    file_bytes(f, zero, (4 - f->len % 4) % 4);
}

static inline void file_option(struct file *f, unsigned code, const void *p, size_t len)
{
    file_u16(f, code);
    file_u16(f, (unsigned)len);
    file_bytes(f, p, len);
    file_pad(f);
}

static inline void file_text(struct file *f, unsigned code, const char *text)
{
    file_option(f, code, text, strlen(text));
}

/* Between these two the body; returns where the block begins. */
static inline size_t file_block(struct file *f, uint32_t type)
{
    size_t at = f->len;

    file_u32(f, type);
    file_u32(f, 0);
    return at;
}

static inline void file_put32(struct file *f, size_t at, uint32_t v)
{
    size_t len = f->len;

    f->len = at;
    file_u32(f, v);
    f->len = len;
}

static inline void file_end(struct file *f, size_t at)
{
    file_u32(f, (uint32_t)(f->len + 4 - at));
    file_put32(f, at + 4, (uint32_t)(f->len - at));
}

static inline void file_shb(struct file *f)
{
    size_t at = file_block(f, 0x0a0d0d0a);

    file_u32(f, 0x1a2b3c4d);
    file_u16(f, 1);
    file_u16(f, 0);
    file_u32(f, 0xffffffff);
    file_u32(f, 0xffffffff);
    file_end(f, at);
}

static inline void file_idb(struct file *f, unsigned linktype, uint32_t snaplen, const char *name)
{
    size_t at = file_block(f, 1);

    file_u16(f, linktype);
    file_u16(f, 0);
    file_u32(f, snaplen);
    if (name != NULL) {
        file_text(f, 2, name);
        file_option(f, 9, "\x09", 1);
        file_u32(f, 0);
    }
    file_end(f, at);
}

/* An Enhanced Packet Block up to its options; to be ended. */
static inline size_t file_epb(struct file *f, uint32_t interface, uint64_t time, const void *p,
                              size_t len, uint32_t wire_len)
{
    size_t at = file_block(f, 6);

    file_u32(f, interface);
    file_u32(f, (uint32_t)(time >> 32));
    file_u32(f, (uint32_t)time);
    file_u32(f, (uint32_t)len);
    file_u32(f, wire_len);
    file_bytes(f, p, len);
    file_pad(f);
    return at;
}

static inline void file_pcap(struct file *f, uint32_t magic, uint32_t snaplen, uint32_t linktype)
{
    file_u32(f, magic);
    file_u16(f, 2);
    file_u16(f, 4);
    file_u32(f, 0);
    file_u32(f, 0);
    file_u32(f, snaplen);
    file_u32(f, linktype);
}

static inline void file_record(struct file *f, uint32_t sec, uint32_t frac, const void *p,
                               size_t len, uint32_t wire_len)
{
    file_u32(f, sec);
    file_u32(f, frac);
    file_u32(f, (uint32_t)len);
    file_u32(f, wire_len);
    file_bytes(f, p, len);
}

#endif
