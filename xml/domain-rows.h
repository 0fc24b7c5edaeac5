/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The row tables of domain XML, and the names in them.
 */
#pragma once

#include "xml/element.h"

extern const CopXmlElement cop_domain_element;
extern const CopXmlElement cop_disk_element;
extern const CopXmlElement cop_controller_element;
extern const CopXmlElement cop_interface_element;
extern const CopXmlElement cop_serial_element;
extern const CopXmlElement cop_console_element;
extern const CopXmlElement cop_channel_element;
extern const CopXmlElement cop_memballoon_element;
extern const CopXmlElement cop_rng_element;

/* In the order of CopDeviceKind, NULL-terminated. */
extern const CopXmlElement *const cop_device_elements[];

extern const CopXmlForeign cop_domain_metadata_foreign;

extern const CopNames cop_domain_type_names;
extern const CopNames cop_domain_os_names;
extern const CopNames cop_domain_arch_names;
extern const CopNames cop_domain_machine_names;
extern const CopNames cop_domain_loader_names;
extern const CopNames cop_domain_boot_names;
extern const CopNames cop_domain_action_names;
extern const CopNames cop_cpu_mode_names;
extern const CopNames cop_cpu_match_names;
extern const CopNames cop_cpu_check_names;
extern const CopNames cop_cpu_policy_names;
extern const CopNames cop_clock_names;
extern const CopNames cop_address_names;
extern const CopNames cop_disk_type_names;
extern const CopNames cop_disk_device_names;
extern const CopNames cop_disk_format_names;
extern const CopNames cop_disk_bus_names;
extern const CopNames cop_disk_cache_names;
extern const CopNames cop_disk_io_names;
extern const CopNames cop_disk_discard_names;
extern const CopNames cop_interface_type_names;
extern const CopNames cop_interface_model_names;
extern const CopNames cop_link_names;
extern const CopNames cop_forward_names;
extern const CopNames cop_chardev_type_names;
extern const CopNames cop_chardev_mode_names;
extern const CopNames cop_chardev_protocol_names;
extern const CopNames cop_serial_target_names;
extern const CopNames cop_console_target_names;
extern const CopNames cop_channel_target_names;
extern const CopNames cop_serial_model_names;
extern const CopNames cop_channel_state_names;
extern const CopNames cop_memballoon_names;
extern const CopNames cop_rng_model_names;
extern const CopNames cop_rng_backend_names;
extern const CopNames cop_controller_names;
extern const CopNames cop_yes_no_names;
extern const CopNames cop_on_off_names;

/* For CopXmlRow.live: aliases but for those that users choose, and names of taps that we choose. */
bool cop_alias_is_live (const char *alias);
bool cop_tap_is_live (const char *tap);
bool cop_channel_path_is_live (const char *path);
