/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How busy domains are: what changed between two looks at their counters.
 */
#pragma once

#include "vmtool/domain.h"

typedef struct
{
  CopRemoteDomain dom; /* (owned) */
  int state;
  unsigned vcpus;
  uint64_t memory, resident; /* bytes; resident 0: not known */
  uint64_t cpu_time; /* ns, since it started */
  uint64_t read, written, received, sent; /* bytes, since it started */
  /* Between this look and the one before; 0 at the first. */
  double cpu_percent; /* of one processor */
  double read_rate, write_rate, receive_rate, send_rate; /* bytes per second */
} VmtSample;

typedef struct
{
  GArray *samples; /* (owned) (element-type VmtSample) */
  int64_t taken_at; /* monotonic us */
} VmtSamples;

/**
 * vmt_samples_take:
 * @flags: VMT_LIST_...
 * @before: (nullable): the look before
 *
 * Returns: (transfer full): how all domains are now
 */
VmtSamples *vmt_samples_take (CopClient *client, uint32_t flags, const VmtSamples *before,
                              GError **error);
void vmt_samples_free (VmtSamples *samples);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmtSamples, vmt_samples_free)
