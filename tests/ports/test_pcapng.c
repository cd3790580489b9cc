/*
 * test_pcapng.c - the blocks byte by byte: lengths at both ends, padding, options.
 */
#include "l1_physical/pcapng.h"
#include "t.h"

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static uint16_t u16_at(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, 2);
    return v;
}

/* A block's length stands at both ends and is a multiple of four. Return: the next block. */
static const uint8_t *check_block(const uint8_t *p, const uint8_t *end, uint32_t type)
{
    uint32_t len = u32_at(p + 4);

    T_EQ(u32_at(p), type);
    T_NEED(len % 4 == 0 && len >= 12 && len <= (size_t)(end - p));
    T_EQ(u32_at(p + len - 4), len);
    return p + len;
}

/* Option @code among the options at @p. Return: its value, *@len its length, or NULL. */
static const uint8_t *option(const uint8_t *p, uint16_t code, size_t *len)
{
    while (u16_at(p) != 0) {
        *len = u16_at(p + 2);
        if (u16_at(p) == code)
            return p + 4;
        p += 4 + ((*len + 3) & ~(size_t)3);
    }
    return NULL;
}

static void test_pcapng_header_has_section_and_interface(void)
{
    uint8_t buf[PCAPNG_HEADER_MAX];
    const struct mac mac = {
        {2, 0, 0, 0, 0, 2}
    };
    size_t len = 0, n = pcapng_header(buf, "stackd 1", "tap0", mac, 65535, "tcp port 80");
    const uint8_t *idb = check_block(buf, buf + n, 0x0a0d0d0a), *end;

    T_EQ(u32_at(buf + 8), 0x1a2b3c4d);
    T_EQ(u16_at(buf + 12), 1);
    end = check_block(idb, buf + n, 1);
    T_TRUE(end == buf + n);
    T_EQ(u16_at(idb + 8), 1); /* Ethernet */
    T_EQ(u32_at(idb + 12), 65535);
    const uint8_t *o = option(idb + 16, 2, &len);

    T_NEED(o != NULL);
    T_EQ(len, 4);
    T_MEM(o, "tap0", 4);
    o = option(idb + 16, 9, &len);
    T_NEED(o != NULL && len == 1);
    T_EQ(*o, 9); /* nanoseconds */
    o = option(idb + 16, 6, &len);
    T_NEED(o != NULL && len == 6);
    T_MEM(o, mac.b, 6);
    o = option(idb + 16, 11, &len);
    T_NEED(o != NULL);
    T_EQ(len, 12);
    T_MEM(o, "\0tcp port 80", 12);
}

static void test_pcapng_header_long_names_are_cut(void)
{
    uint8_t buf[PCAPNG_HEADER_MAX];
    char name[1000];

    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    size_t n = pcapng_header(buf, name, name, (struct mac){{0}}, 1, name);

    T_TRUE(check_block(check_block(buf, buf + n, 0x0a0d0d0a), buf + n, 1) == buf + n);
}

static void check_frame(uint32_t captured, size_t comment)
{
    static uint8_t buf[4096 + 4096 + PCAPNG_EPB_MAX];
    static char text[5000];
    struct pcapng_frame f = {
        .time = 0x1122334455667788,
        .captured = captured,
        .length = captured + 5,
        .direction = PCAPNG_OUT,
        .comment = {(uint8_t *)text, comment}
    };
    size_t len = 0;

    memset(buf, 0xee, sizeof(buf));
    memset(text, 'c', sizeof(text));
    uint8_t *bytes = pcapng_frame(buf, &f);

    memset(bytes, 0xaa, captured);
    T_TRUE(check_block(buf, buf + sizeof(buf), 6) == buf + pcapng_frame_size(&f));
    T_EQ(buf[pcapng_frame_size(&f)], 0xee); /* nothing behind it */
    T_EQ(u32_at(buf + 12), 0x11223344);
    T_EQ(u32_at(buf + 16), 0x55667788);
    T_EQ(u32_at(buf + 20), captured);
    T_EQ(u32_at(buf + 24), captured + 5);
    const uint8_t *options = buf + 28 + ((captured + 3) & ~3u);

    for (const uint8_t *pad = buf + 28 + captured; pad < options; pad++)
        T_EQ(*pad, 0);
    const uint8_t *o = option(options, 2, &len);

    T_NEED(o != NULL && len == 4);
    T_EQ(u32_at(o), PCAPNG_OUT);
    o = option(options, 1, &len);
    T_EQ(o != NULL, comment > 0);
    if (comment > 0)
        T_EQ(len, comment > PCAPNG_COMMENT_MAX ? PCAPNG_COMMENT_MAX : comment);
}

static void test_pcapng_frame_every_padding(void)
{
    for (uint32_t captured = 60; captured < 64; captured++) {
        for (size_t comment = 0; comment < 6; comment++)
            check_frame(captured, comment);
    }
    check_frame(0, 0);
    check_frame(1514, 4999); /* a comment that is too long is cut */
}

static void test_pcapng_stats(void)
{
    uint8_t buf[PCAPNG_ISB_MAX];
    size_t len = 0, n = pcapng_stats(buf, 7, 12345678901, 3);
    uint64_t v;

    T_TRUE(check_block(buf, buf + n, 5) == buf + n);
    const uint8_t *o = option(buf + 20, 4, &len);

    T_NEED(o != NULL && len == 8);
    memcpy(&v, o, 8);
    T_EQ(v, 12345678901);
    o = option(buf + 20, 5, &len);
    T_NEED(o != NULL && len == 8);
    memcpy(&v, o, 8);
    T_EQ(v, 3);
}

T_MAIN("pcapng", T(test_pcapng_header_has_section_and_interface),
       T(test_pcapng_header_long_names_are_cut), T(test_pcapng_frame_every_padding),
       T(test_pcapng_stats))
