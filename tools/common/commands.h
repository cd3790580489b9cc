/*
 * commands.h - programs whose first word is a command: `stackctl sock`, `stackscope states`.
 *
 * Options that all commands have are understood before the command and after it; what else follows it
 * belongs to the command, which has options of its own. A command may be abbreviated, as `ip` does it:
 * the first of the table that begins with the given letters is meant. The table also makes --help.
 */
#ifndef COMMON_COMMANDS_H
#define COMMON_COMMANDS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

/* A row of the table. */
struct command {
    const char *name, *words; /* words: behind the name in the table, or "" */
    const char *help;         /* what it is for, beginning with a small letter */
};

struct commands {
    const char *program, *usage, *doc; /* usage: "COMMAND [WORD...]"; doc: a sentence */
    const char *heading, *closing;     /* lines around the table of --help; closing may be "" */
    bool first_is_default;             /* the first row is meant where no command is named */
    const struct argp_option *options; /* that all of them have */
    argp_parser_t parse;               /* what they mean */
    /** at - row @i. Return: whether there is one. */
    bool (*at)(int i, struct command *row);
};

/**
 * commands_first - read the options in front of the first word.
 * @input: for @p's parser
 * @first: receives where in @argv the first word stands, 0: there is none
 * @err:   receives a line: which option is wrong, and what would be right
 *
 * Prints and ends the program for --help, --usage and --version.
 *
 * Return: whether all of them are right.
 */
bool commands_first(const struct commands *p, int argc, char **argv, void *input, int *first,
                    char *err, size_t err_len);

/**
 * commands_rest - read what follows a command, options and words in any order.
 * @name:  of the command
 * @own:   options (NULL: none), parser, words for its --help and what it is for. The parser hands
 *         `state->child_inputs[0]` to @p's parser when argp begins (ARGP_KEY_INIT)
 * @argv:  from the command's own word on
 * @input: for @own's parser
 * @err:   as above
 *
 * Return: whether all options are right.
 */
bool commands_rest(const struct commands *p, const char *name, const struct argp *own, int argc,
                   char **argv, void *input, char *err, size_t err_len);

/** commands_find - the row that @word names, @whole or abbreviated. Return: its number, -1: none. */
int commands_find(const struct commands *p, const char *word, bool whole);

/** commands_nearest - the command that was probably meant with @word. Return: its name, or NULL. */
const char *commands_nearest(const struct commands *p, const char *word);

#endif
