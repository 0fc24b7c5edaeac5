/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * UUIDs as text.
 */
#include "xml/domain-config.h"

#include <string.h>
#include <sys/random.h>

/* Bytes that a hyphen stands before: 8-4-4-4-12 digits. */
static bool
hyphen_before (unsigned byte)
{
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void
cop_uuid_format (const uint8_t uuid[16], char *text)
{
  static const char digits[] = "0123456789abcdef";

  for (unsigned i = 0; i < 16; i++)
    {
      if (hyphen_before (i))
        *text++ = '-';
      *text++ = digits[uuid[i] >> 4];
      *text++ = digits[uuid[i] & 15];
    }
  *text = '\0';
}

bool
cop_uuid_parse (const char *text, uint8_t uuid[16])
{
  uint8_t bytes[16];
  bool hyphens = strlen (text) == 36;

  if (!hyphens && strlen (text) != 32)
    return false;
  for (unsigned i = 0; i < 16; i++)
    {
      int high, low;

      if (hyphens && hyphen_before (i) && *text++ != '-')
        return false;
      high = g_ascii_xdigit_value (*text++);
      low = g_ascii_xdigit_value (*text++);
      if (high < 0 || low < 0)
        return false;
      bytes[i] = high << 4 | low;
    }
  memcpy (uuid, bytes, sizeof bytes);
  return true;
}

void
cop_uuid_generate (uint8_t uuid[16])
{
  /* Up to 256 bytes getrandom() gives all or, before the pool is ready at boot, waits. */
  while (getrandom (uuid, 16, 0) != 16)
    ;
  uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122 §4.4: random */
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
}
