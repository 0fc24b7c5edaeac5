/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What tests of one device need around it: a bus, and somebody who listens to its lines.
 */
#pragma once

#include "engine/dev/bus.h"
#include "engine/dev/hart-lines.h"

#include <string.h>

/* Lines of up to 64 harts: a bit for each interrupt, as in mip. */
typedef struct
{
  GMutex   lock;
  GCond    changed;
  uint64_t level[64];           /* guarded by lock */
  unsigned sets;                /* guarded by lock: calls so far */
} TestLines;

static inline void
test_lines_set (gpointer data, unsigned hart, CopIrq irq, bool level)
{
  TestLines *lines = data;

  g_mutex_lock (&lines->lock);
  lines->sets++;
  if (level)
    lines->level[hart] |= COP_IRQ_BIT (irq);
  else
    lines->level[hart] &= ~COP_IRQ_BIT (irq);
  g_cond_broadcast (&lines->changed);
  g_mutex_unlock (&lines->lock);
}

static inline CopHartLines
test_lines_sink (TestLines *lines)
{
  return (CopHartLines) { test_lines_set, lines };
}

static inline bool
test_lines_get (TestLines *lines, unsigned hart, CopIrq irq)
{
  bool level;

  g_mutex_lock (&lines->lock);
  level = (lines->level[hart] & COP_IRQ_BIT (irq)) != 0;
  g_mutex_unlock (&lines->lock);
  return level;
}

/* Waits for as long as it takes. */
static inline void
test_lines_wait (TestLines *lines, unsigned hart, CopIrq irq, bool level)
{
  g_mutex_lock (&lines->lock);
  while (((lines->level[hart] & COP_IRQ_BIT (irq)) != 0) != level)
    g_cond_wait (&lines->changed, &lines->lock);
  g_mutex_unlock (&lines->lock);
}

/* A device on a bus of its own, its interrupt line watched. */
typedef struct
{
  CopBus     bus;
  CopDevice *device;            /* owned by the bus */
  bool       irq;
  unsigned   irq_changes;
} TestDevice;

static inline void
test_device_irq (gpointer data, G_GNUC_UNUSED unsigned source, bool level)
{
  TestDevice *test = data;

  test->irq = level;
  test->irq_changes++;
}

static inline void
test_device_init (TestDevice *test, CopDevice *device)
{
  memset (test, 0, sizeof (*test));
  test->device = device;
  cop_bus_init (&test->bus);
  cop_bus_add (&test->bus, device);
  cop_device_connect_irq (device, 1, (CopIrqSink) { test_device_irq, test });
}

static inline void
test_device_clear (TestDevice *test)
{
  cop_bus_clear (&test->bus);
}

static inline uint64_t
test_device_read (TestDevice *test, uint64_t offset, unsigned size)
{
  uint64_t value = 0xdead;

  g_assert_true (cop_bus_read (&test->bus, test->device->gpa + offset, size, &value));
  return value;
}

static inline void
test_device_write (TestDevice *test, uint64_t offset, unsigned size, uint64_t value)
{
  g_assert_true (cop_bus_write (&test->bus, test->device->gpa + offset, size, value));
}
