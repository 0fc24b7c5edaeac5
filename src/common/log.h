/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where messages of a program without a terminal go: g_debug() to g_critical() with a time in
 * front, on standard error, to the journal, or to a file.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum
{
  COP_LOG_DEBUG,
  COP_LOG_INFO,
  COP_LOG_MESSAGE,
  COP_LOG_WARNING,
  COP_LOG_ERROR,
  COP_LOG_LAST,
} CopLogLevel;

/**
 * cop_log_level_from_string:
 * @level: (out): set on success only
 *
 * Returns: whether @name is one of debug, info, message, warning, error
 */
bool cop_log_level_from_string (const char *name, CopLogLevel *level);

/**
 * cop_log_init:
 * @level: what is written: this and worse
 * @path: (nullable): a file that is appended to; begun anew above 4 MiB, with the old one kept as
 *   PATH.1. NULL: the journal if standard error leads there, else standard error.
 *
 * Errors: %G_FILE_ERROR; nothing has changed then
 */
bool cop_log_init (CopLogLevel level, const char *path, GError **error);

/* Whether messages of this level are written: to be asked where making one costs something. */
bool cop_log_wants (CopLogLevel level);

/* g_debug() for what happens all the time: costs nothing unless somebody wants to read it. */
#define COP_LOG_DEBUG_OFTEN(...)                                                                   \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (G_UNLIKELY (cop_log_wants (COP_LOG_DEBUG)))                                                \
      g_debug (__VA_ARGS__);                                                                       \
  }                                                                                                \
  G_STMT_END
