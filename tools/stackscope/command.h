/*
 * command.h - what a command of stackscope is.
 *
 * main.c reads the common options (the source, the filter, -j, --color, -w ...), finds the command by its
 * first word and hands it its own words and options; then frames go from the source to the command,
 * one after another, and at the end it says what it has to say, on standard output.
 */
#ifndef STACKSCOPE_COMMAND_H
#define STACKSCOPE_COMMAND_H

#include <argp.h>

#include "frame.h"

enum { SCOPE_OK = 0, SCOPE_USAGE = 1, SCOPE_FAILED = 2 }; /* exit statuses */

struct scope_options {
    const char *name;            /* of the source: a file, "-" or an interface */
    const struct source *source; /* open already */
    bool json;  /* -j: JSON Lines, the schema of docs/tracing.md */
    bool color;
    bool ascii; /* no Unicode */
    bool verbose;
    const char *format;   /* one of the command's formats; its first, if none was asked for */
    const char *write;    /* -w FILE, or NULL */
    uint32_t connections; /* at once, 0: default */
};

struct scope_command {
    const char *name;
    const char *words; /* for --help: "CONN|all" */
    const char *help;  /* a line */
    const struct argp_option *options; /* its own, NULL: none */
    const char *formats;               /* "text svg mermaid", the first is the default */
    int words_max;                     /* how many words it takes at most */
    /** is_word - may @word, which stands behind FILE, be a word of this command and no filter? */
    bool (*is_word)(const char *word);
    bool writes;   /* understands -w */
    bool no_json;  /* does not understand -j */
    bool late;     /* prints nothing before end(), so that progress can be shown on a terminal */
    /**
     * begin - take what was given.
     * @argv: own options, whole and checked, as `--name` or `--name=value`, and the words, in their order
     *
     * Return: the command's state, or NULL with a line in @err.
     */
    void *(*begin)(const struct scope_options *o, int argc, char **argv, char *err, size_t err_len);
    /** frame - one more. Return: whether the command wants to see others. */
    bool (*frame)(void *state, const struct frame *f);
    /** end - the capture is over; print and free. Return: the exit status. */
    int (*end)(void *state);
};

extern const struct scope_command *const scope_commands[]; /* ended by NULL; the first is the default */

#endif
