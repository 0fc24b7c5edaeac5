/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Programs and procedures: what may be called, with which structs, by whom. A program is one table
 * written as rows in a .def file (remote.def: libvirt's own; driver/vm.def: between the daemon and
 * coppice-vm). protocol-types.h makes structs and numbers of the rows, protocol-tables.h the
 * tables.
 */
#pragma once

#include "driver/wire/xdr.h"

/* Who may call. */
typedef enum
{
  COP_PROC_ACCESS_READ, /* everybody */
  COP_PROC_ACCESS_WRITE, /* not on read-only connections */
} CopProcAccess;

typedef enum
{
  COP_PROC_PLAIN = 0,
  COP_PROC_HI = 1 << 0, /* never waits for a guest or a job: has workers of its own */
  COP_PROC_EVENT = 1 << 1, /* server to client, never called */
  COP_PROC_STREAM_DOWN = 1 << 2,
  COP_PROC_STREAM_UP = 1 << 3,
  COP_PROC_FDS_IN = 1 << 4, /* takes descriptors */
  COP_PROC_FDS_OUT = 1 << 5, /* gives descriptors */
  COP_PROC_ANYBODY = 1 << 6, /* also before authentication */
  COP_PROC_UNOPENED = 1 << 7, /* before CONNECT_OPEN, but after authentication */
} CopProcFlags;

typedef struct
{
  const char *name; /* "DOMAIN_CREATE_XML"; NULL: there is no such number */
  CopXdrTypeFunc args;
  CopXdrTypeFunc ret; /* of an event: its payload */
  CopProcAccess access;
  uint32_t write_flags; /* bits of `flags` (of `source`, if there are none) that need a
                           connection that may write */
  CopProcFlags flags;
} CopProcedure;

typedef struct
{
  uint32_t number;
  uint32_t version;
  const char *name; /* for messages and logs */
  const CopProcedure *procedures; /* indexed by number */
  uint32_t n_procedures; /* the highest number, plus one */
  bool phrases; /* errors carry libvirt's phrase in front of the message */
} CopProgram;

/**
 * cop_program_find:
 * Returns: (transfer none) (nullable): the procedure, or NULL if there is none of that number
 */
static inline const CopProcedure *
cop_program_find (const CopProgram *program, int32_t number)
{
  if (number < 0 || (uint32_t) number >= program->n_procedures ||
      program->procedures[number].name == NULL)
    return NULL;
  return &program->procedures[number];
}
