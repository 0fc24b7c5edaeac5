/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The built-in SBI: the table of extensions, dispatch, and the small extensions.
 *
 * Source: RISC-V SBI Specification 2.0
 */
#include "engine/machine-private.h"
#include "engine/riscv/fw-events.h"
#include "engine/riscv/sbi-private.h"

/* Not a registered implementation: "Copp". */
#define IMPLEMENTATION_ID UINT64_C (0x436f7070)
#define IMPLEMENTATION_VERSION UINT64_C (1)

static const CopSbiExtension *find_extension (uint64_t id);

/* Base: chapter 4. */

static CopSbiResult
get_spec_version (CopHart *hart, const uint64_t args[6])
{
  (void)hart, (void)args;
  return COP_SBI_VALUE (COP_SBI_SPEC_VERSION);
}

static CopSbiResult
get_impl_id (CopHart *hart, const uint64_t args[6])
{
  (void)hart, (void)args;
  return COP_SBI_VALUE (IMPLEMENTATION_ID);
}

static CopSbiResult
get_impl_version (CopHart *hart, const uint64_t args[6])
{
  (void)hart, (void)args;
  return COP_SBI_VALUE (IMPLEMENTATION_VERSION);
}

static CopSbiResult
probe_extension (CopHart *hart, const uint64_t args[6])
{
  (void)hart;
  return COP_SBI_VALUE (find_extension (args[0]) != NULL);
}

/* mvendorid, marchid and mimpid are 0: not implemented. */
static CopSbiResult
get_zero (CopHart *hart, const uint64_t args[6])
{
  (void)hart, (void)args;
  return COP_SBI_OK;
}

static const CopSbiFunc base_functions[] = {
  get_spec_version, get_impl_id, get_impl_version, probe_extension, get_zero, get_zero, get_zero,
};
static const CopSbiExtension base = COP_SBI_EXTENSION (0x10, "BASE", base_functions);

/* Timer: chapter 6. */

static CopSbiResult
set_timer (CopHart *hart, const uint64_t args[6])
{
  cop_fw_count (hart, COP_FW_SET_TIMER);
  cop_hart_set_stimecmp (hart, args[0]);
  return COP_SBI_OK;
}

static const CopSbiFunc time_functions[] = { set_timer };
static const CopSbiExtension timer = COP_SBI_EXTENSION (0x54494d45, "TIME", time_functions);
static const CopSbiExtension legacy_timer =
  COP_SBI_EXTENSION (0x00, "legacy set_timer", time_functions, .legacy = true);

/* Software interrupts: chapter 7. */

static CopSbiResult
send_ipi (CopHart *hart, const uint64_t args[6])
{
  uint64_t harts;

  if (!cop_sbi_hart_mask (hart, args[0], args[1], &harts))
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  cop_fw_count (hart, COP_FW_IPI_SENT);
  for (; harts != 0; harts &= harts - 1)
    {
      CopHart *other = cop_machine_hart (hart->machine, (unsigned)__builtin_ctzll (harts));

      cop_fw_count (other, COP_FW_IPI_RECEIVED);
      cop_hart_set_irq (other, COP_IRQ_SSI, true);
    }
  return COP_SBI_OK;
}

static const CopSbiFunc ipi_functions[] = { send_ipi };
static const CopSbiExtension ipi = COP_SBI_EXTENSION (0x735049, "IPI", ipi_functions);

/* System reset: chapter 10. The call does not come back: the machine ends or starts anew. */

static CopSbiResult
system_reset (CopHart *hart, const uint64_t args[6])
{
  enum
  {
    SHUTDOWN,
    COLD_REBOOT,
    WARM_REBOOT
  };
  enum
  {
    NO_REASON,
    SYSTEM_FAILURE
  };
  uint32_t type = (uint32_t)args[0], reason = (uint32_t)args[1];

  if (type > WARM_REBOOT || reason > SYSTEM_FAILURE)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  if (type != SHUTDOWN)
    cop_machine_guest_reset (hart->machine);
  else if (reason == SYSTEM_FAILURE)
    cop_machine_guest_end (hart->machine, COP_END_FAILURE, 1);
  else
    cop_machine_guest_end (hart->machine, COP_END_POWEROFF, 0);
  return COP_SBI_OK;
}

static CopSbiResult
legacy_shutdown (CopHart *hart, const uint64_t args[6])
{
  (void)args;
  cop_machine_guest_end (hart->machine, COP_END_POWEROFF, 0);
  return COP_SBI_OK;
}

static const CopSbiFunc srst_functions[] = { system_reset };
static const CopSbiExtension srst = COP_SBI_EXTENSION (0x53525354, "SRST", srst_functions);
static const CopSbiFunc shutdown_functions[] = { legacy_shutdown };
static const CopSbiExtension legacy_shutdown_extension =
  COP_SBI_EXTENSION (0x08, "legacy shutdown", shutdown_functions, .legacy = true);

static const CopSbiExtension *const extensions[] = {
  &base,
  &timer,
  &ipi,
  &cop_sbi_rfence,
  &cop_sbi_hsm,
  &srst,
  &cop_sbi_pmu,
  &cop_sbi_dbcn,
  &cop_sbi_susp,
  &legacy_timer,
  &cop_sbi_legacy_putchar,
  &cop_sbi_legacy_getchar,
  &legacy_shutdown_extension,
};

static const CopSbiExtension *
find_extension (uint64_t id)
{
  for (size_t i = 0; i < G_N_ELEMENTS (extensions); i++)
    if (extensions[i]->id == id)
      return extensions[i];
  return NULL;
}

bool
cop_sbi_hart_mask (const CopHart *hart, uint64_t mask, uint64_t base_hart, uint64_t *harts)
{
  unsigned n = cop_machine_n_harts (hart->machine);
  uint64_t all = UINT64_MAX >> (64 - n);

  if (base_hart == UINT64_MAX)
    {
      *harts = all;
      return true;
    }
  if (base_hart >= n || (mask & ~(all >> base_hart)) != 0)
    return false;
  *harts = mask << base_hart;
  return true;
}

uint8_t *
cop_sbi_memory (const CopHart *hart, uint64_t low, uint64_t high, uint64_t length)
{
  return high != 0 ? NULL : cop_ram_span (hart->ram, low, length);
}

bool
cop_sbi_handles (const CopHart *hart)
{
  return hart->machine != NULL && cop_machine_config (hart->machine)->boot == COP_BOOT_SBI;
}

void
cop_sbi_call (CopHart *hart)
{
  enum
  {
    A0 = 10,
    A1 = 11,
    A6 = 16,
    A7 = 17
  };
  uint64_t *x = hart->s.x;
  const CopSbiExtension *extension = find_extension (x[A7]);
  CopSbiResult result = COP_SBI_ERROR (COP_SBI_NOT_SUPPORTED);
  uint64_t function = extension != NULL && extension->legacy ? 0 : x[A6];
  uint64_t args[6];

  memcpy (args, x + A0, sizeof args);
  if (extension != NULL && function < extension->n_functions &&
      extension->functions[function] != NULL)
    result = extension->functions[function](hart, args);

  x[A0] = (uint64_t)(int64_t)result.error;
  if (extension == NULL || !extension->legacy)
    x[A1] = result.value;
  else if (result.error == COP_SBI_SUCCESS)
    x[A0] = result.value;
  hart->s.pc += 4;
}
