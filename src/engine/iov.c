/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Scattered buffers: copies in and out of them, and parts of them.
 */
#include "engine/iov.h"

#include <string.h>

unsigned
cop_iov_slice (const struct iovec *iov, unsigned n_iov, uint64_t offset, uint64_t length,
               struct iovec *out)
{
  unsigned n = 0;

  for (unsigned i = 0; i < n_iov && length > 0; i++)
    {
      struct iovec segment = iov[i];

      if (offset >= segment.iov_len)
        {
          offset -= segment.iov_len;
          continue;
        }
      segment.iov_base = (uint8_t *)segment.iov_base + offset;
      segment.iov_len = MIN (segment.iov_len - offset, length);
      offset = 0;
      length -= segment.iov_len;
      out[n++] = segment;
    }
  return n;
}

/* Both directions of a copy, one piece at a time. */
static size_t
iov_copy (const struct iovec *iov, unsigned n_iov, uint64_t offset, uint8_t *bytes, size_t length,
          bool to_iov)
{
  size_t done = 0;

  for (unsigned i = 0; i < n_iov && done < length; i++)
    {
      uint8_t *base = iov[i].iov_base;
      size_t piece;

      if (offset >= iov[i].iov_len)
        {
          offset -= iov[i].iov_len;
          continue;
        }
      piece = MIN (iov[i].iov_len - offset, length - done);
      if (to_iov)
        memcpy (base + offset, bytes + done, piece);
      else
        memcpy (bytes + done, base + offset, piece);
      offset = 0;
      done += piece;
    }
  return done;
}

size_t
cop_iov_read (const struct iovec *iov, unsigned n_iov, uint64_t offset, void *to, size_t length)
{
  return iov_copy (iov, n_iov, offset, to, length, false);
}

size_t
cop_iov_write (const struct iovec *iov, unsigned n_iov, uint64_t offset, const void *from,
               size_t length)
{
  return iov_copy (iov, n_iov, offset, (uint8_t *)from, length, true);
}

void
cop_iov_written (CopRam *ram, const struct iovec *iov, unsigned n_iov, uint64_t length)
{
  for (unsigned i = 0; i < n_iov && length > 0; i++)
    {
      uint64_t piece = MIN (iov[i].iov_len, length);

      cop_ram_written (ram, ram->dram.gpa + (uint64_t)((uint8_t *)iov[i].iov_base - ram->dram.hva),
                       piece);
      length -= piece;
    }
}
