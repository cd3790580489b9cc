/*
 * watch.c - --watch: a table again and again.
 *
 * On a terminal each turn takes the place of the one before, on the screen that programs use which leave
 * no trace (the alternate one): what the user had before is there again afterwards. A turn is composed in
 * memory and written at once, so nothing flickers; what does not fit is cut, lines at the right and the
 * table at the bottom. In a pipe turns follow one another with an empty line between them, and with -j
 * each is a line of its own. ^C, a signal, or the end of stackd ends it; the terminal is restored first.
 */
#include "stackctl.h"
#include "whole.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t watch_over, watch_resized;

static void watch_on_signal(int sig)
{
    if (sig == SIGWINCH)
        watch_resized = 1;
    else
        watch_over = 1;
}

bool ctl_seconds(const char *word, double *seconds)
{
    char *end;
    double v = strtod(word, &end);

    if (*word == '\0' || *end != '\0' || !(v >= 0.1 && v <= 3600))
        return false;
    *seconds = v;
    return true;
}

static void watch_write(const char *bytes, size_t len)
{
    if (whole_write(STDOUT_FILENO, bytes, len) < 0)
        watch_over = 1; /* the reader has gone */
}

/* One line, cut after @width columns; escape sequences take none. */
static void watch_line(FILE *out, const char *line, size_t len, unsigned width)
{
    unsigned column = 0;

    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\033') {
            while (i < len && line[i] != 'm')
                fputc(line[i++], out);
            if (i < len)
                fputc('m', out);
            continue;
        }
        unsigned step = line[i] == '\t' ? 8 - column % 8 : 1;

        if (column + step <= width) {
            if (line[i] == '\t')
                fprintf(out, "%*s", (int)step, "");
            else
                fputc(line[i], out);
        }
        column += step;
    }
    fputs("\033[K\n", out);
}

/* The table at @text onto the screen. */
static void watch_screen(const struct ctl *c, const char *text, size_t len)
{
    struct winsize w = {.ws_row = 24, .ws_col = 80};
    size_t bytes = 0, at = 0;
    char *frame = NULL;
    char when[16];
    time_t now = time(NULL);
    struct tm tm;

    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
    FILE *out = open_memstream(&frame, &bytes);

    if (out == NULL)
        return;
    strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
    fprintf(out, "\033[H%s%s  every %.4g s, ^C ends%s\033[K\n", ctl_paint(c, "dim"), when,
            c->interval, ctl_paint(c, ""));
    for (unsigned row = 2; row < (w.ws_row > 2 ? w.ws_row : 24u) && at < len; row++) {
        const char *nl = memchr(text + at, '\n', len - at);
        size_t line = nl != NULL ? (size_t)(nl - text) - at : len - at;

        watch_line(out, text + at, line, w.ws_col > 0 ? w.ws_col : 80);
        at += line + 1;
    }
    fputs("\033[J", out);
    fclose(out);
    watch_write(frame, bytes);
    free(frame);
}

/* Until the next turn, a signal, or stackd's end: a socket with nothing asked that can be read is at its
 * end. */
static void watch_wait(struct ctl *c)
{
    struct pollfd p = {c->to.fd, POLLIN, 0};
    struct timespec ts = {(time_t)c->interval, 0};
    sigset_t none;

    ts.tv_nsec = (long)((c->interval - (double)ts.tv_sec) * 1e9);
    sigemptyset(&none);
    (void)ppoll(&p, 1, &ts, &none); /* signals come here and nowhere else */
}

/* One turn of @once in memory. Return: its status. */
static int watch_turn(struct ctl *c, int (*once)(struct ctl *c), char **text, size_t *len)
{
    FILE *real = stdout, *turn = open_memstream(text, len);
    int status = CTL_FAILED;

    if (turn == NULL)
        return ctl_say(CTL_FAILED, "no memory: close something");
    stdout = turn;
    status = once(c);
    stdout = real;
    fclose(turn);
    return status;
}

/* The same document on one line. */
static void watch_json(char *text)
{
    json_t *o = json_loads(text, 0, NULL);
    char *line = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

    if (line != NULL) {
        watch_write(line, strlen(line));
        watch_write("\n", 1);
    }
    free(line);
    json_decref(o);
}

int ctl_watch(struct ctl *c, int (*once)(struct ctl *c))
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    bool screen = isatty(STDOUT_FILENO) && !c->json;
    struct sigaction sa = {.sa_handler = watch_on_signal};
    int status = CTL_OK;
    sigset_t block;

    sigemptyset(&block);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &sa, NULL);
        sigaddset(&block, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &block, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (bool first = true; !watch_over && status == CTL_OK; first = false) {
        char *text = NULL;
        size_t len = 0;

        status = watch_turn(c, once, &text, &len);
        if (status == CTL_OK && screen && first)
            watch_write("\033[?1049h\033[?25l", 14);
        if (status == CTL_OK && screen) {
            watch_screen(c, text, len);
        } else if (status == CTL_OK && c->json) {
            watch_json(text);
        } else if (status == CTL_OK) {
            if (!first)
                watch_write("\n", 1);
            watch_write(text, len);
        }
        free(text);
        if (status == CTL_OK && !watch_over)
            watch_wait(c);
        else if (screen && first)
            screen = false; /* never begun */
    }
    if (screen)
        watch_write("\033[?25h\033[?1049l", 14);
    if (screen && status != CTL_OK) /* what was said about it has gone with that screen */
        ctl_say(status, "stackd does not answer any more: has it ended?");
    return status;
}
