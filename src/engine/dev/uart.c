/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A 16550A UART.
 *
 *          DLAB = 0             DLAB = 1
 *     0    RBR / THR            divisor, low byte
 *     1    IER                  divisor, high byte
 *     2    IIR / FCR            the same
 *     3    LCR     4  MCR     5  LSR     6  MSR     7  SCR
 *
 *     THR --> [tx FIFO] --> chardev          chardev --> [rx FIFO] --> RBR
 *                 |                                          ^
 *                 +------------ loopback (MCR bit 4) --------+
 *
 * The line takes no time: a byte leaves at once, and stays in the tx FIFO only while the chardev
 * takes none; bytes arrive as fast as there is room, so nothing from outside ever overruns. The
 * character timeout of the rx FIFO, four character times without traffic, is over as soon as a
 * burst is in.
 *
 * Source: National Semiconductor PC16550D data sheet, June 1995, section 8
 */
#include "engine/dev/uart.h"

#include <libfdt.h>

/* How long a reader may take for what was written before a pause or the end. */
#define FLUSH_MS 100

#define FIFO_SIZE 16
#define CLOCK_HZ 3686400        /* of QEMU's virt machine */

enum
{
  REG_DATA,
  REG_IER,
  REG_IIR_FCR,
  REG_LCR,
  REG_MCR,
  REG_LSR,
  REG_MSR,
  REG_SCR,
};

enum
{
  IER_RDA = 0x01,
  IER_THRE = 0x02,
  IER_RLS = 0x04,
  IER_MSI = 0x08,
  IER_MASK = 0x0f,

  IIR_MSI = 0x00,
  IIR_NONE = 0x01,
  IIR_THRE = 0x02,
  IIR_RDA = 0x04,
  IIR_RLS = 0x06,
  IIR_TIMEOUT = 0x0c,
  IIR_FIFOS = 0xc0,

  FCR_ENABLE = 0x01,
  FCR_CLEAR_RX = 0x02,
  FCR_CLEAR_TX = 0x04,
  FCR_TRIGGER_SHIFT = 6,
  FCR_KEPT = 0xc9,

  LCR_BREAK = 0x40,
  LCR_DLAB = 0x80,

  MCR_DTR = 0x01,
  MCR_RTS = 0x02,
  MCR_OUT1 = 0x04,
  MCR_OUT2 = 0x08,
  MCR_LOOP = 0x10,
  MCR_MASK = 0x1f,

  LSR_DR = 0x01,
  LSR_OE = 0x02,
  LSR_BI = 0x10,
  LSR_ERRORS = 0x1e,
  LSR_THRE = 0x20,
  LSR_TEMT = 0x40,
  LSR_FIFO_ERROR = 0x80,

  MSR_DCTS = 0x01,
  MSR_DDSR = 0x02,
  MSR_TERI = 0x04,
  MSR_DDCD = 0x08,
  MSR_CTS = 0x10,
  MSR_DSR = 0x20,
  MSR_RI = 0x40,
  MSR_DCD = 0x80,
  MSR_DELTAS = 0x0f,
};

COP_STATE_BEGIN
typedef struct
{
  uint8_t bytes[FIFO_SIZE];
  uint8_t head, length;
} UartFifo;

typedef struct
{
  uint16_t divisor;
  uint8_t  ier, fcr, lcr, mcr, scr;
  uint8_t  lsr_errors;          /* OE, PE, FE, BI until LSR is read */
  uint8_t  msr_deltas;          /* until MSR is read */
  bool     thre_irq;            /* the transmitter became empty since IIR said so */
  bool     rx_timeout;          /* bytes wait below the trigger level */
  uint8_t  reserved;
  UartFifo rx[1], tx[1];
} UartState;
COP_STATE_END

typedef struct
{
  CopDevice   parent;
  UartState   s;
  CopChardev *chardev;          /* (owned) (nullable) */
  bool        quiet;            /* nothing comes or goes: between quiesce and resume */
} Uart;

static const CopStateRow fifo_rows[] = {
  COP_STATE_ARRAY (UartFifo, bytes),
  COP_STATE (UartFifo, head, .max = FIFO_SIZE - 1),
  COP_STATE (UartFifo, length, .max = FIFO_SIZE),
};
static const CopStateTable fifo_state = { "uart-fifo", 1, COP_STATE_ROWS (UartFifo, fifo_rows) };

static bool
check_state (const void *state, GError **error)
{
  const UartState *s = state;

  if ((s->fcr & FCR_ENABLE) != 0 || (s->rx->length <= 1 && s->tx->length <= 1))
    return true;
  g_set_error (error, COP_STATE_ERROR, COP_STATE_ERROR_RANGE,
               "rx.length: %u or tx.length: %u is more than the 1 that fcr: 0x%x, without FIFOs, "
               "allows",
               s->rx->length, s->tx->length, s->fcr);
  return false;
}

static const CopStateRow uart_rows[] = {
  COP_STATE (UartState, divisor, .reset = 12),
  COP_STATE (UartState, ier, .mask = IER_MASK),
  COP_STATE (UartState, fcr, .mask = FCR_KEPT),
  COP_STATE (UartState, lcr),
  COP_STATE (UartState, mcr, .mask = MCR_MASK),
  COP_STATE (UartState, scr),
  COP_STATE (UartState, lsr_errors, .mask = LSR_ERRORS),
  COP_STATE (UartState, msr_deltas, .mask = MSR_DELTAS),
  COP_STATE (UartState, thre_irq),
  COP_STATE (UartState, rx_timeout),
  COP_STATE (UartState, reserved),
  COP_STATE_STRUCTS (UartState, rx, &fifo_state),
  COP_STATE_STRUCTS (UartState, tx, &fifo_state),
};
static const CopStateTable uart_state = { "uart", 1, COP_STATE_ROWS (UartState, uart_rows),
                                          check_state };

/* FIFOs */

static unsigned
fifo_capacity (const UartState *s)
{
  return (s->fcr & FCR_ENABLE) != 0 ? FIFO_SIZE : 1;
}

static void
fifo_push (UartFifo *fifo, uint8_t byte)
{
  fifo->bytes[(fifo->head + fifo->length) % FIFO_SIZE] = byte;
  fifo->length++;
}

static uint8_t
fifo_pop (UartFifo *fifo)
{
  uint8_t byte = fifo->bytes[fifo->head];

  fifo->head = (fifo->head + 1) % FIFO_SIZE;
  fifo->length--;
  return byte;
}

static void
fifo_clear (UartFifo *fifo)
{
  fifo->head = fifo->length = 0;
}

/* Interrupts */

static unsigned
rx_trigger (const UartState *s)
{
  static const uint8_t levels[] = { 1, 4, 8, 14 };

  return (s->fcr & FCR_ENABLE) != 0 ? levels[s->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

/* What IIR says, without the FIFO bits: the enabled cause of highest priority. */
static unsigned
irq_cause (const UartState *s)
{
  if ((s->ier & IER_RLS) != 0 && s->lsr_errors != 0)
    return IIR_RLS;
  if ((s->ier & IER_RDA) != 0 && s->rx->length >= rx_trigger (s))
    return IIR_RDA;
  if ((s->ier & IER_RDA) != 0 && s->rx_timeout)
    return IIR_TIMEOUT;
  if ((s->ier & IER_THRE) != 0 && s->thre_irq)
    return IIR_THRE;
  if ((s->ier & IER_MSI) != 0 && s->msr_deltas != 0)
    return IIR_MSI;
  return IIR_NONE;
}

static bool
uart_irq_level (const CopDevice *device)
{
  return irq_cause (&((const Uart *) device)->s) != IIR_NONE;
}

/* Receiver */

static void
update_rx_timeout (UartState *s)
{
  s->rx_timeout = (s->fcr & FCR_ENABLE) != 0 && s->rx->length > 0;
}

static void
receive_byte (UartState *s, uint8_t byte)
{
  if (s->rx->length < fifo_capacity (s))
    fifo_push (s->rx, byte);
  else
    {
      s->lsr_errors |= LSR_OE;
      /* Without FIFOs the new byte takes the old one's place; a full FIFO keeps what it has. */
      if ((s->fcr & FCR_ENABLE) == 0)
        s->rx->bytes[s->rx->head] = byte;
    }
  update_rx_timeout (s);
}

static size_t
uart_can_receive (gpointer data)
{
  Uart *uart = data;
  size_t room = 0;

  g_mutex_lock (&uart->parent.lock);
  if ((uart->s.mcr & MCR_LOOP) == 0 && !uart->quiet)
    room = fifo_capacity (&uart->s) - uart->s.rx->length;
  g_mutex_unlock (&uart->parent.lock);
  return room;
}

static void
uart_receive (gpointer data, const uint8_t *bytes, size_t length)
{
  Uart *uart = data;

  g_mutex_lock (&uart->parent.lock);
  for (size_t i = 0; i < length; i++)
    receive_byte (&uart->s, bytes[i]);
  cop_device_update_irq (&uart->parent);
  g_mutex_unlock (&uart->parent.lock);
}

static void
accept_input (Uart *uart)
{
  if (uart->chardev != NULL)
    cop_chardev_accept_input (uart->chardev);
}

static uint8_t
read_rbr (Uart *uart)
{
  UartState *s = &uart->s;
  uint8_t byte;

  if (s->rx->length == 0)
    return 0;
  byte = fifo_pop (s->rx);
  update_rx_timeout (s);
  /* Room for one more would make the I/O thread read byte by byte. */
  if (s->rx->length == 0)
    accept_input (uart);
  return byte;
}

/* Transmitter */

/* Hands the tx FIFO to whoever it goes to; an emptied one raises THRE. */
static void
transmit (Uart *uart)
{
  UartState *s = &uart->s;

  while (s->tx->length > 0)
    {
      uint8_t byte = s->tx->bytes[s->tx->head];

      if ((s->mcr & MCR_LOOP) != 0)
        receive_byte (s, byte);
      else if (uart->chardev != NULL && cop_chardev_write (uart->chardev, &byte, 1) == 0)
        return;
      fifo_pop (s->tx);
    }
  s->thre_irq = true;
}

static void
write_thr (Uart *uart, uint8_t byte)
{
  UartState *s = &uart->s;

  s->thre_irq = false;
  /* Whoever does not wait for THRE loses bytes, here as on the wire. */
  if (s->tx->length < fifo_capacity (s))
    fifo_push (s->tx, byte);
  transmit (uart);
}

static void
uart_writable (gpointer data)
{
  Uart *uart = data;

  g_mutex_lock (&uart->parent.lock);
  if (uart->s.tx->length > 0 && !uart->quiet)
    transmit (uart);
  cop_device_update_irq (&uart->parent);
  g_mutex_unlock (&uart->parent.lock);
}

static const CopChardevOps chardev_ops = { uart_can_receive, uart_receive, uart_writable };

/* Registers */

/* The modem's lines: in loopback our own outputs, otherwise a modem that is there and ready. */
static uint8_t
modem_lines (uint8_t mcr)
{
  if ((mcr & MCR_LOOP) == 0)
    return MSR_CTS | MSR_DSR | MSR_DCD;
  return ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0) | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0) |
         ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0) | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
}

static void
write_mcr (Uart *uart, uint8_t value)
{
  UartState *s = &uart->s;
  uint8_t before = modem_lines (s->mcr);
  uint8_t changed;

  s->mcr = value & MCR_MASK;
  changed = before ^ modem_lines (s->mcr);
  if ((changed & MSR_CTS) != 0)
    s->msr_deltas |= MSR_DCTS;
  if ((changed & MSR_DSR) != 0)
    s->msr_deltas |= MSR_DDSR;
  if ((changed & MSR_DCD) != 0)
    s->msr_deltas |= MSR_DDCD;
  if ((changed & before & MSR_RI) != 0) /* trailing edge only */
    s->msr_deltas |= MSR_TERI;

  if (s->tx->length > 0)
    transmit (uart);
  if ((s->mcr & MCR_LOOP) == 0)
    accept_input (uart);
}

static void
write_fcr (Uart *uart, uint8_t value)
{
  UartState *s = &uart->s;

  /* Turning FIFOs on or off empties them. */
  if (((value ^ s->fcr) & FCR_ENABLE) != 0)
    value |= FCR_CLEAR_RX | FCR_CLEAR_TX;
  /* Without the enable bit the others are not written. */
  s->fcr = (value & FCR_ENABLE) != 0 ? value & FCR_KEPT : 0;

  if ((value & FCR_CLEAR_RX) != 0)
    {
      fifo_clear (s->rx);
      accept_input (uart);
    }
  if ((value & FCR_CLEAR_TX) != 0 && s->tx->length > 0)
    {
      fifo_clear (s->tx);
      s->thre_irq = true;
    }
  update_rx_timeout (s);
}

static void
write_ier (UartState *s, uint8_t value)
{
  /* Enabling the interrupt while the transmitter is empty raises it. */
  if ((value & ~s->ier & IER_THRE) != 0 && s->tx->length == 0)
    s->thre_irq = true;
  s->ier = value & IER_MASK;
}

static void
write_lcr (UartState *s, uint8_t value)
{
  bool break_begins = (value & ~s->lcr & LCR_BREAK) != 0;

  s->lcr = value;
  if (break_begins && (s->mcr & MCR_LOOP) != 0)
    {
      receive_byte (s, 0);
      s->lsr_errors |= LSR_BI;
    }
}

static uint8_t
read_iir (UartState *s)
{
  unsigned cause = irq_cause (s);

  if (cause == IIR_THRE)
    s->thre_irq = false;
  return cause | ((s->fcr & FCR_ENABLE) != 0 ? IIR_FIFOS : 0);
}

static uint8_t
read_lsr (UartState *s)
{
  uint8_t value = s->lsr_errors;

  if (s->rx->length > 0)
    value |= LSR_DR;
  if (s->tx->length == 0)
    value |= LSR_THRE | LSR_TEMT;
  /* Of a character in the FIFO; an overrun is of none. */
  if ((s->fcr & FCR_ENABLE) != 0 && (s->lsr_errors & ~LSR_OE) != 0)
    value |= LSR_FIFO_ERROR;
  s->lsr_errors = 0;
  return value;
}

static uint8_t
read_msr (UartState *s)
{
  uint8_t value = s->msr_deltas | modem_lines (s->mcr);

  s->msr_deltas = 0;
  return value;
}

static uint64_t
uart_read (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size)
{
  Uart *uart = (Uart *) device;
  UartState *s = &uart->s;
  bool dlab = (s->lcr & LCR_DLAB) != 0;

  switch (offset)
    {
    case REG_DATA:
      return dlab ? s->divisor & 0xff : read_rbr (uart);
    case REG_IER:
      return dlab ? s->divisor >> 8 : s->ier;
    case REG_IIR_FCR:
      return read_iir (s);
    case REG_LCR:
      return s->lcr;
    case REG_MCR:
      return s->mcr;
    case REG_LSR:
      return read_lsr (s);
    case REG_MSR:
      return read_msr (s);
    case REG_SCR:
      return s->scr;
    default:
      return 0;
    }
}

static void
uart_write (CopDevice *device, uint64_t offset, G_GNUC_UNUSED unsigned size, uint64_t value)
{
  Uart *uart = (Uart *) device;
  UartState *s = &uart->s;
  bool dlab = (s->lcr & LCR_DLAB) != 0;
  uint8_t byte = value;

  switch (offset)
    {
    case REG_DATA:
      if (dlab)
        s->divisor = (s->divisor & 0xff00) | byte;
      else
        write_thr (uart, byte);
      break;
    case REG_IER:
      if (dlab)
        s->divisor = (s->divisor & 0x00ff) | byte << 8;
      else
        write_ier (s, byte);
      break;
    case REG_IIR_FCR:
      write_fcr (uart, byte);
      break;
    case REG_LCR:
      write_lcr (s, byte);
      break;
    case REG_MCR:
      write_mcr (uart, byte);
      break;
    case REG_SCR:
      s->scr = byte;
      break;
    default: /* LSR and MSR are read only */
      break;
    }
}

static void
uart_reset (CopDevice *device)
{
  accept_input ((Uart *) device);
}

/* What the guest has written is the reader's, if it takes it: it is in no snapshot. */
static bool
uart_quiesce (CopDevice *device, unsigned patience_ms)
{
  Uart *uart = (Uart *) device;

  (void) patience_ms;
  g_mutex_lock (&device->lock);
  uart->quiet = true;
  g_mutex_unlock (&device->lock);
  if (uart->chardev == NULL)
    return true;
  cop_chardev_flush (uart->chardev, FLUSH_MS);

  /* Bytes that found no room before there was some now. */
  g_mutex_lock (&device->lock);
  if (uart->s.tx->length > 0)
    transmit (uart);
  g_mutex_unlock (&device->lock);
  cop_chardev_flush (uart->chardev, FLUSH_MS);
  return true;
}

static void
uart_resume (CopDevice *device)
{
  Uart *uart = (Uart *) device;

  g_mutex_lock (&device->lock);
  uart->quiet = false;
  g_mutex_unlock (&device->lock);
  uart_writable (uart);
  accept_input (uart);
}

static void
uart_finalize (CopDevice *device)
{
  cop_chardev_free (((Uart *) device)->chardev);
}

static int
uart_fdt (const CopDevice *device, void *fdt)
{
  int node = cop_device_fdt_node (device, fdt);

  return node < 0 ? node : fdt_setprop_u32 (fdt, node, "clock-frequency", CLOCK_HZ);
}

const CopDeviceType cop_uart_type = {
  .name = "uart",
  .fdt_name = "serial",
  .compatible = "ns16550a",
  .instance_size = sizeof (Uart),
  .mmio_size = 0x100,
  .state = &uart_state,
  .state_offset = offsetof (Uart, s),
  .read = uart_read,
  .write = uart_write,
  .irq_level = uart_irq_level,
  .reset = uart_reset,
  .quiesce = uart_quiesce,
  .resume = uart_resume,
  .fdt = uart_fdt,
  .finalize = uart_finalize,
};

CopDevice *
cop_uart_new (const char *id, uint64_t gpa, GMainContext *context, CopChardev *chardev)
{
  Uart *uart = cop_device_new (&cop_uart_type, id, NULL, context, gpa);

  uart->chardev = chardev;
  if (chardev != NULL)
    cop_chardev_connect (chardev, &chardev_ops, uart);
  return &uart->parent;
}
