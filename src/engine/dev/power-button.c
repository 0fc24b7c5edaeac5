/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The power button, on a SiFive GPIO controller with one pin: what a stock kernel for RISC-V has
 * drivers for.
 *
 *   pressed --> pin --> input_val          rise, fall, high, low: each
 *                |--> rise_ip, fall_ip       ie: may interrupt
 *                `--> high_ip, low_ip        ip: has happened; a 1 written clears it
 *
 * Source: SiFive FU540-C000 Manual, chapter 17; Linux
 * Documentation/devicetree/bindings/gpio/sifive,gpio.yaml and input/gpio-keys.yaml
 */
#include "engine/dev/power-button.h"
#include "engine/dev/platform.h"

#include <libfdt.h>
#include <linux/input-event-codes.h>

/* Longer than gpio-keys takes a bouncing contact for. */
#define PRESS_MS 250

COP_STATE_BEGIN
typedef struct
{
  bool pressed;
  bool input_en, output_en;
  bool rise_ie, rise_ip, fall_ie, fall_ip;
  bool high_ie, high_ip, low_ie, low_ip;
  bool output_val, output_xor, pull_up, drive;
} PowerButtonState;
COP_STATE_END

typedef struct
{
  CopDevice parent;
  PowerButtonState s;
  GSource *release; /* (owned) (nullable): lets go of the button; guarded by lock */
} PowerButton;

static const CopStateRow button_rows[] = {
  /* A finger does not notice a reset. */
  COP_STATE (PowerButtonState, pressed, .survives_reset = true),
  COP_STATE (PowerButtonState, input_en),
  COP_STATE (PowerButtonState, output_en),
  COP_STATE (PowerButtonState, rise_ie),
  COP_STATE (PowerButtonState, rise_ip),
  COP_STATE (PowerButtonState, fall_ie),
  COP_STATE (PowerButtonState, fall_ip),
  COP_STATE (PowerButtonState, high_ie),
  COP_STATE (PowerButtonState, high_ip),
  COP_STATE (PowerButtonState, low_ie),
  COP_STATE (PowerButtonState, low_ip),
  COP_STATE (PowerButtonState, output_val),
  COP_STATE (PowerButtonState, output_xor),
  COP_STATE (PowerButtonState, pull_up),
  COP_STATE (PowerButtonState, drive),
};
static const CopStateTable button_state = {
  "power-button",
  1,
  COP_STATE_ROWS (PowerButtonState, button_rows),
  .may_lack = true,
};

typedef enum
{
  READ_ONLY,
  STORED,
  ONE_CLEARS,
} Access;

static const struct
{
  uint16_t offset;
  Access access;
  size_t member;
} registers[] = {
  /* clang-format off */
  { 0x00, READ_ONLY,  offsetof (PowerButtonState, pressed) },
  { 0x04, STORED,     offsetof (PowerButtonState, input_en) },
  { 0x08, STORED,     offsetof (PowerButtonState, output_en) },
  { 0x0c, STORED,     offsetof (PowerButtonState, output_val) },
  { 0x10, STORED,     offsetof (PowerButtonState, pull_up) },
  { 0x14, STORED,     offsetof (PowerButtonState, drive) },
  { 0x18, STORED,     offsetof (PowerButtonState, rise_ie) },
  { 0x1c, ONE_CLEARS, offsetof (PowerButtonState, rise_ip) },
  { 0x20, STORED,     offsetof (PowerButtonState, fall_ie) },
  { 0x24, ONE_CLEARS, offsetof (PowerButtonState, fall_ip) },
  { 0x28, STORED,     offsetof (PowerButtonState, high_ie) },
  { 0x2c, ONE_CLEARS, offsetof (PowerButtonState, high_ip) },
  { 0x30, STORED,     offsetof (PowerButtonState, low_ie) },
  { 0x34, ONE_CLEARS, offsetof (PowerButtonState, low_ip) },
  { 0x40, STORED,     offsetof (PowerButtonState, output_xor) },
  /* clang-format on */
};

/* The pin as the controller sees it: an input that is off reads as 0. */
static bool
pin (const PowerButtonState *s)
{
  return s->pressed && s->input_en;
}

/* What is pending as long as the pin stays as it is. */
static void
latch_level (PowerButtonState *s)
{
  s->high_ip |= pin (s);
  s->low_ip |= !pin (s);
}

static uint64_t
button_read (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size)
{
  const PowerButton *button = (const PowerButton *) device;

  if (offset == 0)
    return pin (&button->s);
  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    if (registers[i].offset == offset)
      return *((const bool *) ((const uint8_t *) &button->s + registers[i].member));
  return 0;
}

static void
button_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  PowerButton *button = (PowerButton *) device;
  bool before = pin (&button->s);

  for (unsigned i = 0; i < G_N_ELEMENTS (registers); i++)
    {
      bool *member = (bool *) ((uint8_t *) &button->s + registers[i].member);

      if (registers[i].offset != offset)
        continue;
      if (registers[i].access == STORED)
        *member = value & 1;
      else if (registers[i].access == ONE_CLEARS && (value & 1) != 0)
        *member = false;
    }
  button->s.rise_ip |= !before && pin (&button->s);
  button->s.fall_ip |= before && !pin (&button->s);
  latch_level (&button->s);
  cop_device_update_irq (device);
}

static bool
button_irq_level (const CopDevice *device)
{
  const PowerButtonState *s = &((const PowerButton *) device)->s;

  return (s->rise_ie && s->rise_ip) || (s->fall_ie && s->fall_ip) || (s->high_ie && s->high_ip) ||
         (s->low_ie && s->low_ip);
}

/* The lock is held. */
static void
set_pressed (PowerButton *button, bool pressed)
{
  PowerButtonState *s = &button->s;
  bool before = pin (s);

  s->pressed = pressed;
  s->rise_ip |= !before && pin (s);
  s->fall_ip |= before && !pin (s);
  latch_level (s);
  cop_device_update_irq (&button->parent);
}

/* The lock is held. */
static void
forget_release (PowerButton *button)
{
  if (button->release == NULL)
    return;
  g_source_destroy (button->release);
  g_clear_pointer (&button->release, g_source_unref);
}

static gboolean
release (gpointer data)
{
  PowerButton *button = data;

  g_mutex_lock (&button->parent.lock);
  set_pressed (button, false);
  forget_release (button);
  g_mutex_unlock (&button->parent.lock);
  return G_SOURCE_REMOVE;
}

/* The lock is held. */
static void
release_later (PowerButton *button)
{
  forget_release (button);
  button->release = g_timeout_source_new (PRESS_MS);
  g_source_set_callback (button->release, release, button, NULL);
  g_source_set_static_name (button->release, "power button");
  g_source_attach (button->release, button->parent.context);
}

void
cop_power_button_press (CopDevice *device)
{
  PowerButton *button = (PowerButton *) device;

  g_mutex_lock (&device->lock);
  set_pressed (button, true);
  release_later (button);
  g_mutex_unlock (&device->lock);
}

static void
button_quiesce (CopDevice *device)
{
  g_mutex_lock (&device->lock);
  forget_release ((PowerButton *) device);
  g_mutex_unlock (&device->lock);
}

static void
button_resume (CopDevice *device)
{
  PowerButton *button = (PowerButton *) device;

  g_mutex_lock (&device->lock);
  if (button->s.pressed)
    release_later (button);
  g_mutex_unlock (&device->lock);
}

static void
button_finalize (CopDevice *device)
{
  forget_release ((PowerButton *) device);
}

/* The controller's node, and beside /soc the key on its pin. */
static int
button_fdt (const CopDevice *device, void *fdt)
{
  const fdt32_t key_pin[] = { cpu_to_fdt32 (COP_PHANDLE_GPIO), 0, 0 };
  int node = cop_device_fdt_node (device, fdt);
  int result;

  if (node < 0)
    return node;
  if ((result = fdt_setprop_u32 (fdt, node, "phandle", COP_PHANDLE_GPIO)) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "#gpio-cells", 2)) != 0 ||
      (result = fdt_setprop (fdt, node, "gpio-controller", NULL, 0)) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "ngpios", 1)) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "#interrupt-cells", 2)) != 0 ||
      (result = fdt_setprop (fdt, node, "interrupt-controller", NULL, 0)) != 0)
    return result;

  node = fdt_add_subnode (fdt, 0, "gpio-keys");
  if (node < 0)
    return node;
  if ((result = fdt_setprop_string (fdt, node, "compatible", "gpio-keys")) != 0)
    return result;
  node = fdt_add_subnode (fdt, node, "poweroff");
  if (node < 0)
    return node;
  if ((result = fdt_setprop_string (fdt, node, "label", "Power Button")) != 0 ||
      (result = fdt_setprop_u32 (fdt, node, "linux,code", KEY_POWER)) != 0)
    return result;
  return fdt_setprop (fdt, node, "gpios", key_pin, sizeof key_pin);
}

const CopDeviceType cop_power_button_type = {
  .name = "power-button",
  .fdt_name = "gpio",
  .compatible = "sifive,gpio0",
  .instance_size = sizeof (PowerButton),
  .mmio_size = 0x1000,
  .access_sizes = 4,
  .state = &button_state,
  .state_offset = offsetof (PowerButton, s),
  .read = button_read,
  .write = button_write,
  .irq_level = button_irq_level,
  .quiesce = button_quiesce,
  .resume = button_resume,
  .fdt = button_fdt,
  .finalize = button_finalize,
};

CopDevice *
cop_power_button_new (const char *id, GMainContext *context, uint64_t gpa)
{
  return cop_device_new (&cop_power_button_type, id, NULL, context, gpa);
}
