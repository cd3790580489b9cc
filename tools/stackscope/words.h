/*
 * words.h - a command reads its own options: `--name`, `--name VALUE`, `--name=VALUE`, anywhere among
 * its words.
 */
#ifndef STACKSCOPE_WORDS_H
#define STACKSCOPE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word_option {
    const char *name;   /* without the dashes; NULL ends the table */
    bool *flag;         /* set when it is there, or NULL... */
    const char **value; /* ... then it has a value, which is set */
};

/**
 * words_take - take the options out of @argv; the words stay, in their order.
 * @err: receives "what is wrong: how to mend it"
 *
 * Return: how many words are left; -1: something is wrong.
 */
int words_take(const struct word_option *known, int argc, char **argv, char *err, size_t err_len);

/** words_number - @text as a whole number from @least to @most. Return: false and a line in @err if not. */
bool words_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out,
                  char *err, size_t err_len);
/** words_seconds - @text as seconds, fractions too, in nanoseconds. */
bool words_seconds(const char *name, const char *text, int64_t *out, char *err, size_t err_len);

#endif
