/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where devices' interrupts to harts go, without knowing harts: the machine fills in
 * cop_hart_set_irq(), tests something that records.
 */
#pragma once

#include "engine/riscv/trap.h"

#include <glib.h>
#include <stdbool.h>

typedef struct
{
  /* Drives line @irq of @hart; on any thread, with device locks held. COP_IRQ_SSI has no line: its
     bit is set, with @level true, and software clears it. */
  void   (*set) (gpointer data, unsigned hart, CopIrq irq, bool level);
  gpointer data;
} CopHartLines;
