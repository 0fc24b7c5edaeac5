/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * State as XML: what is written is read again; what is wrong is refused with the place named.
 *
 * state/NAME.xml is a document, state/NAME.err the exact message that it gets; without one it is
 * to be read. The documents are of a made-up machine of two widgets.
 */
#include "xml/state-xml.h"

#include <string.h>

COP_STATE_BEGIN
typedef struct
{
  uint32_t head;
  uint16_t tail;
  bool ready;
  uint8_t kind;
} Ring;

typedef struct
{
  uint64_t base;
  uint64_t table[20];
  uint32_t flags;
  uint16_t divisor;
  uint8_t bytes[8];
  bool busy, late;
  Ring rings[2];
} Widget;
COP_STATE_END

static const CopStateRow ring_rows[] = {
  COP_STATE (Ring, head),
  COP_STATE (Ring, tail, .max = 255),
  COP_STATE (Ring, ready),
  COP_STATE (Ring, kind, .mask = 0x0f),
};
static const CopStateTable ring_table = { "ring", 1, COP_STATE_ROWS (Ring, ring_rows) };

static bool
check_widget (const void *state, GError **error)
{
  const Widget *widget = state;

  if (widget->busy && widget->divisor == 0)
    {
      g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
                   "divisor is 0 while busy is true");
      return false;
    }
  return true;
}

static const CopStateRow widget_rows[] = {
  /* clang-format off */
  COP_STATE         (Widget, base),
  COP_STATE_ARRAY   (Widget, table),
  COP_STATE         (Widget, flags,    .mask = 0xff),
  COP_STATE         (Widget, divisor,  .reset = 12, .max = 1000),
  COP_STATE_ARRAY   (Widget, bytes),
  COP_STATE         (Widget, busy),
  COP_STATE         (Widget, late,     .reset = true, .since = 2),
  COP_STATE_STRUCTS (Widget, rings,    &ring_table),
  /* clang-format on */
};
static const CopStateTable widget_table = { "widget", 2, COP_STATE_ROWS (Widget, widget_rows),
                                            check_widget };

static CopMachineState *
new_widgets (void)
{
  CopMachineState *state = cop_machine_state_new ();

  cop_machine_state_add (state, "widget0", &widget_table, NULL);
  cop_machine_state_add (state, "wid<get>'1", &widget_table, NULL);
  return state;
}

/* Random values that every row allows. */
static void
randomize (const CopStateTable *table, uint8_t *data)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    for (uint32_t element = 0; element < table->rows[i].count; element++)
      {
        const CopStateRow *row = &table->rows[i];
        uint64_t value = (uint64_t)g_test_rand_int () << 32 | (uint32_t)g_test_rand_int ();

        if (row->kind == COP_STATE_STRUCT)
          {
            randomize (row->table, data + row->offset + element * row->size);
            continue;
          }
        if (row->kind == COP_STATE_BOOL)
          value &= 1;
        else if (row->size < 8)
          value &= (UINT64_C (1) << (8 * row->size)) - 1;
        if (row->mask != 0)
          value &= row->mask;
        if (row->max != 0)
          value %= row->max + 1;
        g_assert_true (cop_state_set (row, data, element, value, NULL));
      }
}

static void
assert_equal_states (const CopMachineState *a, const CopMachineState *b)
{
  g_assert_cmpuint (a->sections->len, ==, b->sections->len);
  for (guint i = 0; i < a->sections->len; i++)
    {
      const CopStateSection *x = a->sections->pdata[i], *y = b->sections->pdata[i];
      g_autoptr (GString) report = g_string_new (NULL);

      g_assert_cmpstr (x->id, ==, y->id);
      cop_state_diff (x->table, x->id, x->data, y->data, report);
      g_assert_cmpstr (report->str, ==, "");
      g_assert_cmpmem (x->data, x->table->size, y->data, y->table->size);
    }
}

static void
test_round_trip (void)
{
  g_test_summary ("What is saved loads as the same values, and saves as the same text");

  for (int round = 0; round < 200; round++)
    {
      g_autoptr (CopMachineState) state = new_widgets ();
      g_autoptr (CopMachineState) fresh = new_widgets ();
      g_autoptr (CopMachineState) loaded = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;
      g_autofree char *again = NULL;

      for (guint i = 0; i < state->sections->len; i++)
        {
          CopStateSection *section = state->sections->pdata[i];
          Widget *widget = section->data;

          randomize (section->table, section->data);
          widget->busy = widget->busy && widget->divisor != 0;
        }
      text = cop_xml_state_format (state);
      loaded = cop_xml_state_parse (fresh, text, strlen (text), "state.xml", &error);
      g_assert_no_error (error);
      assert_equal_states (state, loaded);
      again = cop_xml_state_format (loaded);
      g_assert_cmpstr (text, ==, again);
    }
}

static void
test_file (gconstpointer data)
{
  static const char not_xml[] = "not well-formed XML";
  const char *name = data;
  char *detail;
  g_autofree char *xml_name = g_strconcat ("state/", name, ".xml", NULL);
  g_autofree char *err_name = g_strconcat ("state/", name, ".err", NULL);
  g_autofree char *out_name = g_strconcat ("state/", name, ".out.xml", NULL);
  g_autofree char *xml_path = g_test_build_filename (G_TEST_DIST, xml_name, NULL);
  g_autofree char *err_path = g_test_build_filename (G_TEST_DIST, err_name, NULL);
  g_autofree char *out_path = g_test_build_filename (G_TEST_DIST, out_name, NULL);
  g_autoptr (CopMachineState) fresh = new_widgets ();
  g_autoptr (CopMachineState) loaded = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (xml_path, &text, &length, NULL));
  loaded = cop_xml_state_parse (fresh, text, length, xml_name + strlen ("state/"), &error);

  if (g_file_get_contents (err_path, &expected, NULL, NULL))
    {
      g_assert_null (loaded);
      g_assert_nonnull (error);
      /* What the XML library says differs between its versions. */
      detail = strstr (error->message, not_xml);
      if (detail != NULL)
        detail[strlen (not_xml)] = '\0';
      g_assert_cmpstr (error->message, ==, g_strchomp (expected));
      return;
    }
  g_assert_no_error (error);
  g_assert_nonnull (loaded);
  g_assert_true (g_file_get_contents (
    g_file_test (out_path, G_FILE_TEST_EXISTS) ? out_path : xml_path, &expected, NULL, NULL));
  {
    g_autofree char *written = cop_xml_state_format (loaded);

    g_assert_cmpstr (written, ==, expected);
  }
}

static void
test_truncated (void)
{
  g_autoptr (CopMachineState) state = new_widgets ();
  g_autofree char *text = cop_xml_state_format (state);
  gsize length = strlen (text) - 1; /* the last line feed may go */

  g_test_summary ("A document cut off anywhere is refused, never read in part");

  for (gsize cut = 0; cut < length; cut++)
    {
      g_autofree char *part = g_strndup (text, cut);
      g_autoptr (GError) error = NULL;

      g_assert_null (cop_xml_state_parse (state, part, cut, "state.xml", &error));
      g_assert_nonnull (error);
    }
}

static void
test_mangled (void)
{
  g_autoptr (CopMachineState) state = new_widgets ();
  g_autofree char *text = cop_xml_state_format (state);
  gsize length = strlen (text);

  g_test_summary ("Random damage is refused or read as allowed values, without harm");

  for (int round = 0; round < 3000; round++)
    {
      g_autofree char *bad = g_strndup (text, length);
      g_autoptr (CopMachineState) loaded = NULL;
      g_autoptr (GError) error = NULL;

      for (int change = g_test_rand_int_range (1, 4); change > 0; change--)
        bad[g_test_rand_int_range (0, (gint32)length)] = (char)g_test_rand_int_range (0, 256);
      loaded = cop_xml_state_parse (state, bad, length, "state.xml", &error);
      g_assert_true ((loaded == NULL) == (error != NULL));
      for (guint i = 0; loaded != NULL && i < loaded->sections->len; i++)
        {
          const CopStateSection *section = loaded->sections->pdata[i];

          g_assert_true (cop_state_check (section->table, section->data, NULL));
        }
    }
}

static void
test_entities (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "entities.xml", NULL);
  g_autoptr (CopMachineState) state = new_widgets ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length;

  g_test_summary ("Entities of entities are refused, and cost nothing; who notices first, the "
                  "library or we, depends on its version");

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  g_assert_null (cop_xml_state_parse (state, text, length, "entities.xml", &error));
  g_assert_error (error, COP_XML_ERROR, COP_XML_ERROR_SYNTAX);
}

static void
test_too_large (void)
{
  g_autoptr (CopMachineState) state = new_widgets ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_malloc0 (COP_XML_STATE_MAX + 1);

  g_assert_null (cop_xml_state_parse (state, text, COP_XML_STATE_MAX + 1, "state.xml", &error));
  g_assert_error (error, COP_XML_ERROR, COP_XML_ERROR_TOO_LARGE);
  g_assert_cmpstr (error->message, ==,
                   "state.xml: 16777217 bytes are too many for the state of a machine; the limit "
                   "is 16777216");
}

/* Every state/NAME.xml is a test, so that a new file needs no line here. */
static void
add_files (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "state", NULL);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *file;

  g_assert_nonnull (folder);
  while ((file = g_dir_read_name (folder)) != NULL)
    if (g_str_has_suffix (file, ".xml") && !g_str_has_suffix (file, ".out.xml"))
      {
        g_autofree char *name = g_strndup (file, strlen (file) - strlen (".xml"));
        g_autofree char *test = g_strconcat ("/xml/state/file/", name, NULL);

        g_test_add_data_func_full (test, g_steal_pointer (&name), test_file, g_free);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/xml/state/round-trip", test_round_trip);
  g_test_add_func ("/xml/state/truncated", test_truncated);
  g_test_add_func ("/xml/state/mangled", test_mangled);
  g_test_add_func ("/xml/state/entities", test_entities);
  g_test_add_func ("/xml/state/too-large", test_too_large);
  add_files ();
  return g_test_run ();
}
