/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The words of domain XML. A value without a word is one that the document does not say.
 */
#include "xml/domain-device.h"
#include "xml/domain-rows.h"

/* clang-format off */
COP_NAMES (cop_domain_type_names, COP_DOMAIN_TYPE_LAST, "coppice");
COP_NAMES (cop_domain_os_names, COP_DOMAIN_OS_LAST, "hvm");
COP_NAMES (cop_domain_arch_names, COP_DOMAIN_ARCH_LAST, "riscv64");
COP_NAMES (cop_domain_machine_names, COP_DOMAIN_MACHINE_LAST, "virt");
COP_NAMES (cop_domain_loader_names, COP_DOMAIN_LOADER_LAST, NULL, "rom");
COP_NAMES (cop_domain_boot_names, COP_DOMAIN_BOOT_LAST, NULL, "hd");
COP_NAMES (cop_domain_action_names, COP_DOMAIN_ACTION_LAST,
           NULL, "destroy", "restart", "preserve");
COP_NAMES (cop_cpu_mode_names, COP_CPU_MODE_LAST, NULL, "custom", "maximum");
COP_NAMES (cop_cpu_match_names, COP_CPU_MATCH_LAST, NULL, "exact");
COP_NAMES (cop_cpu_check_names, COP_CPU_CHECK_LAST, NULL, "none", "partial", "full");
COP_NAMES (cop_cpu_policy_names, COP_CPU_POLICY_LAST,
           NULL, "force", "require", "optional", "disable", "forbid");
COP_NAMES (cop_clock_names, COP_CLOCK_LAST, "utc");
COP_NAMES (cop_address_names, COP_ADDRESS_LAST, NULL, "virtio-mmio");
COP_NAMES (cop_disk_type_names, COP_DISK_TYPE_LAST, "file", "block");
COP_NAMES (cop_disk_device_names, COP_DISK_DEVICE_LAST, "disk");
COP_NAMES (cop_disk_format_names, COP_DISK_FORMAT_LAST, NULL, "raw");
COP_NAMES (cop_disk_bus_names, COP_DISK_BUS_LAST, NULL, "virtio");
COP_NAMES (cop_disk_cache_names, COP_DISK_CACHE_LAST,
           NULL, "default", "none", "writethrough", "writeback", "directsync", "unsafe");
COP_NAMES (cop_disk_io_names, COP_DISK_IO_LAST, NULL, "threads", "io_uring");
COP_NAMES (cop_disk_discard_names, COP_DISK_DISCARD_LAST, NULL, "ignore", "unmap");
COP_NAMES (cop_interface_type_names, COP_INTERFACE_TYPE_LAST, "user", "ethernet", "bridge");
COP_NAMES (cop_interface_model_names, COP_INTERFACE_MODEL_LAST, NULL, "virtio");
COP_NAMES (cop_link_names, COP_LINK_LAST, NULL, "up", "down");
COP_NAMES (cop_forward_names, COP_FORWARD_LAST, "tcp", "udp");
COP_NAMES (cop_chardev_type_names, COP_CHARDEV_TYPE_LAST, "null", "pty", "file", "unix", "tcp");
COP_NAMES (cop_chardev_mode_names, COP_CHARDEV_MODE_LAST, NULL, "connect", "bind");
COP_NAMES (cop_chardev_protocol_names, COP_CHARDEV_PROTOCOL_LAST, NULL, "raw");
COP_NAMES (cop_serial_target_names, COP_CHARDEV_TARGET_LAST, NULL, "system-serial", NULL, NULL);
COP_NAMES (cop_console_target_names, COP_CHARDEV_TARGET_LAST, NULL, NULL, "serial", "virtio");
COP_NAMES (cop_channel_target_names, COP_CHARDEV_TARGET_LAST, NULL, NULL, NULL, "virtio");
COP_NAMES (cop_serial_model_names, COP_SERIAL_MODEL_LAST, NULL, "16550a");
COP_NAMES (cop_channel_state_names, COP_CHANNEL_STATE_LAST, NULL, "connected", "disconnected");
COP_NAMES (cop_memballoon_names, COP_MEMBALLOON_MODEL_LAST, "virtio", "none");
COP_NAMES (cop_rng_model_names, COP_RNG_MODEL_LAST, NULL, "virtio");
COP_NAMES (cop_rng_backend_names, COP_RNG_BACKEND_LAST, "random", "builtin");
COP_NAMES (cop_controller_names, COP_CONTROLLER_LAST, "virtio-serial");
COP_NAMES (cop_yes_no_names, COP_TRISTATE_LAST, NULL, "yes", "no");
COP_NAMES (cop_on_off_names, COP_TRISTATE_LAST, NULL, "on", "off");
COP_NAMES (cop_device_kind_names, COP_DEVICE_LAST,
           "disk", "controller", "interface", "serial", "console", "channel", "memballoon",
           "rng");
/* clang-format on */
