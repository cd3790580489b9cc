#include "base/prng.h"
#include "base/tree.h"
#include "t.h"

enum { TREE_MAX = 400 };

struct tree_world {
    struct prng prng;
    struct tree tree;
    struct tree_node node[TREE_MAX];
    struct tree_node *order[TREE_MAX]; /* what the tree should say */
    uint32_t count;
};

static uint32_t tree_depth(const struct tree_node *n)
{
    if (n == NULL)
        return 0;
    uint32_t l = tree_depth(n->left), r = tree_depth(n->right);

    T_TRUE(n->left == NULL || (n->left->up == n && n->left->prio <= n->prio));
    T_TRUE(n->right == NULL || (n->right->up == n && n->right->prio <= n->prio));
    return 1 + (l > r ? l : r);
}

static void tree_compare(const struct tree_world *w)
{
    const struct tree_node *n = w->tree.first, *before = NULL, *marked = NULL;

    for (uint32_t i = 0; i < w->count; i++) {
        T_TRUE(n == w->order[i]);
        T_TRUE(tree_prev(n) == before);
        if (marked == NULL && n->is_marked)
            marked = n;
        before = n;
        n = tree_next(n);
    }
    T_TRUE(n == NULL);
    T_TRUE(w->tree.last == before);
    T_TRUE(tree_first_marked(&w->tree) == marked);
}

static void tree_put(struct tree_world *w, uint32_t at, struct tree_node *n)
{
    tree_insert(&w->tree, n, at > 0 ? w->order[at - 1] : NULL, prng_u32(&w->prng));
    memmove(&w->order[at + 1], &w->order[at], (w->count - at) * sizeof(w->order[0]));
    w->order[at] = n;
    w->count++;
}

static void tree_take(struct tree_world *w, uint32_t at)
{
    tree_remove(&w->tree, w->order[at]);
    w->count--;
    memmove(&w->order[at], &w->order[at + 1], (w->count - at) * sizeof(w->order[0]));
}

static void test_tree_behaves_like_a_sorted_array(void)
{
    static struct tree_world w;
    struct tree_node *spare[TREE_MAX];
    uint32_t spares = 0;

    memset(&w, 0, sizeof(w));
    prng_seed(&w.prng, 7, 0);
    for (uint32_t i = 0; i < TREE_MAX; i++)
        spare[spares++] = &w.node[i];
    for (int i = 0; i < 5000; i++) {
        uint32_t what = prng_u32(&w.prng) % 8, at = w.count > 0 ? prng_u32(&w.prng) % w.count : 0;

        if (what < 4 && spares > 0) {
            tree_put(&w, prng_u32(&w.prng) % (w.count + 1), spare[--spares]);
        } else if (what < 6 && w.count > 0) {
            spare[spares++] = w.order[at];
            tree_take(&w, at);
        } else if (w.count > 0) {
            tree_mark(w.order[at], prng_u32(&w.prng) % 2 == 0);
        }
        tree_compare(&w);
    }
    tree_depth(w.tree.root);
}

/* Keys around the wrap: the order is that of the circle. */
static void test_tree_finds_the_last_that_is_not_behind(void)
{
    static struct tree_world w;
    uint32_t base = UINT32_MAX - 100;

    memset(&w, 0, sizeof(w));
    prng_seed(&w.prng, 8, 0);
    for (uint32_t i = 0; i < 100; i++) {
        w.node[i].key = seq_of(base + 10 * i);
        tree_put(&w, i, &w.node[i]);
    }
    T_TRUE(tree_find(&w.tree, seq_of(base - 1)) == NULL);
    for (uint32_t i = 0; i < 1000; i++)
        T_TRUE(tree_find(&w.tree, seq_of(base + i)) == &w.node[i / 10]);
    T_TRUE(tree_find(&w.tree, seq_of(base + 5000)) == &w.node[99]);
}

/* In order, as segments are sent: the depth stays logarithmic. */
static void test_tree_stays_flat(void)
{
    static struct tree_world w;

    memset(&w, 0, sizeof(w));
    prng_seed(&w.prng, 9, 0);
    for (uint32_t i = 0; i < TREE_MAX; i++)
        tree_put(&w, i, &w.node[i]);
    T_TRUE(tree_depth(w.tree.root) <= 30); /* log2(400) is 9 */
    tree_compare(&w);
}

T_MAIN("tree", T(test_tree_behaves_like_a_sorted_array),
       T(test_tree_finds_the_last_that_is_not_behind), T(test_tree_stays_flat))
