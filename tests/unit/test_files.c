/* The directory tree behind --http-root: nothing outside it is ever opened. */
#define _GNU_SOURCE
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

static void test_files_missing_root_is_an_error(void)
{
    struct files f;
    struct app_files fs;

    T_EQ(files_open_root(&f, "/tmp/test_files.no/such", &fs), -ENOENT);
    T_EQ(files_open_root(&f, "/dev/null", &fs), -ENOTDIR);
}

T_MAIN("files", T(test_files_nothing_outside_the_root), T(test_files_the_same_without_openat2),
       T(test_files_small_ones_are_remembered_for_a_second), T(test_files_what_is_in_use_stays),
       T(test_files_many_and_large), T(test_files_missing_root_is_an_error))
