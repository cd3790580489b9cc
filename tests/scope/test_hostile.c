/*
 * Files that are cut, damaged or made to hurt. Every capture in captures/ is cut at every offset and
 * damaged at many, by a generator with a seed; a list of hostile files is made by hand. Claimed of each: it
 * ends, with one line that names the offset where it is broken; every frame before that was handed out;
 * no command of the program minds; memory stays bounded. The sanitizers see the rest.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <pcap/dlt.h>

#include "base/prng.h"
#include "blocks.h"
#include "run.h"

enum { CAPTURE_MAX = 1 << 17, BORDERS = 4096 };

static uint8_t bytes[CAPTURE_MAX], damaged[CAPTURE_MAX];
static size_t length;
static int quiet = -1; /* where standard output was */

/* Commands print; the test's own words come after. */
static void be_quiet(bool on)
{
    fflush(stdout);
    if (on) {
        int null = open("/dev/null", O_WRONLY);

        quiet = dup(STDOUT_FILENO);
        T_NEED(null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
        close(null);
    } else {
        dup2(quiet, STDOUT_FILENO);
        close(quiet);
    }
}

/* ---- the captures of the project ---- */

static void load(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", CAPTURES, name);
    int fd = open(path, O_RDONLY);

    T_NEED(fd >= 0);
    ssize_t got = read(fd, bytes, sizeof(bytes));

    close(fd);
    T_NEED(got > 0 && (size_t)got < sizeof(bytes));
    length = (size_t)got;
}

/* each_capture - @fn for every pcapng there; nothing but these are kept. */
static void each_capture(void (*fn)(const char *name))
{
    DIR *dir = opendir(CAPTURES);
    unsigned count = 0;

    T_NEED(dir != NULL);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        size_t len = strlen(e->d_name);

        if (len < 7 || strcmp(e->d_name + len - 7, ".pcapng") != 0 ||
            strncmp(e->d_name, "quickstart", 10) == 0)
            continue;
        load(e->d_name);
        fn(e->d_name);
        count++;
    }
    closedir(dir);
    T_TRUE(count >= 5);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Read the first @len bytes to their end: how many frames, and what is said. */
static uint64_t count_frames(const uint8_t *p, size_t len, int *last, char *error, size_t error_len)
{
    struct source_options so = {.interface = "all"};
    struct frame f;
    uint64_t count = 0;
    char name[64];
    int fd;

    so.name = run_name(p, len, &fd, name);
    struct source *s = source_open(&so, error, error_len);

    *last = -1;
    if (s != NULL) {
        while ((*last = source_next(s, &f)) == 1)
            count++;
        snprintf(error, error_len, "%s", *last < 0 ? source_error(s) : "");
    }
    source_close(s);
    close(fd);
    return count;
}

/* Cut anywhere: all frames before the cut, and the offset of the block that is not whole. */
static void cut_everywhere(const char *name)
{
    static size_t border[BORDERS];
    static uint64_t frames[BORDERS];
    size_t borders = 0, step = length > 20000 ? 5 : 1;
    uint64_t count = 0;

    for (size_t at = 0; at < length; at += le32(bytes + at + 4)) {
        T_NEED(borders < BORDERS && length - at >= 12);
        border[borders] = at;
        frames[borders++] = count;
        count += le32(bytes + at) == 6;
    }
    for (size_t cut = 1, k = 0; cut < length; cut += step) {
        char error[1024], where[64];
        int last;

        while (k + 1 < borders && border[k + 1] <= cut)
            k++;
        uint64_t got = count_frames(bytes, cut, &last, error, sizeof(error));
        bool whole = cut == border[k] && k >= 2; /* behind the description of the interface */
        bool header = cut < border[2];

        snprintf(where, sizeof(where), "broken at offset %zu: ", cut < 28 ? 0 : border[k]);
        if (got != frames[k] || last != (whole ? 0 : -1) || strchr(error, '\n') != NULL ||
            (!whole && !header && strstr(error, where) == NULL)) {
            fprintf(stderr, "%s cut at %zu: %llu frames, want %llu; %s\n", name, cut,
                    (unsigned long long)got, (unsigned long long)frames[k], error);
            T_TRUE(false);
        }
    }
}

static void test_hostile_cut_captures_give_all_before_the_cut(void)
{
    each_capture(cut_everywhere);
}

/* One to four places get other bytes. */
static void damage(struct prng *r)
{
    static const uint32_t nasty[] = {0,          1,          0x7f,       0xff, 0xffff, 0x7fffffff,
                                     0x80000000, 0xffffffff, 0x0a0d0d0a, 6,    3};

    memcpy(damaged, bytes, length);
    for (unsigned n = 1 + prng_below(r, 4); n > 0; n--) {
        size_t at = prng_below(r, (uint32_t)length - 4);
        uint32_t word = nasty[prng_below(r, sizeof(nasty) / sizeof(nasty[0]))];

        if (prng_below(r, 2) == 0)
            damaged[at] ^= (uint8_t)(1u << prng_below(r, 8));
        else
            memcpy(damaged + at / 4 * 4, &word, 4);
    }
}

static void expect_sane(const struct run_result *r, const char *command, const char *what)
{
    bool fine = r->status >= SCOPE_OK && r->status <= SCOPE_FAILED &&
                strchr(r->error, '\n') == NULL &&
                (r->last >= 0 || strstr(r->error, "broken at offset ") != NULL);

    if (!fine)
        fprintf(stderr, "%s, %s: status %d, last %d, %s\n", command, what, r->status, r->last,
                r->error);
    T_TRUE(fine);
}

/* What every command makes of it, in one of its ways. */
static void run_all(const uint8_t *p, size_t len, unsigned n, const char *what)
{
    for (unsigned i = 0; scope_commands[i] != NULL; i++) {
        const struct scope_command *c = scope_commands[i];
        struct run_how how = {c, run_word(c, n), run_format(c, n / 3), n % 2 == 1, n % 5 == 0};
        struct run_result r;

        run_command(&r, &how, p, len);
        expect_sane(&r, c->name, what);
    }
}

static void damage_often(const char *name)
{
    struct prng r;

    prng_seed(&r, length, 7);
    for (unsigned i = 0; i < 1500; i++) {
        char error[1024] = "";
        int last;

        damage(&r);
        count_frames(damaged, length, &last, error, sizeof(error));
        if (last < 0 && (strstr(error, "broken at offset ") == NULL || strchr(error, '\n') != NULL))
            T_STR(error, name);
        if (i % 8 == 0)
            run_all(damaged, length, i / 8, name);
    }
}

static void test_hostile_damaged_captures_end_with_a_line(void)
{
    be_quiet(true);
    each_capture(damage_often);
    be_quiet(false);
}

static void run_each_way(const char *name)
{
    for (unsigned n = 0; n < 30; n++)
        run_all(bytes, length, n, name);
}

/* Nothing wrong with them: every command, every way. */
static void test_hostile_whole_captures(void)
{
    be_quiet(true);
    each_capture(run_each_way);
    be_quiet(false);
}

/* ---- by hand ---- */

static struct file file;

static void begin(void)
{
    file.len = 0;
    file.swapped = false;
    file_shb(&file);
    file_idb(&file, 1, 0, "eth0");
}

static void frame(const void *p, size_t len)
{
    file_end(&file, file_epb(&file, 0, 1000, p, len, (uint32_t)len));
}

static void expect_all_sane(const char *what)
{
    for (unsigned n = 0; n < 10; n++)
        run_all(file.b, file.len, n, what);
}

static const uint8_t tcp_frame[54] = {
    [12] = 8,  [14] = 0x45, [17] = 40, [22] = 64, [23] = 6,    [26] = 10, [29] = 1,
    [30] = 10, [33] = 2,    [35] = 7,  [37] = 80, [46] = 0x50, [47] = 2};

/* Every value in every byte of the headers. */
static void test_hostile_headers_with_every_byte(void)
{
    be_quiet(true);
    for (size_t at = 12; at < sizeof(tcp_frame); at += 7) {
        begin();
        for (size_t k = at; k < at + 7 && k < sizeof(tcp_frame); k++) {
            uint8_t f[sizeof(tcp_frame)];

            for (unsigned v = 0; v < 256; v += k == 14 || k == 46 ? 1 : 5) {
                memcpy(f, tcp_frame, sizeof(f));
                f[k] = (uint8_t)v;
                frame(f, sizeof(f));
            }
        }
        expect_all_sane("headers");
    }
    be_quiet(false);
}

/* Chains: tags in tags, extension headers without end, options of length zero and one. */
static void test_hostile_chains(void)
{
    static uint8_t f[9000];

    be_quiet(true);
    begin();
    for (size_t i = 12; i + 4 < sizeof(f); i += 4) {
        f[i] = 0x81;
        f[i + 1] = 0;
    }
    frame(f, sizeof(f));
    memset(f, 0, sizeof(f));
    f[12] = 0x86;
    f[13] = 0xdd;
    f[14] = 0x60;
    f[18] = 0x20;
    frame(f, sizeof(f)); /* hop-by-hop, of 8 bytes each, to the end */
    for (uint8_t len = 0; len < 4; len++) {
        for (uint8_t kind = 0; kind < 40; kind++) {
            memset(f, 0, 100);
            memcpy(f, tcp_frame, sizeof(tcp_frame));
            f[17] = 80;
            f[46] = 0xf0;
            f[54] = kind;
            f[55] = len;
            frame(f, 94);
            f[14] = 0x4f; /* the same as options of IP */
            f[34] = kind;
            f[35] = len;
            frame(f, 94);
        }
    }
    expect_all_sane("chains");
    be_quiet(false);
}

/* Fragments that overlap, that never end, of everybody. */
static void test_hostile_fragments(void)
{
    be_quiet(true);
    begin();
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t f[sizeof(tcp_frame)];

        memcpy(f, tcp_frame, sizeof(f));
        f[18] = (uint8_t)(i / 7);
        f[20] = (uint8_t)(0x20 | i % 32);
        f[21] = (uint8_t)(i * 37);
        f[29] = (uint8_t)i;
        frame(f, sizeof(f));
    }
    expect_all_sane("fragments");
    be_quiet(false);
}

/* More connections than are kept (64 here), each with one SYN; and one whose numbers jump about. */
static void test_hostile_connections(void)
{
    be_quiet(true);
    begin();
    for (unsigned i = 0; i < 1100; i++) {
        uint8_t f[sizeof(tcp_frame)];

        memcpy(f, tcp_frame, sizeof(f));
        if (i < 600) {
            f[34] = (uint8_t)(i >> 8);
            f[35] = (uint8_t)i;
        } else {
            f[38] = (uint8_t)(i * 91);
            f[42] = (uint8_t)(i * 57);
            f[47] = (uint8_t)(i * 13);
            if (i % 3 == 0) {
                f[29] = 2;
                f[33] = 1;
                f[35] = 80;
                f[37] = 7;
            }
        }
        frame(f, sizeof(f));
    }
    expect_all_sane("connections");
    be_quiet(false);
}

/* Comments that speak to the terminal, are no UTF-8, or as long as they can be. */
static void test_hostile_comments(void)
{
    static char text[65535];

    be_quiet(true);
    begin();
    for (unsigned i = 0; i < 256; i++) {
        size_t at = file_epb(&file, 0, 1, tcp_frame, sizeof(tcp_frame), 54);
        char odd[] = {'\033', '[', '2', 'J', (char)i, (char)(i * 3), '\n', '"', '<', '&', '\0'};

        file_option(&file, 1, odd, sizeof(odd));
        file_end(&file, at);
    }
    memset(text, 'x', sizeof(text));
    size_t at = file_epb(&file, 0, 1, tcp_frame, sizeof(tcp_frame), 54);

    file_option(&file, 1, text, sizeof(text));
    file_text(&file, 1, "one too many");
    file_end(&file, at);
    expect_all_sane("comments");
    be_quiet(false);
}

static void test_hostile_link_types(void)
{
    be_quiet(true);
    for (unsigned type = 0; type < 300; type += type < 20 ? 1 : 7) {
        file.len = 0;
        file_shb(&file);
        file_idb(&file, type, 0, NULL);
        for (size_t len = 0; len <= sizeof(tcp_frame) - 14; len += 5)
            frame(tcp_frame + 14 - 14 * (len % 2), len);
        run_all(file.b, file.len, type, "link types");
    }
    be_quiet(false);
}

/* Resolutions of time from seconds to what nobody has, with offsets. */
static void test_hostile_times(void)
{
    be_quiet(true);
    for (unsigned resolution = 0; resolution < 256; resolution += 3) {
        uint8_t unit = (uint8_t)resolution;
        uint64_t offset = resolution % 2 == 0 ? UINT64_MAX / 2 : UINT64_MAX;

        file.len = 0;
        file_shb(&file);
        size_t at = file_block(&file, 1);

        file_u16(&file, 1);
        file_u16(&file, 0);
        file_u32(&file, 0);
        file_option(&file, 9, &unit, 1);
        if (resolution % 4 == 0)
            file_option(&file, 14, &offset, 8);
        file_end(&file, at);
        for (unsigned i = 0; i < 4; i++)
            file_end(&file, file_epb(&file, 0, i == 0 ? 0 : UINT64_MAX / i, tcp_frame, 54, 54));
        run_all(file.b, file.len, resolution, "times");
    }
    be_quiet(false);
}

static long peak_kib(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* What is claimed and not brought costs nothing: blocks of 2 GB, frames of 2 GB, a file of descriptions. */
static void test_hostile_claims_cost_no_memory(void)
{
    static const uint32_t sizes[] = {1 << 20, 16 << 20, 17 << 20, 0x7ffffffc, 0xfffffffc};
    long before = peak_kib();

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char error[1024];
        int last;

        begin();
        size_t at = file.len;

        frame(tcp_frame, sizeof(tcp_frame));
        file_put32(&file, at + 4, sizes[i]);
        count_frames(file.b, file.len, &last, error, sizeof(error));
        T_TRUE(last == -1 && strstr(error, "broken at offset") != NULL);
        file.len = 0;
        file_pcap(&file, 0xa1b2c3d4, 0xffffffff, 1);
        file_record(&file, 0, 0, tcp_frame, sizeof(tcp_frame), 54);
        file_put32(&file, 24 + 8, sizes[i]);
        count_frames(file.b, file.len, &last, error, sizeof(error));
        T_TRUE(last == -1 && strstr(error, "broken at offset 24: ") != NULL);
    }
    T_TRUE(peak_kib() - before < 16384); /* libpcap and we have a buffer each, whatever is claimed */
}

T_MAIN("scope hostile", T(test_hostile_claims_cost_no_memory),
       T(test_hostile_cut_captures_give_all_before_the_cut), T(test_hostile_whole_captures),
       T(test_hostile_damaged_captures_end_with_a_line), T(test_hostile_headers_with_every_byte),
       T(test_hostile_chains), T(test_hostile_fragments), T(test_hostile_connections),
       T(test_hostile_comments), T(test_hostile_link_types), T(test_hostile_times))
