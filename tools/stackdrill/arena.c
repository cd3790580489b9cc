/* arena.c - see arena.h. */
#include "arena.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK = 16 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t bytes[];
};

struct arena {
    struct arena_block *blocks;
};

static void *arena_system(size_t bytes)
{
    void *m = calloc(1, bytes);

    if (m == NULL) {
        fputs("stackdrill: no memory left: run fewer scripts at once\n", stderr);
        exit(2);
    }
    return m;
}

struct arena *arena_new(void)
{
    return arena_system(sizeof(struct arena));
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    for (struct arena_block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

void *arena_get(struct arena *a, size_t bytes)
{
    const size_t unit = sizeof(max_align_t);
    const size_t want = (bytes + unit - 1) / unit * unit;
    struct arena_block *b = a->blocks;

    if (b == NULL || want > b->size - b->used) {
        const size_t size = want > ARENA_BLOCK ? want : ARENA_BLOCK;

        b = arena_system(sizeof(*b) + size);
        b->size = size;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *m = (char *)b->bytes + b->used;
    b->used += want;
    return m;
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
    char *t = arena_get(a, len + 1);

    if (len > 0)
        memcpy(t, text, len);
    return t;
}

void *arena_add(struct arena *a, void *list, size_t *count, size_t item_size)
{
    const size_t n = *count;
    char *items;

    /* @list is the address of a pointer to some struct; memcpy reads it whatever its type. */
    memcpy(&items, list, sizeof(items));
    if ((n & (n - 1)) == 0) { /* full at 0, 1, 2, 4, 8, ... */
        char *more = arena_get(a, (n == 0 ? 1 : 2 * n) * item_size);

        if (n > 0)
            memcpy(more, items, n * item_size);
        items = more;
        memcpy(list, &items, sizeof(items));
    }
    memset(items + n * item_size, 0, item_size);
    *count = n + 1;
    return items + n * item_size;
}
