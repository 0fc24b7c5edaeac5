/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Golden files of XML: NAME.xml is read; what must come of it stands beside it.
 *
 *   NAME.err      the exact message; without it, the document must be good
 *   NAME.out.xml  the document as it is written again; without it, as NAME.xml
 *   NAME.notes    what was dropped, a line each; without it, nothing is
 *
 * COPPICE_WRITE_GOLDEN=1 writes them instead of comparing.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct
{
  char  *name;                  /* (owned): "disk-block" */
  char  *label;                 /* (owned): "disk-block.xml" */
  char  *path;                  /* (owned): of the folder and the name, without ".xml" */
  char  *text;                  /* (owned) */
  gsize  length;
} XmlGolden;

/* Calls g_test_add_data_func_full() for each document in tests/xml/@folder. */
void xml_golden_add (const char *folder, GTestDataFunc func);

/* The same, each called at once. */
typedef void (*XmlGoldenFunc) (const XmlGolden *golden, gpointer data);
void xml_golden_foreach (const char *folder, XmlGoldenFunc func, gpointer data);

/* @actual: (nullable): NULL: there must be no such file, or for "out.xml", an error */
void xml_golden_compare (const XmlGolden *golden, const char *suffix, const char *actual);

bool xml_golden_has (const XmlGolden *golden, const char *suffix);
