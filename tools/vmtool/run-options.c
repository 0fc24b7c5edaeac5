/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Options that `vmtool run` and `vmtool new` have in common: what is booted, memory, engine.
 */
#include "vmtool/run-private.h"

#include "common/units.h"
#include "store/image.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* The UART is where keys come from. Until its driver is there, the kernel prints through SBI:
   the only sign of life of one that fails early. */
#define DEFAULT_CMDLINE "console=ttyS0 earlycon=sbi"

void
vmt_boot_files_clear (VmtBootFiles *files)
{
  g_free (files->kernel);
  g_free (files->initrd);
  g_free (files->cmdline);
}

void
vmt_boot_files_set_missing (const char *command, GError **error)
{
  g_autoptr (CopImage) debian = cop_image_open ("debian", NULL);
  const char *name = strcmp (command, "new") == 0 ? " NAME" : "";

  if (debian != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("nothing to boot; try 'vmtool %s%s --image debian', or give --kernel FILE"),
                 command, name);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("nothing to boot; 'vmtool image pull debian' fetches a kernel, then "
                    "'vmtool %s%s --image debian' starts it; or give --kernel FILE"),
                 command, name);
}

static void
replace_string (char **string, const char *by)
{
  if (by == NULL)
    return;
  g_free (*string);
  *string = g_strdup (by);
}

bool
vmt_boot_files_find (const VmtCall *call, VmtBootFiles *files, GError **error)
{
  const char *name = vmt_call_string (call, "image");

  if (name != NULL)
    {
      g_autoptr (CopImage) image = cop_image_open (name, error);

      if (image == NULL)
        return false;
      files->kernel = cop_image_path (image, &image->kernel);
      if (image->initrd.file != NULL)
        files->initrd = cop_image_path (image, &image->initrd);
      files->cmdline = g_strdup (image->cmdline);
    }

  /* An image's kernel with an initrd of one's own, or the other way round, are both of use. */
  replace_string (&files->kernel, vmt_call_string (call, "kernel"));
  replace_string (&files->initrd, vmt_call_string (call, "initrd"));
  if (files->cmdline == NULL)
    files->cmdline = g_strdup (DEFAULT_CMDLINE);
  return true;
}

bool
vmt_memory_option (const VmtCall *call, uint64_t *memory, GError **error)
{
  *memory = vmt_call_size (call, "memory");
  if (*memory % (4 * COP_KIB) == 0)
    return true;
  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
               _ ("--memory: %" PRIu64 " is no multiple of 4 KiB, the size of a page"),
               *memory);
  return false;
}

char **
vmt_complete_engines (const char *prefix G_GNUC_UNUSED)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (const CopEngineOps *const *engine = cop_engines; *engine != NULL; engine++)
    g_strv_builder_add (names, (*engine)->name);
  return g_strv_builder_end (names);
}

bool
vmt_engine_option (const VmtCall *call, const char **engine, GError **error)
{
  const char *name = vmt_call_string (call, "engine");
  const CopEngineOps *ops;
  g_auto (GStrv) names = NULL;
  g_autofree char *list = NULL;

  if (name == NULL)
    return true;
  ops = cop_engine_find (name);
  if (ops != NULL)
    {
      *engine = ops->name;
      return true;
    }
  names = vmt_complete_engines ("");
  list = g_strjoinv (", ", names);
  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--engine: '%s' is not one of %s"), name,
               list);
  return false;
}
