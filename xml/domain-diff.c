/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What differs between two configurations, and what that means for a machine that runs.
 */
#include "xml/domain-device.h"
#include "xml/domain-rows.h"

#include <glib/gi18n.h>

static void
change_free (gpointer data)
{
  CopDomainChange *change = data;

  g_free (change->path);
  g_free (change->before);
  g_free (change->after);
  g_free (change);
}

/* Rows know nothing of domains, domains nothing of rows: here is both. */
static CopDomainChangeKind
kind_of (const CopXmlRow *row)
{
  switch (row->change)
    {
    case COP_XML_CHANGE_LIVE:
      return COP_CHANGE_LIVE;
    case COP_XML_CHANGE_HOST:
      return COP_CHANGE_HOST;
    case COP_XML_CHANGE_GUEST:
      break;
    }
  return COP_CHANGE_GUEST;
}

static void
add (gpointer user, const CopXmlRow *row, const char *path, const char *before, const char *after)
{
  CopDomainChange *change = g_new0 (CopDomainChange, 1);

  change->kind = kind_of (row);
  change->path = g_strdup (path);
  change->before = g_strdup (before);
  change->after = g_strdup (after);
  g_ptr_array_add (user, change);
}

static GPtrArray *
diff (const CopXmlElement *element, gconstpointer before, gconstpointer after, const char *path)
{
  GPtrArray *changes = g_ptr_array_new_with_free_func (change_free);

  cop_xml_diff (element, before, after, path, add, changes);
  return changes;
}

GPtrArray *
cop_domain_config_diff (const CopDomainConfig *before, const CopDomainConfig *after)
{
  return diff (&cop_domain_element, before, after, "");
}

GPtrArray *
cop_domain_device_diff (CopDeviceKind kind, gconstpointer before, gconstpointer after)
{
  return diff (cop_device_elements[kind], before, after, cop_device_elements[kind]->name);
}

/* A value in a message. */
static char *
described (const char *value)
{
  if (value == NULL)
    return g_strdup (_ ("nothing"));
  return *value != '\0' ? g_strdup_printf ("'%s'", value) : g_strdup (_ ("it set"));
}

bool
cop_domain_config_check_compatible (const CopDomainConfig *saved, const CopDomainConfig *wanted,
                                    GError **error)
{
  g_autoptr (GPtrArray) changes = cop_domain_config_diff (saved, wanted);

  for (guint i = 0; i < changes->len; i++)
    {
      const CopDomainChange *change = changes->pdata[i];
      g_autofree char *before = described (change->before);
      g_autofree char *after = described (change->after);

      if (change->kind != COP_CHANGE_GUEST)
        continue;
      g_set_error (error, COP_XML_ERROR, COP_XML_ERROR_CONFLICT,
                   _ ("%s: the guest has %s and would find %s; leave it as it was"), change->path,
                   before, after);
      return false;
    }
  return true;
}
