/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The images in the user's cache: open, list, verify, commit, remove.
 */
#include "store/image-private.h"
#include "store/step.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define MAX_NAME 64
/* Far above any manifest; keeps a wrong file from being read into memory. */
#define MAX_MANIFEST (64 * 1024)

G_DEFINE_QUARK (cop - store - error - quark, cop_store_error)

static void
set_errno (GError **error, const char *verb, const char *path)
{
  int saved = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), "cannot %s %s: %s", verb, path,
               g_strerror (saved));
}

/* ---- names and paths ---- */

char *
cop_images_folder (void)
{
  const char *folder = g_getenv ("COPPICE_IMAGES");

  if (folder != NULL && *folder != '\0')
    return g_canonicalize_filename (folder, NULL);
  return g_build_filename (g_get_user_cache_dir (), "coppice", "images", NULL);
}

bool
cop_image_name_check (const char *name, GError **error)
{
  size_t length = strspn (name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-");

  if (length > 0 && length <= MAX_NAME && name[length] == '\0' && name[0] != '.' && name[0] != '-')
    return true;
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_NAME,
               "'%s' cannot be an image's name; use up to %d letters, digits, '.', '_' and '-'",
               name, MAX_NAME);
  return false;
}

char *
cop_image_path (const CopImage *image, const CopImageFile *file)
{
  return g_build_filename (image->folder, file->file, NULL);
}

/* ---- reading ---- */

/* The bytes of @path; refuses what is larger than a manifest can be. */
static char *
read_manifest (const char *path, gsize *length, GError **error)
{
  g_autofree char *text = g_malloc (MAX_MANIFEST);
  cop_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  gsize used = 0;

  if (fd < 0)
    {
      set_errno (error, "open", path);
      return NULL;
    }
  while (used < MAX_MANIFEST)
    {
      ssize_t got = read (fd, text + used, MAX_MANIFEST - used);

      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        {
          set_errno (error, "read", path);
          return NULL;
        }
      if (got == 0)
        {
          *length = used;
          return g_steal_pointer (&text);
        }
      used += got;
    }
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
               "%s is too large for a manifest; pull the image again", path);
  return NULL;
}

static bool
check_file (const CopImage *image, const CopImageFile *file, GError **error)
{
  g_autofree char *path = cop_image_path (image, file);
  struct stat status;

  if (stat (path, &status) != 0 || !S_ISREG (status.st_mode))
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   "image '%s': %s is missing; pull the image again", image->name, path);
      return false;
    }
  if ((uint64_t) status.st_size != file->size)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
                   "image '%s': %s has %" G_GINT64_FORMAT " bytes instead of %" G_GUINT64_FORMAT
                   "; pull the image again",
                   image->name, path, (gint64) status.st_size, file->size);
      return false;
    }
  return true;
}

static CopImage *
open_folder (const char *folder, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (folder, COP_IMAGE_MANIFEST, NULL);
  g_autofree char *text = NULL;
  g_autoptr (CopImage) image = NULL;
  g_autoptr (GError) reason = NULL;
  gsize length;

  text = read_manifest (path, &length, &reason);
  if (text == NULL)
    {
      if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
          g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY))
        g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING,
                     "there is no image '%s' (no %s); 'vmtool image pull debian' fetches one, "
                     "'vmtool image list' shows what there is",
                     name, path);
      else
        g_propagate_error (error, g_steal_pointer (&reason));
      return NULL;
    }
  image = cop_image_manifest_parse (text, length, path, folder, error);
  if (image == NULL || !check_file (image, &image->kernel, error) ||
      !check_file (image, &image->initrd, error))
    return NULL;
  return g_steal_pointer (&image);
}

CopImage *
cop_image_open (const char *name, GError **error)
{
  g_autofree char *folder = NULL;

  if (strchr (name, '/') != NULL)
    folder = g_canonicalize_filename (name, NULL);
  else
    {
      g_autofree char *images = cop_images_folder ();

      if (!cop_image_name_check (name, error))
        return NULL;
      folder = g_build_filename (images, name, NULL);
    }
  return open_folder (folder, name, error);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const CopImage *const *left = a, *const *right = b;

  return strcmp ((*left)->name, (*right)->name);
}

GPtrArray *
cop_image_list (GError **error)
{
  g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) cop_image_free);
  g_autofree char *images = cop_images_folder ();
  g_autoptr (GError) reason = NULL;
  g_autoptr (GDir) dir = g_dir_open (images, 0, &reason);
  const char *name;

  if (dir == NULL && !g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return NULL;
    }
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autoptr (GError) skipped = NULL;
      CopImage *image;

      if (name[0] == '.')
        continue;
      image = cop_image_open (name, &skipped);
      if (image != NULL)
        g_ptr_array_add (list, image);
      else
        g_message ("%s", skipped->message);
    }
  g_ptr_array_sort (list, compare_names);
  return g_steal_pointer (&list);
}

static bool
verify_file (const CopImage *image, const CopImageFile *file, GError **error)
{
  g_autofree char *path = cop_image_path (image, file);
  g_autoptr (GMappedFile) mapped = g_mapped_file_new (path, FALSE, error);
  g_autofree char *sha256 = NULL;

  if (mapped == NULL)
    return false;
  sha256 = g_compute_checksum_for_data (G_CHECKSUM_SHA256,
                                        (const guchar *) g_mapped_file_get_contents (mapped),
                                        g_mapped_file_get_length (mapped));
  if (strcmp (sha256, file->sha256) == 0)
    return true;
  g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT,
               "image '%s': %s does not have the checksum that its manifest names; "
               "remove the image and pull it again",
               image->name, path);
  return false;
}

bool
cop_image_verify (const CopImage *image, GError **error)
{
  return verify_file (image, &image->kernel, error) && verify_file (image, &image->initrd, error);
}

/* ---- changing ---- */

int
cop_images_lock (const char *images_folder, GError **error)
{
  g_autofree char *path = g_build_filename (images_folder, ".lock", NULL);
  cop_autofd int fd = -1;

  if (g_mkdir_with_parents (images_folder, 0700) != 0)
    {
      set_errno (error, "create", images_folder);
      return -1;
    }
  fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    {
      set_errno (error, "open", path);
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_BUSY,
                   "another vmtool is changing the images in %s; wait until it is done",
                   images_folder);
      return -1;
    }
  return cop_fd_steal (&fd);
}

static bool
sync_folder (const char *path, GError **error)
{
  cop_autofd int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd >= 0 && fsync (fd) == 0)
    return true;
  set_errno (error, "sync", path);
  return false;
}

/* Writes @bytes to a file of the image, called after what it holds. */
static bool
commit_file (const CopImage *image, const char *kind, GBytes *bytes, CopImageFile *file,
             GError **error)
{
  g_autofree char *path = NULL;

  file->size = g_bytes_get_size (bytes);
  file->sha256 = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
  file->file = g_strdup_printf ("%s-%.8s", kind, file->sha256);
  path = cop_image_path (image, file);
  if (!g_file_set_contents_full (path, g_bytes_get_data (bytes, NULL), file->size,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                 0644, error))
    return false;
  cop_store_step (COP_STORE_STEP_IMAGE_FILE);
  return true;
}

/* What is in the folder besides what the manifest names was left by an older image, or by a pull
   that did not get to its end. */
void
cop_image_remove_leftovers (const CopImage *image)
{
  g_autoptr (GDir) dir = g_dir_open (image->folder, 0, NULL);
  const char *const kept[] = { COP_IMAGE_MANIFEST, image->kernel.file, image->initrd.file, NULL };
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (!g_strv_contains (kept, name))
      {
        g_autofree char *path = g_build_filename (image->folder, name, NULL);

        cop_folder_remove (path, NULL);
        cop_store_step (COP_STORE_STEP_IMAGE_LEFTOVER);
      }
}

bool
cop_image_commit (CopImage *image, GBytes *kernel, GBytes *initrd, GError **error)
{
  g_autofree char *manifest = NULL;
  g_autofree char *manifest_path = g_build_filename (image->folder, COP_IMAGE_MANIFEST, NULL);

  if (g_mkdir_with_parents (image->folder, 0755) != 0)
    {
      set_errno (error, "create", image->folder);
      return false;
    }
  if (!commit_file (image, "kernel", kernel, &image->kernel, error) ||
      !commit_file (image, "initrd", initrd, &image->initrd, error) ||
      !sync_folder (image->folder, error))
    return false;
  cop_store_step (COP_STORE_STEP_IMAGE_FILES_SYNCED);

  manifest = cop_image_manifest_format (image);
  if (!g_file_set_contents_full (manifest_path, manifest, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
                                 error))
    return false;
  cop_store_step (COP_STORE_STEP_IMAGE_MANIFEST);
  if (!sync_folder (image->folder, error))
    return false;
  cop_store_step (COP_STORE_STEP_IMAGE_SYNCED);
  cop_image_remove_leftovers (image);
  return true;
}

bool
cop_folder_remove (const char *path, GError **error)
{
  struct stat status;

  if (lstat (path, &status) != 0)
    {
      if (errno == ENOENT)
        return true;
      set_errno (error, "remove", path);
      return false;
    }
  if (S_ISDIR (status.st_mode))
    {
      g_autoptr (GDir) dir = g_dir_open (path, 0, error);
      const char *name;

      if (dir == NULL)
        return false;
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *inner = g_build_filename (path, name, NULL);

          if (!cop_folder_remove (inner, error))
            return false;
        }
    }
  if (remove (path) == 0 || errno == ENOENT)
    return true;
  set_errno (error, "remove", path);
  return false;
}

bool
cop_image_remove (const char *name, GError **error)
{
  g_autofree char *images = cop_images_folder ();
  g_autofree char *folder = g_build_filename (images, name, NULL);
  g_autofree char *manifest = g_build_filename (folder, COP_IMAGE_MANIFEST, NULL);
  cop_autofd int lock = -1;

  if (!cop_image_name_check (name, error))
    return false;
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING,
                   "there is no image '%s'; 'vmtool image list' shows what there is", name);
      return false;
    }
  lock = cop_images_lock (images, error);
  if (lock < 0)
    return false;
  /* Without its manifest it is no image any more, whatever happens to the rest. */
  if (g_unlink (manifest) != 0 && errno != ENOENT)
    {
      set_errno (error, "remove", manifest);
      return false;
    }
  return cop_folder_remove (folder, error);
}
