/*
 * goodput - what a flow gets through a bottleneck, over the share of frames that are lost.
 *
 *     goodput [SECONDS [SEEDS]]
 *
 * 100 Mbit/s, a round trip of 40 ms, a queue of one bandwidth-delay product; 30 s, 3 runs each. One
 * line for each rate of loss: per cent, then Mbit/s of each controller with and without SACK, then
 * the bound of Mathis et al. Virtual time: the same numbers everywhere. Used by goodput.sh.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bottleneck.h"

enum { RATE = 100000000, MSS = 1448 };
#define RTT NET_MS(40)

int main(int argc, char **argv)
{
    static const char *const names[] = {"reno", "cubic", "bbr"};
    unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 30;
    unsigned seeds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3;

    if (argc > 3 || seconds == 0 || seeds == 0) {
        fprintf(stderr, "goodput: usage: goodput [SECONDS [SEEDS]]\n");
        return 1;
    }
    printf("# loss_percent reno cubic bbr reno_no_sack cubic_no_sack bbr_no_sack mathis\n");
    for (double percent = 0.01; percent < 11; percent *= sqrt(sqrt(10))) {
        uint32_t ppm = (uint32_t)(percent * 10000 + 0.5);
        struct bottleneck_config path = {.rate_bps = RATE, .rtt = RTT, .loss_ppm = ppm};

        printf("%.4f", ppm / 10000.0);
        for (int sack = 1; sack >= 0; sack--)
            for (size_t i = 0; i < ARRAY_LEN(names); i++)
                printf(" %.3f", bottleneck_goodput(&path, names[i], sack, seconds, seeds) / 1e6);
        printf(" %.3f\n", MSS * 8 / ((double)RTT / 1e9) / sqrt(ppm / 1e6) / 1e6);
        fflush(stdout);
    }
    return 0;
}
