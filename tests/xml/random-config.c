/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random configurations; see random-config.h.
 */
#include "random-config.h"

#include "xml/domain-rows.h"

#include <inttypes.h>
#include <string.h>

static bool
maybe (void)
{
  return g_test_rand_int_range (0, 2) == 0;
}

static uint64_t
number_between (uint64_t min, uint64_t max)
{
  uint64_t spread = max - min;

  switch (g_test_rand_int_range (0, 3))
    {
    case 0:
      return min;
    case 1:
      return max;
    default:
      return min + (uint64_t) (g_test_rand_double () * spread);
    }
}

static char *
random_text (const CopXmlRow *row)
{
  g_auto (GStrv) examples = g_strsplit (row->examples, "|", -1);

  return g_strdup (examples[g_test_rand_int_range (0, g_strv_length (examples))]);
}

static char *
random_name (const CopNames *names)
{
  const char *name;

  do
    name = names->names[g_test_rand_int_range (0, names->count)];
  while (name == NULL);
  return g_strdup (name);
}

/* A value as the document would have it. */
static char *
random_value (const CopXmlRow *row)
{
  uint8_t bytes[16];
  char uuid[37];

  for (unsigned i = 0; i < sizeof bytes; i++)
    bytes[i] = g_test_rand_int_range (0, 256);

  switch (row->kind)
    {
    case COP_XML_KIND_TEXT:
      return random_text (row);
    case COP_XML_KIND_ENUM:
      return random_name (row->names);
    case COP_XML_KIND_FLAG:
      return g_strdup ("");
    case COP_XML_KIND_UINT:
      return g_strdup_printf (
        "%" PRIu64, number_between (MAX (row->min, 1), row->max != 0 ? row->max : G_MAXUINT));
    case COP_XML_KIND_INDEX:
      return g_strdup_printf ("%" PRIu64, number_between (row->min, row->max));
    case COP_XML_KIND_SIZE:
      return g_strdup_printf ("%" PRIu64,
                              number_between (MAX (row->min, 1024) >> 10, row->max >> 10));
    case COP_XML_KIND_UUID:
      bytes[0] |= 1;
      cop_uuid_format (bytes, uuid);
      return g_strdup (uuid);
    case COP_XML_KIND_MAC:
      return g_strdup_printf ("52:%02x:%02x:%02x:%02x:%02x", bytes[1], bytes[2], bytes[3], bytes[4],
                              bytes[5]);
    default:
      g_assert_not_reached ();
    }
}

static gpointer random_struct (const CopXmlElement *element);

static void
random_list (const CopXmlRow *row, GPtrArray *list)
{
  unsigned most = MIN (row->max, 3);
  unsigned count = g_test_rand_int_range (row->min, most + 1);

  while (list->len < count)
    g_ptr_array_add (list, random_struct (row->element));
}

static void
random_metadata (GPtrArray *list)
{
  for (unsigned i = 0; i < 2 && maybe (); i++)
    {
      CopDomainMetadata *item = g_new0 (CopDomainMetadata, 1);

      item->uri = g_strdup_printf ("urn:test:%u", i);
      item->xml = g_strdup_printf ("<a:b xmlns:a=\"%s\" c=\"%u\">&lt; \xc3\xa9<a:d/>\n </a:b>",
                                   item->uri, g_test_rand_int ());
      g_ptr_array_add (list, item);
    }
}

static gpointer
random_struct (const CopXmlElement *element)
{
  gpointer data = cop_xml_new (element);

  for (unsigned i = 0; i < element->n_rows; i++)
    {
      const CopXmlRow *row = &element->rows[i];
      GPtrArray **list = (GPtrArray **) (void *) ((uint8_t *) data + row->offset);
      g_autoptr (GError) error = NULL;

      if (!cop_xml_row_has_value (row) || !cop_xml_row_applies (row, data))
        continue;
      if (row->kind == COP_XML_KIND_LIST)
        random_list (row, *list);
      else if (row->kind == COP_XML_KIND_FOREIGN)
        random_metadata (*list);
      else if (row->required || maybe ())
        {
          g_autofree char *text = random_value (row);

          cop_xml_row_set (row, data, text, NULL, &error);
          g_assert_no_error (error);
        }
    }
  return data;
}

CopDomainConfig *
random_domain_config (void)
{
  return random_struct (&cop_domain_element);
}

static void
set_text (char **member, char *text)
{
  g_free (*member);
  *member = text;
}

static void
repair_disks (CopDomainConfig *config)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      CopDomainDisk *disk = config->disks->pdata[i];

      set_text (&disk->target, g_strdup_printf ("vd%c", 'a' + i));
      set_text (&disk->alias, NULL);
      disk->boot_order = config->os.boot == COP_DOMAIN_BOOT_UNSET && maybe () ? i + 1 : 0;
    }
}

static void
repair_interfaces (CopDomainConfig *config)
{
  for (guint i = 0; i < config->interfaces->len; i++)
    {
      CopDomainInterface *interface = config->interfaces->pdata[i];

      set_text (&interface->alias, g_strdup_printf ("ua-nic%u", i));
      if (interface->target != NULL)
        set_text (&interface->target, g_strdup_printf ("tap%u", i));
      else
        interface->managed = COP_TRISTATE_UNSET;
      for (guint j = 0; j < interface->forwards->len; j++)
        {
          CopDomainPortForward *forward = interface->forwards->pdata[j];

          for (guint k = 0; k < forward->ranges->len; k++)
            {
              CopDomainPortRange *range = forward->ranges->pdata[k];

              range->start = MIN (range->start, 64000);
              range->end = range->end != 0 ? range->start + 7 : 0;
              range->to = MIN (range->to, 64000);
            }
        }
    }
}

static void
repair_chardevs (GPtrArray *list, bool consoles)
{
  for (guint i = 0; i < list->len; i++)
    {
      CopDomainChardev *chardev = list->pdata[i];

      set_text (&chardev->alias, NULL);
      chardev->port = -1;
      if (consoles)
        chardev->target = COP_CHARDEV_TARGET_UNSET;
      if (chardev->name != NULL)
        set_text (&chardev->name, g_strdup_printf ("org.test.%u", i));
      if (chardev->source.path == NULL &&
          (chardev->source.type == COP_CHARDEV_FILE || chardev->source.type == COP_CHARDEV_UNIX))
        chardev->source.path = g_strdup ("/run/x");
    }
}

/* A list that has fewer of them. */
static void
shorten (const CopXmlElement *element, GPtrArray *list, guint length)
{
  while (list->len > length)
    cop_xml_free (element, g_ptr_array_remove_index (list, list->len - 1));
}

CopDomainConfig *
random_domain_config_valid (void)
{
  CopDomainConfig *config = random_domain_config ();
  CopDomainCpu *cpu = &config->cpu;

  config->current_vcpus = MIN (config->current_vcpus, config->vcpus);
  if (config->os.kernel == NULL)
    {
      set_text (&config->os.initrd, NULL);
      set_text (&config->os.cmdline, NULL);
    }
  if (cpu->mode == COP_CPU_MODE_MAXIMUM)
    set_text (&cpu->model, NULL);
  cpu->sockets = maybe () ? 1 : 0;
  cpu->dies = 0;
  cpu->cores = cpu->sockets * config->vcpus;
  cpu->threads = cpu->sockets;
  for (guint i = 0; i < cpu->features->len; i++)
    {
      static const char *const names[] = { "zba", "zbb", "zicond" };
      CopCpuFeature *feature = cpu->features->pdata[i];

      set_text (&feature->name, g_strdup (names[i]));
    }
  repair_disks (config);
  repair_interfaces (config);
  repair_chardevs (config->serials, false);
  repair_chardevs (config->consoles, true);
  repair_chardevs (config->channels, false);
  shorten (&cop_controller_element, config->controllers, 0);
  for (guint i = 0; i < config->memballoons->len; i++)
    {
      CopDomainMemballoon *balloon = config->memballoons->pdata[i];

      set_text (&balloon->alias, g_strdup ("ua-balloon"));
    }
  for (guint i = 0; i < config->rngs->len; i++)
    set_text (&((CopDomainRng *) config->rngs->pdata[i])->alias, g_strdup ("ua-rng"));
  set_text (&config->engine, maybe () ? g_strdup ("interp") : NULL);
  return config;
}

CopDomainConfig *
random_domain_read (const char *text, GError **error)
{
  static const CopXmlElement *const roots[] = { &cop_domain_element, NULL };

  return cop_xml_parse (roots, text, strlen (text), "random", COP_XML_PARSE_LIVE, NULL, NULL,
                        error);
}
