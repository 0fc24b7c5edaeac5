/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Splitting "HEAD,name=value,flag" by a table.
 */
#include "vmtool/suboptions.h"
#include "vmtool/vmtool-private.h"

#include <glib/gi18n.h>
#include <string.h>

void
vmt_sub_values_free (VmtSubValues *values)
{
  g_free (values->head);
  g_ptr_array_unref (values->lists);
  g_free (values);
}

const char *
vmt_sub_value (const VmtSubValues *values, unsigned index)
{
  const GPtrArray *list = g_ptr_array_index (values->lists, index);

  return list->len > 1 ? g_ptr_array_index (list, list->len - 2) : NULL;
}

bool
vmt_sub_flag (const VmtSubValues *values, unsigned index)
{
  return g_strcmp0 (vmt_sub_value (values, index), "on") == 0;
}

const char *const *
vmt_sub_list (const VmtSubValues *values, unsigned index)
{
  const GPtrArray *list = g_ptr_array_index (values->lists, index);

  return (const char *const *)list->pdata;
}

/* The part of *@text up to the next single comma, which is stepped over. */
static char *
next_part (const char **text)
{
  GString *part = g_string_new (NULL);
  const char *c = *text;

  for (; *c != '\0'; c++)
    {
      if (*c == ',' && c[1] != ',')
        break;
      c += *c == ',';
      g_string_append_c (part, *c);
    }
  *text = *c == ',' ? c + 1 : NULL;
  return g_string_free (part, FALSE);
}

static void
set_unknown (const char *option, const char *name, const VmtSubOption *table, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *list = NULL;
  const char *nearest;

  for (; table->name != NULL; table++)
    g_ptr_array_add (names, (gpointer)table->name);
  g_ptr_array_add (names, NULL);

  nearest = vmt_suggest (name, (const char *const *)names->pdata);
  list = g_strjoinv (", ", (char **)names->pdata);
  if (nearest != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: unknown '%s'; did you mean '%s'?"),
                 option, name, nearest);
  else if (names->len > 1)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: unknown '%s'; there is %s"), option,
                 name, list);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: nothing may follow, but got '%s'"),
                 option, name);
}

/* Checks @value, NULL when there was no "=", against @row; returns what is to be stored. */
static const char *
check_value (const char *option, const VmtSubOption *row, const char *value, GError **error)
{
  if (row->kind == VMT_SUB_VALUE)
    {
      if (value == NULL || *value == '\0')
        {
          g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: %s needs a value: %s=%s"),
                       option, row->name, row->name, row->value);
          return NULL;
        }
      return value;
    }
  if (value == NULL || strcmp (value, "on") == 0)
    return "on";
  if (strcmp (value, "off") == 0)
    return "off";
  g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: %s is '%s'; it can be on or off"),
               option, row->name, value);
  return NULL;
}

static bool
take_part (VmtSubValues *values, const char *option, char *part, const VmtSubOption *table,
           GError **error)
{
  char *equals = strchr (part, '=');
  const char *value;
  GPtrArray *list;
  unsigned index = 0;

  if (equals != NULL)
    *equals = '\0';
  while (table[index].name != NULL && strcmp (table[index].name, part) != 0)
    index++;
  if (table[index].name == NULL)
    {
      set_unknown (option, part, table, error);
      return false;
    }

  value = check_value (option, &table[index], equals != NULL ? equals + 1 : NULL, error);
  if (value == NULL)
    return false;

  list = g_ptr_array_index (values->lists, index);
  if (list->len > 1 && !table[index].repeated)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: %s is given twice; leave one out"),
                   option, part);
      return false;
    }
  g_ptr_array_insert (list, (gint)list->len - 1, g_strdup (value));
  return true;
}

VmtSubValues *
vmt_sub_parse (const char *option, const char *text, const VmtSubOption *table, GError **error)
{
  g_autoptr (VmtSubValues) values = g_new0 (VmtSubValues, 1);

  values->lists = g_ptr_array_new_with_free_func ((GDestroyNotify)g_ptr_array_unref);
  for (const VmtSubOption *row = table; row->name != NULL; row++)
    {
      GPtrArray *list = g_ptr_array_new_with_free_func (g_free);

      g_ptr_array_add (list, NULL);
      g_ptr_array_add (values->lists, list);
    }

  values->head = next_part (&text);
  if (*values->head == '\0')
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: the value is empty"), option);
      return NULL;
    }
  while (text != NULL)
    {
      g_autofree char *part = next_part (&text);

      if (!take_part (values, option, part, table, error))
        return NULL;
    }
  return g_steal_pointer (&values);
}
