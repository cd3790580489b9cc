#include "pages.h"

#include <sys/mman.h>

void *pages_map(size_t len, uint32_t connections)
{
    void *p =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p != MAP_FAILED && connections >= PAGES_WIDE)
        (void)madvise(p, len, MADV_HUGEPAGE); /* a system without them has small ones */
    return p;
}

void pages_give_back(void *p, size_t len)
{
    uintptr_t from = ((uintptr_t)p + PAGES_SMALL - 1) / PAGES_SMALL * PAGES_SMALL;
    uintptr_t to = ((uintptr_t)p + len) / PAGES_SMALL * PAGES_SMALL;

    if (from < to)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}
