/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What only the guest can do, through its agent: shutdown, time, file systems. What it knows is in
 * remote-domain-guest.c.
 */
#include "driver/domain-agent.h"
#include "driver/remote-domain.h"

#include "driver/wire/addons.h"

#include <inttypes.h>
#include <string.h>

/* What the wire has room for. */
#define KEYS_MAX 2048
/* How long an agent may take to say that it cannot shut its guest down. */
#define SHUTDOWN_SECONDS 1

bool
cop_domain_agent_shutdown (CopDomain *domain, bool reboot, GError **error)
{
  g_autofree char *command =
    g_strdup_printf ("{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"%s\"}}",
                     reboot ? "reboot" : "powerdown");
  g_autoptr (GError) why = NULL;
  g_autofree char *answer = NULL;

  if (!cop_domain_agent_run (domain, "guest-ping", NULL, NULL, error))
    return false;
  /* Its success has no answer: the guest is gone, or on its way. */
  answer = cop_domain_agent_ask (domain, command, SHUTDOWN_SECONDS, &why);
  if (answer != NULL ||
      g_error_matches (why, COP_DRIVER_ERROR, COP_DRIVER_ERROR_AGENT_UNRESPONSIVE))
    return true;
  g_propagate_error (error, g_steal_pointer (&why));
  return false;
}

COP_REMOTE_HANDLES (domain_get_time, DomainGetTime)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  int64_t ns;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error) ||
      !cop_domain_agent_run (domain, "guest-get-time", NULL, &ns, error))
    return false;
  ret->seconds = ns / G_GINT64_CONSTANT (1000000000);
  ret->nseconds = ns % G_GINT64_CONSTANT (1000000000);
  return true;
}

/* libvirt's VIR_DOMAIN_TIME_SYNC */
#define TIME_SYNC 1

COP_REMOTE_HANDLES (domain_set_time, DomainSetTime)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *arguments = NULL;
  gint64 ns;

  if (domain == NULL || !cop_remote_check_flags (args->flags, TIME_SYNC, error))
    return false;
  if (__builtin_mul_overflow (args->seconds, G_GINT64_CONSTANT (1000000000), &ns) ||
      __builtin_add_overflow (ns, (gint64) args->nseconds, &ns))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("Time %" PRId64 " is too big for guest agent"),
                            (gint64) args->seconds);
  /* Without a time the guest takes that of its clock, which is the host's. */
  if ((args->flags & TIME_SYNC) == 0)
    arguments = g_strdup_printf ("{\"time\":%" G_GINT64_FORMAT "}", ns);
  return cop_domain_agent_run (domain, "guest-set-time", arguments, NULL, error);
}

COP_REMOTE_HANDLES (domain_fsfreeze, DomainFsfreeze)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (GString) arguments = g_string_new ("{\"mountpoints\":[");
  bool all = args->n_mountpoints == 0;
  int64_t count;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  for (uint32_t i = 0; i < args->n_mountpoints; i++)
    {
      if (i > 0)
        g_string_append_c (arguments, ',');
      cop_json_append_string (arguments, args->mountpoints[i]);
    }
  g_string_append (arguments, "]}");
  if (!cop_domain_agent_run (domain, all ? "guest-fsfreeze-freeze" : "guest-fsfreeze-freeze-list",
                             all ? NULL : arguments->str, &count, error))
    return false;
  ret->filesystems = CLAMP (count, 0, G_MAXINT);
  return true;
}

COP_REMOTE_HANDLES (domain_fsthaw, DomainFsthaw)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  int64_t count;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->n_mountpoints > 0)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("all file systems are thawed at once; name none"));
  if (!cop_domain_agent_run (domain, "guest-fsfreeze-thaw", NULL, &count, error))
    return false;
  ret->filesystems = CLAMP (count, 0, G_MAXINT);
  return true;
}

COP_REMOTE_HANDLES (domain_fstrim, DomainFstrim)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autofree char *arguments = NULL;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->mount_point != NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                            _ ("Specifying mount point is not supported for now"));
  arguments = g_strdup_printf ("{\"minimum\":%" G_GUINT64_FORMAT "}", (guint64) args->minimum);
  return cop_domain_agent_run (domain, "guest-fstrim", arguments, NULL, error);
}

/* libvirt's VIR_DOMAIN_PASSWORD_ENCRYPTED */
#define PASSWORD_ENCRYPTED 1

COP_REMOTE_HANDLES (domain_set_user_password, DomainSetUserPassword)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (GString) arguments = g_string_new ("{\"username\":");
  g_autofree char *encoded = NULL;

  if (domain == NULL || !cop_remote_check_flags (args->flags, PASSWORD_ENCRYPTED, error))
    return false;
  if (args->user == NULL || args->password == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("a user and a password are needed"));
  encoded = g_base64_encode ((const guchar *) args->password, strlen (args->password));
  cop_json_append_string (arguments, args->user);
  g_string_append_printf (arguments, ",\"password\":\"%s\",\"crypted\":%s}", encoded,
                          (args->flags & PASSWORD_ENCRYPTED) != 0 ? "true" : "false");
  return cop_domain_agent_run (domain, "guest-set-user-password", arguments->str, NULL, error);
}

/* Keys of users ------------------------------------------------------------------------------- */

COP_REMOTE_HANDLES (domain_authorized_ssh_keys_get, DomainAuthorizedSshKeysGet)
{
  static const char name[] = "guest-ssh-get-authorized-keys";
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (GString) arguments = g_string_new ("{\"username\":");
  g_autoptr (CopJson) answer = NULL;
  const CopJson *keys;

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  cop_json_append_string (arguments, args->user);
  g_string_append_c (arguments, '}');
  answer = cop_domain_agent_call (domain, name, arguments->str, NULL, error);
  if (answer == NULL)
    return false;
  keys = cop_json_member (cop_json_member (answer, "return"), "keys");
  if (keys == NULL || cop_json_length (keys) > KEYS_MAX)
    return cop_domain_agent_malformed (name, error);
  ret->keys = g_new0 (char *, MAX (cop_json_length (keys), 1));
  for (guint i = 0; i < cop_json_length (keys); i++)
    {
      const char *key = cop_json_string (cop_json_element (keys, i));

      if (key == NULL)
        return cop_domain_agent_malformed (name, error);
      ret->keys[ret->n_keys++] = g_strdup (key);
    }
  return true;
}

/* libvirt's VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_* */
enum
{
  KEYS_APPEND = 1 << 0,
  KEYS_REMOVE = 1 << 1,
};

COP_REMOTE_HANDLES (domain_authorized_ssh_keys_set, DomainAuthorizedSshKeysSet)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);
  g_autoptr (GString) arguments = g_string_new ("{\"username\":");
  bool removed = (args->flags & KEYS_REMOVE) != 0;

  if (domain == NULL || !cop_remote_check_flags (args->flags, KEYS_APPEND | KEYS_REMOVE, error))
    return false;
  if (args->flags == (KEYS_APPEND | KEYS_REMOVE))
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("keys are either appended or removed"));
  cop_json_append_string (arguments, args->user);
  g_string_append (arguments, ",\"keys\":[");
  for (uint32_t i = 0; i < args->n_keys; i++)
    {
      if (i > 0)
        g_string_append_c (arguments, ',');
      cop_json_append_string (arguments, args->keys[i]);
    }
  g_string_append_c (arguments, ']');
  if (!removed)
    g_string_append_printf (arguments, ",\"reset\":%s",
                            (args->flags & KEYS_APPEND) != 0 ? "false" : "true");
  g_string_append_c (arguments, '}');
  return cop_domain_agent_run (
    domain, removed ? "guest-ssh-remove-authorized-keys" : "guest-ssh-add-authorized-keys",
    arguments->str, NULL, error);
}

COP_REMOTE_HANDLES (domain_agent_set_response_timeout, DomainAgentSetResponseTimeout)
{
  g_autoptr (CopDomain) domain = cop_remote_find (call, &args->dom, error);

  if (domain == NULL || !cop_remote_check_flags (args->flags, 0, error))
    return false;
  if (args->timeout < -2)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                            _ ("guest agent timeout '%d' is less than the minimum '-2'"),
                            args->timeout);
  g_mutex_lock (&domain->lock);
  domain->agent_timeout = args->timeout;
  g_mutex_unlock (&domain->lock);
  return true;
}

/* libvirt's program for QEMU ------------------------------------------------------------------- */

static bool
domain_agent_command (CopServerCall *call, const CopQemuDomainAgentCommandArgs *args,
                      CopQemuDomainAgentCommandRet *ret, GError **error)
{
  g_autoptr (CopDomain) domain = NULL;

  /* The program's table lets everybody call it; but it may do anything to the guest. */
  if (!cop_server_call_forbid_read_only (call, error) ||
      !cop_remote_check_flags (args->flags, 0, error))
    return false;
  domain = cop_driver_by_uuid (cop_remote_driver (call), args->dom.uuid, error);
  if (domain == NULL)
    return false;
  ret->result = cop_domain_agent_ask (domain, args->cmd, args->timeout, error);
  return ret->result != NULL;
}

/* clang-format off */
const CopHandler cop_remote_agent_handlers[] = {
  COP_REMOTE_HANDLER (DOMAIN_GET_TIME, DomainGetTime, domain_get_time),
  COP_REMOTE_HANDLER (DOMAIN_SET_TIME, DomainSetTime, domain_set_time),
  COP_REMOTE_HANDLER (DOMAIN_FSFREEZE, DomainFsfreeze, domain_fsfreeze),
  COP_REMOTE_HANDLER (DOMAIN_FSTHAW, DomainFsthaw, domain_fsthaw),
  COP_REMOTE_HANDLER (DOMAIN_FSTRIM, DomainFstrim, domain_fstrim),
  COP_REMOTE_HANDLER (DOMAIN_SET_USER_PASSWORD, DomainSetUserPassword, domain_set_user_password),
  COP_REMOTE_HANDLER (DOMAIN_AUTHORIZED_SSH_KEYS_GET, DomainAuthorizedSshKeysGet, domain_authorized_ssh_keys_get),
  COP_REMOTE_HANDLER (DOMAIN_AUTHORIZED_SSH_KEYS_SET, DomainAuthorizedSshKeysSet, domain_authorized_ssh_keys_set),
  COP_REMOTE_HANDLER (DOMAIN_AGENT_SET_RESPONSE_TIMEOUT, DomainAgentSetResponseTimeout, domain_agent_set_response_timeout),
  { 0 },
};

const CopHandler cop_remote_qemu_handlers[] = {
  COP_HANDLER (COP_QEMU_DOMAIN_AGENT_COMMAND, CopQemuDomainAgentCommand, domain_agent_command),
  { 0 },
};
/* clang-format on */
