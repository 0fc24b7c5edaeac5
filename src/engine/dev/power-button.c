/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The power button, as a virtio input device: stock kernels of every distribution have a driver for
 * it, which cannot be said of gpio-keys.
 *
 *   press --> s.to_send --> events --> buffers of the event queue
 *                           key down, report, key up, report
 *
 * Source: VIRTIO 1.2 §5.8; Linux Documentation/input/event-codes.rst
 */
#include "engine/dev/power-button.h"
#include "engine/dev/virtio.h"

#include <inttypes.h>
#include <linux/input.h>
#include <linux/virtio_input.h>
#include <string.h>

enum
{
  EVENTS,
  STATUS, /* LEDs, which a button has none of */
  N_QUEUES,
};

COP_STATE_BEGIN
typedef struct
{
  COP_VIRTIO_STATE_MEMBERS (N_QUEUES);
  uint8_t select, subsel; /* what the config space shows */
  uint8_t to_send; /* events of a press that the driver has not got yet: the last ones of `press` */
  uint8_t reserved[5];
} PowerButtonState;
COP_STATE_END

typedef struct
{
  CopVirtio virtio;
  PowerButtonState s;
  struct virtio_input_config config; /* follows select and subsel */
} PowerButton;

static const struct
{
  uint16_t type, code;
  uint32_t value;
} press[] = {
  { EV_KEY, KEY_POWER, 1 },
  { EV_SYN, SYN_REPORT, 0 },
  { EV_KEY, KEY_POWER, 0 },
  { EV_SYN, SYN_REPORT, 0 },
};

static const CopStateRow button_rows[] = {
  COP_VIRTIO_STATE_ROWS (PowerButtonState),
  COP_STATE (PowerButtonState, select),
  COP_STATE (PowerButtonState, subsel),
  /* Every driver begins with a reset: it shall hear of a press that came before. */
  COP_STATE (PowerButtonState, to_send, .max = G_N_ELEMENTS (press), .survives_reset = true),
  COP_STATE_ARRAY (PowerButtonState, reserved),
};
static const CopStateTable button_state = {
  "power-button",
  1,
  COP_STATE_ROWS (PowerButtonState, button_rows),
  .may_lack = true,
};

/* ---- the config space ---- */

/* Shows what the driver has selected. The lock is held. */
static void
fill_config (PowerButton *button)
{
  static const char name[] = "Power Button";
  struct virtio_input_config *config = &button->config;

  *config = (struct virtio_input_config){
    .select = button->s.select,
    .subsel = button->s.subsel,
  };
  switch (config->select)
    {
    case VIRTIO_INPUT_CFG_ID_NAME:
      config->size = strlen (name);
      memcpy (config->u.string, name, strlen (name));
      break;
    case VIRTIO_INPUT_CFG_ID_DEVIDS:
      config->size = sizeof config->u.ids;
      config->u.ids.bustype = GUINT16_TO_LE (BUS_VIRTUAL);
      config->u.ids.version = GUINT16_TO_LE (1);
      break;
    case VIRTIO_INPUT_CFG_EV_BITS:
      if (config->subsel != EV_KEY)
        break;
      config->size = KEY_POWER / 8 + 1;
      config->u.bitmap[KEY_POWER / 8] = 1 << (KEY_POWER % 8);
      break;
    default:
      break;
    }
}

static void
config_write (CopVirtio *virtio, unsigned offset, unsigned size, uint64_t value)
{
  PowerButton *button = (PowerButton *) virtio;

  if (size != 1)
    return;
  if (offset == offsetof (struct virtio_input_config, select))
    button->s.select = value;
  else if (offset == offsetof (struct virtio_input_config, subsel))
    button->s.subsel = value;
  fill_config (button);
}

/* ---- queues ---- */

/* Puts the next event of a press into a buffer. Returns: false when there is no buffer for it */
static bool
send_event (PowerButton *button)
{
  CopVirtio *virtio = &button->virtio;
  CopVirtqueue *vq = &virtio->queues[EVENTS];
  CopVirtqueueChain *chain = &virtio->chain;
  unsigned index = G_N_ELEMENTS (press) - button->s.to_send;
  const struct virtio_input_event event = {
    .type = GUINT16_TO_LE (press[index].type),
    .code = GUINT16_TO_LE (press[index].code),
    .value = GUINT32_TO_LE (press[index].value),
  };

  if (!cop_virtqueue_pop (vq, chain))
    return false;
  if (chain->in_length < sizeof event)
    {
      cop_virtio_broken (virtio, "a buffer for events has %" PRIu64 " bytes, but an event has %zu",
                         chain->in_length, sizeof event);
      return false;
    }
  cop_iov_write (chain->iov + chain->n_out, chain->n_in, 0, &event, sizeof event);
  cop_iov_written (virtio->device.ram, chain->iov + chain->n_out, chain->n_in, sizeof event);
  cop_virtqueue_push (vq, chain->head, sizeof event);
  button->s.to_send--;
  return true;
}

/* Gives back what the driver says of LEDs. */
static void
drain_status (CopVirtio *virtio)
{
  CopVirtqueue *vq = &virtio->queues[STATUS];
  unsigned budget = COP_VIRTQUEUE_MAX_SIZE;

  while (budget-- > 0 && cop_virtqueue_pop (vq, &virtio->chain))
    cop_virtqueue_push (vq, virtio->chain.head, 0);
  cop_virtqueue_publish (vq);
  if (cop_virtqueue_arm (vq))
    cop_virtio_schedule (virtio);
}

/* On the I/O thread. */
static void
work (CopVirtio *virtio)
{
  PowerButton *button = (PowerButton *) virtio;
  CopVirtqueue *vq = &virtio->queues[EVENTS];

  g_mutex_lock (&virtio->device.lock);
  if (cop_virtio_running (virtio))
    {
      while (button->s.to_send > 0 && send_event (button))
        ;
      cop_virtqueue_publish (vq);
      /* Buffers are of no interest to a button that nobody presses. */
      if (button->s.to_send > 0 && cop_virtqueue_arm (vq))
        cop_virtio_schedule (virtio);
    }
  if (cop_virtio_running (virtio))
    drain_status (virtio);
  g_mutex_unlock (&virtio->device.lock);
}

static void
notify (CopVirtio *virtio, CopVirtqueue *vq)
{
  if (vq->index == STATUS || ((PowerButton *) virtio)->s.to_send > 0)
    cop_virtio_schedule (virtio);
}

void
cop_power_button_press (CopDevice *device)
{
  PowerButton *button = (PowerButton *) device;

  g_mutex_lock (&device->lock);
  /* Who presses again and again, faster than the guest listens, has pressed once. */
  if (button->s.to_send == 0)
    button->s.to_send = G_N_ELEMENTS (press);
  g_mutex_unlock (&device->lock);
  cop_virtio_schedule (&button->virtio);
}

/* ---- the device ---- */

static void
button_reset (CopDevice *device)
{
  cop_virtio_reset (device);
  fill_config ((PowerButton *) device);
}

static void
button_resume (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  fill_config ((PowerButton *) device);
  g_mutex_unlock (&device->lock);
  cop_virtio_resume (device);
}

static void
start (CopVirtio *virtio)
{
  cop_virtio_schedule (virtio);
}

static const CopVirtioClass button_class = {
  .device_id = VIRTIO_ID_INPUT,
  .queue_size = 64,
  .n_queues = N_QUEUES,
  .start = start,
  .notify = notify,
  .work = work,
  .config_write = config_write,
};

const CopDeviceType cop_power_button_type = {
  .name = "power-button",
  .instance_size = sizeof (PowerButton),
  .state = &button_state,
  .state_offset = offsetof (PowerButton, s),
  .finalize = cop_virtio_finalize,
  COP_VIRTIO_MMIO_TYPE_WITH (button_reset, button_resume),
};

CopDevice *
cop_power_button_new (const char *id, CopRam *ram, GMainContext *context, uint64_t gpa)
{
  PowerButton *button = cop_device_new (&cop_power_button_type, id, ram, context, gpa);

  cop_virtio_init (&button->virtio, &button_class, button->s.mmio, button->s.virtio,
                   button->s.queues);
  button->virtio.config = &button->config;
  button->virtio.config_size = sizeof button->config;
  fill_config (button);
  return &button->virtio.device;
}
