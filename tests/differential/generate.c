/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The generator: walks the tables, fills in operands by their format.
 */
#include "generate.h"

#include <string.h>

#define MATCH(insn) (cop_insn_table[COP_INSN_##insn].match)

#define CSR_FFLAGS 1
#define CSR_FRM 2
#define CSR_FCSR 3

#define PRIVILEGED "not for user mode: see tests/guest"

const Exclusion exclusions[] = {
  { COP_INSN_ecall, "traps: see tests/guest/trap-causes.c" },
  { COP_INSN_ebreak, "traps: see tests/guest/trap-causes.c" },
  { COP_INSN_sret, PRIVILEGED },
  { COP_INSN_mret, PRIVILEGED },
  { COP_INSN_wfi, PRIVILEGED },
  { COP_INSN_sfence_vma, PRIVILEGED },
  { COP_INSN_sinval_vma, PRIVILEGED },
  { COP_INSN_sfence_w_inval, PRIVILEGED },
  { COP_INSN_sfence_inval_ir, PRIVILEGED },
  { COP_INSN_wrs_nto, "not in QEMU 7.2, and no result but time: see tests/guest/wait.c" },
  { COP_INSN_wrs_sto, "not in QEMU 7.2, and no result but time: see tests/guest/wait.c" },
  { COP_INSN_cbo_inval, "not in QEMU 7.2: see tests/guest/cache-blocks.c" },
  { COP_INSN_cbo_clean, "not in QEMU 7.2: see tests/guest/cache-blocks.c" },
  { COP_INSN_cbo_flush, "not in QEMU 7.2: see tests/guest/cache-blocks.c" },
  { COP_INSN_cbo_zero, "not in QEMU 7.2: see tests/guest/cache-blocks.c" },
  { COP_INSN_ctzw, "QEMU 7.2 counts on into the upper half: see test-reference.c" },
  { COP_INSN_czero_eqz, "not in QEMU 7.2: see test-reference.c" },
  { COP_INSN_czero_nez, "not in QEMU 7.2: see test-reference.c" },
};
const unsigned n_exclusions = G_N_ELEMENTS (exclusions);

typedef struct
{
  uint64_t  state;
  Case     *one;
  unsigned  counter;            /* register that counts an open loop, or 0 */
} Generator;

static unsigned
below (Generator *g, unsigned limit)
{
  return random_below (&g->state, limit);
}

static bool
is_reserved (const Generator *g, unsigned reg)
{
  return reg == REG_BUFFER || reg == REG_MIDDLE || reg == REG_STATE ||
         (g->counter != 0 && reg == g->counter);
}

static unsigned
destination (Generator *g)
{
  unsigned reg;

  do
    reg = below (g, 32);
  while (is_reserved (g, reg));
  return reg;
}

/* One that may be used as a temporary: not x0 either. */
static unsigned
temporary (Generator *g)
{
  unsigned reg;

  do
    reg = destination (g);
  while (reg == 0);
  return reg;
}

/* A base register and the offset of @size bytes in the buffer, at any alignment; mostly aligned. */
static unsigned
place (Generator *g, unsigned size, bool aligned, int *offset)
{
  unsigned at = below (g, BUFFER_SIZE - size + 1);

  if (aligned || below (g, 4) != 0)
    at &= ~(size - 1);
  if (below (g, 2) == 0)
    {
      *offset = (int) at;
      return REG_BUFFER;
    }
  *offset = (int) at - BUFFER_SIZE / 2;
  return REG_MIDDLE;
}

/* Any access is at most 8 bytes; being exact about its size would only spare the buffer's end. */
#define ACCESS_SIZE 8

static Step *
add_step (Generator *g)
{
  Step *step = &g->one->steps[g->one->n_steps++];

  *step = (Step){ .jump = JUMP_NONE };
  return step;
}

static void
put (Step *step, uint32_t bits)
{
  g_assert (step->n_insns < STEP_MAX_INSNS);
  step->insns[step->n_insns++] = bits;
}

/* The last instruction of @step leads some steps on. */
static void
jump_on (Generator *g, Step *step, JumpKind kind)
{
  step->jump = kind;
  step->jump_at = step->n_insns - 1;
  step->target = (int) (g->one->n_steps + below (g, 5));
}

static unsigned
rounding_mode (Generator *g)
{
  static const unsigned modes[] = { 0, 1, 2, 3, 4, 7, 7, 7 };

  return modes[below (g, G_N_ELEMENTS (modes))];
}

/* Reads and writes fflags, frm or fcsr; a written frm is a valid one. */
static void
add_csr (Generator *g, CopInsnOp op)
{
  const CopInsnRow *row = &cop_insn_table[op];
  unsigned rd = destination (g);
  unsigned csr = 1 + below (g, 3);
  Step *step = add_step (g);

  if (csr == CSR_FFLAGS)
    put (step, encode_i (row->match, rd, below (g, 32), CSR_FFLAGS));
  else if (op == COP_INSN_csrrwi)
    put (step, encode_i (row->match, rd, below (g, 5), CSR_FRM));
  else if (op == COP_INSN_csrrw)
    {
      unsigned temp = temporary (g);

      put (step, encode_i (MATCH (addi), temp, 0, (int) (below (g, 5) << 5 | below (g, 32))));
      put (step, encode_i (row->match, rd, temp, CSR_FCSR));
    }
  else
    /* Setting or clearing nothing: a read. */
    put (step, encode_i (row->match, rd, 0, (int) csr));
}

static void
add_atomic (Generator *g, CopInsnOp op)
{
  const CopInsnRow *row = &cop_insn_table[op];
  unsigned address = temporary (g), aqrl = below (g, 4);
  unsigned rd = destination (g);
  unsigned rs2 = row->operands == COP_OPERANDS_D_S0 ? 0 : below (g, 32);
  int offset;
  unsigned base = place (g, 8, true, &offset);
  Step *step = add_step (g);

  if (!(row->match & 1u << 12) && below (g, 2))
    offset |= 4;                /* the upper word of a doubleword */
  put (step, encode_i (MATCH (addi), address, base, offset));
  if (op == COP_INSN_sc_w || op == COP_INSN_sc_d)
    {
      /* With its reservation or one of another place. (Without any, and after an lr of the other
         width, an sc may fail or, where it stands for nothing else, succeed.) */
      uint32_t lr = op == COP_INSN_sc_w ? MATCH (lr_w) : MATCH (lr_d);
      bool other = below (g, 4) == 0;

      /* The address must outlive the lr. */
      put (step, encode_r (lr, rd == address || other ? 0 : rd, other ? REG_BUFFER : address, 0));
    }
  put (step, encode_r (row->match, rd, address, rs2) | aqrl << 25);
}

static void
add_wide (Generator *g, CopInsnOp op)
{
  const CopInsnRow *row = &cop_insn_table[op];
  uint32_t random = (uint32_t) random_next (&g->state) & ~row->mask;
  unsigned rd = destination (g), rs1 = below (g, 32), rs2 = below (g, 32);
  unsigned base;
  int offset;
  Step *step;

  if (row->effects & ATOMIC && row->operands != COP_OPERANDS_FENCE)
    {
      add_atomic (g, op);
      return;
    }
  if (row->operands == COP_OPERANDS_D_E_S || row->operands == COP_OPERANDS_D_E_Z)
    {
      add_csr (g, op);
      return;
    }
  step = add_step (g);
  switch ((CopOperands) row->operands)
    {
    case COP_OPERANDS_D_O:
      if (op == COP_INSN_jalr)
        {
          unsigned link = temporary (g);

          put (step, MATCH (auipc) | link << 7);
          put (step, encode_i (row->match, rd, link, 0));
          jump_on (g, step, JUMP_REGISTER);
          return;
        }
      G_GNUC_FALLTHROUGH;
    case COP_OPERANDS_FD_O:
      base = place (g, ACCESS_SIZE, false, &offset);
      put (step, encode_i (row->match, row->operands == COP_OPERANDS_FD_O ? below (g, 32) : rd, base,
                           offset));
      return;
    case COP_OPERANDS_T_Q:
    case COP_OPERANDS_FT_Q:
      base = place (g, ACCESS_SIZE, false, &offset);
      put (step, encode_s (row->match, base, rs2, offset));
      return;
    case COP_OPERANDS_S_T_P:
      put (step, row->match | rs1 << 15 | (below (g, 8) == 0 ? rs1 : rs2) << 20);
      jump_on (g, step, JUMP_BRANCH);
      return;
    case COP_OPERANDS_D_A:
      put (step, row->match | rd << 7);
      jump_on (g, step, JUMP_JAL);
      return;
    case COP_OPERANDS_FENCE:
      put (step, row->match | (random & 0x0ff00000));
      return;
    case COP_OPERANDS_FD_FS_FT_FR_M:
    case COP_OPERANDS_FD_FS_FT_M:
    case COP_OPERANDS_FD_FS_M:
    case COP_OPERANDS_FD_FS_FT:
    case COP_OPERANDS_FD_FS:
    case COP_OPERANDS_FD_S_M:
    case COP_OPERANDS_FD_S:
      break;                    /* f destinations are free */
    default:
      random = (random & ~(31u << 7)) | (rd << 7 & ~row->mask);
      break;
    }
  if (row->effects & FP_RM)
    random = (random & ~(7u << 12)) | rounding_mode (g) << 12;
  put (step, row->match | random);
}

/* Loads and stores among compressed instructions use a base register of the sequence's own, with
   offsets that stay in the buffer. */
static bool
is_usable (const Generator *g, const CopInsn *insn)
{
  const CopInsnRow *row = &cop_insn_table[insn->op];

  if (row->effects & (MEM_READ | MEM_WRITE))
    {
      int start = insn->rs1 == REG_BUFFER ? 0 : BUFFER_SIZE / 2;

      if ((insn->rs1 != REG_BUFFER && insn->rs1 != REG_MIDDLE) ||
          start + insn->imm + ACCESS_SIZE > BUFFER_SIZE)
        return false;
    }
  switch ((CopOperands) row->operands)
    {
    case COP_OPERANDS_D_S_T:
    case COP_OPERANDS_D_S_J:
    case COP_OPERANDS_D_S_SH6:
    case COP_OPERANDS_D_U:
    case COP_OPERANDS_D_O:
      return !is_reserved (g, insn->rd);
    default:
      return true;
    }
}

static void
add_compressed (Generator *g, unsigned index)
{
  const CopCInsnRow *row = &cop_cinsn_table[index];
  CopInsn insn;
  uint32_t bits;
  Step *step;

  if (row->op == COP_INSN_ebreak)
    return;
  if (row->op == COP_INSN_jal || row->op == COP_INSN_beq || row->op == COP_INSN_bne)
    {
      step = add_step (g);
      put (step, row->match | (row->op == COP_INSN_jal ? 0 : below (g, 8) << 7));
      jump_on (g, step, row->op == COP_INSN_jal ? JUMP_C_J : JUMP_C_BRANCH);
      return;
    }
  if (row->op == COP_INSN_jalr)
    {
      unsigned link = temporary (g);

      /* c.jalr writes ra. */
      if ((row->match & 0x1000) && is_reserved (g, 1))
        return;
      step = add_step (g);
      put (step, MATCH (auipc) | link << 7);
      put (step, encode_i (MATCH (addi), link, link, 0));
      jump_on (g, step, JUMP_REGISTER);
      put (step, row->match | link << 7);
      return;
    }
  for (unsigned attempt = 0; attempt < 200; attempt++)
    {
      bits = row->match | ((uint32_t) random_next (&g->state) & ~(uint32_t) row->mask & 0xffff);
      if (cop_insn_decode (bits, cop_isa_default (), &insn) != 2 || insn.op != row->op)
        continue;
      if (insn.op == COP_INSN_addi && insn.rd == REG_BUFFER && insn.rs1 == REG_BUFFER)
        {
          /* c.addi16sp has no other destination: look at what it made, and undo it. */
          step = add_step (g);
          put (step, bits);
          put (step, encode_i (MATCH (addi), destination (g), REG_BUFFER, 0));
          put (step, encode_i (MATCH (addi), REG_BUFFER, REG_BUFFER, -insn.imm));
          return;
        }
      if (is_usable (g, &insn))
        {
          put (add_step (g), bits);
          return;
        }
    }
}

static bool
is_excluded (CopInsnOp op)
{
  for (unsigned i = 0; i < n_exclusions; i++)
    if (exclusions[i].op == op)
      return true;
  return false;
}

static void
add_any (Generator *g)
{
  unsigned pick = below (g, COP_INSN_LAST + cop_cinsn_count);

  if (pick >= COP_INSN_LAST)
    add_compressed (g, pick - COP_INSN_LAST);
  else if (!is_excluded (pick))
    add_wide (g, pick);
}

/* li counter, n; steps; addi counter, counter, -1; bnez counter, back */
static void
add_loop (Generator *g)
{
  unsigned body = 1 + below (g, 12);
  unsigned counter = temporary (g);
  unsigned turns = below (g, 8) == 0 ? 200 + below (g, 400) : 2 + below (g, 20);
  unsigned first, end;
  Step *step;

  /* Earlier jumps may lead to the loop's start, not past it. */
  for (unsigned i = 0; i < g->one->n_steps; i++)
    if (g->one->steps[i].jump != JUMP_NONE)
      g->one->steps[i].target = MIN (g->one->steps[i].target, (int) g->one->n_steps);
  put (add_step (g), encode_i (MATCH (addi), counter, 0, (int) turns));
  g->counter = counter;
  first = g->one->n_steps;
  while (g->one->n_steps < first + body)
    add_any (g);
  g->counter = 0;
  end = g->one->n_steps;
  /* Jumps of the body do not leave it: the counter is stepped in each round. */
  for (unsigned i = first; i < end; i++)
    if (g->one->steps[i].jump != JUMP_NONE)
      g->one->steps[i].target = MIN (g->one->steps[i].target, (int) end);
  step = add_step (g);
  put (step, encode_i (MATCH (addi), counter, counter, -1));
  put (step, MATCH (bne) | counter << 15);
  step->jump = JUMP_BRANCH;
  step->jump_at = 1;
  step->target = (int) first;
}

static void
fill_data (Generator *g, CaseData *data)
{
  uint64_t *words = (uint64_t *) (void *) data->buffer;

  for (unsigned i = 1; i < 32; i++)
    data->x[i] = random_integer (&g->state);
  for (unsigned i = 0; i < 32; i++)
    data->f[i] = random_float (&g->state);
  data->fcsr = below (g, 5) << 5 | (below (g, 4) == 0 ? below (g, 32) : 0);
  for (unsigned i = 0; i < BUFFER_SIZE / 8; i++)
    words[i] = below (g, 2) ? random_integer (&g->state) : random_float (&g->state);
}

void
generate_case (Case *one, uint64_t seed)
{
  Generator g = { .state = seed, .one = one };
  unsigned wanted = 4 + below (&g, 60);

  memset (one, 0, sizeof *one);
  fill_data (&g, &one->start);
  while (one->n_steps < wanted)
    if (below (&g, 24) == 0 && one->n_steps + 16 < MAX_STEPS)
      add_loop (&g);
    else
      add_any (&g);
}
