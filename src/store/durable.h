/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small files that are there as a whole or not at all, also after a crash: written beside, synced,
 * renamed, and the folder synced.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Sets @error from errno: "WHAT PATH: REASON". Returns: false */
bool cop_store_fail (GError **error, int saved_errno, const char *what, const char *path);

/**
 * cop_durable_write:
 * @durable: false: the folder is in memory anyway; nothing is synced
 *
 * Writes @folder/@name with mode 0600; makes the last part of @folder if it is missing. Two calls
 * for one name must not run at a time. On failure what was there is still there.
 */
bool cop_durable_write (const char *folder, const char *name, const char *text, gsize length,
                        bool durable, GError **error);

/**
 * cop_durable_stage:
 *
 * The first half of cop_durable_write(): the file is there, beside its name.
 *
 * Returns: a descriptor of @folder, for the other half: cop_durable_publish(), or
 * cop_durable_drop() to remove what is beside; -1 on failure
 */
int cop_durable_stage (const char *folder, const char *name, const char *text, gsize length,
                       bool durable, GError **error);
/* Gives the staged file its name. Returns: false: errno says why */
bool cop_durable_publish (int folder_fd, const char *name);
void cop_durable_drop (int folder_fd, const char *name);

/* Makes the entries of @folder durable. */
bool cop_durable_sync_folder (const char *folder, GError **error);

/* The name under which @name is written beside; what has such a name is a leftover. */
char *cop_durable_beside (const char *name);
bool cop_durable_is_leftover (const char *name);
