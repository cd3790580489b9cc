/* test_route.c - the longest prefix wins, and what keeps the table sound. */
#include "l3_network/route.h"
#include "t.h"
#include <errno.h>

enum { ROUTES = 8 };

static struct route rows[ROUTES];

static struct route_table table(void)
{
    struct region r = {.p = (uint8_t *)rows, .len = sizeof(rows)};
    struct route_table rt;

    route_cut(&rt, &r, ROUTES);
    T_EQ(rt.max, ROUTES);
    return rt;
}

#define NET10   0x0a000000u
#define NET10_1 0x0a010000u
#define GW1     0x0a000001u
#define GW2     0x0a0000feu

static void test_route_longest_prefix_wins_in_any_order(void)
{
    struct route_table rt = table();

    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0, 0, GW1, 0, 0), 0);
    T_EQ(route_add(&rt, NET10_1 | 0x0200, 24, GW2, 0, 0), 0);
    T_EQ(route_add(&rt, NET10_1, 16, GW1, 0, 0), 0);
    T_EQ(route_add(&rt, NET10_1 | 0x0205, 32, GW1, 0, 0), 0);
    T_EQ(route_lookup(&rt, NET10 | 9, ROUTE_ANY_IF)->gateway, 0);
    T_EQ(route_lookup(&rt, NET10_1 | 0x0204, ROUTE_ANY_IF)->gateway, GW2);
    T_EQ(route_lookup(&rt, NET10_1 | 0x0205, ROUTE_ANY_IF)->prefix, 32);
    T_EQ(route_lookup(&rt, NET10_1 | 0x0304, ROUTE_ANY_IF)->prefix, 16);
    T_EQ(route_lookup(&rt, 0x08080808, ROUTE_ANY_IF)->prefix, 0);
    uint32_t at = 0, n = 0;
    uint8_t last = 32;

    for (const struct route *ro; (ro = route_each(&rt, &at)) != NULL; n++) {
        T_TRUE(ro->prefix <= last);
        last = ro->prefix;
    }
    T_EQ(n, 5);
}

/* REQ: IP-1122-3.3.1.2-3 */
static void test_route_two_defaults_by_metric_and_fallback(void)
{
    struct route_table rt = table();

    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0, 0, GW2, 0, 20), 0);
    T_EQ(route_add(&rt, 0, 0, GW1, 0, 10), 0);
    T_EQ(route_lookup(&rt, 0x08080808, ROUTE_ANY_IF)->gateway, GW1);
    T_EQ(route_del(&rt, 0, 0, GW1, ROUTE_ANY_IF), 0);
    T_EQ(route_lookup(&rt, 0x08080808, ROUTE_ANY_IF)->gateway, GW2);
    T_EQ(route_del(&rt, 0, 0, 0, ROUTE_ANY_IF), 0);
    T_TRUE(route_lookup(&rt, 0x08080808, ROUTE_ANY_IF) == NULL);
    T_EQ(route_del(&rt, 0, 0, 0, ROUTE_ANY_IF), -ENOENT);
}

static void test_route_gateway_must_be_on_link(void)
{
    struct route_table rt = table();

    T_EQ(route_add(&rt, 0, 0, GW1, 0, 0), -ENETUNREACH);
    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0, 0, GW1, 1, 0), -ENETUNREACH); /* on the link of another interface */
    T_EQ(route_add(&rt, 0, 0, GW1, 0, 0), 0);
    T_EQ(route_add(&rt, 0x0b000000, 8, 0x0c000001, 0, 0), -ENETUNREACH); /* only by a gateway */
}

static void test_route_refuses_what_is_no_route(void)
{
    struct route_table rt = table();

    T_EQ(route_add(&rt, NET10 | 1, 24, 0, 0, 0), -EINVAL);
    T_EQ(route_add(&rt, NET10, 33, 0, 0, 0), -EINVAL);
    T_EQ(route_add(&rt, 0x7f000000, 8, 0, 0, 0), -EINVAL);
    T_EQ(route_add(&rt, 0xe0000000, 4, 0, 0, 0), -EINVAL);
    T_EQ(route_add(&rt, 0xf0000000, 4, 0, 0, 0), -EINVAL);
    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), -EEXIST);
    T_EQ(route_add(&rt, NET10, 24, 0, 1, 0), 0); /* the same subnet on another interface */
}

static void test_route_table_full_is_an_error(void)
{
    struct route_table rt = table();

    for (uint32_t i = 0; i < ROUTES; i++)
        T_EQ(route_add(&rt, NET10 + (i << 8), 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0x0b000000, 24, 0, 0, 0), -ENOBUFS);
    T_EQ(route_del(&rt, NET10, 24, 0, ROUTE_ANY_IF), 0);
    T_EQ(route_add(&rt, 0x0b000000, 8, 0, 0, 0), 0);
    T_EQ(route_lookup(&rt, 0x0b010203, ROUTE_ANY_IF)->prefix, 8);
}

/* REQ: IP-1122-3.3.1.1-1 */
static void test_route_every_prefix_ends_where_it_should(void)
{
    for (uint8_t prefix = 1; prefix <= 32; prefix++) {
        struct route_table rt = table();
        uint32_t mask = route_mask(prefix), net = 0x55555555 & mask;

        T_EQ(route_add(&rt, net, prefix, 0, 0, 0), 0);
        T_TRUE(route_lookup(&rt, net, ROUTE_ANY_IF) != NULL);
        T_TRUE(route_lookup(&rt, net | ~mask, ROUTE_ANY_IF) != NULL);
        T_TRUE(route_lookup(&rt, net - 1, ROUTE_ANY_IF) == NULL);
        T_TRUE(route_lookup(&rt, (net | ~mask) + 1, ROUTE_ANY_IF) == NULL);
    }
    T_EQ(route_mask(0), 0);
    T_EQ(route_mask(31), 0xfffffffe);
}

static void test_route_lookup_through_one_interface(void)
{
    struct route_table rt = table();

    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0x0a000100, 24, 0, 1, 0), 0);
    T_EQ(route_add(&rt, 0, 0, GW1, 0, 0), 0);
    T_EQ(route_lookup(&rt, 0x0a000105, ROUTE_ANY_IF)->ifi, 1);
    T_EQ(route_lookup(&rt, 0x0a000105, 0)->gateway, GW1);
    T_TRUE(route_lookup(&rt, NET10 | 5, 1) == NULL);
}

static void test_route_link_takes_its_gateways_along(void)
{
    struct route_table rt = table();

    T_EQ(route_add(&rt, NET10, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0x0a000100, 24, 0, 0, 0), 0);
    T_EQ(route_add(&rt, 0, 0, GW1, 0, 0), 0);
    T_EQ(route_add(&rt, 0x0b000000, 8, 0x0a000101, 0, 0), 0);
    route_del_link(&rt, NET10, 24, 0);
    T_EQ(rt.count, 2);
    T_TRUE(route_lookup(&rt, 0x08080808, ROUTE_ANY_IF) == NULL);
    T_EQ(route_lookup(&rt, 0x0b000001, ROUTE_ANY_IF)->gateway, 0x0a000101);
}

T_MAIN("route", T(test_route_longest_prefix_wins_in_any_order),
       T(test_route_two_defaults_by_metric_and_fallback), T(test_route_gateway_must_be_on_link),
       T(test_route_refuses_what_is_no_route), T(test_route_table_full_is_an_error),
       T(test_route_every_prefix_ends_where_it_should), T(test_route_lookup_through_one_interface),
       T(test_route_link_takes_its_gateways_along))
