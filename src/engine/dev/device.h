/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every device is to the machine: a type (table of functions), an instance that begins with
 * CopDevice, and a state struct inside it that is all a snapshot carries.
 *
 *   hart thread --> cop_bus_read/write --> [device lock] type->read/write
 *   I/O thread  --> device's own sources --> [device lock] ... cop_device_update_irq
 *
 * Locking: each device has one lock. The bus holds it around read, write and irq_level; code of the
 * I/O thread takes it itself. A device may call into RAM, and into the interrupt controller by way
 * of cop_device_update_irq(), while it holds its lock; it never takes another device's lock.
 */
#pragma once

#include "engine/ram.h"
#include "engine/riscv/trap.h"
#include "engine/state.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct CopDevice CopDevice;
typedef struct CopDeviceType CopDeviceType;
typedef struct CopMachine CopMachine;

/* Where a device's interrupt line ends: a PLIC source. Levels, never edges. */
typedef struct
{
  void   (*set) (gpointer controller, unsigned source, bool level);
  gpointer controller;
} CopIrqSink;

struct CopDeviceType
{
  const char          *name;            /* "uart": ids are name and number */
  const char          *fdt_name;        /* (nullable) of the device tree node; NULL: as name */
  const char          *compatible;      /* of the node: strings with spaces between */
  size_t               instance_size;
  uint64_t             mmio_size;       /* bytes */
  unsigned             access_sizes;    /* mask of 1, 2, 4, 8: the accesses that reach the device;
                                           0 means all; others are access faults */
  const CopStateTable *state;           /* NULL: the device has none */
  size_t               state_offset;    /* of the state struct in the instance */

  uint64_t (*read)      (CopDevice *device, uint64_t offset, unsigned size);
  void     (*write)     (CopDevice *device, uint64_t offset, unsigned size, uint64_t value);
  /* A pure function of the state: the level of the interrupt line. */
  bool     (*irq_level) (const CopDevice *device);
  /* Host-side part of a reset; the state is at its reset values already. */
  void     (*reset)     (CopDevice *device);
  /* No new work is begun. Returns: whether all in flight is finished or named by state. If not, the
     host owes answers and gave none for @patience_ms: call it again, resume(), or reset(), which
     does without them. On the I/O thread with the lock free, harts stopped. */
  bool     (*quiesce)   (CopDevice *device, unsigned patience_ms);
  /* Rebuilds what is derived from state and begins to work (again): after load and after quiesce,
     whatever that returned. Called as quiesce is. */
  void     (*resume)    (CopDevice *device);
  /* Adds what the device has in the device tree; NULL: the plain node of cop_device_fdt_node().
     @fdt is open for libfdt's read-write functions and has /soc. Returns: 0, or libfdt's error. */
  int      (*fdt)       (const CopDevice *device, void *fdt);
  void     (*finalize)  (CopDevice *device);
};

struct CopDevice
{
  const CopDeviceType *type;
  char                *id;              /* (owned) */
  CopRam              *ram;             /* (unowned) */
  GMainContext        *context;         /* (unowned): the I/O thread's */
  uint64_t             gpa;             /* of the registers */
  unsigned             irq;             /* PLIC source; 0: none */
  CopIrqSink           sink;
  bool                 irq_raised;      /* last level handed to the sink; guarded by lock */
  /* atomic: monotonic us; a hart that waits in the device for the host waits no longer, since the
     machine is about to be reset or to end. 0: it waits for as long as that takes */
  int64_t              give_up_at;
  GMutex               lock;
};

/* Whether a hart that waits in @device for the host has waited enough. */
static inline bool
cop_device_gives_up (const CopDevice *device)
{
  int64_t at = __atomic_load_n (&device->give_up_at, __ATOMIC_ACQUIRE);

  return at != 0 && g_get_monotonic_time () >= at;
}

/**
 * cop_device_new:
 * Allocates an instance with its state at the reset values. The type's own constructor
 * (cop_uart_new() and so on) calls it first.
 */
gpointer cop_device_new (const CopDeviceType *type, const char *id, CopRam *ram,
                         GMainContext *context, uint64_t gpa);
void cop_device_free (CopDevice *device);

/* The instance's state struct, or NULL. */
static inline void *
cop_device_state (const CopDevice *device)
{
  return device->type->state == NULL ? NULL : (uint8_t *) device + device->type->state_offset;
}

/* Connects the interrupt line: @irq is a PLIC source of @sink. */
void cop_device_connect_irq (CopDevice *device, unsigned irq, CopIrqSink sink);

/* Hands the level that the state implies to the sink, if it changed. The lock is held. */
void cop_device_update_irq (CopDevice *device);

/* The same, whatever was handed over before: after a load or reset. Takes the lock. */
void cop_device_replay_irq (CopDevice *device);

/* Resets state and host side, lowers the line. Takes the lock. */
void cop_device_reset (CopDevice *device);

/* Adds what @device has in the device tree. @fdt and the result as in CopDeviceType. */
int cop_device_fdt (const CopDevice *device, void *fdt);

/**
 * cop_device_fdt_node:
 * Adds the plain node of @device below /soc: compatible, reg and, when a line is connected,
 * interrupts.
 *
 * Returns: the node's offset, or libfdt's error
 */
int cop_device_fdt_node (const CopDevice *device, void *fdt);

/**
 * cop_device_fdt_hart_lines:
 * @irqs: interrupts of each hart, in the order of the property
 *
 * Sets interrupts-extended: for harts 0 to @harts - 1 each of @irqs.
 *
 * Returns: 0, or libfdt's error
 */
int cop_device_fdt_hart_lines (void *fdt, int node, unsigned harts, const CopIrq *irqs,
                               unsigned n_irqs);
