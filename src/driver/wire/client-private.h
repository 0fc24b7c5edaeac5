/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of the client share: client.c (calls), client-stream.c (streams) and, in the room
 * above, client-open.c (URIs).
 */
#pragma once

#include "driver/wire/client.h"
#include "driver/wire/packet.h"

struct _CopClient
{
  GObject parent;

  GMutex write_lock; /* taken before lock, never after */
  GMutex lock;
  GCond cond; /* something was read, or nobody reads any more */

  /* guarded by lock */
  int fd; /* -1 once all who use it are gone */
  bool reading; /* somebody reads; `reader` is theirs */
  CopPacketReader reader;
  uint32_t next_serial;
  GSList *waiters; /* of Waiter */
  GSList *streams; /* of CopClientStream, not owned */
  GError *failure; /* (owned) (nullable): why the connection has ended */

  GMainContext *context; /* (owned) (nullable): attached to */
  GSource *source;
  gpointer fd_tag;
  const CopProgram *program;
  CopClientEventFunc event;
  CopClientClosedFunc closed;
  gpointer data;
  GDestroyNotify destroy;
  GQueue events; /* of CopPacket: to be told in the context */
  bool told_closed;

  char *uri; /* (owned) (nullable) */
};

struct CopClientStream
{
  gatomicrefcount refs;
  CopClient *client; /* (owned) */
  CopPacketHeader header; /* of our packets, but for the status */

  /* guarded by client->lock */
  bool listed;
  bool ended; /* the server has no more data */
  bool over; /* confirmed, failed or aborted */
  bool notified; /* the owner knows that there is something to read */
  GError *error; /* (owned) (nullable): what the server said */
  GByteArray *in; /* data that has come */
  size_t taken; /* of it */
  void (*readable) (CopClientStream *stream, gpointer data);
  gpointer data;
};

/* With client->lock held: waits until @ready says so, reading packets meanwhile if nobody else
 * does.
 * @deadline: monotonic, or -1. Returns: false with @error at the deadline or when the connection
 * has ended. */
bool cop_client_wait_locked (CopClient *client, bool (*ready) (gpointer data), gpointer data,
                             int64_t deadline, GError **error);

/* Without the lock: sends @packet (transfer full). */
bool cop_client_send (CopClient *client, CopOutPacket *packet, GError **error);

/* With the lock held: whether the attached context should read on. */
void cop_client_update_source_locked (CopClient *client);

/* client-stream.c, with the lock held; takes @packet's memory over. */
void cop_client_stream_packet_locked (CopClient *client, CopPacket *packet);
void cop_client_stream_fail_locked (CopClient *client, const GError *failure);
/* Whether a stream has so much that nobody took that reading should wait. */
bool cop_client_stream_is_full_locked (CopClient *client);
/* Without the lock, in the attached context: tells owners what can be read. */
void cop_client_stream_notify (CopClient *client);
CopClientStream *cop_client_stream_new_locked (CopClient *client, const CopPacketHeader *header);
/* With the lock held: the call that should have opened it failed. */
void cop_client_stream_forget_locked (CopClientStream *stream);

void cop_client_set_uri (CopClient *client, const char *uri);
