/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tables of libvirt's programs against the facts of its protocol definition: one wrong number,
 * type or limit, and a client misreads us or loses its connection.
 */
#include "driver/wire/addons.h"
#include "driver/wire/remote.h"

#include <string.h>

typedef struct
{
  const char *program;
  int number;
  const char *name, *args, *ret, *flags;
} Fact;

/* What the client library checks beyond the flags of the facts: XML with secrets, or for another
 * host. Source: docs/wire.md */
static const struct
{
  const char *name;
  uint32_t write_flags;
} xml_flags[] = {
  { "DOMAIN_GET_XML_DESC", 1 | 8 },
  { "DOMAIN_SNAPSHOT_GET_XML_DESC", 1 },
  { "DOMAIN_MANAGED_SAVE_GET_XML_DESC", 1 },
  { "DOMAIN_CHECKPOINT_GET_XML_DESC", 1 },
};

/* Names as C has them: eventID is event_id. */
static char *
snake_case (const char *text)
{
  GString *out = g_string_new (NULL);

  for (const char *p = text; *p != '\0'; p++)
    {
      /* Types are letters that follow a colon, an '*' and so on: only names change. */
      bool name = p != text && g_ascii_isalnum (p[-1]) && p[-1] != ':';
      bool type = p != text && strchr (":?", p[-1]) != NULL;

      if (!type && name && g_ascii_isupper (*p) && !g_ascii_isupper (p[-1]))
        g_string_append_c (out, '_');
      g_string_append_c (out, type ? *p : g_ascii_tolower (*p));
    }
  return g_string_free (out, FALSE);
}

/* The fact as our tables say it: events without the two words that change nothing on the wire. */
static char *
normalise (const char *signature)
{
  g_autofree char *copy = g_strdup (strcmp (signature, "-") == 0 ? "" : signature);
  char *text = g_str_has_prefix (copy, "msg ") ? copy + 4 : copy;
  char *inner = strstr (text, "msg:{");

  if (inner != NULL)
    {
      g_assert_true (g_str_has_suffix (text, "}"));
      text[strlen (text) - 1] = '\0';
      memmove (inner, inner + 5, strlen (inner + 5) + 1);
    }
  return snake_case (text);
}

static bool
has_flag (const Fact *fact, const char *flag)
{
  g_auto (GStrv) flags = g_strsplit (fact->flags, ",", -1);

  return g_strv_contains ((const char *const *) flags, flag);
}

static void
check_struct (CopXdrTypeFunc type, const char *fact, const char *name)
{
  g_autofree char *wanted = normalise (fact);
  g_autofree char *ours = type != NULL ? cop_xdr_signature (type ()) : g_strdup ("");

  g_test_message ("%s", name);
  g_assert_cmpstr (ours, ==, wanted);
}

static void
check_flags (const CopProcedure *procedure, const Fact *fact)
{
  bool some = has_flag (fact, "rw-some-flags");
  bool fds = has_flag (fact, "fd-in/out");
  uint32_t write_flags = 0;

  for (size_t i = 0; i < G_N_ELEMENTS (xml_flags); i++)
    if (strcmp (xml_flags[i].name, fact->name) == 0)
      write_flags = xml_flags[i].write_flags;
  g_test_message ("flags of %s", fact->name);
  g_assert_cmpint (procedure->access == COP_PROC_ACCESS_WRITE, ==, has_flag (fact, "rw"));
  if (!some)
    g_assert_cmphex (procedure->write_flags, ==, write_flags);
  else
    g_assert_cmphex (procedure->write_flags, !=, 0);
  /* Asking polkit may wait for somebody to type a password. */
  if (strcmp (fact->name, "AUTH_POLKIT") != 0)
    g_assert_cmpint ((procedure->flags & COP_PROC_HI) != 0, ==, has_flag (fact, "hi"));
  g_assert_cmpint ((procedure->flags & COP_PROC_EVENT) != 0, ==, has_flag (fact, "event"));
  g_assert_cmpint ((procedure->flags & COP_PROC_STREAM_DOWN) != 0, ==,
                   has_flag (fact, "stream-down"));
  g_assert_cmpint ((procedure->flags & COP_PROC_STREAM_UP) != 0, ==, has_flag (fact, "stream-up"));
  g_assert_cmpint ((procedure->flags & COP_PROC_FDS_IN) != 0, ==, fds || has_flag (fact, "fd-in"));
  g_assert_cmpint ((procedure->flags & COP_PROC_FDS_OUT) != 0, ==,
                   fds || has_flag (fact, "fd-out"));
}

static const CopProgram *
find_program (const char *name)
{
  static const CopProgram *const programs[] = { &cop_remote_program, &cop_qemu_program,
                                                &cop_lxc_program };

  for (size_t i = 0; i < G_N_ELEMENTS (programs); i++)
    if (strcmp (programs[i]->name, name) == 0)
      return programs[i];
  return NULL;
}

static void
test_facts (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "driver/wire/procedures.tsv", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) lines = NULL;
  unsigned n = 0, ours = 0;

  g_test_summary ("every procedure has libvirt's number, name, structs and access");
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) column = g_strsplit (*line, "\t", -1);
      const CopProcedure *procedure;
      Fact fact;

      if (**line == '\0' || **line == '#')
        continue;
      g_assert_cmpuint (g_strv_length (column), ==, 6);
      fact = (Fact){ column[0], (int) g_ascii_strtoll (column[1], NULL, 10),
                     column[2], column[3],
                     column[4], column[5] };
      procedure = cop_program_find (find_program (fact.program), fact.number);
      g_assert_nonnull (procedure);
      g_assert_cmpstr (procedure->name, ==, fact.name);
      check_struct (procedure->args, fact.args, fact.name);
      check_struct (procedure->ret, fact.ret, fact.name);
      check_flags (procedure, &fact);
      n++;
    }
  g_assert_cmpuint (n, ==, 451);
  for (uint32_t i = 0; i < cop_remote_program.n_procedures; i++)
    ours += cop_program_find (&cop_remote_program, (int32_t) i) != NULL;
  g_assert_cmpuint (ours, ==, 443);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/remote/facts", test_facts);
  return g_test_run ();
}
