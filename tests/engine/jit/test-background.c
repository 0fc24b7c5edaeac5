/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The background thread's queue: what it does, in which order, and what it forgets; and the end of a
 * machine while the thread works for it.
 */
#include "../boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/jit/background.h"
#include "engine/machine.h"

/* A worker that notes its jobs, and stands still in the first one until it is let go. */
typedef struct
{
  GMutex lock;
  GCond changed;
  uint64_t done[256];
  unsigned n_done;
  bool started, go;
} Worker;

static void
work (gpointer data, const CopJitJob *job)
{
  Worker *worker = data;

  g_mutex_lock (&worker->lock);
  worker->started = true;
  g_cond_broadcast (&worker->changed);
  while (!worker->go)
    g_cond_wait (&worker->changed, &worker->lock);
  worker->done[worker->n_done++] = job->gpa;
  g_cond_broadcast (&worker->changed);
  g_mutex_unlock (&worker->lock);
}

static void
let_go (Worker *worker)
{
  g_mutex_lock (&worker->lock);
  worker->go = true;
  g_cond_broadcast (&worker->changed);
  g_mutex_unlock (&worker->lock);
}

static void
wait_started (Worker *worker)
{
  g_mutex_lock (&worker->lock);
  while (!worker->started)
    g_cond_wait (&worker->changed, &worker->lock);
  g_mutex_unlock (&worker->lock);
}

static void
wait_done (Worker *worker, unsigned n)
{
  g_mutex_lock (&worker->lock);
  while (worker->n_done < n)
    g_cond_wait (&worker->changed, &worker->lock);
  g_mutex_unlock (&worker->lock);
}

static bool
push (CopJitBackground *background, uint64_t gpa, uint32_t mode)
{
  CopJitJob job = { .kind = COP_JIT_JOB_TRANSLATE, .gpa = gpa, .mode = mode };

  return cop_jit_background_push (background, &job);
}

static void
test_order (void)
{
  Worker worker = { .n_done = 0 };
  CopJitBackground *background = cop_jit_background_new (work, &worker);

  g_test_summary ("Jobs are done in order; what is queued already is not queued again");
  g_assert_true (push (background, 100, 0));
  wait_started (&worker);
  for (uint64_t gpa = 1; gpa <= 10; gpa++)
    g_assert_true (push (background, gpa, 0));
  g_assert_true (push (background, 5, 0));
  g_assert_true (push (background, 5, 1));
  let_go (&worker);
  wait_done (&worker, 12);
  g_assert_cmpuint (worker.done[0], ==, 100);
  for (unsigned i = 1; i <= 10; i++)
    g_assert_cmpuint (worker.done[i], ==, i);
  g_assert_cmpuint (worker.done[11], ==, 5);
  cop_jit_background_free (background);
  g_assert_cmpuint (worker.n_done, ==, 12);
}

static void
test_kinds (void)
{
  Worker worker = { .n_done = 0 };
  CopJitBackground *background = cop_jit_background_new (work, &worker);
  CopJitJob job = { .kind = COP_JIT_JOB_OPTIMISE };

  g_test_summary ("What is hot runs already: it waits while there is code that does not");
  g_assert_true (push (background, 100, 0));
  wait_started (&worker);
  for (job.gpa = 1; job.gpa <= 3; job.gpa++)
    g_assert_true (cop_jit_background_push (background, &job));
  /* The same place may be asked for by both kinds. */
  g_assert_true (push (background, 2, 0));
  g_assert_true (push (background, 7, 0));
  let_go (&worker);
  wait_done (&worker, 6);
  g_assert_cmpuint (worker.done[1], ==, 2);
  g_assert_cmpuint (worker.done[2], ==, 7);
  for (unsigned i = 1; i <= 3; i++)
    g_assert_cmpuint (worker.done[2 + i], ==, i);
  cop_jit_background_free (background);
}

static void
test_full (void)
{
  Worker worker = { .n_done = 0 };
  CopJitBackground *background = cop_jit_background_new (work, &worker);
  unsigned queued = 0;

  g_test_summary ("A full queue takes no more, and says so, until there is room again");
  g_assert_true (push (background, 100, 0));
  wait_started (&worker);
  while (queued < 200 && push (background, queued, 1))
    queued++;
  g_assert_cmpuint (queued, >, 0);
  g_assert_cmpuint (queued, <, 200);
  let_go (&worker);
  wait_done (&worker, 1 + queued);
  g_assert_true (push (background, 100, 1));
  wait_done (&worker, 2 + queued);
  cop_jit_background_free (background);
}

static gpointer
let_go_later (gpointer data)
{
  g_usleep (10000);
  let_go (data);
  return NULL;
}

static void
test_drain (void)
{
  Worker worker = { .n_done = 0 };
  CopJitBackground *background = cop_jit_background_new (work, &worker);
  GThread *other;

  g_test_summary ("Behind a drain nothing is in work, nor will be");
  cop_jit_background_drain (background);
  g_assert_true (push (background, 1, 0));
  wait_started (&worker);
  g_assert_true (push (background, 2, 0));
  other = g_thread_new ("other", let_go_later, &worker);
  cop_jit_background_drain (background);
  g_assert_cmpuint (worker.n_done, ==, 1);
  g_assert_true (push (background, 3, 0));
  wait_done (&worker, 2);
  g_assert_cmpuint (worker.done[1], ==, 3);
  g_thread_join (other);
  cop_jit_background_free (background);
}

static void
test_free (void)
{
  Worker worker = { .n_done = 0 };
  CopJitBackground *background = cop_jit_background_new (work, &worker);
  GThread *other;

  g_test_summary ("It ends without doing what is queued, and without having begun");
  cop_jit_background_free (background);
  background = cop_jit_background_new (work, &worker);
  g_assert_true (push (background, 1, 0));
  wait_started (&worker);
  for (uint64_t gpa = 2; gpa < 40; gpa++)
    g_assert_true (push (background, gpa, 0));
  other = g_thread_new ("other", let_go_later, &worker);
  cop_jit_background_free (background);
  g_assert_cmpuint (worker.n_done, ==, 1);
  g_thread_join (other);
}

typedef struct
{
  CopMachine *machine;
  bool installed, ending; /* atomic */
  bool looked;
} Ending;

/* Takes its time until the machine is being freed, and then looks at what it was told about. */
static void
look_at_the_end (gpointer data, const CopCodeUnit *unit)
{
  Ending *ending = data;

  (void) unit;
  __atomic_store_n (&ending->installed, true, __ATOMIC_RELEASE);
  for (unsigned i = 0; i < 1000 && !__atomic_load_n (&ending->ending, __ATOMIC_ACQUIRE); i++)
    g_usleep (1000);
  g_usleep (20000);
  g_assert_true (cop_machine_hart (ending->machine, 0)->machine == ending->machine);
  ending->looked = true;
}

static void
test_machine_ends (void)
{
  /* Often enough for a translation, and not for the hart to want one so much that it waits. */
  static const uint32_t code[] = {
    0x02800293, /*        addi t0, zero, 40 */
    0xfff28293, /* again: addi t0, t0, -1 */
    0xfe029ee3, /*        bne  t0, zero, again */
    0x10500073, /* sleep: wfi */
    0xffdff06f, /*        jal  zero, sleep */
  };
  const uint64_t kernel = COP_DRAM_GPA + 2 * COP_MIB;
  TestSegment segment = {
    .gpa = kernel, .bytes = code, .file_size = sizeof code, .memory_size = sizeof code
  };
  CopMachineConfig *config =
    test_config_new (COP_BOOT_BARE, test_elf_new (kernel, 0, &segment, 1, NULL));
  g_autoptr (GError) error = NULL;
  Ending ending = { .machine = NULL };

  g_test_summary ("A machine that is freed has its harts until the translation in work is done");
  config->engine = "hybrid";
  config->engine_config.background = true;
  config->engine_config.installed = look_at_the_end;
  config->engine_config.installed_data = &ending;
  ending.machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (cop_machine_resume (ending.machine, &error));
  g_assert_no_error (error);
  while (!__atomic_load_n (&ending.installed, __ATOMIC_ACQUIRE))
    g_usleep (100);
  __atomic_store_n (&ending.ending, true, __ATOMIC_RELEASE);
  cop_machine_free (ending.machine);
  g_assert_true (ending.looked);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/background/order", test_order);
  g_test_add_func ("/jit/background/kinds", test_kinds);
  g_test_add_func ("/jit/background/full", test_full);
  g_test_add_func ("/jit/background/drain", test_drain);
  g_test_add_func ("/jit/background/free", test_free);
  g_test_add_func ("/jit/background/machine-ends", test_machine_ends);
  return g_test_run ();
}
