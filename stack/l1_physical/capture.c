#include "l1_physical/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "l1_physical/pcapng.h"
#include "l1_physical/port.h"

enum {
    CAPTURE_HELD = 512,           /* frames of one round */
    CAPTURE_HELD_BYTES = 1 << 20, /* of those frames; touched as far as used */
    CAPTURE_COMMENTS = CAPTURE_HELD * PCAPNG_COMMENT_MAX, /* of their comments; untouched, mostly */
    CAPTURE_OUT_FULL = 64 << 10,                          /* written from here on */
    CAPTURE_OUT_BYTES = CAPTURE_OUT_FULL + PORT_FRAME_MAX + PCAPNG_EPB_MAX + PCAPNG_COMMENT_MAX
};

/* A frame that may still get a comment. */
struct capture_held {
    struct pcapng_frame f; /* its comments lie in capture.comments */
    uint32_t at;           /* of its bytes in capture.bytes */
};

struct capture {
    struct capture_options o;
    int fd;       /* -1: a stream */
    bool regular; /* a file that can be cut */
    int error;    /* the first that happened, negative errno; nothing is written any more */
    struct capture_stats stats;

    bool has_filter;
    struct bpf_program filter;
    pcap_t *dead;          /* for the filter and the classic format */
    pcap_dumper_t *dumper; /* classic: NULL for pcapng */

    struct capture_held held[CAPTURE_HELD];
    uint32_t held_count;
    uint8_t *bytes;
    uint32_t bytes_len;
    char *comments;
    uint32_t comments_len;
    bool is_last; /* the frame captured last is held: the filter took it */
    uint8_t *out; /* whole blocks, not yet written */
    size_t out_len;
};

/* The file ends with the last block that is in it as a whole. */
static void capture_cut_tail(struct capture *c, size_t written)
{
    size_t whole = 0;
    uint32_t len;

    while (written - whole >= 8) {
        memcpy(&len, c->out + whole + 4, 4);
        if (len > written - whole)
            break;
        whole += len;
    }
    c->stats.bytes += whole;
    if (c->regular && ftruncate(c->fd, (off_t)c->stats.bytes) < 0)
        c->regular = false; /* nothing more that we could do */
}

static void capture_write_file(struct capture *c)
{
    size_t done = 0;

    while (done < c->out_len) {
        ssize_t n = write(c->fd, c->out + done, c->out_len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            c->error = n < 0 ? -errno : -EIO;
            capture_cut_tail(c, done);
            return;
        }
        done += (size_t)n;
    }
    c->stats.bytes += done;
}

static void capture_write_stream(struct capture *c)
{
    size_t done = 0;

    while (done < c->out_len && c->error == 0) { /* block by block, see capture.h */
        uint32_t len;

        memcpy(&len, c->out + done + 4, 4);
        c->error = c->o.write(c->o.ctx, c->out + done, len);
        done += len;
    }
    c->stats.bytes += done;
}

static void capture_write_classic(struct capture *c)
{
    if (pcap_dump_flush(c->dumper) < 0 || ferror(pcap_dump_file(c->dumper))) {
        c->error = errno != 0 ? -errno : -EIO;
        if (c->regular)
            (void)!ftruncate(c->fd, (off_t)c->stats.bytes);
        return;
    }
    c->stats.bytes = (uint64_t)pcap_dump_ftell64(c->dumper);
}

int capture_write(struct capture *c)
{
    if (c->error != 0)
        return c->error;
    if (c->dumper != NULL)
        capture_write_classic(c);
    else if (c->fd >= 0)
        capture_write_file(c);
    else
        capture_write_stream(c);
    c->out_len = 0;
    return c->error;
}

bool capture_pending(const struct capture *c)
{
    return c->error == 0 && (c->out_len > 0 || c->held_count > 0);
}

static void capture_encode(struct capture *c, struct capture_held *h)
{
    if (c->dumper != NULL) {
        struct pcap_pkthdr ph = {.caplen = h->f.captured, .len = h->f.length};

        /* tv_usec counts nanoseconds: the handle says so. */
        ph.ts.tv_sec = h->f.time / NET_SEC(1);
        ph.ts.tv_usec = h->f.time % NET_SEC(1);
        pcap_dump((u_char *)c->dumper, &ph, c->bytes + h->at);
        c->out_len += h->f.captured + sizeof(ph);
    } else {
        memcpy(pcapng_frame(c->out + c->out_len, &h->f), c->bytes + h->at, h->f.captured);
        c->out_len += pcapng_frame_size(&h->f);
    }
    if (c->out_len >= CAPTURE_OUT_FULL)
        capture_write(c);
}

int capture_flush(struct capture *c)
{
    for (uint32_t i = 0; i < c->held_count && c->error == 0; i++)
        capture_encode(c, &c->held[i]);
    c->held_count = c->bytes_len = c->comments_len = 0;
    return c->error;
}

/* The written copy has complete checksums, whoever was to complete them. */
static void capture_complete(uint8_t *frame, const struct pkt *p, uint32_t len)
{
    uint32_t start = p->csum_start - p->off, field = start + p->csum_off;

    if (p->csum != CSUM_PARTIAL || field + 2 > len)
        return;
    uint16_t sum = csum_finish(csum_add(0, frame + start, len - start));

    if (sum == 0 && p->csum_off == PKT_CSUM_OFF_UDP) /* as pkt_csum_complete() does */
        sum = 0xffff;
    frame[field] = (uint8_t)(sum >> 8);
    frame[field + 1] = (uint8_t)sum;
}

int capture_frame(struct capture *c, enum capture_if where, const struct pkt *p, bool out,
                  int64_t realtime)
{
    uint32_t len = pkt_total(p);

    c->is_last = false;
    if (c->error != 0)
        return c->error;
    if (len > PORT_FRAME_MAX)
        return 0;
    if (c->held_count == CAPTURE_HELD || c->bytes_len + len > CAPTURE_HELD_BYTES)
        capture_flush(c);
    uint8_t *frame = c->bytes + c->bytes_len;

    pkt_copy_out(p, frame);
    capture_complete(frame, p, len);
    if (c->has_filter) {
        struct pcap_pkthdr h = {.caplen = len, .len = len};

        if (pcap_offline_filter(&c->filter, &h, frame) == 0) {
            c->stats.filtered++;
            return 0;
        }
    }
    uint32_t captured = u32_min(len, c->o.snaplen);

    c->held[c->held_count++] = (struct capture_held){
        .at = c->bytes_len,
        .f = {.time = realtime,
              .captured = captured,
              .length = len,
              .direction = out ? PCAPNG_OUT : PCAPNG_IN,
              .id = p->frame,
              .interface = (uint32_t)where},
    };
    c->is_last = true;
    c->bytes_len += captured;
    c->stats.frames++;
    return c->error;
}

void capture_number(struct capture *c, uint64_t frame)
{
    if (c->is_last)
        c->held[c->held_count - 1].f.id = frame;
}

/* The first copy of frame @frame that is held, or NULL. */
static struct capture_held *capture_find(struct capture *c, uint64_t frame)
{
    struct capture_held *found = NULL;

    for (uint32_t i = c->held_count; i > 0; i--) {
        if (c->held[i - 1].f.id != frame)
            continue;
        found = &c->held[i - 1];
        if (!c->o.sent) /* then there is only this one */
            break;
    }
    return found;
}

void capture_comment(struct capture *c, uint64_t frame, const char *text, size_t len)
{
    if (c->dumper != NULL || c->error != 0) /* the classic format has no place for comments */
        return;
    struct capture_held *h = capture_find(c, frame);

    if (h == NULL)
        return;
    struct span *old = &h->f.comment;
    char *at = c->comments + c->comments_len, *end = at;
    size_t room = CAPTURE_COMMENTS - c->comments_len;

    if (old->len > 0 && old->p + old->len == (const uint8_t *)at) {
        at = c->comments + (old->p - (const uint8_t *)c->comments); /* it grows where it stands */
    } else if (old->len > room) {
        return;
    } else {
        if (old->len > 0)
            memcpy(at, old->p, old->len);
        end = at + old->len;
        room -= old->len;
    }
    if (len + 1 > room)
        return;
    if (old->len > 0)
        *end++ = '\n';
    memcpy(end, text, len);
    end += len;
    *old = (struct span){(const uint8_t *)at, (size_t)(end - at)};
    c->comments_len = (uint32_t)(end - c->comments);
}

bool capture_has_sent(const struct capture *c)
{
    return c->o.sent;
}

void capture_get_stats(const struct capture *c, struct capture_stats *s)
{
    *s = c->stats;
}

static void capture_free(struct capture *c)
{
    if (c->dumper != NULL)
        pcap_dump_close(c->dumper); /* closes fd as well */
    else if (c->fd >= 0)
        close(c->fd);
    if (c->has_filter)
        pcap_freecode(&c->filter);
    if (c->dead != NULL)
        pcap_close(c->dead);
    free(c->bytes);
    free(c->comments);
    free(c->out);
    free(c);
}

int capture_close(struct capture *c, uint64_t received, uint64_t dropped, int64_t realtime)
{
    capture_flush(c);
    if (c->dumper == NULL && c->error == 0)
        c->out_len += pcapng_stats(c->out + c->out_len, CAPTURE_WIRE, realtime, received, dropped);
    capture_write(c);
    int err = c->error;

    capture_free(c);
    return err;
}

static int capture_open_fd(struct capture *c, char *err, size_t err_len)
{
    struct stat st;
    bool is_stdout = strcmp(c->o.path, "-") == 0;

    c->fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                      : open(c->o.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (c->fd < 0) {
        snprintf(err, err_len, "capture %s: %s: choose another file", c->o.path, strerror(errno));
        return -1;
    }
    if (is_stdout && isatty(c->fd)) {
        snprintf(err, err_len,
                 "a capture is no text for a terminal: try --pcap - | wireshark -k -i -");
        return -1;
    }
    c->regular = !is_stdout && fstat(c->fd, &st) == 0 && S_ISREG(st.st_mode);
    return 0;
}

/* The blocks in front of the first frame. */
static void capture_header(struct capture *c)
{
    const char *what = c->o.sent ? "after the bad wire" : "what the host received and sent";
    char text[64];
    struct pcapng_interface i = {
        .name = "wire",
        .description = text,
        .filter = c->o.filter,
        .mac = c->o.mac,
        .ip4 = c->o.ip4,
        .prefix = c->o.prefix,
        .snaplen = c->o.snaplen,
        .linktype = PCAPNG_ETHERNET,
    };

    c->out_len = pcapng_section(c->out, c->o.program);
    snprintf(text, sizeof(text), "%s: %s", c->o.ifname, what);
    c->out_len += pcapng_interface(c->out + c->out_len, &i);
    if (!c->o.sent)
        return;
    i.name = "sent";
    snprintf(text, sizeof(text), "%s: before the bad wire", c->o.ifname);
    c->out_len += pcapng_interface(c->out + c->out_len, &i);
}

static int capture_open_classic(struct capture *c, char *err, size_t err_len)
{
    FILE *f = fdopen(c->fd, "wb");

    c->dumper = f == NULL ? NULL : pcap_dump_fopen(c->dead, f);
    if (c->dumper != NULL)
        return 0;
    snprintf(err, err_len, "capture %s: %s", c->o.path, pcap_geterr(c->dead));
    if (f != NULL) {
        fclose(f);
        c->fd = -1;
    }
    return -1;
}

static bool capture_is_classic(const char *path)
{
    size_t len = path == NULL ? 0 : strlen(path);

    return len >= 5 && strcmp(path + len - 5, ".pcap") == 0;
}

struct capture *capture_open(const struct capture_options *o, char *err, size_t err_len)
{
    struct capture *c = calloc(1, sizeof(*c));

    snprintf(err, err_len, "capture: out of memory");
    if (c == NULL)
        return NULL;
    c->fd = -1;
    c->o = *o;
    if (c->o.snaplen == 0 || c->o.snaplen > PORT_FRAME_MAX)
        c->o.snaplen = PORT_FRAME_MAX;
    c->bytes = malloc(CAPTURE_HELD_BYTES);
    c->comments = malloc(CAPTURE_COMMENTS);
    c->out = malloc(CAPTURE_OUT_BYTES);
    c->dead = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)c->o.snaplen,
                                                   PCAP_TSTAMP_PRECISION_NANO);
    if (c->bytes == NULL || c->comments == NULL || c->out == NULL || c->dead == NULL)
        goto fail;
    if (o->filter != NULL && o->filter[0] != '\0') {
        if (pcap_compile(c->dead, &c->filter, o->filter, 1, PCAP_NETMASK_UNKNOWN) < 0) {
            snprintf(err, err_len, "capture filter \"%s\": %s: see pcap-filter(7)", o->filter,
                     pcap_geterr(c->dead));
            goto fail;
        }
        c->has_filter = true;
    }
    if (o->sent && capture_is_classic(o->path)) {
        snprintf(err, err_len,
                 "capture %s: a classic file has one interface: choose a name that ends in .pcapng",
                 o->path);
        goto fail;
    }
    if (o->path != NULL && capture_open_fd(c, err, err_len) < 0)
        goto fail;
    if (capture_is_classic(o->path)) {
        if (capture_open_classic(c, err, err_len) < 0)
            goto fail;
    } else {
        capture_header(c);
    }
    int why = capture_write(c); /* a full disk shows at once, and a reader sees the header */

    if (why == 0)
        return c;
    snprintf(err, err_len, "capture %s: %s", o->path != NULL ? o->path : "stream", strerror(-why));
fail:
    capture_free(c);
    return NULL;
}
