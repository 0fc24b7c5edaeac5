/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A machine whose storage does not answer can be reset, ended and freed, and is not paused in
 * between; what the storage does late reaches no guest.
 *
 * The test is the disk's driver: it writes registers and rings of the paused machine.
 */
#include "block/stuck.h"
#include "boot-files.h"
#include "common/units.h"
#include "engine/dev/platform.h"
#include "engine/machine-private.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KERNEL (COP_DRAM_GPA + 2 * COP_MIB)
#define DISK_GPA UINT64_C (0x10001000)
#define RINGS (COP_DRAM_GPA + 16 * COP_MIB)
#define DATA (RINGS + 64 * COP_KIB)
#define LENGTH (64 * COP_KIB) /* more than is tried without the back end */
#define FILL 0xa5

/* clang-format off */
/* Counts in t0. */
static const uint32_t count_code[] = {
  0x00128293, /* addi   t0, t0, 1 */
  0xffdff06f, /* jal    zero, -4 */
};

/* Resets the disk, then counts. */
static const uint32_t reset_code[] = {
  0x100012b7, /* lui    t0, 0x10001 */
  0x0602a823, /* sw     zero, 0x70(t0) */
  0x00128293, /* addi   t0, t0, 1 */
  0xffdff06f, /* jal    zero, -4 */
};
/* clang-format on */

typedef struct
{
  struct vring_desc desc[4];
  uint8_t avail[64], used[128];
  struct virtio_blk_outhdr header;
  uint8_t status;
} Rings;

static CopMachine *
machine_new (const uint32_t *code, size_t n_words)
{
  const TestSegment segment = { KERNEL, code, n_words * 4, 0x10000 };
  CopMachineConfig *config =
    test_config_new (COP_BOOT_SBI, test_elf_new (KERNEL, 0, &segment, 1, NULL));
  g_autoptr (GError) error = NULL;
  g_autofree uint8_t *bytes = g_malloc (LENGTH);
  CopMachine *machine;
  int fd = memfd_create ("image", MFD_CLOEXEC);

  memset (bytes, FILL, LENGTH);
  g_assert_cmpint (write (fd, bytes, LENGTH), ==, LENGTH);
  config->patience_ms = 200;
  config->disks[0] = (CopDiskConfig){
    .fd = fd,
    .label = g_strdup ("stuck.img"),
    .ops = &test_stuck_ops,
  };
  config->n_disks = 1;
  machine = cop_machine_new (config, NULL, NULL, &error);
  g_assert_no_error (error);
  return machine;
}

static void
write_register (CopMachine *machine, unsigned offset, uint32_t value)
{
  g_assert_true (cop_bus_write (&machine->bus, DISK_GPA + offset, 4, value));
}

static void
write_address (CopMachine *machine, unsigned offset, uint64_t gpa)
{
  write_register (machine, offset, (uint32_t) gpa);
  write_register (machine, offset + 4, (uint32_t) (gpa >> 32));
}

static Rings *
rings_of (CopMachine *machine)
{
  return (Rings *) (void *) cop_ram_span (cop_machine_ram (machine), RINGS, sizeof (Rings));
}

/* Gets the disk going, and asks it for @type of LENGTH bytes. The machine is paused: the request
   begins when it goes on. */
static void
ask (CopMachine *machine, uint32_t type)
{
  Rings *rings = rings_of (machine);
  struct vring_avail *avail = (void *) rings->avail;
  uint64_t features = UINT64_C (1) << VIRTIO_F_VERSION_1;
  uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

  *rings = (Rings){
    .desc = {
      { RINGS + offsetof (Rings, header), sizeof rings->header, VRING_DESC_F_NEXT, 1 },
      { DATA, LENGTH, VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0), 2 },
      { RINGS + offsetof (Rings, status), 1, VRING_DESC_F_WRITE, 0 },
    },
    .header = { .type = type },
    .status = 0xff,
  };
  avail->idx = 1;
  write_register (machine, VIRTIO_MMIO_STATUS, 0);
  write_register (machine, VIRTIO_MMIO_STATUS, status);
  for (unsigned i = 0; i < 2; i++)
    {
      write_register (machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
      write_register (machine, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t) (features >> (32 * i)));
    }
  write_register (machine, VIRTIO_MMIO_STATUS, status |= VIRTIO_CONFIG_S_FEATURES_OK);
  write_register (machine, VIRTIO_MMIO_QUEUE_SEL, 0);
  write_register (machine, VIRTIO_MMIO_QUEUE_NUM, 4);
  write_address (machine, VIRTIO_MMIO_QUEUE_DESC_LOW, RINGS + offsetof (Rings, desc));
  write_address (machine, VIRTIO_MMIO_QUEUE_AVAIL_LOW, RINGS + offsetof (Rings, avail));
  write_address (machine, VIRTIO_MMIO_QUEUE_USED_LOW, RINGS + offsetof (Rings, used));
  write_register (machine, VIRTIO_MMIO_QUEUE_READY, 1);
  write_register (machine, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* Returns: the request's status, once the guest is told that it is done */
static uint8_t
wait_for_answer (CopMachine *machine)
{
  Rings *rings = rings_of (machine);
  struct vring_used *used = (void *) rings->used;

  while (__atomic_load_n (&used->idx, __ATOMIC_ACQUIRE) == 0)
    g_usleep (1000);
  return rings->status;
}

/* Until what the storage did late is taken note of. */
static void
wait_for_stale (CopMachine *machine)
{
  while (cop_ram_is_pinned (cop_machine_ram (machine)))
    g_usleep (1000);
}

static void
resume (CopMachine *machine)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (cop_machine_resume (machine, &error));
  g_assert_no_error (error);
}

static void
pause_machine (CopMachine *machine)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (cop_machine_pause (machine, &error));
  g_assert_no_error (error);
}

static void
refuse_to_pause (CopMachine *machine)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (cop_machine_pause (machine, &error));
  g_assert_error (error, COP_MACHINE_ERROR, COP_MACHINE_ERROR_HOST);
  g_assert_cmpint (cop_machine_status (machine), ==, COP_MACHINE_RUNNING);
}

static void
expect_warning (void)
{
  g_test_expect_message ("coppice", G_LOG_LEVEL_WARNING,
                         "disk stuck.img: the host does not answer*");
}

static void
test_pause (void)
{
  CopMachine *machine = machine_new (count_code, G_N_ELEMENTS (count_code));

  g_test_summary ("What cannot be paused goes on; what was asked is answered when storage is back");
  test_stuck_set (true);
  ask (machine, VIRTIO_BLK_T_IN);
  resume (machine);
  test_stuck_wait (1);
  refuse_to_pause (machine);
  test_stuck_set (false);
  g_assert_cmpuint (wait_for_answer (machine), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (*cop_ram_span (cop_machine_ram (machine), DATA + LENGTH - 1, 1), ==, FILL);
  pause_machine (machine);
  cop_machine_free (machine);
}

/* @data: what the storage owes when the machine is reset */
static void
test_reset (gconstpointer data)
{
  uint32_t type = GPOINTER_TO_UINT (data);
  CopMachine *machine = machine_new (count_code, G_N_ELEMENTS (count_code));
  CopRam *ram = cop_machine_ram (machine);
  g_autoptr (GError) error = NULL;

  g_test_summary (
    "After a reset late answers reach neither memory nor driver, and nothing overtakes "
    "them");
  test_stuck_set (true);
  memset (cop_ram_span (ram, DATA, LENGTH), 0x11, LENGTH);
  ask (machine, type);
  resume (machine);
  test_stuck_wait (1);

  expect_warning ();
  g_assert_true (cop_machine_reset (machine, &error));
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
  g_assert_cmpuint (*cop_ram_span (ram, DATA, 1), ==, 0);

  /* A pause need not wait for what is no longer the guest's. */
  pause_machine (machine);
  memset (cop_ram_span (ram, DATA, LENGTH), 0x22, LENGTH);
  ask (machine, VIRTIO_BLK_T_OUT);
  resume (machine);
  g_usleep (20000);
  g_assert_cmpuint (rings_of (machine)->status, ==, 0xff);

  test_stuck_set (false);
  g_assert_cmpuint (wait_for_answer (machine), ==, VIRTIO_BLK_S_OK);
  pause_machine (machine);
  g_assert_cmpuint (*cop_ram_span (ram, DATA, 1), ==, 0x22);
  ask (machine, VIRTIO_BLK_T_IN);
  memset (cop_ram_span (ram, DATA, LENGTH), 0, LENGTH);
  resume (machine);
  g_assert_cmpuint (wait_for_answer (machine), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (*cop_ram_span (ram, DATA + LENGTH - 1, 1), ==, 0x22);
  cop_machine_free (machine);
}

/* The driver resets the disk: its hart stands in the middle of a store. */
static void
test_driver_reset (void)
{
  CopMachine *machine = machine_new (reset_code, G_N_ELEMENTS (reset_code));
  g_autoptr (GError) error = NULL;

  g_test_summary ("A hart that waits for storage holds up neither reset nor end");
  test_stuck_set (true);
  ask (machine, VIRTIO_BLK_T_IN);
  resume (machine);
  test_stuck_wait_for_reap ();
  refuse_to_pause (machine);

  expect_warning ();
  g_assert_true (cop_machine_reset (machine, &error));
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
  test_stuck_set (false);
  wait_for_stale (machine);
  pause_machine (machine);

  /* It does wait for storage that answers. */
  test_stuck_set (true);
  ask (machine, VIRTIO_BLK_T_IN);
  cop_machine_hart (machine, 0)->s.pc = KERNEL;
  resume (machine);
  test_stuck_wait_for_reap ();
  test_stuck_set (false);
  pause_machine (machine);
  g_assert_cmpuint (*cop_ram_span (cop_machine_ram (machine), DATA, 1), ==, FILL);
  cop_machine_free (machine);
}

/* @data: the code to run */
static void
test_end (gconstpointer data)
{
  bool in_reset = data != NULL;
  CopMachine *machine = in_reset ? machine_new (reset_code, G_N_ELEMENTS (reset_code))
                                 : machine_new (count_code, G_N_ELEMENTS (count_code));

  g_test_summary ("The end waits for storage that does not answer only so long");
  test_stuck_set (true);
  ask (machine, VIRTIO_BLK_T_IN);
  resume (machine);
  test_stuck_wait (1);
  if (in_reset)
    {
      test_stuck_wait_for_reap ();
      expect_warning ();
    }
  cop_machine_power_off (machine);
  g_assert_cmpint (cop_machine_wait (machine).reason, ==, COP_END_POWEROFF);
  expect_warning ();
  cop_machine_free (machine);
  g_test_assert_expected_messages ();
  /* The memory that the request reaches into is still there. */
  test_stuck_set (false);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/stuck-disk/pause", test_pause);
  g_test_add_data_func ("/engine/stuck-disk/reset/read", GUINT_TO_POINTER (VIRTIO_BLK_T_IN),
                        test_reset);
  g_test_add_data_func ("/engine/stuck-disk/reset/write", GUINT_TO_POINTER (VIRTIO_BLK_T_OUT),
                        test_reset);
  g_test_add_func ("/engine/stuck-disk/driver-reset", test_driver_reset);
  g_test_add_data_func ("/engine/stuck-disk/end", NULL, test_end);
  g_test_add_data_func ("/engine/stuck-disk/end-in-driver-reset", GINT_TO_POINTER (1), test_end);
  return g_test_run ();
}
