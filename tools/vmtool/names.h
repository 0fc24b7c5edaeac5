/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libvirt's words for the numbers of its protocol.
 *
 * They are part of the interface, in JSON and as text, and so are not translated.
 */
#pragma once

#include <stdint.h>

/* libvirt's numbers of a domain's states. */
typedef enum
{
  VMT_STATE_NONE,
  VMT_STATE_RUNNING,
  VMT_STATE_BLOCKED,
  VMT_STATE_PAUSED,
  VMT_STATE_SHUTDOWN,
  VMT_STATE_SHUTOFF,
  VMT_STATE_CRASHED,
  VMT_STATE_PMSUSPENDED,
  VMT_STATE_LAST,
} VmtState;

/* Each gives "unknown" for a number that has no name here. */
const char *vmt_state_name (int state);
const char *vmt_reason_name (int state, int reason);
const char *vmt_lifecycle_name (int event);
const char *vmt_lifecycle_detail (int event, int detail);
const char *vmt_vcpu_state_name (int state);
