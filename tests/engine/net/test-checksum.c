/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Checksums that drivers leave to the device.
 */
#include "engine/net/checksum.h"

#include <glib.h>
#include <string.h>

/* RFC 1071, word by word. */
static uint16_t
slow_checksum (const uint8_t *bytes, size_t length, uint32_t sum)
{
  uint64_t total = sum;

  for (size_t i = 0; i < length; i++)
    total += i % 2 == 0 ? (uint64_t)bytes[i] << 8 : bytes[i];
  while (total >> 16 != 0)
    total = (total & 0xffff) + (total >> 16);
  return total;
}

static void
test_sum (void)
{
  uint8_t bytes[300];

  g_test_summary ("The fast sum is the slow one, at every length and alignment");
  for (unsigned round = 0; round < 2000; round++)
    {
      unsigned start = g_test_rand_int_range (0, 8);
      unsigned length = g_test_rand_int_range (0, sizeof bytes - 8);
      uint32_t sum = g_test_rand_int () & 0xfffff;

      for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = round % 2 == 0 ? 0xff : g_test_rand_int ();
      g_assert_cmphex (cop_net_checksum (bytes + start, length, sum), ==,
                       slow_checksum (bytes + start, length, sum));
    }
}

static void
test_partial (void)
{
  struct virtio_net_hdr_v1 header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_offset = 6 };
  uint8_t frame[64] = { 0 };

  g_test_summary ("A start or offset outside the frame is refused, at the edge too");
  header.csum_start = 56;
  g_assert_true (cop_net_finish (&header, frame, sizeof frame));
  header.csum_start = 57;
  g_assert_false (cop_net_finish (&header, frame, sizeof frame));
  header.csum_start = UINT16_MAX;
  header.csum_offset = UINT16_MAX;
  g_assert_false (cop_net_finish (&header, frame, sizeof frame));
}

static void
test_segment (void)
{
  static const uint8_t kinds[] = { VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6,
                                   VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_HDR_GSO_TCPV4 | 0x80, 77 };

  g_test_summary ("Random bytes called a segment are refused or finished, never read beyond");
  for (unsigned round = 0; round < 20000; round++)
    {
      unsigned length = g_test_rand_int_range (0, 120);
      g_autofree uint8_t *frame = g_malloc (length);
      struct virtio_net_hdr_v1 header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = kinds[g_test_rand_int_range (0, G_N_ELEMENTS (kinds))]
      };

      for (unsigned i = 0; i < length; i++)
        frame[i] = g_test_rand_int ();
      if (length > 24 && round % 2 == 0)
        {
          frame[14] = 0x45;
          frame[14 + 9] = frame[14 + 6] = 6;
        }
      cop_net_finish (&header, frame, length);
    }
}

static void
test_tcp4 (void)
{
  struct virtio_net_hdr_v1 header = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1460 };
  g_autofree uint8_t *frame = g_malloc0 (14 + 40 + 5001);
  uint8_t *ip = frame + 14;
  uint32_t pseudo;

  g_test_summary ("A large segment has lengths and checksums that a receiver finds right");
  for (unsigned i = 0; i < 5001; i++)
    ip[40 + i] = i * 3;
  ip[0] = 0x45;
  ip[9] = 6;
  memcpy (ip + 12, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
  g_assert_true (cop_net_finish (&header, frame, 14 + 40 + 5001));
  g_assert_cmpuint (ip[2] << 8 | ip[3], ==, 5041);
  g_assert_cmphex (slow_checksum (ip, 20, 0), ==, 0xffff);
  pseudo = slow_checksum (ip + 12, 8, 6 + 5021);
  g_assert_cmphex (slow_checksum (ip + 20, 5021, pseudo), ==, 0xffff);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net/checksum/sum", test_sum);
  g_test_add_func ("/net/checksum/partial", test_partial);
  g_test_add_func ("/net/checksum/segment", test_segment);
  g_test_add_func ("/net/checksum/tcp4", test_tcp4);
  return g_test_run ();
}
