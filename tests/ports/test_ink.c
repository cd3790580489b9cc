/* test_ink.c - when a program writes in colour: --color, NO_COLOR, and what it writes to. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ink.h"
#include "t.h"

static int pipe_end, terminal;

static void ends(void)
{
    static int pipe_ends[2], master = -1;

    if (master < 0) {
        master = posix_openpt(O_RDWR | O_NOCTTY);
        T_NEED(pipe(pipe_ends) == 0 && master >= 0 && grantpt(master) == 0);
        T_NEED(unlockpt(master) == 0);
        pipe_end = pipe_ends[1];
        terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    }
    T_NEED(terminal >= 0);
    unsetenv("NO_COLOR");
}

static void test_ink_auto_is_for_terminals(void)
{
    ends();
    T_EQ(ink_wanted("auto", terminal), 1);
    T_EQ(ink_wanted("auto", pipe_end), 0);
}

static void test_ink_no_color_is_heard(void)
{
    ends();
    setenv("NO_COLOR", "1", 1);
    T_EQ(ink_wanted("auto", terminal), 0);
    T_EQ(ink_wanted("always", pipe_end), 1); /* who asks for it gets it */
    setenv("NO_COLOR", "", 1);               /* "when present and not an empty string" */
    T_EQ(ink_wanted("auto", terminal), 1);
}

static void test_ink_words(void)
{
    ends();
    T_EQ(ink_wanted("always", pipe_end), 1);
    T_EQ(ink_wanted("never", terminal), 0);
    T_EQ(ink_wanted("pink", terminal), -1);
    T_EQ(ink_wanted("", terminal), -1);
}

static void test_ink_names(void)
{
    T_STR(ink(true, "red"), "\033[31m");
    T_STR(ink(true, ""), "\033[0m");
    T_STR(ink(true, "pink"), "");
    T_STR(ink(false, "red"), "");
    T_STR(ink(false, ""), "");
}

T_MAIN("ink", T(test_ink_auto_is_for_terminals), T(test_ink_no_color_is_heard), T(test_ink_words),
       T(test_ink_names))
