/*
 * Frames out of files: every format and byte order, interfaces, notes, filters, and files that are cut,
 * wrong or hostile. The files lie in memory (memfd), by hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcap/dlt.h>

#include "blocks.h"
#include "frame.h"

static struct file file;
static struct source *source;
static struct frame frame;
static char err[512], name[64];
static int fd = -1;
static struct source_options options;

static void begin(bool swapped)
{
    file.len = 0;
    file.swapped = swapped;
    options = (struct source_options){0};
}

/* Open what was written. */
static bool opens(void)
{
    fd = memfd_create("capture", 0);
    T_NEED(fd >= 0 && write(fd, file.b, file.len) == (ssize_t)file.len);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    options.name = name;
    err[0] = '\0';
    source = source_open(&options, err, sizeof(err));
    return source != NULL;
}

static void over(void)
{
    source_close(source);
    source = NULL;
    close(fd);
}

/* Everything that follows is read without a fault. */
static void expect_end(void)
{
    T_EQ(source_next(source, &frame), 0);
    over();
}

/* The next call says that the file is broken, where, and with these words. */
static void expect_broken(size_t at, const char *words)
{
    char where[64];
    int got = source_next(source, &frame);

    T_EQ(got, -1);
    snprintf(where, sizeof(where), "broken at offset %zu: ", at);
    if (got == -1 && (strstr(source_error(source), where) == NULL ||
                      strstr(source_error(source), words) == NULL))
        T_STR(source_error(source), words);
    T_TRUE(got == -1 && strchr(source_error(source), '\n') == NULL);
    over();
}

static void expect_frame(uint64_t number, int64_t time, const char *bytes, size_t wire_len)
{
    T_NEED(source_next(source, &frame) == 1);
    T_EQ(frame.number, number);
    T_EQ(frame.time, time);
    T_EQ(frame.bytes.len, strlen(bytes));
    T_MEM(frame.bytes.p, bytes, strlen(bytes));
    T_EQ(frame.wire_len, wire_len);
}

static void expect_comment(const char *text)
{
    T_EQ(frame.comment.len, strlen(text));
    T_MEM(frame.comment.p, text, strlen(text));
}

/* ---- formats ---- */

static void test_source_pcap_in_either_order(void)
{
    static const struct {
        uint32_t magic;
        int64_t unit;
    } kinds[] = {
        {0xa1b2c3d4, 1000},
        {0xa1b23c4d, 1   }
    };

    for (unsigned i = 0; i < 4; i++) {
        begin(i % 2 == 1);
        file_pcap(&file, kinds[i / 2].magic, 65535, DLT_EN10MB);
        file_record(&file, 1000000000, 500000, "abc", 3, 3);
        file_record(&file, 1000000001, 7, "defgh", 5, 1500);
        T_NEED(opens());
        expect_frame(1, 1000000000000000000 + 500000 * kinds[i / 2].unit, "abc", 3);
        T_EQ(frame.linktype, DLT_EN10MB);
        expect_frame(2, 1000000001000000000 + 7 * kinds[i / 2].unit, "defgh", 1500);
        T_TRUE(strncmp(source_facts(source).format, "pcap,", 5) == 0);
        T_EQ(source_facts(source).offset, file.len);
        expect_end();
    }
}

/* libpcap alone would hand out 4 bytes, and refuse nothing that is longer than a snapshot length of 0. */
static void test_source_frames_longer_than_snaplen_are_whole(void)
{
    begin(false);
    file_pcap(&file, 0xa1b2c3d4, 4, DLT_EN10MB);
    file_record(&file, 1, 0, "abcdefgh", 8, 8);
    T_NEED(opens());
    expect_frame(1, 1000000000, "abcdefgh", 8);
    expect_end();
    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 4, "eth0");
    file_end(&file, file_epb(&file, 0, 1, "abcdefgh", 8, 8));
    T_NEED(opens());
    expect_frame(1, 1, "abcdefgh", 8);
    expect_end();
}

static void test_source_pcapng_tells_interface_direction_and_comments(void)
{
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        struct source_interface in;

        begin(swapped);
        file_shb(&file);
        file_idb(&file, 1, 262144, "eth0");
        file_idb(&file, 1, 96, "eth1");
        size_t at = file_epb(&file, 1, 5, "abc", 3, 60);
        uint32_t flags = swapped ? __builtin_bswap32(2) : 2;

        file_option(&file, 1, "LISTEN -> SYN_RCVD", 18);
        file_option(&file, 2, &flags, 4);
        file_text(&file, 1, "second");
        uint64_t id = swapped ? __builtin_bswap64(0x123456789) : 0x123456789;

        file_option(&file, 5, &id, 8);
        file_text(&file, 1, "third");
        file_u32(&file, 0);
        file_end(&file, at);
        file_end(&file, file_block(&file, 0x0bad0bad)); /* of a type that nobody knows */
        at = file_epb(&file, 0, 6, "de", 2, 2);
        flags = swapped ? __builtin_bswap32(1) : 1;
        file_option(&file, 2, &flags, 4);
        file_end(&file, at);
        T_NEED(opens());
        expect_frame(1, 5, "abc", 60);
        T_EQ(frame.interface, 1);
        T_EQ(frame.dir, FRAME_OUT);
        T_EQ(frame.id, 0x123456789);
        expect_comment("LISTEN -> SYN_RCVD\nsecond\nthird");
        expect_frame(2, 6, "de", 2);
        T_EQ(frame.interface, 0);
        T_EQ(frame.dir, FRAME_IN);
        T_EQ(frame.comment.len, 0);
        T_TRUE(source_interface(source, 1, &in) && strcmp(in.name, "eth1") == 0 &&
               in.snaplen == 96);
        T_FALSE(source_interface(source, 2, &in));
        expect_end();
    }
}

/* libpcap refuses both: interfaces of different link types, and of different snapshot lengths. */
static void test_source_link_types_may_differ(void)
{
    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 262144, "eth0");
    file_idb(&file, 101, 65535, "tun0");
    file_end(&file, file_epb(&file, 0, 1, "e", 1, 1));
    file_end(&file, file_epb(&file, 1, 2, "\x45raw", 4, 4));
    T_NEED(opens());
    expect_frame(1, 1, "e", 1);
    T_EQ(frame.linktype, DLT_EN10MB);
    expect_frame(2, 2, "\x45raw", 4);
    T_EQ(frame.linktype, DLT_RAW);
    expect_end();
}

static void test_source_sections_have_their_own_interfaces(void)
{
    begin(false);
    for (uint64_t i = 0; i < 3; i++) {
        file_shb(&file);
        file_idb(&file, i == 1 ? 113 : 1, 100, "a");
        file_idb(&file, 1, 100, "b");
        file_end(&file, file_epb(&file, 1, i, "x", 1, 1));
        file_end(&file, file_epb(&file, 0, i, "y", 1, 1));
    }
    T_NEED(opens());
    for (uint32_t i = 0; i < 3; i++) {
        expect_frame(2 * i + 1, i, "x", 1);
        T_EQ(frame.interface, 2 * i + 1);
        T_EQ(frame.linktype, DLT_EN10MB);
        expect_frame(2 * i + 2, i, "y", 1);
        T_EQ(frame.interface, 2 * i);
        T_EQ(frame.linktype, i == 1 ? DLT_LINUX_SLL : DLT_EN10MB);
    }
    expect_end();
}

/* Simple Packet Blocks have neither time nor interface, and are as long as the snapshot length lets them. */
static void test_source_simple_and_old_blocks(void)
{
    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 4, NULL);
    size_t at = file_block(&file, 3);

    file_u32(&file, 1500);
    file_bytes(&file, "abcd", 4);
    file_end(&file, at);
    at = file_block(&file, 3);
    file_u32(&file, 3);
    file_bytes(&file, "efg", 3);
    file_pad(&file);
    file_end(&file, at);
    at = file_block(&file, 2); /* Packet Block, obsolete */
    file_u16(&file, 0);
    file_u16(&file, 0);
    file_u32(&file, 0);
    file_u32(&file, 7);
    file_u32(&file, 2);
    file_u32(&file, 9);
    file_bytes(&file, "hi", 2);
    file_pad(&file);
    file_text(&file, 1, "old");
    file_end(&file, at);
    T_NEED(opens());
    expect_frame(1, 0, "abcd", 1500);
    expect_frame(2, 0, "efg", 3);
    expect_frame(3, 7000, "hi", 9); /* microseconds, where nothing is said */
    expect_comment("old");
    expect_end();
}

/* Older than 2.3: the lengths stand the other way round. */
static void test_source_old_pcap_has_lengths_swapped(void)
{
    for (unsigned minor = 2; minor <= 4; minor++) {
        begin(false);
        file_pcap(&file, 0xa1b2c3d4, 65535, DLT_EN10MB);
        file.b[6] = (uint8_t)minor;
        file_u32(&file, 1);
        file_u32(&file, 0);
        file_u32(&file, minor < 4 ? 1500 : 3);
        file_u32(&file, minor < 4 ? 3 : 1500);
        file_bytes(&file, "abc", 3);
        file_record(&file, 2, 0, "d", 1, 1);
        T_NEED(opens());
        expect_frame(1, 1000000000, "abc", 1500);
        expect_frame(2, 2000000000, "d", 1);
        expect_end();
    }
}

/* A file much larger than any buffer, its records over all borders; the offset is always known. */
static void test_source_records_cross_every_border(void)
{
    static uint8_t body[3000];
    int out = memfd_create("capture", 0);
    size_t total = 0, count = 0;

    T_NEED(out >= 0);
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)(i * 7);
    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 0, NULL);
    while (total + file.len < 3 << 20) {
        size_t at = file_epb(&file, 0, count, body, count % sizeof(body), 65535);

        if (count % 3 == 0)
            file_text(&file, 1, "here");
        file_end(&file, at);
        count++;
        if (file.len > FILE_MAX / 2) {
            T_NEED(write(out, file.b, file.len) == (ssize_t)file.len);
            total += file.len;
            file.len = 0;
        }
    }
    T_NEED(write(out, file.b, file.len) == (ssize_t)file.len);
    total += file.len;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", out);
    options.name = name;
    source = source_open(&options, err, sizeof(err));
    T_NEED(source != NULL);
    fd = out;
    for (size_t i = 0; i < count; i++) {
        T_NEED(source_next(source, &frame) == 1 && frame.bytes.len == i % sizeof(body));
        T_NEED(memcmp(frame.bytes.p, body, frame.bytes.len) == 0 &&
               frame.comment.len == (i % 3 == 0 ? 4 : 0));
        T_NEED(frame.time == (int64_t)i * 1000);
    }
    T_EQ(source_facts(source).offset, total);
    T_EQ(source_facts(source).frames, count);
    expect_end();
}

/* ---- what is left out ---- */

static void three_interfaces(void)
{
    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 0, "wire");
    file_idb(&file, 1, 0, "sent");
    file_idb(&file, 1, 0, "eth1");
    for (uint32_t i = 0; i < 6; i++)
        file_end(&file, file_epb(&file, i % 3, i, "abc", 3, 3));
}

/* Numbers are those of the file, whatever is left out. */
static void expect_numbers(const char *interface, const char *numbers)
{
    options.interface = interface;
    T_NEED(opens());
    for (const char *n = numbers; *n != '\0'; n++) {
        T_NEED(source_next(source, &frame) == 1);
        T_EQ(frame.number, *n - '0');
    }
    expect_end();
}

static void test_source_interface_is_chosen(void)
{
    three_interfaces();
    expect_numbers(NULL, "1346");
    expect_numbers("all", "123456");
    expect_numbers("sent", "25");
    expect_numbers("1", "25");
    expect_numbers("2", "36");
    options.interface = "eth"; /* there is none: which are there? */
    T_NEED(opens());
    T_EQ(source_next(source, &frame), -1);
    T_TRUE(source_failed(source));
    T_TRUE(strstr(source_error(source), "no interface is eth: try -i all, or one of: 0 (wire), "
                                        "1 (sent), 2 (eth1)") != NULL);
    over();
    file_idb(&file, 1, 0, "eth"); /* one without a frame is one */
    expect_numbers("eth", "");
}

static void test_source_filter_keeps_numbers(void)
{
    static const uint8_t arp[14] = {[12] = 8, [13] = 6}, ip[34] = {[12] = 8, [14] = 0x45};

    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 0, "eth0");
    file_idb(&file, 101, 0, "tun0");
    file_end(&file, file_epb(&file, 0, 0, arp, sizeof(arp), 60));
    file_end(&file, file_epb(&file, 0, 0, ip, sizeof(ip), 60));
    file_end(&file, file_epb(&file, 1, 0, ip + 14, sizeof(ip) - 14,
                             60)); /* the filter knows no Ethernet there */
    file_end(&file, file_epb(&file, 0, 0, arp, sizeof(arp), 60));
    options.filter = "arp";
    expect_numbers(NULL, "14");
    options.filter = "ip";
    expect_numbers(NULL, "23");
    options.filter = "ip and and";
    T_FALSE(opens());
    T_TRUE(strstr(err, "filter 'ip and and'") != NULL && strstr(err, "pcap-filter(7)") != NULL);
    over();
}

static void test_source_stops_when_told(void)
{
    three_interfaces();
    T_NEED(opens());
    expect_frame(1, 0, "abc", 3);
    source_stop(source);
    expect_end();
}

/* ---- broken files ---- */

static void expect_no_capture(const char *words)
{
    bool opened = opens();

    T_FALSE(opened);
    if (!opened && strstr(err, words) == NULL)
        T_STR(err, words);
    T_TRUE(strchr(err, '\n') == NULL);
    over();
}

static void test_source_what_is_no_capture_is_told(void)
{
    begin(false);
    expect_no_capture("broken at offset 0: it is empty");
    file_bytes(&file, "%PDF-1.4, and more of the kind", 30);
    expect_no_capture("it begins with 25 50 44 46, which is neither pcap nor pcapng");
    begin(false);
    file_bytes(&file, "\xd4\xc3", 2);
    expect_no_capture("it ends after 2 bytes, inside its header");
    begin(false);
    file_shb(&file);
    file.b[8] = 0;
    expect_no_capture("byte order cannot be told");
    begin(false);
    file_shb(&file);
    expect_no_capture("broken at offset 28: ");
    options.name = "/nowhere/at/all.pcapng";
    T_TRUE(source_open(&options, err, sizeof(err)) == NULL);
    T_STR(err, "/nowhere/at/all.pcapng: No such file or directory");
    options.name = "/proc";
    T_TRUE(source_open(&options, err, sizeof(err)) == NULL);
    T_TRUE(strstr(err, "is a directory") != NULL);
}

/* A good frame, then what @break_it makes of the next block. */
static size_t one_good(bool swapped)
{
    begin(swapped);
    file_shb(&file);
    file_idb(&file, 1, 0, NULL);
    file_end(&file, file_epb(&file, 0, 1, "abc", 3, 3));
    return file.len;
}

static void expect_one_then_broken(size_t at, const char *words)
{
    T_NEED(opens());
    expect_frame(1, 1000, "abc", 3);
    expect_broken(at, words);
}

static void test_source_broken_block_is_named(void)
{
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        size_t at = one_good(swapped);

        file_end(&file, file_epb(&file, 0, 2, "defg", 4, 4));
        size_t len = file.len;

        file_put32(&file, at + 4, 0x80000000);
        expect_one_then_broken(at, "claims to have 2147483648 bytes");
        file_put32(&file, at + 4, 0);
        expect_one_then_broken(at, "whose length is 0");
        file_put32(&file, at + 4, 35);
        expect_one_then_broken(at, "whose length is 35");
        file_put32(&file, at + 4, 28);
        expect_one_then_broken(at, "begins with the length 28 and ends with");
        file_put32(&file, at + 4, 400);
        expect_one_then_broken(at, "it ends inside a block, after 36 bytes of 400");
        file_put32(&file, at + 4, 36);
        file_put32(&file, at + 8, 1);
        expect_one_then_broken(at, "a frame of interface 1, and there are 1");
        file_put32(&file, at + 8, 0);
        file_put32(&file, at + 20, 5);
        expect_one_then_broken(at, "a frame of 5 bytes in a block of 36");
        file_put32(&file, at + 20, 4);
        for (file.len = at + 1; file.len < len; file.len++)
            expect_one_then_broken(at, "it ends inside a block");
    }
}

static void test_source_small_blocks_are_named(void)
{
    static const uint32_t types[] = {1, 2, 3, 6, 0x0a0d0d0a};

    for (size_t i = 0; i < 5; i++) {
        size_t at = one_good(false);

        file_end(&file, file_block(&file, types[i]));
        expect_one_then_broken(at, i == 4 ? "whose length is 12" : "with 12 bytes, which needs");
    }
}

static void test_source_frame_before_any_interface(void)
{
    size_t at = one_good(false);

    file_shb(&file);
    at = file.len;
    file_end(&file, file_epb(&file, 0, 2, "x", 1, 1));
    expect_one_then_broken(at, "a frame of interface 0, and there are 0");
    one_good(false);
    file_shb(&file);
    at = file.len;
    size_t simple = file_block(&file, 3);

    file_u32(&file, 0);
    file_end(&file, simple);
    expect_one_then_broken(at, "a frame before any interface");
}

static void test_source_too_many_interfaces(void)
{
    begin(false);
    file_shb(&file);
    for (unsigned i = 0; i < 4096; i++)
        file_idb(&file, 1, 0, NULL);
    size_t at = file.len;

    file_end(&file, file_epb(&file, 4095, 1, "abc", 3, 3));
    size_t end = file.len;

    file_idb(&file, 1, 0, NULL);
    T_NEED(opens());
    expect_frame(1, 1000, "abc", 3);
    T_EQ(source_facts(source).offset, end);
    expect_broken(end, "more than 4096 interfaces");
    T_TRUE(at < end);
}

/* Options that lie are no options; the frame is there. */
static void test_source_damaged_options_are_skipped(void)
{
    begin(false);
    file_shb(&file);
    file_idb(&file, 1, 0, NULL);
    size_t at = file_epb(&file, 0, 1, "abc", 3, 3);

    file_text(&file, 1, "kept");
    file_u16(&file, 1);
    file_u16(&file, 65535);
    file_end(&file, at);
    T_NEED(opens());
    expect_frame(1, 1000, "abc", 3);
    expect_comment("kept");
    expect_end();
}

static void test_source_broken_pcap_is_named(void)
{
    for (unsigned swapped = 0; swapped < 2; swapped++) {
        begin(swapped);
        file_pcap(&file, 0xa1b2c3d4, 65535, DLT_EN10MB);
        file_record(&file, 0, 1, "abc", 3, 3);
        size_t at = file.len;

        file_record(&file, 2, 0, "defg", 4, 4);
        for (size_t len = file.len - 1; len > at; len--) {
            file.len = len;
            expect_one_then_broken(at, "it ends inside a frame");
        }
        file.len = at + 20;
        file_put32(&file, at + 8, 0x7fffffff);
        expect_one_then_broken(at, "a frame that claims to have 2147483647 bytes");
        file.len = at + 20;
        file_put32(&file, at + 8, 300000); /* more than libpcap wants, and not there either */
        expect_one_then_broken(at, "it ends inside a frame, after 20 bytes of 300016");
    }
}

/* As long as libpcap refuses, and all there: its words, our offset. */
static void test_source_what_libpcap_refuses_is_named(void)
{
    static uint8_t zero[1000];
    static uint8_t big[300000 + 16];
    int out = memfd_create("capture", 0);

    begin(false);
    file_pcap(&file, 0xa1b2c3d4, 65535, DLT_EN10MB);
    file_record(&file, 0, 1, "abc", 3, 3);
    size_t at = file.len;

    big[8] = 0xe0;
    big[9] = 0x93;
    big[10] = 0x04; /* 300000 */
    T_NEED(out >= 0 && write(out, file.b, file.len) == (ssize_t)file.len &&
           write(out, big, sizeof(big)) == (ssize_t)sizeof(big) &&
           write(out, zero, sizeof(zero)) > 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", out);
    options.name = name;
    source = source_open(&options, err, sizeof(err));
    T_NEED(source != NULL);
    fd = out;
    expect_frame(1, 1000, "abc", 3);
    expect_broken(at, "300000");
}

/* Times that no clock has neither trap nor wrap. */
static void test_source_times_are_clamped(void)
{
    begin(false);
    file_shb(&file);
    size_t at = file_block(&file, 1);

    file_u16(&file, 1);
    file_u16(&file, 0);
    file_u32(&file, 0);
    file_option(&file, 9, "\x00", 1); /* seconds */
    file_end(&file, at);
    file_end(&file, file_epb(&file, 0, UINT64_MAX / 2, "a", 1, 1));
    file_end(&file, file_epb(&file, 0, UINT64_MAX, "b", 1, 1));
    file_end(&file, file_epb(&file, 0, 3, "c", 1, 1));
    T_NEED(opens());
    T_EQ(source_next(source, &frame), 1);
    T_TRUE(frame.time > INT64_MAX / 2 - 3000000000 && frame.time <= INT64_MAX / 2);
    T_EQ(source_next(source, &frame), 1);
    T_TRUE(frame.time >= 0 && frame.time <= INT64_MAX / 2);
    expect_frame(3, 3000000000, "c", 1);
    expect_end();
}

T_MAIN("scope source", T(test_source_pcap_in_either_order),
       T(test_source_frames_longer_than_snaplen_are_whole),
       T(test_source_pcapng_tells_interface_direction_and_comments),
       T(test_source_link_types_may_differ), T(test_source_sections_have_their_own_interfaces),
       T(test_source_simple_and_old_blocks), T(test_source_old_pcap_has_lengths_swapped),
       T(test_source_records_cross_every_border), T(test_source_interface_is_chosen),
       T(test_source_filter_keeps_numbers), T(test_source_stops_when_told),
       T(test_source_what_is_no_capture_is_told), T(test_source_broken_block_is_named),
       T(test_source_small_blocks_are_named), T(test_source_frame_before_any_interface),
       T(test_source_too_many_interfaces), T(test_source_damaged_options_are_skipped),
       T(test_source_broken_pcap_is_named), T(test_source_what_libpcap_refuses_is_named),
       T(test_source_times_are_clamped))
