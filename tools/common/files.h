/*
 * files.h - a directory tree as struct app_files: what `--http-root` serves.
 *
 * The promise is that no path leads out of the root, neither by name nor by symbolic link, also
 * while somebody renames things. Only the kernel can keep it without a race: openat2(2) with
 * RESOLVE_BENEATH (Linux 5.6). Links inside the root work, links out of it fail with -EXDEV. Where
 * the call is missing or forbidden (old kernels, some sandboxes), the path is walked one name at a
 * time with O_NOFOLLOW, and then no symbolic link works at all.
 *
 * Only regular files and directories are opened, and never so that opening could wait (a FIFO).
 *
 * Opening, asking, reading and closing are four calls into the kernel, and more work than the whole
 * stack has with a small answer. So what a small file or a directory was is remembered for a second,
 * with its content: for so long a server may tell what was true a moment ago. Larger files are
 * opened each time, and no descriptor is held that nobody uses; what they hold is lent from a copy that
 * all answers share (filecopy.h). That something is not there, or may
 * not be seen, is never remembered.
 */
#ifndef STACKD_FILES_H
#define STACKD_FILES_H

#include "filecopy.h"
#include "l7_application/app.h"

enum {
    FILES_KEPT = 64,        /* small files and directories remembered */
    FILES_PATH = 192,       /* of them, with a shorter path than this */
    FILES_SMALL = 16 * 1024 /* bytes of content, at most */
};
#define FILES_TIME NET_SEC(1)

struct files_kept {
    char path[FILES_PATH]; /* "": nothing is here */
    net_time since;
    unsigned users; /* handles that are open: content and stat stay as they are */
    struct app_stat stat;
    uint8_t *content; /* stat.size bytes */
};

struct files {
    int root;         /* an open directory */
    bool has_beneath; /* openat2 works here */
    net_time (*clock)(void);
    struct files_kept kept[FILES_KEPT];
    struct filecopies copies;
    struct filecopy *
        *open; /* by descriptor, up to open_count: the copy, once somebody has asked for it */
    int open_count;
};

/**
 * files_open_root - open the directory to serve.
 * @f:   must stay where it is while @out is used
 * @out: receives the calls
 *
 * Return: 0, or a negative errno value of opening @dir.
 */
int files_open_root(struct files *f, const char *dir, struct app_files *out);
void files_close_root(struct files *f);

#endif
