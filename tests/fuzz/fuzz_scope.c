/*
 * fuzz_scope.c - capture files: any bytes are read to their end or to a line that names an offset, and no
 * command of stackscope minds what comes before it.
 *
 * The file lies in memory; one command, chosen by the input, sees its frames.
 */
#include <fcntl.h>

#include "../scope/run.h"
#include "dissect.h"
#include "fuzz.h"

static unsigned fuzz_hash(const uint8_t *bytes, size_t len)
{
    unsigned h = 2166136261u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 16777619u;
    return h;
}

/* Every length that is told lies inside of what was told before it. */
static void fuzz_layers(const struct frame *f)
{
    struct dissect d;
    enum dissect_sum ip, transport;
    char text[46];

    dissect(&d, f);
    dissect_sums(&d, f, &ip, &transport);
    FUZZ_CHECK(f->wire_len >= f->bytes.len && f->time >= 0);
    FUZZ_CHECK(d.fault == V_NEXT || d.fault_at <= f->bytes.len);
    FUZZ_CHECK((d.fault == V_NEXT) == (dissect_fault_text(&d)[0] == '\0'));
    FUZZ_CHECK(d.net_at <= f->bytes.len || d.net == NET_NOTHING || d.net == NET_OTHER);
    FUZZ_CHECK(strlen(scope_addr_text(&d.src, text)) < sizeof(text));
    if (d.transport == TRANSPORT_NONE)
        return;
    FUZZ_CHECK(d.transport_at == d.net_at + d.net_hdr_len && d.net_hdr_len <= d.net_len);
    FUZZ_CHECK(d.payload_at + d.payload_len <= d.net_at + d.net_len);
    if (d.transport == TRANSPORT_TCP) {
        FUZZ_CHECK(d.tcp.text[0].len <= d.tcp.data_len && d.tcp.data_len == d.payload_len);
        FUZZ_CHECK(d.tcp.text[0].len == 0 ||
                   (d.tcp.text[0].p >= f->bytes.p &&
                    d.tcp.text[0].p + d.tcp.text[0].len <= f->bytes.p + f->bytes.len));
    }
}

static void fuzz_source(const uint8_t *bytes, size_t len)
{
    struct source_options so = {.interface = "all"};
    struct frame f;
    uint64_t number = 0, offset = 0;
    char name[64], error[512];
    int fd, got;

    so.name = run_name(bytes, len, &fd, name);
    struct source *s = source_open(&so, error, sizeof(error));

    FUZZ_CHECK(s != NULL || (strstr(error, ": ") != NULL && strchr(error, '\n') == NULL));
    while (s != NULL && (got = source_next(s, &f)) != 0) {
        if (got < 0) {
            FUZZ_CHECK(strstr(source_error(s), ": broken at offset ") != NULL);
            FUZZ_CHECK(strchr(source_error(s), '\n') == NULL);
            break;
        }
        FUZZ_CHECK(f.number == ++number && source_facts(s).offset > offset &&
                   source_facts(s).offset <= len);
        offset = source_facts(s).offset;
        fuzz_layers(&f);
    }
    source_close(s);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static int commands, quiet;
    struct run_result r;

    if (len > 1 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return 0; /* zlib has fuzzers of its own */
    while (scope_commands[commands] != NULL)
        commands++;
    fuzz_source(bytes, len);
    unsigned n = fuzz_hash(bytes, len);
    const struct scope_command *c = scope_commands[n % (unsigned)commands];
    struct run_how how = {c, run_word(c, n >> 8), run_format(c, n >> 12), (n >> 16) % 2 == 1,
                          (n >> 20) % 4 == 0};

    /* The commands print: not to where libFuzzer or replay.c do. */
    if (quiet == 0)
        quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    int out = dup(STDOUT_FILENO);

    FUZZ_CHECK(quiet > 0 && out > 0 && dup2(quiet, STDOUT_FILENO) >= 0);
    run_command(&r, &how, bytes, len);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    FUZZ_CHECK(!r.opened || (r.status >= SCOPE_OK && r.status <= SCOPE_FAILED));
    return 0;
}
