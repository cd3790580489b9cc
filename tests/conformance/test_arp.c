#include "raw.h"

enum { OTHER = 0x0a000009, THIRD = 0x0a00000a };

static const uint8_t other_mac[6] = {0x02, 0, 0, 0, 0, 0x09};
static const uint8_t third_mac[6] = {0x02, 0, 0, 0, 0, 0x0a};

static void begin(struct peer *k)
{
    peer_begin(k);
    k->sees_arp = true;
}

/* To whom does H send what is for @ip? false: it asks. */
static bool knows(struct peer *k, uint32_t ip, uint8_t mac[6])
{
    struct arp_info e;

    for (uint32_t at = 0; arp_each(&k->net.ifs[0].arp, &at, &e);) {
        if (e.ip == ip && e.state != ARP_INCOMPLETE) {
            memcpy(mac, e.mac.b, 6);
            return true;
        }
    }
    return false;
}

/* A UDP datagram of H to @ip. */
static void send_to(struct peer *k, uint32_t ip, const char *text)
{
    struct sock_addr to = {ip_addr_v4(ip), 9};
    int sd = sock_open(net_socks(&k->net), SOCK_KIND_UDP);

    T_EQ(sock_sendto(net_socks(&k->net), sd, text, strlen(text), &to), strlen(text));
    sock_close(net_socks(&k->net), sd);
    peer_settle(k);
}

/* REQ: ARP-826-5 ARP-826-4 ACD-5227-2.6-1 */
static void test_arp_request_for_us_is_answered_to_the_asker(void)
{
    struct peer k;
    uint8_t mac[6];

    begin(&k);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP);
    T_TRUE(raw_arp_is(&k, other_mac, 2, H_IP, OTHER));
    T_MEM(k.last.arp_tha, other_mac, 6);
    T_TRUE(knows(&k, OTHER, mac)); /* and its sender is known now */
    T_MEM(mac, other_mac, 6);
    say_arp(&k, .to = raw_h_mac, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP);
    T_TRUE(raw_arp_is(&k, other_mac, 2, H_IP, OTHER)); /* asked in person, too (section 2.3.2.1) */
    peer_end(&k);
}

/* REQ: ARP-826-4 ARP-826-6 */
static void test_arp_what_is_not_for_us(void)
{
    struct peer k;
    uint8_t mac[6];

    begin(&k);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = THIRD);
    say_arp(&k, .op = 2, .from = other_mac, .to = raw_h_mac, .spa = OTHER, .tpa = H_IP);
    say_arp(&k, .op = 3, .from = third_mac, .spa = THIRD, .tpa = H_IP);
    say_arp(&k, .op = 0, .from = third_mac, .spa = THIRD, .tpa = H_IP);
    T_TRUE(peer_next(&k) == NULL);
    T_FALSE(knows(&k, THIRD, mac));
    T_EQ(peer_drops(&k, V_DROP_ARP_NOT_FOR_US), 1);
    T_EQ(peer_drops(&k, V_DROP_ARP_OP), 2);
    peer_end(&k);
}

/* REQ: ARP-826-2 */
static void test_arp_other_kinds_are_refused(void)
{
    struct peer k;

    begin(&k);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP, .xor_hw = 7);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP, .xor_proto = 1);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP, .xor_hlen = 1);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP, .xor_plen = 1);
    T_EQ(peer_drops(&k, V_DROP_ARP_TYPE), 4);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: ARP-826-1 ARP-826-7 LINK-1122-2.3.3-5 ARP-1122-2.3.2.2-1 LINK-1122-2.4-3 */
static void test_arp_resolves_and_sends_what_waited(void)
{
    struct peer k;

    begin(&k);
    send_to(&k, OTHER, "one");
    send_to(&k, OTHER, "two");
    T_TRUE(raw_arp_is(&k, raw_all, 1, H_IP, OTHER));
    T_TRUE(peer_next(&k) == NULL);
    /* The answer is broadcast, which is unusual and legal. */
    say_arp(&k, .op = 2, .from = raw_peer_mac, .spa = OTHER, .tpa = H_IP);
    const struct seen *s = peer_next(&k);

    T_NEED(s != NULL);
    T_EQ(s->dst, OTHER);
    T_MEM(s->data, "one", 3);
    T_NEED((s = peer_next(&k)) != NULL);
    T_MEM(s->data, "two", 3);
    peer_end(&k);
}

/* REQ: ARP-1122-2.3.2.1-3 */
static void test_arp_asks_once_a_second_and_gives_up(void)
{
    struct peer k;
    unsigned asked = 0;

    begin(&k);
    for (int i = 0; i < 100; i++) {
        send_to(&k, OTHER, "x");
        while (peer_next(&k) != NULL) {
            T_EQ(k.last.ethertype, 0x0806);
            T_EQ(k.last.arp_tpa, OTHER);
            asked++;
        }
        peer_advance(&k, NET_MS(100)); /* ten seconds in all */
    }
    T_TRUE(asked >= 3 && asked <= 10);
    peer_forget(&k);
    peer_end(&k);
}

/* REQ: ARP-826-3 */
static void test_arp_known_sender_is_believed_whatever_it_says(void)
{
    struct peer k;
    uint8_t mac[6];

    begin(&k);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP);
    peer_forget(&k);
    say_arp(&k, .op = 1, .from = third_mac, .spa = OTHER, .tpa = THIRD); /* for somebody else */
    T_TRUE(knows(&k, OTHER, mac));
    T_MEM(mac, third_mac, 6);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = OTHER); /* gratuitous */
    T_TRUE(knows(&k, OTHER, mac));
    T_MEM(mac, other_mac, 6);
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: ARP-826-9 */
static void test_arp_impossible_senders_are_not_cached(void)
{
    static const uint8_t group[6] = {0x01, 0, 0x5e, 0, 0, 1};
    struct peer k;
    uint8_t mac[6];

    begin(&k);
    say_arp(&k, .op = 1, .sha = raw_all, .spa = OTHER, .tpa = H_IP);
    say_arp(&k, .op = 1, .sha = group, .spa = OTHER, .tpa = H_IP);
    say_arp(&k, .op = 1, .from = other_mac, .spa = 0x0a0000ff, .tpa = H_IP);
    say_arp(&k, .op = 1, .from = other_mac, .spa = 0xffffffff, .tpa = H_IP);
    say_arp(&k, .op = 1, .from = other_mac, .spa = 0xe0000001, .tpa = H_IP);
    T_FALSE(knows(&k, OTHER, mac));
    T_FALSE(knows(&k, 0x0a0000ff, mac));
    T_FALSE(knows(&k, 0xffffffff, mac));
    T_FALSE(knows(&k, 0xe0000001, mac));
    T_TRUE(peer_next(&k) == NULL);
    peer_end(&k);
}

/* REQ: ARP-1122-2.3.2.1-1 ARP-826-8 */
static void test_arp_entries_age(void)
{
    struct peer k;
    uint8_t mac[6];

    begin(&k);
    say_arp(&k, .op = 1, .from = other_mac, .spa = OTHER, .tpa = H_IP);
    peer_forget(&k);
    peer_advance(&k, NET_SEC(1000));
    peer_forget(&k);
    T_FALSE(knows(&k, OTHER, mac));
    peer_end(&k);
}

T_MAIN("arp", T(test_arp_request_for_us_is_answered_to_the_asker), T(test_arp_what_is_not_for_us),
       T(test_arp_other_kinds_are_refused), T(test_arp_resolves_and_sends_what_waited),
       T(test_arp_asks_once_a_second_and_gives_up),
       T(test_arp_known_sender_is_believed_whatever_it_says),
       T(test_arp_impossible_senders_are_not_cached), T(test_arp_entries_age))
