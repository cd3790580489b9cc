/*
 * list.h - doubly linked lists whose links have names and types of their own.
 *
 * Connections stand in several lists at a time (due for output, by age, orphans), half-open entries and
 * records of what was sent in others. Each object has a pair of pointers for each list, named for what
 * it means (older, newer; due_prev, due_next), and whoever owns the list has its two ends, NULL while
 * it is empty. Macros and not functions, so that all pointers keep their types and code that walks a list reads
 * `t->older`; each argument is a name or an lvalue without side effects. The links of an object that is
 * in no list mean nothing.
 */
#ifndef STACKD_LIST_H
#define STACKD_LIST_H

/* LIST_INSERT - put @obj behind @after; @after NULL: in front of all. @first, @last: the ends. */
#define LIST_INSERT(first, last, obj, after, prev, next)                                           \
    do {                                                                                           \
        (obj)->prev = (after);                                                                     \
        (obj)->next = (obj)->prev != NULL ? (obj)->prev->next : (first);                           \
        if ((obj)->prev != NULL)                                                                   \
            (obj)->prev->next = (obj);                                                             \
        else                                                                                       \
            (first) = (obj);                                                                       \
        if ((obj)->next != NULL)                                                                   \
            (obj)->next->prev = (obj);                                                             \
        else                                                                                       \
            (last) = (obj);                                                                        \
    } while (0)

/* LIST_APPEND - put @obj behind all others. */
#define LIST_APPEND(first, last, obj, prev, next)                                                  \
    do {                                                                                           \
        (obj)->next = NULL;                                                                        \
        (obj)->prev = (last);                                                                      \
        if ((last) != NULL)                                                                        \
            (last)->next = (obj);                                                                  \
        else                                                                                       \
            (first) = (obj);                                                                       \
        (last) = (obj);                                                                            \
    } while (0)

/* LIST_REMOVE - take @obj out; it must be in. */
#define LIST_REMOVE(first, last, obj, prev, next)                                                  \
    do {                                                                                           \
        if ((obj)->prev != NULL)                                                                   \
            (obj)->prev->next = (obj)->next;                                                       \
        else                                                                                       \
            (first) = (obj)->next;                                                                 \
        if ((obj)->next != NULL)                                                                   \
            (obj)->next->prev = (obj)->prev;                                                       \
        else                                                                                       \
            (last) = (obj)->prev;                                                                  \
    } while (0)

#endif
