/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Command lines read by an option table.
 */
#include "vmtool/vmtool-private.h"

#include "common/units.h"

COP_NAMES (engine_names, 2, "interp", "jit");

static const VmtOption options[] = {
  { "name", VMT_STRING, "the image", "NAME", .required = true },
  { "where", VMT_PATH, "the folder", .positional = true },
  { "disk", VMT_STRING, "a disk", .repeated = true },
  { "memory", VMT_SIZE, "memory", .otherwise = "512M", .min = 16 * COP_MIB, .max = 64 * COP_GIB },
  { "harts", VMT_INT, "harts", .otherwise = "1", .min = 1, .max = 64 },
  { "engine", VMT_ENUM, "engine", .names = &engine_names },
  { "trace", VMT_FLAG, "trace" },
  { "log", VMT_FLAG_PATH, "log" },
  { "wait", VMT_SECONDS, "wait" },
  { NULL },
};

static bool
run_nothing (VmtCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  return true;
}

static const VmtCommand command = { "try", "Try", options, run_nothing, VMT_GROUP_GENERAL };

static VmtCall *
parse (const char *line, GError **error)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);

  return vmt_call_parse (&command, (const char *const *) words, error);
}

static void
test_flag_with_path (void)
{
  g_autoptr (VmtCall) alone = parse ("x --log y", NULL);
  g_autoptr (VmtCall) named = parse ("x --log=y", NULL);
  g_autoptr (VmtCall) neither = parse ("x y", NULL);

  g_test_summary ("--log takes a file only after '=': the next word is a word of its own");
  g_assert_true (vmt_call_flag (alone, "log"));
  g_assert_null (vmt_call_string (alone, "log"));
  g_assert_cmpstr (vmt_call_string (alone, "where"), ==, "y");
  g_assert_true (vmt_call_flag (named, "log"));
  g_assert_cmpstr (vmt_call_string (named, "log"), ==, "y");
  g_assert_false (vmt_call_flag (neither, "log"));
}

static void
test_seconds (void)
{
  static const struct
  {
    const char *text;
    uint64_t ms;
  } rows[] = {
    { "x --wait 2.5", 2500 }, { "x --wait=10", 10000 }, { "x --wait 0.001", 1 }, { "x", 0 }
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (VmtCall) call = parse (rows[i].text, NULL);

      g_assert_nonnull (call);
      g_assert_cmpuint (vmt_call_ms (call, "wait"), ==, rows[i].ms);
    }
}

static void
test_values (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmtCall) call = parse ("debian --disk a --memory=2G --disk=b=c --harts 4 --trace "
                                    "--engine jit dir --json",
                                    &error);
  const char *const *disks;

  g_assert_no_error (error);
  disks = vmt_call_strings (call, "disk");
  g_assert_cmpstr (vmt_call_string (call, "name"), ==, "debian");
  g_assert_cmpstr (vmt_call_string (call, "where"), ==, "dir");
  g_assert_cmpstr (disks[0], ==, "a");
  g_assert_cmpstr (disks[1], ==, "b=c");
  g_assert_null (disks[2]);
  g_assert_cmpuint (vmt_call_size (call, "memory"), ==, 2 * COP_GIB);
  g_assert_cmpint (vmt_call_int (call, "harts"), ==, 4);
  g_assert_cmpuint (vmt_call_enum (call, "engine"), ==, 1);
  g_assert_true (vmt_call_flag (call, "trace"));
  g_assert_true (vmt_call_flag (call, "json"));
}

static void
test_defaults (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmtCall) call = parse ("--name debian", &error);

  g_assert_no_error (error);
  g_assert_cmpuint (vmt_call_size (call, "memory"), ==, 512 * COP_MIB);
  g_assert_false (vmt_call_has (call, "memory"));
  g_assert_cmpint (vmt_call_int (call, "harts"), ==, 1);
  g_assert_false (vmt_call_flag (call, "trace"));
  g_assert_null (vmt_call_string (call, "where"));
  g_assert_null (vmt_call_strings (call, "disk")[0]);
}

static void
test_two_dashes_end_options (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmtCall) call = parse ("-- --trace -", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (vmt_call_string (call, "name"), ==, "--trace");
  g_assert_cmpstr (vmt_call_string (call, "where"), ==, "-");
  g_assert_false (vmt_call_flag (call, "trace"));
}

static void
test_help_needs_nothing_else (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmtCall) call = parse ("--help", &error);

  g_assert_no_error (error);
  g_assert_true (vmt_call_flag (call, "help"));
}

static const struct
{
  const char *line, *message;
} mistakes[] = {
  /* clang-format off */
  { "x --memroy 2G",          "unknown option '--memroy'; did you mean '--memory'?" },
  { "x --quux",               "unknown option '--quux'; see --help" },
  { "x -m",                   "unknown option '-m'; options begin with two dashes" },
  { "x y z",                  "unexpected argument 'z'; see --help" },
  { "x --memory",             "--memory needs a value: --memory SIZE" },
  { "x --memory 512",         "--memory: 512 bytes are too few; did you mean 512M, in mebibytes?" },
  { "x --memory 1M",          "--memory: 1M is out of range; it must be from 16 MiB to 64 GiB" },
  { "x --memory lots",        "--memory: 'lots' is not a size; "
                              "write a number with K, M, G or T, such as 512M" },
  { "x --wait -1",            "--wait: '-1' is not a number of seconds, such as 10 or 2.5" },
  { "x --wait inf",           "--wait: 'inf' is not a number of seconds, such as 10 or 2.5" },
  { "x --wait 0",             "--wait: '0' is not a number of seconds, such as 10 or 2.5" },
  { "x --wait 0x10",          "--wait: '0x10' is not a number of seconds, such as 10 or 2.5" },
  { "x --wait 5s",            "--wait: '5s' is not a number of seconds, such as 10 or 2.5" },
  { "x --harts 65",           "--harts: 65 is out of range; it must be from 1 to 64" },
  { "x --harts -1",           "--harts: -1 is out of range; it must be from 1 to 64" },
  { "x --harts 4x",           "--harts: '4x' is not a whole number" },
  { "x --harts=",             "--harts: '' is not a whole number" },
  { "x --harts 99999999999999999999", "--harts: '99999999999999999999' is not a whole number" },
  { "x --harts 2 --harts 2",  "--harts is given twice; leave one out" },
  { "x --engine fast",        "--engine: 'fast' is not one of interp, jit" },
  { "x --trace=yes",          "--trace takes no value, but got 'yes'" },
  { "--trace",                "--name NAME is missing: the image" },
  /* clang-format on */
};

static void
test_mistakes (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (VmtCall) call = parse (mistakes[i].line, &error);

      g_test_message ("%s", mistakes[i].line);
      g_assert_null (call);
      g_assert_cmpstr (error->message, ==, mistakes[i].message);
    }
}

/* Checks one command's tables, then those of its subcommands. */
static void
check_command (const VmtCommand *row)
{
  bool optional_seen = false;

  g_test_message ("%s", row->name);
  g_assert_true ((row->run == NULL) == (row->commands != NULL));
  g_assert_false (g_str_has_suffix (row->summary, "."));
  for (const VmtOption *o = row->options; o != NULL && o->name != NULL; o++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (g_str_has_suffix (o->summary, "."));
      g_assert_true ((o->kind == VMT_ENUM) == (o->names != NULL));
      g_assert_false (o->required && o->otherwise != NULL);
      g_assert_false (o->required && optional_seen);
      optional_seen = optional_seen || o->positional;
      for (const VmtOption *other = vmt_common_options; other->name != NULL; other++)
        g_assert_cmpstr (o->name, !=, other->name);
      for (const VmtOption *other = row->options; other != o; other++)
        g_assert_cmpstr (o->name, !=, other->name);
    }
  if (row->run != NULL)
    {
      static const char *const help[] = { "--help", NULL };
      g_autoptr (VmtCall) call = vmt_call_parse (row, help, NULL);

      /* also reads every default by its own row */
      g_assert_nonnull (call);
    }
  for (const VmtCommand *const *c = row->commands; c != NULL && *c != NULL; c++)
    check_command (*c);
}

static void
test_tables (void)
{
  g_test_summary ("every command's table is one the parser can read");
  for (const VmtCommand *const *c = vmt_commands; *c != NULL; c++)
    check_command (*c);
}

static void
test_find (void)
{
  static const char *const mistyped[] = { "hepl", NULL };
  static const char *const help[] = { "help", "--json", NULL };
  g_autoptr (GString) path = g_string_new ("vmtool");
  g_autoptr (GError) error = NULL;
  unsigned used = 0;

  g_assert_null (vmt_command_find (vmt_commands, mistyped, &used, path, &error));
  g_assert_cmpstr (error->message, ==, "unknown command 'vmtool hepl'; did you mean 'help'?");
  g_assert_nonnull (vmt_command_find (vmt_commands, help, &used, path, NULL));
  g_assert_cmpuint (used, ==, 1);
  g_assert_cmpstr (path->str, ==, "vmtool help");
}

static void
test_complete (void)
{
  static const char *const command_line[] = { "hel", NULL };
  static const char *const option_line[] = { "help", "--js", NULL };
  static const char *const file_line[] = { "unknown", "", NULL };
  bool files;
  g_auto (GStrv) commands = vmt_complete (command_line, &files);
  g_auto (GStrv) names = vmt_complete (option_line, &files);
  g_auto (GStrv) nothing = vmt_complete (file_line, &files);

  g_assert_cmpstr (commands[0], ==, "help");
  g_assert_null (commands[1]);
  g_assert_cmpstr (names[0], ==, "--json");
  g_assert_null (names[1]);
  g_assert_null (nothing[0]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tools/options/values", test_values);
  g_test_add_func ("/tools/options/flag-with-path", test_flag_with_path);
  g_test_add_func ("/tools/options/seconds", test_seconds);
  g_test_add_func ("/tools/options/defaults", test_defaults);
  g_test_add_func ("/tools/options/two-dashes", test_two_dashes_end_options);
  g_test_add_func ("/tools/options/help", test_help_needs_nothing_else);
  g_test_add_func ("/tools/options/mistakes", test_mistakes);
  g_test_add_func ("/tools/options/tables", test_tables);
  g_test_add_func ("/tools/options/find", test_find);
  g_test_add_func ("/tools/options/complete", test_complete);
  return g_test_run ();
}
