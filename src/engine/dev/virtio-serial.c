/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtio console with several ports.
 *
 *   queues 0, 1        of port 0, which drivers take for a console: nobody is at its other end
 *   queues 2, 3        control messages to the driver, and from it
 *   queues 4, 5 ...    of port 1 and so on: channels
 *
 *   driver: DEVICE_READY --> PORT_ADD of each port
 *           PORT_READY   --> PORT_NAME, PORT_OPEN: whether the host's side has somebody
 *           PORT_OPEN    --> the guest has opened or closed the port
 *
 * What is to be told is kept as bits, not as messages: what the driver has no buffer for is told
 * later, and as it is then.
 *
 * Source: VIRTIO 1.2 §5.3
 */
#include "engine/dev/virtio-serial.h"
#include "engine/dev/virtio-port.h"

#include <inttypes.h>
#include <linux/virtio_console.h>
#include <string.h>

#define PORT(channel) ((channel) + 1)
#define RECEIVE(port) (2 * (port) + ((port) == 0 ? 0 : 2))
#define TRANSMIT(port) (RECEIVE (port) + 1)

enum
{
  CONTROL_RECEIVE = 2,
  CONTROL_TRANSMIT = 3,
  N_QUEUES = 2 * (COP_MAX_CHANNELS + 2),
};
_Static_assert(N_QUEUES <= COP_VIRTIO_MAX_QUEUES, "every channel has two queues");

/* Messages that the driver is to get about a port, in the order in which it gets them. */
enum
{
  TELL_ADD = 1 << 0,
  TELL_NAME = 1 << 1,
  TELL_OPEN = 1 << 2,
  TELL_ALL = (1 << 3) - 1,
};

/* Longer ones are of no use to a driver. */
#define NAME_MAX_BYTES 128

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (N_QUEUES);
  uint64_t
    sent[COP_MAX_CHANNELS]; /* bytes written of the chain at the head of the transmit queue */
  uint8_t to_tell[COP_MAX_CHANNELS]; /* TELL_* */
  bool ready[COP_MAX_CHANNELS]; /* the driver has taken the port */
  bool open[COP_MAX_CHANNELS]; /* a program in the guest has it open */
} SerialState;
COP_STATE_END

typedef struct
{
  CopVirtio virtio;
  SerialState s;
  struct virtio_console_config config;
  CopVirtioPort ports[COP_MAX_CHANNELS];
  char *names[COP_MAX_CHANNELS]; /* (owned) */
  unsigned n_channels;
  CopChannelFunc func; /* (nullable) */
  gpointer data;
  bool told[COP_MAX_CHANNELS]; /* what func was told last */
} Serial;

static const CopStateRow serial_rows[] = {
  COP_VIRTIO_STATE_ROWS (SerialState),
  COP_STATE_ARRAY (SerialState, sent),
  COP_STATE_ARRAY (SerialState, to_tell, .mask = TELL_ALL),
  COP_STATE_ARRAY (SerialState, ready),
  COP_STATE_ARRAY (SerialState, open),
};
static const CopStateTable serial_state = { "virtio-serial", 1,
                                            COP_STATE_ROWS (SerialState, serial_rows) };

/* Tells the machine which channels the guest has open, as far as that has changed. */
static void
tell_machine (Serial *serial)
{
  for (unsigned i = 0; i < serial->n_channels; i++)
    if (serial->told[i] != serial->s.open[i])
      {
        serial->told[i] = serial->s.open[i];
        if (serial->func != NULL)
          serial->func (serial->data, i, serial->told[i]);
      }
}

/* ---- control messages ---- */

/* Puts a message into the driver's next buffer. Returns: false when it has none */
static bool
send_control (Serial *serial, unsigned channel, uint16_t event, uint16_t value, const char *name)
{
  CopVirtio *virtio = &serial->virtio;
  CopVirtqueue *vq = &virtio->queues[CONTROL_RECEIVE];
  CopVirtqueueChain *chain = &virtio->chain;
  const struct virtio_console_control control = {
    .id = GUINT32_TO_LE (PORT (channel)),
    .event = GUINT16_TO_LE (event),
    .value = GUINT16_TO_LE (value),
  };
  /* With the zero that ends it, as drivers are used to. */
  size_t name_length = name != NULL ? strlen (name) + 1 : 0;
  size_t length = sizeof control + name_length;

  if (!cop_virtqueue_pop (vq, chain))
    return false;
  if (chain->in_length < length)
    {
      cop_virtio_broken (
        virtio, "a buffer for control messages has %" PRIu64 " bytes, but a message has %zu",
        chain->in_length, length);
      return false;
    }
  cop_iov_write (chain->iov + chain->n_out, chain->n_in, 0, &control, sizeof control);
  if (name != NULL)
    cop_iov_write (chain->iov + chain->n_out, chain->n_in, sizeof control, name, name_length);
  cop_iov_written (virtio->device.ram, chain->iov + chain->n_out, chain->n_in, length);
  cop_virtqueue_push (vq, chain->head, length);
  return true;
}

/* Sends one thing that is to be told of a channel. Returns: false when there is no buffer for it */
static bool
tell_one (Serial *serial, unsigned channel)
{
  uint8_t what = serial->s.to_tell[channel] & -serial->s.to_tell[channel];
  bool sent = false;

  switch (what)
    {
    case TELL_ADD:
      sent = send_control (serial, channel, VIRTIO_CONSOLE_PORT_ADD, 1, NULL);
      break;
    case TELL_NAME:
      sent = send_control (serial, channel, VIRTIO_CONSOLE_PORT_NAME, 1, serial->names[channel]);
      break;
    case TELL_OPEN:
      sent = send_control (serial, channel, VIRTIO_CONSOLE_PORT_OPEN,
                           cop_chardev_is_open (serial->ports[channel].chardev), NULL);
      break;
    default:
      return false;
    }
  if (sent)
    serial->s.to_tell[channel] &= ~what;
  return sent;
}

/* Returns: whether something is left to tell, for want of buffers */
static bool
tell_driver (Serial *serial)
{
  bool left = false;

  for (unsigned i = 0; i < serial->n_channels; i++)
    {
      while (serial->s.to_tell[i] != 0 && tell_one (serial, i))
        ;
      left |= serial->s.to_tell[i] != 0;
    }
  cop_virtqueue_publish (&serial->virtio.queues[CONTROL_RECEIVE]);
  return left;
}

static void
set_open (Serial *serial, unsigned channel, bool open)
{
  serial->s.open[channel] = open;
  /* What the host has sent meanwhile may come in now. */
  if (open)
    cop_chardev_accept_input (serial->ports[channel].chardev);
}

/* What it says of ports that there are not is none of our business. */
static void
handle_control (Serial *serial, const struct virtio_console_control *control)
{
  uint32_t id = GUINT32_FROM_LE (control->id);
  bool value = control->value != 0;
  unsigned channel = id - PORT (0);
  bool known = id >= PORT (0) && channel < serial->n_channels;

  switch (GUINT16_FROM_LE (control->event))
    {
    case VIRTIO_CONSOLE_DEVICE_READY:
      for (unsigned i = 0; value && i < serial->n_channels; i++)
        serial->s.to_tell[i] = TELL_ADD;
      break;
    case VIRTIO_CONSOLE_PORT_READY:
      if (!known)
        break;
      serial->s.ready[channel] = value;
      serial->s.to_tell[channel] = value ? TELL_NAME | TELL_OPEN : 0;
      break;
    case VIRTIO_CONSOLE_PORT_OPEN:
      if (known)
        set_open (serial, channel, value);
      break;
    default:
      break;
    }
}

/* Returns: whether to come back soon */
static bool
take_controls (Serial *serial)
{
  CopVirtio *virtio = &serial->virtio;
  CopVirtqueue *vq = &virtio->queues[CONTROL_TRANSMIT];
  unsigned budget = COP_VIRTQUEUE_MAX_SIZE;

  while (budget-- > 0 && cop_virtqueue_pop (vq, &virtio->chain))
    {
      struct virtio_console_control control;

      if (cop_iov_read (virtio->chain.iov, virtio->chain.n_out, 0, &control, sizeof control) ==
          sizeof control)
        handle_control (serial, &control);
      cop_virtqueue_push (vq, virtio->chain.head, 0);
    }
  cop_virtqueue_publish (vq);
  return cop_virtqueue_arm (vq);
}

/* Returns: whether to come back soon */
static bool
drain_port_0 (CopVirtio *virtio)
{
  CopVirtqueue *vq = &virtio->queues[TRANSMIT (0)];
  unsigned budget = COP_VIRTQUEUE_MAX_SIZE;

  while (budget-- > 0 && cop_virtqueue_pop (vq, &virtio->chain))
    cop_virtqueue_push (vq, virtio->chain.head, 0);
  cop_virtqueue_publish (vq);
  return cop_virtqueue_arm (vq);
}

/* ---- the device ---- */

/* On the I/O thread. */
static void
work (CopVirtio *virtio)
{
  Serial *serial = (Serial *) virtio;
  bool again = false;

  g_mutex_lock (&virtio->device.lock);
  if (cop_virtio_running (virtio))
    {
      again = drain_port_0 (virtio);
      again = take_controls (serial) || again;
      if (tell_driver (serial) && cop_virtqueue_arm (&virtio->queues[CONTROL_RECEIVE]))
        again = true;
    }
  for (unsigned i = 0; i < serial->n_channels; i++)
    again = cop_virtio_port_transmit (&serial->ports[i]) || again;
  tell_machine (serial);
  g_mutex_unlock (&virtio->device.lock);
  if (again)
    cop_virtio_schedule (virtio);
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  Serial *serial = (Serial *) virtio;
  unsigned channel = vq->index / 2 - 2;

  if (vq->index == TRANSMIT (0) || vq->index == CONTROL_RECEIVE || vq->index == CONTROL_TRANSMIT)
    cop_virtio_schedule (virtio);
  else if (vq->index > CONTROL_TRANSMIT && channel < serial->n_channels)
    cop_virtio_port_notify (&serial->ports[channel], vq);
}

/* The host's side of a port has come or gone. */
static void
port_opened (CopVirtioPort *port, bool open G_GNUC_UNUSED)
{
  Serial *serial = (Serial *) port->virtio;
  unsigned channel = port - serial->ports;

  g_mutex_lock (&serial->virtio.device.lock);
  if (serial->s.ready[channel])
    serial->s.to_tell[channel] |= TELL_OPEN;
  g_mutex_unlock (&serial->virtio.device.lock);
  cop_virtio_schedule (&serial->virtio);
}

/* A driver that has reset the device has no port open: that is seen once the state is reset. */
static bool
stop (CopVirtio *virtio, unsigned patience_ms G_GNUC_UNUSED)
{
  Serial *serial = (Serial *) virtio;

  for (unsigned i = 0; i < serial->n_channels; i++)
    cop_virtio_port_finish (&serial->ports[i]);
  cop_virtio_schedule (virtio);
  return true;
}

static void
serial_reset (CopDevice *device)
{
  cop_virtio_reset (device);
  tell_machine ((Serial *) device);
}

static void
serial_resume (CopDevice *device)
{
  Serial *serial = (Serial *) device;

  g_mutex_lock (&device->lock);
  /* Whoever was at the other end when the state was saved need not be there now. */
  for (unsigned i = 0; i < serial->n_channels; i++)
    if (serial->s.ready[i])
      serial->s.to_tell[i] |= TELL_OPEN;
  g_mutex_unlock (&device->lock);
  cop_virtio_resume (device);
  cop_virtio_schedule (&serial->virtio);
}

static void
finalize (CopDevice *device)
{
  Serial *serial = (Serial *) device;

  for (unsigned i = 0; i < serial->n_channels; i++)
    {
      cop_virtio_port_clear (&serial->ports[i]);
      g_free (serial->names[i]);
    }
  cop_virtio_finalize (device);
}

static const CopVirtioClass serial_class = {
  .device_id = VIRTIO_ID_CONSOLE,
  .queue_size = 64,
  .n_queues = N_QUEUES,
  .stop = stop,
  .notify = notify,
  .work = work,
};

const CopDeviceType cop_virtio_serial_type = {
  .name = "virtio-serial",
  .instance_size = sizeof (Serial),
  .state = &serial_state,
  .state_offset = offsetof (Serial, s),
  .finalize = finalize,
  COP_VIRTIO_MMIO_TYPE_WITH (serial_reset, serial_resume),
};

CopDevice *
cop_virtio_serial_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa,
                       CopChannelConfig *channels, unsigned n_channels, CopChannelFunc func,
                       gpointer data)
{
  Serial *serial = cop_device_new (&cop_virtio_serial_type, id, ram, context, gpa);
  CopVirtio *virtio = &serial->virtio;

  g_assert (n_channels <= COP_MAX_CHANNELS);
  cop_virtio_init (virtio, &serial_class, serial->s.mmio, serial->s.virtio, serial->s.queues);
  virtio->features |= COP_VIRTIO_FEATURE (VIRTIO_CONSOLE_F_MULTIPORT);
  serial->config.max_nr_ports = GUINT32_TO_LE (PORT (n_channels));
  virtio->config = &serial->config;
  virtio->config_size = sizeof serial->config;
  serial->func = func;
  serial->data = data;
  serial->n_channels = n_channels;
  for (unsigned i = 0; i < n_channels; i++)
    {
      serial->names[i] = g_strndup (channels[i].name, NAME_MAX_BYTES);
      serial->ports[i] = (CopVirtioPort){
        .virtio = virtio,
        .receive = RECEIVE (PORT (i)),
        .transmit = TRANSMIT (PORT (i)),
        .sent = &serial->s.sent[i],
        .guest_open = &serial->s.open[i],
        .opened = port_opened,
      };
      cop_virtio_port_init (&serial->ports[i], &channels[i].console);
    }
  return &virtio->device;
}
