/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An assembler for the part of x86-64 that the back end emits.
 */
#include "engine/jit/x86/asm.h"

void
cop_asm_init (CopAsm *a)
{
  a->capacity = 16384;
  a->code = g_malloc (a->capacity);
  a->size = 0;
  a->labels = g_array_new (FALSE, FALSE, sizeof (uint32_t));
  a->fixups = g_array_new (FALSE, FALSE, sizeof (CopAsmFixup));
}

void
cop_asm_clear (CopAsm *a)
{
  g_free (a->code);
  g_array_unref (a->labels);
  g_array_unref (a->fixups);
}

void
cop_asm_reset (CopAsm *a)
{
  a->size = 0;
  g_array_set_size (a->labels, 0);
  g_array_set_size (a->fixups, 0);
}

void
cop_asm_grow (CopAsm *a)
{
  a->capacity *= 2;
  a->code = g_realloc (a->code, a->capacity);
}

/* Source: SDM vol. 2, NOP: the recommended forms of each length */
static void
pad (CopAsm *a, unsigned n)
{
  static const uint8_t nops[][7] = {
    { 0x90 },
    { 0x66, 0x90 },
    { 0x0f, 0x1f, 0x00 },
    { 0x0f, 0x1f, 0x40, 0x00 },
    { 0x0f, 0x1f, 0x44, 0x00, 0x00 },
    { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
    { 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
  };

  for (unsigned i = 0; i < n; i++)
    emit8 (a, nops[n - 1][i]);
}

void
asm_align8 (CopAsm *a)
{
  pad (a, -a->size & 7);
}

void
asm_align_jump (CopAsm *a)
{
  if ((a->size & 7) > 3)
    asm_align8 (a);
}

CopLabel
asm_new_label (CopAsm *a)
{
  uint32_t unbound = LABEL_UNBOUND;

  g_array_append_val (a->labels, unbound);
  return a->labels->len - 1;
}

void
asm_bind (CopAsm *a, CopLabel label)
{
  asm_bind_at (a, label, a->size);
}

void
asm_bind_at (CopAsm *a, CopLabel label, uint32_t at)
{
  g_array_index (a->labels, uint32_t, label) = at;
}

/* What the third operand is that an SSE instruction has in its VEX form. */
typedef enum
{
  SSE_NONE,                     /* no SSE instruction */
  SSE_TWO,                      /* it has none */
  SSE_DESTINATION,              /* the destination, as without VEX */
  SSE_SOURCE,                   /* the source, so that nothing waits for the destination's old value */
} SseForm;

static SseForm
find_sse_form (uint32_t opcode)
{
  static const uint8_t forms[256] = {
    [0x10] = SSE_TWO,         [0x11] = SSE_TWO,         [0x28] = SSE_TWO,
    [0x2c] = SSE_TWO,         [0x2d] = SSE_TWO,         [0x2e] = SSE_TWO,
    [0x2f] = SSE_TWO,         [0x6e] = SSE_TWO,         [0x7e] = SSE_TWO,
    [0xae] = SSE_TWO,         [0x2a] = SSE_DESTINATION, [0x57] = SSE_DESTINATION,
    [0x58] = SSE_DESTINATION, [0x59] = SSE_DESTINATION, [0x5c] = SSE_DESTINATION,
    [0x5e] = SSE_DESTINATION, [0x51] = SSE_SOURCE,      [0x5a] = SSE_SOURCE,
  };

  /* wrgsbase is a kind of its own. */
  if ((opcode & 0xffff00) != 0x0f00 || opcode == 0xf3000fae)
    return SSE_NONE;
  return forms[opcode & 0xff];
}

static void
prefix_vex (CopAsm *a, uint32_t opcode, bool w, unsigned r, unsigned x, unsigned b, SseForm form)
{
  unsigned third = form == SSE_DESTINATION ? r : form == SSE_SOURCE ? b : 0;
  uint8_t mandatory = opcode >> 24;
  uint8_t pp = mandatory == 0x66 ? 1 : mandatory == 0xf3 ? 2 : mandatory == 0xf2 ? 3 : 0;
  uint8_t low = (~third & 15) << 3 | pp;

  if (!w && x < 8 && b < 8)
    {
      emit8 (a, 0xc5);
      emit8 (a, (~r >> 3 & 1) << 7 | low);
    }
  else
    {
      emit8 (a, 0xc4);
      emit8 (a, (~r >> 3 & 1) << 7 | (~x >> 3 & 1) << 6 | (~b >> 3 & 1) << 5 | 1);
      emit8 (a, w << 7 | low);
    }
  emit8 (a, opcode);
}

/* Prefixes and opcode. @r, @x, @b: the registers whose fourth bit goes into REX; @force: REX even
   when empty, which makes spl to dil byte registers. */
static void
prefix (CopAsm *a, uint32_t opcode, bool w, unsigned r, unsigned x, unsigned b, bool force)
{
  SseForm form = a->avx ? find_sse_form (opcode) : SSE_NONE;
  uint8_t rex = 0x40 | w << 3 | (r >> 3 & 1) << 2 | (x >> 3 & 1) << 1 | (b >> 3 & 1);

  if (form != SSE_NONE)
    {
      prefix_vex (a, opcode, w, r, x, b, form);
      return;
    }
  if (opcode >> 24 != 0)
    emit8 (a, opcode >> 24);
  if (rex != 0x40 || force)
    emit8 (a, rex);
  if (opcode & 0xff0000)
    emit8 (a, opcode >> 16);
  if (opcode & 0xffff00)
    emit8 (a, opcode >> 8);
  emit8 (a, opcode);
}

/* Prefixes and opcode of an instruction with a memory operand. */
static void
prefix_mem (CopAsm *a, uint32_t opcode, bool w, unsigned r, CopMem m, bool force)
{
  if (m.gs)
    emit8 (a, 0x65);
  prefix (a, opcode, w, r, m.index == NO_REG ? 0 : m.index, m.base == NO_REG ? 0 : m.base, force);
}

static void
modrm_mem (CopAsm *a, unsigned reg, CopMem m)
{
  unsigned base = m.base & 7;
  bool needs_sib = m.index != NO_REG || base == RSP;
  unsigned mode;

  reg &= 7;
  if (m.base == NO_REG)
    {
      /* No base and no index: 32 bits of displacement. */
      emit8 (a, reg << 3 | RSP);
      emit8 (a, RSP << 3 | RBP);
      emit32 (a, m.disp);
      return;
    }
  if (m.disp == 0 && base != RBP)
    mode = 0;
  else if (m.disp >= -128 && m.disp < 128)
    mode = 1;
  else
    mode = 2;

  emit8 (a, mode << 6 | reg << 3 | (needs_sib ? RSP : base));
  if (needs_sib)
    emit8 (a, m.scale << 6 | (m.index == NO_REG ? RSP : m.index & 7) << 3 | base);
  if (mode == 1)
    emit8 (a, m.disp);
  else if (mode == 2)
    emit32 (a, m.disp);
}

void
asm_rr (CopAsm *a, uint32_t opcode, bool w, CopReg reg, CopReg rm)
{
  prefix (a, opcode, w, reg, 0, rm, false);
  emit8 (a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void
asm_rr8 (CopAsm *a, uint32_t opcode, CopReg reg, CopReg rm)
{
  prefix (a, opcode, false, reg, 0, rm, true);
  emit8 (a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void
asm_rm (CopAsm *a, uint32_t opcode, bool w, CopReg reg, CopMem m)
{
  prefix_mem (a, opcode, w, reg, m, false);
  modrm_mem (a, reg, m);
}

void
asm_rm8 (CopAsm *a, uint32_t opcode, CopReg reg, CopMem m)
{
  prefix_mem (a, opcode, false, reg, m, true);
  modrm_mem (a, reg, m);
}

void
asm_vex (CopAsm *a, unsigned pp, unsigned map, uint8_t opcode, bool w, CopReg reg, CopReg vvvv,
         CopReg rm)
{
  emit8 (a, 0xc4);
  emit8 (a, (~reg >> 3 & 1) << 7 | 1 << 6 | (~rm >> 3 & 1) << 5 | map);
  emit8 (a, w << 7 | (~vvvv & 15) << 3 | pp);
  emit8 (a, opcode);
  emit8 (a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* Intel SDM volume 2, 2.7: of map 1, with no mask, no rounding of its own and the vector length ignored. */
void
asm_evex (CopAsm *a, unsigned pp, uint8_t opcode, bool w, CopReg reg, CopReg vvvv, CopReg rm)
{
  emit8 (a, 0x62);
  emit8 (a, (~reg >> 3 & 1) << 7 | 1 << 6 | (~rm >> 3 & 1) << 5 | 1 << 4 | 1);
  emit8 (a, w << 7 | (~vvvv & 15) << 3 | 1 << 2 | pp);
  emit8 (a, 1 << 3);
  emit8 (a, opcode);
  emit8 (a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void
asm_mov_ri (CopAsm *a, CopReg reg, uint64_t value)
{
  if (value == 0)
    asm_rr (a, 0x33, false, reg, reg);
  else if (value <= UINT32_MAX)
    {
      prefix (a, 0xb8 + (reg & 7), false, 0, 0, reg, false);
      emit32 (a, value);
    }
  else if ((uint64_t) (int32_t) value == value)
    {
      prefix (a, 0xc7, true, 0, 0, reg, false);
      emit8 (a, 0xc0 | (reg & 7));
      emit32 (a, value);
    }
  else
    {
      prefix (a, 0xb8 + (reg & 7), true, 0, 0, reg, false);
      emit64 (a, value);
    }
}

void
asm_alu_ri (CopAsm *a, CopAlu op, bool w, CopReg reg, int32_t value)
{
  bool small = value >= -128 && value < 128;

  prefix (a, small ? 0x83 : 0x81, w, 0, 0, reg, false);
  emit8 (a, 0xc0 | op << 3 | (reg & 7));
  if (small)
    emit8 (a, value);
  else
    emit32 (a, value);
}

void
asm_alu_ri32 (CopAsm *a, CopAlu op, bool w, CopReg reg, int32_t value)
{
  prefix (a, 0x81, w, 0, 0, reg, false);
  emit8 (a, 0xc0 | op << 3 | (reg & 7));
  emit32 (a, value);
}

void
asm_alu_mi (CopAsm *a, CopAlu op, bool w, CopMem m, int32_t value)
{
  bool small = value >= -128 && value < 128;

  prefix_mem (a, small ? 0x83 : 0x81, w, 0, m, false);
  modrm_mem (a, op, m);
  if (small)
    emit8 (a, value);
  else
    emit32 (a, value);
}

void
asm_cmp8_mi (CopAsm *a, CopMem m, uint8_t value)
{
  prefix_mem (a, 0x80, false, 0, m, false);
  modrm_mem (a, ALU_CMP, m);
  emit8 (a, value);
}

void
asm_shift_ri (CopAsm *a, CopShift op, bool w, CopReg reg, unsigned count)
{
  prefix (a, 0xc1, w, 0, 0, reg, false);
  emit8 (a, 0xc0 | op << 3 | (reg & 7));
  emit8 (a, count);
}

void
asm_store_i (CopAsm *a, unsigned size, CopMem m, int32_t value)
{
  if (size == 2)
    emit8 (a, 0x66);
  prefix_mem (a, size == 1 ? 0xc6 : 0xc7, size == 8, 0, m, false);
  modrm_mem (a, 0, m);
  if (size == 1)
    emit8 (a, value);
  else if (size == 2)
    {
      emit8 (a, value);
      emit8 (a, value >> 8);
    }
  else
    emit32 (a, value);
}

static void
rel32 (CopAsm *a, CopLabel label, const void *target)
{
  CopAsmFixup fixup = { .at = a->size, .label = label, .target = target };

  g_array_append_val (a->fixups, fixup);
  emit32 (a, 0);
}

/* Whether a jump to @label fits into two bytes; its displacement. Only jumps back are known to. */
static bool
is_short (const CopAsm *a, CopLabel label, uint8_t *rel)
{
  uint32_t target = g_array_index (a->labels, uint32_t, label);
  int64_t distance = (int64_t) target - (int64_t) (a->size + 2);

  if (target == LABEL_UNBOUND || distance < INT8_MIN)
    return false;
  *rel = (uint8_t) distance;
  return true;
}

void
asm_jcc (CopAsm *a, CopCond cc, CopLabel label)
{
  uint8_t rel;

  if (is_short (a, label, &rel))
    {
      emit8 (a, 0x70 + cc);
      emit8 (a, rel);
      return;
    }
  emit8 (a, 0x0f);
  emit8 (a, 0x80 + cc);
  rel32 (a, label, NULL);
}

void
asm_jmp (CopAsm *a, CopLabel label)
{
  uint8_t rel;

  if (is_short (a, label, &rel))
    {
      emit8 (a, 0xeb);
      emit8 (a, rel);
      return;
    }
  emit8 (a, 0xe9);
  rel32 (a, label, NULL);
}

void
asm_call (CopAsm *a, CopLabel label)
{
  emit8 (a, 0xe8);
  rel32 (a, label, NULL);
}

void
asm_jmp_to (CopAsm *a, const void *target)
{
  emit8 (a, 0xe9);
  rel32 (a, LABEL_UNBOUND, target);
}

void
asm_jcc_to (CopAsm *a, CopCond cc, const void *target)
{
  emit8 (a, 0x0f);
  emit8 (a, 0x80 + cc);
  rel32 (a, LABEL_UNBOUND, target);
}

void
asm_call_to (CopAsm *a, const void *target)
{
  emit8 (a, 0xe8);
  rel32 (a, LABEL_UNBOUND, target);
}

static uint32_t
patchable (CopAsm *a, uint8_t opcode, CopLabel label, const void *target)
{
  if (((a->size + 1) & 7) > 4)
    pad (a, 7 - (a->size & 7));
  emit8 (a, opcode);
  rel32 (a, label, target);
  return a->size - 4;
}

uint32_t
asm_jmp_patchable (CopAsm *a, CopLabel label)
{
  return patchable (a, 0xe9, label, NULL);
}

uint32_t
asm_call_patchable (CopAsm *a, CopLabel label)
{
  return patchable (a, 0xe8, label, NULL);
}

uint32_t
asm_jmp_patchable_to (CopAsm *a, const void *target)
{
  return patchable (a, 0xe9, LABEL_UNBOUND, target);
}

uint32_t
asm_call_patchable_to (CopAsm *a, const void *target)
{
  return patchable (a, 0xe8, LABEL_UNBOUND, target);
}

void
asm_push (CopAsm *a, CopReg reg)
{
  if (reg >= R8)
    emit8 (a, 0x41);
  emit8 (a, 0x50 + (reg & 7));
}

void
asm_push_m (CopAsm *a, CopMem m)
{
  asm_rm (a, 0xff, false, (CopReg) 6, m);
}

void
asm_pop (CopAsm *a, CopReg reg)
{
  if (reg >= R8)
    emit8 (a, 0x41);
  emit8 (a, 0x58 + (reg & 7));
}

void
asm_ret (CopAsm *a)
{
  emit8 (a, 0xc3);
}

void
asm_lea_label (CopAsm *a, CopReg reg, CopLabel label)
{
  emit8 (a, reg >= R8 ? 0x4c : 0x48);
  emit8 (a, 0x8d);
  emit8 (a, 0x05 | (reg & 7) << 3);
  rel32 (a, label, NULL);
}

void
cop_asm_install (const CopAsm *a, uint8_t *place, const uint8_t *exec)
{
  memcpy (place, a->code, a->size);
  for (unsigned i = 0; i < a->fixups->len; i++)
    {
      const CopAsmFixup *fixup = &g_array_index (a->fixups, CopAsmFixup, i);
      int64_t target = fixup->label == LABEL_UNBOUND
                         ? (const uint8_t *) fixup->target - exec
                         : (int64_t) g_array_index (a->labels, uint32_t, fixup->label);
      int32_t rel = target - (fixup->at + 4);

      memcpy (place + fixup->at, &rel, sizeof rel);
    }
}
