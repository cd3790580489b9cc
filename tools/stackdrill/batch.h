/*
 * batch.h - many scripts, several at once, and how the results are told.
 */
#ifndef STACKDRILL_BATCH_H
#define STACKDRILL_BATCH_H

#include <stdbool.h>
#include <stddef.h>

enum batch_format { BATCH_TEXT, BATCH_TAP, BATCH_JUNIT };

/* What became of one script. */
struct batch_result {
    bool done, ok;
    double seconds;
    char *message; /* NULL when there is none */
};

/** batch_fn - run script @file. @message: NULL or the reason, to be freed. Return: it holds. */
typedef bool batch_fn(void *ctx, const char *file, char **message);

/**
 * batch_run - run all files.
 * @jobs: processes; 1: this one
 *
 * A script that brings its process down is one that does not hold; the others go on.
 * Return: whether all hold.
 */
bool batch_run(const char *const *files, size_t count, unsigned jobs, batch_fn *fn, void *ctx,
               struct batch_result *results);

/** batch_tell - the results on standard output, messages of BATCH_TEXT on standard error. */
void batch_tell(enum batch_format format, const char *const *files,
                const struct batch_result *results, size_t count);
void batch_free(struct batch_result *results, size_t count);

/** batch_files - add @path, or every script below it if it is a folder, in the order of names.
 * Return: false after a line on standard error. */
bool batch_files(const char *path, char ***files, size_t *count);

#endif
