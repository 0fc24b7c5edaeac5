/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Channels and the memory balloon of running domains: what the guest does with them shows in the
 * live document. And the sockets of channels that name none of their own:
 *
 *   RUN-DIR/vm/coppice-channel-ID-N    channel N of the domain with that id, while it runs
 */
#include "driver/domain-private.h"

#include "common/units.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "vm" /* that of the machines' own sockets, which is ours alone */

void
cop_domain_prepare_channels (CopDomain *domain, CopDomainConfig *config)
{
  g_autofree char *folder = g_build_filename (domain->driver->paths->run_dir, FOLDER, NULL);

  /* If it cannot be made, the machine's own socket says so. */
  if (config->channels->len > 0)
    g_mkdir_with_parents (folder, 0700);
  for (guint i = 0; i < config->channels->len; i++)
    {
      CopDomainChardev *channel = config->channels->pdata[i];
      g_autofree char *name =
        g_strdup_printf (COP_CHANNEL_SOCKET_PREFIX "%u-%u", config->id, (unsigned) i);

      channel->state = COP_CHANNEL_STATE_DISCONNECTED;
      if (channel->source.type != COP_CHARDEV_UNIX || channel->source.path != NULL)
        continue;
      channel->source.mode = COP_CHARDEV_MODE_BIND;
      channel->source.path = g_build_filename (folder, name, NULL);
    }
}

void
cop_domain_remove_channels (const CopDomainConfig *config)
{
  for (guint i = 0; i < config->channels->len; i++)
    {
      const CopDomainChardev *channel = config->channels->pdata[i];
      const char *name = channel->source.path != NULL ? strrchr (channel->source.path, '/') : NULL;

      if (channel->source.type == COP_CHARDEV_UNIX && name != NULL &&
          g_str_has_prefix (name + 1, COP_CHANNEL_SOCKET_PREFIX))
        unlink (channel->source.path);
    }
}

void
cop_driver_remove_stray_channels (CopDriver *driver)
{
  g_autofree char *folder = g_build_filename (driver->paths->run_dir, FOLDER, NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autoptr (CopDomain) domain = NULL;
      g_autofree char *path = NULL;

      if (!g_str_has_prefix (name, COP_CHANNEL_SOCKET_PREFIX))
        continue;
      domain = cop_driver_by_id (driver, atoi (name + strlen (COP_CHANNEL_SOCKET_PREFIX)), NULL);
      if (domain != NULL)
        continue;
      path = g_build_filename (folder, name, NULL);
      unlink (path);
    }
}

/* With the mutex held. Returns: whether that is news */
static bool
set_channel (CopDomain *domain, unsigned index, bool open)
{
  const CopDomainEvent event = {
    .kind = COP_DOMAIN_EVENT_AGENT_LIFECYCLE,
    .event = open ? COP_AGENT_CONNECTED : COP_AGENT_DISCONNECTED,
    .detail = COP_AGENT_BY_CHANNEL,
  };
  CopChannelState state = open ? COP_CHANNEL_STATE_CONNECTED : COP_CHANNEL_STATE_DISCONNECTED;
  CopDomainChardev *channel;

  if (domain->running == NULL || index >= domain->running->channels->len)
    return false;
  channel = domain->running->channels->pdata[index];
  if (channel->state == state)
    return false;
  channel->state = state;
  if (strcmp (channel->name, COP_AGENT_CHANNEL) == 0)
    cop_domain_tell_locked (domain, &event);
  return true;
}

void
cop_domain_channel_changed (CopDomain *domain, unsigned channel, bool open)
{
  g_mutex_lock (&domain->lock);
  set_channel (domain, channel, open);
  g_mutex_unlock (&domain->lock);
}

void
cop_domain_refresh_from_counters (CopDomain *domain)
{
  const CopCounters *counters = cop_vm_counters (domain->vm);
  uint64_t open = COP_COUNTER (counters->channels);
  uint64_t balloon = COP_COUNTER (counters->balloon);

  for (guint i = 0; i < domain->running->channels->len; i++)
    set_channel (domain, i, (open >> i & 1) != 0);
  domain->running->current_memory =
    domain->running->memory - MIN (balloon, domain->running->memory);
}

void
cop_domain_balloon_changed (CopDomain *domain, uint64_t given)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  CopDomainEvent event = { .kind = COP_DOMAIN_EVENT_BALLOON_CHANGE };

  if (domain->running == NULL)
    return;
  /* A guest may say what it likes. */
  domain->running->current_memory = domain->running->memory - MIN (given, domain->running->memory);
  event.value = domain->running->current_memory / COP_KIB;
  cop_domain_tell_locked (domain, &event);
}

void
cop_domain_found_again (CopDomain *domain, CopVm *vm)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (domain->vm == vm && domain->running != NULL)
    cop_domain_refresh_from_counters (domain);
}
