#include "base/tree.h"

/* Recompute what @n says of those below it. Return: whether that has changed. */
static bool tree_sum(struct tree_node *n)
{
    bool any = n->is_marked || (n->left != NULL && n->left->any_marked) ||
               (n->right != NULL && n->right->any_marked);
    bool changed = any != n->any_marked;

    n->any_marked = any;
    return changed;
}

static void tree_sum_up(struct tree_node *n)
{
    while (n != NULL && tree_sum(n))
        n = n->up;
}

/* Let @to take the place of @n below n's parent. */
static void tree_replace(struct tree *t, const struct tree_node *n, struct tree_node *to)
{
    if (n->up == NULL)
        t->root = to;
    else if (n->up->left == n)
        n->up->left = to;
    else
        n->up->right = to;
    if (to != NULL)
        to->up = n->up;
}

/* @n and its parent change places; the order stays. */
static void tree_rotate_up(struct tree *t, struct tree_node *n)
{
    struct tree_node *p = n->up;

    tree_replace(t, p, n);
    if (p->left == n) {
        p->left = n->right;
        if (p->left != NULL)
            p->left->up = p;
        n->right = p;
    } else {
        p->right = n->left;
        if (p->right != NULL)
            p->right->up = p;
        n->left = p;
    }
    p->up = n;
    tree_sum(p);
    tree_sum(n);
}

static struct tree_node *tree_leftmost(struct tree_node *n)
{
    while (n->left != NULL)
        n = n->left;
    return n;
}

static struct tree_node *tree_rightmost(struct tree_node *n)
{
    while (n->right != NULL)
        n = n->right;
    return n;
}

void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *after, uint32_t prio)
{
    n->left = n->right = n->up = NULL;
    n->prio = prio;
    n->is_marked = n->any_marked = false;
    if (t->root == NULL) {
        t->root = t->first = t->last = n;
        return;
    }
    if (after != NULL && after->right == NULL) {
        after->right = n;
        n->up = after;
    } else {
        n->up = after == NULL ? t->first : tree_leftmost(after->right);
        n->up->left = n;
    }
    if (after == NULL)
        t->first = n;
    if (after == t->last)
        t->last = n;
    while (n->up != NULL && n->prio > n->up->prio)
        tree_rotate_up(t, n);
}

void tree_remove(struct tree *t, struct tree_node *n)
{
    if (t->first == n)
        t->first = tree_next(n);
    if (t->last == n)
        t->last = tree_prev(n);
    while (n->left != NULL && n->right != NULL)
        tree_rotate_up(t, n->left->prio > n->right->prio ? n->left : n->right);
    tree_replace(t, n, n->left != NULL ? n->left : n->right);
    tree_sum_up(n->up);
}

struct tree_node *tree_find(const struct tree *t, tcp_seq key)
{
    struct tree_node *n = t->root, *best = NULL;

    while (n != NULL) {
        if (seq_leq(n->key, key)) {
            best = n;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

struct tree_node *tree_next(const struct tree_node *n)
{
    if (n->right != NULL)
        return tree_leftmost(n->right);
    while (n->up != NULL && n->up->right == n)
        n = n->up;
    return n->up;
}

struct tree_node *tree_prev(const struct tree_node *n)
{
    if (n->left != NULL)
        return tree_rightmost(n->left);
    while (n->up != NULL && n->up->left == n)
        n = n->up;
    return n->up;
}

void tree_mark(struct tree_node *n, bool is_marked)
{
    n->is_marked = is_marked;
    tree_sum_up(n);
}

struct tree_node *tree_first_marked(const struct tree *t)
{
    struct tree_node *n = t->root;

    if (n == NULL || !n->any_marked)
        return NULL;
    for (;;) {
        if (n->left != NULL && n->left->any_marked)
            n = n->left;
        else if (n->is_marked)
            return n;
        else
            n = n->right;
    }
}
