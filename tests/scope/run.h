/*
 * run.h - the program's loop without its command line: a file in memory through a command, quietly.
 */
#ifndef TESTS_SCOPE_RUN_H
#define TESTS_SCOPE_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "command.h"

struct run_result {
    bool opened;
    int last;         /* of source_next() */
    uint64_t frames;  /* handed out */
    char error[1024]; /* of the source */
    int status;       /* of the command */
};

/* The words and the format that a command is tried with. */
struct run_how {
    const struct scope_command *command;
    const char *word;   /* NULL: none */
    const char *format; /* NULL: its first */
    bool json, verbose;
};

/** run_name - a name for the bytes, valid while *@fd is open. */
static inline const char *run_name(const uint8_t *bytes, size_t len, int *fd, char name[64])
{
    *fd = memfd_create("capture", MFD_CLOEXEC);
    if (*fd < 0 || write(*fd, bytes, len) != (ssize_t)len)
        abort();
    snprintf(name, 64, "/proc/self/fd/%d", *fd);
    return name;
}

/** run_command - what it prints goes to standard output, wherever that leads. */
static inline void run_command(struct run_result *r, const struct run_how *how,
                               const uint8_t *bytes, size_t len)
{
    struct source_options so = {.interface = "all"};
    struct scope_options o = {.json = how->json, .verbose = how->verbose, .connections = 64};
    char name[64], format[32], err[512];
    char *argv[] = {(char *)(size_t)how->word, NULL};
    int fd;
    struct frame f;

    memset(r, 0, sizeof(*r));
    so.name = o.name = run_name(bytes, len, &fd, name);
    struct source *s = source_open(&so, r->error, sizeof(r->error));

    if (s == NULL) {
        close(fd);
        return;
    }
    r->opened = true;
    o.source = s;
    snprintf(format, sizeof(format), "%.*s", (int)strcspn(how->command->formats, " "),
             how->command->formats);
    o.format = how->format != NULL ? how->format : format;
    if (how->command->writes && how->verbose)
        o.write = "/dev/null";
    void *state = how->command->begin(&o, how->word != NULL, argv, err, sizeof(err));

    if (state == NULL) {
        fprintf(stderr, "%s: %s\n", how->command->name, err);
        abort();
    }
    while ((r->last = source_next(s, &f)) == 1) {
        r->frames++;
        if (!how->command->frame(state, &f))
            break;
    }
    if (r->last < 0)
        snprintf(r->error, sizeof(r->error), "%s", source_error(s));
    r->status = how->command->end(state);
    source_close(s);
    close(fd);
}

/** run_word - a word that @c does something with on any capture, or NULL. */
static inline const char *run_word(const struct scope_command *c, unsigned n)
{
    static const char *const words[][4] = {
        {"osi",    "1",    "2",          "9"     },
        {"ladder", "all",  "0",          "1"     },
        {"plot",   "tseq", "throughput", "states"}
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], c->name) == 0)
            return words[i][1 + n % 3];
    }
    return NULL;
}

/** run_format - the @n-th format of @c (round and round); "png" and "html" need more than a moment. */
static inline const char *run_format(const struct scope_command *c, unsigned n)
{
    static const char *const formats[] = {"text", "svg", "mermaid"};
    const char *format = formats[n % 3];

    return strstr(c->formats, format) != NULL ? format : NULL;
}

#endif
