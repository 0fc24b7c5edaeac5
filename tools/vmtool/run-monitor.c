/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The monitor's prompt: line editing, history and completion by libedit, with keys that the
 * console reads, so that the machine's end and signals are heard while a line is typed.
 */
#include "vmtool/run-monitor.h"
#include "vmtool/escape.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <histedit.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define HISTORY_SIZE 100

/* What lives from one visit to the next. */
typedef struct
{
  EditLine *line; /* (owned) */
  History *history; /* (owned) */
  VmtMonitor *monitor; /* (unowned) */
  mbstate_t partial; /* of a character of several bytes */
  char *text; /* (owned) (nullable): the line typed last */
  bool send_key; /* the escape key was pressed at the prompt */
  bool greeted;
} Editor;

static char *
prompt (EditLine *line G_GNUC_UNUSED)
{
  static char text[] = "(coppice) ";

  return text;
}

/* Source: editline(3), EL_GETCFN. Returns 1 with a character, 0 at the end of input, -1 with errno.
 */
static int
get_character (EditLine *line, wchar_t *character)
{
  Editor *editor;
  char byte;

  el_get (line, EL_CLIENTDATA, &editor);
  for (;;)
    {
      while (!vmt_console_take_key (editor->monitor->console, &byte))
        {
          if (editor->monitor->interrupted (editor->monitor->data) ||
              vmt_console_input_ended (editor->monitor->console))
            return 0;
          g_main_context_iteration (NULL, TRUE);
        }
      switch (mbrtowc (character, &byte, 1, &editor->partial))
        {
        case (size_t)-1:
          memset (&editor->partial, 0, sizeof editor->partial);
          break; /* no character of this locale: left out */
        case (size_t)-2:
          break;
        default:
          return 1;
        }
    }
}

static unsigned char
pressed_escape (EditLine *line, int key G_GNUC_UNUSED)
{
  Editor *editor;

  el_get (line, EL_CLIENTDATA, &editor);
  editor->send_key = true;
  return CC_EOF;
}

/* Completes the first word to a command's name. */
static unsigned char
pressed_tab (EditLine *line, int key G_GNUC_UNUSED)
{
  const LineInfo *info = el_line (line);
  size_t length = (size_t)(info->cursor - info->buffer);
  const char *found = NULL;
  size_t common = 0;

  if (memchr (info->buffer, ' ', length) != NULL)
    return CC_ERROR;
  for (const VmtMonitorCommand *command = vmt_monitor_commands; command->name != NULL; command++)
    {
      if (strncmp (command->name, info->buffer, length) != 0)
        continue;
      if (found == NULL)
        {
          found = command->name;
          common = strlen (found);
        }
      else
        for (size_t i = 0; i < common; i++)
          if (found[i] != command->name[i])
            common = i;
    }
  if (found == NULL || common < length)
    return CC_ERROR;
  {
    g_autofree char *rest = g_strndup (found + length, common - length);

    if (*rest != '\0' && el_insertstr (line, rest) < 0)
      return CC_ERROR;
    if (common == strlen (found) && el_insertstr (line, " ") < 0)
      return CC_ERROR;
  }
  return CC_REFRESH;
}

static Editor *
editor_new (VmtMonitor *monitor)
{
  Editor *editor = g_new0 (Editor, 1);
  const char escape_key[] = { (char)monitor->escape, '\0' };
  HistEvent event;

  editor->monitor = monitor;
  editor->line = el_init ("vmtool", stdin, stdout, stderr);
  editor->history = history_init ();
  history (editor->history, &event, H_SETSIZE, HISTORY_SIZE);
  history (editor->history, &event, H_SETUNIQUE, 1);

  el_set (editor->line, EL_CLIENTDATA, editor);
  el_set (editor->line, EL_PROMPT, prompt);
  el_set (editor->line, EL_EDITOR, "emacs");
  el_set (editor->line, EL_SIGNAL, 0);
  el_set (editor->line, EL_HIST, history, editor->history);
  el_set (editor->line, EL_GETCFN, get_character);
  el_set (editor->line, EL_ADDFN, "vmtool-escape", "send the escape key", pressed_escape);
  el_set (editor->line, EL_ADDFN, "vmtool-complete", "complete a command", pressed_tab);
  /* Ctrl-C is for the line, not for the machine. */
  el_set (editor->line, EL_SETTY, "-d", "-isig", NULL);
  el_set (editor->line, EL_BIND, "^C", "em-kill-line", NULL);
  el_set (editor->line, EL_BIND, "^I", "vmtool-complete", NULL);
  el_set (editor->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
  if (monitor->escape != VMT_ESCAPE_NONE)
    el_set (editor->line, EL_BIND, escape_key, "vmtool-escape", NULL);
  return editor;
}

void
vmt_monitor_close_editor (VmtMonitor *monitor)
{
  Editor *editor = monitor->editor;

  if (editor == NULL)
    return;
  el_end (editor->line);
  history_end (editor->history);
  g_free (editor->text);
  g_free (editor);
  monitor->editor = NULL;
}

void
vmt_monitor_clear (VmtMonitor *monitor)
{
  vmt_monitor_close_editor (monitor);
  g_clear_pointer (&monitor->symbols, vmt_symbols_free);
  g_clear_pointer (&monitor->breakpoints, g_array_unref);
}

/* Returns: (nullable) (transfer none): a line without its end; NULL when the visit is over */
static char *
read_line (Editor *editor)
{
  const char *typed;
  int length;

  typed = el_gets (editor->line, &length);
  if (typed == NULL || length <= 0)
    return NULL;
  g_free (editor->text);
  editor->text = g_strstrip (g_strndup (typed, (gsize)length));
  return editor->text;
}

void
vmt_monitor_run (VmtMonitor *monitor)
{
  bool ended_by_key = false, leave = false;
  Editor *editor;

  if (monitor->editor == NULL)
    monitor->editor = editor_new (monitor);
  editor = monitor->editor;
  editor->send_key = false;
  memset (&editor->partial, 0, sizeof editor->partial);

  putchar ('\n');
  if (!editor->greeted)
    puts (_ ("'help' lists commands; an empty line leads back to the guest"));
  editor->greeted = true;

  while (!leave)
    {
      g_autoptr (GError) error = NULL;
      HistEvent event;
      char *line = read_line (editor);

      if (line == NULL || *line == '\0')
        {
          ended_by_key = line == NULL;
          break;
        }
      history (editor->history, &event, H_ENTER, line);
      switch (vmt_monitor_execute (monitor, line, &error))
        {
        case VMT_MONITOR_STAY:
          break;
        case VMT_MONITOR_LEAVE:
          leave = true;
          break;
        case VMT_MONITOR_FAILED:
          fflush (stdout);
          g_printerr ("%s\n", error->message);
          break;
        }
    }

  if (ended_by_key)
    putchar ('\n');
  if (editor->send_key)
    {
      const char key = (char)monitor->escape;

      vmt_console_send (monitor->console, &key, 1);
    }
  if (!monitor->quit && cop_machine_status (monitor->machine) == COP_MACHINE_PAUSED)
    puts (_ ("the machine is paused; 'resume' lets it go on"));
}
