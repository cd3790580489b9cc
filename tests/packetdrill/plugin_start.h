/*
 * plugin_start.h - conditions from which the tests of the plug-in start.
 *
 * Time is virtual, so the times in them are exact but for the microseconds that asking for the time
 * costs.
 */
#ifndef STACKD_TESTS_PLUGIN_START_H
#define STACKD_TESTS_PLUGIN_START_H

#include <stdio.h>

#include "drive.h"
#include "t.h"

#define G drive.userdata
enum { PEER = 40001, ISS = 1000, SLACK = 60 };
static const struct drive_seg syn = {
    .sport = PEER,
    .dport = DRIVE_PORT,
    .seq = ISS,
    .flags = DRIVE_SYN,
    .win = 60000,
    .options = {2, 4, 1460 >> 8, 1460 & 0xff},
    .options_len = 4,
};

static inline int listening(void)
{
    struct sockaddr_in a = drive_addr(DRIVE_LOCAL, DRIVE_PORT);
    int fd;

    T_NEED(drive_begin());
    fd = drive.socket(G, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    T_TRUE(fd > 2);
    T_EQ(drive.bind(G, fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    T_EQ(drive.listen(G, fd, 5), 0);
    return fd;
}

static inline struct drive_seg segment(uint32_t seq, uint32_t ack, size_t len)
{
    return (struct drive_seg){.sport = PEER,
                              .dport = DRIVE_PORT,
                              .seq = seq,
                              .ack = ack,
                              .len = len,
                              .flags = DRIVE_ACK,
                              .win = 60000};
}

/* A connection from the peer; @iss receives the stack's number. */
static inline int accepted(int *listener, uint32_t *iss)
{
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof(peer);
    struct drive_seg s;

    *listener = listening();
    drive_until(100000);
    drive_in(&syn);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_SYN | DRIVE_ACK);
    T_EQ(s.ack, ISS + 1);
    T_TRUE(s.sums_ok);
    T_TRUE(s.usec >= 100000 && s.usec < 100000 + SLACK);
    *iss = s.seq;
    s = segment(ISS + 1, *iss + 1, 0);
    drive_in(&s);
    int fd = drive.accept(G, *listener, (struct sockaddr *)&peer, &len);

    T_TRUE(fd > 2);
    T_EQ(len, sizeof(peer));
    T_EQ(ntohl(peer.sin_addr.s_addr), DRIVE_REMOTE);
    T_EQ(ntohs(peer.sin_port), PEER);
    return fd;
}

#ifdef PLUGIN_SANITIZED
#define NOTE "loaded without RTLD_DEEPBIND: sanitizers do not go with it\n"
#else
#define NOTE ""
#endif

static inline int plugin_run(const char *suite, const struct t_case *cases, size_t count, int argc,
                             char **argv)
{
    fputs(NOTE, stdout);
    return t_run(suite, cases, count, argc, argv);
}

#endif
