/* test_units.c - numbers as people read them. */
#include "t.h"
#include "units.h"

static char out[UNITS_TEXT];

static void test_units_count_has_commas(void)
{
    T_STR(units_count(0, out), "0");
    T_STR(units_count(999, out), "999");
    T_STR(units_count(57920, out), "57,920");
    T_STR(units_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void test_units_time_takes_the_unit_that_fits(void)
{
    T_STR(units_time(0, false, out), "0 s");
    T_STR(units_time(999, false, out), "999 ns");
    T_STR(units_time(52000, false, out), "52 µs");
    T_STR(units_time(52000, true, out), "52 us");
    T_STR(units_time(999999, false, out), "1 ms");
    T_STR(units_time(204400000, false, out), "204 ms");
    T_STR(units_time(1002000000, false, out), "1 s");
    T_STR(units_time(1234000000, false, out), "1.23 s");
    T_STR(units_time(-1500000, false, out), "-1.5 ms");
    T_STR(units_time(INT64_C(200) * 1000000000, false, out), "3 min 20 s");
    T_STR(units_time(INT64_C(7260) * 1000000000, false, out), "2 h 1 min");
    T_STR(units_time(INT64_MIN, true, out), "-2562047 h 47 min");
}

static void test_units_seconds_have_the_decimals_asked_for(void)
{
    T_STR(units_seconds(1500, 6, out), "0.000002");
    T_STR(units_seconds(1234567890, 3, out), "1.235");
}

static void test_units_si_has_three_digits(void)
{
    T_STR(units_si(0, "bit/s", out), "0 bit/s");
    T_STR(units_si(1448, "B", out), "1.45 kB");
    T_STR(units_si(999600, "bit/s", out), "1 Mbit/s");
    T_STR(units_si(1.5e9, "bit/s", out), "1.5 Gbit/s");
    T_STR(units_si(-2000, "", out), "-2 k");
    T_STR(units_si(20, "", out), "20");
}

T_MAIN("units", T(test_units_count_has_commas), T(test_units_time_takes_the_unit_that_fits),
       T(test_units_seconds_have_the_decimals_asked_for), T(test_units_si_has_three_digits))
