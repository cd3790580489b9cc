#include "ink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *ink(bool color, const char *name)
{
    static const char *const inks[][2] = {
        {"",        "\033[0m" },
        {"bold",    "\033[1m" },
        {"dim",     "\033[2m" },
        {"red",     "\033[31m"},
        {"green",   "\033[32m"},
        {"yellow",  "\033[33m"},
        {"blue",    "\033[34m"},
        {"magenta", "\033[35m"},
        {"cyan",    "\033[36m"}
    };

    for (size_t i = 0; color && i < sizeof(inks) / sizeof(inks[0]); i++) {
        if (strcmp(inks[i][0], name) == 0)
            return inks[i][1];
    }
    return "";
}

int ink_wanted(const char *when, int fd)
{
    const char *no = getenv("NO_COLOR");

    if (strcmp(when, "always") == 0)
        return 1;
    if (strcmp(when, "never") == 0)
        return 0;
    return strcmp(when, "auto") == 0 ? isatty(fd) && (no == NULL || *no == '\0') : -1;
}
