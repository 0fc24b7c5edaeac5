/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the next daemon must know of running domains: see domains.h.
 */
#include "store/domains-private.h"

#include "store/durable.h"
#include "store/headed.h"

#include <glib/gi18n-lib.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KIND "running"

void
cop_store_running_free (CopStoreRunning *running)
{
  if (running == NULL)
    return;
  g_free (running->name);
  g_free (running->token);
  g_free (running->job);
  g_free (running->xml);
  g_free (running);
}

bool
cop_domain_store_put_running (CopDomainStore *store, const CopStoreRunning *running, GError **error)
{
  g_autofree char *id = g_strdup_printf ("%d", running->id);
  g_autofree char *state = g_strdup_printf ("%u", running->state);
  g_autofree char *reason = g_strdup_printf ("%u", running->reason);
  g_autofree char *started = g_strdup_printf ("%" G_GINT64_FORMAT, running->started);
  const CopHeadedPair pairs[] = {
    { "name", running->name },
    { "id", id },
    { "token", running->token },
    { "state", state },
    { "reason", reason },
    { "autodestroy", running->autodestroy ? "1" : "0" },
    { "persistent", running->persistent ? "1" : "0" },
    { "started", started },
    { "job", running->job != NULL ? running->job : "" },
  };
  g_autofree char *text = cop_headed_format (KIND, pairs, G_N_ELEMENTS (pairs), running->xml);
  g_autofree char *file = cop_domain_store_file (running->uuid);

  return cop_durable_write (store->running, file, text, strlen (text), false, error);
}

bool
cop_domain_store_remove_running (CopDomainStore *store, const char *uuid, GError **error)
{
  g_autofree char *file = cop_domain_store_file (uuid);
  g_autofree char *path = g_build_filename (store->running, file, NULL);

  if (unlink (path) < 0 && errno != ENOENT)
    return cop_store_fail (error, errno, _ ("cannot remove"), path);
  return true;
}

static gint64
number_of (GHashTable *values, const char *key, gint64 max)
{
  const char *text = g_hash_table_lookup (values, key);
  gint64 number = text == NULL ? 0 : g_ascii_strtoll (text, NULL, 10);

  return CLAMP (number, 0, max);
}

static CopStoreRunning *
read_running (CopDomainStore *store, const char *uuid, GError **error)
{
  g_autofree char *text = cop_domain_store_load (store->running, uuid, error);
  g_autoptr (CopStoreRunning) running = NULL;
  g_autoptr (GHashTable) values = NULL;
  const char *document, *job;

  if (text == NULL)
    return NULL;
  if (!cop_headed_parse (text, KIND, &values, &document) ||
      !g_hash_table_contains (values, "name") || !g_hash_table_contains (values, "token"))
    {
      g_set_error (error, COP_STORE_ERROR, COP_STORE_ERROR_CORRUPT, _ ("%s/%s.xml is damaged"),
                   store->running, uuid);
      return NULL;
    }
  running = g_new0 (CopStoreRunning, 1);
  memcpy (running->uuid, uuid, sizeof running->uuid);
  running->id = number_of (values, "id", G_MAXINT);
  running->name = g_strdup (g_hash_table_lookup (values, "name"));
  running->token = g_strdup (g_hash_table_lookup (values, "token"));
  running->state = number_of (values, "state", G_MAXUINT);
  running->reason = number_of (values, "reason", G_MAXUINT);
  running->autodestroy = number_of (values, "autodestroy", 1);
  running->persistent = number_of (values, "persistent", 1);
  running->started = number_of (values, "started", G_MAXINT64);
  job = g_hash_table_lookup (values, "job");
  running->job = job == NULL || *job == '\0' ? NULL : g_strdup (job);
  running->xml = g_strdup (document);
  return g_steal_pointer (&running);
}

/* A damaged file is kept beside for who wants to know why. */
static bool
list_one (CopDomainStore *store, const char *uuid, gpointer data, G_GNUC_UNUSED GError **error)
{
  g_autoptr (GError) damaged = NULL;
  CopStoreRunning *running = read_running (store, uuid, &damaged);
  g_autofree char *path = NULL, *aside = NULL;

  if (running != NULL)
    {
      g_ptr_array_add (data, running);
      return true;
    }
  path = g_strconcat (store->running, "/", uuid, ".xml", NULL);
  aside = g_strconcat (path, ".damaged", NULL);
  if (rename (path, aside) < 0)
    unlink (path);
  g_message ("a running domain is not found again: %s; the file is kept as %s", damaged->message,
             aside);
  return true;
}

GPtrArray *
cop_domain_store_list_running (CopDomainStore *store, GError **error)
{
  g_autoptr (GPtrArray) running =
    g_ptr_array_new_with_free_func ((GDestroyNotify) cop_store_running_free);

  if (!cop_domain_store_each (store, store->running, list_one, running, error))
    return NULL;
  return g_steal_pointer (&running);
}
