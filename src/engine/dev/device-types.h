/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every type of device there is: what is said of all devices is said by walking this list.
 */
#pragma once

#include "engine/dev/device.h"

/* NULL-terminated. */
extern const CopDeviceType *const cop_device_types[];
