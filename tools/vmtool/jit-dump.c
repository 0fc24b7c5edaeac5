/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool jit-dump: shows some of what `vmtool run --jit-dump` wrote.
 */
#include "vmtool/commands.h"
#include "vmtool/run-code.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>

typedef struct
{
  int64_t most; /* units to show; 0: all */
  const char *where; /* (nullable): an address or a symbol */
  uint64_t address;
  bool is_address;
  bool summary; /* only their first two lines */
  int64_t shown;
} Choice;

/* Whether the unit whose first line is @line, as "unit 1: 0xADDRESS NAME+0x12, gpa ...", is meant. */
static bool
is_chosen (const Choice *choice, const char *line)
{
  const char *at = strstr (line, ": 0x"), *name;
  char *end;
  uint64_t gva;
  size_t length;

  if (choice->where == NULL)
    return true;
  if (at == NULL)
    return false;
  gva = g_ascii_strtoull (at + 4, &end, 16);
  if (choice->is_address)
    return gva == choice->address;
  if (*end != ' ')
    return false;
  name = end + 1;
  length = strcspn (name, "+,");
  return strlen (choice->where) == length && strncmp (name, choice->where, length) == 0;
}

/* With an address in the middle of a unit, its own line says so. */
static bool
has_address (const Choice *choice, const char *text)
{
  g_autofree char *word =
    g_strdup_printf ("\n  %016" G_GINT64_MODIFIER "x  ", choice->address);

  return choice->is_address && strstr (text, word) != NULL;
}

static void
show (Choice *choice, GString *unit)
{
  if (unit->len > 0 && (choice->most == 0 || choice->shown < choice->most) &&
      (is_chosen (choice, unit->str) || has_address (choice, unit->str)))
    {
      const char *end = strchr (unit->str, '\n');

      choice->shown++;
      if (end != NULL && choice->summary)
        end = strchr (end + 1, '\n');
      if (choice->summary && end != NULL)
        fwrite (unit->str, 1, (size_t) (end + 1 - unit->str), stdout);
      else
        fputs (unit->str, stdout);
    }
  g_string_truncate (unit, 0);
}

static bool
read_units (FILE *file, Choice *choice)
{
  g_autoptr (GString) unit = g_string_new (NULL);
  char *line = NULL;
  size_t room = 0;
  bool any = false;

  while (getline (&line, &room, file) >= 0)
    {
      if (g_str_has_prefix (line, VMT_DUMP_UNIT))
        {
          show (choice, unit);
          any = true;
        }
      else if (!any)
        break;
      g_string_append (unit, line);
    }
  show (choice, unit);
  free (line);
  return any;
}

static bool
run (VmtCall *call, GError **error)
{
  const char *path = vmt_call_string (call, "file");
  Choice choice = {
    .most = vmt_call_int (call, "hottest"),
    .where = vmt_call_string (call, "at"),
    .summary = vmt_call_flag (call, "summary"),
  };
  FILE *file = fopen (path, "re");
  bool any;

  if (file == NULL)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "dump '%s': %s", path,
                   g_strerror (errno));
      return false;
    }
  choice.is_address = choice.where != NULL && g_str_has_prefix (choice.where, "0x");
  if (choice.is_address)
    choice.address = g_ascii_strtoull (choice.where + 2, NULL, 16);
  any = read_units (file, &choice);
  fclose (file);
  if (!any)
    g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                 _ ("dump '%s': this is no dump; make one with 'vmtool run --jit-dump FILE'"), path);
  else if (choice.shown == 0)
    g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                 _ ("dump '%s': nothing was translated at %s"), path, choice.where);
  return any && choice.shown > 0;
}

static const VmtOption options[] = {
  /* clang-format off */
  { "file",    VMT_PATH,   N_ ("what 'vmtool run --jit-dump' wrote"), .required = true },
  { "hottest", VMT_INT,    N_ ("show so many, the hottest first; all without it"), "N", .min = 1 },
  { "at",      VMT_STRING, N_ ("show those that begin at this symbol, or have this address"), "ADDRESS|SYMBOL" },
  { "summary", VMT_FLAG,   N_ ("leave out the code") },
  { NULL },
  /* clang-format on */
};

static const VmtExample examples[] = {
  { "vmtool run --image debian --jit-dump boot.dump", N_ ("Keep what a boot translates") },
  { "vmtool jit-dump boot.dump --hottest 10 --summary", N_ ("Where the time went") },
  { "vmtool jit-dump boot.dump --at 0xffffffff80001000", N_ ("Everything about one piece of code") },
  { NULL },
};

const VmtCommand vmt_jit_dump = {
  "jit-dump",
  N_ ("Show translated code: the guest's, the intermediate form, the host's"),
  options,
  run,
  VMT_GROUP_MACHINE,
  N_ ("A unit is what the JIT translates at once: blocks of one page that lead to each other; one "
      "that is optimised, for it was found to be hot, goes on in the pages beside it. Units come in "
      "the order of the time spent in them, which is found by looking a thousand times a second. A "
      "unit that was translated anew is there each time. Host code is shown as it was made, before "
      "jumps were linked."),
  examples,
};
