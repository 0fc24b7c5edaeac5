/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which pages of guest memory a file holds: said explicitly, since tools that copy files make holes
 * of zeroes and zeroes of holes.
 *
 *   as text: "0-1ff 400 7f0-7ff"    page numbers in hexadecimal, ascending, apart by a space
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* More runs than this become fewer by taking in the pages between those closest to each other, so
   that the text stays short. */
#define COP_PAGE_SET_RUNS_MAX 16384

/* Pages first to last, both included. */
typedef struct
{
  uint64_t first, last;
} CopPageRun;

typedef struct
{
  GArray *runs; /* (element-type CopPageRun) (owned): ascending, never adjoining */
} CopPageSet;

CopPageSet *cop_page_set_new (void);
void cop_page_set_free (CopPageSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopPageSet, cop_page_set_free)

/* Adds pages @first to @last, which lie behind all there are. */
void cop_page_set_append (CopPageSet *set, uint64_t first, uint64_t last);

/* Leaves at most @runs_max runs: takes pages in, and loses none. */
void cop_page_set_simplify (CopPageSet *set, unsigned runs_max);

bool cop_page_set_contains (const CopPageSet *set, uint64_t page);

/* How many pages there are. */
uint64_t cop_page_set_count (const CopPageSet *set);

/* Returns: (transfer full): as text; empty for no page */
char *cop_page_set_format (const CopPageSet *set);

/**
 * cop_page_set_parse:
 * @n_pages: of the memory; no page may lie beyond
 *
 * Errors: %G_IO_ERROR_INVALID_DATA, with the place in @text.
 */
CopPageSet *cop_page_set_parse (const char *text, uint64_t n_pages, GError **error);
