/*
 * osi.h - one frame, layer by layer, as a textbook draws it: what `osi` shows in every format.
 *
 * A layer has fields (where they are, what they say, what that means), a line that sums it up, and sentences:
 * what was decided there and how, with the numbers written out. Each layer is filled in by its own
 * file; text, SVG and JSON are made from the same.
 */
#ifndef STACKSCOPE_OSI_H
#define STACKSCOPE_OSI_H

#include <stdio.h>

#include "command.h"
#include "track.h"

enum { OSI_LAYERS = 12, OSI_FIELDS = 64, OSI_SAYS = 16, OSI_ARROWS = 8 };

struct osi_field {
    const char *name;
    uint32_t at; /* offset in the frame, bytes; of what is in no capture (preamble, FCS): no bits */
    uint8_t bit; /* the first bit in the byte there, from the highest */
    uint32_t bits;
    uint8_t row;     /* of the drawing, from 1; 0: only in the list */
    uint16_t weight; /* width in the drawing, in bits of a row */
    char value[100], meaning[200];
};

struct osi_layer {
    unsigned number;      /* 1 to 7 */
    const char *name;     /* "Network" */
    const char *protocol; /* "IPv4", "": none */
    char line[240];       /* what it is in a line */
    uint32_t at, len;     /* of its header in the frame; 0 bytes: it has none */
    bool has_scale;       /* drawn in rows of 32 bits */
    struct osi_field field[OSI_FIELDS];
    unsigned fields;
    char say[OSI_SAYS][480];
    unsigned says;
};

/* A change of state that this frame caused. */
struct osi_arrow {
    unsigned end;
    int8_t from, to;
    bool is_presumed;
    char cause[48], why[200], rfc[48];
};

struct osi {
    const struct scope_options *o;
    struct frame f; /* its bytes are ours */
    struct dissect d;
    enum dissect_sum ip_sum, transport_sum;
    /* The subnet of the host that captured. */
    uint32_t net_ip, net_mask;
    const char *net_from; /* where that is known from; NULL: it is not */
    /* TCP: what the tracker says. */
    bool has_segment;
    struct track_segment s;
    struct track_conn conn; /* as it was behind this segment */
    struct osi_arrow arrow[OSI_ARROWS];
    unsigned arrows;
    struct osi_layer layer[OSI_LAYERS];
    unsigned layers;
};

/* ---- how a layer is filled in ---- */

/** osi_layer_add - the next layer, from below. */
struct osi_layer *osi_layer_add(struct osi *x, unsigned number, const char *name,
                                const char *protocol, uint32_t at, uint32_t len);
/** osi_field_add - @bits bits from bit @bit of the byte @at on; value as printf() writes it. */
__attribute__((format(printf, 7, 8))) struct osi_field *
osi_field_add(struct osi_layer *l, unsigned row, const char *name, uint32_t at, unsigned bit,
              uint32_t bits, const char *fmt, ...);
/** osi_means - and what that means. */
__attribute__((format(printf, 2, 3))) void osi_means(struct osi_field *f, const char *fmt, ...);
/** osi_say - a sentence. */
__attribute__((format(printf, 2, 3))) void osi_say(struct osi_layer *l, const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void osi_line(struct osi_layer *l, const char *fmt, ...);

/** osi_has - were @len bytes from @at on captured? */
bool osi_has(const struct osi *x, uint32_t at, uint32_t len);
/** osi_ip - "10.0.0.1". @out has 46 bytes. */
char *osi_ip4(uint32_t a, char *out);
char *osi_mac(const uint8_t *p, char *out);
/** osi_service - the name of a port, "" without one. */
const char *osi_service(uint16_t port);
/** osi_is_same_net - the sentence about subnets, for a datagram or a question from @src to @dst. */
void osi_say_subnet(const struct osi *x, struct osi_layer *l, uint32_t src, uint32_t dst);

void osi_physical(struct osi *x);
void osi_link(struct osi *x);
void osi_network(struct osi *x);
void osi_transport(struct osi *x);
void osi_upper(struct osi *x); /* session, presentation, application */

void osi_text(const struct osi *x, FILE *out);
void osi_svg(const struct osi *x, FILE *out);
void osi_json(const struct osi *x, FILE *out);

#endif
