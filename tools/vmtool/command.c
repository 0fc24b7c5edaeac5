/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the command line to the command: finding it, running it, saying what went wrong.
 */
#include "vmtool/vmtool-private.h"
#include "vmtool/connection.h"

#include <glib/gi18n.h>
#include <string.h>

const VmtExitRow vmt_exit_rows[] = {
  /* clang-format off */
  { VMT_EXIT_OK,               VMT_EXIT_OK,
    N_ ("done; a guest powered itself off or reported a pass") },
  { VMT_EXIT_FAILED,           VMT_EXIT_FAILED,
    N_ ("the command failed; a message on standard error says why") },
  { VMT_EXIT_USAGE,            VMT_EXIT_USAGE,
    N_ ("the command line is wrong; nothing was done") },
  { VMT_EXIT_FAILED,           VMT_EXIT_GUEST_LAST,
    N_ ("a guest reported failure with this code of its own, the last one standing for larger "
        "codes; a message on standard error, or --json, tells it from vmtool's own 1 and 2") },
  { VMT_EXIT_DIFFERENT,        VMT_EXIT_DIFFERENT,
    N_ ("--verify found translated code that differs from the interpreter") },
  { VMT_EXIT_HALTED,           VMT_EXIT_HALTED,
    N_ ("the guest waits for an interrupt that cannot come") },
  { VMT_EXIT_MAX_INSTRUCTIONS, VMT_EXIT_MAX_INSTRUCTIONS,
    N_ ("the guest was stopped by --max-instructions") },
  { VMT_EXIT_TIMEOUT,          VMT_EXIT_TIMEOUT,
    N_ ("the guest was stopped by --timeout; no event came within that time") },
  { 0, 0, NULL },
  /* clang-format on */
};

static void
set_unknown_command (const VmtCommand *const *commands, const char *word, const GString *path,
                     GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (; *commands != NULL; commands++)
    if ((*commands)->group != VMT_GROUP_HIDDEN)
      g_ptr_array_add (names, (gpointer) (*commands)->name);
  g_ptr_array_add (names, NULL);

  nearest = vmt_suggest (word, (const char *const *) names->pdata);
  if (nearest != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("unknown command '%s %s'; did you mean '%s'?"), path->str, word, nearest);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("unknown command '%s %s'; '%s --help' lists what there is"), path->str, word,
                 path->str);
}

const VmtCommand *
vmt_command_find (const VmtCommand *const *commands, const char *const *words, unsigned *used,
                  GString *path, GError **error)
{
  const VmtCommand *found = NULL;

  *used = 0;
  while (commands != NULL && *words != NULL && (*words)[0] != '-')
    {
      const VmtCommand *const *command = commands;

      while (*command != NULL && strcmp ((*command)->name, *words) != 0)
        command++;
      if (*command == NULL)
        {
          set_unknown_command (commands, *words, path, error);
          return NULL;
        }
      found = *command;
      g_string_append_printf (path, " %s", found->name);
      commands = found->commands;
      words++;
      (*used)++;
    }
  if (found == NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("no command is given; 'vmtool help' lists them"));
  return found;
}

static int
report (GError *error)
{
  int status =
    g_error_matches (error, VMT_ERROR, VMT_ERROR_USAGE) ? VMT_EXIT_USAGE : VMT_EXIT_FAILED;

  g_printerr ("vmtool: %s\n", error->message);
  return status;
}

static bool
is_one_of (const char *word, const char *a, const char *b)
{
  return word != NULL && (strcmp (word, a) == 0 || strcmp (word, b) == 0);
}

int
vmt_run_words (const char *const *words)
{
  g_autoptr (GString) path = g_string_new ("vmtool");
  g_autoptr (GError) error = NULL;
  g_autoptr (VmtCall) call = NULL;
  const VmtCommand *command;
  unsigned used;

  command = vmt_command_find (vmt_commands, words, &used, path, &error);
  if (command == NULL)
    return report (error);
  if (command->commands != NULL)
    {
      bool asked = is_one_of (words[used], "--help", "-h");

      vmt_help_command (asked ? stdout : stderr, command, path->str);
      return asked ? VMT_EXIT_OK : VMT_EXIT_USAGE;
    }

  call = vmt_call_parse (command, words + used, &error);
  if (call == NULL)
    return report (error);
  if (vmt_call_flag (call, "help"))
    {
      vmt_help_command (stdout, command, path->str);
      return VMT_EXIT_OK;
    }
  if (!vmt_call_run (call, &error))
    return report (error);
  if (fflush (stdout) != 0)
    {
      g_printerr ("vmtool: %s\n", _ ("standard output could not be written"));
      return VMT_EXIT_FAILED;
    }
  return vmt_call_exit (call);
}

/* The options that may stand before the command's name: those of the connection. Steps over
   them. */
static bool
take_leading_options (const char *const **words, GError **error)
{
  const char *uri = NULL;
  bool readonly = false;

  for (; **words != NULL && (**words)[0] == '-'; (*words)++)
    {
      const char *word = **words;

      if (is_one_of (word, "--readonly", "-r"))
        readonly = true;
      else if (is_one_of (word, "--connect", "-c") && (*words)[1] != NULL)
        uri = *++*words;
      else if (g_str_has_prefix (word, "--connect="))
        uri = word + strlen ("--connect=");
      else
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                       is_one_of (word, "--connect", "-c")
                         ? _ ("option '%s' needs a URI, such as coppice:///session")
                         : _ ("option '%s' comes after the command's name, as in 'vmtool list "
                              "--all'"),
                       word);
          return false;
        }
    }
  vmt_connection_set_base (uri, readonly);
  return true;
}

/* What the engine has to say while a machine runs, in the manner of our own messages. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0)
    return g_log_writer_default (level, fields, n_fields, data);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_printerr ("vmtool: %s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

int
vmt_main (int argc, char **argv)
{
  const char *const *words = (const char *const *) argv + 1;
  g_autoptr (GError) error = NULL;
  int status;

  g_log_set_writer_func (write_log, NULL, NULL);
  if (argc < 2)
    {
      vmt_help_overview (stderr);
      return VMT_EXIT_USAGE;
    }
  if (is_one_of (words[0], "--help", "-h"))
    {
      vmt_help_overview (stdout);
      return VMT_EXIT_OK;
    }
  if (is_one_of (words[0], "--version", "-V"))
    {
      printf ("vmtool (Coppice) %s\n", COPPICE_VERSION);
      return VMT_EXIT_OK;
    }
  if (!take_leading_options (&words, &error))
    return report (error);
  status = vmt_run_words (words);
  vmt_connection_close ();
  return status;
}
