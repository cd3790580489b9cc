#include "l6_presentation/frame.h"

#include <errno.h>

#include "t.h"

static const uint8_t stream[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0,
                                 0, 0, 0, 0, 0,   0,   2,   'm', 'e'};

/* The next message from @at on, with the stream cut in two pieces at @cut and ending at @end. */
static int next(size_t at, size_t cut, size_t end, char *text, size_t *used)
{
    if (cut < at)
        cut = at;
    struct span in[2] =
        {
            {stream + at,  cut - at },
            {stream + cut, end - cut}
    },
                msg[2];
    int rc = frame_next(in, 5, msg, used);

    if (rc == 1) {
        size_t len = 0;

        for (int i = 0; i < 2; i++) {
            for (size_t k = 0; k < msg[i].len; k++)
                text[len++] = (char)msg[i].p[k];
        }
        text[len] = '\0';
    }
    return rc;
}

static void test_frame_next_same_messages_wherever_it_wraps(void)
{
    static const char *const want[] = {"hello", "", "me"};

    for (size_t cut = 0; cut <= sizeof(stream); cut++) {
        size_t at = 0, used;
        char text[8];

        for (int i = 0; i < 3; i++) {
            T_NEED(next(at, cut, sizeof(stream), text, &used) == 1);
            T_STR(text, want[i]);
            at += used;
        }
        T_EQ(at, sizeof(stream));
        T_EQ(next(at, cut < at ? at : cut, sizeof(stream), text, &used), 0);
    }
}

static void test_frame_next_waits_for_the_whole(void)
{
    char text[8];
    size_t used;

    for (size_t end = 0; end < 9; end++)
        for (size_t cut = 0; cut <= end; cut++)
            T_EQ(next(0, cut, end, text, &used), 0);
    T_EQ(next(0, 3, 9, text, &used), 1);
    T_EQ(used, 9);
}

static void test_frame_next_refuses_a_length_before_its_bytes_come(void)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff}, six[] = {0, 0, 0, 6};
    struct span msg[2];
    size_t used;

    T_EQ(frame_next(
             (struct span[2]){
                 {huge, 4},
                 {NULL, 0}
    },
             1 << 20, msg, &used),
         -EMSGSIZE);
    T_EQ(frame_next(
             (struct span[2]){
                 {six,     1},
                 {six + 1, 3}
    },
             5, msg, &used),
         -EMSGSIZE);
    T_EQ(frame_next(
             (struct span[2]){
                 {six,     1},
                 {six + 1, 3}
    },
             6, msg, &used),
         0);
}

static void test_frame_emit_is_what_next_reads(void)
{
    uint8_t hdr[FRAME_HDR_LEN];

    frame_emit(hdr, 0x01020304);
    T_MEM(hdr, ((const uint8_t[]){1, 2, 3, 4}), 4);
}

T_MAIN("frame", T(test_frame_next_same_messages_wherever_it_wraps),
       T(test_frame_next_waits_for_the_whole),
       T(test_frame_next_refuses_a_length_before_its_bytes_come),
       T(test_frame_emit_is_what_next_reads))
