/* test_tcp_timer_rest.c - what rests is packed by the clock, and the end of the pool is given back. */
#include "hosts.h"

#include "l4_transport/tcp_idle.h"
#include "l5_session/sock_priv.h"

enum { CROWD = 2 * TCP_FLOWS, STAY = 5 }; /* more than are known to speak often */

/* Host b has the other ends of a's connections, and keeps five blocks. */
struct crowd {
    struct hosts h;
    struct socks *a, *b;
    int listener;
    int sa[CROWD], sb[CROWD];
};

/* Nobody polls: what is on the ready lists is known. */
static void crowd_tell(struct crowd *c)
{
    poll_wait(c->a, 0, NULL, 0);
    poll_wait(c->b, 0, NULL, 0);
}

static void crowd_run(struct crowd *c, net_time span)
{
    hosts_run(&c->h, span);
    crowd_tell(c);
}

static void crowd_open(struct crowd *c, unsigned i)
{
    c->sa[i] = sock_open(c->a, SOCK_KIND_TCP);
    T_EQ(sock_connect(c->a, c->sa[i], &(struct sock_addr){HOST_B, 80}), -EINPROGRESS);
    crowd_run(c, NET_MS(1));
    c->sb[i] = sock_accept(c->b, c->listener, NULL);
    T_NEED(c->sb[i] >= 0);
    crowd_tell(c);
}

static void crowd_say(struct crowd *c, unsigned i)
{
    T_EQ(sock_send(c->a, c->sa[i], "x", 1, 0), 1);
    crowd_run(c, NET_MS(1));
}

static void crowd_hear(struct crowd *c, unsigned i)
{
    uint8_t byte;

    T_EQ(sock_recv(c->b, c->sb[i], &byte, 1, 0), 1);
    crowd_tell(c);
}

/* @count connections, on each a byte that b has not read: none can be packed. */
static void crowd_begin(struct crowd *c, unsigned count)
{
    struct net_config a, b;

    hosts_config(&a, 1);
    hosts_config(&b, 2);
    a.socks.sockets = b.socks.sockets = CROWD + 2;
    a.tcp.connections = b.tcp.connections = CROWD + 2;
    a.tcp.time_wait = b.tcp.time_wait = b.tcp.idle = CROWD + 2;
    b.tcp.full_idle = STAY;
    memset(c, 0, sizeof(*c));
    hosts_begin_with(&c->h, &a, &b);
    c->a = net_socks(&c->h.a);
    c->b = net_socks(&c->h.b);
    T_EQ(poll_open(c->a), 0);
    T_EQ(poll_open(c->b), 0);
    c->listener = sock_open(c->b, SOCK_KIND_TCP);
    T_EQ(sock_bind(c->b, c->listener, &(struct sock_addr){IP_ADDR_ANY, 80}), 0);
    T_EQ(sock_listen(c->b, c->listener, 32), 0);
    for (unsigned i = 0; i < count; i++) {
        crowd_open(c, i);
        crowd_say(c, i);
    }
    T_EQ(c->h.b.tcp.tcbs.used, count);
}

static void crowd_end(struct crowd *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        sock_close(c->a, c->sa[i]);
        sock_close(c->b, c->sb[i]);
        crowd_run(c, NET_MS(1));
    }
    sock_close(c->b, c->listener);
    poll_close(c->a, 0);
    poll_close(c->b, 0);
    hosts_end(&c->h);
}

static bool is_waiting(const struct crowd *c)
{
    return timer_deadline(&c->h.b.tcp.idle_wheel) != NET_NEVER;
}

/* A second after the last word all but those that are to stay are packed; then no clock runs. */
static void test_tcp_timer_rest_packs_who_is_silent(void)
{
    static struct crowd c;
    const struct tcp *tcp = &c.h.b.tcp;

    crowd_begin(&c, CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        crowd_hear(&c, i);
    crowd_run(&c, NET_MS(400));
    T_EQ(tcp->tcbs.used, CROWD);
    crowd_run(&c, NET_SEC(2));
    T_EQ(tcp->tcbs.used, STAY);
    T_EQ(tcp->idles.used, CROWD - STAY);
    T_FALSE(is_waiting(&c));
    for (unsigned i = 0; i < CROWD; i++) { /* and all of them still talk */
        crowd_say(&c, i);
        crowd_hear(&c, i);
    }
    T_TRUE(is_waiting(&c));
    crowd_run(&c, NET_SEC(3));
    T_EQ(tcp->tcbs.used, STAY);
    crowd_end(&c, CROWD);
}

/* Those that stay have the first places, and the rest of the pool is as if it had never been used. */
static void test_tcp_timer_rest_gives_the_end_back(void)
{
    static struct crowd c;
    const struct slab *pool = &c.h.b.tcp.tcbs;

    crowd_begin(&c, CROWD);
    T_EQ(pool->frontier, CROWD);
    T_EQ(net_spare(&c.h.b).len, 0);
    crowd_run(&c, NET_MS(1500));
    for (unsigned i = 0; i < CROWD; i++)
        crowd_hear(&c, i);
    crowd_run(&c, NET_SEC(3));
    T_EQ(pool->frontier, STAY);
    struct mspan spare = net_spare(&c.h.b);

    T_TRUE(spare.p == slab_at(pool, STAY));
    T_EQ(spare.len, (CROWD - STAY) * pool->size);
    T_EQ(net_spare(&c.h.b).len, 0); /* once */
    memset(spare.p, 0x5a, spare.len);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd_say(&c, i);
        crowd_hear(&c, i);
    }
    crowd_end(&c, CROWD);
}

/* So are the records of what was in flight. */
static void test_tcp_timer_rest_gives_back_what_was_sent(void)
{
    static struct crowd c;
    const struct slab *sent = &c.h.b.tcp.sent_pool;

    crowd_begin(&c, CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        crowd_hear(&c, i);
    c.h.is_cut = true;
    for (unsigned i = 0; i < CROWD; i++)
        T_EQ(sock_send(c.b, c.sb[i], "y", 1, 0), 1);
    crowd_run(&c, NET_US(1));
    T_EQ(sent->used, CROWD);
    c.h.is_cut = false;
    crowd_run(&c, NET_MS(500));
    for (unsigned i = 0; i < CROWD; i++) /* after that a tail loss probe is over, too */
        T_EQ(sock_send(c.b, c.sb[i], "z", 1, 0), 1);
    crowd_run(&c, NET_SEC(5));
    T_EQ(c.h.b.tcp.tcbs.used, STAY);
    T_EQ(sent->used, 0);
    T_EQ(sent->frontier, 0);
    struct mspan first = net_spare(&c.h.b), second = net_spare(&c.h.b);

    T_EQ(first.len, (CROWD - STAY) * c.h.b.tcp.tcbs.size);
    T_TRUE(second.p == slab_at(sent, 0) && second.len >= CROWD * sent->size);
    T_EQ(net_spare(&c.h.b).len, 0);
    memset(second.p, 0x5a, second.len);
    for (unsigned i = 0; i < CROWD; i++) {
        uint8_t bytes[3];

        T_EQ(sock_recv(c.a, c.sa[i], bytes, 3, 0), 2);
        T_EQ(sock_send(c.b, c.sb[i], "!", 1, 0), 1);
        crowd_run(&c, NET_MS(1));
        T_EQ(sock_recv(c.a, c.sa[i], bytes, 3, 0), 1);
    }
    crowd_end(&c, CROWD);
}

/* Little is kept, and not shuffled about. */
static void test_tcp_timer_rest_keeps_what_is_half_used(void)
{
    static struct crowd c;

    crowd_begin(&c, 2 * STAY - 1);
    crowd_run(&c, NET_MS(1500)); /* by the next round all have been silent for long */
    for (unsigned i = 0; i < 2 * STAY - 1; i++)
        crowd_hear(&c, i);
    crowd_run(&c, NET_SEC(3));
    T_EQ(c.h.b.tcp.tcbs.used, STAY);
    T_EQ(c.h.b.tcp.tcbs.frontier, 2 * STAY - 1);
    T_EQ(net_spare(&c.h.b).len, 0);
    crowd_end(&c, 2 * STAY - 1);
}

/* Who goes on talking is left alone, at the end of the pool where the hand begins. */
static void test_tcp_timer_rest_leaves_who_talks(void)
{
    static struct crowd c;
    const struct tcp *tcp = &c.h.b.tcp;
    const unsigned talker = CROWD - 1;

    crowd_begin(&c, CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        crowd_hear(&c, i);
    for (unsigned i = 0; i < 20; i++) {
        crowd_say(&c, talker);
        crowd_hear(&c, talker);
        crowd_run(&c, NET_MS(300));
    }
    T_EQ(tcp->tcbs.used, STAY);
    T_EQ(sock_at(c.b, c.sb[talker])->state, SOCK_TCP_CONN);
    T_EQ(tcp->stats.unpacked, 0);
    crowd_end(&c, CROWD);
}

/* How often the host is woken to look after the blocks, until it is not any more. */
static unsigned crowd_rounds(struct crowd *c)
{
    net_time at = 0;
    unsigned rounds = 0;

    for (unsigned i = 0; i < 4000 && is_waiting(c); i++) {
        if (c->h.b.tcp.rest.timer.at != at)
            rounds++;
        at = c->h.b.tcp.rest.timer.at;
        crowd_run(c, NET_MS(100));
    }
    T_FALSE(is_waiting(c));
    return rounds;
}

/* Nobody can be packed, as nobody reads: the rounds become rare, and end. A block that is taken begins
 * them again, and so does somebody who speaks. */
static void test_tcp_timer_rest_in_vain_ends(void)
{
    static struct crowd c;
    const struct tcp *tcp = &c.h.b.tcp;

    crowd_begin(&c, CROWD - 1);
    T_EQ(crowd_rounds(&c), 8); /* somebody has just spoken; after 1, 2, 4 ... 64 s */
    T_EQ(tcp->stats.packed, 0);
    crowd_open(&c, CROWD - 1);
    T_TRUE(is_waiting(&c));
    crowd_say(&c, CROWD - 1);
    T_TRUE(crowd_rounds(&c) >= 7);
    for (unsigned i = 0; i < CROWD; i++)
        crowd_hear(&c, i);
    T_FALSE(is_waiting(&c));
    for (unsigned i = 0; i < CROWD; i++)
        crowd_say(&c, i);
    T_TRUE(is_waiting(&c));
    for (unsigned i = 0; i < CROWD; i++)
        crowd_hear(&c, i);
    crowd_run(&c, NET_SEC(3));
    T_EQ(tcp->tcbs.used, STAY);
    crowd_end(&c, CROWD);
}

/* A host that packs nothing, or has few connections, has no such clock. */
static void test_tcp_timer_rest_is_for_many(void)
{
    static struct crowd c;

    crowd_begin(&c, STAY);
    T_FALSE(is_waiting(&c));
    c.h.b.tcp.cfg.idle = 0;
    for (unsigned i = STAY; i < CROWD; i++)
        crowd_open(&c, i);
    T_FALSE(is_waiting(&c));
    crowd_end(&c, CROWD);
}

T_MAIN("tcp_timer_rest", T(test_tcp_timer_rest_packs_who_is_silent),
       T(test_tcp_timer_rest_gives_the_end_back), T(test_tcp_timer_rest_gives_back_what_was_sent),
       T(test_tcp_timer_rest_keeps_what_is_half_used), T(test_tcp_timer_rest_leaves_who_talks),
       T(test_tcp_timer_rest_in_vain_ends), T(test_tcp_timer_rest_is_for_many))
