/*
 * verdict.h - what an input function says about a packet.
 *
 * V_NEXT: go on with the next step or layer. V_DONE: taken. V_DROP_*: refused, for the reason
 * named in verdict.def. Whoever gets anything but V_NEXT from a step returns it at once;
 * net_drop() is the only place that counts and traces the refusal.
 */
#ifndef STACKD_VERDICT_H
#define STACKD_VERDICT_H

#include "base/base.h"

enum verdict {
    V_NEXT,
    V_DONE,
#define VERDICT(name, layer, reason, sentence) V_DROP_##name,
#include "base/verdict.def"
#undef VERDICT
    V_COUNT
};

struct verdict_info {
    const char *layer, *reason, *sentence;
};

/** verdict_info - the words for a V_DROP_*; for V_NEXT and V_DONE empty strings. */
const struct verdict_info *verdict_info(enum verdict v);

#endif
