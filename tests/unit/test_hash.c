/* test_hash.c - chained hash table, and the list of those who have news. */
#include <stdalign.h>

#include "base/hash.h"
#include "base/ready.h"
#include "t.h"

static alignas(64) uint8_t mem[64 * 1024];

struct thing {
    struct hash_node node;
    uint32_t key;
};

static struct thing *thing_find(const struct hash *h, uint32_t hash, uint32_t key)
{
    for (struct hash_node *n = hash_first(h, hash); n != NULL; n = n->next) {
        struct thing *t = container_of(n, struct thing, node);

        if (n->hash == hash && t->key == key)
            return t;
    }
    return NULL;
}

static struct hash table(uint32_t objects)
{
    struct region r = {.p = mem, .len = sizeof(mem)};
    struct hash h;

    memset(mem, 0, sizeof(mem));
    hash_cut(&h, &r, objects);
    T_FALSE(r.overflow);
    return h;
}

static void test_hash_slots_are_a_power_of_two_and_enough(void)
{
    T_EQ(table(0).mask, 15);
    T_EQ(table(13).mask, 15);
    T_EQ(table(14).mask, 31);
    T_EQ(table(26).mask, 31);
    T_EQ(table(27).mask, 63);
    T_EQ(table(1000).mask, 2047);
}

static void test_hash_finds_what_is_in_and_nothing_else(void)
{
    enum { COUNT = 500 };
    static struct thing things[COUNT];
    struct hash h = table(64);

    for (uint32_t i = 0; i < COUNT; i++) {
        things[i].key = i;
        hash_add(&h, &things[i].node, i * 2654435761u);
    }
    for (uint32_t i = 0; i < COUNT; i += 2)
        hash_del(&h, &things[i].node);
    for (uint32_t i = 0; i < COUNT; i++)
        T_TRUE(thing_find(&h, i * 2654435761u, i) == (i % 2 == 0 ? NULL : &things[i]));
    for (uint32_t i = 1; i < COUNT; i += 2)
        hash_del(&h, &things[i].node);
    for (uint32_t i = 0; i <= h.mask; i++)
        T_TRUE(hash_first(&h, i) == NULL);
}

static void test_hash_equal_hashes_share_a_chain(void)
{
    struct thing a = {.key = 1}, b = {.key = 2}, c = {.key = 3};
    struct hash h = table(16);

    hash_add(&h, &a.node, 0xdeadbeef);
    hash_add(&h, &b.node, 0xdeadbeef);
    hash_add(&h, &c.node, 0xdeadbeef);
    hash_del(&h, &b.node); /* from the middle */
    T_TRUE(thing_find(&h, 0xdeadbeef, 1) == &a);
    T_TRUE(thing_find(&h, 0xdeadbeef, 2) == NULL);
    T_TRUE(thing_find(&h, 0xdeadbeef, 3) == &c);
    hash_del(&h, &a.node);
    hash_del(&h, &c.node);
    T_TRUE(hash_first(&h, 0xdeadbeef) == NULL);
}

static void test_ready_is_listed_once_in_order(void)
{
    struct ready_list l;
    struct ready r[3] = {{.owner = 0}, {.owner = 1}, {.owner = 2}};

    ready_list_init(&l);
    T_TRUE(ready_pop(&l) == NULL);
    ready_add(&l, &r[1]);
    ready_add(&l, &r[0]);
    ready_add(&l, &r[1]); /* listed already: keeps its place */
    ready_add(&l, &r[2]);
    ready_del(&r[0]);
    ready_del(&r[0]); /* not listed: harmless */
    T_TRUE(ready_pop(&l) == &r[1]);
    ready_add(&l, &r[1]); /* news again: at the end */
    T_TRUE(ready_pop(&l) == &r[2]);
    T_TRUE(ready_pop(&l) == &r[1]);
    T_TRUE(ready_pop(&l) == NULL);
}

static void test_ready_without_owner_is_never_listed(void)
{
    struct ready_list l;
    struct ready r = {.owner = READY_NOBODY};

    ready_list_init(&l);
    ready_add(&l, &r);
    T_TRUE(ready_pop(&l) == NULL);
}

T_MAIN("hash", T(test_hash_slots_are_a_power_of_two_and_enough),
       T(test_hash_finds_what_is_in_and_nothing_else), T(test_hash_equal_hashes_share_a_chain),
       T(test_ready_is_listed_once_in_order), T(test_ready_without_owner_is_never_listed))
