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
 */
#ifndef STACKD_FILES_H
#define STACKD_FILES_H

#include "l7_application/app.h"

struct files {
    int root;         /* an open directory */
    bool has_beneath; /* openat2 works here */
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
