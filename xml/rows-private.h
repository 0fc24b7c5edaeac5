/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the row tables of domains and devices have in common: patterns of texts, and reasons.
 */
#pragma once

#include <glib/gi18n.h>

/* Patterns are read by GRegex and by XML Schema: no anchors, no look-around. */
#define PATH_PATTERN "/[^\\n]*"
#define PATH_MAX_BYTES 4096

#define NOT_YET N_ ("this version of Coppice cannot do it; remove it")
#define SET_ON_HOST N_ ("set limits on the host instead, and remove it")
#define OTHER_VMM N_ ("it is for another hypervisor; remove it")
