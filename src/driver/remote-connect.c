/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The connection itself: opening and closing, what it can do, and what it is connected to.
 */
#include "driver/remote-domain.h"

#include "driver/error.h"
#include "driver/wire/addons.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <unistd.h>

/* The version of libvirt's interface that our answers follow: 9.0.0. */
#define LIBVIRT_VERSION 9000000
/* In CONNECT_OPEN; the other bits are the client's own affair. */
#define OPEN_READ_ONLY 1

static const char remote_key[] = "coppice-remote";

CopRemote *
cop_remote_of_call (CopServerCall *call)
{
  return g_object_get_data (G_OBJECT (cop_server_call_get_server (call)), remote_key);
}

bool
cop_remote_check_flags (uint32_t flags, uint32_t known, GError **error)
{
  if ((flags & ~known) == 0)
    return true;
  g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INVALID_ARG,
               _ ("unsupported flags (0x%x)"), flags & ~known);
  return false;
}

/* Opening -------------------------------------------------------------------------------------- */

/* Whether @uri, without parameters, names what this daemon serves. */
static bool
check_uri (const CopRemote *remote, const char *uri, GError **error)
{
  const char *mine = remote->system ? "system" : "session";
  g_autoptr (GUri) parsed = NULL;
  const char *path;

  if (uri == NULL || *uri == '\0')
    return true;
  parsed = g_uri_parse (uri, G_URI_FLAGS_PARSE_RELAXED, NULL);
  if (parsed == NULL || strcmp (g_uri_get_scheme (parsed), "coppice") != 0)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_NO_CONNECT,
                   _ ("'%s' is not a URI of this daemon; try coppice:///%s"), uri, mine);
      return false;
    }
  path = g_uri_get_path (parsed);
  if ((remote->privileged || !remote->system) && strcmp (path, "/session") == 0)
    return true;
  if ((remote->privileged || remote->system) && strcmp (path, "/system") == 0)
    return true;
  g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL,
               _ ("this daemon does not serve the path '%s'; try coppice:///%s"), path, mine);
  return false;
}

static bool
connect_open (CopServerCall *call, const CopRemoteConnectOpenArgs *args,
              G_GNUC_UNUSED CopRemoteConnectOpenRet *ret, GError **error)
{
  if (!check_uri (cop_remote_of_call (call), args->name, error))
    return false;
  if (cop_server_conn_open (cop_server_call_get_conn (call), (args->flags & OPEN_READ_ONLY) != 0))
    return true;
  g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_INTERNAL,
                       _ ("the connection is open already"));
  return false;
}

static bool
connect_close (CopServerCall *call, G_GNUC_UNUSED const CopRemoteConnectCloseArgs *args,
               G_GNUC_UNUSED CopRemoteConnectCloseRet *ret, G_GNUC_UNUSED GError **error)
{
  cop_server_conn_close_object (cop_server_call_get_conn (call));
  return true;
}

/* What it can do ------------------------------------------------------------------------------- */

static bool
connect_supports_feature (CopServerCall *call, const CopRemoteConnectSupportsFeatureArgs *args,
                          CopRemoteConnectSupportsFeatureRet *ret, GError **error)
{
  CopServerConn *conn = cop_server_call_get_conn (call);

  if (args->feature == COP_FEATURE_KEEPALIVE)
    {
      /* Whoever asks has an event loop and answers pings. */
      cop_server_conn_enable_keepalive (conn);
      ret->supported = 1;
      return true;
    }
  if (!cop_server_conn_is_authenticated (conn))
    {
      g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC,
                           _ ("authentication required"));
      return false;
    }
  switch (args->feature)
    {
    case COP_FEATURE_FD_PASSING:
      ret->supported = cop_server_conn_can_pass_fds (conn);
      break;
    case COP_FEATURE_TYPED_PARAM_STRING:
    case COP_FEATURE_EVENT_CALLBACK:
    case COP_FEATURE_CLOSE_CALLBACK:
    case COP_FEATURE_NETWORK_UPDATE_ORDER:
      ret->supported = 1;
      break;
    default:
      ret->supported = 0;
      break;
    }
  return true;
}

/* The connection behind this daemon is the daemon itself, which never closes it: there is nothing
 * to remember. */
static bool
connect_register_close_callback (
  G_GNUC_UNUSED CopServerCall *call,
  G_GNUC_UNUSED const CopRemoteConnectRegisterCloseCallbackArgs *args,
  G_GNUC_UNUSED CopRemoteConnectRegisterCloseCallbackRet *ret, G_GNUC_UNUSED GError **error)
{
  return true;
}

static bool
connect_unregister_close_callback (
  G_GNUC_UNUSED CopServerCall *call,
  G_GNUC_UNUSED const CopRemoteConnectUnregisterCloseCallbackArgs *args,
  G_GNUC_UNUSED CopRemoteConnectUnregisterCloseCallbackRet *ret, G_GNUC_UNUSED GError **error)
{
  return true;
}

/* What it is connected to ---------------------------------------------------------------------- */

static bool
connect_get_type (G_GNUC_UNUSED CopServerCall *call,
                  G_GNUC_UNUSED const CopRemoteConnectGetTypeArgs *args,
                  CopRemoteConnectGetTypeRet *ret, G_GNUC_UNUSED GError **error)
{
  ret->type = g_strdup ("Coppice");
  return true;
}

static bool
connect_get_version (G_GNUC_UNUSED CopServerCall *call,
                     G_GNUC_UNUSED const CopRemoteConnectGetVersionArgs *args,
                     CopRemoteConnectGetVersionRet *ret, G_GNUC_UNUSED GError **error)
{
  g_auto (GStrv) parts = g_strsplit (COPPICE_VERSION, ".", 3);
  uint64_t weight = 1000000;

  for (char **part = parts; *part != NULL; part++, weight /= 1000)
    ret->hv_ver += g_ascii_strtoull (*part, NULL, 10) * weight;
  return true;
}

static bool
connect_get_lib_version (G_GNUC_UNUSED CopServerCall *call,
                         G_GNUC_UNUSED const CopRemoteConnectGetLibVersionArgs *args,
                         CopRemoteConnectGetLibVersionRet *ret, G_GNUC_UNUSED GError **error)
{
  ret->lib_ver = LIBVIRT_VERSION;
  return true;
}

static bool
connect_get_uri (CopServerCall *call, G_GNUC_UNUSED const CopRemoteConnectGetUriArgs *args,
                 CopRemoteConnectGetUriRet *ret, G_GNUC_UNUSED GError **error)
{
  ret->uri =
    g_strdup (cop_remote_of_call (call)->system ? "coppice:///system" : "coppice:///session");
  return true;
}

static bool
connect_get_hostname (G_GNUC_UNUSED CopServerCall *call,
                      G_GNUC_UNUSED const CopRemoteConnectGetHostnameArgs *args,
                      CopRemoteConnectGetHostnameRet *ret, GError **error)
{
  char name[256] = "";

  if (gethostname (name, sizeof name - 1) != 0)
    {
      cop_driver_error_set_errno (error, errno, _ ("cannot read the host's name"));
      return false;
    }
  ret->hostname = g_strdup (name);
  return true;
}

/* Clients reach us by UNIX sockets only, or through ssh: nobody can listen in. */
static bool
connect_is_secure (G_GNUC_UNUSED CopServerCall *call,
                   G_GNUC_UNUSED const CopRemoteConnectIsSecureArgs *args,
                   CopRemoteConnectIsSecureRet *ret, G_GNUC_UNUSED GError **error)
{
  ret->secure = 1;
  return true;
}

/* Events of objects that there are none of -------------------------------------------------------
 * Clients such as libvirt-dbus register for all at once, so that must succeed. */

static bool
register_event (CopServerCall *call, CopEventClass class, int32_t event_id, const void *object,
                size_t length, int32_t *callback_id, GError **error)
{
  g_autoptr (GBytes) bytes = object != NULL ? g_bytes_new (object, length) : NULL;

  *callback_id = cop_server_call_register_event (call, class, event_id, bytes, error);
  return *callback_id >= 0;
}

#define REGISTER(Name, name, CLASS, object, length)                                                \
  static bool connect_##name##_event_register_any (                                                \
    CopServerCall *call, const CopRemoteConnect##Name##EventRegisterAnyArgs *args,                 \
    CopRemoteConnect##Name##EventRegisterAnyRet *ret, GError **error)                              \
  {                                                                                                \
    return register_event (call, CLASS, args->event_id, object, length, &ret->callback_id, error); \
  }                                                                                                \
  static bool connect_##name##_event_deregister_any (                                              \
    CopServerCall *call, const CopRemoteConnect##Name##EventDeregisterAnyArgs *args,               \
    G_GNUC_UNUSED CopRemoteConnect##Name##EventDeregisterAnyRet *ret, GError **error)              \
  {                                                                                                \
    return cop_server_conn_deregister_event (cop_server_call_get_conn (call), CLASS,               \
                                             args->callback_id, error);                            \
  }

/* clang-format off */
REGISTER (Network, network, COP_EVENT_NETWORK, args->net != NULL ? args->net->uuid : NULL, 16)
REGISTER (StoragePool, storage_pool, COP_EVENT_STORAGE_POOL,
          args->pool != NULL ? args->pool->uuid : NULL, 16)
REGISTER (NodeDevice, node_device, COP_EVENT_NODE_DEVICE,
          args->dev != NULL ? args->dev->name : NULL,
          args->dev != NULL ? strlen (args->dev->name) : 0)
REGISTER (Secret, secret, COP_EVENT_SECRET, args->secret != NULL ? args->secret->uuid : NULL, 16)

const CopHandler cop_remote_connect_handlers[] = {
  COP_REMOTE_HANDLER (CONNECT_OPEN, ConnectOpen, connect_open),
  COP_REMOTE_HANDLER (CONNECT_CLOSE, ConnectClose, connect_close),
  COP_REMOTE_HANDLER (CONNECT_GET_TYPE, ConnectGetType, connect_get_type),
  COP_REMOTE_HANDLER (CONNECT_GET_VERSION, ConnectGetVersion, connect_get_version),
  COP_REMOTE_HANDLER (CONNECT_GET_LIB_VERSION, ConnectGetLibVersion, connect_get_lib_version),
  COP_REMOTE_HANDLER (CONNECT_GET_HOSTNAME, ConnectGetHostname, connect_get_hostname),
  COP_REMOTE_HANDLER (CONNECT_GET_URI, ConnectGetUri, connect_get_uri),
  COP_REMOTE_HANDLER (CONNECT_IS_SECURE, ConnectIsSecure, connect_is_secure),
  COP_REMOTE_HANDLER (CONNECT_SUPPORTS_FEATURE, ConnectSupportsFeature, connect_supports_feature),
  COP_REMOTE_HANDLER (CONNECT_REGISTER_CLOSE_CALLBACK, ConnectRegisterCloseCallback, connect_register_close_callback),
  COP_REMOTE_HANDLER (CONNECT_UNREGISTER_CLOSE_CALLBACK, ConnectUnregisterCloseCallback, connect_unregister_close_callback),
  COP_REMOTE_HANDLER (CONNECT_NETWORK_EVENT_REGISTER_ANY, ConnectNetworkEventRegisterAny, connect_network_event_register_any),
  COP_REMOTE_HANDLER (CONNECT_NETWORK_EVENT_DEREGISTER_ANY, ConnectNetworkEventDeregisterAny, connect_network_event_deregister_any),
  COP_REMOTE_HANDLER (CONNECT_STORAGE_POOL_EVENT_REGISTER_ANY, ConnectStoragePoolEventRegisterAny, connect_storage_pool_event_register_any),
  COP_REMOTE_HANDLER (CONNECT_STORAGE_POOL_EVENT_DEREGISTER_ANY, ConnectStoragePoolEventDeregisterAny, connect_storage_pool_event_deregister_any),
  COP_REMOTE_HANDLER (CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY, ConnectNodeDeviceEventRegisterAny, connect_node_device_event_register_any),
  COP_REMOTE_HANDLER (CONNECT_NODE_DEVICE_EVENT_DEREGISTER_ANY, ConnectNodeDeviceEventDeregisterAny, connect_node_device_event_deregister_any),
  COP_REMOTE_HANDLER (CONNECT_SECRET_EVENT_REGISTER_ANY, ConnectSecretEventRegisterAny, connect_secret_event_register_any),
  COP_REMOTE_HANDLER (CONNECT_SECRET_EVENT_DEREGISTER_ANY, ConnectSecretEventDeregisterAny, connect_secret_event_deregister_any),
  { 0 },
};
/* clang-format on */

void
cop_remote_add_all (CopServer *server, CopRemote *remote)
{
  static const CopHandler *const lists[] = {
    cop_remote_auth_handlers,     cop_remote_agent_handlers,       cop_remote_capabilities_handlers,
    cop_remote_connect_handlers,  cop_remote_console_handlers,     cop_remote_define_handlers,
    cop_remote_device_handlers,   cop_remote_domain_handlers,      cop_remote_event_handlers,
    cop_remote_info_handlers,     cop_remote_life_handlers,        cop_remote_node_handlers,
    cop_remote_guest_handlers,    cop_remote_guest_vcpus_handlers, cop_remote_memory_handlers,
    cop_remote_vcpus_handlers,    cop_remote_save_handlers,        cop_remote_snapshot_handlers,
    cop_remote_hardware_handlers, cop_remote_stats_handlers,       cop_remote_storage_handlers,
    cop_remote_tune_handlers,
  };

  g_object_set_data (G_OBJECT (server), remote_key, remote);
  for (size_t i = 0; i < G_N_ELEMENTS (lists); i++)
    cop_server_add_handlers (server, &cop_remote_program, lists[i]);
  cop_server_add_handlers (server, &cop_qemu_program, cop_remote_qemu_handlers);
  cop_server_add_handlers (server, &cop_lxc_program, NULL);
}
