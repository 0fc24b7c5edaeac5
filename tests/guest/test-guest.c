/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs a bare guest program on every engine: test-guest HARTS PROGRAM.elf. The program passes when
 * it ends by tohost or the finisher with code 0; what it prints on its UART says what went wrong.
 */
#include "common/fd.h"
#include "common/units.h"
#include "engine/machine.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S 120           /* of one program on one engine; they take less than a second */

static unsigned    harts;
static const char *program;

/* How a program is run. */
typedef struct
{
  const char *name, *engine;
  uint32_t    hot_samples;      /* 0: the default */
} Row;

static const Row rows[] = {
  { "hybrid", "hybrid" },
  { "jit", "jit" },
  { "interp", "interp" },
  { "hot", "jit", 1 },          /* whatever is found running is optimised at once */
};

typedef struct
{
  GMutex lock;
  GCond  changed;
  bool   ended;                 /* guarded by lock */
  CopEnd end;                   /* guarded by lock */
} Outcome;

static void
note_end (gpointer data, CopEnd end)
{
  Outcome *outcome = data;

  g_mutex_lock (&outcome->lock);
  outcome->ended = true;
  outcome->end = end;
  g_cond_signal (&outcome->changed);
  g_mutex_unlock (&outcome->lock);
}

static void
ignore_reset (gpointer data)
{
  (void) data;
}

/* False when the time is over. */
static bool
wait_end (Outcome *outcome)
{
  int64_t deadline = g_get_monotonic_time () + TIMEOUT_S * G_USEC_PER_SEC;
  bool    in_time = true;

  g_mutex_lock (&outcome->lock);
  while (!outcome->ended && in_time)
    in_time = g_cond_wait_until (&outcome->changed, &outcome->lock, deadline);
  g_mutex_unlock (&outcome->lock);
  return in_time;
}

/* (transfer full): what the UART wrote into @fd */
static char *
read_console (int fd)
{
  char    text[4096];
  ssize_t n = pread (fd, text, sizeof (text), 0);

  return g_strndup (text, MAX (n, 0));
}

static CopMachineConfig *
bare_config (const Row *row, int console)
{
  CopMachineConfig *config = cop_machine_config_new ();
  g_autoptr (GError) error = NULL;
  char  *contents;
  size_t length;

  g_file_get_contents (program, &contents, &length, &error);
  g_assert_no_error (error);
  config->kernel = g_bytes_new_take (contents, length);
  config->kernel_label = g_strdup (program);
  config->boot = COP_BOOT_BARE;
  config->engine = row->engine;
  config->engine_config.hot_samples = row->hot_samples;
  config->harts = harts;
  config->memory = 64 * COP_MIB;
  config->console.out_fd = dup (console);
  return config;
}

static void
test_program (gconstpointer data)
{
  const Row             *row = data;
  const CopMachineEvents events = { .ended = note_end, .reset = ignore_reset };
  Outcome                outcome = { .ended = false };
  g_autoptr (CopMachine) machine = NULL;
  g_autoptr (GError)     error = NULL;
  g_autofree char       *name = NULL, *output = NULL;
  cop_autofd int         console = g_file_open_tmp ("test-guest-XXXXXX", &name, &error);

  g_assert_no_error (error);
  g_unlink (name);
  g_mutex_init (&outcome.lock);
  g_cond_init (&outcome.changed);
  machine = cop_machine_new (bare_config (row, console), &events, &outcome, &error);
  g_assert_no_error (error);
  cop_machine_resume (machine, &error);
  g_assert_no_error (error);
  if (!wait_end (&outcome))
    {
      g_test_message ("no end after %d s", TIMEOUT_S);
      g_test_fail ();
      cop_machine_power_off (machine);
    }
  else if ((outcome.end.reason != COP_END_POWEROFF && outcome.end.reason != COP_END_TOHOST) ||
           outcome.end.code != 0)
    {
      g_test_message ("ended with reason %d, code %u", outcome.end.reason, outcome.end.code);
      g_test_fail ();
    }
  cop_machine_wait (machine);
  g_clear_pointer (&machine, cop_machine_free);
  output = read_console (console);
  if (output[0] != '\0')
    g_test_message ("%s", output);
  g_cond_clear (&outcome.changed);
  g_mutex_clear (&outcome.lock);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc != 3)
    {
      g_printerr ("usage: test-guest HARTS PROGRAM.elf\n");
      return 2;
    }
  harts = (unsigned) g_ascii_strtoull (argv[1], NULL, 10);
  program = argv[2];
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *base = g_path_get_basename (program);
      g_autofree char *path = g_strdup_printf ("/guest/%s/%s", base, rows[i].name);

      /* Not every host has every engine. */
      if (cop_engine_find (rows[i].engine) != NULL)
        g_test_add_data_func (path, &rows[i], test_program);
    }
  return g_test_run ();
}
