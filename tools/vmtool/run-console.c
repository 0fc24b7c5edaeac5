/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening consoles, and passing bytes between the standard descriptors and the machine.
 *
 * Standard input and output are shared with other programs, so they stay blocking: they are read
 * and written only when poll() says so, and by no more than a pipe takes then.
 */
#include "vmtool/run-console.h"
#include "vmtool/escape.h"
#include "vmtool/run-private.h"
#include "vmtool/suboptions.h"
#include "vmtool/terminal.h"

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

COP_NAMES (console_names, 5, "stdio", "pty", "unix", "file", "none");

#define CHUNK 4096 /* a pipe that polls writable takes as much: PIPE_BUF */
#define TO_GUEST_MAX (64 * 1024)
#define TO_USER_MAX (8 * 1024 * 1024)

struct VmtConsole
{
  VmtConsoleKind kind;
  char *path; /* (owned) (nullable): of pty, socket or file */
  bool remove_path;
  int escape;
  bool interactive;
  const VmtConsoleEvents *events; /* (unowned) (nullable) until started */
  gpointer data;

  int guest_in, guest_out; /* (owned): our ends of the machine's pipes */
  GByteArray *keys; /* (owned): typed while held */
  GByteArray *to_guest, *to_user; /* (owned): read, but not yet written */
  bool held;
  bool input_ended, output_ended;
  bool line_open; /* what was written last is no line feed */

  /* Sources in the default context; 0: not watched. */
  guint user_in_id, guest_in_id, guest_out_id, user_out_id;
};

static void update_watches (VmtConsole *console);

/* ---- bytes ---- */

static void
drop_front (GByteArray *bytes, size_t length)
{
  g_byte_array_remove_range (bytes, 0, (guint)length);
}

/* Takes typed bytes to where they belong. */
static void
take_typed (VmtConsole *console, const uint8_t *bytes, size_t length)
{
  const uint8_t *key = NULL;

  if (console->held)
    {
      g_byte_array_append (console->keys, bytes, (guint)length);
      return;
    }
  if (console->interactive && console->escape != VMT_ESCAPE_NONE)
    key = memchr (bytes, console->escape, length);
  if (key == NULL)
    {
      g_byte_array_append (console->to_guest, bytes, (guint)length);
      return;
    }

  /* What follows the key is for the monitor. */
  g_byte_array_append (console->to_guest, bytes, (guint)(key - bytes));
  g_byte_array_append (console->keys, key + 1, (guint)(length - (size_t)(key + 1 - bytes)));
  console->events->escape (console->data);
}

static gboolean
user_in_ready (gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  VmtConsole *console = data;
  uint8_t bytes[CHUNK];
  ssize_t length = read (fd, bytes, sizeof bytes);

  if (length > 0)
    take_typed (console, bytes, (size_t)length);
  else if (length == 0 || (errno != EINTR && errno != EAGAIN))
    console->input_ended = true;
  update_watches (console);
  return G_SOURCE_CONTINUE;
}

static gboolean
guest_in_ready (gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  VmtConsole *console = data;
  ssize_t written = write (fd, console->to_guest->data, console->to_guest->len);

  if (written > 0)
    drop_front (console->to_guest, (size_t)written);
  else if (written < 0 && errno != EINTR && errno != EAGAIN)
    {
      /* The machine has closed its end: it listens to nothing more. */
      g_byte_array_set_size (console->to_guest, 0);
      cop_fd_clear (&console->guest_in);
    }
  update_watches (console);
  return G_SOURCE_CONTINUE;
}

static gboolean
guest_out_ready (gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  VmtConsole *console = data;
  guint before = console->to_user->len;
  ssize_t length;

  g_byte_array_set_size (console->to_user, before + 16 * CHUNK);
  length = read (fd, console->to_user->data + before, 16 * CHUNK);
  g_byte_array_set_size (console->to_user, before + (guint)MAX (length, 0));
  if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN))
    console->output_ended = true;
  update_watches (console);
  return G_SOURCE_CONTINUE;
}

static gboolean
user_out_ready (gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  VmtConsole *console = data;
  ssize_t written = write (fd, console->to_user->data, MIN (console->to_user->len, CHUNK));

  if (written > 0)
    {
      console->line_open = console->to_user->data[written - 1] != '\n';
      drop_front (console->to_user, (size_t)written);
    }
  else if (written < 0 && errno != EINTR && errno != EAGAIN)
    {
      g_byte_array_set_size (console->to_user, 0);
      console->output_ended = true;
      if (console->events != NULL)
        console->events->closed (console->data);
    }
  update_watches (console);
  return G_SOURCE_CONTINUE;
}

static void
watch (VmtConsole *console, guint *id, bool wanted, int fd, GIOCondition condition,
       GUnixFDSourceFunc ready)
{
  if (wanted && *id == 0)
    *id = g_unix_fd_add (fd, condition, ready, console);
  else if (!wanted && *id != 0)
    {
      g_source_remove (*id);
      *id = 0;
    }
}

/* Watches each descriptor while there is something to do with it. */
static void
update_watches (VmtConsole *console)
{
  /* While held, input is for the monitor: what the guest has not taken does not hold it up. On a
     terminal the escape key must get through, so the keys of a guest that never reads are lost in
     the end. */
  if (console->interactive && console->to_guest->len > TO_GUEST_MAX)
    g_byte_array_set_size (console->to_guest, TO_GUEST_MAX);

  watch (console, &console->guest_in_id, console->guest_in >= 0 && console->to_guest->len > 0,
         console->guest_in, G_IO_OUT, guest_in_ready);
  watch (console, &console->user_in_id,
         !console->input_ended && (console->interactive || console->to_guest->len == 0),
         STDIN_FILENO, G_IO_IN, user_in_ready);
  watch (console, &console->guest_out_id,
         !console->output_ended && console->to_user->len < TO_USER_MAX, console->guest_out, G_IO_IN,
         guest_out_ready);
  watch (console, &console->user_out_id, !console->held && console->to_user->len > 0, STDOUT_FILENO,
         G_IO_OUT, user_out_ready);

  /* The end of a file is the end of the guest's input, not of the machine. */
  if (console->input_ended && console->to_guest->len == 0 && console->guest_in_id == 0)
    cop_fd_clear (&console->guest_in);
}

void
vmt_console_start (VmtConsole *console, const VmtConsoleEvents *events, gpointer data)
{
  console->events = events;
  console->data = data;
  if (console->kind == VMT_CONSOLE_STDIO)
    update_watches (console);
}

void
vmt_console_hold (VmtConsole *console, bool hold)
{
  console->held = hold;
  if (!hold)
    {
      /* Typed ahead, after what left the monitor. */
      g_byte_array_append (console->to_guest, console->keys->data, console->keys->len);
      g_byte_array_set_size (console->keys, 0);
    }
  update_watches (console);
}

bool
vmt_console_take_key (VmtConsole *console, char *key)
{
  if (console->keys->len == 0)
    return false;
  *key = (char)console->keys->data[0];
  drop_front (console->keys, 1);
  return true;
}

bool
vmt_console_input_ended (const VmtConsole *console)
{
  return console->input_ended;
}

void
vmt_console_send (VmtConsole *console, const void *bytes, size_t length)
{
  g_byte_array_append (console->to_guest, bytes, (guint)length);
  update_watches (console);
}

void
vmt_console_drain (VmtConsole *console)
{
  if (console->kind != VMT_CONSOLE_STDIO)
    return;
  while (!console->output_ended && console->to_user->len < TO_USER_MAX &&
         poll (&(struct pollfd){ console->guest_out, POLLIN, 0 }, 1, 0) == 1)
    guest_out_ready (console->guest_out, G_IO_IN, console);
}

void
vmt_console_finish (VmtConsole *console)
{
  if (console->kind != VMT_CONSOLE_STDIO)
    return;
  console->held = false;
  console->input_ended = true;
  update_watches (console);
  while ((!console->output_ended || console->to_user->len > 0) && vmt_terminal_signal () == 0)
    g_main_context_iteration (NULL, TRUE);
  if (console->line_open && isatty (STDOUT_FILENO))
    putchar ('\n');
  fflush (stdout);
}

/* ---- opening ---- */

static bool
open_stdio (VmtConsole *console, CopConsoleConfig *machine_side, GError **error)
{
  int in[2], out[2];

  if (pipe2 (in, O_CLOEXEC) < 0 || pipe2 (out, O_CLOEXEC) < 0)
    {
      cop_host_set_file_error (error, _ ("console"), "stdio", errno);
      return false;
    }
  machine_side->in_fd = in[0];
  console->guest_in = in[1];
  console->guest_out = out[0];
  machine_side->out_fd = out[1];
  fcntl (console->guest_in, F_SETFL, O_NONBLOCK);
  fcntl (console->guest_out, F_SETFL, O_NONBLOCK);
  console->interactive = isatty (STDIN_FILENO);
  return true;
}

static bool
open_file (VmtConsole *console, const char *text, CopConsoleConfig *machine_side, GError **error)
{
  static const VmtSubOption options[] = { { "append", VMT_SUB_FLAG }, { NULL } };
  g_autoptr (VmtSubValues) values = vmt_sub_parse ("console", text, options, error);
  int fd;

  if (values == NULL)
    return false;
  fd = open (values->head,
             O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY |
               (vmt_sub_flag (values, 0) ? O_APPEND : O_TRUNC),
             0666);
  if (fd < 0)
    {
      cop_host_set_file_error (error, _ ("console"), values->head, errno);
      return false;
    }
  console->path = g_strdup (values->head);
  machine_side->out_fd = fd;
  return true;
}

static bool
open_console (VmtConsole *console, const char *path, CopConsoleConfig *machine_side, GError **error)
{
  switch (console->kind)
    {
    case VMT_CONSOLE_STDIO:
      return open_stdio (console, machine_side, error);
    case VMT_CONSOLE_PTY:
      machine_side->in_fd = machine_side->out_fd = cop_host_open_pty (&console->path, error);
      return machine_side->in_fd >= 0;
    case VMT_CONSOLE_UNIX:
      machine_side->listen_fd = cop_host_listen_unix (_ ("console"), path, error);
      console->path = machine_side->listen_fd >= 0 ? g_strdup (path) : NULL;
      console->remove_path = console->path != NULL;
      return machine_side->listen_fd >= 0;
    case VMT_CONSOLE_FILE:
      return open_file (console, path, machine_side, error);
    case VMT_CONSOLE_NONE:
      break;
    }
  return true;
}

VmtConsole *
vmt_console_new (const char *option, const char *text, int escape, CopConsoleConfig *machine_side,
                 GError **error)
{
  g_autoptr (VmtConsole) console = g_new0 (VmtConsole, 1);
  const char *colon = strchr (text, ':');
  g_autofree char *name = colon != NULL ? g_strndup (text, (gsize)(colon - text)) : g_strdup (text);
  unsigned kind;
  bool takes_path;

  console->guest_in = console->guest_out = -1;
  console->escape = escape;
  console->keys = g_byte_array_new ();
  console->to_guest = g_byte_array_new ();
  console->to_user = g_byte_array_new ();
  *machine_side = (CopConsoleConfig)COP_CONSOLE_NOWHERE;

  if (!cop_names_from_string (&console_names, name, &kind))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                   _ ("--%s: '%s' is not one of stdio, pty, unix:PATH, file:PATH, none"), option,
                   text);
      return NULL;
    }
  takes_path = kind == VMT_CONSOLE_UNIX || kind == VMT_CONSOLE_FILE;
  if (takes_path && (colon == NULL || colon[1] == '\0'))
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: %s needs a path: %s:PATH"), option,
                   name, name);
      return NULL;
    }
  if (!takes_path && colon != NULL)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE, _ ("--%s: %s takes no path, but got '%s'"),
                   option, name, colon + 1);
      return NULL;
    }

  console->kind = kind;
  if (!open_console (console, takes_path ? colon + 1 : NULL, machine_side, error))
    return NULL;
  return g_steal_pointer (&console);
}

void
vmt_console_free (VmtConsole *console)
{
  guint ids[] = { console->user_in_id, console->guest_in_id, console->guest_out_id,
                  console->user_out_id };

  for (unsigned i = 0; i < G_N_ELEMENTS (ids); i++)
    if (ids[i] != 0)
      g_source_remove (ids[i]);
  if (console->remove_path)
    unlink (console->path);
  cop_fd_clear (&console->guest_in);
  cop_fd_clear (&console->guest_out);
  g_byte_array_unref (console->keys);
  g_byte_array_unref (console->to_guest);
  g_byte_array_unref (console->to_user);
  g_free (console->path);
  g_free (console);
}

VmtConsoleKind
vmt_console_kind (const VmtConsole *console)
{
  return console->kind;
}

const char *
vmt_console_path (const VmtConsole *console)
{
  return console->path;
}

bool
vmt_console_is_interactive (const VmtConsole *console)
{
  return console->interactive;
}
