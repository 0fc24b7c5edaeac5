/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The Goldfish real-time clock.
 */
#pragma once

#include "engine/dev/device.h"

extern const CopDeviceType cop_rtc_type;

/* The alarm is watched for on @context. */
CopDevice *cop_rtc_new (const char *id, uint64_t gpa, GMainContext *context);
