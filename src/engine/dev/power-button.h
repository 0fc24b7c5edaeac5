/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The power button: a key of Linux's gpio-keys, on the only pin of a GPIO controller.
 */
#pragma once

#include "engine/dev/device.h"

extern const CopDeviceType cop_power_button_type;

CopDevice *cop_power_button_new (const char *id, GMainContext *context, uint64_t gpa);

/* Presses the button and lets go of it a quarter of a second later. On any thread. */
void cop_power_button_press (CopDevice *device);
