/*
 * command.h - what a command of stackscope is.
 *
 * main.c reads the common options (the source, the filter, -j, --color, -w), finds the command by its
 * first word and lets it read its own words and options; then frames go from the source to the command,
 * one after another, and at the end it says what it has to say.
 */
#ifndef STACKSCOPE_COMMAND_H
#define STACKSCOPE_COMMAND_H

#include "frame.h"

struct scope_options {
    bool json;       /* -j: JSON Lines, the schema of docs/tracing.md */
    bool color;
    bool ascii;      /* no Unicode */
    const char *write; /* -w FILE, or NULL */
    const char *format; /* --format text|svg|mermaid|html|png, or NULL: the command's default */
    uint32_t connections; /* at once, 0: default */
};

struct scope_command {
    const char *name;
    const char *words;   /* for --help: "CONN|all" */
    const char *help;    /* a line */
    /** begin - read @argc words after the command's name. Return: its state, or NULL with a line in @err. */
    void *(*begin)(const struct scope_options *o, int argc, char **argv, char *err, size_t err_len);
    void (*frame)(void *state, const struct frame *f);
    /** end - the capture is over; print and free. Return: the exit status. */
    int (*end)(void *state);
};

extern const struct scope_command *const scope_commands[]; /* ended by NULL */

#endif
