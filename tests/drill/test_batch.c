/* test_batch.c - many scripts at once: results in their order, a process that dies, reports. */
#include "batch.h"
#include "t.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "good" holds, "bad" does not and says why, "dead" takes its process with it. */
static bool play(void *ctx, const char *file, char **message)
{
    T_TRUE(strcmp(ctx, "ctx") == 0);
    *message = NULL;
    if (strcmp(file, "dead") == 0)
        raise(SIGKILL);
    if (strcmp(file, "bad") == 0)
        *message = strdup("bad: <why> & \"so\"\n");
    return strcmp(file, "good") == 0;
}

enum { COUNT = 100 };
static const char *files[COUNT];
static struct batch_result *results; /* of the last run */
static char ctx[] = "ctx";

static void names(const char *other, size_t every)
{
    results = calloc(COUNT, sizeof(*results));
    T_NEED(results != NULL);
    for (size_t i = 0; i < COUNT; i++)
        files[i] = i % every == every - 1 ? other : "good";
}

static void test_batch_results_stand_in_their_order(void)
{
    for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
        names("bad", 7);
        T_FALSE(batch_run(files, COUNT, jobs, play, ctx, results));
        for (size_t i = 0; i < COUNT; i++) {
            T_TRUE(results[i].done);
            T_EQ(results[i].ok, strcmp(files[i], "good") == 0);
            T_EQ(results[i].message != NULL, !results[i].ok);
            T_TRUE(results[i].seconds >= 0 && results[i].seconds < 60);
        }
        batch_free(results, COUNT);
    }
    names("good", 7);
    T_TRUE(batch_run(files, COUNT, 3, play, ctx, results));
    batch_free(results, COUNT);
}

static void test_batch_a_dead_process_costs_its_script_only(void)
{
    names("dead", 10);
    T_FALSE(batch_run(files, COUNT, 2, play, ctx, results));
    for (size_t i = 0; i < COUNT; i++) {
        T_TRUE(results[i].done);
        T_EQ(results[i].ok, strcmp(files[i], "good") == 0);
        if (!results[i].ok)
            T_TRUE(results[i].message != NULL && strncmp(results[i].message, "dead", 4) == 0);
    }
    batch_free(results, COUNT);
}

/* Standard output of batch_tell(). */
static const char *told(enum batch_format format, size_t count)
{
    static char text[2000];
    char path[] = "/tmp/test_batch_XXXXXX";
    int fd = mkstemp(path), out = dup(STDOUT_FILENO);

    T_NEED(fd >= 0 && out >= 0);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    batch_tell(format, files, results, count);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(path);
    return text;
}

static void test_batch_reports(void)
{
    names("bad", 2);
    T_FALSE(batch_run(files, 2, 1, play, ctx, results));
    T_STR(told(BATCH_TAP, 2),
          "TAP version 13\n1..2\nok 1 - good\nnot ok 2 - bad\n# bad: <why> & \"so\"\n");
    const char *xml = told(BATCH_JUNIT, 2);

    T_TRUE(strstr(xml, "tests=\"2\" failures=\"1\"") != NULL);
    T_TRUE(strstr(xml, "<failure>bad: &lt;why&gt; &amp; &quot;so&quot;") != NULL);
    batch_free(results, 2);
}

static void touch(const char *folder, const char *name)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");

    T_NEED(f != NULL);
    fclose(f);
}

static void test_batch_files_of_a_folder(void)
{
    static const char *const names_made[] = {"b.pkt", "a.pkt", "c.txt", "sub/d.pkt"};
    char folder[] = "/tmp/test_batch_XXXXXX", path[200], **list = NULL;
    size_t count = 0;

    T_NEED(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/sub", folder);
    T_EQ(mkdir(path, 0700), 0);
    for (size_t i = 0; i < 4; i++)
        touch(folder, names_made[i]);
    T_TRUE(batch_files(folder, &list, &count));
    T_TRUE(batch_files("-", &list, &count));
    T_EQ(count, 4);
    T_TRUE(strstr(list[0], "/a.pkt") != NULL);
    T_TRUE(strstr(list[1], "/b.pkt") != NULL);
    T_TRUE(strstr(list[2], "/sub/d.pkt") != NULL);
    T_STR(list[3], "-");
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names_made[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/sub", folder);
    rmdir(path);
    rmdir(folder);
}

T_MAIN("batch", T(test_batch_results_stand_in_their_order),
       T(test_batch_a_dead_process_costs_its_script_only), T(test_batch_reports),
       T(test_batch_files_of_a_folder))
