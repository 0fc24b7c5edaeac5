/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The executors. Ours get the image in RAM and end in a jump to itself; QEMU gets the same image as
 * an ELF file and ends by writing its data to standard output.
 */
#include "execute.h"

#include "common/fd.h"

#include <elf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <gio/gio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MATCH(insn) (cop_insn_table[COP_INSN_##insn].match)
#define JUMP_TO_ITSELF 0x0000006fu

/* Far more than any program has, loops included. */
#define MAX_INSNS UINT64_C (100000000)
#define INSNS_A_RUN 5003                /* odd, so that run() stops in many places */

uint8_t *
execute_engine (const Program *program, const CopEngineOps *ops)
{
  CopEngineConfig config = { 0 };
  g_autoptr (CopRam) ram = cop_ram_new (IMAGE_GPA, IMAGE_MAX, -1, NULL);
  g_autoptr (CopHart) hart = NULL;
  uint64_t end = IMAGE_GPA + program->end;
  uint32_t last = JUMP_TO_ITSELF;
  uint8_t *data = NULL;
  CopEngine *engine;

  g_assert_nonnull (ram);
  cop_ram_write (ram, IMAGE_GPA, program->image, program->size);
  cop_ram_write (ram, end, &last, sizeof last);
  hart = cop_hart_new (NULL, ram, 0, cop_isa_default ());
  engine = ops->create (NULL, ram, &config, NULL);
  g_assert_nonnull (engine);
  ops->attach (engine, hart);
  cop_hart_reset (hart, IMAGE_GPA, COP_PRIV_M, 0);
  hart->s.mstatus |= COP_MSTATUS_FS;
  /* A trap, which no sequence should take, ends up at the end with nothing stored. */
  hart->s.mtvec = end;
  cop_hart_state_changed (hart);
  cop_hart_unpark (hart);
  while (hart->s.pc != end && hart->s.instret < MAX_INSNS)
    ops->run (engine, hart, hart->s.instret + INSNS_A_RUN);
  cop_hart_park (hart);
  if (hart->s.pc == end && hart->s.mcause == 0 && hart->stats.traps == 0)
    {
      data = g_malloc (program->size - program->data);
      cop_ram_read (ram, IMAGE_GPA + program->data, data, program->size - program->data);
    }
  ops->detach (engine, hart);
  ops->destroy (engine);
  return data;
}

/* ---- QEMU ---- */

static const char *const qemu_argv[] = { "qemu-riscv64", "-cpu", "rv64,Zfhmin=true" };

bool
execute_qemu_available (void)
{
  g_autofree char *path = g_find_program_in_path (qemu_argv[0]);

  return path != NULL;
}

/* li rd, value for a value below 2^31; always two instructions. */
static void
put_li (uint32_t **at, unsigned rd, uint32_t value)
{
  *(*at)++ = MATCH (lui) | rd << 7 | ((value + 0x800) & 0xfffff000);
  *(*at)++ = encode_i (MATCH (addiw), rd, rd, (int) (value & 0xfff));
}

/* write (1, data, size); exit (0) */
static void
put_ending (const Program *program, uint8_t *image)
{
  enum { A0 = 10, A1 = 11, A2 = 12, A7 = 17, SYS_write_riscv = 64, SYS_exit_riscv = 93 };
  uint32_t code[16], *at = code;
  int32_t distance;

  put_li (&at, A0, 1);
  distance = (int32_t) (program->data - (program->end + (uint64_t) (at - code) * 4));
  *at++ = MATCH (auipc) | A1 << 7 | ((uint32_t) (distance + 0x800) & 0xfffff000);
  *at++ = encode_i (MATCH (addi), A1, A1, distance & 0xfff);
  put_li (&at, A2, (uint32_t) (program->size - program->data));
  put_li (&at, A7, SYS_write_riscv);
  *at++ = MATCH (ecall);
  put_li (&at, A0, 0);
  put_li (&at, A7, SYS_exit_riscv);
  *at++ = MATCH (ecall);
  memcpy (image + program->end, code, (size_t) (at - code) * 4);
}

/* An ELF file of one writable and executable segment. */
static bool
write_elf (const Program *program, const char *path, GError **error)
{
  const uint64_t offset = COP_PAGE_SIZE;
  g_autofree uint8_t *file = g_malloc0 (offset + program->size);
  Elf64_Ehdr header = {
    .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
    .e_type = ET_EXEC,
    .e_machine = EM_RISCV,
    .e_version = EV_CURRENT,
    .e_entry = IMAGE_GPA,
    .e_phoff = sizeof header,
    .e_flags = 5,               /* RVC, double-precision ABI */
    .e_ehsize = sizeof header,
    .e_phentsize = sizeof (Elf64_Phdr),
    .e_phnum = 1,
  };
  Elf64_Phdr segment = {
    .p_type = PT_LOAD,
    .p_flags = PF_R | PF_W | PF_X,
    .p_offset = offset,
    .p_vaddr = IMAGE_GPA,
    .p_paddr = IMAGE_GPA,
    .p_filesz = program->size,
    .p_memsz = program->size,
    .p_align = COP_PAGE_SIZE,
  };

  memcpy (file, &header, sizeof header);
  memcpy (file + sizeof header, &segment, sizeof segment);
  memcpy (file + offset, program->image, program->size);
  put_ending (program, file + offset);
  if (!g_file_set_contents (path, (const char *) file, (gssize) (offset + program->size), error))
    return false;
  g_chmod (path, 0700);
  return true;
}

uint8_t *
execute_qemu (const Program *program, GError **error)
{
  g_autofree char *path = NULL;
  const char *argv[G_N_ELEMENTS (qemu_argv) + 2] = { 0 };
  size_t size = program->size - program->data;
  uint8_t *data = NULL;
  cop_autofd int elf = g_file_open_tmp ("differential-XXXXXX.elf", &path, error);
  cop_autofd int out = memfd_create ("differential", MFD_CLOEXEC);
  int status = 0;
  GPid child;

  if (elf < 0)
    return NULL;
  g_assert_cmpint (out, >=, 0);
  cop_fd_clear (&elf);
  memcpy (argv, qemu_argv, sizeof qemu_argv);
  argv[G_N_ELEMENTS (qemu_argv)] = path;
  if (write_elf (program, path, error) &&
      g_spawn_async_with_fds (NULL, (char **) argv, NULL,
                              G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &child, -1,
                              out, -1, error))
    {
      while (waitpid (child, &status, 0) < 0 && errno == EINTR)
        ;
      data = g_malloc (size);
      if (!g_spawn_check_wait_status (status, error))
        g_clear_pointer (&data, g_free);
      else if (pread (out, data, size, 0) != (ssize_t) size)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "qemu-riscv64 wrote less than %zu bytes",
                       size);
          g_clear_pointer (&data, g_free);
        }
    }
  g_unlink (path);
  return data;
}
