/*
 * svg.h - pictures as SVG: shapes, text that is escaped, and one style for all of them.
 *
 * A picture says what a thing is (`class="rtx"`), the style sheet in svg.c how that looks, on a light
 * and on a dark page: browsers ask the reader's preference (prefers-color-scheme), converters that do
 * not know the question draw the light one. Text is in a fixed-width face where its width matters, so
 * that svg_text_width() can tell before it is drawn whether two labels would touch.
 *
 * The same input gives the same bytes: no clock, no random ids, numbers with one decimal at most.
 */
#ifndef STACKSCOPE_SVG_H
#define STACKSCOPE_SVG_H

#include <stdbool.h>
#include <stdio.h>

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg {
    FILE *out;
};

/**
 * svg_begin - the root element, its title and the style sheet.
 * @title: what the picture shows, also for those who cannot see it
 * @more:  rules added to the style sheet, or NULL
 */
void svg_begin(struct svg *s, FILE *out, double width, double height, const char *title,
               const char *more);
void svg_end(struct svg *s);

/** svg_open, svg_close - a group; @attributes as they are written, NULL: none. */
void svg_open(struct svg *s, const char *class_name, const char *attributes);
void svg_close(struct svg *s);

void svg_rect(struct svg *s, double x, double y, double w, double h, double radius,
              const char *class_name);
void svg_line(struct svg *s, double x1, double y1, double x2, double y2, const char *class_name);
/** svg_path - @d as the attribute is written. */
void svg_path(struct svg *s, const char *class_name, const char *d);
/** svg_text - one line of text, escaped; what is no text (control characters, broken UTF-8) as `.`. */
void svg_text(struct svg *s, double x, double y, enum svg_anchor anchor, const char *class_name,
              const char *text);
/** svg_text_turned - the same, turned by @degrees around its own place. */
void svg_text_turned(struct svg *s, double x, double y, double degrees, enum svg_anchor anchor,
                     const char *class_name, const char *text);
/** svg_arrow - a line with a head at its end. */
void svg_arrow(struct svg *s, double x1, double y1, double x2, double y2, const char *class_name);
/** svg_tip - what appears when one points at the last group opened. */
void svg_tip(struct svg *s, const char *text);

/** svg_number - @v with at most one decimal, as everything here writes coordinates. Return: @out. */
char *svg_number(double v, char out[32]);
/** svg_escape - text for XML, into a stream. */
void svg_escape(FILE *out, const char *text);
/** svg_utf8 - how many bytes a character at @p has that may stand in text; 0: what is there is none. */
size_t svg_utf8(const unsigned char *p);
/** svg_text_width - of @text in the fixed-width face at @size, in the picture's units. */
double svg_text_width(const char *text, double size);
/** svg_state_class - the class of a state of TCP (enum tcp_state, -1: unknown). */
const char *svg_state_class(int state);
/** svg_style - the style sheet alone, for a page that holds several pictures. */
void svg_style(FILE *out);

#endif
