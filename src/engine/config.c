/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine's configuration as a value: its empty form, and letting go of what it owns.
 */
#include "engine/config.h"
#include "common/fd.h"
#include "common/units.h"

static void
port_forward_free (gpointer data)
{
  CopPortForward *forward = data;

  g_free (forward->host_address);
  g_free (forward->guest_address);
  g_free (forward);
}

static void
console_clear (CopConsoleConfig *console)
{
  if (console->out_fd == console->in_fd)
    console->out_fd = -1;
  cop_fd_clear (&console->in_fd);
  cop_fd_clear (&console->out_fd);
  cop_fd_clear (&console->listen_fd);
  cop_fd_clear (&console->log_fd);
}

CopMachineConfig *
cop_machine_config_new (void)
{
  CopMachineConfig *config = g_new0 (CopMachineConfig, 1);

  config->memory = 512 * COP_MIB;
  config->memory_fd = -1;
  config->image_fd = -1;
  config->actions.restart_on_reboot = true;
  config->harts = 1;
  config->isa = cop_isa_default ();
  config->engine_config.background = true;
  config->rng = true;
  config->console = config->virtio_console = (CopConsoleConfig)COP_CONSOLE_NOWHERE;
  for (unsigned i = 0; i < COP_MAX_CHANNELS; i++)
    config->channels[i].console = (CopConsoleConfig) COP_CONSOLE_NOWHERE;
  for (unsigned i = 0; i < COP_MAX_DISKS; i++)
    config->disks[i].fd = -1;
  for (unsigned i = 0; i < COP_MAX_NICS; i++)
    config->nics[i].fd = -1;
  return config;
}

void
cop_machine_config_free (CopMachineConfig *config)
{
  if (config == NULL)
    return;

  cop_fd_clear (&config->memory_fd);
  cop_fd_clear (&config->image_fd);

  g_clear_pointer (&config->bios, g_bytes_unref);
  g_clear_pointer (&config->kernel, g_bytes_unref);
  g_clear_pointer (&config->initrd, g_bytes_unref);
  g_clear_pointer (&config->dtb, g_bytes_unref);
  g_free (config->bios_label);
  g_free (config->kernel_label);
  g_free (config->initrd_label);
  g_free (config->dtb_label);
  g_free (config->append);

  console_clear (&config->console);
  console_clear (&config->virtio_console);
  for (unsigned i = 0; i < COP_MAX_CHANNELS; i++)
    {
      console_clear (&config->channels[i].console);
      g_free (config->channels[i].name);
    }
  for (unsigned i = 0; i < COP_MAX_DISKS; i++)
    {
      cop_fd_clear (&config->disks[i].fd);
      g_free (config->disks[i].serial);
      g_free (config->disks[i].label);
    }
  for (unsigned i = 0; i < COP_MAX_NICS; i++)
    {
      cop_fd_clear (&config->nics[i].fd);
      if (config->nics[i].forwards != NULL)
        {
          g_ptr_array_set_free_func (config->nics[i].forwards, port_forward_free);
          g_ptr_array_unref (config->nics[i].forwards);
        }
    }
  g_free (config);
}
