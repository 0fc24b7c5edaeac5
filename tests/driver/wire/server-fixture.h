/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server in its own thread, with handlers for a few of libvirt's procedures that do what tests
 * need: wait at a gate, pass descriptors, open streams, tell events.
 */
#pragma once

#include "driver/wire/client.h"
#include "driver/wire/packet.h"
#include "driver/wire/remote.h"
#include "driver/wire/server.h"

typedef struct
{
  CopServer *server;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;

  GMutex lock;
  GCond cond;
  bool gate; /* guarded by lock: DOMAIN_SAVE waits until it is open */
  unsigned waiting; /* guarded by lock: handlers at the gate */
  unsigned most_waiting; /* guarded by lock */
  unsigned opened, closed; /* guarded by lock: connections */
  unsigned streams_closed; /* guarded by lock */
  int stream_fd; /* guarded by lock: the far end of the last stream */
  GSList *late; /* guarded by lock: threads that complete calls */
  CopServerStream *stream; /* guarded by lock: (owned) (nullable): the last one */
} Fixture;

Fixture *fixture_new (void);
void fixture_free (Fixture *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)

/* Returns: a connected socket, ours */
int fixture_connect (Fixture *f, CopServerSocketFlags flags);
/* The same as a client. */
CopClient *fixture_client (Fixture *f, CopServerSocketFlags flags);

/* Each waits until the condition holds. */
void fixture_wait_waiting (Fixture *f, unsigned waiting);
void fixture_wait_closed (Fixture *f, unsigned closed);
void fixture_wait_streams_closed (Fixture *f, unsigned closed);
void fixture_open_gate (Fixture *f);

/* A domain whose state is 1 and its reason @reason, as an argument. */
CopRemoteDomain fixture_domain (uint8_t reason);
/* Asks for its state, and checks it. */
void fixture_check_alive (CopClient *client, uint8_t reason);
/* Tells a lifecycle event of the domain. */
void fixture_emit (Fixture *f, uint8_t domain, int detail);

/* Raw packets. */
GByteArray *fixture_packet (const CopPacketHeader *header, const void *payload, size_t length);
void fixture_write (int fd, const void *data, size_t length);
/* Returns: (transfer full): the next packet, or false at the connection's end */
bool fixture_read (int fd, CopPacket *packet);
