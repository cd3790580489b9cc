/* test_pages.c - memory for a host: of large pages where it is large, and given back page by page. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pages.h"
#include "t.h"

/* Does the kernel know @p as memory that may have large pages (VmFlags: hg)? */
static bool is_large(const void *p)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false, large = false;

    T_NEED(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        char *end;
        uintptr_t from = strtoull(line, &end, 16);

        if (*end == '-')
            here = from <= (uintptr_t)p && (uintptr_t)p < strtoull(end + 1, NULL, 16);
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            large = large || strstr(line, " hg") != NULL;
    }
    fclose(f);
    return large;
}

static void test_pages_are_large_for_many_connections(void)
{
    enum { LEN = 8 << 20 };
    void *few = pages_map(LEN, PAGES_WIDE - 1), *many = pages_map(LEN, PAGES_WIDE);

    T_NEED(few != MAP_FAILED && many != MAP_FAILED);
    T_FALSE(is_large(few));
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0)
        T_TRUE(is_large(many));
    munmap(few, LEN);
    munmap(many, LEN);
}

/* What lies in a page together with other bytes stays. */
static void test_pages_are_given_back_whole(void)
{
    enum { PAGE = PAGES_SMALL };
    uint8_t *p = pages_map(5 * PAGE, 1);

    T_NEED(p != MAP_FAILED);
    memset(p, 0x5a, 5 * PAGE);
    pages_give_back(p + 1, 4 * PAGE - 2); /* pages 1 and 2, and parts of 0 and 3 */
    T_EQ(p[0], 0x5a);
    T_EQ(p[PAGE - 1], 0x5a);
    T_EQ(p[PAGE], 0);
    T_EQ(p[3 * PAGE - 1], 0);
    T_EQ(p[3 * PAGE], 0x5a);
    T_EQ(p[5 * PAGE - 1], 0x5a);
    pages_give_back(p + 1, 10); /* no page is whole */
    T_EQ(p[2], 0x5a);
    munmap(p, 5 * PAGE);
}

T_MAIN("pages", T(test_pages_are_large_for_many_connections), T(test_pages_are_given_back_whole))
