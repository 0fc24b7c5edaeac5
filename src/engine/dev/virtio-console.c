/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio console with one port, see virtio-port.h. A console with several ports, named, is
 * virtio-serial.c.
 *
 * Source: VIRTIO 1.2 §5.3
 */
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio-port.h"

#include <linux/virtio_console.h>

enum
{
  RECEIVE,
  TRANSMIT,
  N_QUEUES,
};

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (N_QUEUES);
  uint64_t sent;                /* bytes written of the chain at the head of the transmit queue */
} CopVirtioConsoleState;
COP_STATE_END

typedef struct
{
  CopVirtio                    virtio;
  CopVirtioConsoleState        s;
  struct virtio_console_config config;
  CopVirtioPort port;
} CopVirtioConsole;

static const CopStateRow console_rows[] = {
  COP_VIRTIO_STATE_ROWS (CopVirtioConsoleState),
  COP_STATE (CopVirtioConsoleState, sent),
};
static const CopStateTable console_state = { "virtio-console", 1,
                                             COP_STATE_ROWS (CopVirtioConsoleState, console_rows) };

static void
work (CopVirtio *virtio)
{
  bool again;

  g_mutex_lock (&virtio->device.lock);
  again = cop_virtio_port_transmit (&((CopVirtioConsole *) virtio)->port);
  g_mutex_unlock (&virtio->device.lock);
  if (again)
    cop_virtio_schedule (virtio);
}

static bool
stop (CopVirtio *virtio, unsigned patience_ms G_GNUC_UNUSED)
{
  cop_virtio_port_finish (&((CopVirtioConsole *) virtio)->port);
  return true;
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  cop_virtio_port_notify (&((CopVirtioConsole *) virtio)->port, vq);
}

/* One byte for a driver that has no queues yet. */
static void
config_write (CopVirtio *virtio, unsigned offset, unsigned size, uint64_t value)
{
  uint8_t byte = value;

  if (offset == offsetof (struct virtio_console_config, emerg_wr) && size == 4)
    cop_chardev_write (((CopVirtioConsole *) virtio)->port.chardev, &byte, 1);
}

static void
finalize (CopDevice *device)
{
  cop_virtio_port_clear (&((CopVirtioConsole *) device)->port);
  cop_virtio_finalize (device);
}

static const CopVirtioClass console_class = {
  .device_id = VIRTIO_ID_CONSOLE,
  .queue_size = 64,
  .n_queues = N_QUEUES,
  .stop = stop,
  .notify = notify,
  .work = work,
  .config_write = config_write,
};

const CopDeviceType cop_virtio_console_type = {
  .name = "virtio-console",
  .instance_size = sizeof (CopVirtioConsole),
  .state = &console_state,
  .state_offset = offsetof (CopVirtioConsole, s),
  .finalize = finalize,
  COP_VIRTIO_MMIO_TYPE,
};

CopDevice *
cop_virtio_console_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                        CopConsoleConfig *config)
{
  CopVirtioConsole *console = cop_device_new (&cop_virtio_console_type, id, ram, context, gpa);
  CopVirtio *virtio = &console->virtio;

  cop_virtio_init (virtio, &console_class, console->s.mmio, console->s.virtio, console->s.queues);
  virtio->features |=
    COP_VIRTIO_FEATURE (VIRTIO_CONSOLE_F_SIZE) | COP_VIRTIO_FEATURE (VIRTIO_CONSOLE_F_EMERG_WRITE);
  console->config.cols = GUINT16_TO_LE (80);
  console->config.rows = GUINT16_TO_LE (25);
  console->config.max_nr_ports = GUINT32_TO_LE (1);
  virtio->config = &console->config;
  virtio->config_size = sizeof console->config;
  console->port = (CopVirtioPort){
    .virtio = virtio,
    .receive = RECEIVE,
    .transmit = TRANSMIT,
    .sent = &console->s.sent,
  };
  cop_virtio_port_init (&console->port, config);
  return &virtio->device;
}

void
cop_virtio_console_resize (CopDevice *device, uint16_t columns, uint16_t rows)
{
  CopVirtioConsole *console = (CopVirtioConsole *)device;

  g_mutex_lock (&device->lock);
  if (console->config.cols != GUINT16_TO_LE (columns) ||
      console->config.rows != GUINT16_TO_LE (rows))
    {
      console->config.cols = GUINT16_TO_LE (columns);
      console->config.rows = GUINT16_TO_LE (rows);
      cop_virtio_config_changed (&console->virtio);
    }
  g_mutex_unlock (&device->lock);
}
