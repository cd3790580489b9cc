#include "tell.h"

#include <stdio.h>

void tell(const char *program, const char *fmt, va_list ap)
{
    fflush(stdout);
    flockfile(stderr);
    fprintf(stderr, "%s: ", program);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    funlockfile(stderr);
}
