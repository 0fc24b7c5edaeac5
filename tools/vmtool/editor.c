/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A temporary file, an editor on it, and what to do when what was typed is wrong.
 */
#include "vmtool/editor.h"
#include "vmtool/vmtool.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The command of the editor, as the shell reads it. Source: environ(7), Debian policy 11.4 */
static const char *
editor_command (void)
{
  static const char *const variables[] = { "VISUAL", "EDITOR" };
  static const char *const programs[] = { "sensible-editor", "vi", "nano" };

  for (unsigned i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      const char *value = g_getenv (variables[i]);

      if (value != NULL && *value != '\0')
        return value;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      g_autofree char *path = g_find_program_in_path (programs[i]);

      if (path != NULL)
        return programs[i];
    }
  return NULL;
}

static bool
run_editor (const char *path, GError **error)
{
  const char *editor = editor_command ();
  g_autofree char *script = editor != NULL ? g_strdup_printf ("%s \"$1\"", editor) : NULL;
  const char *argv[] = { "/bin/sh", "-c", script, "sh", path, NULL };
  g_autoptr (GError) failed = NULL;
  int status;

  if (editor == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("there is no editor; set EDITOR to the one you like"));
      return false;
    }
  fflush (stdout);
  if (!g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL,
                     NULL, &status, &failed) ||
      !g_spawn_check_wait_status (status, &failed))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("editor '%s' failed: %s"), editor,
                   failed->message);
      return false;
    }
  return true;
}

/* Returns: whether the user wants to correct the text */
static bool
ask_again (const GError *failed)
{
  char answer[16];

  g_printerr ("vmtool: %s\n", failed->message);
  if (!isatty (STDIN_FILENO))
    return false;
  g_printerr ("%s ", _ ("Edit it again? [Y/n]"));
  if (fgets (answer, sizeof answer, stdin) == NULL)
    return false;
  return answer[0] != 'n' && answer[0] != 'N';
}

static VmtEdited
edit_file (const char *path, const char *before, VmtEditApply apply, gpointer data, bool *keep,
           GError **error)
{
  for (;;)
    {
      g_autofree char *after = NULL;
      g_autoptr (GError) failed = NULL;

      if (!run_editor (path, error) || !g_file_get_contents (path, &after, NULL, error))
        return VMT_EDITED_FAILED;
      if (strcmp (before, after) == 0)
        return VMT_EDITED_UNCHANGED;
      if (apply (after, data, &failed))
        return VMT_EDITED_APPLIED;
      if (ask_again (failed))
        continue;
      *keep = true;
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("nothing was changed; what you typed is in '%s'"), path);
      return VMT_EDITED_FAILED;
    }
}

VmtEdited
vmt_edit (const char *text, const char *suffix, VmtEditApply apply, gpointer data, GError **error)
{
  g_autofree char *template = g_strdup_printf ("vmtool-XXXXXX%s", suffix);
  g_autofree char *path = NULL;
  VmtEdited edited = VMT_EDITED_FAILED;
  bool keep = false;
  int fd = g_file_open_tmp (template, &path, error);

  if (fd < 0)
    return VMT_EDITED_FAILED;
  close (fd);
  if (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, error))
    edited = edit_file (path, text, apply, data, &keep, error);
  if (!keep)
    g_unlink (path);
  return edited;
}
