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

static int
open_disk (const char *path, bool readonly, GError **error)
{
  cop_autofd int fd = open (path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
  int code = errno;
  struct stat status;

  if (fd < 0 && code == ENOENT)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   _ ("disk '%s': no such file; 'truncate -s 4G %s' makes an empty one"), path,
                   path);
      return -1;
    }
  if (fd < 0 && !readonly && (code == EACCES || code == EPERM || code == EROFS) &&
      access (path, R_OK) == 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                   _ ("disk '%s': it can be read but not written; use --disk %s,readonly"), path,
                   path);
      return -1;
    }
  if (fd < 0 || fstat (fd, &status) < 0)
    {
      vmt_run_set_file_error (error, _ ("disk"), path, fd < 0 ? code : errno);
      return -1;
    }
  if (S_ISDIR (status.st_mode))
    {
      vmt_run_set_file_error (error, _ ("disk"), path, EISDIR);
      return -1;
    }
  if (!S_ISREG (status.st_mode) && !S_ISBLK (status.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _ ("disk '%s': this is neither a file nor a block device"), path);
      return -1;
    }
  if (S_ISREG (status.st_mode) && status.st_size < 512)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _ ("disk '%s': smaller than a sector; 'truncate -s 4G %s' makes it larger"),
                   path, path);
      return -1;
    }
  return cop_fd_steal (&fd);
}

/* Two writers would destroy the file system on a disk. The lock goes with the descriptor. */
static bool
lock_disk (int fd, const char *path, bool readonly, GError **error)
{
  struct flock lock = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES))
    return true; /* some file systems have no locks */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               _ ("disk '%s': another machine uses it; end that one, or give both ',readonly'"),
               path);
  return false;
}

/* A disk of another format must not be taken for a raw one by mistake: the guest would see
   nonsense, and write over it. */
static bool
check_raw (int fd, const char *path, GError **error)
{
  char start[16] = "";

  if (pread (fd, start, sizeof start - 1, 0) < 0)
    {
      vmt_run_set_file_error (error, _ ("disk"), path, errno);
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

bool
vmt_run_add_disk (CopMachineConfig *config, const char *text, GError **error)
{
  g_autoptr (VmtSubValues) values = vmt_sub_parse ("disk", text, disk_options, error);
  bool readonly;
  cop_autofd int fd = -1;

  if (values == NULL || !check_options (values, error))
    return false;
  if (config->n_disks == COP_MAX_DISKS)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--disk: a machine has at most %d disks"),
                   COP_MAX_DISKS);
      return false;
    }

  readonly = vmt_sub_flag (values, DISK_READONLY);
  fd = open_disk (values->head, readonly, error);
  if (fd < 0 || !lock_disk (fd, values->head, readonly, error))
    return false;
  if (vmt_sub_value (values, DISK_FORMAT) == NULL && !check_raw (fd, values->head, error))
    return false;

  config->disks[config->n_disks++] = (CopDiskConfig){
    .fd = cop_fd_steal (&fd),
    .readonly = readonly,
    .serial = g_strdup (vmt_sub_value (values, DISK_SERIAL)),
    .label = g_strdup (values->head),
  };
  return true;
}
