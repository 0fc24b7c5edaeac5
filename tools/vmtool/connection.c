/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which daemon, and the connection to it.
 */
#include "vmtool/connection.h"

#include <glib/gi18n.h>
#include <string.h>

/* One process, one connection: commands run one after the other. */
static struct
{
  char *base_uri; /* (owned) (nullable) */
  bool base_readonly;
  char *uri; /* (owned) (nullable): of the next command */
  bool readonly;
  CopClient *client; /* (owned) (nullable): connected to open_uri */
  char *open_uri; /* (owned) (nullable) */
  bool open_readonly;
} connection;

static bool
is_ours (const char *uri)
{
  return g_str_has_prefix (uri, "coppice:") || g_str_has_prefix (uri, "coppice+");
}

/* Who has set libvirt's variable for Coppice means us too; who has set it for another hypervisor
   does not. */
static const char *
environment_uri (void)
{
  static const char *const variables[] = { "COPPICE_DEFAULT_URI", "LIBVIRT_DEFAULT_URI" };

  for (unsigned i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      const char *value = g_getenv (variables[i]);

      if (value != NULL && *value != '\0' && (i == 0 || is_ours (value)))
        return value;
    }
  return NULL;
}

void
vmt_connection_set_base (const char *uri, bool readonly)
{
  g_free (connection.base_uri);
  connection.base_uri = g_strdup (uri);
  connection.base_readonly = readonly;
}

bool
vmt_connection_select (const char *uri, bool readonly, GError **error)
{
  if (uri == NULL)
    uri = connection.base_uri != NULL ? connection.base_uri : environment_uri ();
  if (uri != NULL && !is_ours (uri))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("'%s' is no URI of Coppice; write coppice:///session, coppice:///system or "
                      "coppice+ssh://host/session"),
                   uri);
      return false;
    }
  if (connection.uri != uri)
    {
      g_free (connection.uri);
      connection.uri = g_strdup (uri);
    }
  connection.readonly = readonly || connection.base_readonly;
  return true;
}

/* The open connection, if it is the one that is meant and still there. */
static CopClient *
reuse (void)
{
  if (connection.client == NULL || cop_client_get_fd (connection.client) < 0 ||
      g_strcmp0 (connection.uri, connection.open_uri) != 0 ||
      connection.readonly != connection.open_readonly)
    return NULL;
  return connection.client;
}

static CopClient *
get (unsigned flags, GError **error)
{
  if (reuse () != NULL)
    return connection.client;

  vmt_connection_close ();
  if (connection.readonly)
    flags |= COP_CLIENT_READ_ONLY;
  connection.client = cop_client_open (connection.uri, flags, error);
  if (connection.client == NULL)
    return NULL;
  connection.open_uri = g_strdup (connection.uri);
  connection.open_readonly = connection.readonly;
  return connection.client;
}

CopClient *
vmt_connection_get (GError **error)
{
  return get (0, error);
}

CopClient *
vmt_connection_peek (void)
{
  return get (COP_CLIENT_NO_AUTOSTART, NULL);
}

const char *
vmt_connection_uri (void)
{
  if (connection.client == NULL || connection.open_uri != NULL)
    return connection.open_uri;
  return cop_client_get_uri (connection.client);
}

void
vmt_connection_close (void)
{
  if (connection.client != NULL)
    cop_client_close (connection.client);
  g_clear_object (&connection.client);
  g_clear_pointer (&connection.open_uri, g_free);
}
