/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading outside text as XML, as safely as it needs.
 */
#pragma once

#include "xml/error.h"

#include <glib.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)

/**
 * cop_xml_read_document:
 * @max: bytes, at most
 *
 * No DTD, so no entities but those of XML itself; nothing is fetched; size, depth, and the numbers
 * of attributes and namespaces, in which the library's work is not linear, are bounded.
 *
 * Errors: %COP_XML_ERROR_SYNTAX and _TOO_LARGE, with label and line.
 *
 * Returns: (transfer full): NULL on failure
 */
xmlDocPtr cop_xml_read_document (const char *text, gsize length, gsize max, const char *label,
                                 GError **error);
