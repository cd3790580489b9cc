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

static void test_files_missing_root_is_an_error(void)
{
    struct files f;
    struct app_files fs;

    T_EQ(files_open_root(&f, "/tmp/test_files.no/such", &fs), -ENOENT);
    T_EQ(files_open_root(&f, "/dev/null", &fs), -ENOTDIR);
}

T_MAIN("files", T(test_files_nothing_outside_the_root), T(test_files_the_same_without_openat2),
       T(test_files_missing_root_is_an_error))
