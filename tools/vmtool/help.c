/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Help, written from the command tables.
 */
#include "vmtool/commands.h"
#include "vmtool/vmtool-private.h"

#include <glib/gi18n.h>
#include <string.h>

/* Text is broken here: wide enough for options, narrow enough for any terminal. */
#define WIDTH 80
#define OPTION_COLUMN 28

const char *const vmt_group_titles[VMT_GROUP_LAST] = {
  [VMT_GROUP_DOMAIN] = N_ ("Domains"),
  [VMT_GROUP_CONFIG] = N_ ("What domains are made of"),
  [VMT_GROUP_MONITOR] = N_ ("How domains do"),
  [VMT_GROUP_HOST] = N_ ("Host and connection"),
  [VMT_GROUP_MACHINE] = N_ ("Machines in the foreground"),
  [VMT_GROUP_IMAGE] = N_ ("Images"),
  [VMT_GROUP_GENERAL] = N_ ("General"),
};

/* Prints @text word by word; the cursor stands at @column, later lines begin at @indent. */
static void
print_wrapped (FILE *out, const char *text, int column, int indent)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (char **word = words; *word != NULL; word++)
    {
      int length = g_utf8_strlen (*word, -1);

      if (word != words && column + 1 + length > WIDTH)
        {
          fprintf (out, "\n%*s", indent, "");
          column = indent;
        }
      else if (word != words)
        {
          fputc (' ', out);
          column++;
        }
      fputs (*word, out);
      column += length;
    }
  fputc ('\n', out);
}

/* A term in the left column, what it means in the right one. */
static void
print_definition (FILE *out, const char *term, const char *meaning)
{
  int column = fprintf (out, "  %s", term);

  if (column + 2 > OPTION_COLUMN)
    {
      fputc ('\n', out);
      column = 0;
    }
  fprintf (out, "%*s", OPTION_COLUMN - column, "");
  print_wrapped (out, meaning, OPTION_COLUMN, OPTION_COLUMN);
}

/* "--memory SIZE" */
static char *
option_term (const VmtOption *option)
{
  if (option->letter != 0)
    return g_strdup_printf ("-%c, --%s%s%s", option->letter, option->name,
                            option->kind == VMT_FLAG ? "" : " ",
                            option->kind == VMT_FLAG ? "" : vmt_option_value_name (option));
  if (option->kind == VMT_FLAG)
    return g_strdup_printf ("--%s", option->name);
  if (option->kind == VMT_FLAG_PATH)
    return g_strdup_printf ("--%s[=%s]", option->name, vmt_option_value_name (option));
  return g_strdup_printf ("--%s %s", option->name, vmt_option_value_name (option));
}

/* The summary, with what the table knows besides: values, default, repetition. */
static char *
option_meaning (const VmtOption *option)
{
  GString *meaning = g_string_new (_ (option->summary));

  if (option->kind == VMT_ENUM)
    {
      g_autofree char *list = cop_names_list (option->names);

      g_string_append_printf (meaning, _ (": %s"), list);
    }
  if (option->otherwise != NULL)
    g_string_append_printf (meaning, _ (" (default: %s)"), option->otherwise);
  if (option->repeated)
    g_string_append (meaning, _ (" (may be repeated)"));
  return g_string_free (meaning, FALSE);
}

/* "vmtool image pull NAME [OPTION]..." */
static char *
usage_line (const VmtCommand *command, const char *path)
{
  GString *usage = g_string_new (path);

  if (command->commands != NULL)
    g_string_append (usage, _ (" COMMAND"));
  for (const VmtOption *o = command->options; o != NULL && o->name != NULL; o++)
    if (vmt_option_is_positional (o))
      g_string_append_printf (usage, o->required ? " %s%s" : " [%s]%s", vmt_option_value_name (o),
                              o->repeated ? "..." : "");
  g_string_append (usage, _ (" [OPTION]..."));
  return g_string_free (usage, FALSE);
}

static void
print_options (FILE *out, const VmtOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_autofree char *term = option_term (options);
      g_autofree char *meaning = option_meaning (options);

      print_definition (out, term, meaning);
    }
}

static void
print_commands (FILE *out, const VmtCommand *const *commands, VmtGroup group, bool any_group)
{
  for (; *commands != NULL; commands++)
    if (any_group || (*commands)->group == group)
      print_definition (out, (*commands)->name, _ ((*commands)->summary));
}

void
vmt_help_command (FILE *out, const VmtCommand *command, const char *path)
{
  g_autofree char *usage = usage_line (command, path);

  fprintf (out, _ ("Usage: %s\n\n%s.\n"), usage, _ (command->summary));
  if (command->details != NULL)
    {
      g_auto (GStrv) paragraphs = g_strsplit (_ (command->details), "\n\n", -1);

      for (char **paragraph = paragraphs; *paragraph != NULL; paragraph++)
        {
          fputc ('\n', out);
          print_wrapped (out, *paragraph, 0, 0);
        }
    }
  if (command->commands != NULL)
    {
      fprintf (out, "\n%s\n", _ ("Commands:"));
      print_commands (out, command->commands, 0, true);
    }
  fprintf (out, "\n%s\n", _ ("Options:"));
  print_options (out, command->options);
  if (command->connects)
    print_options (out, vmt_connect_options);
  print_options (out, vmt_common_options);
  if (command->examples != NULL)
    fprintf (out, "\n%s\n", _ ("Examples:"));
  for (const VmtExample *e = command->examples; e != NULL && e->command != NULL; e++)
    {
      fputs ("  ", out);
      print_wrapped (out, _ (e->summary), 2, 2);
      fprintf (out, "    %s\n", e->command);
    }
}

void
vmt_help_overview (FILE *out)
{
  fprintf (out, "%s\n\n%s\n", _ ("Usage: vmtool [-c URI] COMMAND [OPTION]..."),
           _ ("Runs and manages RISC-V machines."));
  for (VmtGroup group = 0; group < VMT_GROUP_HIDDEN; group++)
    {
      bool used = false;

      for (const VmtCommand *const *c = vmt_commands; *c != NULL; c++)
        used = used || (*c)->group == group;
      if (!used)
        continue;
      fprintf (out, "\n%s:\n", _ (vmt_group_titles[group]));
      print_commands (out, vmt_commands, group, false);
    }
  fprintf (out, "\n%s\n",
           _ ("'vmtool help COMMAND' and 'vmtool COMMAND --help' explain one command.\n"
              "'vmtool --version' prints the version."));
}

/* ---- the manual page ---- */

/* Prints @text with roff's special characters made plain. */
static void
print_roff (FILE *out, const char *text)
{
  if (*text == '.' || *text == '\'')
    fputs ("\\&", out);
  for (; *text != '\0'; text++)
    switch (*text)
      {
      case '-':
        fputs ("\\-", out);
        break;
      case '\\':
        fputs ("\\e", out);
        break;
      default:
        fputc (*text, out);
      }
}

/* A macro line such as ".B text"; a macro that ends its line leaves the text one of its own. */
static void
print_roff_line (FILE *out, const char *macro, const char *text)
{
  fputs (macro, out);
  if (*macro != '\0' && !g_str_has_suffix (macro, "\n"))
    fputc (' ', out);
  print_roff (out, text);
  fputc ('\n', out);
}

static void
print_roff_options (FILE *out, const VmtOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_autofree char *meaning = option_meaning (options);

      fputs (".TP\n", out);
      if (options->letter != 0)
        fprintf (out, ".BR \\-%c \", \" \\-\\-", options->letter);
      else
        fprintf (out, ".BR \\-\\-");
      print_roff (out, options->name);
      if (options->kind == VMT_FLAG_PATH)
        fprintf (out, " [=\\fI%s\\fR]", vmt_option_value_name (options));
      else if (options->kind != VMT_FLAG)
        fprintf (out, " \" \\fI%s\\fR\"", vmt_option_value_name (options));
      fputc ('\n', out);
      print_roff_line (out, "", meaning);
    }
}

static void
print_roff_examples (FILE *out, const VmtCommand *const *commands)
{
  for (; *commands != NULL; commands++)
    {
      for (const VmtExample *e = (*commands)->examples; e != NULL && e->command != NULL; e++)
        {
          print_roff_line (out, ".PP\n", _ (e->summary));
          print_roff_line (out, ".PP\n.RS 4\n.nf\n", e->command);
          fputs (".fi\n.RE\n", out);
        }
      if ((*commands)->commands != NULL)
        print_roff_examples (out, (*commands)->commands);
    }
}

static void
print_roff_commands (FILE *out, const VmtCommand *const *commands, const char *path)
{
  for (; *commands != NULL; commands++)
    {
      g_autofree char *full = g_strdup_printf ("%s %s", path, (*commands)->name);
      g_autofree char *usage = usage_line (*commands, full);

      if ((*commands)->group == VMT_GROUP_HIDDEN)
        continue;
      if ((*commands)->commands != NULL)
        {
          print_roff_commands (out, (*commands)->commands, full);
          continue;
        }
      print_roff_line (out, ".SS", usage);
      print_roff_line (out, "", _ ((*commands)->summary));
      fputs (".\n", out);
      if ((*commands)->details != NULL)
        {
          g_auto (GStrv) paragraphs = g_strsplit (_ ((*commands)->details), "\n\n", -1);

          for (char **paragraph = paragraphs; *paragraph != NULL; paragraph++)
            print_roff_line (out, ".PP\n", *paragraph);
        }
      print_roff_options (out, (*commands)->options);
    }
}

void
vmt_help_man_page (FILE *out)
{
  fprintf (out, ".TH VMTOOL 1 \"\" \"Coppice %s\"\n", COPPICE_VERSION);
  fputs (".SH NAME\nvmtool \\- run and manage RISC\\-V machines\n", out);
  fputs (".SH SYNOPSIS\n.B vmtool\n[\\fB\\-c\\fR \\fIURI\\fR]\n.I COMMAND\n[\\fIOPTION\\fR]...\n", out);
  fputs (".SH EXAMPLES\n", out);
  print_roff_examples (out, vmt_commands);
  fputs (".SH COMMANDS\nValues follow their option as\n.B \\-\\-option VALUE\nor\n"
         ".BR \\-\\-option=VALUE .\nEvery command also has:\n",
         out);
  print_roff_options (out, vmt_common_options);
  fputs (".PP\nCommands that talk to a daemon also have, here or before their name:\n", out);
  print_roff_options (out, vmt_connect_options);
  print_roff_commands (out, vmt_commands, "vmtool");
  fputs (".SH EXIT STATUS\n", out);
  for (const VmtExitRow *row = vmt_exit_rows; row->meaning != NULL; row++)
    {
      if (row->first == row->last)
        fprintf (out, ".TP\n.B %d\n", row->first);
      else
        fprintf (out, ".TP\n.BR %d \" to \" %d\n", row->first, row->last);
      print_roff_line (out, "", _ (row->meaning));
    }
  fputs (".TP\n.BI 128+ N\nended by signal \\fIN\\fR\n", out);
}

static bool
run_man_page (VmtCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  vmt_help_man_page (stdout);
  return true;
}

const VmtCommand vmt_man_page = {
  "man-page", N_ ("Print the manual page as roff"), NULL, run_man_page, VMT_GROUP_HIDDEN,
};

/* ---- vmtool help ---- */

static bool
run_help (VmtCall *call, GError **error)
{
  const char *const *words = vmt_call_strings (call, "command");
  g_autoptr (GString) path = g_string_new ("vmtool");
  const VmtCommand *command;
  unsigned used;

  if (words[0] == NULL)
    {
      vmt_help_overview (stdout);
      return true;
    }
  command = vmt_command_find (vmt_commands, words, &used, path, error);
  if (command == NULL)
    return false;
  vmt_help_command (stdout, command, path->str);
  return true;
}

static const VmtOption help_options[] = {
  { "command", VMT_STRING, N_ ("the command to explain"), "COMMAND", .positional = true,
    .repeated = true },
  { NULL },
};

const VmtCommand vmt_help = {
  "help", N_ ("Explain vmtool or one of its commands"), help_options, run_help, VMT_GROUP_GENERAL,
};
