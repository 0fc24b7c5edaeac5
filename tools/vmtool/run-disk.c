/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * --disk FILE[,format=raw][,readonly][,serial=S]
 */
#include "vmtool/run-private.h"
#include "vmtool/suboptions.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>

enum
{
  DISK_FORMAT,
  DISK_READONLY,
  DISK_SERIAL,
};

static const VmtSubOption disk_options[] = {
  [DISK_FORMAT] = { "format", VMT_SUB_VALUE, "raw" },
  [DISK_READONLY] = { "readonly", VMT_SUB_FLAG },
  [DISK_SERIAL] = { "serial", VMT_SUB_VALUE, "TEXT" },
  { NULL },
};

static const CopHostDiskWords disk_words = {
  .readonly = N_ ("use --disk %s,readonly"),
  .shared = N_ ("give both ',readonly'"),
};

/* Source: Virtio 1.2 §5.2.6: the ID string has 20 bytes. */
#define SERIAL_MAX 20

/* Beginnings of files that are disks, but not raw ones. */
static const struct
{
  const char *magic;
  const char *format;
} foreign_formats[] = {
  { "QFI\xfb", "qcow2" },
  { "KDMV", "vmdk" },
  { "conectix", "vpc" },
  { "vhdxfile", "vhdx" },
};

static bool
check_options (const VmtSubValues *values, GError **error)
{
  const char *format = vmt_sub_value (values, DISK_FORMAT);
  const char *serial = vmt_sub_value (values, DISK_SERIAL);

  if (format != NULL && strcmp (format, "raw") != 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--disk: format is '%s', but only raw is known"), format);
      return false;
    }
  if (serial != NULL && strlen (serial) > SERIAL_MAX)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--disk: serial '%s' is too long; it can have %d bytes"), serial, SERIAL_MAX);
      return false;
    }
  return true;
}

/* A disk of another format must not be taken for a raw one by mistake: the guest would see
   nonsense, and write over it. */
static bool
check_raw (int fd, const char *path, GError **error)
{
  char start[16] = "";

  if (pread (fd, start, sizeof start - 1, 0) < 0)
    {
      cop_host_set_file_error (error, _ ("disk"), path, errno);
      return false;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (foreign_formats); i++)
    if (memcmp (start, foreign_formats[i].magic, strlen (foreign_formats[i].magic)) == 0)
      {
        const char *format = foreign_formats[i].format;

        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                     _ ("disk '%s': this is a %s image; 'qemu-img convert -O raw' makes a raw one, "
                        "',format=raw' uses it as it is"),
                     path, format);
        return false;
      }
  return true;
}

void
vmt_disk_option_clear (VmtDiskOption *disk)
{
  g_clear_pointer (&disk->path, g_free);
  g_clear_pointer (&disk->serial, g_free);
}

bool
vmt_disk_option_parse (const char *text, VmtDiskOption *disk, GError **error)
{
  g_autoptr (VmtSubValues) values = vmt_sub_parse ("disk", text, disk_options, error);

  if (values == NULL || !check_options (values, error))
    return false;
  disk->path = g_strdup (values->head);
  disk->readonly = vmt_sub_flag (values, DISK_READONLY);
  disk->raw = vmt_sub_value (values, DISK_FORMAT) != NULL;
  disk->serial = g_strdup (vmt_sub_value (values, DISK_SERIAL));
  return true;
}

int
vmt_disk_option_open (const VmtDiskOption *disk, GError **error)
{
  cop_autofd int fd = cop_host_open_disk (disk->path, disk->readonly, false, &disk_words, error);

  if (fd < 0 || (!disk->raw && !check_raw (fd, disk->path, error)))
    return -1;
  return cop_fd_steal (&fd);
}

bool
vmt_run_add_disk (CopMachineConfig *config, const char *text, GError **error)
{
  g_auto (VmtDiskOption) disk = { 0 };
  int fd;

  if (!vmt_disk_option_parse (text, &disk, error))
    return false;
  if (config->n_disks == COP_MAX_DISKS)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--disk: a machine has at most %d disks"),
                   COP_MAX_DISKS);
      return false;
    }
  fd = vmt_disk_option_open (&disk, error);
  if (fd < 0)
    return false;

  config->disks[config->n_disks++] = (CopDiskConfig){
    .fd = fd,
    .readonly = disk.readonly,
    .serial = g_steal_pointer (&disk.serial),
    .label = g_steal_pointer (&disk.path),
  };
  return true;
}
