/*
 * arena.h - memory that is given back at once.
 *
 * A tree has thousands of small parts and one end, so its parts come from blocks that are freed
 * together. Memory is zeroed. When the system has none left the program ends with a message: a
 * script is a few kilobytes, and a tool has nothing better to do then.
 */
#ifndef STACKDRILL_ARENA_H
#define STACKDRILL_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
/** arena_get - zeroed memory, aligned for anything. */
void *arena_get(struct arena *a, size_t bytes);
/** arena_text - a copy of @len bytes with a zero behind them. */
char *arena_text(struct arena *a, const char *text, size_t len);
/** arena_add - append one item to a list. @list: address of the pointer to the items;
 * @count: how many there are. Return: the new item, zeroed; older items may have moved. */
void *arena_add(struct arena *a, void *list, size_t *count, size_t item_size);

#endif
