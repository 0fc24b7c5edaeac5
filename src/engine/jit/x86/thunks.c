/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The way between C and translated code, and what translated code calls.
 *
 *   enter (hart, code): saves what C wants kept, loads guest registers, jumps
 *   exits:              note pc or place in the hart, store guest registers, return to C
 *   calls:              store the guest registers that C may clobber in their places, call, reload
 */
#include "engine/jit/x86/lower-private.h"

#include "engine/jit/translate.h"
#include "engine/riscv/fpu-host.h"
#include "engine/riscv/mmu.h"
#include "engine/riscv/system.h"

/* Returned in rax and rdx. */
typedef struct
{
  uint64_t value;
  uint64_t good;
} Result;

/* --- what is called ------------------------------------------------------------------------------ */

#define DEFINE_LOAD(name, type)                                                                  \
  static Result load_##name (CopHart *hart, uint64_t gva)                                        \
  {                                                                                              \
    uint64_t value = 0;                                                                          \
    bool good = cop_mmu_load_slow (hart, gva, sizeof (type), &value);                            \
                                                                                                 \
    return (Result){ (uint64_t) (type) value, good };                                            \
  }
DEFINE_LOAD (s8, int8_t)
DEFINE_LOAD (u8, uint8_t)
DEFINE_LOAD (s16, int16_t)
DEFINE_LOAD (u16, uint16_t)
DEFINE_LOAD (s32, int32_t)
DEFINE_LOAD (u32, uint32_t)
DEFINE_LOAD (u64, uint64_t)

#define DEFINE_STORE(bytes)                                                                      \
  static Result store_##bytes (CopHart *hart, uint64_t gva, uint64_t value)                      \
  {                                                                                              \
    return (Result){ 0, cop_mmu_store_slow (hart, gva, bytes, value) };                          \
  }
DEFINE_STORE (1)
DEFINE_STORE (2)
DEFINE_STORE (4)
DEFINE_STORE (8)

/* An atomic access that the TLB lets through after a refill; whatever else there is to one (faults,
   pages with code) is the interpreter's. */
static Result
atomic_access (CopHart *hart, uint64_t gva, uint64_t size, bool writes)
{
  uint8_t *hva = gva & (size - 1) ? NULL : cop_mmu_prepare (hart, gva, writes, writes);

  return (Result){ (uint64_t) (uintptr_t) hva - gva, hva != NULL };
}

static Result
atomic_load (CopHart *hart, uint64_t gva, uint64_t size)
{
  return atomic_access (hart, gva, size, false);
}

static Result
atomic_store (CopHart *hart, uint64_t gva, uint64_t size)
{
  return atomic_access (hart, gva, size, true);
}

/* @detail: SPAN_* */
static Result
span (CopHart *hart, uint64_t gva, uint64_t detail)
{
  uint64_t last = gva + (detail & SPAN_LENGTH) - 1, addend;
  bool writes = detail & SPAN_WRITES, first_writes = detail & SPAN_STORES_FIRST;
  uint8_t *hva;

  /* Which page the first access is to is not known here: then none is looked at ahead of it. */
  if ((gva ^ last) >> COP_PAGE_SHIFT != 0)
    {
      CopAccess access = writes ? COP_ACCESS_STORE : COP_ACCESS_LOAD;
      const void *low = cop_tlb_find (hart->tlb, gva, access);
      const void *high = cop_tlb_find (hart->tlb, last, access);

      addend = (uint64_t) (uintptr_t) low - gva;
      return (Result){ addend, low != NULL && high != NULL &&
                                 addend == (uint64_t) (uintptr_t) high - last };
    }
  hva = cop_mmu_prepare (hart, gva, writes, first_writes);
  return (Result){ (uint64_t) (uintptr_t) hva - gva, hva != NULL };
}

static Result
cbo_zero (CopHart *hart, uint64_t gva, uint64_t bits)
{
  return (Result){ 0, cop_system_cbo_zero (hart, gva, bits) };
}

static Result
relax (CopHart *hart)
{
  cop_system_relax (hart);
  return (Result){ 0, true };
}

/* Whether the page before or behind that of the code running now is the one at a physical address; if
   so, that is noted. @what: the address, and 1: behind. */
static Result
check_page (CopHart *hart, uint64_t what)
{
  bool behind = what & 1;
  uint64_t gpa = what & ~UINT64_C (1), found;
  uint64_t gva = hart->jit.page + (behind ? COP_PAGE_SIZE : -COP_PAGE_SIZE);

  /* Nothing is walked: whoever goes there for want of an entry does that. Then the page is noted as
     one with code, so that code_tag changes when it is mapped otherwise. */
  if (cop_tlb_find (hart->fetch_tlb, gva, COP_ACCESS_FETCH) == NULL ||
      cop_mmu_fetch (hart, gva, &found) == NULL || found != gpa)
    return (Result){ false, true };
  hart->jit.facts[cop_page_fact_slot (gpa, behind)] = (CopPageFact){
    .from = hart->jit.page,
    .tag = hart->code_tag,
    .number = cop_page_fact_number (gpa),
  };
  return (Result){ true, true };
}

/* Any floating point operation in any mode, on jit.args. @what: CopIrFp << 8 | rounding mode. */
static Result
fp (CopHart *hart, uint64_t unused, uint64_t what)
{
  uint64_t a = hart->jit.args[0], b = hart->jit.args[1], c = hart->jit.args[2];
  /* Native is what the host does now: nearest-even, not frm, where frm has no counterpart. */
  CopRoundingMode rm = (what & 0xff) == IR_RM_NATIVE ? cop_fpu_host_mode (hart->s.fcsr >> 5)
                                                     : (CopRoundingMode) (what & 0xff);
  uint64_t value;

  (void) unused;
#define CALL_1 (hart, a, rm)
#define CALL_2 (hart, a, b, rm)
#define CALL_3 (hart, a, b, c, rm)
#define ROUNDING(name, operands, result, type)                                                   \
  case IR_FP_##name:                                                                             \
    value = (uint64_t) cop_fpu_##name CALL_##operands;                                           \
    break;
#define EXACT_1 (a)
#define EXACT_2 (a, b)
#define EXACT(name, operands, result, type)                                                      \
  case IR_FP_##name:                                                                             \
    value = (uint64_t) cop_host_##name EXACT_##operands;                                         \
    break;
  switch ((CopIrFp) (what >> 8))
    {
      COP_FPU_ROUNDING_TABLE (ROUNDING)
      COP_FPU_TO_INTEGER_TABLE (ROUNDING)
      COP_FPU_WIDENING_TABLE (EXACT)
      COP_FPU_COMPARE_TABLE (EXACT)
    case IR_FP_f32_class:
      value = cop_f32_class (a);
      break;
    case IR_FP_f64_class:
      value = cop_f64_class (a);
      break;
    default:
      g_assert_not_reached ();
    }
  return (Result){ value, true };
}

/* --- thunks -------------------------------------------------------------------------------------- */

static bool
is_callee_saved (CopReg reg)
{
  return reg == RBX || reg == RBP || reg >= R12;
}

static void
store_guest (CopAsm *a, bool all)
{
  for (unsigned i = 1; i < 32; i++)
    if (((CopReg) cop_x86_home[i]) != NO_REG && (all || !is_callee_saved (((CopReg) cop_x86_home[i]))))
      asm_store (a, x_mem (i), ((CopReg) cop_x86_home[i]));
}

static void
load_guest (CopAsm *a, bool all)
{
  for (unsigned i = 1; i < 32; i++)
    if (((CopReg) cop_x86_home[i]) != NO_REG && (all || !is_callee_saved (((CopReg) cop_x86_home[i]))))
      asm_load (a, ((CopReg) cop_x86_home[i]), x_mem (i));
}

static const CopReg saved[] = { RBP, RBX, R12, R13, R14, R15 };

/* The frame is what a return finds that no call belongs to, see lower-jumps.c, and what aligns the
   stack to 16 bytes. */
#define FRAME_BYTES 24

/* @resume: here goes on, at rax, what left with all guest registers stored. */
static void
write_enter (CopJitBackend *b, CopLabel resume, CopLabel return_missed)
{
  CopAsm *a = &b->a;

  for (unsigned i = 0; i < G_N_ELEMENTS (saved); i++)
    asm_push (a, saved[i]);
  asm_alu_ri (a, ALU_SUB, true, RSP, FRAME_BYTES);
  asm_mov_rr (a, true, RAX, RSI);
  asm_lea (a, true, HART, mem (RDI, HART_BIAS));
  asm_lea_label (a, RCX, return_missed);
  asm_store (a, mem (RSP, 0), RCX);
  asm_store_i (a, 8, mem (RSP, 8), 1);
  asm_store (a, HART_FIELD (jit.stack), RSP);
  asm_bind (a, resume);
  asm_load (a, FUEL, HART_FIELD (jit.fuel));
  if (b->host.fsgsbase)
    {
      asm_load (a, RCX, HART_FIELD (tlb));
      asm_rr (a, 0xf3000fae, true, (CopReg) 3, RCX); /* wrgsbase rcx */
    }
  load_guest (a, true);
  asm_rr (a, 0xff, false, (CopReg) 4, RAX);     /* jmp rax */
}

/* Leaves with @exit; the hart has all registers. */
static void
write_return (CopAsm *a, CopJitExit exit)
{
  asm_mov_ri (a, RAX, exit);
  asm_load (a, RSP, HART_FIELD (jit.stack));
  asm_alu_ri (a, ALU_ADD, true, RSP, FRAME_BYTES);
  for (unsigned i = G_N_ELEMENTS (saved); i-- > 0;)
    asm_pop (a, saved[i]);
  asm_ret (a);
}

/* Leaves with @exit. */
static void
write_leave (CopAsm *a, CopJitExit exit)
{
  asm_store (a, HART_FIELD (jit.fuel), FUEL);
  store_guest (a, true);
  write_return (a, exit);
}

/* Forgets all calls, unless C found that they are valid yet. */
static void
write_drop_calls (CopAsm *a)
{
  asm_rm (a, 0x80, false, (CopReg) ALU_CMP, HART_FIELD (jit.keeps_calls)); /* cmp byte, imm8 */
  emit8 (a, 0);
  asm_rm (a, 0x0f40 + CC_E, true, RSP, HART_FIELD (jit.stack)); /* cmove */
}

/* Has @callee of hart.jit say where to go on; NULL: leaves with @exit. rsp is aligned as C wants it. */
static void
write_ask (CopAsm *a, CopMem callee, CopLabel resume, CopJitExit exit)
{
  CopLabel leave = asm_new_label (a);

  asm_store (a, HART_FIELD (jit.fuel), FUEL);
  store_guest (a, true);
  asm_lea (a, true, RDI, mem (HART, -HART_BIAS));
  asm_rm (a, 0xff, false, (CopReg) 2, callee); /* call */
  asm_rr (a, 0x85, true, RAX, RAX);
  asm_jcc (a, CC_E, leave);
  write_drop_calls (a);
  asm_jmp (a, resume);
  asm_bind (a, leave);
  write_return (a, exit);
}

/* rcx = code for the pc in rax, as @callee of hart.jit finds it; the page is that one's. Leaves by
   @exit_pc when there is none. */
static void
write_find (CopAsm *a, CopMem callee, CopLabel exit_pc)
{
  store_guest (a, false);
  asm_push (a, RAX);
  asm_push (a, RAX);
  asm_lea (a, true, RDI, mem (HART, -HART_BIAS));
  asm_mov_rr (a, true, RSI, RAX);
  asm_rm (a, 0xff, false, (CopReg) 2, callee); /* call */
  asm_mov_rr (a, true, RCX, RAX);
  asm_pop (a, RAX);
  asm_pop (a, RAX);
  load_guest (a, false);
  asm_rr (a, 0x85, true, RCX, RCX);
  asm_jcc (a, CC_E, exit_pc);
}

/* Out of fuel at exit_pc: goes on there if jit.refuel() says so. Who comes with more fuel than a
   block takes has met a closed entry. */
static void
write_refuel (CopAsm *a)
{
  CopLabel leave = asm_new_label (a);

  asm_alu_ri (a, ALU_CMP, true, FUEL, COP_UNIT_BLOCK_INSNS);
  asm_jcc (a, CC_GE, leave);
  asm_store (a, HART_FIELD (jit.fuel), FUEL);
  store_guest (a, false);
  asm_lea (a, true, RDI, mem (HART, -HART_BIAS));
  asm_mov_rr (a, true, RSI, RSP);
  asm_rm (a, 0xff, false, (CopReg) 2, HART_FIELD (jit.refuel)); /* call */
  load_guest (a, false);
  asm_rr (a, 0x85, true, RAX, RAX);
  asm_jcc (a, CC_E, leave);
  asm_load (a, FUEL, HART_FIELD (jit.fuel));
  write_drop_calls (a);
  asm_rr (a, 0xff, false, (CopReg) 4, RAX);     /* jmp rax */
  asm_bind (a, leave);
  write_leave (a, COP_JIT_EXIT_PC);
}

static void
store_info (CopAsm *a, CopReg reg)
{
  asm_rm (a, 0x89, false, reg, HART_FIELD (jit.exit_info));
}

/* exit_pc = page + rcx */
static void
store_pc_at (CopAsm *a)
{
  asm_alu_rm (a, ALU_ADD, true, RCX, HART_FIELD (jit.page));
  asm_store (a, HART_FIELD (jit.exit_pc), RCX);
}

/* How a thunk passes what it is called with: always hart and rax; then rdx; and what it gives back. */
typedef enum
{
  GIVES_RAX,
  GIVES_NOTHING,
  GIVES_RCX,                    /* rax stays */
} Gives;

/* A call of @callee (hart, rax, rdx), with the place in ecx. When it is not good, leaves by @failed,
   never to return to its caller. */
static void
write_call (CopAsm *a, const void *callee, Gives gives, CopLabel failed)
{
  CopLabel bad = asm_new_label (a);

  asm_push (a, RCX);
  store_guest (a, false);
  if (gives == GIVES_RCX)
    {
      asm_push (a, RAX);
      asm_push (a, RAX);
    }
  asm_lea (a, true, RDI, mem (HART, -HART_BIAS));
  asm_mov_rr (a, true, RSI, RAX);
  asm_mov_ri (a, RAX, (uint64_t) (uintptr_t) callee);
  asm_rr (a, 0xff, false, (CopReg) 2, RAX);     /* call rax */
  load_guest (a, false);
  if (gives == GIVES_RCX)
    {
      asm_mov_rr (a, true, RCX, RAX);
      asm_pop (a, RAX);
      asm_pop (a, RAX);
    }
  asm_rr (a, 0x85, false, RDX, RDX);
  asm_jcc (a, CC_E, bad);
  if (gives == GIVES_RCX)
    asm_alu_ri (a, ALU_ADD, true, RSP, 8);
  else
    asm_pop (a, RCX);
  asm_ret (a);
  asm_bind (a, bad);
  asm_pop (a, RCX);
  asm_alu_ri (a, ALU_ADD, true, RSP, 8);
  asm_jmp (a, failed);
}

/* Registers that hold guest registers under any map, and that C may clobber. */
static const CopReg clobbered[] = { RSI, RDI, R8, R9, R10, R11 };

static void
push_clobbered (CopAsm *a)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (clobbered); i++)
    asm_push (a, clobbered[i]);
}

static void
pop_clobbered (CopAsm *a)
{
  for (unsigned i = G_N_ELEMENTS (clobbered); i-- > 0;)
    asm_pop (a, clobbered[i]);
}

/* hart_call: @callee (hart, rax, ecx). call: the callee comes in rcx. Both come from code with any
   map. */
static void
write_hart_call (CopAsm *a, const void *callee)
{
  asm_push (a, RCX);
  push_clobbered (a);
  asm_lea (a, true, RDI, mem (HART, -HART_BIAS));
  asm_mov_rr (a, true, RSI, RAX);
  asm_rr (a, 0x8b, false, RDX, RCX);
  asm_mov_ri (a, RAX, (uint64_t) (uintptr_t) callee);
  asm_rr (a, 0xff, false, (CopReg) 2, RAX);
  pop_clobbered (a);
  asm_pop (a, RCX);
  asm_ret (a);
}

static void
write_plain_call (CopAsm *a)
{
  asm_push (a, RCX);
  push_clobbered (a);
  asm_mov_rr (a, true, RDI, RAX);
  asm_mov_rr (a, true, RSI, RDX);
  asm_rr (a, 0xff, false, (CopReg) 2, RCX);     /* call rcx */
  pop_clobbered (a);
  asm_pop (a, RCX);
  asm_ret (a);
}

typedef struct
{
  const void **address;
  uint32_t     offset;
} Thunk;

static void
begin (CopJitBackend *b, GArray *thunks, const void **address)
{
  Thunk thunk = { .address = address };

  while (b->a.size & 15)
    emit8 (&b->a, 0xcc);
  thunk.offset = b->a.size;
  g_array_append_val (thunks, thunk);
}

size_t
cop_x86_write_thunks (CopJitBackend *b, uint8_t *place, const uint8_t *exec, size_t room)
{
  static const void *const loads[] = {
    [IR_S8] = load_s8,   [IR_U8] = load_u8,   [IR_S16] = load_s16, [IR_U16] = load_u16,
    [IR_S32] = load_s32, [IR_U32] = load_u32, [IR_U64] = load_u64,
  };
  static const void *const stores[] = { store_1, store_2, store_4, store_8 };
  g_autoptr (GArray) thunks = g_array_new (FALSE, FALSE, sizeof (Thunk));
  CopAsm *a = &b->a;
  CopLabel fault, block, rest, resume, return_missed, find, exit_pc, differs;

  cop_asm_reset (a);
  fault = asm_new_label (a);
  block = asm_new_label (a);
  rest = asm_new_label (a);
  resume = asm_new_label (a);
  return_missed = asm_new_label (a);
  find = asm_new_label (a);
  exit_pc = asm_new_label (a);

  begin (b, thunks, &b->enter);
  write_enter (b, resume, return_missed);
  begin (b, thunks, &b->find_and_jump);
  asm_bind (a, find);
  write_find (a, HART_FIELD (jit.find), exit_pc);
  asm_rr (a, 0xff, false, (CopReg) 4, RCX);     /* jmp rcx */
  begin (b, thunks, &b->find_code);
  write_find (a, HART_FIELD (jit.find), exit_pc);
  asm_ret (a);
  begin (b, thunks, &b->jump_far);
  differs = asm_new_label (a);
  cop_x86_write_jump_far (b, differs);
  asm_bind (a, differs);
  /* Which of hart.fars: its number. */
  G_STATIC_ASSERT (sizeof (CopJitFar) == 1 << 4);
  asm_lea (a, true, RDX, mem (RCX, HART_BIAS - (int32_t) offsetof (CopHart, fars)));
  asm_shift_ri (a, SHIFT_SHR, false, RDX, 4);
  write_find (a, HART_FIELD (jit.link_far), exit_pc);
  asm_rr (a, 0xff, false, (CopReg) 4, RCX);
  begin (b, thunks, &b->jump_by_table);
  cop_x86_write_jump_by_table (b, find);
  asm_bind (a, exit_pc);
  asm_store (a, HART_FIELD (jit.exit_pc), RAX);
  write_leave (a, COP_JIT_EXIT_PC);
  begin (b, thunks, &b->exit_at);
  store_pc_at (a);
  write_refuel (a);
  begin (b, thunks, &b->exit_link);
  store_info (a, RDX);
  store_pc_at (a);
  write_leave (a, COP_JIT_EXIT_LINK);
  begin (b, thunks, &b->exit_fault);
  asm_bind (a, fault);
  store_info (a, RCX);
  write_leave (a, COP_JIT_EXIT_FAULT);
  begin (b, thunks, &b->exit_system);
  store_info (a, RCX);
  asm_rm (a, 0x89, false, RAX, HART_FIELD (jit.exit_op));
  asm_rm (a, 0x89, false, RDX, HART_FIELD (jit.exit_bits));
  write_ask (a, HART_FIELD (jit.system), resume, COP_JIT_EXIT_SYSTEM);
  begin (b, thunks, &b->exit_interpret);
  store_info (a, RCX);
  write_leave (a, COP_JIT_EXIT_INTERPRET);
  begin (b, thunks, &b->exit_block);
  asm_bind (a, block);
  store_info (a, RCX);
  write_leave (a, COP_JIT_EXIT_BLOCK);
  begin (b, thunks, &b->rest);
  asm_bind (a, rest);
  store_info (a, RCX);
  write_ask (a, HART_FIELD (jit.rest), resume, COP_JIT_EXIT_BLOCK);
  begin (b, thunks, &b->return_missed);
  asm_bind (a, return_missed);
  cop_x86_write_return_missed (b, find);

  for (unsigned i = 0; i < G_N_ELEMENTS (loads); i++)
    {
      begin (b, thunks, &b->load[i]);
      write_call (a, loads[i], GIVES_RAX, fault);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (stores); i++)
    {
      begin (b, thunks, &b->store[i]);
      write_call (a, stores[i], GIVES_NOTHING, fault);
    }
  if (b->host.fsgsbase)
    {
      begin (b, thunks, &b->fill_loads);
      cop_x86_write_fill (a, COP_ACCESS_LOAD);
      begin (b, thunks, &b->fill_stores);
      cop_x86_write_fill (a, COP_ACCESS_STORE);
      for (unsigned i = 0; i < G_N_ELEMENTS (b->find[0]); i++)
        {
          begin (b, thunks, &b->find[0][i]);
          cop_x86_write_find (a, COP_ACCESS_LOAD, 1u << i);
          begin (b, thunks, &b->find[1][i]);
          cop_x86_write_find (a, COP_ACCESS_STORE, 1u << i);
        }
    }
  begin (b, thunks, &b->span);
  write_call (a, span, GIVES_RCX, rest);
  begin (b, thunks, &b->atomic_load);
  write_call (a, atomic_load, GIVES_RCX, block);
  begin (b, thunks, &b->atomic_store);
  write_call (a, atomic_store, GIVES_RCX, block);
  begin (b, thunks, &b->cbo_zero);
  write_call (a, cbo_zero, GIVES_NOTHING, fault);
  begin (b, thunks, &b->check_page);
  write_call (a, check_page, GIVES_RAX, fault);
  begin (b, thunks, &b->relax);
  write_call (a, relax, GIVES_NOTHING, fault);
  begin (b, thunks, &b->fp);
  write_hart_call (a, fp);
  begin (b, thunks, &b->give_up);
  write_hart_call (a, cop_x86_give_up_loop);
  begin (b, thunks, &b->call);
  write_plain_call (a);

  if (a->size > room)
    return 0;
  cop_asm_install (a, place, exec);
  for (unsigned i = 0; i < thunks->len; i++)
    {
      const Thunk *thunk = &g_array_index (thunks, Thunk, i);

      *thunk->address = exec + thunk->offset;
    }
  return a->size;
}
