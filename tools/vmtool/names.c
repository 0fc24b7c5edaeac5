/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libvirt's words for the numbers of its protocol, as virsh prints them.
 */
#include "vmtool/names.h"

#include <glib.h>

#define UNKNOWN "unknown"
#define MOST 16

/* A number's name and those of the numbers that explain it. */
typedef struct
{
  const char *name;
  const char *details[MOST];
} Row;

/* clang-format off */
static const Row states[] = {
  { "no state",    { UNKNOWN } },
  { "running",     { UNKNOWN, "booted", "migrated", "restored", "from snapshot", "unpaused",
                     "migration canceled", "save canceled", "event wakeup", "crashed",
                     "post-copy" } },
  { "idle",        { UNKNOWN } },
  { "paused",      { UNKNOWN, "user", "migrating", "saving", "dumping", "I/O error", "watchdog",
                     "from snapshot", "shutting down", "creating snapshot", "crashed",
                     "starting up", "post-copy", "post-copy failed" } },
  { "in shutdown", { UNKNOWN, "user" } },
  { "shut off",    { UNKNOWN, "shutdown", "destroyed", "crashed", "migrated", "saved", "failed",
                     "from snapshot", "daemon" } },
  { "crashed",     { UNKNOWN, "panicked" } },
  { "pmsuspended", { UNKNOWN } },
};

static const Row lifecycles[] = {
  { "Defined",     { "Added", "Updated", "Renamed", "Snapshot" } },
  { "Undefined",   { "Removed", "Renamed" } },
  { "Started",     { "Booted", "Migrated", "Restored", "Snapshot", "Event wakeup" } },
  { "Suspended",   { "Paused", "Migrated", "I/O Error", "Watchdog", "Restored", "Snapshot",
                     "API error", "Post-copy", "Post-copy Error" } },
  { "Resumed",     { "Unpaused", "Migrated", "Snapshot", "Post-copy", "Post-copy Error" } },
  { "Stopped",     { "Shutdown", "Destroyed", "Crashed", "Migrated", "Saved", "Failed",
                     "Snapshot" } },
  { "Shutdown",    { "Finished", "Finished after guest request",
                     "Finished after host request" } },
  { "PMSuspended", { "Memory", "Disk" } },
  { "Crashed",     { "Panicked", "Crashloaded" } },
};

static const char *const vcpu_states[] = { "offline", "running", "blocked" };
/* clang-format on */

static const char *
name_of (const Row *rows, unsigned n_rows, int number)
{
  return number >= 0 && (unsigned)number < n_rows ? rows[number].name : UNKNOWN;
}

static const char *
detail_of (const Row *rows, unsigned n_rows, int number, int detail)
{
  if (number < 0 || (unsigned)number >= n_rows || detail < 0 || detail >= MOST ||
      rows[number].details[detail] == NULL)
    return UNKNOWN;
  return rows[number].details[detail];
}

const char *
vmt_state_name (int state)
{
  return name_of (states, G_N_ELEMENTS (states), state);
}

const char *
vmt_reason_name (int state, int reason)
{
  return detail_of (states, G_N_ELEMENTS (states), state, reason);
}

const char *
vmt_lifecycle_name (int event)
{
  return name_of (lifecycles, G_N_ELEMENTS (lifecycles), event);
}

const char *
vmt_lifecycle_detail (int event, int detail)
{
  return detail_of (lifecycles, G_N_ELEMENTS (lifecycles), event, detail);
}

const char *
vmt_vcpu_state_name (int state)
{
  return state >= 0 && (unsigned)state < G_N_ELEMENTS (vcpu_states) ? vcpu_states[state] : UNKNOWN;
}
