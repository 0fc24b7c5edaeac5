/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The list of device types.
 */
#include "engine/dev/device-types.h"
#include "engine/dev/aclint.h"
#include "engine/dev/finisher.h"
#include "engine/dev/plic.h"
#include "engine/dev/power-button.h"
#include "engine/dev/rtc.h"
#include "engine/dev/uart.h"
#include "engine/dev/virtio-balloon.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio-serial.h"
#include "engine/dev/vmgenid.h"

const CopDeviceType *const cop_device_types[] = {
  &cop_finisher_type,      &cop_rtc_type,
  &cop_mswi_type,          &cop_mtimer_type,
  &cop_sswi_type,          &cop_plic_type,
  &cop_power_button_type,  &cop_uart_type,
  &cop_vmgenid_type,       &cop_virtio_balloon_type,
  &cop_virtio_blk_type,    &cop_virtio_console_type,
  &cop_virtio_net_type,    &cop_virtio_rng_type,
  &cop_virtio_serial_type, NULL,
};
