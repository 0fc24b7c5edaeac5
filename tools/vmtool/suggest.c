/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which known name a mistyped word meant.
 */
#include "vmtool/vmtool-private.h"

#include <string.h>

/* Longer words are not looked at: no name of ours is, and the table below stays on the stack. */
#define MAX_WORD 40

unsigned
vmt_edit_distance (const char *a, const char *b)
{
  size_t a_length = strlen (a), b_length = strlen (b);
  /* distance[i][j]: between the first i letters of a and the first j of b */
  uint8_t distance[MAX_WORD + 1][MAX_WORD + 1];

  if (a_length > MAX_WORD || b_length > MAX_WORD)
    return MAX (a_length, b_length);

  for (size_t i = 0; i <= a_length; i++)
    for (size_t j = 0; j <= b_length; j++)
      {
        unsigned best;

        if (i == 0 || j == 0)
          {
            distance[i][j] = i + j;
            continue;
          }
        best = distance[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
        best = MIN (best, distance[i - 1][j] + 1u);
        best = MIN (best, distance[i][j - 1] + 1u);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          best = MIN (best, distance[i - 2][j - 2] + 1u);
        distance[i][j] = best;
      }
  return distance[a_length][b_length];
}

const char *
vmt_suggest (const char *word, const char *const *candidates)
{
  const char *nearest = NULL;
  /* A third of the letters may be wrong: enough for slips, too few for another word. */
  unsigned best = strlen (word) / 3 + 2;

  for (; *candidates != NULL; candidates++)
    {
      unsigned distance = vmt_edit_distance (word, *candidates);

      /* Who stopped typing early meant what begins so. */
      if (word[0] != '\0' && g_str_has_prefix (*candidates, word))
        distance = 1;
      if (distance < best)
        {
          best = distance;
          nearest = *candidates;
        }
    }
  return nearest;
}
