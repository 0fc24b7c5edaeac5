/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads /proc and /sys. Nothing of it is kept but what cannot change.
 */
#include "driver/host.h"

#include "common/units.h"
#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CPU_DIR "/sys/devices/system/cpu"
#define NODE_DIR "/sys/devices/system/node"
/* More than any kernel is built for. */
#define CPUS_MAX 16384

/* Numbers as the kernel lists them, "0-3,8,10-11"; @func is told each, in order. */
static void
each_number (const char *list, void (*func) (unsigned number, gpointer data), gpointer data)
{
  while (g_ascii_isdigit (*list))
    {
      char *end;
      guint64 first = g_ascii_strtoull (list, &end, 10), last = first;

      if (*end == '-')
        last = g_ascii_strtoull (end + 1, &end, 10);
      for (guint64 n = first; n <= last && n < CPUS_MAX; n++)
        func ((unsigned) n, data);
      list = *end == ',' ? end + 1 : end;
    }
}

static char *
read_text (const char *path)
{
  char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  return g_strchomp (text);
}

static int
read_number (const char *format, unsigned number)
{
  g_autofree char *path = g_strconcat (CPU_DIR, "/cpu", NULL);
  g_autofree char *full = g_strdup_printf ("%s%u/%s", path, number, format);
  g_autofree char *text = read_text (full);

  return text != NULL ? (int) g_ascii_strtoll (text, NULL, 10) : -1;
}

/* CPUs ----------------------------------------------------------------------------------------- */

static void
set_bit (unsigned number, gpointer data)
{
  GByteArray *map = data;

  while (map->len <= number / 8)
    g_byte_array_append (map, (const guint8 *) "", 1);
  map->data[number / 8] |= (uint8_t) (1u << (number % 8));
}

static GByteArray *
cpu_map (const char *name)
{
  g_autofree char *path = g_strconcat (CPU_DIR "/", name, NULL);
  g_autofree char *list = read_text (path);
  GByteArray *map = g_byte_array_new ();

  if (list != NULL)
    each_number (list, set_bit, map);
  if (map->len == 0)
    for (long n = 0; n < MAX (sysconf (_SC_NPROCESSORS_ONLN), 1) && n < CPUS_MAX; n++)
      set_bit ((unsigned) n, map);
  return map;
}

static bool
has_bit (const GByteArray *map, unsigned number)
{
  return number / 8 < map->len && (map->data[number / 8] >> (number % 8) & 1) != 0;
}

uint8_t *
cop_host_online_cpus (unsigned *length, unsigned *n_online)
{
  GByteArray *map = cpu_map ("online");

  *n_online = 0;
  for (unsigned n = 0; n < map->len * 8; n++)
    *n_online += has_bit (map, n);
  *length = map->len;
  return g_byte_array_free (map, FALSE);
}

static void
count_numbers (unsigned number, gpointer data)
{
  unsigned *count = data;

  *count = MAX (*count, number + 1);
}

/* Sockets, cores and threads, if the CPUs that are online are as regular as these words say. */
static void
read_topology (CopHost *host, const GByteArray *online)
{
  g_autoptr (GHashTable) cores = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) sockets = g_hash_table_new (NULL, NULL);
  unsigned n_cores, n_sockets;

  for (unsigned n = 0; n < online->len * 8; n++)
    if (has_bit (online, n))
      {
        int socket = read_number ("topology/physical_package_id", n);
        int core = read_number ("topology/core_id", n);

        g_hash_table_add (sockets, GINT_TO_POINTER (socket + 2));
        g_hash_table_add (cores, g_strdup_printf ("%d/%d", socket, core));
      }
  n_cores = g_hash_table_size (cores);
  n_sockets = g_hash_table_size (sockets);
  host->sockets = host->threads = 1;
  host->cores = host->cpus;
  if (n_sockets == 0 || n_sockets % host->nodes != 0 || n_cores % n_sockets != 0 ||
      host->cpus % n_cores != 0)
    {
      host->nodes = 1;
      return;
    }
  host->sockets = n_sockets / host->nodes;
  host->cores = n_cores / n_sockets;
  host->threads = host->cpus / n_cores;
}

static unsigned
read_mhz (void)
{
  g_autofree char *text = NULL;
  const char *line;
  int khz = read_number ("cpufreq/cpuinfo_max_freq", 0);

  if (khz > 0)
    return (unsigned) khz / 1000;
  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return 0;
  line = strstr (text, "cpu MHz");
  line = line != NULL ? strchr (line, ':') : NULL;
  return line != NULL ? (unsigned) g_ascii_strtod (line + 1, NULL) : 0;
}

bool
cop_host_cpu_times (int cpu, CopHostCpuTimes *times, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *name = cpu < 0 ? g_strdup ("cpu ") : g_strdup_printf ("cpu%d ", cpu);
  const char *line = NULL;
  uint64_t ticks[7] = { 0 };
  uint64_t ns = G_GUINT64_CONSTANT (1000000000) / (uint64_t) MAX (sysconf (_SC_CLK_TCK), 1);

  if (!g_file_get_contents ("/proc/stat", &text, NULL, error))
    return false;
  if (g_str_has_prefix (text, name))
    line = text;
  else
    {
      g_autofree char *inner = g_strconcat ("\n", name, NULL);

      line = strstr (text, inner);
      if (line != NULL)
        line++;
    }
  if (line == NULL)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("the host has no CPU %d that is online"), cpu);
      return false;
    }
  line += strlen (name);
  for (size_t i = 0; i < G_N_ELEMENTS (ticks); i++)
    ticks[i] = g_ascii_strtoull (line, (char **) &line, 10);
  /* user, nice, system, idle, iowait, irq, softirq. Source: proc(5) */
  *times = (CopHostCpuTimes){
    .user = (ticks[0] + ticks[1]) * ns,
    .kernel = (ticks[2] + ticks[5] + ticks[6]) * ns,
    .idle = ticks[3] * ns,
    .iowait = ticks[4] * ns,
    .intr = (ticks[5] + ticks[6]) * ns,
  };
  return true;
}

/* Memory --------------------------------------------------------------------------------------- */

static uint64_t
meminfo_value (const char *text, const char *key)
{
  const char *line = strstr (text, key);

  return line != NULL ? g_ascii_strtoull (line + strlen (key), NULL, 10) * COP_KIB : 0;
}

bool
cop_host_memory (int node, CopHostMemory *memory, GError **error)
{
  g_autofree char *path =
    node < 0 ? g_strdup ("/proc/meminfo") : g_strdup_printf (NODE_DIR "/node%d/meminfo", node);
  g_autofree char *text = NULL;

  /* A host without NUMA is one node. */
  if (node == 0 && !g_file_test (path, G_FILE_TEST_EXISTS))
    return cop_host_memory (-1, memory, error);
  if (!g_file_get_contents (path, &text, NULL, NULL))
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("the host has no memory node %d"), node);
      return false;
    }
  *memory = (CopHostMemory){
    .total = meminfo_value (text, "MemTotal:"),
    .free = meminfo_value (text, "MemFree:"),
    .buffers = meminfo_value (text, "Buffers:"),
    .cached = meminfo_value (text, node < 0 ? "\nCached:" : "FilePages:"),
  };
  return true;
}

/* Identity ------------------------------------------------------------------------------------- */

/* The machine id is not to be shown around, so the UUID is made of it in a way that cannot be
 * turned back. Source: machine-id(5) */
static void
read_uuid (uint8_t uuid[16])
{
  static const guint8 key[] = "coppice host uuid";
  g_autofree char *id = read_text ("/etc/machine-id");
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, key, sizeof key);
  guint8 digest[32];
  gsize length = sizeof digest;

  if (id == NULL || *id == '\0')
    {
      g_free (id);
      id = g_strdup (g_get_host_name ());
    }
  g_hmac_update (hmac, (const guchar *) id, (gssize) strlen (id));
  g_hmac_get_digest (hmac, digest, &length);
  memcpy (uuid, digest, 16);
  uuid[6] = (uint8_t) ((uuid[6] & 0x0f) | 0x40);
  uuid[8] = (uint8_t) ((uuid[8] & 0x3f) | 0x80);
}

void
cop_host_read (CopHost *host)
{
  g_autoptr (GByteArray) online = cpu_map ("online");
  g_autofree char *nodes = read_text (NODE_DIR "/online");
  g_autofree char *present = read_text (CPU_DIR "/present");
  const char *arch = g_getenv ("COPPICE_HOST_ARCH");
  struct utsname names;

  memset (host, 0, sizeof *host);
  if (arch == NULL && uname (&names) == 0)
    arch = names.machine;
  g_strlcpy (host->arch, arch != NULL ? arch : "unknown", sizeof host->arch);
  read_uuid (host->uuid);
  host->memory = (uint64_t) sysconf (_SC_PHYS_PAGES) * (uint64_t) sysconf (_SC_PAGESIZE);
  for (unsigned n = 0; n < online->len * 8; n++)
    host->cpus += has_bit (online, n);
  host->cpus_present = 0;
  if (present != NULL)
    each_number (present, count_numbers, &host->cpus_present);
  host->cpus_present = MAX (host->cpus_present, host->cpus);
  if (nodes != NULL)
    each_number (nodes, count_numbers, &host->nodes);
  host->nodes = MAX (host->nodes, 1);
  host->mhz = read_mhz ();
  read_topology (host, online);
}

/* Firmware ------------------------------------------------------------------------------------- */

char *
cop_host_sysinfo (void)
{
  static const struct
  {
    const char *block, *entry, *file;
  } rows[] = {
    { "bios", "vendor", "bios_vendor" },
    { "bios", "version", "bios_version" },
    { "bios", "date", "bios_date" },
    { "bios", "release", "bios_release" },
    { "system", "manufacturer", "sys_vendor" },
    { "system", "product", "product_name" },
    { "system", "version", "product_version" },
    { "system", "sku", "product_sku" },
    { "system", "family", "product_family" },
    { "baseBoard", "manufacturer", "board_vendor" },
    { "baseBoard", "product", "board_name" },
    { "baseBoard", "version", "board_version" },
    { "chassis", "manufacturer", "chassis_vendor" },
    { "chassis", "version", "chassis_version" },
  };
  GString *xml = g_string_new ("<sysinfo type='smbios'>\n");
  const char *block = NULL;

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/sys/class/dmi/id/", rows[i].file, NULL);
      g_autofree char *text = read_text (path);
      g_autofree char *safe = NULL;

      if (text == NULL || *text == '\0' || !g_utf8_validate (text, -1, NULL))
        continue;
      if (g_strcmp0 (block, rows[i].block) != 0)
        {
          if (block != NULL)
            g_string_append_printf (xml, "  </%s>\n", block);
          block = rows[i].block;
          g_string_append_printf (xml, "  <%s>\n", block);
        }
      safe = g_markup_escape_text (text, -1);
      g_string_append_printf (xml, "    <entry name='%s'>%s</entry>\n", rows[i].entry, safe);
    }
  if (block != NULL)
    g_string_append_printf (xml, "  </%s>\n", block);
  g_string_append (xml, "</sysinfo>\n");
  return g_string_free (xml, FALSE);
}
