/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Texts that the user changes in an editor.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum
{
  VMT_EDITED_FAILED, /* @error says why */
  VMT_EDITED_UNCHANGED,
  VMT_EDITED_APPLIED,
} VmtEdited;

/* Uses what was typed; on failure the user may correct it. */
typedef bool (*VmtEditApply) (const char *text, gpointer data, GError **error);

/**
 * vmt_edit:
 * @text: what the editor shows first
 * @suffix: of the file's name, so that the editor knows what it is: ".xml"
 *
 * Lets the user edit @text in $VISUAL or $EDITOR, and hands it to @apply. When that fails, says why
 * and asks whether to go on; without a terminal it gives up, and says where the text is.
 */
VmtEdited vmt_edit (const char *text, const char *suffix, VmtEditApply apply, gpointer data,
                    GError **error);
