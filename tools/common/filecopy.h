/*
 * filecopy.h - contents of files in memory, to be lent to connections (app_files.lend).
 *
 * Bytes that are lent to the stack must neither move nor change until the peer has acknowledged them.
 * A file mapped into memory keeps no such promise: whoever truncates it makes every access behind the
 * new end a SIGBUS, and whoever writes to it changes what a retransmission repeats. So a file is read
 * once into memory of our own, and lent from there to everybody who asks: the first answer costs one
 * copy, as reading into a send buffer does, all others none, and none of them a call into the kernel.
 *
 * A copy is known by device, inode, length and both times of the file, which are asked for each time it is
 * opened: a file that was changed or replaced is another one. Times of files are no finer than a clock
 * tick, so one that was changed within the last second is not copied: another change could hide behind
 * the same time. (A program that writes through a shared mapping shows that to nobody before the kernel
 * writes it back; until then the copy is what it was.) It is read as far as somebody has asked, in order;
 * who begins far behind that reads for himself.
 *
 * Bounds: FILECOPY_COUNT files, FILECOPY_ALL bytes; the one that was asked for least recently and is not lent
 * makes room. Larger and smaller files, and those for which there is no room, are not copied.
 */
#ifndef STACKD_FILECOPY_H
#define STACKD_FILECOPY_H

#include <sys/stat.h>
#include <time.h>

#include "base/sendq.h"

enum {
    FILECOPY_COUNT = 256,
    FILECOPY_MAX = 32 << 20, /* bytes of a file */
    FILECOPY_ALL = 64 << 20,
    FILECOPY_AHEAD = 1 << 20 /* who begins so far behind what was read does not wait for the rest */
};

struct filecopy {
    uint8_t *bytes; /* NULL: nothing is here */
    size_t len, filled;
    unsigned users; /* open files, and spans that are lent */
    uint64_t asked; /* when it was last asked for: a counter */
    dev_t dev;
    ino_t ino;
    struct timespec mtime, ctime;
};

struct filecopies {
    struct filecopy copy[FILECOPY_COUNT];
    size_t bytes;
    uint64_t asked;
    time_t (*clock)(time_t *); /* time() */
};

/** filecopy_open - the copy of the file that @fd is, the caller's until filecopy_close(); NULL: there is
 * none, and there will be none. */
struct filecopy *filecopy_open(struct filecopies *all, int fd);
void filecopy_close(struct filecopy *c);
/**
 * filecopy_lend - bytes of it from @offset on, at most @len.
 * @fd:  to read from what has not been read before
 *
 * Return: bytes in out->bytes, lent until out->release(out->ctx); 0: read them from the file.
 */
size_t filecopy_lend(struct filecopy *c, int fd, uint64_t offset, size_t len, struct lent *out);
/** filecopies_free - all memory; nothing is lent any more. */
void filecopies_free(struct filecopies *all);

#endif
