/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GLib's locks, as the thread sanitizer must see them.
 *
 *   our code --> g_mutex_lock here --> GLib's --> futex
 *                       |
 *                       +--> __tsan_acquire
 *
 * GLib takes its mutexes with bare futexes and is not instrumented, so that the sanitizer would
 * take whatever they guard for a race. These functions come before GLib's in the program, and are
 * in it only when it is built with -Db_sanitize=thread.
 */
#include <dlfcn.h>
#include <glib-unix.h>
#include <glib.h>

void __tsan_acquire (void *address);
void __tsan_release (void *address);
void AnnotateIgnoreWritesBegin (const char *file, int line);
void AnnotateIgnoreWritesEnd (const char *file, int line);

/* The function of this name that comes after ours: GLib's. */
#define NEXT(name)                                                                                 \
  ({                                                                                               \
    static void *cached;                                                                           \
    void *next = __atomic_load_n (&cached, __ATOMIC_RELAXED);                                      \
                                                                                                   \
    if (next == NULL)                                                                              \
      {                                                                                            \
        next = dlsym (RTLD_NEXT, #name);                                                           \
        __atomic_store_n (&cached, next, __ATOMIC_RELAXED);                                        \
      }                                                                                            \
    (__typeof__ (name) *) next;                                                                    \
  })

/* clang-format off */
#define LOCKS(lock, unlock, trylock, Type) \
  void lock (Type *on)                     \
  {                                        \
    NEXT (lock) (on);                      \
    __tsan_acquire (on);                   \
  }                                        \
                                           \
  void unlock (Type *on)                   \
  {                                        \
    __tsan_release (on);                   \
    NEXT (unlock) (on);                    \
  }                                        \
                                           \
  gboolean trylock (Type *on)              \
  {                                        \
    gboolean got = NEXT (trylock) (on);    \
                                           \
    if (got)                               \
      __tsan_acquire (on);                 \
    return got;                            \
  }
/* clang-format on */

LOCKS (g_mutex_lock, g_mutex_unlock, g_mutex_trylock, GMutex)
LOCKS (g_rec_mutex_lock, g_rec_mutex_unlock, g_rec_mutex_trylock, GRecMutex)
LOCKS (g_rw_lock_writer_lock, g_rw_lock_writer_unlock, g_rw_lock_writer_trylock, GRWLock)
LOCKS (g_rw_lock_reader_lock, g_rw_lock_reader_unlock, g_rw_lock_reader_trylock, GRWLock)

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  NEXT (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = NEXT (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

/* What GLib hands from one thread to another by ways that the sanitizer does not see: the counts of
 * references, and the data of functions that are called elsewhere. */
void
g_object_unref (gpointer object)
{
  __tsan_acquire (object);
  __tsan_release (object);
  NEXT (g_object_unref) (object);
}

gboolean
g_atomic_ref_count_dec (gatomicrefcount *count)
{
  __tsan_acquire (count);
  __tsan_release (count);
  return NEXT (g_atomic_ref_count_dec) (count);
}

typedef struct
{
  GFunc func;
  GSourceFunc source_func;
  gpointer data;
  GDestroyNotify notify;
} Handed;

static void
run_handed (gpointer item, gpointer user_data)
{
  Handed *handed = user_data;

  __tsan_acquire (item);
  handed->func (item, handed->data);
  __tsan_release (handed);
}

GThreadPool *
g_thread_pool_new (GFunc func, gpointer data, gint max, gboolean exclusive, GError **error)
{
  Handed *handed = g_new0 (Handed, 1); /* lives as long as the program */

  handed->func = func;
  handed->data = data;
  return NEXT (g_thread_pool_new) (run_handed, handed, max, exclusive, error);
}

/* GLib frees a pool on whichever thread is the last. */
__attribute__ ((no_sanitize_thread, noipa)) static gpointer
handed_of (const GThreadPool *pool)
{
  return pool->user_data;
}

/* Whoever waits for the end sees what was done. */
void
g_thread_pool_free (GThreadPool *pool, gboolean immediate, gboolean wait)
{
  gpointer handed = handed_of (pool);

  NEXT (g_thread_pool_free) (pool, immediate, wait);
  __tsan_acquire (handed);
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer item, GError **error)
{
  __tsan_release (item);
  return NEXT (g_thread_pool_push) (pool, item, error);
}

/* What initialises once is seen by whoever finds that it was done, or waited for it. */
gboolean (g_once_init_enter) (volatile void *location)
{
  gboolean first = NEXT (g_once_init_enter) (location);

  __tsan_acquire ((void *) location);
  return first;
}

void (g_once_init_leave) (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  NEXT (g_once_init_leave) (location, result);
}

static gboolean
run_handed_source (gpointer data)
{
  Handed *handed = data;

  __tsan_acquire (handed);
  return handed->source_func (handed->data);
}

/* The same for a descriptor's source, whose callback's data comes last. */
static gboolean
run_handed_fd (gint fd, GIOCondition condition, gpointer data)
{
  Handed *handed = data;

  __tsan_acquire (handed);
  return ((GUnixFDSourceFunc) (void (*) (void)) handed->source_func) (fd, condition, handed->data);
}

/* Frees what the thread of the context has allocated, with the context's lock held. */
void
g_source_remove_unix_fd (GSource *source, gpointer tag)
{
  AnnotateIgnoreWritesBegin (__FILE__, __LINE__);
  NEXT (g_source_remove_unix_fd) (source, tag);
  AnnotateIgnoreWritesEnd (__FILE__, __LINE__);
}

static void
free_handed_source (gpointer data)
{
  Handed *handed = data;

  __tsan_acquire (handed);
  if (handed->notify != NULL)
    handed->notify (handed->data);
  g_free (handed);
}

void
g_source_set_callback (GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  Handed *handed;

  /* Others' functions take other arguments. */
  if (source->source_funcs != &g_idle_funcs && source->source_funcs != &g_timeout_funcs &&
      source->source_funcs != &g_unix_fd_source_funcs)
    {
      NEXT (g_source_set_callback) (source, func, data, notify);
      return;
    }
  handed = g_new0 (Handed, 1);
  handed->source_func = func;
  handed->data = data;
  handed->notify = notify;
  __tsan_release (handed);
  NEXT (g_source_set_callback)
  (source,
   source->source_funcs == &g_unix_fd_source_funcs ? (GSourceFunc) (void (*) (void)) run_handed_fd
                                                   : run_handed_source,
   handed, free_handed_source);
}

void
g_main_context_invoke_full (GMainContext *context, gint priority, GSourceFunc func, gpointer data,
                            GDestroyNotify notify)
{
  Handed *handed = g_new0 (Handed, 1);

  handed->source_func = func;
  handed->data = data;
  handed->notify = notify;
  __tsan_release (handed);
  NEXT (g_main_context_invoke_full)
  (context, priority, run_handed_source, handed, free_handed_source);
}

void
g_main_context_invoke (GMainContext *context, GSourceFunc func, gpointer data)
{
  g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, func, data, NULL);
}
