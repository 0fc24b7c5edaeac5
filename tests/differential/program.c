/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From steps to an image: layout, jump distances, prologue and epilogue of each case.
 */
#include "program.h"

#include "engine/ram.h"

#include <string.h>

G_STATIC_ASSERT (offsetof (CaseData, fcsr) == 512);
G_STATIC_ASSERT (sizeof (CaseData) % 8 == 0 && offsetof (CaseData, buffer) < 2048);

#define MATCH(insn) (cop_insn_table[COP_INSN_##insn].match)
#define CSR_FCSR 0x003

uint32_t
encode_i (uint32_t match, unsigned rd, unsigned rs1, int imm)
{
  return match | (uint32_t) rd << 7 | (uint32_t) rs1 << 15 | (uint32_t) imm << 20;
}

uint32_t
encode_s (uint32_t match, unsigned rs1, unsigned rs2, int imm)
{
  return match | (uint32_t) rs1 << 15 | (uint32_t) rs2 << 20 | ((uint32_t) imm & 31) << 7 |
         ((uint32_t) imm >> 5 & 127) << 25;
}

uint32_t
encode_r (uint32_t match, unsigned rd, unsigned rs1, unsigned rs2)
{
  return match | (uint32_t) rd << 7 | (uint32_t) rs1 << 15 | (uint32_t) rs2 << 20;
}

static uint32_t
branch_distance (int distance)
{
  uint32_t d = (uint32_t) distance;

  return (d >> 11 & 1) << 7 | (d >> 1 & 15) << 8 | (d >> 5 & 63) << 25 | (d >> 12 & 1) << 31;
}

static uint32_t
jal_distance (int distance)
{
  uint32_t d = (uint32_t) distance;

  return (d >> 12 & 255) << 12 | (d >> 11 & 1) << 20 | (d >> 1 & 1023) << 21 | (d >> 20 & 1) << 31;
}

static uint32_t
c_branch_distance (int distance)
{
  uint32_t d = (uint32_t) distance;

  return (d >> 5 & 1) << 2 | (d >> 1 & 3) << 3 | (d >> 6 & 3) << 5 | (d >> 3 & 3) << 10 |
         (d >> 8 & 1) << 12;
}

static uint32_t
c_j_distance (int distance)
{
  uint32_t d = (uint32_t) distance;

  return (d >> 5 & 1) << 2 | (d >> 1 & 7) << 3 | (d >> 7 & 1) << 6 | (d >> 6 & 1) << 7 |
         (d >> 10 & 1) << 8 | (d >> 8 & 3) << 9 | (d >> 4 & 1) << 11 | (d >> 11 & 1) << 12;
}

static void
emit (Program *program, uint32_t bits)
{
  unsigned size = insn_size (bits);

  g_assert (program->size + size <= IMAGE_MAX);
  memcpy (program->image + program->size, &bits, size);
  program->size += size;
}

static unsigned
step_size (const Step *step)
{
  unsigned size = 0;

  for (unsigned i = 0; i < step->n_insns; i++)
    size += insn_size (step->insns[i]);
  return size;
}

/* The instruction at @at of a step with its jump's distance put in. */
static uint32_t
with_distance (const Step *step, unsigned at, int distance)
{
  uint32_t bits = step->insns[at];

  if (step->jump == JUMP_NONE || at != step->jump_at)
    return bits;
  switch (step->jump)
    {
    case JUMP_BRANCH:
      return bits | branch_distance (distance);
    case JUMP_JAL:
      return bits | jal_distance (distance);
    case JUMP_C_BRANCH:
      return bits | c_branch_distance (distance);
    case JUMP_C_J:
      return bits | c_j_distance (distance);
    default:
      /* Relative to the auipc, the step's first instruction. */
      return bits | (uint32_t) distance << 20;
    }
}

static void
emit_sequence (Program *program, const Case *one, unsigned n_steps)
{
  int offsets[MAX_STEPS + 1];
  int at = 0;

  for (unsigned i = 0; i < n_steps; i++)
    {
      offsets[i] = at;
      at += step_size (&one->steps[i]);
    }
  offsets[n_steps] = at;

  for (unsigned i = 0; i < n_steps; i++)
    {
      const Step *step = &one->steps[i];
      int here = offsets[i];

      for (unsigned k = 0; k < step->n_insns; k++)
        {
          int from = step->jump == JUMP_REGISTER ? offsets[i] : here;
          int to = offsets[MIN (step->target, (int) n_steps)];
          uint32_t bits = with_distance (step, k, to - from);

          emit (program, bits);
          here += insn_size (bits);
        }
    }
}

/* Case @index: its data's address is pc-relative, and known only when all code is laid out. */
static uint64_t
emit_case (Program *program, const Case *one, unsigned n_steps)
{
  uint64_t fixup = program->size;

  emit (program, MATCH (auipc) | REG_STATE << 7);
  emit (program, encode_i (MATCH (addi), REG_STATE, REG_STATE, 0));
  for (unsigned i = 0; i < 32; i++)
    emit (program, encode_i (MATCH (fld), i, REG_STATE, offsetof (CaseData, f) + 8 * i));
  emit (program, encode_i (MATCH (ld), 1, REG_STATE, offsetof (CaseData, fcsr)));
  emit (program, encode_i (MATCH (csrrw), 0, 1, CSR_FCSR));
  for (unsigned i = 1; i < REG_STATE; i++)
    emit (program, encode_i (MATCH (ld), i, REG_STATE, 8 * i));

  emit_sequence (program, one, n_steps);

  for (unsigned i = 0; i < 32; i++)
    emit (program, encode_s (MATCH (sd), REG_STATE, i, 8 * i));
  emit (program, encode_i (MATCH (csrrs), 1, 0, CSR_FCSR));
  emit (program, encode_s (MATCH (sd), REG_STATE, 1, offsetof (CaseData, fcsr)));
  for (unsigned i = 0; i < 32; i++)
    emit (program, encode_s (MATCH (fsd), REG_STATE, i, offsetof (CaseData, f) + 8 * i));
  return fixup;
}

static void
fix_address (Program *program, uint64_t at, uint64_t target)
{
  uint32_t distance = (uint32_t) (target - at);
  uint32_t insns[2];

  memcpy (insns, program->image + at, sizeof insns);
  insns[0] |= (distance + 0x800) & 0xfffff000;
  insns[1] |= distance << 20;
  memcpy (program->image + at, insns, sizeof insns);
}

void
program_init (Program *program, const Case *const *cases, const unsigned *n_steps, unsigned n_cases)
{
  g_autofree uint64_t *fixups = g_new (uint64_t, n_cases);

  *program = (Program){ .image = g_malloc0 (IMAGE_MAX), .n_cases = n_cases };
  for (unsigned i = 0; i < n_cases; i++)
    fixups[i] = emit_case (program, cases[i], n_steps != NULL ? n_steps[i] : cases[i]->n_steps);
  program->end = program->size;

  /* Room for what an executor puts at the end, then the data on a page of its own. */
  program->data = (program->size + 256 + COP_PAGE_SIZE - 1) & ~(COP_PAGE_SIZE - 1);
  program->size = program->data + n_cases * sizeof (CaseData);
  g_assert (program->size <= IMAGE_MAX);
  for (unsigned i = 0; i < n_cases; i++)
    {
      CaseData *data = (CaseData *) (void *) (program->image + program->data) + i;
      uint64_t  gpa = IMAGE_GPA + program->data + i * sizeof *data;

      *data = cases[i]->start;
      data->x[REG_BUFFER] = gpa + offsetof (CaseData, buffer);
      data->x[REG_MIDDLE] = gpa + offsetof (CaseData, buffer) + BUFFER_SIZE / 2;
      fix_address (program, fixups[i], program->data + i * sizeof *data);
    }
}

void
program_clear (Program *program)
{
  g_clear_pointer (&program->image, g_free);
}
