/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compressed boot files: gzip by zlib, zstd by libzstd, behind one reader.
 *
 *   bytes --> [none | inflate | zstd] --> as many bytes as the caller has room for
 *
 * Output is bounded by the caller's buffer, so that a small file that unpacks to a huge one costs
 * nothing but what was asked for.
 */
#include "engine/unpack.h"
#include "engine/machine.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* clang-format off */
static const struct
{
  CopPacking   packing;
  const char *name;
  uint8_t         length;
  uint8_t         magic[6];
} formats[] = {
  { COP_PACKING_GZIP,        "gzip",  2, { 0x1f, 0x8b } },
  { COP_PACKING_ZSTD,        "zstd",  4, { 0x28, 0xb5, 0x2f, 0xfd } },
  { COP_PACKING_UNSUPPORTED, "xz",    6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 } },
  { COP_PACKING_UNSUPPORTED, "bzip2", 3, { 'B', 'Z', 'h' } },
  { COP_PACKING_UNSUPPORTED, "lz4",   4, { 0x04, 0x22, 0x4d, 0x18 } },
  { COP_PACKING_UNSUPPORTED, "lz4",   4, { 0x02, 0x21, 0x4c, 0x18 } },
  { COP_PACKING_UNSUPPORTED, "lzop",  4, { 0x89, 'L', 'Z', 'O' } },
  { COP_PACKING_UNSUPPORTED, "lzma",  4, { 0x5d, 0x00, 0x00, 0x00 } },
};
/* clang-format on */

struct CopUnpack
{
  GBytes        *bytes;         /* (owned) */
  char          *label;         /* (owned) */
  CopPacking     packing;
  const uint8_t *data;          /* of bytes */
  size_t         size, offset;
  bool           ended;
  bool           starved;       /* no memory for the decoder: reading fails */
  z_stream       zlib;
  ZSTD_DStream  *zstd;          /* (owned) (nullable) */
};

CopPacking
cop_packing_detect (const uint8_t *data, size_t size, const char **name)
{
  for (size_t i = 0; i < G_N_ELEMENTS (formats); i++)
    if (size >= formats[i].length && memcmp (data, formats[i].magic, formats[i].length) == 0)
      {
        if (name != NULL)
          *name = formats[i].name;
        return formats[i].packing;
      }
  return COP_PACKING_NONE;
}

CopUnpack *
cop_unpack_new (GBytes *bytes, CopPacking packing, const char *label)
{
  CopUnpack *unpack = g_new0 (CopUnpack, 1);

  unpack->bytes = g_bytes_ref (bytes);
  unpack->label = g_strdup (label);
  unpack->packing = packing;
  unpack->data = g_bytes_get_data (bytes, &unpack->size);

  if (packing == COP_PACKING_GZIP)
    unpack->starved = inflateInit2 (&unpack->zlib, 16 + MAX_WBITS) != Z_OK;
  if (packing == COP_PACKING_ZSTD)
    unpack->starved = (unpack->zstd = ZSTD_createDStream ()) == NULL;
  return unpack;
}

void
cop_unpack_free (CopUnpack *unpack)
{
  if (unpack == NULL)
    return;
  if (unpack->packing == COP_PACKING_GZIP)
    inflateEnd (&unpack->zlib);
  ZSTD_freeDStream (unpack->zstd);
  g_bytes_unref (unpack->bytes);
  g_free (unpack->label);
  g_free (unpack);
}

static bool
damaged (const CopUnpack *unpack, const char *what, GError **error)
{
  g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_IMAGE,
               "%s: compressed data is damaged at offset 0x%zx: %s; get the file anew",
               unpack->label, unpack->offset, what);
  return false;
}

static bool
read_gzip (CopUnpack *unpack, uint8_t *to, size_t size, size_t *got, GError **error)
{
  while (*got < size && !unpack->ended)
    {
      z_stream *zlib = &unpack->zlib;
      size_t before = MIN (unpack->size - unpack->offset, (size_t)G_MAXINT);
      size_t room = MIN (size - *got, (size_t)G_MAXINT);
      int result;

      zlib->next_in = (Bytef *)(unpack->data + unpack->offset);
      zlib->avail_in = (uInt)before;
      zlib->next_out = to + *got;
      zlib->avail_out = (uInt)room;
      result = inflate (zlib, Z_NO_FLUSH);
      unpack->offset += before - zlib->avail_in;
      *got += room - zlib->avail_out;

      if (result == Z_STREAM_END)
        unpack->ended = true;
      else if (result != Z_OK)
        return damaged (unpack,
                        result == Z_BUF_ERROR ? "it ends too early"
                        : zlib->msg != NULL   ? zlib->msg
                                              : "not a gzip stream",
                        error);
    }
  return true;
}

static bool
read_zstd (CopUnpack *unpack, uint8_t *to, size_t size, size_t *got, GError **error)
{
  while (*got < size && !unpack->ended)
    {
      ZSTD_inBuffer in = { unpack->data, unpack->size, unpack->offset };
      ZSTD_outBuffer out = { to, size, *got };
      size_t result = ZSTD_decompressStream (unpack->zstd, &out, &in);
      bool stuck = in.pos == unpack->offset && out.pos == *got;

      unpack->offset = in.pos;
      *got = out.pos;
      if (ZSTD_isError (result))
        return damaged (unpack, ZSTD_getErrorName (result), error);
      if (result == 0)
        unpack->ended = true;
      else if (stuck)
        return damaged (unpack, "it ends too early", error);
    }
  return true;
}

bool
cop_unpack_read (CopUnpack *unpack, void *to, size_t size, size_t *got, GError **error)
{
  size_t n = 0;

  if (unpack->starved)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_HOST,
                   "%s: not enough memory to unpack it", unpack->label);
      return false;
    }
  switch (unpack->packing)
    {
    case COP_PACKING_GZIP:
      if (!read_gzip (unpack, to, size, &n, error))
        return false;
      break;
    case COP_PACKING_ZSTD:
      if (!read_zstd (unpack, to, size, &n, error))
        return false;
      break;
    case COP_PACKING_NONE:
    case COP_PACKING_UNSUPPORTED:
      n = MIN (size, unpack->size - unpack->offset);
      if (n > 0)
        memcpy (to, unpack->data + unpack->offset, n);
      unpack->offset += n;
      break;
    }
  *got = n;
  return true;
}
