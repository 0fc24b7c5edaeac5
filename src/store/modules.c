/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Modules name what they depend on in their section .modinfo, a row of strings:
 *
 *   license=GPL \0 depends=failover,net_failover \0 alias=virtio:d00000001v* \0 ...
 *
 * Source: ELF-64 Object File Format 1.5 (headers and sections); the kernel's MODULE_INFO()
 */
#include "store/modules.h"

#include "common/checked.h"
#include "store/deb.h"

#include <elf.h>
#include <string.h>

/* Above any module; what is larger is damage. */
#define MAX_MODULE (UINT64_C (64) << 20)
/* Deeper than any chain of modules that need each other. */
#define MAX_DEPTH 32

void
cop_module_free (CopModule *module)
{
  g_free (module->name);
  g_clear_pointer (&module->object, g_bytes_unref);
  g_strfreev (module->depends);
  g_strfreev (module->aliases);
  g_free (module);
}

/* ---- names ---- */

/* "a/virtio-rng.ko.xz" to "virtio_rng"; NULL when it is no module. */
static char *
module_name (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  char *end = strstr (base, ".ko");

  if (end == NULL || (end[3] != '\0' && end[3] != '.'))
    return NULL;
  *end = '\0';
  return g_strdup (g_strdelimit (base, "-", '_'));
}

/* ---- .modinfo ---- */

static bool
read_section (const uint8_t *data, size_t size, const Elf64_Ehdr *header, unsigned index,
              Elf64_Shdr *section)
{
  if (index >= header->e_shnum ||
      !cop_range_within (header->e_shoff, (uint64_t) header->e_shnum * sizeof *section, size))
    return false;
  memcpy (section, data + header->e_shoff + index * sizeof *section, sizeof *section);
  return section->sh_type == SHT_NOBITS ||
         cop_range_within (section->sh_offset, section->sh_size, size);
}

/* Finds the section called @name; its bytes lie within @data. */
static bool
find_section (const uint8_t *data, size_t size, const char *name, Elf64_Shdr *found)
{
  Elf64_Ehdr header;
  Elf64_Shdr names;

  if (size < sizeof header)
    return false;
  memcpy (&header, data, sizeof header);
  if (memcmp (header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_shentsize != sizeof names ||
      !read_section (data, size, &header, header.e_shstrndx, &names) || names.sh_type == SHT_NOBITS)
    return false;
  for (unsigned i = 0; i < header.e_shnum; i++)
    {
      const char *text = (const char *) data + names.sh_offset;

      if (read_section (data, size, &header, i, found) && found->sh_type != SHT_NOBITS &&
          found->sh_name < names.sh_size &&
          strnlen (text + found->sh_name, names.sh_size - found->sh_name) == strlen (name) &&
          memcmp (text + found->sh_name, name, strlen (name)) == 0)
        return true;
    }
  return false;
}

/* Every value of @key in .modinfo. */
static char **
read_modinfo (const char *info, size_t size, const char *key)
{
  g_autoptr (GStrvBuilder) values = g_strv_builder_new ();
  size_t key_length = strlen (key);

  for (size_t i = 0; i < size;)
    {
      size_t length = strnlen (info + i, size - i);

      if (length > key_length && memcmp (info + i, key, key_length) == 0 &&
          info[i + key_length] == '=')
        {
          g_autofree char *value = g_strndup (info + i + key_length + 1, length - key_length - 1);

          g_strv_builder_add (values, value);
        }
      i += length + 1;
    }
  return g_strv_builder_end (values);
}

CopModule *
cop_module_parse (const char *path, GBytes *bytes, GError **error)
{
  g_autoptr (CopModule) module = g_new0 (CopModule, 1);
  g_auto (GStrv) depends = NULL;
  const uint8_t *data;
  const char *info;
  Elf64_Shdr section;
  gsize size;

  module->name = module_name (path);
  module->object = cop_decompress (bytes, MAX_MODULE, path, error);
  if (module->object == NULL)
    return NULL;
  data = g_bytes_get_data (module->object, &size);
  if (module->name == NULL || !find_section (data, size, ".modinfo", &section))
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT, "%s is not a kernel module",
                   path);
      return NULL;
    }
  info = (const char *) data + section.sh_offset;
  depends = read_modinfo (info, section.sh_size, "depends");
  module->depends = g_strsplit (depends[0] != NULL ? depends[0] : "", ",", -1);
  for (char **name = module->depends; *name != NULL; name++)
    g_strdelimit (*name, "-", '_');
  module->aliases = read_modinfo (info, section.sh_size, "alias");
  return g_steal_pointer (&module);
}

/* ---- order ---- */

typedef struct
{
  GHashTable *files; /* (unowned): contents by path */
  GHashTable *paths; /* (owned): path by module name */
  GHashTable *built_in; /* (owned): set of names */
  GHashTable *placed; /* (owned): set of names, in order already */
  GPtrArray *order; /* (owned) */
} Resolver;

static void
resolver_clear (Resolver *resolver)
{
  g_hash_table_unref (resolver->paths);
  g_hash_table_unref (resolver->built_in);
  g_hash_table_unref (resolver->placed);
  g_ptr_array_unref (resolver->order);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Resolver, resolver_clear)

static void
add_built_in (GHashTable *built_in, GBytes *list)
{
  gsize size;
  const char *data = g_bytes_get_data (list, &size);
  g_autofree char *text = g_strndup (data, size);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      char *name = module_name (*line);

      if (name != NULL)
        g_hash_table_add (built_in, name);
    }
}

static void
resolver_init (Resolver *resolver, GHashTable *files)
{
  GHashTableIter iter;
  gpointer path, bytes;

  resolver->files = files;
  resolver->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  resolver->built_in = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  resolver->placed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  resolver->order = g_ptr_array_new_with_free_func ((GDestroyNotify) cop_module_free);

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &path, &bytes))
    {
      char *name = module_name (path);

      if (g_str_has_suffix (path, "/modules.builtin"))
        add_built_in (resolver->built_in, bytes);
      if (name != NULL)
        g_hash_table_insert (resolver->paths, name, path);
    }
}

static bool
resolve (Resolver *resolver, const char *name, unsigned depth, GError **error)
{
  const char *path = g_hash_table_lookup (resolver->paths, name);
  g_autoptr (CopModule) module = NULL;

  if (*name == '\0' || g_hash_table_contains (resolver->placed, name) ||
      (path == NULL && g_hash_table_contains (resolver->built_in, name)))
    return true;
  if (path == NULL || depth > MAX_DEPTH)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   path == NULL ? "the kernel's package has no module %s"
                                : "module %s needs itself, or too many others",
                   name);
      return false;
    }
  module = cop_module_parse (path, g_hash_table_lookup (resolver->files, path), error);
  if (module == NULL)
    return false;
  for (char **needed = module->depends; *needed != NULL; needed++)
    if (!resolve (resolver, *needed, depth + 1, error))
      return false;
  g_hash_table_add (resolver->placed, g_strdup (name));
  g_ptr_array_add (resolver->order, g_steal_pointer (&module));
  return true;
}

GPtrArray *
cop_modules_resolve (GHashTable *files, const char *const *wanted, GError **error)
{
  g_auto (Resolver) resolver = { 0 };

  resolver_init (&resolver, files);
  for (; *wanted != NULL; wanted++)
    if (!resolve (&resolver, *wanted, 0, error))
      return NULL;
  return g_ptr_array_ref (resolver.order);
}

/* ---- modprobe's files ---- */

/* Marks in @needed (by index in @modules) all that module @index needs. What it needs stands before
   it, so one pass back from it finds everything. */
static void
mark_needed (const GPtrArray *modules, guint index, bool *needed)
{
  memset (needed, 0, modules->len * sizeof *needed);
  needed[index] = true;
  for (guint i = index + 1; i-- > 0;)
    {
      const CopModule *module = modules->pdata[i];

      if (!needed[i])
        continue;
      for (guint j = 0; j < i; j++)
        if (g_strv_contains ((const char *const *) module->depends,
                             ((const CopModule *) modules->pdata[j])->name))
          needed[j] = true;
    }
}

char *
cop_modules_format_dep (const GPtrArray *modules)
{
  GString *text = g_string_new (NULL);
  g_autofree bool *needed = g_new (bool, modules->len + 1);

  for (guint i = 0; i < modules->len; i++)
    {
      mark_needed (modules, i, needed);
      /* modprobe loads a line from its end to its beginning. */
      for (guint j = i + 1; j-- > 0;)
        if (needed[j])
          g_string_append_printf (text, j == i ? "%s.ko:" : " %s.ko",
                                  ((const CopModule *) modules->pdata[j])->name);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

char *
cop_modules_format_alias (const GPtrArray *modules)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < modules->len; i++)
    {
      const CopModule *module = modules->pdata[i];

      for (char **alias = module->aliases; *alias != NULL; alias++)
        g_string_append_printf (text, "alias %s %s\n", *alias, module->name);
    }
  return g_string_free (text, FALSE);
}
