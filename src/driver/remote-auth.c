/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Authentication. A session's socket lets in its user only, so nothing is asked. On the system's,
 * users other than root ask polkit, which may ask them for a password meanwhile.
 */
#include "driver/remote.h"

#include "driver/error.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

/* Numbers in AUTH_LIST. */
enum
{
  AUTH_NONE = 0,
  AUTH_POLKIT = 2,
};

#define ACTION_MANAGE "org.coppice.unix.manage"
#define ACTION_MONITOR "org.coppice.unix.monitor"
#define CHECK_ALLOW_INTERACTION 1

static bool
auth_list (CopServerCall *call, G_GNUC_UNUSED const CopRemoteAuthListArgs *args,
           CopRemoteAuthListRet *ret, G_GNUC_UNUSED GError **error)
{
  bool done = cop_server_conn_is_authenticated (cop_server_call_get_conn (call));

  ret->types = g_new (int32_t, 1);
  ret->types[0] = done ? AUTH_NONE : AUTH_POLKIT;
  ret->n_types = 1;
  return true;
}

/* When the process began, in clock ticks since the host's start: with it, a process is told from
 * one that gets its number later. Source: proc_pid_stat(5), field 22 */
static uint64_t
start_time (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *text = NULL;
  const char *p;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  /* The second field, the program's name, may have blanks and parentheses in it. */
  p = strrchr (text, ')');
  for (int field = 2; p != NULL && field < 22; field++)
    p = strchr (p + 1, ' ');
  return p != NULL ? g_ascii_strtoull (p + 1, NULL, 10) : 0;
}

static GVariant *
subject_of (const CopPeer *peer)
{
  GVariantBuilder details;

  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&details, "{sv}", "pid", g_variant_new_uint32 ((guint32) peer->pid));
  g_variant_builder_add (&details, "{sv}", "start-time",
                         g_variant_new_uint64 (start_time (peer->pid)));
  g_variant_builder_add (&details, "{sv}", "uid", g_variant_new_int32 ((gint32) peer->uid));
  return g_variant_new ("(sa{sv})", "unix-process", &details);
}

/* What polkit answered, as an error or NULL. */
static GError *
judge (GVariant *answer)
{
  gboolean authorized, challenge;
  g_autoptr (GVariant) details = NULL;
  GVariantDict dict;
  gboolean dismissed;

  g_variant_get (answer, "((bb@a{ss}))", &authorized, &challenge, &details);
  if (authorized)
    return NULL;
  g_variant_dict_init (&dict, details);
  dismissed = g_variant_dict_contains (&dict, "polkit.dismissed");
  g_variant_dict_clear (&dict);
  if (dismissed)
    return g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_CANCELLED,
                                _ ("the user dismissed the question"));
  if (challenge)
    return g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_UNAVAILABLE,
                                _ ("no polkit agent is available to authenticate"));
  return g_error_new_literal (COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_FAILED,
                              _ ("polkit does not allow it"));
}

static void
checked (GObject *bus, GAsyncResult *result, gpointer data)
{
  CopServerCall *call = data;
  g_autoptr (GError) failure = NULL;
  g_autoptr (GVariant) answer =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &failure);
  CopRemoteAuthPolkitRet *ret = cop_server_call_get_ret (call);
  GError *error;

  if (answer == NULL)
    error = g_error_new (COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_FAILED,
                         _ ("cannot ask polkit: %s"), failure->message);
  else
    error = judge (answer);
  if (error == NULL)
    {
      ret->complete = 1;
      cop_server_conn_set_authenticated (cop_server_call_get_conn (call));
    }
  cop_server_call_complete (call, error);
}

static bool
auth_polkit (CopServerCall *call, G_GNUC_UNUSED const CopRemoteAuthPolkitArgs *args,
             CopRemoteAuthPolkitRet *ret, GError **error)
{
  CopServerConn *conn = cop_server_call_get_conn (call);
  CopPeer peer = cop_server_conn_get_peer (conn);
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (GError) failure = NULL;

  if (cop_server_conn_is_authenticated (conn))
    {
      ret->complete = 1;
      return true;
    }
  bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, &failure);
  if (bus == NULL)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_AUTH_FAILED,
                   _ ("cannot ask polkit: %s"), failure->message);
      return false;
    }
  /* The answer may take as long as somebody takes to type a password: no worker waits for it. */
  g_dbus_connection_call (
    bus, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
    "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization",
    g_variant_new ("(@(sa{sv})sa{ss}us)", subject_of (&peer),
                   cop_server_conn_is_read_only (conn) ? ACTION_MONITOR : ACTION_MANAGE, NULL,
                   CHECK_ALLOW_INTERACTION, ""),
    G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, checked,
    cop_server_call_defer (call));
  return true;
}

const CopHandler cop_remote_auth_handlers[] = {
  COP_REMOTE_HANDLER (AUTH_LIST, AuthList, auth_list),
  COP_REMOTE_HANDLER (AUTH_POLKIT, AuthPolkit, auth_polkit),
  { 0 },
};
