/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The test finisher (sifive,test): one register with which the guest powers off, resets, or fails.
 */
#pragma once

#include "engine/dev/device.h"

typedef enum
{
  COP_FINISH_PASS,              /* power off */
  COP_FINISH_FAIL,              /* power off with a code */
  COP_FINISH_RESET,
} CopFinish;

/* Called on the writing hart's thread, with the device's lock held; @code is of FAIL, 16 bits. */
typedef void (*CopFinishFunc) (gpointer data, CopFinish finish, uint32_t code);

extern const CopDeviceType cop_finisher_type;

CopDevice *cop_finisher_new (const char *id, uint64_t gpa, CopFinishFunc func, gpointer data);
