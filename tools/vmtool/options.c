/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading a command line by the command's option table.
 */
#include "vmtool/vmtool-private.h"
#include "vmtool/connection.h"
#include "vmtool/printer.h"

#include "common/units.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* What was given for one option. Values are checked when they are read, kept as they were typed in
   texts, and as numbers in number (the last one given). */
typedef struct
{
  const VmtOption *option;
  bool given;
  GPtrArray *texts; /* (owned) (element-type utf8): ends with NULL */
  uint64_t number;
} Value;

struct VmtCall
{
  const VmtCommand *command;
  Value *values; /* (owned): the command's options, then the common ones */
  unsigned n_values;
  VmtPrinter *printer; /* (owned) */
  int exit;
};

/* clang-format off */
G_DEFINE_QUARK (vmt-error-quark, vmt_error)
/* clang-format on */

const VmtOption vmt_common_options[] = {
  { "json", VMT_FLAG, N_ ("print the result as JSON") },
  { "help", VMT_FLAG, N_ ("show this help"), .letter = 'h' },
  { NULL },
};

static char **
complete_uris (const char *prefix G_GNUC_UNUSED)
{
  static const char *const uris[] = { "coppice:///session", "coppice:///system", NULL };

  return g_strdupv ((char **) uris);
}

const VmtOption vmt_connect_options[] = {
  { "connect", VMT_STRING, N_ ("the daemon to talk to, as coppice:///session or "
                               "coppice+ssh://host/session"), "URI", .letter = 'c',
    .complete = complete_uris },
  { "readonly", VMT_FLAG, N_ ("connect so that nothing can be changed"), .letter = 'r' },
  { NULL },
};

static const char *const kind_values[] = {
  [VMT_FLAG_PATH] = "FILE", [VMT_STRING] = "TEXT",     [VMT_PATH] = "FILE", [VMT_INT] = "N",
  [VMT_SIZE] = "SIZE",      [VMT_SECONDS] = "SECONDS", [VMT_ENUM] = "NAME",
};

bool
vmt_option_is_positional (const VmtOption *option)
{
  return option->kind != VMT_FLAG && option->kind != VMT_FLAG_PATH &&
         (option->required || option->positional);
}

const char *
vmt_option_value_name (const VmtOption *option)
{
  return option->value != NULL ? option->value : kind_values[option->kind];
}

/* ---- values ---- */

static bool
parse_int (const VmtOption *option, const char *text, uint64_t *number, GError **error)
{
  char *end;
  int64_t value;
  bool hex = g_str_has_prefix (text, "0x");

  errno = 0;
  value = g_ascii_strtoll (text, &end, hex ? 16 : 10);
  if (end == text || *end != '\0' || g_ascii_isspace (*text) || errno != 0)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("'%s' is not a whole number"), text);
      return false;
    }
  if (value < option->min || (option->max != 0 && value > option->max))
    {
      if (option->max != 0)
        g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                     _ ("%s is out of range; it must be from %" PRId64 " to %" PRId64), text,
                     option->min, option->max);
      else
        g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                     _ ("%s is out of range; it must be at least %" PRId64), text, option->min);
      return false;
    }
  *number = (uint64_t) value;
  return true;
}

static bool
parse_size (const VmtOption *option, const char *text, uint64_t *number, GError **error)
{
  uint64_t value;

  if (!cop_size_parse (text, &value, error))
    return false;
  if (option->unit != 0 && g_ascii_isdigit (text[strlen (text) - 1]) &&
      __builtin_mul_overflow (value, (uint64_t) option->unit, &value))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("%s is too large"), text);
      return false;
    }
  if (value < (uint64_t) option->min && g_ascii_isdigit (text[strlen (text) - 1]))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("%s bytes are too few; did you mean %sM, in mebibytes?"), text, text);
      return false;
    }
  if (value < (uint64_t) option->min || (option->max != 0 && value > (uint64_t) option->max))
    {
      g_autofree char *min = cop_size_format (option->min);
      g_autofree char *max = cop_size_format (option->max);

      if (option->max != 0)
        g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                     _ ("%s is out of range; it must be from %s to %s"), text, min, max);
      else
        g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                     _ ("%s is out of range; it must be at least %s"), text, min);
      return false;
    }
  *number = value;
  return true;
}

/* Decimal, as a clock shows it; stored in milliseconds. */
static bool
parse_seconds (const char *text, uint64_t *number, GError **error)
{
  char *end;
  double seconds = g_ascii_strtod (text, &end);

  /* The first test refuses signs, spaces, "inf" and "nan"; hexadecimal stops at the x. */
  if (!g_ascii_isdigit (*text) || *end != '\0' || strchr (text, 'x') != NULL || seconds < 0.001 ||
      seconds > G_MAXINT32)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("'%s' is not a number of seconds, such as 10 or 2.5"), text);
      return false;
    }
  *number = (uint64_t) (seconds * 1000 + 0.5);
  return true;
}

static bool
parse_enum (const VmtOption *option, const char *text, uint64_t *number, GError **error)
{
  unsigned value;
  g_autofree char *list = NULL;

  if (cop_names_from_string (option->names, text, &value))
    {
      *number = value;
      return true;
    }
  list = cop_names_list (option->names);
  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("'%s' is not one of %s"), text, list);
  return false;
}

static bool
parse_value (const VmtOption *option, const char *text, uint64_t *number, GError **error)
{
  switch (option->kind)
    {
    case VMT_INT:
      return parse_int (option, text, number, error);
    case VMT_SIZE:
      return parse_size (option, text, number, error);
    case VMT_ENUM:
      return parse_enum (option, text, number, error);
    case VMT_SECONDS:
      return parse_seconds (text, number, error);
    case VMT_FLAG:
    case VMT_FLAG_PATH:
    case VMT_STRING:
    case VMT_PATH:
      break;
    }
  if (!g_utf8_validate (text, -1, NULL) && option->kind != VMT_PATH)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("the value is not valid UTF-8"));
      return false;
    }
  *number = 1;
  return true;
}

/* Takes @text as the value of @value's option, or sets it as a flag when @text is NULL. */
static bool
value_set (Value *value, const char *text, GError **error)
{
  const VmtOption *option = value->option;
  uint64_t number = 1;

  if (value->given && !option->repeated && option->kind != VMT_FLAG)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s is given twice; leave one out"),
                   option->name);
      return false;
    }
  if (text != NULL && !parse_value (option, text, &number, error))
    {
      g_prefix_error (error, "--%s: ", option->name);
      return false;
    }
  value->given = true;
  value->number = number;
  if (text != NULL)
    g_ptr_array_insert (value->texts, value->texts->len - 1, g_strdup (text));
  return true;
}

/* Fills in what the table says for options that were not given. */
static void
value_default (Value *value)
{
  const VmtOption *option = value->option;

  if (value->given || option->otherwise == NULL)
    return;
  if (!parse_value (option, option->otherwise, &value->number, NULL))
    g_error ("vmtool: --%s has a default that it would not accept", option->name);
  g_ptr_array_insert (value->texts, value->texts->len - 1, g_strdup (option->otherwise));
}

/* ---- words ---- */

static Value *
find_value (const VmtCall *call, const char *name, size_t length)
{
  for (unsigned i = 0; i < call->n_values; i++)
    {
      const char *known = call->values[i].option->name;

      if (strlen (known) == length && strncmp (known, name, length) == 0)
        return &call->values[i];
    }
  return NULL;
}

static void
set_unknown_option (const VmtCall *call, const char *name, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *nearest;

  for (unsigned i = 0; i < call->n_values; i++)
    g_ptr_array_add (names, (gpointer) call->values[i].option->name);
  g_ptr_array_add (names, NULL);

  nearest = vmt_suggest (name, (const char *const *) names->pdata);
  if (nearest != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("unknown option '--%s'; did you mean '--%s'?"), name, nearest);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("unknown option '--%s'; see --help"), name);
}

/* Takes the option at *@words, "--name", "--name=value" or "--name value"; steps over its value. */
static bool
parse_option (VmtCall *call, const char *const **words, GError **error)
{
  const char *word = **words + 2;
  const char *equals = strchr (word, '=');
  size_t length = equals != NULL ? (size_t) (equals - word) : strlen (word);
  Value *value = find_value (call, word, length);

  if (value == NULL)
    {
      g_autofree char *name = g_strndup (word, length);

      set_unknown_option (call, name, error);
      return false;
    }
  if (value->option->kind == VMT_FLAG)
    {
      if (equals == NULL)
        return value_set (value, NULL, error);
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s takes no value, but got '%s'"),
                   value->option->name, equals + 1);
      return false;
    }
  if (equals != NULL)
    return value_set (value, equals + 1, error);
  if (value->option->kind == VMT_FLAG_PATH)
    return value_set (value, NULL, error);
  if ((*words)[1] == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s needs a value: --%s %s"),
                   value->option->name, value->option->name, vmt_option_value_name (value->option));
      return false;
    }
  (*words)++;
  return value_set (value, **words, error);
}

/* Takes the option at *@words, "-c value" or "-cvalue"; steps over its value. */
static bool
parse_letter (VmtCall *call, const char *const **words, GError **error)
{
  const char *word = **words;
  Value *value = NULL;

  for (unsigned i = 0; i < call->n_values && value == NULL; i++)
    if (call->values[i].option->letter == word[1])
      value = &call->values[i];
  if (value == NULL || (value->option->kind == VMT_FLAG && word[2] != '\0'))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("unknown option '%s'; options begin with two dashes"), word);
      return false;
    }
  if (value->option->kind == VMT_FLAG)
    return value_set (value, NULL, error);
  if (word[2] != '\0')
    return value_set (value, word + 2, error);
  if ((*words)[1] == NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("-%c needs a value: -%c %s"), word[1],
                   word[1], vmt_option_value_name (value->option));
      return false;
    }
  (*words)++;
  return value_set (value, **words, error);
}

/* Takes @word as the value of the first option that can have it. */
static bool
parse_bare_word (VmtCall *call, const char *word, GError **error)
{
  for (unsigned i = 0; i < call->n_values; i++)
    {
      Value *value = &call->values[i];

      if (vmt_option_is_positional (value->option) && (!value->given || value->option->repeated))
        return value_set (value, word, error);
    }
  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("unexpected argument '%s'; see --help"), word);
  return false;
}

static bool
parse_words (VmtCall *call, const char *const *words, GError **error)
{
  bool options_ended = false;

  for (; *words != NULL; words++)
    {
      bool good;

      if (options_ended || (*words)[0] != '-' || (*words)[1] == '\0')
        good = parse_bare_word (call, *words, error);
      else if (strcmp (*words, "--") == 0)
        good = options_ended = true;
      else if ((*words)[1] == '-')
        good = parse_option (call, &words, error);
      else
        good = parse_letter (call, &words, error);
      if (!good)
        return false;
    }
  return true;
}

static bool
check_required (const VmtCall *call, GError **error)
{
  for (unsigned i = 0; i < call->n_values; i++)
    {
      const VmtOption *option = call->values[i].option;

      if (option->required && !call->values[i].given)
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s %s is missing: %s"),
                       option->name, vmt_option_value_name (option), _ (option->summary));
          return false;
        }
    }
  return true;
}

/* ---- the call ---- */

static void
add_options (GArray *values, const VmtOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      Value value = { .option = options, .texts = g_ptr_array_new_with_free_func (g_free) };

      g_ptr_array_add (value.texts, NULL);
      g_array_append_val (values, value);
    }
}

VmtCall *
vmt_call_parse (const VmtCommand *command, const char *const *words, GError **error)
{
  g_autoptr (VmtCall) call = g_new0 (VmtCall, 1);
  GArray *values = g_array_new (FALSE, TRUE, sizeof (Value));

  add_options (values, command->options);
  if (command->connects)
    add_options (values, vmt_connect_options);
  add_options (values, vmt_common_options);
  call->command = command;
  call->n_values = values->len;
  call->values = (Value *) (void *) g_array_free (values, FALSE);

  if (!parse_words (call, words, error) ||
      (!vmt_call_flag (call, "help") && !check_required (call, error)))
    return NULL;
  for (unsigned i = 0; i < call->n_values; i++)
    value_default (&call->values[i]);
  call->printer = vmt_printer_new (stdout, vmt_call_flag (call, "json"));
  return g_steal_pointer (&call);
}

void
vmt_call_free (VmtCall *call)
{
  for (unsigned i = 0; i < call->n_values; i++)
    g_ptr_array_unref (call->values[i].texts);
  g_free (call->values);
  g_clear_pointer (&call->printer, vmt_printer_free);
  g_free (call);
}

bool
vmt_call_run (VmtCall *call, GError **error)
{
  if (!vmt_call_select_connection (call, error) || !call->command->run (call, error))
    return false;
  vmt_printer_finish (call->printer);
  return true;
}

/* The value of an option that the command's table must have. */
static Value *
value_of (const VmtCall *call, const char *option)
{
  Value *value = find_value (call, option, strlen (option));

  if (value == NULL)
    g_error ("vmtool: '%s' has no option --%s", call->command->name, option);
  return value;
}

bool
vmt_call_has (const VmtCall *call, const char *option)
{
  return value_of (call, option)->given;
}

bool
vmt_call_flag (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_FLAG || value->option->kind == VMT_FLAG_PATH);
  return value->given;
}

const char *
vmt_call_string (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_STRING || value->option->kind == VMT_PATH ||
            value->option->kind == VMT_FLAG_PATH);
  return value->texts->len > 1 ? g_ptr_array_index (value->texts, value->texts->len - 2) : NULL;
}

const char *const *
vmt_call_strings (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_STRING || value->option->kind == VMT_PATH);
  return (const char *const *) value->texts->pdata;
}

int64_t
vmt_call_int (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_INT);
  return (int64_t) value->number;
}

uint64_t
vmt_call_size (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_SIZE);
  return value->number;
}

uint64_t
vmt_call_ms (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_SECONDS);
  return value->number;
}

unsigned
vmt_call_enum (const VmtCall *call, const char *option)
{
  const Value *value = value_of (call, option);

  g_assert (value->option->kind == VMT_ENUM);
  return value->number;
}

uint32_t
vmt_call_bits (const VmtCall *call, const VmtFlagRow *rows)
{
  uint32_t bits = 0;

  for (; rows->option != NULL; rows++)
    if (vmt_call_flag (call, rows->option))
      bits |= rows->bits;
  return bits;
}

bool
vmt_call_check_exclusive (const VmtCall *call, const char *const *options, GError **error)
{
  const char *first = NULL;

  for (; *options != NULL; options++)
    {
      if (!vmt_call_has (call, *options))
        continue;
      if (first != NULL)
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                       _ ("--%s and --%s exclude each other; leave one out"), first, *options);
          return false;
        }
      first = *options;
    }
  return true;
}

bool
vmt_call_select_connection (const VmtCall *call, GError **error)
{
  if (!call->command->connects)
    return true;
  return vmt_connection_select (vmt_call_string (call, "connect"),
                                vmt_call_flag (call, "readonly"), error);
}

VmtPrinter *
vmt_call_printer (const VmtCall *call)
{
  return call->printer;
}

void
vmt_call_set_exit (VmtCall *call, int status)
{
  call->exit = status;
}

int
vmt_call_exit (const VmtCall *call)
{
  return call->exit;
}
