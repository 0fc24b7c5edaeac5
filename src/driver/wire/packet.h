/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Packets, as both sides of the wire read and write them:
 *
 *    0        4         8         12          16     20       24       28
 *   | length | program | version | procedure | type | serial | status | payload ... |
 *
 * all big-endian; the length counts itself. In packets of the two types with descriptors a count
 * stands before the payload, and after the packet come as many single bytes, each with one
 * descriptor (SCM_RIGHTS).
 */
#pragma once

#include "driver/wire/xdr.h"

#define COP_PACKET_HEADER 28
/* Of a whole packet, the length word included. */
#define COP_PACKET_MAX (33554432 + 4)
#define COP_PACKET_FDS_MAX 32
/* Data of a stream in one packet. */
#define COP_PACKET_STREAM_MAX 262120

#define COP_KEEPALIVE_PROGRAM 0x6b656570
enum
{
  COP_KEEPALIVE_PING = 1,
  COP_KEEPALIVE_PONG = 2,
};

typedef enum
{
  COP_PACKET_CALL,
  COP_PACKET_REPLY,
  COP_PACKET_MESSAGE, /* an event, or keepalive */
  COP_PACKET_STREAM,
  COP_PACKET_CALL_FDS,
  COP_PACKET_REPLY_FDS,
  COP_PACKET_STREAM_HOLE,
} CopPacketType;

typedef enum
{
  COP_PACKET_OK,
  COP_PACKET_ERROR,
  COP_PACKET_CONTINUE,
} CopPacketStatus;

typedef struct
{
  uint32_t program;
  uint32_t version;
  int32_t procedure;
  uint32_t type; /* CopPacketType, if the peer keeps to it */
  uint32_t serial;
  uint32_t status;
} CopPacketHeader;

/* Reading -------------------------------------------------------------------------------------- */

/* A packet as it comes in; zeroed to begin with. Memory grows with what has come, not with what
 * the length claims. */
typedef struct
{
  uint8_t *data; /* (owned): from the length word on */
  size_t allocated;
  size_t have; /* bytes that have come */
  uint32_t length; /* of the packet, once 4 bytes have come */
  uint32_t n_fds, want_fds;
  int fds[COP_PACKET_FDS_MAX]; /* (owned) */
} CopPacketReader;

typedef enum
{
  COP_READ_PACKET, /* a whole packet is there: take it with cop_packet_reader_take() */
  COP_READ_AGAIN, /* nothing more for now */
  COP_READ_END, /* the peer has closed, between two packets */
  COP_READ_FAILED, /* it has closed within one, or does not keep to the protocol */
} CopReadResult;

/**
 * cop_packet_reader_read:
 * @fd: a socket; may be blocking
 * @limit: the longest packet that is taken; bytes
 * @wait: whether to wait for data
 *
 * Reads at most one packet, and not a byte beyond it.
 */
CopReadResult cop_packet_reader_read (CopPacketReader *reader, int fd, uint32_t limit, bool wait,
                                      GError **error);

/* A whole packet. */
typedef struct
{
  CopPacketHeader header;
  uint8_t *data; /* (owned) */
  const uint8_t *payload; /* within data */
  size_t payload_length;
  uint32_t n_fds;
  int fds[COP_PACKET_FDS_MAX]; /* (owned): those that are not -1 */
} CopPacket;

/* Moves the packet that is there out of @reader, which is empty afterwards. */
void cop_packet_reader_take (CopPacketReader *reader, CopPacket *packet);
void cop_packet_reader_clear (CopPacketReader *reader);
void cop_packet_clear (CopPacket *packet);

/* Writing -------------------------------------------------------------------------------------- */

/* A packet on its way out. */
typedef struct
{
  GByteArray *bytes; /* (owned) */
  size_t sent;
  uint32_t n_fds, fds_sent;
  int *fds; /* (owned) (nullable) */
  gpointer stream; /* (owned) (nullable): told when all is sent; the queue's owner's */
} CopOutPacket;

/**
 * cop_out_packet_new:
 * @type: what @value points to; NULL: no payload
 * @fds: (transfer full) (nullable): closed when sent or freed; the header's type must say so
 *
 * Errors: as cop_xdr_encode(); @fds are closed then, too
 */
CopOutPacket *cop_out_packet_new (const CopPacketHeader *header, const CopXdrType *type,
                                  const void *value, int *fds, uint32_t n_fds, GError **error);

/* The same with raw bytes as payload: stream data. */
CopOutPacket *cop_out_packet_new_data (const CopPacketHeader *header, const void *data,
                                       size_t length);
void cop_out_packet_free (CopOutPacket *packet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CopOutPacket, cop_out_packet_free)

/**
 * cop_out_packet_send:
 * @wait: whether to wait while the socket is full
 *
 * Returns: 1 when all is sent, 0 when the socket is full, -1 with errno
 */
int cop_out_packet_send (CopOutPacket *packet, int fd, bool wait);

/* Errors --------------------------------------------------------------------------------------- */

/* The payload of a packet with status error. */
const CopXdrType *cop_wire_error_xdr (void);

/**
 * cop_out_packet_new_error:
 * @phrases: put libvirt's phrase for the code in front of the message
 */
CopOutPacket *cop_out_packet_new_error (const CopPacketHeader *header, const GError *error,
                                        bool phrases);

/* Sets the error that a packet carries, as %COP_DRIVER_ERROR with the sender's code. */
void cop_packet_get_error (const CopPacket *packet, GError **error);
