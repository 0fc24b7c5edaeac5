/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sets of pages, as runs.
 */
#include "engine/page-set.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

CopPageSet *
cop_page_set_new (void)
{
  CopPageSet *set = g_new (CopPageSet, 1);

  set->runs = g_array_new (FALSE, FALSE, sizeof (CopPageRun));
  return set;
}

void
cop_page_set_free (CopPageSet *set)
{
  if (set == NULL)
    return;
  g_array_unref (set->runs);
  g_free (set);
}

static CopPageRun *
run_at (const CopPageSet *set, unsigned i)
{
  return &g_array_index (set->runs, CopPageRun, i);
}

void
cop_page_set_append (CopPageSet *set, uint64_t first, uint64_t last)
{
  unsigned n = set->runs->len;
  CopPageRun run = { first, last };

  g_assert (first <= last && (n == 0 || run_at (set, n - 1)->last < first));
  if (n > 0 && run_at (set, n - 1)->last + 1 == first)
    run_at (set, n - 1)->last = last;
  else
    g_array_append_val (set->runs, run);
}

static int
compare_gaps (gconstpointer a, gconstpointer b)
{
  uint64_t left = *(const uint64_t *) a, right = *(const uint64_t *) b;

  return left < right ? -1 : left > right;
}

void
cop_page_set_simplify (CopPageSet *set, unsigned runs_max)
{
  unsigned n = set->runs->len, kept = 0, surplus;
  g_autofree uint64_t *gaps = NULL;
  uint64_t limit;

  if (n <= runs_max || runs_max == 0)
    return;
  gaps = g_new (uint64_t, n - 1);
  for (unsigned i = 0; i + 1 < n; i++)
    gaps[i] = run_at (set, i + 1)->first - run_at (set, i)->last;
  qsort (gaps, n - 1, sizeof *gaps, compare_gaps);

  /* All gaps below the limit close, and of those equal to it as many as are still too many. */
  limit = gaps[n - runs_max - 1];
  surplus = 0;
  while (surplus < n - runs_max && gaps[n - runs_max - 1 - surplus] == limit)
    surplus++;
  for (unsigned i = 1; i < n; i++)
    {
      uint64_t gap = run_at (set, i)->first - run_at (set, kept)->last;

      if (gap < limit || (gap == limit && surplus > 0))
        {
          surplus -= gap == limit;
          run_at (set, kept)->last = run_at (set, i)->last;
        }
      else
        *run_at (set, ++kept) = *run_at (set, i);
    }
  g_array_set_size (set->runs, kept + 1);
}

bool
cop_page_set_contains (const CopPageSet *set, uint64_t page)
{
  unsigned low = 0, high = set->runs->len;

  while (low < high)
    {
      unsigned middle = low + (high - low) / 2;

      if (run_at (set, middle)->last < page)
        low = middle + 1;
      else
        high = middle;
    }
  return low < set->runs->len && run_at (set, low)->first <= page;
}

uint64_t
cop_page_set_count (const CopPageSet *set)
{
  uint64_t count = 0;

  for (unsigned i = 0; i < set->runs->len; i++)
    count += run_at (set, i)->last - run_at (set, i)->first + 1;
  return count;
}

char *
cop_page_set_format (const CopPageSet *set)
{
  GString *text = g_string_new (NULL);

  for (unsigned i = 0; i < set->runs->len; i++)
    {
      const CopPageRun *run = run_at (set, i);

      g_string_append_printf (text, "%s%" G_GINT64_MODIFIER "x", i > 0 ? " " : "", run->first);
      if (run->last > run->first)
        g_string_append_printf (text, "-%" G_GINT64_MODIFIER "x", run->last);
    }
  return g_string_free (text, FALSE);
}

/* Reads one page number. Returns: (nullable): what follows it */
static const char *
parse_page (const char *text, uint64_t *page)
{
  const char *at;

  *page = 0;
  for (at = text; g_ascii_isxdigit (*at); at++)
    *page = *page << 4 | (uint64_t) g_ascii_xdigit_value (*at);
  return at > text && at - text <= 16 ? at : NULL;
}

CopPageSet *
cop_page_set_parse (const char *text, uint64_t n_pages, GError **error)
{
  g_autoptr (CopPageSet) set = cop_page_set_new ();
  const char *at = text;
  uint64_t next = 0;

  while (*at != '\0')
    {
      CopPageRun run;
      const char *rest = parse_page (at, &run.first);

      run.last = run.first;
      if (rest != NULL && *rest == '-')
        rest = parse_page (rest + 1, &run.last);
      if (rest == NULL || (*rest != ' ' && *rest != '\0') || run.first < next ||
          run.last < run.first || run.last >= n_pages)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       "the list of pages is wrong at '%.20s', byte %zu: it must have ascending "
                       "hexadecimal numbers below %" G_GINT64_MODIFIER "x",
                       at, (size_t) (at - text), n_pages);
          return NULL;
        }
      cop_page_set_append (set, run.first, run.last);
      next = run.last + 1;
      at = *rest == ' ' ? rest + 1 : rest;
    }
  return g_steal_pointer (&set);
}
