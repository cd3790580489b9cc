/*
 * pages.h - memory for a host: a large mapping, of which only what is touched is there.
 */
#ifndef COMMON_PAGES_H
#define COMMON_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* From so many connections on, pages of 2 MB: each pool that is in use at all then takes whole ones, 35 MB
 * or so in all, which is a lot for ten thousand connections and nothing for a million. Their records no
 * longer fit what the processor remembers of 4 KB pages (some thousand of them): with large pages a
 * packet costs a tenth less (tests/bench/connections). */
enum { PAGES_WIDE = 500000, PAGES_SMALL = 4096 };

/**
 * pages_map - memory for a host with room for @connections.
 * @len: bytes
 *
 * Return: zeros, until munmap(); MAP_FAILED with errno: there is no address space.
 */
void *pages_map(size_t len, uint32_t connections);

/** pages_give_back - @len bytes at @p are not needed any more: the whole pages in them are zeros again, and
 * cost nothing. */
void pages_give_back(void *p, size_t len);

#endif
