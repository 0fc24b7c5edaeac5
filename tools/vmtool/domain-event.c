/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool event: waiting for what happens to domains.
 */
#include "vmtool/commands.h"
#include "vmtool/domain.h"
#include "vmtool/names.h"
#include "vmtool/printer.h"
#include "vmtool/terminal.h"
#include "vmtool/vmtool-private.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <string.h>

typedef struct
{
  VmtCall *call;
  VmtPrinter *printer;
  int32_t callbacks[32]; /* by event number; -1: not registered */
  guint n_seen;
  bool loop, timestamp;
  bool over, timed_out, lost;
} Wait;

/* Each prints what is special about an event, after its name and domain. */
typedef void (*Detail) (Wait *wait, const void *event);

static void
detail_lifecycle (Wait *wait, const void *data)
{
  const CopRemoteDomainEventCallbackLifecycle *event = data;
  const char *type = vmt_lifecycle_name (event->event);
  const char *detail = vmt_lifecycle_detail (event->event, event->detail);

  if (vmt_printer_is_json (wait->printer))
    {
      vmt_printer_text (wait->printer, "type", type);
      vmt_printer_text (wait->printer, "detail", detail);
    }
  else
    vmt_printer_note (wait->printer, ": %s %s", type, detail);
}

static void
detail_rtc_change (Wait *wait, const void *data)
{
  const CopRemoteDomainEventCallbackRtcChange *event = data;

  if (vmt_printer_is_json (wait->printer))
    vmt_printer_number (wait->printer, "offset", event->offset);
  else
    vmt_printer_note (wait->printer, ": %" G_GINT64_FORMAT, event->offset);
}

static void
print_io_error (Wait *wait, const char *path, const char *alias, int action, const char *why)
{
  static const char *const actions[] = { "none", "pause", "report" };
  const char *name =
    action >= 0 && (unsigned)action < G_N_ELEMENTS (actions) ? actions[action] : "unknown";

  if (vmt_printer_is_json (wait->printer))
    {
      vmt_printer_text (wait->printer, "path", path);
      vmt_printer_text (wait->printer, "device", alias);
      vmt_printer_text (wait->printer, "action", name);
      if (why != NULL)
        vmt_printer_text (wait->printer, "reason", why);
    }
  else if (why != NULL)
    vmt_printer_note (wait->printer, ": %s (%s) %s due to %s", path, alias, name, why);
  else
    vmt_printer_note (wait->printer, ": %s (%s) %s", path, alias, name);
}

static void
detail_io_error (Wait *wait, const void *data)
{
  const CopRemoteDomainEventCallbackIoError *event = data;

  print_io_error (wait, event->src_path, event->dev_alias, event->action, NULL);
}

static void
detail_io_error_reason (Wait *wait, const void *data)
{
  const CopRemoteDomainEventCallbackIoErrorReason *event = data;

  print_io_error (wait, event->src_path, event->dev_alias, event->action, event->reason);
}

static void
detail_agent (Wait *wait, const void *data)
{
  static const char *const states[] = { "unknown", "connected", "disconnected" };
  static const char *const reasons[] = { "unknown", "domain started", "channel event" };
  const CopRemoteDomainEventCallbackAgentLifecycle *event = data;
  const char *state = states[CLAMP (event->state, 0, 2)];
  const char *reason = reasons[CLAMP (event->reason, 0, 2)];

  if (vmt_printer_is_json (wait->printer))
    {
      vmt_printer_text (wait->printer, "state", state);
      vmt_printer_text (wait->printer, "reason", reason);
    }
  else
    vmt_printer_note (wait->printer, ": state: '%s' reason: '%s'", state, reason);
}

static void
detail_metadata (Wait *wait, const void *data)
{
  static const char *const types[] = { "description", "title", "element" };
  const CopRemoteDomainEventCallbackMetadataChange *event = data;
  const char *type = types[CLAMP (event->type, 0, 2)];

  if (vmt_printer_is_json (wait->printer))
    {
      vmt_printer_text (wait->printer, "type", type);
      vmt_printer_text (wait->printer, "uri", event->nsuri);
    }
  else
    vmt_printer_note (wait->printer, ": type %s, uri %s", type,
                      event->nsuri != NULL ? event->nsuri : "-");
}

static void
print_event_params (Wait *wait, const CopTypedParam *params, uint32_t n)
{
  vmt_printer_note (wait->printer, ":");
  if (vmt_printer_is_json (wait->printer))
    vmt_printer_begin (wait->printer, "params");
  vmt_print_params (wait->printer, params, n);
  if (vmt_printer_is_json (wait->printer))
    vmt_printer_end (wait->printer);
}

static void
detail_tunable (Wait *wait, const void *data)
{
  const CopRemoteDomainEventCallbackTunable *event = data;

  print_event_params (wait, event->params, event->n_params);
}

static void
detail_job (Wait *wait, const void *data)
{
  const CopRemoteDomainEventCallbackJobCompleted *event = data;

  print_event_params (wait, event->params, event->n_params);
}

/* By libvirt's number of the event. */
static const struct
{
  const char *name;
  int32_t message;
  Detail detail; /* NULL: nothing special */
} events[] = {
  /* clang-format off */
  { "lifecycle",             COP_REMOTE_DOMAIN_EVENT_CALLBACK_LIFECYCLE,       detail_lifecycle },
  { "reboot",                COP_REMOTE_DOMAIN_EVENT_CALLBACK_REBOOT },
  { "rtc-change",            COP_REMOTE_DOMAIN_EVENT_CALLBACK_RTC_CHANGE,      detail_rtc_change },
  { "watchdog",              COP_REMOTE_DOMAIN_EVENT_CALLBACK_WATCHDOG },
  { "io-error",              COP_REMOTE_DOMAIN_EVENT_CALLBACK_IO_ERROR,        detail_io_error },
  { "graphics",              COP_REMOTE_DOMAIN_EVENT_CALLBACK_GRAPHICS },
  { "io-error-reason",       COP_REMOTE_DOMAIN_EVENT_CALLBACK_IO_ERROR_REASON, detail_io_error_reason },
  { "control-error",         COP_REMOTE_DOMAIN_EVENT_CALLBACK_CONTROL_ERROR },
  { "block-job",             COP_REMOTE_DOMAIN_EVENT_CALLBACK_BLOCK_JOB },
  { "disk-change",           COP_REMOTE_DOMAIN_EVENT_CALLBACK_DISK_CHANGE },
  { "tray-change",           COP_REMOTE_DOMAIN_EVENT_CALLBACK_TRAY_CHANGE },
  { "pm-wakeup",             COP_REMOTE_DOMAIN_EVENT_CALLBACK_PMWAKEUP },
  { "pm-suspend",            COP_REMOTE_DOMAIN_EVENT_CALLBACK_PMSUSPEND },
  { "balloon-change",        COP_REMOTE_DOMAIN_EVENT_CALLBACK_BALLOON_CHANGE },
  { "pm-suspend-disk",       COP_REMOTE_DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK },
  { "device-removed",        COP_REMOTE_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVED },
  { "block-job-2",           COP_REMOTE_DOMAIN_EVENT_BLOCK_JOB_2 },
  { "tunable",               COP_REMOTE_DOMAIN_EVENT_CALLBACK_TUNABLE,         detail_tunable },
  { "agent-lifecycle",       COP_REMOTE_DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE, detail_agent },
  { "device-added",          COP_REMOTE_DOMAIN_EVENT_CALLBACK_DEVICE_ADDED },
  { "migration-iteration",   COP_REMOTE_DOMAIN_EVENT_CALLBACK_MIGRATION_ITERATION },
  { "job-completed",         COP_REMOTE_DOMAIN_EVENT_CALLBACK_JOB_COMPLETED,   detail_job },
  { "device-removal-failed", COP_REMOTE_DOMAIN_EVENT_CALLBACK_DEVICE_REMOVAL_FAILED },
  { "metadata-change",       COP_REMOTE_DOMAIN_EVENT_CALLBACK_METADATA_CHANGE, detail_metadata },
  { "block-threshold",       COP_REMOTE_DOMAIN_EVENT_BLOCK_THRESHOLD },
  { "memory-failure",        COP_REMOTE_DOMAIN_EVENT_MEMORY_FAILURE },
  { "memory-device-size-change", COP_REMOTE_DOMAIN_EVENT_MEMORY_DEVICE_SIZE_CHANGE },
  /* clang-format on */
};

G_STATIC_ASSERT (G_N_ELEMENTS (events) <= G_N_ELEMENTS (((Wait *)NULL)->callbacks));

/* ---- one event ---- */

/* All messages begin with the callback's number and the domain, but those about power management,
   which have a reason between them. */
static const CopRemoteDomain *
domain_of (int32_t message, const void *event)
{
  switch (message)
    {
    case COP_REMOTE_DOMAIN_EVENT_CALLBACK_PMWAKEUP:
    case COP_REMOTE_DOMAIN_EVENT_CALLBACK_PMSUSPEND:
    case COP_REMOTE_DOMAIN_EVENT_CALLBACK_PMSUSPEND_DISK:
      return &((const CopRemoteDomainEventCallbackPmwakeup *)event)->dom;
    default:
      return &((const CopRemoteDomainEventCallbackReboot *)event)->dom;
    }
}

static char *
format_now (void)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  return g_date_time_format (now, "%Y-%m-%d %H:%M:%S.%f%z");
}

static void
print_event (Wait *wait, unsigned number, const CopRemoteDomain *dom, const void *event)
{
  g_autofree char *now = format_now ();
  char uuid[VMT_UUID_SIZE];

  cop_uuid_format (dom->uuid, uuid);
  if (vmt_printer_is_json (wait->printer))
    {
      vmt_printer_begin (wait->printer, NULL);
      vmt_printer_text (wait->printer, "time", now);
      vmt_printer_text (wait->printer, "event", events[number].name);
      vmt_printer_text (wait->printer, "domain", dom->name);
      vmt_printer_text (wait->printer, "uuid", uuid);
    }
  else
    {
      if (wait->timestamp)
        printf ("%s: ", now);
      printf (_ ("event '%s' for domain '%s'"), events[number].name, dom->name);
    }
  if (events[number].detail != NULL)
    events[number].detail (wait, event);
  else
    vmt_printer_note (wait->printer, "%s", "");
  if (vmt_printer_is_json (wait->printer))
    vmt_printer_end (wait->printer);
  vmt_printer_finish (wait->printer);
  fflush (stdout);
}

static void
heard_event (CopClient *client G_GNUC_UNUSED, const CopProgram *program G_GNUC_UNUSED,
             int32_t procedure, const void *event, gpointer data)
{
  Wait *wait = data;

  if (wait->over)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    if (events[i].message == procedure && wait->callbacks[i] >= 0)
      {
        print_event (wait, i, domain_of (procedure, event), event);
        wait->n_seen++;
        wait->over = !wait->loop;
        return;
      }
}

/* ---- waiting ---- */

static void
heard_closed (CopClient *client G_GNUC_UNUSED, const GError *reason G_GNUC_UNUSED, gpointer data)
{
  Wait *wait = data;

  wait->over = wait->lost = true;
}

static gboolean
heard_signal (gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
  ((Wait *)data)->over = true;
  return G_SOURCE_CONTINUE;
}

static gboolean
heard_timeout (gpointer data)
{
  Wait *wait = data;

  wait->over = wait->timed_out = true;
  return G_SOURCE_CONTINUE;
}

static bool
register_events (Wait *wait, CopClient *client, const VmtDomain *domain, GError **error)
{
  const char *only = vmt_call_string (wait->call, "event");

  memset (wait->callbacks, 0xff, sizeof wait->callbacks);
  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    {
      CopRemoteConnectDomainEventCallbackRegisterAnyArgs args = { .event_id = (int32_t)i };
      CopRemoteConnectDomainEventCallbackRegisterAnyRet ret;
      CopRemoteDomain dom = domain->dom;

      if (only != NULL && strcmp (only, events[i].name) != 0)
        continue;
      if (dom.name != NULL)
        args.dom = &dom;
      if (!COP_REMOTE_CALL (client, CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY, &args, &ret, error))
        return false;
      wait->callbacks[i] = ret.callback_id;
    }
  return true;
}

/* The shell's next command does not want them. */
static void
deregister_events (const Wait *wait, CopClient *client)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    {
      CopRemoteConnectDomainEventCallbackDeregisterAnyArgs args = { wait->callbacks[i] };

      if (args.callback_id >= 0)
        COP_REMOTE_CALL (client, CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY, &args, NULL, NULL);
    }
}

static bool
wait_for_events (Wait *wait, CopClient *client, const VmtDomain *domain, GError **error)
{
  uint64_t timeout_ms = vmt_call_ms (wait->call, "timeout");
  guint timer = 0, signal;
  bool good;

  vmt_terminal_listen ();
  cop_client_attach (client, NULL, &cop_remote_program, heard_event, heard_closed, wait, NULL);
  signal = g_unix_fd_add (vmt_terminal_signal_fd (), G_IO_IN, heard_signal, wait);
  if (timeout_ms > 0)
    timer = g_timeout_add ((guint)MIN (timeout_ms, G_MAXUINT), heard_timeout, wait);
  good = register_events (wait, client, domain, error);
  while (good && !wait->over)
    g_main_context_iteration (NULL, TRUE);
  if (!wait->lost)
    deregister_events (wait, client);
  g_source_remove (signal);
  if (timer != 0)
    g_source_remove (timer);
  cop_client_detach (client);
  return good;
}

/* ---- the command ---- */

static bool
list_events (VmtPrinter *printer)
{
  vmt_printer_begin_array (printer, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    if (vmt_printer_is_json (printer))
      vmt_printer_text (printer, NULL, events[i].name);
    else
      vmt_printer_plain (printer, events[i].name);
  vmt_printer_end_array (printer);
  return true;
}

static bool
check_event (const VmtCall *call, GError **error)
{
  const char *names[G_N_ELEMENTS (events) + 1] = { NULL };
  const char *name = vmt_call_string (call, "event"), *nearest;

  if (!vmt_call_check_exclusive (call, (const char *[]){ "all", "event", NULL }, error))
    return false;
  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    names[i] = events[i].name;
  if (name == NULL || g_strv_contains (names, name))
    return true;
  nearest = vmt_suggest (name, names);
  if (nearest != NULL)
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("--event: there is no event '%s'; did you mean '%s'?"), name, nearest);
  else
    g_set_error (error, VMT_ERROR, VMT_ERROR_USAGE,
                 _ ("--event: there is no event '%s'; 'vmtool event --list' shows them"), name);
  return false;
}

static bool
run (VmtCall *call, GError **error)
{
  const char *name = vmt_call_string (call, "domain");
  g_auto (VmtDomain) domain = { 0 };
  Wait wait = {
    .call = call,
    .printer = vmt_call_printer (call),
    .loop = vmt_call_flag (call, "loop"),
    .timestamp = vmt_call_flag (call, "timestamp"),
  };
  CopClient *client;

  if (!check_event (call, error))
    return false;
  if (vmt_call_flag (call, "list"))
    return list_events (wait.printer);
  client = vmt_connection_get (error);
  if (client == NULL || (name != NULL && !vmt_domain_find (client, name, &domain, error)))
    return false;
  vmt_printer_set_compact (wait.printer);
  if (!wait_for_events (&wait, client, &domain, error))
    return false;

  if (wait.lost)
    {
      g_set_error (error, VMT_ERROR, VMT_ERROR_FAILED,
                   _ ("the connection to the daemon is lost; domains that run go on"));
      return false;
    }
  if (wait.timed_out)
    vmt_printer_note (wait.printer, _ ("The time is over."));
  vmt_printer_note (wait.printer, _ ("Events received: %u"), wait.n_seen);
  if (wait.timed_out && !wait.loop)
    vmt_call_set_exit (call, VMT_EXIT_TIMEOUT);
  vmt_terminal_forget_signal ();
  return true;
}

static char **
complete_events (const char *prefix G_GNUC_UNUSED)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (events); i++)
    g_strv_builder_add (names, events[i].name);
  return g_strv_builder_end (names);
}

static const VmtOption options[] = {
  { "domain", VMT_STRING, N_ ("of this domain only"), "DOMAIN", .complete = vmt_complete_domains },
  { "event", VMT_STRING, N_ ("of this kind only"), "EVENT", .complete = complete_events },
  { "all", VMT_FLAG, N_ ("of every kind; the default") },
  { "loop", VMT_FLAG, N_ ("go on after the first, until Ctrl-C or --timeout") },
  { "timeout", VMT_SECONDS, N_ ("wait no longer than this") },
  { "timestamp", VMT_FLAG, N_ ("show when it happened; always with --json") },
  { "list", VMT_FLAG, N_ ("list the kinds of events, and wait for nothing") },
  { NULL },
};

static const VmtExample examples[] = {
  { "vmtool event --loop --timestamp", N_ ("Watch what happens") },
  { "vmtool event --domain debian --event lifecycle --timeout 60",
    N_ ("Wait until a domain starts or stops, in a script") },
  { NULL },
};

const VmtCommand vmt_event = {
  "event", N_ ("Wait for what happens to domains"), options, run, VMT_GROUP_MONITOR,
  .details = N_ ("Without --loop the first event ends the command. With --json every event is an "
                 "object on a line of its own. The exit status is 124 when the time was over and "
                 "no event had come, unless --loop is given."),
  .examples = examples, .connects = true,
};
