/*
 * plot_png.c - SVG as a bitmap, by librsvg where it is there when stackscope is built.
 */
#include "plot.h"

#ifdef STACKSCOPE_RSVG
#include <librsvg/rsvg.h>

static cairo_status_t plot_png_write(void *out, const unsigned char *data, unsigned len)
{
    return fwrite(data, 1, len, out) == len ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

bool plot_png(FILE *out, const char *svg, size_t len, char *err, size_t err_len)
{
    enum { ZOOM = 2 }; /* sharp on today's screens */
    GError *error = NULL;
    RsvgHandle *h = rsvg_handle_new_from_data((const guint8 *)svg, len, &error);
    double w = 0, height = 0;
    bool ok = false;

    if (h == NULL) {
        snprintf(err, err_len, "librsvg does not read the picture: %s", error->message);
        g_error_free(error);
        return false;
    }
    rsvg_handle_get_intrinsic_size_in_pixels(h, &w, &height);
    cairo_surface_t *s =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)w * ZOOM, (int)height * ZOOM);
    cairo_t *c = cairo_create(s);
    RsvgRectangle all = {0, 0, w * ZOOM, height * ZOOM};

    if (!rsvg_handle_render_document(h, c, &all, &error)) {
        snprintf(err, err_len, "librsvg cannot draw the picture: %s", error->message);
        g_error_free(error);
    } else if (cairo_surface_write_to_png_stream(s, plot_png_write, out) != CAIRO_STATUS_SUCCESS) {
        snprintf(err, err_len, "the picture cannot be written: is the disk full?");
    } else {
        ok = true;
    }
    cairo_destroy(c);
    cairo_surface_destroy(s);
    g_object_unref(h);
    return ok;
}

#else

bool plot_png(FILE *out, const char *svg, size_t len, char *err, size_t err_len)
{
    (void)out;
    (void)svg;
    (void)len;
    snprintf(err, err_len,
             "built without librsvg, so no PNG: --format=svg and rsvg-convert, or apt-get install "
             "librsvg2-dev and build again");
    return false;
}

#endif
