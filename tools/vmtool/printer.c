/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results of commands as text or JSON.
 *
 * Text is printed as it comes, tables when they end, since columns are as wide as their widest
 * cell. JSON is gathered and written whole, so that a command that fails midway has printed none.
 */
#include "vmtool/printer.h"

#include "common/json.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

struct VmtPrinter
{
  FILE *out; /* (unowned) */
  bool json;
  bool compact; /* JSON without line feeds */
  bool records; /* one was printed: the next comes after an empty line */
  GString *text; /* (owned): JSON so far */
  GByteArray *scopes; /* (owned): closing bracket of each open object and array */
  bool first; /* no value yet in the innermost scope */
  const VmtColumn *columns; /* (unowned) (nullable): of the open table */
  unsigned n_columns;
  GPtrArray *cells; /* (owned) (element-type utf8): of the open table, row by row */
};

VmtPrinter *
vmt_printer_new (FILE *out, bool json)
{
  VmtPrinter *printer = g_new0 (VmtPrinter, 1);

  printer->out = out;
  printer->json = json;
  printer->text = g_string_new (NULL);
  printer->scopes = g_byte_array_new ();
  printer->first = true;
  printer->cells = g_ptr_array_new_with_free_func (g_free);
  return printer;
}

void
vmt_printer_free (VmtPrinter *printer)
{
  g_string_free (printer->text, TRUE);
  g_byte_array_unref (printer->scopes);
  g_ptr_array_unref (printer->cells);
  g_free (printer);
}

bool
vmt_printer_is_json (const VmtPrinter *printer)
{
  return printer->json;
}

void
vmt_printer_finish (VmtPrinter *printer)
{
  g_assert (printer->scopes->len == 0 && printer->columns == NULL);
  if (printer->text->len > 0)
    fprintf (printer->out, "%s\n", printer->text->str);
  g_string_truncate (printer->text, 0);
  printer->first = true;
}

void
vmt_printer_note (VmtPrinter *printer, const char *format, ...)
{
  va_list arguments;

  if (printer->json)
    return;
  va_start (arguments, format);
  vfprintf (printer->out, format, arguments);
  va_end (arguments);
  fputc ('\n', printer->out);
}

/* ---- values ---- */

/* Three digits are enough for people; JSON has the bytes. */
static char *
format_size (uint64_t bytes)
{
  static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double value = bytes;
  unsigned unit = 0;

  if (bytes < 1024)
    return g_strdup_printf ("%" G_GUINT64_FORMAT " B", bytes);
  for (value /= 1024; value >= 1024 && unit + 1 < G_N_ELEMENTS (units); unit++)
    value /= 1024;
  return g_strdup_printf ("%.*f %s", value < 100 ? 1 : 0, value, units[unit]);
}

static char *
format_time (int64_t ns)
{
  return g_strdup_printf ("%.1f s", (double) ns / 1e9);
}

static void
json_begin_value (VmtPrinter *printer, const char *key)
{
  if (!printer->first)
    g_string_append_c (printer->text, ',');
  if (printer->compact)
    g_string_append (printer->text, printer->first ? "" : " ");
  else if (printer->scopes->len > 0)
    g_string_append_printf (printer->text, "\n%*s", (int) printer->scopes->len * 2, "");
  printer->first = false;
  if (key != NULL)
    {
      cop_json_append_string (printer->text, key);
      g_string_append (printer->text, ": ");
    }
}

/* One value: @json as it stands in JSON, @text as people read it. */
static void
print_value (VmtPrinter *printer, const char *key, const char *json, const char *text)
{
  if (printer->json)
    {
      json_begin_value (printer, key);
      g_string_append (printer->text, json);
      return;
    }
  fprintf (printer->out, "%*s", MAX ((int) printer->scopes->len - 1, 0) * 2, "");
  if (key != NULL)
    fprintf (printer->out, "%s: ", key);
  fprintf (printer->out, "%s\n", text);
}

void
vmt_printer_text (VmtPrinter *printer, const char *key, const char *value)
{
  g_autoptr (GString) json = g_string_new (NULL);

  if (value != NULL)
    cop_json_append_string (json, value);
  else
    g_string_append (json, "null");
  print_value (printer, key, json->str, value != NULL ? value : "-");
}

void
vmt_printer_number (VmtPrinter *printer, const char *key, int64_t value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, value);

  print_value (printer, key, text, text);
}

void
vmt_printer_unsigned (VmtPrinter *printer, const char *key, uint64_t value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

  print_value (printer, key, text, text);
}

void
vmt_printer_real (VmtPrinter *printer, const char *key, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (text, sizeof text, "%.6g", value);
  print_value (printer, key, isfinite (value) ? text : "null", text);
}

void
vmt_printer_bool (VmtPrinter *printer, const char *key, bool value)
{
  print_value (printer, key, value ? "true" : "false", value ? _ ("yes") : _ ("no"));
}

void
vmt_printer_size (VmtPrinter *printer, const char *key, uint64_t value)
{
  g_autofree char *json = g_strdup_printf ("%" G_GUINT64_FORMAT, value);
  g_autofree char *text = format_size (value);

  print_value (printer, key, json, text);
}

/* ---- objects and arrays ---- */

static void
open_scope (VmtPrinter *printer, const char *key, const char *brackets)
{
  if (printer->json)
    {
      json_begin_value (printer, key);
      g_string_append_c (printer->text, brackets[0]);
    }
  else if (key != NULL)
    fprintf (printer->out, "%*s%s:\n", MAX ((int) printer->scopes->len - 1, 0) * 2, "", key);
  g_byte_array_append (printer->scopes, (const guint8 *) &brackets[1], 1);
  printer->first = true;
}

static void
close_scope (VmtPrinter *printer, char bracket)
{
  g_assert (printer->scopes->len > 0);
  g_assert (printer->scopes->data[printer->scopes->len - 1] == bracket);
  g_byte_array_set_size (printer->scopes, printer->scopes->len - 1);
  if (printer->json)
    {
      if (!printer->first && !printer->compact)
        g_string_append_printf (printer->text, "\n%*s", (int) printer->scopes->len * 2, "");
      g_string_append_c (printer->text, bracket);
    }
  printer->first = false;
}

void
vmt_printer_begin (VmtPrinter *printer, const char *key)
{
  open_scope (printer, key, "{}");
}

void
vmt_printer_end (VmtPrinter *printer)
{
  close_scope (printer, '}');
}

void
vmt_printer_begin_array (VmtPrinter *printer, const char *key)
{
  open_scope (printer, key, "[]");
}

void
vmt_printer_end_array (VmtPrinter *printer)
{
  close_scope (printer, ']');
}

/* ---- tables ---- */

void
vmt_printer_table (VmtPrinter *printer, const VmtColumn *columns)
{
  g_assert (printer->columns == NULL);
  printer->columns = columns;
  for (printer->n_columns = 0; columns[printer->n_columns].key != NULL;)
    printer->n_columns++;
  if (printer->json)
    vmt_printer_begin_array (printer, NULL);
}

static void
print_cell (VmtPrinter *printer, const VmtColumn *column, const VmtCell *cell)
{
  switch (column->show)
    {
    case VMT_SHOW_TEXT:
      vmt_printer_text (printer, column->key, cell->text);
      break;
    case VMT_SHOW_OPTIONAL:
      if (cell->number < 0)
        {
          vmt_printer_text (printer, column->key, NULL);
          break;
        }
      /* fall through */
    case VMT_SHOW_NUMBER:
    case VMT_SHOW_SIZE:
    case VMT_SHOW_TIME:
      vmt_printer_number (printer, column->key, cell->number);
      break;
    case VMT_SHOW_REAL:
      vmt_printer_real (printer, column->key, cell->real);
      break;
    case VMT_SHOW_BOOL:
      vmt_printer_bool (printer, column->key, cell->number != 0);
      break;
    }
}

static char *
format_cell (const VmtColumn *column, const VmtCell *cell)
{
  switch (column->show)
    {
    case VMT_SHOW_OPTIONAL:
      if (cell->number < 0)
        break;
      /* fall through */
    case VMT_SHOW_NUMBER:
      return g_strdup_printf ("%" G_GINT64_FORMAT, cell->number);
    case VMT_SHOW_TIME:
      return format_time (cell->number);
    case VMT_SHOW_SIZE:
      return format_size (cell->number);
    case VMT_SHOW_REAL:
      return g_strdup_printf ("%.1f", cell->real);
    case VMT_SHOW_BOOL:
      return g_strdup (cell->number != 0 ? _ ("yes") : _ ("no"));
    case VMT_SHOW_TEXT:
      if (cell->text == NULL)
        break;
      return g_strdup (cell->text);
    }
  return g_strdup ("-");
}

void
vmt_printer_row (VmtPrinter *printer, const VmtCell *cells)
{
  if (printer->json)
    {
      vmt_printer_begin (printer, NULL);
      for (unsigned i = 0; i < printer->n_columns; i++)
        print_cell (printer, &printer->columns[i], &cells[i]);
      vmt_printer_end (printer);
      return;
    }
  for (unsigned i = 0; i < printer->n_columns; i++)
    g_ptr_array_add (printer->cells, format_cell (&printer->columns[i], &cells[i]));
}

static bool
is_empty (const VmtColumn *column, const VmtCell *cell)
{
  return column->show == VMT_SHOW_TEXT       ? cell->text == NULL
         : column->show == VMT_SHOW_OPTIONAL ? cell->number < 0
                                             : false;
}

void
vmt_printer_record (VmtPrinter *printer, const VmtColumn *columns, const VmtCell *cells)
{
  int width = 0;

  if (printer->json)
    {
      vmt_printer_begin (printer, NULL);
      for (; columns->key != NULL; columns++, cells++)
        print_cell (printer, columns, cells);
      vmt_printer_end (printer);
      return;
    }
  if (printer->records)
    fputc ('\n', printer->out);
  printer->records = true;
  for (const VmtColumn *column = columns; column->key != NULL; column++)
    width = MAX (width, (int) g_utf8_strlen (_ (column->title), -1));
  for (; columns->key != NULL; columns++, cells++)
    {
      g_autofree char *text = format_cell (columns, cells);
      const char *title = _ (columns->title);

      if (!is_empty (columns, cells))
        fprintf (printer->out, "%s:%*s%s\n", title,
                 width - (int) g_utf8_strlen (title, -1) + 2, "", text);
    }
}

void
vmt_printer_plain (VmtPrinter *printer, const char *text)
{
  if (printer->json)
    return;
  fputs (text, printer->out);
  if (!g_str_has_suffix (text, "\n"))
    fputc ('\n', printer->out);
}

void
vmt_printer_set_compact (VmtPrinter *printer)
{
  printer->compact = true;
}

static void
write_padded (VmtPrinter *printer, unsigned column, const char *text, long width)
{
  VmtShow show = printer->columns[column].show;
  bool right = show != VMT_SHOW_TEXT && show != VMT_SHOW_BOOL;
  bool last = column + 1 == printer->n_columns;
  int padding = width - g_utf8_strlen (text, -1);

  fprintf (printer->out, "%*s%s%*s%s", right ? padding : 0, "", text, right || last ? 0 : padding,
           "", last ? "\n" : "  ");
}

void
vmt_printer_table_end (VmtPrinter *printer)
{
  unsigned n_columns = printer->n_columns;
  g_autofree long *widths = g_new0 (long, n_columns + 1);

  if (printer->json)
    {
      vmt_printer_end_array (printer);
      printer->columns = NULL;
      return;
    }
  for (unsigned i = 0; i < n_columns; i++)
    widths[i] = g_utf8_strlen (_ (printer->columns[i].title), -1);
  for (unsigned i = 0; i < printer->cells->len; i++)
    widths[i % n_columns] =
      MAX (widths[i % n_columns], g_utf8_strlen (g_ptr_array_index (printer->cells, i), -1));

  for (unsigned i = 0; i < n_columns; i++)
    write_padded (printer, i, _ (printer->columns[i].title), widths[i]);
  for (unsigned i = 0; i < printer->cells->len; i++)
    write_padded (printer, i % n_columns, g_ptr_array_index (printer->cells, i),
                  widths[i % n_columns]);
  g_ptr_array_set_size (printer->cells, 0);
  printer->columns = NULL;
}
