/*
 * osi.c - `osi FRAME`: finds the frame, lets the connections before it be followed, and a little of
 * what comes behind it, since what a segment caused is shown by later ones.
 */
#include "osi.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>

#include "say.h"
#include "words.h"

enum { OSI_BEHIND = 10000 }; /* frames */

struct osi_state {
    struct osi x;
    struct track *track;
    uint64_t wanted; /* 0: the first */
    uint64_t behind;
    bool found;
    uint8_t *bytes;
    char *comment;
};

/* ---- layers ---- */

struct osi_layer *osi_layer_add(struct osi *x, unsigned number, const char *name,
                                const char *protocol, uint32_t at, uint32_t len)
{
    NET_ASSERT(x->layers < OSI_LAYERS);
    struct osi_layer *l = &x->layer[x->layers++];

    l->number = number;
    l->name = name;
    l->protocol = protocol;
    l->at = at;
    l->len = len;
    return l;
}

struct osi_field *osi_field_add(struct osi_layer *l, unsigned row, const char *name, uint32_t at,
                                unsigned bit, uint32_t bits, const char *fmt, ...)
{
    /* So many options of one byte have never been seen; the last place takes what is too much. */
    struct osi_field *f = &l->field[l->fields < OSI_FIELDS ? l->fields++ : OSI_FIELDS - 1];
    va_list ap;

    *f = (struct osi_field){.name = name,
                            .at = at,
                            .bit = (uint8_t)bit,
                            .bits = bits,
                            .row = (uint8_t)row,
                            .weight = (uint16_t)bits};
    va_start(ap, fmt);
    vsnprintf(f->value, sizeof(f->value), fmt, ap);
    va_end(ap);
    return f;
}

void osi_means(struct osi_field *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->meaning, sizeof(f->meaning), fmt, ap);
    va_end(ap);
}

void osi_say(struct osi_layer *l, const char *fmt, ...)
{
    va_list ap;

    if (l->says == OSI_SAYS)
        return;
    va_start(ap, fmt);
    vsnprintf(l->say[l->says++], sizeof(l->say[0]), fmt, ap);
    va_end(ap);
}

void osi_line(struct osi_layer *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(l->line, sizeof(l->line), fmt, ap);
    va_end(ap);
}

bool osi_has(const struct osi *x, uint32_t at, uint32_t len)
{
    return at <= x->f.bytes.len && len <= x->f.bytes.len - at;
}

char *osi_ip4(uint32_t a, char *out)
{
    snprintf(out, 46, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
    return out;
}

char *osi_mac(const uint8_t *p, char *out)
{
    snprintf(out, 46, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
    return out;
}

const char *osi_service(uint16_t port)
{
    static const struct {
        uint16_t port;
        const char *name;
    } all[] = {
        {7,    "echo"         },
        {9,    "discard"      },
        {13,   "daytime"      },
        {19,   "chargen"      },
        {20,   "ftp-data"     },
        {21,   "ftp"          },
        {22,   "ssh"          },
        {23,   "telnet"       },
        {25,   "smtp"         },
        {37,   "time"         },
        {53,   "dns"          },
        {67,   "dhcp server"  },
        {68,   "dhcp client"  },
        {69,   "tftp"         },
        {80,   "http"         },
        {110,  "pop3"         },
        {123,  "ntp"          },
        {143,  "imap"         },
        {179,  "bgp"          },
        {443,  "https"        },
        {546,  "dhcpv6 client"},
        {547,  "dhcpv6 server"},
        {587,  "submission"   },
        {853,  "dns over tls" },
        {993,  "imaps"        },
        {1900, "ssdp"         },
        {3306, "mysql"        },
        {5201, "iperf3"       },
        {5353, "mdns"         },
        {5355, "llmnr"        },
        {5432, "postgresql"   },
        {6379, "redis"        },
        {8080, "http"         },
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].port == port)
            return all[i].name;
    }
    return "";
}

void osi_say_subnet(const struct osi *x, struct osi_layer *l, uint32_t src, uint32_t dst)
{
    char s[46], d[46], m[46], sn[46], dn[46];
    uint32_t mask = x->net_from != NULL ? x->net_mask : 0xffffff00;

    if (dst >> 28 == 14 || dst == UINT32_MAX || src == 0)
        return;
    bool same = (src & mask) == (dst & mask);

    osi_say(
        l, "Same subnet? %s AND %s = %s, %s AND %s = %s: %s (The mask: %s.)", osi_ip4(src, s),
        osi_ip4(mask, m), osi_ip4(src & mask, sn), osi_ip4(dst, d), osi_ip4(mask, m),
        osi_ip4(dst & mask, dn),
        same
            ? "the same, so the two reach each other directly, and the MAC addresses are their own."
            : "not the same, so it goes through a router: the MAC address of the next hop stands "
              "in front, "
              "the IP address of the far end stays.",
        x->net_from != NULL ? x->net_from
                            : "assumed, the capture does not tell it; --net A.B.C.D/P does");
}

/* ---- the command ---- */

static void osi_segment(void *ctx, const struct track_segment *s)
{
    struct osi_state *st = ctx;

    if (!st->found || s->frame->number != st->x.f.number)
        return;
    st->x.has_segment = true;
    st->x.s = *s;
    st->x.conn = *s->conn;
}

static void osi_change(void *ctx, const struct track_state *s)
{
    struct osi_state *st = ctx;
    struct osi *x = &st->x;

    /* Also what earlier frames caused may be shown by later ones only. */
    if (!st->found || !x->has_segment || s->conn->index != x->conn.index || s->frame > x->f.number)
        return;
    x->s.after[s->end] = s->to;
    if (s->frame < x->f.number || x->arrows == OSI_ARROWS)
        return;
    struct osi_arrow *a = &x->arrow[x->arrows++];

    *a = (struct osi_arrow){
        .end = s->end, .from = s->from, .to = s->to, .is_presumed = s->proof == 0};
    snprintf(a->cause, sizeof(a->cause), "%s", s->cause != NULL ? s->cause : "");
    snprintf(a->why, sizeof(a->why), "%s", s->why != NULL ? s->why : "");
    snprintf(a->rfc, sizeof(a->rfc), "%s", s->rfc != NULL ? s->rfc : "");
}

/* "10.0.5.1/20" */
static bool osi_parse_net(struct osi *x, const char *text, char *err, size_t err_len)
{
    char address[46];
    const char *slash = strchr(text, '/');
    char *end = NULL;
    struct in_addr in;
    unsigned long prefix = slash != NULL ? strtoul(slash + 1, &end, 10) : 33;

    snprintf(address, sizeof(address), "%.*s", slash != NULL ? (int)(slash - text) : 0, text);
    if (inet_pton(AF_INET, address, &in) != 1 || end == slash + 1 || *end != '\0' || prefix > 32) {
        snprintf(err, err_len, "--net %s: try an address and a prefix, as 10.0.0.1/24", text);
        return false;
    }
    x->net_ip = ntohl(in.s_addr);
    x->net_mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
    x->net_from = "from --net";
    return true;
}

static bool osi_is_word(const char *word)
{
    return strcmp(word, "first") == 0 ||
           (word[0] != '\0' && word[strspn(word, "0123456789")] == '\0');
}

static bool osi_words(struct osi_state *st, int argc, char **argv, char *err, size_t err_len)
{
    const char *net = NULL;
    const struct word_option known[] = {
        {"net", NULL, &net},
        {0}
    };
    int words = words_take(known, argc, argv, err, err_len);

    if (words < 0 || (net != NULL && !osi_parse_net(&st->x, net, err, err_len)))
        return false;
    if (words == 0 || strcmp(argv[0], "first") == 0)
        return true;
    if (osi_is_word(argv[0]))
        return words_number("FRAME", argv[0], 1, UINT64_MAX, &st->wanted, err, err_len);
    snprintf(err, err_len,
             "osi %s: no number of a frame: try stackscope frames %s for a list, or osi first",
             argv[0], st->x.o->name);
    return false;
}

static void *osi_begin(const struct scope_options *o, int argc, char **argv, char *err,
                       size_t err_len)
{
    struct osi_state *st = calloc(1, sizeof(*st));
    struct track_options to = {
        .connections = o->connections,
        .observer = {.ctx = st, .segment = osi_segment, .state = osi_change}
    };

    if (st != NULL)
        st->x.o = o;
    if (st != NULL && !osi_words(st, argc, argv, err, err_len)) {
        free(st);
        return NULL;
    }
    if (st == NULL || (st->track = track_new(&to)) == NULL) {
        snprintf(err, err_len, "no memory");
        free(st);
        return NULL;
    }
    return st;
}

/* Keep the frame: its bytes are gone with the next one. */
static void osi_keep(struct osi_state *st, const struct frame *f)
{
    struct source_interface in;

    st->bytes = malloc(f->bytes.len + 1);
    st->comment = malloc(f->comment.len + 1);
    if (st->bytes == NULL || st->comment == NULL)
        return;
    if (f->bytes.len > 0)
        memcpy(st->bytes, f->bytes.p, f->bytes.len);
    if (f->comment.len > 0)
        memcpy(st->comment, f->comment.p, f->comment.len);
    st->found = true;
    st->x.f = *f;
    st->x.f.bytes.p = st->bytes;
    st->x.f.comment.p = (const uint8_t *)st->comment;
    if (st->x.net_from == NULL && source_interface(st->x.o->source, f->interface, &in) &&
        in.ip4 != 0) {
        st->x.net_ip = in.ip4;
        st->x.net_mask = in.mask;
        st->x.net_from = "from the capture";
    }
}

static bool osi_frame(void *state, const struct frame *f)
{
    struct osi_state *st = state;

    if (!st->found && (st->wanted == 0 || st->wanted == f->number))
        osi_keep(st, f);
    track_frame(st->track, f);
    if (!st->found)
        return st->wanted == 0 || f->number < st->wanted;
    return st->x.has_segment && st->behind++ < OSI_BEHIND;
}

static int osi_missing(const struct osi_state *st)
{
    struct source_facts facts = source_facts(st->x.o->source);

    if (source_failed(st->x.o->source))
        return SCOPE_FAILED; /* which main() tells, with the offset */
    if (facts.frames == 0 || st->wanted == 0)
        return scope_say(SCOPE_FAILED, "%s: no such frame: is it the right file, the right filter?",
                         facts.name);
    return scope_say(SCOPE_FAILED,
                     "%s: frame %llu is not among its %llu frames, or left out by the filter: try "
                     "stackscope frames for a list",
                     facts.name, (unsigned long long)st->wanted, (unsigned long long)facts.frames);
}

static int osi_end(void *state)
{
    struct osi_state *st = state;
    struct osi *x = &st->x;
    int status = SCOPE_OK;

    track_end_all(st->track);
    if (st->found) {
        dissect(&x->d, &x->f);
        dissect_sums(&x->d, &x->f, &x->ip_sum, &x->transport_sum);
        osi_physical(x);
        osi_link(x);
        osi_network(x);
        osi_transport(x);
        osi_upper(x);
        if (x->o->json)
            osi_json(x, stdout);
        else if (strcmp(x->o->format, "svg") == 0)
            osi_svg(x, stdout);
        else
            osi_text(x, stdout);
    } else {
        status = osi_missing(st);
    }
    track_free(st->track);
    free(st->bytes);
    free(st->comment);
    free(st);
    return status;
}

static const struct argp_option osi_options[] = {
    {"net",        'n', "IP/PREFIX", 0, "The subnet of the host, where the capture does not tell it", 0},
    {0}
};

const struct scope_command scope_osi = {
    .name = "osi",
    .words = "FRAME|first",
    .help = "one frame taken apart layer by layer, 1 to 7",
    .options = osi_options,
    .formats = "text svg",
    .words_max = 1,
    .is_word = osi_is_word,
    .late = true,
    .begin = osi_begin,
    .frame = osi_frame,
    .end = osi_end,
};
