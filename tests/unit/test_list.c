/* test_list.c - doubly linked lists. */
#include "t.h"
#include "base/list.h"
#include "base/prng.h"

enum { MANY = 9 };

struct thing {
    struct thing *older, *newer;
};

static struct {
    struct thing *oldest, *newest, all[MANY];
    unsigned order[MANY], count; /* what the list should be */
} l;

static void list_check(void)
{
    struct thing *x = l.oldest, *before = NULL;

    for (unsigned i = 0; i < l.count; i++) {
        T_NEED(x == &l.all[l.order[i]]);
        T_TRUE(x->older == before);
        before = x;
        x = x->newer;
    }
    T_TRUE(x == NULL && l.newest == before);
    T_EQ(l.oldest == NULL, l.count == 0);
}

static unsigned list_place(unsigned thing)
{
    unsigned i = 0;

    while (i < l.count && l.order[i] != thing)
        i++;
    return i;
}

static void list_put(unsigned place, unsigned thing)
{
    for (unsigned i = l.count++; i > place; i--)
        l.order[i] = l.order[i - 1];
    l.order[place] = thing;
}

/* Each operation on each thing, at every place of lists of every length, against an array. */
static void test_list_is_what_an_array_would_be(void)
{
    struct prng g;

    prng_seed(&g, 1, 0);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned thing = prng_below(&g, MANY), place = list_place(thing);
        struct thing *x = &l.all[thing];

        if (place < l.count) {
            LIST_REMOVE(l.oldest, l.newest, x, older, newer);
            for (l.count--; place < l.count; place++)
                l.order[place] = l.order[place + 1];
        } else if (prng_below(&g, 2) == 0) {
            LIST_APPEND(l.oldest, l.newest, x, older, newer);
            list_put(l.count, thing);
        } else {
            unsigned at = prng_below(&g, l.count + 1);
            struct thing *after = at > 0 ? &l.all[l.order[at - 1]] : NULL;

            LIST_INSERT(l.oldest, l.newest, x, after, older, newer);
            list_put(at, thing);
        }
        list_check();
    }
}

T_MAIN("list", T(test_list_is_what_an_array_would_be))
