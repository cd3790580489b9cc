/*
 * tell.h - `program: what happened: how to mend it`, on standard error.
 */
#ifndef COMMON_TELL_H
#define COMMON_TELL_H

#include <stdarg.h>

/** tell - one line, behind all that was printed so far and whole, also of several threads. */
__attribute__((format(printf, 2, 0))) void tell(const char *program, const char *fmt, va_list ap);

#endif
