/*
 * test_timer.c - the wheel against a list that is searched from end to end.
 *
 * Both get the same random operations. The list knows when each timer is due and in which order
 * the timers were armed; the wheel must hand out the same timers in the same order, never early,
 * and never let a caller who sleeps until timer_deadline() miss one.
 */
#include "base/prng.h"
#include "base/timer.h"
#include "t.h"

enum { COUNT = 300 };

struct model {
    struct timer_wheel w;
    struct timer t[COUNT];
    uint64_t armed[COUNT]; /* 0: not; else in which order */
    net_time at[COUNT];
    uint64_t order;
    net_time now;
    struct prng g;
};

static void model_start(struct model *m, net_time now, uint64_t seed)
{
    memset(m, 0, sizeof(*m));
    m->now = now;
    timer_wheel_init(&m->w, now);
    prng_seed(&m->g, seed, 0);
}

static void model_arm(struct model *m, unsigned i, net_time at)
{
    timer_arm(&m->w, &m->t[i], at);
    m->at[i] = at;
    m->armed[i] = ++m->order;
}

static void model_stop(struct model *m, unsigned i)
{
    timer_stop(&m->w, &m->t[i]);
    m->armed[i] = 0;
}

/* The timer that is due first; of equals the one armed first. -1: none is armed. */
static int model_first(const struct model *m)
{
    int best = -1;

    for (int i = 0; i < COUNT; i++) {
        if (m->armed[i] != 0 && (best < 0 || m->at[i] < m->at[best] ||
                                 (m->at[i] == m->at[best] && m->armed[i] < m->armed[best])))
            best = i;
    }
    return best;
}

/* Time passes to @now: everything due must come, in order, and nothing else. */
static void model_pass(struct model *m, net_time now)
{
    struct timer *t;

    m->now = now;
    while ((t = timer_expired(&m->w, now)) != NULL) {
        int want = model_first(m);

        T_NEED(want >= 0);
        T_EQ(t - m->t, want);
        T_TRUE(m->at[want] <= now); /* never early */
        T_FALSE(timer_is_armed(t));
        m->armed[want] = 0;
    }
    int left = model_first(m);

    T_TRUE(left < 0 || m->at[left] > now); /* never late */
    net_time deadline = timer_deadline(&m->w);

    if (left < 0) {
        T_TRUE(deadline == NET_NEVER);
    } else {
        T_TRUE(deadline > now);
        T_TRUE(deadline <= m->at[left]);
    }
}

static net_time model_delay(struct model *m, unsigned max_bits)
{
    unsigned bits = prng_below(&m->g, max_bits + 1);

    return (net_time)(prng_u64(&m->g) & (((uint64_t)1 << bits) - 1));
}

static void model_run(net_time start, unsigned max_bits, uint64_t seed, unsigned steps)
{
    static struct model m;

    model_start(&m, start, seed);
    for (unsigned step = 0; step < steps; step++) {
        unsigned i = prng_below(&m.g, COUNT), what = prng_below(&m.g, 100);

        if (what < 45) {
            net_time at = m.now + model_delay(&m, max_bits);

            if (what < 5)
                at = m.at[prng_below(&m.g, COUNT)]; /* equal to another's, perhaps past */
            model_arm(&m, i, at);
        } else if (what < 60) {
            model_stop(&m, i);
        } else if (what < 80) {
            model_pass(&m, m.now + model_delay(&m, max_bits));
        } else { /* as an event loop does: sleep until the deadline */
            net_time at = timer_deadline(&m.w);

            if (at != NET_NEVER)
                model_pass(&m, at > m.now ? at : m.now);
        }
        /* What the wheel remembers is what a search would find. */
        T_TRUE(timer_deadline(&m.w) == timer_look(&m.w));
        T_TRUE(m.w.next <= timer_look(&m.w));
    }
    for (unsigned i = 0; i < COUNT; i++)
        model_stop(&m, i);
    T_TRUE(timer_deadline(&m.w) == NET_NEVER);
    for (unsigned level = 0; level < TIMER_LEVELS; level++)
        T_EQ(m.w.used[level], 0);
}

static void test_timer_agrees_with_a_sorted_list_at_every_scale(void)
{
    for (unsigned bits = 10; bits <= 50; bits += 4)
        model_run(0, bits, bits, 4000);
}

static void test_timer_agrees_with_a_sorted_list_around_the_turn_of_the_wheel(void)
{
    static const unsigned shifts[] = {22, 28, 34, 40, 46, 52, 58};

    for (size_t i = 0; i < ARRAY_LEN(shifts); i++) { /* begin just below a carry into each level */
        model_run(((net_time)1 << shifts[i]) - 1, 20, 100 + i, 4000);
        model_run(((net_time)3 << shifts[i]) - NET_MS(2), 30, 200 + i, 4000);
    }
    model_run(((net_time)1 << 52) - NET_SEC(1), 46, 300, 4000);
}

static void test_timer_equal_deadlines_expire_in_the_order_of_arming(void)
{
    static const net_time ats[] = {0, 1, 65535, 65536, NET_MS(5), NET_SEC(3), NET_SEC(86400)};
    static struct model m;

    for (size_t k = 0; k < ARRAY_LEN(ats); k++) {
        model_start(&m, 12345, 1);
        for (unsigned i = 0; i < COUNT; i++)
            model_arm(&m, (i * 7) % COUNT, 12345 + ats[k]);
        model_arm(&m, 0, 12345 + ats[k]); /* armed again: goes to the end */
        while (model_first(&m) >= 0)
            model_pass(&m, timer_deadline(&m.w));
    }
}

static void test_timer_in_the_past_is_due_at_once(void)
{
    static struct model m;

    model_start(&m, NET_SEC(100), 1);
    model_arm(&m, 1, NET_SEC(99));
    model_arm(&m, 2, NET_SEC(98));
    model_arm(&m, 3, NET_SEC(100));
    T_TRUE(timer_deadline(&m.w) <= NET_SEC(100));
    model_pass(&m, NET_SEC(100));
    T_TRUE(model_first(&m) < 0);
}

/* A wake-up per level on the way down, and none else, however far the timer is. */
static void test_timer_wakes_at_most_once_per_level_and_exactly_at_the_end(void)
{
    static const net_time delays[] = {1,           NET_US(70),    NET_MS(200),        NET_SEC(1),
                                      NET_SEC(60), NET_SEC(7200), NET_SEC(86400 * 40)};

    for (size_t k = 0; k < ARRAY_LEN(delays); k++) {
        struct timer_wheel w;
        struct timer t = {0};
        unsigned wakes = 0;
        net_time now = NET_SEC(1234567) + 89, at = now + delays[k];

        timer_wheel_init(&w, now);
        timer_arm(&w, &t, at);
        for (;;) {
            net_time next = timer_deadline(&w);

            T_NEED(next > now && next <= at);
            now = next;
            wakes++;
            if (timer_expired(&w, now) == &t)
                break;
        }
        T_TRUE(now == at);
        T_TRUE(wakes <= TIMER_LEVELS);
    }
}

/* Beyond the top level: looked at again each time the wheel has turned, and still exact. */
static void test_timer_far_beyond_the_wheel_still_fires(void)
{
    struct timer_wheel w;
    struct timer far = {0}, never = {0};
    net_time at = NET_SEC(86400LL * 365 * 20) + 1, now = 5;
    unsigned wakes = 0;

    timer_wheel_init(&w, now);
    timer_arm(&w, &far, at);
    timer_arm(&w, &never, NET_NEVER);
    for (;;) {
        net_time next = timer_deadline(&w);

        T_NEED(next > now && next <= at);
        now = next;
        wakes++;
        if (timer_expired(&w, now) == &far)
            break;
    }
    T_TRUE(now == at);
    T_TRUE(wakes < 200);
    T_TRUE(timer_is_armed(&never));
    timer_stop(&w, &never);
    T_TRUE(timer_deadline(&w) == NET_NEVER);
}

static void test_timer_stopped_never_fires(void)
{
    struct timer_wheel w;
    struct timer a = {0}, b = {0};

    timer_wheel_init(&w, 0);
    timer_stop(&w, &a); /* never armed: harmless */
    timer_arm(&w, &a, 1000);
    timer_arm(&w, &b, 1000);
    timer_stop(&w, &a);
    timer_stop(&w, &a);
    T_FALSE(timer_is_armed(&a));
    T_TRUE(timer_expired(&w, 999) == NULL);
    T_TRUE(timer_expired(&w, 1000) == &b);
    T_TRUE(timer_expired(&w, NET_SEC(1)) == NULL);
    timer_arm(&w, &a, NET_SEC(5));
    timer_arm(&w, &a, NET_SEC(2)); /* moved, not doubled */
    T_TRUE(timer_expired(&w, NET_SEC(2)) == &a);
    T_TRUE(timer_deadline(&w) == NET_NEVER);
}

T_MAIN("timer", T(test_timer_agrees_with_a_sorted_list_at_every_scale),
       T(test_timer_agrees_with_a_sorted_list_around_the_turn_of_the_wheel),
       T(test_timer_equal_deadlines_expire_in_the_order_of_arming),
       T(test_timer_in_the_past_is_due_at_once),
       T(test_timer_wakes_at_most_once_per_level_and_exactly_at_the_end),
       T(test_timer_far_beyond_the_wheel_still_fires), T(test_timer_stopped_never_fires))
