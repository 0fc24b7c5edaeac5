/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SBI's hart state management, and suspending the whole system.
 *
 *                 hart_start                        hart_suspend
 *   STOPPED ------------------> START_PENDING -. .----------------> SUSPENDED
 *      ^                                       v |                      |
 *      '--- hart_stop ------------------- STARTED <---- interrupt ------'
 *
 * A hart changes its own status, between two runs; others do no more than turn STOPPED into
 * START_PENDING, under its lock, and kick it. Two kinds of suspended hart are told apart by
 * `waiting`: with it, the hart goes on after the call as after a wfi; without, it begins at
 * hsm_start_gpa.
 *
 * Source: RISC-V SBI Specification 2.0 ch. 9, 13
 */
#include "engine/machine.h"
#include "engine/ram-trim.h"
#include "engine/riscv/sbi-private.h"

static uint8_t
load_status (const CopHart *hart)
{
  return __atomic_load_n (&hart->s.hsm_status, __ATOMIC_ACQUIRE);
}

static void
store_status (CopHart *hart, CopHartStatus status)
{
  __atomic_store_n (&hart->s.hsm_status, (uint8_t)status, __ATOMIC_RELEASE);
}

/* Enters S mode at hsm_start_gpa, with what SBI promises and all else as it was: other harts may
   read the status, and set SSIP, meanwhile. */
static void
begin (CopHart *hart)
{
  CopHartState *s = &hart->s;

  s->pc = s->hsm_start_gpa;
  s->x[10] = hart->id;
  s->x[11] = s->hsm_opaque;
  s->satp = 0;
  s->mstatus &= ~(COP_MSTATUS_SIE | COP_MSTATUS_SUM | COP_MSTATUS_MXR);
  s->mie = 0;
  s->stimecmp = COP_CLOCK_NEVER;
  s->reservation_size = 0;
  s->waiting = false;
  cop_hart_state_changed (hart);
  store_status (hart, COP_HART_STARTED);
}

bool
cop_sbi_hart_ready (CopHart *hart)
{
  switch ((CopHartStatus)load_status (hart))
    {
    case COP_HART_STARTED:
      return true;

    case COP_HART_START_PENDING:
    case COP_HART_RESUME_PENDING:
      begin (hart);
      return true;

    case COP_HART_SUSPENDED:
    case COP_HART_SUSPEND_PENDING:
      if (!cop_hart_irq_waiting (hart))
        return false;
      if (hart->s.waiting)
        {
          hart->s.waiting = false;
          store_status (hart, COP_HART_STARTED);
        }
      else
        begin (hart);
      return true;

    case COP_HART_STOPPED:
    case COP_HART_STOP_PENDING:
      /* Nothing but a start wakes it. */
      hart->s.mie = 0;
      return false;
    }
  return true;
}

static bool
is_code (const CopHart *hart, uint64_t gpa)
{
  return gpa % 2 == 0 && cop_ram_span (hart->ram, gpa, 2) != NULL;
}

static CopSbiResult
hart_start (CopHart *hart, const uint64_t args[6])
{
  CopHart *target = args[0] < cop_machine_n_harts (hart->machine)
                      ? cop_machine_hart (hart->machine, (unsigned)args[0])
                      : NULL;
  bool stopped;

  if (target == NULL)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  if (!is_code (hart, args[1]))
    return COP_SBI_ERROR (COP_SBI_INVALID_ADDRESS);

  cop_ram_set_sole_writer (hart->ram, NULL);
  g_mutex_lock (&target->lock);
  stopped = load_status (target) == COP_HART_STOPPED;
  if (stopped)
    {
      target->s.hsm_start_gpa = args[1];
      target->s.hsm_opaque = args[2];
      store_status (target, COP_HART_START_PENDING);
    }
  g_mutex_unlock (&target->lock);
  if (!stopped)
    return COP_SBI_ERROR (COP_SBI_ALREADY_AVAILABLE);
  cop_hart_kick (target, COP_PENDING_STOP);
  return COP_SBI_OK;
}

static CopSbiResult
hart_stop (CopHart *hart, const uint64_t args[6])
{
  (void)args;
  hart->s.mie = 0;
  store_status (hart, COP_HART_STOPPED);
  cop_hart_kick (hart, COP_PENDING_STOP);
  return COP_SBI_OK;
}

static CopSbiResult
hart_get_status (CopHart *hart, const uint64_t args[6])
{
  if (args[0] >= cop_machine_n_harts (hart->machine))
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  return COP_SBI_VALUE (load_status (cop_machine_hart (hart->machine, (unsigned)args[0])));
}

static CopSbiResult
suspend (CopHart *hart, bool retentive, uint64_t resume_gpa, uint64_t opaque)
{
  hart->s.waiting = retentive;
  hart->s.hsm_start_gpa = resume_gpa;
  hart->s.hsm_opaque = opaque;
  store_status (hart, COP_HART_SUSPENDED);
  cop_hart_kick (hart, COP_PENDING_STOP);
  return COP_SBI_OK;
}

static CopSbiResult
hart_suspend (CopHart *hart, const uint64_t args[6])
{
  enum
  {
    RETENTIVE = 0,
    NON_RETENTIVE = 1u << 31
  };
  uint32_t type = (uint32_t)args[0];

  if (type == RETENTIVE)
    return suspend (hart, true, 0, 0);
  if (type != NON_RETENTIVE)
    return COP_SBI_ERROR (type & 0x10000000 ? COP_SBI_NOT_SUPPORTED : COP_SBI_INVALID_PARAM);
  if (!is_code (hart, args[1]))
    return COP_SBI_ERROR (COP_SBI_INVALID_ADDRESS);
  return suspend (hart, false, args[1], args[2]);
}

static CopSbiResult
system_suspend (CopHart *hart, const uint64_t args[6])
{
  enum
  {
    SUSPEND_TO_RAM = 0,
    FIRST_PLATFORM_TYPE = 0x80000000u
  };
  uint32_t type = (uint32_t)args[0];

  if (type != SUSPEND_TO_RAM)
    return COP_SBI_ERROR (type >= FIRST_PLATFORM_TYPE ? COP_SBI_NOT_SUPPORTED
                                                      : COP_SBI_INVALID_PARAM);
  if (!is_code (hart, args[1]))
    return COP_SBI_ERROR (COP_SBI_INVALID_ADDRESS);
  for (unsigned i = 0; i < cop_machine_n_harts (hart->machine); i++)
    if (i != hart->id && load_status (cop_machine_hart (hart->machine, i)) != COP_HART_STOPPED)
      return COP_SBI_ERROR (COP_SBI_DENIED);
  return suspend (hart, false, args[1], args[2]);
}

static const CopSbiFunc hsm_functions[] = { hart_start, hart_stop, hart_get_status, hart_suspend };
const CopSbiExtension cop_sbi_hsm = COP_SBI_EXTENSION (0x48534d, "HSM", hsm_functions);

static const CopSbiFunc susp_functions[] = { system_suspend };
const CopSbiExtension cop_sbi_susp = COP_SBI_EXTENSION (0x53555350, "SUSP", susp_functions);
