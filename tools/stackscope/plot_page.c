/*
 * plot_page.c - several diagrams on one page, which can be opened from a disk and needs nothing else.
 */
#include "plot.h"
#include "svg.h"

static const unsigned char page_css[] = {
#include "plot_page.css.inc"
};
static const unsigned char page_js[] = {
#include "plot_page.js.inc"
};

void plot_page_begin(FILE *out, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
          out);
    svg_escape(out, title);
    fputs("</title>\n<style>\n", out);
    fwrite(page_css, 1, sizeof(page_css), out);
    fputs("</style>\n</head>\n<body>\n<h1>", out);
    svg_escape(out, title);
    fputs("</h1>\n<p>Wheel: zoom in time; with Shift: in the other direction; with Ctrl: in both. "
          "Drag: move. Double "
          "click: all.</p>\n",
          out);
}

void plot_page_end(FILE *out)
{
    fputs("<script>\n//<![CDATA[\n", out);
    fwrite(page_js, 1, sizeof(page_js), out);
    fputs("//]]>\n</script>\n</body>\n</html>\n", out);
}
