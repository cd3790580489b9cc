/*
 * assert.c - what a broken assertion of the stack does in a program: say where, and stop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

_Noreturn void net_assert_fail(const char *claim, const char *file, int line)
{
    fprintf(stderr, "stackd: %s:%d: this should hold: %s: a bug of ours, please report it\n", file,
            line, claim);
    abort();
}
