/* test_whole.c - all of it is written and read, however small the pipe, and whatever signals come. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t.h"
#include "whole.h"

enum { LEN = 1 << 20 }; /* a pipe holds 64 KB */

static uint8_t sent[LEN], got[LEN];

static void on_alarm(int sig)
{
    (void)sig;
}

/* A child writes while a timer interrupts both. */
static void test_whole_through_a_pipe_and_signals(void)
{
    struct sigaction act = {.sa_handler = on_alarm}; /* no SA_RESTART: calls end with EINTR */
    struct itimerval often =
                         {
                             {0, 200},
                             {0, 200}
    },
                     never = {{0, 0}, {0, 0}};
    int ends[2], status;

    for (size_t i = 0; i < LEN; i++)
        sent[i] = (uint8_t)(i * 7 + i / 4096);
    T_NEED(pipe(ends) == 0 && sigaction(SIGALRM, &act, NULL) == 0);
    pid_t pid = fork();

    if (pid == 0) {
        setitimer(ITIMER_REAL, &often, NULL);
        close(ends[0]);
        _exit(whole_write(ends[1], sent, LEN) == 0 ? 0 : 1);
    }
    close(ends[1]);
    setitimer(ITIMER_REAL, &often, NULL);
    int err = whole_read(ends[0], got, LEN);

    setitimer(ITIMER_REAL, &never, NULL);
    T_EQ(err, 0);
    T_TRUE(memcmp(got, sent, LEN) == 0);
    T_TRUE(err != 0 || whole_read(ends[0], got, 1) == -ENODATA);
    close(ends[0]); /* who still writes is ended */
    T_EQ(waitpid(pid, &status, 0), pid);
    T_EQ(status, 0);
}

static void test_whole_says_why_not(void)
{
    int ends[2];

    T_NEED(pipe(ends) == 0);
    signal(SIGPIPE, SIG_IGN);
    T_EQ(whole_write(ends[1], "ab", 2), 0);
    T_EQ(whole_write(ends[1], "", 0), 0);
    close(ends[1]);
    T_EQ(whole_read(ends[0], got, 3), -ENODATA); /* two are not three */
    close(ends[0]);
    T_EQ(whole_read(ends[0], got, 1), -EBADF);
    T_NEED(pipe(ends) == 0);
    close(ends[0]);
    T_EQ(whole_write(ends[1], "a", 1), -EPIPE);
    close(ends[1]);
}

T_MAIN("whole", T(test_whole_through_a_pipe_and_signals), T(test_whole_says_why_not))
