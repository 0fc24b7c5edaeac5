/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * SBI's debug console: the UART without its registers for output, with them for input, as two
 * readers of one line must not steal bytes from the FIFO's own accounting.
 *
 * Source: RISC-V SBI Specification 2.0 ch. 12, 5.2, 5.3
 */
#include "engine/dev/bus.h"
#include "engine/dev/platform.h"
#include "engine/machine-private.h"
#include "engine/riscv/sbi-private.h"

/* One call moves no more: a caller gets the number and calls again. */
#define CHUNK 4096

#define UART_RBR 0
#define UART_LSR 5
#define UART_LSR_DATA_READY 1

static CopSbiResult
console_write (CopHart *hart, const uint64_t args[6])
{
  const uint8_t *bytes = cop_sbi_memory (hart, args[1], args[2], args[0]);

  if (bytes == NULL)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  return COP_SBI_VALUE (
    cop_machine_console_write (hart->machine, bytes, MIN (args[0], (uint64_t)CHUNK)));
}

static bool
read_byte (const CopHart *hart, uint8_t *byte)
{
  uint64_t status, value;

  if (!cop_bus_read (hart->bus, COP_UART_GPA + UART_LSR, 1, &status) ||
      !(status & UART_LSR_DATA_READY) ||
      !cop_bus_read (hart->bus, COP_UART_GPA + UART_RBR, 1, &value))
    return false;
  *byte = (uint8_t)value;
  return true;
}

static CopSbiResult
console_read (CopHart *hart, const uint64_t args[6])
{
  uint8_t bytes[64];
  uint64_t n = 0;

  if (cop_sbi_memory (hart, args[1], args[2], args[0]) == NULL)
    return COP_SBI_ERROR (COP_SBI_INVALID_PARAM);
  while (n < MIN (args[0], sizeof bytes) && read_byte (hart, &bytes[n]))
    n++;
  cop_ram_write (hart->ram, args[1], bytes, n);
  return COP_SBI_VALUE (n);
}

static CopSbiResult
console_write_byte (CopHart *hart, const uint64_t args[6])
{
  uint8_t byte = (uint8_t)args[0];

  cop_machine_console_write (hart->machine, &byte, 1);
  return COP_SBI_OK;
}

static CopSbiResult
legacy_getchar (CopHart *hart, const uint64_t args[6])
{
  uint8_t byte;

  (void)args;
  return read_byte (hart, &byte) ? COP_SBI_VALUE (byte) : COP_SBI_ERROR (COP_SBI_FAILED);
}

static const CopSbiFunc dbcn_functions[] = { console_write, console_read, console_write_byte };
const CopSbiExtension cop_sbi_dbcn = COP_SBI_EXTENSION (0x4442434e, "DBCN", dbcn_functions);

static const CopSbiFunc putchar_functions[] = { console_write_byte };
const CopSbiExtension cop_sbi_legacy_putchar =
  COP_SBI_EXTENSION (0x01, "legacy putchar", putchar_functions, .legacy = true);

static const CopSbiFunc getchar_functions[] = { legacy_getchar };
const CopSbiExtension cop_sbi_legacy_getchar =
  COP_SBI_EXTENSION (0x02, "legacy getchar", getchar_functions, .legacy = true);
