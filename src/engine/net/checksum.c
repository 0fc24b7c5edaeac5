/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Internet checksums.
 *
 * Source: RFC 1071; VIRTIO 1.2 §5.1.6.2
 */
#include "engine/net/checksum.h"

#include <arpa/inet.h>
#include <glib.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>

uint16_t
cop_net_checksum (const uint8_t *bytes, size_t length, uint32_t sum)
{
  /* Sums do not care for byte order until they are folded: add words as they lie in memory. */
  uint64_t total = 0;
  uint32_t folded;
  size_t i = 0;

  for (; i + 4 <= length; i += 4)
    {
      uint32_t word;

      memcpy (&word, bytes + i, sizeof word);
      total += word;
    }
  if (i + 2 <= length)
    {
      uint16_t word;

      memcpy (&word, bytes + i, sizeof word);
      total += word;
      i += 2;
    }
  if (i < length)
    {
      uint16_t word = 0;

      memcpy (&word, bytes + i, 1);
      total += word;
    }
  total = (total & 0xffffffff) + (total >> 32);
  total = (total & 0xffffffff) + (total >> 32);
  folded = (total & 0xffff) + (total >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  folded = ntohs (folded) + (sum & 0xffff) + (sum >> 16);
  folded = (folded & 0xffff) + (folded >> 16);
  return (folded & 0xffff) + (folded >> 16);
}

static void
put16 (uint8_t *at, uint16_t value)
{
  at[0] = value >> 8;
  at[1] = value;
}

/* TCP's part of a large segment: @tcp to the end of the frame, addresses summed in @pseudo. */
static bool
finish_tcp (uint8_t *tcp, size_t length, uint32_t pseudo)
{
  uint8_t *check = tcp + offsetof (struct tcphdr, check);

  if (length < sizeof (struct tcphdr))
    return false;
  put16 (check, 0);
  put16 (check, ~cop_net_checksum (tcp, length, pseudo + IPPROTO_TCP + length));
  return true;
}

static bool
finish_ipv4 (uint8_t *ip, size_t length)
{
  uint8_t *check = ip + offsetof (struct iphdr, check);
  size_t header;

  if (length < sizeof (struct iphdr) || length > UINT16_MAX)
    return false;
  header = (ip[0] & 0xf) * 4;
  if (header < sizeof (struct iphdr) || header > length ||
      ip[offsetof (struct iphdr, protocol)] != IPPROTO_TCP)
    return false;
  put16 (ip + offsetof (struct iphdr, tot_len), length);
  put16 (check, 0);
  put16 (check, ~cop_net_checksum (ip, header, 0));
  return finish_tcp (ip + header, length - header,
                     cop_net_checksum (ip + offsetof (struct iphdr, saddr), 8, 0));
}

static bool
finish_ipv6 (uint8_t *ip, size_t length)
{
  const size_t header = sizeof (struct ip6_hdr);

  if (length < header || length - header > UINT16_MAX ||
      ip[offsetof (struct ip6_hdr, ip6_nxt)] != IPPROTO_TCP)
    return false;
  put16 (ip + offsetof (struct ip6_hdr, ip6_plen), length - header);
  return finish_tcp (ip + header, length - header,
                     cop_net_checksum (ip + offsetof (struct ip6_hdr, ip6_src), 32, 0));
}

/* A segment that was to be cut up. */
static bool
finish_segment (unsigned gso_type, uint8_t *frame, size_t length)
{
  size_t ethernet = sizeof (struct ether_header);

  if (length <= ethernet)
    return false;
  switch (gso_type)
    {
    case VIRTIO_NET_HDR_GSO_TCPV4:
      return finish_ipv4 (frame + ethernet, length - ethernet);
    case VIRTIO_NET_HDR_GSO_TCPV6:
      return finish_ipv6 (frame + ethernet, length - ethernet);
    default:
      return false;
    }
}

bool
cop_net_finish (const struct virtio_net_hdr_v1 *header, uint8_t *frame, size_t length)
{
  unsigned gso_type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
  size_t start = GUINT16_FROM_LE (header->csum_start);
  size_t at = start + GUINT16_FROM_LE (header->csum_offset);
  uint16_t check;

  if (gso_type != VIRTIO_NET_HDR_GSO_NONE)
    return finish_segment (gso_type, frame, length);
  if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
    return true;
  if (at + 2 > length)
    return false;

  /* The field holds the sum of the pseudo header already. UDP says "none" with 0. */
  check = ~cop_net_checksum (frame + start, length - start, 0);
  put16 (frame + at, check == 0 ? 0xffff : check);
  return true;
}
