/* test_fmt.c - numbers, times, addresses and strings as text. */
#include "t.h"
#include "base/fmt.h"
#include "base/prng.h"

static char buf[256];
static struct fmt f;

static struct fmt *start(void)
{
    memset(buf, 'x', sizeof(buf));
    f = (struct fmt){.p = buf, .cap = sizeof(buf) - 1};
    return &f;
}

static const char *text(void)
{
    buf[f.len] = '\0';
    return buf;
}

static void test_fmt_numbers(void)
{
    fmt_u64(start(), 0);
    T_STR(text(), "0");
    fmt_u64(start(), UINT64_MAX);
    T_STR(text(), "18446744073709551615");
    fmt_u64_pad(start(), 7, 3);
    T_STR(text(), "007");
    fmt_u64_pad(start(), 12345, 3);
    T_STR(text(), "12345");
    fmt_u64_pad(start(), 1, 30);
    T_STR(text(), "000000000000000000000000000001");
    fmt_hex(start(), 0xbeef, 4);
    T_STR(text(), "beef");
    fmt_hex(start(), 0xbeef, 2);
    T_STR(text(), "ef");
    fmt_hex(start(), UINT64_MAX, 16);
    T_STR(text(), "ffffffffffffffff");
    struct prng g;

    prng_seed(&g, 1, 1);
    for (unsigned i = 0; i < 1000; i++) {
        char want[32];
        uint64_t v = prng_u64(&g) >> prng_below(&g, 64);

        snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
        fmt_u64(start(), v);
        T_STR(text(), want);
    }
}

static void test_fmt_ns_is_seconds_with_nine_decimals(void)
{
    fmt_ns(start(), 0);
    T_STR(text(), "0.000000000");
    fmt_ns(start(), 1);
    T_STR(text(), "0.000000001");
    fmt_ns(start(), NET_SEC(12) + 345);
    T_STR(text(), "12.000000345");
    fmt_ns(start(), -NET_MS(1500));
    T_STR(text(), "-1.500000000");
    fmt_ns(start(), INT64_MAX);
    T_STR(text(), "9223372036.854775807");
    fmt_ns(start(), INT64_MIN);
    T_STR(text(), "-9223372036.854775808");
}

static void test_fmt_ip_of_both_versions(void)
{
    static const struct {
        struct ip_addr a;
        const char *want;
    } cases[] = {
        {{0, 0},                                   "*"                                      },
        {{0, 0x0000ffff0a000002},                  "10.0.0.2"                               },
        {{0, 0x0000ffffffffffff},                  "255.255.255.255"                        },
        {{0, 1},                                   "::1"                                    },
        {{0x20010db800000000, 0x1},                "2001:db8::1"                            },
        {{0x20010db800000000, 0},                  "2001:db8::"                             },
        {{0xfe80000000000000, 0x02aabbfffeccddee}, "fe80::2aa:bbff:fecc:ddee"               },
        {{0x20010db800000001, 0x0001000100010001}, "2001:db8:0:1:1:1:1:1"                   }, /* RFC 5952 4.2.2 */
        {{0x2001000000000001, 0x0000000000000001}, "2001:0:0:1::1"                          }, /* 4.2.3: the longest run */
        {{0x20010db800000000, 0x0001000000000001}, "2001:db8::1:0:0:1"                      }, /* the first of equals */
        {{0x0001000200030004, 0x0005000600070008}, "1:2:3:4:5:6:7:8"                        },
        {{0x0001000000000000, 0},                  "1::"                                    },
        {{0xffffffffffffffff, 0xffffffffffffffff}, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fmt_ip(start(), cases[i].a);
        T_STR(text(), cases[i].want);
    }
}

static void test_fmt_mac_and_strings(void)
{
    fmt_mac(start(), (struct mac){
                         {0x02, 0x00, 0xab, 0xcd, 0xef, 0x0f}
    });
    T_STR(text(), "02:00:ab:cd:ef:0f");
    fmt_str(start(), "ab");
    fmt_char(&f, 'c');
    fmt_bytes(&f, "de\0g", 4);
    T_EQ(f.len, 7);
    T_MEM(buf, "abcde\0g", 7);
    T_FALSE(f.full);
}

static void test_fmt_json_str_is_always_a_valid_string(void)
{
    fmt_json_str(start(), "");
    T_STR(text(), "\"\"");
    fmt_json_str(start(), "a\"b\\c\n\x01\x7f/");
    T_STR(text(), "\"a\\\"b\\\\c\\n\\u0001\\u007f/\"");
    fmt_json_str(start(), "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80"); /* UTF-8 stays */
    T_STR(text(), "\"na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80\"");
    /* Latin-1, overlong forms, a surrogate, beyond U+10FFFF, cut sequences: replaced. */
    static const char *const bad[] = {"\xef",         "\xc0\xaf",         "\xe0\x80\x80",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
                                      "\x80",         "\xf0\x9f\x98",     "\xff"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        fmt_json_str(start(), bad[i]);
        for (const char *c = text(); *c != '\0'; c++)
            T_TRUE((unsigned char)*c < 0x80);
        T_MEM(buf, "\"\\ufffd", 7);
        T_EQ(buf[f.len - 1], '"');
    }
}

/* Texts of packets have a length and no end: nothing behind it is read, and zeros are characters. */
static void test_fmt_json_char_stays_within_the_text(void)
{
    static const uint8_t euro[] = {0xe2, 0x82, 0xac, 0};

    for (size_t len = 1; len <= 4; len++) {
        T_EQ(fmt_utf8_len(euro, len), len < 3 ? 0 : 3);
        T_EQ(fmt_json_char(start(), euro, len), len < 3 ? 1 : 3);
        T_STR(text(), len < 3 ? "\\ufffd" : "\xe2\x82\xac");
    }
    T_EQ(fmt_utf8_len((const uint8_t *)"\xc3\xa4", 1), 0);
    T_EQ(fmt_utf8_len((const uint8_t *)"\xc3\xa4", 2), 2);
    T_EQ(fmt_json_char(start(), (const uint8_t *)"", 1), 1);
    T_STR(text(), "\\u0000");
}

static void test_fmt_full_keeps_what_fits_and_says_so(void)
{
    for (size_t cap = 0; cap <= 12; cap++) {
        memset(buf, 'x', sizeof(buf));
        f = (struct fmt){.p = buf, .cap = cap};
        fmt_str(&f, "abcdef");
        fmt_u64(&f, 123456);
        T_EQ(f.len, cap);
        T_EQ(f.full, cap < 12);
        T_MEM(buf, "abcdef123456", cap);
        T_EQ(buf[cap], 'x');
    }
}

T_MAIN("fmt", T(test_fmt_numbers), T(test_fmt_ns_is_seconds_with_nine_decimals),
       T(test_fmt_ip_of_both_versions), T(test_fmt_mac_and_strings),
       T(test_fmt_json_str_is_always_a_valid_string), T(test_fmt_json_char_stays_within_the_text),
       T(test_fmt_full_keeps_what_fits_and_says_so))
