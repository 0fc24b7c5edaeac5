/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool shell: commands one after the other on one connection.
 *
 *   vmtool (coppice:///session) # list; dominfo debian
 *
 * Lines come from libedit on a terminal, from standard input elsewhere, so that a file of commands
 * can be run. Words are quoted as in a shell; ';' and a line's end separate commands, '#' begins a
 * comment.
 */
#include "vmtool/commands.h"
#include "vmtool/terminal.h"
#include "vmtool/vmtool-private.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_SIZE 1000

typedef struct
{
  EditLine *line; /* (owned) (nullable): NULL when standard input is no terminal */
  History *history; /* (owned) (nullable) */
  char *history_path; /* (owned) */
  char *prompt; /* (owned) */
  bool over;
  int status; /* of the last command that failed */
} Shell;

/* ---- commands of the shell itself ---- */

/* Each takes the words after its name. */
typedef struct
{
  const char *name;
  const char *summary; /* N_() */
  bool (*run) (Shell *shell, const char *const *words, GError **error);
} Builtin;

static void
set_prompt (Shell *shell)
{
  const char *uri = vmt_connection_peek () != NULL ? vmt_connection_uri () : NULL;

  g_free (shell->prompt);
  shell->prompt =
    uri != NULL ? g_strdup_printf ("vmtool (%s) # ", uri) : g_strdup ("vmtool # ");
}

static bool
run_quit (Shell *shell, const char *const *words G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  shell->over = true;
  return true;
}

static bool
run_cd (Shell *shell G_GNUC_UNUSED, const char *const *words, GError **error)
{
  const char *path = words[0] != NULL ? words[0] : g_get_home_dir ();

  if (g_chdir (path) == 0)
    return true;
  g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED, _ ("cannot go to '%s': %s"), path,
               g_strerror (errno));
  return false;
}

static bool
run_pwd (Shell *shell G_GNUC_UNUSED, const char *const *words G_GNUC_UNUSED,
         GError **error G_GNUC_UNUSED)
{
  g_autofree char *path = g_get_current_dir ();

  puts (path);
  return true;
}

static bool
run_echo (Shell *shell G_GNUC_UNUSED, const char *const *words, GError **error G_GNUC_UNUSED)
{
  g_autofree char *text = g_strjoinv (" ", (char **)words);

  puts (text);
  return true;
}

static bool
run_connect (Shell *shell, const char *const *words, GError **error)
{
  if (!vmt_connection_select (words[0], false, error))
    return false;
  vmt_connection_set_base (words[0], false);
  if (!vmt_connection_select (NULL, false, error) || vmt_connection_get (error) == NULL)
    return false;
  set_prompt (shell);
  return true;
}

static const Builtin builtins[] = {
  { "cd", N_ ("Change the folder that file names begin in"), run_cd },
  { "connect", N_ ("Connect to another daemon: connect URI"), run_connect },
  { "echo", N_ ("Print words"), run_echo },
  { "exit", N_ ("Leave the shell"), run_quit },
  { "pwd", N_ ("Print the folder that file names begin in"), run_pwd },
  { "quit", N_ ("Leave the shell"), run_quit },
};

static const Builtin *
find_builtin (const char *name)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (builtins); i++)
    if (strcmp (builtins[i].name, name) == 0)
      return &builtins[i];
  return NULL;
}

static void
print_builtins (void)
{
  printf ("\n%s\n", _ ("In the shell only:"));
  for (unsigned i = 0; i < G_N_ELEMENTS (builtins); i++)
    printf ("  %-26s%s\n", builtins[i].name, _ (builtins[i].summary));
}

/* ---- running a line ---- */

static void
run_words (Shell *shell, const char *const *words)
{
  const Builtin *builtin = find_builtin (words[0]);
  g_autoptr (GError) error = NULL;
  int status = VMT_EXIT_OK;

  if (builtin != NULL)
    {
      if (!builtin->run (shell, words + 1, &error))
        {
          g_printerr ("vmtool: %s\n", error->message);
          status = VMT_EXIT_FAILED;
        }
    }
  else if (strcmp (words[0], "shell") == 0)
    {
      g_printerr ("vmtool: %s\n", _ ("this is the shell"));
      status = VMT_EXIT_USAGE;
    }
  else
    status = vmt_run_words (words);
  if (builtin == NULL && strcmp (words[0], "help") == 0 && words[1] == NULL)
    print_builtins ();
  fflush (stdout);
  if (status != VMT_EXIT_OK)
    shell->status = status;
}

/* The end of the command at @text: a ';' or the line's end, outside of quotes. */
static const char *
command_end (const char *text)
{
  char quote = '\0';

  for (; *text != '\0'; text++)
    {
      if (*text == '\\' && quote != '\'' && text[1] != '\0')
        text++;
      else if (quote != '\0')
        quote = *text == quote ? '\0' : quote;
      else if (*text == '\'' || *text == '"')
        quote = *text;
      else if (*text == ';')
        break;
    }
  return text;
}

static void
run_line (Shell *shell, const char *line)
{
  while (*line != '\0' && !shell->over)
    {
      const char *end = command_end (line);
      g_autofree char *text = g_strndup (line, (gsize)(end - line));
      g_autoptr (GError) error = NULL;
      g_auto (GStrv) words = NULL;

      line = *end == ';' ? end + 1 : end;
      if (g_shell_parse_argv (text, NULL, &words, &error))
        run_words (shell, (const char *const *)words);
      else if (!g_error_matches (error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
        {
          g_printerr ("vmtool: %s\n", error->message);
          shell->status = VMT_EXIT_USAGE;
        }
    }
}

/* ---- the terminal ---- */

static char *
prompt (EditLine *line)
{
  Shell *shell;

  el_get (line, EL_CLIENTDATA, &shell);
  return shell->prompt;
}

/* Adds the shell's own commands to what may stand first. */
static void
add_builtins (GPtrArray *offers, const char *prefix)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (builtins); i++)
    if (g_str_has_prefix (builtins[i].name, prefix))
      g_ptr_array_add (offers, g_strdup (builtins[i].name));
}

/* File names that begin with @prefix; folders end in '/'. */
static void
add_files (GPtrArray *offers, const char *prefix)
{
  const char *slash = strrchr (prefix, '/');
  const char *name = slash != NULL ? slash + 1 : prefix;
  g_autofree char *folder = slash != NULL ? g_strndup (prefix, (gsize)(slash + 1 - prefix)) : NULL;
  g_autoptr (GDir) dir = g_dir_open (folder != NULL ? folder : ".", 0, NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strconcat (folder != NULL ? folder : "", entry, NULL);

      if (!g_str_has_prefix (entry, name) || (entry[0] == '.' && name[0] != '.'))
        continue;
      g_ptr_array_add (offers, g_file_test (path, G_FILE_TEST_IS_DIR)
                                 ? g_strconcat (path, "/", NULL)
                                 : g_strdup (path));
    }
}

static int
compare_offers (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Returns: (transfer full) (element-type utf8): what the last of @words can become, sorted */
static GPtrArray *
find_offers (const char *const *words, unsigned n_words)
{
  GPtrArray *offers = g_ptr_array_new_with_free_func (g_free);
  bool files;
  g_auto (GStrv) found = vmt_complete (words, &files);

  for (char **offer = found; *offer != NULL; offer++)
    g_ptr_array_add (offers, g_strdup (*offer));
  if (n_words == 1)
    add_builtins (offers, words[0]);
  else if (files || strcmp (words[0], "cd") == 0)
    add_files (offers, words[n_words - 1]);
  g_ptr_array_sort (offers, compare_offers);
  return offers;
}

static gsize
common_length (const GPtrArray *offers)
{
  const char *first = offers->pdata[0];
  gsize common = strlen (first);

  for (guint i = 1; i < offers->len; i++)
    {
      const char *other = offers->pdata[i];

      for (gsize j = 0; j < common; j++)
        if (first[j] != other[j])
          common = j;
    }
  return common;
}

/* Splits what stands before the cursor, since the last ';', into words; the last one is being
   typed, and may be empty. */
static char **
words_before_cursor (const LineInfo *info)
{
  g_autofree char *text = g_strndup (info->buffer, (gsize)(info->cursor - info->buffer));
  const char *start = text;
  GPtrArray *words = g_ptr_array_new ();
  g_auto (GStrv) parts = NULL;

  for (const char *end = command_end (start); *end == ';'; end = command_end (start))
    start = end + 1;
  parts = g_strsplit_set (start, " \t", -1);
  for (char **part = parts; *part != NULL; part++)
    if (**part != '\0' || part[1] == NULL)
      g_ptr_array_add (words, g_strdup (*part));
  g_ptr_array_add (words, NULL);
  return (char **)g_ptr_array_free (words, FALSE);
}

static unsigned char
pressed_tab (EditLine *line, int key G_GNUC_UNUSED)
{
  g_auto (GStrv) words = words_before_cursor (el_line (line));
  unsigned n_words = g_strv_length (words);
  const char *typed = words[n_words - 1];
  g_autoptr (GPtrArray) offers = find_offers ((const char *const *)words, n_words);
  gsize common;

  if (offers->len == 0)
    return CC_REFRESH_BEEP;
  common = common_length (offers);
  if (common > strlen (typed) || offers->len == 1)
    {
      const char *first = offers->pdata[0];
      g_autofree char *rest = g_strndup (first + strlen (typed), common - strlen (typed));
      bool whole = offers->len == 1 && !g_str_has_suffix (first, "/");

      if ((*rest != '\0' && el_insertstr (line, rest) < 0) ||
          (whole && el_insertstr (line, " ") < 0))
        return CC_ERROR;
      return CC_REFRESH;
    }

  putchar ('\n');
  for (guint i = 0; i < offers->len; i++)
    printf ("%s%s", i > 0 ? "  " : "", (const char *)offers->pdata[i]);
  putchar ('\n');
  return CC_REDISPLAY;
}

static char *
history_path (void)
{
  const char *state = g_get_user_state_dir ();

  return g_build_filename (state, "coppice", "vmtool_history", NULL);
}

static void
open_editor (Shell *shell)
{
  HistEvent event;

  shell->history = history_init ();
  shell->history_path = history_path ();
  history (shell->history, &event, H_SETSIZE, HISTORY_SIZE);
  history (shell->history, &event, H_SETUNIQUE, 1);
  history (shell->history, &event, H_LOAD, shell->history_path);

  shell->line = el_init ("vmtool", stdin, stdout, stderr);
  el_set (shell->line, EL_CLIENTDATA, shell);
  el_set (shell->line, EL_PROMPT, prompt);
  el_set (shell->line, EL_EDITOR, "emacs");
  el_set (shell->line, EL_SIGNAL, 1);
  el_set (shell->line, EL_HIST, history, shell->history);
  el_set (shell->line, EL_ADDFN, "vmtool-complete", "complete a word", pressed_tab);
  el_set (shell->line, EL_BIND, "^I", "vmtool-complete", NULL);
  el_set (shell->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
  /* Ctrl-C drops the line. */
  el_set (shell->line, EL_SETTY, "-d", "-isig", NULL);
  el_set (shell->line, EL_BIND, "^C", "em-kill-line", NULL);
  el_source (shell->line, NULL);
}

/* A history that cannot be kept is no reason to complain. */
static void
close_editor (Shell *shell)
{
  g_autofree char *folder = g_path_get_dirname (shell->history_path);
  HistEvent event;

  el_end (shell->line);
  if (g_mkdir_with_parents (folder, 0700) == 0)
    history (shell->history, &event, H_SAVE, shell->history_path);
  history_end (shell->history);
  g_free (shell->history_path);
}

static void
read_terminal (Shell *shell)
{
  const char *typed;
  int length;

  open_editor (shell);
  printf ("%s\n\n", _ ("'help' lists commands, 'help COMMAND' explains one, 'quit' leaves."));
  while (!shell->over)
    {
      g_autofree char *text = NULL;
      HistEvent event;

      set_prompt (shell);
      typed = el_gets (shell->line, &length);
      if (typed == NULL || length <= 0)
        {
          putchar ('\n');
          break;
        }
      text = g_strstrip (g_strndup (typed, (gsize)length));
      if (*text == '\0')
        continue;
      history (shell->history, &event, H_ENTER, text);
      run_line (shell, text);
    }
  close_editor (shell);
}

static void
read_input (Shell *shell)
{
  g_autofree char *line = NULL;
  size_t size = 0;

  while (!shell->over && getline (&line, &size, stdin) >= 0)
    run_line (shell, g_strstrip (line));
}

/* ---- the command ---- */

static bool
run (VmtCall *call, GError **error)
{
  Shell shell = { 0 };
  const char *uri = vmt_call_string (call, "connect");

  if (uri != NULL || vmt_call_flag (call, "readonly"))
    vmt_connection_set_base (uri, vmt_call_flag (call, "readonly"));
  /* At once, so that a mistake shows before a command is typed. */
  if (vmt_connection_get (error) == NULL)
    return false;
  if (isatty (STDIN_FILENO) && isatty (STDOUT_FILENO))
    read_terminal (&shell);
  else
    read_input (&shell);
  g_free (shell.prompt);
  vmt_call_set_exit (call, shell.status);
  return true;
}

static const VmtExample examples[] = {
  { "vmtool shell", N_ ("Work with several commands, with history and completion") },
  { "vmtool shell < commands.txt", N_ ("Run commands from a file, on one connection") },
  { NULL },
};

const VmtCommand vmt_shell = {
  "shell", N_ ("Read commands, one after the other"), NULL, run, VMT_GROUP_GENERAL,
  .details = N_ ("Commands are typed without 'vmtool' in front; ';' separates two on a line. "
                 "Tabulator completes names of commands, options, domains and files. Besides "
                 "vmtool's commands there are connect, cd, pwd, echo, quit and exit.\n\n"
                 "The exit status is that of the last command that failed."),
  .examples = examples, .connects = true,
};
