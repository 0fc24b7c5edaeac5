/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The QEMU guest agent: see domain-agent.h. Source: the QEMU Guest Agent protocol reference; an
 * answer to guest-sync-delimited comes after a byte 0xff, which no JSON text has, so that whatever
 * an earlier client left unread is passed over.
 */
#include "driver/domain-agent.h"

#include "common/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* How long an answer may be: what fits a string on the wire. */
#define ANSWER_MAX (4u << 20)
#define DEFAULT_SECONDS 5
/* How long a question waits for its turn. */
#define TURN_SECONDS 30
#define CHUNK 4096

/* A connection to the guest's end. */
typedef struct
{
  int fd; /* (owned) */
  gint64 until; /* g_get_monotonic_time(); -1: for ever */
  GByteArray *unread; /* (owned) */
} Link;

static void
link_clear (Link *link)
{
  cop_fd_clear (&link->fd);
  g_clear_pointer (&link->unread, g_byte_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Link, link_clear)

/* Path of the agent's channel, with a program at the guest's end. Returns: (transfer full) */
static char *
channel_path (CopDomain *domain, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (!cop_domain_need_active (domain, error))
    return NULL;
  for (guint i = 0; i < domain->running->channels->len; i++)
    {
      const CopDomainChardev *channel = domain->running->channels->pdata[i];

      if (g_strcmp0 (channel->name, COP_AGENT_CHANNEL) != 0 ||
          channel->source.type != COP_CHARDEV_UNIX || channel->source.path == NULL ||
          channel->source.mode == COP_CHARDEV_MODE_CONNECT)
        continue;
      if (channel->state == COP_CHANNEL_STATE_CONNECTED)
        return g_strdup (channel->source.path);
      cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNRESPONSIVE,
                       _ ("QEMU guest agent is not connected"));
      return NULL;
    }
  cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                   _ ("QEMU guest agent is not configured: the domain has no channel '%s' of type "
                      "'unix' that is listened on"),
                   COP_AGENT_CHANNEL);
  return NULL;
}

static bool
not_answering (GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNRESPONSIVE,
                          _ ("Guest agent not available for now"));
}

static void
set_limit (Link *link, int timeout)
{
  if (timeout == COP_AGENT_WAIT_DEFAULT)
    timeout = DEFAULT_SECONDS;
  link->until = timeout == COP_AGENT_WAIT_FOREVER
                  ? -1
                  : g_get_monotonic_time () + MAX (timeout, 0) * G_USEC_PER_SEC;
}

/* Waits for @events. */
static bool
wait_for (const Link *link, short events, GError **error)
{
  struct pollfd poll_fd = { .fd = link->fd, .events = events };

  while (true)
    {
      gint64 left = link->until < 0 ? -1 : MAX (link->until - g_get_monotonic_time (), 0);
      int n = poll (&poll_fd, 1, left < 0 ? -1 : (int) ((left + 999) / 1000));

      if (n > 0)
        return true;
      if (n == 0 || errno != EINTR)
        return not_answering (error);
    }
}

static bool
send_line (const Link *link, const char *text, GError **error)
{
  g_autofree char *line = g_strconcat (text, "\n", NULL);
  gsize length = strlen (line);

  for (gsize done = 0; done < length;)
    {
      ssize_t n = write (link->fd, line + done, length - done);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        return not_answering (error);
      if (n > 0)
        done += n;
      else if (!wait_for (link, POLLOUT, error))
        return false;
    }
  return true;
}

/* Adds what has come to link->unread. */
static bool
read_more (Link *link, GError **error)
{
  uint8_t bytes[CHUNK];
  ssize_t n = read (link->fd, bytes, sizeof bytes);

  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
    return not_answering (error);
  if (n < 0)
    return wait_for (link, POLLIN, error);
  if (link->unread->len + n > ANSWER_MAX)
    return cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNSYNCED,
                            _ ("the guest agent's answer is longer than %u bytes"), ANSWER_MAX);
  g_byte_array_append (link->unread, bytes, n);
  return true;
}

/* Reads a line that is not empty; @after_mark: one that stands behind a byte 0xff. Returns:
   (transfer full) */
static char *
read_line (Link *link, bool after_mark, GError **error)
{
  bool marked = !after_mark;

  while (true)
    {
      const uint8_t *mark = memrchr (link->unread->data, 0xff, link->unread->len);
      const uint8_t *end;

      if (mark != NULL)
        {
          marked = true;
          g_byte_array_remove_range (link->unread, 0, mark + 1 - link->unread->data);
        }
      end = memchr (link->unread->data, '\n', link->unread->len);
      if (end != NULL)
        {
          gsize length = end - link->unread->data;
          char *line =
            marked && length > 0 ? g_strndup ((char *) link->unread->data, length) : NULL;

          g_byte_array_remove_range (link->unread, 0, length + 1);
          if (line != NULL)
            return line;
          continue;
        }
      if (!read_more (link, error))
        return NULL;
    }
}

/* Makes sure that the next answer is to our next question. */
static bool
synchronize (Link *link, GError **error)
{
  guint32 id = g_random_int ();
  g_autofree char *command =
    g_strdup_printf ("\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%u}}", id);
  g_autofree char *line = NULL;
  g_autoptr (CopJson) answer = NULL;
  uint64_t got;

  if (!send_line (link, command, error))
    return false;
  line = read_line (link, true, error);
  if (line == NULL)
    return false;
  answer = cop_json_parse (line, strlen (line), NULL);
  return (cop_json_uint64 (cop_json_member (answer, "return"), &got) && got == id) ||
         cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNSYNCED,
                          _ ("the guest agent answers another question"));
}

static bool
link_open (Link *link, CopDomain *domain, GError **error)
{
  g_autofree char *path = channel_path (domain, error);
  int limit;

  if (path == NULL)
    return false;
  g_mutex_lock (&domain->lock);
  limit = domain->agent_timeout;
  g_mutex_unlock (&domain->lock);
  link->unread = g_byte_array_new ();
  link->fd = cop_domain_connect_channel (path, error);
  set_limit (link, limit >= 0 ? MIN (limit, DEFAULT_SECONDS) : COP_AGENT_WAIT_DEFAULT);
  return link->fd >= 0 && synchronize (link, error);
}

/* Waits until nobody else asks the agent. One that never answers holds up who waits for it without
   a limit, and nobody else for longer than this. */
static bool
take_agent (CopDomain *domain, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);
  gint64 until = g_get_monotonic_time () + TURN_SECONDS * G_USEC_PER_SEC;

  while (domain->agent_busy)
    if (!g_cond_wait_until (&domain->agent_free, &domain->lock, until))
      return cop_driver_fail (
        error, COP_DRIVER_ERROR_OPERATION_TIMEOUT,
        _ ("cannot acquire state change lock (held by another question to the "
           "guest's agent)"));
  domain->agent_busy = true;
  return true;
}

static void
give_agent (CopDomain *domain)
{
  g_mutex_lock (&domain->lock);
  domain->agent_busy = false;
  g_cond_signal (&domain->agent_free);
  g_mutex_unlock (&domain->lock);
}

/* Says @command. Returns: (transfer full): the line that comes back */
static char *
converse (CopDomain *domain, const char *command, int timeout, GError **error)
{
  g_auto (Link) link = { .fd = -1 };
  char *line = NULL;

  if (!take_agent (domain, error))
    return NULL;
  if (link_open (&link, domain, error))
    {
      set_limit (&link, timeout);
      if (send_line (&link, command, error))
        line = read_line (&link, false, error);
    }
  give_agent (domain);
  return line;
}

/* What an agent means that says no more than a class. */
static const char *
say_class (const char *class)
{
  if (g_strcmp0 (class, "CommandNotFound") == 0)
    return _ ("The command has not been found");
  if (g_strcmp0 (class, "CommandDisabled") == 0)
    return _ ("The command has been disabled for this instance");
  return class != NULL ? class : _ ("unknown QEMU command error");
}

static bool
check_answer (const CopJson *answer, const char *name, bool *missing, GError **error)
{
  const CopJson *failure = cop_json_member (answer, "error");
  const char *class = cop_json_string (cop_json_member (failure, "class"));
  const char *says = cop_json_string (cop_json_member (failure, "desc"));

  if (failure == NULL && cop_json_member (answer, "return") != NULL)
    return true;
  if (failure == NULL)
    return cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                            _ ("unable to execute QEMU agent command '%s'"), name);
  if (missing != NULL &&
      (g_strcmp0 (class, "CommandNotFound") == 0 || g_strcmp0 (class, "CommandDisabled") == 0))
    {
      *missing = true;
      return false;
    }
  return cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                          _ ("unable to execute QEMU agent command '%s': %s"), name,
                          says != NULL ? says : say_class (class));
}

bool
cop_domain_agent_malformed (const char *name, GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_INTERNAL,
                          _ ("malformed return value of QEMU agent command '%s'"), name);
}

char *
cop_domain_agent_ask (CopDomain *domain, const char *command, int timeout, GError **error)
{
  g_autoptr (CopJson) question = NULL;
  g_autoptr (CopJson) answer = NULL;
  g_autoptr (GError) why = NULL;
  g_autofree char *line = NULL;
  const char *name;

  question = cop_json_parse (command, strlen (command), &why);
  name = cop_json_string (cop_json_member (question, "execute"));
  if (name == NULL || strchr (command, '\n') != NULL)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                       _ ("a command is a JSON object with a member \"execute\", on one line%s%s"),
                       why != NULL ? ": " : "", why != NULL ? why->message : "");
      return NULL;
    }
  if (timeout < COP_AGENT_WAIT_FOREVER)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG,
                       _ ("guest agent timeout '%d' is less than the minimum '%d'"), timeout,
                       COP_AGENT_WAIT_FOREVER);
      return NULL;
    }
  line = converse (domain, command, timeout, error);
  if (line == NULL)
    return NULL;
  answer = cop_json_parse (line, strlen (line), NULL);
  return check_answer (answer, name, NULL, error) ? g_steal_pointer (&line) : NULL;
}

static char *
make_command (const char *name, const char *arguments)
{
  return arguments == NULL
           ? g_strdup_printf ("{\"execute\":\"%s\"}", name)
           : g_strdup_printf ("{\"execute\":\"%s\",\"arguments\":%s}", name, arguments);
}

CopJson *
cop_domain_agent_call (CopDomain *domain, const char *name, const char *arguments, bool *missing,
                       GError **error)
{
  g_autofree char *command = make_command (name, arguments);
  g_autofree char *line = NULL;
  g_autoptr (CopJson) answer = NULL;
  int timeout;

  if (missing != NULL)
    *missing = false;
  g_mutex_lock (&domain->lock);
  timeout = domain->agent_timeout;
  g_mutex_unlock (&domain->lock);
  line = converse (domain, command, timeout, error);
  if (line == NULL)
    return NULL;
  answer = cop_json_parse (line, strlen (line), NULL);
  return check_answer (answer, name, missing, error) ? g_steal_pointer (&answer) : NULL;
}

bool
cop_domain_agent_run (CopDomain *domain, const char *name, const char *arguments, int64_t *number,
                      GError **error)
{
  g_autoptr (CopJson) answer = cop_domain_agent_call (domain, name, arguments, NULL, error);

  if (answer == NULL)
    return false;
  return number == NULL || cop_json_int64 (cop_json_member (answer, "return"), number) ||
         cop_domain_agent_malformed (name, error);
}
