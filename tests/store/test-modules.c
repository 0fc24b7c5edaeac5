/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kernel modules: what they say they need, and the order that follows.
 */
#include "store/modules.h"

#include <elf.h>
#include <string.h>

/* An object file with a section .modinfo and no more:
   header | section headers (none, names, .modinfo) | names | .modinfo */
static const char section_names[] = "\0.names\0.modinfo";

static GByteArray *
module_bytes (const char *info, size_t info_length)
{
  GByteArray *bytes = g_byte_array_new ();
  Elf64_Ehdr header = {
    .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
    .e_shoff = sizeof header,
    .e_shentsize = sizeof (Elf64_Shdr),
    .e_shnum = 3,
    .e_shstrndx = 1,
  };
  Elf64_Shdr sections[3] = {
    { 0 },
    { .sh_name = 1,
      .sh_type = SHT_STRTAB,
      .sh_offset = sizeof header + sizeof sections,
      .sh_size = sizeof section_names },
    { .sh_name = 8,
      .sh_type = SHT_PROGBITS,
      .sh_offset = sizeof header + sizeof sections + sizeof section_names,
      .sh_size = info_length },
  };

  g_byte_array_append (bytes, (const guint8 *) &header, sizeof header);
  g_byte_array_append (bytes, (const guint8 *) sections, sizeof sections);
  g_byte_array_append (bytes, (const guint8 *) section_names, sizeof section_names);
  g_byte_array_append (bytes, (const guint8 *) info, info_length);
  return bytes;
}

static GBytes *
module_depending_on (const char *names)
{
  g_autofree char *info =
    g_strdup_printf ("license=GPL%cdepends=%s%calias=virtio:d%s*", 1, names, 1, names);
  size_t length = strlen (info) + 1;

  g_strdelimit (info, "\1", '\2');
  for (size_t i = 0; i < length; i++)
    if (info[i] == '\2')
      info[i] = '\0';
  return g_byte_array_free_to_bytes (module_bytes (info, length));
}

static void
add_module (GHashTable *files, const char *path, const char *depends)
{
  g_hash_table_insert (files, g_strdup (path), module_depending_on (depends));
}

static GHashTable *
kernel_new (void)
{
  GHashTable *files =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  static const char built_in[] = "kernel/drivers/virtio/virtio.ko\nkernel/net/core-part.ko\n";

  g_hash_table_insert (files, g_strdup ("lib/modules/6/modules.builtin"),
                       g_bytes_new_static (built_in, strlen (built_in)));
  add_module (files, "lib/modules/6/kernel/virtio-net.ko", "net-failover,core_part");
  add_module (files, "lib/modules/6/kernel/net_failover.ko", "failover");
  add_module (files, "lib/modules/6/kernel/failover.ko", "");
  add_module (files, "lib/modules/6/kernel/virtio_blk.ko", "virtio");
  add_module (files, "lib/modules/6/kernel/a.ko", "b");
  add_module (files, "lib/modules/6/kernel/b.ko", "a");
  add_module (files, "lib/modules/6/kernel/lost.ko", "nowhere");
  return files;
}

static void
test_order (void)
{
  static const char *const wanted[] = { "virtio_blk", "virtio", "virtio_net", "failover", NULL };
  static const char *const order[] = { "virtio_blk", "failover", "net_failover", "virtio_net" };
  g_autoptr (GHashTable) files = kernel_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) modules = cop_modules_resolve (files, wanted, &error);
  g_autofree char *dep = NULL;
  g_autofree char *alias = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (modules->len, ==, G_N_ELEMENTS (order));
  for (guint i = 0; i < modules->len; i++)
    g_assert_cmpstr (((CopModule *) modules->pdata[i])->name, ==, order[i]);

  /* modprobe takes a line as the whole of what is needed, last first */
  dep = cop_modules_format_dep (modules);
  g_assert_cmpstr (dep, ==,
                   "virtio_blk.ko:\n"
                   "failover.ko:\n"
                   "net_failover.ko: failover.ko\n"
                   "virtio_net.ko: net_failover.ko failover.ko\n");
  alias = cop_modules_format_alias (modules);
  g_assert_nonnull (strstr (alias, "alias virtio:dvirtio* virtio_blk\n"));
}

static void
test_unresolved (void)
{
  static const struct
  {
    const char *wanted, *message;
  } cases[] = {
    { "missing", "the kernel's package has no module missing" },
    { "lost", "the kernel's package has no module nowhere" },
    { "a", "needs itself, or too many others" },
  };
  g_autoptr (GHashTable) files = kernel_new ();

  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const wanted[] = { cases[i].wanted, NULL };
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_modules_resolve (files, wanted, &error));
      g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT);
      g_assert_nonnull (strstr (error->message, cases[i].message));
    }
}

static void
test_truncated (void)
{
  static const char info[] = "depends=a,b";
  g_autoptr (GByteArray) whole = module_bytes (info, sizeof info);

  g_test_summary ("a module cut off anywhere is an error or a module, never a read past its end");
  for (guint length = 0; length <= whole->len; length++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (whole->data, length);
      g_autoptr (GError) error = NULL;
      g_autoptr (CopModule) module = cop_module_parse ("x.ko", bytes, &error);

      g_assert_true ((module != NULL) == (error == NULL));
      g_assert_true ((module != NULL) == (length == whole->len));
    }
}

static void
test_random_damage (void)
{
  static const char info[] = "depends=a,b";

  g_test_summary ("no header, whatever it says, leads outside the file");
  for (unsigned i = 0; i < 20000; i++)
    {
      g_autoptr (GByteArray) whole = module_bytes (info, sizeof info);
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (CopModule) module = NULL;

      for (unsigned flips = g_test_rand_int_range (1, 8); flips > 0; flips--)
        whole->data[g_test_rand_int_range (0, whole->len)] = g_test_rand_int ();
      bytes = g_bytes_new (whole->data, whole->len);
      module = cop_module_parse ("x.ko", bytes, NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/modules/order", test_order);
  g_test_add_func ("/store/modules/unresolved", test_unresolved);
  g_test_add_func ("/store/modules/truncated", test_truncated);
  g_test_add_func ("/store/modules/random-damage", test_random_damage);
  return g_test_run ();
}
