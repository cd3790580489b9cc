/*
 * frame.h - messages over a byte stream.
 *
 * TCP keeps the bytes and their order, not the borders between two writes; a protocol of messages
 * has to draw them itself. The plainest way: the length in front, four bytes in network order, as
 * in DNS over TCP (RFC 1035 section 4.2.2, there two bytes) or BGP. Nothing in the bytes has to be
 * escaped, and the reader knows at once how much to expect.
 *
 * Reading works on received bytes where they lie (sock_peek), in at most two pieces, and copies
 * nothing. The limit is the reader's: a length beyond it is an error before a byte is buffered,
 * because the four bytes of a stranger must not decide how much memory is used. Where a message is not complete
 * in what was shown, and sock_peek() has said that there is more, look again: then all is shown.
 */
#ifndef STACKD_FRAME_H
#define STACKD_FRAME_H

#include "base/base.h"

enum { FRAME_HDR_LEN = 4 };

/**
 * frame_next - the first message of a stream.
 * @in:   what was received and not yet consumed
 * @max:  the longest message to accept, bytes
 * @msg:  receives the message in at most two pieces, within @in
 * @used: receives how many bytes of the stream to consume when the message is done with
 *
 * Return: 1: a message; 0: it is not complete yet.
 * Errors: -EMSGSIZE: longer than @max; the stream is of no use any more.
 */
int frame_next(const struct span in[2], uint32_t max, struct span msg[2], size_t *used);

/** frame_emit - the header of a message of @len bytes, to be sent in front of it. */
void frame_emit(uint8_t hdr[FRAME_HDR_LEN], uint32_t len);

#endif
