/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looking at harts' threads by a timer each, on their CPU time.
 */
#include "engine/sampler.h"

#include "engine/host-pc.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 1000000

/* Not SIGPROF, which a program may have its own use for. */
#define SIGNAL (SIGRTMIN + 5)

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct CopSampler
{
  CopHart *hart;                /* (unowned) */
  const CopEngine *engine;      /* (unowned) */
  timer_t  timer;
  uint64_t last_ns;             /* CPU time at the last look */
  uint64_t ns[COP_TIER_LAST];   /* atomic */
  uint64_t samples;             /* atomic */
};

static uint64_t
thread_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

/* In a signal handler on the hart's thread: only stores to what is there. */
static void
look (int number, siginfo_t *info, void *context)
{
  CopSampler *sampler = info->si_value.sival_ptr;
  const CopEngine *engine = sampler->engine;
  uint64_t now = thread_ns ();
  size_t offset = cop_host_pc (context) - (uintptr_t) engine->code;
  CopTier tier = *(volatile uint8_t *) &sampler->hart->tier;

  (void) number;
  if (engine->code != NULL && offset < engine->code_size)
    {
      tier = COP_TIER_CODE;
      if (engine->samples != NULL)
        __atomic_fetch_add (&engine->samples[offset >> COP_SAMPLE_SHIFT], 1, __ATOMIC_RELAXED);
    }
  __atomic_fetch_add (&sampler->ns[tier], now - sampler->last_ns, __ATOMIC_RELAXED);
  __atomic_fetch_add (&sampler->samples, 1, __ATOMIC_RELAXED);
  sampler->last_ns = now;
}

CopSampler *
cop_sampler_start (CopHart *hart, const CopEngine *engine)
{
  const struct itimerspec period = { { 0, PERIOD_NS }, { 0, PERIOD_NS } };
  struct sigaction action = { .sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART };
  CopSampler *sampler = g_new0 (CopSampler, 1);
  struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL };
  sigset_t set;

  sampler->hart = hart;
  sampler->engine = engine;
  sampler->last_ns = thread_ns ();
  event.sigev_value.sival_ptr = sampler;
  event.sigev_notify_thread_id = (int) syscall (SYS_gettid);
  sigemptyset (&action.sa_mask);
  sigemptyset (&set);
  sigaddset (&set, SIGNAL);
  if (!cop_host_has_pc () || sigaction (SIGNAL, &action, NULL) < 0 ||
      timer_create (CLOCK_THREAD_CPUTIME_ID, &event, &sampler->timer) < 0)
    {
      g_free (sampler);
      return NULL;
    }
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
  timer_settime (sampler->timer, 0, &period, NULL);
  return sampler;
}

void
cop_sampler_free (CopSampler *sampler)
{
  const struct timespec no_time = { 0 };
  sigset_t set;

  /* What was sent before the timer went must not find the sampler gone. */
  sigemptyset (&set);
  sigaddset (&set, SIGNAL);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  timer_delete (sampler->timer);
  while (sigtimedwait (&set, NULL, &no_time) > 0)
    ;
  g_free (sampler);
}

void
cop_sampler_read (const CopSampler *sampler, uint64_t us[COP_TIER_LAST], uint64_t *samples)
{
  for (unsigned i = 0; i < COP_TIER_LAST; i++)
    us[i] += __atomic_load_n (&sampler->ns[i], __ATOMIC_RELAXED) / 1000;
  *samples += __atomic_load_n (&sampler->samples, __ATOMIC_RELAXED);
}
