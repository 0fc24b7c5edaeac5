/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What may be wrong with a document. A message begins with the document's label and the line:
 * "domain.xml:12: devices/disk/target/@bus: 'ide' is not one of: virtio".
 */
#pragma once

#include <glib.h>

#define COP_XML_ERROR (cop_xml_error_quark ())
GQuark cop_xml_error_quark (void);

typedef enum
{
  COP_XML_ERROR_SYNTAX,         /* not well-formed, or not the document it should be */
  COP_XML_ERROR_VALUE,          /* text that is not the number or word it should be */
  COP_XML_ERROR_TOO_LARGE,
  COP_XML_ERROR_MISSING,        /* a member that must be there */
  COP_XML_ERROR_CONFLICT,       /* members that do not go together */
  COP_XML_ERROR_UNSUPPORTED,    /* libvirt's format has it, Coppice does not */
  COP_XML_ERROR_UNKNOWN,        /* nobody's format has it; only under strict validation */
} CopXmlError;
