/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From what the daemon says to a machine's configuration.
 */
#include "common/fd.h"
#include "driver/vm-process.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef struct
{
  CopVmStealFd steal;
  gpointer data;
} Fds;

static int
steal_fd (const Fds *fds, int index)
{
  return index >= 0 ? fds->steal (fds->data, index) : -1;
}

typedef struct
{
  void *start;
  gsize length;
} Mapping;

static void
unmap (gpointer data)
{
  Mapping *mapping = data;

  munmap (mapping->start, mapping->length);
  g_free (mapping);
}

/* The file stays mapped, for the next reset; what was read of it costs no memory of ours. */
static bool
take_file (const Fds *fds, const CopVmRpcFile *file, GBytes **bytes, char **label, GError **error)
{
  cop_autofd int fd = steal_fd (fds, file->fd);
  struct stat status;
  Mapping *mapping;
  void *start;

  if (file->fd < 0)
    return true;
  if (fstat (fd, &status) < 0 ||
      (start = mmap (NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   _ ("'%s' cannot be mapped: %s; is it a regular file?"), file->label,
                   g_strerror (errno));
      return false;
    }
  mapping = g_new (Mapping, 1);
  *mapping = (Mapping){ start, (gsize) status.st_size };
  *bytes = g_bytes_new_with_free_func (start, mapping->length, unmap, mapping);
  *label = g_strdup (file->label);
  return true;
}

static void
take_console (const Fds *fds, const CopVmRpcConsole *from, CopConsoleConfig *to)
{
  to->in_fd = steal_fd (fds, from->in_fd);
  /* One descriptor for both ways comes once. */
  to->out_fd = from->out_fd == from->in_fd ? to->in_fd : steal_fd (fds, from->out_fd);
  to->listen_fd = steal_fd (fds, from->listen_fd);
  to->log_fd = steal_fd (fds, from->log_fd);
}

static void
take_nic (const Fds *fds, const CopVmRpcNic *from, CopNicConfig *to)
{
  to->kind = from->kind == COP_NET_TAP ? COP_NET_TAP : COP_NET_USER;
  to->fd = steal_fd (fds, from->fd);
  to->link_down = from->link_down != 0;
  memcpy (to->mac, from->mac.data, MIN (from->mac.length, sizeof to->mac));
  if (to->kind != COP_NET_USER)
    return;
  to->forwards = g_ptr_array_new ();
  for (unsigned i = 0; i < from->n_forwards; i++)
    {
      const CopVmRpcForward *forward = &from->forwards[i];
      CopPortForward *copy = g_new0 (CopPortForward, 1);

      copy->udp = forward->udp != 0;
      copy->host_address = g_strdup (forward->host_address);
      copy->host_port = (uint16_t) forward->host_port;
      copy->guest_address = g_strdup (forward->guest_address);
      copy->guest_port = (uint16_t) forward->guest_port;
      g_ptr_array_add (to->forwards, copy);
    }
}

static bool
take_boot (const Fds *fds, const CopVmRpcCreateArgs *args, CopMachineConfig *config, GError **error)
{
  if (!take_file (fds, &args->bios, &config->bios, &config->bios_label, error) ||
      !take_file (fds, &args->kernel, &config->kernel, &config->kernel_label, error) ||
      !take_file (fds, &args->initrd, &config->initrd, &config->initrd_label, error) ||
      !take_file (fds, &args->dtb, &config->dtb, &config->dtb_label, error))
    return false;
  config->boot = (CopBootKind) args->boot;
  config->append = g_strdup (args->append);
  return true;
}

static bool
take_devices (const Fds *fds, const CopVmRpcCreateArgs *args, CopMachineConfig *config,
              GError **error)
{
  if (args->n_disks > COP_MAX_DISKS || args->n_nics > COP_MAX_NICS ||
      args->n_channels > COP_MAX_CHANNELS)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                   _ ("a machine has at most %d disks, %d network interfaces and %d channels"),
                   COP_MAX_DISKS, COP_MAX_NICS, COP_MAX_CHANNELS);
      return false;
    }
  take_console (fds, &args->console, &config->console);
  config->has_virtio_console = args->has_virtio_console != 0;
  take_console (fds, &args->virtio_console, &config->virtio_console);
  for (; config->n_disks < args->n_disks; config->n_disks++)
    {
      const CopVmRpcDisk *disk = &args->disks[config->n_disks];

      config->disks[config->n_disks] = (CopDiskConfig){
        .fd = steal_fd (fds, disk->fd),
        .readonly = disk->readonly != 0,
        .write_through = disk->write_through != 0,
        .no_discard = disk->no_discard != 0,
        .choice = disk->choice < COP_BLOCK_CHOICE_LAST ? disk->choice : COP_BLOCK_CHOICE_BEST,
        .serial = g_strdup (disk->serial),
        .label = g_strdup (disk->label),
      };
    }
  for (; config->n_nics < args->n_nics; config->n_nics++)
    take_nic (fds, &args->nics[config->n_nics], &config->nics[config->n_nics]);
  for (; config->n_channels < args->n_channels; config->n_channels++)
    {
      const CopVmRpcChannel *channel = &args->channels[config->n_channels];

      config->channels[config->n_channels].name = g_strdup (channel->name);
      take_console (fds, &channel->console, &config->channels[config->n_channels].console);
    }
  config->rng = args->rng != 0;
  config->balloon = args->balloon != 0;
  config->balloon_target = args->balloon_target;
  config->balloon_period = args->balloon_period;
  return true;
}

CopMachineConfig *
cop_vm_process_config (const CopVmRpcCreateArgs *args, CopVmStealFd steal, gpointer data,
                       GError **error)
{
  g_autoptr (CopMachineConfig) config = cop_machine_config_new ();
  const Fds fds = { steal, data };

  if (args->protocol != COP_VM_PROTOCOL || args->boot > COP_BOOT_BARE)
    {
      g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                   _ ("the daemon speaks version %u of the protocol and coppice-vm version %d; "
                      "install the two from one package, and restart the daemon"),
                   args->protocol, COP_VM_PROTOCOL);
      return NULL;
    }
  config->memory = args->memory;
  config->harts = args->harts;
  config->isa = args->isa;
  if (args->engine != NULL)
    {
      const CopEngineOps *ops = cop_engine_find (args->engine);

      if (ops == NULL)
        {
          g_set_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_CONFIG,
                       _ ("there is no engine '%s' in this coppice-vm"), args->engine);
          return NULL;
        }
      config->engine = ops->name;
    }
  if (!take_boot (&fds, args, config, error) || !take_devices (&fds, args, config, error))
    return NULL;
  memcpy (config->generation_id, args->generation_id, sizeof config->generation_id);
  config->actions = (CopMachineActions){
    .restart_on_poweroff = args->actions.restart_on_poweroff != 0,
    .restart_on_reboot = args->actions.restart_on_reboot != 0,
    .restart_on_crash = args->actions.restart_on_crash != 0,
  };
  config->image_fd = steal_fd (&fds, args->image_fd);
  return g_steal_pointer (&config);
}
