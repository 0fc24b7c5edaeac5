/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Litmus tests of RVWMO with two to four harts: shapes whose outcome the memory model forbids must not
 * show it, in many thousand runs each.
 *
 * A shape is a function per hart on a cell of two variables, and what must not be. Harts run through
 * a group of cells together, then through the next; the cells' words lie in lines of their own.
 *
 * Source: RISC-V Unprivileged Spec 20240411 ch. 17, appendix A
 */
#include "guest.h"

#define HARTS 4
#define GROUP 64
#define GROUPS 400              /* at most, of one shape */
#define TICKS 1000000           /* 100 ms: the time for one shape, when harts are slow */

typedef struct
{
  volatile uint32_t x __attribute__ ((aligned (64)));
  volatile uint32_t y __attribute__ ((aligned (64)));
  /* What the harts saw. */
  volatile uint32_t r0 __attribute__ ((aligned (64)));
  volatile uint32_t r1 __attribute__ ((aligned (64)));
  volatile uint32_t r2 __attribute__ ((aligned (64)));
  volatile uint32_t r3;
} Cell;

typedef struct
{
  const char *name;
  void      (*harts[HARTS]) (Cell *cell);
  bool      (*forbidden) (const Cell *cell);
} Shape;

#define FENCE(before, after) __asm__ volatile ("fence " #before ", " #after : : : "memory")

static inline uint32_t
load (const volatile uint32_t *word)
{
  uint32_t value;

  __asm__ volatile ("lw %0, 0(%1)" : "=r"(value) : "r"(word) : "memory");
  return value;
}

static inline void
store (volatile uint32_t *word, uint32_t value)
{
  __asm__ volatile ("sw %0, 0(%1)" : : "r"(value), "r"(word) : "memory");
}

#define AMO(order, insn, word, value)                                                              \
  ({                                                                                               \
    uint32_t old_;                                                                                 \
    __asm__ volatile ("amo" #insn ".w" order " %0, %1, (%2)"                                       \
                      : "=r"(old_)                                                                 \
                      : "r"(value), "r"(word)                                                      \
                      : "memory");                                                                 \
    old_;                                                                                          \
  })

/* ---- message passing: the flag is there, so the data must be ---- */

static void mp_write (Cell *c) { store (&c->x, 1); FENCE (w, w); store (&c->y, 1); }
static void mp_read (Cell *c) { c->r0 = load (&c->y); FENCE (r, r); c->r1 = load (&c->x); }
static void mp_write_release (Cell *c) { store (&c->x, 1); AMO (".rl", swap, &c->y, 1); }
static void mp_read_acquire (Cell *c) { c->r0 = AMO (".aq", or, &c->y, 0); c->r1 = load (&c->x); }
static void mp_write_tso (Cell *c) { store (&c->x, 1); __asm__ volatile ("fence.tso" : : : "memory"); store (&c->y, 1); }
static void
mp_read_lr (Cell *c)
{
  uint32_t value;

  __asm__ volatile ("lr.w.aq %0, (%1)" : "=r"(value) : "r"(&c->y) : "memory");
  c->r0 = value;
  c->r1 = load (&c->x);
}
static void
mp_read_dependent (Cell *c)
{
  uint32_t flag, data;

  /* The address depends on the flag, if only in form. */
  __asm__ volatile ("lw %0, 0(%2)\n xor t0, %0, %0\n add t0, t0, %3\n lw %1, 0(t0)"
                    : "=&r"(flag), "=&r"(data)
                    : "r"(&c->y), "r"(&c->x)
                    : "t0", "memory");
  c->r0 = flag;
  c->r1 = data;
}
static bool mp_forbidden (const Cell *c) { return c->r0 == 1 && c->r1 == 0; }

/* ---- store buffering: somebody's store comes first ---- */

static void sb_x (Cell *c) { store (&c->x, 1); FENCE (rw, rw); c->r0 = load (&c->y); }
static void sb_y (Cell *c) { store (&c->y, 1); FENCE (rw, rw); c->r1 = load (&c->x); }
static void sb_x_wr (Cell *c) { store (&c->x, 1); FENCE (w, r); c->r0 = load (&c->y); }
static void sb_y_wr (Cell *c) { store (&c->y, 1); FENCE (w, r); c->r1 = load (&c->x); }
static void sb_x_amo (Cell *c) { AMO (".aqrl", swap, &c->x, 1); c->r0 = AMO (".aqrl", or, &c->y, 0); }
static void sb_y_amo (Cell *c) { AMO (".aqrl", swap, &c->y, 1); c->r1 = AMO (".aqrl", or, &c->x, 0); }
static void
sb_x_lrsc (Cell *c)
{
  __asm__ volatile ("1: lr.w.aqrl t0, (%0)\n sc.w.aqrl t0, %1, (%0)\n bnez t0, 1b"
                    : : "r"(&c->x), "r"(1) : "t0", "memory");
  FENCE (rw, rw);
  c->r0 = load (&c->y);
}
static bool sb_forbidden (const Cell *c) { return c->r0 == 0 && c->r1 == 0; }

/* ---- load buffering: no value out of thin air ---- */

static void lb_x (Cell *c) { uint32_t r = load (&c->x); FENCE (r, w); store (&c->y, 1); c->r0 = r; }
static void lb_y (Cell *c) { uint32_t r = load (&c->y); FENCE (r, w); store (&c->x, 1); c->r1 = r; }
static void
lb_x_data (Cell *c)
{
  uint32_t r;

  __asm__ volatile ("lw %0, 0(%1)\n xor t0, %0, %0\n addi t0, t0, 1\n sw t0, 0(%2)"
                    : "=&r"(r) : "r"(&c->x), "r"(&c->y) : "t0", "memory");
  c->r0 = r;
}
static void
lb_y_data (Cell *c)
{
  uint32_t r;

  __asm__ volatile ("lw %0, 0(%1)\n xor t0, %0, %0\n addi t0, t0, 1\n sw t0, 0(%2)"
                    : "=&r"(r) : "r"(&c->y), "r"(&c->x) : "t0", "memory");
  c->r1 = r;
}
static bool lb_forbidden (const Cell *c) { return c->r0 == 1 && c->r1 == 1; }

/* ---- shapes by final values ---- */

static void r_first (Cell *c) { store (&c->x, 1); FENCE (rw, rw); store (&c->y, 1); }
static void r_second (Cell *c) { store (&c->y, 2); FENCE (rw, rw); c->r0 = load (&c->x); }
static bool r_forbidden (const Cell *c) { return c->y == 2 && c->r0 == 0; }

static void s_first (Cell *c) { store (&c->x, 2); FENCE (w, w); store (&c->y, 1); }
static void s_second (Cell *c) { c->r0 = load (&c->y); FENCE (r, w); store (&c->x, 1); }
static bool s_forbidden (const Cell *c) { return c->r0 == 1 && c->x == 2; }

static void ww_first (Cell *c) { store (&c->x, 1); FENCE (w, w); store (&c->y, 2); }
static void ww_second (Cell *c) { store (&c->y, 1); FENCE (w, w); store (&c->x, 2); }
static bool ww_forbidden (const Cell *c) { return c->x == 1 && c->y == 1; }

/* ---- one location ---- */

static void co_write (Cell *c) { store (&c->x, 1); store (&c->x, 2); }
static void co_read (Cell *c) { c->r0 = load (&c->x); c->r1 = load (&c->x); }
static bool co_forbidden (const Cell *c) { return c->r0 > c->r1; }

/* A store between lr and sc makes sc fail, also a store of the value that lr saw. */
static void
lrsc_add (Cell *c)
{
  uint32_t value, failed;

  __asm__ volatile ("lr.w %0, (%2)\n addi t0, %0, 10\n sc.w %1, t0, (%2)"
                    : "=&r"(value), "=&r"(failed) : "r"(&c->x) : "t0", "memory");
  c->r0 = value;
  c->r1 = failed;
}
static void lrsc_store (Cell *c) { store (&c->x, 2); }
static bool lrsc_forbidden (const Cell *c) { return c->x == 10 || (c->r1 == 0 && c->x == c->r0); }

/* ---- three and four harts: stores reach all others at once ---- */

static void write_x (Cell *c) { store (&c->x, 1); }
static void write_y (Cell *c) { store (&c->y, 1); }
static void wrc_pass (Cell *c) { c->r0 = load (&c->x); FENCE (rw, rw); store (&c->y, 1); }
static void wrc_read (Cell *c) { c->r1 = load (&c->y); FENCE (r, r); c->r2 = load (&c->x); }
static bool wrc_forbidden (const Cell *c) { return c->r0 == 1 && c->r1 == 1 && c->r2 == 0; }
static void iriw_xy (Cell *c) { c->r0 = load (&c->x); FENCE (rw, rw); c->r1 = load (&c->y); }
static void iriw_yx (Cell *c) { c->r2 = load (&c->y); FENCE (rw, rw); c->r3 = load (&c->x); }
static bool
iriw_forbidden (const Cell *c)
{
  return c->r0 == 1 && c->r1 == 0 && c->r2 == 1 && c->r3 == 0;
}
static void amo_add (Cell *c) { AMO ("", add, &c->x, 1); }
static bool amo_forbidden (const Cell *c) { return c->x != HARTS; }

static const Shape shapes[] = {
  { "MP+fence.w.w+fence.r.r", { mp_write, mp_read }, mp_forbidden },
  { "MP+rl+aq", { mp_write_release, mp_read_acquire }, mp_forbidden },
  { "MP+fence.tso+lr.aq", { mp_write_tso, mp_read_lr }, mp_forbidden },
  { "MP+fence.w.w+addr", { mp_write, mp_read_dependent }, mp_forbidden },
  { "SB+fence.rw.rw", { sb_x, sb_y }, sb_forbidden },
  { "SB+fence.w.r", { sb_x_wr, sb_y_wr }, sb_forbidden },
  { "SB+amo.aqrl", { sb_x_amo, sb_y_amo }, sb_forbidden },
  { "SB+lrsc+fence", { sb_x_lrsc, sb_y }, sb_forbidden },
  { "LB+fence.r.w", { lb_x, lb_y }, lb_forbidden },
  { "LB+data", { lb_x_data, lb_y_data }, lb_forbidden },
  { "R+fence.rw.rw", { r_first, r_second }, r_forbidden },
  { "S+fence.w.w+fence.r.w", { s_first, s_second }, s_forbidden },
  { "2+2W+fence.w.w", { ww_first, ww_second }, ww_forbidden },
  { "CoRR", { co_write, co_read }, co_forbidden },
  { "LRSC+store", { lrsc_add, lrsc_store }, lrsc_forbidden },
  { "WRC", { write_x, wrc_pass, wrc_read }, wrc_forbidden },
  { "IRIW", { write_x, write_y, iriw_xy, iriw_yx }, iriw_forbidden },
  { "AMO", { amo_add, amo_add, amo_add, amo_add }, amo_forbidden },
};

static Cell              cells[GROUP];
static volatile unsigned group_no, finished;
static volatile unsigned current;

/* Works on its part of the group; every other round backwards, so that harts also meet midway. */
static void
run_group (unsigned hart, unsigned number)
{
  void (*part) (Cell *) = shapes[current].harts[hart];

  if (part != NULL)
    for (unsigned i = 0; i < GROUP; i++)
      part (&cells[(number & 1) && hart == 1 ? GROUP - 1 - i : i]);
}

void
hart_main (uint64_t id)
{
  trap_clear ();
  for (unsigned seen = 0; id < HARTS; seen++)
    {
      while (group_no == seen)
        relax ();
      FENCE (rw, rw);
      run_group (id, seen);
      __atomic_fetch_add (&finished, 1, __ATOMIC_SEQ_CST);
    }
  for (;;)
    __asm__ volatile ("wfi");
}

void
test (void)
{
  unsigned number = 0;

  for (current = 0; current < sizeof (shapes) / sizeof (shapes[0]); current++)
    {
      uint64_t start = csr_read (time);

      for (unsigned group = 0; group < GROUPS && csr_read (time) - start < TICKS; group++)
        {
          for (unsigned i = 0; i < GROUP; i++)
            cells[i] = (Cell) { .x = 0 };
          finished = 0;
          __atomic_store_n (&group_no, number + 1, __ATOMIC_SEQ_CST);
          run_group (0, number);
          while (finished < HARTS - 1)
            relax ();
          FENCE (rw, rw);
          number++;
          for (unsigned i = 0; i < GROUP; i++)
            if (shapes[current].forbidden (&cells[i]))
              {
                guest_print (shapes[current].name);
                guest_print (": ");
                CHECK (!"forbidden outcome");
              }
        }
    }
}
