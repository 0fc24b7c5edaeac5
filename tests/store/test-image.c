/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Images in the cache: what is committed is found again, what is damaged is named.
 */
#include "store/image-private.h"

#include "test-store.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static CopImage *
image_new (const char *images, const char *name)
{
  CopImage *image = g_new0 (CopImage, 1);

  image->name = g_strdup (name);
  image->folder = g_build_filename (images, name, NULL);
  image->suite = g_strdup ("trixie");
  image->source = g_strdup ("https://mirror.example.org/debian");
  image->cmdline = g_strdup ("console=ttyS0");
  image->recipe = g_strdup ("00");
  image->kernel_version = g_strdup ("6.12");
  image->busybox_version = g_strdup ("1:1.37");
  return image;
}

static void
commit (const char *images, const char *name, const char *kernel_text)
{
  g_autoptr (CopImage) image = image_new (images, name);
  g_autoptr (GBytes) kernel = g_bytes_new (kernel_text, strlen (kernel_text));
  g_autoptr (GBytes) initrd = g_bytes_new ("initrd", 6);
  g_autoptr (GError) error = NULL;

  g_assert_true (cop_image_commit (image, kernel, initrd, &error));
  g_assert_no_error (error);
}

static unsigned
count_files (const char *images, const char *name)
{
  g_autofree char *folder = g_build_filename (images, name, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  unsigned count = 0;

  while (g_dir_read_name (dir) != NULL)
    count++;
  return count;
}

/* A folder for images, which cop_images_folder() gives from now on. */
static char *
images_new (void)
{
  char *images = test_folder_new ();

  g_setenv ("COPPICE_IMAGES", images, TRUE);
  return images;
}

static void
test_commit (void)
{
  g_autofree char *images = images_new ();
  g_autofree char *leftover = g_build_filename (images, "debian", "kernel-0.tmp", NULL);
  g_autoptr (CopImage) image = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;

  commit (images, "debian", "one");
  g_file_set_contents (leftover, "half", 4, NULL);
  commit (images, "debian", "two");
  image = cop_image_open ("debian", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (image->suite, ==, "trixie");
  g_assert_cmpuint (image->kernel.size, ==, 3);
  path = cop_image_path (image, &image->kernel);
  g_file_get_contents (path, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, "two");
  g_assert_true (cop_image_verify (image, &error));

  /* the manifest, one kernel, one initrd; neither the older kernel nor the leftover */
  g_assert_cmpuint (count_files (images, "debian"), ==, 3);
  cop_folder_remove (images, NULL);
}

static void
test_list_and_remove (void)
{
  g_autofree char *images = images_new ();
  g_autoptr (GPtrArray) list = NULL;
  g_autoptr (GError) error = NULL;

  commit (images, "b", "1");
  commit (images, "a", "2");
  list = cop_image_list (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (list->len, ==, 2);
  g_assert_cmpstr (((CopImage *) list->pdata[0])->name, ==, "a");

  g_assert_true (cop_image_remove ("a", &error));
  g_assert_false (cop_image_remove ("a", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING);
  g_clear_error (&error);
  g_assert_false (cop_image_remove ("../b", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_NAME);
  g_clear_pointer (&list, g_ptr_array_unref);
  list = cop_image_list (NULL);
  g_assert_cmpuint (list->len, ==, 1);
  cop_folder_remove (images, NULL);

  g_clear_pointer (&list, g_ptr_array_unref);
  list = cop_image_list (NULL);
  g_assert_cmpuint (list->len, ==, 0);
}

static void
test_lock (void)
{
  g_autofree char *images = images_new ();
  g_autoptr (GError) error = NULL;
  int lock = cop_images_lock (images, &error);

  g_assert_no_error (error);
  g_assert_cmpint (cop_images_lock (images, &error), ==, -1);
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_BUSY);
  close (lock);
  cop_folder_remove (images, NULL);
}

static const struct
{
  const char *from, *to; /* what is replaced in a good manifest, and by what */
  const char *message; /* a part of it */
} damages[] = {
  /* clang-format off */
  { "format=1",       "format=2",        "it has format 2, and this program reads format 1" },
  { "[initrd]",       "[other]",         "initrd" },
  { "name=debian",    "name=../x",       "[image] name has the impossible value '../x'" },
  { "file=kernel-",   "file=../kernel-", "[kernel] file has the impossible value '../kernel-" },
  { "sha256=",        "sha256=z",        "sha256 has the impossible value" },
  { "size=3",         "size=x",          "size" },
  { "size=3",         "size=-1",         "has 3 bytes instead of 18446744073709551615" },
  { "size=3",         "size=4",          "has 3 bytes instead of 4" },
  { "file=initrd-",   "file=nothing-",   "is missing" },
  { "[image]",        "\xff\xff",        "is damaged" },
  /* clang-format on */
};

static void
test_damage (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *images = images_new ();
      g_autofree char *path = g_build_filename (images, "debian", "manifest", NULL);
      g_autofree char *text = NULL;
      g_auto (GStrv) parts = NULL;
      g_autofree char *damaged = NULL;
      g_autoptr (GError) error = NULL;

      commit (images, "debian", "one");
      g_file_get_contents (path, &text, NULL, NULL);
      parts = g_strsplit (text, damages[i].from, 2);
      g_assert_nonnull (parts[1]);
      damaged = g_strjoinv (damages[i].to, parts);
      g_file_set_contents (path, damaged, -1, NULL);

      g_assert_null (cop_image_open ("debian", &error));
      g_test_message ("%s", error->message);
      g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT);
      g_assert_nonnull (strstr (error->message, damages[i].message));
      g_assert_nonnull (strstr (error->message, "pull the image again"));
      cop_folder_remove (images, NULL);
    }
}

static void
test_flipped_bit (void)
{
  g_autofree char *images = images_new ();
  g_autoptr (CopImage) image = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  commit (images, "debian", "one");
  image = cop_image_open ("debian", NULL);
  path = cop_image_path (image, &image->kernel);
  g_file_set_contents (path, "onf", 3, NULL);
  g_assert_false (cop_image_verify (image, &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, path));
  cop_folder_remove (images, NULL);
}

static void
test_absent (void)
{
  g_autofree char *images = images_new ();
  g_autofree char *huge = g_strnfill (100 * 1024, '\n');
  g_autofree char *folder = g_build_filename (images, "huge", NULL);
  g_autofree char *manifest = g_build_filename (folder, "manifest", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (cop_image_open ("debian", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_MISSING);
  g_assert_nonnull (strstr (error->message, "vmtool image pull debian"));
  g_clear_error (&error);

  g_assert_null (cop_image_open ("..", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_NAME);
  g_clear_error (&error);

  g_mkdir (folder, 0700);
  g_file_set_contents (manifest, huge, -1, NULL);
  g_assert_null (cop_image_open ("huge", &error));
  g_assert_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT);
  cop_folder_remove (images, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/store/image/commit", test_commit);
  g_test_add_func ("/store/image/list-and-remove", test_list_and_remove);
  g_test_add_func ("/store/image/lock", test_lock);
  g_test_add_func ("/store/image/damage", test_damage);
  g_test_add_func ("/store/image/flipped-bit", test_flipped_bit);
  g_test_add_func ("/store/image/absent", test_absent);
  return g_test_run ();
}
