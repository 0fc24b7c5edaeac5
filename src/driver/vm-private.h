/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between the files of the daemon's side of coppice-vm.
 *
 *   vm.c         the object: calls, events, the end
 *   vm-start.c   a new process, and one found again
 *   vm-launch.c  from a domain's configuration to what the process is told and given
 *   vm-reconnect.c  a connection that broke
 *   vm-stat.c    what the kernel knows of the process
 */
#pragma once

#include "driver/vm-protocol.h"
#include "driver/vm.h"
#include "driver/wire/client.h"
#include "driver/wire/packet.h"

struct _CopVm
{
  GObject parent;
  char *uuid, *token; /* (owned) */
  char *folder; /* (owned): of the sockets */
  int id;
  pid_t pid;
  int pidfd; /* (owned) */
  bool child; /* ours: its exit status can be read */
  CopCounters *counters; /* (nullable): mapped until we are freed */
  CopVmEventFunc func; /* (nullable) */
  gpointer data;
  GDestroyNotify destroy;

  GMutex lock; /* guards what follows */
  GCond changed; /* status */
  CopClient *client; /* (owned) (nullable) when gone or detached */
  CopVmStatus status;
  CopEnd end;
  bool asked; /* cop_vm_destroy() was called */
  bool detached;
  GSource *death; /* (owned) (nullable): of pidfd, in the supervisor's context */
  CopVmTimes ticks; /* what /proc said last of the process */
  uint64_t resident; /* bytes; likewise */
  int64_t ticks_at, resident_at; /* monotonic: when; 0: never */
};

/* The thread that events are told on, started when first needed. */
GMainContext *cop_vm_supervisor (void);

/**
 * cop_vm_new:
 * @client: (transfer full)
 * @pidfd: (transfer full)
 *
 * Returns: (transfer full): not yet watched
 */
CopVm *cop_vm_new (const char *folder, const char *uuid, CopClient *client, pid_t pid, int pidfd);

/* Maps the counters behind @fd (transfer full). */
bool cop_vm_map_counters (CopVm *vm, int fd, GError **error);

/* Begins to tell events, and to notice the end. */
void cop_vm_watch (CopVm *vm, CopVmEventFunc func, gpointer data, GDestroyNotify destroy);

/* Whether the process has ended, though its end may not have been noticed yet. */
bool cop_vm_has_died (CopVm *vm);

/* On the supervisor's thread: tells the listener, unless @vm is let go of. */
void cop_vm_tell (CopVm *vm, const CopVmEvent *event);

/* Has events of @client told, and its end noticed. */
void cop_vm_listen_to (CopVm *vm, CopClient *client);

/* vm-reconnect.c: for cop_client_attach(). @data: the CopVm */
void cop_vm_connection_lost (CopClient *client, const GError *reason, gpointer data);

/* vm-start.c: what makes sure that @client leads to the process of @vm, over a socket of its own.
   Waits. Returns: (transfer full): connected; NULL when nobody, or somebody else, answers */
CopClient *cop_vm_connect_again (CopVm *vm, CopVmRpcStatus *status, GError **error);

/* Takes over what the process says of itself. */
void cop_vm_set_status (CopVm *vm, const CopVmRpcStatus *status);

/* Path of a socket by way of its folder's descriptor, for any length of path; g_free() it, then
   close
   @folder_fd. Returns: (nullable) */
char *cop_vm_socket_path (const char *folder, const char *uuid, bool make, int *folder_fd,
                          GError **error);

/* vm-launch.c */

/* What a process is told, and the descriptors that go with it. */
typedef struct
{
  CopVmRpcCreateArgs args;
  int fds[COP_PACKET_FDS_MAX + 16]; /* (owned): those of any machine; of too many nothing is sent */
  unsigned n_fds;
  bool restoring; /* the machine goes on where another one was saved */
} CopVmPackage;

/**
 * cop_vm_package_fill:
 * @package: (out): to be cleared, also after an error
 * @live: (out): filled as far as it went
 *
 * Opens all that @launch->config names.
 */
bool cop_vm_package_fill (CopVmPackage *package, const CopVmLaunch *launch, CopVmLive *live,
                          GError **error);
void cop_vm_package_clear (CopVmPackage *package);

/* Takes over @fd. Returns: its index, -1 for -1 */
int cop_vm_package_add_fd (CopVmPackage *package, int fd);
