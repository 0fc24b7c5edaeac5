/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The 16550A, register by register, as its data sheet and its drivers expect it.
 */
#include "engine/dev/uart.h"
#include "common/fd.h"
#include "test-device.h"

#include <poll.h>
#include <sys/socket.h>

enum
{
  RBR = 0,
  THR = 0,
  DLL = 0,
  IER = 1,
  DLM = 1,
  IIR = 2,
  FCR = 2,
  LCR = 3,
  MCR = 4,
  LSR = 5,
  MSR = 6,
  SCR = 7,
};

typedef struct
{
  GMainContext *context;
  TestDevice    test;
  int           peer;           /* the other end of the line */
} Fixture;

static void
set_up (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  CopConsoleConfig config = COP_CONSOLE_NOWHERE;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  f->peer = fds[0];
  config.in_fd = config.out_fd = fds[1];
  f->context = g_main_context_new ();
  test_device_init (&f->test, cop_uart_new ("uart0", 0x10000000, f->context,
                                            cop_chardev_new (&config, f->context)));
}

static void
tear_down (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  test_device_clear (&f->test);
  g_main_context_unref (f->context);
  cop_fd_clear (&f->peer);
}

static uint8_t
get (Fixture *f, unsigned reg)
{
  return test_device_read (&f->test, reg, 1);
}

static void
set (Fixture *f, unsigned reg, uint8_t value)
{
  test_device_write (&f->test, reg, 1, value);
}

/* Sends @text down the line and waits until the UART has @waiting bytes of it. */
static void
send_text (Fixture *f, const char *text)
{
  g_assert_cmpint (write (f->peer, text, strlen (text)), ==, (ssize_t) strlen (text));
  while ((get (f, LSR) & 1) == 0)
    g_main_context_iteration (f->context, TRUE);
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

static void
test_reset_values (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  static const uint8_t values[] = { 0x00, 0x00, 0x01, 0x00, 0x00, 0x60, 0xb0, 0x00 };

  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    g_assert_cmphex (get (f, i), ==, values[i]);
  for (unsigned i = 8; i < 0x100; i++)
    {
      set (f, i, 0xff);
      g_assert_cmphex (get (f, i), ==, 0);
    }
}

static void
test_plain_registers (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Scratch, line control, masked bits, and the divisor behind DLAB");
  set (f, SCR, 0xa5);
  g_assert_cmphex (get (f, SCR), ==, 0xa5);
  set (f, IER, 0xff);
  g_assert_cmphex (get (f, IER), ==, 0x0f);
  set (f, MCR, 0xff);
  g_assert_cmphex (get (f, MCR), ==, 0x1f);
  set (f, LSR, 0xff);
  set (f, MSR, 0xff);
  g_assert_cmphex (get (f, LSR), ==, 0x60);

  set (f, LCR, 0x83);
  set (f, DLL, 0x34);
  set (f, DLM, 0x12);
  g_assert_cmphex (get (f, DLL), ==, 0x34);
  g_assert_cmphex (get (f, DLM), ==, 0x12);
  set (f, LCR, 0x03);
  g_assert_cmphex (get (f, IER), ==, 0x0f);
  set (f, LCR, 0x83);
  g_assert_cmphex (get (f, DLM), ==, 0x12);
}

static void
test_identify (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Drivers tell a 16550A from its kin by the FIFO bits");
  set (f, FCR, 0x01);
  g_assert_cmphex (get (f, IIR), ==, 0xc1);
  set (f, FCR, 0x21);           /* no 64-byte FIFO */
  g_assert_cmphex (get (f, IIR), ==, 0xc1);
  set (f, FCR, 0xc8);           /* nothing sticks without the enable bit */
  g_assert_cmphex (get (f, IIR), ==, 0x01);
}

static void
test_transmit (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  char text[8] = "";

  set (f, FCR, 0x01);
  for (const char *c = "hi\r\n"; *c != '\0'; c++)
    {
      g_assert_cmphex (get (f, LSR) & 0x60, ==, 0x60);
      set (f, THR, *c);
    }
  for (size_t got = 0; got < 4;)
    {
      struct pollfd poll_fd = { .fd = f->peer, .events = POLLIN };

      g_main_context_iteration (f->context, FALSE);
      if (poll (&poll_fd, 1, 0) == 1)
        got += (size_t) read (f->peer, text + got, sizeof (text) - got);
    }
  g_assert_cmpstr (text, ==, "hi\r\n");
}

static void
test_thre_irq (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("THRE interrupts when enabled, when emptied, and not after IIR told it");
  set (f, IER, 0x02);
  g_assert_true (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0x02);
  g_assert_false (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0x01);

  set (f, THR, 'x');
  g_assert_true (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0x02);

  set (f, IER, 0x00);
  set (f, IER, 0x02);
  g_assert_true (f->test.irq);
  set (f, IER, 0x00);
  g_assert_false (f->test.irq);
}

static void
test_receive (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("Without FIFOs one byte waits here and the rest outside");
  set (f, IER, 0x01);
  send_text (f, "ab");
  g_assert_true (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0x04);
  g_assert_cmpint (get (f, RBR), ==, 'a');
  while (!f->test.irq)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpint (get (f, RBR), ==, 'b');
  g_assert_false (f->test.irq);
  g_assert_cmphex (get (f, LSR), ==, 0x60);
  g_assert_cmphex (get (f, RBR), ==, 0x00);
}

static void
test_fifo (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("The trigger level tells data from timeout; a burst of 16 fits, more waits outside");
  set (f, FCR, 0x81);           /* trigger at 8 */
  set (f, IER, 0x01);
  send_text (f, "0123456789abcdefXYZ");
  g_assert_true (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0xc4);
  for (unsigned i = 0; i < 8; i++)
    get (f, RBR);
  g_assert_cmphex (get (f, IIR), ==, 0xc4);
  get (f, RBR);
  g_assert_cmphex (get (f, IIR), ==, 0xcc);
  for (unsigned i = 0; i < 7; i++)
    get (f, RBR);
  while (!f->test.irq)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmphex (get (f, IIR), ==, 0xcc);
  g_assert_cmpint (get (f, RBR), ==, 'X');
  set (f, FCR, 0x83);           /* clear what waits */
  g_assert_false (f->test.irq);
  g_assert_cmphex (get (f, LSR), ==, 0x60);
}

static void
test_loopback (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("In loopback bytes and modem lines come back, and the outside is cut off");
  set (f, MCR, 0x10);
  get (f, MSR);
  set (f, THR, 'q');
  g_assert_cmphex (get (f, LSR), ==, 0x61);
  g_assert_cmpint (get (f, RBR), ==, 'q');

  set (f, IER, 0x08);
  set (f, MCR, 0x1f);
  g_assert_true (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0x00);
  g_assert_cmphex (get (f, MSR), ==, 0xfb);
  g_assert_false (f->test.irq);
  set (f, MCR, 0x1b);           /* RI falls */
  g_assert_cmphex (get (f, MSR), ==, 0xb4);
  set (f, MCR, 0x12);           /* as 8250 drivers probe: RTS alone */
  g_assert_cmphex (get (f, MSR) & 0xf0, ==, 0x10);

  set (f, IER, 0x04);
  set (f, THR, '1');
  set (f, THR, '2');
  g_assert_cmphex (get (f, IIR), ==, 0x06);
  g_assert_cmphex (get (f, LSR), ==, 0x63);
  g_assert_cmphex (get (f, LSR), ==, 0x61);
  g_assert_cmpint (get (f, RBR), ==, '2');

  set (f, LCR, 0x43);           /* break */
  g_assert_cmphex (get (f, LSR), ==, 0x71);
  g_assert_cmphex (get (f, RBR), ==, 0);

  g_assert_cmpint (write (f->peer, "later", 5), ==, 5);
  for (unsigned i = 0; i < 5; i++)
    g_main_context_iteration (f->context, FALSE);
  g_assert_cmphex (get (f, LSR), ==, 0x60);
  set (f, MCR, 0x00);
  while ((get (f, LSR) & 1) == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpint (get (f, RBR), ==, 'l');
}

static void
test_loopback_fifo (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  g_test_summary ("A full FIFO keeps what it has and says that it overran");
  set (f, FCR, 0xc1);
  set (f, MCR, 0x10);
  for (unsigned i = 0; i < 17; i++)
    set (f, THR, 'a' + i);
  g_assert_cmphex (get (f, LSR), ==, 0x63);
  for (unsigned i = 0; i < 16; i++)
    g_assert_cmpint (get (f, RBR), ==, 'a' + (int) i);
  g_assert_cmphex (get (f, LSR), ==, 0x60);
}

static void
test_back_pressure (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  char *bytes = g_malloc (65536);
  size_t got = 0, sent = 0;

  g_test_summary ("While the reader takes nothing THRE stays low; then all comes, and it interrupts");
  set (f, FCR, 0x01);
  set (f, IER, 0x02);
  for (; (get (f, LSR) & 0x20) != 0 && sent < 1 << 22; sent++)
    {
      set (f, THR, sent % 251);
      if (sent % 4096 == 0)
        g_main_context_iteration (f->context, FALSE);
    }
  g_assert_cmpuint (sent, <, 1 << 22);
  g_assert_false (f->test.irq);
  g_assert_cmphex (get (f, LSR), ==, 0x00);

  while (got < sent)
    {
      struct pollfd poll_fd = { .fd = f->peer, .events = POLLIN };

      g_main_context_iteration (f->context, FALSE);
      if (poll (&poll_fd, 1, 0) == 1)
        {
          ssize_t length = read (f->peer, bytes, 65536);

          for (ssize_t i = 0; i < length; i++, got++)
            g_assert_cmpuint ((uint8_t) bytes[i], ==, got % 251);
        }
    }
  g_assert_true (f->test.irq);
  g_assert_cmphex (get (f, IIR), ==, 0xc2);
  g_assert_cmphex (get (f, LSR), ==, 0x60);
  g_free (bytes);
}

static void
test_quiet (Fixture *f, G_GNUC_UNUSED gconstpointer data)
{
  const CopDeviceType *type = f->test.device->type;
  char text[8] = "";

  g_test_summary ("While the machine is saved nothing comes in, and what was written is out");
  set (f, THR, 'z');
  g_assert_true (type->quiesce (f->test.device, 0));
  g_assert_cmpint (read (f->peer, text, sizeof (text)), ==, 1);
  g_assert_cmpint (write (f->peer, "in", 2), ==, 2);
  for (unsigned i = 0; i < 5; i++)
    g_main_context_iteration (f->context, FALSE);
  g_assert_cmphex (get (f, LSR), ==, 0x60);

  type->resume (f->test.device);
  while ((get (f, LSR) & 1) == 0)
    g_main_context_iteration (f->context, TRUE);
  g_assert_cmpint (get (f, RBR), ==, 'i');
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(name, function) \
  g_test_add ("/engine/dev/uart/" name, Fixture, NULL, set_up, function, tear_down)
  TEST ("reset-values", test_reset_values);
  TEST ("plain-registers", test_plain_registers);
  TEST ("identify", test_identify);
  TEST ("transmit", test_transmit);
  TEST ("thre-irq", test_thre_irq);
  TEST ("receive", test_receive);
  TEST ("fifo", test_fifo);
  TEST ("loopback", test_loopback);
  TEST ("loopback-fifo", test_loopback_fifo);
  TEST ("back-pressure", test_back_pressure);
  TEST ("quiet", test_quiet);
#undef TEST
  return g_test_run ();
}
