/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a domain's configuration to what a process is told: files, disks, taps and consoles are
 * opened here, as the daemon, and go over as descriptors.
 */
#include "common/fd.h"
#include "common/units.h"
#include "driver/host-open.h"
#include "driver/vm-private.h"
#include "xml/domain-config.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/random.h>

#define PAGE 4096 /* bytes: memory comes in pages */

/* Names of taps that the kernel numbers. */
#define TAP_PATTERN "vnet%d"

/* clang-format off */
static const CopHostDiskWords disk_words = {
  .readonly = N_ ("add <readonly/> to the disk, or check the owner and mode of '%s'"),
  .shared   = N_ ("add <readonly/> or <shareable/> to the disk in both"),
};
/* clang-format on */

int
cop_vm_package_add_fd (CopVmPackage *package, int fd)
{
  if (fd < 0)
    return -1;
  g_assert (package->n_fds < G_N_ELEMENTS (package->fds));
  package->fds[package->n_fds] = fd;
  return (int) package->n_fds++;
}

static void
nowhere (CopVmRpcConsole *console)
{
  *console = (CopVmRpcConsole){ -1, -1, -1, -1 };
}

static bool
too_many (const CopDomainConfig *config, const char *what, unsigned n, unsigned max, GError **error)
{
  if (n <= max)
    return false;
  g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_CONFIG,
               _ ("domain '%s' has %u %s, but a machine has room for %u; take some out"),
               config->name, n, what, max);
  return true;
}

/* ---- what is booted ---- */

static bool
add_file (CopVmPackage *package, const char *what, const char *path, CopVmRpcFile *file,
          GError **error)
{
  int fd;

  file->fd = -1;
  if (path == NULL)
    return true;
  fd = cop_host_open_file (what, path, error);
  if (fd < 0)
    return false;
  file->fd = cop_vm_package_add_fd (package, fd);
  file->label = g_strdup_printf ("%s '%s'", what, path);
  return true;
}

static bool
add_boot (CopVmPackage *package, const CopDomainConfig *config, GError **error)
{
  CopVmRpcCreateArgs *args = &package->args;
  const CopDomainOs *os = &config->os;

  if (os->kernel == NULL && os->loader == NULL)
    {
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_CONFIG,
                   _ ("domain '%s' has nothing to boot: name a <kernel>, or firmware as <loader>, "
                      "in its <os>"),
                   config->name);
      return false;
    }
  args->boot = os->loader != NULL ? COP_BOOT_FIRMWARE : COP_BOOT_SBI;
  args->append = g_strdup (os->cmdline);
  return add_file (package, _ ("firmware"), os->loader, &args->bios, error) &&
         add_file (package, _ ("kernel"), os->kernel, &args->kernel, error) &&
         add_file (package, _ ("initrd"), os->initrd, &args->initrd, error) &&
         add_file (package, _ ("device tree"), os->dtb, &args->dtb, error);
}

/* ---- consoles ---- */

static bool
open_socket (const CopDomainChardevSource *source, CopVmPackage *package, CopVmRpcConsole *console,
             GError **error)
{
  const char *what = _ ("console");
  bool bind = source->mode == COP_CHARDEV_MODE_BIND;
  int fd;

  if (source->type == COP_CHARDEV_TCP)
    fd = cop_host_open_tcp (what, source->host, source->service, bind, error);
  else if (bind)
    fd = cop_host_listen_unix (what, source->path, error);
  else
    fd = cop_host_connect_unix (what, source->path, error);
  if (fd < 0)
    return false;
  if (bind)
    console->listen_fd = cop_vm_package_add_fd (package, fd);
  else
    console->in_fd = console->out_fd = cop_vm_package_add_fd (package, fd);
  return true;
}

static bool
add_console (CopVmPackage *package, const CopDomainChardevSource *source, CopVmRpcConsole *console,
             char **tty, GError **error)
{
  /* A machine that goes on does not begin its output anew. */
  bool restoring = package->restoring;
  int fd;

  switch (source->type)
    {
    case COP_CHARDEV_PTY:
      fd = cop_host_open_pty (tty, error);
      console->in_fd = console->out_fd = cop_vm_package_add_fd (package, fd);
      if (fd < 0)
        return false;
      break;
    case COP_CHARDEV_FILE:
      fd = cop_host_open_output (_ ("console"), source->path,
                                 restoring || source->append == COP_TRISTATE_YES, error);
      console->out_fd = cop_vm_package_add_fd (package, fd);
      if (fd < 0)
        return false;
      break;
    case COP_CHARDEV_UNIX:
    case COP_CHARDEV_TCP:
      if (!open_socket (source, package, console, error))
        return false;
      break;
    case COP_CHARDEV_NULL:
    case COP_CHARDEV_TYPE_LAST:
      break;
    }
  if (source->log == NULL)
    return true;
  fd = cop_host_open_output (_ ("console log"), source->log,
                             restoring || source->log_append == COP_TRISTATE_YES, error);
  console->log_fd = cop_vm_package_add_fd (package, fd);
  return fd >= 0;
}

static bool
add_consoles (CopVmPackage *package, const CopDomainConfig *config, CopVmLive *live, GError **error)
{
  CopVmRpcCreateArgs *args = &package->args;

  if (config->serials->len > 1)
    {
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_CONFIG,
                   _ ("domain '%s' has %u serial ports, but the machine one; leave one, and add a "
                      "<console> with a target of type 'virtio'"),
                   config->name, config->serials->len);
      return false;
    }
  if (config->serials->len == 1)
    {
      const CopDomainChardev *serial = g_ptr_array_index (config->serials, 0);

      if (!add_console (package, &serial->source, &args->console, &live->serial_tty, error))
        return false;
    }
  for (guint i = 0; i < config->consoles->len; i++)
    {
      const CopDomainChardev *console = g_ptr_array_index (config->consoles, i);

      if (console->target != COP_CHARDEV_TARGET_VIRTIO)
        continue; /* the serial port, once more */
      if (args->has_virtio_console)
        {
          g_set_error (
            error, COP_VM_ERROR, COP_VM_ERROR_CONFIG,
            _ ("domain '%s' has several virtio consoles, but the machine one; leave one"),
            config->name);
          return false;
        }
      args->has_virtio_console = true;
      if (!add_console (package, &console->source, &args->virtio_console, &live->console_tty,
                        error))
        return false;
    }
  return true;
}

static bool
add_channels (CopVmPackage *package, const CopDomainConfig *config, CopVmLive *live, GError **error)
{
  CopVmRpcCreateArgs *args = &package->args;

  if (too_many (config, _ ("channels"), config->channels->len, COP_MAX_CHANNELS, error))
    return false;
  args->channels = g_new0 (CopVmRpcChannel, config->channels->len);
  for (guint i = 0; i < config->channels->len; i++)
    {
      const CopDomainChardev *channel = g_ptr_array_index (config->channels, i);
      CopVmRpcChannel *to = &args->channels[args->n_channels++];

      to->name = g_strdup (channel->name);
      nowhere (&to->console);
      if (!add_console (package, &channel->source, &to->console, &live->channel_ttys[i], error))
        return false;
    }
  return true;
}

/* ---- disks and interfaces ---- */

static const CopBlockChoice choices[COP_DISK_IO_LAST] = {
  [COP_DISK_IO_THREADS] = COP_BLOCK_CHOICE_THREADS,
  [COP_DISK_IO_IO_URING] = COP_BLOCK_CHOICE_URING,
};

static bool
add_disks (CopVmPackage *package, const CopDomainConfig *config, GError **error)
{
  CopVmRpcCreateArgs *args = &package->args;

  if (too_many (config, _ ("disks"), config->disks->len, COP_MAX_DISKS, error))
    return false;
  args->disks = g_new0 (CopVmRpcDisk, config->disks->len);
  for (guint i = 0; i < config->disks->len; i++)
    {
      const CopDomainDisk *disk = g_ptr_array_index (config->disks, i);
      int fd =
        cop_host_open_disk (disk->source, disk->readonly, disk->shareable, &disk_words, error);

      if (fd < 0)
        return false;
      args->disks[args->n_disks++] = (CopVmRpcDisk){
        .fd = cop_vm_package_add_fd (package, fd),
        .label = g_strdup (disk->source),
        .serial = g_strdup (disk->serial),
        .readonly = disk->readonly,
        .write_through = disk->cache == COP_DISK_CACHE_WRITETHROUGH ||
                         disk->cache == COP_DISK_CACHE_DIRECTSYNC,
        .no_discard = disk->discard == COP_DISK_DISCARD_IGNORE,
        .choice = choices[disk->io],
      };
    }
  return true;
}

static void
add_forwards (CopVmRpcNic *nic, const CopDomainInterface *interface)
{
  g_autoptr (GArray) forwards = g_array_new (FALSE, FALSE, sizeof (CopVmRpcForward));

  for (guint i = 0; i < interface->forwards->len; i++)
    {
      const CopDomainPortForward *forward = g_ptr_array_index (interface->forwards, i);

      for (guint j = 0; j < forward->ranges->len; j++)
        {
          const CopDomainPortRange *range = g_ptr_array_index (forward->ranges, j);
          unsigned end = range->end != 0 ? range->end : range->start;
          unsigned to = range->to != 0 ? range->to : range->start;

          for (unsigned port = range->start; port <= end && forwards->len < 1024; port++)
            {
              const CopVmRpcForward row = {
                .udp = forward->protocol == COP_FORWARD_UDP,
                .host_address = g_strdup (forward->address),
                .host_port = port,
                .guest_port = to + (port - range->start),
              };

              g_array_append_val (forwards, row);
            }
        }
    }
  nic->n_forwards = forwards->len;
  nic->forwards = (CopVmRpcForward *) (void *) g_array_steal (forwards, NULL);
}

static bool
add_tap (CopVmPackage *package, const CopDomainInterface *interface, CopVmRpcNic *nic, char **name,
         GError **error)
{
  bool ready = interface->managed == COP_TRISTATE_NO;
  int fd =
    cop_host_open_tap (interface->target != NULL ? interface->target : TAP_PATTERN, name, error);

  nic->kind = COP_NET_TAP;
  nic->fd = cop_vm_package_add_fd (package, fd);
  if (fd < 0)
    return false;
  return ready || cop_host_plug_tap (*name, interface->bridge, error);
}

static bool
add_nics (CopVmPackage *package, const CopDomainConfig *config, CopVmLive *live, GError **error)
{
  CopVmRpcCreateArgs *args = &package->args;

  if (too_many (config, _ ("network interfaces"), config->interfaces->len, COP_MAX_NICS, error))
    return false;
  args->nics = g_new0 (CopVmRpcNic, config->interfaces->len);
  for (guint i = 0; i < config->interfaces->len; i++)
    {
      const CopDomainInterface *interface = g_ptr_array_index (config->interfaces, i);
      CopVmRpcNic *nic = &args->nics[args->n_nics++];

      nic->fd = -1;
      nic->mac.data = g_memdup2 (interface->mac, sizeof interface->mac);
      nic->mac.length = sizeof interface->mac;
      nic->link_down = interface->link == COP_LINK_DOWN;
      if (interface->type == COP_INTERFACE_USER)
        add_forwards (nic, interface);
      else if (!add_tap (package, interface, nic, &live->taps[i], error))
        return false;
    }
  return true;
}

/* ---- the whole ---- */

/* What the engine's configuration and the package's have in common. */
static bool
set_machine (CopVmRpcCreateArgs *args, const CopDomainConfig *config, GError **error)
{
  const CopDomainMemballoon *balloon = cop_domain_config_balloon (config);
  CopIsa isa;

  if (!cop_domain_cpu_isa (&config->cpu, &isa, error))
    return false;
  /* In whole pages; libvirt's users may ask for any KiB. */
  args->memory = (config->memory + PAGE - 1) / PAGE * PAGE;
  args->harts = config->current_vcpus != 0 ? config->current_vcpus : config->vcpus;
  args->isa = isa;
  args->engine = g_strdup (config->engine);
  args->rng = config->rngs->len > 0;
  args->balloon = balloon != NULL;
  if (balloon != NULL)
    {
      args->balloon_target = config->memory - config->current_memory;
      args->balloon_period = balloon->period;
    }
  if (!cop_uuid_is_null (config->genid))
    memcpy (args->generation_id, config->genid, sizeof args->generation_id);
  else if (getrandom (args->generation_id, sizeof args->generation_id, 0) !=
           (ssize_t) sizeof args->generation_id)
    {
      g_set_error (error, COP_VM_ERROR, COP_VM_ERROR_HOST,
                   _ ("the system has no random numbers for a generation ID"));
      return false;
    }
  return true;
}

bool
cop_vm_package_fill (CopVmPackage *package, const CopVmLaunch *launch, CopVmLive *live,
                     GError **error)
{
  const CopDomainConfig *config = launch->config;
  CopVmRpcCreateArgs *args = &package->args;

  *package = (CopVmPackage){ .restoring = launch->memory_fd >= 0 };
  args->protocol = COP_VM_PROTOCOL;
  memcpy (args->uuid, config->uuid, sizeof args->uuid);
  args->name = g_strdup (config->name);
  args->id = launch->id;
  args->listen_fd = args->counters_fd = args->image_fd = -1;
  args->bios.fd = args->kernel.fd = args->initrd.fd = args->dtb.fd = -1;
  nowhere (&args->console);
  nowhere (&args->virtio_console);
  args->actions = (CopVmRpcActions){
    launch->actions.restart_on_poweroff,
    launch->actions.restart_on_reboot,
    launch->actions.restart_on_crash,
  };
  return set_machine (args, config, error) && add_boot (package, config, error) &&
         add_consoles (package, config, live, error) &&
         add_channels (package, config, live, error) && add_disks (package, config, error) &&
         add_nics (package, config, live, error);
}

void
cop_vm_package_clear (CopVmPackage *package)
{
  const CopProcedure *create = cop_program_find (&cop_vm_program, COP_VM_RPC_CREATE);

  cop_xdr_clear (create->args (), &package->args);
  for (unsigned i = 0; i < package->n_fds; i++)
    cop_fd_clear (&package->fds[i]);
  package->n_fds = 0;
}

CopMachineState *
cop_vm_state_template (const CopDomainConfig *config, GError **error)
{
  g_autoptr (CopMachineConfig) machine = cop_machine_config_new ();

  if (too_many (config, _ ("disks"), config->disks->len, COP_MAX_DISKS, error) ||
      too_many (config, _ ("network interfaces"), config->interfaces->len, COP_MAX_NICS, error) ||
      too_many (config, _ ("channels"), config->channels->len, COP_MAX_CHANNELS, error))
    return NULL;
  machine->harts = config->current_vcpus != 0 ? config->current_vcpus : config->vcpus;
  machine->rng = config->rngs->len > 0;
  for (guint i = 0; i < config->consoles->len; i++)
    {
      const CopDomainChardev *console = g_ptr_array_index (config->consoles, i);

      machine->has_virtio_console |= console->target == COP_CHARDEV_TARGET_VIRTIO;
    }
  machine->n_disks = config->disks->len;
  machine->n_nics = config->interfaces->len;
  machine->n_channels = config->channels->len;
  machine->balloon = cop_domain_config_balloon (config) != NULL;
  return cop_machine_config_state_template (machine);
}
