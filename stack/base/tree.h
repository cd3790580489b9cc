/*
 * tree.h - an ordered set whose members know their neighbours: a treap (Seidel, Aragon 1996).
 *
 * Members are ordered by a sequence number, and placed by their neighbour, not by a search: who
 * inserts knows behind whom. Each has a random priority; a parent's is never below its children's,
 * which keeps the depth at O(log n) whatever the order of insertions, also an adversary's, who does
 * not know the priorities. Finding, inserting and removing cost O(log n), the next member and
 * appending O(1) on average.
 *
 * A member can be marked; the first marked one is found in O(log n).
 */
#ifndef STACKD_TREE_H
#define STACKD_TREE_H

#include "base/seq.h"

struct tree_node {
    struct tree_node *up, *left, *right;
    tcp_seq key; /* may change as long as the order does not */
    uint32_t prio;
    bool is_marked, any_marked; /* this one; this one or one below it */
};

struct tree {
    struct tree_node *root, *first, *last;
};

/** tree_insert - put @n behind @after, NULL: in front of all. @prio: random. */
void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *after, uint32_t prio);
/** tree_remove - take out @n. */
void tree_remove(struct tree *t, struct tree_node *n);
/** tree_find - the last member whose key is not after @key; NULL if there is none. */
struct tree_node *tree_find(const struct tree *t, tcp_seq key);
/** tree_next, tree_prev - the neighbours of @n in the order; NULL at the end. */
struct tree_node *tree_next(const struct tree_node *n);
struct tree_node *tree_prev(const struct tree_node *n);
/** tree_mark - mark @n, or not. */
void tree_mark(struct tree_node *n, bool is_marked);
/** tree_first_marked - the marked member with the smallest key; NULL if none is marked. */
struct tree_node *tree_first_marked(const struct tree *t);

#endif
