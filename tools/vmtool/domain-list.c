/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool list.
 *
 * One call brings names, UUIDs and states of all domains; what else is shown comes from one more
 * call each, whose answer is the list of those that have it. None is made for each domain, but for
 * titles, which are asked for one by one.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/names.h"
#include "vmtool/printer.h"

#include <glib/gi18n.h>
#include <string.h>

/* libvirt's numbers. Statistics can be asked for by state, but not by the other filters. */
#define STATS_STATE (1 << 0)
#define STATS_FILTERS 0xffu
#define METADATA_TITLE 1

static const VmtFlagRow filters[] = {
  /* clang-format off */
  { "inactive",             VMT_LIST_INACTIVE },
  { "all",                  VMT_LIST_ACTIVE | VMT_LIST_INACTIVE },
  { "transient",            VMT_LIST_TRANSIENT },
  { "persistent",           VMT_LIST_PERSISTENT },
  { "with-snapshot",        VMT_LIST_SNAPSHOT },
  { "without-snapshot",     VMT_LIST_NO_SNAPSHOT },
  { "with-checkpoint",      VMT_LIST_CHECKPOINT },
  { "without-checkpoint",   VMT_LIST_NO_CHECKPOINT },
  { "state-running",        VMT_LIST_RUNNING },
  { "state-paused",         VMT_LIST_PAUSED },
  { "state-shutoff",        VMT_LIST_SHUTOFF },
  { "state-other",          VMT_LIST_OTHER },
  { "autostart",            VMT_LIST_AUTOSTART },
  { "no-autostart",         VMT_LIST_NO_AUTOSTART },
  { "with-managed-save",    VMT_LIST_MANAGED_SAVE },
  { "without-managed-save", VMT_LIST_NO_MANAGED_SAVE },
  { NULL },
  /* clang-format on */
};

typedef struct
{
  CopRemoteDomain dom; /* (owned) */
  char uuid[VMT_UUID_SIZE];
  char *title; /* (owned) (nullable) */
  int state;
  bool saved, autostart, persistent;
} Row;

static void
row_clear (gpointer data)
{
  Row *row = data;

  g_free (row->dom.name);
  g_free (row->title);
}

/* Those that run first, by id, then the others by name. */
static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const Row *one = a, *other = b;
  bool active = one->dom.id >= 0;

  if (active != (other->dom.id >= 0))
    return active ? -1 : 1;
  return active ? one->dom.id - other->dom.id : strcmp (one->dom.name, other->dom.name);
}

static uint32_t
filter_flags (const VmtCall *call)
{
  uint32_t flags = vmt_call_bits (call, filters);

  /* Active ones, unless a state is asked for. Only what --with-managed-save finds is saved. */
  if ((flags & (VMT_LIST_ACTIVE | VMT_LIST_INACTIVE | VMT_LIST_RUNNING | VMT_LIST_PAUSED |
                VMT_LIST_SHUTOFF | VMT_LIST_OTHER)) == 0)
    flags |= VMT_LIST_ACTIVE;
  return flags;
}

static void
add_rows (GArray *rows, const CopRemoteConnectGetAllDomainStatsRet *ret)
{
  for (uint32_t i = 0; i < ret->n_ret_stats; i++)
    {
      const CopRemoteDomainStats *stats = &ret->ret_stats[i];
      const CopTypedParam *state = cop_params_find (stats->params, stats->n_params, "state.state");
      Row row = { .dom = stats->dom, .state = state != NULL ? state->value.i : 0 };

      row.dom.name = g_strdup (stats->dom.name);
      cop_uuid_format (row.dom.uuid, row.uuid);
      g_array_append_val (rows, row);
    }
}

static bool
get_stats (CopClient *client, const CopRemoteConnectGetAllDomainStatsArgs *args, GArray *rows,
           GError **error)
{
  CopRemoteConnectGetAllDomainStatsRet ret;

  if (!COP_REMOTE_CALL (client, CONNECT_GET_ALL_DOMAIN_STATS, args, &ret, error))
    return false;
  add_rows (rows, &ret);
  COP_REMOTE_CLEAR (CONNECT_GET_ALL_DOMAIN_STATS, &ret);
  return true;
}

/* With a filter that is not about states: first those it finds, then what they do. */
static bool
get_listed (CopClient *client, uint32_t flags, GArray *rows, GError **error)
{
  CopRemoteConnectListAllDomainsArgs list_args = { .need_results = 1, .flags = flags };
  CopRemoteConnectListAllDomainsRet list;
  CopRemoteConnectGetAllDomainStatsArgs args = { .stats = STATS_STATE };
  bool good;

  if (!COP_REMOTE_CALL (client, CONNECT_LIST_ALL_DOMAINS, &list_args, &list, error))
    return false;
  args.doms = list.domains;
  args.n_doms = list.n_domains;
  /* No domain named would mean all of them. */
  good = list.n_domains == 0 || get_stats (client, &args, rows, error);
  COP_REMOTE_CLEAR (CONNECT_LIST_ALL_DOMAINS, &list);
  return good;
}

/* Returns: (transfer full) (element-type Row) */
static GArray *
get_rows (CopClient *client, uint32_t flags, GError **error)
{
  CopRemoteConnectGetAllDomainStatsArgs args = { .stats = STATS_STATE, .flags = flags };
  g_autoptr (GArray) rows = g_array_new (FALSE, TRUE, sizeof (Row));

  g_array_set_clear_func (rows, row_clear);
  if ((flags & ~STATS_FILTERS) != 0 ? !get_listed (client, flags, rows, error)
                                    : !get_stats (client, &args, rows, error))
    return NULL;
  g_array_sort (rows, compare_rows);
  return g_steal_pointer (&rows);
}

static guint
hash_uuid (gconstpointer uuid)
{
  guint hash;

  memcpy (&hash, uuid, sizeof hash);
  return hash;
}

static gboolean
equal_uuids (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 16) == 0;
}

/* Sets the bool at @offset in the rows of domains that @flag lists. */
static bool
mark (CopClient *client, GArray *rows, uint32_t flag, gsize offset, GError **error)
{
  CopRemoteConnectListAllDomainsArgs args = { .need_results = 1, .flags = flag };
  CopRemoteConnectListAllDomainsRet ret;
  g_autoptr (GHashTable) listed = g_hash_table_new (hash_uuid, equal_uuids);

  if (!COP_REMOTE_CALL (client, CONNECT_LIST_ALL_DOMAINS, &args, &ret, error))
    return false;
  for (uint32_t i = 0; i < ret.n_domains; i++)
    g_hash_table_add (listed, ret.domains[i].uuid);
  for (guint i = 0; i < rows->len; i++)
    {
      Row *row = &g_array_index (rows, Row, i);

      *(bool *)((char *)row + offset) = g_hash_table_contains (listed, row->dom.uuid);
    }
  COP_REMOTE_CLEAR (CONNECT_LIST_ALL_DOMAINS, &ret);
  return true;
}

static bool
get_titles (CopClient *client, GArray *rows, GError **error)
{
  for (guint i = 0; i < rows->len; i++)
    {
      Row *row = &g_array_index (rows, Row, i);
      CopRemoteDomainGetMetadataArgs args = { .dom = row->dom, .type = METADATA_TITLE };
      CopRemoteDomainGetMetadataRet ret;
      g_autoptr (GError) failed = NULL;

      if (COP_REMOTE_CALL (client, DOMAIN_GET_METADATA, &args, &ret, &failed))
        {
          row->title = g_strdup (ret.metadata);
          COP_REMOTE_CLEAR (DOMAIN_GET_METADATA, &ret);
        }
      /* It has none, or was undefined in the meantime. */
      else if (!g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_METADATA) &&
               !g_error_matches (failed, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_DOMAIN))
        {
          g_propagate_error (error, g_steal_pointer (&failed));
          return false;
        }
    }
  return true;
}

/* ---- output ---- */

static const char *
state_text (const Row *row)
{
  return row->saved && row->state == VMT_STATE_SHUTOFF ? "saved" : vmt_state_name (row->state);
}

/* --uuid, --name, --id: for scripts, a line each. */
static void
print_plain (const VmtCall *call, const GArray *rows)
{
  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = &g_array_index (rows, Row, i);
      g_autofree char *id =
        row->dom.id >= 0 ? g_strdup_printf ("%d", row->dom.id) : g_strdup ("-");
      const char *words[4] = { NULL };
      g_autofree char *line = NULL;
      unsigned n = 0;

      if (vmt_call_flag (call, "id"))
        words[n++] = id;
      if (vmt_call_flag (call, "uuid"))
        words[n++] = row->uuid;
      if (vmt_call_flag (call, "name"))
        words[n++] = row->dom.name;
      line = g_strjoinv (" ", (char **)words);
      vmt_printer_plain (vmt_call_printer (call), line);
    }
}

/* Copies a table of columns, whose last one is there on demand only. */
static void
cut_title (VmtColumn *columns, const VmtColumn *all, unsigned n, bool titles)
{
  memcpy (columns, all, n * sizeof *columns);
  if (!titles)
    columns[n - 2].key = NULL;
}

static const VmtColumn json_columns[] = {
  { "id", N_ ("Id"), VMT_SHOW_OPTIONAL },
  { "name", N_ ("Name"), VMT_SHOW_TEXT },
  { "uuid", N_ ("UUID"), VMT_SHOW_TEXT },
  { "state", N_ ("State"), VMT_SHOW_TEXT },
  { "persistent", N_ ("Persistent"), VMT_SHOW_BOOL },
  { "autostart", N_ ("Autostart"), VMT_SHOW_BOOL },
  { "managed_save", N_ ("Managed save"), VMT_SHOW_BOOL },
  { "title", N_ ("Title"), VMT_SHOW_TEXT },
  { NULL },
};

static void
print_json (VmtPrinter *printer, const GArray *rows, bool titles)
{
  VmtColumn columns[G_N_ELEMENTS (json_columns)];

  cut_title (columns, json_columns, G_N_ELEMENTS (json_columns), titles);
  vmt_printer_table (printer, columns);
  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = &g_array_index (rows, Row, i);

      vmt_printer_row (printer, (VmtCell[]){
                                  { .number = row->dom.id },
                                  { .text = row->dom.name },
                                  { .text = row->uuid },
                                  { .text = vmt_state_name (row->state) },
                                  { .number = row->persistent },
                                  { .number = row->autostart },
                                  { .number = row->saved },
                                  { .text = row->title },
                                });
    }
  vmt_printer_table_end (printer);
}

static const VmtColumn text_columns[] = {
  { "id", N_ ("Id"), VMT_SHOW_OPTIONAL },
  { "name", N_ ("Name"), VMT_SHOW_TEXT },
  { "state", N_ ("State"), VMT_SHOW_TEXT },
  { "title", N_ ("Title"), VMT_SHOW_TEXT },
  { NULL },
};

static void
print_table (VmtPrinter *printer, const GArray *rows, bool titles)
{
  VmtColumn columns[G_N_ELEMENTS (text_columns)];

  cut_title (columns, text_columns, G_N_ELEMENTS (text_columns), titles);
  vmt_printer_table (printer, columns);
  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = &g_array_index (rows, Row, i);

      vmt_printer_row (printer, (VmtCell[]){
                                  { .number = row->dom.id },
                                  { .text = row->dom.name },
                                  { .text = state_text (row) },
                                  { .text = row->title != NULL ? row->title : "" },
                                });
    }
  vmt_printer_table_end (printer);
}

/* What to type next, for who sees an empty list. */
static bool
note_empty (CopClient *client, VmtPrinter *printer, uint32_t flags, GError **error)
{
  CopRemoteConnectListAllDomainsArgs args = { 0 };
  CopRemoteConnectListAllDomainsRet ret;

  if (!COP_REMOTE_CALL (client, CONNECT_LIST_ALL_DOMAINS, &args, &ret, error))
    return false;
  if (ret.ret == 0)
    vmt_printer_note (printer, _ ("There are no domains; 'vmtool new NAME --image debian' makes "
                                  "one."));
  else if (flags == VMT_LIST_ACTIVE)
    vmt_printer_note (printer, _ ("No domain runs; 'vmtool list --all' shows those that are "
                                  "defined."));
  else
    vmt_printer_note (printer, _ ("There is no such domain."));
  COP_REMOTE_CLEAR (CONNECT_LIST_ALL_DOMAINS, &ret);
  return true;
}

static bool
run (VmtCall *call, GError **error)
{
  VmtPrinter *printer = vmt_call_printer (call);
  bool json = vmt_printer_is_json (printer);
  bool titles = vmt_call_flag (call, "title");
  bool plain = vmt_call_flag (call, "uuid") || vmt_call_flag (call, "name") ||
               vmt_call_flag (call, "id");
  uint32_t flags = filter_flags (call);
  g_autoptr (GArray) rows = NULL;
  CopClient *client;

  if (plain && (vmt_call_flag (call, "table") || titles))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--table and --title have no place beside --uuid, --name and --id"));
      return false;
    }
  client = vmt_connection_get (error);
  rows = client != NULL ? get_rows (client, flags, error) : NULL;
  if (rows == NULL)
    return false;

  if (json || vmt_call_flag (call, "managed-save"))
    if (!mark (client, rows, VMT_LIST_MANAGED_SAVE, offsetof (Row, saved), error))
      return false;
  if (json && (!mark (client, rows, VMT_LIST_AUTOSTART, offsetof (Row, autostart), error) ||
               !mark (client, rows, VMT_LIST_PERSISTENT, offsetof (Row, persistent), error)))
    return false;
  if (titles && !get_titles (client, rows, error))
    return false;

  if (json)
    print_json (printer, rows, titles);
  else if (plain)
    print_plain (call, rows);
  else if (rows->len == 0)
    return note_empty (client, printer, flags, error);
  else
    print_table (printer, rows, titles);
  return true;
}

static const VmtOption options[] = {
  /* clang-format off */
  { "all",                  VMT_FLAG, N_ ("list all domains, not only those that run") },
  { "inactive",             VMT_FLAG, N_ ("list those that do not run") },
  { "name",                 VMT_FLAG, N_ ("print names only") },
  { "uuid",                 VMT_FLAG, N_ ("print UUIDs only") },
  { "id",                   VMT_FLAG, N_ ("print ids only") },
  { "table",                VMT_FLAG, N_ ("print a table; the default") },
  { "title",                VMT_FLAG, N_ ("show titles") },
  { "managed-save",         VMT_FLAG, N_ ("call those 'saved' that have a saved state") },
  { "transient",            VMT_FLAG, N_ ("list those without a definition") },
  { "persistent",           VMT_FLAG, N_ ("list those with a definition") },
  { "state-running",        VMT_FLAG, N_ ("list those that are running") },
  { "state-paused",         VMT_FLAG, N_ ("list those that are paused") },
  { "state-shutoff",        VMT_FLAG, N_ ("list those that are shut off") },
  { "state-other",          VMT_FLAG, N_ ("list those in other states") },
  { "autostart",            VMT_FLAG, N_ ("list those that start with the daemon") },
  { "no-autostart",         VMT_FLAG, N_ ("list those that do not") },
  { "with-managed-save",    VMT_FLAG, N_ ("list those with a saved state") },
  { "without-managed-save", VMT_FLAG, N_ ("list those without") },
  { "with-snapshot",        VMT_FLAG, N_ ("list those with snapshots") },
  { "without-snapshot",     VMT_FLAG, N_ ("list those without") },
  { "with-checkpoint",      VMT_FLAG, N_ ("list those with checkpoints") },
  { "without-checkpoint",   VMT_FLAG, N_ ("list those without") },
  { NULL },
  /* clang-format on */
};

static const VmtExample examples[] = {
  { "vmtool list --all", N_ ("All domains and what they do") },
  { "vmtool list --all --name --state-shutoff --autostart",
    N_ ("Names of those that should run but do not, for a script") },
  { NULL },
};

const VmtCommand vmt_list = {
  "list", N_ ("List domains"), options, run, VMT_GROUP_DOMAIN,
  .details = N_ ("Options about the same thing, such as two states, are alternatives; of different "
                 "things all must be true."),
  .examples = examples, .connects = true,
};
