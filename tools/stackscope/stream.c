#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef STACKSCOPE_ZLIB
#include <zlib.h>
#endif

enum { STREAM_PIECE = 256 << 10, STREAM_STDIO = 64 << 10 };

bool stream_has_gzip(void)
{
#ifdef STACKSCOPE_ZLIB
    return true;
#else
    return false;
#endif
}

/* ---- progress ---- */

static int64_t stream_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t stream_where(const struct stream *s)
{
#ifdef STACKSCOPE_ZLIB
    if (s->gz != NULL)
        return (uint64_t)gzoffset(s->gz);
#endif
    off_t at = lseek(s->fd, 0, SEEK_CUR);

    return at < 0 ? 0 : (uint64_t)at;
}

/* After half a second, then five times a second. */
static void stream_tell(struct stream *s)
{
    int64_t now = stream_clock();

    if (s->started == 0)
        s->started = now;
    if (now - s->started < 500000000 || now - s->told < 200000000)
        return;
    double seconds = (double)(now - s->started) / 1e9, at = (double)stream_where(s);
    double rate = at / seconds, left = rate > 0 ? ((double)s->size - at) / rate : 0;

    s->told = now;
    if (s->size > 0)
        fprintf(stderr, "\r\033[K%s: %.0f %% of %.1f MB, %.0f MB/s, %.0f s left", s->name,
                100 * at / (double)s->size, (double)s->size / 1e6, rate / 1e6, left);
    else
        fprintf(stderr, "\r\033[K%s: %.1f MB", s->name, (double)s->notes.at / 1e6);
}

void stream_clear_progress(struct stream *s)
{
    if (s->told != 0)
        fputs("\r\033[K", stderr);
    s->told = 0;
    s->progress = false;
}

/* ---- bytes ---- */

#ifdef STACKSCOPE_ZLIB
/* gzread() also hands through what is not packed, but copies it: only for what begins as gzip does. */
static bool stream_gzip(struct stream *s, char *err, size_t err_len)
{
    int fd = dup(s->fd);

    s->gz = fd < 0 || lseek(s->fd, 0, SEEK_SET) != 0 ? NULL : gzdopen(fd, "rb");
    if (s->gz != NULL && gzbuffer(s->gz, STREAM_PIECE) == 0)
        return true;
    snprintf(err, err_len, "%s: cannot unpack it: no memory", s->name);
    if (s->gz == NULL && fd >= 0)
        close(fd);
    return false;
}
#endif

bool stream_open(struct stream *s, const char *name, char *err, size_t err_len)
{
    struct stat st;

    s->name = strcmp(name, "-") == 0 ? "standard input" : name;
    s->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        snprintf(err, err_len, "%s: %s", name, strerror(errno));
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        snprintf(err, err_len, "%s: is a directory: name a capture file in it", name);
        return false;
    }
    s->is_regular = S_ISREG(st.st_mode);
    s->size = s->is_regular ? (uint64_t)st.st_size : 0;
    s->room = STREAM_PIECE;
    s->buf = malloc(s->room);
    if (s->buf == NULL) {
        snprintf(err, err_len, "%s: no memory", name);
        return false;
    }
    notes_init(&s->notes);
    uint8_t magic[2];

    if (s->is_regular && pread(s->fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
#ifdef STACKSCOPE_ZLIB
        return stream_gzip(s, err, err_len);
#else
        snprintf(err, err_len, "%s: packed by gzip: try gunzip -c %s | stackscope ... -", name,
                 name);
        return false;
#endif
    }
    return true;
}

/* Read what there is. Return: whether there was something. */
static bool stream_read(struct stream *s)
{
    ssize_t got = 0;

    if (!s->is_regular)
        fflush(stdout); /* what was printed so far is seen while we wait for more */
    if (*s->stop != 0)
        return false;
#ifdef STACKSCOPE_ZLIB
    int code;

    if (s->gz != NULL) {
        got = gzread(s->gz, s->buf + s->len, (unsigned)(s->room - s->len));
        const char *what = gzerror(s->gz, &code);

        if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
            s->notes.broken = true;
            s->notes.broken_at = s->notes.at;
            snprintf(s->notes.error, sizeof(s->notes.error),
                     "it cannot be unpacked any further: %s", what);
            return false;
        }
        s->len += (size_t)got;
        return got > 0;
    }
#endif
    do {
        got = read(s->fd, s->buf + s->len, s->room - s->len);
    } while (got < 0 && errno == EINTR && *s->stop == 0);
    if (got < 0 && *s->stop == 0) {
        s->notes.broken = true;
        s->notes.broken_at = s->notes.at;
        snprintf(s->notes.error, sizeof(s->notes.error), "%s", strerror(errno));
    }
    if (got <= 0)
        return false;
    s->len += (size_t)got;
    return true;
}

/* The buffer grows with what comes: a record that claims to be long must also bring its bytes. */
static bool stream_room(struct stream *s)
{
    if (s->len < s->room)
        return true;
    size_t room = s->room * 2;
    uint8_t *buf = room > 4 * (size_t)NOTES_RECORD_MAX ? NULL : realloc(s->buf, room);

    if (buf == NULL) {
        s->notes.broken = true;
        s->notes.broken_at = s->notes.at;
        snprintf(s->notes.error, sizeof(s->notes.error), "no memory for a record of %llu bytes",
                 (unsigned long long)s->notes.need);
        return false;
    }
    s->buf = buf;
    s->room = room;
    return true;
}

/* More whole records, from what is there or what can be read. Return: whether there are any. */
static bool stream_fill(struct stream *s)
{
    memmove(s->buf, s->buf + s->to, s->len - s->to);
    s->len -= s->to;
    s->from = s->to = 0;
    if (s->progress)
        stream_tell(s);
    while (!s->notes.broken) {
        /* What was found whole is handed on before more is waited for. */
        s->to = notes_ahead(&s->notes, s->buf, s->len, s->is_over);
        if (s->to > 0)
            return true;
        if (s->notes.broken || s->is_over)
            return false;
        if (!stream_room(s))
            return false;
        if (!stream_read(s))
            s->is_over = true;
        if (s->is_over && *s->stop != 0)
            return false; /* the user's end, not the file's */
    }
    return false;
}

static ssize_t stream_cookie_read(void *cookie, char *out, size_t len)
{
    struct stream *s = cookie;

    if (s->from == s->to && !stream_fill(s))
        return 0;
    len = size_min(len, s->to - s->from);
    memcpy(out, s->buf + s->from, len);
    s->from += len;
    return (ssize_t)len;
}

FILE *stream_file(struct stream *s)
{
    const cookie_io_functions_t io = {.read = stream_cookie_read};
    FILE *f = fopencookie(s, "r", io);

    if (f != NULL)
        setvbuf(f, NULL, _IOFBF, STREAM_STDIO);
    return f;
}

void stream_close(struct stream *s)
{
    stream_clear_progress(s);
#ifdef STACKSCOPE_ZLIB
    if (s->gz != NULL)
        gzclose(s->gz);
#endif
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    notes_free(&s->notes);
    free(s->buf);
}
