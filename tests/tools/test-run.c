/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool run as a program: what it refuses and how it says so, how it ends, what it writes.
 */
#include "vmtool-process.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder;            /* of the tests' files; the current directory */

#define BARE "run --bios none --memory 16M "

/* ---- what is refused ---- */

static const struct
{
  const char *arguments;
  int         status;
  const char *message;          /* after "vmtool: " */
} refused[] = {
  /* clang-format off */
  { "run", 2,
    "nothing to boot; 'vmtool image pull debian' fetches a kernel, then 'vmtool run --image debian' starts it; or give --kernel FILE" },
  { "run --kernal x", 2,               "unknown option '--kernal'; did you mean '--kernel'?" },
  { "run --kernel", 2,                 "--kernel needs a value: --kernel FILE" },
  { "run x", 2,                        "unexpected argument 'x'; see --help" },

  { "run --kernel missing", 1,         "kernel 'missing': no such file; check the path" },
  { "run --kernel folder", 1,          "kernel 'folder': this is a folder; name a file in it" },
  { "run --kernel empty", 1,           "kernel 'empty': the file is empty" },
  { "run --kernel /dev/null", 1,       "kernel '/dev/null': the file is empty" },
  { "run --kernel /dev/zero --memory 2M", 1, "kernel '/dev/zero': no end after 2 MiB; give more --memory or a regular file" },
  { "run --kernel empty/x", 1,         "kernel 'empty/x': no such file; a part of the path is not a folder" },
  { "run --kernel echo.elf --initrd missing", 1, "initrd 'missing': no such file; check the path" },
  { "run --initrd empty", 2,
    "nothing to boot; 'vmtool image pull debian' fetches a kernel, then 'vmtool run --image debian' starts it; or give --kernel FILE" },
  { "run --bios missing", 1,           "firmware 'missing': no such file; check the path" },
  { "run --bios echo.elf --initrd empty", 2, "--initrd needs a kernel that uses it: give --kernel FILE or --image NAME" },
  { "run --kernel echo.elf --dtb missing", 1, "device tree 'missing': no such file; check the path" },
  { "run --bios none --kernel echo.elf --initrd empty", 2, "--initrd has no effect with --bios none: there is no kernel that would read it" },
  { "run --bios none --kernel echo.elf --append x", 2, "--append has no effect with --bios none: there is no kernel that would read it" },

  { BARE "--kernel echo.elf --harts 0", 2,  "--harts: 0 is out of range; it must be from 1 to 64" },
  { BARE "--kernel echo.elf --harts 65", 2, "--harts: 65 is out of range; it must be from 1 to 64" },
  { "run --kernel echo.elf --memory 512", 2, "--memory: 512 bytes are too few; did you mean 512M, in mebibytes?" },
  { "run --kernel echo.elf --memory 1048577", 2, "--memory: 1048577 is no multiple of 4 KiB, the size of a page" },
  { BARE "--kernel echo.elf --cpu zbaa=off", 2, "--cpu: there is no extension 'zbaa'; did you mean 'zba'?" },
  { BARE "--kernel echo.elf --cpu d=maybe", 2, "--cpu: 'd=maybe' says neither on nor off; write d=on or d=off" },
  { BARE "--kernel echo.elf --cpu f=off,d=on,zfhmin=off", 2, "--cpu: extension 'd' needs 'f'; add f=on or d=off" },
  { BARE "--kernel echo.elf --timeout soon", 2, "--timeout: 'soon' is not a number of seconds, such as 10 or 2.5" },

  { BARE "--kernel echo.elf --symbols missing", 1, "symbols 'missing': no such file; check the path" },
  { BARE "--kernel echo.elf --symbols disk", 1,
    "symbols 'disk': the file has none; give an ELF file that is not stripped, or a System.map" },
  { BARE "--kernel echo.elf --monitor", 2, "--monitor needs a terminal, and a console that is on it" },
  { BARE "--kernel echo.elf --engine qemu", 2, "--engine: 'qemu' is not one of hybrid, jit, interp" },
  { BARE "--kernel echo.elf --engine interp --verify", 2,
    "--verify has no effect with engine 'interp', which translates nothing; leave it out, or choose another with --engine" },
  { BARE "--kernel echo.elf --engine interp --jit-cache 2M", 2,
    "--jit-cache has no effect with engine 'interp', which translates nothing; leave it out, or choose another with --engine" },
  { BARE "--kernel echo.elf --jit-cache 512K", 2, "--jit-cache: 512K is out of range; it must be from 1 MiB to 1 GiB" },
  { BARE "--kernel echo.elf --harts 2 --verify", 1,
    "translated code can be verified on one hart, not 2: others would change memory in between; choose --harts 1" },

  { BARE "--kernel echo.elf --disk missing", 1, "disk 'missing': no such file; 'truncate -s 4G missing' makes an empty one" },
  { BARE "--kernel echo.elf --disk folder", 1, "disk 'folder': this is a folder; name a file in it" },
  { BARE "--kernel echo.elf --disk empty", 1, "disk 'empty': smaller than a sector; 'truncate -s 4G empty' makes it larger" },
  { BARE "--kernel echo.elf --disk /dev/null", 1, "disk '/dev/null': this is neither a file nor a block device" },
  { BARE "--kernel echo.elf --disk qcow2", 1,
    "disk 'qcow2': this is a qcow2 image; 'qemu-img convert -O raw' makes a raw one, ',format=raw' uses it as it is" },
  { BARE "--kernel echo.elf --disk disk,format=qcow2", 2, "--disk: format is 'qcow2', but only raw is known" },
  { BARE "--kernel echo.elf --disk disk,readnoly", 2, "--disk: unknown 'readnoly'; did you mean 'readonly'?" },
  { BARE "--kernel echo.elf --disk disk,readonly=maybe", 2, "--disk: readonly is 'maybe'; it can be on or off" },
  { BARE "--kernel echo.elf --disk disk,serial=", 2, "--disk: serial needs a value: serial=TEXT" },
  { BARE "--kernel echo.elf --disk disk,serial=a,serial=b", 2, "--disk: serial is given twice; leave one out" },
  { BARE "--kernel echo.elf --disk disk,serial=123456789012345678901", 2, "--disk: serial '123456789012345678901' is too long; it can have 20 bytes" },
  { BARE "--kernel echo.elf --disk ,readonly", 2, "--disk: the value is empty" },
  { BARE "--kernel echo.elf --disk disk --disk disk", 1, "disk 'disk': another machine uses it; end that one, or give both ',readonly'" },
  { BARE "--kernel echo.elf --disk a,,b", 1, "disk 'a,b': no such file; 'truncate -s 4G a,b' makes an empty one" },

  { BARE "--kernel echo.elf --net bridge", 2, "--net: 'bridge' is not one of user, tap, none" },
  { BARE "--kernel echo.elf --net tap", 2, "--net: tap needs the name of an interface: tap,ifname=tap0" },
  { BARE "--kernel echo.elf --net none,mac=52:54:00:00:00:01", 2, "--net: 'none' has no use for mac" },
  { BARE "--kernel echo.elf --net user,mac=53:54:00:00:00:01", 2, "--net: mac '53:54:00:00:00:01' is not the address of a station; write 52:54:00:12:34:56" },
  { BARE "--kernel echo.elf --net user,mac=5254000001", 2, "--net: mac '5254000001' is not the address of a station; write 52:54:00:12:34:56" },
  { BARE "--kernel echo.elf --net user,forward=tcp:22", 2,
    "--net: forward 'tcp:22' is not tcp or udp with ports; write tcp:2222:22, or tcp:0.0.0.0:2222:10.0.2.15:22" },
  { BARE "--kernel echo.elf --net user,forward=tcp:0:22", 2,
    "--net: forward 'tcp:0:22' is not tcp or udp with ports; write tcp:2222:22, or tcp:0.0.0.0:2222:10.0.2.15:22" },
  { BARE "--kernel echo.elf --net user,forward=tcp:1.2.3:80:80", 2,
    "--net: forward 'tcp:1.2.3:80:80' is not tcp or udp with ports; write tcp:2222:22, or tcp:0.0.0.0:2222:10.0.2.15:22" },
  { BARE "--kernel echo.elf --net user --net user --net user", 2, "--net: a machine has at most 2 network interfaces" },

  { BARE "--kernel echo.elf --console tty", 2, "--console: 'tty' is not one of stdio, pty, unix:PATH, file:PATH, none" },
  { BARE "--kernel echo.elf --console file", 2, "--console: file needs a path: file:PATH" },
  { BARE "--kernel echo.elf --console pty:x", 2, "--console: pty takes no path, but got 'x'" },
  { BARE "--kernel echo.elf --console file:folder", 1, "console 'folder': this is a folder; name a file in it" },
  { BARE "--kernel echo.elf --console file:missing/x", 1, "console 'missing/x': no such file; check the path" },
  { BARE "--kernel echo.elf --console unix:disk", 1, "console 'disk': the path is in use; end what uses it or choose another" },
  { BARE "--kernel echo.elf --virtio-console stdio", 2,
    "--virtio-console: only one console can be on stdio; add '--console none' or give this one 'pty'" },
  { BARE "--kernel echo.elf --escape x", 2, "--escape: 'x' is no control key; write one as '^]', 'ctrl-a' or 'none'" },
  { BARE "--kernel echo.elf --escape ^M", 2, "--escape: '^M' is no control key; write one as '^]', 'ctrl-a' or 'none'" },
  { BARE "--kernel echo.elf --signature-granularity 2", 2, "--signature-granularity: '2' is not one of 4, 8, 16" },
  { BARE "--kernel echo.elf --trace=folder", 1, "trace 'folder': this is a folder; name a file in it" },
  { BARE "--kernel echo.elf --dump-dtb folder/missing/x", 1, NULL },
  /* clang-format on */
};

static void
test_refused (void)
{
  g_test_summary ("Whatever cannot be meant or used is refused at once, with the fix in the message");

  for (unsigned i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *out = NULL;
      g_autofree char *err = NULL;
      g_autofree char *expected = g_strdup_printf ("vmtool: %s\n", refused[i].message);
      int status;

      g_test_message ("%s", refused[i].arguments);
      status = test_vmtool (refused[i].arguments, &out, &err);
      if (refused[i].message != NULL)
        g_assert_cmpstr (err, ==, expected);
      g_assert_cmpint (status, ==, refused[i].status);
      g_assert_cmpstr (out, ==, "");
    }
}

static void
test_unreadable (void)
{
  g_autofree char *err = NULL;

  if (geteuid () == 0)
    {
      g_test_skip ("root may read everything");
      return;
    }
  g_assert_cmpint (test_vmtool ("run --kernel unreadable", NULL, &err), ==, 1);
  g_assert_cmpstr (
    err, ==, "vmtool: kernel 'unreadable': permission denied; check the file's owner and mode\n");
}

/* ---- how it ends ---- */

static const struct
{
  const char *arguments;
  int         status;
  const char *message;
} ends[] = {
  /* clang-format off */
  { BARE "--kernel fail-7.elf",   7,   "vmtool: the guest reported failure 7\n" },
  { BARE "--kernel pass.elf",     0,   "" },
  { BARE "--kernel tohost-5.elf", 5,   "vmtool: the guest failed: tohost says 5\n" },
  { BARE "--kernel loop.elf --max-instructions 1000", 123,
    "vmtool: stopped by --max-instructions 1000, hart 0 at 0x80000000\n" },
  { BARE "--kernel loop.elf --timeout 0.2", 124,
    "vmtool: stopped by --timeout 0.2, hart 0 at 0x80000000\n" },
  { BARE "--kernel loop.elf --harts 4 --max-instructions 100000", 123,
    "vmtool: stopped by --max-instructions 100000, hart 0 at 0x80000000\n" },
  { BARE "--kernel wait.elf --harts 3", 122,
    "vmtool: every hart waits for an interrupt that cannot come, hart 0 at 0x80000004; nothing more can happen\n" },
  { BARE "--kernel pass.elf --verify", 0, "" },
  { BARE "--kernel loop.elf --engine jit --verify --jit-cache 1M --max-instructions 10000", 123,
    "vmtool: stopped by --max-instructions 10000, hart 0 at 0x80000000\n" },
  { BARE "--kernel pass.elf --disk disk,readonly --disk disk,readonly", 0, "" },
  { BARE "--kernel pass.elf --disk qcow2,format=raw,serial=AB12 --net user --console none", 0, "" },
  /* clang-format on */
};

static void
test_ends (void)
{
  g_test_summary ("The exit status says how the guest ended; 0 is a pass and nothing else");

  for (unsigned i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autofree char *err = NULL;
      int status;

      g_test_message ("%s", ends[i].arguments);
      status = test_vmtool (ends[i].arguments, NULL, &err);
      g_assert_cmpstr (err, ==, ends[i].message);
      g_assert_cmpint (status, ==, ends[i].status);
    }
}

static void
test_signals (void)
{
  static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGSEGV, SIGABRT };

  g_test_summary ("Who waits for vmtool sees the signal that ended it; a socket's path is gone "
                  "after those that ask it to end");

  for (unsigned i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      g_autoptr (TestProcess) process
        = test_process_start (BARE "--kernel echo.elf --virtio-console unix:hvc");
      int status;

      test_process_send (process, "x");
      test_process_expect (process, "x");
      kill (process->pid, signals[i]);
      status = test_process_wait (process);
      g_assert_true (WIFSIGNALED (status));
      g_assert_cmpint (WTERMSIG (status), ==, signals[i]);
      g_assert_cmpint (g_access ("hvc", F_OK) == 0, ==, i >= 3);
      g_unlink ("hvc");
    }
}

static void
test_nobody_reads (void)
{
  g_autoptr (TestProcess) process = test_process_start (BARE "--kernel echo.elf");
  int status;

  g_test_summary ("When the reader of the output goes, as head does, vmtool goes as well");
  close (process->out);
  process->out = -1;
  test_process_send (process, "some text");
  status = test_process_wait (process);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGPIPE);
}

/* ---- consoles ---- */

static void
test_pipes (void)
{
  g_autoptr (TestProcess) process = test_process_start (BARE "--kernel echo.elf");
  int status;

  g_test_summary ("Input that is no terminal goes to the guest as it is, the escape key too");
  test_process_send (process, "hello \x1d world");
  test_process_expect (process, "hello \x1d world");
  test_process_send (process, "q");
  status = test_process_wait (process);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  g_assert_cmpstr (process->text->str, ==, "");
  g_assert_cmpstr (process->error_text->str, ==, "");
}

static void
test_much_output (void)
{
  g_autoptr (TestProcess) process = test_process_start (BARE "--kernel echo.elf");
  g_autoptr (GString) text = g_string_new (NULL);

  g_test_summary ("The last byte before the end arrives, however much comes before it");
  while (text->len < 50000)
    g_string_append_printf (text, "line %zu\n", text->len);
  test_process_send (process, text->str);
  test_process_send (process, "q");
  g_assert_cmpint (test_process_wait (process), ==, 0);
  g_assert_cmpstr (process->text->str, ==, text->str);
}

static void
test_end_of_input (void)
{
  g_autoptr (TestProcess) process
    = test_process_start (BARE "--kernel echo.elf --max-instructions 3000000");
  int status;

  g_test_summary ("The end of the input is not the end of the machine");
  test_process_send (process, "x");
  test_process_close_input (process);
  status = test_process_wait (process);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 123);
  g_assert_cmpstr (process->text->str, ==, "x");
}

/* What the dynamic linker would load. */
static void
test_libraries (void)
{
  static const char *const heavy[] = { "libxml2", "libicu", "libstdc++", "libarchive", "libcapstone" };
  g_autofree char *out = NULL;

  g_test_summary ("A machine's start is not held up by libraries that it does not use");
  g_setenv ("LD_TRACE_LOADED_OBJECTS", "1", TRUE);
  test_vmtool ("run", &out, NULL);
  g_unsetenv ("LD_TRACE_LOADED_OBJECTS");
  g_assert_nonnull (strstr (out, "libglib-2.0"));
  for (unsigned i = 0; i < G_N_ELEMENTS (heavy); i++)
    if (strstr (out, heavy[i]) != NULL && strstr (out, "libasan") == NULL)
      g_error ("vmtool run loads %s", heavy[i]);
}

static void
test_file_console (void)
{
  static const struct
  {
    const char *suffix;
    const char *contents;
  } rows[] = { { "", "" }, { ",append", "before\n" } };

  g_test_summary ("What a file held is replaced, or kept with ',append'");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *arguments
        = g_strdup_printf (BARE "--kernel pass.elf --console file:log%s", rows[i].suffix);
      g_autofree char *log = NULL;

      g_assert_true (g_file_set_contents ("log", "before\n", -1, NULL));
      g_assert_cmpint (test_vmtool (arguments, NULL, NULL), ==, 0);
      g_assert_true (g_file_get_contents ("log", &log, NULL, NULL));
      g_assert_cmpstr (log, ==, rows[i].contents);
    }
}

static void
test_unix_console (void)
{
  g_autoptr (TestProcess) process
    = test_process_start (BARE "--kernel echo.elf --console unix:console.sock");
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "console.sock" };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char byte = 0;
  struct stat status;

  g_test_summary ("One connects to the socket's path, as its owner only");
  while (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    g_usleep (1000);
  g_assert_cmpint (stat ("console.sock", &status), ==, 0);
  g_assert_cmphex (status.st_mode & 0777, ==, 0700);
  g_assert_cmpint (write (fd, "z", 1), ==, 1);
  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'z');
  g_assert_cmpint (write (fd, "q", 1), ==, 1);
  g_assert_cmpint (test_process_wait (process), ==, 0);
  g_assert_cmpint (g_access ("console.sock", F_OK), !=, 0);
  close (fd);
}

static void
test_output_at_the_end (void)
{
  g_autoptr (TestProcess) process
    = test_process_start (BARE "--kernel echo.elf --console unix:late.sock");
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "late.sock" };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GString) got = g_string_new (NULL);
  char bytes[4096];
  ssize_t length;

  g_test_summary ("What the guest wrote before it powered off is there for who reads a little later");
  while (connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    g_usleep (1000);
  while (text->len < 50000)
    g_string_append_printf (text, "line %zu\n", text->len);
  g_assert_cmpint (write (fd, text->str, text->len), ==, (ssize_t) text->len);
  g_assert_cmpint (write (fd, "q", 1), ==, 1);
  /* The machine has long ended when this is over, and what it wrote is more than the socket holds. */
  g_usleep (300 * 1000);
  while ((length = read (fd, bytes, sizeof bytes)) > 0)
    g_string_append_len (got, bytes, length);
  g_assert_true (g_string_equal (got, text));
  g_assert_cmpint (test_process_wait (process), ==, 0);
  close (fd);
}

/* Prints more than the console holds, and powers off at once. */
static void
test_burst_to_file (void)
{
  g_autofree char *log = NULL;

  g_test_summary ("All that a guest printed before it powered off is in the file");
  g_assert_cmpint (test_vmtool (BARE "--kernel burst.elf --console file:log", NULL, NULL), ==, 0);
  g_assert_true (g_file_get_contents ("log", &log, NULL, NULL));
  g_assert_cmpuint (strlen (log), ==, TEST_BURST_LENGTH);
  g_assert_cmpuint (strspn (log, "x"), ==, TEST_BURST_LENGTH);
}

static void
test_stale_socket (void)
{
  g_autoptr (TestProcess) first
    = test_process_start (BARE "--kernel echo.elf --console unix:stale.sock");
  g_autoptr (TestProcess) second = NULL;
  g_autofree char *err = NULL;

  g_test_summary ("A socket left behind by a crash is in nobody's way; one in use is");
  while (g_access ("stale.sock", F_OK) != 0)
    g_usleep (1000);
  g_assert_cmpint (test_vmtool (BARE "--kernel pass.elf --console unix:stale.sock", NULL, &err), ==,
                   1);
  g_assert_cmpstr (err, ==,
                   "vmtool: console 'stale.sock': the path is in use; end what uses it or choose "
                   "another\n");
  kill (first->pid, SIGKILL);
  test_process_wait (first);
  g_assert_cmpint (test_vmtool (BARE "--kernel pass.elf --console unix:stale.sock", NULL, NULL),
                   ==, 0);
}

/* ---- what it writes ---- */

static void
assert_file (const char *path, const char *expected)
{
  g_autofree char *contents = NULL;

  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, expected);
}

static void
test_signature (void)
{
  g_autofree char *err = NULL;

  g_test_summary ("A word a line, the highest digit first; none of a test that did not end");
  g_assert_cmpint (test_vmtool (BARE "--kernel pass.elf --signature sig", NULL, NULL), ==, 0);
  assert_file ("sig", "a3a2a1a0\na7a6a5a4\nabaaa9a8\nafaeadac\n");
  g_assert_cmpint (test_vmtool (BARE "--kernel tohost-5.elf --signature sig16 "
                                     "--signature-granularity 16",
                                NULL, NULL),
                   ==, 5);
  assert_file ("sig16", "afaeadacabaaa9a8a7a6a5a4a3a2a1a0\n");
  g_assert_cmpint (
    test_vmtool (BARE "--kernel loop.elf --signature none --max-instructions 9", NULL, NULL), ==,
    123);
  g_assert_cmpint (g_access ("none", F_OK), !=, 0);

  g_assert_cmpint (test_vmtool (BARE "--kernel fail-7.elf --signature none", NULL, &err), ==, 1);
  g_assert_nonnull (strstr (err, "signature 'none': the kernel has no symbol 'begin_signature'"));
}

static void
test_trace (void)
{
  g_test_summary ("A line for each instruction, with the registers it changed");
  g_assert_cmpint (
    test_vmtool (BARE "--kernel echo.elf --trace=trace --max-instructions 4", NULL, NULL), ==, 123);
  assert_file ("trace",
               "0 0000000080000000 M 10000437  lui     s0, 0x10000                "
               "s0=0000000010000000\n"
               "0 0000000080000004 M 00544283  lbu     t0, 5(s0)                  "
               "t0=0000000000000060\n"
               "0 0000000080000008 M 0012f293  andi    t0, t0, 1                  "
               "t0=0000000000000000\n"
               "0 000000008000000c M fe028ce3  beq     t0, zero, 0x80000004\n");
}

static void
test_reports (void)
{
  g_autofree char *json = NULL;
  g_autofree char *stats = NULL;

  g_test_summary ("--json makes the end one JSON object on standard error, --stats adds figures");
  g_assert_cmpint (test_vmtool (BARE "--kernel tohost-5.elf --json --stats", NULL, &json), ==, 5);
  g_assert_true (g_str_has_prefix (json, "{\n  \"end\": \"tohost\",\n  \"code\": 5,\n"
                                         "  \"status\": 5,\n  \"seconds\": "));
  g_assert_nonnull (strstr (json, "  \"statistics\": {\n"));
  g_assert_true (g_str_has_suffix (json, "\n}\n"));

  g_assert_cmpint (test_vmtool (BARE "--kernel pass.elf --stats", NULL, &stats), ==, 0);
  g_assert_true (g_str_has_prefix (stats, "STATISTIC"));
  g_assert_nonnull (strstr (stats, "hart0.instructions"));
}

static void
test_dump_dtb (void)
{
  g_autofree char *out = NULL;
  g_autofree char *blob = NULL;
  gsize length;

  g_test_summary ("The device tree is written with no kernel at hand, and nothing is run");
  g_assert_cmpint (test_vmtool ("run --dump-dtb dtb --harts 2", &out, NULL), ==, 0);
  g_assert_cmpstr (out, ==, "");
  g_assert_true (g_file_get_contents ("dtb", &blob, &length, NULL));
  g_assert_cmpuint (length, >, 40);
  g_assert_cmpint (memcmp (blob, "\xd0\x0d\xfe\xed", 4), ==, 0);
}

static void
make_files (void)
{
  static const TestProgram *const programs[]
    = { &test_echo, &test_burst, &test_fail_7, &test_pass, &test_tohost_5, &test_loop, &test_wait };
  g_autofree char *blank = g_malloc0 (1 << 20);

  folder = g_dir_make_tmp ("test-run-XXXXXX", NULL);
  g_assert_nonnull (folder);
  g_assert_cmpint (g_chdir (folder), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (programs); i++)
    g_free (test_program_write (folder, programs[i]));
  g_assert_cmpint (g_mkdir ("folder", 0755), ==, 0);
  g_assert_true (g_file_set_contents ("empty", "", 0, NULL));
  g_assert_true (g_file_set_contents ("unreadable", "x", 1, NULL));
  g_assert_cmpint (g_chmod ("unreadable", 0), ==, 0);
  g_assert_true (g_file_set_contents ("disk", blank, 1 << 20, NULL));
  memcpy (blank, "QFI\xfb", 4);
  g_assert_true (g_file_set_contents ("qcow2", blank, 1 << 20, NULL));
  /* No image of the user's may change what is tested. */
  g_setenv ("COPPICE_IMAGES", "/nonexistent", TRUE);
}

static void
remove_files (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_remove (name);
  g_chdir ("/");
  g_rmdir (folder);
  g_free (folder);
}

/* ---- translated code ---- */

static void
test_jit_dump (void)
{
  g_autofree char *out = NULL;
  g_autofree char *err = NULL;
  g_autofree char *summary = NULL;

  g_test_summary ("A dump shows guest code, intermediate form and host code, and time by tier");
  g_assert_true (g_file_set_contents ("names", "0000000080000000 T here\n", -1, NULL));
  g_assert_cmpint (
    test_vmtool (BARE "--kernel loop.elf --engine jit --max-instructions 300000000 --stats "
                      "--symbols names --jit-dump dump",
                 NULL, &err),
    ==, 123);
  g_assert_nonnull (strstr (err, "time.translated-us"));
  g_assert_nonnull (strstr (err, "time.translator-us"));

  g_assert_cmpint (test_vmtool ("jit-dump dump --hottest 1 --at here", &out, NULL), ==, 0);
  g_assert_true (g_str_has_prefix (out, "unit 1: 0x0000000080000000 here, gpa 0x80000000"));
  g_assert_nonnull (strstr (out, "\nguest code:\nblock at +0x000:\n  0000000080000000  jal     zero"));
  g_assert_nonnull (strstr (out, "\nintermediate form:\nblock 0:"));
  g_assert_nonnull (strstr (out, "\nhost code:\n  "));

  g_assert_cmpint (test_vmtool ("jit-dump dump --at 0x80000000 --summary", &summary, NULL), ==, 0);
  g_assert_null (strstr (summary, "guest code"));
  g_assert_nonnull (strstr (summary, " samples, "));
  g_clear_pointer (&err, g_free);
  g_assert_cmpint (test_vmtool ("jit-dump dump --at 0x1234", NULL, &err), ==, 1);
  g_assert_cmpstr (err, ==, "vmtool: dump 'dump': nothing was translated at 0x1234\n");
  g_clear_pointer (&err, g_free);
  g_assert_cmpint (test_vmtool ("jit-dump names", NULL, &err), ==, 1);
  g_assert_cmpstr (err, ==,
                   "vmtool: dump 'names': this is no dump; make one with 'vmtool run --jit-dump "
                   "FILE'\n");
}

/* perf(1) asks its map of a process for addresses in mappings of these names alone. */
static bool
perf_takes_for_anonymous (const char *mapping)
{
  return strstr (mapping, " /dev/zero") != NULL || !strpbrk (mapping, "/[");
}

static void
test_perf_map (void)
{
  g_autoptr (TestProcess) process =
    test_process_start (BARE "--kernel echo.elf --engine jit --perf-map");
  g_autofree char *path = g_strdup_printf ("/tmp/perf-%d.map", (int)process->pid);
  g_autofree char *maps = g_strdup_printf ("/proc/%d/maps", (int)process->pid);
  g_autofree char *mappings = NULL, *text = NULL;
  g_auto (GStrv) lines = NULL;
  const char *entry;
  bool found = false;
  uint64_t code;

  g_test_summary ("perf finds guest code by its address and name");
  test_process_send (process, "x");
  test_process_expect (process, "x");
  g_assert_true (g_file_get_contents (maps, &mappings, NULL, NULL));
  test_process_send (process, "q");
  g_assert_cmpint (test_process_wait (process), ==, 0);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_unlink (path);
  entry = strstr (text, " guest:0x80000000\n");
  g_assert_nonnull (entry);
  while (entry > text && entry[-1] != '\n')
    entry--;
  code = g_ascii_strtoull (entry, NULL, 16);
  lines = g_strsplit (mappings, "\n", -1);
  for (unsigned i = 0; lines[i] != NULL; i++)
    {
      char *end;
      uint64_t from = g_ascii_strtoull (lines[i], &end, 16);

      if (*end == '-' && from <= code && code < g_ascii_strtoull (end + 1, NULL, 16))
        {
          g_assert_true (perf_takes_for_anonymous (lines[i]));
          found = true;
        }
    }
  g_assert_true (found);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  make_files ();
  g_test_add_func ("/tools/run/refused", test_refused);
  g_test_add_func ("/tools/run/unreadable", test_unreadable);
  g_test_add_func ("/tools/run/ends", test_ends);
  g_test_add_func ("/tools/run/signals", test_signals);
  g_test_add_func ("/tools/run/nobody-reads", test_nobody_reads);
  g_test_add_func ("/tools/run/pipes", test_pipes);
  g_test_add_func ("/tools/run/much-output", test_much_output);
  g_test_add_func ("/tools/run/end-of-input", test_end_of_input);
  g_test_add_func ("/tools/run/libraries", test_libraries);
  g_test_add_func ("/tools/run/file-console", test_file_console);
  g_test_add_func ("/tools/run/unix-console", test_unix_console);
  g_test_add_func ("/tools/run/output-at-the-end", test_output_at_the_end);
  g_test_add_func ("/tools/run/burst-to-file", test_burst_to_file);
  g_test_add_func ("/tools/run/stale-socket", test_stale_socket);
  g_test_add_func ("/tools/run/signature", test_signature);
  g_test_add_func ("/tools/run/trace", test_trace);
  g_test_add_func ("/tools/run/reports", test_reports);
  g_test_add_func ("/tools/run/dump-dtb", test_dump_dtb);
  g_test_add_func ("/tools/run/jit-dump", test_jit_dump);
  g_test_add_func ("/tools/run/perf-map", test_perf_map);
  result = g_test_run ();
  remove_files ();
  return result;
}
