/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results as text and as JSON.
 */
#include "vmtool/printer.h"

static const VmtColumn columns[] = {
  { "name", "Name", VMT_SHOW_TEXT },
  { "size", "Size", VMT_SHOW_SIZE },
  { "ready", "Ready", VMT_SHOW_BOOL },
  { NULL },
};

static void
print_table (VmtPrinter *printer)
{
  vmt_printer_table (printer, columns);
  vmt_printer_row (printer,
                   (VmtCell[]){ { .text = "debian" }, { .number = 3 << 20 }, { .number = 1 } });
  vmt_printer_row (printer, (VmtCell[]){ { .text = NULL }, { .number = 12 }, { .number = 0 } });
  vmt_printer_table_end (printer);
}

static void
print_object (VmtPrinter *printer)
{
  vmt_printer_note (printer, "a note");
  vmt_printer_begin (printer, NULL);
  vmt_printer_text (printer, "text", "a \"b\"\n\x01\xff");
  vmt_printer_begin (printer, "inner");
  vmt_printer_number (printer, "number", -5);
  vmt_printer_real (printer, "real", 0.5);
  vmt_printer_end (printer);
  vmt_printer_begin_array (printer, "list");
  vmt_printer_bool (printer, NULL, true);
  vmt_printer_size (printer, NULL, 1 << 20);
  vmt_printer_end_array (printer);
  vmt_printer_begin_array (printer, "empty");
  vmt_printer_end_array (printer);
  vmt_printer_end (printer);
}

static const struct
{
  void (*print) (VmtPrinter *printer);
  bool json;
  const char *expected;
} prints[] = {
  { print_table, false,
    "Name       Size  Ready\n"
    "debian  3.0 MiB  yes\n"
    "-          12 B  no\n" },
  { print_table, true,
    "[\n"
    "  {\n    \"name\": \"debian\",\n    \"size\": 3145728,\n"
    "    \"ready\": true\n  },\n"
    "  {\n    \"name\": null,\n    \"size\": 12,\n    \"ready\": false\n  }\n"
    "]\n" },
  { print_object, false,
    "a note\n"
    "text: a \"b\"\n\x01\xff\n"
    "inner:\n  number: -5\n  real: 0.5\n"
    "list:\n  yes\n  1.0 MiB\n"
    "empty:\n" },
  { print_object, true,
    "{\n"
    "  \"text\": \"a \\\"b\\\"\\n\\u0001\xef\xbf\xbd\",\n"
    "  \"inner\": {\n    \"number\": -5,\n    \"real\": 0.5\n  },\n"
    "  \"list\": [\n    true,\n    1048576\n  ],\n"
    "  \"empty\": []\n"
    "}\n" },
};

static void
test_prints (void)
{
  for (size_t i = 0; i < G_N_ELEMENTS (prints); i++)
    {
      g_autofree char *text = NULL;
      size_t length = 0;
      FILE *out = open_memstream (&text, &length);
      g_autoptr (VmtPrinter) printer = vmt_printer_new (out, prints[i].json);

      prints[i].print (printer);
      vmt_printer_finish (printer);
      fclose (out);
      g_assert_cmpstr (text, ==, prints[i].expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tools/printer/prints", test_prints);
  return g_test_run ();
}
