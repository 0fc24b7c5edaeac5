/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The log writer of our programs.
 */
#include "common/log.h"

#include "common/fd.h"
#include "common/names.h"

#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (4 << 20)

COP_NAMES (level_names, COP_LOG_LAST, "debug", "info", "message", "warning", "error");

/* Set once, before there are threads. */
static CopLogLevel least = COP_LOG_MESSAGE;
static int log_fd = -1;

bool
cop_log_level_from_string (const char *name, CopLogLevel *level)
{
  unsigned value;

  if (!cop_names_from_string (&level_names, name, &value))
    return false;
  *level = value;
  return true;
}

bool
cop_log_wants (CopLogLevel level)
{
  return level >= least;
}

static CopLogLevel
level_of (GLogLevelFlags flags)
{
  if ((flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
    return COP_LOG_ERROR;
  if ((flags & G_LOG_LEVEL_WARNING) != 0)
    return COP_LOG_WARNING;
  if ((flags & G_LOG_LEVEL_MESSAGE) != 0)
    return COP_LOG_MESSAGE;
  return (flags & G_LOG_LEVEL_INFO) != 0 ? COP_LOG_INFO : COP_LOG_DEBUG;
}

static const char *
field_text (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0 && fields[i].length < 0)
      return fields[i].value;
  return NULL;
}

static GLogWriterOutput
write_message (GLogLevelFlags flags, const GLogField *fields, gsize n_fields,
               G_GNUC_UNUSED gpointer data)
{
  CopLogLevel level = level_of (flags);
  const char *message = field_text (fields, n_fields, "MESSAGE");
  g_autoptr (GDateTime) now = NULL;
  g_autofree char *time = NULL;
  g_autofree char *line = NULL;

  if (!cop_log_wants (level) || message == NULL)
    return G_LOG_WRITER_HANDLED;
  if (log_fd < 0 && g_log_writer_is_journald (STDERR_FILENO) &&
      g_log_writer_journald (flags, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;

  now = g_date_time_new_now_local ();
  time = g_date_time_format (now, "%F %T.%f%z");
  line = g_strdup_printf ("%s %s: %s\n", time, cop_names_to_string (&level_names, level), message);
  /* One write, so that lines of several threads do not mix. A full disk must not end us. */
  if (write (log_fd >= 0 ? log_fd : STDERR_FILENO, line, strlen (line)) < 0)
    return G_LOG_WRITER_UNHANDLED;
  return G_LOG_WRITER_HANDLED;
}

bool
cop_log_init (CopLogLevel level, const char *path, GError **error)
{
  cop_autofd int fd = -1;

  if (path != NULL)
    {
      g_autofree char *old = g_strconcat (path, ".1", NULL);
      struct stat info;

      if (stat (path, &info) == 0 && info.st_size > FILE_BYTES_MAX)
        rename (path, old);
      fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      if (fd < 0)
        {
          int errnum = errno;

          g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errnum),
                       _ ("cannot write the log '%s': %s"), path, g_strerror (errnum));
          return false;
        }
    }
  least = level;
  log_fd = cop_fd_steal (&fd);
  g_log_set_writer_func (write_message, NULL, NULL);
  return true;
}
