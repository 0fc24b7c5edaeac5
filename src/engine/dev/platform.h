/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The map of the platform: QEMU's RISC-V `virt` machine, so that firmware and images made for it
 * find everything where they expect it.
 *
 *   0x00001000  boot ROM             0x10000000  16550 UART
 *   0x00100000  test finisher        0x10001000  virtio-mmio, eight of them
 *   0x00101000  Goldfish RTC         0x10200000  VM generation ID (ours; free in QEMU's map)
 *   0x02000000  MSWI, MTIMER         0x80000000  DRAM
 *   0x02f00000  SSWI
 *   0x0c000000  PLIC                 0x10201000  power button, memory balloon and channels, each on
 *                                                virtio-mmio (ours as well)
 */
#pragma once

#include <stdint.h>

/* clang-format off */
#define COP_FINISHER_GPA     UINT64_C (0x00100000)
#define COP_RTC_GPA          UINT64_C (0x00101000)
#define COP_MSWI_GPA         UINT64_C (0x02000000)
#define COP_MTIMER_GPA       UINT64_C (0x02004000)
#define COP_SSWI_GPA         UINT64_C (0x02f00000)
#define COP_PLIC_GPA         UINT64_C (0x0c000000)
#define COP_UART_GPA         UINT64_C (0x10000000)
#define COP_VIRTIO_GPA(slot) (UINT64_C (0x10001000) + (slot) * UINT64_C (0x1000))
#define COP_VMGENID_GPA      UINT64_C (0x10200000)
#define COP_POWER_BUTTON_GPA UINT64_C (0x10201000)
#define COP_BALLOON_GPA      UINT64_C (0x10202000)
#define COP_SERIAL_GPA       UINT64_C (0x10203000)
#define COP_DRAM_GPA         UINT64_C (0x80000000)

#define COP_VIRTIO_SLOTS     8

/* PLIC sources. */
#define COP_VIRTIO_IRQ(slot) (1 + (slot))
#define COP_UART_IRQ         10
#define COP_RTC_IRQ          11
#define COP_VMGENID_IRQ      12
#define COP_POWER_BUTTON_IRQ 13
#define COP_BALLOON_IRQ      14
#define COP_SERIAL_IRQ       15

/* Device tree handles: nodes that others point to. */
#define COP_PHANDLE_PLIC       1u
#define COP_PHANDLE_FINISHER   2u
#define COP_PHANDLE_INTC(hart) (0x100u + (hart)) /* /cpus/cpu@N/interrupt-controller */
#define COP_PHANDLE_CPU(hart)  (0x200u + (hart)) /* /cpus/cpu@N */
/* clang-format on */
