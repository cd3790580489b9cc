/*
 * cc.h - what lwIP wants to know about the compiler: nothing that C11 and the C library do not say.
 */
#ifndef STACKD_RIVALS_CC_H
#define STACKD_RIVALS_CC_H

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/types.h>

#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_TIMEVAL_PRIVATE  0
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#define LWIP_RAND() ((u32_t)random())

#endif
