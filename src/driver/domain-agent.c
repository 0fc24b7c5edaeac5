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

#define CHANNEL "org.qemu.guest_agent.0"
/* How long an answer may be: what fits a string on the wire. */
#define ANSWER_MAX (4u << 20)
#define DEFAULT_SECONDS 5
#define SYNC_SECONDS 5

/* Path of the agent's channel. Returns: (transfer full) */
static char *
channel_path (CopDomain *domain, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&domain->lock);

  if (!cop_domain_need_active (domain, error))
    return NULL;
  for (guint i = 0; i < domain->running->channels->len; i++)
    {
      const CopDomainChardev *channel = domain->running->channels->pdata[i];

      if (g_strcmp0 (channel->name, CHANNEL) == 0 && channel->source.type == COP_CHARDEV_UNIX &&
          channel->source.path != NULL)
        return g_strdup (channel->source.path);
    }
  cop_driver_fail (error, COP_DRIVER_ERROR_ARGUMENT_UNSUPPORTED,
                   _ ("QEMU guest agent is not configured: the domain has no channel '%s' of type "
                      "'unix'"),
                   CHANNEL);
  return NULL;
}

static bool
not_answering (GError **error)
{
  return cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNRESPONSIVE,
                          _ ("Guest agent is not responding: QEMU guest agent is not connected"));
}

/* Waits for @events until @until, a time of g_get_monotonic_time(); -1: for ever. */
static bool
wait_for (int fd, short events, gint64 until, GError **error)
{
  struct pollfd poll_fd = { .fd = fd, .events = events };

  while (true)
    {
      gint64 left = until < 0 ? -1 : MAX (until - g_get_monotonic_time (), 0);
      int n = poll (&poll_fd, 1, left < 0 ? -1 : (int) ((left + 999) / 1000));

      if (n > 0)
        return true;
      if (n == 0 || errno != EINTR)
        return not_answering (error);
    }
}

static bool
send_text (int fd, const char *text, gsize length, gint64 until, GError **error)
{
  while (length > 0)
    {
      ssize_t n = write (fd, text, length);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        return not_answering (error);
      if (n <= 0)
        {
          if (!wait_for (fd, POLLOUT, until, error))
            return false;
          continue;
        }
      text += n;
      length -= n;
    }
  return true;
}

/* Reads a line; @after_mark: what stands before a byte 0xff is left out. */
static bool
read_line (int fd, bool after_mark, gint64 until, GString *line, GError **error)
{
  bool marked = !after_mark;

  g_string_truncate (line, 0);
  while (line->len < ANSWER_MAX)
    {
      char byte;
      ssize_t n = read (fd, &byte, 1);

      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return not_answering (error);
      if (n < 0)
        {
          if (!wait_for (fd, POLLIN, until, error))
            return false;
        }
      else if ((uint8_t) byte == 0xff)
        {
          marked = true;
          g_string_truncate (line, 0);
        }
      else if (byte != '\n')
        g_string_append_c (line, byte);
      else if (marked && line->len > 0)
        return true;
      else
        g_string_truncate (line, 0);
    }
  return cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNSYNCED,
                          _ ("the guest agent's answer is longer than %u bytes"), ANSWER_MAX);
}

/* Makes sure that the next answer is to our next question. */
static bool
synchronize (int fd, GString *line, GError **error)
{
  gint64 until = g_get_monotonic_time () + SYNC_SECONDS * G_USEC_PER_SEC;
  guint32 id = g_random_int ();
  g_autofree char *command =
    g_strdup_printf ("\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%u}}\n", id);
  g_autofree char *number = g_strdup_printf ("%u", id);

  return send_text (fd, command, strlen (command), until, error) &&
         read_line (fd, true, until, line, error) &&
         (strstr (line->str, number) != NULL ||
          cop_driver_fail (error, COP_DRIVER_ERROR_AGENT_UNSYNCED,
                           _ ("the guest agent answers another question")));
}

char *
cop_domain_agent_ask (CopDomain *domain, const char *command, int timeout, GError **error)
{
  g_autofree char *path = channel_path (domain, error);
  g_autofree char *line_out = g_strconcat (command, "\n", NULL);
  GString *line;
  cop_autofd int fd = -1;
  gint64 until = -1;
  bool ok;

  if (path == NULL)
    return NULL;
  if (strchr (command, '\n') != NULL)
    {
      cop_driver_fail (error, COP_DRIVER_ERROR_INVALID_ARG, _ ("a command is one line"));
      return NULL;
    }
  if (timeout != -2)
    until = g_get_monotonic_time () +
            (timeout == -1 ? DEFAULT_SECONDS : MAX (timeout, 0)) * G_USEC_PER_SEC;
  g_mutex_lock (&domain->agent_lock);
  fd = cop_domain_connect_channel (path, error);
  line = g_string_new (NULL);
  ok = fd >= 0 && synchronize (fd, line, error) &&
       send_text (fd, line_out, strlen (line_out), until, error) &&
       read_line (fd, false, until, line, error);
  g_mutex_unlock (&domain->agent_lock);
  return g_string_free (line, !ok);
}

/* Where the value of the object's member @name begins; strings that look like it are passed over.
 */
static const char *
member_of (const char *json, const char *name)
{
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", name);
  int depth = 0;

  for (const char *at = json; *at != '\0'; at++)
    if (*at == '"')
      {
        const char *start = at;

        for (at++; *at != '\0' && *at != '"'; at++)
          if (*at == '\\' && at[1] != '\0')
            at++;
        if (*at == '\0')
          return NULL;
        if (depth == 1 && strncmp (start, quoted, strlen (quoted)) == 0)
          {
            for (start = at + 1; *start == ' '; start++)
              ;
            if (*start == ':')
              {
                for (start++; *start == ' '; start++)
                  ;
                return start;
              }
          }
      }
    else if (*at == '{' || *at == '[')
      depth++;
    else if (*at == '}' || *at == ']')
      depth--;
  return NULL;
}

bool
cop_domain_agent_run (CopDomain *domain, const char *command, gint64 *number, GError **error)
{
  g_autofree char *answer = NULL;
  const char *value, *desc;
  int timeout;

  g_mutex_lock (&domain->lock);
  timeout = domain->agent_timeout;
  g_mutex_unlock (&domain->lock);
  answer = cop_domain_agent_ask (domain, command, timeout, error);
  if (answer == NULL)
    return false;
  value = member_of (answer, "return");
  if (value != NULL)
    {
      if (number != NULL)
        *number = g_ascii_strtoll (value, NULL, 10);
      return true;
    }
  value = member_of (answer, "error");
  desc = value != NULL ? member_of (value, "desc") : NULL;
  return cop_driver_fail (error, COP_DRIVER_ERROR_OPERATION_FAILED,
                          _ ("the guest agent cannot: %s"), desc != NULL ? desc : answer);
}
