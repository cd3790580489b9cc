/*
 * words.c - a command reads its own options (words.h).
 */
#include "words.h"

#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct word_option *words_find(const struct word_option *known, const char *name,
                                            size_t len)
{
    for (; known->name != NULL; known++) {
        if (strlen(known->name) == len && memcmp(known->name, name, len) == 0)
            return known;
    }
    return NULL;
}

static int words_unknown(const struct word_option *known, const char *name, size_t len, char *err,
                         size_t err_len)
{
    const struct word_option *best = NULL;
    unsigned distance = 3;
    char typed[64];

    snprintf(typed, sizeof(typed), "%.*s", (int)len, name);
    for (; known->name != NULL; known++) {
        unsigned d = args_distance(typed, known->name);

        if (d < distance) {
            distance = d;
            best = known;
        }
    }
    if (best != NULL)
        snprintf(err, err_len, "no option --%s: did you mean --%s?", typed, best->name);
    else
        snprintf(err, err_len, "no option --%s: see --help", typed);
    return -1;
}

int words_take(const struct word_option *known, int argc, char **argv, char *err, size_t err_len)
{
    int words = 0;

    for (int i = 0; i < argc; i++) {
        char *w = argv[i];

        if (strncmp(w, "--", 2) != 0 || w[2] == '\0') {
            argv[words++] = w;
            continue;
        }
        const char *equals = strchr(w, '=');
        size_t len = equals == NULL ? strlen(w + 2) : (size_t)(equals - w - 2);
        const struct word_option *o = words_find(known, w + 2, len);

        if (o == NULL)
            return words_unknown(known, w + 2, len, err, err_len);
        if (o->flag != NULL) {
            if (equals != NULL) {
                snprintf(err, err_len, "--%s has no value: leave out %s", o->name, equals);
                return -1;
            }
            *o->flag = true;
            continue;
        }
        if (equals == NULL && i + 1 == argc) {
            snprintf(err, err_len, "--%s needs a value: --%s=VALUE", o->name, o->name);
            return -1;
        }
        *o->value = equals != NULL ? equals + 1 : argv[++i];
    }
    return words;
}

bool words_number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out,
                  char *err, size_t err_len)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    if (isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && *out >= least &&
        *out <= most)
        return true;
    snprintf(err, err_len, "--%s=%s: a whole number from %" PRIu64 " to %" PRIu64 " is needed",
             name, text, least, most);
    return false;
}

bool words_seconds(const char *name, const char *text, int64_t *out, char *err, size_t err_len)
{
    char *end;
    double v = strtod(text, &end);

    if ((isdigit((unsigned char)text[0]) || text[0] == '.') && *end == '\0' && isfinite(v) &&
        v < 1e9) {
        *out = (int64_t)llround(v * 1e9);
        return true;
    }
    snprintf(err, err_len, "--%s=%s: seconds are needed, such as 0.1", name, text);
    return false;
}
