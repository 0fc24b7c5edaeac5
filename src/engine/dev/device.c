/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What all devices share: life, reset, and the interrupt line.
 */
#include "engine/dev/device.h"

gpointer
cop_device_new (const CopDeviceType *type, const char *id, CopRam *ram, GMainContext *context,
                uint64_t gpa)
{
  CopDevice *device = g_malloc0 (type->instance_size);

  device->type = type;
  device->id = g_strdup (id);
  device->ram = ram;
  device->context = context;
  device->gpa = gpa;
  g_mutex_init (&device->lock);
  if (type->state != NULL)
    cop_state_init (type->state, cop_device_state (device));
  return device;
}

void
cop_device_free (CopDevice *device)
{
  if (device == NULL)
    return;
  if (device->type->finalize != NULL)
    device->type->finalize (device);
  g_mutex_clear (&device->lock);
  g_free (device->id);
  g_free (device);
}

void
cop_device_connect_irq (CopDevice *device, unsigned irq, CopIrqSink sink)
{
  device->irq = irq;
  device->sink = sink;
}

static bool
wanted_level (const CopDevice *device)
{
  return device->type->irq_level != NULL && device->type->irq_level (device);
}

static void
hand_over (CopDevice *device, bool level)
{
  device->irq_raised = level;
  if (device->sink.set != NULL && device->irq != 0)
    device->sink.set (device->sink.controller, device->irq, level);
}

void
cop_device_update_irq (CopDevice *device)
{
  bool level = wanted_level (device);

  if (level != device->irq_raised)
    hand_over (device, level);
}

void
cop_device_replay_irq (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  hand_over (device, wanted_level (device));
  g_mutex_unlock (&device->lock);
}

void
cop_device_reset (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  if (device->type->state != NULL)
    cop_state_reset (device->type->state, cop_device_state (device));
  if (device->type->reset != NULL)
    device->type->reset (device);
  hand_over (device, wanted_level (device));
  g_mutex_unlock (&device->lock);
}
