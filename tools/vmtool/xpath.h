/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parts of a document, by XPath expression.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * vmt_xpath:
 * @xml: a document that a daemon sent
 * @wrap: put what is found into one element <nodes>, so that it is a document again
 *
 * Errors: %VMT_ERROR_USAGE for an expression that is wrong, %VMT_ERROR_FAILED when nothing is found
 *
 * Returns: (transfer full): elements as XML and values as text, a line each
 */
char *vmt_xpath (const char *xml, const char *expression, bool wrap, GError **error);
