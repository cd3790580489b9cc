/*
 * ink.h - colours of a terminal, for every program here.
 */
#ifndef COMMON_INK_H
#define COMMON_INK_H

#include <stdbool.h>

/** ink - the escape sequence for bold, dim, red, green, yellow, blue, magenta, cyan or "" (back to
 * plain); "" without colour and for any other name. Constants: one printf() often has two of them. */
const char *ink(bool color, const char *name);

/**
 * ink_wanted - what --color=WHEN asks for.
 * @when: always, never, or auto: where @fd is a terminal and NO_COLOR is not set
 *
 * Return: 1 or 0; -1: it is none of these words.
 */
int ink_wanted(const char *when, int fd);

#endif
