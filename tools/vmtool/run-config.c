/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the command line of `vmtool run` to what a machine is made from.
 */
#include "vmtool/run-private.h"
#include "vmtool/vmtool-private.h"

#include "common/units.h"
#include "store/image.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

/* Boots nothing, and stands in for a kernel where a machine is made but not run. Source: Linux
   v6.12, Documentation/arch/riscv/boot-image-header.rst */
static const uint8_t stand_in_kernel[64] = {
  [0] = 0x6f,                           /* code0: j . */
  [10] = 0x20,                          /* text_offset: 0x200000 */
  [16] = 64,                            /* image_size */
  [32] = 2,                             /* version */
  [48] = 'R', 'I', 'S', 'C', 'V',       /* magic */
  [56] = 'R', 'S', 'C', 5,              /* magic2 */
};

/* Refuses what contradicts itself, before a file is opened. */
static bool
check_boot (const VmtCall *call, const VmtBootFiles *files, CopBootKind boot, GError **error)
{
  bool needs_kernel = boot == COP_BOOT_BARE ||
                      (boot == COP_BOOT_SBI && !vmt_call_has (call, "dump-dtb"));

  if (files->kernel == NULL && needs_kernel)
    {
      vmt_boot_files_set_missing ("run", error);
      return false;
    }
  if (files->initrd != NULL && files->kernel == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--initrd needs a kernel that uses it: give --kernel FILE or --image NAME"));
      return false;
    }
  if (boot == COP_BOOT_BARE)
    for (unsigned i = 0; i < 3; i++)
      {
        static const char *const useless[] = { "initrd", "append", "cmdline" };

        if (vmt_call_has (call, useless[i]))
          {
            g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                         _ ("--%s has no effect with --bios none: there is no kernel that would "
                            "read it"),
                         useless[i]);
            return false;
          }
      }
  return true;
}

/* Reads @path into @bytes and @label, which belong together in the config. */
static bool
read_into (const char *what, const char *path, uint64_t limit, GBytes **bytes, char **label,
           GError **error)
{
  if (path == NULL)
    return true;
  *bytes = vmt_run_read_file (what, path, limit, error);
  if (*bytes == NULL)
    return false;
  *label = g_strdup (path);
  return true;
}

/* A serial line tells nobody how large the terminal at its other end is, nor what it is. systemd
   and the init of our images read it here. Source: kernel-command-line(7) of systemd */
static void
append_terminal (GString *line)
{
  const char *term = g_getenv ("TERM");
  struct winsize size;

  if (!isatty (STDIN_FILENO) || ioctl (STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 ||
      size.ws_col == 0)
    return;
  g_string_append_printf (line, " systemd.tty.rows.ttyS0=%u systemd.tty.columns.ttyS0=%u",
                          size.ws_row, size.ws_col);
  if (term != NULL && *term != '\0' && strpbrk (term, " \"'\t\n") == NULL)
    g_string_append_printf (line, " systemd.tty.term.ttyS0=%s", term);
}

/* The parts of the kernel command line, joined. */
static char *
make_cmdline (const VmtCall *call, const VmtBootFiles *files)
{
  const char *whole = vmt_call_string (call, "cmdline");
  const char *const *more = vmt_call_strings (call, "append");
  GString *line = g_string_new (whole != NULL ? whole : files->cmdline);

  if (whole == NULL && strcmp (vmt_call_string (call, "console"), "stdio") == 0)
    append_terminal (line);
  for (; *more != NULL; more++)
    g_string_append_printf (line, "%s%s", line->len > 0 ? " " : "", *more);
  return g_string_free (line, FALSE);
}

static bool
read_boot (const VmtCall *call, CopMachineConfig *config, GError **error)
{
  const char *bios = vmt_call_string (call, "bios");
  g_auto (VmtBootFiles) files = { 0 };

  if (bios == NULL)
    config->boot = COP_BOOT_SBI;
  else
    config->boot = strcmp (bios, "none") == 0 ? COP_BOOT_BARE : COP_BOOT_FIRMWARE;

  if (!vmt_boot_files_find (call, &files, error) || !check_boot (call, &files, config->boot, error))
    return false;

  if (files.kernel == NULL && config->boot == COP_BOOT_SBI)
    {
      config->kernel = g_bytes_new_static (stand_in_kernel, sizeof stand_in_kernel);
      config->kernel_label = g_strdup (_ ("no kernel"));
    }
  if (config->boot == COP_BOOT_FIRMWARE &&
      !read_into (_ ("firmware"), bios, config->memory, &config->bios, &config->bios_label, error))
    return false;
  if (!read_into (_ ("kernel"), files.kernel, config->memory, &config->kernel,
                  &config->kernel_label, error) ||
      !read_into (_ ("device tree"), vmt_call_string (call, "dtb"), config->memory, &config->dtb,
                  &config->dtb_label, error))
    return false;
  if (config->boot == COP_BOOT_BARE)
    return true;

  config->append = make_cmdline (call, &files);
  return read_into (_ ("initrd"), files.initrd, config->memory, &config->initrd,
                    &config->initrd_label, error);
}

static bool
set_engine (const VmtCall *call, CopMachineConfig *config, GError **error)
{
  static const char *const of_translators[] = { "jit-cache", "verify", "jit-dump", "perf-map" };
  const CopEngineOps *ops;

  if (!vmt_engine_option (call, &config->engine, error))
    return false;
  ops = cop_engine_find (config->engine);
  for (unsigned i = 0; i < G_N_ELEMENTS (of_translators); i++)
    if (ops == &cop_interp_ops && vmt_call_has (call, of_translators[i]))
      {
        g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                     _ ("--%s has no effect with engine '%s', which translates nothing; leave it "
                        "out, or choose another with --engine"),
                     of_translators[i], ops->name);
        return false;
      }
  config->engine = ops->name;
  config->engine_config.jit_cache_size = vmt_call_size (call, "jit-cache");
  config->engine_config.verify = vmt_call_flag (call, "verify");
  config->engine_config.keep_code = vmt_call_has (call, "jit-dump");
  config->engine_config.sample = vmt_call_flag (call, "stats") || config->engine_config.keep_code;
  return true;
}

/* Whether a word of --cpu names no extension but comes close to one. */
static bool
set_mistyped_extension (const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  const char *names[COP_ISA_LAST + 1] = { NULL };

  for (unsigned i = 0; i < COP_ISA_LAST; i++)
    names[i] = cop_isa_table[i].name;
  for (char **word = words; *word != NULL; word++)
    {
      const char *nearest;

      (*word)[strcspn (*word, "=")] = '\0';
      /* A word without '=' is a base such as rv64gc. */
      if (g_str_has_prefix (*word, "rv64") || g_strv_contains (names, *word))
        continue;
      nearest = vmt_suggest (*word, names);
      if (nearest == NULL)
        continue;
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--cpu: there is no extension '%s'; did you mean '%s'?"), *word, nearest);
      return true;
    }
  return false;
}

static bool
set_cpu (const VmtCall *call, CopMachineConfig *config, GError **error)
{
  const char *text = vmt_call_string (call, "cpu");
  g_autoptr (GError) wrong = NULL;

  if (text == NULL || cop_isa_parse (text, &config->isa, &wrong))
    return true;
  /* The message begins with "cpu:", as the option is called. */
  if (!set_mistyped_extension (text, error))
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, "--%s", wrong->message);
  return false;
}

static bool
add_devices (const VmtCall *call, CopMachineConfig *config, GError **error)
{
  const char *const *disks = vmt_call_strings (call, "disk");
  const char *const *nics = vmt_call_strings (call, "net");

  for (; *disks != NULL; disks++)
    if (!vmt_run_add_disk (config, *disks, error))
      return false;

  /* A system expects a network; a bare program has no driver for one. */
  if (*nics == NULL && config->boot != COP_BOOT_BARE)
    return vmt_run_add_nic (config, "user", error);
  for (; *nics != NULL; nics++)
    if (!vmt_run_add_nic (config, *nics, error))
      return false;
  return true;
}

CopMachineConfig *
vmt_run_config_new (const VmtCall *call, GError **error)
{
  g_autoptr (CopMachineConfig) config = cop_machine_config_new ();

  config->harts = (unsigned)vmt_call_int (call, "harts");
  config->deterministic_seed = vmt_call_flag (call, "deterministic");
  if (!vmt_memory_option (call, &config->memory, error) || !set_cpu (call, config, error) ||
      !set_engine (call, config, error) || !read_boot (call, config, error) ||
      !add_devices (call, config, error))
    return NULL;

  /* Every run is a machine of its own to the guest. */
  if (!config->deterministic_seed && getrandom (config->generation_id, sizeof config->generation_id,
                                                0) != sizeof config->generation_id)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, _ ("the system has no random numbers"));
      return NULL;
    }
  return g_steal_pointer (&config);
}
