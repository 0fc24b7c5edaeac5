/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Completion of command lines, written from the command tables. The shells' scripts
 * (data/completion/) hand over the words. Where nothing comes back they offer file names, unless
 * the exit status says that none fits.
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

/* The option of @options that @word names, if it takes a value. */
static const VmtOption *
find_option (const VmtOption *options, const char *word)
{
  for (const VmtOption *o = options; o != NULL && o->name != NULL; o++)
    if (g_str_has_prefix (word, "--") ? strcmp (o->name, word + 2) == 0
                                      : o->letter != 0 && o->letter == word[1] && word[2] == '\0')
      return o->kind != VMT_FLAG && o->kind != VMT_FLAG_PATH ? o : NULL;
  return NULL;
}

/* The option whose value is being typed after "--name"; NULL when @word is no such option.
   @command: NULL before the command's name */
static const VmtOption *
option_awaiting_value (const VmtCommand *command, const char *word)
{
  const VmtOption *found = NULL;

  if (word[0] != '-' || word[1] == '\0')
    return NULL;
  if (command != NULL)
    found = find_option (command->options, word);
  if (found == NULL && (command == NULL || command->connects))
    found = find_option (vmt_connect_options, word);
  return found;
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
             unsigned n_words, bool *files)
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
  if (option == NULL)
    return;
  offer_values (offers, prefix, option);
  *files = option->kind == VMT_PATH;
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

  /* "-c URI" whole; "-c" and a URI that is being typed are left. */
  while (**words != NULL && ***words == '-' && (*words)[1] != NULL)
    {
      unsigned n = option_awaiting_value (NULL, **words) != NULL ? 2 : 1;

      if (n == 2 && (*words)[2] == NULL)
        break;
      *words += n;
    }
}

char **
vmt_complete (const char *const *words, bool *files)
{
  GPtrArray *offers = g_ptr_array_new ();
  const VmtCommand *const *commands = vmt_commands;
  const VmtCommand *command = NULL;
  unsigned n_words;

  *files = false;
  take_connection (&words);
  n_words = g_strv_length ((char **) words);
  if (n_words == 2 && option_awaiting_value (NULL, words[0]) != NULL)
    {
      offer_values (offers, words[1], option_awaiting_value (NULL, words[0]));
      g_ptr_array_add (offers, NULL);
      return (char **) g_ptr_array_free (offers, FALSE);
    }
  if (n_words == 1 && words[0][0] == '-')
    offer_options (offers, words[0], vmt_connect_options);
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
    offer_words (offers, command, words, n_words, files);
  g_ptr_array_add (offers, NULL);
  return (char **) g_ptr_array_free (offers, FALSE);
}

static bool
run (VmtCall *call, GError **error G_GNUC_UNUSED)
{
  bool files;
  g_auto (GStrv) offers = vmt_complete (vmt_call_strings (call, "word"), &files);

  for (char **text = offers; *text != NULL; text++)
    puts (*text);
  if (*offers == NULL && !files)
    vmt_call_set_exit (call, VMT_EXIT_FAILED);
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
