/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The call is made on a thread; this one watches for signals and asks how far it is.
 */
#include "vmtool/job.h"
#include "vmtool/terminal.h"

#include <glib/gi18n.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How often progress is asked for, and shown. */
#define PROGRESS_MS 250

typedef struct
{
  CopClient *client;
  int32_t procedure;
  const void *args;
  int done_fd; /* readable when the call has returned */
  bool good;
  GError *error; /* (owned) (nullable) */
} Job;

static gpointer
job_thread (gpointer data)
{
  static const uint64_t one = 1;
  Job *job = data;

  job->good = cop_client_call (job->client, &cop_remote_program, job->procedure, job->args, NULL,
                               &job->error);
  if (write (job->done_fd, &one, sizeof one) < 0)
    g_warning ("eventfd: cannot be written");
  return NULL;
}

static void
show_progress (const VmtDomain *domain, const char *title)
{
  CopRemoteDomainGetJobInfoArgs args = { domain->dom };
  CopRemoteDomainGetJobInfoRet ret;

  if (VMT_DOMAIN_CALL (domain, DOMAIN_GET_JOB_INFO, &args, &ret, NULL) && ret.data_total > 0)
    g_printerr ("\r%s: [%3d %%]", title,
                (int)(100 * (double)ret.data_processed / (double)ret.data_total));
}

static void
wait_for_job (const VmtDomain *domain, const Job *job, const char *title)
{
  struct pollfd fds[] = {
    { .fd = job->done_fd, .events = POLLIN },
    { .fd = vmt_terminal_signal_fd (), .events = POLLIN },
  };

  while (poll (fds, G_N_ELEMENTS (fds), title != NULL ? PROGRESS_MS : -1) <= 0 ||
         (fds[0].revents & POLLIN) == 0)
    {
      if ((fds[1].revents & POLLIN) != 0)
        {
          CopRemoteDomainAbortJobArgs args = { domain->dom };

          fds[1].fd = -1;
          fds[1].revents = 0;
          VMT_DOMAIN_CALL (domain, DOMAIN_ABORT_JOB, &args, NULL, NULL);
        }
      else if (title != NULL)
        show_progress (domain, title);
    }
}

bool
vmt_job_call (const VmtDomain *domain, int32_t procedure, const void *args, const char *title,
              GError **error)
{
  Job job = { domain->client, procedure, args, eventfd (0, EFD_CLOEXEC), false, NULL };
  GThread *thread;

  if (job.done_fd < 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("too many files are open"));
      return false;
    }
  vmt_terminal_listen ();
  thread = g_thread_new ("call", job_thread, &job);
  wait_for_job (domain, &job, title);
  g_thread_join (thread);
  close (job.done_fd);
  if (title != NULL)
    g_printerr (job.good ? "\r%s: [100 %%]\n" : "\r%s: \n", title);
  vmt_terminal_forget_signal ();
  if (job.error != NULL)
    g_propagate_error (error, job.error);
  return job.good;
}
