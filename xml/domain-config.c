/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A domain's configuration as a value, and its document. What there is to say of single members is
 * in the rows.
 */
#include "xml/domain-config.h"
#include "xml/domain-rows.h"

#define LABEL "domain XML"

CopDomainConfig *
cop_domain_config_new (void)
{
  return cop_xml_new (&cop_domain_element);
}

void
cop_domain_config_free (CopDomainConfig *config)
{
  cop_xml_free (&cop_domain_element, config);
}

CopDomainMemballoon *
cop_domain_config_balloon (const CopDomainConfig *config)
{
  CopDomainMemballoon *balloon =
    config->memballoons->len > 0 ? config->memballoons->pdata[0] : NULL;

  return balloon != NULL && balloon->model != COP_MEMBALLOON_MODEL_NONE ? balloon : NULL;
}

CopDomainConfig *
cop_domain_config_copy (const CopDomainConfig *config)
{
  return cop_xml_copy (&cop_domain_element, config);
}

bool
cop_domain_config_equal (const CopDomainConfig *a, const CopDomainConfig *b)
{
  return cop_xml_equal (&cop_domain_element, a, b);
}

static unsigned
element_flags (unsigned flags)
{
  return ((flags & COP_DOMAIN_PARSE_LIVE) != 0 ? COP_XML_PARSE_LIVE : 0) |
         ((flags & COP_DOMAIN_PARSE_VALIDATE) != 0 ? COP_XML_PARSE_STRICT : 0);
}

CopDomainConfig *
cop_domain_config_parse (const char *text, gsize length, const char *label, unsigned flags,
                         GPtrArray *notes, GError **error)
{
  static const CopXmlElement *const roots[] = { &cop_domain_element, NULL };
  g_autoptr (CopDomainConfig) config = NULL;

  if (label == NULL)
    label = LABEL;
  config = cop_xml_parse (roots, text, length, label, element_flags (flags), notes, NULL, error);
  if (config == NULL)
    return NULL;
  cop_domain_config_set_defaults (config, notes);
  if (!cop_domain_config_validate (config, error))
    {
      g_prefix_error (error, "%s: ", label);
      return NULL;
    }
  return g_steal_pointer (&config);
}

char *
cop_domain_config_format (const CopDomainConfig *config, unsigned flags)
{
  GString *out = g_string_new (NULL);

  cop_xml_format (&cop_domain_element, config, (flags & COP_DOMAIN_FORMAT_INACTIVE) != 0, 0, out);
  return g_string_free (out, FALSE);
}

void
cop_domain_config_clear_live (CopDomainConfig *config)
{
  cop_xml_clear_live (&cop_domain_element, config);
}
