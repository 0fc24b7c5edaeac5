/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Packets on a socket: exact reads, descriptors, errors.
 */
#include "driver/wire/packet.h"

#include "common/fd.h"
#include "driver/error.h"

#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/socket.h>

/* What is allocated for a packet before any of it has come. */
#define FIRST_ALLOCATION 512

static uint32_t
get_32 (const uint8_t *p)
{
  uint32_t value;

  memcpy (&value, p, 4);
  return GUINT32_FROM_BE (value);
}

static void
put_32 (uint8_t *p, uint32_t value)
{
  value = GUINT32_TO_BE (value);
  memcpy (p, &value, 4);
}

/* Reading -------------------------------------------------------------------------------------- */

static CopReadResult
protocol_error (GError **error, const char *what)
{
  g_set_error_literal (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC,
                       g_dgettext (GETTEXT_PACKAGE, what));
  return COP_READ_FAILED;
}

static CopReadResult
read_failed (CopPacketReader *reader, ssize_t n, GError **error)
{
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return COP_READ_AGAIN;
  if (n < 0 && errno != ECONNRESET)
    {
      g_set_error (error, COP_DRIVER_ERROR, COP_DRIVER_ERROR_RPC, _ ("cannot receive data: %s"),
                   g_strerror (errno));
      return COP_READ_FAILED;
    }
  if (reader->have == 0)
    return COP_READ_END;
  return protocol_error (error, N_ ("the connection was closed within a packet"));
}

/* Reads until @reader has @upto bytes. Returns: COP_READ_PACKET when it has. */
static CopReadResult
read_upto (CopPacketReader *reader, int fd, size_t upto, bool wait, GError **error)
{
  while (reader->have < upto)
    {
      ssize_t n;

      if (reader->have == reader->allocated)
        {
          reader->allocated = MIN (MAX (FIRST_ALLOCATION, reader->allocated * 2),
                                   MAX (reader->length, FIRST_ALLOCATION));
          reader->data = g_realloc (reader->data, reader->allocated);
        }
      n = recv (fd, reader->data + reader->have, MIN (upto, reader->allocated) - reader->have,
                wait ? 0 : MSG_DONTWAIT);
      if (n <= 0)
        {
          CopReadResult result = read_failed (reader, n, error);

          if (result == COP_READ_AGAIN && wait && errno == EINTR)
            continue;
          return result;
        }
      reader->have += (size_t) n;
    }
  return COP_READ_PACKET;
}

/* Takes one dummy byte and the descriptor that comes with it. */
static CopReadResult
read_fd (CopPacketReader *reader, int fd, bool wait, GError **error)
{
  char byte;
  struct iovec iov = { &byte, 1 };
  union
  {
    struct cmsghdr header;
    /* Room for a few too many, so that they can be closed. */
    char space[CMSG_SPACE (8 * sizeof (int))];
  } control;
  struct msghdr message = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  ssize_t n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  bool found = false;

  if (n <= 0)
    return read_failed (reader, n, error);

  for (struct cmsghdr *c = CMSG_FIRSTHDR (&message); c != NULL; c = CMSG_NXTHDR (&message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
      for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN (0)) / sizeof (int); i++)
        {
          int passed;

          memcpy (&passed, CMSG_DATA (c) + i * sizeof (int), sizeof passed);
          if (found)
            close (passed);
          else
            reader->fds[reader->n_fds++] = passed;
          found = true;
        }
  if (!found)
    return protocol_error (error, N_ ("a packet came without its descriptor"));
  return COP_READ_PACKET;
}

CopReadResult
cop_packet_reader_read (CopPacketReader *reader, int fd, uint32_t limit, bool wait, GError **error)
{
  CopReadResult result = read_upto (reader, fd, 4, wait, error);
  uint32_t type;

  if (result != COP_READ_PACKET)
    return result;
  if (reader->length == 0)
    {
      reader->length = get_32 (reader->data);
      if (reader->length < COP_PACKET_HEADER || reader->length > limit)
        return protocol_error (error, N_ ("a packet has a length that is not allowed"));
    }

  result = read_upto (reader, fd, reader->length, wait, error);
  if (result != COP_READ_PACKET)
    return result;

  type = get_32 (reader->data + 16);
  if (type == COP_PACKET_CALL_FDS || type == COP_PACKET_REPLY_FDS)
    {
      if (reader->length < COP_PACKET_HEADER + 4)
        return protocol_error (error, N_ ("a packet has a length that is not allowed"));
      reader->want_fds = get_32 (reader->data + COP_PACKET_HEADER);
      if (reader->want_fds > COP_PACKET_FDS_MAX)
        return protocol_error (error, N_ ("a packet has too many descriptors"));
    }
  while (reader->n_fds < reader->want_fds)
    {
      result = read_fd (reader, fd, wait, error);
      if (result == COP_READ_AGAIN && wait)
        continue;
      if (result != COP_READ_PACKET)
        return result;
    }
  return COP_READ_PACKET;
}

void
cop_packet_reader_take (CopPacketReader *reader, CopPacket *packet)
{
  const uint8_t *p = reader->data;
  size_t start = COP_PACKET_HEADER;

  packet->header = (CopPacketHeader){
    .program = get_32 (p + 4),
    .version = get_32 (p + 8),
    .procedure = (int32_t) get_32 (p + 12),
    .type = get_32 (p + 16),
    .serial = get_32 (p + 20),
    .status = get_32 (p + 24),
  };
  if (packet->header.type == COP_PACKET_CALL_FDS || packet->header.type == COP_PACKET_REPLY_FDS)
    start += 4;
  packet->data = reader->data;
  packet->payload = reader->data + start;
  packet->payload_length = reader->length - start;
  packet->n_fds = reader->n_fds;
  memcpy (packet->fds, reader->fds, reader->n_fds * sizeof (int));

  reader->data = NULL;
  reader->allocated = reader->have = 0;
  reader->length = reader->n_fds = reader->want_fds = 0;
}

static void
close_fds (int *fds, uint32_t n_fds)
{
  for (uint32_t i = 0; i < n_fds; i++)
    cop_fd_clear (&fds[i]);
}

void
cop_packet_reader_clear (CopPacketReader *reader)
{
  close_fds (reader->fds, reader->n_fds);
  g_free (reader->data);
  memset (reader, 0, sizeof *reader);
}

void
cop_packet_clear (CopPacket *packet)
{
  close_fds (packet->fds, packet->n_fds);
  packet->n_fds = 0;
  g_clear_pointer (&packet->data, g_free);
}

/* Writing -------------------------------------------------------------------------------------- */

static CopOutPacket *
packet_new (const CopPacketHeader *header, size_t expected)
{
  CopOutPacket *packet = g_new0 (CopOutPacket, 1);
  uint8_t *p;

  packet->bytes = g_byte_array_sized_new ((guint) expected);
  g_byte_array_set_size (packet->bytes, COP_PACKET_HEADER);
  p = packet->bytes->data;
  put_32 (p + 4, header->program);
  put_32 (p + 8, header->version);
  put_32 (p + 12, (uint32_t) header->procedure);
  put_32 (p + 16, header->type);
  put_32 (p + 20, header->serial);
  put_32 (p + 24, header->status);
  return packet;
}

CopOutPacket *
cop_out_packet_new (const CopPacketHeader *header, const CopXdrType *type, const void *value,
                    int *fds, uint32_t n_fds, GError **error)
{
  g_autoptr (CopOutPacket) packet = packet_new (header, 128);

  packet->fds = fds;
  packet->n_fds = n_fds;
  if (header->type == COP_PACKET_CALL_FDS || header->type == COP_PACKET_REPLY_FDS)
    {
      g_byte_array_set_size (packet->bytes, COP_PACKET_HEADER + 4);
      put_32 (packet->bytes->data + COP_PACKET_HEADER, n_fds);
    }
  if (type != NULL && !cop_xdr_encode (type, value, packet->bytes, COP_PACKET_MAX, error))
    return NULL;
  put_32 (packet->bytes->data, packet->bytes->len);
  return g_steal_pointer (&packet);
}

CopOutPacket *
cop_out_packet_new_data (const CopPacketHeader *header, const void *data, size_t length)
{
  CopOutPacket *packet = packet_new (header, COP_PACKET_HEADER + length);

  if (length > 0)
    g_byte_array_append (packet->bytes, data, (guint) length);
  put_32 (packet->bytes->data, packet->bytes->len);
  return packet;
}

void
cop_out_packet_free (CopOutPacket *packet)
{
  if (packet->fds != NULL)
    close_fds (packet->fds, packet->n_fds);
  g_free (packet->fds);
  g_byte_array_unref (packet->bytes);
  g_free (packet);
}

static ssize_t
send_fd (int fd, int passed, int flags)
{
  char byte = 0;
  struct iovec iov = { &byte, 1 };
  union
  {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct msghdr message = {
    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  struct cmsghdr *c = CMSG_FIRSTHDR (&message);

  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (c), &passed, sizeof passed);
  return sendmsg (fd, &message, flags);
}

int
cop_out_packet_send (CopOutPacket *packet, int fd, bool wait)
{
  int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);

  while (packet->sent < packet->bytes->len)
    {
      ssize_t n =
        send (fd, packet->bytes->data + packet->sent, packet->bytes->len - packet->sent, flags);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno == EAGAIN ? 0 : -1;
      packet->sent += (size_t) n;
    }
  while (packet->fds_sent < packet->n_fds)
    {
      ssize_t n = send_fd (fd, packet->fds[packet->fds_sent], flags);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno == EAGAIN ? 0 : -1;
      cop_fd_clear (&packet->fds[packet->fds_sent++]);
    }
  return 1;
}

/* Errors --------------------------------------------------------------------------------------- */

/* libvirt's error names a domain and a network in binary form. Nobody sends them, but a reader
 * has to be able to step over them. */
typedef struct
{
  char *name;
  uint8_t uuid[16];
  int32_t id;
} ErrorObject;

typedef struct
{
  int32_t code;
  int32_t area;
  char *message;
  int32_t level;
  ErrorObject *dom;
  char *str1, *str2, *str3;
  int32_t int1, int2;
  ErrorObject *net;
} ErrorPayload;

/* libvirt's level of what is an error, not a warning. */
#define LEVEL_ERROR 2

static const CopXdrType *
error_dom_xdr (void)
{
  static const CopXdrField fields[] = {
    { "name", COP_XDR_STRING, .offset = offsetof (ErrorObject, name) },
    { "uuid", COP_XDR_UUID, .offset = offsetof (ErrorObject, uuid) },
    { "id", COP_XDR_INT, .offset = offsetof (ErrorObject, id) },
    { .kind = COP_XDR_END },
  };
  static const CopXdrType type = { sizeof (ErrorObject), 'd', fields };

  return &type;
}

static const CopXdrType *
error_net_xdr (void)
{
  static const CopXdrField fields[] = {
    { "name", COP_XDR_STRING, .offset = offsetof (ErrorObject, name) },
    { "uuid", COP_XDR_UUID, .offset = offsetof (ErrorObject, uuid) },
    { .kind = COP_XDR_END },
  };
  static const CopXdrType type = { sizeof (ErrorObject), 'n', fields };

  return &type;
}

const CopXdrType *
cop_wire_error_xdr (void)
{
  /* clang-format off */
  static const CopXdrField fields[] = {
    { "code",    COP_XDR_INT,      .offset = offsetof (ErrorPayload, code) },
    { "area",    COP_XDR_INT,      .offset = offsetof (ErrorPayload, area) },
    { "message", COP_XDR_OSTRING,  .offset = offsetof (ErrorPayload, message) },
    { "level",   COP_XDR_INT,      .offset = offsetof (ErrorPayload, level) },
    { "dom",     COP_XDR_OPTIONAL, .offset = offsetof (ErrorPayload, dom), .type = error_dom_xdr },
    { "str1",    COP_XDR_OSTRING,  .offset = offsetof (ErrorPayload, str1) },
    { "str2",    COP_XDR_OSTRING,  .offset = offsetof (ErrorPayload, str2) },
    { "str3",    COP_XDR_OSTRING,  .offset = offsetof (ErrorPayload, str3) },
    { "int1",    COP_XDR_INT,      .offset = offsetof (ErrorPayload, int1) },
    { "int2",    COP_XDR_INT,      .offset = offsetof (ErrorPayload, int2) },
    { "net",     COP_XDR_OPTIONAL, .offset = offsetof (ErrorPayload, net), .type = error_net_xdr },
    { .kind = COP_XDR_END },
  };
  /* clang-format on */
  static const CopXdrType type = { sizeof (ErrorPayload), 0, fields };

  return &type;
}

CopOutPacket *
cop_out_packet_new_error (const CopPacketHeader *header, const GError *error, bool phrases)
{
  CopWireError wire = cop_driver_error_to_wire (error);
  g_autofree char *message = NULL;
  ErrorPayload payload = {
    .code = wire.code, .area = wire.area, .level = LEVEL_ERROR, .int1 = -1, .int2 = -1
  };
  CopPacketHeader reply = *header;

  if (phrases && wire.phrase != NULL)
    message = g_strconcat (wire.phrase, ": ", error->message, NULL);
  payload.message = message != NULL ? message : error->message;
  payload.str1 = error->message;
  if (wire.errnum != 0)
    payload.int1 = wire.errnum;
  reply.status = COP_PACKET_ERROR;
  return cop_out_packet_new (&reply, cop_wire_error_xdr (), &payload, NULL, 0, NULL);
}

void
cop_packet_get_error (const CopPacket *packet, GError **error)
{
  ErrorPayload payload;

  if (!cop_xdr_decode (cop_wire_error_xdr (), packet->payload, packet->payload_length, &payload,
                       error))
    return;
  g_set_error_literal (error, COP_DRIVER_ERROR,
                       payload.code != 0 ? payload.code : COP_DRIVER_ERROR_INTERNAL,
                       payload.message != NULL ? payload.message : _ ("unknown error"));
  cop_xdr_clear (cop_wire_error_xdr (), &payload);
}
