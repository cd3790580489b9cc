/* test_plugin.c - libstackd_packetdrill.so as packetdrill uses it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin_start.h"

/* ---- loading and time ---- */

static void test_plugin_load_fills_every_member(void)
{
    void *members[sizeof(drive) / sizeof(void *)];

    T_NEED(drive_begin());
    memcpy(members, &drive, sizeof(drive));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        T_TRUE(members[i] != NULL);
    drive_end();
}

static void test_plugin_clock_advances_by_itself(void)
{
    T_NEED(drive_begin());
    long long a = drive_now(), b = drive_now();

    T_EQ(b, a + 1);
    drive.usleep(G, 5000000);
    T_EQ(drive_now(), b + 5000001);
    drive_until(60000000);
    T_EQ(drive_now(), 60000001);
    drive_end();
}

static void test_plugin_silent_stack_gives_up_with_no_bytes(void)
{
    struct drive_seg s;

    (void)listening();
    drive_out(&s);
    T_EQ(s.whole, 0);
    drive_end();
}

static void test_plugin_loaded_again_has_forgotten_everything(void)
{
    struct drive_seg s;

    for (int i = 0; i < 3; i++) {
        (void)listening(); /* would be EADDRINUSE */
        T_TRUE(drive_now() < 100);
        drive_in(&syn);
        /* packets not fetched are forgotten, too */
        if (i == 1) {
            drive_out(&s);
            T_EQ(s.flags, DRIVE_SYN | DRIVE_ACK);
        }
        if (i != 1)
            drive_end();
    }
}

/* ---- connections ---- */

static void test_plugin_passive_open_data_both_ways_and_close(void)
{
    char buf[2000];
    uint32_t iss;
    struct drive_seg s;
    int listener, fd = accepted(&listener, &iss);

    s = segment(ISS + 1, iss + 1, 1000);
    drive_in(&s);
    T_EQ(drive.read(G, fd, buf, sizeof(buf)), 1000);
    T_EQ(drive.write(G, fd, buf, 1000), 1000);
    drive_out(&s);
    if (s.len == 0) /* the acknowledgement may come first */
        drive_out(&s);
    T_EQ(s.len, 1000);
    T_EQ(s.seq, iss + 1);
    T_EQ(s.ack, ISS + 1001);
    T_TRUE(s.sums_ok);
    s = segment(ISS + 1001, iss + 1001, 0);
    drive_in(&s);
    T_EQ(drive.close(G, fd), 0);
    drive_out(&s);
    T_EQ(s.flags & DRIVE_FIN, DRIVE_FIN);
    T_EQ(s.seq, iss + 1001);
    s = segment(ISS + 1001, iss + 1002, 0);
    s.flags |= DRIVE_FIN;
    drive_in(&s);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_ACK);
    T_EQ(s.ack, ISS + 1002);
    errno = 0;
    T_EQ(drive.read(G, fd, buf, 1), -1);
    T_EQ(errno, EBADF);
    drive_end();
}

static int connecting(struct drive_seg *s)
{
    struct sockaddr_in to = drive_addr(DRIVE_REMOTE, DRIVE_PORT);

    T_NEED(drive_begin());
    int fd = drive.socket(G, AF_INET, SOCK_STREAM, IPPROTO_TCP);

    T_EQ(drive.fcntl(G, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    T_EQ(drive.fcntl(G, fd, F_GETFL), O_RDWR | O_NONBLOCK);
    errno = 0;
    T_EQ(drive.connect(G, fd, (struct sockaddr *)&to, sizeof(to)), -1);
    T_EQ(errno, EINPROGRESS);
    drive_out(s);
    T_EQ(s->flags, DRIVE_SYN);
    T_EQ(s->dst, DRIVE_REMOTE);
    T_EQ(s->dport, DRIVE_PORT);
    return fd;
}

static void test_plugin_active_open_and_its_error_option(void)
{
    struct drive_seg s, answer = {.flags = DRIVE_SYN | DRIVE_ACK, .seq = 7, .win = 5000};
    socklen_t len = sizeof(int);
    int err = 99, fd = connecting(&s);
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    T_EQ(drive.poll(G, &p, 1, 0), 0);
    answer.sport = DRIVE_PORT;
    answer.dport = s.sport;
    answer.dst = s.src;
    answer.ack = s.seq + 1;
    drive_in(&answer);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_ACK);
    T_EQ(s.ack, 8);
    T_EQ(drive.poll(G, &p, 1, 0), 1);
    T_EQ(p.revents, POLLOUT);
    T_EQ(drive.getsockopt(G, fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
    T_EQ(err, 0);
    T_EQ(len, sizeof(int));
    /* Disconnected: a reset leaves, and the descriptor can be used again. */
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    T_EQ(drive.connect(G, fd, &none, sizeof(none)), 0);
    drive_out(&s);
    T_EQ(s.flags & DRIVE_RST, DRIVE_RST);
    drive_end();
}

static void test_plugin_retransmissions_have_their_exact_time(void)
{
    struct drive_seg s;
    long long first;

    (void)connecting(&s);
    first = s.usec;
    drive_out(&s);
    T_EQ(s.flags, DRIVE_SYN);
    T_EQ(s.usec - first, 1000000);
    drive_out(&s);
    T_EQ(s.usec - first, 3000000);
    T_TRUE(drive_now() - first >= 3000000);
    T_TRUE(drive_now() - first < 3000000 + SLACK);
    drive_end();
}

static void test_plugin_time_slept_through_sends_at_its_moments(void)
{
    struct drive_seg s;
    long long first;

    (void)connecting(&s);
    first = s.usec;
    drive_until(5000000);
    drive_out(&s);
    T_EQ(s.usec - first, 1000000);
    drive_out(&s);
    T_EQ(s.usec - first, 3000000);
    T_TRUE(drive_now() < 5000000 + SLACK);
    drive_end();
}

/* ---- options ---- */

static void test_plugin_tcp_info_tells_of_the_connection(void)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    char buf[3000] = "";
    uint32_t iss;
    int listener, one = 1, fd = accepted(&listener, &iss);

    T_EQ(drive.write(G, fd, buf, sizeof(buf)), 3000);
    T_EQ(drive.getsockopt(G, fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    T_EQ(len, sizeof(info));
    T_EQ(info.tcpi_state, 1);
    T_EQ(info.tcpi_snd_mss, 1460);
    T_EQ(info.tcpi_snd_cwnd, 10);
    T_EQ(info.tcpi_unacked, 2); /* the rest waits, by Nagle's rule */
    T_EQ(info.tcpi_advmss, 1460);
    T_EQ(info.tcpi_reordering, 3);
    T_EQ(info.tcpi_snd_ssthresh, 0x7fffffff);
    len = sizeof(info);
    T_EQ(drive.getsockopt(G, listener, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    T_EQ(info.tcpi_state, 10);
    T_EQ(info.tcpi_unacked, 0); /* accepted */
    T_EQ(info.tcpi_sacked, 5);  /* of at most */
    T_EQ(drive.setsockopt(G, fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    one = 0;
    len = sizeof(one);
    T_EQ(drive.getsockopt(G, fd, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
    T_EQ(one, 1);
    errno = 0;
    T_EQ(drive.setsockopt(G, fd, IPPROTO_TCP, 9999, &one, sizeof(one)), -1);
    T_EQ(errno, ENOPROTOOPT);
    drive_end();
}

static void test_plugin_ioctl_writes_the_queue(void)
{
    int listener, n = -1;
    uint32_t iss;
    int fd = accepted(&listener, &iss);
    struct drive_seg s = segment(ISS + 1, iss + 1, 700);

    drive_in(&s);
    T_EQ(drive.ioctl(G, fd, 0x541bul, &n), 0);
    T_EQ(n, 700);
    drive_end();
}

static void test_plugin_settings_file_is_obeyed(void)
{
    char path[] = "/tmp/test_plugin_XXXXXX";
    const char text[] = "net.ipv4.tcp_syn_retries=1\nnet.ipv4.no_such_thing=1\n\nnonsense\n"
                        "net.ipv4.tcp_rmem=4096 20000 6291456\n";
    struct drive_seg s;
    int file = mkstemp(path);

    T_NEED(file >= 0);
    T_EQ(write(file, text, sizeof(text) - 1), sizeof(text) - 1);
    close(file);
    setenv("PACKETDRILL_SYSCTL_FILE", path, 1);
    (void)connecting(&s);
    T_TRUE(s.win <= 20000);
    drive_out(&s); /* the one retransmission */
    T_EQ(s.flags, DRIVE_SYN);
    drive_out(&s);
    T_EQ(s.whole, 0);
    drive_end();
    unsetenv("PACKETDRILL_SYSCTL_FILE");
    unlink(path);
}

static void test_plugin_tells_which_settings_it_ignores(void)
{
    char path[] = "/tmp/test_plugin_XXXXXX", said[512] = "", expected[256];
    const char text[] = "net.ipv4.tcp_syn_retries=1\nnet.ipv4.no_such_thing=1 # here\n";
    int file = mkstemp(path), errors = dup(STDERR_FILENO), pipes[2];

    T_NEED(file >= 0 && errors >= 0 && pipe(pipes) == 0);
    T_EQ(write(file, text, sizeof(text) - 1), sizeof(text) - 1);
    close(file);
    setenv("PACKETDRILL_SYSCTL_FILE", path, 1);
    setenv("PACKETDRILL_VERBOSE", "1", 1);
    dup2(pipes[1], STDERR_FILENO);
    drive_begin();
    (void)drive.socket(G, AF_INET, SOCK_STREAM, 0);
    dup2(errors, STDERR_FILENO);
    drive_end();
    close(errors);
    close(pipes[1]);
    T_TRUE(read(pipes[0], said, sizeof(said) - 1) > 0);
    close(pipes[0]);
    snprintf(expected, sizeof(expected), "%s:2: ignored: net.ipv4.no_such_thing=1 (", path);
    T_TRUE(strstr(said, expected) != NULL);
    T_TRUE(strstr(said, "syn_retries") == NULL);
    unsetenv("PACKETDRILL_SYSCTL_FILE");
    unsetenv("PACKETDRILL_VERBOSE");
    unlink(path);
}

/* ---- the rest ---- */

static void test_plugin_epoll_reports_data(void)
{
    struct epoll_event ev = {.events = EPOLLIN}, out[4];
    int listener;
    uint32_t iss;
    int fd = accepted(&listener, &iss), set = drive.epoll_create(G, 1);
    struct drive_seg s = segment(ISS + 1, iss + 1, 5);

    ev.data.fd = fd;
    T_EQ(drive.epoll_ctl(G, set, EPOLL_CTL_ADD, fd, &ev), 0);
    T_EQ(drive.epoll_wait(G, set, out, 4, 0), 0);
    drive_in(&s);
    T_EQ(drive.epoll_wait(G, set, out, 4, 0), 1);
    T_EQ(out[0].events, EPOLLIN);
    T_EQ(out[0].data.fd, fd);
    T_EQ(drive.epoll_ctl(G, set, EPOLL_CTL_DEL, fd, NULL), 0);
    T_EQ(drive.close(G, set), 0);
    drive_end();
}

static void test_plugin_descriptors_are_real_ones(void)
{
    int fd = listening(), pair[2];

    T_TRUE(fcntl(fd, F_GETFD) >= 0);
    T_EQ(drive.close(G, fd), 0);
    T_EQ(fcntl(fd, F_GETFD), -1);
    fd = drive.socket(G, AF_INET, SOCK_STREAM, 0);
    T_EQ(close(fd), 0); /* as packetdrill closes what a script left open */
    errno = 0;
    T_EQ(drive.pipe(G, pair), -1);
    T_EQ(errno, ENOSYS);
    errno = 0;
    T_EQ(drive.splice(G, 1, NULL, 2, NULL, 1, 0), -1);
    T_EQ(errno, ENOSYS);
    drive_end();
}

static void test_plugin_closed_port_answers_without_any_socket(void)
{
    struct drive_seg s;

    T_NEED(drive_begin());
    drive_in(&syn);
    drive_out(&s);
    T_EQ(s.flags, DRIVE_RST | DRIVE_ACK);
    T_EQ(s.src, DRIVE_LOCAL);
    drive_end();
}

static void test_plugin_udp_needs_no_bind(void)
{
    struct sockaddr_in to = drive_addr(DRIVE_REMOTE, 9);
    uint8_t out[2048];
    size_t len = sizeof(out);
    long long usec;

    T_NEED(drive_begin());
    int fd = drive.socket(G, AF_INET, SOCK_DGRAM, 0);

    T_EQ(drive.sendto(G, fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
    T_EQ(drive.netdev_receive(G, out, &len, &usec), 0);
    T_EQ(len, 33);
    drive_end();
}

/* One datagram with TOS and TTL of its own comes back and tells of both. */
static void test_plugin_udp_control_messages(void)
{
    struct sockaddr_in a = drive_addr(DRIVE_LOCAL, DRIVE_PORT), to = drive_addr(DRIVE_REMOTE, 9);
    union {
        struct cmsghdr align;
        uint8_t room[CMSG_SPACE(sizeof(int)) * 2];
    } control = {0};
    struct iovec iov = {"hello", 5};
    struct msghdr m = {.msg_name = &to,
                       .msg_namelen = sizeof(to),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    uint8_t out[2048], ip[64], text[3];
    size_t len = sizeof(out);
    int on = 1, tos = 0x28, ttl = 255;
    long long usec;

    T_NEED(drive_begin());
    int fd = drive.socket(G, AF_INET, SOCK_DGRAM, 0);

    T_EQ(drive.bind(G, fd, (struct sockaddr *)&a, sizeof(a)), 0);
    T_EQ(drive.setsockopt(G, fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
    T_EQ(drive.setsockopt(G, fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TOS};
    memcpy(CMSG_DATA(c), &tos, sizeof(tos));
    c = CMSG_NXTHDR(&m, c);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_IP, IP_TTL};
    memcpy(CMSG_DATA(c), &ttl, sizeof(ttl));
    T_EQ(drive.sendmsg(G, fd, &m, 0), 5);
    T_EQ(drive.netdev_receive(G, out, &len, &usec), 0);
    T_EQ(out[1], tos);
    T_EQ(out[8], ttl);
    memcpy(ip, out, len); /* back, as above */
    memcpy(ip + 12, out + 16, 4);
    memcpy(ip + 16, out + 12, 4);
    memcpy(ip + 20, out + 22, 2);
    memcpy(ip + 22, out + 20, 2);
    T_EQ(drive.netdev_send(G, ip, len), 0);
    iov = (struct iovec){text, sizeof(text)};
    m.msg_controllen = sizeof(control.room);
    T_EQ(drive.recvmsg(G, fd, &m, 0), 3);
    T_EQ(m.msg_flags, MSG_TRUNC);
    c = CMSG_FIRSTHDR(&m);
    T_NEED(c != NULL);
    T_EQ(c->cmsg_type, IP_TTL);
    memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
    T_EQ(ttl, 255);
    c = CMSG_NXTHDR(&m, c);
    T_NEED(c != NULL);
    T_EQ(c->cmsg_type, IP_TOS);
    T_EQ(*(uint8_t *)CMSG_DATA(c), tos);
    /* The next one has the socket's again. */
    T_EQ(drive.sendto(G, fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    len = sizeof(out);
    T_EQ(drive.netdev_receive(G, out, &len, &usec), 0);
    T_EQ(out[1], 0);
    T_EQ(out[8], 64);
    drive_end();
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        T(test_plugin_load_fills_every_member),
        T(test_plugin_clock_advances_by_itself),
        T(test_plugin_silent_stack_gives_up_with_no_bytes),
        T(test_plugin_loaded_again_has_forgotten_everything),
        T(test_plugin_passive_open_data_both_ways_and_close),
        T(test_plugin_active_open_and_its_error_option),
        T(test_plugin_retransmissions_have_their_exact_time),
        T(test_plugin_time_slept_through_sends_at_its_moments),
        T(test_plugin_tcp_info_tells_of_the_connection),
        T(test_plugin_ioctl_writes_the_queue),
        T(test_plugin_settings_file_is_obeyed),
        T(test_plugin_tells_which_settings_it_ignores),
        T(test_plugin_epoll_reports_data),
        T(test_plugin_descriptors_are_real_ones),
        T(test_plugin_closed_port_answers_without_any_socket),
        T(test_plugin_udp_needs_no_bind),
        T(test_plugin_udp_control_messages),
    };

    return plugin_run("packetdrill", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
