/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small kernels made in memory, for tests of the loader and the machine.
 */
#pragma once

#include "engine/config.h"

/* A riscv Image: 64 bytes of header, then @code; @image_size bytes of memory. */
GBytes *test_image_new (uint64_t text_offset, uint64_t image_size, size_t file_size);

typedef struct
{
  uint64_t    gpa;
  const void *bytes;
  uint64_t    file_size, memory_size;
} TestSegment;

typedef struct
{
  const char *name;
  uint64_t    value;
} TestSymbol;

/* A RISC-V ELF with these segments; virtual addresses are physical ones plus @virtual_offset.
   @symbols end with a NULL name; may be NULL. */
GBytes *test_elf_new (uint64_t entry, uint64_t virtual_offset, const TestSegment *segments,
                      unsigned n_segments, const TestSymbol *symbols);

GBytes *test_gzip (GBytes *bytes);
GBytes *test_zstd (GBytes *bytes);

/* An EFI zboot file around @payload. */
GBytes *test_zboot_new (const char *compression, GBytes *payload);

/* @bytes with the 1, 2, 4 or 8 bytes at @offset replaced by @value. */
GBytes *test_poke (GBytes *bytes, size_t offset, unsigned size, uint64_t value);
GBytes *test_truncate (GBytes *bytes, size_t size);

/* A configuration that boots @kernel (transfer full) (nullable). */
CopMachineConfig *test_config_new (CopBootKind boot, GBytes *kernel);
