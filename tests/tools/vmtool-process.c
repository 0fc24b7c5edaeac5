/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * vmtool as a child process of a test. Nothing here waits for a time to pass: what is expected
 * comes, or the test's own time limit ends it.
 */
#include "vmtool-process.h"

#include "common/fd.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

/* ---- programs ---- */

static const uint32_t echo_words[] = {
  0x10000437, /*    lui  s0, 0x10000     the UART           */
  0x00544283, /* 1: lbu  t0, 5(s0)       its line status    */
  0x0012f293, /*    andi t0, t0, 1                          */
  0xfe028ce3, /*    beqz t0, 1b          nothing came       */
  0x00044503, /*    lbu  a0, 0(s0)                          */
  0x07100313, /*    li   t1, 'q'                            */
  0x00650663, /*    beq  a0, t1, 2f                         */
  0x00a40023, /*    sb   a0, 0(s0)                          */
  0xfe5ff06f, /*    j    1b                                 */
  0x001002b7, /* 2: lui  t0, 0x100       the finisher       */
  0x00005337, /*    lui  t1, 0x5                            */
  0x55530313, /*    addi t1, t1, 0x555   0x5555: power off  */
  0x0062a023, /*    sw   t1, 0(t0)                          */
  0x0000006f, /*    j    .                                  */
};

static const uint32_t fail_7_words[] = {
  0x001002b7, /* lui  t0, 0x100       the finisher             */
  0x00073337, /* lui  t1, 0x73                                 */
  0x33330313, /* addi t1, t1, 0x333   0x73333: failure, code 7 */
  0x0062a023, /* sw   t1, 0(t0)                                */
  0x0000006f, /* j    .                                        */
};

static const uint32_t pass_words[] = {
  0x00000297, /* auipc t0, 0                          */
  0x00100513, /* li    a0, 1               0 << 1 | 1 */
  0x10a2b023, /* sd    a0, 0x100(t0)       tohost     */
  0x0000006f, /* j     .                              */
};

static const uint32_t tohost_5_words[] = {
  0x00000297, /* auipc t0, 0                          */
  0x00b00513, /* li    a0, 11              5 << 1 | 1 */
  0x10a2b023, /* sd    a0, 0x100(t0)       tohost     */
  0x0000006f, /* j     .                              */
};

static const uint32_t loop_words[] = {
  0x0000006f, /* j . */
};

static const uint32_t wait_words[] = {
  0x10500073, /* wfi    with every interrupt disabled */
  0xffdff06f, /* j    . - 4                           */
};

static const uint32_t burst_words[] = {
  0x100002b7, /*    lui  t0, 0x10000    the UART                */
  0x07800313, /*    li   t1, 'x'                                */
  0x000303b7, /*    lui  t2, 0x30       TEST_BURST_LENGTH       */
  0x0052ce03, /* 1: lbu  t3, 5(t0)      LSR                     */
  0x020e7e13, /*    andi t3, t3, 0x20   THRE                    */
  0xfe0e0ce3, /*    beqz t3, 1b                                 */
  0x00628023, /*    sb   t1, 0(t0)                              */
  0xfff38393, /*    addi t2, t2, -1                             */
  0xfe0396e3, /*    bnez t2, 1b                                 */
  0x001002b7, /*    lui  t0, 0x100      the finisher            */
  0x00005337, /*    lui  t1, 0x5                                */
  0x55530313, /*    addi t1, t1, 0x555  0x5555: power off       */
  0x0062a023, /*    sw   t1, 0(t0)                              */
  0x0000006f, /*    j    .                                      */
};

const TestProgram test_echo = { "echo.elf", echo_words, G_N_ELEMENTS (echo_words), false };
const TestProgram test_burst = { "burst.elf", burst_words, G_N_ELEMENTS (burst_words), false };
const TestProgram test_fail_7 = { "fail-7.elf", fail_7_words, G_N_ELEMENTS (fail_7_words), false };
const TestProgram test_pass = { "pass.elf", pass_words, G_N_ELEMENTS (pass_words), true };
const TestProgram test_tohost_5
  = { "tohost-5.elf", tohost_5_words, G_N_ELEMENTS (tohost_5_words), true };
const TestProgram test_wait = { "wait.elf", wait_words, G_N_ELEMENTS (wait_words), true };
const TestProgram test_loop = { "loop.elf", loop_words, G_N_ELEMENTS (loop_words), true };

/* The page, and after it what names its parts. */
typedef struct
{
  Elf64_Ehdr header;
  Elf64_Phdr segment;
  uint8_t    page[512];
  Elf64_Sym  symbols[5];
  char       strings[64];
  Elf64_Shdr sections[3];
} ElfFile;

static void
add_symbol (ElfFile *elf, unsigned index, const char *name, uint64_t offset)
{
  /* Names lie one after the other behind the empty first one. */
  size_t at = 1;

  while (elf->strings[at] != '\0')
    at += strlen (elf->strings + at) + 1;
  strcpy (elf->strings + at, name);
  elf->symbols[index] = (Elf64_Sym) {
    .st_name = (Elf64_Word) at,
    .st_info = ELF64_ST_INFO (STB_GLOBAL, STT_OBJECT),
    .st_shndx = SHN_ABS,
    .st_value = TEST_PROGRAM_GPA + offset,
  };
}

char *
test_program_write (const char *folder, const TestProgram *program)
{
  char *path = g_build_filename (folder, program->name, NULL);
  ElfFile elf = {
    .header = {
      .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
      .e_type = ET_EXEC,
      .e_machine = EM_RISCV,
      .e_version = EV_CURRENT,
      .e_entry = TEST_PROGRAM_GPA,
      .e_phoff = offsetof (ElfFile, segment),
      .e_ehsize = sizeof (Elf64_Ehdr),
      .e_phentsize = sizeof (Elf64_Phdr),
      .e_phnum = 1,
      .e_shentsize = sizeof (Elf64_Shdr),
    },
    .segment = {
      .p_type = PT_LOAD,
      .p_flags = PF_R | PF_W | PF_X,
      .p_offset = offsetof (ElfFile, page),
      .p_vaddr = TEST_PROGRAM_GPA,
      .p_paddr = TEST_PROGRAM_GPA,
      .p_filesz = sizeof elf.page,
      .p_memsz = sizeof elf.page,
      .p_align = 1,
    },
  };

  memcpy (elf.page, program->words, program->n_words * sizeof *program->words);
  for (unsigned i = 0; i < TEST_SIGNATURE_SIZE; i++)
    elf.page[TEST_SIGNATURE_OFFSET + i] = (uint8_t) (0xa0 + i);
  if (program->symbols)
    {
      elf.header.e_shoff = offsetof (ElfFile, sections);
      elf.header.e_shnum = 3;
      elf.sections[1] = (Elf64_Shdr) {
        .sh_type = SHT_SYMTAB,
        .sh_offset = offsetof (ElfFile, symbols),
        .sh_size = sizeof elf.symbols,
        .sh_link = 2,
        .sh_entsize = sizeof (Elf64_Sym),
      };
      elf.sections[2] = (Elf64_Shdr) {
        .sh_type = SHT_STRTAB,
        .sh_offset = offsetof (ElfFile, strings),
        .sh_size = sizeof elf.strings,
      };
      add_symbol (&elf, 1, "tohost", TEST_TOHOST_OFFSET);
      add_symbol (&elf, 2, "fromhost", TEST_FROMHOST_OFFSET);
      add_symbol (&elf, 3, "begin_signature", TEST_SIGNATURE_OFFSET);
      add_symbol (&elf, 4, "end_signature", TEST_SIGNATURE_OFFSET + TEST_SIGNATURE_SIZE);
    }
  g_assert_true (g_file_set_contents (path, (const char *) &elf, sizeof elf, NULL));
  return path;
}

/* ---- processes ---- */

static char **
command_line (const char *arguments)
{
  const char *vmtool = g_getenv ("COPPICE_VMTOOL");
  g_autofree char *line = NULL;
  g_autofree char *quoted = NULL;
  char **words;

  g_assert_nonnull (vmtool);
  quoted = g_shell_quote (vmtool);
  line = g_strdup_printf ("%s %s", quoted, arguments);
  g_assert_true (g_shell_parse_argv (line, NULL, &words, NULL));
  return words;
}

static TestProcess *
process_new (void)
{
  TestProcess *process = g_new0 (TestProcess, 1);

  process->in = process->out = process->err = process->slave = -1;
  process->text = g_string_new (NULL);
  process->error_text = g_string_new (NULL);
  return process;
}

/* In the child: whoever runs the tests may ignore signals, as nohup and make do. A test that aborts
   or is ended must not leave guests behind that run for ever. */
static void
prepare_child (gpointer data G_GNUC_UNUSED)
{
  sigset_t none;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (int number = 1; number < 32; number++)
    signal (number, SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

TestProcess *
test_process_start (const char *arguments)
{
  TestProcess *process = process_new ();
  g_auto (GStrv) words = command_line (arguments);
  g_autoptr (GError) error = NULL;
  GPid pid;

  g_spawn_async_with_pipes (NULL, words, NULL, G_SPAWN_DO_NOT_REAP_CHILD, prepare_child, NULL, &pid,
                            &process->in, &process->out, &process->err, &error);
  g_assert_no_error (error);
  process->pid = pid;
  return process;
}

TestProcess *
test_process_start_on_terminal (const char *arguments)
{
  TestProcess *process = process_new ();
  g_auto (GStrv) words = command_line (arguments);
  int master;

  g_assert_cmpint (openpty (&master, &process->slave, NULL, NULL, NULL), ==, 0);
  fcntl (master, F_SETFD, FD_CLOEXEC);
  process->pid = fork ();
  g_assert_cmpint (process->pid, >=, 0);
  if (process->pid == 0)
    {
      prepare_child (NULL);
      login_tty (process->slave);
      execv (words[0], words);
      _exit (127);
    }
  process->in = process->out = master;
  return process;
}

/* Reads what is there; waits for more than nothing. Returns: false when no more can come */
static bool
read_some (TestProcess *process)
{
  /* While we keep the terminal's slave open, only the process's own end tells that of its output. */
  cop_autofd int ended = process->slave >= 0 ? (int) syscall (SYS_pidfd_open, process->pid, 0) : -1;
  struct pollfd fds[] = {
    { process->out, POLLIN, 0 },
    { process->err, POLLIN, 0 },
    { ended, POLLIN, 0 },
  };
  GString *texts[] = { process->text, process->error_text };
  int *owners[] = { &process->out, &process->err };

  if (process->out < 0 && process->err < 0)
    return false;
  while (poll (fds, G_N_ELEMENTS (fds), -1) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  if (fds[2].revents != 0 && fds[0].revents == 0 && fds[1].revents == 0)
    return false;
  for (unsigned i = 0; i < 2; i++)
    if (fds[i].fd >= 0 && fds[i].revents != 0)
      {
        char bytes[4096];
        ssize_t length = read (fds[i].fd, bytes, sizeof bytes);

        if (length > 0)
          g_string_append_len (texts[i], bytes, length);
        else
          {
            if (i == 0 && process->in == process->out)
              process->in = -1;
            close (*owners[i]);
            *owners[i] = -1;
          }
      }
  return true;
}

void
test_process_send (TestProcess *process, const char *text)
{
  g_assert_cmpint (write (process->in, text, strlen (text)), ==, (gssize) strlen (text));
}

void
test_process_close_input (TestProcess *process)
{
  close (process->in);
  process->in = -1;
}

void
test_process_expect (TestProcess *process, const char *text)
{
  const char *found;

  while ((found = strstr (process->text->str, text)) == NULL)
    if (!read_some (process))
      {
        g_test_message ("waited for '%s', got '%s' and '%s'", text, process->text->str,
                        process->error_text->str);
        g_assert_not_reached ();
      }
  g_string_erase (process->text, 0, found - process->text->str + (gssize) strlen (text));
}

int
test_process_wait (TestProcess *process)
{
  int status;

  /* Our side of the terminal's slave would keep it from ending. */
  if (process->slave >= 0)
    close (process->slave);
  process->slave = -1;
  while (read_some (process))
    ;
  g_assert_cmpint (waitpid (process->pid, &status, 0), ==, process->pid);
  process->pid = 0;
  return status;
}

void
test_process_free (TestProcess *process)
{
  int fds[] = { process->out, process->err, process->slave,
                process->in != process->out ? process->in : -1 };

  if (process->pid > 0)
    {
      kill (process->pid, SIGKILL);
      waitpid (process->pid, NULL, 0);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
  g_string_free (process->text, TRUE);
  g_string_free (process->error_text, TRUE);
  g_free (process);
}

int
test_vmtool (const char *arguments, char **out, char **err)
{
  g_autoptr (TestProcess) process = test_process_start (arguments);
  int status;

  test_process_close_input (process);
  status = test_process_wait (process);
  if (out != NULL)
    *out = g_strdup (process->text->str);
  if (err != NULL)
    *err = g_strdup (process->error_text->str);
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}
