/*
 * pcap_loop.c - the plainest reader of a capture there is: libpcap hands over every frame, nobody looks at it.
 * The bound for every other reader that uses libpcap.
 *
 *   pcap_loop FILE
 */
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char err[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *head;
    const unsigned char *bytes;
    unsigned long long frames = 0, sum = 0;
    pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], err) : NULL;

    if (p == NULL)
        return fprintf(stderr, "pcap_loop: %s\n", argc == 2 ? err : "one file"), 1;
    while (pcap_next_ex(p, &head, &bytes) == 1) {
        frames++;
        sum += bytes[0];
    }
    pcap_close(p);
    printf("%llu frames, %llu\n", frames, sum);
    return 0;
}
