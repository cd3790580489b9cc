/*
 * base.h - the words every other file uses: time, spans of bytes, assertions, container_of.
 *
 * Time is a number of nanoseconds since an epoch that only the caller of the stack knows: the
 * stack compares and subtracts, it never asks what time it is. In virtual time the epoch is the
 * start of the run; on a real wire it is the monotonic clock of the machine.
 */
#ifndef STACKD_BASE_H
#define STACKD_BASE_H

#include <assert.h> /* static_assert */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** net_time - a moment, or a duration, in nanoseconds. */
typedef int64_t net_time;

#define NET_NEVER  INT64_MAX
#define NET_US(us) ((net_time)(us) * 1000)
#define NET_MS(ms) ((net_time)(ms) * 1000000)
#define NET_SEC(s) ((net_time)(s) * 1000000000)

static inline net_time net_time_min(net_time a, net_time b) { return a < b ? a : b; }

/** struct span - bytes somebody else owns, to read. */
struct span {
    const uint8_t *p;
    size_t len;
};

/** struct mspan - bytes somebody else owns, to write. */
struct mspan {
    uint8_t *p;
    size_t len;
};

/**
 * net_assert_fail - called when an assertion of the stack does not hold: a bug of ours, never an
 * input. The program that links the stack defines it (tools/common/assert.c prints and aborts).
 */
_Noreturn void net_assert_fail(const char *claim, const char *file, int line);

/* On in every build: what an attacker could reach must be a verdict, what he cannot is checked. */
#define NET_ASSERT(claim) ((claim) ? (void)0 : net_assert_fail(#claim, __FILE__, __LINE__))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member)                                                            \
    ((type *)(void *)((uint8_t *)(ptr) - offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

static inline uint32_t u32_min(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t u32_max(uint32_t a, uint32_t b) { return a > b ? a : b; }
static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }

#endif
