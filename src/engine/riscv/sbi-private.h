/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the built-in SBI share: results, the shape of the table, and the harts that a
 * call names.
 *
 * Source: RISC-V SBI Specification 2.0 ch. 3
 */
#pragma once

#include "engine/riscv/sbi.h"

typedef enum
{
  COP_SBI_SUCCESS = 0,
  COP_SBI_FAILED = -1,
  COP_SBI_NOT_SUPPORTED = -2,
  COP_SBI_INVALID_PARAM = -3,
  COP_SBI_DENIED = -4,
  COP_SBI_INVALID_ADDRESS = -5,
  COP_SBI_ALREADY_AVAILABLE = -6,
  COP_SBI_ALREADY_STARTED = -7,
  COP_SBI_ALREADY_STOPPED = -8,
} CopSbiError;

typedef struct
{
  CopSbiError error;
  uint64_t    value;
} CopSbiResult;

#define COP_SBI_ERROR(error) ((CopSbiResult){ (error), 0 })
#define COP_SBI_VALUE(value) ((CopSbiResult){ COP_SBI_SUCCESS, (value) })
#define COP_SBI_OK COP_SBI_VALUE (0)

/* Serves one function; @args are a0 to a5. pc stands at the ecall. */
typedef CopSbiResult (*CopSbiFunc) (CopHart *hart, const uint64_t args[6]);

typedef struct
{
  uint32_t          id;         /* a7 */
  const char       *name;
  const CopSbiFunc *functions;  /* by a6; NULL: not supported */
  unsigned          n_functions;
  bool              legacy;     /* no a6, the result is in a0 alone */
} CopSbiExtension;

/* clang-format off */
#define COP_SBI_EXTENSION(id, name, functions, ...) \
  { (id), (name), (functions), G_N_ELEMENTS (functions), __VA_ARGS__ }
/* clang-format on */

/* Each file has some; sbi.c lists them all. */
extern const CopSbiExtension cop_sbi_hsm, cop_sbi_susp, cop_sbi_rfence, cop_sbi_pmu, cop_sbi_dbcn;
extern const CopSbiExtension cop_sbi_legacy_putchar, cop_sbi_legacy_getchar;

/**
 * cop_sbi_hart_mask:
 * @mask, @base: as in calls with a hart mask; base UINT64_MAX: all harts
 * @harts: (out): bit per hart; set on success only
 *
 * Returns: whether every hart that is named exists
 */
bool cop_sbi_hart_mask (const CopHart *hart, uint64_t mask, uint64_t base, uint64_t *harts);

/* Whether [gpa, gpa + length) is memory that a call may use: the upper half of the address is 0 on
   RV64. */
uint8_t *cop_sbi_memory (const CopHart *hart, uint64_t low, uint64_t high, uint64_t length);

/**
 * cop_sbi_hart_ready:
 * Moves a started or woken hart to where it begins. On its own thread, outside run(), parked.
 *
 * Returns: whether the hart may run; false while it is stopped or suspended
 */
bool cop_sbi_hart_ready (CopHart *hart);
