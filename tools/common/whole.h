/*
 * whole.h - read() and write() until all of it is done: a signal, or a pipe that takes a part, is no end.
 */
#ifndef COMMON_WHOLE_H
#define COMMON_WHOLE_H

#include <stddef.h>

/** whole_write - all @len bytes to @fd, which blocks. Return: 0, or a negative errno value; how much was
 * written then, nobody knows. */
int whole_write(int fd, const void *bytes, size_t len);

/** whole_read - exactly @len bytes. Return: 0, or a negative errno value: -ENODATA: it ended before. */
int whole_read(int fd, void *bytes, size_t len);

#endif
