/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The Goldfish real-time clock: wall-clock time in ns since 1970, and one alarm.
 *
 *     0x00  TIME_LOW    reading latches TIME_HIGH; writing sets the time, high half as written
 *     0x04  TIME_HIGH
 *     0x08  ALARM_LOW   writing sets the alarm, high half as written
 *     0x0c  ALARM_HIGH
 *     0x10  IRQ_ENABLED         0x18  ALARM_STATUS
 *     0x14  CLEAR_ALARM         0x1c  CLEAR_INTERRUPT
 *
 * The state holds how far the guest's clock is off the host's: a machine that is restored, or grown
 * from a template, has today's time.
 *
 * Source: Goldfish virtual hardware, docs/GOLDFISH-VIRTUAL-HARDWARE.TXT ("goldfish RTC"), and the
 * drivers of Linux, U-Boot and OpenSBI for the order of accesses
 */
#include "engine/dev/rtc.h"

enum
{
  TIME_LOW = 0x00,
  TIME_HIGH = 0x04,
  ALARM_LOW = 0x08,
  ALARM_HIGH = 0x0c,
  IRQ_ENABLED = 0x10,
  CLEAR_ALARM = 0x14,
  ALARM_STATUS = 0x18,
  CLEAR_INTERRUPT = 0x1c,
};

/* The host's clock may be set while an alarm is awaited: look again at least this often. */
#define LOOK_AGAIN_US (60 * G_USEC_PER_SEC)

COP_STATE_BEGIN
typedef struct
{
  uint64_t offset_ns;           /* guest time minus the host's, modulo 2^64 */
  uint64_t alarm_ns;            /* guest time */
  uint32_t time_high;           /* latched by a read of TIME_LOW, or written */
  uint32_t alarm_high;          /* written */
  bool     alarm_set;
  bool     irq_pending;
  bool     irq_enabled;
  uint8_t  reserved[5];
} RtcState;
COP_STATE_END

typedef struct
{
  CopDevice parent;
  RtcState  s;
  GSource  *alarm;              /* (owned) */
  bool      quiet;              /* between quiesce and resume the alarm waits */
} Rtc;

static const CopStateRow rtc_rows[] = {
  /* A reset is no reason to forget the time. */
  COP_STATE (RtcState, offset_ns, .survives_reset = true),
  COP_STATE (RtcState, alarm_ns),
  COP_STATE (RtcState, time_high),
  COP_STATE (RtcState, alarm_high),
  COP_STATE (RtcState, alarm_set),
  COP_STATE (RtcState, irq_pending),
  COP_STATE (RtcState, irq_enabled),
  COP_STATE_ARRAY (RtcState, reserved),
};
static const CopStateTable rtc_state = { "rtc", 1, COP_STATE_ROWS (RtcState, rtc_rows) };

static uint64_t
host_ns (void)
{
  return (uint64_t) g_get_real_time () * 1000;
}

static uint64_t
guest_ns (const Rtc *rtc)
{
  return host_ns () + rtc->s.offset_ns;
}

/* Fires an alarm that is due, or sets the source to look again. The lock is held. */
static void
check_alarm (Rtc *rtc)
{
  uint64_t now = guest_ns (rtc);
  int64_t ready = -1;

  if (rtc->s.alarm_set && !rtc->quiet)
    {
      if (rtc->s.alarm_ns <= now)
        {
          rtc->s.alarm_set = false;
          rtc->s.irq_pending = true;
        }
      else
        ready = g_get_monotonic_time () +
                (int64_t) MIN ((rtc->s.alarm_ns - now) / 1000 + 1, LOOK_AGAIN_US);
    }
  g_source_set_ready_time (rtc->alarm, ready);
}

static gboolean
alarm_ready (gpointer data)
{
  Rtc *rtc = data;

  g_mutex_lock (&rtc->parent.lock);
  check_alarm (rtc);
  cop_device_update_irq (&rtc->parent);
  g_mutex_unlock (&rtc->parent.lock);
  return G_SOURCE_CONTINUE;
}

static bool
rtc_irq_level (const CopDevice *device)
{
  const Rtc *rtc = (const Rtc *) device;

  return rtc->s.irq_pending && rtc->s.irq_enabled;
}

static uint64_t
rtc_read (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size)
{
  Rtc *rtc = (Rtc *) device;
  uint64_t now;

  switch (offset)
    {
    case TIME_LOW:
      now = guest_ns (rtc);
      rtc->s.time_high = now >> 32;
      return (uint32_t) now;
    case TIME_HIGH:
      return rtc->s.time_high;
    case ALARM_LOW:
      return (uint32_t) rtc->s.alarm_ns;
    case ALARM_HIGH:
      return rtc->s.alarm_ns >> 32;
    case IRQ_ENABLED:
      return rtc->s.irq_enabled;
    case ALARM_STATUS:
      return rtc->s.alarm_set;
    default:
      return 0;
    }
}

static void
rtc_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  Rtc *rtc = (Rtc *) device;

  switch (offset)
    {
    case TIME_LOW:
      rtc->s.offset_ns = ((uint64_t) rtc->s.time_high << 32 | value) - host_ns ();
      check_alarm (rtc);
      break;
    case TIME_HIGH:
      rtc->s.time_high = value;
      break;
    case ALARM_LOW:
      rtc->s.alarm_ns = (uint64_t) rtc->s.alarm_high << 32 | value;
      rtc->s.alarm_set = true;
      check_alarm (rtc);
      break;
    case ALARM_HIGH:
      rtc->s.alarm_high = value;
      break;
    case IRQ_ENABLED:
      rtc->s.irq_enabled = value & 1;
      break;
    case CLEAR_ALARM:
      rtc->s.alarm_set = false;
      check_alarm (rtc);
      break;
    case CLEAR_INTERRUPT:
      rtc->s.irq_pending = false;
      break;
    default:
      break;
    }
}

static void
rtc_reset (CopDevice *device)
{
  check_alarm ((Rtc *) device);
}

static void
set_quiet (CopDevice *device, bool quiet)
{
  Rtc *rtc = (Rtc *) device;

  g_mutex_lock (&device->lock);
  rtc->quiet = quiet;
  check_alarm (rtc);
  cop_device_update_irq (device);
  g_mutex_unlock (&device->lock);
}

static bool
rtc_quiesce (CopDevice *device, unsigned patience_ms)
{
  (void) patience_ms;
  set_quiet (device, true);
  return true;
}

static void
rtc_resume (CopDevice *device)
{
  set_quiet (device, false);
}

static void
rtc_finalize (CopDevice *device)
{
  Rtc *rtc = (Rtc *) device;

  g_source_destroy (rtc->alarm);
  g_source_unref (rtc->alarm);
}

const CopDeviceType cop_rtc_type = {
  .name = "rtc",
  .compatible = "google,goldfish-rtc",
  .instance_size = sizeof (Rtc),
  .mmio_size = 0x1000,
  .access_sizes = 4,
  .state = &rtc_state,
  .state_offset = offsetof (Rtc, s),
  .read = rtc_read,
  .write = rtc_write,
  .irq_level = rtc_irq_level,
  .reset = rtc_reset,
  .quiesce = rtc_quiesce,
  .resume = rtc_resume,
  .finalize = rtc_finalize,
};

static gboolean
dispatch_alarm (G_GNUC_UNUSED GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs alarm_funcs = { .dispatch = dispatch_alarm };

CopDevice *
cop_rtc_new (const char *id, uint64_t gpa, GMainContext *context)
{
  Rtc *rtc = cop_device_new (&cop_rtc_type, id, NULL, context, gpa);

  rtc->alarm = g_source_new (&alarm_funcs, sizeof (GSource));
  g_source_set_static_name (rtc->alarm, "rtc alarm");
  g_source_set_callback (rtc->alarm, alarm_ready, rtc, NULL);
  g_source_attach (rtc->alarm, context);
  return &rtc->parent;
}
