/*
 * http_file.c - from the target of a request to a file under the root (RFC 9110).
 *
 * The path is decoded once and normalised by http_path(); what then goes to app_files.open holds no
 * dot segments. That no symbolic link leads out of the root is the promise of app_files, which
 * alone can keep it without a race.
 *
 * A directory is answered with its index.html; without the slash at its end with a redirect, so
 * that relative links on its page are right; without an index with 403: names of files are not told.
 *
 * Conditions are worked off in the order of RFC 9110 section 13.2.2. The only validator here is the
 * modification time; entity tags are not made, so none of a client's matches.
 */
#include <errno.h>

#include "l7_application/date.h"
#include "l7_application/http.h"

static const struct http_type {
    const char *suffix, *type;
} http_types[] = {
    {"html",  "text/html; charset=utf-8"      },
    {"htm",   "text/html; charset=utf-8"      },
    {"css",   "text/css; charset=utf-8"       },
    {"js",    "text/javascript; charset=utf-8"},
    {"mjs",   "text/javascript; charset=utf-8"},
    {"json",  "application/json"              },
    {"jsonl", "application/jsonl"             },
    {"txt",   "text/plain; charset=utf-8"     },
    {"md",    "text/markdown; charset=utf-8"  },
    {"csv",   "text/csv; charset=utf-8"       },
    {"c",     "text/plain; charset=utf-8"     },
    {"h",     "text/plain; charset=utf-8"     },
    {"log",   "text/plain; charset=utf-8"     },
    {"xml",   "application/xml"               },
    {"svg",   "image/svg+xml"                 },
    {"png",   "image/png"                     },
    {"jpg",   "image/jpeg"                    },
    {"jpeg",  "image/jpeg"                    },
    {"gif",   "image/gif"                     },
    {"webp",  "image/webp"                    },
    {"avif",  "image/avif"                    },
    {"ico",   "image/x-icon"                  },
    {"woff",  "font/woff"                     },
    {"woff2", "font/woff2"                    },
    {"ttf",   "font/ttf"                      },
    {"wasm",  "application/wasm"              },
    {"pdf",   "application/pdf"               },
    {"zip",   "application/zip"               },
    {"gz",    "application/gzip"              },
    {"tar",   "application/x-tar"             },
    {"mp3",   "audio/mpeg"                    },
    {"ogg",   "audio/ogg"                     },
    {"wav",   "audio/wav"                     },
    {"mp4",   "video/mp4"                     },
    {"webm",  "video/webm"                    },
};

const char *http_file_type(const char *path)
{
    const char *dot = NULL;
    size_t len = 0;

    for (; path[len] != '\0'; len++) {
        if (path[len] == '.')
            dot = path + len + 1;
        else if (path[len] == '/')
            dot = NULL;
    }
    if (dot != NULL) {
        struct span suffix = {(const uint8_t *)dot, (size_t)(path + len - dot)};

        for (size_t i = 0; i < ARRAY_LEN(http_types); i++) {
            if (http_word_eq(suffix, http_types[i].suffix))
                return http_types[i].type;
        }
    }
    return "application/octet-stream";
}

/* The status that a failed open becomes. What may not be seen and what leads out of the root are
 * 403; everything that is simply not there is 404. */
static uint16_t http_file_error(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
    case -EINVAL:
        return 404;
    case -EACCES:
    case -EPERM:
    case -ELOOP:
    case -EXDEV:
        return 403;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static bool http_is_star(struct span s)
{
    return s.len == 1 && s.p[0] == '*';
}

/* RFC 9110 section 13.2.2. Return: 200 to go on, 304 or 412. */
static uint16_t http_file_condition(const struct http_request *r, int64_t mtime, int64_t now)
{
    int64_t when;

    if (r->if_match.p != NULL) {
        if (!http_is_star(r->if_match))
            return 412;
    } else if (r->if_unmodified_since.p != NULL &&
               date_http_parse(r->if_unmodified_since, now, &when) && mtime > when) {
        return 412;
    }
    if (r->if_none_match.p != NULL)
        return http_is_star(r->if_none_match) ? 304 : 200;
    if (r->if_modified_since.p != NULL && date_http_parse(r->if_modified_since, now, &when) &&
        mtime <= when)
        return 304;
    return 200;
}

/* If-Range, section 13.1.5: the date must be exactly the one we gave, and one second old, or the
 * file may have changed twice within it. */
static bool http_file_same(const struct http_request *r, int64_t mtime, int64_t now)
{
    int64_t when;

    return r->if_range.p == NULL ||
           (date_http_parse(r->if_range, now, &when) && when == mtime && mtime < now);
}

static void http_file_range(const struct http_request *r, struct http_answer *out, int64_t now)
{
    out->at = 0;
    out->left = out->size;
    if (r->range.p == NULL || r->method != HTTP_GET || !http_file_same(r, out->mtime, now))
        return;
    switch (http_range(r->range, out->size, &out->at, &out->left)) {
    case HTTP_RANGE_ONE:
        out->status = 206;
        out->is_range = true;
        break;
    case HTTP_RANGE_BAD:
        out->status = 416;
        break;
    case HTTP_RANGE_NONE:
        break;
    }
}

/* Open what @path names, a directory's index in its place. Return: a handle, or the negative of a
 * status. */
static int http_file_open(const struct app_files *files, char *path, bool wants_dir,
                          struct app_stat *st)
{
    int handle = files->open(files->ctx, path, st);

    if (handle < 0)
        return -(int)http_file_error(handle);
    if (!st->is_dir && !wants_dir)
        return handle;
    files->close(files->ctx, handle);
    if (!st->is_dir)
        return -404; /* a file has nothing below it */
    if (!wants_dir)
        return -301;
    static const char name[] = "/index.html";
    size_t len = 0;

    while (path[len] != '\0')
        len++;
    if (len == 1 && path[0] == '.')
        memcpy(path, name + 1, sizeof(name) - 1); /* of the root */
    else
        memcpy(path + len, name, sizeof(name)); /* http_path() left room */
    handle = files->open(files->ctx, path, st);
    if (handle < 0)
        return -403;
    if (st->is_dir) {
        files->close(files->ctx, handle);
        return -403;
    }
    return handle;
}

void http_file_find(struct app *a, const struct http_request *r, struct http_answer *out)
{
    const struct app_files *files = a->env.files;
    char *path = (char *)a->scratch + HTTP_SCRATCH_PATH;
    struct app_stat st = {0};
    bool wants_dir;

    *out = (struct http_answer){.status = 400, .source = HTTP_FROM_TEXT, .handle = -1};
    if (http_path(r->path, path, HTTP_PATH_MAX - 16, &wants_dir) != 0)
        return;
    int handle = http_file_open(files, path, wants_dir, &st);

    if (handle < 0) {
        out->status = (uint16_t)-handle;
        return;
    }
    int64_t now = app_calendar(a);

    out->mtime = st.mtime < now ? st.mtime : now; /* as Last-Modified will say */
    out->has_mtime = true;
    out->size = st.size;
    out->type = http_file_type(path);
    out->status = http_file_condition(r, out->mtime, now);
    if (out->status == 200)
        http_file_range(r, out, now);
    if (out->status == 200 || out->status == 206) {
        out->source = HTTP_FROM_FILE;
        out->handle = handle;
        return;
    }
    files->close(files->ctx, handle);
}
