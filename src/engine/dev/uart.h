/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A 16550A UART on a chardev.
 */
#pragma once

#include "engine/dev/chardev.h"
#include "engine/dev/device.h"

extern const CopDeviceType cop_uart_type;

/* @chardev: (transfer full) (nullable): NULL: output goes nowhere. Call on the I/O thread, or
   before it runs. */
CopDevice *cop_uart_new (const char *id, uint64_t gpa, GMainContext *context, CopChardev *chardev);
