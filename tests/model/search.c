/*
 * search.c - breadth first through all states.
 *
 * A state is kept as eight bytes: its parent and the action that led from there. To be at it again
 * its path is walked from the nearest ancestor whose image is still at hand: images are kept for
 * the present path, one per depth, and since states are expanded in the order in which they were
 * found, the next path mostly shares all but its last steps with the last one.
 *
 * That every run comes to an end is shown with little work: from each new state a perfect run is
 * made, until it meets a state from which one is known to end.
 */
#include "search.h"

#include <stdlib.h>

enum { VISITED = 1, SETTLED = 2, DEPTH_MAX = 400, CHAIN_MAX = 4000 };

struct node {
    uint32_t parent;
    struct act act;
    uint16_t depth;
};

struct table { /* of hashes, open addressing */
    uint64_t *key;
    uint8_t *flags;
    size_t mask, used;
};

struct hunt {
    struct image im;
    struct model *m;
    struct shot shots[DEPTH_MAX + 1];
    uint32_t path[DEPTH_MAX + 1]; /* nodes whose images are in shots */
    uint32_t path_len;
    struct node *nodes;
    size_t count, cap;
    struct table known;
    uint64_t *chain;
    const struct search_limits *limits;
    struct search_result *r;
};

static void *must(void *p)
{
    if (p == NULL) {
        fputs("search: out of memory\n", stderr);
        exit(2);
    }
    return p;
}

/* ---- hashes ---- */

static void table_init(struct table *t, size_t slots)
{
    t->key = must(calloc(slots, sizeof(t->key[0])));
    t->flags = must(calloc(slots, 1));
    t->mask = slots - 1;
    t->used = 0;
}

static uint8_t *table_at(struct table *t, uint64_t key);

static void table_grow(struct table *t)
{
    struct table old = *t;

    table_init(t, (old.mask + 1) * 2);
    for (size_t i = 0; i <= old.mask; i++) {
        if (old.key[i] != 0)
            *table_at(t, old.key[i]) = old.flags[i];
    }
    free(old.key);
    free(old.flags);
}

/* The flags of @key, which is entered if it is not there. */
static uint8_t *table_at(struct table *t, uint64_t key)
{
    if (t->used * 4 > t->mask * 3)
        table_grow(t);
    size_t i = (size_t)key & t->mask;

    while (t->key[i] != 0 && t->key[i] != key)
        i = (i + 1) & t->mask;
    if (t->key[i] == 0) {
        t->key[i] = key;
        t->used++;
    }
    return &t->flags[i];
}

/* ---- states ---- */

static void hunt_begin(struct hunt *u, const struct scenario *sc,
                       const struct search_limits *limits)
{
    image_open(&u->im, model_size(sc));
    u->m = (struct model *)(void *)u->im.base;
    model_begin(u->m, sc);
    if (limits->loss >= 0)
        u->m->loss = (uint8_t)limits->loss;
    if (limits->dup >= 0)
        u->m->dup = (uint8_t)limits->dup;
    if (limits->early >= 0)
        u->m->early = (uint8_t)limits->early;
    if (limits->wire > 0 && limits->wire <= WIRE_MAX)
        u->m->wire_max = (uint8_t)limits->wire;
}

static void hunt_add(struct hunt *u, uint32_t parent, struct act act, uint16_t depth)
{
    if (u->count == u->cap) {
        u->cap = u->cap == 0 ? 4096 : u->cap * 2;
        u->nodes = must(realloc(u->nodes, u->cap * sizeof(u->nodes[0])));
    }
    u->nodes[u->count++] = (struct node){parent, act, depth};
}

/* The path to @node, the last action in @last if that is not NULL, as text. */
static void hunt_path_text(const struct hunt *u, uint32_t node, const struct act *last)
{
    char *out = u->r->path, word[4];
    size_t size = sizeof(u->r->path), len = 0;
    struct act acts[DEPTH_MAX + 1];
    size_t n = u->nodes[node].depth;

    for (size_t i = n; i > 0; i--) {
        acts[i - 1] = u->nodes[node].act;
        node = u->nodes[node].parent;
    }
    if (last != NULL)
        acts[n++] = *last;
    out[0] = '\0';
    for (size_t i = 0; i < n && len + 5 < size; i++) {
        model_act_text(acts[i], word);
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? " " : "", word);
    }
}

static void hunt_failed(struct hunt *u, uint32_t node, const struct act *last)
{
    u->r->failed = true;
    snprintf(u->r->fault, sizeof(u->r->fault), "%s", u->m->fault);
    hunt_path_text(u, node, last);
}

/* Make @node the present state; its image is the last of the path. */
static void hunt_go(struct hunt *u, uint32_t node)
{
    uint32_t want[DEPTH_MAX + 1], depth = u->nodes[node].depth, same = 0;

    for (uint32_t d = depth, at = node;; d--) {
        want[d] = at;
        at = u->nodes[at].parent;
        if (d == 0)
            break;
    }
    while (same < u->path_len && same <= depth && u->path[same] == want[same])
        same++;
    image_restore(&u->im, &u->shots[same - 1]);
    for (uint32_t d = same; d <= depth; d++) {
        if (!model_do(u->m, u->nodes[want[d]].act)) {
            fprintf(stderr, "search: a path that was good is not: %s\n", u->m->fault);
            exit(2);
        }
        image_save(&u->im, &u->shots[d]);
        u->path[d] = want[d];
    }
    u->path_len = depth + 1;
}

/* From the present state a perfect run to the end, or to where one is known to end. Return: well. */
static bool hunt_settle(struct hunt *u, uint64_t hash)
{
    size_t n = 0;
    struct act act;

    for (;;) {
        if (*table_at(&u->known, hash) & SETTLED)
            break;
        if (n == CHAIN_MAX) {
            model_fail(u->m, "a perfect run does not end");
            return false;
        }
        u->chain[n++] = hash;
        if (!model_perfect(u->m, &act)) {
            model_finish(u->m);
            if (u->m->fault != NULL)
                return false;
            break;
        }
        if (!model_do(u->m, act))
            return false;
        hash = canon_hash(u->m);
    }
    for (size_t i = 0; i < n; i++)
        *table_at(&u->known, u->chain[i]) |= SETTLED;
    u->r->settled += n;
    return true;
}

/* The state of an end's first connection; over is over, also where a listening socket is left. */
static enum tcp_state hunt_state(const struct model *m, unsigned h)
{
    const struct end *e = &m->end[h];

    if (e->talks == 0)
        return e->lsd >= 0 ? TCP_LISTEN : TCP_CLOSED;
    return e->talk[0].state < TCP_STATES ? (enum tcp_state)e->talk[0].state : TCP_CLOSED;
}

static void hunt_seen(struct hunt *u)
{
    const struct model *m = u->m;

    u->r->packed += tcp_idle_count(&m->end[0].n.tcp) + tcp_idle_count(&m->end[1].n.tcp) > 0;
    if (m->end[0].talks <= 1 && m->end[1].talks <= 1)
        u->r->pairs[hunt_state(m, 0)][hunt_state(m, 1)] = 1;
}

/* All that may follow @node. Return: false when something is wrong. */
static bool hunt_expand(struct hunt *u, uint32_t node)
{
    uint16_t depth = u->nodes[node].depth;
    struct act acts[ACTS_MAX];

    hunt_go(u, node);
    size_t n = model_acts(u->m, acts);

    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            image_restore(&u->im, &u->shots[depth]);
        u->r->transitions++;
        if (!model_do(u->m, acts[i])) {
            hunt_failed(u, node, &acts[i]);
            return false;
        }
        uint64_t hash = canon_hash(u->m);
        uint8_t *known = table_at(&u->known, hash);

        hunt_seen(u);
        if (*known & VISITED)
            continue;
        *known |= VISITED;
        hunt_add(u, node, acts[i], (uint16_t)(depth + 1));
        if (!hunt_settle(u, hash)) {
            hunt_failed(u, node, &acts[i]);
            return false;
        }
    }
    return true;
}

static void hunt_progress(const struct hunt *u, size_t at)
{
    if (u->limits->progress && at % 20000 == 0)
        fprintf(stderr, "  %zu states visited, %zu found, depth %u, %llu transitions, %u pages\n",
                at, u->count, u->nodes[at].depth, (unsigned long long)u->r->transitions,
                u->im.live_count);
}

static void hunt_end(struct hunt *u)
{
    for (size_t i = 0; i <= DEPTH_MAX; i++)
        free(u->shots[i].bytes);
    free(u->nodes);
    free(u->known.key);
    free(u->known.flags);
    free(u->chain);
    image_close(&u->im);
}

bool search(const struct scenario *sc, const struct search_limits *limits, struct search_result *r)
{
    struct hunt *u = must(calloc(1, sizeof(*u)));
    size_t at;

    *r = (struct search_result){0};
    u->limits = limits;
    u->r = r;
    u->chain = must(malloc(CHAIN_MAX * sizeof(u->chain[0])));
    table_init(&u->known, 1 << 16);
    hunt_begin(u, sc, limits);
    image_save(&u->im, &u->shots[0]);
    u->path_len = 1;
    hunt_add(u, 0, (struct act){0, 0}, 0);
    *table_at(&u->known, canon_hash(u->m)) |= VISITED;
    hunt_seen(u);
    for (at = 0; at < u->count && !r->failed; at++) {
        if ((limits->states != 0 && at >= limits->states) ||
            (limits->depth != 0 && u->nodes[at].depth >= limits->depth) ||
            u->nodes[at].depth >= DEPTH_MAX)
            break;
        hunt_expand(u, (uint32_t)at);
        hunt_progress(u, at);
    }
    r->states = u->count;
    r->depth = u->nodes[u->count - 1].depth;
    r->complete = at == u->count && !r->failed;
    hunt_end(u);
    free(u);
    if (sc->expect != NULL)
        return r->failed && strstr(r->fault, sc->expect) != NULL;
    return !r->failed;
}

/* ---- replay ---- */

static bool replay_path(struct hunt *u, const char *path, FILE *out)
{
    for (const char *p = path; *p != '\0';) {
        size_t len = strcspn(p, " ");
        char word[8] = "";
        struct act act, all[ACTS_MAX];
        bool possible = false;

        if (len > 0 && len < sizeof(word)) {
            memcpy(word, p, len);
            if (!model_act_parse(word, &act)) {
                fprintf(out, "`%s' is no action\n", word);
                return false;
            }
            for (size_t i = 0, n = model_acts(u->m, all); i < n; i++)
                possible = possible || (all[i].kind == act.kind && all[i].arg == act.arg);
            if (!possible) {
                fprintf(out, "`%s' is not possible here\n", word);
                return false;
            }
            if (!model_do(u->m, act))
                return false;
        }
        p += len + (p[len] == ' ');
    }
    return true;
}

bool search_replay(const struct scenario *sc, const struct search_limits *limits, const char *path,
                   FILE *out)
{
    struct hunt *u = must(calloc(1, sizeof(*u)));
    struct act act;

    hunt_begin(u, sc, limits);
    u->m->ladder = out;
    ladder_head(u->m, out);
    if (replay_path(u, path, out)) {
        ladder_note(u->m, "\nfrom here with a perfect wire:\n");
        for (unsigned i = 0; i < CHAIN_MAX && model_perfect(u->m, &act); i++) {
            if (!model_do(u->m, act))
                break;
        }
        if (u->m->fault == NULL) {
            ladder_note(u->m, "\nthe users leave:\n");
            model_finish(u->m);
            ladder_states(u->m);
        }
    }
    bool well = u->m->fault == NULL;

    hunt_end(u);
    free(u);
    return well;
}
