/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a run ended: messages, statistics, exit status.
 */
#pragma once

#include "engine/machine.h"

#include <stdbool.h>
#include <stdio.h>

/* Why vmtool stopped the machine, when it was not the machine's own end. */
typedef enum
{
  VMT_STOP_NONE,                /* the machine ended by itself */
  VMT_STOP_TIMEOUT,             /* --timeout */
  VMT_STOP_MONITOR,             /* poweroff in the monitor */
  VMT_STOP_SIGNAL,
  VMT_STOP_OUTPUT,              /* nobody reads standard output any more */
} VmtStop;

typedef struct
{
  VmtStop  stop;
  CopEnd   end;
  double   seconds;             /* of wall clock, from the first instruction on */
  uint64_t instructions;        /* of all harts, since the last reset */
  uint64_t resident;            /* bytes of host memory at most */
  uint64_t pc;                  /* of hart 0 */
  double   timeout;             /* of --timeout, seconds */
  uint64_t max_instructions;
  const char *difference;       /* (unowned) (nullable): what --verify found */
} VmtReport;

/* Returns: what vmtool exits with; see vmt_exit_rows. Signals are not its business. */
int vmt_report_status (const VmtReport *report);

/* One figure of the machine's. */
typedef struct
{
  char     name[56];
  uint64_t value;
} VmtStatistic;

/* Returns: (transfer full) (element-type VmtStatistic): the figures of now */
GArray *vmt_statistics_collect (CopMachine *machine);

/* Prints statistics as a table. */
void vmt_statistics_print (const GArray *statistics, FILE *out);

/**
 * vmt_report_print:
 * @statistics: (nullable) (element-type VmtStatistic): NULL when none are wanted
 *
 * Says on standard error how the run ended: a line when it did not end well, a JSON object with
 * @json.
 */
void vmt_report_print (const VmtReport *report, const GArray *statistics, bool json);
