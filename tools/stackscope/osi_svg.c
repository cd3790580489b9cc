/*
 * osi_svg.c - a frame as a page of a textbook: the boxes in one another, then a band for each layer from
 * the top, with its header as a drawing in rows of 32 bits, the values in, and what was decided beside it.
 * The lowest band ends with the first bits as they are on the wire.
 */
#include "osi.h"

#include "svg.h"
#include "units.h"

enum {
    WIDE = 1080,
    MARGIN = 20,
    SIDE = 116, /* the page, its margin, the column of names */
    DRAW_X = MARGIN + SIDE + 16,
    DRAW = 540, /* the drawing */
    SAY_X = DRAW_X + DRAW + 22,
    LINE = 16, /* the sentences */
    ROW_HIGH = 50,
    SCALE_HIGH = 16,
    BITS = 24,
    WAVE_HIGH = 66
};

static const char osi_rules[] =
    ".l1{fill:#7a869a;stroke:#7a869a}.l2{fill:#2f6fde;stroke:#2f6fde}.l3{fill:#1f9d55;stroke:#"
    "1f9d55}"
    ".l4{fill:#d9730d;stroke:#d9730d}.l5{fill:#c026d3;stroke:#c026d3}.l6{fill:#0f9b8e;stroke:#"
    "0f9b8e}"
    ".l7{fill:#d1351f;stroke:#d1351f}"
    ".tint{fill-opacity:.10;stroke-opacity:.55}.cell{fill-opacity:.07;stroke-opacity:.6}"
    ".mark{stroke:none}.big{font-size:22px;font-weight:700;fill:#ffffff}.on{fill:#ffffff}"
    ".wave{fill:none;stroke-width:2}.value{font-weight:600}";

static const char *const layer_class[] = {"", "l1", "l2", "l3", "l4", "l5", "l6", "l7"};

/* ---- sentences ---- */

/* Letters of the page's face that surely fit. */
static size_t svg_columns(double width)
{
    return (size_t)(width / 6.1);
}

/* Words of @text in lines from @y down. Return: where the next line stands. With @s NULL nothing is drawn. */
static double svg_wrap(struct svg *s, double x, double y, double width, const char *class_name,
                       const char *text)
{
    size_t columns = svg_columns(width);

    while (*text != '\0') {
        size_t len = strlen(text), take = len;
        char line[256];

        if (len > columns) {
            take = columns;
            while (take > 0 && text[take] != ' ')
                take--;
            if (take == 0)
                take = columns;
        }
        snprintf(line, sizeof(line), "%.*s", (int)take, text);
        if (s != NULL)
            svg_text(s, x, y, SVG_START, class_name, line);
        y += LINE;
        text += take;
        text += *text == ' ';
    }
    return y;
}

static double svg_says(struct svg *s, const struct osi_layer *l, double x, double y, double width)
{
    for (unsigned i = 0; i < l->says; i++) {
        if (s != NULL)
            svg_rect(s, x, y - 7, 4, 4, 2, "soft");
        y = svg_wrap(s, x + 12, y, width - 12, "ink", l->say[i]) + 4;
    }
    return y;
}

/* ---- drawings ---- */

static unsigned svg_rows(const struct osi_layer *l)
{
    unsigned rows = 0;

    for (unsigned i = 0; i < l->fields; i++)
        rows = u32_max(rows, l->field[i].row);
    return rows;
}

static void svg_cell(struct svg *s, const struct osi_layer *l, const struct osi_field *f, double x,
                     double y, double w)
{
    char class_name[24], text[128];

    snprintf(class_name, sizeof(class_name), "%s cell", layer_class[l->number]);
    svg_open(s, NULL, NULL);
    snprintf(text, sizeof(text), "%s: %.80s", f->name,
             f->meaning[0] != '\0' ? f->meaning : f->value);
    svg_tip(s, text);
    svg_rect(s, x, y, w, ROW_HIGH, 0, class_name);
    svg_text(s, x + w / 2, y + 14, SVG_MIDDLE, "small soft", f->name);
    snprintf(text, sizeof(text), "%.*s", (int)((w - 4) / 6.7), f->value);
    svg_text(s, x + w / 2, y + 29, SVG_MIDDLE, "mono value ink", text);
    if ((double)strlen(f->meaning) * 5 < w - 6) /* otherwise the tip has it */
        svg_text(s, x + w / 2, y + 43, SVG_MIDDLE, "small note", f->meaning);
    svg_close(s);
}

static void svg_scale(struct svg *s, double y)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        double x = DRAW_X + DRAW * (bit + 0.5) / 32;
        char text[12];

        svg_line(s, DRAW_X + DRAW * bit / 32.0, y - 4, DRAW_X + DRAW * bit / 32.0, y, "frame");
        if (bit % 8 == 0 || bit % 8 == 7) {
            snprintf(text, sizeof(text), "%u", bit);
            svg_text(s, x, y - 5, SVG_MIDDLE, "small faint", text);
        }
    }
}

/* Return: where it ends. */
static double svg_drawing(struct svg *s, const struct osi_layer *l, double y)
{
    unsigned rows = svg_rows(l);

    if (l->has_scale) {
        y += SCALE_HIGH;
        if (s != NULL)
            svg_scale(s, y);
    }
    for (unsigned row = 1; row <= rows; row++, y += ROW_HIGH) {
        unsigned all = 0, sum = 0;

        for (unsigned i = 0; i < l->fields; i++)
            all += l->field[i].row == row ? l->field[i].weight : 0;
        for (unsigned i = 0; s != NULL && i < l->fields; i++) {
            const struct osi_field *f = &l->field[i];

            if (f->row != row)
                continue;
            svg_cell(s, l, f, DRAW_X + DRAW * sum / (double)all, y, DRAW * f->weight / (double)all);
            sum += f->weight;
        }
    }
    return y;
}

/* The start delimiter and the first two bytes, lowest bit first, as levels. */
static double svg_wave(struct svg *s, const struct osi *x, double y)
{
    const uint8_t bytes[3] = {0xd5, x->f.bytes.p[0], x->f.bytes.p[1]};
    const double step = DRAW / (double)BITS, high = y + 26, low = y + 44;
    char d[BITS * 40] = "", label[40];
    size_t at = 0;

    if (s == NULL)
        return y + WAVE_HIGH;
    for (unsigned i = 0; i < BITS; i++) {
        bool one = (bytes[i / 8] >> i % 8 & 1) != 0;
        double level = one ? high : low, from = DRAW_X + step * i;

        at += (size_t)snprintf(d + at, sizeof(d) - at, "%s%.1f %.1fH%.1f", i == 0 ? "M" : "L", from,
                               level, from + step);
        svg_text(s, from + step / 2, y + 60, SVG_MIDDLE, "mono soft", one ? "1" : "0");
        if (i % 8 == 0) {
            if (i == 0)
                snprintf(label, sizeof(label), "start d5");
            else
                snprintf(label, sizeof(label), "%s byte %02x", i == 8 ? "first" : "second",
                         bytes[i / 8]);
            svg_line(s, from, y + 10, from, low + 18, "grid");
            svg_text(s, from + step * 4, y + 14, SVG_MIDDLE, "small soft", label);
        }
    }
    svg_path(s, "l1 wave", d);
    return y + WAVE_HIGH;
}

/* ---- bands ---- */

/* Draw the band of a layer, or only measure it (@s NULL). Return: where the next one begins. */
static double svg_band(struct svg *s, const struct osi *x, const struct osi_layer *l, double y)
{
    bool drawn = svg_rows(l) > 0;
    double top = y + 40, left = DRAW_X, right = drawn ? SAY_X : DRAW_X;
    double draw_end = drawn ? svg_drawing(s, l, top - 8) + 6 : top;

    if (drawn && l->number == 1 && x->f.bytes.len >= 2)
        draw_end = svg_wave(s, x, draw_end);
    double say_end = svg_says(s, l, right, top + 4, WIDE - MARGIN - 12 - right);
    double end = (draw_end > say_end ? draw_end : say_end) + 6;

    if (end < y + 62)
        end = y + 62;
    if (s == NULL)
        return end + 10;
    if (drawn)
        (void)svg_wrap(s, left, y + 21, WIDE - MARGIN - left, "strong ink", l->line);
    else
        svg_text(s, left, y + 21, SVG_START, "strong ink", l->line);
    return end + 10;
}

static void svg_side(struct svg *s, const struct osi_layer *l, double y, double high)
{
    char class_name[24], text[32];

    snprintf(class_name, sizeof(class_name), "%s tint", layer_class[l->number]);
    svg_rect(s, MARGIN, y, WIDE - 2 * MARGIN, high, 8, class_name);
    snprintf(class_name, sizeof(class_name), "%s mark", layer_class[l->number]);
    svg_rect(s, MARGIN, y, SIDE, high, 8, class_name);
    snprintf(text, sizeof(text), "%u", l->number);
    svg_text(s, MARGIN + 14, y + 28, SVG_START, "big", text);
    svg_text(s, MARGIN + 36, y + 27, SVG_START, "strong on", l->name);
    svg_text(s, MARGIN + 36, y + 44, SVG_START, "on", l->protocol);
    if (l->len > 0 && l->number < 7) {
        snprintf(text, sizeof(text), "%u bytes", l->len);
        svg_text(s, MARGIN + 36, y + 59, SVG_START, "small on", text);
    }
}

/* ---- the boxes in one another ---- */

enum { NEST_HIGH = 30, NEST_STEP = 9 };

static double svg_nest(struct svg *s, const struct osi *x, double y)
{
    unsigned depth = 0;
    double left = MARGIN, right = WIDE - MARGIN;
    double high = NEST_HIGH;
    char text[64], class_name[24];

    for (unsigned i = 0; i < x->layers; i++)
        depth += x->layer[i].number >= 2 && x->layer[i].number <= 4 && x->layer[i].len > 0;
    if (s == NULL || depth == 0)
        return y + (depth == 0 ? 0 : NEST_HIGH + 2.0 * NEST_STEP * depth + 22);
    for (unsigned i = 0, n = 0; i < x->layers; i++) {
        const struct osi_layer *l = &x->layer[i];

        if (l->number < 2 || l->number > 4 || l->len == 0)
            continue;
        double inset = NEST_STEP * n, box = high + 2.0 * NEST_STEP * (depth - n);
        double head = 112;

        snprintf(class_name, sizeof(class_name), "%s tint", layer_class[l->number]);
        svg_rect(s, left, y + inset, right - left, box, 6, "paper");
        svg_rect(s, left, y + inset, right - left, box, 6, class_name);
        snprintf(text, sizeof(text), "%s, %u bytes", l->protocol, l->len);
        svg_text(s, left + 10, y + (high + 2.0 * NEST_STEP * depth) / 2 + 4, SVG_START,
                 "small strong ink", text);
        if (n == 0 && x->f.linktype == 1) {
            svg_text(s, right - 10, y + box / 2 + 4, SVG_END, "small strong ink", "FCS, 4 bytes");
            right -= 92;
        } else {
            right -= NEST_STEP;
        }
        left += head;
        n++;
    }
    snprintf(text, sizeof(text), "data, %u bytes", x->d.net == NET_ARP ? 0 : x->d.payload_len);
    if (x->d.payload_len > 0) {
        svg_rect(s, left, y + NEST_STEP * depth, right - left, high, 6, "paper");
        svg_rect(s, left, y + NEST_STEP * depth, right - left, high, 6, "l7 tint");
        svg_text(s, left + 10, y + (high + 2.0 * NEST_STEP * depth) / 2 + 4, SVG_START,
                 "small strong ink", text);
    }
    return y + high + 2.0 * NEST_STEP * depth + 22;
}

/* ---- the page ---- */

/* The layers above the last one that the frame has. */
static double svg_nothing(struct svg *s, const struct osi *x, double y)
{
    unsigned top = x->layers > 0 ? x->layer[x->layers - 1].number : 0;
    char text[64];

    if (top >= 7)
        return y;
    if (s != NULL) {
        if (top == 6)
            snprintf(text, sizeof(text), "Layer 7: nothing of it in this frame");
        else
            snprintf(text, sizeof(text), "Layers %u to 7: nothing of them in this frame", top + 1);
        svg_rect(s, MARGIN, y, WIDE - 2 * MARGIN, 30, 8, "panel");
        svg_text(s, MARGIN + 14, y + 19, SVG_START, "soft", text);
    }
    return y + 40;
}

static double svg_page(struct svg *s, const struct osi *x)
{
    double y = svg_nothing(s, x, svg_nest(s, x, 62));

    for (unsigned i = x->layers; i > 0; i--) {
        const struct osi_layer *l = &x->layer[i - 1];
        double next = svg_band(NULL, x, l, y);

        if (s != NULL) {
            svg_side(s, l, y, next - y - 10);
            svg_band(s, x, l, y);
        }
        y = next;
    }
    return y + MARGIN - 10;
}

void osi_svg(const struct osi *x, FILE *out)
{
    struct svg s;
    double high = svg_page(NULL, x);
    char title[256], sub[200], n[UNITS_TEXT];
    const char *name = source_facts(x->o->source).name, *slash = strrchr(name, '/');

    snprintf(title, sizeof(title), "Frame %llu of %.120s, layer by layer",
             (unsigned long long)x->f.number, slash != NULL ? slash + 1 : name);
    snprintf(sub, sizeof(sub), "%s bytes%s", units_count(x->f.wire_len, n),
             x->f.dir == FRAME_IN    ? ", received"
             : x->f.dir == FRAME_OUT ? ", sent"
                                     : "");
    svg_begin(&s, out, WIDE, high, title, osi_rules);
    svg_text(&s, MARGIN, 30, SVG_START, "title ink", title);
    svg_text(&s, MARGIN, 50, SVG_START, "soft", sub);
    (void)svg_page(&s, x);
    svg_end(&s);
}
