/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool top: how busy domains are, on a terminal again and again.
 *
 *   coppice:///session  3 domains, 2 running  CPU 104 %  memory 3.0 GiB     every 2 s
 *   Id  Name     State    vCPUs   CPU %  Memory  Resident   Read/s  ...
 *    1  debian   running      2    98.7   1 GiB   211 MiB   1.2 MiB
 *   q quit  c CPU  m memory ...
 */
#include "vmtool/commands.h"
#include "vmtool/names.h"
#include "vmtool/printer.h"
#include "vmtool/terminal.h"
#include "vmtool/top-sample.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long output that is no terminal is measured, unless --delay says otherwise. */
#define ONCE_MS 500
#define SMALLEST_DELAY_MS 100

/* ---- sorting ---- */

typedef enum
{
  BY_CPU,
  BY_MEMORY,
  BY_DISK,
  BY_NET,
  BY_TIME,
  BY_NAME,
  BY_ID,
  BY_LAST,
} Order;

COP_NAMES (order_names, BY_LAST, "cpu", "memory", "disk", "net", "time", "name", "id");

/* The key that asks for it, and what the last line calls it. */
static const struct
{
  char key;
  const char *title;
} orders[BY_LAST] = {
  [BY_CPU] = { 'c', N_ ("CPU") },   [BY_MEMORY] = { 'm', N_ ("memory") },
  [BY_DISK] = { 'd', N_ ("disk") }, [BY_NET] = { 'n', N_ ("network") },
  [BY_TIME] = { 't', N_ ("time") }, [BY_NAME] = { 'a', N_ ("name") },
  [BY_ID] = { 'i', N_ ("id") },
};

static double
weight (const VmtSample *sample, Order order)
{
  switch (order)
    {
    case BY_CPU:
      return sample->cpu_percent;
    case BY_MEMORY:
      return (double)(sample->resident != 0 ? sample->resident : sample->memory);
    case BY_DISK:
      return sample->read_rate + sample->write_rate;
    case BY_NET:
      return sample->receive_rate + sample->send_rate;
    case BY_TIME:
      return (double)sample->cpu_time;
    case BY_ID:
      return -(double)sample->dom.id;
    case BY_NAME:
    case BY_LAST:
      break;
    }
  return 0;
}

typedef struct
{
  Order order;
  bool reversed;
} Sorting;

static int
compare (gconstpointer a, gconstpointer b, gpointer data)
{
  const Sorting *sorting = data;
  double one = weight (a, sorting->order), other = weight (b, sorting->order);
  int sign = sorting->reversed ? -1 : 1;

  if (one != other)
    return one > other ? -sign : sign;
  return sign * strcmp (((const VmtSample *)a)->dom.name, ((const VmtSample *)b)->dom.name);
}

/* ---- the table ---- */

static const VmtColumn columns[] = {
  { "id", N_ ("Id"), VMT_SHOW_OPTIONAL },
  { "name", N_ ("Name"), VMT_SHOW_TEXT },
  { "state", N_ ("State"), VMT_SHOW_TEXT },
  { "vcpus", N_ ("vCPUs"), VMT_SHOW_NUMBER },
  { "cpu_percent", N_ ("CPU %"), VMT_SHOW_REAL },
  { "memory", N_ ("Memory"), VMT_SHOW_SIZE },
  { "resident", N_ ("Resident"), VMT_SHOW_SIZE },
  { "read_rate", N_ ("Read/s"), VMT_SHOW_SIZE },
  { "write_rate", N_ ("Write/s"), VMT_SHOW_SIZE },
  { "receive_rate", N_ ("Recv/s"), VMT_SHOW_SIZE },
  { "send_rate", N_ ("Send/s"), VMT_SHOW_SIZE },
  { "cpu_time", N_ ("CPU time"), VMT_SHOW_TIME },
  { NULL },
};

static void
print_samples (VmtPrinter *printer, const VmtSamples *samples, guint most)
{
  vmt_printer_table (printer, columns);
  for (guint i = 0; i < MIN (samples->samples->len, most); i++)
    {
      const VmtSample *sample = &g_array_index (samples->samples, VmtSample, i);

      vmt_printer_row (printer, (VmtCell[]){
                                  { .number = sample->dom.id },
                                  { .text = sample->dom.name },
                                  { .text = vmt_state_name (sample->state) },
                                  { .number = sample->vcpus },
                                  { .real = sample->cpu_percent },
                                  { .number = (int64_t)sample->memory },
                                  { .number = (int64_t)sample->resident },
                                  { .number = (int64_t)sample->read_rate },
                                  { .number = (int64_t)sample->write_rate },
                                  { .number = (int64_t)sample->receive_rate },
                                  { .number = (int64_t)sample->send_rate },
                                  { .number = (int64_t)sample->cpu_time },
                                });
    }
  vmt_printer_table_end (printer);
}

/* ---- a terminal ---- */

typedef struct
{
  CopClient *client;
  VmtSamples *samples; /* (owned) (nullable) */
  Sorting sorting;
  uint32_t flags;
  uint64_t delay_ms;
  bool over;
} Top;

/* Prints @text cut to the screen: a terminal must not wrap, nor scroll. */
static void
put_line (GString *frame, const char *text, gsize length, unsigned width)
{
  const char *end = text;

  for (unsigned column = 0; end < text + length && column < width; column++)
    end = g_utf8_next_char (end);
  g_string_append_len (frame, text, end - text);
  g_string_append (frame, "\033[K");
}

static void
put_summary (const Top *top, GString *frame, unsigned width)
{
  const char *uri = vmt_connection_uri ();
  g_autofree char *text = NULL;
  unsigned running = 0;
  double cpu = 0;

  for (guint i = 0; i < top->samples->samples->len; i++)
    {
      const VmtSample *sample = &g_array_index (top->samples->samples, VmtSample, i);

      running += sample->state == VMT_STATE_RUNNING;
      cpu += sample->cpu_percent;
    }
  text = g_strdup_printf (_ ("%s   domains: %u, running: %u   CPU: %.1f %%   every %.1f s"),
                          uri != NULL ? uri : "-", top->samples->samples->len, running, cpu,
                          (double)top->delay_ms / 1000);
  put_line (frame, text, strlen (text), width);
  g_string_append (frame, "\r\n");
}

static void
put_keys (const Top *top, GString *frame, unsigned width)
{
  g_autoptr (GString) text = g_string_new (_ ("q quit   r reverse   + - pace   sort by:"));

  for (unsigned i = 0; i < BY_LAST; i++)
    g_string_append_printf (text, i == top->sorting.order ? "  [%c %s]" : "  %c %s", orders[i].key,
                            _ (orders[i].title));
  g_string_append (frame, "\033[7m");
  put_line (frame, text->str, text->len, width);
  g_string_append (frame, "\033[0m");
}

/* Draws over what is there, and then erases the rest, so that nothing flickers. */
static void
draw (Top *top)
{
  struct winsize size = { 0 };
  unsigned height, width, line = 0;
  g_autoptr (GString) frame = g_string_new ("\033[H");
  g_autofree char *table = NULL;
  size_t length;
  FILE *memory = open_memstream (&table, &length);
  g_autoptr (VmtPrinter) printer = memory != NULL ? vmt_printer_new (memory, false) : NULL;

  if (printer == NULL)
    return;
  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 4 || size.ws_col == 0)
    size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
  height = size.ws_row;
  width = size.ws_col;

  g_array_sort_with_data (top->samples->samples, compare, &top->sorting);
  print_samples (printer, top->samples, height);
  fclose (memory);
  put_summary (top, frame, width);
  for (const char *text = table; *text != '\0' && line < height - 2; line++)
    {
      size_t end = strcspn (text, "\n");

      put_line (frame, text, end, width);
      g_string_append (frame, "\r\n");
      text += end + (text[end] == '\n');
    }
  g_string_append (frame, "\033[J");
  g_string_append_printf (frame, "\033[%u;1H", height);
  put_keys (top, frame, width);
  fwrite (frame->str, 1, frame->len, stdout);
  fflush (stdout);
}

/* Returns: whether there is something new to draw */
static bool
take_key (Top *top, char key)
{
  for (unsigned i = 0; i < BY_LAST; i++)
    if (orders[i].key == key)
      {
        top->sorting.order = (Order)i;
        return true;
      }
  switch (key)
    {
    case 'q':
    case 'Q':
    case 3: /* Ctrl-C */
    case 4: /* Ctrl-D */
      top->over = true;
      return false;
    case 'r':
      top->sorting.reversed = !top->sorting.reversed;
      return true;
    case '+':
      top->delay_ms = MAX (top->delay_ms / 2, SMALLEST_DELAY_MS);
      return true;
    case '-':
      top->delay_ms = MIN (top->delay_ms * 2, 3600000);
      return true;
    default:
      return true;
    }
}

/* Waits for keys until the next look is due. */
static void
wait_for_keys (Top *top)
{
  int64_t due = g_get_monotonic_time () + (int64_t)top->delay_ms * 1000;
  struct pollfd fds[] = {
    { .fd = STDIN_FILENO, .events = POLLIN },
    { .fd = vmt_terminal_signal_fd (), .events = POLLIN },
  };

  while (!top->over)
    {
      int64_t rest = due - g_get_monotonic_time ();
      char key;

      if (rest <= 0)
        return;
      if (poll (fds, G_N_ELEMENTS (fds), (int)(rest / 1000) + 1) < 0)
        {
          /* The window's size has changed, or we were stopped: draw it all again. */
          if (errno == EINTR)
            draw (top);
          continue;
        }
      if (fds[1].revents != 0)
        top->over = true;
      else if (fds[0].revents != 0)
        {
          if (read (STDIN_FILENO, &key, 1) != 1)
            top->over = true;
          else if (take_key (top, key))
            draw (top);
        }
    }
}

static bool
run_on_terminal (Top *top, GError **error)
{
  bool good = true;

  vmt_terminal_listen ();
  vmt_terminal_set_mode (VMT_TERMINAL_RAW);
  fputs ("\033[?25l\033[2J", stdout);
  while (good && !top->over)
    {
      VmtSamples *samples = vmt_samples_take (top->client, top->flags, top->samples, error);

      good = samples != NULL;
      if (!good)
        break;
      g_clear_pointer (&top->samples, vmt_samples_free);
      top->samples = samples;
      draw (top);
      wait_for_keys (top);
    }
  fputs ("\r\n\033[?25h", stdout);
  fflush (stdout);
  vmt_terminal_set_mode (VMT_TERMINAL_FOUND);
  if (vmt_terminal_signal () != 0)
    vmt_terminal_die (vmt_terminal_signal ());
  return good;
}

/* ---- the command ---- */

static bool
run_once (const VmtCall *call, Top *top, GError **error)
{
  uint64_t delay_ms = vmt_call_has (call, "delay") ? top->delay_ms : ONCE_MS;
  g_autoptr (VmtSamples) before = vmt_samples_take (top->client, top->flags, NULL, error);

  if (before == NULL)
    return false;
  g_usleep (delay_ms * 1000);
  top->samples = vmt_samples_take (top->client, top->flags, before, error);
  if (top->samples == NULL)
    return false;
  g_array_sort_with_data (top->samples->samples, compare, &top->sorting);
  print_samples (vmt_call_printer (call), top->samples, G_MAXUINT);
  return true;
}

static bool
run (VmtCall *call, GError **error)
{
  Top top = {
    .client = vmt_connection_get (error),
    .sorting = { (Order)vmt_call_enum (call, "sort"), false },
    .flags = vmt_call_flag (call, "all") ? 0 : VMT_LIST_ACTIVE,
    .delay_ms = MAX (vmt_call_ms (call, "delay"), SMALLEST_DELAY_MS),
  };
  bool good;

  if (top.client == NULL)
    return false;
  if (vmt_call_flag (call, "once") || vmt_printer_is_json (vmt_call_printer (call)) ||
      !isatty (STDIN_FILENO) || !isatty (STDOUT_FILENO))
    good = run_once (call, &top, error);
  else
    good = run_on_terminal (&top, error);
  g_clear_pointer (&top.samples, vmt_samples_free);
  return good;
}

static const VmtOption options[] = {
  { "delay", VMT_SECONDS, N_ ("time between two looks"), .otherwise = "2" },
  { "sort", VMT_ENUM, N_ ("what comes first"), .otherwise = "cpu", .names = &order_names },
  { "all", VMT_FLAG, N_ ("show domains that do not run, too") },
  { "once", VMT_FLAG, N_ ("print one table and end, as without a terminal") },
  { NULL },
};

const VmtCommand vmt_top = {
  "top", N_ ("Show how busy domains are, again and again"), options, run, VMT_GROUP_MONITOR,
  .details = N_ ("CPU % is of one processor, so that a domain with two vCPUs can reach 200. Resident "
                 "is what the domain takes of the host's memory. Keys sort and quit; the last line "
                 "names them. Without a terminal, and with --json, one table is printed."),
  .connects = true,
};
