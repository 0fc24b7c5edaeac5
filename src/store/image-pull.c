/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From Debian's packages to an image.
 */
#include "store/image-pull.h"

#include "common/fd.h"
#include "store/apt.h"
#include "store/deb.h"
#include "store/guest-resources.h"
#include "store/image-private.h"
#include "store/initramfs.h"
#include "store/modules.h"

#include <glib/gstdio.h>
#include <string.h>

#define ARCHITECTURE "riscv64"
#define KERNEL_META "linux-image-riscv64"
#define KERNEL_PREFIX "linux-image-"
#define BUSYBOX "busybox-static"
#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define CMDLINE "console=ttyS0"

const char *const cop_image_distributions[] = { "debian", NULL };

/* The drivers of our devices, where they are not built in, and a file system for disks; it asks the
   kernel for crc32c by name, not as a module it depends on. */
static const char *const wanted_modules[] = {
  "virtio_mmio",    "virtio_blk",     "virtio_net",   "virtio_rng",
  "virtio_console", "virtio_balloon", "virtio_input", "evdev",
  "ext4",           "crc32c_generic", NULL,
};

/* What the initramfs has besides busybox and modules. */
typedef struct
{
  const char *path;
  enum
  {
    FOLDER,
    FILE_OF_OURS, /* from: name in guest/ */
    PROGRAM_OF_OURS,
    LINK, /* from: where it leads */
    DEVICE, /* numbers */
  } kind;
  const char *from;
  unsigned major_number, minor_number;
} GuestRow;

/* clang-format off */
static const GuestRow guest_rows[] = {
  { "bin",                FOLDER },
  { "dev",                FOLDER },
  { "dev/console",        DEVICE,           NULL,             5, 1 },
  { "dev/null",           DEVICE,           NULL,             1, 3 },
  { "etc",                FOLDER },
  { "etc/group",          FILE_OF_OURS,     "group" },
  { "etc/hosts",          FILE_OF_OURS,     "hosts" },
  { "etc/passwd",         FILE_OF_OURS,     "passwd" },
  { "etc/profile",        FILE_OF_OURS,     "profile" },
  { "etc/selftest",       PROGRAM_OF_OURS,  "selftest" },
  { "etc/udhcpc.script",  PROGRAM_OF_OURS,  "udhcpc.script" },
  { "init",               PROGRAM_OF_OURS,  "init" },
  { "lib",                FOLDER },
  { "lib/modules",        FOLDER },
  { "mnt",                FOLDER },
  { "proc",               FOLDER },
  { "root",               FOLDER },
  { "run",                FOLDER },
  { "sbin",               LINK,             "bin" },
  { "sys",                FOLDER },
  { "tmp",                FOLDER },
  { "usr",                FOLDER },
  { "usr/bin",            LINK,             "../bin" },
};
/* clang-format on */

static GBytes *
guest_file (const char *name)
{
  g_autofree char *path = g_build_filename ("/coppice/guest", name, NULL);
  GBytes *bytes = g_resource_lookup_data (cop_guest_get_resource (), path, 0, NULL);

  g_assert (bytes != NULL);
  return bytes;
}

/* A checksum of everything above: another program's images are made anew. */
static char *
recipe_checksum (void)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  g_checksum_update (checksum, (const guchar *) CMDLINE, -1);
  for (const char *const *name = wanted_modules; *name != NULL; name++)
    g_checksum_update (checksum, (const guchar *) *name, strlen (*name) + 1);
  for (size_t i = 0; i < G_N_ELEMENTS (guest_rows); i++)
    {
      const GuestRow *row = &guest_rows[i];

      g_checksum_update (checksum, (const guchar *) row->path, strlen (row->path) + 1);
      if (row->kind == FILE_OF_OURS || row->kind == PROGRAM_OF_OURS)
        {
          g_autoptr (GBytes) bytes = guest_file (row->from);

          g_checksum_update (checksum, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
        }
    }
  return g_strdup (g_checksum_get_string (checksum));
}

/* ---- progress ---- */

typedef struct
{
  const CopImagePull *pull;
  CopImagePhase phase;
  uint64_t total; /* of COP_IMAGE_PHASE_UNPACK; bytes */
} Progress;

static void
report (const Progress *progress, double done)
{
  if (progress->pull->progress != NULL)
    progress->pull->progress (progress->phase, done, progress->pull->data);
}

static void
report_fraction (double done, gpointer data)
{
  report (data, done);
}

static void
report_bytes (uint64_t bytes, gpointer data)
{
  const Progress *progress = data;

  report (progress, progress->total > 0 ? MIN (1, (double) bytes / progress->total) : 0);
}

/* ---- packages ---- */

static bool
want_of_kernel (const char *path)
{
  return g_str_has_prefix (path, "boot/vmlinu") ||
         (strstr (path, "lib/modules/") != NULL &&
          (strstr (path, ".ko") != NULL || g_str_has_suffix (path, "/modules.builtin")));
}

static bool
want_of_busybox (const char *path)
{
  return g_str_has_suffix (path, "bin/busybox");
}

/* The one file whose path has @part in it. */
static GBytes *
find_file (GHashTable *files, const char *part, const char **path, GError **error)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (strstr (key, part) != NULL)
      {
        *path = key;
        return value;
      }
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
               "the package has no file like %s; another suite may have one", part);
  return NULL;
}

/* ---- the initramfs ---- */

static void
add_guest_rows (CopInitramfs *initramfs)
{
  for (size_t i = 0; i < G_N_ELEMENTS (guest_rows); i++)
    {
      const GuestRow *row = &guest_rows[i];
      g_autoptr (GBytes) bytes = NULL;

      switch (row->kind)
        {
        case FOLDER:
          cop_initramfs_add_folder (initramfs, row->path);
          break;
        case FILE_OF_OURS:
        case PROGRAM_OF_OURS:
          bytes = guest_file (row->from);
          cop_initramfs_add_file (initramfs, row->path, bytes, row->kind == PROGRAM_OF_OURS);
          break;
        case LINK:
          cop_initramfs_add_link (initramfs, row->path, row->from);
          break;
        case DEVICE:
          cop_initramfs_add_device (initramfs, row->path, row->major_number, row->minor_number);
          break;
        }
    }
}

static void
add_text (CopInitramfs *initramfs, const char *folder, const char *name, char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GBytes) bytes = g_bytes_new_take (text, strlen (text));

  cop_initramfs_add_file (initramfs, path, bytes, false);
}

static GBytes *
build_initramfs (GHashTable *kernel_files, const char *release, GBytes *busybox, GError **error)
{
  g_autoptr (CopInitramfs) initramfs = cop_initramfs_new ();
  g_autoptr (GPtrArray) modules = cop_modules_resolve (kernel_files, wanted_modules, error);
  g_autofree char *folder = g_build_filename ("lib/modules", release, NULL);

  if (modules == NULL)
    return NULL;
  add_guest_rows (initramfs);
  cop_initramfs_add_file (initramfs, "bin/busybox", busybox, true);
  cop_initramfs_add_link (initramfs, "bin/sh", "busybox");
  cop_initramfs_add_link (initramfs, "bin/modprobe", "busybox");
  cop_initramfs_add_folder (initramfs, folder);
  add_text (initramfs, folder, "modules.dep", cop_modules_format_dep (modules));
  add_text (initramfs, folder, "modules.alias", cop_modules_format_alias (modules));
  for (guint i = 0; i < modules->len; i++)
    {
      const CopModule *module = modules->pdata[i];
      g_autofree char *path = g_strdup_printf ("%s/%s.ko", folder, module->name);

      cop_initramfs_add_file (initramfs, path, module->object, false);
    }
  return cop_initramfs_finish (initramfs, error);
}

/* ---- the pull ---- */

/* Takes the packages apart and commits the image they make. */
static bool
make_image (const CopApt *apt, const CopPackage *kernel, const CopPackage *busybox, CopImage *image,
            Progress *progress, GError **error)
{
  g_autofree char *kernel_deb = cop_apt_package_path (apt, kernel);
  g_autofree char *busybox_deb = cop_apt_package_path (apt, busybox);
  g_autoptr (GHashTable) kernel_files = NULL;
  g_autoptr (GHashTable) busybox_files = NULL;
  g_autoptr (GBytes) initrd = NULL;
  GBytes *kernel_bytes, *busybox_bytes;
  const char *kernel_path, *busybox_path, *release;

  progress->phase = COP_IMAGE_PHASE_UNPACK;
  progress->total = kernel->installed_size;
  report (progress, 0);
  kernel_files = cop_deb_read (kernel_deb, want_of_kernel, report_bytes, progress, error);
  if (kernel_files == NULL)
    return false;
  busybox_files = cop_deb_read (busybox_deb, want_of_busybox, NULL, NULL, error);
  if (busybox_files == NULL)
    return false;
  kernel_bytes = find_file (kernel_files, "boot/vmlinu", &kernel_path, error);
  busybox_bytes = find_file (busybox_files, "bin/busybox", &busybox_path, error);
  if (kernel_bytes == NULL || busybox_bytes == NULL)
    return false;

  progress->phase = COP_IMAGE_PHASE_WRITE;
  report (progress, 0);
  release = strchr (kernel_path, '-');
  initrd = build_initramfs (kernel_files, release != NULL ? release + 1 : "", busybox_bytes, error);
  return initrd != NULL && cop_image_commit (image, kernel_bytes, initrd, error);
}

/* The image as it is, when it is what a pull now would make; NULL when not. */
static CopImage *
find_current (const CopImage *wanted, bool versions_too)
{
  g_autofree char *folder = g_strconcat (wanted->folder, "/", NULL);
  g_autoptr (CopImage) image = cop_image_open (folder, NULL);

  if (image == NULL || strcmp (image->recipe, wanted->recipe) != 0 ||
      strcmp (image->suite, wanted->suite) != 0)
    return NULL;
  if (versions_too && (strcmp (image->kernel_version, wanted->kernel_version) != 0 ||
                       strcmp (image->busybox_version, wanted->busybox_version) != 0))
    return NULL;
  return g_steal_pointer (&image);
}

/* Pulls from one mirror. */
static bool
pull_from (CopApt *apt, CopImage *image, bool *changed, Progress *progress, GError **error)
{
  g_autoptr (CopPackage) meta = NULL;
  g_autoptr (CopPackage) kernel = NULL;
  g_autoptr (CopPackage) busybox = NULL;
  g_autofree char *kernel_name = NULL;
  CopImage *current;

  progress->phase = COP_IMAGE_PHASE_LISTS;
  report (progress, 0);
  if (!cop_apt_update (apt, report_fraction, progress, error))
    return false;
  meta = cop_apt_show (apt, KERNEL_META, error);
  if (meta == NULL)
    return false;
  kernel_name = cop_package_find_dependency (meta, KERNEL_PREFIX);
  kernel = cop_apt_show (apt, kernel_name != NULL ? kernel_name : KERNEL_PREFIX, error);
  if (kernel == NULL)
    return false;
  busybox = cop_apt_show (apt, BUSYBOX, error);
  if (busybox == NULL)
    return false;

  image->source = g_strdup (apt->mirror);
  image->kernel_version = g_strdup (kernel->version);
  image->busybox_version = g_strdup (busybox->version);
  current = find_current (image, true);
  *changed = current == NULL;
  if (current != NULL)
    {
      /* Of a pull that was killed between its commit and its end. */
      cop_image_remove_leftovers (current);
      cop_image_free (current);
      return true;
    }
  progress->phase = COP_IMAGE_PHASE_PACKAGES;
  report (progress, 0);
  return cop_apt_download (apt, (const CopPackage *const[]){ kernel, busybox, NULL },
                           report_fraction, progress, error) &&
         make_image (apt, kernel, busybox, image, progress, error);
}

/* The mirrors to try, in order. */
static char **
find_mirrors (const CopImagePull *pull, GError **error)
{
  g_auto (GStrv) mirrors = NULL;

  if (pull->mirror != NULL)
    return g_strdupv ((char *[]){ (char *) pull->mirror, NULL });
  mirrors = cop_apt_mirrors (error);
  if (mirrors == NULL)
    return NULL;
  if (mirrors[0] != NULL)
    return g_steal_pointer (&mirrors);
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE,
               "apt's configuration names no mirror of Debian; name one with --mirror URL: the folder "
               "that has dists/ and pool/");
  return NULL;
}

/* Tries one mirror after the other; the error names each. */
static bool
pull_from_any (char **mirrors, CopApt *apt, CopImage *image, bool *changed, Progress *progress,
               GError **error)
{
  g_autoptr (GString) reasons = g_string_new (NULL);

  for (; *mirrors != NULL; mirrors++)
    {
      g_autoptr (GError) reason = NULL;

      g_clear_pointer (&image->source, g_free);
      g_clear_pointer (&image->kernel_version, g_free);
      g_clear_pointer (&image->busybox_version, g_free);
      apt->mirror = *mirrors;
      if (pull_from (apt, image, changed, progress, &reason))
        return true;
      if (!g_error_matches (reason, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE))
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return false;
        }
      g_string_append_printf (reasons, "%s%s", reasons->len > 0 ? "\n" : "", reason->message);
    }
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_SOURCE,
               "%s\ntry another mirror with --mirror or another suite with --suite", reasons->str);
  return false;
}

/* A folder that outlives an interrupted pull, one for each suite. */
static char *
apt_folder (const char *images, const char *suite)
{
  g_autofree char *name = g_strdup_printf (".apt-%s", suite);

  return g_build_filename (images, name, NULL);
}

static bool
check_distribution (const char *distribution, GError **error)
{
  g_autofree char *known = NULL;

  if (g_strv_contains (cop_image_distributions, distribution))
    return true;
  known = g_strjoinv (", ", (char **) cop_image_distributions);
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_NAME,
               "'%s' is not a distribution that can be pulled; there is: %s", distribution, known);
  return false;
}

CopImage *
cop_image_pull (const CopImagePull *pull, bool *changed, GError **error)
{
  g_autofree char *images = cop_images_folder ();
  g_autofree char *folder = NULL;
  g_autoptr (CopImage) image = g_new0 (CopImage, 1);
  g_auto (GStrv) mirrors = NULL;
  Progress progress = { .pull = pull };
  CopApt apt = { .suite = pull->suite, .architecture = ARCHITECTURE, .keyring = pull->keyring };
  CopImage *current;
  cop_autofd int lock = -1;

  /* The suite names a folder too. */
  if (!check_distribution (pull->distribution, error) ||
      !cop_image_name_check (pull->name, error) || !cop_image_name_check (pull->suite, error))
    return NULL;
  lock = cop_images_lock (images, error);
  if (lock < 0)
    return NULL;

  image->name = g_strdup (pull->name);
  image->folder = g_build_filename (images, pull->name, NULL);
  image->suite = g_strdup (pull->suite);
  image->cmdline = g_strdup (CMDLINE);
  image->recipe = recipe_checksum ();
  *changed = false;
  if (pull->if_missing && (current = find_current (image, false)) != NULL)
    return current;

  folder = apt_folder (images, pull->suite);
  apt.folder = folder;
  if (apt.keyring == NULL && g_file_test (KEYRING, G_FILE_TEST_EXISTS))
    apt.keyring = KEYRING;
  mirrors = find_mirrors (pull, error);
  if (mirrors == NULL || !pull_from_any (mirrors, &apt, image, changed, &progress, error))
    return NULL;
  cop_folder_remove (folder, NULL);
  return *changed ? g_steal_pointer (&image) : cop_image_open (pull->name, error);
}
