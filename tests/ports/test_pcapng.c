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

static uint8_t head[PCAPNG_SECTION_MAX + PCAPNG_INTERFACE_MAX];

static size_t header(const char *program, const struct pcapng_interface *i)
{
    size_t n = pcapng_section(head, program);

    return n + pcapng_interface(head + n, i);
}

static void test_pcapng_header_has_section_and_interface(void)
{
    const uint8_t *buf = head;
    const struct pcapng_interface i = {.name = "wire",
                                       .description = "tap0: before",
                                       .filter = "tcp port 80",
                                       .mac = {{2, 0, 0, 0, 0, 2}},
                                       .ip4 = 0x0a000502,
                                       .prefix = 20,
                                       .snaplen = 65535,
                                       .linktype = 113};
    size_t len = 0, n = header("stackd 1", &i);
    const uint8_t *idb = check_block(buf, buf + n, 0x0a0d0d0a), *end;

    T_EQ(u32_at(buf + 8), 0x1a2b3c4d);
    T_EQ(u16_at(buf + 12), 1);
    end = check_block(idb, buf + n, 1);
    T_TRUE(end == buf + n);
    T_EQ(u16_at(idb + 8), 113);
    T_EQ(u32_at(idb + 12), 65535);
    const uint8_t *o = option(idb + 16, 2, &len);

    T_NEED(o != NULL);
    T_EQ(len, 4);
    T_MEM(o, "wire", 4);
    o = option(idb + 16, 3, &len);
    T_NEED(o != NULL && len == 12);
    T_MEM(o, "tap0: before", 12);
    o = option(idb + 16, 4, &len);
    T_NEED(o != NULL && len == 8);
    T_MEM(o, "\x0a\0\5\2\xff\xff\xf0\0", 8); /* address and mask, as on the wire */
    o = option(idb + 16, 9, &len);
    T_NEED(o != NULL && len == 1);
    T_EQ(*o, 9); /* nanoseconds */
    o = option(idb + 16, 6, &len);
    T_NEED(o != NULL && len == 6);
    T_MEM(o, i.mac.b, 6);
    o = option(idb + 16, 11, &len);
    T_NEED(o != NULL);
    T_EQ(len, 12);
    T_MEM(o, "\0tcp port 80", 12);
}

static void test_pcapng_header_long_names_are_cut(void)
{
    char name[1000];
    const struct pcapng_interface i = {
        .name = name, .description = name, .filter = name, .ip4 = 1, .mac = {{2}}};
    const struct pcapng_interface none = {.name = ""};
    size_t len = 0;

    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    size_t n = header(name, &i);

    T_TRUE(check_block(check_block(head, head + n, 0x0a0d0d0a), head + n, 1) == head + n);
    n = header("", &none);
    const uint8_t *idb = check_block(head, head + n, 0x0a0d0d0a);

    T_TRUE(check_block(idb, head + n, 1) == head + n);
    for (uint16_t code = 1; code < 9; code++) /* what is not known is not told */
        T_TRUE(option(idb + 16, code, &len) == NULL);
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

/* Each line is a comment of its own; the last option takes what is too much. */
static void test_pcapng_frame_has_comments_and_an_id(void)
{
    static uint8_t buf[8192];
    char text[2 * 100];
    struct pcapng_frame f = {
        .captured = 60,
        .length = 60,
        .interface = 1,
        .id = 0x100000002,
        .comment = {(const uint8_t *)"one\nthree\n\nx", 12},
    };
    static const char *const want[] = {"one", "three", "", "x"};
    const uint8_t *o = buf + 28 + 60;
    size_t len = 0;

    pcapng_frame(buf, &f);
    T_TRUE(check_block(buf, buf + sizeof(buf), 6) == buf + pcapng_frame_size(&f));
    T_EQ(u32_at(buf + 8), 1);
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        T_EQ(u16_at(o), 1);
        T_EQ(u16_at(o + 2), strlen(want[i]));
        T_MEM(o + 4, want[i], strlen(want[i]));
        o += 4 + ((strlen(want[i]) + 3) & ~(size_t)3);
    }
    o = option(o, 5, &len);
    T_NEED(o != NULL && len == 8);
    uint64_t id;

    memcpy(&id, o, 8);
    T_EQ(id, 0x100000002);

    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? 'c' : '\n';
    f.comment = (struct span){(uint8_t *)text, sizeof(text)};
    pcapng_frame(buf, &f);
    T_TRUE(check_block(buf, buf + sizeof(buf), 6) == buf + pcapng_frame_size(&f));
    T_TRUE(pcapng_frame_size(&f) <= 60 + sizeof(text) + PCAPNG_EPB_MAX);
    unsigned comments = 0;

    for (o = buf + 28 + 60; u16_at(o) == 1; o += 4 + ((u16_at(o + 2) + 3u) & ~3u))
        comments++;
    T_EQ(comments, PCAPNG_COMMENTS);
}

static void test_pcapng_stats(void)
{
    uint8_t buf[PCAPNG_ISB_MAX];
    size_t len = 0, n = pcapng_stats(buf, 1, 7, 12345678901, 3);
    uint64_t v;

    T_TRUE(check_block(buf, buf + n, 5) == buf + n);
    T_EQ(u32_at(buf + 8), 1);
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
       T(test_pcapng_frame_has_comments_and_an_id), T(test_pcapng_stats))
