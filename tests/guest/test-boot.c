/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stock kernel, from its first instruction to its end: with the built-in SBI and with OpenSBI, on
 * one hart and on four; its disk, its network, reboot; and the same boot carried from machine to
 * machine while it runs.
 */
#include "../test-image.h"
#include "common/fd.h"
#include "common/units.h"
#include "engine/machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPENSBI "/usr/lib/riscv64-linux-gnu/opensbi/generic/"
#define TIMEOUT_S 300
#define DISK_SIZE (4 * COP_MIB)

/* A machine under test and what it has said. */
typedef struct
{
  CopMachineEvents events;
  CopMachine      *machine;     /* (owned) */
  GThread         *reader;      /* (owned) */
  int              console;     /* (owned): read end */
  GMutex           lock;
  GCond            changed;
  GString         *text;        /* guarded by lock */
  unsigned         n_reset;     /* guarded by lock */
  bool             ended;       /* guarded by lock */
  CopEnd           end;
} Guest;

static CopImage *image;         /* (owned) */

static void
on_ended (gpointer data, CopEnd end)
{
  Guest *guest = data;

  g_mutex_lock (&guest->lock);
  guest->ended = true;
  guest->end = end;
  g_cond_broadcast (&guest->changed);
  g_mutex_unlock (&guest->lock);
}

static void
on_reset (gpointer data)
{
  Guest *guest = data;

  g_mutex_lock (&guest->lock);
  guest->n_reset++;
  g_cond_broadcast (&guest->changed);
  g_mutex_unlock (&guest->lock);
}

static gpointer
read_console (gpointer data)
{
  Guest *guest = data;
  char bytes[4096];
  ssize_t n;

  while ((n = read (guest->console, bytes, sizeof bytes)) > 0)
    {
      g_mutex_lock (&guest->lock);
      g_string_append_len (guest->text, bytes, n);
      g_cond_broadcast (&guest->changed);
      g_mutex_unlock (&guest->lock);
    }
  return NULL;
}

/* @config: (transfer full) */
static Guest *
guest_new (CopMachineConfig *config)
{
  const CopMachineEvents events = { on_ended, on_reset };
  Guest *guest = g_new0 (Guest, 1);
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  guest->console = ends[0];
  config->console.out_fd = ends[1];
  guest->text = g_string_new (NULL);
  g_mutex_init (&guest->lock);
  g_cond_init (&guest->changed);
  guest->machine = cop_machine_new (config, &events, guest, &error);
  g_assert_no_error (error);
  guest->reader = g_thread_new ("console", read_console, guest);
  return guest;
}

static void
guest_free (Guest *guest)
{
  /* Closes the pipe's other end. */
  cop_machine_free (guest->machine);
  g_thread_join (guest->reader);
  close (guest->console);
  g_string_free (guest->text, TRUE);
  g_mutex_clear (&guest->lock);
  g_cond_clear (&guest->changed);
  g_free (guest);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Guest, guest_free)

static void
guest_resume (Guest *guest)
{
  g_autoptr (GError) error = NULL;

  cop_machine_resume (guest->machine, &error);
  g_assert_no_error (error);
}

/* Whether the guest has printed @text (nullable), was reset @n_reset times, and has ended, if
   @ended. */
static bool
guest_is_there (Guest *guest, const char *text, unsigned n_reset, bool ended)
{
  return (text == NULL || strstr (guest->text->str, text) != NULL) &&
         guest->n_reset >= n_reset && (guest->ended || !ended);
}

static void
guest_wait (Guest *guest, const char *text, unsigned n_reset, bool ended)
{
  int64_t deadline = g_get_monotonic_time () + TIMEOUT_S * G_USEC_PER_SEC;
  bool there = true;

  g_mutex_lock (&guest->lock);
  /* A guest that has ended prints nothing new. */
  while (there && !guest_is_there (guest, text, n_reset, ended) && (!guest->ended || ended))
    there = g_cond_wait_until (&guest->changed, &guest->lock, deadline);
  if (!guest_is_there (guest, text, n_reset, ended))
    g_error ("the guest does not say '%s'; it said:\n%s", text == NULL ? "" : text,
             guest->text->str);
  g_mutex_unlock (&guest->lock);
}

/* Waits for the end, which must be a clean one, and for all output. */
static void
guest_finish (Guest *guest)
{
  guest_wait (guest, NULL, 0, true);
  g_assert_cmpint (guest->end.reason, ==, COP_END_POWEROFF);
  g_assert_cmpuint (guest->end.code, ==, 0);
  g_clear_pointer (&guest->machine, cop_machine_free);
  g_thread_join (guest->reader);
  guest->reader = g_thread_new ("console", read_console, guest);
}

static GBytes *
load_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &error);

  g_assert_no_error (error);
  return g_mapped_file_get_bytes (file);
}

/* A machine that boots the image, runs @command (nullable) and powers off. */
static CopMachineConfig *
config_new (unsigned harts, const char *command)
{
  CopMachineConfig *config = cop_machine_config_new ();
  g_autofree char *kernel = cop_image_path (image, &image->kernel);
  g_autofree char *initrd = cop_image_path (image, &image->initrd);

  config->harts = harts;
  config->memory = 256 * COP_MIB;
  config->kernel = load_file (kernel);
  config->kernel_label = g_strdup ("kernel");
  config->initrd = load_file (initrd);
  config->initrd_label = g_strdup ("initrd");
  config->append = command == NULL
                     ? g_strdup ("console=ttyS0 quiet panic=-1")
                     : g_strdup_printf ("console=ttyS0 quiet panic=-1 coppice.run=\"%s\"", command);
  return config;
}

static void
set_firmware (CopMachineConfig *config, const char *path)
{
  config->boot = COP_BOOT_FIRMWARE;
  config->bios = load_file (path);
  config->bios_label = g_strdup (path);
}

/* A file without a name, of @size bytes that are different everywhere. */
static int
disk_new (uint64_t size, uint32_t seed)
{
  g_autoptr (GRand) numbers = g_rand_new_with_seed (seed);
  int fd = memfd_create ("disk", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  for (uint64_t i = 0; i < size; i += sizeof (uint32_t))
    {
      uint32_t word = g_rand_int (numbers);

      g_assert_cmpint (pwrite (fd, &word, sizeof word, (off_t) i), ==, sizeof word);
    }
  return fd;
}

static int
disk_copy (int from)
{
  int fd = memfd_create ("disk", MFD_CLOEXEC);
  g_autofree uint8_t *bytes = g_malloc (DISK_SIZE);

  g_assert_cmpint (pread (from, bytes, DISK_SIZE, 0), ==, DISK_SIZE);
  g_assert_cmpint (pwrite (fd, bytes, DISK_SIZE, 0), ==, DISK_SIZE);
  return fd;
}

static void
add_disk (CopMachineConfig *config, int fd, bool readonly, const char *serial)
{
  config->disks[config->n_disks++] = (CopDiskConfig){
    .fd = fcntl (fd, F_DUPFD_CLOEXEC, 0),
    .readonly = readonly,
    .serial = g_strdup (serial),
    .label = g_strdup ("disk"),
  };
}

static char *
disk_checksum (int fd)
{
  g_autofree uint8_t *bytes = g_malloc (DISK_SIZE);

  g_assert_cmpint (pread (fd, bytes, DISK_SIZE, 0), ==, DISK_SIZE);
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, bytes, DISK_SIZE);
}

static const struct
{
  const char *name;
  unsigned    harts;
  const char *firmware;         /* NULL: the built-in SBI */
} boots[] = {
  /* clang-format off */
  { "sbi/1",          1, NULL },
  { "sbi/4",          4, NULL },
  { "fw_dynamic/1",   1, OPENSBI "fw_dynamic.bin" },
  { "fw_dynamic/4",   4, OPENSBI "fw_dynamic.bin" },
  { "fw_dynamic-elf", 2, OPENSBI "fw_dynamic.elf" },
  { "fw_jump/4",      4, OPENSBI "fw_jump.bin" },
  /* clang-format on */
};

static void
test_boot (gconstpointer data)
{
  size_t row = GPOINTER_TO_SIZE (data);
  g_autofree char *expected = g_strdup_printf ("harts: %u of them", boots[row].harts);
  g_autoptr (Guest) guest = NULL;
  CopMachineConfig *config;

  if (boots[row].firmware != NULL && !g_file_test (boots[row].firmware, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("opensbi is not installed");
      return;
    }
  config = config_new (boots[row].harts, "echo harts: $(nproc) of them; sleep 1");
  if (boots[row].firmware != NULL)
    set_firmware (config, boots[row].firmware);
  guest = guest_new (config);
  guest_resume (guest);
  guest_finish (guest);
  guest_wait (guest, expected, 0, true);
}

/* Many more harts than host CPUs come up, and fence each other. */
static void
test_many_harts (void)
{
  g_autoptr (Guest) guest = guest_new (config_new (16, "echo harts: $(nproc) of them; sleep 1"));

  guest_resume (guest);
  guest_finish (guest);
  guest_wait (guest, "harts: 16 of them", 0, true);
}

static void
test_failure (void)
{
  g_autoptr (Guest) guest = guest_new (config_new (1, "exit 7"));

  guest_resume (guest);
  guest_wait (guest, NULL, 0, true);
  g_assert_cmpint (guest->end.reason, ==, COP_END_FAILURE);
  g_assert_cmpuint (guest->end.code, ==, 7);
}

static void
test_reboot (gconstpointer data)
{
  const char *firmware = data;
  g_autoptr (Guest) guest = NULL;
  CopMachineConfig *config;

  if (firmware != NULL && !g_file_test (firmware, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("opensbi is not installed");
      return;
    }
  config = config_new (2, "reboot -f; sleep 1000");
  if (firmware != NULL)
    set_firmware (config, firmware);
  guest = guest_new (config);
  guest_resume (guest);
  guest_wait (guest, "coppice: init started", 3, false);
  cop_machine_power_off (guest->machine);
  guest_finish (guest);
}

/* What is on one disk arrives on the other, by way of the guest. */
static void
test_disk (void)
{
  cop_autofd int from = disk_new (DISK_SIZE, 1);
  cop_autofd int to = disk_new (DISK_SIZE, 2);
  g_autofree char *wanted = disk_checksum (from);
  g_autofree char *got = NULL, *said = NULL;
  g_autoptr (Guest) guest = NULL;
  CopMachineConfig *config
    = config_new (2, "sha256sum /dev/vda; cat /sys/block/vd[ab]/serial;"
                     "dd if=/dev/vda of=/dev/vdb bs=48k; dd if=/dev/vda of=/dev/vda count=1 || "
                     "echo refused; sync; sleep 1");

  add_disk (config, from, true, "the first");
  add_disk (config, to, false, "the second");
  guest = guest_new (config);
  guest_resume (guest);
  guest_finish (guest);

  said = g_strdup_printf ("%s  /dev/vda", wanted);
  guest_wait (guest, said, 0, true);
  guest_wait (guest, "the first", 0, true);
  guest_wait (guest, "the second", 0, true);
  guest_wait (guest, "refused", 0, true);
  got = disk_checksum (to);
  g_assert_cmpstr (got, ==, wanted);
  g_clear_pointer (&got, g_free);
  got = disk_checksum (from);
  g_assert_cmpstr (got, ==, wanted);
}

/* Sends back what one client sends, until that ends. */
static gpointer
echo_once (gpointer data)
{
  cop_autofd int listener = GPOINTER_TO_INT (data);
  cop_autofd int client = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  uint8_t bytes[4096];
  ssize_t n;

  while (client >= 0 && (n = read (client, bytes, sizeof bytes)) > 0)
    for (ssize_t sent = 0, part; sent < n; sent += part)
      if ((part = write (client, bytes + sent, (size_t) (n - sent))) <= 0)
        return NULL;
  return NULL;
}

static void
test_network (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autofree char *command = NULL;
  g_autoptr (Guest) guest = NULL;
  CopMachineConfig *config;
  GThread *server;

  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, length), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  g_assert_cmpint (getsockname (listener, (struct sockaddr *) &address, &length), ==, 0);
  command = g_strdup_printf ("until ip route | grep -q default; do sleep 1; done;"
                             "head -c 300000 /dev/urandom >/tmp/sent;"
                             "nc 10.0.2.2 %u </tmp/sent >/tmp/back;"
                             "cmp /tmp/sent /tmp/back && echo all came back; sleep 1",
                             ntohs (address.sin_port));
  config = config_new (2, command);
  config->n_nics = 1;
  config->nics[0] = (CopNicConfig){ .kind = COP_NET_USER,
                                    .fd = -1,
                                    .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 } };
  server = g_thread_new ("echo", echo_once, GINT_TO_POINTER (listener));
  guest = guest_new (config);
  guest_resume (guest);
  guest_finish (guest);
  guest_wait (guest, "all came back", 0, true);
  g_thread_join (server);
}

/* Pages that are zero on both sides are not touched. */
static void
copy_ram (CopRam *to, const CopRam *from)
{
  static const uint8_t zeroes[COP_PAGE_SIZE];

  for (uint64_t at = 0; at < from->dram.size; at += COP_PAGE_SIZE)
    if (memcmp (from->dram.hva + at, to->dram.hva + at, COP_PAGE_SIZE) != 0)
      memcpy (to->dram.hva + at,
              memcmp (from->dram.hva + at, zeroes, COP_PAGE_SIZE) == 0 ? zeroes
                                                                        : from->dram.hva + at,
              COP_PAGE_SIZE);
}

static void
assert_equal_states (const CopMachineState *a, const CopMachineState *b)
{
  g_autoptr (GString) report = g_string_new (NULL);

  g_assert_cmpuint (a->sections->len, ==, b->sections->len);
  for (unsigned i = 0; i < a->sections->len; i++)
    {
      const CopStateSection *first = g_ptr_array_index (a->sections, i);
      const CopStateSection *second = g_ptr_array_index (b->sections, i);

      g_assert_cmpstr (first->id, ==, second->id);
      cop_state_diff (first->table, first->id, first->data, second->data, report);
    }
  g_assert_cmpstr (report->str, ==, "");
}

/* Goes on in a fresh machine, with a copy of RAM and disk, from the state alone. The text said so
   far goes along. Returns: (transfer full): the new guest; @guest is freed */
static Guest *
hop (Guest *guest, CopMachineConfig *config)
{
  g_autoptr (CopMachineState) state = NULL, again = NULL;
  g_autoptr (GError) error = NULL;
  Guest *next;

  g_assert_true (cop_machine_pause (guest->machine, &error));
  state = cop_machine_save_state (guest->machine, &error);
  g_assert_no_error (error);

  next = guest_new (config);
  copy_ram (cop_machine_ram (next->machine), cop_machine_ram (guest->machine));
  cop_machine_load_state (next->machine, state, &error);
  g_assert_no_error (error);
  again = cop_machine_save_state (next->machine, &error);
  g_assert_no_error (error);
  assert_equal_states (state, again);

  g_clear_pointer (&guest->machine, cop_machine_free);
  g_thread_join (guest->reader);
  guest->reader = g_thread_new ("console", read_console, guest);
  g_mutex_lock (&next->lock);
  g_string_prepend (next->text, guest->text->str);
  g_mutex_unlock (&next->lock);
  guest_free (guest);
  guest_resume (next);
  return next;
}

/* A boot that reads and writes its disk all the time, carried over while it does. */
static void
test_hops (gconstpointer data)
{
  unsigned harts = GPOINTER_TO_UINT (data);
  const char *command = "for i in 1 2 3 4 5 6; do echo 3 >/proc/sys/vm/drop_caches;"
                        "sha256sum /dev/vda; dd if=/dev/vda of=/tmp/x bs=64k 2>/dev/null;"
                        "dd if=/tmp/x of=/dev/vda bs=64k conv=fsync 2>/dev/null;"
                        "echo round $i; done; sha256sum /tmp/x; echo at the end; sleep 1";
  int disk = disk_new (DISK_SIZE, 3);
  g_autofree char *checksum = disk_checksum (disk);
  g_autofree char *after = NULL;
  CopMachineConfig *config = config_new (harts, command);
  g_autoptr (Guest) guest = NULL;
  const char *line;
  unsigned hops = 0, sums = 0;

  add_disk (config, disk, false, NULL);
  guest = guest_new (config);
  guest_resume (guest);
  for (;;)
    {
      int copy;
      bool ended;

      /* Wherever it is by then: in the kernel's start, in a driver, in the middle of a request. */
      g_usleep (hops < 3 ? 400000 : 300000);
      g_mutex_lock (&guest->lock);
      ended = guest->ended || strstr (guest->text->str, "at the end") != NULL;
      g_mutex_unlock (&guest->lock);
      if (ended || hops == 40)
        break;
      if (!cop_machine_pause (guest->machine, NULL))
        break;
      copy = disk_copy (disk);
      close (disk);
      disk = copy;
      config = config_new (harts, command);
      add_disk (config, disk, false, NULL);
      guest = hop (g_steal_pointer (&guest), config);
      hops++;
    }
  guest_finish (guest);
  g_test_message ("%u hops", hops);

  /* Seven checksums, all of what the disk held at first. */
  for (line = guest->text->str; (line = strstr (line, checksum)) != NULL; line++)
    sums++;
  g_assert_cmpuint (sums, ==, 7);
  after = disk_checksum (disk);
  g_assert_cmpstr (after, ==, checksum);
  close (disk);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  image = test_image_open ();
  if (image == NULL)
    return 77;

  for (size_t i = 0; i < G_N_ELEMENTS (boots); i++)
    {
      g_autofree char *path = g_strdup_printf ("/boot/%s", boots[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_boot);
    }
  g_test_add_func ("/boot/many-harts", test_many_harts);
  g_test_add_func ("/boot/failure", test_failure);
  g_test_add_data_func ("/boot/reboot/sbi", NULL, test_reboot);
  g_test_add_data_func ("/boot/reboot/fw_dynamic", OPENSBI "fw_dynamic.bin", test_reboot);
  g_test_add_func ("/boot/disk", test_disk);
  g_test_add_func ("/boot/network", test_network);
  g_test_add_data_func ("/boot/hops/1", GUINT_TO_POINTER (1), test_hops);
  g_test_add_data_func ("/boot/hops/4", GUINT_TO_POINTER (4), test_hops);
  result = g_test_run ();
  cop_image_free (image);
  return result;
}
