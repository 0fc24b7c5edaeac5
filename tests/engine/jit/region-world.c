/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What random code runs in.
 */
#include "region-private.h"

#include <string.h>

static uint32_t
patch_word (RegionRandom *random)
{
  RegionMaker m = { .random = *random };
  uint32_t bits;

  if (region_one_in (&m.random, 4))
    bits = region_random_row (&m, region_pick_op (&m, MEM_READ, FP | ATOMIC));
  else if (region_one_in (&m.random, 12))
    bits = I (jalr, .rs1 = RA);
  else
    bits = region_random_row (&m, region_pick_op (&m, 0, MEM_READ | MEM_WRITE | FP));
  *random = m.random;
  return bits;
}

/* Some functions write over themselves and fence: words 2 to 4 of them stay. */
static bool
writes_itself (unsigned slot)
{
  return slot % 8 == 5;
}

unsigned
region_pick_patch (RegionRandom *random, unsigned slot)
{
  static const uint8_t words[] = { 0, 1, 5 };
  unsigned word = writes_itself (slot) ? words[region_below (random, G_N_ELEMENTS (words))]
                                       : region_below (random, 6);

  return slot * SLOT_SIZE + 4 * word;
}

uint32_t
region_patch (RegionRandom *random, unsigned *offset)
{
  *offset = region_pick_patch (random, region_below (random, N_SLOTS));
  return patch_word (random);
}

static void
make_patches (RegionMaker *m)
{
  uint32_t *page = (uint32_t *) (void *) (m->region->low + REGION_PATCH);

  for (unsigned i = 0; i < N_SLOTS * SLOT_SIZE / 4; i++)
    page[i] = patch_word (&m->random);
  for (unsigned i = 0; i < N_SLOTS; i++)
    {
      uint32_t *slot = page + i * SLOT_SIZE / 4;

      slot[7] = I (jalr, .rs1 = RA);
      if (writes_itself (i))
        {
          slot[2] = I (lw, .rd = WORK2, .rs1 = PATCH_PAGE, .imm = WORDS + 4 * below (m, N_WORDS));
          slot[3] = I (sw, .rs1 = PATCH_PAGE, .rs2 = WORK2, .imm = i * SLOT_SIZE + 20);
          slot[4] = I (fence_i, 0);
        }
    }
  for (unsigned i = 0; i < N_WORDS; i++)
    page[WORDS / 4 + i] = patch_word (&m->random);
}

/* What a handler is about: that of machine mode is at physical addresses, that of supervisor mode
   at va. */
typedef struct
{
  unsigned at; /* in the page */
  unsigned base; /* the register that addresses the page ... */
  int32_t bias; /* ... less this */
  int32_t cause, epc, ip; /* CSRs */
  uint32_t finds_base; /* the instruction that sets `base`; 0: it is set */
  uint32_t returns;
} HandlerMode;

static const HandlerMode machine_handler = {
  .at = HANDLER,
  .base = HANDLER_PAGE,
  .cause = 0x342,
  .epc = 0x341,
  .ip = 0x344,
  .returns = 0x30200073, /* mret */
};
static const HandlerMode supervisor_handler = {
  .at = HANDLER_S,
  .base = TEMP2,
  .bias = HANDLER_S,
  .cause = 0x142,
  .epc = 0x141,
  .ip = 0x144,
  .finds_base = 0x00000f97, /* auipc t6, 0 */
  .returns = 0x10200073, /* sret */
};

/* @to_user: returns lead to user mode, though the handler of the other mode may have been left. */
static void
make_handler (RegionMaker *m, const HandlerMode *mode, bool to_user)
{
  uint32_t *code = (uint32_t *) (void *) (m->region->low + mode->at);
  unsigned n = 0, interrupt, restart, restart2, on;

  if (mode->finds_base != 0)
    code[n++] = mode->finds_base;
  code[n++] = I (csrrs, .rd = WORK, .imm = mode->cause);
  interrupt = n++;
  code[n++] = I (csrrs, .rd = WORK, .imm = mode->epc);
  code[n++] = I (sub, .rd = WORK, .rs1 = WORK, .rs2 = CODE_START);
  restart = n++;
  code[n++] = I (add, .rd = WORK2, .rs1 = WORK, .rs2 = mode->base);
  code[n++] = I (lui, .rd = TEMP, .imm = LENGTHS);
  code[n++] = I (add, .rd = WORK2, .rs1 = WORK2, .rs2 = TEMP);
  code[n++] = I (lbu, .rd = WORK2, .rs1 = WORK2, .imm = -mode->bias);
  restart2 = n++;
  code[n++] = I (add, .rd = WORK, .rs1 = WORK, .rs2 = WORK2);
  on = n;
  code[n++] = I (add, .rd = WORK, .rs1 = WORK, .rs2 = CODE_START);
  code[n++] = I (csrrw, .rs1 = WORK, .imm = mode->epc);
  if (to_user)
    {
      /* mstatus.MPP, or SPP */
      code[n++] = I (lui, .rd = TEMP, .imm = 0x2000);
      code[n++] = I (addi, .rd = TEMP, .rs1 = TEMP, .imm = mode->bias == 0 ? -0x800 : -0x700);
      code[n++] = I (csrrc, .rs1 = TEMP, .imm = mode->bias == 0 ? 0x300 : 0x100);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (region_pointers); i++)
    code[n++] = I (ld, .rd = region_pointers[i], .rs1 = mode->base,
                   .imm = (int32_t) (POINTERS + 8 * i) - mode->bias);
  code[n++] = mode->returns;

  /* An interrupt: the fences that it may have kept the program from, then elsewhere. */
  code[interrupt] = I (blt, .rs1 = WORK, .imm = (int32_t) (4 * (n - interrupt)));
  code[n++] = I (csrrci, .rs1 = 2, .imm = mode->ip); /* SSIP */
  code[n++] = I (sfence_vma, .rs1 = 0, .rs2 = 0);
  code[n++] = I (fence_i, 0);
  code[restart] = I (bgeu, .rs1 = WORK, .rs2 = CODE_SIZE, .imm = (int32_t) (4 * (n - restart)));
  code[restart2] = I (beq, .rs1 = WORK2, .imm = (int32_t) (4 * (n - restart2)));
  code[n++] = I (addi, .rd = RESTART, .rs1 = RESTART, .imm = 4);
  code[n++] = I (andi, .rd = RESTART, .rs1 = RESTART, .imm = 4 * N_RESTARTS - 1);
  code[n++] = I (add, .rd = WORK, .rs1 = mode->base, .rs2 = RESTART);
  code[n++] = I (lwu, .rd = WORK, .rs1 = WORK, .imm = RESTARTS - mode->bias);
  code[n] = I (jal, .imm = 4 * ((int32_t) on - (int32_t) n));
  n++;
}

static void
make_handlers (RegionMaker *m)
{
  uint32_t *restarts = (uint32_t *) (void *) (m->region->low + RESTARTS);
  bool to_user = m->paged && !m->supervisor;

  make_handler (m, &machine_handler, to_user);
  make_handler (m, &supervisor_handler, to_user);
  for (unsigned i = 0; i < N_RESTARTS; i++)
    restarts[i] = region_pick_start (m, m->at / 2, m->at / 2);
}

#define PTE(gpa, flags) ((REGION_DRAM + (gpa)) >> 12 << 10 | (flags))
enum
{
  V = 1,
  R = 2,
  W = 4,
  X = 8,
  U = 16,
  G = 32,
  A = 64,
  D = 128
};

#define MAPPED_DATA UINT64_C (0x200000) /* from va: the data in small pages, as in DRAM */
#define MAPPED_LARGE UINT64_C (0x400000) /* the data as one large page */
#define MAPPED_LOW UINT64_C (0x3fe00000) /* all below the data, where it may be written */
G_STATIC_ASSERT (MAPPED_DATA == REGION_DATA);

#define NAPOT (UINT64_C (1) << 63)
#define PBMT_SHIFT 61

/* A page of the data, with whatever permissions but to be executed. */
static uint64_t
data_entry (RegionMaker *m, unsigned page, unsigned user)
{
  unsigned flags = V | R | W | A | D | user;

  if (page >= REGION_NAPOT && page < REGION_NAPOT + 16)
    return PTE (REGION_DATA + REGION_NAPOT * 0x1000, flags) | 8 << 10 | NAPOT;
  switch (below (m, 14))
    {
    case 0:
      flags &= ~W;
      break;
    case 1:
      flags &= ~D;
      break;
    case 2:
      flags &= ~(A | D);
      break;
    case 3:
      flags = below (m, 256) & ~X;
      break;
    case 4:
      page = below (m, 64); /* one page twice */
      break;
    case 5:
      flags |= G;
      break;
    case 6:
      return PTE (REGION_DATA + page * 0x1000, flags) | (uint64_t) below (m, 4) << PBMT_SHIFT;
    case 7:
      if (one_in (m, 2))
        return REGION_DEVICE >> 12 << 10 | flags;
      break;
    }
  return PTE (REGION_DATA + page * 0x1000, flags);
}

/* Maps DRAM at @va, a multiple of 1 GiB, as region.h shows. */
static void
make_tables (RegionMaker *m, unsigned levels, uint64_t va, unsigned user)
{
  uint64_t *low = (uint64_t *) (void *) (m->region->low + REGION_TABLES);
  uint64_t *data = (uint64_t *) (void *) (m->region->low + DATA_TABLE);
  unsigned table = DATA_TABLE + 0x1000;

  for (unsigned i = 0; i < 512; i++)
    {
      /* Handlers and what they look at are the supervisor's. */
      low[i] = PTE (i << 12, V | R | X | A | D | (i < REGION_CODE >> 12 ? 0 : user));
      data[i] = i < REGION_DATA_SIZE / 0x1000 ? data_entry (m, i, user)
                                              : PTE (REGION_DATA + (i << 12), V | R | A | user);
    }
  /* From the table above the leaves up to the root, which comes last. */
  for (unsigned level = 1; level < levels; level++, table += 0x1000)
    {
      uint64_t *entries = (uint64_t *) (void *) (m->region->low + table);

      if (level > 1)
        entries[va >> (12 + 9 * level) & 511] = PTE (table - 0x1000, V);
      else
        {
          entries[0] = PTE (REGION_TABLES, V);
          entries[MAPPED_DATA >> 21] = PTE (DATA_TABLE, V);
          entries[MAPPED_LARGE >> 21] = PTE (REGION_DATA, V | R | W | A | D | user);
          entries[MAPPED_LOW >> 21] = PTE (0, V | R | W | A | D | user);
        }
    }
}

static uint64_t
random_value (RegionMaker *m)
{
  static const uint64_t some[] = {
    0,
    1,
    UINT64_MAX,
    INT64_MAX,
    (uint64_t) INT64_MIN,
    INT32_MAX,
    (uint64_t) INT32_MIN,
    UINT32_MAX,
    UINT64_C (0x3ff0000000000000),
    UINT64_C (0x7ff0000000000000),
    UINT64_C (0xfff0000000000000),
    UINT64_C (0x7ff8000000000000),
    UINT64_C (0x7ff0000000000001),
    UINT64_C (0x8000000000000000),
    UINT64_C (0x0010000000000000),
    UINT64_C (0x000fffffffffffff),
    UINT64_C (0x41dfffffffc00000),
    UINT64_C (0xc1e0000000000000),
    UINT64_C (0x43e0000000000000),
    UINT64_C (0xffffffff3f800000),
    UINT64_C (0xffffffff7fc00000),
    UINT64_C (0xffffffff7f800001),
    UINT64_C (0xffffffff7f800000),
    UINT64_C (0xffffffff00000001),
    UINT64_C (0xffffffff807fffff),
    UINT64_C (0xffffffff4f000000),
    UINT64_C (0xffffffffcf000000),
    UINT64_C (0xffffffff5f000000),
    UINT64_C (0xfffffffffffffc00),
    UINT64_C (0xffffffffffff3c00),
    UINT64_C (0xffffffffffff7e00),
    UINT64_C (0x000000003f800000),
  };
  uint64_t value = region_random (&m->random);

  switch (below (m, 6))
    {
    case 0:
    case 1:
      return PICK (m, some);
    case 2:
      return value | UINT64_C (0xffffffff00000000);
    case 3:
      return value >> below (m, 64);
    case 4:
      /* a float or double near 1 */
      return one_in (m, 2) ? (value & UINT64_C (0x807fffffffffffff)) | UINT64_C (0x3f80000000000000)
                           : (value & 0x80ffffff) | UINT64_C (0xffffffff3f000000);
    default:
      return value;
    }
}

static void
make_state (RegionMaker *m)
{
  Region *region = m->region;
  CopHartState *s = &region->start;
  unsigned levels = 3 + below (m, 3);
  uint64_t va = one_in (m, 2) ? UINT64_C (0x40000000) : -(UINT64_C (1) << 38);
  uint64_t here = REGION_DRAM, data = REGION_DRAM + REGION_DATA, large = data, low = here;
  uint64_t *values = (uint64_t *) (void *) (region->low + POINTERS);
  unsigned user = m->supervisor ? 0 : U;

  s->mtvec = REGION_DRAM + HANDLER;
  s->mie = COP_IRQ_BIT (COP_IRQ_SSI);
  s->mstatus = COP_MSTATUS_MIE | (uint64_t) below (m, 4) << 13;
  s->priv = COP_PRIV_M;
  s->mcounteren = s->scounteren = UINT32_MAX;
  s->menvcfg = (uint64_t) below (m, 4) << 61 | (one_in (m, 4) ? 0 : 0xf0); /* ADUE, PBMTE */
  s->senvcfg = s->menvcfg & 0xf0;
  s->pmpcfg[0] = 0x1f;
  s->pmpaddr[0] = (UINT64_C (1) << 54) - 1;
  s->fcsr = one_in (m, 2) ? 0 : below (m, 5) << 5;
  if (m->paged)
    {
      here = va;
      data = va + MAPPED_DATA;
      large = va + MAPPED_LARGE;
      low = va + MAPPED_LOW;
      make_tables (m, levels, va, user);
      s->satp = (uint64_t) (levels + 5) << 60 | (uint64_t) below (m, 4) << 44 |
                PTE (REGION_TABLES + levels * 0x1000, 0) >> 10;
      s->priv = m->supervisor ? COP_PRIV_S : COP_PRIV_U;
      if (one_in (m, 2))
        s->mstatus |= COP_MSTATUS_SUM;
      if (one_in (m, 8))
        s->mstatus |= COP_MSTATUS_MXR;
      if (one_in (m, 2))
        {
          s->medeleg = region_random (&m->random) & 0xb3ff;
          s->mideleg = one_in (m, 2) ? COP_IRQ_BIT (COP_IRQ_SSI) : 0;
          s->mstatus |= COP_MSTATUS_SIE;
        }
    }
  else if (one_in (m, 3))
    {
      m->supervisor = one_in (m, 2);
      s->priv = m->supervisor ? COP_PRIV_S : COP_PRIV_U;
    }

  for (unsigned i = 1; i < 32; i++)
    s->x[i] = random_value (m);
  for (unsigned i = 0; i < 32; i++)
    s->f[i] = random_value (m);
  for (unsigned i = 0; i < G_N_ELEMENTS (region_pointers); i++)
    {
      static const unsigned offsets[] = { 0x800, 0x10, 0xfc0, 0xffd, 0x123, 0x400 };
      uint64_t base = one_in (m, 4) ? large : data;

      values[i] = base + 0x10000 + (below (m, 16) << 12) + PICK (m, offsets);
      if (!m->paged && one_in (m, 12))
        values[i] = REGION_DEVICE + PICK (m, offsets);
      s->x[region_pointers[i]] = values[i];
    }
  s->stvec = here + HANDLER_S;
  s->x[HANDLER_PAGE] = REGION_DRAM;
  s->x[CODE_SIZE] = REGION_CODE_SIZE;
  s->x[CODE_START] = s->x[RA] = s->x[T0] = s->pc = here + REGION_CODE;
  s->x[PATCH_PAGE] = low + REGION_PATCH;
  s->x[TABLE_PAGE] = low + DATA_TABLE;
  s->x[RESTART] = 0;
  s->x[COUNTER] = below (m, 1000);
}

void
region_make_world (RegionMaker *m)
{
  make_state (m);
  make_patches (m);
  make_handlers (m);
  for (unsigned i = 0; i < REGION_DATA_SIZE / 8; i++)
    ((uint64_t *) (void *) m->region->data)[i] = random_value (m);
}
