/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Requests between harts, and sleep: threads that ask each other all the time.
 */
#include "engine/engine.h"
#include "hart-fixture.h"

#define N_HARTS 4
#define ROUNDS 2000

/* What a hart remembers of the world, as an engine remembers code. */
typedef struct
{
  uint64_t seen;                /* the version when it last dropped its code */
  unsigned n_drops;
} Memory;

typedef struct
{
  TestHart test[N_HARTS];
  Memory   memory[N_HARTS];
  uint64_t version;             /* atomic: the world's */
  uint64_t agreed;              /* atomic: every hart has dropped what is older */
  unsigned n_done;              /* atomic: threads that are through */
} World;

static void
drop_code (CopEngine *engine, CopHart *hart, uint64_t gpa, uint64_t length)
{
  World *world = (World *) (void *) engine->machine;
  Memory *memory = hart->engine_data;

  (void) gpa;
  (void) length;
  memory->seen = __atomic_load_n (&world->version, __ATOMIC_SEQ_CST);
  memory->n_drops++;
}

static const CopEngineOps ops = { .name = "test", .drop_code = drop_code };

static void
world_init (World *world, CopEngine *engine)
{
  *world = (World){ 0 };
  *engine = (CopEngine){ .ops = &ops, .machine = (CopMachine *) (void *) world };
  for (unsigned i = 0; i < N_HARTS; i++)
    {
      world->test[i] = test_hart_new (cop_isa_default ());
      world->test[i].hart->engine = engine;
      world->test[i].hart->engine_data = &world->memory[i];
    }
}

static void
world_clear (World *world)
{
  for (unsigned i = 0; i < N_HARTS; i++)
    test_hart_free (&world->test[i]);
}

static void
ask (CopHart *hart, int *unanswered)
{
  const CopRequest request = { .kind = COP_REQUEST_DROP_CODE, .unanswered = unanswered };

  cop_hart_request (hart, &request);
}

/* Asks every other hart, waits, and then says to the world what all of them know. */
static void
ask_all (World *world, CopHart *self)
{
  uint64_t version = __atomic_add_fetch (&world->version, 1, __ATOMIC_SEQ_CST);
  uint64_t agreed = __atomic_load_n (&world->agreed, __ATOMIC_SEQ_CST);
  Memory *memory = self->engine_data;
  int unanswered = N_HARTS - 1;

  for (unsigned i = 0; i < N_HARTS; i++)
    if (world->test[i].hart != self)
      ask (world->test[i].hart, &unanswered);
  cop_hart_wait_answers (self, &unanswered);
  g_assert_cmpint (unanswered, ==, 0);
  memory->seen = MAX (memory->seen, version);
  while (agreed < version &&
         !__atomic_compare_exchange_n (&world->agreed, &agreed, version, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST))
    ;
}

typedef struct
{
  World   *world;
  unsigned id;
} Runner;

/* A hart: runs, polls, asks, parks and sleeps. */
static gpointer
run_hart (gpointer data)
{
  Runner *runner = data;
  World *world = runner->world;
  CopHart *hart = world->test[runner->id].hart;
  Memory *memory = hart->engine_data;
  uint32_t random = runner->id * 2654435761u + 1;

  hart->s.mie = COP_IRQ_BIT (COP_IRQ_MSI);
  cop_hart_unpark (hart);
  for (unsigned round = 0; round < ROUNDS; round++)
    {
      uint64_t agreed = __atomic_load_n (&world->agreed, __ATOMIC_SEQ_CST);

      /* Guest code: it must not act on what all had agreed to forget. */
      g_assert_cmpuint (memory->seen, >=, agreed);

      random = random * 1664525 + 1013904223;
      switch (random >> 28)
        {
        case 0:
        case 1:
        case 2:
          ask_all (world, hart);
          break;
        case 3:
          cop_hart_park (hart);
          g_thread_yield ();
          cop_hart_unpark (hart);
          break;
        case 4:
          cop_hart_set_irq (hart, COP_IRQ_MSI, false);
          hart->s.waiting = true;
          cop_hart_sleep (hart);
          g_assert_false (hart->s.waiting);
          break;
        default:
          if (__atomic_load_n (&hart->pending, __ATOMIC_RELAXED) != 0)
            g_assert_true (cop_hart_poll (hart));
        }
    }
  cop_hart_park (hart);
  __atomic_add_fetch (&world->n_done, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static gpointer
run_waker (gpointer data)
{
  World *world = data;

  while (__atomic_load_n (&world->n_done, __ATOMIC_SEQ_CST) < N_HARTS)
    {
      for (unsigned i = 0; i < N_HARTS; i++)
        cop_hart_set_irq (world->test[i].hart, COP_IRQ_MSI, true);
      g_thread_yield ();
    }
  return NULL;
}

static void
test_all_ask_all (void)
{
  World world;
  CopEngine engine;
  Runner runners[N_HARTS];
  GThread *threads[N_HARTS], *waker;

  g_test_summary ("harts that wait for each other, sleep and park never hang, and an answer means "
                  "that no guest code runs on old knowledge");
  world_init (&world, &engine);
  for (unsigned i = 0; i < N_HARTS; i++)
    {
      runners[i] = (Runner){ &world, i };
      threads[i] = g_thread_new ("hart", run_hart, &runners[i]);
    }
  waker = g_thread_new ("waker", run_waker, &world);
  for (unsigned i = 0; i < N_HARTS; i++)
    g_thread_join (threads[i]);
  g_thread_join (waker);
  g_assert_cmpuint (world.agreed, >, 0);
  world_clear (&world);
}

static void
test_parked_answers_at_once (void)
{
  World world;
  CopEngine engine;
  CopHart *hart;
  int unanswered = 1;

  g_test_summary ("a parked hart answers before it knows, and knows before it runs");
  world_init (&world, &engine);
  hart = world.test[0].hart;
  world.version = 5;
  ask (hart, &unanswered);
  g_assert_cmpint (unanswered, ==, 0);
  g_assert_cmpuint (world.memory[0].seen, ==, 0);
  cop_hart_unpark (hart);
  g_assert_cmpuint (world.memory[0].seen, ==, 5);
  g_assert_cmphex (hart->pending, ==, 0);

  unanswered = 1;
  ask (hart, &unanswered);
  g_assert_cmpint (unanswered, ==, 1);
  g_assert_cmphex (hart->pending, ==, COP_PENDING_REQUEST);
  g_assert_true (cop_hart_poll (hart));
  g_assert_cmpint (unanswered, ==, 0);
  g_assert_cmpuint (world.memory[0].n_drops, ==, 2);
  world_clear (&world);
}

static void
test_queue_is_bounded (void)
{
  World world;
  CopEngine engine;
  CopHart *hart;
  int unanswered[3] = { 0 };

  g_test_summary ("a hart that does not answer costs bounded memory, and still answers everybody");
  world_init (&world, &engine);
  hart = world.test[0].hart;
  for (unsigned parked = 0; parked < 2; parked++)
    {
      unsigned drops = world.memory[0].n_drops;

      if (parked)
        cop_hart_park (hart);
      else
        cop_hart_unpark (hart);
      for (unsigned i = 0; i < 100000; i++)
        {
          CopRequest request = { .kind = i % 2 ? COP_REQUEST_SFENCE : COP_REQUEST_DROP_CODE,
                                 .address = i * COP_PAGE_SIZE,
                                 .length = COP_PAGE_SIZE,
                                 .asid = i,
                                 .unanswered = i % 4 == 3 ? NULL : &unanswered[i % 4] };

          if (request.unanswered != NULL)
            unanswered[i % 4]++;
          cop_hart_request (hart, &request);
        }
      g_assert_cmpuint (hart->requests->len, <=, 1024);
      if (parked)
        cop_hart_unpark (hart);
      else
        g_assert_true (cop_hart_poll (hart));
      for (unsigned i = 0; i < G_N_ELEMENTS (unanswered); i++)
        g_assert_cmpint (unanswered[i], ==, 0);
      g_assert_cmpuint (world.memory[0].n_drops, >, drops);
    }
  world_clear (&world);
}

static void
test_lines_of_a_page (void)
{
  World world;
  CopEngine engine;
  CopHart *hart;

  g_test_summary ("a page that is filled anew, line by line, is one request to drop its code");
  world_init (&world, &engine);
  hart = world.test[0].hart;
  cop_hart_unpark (hart);
  for (unsigned i = 0; i < 256; i++)
    {
      CopRequest request = { .kind = COP_REQUEST_DROP_CODE, .address = 0x80000000 + i * 64,
                             .length = 64 };

      cop_hart_request (hart, &request);
    }
  g_assert_cmpuint (hart->requests->len, ==, 4);
  for (unsigned i = 0; i < 4; i++)
    {
      const CopRequest *request = &g_array_index (hart->requests, CopRequest, i);

      g_assert_cmphex (request->address, ==, 0x80000000 + i * COP_PAGE_SIZE);
      g_assert_cmphex (request->length, ==, COP_PAGE_SIZE);
    }
  g_assert_true (cop_hart_poll (hart));
  cop_hart_park (hart);
  world_clear (&world);
}

/* A write that a running hart did before it lost its write entry, seen by whoever read before. */
static void
count_written (gpointer data, uint64_t gpa, uint64_t length)
{
  (void) gpa;
  *(uint64_t *) data += length;
}

static void
test_collapse_reports_writes (void)
{
  World world;
  CopEngine engine;
  CopHart *hart;
  CopRam *ram;
  uint64_t written = 0;
  int unanswered = 0;

  g_test_summary ("what a running hart may have stored is reported, even by a collapsed queue");
  world_init (&world, &engine);
  hart = world.test[0].hart;
  ram = world.test[0].ram;
  ram->code_written = count_written;
  ram->code_written_data = &written;
  for (unsigned parked = 0; parked < 2; parked++)
    {
      CopPage *page = cop_ram_page (ram, TEST_RAM_GPA);

      if (!parked)
        cop_hart_unpark (hart);
      page->code = 1;
      page->writers = 1;
      written = 0;
      for (unsigned i = 0; i < 1000; i++)
        {
          unanswered++;
          cop_hart_request (hart, &(CopRequest){ .kind = COP_REQUEST_REVOKE_WRITE,
                                                 .address = TEST_RAM_GPA,
                                                 .length = COP_PAGE_SIZE,
                                                 .unanswered = &unanswered });
        }
      cop_hart_park (hart);
      g_assert_cmpint (unanswered, ==, 0);
      g_assert_true ((written > 0) == !parked);
    }
  world_clear (&world);
}

static gpointer
sleep_once (gpointer data)
{
  CopHart *hart = data;

  cop_hart_unpark (hart);
  cop_hart_sleep (hart);
  cop_hart_park (hart);
  return NULL;
}

static void
test_what_ends_sleep (void)
{
  World world;
  CopEngine engine;
  CopHart *hart;
  GThread *thread;
  int unanswered = 1;

  g_test_summary ("requests and interrupts that mie does not enable leave a hart asleep");
  world_init (&world, &engine);
  hart = world.test[0].hart;
  hart->s.mie = COP_IRQ_BIT (COP_IRQ_SEI);
  hart->s.waiting = true;
  thread = g_thread_new ("hart", sleep_once, hart);
  while (!__atomic_load_n (&hart->asleep, __ATOMIC_SEQ_CST))
    g_thread_yield ();
  cop_hart_set_irq (hart, COP_IRQ_MTI, true);
  ask (hart, &unanswered);
  g_assert_cmpint (unanswered, ==, 0);
  for (unsigned i = 0; i < 100; i++)
    g_thread_yield ();
  g_assert_true (__atomic_load_n (&hart->asleep, __ATOMIC_SEQ_CST));

  cop_hart_kick (hart, COP_PENDING_STOP);
  g_thread_join (thread);
  g_assert_true (hart->s.waiting);
  g_assert_cmpuint (world.memory[0].n_drops, ==, 1);

  cop_hart_clear_pending (hart, COP_PENDING_STOP);
  thread = g_thread_new ("hart", sleep_once, hart);
  cop_hart_set_irq (hart, COP_IRQ_SEI, true);
  g_thread_join (thread);
  g_assert_false (hart->s.waiting);
  world_clear (&world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/riscv/request/all-ask-all", test_all_ask_all);
  g_test_add_func ("/engine/riscv/request/parked", test_parked_answers_at_once);
  g_test_add_func ("/engine/riscv/request/bounded", test_queue_is_bounded);
  g_test_add_func ("/engine/riscv/request/lines-of-a-page", test_lines_of_a_page);
  g_test_add_func ("/engine/riscv/request/collapse-reports-writes", test_collapse_reports_writes);
  g_test_add_func ("/engine/riscv/request/what-ends-sleep", test_what_ends_sleep);
  return g_test_run ();
}
