/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A core file of a running domain. The guest stands still while it is written; with "live" only for
 * as long as its registers are read. The file gets its name when it is whole.
 *
 * Note for the next daemon, should this one be killed (see driver-recover.c): dump:FILE
 */
#include "driver/core-dump.h"
#include "driver/domain-private.h"

#include "common/fd.h"
#include "store/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

typedef struct
{
  CopDomain *domain;
  const char *path;
  char *beside; /* (owned): where the file is written before it has its name */
  unsigned flags;
  bool was_running;
  bool paused; /* by us, and still */
} Dumping;

static void
dumping_clear (Dumping *dumping)
{
  g_free (dumping->beside);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Dumping, dumping_clear)

static bool
pause_guest (Dumping *dumping, GError **error)
{
  CopDomain *domain = dumping->domain;
  g_autofree char *note = g_strconcat ("dump:", dumping->path, NULL);

  if (!dumping->was_running)
    return true;
  cop_domain_save_status (domain, note);
  if (!cop_vm_pause (domain->vm, error))
    {
      cop_domain_save_status (domain, NULL);
      return false;
    }
  dumping->paused = true;
  g_mutex_lock (&domain->lock);
  cop_domain_set_state (domain, COP_DOMAIN_PAUSED, COP_PAUSED_DUMP);
  g_mutex_unlock (&domain->lock);
  cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_SUSPENDED, 0);
  return true;
}

static void
let_go_on (Dumping *dumping)
{
  CopDomain *domain = dumping->domain;
  g_autoptr (GError) error = NULL;

  if (!dumping->paused)
    return;
  dumping->paused = false;
  if (cop_vm_resume (domain->vm, &error))
    {
      g_mutex_lock (&domain->lock);
      cop_domain_set_state (domain, COP_DOMAIN_RUNNING, COP_RUNNING_UNPAUSED);
      g_mutex_unlock (&domain->lock);
      cop_domain_tell_lifecycle (domain, COP_LIFECYCLE_RESUMED, 0);
    }
  else if (cop_vm_status (domain->vm) != COP_VM_GONE)
    g_warning ("domain '%s' stays paused: %s", domain->name, error->message);
  cop_domain_save_status (domain, NULL);
}

static void
on_progress (gpointer data, uint64_t done, uint64_t total)
{
  cop_domain_set_job_progress (data, done, total);
}

static bool
write_header (int fd, GBytes *header, const char *path, GError **error)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (header, &length);

  for (gsize done = 0; done < length;)
    {
      ssize_t n = write (fd, data + done, length - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return cop_store_fail (error, errno, _ ("cannot write"), path);
      done += (gsize) n;
    }
  return true;
}

/* Writes the file under its name for the time being. */
static bool
write_core (Dumping *dumping, GError **error)
{
  CopDomain *domain = dumping->domain;
  bool live = (dumping->flags & COP_DUMP_LIVE) != 0;
  /* In whole pages, as machines have it. */
  uint64_t memory = (domain->running->memory + PAGE - 1) / PAGE * PAGE;
  g_autoptr (CopMachineState) state = NULL;
  g_autoptr (GBytes) header = NULL;
  cop_autofd int fd =
    open (dumping->beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return cop_store_fail (error, errno, _ ("cannot write"), dumping->beside);
  if (!pause_guest (dumping, error))
    return false;
  state = cop_vm_save_state (domain->vm, error);
  if (state == NULL)
    return false;
  if (live)
    let_go_on (dumping);
  header = cop_core_dump_header (state, memory);
  if (!write_header (fd, header, dumping->beside, error) ||
      !cop_vm_dump_memory (domain->vm, fd, g_bytes_get_size (header),
                           cop_domain_job_cancellable (domain), on_progress, domain, error))
    return false;
  if (fdatasync (fd) < 0)
    return cop_store_fail (error, errno, _ ("cannot write"), dumping->beside);
  if ((dumping->flags & COP_DUMP_BYPASS_CACHE) != 0)
    posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  if (rename (dumping->beside, dumping->path) < 0)
    return cop_store_fail (error, errno, _ ("cannot write"), dumping->path);
  return true;
}

/* What the client wants of the guest once the file is there. */
static bool
follow_up (Dumping *dumping, GError **error)
{
  CopDomain *domain = dumping->domain;
  const CopDomainEvent reboot = { .kind = COP_DOMAIN_EVENT_REBOOT };

  if ((dumping->flags & COP_DUMP_CRASH) != 0)
    {
      cop_domain_stop (domain, false, COP_SHUTOFF_CRASHED, 2);
      return true;
    }
  if ((dumping->flags & COP_DUMP_RESET) != 0)
    {
      if (!cop_vm_reset (domain->vm, error))
        return false;
      cop_domain_tell (domain, &reboot);
    }
  return true;
}

/* The job is held and the domain active. */
static bool
dump_with_job (CopDomain *domain, const char *path, unsigned flags, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *beside = cop_durable_beside (name);
  g_auto (Dumping) dumping = { .domain = domain, .path = path, .flags = flags };
  bool ok;

  dumping.beside = g_build_filename (folder, beside, NULL);
  dumping.was_running = domain->state == COP_DOMAIN_RUNNING;
  ok = write_core (&dumping, error);
  if (ok)
    {
      cop_domain_set_job_result (domain, COP_JOB_TYPE_COMPLETED);
      ok = follow_up (&dumping, error);
      if ((flags & COP_DUMP_CRASH) == 0)
        let_go_on (&dumping);
      return ok;
    }
  unlink (dumping.beside);
  let_go_on (&dumping);
  if (error != NULL && g_error_matches (*error, COP_VM_ERROR, COP_VM_ERROR_CANCELLED))
    {
      cop_domain_set_job_result (domain, COP_JOB_TYPE_CANCELLED);
      g_clear_error (error);
      cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_ABORTED,
                       _ ("dump job: canceled by client"));
    }
  return false;
}

bool
cop_domain_core_dump (CopDomain *domain, const char *path, unsigned flags, GError **error)
{
  /* What follows a dump, of which there can be one. */
  const unsigned choice = COP_DUMP_CRASH | COP_DUMP_LIVE | COP_DUMP_RESET;
  bool active, ok;

  if (__builtin_popcount (flags & choice) > 1)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("crash, live and reset are mutually exclusive"));
  if (!g_path_is_absolute (path))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("'%s' is not an absolute path"),
                            path);
  if (!cop_domain_begin_job (domain, COP_JOB_DUMP, error))
    return false;
  g_mutex_lock (&domain->lock);
  active = cop_domain_need_active (domain, error);
  g_mutex_unlock (&domain->lock);
  ok = active && dump_with_job (domain, path, flags, error);
  cop_domain_end_job (domain);
  return ok;
}
