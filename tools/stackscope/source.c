#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "say.h"
#include "stream.h"

enum { SOURCE_SNAPLEN = 262144, SOURCE_FILTERS = 8, SOURCE_WAIT_MS = 100 };

/* A filter is compiled for one link type. */
struct source_filter {
    int linktype;
    bool never; /* matches nothing */
    struct bpf_program program;
};

struct source {
    struct stream stream;
    pcap_t *pcap;
    bool live;
    const char *name, *filter_text, *wanted; /* wanted: interface */
    struct source_filter filter[SOURCE_FILTERS];
    unsigned filters;
    int linktype;
    uint64_t number;
    bool failed;       /* source_next() returned -1 */
    bool wanted_there; /* a frame came from the interface that is wanted */
    volatile sig_atomic_t stop;
    char error[PCAP_ERRBUF_SIZE + 256];
};

/* ---- link types and filters ---- */

/* Of those we can take apart, one has another number in files than in memory. */
static int source_dlt(int linktype)
{
    return linktype == 101 ? DLT_RAW : linktype;
}

static bool source_compile(struct source *s, struct source_filter *f)
{
    pcap_t *dead = pcap_open_dead(f->linktype, SOURCE_SNAPLEN);

    if (dead == NULL ||
        pcap_compile(dead, &f->program, s->filter_text, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        snprintf(s->error, sizeof(s->error), "filter '%s': %s: see pcap-filter(7)", s->filter_text,
                 dead == NULL ? "no memory" : pcap_geterr(dead));
        f->never = true;
    }
    if (dead != NULL)
        pcap_close(dead);
    return !f->never;
}

/* The filter for a link type, compiled when it is first needed. Where the language has no words for what
 * is asked (arp, on a link without it), no frame is meant. Return: NULL where there are too many. */
static struct source_filter *source_filter_for(struct source *s, int linktype)
{
    for (unsigned i = 0; i < s->filters; i++) {
        if (s->filter[i].linktype == linktype)
            return &s->filter[i];
    }
    if (s->filters == SOURCE_FILTERS) {
        snprintf(s->error, sizeof(s->error),
                 "%s: a filter for more than %d link types: try --interface", s->name,
                 SOURCE_FILTERS);
        return NULL;
    }
    struct source_filter *f = &s->filter[s->filters++];

    f->linktype = linktype;
    source_compile(s, f);
    return f;
}

/* For the first link type it must be right. */
static struct source_filter *source_first_filter(struct source *s)
{
    struct source_filter *f = source_filter_for(s, s->linktype);

    return f->never ? NULL : f;
}

/* ---- opening ---- */

static bool source_open_live(struct source *s)
{
    char err[PCAP_ERRBUF_SIZE] = "";

    s->pcap = pcap_create(s->name, err);
    if (s->pcap == NULL) {
        snprintf(s->error, sizeof(s->error), "%s: %s", s->name, err);
        return false;
    }
    pcap_set_snaplen(s->pcap, SOURCE_SNAPLEN);
    pcap_set_promisc(s->pcap, 1);
    pcap_set_timeout(s->pcap, SOURCE_WAIT_MS);
    pcap_set_tstamp_precision(s->pcap, PCAP_TSTAMP_PRECISION_NANO);
    int status = pcap_activate(s->pcap);

    if (status < 0) {
        const char *why = pcap_geterr(s->pcap);

        snprintf(s->error, sizeof(s->error), "%s: %s%s%s", s->name, pcap_statustostr(status),
                 why[0] != '\0' ? ": " : "",
                 status == PCAP_ERROR_PERM_DENIED ? "try sudo, or setcap cap_net_raw+ep" : why);
        return false;
    }
    s->linktype = pcap_datalink(s->pcap);
    if (pcap_setnonblock(s->pcap, 1, s->error) != 0)
        return false;
    if (s->filter_text == NULL)
        return true;
    struct source_filter *f = source_first_filter(s);

    return f != NULL && pcap_setfilter(s->pcap, &f->program) == 0;
}

/* Where and how the file is broken. */
static void source_broken(struct source *s, const char *what)
{
    const struct notes *n = &s->stream.notes;
    bool ours = n->broken && what == NULL;

    snprintf(s->error, sizeof(s->error), "%s: broken at offset %llu: %s", s->stream.name,
             (unsigned long long)(ours ? n->broken_at : notes_next_at(n)), ours ? n->error : what);
}

static bool source_open_file(struct source *s)
{
    char err[PCAP_ERRBUF_SIZE] = "";

    if (!stream_open(&s->stream, s->name, s->error, sizeof(s->error)))
        return false;
    FILE *f = stream_file(&s->stream);

    if (f == NULL) {
        snprintf(s->error, sizeof(s->error), "%s: no memory", s->name);
        return false;
    }
    s->pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, err);
    if (s->pcap == NULL) {
        fclose(f);
        if (s->stop)
            snprintf(s->error, sizeof(s->error), "%s: nothing was read", s->name);
        else
            source_broken(s, s->stream.notes.broken ? NULL : err);
        return false;
    }
    s->linktype = s->stream.notes.format == NOTES_PCAPNG
                      ? source_dlt(s->stream.notes.interface[0].linktype)
                      : pcap_datalink(s->pcap);
    return s->filter_text == NULL || source_first_filter(s) != NULL;
}

struct source *source_open(const struct source_options *o, char *err, size_t err_len)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        snprintf(err, err_len, "%s: no memory", o->name);
        return NULL;
    }
    s->name = o->name;
    s->filter_text = o->filter;
    s->wanted = o->interface;
    s->live = o->live;
    s->stream.fd = -1;
    s->stream.stop = &s->stop;
    s->stream.progress = o->progress && isatty(STDERR_FILENO);
    if (o->live ? !source_open_live(s) : !source_open_file(s)) {
        snprintf(err, err_len, "%s", s->error);
        source_close(s);
        return NULL;
    }
    return s;
}

/* ---- reading ---- */

/* Is the interface with this number in its section one that was asked for? */
static bool source_wants(const struct source *s, uint32_t number)
{
    const struct notes *n = &s->stream.notes;
    const char *name = n->interface[number - n->base].name;
    char *end;

    if (s->wanted == NULL)
        return strcmp(name, "sent") != 0;
    if (strcmp(s->wanted, "all") == 0 || strcmp(s->wanted, name) == 0)
        return true;
    unsigned long wanted = strtoul(s->wanted, &end, 10);

    return end != s->wanted && *end == '\0' && wanted == number;
}

/* Is there an interface as it was asked for, if only one without frames? If not, say which there are. */
static bool source_has_wanted(struct source *s)
{
    const struct notes *n = &s->stream.notes;
    char *text = NULL;
    size_t len = 0;

    if (s->wanted == NULL || s->wanted_there || n->format != NOTES_PCAPNG ||
        strcmp(s->wanted, "all") == 0)
        return true;
    for (uint32_t i = 0; i < n->count; i++) {
        if (source_wants(s, n->base + i))
            return true;
    }
    FILE *f = open_memstream(&text, &len);

    for (uint32_t i = 0; f != NULL && i < n->count && i < 8; i++) {
        const char *name = n->interface[i].name;

        fprintf(f, "%s%u", i == 0 ? "" : ", ", n->base + i);
        if (name[0] != '\0') {
            fputs(" (", f);
            scope_plain_span(f, (struct span){(const uint8_t *)name, strlen(name)});
            fputc(')', f);
        }
    }
    if (f != NULL)
        fclose(f);
    snprintf(s->error, sizeof(s->error), "%s: no interface is %.60s: try -i all, or one of: %.300s",
             s->stream.name, s->wanted, len > 0 ? text : "none");
    free(text);
    return false;
}

/* Return: 1 the frame is wanted, 0 it is left out, -1 s->error. */
static int source_check(struct source *s, struct frame *f, const struct pcap_pkthdr *h)
{
    if (s->stream.notes.format == NOTES_PCAPNG) {
        if (!source_wants(s, f->interface))
            return 0;
        s->wanted_there = true;
    }
    if (s->filter_text == NULL)
        return 1;
    struct source_filter *filter = source_filter_for(s, f->linktype);

    if (filter == NULL)
        return -1;
    return !filter->never && pcap_offline_filter(&filter->program, h, f->bytes.p) != 0;
}

/* Times that no clock shows (before 1970, after 2116) are as near to them as they can be. */
static int64_t source_time(const struct timeval *t)
{
    const int64_t most = INT64_MAX / 2 / 1000000000 - 1;
    int64_t seconds = t->tv_sec, ns = t->tv_usec; /* that is where they stand */

    if (unlikely(seconds > most || seconds < 0))
        seconds = seconds < 0 ? 0 : most;
    if (unlikely(ns < 0 || ns > 999999999))
        ns = 999999999;
    return seconds * 1000000000 + ns;
}

static void source_fill(struct source *s, struct frame *f, const struct pcap_pkthdr *h,
                        const u_char *bytes)
{
    f->number = ++s->number;
    f->time = source_time(&h->ts);
    f->bytes = (struct span){bytes, h->caplen};
    f->wire_len = u32_max(h->len, h->caplen);
    f->linktype = s->linktype;
    f->interface = 0;
    f->dir = FRAME_DIR_UNKNOWN;
    f->comment = (struct span){(const uint8_t *)"", 0}; /* a place, for who computes with it */
    f->id = 0;
}

static int source_next_live(struct source *s, struct frame *f)
{
    struct pcap_pkthdr *h;
    const u_char *bytes;
    struct pollfd ready = {.fd = pcap_get_selectable_fd(s->pcap), .events = POLLIN};

    while (!s->stop) {
        int got = pcap_next_ex(s->pcap, &h, &bytes);

        if (got == 1) {
            source_fill(s, f, h, bytes);
            return 1;
        }
        if (got == PCAP_ERROR_BREAK)
            break;
        if (got < 0) {
            snprintf(s->error, sizeof(s->error), "%s: %s", s->name, pcap_geterr(s->pcap));
            return -1;
        }
        /* Silence: what was printed so far is seen. A signal may come just before poll(): not for long. */
        fflush(stdout);
        poll(&ready, 1, 2 * SOURCE_WAIT_MS);
    }
    return 0;
}

static int source_next_file(struct source *s, struct frame *f)
{
    struct notes *n = &s->stream.notes;
    struct pcap_pkthdr *h;
    const u_char *bytes;
    struct note note;

    while (!s->stop) {
        int got = pcap_next_ex(s->pcap, &h, &bytes);

        if (got != 1) {
            if (got == PCAP_ERROR_BREAK && (!n->broken || s->stop))
                break;
            source_broken(s, got == PCAP_ERROR_BREAK ? NULL : pcap_geterr(s->pcap));
            return -1;
        }
        source_fill(s, f, h, bytes);
        if (unlikely(!notes_next(n, &note))) {
            source_broken(s, "libpcap sees a frame that is none");
            return -1;
        }
        f->interface = note.interface;
        f->dir = note.dir;
        f->comment = note.comment;
        f->id = note.id;
        if (note.wire_len > f->wire_len)
            f->wire_len = note.wire_len;
        if (n->format == NOTES_PCAPNG)
            f->linktype = source_dlt(n->interface[note.interface - n->base].linktype);
        int wanted = source_check(s, f, h);

        if (wanted != 0)
            return wanted;
    }
    return s->stop || source_has_wanted(s) ? 0 : -1;
}

int source_next(struct source *s, struct frame *f)
{
    int got = s->live ? source_next_live(s, f) : source_next_file(s, f);

    s->failed = got < 0;
    return got;
}

const char *source_error(const struct source *s)
{
    return s->error;
}

bool source_failed(const struct source *s)
{
    return s != NULL && s->failed;
}

struct source_facts source_facts(const struct source *s)
{
    const struct notes *n = &s->stream.notes;

    return (struct source_facts){
        .name = s->live ? s->name : s->stream.name,
        .format = s->live ? "live capture" : n->name,
        .live = s->live,
        .packed = s->stream.gz != NULL,
        .size = s->stream.size,
        .offset = s->live ? 0 : notes_next_at(n),
        .linktype = s->linktype,
        .frames = s->number,
    };
}

bool source_interface(const struct source *s, uint32_t i, struct source_interface *out)
{
    const struct notes *n = &s->stream.notes;

    if (s->live || i < n->base || i - n->base >= n->count)
        return false;
    const struct notes_interface *in = &n->interface[i - n->base];

    *out = (struct source_interface){in->name,    in->description, source_dlt(in->linktype),
                                     in->snaplen, in->ip4,         in->mask};
    return true;
}

void source_clear_progress(struct source *s)
{
    stream_clear_progress(&s->stream);
}

void source_stop(struct source *s)
{
    s->stop = 1;
    if (s->live)
        pcap_breakloop(s->pcap);
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->filters; i++)
        if (!s->filter[i].never)
            pcap_freecode(&s->filter[i].program);
    if (s->pcap != NULL)
        pcap_close(s->pcap);
    stream_close(&s->stream);
    free(s);
}
