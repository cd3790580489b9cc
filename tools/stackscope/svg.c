/*
 * svg.c - pictures as SVG (svg.h).
 *
 * The style: colours with a meaning, chosen so that they differ also in grey and for eyes that do not
 * tell red from green, and that hold on white as on near-black. What differs between the two pages is
 * paper, ink, and the tints between them.
 */
#include "svg.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "l4_transport/tcp.h"

static const char style_light[] =
    ".paper{fill:#ffffff}.ink{fill:#1c2128}.soft{fill:#5b6472}.faint{fill:#8a94a3}"
    ".panel{fill:#f6f8fa}.frame{fill:none;stroke:#c4ccd6}.grid{stroke:#e4e8ee;fill:none}"
    ".axis{stroke:#5b6472;fill:none}.rail{stroke:#8a94a3;fill:none}"
    ".halo{stroke:#ffffff;stroke-width:3;paint-order:stroke;stroke-linejoin:round}"
    ".bad{fill:#b42318}.warn{fill:#96610a}.note{fill:#3d5a80}";

static const char style_dark[] =
    ".paper{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#a3adba}.faint{fill:#768390}"
    ".panel{fill:#161b22}.frame{stroke:#3d444d}.grid{stroke:#22282f}"
    ".axis{stroke:#a3adba}.rail{stroke:#768390}"
    ".halo{stroke:#0d1117}"
    ".arrow{stroke:#7d9cc9}.arrow.head{fill:#7d9cc9}.control{stroke:#5b93ff}.control.head{fill:#"
    "5b93ff}"
    ".rtx,.reset,.cross{stroke:#f0614d}.rtx.head,.reset.head{fill:#f0614d}"
    ".bad{fill:#ff8a80}.warn{fill:#e3b341}.note{fill:#9ec1ea}";

static const char style_both[] =
    "text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Liberation "
    "Sans\",Arial,sans-serif;font-size:12px}"
    ".mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans "
    "Mono\",\"Liberation Mono\",monospace;font-size:11px}"
    ".title{font-size:16px;font-weight:600}.small{font-size:10px}.strong{font-weight:600}"
    ".arrow{stroke:#4b6a94;stroke-width:1.4;fill:none}.arrow.head{fill:#4b6a94}"
    ".control{stroke:#2f6fde;stroke-width:1.8;fill:none}.control.head{fill:#2f6fde}"
    ".rtx{stroke:#d1351f;stroke-width:1.8;fill:none}.rtx.head{fill:#d1351f}"
    ".reset{stroke:#d1351f;stroke-width:2.2;fill:none}.reset.head{fill:#d1351f}"
    ".dup{stroke:#c98500;stroke-width:1.4;fill:none}.dup.head{fill:#c98500}"
    ".lost{stroke-dasharray:5 4}.cross{stroke:#d1351f;stroke-width:2.4;fill:none}"
    ".s-closed{fill:#9aa4b2;stroke:#9aa4b2}.s-listen{fill:#6b7f99;stroke:#6b7f99}"
    ".s-syn-sent{fill:#e3a008;stroke:#e3a008}.s-syn-rcvd{fill:#d9730d;stroke:#d9730d}"
    ".s-established{fill:#1f9d55;stroke:#1f9d55}.s-fin-wait-1{fill:#4aa8e8;stroke:#4aa8e8}"
    ".s-fin-wait-2{fill:#2563eb;stroke:#2563eb}.s-close-wait{fill:#0f9b8e;stroke:#0f9b8e}"
    ".s-closing{fill:#c026d3;stroke:#c026d3}.s-last-ack{fill:#d6336c;stroke:#d6336c}"
    ".s-time-wait{fill:#7c4ddb;stroke:#7c4ddb}.s-unknown{fill:#b8c0cb;stroke:#b8c0cb}"
    ".pill{fill-opacity:.17;stroke-opacity:.75}.bar{stroke:none}";

static const char *const state_classes[TCP_STATES] = {
    [TCP_CLOSED] = "s-closed",           [TCP_LISTEN] = "s-listen",
    [TCP_SYN_SENT] = "s-syn-sent",       [TCP_SYN_RCVD] = "s-syn-rcvd",
    [TCP_ESTABLISHED] = "s-established", [TCP_FIN_WAIT_1] = "s-fin-wait-1",
    [TCP_FIN_WAIT_2] = "s-fin-wait-2",   [TCP_CLOSE_WAIT] = "s-close-wait",
    [TCP_CLOSING] = "s-closing",         [TCP_LAST_ACK] = "s-last-ack",
    [TCP_TIME_WAIT] = "s-time-wait",
};

const char *svg_state_class(int state)
{
    return state >= 0 && state < TCP_STATES ? state_classes[state] : "s-unknown";
}

void svg_style(FILE *out)
{
    fprintf(out, "%s%s@media (prefers-color-scheme:dark){%s}", style_both, style_light, style_dark);
}

char *svg_number(double v, char out[32])
{
    double tenths = round(v * 10);
    size_t n;

    if (tenths == 0)
        tenths = 0; /* not "-0" */
    snprintf(out, 32, "%.1f", tenths / 10);
    n = strlen(out);
    if (n > 2 && strcmp(out + n - 2, ".0") == 0)
        out[n - 2] = '\0';
    return out;
}

/* Well-formed UTF-8 that XML allows. */
size_t svg_utf8(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = p[0] < 0x80             ? 1
               : (p[0] & 0xe0) == 0xc0 ? 2
               : (p[0] & 0xf0) == 0xe0 ? 3
               : (p[0] & 0xf8) == 0xf0 ? 4
                                       : 0;
    uint32_t c;

    if (n == 0)
        return 0;
    if (n == 1)
        return p[0] >= 0x20 && p[0] != 0x7f;
    c = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff)
        return 0;
    return c >= 0x80 && c < 0xa0 ? 0 : n;
}

void svg_escape(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p != '\0') {
        size_t n = svg_utf8(p);

        if (n == 0)
            fputc('.', out);
        else if (*p == '&')
            fputs("&amp;", out);
        else if (*p == '<')
            fputs("&lt;", out);
        else if (*p == '>')
            fputs("&gt;", out);
        else if (*p == '"')
            fputs("&quot;", out);
        else
            fwrite(p, 1, n, out);
        p += n == 0 ? 1 : n;
    }
}

double svg_text_width(const char *text, double size)
{
    size_t columns = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        columns += (*p & 0xc0) != 0x80;
    return (double)columns * size * 0.61;
}

static void svg_attribute(struct svg *s, const char *name, double v)
{
    char number[32];

    fprintf(s->out, " %s=\"%s\"", name, svg_number(v, number));
}

void svg_begin(struct svg *s, FILE *out, double width, double height, const char *title,
               const char *more)
{
    char w[32], h[32];

    s->out = out;
    svg_number(width, w);
    svg_number(height, h);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" "
            "viewBox=\"0 0 %s %s\" role=\"img\">\n<title>",
            w, h, w, h);
    svg_escape(out, title);
    fputs("</title>\n<style>", out);
    svg_style(out);
    if (more != NULL)
        fputs(more, out);
    fputs("</style>\n", out);
    svg_rect(s, 0, 0, width, height, 0, "paper");
}

void svg_end(struct svg *s)
{
    fputs("</svg>\n", s->out);
}

void svg_open(struct svg *s, const char *class_name, const char *attributes)
{
    fputs("<g", s->out);
    if (class_name != NULL)
        fprintf(s->out, " class=\"%s\"", class_name);
    if (attributes != NULL)
        fprintf(s->out, " %s", attributes);
    fputs(">\n", s->out);
}

void svg_close(struct svg *s)
{
    fputs("</g>\n", s->out);
}

void svg_tip(struct svg *s, const char *text)
{
    fputs("<title>", s->out);
    svg_escape(s->out, text);
    fputs("</title>\n", s->out);
}

void svg_rect(struct svg *s, double x, double y, double w, double h, double radius,
              const char *class_name)
{
    fprintf(s->out, "<rect class=\"%s\"", class_name);
    svg_attribute(s, "x", x);
    svg_attribute(s, "y", y);
    svg_attribute(s, "width", w);
    svg_attribute(s, "height", h);
    if (radius > 0)
        svg_attribute(s, "rx", radius);
    fputs("/>\n", s->out);
}

void svg_line(struct svg *s, double x1, double y1, double x2, double y2, const char *class_name)
{
    fprintf(s->out, "<line class=\"%s\"", class_name);
    svg_attribute(s, "x1", x1);
    svg_attribute(s, "y1", y1);
    svg_attribute(s, "x2", x2);
    svg_attribute(s, "y2", y2);
    fputs("/>\n", s->out);
}

void svg_path(struct svg *s, const char *class_name, const char *d)
{
    fprintf(s->out, "<path class=\"%s\" d=\"%s\"/>\n", class_name, d);
}

static const char *svg_anchor_name(enum svg_anchor anchor)
{
    return anchor == SVG_MIDDLE ? " text-anchor=\"middle\""
           : anchor == SVG_END  ? " text-anchor=\"end\""
                                : "";
}

void svg_text_turned(struct svg *s, double x, double y, double degrees, enum svg_anchor anchor,
                     const char *class_name, const char *text)
{
    char a[32], b[32];

    fprintf(s->out, "<text class=\"%s\"", class_name);
    svg_attribute(s, "x", x);
    svg_attribute(s, "y", y);
    fputs(svg_anchor_name(anchor), s->out);
    if (degrees != 0)
        fprintf(s->out, " transform=\"rotate(%.2f %s %s)\"", degrees, svg_number(x, a),
                svg_number(y, b));
    fputs(">", s->out);
    svg_escape(s->out, text);
    fputs("</text>\n", s->out);
}

void svg_text(struct svg *s, double x, double y, enum svg_anchor anchor, const char *class_name,
              const char *text)
{
    svg_text_turned(s, x, y, 0, anchor, class_name, text);
}

void svg_arrow(struct svg *s, double x1, double y1, double x2, double y2, const char *class_name)
{
    double length = hypot(x2 - x1, y2 - y1), dx, dy;
    char name[64], d[256], n[6][32];

    if (length < 1)
        return;
    dx = (x2 - x1) / length;
    dy = (y2 - y1) / length;
    svg_line(s, x1, y1, x2 - 7 * dx, y2 - 7 * dy, class_name);
    snprintf(name, sizeof(name), "%s head", class_name);
    snprintf(d, sizeof(d), "M%s %sL%s %sL%s %sZ", svg_number(x2, n[0]), svg_number(y2, n[1]),
             svg_number(x2 - 9 * dx - 4 * dy, n[2]), svg_number(y2 - 9 * dy + 4 * dx, n[3]),
             svg_number(x2 - 9 * dx + 4 * dy, n[4]), svg_number(y2 - 9 * dy - 4 * dx, n[5]));
    svg_path(s, name, d);
}
