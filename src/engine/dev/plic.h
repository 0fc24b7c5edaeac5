/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The platform-level interrupt controller: 95 sources, and for each hart a context for M mode and
 * one for S mode.
 */
#pragma once

#include "engine/dev/device.h"
#include "engine/dev/hart-lines.h"

#define COP_PLIC_SOURCES 96     /* 0 is no source */

extern const CopDeviceType cop_plic_type;

/**
 * cop_plic_new:
 * @harts: contexts 0 to 2 * harts - 1 exist: M and S of hart 0, M and S of hart 1, ...
 * @lines: MEIP and SEIP of the harts
 */
CopDevice *cop_plic_new (const char *id, uint64_t gpa, unsigned harts, const CopHartLines *lines);

/* Whether some source can interrupt @hart, in M or S mode as @machine_mode says: whether any is
   enabled. On any thread. */
bool cop_plic_is_listening (CopDevice *plic, unsigned hart, bool machine_mode);

/* What devices' interrupt lines are connected to. Sources outside 1 to 95 are ignored. */
CopIrqSink cop_plic_sink (CopDevice *plic);
