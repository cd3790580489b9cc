/*
 * plot_png.c - SVG as a bitmap, by librsvg.
 *
 * The library is loaded when somebody asks for a PNG: with all that it needs it takes four times as long to load as
 * stackscope to start, which nobody else should wait for. What its functions look like comes from its headers
 * when stackscope is built; without them there is no PNG.
 */
#include "plot.h"

#ifdef STACKSCOPE_RSVG
#include <dlfcn.h>
#include <librsvg/rsvg.h>

/* What is used of librsvg and of the libraries below it. */
#define PNG_CALLS(X)                                                                               \
    X(rsvg_handle_new_from_data)                                                                   \
    X(rsvg_handle_get_intrinsic_size_in_pixels)                                                    \
    X(rsvg_handle_render_document)                                                                 \
    X(cairo_image_surface_create)                                                                  \
    X(cairo_create)                                                                                \
    X(cairo_surface_write_to_png_stream)                                                           \
    X(cairo_destroy)                                                                               \
    X(cairo_surface_destroy)                                                                       \
    X(g_error_free)                                                                                \
    X(g_object_unref)

struct png_calls {
#define X(name) __typeof__(&name) name;
    PNG_CALLS(X)
#undef X
};

/* Return: NULL, or what is not there. */
static const char *png_load(struct png_calls *c)
{
    const char *missing = NULL;
    void *lib = dlopen("librsvg-2.so.2", RTLD_NOW | RTLD_LOCAL);

    if (lib == NULL)
        return "librsvg-2.so.2";
/* POSIX's way to make a function of what dlsym() returns. */
#define X(name)                                                                                    \
    *(void **)&c->name = dlsym(lib, #name);                                                        \
    missing = c->name == NULL ? #name : missing;
    PNG_CALLS(X)
#undef X
    return missing;
}

static cairo_status_t png_write(void *out, const unsigned char *data, unsigned len)
{
    return fwrite(data, 1, len, out) == len ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

bool plot_png(FILE *out, const char *svg, size_t len, char *err, size_t err_len)
{
    enum { ZOOM = 2 }; /* sharp on today's screens */
    struct png_calls png;
    const char *missing = png_load(&png);
    GError *error = NULL;
    double w = 0, h = 0;
    bool ok = false;

    if (missing != NULL) {
        snprintf(err, err_len, "no PNG, %s is missing: --format=svg, or apt-get install librsvg2-2",
                 missing);
        return false;
    }
    RsvgHandle *handle = png.rsvg_handle_new_from_data((const guint8 *)svg, len, &error);

    if (handle == NULL) {
        snprintf(err, err_len, "librsvg does not read the picture: %s", error->message);
        png.g_error_free(error);
        return false;
    }
    png.rsvg_handle_get_intrinsic_size_in_pixels(handle, &w, &h);
    cairo_surface_t *s =
        png.cairo_image_surface_create(CAIRO_FORMAT_ARGB32, (int)w * ZOOM, (int)h * ZOOM);
    cairo_t *c = png.cairo_create(s);
    RsvgRectangle all = {0, 0, w * ZOOM, h * ZOOM};

    if (!png.rsvg_handle_render_document(handle, c, &all, &error)) {
        snprintf(err, err_len, "librsvg cannot draw the picture: %s", error->message);
        png.g_error_free(error);
    } else if (png.cairo_surface_write_to_png_stream(s, png_write, out) != CAIRO_STATUS_SUCCESS) {
        snprintf(err, err_len, "the picture cannot be written: is the disk full?");
    } else {
        ok = true;
    }
    png.cairo_destroy(c);
    png.cairo_surface_destroy(s);
    png.g_object_unref(handle);
    return ok;
}

#else

bool plot_png(FILE *out, const char *svg, size_t len, char *err, size_t err_len)
{
    (void)out;
    (void)svg;
    (void)len;
    snprintf(err, err_len,
             "built without librsvg, so no PNG: --format=svg, or apt-get install librsvg2-dev and "
             "build again");
    return false;
}

#endif
