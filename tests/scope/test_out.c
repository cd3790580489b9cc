/*
 * A capture written back: what comes out is read again, through the same source.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blocks.h"
#include "out.h"

static struct file file;
static struct source *in, *again;
static struct out *out;
static char in_name[64], out_name[64], err[512];
static struct frame frame;

static int memory_file(char *name)
{
    int fd = memfd_create("capture", 0);

    T_NEED(fd >= 0);
    snprintf(name, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static int in_fd, out_fd;

/* What was written by hand is the input. */
static void setup(void)
{
    struct source_options o = {.name = in_name, .interface = "all"};

    in_fd = memory_file(in_name);
    out_fd = memory_file(out_name);
    T_NEED(write(in_fd, file.b, file.len) == (ssize_t)file.len);
    in = source_open(&o, err, sizeof(err));
    T_NEED(in != NULL);
    out = out_open(out_name, in, err, sizeof(err));
    T_NEED(out != NULL);
}

static void copy_all(void)
{
    int got;

    while ((got = source_next(in, &frame)) == 1)
        T_TRUE(out_frame(out, &frame));
    if (got < 0)
        T_STR(source_error(in), "");
}

static void reopen(void)
{
    struct source_options o = {.name = out_name, .interface = "all"};

    T_TRUE(out_close(out, err, sizeof(err)));
    again = source_open(&o, err, sizeof(err));
    T_NEED(again != NULL);
}

static void teardown(void)
{
    T_EQ(source_next(again, &frame), 0);
    source_close(again);
    source_close(in);
    close(in_fd);
    close(out_fd);
}

static void expect(uint64_t number, const char *bytes, const char *comment)
{
    T_NEED(source_next(again, &frame) == 1);
    T_EQ(frame.number, number);
    T_EQ(frame.bytes.len, strlen(bytes));
    T_MEM(frame.bytes.p, bytes, strlen(bytes));
    T_EQ(frame.comment.len, strlen(comment));
    if (frame.comment.len == strlen(comment))
        T_MEM(frame.comment.p, comment, strlen(comment));
}

static void plain_file(unsigned frames)
{
    file.len = 0;
    file_shb(&file);
    file_idb(&file, 1, 0, "eth0");
    for (unsigned i = 0; i < frames; i++)
        file_end(&file, file_epb(&file, 0, i + 1, "abc", 3, 3));
}

static void test_out_keeps_everything(void)
{
    struct source_interface i;

    file.len = 0;
    file_shb(&file);
    file_idb(&file, 101, 96, "tun0");
    file_idb(&file, 1, 65535, "eth1");
    size_t at = file_epb(&file, 1, 1234567890123456789, "abc", 3, 1500);
    uint32_t flags = 2;
    uint64_t id = 99;

    file_text(&file, 1, "theirs");
    file_text(&file, 1, "too");
    file_option(&file, 2, &flags, 4);
    file_option(&file, 5, &id, 8);
    file_end(&file, at);
    file_end(&file, file_epb(&file, 0, 7, "de", 2, 2));
    setup();
    copy_all();
    T_TRUE(out_has(out, 1, "theirs") && out_has(out, 1, "too"));
    T_FALSE(out_has(out, 1, "their") || out_has(out, 1, "theirs\ntoo") || out_has(out, 2, "too"));
    T_TRUE(out_comment(out, 1, "ours"));
    T_TRUE(out_comment(out, 2, "also ours"));
    reopen();
    expect(1, "abc", "theirs\ntoo\nours");
    T_EQ(frame.time, 1234567890123456789);
    T_EQ(frame.wire_len, 1500);
    T_EQ(frame.dir, FRAME_OUT);
    T_EQ(frame.id, 99);
    T_EQ(frame.interface, 1);
    T_EQ(frame.linktype, 1);
    T_TRUE(source_interface(again, 0, &i) && strcmp(i.name, "tun0") == 0 && i.snaplen == 96);
    T_TRUE(source_interface(again, 1, &i) && strcmp(i.name, "eth1") == 0);
    expect(2, "de", "also ours");
    T_EQ(frame.interface, 0);
    T_EQ(frame.linktype, 12);
    T_EQ(frame.dir, FRAME_DIR_UNKNOWN);
    teardown();
}

static void test_out_settled_frames_take_no_more(void)
{
    plain_file(3);
    setup();
    copy_all();
    out_settled(out, 2);
    T_FALSE(out_comment(out, 1, "LISTEN -> SYN_RCVD"));
    T_TRUE(out_comment(out, 3, "in time"));
    out_settled(out, 3); /* the newest stays, for what comes late */
    T_FALSE(out_comment(out, 2, "late"));
    reopen();
    expect(1, "abc", "");
    expect(2, "abc", "");
    expect(3, "abc", "frame 1: LISTEN -> SYN_RCVD\nin time\nframe 2: late");
    teardown();
}

/* Numbers have holes where a filter left frames out. */
static void test_out_finds_numbers_with_holes(void)
{
    plain_file(40);
    setup();
    while (source_next(in, &frame) == 1) {
        if (frame.number % 7 == 3)
            out_frame(out, &frame);
    }
    T_FALSE(out_comment(out, 4, "nobody"));
    for (uint64_t n = 3; n <= 40; n += 7)
        T_TRUE(out_comment(out, n, "x"));
    reopen();
    for (uint64_t n = 1; n <= 6; n++)
        expect(n, "abc", n < 6 ? "x" : "frame 4: nobody\nx");
    teardown();
}

static void test_out_holds_a_bounded_amount(void)
{
    static uint8_t big[1 << 20];
    struct frame f = {
        .bytes = {big, sizeof(big)},
          .wire_len = sizeof(big), .linktype = 1
    };
    unsigned held = 0;

    plain_file(0);
    file_end(&file, file_epb(&file, 0, 1, "abc", 3, 3));
    setup();
    for (f.number = 1; f.number <= 100; f.number++)
        T_TRUE(out_frame(out, &f));
    f.number = 100;
    for (uint64_t n = 1; n <= 99; n++)
        held += out_comment(out, n, "x");
    T_EQ(held, 62); /* and the newest: each has a few bytes of ours around its MiB */
    T_TRUE(out_close(out, err, sizeof(err)));
    source_close(in);
    close(in_fd);
    close(out_fd);
}

static void test_out_tells_what_cannot_be_written(void)
{
    plain_file(2000);
    setup();
    T_TRUE(out_close(out, err, sizeof(err)));
    T_TRUE(out_open("/nowhere/x.pcapng", in, err, sizeof(err)) == NULL);
    T_STR(err, "/nowhere/x.pcapng: cannot be written: No such file or directory");
    out = out_open("/dev/full", in, err, sizeof(err));
    T_NEED(out != NULL);
    copy_all();
    T_FALSE(out_close(out, err, sizeof(err)));
    T_STR(err, "/dev/full: cannot be written: No space left on device");
    source_close(in);
    close(in_fd);
    close(out_fd);
}

T_MAIN("scope out", T(test_out_keeps_everything), T(test_out_settled_frames_take_no_more),
       T(test_out_finds_numbers_with_holes), T(test_out_holds_a_bounded_amount),
       T(test_out_tells_what_cannot_be_written))
