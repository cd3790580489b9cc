/*
 * test_conn_match.c - a connection is named by any part of it.
 */
#include "conn_match.h"

#include "t.h"

static const uint32_t here = 0x0a000002, there = 0x0a000001;

/* Does @text mean the connection 10.0.0.2:80-10.0.0.1:40112? -1: it means nothing. */
static int means(const char *text)
{
    struct conn_match m;

    return conn_match_parse(&m, text)
               ? conn_match(&m, ip_addr_v4(here), 80, ip_addr_v4(there), 40112)
               : -1;
}

static void test_conn_match_takes_any_part(void)
{
    static const char *const parts[] = {
        "10.0.0.2:80-10.0.0.1:40112",
        "10.0.0.1:40112-10.0.0.2:80",
        "10.0.0.1:40112",
        "10.0.0.2:80",
        "40112",
        "80",
        ":80",
        "*:80",
        "10.0.0.1",
        "10.0.0.2-10.0.0.1",
        "80-40112",
        "*:*-10.0.0.1:*",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (means(parts[i]) != 1)
            printf("%s\n", parts[i]);
        T_EQ(means(parts[i]), 1);
    }
}

static void test_conn_match_refuses_others(void)
{
    static const char *const parts[] = {
        "10.0.0.2:81", "10.0.0.3", "40113", "80-80", "10.0.0.1-10.0.0.1", "10.0.0.1:80", "0",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (means(parts[i]) != 0)
            printf("%s\n", parts[i]);
        T_EQ(means(parts[i]), 0);
    }
}

static void test_conn_match_knows_nonsense(void)
{
    static const char *const parts[] = {
        "",
        "a",
        "10.0.0",
        "10.0.0.1:",
        "10.0.0.1:65536",
        "65536",
        "1.2.3.4.5",
        "-",
        "80-",
        "80x",
        "+80",
        "10.0.0.256",
        "80-80-80",
        "10.0.0.2:80-10.0.0.1:40112-and-so-on-and-so-on-and-so-on-and-so-on",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (means(parts[i]) != -1)
            printf("%s\n", parts[i]);
        T_EQ(means(parts[i]), -1);
    }
}

T_MAIN("conn_match", T(test_conn_match_takes_any_part), T(test_conn_match_refuses_others),
       T(test_conn_match_knows_nonsense))
