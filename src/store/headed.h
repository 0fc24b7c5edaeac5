/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Documents with a first line of our own, which says what must be known without reading on:
 *
 *   <!-- coppice:domain name='web%2D%2D1' checksum='89ab...' -->
 *   <domain type='coppice'> ...
 *
 * Values are written with %XX, as in a URI, so that no comment ends early. The checksum is XXH3
 * with 64 bits over all values and what follows the line.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct
{
  const char *key;
  const char *value;
} CopHeadedPair;

/* Returns: (transfer full): the line and @text */
char *cop_headed_format (const char *kind, const CopHeadedPair *pairs, unsigned n_pairs,
                         const char *text);

/**
 * cop_headed_parse:
 * @document: NUL-terminated
 * @values: (out) (element-type utf8 utf8): what the line says; empty without such a line
 * @text: (out): what follows the line, inside @document
 *
 * Returns: whether the line is there and its checksum right
 */
bool cop_headed_parse (const char *document, const char *kind, GHashTable **values,
                       const char **text);
