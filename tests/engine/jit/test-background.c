/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The background thread's queue: what it does, in which order, and what it forgets.
 */
#include "engine/jit/background.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/background/order", test_order);
  g_test_add_func ("/jit/background/full", test_full);
  g_test_add_func ("/jit/background/drain", test_drain);
  g_test_add_func ("/jit/background/free", test_free);
  return g_test_run ();
}
