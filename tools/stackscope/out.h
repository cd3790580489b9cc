/*
 * out.h - a capture written back as pcapng, with comments: those that the frames had, and ours.
 *
 * What a segment was is sometimes known only later (the ACK that shows that a FIN arrived), so frames are
 * held until they are settled, or until 64 MiB are held: then the oldest goes as it is. A comment
 * that comes too late for its frame is put on the newest one, with the number in front: `frame 7: ...`.
 *
 * Frames, times, interfaces and link types stay what they were; frames that a filter left out are left
 * out, so numbers change then. Written are the interfaces that frames are of, in the order of appearance.
 */
#ifndef STACKSCOPE_OUT_H
#define STACKSCOPE_OUT_H

#include "frame.h"

struct out;

enum { OUT_HELD_MAX = 64 << 20 };

/**
 * out_open - a new capture in the file @path.
 * @src: where the frames come from, for the descriptions of its interfaces
 *
 * Return: it, or NULL with a line in @err.
 */
struct out *out_open(const char *path, const struct source *src, char *err, size_t err_len);

/** out_frame - the next frame; its bytes are copied. Numbers grow. Return: false without memory. */
bool out_frame(struct out *o, const struct frame *f);

/** out_comment - write @text, a line, beside the frame with this number. Return: whether that was still
 * possible; otherwise it stands beside the newest one, as said above. */
bool out_comment(struct out *o, uint64_t number, const char *text);

/** out_has - is @text one of the lines beside the frame with this number? */
bool out_has(struct out *o, uint64_t number, const char *text);

/** out_settled - frames up to this number get no more comments. */
void out_settled(struct out *o, uint64_t number);

/** out_close - write the rest. Return: whether everything was written, else a line in @err. */
bool out_close(struct out *o, char *err, size_t err_len);

#endif
