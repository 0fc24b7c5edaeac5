/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SBI's remote fences: this hart fences itself and asks the others, then waits until each has done
 * so or is parked, where it does so before it touches memory again.
 *
 * Source: RISC-V SBI Specification 2.0 ch. 8
 */
#include "engine/machine.h"
#include "engine/riscv/fw-events.h"
#include "engine/riscv/mmu.h"
#include "engine/riscv/sbi-private.h"

static void
fence_self (CopHart *hart, const CopRequest *request)
{
  if (request->kind == COP_REQUEST_FENCE_I)
    cop_mmu_fence_i (hart);
  else
    cop_mmu_sfence (hart, request->address, request->length, request->asid);
}

/* args: hart mask, mask base. @sent is what firmware counts here; where it arrives, the next one.
 */
static CopSbiResult
fence (CopHart *hart, const uint64_t args[6], CopRequest request, CopFwEvent sent)
{
  int unanswered = 0;
  uint64_t harts;

  if (!cop_sbi_hart_mask (hart, args[0], args[1], &harts))
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);

  cop_fw_count (hart, sent);
  for (uint64_t left = harts; left != 0; left &= left - 1)
    cop_fw_count (cop_machine_hart (hart->machine, (unsigned) __builtin_ctzll (left)), sent + 1);

  request.unanswered = &unanswered;
  for (uint64_t left = harts & ~(UINT64_C (1) << hart->id); left != 0; left &= left - 1)
    {
      __atomic_add_fetch (&unanswered, 1, __ATOMIC_SEQ_CST);
      cop_hart_request (cop_machine_hart (hart->machine, (unsigned)__builtin_ctzll (left)),
                        &request);
    }
  if (harts & (UINT64_C (1) << hart->id))
    fence_self (hart, &request);
  cop_hart_wait_answers (hart, &unanswered);
  return COP_SBI_OK;
}

static CopSbiResult
remote_fence_i (CopHart *hart, const uint64_t args[6])
{
  return fence (hart, args, (CopRequest){ .kind = COP_REQUEST_FENCE_I }, COP_FW_FENCE_I_SENT);
}

/* args: hart mask, mask base, start, size; size 0 with start 0, or size -1: everything */
static CopSbiResult
fence_range (CopHart *hart, const uint64_t args[6], uint64_t asid, CopFwEvent sent)
{
  uint64_t start = args[2], size = args[3];
  CopRequest request = {
    .kind = COP_REQUEST_SFENCE, .address = start, .length = size, .asid = asid
  };

  if ((start == 0 && size == 0) || size == UINT64_MAX)
    request.length = UINT64_MAX;
  else if (start + size < start)
    return COP_SBI_ERROR (COP_SBI_INVALID_ADDRESS);
  return fence (hart, args, request, sent);
}

static CopSbiResult
remote_sfence_vma (CopHart *hart, const uint64_t args[6])
{
  return fence_range (hart, args, UINT64_MAX, COP_FW_SFENCE_VMA_SENT);
}

static CopSbiResult
remote_sfence_vma_asid (CopHart *hart, const uint64_t args[6])
{
  return fence_range (hart, args, args[4] & 0xffff, COP_FW_SFENCE_VMA_ASID_SENT);
}

/* The hypervisor's fences, 3 to 6, are for harts with the H extension. */
static const CopSbiFunc rfence_functions[] = {
  remote_fence_i,
  remote_sfence_vma,
  remote_sfence_vma_asid,
};
const CopSbiExtension cop_sbi_rfence = COP_SBI_EXTENSION (0x52464e43, "RFENCE", rfence_functions);
