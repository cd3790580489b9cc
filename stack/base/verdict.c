#include "base/verdict.h"

const struct verdict_info *verdict_info(enum verdict v)
{
    static const struct verdict_info infos[V_COUNT] = {
        [V_NEXT] = {"", "", ""},
        [V_DONE] = {"", "", ""},
#define VERDICT(name, layer, reason, sentence) [V_DROP_##name] = {layer, reason, sentence},
#include "base/verdict.def"
#undef VERDICT
    };

    NET_ASSERT(v < V_COUNT);
    return &infos[v];
}
