/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool console: a stream of the connection on one side, standard input and output on the other.
 *
 *   keyboard --> heard_input --> stream --> daemon --> coppice-vm --> guest's serial port
 *   screen   <-- heard_stream <-- stream <-- ...
 */
#include "vmtool/domain-console.h"
#include "vmtool/commands.h"
#include "vmtool/escape.h"
#include "vmtool/names.h"
#include "vmtool/terminal.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 4096

/* libvirt's bits of DOMAIN_OPEN_CONSOLE. */
static const VmtFlagRow console_bits[] = {
  { "force", 1 << 0 },
  { "safe", 1 << 1 },
  { NULL },
};

typedef struct
{
  CopClientStream *stream; /* (owned) */
  int escape;
  bool terminal;
  bool over; /* by the escape key, a signal, or standard output's end */
  bool ended; /* by the other side */
  bool lost; /* the connection is gone */
  GError *error; /* (owned) (nullable): what the other side said */
  guint input; /* source of standard input; 0: at its end */
} Console;

static bool
write_all (const char *bytes, size_t length)
{
  while (length > 0)
    {
      ssize_t written = write (STDOUT_FILENO, bytes, length);

      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        return false;
      bytes += written;
      length -= (size_t)written;
    }
  return true;
}

static void
heard_stream (CopClientStream *stream, gpointer data)
{
  Console *console = data;
  char buffer[CHUNK];
  size_t length;

  while (!console->over && !console->ended)
    {
      g_autoptr (GError) error = NULL;

      if (!cop_client_stream_receive (stream, buffer, sizeof buffer, 0, &length, &error))
        {
          if (g_error_matches (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_OPERATION_TIMEOUT))
            return;
          console->ended = true;
          console->error = g_steal_pointer (&error);
        }
      else if (length == 0)
        console->ended = true;
      else if (!write_all (buffer, length))
        console->over = true;
    }
}

static void
heard_closed (CopClient *client G_GNUC_UNUSED, const GError *reason G_GNUC_UNUSED, gpointer data)
{
  Console *console = data;

  console->ended = console->lost = true;
}

static gboolean
heard_input (gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  Console *console = data;
  g_autoptr (GError) error = NULL;
  char buffer[CHUNK];
  ssize_t n = read (fd, buffer, sizeof buffer);
  size_t length = n > 0 ? (size_t)n : 0;
  const char *escape = NULL;

  if (n < 0 && errno == EINTR)
    return G_SOURCE_CONTINUE;
  if (length == 0)
    {
      /* A terminal that hung up ends us; a pipe at its end still waits for the answer. */
      console->over = console->over || console->terminal;
      console->input = 0;
      return G_SOURCE_REMOVE;
    }
  if (console->terminal && console->escape != VMT_ESCAPE_NONE)
    escape = memchr (buffer, console->escape, length);
  if (escape != NULL)
    {
      console->over = true;
      length = (size_t)(escape - buffer);
    }
  if (length > 0 && !cop_client_stream_send (console->stream, buffer, length, &error))
    {
      console->ended = true;
      g_clear_error (&console->error);
      console->error = g_steal_pointer (&error);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
heard_signal (gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  ((Console *)data)->over = true;
  return G_SOURCE_CONTINUE;
}

static bool
open_stream (const VmtDomain *domain, const char *device, uint32_t flags, Console *console,
             GError **error)
{
  CopRemoteDomainOpenConsoleArgs args = { .dom = domain->dom,
                                          .dev_name = (char *)device,
                                          .flags = flags };
  CopClientOptions options = { .stream = &console->stream };

  return cop_client_call_full (domain->client, &cop_remote_program, COP_REMOTE_DOMAIN_OPEN_CONSOLE,
                               &args, NULL, &options, error);
}

static void
greet (const VmtDomain *domain, const Console *console)
{
  g_printerr (_ ("Connected to domain '%s'\n"), domain->dom.name);
  if (console->escape != VMT_ESCAPE_NONE)
    {
      g_autofree char *key = vmt_escape_name (console->escape);

      g_printerr (_ ("The escape key is %s\n"), key);
    }
}

static void
converse (Console *console)
{
  guint signal = g_unix_fd_add (vmt_terminal_signal_fd (), G_IO_IN, heard_signal, console);

  console->input = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, heard_input, console);
  cop_client_stream_set_notify (console->stream, heard_stream, console);
  vmt_terminal_set_mode (console->terminal ? VMT_TERMINAL_RAW : VMT_TERMINAL_FOUND);
  heard_stream (console->stream, console);
  while (!console->over && !console->ended)
    g_main_context_iteration (NULL, TRUE);
  vmt_terminal_set_mode (VMT_TERMINAL_FOUND);
  g_source_remove (signal);
  if (console->input != 0)
    g_source_remove (console->input);
}

/* How long a domain may take from its console's end to its own, and how often it is asked. */
#define END_TRIES 40
#define END_INTERVAL_US 25000

/* Whether the domain is at its end, too. Its state changes a moment after the stream's end. */
static bool
has_stopped (const VmtDomain *domain)
{
  int state, reason;

  for (unsigned i = 0; i < END_TRIES; i++)
    {
      /* A transient domain is gone when it has stopped. */
      if (!vmt_domain_state (domain, &state, &reason, NULL) || state == VMT_STATE_SHUTOFF ||
          state == VMT_STATE_CRASHED)
        return true;
      g_usleep (END_INTERVAL_US);
    }
  return false;
}

/* Why the console is at its end, for who did not end it. */
static bool
say_end (const VmtDomain *domain, Console *console, GError **error)
{
  if (console->lost)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("the connection to the daemon is lost; the domain goes on, and 'vmtool "
                      "console %s' connects to it again"),
                   domain->dom.name);
      return false;
    }
  if (console->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&console->error));
      return false;
    }
  if (!console->terminal)
    return true;
  if (has_stopped (domain))
    g_printerr (_ ("\nDomain '%s' has stopped.\n"), domain->dom.name);
  else
    g_printerr (_ ("\nThe console of domain '%s' was closed; 'vmtool console %s' opens it again.\n"),
                domain->dom.name, domain->dom.name);
  return true;
}

bool
vmt_domain_console (const VmtDomain *domain, const char *device, uint32_t flags,
                    const char *escape, GError **error)
{
  Console console = { .terminal = isatty (STDIN_FILENO) };
  bool good = true;

  if (!vmt_escape_parse (escape, &console.escape, error))
    return false;
  fflush (stdout);
  vmt_terminal_listen ();
  cop_client_attach (domain->client, NULL, &cop_remote_program, NULL, heard_closed, &console, NULL);
  if (open_stream (domain, device, flags, &console, error))
    {
      if (console.terminal)
        greet (domain, &console);
      converse (&console);
      if (console.ended)
        good = say_end (domain, &console, error);
      else
        {
          if (console.terminal)
            g_printerr ("\n");
          cop_client_stream_abort (console.stream);
        }
      cop_client_stream_unref (console.stream);
    }
  else
    good = false;
  cop_client_detach (domain->client);
  g_clear_error (&console.error);
  if (vmt_terminal_signal () != 0)
    vmt_terminal_die (vmt_terminal_signal ());
  return good;
}

static bool
run (VmtCall *call, GError **error)
{
  g_auto (VmtDomain) domain = { 0 };

  return vmt_domain_open (call, &domain, error) &&
         vmt_domain_console (&domain, vmt_call_string (call, "devname"),
                             vmt_call_bits (call, console_bits), vmt_call_string (call, "escape"),
                             error);
}

static const VmtOption options[] = {
  VMT_OPTION_DOMAIN (vmt_complete_active),
  { "devname", VMT_STRING, N_ ("alias of the device, such as serial0; the first console otherwise"),
    "ALIAS" },
  { "force", VMT_FLAG, N_ ("take it from whoever is connected") },
  { "safe", VMT_FLAG, N_ ("only if nobody else can be connected at the same time") },
  { "escape", VMT_STRING, N_ ("the key that leads back"), "KEY|none",
    .otherwise = VMT_CONSOLE_ESCAPE },
  { NULL },
};

static const VmtExample examples[] = {
  { "vmtool console debian", N_ ("Work on a domain's serial console; Ctrl-] leads back") },
  { NULL },
};

const VmtCommand vmt_console = {
  "console", N_ ("Connect to a domain's console"), options, run, VMT_GROUP_DOMAIN,
  .details = N_ ("On a terminal each key but the escape key goes to the guest. Input that is no "
                 "terminal is passed on as it is, and output is printed until the guest stops."),
  .examples = examples, .connects = true,
};
