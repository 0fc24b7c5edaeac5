/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The interruptor of the harts: software interrupts for M mode (MSWI) and S mode (SSWI), and the
 * machine timer (MTIMER). The first and the last lie where a SiFive CLINT has them.
 */
#pragma once

#include "engine/dev/device.h"
#include "engine/dev/hart-lines.h"
#include "engine/dev/timers.h"

extern const CopDeviceType cop_mswi_type, cop_mtimer_type, cop_sswi_type;

/* Its device tree node is the CLINT's and stands for the MTIMER too. */
CopDevice *cop_mswi_new (const char *id, uint64_t gpa, unsigned harts, const CopHartLines *lines);

/* @timers: (unowned) */
CopDevice *cop_mtimer_new (const char *id, uint64_t gpa, unsigned harts, CopTimers *timers);

CopDevice *cop_sswi_new (const char *id, uint64_t gpa, unsigned harts, const CopHartLines *lines);
