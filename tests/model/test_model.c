/*
 * test_model.c - every scenario of the search, bounded so that all of it takes some seconds.
 *
 * `build/tests/model/search` goes as deep as one likes; docs/conformance.md tells how deep it was.
 */
#include "search.h"
#include "t.h"

/* Every state of a scenario within its budgets; the limit only ends a search that has no end. Return: in how
 * many a connection rested in a packed record. */
static uint64_t search_all(const struct scenario *sc)
{
    struct search_limits limits = {
        .states = 200000, .loss = -1, .dup = -1, .early = -1, .wire = -1};
    struct search_result r;
    bool well = search(sc, &limits, &r);

    if (!well)
        printf("     %s: %s\n     replay: build/tests/model/search --scenario %s%s --replay '%s'\n",
               sc->name, r.failed ? r.fault : "nothing was found", sc->name,
               sc->packs ? " --packed" : "", r.path);
    T_TRUE(well);
    T_TRUE(r.complete || sc->expect != NULL);
    return r.packed;
}

static void one(const char *name)
{
    const struct scenario *sc = scenario_find(name);

    T_NEED(sc != NULL);
    T_EQ(search_all(sc), 0);
}

static void test_model_open_close(void)
{
    one("open-close");
}

static void test_model_server_closes(void)
{
    one("server-closes");
}

static void test_model_close_any(void)
{
    one("close-any");
}

static void test_model_simultaneous_open(void)
{
    one("simultaneous-open");
}

static void test_model_change_of_mind(void)
{
    one("change-of-mind");
}

static void test_model_old_syn_ack(void)
{
    one("old-syn-ack");
}

static void test_model_data(void)
{
    one("data");
}

static void test_model_half_close(void)
{
    one("half-close");
}

static void test_model_stays(void)
{
    one("stays");
}

static void test_model_abort_client(void)
{
    one("abort-client");
}

static void test_model_abort_heard(void)
{
    one("abort-heard");
}

static void test_model_abort_server(void)
{
    one("abort-server");
}

static void test_model_reuse(void)
{
    one("reuse");
}

static void test_model_reopen_after_abort(void)
{
    one("reopen-after-abort");
}

static void test_model_seen_half_open(void)
{
    one("seen-half-open");
}

static void test_model_seen_illegal(void)
{
    one("seen-illegal");
}

static void test_model_cookies(void)
{
    one("cookies");
}

static void test_model_pool_drop(void)
{
    one("pool-drop");
}

static void test_model_pool_reset(void)
{
    one("pool-reset");
}

static void test_model_pool_evict(void)
{
    one("pool-evict");
}

static void test_model_wrap(void)
{
    one("wrap");
}

static void test_model_wrap_simultaneous(void)
{
    one("wrap-simultaneous");
}

static void test_model_no_timestamps(void)
{
    one("no-timestamps");
}

static void test_model_no_sack(void)
{
    one("no-sack");
}

static void test_model_no_rack(void)
{
    one("no-rack");
}

static void test_model_reuse_no_timestamps(void)
{
    one("reuse-no-timestamps");
}

static void test_model_zero_window(void)
{
    one("zero-window");
}

/* All of them again, and who rests is packed at once: ESTABLISHED, FIN-WAIT-2, CLOSE-WAIT. */
static void test_model_packed(void)
{
    uint64_t packed = 0;

    for (size_t i = 0; i < scenario_count; i++) {
        struct scenario sc = scenarios[i];

        sc.packs = true;
        packed += search_all(&sc);
    }
    T_TRUE(packed > 10000);
}

/* A scenario without a test would be searched by nobody. */
static void test_model_has_all_scenarios(void)
{
    T_EQ(scenario_count, 27);
}

T_MAIN("model", T(test_model_open_close), T(test_model_server_closes), T(test_model_close_any),
       T(test_model_simultaneous_open), T(test_model_change_of_mind), T(test_model_old_syn_ack),
       T(test_model_data), T(test_model_half_close), T(test_model_stays),
       T(test_model_abort_client), T(test_model_abort_heard), T(test_model_abort_server),
       T(test_model_reuse), T(test_model_reopen_after_abort), T(test_model_seen_half_open),
       T(test_model_seen_illegal), T(test_model_cookies), T(test_model_pool_drop),
       T(test_model_pool_reset), T(test_model_pool_evict), T(test_model_wrap),
       T(test_model_wrap_simultaneous), T(test_model_no_timestamps), T(test_model_no_sack),
       T(test_model_no_rack), T(test_model_reuse_no_timestamps), T(test_model_zero_window),
       T(test_model_packed), T(test_model_has_all_scenarios))
