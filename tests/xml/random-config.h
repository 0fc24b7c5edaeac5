/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random configurations, made of the rows: each member that applies may have any value that its row
 * allows.
 */
#pragma once

#include "xml/domain-config.h"

/* Returns: (transfer full): one that its rows allow; members may still not go together */
CopDomainConfig *random_domain_config (void);

/* Returns: (transfer full): one whose members go together; defaults are still to be filled in */
CopDomainConfig *random_domain_config_valid (void);

/* Reads what was written of one: rows only, no defaults. */
CopDomainConfig *random_domain_read (const char *text, GError **error);
