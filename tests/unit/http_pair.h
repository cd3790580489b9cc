/* http_pair.h - the web server and a client in virtual time; requests as bytes, answers as bytes. */
#ifndef STACKD_TESTS_HTTP_PAIR_H
#define STACKD_TESTS_HTTP_PAIR_H

#include "app_pair.h"

#include "l7_application/date.h"

/* ---- a few files in memory ---- */

enum { BIG = 3000000, MTIME = 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */ };

static const struct file {
    const char *path, *text;
    bool is_dir;
} files[] = {
    {".",                NULL,          true },
    {"index.html",       "<p>root</p>", false},
    {"a.txt",            "0123456789",  false},
    {"empty",            "",            false},
    {"dir",              NULL,          true },
    {"dir/index.html",   "<p>dir</p>",  false},
    {"bare",             NULL,          true },
    {"odd name\xc3\xa4", NULL,          true },
    {"big.bin",          NULL,          false},
    {"short.bin",        NULL,          false},
};
static int open_handles;

static inline char big_byte(uint64_t at)
{
    return (char)('a' + (at * 7 + at / 1000) % 26);
}

static inline int fs_open(void *ctx, const char *path, struct app_stat *out)
{
    (void)ctx;
    if (strcmp(path, "secret") == 0)
        return -EACCES;
    if (strcmp(path, "link-out") == 0)
        return -EXDEV;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(files[i].path, path) != 0)
            continue;
        *out = (struct app_stat){files[i].text != NULL ? strlen(files[i].text) : BIG, MTIME,
                                 files[i].is_dir};
        open_handles++;
        return (int)i;
    }
    return -ENOENT;
}

static inline int fs_read(void *ctx, int handle, uint64_t offset, void *buf, size_t len)
{
    const struct file *f = &files[handle];
    uint64_t size = f->text != NULL ? strlen(f->text) : BIG;

    (void)ctx;
    if (strcmp(f->path, "short.bin") == 0)
        size = 1000; /* it shrank after it was opened */
    if (offset >= size)
        return 0;
    if (len > size - offset)
        len = (size_t)(size - offset);
    for (size_t i = 0; i < len; i++)
        ((char *)buf)[i] = f->text != NULL ? f->text[offset + i] : big_byte(offset + i);
    return (int)len;
}

static inline void fs_close(void *ctx, int handle)
{
    (void)ctx;
    (void)handle;
    open_handles--;
}

static const struct app_files fs = {NULL, fs_open, fs_read, fs_close, NULL};

/* The same files, and the large one is lent: memory that is overwritten once it is back. */
static unsigned lent_out, lent_all;
static uint32_t lend_refused; /* each so many-th call; 0: none */

struct loan {
    size_t len;
    uint8_t bytes[];
};

static inline void fs_returned(void *ctx)
{
    struct loan *l = ctx;

    memset(l->bytes, '!', l->len);
    free(l);
    lent_out--;
}

static inline int fs_lend(void *ctx, int handle, uint64_t offset, size_t len, struct lent *out)
{
    struct loan *l;

    if (files[handle].text != NULL || strcmp(files[handle].path, "big.bin") != 0)
        return 0;
    lent_all++;
    if (lend_refused != 0 && lent_all % lend_refused == 0)
        return 0;
    l = malloc(sizeof(*l) + len);
    T_NEED(l != NULL);
    l->len = len;
    T_EQ(fs_read(ctx, handle, offset, l->bytes, len), len);
    *out = (struct lent){
        {l->bytes, len},
        fs_returned, l
    };
    lent_out++;
    return (int)len;
}

static const struct app_files lending = {NULL, fs_open, fs_read, fs_close, fs_lend};

/* Today is 21 November 2026. */
static inline int64_t calendar(void *ctx)
{
    return 1795256700 + ((struct pair *)ctx)->now / NET_SEC(1);
}

static inline struct pair *serve(const struct app_files *f)
{
    struct pair *p = pair_new(f, 0);

    p->app.env.calendar = calendar;
    p->app.env.calendar_ctx = p;
    return p;
}

static inline void finish(struct pair *p)
{
    pair_close(p);
    pair_run(p, NET_SEC(30));
    T_EQ(p->app.conns.used, 0);
    T_EQ(open_handles, 0);
    T_EQ(p->server.core.bufs.used, 0);
    pair_free(p);
}

/* Connect, say @request, wait. The answer is in p->got. */
static inline void ask(struct pair *p, const char *request)
{
    pair_close(p);
    pair_connect(p, 80);
    pair_say(p, request);
    pair_run(p, NET_MS(300));
}

static inline int count(const char *in, const char *what)
{
    int n = 0;

    for (const char *at = in; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static inline int status_of(const struct pair *p)
{
    return strncmp(p->got, "HTTP/1.1 ", 9) == 0 ? atoi(p->got + 9) : -1;
}

static inline const char *body_of(const struct pair *p)
{
    const char *end = strstr(p->got, "\r\n\r\n");

    return end != NULL ? end + 4 : "no head";
}

/* The status of the answer to @request; a second request sent behind it is served @more times. */
static inline int probe(struct pair *p, const char *request, int more)
{
    static char both[40000];

    snprintf(both, sizeof(both), "%sGET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n", request);
    ask(p, both);
    int served = count(p->got, "0123456789");

    if (served != more)
        printf("  %.60s: %d more served\n%s", request, served, p->got);
    T_EQ(served, more);
    T_EQ(p->eof, more == 0);
    return status_of(p);
}

#define HOST " HTTP/1.1\r\nHost: a\r\n"

#endif
