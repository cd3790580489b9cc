/* test_verdict.c - every reason to refuse a packet has its words, and no two have the same. */
#include <ctype.h>

#include "base/verdict.h"
#include "t.h"

static void test_verdict_every_reason_has_words_of_its_own(void)
{
    for (unsigned v = V_DONE + 1; v < V_COUNT; v++) {
        const struct verdict_info *a = verdict_info((enum verdict)v);

        T_TRUE(a->layer[0] != '\0');
        T_TRUE(strlen(a->sentence) > 5);
        T_TRUE(a->sentence[strlen(a->sentence) - 1] != '.');
        for (const char *c = a->reason; *c != '\0'; c++) /* a word for scripts and counters */
            T_TRUE(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-' ||
                   *c == '.');
        for (unsigned w = v + 1; w < V_COUNT; w++) {
            const struct verdict_info *b = verdict_info((enum verdict)w);

            T_FALSE(strcmp(a->layer, b->layer) == 0 && strcmp(a->reason, b->reason) == 0);
        }
    }
}

static void test_verdict_going_on_has_no_words(void)
{
    T_STR(verdict_info(V_NEXT)->layer, "");
    T_STR(verdict_info(V_DONE)->reason, "");
    T_EQ(V_NEXT, 0);
}

static void test_verdict_words_belong_to_their_name(void)
{
    T_STR(verdict_info(V_DROP_TCP_CHECKSUM)->layer, "tcp");
    T_STR(verdict_info(V_DROP_TCP_CHECKSUM)->reason, "bad-checksum");
    T_STR(verdict_info(V_DROP_ETH_SHORT)->layer, "eth");
    T_STR(verdict_info(V_COUNT - 1)->layer, "wire");
}

T_MAIN("verdict", T(test_verdict_every_reason_has_words_of_its_own),
       T(test_verdict_going_on_has_no_words), T(test_verdict_words_belong_to_their_name))
