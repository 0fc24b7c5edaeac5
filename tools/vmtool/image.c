/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool image: pull, list, rm.
 */
#include "vmtool/commands.h"
#include "vmtool/printer.h"

#include "store/image-pull.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 30

/* The release that is fetched unless another is asked for. */
#define VMT_IMAGE_SUITE "trixie"

/* ---- progress ---- */

static const char *const phase_titles[COP_IMAGE_PHASE_LAST] = {
  [COP_IMAGE_PHASE_LISTS] = N_ ("Fetching package lists"),
  [COP_IMAGE_PHASE_PACKAGES] = N_ ("Fetching packages"),
  [COP_IMAGE_PHASE_UNPACK] = N_ ("Unpacking the kernel"),
  [COP_IMAGE_PHASE_WRITE] = N_ ("Writing the image"),
};

/* On a terminal one line with a bar, redrawn; elsewhere a line for each phase. */
typedef struct
{
  bool terminal;
  bool begun;
  CopImagePhase phase;
  int percent; /* last one drawn */
} Bar;

static void
bar_draw (Bar *bar, int percent)
{
  int filled = percent * BAR_WIDTH / 100;

  fprintf (stderr, "\r\033[K%-24s [", _ (phase_titles[bar->phase]));
  for (int i = 0; i < BAR_WIDTH; i++)
    fputc (i < filled ? '#' : ' ', stderr);
  fprintf (stderr, "] %3d %%", percent);
}

static void
bar_end (Bar *bar)
{
  if (bar->begun && bar->terminal)
    fputs ("\r\033[K", stderr);
  bar->begun = false;
}

static void
on_progress (CopImagePhase phase, double done, gpointer data)
{
  Bar *bar = data;
  int percent = done * 100;

  if (bar->begun && phase == bar->phase && percent == bar->percent)
    return;
  if (!bar->terminal && (!bar->begun || phase != bar->phase))
    fprintf (stderr, "%s...\n", _ (phase_titles[phase]));
  bar->begun = true;
  bar->phase = phase;
  bar->percent = percent;
  if (bar->terminal)
    bar_draw (bar, percent);
}

/* ---- image pull ---- */

static bool
run_pull (VmtCall *call, GError **error)
{
  const char *name = vmt_call_string (call, "as");
  Bar bar = { .terminal = isatty (STDERR_FILENO) };
  CopImagePull pull = {
    .distribution = vmt_call_string (call, "distribution"),
    .name = name != NULL ? name : vmt_call_string (call, "distribution"),
    .suite = vmt_call_string (call, "suite"),
    .mirror = vmt_call_string (call, "mirror"),
    .keyring = vmt_call_string (call, "keyring"),
    .if_missing = vmt_call_flag (call, "if-missing"),
    .progress = on_progress,
    .data = &bar,
  };
  g_autofree char *keyring =
    pull.keyring != NULL ? g_canonicalize_filename (pull.keyring, NULL) : NULL;
  g_autoptr (CopImage) image = NULL;
  VmtPrinter *printer = vmt_call_printer (call);
  bool changed;

  pull.keyring = keyring;
  image = cop_image_pull (&pull, &changed, error);
  bar_end (&bar);
  if (image == NULL)
    return false;

  if (!vmt_printer_is_json (printer))
    {
      vmt_printer_note (printer,
                        changed ? _ ("Image '%s' is ready: Debian %s, Linux %s.")
                                : _ ("Image '%s' is up to date: Debian %s, Linux %s."),
                        image->name, image->suite, image->kernel_version);
      return true;
    }
  vmt_printer_begin (printer, NULL);
  vmt_printer_text (printer, "name", image->name);
  vmt_printer_text (printer, "folder", image->folder);
  vmt_printer_text (printer, "suite", image->suite);
  vmt_printer_text (printer, "kernel", image->kernel_version);
  vmt_printer_bool (printer, "changed", changed);
  vmt_printer_end (printer);
  return true;
}

bool
vmt_image_ensure (const char *name, GError **error)
{
  g_autoptr (CopImage) present = cop_image_open (name, NULL);
  g_autoptr (CopImage) image = NULL;
  Bar bar = { .terminal = isatty (STDERR_FILENO) };
  CopImagePull pull = {
    .distribution = name,
    .name = name,
    .suite = VMT_IMAGE_SUITE,
    .progress = on_progress,
    .data = &bar,
  };
  bool changed;

  if (present != NULL || !g_strv_contains (cop_image_distributions, name))
    return true;
  g_printerr (_ ("Image '%s' is not here yet; fetching it, once.\n"), name);
  image = cop_image_pull (&pull, &changed, error);
  bar_end (&bar);
  return image != NULL;
}

static char **
complete_distributions (const char *prefix G_GNUC_UNUSED)
{
  return g_strdupv ((char **) cop_image_distributions);
}

static const VmtOption pull_options[] = {
  { "distribution", VMT_STRING, N_ ("what to fetch; 'debian'"), "NAME", .required = true,
    .complete = complete_distributions },
  { "suite", VMT_STRING, N_ ("release of the distribution"), "SUITE", .otherwise = VMT_IMAGE_SUITE },
  { "mirror", VMT_STRING, N_ ("where to fetch from, instead of what apt's configuration names"),
    "URL" },
  { "keyring", VMT_PATH, N_ ("keys that must have signed the packages, instead of Debian's") },
  { "as", VMT_STRING, N_ ("name of the image, instead of the distribution's"), "NAME" },
  { "if-missing", VMT_FLAG, N_ ("do nothing when the image is there and this vmtool made it") },
  { NULL },
};

static const VmtExample pull_examples[] = {
  { "vmtool image pull debian",
    N_ ("Fetch Debian's kernel and busybox, or what is newer of them:") },
  { "vmtool image pull debian --suite sid --as sid", N_ ("Keep an image of another release too:") },
  { NULL },
};

static const VmtCommand image_pull = {
  "pull",
  N_ ("Fetch a distribution's kernel and make an image of it"),
  pull_options,
  run_pull,
  VMT_GROUP_IMAGE,
  .details = N_ ("Fetches the stock kernel and busybox for riscv64 with apt, which verifies them, "
                 "and builds an initramfs of busybox and the drivers of our devices. The system's "
                 "own packages and lists are not touched.\n\n"
                 "A pull that is interrupted goes on where it was when it is run again."),
  .examples = pull_examples,
};

/* ---- image list ---- */

static const VmtColumn list_columns[] = {
  { "name", N_ ("Name"), VMT_SHOW_TEXT },     { "suite", N_ ("Suite"), VMT_SHOW_TEXT },
  { "kernel", N_ ("Kernel"), VMT_SHOW_TEXT }, { "size", N_ ("Size"), VMT_SHOW_SIZE },
  { "folder", N_ ("Folder"), VMT_SHOW_TEXT }, { NULL },
};

static bool
run_list (VmtCall *call, GError **error)
{
  g_autoptr (GPtrArray) images = cop_image_list (error);
  VmtPrinter *printer = vmt_call_printer (call);

  if (images == NULL)
    return false;
  for (guint i = 0; vmt_call_flag (call, "verify") && i < images->len; i++)
    if (!cop_image_verify (images->pdata[i], error))
      return false;
  if (images->len == 0 && !vmt_printer_is_json (printer))
    {
      vmt_printer_note (printer,
                        _ ("There are no images; 'vmtool image pull debian' fetches one."));
      return true;
    }
  vmt_printer_table (printer, list_columns);
  for (guint i = 0; i < images->len; i++)
    {
      const CopImage *image = images->pdata[i];

      vmt_printer_row (printer, (VmtCell[]){
                                  { .text = image->name },
                                  { .text = image->suite },
                                  { .text = image->kernel_version },
                                  { .number = image->kernel.size + image->initrd.size },
                                  { .text = image->folder },
                                });
    }
  vmt_printer_table_end (printer);
  return true;
}

static const VmtOption list_options[] = {
  { "verify", VMT_FLAG, N_ ("read every image and compare it with its checksums") },
  { NULL },
};

static const VmtCommand image_list = {
  "list", N_ ("List the images there are"), list_options, run_list, VMT_GROUP_IMAGE,
};

/* ---- image rm ---- */

static bool
run_rm (VmtCall *call, GError **error)
{
  const char *const *names = vmt_call_strings (call, "image");

  for (; *names != NULL; names++)
    if (!cop_image_remove (*names, error))
      return false;
  return true;
}

static const VmtOption rm_options[] = {
  { "image", VMT_STRING, N_ ("name of the image"), "NAME", .required = true, .repeated = true,
    .complete = vmt_complete_images },
  { NULL },
};

static const VmtCommand image_rm = {
  "rm", N_ ("Remove images"), rm_options, run_rm, VMT_GROUP_IMAGE,
};

static const VmtCommand *const image_commands[] = { &image_pull, &image_list, &image_rm, NULL };

const VmtCommand vmt_image = {
  "image",
  N_ ("Fetch, list and remove images"),
  .group = VMT_GROUP_IMAGE,
  .commands = image_commands,
};
