/*
 * args.h - one line for a wrong option, for every program here.
 */
#ifndef COMMON_ARGS_H
#define COMMON_ARGS_H

#include <argp.h>
#include <stdbool.h>

enum args_words {
    ARGS_MIXED, /* options may follow words, as getopt(3) permutes them */
    ARGS_FIRST  /* the first word ends the options: what follows belongs to somebody else */
};

/**
 * args_check - whether every option of a command line is one, whole and with its value.
 * @program: for `PROGRAM --help` in the message
 * @tables:  the options known, each table ended as argp wants it, the list ended by NULL;
 *           --help, --usage and --version are known without being named
 * @err:     receives one line, without the program's name: what is wrong and what would be right
 *
 * To be called before argp_parse(), which then finds nothing wrong with the options' names.
 *
 * Return: whether it is right.
 */
bool args_check(const char *program, const struct argp_option *const *tables, int argc,
                char *const *argv, enum args_words words, char *err, size_t err_len);

/** args_distance - how many letters to change, add, leave out or swap from @a to @b; at most 32. */
unsigned args_distance(const char *a, const char *b);

#endif
