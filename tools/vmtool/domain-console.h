/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A domain's console on this terminal.
 */
#pragma once

#include "vmtool/domain.h"

/* The key that leads back, unless another is asked for: virsh's. */
#define VMT_CONSOLE_ESCAPE "ctrl-]"

/**
 * vmt_domain_console:
 * @device: (nullable): alias of the device; NULL: the first console
 * @flags: libvirt's, of DOMAIN_OPEN_CONSOLE
 * @escape: as vmt_escape_parse() reads it
 *
 * Sends what is typed to the guest and prints what comes back, until the escape key is pressed or
 * the guest stops. On a terminal each key goes to the guest; it is as before when this returns.
 */
bool vmt_domain_console (const VmtDomain *domain, const char *device, uint32_t flags,
                         const char *escape, GError **error);
