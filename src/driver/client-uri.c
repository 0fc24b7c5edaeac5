/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Connection URIs.
 */
#include "driver/client-uri.h"

#include "common/names.h"
#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <stddef.h>
#include <string.h>

#define SYSTEM_SOCKET "/run/libvirt/virtcoppiced-sock"

COP_NAMES (transport_names, COP_TRANSPORT_LAST, "unix", "ssh", "ext");

/* Parameters that are meant for the client; the daemon gets all others. */
static const struct
{
  const char *name;
  size_t text; /* a member that is a string, or 0 */
  size_t flag; /* a member that is a bool, or 0 */
} parameters[] = {
  { "socket", .text = offsetof (CopClientUri, socket) },
  { "command", .text = offsetof (CopClientUri, command) },
  { "netcat", .text = offsetof (CopClientUri, netcat) },
  { "keyfile", .text = offsetof (CopClientUri, keyfile) },
  { "known_hosts", .text = offsetof (CopClientUri, known_hosts) },
  { "no_tty", .flag = offsetof (CopClientUri, no_tty) },
  { "no_verify", .flag = offsetof (CopClientUri, no_verify) },
};

void
cop_client_uri_free (CopClientUri *uri)
{
  for (size_t i = 0; i < G_N_ELEMENTS (parameters); i++)
    if (parameters[i].text != 0)
      g_free (G_STRUCT_MEMBER (char *, uri, parameters[i].text));
  g_free (uri->name);
  g_free (uri->user);
  g_free (uri->host);
  g_free (uri);
}

static bool
take_parameter (CopClientUri *uri, const char *name, const char *value)
{
  for (size_t i = 0; i < G_N_ELEMENTS (parameters); i++)
    if (strcmp (parameters[i].name, name) == 0)
      {
        if (parameters[i].text != 0)
          {
            g_free (G_STRUCT_MEMBER (char *, uri, parameters[i].text));
            G_STRUCT_MEMBER (char *, uri, parameters[i].text) = g_strdup (value);
          }
        else
          G_STRUCT_MEMBER (bool, uri, parameters[i].flag) = strcmp (value, "1") == 0;
        return true;
      }
  return false;
}

/* Takes our parameters out of @query. Returns: (transfer full): the rest, with its '?', or "" */
static char *
take_parameters (CopClientUri *uri, const char *query, GError **error)
{
  g_autoptr (GString) rest = g_string_new (NULL);
  g_auto (GStrv) parts = g_strsplit (query != NULL ? query : "", "&", -1);

  for (char **part = parts; *part != NULL; part++)
    {
      g_auto (GStrv) pair = g_strsplit (*part, "=", 2);
      g_autofree char *value = NULL;

      if (**part == '\0')
        continue;
      value = g_uri_unescape_string (pair[1] != NULL ? pair[1] : "", NULL);
      if (value == NULL)
        {
          g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                       _ ("the parameter '%s' of the URI is not well-formed"), pair[0]);
          return NULL;
        }
      if (!take_parameter (uri, pair[0], value))
        g_string_append_printf (rest, "%c%s", rest->len == 0 ? '?' : '&', *part);
    }
  return g_strdup (rest->str);
}

static bool
take_transport (CopClientUri *uri, const char *scheme, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (scheme, "+", 2);
  unsigned transport;

  if (strcmp (parts[0], "coppice") != 0)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("'%s' is not a URI of Coppice; try coppice:///session"), scheme);
      return false;
    }
  if (parts[1] == NULL)
    uri->transport = COP_TRANSPORT_UNIX;
  else if (cop_names_from_string (&transport_names, parts[1], &transport))
    uri->transport = transport;
  else
    {
      g_autofree char *names = cop_names_list (&transport_names);

      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("the transport '%s' is not supported; there are: %s"), parts[1], names);
      return false;
    }
  return true;
}

static bool
check (const CopClientUri *uri, const char *text, GError **error)
{
  const char *problem = NULL;

  if (uri->transport == COP_TRANSPORT_UNIX && uri->host != NULL)
    problem = _ ("another host is reached by ssh: coppice+ssh://HOST/session");
  else if (uri->transport == COP_TRANSPORT_SSH && uri->host == NULL)
    problem = _ ("ssh needs a host: coppice+ssh://HOST/session");
  /* ssh would take it for an option. */
  else if ((uri->host != NULL && uri->host[0] == '-') || (uri->user != NULL && uri->user[0] == '-'))
    problem = _ ("host and user do not begin with '-'");
  else if (uri->transport == COP_TRANSPORT_EXT && uri->command == NULL)
    problem = _ ("ext needs a program: ?command=PATH");
  if (problem == NULL)
    return true;
  g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG, "'%s': %s", text, problem);
  return false;
}

CopClientUri *
cop_client_uri_parse (const char *text, GError **error)
{
  g_autoptr (CopClientUri) uri = g_new0 (CopClientUri, 1);
  g_autoptr (GUri) parsed = NULL;
  g_autoptr (GError) failure = NULL;
  g_autofree char *rest = NULL;
  const char *host;

  if (text == NULL)
    text = g_getenv ("COPPICE_DEFAULT_URI");
  if (text == NULL)
    text = "coppice:///session";
  parsed = g_uri_parse (text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_QUERY, &failure);
  if (parsed == NULL)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
                   _ ("'%s' is not a URI: %s; try coppice:///session"), text, failure->message);
      return NULL;
    }
  if (!take_transport (uri, g_uri_get_scheme (parsed), error))
    return NULL;
  rest = take_parameters (uri, g_uri_get_query (parsed), error);
  if (rest == NULL)
    return NULL;
  host = g_uri_get_host (parsed);
  uri->host = host != NULL && *host != '\0' ? g_strdup (host) : NULL;
  uri->user = g_strdup (g_uri_get_user (parsed));
  uri->port = g_uri_get_port (parsed);
  uri->session = strcmp (g_uri_get_path (parsed), "/session") == 0;
  uri->name = g_strconcat ("coppice://", g_uri_get_path (parsed), rest, NULL);
  return check (uri, text, error) ? g_steal_pointer (&uri) : NULL;
}

/* Programs that carry a connection ---------------------------------------------------------------
 */

/* What is run on the other side. libvirt's helper knows where to look, and starts a daemon; without
 * it, nc reaches a socket that is there. */
static char *
remote_script (const CopClientUri *uri)
{
  g_autofree char *netcat = g_shell_quote (uri->netcat != NULL ? uri->netcat : "nc");
  g_autofree char *name = g_shell_quote (uri->name);
  g_autofree char *socket = uri->socket != NULL ? g_shell_quote (uri->socket) : NULL;

  if (socket != NULL)
    return g_strdup_printf ("exec %s -U %s", netcat, socket);
  return g_strdup_printf (
    "if command -v virt-ssh-helper >/dev/null 2>&1; then exec virt-ssh-helper %s; "
    "else exec %s -U %s; fi",
    name, netcat,
    uri->session ? "\"${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/libvirt/virtcoppiced-sock\""
                 : SYSTEM_SOCKET);
}

static char **
ssh_argv (const CopClientUri *uri)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *script = remote_script (uri);
  g_autofree char *quoted = g_shell_quote (script);

#define ADD(...) g_ptr_array_add (argv, g_strconcat (__VA_ARGS__, NULL))
  ADD (uri->command != NULL ? uri->command : "ssh");
  if (uri->port > 0)
    {
      ADD ("-p");
      g_ptr_array_add (argv, g_strdup_printf ("%d", uri->port));
    }
  if (uri->user != NULL)
    {
      ADD ("-l");
      ADD (uri->user);
    }
  if (uri->keyfile != NULL)
    {
      ADD ("-i");
      ADD (uri->keyfile);
    }
  if (uri->known_hosts != NULL)
    ADD ("-oUserKnownHostsFile=", uri->known_hosts);
  if (uri->no_tty)
    ADD ("-oBatchMode=yes");
  if (uri->no_verify)
    ADD ("-oStrictHostKeyChecking=no");
  ADD ("-T");
  ADD ("-e");
  ADD ("none");
  ADD ("--");
  ADD (uri->host);
  ADD ("sh -c ", quoted);
#undef ADD
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&argv), FALSE);
}

char **
cop_client_uri_argv (const CopClientUri *uri)
{
  switch (uri->transport)
    {
    case COP_TRANSPORT_SSH:
      return ssh_argv (uri);
    case COP_TRANSPORT_EXT:
      return g_strdupv ((char *[]){ uri->command, NULL });
    default:
      return NULL;
    }
}
