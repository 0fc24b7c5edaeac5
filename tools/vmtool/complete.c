/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Completion of command lines, written from the command tables. The shell's script
 * (data/completion/vmtool) hands over the words and offers file names where nothing comes back.
 */
#include "vmtool/commands.h"
#include "vmtool/connection.h"
#include "vmtool/vmtool-private.h"

#include <glib/gi18n.h>
#include <string.h>

static void
offer (GPtrArray *offers, const char *prefix, const char *text)
{
  if (g_str_has_prefix (text, prefix))
    g_ptr_array_add (offers, g_strdup (text));
}

static void
offer_commands (GPtrArray *offers, const char *prefix, const VmtCommand *const *commands)
{
  for (; *commands != NULL; commands++)
    if ((*commands)->group != VMT_GROUP_HIDDEN)
      offer (offers, prefix, (*commands)->name);
}

static void
offer_options (GPtrArray *offers, const char *prefix, const VmtOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_autofree char *word = g_strdup_printf ("--%s", options->name);

      offer (offers, prefix, word);
    }
}

static void
offer_values (GPtrArray *offers, const char *prefix, const VmtOption *option)
{
  g_auto (GStrv) values = NULL;

  if (option->kind == VMT_ENUM)
    for (unsigned i = 0; i < option->names->count; i++)
      offer (offers, prefix, option->names->names[i]);
  if (option->complete != NULL)
    values = option->complete (prefix);
  for (char **value = values; value != NULL && *value != NULL; value++)
    offer (offers, prefix, *value);
}

/* The option whose value is being typed after "--name"; NULL when @word is no such option. */
static const VmtOption *
option_awaiting_value (const VmtCommand *command, const char *word)
{
  if (!g_str_has_prefix (word, "--"))
    return NULL;
  for (const VmtOption *o = command->options; o != NULL && o->name != NULL; o++)
    if (strcmp (o->name, word + 2) == 0)
      return o->kind != VMT_FLAG && o->kind != VMT_FLAG_PATH ? o : NULL;
  return NULL;
}

/* The option that takes the next bare word after @words, all of which are complete. */
static const VmtOption *
option_of_bare_word (const VmtCommand *command, const char *const *words, unsigned n_words)
{
  unsigned n_bare = 0;

  for (unsigned i = 0; i < n_words; i++)
    if (option_awaiting_value (command, words[i]) != NULL)
      i++;
    else if (words[i][0] != '-')
      n_bare++;
  for (const VmtOption *o = command->options; o != NULL && o->name != NULL; o++)
    if (vmt_option_is_positional (o) && (n_bare-- == 0 || o->repeated))
      return o;
  return NULL;
}

static void
offer_words (GPtrArray *offers, const VmtCommand *command, const char *const *words,
             unsigned n_words)
{
  const char *prefix = words[n_words - 1];
  const VmtOption *option =
    n_words > 1 ? option_awaiting_value (command, words[n_words - 2]) : NULL;

  if (option == NULL && prefix[0] == '-')
    {
      offer_options (offers, prefix, command->options);
      if (command->connects)
        offer_options (offers, prefix, vmt_connect_options);
      offer_options (offers, prefix, vmt_common_options);
      return;
    }
  if (option == NULL)
    option = option_of_bare_word (command, words, n_words - 1);
  if (option != NULL)
    offer_values (offers, prefix, option);
}

/* Takes the URI from a command line, so that names come from the daemon that is meant; steps over
   options before the command's name. */
static void
take_connection (const char *const **words)
{
  const char *uri = NULL;

  for (const char *const *word = *words; word[0] != NULL && word[1] != NULL; word++)
    if (strcmp (word[0], "-c") == 0 || strcmp (word[0], "--connect") == 0)
      uri = word[1];
    else if (g_str_has_prefix (word[0], "--connect="))
      uri = word[0] + strlen ("--connect=");
  vmt_connection_select (uri, true, NULL);

  while ((*words)[0] != NULL && (*words)[0][0] == '-' && (*words)[1] != NULL)
    *words += (strcmp (**words, "-c") == 0 || strcmp (**words, "--connect") == 0) &&
                  (*words)[2] != NULL
                ? 2
                : 1;
}

char **
vmt_complete (const char *const *words)
{
  GPtrArray *offers = g_ptr_array_new ();
  const VmtCommand *const *commands = vmt_commands;
  const VmtCommand *command = NULL;
  unsigned n_words;

  take_connection (&words);
  n_words = g_strv_length ((char **) words);
  /* The last word is not complete, so it names nothing yet. */
  while (n_words > 1 && commands != NULL)
    {
      while (*commands != NULL && strcmp ((*commands)->name, words[0]) != 0)
        commands++;
      if (*commands == NULL)
        break;
      command = *commands;
      commands = command->commands;
      words++;
      n_words--;
    }
  if (command == NULL ? n_words == 1 : commands != NULL && *commands != NULL)
    offer_commands (offers, words[0], commands);
  else if (command != NULL && commands == NULL && n_words > 0)
    offer_words (offers, command, words, n_words);
  g_ptr_array_add (offers, NULL);
  return (char **) g_ptr_array_free (offers, FALSE);
}

static bool
run (VmtCall *call, GError **error G_GNUC_UNUSED)
{
  g_auto (GStrv) offers = vmt_complete (vmt_call_strings (call, "word"));

  for (char **text = offers; *text != NULL; text++)
    puts (*text);
  return true;
}

static const VmtOption options[] = {
  { "word", VMT_STRING, N_ ("a word of the command line; the last is being typed"), "WORD",
    .positional = true, .repeated = true },
  { NULL },
};

const VmtCommand vmt_complete_words = {
  "complete-words", N_ ("Print what a command line's last word can become"), options, run,
  VMT_GROUP_HIDDEN,
};
