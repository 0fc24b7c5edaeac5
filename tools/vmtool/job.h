/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Calls that take a while: they show how far they are, and can be given up.
 */
#pragma once

#include "vmtool/domain.h"

/**
 * vmt_job_call:
 * @args: arguments of @procedure, which returns nothing
 * @title: (nullable): shown with a percentage on standard error; NULL: nothing is shown
 *
 * Makes the call. Ctrl-C asks the daemon to abort it; the second one ends vmtool.
 */
bool vmt_job_call (const VmtDomain *domain, int32_t procedure, const void *args, const char *title,
                   GError **error);
