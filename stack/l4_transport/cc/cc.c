#include "l4_transport/cc/cc.h"

extern const struct cc_ops cc_cubic, cc_reno, cc_bbr;

/* The list of controllers; the first is the default. */
static const struct cc_ops *const cc_list[] = {&cc_cubic, &cc_reno, &cc_bbr};

const struct cc_ops *cc_by_index(unsigned index)
{
    return index < ARRAY_LEN(cc_list) ? cc_list[index] : NULL;
}

int cc_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(cc_list); i++) {
        const char *a = cc_list[i]->name, *b = name;

        while (*a != '\0' && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b)
            return (int)i;
    }
    return -1;
}
