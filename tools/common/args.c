/*
 * args.c - one line for a wrong option.
 *
 * argp(3) reports a wrong option with two lines, the first of them getopt's, and neither says what
 * was probably meant. Its messages can be switched off only together with --help. So the words are
 * looked at before argp sees them, by the rules of getopt_long(3): a long name may be shortened
 * while it stays unambiguous, its value follows `=` or is the next word; short ones may be joined.
 *
 * What was probably meant is the known name with the smallest edit distance (Damerau's: a letter
 * changed, added, left out, or two neighbours swapped), if that is a third of the name at most.
 */
#include "args.h"

#include <stdio.h>
#include <string.h>

enum { ARGS_NAME = 32, ARGS_FOUND = 8 };

static const struct argp_option args_builtin[] = {
    {"help", '?', NULL, 0, NULL, 0},
    {"usage",  0, NULL, 0, NULL, 0},
    {"version",  'V', NULL, 0, NULL, 0},
    {0     }
};

/* What one search over all tables has found. */
struct args_found {
    const struct argp_option *exact, *prefix[ARGS_FOUND], *nearest;
    unsigned prefixes, distance;
};

unsigned args_distance(const char *a, const char *b)
{
    unsigned d[ARGS_NAME + 1][ARGS_NAME + 1];
    size_t m = strlen(a), n = strlen(b);

    if (m > ARGS_NAME || n > ARGS_NAME)
        return ARGS_NAME;
    for (unsigned i = 0; i <= m; i++) {
        for (unsigned j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[m][n];
}

static bool args_is_end(const struct argp_option *o)
{
    return o->name == NULL && o->key == 0 && o->doc == NULL && o->group == 0;
}

static void args_find_in(struct args_found *f, const struct argp_option *o, const char *name,
                         size_t len)
{
    for (; !args_is_end(o); o++) {
        char whole[ARGS_NAME + 1];

        if (o->name == NULL)
            continue;
        if (strncmp(o->name, name, len) == 0) {
            if (o->name[len] == '\0')
                f->exact = o;
            else if (f->prefixes < ARGS_FOUND)
                f->prefix[f->prefixes++] = o;
        }
        snprintf(whole, sizeof(whole), "%.*s", (int)len, name);
        unsigned distance = args_distance(whole, o->name);

        if (distance < f->distance) {
            f->distance = distance;
            f->nearest = o;
        }
    }
}

static void args_find(struct args_found *f, const struct argp_option *const *tables,
                      const char *name, size_t len)
{
    *f = (struct args_found){.distance = ARGS_NAME};
    for (; *tables != NULL; tables++)
        args_find_in(f, *tables, name, len);
    args_find_in(f, args_builtin, name, len);
}

static const struct argp_option *args_short(const struct argp_option *const *tables, char c)
{
    const struct argp_option *o;

    for (; *tables != NULL; tables++) {
        for (o = *tables; !args_is_end(o); o++) {
            if (o->key == c)
                return o;
        }
    }
    for (o = args_builtin; !args_is_end(o); o++) {
        if (o->key == c)
            return o;
    }
    return NULL;
}

static void args_ambiguous(const struct args_found *f, const char *name, char *err, size_t err_len)
{
    int at = snprintf(err, err_len, "option --%s can mean several: try", name);

    for (unsigned i = 0; i < f->prefixes && at > 0 && (size_t)at < err_len; i++)
        at += snprintf(err + at, err_len - (size_t)at, "%s --%s",
                       i == 0                 ? ""
                       : i + 1 == f->prefixes ? " or"
                                              : ",",
                       f->prefix[i]->name);
}

/* Return: how many words the option takes, 0 when it is wrong. */
static int args_long(const char *program, const struct argp_option *const *tables, const char *name,
                     bool has_next, char *err, size_t err_len)
{
    size_t len = strcspn(name, "=");
    struct args_found f;

    args_find(&f, tables, name, len);
    const struct argp_option *o = f.exact != NULL ? f.exact : f.prefixes == 1 ? f.prefix[0] : NULL;

    if (o == NULL && f.prefixes > 1) {
        args_ambiguous(&f, name, err, err_len);
    } else if (o == NULL && f.nearest != NULL && f.distance * 3 <= strlen(f.nearest->name)) {
        snprintf(err, err_len, "unknown option --%.*s: try --%s, or %s --help", (int)len, name,
                 f.nearest->name, program);
    } else if (o == NULL) {
        snprintf(err, err_len, "unknown option --%.*s: try %s --help", (int)len, name, program);
    } else if (o->arg == NULL && name[len] == '=') {
        snprintf(err, err_len, "option --%s takes no value: try --%s alone", o->name, o->name);
    } else if (o->arg != NULL && name[len] != '=' && !has_next) {
        snprintf(err, err_len, "option --%s needs a value: try --%s %s", o->name, o->name, o->arg);
    } else {
        return o->arg != NULL && name[len] != '=' ? 2 : 1;
    }
    return 0;
}

/* The same for a word of short ones. */
static int args_cluster(const char *program, const struct argp_option *const *tables,
                        const char *letters, bool has_next, char *err, size_t err_len)
{
    for (; *letters != '\0'; letters++) {
        const struct argp_option *o = args_short(tables, *letters);

        if (o == NULL) {
            snprintf(err, err_len, "unknown option -%c: try %s --help", *letters, program);
            return 0;
        }
        if (o->arg == NULL)
            continue;
        if (letters[1] == '\0' && !has_next) {
            snprintf(err, err_len, "option -%c needs a value: try -%c %s", *letters, *letters,
                     o->arg);
            return 0;
        }
        return letters[1] == '\0' ? 2 : 1; /* what stands behind it is its value */
    }
    return 1;
}

bool args_check(const char *program, const struct argp_option *const *tables, int argc,
                char *const *argv, enum args_words words, char *err, size_t err_len)
{
    for (int i = 1; i < argc;) {
        const char *word = argv[i];
        bool has_next = i + 1 < argc;
        int taken = 1;

        if (strcmp(word, "--") == 0)
            return true;
        if (strncmp(word, "--", 2) == 0)
            taken = args_long(program, tables, word + 2, has_next, err, err_len);
        else if (word[0] == '-' && word[1] != '\0')
            taken = args_cluster(program, tables, word + 1, has_next, err, err_len);
        else if (words == ARGS_FIRST)
            return true;
        if (taken == 0)
            return false;
        i += taken;
    }
    return true;
}
