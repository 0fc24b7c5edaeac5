/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An image's manifest: a key file, read and written by one table.
 *
 *   [image]                    [kernel]                        [initrd]
 *   format=1                   file=kernel-6.12.107-5c1f9a3e   file=initrd-0b44d7c2
 *   name=debian                sha256=...                      sha256=...
 *   suite=trixie               size=31165952                   size=7340032
 *   ...
 */
#include "store/image-private.h"

#include <string.h>

#define FORMAT "1"

typedef struct
{
  const char *group, *key;
  size_t offset; /* of a char * in CopImage */
  bool (*check) (const char *value);
} Row;

/* A file beside the manifest and nowhere else. */
static bool
is_file_name (const char *value)
{
  return value[0] != '\0' && value[0] != '.' && strchr (value, '/') == NULL;
}

static bool
is_sha256 (const char *value)
{
  return strlen (value) == 64 && strspn (value, "0123456789abcdef") == 64;
}

static bool
is_name (const char *value)
{
  return cop_image_name_check (value, NULL);
}

/* clang-format off */
static const Row rows[] = {
  { "image",  "name",            offsetof (CopImage, name),            is_name },
  { "image",  "suite",           offsetof (CopImage, suite) },
  { "image",  "source",          offsetof (CopImage, source) },
  { "image",  "cmdline",         offsetof (CopImage, cmdline) },
  { "image",  "recipe",          offsetof (CopImage, recipe) },
  { "image",  "kernel-version",  offsetof (CopImage, kernel_version) },
  { "image",  "busybox-version", offsetof (CopImage, busybox_version) },
  { "kernel", "file",            offsetof (CopImage, kernel.file),     is_file_name },
  { "kernel", "sha256",          offsetof (CopImage, kernel.sha256),   is_sha256 },
  { "initrd", "file",            offsetof (CopImage, initrd.file),     is_file_name },
  { "initrd", "sha256",          offsetof (CopImage, initrd.sha256),   is_sha256 },
};

static const struct
{
  const char *group;
  size_t      offset;           /* of a uint64_t in CopImage */
} sizes[] = {
  { "kernel", offsetof (CopImage, kernel.size) },
  { "initrd", offsetof (CopImage, initrd.size) },
};
/* clang-format on */

static char **
text_at (const CopImage *image, size_t offset)
{
  return (char **) ((char *) image + offset);
}

static uint64_t *
size_at (const CopImage *image, size_t offset)
{
  return (uint64_t *) ((char *) image + offset);
}

void
cop_image_free (CopImage *image)
{
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    g_free (*text_at (image, rows[i].offset));
  g_free (image->folder);
  g_free (image);
}

static bool
parse_rows (CopImage *image, GKeyFile *file, GError **error)
{
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      char **value = text_at (image, rows[i].offset);

      *value = g_key_file_get_string (file, rows[i].group, rows[i].key, error);
      if (*value == NULL)
        return false;
      if (rows[i].check != NULL && !rows[i].check (*value))
        {
          g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                       "[%s] %s has the impossible value '%s'", rows[i].group, rows[i].key, *value);
          return false;
        }
    }
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GError) missing = NULL;

      *size_at (image, sizes[i].offset) =
        g_key_file_get_uint64 (file, sizes[i].group, "size", &missing);
      if (missing != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&missing));
          return false;
        }
    }
  return true;
}

static CopImage *
parse (const char *text, gsize length, const char *folder, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (CopImage) image = g_new0 (CopImage, 1);
  g_autofree char *format = NULL;

  if (!g_key_file_load_from_data (file, text, length, G_KEY_FILE_NONE, error))
    return NULL;
  format = g_key_file_get_string (file, "image", "format", error);
  if (format == NULL)
    return NULL;
  if (strcmp (format, FORMAT) != 0)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   "it has format %s, and this program reads format " FORMAT, format);
      return NULL;
    }
  image->folder = g_strdup (folder);
  return parse_rows (image, file, error) ? g_steal_pointer (&image) : NULL;
}

CopImage *
cop_image_manifest_parse (const char *text, gsize length, const char *label, const char *folder,
                          GError **error)
{
  g_autoptr (GError) reason = NULL;
  CopImage *image = parse (text, length, folder, &reason);

  if (image == NULL)
    g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                 "%s is damaged: %s; pull the image again", label, reason->message);
  return image;
}

char *
cop_image_manifest_format (const CopImage *image)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();

  g_key_file_set_string (file, "image", "format", FORMAT);
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    g_key_file_set_string (file, rows[i].group, rows[i].key, *text_at (image, rows[i].offset));
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_key_file_set_uint64 (file, sizes[i].group, "size", *size_at (image, sizes[i].offset));
  return g_key_file_to_data (file, NULL, NULL);
}
