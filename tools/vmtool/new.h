/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What `vmtool new` defines.
 */
#pragma once

#include "vmtool/vmtool.h"

/**
 * vmt_new_xml:
 * @call: a call of `vmtool new`
 * @check: whether the files it names are on this host, and to be looked at
 *
 * Returns: (transfer full): the domain's XML
 */
char *vmt_new_xml (const VmtCall *call, bool check, GError **error);
