/*
 * imp.h - a bad wire on purpose: what can happen to a frame, as a chain of small stages.
 *
 * A chain is one direction of a link. Frames are pushed in at the moment at which they arrive,
 * and come out - late, twice, damaged, in another order or never - by imp_pop(). The chain is as
 * pure as the core: time comes in as a number, every random choice from its own seeded
 * generator, so that the same frames at the same times have the same fate in every run.
 *
 *     push -> loss -> mark -> dup -> corrupt -> rate -> delay -> reorder -> pop
 *
 * The order is that of a real path: what is lost costs no bandwidth, a copy costs it twice, the
 * queue stands in front of the bottleneck, the propagation follows behind it, and a parallel path
 * that overtakes is last. Except where the reorder stage says otherwise the order of frames is
 * kept: jitter never lets one overtake another.
 *
 * Everything is decided before a frame may wait: what the stages behind the queue are to do to it as well
 * (choose). So whoever looks on hears of it together with the frame, not when it has been written long since, and
 * frames under way keep the fate they have when the wire is changed.
 *
 * Each stage is a plug-in: a `const struct imp_ops` in a file of its own (imp_loss.c ...) and a
 * line in the list in imp.c. A stage writes only its own state and hands frames on by imp_pass()
 * with the moment at which they leave it, which may lie before the moment of the call: a chain
 * that is asked late does not become slower by that.
 *
 * A frame in a chain belongs to it: it is linear and nobody else keeps it (imp_push() copies when
 * that is not so). Frames are what a wire would carry; a super-frame (gso_size > 0) counts as one,
 * so whoever owns the chain cuts it first, that damage is realistic (stackd: offload_cut_pkt()).
 *
 * Limits: the queue in front of the bottleneck has cfg.limit frames, the delay line as many as
 * imp_cut() was given; what does not fit is dropped with V_DROP_WIRE_QUEUE. No tick: an empty
 * chain has no deadline.
 */
#ifndef STACKD_IMP_H
#define STACKD_IMP_H

#include "base/core.h"

struct imp_config {
    /* Chances in millionths, each frame for itself: 10000 is 1 %. */
    uint32_t loss_ppm, corrupt_ppm, dup_ppm, reorder_ppm, mark_ppm;
    net_time delay;        /* every frame is late by this, */
    net_time jitter;       /* plus or minus up to this, evenly spread, never below 0 */
    uint64_t rate_bps;     /* bottleneck, bits a second of whole frames; 0: none */
    uint32_t limit;        /* frames that may wait for the bottleneck: 1000 */
    uint32_t reorder_gap;  /* a chosen frame is held back until so many passed it: 3 */
    net_time reorder_wait; /* or until this time went by: 10 ms */
};

/* What can happen to a frame; p->faults has a bit (1 << IMP_...) for each that did. */
enum imp_what { IMP_DROP, IMP_MARK, IMP_CORRUPT, IMP_DUPLICATE, IMP_REORDER, IMP_DELAY, IMP_WHATS };

enum { IMP_STAGES = 7, IMP_STATE_SIZE = 160, IMP_HELD_DEFAULT = 4096 };

struct imp_chain;
struct imp_stage;

/* A plug-in. @at is the moment at which a frame reaches the stage. */
struct imp_ops {
    const char *name;
    /* Decide what will happen here to @p, which is about to enter the first stage that may hold it. NULL: nothing.
     * Return: false: it will not get through, and is lost already. */
    bool (*choose)(struct imp_stage *s, struct pkt *p);
    /* Take @p, linear and the stage's own. */
    void (*push)(struct imp_stage *s, struct pkt *p, net_time at);
    /* Hand on what is due until @now. NULL: the stage holds nothing. */
    void (*run)(struct imp_stage *s, net_time now);
    /* When run() has something to do; NET_NEVER: it holds nothing. NULL with run. */
    net_time (*deadline)(const struct imp_stage *s);
    /* Release every frame that is held. NULL with run. */
    void (*flush)(struct imp_stage *s);
};

struct imp_stage {
    const struct imp_ops *ops;
    struct imp_chain *chain;
    uint64_t hits;                             /* frames that this stage did something to */
    _Alignas(8) uint8_t state[IMP_STATE_SIZE]; /* the plug-in's, zero at first */
};

/* A frame in the delay line. */
struct imp_slot {
    struct pkt *p;
    net_time at;
};

struct imp_chain {
    struct core *c; /* the host that is told about losses, and whose pools copies come from */
    const char *dir;
    bool is_in; /* towards the host: a frame gets its number at the end of the chain, or of its life */
    struct imp_config cfg;
    struct prng prng;
    net_time now; /* of the last call */
    struct pktq out;
    struct imp_slot *slots; /* memory of the delay line */
    uint32_t slot_count;
    uint32_t held;          /* frames inside, the out queue included */
    uint64_t frames, bytes; /* pushed in */
    uint64_t full;          /* dropped because a queue was full */
    struct imp_stage stage[IMP_STAGES];
};

/** imp_config_default - a good wire. */
void imp_config_default(struct imp_config *cfg);

/** imp_cut - cut the delay line of @held frames (IMP_HELD_DEFAULT) from @r; touches nothing. */
void imp_cut(struct imp_chain *ch, struct region *r, uint32_t held);

/**
 * imp_init - a good wire; imp_set() makes it bad.
 * @c:      the host at our end: drops are reported to it, copies are taken from its pools
 * @dir:    "rx" (towards the host) or "tx", constant text, for the trace
 * @seed:   of the run, and @stream to tell chains of one run apart
 */
void imp_init(struct imp_chain *ch, struct core *c, const char *dir, uint64_t seed,
              uint64_t stream);

/**
 * imp_set - change the wire, also while frames are under way: those keep the fate they have.
 *
 * Return: 0, or -EINVAL for a chance above a million or a negative time (nothing changed).
 */
int imp_set(struct imp_chain *ch, const struct imp_config *cfg);

/** imp_is_on - would a frame pushed now be treated, or are others still inside? If not, a caller
 * may pass the chain by. */
bool imp_is_on(const struct imp_chain *ch);

/** imp_push - let @p enter at @now; takes the caller's reference. */
void imp_push(struct imp_chain *ch, struct pkt *p, net_time now);

/** imp_pop - the next frame that comes out until @now, the caller's; NULL: none yet. */
struct pkt *imp_pop(struct imp_chain *ch, net_time now);

/** imp_deadline - when imp_pop() has something to give; NET_NEVER: nothing inside. */
net_time imp_deadline(const struct imp_chain *ch);

/** imp_flush - release every frame inside, as when the wire is cut. */
void imp_flush(struct imp_chain *ch);

/** imp_each - name and counter of each stage; @*at starts at 0. Return: false after the last. */
bool imp_each(const struct imp_chain *ch, uint32_t *at, const char **name, uint64_t *hits);

/* For the stages. */

/** imp_pass - hand @p on to the stage behind @s, at the moment @at. */
void imp_pass(struct imp_stage *s, struct pkt *p, net_time at);
/** imp_ahead - the stages behind @s decide about @p. Return: false: it is lost, and released. */
bool imp_ahead(struct imp_stage *s, struct pkt *p);
/** imp_what_name - the word for @what in traces. */
const char *imp_what_name(enum imp_what what);
/** imp_fault - count, note in @p and trace that the wire did @what to it. */
void imp_fault(struct imp_stage *s, struct pkt *p, enum imp_what what);
/** imp_lose - the end of @p: reported as @why and released. */
void imp_lose(struct imp_stage *s, struct pkt *p, enum verdict why);
/** imp_overflow - the same for one for which there is no room. */
void imp_overflow(struct imp_stage *s, struct pkt *p);
/** imp_drop - tell host @c at @now that @p (NULL: one of which it knows nothing) is lost. */
void imp_drop(struct core *c, const struct pkt *p, enum verdict why, net_time now);
/** imp_copy - a linear copy of @p from the pools of @c, offload state kept; NULL: no packet. */
struct pkt *imp_copy(struct core *c, const struct pkt *p);

extern const struct imp_ops imp_loss, imp_mark, imp_dup, imp_corrupt, imp_rate, imp_delay, imp_reorder;

#endif
