/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What other threads ask of a hart, and how it sleeps.
 *
 *   running   requests queue up, COP_PENDING_REQUEST is set; the hart answers between instructions
 *   parked    requests queue up and count as answered at once: before the hart touches guest memory
 *             again it unparks, and does what is queued first
 *
 * A hart that waits for answers is parked while it waits. Every hart is thus either running guest
 * code, and polls, or parked, and needs no answer: no ring of harts can wait for each other.
 * Letting the asker work on a parked hart's TLBs under its lock was refused: every structure behind
 * a request would have needed that lock, and a sleeping hart's caches would be pulled to another
 * core for each fence.
 *
 * A queue holds QUEUE_LIMIT requests at most. A longer one, of a hart that sleeps for long, turns
 * into one COP_REQUEST_ALL and the counters of those who wait.
 */
#include "engine/engine.h"
#include "engine/riscv/hart-private.h"
#include "engine/riscv/mmu.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUEUE_LIMIT 1024

/* Looks at the counter that often before it sleeps: answers come in well under a microsecond when
   the other hart runs. */
#define SPINS 200

#if defined (__x86_64__)
#define RELAX() __builtin_ia32_pause ()
#else
#define RELAX() __asm__ volatile ("" ::: "memory")
#endif

static void
futex_wait (int *word, int value)
{
  syscall (SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void
futex_wake (int *word)
{
  syscall (SYS_futex, word, FUTEX_WAKE_PRIVATE, G_MAXINT, NULL, NULL, 0);
}

/* How many answers @request is worth. */
static int
n_answers (const CopRequest *request)
{
  return request->kind == COP_REQUEST_ALL ? (int) request->length : 1;
}

/* The counter may be gone as soon as it is 0; a wake-up at an address that is something else by
   then wakes at most a loop that looks again. */
static void
count_answers (int *unanswered, int answers)
{
  if (unanswered != NULL && __atomic_sub_fetch (unanswered, answers, __ATOMIC_ACQ_REL) == 0)
    futex_wake (unanswered);
}

static void
drop_code (CopHart *hart, uint64_t gpa, uint64_t length)
{
  if (hart->engine != NULL)
    hart->engine->ops->drop_code (hart->engine, hart, gpa, length);
}

static void
do_request (CopHart *hart, const CopRequest *request)
{
  switch (request->kind)
    {
    case COP_REQUEST_SFENCE:
      cop_mmu_sfence (hart, request->address, request->length, request->asid);
      break;
    case COP_REQUEST_REVOKE_WRITE:
      cop_mmu_revoke_write (hart, request->address, !request->was_parked);
      break;
    case COP_REQUEST_FENCE_I:
      /* What this hart asked of others may be unanswered yet: it waits before it goes on. */
      __atomic_fetch_or (&hart->pending, COP_PENDING_FENCE_I, __ATOMIC_SEQ_CST);
      break;
    case COP_REQUEST_DROP_CODE:
      drop_code (hart, request->address, request->length);
      break;
    case COP_REQUEST_ALL:
      cop_mmu_flush_all (hart);
      drop_code (hart, 0, UINT64_MAX);
      __atomic_fetch_or (&hart->pending, COP_PENDING_FENCE_I, __ATOMIC_SEQ_CST);
      if (!request->was_parked)
        cop_ram_written (hart->ram, hart->ram->dram.gpa, hart->ram->dram.size);
      break;
    }
}

/* Makes the queue one COP_REQUEST_ALL for each counter that is waited on, and one more for the rest.
   The lock is held. */
static void
collapse (GArray *queue)
{
  CopRequest all = { .kind = COP_REQUEST_ALL, .was_parked = true };
  CopRequest *requests = (CopRequest *) queue->data;
  unsigned kept = 0;

  for (unsigned i = 0; i < queue->len; i++)
    {
      int answers = n_answers (&requests[i]);
      unsigned same = 0;

      /* What the hart wrote before it loses its write entries is reported as one lot. */
      if (requests[i].kind == COP_REQUEST_REVOKE_WRITE || requests[i].kind == COP_REQUEST_ALL)
        all.was_parked &= requests[i].was_parked;
      if (requests[i].unanswered == NULL)
        continue;
      while (same < kept && requests[same].unanswered != requests[i].unanswered)
        same++;
      if (same == kept)
        requests[kept++] = (CopRequest){ .kind = COP_REQUEST_ALL,
                                         .was_parked = true,
                                         .length = answers,
                                         .unanswered = requests[i].unanswered };
      else
        requests[same].length += answers;
    }
  g_array_set_size (queue, kept);
  /* First, so that nobody is answered before it is done. */
  g_array_prepend_val (queue, all);
}

/* Makes @request part of the last one in @queue, when both drop code of one page that nobody waits
   for: a page that is filled anew is reported line by line. The lock is held. */
static bool
join_last (GArray *queue, const CopRequest *request)
{
  CopRequest *last;
  uint64_t end;

  if (queue->len == 0 || request->kind != COP_REQUEST_DROP_CODE || request->unanswered != NULL)
    return false;
  last = &g_array_index (queue, CopRequest, queue->len - 1);
  if (last->kind != COP_REQUEST_DROP_CODE || last->unanswered != NULL ||
      last->length > COP_PAGE_SIZE || request->length > COP_PAGE_SIZE ||
      last->address / COP_PAGE_SIZE != request->address / COP_PAGE_SIZE)
    return false;
  end = MAX (last->address + last->length, request->address + request->length);
  last->address = MIN (last->address, request->address);
  last->length = end - last->address;
  return true;
}

void
cop_hart_request (CopHart *hart, const CopRequest *request)
{
  CopRequest queued = *request;
  bool parked;

  g_mutex_lock (&hart->lock);
  parked = hart->parked;
  queued.was_parked = parked;
  if (parked)
    queued.unanswered = NULL;
  if (!join_last (hart->requests, &queued))
    {
      if (hart->requests->len >= QUEUE_LIMIT)
        collapse (hart->requests);
      g_array_append_val (hart->requests, queued);
    }
  __atomic_fetch_or (&hart->pending, COP_PENDING_REQUEST, __ATOMIC_SEQ_CST);
  g_mutex_unlock (&hart->lock);

  if (parked)
    count_answers (request->unanswered, 1);
}

void
cop_hart_answer_requests (CopHart *hart)
{
  GArray *batch;

  g_mutex_lock (&hart->lock);
  batch = hart->requests;
  hart->requests = hart->answering;
  hart->answering = batch;
  cop_hart_clear_pending (hart, COP_PENDING_REQUEST);
  g_mutex_unlock (&hart->lock);

  for (unsigned i = 0; i < batch->len; i++)
    {
      const CopRequest *request = &g_array_index (batch, CopRequest, i);

      do_request (hart, request);
      count_answers (request->unanswered, n_answers (request));
    }
  g_array_set_size (batch, 0);
}

/* Sets parked to @parked at a moment when the queue is empty. */
static void
set_parked (CopHart *hart, bool parked)
{
  g_mutex_lock (&hart->lock);
  while (hart->requests->len > 0)
    {
      g_mutex_unlock (&hart->lock);
      cop_hart_answer_requests (hart);
      g_mutex_lock (&hart->lock);
    }
  hart->parked = parked;
  g_mutex_unlock (&hart->lock);
}

void
cop_hart_park (CopHart *hart)
{
  set_parked (hart, true);
}

void
cop_hart_unpark (CopHart *hart)
{
  set_parked (hart, false);
}

static bool
all_answered (int *unanswered)
{
  return __atomic_load_n (unanswered, __ATOMIC_ACQUIRE) <= 0;
}

void
cop_requests_wait (int *unanswered)
{
  for (unsigned i = 0; i < SPINS && !all_answered (unanswered); i++)
    RELAX ();
  while (!all_answered (unanswered))
    {
      int left = __atomic_load_n (unanswered, __ATOMIC_ACQUIRE);

      if (left > 0)
        futex_wait (unanswered, left);
    }
}

void
cop_hart_wait_answers (CopHart *self, int *unanswered)
{
  bool was_parked;

  if (all_answered (unanswered))
    return;

  g_mutex_lock (&self->lock);
  was_parked = self->parked;
  g_mutex_unlock (&self->lock);
  if (!was_parked)
    cop_hart_park (self);
  cop_requests_wait (unanswered);
  if (!was_parked)
    cop_hart_unpark (self);
}

/* Pairs with the order in cop_hart_sleep(): it sets asleep, then looks at pending; this sets
   pending, then looks at asleep. One of the two sees the other. */
static void
wake (CopHart *hart)
{
  if (!__atomic_load_n (&hart->asleep, __ATOMIC_SEQ_CST))
    return;
  g_mutex_lock (&hart->lock);
  g_cond_signal (&hart->wake);
  g_mutex_unlock (&hart->lock);
}

void
cop_hart_kick (CopHart *hart, uint32_t pending)
{
  __atomic_fetch_or (&hart->pending, pending, __ATOMIC_SEQ_CST);
  wake (hart);
}

void
cop_hart_clear_pending (CopHart *hart, uint32_t pending)
{
  __atomic_fetch_and (&hart->pending, ~pending, __ATOMIC_SEQ_CST);
}

void
cop_hart_set_irq (CopHart *hart, CopIrq irq, bool level)
{
  bool has_line = irq != COP_IRQ_SSI && irq != COP_IRQ_LCOFI;
  uint64_t *word = has_line ? &hart->irq_lines : &hart->s.mip;
  uint64_t bit = COP_IRQ_BIT (irq);

  if (!level)
    __atomic_fetch_and (word, ~bit, __ATOMIC_SEQ_CST);
  else if (!(__atomic_fetch_or (word, bit, __ATOMIC_SEQ_CST) & bit))
    cop_hart_kick (hart, COP_PENDING_IRQ);
}

/* Whether there is a reason to be awake. Only the hart's own thread takes COP_PENDING_IRQ back, and
   before it looks. */
static bool
should_wake (CopHart *hart)
{
  cop_hart_clear_pending (hart, COP_PENDING_IRQ);
  if (cop_hart_irq_waiting (hart))
    {
      hart->s.waiting = false;
      return true;
    }
  return (__atomic_load_n (&hart->pending, __ATOMIC_SEQ_CST) &
          ~(COP_PENDING_IRQ | COP_PENDING_REQUEST | COP_PENDING_FENCE_I)) != 0;
}

void
cop_hart_sleep (CopHart *hart)
{
  uint64_t start = cop_clock_host_ns ();
  bool was_parked;

  g_mutex_lock (&hart->lock);
  was_parked = hart->parked;
  g_mutex_unlock (&hart->lock);
  if (!was_parked)
    cop_hart_park (hart);

  g_mutex_lock (&hart->lock);
  __atomic_store_n (&hart->asleep, true, __ATOMIC_SEQ_CST);
  while (!should_wake (hart))
    g_cond_wait (&hart->wake, &hart->lock);
  __atomic_store_n (&hart->asleep, false, __ATOMIC_SEQ_CST);
  g_mutex_unlock (&hart->lock);

  hart->stats.wfi_ns += cop_clock_host_ns () - start;
  cop_hart_update_irq (hart);
  if (!was_parked)
    cop_hart_unpark (hart);
}
