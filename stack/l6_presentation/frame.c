#include "l6_presentation/frame.h"

#include <errno.h>

#include "wire/bytes.h"

/* Cut @len bytes from offset @off on out of two pieces. */
static void frame_slice(const struct span in[2], size_t off, size_t len, struct span out[2])
{
    for (int i = 0; i < 2; i++) {
        size_t skip = size_min(off, in[i].len), n = size_min(len, in[i].len - skip);

        out[i] = (struct span){n > 0 ? in[i].p + skip : NULL, n};
        off -= skip;
        len -= n;
    }
    if (out[0].len == 0) { /* all of it lies in the second piece */
        out[0] = out[1];
        out[1] = (struct span){NULL, 0};
    }
}

int frame_next(const struct span in[2], uint32_t max, struct span msg[2], size_t *used)
{
    size_t total = in[0].len + in[1].len;
    uint8_t hdr[FRAME_HDR_LEN];

    if (total < FRAME_HDR_LEN)
        return 0;
    for (size_t i = 0; i < FRAME_HDR_LEN; i++)
        hdr[i] = i < in[0].len ? in[0].p[i] : in[1].p[i - in[0].len];
    uint32_t len = get32(hdr);

    if (len > max)
        return -EMSGSIZE;
    if (len > total - FRAME_HDR_LEN)
        return 0;
    frame_slice(in, FRAME_HDR_LEN, len, msg);
    *used = FRAME_HDR_LEN + (size_t)len;
    return 1;
}

void frame_emit(uint8_t hdr[FRAME_HDR_LEN], uint32_t len)
{
    put32(hdr, len);
}
