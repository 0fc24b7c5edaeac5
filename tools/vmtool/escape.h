/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The key that leads from the guest's console to the monitor.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define VMT_ESCAPE_NONE (-1)

/**
 * vmt_escape_parse:
 * @text: "none", or a control key as "^]", "ctrl-]" or "C-]"
 * @key: (out): the byte the key sends, or %VMT_ESCAPE_NONE
 */
bool vmt_escape_parse (const char *text, int *key, GError **error);

/* Returns: (transfer full): the key as people say it: "Ctrl-]" */
char *vmt_escape_name (int key);
