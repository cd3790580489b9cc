/*
 * test_capture.c - frames and comments to a file, read back block by block or by libpcap.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "l1_physical/capture.h"
#include "t.h"

enum { MEM = 1 << 20 };

static uint8_t *t_mem;
static struct pkt_pool t_pool;
static char path[64], err[512];

static void setup(const char *suffix)
{
    struct region r = {.p = t_mem = calloc(1, MEM), .len = MEM};

    pkt_pool_cut(&t_pool, &r, 4, 2048);
    snprintf(path, sizeof(path), "/tmp/test_capture-XXXXXX%s", suffix);
    int fd = mkstemps(path, (int)strlen(suffix));

    T_NEED(fd >= 0);
    close(fd);
}

static void teardown(void)
{
    T_EQ(t_pool.slab.used, 0);
    free(t_mem);
    unlink(path);
}

static struct pkt *frame(uint64_t number, uint32_t len)
{
    struct pkt *p = pkt_alloc(&t_pool, 66);

    memset(pkt_append(p, len), 0, len);
    pkt_data(p)[12] = 0x08;
    p->frame = number;
    return p;
}

static struct capture *start(uint32_t snaplen, const char *filter)
{
    struct capture_options o = {
        .path = path, .program = "test", .ifname = "tap0", .snaplen = snaplen, .filter = filter};
    struct capture *c = capture_open(&o, err, sizeof(err));

    if (c == NULL)
        printf("     %s\n", err);
    T_NEED(c != NULL);
    return c;
}

static void put(struct capture *c, uint64_t number, uint32_t len, bool out, int64_t t)
{
    struct pkt *p = frame(number, len);

    T_EQ(capture_frame(c, CAPTURE_WIRE, p, out, t), 0);
    pkt_release(p);
}

static uint8_t *whole_file(size_t *len)
{
    FILE *f = fopen(path, "rb");
    static uint8_t buf[1 << 20];

    T_NEED(f != NULL);
    *len = fread(buf, 1, sizeof(buf), f);
    fclose(f);
    return buf;
}

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* Block number @n of type @type in the file; its length in *@len. */
static const uint8_t *block(uint32_t type, unsigned n, uint32_t *len)
{
    size_t size;
    const uint8_t *p = whole_file(&size), *end = p + size;

    for (; end - p >= 12; p += *len) {
        *len = u32_at(p + 4);
        T_NEED(*len >= 12 && *len <= (size_t)(end - p));
        if (u32_at(p) == type && n-- == 0)
            return p;
    }
    T_EQ(end - p, 0); /* whole blocks only */
    return NULL;
}

static bool contains(const uint8_t *p, size_t len, const char *text)
{
    return memmem(p, len, text, strlen(text)) != NULL;
}

static void test_capture_comments_find_their_frames(void)
{
    uint32_t len;

    setup(".pcapng");
    struct capture *c = start(0, NULL);

    put(c, 1, 60, false, 1000000001);
    put(c, 2, 70, true, 1000000002);
    capture_comment(c, 2, "second", 6);
    capture_comment(c, 1, "first", 5);
    capture_comment(c, 1, "more", 4);
    capture_comment(c, 9, "nobody", 6);
    T_EQ(capture_flush(c), 0);
    capture_comment(c, 1, "too late", 8);
    T_EQ(capture_close(c, 2, 0, 5), 0);

    const uint8_t *b = block(6, 0, &len);

    T_NEED(b != NULL);
    T_EQ(u32_at(b + 20), 60);
    T_MEM(b + 28 + 60, "\1\0\5\0first\0\0\0\1\0\4\0more", 20); /* two comments */
    T_EQ(u32_at(b + len - 4 - 4 - 12 - 4), 1);                 /* the flags: inbound */
    T_EQ(u32_at(b + len - 4 - 4 - 8), 1);                      /* the number */
    b = block(6, 1, &len);
    T_NEED(b != NULL);
    T_TRUE(contains(b, len, "second"));
    T_EQ(u32_at(b + len - 4 - 4 - 12 - 4), 2);
    T_EQ(u32_at(b + len - 4 - 4 - 8), 2);
    T_EQ(u32_at(b + 16), 1000000002);
    T_TRUE(block(6, 2, &len) == NULL);
    T_TRUE(block(5, 0, &len) != NULL);
    size_t size;
    const uint8_t *all = whole_file(&size);

    T_FALSE(contains(all, size, "nobody"));
    T_FALSE(contains(all, size, "too late"));
    teardown();
}

static void test_capture_completes_checksums_in_the_copy_only(void)
{
    uint32_t len;

    setup(".pcapng");
    struct capture *c = start(0, NULL);
    struct pkt *p = frame(1, 62);
    uint8_t *d = pkt_data(p);

    for (unsigned i = 34; i < 62; i++)
        d[i] = (uint8_t)(i * 31);
    p->csum = CSUM_PARTIAL;
    p->csum_start = (uint16_t)(p->off + 34);
    p->csum_off = 16;
    uint8_t before[62], want[62];

    memcpy(before, d, 62);
    T_EQ(capture_frame(c, CAPTURE_WIRE, p, true, 1), 0);
    T_MEM(d, before, 62);
    T_EQ(p->csum, CSUM_PARTIAL);
    pkt_csum_complete(p);
    memcpy(want, d, 62);
    pkt_release(p);
    T_EQ(capture_close(c, 0, 0, 2), 0);
    const uint8_t *b = block(6, 0, &len);

    T_NEED(b != NULL);
    T_MEM(b + 28, want, 62);
    T_TRUE(memcmp(want, before, 62) != 0);
    teardown();
}

static void test_capture_snaplen_and_filter(void)
{
    struct capture_stats s;
    uint32_t len;

    setup(".pcapng");
    struct capture *c = start(64, "len > 100");

    put(c, 1, 60, false, 1);
    put(c, 2, 200, false, 2);
    capture_get_stats(c, &s);
    T_EQ(s.frames, 1);
    T_EQ(s.filtered, 1);
    T_EQ(capture_close(c, 0, 0, 3), 0);
    const uint8_t *b = block(6, 0, &len);

    T_NEED(b != NULL);
    T_EQ(u32_at(b + 20), 64);
    T_EQ(u32_at(b + 24), 200);
    struct capture_options o = {
        .path = path, .program = "t", .ifname = "t", .filter = "nonsense !"};

    T_TRUE(capture_open(&o, err, sizeof(err)) == NULL);
    T_TRUE(strstr(err, "pcap-filter(7)") != NULL);
    teardown();
}

static void test_capture_more_than_is_held(void)
{
    struct capture_stats s;
    uint32_t len;

    setup(".pcapng");
    struct capture *c = start(0, NULL);

    for (uint64_t i = 1; i <= 1500; i++)
        put(c, i, 300, true, (int64_t)i);
    capture_comment(c, 1500, "last", 4);
    capture_get_stats(c, &s);
    T_EQ(s.frames, 1500);
    T_EQ(capture_close(c, 0, 0, 1), 0);
    for (unsigned i = 0; i < 1500; i += 499) {
        const uint8_t *b = block(6, i, &len);

        T_NEED(b != NULL);
        T_EQ(u32_at(b + 16), i + 1);
    }
    T_TRUE(block(6, 1500, &len) == NULL);
    teardown();
}

/* As many comments as one likes, to frames in turn, stay with theirs. */
static void test_capture_comments_in_turn(void)
{
    uint32_t len;
    char text[32];

    setup(".pcapng");
    struct capture *c = start(0, NULL);

    for (uint64_t i = 1; i <= 3; i++)
        put(c, i, 60, true, (int64_t)i);
    for (unsigned k = 0; k < 20; k++) {
        for (uint64_t i = 1; i <= 3; i++) {
            size_t n = (size_t)snprintf(text, sizeof(text), "note %u of frame %d", k, (int)i);

            capture_comment(c, i, text, n);
        }
    }
    T_EQ(capture_close(c, 0, 0, 1), 0);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *b = block(6, i, &len), *o = b + 28 + 60;

        T_NEED(b != NULL);
        for (unsigned k = 0; k < 20; k++) {
            size_t n = (size_t)snprintf(text, sizeof(text), "note %u of frame %u", k, i + 1);

            T_EQ(u32_at(o), (uint32_t)n << 16 | 1);
            T_MEM(o + 4, text, n);
            o += 4 + ((n + 3) & ~(size_t)3);
        }
        T_EQ(u32_at(o), 4u << 16 | 2); /* then the flags */
    }
    teardown();
}

/* Before the bad wire and behind it: two interfaces; what happened is told on the first. */
static void test_capture_sent_is_a_second_interface(void)
{
    uint32_t len;

    setup(".pcapng");
    struct capture_options o = {.path = path,
                                .program = "test",
                                .ifname = "tap0",
                                .sent = true,
                                .ip4 = 0x0a000002,
                                .prefix = 24};
    struct capture *c = capture_open(&o, err, sizeof(err));

    T_NEED(c != NULL);
    T_TRUE(capture_has_sent(c));
    struct pkt *p = frame(1, 60);

    T_EQ(capture_frame(c, CAPTURE_SENT, p, true, 1), 0);
    T_EQ(capture_frame(c, CAPTURE_WIRE, p, true, 1), 0); /* a copy of it */
    capture_comment(c, 1, "sent twice", 10);
    p->frame = 0; /* one that comes in has no number at first */
    T_EQ(capture_frame(c, CAPTURE_SENT, p, false, 2), 0);
    capture_number(c, 2);
    capture_comment(c, 2, "lost", 4);
    pkt_release(p);
    T_EQ(capture_close(c, 0, 0, 3), 0);
    const uint8_t *b = block(1, 0, &len);

    T_NEED(b != NULL && contains(b, len, "wire") && contains(b, len, "tap0: after the bad wire"));
    T_TRUE(contains(b, len, "\x0a\0\0\2\xff\xff\xff"));
    b = block(1, 1, &len);
    T_NEED(b != NULL && contains(b, len, "sent") && contains(b, len, "tap0: before the bad wire"));
    b = block(6, 0, &len);
    T_NEED(b != NULL);
    T_EQ(u32_at(b + 8), 1);
    T_TRUE(contains(b, len, "sent twice"));
    b = block(6, 1, &len);
    T_NEED(b != NULL);
    T_EQ(u32_at(b + 8), 0);
    T_FALSE(contains(b, len, "sent twice"));
    T_EQ(u32_at(b + len - 16), 1); /* the same number */
    b = block(6, 2, &len);
    T_NEED(b != NULL);
    T_EQ(u32_at(b + 8), 1);
    T_EQ(u32_at(b + len - 16), 2);
    T_TRUE(contains(b, len, "lost"));
    teardown();
    setup(".pcap");
    o.path = path;
    T_TRUE(capture_open(&o, err, sizeof(err)) == NULL);
    T_TRUE(strstr(err, ".pcapng") != NULL);
    teardown();
}

/* A frame that the filter threw away is not renamed into another. */
static void test_capture_number_of_a_filtered_frame_is_nobodys(void)
{
    uint32_t len;

    setup(".pcapng");
    struct capture *c = start(0, "len < 100");

    put(c, 1, 60, false, 1);
    put(c, 0, 200, false, 1);
    capture_number(c, 2);
    T_EQ(capture_close(c, 0, 0, 3), 0);
    const uint8_t *b = block(6, 0, &len);

    T_NEED(b != NULL);
    T_EQ(u32_at(b + len - 16), 1);
    teardown();
}

static void test_capture_classic_has_nanoseconds(void)
{
    struct pcap_pkthdr *h;
    const u_char *bytes;
    char text[PCAP_ERRBUF_SIZE];

    setup(".pcap");
    struct capture *c = start(0, NULL);

    put(c, 1, 77, false, 3000000123);
    capture_comment(c, 1, "nowhere", 7);
    T_EQ(capture_close(c, 0, 0, 1), 0);
    pcap_t *in = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);

    T_NEED(in != NULL);
    T_EQ(pcap_next_ex(in, &h, &bytes), 1);
    T_EQ(h->ts.tv_sec, 3);
    T_EQ(h->ts.tv_usec, 123);
    T_EQ(h->len, 77);
    T_EQ(pcap_next_ex(in, &h, &bytes), PCAP_ERROR_BREAK);
    pcap_close(in);
    teardown();
}

/* A full disk is reported by every call from then on. */
static void test_capture_full_disk_is_an_error(void)
{
    struct capture_options o = {.path = "/dev/full", .program = "t", .ifname = "t"};

    T_TRUE(capture_open(&o, err, sizeof(err)) == NULL);
    T_TRUE(strstr(err, strerror(ENOSPC)) != NULL);
}

static int blocks_left;
static unsigned blocks_taken;

static int stream(void *ctx, const void *bytes, size_t len)
{
    T_EQ(u32_at((const uint8_t *)bytes + 4), len); /* one whole block */
    T_TRUE(ctx == &blocks_left);
    if (blocks_left-- <= 0)
        return -EPIPE;
    blocks_taken++;
    return 0;
}

static void test_capture_stream_gets_whole_blocks_until_it_fails(void)
{
    struct capture_options o = {
        .write = stream, .ctx = &blocks_left, .program = "t", .ifname = "t"};

    setup("");
    blocks_left = 4;
    struct capture *c = capture_open(&o, err, sizeof(err));

    T_NEED(c != NULL); /* section header and interface */
    put(c, 1, 60, false, 1);
    put(c, 2, 60, false, 2);
    T_EQ(capture_flush(c), 0);
    T_TRUE(capture_pending(c));
    T_EQ(capture_write(c), 0);
    T_FALSE(capture_pending(c));
    T_EQ(blocks_taken, 4);
    put(c, 3, 60, false, 3);
    T_EQ(capture_flush(c), 0);
    T_EQ(capture_write(c), -EPIPE);
    T_EQ(capture_flush(c), -EPIPE);
    T_EQ(capture_close(c, 0, 0, 4), -EPIPE);
    T_EQ(blocks_taken, 4);
    teardown();
}

T_MAIN("capture", T(test_capture_comments_find_their_frames),
       T(test_capture_completes_checksums_in_the_copy_only), T(test_capture_snaplen_and_filter),
       T(test_capture_more_than_is_held), T(test_capture_comments_in_turn),
       T(test_capture_sent_is_a_second_interface),
       T(test_capture_number_of_a_filtered_frame_is_nobodys),
       T(test_capture_classic_has_nanoseconds), T(test_capture_full_disk_is_an_error),
       T(test_capture_stream_gets_whole_blocks_until_it_fails))
