/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The printer: what commands write their results with, as text for people or as JSON.
 *
 *   vmt_printer_table (p, columns)             NAME    SUITE      [{"name": "debian",
 *   vmt_printer_row (p, cells)                 debian  trixie       "suite": "trixie"}]
 *
 *   vmt_printer_record (p, columns, cells)     Name:   debian         {"name": "debian",
 *                                              Suite:  trixie          "suite": "trixie"}
 *
 * A result is either a table (an array of objects in JSON) or an object ("key: value" lines as
 * text), which may hold objects and arrays in turn.
 * One command prints one result, so that its JSON is one document.
 */
#pragma once

#include "vmtool/vmtool.h"

#include <stdio.h>

/* How a column or value looks as text; JSON has the plain value. */
typedef enum
{
  VMT_SHOW_TEXT,
  VMT_SHOW_NUMBER,
  VMT_SHOW_SIZE, /* bytes, shown as "3.2 MiB" */
  VMT_SHOW_BOOL, /* "yes" or "no" */
  VMT_SHOW_OPTIONAL, /* a number; below 0: "-", null in JSON */
  VMT_SHOW_REAL, /* with one decimal */
  VMT_SHOW_TIME, /* nanoseconds, shown as "12.3 s" */
} VmtShow;

typedef struct
{
  const char *key; /* in JSON; NULL ends the table */
  const char *title; /* N_(): as text */
  VmtShow show;
} VmtColumn;

typedef union
{
  const char *text; /* NULL: "-" as text, null in JSON */
  double real; /* of VMT_SHOW_REAL */
  int64_t number; /* of all the others */
} VmtCell;

VmtPrinter *vmt_printer_new (FILE *out, bool json);
/* Writes what is pending; the printer must not be inside a table or object. */
void vmt_printer_finish (VmtPrinter *printer);
void vmt_printer_free (VmtPrinter *printer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmtPrinter, vmt_printer_free)

bool vmt_printer_is_json (const VmtPrinter *printer);

/* A sentence for people; nothing in JSON. */
void vmt_printer_note (VmtPrinter *printer, const char *format, ...) G_GNUC_PRINTF (2, 3);

/**
 * vmt_printer_table:
 * @columns: ends with a row without key; stays valid until the table's end
 *
 * Begins a table; vmt_printer_row() takes a cell for each column.
 */
void vmt_printer_table (VmtPrinter *printer, const VmtColumn *columns);
void vmt_printer_row (VmtPrinter *printer, const VmtCell *cells);
void vmt_printer_table_end (VmtPrinter *printer);

/* One row as an object: a line for each cell. Cells with nothing to show are left out of the text,
   and are null in JSON. May come several times in an array, each after an empty line. */
void vmt_printer_record (VmtPrinter *printer, const VmtColumn *columns, const VmtCell *cells);

/* Text for people or programs as it stands, up to a line feed at its end; nothing in JSON. */
void vmt_printer_plain (VmtPrinter *printer, const char *text);

/* From here on each document of JSON is one line, written by vmt_printer_finish(). */
void vmt_printer_set_compact (VmtPrinter *printer);

/* Begins and ends an object; @key is NULL for the outermost and inside arrays. */
void vmt_printer_begin (VmtPrinter *printer, const char *key);
void vmt_printer_end (VmtPrinter *printer);
void vmt_printer_begin_array (VmtPrinter *printer, const char *key);
void vmt_printer_end_array (VmtPrinter *printer);

/* One value of the open object, or of the open array with @key NULL. */
void vmt_printer_text (VmtPrinter *printer, const char *key, const char *value);
void vmt_printer_number (VmtPrinter *printer, const char *key, int64_t value);
void vmt_printer_unsigned (VmtPrinter *printer, const char *key, uint64_t value);
void vmt_printer_real (VmtPrinter *printer, const char *key, double value);
void vmt_printer_bool (VmtPrinter *printer, const char *key, bool value);
/* In bytes. */
void vmt_printer_size (VmtPrinter *printer, const char *key, uint64_t value);
