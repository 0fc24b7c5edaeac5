/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every engine against the interpreter, on random code that traps, jumps into the middle of
 * instructions and is interrupted: after every slice of a program each register, CSR and byte of
 * memory must be the same. Code that is stored to without a fence.i may differ between engines, so
 * PMP keeps code from being written and data from being executed.
 *
 *   test-lockstep [--seed=R...]        as printed; -m slow runs many more programs
 *
 *   ROM    0x1000       the trap handler: goes on behind the instruction, or at the start of RAM
 *   DRAM   0x80000000   code, then random words, R X
 *          0x80008000   random data, R W
 */
#include "engine/engine.h"
#include "engine/riscv/insn.h"

#include <string.h>

#define RAM_GPA UINT64_C (0x80000000)
#define RAM_SIZE (16 * COP_PAGE_SIZE)
#define CODE_SIZE 512
#define DATA_GPA (RAM_GPA + RAM_SIZE / 2)
#define NAPOT(gpa, size) ((gpa) >> 2 | ((size) / 8 - 1))
#define PMP_CODE 0x9d           /* locked, NAPOT, R X */
#define PMP_DATA 0x9b           /* locked, NAPOT, R W */
#define N_SLICES 24
/* Long slices make code warm, short ones end in the middle of it. */
#define SHORT_SLICE 160
#define LONG_SLICE 8000

static const uint32_t handler[] = {
  0x340f9073,                           /* csrw  mscratch, t6 */
  0x34202ff3,                           /* csrr  t6, mcause   */
  0xffff8f93,                           /* addi  t6, t6, -1   */
  0x000f9863,                           /* bnez  t6, +16: not an instruction access fault */
  0x00100f93,                           /* li    t6, 1        */
  0x01ff9f93,                           /* slli  t6, t6, 31   */
  0x00c0006f,                           /* j     +12          */
  0x34102ff3,                           /* csrr  t6, mepc     */
  0x004f8f93,                           /* addi  t6, t6, 4    */
  0x341f9073,                           /* csrw  mepc, t6     */
  0x34002ff3,                           /* csrr  t6, mscratch */
  0x30200073,                           /* mret               */
};

/* CSRs that may hold anything without the program losing its way. */
static const uint16_t csrs[] = {
  0x001, 0x002, 0x003, 0x100, 0x106, 0x10a, 0x140, 0x141, 0x142, 0x143, 0x300, 0x301,
  0x306, 0x30a, 0x320, 0x323, 0x340, 0x342, 0x343, 0x344, 0xb00, 0xb02, 0xb03, 0xc00,
  0xc01, 0xc02, 0xf14, 0x7ff,
};

typedef struct
{
  uint64_t random;
  uint8_t  ram[RAM_SIZE];
  uint64_t x[32], f[32], mstatus;
  unsigned slices[N_SLICES];
  bool     interrupts[N_SLICES];        /* the timer's line during the slice */
} Program;

static uint64_t
next (Program *p)
{
  uint64_t z = (p->random += UINT64_C (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static unsigned
below (Program *p, unsigned limit)
{
  return next (p) % limit;
}

/* Values at the edges of widths, floating point's special ones, and any. */
static uint64_t
value (Program *p)
{
  static const uint64_t edges[] = {
    0, 1, UINT64_MAX, INT64_MAX, UINT64_C (1) << 63, INT32_MAX, UINT64_C (0xffffffff80000000),
    UINT32_MAX, UINT64_C (0x7ff0000000000000), UINT64_C (0x7ff8000000000000),
    UINT64_C (0x7ff0000000000001), UINT64_C (0x3ff0000000000000), UINT64_C (0xffffffff7f800000),
    UINT64_C (0xffffffff3f800000), UINT64_C (0xffffffff00000001), UINT64_C (0xfff0000000000000),
  };

  switch (below (p, 4))
    {
    case 0:
      return edges[below (p, G_N_ELEMENTS (edges))];
    case 1:
      return next (p) >> below (p, 64);
    case 2:
      return (uint64_t) (int64_t) (int32_t) next (p);
    default:
      return next (p);
    }
}

/* s0, s1, a0 and sp point into memory most of the time. */
static bool
is_pointer (unsigned reg)
{
  return reg == 2 || (reg >= 8 && reg <= 10);
}

static unsigned
pointer (Program *p)
{
  static const uint8_t regs[] = { 2, 8, 9, 10 };

  return regs[below (p, G_N_ELEMENTS (regs))];
}

/* Few registers, so that results are used. */
static unsigned
any_reg (Program *p)
{
  return below (p, 8) == 0 ? below (p, 32) : 8 + below (p, 8);
}

static unsigned
destination (Program *p)
{
  unsigned reg = any_reg (p);

  return is_pointer (reg) && below (p, 16) != 0 ? 11 : reg;
}

static uint32_t
branch_offset (Program *p)
{
  int32_t offset = 2 * ((int32_t) below (p, 40) - 12);

  return ((uint32_t) offset >> 12 & 1) << 31 | ((uint32_t) offset >> 5 & 0x3f) << 25 |
         ((uint32_t) offset >> 1 & 0xf) << 8 | ((uint32_t) offset >> 11 & 1) << 7;
}

static uint32_t
jump_offset (Program *p)
{
  int32_t offset = 2 * ((int32_t) below (p, 60) - 20);

  return ((uint32_t) offset >> 20 & 1) << 31 | ((uint32_t) offset >> 1 & 0x3ff) << 21 |
         ((uint32_t) offset >> 11 & 1) << 20 | ((uint32_t) offset >> 12 & 0xff) << 12;
}

/* One row with random operands that make sense for its format. */
static uint32_t
random_insn (Program *p)
{
  const CopInsnRow *row = &cop_insn_table[below (p, COP_INSN_LAST)];
  uint32_t regs = destination (p) << 7 | any_reg (p) << 15 | any_reg (p) << 20;
  uint32_t bits = (uint32_t) next (p);
  uint32_t chosen = 0x01ff8f80u;        /* where regs go */

  switch ((CopOperands) row->operands)
    {
    case COP_OPERANDS_S_T_P:
      return row->match | branch_offset (p) | (regs & 0x01ff8000u);
    case COP_OPERANDS_D_A:
      return row->match | jump_offset (p) | (regs & 0xf80u);
    case COP_OPERANDS_D_E_S:
    case COP_OPERANDS_D_E_Z:
      bits = (uint32_t) csrs[below (p, G_N_ELEMENTS (csrs))] << 20;
      chosen = 0x000f8f80u;
      break;
    case COP_OPERANDS_D_U:
      chosen = 0xf80u;
      break;
    case COP_OPERANDS_D_O:
    case COP_OPERANDS_FD_O:
      chosen = 0x000f8f80u;
      regs = (regs & ~0xf8000u) | pointer (p) << 15;
      break;
    case COP_OPERANDS_T_Q:
    case COP_OPERANDS_FT_Q:
      chosen = 0x01ff8000u;
      regs = (regs & ~0xf8000u) | pointer (p) << 15;
      break;
    case COP_OPERANDS_S0:
    case COP_OPERANDS_D_T_S0:
    case COP_OPERANDS_D_S0:
      regs = (regs & ~0xf8000u) | pointer (p) << 15;
      break;
    case COP_OPERANDS_D_S_J:
      chosen = 0x000f8f80u;
      break;
    default:
      break;
    }
  bits = (bits & ~chosen) | (regs & chosen);
  return (bits & ~row->mask) | row->match;
}

static void
put (Program *p, unsigned *at, uint32_t bits, unsigned size)
{
  if (*at + size <= CODE_SIZE)
    memcpy (p->ram + *at, &bits, size);
  *at += size;
}

/* What compilers make of a 64-bit constant: translators fold it. */
static void
put_constant (Program *p, unsigned *at)
{
  unsigned rd = destination (p);

  put (p, at, ((uint32_t) next (p) & 0xfffff000u) | rd << 7 | 0x37, 4);
  if (below (p, 2) == 0)
    return;
  put (p, at, (uint32_t) next (p) << 20 | rd << 15 | rd << 7 | 0x1b, 4);
  put (p, at, (uint32_t) (below (p, 40) << 20 | rd << 15 | 1u << 12 | rd << 7 | 0x13), 4);
  put (p, at, (uint32_t) next (p) << 20 | rd << 15 | rd << 7 | 0x13, 4);
}

static void
generate (Program *p, uint64_t seed)
{
  unsigned at = 0;

  p->random = seed;
  for (unsigned i = 0; i < RAM_SIZE; i += 8)
    {
      uint64_t word = value (p);

      memcpy (p->ram + i, &word, 8);
    }
  while (at < CODE_SIZE)
    switch (below (p, 10))
      {
      case 0:
        put_constant (p, &at);
        break;
      case 1:
      case 2:
        {
          const CopCInsnRow *row = &cop_cinsn_table[below (p, cop_cinsn_count)];

          put (p, &at, ((uint32_t) next (p) & ~(uint32_t) row->mask) | row->match, 2);
          break;
        }
      default:
        put (p, &at, random_insn (p), 4);
      }

  for (unsigned i = 1; i < 32; i++)
    p->x[i] = is_pointer (i) ? DATA_GPA + 1024 + below (p, 2048) : value (p);
  for (unsigned i = 0; i < 32; i++)
    p->f[i] = below (p, 2) ? value (p) : value (p) | UINT64_C (0xffffffff00000000);
  p->mstatus = (uint64_t) below (p, 4) << 13;
  if (below (p, 4) != 0)
    p->mstatus |= COP_MSTATUS_FS;
  for (unsigned i = 0; i < N_SLICES; i++)
    {
      p->slices[i] = 1 + below (p, below (p, 8) == 0 ? LONG_SLICE : SHORT_SLICE);
      p->interrupts[i] = below (p, 6) == 0;
    }
}

typedef struct
{
  CopRam    *ram;
  CopHart   *hart;
  CopEngine *engine;
} Runner;

static Runner
runner_new (const CopEngineOps *ops)
{
  static const CopEngineConfig config;
  g_autoptr (GError) error = NULL;
  Runner r;

  r.ram = cop_ram_new (RAM_GPA, RAM_SIZE, -1, &error);
  g_assert_no_error (error);
  memcpy (r.ram->rom.hva, handler, sizeof handler);
  r.engine = ops->create (NULL, r.ram, &config, &error);
  g_assert_no_error (error);
  r.hart = cop_hart_new (NULL, r.ram, 0, cop_isa_default ());
  ops->attach (r.engine, r.hart);
  return r;
}

static void
runner_free (Runner *r)
{
  const CopEngineOps *ops = r->engine->ops;

  ops->detach (r->engine, r->hart);
  cop_hart_free (r->hart);
  ops->destroy (r->engine);
  cop_ram_free (r->ram);
}

static void
load (Runner *r, const Program *p)
{
  CopHartState *s = &r->hart->s;

  r->engine->ops->flush (r->engine);
  cop_ram_write (r->ram, RAM_GPA, p->ram, RAM_SIZE);
  cop_hart_clear_pending (r->hart, UINT32_MAX & ~(uint32_t) COP_PENDING_REQUEST);
  cop_hart_set_irq (r->hart, COP_IRQ_MTI, false);
  cop_hart_reset (r->hart, RAM_GPA, COP_PRIV_S, 0);
  /* Delegation off; counters and cache-block instructions stay open to lower modes. */
  s->medeleg = s->mideleg = 0;
  s->priv = COP_PRIV_M;
  s->mtvec = r->ram->rom.gpa;
  /* Behind them, entry 2 lets lower modes at the ROM. */
  s->pmpaddr[2] = s->pmpaddr[0];
  s->pmpcfg[2] = s->pmpcfg[0];
  s->pmpaddr[0] = NAPOT (RAM_GPA, RAM_SIZE / 2);
  s->pmpcfg[0] = PMP_CODE;
  s->pmpaddr[1] = NAPOT (DATA_GPA, RAM_SIZE / 2);
  s->pmpcfg[1] = PMP_DATA;
  s->mie = COP_IRQ_BIT (COP_IRQ_MTI);
  s->mstatus = p->mstatus;
  memcpy (s->x, p->x, sizeof s->x);
  memcpy (s->f, p->f, sizeof s->f);
  cop_hart_state_changed (r->hart);
}

/* Runs @n instructions, however often the engine comes back before. */
static void
run_slice (Runner *r, unsigned n, bool interrupt)
{
  uint64_t limit = r->hart->s.instret + n;

  cop_hart_set_irq (r->hart, COP_IRQ_MTI, interrupt);
  cop_hart_update_irq (r->hart);
  cop_hart_unpark (r->hart);
  while (r->hart->s.instret < limit)
    {
      r->engine->ops->run (r->engine, r->hart, limit);
      r->hart->s.waiting = false;
    }
  cop_hart_park (r->hart);
}

static void
print_code (const CopHart *hart, uint64_t pc)
{
  for (unsigned i = 0; i < 24; i++)
    {
      g_autofree char *text = NULL;
      uint32_t bits = 0;
      CopInsn insn;

      if (!cop_ram_read (hart->ram, pc, &bits, 4))
        return;
      cop_insn_decode (bits, hart->isa, &insn);
      text = cop_insn_disassemble (&insn, pc);
      g_test_message ("%8" G_GINT64_MODIFIER "x  %08x  %s", pc, bits, text);
      pc += insn.length;
    }
}

static void
compare (const Runner *a, const Runner *b, uint64_t seed, unsigned slice, uint64_t before_pc)
{
  g_autoptr (GString) report = g_string_new (NULL);
  bool same = cop_state_diff (&cop_hart_state_table, "hart", &a->hart->s, &b->hart->s, report);

  for (unsigned i = 0; i < RAM_SIZE; i += 8)
    if (memcmp (a->ram->dram.hva + i, b->ram->dram.hva + i, 8) != 0)
      {
        same = false;
        g_string_append_printf (report, "memory at 0x%" G_GINT64_MODIFIER "x\n", RAM_GPA + i);
      }
  if (same)
    return;
  g_test_message ("program 0x%" G_GINT64_MODIFIER "x, slice %u from pc 0x%" G_GINT64_MODIFIER
                  "x, interp != %s:\n%s", seed, slice, before_pc, b->engine->ops->name,
                  report->str);
  print_code (a->hart, before_pc);
  g_test_fail ();
}

static void
test_engine (gconstpointer data)
{
  const CopEngineOps *ops = data;
  unsigned n_programs = g_test_slow () ? 100000 : 400;
  Runner reference = runner_new (&cop_interp_ops), other = runner_new (ops);
  g_autofree Program *program = g_new0 (Program, 1);

  for (unsigned i = 0; i < n_programs && !g_test_failed (); i++)
    {
      uint64_t high = (uint32_t) g_test_rand_int ();
      uint64_t seed = high << 32 | (uint32_t) g_test_rand_int ();

      generate (program, seed);
      load (&reference, program);
      load (&other, program);
      for (unsigned slice = 0; slice < N_SLICES && !g_test_failed (); slice++)
        {
          uint64_t pc = reference.hart->s.pc;

          run_slice (&reference, program->slices[slice], program->interrupts[slice]);
          run_slice (&other, program->slices[slice], program->interrupts[slice]);
          compare (&reference, &other, seed, slice, pc);
        }
    }
  runner_free (&reference);
  runner_free (&other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; cop_engines[i] != NULL; i++)
    if (cop_engines[i] != &cop_interp_ops)
      {
        g_autofree char *path = g_strdup_printf ("/engine/lockstep/%s", cop_engines[i]->name);

        g_test_add_data_func (path, cop_engines[i], test_engine);
      }
  return g_test_run ();
}
