/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What must hold of every device type: one row of makers each, and the rest walks the list.
 *
 *   tables    rows tile the struct byte for byte, names are unique, reset values are allowed
 *   states    random states survive a copy by rows; a reset leaves survivors alone
 *   fuzz      random accesses, resets, pauses and loaded states: no crash, and a valid state after
 *   fdt       the node of each device is one that libfdt accepts, and can be found
 */
#include "engine/clock.h"
#include "engine/dev/aclint.h"
#include "engine/dev/device-types.h"
#include "engine/dev/finisher.h"
#include "engine/dev/platform.h"
#include "engine/dev/plic.h"
#include "engine/dev/power-button.h"
#include "engine/dev/rtc.h"
#include "engine/dev/uart.h"
#include "engine/dev/virtio-balloon.h"
#include "engine/dev/virtio-devices.h"
#include "engine/dev/virtio-serial.h"
#include "engine/dev/vmgenid.h"
#include "engine/riscv/hart.h"
#include "test-device.h"

#include <fcntl.h>
#include <libfdt.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE UINT64_C (0x400000)
#define DEVICE_GPA UINT64_C (0x10000000)
#define HARTS 2

/* What the makers may use. */
typedef struct
{
  GMainContext *context;
  CopRam       *ram;
  TestLines     lines;
  CopHartLines  sink;
  CopClock      clock;
  CopTimers    *timers;
  unsigned      finished;
} World;

/* A console on /dev/zero and /dev/null: input without end, output for nobody. */
static CopConsoleConfig
make_console (void)
{
  return (CopConsoleConfig) { open ("/dev/zero", O_RDONLY | O_CLOEXEC),
                              open ("/dev/null", O_WRONLY | O_CLOEXEC), -1, -1 };
}

static void
count_finish (gpointer data, G_GNUC_UNUSED CopFinish finish, G_GNUC_UNUSED uint32_t code)
{
  ((World *) data)->finished++;
}

static CopDevice *
make_finisher (World *world)
{
  return cop_finisher_new ("d0", DEVICE_GPA, count_finish, world);
}

static CopDevice *
make_rtc (World *world)
{
  return cop_rtc_new ("d0", DEVICE_GPA, world->context);
}

static CopDevice *
make_mswi (World *world)
{
  return cop_mswi_new ("d0", DEVICE_GPA, HARTS, &world->sink);
}

static CopDevice *
make_mtimer (World *world)
{
  return cop_mtimer_new ("d0", DEVICE_GPA, HARTS, world->timers);
}

static CopDevice *
make_sswi (World *world)
{
  return cop_sswi_new ("d0", DEVICE_GPA, HARTS, &world->sink);
}

static CopDevice *
make_plic (World *world)
{
  return cop_plic_new ("d0", DEVICE_GPA, HARTS, &world->sink);
}

static CopDevice *
make_uart (World *world)
{
  CopConsoleConfig console = make_console ();

  return cop_uart_new ("d0", DEVICE_GPA, world->context,
                       cop_chardev_new (&console, world->context));
}

static CopDevice *
make_vmgenid (G_GNUC_UNUSED World *world)
{
  static const uint8_t generation_id[COP_VMGENID_SIZE] = { 1 };

  return cop_vmgenid_new ("d0", DEVICE_GPA, generation_id);
}

static CopDevice *
make_power_button (World *world)
{
  return cop_power_button_new ("d0", world->ram, world->context, DEVICE_GPA);
}

static CopDevice *
make_blk (World *world)
{
  g_autoptr (GError) error = NULL;
  char label[] = "disk";
  CopDiskConfig disk = { .fd = memfd_create ("disk", MFD_CLOEXEC), .label = label };
  CopDevice *device;

  g_assert_cmpint (ftruncate (disk.fd, 1 << 20), ==, 0);
  device = cop_virtio_blk_new ("d0", world->ram, world->context, DEVICE_GPA, &disk, &error);
  g_assert_no_error (error);
  return device;
}

static CopDevice *
make_console_device (World *world)
{
  CopConsoleConfig console = make_console ();

  return cop_virtio_console_new ("d0", world->ram, world->context, DEVICE_GPA, &console);
}

static CopDevice *
make_net (World *world)
{
  g_autoptr (GError) error = NULL;
  CopNicConfig nic = { .kind = COP_NET_USER, .fd = -1, .mac = { 0x52, 0x54, 0, 0, 0, 1 } };
  CopDevice *device
    = cop_virtio_net_new ("d0", world->ram, world->context, DEVICE_GPA, &nic, &error);

  g_assert_no_error (error);
  return device;
}

static CopDevice *
make_rng (World *world)
{
  return cop_virtio_rng_new ("d0", world->ram, world->context, DEVICE_GPA);
}

static CopDevice *
make_balloon (World *world)
{
  return cop_virtio_balloon_new ("d0", world->ram, world->context, DEVICE_GPA, NULL, NULL, NULL);
}

static CopDevice *
make_serial (World *world)
{
  char name[] = "org.example.0";
  CopChannelConfig channels[2] = { { name, make_console () }, { name, make_console () } };

  return cop_virtio_serial_new ("d0", world->ram, world->context, DEVICE_GPA, channels, 2, NULL,
                                NULL);
}

static const struct
{
  const CopDeviceType *type;
  CopDevice         *(*make) (World *world);
} makers[] = {
  /* clang-format off */
  { &cop_finisher_type,       make_finisher },
  { &cop_power_button_type,   make_power_button },
  { &cop_rtc_type,            make_rtc },
  { &cop_mswi_type,           make_mswi },
  { &cop_mtimer_type,         make_mtimer },
  { &cop_sswi_type,           make_sswi },
  { &cop_plic_type,           make_plic },
  { &cop_uart_type,           make_uart },
  { &cop_vmgenid_type,        make_vmgenid },
  { &cop_virtio_balloon_type, make_balloon },
  { &cop_virtio_blk_type,     make_blk },
  { &cop_virtio_console_type, make_console_device },
  { &cop_virtio_net_type,     make_net },
  { &cop_virtio_rng_type,     make_rng },
  { &cop_virtio_serial_type,  make_serial },
  /* clang-format on */
};

static CopDevice *
make (World *world, const CopDeviceType *type)
{
  for (size_t i = 0; i < G_N_ELEMENTS (makers); i++)
    if (makers[i].type == type)
      return makers[i].make (world);
  g_error ("type %s has no maker: add a row to makers", type->name);
}

static void
world_init (World *world)
{
  g_autoptr (GError) error = NULL;

  memset (world, 0, sizeof (*world));
  world->context = g_main_context_new ();
  world->ram = cop_ram_new (COP_DRAM_GPA, RAM_SIZE, -1, &error);
  g_assert_no_error (error);
  world->sink = test_lines_sink (&world->lines);
  cop_clock_init (&world->clock);
  world->timers = cop_timers_new (&world->clock, HARTS, &world->sink);
  cop_timers_start (world->timers);
}

static void
world_clear (World *world)
{
  cop_timers_free (world->timers);
  cop_ram_free (world->ram);
  g_main_context_unref (world->context);
}

/* Tables */

static int
by_offset (gconstpointer a, gconstpointer b)
{
  const CopStateRow *row_a = *(const CopStateRow *const *) a;
  const CopStateRow *row_b = *(const CopStateRow *const *) b;

  return row_a->offset < row_b->offset ? -1 : row_a->offset > row_b->offset;
}

static void
assert_table (const CopStateTable *table)
{
  static const uint32_t sizes[] = { 1, 1, 2, 4, 8 };
  g_autoptr (GPtrArray) rows = g_ptr_array_new ();
  uint32_t end = 0;

  for (uint32_t i = 0; i < table->n_rows; i++)
    g_ptr_array_add (rows, (gpointer) &table->rows[i]);
  g_ptr_array_sort (rows, by_offset);

  for (unsigned i = 0; i < rows->len; i++)
    {
      const CopStateRow *row = rows->pdata[i];

      g_test_message ("%s.%s", table->name, row->name);
      g_assert_cmpuint (row->offset, ==, end);
      end += row->size * row->count;
      g_assert_true (cop_state_table_find (table, row->name) == row);
      g_assert_cmpuint (row->since, <=, table->version);
      if (row->kind == COP_STATE_STRUCT)
        {
          g_assert_cmpuint (row->size, ==, row->table->size);
          assert_table (row->table);
        }
      else
        g_assert_cmpuint (row->size, ==, sizes[row->kind]);
    }
  g_assert_cmpuint (end, ==, table->size);
}

static void
assert_reset_values (const CopStateTable *table)
{
  g_autofree void *data = g_malloc0 (table->size);
  g_autoptr (GError) error = NULL;

  cop_state_init (table, data);
  cop_state_check (table, data, &error);
  g_assert_no_error (error);
}

static void
for_each_table (void (*func) (const CopStateTable *table))
{
  func (&cop_hart_state_table);
  func (&cop_clock_state_table);
  for (unsigned i = 0; cop_device_types[i] != NULL; i++)
    if (cop_device_types[i]->state != NULL)
      func (cop_device_types[i]->state);
}

static void
test_tables (void)
{
  g_test_summary ("No member of a state struct is without a row, and no row is of nothing");
  for_each_table (assert_table);
  for_each_table (assert_reset_values);
}

static void
test_types (void)
{
  g_test_summary ("Each type is listed once and whole, and has a maker here");
  for (unsigned i = 0; cop_device_types[i] != NULL; i++)
    {
      const CopDeviceType *type = cop_device_types[i];
      World world;

      g_test_message ("%s", type->name);
      g_assert_nonnull (type->compatible);
      g_assert_cmpuint (type->instance_size, >=, sizeof (CopDevice));
      g_assert_cmpuint (type->mmio_size, >, 0);
      if (type->state != NULL)
        g_assert_cmpuint (type->state_offset + type->state->size, <=, type->instance_size);
      for (unsigned j = 0; j < i; j++)
        g_assert_cmpstr (type->name, !=, cop_device_types[j]->name);

      world_init (&world);
      cop_device_free (make (&world, type));
      world_clear (&world);
    }
}

/* Random states */

static uint64_t
random_u64 (void)
{
  return (uint64_t) (uint32_t) g_test_rand_int () << 32 | (uint32_t) g_test_rand_int ();
}

/* Numbers at the edges are likelier than chance would have them. */
static uint64_t
random_value (void)
{
  switch (g_test_rand_int_range (0, 8))
    {
    case 0:
      return 0;
    case 1:
      return UINT64_MAX;
    case 2:
      return UINT64_C (1) << g_test_rand_int_range (0, 64);
    case 3:
    case 4:
      return (uint64_t) g_test_rand_int_range (0, 256);
    case 5:
      return COP_DRAM_GPA + (random_u64 () % RAM_SIZE & ~UINT64_C (15));
    default:
      return random_u64 ();
    }
}

static void
fill_randomly (const CopStateTable *table, void *data)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    for (uint32_t j = 0; j < table->rows[i].count; j++)
      {
        const CopStateRow *row = &table->rows[i];
        uint64_t value = random_value ();

        if (row->kind == COP_STATE_STRUCT)
          {
            fill_randomly (row->table, (uint8_t *) data + row->offset + j * row->size);
            continue;
          }
        if (row->size < 8)
          value &= (UINT64_C (1) << (8 * row->size)) - 1;
        if (row->kind == COP_STATE_BOOL)
          value &= 1;
        if (row->mask != 0)
          value &= row->mask;
        if (row->max != 0 && value > row->max)
          value %= row->max + 1;
        g_assert_true (cop_state_set (row, data, j, value, NULL));
      }
}

/* As a reader of documents does: by name, value by value. */
static void
copy_by_rows (const CopStateTable *table, void *to, const void *from)
{
  for (uint32_t i = 0; i < table->n_rows; i++)
    for (uint32_t j = 0; j < table->rows[i].count; j++)
      {
        const CopStateRow *row = cop_state_table_find (table, table->rows[i].name);
        size_t offset = row->offset + (size_t) j * row->size;

        if (row->kind == COP_STATE_STRUCT)
          copy_by_rows (row->table, (uint8_t *) to + offset, (const uint8_t *) from + offset);
        else
          g_assert_true (cop_state_set (row, to, j, cop_state_get (row, from, j), NULL));
      }
}

static void
assert_round_trip (const CopStateTable *table)
{
  g_autofree void *a = g_malloc0 (table->size);
  g_autofree void *b = g_malloc (table->size);
  g_autofree void *fresh = g_malloc0 (table->size);
  g_autoptr (GString) report = g_string_new (NULL);

  for (unsigned round = 0; round < 20; round++)
    {
      fill_randomly (table, a);
      memset (b, 0x5a, table->size);
      copy_by_rows (table, b, a);
      g_assert_cmpmem (a, table->size, b, table->size);
      g_assert_true (cop_state_diff (table, "d0", a, b, report));
    }
  cop_state_init (table, fresh);
  cop_state_init (table, a);
  cop_state_reset (table, b);
  cop_state_reset (table, a);
  g_assert_cmpmem (a, table->size, fresh, table->size);
}

static void
test_round_trip (void)
{
  g_test_summary ("By its rows alone a state is carried over whole");
  for_each_table (assert_round_trip);
}

/* Fuzz */

static void
load_random_state (CopDevice *device)
{
  const CopStateTable *table = device->type->state;
  g_autofree void *data = NULL;

  if (table == NULL)
    return;
  data = g_malloc0 (table->size);
  fill_randomly (table, data);
  if (!cop_state_check (table, data, NULL))
    return;
  g_mutex_lock (&device->lock);
  memcpy (cop_device_state (device), data, table->size);
  g_mutex_unlock (&device->lock);
}

static void
assert_state_valid (CopDevice *device)
{
  g_autoptr (GError) error = NULL;

  if (device->type->state == NULL)
    return;
  g_mutex_lock (&device->lock);
  cop_state_check (device->type->state, cop_device_state (device), &error);
  g_mutex_unlock (&device->lock);
  g_assert_no_error (error);
}

static void
access_randomly (TestDevice *test)
{
  uint64_t size = UINT64_C (1) << g_test_rand_int_range (0, 4);
  uint64_t limit = test->device->type->mmio_size;
  uint64_t offset, value;

  /* Registers crowd at the beginning. */
  if (g_test_rand_int_range (0, 4) != 0)
    limit = MIN (limit, 0x120);
  offset = random_u64 () % limit;
  if (g_test_rand_int_range (0, 8) != 0)
    offset &= ~(size - 1);

  if (g_test_rand_bit ())
    cop_bus_read (&test->bus, DEVICE_GPA + offset, size, &value);
  else
    {
      value = random_value ();
      if (size < 8)
        value &= (UINT64_C (1) << (8 * size)) - 1;
      cop_bus_write (&test->bus, DEVICE_GPA + offset, size, value);
    }
}

static void
run_quiesced (CopDevice *device, bool load)
{
  const CopDeviceType *type = device->type;

  if (type->quiesce != NULL)
    g_assert_true (type->quiesce (device, 60000));
  if (load)
    load_random_state (device);
  cop_device_replay_irq (device);
  if (type->resume != NULL)
    type->resume (device);
}

static void
test_fuzz (gconstpointer data)
{
  const CopDeviceType *type = data;
  TestDevice test;
  World world;

  g_test_summary ("Nothing a guest writes, in whatever state, crashes or breaks the state");
  world_init (&world);
  for (uint64_t i = 0; i < RAM_SIZE; i += 4)
    *(uint32_t *) (void *) (world.ram->dram.hva + i) = (uint32_t) random_value ();
  test_device_init (&test, make (&world, type));

  for (unsigned round = 0; round < 200; round++)
    {
      for (unsigned i = 0; i < 50; i++)
        access_randomly (&test);
      for (unsigned i = 0; i < 3; i++)
        g_main_context_iteration (world.context, FALSE);
      assert_state_valid (test.device);

      switch (g_test_rand_int_range (0, 6))
        {
        case 0:
          cop_device_reset (test.device);
          break;
        case 1:
          run_quiesced (test.device, false);
          break;
        case 2:
          run_quiesced (test.device, true);
          break;
        default:
          break;
        }
      assert_state_valid (test.device);
    }
  test_device_clear (&test);
  world_clear (&world);
}

/* Device tree */

static void
test_fdt (void)
{
  g_test_summary ("Each device's node has its registers and interrupt, where drivers look");
  for (unsigned i = 0; cop_device_types[i] != NULL; i++)
    {
      const CopDeviceType *type = cop_device_types[i];
      g_autofree void *fdt = g_malloc0 (65536);
      g_auto (GStrv) compatible = g_strsplit (type->compatible, " ", -1);
      const fdt64_t *reg;
      const fdt32_t *interrupt;
      TestDevice test;
      World world;
      int node, length;

      g_test_message ("%s", type->name);
      g_assert_cmpint (fdt_create_empty_tree (fdt, 65536), ==, 0);
      node = fdt_add_subnode (fdt, 0, "soc");
      fdt_setprop_u32 (fdt, node, "#address-cells", 2);
      fdt_setprop_u32 (fdt, node, "#size-cells", 2);

      world_init (&world);
      test_device_init (&test, make (&world, type));
      g_assert_cmpint (cop_device_fdt (test.device, fdt), ==, 0);

      node = fdt_node_offset_by_compatible (fdt, -1, compatible[0]);
      if (type != &cop_mtimer_type) /* it is in the CLINT's */
        {
          g_assert_cmpint (node, >=, 0);
          for (unsigned j = 0; compatible[j] != NULL; j++)
            g_assert_cmpint (fdt_node_check_compatible (fdt, node, compatible[j]), ==, 0);
          reg = fdt_getprop (fdt, node, "reg", &length);
          g_assert_cmpint (length, ==, 16);
          g_assert_cmphex (fdt64_ld (reg), ==, DEVICE_GPA);
          g_assert_cmphex (fdt64_ld (reg + 1), >=, type->mmio_size);
          interrupt = fdt_getprop (fdt, node, "interrupts", &length);
          g_assert_nonnull (interrupt);
          g_assert_cmpuint (fdt32_ld (interrupt), ==, 1);
        }
      test_device_clear (&test);
      world_clear (&world);
    }
}

/* What a guest can make a device say is rate-limited, and no matter here. */
static void
drop_message (G_GNUC_UNUSED const char *domain, G_GNUC_UNUSED GLogLevelFlags level,
              G_GNUC_UNUSED const char *message, G_GNUC_UNUSED gpointer data)
{
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_handler (G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, drop_message, NULL);
  g_test_add_func ("/engine/dev/device-types/types", test_types);
  g_test_add_func ("/engine/dev/device-types/tables", test_tables);
  g_test_add_func ("/engine/dev/device-types/round-trip", test_round_trip);
  g_test_add_func ("/engine/dev/device-types/fdt", test_fdt);
  for (unsigned i = 0; cop_device_types[i] != NULL; i++)
    {
      g_autofree char *path
        = g_strdup_printf ("/engine/dev/device-types/fuzz/%s", cop_device_types[i]->name);

      g_test_add_data_func (path, cop_device_types[i], test_fuzz);
    }
  return g_test_run ();
}
