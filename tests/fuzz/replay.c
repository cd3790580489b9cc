/*
 * replay.c - runs files and folders of files through a fuzz target, where there is no libFuzzer.
 *
 * Usage: fuzz_x FILE|FOLDER ...; options of libFuzzer (-runs=0) are skipped.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;

    if (f == NULL || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t len = (size_t)st.st_size;
    uint8_t *bytes = malloc(len == 0 ? 1 : len); /* exact, so that a sanitizer sees its end */

    FUZZ_CHECK(bytes != NULL && fread(bytes, 1, len, f) == len);
    fclose(f);
    LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
    return 1;
}

/* Return: how many files, or -1. */
static int replay(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    if (dir == NULL)
        return replay_file(path);
    for (struct dirent *e; count >= 0 && (e = readdir(dir)) != NULL;) {
        char name[4096];

        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        int n = replay(name);

        count = n < 0 ? -1 : count + n;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        int n = replay(argv[i]);

        if (n < 0)
            return 2;
        count += n;
    }
    printf("%d inputs replayed\n", count);
    return count > 0 ? 0 : 2;
}
