/* The directory tree behind --http-root: nothing outside it is ever opened. */
#define _GNU_SOURCE
#include "../../tools/common/filecopy.c"
#include "../../tools/common/files.c"

#include <stdlib.h>

#include "t.h"

static char tree[64];

static void put(const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    T_NEED(fd >= 0);
    T_EQ(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void link_to(const char *target, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    T_NEED(symlink(target, path) == 0);
}

static void sub(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    T_NEED(mkdir(path, 0755) == 0);
}

/* tree/secret is outside, tree/root is served. */
static void make_tree(void)
{
    char cmd[256];

    snprintf(tree, sizeof(tree), "/tmp/test_files.XXXXXX");
    T_NEED(mkdtemp(tree) != NULL);
    sub("root");
    sub("root/dir");
    put("secret", "secret");
    put("root/a.txt", "hello");
    put("root/dir/b.txt", "below");
    link_to("a.txt", "root/inside");
    link_to("../secret", "root/outside");
    link_to("/etc/passwd", "root/absolute");
    link_to("..", "root/up");
    link_to("../../secret", "root/dir/far");
    link_to("loop", "root/loop");
    snprintf(cmd, sizeof(cmd), "%s/root/fifo", tree);
    T_NEED(mkfifo(cmd, 0644) == 0);
}

static void remove_tree(void)
{
    static const char *const names[] = {
        "root/dir/b.txt", "root/dir/far", "root/a.txt", "root/inside", "root/outside",
        "root/absolute",  "root/up",      "root/loop",  "root/fifo",   "root/dir",
        "root",           "secret",       "",
    };
    char path[256];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", tree, names[i]);
        T_EQ(remove(path), 0);
    }
}

static int try_open(const struct app_files *fs, const char *path, struct app_stat *st)
{
    int fd = fs->open(fs->ctx, path, st);

    if (fd >= 0)
        fs->close(fs->ctx, fd);
    return fd < 0 ? fd : 0;
}

static void check_tree(bool beneath)
{
    char root[128], text[16] = "";
    struct files f;
    struct app_files fs;
    struct app_stat st;

    make_tree();
    snprintf(root, sizeof(root), "%s/root", tree);
    T_EQ(files_open_root(&f, root, &fs), 0);
    if (!beneath)
        f.has_beneath = false;
    T_EQ(try_open(&fs, ".", &st), 0);
    T_TRUE(st.is_dir);
    T_EQ(try_open(&fs, "dir", &st), 0);
    T_TRUE(st.is_dir);
    T_EQ(try_open(&fs, "dir/b.txt", &st), 0);
    T_FALSE(st.is_dir);
    T_EQ(st.size, 5);
    T_EQ(try_open(&fs, "nothing", &st), -ENOENT);
    T_EQ(try_open(&fs, "a.txt/below", &st), -ENOTDIR);
    T_EQ(try_open(&fs, "outside", &st), f.has_beneath ? -EXDEV : -ELOOP);
    T_EQ(try_open(&fs, "absolute", &st), f.has_beneath ? -EXDEV : -ELOOP);
    T_TRUE(try_open(&fs, "up/secret", &st) < 0);
    T_TRUE(try_open(&fs, "dir/far", &st) < 0);
    T_TRUE(try_open(&fs, "loop", &st) < 0);
    T_EQ(try_open(&fs, "../secret", &st), -EXDEV); /* http_path() lets none of these through */
    T_EQ(try_open(&fs, "/etc/passwd", &st), -EXDEV);
    T_EQ(try_open(&fs, "fifo", &st), -EACCES);
    T_EQ(try_open(&fs, "inside", &st), f.has_beneath ? 0 : -ELOOP);

    int fd = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(fs.read(fs.ctx, fd, 1, text, sizeof(text)), 4);
    T_STR(text, "ello");
    T_EQ(fs.read(fs.ctx, fd, 5, text, sizeof(text)), 0);
    fs.close(fs.ctx, fd);
    files_close_root(&f);
    remove_tree();
}

/* REQ: HTTP-9110-17.3-1 */
static void test_files_nothing_outside_the_root(void)
{
    check_tree(true);
}
static void test_files_the_same_without_openat2(void)
{
    check_tree(false);
}

/* ---- what is remembered ---- */

static net_time now;

static net_time clock_of_test(void)
{
    return now;
}

/* What a program would be served: the content of @path, or the error. */
static int serve(const struct app_files *fs, const char *path, char *text, size_t size)
{
    struct app_stat st;
    int fd = fs->open(fs->ctx, path, &st);

    if (fd < 0)
        return fd;
    int n = fs->read(fs->ctx, fd, 0, text, size - 1);

    text[n > 0 ? n : 0] = '\0';
    T_TRUE(n < 0 || st.is_dir || (uint64_t)n == st.size || st.size > size - 1);
    fs->close(fs->ctx, fd);
    return n;
}

static void begin(struct files *f, struct app_files *fs)
{
    char root[128];

    make_tree();
    snprintf(root, sizeof(root), "%s/root", tree);
    T_EQ(files_open_root(f, root, fs), 0);
    f->clock = clock_of_test;
    now = NET_SEC(100);
}

/* Descriptors are given out from the lowest: none of ours is open. */
static int lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY);

    close(fd);
    return fd;
}

static void test_files_small_ones_are_remembered_for_a_second(void)
{
    static struct files f;
    struct app_files fs;
    char text[64], path[128];

    begin(&f, &fs);
    int low = lowest_free();

    T_EQ(serve(&fs, "a.txt", text, sizeof(text)), 5);
    put("root/a.txt", "changed");
    now += FILES_TIME - 1;
    T_EQ(serve(&fs, "a.txt", text, sizeof(text)), 5);
    T_STR(text, "hello");
    now += 1;
    T_EQ(serve(&fs, "a.txt", text, sizeof(text)), 7);
    T_STR(text, "changed");
    T_EQ(serve(&fs, "none", text, sizeof(text)), -ENOENT);
    put("root/none", "here"); /* what was not there is looked for again */
    T_EQ(serve(&fs, "none", text, sizeof(text)), 4);
    T_EQ(serve(&fs, "dir", text, sizeof(text)), -EISDIR);
    T_EQ(lowest_free(), low);
    snprintf(path, sizeof(path), "%s/root/none", tree);
    T_EQ(remove(path), 0);
    files_close_root(&f);
    remove_tree();
}

/* Somebody is still being served what it was. */
static void test_files_what_is_in_use_stays(void)
{
    static struct files f;
    struct app_files fs;
    struct app_stat st;
    char text[64] = "", path[128];
    int low;

    begin(&f, &fs);
    low = lowest_free();
    int old = fs.open(fs.ctx, "a.txt", &st);

    put("root/a.txt", "changed");
    now += FILES_TIME;
    int fresh = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(st.size, 7);
    T_EQ(fs.read(fs.ctx, old, 1, text, sizeof(text)), 4);
    T_MEM(text, "ello", 4);
    T_EQ(fs.read(fs.ctx, old, 5, text, sizeof(text)), 0);
    T_EQ(fs.read(fs.ctx, fresh, 0, text, sizeof(text)), 7);
    T_MEM(text, "changed", 7);
    fs.close(fs.ctx, old);
    fs.close(fs.ctx, fresh);
    T_EQ(lowest_free(), low);
    T_EQ(serve(&fs, "a.txt", text, sizeof(text)), 7);
    snprintf(path, sizeof(path), "%s/root/a.txt", tree);
    T_EQ(remove(path), 0);
    T_EQ(serve(&fs, "a.txt", text, sizeof(text)), 7); /* for the rest of its second */
    now += FILES_TIME;
    T_EQ(serve(&fs, "a.txt", text, sizeof(text)), -ENOENT);
    put("root/a.txt", "hello");
    files_close_root(&f);
    remove_tree();
}

/* More files than places, and large ones: all are what they are. */
static void test_files_many_and_large(void)
{
    static struct files f;
    static char large[FILES_SMALL + 2], text[FILES_SMALL + 64];
    struct app_files fs;
    char name[64], path[128];
    int low;

    begin(&f, &fs);
    low = lowest_free();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3 * FILES_KEPT; i++) {
            snprintf(name, sizeof(name), "root/f%d", i);
            if (round == 0)
                put(name, name + 5);
            T_EQ(serve(&fs, name + 5, text, sizeof(text)), strlen(name + 5));
            T_STR(text, name + 5);
        }
    }
    memset(large, 'l', FILES_SMALL + 1);
    put("root/f0", large);
    now += FILES_TIME;
    T_EQ(serve(&fs, "f0", text, sizeof(text)), FILES_SMALL + 1);
    put("root/f0", "0"); /* too large to be remembered */
    T_EQ(serve(&fs, "f0", text, sizeof(text)), 1);
    for (int i = 0; i < 3 * FILES_KEPT; i++) {
        snprintf(path, sizeof(path), "%s/root/f%d", tree, i);
        T_EQ(remove(path), 0);
    }
    T_EQ(lowest_free(), low);
    files_close_root(&f);
    remove_tree();
}

/* ---- what is lent ---- */

static time_t later(time_t *t)
{
    (void)t;
    return (time_t)1 << 40; /* what was just written is old */
}

/* A file of @len bytes, all of them @c. */
static void put_large(const char *name, char c, size_t len)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", tree, name);
    char *text = malloc(len + 1);

    T_NEED(text != NULL);
    memset(text, c, len);
    text[len] = '\0';
    put(name, text);
    free(text);
}

static void give_back(const struct lent *l)
{
    l->release(l->ctx);
}

static void test_files_large_ones_are_lent_from_one_copy(void)
{
    enum { LEN = 300000 };
    static struct files f;
    struct app_files fs;
    struct app_stat st;
    struct lent a, b;
    int low;

    begin(&f, &fs);
    f.copies.clock = later;
    low = lowest_free();
    put_large("root/a.txt", 'a', LEN);
    int one = fs.open(fs.ctx, "a.txt", &st), two = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(fs.lend(fs.ctx, one, 1000, 5000, &a), 5000);
    T_EQ(a.bytes.len, 5000);
    T_EQ(fs.lend(fs.ctx, two, 1000, LEN, &b), LEN - 1000);
    T_TRUE(a.bytes.p == b.bytes.p); /* the same copy */
    T_EQ(fs.lend(fs.ctx, two, LEN, 1, &b), 0);
    fs.close(fs.ctx, one);
    fs.close(fs.ctx, two);
    T_EQ(lowest_free(), low);
    for (size_t i = 0; i < LEN - 1000; i++)
        T_NEED(a.bytes.p[i] == 'a');
    give_back(&a);
    give_back(&b);
    for (unsigned i = 0; i < FILECOPY_COUNT; i++)
        T_EQ(f.copies.copy[i].users, 0);
    one = fs.open(fs.ctx, "a.txt", &st); /* and still there */
    T_EQ(fs.lend(fs.ctx, one, 0, LEN, &b), LEN);
    T_TRUE(b.bytes.p + 1000 == a.bytes.p);
    give_back(&b);
    fs.close(fs.ctx, one);
    T_EQ(f.copies.bytes, LEN);
    files_close_root(&f);
    T_EQ(f.copies.bytes, 0);
    remove_tree();
}

/* Whoever truncates or overwrites a file changes nothing that is lent, and everything afterwards. */
static void test_files_what_is_lent_does_not_change(void)
{
    enum { LEN = 100000 };
    static struct files f;
    struct app_files fs;
    struct app_stat st;
    struct lent a, b;
    char path[128];

    begin(&f, &fs);
    f.copies.clock = later;
    put_large("root/a.txt", 'a', LEN);
    int one = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(fs.lend(fs.ctx, one, 0, LEN, &a), LEN);
    put_large("root/a.txt", 'b', LEN); /* truncated, and written again */
    /* Its change may be no later than a tick of the clock: so let the other time tell. */
    snprintf(path, sizeof(path), "%s/root/a.txt", tree);
    T_EQ(utimensat(AT_FDCWD, path,
                   (const struct timespec[]){
                       {1000, 0},
                       {1000, 0}
    },
                   0),
         0);
    for (size_t i = 0; i < LEN; i++)
        T_NEED(a.bytes.p[i] == 'a');
    int two = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(fs.lend(fs.ctx, two, 0, LEN, &b), LEN);
    T_TRUE(b.bytes.p[0] == 'b' && b.bytes.p[LEN - 1] == 'b');
    give_back(&a);
    give_back(&b);
    fs.close(fs.ctx, one);
    fs.close(fs.ctx, two);
    files_close_root(&f);
    remove_tree();
}

static void test_files_no_copy_of_what_just_changed_or_shrinks(void)
{
    static struct files f;
    struct app_files fs;
    struct app_stat st;
    struct lent a;

    begin(&f, &fs);
    put_large("root/a.txt", 'a', 3 << 20);
    int one = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(fs.lend(fs.ctx, one, 0, 1000, &a), 0); /* its time may stand for two contents */
    T_EQ(f.copies.bytes, 0);
    f.copies.clock = later;
    T_EQ(fs.lend(fs.ctx, one, 0, 1000, &a), 1000);
    give_back(&a);
    T_EQ(fs.lend(fs.ctx, one, 2 << 20, 1000, &a), 0); /* far behind what was read */
    put_large("root/a.txt", 'b', 50000);
    T_EQ(fs.lend(fs.ctx, one, 1000, 100000, &a), 0); /* the rest is gone */
    fs.close(fs.ctx, one);
    one = fs.open(fs.ctx, "a.txt", &st);
    T_EQ(fs.lend(fs.ctx, one, 0, 100000, &a), 50000);
    T_EQ(a.bytes.p[0], 'b');
    give_back(&a);
    fs.close(fs.ctx, one);
    files_close_root(&f);
    remove_tree();
}

/* The memory is bounded; who is lent something keeps it. */
static void test_files_copies_make_room(void)
{
    enum { LEN = 1 << 20, FILES = FILECOPY_ALL / LEN + 3 };
    static struct files f;
    struct app_files fs;
    struct app_stat st;
    struct lent first, l;
    char name[64], path[128];

    begin(&f, &fs);
    f.copies.clock = later;
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "root/f%d", i);
        put_large(name, (char)('a' + i % 26), LEN);
        int fd = fs.open(fs.ctx, name + 5, &st);

        T_EQ(fs.lend(fs.ctx, fd, 0, 10, &l), 10);
        T_EQ(l.bytes.p[0], 'a' + i % 26);
        T_TRUE(f.copies.bytes <= FILECOPY_ALL);
        if (i == 0)
            first = l;
        else
            give_back(&l);
        fs.close(fs.ctx, fd);
    }
    T_EQ(first.bytes.p[9], 'a');
    int fd = fs.open(fs.ctx, "f0", &st);

    T_EQ(fs.lend(fs.ctx, fd, 0, 10, &l), 10);
    T_TRUE(l.bytes.p == first.bytes.p);
    give_back(&l);
    give_back(&first);
    fs.close(fs.ctx, fd);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof(path), "%s/root/f%d", tree, i);
        T_EQ(remove(path), 0);
    }
    files_close_root(&f);
    remove_tree();
}

/* A small one is lent from what is remembered, which then stays. */
static void test_files_small_ones_are_lent(void)
{
    static struct files f;
    struct app_files fs;
    struct app_stat st;
    struct lent l;

    begin(&f, &fs);
    int fd = fs.open(fs.ctx, "a.txt", &st);

    T_EQ(fs.lend(fs.ctx, fd, 1, 100, &l), 4);
    fs.close(fs.ctx, fd);
    put("root/a.txt", "changed");
    now += FILES_TIME;
    fd = fs.open(fs.ctx, "a.txt", &st);
    T_EQ(st.size, 7);
    T_MEM(l.bytes.p, "ello", 4);
    give_back(&l);
    fs.close(fs.ctx, fd);
    fd = fs.open(fs.ctx, ".", &st);
    T_EQ(fs.lend(fs.ctx, fd, 0, 1, &l), 0);
    fs.close(fs.ctx, fd);
    files_close_root(&f);
    remove_tree();
}

static void test_files_missing_root_is_an_error(void)
{
    struct files f;
    struct app_files fs;

    T_EQ(files_open_root(&f, "/tmp/test_files.no/such", &fs), -ENOENT);
    T_EQ(files_open_root(&f, "/dev/null", &fs), -ENOTDIR);
}

T_MAIN("files", T(test_files_nothing_outside_the_root), T(test_files_the_same_without_openat2),
       T(test_files_small_ones_are_remembered_for_a_second), T(test_files_what_is_in_use_stays),
       T(test_files_many_and_large), T(test_files_large_ones_are_lent_from_one_copy),
       T(test_files_what_is_lent_does_not_change),
       T(test_files_no_copy_of_what_just_changed_or_shrinks), T(test_files_copies_make_room),
       T(test_files_small_ones_are_lent), T(test_files_missing_root_is_an_error))
