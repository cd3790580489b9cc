/*
 * image.c - a state as one piece of memory.
 *
 * The mapping begins read-only; the first write to a page is caught and makes the page writable
 * for good. So the pages a host uses are known without asking the host, whatever its pools are cut
 * like, and a copy of a state is a copy of these (some tens) and not of the megabytes that were cut.
 */
#include "search.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static struct image *image_open_one; /* for the signal handler */

static void image_touched(int sig, siginfo_t *info, void *context)
{
    struct image *im = image_open_one;
    uint8_t *at = info->si_addr;

    (void)context;
    if (im == NULL || at < im->base || at >= im->base + im->len) {
        signal(sig, SIG_DFL); /* a crash like any other: it happens again, and ends the program */
        return;
    }
    uint32_t page = (uint32_t)((size_t)(at - im->base) / PAGE);

    if (mprotect(im->base + (size_t)page * PAGE, PAGE, PROT_READ | PROT_WRITE) != 0)
        abort();
    im->live[im->live_count++] = page;
}

void image_open(struct image *im, size_t len)
{
    struct sigaction sa = {.sa_sigaction = image_touched, .sa_flags = SA_SIGINFO | SA_NODEFER};

    *im = (struct image){.len = (len + PAGE - 1) / PAGE * PAGE};
    im->pages = (uint32_t)(im->len / PAGE);
    im->base = mmap(NULL, im->len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    im->live = malloc(im->pages * sizeof(im->live[0]));
    if (im->base == MAP_FAILED || im->live == NULL)
        abort();
    image_open_one = im;
    sigemptyset(&sa.sa_mask);
    if (sigaction(SIGSEGV, &sa, NULL) != 0)
        abort();
}

void image_close(struct image *im)
{
    image_open_one = NULL;
    signal(SIGSEGV, SIG_DFL);
    munmap(im->base, im->len);
    free(im->live);
}

void image_save(const struct image *im, struct shot *s)
{
    if (s->cap < im->live_count) {
        s->cap = im->live_count + 16;
        free(s->bytes);
        s->bytes = malloc((size_t)s->cap * PAGE);
        if (s->bytes == NULL)
            abort();
    }
    s->pages = im->live_count;
    for (uint32_t i = 0; i < s->pages; i++)
        memcpy(s->bytes + (size_t)i * PAGE, im->base + (size_t)im->live[i] * PAGE, PAGE);
}

void image_restore(const struct image *im, const struct shot *s)
{
    for (uint32_t i = 0; i < s->pages; i++)
        memcpy(im->base + (size_t)im->live[i] * PAGE, s->bytes + (size_t)i * PAGE, PAGE);
    for (uint32_t i = s->pages; i < im->live_count; i++) /* written since: it was zero then */
        memset(im->base + (size_t)im->live[i] * PAGE, 0, PAGE);
}
