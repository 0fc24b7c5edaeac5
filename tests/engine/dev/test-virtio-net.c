/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The network device over the user network, on loopback: a guest of a few lines answers ARP, and
 * speaks UDP and as much TCP as a transfer needs.
 */
#include "engine/dev/virtio-devices.h"
#include "virtio-driver.h"

#include "common/fd.h"
#include "engine/net/checksum.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#define RX 0
#define TX 1
#define N_BUFFERS 120
#define GUEST_PORT 7777
#define HEADER sizeof (struct virtio_net_hdr_v1)

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

typedef struct
{
  TestVirtio *t;
  uint32_t    buffer_size;
  uint64_t    buffers;          /* gpa of N_BUFFERS of buffer_size bytes */
  uint64_t    tx_gpa;           /* header and frame */
  /* Last received, and the one being made; two bytes in front, so that IP headers are aligned. */
  uint8_t     room[2][65536 + 64] __attribute__ ((aligned (8)));
  uint8_t    *frame, *answer;
  size_t      length;
  struct virtio_net_hdr_v1 header;      /* of it */
} Guest;

/* A port that was free a moment ago. */
static uint16_t
free_port (int type)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  cop_autofd int fd = socket (AF_INET, type | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  return ntohs (address.sin_port);
}

static int
connect_to (int type, uint16_t port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons (port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, type | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

static void
post_buffer (Guest *g, unsigned i)
{
  TestSegment segment = { g->buffers + (uint64_t)i * g->buffer_size, g->buffer_size, true };
  TestQueue *q = &g->t->queues[RX];

  /* Each buffer keeps its descriptor: its head names it. */
  q->next_desc = i;
  test_virtio_add (g->t, RX, &segment, 1);
}

static void
guest_start (Guest *g, CopNicConfig *nic, uint64_t features, uint32_t buffer_size)
{
  g_autoptr (GError) error = NULL;

  g->t = test_virtio_new ();
  g->frame = g->room[0] + 2;
  g->answer = g->room[1] + 2;
  memcpy (nic->mac, guest_mac, 6);
  test_virtio_attach (
    g->t, cop_virtio_net_new ("net0", g->t->ram, g->t->context, TEST_MMIO, nic, &error));
  g_assert_no_error (error);
  test_virtio_start (g->t, features, 2, 256);
  g->buffer_size = buffer_size;
  g->buffers = test_virtio_alloc (g->t, (uint64_t)N_BUFFERS * buffer_size);
  g->tx_gpa = test_virtio_alloc (g->t, HEADER + 65600);
  for (unsigned i = 0; i < N_BUFFERS; i++)
    post_buffer (g, i);
  test_virtio_notify (g->t, RX);
}

static void
guest_send (Guest *g, const struct virtio_net_hdr_v1 *header, const uint8_t *frame, size_t length)
{
  TestSegment segments[2] = { { g->tx_gpa, HEADER, false }, { g->tx_gpa + HEADER, length, false } };

  memcpy (test_virtio_at (g->t, g->tx_gpa), header, HEADER);
  memcpy (test_virtio_at (g->t, g->tx_gpa + HEADER), frame, length);
  test_virtio_add (g->t, TX, segments, 2);
  test_virtio_notify (g->t, TX);
  test_virtio_wait (g->t, TX, NULL);
}

/* Waits for one frame into g->frame. */
static void
receive_any (Guest *g)
{
  unsigned n = 1;

  g->length = 0;
  for (unsigned i = 0; i < n; i++)
    {
      uint16_t head;
      uint32_t length = test_virtio_wait (g->t, RX, &head);
      const uint8_t *buffer = test_virtio_at (g->t, g->buffers + (uint64_t)head * g->buffer_size);
      size_t skip = 0;

      if (i == 0)
        {
          memcpy (&g->header, buffer, HEADER);
          n = g->header.num_buffers;
          g_assert_cmpuint (n, >, 0);
          skip = HEADER;
        }
      g_assert_cmpuint (length, <=, g->buffer_size);
      g_assert_cmpuint (g->length + length - skip, <=, sizeof g->room[0] - 2);
      memcpy (g->frame + g->length, buffer + skip, length - skip);
      g->length += length - skip;
      post_buffer (g, head);
    }
  test_virtio_notify (g->t, RX);
}

static void
answer_arp (Guest *g)
{
  static const struct virtio_net_hdr_v1 plain;
  struct ether_arp *arp = (struct ether_arp *)(g->frame + ETH_HLEN);
  uint8_t *reply = g->answer;
  struct ether_arp *answer = (struct ether_arp *)(reply + ETH_HLEN);

  if (ntohs (arp->arp_op) != ARPOP_REQUEST || arp->arp_tpa[3] != 15)
    return;
  memcpy (reply, g->frame + 6, 6);
  memcpy (reply + 6, guest_mac, 6);
  reply[12] = 8, reply[13] = 6;
  *answer = *arp;
  answer->arp_op = htons (ARPOP_REPLY);
  memcpy (answer->arp_sha, guest_mac, 6);
  memcpy (answer->arp_spa, arp->arp_tpa, 4);
  memcpy (answer->arp_tha, arp->arp_sha, 6);
  memcpy (answer->arp_tpa, arp->arp_spa, 4);
  guest_send (g, &plain, reply, ETH_HLEN + sizeof *arp);
}

/* Waits for an IPv4 packet of @protocol to GUEST_PORT, answering ARP meanwhile. */
static struct iphdr *
receive_ip (Guest *g, unsigned protocol)
{
  for (;;)
    {
      struct iphdr *ip = (struct iphdr *)(g->frame + ETH_HLEN);

      receive_any (g);
      if (g->frame[12] == 8 && g->frame[13] == 6)
        answer_arp (g);
      else if (g->frame[12] == 8 && g->frame[13] == 0 && ip->protocol == protocol &&
               ((struct udphdr *)(ip + 1))->dest == htons (GUEST_PORT))
        return ip;
    }
}

/* Begins an answer to the packet at @to: Ethernet and IP headers. Returns: the transport header */
static uint8_t *
begin_answer (uint8_t *frame, const uint8_t *to_frame, size_t transport_length)
{
  const struct iphdr *to = (const struct iphdr *)(to_frame + ETH_HLEN);
  struct iphdr *ip = (struct iphdr *)(frame + ETH_HLEN);

  memcpy (frame, to_frame + 6, 6);
  memcpy (frame + 6, guest_mac, 6);
  frame[12] = 8, frame[13] = 0;
  *ip = (struct iphdr){ .version = 4,
                        .ihl = 5,
                        .ttl = 64,
                        .protocol = to->protocol,
                        .tot_len = htons (sizeof *ip + transport_length),
                        .saddr = to->daddr,
                        .daddr = to->saddr };
  ip->check = htons (~cop_net_checksum ((uint8_t *)ip, sizeof *ip, 0));
  return (uint8_t *)(ip + 1);
}

/* The sum that a driver leaves in a checksum field for the device to finish. */
static uint16_t
pseudo_sum (const uint8_t *frame, unsigned protocol, size_t length)
{
  const struct iphdr *ip = (const struct iphdr *)(frame + ETH_HLEN);

  return htons (cop_net_checksum ((const uint8_t *)&ip->saddr, 8, protocol + length));
}

typedef struct
{
  const char *name;
  uint64_t    features;
  uint32_t    buffer_size;
} Variant;

static const Variant variants[] = {
  { "plain", 0, 65536 + 64 },
  { "mergeable", UINT64_C (1) << VIRTIO_NET_F_MRG_RXBUF, 1526 },
  { "all", UINT64_MAX, 2048 },
};

static CopNicConfig
forwarded_nic (bool udp, uint16_t host_port)
{
  CopPortForward *forward = g_new0 (CopPortForward, 1);
  CopNicConfig nic = { .kind = COP_NET_USER,
                       .fd = -1,
                       .forwards = g_ptr_array_new_with_free_func (g_free) };

  forward->udp = udp;
  forward->host_port = host_port;
  forward->guest_port = GUEST_PORT;
  g_ptr_array_add (nic.forwards, forward);
  return nic;
}

static void
test_udp (gconstpointer data)
{
  const Variant *variant = data;
  uint16_t port = free_port (SOCK_DGRAM);
  CopNicConfig nic = forwarded_nic (true, port);
  g_autofree Guest *g = g_new0 (Guest, 1);
  cop_autofd int fd = -1;
  uint8_t sent[9000], back[sizeof sent];

  g_test_summary (
    "A datagram reaches the guest through a forwarded port, and its answer comes back");
  for (unsigned i = 0; i < sizeof sent; i++)
    sent[i] = i * 7 + (i >> 8);
  guest_start (g, &nic, variant->features, variant->buffer_size);
  fd = connect_to (SOCK_DGRAM, port);

  for (unsigned round = 0; round < 8; round++)
    {
      size_t length = round == 0 ? 1 : round * 1100;
      struct virtio_net_hdr_v1 header = { 0 };
      uint8_t *frame = g->answer;
      struct udphdr *udp;
      struct iphdr *ip;

      g_assert_cmpint (send (fd, sent, length, 0), ==, length);
      ip = receive_ip (g, IPPROTO_UDP);
      udp = (struct udphdr *)(ip + 1);
      g_assert_cmpuint (ntohs (udp->len), ==, sizeof *udp + length);
      g_assert_cmpmem (udp + 1, length, sent, length);

      udp = (struct udphdr *)begin_answer (frame, g->frame, sizeof *udp + length);
      *udp = (struct udphdr){ .source = htons (GUEST_PORT),
                              .dest = ((struct udphdr *)(ip + 1))->source,
                              .len = htons (sizeof *udp + length) };
      memcpy (udp + 1, sent, length);
      udp->check = pseudo_sum (frame, IPPROTO_UDP, sizeof *udp + length);
      if ((g->t->features & 1 << VIRTIO_NET_F_CSUM) != 0)
        {
          header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
          header.csum_start = ETH_HLEN + sizeof *ip;
          header.csum_offset = offsetof (struct udphdr, check);
        }
      else
        udp->check = htons (~cop_net_checksum ((uint8_t *)udp, sizeof *udp + length, 0));
      guest_send (g, &header, frame, ETH_HLEN + sizeof *ip + sizeof *udp + length);
      g_assert_cmpint (recv (fd, back, sizeof back, 0), ==, length);
      g_assert_cmpmem (back, length, sent, length);
    }
  test_virtio_free (g->t);
  g_ptr_array_unref (nic.forwards);
}

/* Sends one TCP segment; larger than the MTU it goes uncut, when the device takes that. */
static void
send_tcp (Guest *g, uint8_t flags, uint32_t seq, uint32_t ack, const void *bytes, size_t length)
{
  uint8_t *frame = g->answer;
  const struct tcphdr *to = (struct tcphdr *)(g->frame + ETH_HLEN + sizeof (struct iphdr));
  struct tcphdr *tcp = (struct tcphdr *)begin_answer (frame, g->frame, sizeof *tcp + length);
  struct virtio_net_hdr_v1 header = { 0 };

  *tcp = (struct tcphdr){ .source = to->dest,
                          .dest = to->source,
                          .seq = htonl (seq),
                          .ack_seq = htonl (ack),
                          .doff = 5,
                          .window = htons (65535) };
  ((uint8_t *)tcp)[13] = flags;
  if (length > 0)
    memcpy (tcp + 1, bytes, length);
  tcp->check = pseudo_sum (frame, IPPROTO_TCP, sizeof *tcp + length);
  if ((g->t->features & 1 << VIRTIO_NET_F_HOST_TSO4) != 0 && length > 1460)
    {
      header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
      header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
      header.gso_size = 1460;
      header.hdr_len = ETH_HLEN + 40;
      header.csum_start = ETH_HLEN + sizeof (struct iphdr);
      header.csum_offset = offsetof (struct tcphdr, check);
    }
  else
    tcp->check = htons (~cop_net_checksum ((uint8_t *)tcp, sizeof *tcp + length, 0));
  guest_send (g, &header, frame, ETH_HLEN + 40 + length);
}

#define TRANSFER (1u << 20)

typedef struct
{
  int      fd;
  uint8_t *bytes;               /* TRANSFER of them */
  bool     good;
} HostSide;

/* Sends TRANSFER bytes, then reads as many, which must be the same. */
static gpointer
host_side (gpointer data)
{
  HostSide *host = data;
  g_autofree uint8_t *back = g_malloc (TRANSFER);
  size_t done = 0;
  ssize_t n = 1;

  while (done < TRANSFER && (n = send (host->fd, host->bytes + done, TRANSFER - done, 0)) > 0)
    done += n;
  done = 0;
  while (done < TRANSFER && (n = recv (host->fd, back + done, TRANSFER - done, 0)) > 0)
    done += n;
  host->good = done == TRANSFER && memcmp (back, host->bytes, TRANSFER) == 0;
  return NULL;
}

static void
test_tcp (gconstpointer data)
{
  const Variant *variant = data;
  uint16_t port = free_port (SOCK_STREAM);
  CopNicConfig nic = forwarded_nic (false, port);
  g_autofree Guest *g = g_new0 (Guest, 1);
  g_autofree uint8_t *got = g_malloc (TRANSFER);
  HostSide host = { .bytes = g_malloc (TRANSFER) };
  struct tcphdr *tcp = (struct tcphdr *)(g->room[0] + 2 + ETH_HLEN + sizeof (struct iphdr));
  size_t piece, done = 0;
  uint32_t seq = 1000, next, first;
  GThread *thread;

  g_test_summary ("A megabyte to the guest and back by TCP, large segments uncut, is the same");
  for (unsigned i = 0; i < TRANSFER; i++)
    host.bytes[i] = i * 31 + (i >> 11);
  guest_start (g, &nic, variant->features, variant->buffer_size);
  host.fd = connect_to (SOCK_STREAM, port);
  thread = g_thread_new ("host", host_side, &host);

  do
    receive_ip (g, IPPROTO_TCP);
  while (!tcp->syn);
  next = ntohl (tcp->seq) + 1;
  first = next;
  send_tcp (g, TH_SYN | TH_ACK, seq++, next, NULL, 0);

  while (next - first < TRANSFER)
    {
      struct iphdr *ip = receive_ip (g, IPPROTO_TCP);
      size_t header = 20 + tcp->doff * 4;
      size_t length = ntohs (ip->tot_len) - header;

      g_assert_cmpuint (cop_net_checksum ((uint8_t *)ip, 20, 0), ==, 0xffff);
      if (ntohl (tcp->seq) != next || length == 0)
        continue;
      g_assert_cmpuint (next - first + length, <=, TRANSFER);
      memcpy (got + (next - first), (uint8_t *)ip + header, length);
      next += length;
      send_tcp (g, TH_ACK, seq, next, NULL, 0);
    }
  g_assert_cmpmem (got, TRANSFER, host.bytes, TRANSFER);

  piece = (g->t->features & 1 << VIRTIO_NET_F_HOST_TSO4) != 0 ? 32768 : 1024;
  for (uint32_t start = seq; done < TRANSFER;)
    {
      send_tcp (g, TH_ACK | TH_PUSH, start + done, next, got + done, piece);
      done += piece;
      /* One segment at a time: the window is never a question. */
      do
        receive_ip (g, IPPROTO_TCP);
      while (ntohl (tcp->ack_seq) != start + done);
    }
  g_thread_join (thread);
  g_assert_true (host.good);
  close (host.fd);
  g_free (host.bytes);
  test_virtio_free (g->t);
  g_ptr_array_unref (nic.forwards);
}

static void
test_no_room (void)
{
  uint16_t port = free_port (SOCK_DGRAM);
  CopNicConfig nic = forwarded_nic (true, port);
  g_autofree Guest *g = g_new0 (Guest, 1);
  cop_autofd int fd = -1;
  uint8_t i;

  g_test_summary ("Frames that come while the guest has no buffers arrive when it has, in order");
  guest_start (g, &nic, UINT64_MAX, 2048);
  fd = connect_to (SOCK_DGRAM, port);
  i = 0;
  g_assert_cmpint (send (fd, &i, 1, 0), ==, 1);
  receive_ip (g, IPPROTO_UDP);

  /* The guest looks away for longer than it has buffers. */
  for (i = 1; i < 200; i++)
    g_assert_cmpint (send (fd, &i, 1, 0), ==, 1);
  for (i = 1; i < 200; i++)
    {
      struct iphdr *ip = receive_ip (g, IPPROTO_UDP);

      g_assert_cmpuint (*((uint8_t *)(ip + 1) + sizeof (struct udphdr)), ==, i);
    }
  test_virtio_free (g->t);
  g_ptr_array_unref (nic.forwards);
}

static void
test_save (void)
{
  uint16_t port = free_port (SOCK_DGRAM);
  CopNicConfig nic = forwarded_nic (true, port);
  g_autofree Guest *g = g_new0 (Guest, 1);
  g_autofree void *state = NULL;
  cop_autofd int fd = -1;

  g_test_summary ("A snapshot loses no frame that came while the device stood still");
  guest_start (g, &nic, UINT64_MAX, 2048);
  fd = connect_to (SOCK_DGRAM, port);
  g_assert_cmpint (send (fd, "a", 1, 0), ==, 1);
  receive_ip (g, IPPROTO_UDP);
  state = test_virtio_save (g->t);
  g_assert_cmpint (send (fd, "b", 1, 0), ==, 1);
  cop_device_reset (g->t->device);
  test_virtio_load (g->t, state);
  receive_ip (g, IPPROTO_UDP);
  g_assert_cmpuint (g->frame[ETH_HLEN + 28], ==, 'b');
  test_virtio_free (g->t);
  g_ptr_array_unref (nic.forwards);
}

static void
test_port_taken (void)
{
  g_autoptr (TestVirtio) t = test_virtio_new ();
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  cop_autofd int fd = socket (AF_INET, SOCK_STREAM, 0);
  g_autoptr (GError) error = NULL;
  CopNicConfig nic;

  g_test_summary ("A port that somebody has already is an error that names it");
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&address, &length), ==, 0);
  nic = forwarded_nic (false, ntohs (address.sin_port));
  g_assert_null (cop_virtio_net_new ("net0", t->ram, t->context, TEST_MMIO, &nic, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "cannot listen on tcp port"));
  g_ptr_array_unref (nic.forwards);
}

static void
test_tap (void)
{
  int fds[2];
  CopNicConfig nic = { .kind = COP_NET_TAP };
  g_autofree Guest *g = g_new0 (Guest, 1);
  struct virtio_net_hdr_v1 plain = { 0 };
  uint8_t frame[200], back[300];
  cop_autofd int peer = -1;

  g_test_summary ("Frames go through a descriptor as they are, both ways");
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  nic.fd = fds[0];
  peer = fds[1];
  guest_start (g, &nic, UINT64_MAX, 2048);
  g_assert_cmpint (nic.fd, ==, -1);
  for (unsigned i = 0; i < sizeof frame; i++)
    frame[i] = i;
  for (unsigned i = 14; i < sizeof frame; i++)
    {
      g_assert_cmpint (send (peer, frame, i, 0), ==, i);
      receive_any (g);
      g_assert_cmpmem (g->frame, g->length, frame, i);
      guest_send (g, &plain, frame, i);
      g_assert_cmpint (recv (peer, back, sizeof back, 0), ==, i);
      g_assert_cmpmem (back, i, frame, i);
    }
  test_virtio_free (g->t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (variants); i++)
    {
      g_autofree char *udp = g_strdup_printf ("/virtio-net/udp/%s", variants[i].name);
      g_autofree char *tcp = g_strdup_printf ("/virtio-net/tcp/%s", variants[i].name);

      g_test_add_data_func (udp, &variants[i], test_udp);
      g_test_add_data_func (tcp, &variants[i], test_tcp);
    }
  g_test_add_func ("/virtio-net/no-room", test_no_room);
  g_test_add_func ("/virtio-net/save", test_save);
  g_test_add_func ("/virtio-net/port-taken", test_port_taken);
  g_test_add_func ("/virtio-net/tap", test_tap);
  return g_test_run ();
}
