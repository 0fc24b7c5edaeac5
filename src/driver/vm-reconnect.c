/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection to a process that broke though the process lives: it is made again, over the socket
 * that the process listens on.
 *
 *   supervisor   closed --> is it dying? --no--> thread: connect, HELLO, take it --> FOUND, ENDED
 *
 * What happened meanwhile shows in the counters, and in what the process says of its state.
 */
#include "driver/vm-private.h"

/* A process that ends has its connection closed first: so long its end is waited for. */
#define DEATH_US (20 * 1000)
/* The pause after the first attempt; each next one is twice as long. */
#define PAUSE_US (20 * 1000)
#define ATTEMPTS 9 /* some ten seconds */

typedef struct
{
  CopVm *vm; /* (owned) */
  bool ended; /* its guest has, and nobody was told */
} Found;

static void
found_free (gpointer data)
{
  Found *found = data;

  g_object_unref (found->vm);
  g_free (found);
}

/* On the supervisor's thread. */
static gboolean
tell_found (gpointer data)
{
  Found *found = data;
  const CopVmEvent again = { .kind = COP_VM_EVENT_FOUND };
  const CopVmEvent ended = { .kind = COP_VM_EVENT_ENDED, .end = cop_vm_end (found->vm) };

  cop_vm_tell (found->vm, &again);
  if (found->ended)
    cop_vm_tell (found->vm, &ended);
  return G_SOURCE_REMOVE;
}

/* Whether nobody wants the process any more, or there is none. The lock is held. */
static bool
is_over (const CopVm *vm)
{
  return vm->detached || vm->asked || vm->status == COP_VM_GONE || vm->client == NULL;
}

static void
take_connection (CopVm *vm, CopClient *client, const CopVmRpcStatus *status)
{
  g_autoptr (CopClient) old = NULL;
  Found *found = g_new0 (Found, 1);
  bool over;

  found->vm = g_object_ref (vm);
  g_mutex_lock (&vm->lock);
  over = is_over (vm);
  if (!over)
    {
      old = vm->client;
      vm->client = g_object_ref (client);
      found->ended = vm->status != COP_VM_ENDED && status->status == COP_MACHINE_ENDED;
      g_cond_broadcast (&vm->changed);
    }
  g_mutex_unlock (&vm->lock);
  if (over)
    {
      cop_client_close (client);
      found_free (found);
      return;
    }
  cop_client_close (old);
  cop_vm_set_status (vm, status);
  cop_vm_listen_to (vm, client);
  g_main_context_invoke_full (cop_vm_supervisor (), G_PRIORITY_DEFAULT, tell_found, found,
                              found_free);
}

static gpointer
reconnect (gpointer data)
{
  g_autoptr (CopVm) vm = data;
  g_autoptr (GError) error = NULL;

  g_usleep (DEATH_US);
  for (unsigned i = 0; i < ATTEMPTS; i++)
    {
      g_autoptr (CopClient) client = NULL;
      CopVmRpcStatus status;
      bool over;

      g_mutex_lock (&vm->lock);
      over = is_over (vm);
      g_mutex_unlock (&vm->lock);
      if (over || cop_vm_has_died (vm))
        return NULL;
      g_clear_error (&error);
      client = cop_vm_connect_again (vm, &status, &error);
      if (client != NULL)
        {
          g_message ("the connection to the process of domain %s had broken; it is there again",
                     vm->uuid);
          take_connection (vm, client, &status);
          return NULL;
        }
      g_usleep (PAUSE_US << i);
    }
  g_warning ("the process of domain %s cannot be reached: %s; restart the daemon, or destroy the "
             "domain",
             vm->uuid, error != NULL ? error->message : "");
  return NULL;
}

void
cop_vm_connection_lost (CopClient *client, const GError *reason G_GNUC_UNUSED, gpointer data)
{
  CopVm *vm = data;
  bool matters;

  g_mutex_lock (&vm->lock);
  matters = !is_over (vm) && vm->client == client;
  g_mutex_unlock (&vm->lock);
  if (matters)
    g_thread_unref (g_thread_new ("reconnect", reconnect, g_object_ref (vm)));
}
